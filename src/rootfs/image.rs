//! Making an ext2 image of what a manifest describes.
//!
//! `mke2fs -d` copies a staging folder; `debugfs` then sets what an
//! unprivileged person cannot give to files of the host: owners, permissions,
//! and the records of passive translators, which are the extended attribute
//! `gnu.translator` (each word of the command ends with a NUL).

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::manifest::{Entry, Kind};
use crate::step;

/// Where a root file system lies. The file has holes where nothing was written.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Bytes of the image's file.
    pub file: u64,
    /// Its first byte in the file.
    pub start: u64,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Place {
    /// A whole image of so many bytes.
    pub const fn whole(bytes: u64) -> Place {
        Place {
            file: bytes,
            start: 0,
            bytes,
        }
    }

    /// What the programs of e2fsprogs call the file system in this image.
    pub fn name(&self, image: &Path) -> OsString {
        let mut name = image.as_os_str().to_owned();
        if self.start > 0 {
            name.push(format!("?offset={}", self.start));
        }
        name
    }
}

/// The root disk of a board with disks.
pub const DISK: Place = Place::whole(256 << 20);
/// Block size of the file system, in bytes: the page size, so that a page is
/// one block.
const BLOCK_SIZE: u64 = 4096;
/// Room for records of passive translators inside the inode.
const INODE_SIZE: u64 = 256;
/// Blocks of a file system's own, and some to spare.
const OWN_BLOCKS: u64 = 64;
/// Inodes of a file system's own, `lost+found` among them.
const OWN_INODES: u64 = 12;
/// What ext2fs in the guest reads and writes; no journal.
const FEATURES: &str = "none,ext_attr,filetype,sparse_super,large_file";
/// Name of the file system, by which the system knows its root.
const LABEL: &str = "hird-root";
/// The attribute that records a passive translator.
const TRANSLATOR: &str = "gnu.translator";

/// A manifest with the host's file behind each entry that copies one.
pub struct Contents {
    pub entries: Vec<Entry>,
    /// Path in the image to the file that is copied there.
    pub sources: BTreeMap<String, PathBuf>,
}

impl Contents {
    /// What identifies each node: path to a hash that changes with anything
    /// that the node shows. Later lines for a path add to it.
    pub fn fingerprints(&self) -> Result<BTreeMap<String, String>> {
        let mut prints: BTreeMap<String, String> = BTreeMap::new();
        for entry in &self.entries {
            let mut hash = Sha256::new();
            hash.update(format!("{:?}\0", entry.kind));
            if let Some(source) = self.sources.get(&entry.path) {
                let bytes = fs::read(source).with_context(|| {
                    format!("cannot read {} for {}", source.display(), entry.path)
                })?;
                hash.update(bytes);
            }
            if let Kind::Hardlink(other) = &entry.kind {
                hash.update(prints.get(other).map_or("", String::as_str));
            }
            if let Some(earlier) = prints.get(&entry.path) {
                hash.update(earlier);
            }
            prints.insert(entry.path.clone(), hex(&hash.finalize()));
        }
        Ok(prints)
    }

    /// Nodes of a file system that holds just this.
    fn inodes(&self) -> u64 {
        self.entries.len() as u64 + OWN_INODES
    }

    /// Size of a file system that holds just this, in bytes.
    pub fn least_size(&self) -> Result<u64> {
        let mut blocks = OWN_BLOCKS + (self.inodes() * INODE_SIZE).div_ceil(BLOCK_SIZE);
        for entry in &self.entries {
            let bytes = match self.sources.get(&entry.path) {
                Some(source) => fs::metadata(source)
                    .with_context(|| format!("cannot read {}", source.display()))?
                    .len(),
                None => 0,
            };
            // One for where a large file's blocks are, or a small one's record.
            blocks += bytes.div_ceil(BLOCK_SIZE) + 1;
        }
        Ok(blocks * BLOCK_SIZE)
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Makes `image`, with the file system at this place, if it is missing or differs from `contents`.
/// Returns the fingerprints of its nodes.
pub fn build(contents: &Contents, place: Place, image: &Path) -> Result<BTreeMap<String, String>> {
    let prints = contents.fingerprints()?;
    let state = state_file(image);
    if image.is_file() && read_state(&state).is_some_and(|old| old == prints) {
        return Ok(prints);
    }
    // Without its state file, an image that is half made is made again.
    let _ = fs::remove_file(&state);

    let folder = image.parent().context("the image has no folder")?;
    let staging = tempfile::tempdir_in(folder).context("cannot make a staging folder")?;
    stage(contents, staging.path())?;

    let fresh = tempfile::Builder::new()
        .tempfile_in(folder)?
        .into_temp_path();
    fs::File::options()
        .write(true)
        .open(&fresh)?
        .set_len(place.file)?;
    let mut mke2fs = tool("mke2fs");
    mke2fs
        .args([
            "-q", "-F", "-t", "ext2", "-O", FEATURES, "-L", LABEL, "-m", "0", "-b",
        ])
        .arg(BLOCK_SIZE.to_string())
        .arg("-I")
        .arg(INODE_SIZE.to_string());
    if place.bytes < DISK.bytes {
        mke2fs.arg("-N").arg(contents.inodes().to_string());
    }
    mke2fs
        .arg("-E")
        .arg(format!("root_owner=0:0,offset={}", place.start))
        .arg("-d")
        .arg(staging.path())
        .arg(&fresh)
        .arg(format!("{}k", place.bytes >> 10));
    step::run("making the root file system", &mut mke2fs)?;

    let mut script = Script::new(folder)?;
    for entry in &contents.entries {
        script.attributes(entry);
        script.translator(entry)?;
    }
    script.run(&place.name(&fresh))?;
    fresh
        .persist(image)
        .context("cannot move the new image into its place")?;
    write_state(&state, &prints)?;
    Ok(prints)
}

/// Puts all nodes into a folder of the host.
fn stage(contents: &Contents, root: &Path) -> Result<()> {
    let place = |path: &str| root.join(path.trim_start_matches('/'));
    for entry in &contents.entries {
        let node = place(&entry.path);
        let made = match &entry.kind {
            Kind::Directory(_) if entry.path == "/" => Ok(()),
            Kind::Directory(_) => fs::create_dir(&node),
            Kind::Program(..) | Kind::File(..) => {
                let source = &contents.sources[&entry.path];
                fs::copy(source, &node).and_then(|_| {
                    let modified = fs::metadata(source)?.modified()?;
                    let writable = fs::File::options().append(true).open(&node);
                    // A read-only copy keeps the time of the copy.
                    writable.map_or(Ok(()), |file| file.set_modified(modified))
                })
            }
            Kind::Symlink(target) => std::os::unix::fs::symlink(target, &node),
            Kind::Hardlink(other) => fs::hard_link(place(other), &node),
            Kind::Translator(..) => fs::write(&node, b""),
            Kind::Record(_) => Ok(()),
        };
        made.with_context(|| format!("cannot stage {}", entry.path))?;
    }
    Ok(())
}

/// A program of e2fsprogs, which lies where an unprivileged person's search
/// path may not lead.
pub fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    // Messages are compared, so they must be untranslated.
    command.env("LC_ALL", "C");
    command
}

/// Commands for `debugfs`, and the files that they read.
pub struct Script {
    text: String,
    files: tempfile::TempDir,
    count: usize,
}

impl Script {
    /// An empty script; its files lie in a temporary folder in `folder`.
    pub fn new(folder: &Path) -> Result<Script> {
        let files = tempfile::tempdir_in(folder).context("cannot make a temporary folder")?;
        Ok(Script {
            text: String::new(),
            files,
            count: 0,
        })
    }

    /// Adds a command.
    pub fn add(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Sets permissions and owner as the entry says.
    pub fn attributes(&mut self, entry: &Entry) {
        let Some(attributes) = entry.attributes() else {
            return;
        };
        let kind = if matches!(entry.kind, Kind::Directory(_)) {
            0o040_000
        } else {
            0o100_000
        };
        let path = &entry.path;
        self.add(&format!(
            "sif \"{path}\" mode 0{:o}",
            kind | attributes.mode
        ));
        for (field, id) in [("uid", attributes.uid), ("gid", attributes.gid)] {
            self.add(&format!("sif \"{path}\" {field} {id}"));
        }
    }

    /// Records the passive translator that the entry gives, if any.
    pub fn translator(&mut self, entry: &Entry) -> Result<()> {
        let Some(words) = entry.translator() else {
            return Ok(());
        };
        let mut record = words.join("\0").into_bytes();
        record.push(0);
        self.count += 1;
        let file = self.files.path().join(self.count.to_string());
        fs::write(&file, record)?;
        self.add(&format!(
            "ea_set -f {} \"{}\" {TRANSLATOR}",
            file.display(),
            entry.path
        ));
        Ok(())
    }

    /// Runs the script on a file system. `debugfs` ends well whatever happens, so
    /// anything on its standard error but the greeting is a failure.
    pub fn run(&self, image: &OsStr) -> Result<()> {
        let file = self.files.path().join("script");
        fs::write(&file, &self.text)?;
        let mut debugfs = tool("debugfs");
        debugfs.arg("-w").arg("-f").arg(&file).arg(image);
        let printed = step::run("setting owners and translators", &mut debugfs)?;
        let errors: Vec<&str> = printed
            .stderr
            .lines()
            .filter(|l| !l.starts_with("debugfs ") && !l.is_empty())
            .collect();
        if !errors.is_empty() {
            bail!("debugfs on {}: {}", image.display(), errors.join("\n"));
        }
        Ok(())
    }
}

/// The file that keeps the fingerprints of an image.
pub fn state_file(image: &Path) -> PathBuf {
    let mut name = image.as_os_str().to_owned();
    name.push(".state");
    PathBuf::from(name)
}

/// Reads fingerprints; `None` if there are none to trust.
pub fn read_state(file: &Path) -> Option<BTreeMap<String, String>> {
    serde_json::from_str(&fs::read_to_string(file).ok()?).ok()
}

/// Writes fingerprints.
pub fn write_state(file: &Path, prints: &BTreeMap<String, String>) -> Result<()> {
    let text = serde_json::to_string(prints)?;
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
