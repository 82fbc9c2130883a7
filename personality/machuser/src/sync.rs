//! Locks for programs with several threads, in the shape of `std::sync`, without poisoning.
//!
//! Uncontended, a lock is one atomic operation; a waiter sleeps in `gsync_wait`.

use crate::sys::{self, Wait};
use crate::wire::REGISTER_WORDS;
use crate::{Error, Name, Result};
use core::cell::UnsafeCell;
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;

/// A lock around a value.
#[derive(Default)]
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    value: UnsafeCell<T>,
}

// SAFETY: the lock gives the value to one thread at a time.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above; a shared reference only allows locking.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

/// Runs `f`, which makes calls, without loss of the words of a message that lies in the thread's
/// buffer: for calls that nobody sees, of a lock that somebody else holds, or of a heap that grows.
#[cold]
pub fn preserving_buffer<T>(f: impl FnOnce() -> T) -> T {
    let mut words = [0; REGISTER_WORDS - 4];
    sys::buffer_read(4, &mut words);
    let result = f();
    sys::buffer_write(4, &words);
    result
}

/// 0 free, 1 held, 2 held and somebody waits.
#[derive(Default)]
pub(crate) struct RawMutex(AtomicU32);

impl RawMutex {
    /// A free lock.
    #[cfg_attr(not(target_os = "none"), expect(dead_code))]
    pub(crate) const fn new() -> RawMutex {
        RawMutex(AtomicU32::new(0))
    }
}

impl RawMutex {
    #[inline]
    pub(crate) fn lock(&self) {
        if self
            .0
            .compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            self.lock_slowly();
        }
    }

    #[cold]
    fn lock_slowly(&self) {
        while self.0.swap(2, Ordering::Acquire) != 0 {
            preserving_buffer(|| sys::gsync_wait(&self.0, 2, None));
        }
    }

    #[inline]
    pub(crate) fn try_lock(&self) -> bool {
        self.0
            .compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    #[inline]
    pub(crate) fn unlock(&self) {
        // The address may be another owner's after the swap; a wake without a sleeper is harmless.
        let address = &raw const self.0;
        if self.0.swap(0, Ordering::Release) == 2 {
            preserving_buffer(|| sys::gsync_wake(address, false));
        }
    }
}

impl<T> Mutex<T> {
    /// A free lock.
    pub const fn new(value: T) -> Mutex<T> {
        Mutex {
            raw: RawMutex(AtomicU32::new(0)),
            value: UnsafeCell::new(value),
        }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the lock. A thread that holds it already waits for ever.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.raw.lock();
        MutexGuard { mutex: self }
    }

    /// The lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        if self.raw.try_lock() {
            Some(MutexGuard { mutex: self })
        } else {
            None
        }
    }

    /// The value, of which nobody else can have a reference.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(guard) => f.debug_tuple("Mutex").field(&&*guard).finish(),
            None => f.write_str("Mutex(<locked>)"),
        }
    }
}

/// Possession of a [`Mutex`].
#[must_use]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard's existence means that this thread holds the lock.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.raw.unlock();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Whether a wait ended by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was up.
    pub fn timed_out(self) -> bool {
        self.0
    }
}

/// Waiting for a condition. As elsewhere, a wait may end without reason.
#[derive(Default, Debug)]
pub struct Condvar {
    sequence: AtomicU32,
    waiters: AtomicU32,
}

impl Condvar {
    /// Nobody waits.
    pub const fn new() -> Condvar {
        Condvar {
            sequence: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
        }
    }

    fn wait_raw(&self, mutex: &RawMutex, timeout: Option<Duration>) -> Wait {
        self.waiters.fetch_add(1, Ordering::SeqCst);
        let sequence = self.sequence.load(Ordering::SeqCst);
        mutex.unlock();
        let result = sys::gsync_wait(&self.sequence, sequence, timeout);
        self.waiters.fetch_sub(1, Ordering::SeqCst);
        mutex.lock();
        result
    }

    /// Gives the lock up, waits, takes the lock again.
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.wait_raw(&guard.mutex.raw, None);
        guard
    }

    /// As [`Condvar::wait`], for at most `timeout`.
    pub fn wait_timeout<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        let result = self.wait_raw(&guard.mutex.raw, Some(timeout));
        (guard, WaitTimeoutResult(result == Wait::TimedOut))
    }

    /// Waits until `condition` is false.
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        while condition(&mut guard) {
            guard = self.wait(guard);
        }
        guard
    }

    /// As [`Condvar::wait`], but fails with `EINTR`, without the lock, when the request that
    /// `cancel` belongs to is cancelled before or meanwhile, and with `KERN_RESOURCE_SHORTAGE` when
    /// it is served by a server's last free thread.
    pub fn wait_cancellable<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        cancel: impl Cancellable,
    ) -> Result<MutexGuard<'a, T>> {
        self.cancellable(guard, None, cancel)
            .map(|(guard, _)| guard)
    }

    /// As [`Condvar::wait_cancellable`], for at most `timeout`.
    pub fn wait_timeout_cancellable<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
        cancel: impl Cancellable,
    ) -> Result<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        self.cancellable(guard, Some(timeout), cancel)
    }

    fn cancellable<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Option<Duration>,
        cancel: impl Cancellable,
    ) -> Result<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let Some(cancel) = cancel.cancel() else {
            let result = self.wait_raw(&guard.mutex.raw, timeout);
            return Ok((guard, WaitTimeoutResult(result == Wait::TimedOut)));
        };
        if cancel.must_not_wait.load(Ordering::Relaxed) {
            return Err(Error::KERN_RESOURCE_SHORTAGE);
        }
        // From here on a canceller advances the sequence, so that the wait below cannot miss it.
        *cancel.waiting.lock() = Some(Sleeper(self));
        if cancel.is_cancelled() {
            *cancel.waiting.lock() = None;
            return Err(Error::EINTR);
        }
        let result = self.wait_raw(&guard.mutex.raw, timeout);
        *cancel.waiting.lock() = None;
        if cancel.is_cancelled() {
            return Err(Error::EINTR);
        }
        Ok((guard, WaitTimeoutResult(result == Wait::TimedOut)))
    }

    fn notify(&self, all: bool) {
        if self.waiters.load(Ordering::SeqCst) != 0 {
            self.sequence.fetch_add(1, Ordering::SeqCst);
            sys::gsync_wake(&self.sequence, all);
        }
    }

    /// Wakes one waiter.
    pub fn notify_one(&self) {
        self.notify(false);
    }

    /// Wakes all waiters.
    pub fn notify_all(&self) {
        self.notify(true);
    }
}

/// The condition variable that a request sleeps at.
struct Sleeper(*const Condvar);

// SAFETY: it is used only under the lock around it, and the sleeping thread, which keeps the
// condition variable alive, empties the place under that lock before it goes on.
unsafe impl Send for Sleeper {}

/// Lets one thread break off what another is doing for a request.
///
/// A server thread has one, and marks with [`Cancel::begin`] and [`Cancel::end`] which port's
/// request it serves.
#[derive(Default)]
#[repr(C)]
pub struct Cancel {
    /// The port whose request is being served in the lower half, what others did to the request
    /// above.
    current: AtomicU64,
    must_not_wait: AtomicBool,
    waiting: Mutex<Option<Sleeper>>,
}

/// The request has been cancelled.
const CANCELLED: u64 = 1 << 32;
/// There is something to do when the request is over.
const MARKED: u64 = 1 << 63;

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cancel(port {:#x})", self.port())
    }
}

impl Cancel {
    /// Serves nothing.
    pub const fn new() -> Cancel {
        Cancel {
            current: AtomicU64::new(0),
            must_not_wait: AtomicBool::new(false),
            waiting: Mutex::new(None),
        }
    }

    /// Whether cancellable waits fail at once with `KERN_RESOURCE_SHORTAGE`: for the last thread of
    /// a server whose others all wait.
    #[inline]
    pub fn set_must_not_wait(&self, must_not: bool) {
        self.must_not_wait.store(must_not, Ordering::Relaxed);
    }

    /// A request that came to `port` begins.
    #[inline(always)]
    pub fn begin(&self, port: Name) {
        self.current.store(port.into(), Ordering::SeqCst);
    }

    /// The request is over. Answers whether somebody marked it.
    #[inline(always)]
    pub fn end(&self) -> bool {
        self.turn_to(0)
    }

    /// The same, and another one begins.
    #[inline(always)]
    pub(crate) fn turn_to(&self, port: Name) -> bool {
        self.current.swap(port.into(), Ordering::SeqCst) & MARKED != 0
    }

    /// The port whose request is being served, or 0.
    #[inline(always)]
    pub fn port(&self) -> Name {
        self.current.load(Ordering::SeqCst) as Name
    }

    /// Whether the request that is being served has been cancelled.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.current.load(Ordering::SeqCst) & CANCELLED != 0
    }

    /// Does something to the request in progress, if there is one and `condition` holds for its
    /// port. Answers whether it was done.
    fn set(&self, what: u64, condition: impl Fn(Name) -> bool) -> bool {
        let mut current = self.current.load(Ordering::SeqCst);
        while current as Name != 0 && condition(current as Name) {
            let set = current | what;
            let (success, failure) = (Ordering::SeqCst, Ordering::SeqCst);
            match self.current.compare_exchange_weak(current, set, success, failure) {
                Ok(_) => return true,
                Err(now) => current = now,
            }
        }
        false
    }

    /// Lets whoever serves the request know at its end that there is something to do, if
    /// `condition` holds for the request's port. Answers whether there was such a request.
    pub fn mark(&self, condition: impl Fn(Name) -> bool) -> bool {
        self.set(MARKED, condition)
    }

    /// Cancels the request being served if it came to `port` (to any port if that is `None`), and
    /// wakes its thread if it sleeps at a condition variable. Answers whether there was one.
    pub fn cancel(&self, port: Option<Name>) -> bool {
        if !self.set(CANCELLED, |at| port.is_none_or(|port| port == at)) {
            return false;
        }
        let waiting = self.waiting.lock();
        if self.is_cancelled()
            && let Some(sleeper) = &*waiting
        {
            // SAFETY: the sleeper empties this place, under the lock that is held here, before it
            // leaves the wait, during which it keeps the condition variable alive.
            let condvar = unsafe { &*sleeper.0 };
            condvar.sequence.fetch_add(1, Ordering::SeqCst);
            sys::gsync_wake(&condvar.sequence, true);
        }
        true
    }
}

/// What may carry a [`Cancel`]: a request's context, or a `Cancel` itself.
pub trait Cancellable {
    /// The cancel state, if requests of this kind can be cancelled.
    fn cancel(&self) -> Option<&Cancel>;
}

impl Cancellable for Cancel {
    fn cancel(&self) -> Option<&Cancel> {
        Some(self)
    }
}

impl<C: Cancellable + ?Sized> Cancellable for &C {
    fn cancel(&self) -> Option<&Cancel> {
        (**self).cancel()
    }
}

/// A lock that many readers or one writer hold. A waiting writer holds new readers back.
#[derive(Default)]
pub struct RwLock<T: ?Sized> {
    /// Number of readers, or `WRITER`.
    state: AtomicU32,
    waiters: AtomicU32,
    waiting_writers: AtomicU32,
    sequence: AtomicU32,
    value: UnsafeCell<T>,
}

const WRITER: u32 = u32::MAX;

// SAFETY: the lock gives the value to one writer or to several readers.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: as above; readers on several threads share the value, hence `T: Sync`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    /// A free lock.
    pub const fn new(value: T) -> RwLock<T> {
        RwLock {
            state: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
            waiting_writers: AtomicU32::new(0),
            sequence: AtomicU32::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    #[inline]
    fn take_read(&self) -> bool {
        let mut state = self.state.load(Ordering::SeqCst);
        while state < WRITER - 1 && self.waiting_writers.load(Ordering::SeqCst) == 0 {
            match self.state.compare_exchange_weak(
                state,
                state + 1,
                Ordering::SeqCst,
                Ordering::SeqCst,
            ) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    fn take_write(&self) -> bool {
        self.state
            .compare_exchange(0, WRITER, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    #[cold]
    fn sleep_until(&self, take: impl Fn() -> bool) {
        self.waiters.fetch_add(1, Ordering::SeqCst);
        loop {
            let sequence = self.sequence.load(Ordering::SeqCst);
            if take() {
                break;
            }
            preserving_buffer(|| sys::gsync_wait(&self.sequence, sequence, None));
        }
        self.waiters.fetch_sub(1, Ordering::SeqCst);
    }

    fn wake(&self) {
        if self.waiters.load(Ordering::SeqCst) != 0 {
            self.sequence.fetch_add(1, Ordering::SeqCst);
            preserving_buffer(|| sys::gsync_wake(&self.sequence, true));
        }
    }

    /// Waits until no writer holds the lock or waits for it.
    #[inline]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        if !self.take_read() {
            self.sleep_until(|| self.take_read());
        }
        RwLockReadGuard { lock: self }
    }

    /// Waits until nobody holds the lock.
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        if !self.take_write() {
            self.waiting_writers.fetch_add(1, Ordering::SeqCst);
            self.sleep_until(|| self.take_write());
            self.waiting_writers.fetch_sub(1, Ordering::SeqCst);
        }
        RwLockWriteGuard { lock: self }
    }

    /// The value, of which nobody else can have a reference.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RwLock").field(&&*self.read()).finish()
    }
}

/// Shared possession of a [`RwLock`].
#[must_use]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
}

/// Sole possession of a [`RwLock`].
#[must_use]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: readers hold the lock, so nobody has a mutable reference.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this thread alone holds the lock.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this thread alone holds the lock.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.lock.state.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.lock.wake();
        }
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.state.store(0, Ordering::SeqCst);
        self.lock.wake();
    }
}

/// Runs something once.
#[derive(Default, Debug)]
pub struct Once(OnceLock<()>);

impl Once {
    /// Nothing has run.
    pub const fn new() -> Once {
        Once(OnceLock::new())
    }

    /// Runs `f` unless it has run; returns when it has.
    pub fn call_once(&self, f: impl FnOnce()) {
        self.0.get_or_init(f);
    }

    /// Whether it has run.
    pub fn is_completed(&self) -> bool {
        self.0.get().is_some()
    }
}

/// A value that is set once.
pub struct OnceLock<T> {
    /// 0 empty, 1 empty and somebody waits, 2 filled.
    state: AtomicU32,
    filling: Mutex<()>,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: the value moves in from one thread and out to another.
unsafe impl<T: Send> Send for OnceLock<T> {}
// SAFETY: once filled it is only read; it is filled under a lock.
unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> OnceLock<T> {
    /// Empty.
    pub const fn new() -> OnceLock<T> {
        OnceLock {
            state: AtomicU32::new(0),
            filling: Mutex::new(()),
            value: UnsafeCell::new(None),
        }
    }

    /// The value, if it is set.
    pub fn get(&self) -> Option<&T> {
        if self.state.load(Ordering::Acquire) == 2 {
            // SAFETY: in state 2 the value is never written again.
            unsafe { (*self.value.get()).as_ref() }
        } else {
            None
        }
    }

    /// The value; sets it with `f` if it is not set.
    pub fn get_or_init(&self, f: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let guard = self.filling.lock();
        if self.state.load(Ordering::Acquire) != 2 {
            let value = f();
            // SAFETY: the lock is held and nobody reads before state 2.
            unsafe { *self.value.get() = Some(value) };
            if self.state.swap(2, Ordering::AcqRel) == 1 {
                sys::gsync_wake(&self.state, true);
            }
        }
        drop(guard);
        self.get().expect("just set")
    }

    /// The value; waits until it is set.
    pub fn wait(&self) -> &T {
        loop {
            if let Some(value) = self.get() {
                return value;
            }
            let old = self
                .state
                .compare_exchange(0, 1, Ordering::AcqRel, Ordering::Acquire);
            if old != Err(2) {
                sys::gsync_wait(&self.state, 1, None);
            }
        }
    }

    /// Sets the value; gives it back if there is one already.
    pub fn set(&self, value: T) -> core::result::Result<(), T> {
        let mut value = Some(value);
        self.get_or_init(|| value.take().expect("taken once"));
        value.map_or(Ok(()), Err)
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnceLock").field(&self.get()).finish()
    }
}
