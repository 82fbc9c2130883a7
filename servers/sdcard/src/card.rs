//! The protocol of SD memory cards (SD Physical Layer Simplified Specification 6.00, chapters 4
//! and 5).

use core::time::Duration;

use disks::{SECTOR, Sectors};
use machuser::{Error, Result};
use sdio_host::common_cmd::Cmd;
use sdio_host::common_cmd::{
    R1, all_send_cid, app_cmd, card_status, idle, read_multiple_blocks, read_single_block,
    select_card, send_csd, set_block_length, stop_transmission, write_multiple_blocks,
    write_single_block,
};
use sdio_host::sd::{CIC, CSD, CardStatus, CurrentState, OCR, RCA, SD};
use sdio_host::sd_cmd::{sd_send_op_cond, send_if_cond, send_relative_address, set_bus_width};

use crate::controller::{Controller, Data, Failure};

/// 2.7 to 3.6 V: what is asked of the card, and the number that it must send back.
const VOLTAGE: u8 = 1;
const PATTERN: u8 = 0xaa;
const VOLTAGES: u16 = 0x1ff;
/// Bits of a card's status that mean that it did not do what it was told (4.10.1).
const STATUS_ERRORS: u32 = 0xfdf9_8008;
/// Bits of the lowest word of the card's description that forbid writing (5.3.2).
const WRITE_PROTECTED: u32 = 3 << 12;
/// How long a card may take to power up (4.2.3), and to finish what was written (4.6.2.2).
const POWER_UP: Duration = Duration::from_secs(1);
const PROGRAMMING: Duration = Duration::from_secs(1);
/// How often it is asked meanwhile.
const INTERVAL: Duration = Duration::from_millis(1);
/// How often a transfer is tried; the card is set up anew before the last time.
const TRIES: usize = 3;
/// Sectors in one command: the controller counts no more with certainty.
const MOST: usize = 256;

/// A card that was found.
#[derive(Debug)]
pub struct Card<C> {
    controller: C,
    identity: [u32; 4],
    /// How it is addressed.
    address: u16,
    /// Whether it counts sectors; else bytes.
    high_capacity: bool,
    sectors: u64,
    read_only: bool,
}

impl<C: Controller> Card<C> {
    /// Sets up the card in the slot.
    ///
    /// # Errors
    /// [`Failure::Timeout`] if there is none; else what went wrong.
    pub fn new(controller: C) -> core::result::Result<Card<C>, Failure> {
        let mut card = Card {
            controller,
            identity: [0; 4],
            address: 0,
            high_capacity: false,
            sectors: 0,
            read_only: false,
        };
        card.set_up()?;
        Ok(card)
    }

    /// Carries out a command that the card answers with its status.
    fn command(&mut self, command: Cmd<R1>, busy: bool) -> core::result::Result<u32, Failure> {
        let [status, ..] = self.controller.send(command, busy)?;
        refused(status)
    }

    fn application(&mut self) -> core::result::Result<(), Failure> {
        self.command(app_cmd(self.address), false).map(drop)
    }

    fn set_up(&mut self) -> core::result::Result<(), Failure> {
        self.address = 0;
        self.controller.reset()?;
        self.controller.send(idle(), false)?;
        // Cards of version 1 do not know this command, and are all of standard capacity.
        let modern = match self.controller.send(send_if_cond(VOLTAGE, PATTERN), false) {
            Ok([answer, ..]) if CIC::from(answer).pattern() == PATTERN => true,
            Ok(_) => return Err(Failure::Unusable),
            Err(Failure::Timeout) => false,
            Err(failure) => return Err(failure),
        };
        let end = self.controller.now() + POWER_UP;
        loop {
            self.application()?;
            let condition = sd_send_op_cond(modern, false, false, VOLTAGES);
            let [answer, ..] = self.controller.send(condition, false)?;
            let condition = OCR::<SD>::from(answer);
            if !condition.is_busy() {
                self.high_capacity = modern && condition.high_capacity();
                break;
            }
            if self.controller.now() > end {
                return Err(Failure::Unusable);
            }
            self.controller.wait(INTERVAL);
        }
        let identity = self.controller.send(all_send_cid(), false)?;
        let [answer, ..] = self.controller.send(send_relative_address(), false)?;
        self.address = RCA::<SD>::from(answer).address();
        let description = self.controller.send(send_csd(self.address), false)?;
        let sectors = CSD::<SD>::from(description).card_size() / SECTOR as u64;
        let known = self.identity != [0; 4];
        if known && (self.identity, self.sectors) != (identity, sectors) {
            return Err(Failure::Unusable);
        }
        self.identity = identity;
        self.sectors = sectors;
        self.read_only = description[0] & WRITE_PROTECTED != 0;
        self.command(select_card(self.address), true)?;
        self.application()?;
        self.command(set_bus_width(true), false)?;
        self.controller.set_bus(true);
        self.command(set_block_length(SECTOR as u32), false)?;
        Ok(())
    }

    fn argument(&self, sector: u64) -> core::result::Result<u32, Failure> {
        let unit = if self.high_capacity { 1 } else { SECTOR as u64 };
        let argument = sector.checked_mul(unit).map(u32::try_from);
        argument
            .and_then(|argument| argument.ok())
            .ok_or(Failure::Unusable)
    }

    /// Ends a transfer of many blocks, or one that failed, and waits until the card is ready.
    fn settle(&mut self, stop: bool) -> core::result::Result<(), Failure> {
        if stop {
            self.command(stop_transmission(), true)?;
        }
        let end = self.controller.now() + PROGRAMMING;
        loop {
            let status = self.command(card_status(self.address, false), false)?;
            let status = CardStatus::<SD>::from(status);
            if status.ready_for_data() && status.state() == CurrentState::Transfer {
                return Ok(());
            }
            if self.controller.now() > end {
                return Err(Failure::Timeout);
            }
            self.controller.wait(INTERVAL);
        }
    }

    fn transfer(&mut self, sector: u64, data: &mut Data<'_>) -> core::result::Result<(), Failure> {
        let argument = self.argument(sector)?;
        let (command, data, many, write) = match data {
            Data::None => return Ok(()),
            Data::Read(buffer) if buffer.len() == SECTOR => (
                read_single_block(argument),
                Data::Read(buffer),
                false,
                false,
            ),
            Data::Read(buffer) => (
                read_multiple_blocks(argument),
                Data::Read(buffer),
                true,
                false,
            ),
            Data::Write(data) if data.len() == SECTOR => {
                (write_single_block(argument), Data::Write(data), false, true)
            }
            Data::Write(data) => (
                write_multiple_blocks(argument),
                Data::Write(data),
                true,
                true,
            ),
        };
        let length = command.response_len();
        let [status, ..] =
            self.controller
                .command(command.cmd, command.arg, length, false, data)?;
        refused(status)?;
        if many || write {
            self.settle(many)?;
        }
        Ok(())
    }

    /// Transfers up to [`MOST`] sectors, and tries again if it goes wrong.
    fn try_transfer(&mut self, sector: u64, mut data: Data<'_>) -> Result<()> {
        let mut tries = 1;
        loop {
            let Err(failure) = self.transfer(sector, &mut data) else {
                return Ok(());
            };
            if tries == TRIES || failure == Failure::Unusable {
                return Err(failure.into());
            }
            tries += 1;
            // Whether the card still sends is not known. If it cannot be stopped, or twice did not
            // do it, it begins anew.
            let stopped = self.controller.send(stop_transmission(), true);
            let settled = stopped.ok().map(|_| self.settle(false));
            if tries == TRIES || !matches!(settled, Some(Ok(()))) {
                self.set_up()?;
            }
        }
    }
}

fn refused(status: u32) -> core::result::Result<u32, Failure> {
    match status & STATUS_ERRORS {
        0 => Ok(status),
        errors => Err(Failure::Refused(errors)),
    }
}

impl From<Failure> for Error {
    fn from(_: Failure) -> Error {
        Error::EIO
    }
}

impl<C: Controller + Send> Sectors for Card<C> {
    fn count(&self) -> u64 {
        self.sectors
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    fn read(&mut self, first: u64, buffer: &mut [u8]) -> Result<()> {
        let mut sector = first;
        for part in buffer.chunks_mut(MOST * SECTOR) {
            let count = part.len() / SECTOR;
            self.try_transfer(sector, Data::Read(part))?;
            sector += count as u64;
        }
        Ok(())
    }

    fn write(&mut self, first: u64, data: &[u8]) -> Result<()> {
        let mut sector = first;
        for part in data.chunks(MOST * SECTOR) {
            self.try_transfer(sector, Data::Write(part))?;
            sector += (part.len() / SECTOR) as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Kind, Slot};

    #[test]
    fn cards_of_all_kinds_are_read_and_written() {
        for kind in [Kind::Old, Kind::Standard, Kind::High] {
            let mut slot = Slot::new(kind, 2048);
            let mut model = slot.content.clone();
            let mut card = Card::new(&mut slot).unwrap();
            assert_eq!((card.count(), card.read_only()), (2048, false));
            for (first, count) in [(0, 1), (2047, 1), (7, 300), (1000, 2)] {
                let range = first * SECTOR..(first + count) * SECTOR;
                let mut read = vec![0; count * SECTOR];
                card.read(first as u64, &mut read).unwrap();
                assert!(read == model[range.clone()]);
                model[range.clone()].fill(count as u8);
                card.write(first as u64, &model[range]).unwrap();
            }
            assert!(slot.content == model);
            assert!(slot.wide);
        }
    }

    #[test]
    fn an_empty_slot_is_told_of() {
        let mut slot = Slot::new(Kind::High, 1024);
        slot.failures = vec![(8, Failure::Timeout), (55, Failure::Timeout)];
        assert_eq!(Card::new(&mut slot).err(), Some(Failure::Timeout));
    }

    #[test]
    fn a_card_that_never_powers_up_is_given_up() {
        let mut slot = Slot::new(Kind::High, 1024);
        let busy = (41, Failure::Refused(0));
        slot.failures = vec![busy; 10_000];
        assert_eq!(Card::new(&mut slot).err(), Some(Failure::Unusable));
    }

    #[test]
    fn a_transfer_that_fails_is_tried_again() {
        for failure in [
            Failure::Checksum,
            Failure::Timeout,
            Failure::Refused(1 << 23),
        ] {
            for (command, sectors) in [(17, 1), (18, 2), (24, 1), (25, 2)] {
                let mut slot = Slot::new(Kind::High, 1024);
                slot.failures = vec![(command, failure); 2];
                let mut card = Card::new(&mut slot).unwrap();
                let mut data = vec![9; sectors * SECTOR];
                if command < 24 {
                    card.read(3, &mut data).unwrap();
                } else {
                    card.write(3, &data).unwrap();
                }
                // The second failure set the card up anew.
                assert_eq!(slot.resets, 2);
                assert!(slot.content[3 * SECTOR..][..data.len()] == data);
            }
        }
    }

    #[test]
    fn what_fails_for_good_is_an_error_and_the_card_goes_on() {
        let mut slot = Slot::new(Kind::High, 1024);
        slot.failures = vec![(17, Failure::Checksum); TRIES];
        let mut card = Card::new(&mut slot).unwrap();
        let mut data = [0; SECTOR];
        assert_eq!(card.read(0, &mut data), Err(Error::EIO));
        assert_eq!(card.read(0, &mut data), Ok(()));
        assert_eq!(card.read(1024, &mut data), Err(Error::EIO));
    }

    #[test]
    fn another_card_is_not_taken_for_the_one_before() {
        let mut slot = Slot::new(Kind::High, 1024);
        let mut card = Card::new(&mut slot).unwrap();
        card.controller.identity = [9; 4];
        let failed = (24, Failure::Timeout);
        card.controller.failures = vec![failed, failed];
        assert_eq!(card.write(0, &[0; SECTOR]), Err(Error::EIO));
        assert!(slot.content[..SECTOR] == Slot::new(Kind::High, 1024).content[..SECTOR]);
    }

    #[test]
    fn a_protected_card_is_read_only() {
        let mut slot = Slot::new(Kind::Standard, 1024);
        slot.protected = true;
        assert!(Card::new(&mut slot).unwrap().read_only());
    }
}
