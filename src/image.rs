//! `hird image`

use std::fs;

use anyhow::{Context, Result, bail};

use crate::cli::{ImageArgs, Platform};
use crate::step;
use crate::system::{Options, System};
use crate::workspace::Workspace;

/// Makes a file to flash, to burn, or to boot as it is.
pub fn command(workspace: &Workspace, arguments: &ImageArgs) -> Result<()> {
    let platform = arguments.platform;
    if platform != Platform::QemuVirt {
        bail!(
            "cannot make {}: images to flash or burn are not supported on {} yet",
            arguments.output.display(),
            platform.name()
        );
    }
    let options = Options {
        platform,
        debug_kernel: false,
        tests: false,
        ramdisk: true,
    };
    let system = System::build(workspace, options)?;
    fs::copy(&system.image, &arguments.output)
        .with_context(|| format!("cannot write {}", arguments.output.display()))?;
    step::say(&format!(
        "{} boots to a login with its root file system inside; on this board as {}'s -kernel",
        arguments.output.display(),
        system
            .kernel
            .platform
            .qemu
            .map_or(String::new(), |qemu| qemu.binary),
    ));
    Ok(())
}
