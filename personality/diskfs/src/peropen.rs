//! Open files: what one `dir_lookup` makes, and the users that share it.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

use interface::fs::{HONORED_STATE_MODES, O_EXEC, O_READ, O_WRITE};
use iohelp::User;
use machuser::sync::{Mutex, OnceLock};
use machuser::{Error, Result, SendRight};

use ports::client_of;

use crate::entries::Places;
use crate::server::Shared;
use crate::volume::FileSystem;

/// The modes that are kept of an open's flags.
const KEPT: i32 = HONORED_STATE_MODES | O_READ | O_WRITE | O_EXEC;

/// Where a node was reached from: what `..` means at the top. All that is looked up from one
/// `fsys_getroot` or `file_reparent` shares one.
pub(crate) struct Origin<F: FileSystem> {
    /// The directory that the root's `..` leads to, unauthenticated; `None` for the root of all.
    pub(crate) dotdot: Option<SendRight>,
    /// The node at which `..` ends, if that is not the file system's root, and where it leads.
    pub(crate) shadow: Option<(Arc<F::Node>, Option<SendRight>)>,
}

/// An open file: a node, modes, a file pointer.
pub(crate) struct Peropen<F: FileSystem> {
    pub(crate) node: Arc<F::Node>,
    pub(crate) origin: Arc<Origin<F>>,
    modes: AtomicI32,
    pub(crate) pointer: Mutex<u64>,
    pub(crate) places: Mutex<Places>,
    /// Number as an owner of locks; 0 until it needs one.
    lock_owner: AtomicU64,
    shared: Arc<Shared<F>>,
}

impl<F: FileSystem> Peropen<F> {
    pub(crate) fn new(
        shared: &Arc<Shared<F>>,
        node: Arc<F::Node>,
        origin: Arc<Origin<F>>,
        flags: i32,
    ) -> Peropen<F> {
        Peropen {
            node,
            origin,
            modes: AtomicI32::new(flags & KEPT),
            pointer: Mutex::new(0),
            places: Mutex::default(),
            lock_owner: AtomicU64::new(0),
            shared: shared.clone(),
        }
    }

    #[inline]
    pub(crate) fn modes(&self) -> i32 {
        self.modes.load(Ordering::Relaxed)
    }

    pub(crate) fn change_modes(&self, set: i32, clear: i32) {
        let set = set & HONORED_STATE_MODES;
        let clear = clear & HONORED_STATE_MODES;
        let change = |modes: i32| Some(modes & !clear | set);
        // The closure never refuses.
        let _ = self
            .modes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
    }

    /// Fails with `EBADF` unless it is open for this ([`O_READ`], [`O_WRITE`], [`O_EXEC`]).
    #[inline]
    pub(crate) fn require(&self, mode: i32) -> Result<()> {
        if self.modes() & mode != 0 {
            Ok(())
        } else {
            Err(Error::EBADF)
        }
    }

    /// The number under which it owns locks.
    pub(crate) fn lock_owner(&self) -> u64 {
        let owner = self.lock_owner.load(Ordering::Relaxed);
        if owner != 0 {
            return owner;
        }
        let fresh = self.shared.next_lock_owner();
        match self
            .lock_owner
            .compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed)
        {
            Ok(_) => fresh,
            Err(other) => other,
        }
    }
}

impl<F: FileSystem> Drop for Peropen<F> {
    fn drop(&mut self) {
        let owner = *self.lock_owner.get_mut();
        if owner != 0
            && let Some(rare) = self.shared.volume.attached(&self.node).used()
            && rare.locks.lock().release_all(owner)
        {
            rare.unlocked.notify_all();
        }
    }
}

/// A port to an open file: the open file, and the ids that the holder of the port has shown.
pub(crate) struct Protid<F: FileSystem> {
    pub(crate) peropen: Arc<Peropen<F>>,
    user: OnceLock<Arc<User>>,
    pub(crate) shared: Arc<Shared<F>>,
    /// Whether the end of the port is told at once.
    pub(crate) watched: AtomicBool,
}

impl<F: FileSystem> Protid<F> {
    pub(crate) fn new(
        shared: &Arc<Shared<F>>,
        peropen: Arc<Peropen<F>>,
        user: Arc<User>,
    ) -> Protid<F> {
        let protid = Protid::unauthenticated(shared, peropen);
        protid.authenticate(|| user);
        protid
    }

    /// A port of which it is not known yet whose it is: [`Protid::authenticate`] must follow.
    pub(crate) fn unauthenticated(shared: &Arc<Shared<F>>, peropen: Arc<Peropen<F>>) -> Protid<F> {
        Protid {
            peropen,
            user: OnceLock::new(),
            shared: shared.clone(),
            watched: AtomicBool::new(false),
        }
    }

    /// Sets whose port it is. Requests that come while `who` finds out wait for it.
    pub(crate) fn authenticate(&self, who: impl FnOnce() -> Arc<User>) {
        self.user.get_or_init(who);
    }

    /// Whose port it is.
    #[inline]
    pub(crate) fn user(&self) -> &Arc<User> {
        // Nobody has a right to the port before `authenticate` has begun.
        self.user.get_or_init(|| Arc::new(User::nobody()))
    }

    /// Whose requests come to the port.
    pub(crate) fn client(&self) -> u64 {
        client_of(self.user.get().map_or(&[], |user| user.uids()))
    }

    #[inline]
    pub(crate) fn node(&self) -> &Arc<F::Node> {
        &self.peropen.node
    }

    #[inline]
    pub(crate) fn volume(&self) -> &F {
        &self.shared.volume
    }
}
