//! What signals do to a process that makes no choice of its own.

/// Numbers of signals, the Hurd's.
#[allow(missing_docs, reason = "POSIX's names")]
pub mod number {
    pub const HUP: i32 = 1;
    pub const QUIT: i32 = 3;
    pub const ILL: i32 = 4;
    pub const TRAP: i32 = 5;
    pub const ABRT: i32 = 6;
    pub const EMT: i32 = 7;
    pub const FPE: i32 = 8;
    pub const KILL: i32 = 9;
    pub const BUS: i32 = 10;
    pub const SEGV: i32 = 11;
    pub const SYS: i32 = 12;
    pub const URG: i32 = 16;
    pub const STOP: i32 = 17;
    pub const TSTP: i32 = 18;
    pub const CONT: i32 = 19;
    pub const CHLD: i32 = 20;
    pub const TTIN: i32 = 21;
    pub const TTOU: i32 = 22;
    pub const XCPU: i32 = 24;
    pub const XFSZ: i32 = 25;
    pub const WINCH: i32 = 28;
    pub const INFO: i32 = 29;
    /// The highest number of a signal.
    pub const LAST: i32 = 64;
}

/// The action for a process that neither handles nor ignores a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DefaultAction {
    /// Nothing.
    Ignore,
    /// The process stops.
    Stop,
    /// The process goes on.
    Continue,
    /// The process ends; `core` if with an image of its memory.
    Terminate {
        /// Whether a core file is asked for.
        core: bool,
    },
}

/// The default action of `signal`.
pub const fn default_action(signal: i32) -> DefaultAction {
    use number::*;
    match signal {
        URG | CHLD | WINCH | INFO => DefaultAction::Ignore,
        STOP | TSTP | TTIN | TTOU => DefaultAction::Stop,
        CONT => DefaultAction::Continue,
        QUIT | ILL | TRAP | ABRT | EMT | FPE | BUS | SEGV | SYS | XCPU | XFSZ => {
            DefaultAction::Terminate { core: true }
        }
        _ => DefaultAction::Terminate { core: false },
    }
}
