use alloc::string::{String, ToString};
use alloc::vec::Vec;

use fdt::Fdt;
use fdt::node::FdtNode;

/// A device, or several of a kind in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Device {
    /// Physical address of its registers.
    pub address: u64,
    /// Bytes of its registers.
    pub bytes: u64,
    /// Its first interrupt line.
    pub line: u32,
    /// How many lines it has.
    pub lines: u32,
}

impl Device {
    /// The pages in which the registers lie: physical address and bytes.
    pub fn pages(&self) -> (u64, u64) {
        let start = self.address & !0xfff;
        let end = (self.address + self.bytes).next_multiple_of(0x1000);
        (start, end - start)
    }
}

/// What the device tree says that the first program needs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Machine {
    /// The command line.
    pub command_line: String,
    /// The serial line of the console.
    pub console: Option<Device>,
    /// The virtio transports.
    pub virtio: Option<Device>,
    /// The clock that keeps the time of day.
    pub clock: Option<Device>,
}

const CONSOLES: [&str; 1] = ["arm,pl011"];
const CLOCKS: [&str; 1] = ["arm,pl031"];
const VIRTIO: [&str; 1] = ["virtio,mmio"];
/// First line of the interrupts that any core can take, in the generic interrupt controller.
const SHARED_LINES: u32 = 32;
/// First line of the interrupts of one core.
const PRIVATE_LINES: u32 = 16;

impl Machine {
    /// From a device tree; `None` if it is malformed.
    pub fn parse(tree: &[u8]) -> Option<Self> {
        let tree = Fdt::new(tree).ok()?;
        let chosen = tree.find_node("/chosen");
        let argument = chosen.and_then(|node| node.property("bootargs")?.as_str());
        let first = |names| devices(&tree, names).into_iter().min_by_key(|d| d.address);
        Some(Self {
            command_line: argument.unwrap_or_default().to_string(),
            console: first(&CONSOLES),
            virtio: row(devices(&tree, &VIRTIO)),
            clock: first(&CLOCKS),
        })
    }
}

fn devices(tree: &Fdt<'_>, names: &[&str]) -> Vec<Device> {
    let is = |node: &FdtNode<'_, '_>| {
        node.compatible()
            .is_some_and(|all| all.all().any(|name| names.contains(&name)))
    };
    tree.all_nodes().filter(is).filter_map(device).collect()
}

fn device(node: FdtNode<'_, '_>) -> Option<Device> {
    let disabled = node
        .property("status")
        .and_then(|p| p.as_str())
        .is_some_and(|s| s != "okay");
    let region = node.reg()?.next()?;
    let cells = node.property("interrupts")?.value;
    let cell = |i: usize| Some(u32::from_be_bytes(*cells.get(i * 4..)?.first_chunk()?));
    let base = if cell(0)? == 0 {
        SHARED_LINES
    } else {
        PRIVATE_LINES
    };
    let device = Device {
        address: region.starting_address as u64,
        bytes: region.size? as u64,
        line: cell(1)?.checked_add(base)?,
        lines: 1,
    };
    (!disabled).then_some(device)
}

/// The longest run of devices that lie and interrupt one after the other, as one.
fn row(mut devices: Vec<Device>) -> Option<Device> {
    devices.sort_by_key(|d| d.address);
    let mut runs: Vec<Device> = Vec::new();
    for device in devices {
        match runs.last_mut() {
            Some(run)
                if run.address + run.bytes == device.address
                    && run.line + run.lines == device.line =>
            {
                run.bytes += device.bytes;
                run.lines += 1;
            }
            _ => runs.push(device),
        }
    }
    runs.into_iter().max_by_key(|run| run.lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    /// Writes flattened device trees.
    struct Tree {
        structure: Vec<u8>,
        strings: Vec<u8>,
    }

    impl Tree {
        fn word(&mut self, word: u32) {
            self.structure.extend_from_slice(&word.to_be_bytes());
        }

        fn text(&mut self, bytes: &[u8]) {
            self.structure.extend_from_slice(bytes);
            self.structure
                .resize(self.structure.len().next_multiple_of(4), 0);
        }

        fn begin(&mut self, name: &str) {
            self.word(1);
            self.text(&[name.as_bytes(), b"\0"].concat());
        }

        fn end(&mut self) {
            self.word(2);
        }

        fn property(&mut self, name: &str, value: &[u8]) {
            let at = self.strings.len() as u32;
            self.strings.extend_from_slice(name.as_bytes());
            self.strings.push(0);
            self.word(3);
            self.word(value.len() as u32);
            self.word(at);
            self.text(value);
        }

        fn cells(&mut self, name: &str, cells: &[u32]) {
            let bytes: Vec<u8> = cells.iter().flat_map(|c| c.to_be_bytes()).collect();
            self.property(name, &bytes);
        }

        fn device(&mut self, name: &str, kind: &str, address: u32, bytes: u32, line: u32) {
            self.begin(name);
            self.property("compatible", format!("{kind}\0arm,primecell\0").as_bytes());
            self.cells("reg", &[0, address, 0, bytes]);
            self.cells("interrupts", &[0, line, 4]);
            self.end();
        }

        fn finish(mut self) -> Vec<u8> {
            self.word(9);
            let reserve = 40u32;
            let structure = reserve + 16;
            let strings = structure + self.structure.len() as u32;
            let total = strings + self.strings.len() as u32;
            let header = [
                0xd00d_feed,
                total,
                structure,
                strings,
                reserve,
                17,
                16,
                0,
                self.strings.len() as u32,
                self.structure.len() as u32,
            ];
            let mut out: Vec<u8> = header.iter().flat_map(|w: &u32| w.to_be_bytes()).collect();
            out.extend_from_slice(&[0; 16]);
            out.extend_from_slice(&self.structure);
            out.extend_from_slice(&self.strings);
            out
        }
    }

    fn board() -> Vec<u8> {
        let mut tree = Tree {
            structure: vec![],
            strings: vec![],
        };
        tree.begin("");
        tree.cells("#address-cells", &[2]);
        tree.cells("#size-cells", &[2]);
        tree.device("virtio_mmio@a000200", "virtio,mmio", 0xa00_0200, 0x200, 17);
        tree.device("virtio_mmio@a000000", "virtio,mmio", 0xa00_0000, 0x200, 16);
        tree.device("virtio_mmio@a000400", "virtio,mmio", 0xa00_0400, 0x200, 18);
        tree.device("pl011@9000000", "arm,pl011", 0x900_0000, 0x1000, 1);
        tree.begin("chosen");
        tree.property("bootargs", b"hird.nonce=7 x\0");
        tree.end();
        tree.end();
        tree.finish()
    }

    #[test]
    fn the_devices_of_a_board_are_found() {
        let machine = Machine::parse(&board()).unwrap();
        assert_eq!(machine.command_line, "hird.nonce=7 x");
        let console = Device {
            address: 0x900_0000,
            bytes: 0x1000,
            line: 33,
            lines: 1,
        };
        assert_eq!(machine.console, Some(console));
        let virtio = Device {
            address: 0xa00_0000,
            bytes: 0x600,
            line: 48,
            lines: 3,
        };
        assert_eq!(machine.virtio, Some(virtio));
        assert_eq!(virtio.pages(), (0xa00_0000, 0x1000));
        assert_eq!(machine.clock, None);
    }

    #[test]
    fn what_is_no_device_tree_is_refused() {
        assert_eq!(
            Machine::parse(b"not a tree at all, certainly not one"),
            None
        );
    }
}
