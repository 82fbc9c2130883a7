//! The node of a line: what reads and writes go to.

use alloc::sync::Arc;
use core::time::Duration;

use interface::fs::{O_NONBLOCK, O_READ, O_WRITE};
use interface::io::{SELECT_READ, SELECT_WRITE, StatBuf, fstype};
use interface::tioctl::{self, WindowSize};
use machuser::mach::Interrupt;
use machuser::sync::{Condvar, Mutex};
use machuser::{Call, Data, DataOut, Error, Outcome, Request, Result, clock, thread};
use trivfs::{Node, Open};

use crate::{Line, Uart};

struct Device<U> {
    line: Mutex<Line<U>>,
    received: Condvar,
    room: Condvar,
}

impl<U: Uart> Device<U> {
    /// Serves the device's interrupts, for ever.
    fn serve(&self, interrupt: &Interrupt) {
        loop {
            interrupt.wait();
            let received = self.line.lock().interrupt();
            if received {
                self.received.notify_all();
            }
            self.room.notify_all();
            interrupt.acknowledge();
        }
    }
}

struct Console<U>(Arc<Device<U>>);

impl<U: Uart + Send + 'static> Node for Console<U> {
    type State = ();

    const ALLOW_OPEN: i32 = O_READ | O_WRITE;
    const FSTYPE: i32 = fstype::DEV;
    const SEEKABLE: bool = false;

    fn stat(&self, _: &mut StatBuf) {}

    fn read(
        &self,
        open: &Open<'_, Self>,
        _: u64,
        amount: usize,
        to: &mut DataOut<'_>,
    ) -> Result<()> {
        let mut buffer = [0; 256];
        let most = amount.min(buffer.len());
        let mut line = self.0.line.lock();
        while line.received() == 0 && most != 0 {
            if open.modes & O_NONBLOCK != 0 {
                return Err(Error::EWOULDBLOCK);
            }
            line = self.0.received.wait_cancellable(line, open.call)?;
        }
        let count = line.take(&mut buffer[..most]);
        to.write(&buffer[..count]);
        Ok(())
    }

    fn write(&self, open: &Open<'_, Self>, _: u64, data: Data<'_>) -> Result<usize> {
        let mut buffer = [0; 512];
        let mut done = 0;
        let mut line = self.0.line.lock();
        while done < data.len() {
            let count = data.copy_to(done, &mut buffer);
            let received = line.received();
            let sent = line.send(&buffer[..count]);
            if line.received() > received {
                self.0.received.notify_all();
            }
            done += sent;
            if sent == count {
                continue;
            }
            if open.modes & O_NONBLOCK != 0 {
                return if done == 0 {
                    Err(Error::EWOULDBLOCK)
                } else {
                    Ok(done)
                };
            }
            line = match self.0.room.wait_cancellable(line, open.call) {
                Ok(line) => line,
                Err(_) if done != 0 => return Ok(done),
                Err(error) => return Err(error),
            };
        }
        Ok(done)
    }

    fn readable(&self, _: &Open<'_, Self>, _: u64) -> Result<usize> {
        Ok(self.0.line.lock().received())
    }

    fn select(&self, open: &Open<'_, Self>, wanted: i32, until: Option<Duration>) -> Result<i32> {
        let mut line = self.0.line.lock();
        loop {
            let readable = if line.received() != 0 { SELECT_READ } else { 0 };
            let ready = wanted & (readable | SELECT_WRITE);
            if ready != 0 {
                return Ok(ready);
            }
            line = match until.map(|until| until.saturating_sub(clock::realtime())) {
                None => self.0.received.wait_cancellable(line, open.call)?,
                Some(Duration::ZERO) => return Ok(0),
                Some(left) => {
                    self.0
                        .received
                        .wait_timeout_cancellable(line, left, open.call)?
                        .0
                }
            };
        }
    }

    fn dispatch(&self, _: &Open<'_, Self>, request: &mut Request<'_>) -> Outcome {
        tioctl::dispatch(self, request)
    }
}

impl<U: Uart + Send + 'static> tioctl::Tioctl for Console<U> {
    fn tioctl_tiocgwinsz(&self, _: &Call<'_>) -> Result<WindowSize> {
        let size = self.0.line.lock().size();
        let (rows, columns) = size.ok_or(Error::EOPNOTSUPP)?;
        Ok(WindowSize {
            rows,
            columns,
            ..WindowSize::default()
        })
    }
}

/// Drives a device for ever; without an interrupt nothing is ever received.
pub fn drive<U: Uart + Send + 'static>(uart: U, interrupt: Option<Interrupt>) -> Result<()> {
    let device = Arc::new(Device {
        line: Mutex::new(Line::new(uart)),
        received: Condvar::new(),
        room: Condvar::new(),
    });
    if let Some(interrupt) = interrupt {
        let served = device.clone();
        thread::try_spawn(move || served.serve(&interrupt))?;
    }
    trivfs::run(Console(device))
}
