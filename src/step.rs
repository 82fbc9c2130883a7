//! Running the programs that build things, with progress for the person who waits.

use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

static VERBOSE: AtomicBool = AtomicBool::new(false);

/// How long a step may be silent before it is announced where there is no
/// terminal to animate.
const ANNOUNCE_AFTER: Duration = Duration::from_secs(2);

/// Shows every command and its output from now on.
pub fn set_verbose(verbose: bool) {
    VERBOSE.store(verbose, Ordering::Relaxed);
}

/// Whether `-v` was given.
pub fn verbose() -> bool {
    VERBOSE.load(Ordering::Relaxed)
}

/// Tells the person something, on standard error.
pub fn say(text: &str) {
    eprintln!("hird: {text}");
}

/// The command as a shell would take it, for messages.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| quote(&word.to_string_lossy()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Quotes a word for a POSIX shell, only if it needs it.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=./,:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// What a finished command printed.
pub struct Printed {
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// Runs `command` as the step `label` ("building the kernel").
///
/// The output is shown only with `-v` or when the command fails, which is an
/// error. A terminal sees the last line of it while the step runs.
pub fn run(label: &str, command: &mut Command) -> Result<Printed> {
    if verbose() {
        say(&shown(command));
    }
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{label}: cannot start `{program}` (./hird setup installs it)"))?;

    let mut stdout_pipe = child.stdout.take().expect("piped above");
    let stdout_reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        // A read error ends the output; the exit status still tells the result.
        let _ = stdout_pipe.read_to_end(&mut bytes);
        bytes
    });
    let (lines, received) = mpsc::channel();
    let stderr_pipe = child.stderr.take().expect("piped above");
    thread::spawn(move || {
        let mut reader = BufReader::new(stderr_pipe);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            if lines
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                break;
            }
            line.clear();
        }
    });

    let stderr = follow(label, received);
    let status = child
        .wait()
        .with_context(|| format!("{label}: cannot wait for `{program}`"))?;
    let stdout = stdout_reader.join().unwrap_or_default();
    if !status.success() {
        let out = String::from_utf8_lossy(&stdout);
        bail!(
            "{label} failed ({status}): {}\n{}{}",
            shown(command),
            out,
            stderr.trim_end()
        );
    }
    Ok(Printed { stdout, stderr })
}

/// Collects the lines of a step and shows that it lives.
fn follow(label: &str, lines: mpsc::Receiver<String>) -> String {
    let animated = !verbose() && std::io::stderr().is_terminal();
    let bar = if animated {
        ProgressBar::new_spinner()
    } else {
        ProgressBar::hidden()
    };
    let style = ProgressStyle::with_template("{spinner} {prefix} {wide_msg:.dim} {elapsed}");
    bar.set_style(style.expect("the template is constant"));
    bar.set_prefix(label.to_owned());

    let started = Instant::now();
    let mut announced = verbose() || animated;
    let mut text = String::new();
    loop {
        match lines.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => {
                if verbose() {
                    eprint!("{line}");
                }
                bar.set_message(line.trim().to_owned());
                text.push_str(&line);
            }
            Err(mpsc::RecvTimeoutError::Timeout) => bar.tick(),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
        if !announced && started.elapsed() > ANNOUNCE_AFTER {
            say(label);
            announced = true;
        }
    }
    bar.finish_and_clear();
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_leaves_plain_words_alone() {
        assert_eq!(quote("-M"), "-M");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn a_failing_command_is_an_error_with_its_output() {
        let error = run(
            "trying",
            Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]),
        )
        .err()
        .expect("status 3 is a failure")
        .to_string();
        assert!(
            error.contains("out") && error.contains("err") && error.contains('3'),
            "{error}"
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run("trying", &mut Command::new("no-such-program-here"));
        assert!(
            error
                .err()
                .expect("it is missing")
                .to_string()
                .contains("no-such-program-here")
        );
    }
}
