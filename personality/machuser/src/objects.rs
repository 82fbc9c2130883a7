//! What is behind a program's ports, found by the threads that serve requests without a lock and
//! without a count.
//!
//! A thread has a [`Seat`], in which it shows the port whose request it serves, before it looks
//! into the table. Who takes a value out of the table looks at all seats afterwards: a thread that
//! may have found the value is given a count of it, and lets go of that when its request is over.
//! All accesses that this rests on are sequentially consistent, so one of the two sees the other.

use crate::sync::{Cancel, Mutex};
use crate::{DEAD, NULL, Name};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering};

/// Bits of a name that are its index.
const INDEX: Name = 0xf_ffff;
/// Slots of the first array.
const FIRST_SLOTS: usize = 16;

#[inline(always)]
fn index(name: Name) -> usize {
    (name & INDEX) as usize
}

/// What is behind a port.
pub trait Named: Send + Sync {
    /// The port's name, always the same.
    fn name(&self) -> Name;
}

/// A value in each slot, or null.
type Slots<T> = Box<[AtomicPtr<T>]>;

/// An [`Arc`] whose value is at hand without a computation.
pub struct Direct<T: ?Sized> {
    value: NonNull<T>,
    owner: Arc<T>,
}

// SAFETY: it is an `Arc`, and a pointer to its value that only gives shared references.
unsafe impl<T: ?Sized + Send + Sync> Send for Direct<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for Direct<T> {}

impl<T: ?Sized> Direct<T> {
    /// The `Arc`.
    pub fn owner(this: &Direct<T>) -> &Arc<T> {
        &this.owner
    }
}

impl<T: ?Sized> From<Arc<T>> for Direct<T> {
    fn from(owner: Arc<T>) -> Direct<T> {
        let value = NonNull::from(&*owner);
        Direct { value, owner }
    }
}

impl<T: ?Sized> Deref for Direct<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the value lives as long as its owner, which is kept beside it.
        unsafe { self.value.as_ref() }
    }
}

/// Values by the names of their ports.
#[repr(C)]
pub struct Objects<T: Named> {
    /// The last array; the first, which has no slots, while requests are held.
    slots: AtomicPtr<Slots<T>>,
    inner: Mutex<Inner<T>>,
    values: PhantomData<Arc<T>>,
}

struct Inner<T> {
    /// All arrays since the beginning, each longer than all before it together: a thread may still
    /// look into an old one.
    arrays: Vec<*mut Slots<T>>,
    held: usize,
    places: Vec<Arc<Place<T>>>,
    /// Seats of the pool.
    pool: usize,
    /// From how many of them on each looks at the end of its requests whether it is needed.
    many: usize,
}

// SAFETY: the arrays belong to the table, and what is in them can be used from any thread.
unsafe impl<T: Send + Sync> Send for Inner<T> {}

impl<T> Inner<T> {
    fn slots(&self) -> &Slots<T> {
        let last = self
            .arrays
            .last()
            .copied()
            .expect("the first is always there");
        // SAFETY: arrays are freed with the table only.
        unsafe { &*last }
    }

    fn slot(&self, name: Name) -> Option<&AtomicPtr<T>> {
        self.slots().get(index(name))
    }

    /// Seats of the pool that are free.
    fn free(&self) -> impl Iterator<Item = &Arc<Place<T>>> {
        self.places.iter().filter(|place| place.pool && place.is_free())
    }
}

/// A value in a slot, whose count stays the slot's.
///
/// # Safety
/// The pointer came out of a slot of the last array, and the table is locked as long as the value
/// is used.
unsafe fn in_slot<T>(value: *mut T) -> Option<ManuallyDrop<Arc<T>>> {
    // SAFETY: a slot of the last array holds a pointer that `Arc::into_raw` gave, and its count.
    (!value.is_null()).then(|| ManuallyDrop::new(unsafe { Arc::from_raw(value) }))
}

impl<T: Named> Objects<T> {
    /// Without values.
    pub fn new() -> Objects<T> {
        let none: *mut Slots<T> = Box::into_raw(Box::default());
        Objects {
            slots: AtomicPtr::new(none),
            inner: Mutex::new(Inner {
                arrays: alloc::vec![none],
                held: 0,
                places: Vec::new(),
                pool: 0,
                many: usize::MAX,
            }),
            values: PhantomData,
        }
    }

    /// Puts a value in; answers the one whose index it takes over.
    pub fn insert(&self, value: Arc<T>) -> Option<Arc<T>> {
        let name = value.name();
        let mut inner = self.inner.lock();
        if inner.slot(name).is_none() {
            self.grow(&mut inner, index(name) + 1);
        }
        let slot = inner.slot(name).expect("the array has grown");
        let before = slot.swap(Arc::into_raw(value).cast_mut(), Ordering::SeqCst);
        // SAFETY: the pointer was in a slot, whose count goes with it.
        (!before.is_null()).then(|| unsafe { Self::taken(&inner, name, before) })
    }

    fn grow(&self, inner: &mut Inner<T>, least: usize) {
        let count = least.next_power_of_two().max(FIRST_SLOTS);
        let old = inner.slots().iter();
        let values = old.map(|slot| slot.load(Ordering::SeqCst));
        let values = values.chain(core::iter::repeat(ptr::null_mut()));
        let slots: Slots<T> = values.take(count).map(AtomicPtr::new).collect();
        inner.arrays.push(Box::into_raw(Box::new(slots)));
        self.show(inner);
    }

    /// Shows the threads the array that they are to look into.
    fn show(&self, inner: &Inner<T>) {
        let shown = if inner.held == 0 {
            inner.arrays.last()
        } else {
            inner.arrays.first()
        };
        let shown = shown.copied().expect("the first is always there");
        self.slots.store(shown, Ordering::SeqCst);
    }

    /// Takes the value of a name out, if `condition` holds.
    pub fn remove(&self, name: Name, condition: impl FnOnce(&T) -> bool) -> Option<Arc<T>> {
        let inner = self.inner.lock();
        let slot = inner.slot(name)?;
        let value = slot.load(Ordering::SeqCst);
        // SAFETY: the lock is held.
        unsafe { in_slot(value) }.filter(|value| value.name() == name && condition(value))?;
        slot.store(ptr::null_mut(), Ordering::SeqCst);
        // SAFETY: the pointer was in a slot, whose count goes with it.
        Some(unsafe { Self::taken(&inner, name, value) })
    }

    /// The value that has just been taken out of its slot, when those who may have found it there
    /// have got counts of it.
    ///
    /// # Safety
    /// The slot gave its count up.
    unsafe fn taken(inner: &Inner<T>, name: Name, value: *mut T) -> Arc<T> {
        // SAFETY: the caller's promise; slots hold what `Arc::into_raw` gave.
        let value = unsafe { Arc::from_raw(value) };
        let index = index(name);
        for place in &inner.places {
            place.give(&value, index);
        }
        value
    }

    /// Calls `f` with the value of a name, which stays in the table meanwhile. `f` must not use the
    /// table.
    pub fn with<R>(&self, name: Name, f: impl FnOnce(&Arc<T>) -> R) -> Option<R> {
        let inner = self.inner.lock();
        let value = inner.slot(name)?.load(Ordering::SeqCst);
        // SAFETY: the lock is held.
        let value = unsafe { in_slot(value) }?;
        (value.name() == name).then(|| f(&value))
    }

    /// Calls `f` with each value. It must not use the table.
    pub fn for_each(&self, mut f: impl FnMut(&Arc<T>)) {
        let inner = self.inner.lock();
        for slot in inner.slots() {
            // SAFETY: the lock is held.
            if let Some(value) = unsafe { in_slot(slot.load(Ordering::SeqCst)) } {
                f(&value);
            }
        }
    }

    /// Calls `f` for each thread that serves a request, with the value that it is for, if there is
    /// one. It must not use the table.
    pub fn for_each_request(&self, mut f: impl FnMut(&Cancel, Option<&T>)) {
        let inner = self.inner.lock();
        for place in &inner.places {
            let name = place.cancel.port();
            if name == NULL || name == DEAD {
                continue;
            }
            let value = inner.slot(name).map(|slot| slot.load(Ordering::SeqCst));
            // SAFETY: the lock is held.
            let value = value.and_then(|value| unsafe { in_slot(value) });
            let value = value.as_deref().filter(|value| value.name() == name);
            // What the thread was given is older than what has that name now.
            let kept = place.kept.lock();
            let kept = kept.iter().find(|value| value.name() == name);
            f(&place.cancel, kept.or(value).map(|value| &**value));
        }
    }

    /// From now on, until [`Objects::release`] is called as often, [`Busy::value`] finds nothing.
    pub fn hold(&self) {
        let mut inner = self.inner.lock();
        inner.held += 1;
        self.show(&inner);
    }

    /// Takes one [`Objects::hold`] back.
    pub fn release(&self) {
        let mut inner = self.inner.lock();
        inner.held -= 1;
        self.show(&inner);
    }

    /// While the pool has so many seats or more, requests are [marked](Cancel::mark), so that at their
    /// ends threads look whether they can [leave](Seat::leave_to). Some are not: those of threads that
    /// were there before, and know of a free one.
    pub fn mark_if_many(&self, many: usize) {
        self.inner.lock().many = many;
    }

    /// A seat for a thread. One in the `pool` counts as free while it serves nothing, from now on.
    pub fn seat(self: &Arc<Self>, pool: bool) -> Seat<T> {
        let place = Arc::new(Place {
            cancel: Cancel::new(),
            kept: Mutex::new(Vec::new()),
            pool,
        });
        let mut inner = self.inner.lock();
        inner.places.push(place.clone());
        inner.pool += usize::from(pool);
        drop(inner);
        Seat {
            objects: self.clone().into(),
            free: place.clone().into(),
            place: place.into(),
        }
    }
}

impl<T: Named> Default for Objects<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Named> Drop for Objects<T> {
    fn drop(&mut self) {
        // Nobody can have a seat any more.
        let inner = self.inner.get_mut();
        for slot in inner.slots() {
            let value = slot.swap(ptr::null_mut(), Ordering::SeqCst);
            if !value.is_null() {
                // SAFETY: the slot's count is this one.
                drop(unsafe { Arc::from_raw(value) });
            }
        }
        for array in inner.arrays.drain(..) {
            // SAFETY: it came from `Box::into_raw`, and nobody looks into it any more.
            drop(unsafe { Box::from_raw(array) });
        }
    }
}

impl<T: Named> core::fmt::Debug for Objects<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Objects")
    }
}

/// What others see of a thread.
#[repr(C)]
pub struct Place<T> {
    cancel: Cancel,
    /// What the thread may be using though it is in the table no more.
    kept: Mutex<Vec<Arc<T>>>,
    pool: bool,
}

impl<T> Place<T> {
    /// What they cancel.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Gives the thread a count of a value if it may have found it in the table.
    fn give(&self, value: &Arc<T>, at: usize) {
        let may_use = |name| name != NULL && name != DEAD && index(name) == at;
        if may_use(self.cancel.port()) {
            self.kept.lock().push(value.clone());
            if !self.cancel.mark(may_use) {
                // Its request was over before it could see this.
                self.kept.lock().retain(|kept| !Arc::ptr_eq(kept, value));
            }
        }
    }

    fn is_free(&self) -> bool {
        self.cancel.port() == NULL
    }

    #[cold]
    fn let_go(&self) {
        let kept = core::mem::take(&mut *self.kept.lock());
        drop(kept);
    }
}

/// A thread's place among those that serve requests to the ports of a table.
pub struct Seat<T: Named> {
    objects: Direct<Objects<T>>,
    place: Direct<Place<T>>,
    /// A place of the pool that was free when this thread looked last.
    free: Direct<Place<T>>,
}

impl<T: Named> Seat<T> {
    /// What others see of the thread.
    pub fn place(&self) -> Arc<Place<T>> {
        Direct::owner(&self.place).clone()
    }

    /// A request that came to the port `name` begins.
    #[inline(always)]
    pub fn begin(&mut self, name: Name) -> Busy<'_, T> {
        self.place.cancel.begin(name);
        Busy { seat: self, name }
    }

    /// Gives the seat up if at least so many others of the pool are free.
    pub fn leave_to(self, others: usize) -> Option<Seat<T>> {
        // Nobody counts on it from here on.
        self.place.cancel.begin(DEAD);
        let free = self.objects.inner.lock().free().take(others).count();
        if free == others {
            return None;
        }
        self.place.cancel.begin(NULL);
        Some(self)
    }

    /// Looks for another seat of the pool that is free. One of many does not note it, to come here
    /// with its next request, too.
    #[cold]
    fn is_last(&mut self) -> bool {
        let inner = self.objects.inner.lock();
        let Some(free) = inner.free().next() else {
            return true;
        };
        if inner.pool < inner.many {
            self.free = free.clone().into();
        } else {
            self.place.cancel.mark(|_| true);
        }
        false
    }
}

impl<T: Named> Drop for Seat<T> {
    fn drop(&mut self) {
        // Some may still have the place as one that was free.
        self.place.cancel.begin(DEAD);
        let mut inner = self.objects.inner.lock();
        inner
            .places
            .retain(|place| !Arc::ptr_eq(place, Direct::owner(&self.place)));
        inner.pool -= usize::from(self.place.pool);
        drop(inner);
        self.place.let_go();
    }
}

/// A request in progress.
pub struct Busy<'s, T: Named> {
    seat: &'s mut Seat<T>,
    name: Name,
}

impl<T: Named> Busy<'_, T> {
    /// The value that the request is for. None, too, while requests are held.
    #[inline(always)]
    pub fn value(&self) -> Option<&T> {
        let slots = self.seat.objects.slots.load(Ordering::SeqCst);
        // SAFETY: arrays are freed with the table only.
        let slot = unsafe { &*slots }.get(index(self.name))?;
        // SAFETY: this thread shows the name's index since before it looked into the slot, so it is
        // given a count of the value before whoever takes it out lets go of it, and drops that only
        // when `self` goes.
        let value = unsafe { slot.load(Ordering::SeqCst).as_ref() }?;
        (value.name() == self.name).then_some(value)
    }

    /// The value, also while requests are held.
    pub fn held_value(&self) -> Option<&T> {
        let value = self.seat.objects.with(self.name, Arc::as_ptr)?;
        // SAFETY: as above.
        Some(unsafe { &*value })
    }

    /// Whether no other seat of the pool is free. Of those that become busy at the same time, at
    /// least one is told so.
    #[inline(always)]
    pub fn is_last(&mut self) -> bool {
        !self.seat.free.is_free() && self.seat.is_last()
    }

    /// Stops to be a request, but stays busy.
    pub fn pause(&mut self) {
        if self.seat.place.cancel.turn_to(DEAD) {
            self.seat.place.let_go();
        }
    }

    /// Is a request again.
    pub fn resume(&mut self) {
        self.seat.place.cancel.begin(self.name);
    }

    /// The end. Answers whether somebody [marked](Cancel::mark) the request.
    #[inline(always)]
    pub fn end(self) -> bool {
        ManuallyDrop::new(self).finish()
    }

    #[inline(always)]
    fn finish(&mut self) -> bool {
        let marked = self.seat.place.cancel.end();
        if marked {
            self.seat.place.let_go();
        }
        marked
    }
}

impl<T: Named> Drop for Busy<'_, T> {
    fn drop(&mut self) {
        self.finish();
    }
}
