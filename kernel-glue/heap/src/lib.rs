//! The allocator of root tasks and programs.
//!
//! [`talc`] gives and takes memory; it looks for a gap that fits, and joins gaps, at every call.
//! What is asked for most often is small and soon asked for again, so small blocks that are freed
//! are kept for a while, by size: taking one of them is a few instructions.
#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

use talc::DefaultBinning;
pub use talc::base::Talc;
pub use talc::base::binning::Binning;
pub use talc::lock_api::{GuardNoSend, Mutex, RawMutex};
pub use talc::source::Source;

/// Sizes of kept blocks are multiples of this, in bytes; so is their alignment.
const GRAIN: usize = 16;
/// The largest blocks that are kept, in bytes.
const LARGEST: usize = 1024;
/// Bytes of freed blocks of one size that are kept at most; what goes beyond becomes gaps again.
const KEPT: usize = 8192;

/// A heap behind a lock `L`, which gets more memory from `S`.
pub struct Heap<L, S: Source> {
    state: Mutex<L, State<S>>,
}

/// What the lock guards.
struct State<S: Source> {
    talc: Talc<S, DefaultBinning>,
    kept: [List; LARGEST / GRAIN],
}

/// Blocks of one size.
#[derive(Clone, Copy)]
struct List {
    first: Option<NonNull<Block>>,
    /// How many more it takes.
    room: usize,
}

/// A block that nobody uses.
struct Block {
    next: Option<NonNull<Block>>,
}

// SAFETY: the blocks are memory that only the heap reaches.
unsafe impl<S: Source + Send> Send for State<S> {}

/// Which list keeps blocks for this layout; `None` if none does.
#[inline(always)]
const fn class(layout: Layout) -> Option<usize> {
    if layout.size().wrapping_sub(1) < LARGEST && layout.align() <= GRAIN {
        Some((layout.size() - 1) / GRAIN)
    } else {
        None
    }
}

impl<S: Source> State<S> {
    /// Memory from the gaps, as a block of its list or of its own size.
    ///
    /// # Safety
    /// The size is not zero.
    #[cold]
    #[inline(never)]
    unsafe fn take(&mut self, layout: Layout) -> *mut u8 {
        let layout = class(layout).map_or(layout, block);
        // SAFETY: the caller's promise.
        unsafe { self.talc.allocate(layout) }.map_or(null_mut(), NonNull::as_ptr)
    }

    /// Makes a gap of what [`State::take`] gave for the same layout.
    ///
    /// # Safety
    /// It did, and nobody uses it.
    #[cold]
    #[inline(never)]
    unsafe fn give(&mut self, start: *mut u8, layout: Layout) {
        let layout = class(layout).map_or(layout, block);
        // SAFETY: it was allocated with this layout.
        unsafe { self.talc.deallocate(start, layout) };
    }
}

/// The layout of the blocks in a list.
#[inline(always)]
const fn block(class: usize) -> Layout {
    // SAFETY: the alignment is a power of two, and the size at most `LARGEST`.
    unsafe { Layout::from_size_align_unchecked((class + 1) * GRAIN, GRAIN) }
}

impl<L: RawMutex, S: Source> Heap<L, S> {
    /// An empty heap.
    pub const fn new(source: S) -> Self {
        let mut kept = [List { first: None, room: 0 }; LARGEST / GRAIN];
        let mut class = 0;
        while class < kept.len() {
            kept[class].room = KEPT / block(class).size();
            class += 1;
        }
        Heap { state: Mutex::new(State { talc: Talc::new(source), kept }) }
    }

    /// Runs `f`, which must not use the heap, while nobody else uses it.
    pub fn held<R>(&self, f: impl FnOnce() -> R) -> R {
        let _state = self.state.lock();
        f()
    }

    /// Adds memory; answers whether it was enough to be of use.
    ///
    /// # Safety
    /// The memory is valid for reads and writes, and the heap's for ever.
    pub unsafe fn claim(&self, start: *mut u8, size: usize) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.state.lock().talc.claim(start, size) }.is_some()
    }
}

// SAFETY: every block comes from `talc` with the layout of its list or its own, leaves the lists
// before it is handed out, and goes back to `talc` with the same layout.
unsafe impl<L: RawMutex, S: Source> GlobalAlloc for Heap<L, S> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut state = self.state.lock();
        if let Some(class) = class(layout) {
            let list = &mut state.kept[class];
            if let Some(first) = list.first {
                // SAFETY: a block in a list is the heap's own.
                list.first = unsafe { first.as_ref() }.next;
                list.room += 1;
                return first.as_ptr().cast();
            }
        }
        // SAFETY: the size is not zero, as the caller promises.
        unsafe { state.take(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        let mut state = self.state.lock();
        if let Some(class) = class(layout) {
            let list = &mut state.kept[class];
            if list.room > 0 {
                let start = start.cast::<Block>();
                // SAFETY: the caller gives the block up; it is large enough, and aligned.
                unsafe { start.write(Block { next: list.first }) };
                list.first = NonNull::new(start);
                list.room -= 1;
                return;
            }
        }
        // SAFETY: the caller got it for this layout, and gives it up.
        unsafe { state.give(start, layout) };
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (class(layout), class(wanted)) {
            (Some(old), Some(new)) if old == new => return start,
            // SAFETY: large blocks are as `talc` gave them.
            (None, None)
                if unsafe { self.state.lock().talc.try_realloc_in_place(start, layout, size) } =>
            {
                return start;
            }
            _ => {}
        }
        // SAFETY: the caller's promise; the two blocks are apart.
        unsafe {
            let moved = self.alloc(wanted);
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(start, layout.size().min(size));
                self.dealloc(start, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
extern crate std;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::vec::Vec;

    struct Spin(AtomicBool);

    // SAFETY: `try_lock` says true only to the one who set the flag.
    unsafe impl RawMutex for Spin {
        #[allow(clippy::declare_interior_mutable_const)]
        const INIT: Self = Spin(AtomicBool::new(false));
        type GuardMarker = GuardNoSend;
        fn lock(&self) {
            while !self.try_lock() {
                std::hint::spin_loop();
            }
        }
        fn try_lock(&self) -> bool {
            !self.0.swap(true, Ordering::Acquire)
        }
        unsafe fn unlock(&self) {
            self.0.store(false, Ordering::Release);
        }
    }

    /// Under Miri each byte takes its time.
    const ARENA: usize = if cfg!(miri) { 1 << 16 } else { 1 << 20 };
    const LARGE: usize = if cfg!(miri) { 2_000 } else { 20_000 };

    fn heap(arena: &mut Vec<u128>) -> Heap<Spin, talc::source::Manual> {
        arena.resize(ARENA / 16, 0);
        let heap = Heap::new(talc::source::Manual);
        // SAFETY: the arena outlives the heap in every test, and nothing else uses it.
        assert!(unsafe { heap.claim(arena.as_mut_ptr().cast(), ARENA) });
        heap
    }

    #[derive(Debug, Clone)]
    enum Step {
        Allocate(usize, u32),
        Free(usize),
        Resize(usize, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let size = || prop_oneof![1usize..64, 1usize..1200, 1usize..LARGE];
        prop_oneof![
            (size(), 0u32..8).prop_map(|(size, align)| Step::Allocate(size, align)),
            any::<usize>().prop_map(Step::Free),
            (any::<usize>(), size()).prop_map(|(which, size)| Step::Resize(which, size)),
        ]
    }

    /// Whether a block still holds what was put there.
    fn holds(start: *mut u8, length: usize, mark: u8) -> bool {
        // SAFETY: the block has this length and was filled.
        unsafe { core::slice::from_raw_parts(start, length) }.iter().all(|byte| *byte == mark)
    }

    proptest! {
        #[test]
        fn blocks_are_apart_and_keep_their_contents(steps in prop::collection::vec(step(), 1..300)) {
            let mut arena = Vec::new();
            let heap = heap(&mut arena);
            let mut live: Vec<(*mut u8, Layout, u8)> = Vec::new();
            for (mark, step) in (0u8..=255).cycle().zip(steps) {
                match step {
                    Step::Allocate(size, align) => {
                        let layout = Layout::from_size_align(size, 1 << align).unwrap();
                        // SAFETY: the size is not zero.
                        let start = unsafe { heap.alloc(layout) };
                        if !start.is_null() {
                            prop_assert_eq!(start as usize % layout.align(), 0);
                            // SAFETY: the block is that large.
                            unsafe { start.write_bytes(mark, size) };
                            live.push((start, layout, mark));
                        }
                    }
                    Step::Free(which) if !live.is_empty() => {
                        let (start, layout, mark) = live.swap_remove(which % live.len());
                        prop_assert!(holds(start, layout.size(), mark));
                        // SAFETY: it was allocated so.
                        unsafe { heap.dealloc(start, layout) };
                    }
                    Step::Resize(which, size) if !live.is_empty() => {
                        let which = which % live.len();
                        let (start, layout, old) = live[which];
                        // SAFETY: it was allocated so.
                        let moved = unsafe { heap.realloc(start, layout, size) };
                        if !moved.is_null() {
                            prop_assert!(holds(moved, size.min(layout.size()), old));
                            // SAFETY: the block is that large.
                            unsafe { moved.write_bytes(mark, size) };
                            let layout = Layout::from_size_align(size, layout.align()).unwrap();
                            live[which] = (moved, layout, mark);
                        }
                    }
                    _ => {}
                }
            }
            for (start, layout, mark) in live {
                prop_assert!(holds(start, layout.size(), mark));
            }
        }
    }

    #[test]
    fn a_freed_block_is_given_out_again() {
        let mut arena = Vec::new();
        let heap = heap(&mut arena);
        let layout = Layout::from_size_align(40, 8).unwrap();
        // SAFETY: the size is not zero, and what is freed was allocated.
        unsafe {
            let first = heap.alloc(layout);
            heap.dealloc(first, layout);
            assert_eq!(heap.alloc(Layout::from_size_align(48, 16).unwrap()), first);
            assert_ne!(heap.alloc(layout), first);
        }
    }

    #[test]
    fn many_freed_blocks_become_room_for_a_large_one() {
        let mut arena = Vec::new();
        let heap = heap(&mut arena);
        let small = Layout::from_size_align(256, 16).unwrap();
        let large = Layout::from_size_align(ARENA * 3 / 4, 16).unwrap();
        // SAFETY: the sizes are not zero, and what is freed was allocated.
        unsafe {
            let blocks: Vec<*mut u8> =
                core::iter::repeat_with(|| heap.alloc(small)).take_while(|at| !at.is_null()).collect();
            assert!(blocks.len() > ARENA / 300);
            for start in blocks {
                heap.dealloc(start, small);
            }
            assert!(!heap.alloc(large).is_null());
        }
    }
}
