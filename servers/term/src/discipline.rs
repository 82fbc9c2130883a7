//! The line discipline: what lies between a wire and the programs on a terminal.
//!
//! A pure state machine. Bytes from the wire go in at [`Discipline::input`], bytes for
//! the wire come out at [`Discipline::take_output`]; programs read and write at the other
//! side. Whoever drives it blocks and wakes the programs, and sends the signals.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::modes::{Modes, cc, iflag, lflag, oflag};

/// Longest line that can be edited, in bytes; more is refused with a bell.
pub const LINE_LIMIT: usize = 4096;
/// Unread input, in bytes, at which nothing more is taken from the wire.
pub const INPUT_LIMIT: usize = 16 << 10;
/// Output not yet taken, in bytes, at which writers wait.
pub const OUTPUT_LIMIT: usize = 8 << 10;
const TAB: usize = 8;
const BELL: u8 = 7;

/// Numbers of the signals that a terminal sends.
pub mod signal {
    /// Hangup.
    pub const HUP: i32 = 1;
    /// Interrupt.
    pub const INT: i32 = 2;
    /// Quit.
    pub const QUIT: i32 = 3;
    /// Suspend.
    pub const TSTP: i32 = 18;
    /// Continue.
    pub const CONT: i32 = 19;
    /// Background read.
    pub const TTIN: i32 = 21;
    /// Background write.
    pub const TTOU: i32 = 22;
    /// The size changed.
    pub const WINCH: i32 = 28;
    /// Status request.
    pub const INFO: i32 = 29;
}

/// Whether a read can be served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readiness {
    /// Now; perhaps with nothing.
    Ready,
    /// When more input comes.
    Wait,
    /// When more input comes, or at this time.
    WaitUntil(Duration),
}

/// The state of a line.
#[derive(Debug)]
pub struct Discipline {
    modes: Modes,
    /// What can be read.
    ready: VecDeque<u8>,
    /// Lengths of the complete lines at the start of `ready`; used in canonical mode.
    lines: VecDeque<usize>,
    /// The line being edited; used in canonical mode.
    edit: Vec<u8>,
    /// Column at which the edited line began.
    edit_column: usize,
    output: VecDeque<u8>,
    column: usize,
    stopped: bool,
    literal: bool,
    last_input: Duration,
    hung_up: bool,
}

impl Default for Discipline {
    fn default() -> Self {
        Self::new(Modes::default())
    }
}

impl Discipline {
    /// An idle line.
    pub fn new(modes: Modes) -> Self {
        Self {
            modes,
            ready: VecDeque::new(),
            lines: VecDeque::new(),
            edit: Vec::new(),
            edit_column: 0,
            output: VecDeque::new(),
            column: 0,
            stopped: false,
            literal: false,
            last_input: Duration::ZERO,
            hung_up: false,
        }
    }

    /// The modes.
    pub const fn modes(&self) -> &Modes {
        &self.modes
    }

    /// Changes the modes. What was typed so far stays readable.
    pub fn set_modes(&mut self, modes: Modes) {
        let was = self.modes.canonical();
        self.modes = modes;
        if was && !modes.canonical() {
            self.ready.extend(self.edit.drain(..));
            self.lines.clear();
        } else if !was && modes.canonical() {
            self.divide();
        }
        if modes.iflag & iflag::IXON == 0 {
            self.stopped = false;
        }
    }

    fn divide(&mut self) {
        self.lines.clear();
        let mut length = 0;
        for &byte in &self.ready {
            length += 1;
            if byte == b'\n' {
                self.lines.push_back(length);
                length = 0;
            }
        }
        if length != 0 {
            self.lines.push_back(length);
        }
    }

    /// Whether the driver should take no more from the wire for now.
    pub fn input_full(&self) -> bool {
        self.ready.len() + self.lines.len() >= INPUT_LIMIT
    }

    /// Takes bytes from the wire at time `now` (any clock that does not go
    /// back); returns the signals to send to the foreground process group.
    pub fn input(&mut self, bytes: &[u8], now: Duration) -> Vec<i32> {
        let mut signals = Vec::new();
        if !bytes.is_empty() {
            self.last_input = now;
        }
        for &byte in bytes {
            self.receive(byte, &mut signals);
        }
        signals
    }

    fn receive(&mut self, byte: u8, signals: &mut Vec<i32>) {
        let m = self.modes;
        let mut byte = if m.iflag & iflag::ISTRIP != 0 {
            byte & 0x7f
        } else {
            byte
        };
        let extended = m.local(lflag::IEXTEN);
        if core::mem::take(&mut self.literal) {
            self.insert(byte);
            return;
        }
        if extended && m.is(byte, cc::VLNEXT) {
            self.literal = true;
            if m.local(lflag::ECHO) {
                self.emit_raw(b"^\x08");
            }
            return;
        }
        if extended && m.is(byte, cc::VDISCARD) {
            self.modes.lflag ^= lflag::FLUSHO;
            if self.modes.local(lflag::FLUSHO) {
                self.output.clear();
            }
            return;
        }
        self.modes.lflag &= !lflag::FLUSHO;
        if m.iflag & iflag::IXON != 0 {
            if m.is(byte, cc::VSTOP) {
                // One character for both toggles.
                self.stopped = !(self.stopped && m.is(byte, cc::VSTART));
                return;
            }
            if m.is(byte, cc::VSTART) {
                self.stopped = false;
                return;
            }
            if m.iflag & iflag::IXANY != 0 {
                self.stopped = false;
            }
        }
        if m.local(lflag::ISIG) {
            let by_character = [
                (cc::VINTR, signal::INT),
                (cc::VQUIT, signal::QUIT),
                (cc::VSUSP, signal::TSTP),
            ];
            for (index, number) in by_character {
                if m.is(byte, index) {
                    if !m.local(lflag::NOFLSH) {
                        self.flush_input();
                        if number != signal::TSTP {
                            self.output.clear();
                        }
                    }
                    self.stopped = false;
                    self.echo(byte);
                    signals.push(number);
                    return;
                }
            }
            if extended && m.is(byte, cc::VSTATUS) {
                signals.push(signal::INFO);
                return;
            }
        }
        match byte {
            b'\r' if m.iflag & iflag::IGNCR != 0 => return,
            b'\r' if m.iflag & iflag::ICRNL != 0 => byte = b'\n',
            b'\n' if m.iflag & iflag::INLCR != 0 => byte = b'\r',
            _ => {}
        }
        if !m.canonical() {
            if self.input_full() {
                self.bell();
                return;
            }
            self.ready.push_back(byte);
            self.echo(byte);
            return;
        }
        if m.is(byte, cc::VERASE) || (m.cc[cc::VERASE] == 0x7f && byte == 0x08) {
            self.erase_character();
        } else if m.is(byte, cc::VKILL) {
            self.kill();
        } else if extended && m.is(byte, cc::VWERASE) {
            self.erase_word();
        } else if extended && m.is(byte, cc::VREPRINT) {
            self.reprint(byte);
        } else if m.is(byte, cc::VEOF) {
            if m.local(lflag::ECHO) && m.local(lflag::ECHOCTL) && self.edit.is_empty() {
                // Shown, and left for the next output to overwrite.
                self.emit_raw(b"^D\x08\x08");
            }
            self.complete();
        } else if byte == b'\n' || m.is(byte, cc::VEOL) || m.is(byte, cc::VEOL2) {
            self.edit.push(byte);
            if byte == b'\n' && m.local(lflag::ECHONL) && !m.local(lflag::ECHO) {
                self.process(b'\n');
            } else {
                self.echo(byte);
            }
            self.complete();
        } else {
            self.insert(byte);
        }
    }

    fn insert(&mut self, byte: u8) {
        if !self.modes.canonical() {
            self.ready.push_back(byte);
            self.echo(byte);
            return;
        }
        // One byte is kept for the line's end.
        if self.edit.len() + 1 >= LINE_LIMIT {
            self.bell();
            return;
        }
        if self.edit.is_empty() {
            self.edit_column = self.column;
        }
        self.edit.push(byte);
        self.echo(byte);
    }

    fn complete(&mut self) {
        if self.input_full() {
            self.edit.clear();
            self.bell();
            return;
        }
        self.lines.push_back(self.edit.len());
        self.ready.extend(self.edit.drain(..));
    }

    fn bell(&mut self) {
        if self.modes.iflag & iflag::IMAXBEL != 0 {
            self.emit_raw(&[BELL]);
        }
    }

    /// How an input byte looks when it is echoed.
    fn shown(&self, byte: u8, out: &mut Vec<u8>) {
        let control = byte < 0x20 || byte == 0x7f;
        if control && self.modes.local(lflag::ECHOCTL) && byte != b'\t' && byte != b'\n' {
            out.extend_from_slice(&[b'^', byte ^ 0x40]);
        } else {
            out.push(byte);
        }
    }

    fn echo(&mut self, byte: u8) {
        if self.modes.local(lflag::ECHO) {
            let mut text = Vec::new();
            self.shown(byte, &mut text);
            for byte in text {
                self.process(byte);
            }
        }
    }

    /// Screen columns that the edited line takes up to `end`, from the column where it began.
    fn width(&self, end: usize) -> usize {
        let mut column = self.edit_column;
        for &byte in &self.edit[..end] {
            let mut text = Vec::new();
            self.shown(byte, &mut text);
            for byte in text {
                column = advance(column, byte);
            }
        }
        column
    }

    fn remove_to(&mut self, keep: usize) {
        let columns = self.width(self.edit.len()).saturating_sub(self.width(keep));
        self.edit.truncate(keep);
        if self.modes.local(lflag::ECHO) {
            for _ in 0..columns {
                self.emit_raw(b"\x08 \x08");
            }
            self.column = self.column.saturating_sub(columns);
        }
    }

    /// Start of the character that ends at `end`: a UTF-8 sequence is one character.
    fn character_start(&self, end: usize) -> usize {
        let mut start = end.saturating_sub(1);
        while start > 0 && end - start < 4 && self.edit[start] & 0xc0 == 0x80 {
            start -= 1;
        }
        start
    }

    fn erase_character(&mut self) {
        if self.edit.is_empty() {
            return;
        }
        let keep = self.character_start(self.edit.len());
        if self.modes.local(lflag::ECHOE) {
            self.remove_to(keep);
        } else {
            self.edit.truncate(keep);
            let erase = self.modes.cc[cc::VERASE];
            self.echo(erase);
        }
    }

    fn erase_word(&mut self) {
        let blank = |b: u8| b == b' ' || b == b'\t';
        let mut keep = self.edit.len();
        while keep > 0 && blank(self.edit[keep - 1]) {
            keep -= 1;
        }
        let by_letters = self.modes.local(lflag::ALTWERASE);
        let wordly = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80;
        let kind = keep.checked_sub(1).map(|last| wordly(self.edit[last]));
        while keep > 0
            && !blank(self.edit[keep - 1])
            && (!by_letters || Some(wordly(self.edit[keep - 1])) == kind)
        {
            keep -= 1;
        }
        self.remove_to(keep);
    }

    fn kill(&mut self) {
        if self.modes.local(lflag::ECHOKE) && self.modes.local(lflag::ECHOE) {
            self.remove_to(0);
            return;
        }
        self.edit.clear();
        let kill = self.modes.cc[cc::VKILL];
        self.echo(kill);
        if self.modes.local(lflag::ECHOK) {
            self.echo(b'\n');
        }
    }

    fn reprint(&mut self, byte: u8) {
        self.echo(byte);
        self.echo(b'\n');
        self.edit_column = self.column;
        for byte in self.edit.clone() {
            self.echo(byte);
        }
    }

    fn emit_raw(&mut self, bytes: &[u8]) {
        self.output.extend(bytes);
    }

    /// One byte of output, processed as the output modes say.
    fn process(&mut self, byte: u8) {
        let o = self.modes.oflag;
        if o & oflag::OPOST == 0 {
            self.column = advance(self.column, byte);
            self.output.push_back(byte);
            return;
        }
        match byte {
            b'\n' => {
                if o & oflag::ONLCR != 0 {
                    self.output.push_back(b'\r');
                    self.column = 0;
                } else if o & oflag::ONLRET != 0 {
                    self.column = 0;
                }
                self.output.push_back(b'\n');
            }
            b'\r' if o & oflag::OCRNL != 0 => self.output.push_back(b'\n'),
            b'\r' if o & oflag::ONOCR != 0 && self.column == 0 => {}
            b'\t' if o & oflag::OXTABS != 0 => {
                let spaces = TAB - self.column % TAB;
                self.output.extend(core::iter::repeat_n(b' ', spaces));
                self.column += spaces;
            }
            4 if o & oflag::ONOEOT != 0 => {}
            _ => {
                self.column = advance(self.column, byte);
                self.output.push_back(byte);
            }
        }
    }

    /// Whether writers should wait.
    pub fn output_full(&self) -> bool {
        self.output.len() >= OUTPUT_LIMIT
    }

    /// Takes output from a program; returns how many bytes, at least one unless
    /// [`output_full`](Self::output_full) or `bytes` is empty.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        if self.hung_up || self.modes.local(lflag::FLUSHO) {
            return bytes.len();
        }
        if self.modes.oflag & oflag::OPOST == 0 {
            let count = bytes
                .len()
                .min(OUTPUT_LIMIT.saturating_sub(self.output.len()));
            self.output.extend(&bytes[..count]);
            for &byte in &bytes[..count] {
                self.column = advance(self.column, byte);
            }
            return count;
        }
        let mut count = 0;
        for &byte in bytes {
            if self.output_full() {
                break;
            }
            self.process(byte);
            count += 1;
        }
        count
    }

    /// Bytes for the wire that were not taken yet.
    pub fn output_pending(&self) -> usize {
        self.output.len()
    }

    /// Whether there is something for the wire, and output is not stopped.
    pub fn output_ready(&self) -> bool {
        !self.stopped && !self.output.is_empty()
    }

    /// Takes up to `most` bytes for the wire; none while output is stopped.
    pub fn take_output(&mut self, most: usize) -> Vec<u8> {
        if self.stopped {
            return Vec::new();
        }
        let count = self.output.len().min(most);
        self.output.drain(..count).collect()
    }

    /// Bytes that can be read at once.
    pub fn readable(&self) -> usize {
        if self.modes.canonical() {
            self.lines.iter().sum()
        } else {
            self.ready.len()
        }
    }

    /// Whether a read would find something: data, or the end of file.
    pub fn has_input(&self) -> bool {
        self.hung_up
            || if self.modes.canonical() {
                !self.lines.is_empty()
            } else {
                !self.ready.is_empty()
            }
    }

    /// Whether a read of `amount` bytes that began at `began` can be served at `now`.
    pub fn readiness(&self, amount: usize, began: Duration, now: Duration) -> Readiness {
        if self.hung_up || amount == 0 {
            return Readiness::Ready;
        }
        if self.modes.canonical() {
            return if self.lines.is_empty() {
                Readiness::Wait
            } else {
                Readiness::Ready
            };
        }
        let least = usize::from(self.modes.cc[cc::VMIN]).min(amount);
        let time = Duration::from_millis(100) * u32::from(self.modes.cc[cc::VTIME]);
        let have = self.ready.len();
        if have >= least.max(1) || (least == 0 && time.is_zero()) {
            return Readiness::Ready;
        }
        if time.is_zero() {
            return Readiness::Wait;
        }
        // With a minimum, the clock runs between bytes; without, from the start of the read.
        let from = match (least, have) {
            (0, _) => began,
            (_, 0) => return Readiness::Wait,
            _ => began.max(self.last_input),
        };
        let end = from.saturating_add(time);
        if now >= end {
            Readiness::Ready
        } else {
            Readiness::WaitUntil(end)
        }
    }

    /// Reads into `out`; returns how many bytes. 0 is the end of file.
    pub fn read(&mut self, out: &mut [u8]) -> usize {
        let mut count = out.len().min(self.ready.len());
        if self.modes.canonical() {
            let Some(line) = self.lines.front_mut() else {
                return 0;
            };
            count = out.len().min(*line);
            *line -= count;
            if *line == 0 {
                self.lines.pop_front();
            }
        }
        for (to, from) in out.iter_mut().zip(self.ready.drain(..count)) {
            *to = from;
        }
        count
    }

    /// Throws away what was typed and not read.
    pub fn flush_input(&mut self) {
        self.ready.clear();
        self.lines.clear();
        self.edit.clear();
        self.literal = false;
    }

    /// Throws away what was written and not sent.
    pub fn flush_output(&mut self) {
        self.output.clear();
    }

    /// Stops or starts output, as STOP and START do.
    pub fn set_stopped(&mut self, stopped: bool) {
        self.stopped = stopped;
    }

    /// The wire is gone: reads find the end of file, writes go nowhere.
    pub fn hang_up(&mut self) {
        self.hung_up = true;
        self.flush_input();
        self.flush_output();
    }

    /// Whether the wire is gone.
    pub const fn hung_up(&self) -> bool {
        self.hung_up
    }
}

/// The column after `byte` was sent.
const fn advance(column: usize, byte: u8) -> usize {
    match byte {
        b'\r' => 0,
        0x08 => column.saturating_sub(1),
        b'\t' => (column / TAB + 1) * TAB,
        // Control characters do not move; continuation bytes belong to the character before.
        0..0x20 | 0x7f | 0x80..=0xbf => column,
        _ => column + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;

    fn typed(d: &mut Discipline, text: &[u8]) -> Vec<i32> {
        d.input(text, Duration::ZERO)
    }

    fn screen(d: &mut Discipline) -> String {
        String::from_utf8(d.take_output(usize::MAX)).unwrap()
    }

    fn read(d: &mut Discipline) -> Option<Vec<u8>> {
        (d.readiness(100, Duration::ZERO, Duration::ZERO) == Readiness::Ready).then(|| {
            let mut out = [0; 100];
            let count = d.read(&mut out);
            out[..count].to_vec()
        })
    }

    fn raw() -> Discipline {
        let mut modes = Modes::default();
        modes.lflag = 0;
        modes.iflag = 0;
        modes.oflag = 0;
        Discipline::new(modes)
    }

    #[test]
    fn a_line_is_read_when_it_is_complete() {
        let mut d = Discipline::default();
        typed(&mut d, b"ec");
        assert_eq!(read(&mut d), None);
        typed(&mut d, b"ho\rnext");
        assert_eq!(screen(&mut d), "echo\r\nnext");
        assert_eq!(d.readable(), 5);
        assert_eq!(read(&mut d), Some(b"echo\n".to_vec()));
        assert_eq!(read(&mut d), None);
    }

    #[test]
    fn a_short_read_leaves_the_rest_of_the_line() {
        let mut d = Discipline::default();
        typed(&mut d, b"abc\nd\n");
        let mut out = [0; 2];
        assert_eq!(d.read(&mut out), 2);
        assert_eq!(read(&mut d), Some(b"c\n".to_vec()));
        assert_eq!(read(&mut d), Some(b"d\n".to_vec()));
    }

    #[test]
    fn end_of_file_ends_a_read_and_is_not_part_of_it() {
        let mut d = Discipline::default();
        typed(&mut d, b"\x04");
        assert_eq!(read(&mut d), Some(Vec::new()));
        assert_eq!(read(&mut d), None);
        typed(&mut d, b"ab\x04");
        assert_eq!(read(&mut d), Some(b"ab".to_vec()));
    }

    #[test]
    fn characters_words_and_lines_are_erased_also_on_the_screen() {
        let mut d = Discipline::default();
        typed(&mut d, b"ab\x7fc");
        assert_eq!(screen(&mut d), "ab\x08 \x08c");
        typed(&mut d, b" foo  \x17");
        assert_eq!(
            screen(&mut d),
            " foo  \x08 \x08\x08 \x08\x08 \x08\x08 \x08\x08 \x08"
        );
        typed(&mut d, b"\n");
        assert_eq!(read(&mut d), Some(b"ac \n".to_vec()));
        typed(&mut d, b"rubbish\x15good\n");
        assert_eq!(read(&mut d), Some(b"good\n".to_vec()));
    }

    #[test]
    fn wide_echoes_are_erased_as_wide_as_they_are() {
        let mut d = Discipline::default();
        typed(&mut d, b"\x01");
        assert_eq!(screen(&mut d), "^A");
        typed(&mut d, b"\x7f");
        assert_eq!(screen(&mut d), "\x08 \x08\x08 \x08");
        typed(&mut d, b"a\t");
        screen(&mut d);
        typed(&mut d, b"\x7f");
        assert_eq!(screen(&mut d), "\x08 \x08".repeat(7));
        typed(&mut d, "é".as_bytes());
        screen(&mut d);
        typed(&mut d, b"\x7f");
        assert_eq!(screen(&mut d), "\x08 \x08");
        typed(&mut d, b"\n");
        assert_eq!(read(&mut d), Some(b"a\n".to_vec()));
    }

    #[test]
    fn signal_characters_send_signals_and_flush() {
        let mut d = Discipline::default();
        assert_eq!(typed(&mut d, b"junk\x03"), [signal::INT]);
        assert_eq!(screen(&mut d), "^C");
        typed(&mut d, b"ok\n");
        assert_eq!(read(&mut d), Some(b"ok\n".to_vec()));
        assert_eq!(typed(&mut d, b"\x1a\x1c"), [signal::TSTP, signal::QUIT]);
        let mut modes = *d.modes();
        modes.lflag &= !lflag::ISIG;
        d.set_modes(modes);
        assert!(typed(&mut d, b"\x03").is_empty());
    }

    #[test]
    fn the_next_character_is_literal_after_lnext() {
        let mut d = Discipline::default();
        assert!(typed(&mut d, b"\x16\x03\x16\x04\n").is_empty());
        assert_eq!(read(&mut d), Some(b"\x03\x04\n".to_vec()));
    }

    #[test]
    fn output_stops_and_starts() {
        let mut d = Discipline::default();
        typed(&mut d, b"\x13");
        assert_eq!(d.write(b"text\n"), 5);
        assert!(!d.output_ready());
        assert!(d.take_output(9).is_empty());
        typed(&mut d, b"\x11");
        assert_eq!(screen(&mut d), "text\r\n");
    }

    #[test]
    fn raw_mode_passes_everything_at_once() {
        let mut d = raw();
        assert!(typed(&mut d, b"\x03\r\x7f").is_empty());
        assert_eq!(screen(&mut d), "");
        assert_eq!(read(&mut d), Some(b"\x03\r\x7f".to_vec()));
        assert_eq!(d.write(b"a\n\t"), 3);
        assert_eq!(screen(&mut d), "a\n\t");
    }

    #[test]
    fn what_was_typed_survives_a_change_of_modes() {
        let mut d = Discipline::default();
        typed(&mut d, b"one\ntw");
        d.set_modes(*raw().modes());
        assert_eq!(d.readable(), 6);
        d.set_modes(Modes::default());
        assert_eq!(read(&mut d), Some(b"one\n".to_vec()));
        assert_eq!(read(&mut d), Some(b"tw".to_vec()));
    }

    #[test]
    fn minimum_and_time_rule_raw_reads() {
        let at = Duration::from_millis;
        let with = |min: u8, time: u8| {
            let mut d = raw();
            let mut modes = *d.modes();
            modes.cc[cc::VMIN] = min;
            modes.cc[cc::VTIME] = time;
            d.set_modes(modes);
            d
        };
        assert_eq!(with(0, 0).readiness(9, at(0), at(0)), Readiness::Ready);
        assert_eq!(
            with(0, 5).readiness(9, at(10), at(20)),
            Readiness::WaitUntil(at(510))
        );
        assert_eq!(with(0, 5).readiness(9, at(10), at(510)), Readiness::Ready);
        assert_eq!(with(2, 5).readiness(9, at(0), at(9000)), Readiness::Wait);
        let mut d = with(3, 5);
        d.input(b"a", at(1000));
        assert_eq!(
            d.readiness(9, at(0), at(1100)),
            Readiness::WaitUntil(at(1500))
        );
        assert_eq!(d.readiness(1, at(0), at(1100)), Readiness::Ready);
        assert_eq!(d.readiness(9, at(0), at(1500)), Readiness::Ready);
        d.input(b"bc", at(1600));
        assert_eq!(d.readiness(9, at(0), at(1600)), Readiness::Ready);
    }

    #[test]
    fn a_full_line_rings_the_bell_and_can_still_be_ended() {
        let mut d = Discipline::default();
        typed(&mut d, &[b'x'; LINE_LIMIT + 9]);
        assert!(screen(&mut d).ends_with('\x07'));
        typed(&mut d, b"\n");
        assert_eq!(d.readable(), LINE_LIMIT);
    }

    #[test]
    fn after_a_hangup_reads_end_and_writes_vanish() {
        let mut d = Discipline::default();
        typed(&mut d, b"abc\n");
        d.hang_up();
        assert_eq!(read(&mut d), Some(Vec::new()));
        assert_eq!(d.write(b"x"), 1);
        assert_eq!(d.output_pending(), 0);
    }

    proptest! {
        #[test]
        fn no_input_breaks_the_book_keeping(
            steps in proptest::collection::vec((any::<Vec<u8>>(), 0usize..20, any::<bool>()), 0..40),
        ) {
            let mut d = Discipline::default();
            for (bytes, amount, cooked) in steps {
                d.input(&bytes, Duration::ZERO);
                d.write(&bytes);
                prop_assert!(d.readable() <= d.ready.len());
                let mut out = std::vec![0; amount];
                let count = d.read(&mut out);
                prop_assert!(count <= amount);
                d.set_modes(if cooked { Modes::default() } else { *raw().modes() });
                if d.modes().canonical() {
                    prop_assert_eq!(d.lines.iter().sum::<usize>(), d.ready.len());
                }
                d.take_output(amount * 100);
            }
        }
    }
}
