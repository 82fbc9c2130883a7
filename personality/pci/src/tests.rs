use super::*;
use alloc::collections::BTreeMap;
use alloc::vec;
use core::cell::RefCell;

/// Configuration spaces, with masks of the bits that can be written.
#[derive(Default)]
struct Bus(RefCell<BTreeMap<(Place, u8), (u32, u32)>>);

impl Configuration for Bus {
    fn read(&self, place: Place, register: u8) -> u32 {
        let words = self.0.borrow();
        if !words.contains_key(&(place, 0)) {
            return !0;
        }
        words.get(&(place, register)).map_or(0, |(word, _)| *word)
    }

    fn write(&self, place: Place, register: u8, value: u32) {
        if let Some((word, mask)) = self.0.borrow_mut().get_mut(&(place, register)) {
            *word = *word & !*mask | value & *mask;
        }
    }
}

impl Bus {
    fn set(&self, place: Place, words: &[(u8, u32, u32)]) {
        for (register, word, mask) in words {
            self.0
                .borrow_mut()
                .insert((place, *register), (*word, *mask));
        }
    }
}

const BRIDGE: Place = Place {
    bus: 0,
    device: 1,
    function: 0,
};
const DISK: Place = Place {
    bus: 2,
    device: 5,
    function: 1,
};

/// A bridge to bus 2, where a device's second function is a virtio disk.
fn machine() -> Bus {
    let bus = Bus::default();
    bus.set(
        BRIDGE,
        &[
            (0, 0x1234_8086, 0),
            (0x0c, 1 << 16, 0),
            (0x18, 0x0002_0200, 0),
        ],
    );
    bus.set(
        Place {
            function: 0,
            ..DISK
        },
        &[(0, 0x0001_8086, 0), (0x0c, 1 << 23, 0)],
    );
    let part = |kind: u32, next: u32| kind << 24 | 0x14 << 16 | next << 8 | 9;
    bus.set(
        DISK,
        &[
            (0, 0x1042_1af4, 0),
            (0x04, 1 << 20, 0x0407),
            (0x08, 0x0100_0001, 0),
            (0x0c, 1 << 23, 0),
            (0x14, 0xfe00_0000, 0xffff_f000),
            (0x20, 0xfe00_400c, 0xffff_c000),
            (0x24, 0x0000_0008, !0),
            (0x34, 0x40, 0),
            (0x40, part(1, 0x54), 0),
            (0x44, 4, 0),
            (0x48, 0, 0),
            (0x54, part(3, 0x68), 0),
            (0x58, 4, 0),
            (0x5c, 0x1000, 0),
            (0x68, part(4, 0x7c), 0),
            (0x6c, 4, 0),
            (0x70, 0x2000, 0),
            (0x7c, part(2, 0x90), 0),
            (0x80, 4, 0),
            (0x84, 0x3000, 0),
            (0x8c, 4, 0),
            (0x90, 0x0001_a011, 0xc000_0000),
            (0x94, 0x0000_0801, 0),
            (0xa0, 0x0080_0005, 0x0071_0000),
            (0xa4, 0, !3),
            (0xa8, 0, !0),
            (0xac, 0, 0xffff),
        ],
    );
    bus
}

#[test]
fn functions_behind_a_bridge_are_found() {
    let bus = machine();
    let found = functions(&bus);
    let places: Vec<_> = found.iter().map(|it| it.place).collect();
    assert_eq!(
        places,
        vec![
            Place {
                function: 0,
                ..DISK
            },
            DISK
        ]
    );
    assert!(!found[0].is_virtio_disk() && found[1].is_virtio_disk());
    assert_eq!(found[1].class, 0x01_0000);
}

#[test]
fn the_size_of_memory_is_asked_for_and_its_address_stays() {
    let bus = machine();
    let disk = &functions(&bus)[1];
    assert_eq!(
        disk.memory(1),
        Some(Memory {
            address: 0xfe00_0000,
            bytes: 0x1000
        })
    );
    assert_eq!(
        disk.memory(4),
        Some(Memory {
            address: 0x8_fe00_4000,
            bytes: 0x4000
        })
    );
    assert_eq!((disk.memory(0), disk.memory(6)), (None, None));
    assert_eq!(
        (bus.read(DISK, 0x20), bus.read(DISK, 0x24)),
        (0xfe00_400c, 8)
    );
}

#[test]
fn a_virtio_device_says_where_its_parts_are() {
    let bus = machine();
    let layout = Layout {
        bar: 4,
        common: 0,
        notify: 0x3000,
        multiplier: 4,
        interrupts: 0x1000,
        device: 0x2000,
    };
    assert_eq!(functions(&bus)[1].virtio_layout(), Some(layout));
    // One part in another memory.
    bus.set(DISK, &[(0x58, 1, 0)]);
    assert_eq!(functions(&bus)[1].virtio_layout(), None);
}

#[test]
fn messages_are_set_up_and_the_line_is_left_alone() {
    let bus = machine();
    let disk = &functions(&bus)[1];
    disk.enable();
    assert_eq!(bus.read(DISK, 4), 1 << 20 | 0x407);
    assert_eq!(
        disk.message_table(),
        Some(Table {
            bar: 1,
            offset: 0x800
        })
    );
    disk.message_table_enable();
    assert_eq!(bus.read(DISK, 0x90), 0x8001_a011);
    let message = Message {
        address: 0xfee0_0000,
        data: 0x48,
    };
    assert_eq!(Table::entry(message), [0xfee0_0000, 0, 0x48, 0]);
    assert!(disk.message_enable(message));
    assert_eq!(
        [0xa0, 0xa4, 0xa8, 0xac].map(|at| bus.read(DISK, at)),
        [0x0081_0005, 0xfee0_0000, 0, 0x48]
    );
}

#[test]
fn a_list_of_capabilities_that_goes_round_ends() {
    let bus = machine();
    bus.set(DISK, &[(0x90, 0x4009, 0)]);
    assert_eq!(functions(&bus)[1].capabilities().len(), 48);
}
