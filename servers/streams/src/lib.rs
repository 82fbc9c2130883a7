//! The devices that hold nothing: [`Null`], [`Zero`], [`Full`], [`Random`].
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

mod full;
mod null;
mod pool;
mod random;
mod zero;

pub use full::Full;
pub use null::Null;
pub use random::Random;
pub use zero::Zero;

use interface::fs::{O_READ, O_WRITE};
use machuser::{Error, Result};

/// Devices may be opened for both.
const BOTH: i32 = O_READ | O_WRITE;

/// Opening a device with `O_TRUNC` makes it empty, which it is; it cannot have any other size.
fn set_size(size: u64) -> Result<()> {
    if size == 0 {
        Ok(())
    } else {
        Err(Error::EINVAL)
    }
}
