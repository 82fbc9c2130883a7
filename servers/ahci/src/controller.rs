//! A controller (AHCI 3.1): taken from the firmware, reset, and its ports looked at.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use driver::Bus;

use crate::hardware::{Failure, Hardware};
use crate::port::{self, register};

const CAPABILITIES: usize = 0x00;
const CAPABILITIES_WIDE: u32 = 1 << 31;
const CONTROL: usize = 0x04;
const CONTROL_RESET: u32 = 1 << 0;
const CONTROL_INTERRUPTS: u32 = 1 << 1;
const CONTROL_AHCI: u32 = 1 << 31;
const INTERRUPTS: usize = 0x08;
const PORTS: usize = 0x0c;
const MORE_CAPABILITIES: usize = 0x24;
const MORE_HANDOFF: u32 = 1 << 0;
const HANDOFF: usize = 0x28;
const HANDOFF_FIRMWARE: u32 = 1 << 0;
const HANDOFF_SYSTEM: u32 = 1 << 1;
const HANDOFF_BUSY: u32 = 1 << 4;

/// How long the firmware has to say that it is busy, and to end what it is busy with (10.6.3).
const HANDOFF_ANSWER: Duration = Duration::from_millis(25);
const HANDOFF_END: Duration = Duration::from_secs(2);
/// How long a reset may take (10.4.3).
const RESET: Duration = Duration::from_secs(1);
/// How long it may take until the line to a device says that there is one, and until it is up.
const SIGN: Duration = Duration::from_millis(100);
/// How often is looked.
const INTERVAL: Duration = Duration::from_millis(1);

/// A controller that is ready for use.
#[derive(Debug)]
pub struct Controller<H> {
    hardware: Arc<H>,
    ports: u32,
    is_wide: bool,
}

impl<H: Hardware> Controller<H> {
    /// Takes over the controller, whose registers have so many bytes, and resets it: nothing that it
    /// was told before goes on.
    ///
    /// # Errors
    /// [`Failure::Timeout`] if it does not end its reset, [`Failure::Unusable`] if it has no ports.
    pub fn new(hardware: Arc<H>, bytes: usize) -> Result<Controller<H>, Failure> {
        let room = bytes.saturating_sub(port::FIRST) / port::BYTES;
        if room == 0 {
            return Err(Failure::Unusable("its registers have no room for a port"));
        }
        let capabilities = hardware.read(CAPABILITIES);
        let implemented = hardware.read(PORTS);
        let fits = u32::MAX >> (32 - room.min(32));
        let controller = Controller {
            hardware,
            ports: implemented & fits,
            is_wide: capabilities & CAPABILITIES_WIDE != 0,
        };
        if capabilities == u32::MAX || controller.ports == 0 {
            return Err(Failure::Unusable("it has no ports"));
        }
        controller.take_over();
        let hardware = &*controller.hardware;
        hardware.write(CONTROL, CONTROL_AHCI);
        hardware.write(CONTROL, CONTROL_AHCI | CONTROL_RESET);
        let is_reset = || hardware.read(CONTROL) & CONTROL_RESET == 0;
        if !controller.until(RESET, is_reset) {
            return Err(Failure::Timeout);
        }
        hardware.write(CONTROL, CONTROL_AHCI);
        // What the firmware has set for good is lost on some.
        if hardware.read(PORTS) != implemented {
            hardware.write(PORTS, implemented);
        }
        hardware.write(INTERRUPTS, u32::MAX);
        hardware.write(CONTROL, CONTROL_AHCI | CONTROL_INTERRUPTS);
        Ok(controller)
    }

    /// Its ports, a bit for each.
    pub fn ports(&self) -> u32 {
        self.ports
    }

    /// Whether it reaches memory that ends at this address.
    pub fn reaches(&self, end: u64) -> bool {
        self.is_wide || end <= 1 << 32
    }

    /// Starts the lines of all ports, and answers at which there is a device.
    pub fn connected(&self) -> Vec<usize> {
        let ports = (0..32).filter(|port| self.ports & 1 << port != 0);
        let ports: Vec<usize> = ports.collect();
        for &port in &ports {
            port::power(&*self.hardware, port);
        }
        let all = || ports.iter().all(|&port| port::is_up(&*self.hardware, port));
        self.until(SIGN, all);
        let is_there = |port: &usize| port::has_sign(&*self.hardware, *port);
        ports.into_iter().filter(is_there).collect()
    }

    /// Takes it from the firmware. One that does not let go loses it.
    fn take_over(&self) {
        let hardware = &*self.hardware;
        if hardware.read(MORE_CAPABILITIES) & MORE_HANDOFF == 0 {
            return;
        }
        hardware.write(HANDOFF, hardware.read(HANDOFF) | HANDOFF_SYSTEM);
        let is_free = || hardware.read(HANDOFF) & HANDOFF_FIRMWARE == 0;
        if !self.until(HANDOFF_ANSWER, is_free) && hardware.read(HANDOFF) & HANDOFF_BUSY != 0 {
            self.until(HANDOFF_END, is_free);
        }
    }

    /// Waits for something, or so long; answers whether it came.
    fn until(&self, most: Duration, is_so: impl Fn() -> bool) -> bool {
        let end = self.hardware.now() + most;
        loop {
            if is_so() {
                return true;
            }
            if self.hardware.now() >= end {
                return false;
            }
            self.hardware.events(0, INTERVAL);
        }
    }
}

/// Serves an interrupt of a controller with these ports: tells the bits of the interrupt status of
/// each that has some, and clears them.
pub fn interrupted(registers: &impl Bus, ports: u32, mut tell: impl FnMut(usize, u32)) {
    let pending = registers.read(INTERRUPTS);
    for port in (0..32).filter(|port| pending & ports & 1 << port != 0) {
        let status = registers.read(register(port, port::STATUS));
        // These two bits follow others.
        if status & port::STATUS_CHANGES != 0 {
            registers.write(register(port, port::ERRORS), port::ERRORS_CHANGES);
        }
        registers.write(register(port, port::STATUS), status);
        tell(port, status);
    }
    registers.write(INTERRUPTS, pending);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Device, Model};

    fn start(model: &Model, bytes: usize) -> Result<Controller<Model>, Failure> {
        Controller::new(Arc::new(model.clone()), bytes)
    }

    #[test]
    fn a_controller_is_reset_and_says_where_devices_are() {
        let disk = || Some(Device::disk(8, 512));
        let model = Model::new(vec![None, disk(), None, disk()]);
        let controller = start(&model, 0x400).unwrap();
        assert_eq!((model.resets(1).0, controller.ports()), (1, 0b1111));
        assert_eq!(model.read(CONTROL), CONTROL_AHCI | CONTROL_INTERRUPTS);
        assert_eq!(controller.connected(), [1, 3]);
        assert!(model.now() >= SIGN);
        assert!(controller.reaches(u64::MAX));
    }

    #[test]
    fn ports_beyond_the_registers_are_left_alone() {
        let model = Model::new(vec![None; 4]);
        assert_eq!(start(&model, 0x200).unwrap().ports(), 0b11);
        for bytes in [0, 0x100, 0x17f] {
            assert!(matches!(start(&model, bytes), Err(Failure::Unusable(_))));
        }
    }

    #[test]
    fn a_controller_that_is_gone_or_has_no_ports_is_refused() {
        let model = Model::new(vec![None]);
        model.set(CAPABILITIES, u32::MAX);
        assert!(matches!(start(&model, 0x400), Err(Failure::Unusable(_))));
        model.set(CAPABILITIES, 0);
        assert!(!start(&model, 0x400).unwrap().reaches((1 << 32) + 1));
        model.set(PORTS, 0);
        assert!(matches!(start(&model, 0x400), Err(Failure::Unusable(_))));
    }

    #[test]
    fn the_firmware_is_asked_and_waited_for() {
        for (needs, waits) in [(0, 0), (700, 700), (60_000, 2025)] {
            let model = Model::new(vec![None]);
            model.owned(Duration::from_millis(needs));
            start(&model, 0x400).unwrap();
            assert_eq!(model.now(), Duration::from_millis(waits));
            assert_eq!(model.read(HANDOFF) & HANDOFF_SYSTEM, HANDOFF_SYSTEM);
        }
    }

    #[test]
    fn an_interrupt_is_told_to_its_port_and_cleared() {
        let model = Model::new(vec![None; 3]);
        model.set(INTERRUPTS, 0b10);
        model.write(register(1, port::ERRORS), 0);
        let mut told = Vec::new();
        interrupted(&model, 0b111, |port, status| told.push((port, status)));
        assert_eq!((told, model.read(INTERRUPTS)), (vec![(1, 0)], 0));
        // A port that there is not.
        model.set(INTERRUPTS, 1 << 31);
        interrupted(&model, 0b111, |port, _| panic!("port {port}"));
        assert_eq!(model.read(INTERRUPTS), 0);
    }
}
