//! The shell prints and answers what dash does.
//!
//! Each script in `tests/scripts` runs in both shells in a directory of its own;
//! output and exit status must agree. Without dash on the host there is
//! nothing to compare with, and the test says so.

#![cfg(not(target_os = "none"))]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

struct Answer {
    output: String,
    status: Option<i32>,
}

fn scratch(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("hird-sh-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).expect("a scratch directory can be made");
    directory
}

fn run(shell: &Path, script: &str, name: &str) -> Answer {
    let directory = scratch(name);
    let output = Command::new("timeout")
        .arg("10")
        .arg(shell)
        .args(["-c", script, "script", "one", "two words", "three"])
        .current_dir(&directory)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/root")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .expect("the shell starts");
    let _ = std::fs::remove_dir_all(&directory);
    Answer {
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        status: output.status.code(),
    }
}

#[test]
fn scripts_print_what_they_print_in_dash() {
    let dash = Path::new("/usr/bin/dash");
    if !dash.exists() {
        eprintln!("dash is not installed: nothing compared");
        return;
    }
    let ours = Path::new(env!("CARGO_BIN_EXE_sh"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut failures = Vec::new();
    let mut count = 0;
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the scripts are there")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a script can be read");
        // One file holds several scripts, each behind a line `#: what it shows`.
        for part in text.split("#: ").skip(1) {
            let (title, script) = part.split_once('\n').expect("a title has a script");
            let expected = run(dash, script, "dash");
            let actual = run(ours, script, "ours");
            count += 1;
            if actual.output != expected.output || actual.status != expected.status {
                failures.push(format!(
                    "{}: {title}\n--- dash ({:?})\n{}--- ours ({:?})\n{}",
                    file.file_name().unwrap_or_default().to_string_lossy(),
                    expected.status,
                    expected.output,
                    actual.status,
                    actual.output
                ));
            }
        }
    }
    assert!(count > 50, "only {count} scripts were found");
    assert!(
        failures.is_empty(),
        "{} of {count} differ\n{}",
        failures.len(),
        failures.join("\n")
    );
}
