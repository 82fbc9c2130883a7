//! Building the workspace's crates for the guest, and knowing which there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::step;
use crate::workspace::Workspace;

/// Cargo profile of programs of the booted system.
pub const GUEST_PROFILE: &str = "guest";

/// The workspace's packages.
pub struct Packages(Vec<Package>);

/// A package, as `cargo metadata` describes it.
#[derive(Debug, Deserialize)]
pub struct Package {
    pub name: String,
    pub manifest_path: PathBuf,
    pub targets: Vec<Target>,
    metadata: Option<Metadata>,
}

/// A library, program or test of a package.
#[derive(Debug, Deserialize)]
pub struct Target {
    pub name: String,
    pub kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    hird: Option<HirdMetadata>,
}

/// `[package.metadata.hird]`
#[derive(Debug, Deserialize)]
struct HirdMetadata {
    #[serde(rename = "host-tests")]
    host_tests: Option<bool>,
    /// What runs under Miri: `lib`, and names of tests.
    #[serde(default)]
    miri: Vec<String>,
}

impl Package {
    /// The package's folder.
    pub fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new("/"))
    }

    /// Names of the targets of a kind ("lib", "bin", "test").
    pub fn targets(&self, kind: &str) -> impl Iterator<Item = &str> {
        let is_kind = move |t: &&Target| t.kind.iter().any(|k| k == kind);
        self.targets.iter().filter(is_kind).map(|t| t.name.as_str())
    }

    /// The test targets of the package that run under Miri: `lib`, and names of tests.
    pub fn miri(&self) -> &[String] {
        let hird = self.metadata.as_ref().and_then(|all| all.hird.as_ref());
        hird.map_or(&[], |hird| &hird.miri)
    }

    /// What the package says about tests on the host, if it does.
    pub fn host_tests(&self) -> Option<bool> {
        self.metadata.as_ref()?.hird.as_ref()?.host_tests
    }
}

impl Packages {
    /// Asks Cargo.
    pub fn read(workspace: &Workspace) -> Result<Packages> {
        #[derive(Deserialize)]
        struct Answer {
            packages: Vec<Package>,
        }
        let mut cargo = cargo(workspace);
        cargo.args(["metadata", "--format-version", "1", "--no-deps"]);
        let printed = step::run("reading the workspace", &mut cargo)?;
        let answer: Answer =
            serde_json::from_slice(&printed.stdout).context("cannot read cargo's metadata")?;
        Ok(Packages(answer.packages))
    }

    /// All packages.
    pub fn iter(&self) -> impl Iterator<Item = &Package> {
        self.0.iter()
    }

    /// The package of a binary.
    pub fn of_binary(&self, binary: &str) -> Option<&Package> {
        self.0
            .iter()
            .find(|p| p.targets("bin").any(|name| name == binary))
    }

    /// The package of a name.
    pub fn named(&self, name: &str) -> Option<&Package> {
        self.0.iter().find(|p| p.name == name)
    }
}

/// Cargo in the checkout.
pub fn cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(&workspace.root);
    command
}

/// How a set of guest crates is built.
pub struct GuestBuild<'a> {
    pub workspace: &'a Workspace,
    pub packages: &'a Packages,
    /// Target triple.
    pub target: &'a str,
    /// Cargo's folder. It is not the host's, so that a build of the tool and
    /// one of the system never wait for each other's lock.
    pub target_dir: &'a Path,
    /// Environment of the build.
    pub env: &'a [(&'a str, PathBuf)],
}

impl GuestBuild<'_> {
    /// Builds binaries by name. Returns where each lies, with its symbols.
    pub fn build(
        &self,
        label: &str,
        binaries: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, PathBuf>> {
        let mut names = BTreeSet::new();
        for binary in binaries {
            let Some(package) = self.packages.of_binary(binary) else {
                bail!("no crate of the workspace has a binary `{binary}`");
            };
            names.insert(package.name.as_str());
        }
        let mut cargo = cargo(self.workspace);
        cargo.args(["build", "--profile", GUEST_PROFILE, "--target", self.target]);
        cargo.arg("--target-dir").arg(self.target_dir);
        for name in names {
            cargo.args(["-p", name]);
        }
        for binary in binaries {
            cargo.args(["--bin", binary]);
        }
        cargo.envs(self.env.iter().map(|(name, value)| (name, value)));
        if !binaries.is_empty() {
            step::run(label, &mut cargo)?;
        }
        let folder = self.target_dir.join(self.target).join(GUEST_PROFILE);
        Ok(binaries
            .iter()
            .map(|b| (b.clone(), folder.join(b)))
            .collect())
    }
}

/// Copies a program without its symbols to `folder`, if it changed. Returns
/// the copy's path. `cross` is what the name of the tool begins with.
pub fn strip(cross: &str, program: &Path, folder: &Path) -> Result<PathBuf> {
    let name = program.file_name().context("a program has a name")?;
    let stripped = folder.join(name);
    let time = |path: &Path| fs::metadata(path).and_then(|m| m.modified());
    let built = time(program).with_context(|| format!("cargo made no {}", program.display()))?;
    if time(&stripped).is_ok_and(|made| made > built) {
        return Ok(stripped);
    }
    let mut strip = Command::new(format!("{cross}strip"));
    strip.arg("-o").arg(&stripped).arg(program);
    step::run("stripping symbols", &mut strip)?;
    Ok(stripped)
}
