//! The translator of one node: whether it runs, starts, or is only recorded.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use interface::fsys;
use machuser::sync::{Condvar, Mutex};
use machuser::{Call, Error, Result, Right, SendRight};

/// How often one look-up starts a translator that dies before it answers.
const TRIES: usize = 3;

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
pub struct TransBox {
    state: Mutex<State>,
    changed: Condvar,
    active: AtomicBool,
}

/// Marks the box as starting, until the start has succeeded or not.
#[must_use]
pub struct Starting<'b>(&'b TransBox);

impl Starting<'_> {
    /// It runs.
    pub fn started(self, control: Arc<SendRight>) {
        self.0.set(State::Active(control));
        core::mem::forget(self);
    }
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.0.set(State::Idle);
    }
}

/// What [`TransBox::enter`] found.
pub enum Entered<'b> {
    /// It runs.
    Active(Arc<SendRight>),
    /// It does not; the caller starts it, or drops this.
    Idle(Starting<'b>),
}

/// What a file server answers to `dir_lookup`, and a translator to `fsys_getroot`.
pub type Root = (u32, Vec<u8>, Right<'static>);

impl TransBox {
    /// No translator.
    pub const fn new() -> TransBox {
        TransBox {
            state: Mutex::new(State::Idle),
            changed: Condvar::new(),
            active: AtomicBool::new(false),
        }
    }

    /// Whether a translator runs or is being started.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    fn set(&self, state: State) {
        let mut guard = self.state.lock();
        self.active
            .store(!matches!(state, State::Idle), Ordering::Relaxed);
        let old = core::mem::replace(&mut *guard, state);
        drop(guard);
        self.changed.notify_all();
        drop(old);
    }

    /// The control port if it runs; waits while it is being started. `EINTR`.
    pub fn enter(&self, call: &Call<'_>) -> Result<Entered<'_>> {
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
    pub fn control(&self) -> Option<Arc<SendRight>> {
        match &*self.state.lock() {
            State::Active(control) => Some(control.clone()),
            _ => None,
        }
    }

    /// That control port's server has died. Answers whether it was the one in the box.
    pub fn died(&self, control: &SendRight) -> bool {
        let mut state = self.state.lock();
        let same = matches!(&*state, State::Active(own) if own.as_raw() == control.as_raw());
        if same {
            self.active.store(false, Ordering::Relaxed);
            let old = core::mem::take(&mut *state);
            drop(state);
            drop(old);
        }
        same
    }

    /// Makes this the translator, or none. `EBUSY` while one is being started, and with
    /// `exclusive` if one runs.
    pub fn replace(&self, control: Option<Arc<SendRight>>, exclusive: bool) -> Result<()> {
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

    /// Asks the translator for its root, for a user of these ids. One that does not run is started
    /// by `start`, without a lock being held, which answers `None` if there is nothing to start;
    /// then so does this. A translator that has died is started again.
    ///
    /// `dotdot` makes a right of the directory that the node is in, without any ids.
    ///
    /// # Errors
    /// `EINTR`; `EDIED` if it keeps dying; what `start`, `dotdot` and `fsys_getroot` answer.
    pub fn fetch_root(
        &self,
        call: &Call<'_>,
        uids: &[u32],
        gids: &[u32],
        flags: i32,
        dotdot: &dyn Fn() -> Result<Right<'static>>,
        start: &dyn Fn() -> Result<Option<Arc<SendRight>>>,
    ) -> Result<Option<Root>> {
        for _ in 0..TRIES {
            let control = match self.enter(call)? {
                Entered::Active(control) => control,
                Entered::Idle(starting) => {
                    let Some(control) = start()? else {
                        return Ok(None);
                    };
                    starting.started(control.clone());
                    control
                }
            };
            match fsys::fsys_getroot(&*control, dotdot()?, uids, gids, flags) {
                Ok((retry, name, port)) => return Ok(Some((retry, name, Right::from(port)))),
                Err(error) if error.is_server_died() => {
                    self.died(&control);
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::EDIED)
    }
}
