//! Comparing what a case printed with what it should have printed.

use anyhow::{Context, Result};
use regex::Regex;

use super::transcript::{Marks, Step};

/// What came of one test: its name (empty for the case itself), and what is
/// wrong with it.
pub type Verdict = (String, Result<(), String>);

/// Judges a transcript's part in one boot. `output` lies between the marks of
/// the case, `status` is its shell's.
pub fn transcript(steps: &[Step], output: &[u8], status: u8, marks: &Marks) -> Result<(), String> {
    let mut parts = split_steps(output, marks);
    // What follows the last mark belongs to a command that ended the shell.
    let last = parts.pop().expect("there is a part behind the last mark").0;
    if parts.is_empty() {
        return Err(format!(
            "the case's folder could not be made:\n{}",
            shown(&last).join("\n")
        ));
    }
    let (set_up, set_up_status) = parts.remove(0);
    if !set_up.is_empty() || set_up_status != 0 {
        return Err(format!(
            "the case's folder could not be made:\n{}",
            shown(&set_up).join("\n")
        ));
    }
    if parts.len() < steps.len() {
        parts.push((last, status));
    } else if !last.is_empty()
        || status != parts.last().map_or(0, |(_, status)| *status) && status != 0
    {
        return Err(format!(
            "behind the last command, status {status}:\n{}",
            shown(&last).join("\n")
        ));
    }
    let mut problems = String::new();
    for (step, (text, status)) in steps.iter().zip(&parts) {
        problems += &compare(step, text, *status);
    }
    if parts.len() < steps.len() {
        problems += &format!("line {}: not reached\n", steps[parts.len()].line);
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Cuts at the marks that follow commands: each command's output and status.
/// The last part has no mark and status 0.
fn split_steps(output: &[u8], marks: &Marks) -> Vec<(Vec<u8>, u8)> {
    let open = marks.step("").trim_end_matches(">>").to_owned();
    let mut parts = Vec::new();
    let mut rest = output;
    let mut from = 0;
    while let Some(at) = find(&rest[from..], open.as_bytes()).map(|at| at + from) {
        let behind = &rest[at + open.len()..];
        let digits = behind.iter().take_while(|b| b.is_ascii_digit()).count();
        let status = std::str::from_utf8(&behind[..digits])
            .ok()
            .and_then(|d| d.parse().ok());
        let tail = behind[digits..].strip_prefix(b">>\n");
        let (Some(status), Some(tail)) = (status, tail) else {
            from = at + open.len();
            continue;
        };
        parts.push((rest[..at].to_vec(), status));
        rest = tail;
        from = 0;
    }
    parts.push((rest.to_vec(), 0));
    parts
}

/// What differs, for a person; nothing if all is as expected.
fn compare(step: &Step, output: &[u8], status: u8) -> String {
    let actual = shown(output);
    let same_lines = actual.len() == step.expected.len()
        && actual
            .iter()
            .zip(&step.expected)
            .all(|(actual, expected)| matches(expected, actual));
    if same_lines && status == step.status {
        return String::new();
    }
    let mut text = format!(
        "line {}: $ {}\n",
        step.line,
        step.command.replace('\n', "\n> ")
    );
    if !same_lines {
        text += &difference(&step.expected, &actual);
    }
    if status != step.status {
        text += &format!("- [{}]\n+ [{status}]\n", step.status);
    }
    text
}

/// The lines of an output as a case would write them.
fn shown(output: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    for line in output.split_inclusive(|byte| *byte == b'\n') {
        let (line, ended) = match line.strip_suffix(b"\n") {
            Some(line) => (line, true),
            None => (line, false),
        };
        let plain = std::str::from_utf8(line).ok();
        let plain = plain.filter(|l| !l.chars().any(|c| c.is_control() && c != '\t'));
        let mut text = match plain {
            Some(plain) => plain.to_owned(),
            None => format!("{} (esc)", line.escape_ascii()),
        };
        if !ended {
            text += " (no-eol)";
        }
        lines.push(text);
    }
    lines
}

/// Whether a line is as expected.
fn matches(expected: &str, actual: &str) -> bool {
    if expected == actual {
        return true;
    }
    let pattern = if let Some(glob) = expected.strip_suffix(" (glob)") {
        let parts = glob.chars().map(|c| match c {
            '*' => ".*".to_owned(),
            '?' => ".".to_owned(),
            c => regex::escape(c.encode_utf8(&mut [0; 4])),
        });
        parts.collect()
    } else if let Some(pattern) = expected.strip_suffix(" (re)") {
        pattern.to_owned()
    } else if let Some(keys) = expected.strip_suffix(" (json)") {
        let value = serde_json::from_str::<serde_json::Value>(actual);
        return value.is_ok_and(|value| keys.split(' ').all(|key| value.get(key).is_some()));
    } else {
        return false;
    };
    Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(actual))
}

/// Both lists of lines, without what they share at the start and at the end.
fn difference(expected: &[String], actual: &[String]) -> String {
    let same = |(a, b): &(&String, &String)| matches(a, b);
    let start = expected.iter().zip(actual).take_while(same).count();
    let (expected, actual) = (&expected[start..], &actual[start..]);
    let end = expected
        .iter()
        .rev()
        .zip(actual.iter().rev())
        .take_while(same)
        .count();
    let minus = expected[..expected.len() - end]
        .iter()
        .map(|line| format!("- {line}\n"));
    let plus = actual[..actual.len() - end]
        .iter()
        .map(|line| format!("+ {line}\n"));
    minus.chain(plus).collect()
}

/// Judges a test program by the lines that it printed and its status.
pub fn program(output: &[u8], status: u8) -> Vec<Verdict> {
    let text = String::from_utf8_lossy(output);
    let mut verdicts: Vec<Verdict> = Vec::new();
    let mut announced: Option<usize> = None;
    let mut other = String::new();
    for line in text.lines() {
        let line = line.trim_end();
        if let Some(name) = line.strip_prefix("ok ") {
            verdicts.push((name.to_owned(), Ok(())));
        } else if let Some(rest) = line.strip_prefix("not ok ") {
            let (name, why) = rest.split_once(": ").unwrap_or((rest, ""));
            verdicts.push((name.to_owned(), Err(why.to_owned())));
        } else if let Some(count) = line.strip_prefix("done ").and_then(|n| n.parse().ok()) {
            announced = Some(count);
        } else {
            other += line;
            other += "\n";
        }
    }
    let problem = match announced {
        None => Some("it did not print `done COUNT`".to_owned()),
        Some(count) if count != verdicts.len() => Some(format!(
            "it counts {count} results, and printed {}",
            verdicts.len()
        )),
        Some(_) if status != 0 && verdicts.iter().all(|(_, verdict)| verdict.is_ok()) => {
            Some("it found no failure, and failed".to_owned())
        }
        Some(_) => None,
    };
    if let Some(problem) = problem {
        let why = format!("{problem} (exit status {status})\n{other}");
        verdicts.push((String::new(), Err(why)));
    }
    verdicts
}

/// Where `needle` starts in `haystack`.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

/// The number between `prefix` and `>>` at the start of `bytes`, and the
/// length of all three with the newline behind them.
pub fn number_mark(bytes: &[u8], prefix: &str) -> Result<(u8, usize)> {
    let rest = bytes
        .strip_prefix(prefix.as_bytes())
        .context("another mark")?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let status = std::str::from_utf8(&rest[..digits])?.parse()?;
    rest[digits..].strip_prefix(b">>\n").context("no end")?;
    Ok((status, prefix.len() + digits + 3))
}

#[cfg(test)]
mod tests {
    use super::super::transcript::{self, Body};
    use super::*;

    fn judge(case: &str, output: &str, status: u8) -> Result<(), String> {
        let case = transcript::parse("x", case).expect("a good case");
        let Body::Transcript(boots) = case.body else {
            panic!("it is a transcript")
        };
        let output = output.replace("{", "<<step:n:").replace("}", ">>\n");
        super::transcript(&boots[0], output.as_bytes(), status, &Marks("n".into()))
    }

    #[test]
    fn a_transcript_passes_when_every_line_is_as_written() {
        assert_eq!(
            judge("  $ a\n  x\n  $ b\n  [1]\n", "{0}x\n{0}{1}", 1),
            Ok(())
        );
        assert_eq!(judge("  $ a\n  x (no-eol)\n", "{0}x{0}", 0), Ok(()));
        assert_eq!(
            judge(
                "  $ a\n  p* ? (glob)\n  \\d+ (re)\n",
                "{0}pid 4\n12\n{0}",
                0
            ),
            Ok(())
        );
        assert!(judge("  $ a\n  b c (json)\n", "{0}[b]\n{0}", 0).is_err());
        assert!(judge("  $ a\n  b c (json)\n", "{0}[\"b\", \"c\"]\n{0}", 0).is_err());
        assert_eq!(judge("  $ a\n  \\x01 (esc)\n", "{0}\u{1}\n{0}", 0), Ok(()));
        assert_eq!(judge("  $ exit 3\n  bye\n  [3]\n", "{0}bye\n", 3), Ok(()));
    }

    #[test]
    fn a_difference_is_shown_by_line() {
        let why = judge("  $ a\n  x\n  y\n", "{0}x\nz\n{2}", 2).expect_err("it differs");
        assert_eq!(why, "line 1: $ a\n- y\n+ z\n- [0]\n+ [2]\n");
        let why = judge("  $ a\n  $ b\n", "{0}", 139).expect_err("b is not reached");
        assert!(
            why.contains("[139]") && why.contains("line 2: not reached"),
            "{why}"
        );
        assert!(judge("  $ a\n", "no folder\n{1}", 0).is_err());
        assert!(judge("  $ a\n", "", 127).is_err());
    }

    /// What the guest's shell shall do, any POSIX shell does: the transcripts
    /// must not ask for anything else.
    #[test]
    fn transcripts_of_the_shell_hold_on_the_host() {
        let workspace = crate::workspace::Workspace::locate().expect("the checkout is there");
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().display().to_string();
        let cases = workspace.path("tests/guest").join("shell");
        for case in transcript::read_all(&cases).expect("good cases") {
            let Body::Transcript(boots) = &case.body else {
                continue;
            };
            let marks = Marks("n".into());
            let script = case
                .script(0, 0, &marks)
                .replace("/tmp/t/", &format!("{place}/"));
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("({script}) 2>&1")])
                .env("LC_ALL", "C")
                .output()
                .expect("sh starts")
                .stdout;
            let begin = marks.begin(0).len() + 1;
            let end = find(&output, b"<<done:n:0:").expect("the case ends");
            let (status, _) = number_mark(&output[end..], "<<done:n:0:").expect("a status");
            let verdict = super::transcript(&boots[0], &output[begin..end], status, &marks);
            assert_eq!(verdict, Ok(()), "{}", case.name);
        }
    }

    #[test]
    fn a_test_program_is_counted_line_by_line() {
        let verdicts = program(b"ok a\nnot ok b: it: broke\nnoise\ndone 2\n", 1);
        assert_eq!(verdicts.len(), 2);
        assert_eq!(verdicts[1], ("b".into(), Err("it: broke".into())));
    }

    #[test]
    fn a_test_program_that_stops_early_fails() {
        for (output, status) in [("ok a\n", 0), ("ok a\ndone 2\n", 0), ("ok a\ndone 1\n", 1)] {
            let verdicts = program(output.as_bytes(), status);
            assert!(
                verdicts
                    .last()
                    .is_some_and(|(name, v)| name.is_empty() && v.is_err())
            );
        }
    }
}
