//! How the driver library gets at a device: behind memory-mapped registers, or behind PCI.

use virtio_drivers::transport::mmio::MmioTransport;
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{PhysAddr, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::pci::Pci;

/// A device's registers.
#[derive(Debug)]
pub enum Bus {
    /// In memory, in the order of virtio-mmio.
    Mapped(MmioTransport<'static>),
    /// In parts, as PCI has them.
    Pci(Pci),
}

/// Functions that both have.
macro_rules! either {
    ($($name:ident($self:ty $(, $argument:ident: $type:ty)*) $(-> $result:ty)?;)*) => {
        $(fn $name(self: $self $(, $argument: $type)*) $(-> $result)? {
            match self {
                Bus::Mapped(device) => device.$name($($argument),*),
                Bus::Pci(device) => device.$name($($argument),*),
            }
        })*
    };
}

impl Transport for Bus {
    either! {
        device_type(&Self) -> DeviceType;
        read_device_features(&mut Self) -> u64;
        write_driver_features(&mut Self, features: u64);
        max_queue_size(&mut Self, queue: u16) -> u32;
        notify(&mut Self, queue: u16);
        get_status(&Self) -> DeviceStatus;
        set_status(&mut Self, status: DeviceStatus);
        set_guest_page_size(&mut Self, bytes: u32);
        requires_legacy_layout(&Self) -> bool;
        queue_set(&mut Self, queue: u16, size: u32, descriptors: PhysAddr, driver: PhysAddr, device: PhysAddr);
        queue_unset(&mut Self, queue: u16);
        queue_used(&mut Self, queue: u16) -> bool;
        ack_interrupt(&mut Self) -> InterruptStatus;
        read_config_generation(&Self) -> u32;
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        match self {
            Bus::Mapped(device) => device.read_config_space(offset),
            Bus::Pci(device) => device.read_config_space(offset),
        }
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, at: usize, value: T) -> Result<()> {
        match self {
            Bus::Mapped(device) => device.write_config_space(at, value),
            Bus::Pci(device) => device.write_config_space(at, value),
        }
    }
}
