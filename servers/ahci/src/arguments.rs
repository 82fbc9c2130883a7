//! What the driver was given: descriptors, and what they stand for.

use alloc::vec::Vec;

use driver::option;

/// The command line: `--dma=FD --controller=FD:OFFSET:BYTES:FD...`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Controllers {
    /// The descriptor of the right to memory for DMA.
    pub dma: usize,
    /// The controllers in order.
    pub controllers: Vec<Function>,
}

/// A controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Function {
    /// The descriptor of the registers' pages, where in the first of them they begin, and how many
    /// bytes they are.
    pub memory: (usize, usize, usize),
    /// The descriptor of the interrupt.
    pub interrupt: usize,
}

impl Controllers {
    /// From the words behind the program's name. `None` unless all are well formed, with one right
    /// to memory and a controller or more.
    pub fn parse(words: &[Vec<u8>]) -> Option<Controllers> {
        let mut dma = None;
        let mut controllers = Vec::new();
        for word in words {
            let (name, numbers) = option(word)?;
            match (name, numbers.as_slice()) {
                ("--dma", &[descriptor]) if dma.is_none() => dma = Some(descriptor),
                ("--controller", &[descriptor, offset, bytes, interrupt]) => {
                    controllers.push(Function {
                        memory: (descriptor, offset, bytes),
                        interrupt,
                    });
                }
                _ => return None,
            }
        }
        (!controllers.is_empty()).then_some(Controllers {
            dma: dma?,
            controllers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Controllers> {
        let words: Vec<_> = text
            .split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect();
        Controllers::parse(&words)
    }

    #[test]
    fn controllers_come_in_any_number() {
        let text = "--dma=3 --controller=4:0x800:0x400:5 --controller=6:0:0x1000:7";
        let function = |memory, interrupt| Function { memory, interrupt };
        assert_eq!(
            parse(text),
            Some(Controllers {
                dma: 3,
                controllers: vec![function((4, 0x800, 0x400), 5), function((6, 0, 0x1000), 7)],
            })
        );
    }

    #[test]
    fn what_is_missing_doubled_or_malformed_is_refused() {
        for text in [
            "--dma=3",
            "--controller=4:0:0x1000:5",
            "--dma=3 --dma=3 --controller=4:0:0x1000:5",
            "--dma=3 --controller=4:0:0x1000",
            "--dma=3 --controller=4:0:0x1000:x",
            "--dma=3 --controller=4:0:0x1000:5 sd0",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
