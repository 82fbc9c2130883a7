//! Fuzzing: the targets of the folder `fuzz`, which has the layout of cargo-fuzz, built as it does
//! it, but with the compiler that builds everything else.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result};

use super::parallel::{self, locked};
use super::report::{Place, Report};
use crate::cargo;
use crate::cli::TestArgs;
use crate::step;
use crate::workspace::Workspace;

/// What makes the compiler note which parts of a program an input reaches, for libFuzzer.
const FLAGS: [&str; 7] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
    "-Cforce-frame-pointers",
];
/// Bytes of the longest input: what the longest run takes.
const LONGEST: usize = 6000;
/// How many lines explain a failure.
const RECENT: usize = 40;

/// Runs each target for its share of the time that was asked for.
pub fn run(workspace: &Workspace, arguments: &TestArgs, report: &mut Report) -> Result<()> {
    let targets: Vec<String> = targets(&workspace.path("fuzz/fuzz_targets"))?
        .into_iter()
        .filter(|target| {
            let filter = arguments.filter.as_deref().unwrap_or_default();
            name(target).contains(filter)
        })
        .collect();
    if targets.is_empty() || arguments.fuzz == 0 {
        return Ok(());
    }
    let programs = workspace.folder("hird/fuzz")?;
    let host = host()?;
    let mut build = cargo::cargo(workspace);
    build.args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml"]);
    build.args(["--target", &host, "--target-dir"]).arg(&programs);
    build.env("RUSTFLAGS", FLAGS.join(" "));
    if let Err(why) = step::run("building the fuzz targets", &mut build) {
        report.fail(Place::Host, "fuzz", &format!("{why:#}"));
        return Ok(());
    }
    let seconds = (arguments.fuzz / targets.len() as u64).max(1);
    step::say(&format!("fuzzing ({}, {seconds} s each)", targets.join(", ")));
    let report = Mutex::new(report);
    parallel::each(targets, |target| {
        let program = programs.join(&host).join("release").join(&target);
        let found = workspace.folder(&format!("hird/fuzz/found/{target}"))?;
        let mut fuzz = Command::new(&program);
        fuzz.arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={LONGEST}"))
            .arg(format!("-artifact_prefix={}/failed-", programs.display()))
            // What this run finds is kept apart from what the checkout holds.
            .arg(found)
            .arg(workspace.path(format!("fuzz/corpus/{target}")))
            .stdin(Stdio::null());
        let done = fuzz.output().with_context(|| format!("cannot start {}", program.display()))?;
        let text = String::from_utf8_lossy(&done.stderr);
        if step::verbose() {
            eprint!("{text}");
        }
        let mut report = locked(&report);
        match done.status.success() {
            true => report.pass(Place::Host, &name(&target)),
            false => report.fail(Place::Host, &name(&target), &why(&program, &text)),
        }
        Ok(())
    })
}

fn name(target: &str) -> String {
    format!("fuzz::{target}")
}

/// The last of what a failed target said, and how to see it again.
fn why(program: &Path, text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let last = &lines[lines.len().saturating_sub(RECENT)..];
    let written = last.iter().find_map(|line| line.split_once("Test unit written to "));
    let again = written.map(|(_, file)| format!("\nto see it again: {} {file}", program.display()));
    last.join("\n") + &again.unwrap_or_default()
}

/// The targets' names, in order.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let names = entries.flatten().map(|entry| entry.path());
    let mut names: Vec<String> = names
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// The compiler's own target: with it named, what runs while building is built without the flags.
fn host() -> Result<String> {
    let printed = step::run("asking the compiler", Command::new("rustc").arg("-vV"))?;
    let text = String::from_utf8_lossy(&printed.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc -vV does not say `host:`")
}
