//! The heap: grows by memory from the mach server, under a lock that sleeps.

use crate::sync::{RawMutex, preserving_buffer};
use core::alloc::Layout;
use heap::{Binning, GuardNoSend, Heap, Source, Talc};

/// The least that the heap grows by, in bytes. Memory costs nothing before it is touched.
const STEP: u64 = 1 << 20;
/// Room that the allocator may need around an allocation, beyond its size and alignment.
const OVERHEAD: u64 = 4096;

#[global_allocator]
static HEAP: Heap<Lock, Grow> = Heap::new(Grow);

/// Runs `f`, which must not use the heap, while nobody else uses it.
pub(crate) fn held<R>(f: impl FnOnce() -> R) -> R {
    HEAP.held(f)
}

struct Lock(RawMutex);

// SAFETY: `lock` returns, and `try_lock` says true, only to the one who got the lock.
unsafe impl heap::RawMutex for Lock {
    #[allow(clippy::declare_interior_mutable_const)]
    const INIT: Self = Self(RawMutex::new());
    type GuardMarker = GuardNoSend;

    fn lock(&self) {
        self.0.lock();
    }

    fn try_lock(&self) -> bool {
        self.0.try_lock()
    }

    unsafe fn unlock(&self) {
        self.0.unlock();
    }
}

#[derive(Debug)]
struct Grow;

// SAFETY: touches the allocator only through the reference that it is given; asking the mach
// server for memory allocates nothing here.
unsafe impl Source for Grow {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let size = (layout.size() as u64)
            .checked_add(layout.align() as u64)
            .ok_or(())?;
        let size = size.checked_add(OVERHEAD).ok_or(())?.next_multiple_of(STEP);
        let address = preserving_buffer(|| super::vm_allocate(size)).map_err(drop)?;
        // SAFETY: fresh memory of this task that nothing else uses.
        unsafe { talc.claim(address as *mut u8, size as usize) }
            .map(|_| ())
            .ok_or(())
    }
}
