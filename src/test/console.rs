//! Conversations with the console, and at the screen: a test that types, and waits for answers.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::judge::find;
use super::transcript::Turn;
use crate::machine::frame::Event;
use crate::machine::screen::Screen;
use crate::machine::session::{Next, Session};

/// How long between two looks at the screen.
const LOOK: Duration = Duration::from_millis(100);

/// How long the words may take that follow the mark of a system that dies.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Holds the conversation, until `limit` at the latest; at the screen if the machine has one. A
/// machine that `ends` itself must do so where it is told to. The inner result tells what went
/// wrong.
pub fn converse(
    session: &mut Session,
    mut screen: Option<Screen>,
    turns: &[Turn],
    ends: bool,
    limit: Instant,
) -> Result<Result<(), String>> {
    let mut printed = Vec::new();
    let mut at_screen = false;
    for turn in turns {
        let there = screen.as_mut().filter(|_| at_screen);
        let (line, text, how) = match (turn, there) {
            (Turn::Screen(to), _) => {
                at_screen = *to;
                continue;
            }
            (Turn::Type(bytes), Some(screen)) => {
                screen.press(bytes)?;
                continue;
            }
            (Turn::Expect { line, text }, Some(screen)) => {
                if let Err(why) = look_for(screen, text, session, &mut printed, limit)? {
                    return Ok(Err(format!(
                        "line {line}: waiting for `{text}` on the screen: {why}"
                    )));
                }
                continue;
            }
            (Turn::Type(bytes), None) => {
                if let Err(error) = session.send(bytes) {
                    return Ok(Err(format!("{error:#}\n{}", session.last_lines())));
                }
                continue;
            }
            (Turn::Expect { line, text }, None) => (line, Some(text), None),
            (Turn::End { line, how }, _) => (line, None, Some(how)),
        };
        let (mut is_told, mut is_dead, mut until) = (false, false, limit);
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
            let reason = match session.next(Some(until))? {
                // One that dies may stay as it is.
                Next::Event(Event::Dead) if how == Some(&Event::Dead) => break,
                Next::Event(Event::Dead) => {
                    (is_dead, until) = (true, limit.min(Instant::now() + LAST_WORDS));
                    continue;
                }
                Next::Closed | Next::Timeout if is_dead => "the system died",
                Next::Event(event) if how == Some(&event) => {
                    is_told = true;
                    continue;
                }
                Next::Closed if is_told => break,
                next => match end(next, &mut printed) {
                    Some(reason) => reason,
                    None => continue,
                },
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

/// Keeps what was printed; answers why the conversation cannot go on, if it cannot.
fn end(next: Next, printed: &mut Vec<u8>) -> Option<&'static str> {
    match next {
        Next::Event(Event::Output(bytes) | Event::Log(bytes)) => {
            printed.extend(bytes);
            None
        }
        Next::Event(Event::Begin | Event::End(_)) => None,
        Next::Event(Event::Halt) => Some("the system was switched off"),
        Next::Event(Event::Reboot) => Some("the system was restarted"),
        Next::Event(Event::Dead) => Some("the system died"),
        Next::Closed => Some("the machine stopped"),
        Next::Timeout => Some("the time is up"),
    }
}

/// Looks at the screen until it shows a text.
fn look_for(
    screen: &mut Screen,
    text: &str,
    session: &mut Session,
    printed: &mut Vec<u8>,
    limit: Instant,
) -> Result<Result<(), String>> {
    let mut reason = None;
    loop {
        let shown = screen.shown()?;
        if shown.contains(text) {
            return Ok(Ok(()));
        }
        if let Some(reason) = reason {
            let last = session.last_lines();
            return Ok(Err(format!(
                "{reason}; it shows:\n{}\nthe console's last lines:\n{last}",
                shown.trim_end()
            )));
        }
        // What ends the system may have been shown before.
        reason = match session.next(Some(limit.min(Instant::now() + LOOK)))? {
            Next::Timeout if Instant::now() < limit => None,
            next => end(next, printed),
        };
    }
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
        converse(&mut session, None, turns, ends, limit).expect("there is no log to fail on")
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
                how: Event::Halt,
            },
        ];
        assert_eq!(hold(script, &turns, false), Ok(()));
    }

    #[test]
    fn a_machine_ends_itself_as_it_was_told_to() {
        let turns = |how| [Turn::End { line: 1, how }];
        let halt = "printf '<<hird:NONCE:halt>>'";
        let reboot = "printf '<<hird:NONCE:reboot>>'";
        assert_eq!(hold(halt, &turns(Event::Halt), true), Ok(()));
        assert_eq!(hold(reboot, &turns(Event::Reboot), true), Ok(()));
        let why = hold(halt, &turns(Event::Reboot), true).expect_err("it is switched off");
        assert!(why.contains("the system was switched off"), "{why}");
        let why = hold(reboot, &turns(Event::Halt), true).expect_err("it restarts");
        assert!(why.contains("the system was restarted"), "{why}");
        let stays = format!("{halt}; exec sleep 60");
        let why = hold_for(1, &stays, &turns(Event::Halt), true).expect_err("it stays");
        assert!(why.contains("the time is up"), "{why}");
        let dead = "printf '<<hird:NONCE:dead>>'; exec sleep 60";
        assert_eq!(hold(dead, &turns(Event::Dead), true), Ok(()));
        let why = hold(dead, &turns(Event::Halt), true).expect_err("it dies");
        assert!(why.contains("the system died"), "{why}");
        let words = "printf '<<hird:dead>> no memory'; exec sleep 60";
        assert_eq!(hold(words, &[expect("memory")], true), Ok(()));
        let why = hold(words, &[expect("processor")], true).expect_err("it dies of another");
        assert!(why.contains("the system died"), "{why}");
        let why = hold("true", &turns(Event::Halt), true).expect_err("nobody told it");
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
