//! Signals.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::check;
use crate::signal::{Disposition, Signal};
use crate::{Errno, Pid, Result};

/// One more than the highest number of a signal.
const SIGNALS: usize = 33;

static ARRIVED: [AtomicBool; SIGNALS] = [const { AtomicBool::new(false) }; SIGNALS];
/// The address of each handler function; 0 for none.
static HANDLERS: [AtomicUsize; SIGNALS] = [const { AtomicUsize::new(0) }; SIGNALS];

const TABLE: &[(Signal, i32)] = &[
    (Signal::HUP, libc::SIGHUP),
    (Signal::INT, libc::SIGINT),
    (Signal::QUIT, libc::SIGQUIT),
    (Signal::ILL, libc::SIGILL),
    (Signal::TRAP, libc::SIGTRAP),
    (Signal::ABRT, libc::SIGABRT),
    (Signal::FPE, libc::SIGFPE),
    (Signal::KILL, libc::SIGKILL),
    (Signal::BUS, libc::SIGBUS),
    (Signal::SEGV, libc::SIGSEGV),
    (Signal::SYS, libc::SIGSYS),
    (Signal::PIPE, libc::SIGPIPE),
    (Signal::ALRM, libc::SIGALRM),
    (Signal::TERM, libc::SIGTERM),
    (Signal::URG, libc::SIGURG),
    (Signal::STOP, libc::SIGSTOP),
    (Signal::TSTP, libc::SIGTSTP),
    (Signal::CONT, libc::SIGCONT),
    (Signal::CHLD, libc::SIGCHLD),
    (Signal::TTIN, libc::SIGTTIN),
    (Signal::TTOU, libc::SIGTTOU),
    (Signal::IO, libc::SIGIO),
    (Signal::XCPU, libc::SIGXCPU),
    (Signal::XFSZ, libc::SIGXFSZ),
    (Signal::VTALRM, libc::SIGVTALRM),
    (Signal::PROF, libc::SIGPROF),
    (Signal::WINCH, libc::SIGWINCH),
    (Signal::USR1, libc::SIGUSR1),
    (Signal::USR2, libc::SIGUSR2),
];

/// The host's number of a signal; none for those that the host lacks.
pub(super) fn to_host(signal: Signal) -> Result<i32> {
    TABLE
        .iter()
        .find(|(s, _)| *s == signal)
        .map(|&(_, number)| number)
        .ok_or(Errno::EINVAL)
}

pub(super) fn from_host(number: i32) -> Signal {
    TABLE
        .iter()
        .find(|(_, n)| *n == number)
        .map_or(Signal::LOST, |&(signal, _)| signal)
}

extern "C" fn on_signal(number: i32) {
    let signal = from_host(number);
    let index = usize::from(signal.0);
    ARRIVED[index].store(true, Ordering::Release);
    let handler = HANDLERS[index].load(Ordering::Acquire);
    if handler != 0 {
        // SAFETY: only `signal_set` stores here, and only addresses of `fn(Signal)`.
        let handler: fn(Signal) = unsafe { core::mem::transmute(handler) };
        handler(signal);
    }
}

pub(crate) fn signal_set(signal: Signal, disposition: Disposition) -> Result<()> {
    let number = to_host(signal)?;
    // SAFETY: `sigaction` is plain data for which zeros are valid (no flags, an empty mask).
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    action.sa_sigaction = match disposition {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
        Disposition::Note => {
            HANDLERS[usize::from(signal.0)].store(0, Ordering::Release);
            on_signal as *const () as usize
        }
        Disposition::Call(handler) => {
            HANDLERS[usize::from(signal.0)].store(handler as usize, Ordering::Release);
            on_signal as *const () as usize
        }
    };
    // SAFETY: the action is complete; the handler only touches atomics and what a
    // `Disposition::Call` function may do.
    check(unsafe { libc::sigaction(number, &raw const action, core::ptr::null_mut()) }).map(|_| ())
}

pub(crate) fn signal_is_ignored(signal: Signal) -> bool {
    let Ok(number) = to_host(signal) else {
        return false;
    };
    // SAFETY: `sigaction` is plain data for which zeros are valid.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    // SAFETY: `action` is a valid place for the current action; none is set.
    let result = unsafe { libc::sigaction(number, core::ptr::null(), &raw mut action) };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}

pub(crate) fn signal_take(signal: Signal) -> bool {
    ARRIVED
        .get(usize::from(signal.0))
        .is_some_and(|a| a.swap(false, Ordering::AcqRel))
}

pub(crate) fn signal_arrived(signal: Signal) -> bool {
    ARRIVED
        .get(usize::from(signal.0))
        .is_some_and(|a| a.load(Ordering::Acquire))
}

pub(crate) fn signal_wait() {
    let arrived = || ARRIVED.iter().any(|a| a.load(Ordering::Acquire));
    // SAFETY: `sigset_t` is plain data for which zeros are valid.
    let (mut all, mut old): (libc::sigset_t, libc::sigset_t) = unsafe { core::mem::zeroed() };
    // SAFETY: both sets are valid. Signals are blocked between the check and the wait, so that
    // none is missed.
    unsafe {
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const all, &raw mut old);
        while !arrived() {
            libc::sigsuspend(&raw const old);
        }
        libc::sigprocmask(libc::SIG_SETMASK, &raw const old, core::ptr::null_mut());
    }
}

pub(crate) fn kill(pid: Pid, signal: Signal) -> Result<()> {
    let number = if signal.0 == 0 { 0 } else { to_host(signal)? };
    // SAFETY: no memory is passed.
    check(unsafe { libc::kill(pid, number) }).map(|_| ())
}
