//! One life of a machine, from its start to its end.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::frame::{Event, Parser};

/// How much of the log is kept to show when the system dies, in bytes.
const TAIL_BYTES: usize = 8 << 10;
/// How many lines of it are shown.
const TAIL_LINES: usize = 20;
/// How long the serial line is left alone after each read: the emulator writes byte by byte, and
/// reading so would take a part of the processor that the guest needs.
const GATHER: Duration = Duration::from_millis(1);
/// How long an emulator that was asked to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(3);

/// A running machine. Dropping it ends the machine.
pub struct Session {
    child: Child,
    events: Receiver<Message>,
    tail: VecDeque<u8>,
    log: Option<File>,
}

enum Message {
    Event(Event),
    /// The emulator's own complaints.
    Complaint(Vec<u8>),
    /// All that the serial line carried, as it came.
    Raw(Vec<u8>),
    /// The emulator is gone.
    Closed,
}

/// What happens next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Event(Event),
    /// The time is up.
    Timeout,
    /// The emulator ended by itself.
    Closed,
}

impl Session {
    /// Starts the machine. All that its serial line carries goes to `log`, too.
    pub fn start(mut command: Command, parser: Parser, log: Option<File>) -> Result<Session> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{program}` (./hird setup installs it)"))?;
        let stdout = child.stdout.take().context("no serial line")?;
        let stderr = child.stderr.take().context("no standard error")?;
        let (sender, events) = mpsc::channel();
        let complaints = sender.clone();
        let reader = thread::spawn(move || read_complaints(stderr, &complaints));
        thread::spawn(move || {
            read_serial_line(stdout, parser, &sender);
            // The reason for an early end shall be known before the end.
            let _ = reader.join();
            let _ = sender.send(Message::Closed);
        });
        Ok(Session {
            child,
            events,
            tail: VecDeque::new(),
            log,
        })
    }

    /// Waits for the next event, until `deadline` if there is one.
    pub fn next(&mut self, deadline: Option<Instant>) -> Result<Next> {
        loop {
            let received = match deadline {
                Some(deadline) => self
                    .events
                    .recv_timeout(deadline.saturating_duration_since(Instant::now())),
                None => self
                    .events
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
            };
            match received {
                Ok(Message::Event(event)) => return Ok(Next::Event(event)),
                Ok(Message::Complaint(bytes)) | Ok(Message::Raw(bytes)) => self.keep(&bytes)?,
                Ok(Message::Closed) | Err(RecvTimeoutError::Disconnected) => {
                    return Ok(Next::Closed);
                }
                Err(RecvTimeoutError::Timeout) => return Ok(Next::Timeout),
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(log) = &mut self.log {
            log.write_all(bytes).context("cannot write the log")?;
        }
        self.tail.extend(bytes);
        let excess = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..excess);
        Ok(())
    }

    /// Sends bytes up the serial line, if the command's standard input is a pipe.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let line = self.child.stdin.as_mut().context("nobody can type here")?;
        line.write_all(bytes)
            .and_then(|()| line.flush())
            .context("the serial line is closed")
    }

    /// The last lines of the serial line, for a person to read.
    pub fn last_lines(&mut self) -> String {
        let text = String::from_utf8_lossy(self.tail.make_contiguous()).into_owned();
        let lines: Vec<String> = text.lines().map(printable).collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    /// Time of processors that the emulator has used.
    pub fn worked(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        // Fields 14 and 15, behind the program's name in parentheses.
        let ticks = stat.as_ref().ok().and_then(|stat| stat.rsplit_once(')')).map(|(_, fields)| {
            let fields = fields.split_ascii_whitespace().skip(11).take(2);
            fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>()
        });
        let second = rustix::param::clock_ticks_per_second();
        Duration::from_millis(ticks.unwrap_or(0) * 1000 / second)
    }

    /// Ends the machine, if it has not ended, and returns how it ended.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        // Asked kindly, the emulator writes out what it holds of the disks and
        // gives the terminal back.
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let patience = Instant::now() + GRACE;
        while Instant::now() < patience {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.child.kill()?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Nobody is left to tell; the machine ends with the tool at the latest.
        let _ = self.stop();
    }
}

fn read_serial_line(mut line: impl Read, mut parser: Parser, sender: &Sender<Message>) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = match line.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        let bytes = &buffer[..count];
        if sender.send(Message::Raw(bytes.to_vec())).is_err() {
            return;
        }
        for event in parser.feed(bytes) {
            if sender.send(Message::Event(event)).is_err() {
                return;
            }
        }
        thread::sleep(GATHER);
    }
    for event in parser.finish() {
        let _ = sender.send(Message::Event(event));
    }
}

fn read_complaints(mut stderr: impl Read, sender: &Sender<Message>) {
    let mut buffer = vec![0; 4 << 10];
    while let Ok(count) = stderr.read(&mut buffer) {
        if count == 0
            || sender
                .send(Message::Complaint(buffer[..count].to_vec()))
                .is_err()
        {
            return;
        }
    }
}

/// A line without control characters, which could confuse a terminal.
fn printable(line: &str) -> String {
    line.chars()
        .filter(|c| !c.is_control() || *c == '\t')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::bootargs::Nonce;

    const NONCE: Nonce = Nonce(7);

    /// A machine that is a shell script.
    fn fake(script: &str) -> Session {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(script.replace("NONCE", &NONCE.to_string()));
        command.stdin(Stdio::null());
        Session::start(command, Parser::new(NONCE), None).expect("sh starts")
    }

    fn soon() -> Option<Instant> {
        Some(Instant::now() + Duration::from_secs(20))
    }

    #[test]
    fn a_run_of_commands_gives_their_output_and_status() {
        let mut session = fake(
            "echo boot; echo '<<hird:NONCE:begin>>'; printf 'out\\0put<<hird:NONCE:end:42>>\\n'; \
             exec sleep 60",
        );
        let mut output = Vec::new();
        let status = loop {
            match session.next(soon()).expect("no log to fail on") {
                Next::Event(Event::Output(bytes)) => output.extend(bytes),
                Next::Event(Event::End(status)) => break status,
                Next::Event(_) => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((status, output.as_slice()), (42, b"out\0put".as_slice()));
        assert!(session.last_lines().contains("boot"));
        assert!(!session.stop().expect("it stops").success());
    }

    #[test]
    fn a_machine_that_ends_by_itself_leaves_its_last_words() {
        let mut session = fake("echo panic >&2; exit 1");
        while session.next(soon()).expect("no log to fail on") != Next::Closed {}
        assert_eq!(session.last_lines(), "panic");
    }

    #[test]
    fn what_an_emulator_works_is_counted() {
        let session = fake("while :; do :; done");
        while session.worked().is_zero() {
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn a_silent_machine_runs_into_its_time_limit() {
        let mut session = fake("exec sleep 60");
        let limit = Instant::now() + Duration::from_millis(50);
        assert_eq!(
            session.next(Some(limit)).expect("no log to fail on"),
            Next::Timeout
        );
    }

    #[test]
    fn the_last_lines_hold_no_control_characters() {
        let mut session = fake("printf 'a\\033[2Jb\\n'");
        while session.next(soon()).expect("no log to fail on") != Next::Closed {}
        assert_eq!(session.last_lines(), "a[2Jb");
    }
}
