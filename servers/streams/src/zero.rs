use crate::{BOTH, set_size};
use interface::io::{StatBuf, fstype};
use machuser::{Data, DataOut, MAX_BULK, Result};
use trivfs::{Node, Open};

/// `/dev/zero`: zero bytes without end; what is written is dropped.
#[derive(Debug, Default)]
pub struct Zero;

impl Node for Zero {
    type State = ();
    const ALLOW_OPEN: i32 = BOTH;
    const FSTYPE: i32 = fstype::DEV;

    fn stat(&self, _: &mut StatBuf) {}

    fn read(&self, _: &Open<'_, Self>, _: u64, amount: usize, to: &mut DataOut<'_>) -> Result<()> {
        to.write_zeroes(amount);
        Ok(())
    }

    fn write(&self, _: &Open<'_, Self>, _: u64, data: Data<'_>) -> Result<usize> {
        Ok(data.len())
    }

    fn readable(&self, _: &Open<'_, Self>, _: u64) -> Result<usize> {
        Ok(MAX_BULK)
    }

    fn set_size(&self, _: &Open<'_, Self>, size: u64) -> Result<()> {
        set_size(size)
    }
}
