//! A controller with a card behind it, for tests: it does what the card's specification says, and
//! fails where it is told to.

use core::time::Duration;
use std::cell::Cell;

use sdio_host::common_cmd::ResponseLen;

use crate::controller::{Controller, Data, Failure};

/// What kind of card there is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Version 1: does not know of voltages, counts bytes.
    Old,
    /// Version 2 of standard capacity.
    Standard,
    High,
}

pub struct Slot {
    pub kind: Kind,
    pub content: Vec<u8>,
    pub identity: [u32; 4],
    /// Commands that fail from here on: how, and how many.
    pub failures: Vec<(u8, Failure)>,
    /// Commands that were sent.
    pub sent: Vec<u8>,
    pub resets: usize,
    pub wide: bool,
    pub protected: bool,
    application: bool,
    selected: bool,
    sending: bool,
    asked: usize,
    now: Cell<Duration>,
}

const ADDRESS: u16 = 0x1234;
/// The states "transfer" and "ready for data".
const READY: u32 = 4 << 9 | 1 << 8;

impl Slot {
    pub fn new(kind: Kind, sectors: usize) -> Slot {
        Slot {
            kind,
            content: (0..sectors * 512).map(|at| (at / 512 + at) as u8).collect(),
            identity: [1, 2, 3, 4],
            failures: Vec::new(),
            sent: Vec::new(),
            resets: 0,
            wide: false,
            protected: false,
            application: false,
            selected: false,
            sending: false,
            asked: 0,
            now: Cell::new(Duration::ZERO),
        }
    }

    /// The card's description for its capacity: kinds differ in the fields of their size.
    fn description(&self) -> [u32; 4] {
        let sectors = self.content.len() / 512;
        let bits: u128 = if self.kind == Kind::High {
            1 << 126 | 9 << 80 | ((sectors / 1024 - 1) as u128) << 48
        } else {
            // Blocks of 1024 bytes, in groups of 4.
            10 << 80 | ((sectors / 8 - 1) as u128) << 62
        };
        let bits = bits | u128::from(self.protected) << 13;
        [0, 32, 64, 96].map(|shift| (bits >> shift) as u32)
    }

    fn range(&self, argument: u32, bytes: usize) -> Result<core::ops::Range<usize>, Failure> {
        let unit = if self.kind == Kind::High { 512 } else { 1 };
        let start = argument as usize * unit;
        if start % 512 != 0 || start + bytes > self.content.len() {
            return Err(Failure::Refused(1 << 31));
        }
        Ok(start..start + bytes)
    }
}

impl Controller for &mut Slot {
    fn reset(&mut self) -> Result<(), Failure> {
        self.resets += 1;
        self.wide = false;
        Ok(())
    }

    fn set_bus(&mut self, wide: bool) {
        assert_eq!(wide, self.wide, "the card was told first");
    }

    fn command(
        &mut self,
        number: u8,
        argument: u32,
        length: ResponseLen,
        busy: bool,
        data: Data<'_>,
    ) -> Result<[u32; 4], Failure> {
        self.sent.push(number);
        let application = core::mem::take(&mut self.application);
        if let Some(at) = self
            .failures
            .iter()
            .position(|(failed, _)| *failed == number)
        {
            let failure = self.failures.remove(at).1;
            self.sending = matches!(data, Data::Read(_));
            if let Failure::Refused(status) = failure {
                return Ok([status, 0, 0, 0]);
            }
            return Err(failure);
        }
        let mine = (argument >> 16) as u16 == ADDRESS;
        let status = match (application, number) {
            (false, 0) => {
                assert!(length == ResponseLen::Zero);
                self.selected = false;
                self.sending = false;
                self.asked = 0;
                return Ok([0; 4]);
            }
            (false, 8) if self.kind == Kind::Old => return Err(Failure::Timeout),
            (false, 8) => return Ok([argument, 0, 0, 0]),
            (false, 55) => {
                self.application = true;
                READY
            }
            (true, 41) => {
                self.asked += 1;
                let high = self.kind == Kind::High && argument & 1 << 30 != 0;
                let up = self.asked > 3;
                let answer = 0xff_8000 | u32::from(high) << 30 | u32::from(up) << 31;
                return Ok([answer, 0, 0, 0]);
            }
            (false, 2) => return Ok(self.identity),
            (false, 3) => return Ok([u32::from(ADDRESS) << 16, 0, 0, 0]),
            (false, 9) if mine => return Ok(self.description()),
            (false, 7) if mine => {
                assert!(busy);
                self.selected = true;
                READY
            }
            (true, 6) if self.selected => {
                self.wide = argument == 2;
                READY
            }
            (false, 16) => READY,
            (false, 12) => {
                assert!(busy);
                self.sending = false;
                READY
            }
            (false, 13) if mine => {
                if self.sending {
                    5 << 9
                } else {
                    READY
                }
            }
            (false, 17 | 18) if self.selected => {
                let Data::Read(buffer) = data else {
                    panic!("reads have somewhere to read to");
                };
                assert_eq!(number == 17, buffer.len() == 512);
                let range = self.range(argument, buffer.len())?;
                buffer.copy_from_slice(&self.content[range]);
                self.sending = number == 18;
                READY
            }
            (false, 24 | 25) if self.selected => {
                let Data::Write(data) = data else {
                    panic!("writes have something to write");
                };
                assert_eq!(number == 24, data.len() == 512);
                let range = self.range(argument, data.len())?;
                self.content[range].copy_from_slice(data);
                self.sending = number == 25;
                READY
            }
            _ => return Err(Failure::Timeout),
        };
        Ok([status, 0, 0, 0])
    }

    fn wait(&self, time: Duration) {
        self.now.set(self.now.get() + time);
    }

    fn now(&self) -> Duration {
        self.now.get()
    }
}
