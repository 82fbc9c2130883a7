//! The driver of SATA disks: [`Controllers`] says with what it is started.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use ahci_driver::{Controller, Controllers, Disk, Failure, Function, Hardware, PAGES, Port};
use disks::Whole;
use driver::{Bus, Dma, descriptor};
use machuser::mach::{self, Contiguous, Interrupt, Registers};
use machuser::sync::{Condvar, Mutex};
use machuser::{Error, Result, clock, env, thread};

machuser::program!(main);

/// A controller's registers, and what its interrupts told of each port.
struct Line {
    registers: Registers,
    events: Mutex<[u32; 32]>,
    changed: Condvar,
}

impl Line {
    /// Serves the interrupts of a controller with these ports, for ever.
    fn serve(&self, interrupt: &Interrupt, ports: u32) {
        loop {
            interrupt.wait();
            let mut events = self.events.lock();
            ahci_driver::interrupted(self, ports, |port, status| events[port] |= status);
            drop(events);
            interrupt.acknowledge();
            self.changed.notify_all();
        }
    }
}

impl Bus for Line {
    fn read(&self, offset: usize) -> u32 {
        self.registers.read32(offset)
    }

    fn write(&self, offset: usize, value: u32) {
        self.registers.write32(offset, value);
    }
}

impl Hardware for Line {
    fn now(&self) -> Duration {
        clock::now()
    }

    fn events(&self, port: usize, most: Duration) -> u32 {
        let mut events = self.events.lock();
        let end = clock::now() + most;
        while events[port] == 0 {
            let left = end.saturating_sub(clock::now());
            if left.is_zero() {
                break;
            }
            events = self.changed.wait_timeout(events, left).0;
        }
        core::mem::take(&mut events[port])
    }
}

fn main() {
    if let Err(error) = serve() {
        mach::log(&format!("ahci: {error}"));
    }
}

fn serve() -> Result<()> {
    let words = env::args();
    let given = Controllers::parse(words.get(1..).unwrap_or(&[])).ok_or(Error::EINVAL)?;
    let dma = Dma::new(descriptor(given.dma)?.try_clone()?);
    let mut disks: Vec<Arc<dyn disks::Disk>> = Vec::new();
    for (index, function) in given.controllers.iter().enumerate() {
        match start(function, &dma) {
            Ok(found) => {
                for (port, disk) in found {
                    match disk {
                        Ok(disk) => disks.push(Arc::new(Whole::new(disk))),
                        Err(failure) => {
                            mach::log(&format!("ahci: controller {index}, port {port}: {failure}"));
                        }
                    }
                }
            }
            Err(why) => mach::log(&format!("ahci: controller {index}: {why}")),
        }
    }
    disks::serve("ahci", "sd", disks)
}

/// A disk, or why there is none.
type Found = core::result::Result<Disk<Line, Contiguous>, Failure>;

/// Starts a controller; answers what is at its ports.
fn start(function: &Function, dma: &Dma) -> core::result::Result<Vec<(usize, Found)>, Failure> {
    let refused = |_| Failure::Unusable("the system does not let it be driven");
    let (memory, offset, bytes) = function.memory;
    let memory = descriptor(memory).map_err(refused)?;
    let line = Arc::new(Line {
        registers: Registers::new(&*memory, offset, bytes).map_err(refused)?,
        events: Mutex::new([0; 32]),
        changed: Condvar::new(),
    });
    let interrupt = descriptor(function.interrupt).map_err(refused)?;
    let interrupt = Interrupt::attach(&*interrupt).map_err(refused)?;
    let controller = Controller::new(line.clone(), bytes)?;
    let (served, ports) = (line.clone(), controller.ports());
    thread::try_spawn(move || served.serve(&interrupt, ports)).map_err(refused)?;
    let disk = |port| {
        let memory = dma
            .allocate(PAGES)
            .map_err(|_| Failure::Unusable("there is no memory for it"))?;
        if !controller.reaches(memory.physical() + memory.bytes() as u64) {
            return Err(Failure::Unusable(
                "its controller does not reach all memory",
            ));
        }
        Disk::new(Port::new(line.clone(), port, memory))
    };
    let ports = controller.connected().into_iter();
    Ok(ports.map(|port| (port, disk(port))).collect())
}
