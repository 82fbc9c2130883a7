//! Signals: numbers, names, dispositions.

use crate::Result;
use crate::sys;

/// A signal, by the number that the Hurd gives it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Signal(pub u8);

/// What happens to a process that neither handles nor ignores a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DefaultAction {
    /// The process ends.
    Terminate,
    /// The process ends, and the crash server is told.
    Core,
    /// The process stops until it is continued.
    Stop,
    /// Nothing.
    Ignore,
    /// A stopped process goes on.
    Continue,
}

/// What a process does with a signal.
#[derive(Clone, Copy, Debug)]
pub enum Disposition {
    /// The signal's [`DefaultAction`].
    Default,
    /// Nothing; a program that this one starts ignores it too.
    Ignore,
    /// Remember it for [`take`], and end the call that blocks with
    /// [`Errno::EINTR`](crate::Errno::EINTR).
    Note,
    /// Call this function, then do as for [`Note`](Self::Note). It runs beside
    /// the interrupted thread and may only touch atomics and call [`crate::fs::write`].
    Call(fn(Signal)),
}

macro_rules! signals {
    ($($name:ident = $number:literal, $action:ident, $text:literal;)*) => {
        #[allow(missing_docs, reason = "the text of each is its documentation")]
        impl Signal {
            $(#[doc = $text] pub const $name: Self = Self($number);)*

            /// All signals, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name without `SIG`, such as `INT`; `None` for no signal's number.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 { $($number => Some(stringify!($name)),)* _ => None }
            }

            /// What a shell prints for a process that the signal ended.
            pub const fn description(self) -> &'static str {
                match self.0 { $($number => $text,)* _ => "Unknown signal" }
            }

            /// The action for a process that did not choose another.
            pub const fn default_action(self) -> DefaultAction {
                match self.0 { $($number => DefaultAction::$action,)* _ => DefaultAction::Terminate }
            }
        }
    };
}

signals! {
    HUP = 1, Terminate, "Hangup";
    INT = 2, Terminate, "Interrupt";
    QUIT = 3, Core, "Quit";
    ILL = 4, Core, "Illegal instruction";
    TRAP = 5, Core, "Trace/breakpoint trap";
    ABRT = 6, Core, "Aborted";
    EMT = 7, Core, "EMT trap";
    FPE = 8, Core, "Arithmetic exception";
    KILL = 9, Terminate, "Killed";
    BUS = 10, Core, "Bus error";
    SEGV = 11, Core, "Segmentation fault";
    SYS = 12, Core, "Bad system call";
    PIPE = 13, Terminate, "Broken pipe";
    ALRM = 14, Terminate, "Alarm clock";
    TERM = 15, Terminate, "Terminated";
    URG = 16, Ignore, "Urgent I/O condition";
    STOP = 17, Stop, "Stopped (signal)";
    TSTP = 18, Stop, "Stopped";
    CONT = 19, Continue, "Continued";
    CHLD = 20, Ignore, "Child exited";
    TTIN = 21, Stop, "Stopped (tty input)";
    TTOU = 22, Stop, "Stopped (tty output)";
    IO = 23, Terminate, "I/O possible";
    XCPU = 24, Core, "CPU time limit exceeded";
    XFSZ = 25, Core, "File size limit exceeded";
    VTALRM = 26, Terminate, "Virtual timer expired";
    PROF = 27, Terminate, "Profiling timer expired";
    WINCH = 28, Ignore, "Window changed";
    INFO = 29, Ignore, "Information request";
    USR1 = 30, Terminate, "User defined signal 1";
    USR2 = 31, Terminate, "User defined signal 2";
    LOST = 32, Terminate, "Resource lost";
}

impl Signal {
    /// From a name such as `INT`, `SIGINT` or `int`, or a decimal number; 0 is
    /// accepted as a number, for it asks whether a process exists.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if let Some(number) = crate::parse_number(text) {
            let number = u8::try_from(number).ok()?;
            return (number == 0 || Self(number).name().is_some()).then_some(Self(number));
        }
        let bare = match text.get(..3) {
            Some(prefix) if prefix.eq_ignore_ascii_case(b"SIG") => &text[3..],
            _ => text,
        };
        Self::ALL.iter().copied().find(|s| {
            s.name()
                .is_some_and(|n| n.as_bytes().eq_ignore_ascii_case(bare))
        })
    }
}

/// Chooses what this process does with a signal.
///
/// Errors: [`EINVAL`](crate::Errno::EINVAL) for `KILL` and `STOP`, which cannot be chosen, and for
/// a number that is no signal.
pub fn set(signal: Signal, disposition: Disposition) -> Result<()> {
    sys::signal_set(signal, disposition)
}

/// Whether the signal was ignored when the program started or is ignored now.
pub fn is_ignored(signal: Signal) -> bool {
    sys::signal_is_ignored(signal)
}

/// Whether a noted signal has arrived since the last time that this was asked.
pub fn take(signal: Signal) -> bool {
    sys::signal_take(signal)
}

/// Whether a noted signal has arrived that [`take`] has not reported yet.
pub fn arrived(signal: Signal) -> bool {
    sys::signal_arrived(signal)
}

/// Blocks until a signal that is noted or handled has arrived. One that has
/// arrived, but was not taken, does not block.
pub fn wait_any() {
    sys::signal_wait();
}

/// Sends a signal: to process `pid` if it is positive, to the caller's process
/// group if 0, to every process that the caller may signal if −1, to the
/// process group −`pid` otherwise.
///
/// Signal number 0 only checks whether the target exists.
pub fn kill(pid: crate::Pid, signal: Signal) -> Result<()> {
    sys::kill(pid, signal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_found_by_name_and_number() {
        assert_eq!(Signal::parse(b"INT"), Some(Signal::INT));
        assert_eq!(Signal::parse(b"sigchld"), Some(Signal::CHLD));
        assert_eq!(Signal::parse(b"9"), Some(Signal::KILL));
        assert_eq!(Signal::parse(b"0"), Some(Signal(0)));
        assert_eq!(Signal::parse(b"99"), None);
        assert_eq!(Signal::parse(b"NOPE"), None);
    }
}
