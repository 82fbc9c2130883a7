//! What the driver of disks behind PCI was given: descriptors, and what they stand for.

use alloc::vec::Vec;

use driver::option;

use crate::pci::Layout;

/// The command line:
/// `--dma=FD --function=FD:OFFSET:BYTES:FD:COMMON:NOTIFY:MULTIPLIER:INTERRUPTS:DEVICE...`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Functions {
    /// The descriptor of the right to memory for DMA.
    pub dma: usize,
    /// The disks in order.
    pub disks: Vec<Function>,
}

/// A disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Function {
    /// The descriptor of the registers' pages, where in the first of them they begin, and how many
    /// bytes they are.
    pub memory: (usize, usize, usize),
    /// The descriptor of the interrupt.
    pub interrupt: usize,
    /// Where the parts of the registers are.
    pub layout: Layout,
}

impl Functions {
    /// From the words behind the program's name. `None` unless all are well formed, with one right
    /// to memory and a disk or more.
    pub fn parse(words: &[Vec<u8>]) -> Option<Functions> {
        let mut dma = None;
        let mut disks = Vec::new();
        for word in words {
            let (name, numbers) = option(word)?;
            match (name, numbers.as_slice()) {
                ("--dma", &[descriptor]) if dma.is_none() => dma = Some(descriptor),
                (
                    "--function",
                    &[descriptor, offset, bytes, interrupt, common, notify, multiplier, interrupts, device],
                ) => disks.push(Function {
                    memory: (descriptor, offset, bytes),
                    interrupt,
                    layout: Layout {
                        common,
                        notify,
                        multiplier,
                        interrupts,
                        device,
                    },
                }),
                _ => return None,
            }
        }
        (!disks.is_empty()).then_some(Functions { dma: dma?, disks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Functions> {
        let words: Vec<_> = text
            .split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect();
        Functions::parse(&words)
    }

    #[test]
    fn disks_come_in_any_number() {
        let disk = "--function=4:0:0x4000:5:0x0:0x3000:4:0x1000:0x2000";
        let functions = parse(&std::format!("--dma=3 {disk} {disk}")).unwrap();
        let disk = Function {
            memory: (4, 0, 0x4000),
            interrupt: 5,
            layout: Layout {
                common: 0,
                notify: 0x3000,
                multiplier: 4,
                interrupts: 0x1000,
                device: 0x2000,
            },
        };
        assert_eq!((functions.dma, functions.disks), (3, std::vec![disk; 2]));
    }

    #[test]
    fn what_is_missing_doubled_or_malformed_is_refused() {
        let disk = "--function=4:0:0x4000:5:0x0:0x3000:4:0x1000:0x2000";
        for text in [
            "--dma=4",
            disk,
            &std::format!("--dma=3 --dma=3 {disk}"),
            &std::format!("--dma=3 {disk}:1"),
            &std::format!("--dma=3 {disk} --memory=3:0xa000000:0x4000"),
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
