//! The file that the machine boots: the loader, with the kernel and the root
//! task inside, which has the archive of the first programs inside.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sel4_kernel::{BuiltKernel, LoaderBuild, make_image};

use super::archive::Archive;
use super::manifest::{self, Module};
use crate::cargo::{self, GuestBuild, Packages};
use crate::workspace::Workspace;

/// The root task's package, whose one program it is.
const ROOT_TASK: &str = "mach-server";
/// What an image is made from.
pub struct Inputs<'a> {
    pub workspace: &'a Workspace,
    pub packages: &'a Packages,
    pub kernel: &'a BuiltKernel,
    pub modules: &'a [Module],
    /// Binary to its program without symbols.
    pub programs: &'a BTreeMap<String, PathBuf>,
    /// Cargo's folder of guest builds.
    pub target_dir: &'a Path,
    /// Environment of guest builds.
    pub env: &'a [(&'a str, PathBuf)],
    /// Folder for the image.
    pub output: &'a Path,
}

/// Builds the image. Returns its path.
pub fn build(inputs: &Inputs) -> Result<PathBuf> {
    let archive = inputs.output.join("boot-modules.cpio");
    write_if_changed(&archive, &pack(inputs)?)?;

    let mut env = inputs.env.to_vec();
    env.push(("HIRD_BOOT_MODULES", archive));
    let root_task = program(
        inputs,
        ROOT_TASK,
        inputs.kernel.platform.target(),
        &env,
        "building the root task",
    )?;
    let cross = inputs.kernel.platform.cross();
    let root_task = cargo::strip(&cross, &root_task, inputs.output)?;
    wrap(inputs.workspace, inputs.kernel, &root_task, inputs.output)
}

/// Puts a kernel and a root task into the loader. Returns the image's path.
fn wrap(
    workspace: &Workspace,
    kernel: &BuiltKernel,
    root_task: &Path,
    output: &Path,
) -> Result<PathBuf> {
    let loader = LoaderBuild {
        workspace: workspace.root.clone(),
        platform_dir: kernel.platform.dir.clone(),
        out: output.join("loader"),
    };
    let loader = loader.build().context("cannot build the loader")?;
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let bytes = make_image(&read(&loader)?, &read(&kernel.elf)?, &read(root_task)?)
        .context("cannot make the boot image")?;
    let image = output.join("hird.img");
    write_if_changed(&image, &bytes)?;
    Ok(image)
}

fn program(
    inputs: &Inputs,
    package: &str,
    target: &str,
    env: &[(&str, PathBuf)],
    label: &str,
) -> Result<PathBuf> {
    let named = inputs.packages.named(package);
    let named = named.with_context(|| format!("the workspace has no crate {package}"))?;
    let binary = named.targets("bin").next();
    let binary = binary
        .with_context(|| format!("{package} has no program"))?
        .to_owned();
    let build = GuestBuild {
        workspace: inputs.workspace,
        packages: inputs.packages,
        target,
        target_dir: inputs.target_dir,
        env,
    };
    let mut built = build.build(label, &BTreeSet::from([binary.clone()]))?;
    built.remove(&binary).context("cargo built nothing")
}

/// The archive of the first programs.
fn pack(inputs: &Inputs) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    archive.add("boot.manifest", manifest::write(inputs.modules).as_bytes())?;
    for module in inputs.modules {
        let program = &inputs.programs[&module.binary];
        let bytes =
            fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
        archive.add(&module.name, &bytes)?;
    }
    Ok(archive.finish())
}

/// Writes a file that builds depend on, and leaves its time alone if it is as
/// it was.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
