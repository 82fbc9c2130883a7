//! Source: BCM2835 ARM Peripherals, chapter 6.

use core::convert::Infallible;

use driver::Bus;
use embedded_hal::digital::{ErrorType, InputPin, OutputPin, StatefulOutputPin};
use machuser::sync::Mutex;

/// How many pins there are.
pub const PINS: u32 = 54;

mod register {
    /// Functions: ten pins of three bits each in a register.
    pub const FUNCTION: usize = 0x00;
    /// Ones make outputs high or low; levels. 32 pins in a register.
    pub const SET: usize = 0x1c;
    pub const CLEAR: usize = 0x28;
    pub const LEVEL: usize = 0x34;
}

const FUNCTION_BITS: u32 = 7;

/// What a pin does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// It is read.
    Input,
    /// It is driven.
    Output,
    /// It belongs to another device of the processor.
    Device,
}

/// The pins' registers.
#[derive(Debug)]
pub struct Pins<B> {
    pub(crate) bus: B,
    /// Held while the function of a pin changes: others are in the same register.
    functions: Mutex<()>,
}

impl<B: Bus> Pins<B> {
    /// Takes the registers over. No pin changes.
    pub fn new(bus: B) -> Pins<B> {
        Pins {
            bus,
            functions: Mutex::new(()),
        }
    }

    /// The pin with this number; `None` if there is no such.
    pub fn pin(&self, number: u32) -> Option<Pin<'_, B>> {
        (number < PINS).then_some(Pin { pins: self, number })
    }
}

/// A pin. Whoever has one sees, and changes, what others do with the same pin.
#[derive(Debug)]
pub struct Pin<'p, B> {
    pins: &'p Pins<B>,
    number: u32,
}

impl<B: Bus> Pin<'_, B> {
    fn function_place(&self) -> (usize, u32) {
        let register = register::FUNCTION + 4 * (self.number / 10) as usize;
        (register, self.number % 10 * 3)
    }

    fn place(&self, register: usize) -> (usize, u32) {
        let register = register + 4 * (self.number / 32) as usize;
        (register, 1 << (self.number % 32))
    }

    /// What the pin does.
    pub fn function(&self) -> Function {
        let (register, shift) = self.function_place();
        match self.pins.bus.read(register) >> shift & FUNCTION_BITS {
            0 => Function::Input,
            1 => Function::Output,
            _ => Function::Device,
        }
    }

    /// Makes it an input, or an output with this level.
    fn set_function(&mut self, number: u32) {
        let (register, shift) = self.function_place();
        let _held = self.pins.functions.lock();
        let others = self.pins.bus.read(register) & !(FUNCTION_BITS << shift);
        self.pins.bus.write(register, others | number << shift);
    }

    /// Makes the pin an input.
    pub fn make_input(&mut self) {
        self.set_function(0);
    }

    /// Makes the pin an output with this level: there is no moment with another one.
    pub fn make_output(&mut self, high: bool) {
        self.write(high);
        self.set_function(1);
    }

    fn write(&mut self, high: bool) {
        let (register, bit) = self.place(if high { register::SET } else { register::CLEAR });
        self.pins.bus.write(register, bit);
    }

    fn level(&self) -> bool {
        let (register, bit) = self.place(register::LEVEL);
        self.pins.bus.read(register) & bit != 0
    }
}

impl<B> ErrorType for Pin<'_, B> {
    type Error = Infallible;
}

impl<B: Bus> InputPin for Pin<'_, B> {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.level())
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        Ok(!self.level())
    }
}

impl<B: Bus> OutputPin for Pin<'_, B> {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.write(false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.write(true);
        Ok(())
    }
}

impl<B: Bus> StatefulOutputPin for Pin<'_, B> {
    fn is_set_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.level())
    }

    fn is_set_low(&mut self) -> Result<bool, Infallible> {
        Ok(!self.level())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Registers, with outputs whose level is what was written to them.
    #[derive(Default)]
    pub struct Registers(RefCell<[u32; 32]>);

    impl Bus for Registers {
        fn read(&self, offset: usize) -> u32 {
            self.0.borrow()[offset / 4]
        }

        fn write(&self, offset: usize, value: u32) {
            let registers = &mut *self.0.borrow_mut();
            let level = register::LEVEL / 4;
            match offset {
                register::SET | 0x20 => registers[level + (offset - register::SET) / 4] |= value,
                register::CLEAR | 0x2c => {
                    registers[level + (offset - register::CLEAR) / 4] &= !value;
                }
                offset => registers[offset / 4] = value,
            }
        }
    }

    #[test]
    fn each_pin_is_set_and_read_alone() {
        let pins = Pins::new(Registers::default());
        for number in 0..PINS {
            let mut pin = pins.pin(number).unwrap();
            assert_eq!((pin.function(), pin.is_low()), (Function::Input, Ok(true)));
            pin.make_output(true);
            assert_eq!(
                (pin.function(), pin.is_set_high()),
                (Function::Output, Ok(true))
            );
        }
        let mut pin = pins.pin(33).unwrap();
        pin.set_low().unwrap();
        pin.make_input();
        for number in 0..PINS {
            let mut pin = pins.pin(number).unwrap();
            assert_eq!(pin.is_high(), Ok(number != 33));
            let function = if number == 33 {
                Function::Input
            } else {
                Function::Output
            };
            assert_eq!(pin.function(), function);
        }
        assert!(pins.pin(PINS).is_none());
    }
}
