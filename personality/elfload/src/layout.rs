//! Where a new program's stack and start-up data go.
//!
//! They lie directly below the image where there is room, so that a small
//! program needs one page table in all. From the image downwards: the page of the
//! first thread, the start-up block, the stack, and nothing. The stack begins in the page in
//! which the block begins, which exists already when the program starts.

use crate::{PAGE, page_up};

/// Bytes of the first thread's stack. Pages of it exist once they are touched.
pub const STACK_SIZE: u64 = 8 << 20;
/// Nothing is ever mapped below this address: a null pointer with an offset is a fault.
pub const LOWEST: u64 = 0x1_0000;
/// Where the stack ends when the image leaves no room below itself.
pub const FALLBACK_TOP: u64 = 0x80_0000_0000;
/// The address from which programs are linked: the smallest with a full stack and
/// some block below it, in the page table that also maps a small program.
pub const IMAGE_BASE: u64 = 0x101_0000;

/// The places that a loader fills besides the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// The page of the first thread.
    pub thread_page: u64,
    /// The start-up block, and the initial stack pointer: a multiple of [`ALIGNMENT`].
    pub block: u64,
    /// Lowest address of the stack, which ends at the block.
    pub stack: u64,
    /// Bytes from the start of the stack to the end of the block, whole pages.
    pub size: u64,
}

impl Layout {
    /// Bytes of the stack.
    pub const fn stack_size(&self) -> u64 {
        self.block - self.stack
    }
}

/// Of what the initial stack pointer is a multiple.
pub const ALIGNMENT: u64 = 16;

impl Layout {
    /// The layout for an image that occupies `low..high`, with a block of `block_bytes`.
    /// `highest` bounds the address space. `None` if there is no room.
    pub fn new(low: u64, high: u64, block_bytes: u64, highest: u64) -> Option<Self> {
        let size = STACK_SIZE.checked_add(page_up(block_bytes)?)?;
        let need = size.checked_add(PAGE)?;
        let below = |top: u64| {
            Some(top).filter(|top| top.checked_sub(LOWEST).is_some_and(|room| room >= need))
        };
        let top = match below(low) {
            Some(top) => top,
            None => below(FALLBACK_TOP.min(highest)).filter(|top| high <= top - need)?,
        };
        let end = top - PAGE;
        Some(Self {
            thread_page: end,
            block: (end - block_bytes) & !(ALIGNMENT - 1),
            stack: end - size,
            size,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIGHEST: u64 = 1 << 47;

    #[test]
    fn a_small_program_shares_one_page_table_with_the_top_of_its_stack() {
        let layout = Layout::new(IMAGE_BASE, IMAGE_BASE + 0x2_0000, 700, HIGHEST).unwrap();
        assert_eq!(layout.thread_page, IMAGE_BASE - PAGE);
        assert_eq!(layout.block, IMAGE_BASE - PAGE - 704);
        assert_eq!((layout.block - PAGE) >> 21, IMAGE_BASE >> 21);
        assert_eq!(layout.stack + layout.size, layout.thread_page);
        assert_eq!(layout.stack + layout.stack_size(), layout.block);
    }

    #[test]
    fn a_low_image_gets_its_stack_elsewhere() {
        let layout = Layout::new(0x20_0000, 0x30_0000, 1, HIGHEST).unwrap();
        assert_eq!(layout.thread_page, FALLBACK_TOP - PAGE);
        assert_eq!(Layout::new(0x20_0000, FALLBACK_TOP, 1, HIGHEST), None);
        assert_eq!(Layout::new(0, 0x1000, u64::MAX - 5, HIGHEST), None);
    }
}
