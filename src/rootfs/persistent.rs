//! The root disk that lives from run to run.
//!
//! It starts as a copy of the image that the build makes. When the build's
//! image changes, only the nodes that changed are replaced in it: what people
//! made in the running system stays.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::image::{self, Contents, Place, Script};
use super::manifest::{Entry, Kind};
use crate::step;
use crate::workspace::Workspace;

/// The disk, held by one run, or by some that do not change it.
pub struct Disk {
    pub path: PathBuf,
    /// Keeps others away as long as it lives.
    pub lock: File,
}

/// Takes hold of `disk` and brings it up to date. Arguments as for `refresh`.
pub fn open(
    disk: &Path,
    place: Place,
    shared: bool,
    base: &Path,
    contents: &Contents,
    prints: &BTreeMap<String, String>,
) -> Result<Disk> {
    let lock = File::create(disk.with_extension("lock")).context("cannot lock the root disk")?;
    const BUSY: &str = "another run uses the root disk; give this one a disk with --root, \
                        or both --snapshot";
    if lock.try_lock().is_ok() {
        refresh(disk, place, base, contents, prints)?;
        if shared {
            lock.unlock()?;
        }
    } else {
        let current = image::read_state(&image::state_file(disk)).as_ref() == Some(prints);
        ensure!(shared && current, BUSY);
    }
    if shared {
        lock.try_lock_shared().ok().context(BUSY)?;
    }
    Ok(Disk {
        path: disk.to_owned(),
        lock,
    })
}

/// Brings `disk` up to date with `contents`, whose image is `base` and whose
/// nodes have the fingerprints `prints`.
fn refresh(
    disk: &Path,
    place: Place,
    base: &Path,
    contents: &Contents,
    prints: &BTreeMap<String, String>,
) -> Result<()> {
    let state = image::state_file(disk);
    if !disk.is_file() {
        let _ = fs::remove_file(&state);
        let mut copy = Command::new("cp");
        copy.args(["--sparse=always", "--reflink=auto"])
            .arg(base)
            .arg(disk);
        step::run("making the root disk", &mut copy)?;
        return image::write_state(&state, prints);
    }
    let old = image::read_state(&state).unwrap_or_default();
    if old == *prints {
        return Ok(());
    }
    let replaced = replace(disk, place, contents, prints, &old);
    replaced.with_context(|| {
        format!(
            "cannot bring the root disk up to date; `rm {}` makes a new one at the next run",
            Workspace::shown(disk)
        )
    })?;
    image::write_state(&state, prints)
}

fn replace(
    disk: &Path,
    place: Place,
    contents: &Contents,
    prints: &BTreeMap<String, String>,
    old: &BTreeMap<String, String>,
) -> Result<()> {
    // A system that was switched off leaves small things to repair.
    let file_system = place.name(disk);
    check(&file_system, "-p")?;
    let folder = disk.parent().context("the disk has no folder")?;
    let existing = list(&file_system, prints.keys().chain(old.keys()))?;
    let changed = |entry: &&Entry| old.get(&entry.path) != prints.get(&entry.path);

    let mut script = Script::new(folder)?;
    let gone = old
        .keys()
        .filter(|path| !prints.contains_key(*path) && existing.get(*path) == Some(&false));
    for path in gone {
        script.add(&format!("rm \"{path}\""));
    }
    for entry in contents.entries.iter().filter(changed) {
        let path = &entry.path;
        match (&entry.kind, existing.get(path)) {
            (Kind::Directory(_), Some(true)) | (Kind::Record(_), _) => {}
            (Kind::Directory(_), Some(false)) => bail!("{path} is a file, and should be a folder"),
            (_, Some(true)) => bail!("{path} is a folder, and should be a file"),
            (_, Some(false)) => script.add(&format!("rm \"{path}\"")),
            (_, None) => {}
        }
        let (parent, name) = path.rsplit_once('/').context("paths are absolute")?;
        script.add(&format!("cd \"/{}\"", parent.trim_start_matches('/')));
        match &entry.kind {
            Kind::Directory(_) if existing.contains_key(path) => {}
            Kind::Directory(_) => script.add(&format!("mkdir \"{name}\"")),
            Kind::Program(..) | Kind::File(..) => {
                let source = contents.sources[path].display();
                script.add(&format!("write \"{source}\" \"{name}\""));
            }
            Kind::Symlink(target) => script.add(&format!("symlink \"{name}\" \"{target}\"")),
            Kind::Hardlink(other) => script.add(&format!("ln \"{other}\" \"{path}\"")),
            Kind::Translator(..) => script.add(&format!("write /dev/null \"{name}\"")),
            Kind::Record(_) => {}
        }
        script.attributes(entry);
        script.translator(entry)?;
    }
    if !script.is_empty() {
        script.run(&file_system)?;
        // debugfs does not count links.
        check(&file_system, "-fy")?;
    }
    Ok(())
}

/// Which of the paths exist: path to whether it is a folder.
fn list<'a>(
    disk: &OsStr,
    paths: impl Iterator<Item = &'a String>,
) -> Result<BTreeMap<String, bool>> {
    let paths: Vec<&String> = paths.collect();
    let file = tempfile::NamedTempFile::new()?;
    let lines: String = paths
        .iter()
        .map(|path| format!("stat \"{path}\"\n"))
        .collect();
    fs::write(file.path(), lines)?;
    let mut debugfs = image::tool("debugfs");
    debugfs.arg("-f").arg(file.path()).arg(disk);
    let printed = step::run("reading the root disk", &mut debugfs)?;
    let mut existing = BTreeMap::new();
    let mut current = None;
    for line in String::from_utf8_lossy(&printed.stdout).lines() {
        if let Some(path) = line.strip_prefix("debugfs: stat \"") {
            current = Some(path.trim_end_matches('"').to_owned());
        } else if let Some((_, kind)) = line.split_once("Type: ")
            && line.starts_with("Inode:")
            && let Some(path) = current.take()
        {
            existing.insert(path, kind.starts_with("directory"));
        }
    }
    Ok(existing)
}

/// Runs `e2fsck`, whose status 1 says that it repaired something.
fn check(disk: &OsStr, option: &str) -> Result<()> {
    let mut e2fsck = image::tool("e2fsck");
    e2fsck.arg(option).arg(disk);
    let output = e2fsck
        .output()
        .context("cannot start `e2fsck` (./hird setup installs it)")?;
    match output.status.code() {
        Some(0 | 1) => Ok(()),
        _ => bail!(
            "{} is damaged:\n{}",
            disk.display(),
            String::from_utf8_lossy(&output.stdout).trim_end()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::manifest;

    /// A checkout of its own, with a manifest and the files that it names.
    struct Checkout(tempfile::TempDir);

    impl Checkout {
        fn new() -> Checkout {
            Checkout(tempfile::tempdir().expect("a folder"))
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.0.path().join(name), text).expect("a file");
        }

        fn contents(&self, text: &str) -> Contents {
            self.write("manifest", text);
            let entries = manifest::read(&[self.0.path().join("manifest")]).expect("good lines");
            let source = |entry: &Entry| match &entry.kind {
                Kind::File(_, source) => Some((entry.path.clone(), self.0.path().join(source))),
                _ => None,
            };
            Contents {
                sources: entries.iter().filter_map(source).collect(),
                entries,
            }
        }

        /// Builds the image and brings the kept disk up to date.
        fn update(&self, text: &str) -> PathBuf {
            let contents = self.contents(text);
            let base = self.0.path().join("base");
            let prints = image::build(&contents, image::DISK, &base).expect("an image");
            let disk = self.0.path().join("disk");
            drop(open(&disk, image::DISK, false, &base, &contents, &prints).expect("a disk"));
            disk
        }
    }

    fn debugfs(disk: &Path, command: &str) -> String {
        let output = image::tool("debugfs")
            .arg("-w")
            .arg("-R")
            .arg(command)
            .arg(disk)
            .output();
        String::from_utf8_lossy(&output.expect("debugfs starts").stdout).into_owned()
    }

    const FIRST: &str = "dir / 0755 0:0\ndir /bin 0755 0:0\nfile /bin/a 4755 5:70000 a\n\
                         hardlink /bin/b /bin/a\nsymlink /s bin/a\nfile /etc 0644 0:0 etc\n\
                         translator /null 0666 1:2 /hurd/null -x\nfile /gone 0644 0:0 etc\n";

    #[test]
    fn an_image_holds_what_its_manifest_says() {
        let checkout = Checkout::new();
        checkout.write("a", "program");
        checkout.write("etc", "settings");
        let disk = checkout.update(FIRST);

        assert_eq!(debugfs(&disk, "cat /bin/b"), "program");
        let status = debugfs(&disk, "stat /bin/a");
        assert!(status.contains("Mode:  04755"), "{status}");
        assert!(status.contains("User:     5   Group: 70000"), "{status}");
        assert!(status.contains("Links: 2"), "{status}");
        assert!(debugfs(&disk, "stat /s").contains("Fast link dest: \"bin/a\""));
        let record = debugfs(&disk, "ea_list /null");
        let bytes = "2f 68 75 72 64 2f 6e 75 6c 6c 00 2d 78 00";
        assert!(
            record.contains(&format!("gnu.translator (14) = {bytes}")),
            "{record}"
        );
        check(disk.as_os_str(), "-fn").expect("the file system is sound");
    }

    #[test]
    fn a_kept_disk_takes_what_changed_and_keeps_the_rest() {
        let checkout = Checkout::new();
        checkout.write("a", "program");
        checkout.write("etc", "settings");
        let disk = checkout.update(FIRST);
        debugfs(&disk, "mkdir /home");
        debugfs(&disk, "rm /etc");
        checkout.write("mine", "my settings");
        debugfs(
            &disk,
            &format!("write {} etc", checkout.0.path().join("mine").display()),
        );

        checkout.write("a", "a newer program");
        let second = FIRST.replace("file /gone 0644 0:0 etc\n", "dir /new 0700 9:9\n")
            + "translator /new/zero 0666 0:0 /hurd/zero\nsettrans /bin /hurd/firm link\n";
        checkout.update(&second);

        assert_eq!(debugfs(&disk, "cat /bin/a"), "a newer program");
        assert_eq!(debugfs(&disk, "cat /bin/b"), "a newer program");
        assert!(debugfs(&disk, "stat /bin/a").contains("Links: 2"));
        assert_eq!(debugfs(&disk, "cat /etc"), "my settings");
        assert!(debugfs(&disk, "stat /home").contains("Type: directory"));
        assert!(debugfs(&disk, "stat /new").contains("User:     9"));
        assert_eq!(debugfs(&disk, "stat /gone"), "");
        assert!(debugfs(&disk, "ea_list /new/zero").contains("gnu.translator (11)"));
        assert!(debugfs(&disk, "ea_list /bin").contains("gnu.translator (16)"));
        check(disk.as_os_str(), "-fn").expect("the file system is sound");
    }

    #[test]
    fn a_disk_is_held_by_one_run_or_shared_by_some_that_change_nothing() {
        let checkout = Checkout::new();
        let contents = checkout.contents("dir / 0755 0:0\n");
        let base = checkout.0.path().join("base");
        let prints = image::build(&contents, image::DISK, &base).expect("an image");
        let disk = checkout.0.path().join("disk");
        let take = |shared| open(&disk, image::DISK, shared, &base, &contents, &prints);

        let alone = take(false).expect("nobody holds it");
        assert!(take(false).is_err() && take(true).is_err());
        drop(alone);
        let one = take(true).expect("nobody holds it");
        let _other = take(true).expect("it is shared");
        assert!(take(false).is_err());
        drop(one);
    }
}
