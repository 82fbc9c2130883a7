//! `hird test`: see docs/TESTING.md.

mod console;
mod fuzz;
mod guest;
mod host;
mod judge;
mod miri;
mod parallel;
mod report;
mod transcript;

use anyhow::{Result, bail};

use crate::cli::TestArgs;
use crate::workspace::Workspace;
use report::Report;

/// Runs the tests. Returns the tool's exit status.
pub fn command(workspace: &Workspace, arguments: &TestArgs) -> Result<u8> {
    let filter = arguments.filter.as_deref().unwrap_or_default();
    let mut report = Report::default();
    if !arguments.guest {
        host::run(workspace, arguments, &mut report)?;
        miri::run(workspace, arguments, &mut report)?;
        fuzz::run(workspace, arguments, &mut report)?;
    }
    if !arguments.host {
        guest::run(workspace, arguments, &mut report)?;
    }
    let passed = report.finish();
    if report.is_empty() {
        bail!("no test's name has `{filter}` in it; `hird test` runs all, `--long` the long ones too");
    }
    Ok(if passed { 0 } else { 1 })
}
