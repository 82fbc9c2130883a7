//! An image that GRUB boots from: a CD, and as it is a USB stick or a hard disk.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sel4_kernel::BuiltKernel;

use crate::step;

/// What GRUB does, showing it on the screen and on the serial line: it starts the program that puts
/// the kernel in its place, with the kernel and the root task beside it. That is there twice, since it
/// is the program that says what screen it likes: text from a BIOS, and graphics from a UEFI, which has
/// no text. A key in the first second shows the menu.
const MENU: &str = r#"serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout_style=hidden
set timeout=1
function start {
    multiboot2 /boot/start-$1
    module2 /boot/kernel
    module2 /boot/hird
}
menuentry Hird {
    if [ "$grub_platform" = pc ]; then
        start text
    else
        insmod all_video
        start graphics
    fi
}
menuentry "Hird with a graphical screen" {
    insmod all_video
    start graphics
}
"#;

/// The two programs, with what the compiler is told for each.
const PROGRAMS: [(&str, &[&str]); 2] = [("start-text", &[]), ("start-graphics", &["-DGRAPHICS"])];

/// The font of what the program says when it cannot go on.
const FONT: &[u8] = spleen_font::FONT_8X16;

/// Below this address is the kernel's place (platforms/pc99/grub/start.lds).
const KERNEL_END: u64 = 0xb0_0000;

/// Makes `image` of a kernel and a root task, by way of a folder that it makes in `output`.
pub fn build(kernel: &BuiltKernel, root_task: &Path, output: &Path, image: &Path) -> Result<()> {
    let folder = tempfile::tempdir_in(output).context("cannot make a folder for the image")?;
    let boot = folder.path().join("boot");
    let grub = boot.join("grub");
    fs::create_dir_all(&grub).with_context(|| format!("cannot make {}", grub.display()))?;
    for (file, name) in [(&*kernel.boot, "kernel"), (root_task, "hird")] {
        fs::copy(file, boot.join(name))
            .with_context(|| format!("cannot copy {}", file.display()))?;
    }
    let end = memory_end(&fs::read(&kernel.boot)?).context("the kernel is no 32-bit ELF file")?;
    ensure!(
        end <= KERNEL_END,
        "the kernel ends at {end:#x}, behind its place"
    );
    let sources = kernel.platform.dir.join("grub");
    let font = folder.path().join("font");
    fs::write(&font, FONT).with_context(|| format!("cannot write {}", font.display()))?;
    for (name, options) in PROGRAMS {
        let mut compiler = Command::new(format!("{}gcc", kernel.platform.cross()));
        compiler
            .args(options)
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
            .arg(boot.join(name))
            .args([sources.join("header.S"), sources.join("start.c")]);
        step::run("building what GRUB starts", &mut compiler)?;
    }
    fs::remove_file(&font).with_context(|| format!("cannot remove {}", font.display()))?;
    let menu = grub.join("grub.cfg");
    fs::write(&menu, MENU).with_context(|| format!("cannot write {}", menu.display()))?;
    let mut mkrescue = Command::new("grub-mkrescue");
    mkrescue.arg("-o").arg(image).arg(folder.path());
    step::run("making the image", &mut mkrescue)?;
    Ok(())
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
