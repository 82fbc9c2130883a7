//! The pinned kernel: building it and checking its source.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sel4_kernel::{BuiltKernel, KernelBuild, source};

use crate::cli::{KernelArgs, Platform};
use crate::step;
use crate::workspace::Workspace;

/// The kernel's source, as `Cargo.lock` pins it (found by build.rs).
pub const SOURCE: &str = env!("HIRD_KERNEL_SOURCE");
const PACKAGE: &str = env!("HIRD_KERNEL_PACKAGE");
const PACKAGE_VERSION: &str = env!("HIRD_KERNEL_PACKAGE_VERSION");
const PACKAGE_CHECKSUM: &str = env!("HIRD_KERNEL_PACKAGE_CHECKSUM");

/// `hird kernel`
pub fn command(workspace: &Workspace, arguments: &KernelArgs) -> Result<()> {
    if arguments.verify {
        verify()?;
    }
    let kernel = build(workspace, arguments.platform, arguments.debug_kernel)?;
    let size = fs::metadata(&kernel.elf)?.len();
    println!("kernel    {}", kernel.elf.display());
    println!(
        "size      {size} bytes, {} of them loaded",
        loaded_bytes(&kernel.elf)?
    );
    println!(
        "platform  {}{}",
        kernel.platform.name,
        if arguments.debug_kernel {
            ", debug"
        } else {
            ""
        }
    );
    println!("package   {PACKAGE} {PACKAGE_VERSION}");
    println!("checksum  {PACKAGE_CHECKSUM}");
    println!("source    {SOURCE}");
    println!("manifest  {}", source::recorded_digest());
    Ok(())
}

/// Builds the kernel, if anything that it is made from changed.
pub fn build(workspace: &Workspace, platform: Platform, debug: bool) -> Result<BuiltKernel> {
    let folder = workspace.platform(platform);
    if !folder.join("platform.toml").is_file() {
        bail!("the platform {} is not supported yet", platform.name());
    }
    let kind = if debug { "kernel-debug" } else { "kernel" };
    let build = KernelBuild {
        source: source_folder()?,
        platform_dir: folder,
        out: workspace.output(platform)?.join(kind),
        debug,
    };
    let kernel = build.build().context("cannot build the kernel")?;
    if kernel.rebuilt {
        step::say(&format!(
            "built the kernel for {} from {PACKAGE} {PACKAGE_VERSION}, SHA-256 {PACKAGE_CHECKSUM}",
            platform.name()
        ));
    }
    Ok(kernel)
}

/// Where the source lies.
pub fn source_folder() -> Result<PathBuf> {
    let source = PathBuf::from(SOURCE);
    ensure!(
        source.is_dir(),
        "the kernel source {SOURCE} is gone; `cargo fetch` and `touch build.rs` bring it back"
    );
    Ok(source)
}

/// Compares every file of the source with the recorded manifest.
fn verify() -> Result<()> {
    let report = source::verify(&source_folder()?)?;
    println!("verify    {report}");
    ensure!(
        report.is_clean(),
        "{SOURCE} is not the pinned source of {PACKAGE} {PACKAGE_VERSION}"
    );
    Ok(())
}

/// Bytes that an ELF file has in its loadable segments (without what is only
/// zeroed).
pub fn loaded_bytes(elf: &Path) -> Result<u64> {
    let bytes = fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
    let short = || format!("{} is no 64-bit ELF file", elf.display());
    ensure!(bytes.starts_with(b"\x7fELF\x02\x01"), short());
    let number = |at: usize, size: usize| -> Option<u64> {
        let mut value = [0; 8];
        value[..size].copy_from_slice(bytes.get(at..at.checked_add(size)?)?);
        Some(u64::from_le_bytes(value))
    };
    // ELF-64 specification: e_phoff, e_phentsize, e_phnum; p_type, p_filesz.
    let header = || Some((number(32, 8)?, number(54, 2)?, number(56, 2)?));
    let (offset, size, count) = header().with_context(short)?;
    let mut total = 0;
    for index in 0..count {
        let at = usize::try_from(offset + index * size)?;
        let segment = || Some((number(at, 4)?, number(at + 32, 8)?));
        let (kind, file_size) = segment().with_context(short)?;
        if kind == 1 {
            total += file_size;
        }
    }
    Ok(total)
}
