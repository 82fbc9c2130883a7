//! Conversations with the console: a test that types, and waits for answers.

use std::time::Instant;

use anyhow::Result;

use super::judge::find;
use super::transcript::Turn;
use crate::machine::frame::Event;
use crate::machine::session::{Next, Session};

/// Holds the conversation, until `limit` at the latest. A machine that `ends`
/// itself must do so where it is told to. The inner result tells what went
/// wrong.
pub fn converse(
    session: &mut Session,
    turns: &[Turn],
    ends: bool,
    limit: Instant,
) -> Result<Result<(), String>> {
    let mut printed = Vec::new();
    for turn in turns {
        let (line, text, restart) = match turn {
            Turn::Type(bytes) => {
                if let Err(error) = session.send(bytes) {
                    return Ok(Err(format!("{error:#}\n{}", session.last_lines())));
                }
                continue;
            }
            Turn::Expect { line, text } => (line, Some(text), false),
            Turn::End { line, restart } => (line, None, *restart),
        };
        let mut is_told = false;
        loop {
            if is_told && !ends {
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
                Next::Event(event @ (Event::Halt | Event::Reboot))
                    if text.is_none() && restart == (event == Event::Reboot) =>
                {
                    is_told = true;
                    continue;
                }
                Next::Closed if is_told => break,
                Next::Event(Event::Begin | Event::End(_)) => continue,
                Next::Event(Event::Halt) => "the system was switched off",
                Next::Event(Event::Reboot) => "the system was restarted",
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

    fn hold(script: &str, turns: &[Turn], ends: bool) -> Result<(), String> {
        hold_for(20, script, turns, ends)
    }

    fn hold_for(seconds: u64, script: &str, turns: &[Turn], ends: bool) -> Result<(), String> {
        let nonce = Nonce(7);
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(script.replace("NONCE", &nonce.to_string()))
            .stdin(Stdio::piped());
        let mut session = Session::start(command, Parser::new(nonce), None).expect("sh starts");
        let limit = Instant::now() + Duration::from_secs(seconds);
        converse(&mut session, turns, ends, limit).expect("there is no log to fail on")
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
            Turn::End {
                line: 9,
                restart: false,
            },
        ];
        assert_eq!(hold(script, &turns, false), Ok(()));
    }

    #[test]
    fn a_machine_ends_itself_as_it_was_told_to() {
        let turns = |restart| [Turn::End { line: 1, restart }];
        let halt = "printf '<<hird:NONCE:halt>>'";
        let reboot = "printf '<<hird:NONCE:reboot>>'";
        assert_eq!(hold(halt, &turns(false), true), Ok(()));
        assert_eq!(hold(reboot, &turns(true), true), Ok(()));
        let why = hold(halt, &turns(true), true).expect_err("it is switched off");
        assert!(why.contains("the system was switched off"), "{why}");
        let why = hold(reboot, &turns(false), true).expect_err("it restarts");
        assert!(why.contains("the system was restarted"), "{why}");
        let stays = format!("{halt}; exec sleep 60");
        let why = hold_for(1, &stays, &turns(false), true).expect_err("it stays");
        assert!(why.contains("the time is up"), "{why}");
        let why = hold("true", &turns(false), true).expect_err("nobody told it");
        assert!(why.contains("the machine stopped"), "{why}");
    }

    #[test]
    fn an_answer_that_never_comes_is_named() {
        let why = hold("echo something else", &[expect("login:")], false).expect_err("it never comes");
        assert!(
            why.contains("line 1: waiting for `login:`: the machine stopped"),
            "{why}"
        );
        assert!(why.contains("something else"), "{why}");
    }
}
