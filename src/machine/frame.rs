//! Marks on the serial line, which tell the output of commands from the log.
//!
//! The guest writes a mark as `<<hird:NONCE:WORD>>`; docs/TESTING.md lists the
//! words. Marks are found byte for byte, wherever they stand, so the output in
//! between may be anything, binary or without a newline at its end.

use super::bootargs::Nonce;

/// Longest mark, in bytes.
const LONGEST: usize = 64;
const OPEN: &[u8] = b"<<hird:";
const CLOSE: &[u8] = b">>";
/// How a debug kernel starts and ends what it prints.
const KERNEL_OPEN: &[u8] = b"<<seL4(CPU ";
const KERNEL_CLOSE: &[u8] = b">>\n";
/// Longest text of a debug kernel, in bytes.
const KERNEL_LONGEST: usize = 1024;

/// What the serial line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Text of the system: boot messages, logs.
    Log(Vec<u8>),
    /// What the commands print.
    Output(Vec<u8>),
    /// The commands start.
    Begin,
    /// The commands ended with this exit status, and all disks are synced.
    End(u8),
    /// The system cannot go on.
    Dead,
    /// The guest wants to be switched off.
    Halt,
    /// The guest wants to be started again.
    Reboot,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Log,
    /// The rest of the line of a `begin` or `end` mark.
    LineEnd(Before),
    Output,
    /// A log text between two pieces of output.
    Inserted,
    Ended,
}

/// What a line end is awaited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Output,
    Ended,
}

/// Takes the serial line apart. Give it bytes as they come.
pub struct Parser {
    nonce: String,
    state: State,
    /// Bytes that may be the start of a mark.
    held: Vec<u8>,
    /// Whether the kernel prints messages of its own, wherever it likes.
    kernel_prints: bool,
}

impl Parser {
    /// A parser for a guest that knows `nonce`.
    pub fn new(nonce: Nonce) -> Parser {
        Parser {
            nonce: nonce.to_string(),
            state: State::Log,
            held: Vec::new(),
            kernel_prints: false,
        }
    }

    /// The same for a machine with a debug kernel, whose messages are log.
    pub fn with_debug_kernel(self, debug_kernel: bool) -> Parser {
        Parser {
            kernel_prints: debug_kernel,
            ..self
        }
    }

    /// Takes the next bytes and returns what they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        self.held.extend_from_slice(bytes);
        let data = std::mem::take(&mut self.held);
        let mut rest = data.as_slice();
        while !rest.is_empty() {
            if let State::LineEnd(before) = self.state {
                // A terminal may put a carriage return before the newline.
                if rest == b"\r" {
                    break;
                }
                let skip = rest.strip_prefix(b"\r\n").or(rest.strip_prefix(b"\n"));
                rest = skip.unwrap_or(rest);
                self.state = match before {
                    Before::Output => State::Output,
                    Before::Ended => State::Ended,
                };
                continue;
            }
            let at = self.find_start(rest);
            if at > 0 {
                self.text(&rest[..at], &mut events);
                rest = &rest[at..];
                continue;
            }
            match self.mark(rest) {
                Mark::Kernel(length) => {
                    events.push(Event::Log(rest[..length].to_vec()));
                    rest = &rest[length..];
                }
                Mark::Complete(length) => {
                    self.word(&rest[..length], &mut events);
                    rest = &rest[length..];
                }
                Mark::Partial => break,
                Mark::None => {
                    self.text(&rest[..1], &mut events);
                    rest = &rest[1..];
                }
            }
        }
        self.held = rest.to_vec();
        events
    }

    /// The line ended: what was held back is text after all.
    pub fn finish(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let held = std::mem::take(&mut self.held);
        if !matches!(self.state, State::LineEnd(_)) {
            self.text(&held, &mut events);
        }
        events
    }

    fn text(&self, bytes: &[u8], events: &mut Vec<Event>) {
        if bytes.is_empty() {
            return;
        }
        match (self.state, events.last_mut()) {
            (State::Output, Some(Event::Output(last))) => last.extend_from_slice(bytes),
            (State::Output, _) => events.push(Event::Output(bytes.to_vec())),
            (_, Some(Event::Log(last))) => last.extend_from_slice(bytes),
            (_, _) => events.push(Event::Log(bytes.to_vec())),
        }
    }

    /// Where the next mark may start.
    fn find_start(&self, bytes: &[u8]) -> usize {
        let starts = |at: &usize| {
            let rest = &bytes[*at..];
            may_start(rest, OPEN) || self.kernel_prints && may_start(rest, KERNEL_OPEN)
        };
        let candidates = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'<');
        candidates
            .map(|(at, _)| at)
            .find(starts)
            .unwrap_or(bytes.len())
    }

    /// Whether `bytes` starts with a mark.
    fn mark(&self, bytes: &[u8]) -> Mark {
        if self.kernel_prints && may_start(bytes, KERNEL_OPEN) {
            let window = &bytes[..bytes.len().min(KERNEL_LONGEST)];
            if let Some(at) = position(window, KERNEL_CLOSE) {
                return Mark::Kernel(at + KERNEL_CLOSE.len());
            }
            if bytes.len() < KERNEL_LONGEST {
                return Mark::Partial;
            }
        }
        if !may_start(bytes, OPEN) {
            return Mark::None;
        }
        let window = &bytes[..bytes.len().min(LONGEST)];
        if let Some(at) = position(window, CLOSE) {
            let length = at + CLOSE.len();
            return match self.parse(&bytes[..length]) {
                Some(_) => Mark::Complete(length),
                None => Mark::None,
            };
        }
        if bytes.len() < LONGEST {
            Mark::Partial
        } else {
            Mark::None
        }
    }

    /// The word of a whole mark, if it is ours.
    fn parse<'a>(&self, mark: &'a [u8]) -> Option<&'a str> {
        let inner = mark.strip_prefix(OPEN)?.strip_suffix(CLOSE)?;
        let inner = std::str::from_utf8(inner).ok()?;
        if inner == "dead" && self.state == State::Log {
            // A panic before the guest has read its command line.
            return Some(inner);
        }
        let word = inner.strip_prefix(self.nonce.as_str())?.strip_prefix(':')?;
        let known = matches!(word, "begin" | "log" | "out" | "dead" | "halt" | "reboot");
        (known || status(word).is_some()).then_some(word)
    }

    fn word(&mut self, mark: &[u8], events: &mut Vec<Event>) {
        let word = self.parse(mark).unwrap_or_default().to_owned();
        match word.as_str() {
            "begin" if self.state == State::Log => {
                self.state = State::LineEnd(Before::Output);
                events.push(Event::Begin);
            }
            "log" if self.state == State::Output => self.state = State::Inserted,
            "out" if self.state == State::Inserted => self.state = State::Output,
            "dead" => {
                self.state = State::Ended;
                events.push(Event::Dead);
            }
            "halt" => events.push(Event::Halt),
            "reboot" => events.push(Event::Reboot),
            word => {
                // A mark that is out of place is text; so are `log` and `out`
                // while no commands run.
                match status(word) {
                    Some(status) if matches!(self.state, State::Output | State::Inserted) => {
                        self.state = State::LineEnd(Before::Ended);
                        events.push(Event::End(status));
                    }
                    _ if matches!(word, "log" | "out") => {}
                    _ => self.text(mark, events),
                }
            }
        }
    }
}

enum Mark {
    Complete(usize),
    /// A message of the kernel.
    Kernel(usize),
    /// More bytes will tell.
    Partial,
    None,
}

fn status(word: &str) -> Option<u8> {
    word.strip_prefix("end:")?.parse().ok()
}

/// Whether `bytes` starts with `open`, or with as much of it as there is.
fn may_start(bytes: &[u8], open: &[u8]) -> bool {
    let shared = bytes.len().min(open.len());
    bytes[..shared] == open[..shared]
}

fn position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: Nonce = Nonce(0x1234_5678_9abc_def0);

    fn run(parts: &[&[u8]]) -> Vec<Event> {
        let mut parser = Parser::new(NONCE);
        let mut events: Vec<Event> = parts.iter().flat_map(|p| parser.feed(p)).collect();
        events.extend(parser.finish());
        let mut merged: Vec<Event> = Vec::new();
        for event in events {
            match (merged.last_mut(), event) {
                (Some(Event::Log(a)), Event::Log(b))
                | (Some(Event::Output(a)), Event::Output(b)) => {
                    a.extend(b);
                }
                (_, event) => merged.push(event),
            }
        }
        merged
    }

    fn mark(word: &str) -> String {
        format!("<<hird:{NONCE}:{word}>>")
    }

    #[test]
    fn output_is_told_from_the_log_however_the_line_is_cut() {
        let text = format!(
            "boot <<hird:x\n{}\r\nhi << \u{0}<<hird:0:end:0>>{}oops\n{}there{}\nbye",
            mark("begin"),
            mark("log"),
            mark("out"),
            mark("end:3"),
        );
        let expected = [
            Event::Log(b"boot <<hird:x\n".to_vec()),
            Event::Begin,
            Event::Output(b"hi << \0<<hird:0:end:0>>".to_vec()),
            Event::Log(b"oops\n".to_vec()),
            Event::Output(b"there".to_vec()),
            Event::End(3),
            Event::Log(b"bye".to_vec()),
        ];
        assert_eq!(run(&[text.as_bytes()]), expected);
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(run(&bytes), expected);
        for cut in 1..text.len() {
            let (a, b) = text.as_bytes().split_at(cut);
            assert_eq!(run(&[a, b]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn the_start_of_a_mark_that_never_ends_is_output() {
        let text = format!("{}\n<<hird:{NONCE}", mark("begin"));
        let expected = [
            Event::Begin,
            Event::Output(format!("<<hird:{NONCE}").into_bytes()),
        ];
        assert_eq!(run(&[text.as_bytes()]), expected);
    }

    #[test]
    fn a_death_without_the_nonce_counts_only_before_the_commands() {
        assert_eq!(run(&[b"<<hird:dead>> no memory"])[0], Event::Dead);
        let text = format!("{}\n<<hird:dead>>", mark("begin"));
        assert_eq!(
            run(&[text.as_bytes()])[1],
            Event::Output(b"<<hird:dead>>".to_vec())
        );
        let text = format!("{}\n{}", mark("begin"), mark("dead"));
        assert_eq!(run(&[text.as_bytes()])[1], Event::Dead);
    }

    #[test]
    fn a_status_that_is_no_exit_status_is_text() {
        let text = format!("{}\n{}", mark("begin"), mark("end:256"));
        assert_eq!(
            run(&[text.as_bytes()])[1],
            Event::Output(mark("end:256").into_bytes())
        );
    }

    #[test]
    fn what_a_debug_kernel_prints_is_log() {
        let text = format!(
            "{}\na<<seL4(CPU 0) [f/1 T0x0 \"x\" @0]: what.>>\nb{}",
            mark("begin"),
            mark("end:0")
        );
        for size in [1, 3, 1000] {
            let mut parser = Parser::new(NONCE).with_debug_kernel(true);
            let pieces = text.as_bytes().chunks(size);
            let events: Vec<Event> = pieces.flat_map(|piece| parser.feed(piece)).collect();
            let output: Vec<u8> = events
                .into_iter()
                .filter_map(|event| match event {
                    Event::Output(bytes) => Some(bytes),
                    _ => None,
                })
                .flatten()
                .collect();
            assert_eq!(output, b"ab");
        }
        assert!(matches!(&run(&[text.as_bytes()])[1], Event::Output(bytes) if bytes.len() > 10));
    }

    #[test]
    fn a_wish_to_halt_is_heard_at_any_time() {
        assert_eq!(run(&[mark("halt").as_bytes()]), [Event::Halt]);
        assert_eq!(run(&[mark("reboot").as_bytes()]), [Event::Reboot]);
    }
}
