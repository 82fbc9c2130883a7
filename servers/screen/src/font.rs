use alloc::collections::BTreeMap;

/// Lines of a character, each a byte.
pub const HEIGHT: usize = 16;

/// The header of a font file (PC Screen Font, version 1): magic number, mode, lines of a character.
const HEADER: usize = 4;
const MAGIC: [u8; 2] = [0x36, 0x04];
const MODE_512: u8 = 1 << 0;
const MODE_TABLE: u8 = 1 << 1;
/// In the table of what each picture stands for, the ends of a picture's entry and of its single
/// characters.
const END: u16 = 0xffff;
const SEQUENCES: u16 = 0xfffe;

/// A font: pictures of characters, 8 pixels wide and 16 high.
#[derive(Debug)]
pub struct Font {
    pictures: &'static [[u8; HEIGHT]],
    /// Which picture a character has.
    numbers: BTreeMap<char, usize>,
}

impl Font {
    /// Reads a font file; `None` if it is malformed, or another kind of font.
    pub fn new(file: &'static [u8]) -> Option<Self> {
        let (&[first, second, mode, height], rest) = file.split_first_chunk::<HEADER>()?;
        if [first, second] != MAGIC || usize::from(height) != HEIGHT || mode & MODE_TABLE == 0 {
            return None;
        }
        let count = if mode & MODE_512 != 0 { 512 } else { 256 };
        let (pictures, table) = rest.split_at_checked(count * HEIGHT)?;
        let mut numbers = BTreeMap::new();
        let (mut number, mut single) = (0, true);
        let (words, _) = table.as_chunks();
        for word in words.iter().map(|word| u16::from_le_bytes(*word)) {
            match word {
                END => (number, single) = (number + 1, true),
                SEQUENCES => single = false,
                word if single && number < count => {
                    let character = char::from_u32(word.into())?;
                    numbers.entry(character).or_insert(number);
                }
                _ => {}
            }
        }
        let (pictures, _) = pictures.as_chunks();
        Some(Self { pictures, numbers })
    }

    /// The lines of a character from above, each with its leftmost pixel in the highest bit.
    pub fn picture(&self, character: char) -> Option<&[u8; HEIGHT]> {
        self.pictures.get(*self.numbers.get(&character)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spleen_font::FONT_8X16;
    use std::vec::Vec;

    #[test]
    fn characters_have_their_pictures() {
        let font = Font::new(FONT_8X16).unwrap();
        let l = font.picture('L').unwrap();
        assert!(
            l.iter().filter(|line| **line == 0xc0).count() >= 6,
            "{l:x?}"
        );
        assert_eq!(font.picture(' '), Some(&[0; HEIGHT]));
        assert_eq!(font.picture('█'), Some(&[0xff; HEIGHT]));
        for character in (' '..='~').chain("éßÄñ£░│┤┐└┴┬├─┼┘┌═║".chars())
        {
            assert!(font.picture(character).is_some(), "{character}");
        }
        assert_eq!(font.picture('日'), None);
    }

    #[test]
    fn what_is_no_font_is_refused() {
        let leak = |bytes: &[u8]| -> &'static [u8] { Vec::leak(bytes.to_vec()) };
        assert!(Font::new(b"").is_none());
        assert!(Font::new(leak(&FONT_8X16[..5000])).is_none());
        for (at, byte) in [(0, 0), (2, 1), (3, 8)] {
            let mut bytes = FONT_8X16.to_vec();
            bytes[at] = byte;
            assert!(Font::new(leak(&bytes)).is_none(), "{at}");
        }
    }
}
