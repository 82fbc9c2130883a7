//! Where the parts of a virtio device are (Virtual I/O Device 1.2, 4.1.4).

use crate::{Configuration, Function};

const VENDOR: u16 = 0x1af4;
/// Device numbers of devices by type, and of the one that was a disk before there were types.
const FIRST_DEVICE: u16 = 0x1040;
const OLD_DISK: u16 = 0x1001;
const DISK: u16 = 2;
const VENDOR_CAPABILITY: u8 = 0x09;

/// The parts of a device's registers, all in one memory: offsets in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Layout {
    /// The base address register of the memory.
    pub bar: u8,
    /// What all devices have.
    pub common: u32,
    /// Where the device is told of new requests, and what is between two queues' places.
    pub notify: u32,
    /// That distance.
    pub multiplier: u32,
    /// What it interrupts for.
    pub interrupts: u32,
    /// What devices of its kind have.
    pub device: u32,
}

impl<C: Configuration> Function<'_, C> {
    /// Whether it is a virtio disk.
    pub fn is_virtio_disk(&self) -> bool {
        self.vendor == VENDOR && (self.device == FIRST_DEVICE + DISK || self.device == OLD_DISK)
    }

    /// Where the parts of a virtio device are; `None` if it has not all of them, or has them in more
    /// than one memory.
    pub fn virtio_layout(&self) -> Option<Layout> {
        let mut parts = [None; 4];
        let mut multiplier = 0;
        for capability in self.capabilities() {
            if capability.id != VENDOR_CAPABILITY || capability.register > 0xec {
                continue;
            }
            let at = |offset| self.read(capability.register + offset);
            // Common, notify, interrupts, device; there are others.
            let kind = (at(0) >> 24) as usize;
            let Some(part @ None) = kind.checked_sub(1).and_then(|kind| parts.get_mut(kind)) else {
                continue;
            };
            *part = Some((at(4) as u8, at(8)));
            if kind == 2 {
                multiplier = at(16);
            }
        }
        let [(bar, common), (b, notify), (c, interrupts), (d, device)] =
            [parts[0]?, parts[1]?, parts[2]?, parts[3]?];
        let layout = Layout {
            bar,
            common,
            notify,
            multiplier,
            interrupts,
            device,
        };
        (b == bar && c == bar && d == bar).then_some(layout)
    }
}
