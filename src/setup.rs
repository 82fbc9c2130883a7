//! `hird setup`

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// Installs what is missing. The script `ci/setup` does it, because there may
/// be no toolchain to build this tool with before it ran.
pub fn command(workspace: &Workspace) -> Result<()> {
    let script = workspace.path("ci/setup");
    let status = Command::new(&script)
        .status()
        .with_context(|| format!("cannot start {}", script.display()))?;
    if !status.success() {
        bail!("the set-up did not succeed");
    }
    Ok(())
}
