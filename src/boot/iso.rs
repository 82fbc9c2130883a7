//! An image that GRUB boots from: a CD, and as it is a USB stick or a hard disk.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use sel4_kernel::BuiltKernel;

use super::pc;
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
    module2 /boot/kernel KERNEL_SUM
    module2 /boot/hird HIRD_SUM
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

/// Makes `image` of a kernel and a root task, by way of a folder that it makes in `output`.
pub fn build(kernel: &BuiltKernel, root_task: &Path, output: &Path, image: &Path) -> Result<()> {
    let folder = tempfile::tempdir_in(output).context("cannot make a folder for the image")?;
    let boot = folder.path().join("boot");
    let grub = boot.join("grub");
    fs::create_dir_all(&grub).with_context(|| format!("cannot make {}", grub.display()))?;
    let mut commands = MENU.to_owned();
    for (file, name, sum) in [
        (&*kernel.boot, "kernel", "KERNEL_SUM"),
        (root_task, "hird", "HIRD_SUM"),
    ] {
        fs::copy(file, boot.join(name))
            .with_context(|| format!("cannot copy {}", file.display()))?;
        commands = commands.replace(sum, &pc::checksum(file)?);
    }
    for (name, graphics) in [("start-text", false), ("start-graphics", true)] {
        pc::start_program(kernel, graphics, &boot.join(name))?;
    }
    let menu = grub.join("grub.cfg");
    fs::write(&menu, commands).with_context(|| format!("cannot write {}", menu.display()))?;
    let mut mkrescue = Command::new("grub-mkrescue");
    mkrescue.arg("-o").arg(image).arg(folder.path());
    step::run("making the image", &mut mkrescue)?;
    Ok(())
}
