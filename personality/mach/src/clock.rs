//! The time of day: the uptime, and how much later it is than that.

use crate::abi::routine;
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::rpc::{Input, Output};
use crate::task::{Mach, TaskId};

const SECOND: i64 = 1_000_000_000;
const MICROSECOND: i64 = 1000;
/// In so many nanoseconds the clock gains or loses one.
const SLOWLY: u64 = 2000;
/// The same where it is to gain or lose more than a second.
const FAST: u64 = 200;

/// A change of the clock that comes little by little.
#[derive(Clone, Copy, Default)]
struct Adjustment {
    /// Nanoseconds of uptime when it began.
    begun: u64,
    /// Nanoseconds to gain, or to lose if negative.
    whole: i64,
    rate: u64,
}

impl Adjustment {
    fn new(now: u64, whole: i64) -> Adjustment {
        let rate = if whole.unsigned_abs() > SECOND as u64 { FAST } else { SLOWLY };
        Adjustment { begun: now, whole, rate }
    }

    /// What of it has come.
    fn done(&self, now: u64) -> i64 {
        let Some(gained) = now.saturating_sub(self.begun).checked_div(self.rate) else { return 0 };
        let gained = gained.min(self.whole.unsigned_abs()) as i64;
        if self.whole < 0 { -gained } else { gained }
    }
}

/// The clock.
#[derive(Clone, Copy, Default)]
pub(crate) struct Clock {
    /// Nanoseconds from 1970 to the start of the uptime, once somebody has told the time.
    epoch: Option<i64>,
    adjustment: Adjustment,
}

impl Clock {
    /// Nanoseconds since 1970 at a time in nanoseconds of uptime; 0 while that is unknown.
    pub(crate) fn at(&self, uptime: u64) -> u64 {
        let Some(epoch) = self.epoch else { return 0 };
        let time = epoch.saturating_add_unsigned(uptime);
        time.saturating_add(self.adjustment.done(uptime)).max(0) as u64
    }

    /// The same for something that happened at that time: the clock was not adjusted yet.
    pub(crate) fn of(&self, uptime: u64) -> u64 {
        match self.epoch {
            Some(epoch) => epoch.saturating_add_unsigned(uptime).max(0) as u64,
            None => uptime,
        }
    }

    /// What is left of an adjustment goes on.
    fn set(&mut self, uptime: u64, time: u64) -> Result<()> {
        let time = i64::try_from(time).map_err(|_| Error::KERN_INVALID_ARGUMENT)?;
        let left = self.adjustment.whole - self.adjustment.done(uptime);
        self.epoch = Some(time.saturating_sub_unsigned(uptime));
        self.adjustment = Adjustment { begun: uptime, whole: left, ..self.adjustment };
        Ok(())
    }

    /// Begins another adjustment, and answers what was left of the one before.
    fn adjust(&mut self, uptime: u64, whole: i64) -> Result<i64> {
        let epoch = self.epoch.as_mut().ok_or(Error::KERN_FAILURE)?;
        let done = self.adjustment.done(uptime);
        let left = self.adjustment.whole - done;
        *epoch = epoch.saturating_add(done);
        self.adjustment = Adjustment::new(uptime, whole);
        Ok(left)
    }
}

/// Nanoseconds of seconds and microseconds, which have the same sign.
fn nanoseconds(seconds: u64, microseconds: u64) -> Result<i64> {
    let (seconds, microseconds) = (seconds as i64, microseconds as i64);
    let mixed = seconds != 0 && microseconds != 0 && (seconds < 0) != (microseconds < 0);
    if mixed || microseconds.unsigned_abs() >= 1_000_000 {
        return Err(Error::KERN_INVALID_ARGUMENT);
    }
    let whole = seconds.checked_mul(SECOND);
    whole
        .and_then(|whole| whole.checked_add(microseconds * MICROSECOND))
        .ok_or(Error::KERN_INVALID_ARGUMENT)
}

fn put_time(time: i64, out: &mut Output) {
    out.put((time / SECOND) as u64);
    out.put((time % SECOND / MICROSECOND) as u64);
}

impl<K: Kernel> Mach<K> {
    /// Carries out a routine of this module.
    pub(crate) fn clock_routine(
        &mut self,
        task: TaskId,
        label: u32,
        input: &mut Input<'_>,
        out: &mut Output,
    ) -> Result<()> {
        let now = self.kernel.now();
        match label {
            routine::HOST_GET_TIME64 => out.put(self.clock.at(now)),
            routine::HOST_GET_TIME => put_time(self.clock.at(now) as i64, out),
            _ => self.check_host(task, input.name()?)?,
        }
        match label {
            routine::HOST_SET_TIME64 => self.clock.set(now, input.word()?)?,
            routine::HOST_SET_TIME => {
                let time = nanoseconds(input.word()?, input.word()?)?;
                self.clock.set(now, time as u64)?;
            }
            routine::HOST_ADJUST_TIME64 => {
                out.put(self.clock.adjust(now, input.word()? as i64)? as u64);
            }
            routine::HOST_ADJUST_TIME => {
                let whole = nanoseconds(input.word()?, input.word()?)?;
                put_time(self.clock.adjust(now, whole)?, out);
            }
            _ => {}
        }
        Ok(())
    }
}
