//! The file that the machine boots: the loader, with the kernel and the root
//! task inside, to which the archive of the first programs is appended.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sel4_kernel::{BuiltKernel, LoaderBuild, Platform, append, make_image};

use super::archive::Archive;
use super::manifest::{self, Module};
use crate::cargo::{self, GuestBuild, Packages};
use crate::step;
use crate::workspace::Workspace;

/// The root task's package, whose one program it is.
const ROOT_TASK: &str = "mach-server";
/// Member of the archive that is a root file system.
const ROOT: &str = "root";
/// Member of the archive that is the board's device tree.
const DEVICE_TREE: &str = "device-tree";

/// What an image is made from.
pub struct Inputs<'a> {
    pub workspace: &'a Workspace,
    pub packages: &'a Packages,
    pub kernel: &'a BuiltKernel,
    /// The board's own device tree, if it has one.
    pub device_tree: Option<&'a Path>,
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

/// Builds the root task. Returns the path of the program without symbols.
pub fn root_task(inputs: &Inputs) -> Result<PathBuf> {
    let target = inputs.kernel.platform.target();
    let root_task = program(inputs, ROOT_TASK, target, "building the root task")?;
    cargo::strip(&inputs.kernel.platform.cross(), &root_task, inputs.output)
}

/// Makes the image `name` of a root task, with a root file system inside or without one. Returns
/// its path. On a board without a loader the image is the root task.
pub fn build(
    inputs: &Inputs,
    root_task: &Path,
    root: Option<&Path>,
    name: &str,
) -> Result<PathBuf> {
    let archive = pack(inputs, root)?;
    let root_task = append(&read(root_task)?, &archive).context("cannot make the boot image")?;
    let image = inputs.output.join(name);
    if inputs.kernel.platform.loader.is_none() {
        write_if_changed(&image, &root_task)?;
        return Ok(image);
    }
    let loader = LoaderBuild {
        workspace: inputs.workspace.root.clone(),
        platform_dir: inputs.kernel.platform.dir.clone(),
        out: inputs.output.join("loader"),
    };
    let loader = loader.build().context("cannot build the loader")?;
    let bytes = make_image(&read(&loader)?, &read(&inputs.kernel.elf)?, &root_task)
        .context("cannot make the boot image")?;
    write_if_changed(&image, &bytes)?;
    Ok(image)
}

/// A file's content.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn program(inputs: &Inputs, package: &str, target: &str, label: &str) -> Result<PathBuf> {
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
        env: inputs.env,
    };
    let mut built = build.build(label, &BTreeSet::from([binary.clone()]))?;
    built.remove(&binary).context("cargo built nothing")
}

/// The archive of the first programs.
fn pack(inputs: &Inputs, root: Option<&Path>) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    archive.add("boot.manifest", manifest::write(inputs.modules).as_bytes())?;
    for module in inputs.modules {
        archive.add(&module.name, &read(&inputs.programs[&module.binary])?)?;
    }
    if let Some(tree) = inputs.device_tree {
        archive.add(DEVICE_TREE, &read(tree)?)?;
    }
    if let Some(root) = root {
        archive.add(ROOT, &read(root)?)?;
    }
    Ok(archive.finish())
}

/// Compiles the board's own device tree, `NAME.dts` in its folder, if it has one. Returns its path
/// in the folder `output`.
pub fn device_tree(platform: &Platform, output: &Path) -> Result<Option<PathBuf>> {
    let source = platform.dir.join(format!("{}.dts", platform.name));
    if !source.is_file() {
        return Ok(None);
    }
    let tree = output.join(DEVICE_TREE);
    let mut compile = Command::new("dtc");
    compile.args(["-q", "-I", "dts", "-O", "dtb", "-o"]);
    step::run("compiling the device tree", compile.arg(&tree).arg(&source))?;
    Ok(Some(tree))
}

/// Writes a file that builds depend on, and leaves its time alone if it is as
/// it was.
pub fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
