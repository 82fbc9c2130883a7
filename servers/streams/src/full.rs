use crate::{BOTH, set_size};
use interface::io::{StatBuf, fstype};
use machuser::{Data, DataOut, Error, MAX_BULK, Result};
use trivfs::{Node, Open};

/// `/dev/full`: zero bytes without end, and no room for anything (`ENOSPC`).
#[derive(Debug, Default)]
pub struct Full;

impl Node for Full {
    type State = ();
    const ALLOW_OPEN: i32 = BOTH;
    const FSTYPE: i32 = fstype::DEV;

    fn stat(&self, _: &mut StatBuf) {}

    fn read(&self, _: &Open<'_, Self>, _: u64, amount: usize, to: &mut DataOut<'_>) -> Result<()> {
        to.write_zeroes(amount);
        Ok(())
    }

    fn write(&self, _: &Open<'_, Self>, _: u64, _: Data<'_>) -> Result<usize> {
        Err(Error::ENOSPC)
    }

    fn readable(&self, _: &Open<'_, Self>, _: u64) -> Result<usize> {
        Ok(MAX_BULK)
    }

    fn set_size(&self, _: &Open<'_, Self>, size: u64) -> Result<()> {
        set_size(size)
    }
}
