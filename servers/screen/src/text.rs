//! The text mode of VGA-compatible display adapters (IBM VGA Technical Reference, 2).

use driver::Bus;

use crate::cell::Cell;
use crate::display::{Display, Memory};

const ROWS: usize = 25;
const COLUMNS: usize = 80;

/// The controller's ports: which register, and what is in it.
const INDEX: usize = 0;
const DATA: usize = 1;
/// First line of the cursor, and the bit that hides it; its last line.
const CURSOR_START: u32 = 0x0a;
const CURSOR_END: u32 = 0x0b;
const CURSOR_HIDDEN: u32 = 1 << 5;
/// Two lines at the foot of a character that has sixteen.
const CURSOR_LINES: (u32, u32) = (14, 15);
/// Which cell the screen begins with, and where the cursor is: high bytes, each before its low one.
const START: u32 = 0x0c;
const CURSOR: u32 = 0x0e;

/// What colour characters have that cannot be underlined: cyan.
const UNDERLINED: u8 = 6;

/// The characters from 128 on that the adapter has (code page 437), and those below that are no
/// control characters there.
const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»\
                     ░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
                     αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
const LOWER: &str = "☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼";
/// What stands for a character that the adapter has not.
const UNKNOWN: u8 = 0xfe;

/// The adapter's text memory and the ports of its controller.
#[derive(Debug)]
pub struct Text<M, B> {
    memory: M,
    ports: B,
}

impl<M: Memory, B: Bus> Text<M, B> {
    /// Bytes of the memory that is shown.
    pub const BYTES: usize = ROWS * COLUMNS * 2;

    /// An adapter in text mode, with 25 rows of 80 columns.
    pub fn new(memory: M, ports: B) -> Self {
        let text = Self { memory, ports };
        text.set(START, 0);
        text
    }

    fn set_byte(&self, register: u32, value: u32) {
        self.ports.write(INDEX, register);
        self.ports.write(DATA, value);
    }

    /// Sets a register of two bytes.
    fn set(&self, register: u32, value: usize) {
        self.set_byte(register, value as u32 >> 8 & 0xff);
        self.set_byte(register + 1, value as u32 & 0xff);
    }
}

/// Where the adapter has a character.
fn code(character: char) -> u8 {
    let position = |set: &str| set.chars().position(|other| other == character);
    match character {
        ' '..='~' => character as u8,
        // Scan lines of the set for drawing, and a diamond.
        '⎺' | '⎻' | '⎼' | '⎽' => code('─'),
        '◆' => code('♦'),
        '—' | '–' => b'-',
        '‘' | '’' => b'\'',
        '“' | '”' => b'"',
        _ => match (position(UPPER), position(LOWER)) {
            (Some(at), _) => 128 + at as u8,
            (_, Some(at)) => 1 + at as u8,
            _ => UNKNOWN,
        },
    }
}

/// The adapter's number of a colour: it has red and blue the other way round.
fn colour(colour: u8) -> u8 {
    colour & 0b1010 | (colour & 1) << 2 | colour >> 2 & 1
}

impl<M: Memory, B: Bus> Display for Text<M, B> {
    fn size(&self) -> (usize, usize) {
        (ROWS, COLUMNS)
    }

    fn put(&mut self, row: usize, column: usize, cell: Cell, _: bool) {
        let foreground = if cell.underline {
            UNDERLINED
        } else {
            cell.foreground
        };
        // The highest bit would make it blink.
        let attribute = colour(cell.background & 7) << 4 | colour(foreground);
        let word = u16::from(attribute) << 8 | u16::from(code(cell.character));
        self.memory.write16((row * COLUMNS + column) * 2, word);
    }

    fn cursor(&mut self, at: Option<usize>) {
        let (first, last) = CURSOR_LINES;
        match at {
            Some(at) => {
                self.set(CURSOR, at);
                self.set_byte(CURSOR_START, first);
                self.set_byte(CURSOR_END, last);
            }
            None => self.set_byte(CURSOR_START, CURSOR_HIDDEN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Pen;
    use std::cell::RefCell;

    struct Adapter {
        memory: RefCell<[u16; ROWS * COLUMNS]>,
        index: RefCell<usize>,
        registers: RefCell<[u32; 32]>,
    }

    impl Memory for &Adapter {
        fn write16(&self, offset: usize, value: u16) {
            self.memory.borrow_mut()[offset / 2] = value;
        }

        fn write32(&self, _: usize, _: u32) {
            panic!("text is written by words");
        }
    }

    impl Bus for &Adapter {
        fn read(&self, _: usize) -> u32 {
            0
        }

        fn write(&self, offset: usize, value: u32) {
            match offset {
                INDEX => *self.index.borrow_mut() = value as usize,
                _ => self.registers.borrow_mut()[*self.index.borrow()] = value,
            }
        }
    }

    #[test]
    fn characters_and_the_cursor_stand_where_they_belong() {
        let adapter = Adapter {
            memory: RefCell::new([0; ROWS * COLUMNS]),
            index: RefCell::new(0),
            registers: RefCell::new([0xff; 32]),
        };
        let mut text = Text::new(&adapter, &adapter);
        let red = Cell {
            foreground: 9,
            background: 4,
            ..Pen::default().cell('é')
        };
        text.put(24, 79, red, false);
        assert_eq!(adapter.memory.borrow()[1999], 0x1c82);
        text.cursor(Some(1999));
        let registers = |range: core::ops::Range<usize>| adapter.registers.borrow()[range].to_vec();
        assert_eq!(registers(0x0a..0x10), [14, 15, 0, 0, 0x07, 0xcf]);
        text.cursor(None);
        assert_eq!(registers(0x0a..0x0b), [CURSOR_HIDDEN]);
    }

    #[test]
    fn the_adapters_characters_are_found() {
        assert_eq!((UPPER.chars().count(), LOWER.chars().count()), (128, 31));
        for (character, expected) in [
            ('A', 65),
            ('~', 126),
            ('Ç', 128),
            ('─', 196),
            ('│', 179),
            ('█', 219),
            ('☺', 1),
            ('日', UNKNOWN),
        ] {
            assert_eq!(code(character), expected, "{character}");
        }
    }
}
