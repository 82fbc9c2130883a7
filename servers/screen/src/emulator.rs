use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use heapless::Deque;
use unicode_width::UnicodeWidthChar;
use vte::ansi::{
    Attr, CharsetIndex, ClearMode, Handler, LineClearMode, Mode, NamedMode, NamedPrivateMode,
    PrivateMode, StandardCharset, TabulationClearMode,
};

use crate::cell::{Cell, Pen};

/// Bytes of answers that wait to be read; what comes beyond that is lost.
const ANSWERS: usize = 256;
/// Columns between tabulator stops.
const TAB: usize = 8;

/// What programs that write to a terminal of the kinds `vt100` and `linux` expect: characters on a
/// screen, and control functions (ECMA-48; DEC VT102 User Guide, appendix C).
#[derive(Debug)]
pub struct Emulator {
    rows: usize,
    columns: usize,
    cells: Vec<Cell>,
    at: Place,
    saved: Place,
    /// Rows that scroll.
    region: Range<usize>,
    stops: Vec<bool>,
    insert: bool,
    newline: bool,
    line_wrap: bool,
    cursor_shown: bool,
    application_keys: bool,
    answers: Deque<u8, ANSWERS>,
}

/// What is saved and restored with the cursor.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    row: usize,
    column: usize,
    /// The last column has been written: the next character goes to the next row.
    full: bool,
    /// Whether rows are counted from the scrolling ones.
    origin: bool,
    pen: Pen,
    sets: [StandardCharset; 4],
    set: usize,
}

impl Emulator {
    /// An empty screen of so many rows and columns, which are not zero.
    pub fn new(rows: usize, columns: usize) -> Self {
        Self {
            rows,
            columns,
            cells: vec![Pen::default().blank(); rows * columns],
            at: Place::default(),
            saved: Place::default(),
            region: 0..rows,
            stops: stops(columns, TAB),
            insert: false,
            newline: false,
            line_wrap: true,
            cursor_shown: true,
            application_keys: false,
            answers: Deque::new(),
        }
    }

    /// All cells, row by row.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Which cell the cursor is at, if it is shown.
    pub fn cursor(&self) -> Option<usize> {
        self.cursor_shown
            .then_some(self.at.row * self.columns + self.at.column)
    }

    /// Whether the arrow keys shall send what programs with a full screen like better.
    pub fn application_keys(&self) -> bool {
        self.application_keys
    }

    /// The next byte of an answer to what a program asked.
    pub fn answer(&mut self) -> Option<u8> {
        self.answers.pop_front()
    }

    /// Whether there is an answer to be read.
    pub fn has_answer(&self) -> bool {
        !self.answers.is_empty()
    }

    fn reply(&mut self, text: &str) {
        if text.len() <= ANSWERS - self.answers.len() {
            self.answers.extend(text.bytes());
        }
    }

    /// The cells of some columns of the cursor's row.
    fn line(&mut self, columns: Range<usize>) -> &mut [Cell] {
        let start = self.at.row * self.columns;
        &mut self.cells[start + columns.start..start + columns.end]
    }

    fn blank(&mut self, cells: Range<usize>) {
        let blank = self.at.pen.blank();
        self.cells[cells].fill(blank);
    }

    /// Moves rows up or down within some, and blanks those that become free.
    fn scroll(&mut self, rows: Range<usize>, count: usize, up: bool) {
        let count = count.min(rows.len()) * self.columns;
        let cells = rows.start * self.columns..rows.end * self.columns;
        if up {
            self.cells
                .copy_within(cells.start + count..cells.end, cells.start);
            self.blank(cells.end - count..cells.end);
        } else {
            self.cells
                .copy_within(cells.start..cells.end - count, cells.start + count);
            self.blank(cells.start..cells.start + count);
        }
    }

    fn move_to(&mut self, row: usize, column: usize) {
        self.at.row = row.min(self.rows - 1);
        self.at.column = column.min(self.columns - 1);
        self.at.full = false;
    }

    /// A row as programs count it.
    fn row_of(&self, line: i32) -> usize {
        let line = usize::try_from(line).unwrap_or(0);
        match self.at.origin {
            true => (self.region.start + line).min(self.region.end - 1),
            false => line,
        }
    }

    fn next_stop(&self) -> usize {
        let next = (self.at.column + 1..self.columns).find(|column| self.stops[*column]);
        next.unwrap_or(self.columns - 1)
    }

    fn set_named(&mut self, mode: Mode, on: bool) {
        match mode {
            Mode::Named(NamedMode::Insert) => self.insert = on,
            Mode::Named(NamedMode::LineFeedNewLine) => self.newline = on,
            Mode::Unknown(_) => {}
        }
    }

    fn set_private(&mut self, mode: PrivateMode, on: bool) {
        match mode {
            PrivateMode::Named(NamedPrivateMode::CursorKeys) => self.application_keys = on,
            PrivateMode::Named(NamedPrivateMode::Origin) => {
                self.at.origin = on;
                self.goto(0, 0);
            }
            PrivateMode::Named(NamedPrivateMode::LineWrap) => self.line_wrap = on,
            PrivateMode::Named(NamedPrivateMode::ShowCursor) => self.cursor_shown = on,
            _ => {}
        }
    }
}

fn stops(columns: usize, interval: usize) -> Vec<bool> {
    (0..columns)
        .map(|column| column.is_multiple_of(interval))
        .collect()
}

impl Handler for Emulator {
    fn input(&mut self, character: char) {
        let character = self.at.sets[self.at.set].map(character);
        let width = character.width().unwrap_or(0).min(self.columns);
        if width == 0 {
            return;
        }
        let short = self.at.column + width > self.columns;
        if self.line_wrap && (self.at.full || short) {
            self.at.column = 0;
            self.at.full = false;
            self.linefeed();
        }
        let column = self.at.column.min(self.columns - width);
        if self.insert {
            self.insert_blank(width);
        }
        let (first, rest) = (self.at.pen.cell(character), self.at.pen.cell(' '));
        let cells = self.line(column..column + width);
        cells.fill(rest);
        cells[0] = first;
        let end = column + width;
        self.at.full = end == self.columns;
        self.at.column = end.min(self.columns - 1);
    }

    fn goto(&mut self, line: i32, column: usize) {
        self.move_to(self.row_of(line), column);
    }

    fn goto_line(&mut self, line: i32) {
        self.move_to(self.row_of(line), self.at.column);
    }

    fn goto_col(&mut self, column: usize) {
        self.move_to(self.at.row, column);
    }

    fn insert_blank(&mut self, count: usize) {
        let (column, columns) = (self.at.column, self.columns);
        let count = count.min(columns - column);
        self.line(column..columns).rotate_right(count);
        let blank = self.at.pen.blank();
        self.line(column..column + count).fill(blank);
    }

    fn move_up(&mut self, count: usize) {
        let top = if self.at.row < self.region.start {
            0
        } else {
            self.region.start
        };
        self.move_to(self.at.row.saturating_sub(count).max(top), self.at.column);
    }

    fn move_down(&mut self, count: usize) {
        let end = if self.at.row < self.region.end {
            self.region.end
        } else {
            self.rows
        };
        self.move_to((self.at.row + count).min(end - 1), self.at.column);
    }

    fn identify_terminal(&mut self, intermediate: Option<char>) {
        if intermediate.is_none() {
            self.reply("\x1b[?6c");
        }
    }

    fn device_status(&mut self, what: usize) {
        match what {
            5 => self.reply("\x1b[0n"),
            6 => {
                let first = if self.at.origin { self.region.start } else { 0 };
                let (row, column) = (self.at.row.saturating_sub(first) + 1, self.at.column + 1);
                self.reply(&format!("\x1b[{row};{column}R"));
            }
            _ => {}
        }
    }

    fn move_forward(&mut self, count: usize) {
        self.move_to(self.at.row, self.at.column + count);
    }

    fn move_backward(&mut self, count: usize) {
        self.move_to(self.at.row, self.at.column.saturating_sub(count));
    }

    fn move_down_and_cr(&mut self, count: usize) {
        self.move_down(count);
        self.at.column = 0;
    }

    fn move_up_and_cr(&mut self, count: usize) {
        self.move_up(count);
        self.at.column = 0;
    }

    fn put_tab(&mut self, count: u16) {
        self.move_forward_tabs(count);
    }

    fn backspace(&mut self) {
        self.move_backward(1);
    }

    fn carriage_return(&mut self) {
        self.move_to(self.at.row, 0);
    }

    fn linefeed(&mut self) {
        if self.newline {
            self.at.column = 0;
        }
        self.at.full = false;
        if self.at.row + 1 == self.region.end {
            self.scroll_up(1);
        } else {
            self.move_to(self.at.row + 1, self.at.column);
        }
    }

    fn set_horizontal_tabstop(&mut self) {
        self.stops[self.at.column] = true;
    }

    fn scroll_up(&mut self, count: usize) {
        self.scroll(self.region.clone(), count, true);
    }

    fn scroll_down(&mut self, count: usize) {
        self.scroll(self.region.clone(), count, false);
    }

    fn insert_blank_lines(&mut self, count: usize) {
        if self.region.contains(&self.at.row) {
            self.scroll(self.at.row..self.region.end, count, false);
            self.carriage_return();
        }
    }

    fn delete_lines(&mut self, count: usize) {
        if self.region.contains(&self.at.row) {
            self.scroll(self.at.row..self.region.end, count, true);
            self.carriage_return();
        }
    }

    fn erase_chars(&mut self, count: usize) {
        let (column, blank) = (self.at.column, self.at.pen.blank());
        let end = (column + count).min(self.columns);
        self.line(column..end).fill(blank);
    }

    fn delete_chars(&mut self, count: usize) {
        let (column, columns) = (self.at.column, self.columns);
        let count = count.min(columns - column);
        self.line(column..columns).rotate_left(count);
        let blank = self.at.pen.blank();
        self.line(columns - count..columns).fill(blank);
    }

    fn move_backward_tabs(&mut self, count: u16) {
        for _ in 0..usize::from(count).min(self.columns) {
            let earlier = (0..self.at.column).rfind(|column| self.stops[*column]);
            self.move_to(self.at.row, earlier.unwrap_or(0));
        }
    }

    fn move_forward_tabs(&mut self, count: u16) {
        for _ in 0..usize::from(count).min(self.columns) {
            self.move_to(self.at.row, self.next_stop());
        }
    }

    fn save_cursor_position(&mut self) {
        self.saved = self.at;
    }

    fn restore_cursor_position(&mut self) {
        self.at = self.saved;
    }

    fn clear_line(&mut self, mode: LineClearMode) {
        let (column, blank) = (self.at.column, self.at.pen.blank());
        let cells = match mode {
            LineClearMode::Right => column..self.columns,
            LineClearMode::Left => 0..column + 1,
            LineClearMode::All => 0..self.columns,
        };
        self.line(cells).fill(blank);
    }

    fn clear_screen(&mut self, mode: ClearMode) {
        let (at, end) = (
            self.at.row * self.columns + self.at.column,
            self.cells.len(),
        );
        match mode {
            ClearMode::Below => self.blank(at..end),
            ClearMode::Above => self.blank(0..at + 1),
            ClearMode::All => self.blank(0..end),
            // What has left the screen is not kept.
            ClearMode::Saved => {}
        }
    }

    fn clear_tabs(&mut self, mode: TabulationClearMode) {
        match mode {
            TabulationClearMode::Current => self.stops[self.at.column] = false,
            TabulationClearMode::All => self.stops.fill(false),
        }
    }

    fn set_tabs(&mut self, interval: u16) {
        self.stops = stops(self.columns, interval.into());
    }

    fn reset_state(&mut self) {
        let answers = core::mem::take(&mut self.answers);
        *self = Self {
            answers,
            ..Self::new(self.rows, self.columns)
        };
    }

    fn reverse_index(&mut self) {
        if self.at.row == self.region.start {
            self.scroll_down(1);
        } else {
            self.move_to(self.at.row.saturating_sub(1), self.at.column);
        }
    }

    fn terminal_attribute(&mut self, attribute: Attr) {
        self.at.pen.apply(&attribute);
    }

    fn set_mode(&mut self, mode: Mode) {
        self.set_named(mode, true);
    }

    fn unset_mode(&mut self, mode: Mode) {
        self.set_named(mode, false);
    }

    fn set_private_mode(&mut self, mode: PrivateMode) {
        self.set_private(mode, true);
    }

    fn unset_private_mode(&mut self, mode: PrivateMode) {
        self.set_private(mode, false);
    }

    fn set_scrolling_region(&mut self, top: usize, bottom: Option<usize>) {
        let region = top.saturating_sub(1)..bottom.unwrap_or(self.rows).min(self.rows);
        if region.len() >= 2 {
            self.region = region;
            self.goto(0, 0);
        }
    }

    fn set_active_charset(&mut self, index: CharsetIndex) {
        self.at.set = index as usize;
    }

    fn configure_charset(&mut self, index: CharsetIndex, set: StandardCharset) {
        self.at.sets[index as usize] = set;
    }

    fn decaln(&mut self) {
        self.cells.fill(Pen::default().cell('E'));
        self.region = 0..self.rows;
        self.goto(0, 0);
    }

    fn text_area_size_chars(&mut self) {
        self.reply(&format!("\x1b[8;{};{}t", self.rows, self.columns));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Never;
    use proptest::prelude::*;
    use std::string::String;
    use vte::ansi::Processor;

    /// A screen of 4 rows and 10 columns on which this was written.
    fn written(text: &str) -> Emulator {
        let mut emulator = Emulator::new(4, 10);
        Processor::<Never>::new().advance(&mut emulator, text.as_bytes());
        emulator
    }

    /// What is seen: rows without the blanks at their ends.
    fn seen(emulator: &Emulator) -> Vec<String> {
        let row = |cells: &[Cell]| cells.iter().map(|cell| cell.character).collect::<String>();
        emulator
            .cells
            .chunks(10)
            .map(|cells| row(cells).trim_end().into())
            .collect()
    }

    fn place(emulator: &Emulator) -> (usize, usize) {
        (emulator.at.row, emulator.at.column)
    }

    fn answers(emulator: &mut Emulator) -> String {
        core::iter::from_fn(|| emulator.answer())
            .map(char::from)
            .collect()
    }

    #[test]
    fn text_wraps_and_scrolls() {
        let screen = written("0123456789ab\r\nc");
        assert_eq!(
            (seen(&screen), place(&screen)),
            (vec_of(["0123456789", "ab", "c", ""]), (2, 1))
        );
        let screen = written("1\r\n2\r\n3\r\n4\r\n5");
        assert_eq!(seen(&screen), ["2", "3", "4", "5"]);
        // A full row does not wrap before there is something to write.
        let screen = written("0123456789\r\nx");
        assert_eq!(seen(&screen), ["0123456789", "x", "", ""]);
        assert_eq!(
            seen(&written("\x1b[?7l0123456789ab")),
            ["012345678b", "", "", ""]
        );
    }

    fn vec_of<const N: usize>(rows: [&str; N]) -> Vec<String> {
        rows.map(String::from).into()
    }

    #[test]
    fn the_cursor_moves_within_the_screen() {
        for (text, expected) in [
            ("\x1b[3;5H", (2, 4)),
            ("\x1b[99;99H", (3, 9)),
            ("\x1b[3;5H\x1b[A\x1b[2D", (1, 2)),
            ("\x1b[3;5H\x1b[9B\x1b[99C", (3, 9)),
            ("\x1b[2;2H\x1b7\x1b[4;4H\x1b8", (1, 1)),
            ("\x1b[2;2H\x1b[s\x1b[4;4H\x1b[u", (1, 1)),
            ("\tx", (0, 9)),
            ("\x1b[3g\tx", (0, 9)),
            ("\x1b[3g\x1b[4G\x1bH\r\t", (0, 3)),
            ("ab\x08", (0, 1)),
            ("\x1b[3d\x1b[7G", (2, 6)),
        ] {
            assert_eq!(place(&written(text)), expected, "{text:?}");
        }
    }

    #[test]
    fn erasing_inserting_and_deleting_change_what_they_name() {
        let lines = "aaaa\r\nbbbb\r\ncccc\r\ndddd\x1b[2;3H";
        for (text, expected) in [
            ("\x1b[K", ["aaaa", "bb", "cccc", "dddd"]),
            ("\x1b[1K", ["aaaa", "   b", "cccc", "dddd"]),
            ("\x1b[2K", ["aaaa", "", "cccc", "dddd"]),
            ("\x1b[J", ["aaaa", "bb", "", ""]),
            ("\x1b[1J", ["", "   b", "cccc", "dddd"]),
            ("\x1b[2J", ["", "", "", ""]),
            ("\x1b[X", ["aaaa", "bb b", "cccc", "dddd"]),
            ("\x1b[P", ["aaaa", "bbb", "cccc", "dddd"]),
            ("\x1b[2@", ["aaaa", "bb  bb", "cccc", "dddd"]),
            ("\x1b[4hxy", ["aaaa", "bbxybb", "cccc", "dddd"]),
            ("\x1b[L", ["aaaa", "", "bbbb", "cccc"]),
            ("\x1b[M", ["aaaa", "cccc", "dddd", ""]),
            ("\x1b[999M", ["aaaa", "", "", ""]),
            ("\x1b[S", ["bbbb", "cccc", "dddd", ""]),
            ("\x1b[T", ["", "aaaa", "bbbb", "cccc"]),
            (
                "\x1b[999P\x1b[999@\x1b[999X",
                ["aaaa", "bb", "cccc", "dddd"],
            ),
        ] {
            assert_eq!(
                seen(&written(&(lines.to_owned() + text))),
                expected,
                "{text:?}"
            );
        }
    }

    #[test]
    fn only_the_region_scrolls() {
        let lines = "aaaa\r\nbbbb\r\ncccc\r\ndddd\x1b[2;3r";
        let screen = written(&(lines.to_owned() + "\x1b[3;1H\nx"));
        assert_eq!(seen(&screen), ["aaaa", "cccc", "x", "dddd"]);
        let screen = written(&(lines.to_owned() + "\x1b[2;1H\x1bMx"));
        assert_eq!(seen(&screen), ["aaaa", "x", "bbbb", "dddd"]);
        // Origin mode counts from the region, and stays in it.
        let screen = written(&(lines.to_owned() + "\x1b[?6h\x1b[9;1Hx"));
        assert_eq!(seen(&screen), ["aaaa", "bbbb", "xccc", "dddd"]);
        // Below the region nothing scrolls.
        let screen = written(&(lines.to_owned() + "\x1b[4;1H\n\nx"));
        assert_eq!(seen(&screen), ["aaaa", "bbbb", "cccc", "xddd"]);
        // One that is empty is refused.
        assert_eq!(written("\x1b[3;2r").region, 0..4);
    }

    #[test]
    fn what_is_asked_is_answered() {
        let mut screen = written("\x1b[3;5H\x1b[6n\x1b[5n\x1b[c\x1b[18t");
        assert_eq!(answers(&mut screen), "\x1b[3;5R\x1b[0n\x1b[?6c\x1b[8;4;10t");
        // No answer is cut.
        let mut screen = written(&"\x1b[5n".repeat(1000));
        assert_eq!(answers(&mut screen), "\x1b[0n".repeat(ANSWERS / 4));
    }

    #[test]
    fn lines_are_drawn_and_wide_characters_take_two_columns() {
        assert_eq!(seen(&written("\x1b(0lqk\x1b(Bq"))[0], "┌─┐q");
        assert_eq!(seen(&written("\x1b)0a\x0eq\x0fq"))[0], "a─q");
        let screen = written("日本x\u{301}");
        assert_eq!(
            (seen(&screen)[0].as_str(), place(&screen)),
            ("日 本 x", (0, 5))
        );
        let screen = written("123456789日");
        assert_eq!(seen(&screen), ["123456789", "日", "", ""]);
    }

    #[test]
    fn modes_are_kept_until_a_reset() {
        let screen = written("\x1b[?1h\x1b[?25l\x1b[20h\x1b[4h\x1b[31mx\x1bc");
        assert!(!screen.application_keys() && screen.cursor() == Some(0) && !screen.newline);
        assert_eq!(screen.at.pen, Pen::default());
        assert_eq!(seen(&screen)[0], "");
        let screen = written("\x1b[?1h\x1b[?25l");
        assert_eq!((screen.application_keys(), screen.cursor()), (true, None));
    }

    proptest! {
        /// Whatever is written, the cursor stays on the screen and nothing panics.
        #[test]
        fn no_output_leaves_the_screen(
            rows in 1usize..5,
            columns in 1usize..12,
            pieces in prop::collection::vec(
                prop_oneof![
                    any::<Vec<u8>>(),
                    "[a-z日é]{0,12}".prop_map(String::into_bytes),
                    ("[0-9]{0,5};?[0-9]{0,5}", "[?]?", "[@A-Za-z]")
                        .prop_map(|(numbers, mark, last)| format!("\x1b[{mark}{numbers}{last}").into_bytes()),
                    "\x1b[78cDEHM]|\r|\n|\t|\x08".prop_map(String::into_bytes),
                ],
                0..60,
            ),
        ) {
            let mut emulator = Emulator::new(rows, columns);
            let mut processor = Processor::<Never>::new();
            for piece in pieces {
                processor.advance(&mut emulator, &piece);
                prop_assert!(emulator.at.row < rows && emulator.at.column < columns);
                prop_assert_eq!(emulator.cells.len(), rows * columns);
                prop_assert!(emulator.region.end <= rows && !emulator.region.is_empty());
            }
        }
    }
}
