//! Signals.
//!
//! A process that handles or notes no signal has no message port: the proc server
//! does to it what the signals do by default, and knows which are ignored. The
//! first signal that is handled or noted starts the message port and its threads
//! ([`super::messages`]).

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use interface::{interrupt, process};
use machuser::env::{self, init_int, init_port};
use machuser::sync::{Condvar, Mutex};
use machuser::{AsName, Right, SendRight, thread};

use super::{errno, initial, messages};
use crate::process::Status;
use crate::signal::{DefaultAction, Disposition, Signal};
use crate::{Errno, Pid, Result};

/// One more than the highest number of a signal.
const SIGNALS: usize = 33;

struct State {
    dispositions: [Disposition; SIGNALS],
    /// Whether the signals ignored at the start have been looked up.
    started: bool,
    /// Counts signals that were delivered.
    deliveries: u64,
}

static STATE: Mutex<State> = Mutex::new(State {
    dispositions: [Disposition::Default; SIGNALS],
    started: false,
    deliveries: 0,
});
static ARRIVAL: Condvar = Condvar::new();
static ARRIVED: [AtomicBool; SIGNALS] = [const { AtomicBool::new(false) }; SIGNALS];
/// The port that the program's thread is calling, where a signal ends the call; 0: none.
static CALLED: AtomicU32 = AtomicU32::new(0);
/// How many such calls there have been.
static CALLS: AtomicU32 = AtomicU32::new(0);
/// How many signals that are noted or handled have arrived.
static ARRIVALS: AtomicU32 = AtomicU32::new(0);
/// Whether the process is about to stop, or is stopped.
static STOPPING: AtomicBool = AtomicBool::new(false);

/// How long the first wait is before an interrupted call is interrupted again, and the longest.
const INTERRUPT_AGAIN: (Duration, Duration) =
    (Duration::from_millis(1), Duration::from_millis(250));
/// How often a call is interrupted before its server is given up.
const INTERRUPTS: usize = 240;

/// Makes a call that may block and that a signal ends with `EINTR`. A call that was broken off for
/// another reason, such as a stop of the process, is made again.
pub(super) fn interruptible<T>(
    port: &SendRight,
    mut call: impl FnMut() -> machuser::Result<T>,
) -> Result<T> {
    loop {
        let arrivals = ARRIVALS.load(Ordering::SeqCst);
        CALLS.fetch_add(1, Ordering::Relaxed);
        CALLED.store(port.as_name(), Ordering::SeqCst);
        if STOPPING.load(Ordering::SeqCst) {
            // Who stops the process may not have seen that this thread was about to call.
            CALLED.store(0, Ordering::SeqCst);
            wait_while_stopping();
            continue;
        }
        let result = call();
        CALLED.store(0, Ordering::SeqCst);
        match result.map_err(errno) {
            Err(Errno::EINTR) if ARRIVALS.load(Ordering::SeqCst) == arrivals => {}
            result => return result,
        }
    }
}

/// Keeps everybody out.
pub(super) fn hold() -> impl Sized {
    STATE.lock()
}

/// Forgets what arrived at the process that this one is a copy of.
pub(super) fn forget() {
    for arrived in &ARRIVED {
        arrived.store(false, Ordering::Release);
    }
    STOPPING.store(false, Ordering::SeqCst);
}

fn wait_while_stopping() {
    let mut state = STATE.lock();
    while STOPPING.load(Ordering::SeqCst) {
        state = ARRIVAL.wait(state);
    }
}

/// How many signals have been delivered, whatever they did.
pub(super) fn deliveries() -> u64 {
    with(|state| state.deliveries)
}

/// Waits until more signals have been delivered than that.
pub(super) fn wait_for_delivery(before: u64) {
    let mut state = STATE.lock();
    while state.deliveries == before {
        state = ARRIVAL.wait(state);
    }
}

/// Has the server of the call that the program's thread waits in end it.
///
/// The thread may not have reached the server yet, so this is repeated until the call is over.
fn interrupt_call() {
    let call = CALLS.load(Ordering::SeqCst);
    let mut wait = INTERRUPT_AGAIN.0;
    for _ in 0..INTERRUPTS {
        let port = CALLED.load(Ordering::SeqCst);
        if port == 0 || CALLS.load(Ordering::SeqCst) != call {
            return;
        }
        let destination = Right::copy_named(port);
        // A full queue is no loss: the interrupt is repeated.
        let _ =
            interrupt::send_interrupt_operation(destination, Right::null(), Some(Duration::ZERO));
        thread::sleep(wait);
        wait = (wait * 2).min(INTERRUPT_AGAIN.1);
    }
}

fn with<T>(f: impl FnOnce(&mut State) -> T) -> T {
    let mut state = STATE.lock();
    if !state.started {
        state.started = true;
        let ignored = env::int(init_int::SIGIGN) as u32;
        for signal in Signal::ALL {
            if ignored & bit(*signal) != 0 {
                state.dispositions[usize::from(signal.0)] = Disposition::Ignore;
            }
        }
    }
    f(&mut state)
}

const fn bit(signal: Signal) -> u32 {
    1 << (signal.0 - 1)
}

/// The signals that are ignored, for a new program and for the proc server.
pub(super) fn ignored_mask() -> u32 {
    with(|state| {
        let ignores =
            |s: &&Signal| matches!(state.dispositions[usize::from(s.0)], Disposition::Ignore);
        Signal::ALL
            .iter()
            .filter(ignores)
            .fold(0, |mask, signal| mask | bit(*signal))
    })
}

/// The mask with one signal more or less.
pub(super) fn with_signal(mask: u32, signal: Signal, ignored: bool) -> u32 {
    if ignored {
        mask | bit(signal)
    } else {
        mask & !bit(signal)
    }
}

pub(crate) fn signal_set(signal: Signal, disposition: Disposition) -> Result<()> {
    if signal.name().is_none() || matches!(signal, Signal::KILL | Signal::STOP) {
        return Err(Errno::EINVAL);
    }
    let handled = matches!(disposition, Disposition::Note | Disposition::Call(_));
    // A broken pipe is the process's own finding: it needs no messages.
    if handled && signal != Signal::PIPE {
        messages::start()?;
    }
    let before = ignored_mask();
    with(|state| state.dispositions[usize::from(signal.0)] = disposition);
    let after = ignored_mask();
    if before != after && !messages::started() {
        let proc = initial(init_port::PROC)?;
        process::proc_set_ignored(&*proc, after.into()).map_err(errno)?;
    }
    Ok(())
}

pub(crate) fn signal_is_ignored(signal: Signal) -> bool {
    signal.name().is_some() && ignored_mask() & bit(signal) != 0
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
    let mut state = STATE.lock();
    while !arrived() {
        state = ARRIVAL.wait(state);
    }
}

pub(crate) fn sleep(duration: Duration) -> Result<()> {
    let end = super::monotonic().saturating_add(duration);
    let mut state = STATE.lock();
    let arrivals = ARRIVALS.load(Ordering::SeqCst);
    loop {
        let left = end.saturating_sub(super::monotonic());
        if left.is_zero() {
            return Ok(());
        }
        (state, _) = ARRIVAL.wait_timeout(state, left);
        if ARRIVALS.load(Ordering::SeqCst) != arrivals {
            return Err(Errno::EINTR);
        }
    }
}

/// Does to this process what a signal does.
pub(super) fn deliver(signal: Signal) {
    if signal.name().is_none() {
        return;
    }
    let disposition = with(|state| state.dispositions[usize::from(signal.0)]);
    match disposition {
        Disposition::Ignore => {}
        Disposition::Default => default_action(signal),
        Disposition::Note => note(signal),
        Disposition::Call(handler) => {
            ARRIVED[usize::from(signal.0)].store(true, Ordering::Release);
            handler(signal);
            note(signal);
        }
    }
    with(|state| state.deliveries += 1);
    ARRIVAL.notify_all();
}

fn note(signal: Signal) {
    ARRIVED[usize::from(signal.0)].store(true, Ordering::Release);
    with(|_| ARRIVALS.fetch_add(1, Ordering::SeqCst));
    ARRIVAL.notify_all();
    interrupt_call();
}

fn default_action(signal: Signal) {
    match signal.default_action() {
        DefaultAction::Ignore | DefaultAction::Continue => {}
        DefaultAction::Terminate | DefaultAction::Core => {
            super::processes::end(Status::Signaled(signal));
        }
        DefaultAction::Stop => stop(signal),
    }
}

/// Stops the process; returns when it is continued.
fn stop(signal: Signal) {
    // A server that answered a stopped process would answer nobody: what it gave would be lost.
    STOPPING.store(true, Ordering::SeqCst);
    interrupt_call();
    // A process without a server cannot stop.
    if let Ok(proc) = initial(init_port::PROC) {
        let _ = process::proc_mark_stop(&*proc, i32::from(signal.0), 0);
    }
    with(|_| STOPPING.store(false, Ordering::SeqCst));
    ARRIVAL.notify_all();
}

/// A write to a pipe that nobody reads: does what SIGPIPE does.
pub(super) fn broken_pipe() {
    let disposition = with(|state| state.dispositions[usize::from(Signal::PIPE.0)]);
    match disposition {
        Disposition::Default => super::processes::end(Status::Signaled(Signal::PIPE)),
        Disposition::Ignore => {}
        Disposition::Note => ARRIVED[usize::from(Signal::PIPE.0)].store(true, Ordering::Release),
        Disposition::Call(handler) => handler(Signal::PIPE),
    }
}

pub(crate) fn kill(pid: Pid, signal: Signal) -> Result<()> {
    if pid == super::getpid() && signal.0 != 0 && messages::started() {
        // Delivered before this returns, as POSIX asks for.
        if !matches!(signal, Signal::KILL | Signal::STOP | Signal::CONT) {
            deliver(signal);
            return Ok(());
        }
    }
    let proc = initial(init_port::PROC)?;
    process::proc_signal(&*proc, pid, i32::from(signal.0)).map_err(errno)
}
