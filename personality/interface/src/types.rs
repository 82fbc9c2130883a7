//! Structures that several interfaces share.

use machuser::wire_struct;

wire_struct! {
    /// A point in time or a duration, to nanoseconds.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
    pub struct TimeSpec {
        /// Seconds.
        pub seconds: i64,
        /// Nanoseconds, below 1000000000; or [`UTIME_NOW`], [`UTIME_OMIT`] for `file_utimens`.
        pub nanoseconds: i64,
    }
}

/// `file_utimens`: the present time.
pub const UTIME_NOW: i64 = -1;
/// `file_utimens`: leave the time as it is.
pub const UTIME_OMIT: i64 = -2;

wire_struct! {
    /// A point in time or a duration, to microseconds.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
    pub struct TimeValue {
        /// Seconds.
        pub seconds: i64,
        /// Microseconds, below 1000000; -1 for `file_utimes` means the present time.
        pub microseconds: i32,
    }
}

wire_struct! {
    /// What a process has used.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Rusage {
        /// Time in user mode.
        pub utime: TimeValue,
        /// Time in the system.
        pub stime: TimeValue,
        /// Largest resident size, in KiB.
        pub maxrss: i64,
        /// Shared memory.
        pub ixrss: i64,
        /// Private data.
        pub idrss: i64,
        /// Stack.
        pub isrss: i64,
        /// Faults served without input or output.
        pub minflt: i64,
        /// Faults that needed input or output.
        pub majflt: i64,
        /// Times swapped out.
        pub nswap: i64,
        /// Blocks read.
        pub inblock: i64,
        /// Blocks written.
        pub oublock: i64,
        /// Messages sent.
        pub msgsnd: i64,
        /// Messages received.
        pub msgrcv: i64,
        /// Signals received.
        pub nsignals: i64,
        /// Voluntary switches.
        pub nvcsw: i64,
        /// Involuntary switches.
        pub nivcsw: i64,
    }
}

impl TimeSpec {
    /// Of a duration since 1970.
    pub fn from_duration(duration: core::time::Duration) -> TimeSpec {
        TimeSpec {
            seconds: duration.as_secs() as i64,
            nanoseconds: duration.subsec_nanos().into(),
        }
    }
}

impl From<TimeValue> for TimeSpec {
    fn from(time: TimeValue) -> TimeSpec {
        TimeSpec {
            seconds: time.seconds,
            nanoseconds: i64::from(time.microseconds) * 1000,
        }
    }
}
