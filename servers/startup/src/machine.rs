use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use fdt::Fdt;
use fdt::node::FdtNode;

/// A device, or several of a kind in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Device {
    /// Whether its registers are I/O ports.
    pub ports: bool,
    /// Physical address of its registers, or the first port.
    pub address: u64,
    /// Bytes of its registers.
    pub bytes: u64,
    /// Its first interrupt line.
    pub line: u32,
    /// How many lines it has.
    pub lines: u32,
}

impl Device {
    /// Where its registers begin in the pages or ports that its driver gets.
    pub fn offset(&self) -> u64 {
        if self.ports { 0 } else { self.address % 0x1000 }
    }

    /// The pages in which the registers lie: physical address and bytes.
    pub fn pages(&self) -> (u64, u64) {
        let start = self.address & !0xfff;
        let end = (self.address + self.bytes).next_multiple_of(0x1000);
        (start, end - start)
    }
}

/// How a pin is used: its number, and the function that its controller calls by a number.
pub type Pin = (u32, u32);

/// A device with its own driver, and what the driver must be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Driven {
    /// The device, or where the first of its registers are.
    pub device: Device,
    /// Where its other registers are, if they lie apart.
    pub others: Vec<Device>,
    /// What its driver knows this kind of device by.
    pub kind: &'static str,
    /// Pins that have to be connected to it.
    pub pins: Vec<Pin>,
}

/// How a framebuffer shows what is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mode {
    /// Pixels in a row, rows, and bytes from a row to the next.
    pub size: [u32; 3],
    /// The binding's name for how a pixel lies in memory.
    pub format: String,
}

/// A screen and the keyboard before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Screen {
    /// What shows: a framebuffer, or an adapter with text memory and ports.
    pub display: Driven,
    /// Of a framebuffer.
    pub mode: Option<Mode>,
    /// The keyboard's controller: the port for data, then that for commands.
    pub keyboard: Driven,
}

/// What the device tree says that the first program needs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Machine {
    /// The command line.
    pub command_line: String,
    /// The serial line of the console.
    pub console: Option<Driven>,
    /// The screen, if there is a keyboard, too.
    pub screen: Option<Screen>,
    /// The virtio transports.
    pub virtio: Option<Device>,
    /// The slots of memory cards.
    pub cards: Vec<Driven>,
    /// The ports behind which the PCI bus is configured.
    pub pci: Option<Device>,
    /// Memory in which the first of ACPI's tables lies.
    pub acpi: Option<Device>,
    /// The clock that keeps the time of day.
    pub clock: Option<Driven>,
    /// What connects the pins of the processor.
    pub pins: Option<Device>,
}

const CONSOLES: [(&str, &str); 4] = [
    ("arm,pl011", "pl011"),
    ("cdns,uart-r1p12", "cadence"),
    ("brcm,bcm2835-aux-uart", "bcm2835-aux"),
    ("ns16550a", "ns16550a"),
];
const CARDS: [(&str, &str); 1] = [("brcm,bcm2835-sdhost", "bcm2835-sdhost")];
const CLOCKS: [(&str, &str); 2] = [("arm,pl031", "pl031"), ("motorola,mc146818", "mc146818")];
const PCI: [(&str, &str); 1] = [("pci-configuration-mechanism-1", "pci")];
const ACPI: [(&str, &str); 1] = [("acpi-root-pointer", "acpi")];
/// The bus on which an address begins with a cell that tells I/O ports from memory.
const ISA: &str = "isa";
const FRAMEBUFFERS: [(&str, &str); 1] = [("simple-framebuffer", "framebuffer")];
const TEXT_ADAPTERS: [(&str, &str); 1] = [("pnpPNP,900", "text")];
const KEYBOARDS: [(&str, &str); 1] = [("pnpPNP,303", "i8042")];
const VIRTIO: [(&str, &str); 1] = [("virtio,mmio", "virtio")];
const PINS: [(&str, &str); 1] = [("brcm,bcm2835-gpio", "bcm2835-gpio")];

/// The word of the command line that names the console's line, as `stdout-path` does.
const CONSOLE_WORD: &str = "hird.console=";
/// Nodes that are looked at: more than any tree has.
const NODES: usize = 10_000;

/// A controller of interrupts, and how it names its lines by cells. The kernel's numbers are counted
/// from the start of each kind of lines, which the first cell says, by the second cell.
struct Controller {
    names: &'static [&'static str],
    /// How many cells are a kind, a line and all else.
    cells: [usize; 3],
    /// Where the lines of each kind begin.
    first: &'static [u32],
}

const CONTROLLERS: [Controller; 4] = [
    // Lines of all cores, and those of each.
    Controller {
        names: &["arm,cortex-a15-gic", "arm,gic-400"],
        cells: [1, 1, 1],
        first: &[32, 16],
    },
    // The processor's peripherals, and two banks of others.
    Controller {
        names: &["brcm,bcm2836-armctrl-ic"],
        cells: [1, 1, 0],
        first: &[32, 64, 96],
    },
    // Lines of the core: there is one kind, and no cell for it.
    Controller {
        names: &["brcm,bcm2836-l1-intc"],
        cells: [0, 1, 1],
        first: &[0],
    },
    // Pins.
    Controller {
        names: &["intel,ce4100-ioapic"],
        cells: [0, 1, 1],
        first: &[0],
    },
];

/// A node of the tree, and what the nodes above say of it.
struct Found<'b, 'a> {
    path: String,
    node: FdtNode<'b, 'a>,
    place: Place,
}

/// What the nodes above a node say of it.
#[derive(Clone)]
struct Place {
    /// For each bus between here and the processor, from here on: first address on it, first
    /// address on the bus above, bytes. An empty list stands for addresses that are the same, none
    /// for a bus that is not reached from above.
    buses: Vec<Option<Vec<[u64; 3]>>>,
    address_cells: usize,
    size_cells: usize,
    /// The controller that interrupts go to, unless a node names one.
    controller: Option<u32>,
    /// Whether the bus is ISA.
    isa: bool,
}

impl Machine {
    /// From a device tree; `None` if it is malformed.
    pub fn parse(tree: &[u8]) -> Option<Self> {
        let tree = Fdt::new(tree).ok()?;
        let mut nodes = Vec::new();
        // What holds where the root says nothing.
        let place = Place {
            buses: Vec::new(),
            address_cells: 2,
            size_cells: 1,
            controller: None,
            isa: false,
        };
        walk(tree.find_node("/")?, String::new(), place, &mut nodes);
        let text = |path, name| tree.find_node(path)?.property(name)?.as_str();
        let devices = |known: &[_]| -> Vec<Driven> {
            let driven = |found| driven(&tree, found, known);
            nodes.iter().filter_map(driven).collect()
        };
        let first = |known: &[_]| {
            let found = devices(known).into_iter();
            found.min_by_key(|driven| driven.device.address)
        };
        let command_line = text("/chosen", "bootargs").unwrap_or_default();
        // The command line's line comes before the firmware's, which comes before any.
        let words = command_line.split_ascii_whitespace();
        let lines = words
            .filter_map(|word| word.strip_prefix(CONSOLE_WORD))
            .chain(text("/chosen", "stdout-path"))
            .filter_map(|line| {
                let name = line.split(':').next()?;
                let path = text("/aliases", name).unwrap_or(name);
                let found = nodes.iter().find(|found| found.path == path)?;
                driven(&tree, found, &CONSOLES)
            });
        Some(Self {
            command_line: command_line.to_string(),
            console: lines.chain(first(&CONSOLES)).next(),
            screen: screen(&tree, &nodes),
            virtio: row(devices(&VIRTIO).iter().map(|driven| driven.device).collect()),
            cards: devices(&CARDS),
            pci: first(&PCI).map(|driven| driven.device),
            acpi: first(&ACPI).map(|driven| driven.device),
            clock: first(&CLOCKS),
            pins: first(&PINS).map(|driven| driven.device),
        })
    }
}

/// Finds all nodes below one, with it.
fn walk<'b, 'a>(
    node: FdtNode<'b, 'a>,
    path: String,
    place: Place,
    nodes: &mut Vec<Found<'b, 'a>>,
) {
    if nodes.len() == NODES {
        return;
    }
    let cell = |name| Some(cells(node.property(name)?.value).next()? as usize);
    let (address_cells, size_cells) = (cell("#address-cells"), cell("#size-cells"));
    let mut below = Place {
        address_cells: address_cells.unwrap_or(2),
        size_cells: size_cells.unwrap_or(1),
        controller: phandle(node, "interrupt-parent").or(place.controller),
        isa: node.compatible().is_some_and(|all| all.all().any(|name| name == ISA)),
        ..place.clone()
    };
    // The root is the processor's own bus.
    if !path.is_empty() {
        let row = [below.address_cells, place.address_cells, below.size_cells];
        let ranges = node.property("ranges");
        let ranges = ranges.map(|ranges| rows(ranges.value, row));
        below.buses.insert(0, ranges);
    }
    for child in node.children() {
        walk(child, format!("{path}/{}", child.name), below.clone(), nodes);
    }
    nodes.push(Found { path, node, place });
}

fn cells(value: &[u8]) -> impl Iterator<Item = u32> {
    let (cells, _) = value.as_chunks();
    cells.iter().map(|cell| u32::from_be_bytes(*cell))
}

fn phandle(node: FdtNode<'_, '_>, name: &str) -> Option<u32> {
    cells(node.property(name)?.value).next()
}

/// The rows of numbers that consist of so many cells each. What a number of more than two cells
/// has above its last two is no address of the processor.
fn rows<const N: usize>(value: &[u8], sizes: [usize; N]) -> Vec<[u64; N]> {
    let all: Vec<u32> = cells(value).collect();
    let length = sizes.iter().sum::<usize>().max(1);
    let row = |row: &[u32]| {
        let mut rest = row;
        sizes.map(|size| {
            let (number, more) = rest.split_at(size);
            rest = more;
            number.iter().fold(0, |sum, cell| sum << 32 | u64::from(*cell))
        })
    };
    all.chunks_exact(length).map(row).collect()
}

/// The address as the processor sees it; `None` if it does not see it.
fn translate(address: u64, buses: &[Option<Vec<[u64; 3]>>]) -> Option<u64> {
    buses.iter().try_fold(address, |address, ranges| {
        let ranges = ranges.as_ref()?;
        if ranges.is_empty() {
            return Some(address);
        }
        ranges.iter().find_map(|[start, above, bytes]| {
            let offset = address.checked_sub(*start)?;
            (offset < *bytes).then(|| above.checked_add(offset))?
        })
    })
}

/// The device of a node, if it is of a known kind and in use.
fn driven(tree: &Fdt<'_>, found: &Found<'_, '_>, known: &[(&str, &'static str)]) -> Option<Driven> {
    let Found { node, place, .. } = found;
    let kind = node
        .compatible()?
        .all()
        .find_map(|name| known.iter().find(|(known, _)| *known == name))?
        .1;
    let status = node.property("status").and_then(|status| status.as_str());
    if status.is_some_and(|status| !matches!(status, "okay" | "ok")) {
        return None;
    }
    let reg = rows(node.property("reg")?.value, [place.address_cells, place.size_cells]);
    let lines = lines(tree, found);
    let at = |[address, bytes]: &[u64; 2]| {
        let ports = place.isa && address >> 32 == 1;
        Some(Device {
            ports,
            address: if ports { address & 0xffff } else { translate(*address, &place.buses)? },
            bytes: *bytes,
            line: lines.first().copied().unwrap_or(0),
            lines: u32::from(!lines.is_empty()),
        })
    };
    let (first, others) = reg.split_first()?;
    Some(Driven {
        device: at(first)?,
        others: others.iter().map_while(at).collect(),
        kind,
        pins: pins(tree, *node),
    })
}

/// The screen: a framebuffer is there only where it is shown, and text then is not.
fn screen(tree: &Fdt<'_>, nodes: &[Found<'_, '_>]) -> Option<Screen> {
    let first = |known: &[_]| {
        nodes.iter().find_map(|found| Some((driven(tree, found, known)?, found.node)))
    };
    let (keyboard, _) = first(&KEYBOARDS).filter(|(keyboard, _)| keyboard.others.len() == 1)?;
    if let Some((display, node)) = first(&FRAMEBUFFERS) {
        let number = |name| cells(node.property(name)?.value).next();
        let mode = Mode {
            size: [number("width")?, number("height")?, number("stride")?],
            format: node.property("format")?.as_str()?.to_string(),
        };
        return Some(Screen { display, mode: Some(mode), keyboard });
    }
    let (display, _) = first(&TEXT_ADAPTERS).filter(|(display, _)| display.others.len() == 1)?;
    Some(Screen { display, mode: None, keyboard })
}

/// The interrupt lines of a node.
fn lines(tree: &Fdt<'_>, found: &Found<'_, '_>) -> Vec<u32> {
    let node = found.node;
    let parent = phandle(node, "interrupt-parent").or(found.place.controller);
    let find = || {
        let compatible = tree.find_phandle(parent?)?.compatible()?;
        let controller = CONTROLLERS
            .iter()
            .find(|controller| compatible.all().any(|name| controller.names.contains(&name)))?;
        let all = rows(node.property("interrupts")?.value, controller.cells);
        let line = |[kind, line, _]: &[u64; 3]| {
            let first = controller.first.get(*kind as usize)?;
            first.checked_add(u32::try_from(*line).ok()?)
        };
        Some(all.iter().map_while(line).collect())
    };
    find().unwrap_or_default()
}

/// What the node's usual state of pins says.
fn pins(tree: &Fdt<'_>, node: FdtNode<'_, '_>) -> Vec<Pin> {
    let states = node.property("pinctrl-0").map_or(&[][..], |states| states.value);
    let mut pins = Vec::new();
    for state in cells(states).filter_map(|state| tree.find_phandle(state)) {
        let value = |name| Some(state.property(name)?.value);
        let functions: Vec<u32> = cells(value("brcm,function").unwrap_or_default()).collect();
        let numbers = cells(value("brcm,pins").unwrap_or_default());
        // One function stands for all pins.
        pins.extend(numbers.enumerate().filter_map(|(at, pin)| {
            let function = functions.get(at).or(functions.first())?;
            Some((pin, *function))
        }));
    }
    pins
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

        fn controller(&mut self, name: &str, kind: &str, phandle: u32) {
            self.begin(name);
            self.property("compatible", format!("{kind}\0").as_bytes());
            self.cells("phandle", &[phandle]);
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
        tree.cells("interrupt-parent", &[1]);
        tree.controller("intc@8000000", "arm,cortex-a15-gic", 1);
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
            ports: false,
            address: 0x900_0000,
            bytes: 0x1000,
            line: 33,
            lines: 1,
        };
        let driven = machine.console.unwrap();
        assert_eq!((driven.device, driven.kind), (console, "pl011"));
        let virtio = Device {
            ports: false,
            address: 0xa00_0000,
            bytes: 0x600,
            line: 48,
            lines: 3,
        };
        assert_eq!(machine.virtio, Some(virtio));
        assert_eq!(virtio.pages(), (0xa00_0000, 0x1000));
        assert_eq!(machine.clock, None);
    }

    /// A tree such as the Raspberry Pi's firmware gives: peripherals on a bus with addresses of its
    /// own, two controllers of interrupts, and a serial line that has been given to something else.
    fn small_board(arguments: &str) -> Vec<u8> {
        let mut tree = Tree {
            structure: vec![],
            strings: vec![],
        };
        let device = |tree: &mut Tree, name: &str, kind: &str, address, line: [u32; 2], state| {
            tree.begin(name);
            tree.property("compatible", format!("{kind}\0").as_bytes());
            tree.cells("reg", &[address, 0x100]);
            tree.cells("interrupts", &line);
            tree.cells("pinctrl-0", &[state]);
        };
        let pins = |tree: &mut Tree, name: &str, phandle, pins: &[u32], functions: &[u32]| {
            tree.begin(name);
            tree.cells("phandle", &[phandle]);
            tree.cells("brcm,pins", pins);
            tree.cells("brcm,function", functions);
            tree.end();
        };
        tree.begin("");
        tree.cells("#address-cells", &[1]);
        tree.cells("#size-cells", &[1]);
        tree.cells("interrupt-parent", &[1]);
        tree.begin("aliases");
        tree.property("serial0", b"/soc/serial@7e215040\0");
        tree.property("serial1", b"/soc/serial@7e201000\0");
        tree.end();
        tree.begin("chosen");
        tree.property("stdout-path", b"serial0:115200n8\0");
        tree.property("bootargs", format!("{arguments}\0").as_bytes());
        tree.end();
        tree.begin("soc");
        tree.property("compatible", b"simple-bus\0");
        tree.cells("#address-cells", &[1]);
        tree.cells("#size-cells", &[1]);
        let ranges = [0x7e00_0000, 0x3f00_0000, 0x100_0000];
        tree.cells("ranges", &[&ranges[..], &[0x4000_0000, 0x4000_0000, 0x1000]].concat());
        tree.controller("interrupt-controller@7e00b200", "brcm,bcm2836-armctrl-ic", 1);
        tree.controller("local@40000000", "brcm,bcm2836-l1-intc", 2);
        device(&mut tree, "gpio@7e200000", "brcm,bcm2835-gpio", 0x7e20_0000, [2, 17], 0);
        pins(&mut tree, "uart0_pins", 3, &[32, 33], &[7]);
        pins(&mut tree, "uart1_pins", 4, &[14, 15], &[2, 2]);
        pins(&mut tree, "none", 5, &[], &[]);
        tree.end();
        device(&mut tree, "serial@7e201000", "arm,pl011", 0x7e20_1000, [2, 25], 3);
        tree.end();
        device(&mut tree, "serial@7e215040", "brcm,bcm2835-aux-uart", 0x7e21_5040, [1, 29], 4);
        tree.end();
        device(&mut tree, "mmc@7e202000", "brcm,bcm2835-sdhost", 0x7e20_2000, [2, 24], 5);
        tree.property("status", b"okay\0");
        tree.end();
        device(&mut tree, "mmc@7f202000", "brcm,bcm2835-sdhost", 0x7e20_3000, [2, 24], 5);
        tree.property("status", b"disabled\0");
        tree.end();
        device(&mut tree, "mmc@80202000", "brcm,bcm2835-sdhost", 0x8020_2000, [2, 24], 5);
        tree.end();
        tree.end();
        tree.begin("i2c");
        tree.cells("#address-cells", &[1]);
        tree.cells("#size-cells", &[1]);
        device(&mut tree, "rtc@68", "arm,pl031", 0x68, [0, 1], 5);
        tree.end();
        tree.end();
        tree.end();
        tree.finish()
    }

    #[test]
    fn addresses_and_interrupts_are_translated_to_the_processors() {
        let machine = Machine::parse(&small_board("")).unwrap();
        let device = |address, bytes, line| Device {
            ports: false,
            address,
            bytes,
            line,
            lines: 1,
        };
        let console = machine.console.unwrap();
        assert_eq!(console.device, device(0x3f21_5040, 0x100, 64 + 29));
        assert_eq!((console.kind, console.pins), ("bcm2835-aux", vec![(14, 2), (15, 2)]));
        // One is switched off, and no processor reaches the third.
        let [card] = &machine.cards[..] else {
            panic!("{:?}", machine.cards);
        };
        assert_eq!(card.device, device(0x3f20_2000, 0x100, 96 + 24));
        assert_eq!(machine.pins, Some(device(0x3f20_0000, 0x100, 96 + 17)));
        assert_eq!(machine.clock, None);
    }

    #[test]
    fn the_command_line_may_name_another_line_for_the_console() {
        for name in ["serial1", "/soc/serial@7e201000"] {
            let machine = Machine::parse(&small_board(&format!("x hird.console={name}"))).unwrap();
            let console = machine.console.unwrap();
            assert_eq!((console.kind, console.device.line), ("pl011", 96 + 25));
            assert_eq!(console.pins, [(32, 7), (33, 7)]);
        }
        let machine = Machine::parse(&small_board("hird.console=nothing")).unwrap();
        assert_eq!(machine.console.unwrap().kind, "bcm2835-aux");
    }

    /// A PC: ports and memory on an ISA bus, and perhaps a framebuffer of this format.
    fn personal_computer(format: Option<&[u8]>) -> Vec<u8> {
        let mut tree = Tree {
            structure: vec![],
            strings: vec![],
        };
        tree.begin("");
        tree.cells("#address-cells", &[2]);
        tree.cells("#size-cells", &[2]);
        tree.controller("pic", "intel,ce4100-ioapic", 1);
        tree.begin("isa");
        tree.property("compatible", b"isa\0");
        tree.cells("#address-cells", &[2]);
        tree.cells("#size-cells", &[1]);
        tree.cells("interrupt-parent", &[1]);
        tree.cells("ranges", &[0, 0, 0, 0, 0x100_0000]);
        let mut device = |name: &str, kind: &[u8], registers: &[u32], line: &[u32]| {
            tree.begin(name);
            tree.property("compatible", kind);
            tree.cells("reg", registers);
            tree.cells("interrupts", line);
            tree.end();
        };
        device("keyboard@60", b"pnpPNP,303\0", &[1, 0x60, 1, 1, 0x64, 1], &[1, 0]);
        device("display@b8000", b"pnpPNP,900\0", &[0, 0xb_8000, 0x1000, 1, 0x3d4, 2], &[]);
        tree.end();
        tree.begin("chosen");
        tree.cells("#address-cells", &[2]);
        tree.cells("#size-cells", &[2]);
        tree.property("ranges", b"");
        if let Some(format) = format {
            tree.begin("framebuffer@fd000000");
            tree.property("compatible", b"simple-framebuffer\0");
            tree.cells("reg", &[0, 0xfd00_0000, 0, 0x30_0000]);
            tree.cells("width", &[1024]);
            tree.cells("height", &[768]);
            tree.cells("stride", &[4096]);
            tree.property("format", format);
            tree.end();
        }
        tree.end();
        tree.end();
        tree.finish()
    }

    #[test]
    fn a_screen_is_a_framebuffer_or_text_with_a_keyboard() {
        let ports = |address, bytes| Device { ports: true, address, bytes, line: 0, lines: 0 };
        let screen = Machine::parse(&personal_computer(None)).unwrap().screen.unwrap();
        let memory = Device { ports: false, ..ports(0xb_8000, 0x1000) };
        assert_eq!((screen.display.device, &screen.display.others[..]), (memory, &[ports(0x3d4, 2)][..]));
        assert_eq!(screen.mode, None);
        let key = |address| Device { line: 1, lines: 1, ..ports(address, 1) };
        assert_eq!((screen.keyboard.device, &screen.keyboard.others[..]), (key(0x60), &[key(0x64)][..]));

        let machine = Machine::parse(&personal_computer(Some(b"x8r8g8b8\0"))).unwrap();
        let screen = machine.screen.unwrap();
        assert_eq!(screen.display.device, Device { ports: false, ..ports(0xfd00_0000, 0x30_0000) });
        let mode = Mode { size: [1024, 768, 4096], format: "x8r8g8b8".to_string() };
        assert_eq!(screen.mode, Some(mode));
        // A board without a keyboard.
        assert_eq!(Machine::parse(&board()).unwrap().screen, None);
    }

    #[test]
    fn what_is_no_device_tree_is_refused() {
        assert_eq!(
            Machine::parse(b"not a tree at all, certainly not one"),
            None
        );
    }
}
