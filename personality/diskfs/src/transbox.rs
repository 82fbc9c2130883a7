//! The translator of one node: whether it runs, starts, or is only recorded.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

use machuser::sync::{Condvar, Mutex};
use machuser::{Call, Error, Result, SendRight};

/// How often one look-up starts a translator that dies before it answers.
pub(crate) const TRIES: usize = 3;

#[derive(Default)]
enum State {
    /// Nothing runs.
    #[default]
    Idle,
    /// Somebody starts it.
    Starting,
    /// Its control port.
    Active(Arc<SendRight>),
}

/// The translator of one node.
#[derive(Default)]
pub(crate) struct Transbox {
    state: Mutex<State>,
    changed: Condvar,
    active: AtomicBool,
}

/// Marks the box as starting, until the start has succeeded or not.
pub(crate) struct Starting<'b>(&'b Transbox);

impl Starting<'_> {
    /// It runs.
    pub(crate) fn started(self, control: Arc<SendRight>) {
        self.0.set(State::Active(control));
        core::mem::forget(self);
    }
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.0.set(State::Idle);
    }
}

/// What [`Transbox::enter`] found.
pub(crate) enum Entered<'b> {
    /// It runs.
    Active(Arc<SendRight>),
    /// It does not; the caller starts it, or drops this.
    Idle(Starting<'b>),
}

impl Transbox {
    /// Whether a translator runs or is being started.
    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    fn set(&self, state: State) {
        let mut guard = self.state.lock();
        self.active.store(!matches!(state, State::Idle), Ordering::Relaxed);
        let old = core::mem::replace(&mut *guard, state);
        drop(guard);
        self.changed.notify_all();
        drop(old);
    }

    /// The control port if it runs; waits while it is being started. `EINTR`.
    pub(crate) fn enter(&self, call: &Call<'_>) -> Result<Entered<'_>> {
        let mut state = self.state.lock();
        loop {
            match &*state {
                State::Active(control) => return Ok(Entered::Active(control.clone())),
                State::Idle => {
                    *state = State::Starting;
                    self.active.store(true, Ordering::Relaxed);
                    return Ok(Entered::Idle(Starting(self)));
                }
                State::Starting => state = self.changed.wait_cancellable(state, *call)?,
            }
        }
    }

    /// The control port if it runs.
    pub(crate) fn control(&self) -> Option<Arc<SendRight>> {
        match &*self.state.lock() {
            State::Active(control) => Some(control.clone()),
            _ => None,
        }
    }

    /// That control port's server has died.
    pub(crate) fn died(&self, control: &SendRight) {
        let mut state = self.state.lock();
        let same = matches!(&*state, State::Active(own) if own.as_raw() == control.as_raw());
        if same {
            self.active.store(false, Ordering::Relaxed);
            let old = core::mem::take(&mut *state);
            drop(state);
            drop(old);
        }
    }

    /// Makes this the translator, or none. `EBUSY` while one is being started, and with
    /// `exclusive` if one runs.
    pub(crate) fn replace(&self, control: Option<Arc<SendRight>>, exclusive: bool) -> Result<()> {
        let mut state = self.state.lock();
        match &*state {
            State::Starting => return Err(Error::EBUSY),
            State::Active(_) if exclusive => return Err(Error::EBUSY),
            _ => {}
        }
        self.active.store(control.is_some(), Ordering::Relaxed);
        let new = control.map_or(State::Idle, State::Active);
        let old = core::mem::replace(&mut *state, new);
        drop(state);
        drop(old);
        Ok(())
    }
}
