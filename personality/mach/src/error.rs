//! Mach's error numbers (`mach/kern_return.h`, `mach/message.h`).

/// A Mach error: `KERN_*`, `MACH_SEND_*`, `MACH_RCV_*` or `MIG_*`, by Mach's own number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(pub u32);

/// What every operation here answers.
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    /// Inside the mach server: a page has to be waited for, or memory to be put together.
    pub(crate) const WAITS: Error = Error(u32::MAX);
}

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $number:expr;)*) => {
        impl Error {
            $($(#[$doc])* pub const $name: Error = Error($number as u32);)*

            /// The name that Mach's headers give the number, if it is one of theirs.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Error::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

errors! {
    /// The address is outside the map or not allocated.
    KERN_INVALID_ADDRESS = 1;
    /// The access is not allowed by the protection.
    KERN_PROTECTION_FAILURE = 2;
    /// No free address range or no free name.
    KERN_NO_SPACE = 3;
    /// An argument is of the wrong form.
    KERN_INVALID_ARGUMENT = 4;
    /// It failed, and there is no better number.
    KERN_FAILURE = 5;
    /// The account's limit or the machine's memory is exhausted.
    KERN_RESOURCE_SHORTAGE = 6;
    /// The task is not the receiver.
    KERN_NOT_RECEIVER = 7;
    /// The caller may not do that.
    KERN_NO_ACCESS = 8;
    /// The memory's pager is gone, or has refused the page.
    KERN_MEMORY_ERROR = 10;
    /// Not a member of a set.
    KERN_NOT_IN_SET = 12;
    /// The name is in use.
    KERN_NAME_EXISTS = 13;
    /// The operation was interrupted.
    KERN_ABORTED = 14;
    /// The name denotes nothing in this space.
    KERN_INVALID_NAME = 15;
    /// The task is gone, or the name denotes no task.
    KERN_INVALID_TASK = 16;
    /// The name denotes another kind of right.
    KERN_INVALID_RIGHT = 17;
    /// The value is out of range.
    KERN_INVALID_VALUE = 18;
    /// User references would overflow.
    KERN_UREFS_OVERFLOW = 19;
    /// The name denotes no right of the needed kind.
    KERN_INVALID_CAPABILITY = 20;
    /// The right is there already, by another name.
    KERN_RIGHT_EXISTS = 21;
    /// The operation needs a thread in another state, or timed out (gsync).
    KERN_TIMEDOUT = 27;
    /// There is a page already.
    KERN_MEMORY_PRESENT = 23;
    /// The destination name is no live send right.
    MACH_SEND_INVALID_DEST = 0x1000_0003;
    /// The queue was full for as long as the sender would wait.
    MACH_SEND_TIMED_OUT = 0x1000_0004;
    /// The queue was full and has taken the message: a notification follows.
    MACH_SEND_WILL_NOTIFY = 0x1000_0005;
    /// The queue was full, and an earlier message of the task waits for its notification.
    MACH_SEND_NOTIFY_IN_PROGRESS = 0x1000_0006;
    /// The send was interrupted.
    MACH_SEND_INTERRUPTED = 0x1000_0007;
    /// A right named in the message is not held.
    MACH_SEND_INVALID_RIGHT = 0x1000_000a;
    /// The notify name is no receive right.
    MACH_SEND_INVALID_NOTIFY = 0x1000_000b;
    /// The message is malformed.
    MACH_SEND_INVALID_TYPE = 0x1000_000f;
    /// The message is larger than any may be.
    MACH_SEND_TOO_LARGE = 0x1000_0011;
    /// The name is no receive right or port set.
    MACH_RCV_INVALID_NAME = 0x1000_4002;
    /// No message came in time.
    MACH_RCV_TIMED_OUT = 0x1000_4003;
    /// The message is larger than the receiver takes.
    MACH_RCV_TOO_LARGE = 0x1000_4004;
    /// The notify name is no receive right.
    MACH_RCV_INVALID_NOTIFY = 0x1000_4007;
    /// The receive was interrupted.
    MACH_RCV_INTERRUPTED = 0x1000_4005;
    /// The port died while it was waited for.
    MACH_RCV_PORT_DIED = 0x1000_4009;
    /// The message's memory did not fit into the receiver's account or map; it is lost.
    MACH_RCV_BODY_ERROR = 0x1000_400c;
    /// The port joined a set while it was waited for.
    MACH_RCV_PORT_CHANGED = 0x1000_4006;
    /// The port is a member of a set.
    MACH_RCV_IN_SET = 0x1000_400a;
    /// The message id is unknown (`MIG_BAD_ID`).
    MIG_BAD_ID = -303i32;
    /// The arguments are malformed (`MIG_BAD_ARGUMENTS`).
    MIG_BAD_ARGUMENTS = -304i32;
    /// The server died before it answered (`MIG_SERVER_DIED`).
    MIG_SERVER_DIED = -308i32;
}

impl core::fmt::Debug for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "error {:#x}", self.0),
        }
    }
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(self, f)
    }
}
