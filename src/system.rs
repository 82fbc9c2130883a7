//! Building the whole system: the kernel, the programs, what the machine boots
//! from, and the root file system.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sel4_kernel::BuiltKernel;
use sha2::{Digest, Sha256};

use crate::boot::{self, iso, pc};
use crate::boot::manifest::Module;
use crate::card;
use crate::cargo::{self, GuestBuild, Packages};
use crate::cli::Platform;
use crate::kernel;
use crate::rootfs::image::{self, Contents, Place};
use crate::rootfs::manifest::{self, Entry, Kind};
use crate::rootfs::persistent;
use crate::workspace::Workspace;

/// Names another list of first programs, to try one before the system starts it.
const BOOT_MANIFEST_VARIABLE: &str = "HIRD_BOOT_MANIFEST";

/// A kernel's configuration, in its folder.
const CONFIGURATION: &str = "include/autoconf.h";

/// What to build.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub platform: Platform,
    pub debug_kernel: bool,
    /// Whether the root file system holds the test programs, too.
    pub tests: bool,
    /// Whether the boot image holds the root file system, for machines without a disk.
    pub ramdisk: bool,
}

/// A system that was built.
pub struct System {
    pub kernel: BuiltKernel,
    /// Whether the kernel is a debug kernel.
    pub debug_kernel: bool,
    /// What the machine boots from.
    pub image: PathBuf,
    /// What the emulator starts, and what it loads beside that, each with a word for it.
    pub start: (PathBuf, Vec<(PathBuf, String)>),
    /// Whether that holds the root file system.
    pub ramdisk: bool,
    /// The device tree to give to the emulator, unless that makes one.
    pub device_tree: Option<PathBuf>,
    /// The root file system as the build made it. Never written to by a guest.
    pub root: PathBuf,
    contents: Contents,
    prints: BTreeMap<String, String>,
    /// Folder of what is kept from run to run.
    kept: PathBuf,
}

impl System {
    /// Builds all of it that changed.
    pub fn build(workspace: &Workspace, options: Options) -> Result<System> {
        let kernel = kernel::build(workspace, options.platform, options.debug_kernel)?;
        let packages = Packages::read(workspace)?;
        let kept = workspace.output(options.platform)?;
        let output = if options.debug_kernel {
            kept.join("debug")
        } else {
            kept.clone()
        };
        let stripped_folder = output.join("programs");
        fs::create_dir_all(&stripped_folder)
            .with_context(|| format!("cannot make the folder {}", stripped_folder.display()))?;
        let entries = root_manifest(workspace, options.tests)?;
        let modules = match env::var_os(BOOT_MANIFEST_VARIABLE) {
            Some(path) => boot::manifest::read(Path::new(&path))?,
            None => {
                let mut modules = boot::manifest::read(&workspace.path("images/boot.manifest"))?;
                modules.extend(kernel.platform.drivers.iter().map(Module::driver));
                modules
            }
        };

        let mut binaries: BTreeSet<String> = modules.iter().map(|m| m.binary.clone()).collect();
        binaries.extend(entries.iter().filter_map(|entry| match &entry.kind {
            Kind::Program(_, binary) => Some(binary.clone()),
            _ => None,
        }));
        let interface = interface(workspace, &kernel)?;
        let env = |kernel: &Path| {
            Ok::<_, anyhow::Error>([
                ("SEL4_SOURCE", kernel::source_folder()?),
                ("HIRD_KERNEL_DIR", kernel.to_owned()),
            ])
        };
        let build = GuestBuild {
            workspace,
            packages: &packages,
            target: kernel.platform.target(),
            target_dir: &interface,
            env: &env(&interface)?,
        };
        let programs = build.build("building the programs", &binaries)?;
        let cross = kernel.platform.cross();
        let mut stripped = BTreeMap::new();
        for (name, program) in &programs {
            stripped.insert(
                name.clone(),
                cargo::strip(&cross, program, &stripped_folder)?,
            );
        }

        let contents = Contents {
            sources: sources(workspace, &entries, &stripped),
            entries,
        };
        let kind = if options.tests { "tests" } else { "root" };
        let root = output.join(format!("{kind}-base.img"));
        let prints = image::build(&contents, root_place(&kernel.platform), &root)?;

        let device_tree = boot::image::device_tree(&kernel.platform, &output)?;
        let inputs = boot::image::Inputs {
            workspace,
            packages: &packages,
            kernel: &kernel,
            device_tree: device_tree.as_deref(),
            modules: &modules,
            programs: &stripped,
            target_dir: &output.join("root-task"),
            env: &env(&kernel.dir)?,
            output: &output,
        };
        let root_task = boot::image::root_task(&inputs)?;
        let qemu = kernel.platform.qemu.as_ref();
        let diskless = qemu.is_some_and(|qemu| qemu.disks.is_none());
        let ramdisk = options.ramdisk || diskless;
        let give_device_tree = qemu.is_some_and(|qemu| qemu.give_device_tree);
        let image = if ramdisk {
            let inside = output.join(format!("{kind}-ramdisk.img"));
            image::build(&contents, Place::whole(contents.least_size()?), &inside)?;
            let name = format!("hird-{kind}-ramdisk.img");
            boot::image::build(&inputs, &root_task, Some(&inside), &name)?
        } else {
            boot::image::build(&inputs, &root_task, None, "hird.img")?
        };
        if kernel.platform.card.is_some() {
            card::update(&root, &kernel.platform, &image, true)?;
        }
        let start = if kernel.platform.grub {
            let program = output.join("start");
            pc::start_program(&kernel, false, &program)?;
            let sums = [&kernel.boot, &image].map(|file| Ok((file.clone(), pc::checksum(file)?)));
            (program, sums.into_iter().collect::<Result<_>>()?)
        } else {
            (image.clone(), Vec::new())
        };
        Ok(System {
            kernel,
            debug_kernel: options.debug_kernel,
            image,
            start,
            ramdisk,
            device_tree: device_tree.filter(|_| give_device_tree),
            root,
            contents,
            prints,
            kept,
        })
    }

    /// The root disk that lives from run to run, brought up to date. A run
    /// that drops what it writes can share it with others of its kind.
    pub fn persistent_root(&self, shared: bool) -> Result<persistent::Disk> {
        let disk = self.kept.join("root.img");
        let platform = &self.kernel.platform;
        let place = root_place(platform);
        let (contents, prints) = (&self.contents, &self.prints);
        let disk = persistent::open(&disk, place, shared, &self.root, contents, prints)?;
        if platform.card.is_some() {
            card::update(&disk.path, platform, &self.image, false)?;
        }
        Ok(disk)
    }

    /// Makes a CD from which a machine's firmware starts the image.
    pub fn cd(&self) -> Result<PathBuf> {
        let cd = self.image.with_extension("iso");
        iso::build(&self.kernel, &self.image, &self.kept, &cd)?;
        Ok(cd)
    }

    /// Size of what the machine boots from, in bytes.
    pub fn image_bytes(&self) -> Result<u64> {
        let data = fs::metadata(&self.image);
        Ok(data
            .with_context(|| format!("no image {}", self.image.display()))?
            .len())
    }
}

/// The folder in which programs are built, for a kernel that is reduced to its configuration without
/// the board's name: boards that have the rest in common have their programs in common.
fn interface(workspace: &Workspace, kernel: &BuiltKernel) -> Result<PathBuf> {
    let text = boot::image::read(&kernel.dir.join(CONFIGURATION))?;
    let names = b"#define CONFIG_PLAT_";
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let text: Vec<u8> = lines.filter(|line| !line.starts_with(names)).flatten().copied().collect();
    let print = format!("{:x}", Sha256::digest(&text));
    let folder = workspace.folder(&format!("guest/{}", &print[..16]))?;
    let file = folder.join(CONFIGURATION);
    fs::create_dir_all(file.parent().context("it has a folder")?)?;
    boot::image::write_if_changed(&file, &text)?;
    Ok(folder)
}

/// Where the root file system lies on the disk that the board starts with.
fn root_place(platform: &sel4_kernel::Platform) -> Place {
    match platform.card {
        Some(_) => card::ROOT,
        None => image::DISK,
    }
}

/// What the root file system holds, for tests or without them.
fn root_manifest(workspace: &Workspace, tests: bool) -> Result<Vec<Entry>> {
    let mut manifests = vec![workspace.path("images/root.manifest")];
    if tests {
        manifests.push(workspace.path("images/tests.manifest"));
    }
    manifest::read(&manifests)
}

/// Paths of the programs in a folder of the root file system that tests boot.
pub fn test_programs(workspace: &Workspace, folder: &str) -> Result<Vec<String>> {
    let inside = |entry: &Entry| {
        entry
            .path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
            && matches!(entry.kind, Kind::Program(..))
    };
    let entries = root_manifest(workspace, true)?;
    Ok(entries
        .into_iter()
        .filter(inside)
        .map(|entry| entry.path)
        .collect())
}

/// The file of the host behind each node that copies one.
fn sources(
    workspace: &Workspace,
    entries: &[Entry],
    programs: &BTreeMap<String, PathBuf>,
) -> BTreeMap<String, PathBuf> {
    let source = |entry: &Entry| match &entry.kind {
        Kind::Program(_, binary) => programs.get(binary).cloned(),
        Kind::File(_, source) => Some(workspace.path(source)),
        _ => None,
    };
    entries
        .iter()
        .filter_map(|e| Some((e.path.clone(), source(e)?)))
        .collect()
}
