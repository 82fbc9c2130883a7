use crate::{BOTH, set_size};
use interface::io::{StatBuf, fstype};
use machuser::{Data, DataOut, Result};
use trivfs::{Node, Open};

/// `/dev/null`: reading is at the end at once, what is written is dropped.
#[derive(Debug, Default)]
pub struct Null;

impl Node for Null {
    type State = ();
    const ALLOW_OPEN: i32 = BOTH;
    const FSTYPE: i32 = fstype::DEV;

    fn stat(&self, _: &mut StatBuf) {}

    fn read(&self, _: &Open<'_, Self>, _: u64, _: usize, _: &mut DataOut<'_>) -> Result<()> {
        Ok(())
    }

    fn write(&self, _: &Open<'_, Self>, _: u64, data: Data<'_>) -> Result<usize> {
        Ok(data.len())
    }

    fn readable(&self, _: &Open<'_, Self>, _: u64) -> Result<usize> {
        Ok(0)
    }

    fn set_size(&self, _: &Open<'_, Self>, size: u64) -> Result<()> {
        set_size(size)
    }
}
