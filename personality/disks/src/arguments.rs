//! What the driver was given: descriptors, and what they stand for.

use alloc::vec::Vec;

/// Bytes of a page.
const PAGE: usize = 4096;

/// The command line: `--memory=FD:ADDRESS:BYTES [--dma=FD] --interrupts=FD:FIRST:COUNT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The descriptor of the registers' pages, where in the first of them they begin, and how many
    /// bytes they are.
    pub memory: (usize, usize, usize),
    /// The descriptor of the right to memory for DMA, if there is one.
    pub dma: Option<usize>,
    /// The descriptor of the first interrupt, and how many follow one another: one for each device.
    pub interrupts: (usize, usize),
}

/// A number, hexadecimal behind `0x`.
fn number(text: &[u8]) -> Option<usize> {
    let text = core::str::from_utf8(text).ok()?;
    match text.strip_prefix("0x") {
        Some(digits) => usize::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

impl Arguments {
    /// From the words behind the program's name. `None` unless all are well formed, and each is
    /// there once.
    pub fn parse(words: &[Vec<u8>]) -> Option<Arguments> {
        let mut arguments = Arguments::default();
        let mut seen = 0;
        for word in words {
            let equals = word.iter().position(|&byte| byte == b'=')?;
            let (option, value) = (&word[..equals], &word[equals + 1..]);
            let numbers: Vec<usize> = value
                .split(|&byte| byte == b':')
                .map(number)
                .collect::<Option<_>>()?;
            let bit = match (option, numbers.as_slice()) {
                (b"--memory", &[descriptor, address, bytes]) => {
                    arguments.memory = (descriptor, address % PAGE, bytes);
                    1
                }
                (b"--dma", &[descriptor]) => {
                    arguments.dma = Some(descriptor);
                    2
                }
                (b"--interrupts", &[descriptor, _, count]) => {
                    arguments.interrupts = (descriptor, count);
                    4
                }
                _ => return None,
            };
            if seen & bit != 0 {
                return None;
            }
            seen |= bit;
        }
        (seen & 5 == 5).then_some(arguments)
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
    fn a_driver_may_have_no_memory_for_dma() {
        let arguments = parse("--memory=3:0x1000:0x100 --interrupts=4:9:1").unwrap();
        assert_eq!(arguments.dma, None);
    }

    #[test]
    fn a_whole_command_line_is_read() {
        assert_eq!(
            parse("--memory=3:0xa000200:0x4000 --dma=4 --interrupts=5:48:32"),
            Some(Arguments {
                memory: (3, 0x200, 0x4000),
                dma: Some(4),
                interrupts: (5, 32)
            })
        );
    }

    #[test]
    fn what_is_missing_doubled_or_malformed_is_refused() {
        for text in [
            "--memory=3:0xa000000:0x4000 --dma=4",
            "--memory=3:0xa000000 --dma=4 --interrupts=5:48:32",
            "--memory=3:0xa000000:0x4000 --dma=x --interrupts=5:48:32",
            "--memory=3:0xa000000:0x4000 --dma=4 --dma=4 --interrupts=5:48:32",
            "vd0",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
