use embedded_hal_nb::serial::{Error, ErrorKind, Read, Write};

/// What can be wrong with a received character.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineError {
    /// No stop bit.
    Framing,
    /// Wrong parity.
    Parity,
    /// The line was held low.
    Break,
    /// Characters were lost before this one.
    Overrun,
}

impl Error for LineError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Framing => ErrorKind::FrameFormat,
            Self::Parity => ErrorKind::Parity,
            Self::Break => ErrorKind::Other,
            Self::Overrun => ErrorKind::Overrun,
        }
    }
}

/// A serial device, or what is used like one, which was set up for eight bits without parity and interrupts for what it
/// receives.
pub trait Uart: Read<Error = LineError> + Write {
    /// Whether there is an interrupt, too, when there is room for more output.
    fn want_room(&mut self, wanted: bool);

    /// Clears what the device has interrupted for, as far as reading does not.
    fn acknowledge(&mut self);

    /// A piece of output has been written: a device that gathers output shows it. Returns whether it
    /// has something to be read because of that.
    fn finish(&mut self) -> bool {
        false
    }

    /// Rows and columns, of what is a screen.
    fn size(&self) -> Option<(u16, u16)> {
        None
    }
}
