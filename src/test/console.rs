//! Conversations with the console: a test that types, and waits for answers.

use std::time::Instant;

use anyhow::Result;

use super::judge::find;
use super::transcript::Turn;
use crate::machine::frame::Event;
use crate::machine::session::{Next, Session};

/// Holds the conversation, until `limit` at the latest. The inner result tells
/// what went wrong in it.
pub fn converse(
    session: &mut Session,
    turns: &[Turn],
    limit: Instant,
) -> Result<Result<(), String>> {
    let mut printed = Vec::new();
    for turn in turns {
        let (line, text) = match turn {
            Turn::Type(bytes) => {
                if let Err(error) = session.send(bytes) {
                    return Ok(Err(format!("{error:#}\n{}", session.last_lines())));
                }
                continue;
            }
            Turn::Expect { line, text } => (line, Some(text)),
            Turn::Halt { line } => (line, None),
        };
        let mut halted = false;
        loop {
            if halted && text.is_none() {
                break;
            }
            if let Some(text) = text
                && let Some(at) = find(&printed, text.as_bytes())
            {
                printed.drain(..at + text.len());
                break;
            }
            let reason = match session.next(Some(limit))? {
                Next::Event(Event::Output(bytes) | Event::Log(bytes)) => {
                    printed.extend(bytes);
                    continue;
                }
                Next::Event(Event::Halt) if text.is_none() => {
                    halted = true;
                    continue;
                }
                Next::Event(Event::Begin | Event::End(_)) => continue,
                Next::Event(Event::Halt | Event::Reboot) => "the system was switched off",
                Next::Event(Event::Dead) => "the system died",
                Next::Closed => "the machine stopped",
                Next::Timeout => "the time is up",
            };
            let awaited = text.map_or("the end", |text| text.as_str());
            let last = session.last_lines();
            return Ok(Err(format!(
                "line {line}: waiting for `{awaited}`: {reason}; the console's last lines:\n{last}"
            )));
        }
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use crate::machine::bootargs::Nonce;
    use crate::machine::frame::Parser;

    fn hold(script: &str, turns: &[Turn]) -> Result<(), String> {
        let nonce = Nonce(7);
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(script.replace("NONCE", &nonce.to_string()))
            .stdin(Stdio::piped());
        let mut session = Session::start(command, Parser::new(nonce), None).expect("sh starts");
        let limit = Instant::now() + Duration::from_secs(20);
        converse(&mut session, turns, limit).expect("there is no log to fail on")
    }

    fn expect(text: &str) -> Turn {
        Turn::Expect {
            line: 1,
            text: text.to_owned(),
        }
    }

    #[test]
    fn answers_are_awaited_in_order() {
        let script = "printf 'login: '; read name; echo \"hello $name\"; read x; \
                      printf '<<hird:NONCE:halt>>'; exec sleep 60";
        let turns = [
            expect("login:"),
            Turn::Type(b"me\n".to_vec()),
            expect("hello me"),
            Turn::Type(b"halt\n".to_vec()),
            Turn::Halt { line: 9 },
        ];
        assert_eq!(hold(script, &turns), Ok(()));
    }

    #[test]
    fn an_answer_that_never_comes_is_named() {
        let why = hold("echo something else", &[expect("login:")]).expect_err("it never comes");
        assert!(
            why.contains("line 1: waiting for `login:`: the machine stopped"),
            "{why}"
        );
        assert!(why.contains("something else"), "{why}");
    }
}
