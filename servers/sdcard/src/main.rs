//! The driver of an SD card: `driver::Arguments` says with what it is started.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use disks::{Disk, Whole};
use driver::Arguments;
use machuser::mach::{self, Interrupt};
use machuser::sync::{Condvar, Mutex};
use machuser::{Result, clock, thread};
use sdcard_driver::{Card, Failure, SdHost, Time};

machuser::program!(main);

/// Where the controller's interrupt stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Nobody waits for it.
    Idle,
    /// The driver waits.
    Awaited,
    /// It came, and comes no more before it is awaited.
    Came,
}

/// The controller's interrupt, which another thread waits for. The controller's registers say what
/// it came for.
struct Waiter {
    line: Mutex<Line>,
    changed: Condvar,
}

impl Waiter {
    /// Serves the interrupt, for ever.
    fn serve(&self, interrupt: &Interrupt) {
        loop {
            interrupt.wait();
            let mut line = self.line.lock();
            *line = Line::Came;
            self.changed.notify_all();
            while *line != Line::Awaited {
                line = self.changed.wait(line);
            }
            drop(line);
            interrupt.acknowledge();
        }
    }
}

struct Clock(Arc<Waiter>);

impl Time for Clock {
    fn now(&self) -> Duration {
        clock::now()
    }

    fn pause(&self, most: Duration) {
        let mut line = self.0.line.lock();
        *line = Line::Awaited;
        self.0.changed.notify_all();
        let end = clock::now() + most;
        while *line == Line::Awaited {
            let left = end.saturating_sub(clock::now());
            if left.is_zero() {
                *line = Line::Idle;
                break;
            }
            line = self.0.changed.wait_timeout(line, left).0;
        }
    }
}

fn main() {
    if let Err(error) = serve() {
        mach::log(&format!("sdcard: {error}"));
    }
}

fn serve() -> Result<()> {
    let arguments = Arguments::of_program()?;
    let registers = arguments.registers()?;
    let waiter = Arc::new(Waiter {
        line: Mutex::new(Line::Idle),
        changed: Condvar::new(),
    });
    let interrupt = arguments.interrupt(0)?;
    let served = waiter.clone();
    thread::try_spawn(move || served.serve(&interrupt))?;
    let mut disks: Vec<Arc<dyn Disk>> = Vec::new();
    match Card::new(SdHost::new(registers, Clock(waiter))) {
        Ok(card) => disks.push(Arc::new(Whole::new(card))),
        Err(Failure::Timeout) => mach::log("sdcard: there is no card in the slot"),
        Err(failure) => mach::log(&format!("sdcard: the card cannot be used: {failure:?}")),
    }
    disks::serve("sdcard", "mmc", disks)
}
