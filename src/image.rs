//! `hird image`

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::boot::iso;
use crate::card;
use crate::cli::ImageArgs;
use crate::machine::qemu;
use crate::step;
use crate::system::{Options, System};
use crate::workspace::Workspace;

/// Makes a file to flash, to burn, or to boot as it is.
pub fn command(workspace: &Workspace, arguments: &ImageArgs) -> Result<()> {
    let platform = arguments.platform;
    let description = sel4_kernel::Platform::load(&workspace.platform(platform))?;
    let options = Options {
        platform,
        debug_kernel: false,
        tests: false,
        ramdisk: description.card.is_none(),
    };
    let system = System::build(workspace, options)?;
    let shown = arguments.output.display();
    if let Some(card) = &description.card {
        // A memory card: almost all of it is empty.
        let mut copy = Command::new("cp");
        copy.args(["--sparse=always", "--"]);
        copy.arg(&system.root).arg(&arguments.output);
        step::run("writing the card's image", &mut copy)?;
        card::add_firmware(&arguments.output, card, arguments.firmware.as_deref())?;
        step::say(&format!("{shown} is for a memory card, from its first byte on"));
        return Ok(());
    }
    ensure!(
        arguments.firmware.is_none(),
        "{} needs no firmware on its image",
        platform.name()
    );
    if description.grub {
        let (output, to) = (workspace.output(platform)?, qemu::absolute(&arguments.output)?);
        iso::build(&system.kernel, &system.image, &output, &to)?;
        step::say(&format!(
            "{shown} is for a CD, or from its first byte on for a USB stick or a hard disk; \
             it boots to a login with its root file system inside"
        ));
        return Ok(());
    }
    fs::copy(&system.image, &arguments.output).with_context(|| format!("cannot write {shown}"))?;
    step::say(&format!(
        "{shown} boots to a login with its root file system inside; on this board as {}'s -kernel",
        system
            .kernel
            .platform
            .qemu
            .map_or(String::new(), |qemu| qemu.binary),
    ));
    Ok(())
}
