use vte::ansi::{Attr, Color, NamedColor, Rgb};

/// A place for a character, as it is seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell {
    /// What stands there; the right half of a wide character is blank.
    pub character: char,
    /// Its colour: red, green and blue in bits 0 to 2, brighter with bit 3.
    pub foreground: u8,
    /// The colour behind it.
    pub background: u8,
    /// Whether there is a line below it.
    pub underline: bool,
}

/// How characters are written (ECMA-48, 8.3.117).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pen {
    foreground: u8,
    background: u8,
    bold: bool,
    dim: bool,
    underline: bool,
    reverse: bool,
    hidden: bool,
}

const FOREGROUND: u8 = 7;
const BACKGROUND: u8 = 0;
const BRIGHT: u8 = 8;

impl Default for Pen {
    fn default() -> Self {
        Self {
            foreground: FOREGROUND,
            background: BACKGROUND,
            bold: false,
            dim: false,
            underline: false,
            reverse: false,
            hidden: false,
        }
    }
}

impl Pen {
    /// A character as this pen writes it.
    pub fn cell(&self, character: char) -> Cell {
        let mut foreground = match self.foreground {
            _ if self.dim => BRIGHT,
            colour if self.bold => colour | BRIGHT,
            colour => colour,
        };
        let mut background = self.background;
        if self.reverse {
            (foreground, background) = (background, foreground);
        }
        if self.hidden {
            foreground = background;
        }
        Cell {
            character,
            foreground,
            background,
            underline: self.underline,
        }
    }

    /// What erasing leaves: the colour behind, and no character.
    pub fn blank(&self) -> Cell {
        Self {
            background: self.background,
            ..Self::default()
        }
        .cell(' ')
    }

    /// Takes over an attribute. What cannot be shown has no effect.
    pub fn apply(&mut self, attribute: &Attr) {
        match attribute {
            Attr::Reset => *self = Self::default(),
            Attr::Bold => self.bold = true,
            Attr::Dim => self.dim = true,
            Attr::CancelBold => self.bold = false,
            Attr::CancelBoldDim => (self.bold, self.dim) = (false, false),
            Attr::Underline
            | Attr::DoubleUnderline
            | Attr::Undercurl
            | Attr::DottedUnderline
            | Attr::DashedUnderline => self.underline = true,
            Attr::CancelUnderline => self.underline = false,
            Attr::Reverse => self.reverse = true,
            Attr::CancelReverse => self.reverse = false,
            Attr::Hidden => self.hidden = true,
            Attr::CancelHidden => self.hidden = false,
            Attr::Foreground(colour) => self.foreground = nearest(*colour, FOREGROUND),
            Attr::Background(colour) => self.background = nearest(*colour, BACKGROUND),
            _ => {}
        }
    }
}

/// The nearest of the sixteen colours, or what is usual.
fn nearest(colour: Color, usual: u8) -> u8 {
    match colour {
        Color::Named(NamedColor::Foreground | NamedColor::Background) => usual,
        Color::Named(name) => u8::try_from(name as usize).unwrap_or(usual),
        Color::Indexed(index @ 0..16) => index,
        // A cube of six steps in each colour, then steps of grey.
        Color::Indexed(index @ 16..232) => {
            let step = |size| (index - 16) / size % 6 * 51;
            mixed(Rgb {
                r: step(36),
                g: step(6),
                b: step(1),
            })
        }
        Color::Indexed(index) => {
            let grey = (index - 232) * 10 + 8;
            mixed(Rgb {
                r: grey,
                g: grey,
                b: grey,
            })
        }
        Color::Spec(colour) => mixed(colour),
    }
}

fn mixed(Rgb { r, g, b }: Rgb) -> u8 {
    let strongest = r.max(g).max(b);
    if strongest < 0x40 {
        return 0;
    }
    let bit = |value: u8, number: u8| u8::from(value > strongest / 2) << number;
    let colour = bit(r, 0) | bit(g, 1) | bit(b, 2);
    match (colour, strongest) {
        // Dark grey lies between black and white.
        (7, ..0x80) => BRIGHT,
        (_, 0xd0..) => colour | BRIGHT,
        _ => colour,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_become_colours() {
        let mut pen = Pen::default();
        let cell = |pen: &Pen| (pen.cell('x').foreground, pen.cell('x').background);
        assert_eq!(cell(&pen), (7, 0));
        pen.apply(&Attr::Foreground(Color::Named(NamedColor::Red)));
        pen.apply(&Attr::Bold);
        assert_eq!(cell(&pen), (9, 0));
        pen.apply(&Attr::Reverse);
        assert_eq!(cell(&pen), (0, 9));
        pen.apply(&Attr::CancelReverse);
        pen.apply(&Attr::Background(Color::Named(NamedColor::Blue)));
        pen.apply(&Attr::Underline);
        assert_eq!(
            pen.blank(),
            Cell {
                character: ' ',
                foreground: 7,
                background: 4,
                underline: false
            }
        );
        pen.apply(&Attr::Hidden);
        assert_eq!(cell(&pen), (4, 4));
        pen.apply(&Attr::Reset);
        assert_eq!(pen, Pen::default());
    }

    #[test]
    fn colours_beyond_sixteen_become_the_nearest() {
        for (index, expected) in [
            (9, 9),
            (16, 0),
            (196, 9),
            (46, 10),
            (21, 12),
            (231, 15),
            (232, 0),
            (240, 8),
            (250, 7),
            (124, 1),
        ] {
            assert_eq!(nearest(Color::Indexed(index), 7), expected, "{index}");
        }
        assert_eq!(
            nearest(
                Color::Spec(Rgb {
                    r: 0,
                    g: 160,
                    b: 160
                }),
                7
            ),
            6
        );
        assert_eq!(nearest(Color::Named(NamedColor::BrightCyan), 7), 14);
    }
}
