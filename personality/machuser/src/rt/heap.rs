//! The heap: grows by memory from the mach server, under a lock that sleeps.

use crate::sync::Mutex;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;
use talc::{OomHandler, Span, Talc};

/// The least that the heap grows by.
const STEP: u64 = 256 << 10;

struct Grow;

impl OomHandler for Grow {
    fn handle_oom(talc: &mut Talc<Self>, layout: Layout) -> Result<(), ()> {
        let bytes = (layout.size() as u64)
            .checked_add(layout.align() as u64 + 4096)
            .ok_or(())?
            .next_multiple_of(STEP);
        let address = super::vm_allocate(bytes).map_err(drop)?;
        let span = Span::from_base_size(address as *mut u8, bytes as usize);
        // SAFETY: fresh memory of this task that nothing else uses.
        unsafe { talc.claim(span) }.map(drop)
    }
}

struct Heap(Mutex<Talc<Grow>>);

// SAFETY: talc's allocator keeps the contract of malloc and free; the lock gives it to one thread at a time.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller gives a layout of non-zero size.
        unsafe { self.0.lock().malloc(layout) }.map_or(core::ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if let Some(pointer) = NonNull::new(pointer) {
            // SAFETY: the caller gives what `alloc` answered, with its layout.
            unsafe { self.0.lock().free(pointer, layout) };
        }
    }
}

#[global_allocator]
static HEAP: Heap = Heap(Mutex::new(Talc::new(Grow)));
