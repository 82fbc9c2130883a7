use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use machuser::mach::{Interrupt, Registers};
use machuser::{Error, Result, SendRight, env};

/// Bytes of a page.
const PAGE: usize = 4096;

/// The command line:
/// `[--kind=KIND] --memory=FD:ADDRESS:BYTES [--dma=FD] [--interrupts=FD:FIRST:COUNT]`.
///
/// Descriptors hold the rights that the driver has to the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// What kind of device it is, for a driver that knows several.
    pub kind: Option<String>,
    /// The descriptor of the registers' pages, where in the first of them they begin, and how many
    /// bytes they are.
    pub memory: (usize, usize, usize),
    /// The descriptor of the right to memory for DMA.
    pub dma: Option<usize>,
    /// The descriptor of the first interrupt, and how many follow one another.
    pub interrupts: (usize, usize),
}

/// A number, hexadecimal behind `0x`.
fn number(text: &str) -> Option<usize> {
    match text.strip_prefix("0x") {
        Some(digits) => usize::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A word `NAME=NUMBER:NUMBER...`: its name and numbers.
pub fn option(word: &[u8]) -> Option<(&str, Vec<usize>)> {
    let (name, value) = core::str::from_utf8(word).ok()?.split_once('=')?;
    Some((name, value.split(':').map(number).collect::<Option<_>>()?))
}

/// The right that a descriptor of the program holds.
pub fn descriptor(number: usize) -> Result<Arc<SendRight>> {
    env::fd(number).ok_or(Error::EBADF)
}

impl Arguments {
    /// Those that the program was started with; `EINVAL` if they are malformed.
    pub fn of_program() -> Result<Arguments> {
        let words = env::args();
        Arguments::parse(words.get(1..).unwrap_or(&[])).ok_or(Error::EINVAL)
    }

    /// From the words behind the program's name. `None` unless all are well formed, none is there
    /// twice, and the registers are named.
    pub fn parse(words: &[Vec<u8>]) -> Option<Arguments> {
        let mut arguments = Arguments::default();
        let mut seen = 0;
        for word in words {
            let (option, value) = core::str::from_utf8(word).ok()?.split_once('=')?;
            let numbers: Option<Vec<usize>> = value.split(':').map(number).collect();
            let bit = match (option, numbers.as_deref()) {
                ("--memory", Some(&[descriptor, address, bytes])) => {
                    arguments.memory = (descriptor, address % PAGE, bytes);
                    1
                }
                ("--dma", Some(&[descriptor])) => {
                    arguments.dma = Some(descriptor);
                    2
                }
                ("--interrupts", Some(&[descriptor, _, count])) => {
                    arguments.interrupts = (descriptor, count);
                    4
                }
                ("--kind", _) => {
                    arguments.kind = Some(value.to_string());
                    8
                }
                _ => return None,
            };
            if seen & bit != 0 {
                return None;
            }
            seen |= bit;
        }
        (seen & 1 != 0).then_some(arguments)
    }

    /// The device's registers.
    pub fn registers(&self) -> Result<Registers> {
        let (memory, offset, bytes) = self.memory;
        Registers::new(&*descriptor(memory)?, offset, bytes)
    }

    /// The device's interrupt with this index; `ENXIO` if it has no such.
    pub fn interrupt(&self, index: usize) -> Result<Interrupt> {
        let (first, count) = self.interrupts;
        if index >= count {
            return Err(Error::ENXIO);
        }
        Interrupt::attach(&*descriptor(first + index)?)
    }

    /// The right to memory for DMA; `ENXIO` if there is none.
    pub fn dma(&self) -> Result<SendRight> {
        descriptor(self.dma.ok_or(Error::ENXIO)?)?.try_clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Arguments> {
        let words: Vec<_> = text
            .split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect();
        Arguments::parse(&words)
    }

    #[test]
    fn a_whole_command_line_is_read() {
        assert_eq!(
            parse("--kind=x:y --memory=3:0xa000200:0x4000 --dma=4 --interrupts=5:48:32"),
            Some(Arguments {
                kind: Some("x:y".to_string()),
                memory: (3, 0x200, 0x4000),
                dma: Some(4),
                interrupts: (5, 32)
            })
        );
        let least = parse("--memory=3:0x1000:0x100").unwrap();
        assert_eq!((least.dma, least.interrupts), (None, (0, 0)));
    }

    #[test]
    fn what_is_missing_doubled_or_malformed_is_refused() {
        for text in [
            "--dma=4 --interrupts=5:48:32",
            "--memory=3:0xa000000 --dma=4 --interrupts=5:48:32",
            "--memory=3:0xa000000:0x4000 --dma=x --interrupts=5:48:32",
            "--memory=3:0xa000000:0x4000 --dma=4 --dma=4 --interrupts=5:48:32",
            "vd0",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
