//! An image that GRUB boots from: a CD, and as it is a USB stick or a hard disk.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::step;

/// What GRUB does: it shows on the screen and on the serial line what it does, and starts the kernel
/// with the root task beside it.
const MENU: &str = "\
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=0
menuentry Hird {
    multiboot /boot/kernel
    module /boot/hird
    boot
}
";

/// Makes `image` of a kernel and a root task, by way of a folder that it makes in `output`.
pub fn build(kernel: &Path, root_task: &Path, output: &Path, image: &Path) -> Result<()> {
    let folder = tempfile::tempdir_in(output).context("cannot make a folder for the image")?;
    let boot = folder.path().join("boot");
    let grub = boot.join("grub");
    fs::create_dir_all(&grub).with_context(|| format!("cannot make {}", grub.display()))?;
    for (file, name) in [(kernel, "kernel"), (root_task, "hird")] {
        fs::copy(file, boot.join(name))
            .with_context(|| format!("cannot copy {}", file.display()))?;
    }
    let menu = grub.join("grub.cfg");
    fs::write(&menu, MENU).with_context(|| format!("cannot write {}", menu.display()))?;
    let mut mkrescue = Command::new("grub-mkrescue");
    mkrescue.arg("-o").arg(image).arg(folder.path());
    step::run("making the image", &mut mkrescue)?;
    Ok(())
}
