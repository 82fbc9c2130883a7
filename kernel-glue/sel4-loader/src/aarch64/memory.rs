//! Physical memory, which the loader sees at its own addresses, MMU on or off.

use core::ops::Range;
use core::slice;

/// All memory that the loader does not lie in.
pub struct Memory {
    loader: Range<u64>,
}

impl Memory {
    /// Takes all memory outside of `loader`.
    ///
    /// # Safety
    ///
    /// Nothing else uses that memory, and this is called once. From then on only addresses where
    /// there is memory, mapped if the MMU is on, may be named.
    pub unsafe fn all_but(loader: Range<u64>) -> Memory {
        Memory { loader }
    }

    /// The bytes at the addresses in `range`.
    pub fn bytes(&self, range: Range<u64>) -> &[u8] {
        self.check(&range);
        // SAFETY: by the promise of `all_but` there is memory that nothing else uses, and the
        // lifetime keeps `bytes_mut` and `copy_within` away from it.
        unsafe { slice::from_raw_parts(range.start as *const u8, size(&range)) }
    }

    /// The bytes at the addresses in `range`, to write.
    pub fn bytes_mut(&mut self, range: Range<u64>) -> &mut [u8] {
        self.check(&range);
        // SAFETY: as in `bytes`; `self` is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(range.start as *mut u8, size(&range)) }
    }

    /// Copies `size` bytes from one address to another; the two may overlap.
    pub fn copy_within(&mut self, from: u64, to: u64, size: u64) {
        self.check(&(from..from + size));
        self.check(&(to..to + size));
        // SAFETY: as in `bytes_mut`, for both ranges.
        unsafe { core::ptr::copy(from as *const u8, to as *mut u8, size as usize) }
    }

    /// The loader's own code, stack and tables are none of this memory.
    fn check(&self, range: &Range<u64>) {
        assert!(
            range.start != 0 && range.start <= range.end,
            "no memory at {range:#x?}"
        );
        let apart = range.end <= self.loader.start || self.loader.end <= range.start;
        assert!(apart, "{range:#x?} lies in the loader");
    }
}

fn size(range: &Range<u64>) -> usize {
    (range.end - range.start) as usize
}
