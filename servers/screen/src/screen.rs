use alloc::vec::Vec;
use core::time::Duration;

use console_driver::{LineError, Uart};
use embedded_hal_nb::nb;
use embedded_hal_nb::serial::{ErrorType, Read, Write};
use heapless::Deque;
use vte::ansi::{Processor, Timeout};

use crate::cell::Cell;
use crate::controller::{Controller, Ports};
use crate::display::Display;
use crate::emulator::Emulator;
use crate::keyboard::{Keys, LONGEST};

/// Output is not held back, however much a program announces.
#[derive(Default)]
pub struct Never;

impl Timeout for Never {
    fn set_timeout(&mut self, _: Duration) {}

    fn clear_timeout(&mut self) {}

    fn pending_timeout(&self) -> bool {
        false
    }
}

/// A screen with a keyboard, to be used like a serial line with a terminal at its other end.
pub struct Screen<D, P> {
    display: D,
    processor: Processor<Never>,
    emulator: Emulator,
    /// What the display shows, and where it shows the cursor.
    shown: Vec<Option<(Cell, bool)>>,
    shown_cursor: Option<usize>,
    keyboard: Option<Controller<P>>,
    keys: Keys,
    lights: u8,
    /// What the last key sends.
    pressed: Deque<u8, LONGEST>,
}

impl<D: Display, P: Ports> Screen<D, P> {
    /// Takes a display over and clears it; without a keyboard nothing is ever received.
    pub fn new(display: D, keyboard: Option<Controller<P>>) -> Self {
        let (rows, columns) = display.size();
        let mut screen = Self {
            display,
            processor: Processor::new(),
            emulator: Emulator::new(rows, columns),
            shown: core::iter::repeat_n(None, rows * columns).collect(),
            shown_cursor: None,
            keyboard,
            keys: Keys::default(),
            lights: 0,
            pressed: Deque::new(),
        };
        screen.switch_lights();
        screen.display.cursor(None);
        screen.show();
        screen
    }

    /// Shows what has changed.
    fn show(&mut self) {
        let (_, columns) = self.display.size();
        let cursor = self.emulator.cursor();
        let cells = self.emulator.cells().iter().zip(&mut self.shown);
        for (at, (cell, shown)) in cells.enumerate() {
            let now = (*cell, cursor == Some(at));
            if *shown != Some(now) {
                *shown = Some(now);
                self.display.put(at / columns, at % columns, now.0, now.1);
            }
        }
        if self.shown_cursor != cursor {
            self.shown_cursor = cursor;
            self.display.cursor(cursor);
        }
    }

    fn switch_lights(&mut self) {
        let lights = self.keys.lights();
        if self.lights != lights
            && let Some(keyboard) = &mut self.keyboard
        {
            self.lights = lights;
            // A keyboard without lights works, too.
            let _ = keyboard.lights(lights);
        }
    }
}

impl<D, P> ErrorType for Screen<D, P> {
    type Error = LineError;
}

impl<D: Display, P: Ports> Read for Screen<D, P> {
    fn read(&mut self) -> nb::Result<u8, LineError> {
        loop {
            if let Some(byte) = self.pressed.pop_front().or_else(|| self.emulator.answer()) {
                return Ok(byte);
            }
            let scan = self.keyboard.as_mut().and_then(Controller::poll);
            let scan = scan.ok_or(nb::Error::WouldBlock)?;
            let bytes = self.keys.scan(scan, self.emulator.application_keys());
            self.pressed.extend(bytes);
            self.switch_lights();
        }
    }
}

impl<D: Display, P: Ports> Write for Screen<D, P> {
    fn write(&mut self, byte: u8) -> nb::Result<(), LineError> {
        self.processor.advance(&mut self.emulator, &[byte]);
        Ok(())
    }

    fn flush(&mut self) -> nb::Result<(), LineError> {
        Ok(())
    }
}

impl<D: Display, P: Ports> Uart for Screen<D, P> {
    fn want_room(&mut self, _: bool) {}

    fn acknowledge(&mut self) {}

    fn finish(&mut self) -> bool {
        self.show();
        self.emulator.has_answer()
    }

    fn size(&self) -> Option<(u16, u16)> {
        let (rows, columns) = self.display.size();
        Some((u16::try_from(rows).ok()?, u16::try_from(columns).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::string::String;

    /// Two rows of five columns, and how many cells were written to it.
    #[derive(Clone, Default)]
    struct Little(Rc<RefCell<([[char; 5]; 2], Option<usize>, usize)>>);

    impl Display for Little {
        fn size(&self) -> (usize, usize) {
            (2, 5)
        }

        fn put(&mut self, row: usize, column: usize, cell: Cell, _: bool) {
            let mut display = self.0.borrow_mut();
            display.0[row][column] = cell.character;
            display.2 += 1;
        }

        fn cursor(&mut self, at: Option<usize>) {
            self.0.borrow_mut().1 = at;
        }
    }

    /// A keyboard on which these keys are pressed.
    #[derive(Debug)]
    struct Pressed(RefCell<Vec<u8>>);

    impl Ports for Pressed {
        fn data(&self) -> u8 {
            self.0.borrow_mut().remove(0)
        }

        fn send(&self, byte: u8) {
            // The settings of the controller are no keyboard's.
            if byte != 0x75 {
                self.0.borrow_mut().insert(0, 0xfa);
            }
        }

        fn status(&self) -> u8 {
            u8::from(!self.0.borrow().is_empty())
        }

        fn command(&self, command: u8) {
            match command {
                0xaa => self.0.borrow_mut().push(0x55),
                0xab => self.0.borrow_mut().push(0),
                // From now on it scans.
                0xae => self.0.borrow_mut().extend([0x1e, 0x30, 0x9e]),
                _ => {}
            }
        }

        fn pause(&self) {}
    }

    fn write(screen: &mut Screen<Little, Pressed>, text: &str) -> bool {
        for byte in text.bytes() {
            screen.write(byte).unwrap();
        }
        screen.finish()
    }

    fn read(screen: &mut Screen<Little, Pressed>) -> String {
        core::iter::from_fn(|| screen.read().ok())
            .map(char::from)
            .collect()
    }

    #[test]
    fn only_what_changes_is_written_to_the_display() {
        let display = Little::default();
        let mut screen = Screen::new(display.clone(), None);
        // The whole of it is cleared.
        assert_eq!(display.0.borrow().2, 10);
        assert!(!write(&mut screen, "ab"));
        let lines = |display: &Little| {
            display
                .0
                .borrow()
                .0
                .map(|row| row.iter().collect::<String>())
        };
        assert_eq!(lines(&display), ["ab   ", "     "]);
        // Two characters, and the place where the cursor is now.
        assert_eq!((display.0.borrow().1, display.0.borrow().2), (Some(2), 13));
        write(&mut screen, "\r\nab\r\nab");
        assert_eq!(lines(&display), ["ab   ", "ab   "]);
        assert_eq!(display.0.borrow().2, 17);
        assert_eq!(screen.size(), Some((2, 5)));
        assert_eq!(read(&mut screen), "");
    }

    #[test]
    fn keys_and_answers_are_read_in_order() {
        let keyboard = Controller::new(Pressed(RefCell::new(Vec::new()))).unwrap();
        let mut screen = Screen::new(Little::default(), Some(keyboard));
        assert!(write(&mut screen, "\x1b[6n"));
        assert_eq!(read(&mut screen), "\x1b[1;1Rab");
    }
}
