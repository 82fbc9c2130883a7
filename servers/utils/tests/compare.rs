//! The utilities print and answer what the host's do.
//!
//! Each script of `tests/scripts.sh` runs twice in a directory of its own: with
//! the host's utilities in `PATH`, and with ours. Output and exit status must agree.

#![cfg(not(target_os = "none"))]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn scratch(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("hird-utils-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).expect("a scratch directory can be made");
    directory
}

/// Runs a script. The shell's own `echo` and the like hide those in `PATH`, so scripts that are
/// about these call them through `env`.
fn run(path: &str, script: &str, name: &str) -> Output {
    let directory = scratch(name);
    let output = Command::new("/usr/bin/timeout")
        .args(["20", "/usr/bin/dash", "-c", script])
        .current_dir(&directory)
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()
        .expect("the shell starts");
    let _ = std::fs::remove_dir_all(&directory);
    output
}

#[test]
fn utilities_print_what_the_hosts_print() {
    let dash = Path::new("/usr/bin/dash");
    if !dash.exists() {
        eprintln!("dash is not installed: nothing compared");
        return;
    }
    let ours = Path::new(env!("CARGO_BIN_EXE_cat"))
        .parent()
        .expect("programs are in a directory");
    // What there is none of ours for comes from the host.
    let our_path = format!("{}:/usr/bin:/bin", ours.display());
    let text = include_str!("scripts.sh");
    let mut failures = Vec::new();
    let mut count = 0;
    for part in text.split("#: ").skip(1) {
        let (title, script) = part.split_once('\n').expect("a title has a script");
        let expected = run("/usr/bin:/bin", script, "host");
        let actual = run(&our_path, script, "ours");
        count += 1;
        if actual.stdout != expected.stdout || actual.status != expected.status {
            failures.push(format!(
                "{title}\n--- host ({:?})\n{}--- ours ({:?})\n{}{}",
                expected.status.code(),
                String::from_utf8_lossy(&expected.stdout),
                actual.status.code(),
                String::from_utf8_lossy(&actual.stdout),
                String::from_utf8_lossy(&actual.stderr),
            ));
        }
    }
    assert!(count > 30, "only {count} scripts were found");
    assert!(
        failures.is_empty(),
        "{} of {count} differ\n{}",
        failures.len(),
        failures.join("\n")
    );
}
