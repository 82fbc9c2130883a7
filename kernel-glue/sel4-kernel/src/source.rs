//! The pinned kernel source: where it lies, and whether it is what was recorded.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Name of the registry package whose folder `seL4/` is the kernel source.
pub const PACKAGE: &str = "sel4-sys";

/// Version of that package.
pub const PACKAGE_VERSION: &str = "0.0.28";

/// SHA-256 and path of every file of the source, in the form that `sha256sum -c` reads.
const MANIFEST: &str = include_str!("../manifest.sha256");

/// How a source compares with the recorded one. Paths are relative to the source's folder.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Number of files that the manifest lists.
    pub recorded: usize,
    /// Number of files that are as recorded.
    pub matching: usize,
    /// Files with other contents than recorded.
    pub differing: Vec<String>,
    /// Recorded files that are not there.
    pub missing: Vec<String>,
    /// Files, and links, that are not recorded.
    pub extra: Vec<String>,
}

impl VerifyReport {
    /// Whether the source is exactly the recorded one.
    pub fn is_clean(&self) -> bool {
        self.matching == self.recorded && self.differing.is_empty() && self.extra.is_empty()
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} files as recorded",
            self.matching, self.recorded
        )?;
        for (what, files) in [
            ("differing", &self.differing),
            ("missing", &self.missing),
            ("extra", &self.extra),
        ] {
            if !files.is_empty() {
                write!(f, ", {} {what} ({})", files.len(), files.join(", "))?;
            }
        }
        Ok(())
    }
}

/// Compares every file of `source` with the recorded manifest.
///
/// # Errors
///
/// [`Error::Io`] if a file or folder cannot be read. A source that differs is no error but a
/// report.
pub fn verify(source: &Path) -> Result<VerifyReport> {
    verify_against(source, MANIFEST)
}

/// Compares every file of `source` with `manifest`, lines of `<SHA-256>  <path>`.
fn verify_against(source: &Path, manifest: &str) -> Result<VerifyReport> {
    let mut report = VerifyReport::default();
    let mut present = hash_files(source)?;
    for line in manifest.lines() {
        let Some((recorded, path)) = line.split_once("  ") else {
            continue;
        };
        report.recorded += 1;
        match present.remove(path) {
            None => report.missing.push(path.to_owned()),
            Some(found) if found == recorded => report.matching += 1,
            Some(_) => report.differing.push(path.to_owned()),
        }
    }
    report.extra = present.into_keys().collect();
    Ok(report)
}

/// The manifest of the files under `source`: what `manifest.sha256` was written with.
///
/// # Errors
///
/// [`Error::Io`] if a file or folder cannot be read.
pub fn manifest(source: &Path) -> Result<String> {
    let files = hash_files(source)?;
    Ok(files
        .into_iter()
        .map(|(path, hash)| format!("{hash}  {path}\n"))
        .collect())
}

/// SHA-256 of the recorded manifest: one number that stands for the whole source.
pub fn recorded_digest() -> String {
    hex(&Sha256::digest(MANIFEST.as_bytes()))
}

/// Where the source lies that `Cargo.lock` of the workspace at `workspace` pins.
///
/// # Errors
///
/// [`Error::NoSource`] if cargo cannot tell, for instance because the package has not been
/// fetched yet and there is no network.
pub fn find(workspace: &Path) -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
        manifest_path: PathBuf,
        source: Option<String>,
    }

    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = std::process::Command::new(cargo)
        .args(["metadata", "--format-version=1", "--manifest-path"])
        .arg(workspace.join("Cargo.toml"))
        .output()
        .map_err(|cause| Error::NoSource(format!("cargo metadata: {cause}")))?;
    if !output.status.success() {
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Error::NoSource(format!("cargo metadata: {printed}")));
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)
        .map_err(|cause| Error::NoSource(format!("cargo metadata: {cause}")))?;
    // The workspace has a member of the same name, which has no `source`.
    metadata
        .packages
        .iter()
        .find(|p| p.name == PACKAGE && p.version == PACKAGE_VERSION && p.source.is_some())
        .and_then(|package| package.manifest_path.parent())
        .map(|dir| dir.join("seL4"))
        .ok_or_else(|| Error::NoSource(format!("no package {PACKAGE} {PACKAGE_VERSION}")))
}

/// SHA-256 of every file under `dir`, by path relative to it.
pub(crate) fn hash_files(dir: &Path) -> Result<BTreeMap<String, String>> {
    let mut hashes = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(Error::io(&folder))? {
            let entry = entry.map_err(Error::io(&folder))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(Error::io(&path))?;
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path
                .strip_prefix(dir)
                .expect("an entry lies under its folder");
            let hash = if kind.is_file() {
                hex(&Sha256::digest(
                    std::fs::read(&path).map_err(Error::io(&path))?,
                ))
            } else {
                // The source has no links: one that is there is never as recorded.
                String::from("not a file")
            };
            hashes.insert(name.to_string_lossy().into_owned(), hash);
        }
    }
    Ok(hashes)
}

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn an_unchanged_source_is_clean() {
        let dir = folder_with(&[("a.c", "int a;"), ("x/b.c", "int b;")]);
        let manifest = manifest(dir.path()).unwrap();
        let report = verify_against(dir.path(), &manifest).unwrap();
        assert!(report.is_clean());
        assert_eq!(report.matching, 2);
        assert_eq!(report.to_string(), "2 of 2 files as recorded");
    }

    #[test]
    fn a_changed_a_missing_and_an_added_file_are_reported() {
        let dir = folder_with(&[("a.c", "int a;"), ("x/b.c", "int b;"), ("c.c", "int c;")]);
        let manifest = manifest(dir.path()).unwrap();
        std::fs::write(dir.path().join("a.c"), "int a = 1;").unwrap();
        std::fs::remove_file(dir.path().join("x/b.c")).unwrap();
        std::fs::write(dir.path().join("x/parsetab.py"), "").unwrap();
        let report = verify_against(dir.path(), &manifest).unwrap();
        assert!(!report.is_clean());
        assert_eq!(report.differing, ["a.c"]);
        assert_eq!(report.missing, ["x/b.c"]);
        assert_eq!(report.extra, ["x/parsetab.py"]);
        assert_eq!(
            report.to_string(),
            "1 of 3 files as recorded, 1 differing (a.c), 1 missing (x/b.c), \
             1 extra (x/parsetab.py)"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_the_recorded_contents_is_not_as_recorded() {
        let dir = folder_with(&[("a.c", "int a;"), ("b.c", "int a;")]);
        let manifest = manifest(dir.path()).unwrap();
        std::fs::remove_file(dir.path().join("b.c")).unwrap();
        std::os::unix::fs::symlink("a.c", dir.path().join("b.c")).unwrap();
        assert_eq!(
            verify_against(dir.path(), &manifest).unwrap().differing,
            ["b.c"]
        );
    }
}
