//! `hird test`: see docs/TESTING.md.

mod console;
mod fuzz;
mod guest;
mod host;
mod judge;
mod report;
mod transcript;

use anyhow::Result;

use crate::cli::TestArgs;
use crate::workspace::Workspace;
use report::Report;

/// Runs the tests. Returns the tool's exit status.
pub fn command(workspace: &Workspace, arguments: &TestArgs) -> Result<u8> {
    let mut report = Report::default();
    if !arguments.guest {
        host::run(workspace, arguments, &mut report)?;
        fuzz::run(workspace, arguments, &mut report)?;
    }
    if !arguments.host {
        guest::run(workspace, arguments, &mut report)?;
    }
    Ok(if report.finish() { 0 } else { 1 })
}
