//! A disk at a port: tried again when it fails, and known again after a reset.

use alloc::format;

use disks::Sectors;
use machuser::{Error, Result, mach};

use crate::command::Command;
use crate::hardware::{Failure, Hardware, Memory};
use crate::identity::{self, Identity};
use crate::port::{DATA_AT, Port};

/// How often a command is tried, with a reset before each but the first.
const TRIES: usize = 3;

/// A disk.
#[derive(Debug)]
pub struct Disk<H, M> {
    port: Port<H, M>,
    identity: Identity,
    /// Whether the port takes commands: not after one that failed.
    is_ready: bool,
    /// Whether the last request failed, which was told of then.
    has_failed: bool,
}

fn identify<H: Hardware, M: Memory>(port: &Port<H, M>) -> core::result::Result<Identity, Failure> {
    port.start()?;
    let mut description = [0; identity::BYTES];
    port.run(Command::Identify, description.len())?;
    port.memory().read(DATA_AT, &mut description);
    Identity::parse(&description)
}

impl<H: Hardware, M: Memory> Disk<H, M> {
    /// The disk at a port of a controller that was reset.
    ///
    /// # Errors
    /// Why there is none, or it cannot be driven.
    pub fn new(port: Port<H, M>) -> core::result::Result<Disk<H, M>, Failure> {
        let first = identify(&port);
        let identity = match first {
            Err(Failure::Absent | Failure::Kind(_) | Failure::Unusable(_)) | Ok(_) => first?,
            Err(_) => {
                port.reset();
                identify(&port)?
            }
        };
        Ok(Disk {
            port,
            identity,
            is_ready: true,
            has_failed: false,
        })
    }

    fn attempt(
        &mut self,
        command: Command,
        bytes: usize,
        data: &[u8],
    ) -> core::result::Result<(), Failure> {
        if !self.is_ready {
            self.port.reset();
            if identify(&self.port)? != self.identity {
                return Err(Failure::Exchanged);
            }
        }
        self.port.memory().write(DATA_AT, data);
        let result = self.port.run(command, bytes);
        self.is_ready = result.is_ok();
        result
    }

    /// Carries out a command, for which `data` goes to the disk or so many `bytes` come from it.
    fn request(&mut self, command: Command, bytes: usize, data: &[u8]) -> Result<()> {
        let mut tries = 1;
        loop {
            let failure = match self.attempt(command, bytes, data) {
                Ok(()) => {
                    self.has_failed = false;
                    return Ok(());
                }
                Err(failure) => failure,
            };
            let is_hopeless = matches!(
                failure,
                Failure::Absent | Failure::Kind(_) | Failure::Unusable(_) | Failure::Exchanged
            );
            if tries == TRIES || is_hopeless {
                if !core::mem::replace(&mut self.has_failed, true) {
                    let port = self.port.number();
                    mach::log(&format!("ahci: port {port}: {command:?}: {failure}"));
                }
                return Err(Error::EIO);
            }
            tries += 1;
        }
    }

    fn count_of(&self, bytes: usize) -> u16 {
        (bytes / self.identity.sector) as u16
    }
}

impl<H: Hardware, M: Memory> Sectors for Disk<H, M> {
    fn sector(&self) -> usize {
        self.identity.sector
    }

    fn count(&self) -> u64 {
        self.identity.sectors
    }

    fn read_only(&self) -> bool {
        false
    }

    fn read(&mut self, first: u64, buffer: &mut [u8]) -> Result<()> {
        let command = Command::Read(first, self.count_of(buffer.len()));
        self.request(command, buffer.len(), &[])?;
        self.port.memory().read(DATA_AT, buffer);
        Ok(())
    }

    fn write(&mut self, first: u64, data: &[u8]) -> Result<()> {
        let command = Command::Write(first, self.count_of(data.len()));
        self.request(command, data.len(), data)
    }

    fn flush(&mut self) -> Result<()> {
        self.request(Command::Flush, 0, &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::Controller;
    use crate::testing::{Device, Fault, Model, Part};
    use alloc::sync::Arc;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn open(model: &Model, port: usize) -> core::result::Result<Disk<Model, Part>, Failure> {
        let hardware = Arc::new(model.clone());
        Controller::new(hardware.clone(), 0x1000)?;
        Disk::new(Port::new(hardware, port, model.memory(port)))
    }

    fn disk(sectors: usize, sector: usize) -> Model {
        Model::new(vec![None, Some(Device::disk(sectors, sector))])
    }

    #[test]
    fn disks_of_both_sector_sizes_are_read_and_written() {
        for sector in [512, 4096] {
            let model = disk(64, sector);
            let mut content = model.device(1, |device| device.content.clone());
            let mut disk = open(&model, 1).unwrap();
            assert_eq!((disk.count(), disk.sector()), (64, sector));
            for (first, count) in [(0, 1), (63, 1), (7, 16), (40, 2)] {
                let range = first * sector..(first + count) * sector;
                let mut read = vec![0; count * sector];
                disk.read(first as u64, &mut read).unwrap();
                assert!(read == content[range.clone()]);
                content[range.clone()].fill(count as u8);
                disk.write(first as u64, &content[range]).unwrap();
            }
            disk.flush().unwrap();
            model.device(1, |device| {
                assert!(device.content == content);
                assert_eq!(device.flushed, 1);
            });
            assert_eq!(model.resets(1), (1, 0));
        }
    }

    #[test]
    fn what_is_no_disk_is_told_of() {
        let mut drive = Device::disk(0, 512);
        drive.signature = 0xeb14_0101;
        let model = Model::new(vec![Some(drive), None]);
        assert_eq!(open(&model, 0).err(), Some(Failure::Kind(0xeb14_0101)));
        assert_eq!(open(&model, 1).err(), Some(Failure::Absent));
        let mut stuck = Device::disk(8, 512);
        stuck.is_stuck = true;
        let model = Model::new(vec![Some(stuck)]);
        assert_eq!(open(&model, 0).err(), Some(Failure::Timeout));
        assert_eq!(model.resets(0), (1, 1));
        let model = disk(8, 1024);
        assert!(matches!(open(&model, 1), Err(Failure::Unusable(_))));
    }

    #[test]
    fn a_command_that_fails_is_tried_again_behind_a_reset() {
        for fault in [Fault::Device, Fault::Line, Fault::Silence, Fault::Short] {
            for command in [0x25, 0x35, 0xea] {
                if (fault, command) == (Fault::Short, 0xea) {
                    continue;
                }
                let model = disk(64, 512);
                let mut disk = open(&model, 1).unwrap();
                model.device(1, |device| device.faults = vec![(command, fault); 2]);
                let mut data = vec![9; 1024];
                match command {
                    0x25 => disk.read(3, &mut data).unwrap(),
                    0x35 => disk.write(3, &data).unwrap(),
                    _ => disk.flush().unwrap(),
                }
                assert_eq!(model.resets(1), (1, 2));
                if command != 0xea {
                    model.device(1, |device| assert!(device.content[1536..2560] == data));
                }
            }
        }
    }

    #[test]
    fn a_disk_that_fails_while_it_is_looked_at_is_reset() {
        let model = disk(64, 512);
        model.device(1, |device| device.faults = vec![(0xec, Fault::Line)]);
        assert!(open(&model, 1).is_ok());
        assert_eq!(model.resets(1), (1, 1));
        model.device(1, |device| device.faults = vec![(0xec, Fault::Silence); 2]);
        assert_eq!(open(&model, 1).err(), Some(Failure::Timeout));
    }

    #[test]
    fn what_fails_for_good_is_an_error_and_the_disk_goes_on() {
        let model = disk(64, 512);
        let mut disk = open(&model, 1).unwrap();
        model.device(1, |device| {
            device.faults = vec![(0x25, Fault::Device); TRIES]
        });
        let mut data = [0; 512];
        assert_eq!(disk.read(0, &mut data), Err(Error::EIO));
        assert_eq!(disk.read(0, &mut data), Ok(()));
        assert_eq!(disk.read(64, &mut data), Err(Error::EIO));
        assert_eq!(disk.read(63, &mut data), Ok(()));
    }

    #[test]
    fn a_disk_that_is_pulled_out_is_an_error_until_it_is_back() {
        let model = disk(64, 512);
        let mut disk = open(&model, 1).unwrap();
        model.device(1, |device| device.faults = vec![(0x35, Fault::Pulled)]);
        assert_eq!(disk.write(0, &[7; 512]), Err(Error::EIO));
        assert_eq!(disk.flush(), Err(Error::EIO));
        let commands = model.commands().len();
        assert_eq!(disk.read(0, &mut [0; 512]), Err(Error::EIO));
        assert_eq!(model.commands().len(), commands);
        model.plug(1, None);
        assert_eq!(disk.write(0, &[7; 512]), Ok(()));
        // Another disk is not taken for it.
        model.device(1, |device| device.faults = vec![(0x25, Fault::Pulled)]);
        assert_eq!(disk.read(0, &mut [0; 512]), Err(Error::EIO));
        let mut other = Device::disk(64, 512);
        other.serial = 1;
        let content = other.content.clone();
        model.plug(1, Some(other));
        assert_eq!(disk.write(0, &[7; 512]), Err(Error::EIO));
        model.device(1, |device| assert!(device.content == content));
    }

    fn fault() -> impl Strategy<Value = Fault> {
        let all = [Fault::Device, Fault::Line, Fault::Silence, Fault::Short];
        proptest::sample::select(all.to_vec())
    }

    proptest! {
        #[test]
        fn what_succeeds_was_done_whatever_fails(
            requests in proptest::collection::vec(
                (any::<bool>(), 0..60u64, 1..5usize, proptest::collection::vec(fault(), 0..4)),
                1..20,
            ),
        ) {
            let model = disk(64, 512);
            let mut content = model.device(1, |device| device.content.clone());
            let mut disk = open(&model, 1).unwrap();
            for (index, (write, first, count, faults)) in requests.into_iter().enumerate() {
                let number = if write { 0x35 } else { 0x25 };
                let faults: Vec<_> = faults.into_iter().map(|fault| (number, fault)).collect();
                let hopeless = faults.len() >= TRIES;
                model.device(1, |device| device.faults = faults);
                let range = first as usize * 512..(first as usize + count) * 512;
                let mut data = vec![index as u8; count * 512];
                if write {
                    let result = disk.write(first, &data);
                    prop_assert_eq!(result.is_err(), hopeless);
                    model.device(1, |device| {
                        let wrote = device.content[range.clone()] == data;
                        assert!(wrote || hopeless);
                        // What failed may have been written.
                        content[range.clone()].copy_from_slice(&device.content[range]);
                    });
                } else {
                    let result = disk.read(first, &mut data);
                    prop_assert_eq!(result.is_err(), hopeless);
                    prop_assert!(hopeless || data == content[range]);
                }
                model.device(1, |device| assert!(device.content == content));
            }
        }
    }
}
