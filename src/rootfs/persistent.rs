//! The root disk that lives from run to run.
//!
//! It starts as a copy of the image that the build makes. When the build's
//! image changes, only the nodes that changed are replaced in it: what people
//! made in the running system stays.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::image::{self, Contents, Script};
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
    shared: bool,
    base: &Path,
    contents: &Contents,
    prints: &BTreeMap<String, String>,
) -> Result<Disk> {
    let lock = File::create(disk.with_extension("lock")).context("cannot lock the root disk")?;
    const BUSY: &str = "another run uses the root disk; give this one a disk with --root, \
                        or both --snapshot";
    if lock.try_lock().is_ok() {
        refresh(disk, base, contents, prints)?;
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
    let replaced = replace(disk, contents, prints, &old);
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
    contents: &Contents,
    prints: &BTreeMap<String, String>,
    old: &BTreeMap<String, String>,
) -> Result<()> {
    // A system that was switched off leaves small things to repair.
    check(disk, "-p")?;
    let folder = disk.parent().context("the disk has no folder")?;
    let existing = list(disk, prints.keys().chain(old.keys()))?;
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
        script.run(disk)?;
        // debugfs does not count links.
        check(disk, "-fy")?;
    }
    Ok(())
}

/// Which of the paths exist: path to whether it is a folder.
fn list<'a>(
    disk: &Path,
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
fn check(disk: &Path, option: &str) -> Result<()> {
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
