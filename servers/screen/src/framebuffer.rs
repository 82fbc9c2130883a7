//! Framebuffers: memory in which each pixel is a word, as loaders and firmware leave them.

use spleen_font::FONT_8X16;

use crate::cell::Cell;
use crate::display::{Display, Memory};
use crate::font::{Font, HEIGHT};

/// Pixels of a character's line.
const WIDTH: usize = 8;
/// Bytes of a pixel.
const PIXEL: usize = 4;
/// The line of a character, counted from above, that underlines it.
const UNDERLINE: usize = 14;
/// What stands for a character that the font has not.
const UNKNOWN: char = '?';

/// Red, green and blue of the colours.
const COLOURS: [[u8; 3]; 16] = [
    [0x00, 0x00, 0x00],
    [0xaa, 0x00, 0x00],
    [0x00, 0xaa, 0x00],
    [0xaa, 0x55, 0x00],
    [0x00, 0x00, 0xaa],
    [0xaa, 0x00, 0xaa],
    [0x00, 0xaa, 0xaa],
    [0xaa, 0xaa, 0xaa],
    [0x55, 0x55, 0x55],
    [0xff, 0x55, 0x55],
    [0x55, 0xff, 0x55],
    [0xff, 0xff, 0x55],
    [0x55, 0x55, 0xff],
    [0xff, 0x55, 0xff],
    [0x55, 0xff, 0xff],
    [0xff, 0xff, 0xff],
];

/// How pixels lie in the memory (Devicetree bindings, simple-framebuffer).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mode {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bytes from a row to the next one.
    pub stride: usize,
    /// Where red, green and blue begin in a pixel's word, of 8 bits each.
    pub shifts: [u32; 3],
}

impl Mode {
    /// A mode whose pixels are of this format. `None` if that is not one of 32 bits, if the memory, of
    /// so many bytes, is too small, or if there is no room for a character.
    pub fn new(
        width: usize,
        height: usize,
        stride: usize,
        format: &str,
        bytes: usize,
    ) -> Option<Self> {
        let shifts = match format {
            "a8r8g8b8" | "x8r8g8b8" => [16, 8, 0],
            "a8b8g8r8" | "x8b8g8r8" => [0, 8, 16],
            _ => return None,
        };
        let fits = stride.is_multiple_of(PIXEL)
            && width.checked_mul(PIXEL)? <= stride
            && stride.checked_mul(height)? <= bytes;
        (fits && width >= WIDTH && height >= HEIGHT).then_some(Self {
            width,
            height,
            stride,
            shifts,
        })
    }

    fn pixel(&self, colour: u8) -> u32 {
        let parts = COLOURS[usize::from(colour & 15)].iter().zip(self.shifts);
        parts.fold(0, |pixel, (part, shift)| pixel | u32::from(*part) << shift)
    }
}

/// A framebuffer. Its memory is only written: reading it may be slow.
pub struct Framebuffer<M> {
    memory: M,
    mode: Mode,
    font: Font,
}

impl<M: Memory> Framebuffer<M> {
    /// A framebuffer in some mode; what no character covers is blackened.
    pub fn new(memory: M, mode: Mode) -> Option<Self> {
        let font = Font::new(FONT_8X16)?;
        let framebuffer = Self { memory, mode, font };
        let (rows, columns) = framebuffer.size();
        for y in 0..mode.height {
            let first = if y < rows * HEIGHT {
                columns * WIDTH
            } else {
                0
            };
            for x in first..mode.width {
                framebuffer.set(x, y, mode.pixel(0));
            }
        }
        Some(framebuffer)
    }

    fn set(&self, x: usize, y: usize, pixel: u32) {
        self.memory.write32(y * self.mode.stride + x * PIXEL, pixel);
    }
}

impl<M: Memory> Display for Framebuffer<M> {
    fn size(&self) -> (usize, usize) {
        (self.mode.height / HEIGHT, self.mode.width / WIDTH)
    }

    fn put(&mut self, row: usize, column: usize, cell: Cell, cursor: bool) {
        let (mut foreground, mut background) = (
            self.mode.pixel(cell.foreground),
            self.mode.pixel(cell.background),
        );
        if cursor {
            (foreground, background) = (background, foreground);
        }
        let picture = self
            .font
            .picture(cell.character)
            .or_else(|| self.font.picture(UNKNOWN));
        for (line, bits) in picture.unwrap_or(&[0; HEIGHT]).iter().enumerate() {
            let underlined = cell.underline && line == UNDERLINE;
            for bit in 0..WIDTH {
                let set = underlined || bits & 0x80 >> bit != 0;
                let pixel = if set { foreground } else { background };
                self.set(column * WIDTH + bit, row * HEIGHT + line, pixel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Pen;
    use std::cell::RefCell;
    use std::string::String;
    use std::vec;
    use std::vec::Vec;

    impl Memory for &RefCell<Vec<u32>> {
        fn write16(&self, _: usize, _: u16) {
            panic!("pixels are words");
        }

        fn write32(&self, offset: usize, value: u32) {
            self.borrow_mut()[offset / PIXEL] = value;
        }
    }

    /// 20 pixels in rows of 24, 40 rows: two rows of two columns, and some to spare.
    const MODE: Mode = Mode {
        width: 20,
        height: 40,
        stride: 96,
        shifts: [16, 8, 0],
    };

    #[test]
    fn a_character_is_drawn_in_its_colours() {
        let memory = RefCell::new(vec![7; 24 * 40]);
        let mut framebuffer = Framebuffer::new(&memory, MODE).unwrap();
        assert_eq!(framebuffer.size(), (2, 2));
        // What no character covers is black, and what is beyond a row is left alone.
        let at = |x: usize, y: usize| memory.borrow()[y * 24 + x];
        assert_eq!(
            (at(16, 0), at(0, 32), at(19, 39), at(20, 0), at(0, 0)),
            (0, 0, 0, 7, 7)
        );
        let cell = Cell {
            foreground: 9,
            background: 4,
            underline: true,
            ..Pen::default().cell('L')
        };
        framebuffer.put(1, 1, cell, false);
        let line = |y: usize| -> String {
            let pixel = |x| if at(x, y) == 0xff_5555 { '#' } else { '.' };
            (8..16).map(pixel).collect()
        };
        assert_eq!(at(8, 16), 0x00_00aa);
        let lines: Vec<String> = (16..32).map(line).collect();
        assert!(
            lines.iter().filter(|line| *line == "##......").count() >= 6,
            "{lines:#?}"
        );
        assert_eq!(lines[UNDERLINE], "########");
        framebuffer.put(1, 1, cell, true);
        assert_eq!(at(8, 16), 0xff_5555);
    }

    #[test]
    fn a_character_that_the_font_has_not_is_a_question_mark() {
        let memory = RefCell::new(vec![0; 24 * 40]);
        let mut framebuffer = Framebuffer::new(&memory, MODE).unwrap();
        let mut picture = |character: char| {
            framebuffer.put(0, 0, Pen::default().cell(character), false);
            memory.borrow().clone()
        };
        assert!(picture('日') == picture('?') && picture('é') != picture('?'));
    }

    #[test]
    fn other_modes_are_refused() {
        let mode = |stride, format, bytes| Mode::new(640, 480, stride, format, bytes);
        let shifts = mode(2560, "x8b8g8r8", 1_228_800).map(|mode| mode.shifts);
        assert_eq!(shifts, Some([0, 8, 16]));
        assert_eq!(mode(2560, "r5g6b5", 1_228_800), None);
        assert_eq!(mode(2560, "x8r8g8b8", 1_228_799), None);
        assert_eq!(mode(2556, "x8r8g8b8", 1_228_800), None);
        assert_eq!(mode(2562, "x8r8g8b8", 9_999_999), None);
        assert_eq!(Mode::new(7, 480, 2560, "x8r8g8b8", 9_999_999), None);
        assert_eq!(
            Mode::new(usize::MAX, 480, usize::MAX - 3, "x8r8g8b8", 9_999_999),
            None
        );
    }
}
