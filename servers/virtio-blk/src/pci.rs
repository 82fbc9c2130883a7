//! A virtio device behind PCI (Virtual I/O Device 1.2, 4.1), as the driver library wants it.

use machuser::mach::Registers;
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{Error, PhysAddr, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Where the parts of the registers are, in bytes from their start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// What all devices have.
    pub common: usize,
    /// Where the device is told of new requests.
    pub notify: usize,
    /// The distance between two queues' places there.
    pub multiplier: usize,
    /// What it interrupts for.
    pub interrupts: usize,
    /// What disks have.
    pub device: usize,
}

/// Offsets of what all devices have (4.1.4.3).
mod common {
    pub const DEVICE_FEATURE_SELECT: usize = 0x00;
    pub const DEVICE_FEATURE: usize = 0x04;
    pub const DRIVER_FEATURE_SELECT: usize = 0x08;
    pub const DRIVER_FEATURE: usize = 0x0c;
    pub const STATUS: usize = 0x14;
    pub const GENERATION: usize = 0x15;
    pub const QUEUE_SELECT: usize = 0x16;
    pub const QUEUE_SIZE: usize = 0x18;
    pub const QUEUE_MESSAGE: usize = 0x1a;
    pub const QUEUE_ENABLE: usize = 0x1c;
    pub const QUEUE_NOTIFY: usize = 0x1e;
    pub const QUEUE_DESCRIPTORS: usize = 0x20;
    pub const QUEUE_DRIVER: usize = 0x28;
    pub const QUEUE_DEVICE: usize = 0x30;
}

/// The entry of the table of messages that a queue interrupts with.
const MESSAGE: u16 = 0;

/// The device.
#[derive(Debug)]
pub struct Pci {
    registers: Registers,
    layout: Layout,
}

impl Pci {
    /// The block device whose registers these are.
    pub fn new(registers: Registers, layout: Layout) -> Pci {
        Pci { registers, layout }
    }

    fn at(&self, offset: usize) -> usize {
        self.layout.common + offset
    }

    fn queue_select(&self, queue: u16) {
        self.registers.write16(self.at(common::QUEUE_SELECT), queue);
    }

    fn write64(&self, offset: usize, value: u64) {
        let at = self.at(offset);
        self.registers.write32(at, value as u32);
        self.registers.write32(at + 4, (value >> 32) as u32);
    }
}

impl Transport for Pci {
    fn device_type(&self) -> DeviceType {
        DeviceType::Block
    }

    fn read_device_features(&mut self) -> u64 {
        let half = |number| {
            self.registers
                .write32(self.at(common::DEVICE_FEATURE_SELECT), number);
            u64::from(self.registers.read32(self.at(common::DEVICE_FEATURE)))
        };
        half(0) | half(1) << 32
    }

    fn write_driver_features(&mut self, features: u64) {
        for (number, half) in [(0, features as u32), (1, (features >> 32) as u32)] {
            self.registers
                .write32(self.at(common::DRIVER_FEATURE_SELECT), number);
            self.registers
                .write32(self.at(common::DRIVER_FEATURE), half);
        }
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        self.queue_select(queue);
        self.registers.read16(self.at(common::QUEUE_SIZE)).into()
    }

    fn notify(&mut self, queue: u16) {
        self.queue_select(queue);
        let place = self.registers.read16(self.at(common::QUEUE_NOTIFY));
        let offset = usize::from(place) * self.layout.multiplier;
        self.registers.write16(self.layout.notify + offset, queue);
    }

    fn get_status(&self) -> DeviceStatus {
        let status = self.registers.read8(self.at(common::STATUS));
        DeviceStatus::from_bits_truncate(status.into())
    }

    fn set_status(&mut self, status: DeviceStatus) {
        self.registers
            .write8(self.at(common::STATUS), status.bits() as u8);
    }

    fn set_guest_page_size(&mut self, _: u32) {
        // Only devices of the first version ask for it.
    }

    fn requires_legacy_layout(&self) -> bool {
        false
    }

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        driver_area: PhysAddr,
        device_area: PhysAddr,
    ) {
        self.queue_select(queue);
        self.registers
            .write16(self.at(common::QUEUE_SIZE), size as u16);
        self.write64(common::QUEUE_DESCRIPTORS, descriptors);
        self.write64(common::QUEUE_DRIVER, driver_area);
        self.write64(common::QUEUE_DEVICE, device_area);
        self.registers
            .write16(self.at(common::QUEUE_MESSAGE), MESSAGE);
        self.registers.write16(self.at(common::QUEUE_ENABLE), 1);
    }

    fn queue_unset(&mut self, _: u16) {
        // A queue ends with a reset of the device (4.1.4.3.2).
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        self.queue_select(queue);
        self.registers.read16(self.at(common::QUEUE_ENABLE)) == 1
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        let status = self.registers.read8(self.layout.interrupts);
        InterruptStatus::from_bits_retain(status.into())
    }

    fn read_config_generation(&self) -> u32 {
        self.registers.read8(self.at(common::GENERATION)).into()
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        let mut value = T::new_zeroed();
        let at = self.layout.device + offset;
        match value.as_mut_bytes() {
            [byte] => *byte = self.registers.read8(at),
            [two @ .., _, _] if two.is_empty() => {
                let word = self.registers.read16(at).to_ne_bytes();
                value.as_mut_bytes().copy_from_slice(&word);
            }
            bytes => {
                for (index, word) in bytes.chunks_exact_mut(4).enumerate() {
                    word.copy_from_slice(&self.registers.read32(at + 4 * index).to_ne_bytes());
                }
            }
        }
        Ok(value)
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, _: usize, _: T) -> Result<()> {
        // Nothing that a disk has there is written by this driver.
        Err(Error::Unsupported)
    }
}
