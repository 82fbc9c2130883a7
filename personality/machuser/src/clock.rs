//! Time.

use crate::sys;
use core::time::Duration;

/// Time since the system started. Never goes back.
#[inline]
pub fn now() -> Duration {
    sys::now()
}

/// Time since the beginning of 1970, UTC.
#[inline]
pub fn realtime() -> Duration {
    sys::realtime()
}
