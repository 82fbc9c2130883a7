//! The tests that need no machine: `cargo test` of the crates that have any.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result};

use super::report::{Place, Report};
use crate::cargo::{self, Package, Packages};
use crate::cli::TestArgs;
use crate::step;
use crate::workspace::Workspace;

/// Cargo profile of the tests: optimised, with all checks.
const PROFILE: &str = "host-test";
/// That of this tool.
const TOOL_PROFILE: &str = "dev";
/// Cases that a property test tries with `--long`.
const LONG_PROPERTY_CASES: &str = "5000";
/// How a source shows that it holds tests.
const TEST_SIGNS: [&str; 2] = ["#[test]", "proptest!"];

/// Runs the host's tests.
pub fn run(workspace: &Workspace, arguments: &TestArgs, report: &mut Report) -> Result<()> {
    let packages = Packages::read(workspace)?;
    let tested = packages.iter().filter(|package| is_tested(package));
    // Programs of the guest cannot be linked on the host. The one program of the host is this tool,
    // which is there already, as it was built to be run.
    let (tool, others): (Vec<&Package>, Vec<_>) =
        tested.partition(|package| package.folder() == workspace.root);
    let sets = [
        (&tool, TOOL_PROFILE, ["--bins", "--test=*"]),
        (&others, PROFILE, ["--lib", "--test=*"]),
    ];
    for (set, profile, targets) in sets {
        cargo_test(workspace, arguments, set, profile, &targets, report)?;
    }
    let has_library = |package: &&Package| package.targets("lib").next().is_some();
    let documented: Vec<_> = others.iter().copied().filter(has_library).collect();
    if arguments.long {
        cargo_test(workspace, arguments, &documented, PROFILE, &["--doc"], report)?;
    }
    Ok(())
}

/// Whether a package has tests for the host.
fn is_tested(package: &Package) -> bool {
    package.host_tests().unwrap_or_else(|| {
        package.targets("test").next().is_some() || has_tests(&package.folder().join("src"))
    })
}

/// Whether a source file in the folder holds a test.
fn has_tests(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return has_tests(&path);
        }
        path.extension().is_some_and(|e| e == "rs")
            && fs::read_to_string(&path)
                .is_ok_and(|text| TEST_SIGNS.iter().any(|s| text.contains(s)))
    })
}

fn cargo_test(
    workspace: &Workspace,
    arguments: &TestArgs,
    packages: &[&Package],
    profile: &str,
    targets: &[&str],
    report: &mut Report,
) -> Result<()> {
    let mut command = cargo::cargo(workspace);
    command.args(["test", "--profile", profile, "--no-fail-fast"]).args(targets);
    for package in packages {
        command.args(["-p", &package.name]);
    }
    command.arg("--");
    if arguments.long {
        command.arg("--include-ignored");
        command
            .env("HIRD_LONG", "1")
            .env("PROPTEST_CASES", LONG_PROPERTY_CASES);
    }
    command.args(&arguments.filter);
    // One line a test, in plain text.
    command
        .env("CARGO_TERM_COLOR", "never")
        .env("RUST_TEST_NOCAPTURE", "0");
    follow(command, Place::Host, &targets.join(" "), report)
}

/// Runs `cargo test` and takes its results from what it prints.
pub fn follow(mut command: Command, place: Place, what: &str, report: &mut Report) -> Result<()> {
    if step::verbose() {
        step::say(&step::shown(&command));
    } else {
        step::say(&format!("host tests ({})", what.replace("--", "")));
    }
    let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    // Both streams in one pipe keep the order: cargo says on the one which
    // program's results follow on the other.
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()
        .context("cannot start cargo")?;
    drop(command);

    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send(text).is_err() {
                break;
            }
            line.clear();
        }
    });
    let failed_before = report.failed();
    let mut results = Results::default();
    for line in lines {
        if step::verbose() {
            eprintln!("{line}");
        }
        results.line(&line);
        for (name, outcome) in results.outcomes.drain(..) {
            match outcome {
                Outcome::Passed => report.pass(place, &name),
                Outcome::Failed(why) => report.fail(place, &name, &why),
            }
        }
    }
    let status = child.wait().context("cannot wait for cargo")?;
    let failed_now = report.failed();
    if !status.success() && failed_now == failed_before {
        // Something did not compile, or a test program died.
        let name = format!("cargo test {what}");
        report.fail(place, &name, &results.tail());
    }
    Ok(())
}

enum Outcome {
    Passed,
    Failed(String),
}

/// What the lines so far say.
#[derive(Default)]
struct Results {
    /// The test program that speaks.
    program: String,
    outcomes: Vec<(String, Outcome)>,
    /// Tests that failed; what they printed follows later.
    failed: Vec<String>,
    /// The failed test whose output is being read.
    reading: Option<(String, String)>,
    recent: Vec<String>,
}

/// How many lines explain a failure of cargo itself.
const RECENT: usize = 60;

impl Results {
    fn line(&mut self, line: &str) {
        self.recent.push(line.to_owned());
        if self.recent.len() > 2 * RECENT {
            self.recent.drain(..RECENT);
        }
        let trimmed = line.trim();
        if let Some(rest) = trimmed.strip_prefix("Running ") {
            self.end_of_program();
            self.program = program_name(rest);
            return;
        }
        if let Some(package) = trimmed.strip_prefix("Doc-tests ") {
            self.end_of_program();
            self.program = package.to_owned();
            return;
        }
        if line == "failures:" || line.starts_with("test result:") {
            self.end_of_output();
        }
        if line.starts_with("test result:") {
            self.end_of_program();
        }
        if let Some(name) = line
            .strip_prefix("---- ")
            .and_then(|l| l.strip_suffix(" stdout ----"))
        {
            self.end_of_output();
            self.reading = Some((name.to_owned(), String::new()));
            return;
        }
        if let Some((_, text)) = &mut self.reading {
            text.push_str(line);
            text.push('\n');
            return;
        }
        let Some((name, result)) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.rsplit_once(" ... "))
        else {
            return;
        };
        match result {
            "ok" => {
                let name = format!("{}::{name}", self.program);
                self.outcomes.push((name, Outcome::Passed));
            }
            "FAILED" => self.failed.push(name.to_owned()),
            _ => {}
        }
    }

    /// A failed test's output is complete.
    fn end_of_output(&mut self) {
        let Some((name, text)) = self.reading.take() else {
            return;
        };
        self.failed
            .retain(|failed| failed.split(" - should panic").next() != Some(name.as_str()));
        self.outcomes
            .push((format!("{}::{name}", self.program), Outcome::Failed(text)));
    }

    /// A test program ended: no output will explain its failures any more.
    fn end_of_program(&mut self) {
        self.end_of_output();
        for name in self.failed.drain(..) {
            let name = format!("{}::{name}", self.program);
            self.outcomes.push((name, Outcome::Failed(String::new())));
        }
    }

    fn tail(&self) -> String {
        self.recent[self.recent.len().saturating_sub(RECENT)..].join("\n")
    }
}

/// `unittests src/lib.rs (target/debug/deps/mach-0123)` is `mach`.
fn program_name(running: &str) -> String {
    let path = running
        .rsplit_once('(')
        .map_or(running, |(_, path)| path.trim_end_matches(')'));
    let file = path.rsplit('/').next().unwrap_or(path);
    file.rsplit_once('-')
        .map_or(file, |(name, _)| name)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_from_what_cargo_prints() {
        let text = "   Compiling mach v0.1.0
     Running unittests src/lib.rs (target/debug/deps/mach-0a1b)

running 3 tests
test ports::a ... ok
test ports::b ... FAILED
test ports::c ... ignored
test ports::d ... FAILED

failures:

---- ports::b stdout ----
thread 'ports::b' panicked:
test x ... ok

failures:
    ports::b

test result: FAILED. 1 passed; 2 failed
";
        let mut results = Results::default();
        text.lines().for_each(|line| results.line(line));
        let shown: Vec<(String, Option<String>)> = results
            .outcomes
            .into_iter()
            .map(|(name, outcome)| match outcome {
                Outcome::Passed => (name, None),
                Outcome::Failed(why) => (name, Some(why)),
            })
            .collect();
        assert_eq!(shown.len(), 3);
        assert_eq!(shown[0], ("mach::ports::a".into(), None));
        assert_eq!(shown[1].0, "mach::ports::b");
        assert!(
            shown[1]
                .1
                .as_ref()
                .is_some_and(|why| why.contains("panicked"))
        );
        assert_eq!(shown[2], ("mach::ports::d".into(), Some(String::new())));
    }

    #[test]
    fn a_test_program_is_named_without_its_hash() {
        assert_eq!(
            program_name("unittests src/lib.rs (target/debug/deps/sel4_sys-12ab)"),
            "sel4_sys"
        );
        assert_eq!(
            program_name("tests/all.rs (target/debug/deps/all-1)"),
            "all"
        );
    }
}
