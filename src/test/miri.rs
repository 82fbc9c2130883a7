//! Miri: tests of the crates that have unsafe code, by an interpreter that knows what is undefined.
//!
//! It comes with nightly toolchains alone, so it runs where one is installed.

use std::process::{Command, Stdio};

use anyhow::Result;

use super::host;
use super::report::{Place, Report};
use crate::cargo::Packages;
use crate::cli::TestArgs;
use crate::step;
use crate::workspace::Workspace;

/// The toolchain, as rustup names it.
const TOOLCHAIN: &str = "+nightly";
/// Addresses that come from numbers are allowed, as they come from a kernel; what is kept to the
/// program's end is no leak.
const FLAGS: &str = "-Zmiri-disable-isolation -Zmiri-tree-borrows -Zmiri-permissive-provenance \
                     -Zmiri-ignore-leaks";
/// Cases that a property test tries: it is a thousand times slower.
const CASES: &str = "8";

/// Runs, with `--long`, what packages name under `miri` in their `[package.metadata.hird]`.
pub fn run(workspace: &Workspace, arguments: &TestArgs, report: &mut Report) -> Result<()> {
    if !arguments.long {
        return Ok(());
    }
    let packages = Packages::read(workspace)?;
    let target_dir = workspace.folder("hird/miri")?;
    let miri = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command.current_dir(&workspace.root);
        command.args([TOOLCHAIN, "miri"]).args(arguments);
        command.env("CARGO_TARGET_DIR", &target_dir);
        command.env("MIRIFLAGS", FLAGS);
        command
    };
    let mut setup = miri(&["setup"]);
    let ready = setup.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if !ready.status().is_ok_and(|status| status.success()) {
        step::say(
            "no Miri here: `rustup toolchain install nightly --component miri,rust-src` brings it",
        );
        return Ok(());
    }
    for package in packages.iter().filter(|package| !package.miri().is_empty()) {
        let mut command = miri(&["test", "--no-fail-fast", "-p", &package.name]);
        for target in package.miri() {
            match target.as_str() {
                "lib" => command.arg("--lib"),
                test => command.args(["--test", test]),
            };
        }
        command.arg("--").args(&arguments.filter);
        command
            .env("PROPTEST_CASES", CASES)
            .env("CARGO_TERM_COLOR", "never")
            .env("RUST_TEST_NOCAPTURE", "0");
        host::follow(command, Place::Miri, &format!("Miri, {}", package.name), report)?;
    }
    Ok(())
}
