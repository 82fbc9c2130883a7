//! `hird image`

use anyhow::{Result, bail};

use crate::cli::ImageArgs;

/// Makes a file to flash or burn.
pub fn command(arguments: &ImageArgs) -> Result<()> {
    let platform = arguments.platform.name();
    bail!(
        "cannot make {}: images to flash or burn are not supported on {platform} yet",
        arguments.output.display()
    )
}
