use heapless::Deque;

/// The keyboard controller's ports (Intel 8042; IBM PS/2 Hardware Interface Technical Reference,
/// "Keyboard and Auxiliary Device Controller").
pub trait Ports {
    /// Reads what the keyboard or the controller has sent.
    fn data(&self) -> u8;
    /// Sends a byte to the keyboard, or to the controller behind a command of its.
    fn send(&self, byte: u8);
    /// Reads the controller's status.
    fn status(&self) -> u8;
    /// Gives the controller a command.
    fn command(&self, command: u8);
    /// Waits for a millisecond.
    fn pause(&self);
}

/// What is wrong with a keyboard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// There is no controller.
    Absent,
    /// The controller does not answer or take commands any more.
    Silent,
    /// A test of the controller (0xaa) or of its first line (0xab) failed with this.
    Test(u8, u8),
    /// There is no keyboard, or it does not obey.
    Keyboard,
}

const STATUS_OUTPUT: u8 = 1 << 0;
const STATUS_INPUT: u8 = 1 << 1;
/// What can be read comes from the second line, a mouse's.
const STATUS_SECOND: u8 = 1 << 5;
/// What a bus without a device reads.
const NOBODY: u8 = 0xff;

const WRITE_SETTINGS: u8 = 0x60;
const DISABLE_SECOND: u8 = 0xa7;
const TEST: u8 = 0xaa;
const TEST_PASSED: u8 = 0x55;
const TEST_FIRST: u8 = 0xab;
const TEST_FIRST_PASSED: u8 = 0;
const DISABLE_FIRST: u8 = 0xad;
const ENABLE_FIRST: u8 = 0xae;
/// Interrupts for the first line; the system is up; both lines are off; scan codes of set 1.
const SETTINGS: u8 = 1 << 0 | 1 << 2 | 3 << 4 | 1 << 6;

const SET_LIGHTS: u8 = 0xed;
const SET_DEFAULTS: u8 = 0xf6;
const SCAN: u8 = 0xf4;
const ACKNOWLEDGED: u8 = 0xfa;
const AGAIN: u8 = 0xfe;

/// How often the controller is asked before it is given up: with pauses of a millisecond, this
/// many of them. Its own test may take half a second.
const PATIENCE: u32 = 1000;
/// A keyboard answers a command within 20 ms.
const KEYBOARD_PATIENCE: u32 = 50;
/// How often a keyboard may want to be told again.
const TRIES: u32 = 3;
/// Scan codes that came while an answer was awaited.
const KEPT: usize = 16;

/// A keyboard behind its controller.
#[derive(Debug)]
pub struct Controller<P> {
    ports: P,
    kept: Deque<u8, KEPT>,
}

impl<P: Ports> Controller<P> {
    /// Takes the controller over, tests it, and lets the keyboard send scan codes.
    ///
    /// # Errors
    /// What is wrong.
    pub fn new(ports: P) -> Result<Self, Fault> {
        if ports.status() == NOBODY {
            return Err(Fault::Absent);
        }
        let mut controller = Self {
            ports,
            kept: Deque::new(),
        };
        controller.command(DISABLE_FIRST)?;
        controller.command(DISABLE_SECOND)?;
        // What was typed before is not for whoever reads now.
        for _ in 0..PATIENCE {
            if controller.ports.status() & STATUS_OUTPUT == 0 {
                break;
            }
            let _ = controller.ports.data();
        }
        controller.test(TEST, TEST_PASSED)?;
        controller.command(WRITE_SETTINGS)?;
        controller.send(SETTINGS)?;
        controller.test(TEST_FIRST, TEST_FIRST_PASSED)?;
        controller.command(ENABLE_FIRST)?;
        controller.tell(SET_DEFAULTS)?;
        controller.tell(SCAN)?;
        Ok(controller)
    }

    /// The next byte of a scan code, if there is one.
    pub fn poll(&mut self) -> Option<u8> {
        self.kept.pop_front().or_else(|| self.receive())
    }

    /// Switches the keyboard's lights: scroll lock, num lock and caps lock are bits 0 to 2.
    ///
    /// # Errors
    /// [`Fault::Silent`], [`Fault::Keyboard`]: not all of it was done.
    pub fn lights(&mut self, lights: u8) -> Result<(), Fault> {
        self.tell(SET_LIGHTS)?;
        self.tell(lights)
    }

    /// What the keyboard or the controller has sent, if it has.
    fn receive(&self) -> Option<u8> {
        loop {
            let status = self.ports.status();
            if status & STATUS_OUTPUT == 0 || status == NOBODY {
                return None;
            }
            let byte = self.ports.data();
            if status & STATUS_SECOND == 0 {
                return Some(byte);
            }
        }
    }

    fn wait_to_send(&self) -> Result<(), Fault> {
        for _ in 0..PATIENCE {
            if self.ports.status() & STATUS_INPUT == 0 {
                return Ok(());
            }
            self.ports.pause();
        }
        Err(Fault::Silent)
    }

    fn command(&self, command: u8) -> Result<(), Fault> {
        self.wait_to_send()?;
        self.ports.command(command);
        Ok(())
    }

    fn send(&self, byte: u8) -> Result<(), Fault> {
        self.wait_to_send()?;
        self.ports.send(byte);
        Ok(())
    }

    fn test(&self, command: u8, expected: u8) -> Result<(), Fault> {
        self.command(command)?;
        let mut fault = Fault::Silent;
        for _ in 0..PATIENCE {
            match self.receive() {
                Some(result) if result == expected => return Ok(()),
                // Or a key that was on its way.
                Some(result) => fault = Fault::Test(command, result),
                None => self.ports.pause(),
            }
        }
        Err(fault)
    }

    /// Tells the keyboard something, and waits until it has understood.
    fn tell(&mut self, byte: u8) -> Result<(), Fault> {
        for _ in 0..TRIES {
            self.send(byte)?;
            let mut waited = 0;
            while waited < KEYBOARD_PATIENCE {
                match self.receive() {
                    Some(ACKNOWLEDGED) => return Ok(()),
                    Some(AGAIN) => break,
                    // A key that there is no room for is lost.
                    Some(scan) => drop(self.kept.push_back(scan)),
                    None => {
                        self.ports.pause();
                        waited += 1;
                    }
                }
            }
        }
        Err(Fault::Keyboard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::vec::Vec;

    /// A controller, and a keyboard that answers the bytes that it is sent with those of a list.
    #[derive(Debug, Default)]
    struct Device {
        sent: RefCell<Vec<u8>>,
        commands: RefCell<Vec<u8>>,
        output: RefCell<VecDeque<(u8, bool)>>,
        answers: RefCell<VecDeque<Vec<u8>>>,
        test: u8,
        settings: RefCell<Option<u8>>,
    }

    impl Ports for &Device {
        fn data(&self) -> u8 {
            self.output.borrow_mut().pop_front().unwrap().0
        }

        fn send(&self, byte: u8) {
            if self.commands.borrow().last() == Some(&WRITE_SETTINGS) {
                *self.settings.borrow_mut() = Some(byte);
                return;
            }
            self.sent.borrow_mut().push(byte);
            let answer = self.answers.borrow_mut().pop_front();
            let answer = answer.unwrap_or(std::vec![ACKNOWLEDGED]);
            self.output
                .borrow_mut()
                .extend(answer.iter().map(|byte| (*byte, false)));
        }

        fn status(&self) -> u8 {
            match self.output.borrow().front() {
                Some((_, second)) => STATUS_OUTPUT | if *second { STATUS_SECOND } else { 0 },
                None => 0,
            }
        }

        fn command(&self, command: u8) {
            self.commands.borrow_mut().push(command);
            match command {
                TEST => self.output.borrow_mut().push_back((self.test, false)),
                // A key is let go meanwhile.
                TEST_FIRST => {
                    let results = [(0x98, false), (TEST_FIRST_PASSED, false)];
                    self.output.borrow_mut().extend(results);
                }
                _ => {}
            }
        }

        fn pause(&self) {}
    }

    fn good() -> Device {
        Device {
            test: TEST_PASSED,
            ..Device::default()
        }
    }

    #[test]
    fn a_keyboard_is_tested_and_scans() {
        let device = good();
        device
            .output
            .borrow_mut()
            .extend([(0x1e, false), (0x30, true)]);
        let mut keyboard = Controller::new(&device).unwrap();
        assert_eq!(*device.sent.borrow(), [SET_DEFAULTS, SCAN]);
        assert_eq!(*device.settings.borrow(), Some(SETTINGS));
        // What was there before is gone, and what comes from a mouse is left out.
        assert_eq!(keyboard.poll(), None);
        device
            .output
            .borrow_mut()
            .extend([(1, true), (0x1e, false), (0x9e, false)]);
        assert_eq!(
            (keyboard.poll(), keyboard.poll(), keyboard.poll()),
            (Some(0x1e), Some(0x9e), None)
        );
    }

    #[test]
    fn keys_that_are_pressed_meanwhile_are_kept() {
        let device = good();
        let mut keyboard = Controller::new(&device).unwrap();
        device
            .answers
            .borrow_mut()
            .extend([std::vec![0x1e, AGAIN], std::vec![ACKNOWLEDGED, 0x9e]]);
        assert_eq!(keyboard.lights(4), Ok(()));
        assert_eq!(device.sent.borrow()[2..], [SET_LIGHTS, SET_LIGHTS, 4]);
        assert_eq!(
            (keyboard.poll(), keyboard.poll(), keyboard.poll()),
            (Some(0x1e), Some(0x9e), None)
        );
    }

    #[test]
    fn what_is_missing_or_broken_is_told_apart() {
        let device = Device {
            test: 0xfc,
            ..Device::default()
        };
        assert_eq!(
            Controller::new(&device).unwrap_err(),
            Fault::Test(TEST, 0xfc)
        );
        let device = good();
        device
            .answers
            .borrow_mut()
            .extend([std::vec![], std::vec![], std::vec![]]);
        assert_eq!(Controller::new(&device).unwrap_err(), Fault::Keyboard);
        let device = good();
        device
            .answers
            .borrow_mut()
            .extend(core::iter::repeat_n(std::vec![AGAIN], 3));
        assert_eq!(Controller::new(&device).unwrap_err(), Fault::Keyboard);
        /// Nothing on the bus, or a controller that is busy for ever.
        #[derive(Debug)]
        struct Bus(u8);
        impl Ports for Bus {
            fn data(&self) -> u8 {
                NOBODY
            }
            fn send(&self, _: u8) {}
            fn status(&self) -> u8 {
                self.0
            }
            fn command(&self, _: u8) {}
            fn pause(&self) {}
        }
        assert_eq!(Controller::new(Bus(NOBODY)).unwrap_err(), Fault::Absent);
        assert_eq!(
            Controller::new(Bus(STATUS_INPUT)).unwrap_err(),
            Fault::Silent
        );
        assert_eq!(Controller::new(Bus(0)).unwrap_err(), Fault::Silent);
    }
}
