//! How PCs start: the program of `platforms/pc99/grub`, which the firmware's boot loader or the
//! emulator starts, and beside it the kernel and the root task, each with its checksum.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sel4_kernel::BuiltKernel;

use crate::step;

/// The font of what the program says when it cannot go on.
const FONT: &[u8] = spleen_font::FONT_8X16;

/// Below this address is the kernel's place (start.lds).
const KERNEL_END: u64 = 0xb0_0000;

/// Builds `program`, which starts the kernel. It wishes for a screen with graphics, or takes text.
pub fn start_program(kernel: &BuiltKernel, graphics: bool, program: &Path) -> Result<()> {
    let end = memory_end(&fs::read(&kernel.boot)?).context("the kernel is no 32-bit ELF file")?;
    ensure!(
        end <= KERNEL_END,
        "the kernel ends at {end:#x}, behind its place"
    );
    let folder = tempfile::tempdir().context("cannot make a folder for a program")?;
    let font = folder.path().join("font");
    fs::write(&font, FONT).with_context(|| format!("cannot write {}", font.display()))?;
    let sources = kernel.platform.dir.join("grub");
    let mut compiler = Command::new(format!("{}gcc", kernel.platform.cross()));
    compiler
        .args(graphics.then_some("-DGRAPHICS"))
        .args(["-m32", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"])
        .args([
            "-ffreestanding",
            "-fno-pic",
            "-fno-stack-protector",
            "-mgeneral-regs-only",
        ])
        .args(["-fno-asynchronous-unwind-tables", "-fcf-protection=none"])
        .args(["-nostdlib", "-static", "-no-pie", "-s"])
        .arg("-Wl,--build-id=none,-z,noexecstack,--no-warn-rwx-segments")
        .arg(format!("-Wa,-I{}", folder.path().display()))
        .arg("-T")
        .arg(sources.join("start.lds"))
        .arg("-o")
        .arg(program)
        .args([sources.join("header.S"), sources.join("start.c")]);
    step::run("building what starts the kernel", &mut compiler)?;
    Ok(())
}

/// The checksum of a file, as the program is told it.
pub fn checksum(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(format!("{:016x}", sel4_kernel::checksum(&bytes)))
}

/// The end of the physical memory that a 32-bit ELF file asks for.
fn memory_end(elf: &[u8]) -> Option<u64> {
    let number = |at: usize, size: usize| -> Option<u64> {
        let mut value = [0; 8];
        value[..size].copy_from_slice(elf.get(at..at.checked_add(size)?)?);
        Some(u64::from_le_bytes(value))
    };
    if !elf.starts_with(b"\x7fELF\x01\x01") {
        return None;
    }
    // ELF specification: e_phoff, e_phentsize, e_phnum; p_type, p_paddr, p_memsz.
    let (first, size, count) = (number(28, 4)?, number(42, 2)?, number(44, 2)?);
    let mut end = 0;
    for index in 0..count {
        let at = usize::try_from(first + index * size).ok()?;
        if number(at, 4)? == 1 {
            end = end.max(number(at + 12, 4)? + number(at + 20, 4)?);
        }
    }
    Some(end)
}
