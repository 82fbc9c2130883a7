//! The heap: one for the whole root task, which can grow.

use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use heap::{Binning, GuardNoSend, Heap, RawMutex, Source, Talc};

/// Gives memory of at least so many bytes, or none.
type Refill = fn(Layout) -> Option<NonNull<[u8]>>;

/// Room that the allocator may need around an allocation, beyond its size and alignment.
const OVERHEAD: usize = 4096;

#[cfg_attr(target_os = "none", global_allocator)]
static HEAP: Heap<Exclusive, Grow> = Heap::new(Grow);

/// The function that [`set_refill`] was given.
static REFILL: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Says that the heap is in use. A root task's heap belongs to one thread at a time: on one
/// processor a second one that comes in between could only wait for a thread that it keeps from
/// running, so this stops the program instead of locking it up.
struct Exclusive(AtomicBool);

// SAFETY: `lock` returns, and `try_lock` says true, only to the one who set the flag.
unsafe impl RawMutex for Exclusive {
    #[allow(clippy::declare_interior_mutable_const)]
    const INIT: Self = Self(AtomicBool::new(false));
    type GuardMarker = GuardNoSend;

    fn lock(&self) {
        assert!(
            self.try_lock(),
            "two threads of the root task are in its heap"
        );
    }

    fn try_lock(&self) -> bool {
        !self.0.swap(true, Ordering::Acquire)
    }

    unsafe fn unlock(&self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Asks the root task's own function for more memory.
#[derive(Debug)]
struct Grow;

// SAFETY: touches the allocator only through the reference that it is given; that the root task's
// function does not allocate either is what `set_refill` asks for.
unsafe impl Source for Grow {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let refill = REFILL.load(Ordering::Acquire);
        if refill.is_null() {
            return Err(());
        }
        // SAFETY: only `set_refill` stores here, and it stores a function of this type.
        let refill = unsafe { core::mem::transmute::<*mut (), Refill>(refill) };
        let size = layout.size().checked_add(layout.align()).ok_or(())?;
        let size = size.checked_add(OVERHEAD).ok_or(())?;
        let wanted = Layout::from_size_align(size, align_of::<usize>()).map_err(|_| ())?;
        let memory = refill(wanted).ok_or(())?;
        // SAFETY: the root task gives the memory away.
        unsafe { talc.claim(memory.as_ptr().cast(), memory.len()) }
            .map(|_| ())
            .ok_or(())
    }
}

/// Adds memory to the heap.
///
/// # Safety
/// The memory is valid for reads and writes, and the heap's for ever.
///
/// # Panics
/// Where `size` is too small for the heap to do anything with it.
pub unsafe fn add_heap(start: *mut u8, size: usize) {
    // SAFETY: the caller's promise.
    let enough = unsafe { HEAP.claim(start, size) };
    assert!(enough, "{size} bytes are too few for a heap");
}

/// Names the function that is asked for more memory when the heap has too little. Such memory is
/// valid for reads and writes and the heap's for ever; it is at least as large as was asked for.
///
/// # Safety
/// The function neither allocates nor frees, directly or indirectly.
pub unsafe fn set_refill(refill: Refill) {
    REFILL.store(refill as *mut (), Ordering::Release);
}
