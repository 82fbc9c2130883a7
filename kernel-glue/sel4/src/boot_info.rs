//! What the kernel, or a parent that plays its part, tells the initial thread.

use crate::vspace::PAGE_SIZE;
use crate::{CPtrBits, cap, sys};
use core::ops::Range;
use core::slice;

/// The boot info frame: packed, as seL4 5.0.0 lays it out.
#[repr(transparent)]
pub struct BootInfo(sys::seL4_BootInfo);

/// Memory without an object, from the boot info.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UntypedDesc {
    /// Its capability.
    pub cap: cap::Untyped,
    /// Its physical address.
    pub paddr: usize,
    /// Log2 of its bytes.
    pub size_bits: usize,
    /// Whether it is a device's: no kernel object can be made of it, only pages.
    pub is_device: bool,
}

/// A chunk of further information behind the boot info frame.
#[derive(Clone, Copy, Debug)]
pub struct BootInfoExtra<'a> {
    /// What it is.
    pub id: u64,
    /// Its contents without the header.
    pub content: &'a [u8],
}

fn slots(region: sys::seL4_SlotRegion) -> Range<CPtrBits> {
    region.start..region.end
}

impl BootInfo {
    /// Greatest number of untyped objects that a boot info frame lists.
    pub const MAX_UNTYPED: usize = sys::config::MAX_NUM_BOOTINFO_UNTYPED_CAPS as usize;

    /// The boot info at an address.
    ///
    /// # Safety
    /// A boot info frame lies there, followed from the next page on by as many bytes as it says,
    /// and all of it stays as it is for `'a`.
    #[inline]
    #[must_use]
    pub const unsafe fn from_ptr<'a>(frame: *const sys::seL4_BootInfo) -> &'a Self {
        // SAFETY: the caller's promise; the layout has no alignment.
        unsafe { &*frame.cast::<Self>() }
    }

    /// The kernel's structure.
    #[must_use]
    pub const fn inner(&self) -> &sys::seL4_BootInfo {
        &self.0
    }

    /// Number of this node, of how many.
    #[must_use]
    pub const fn node(&self) -> (u64, u64) {
        (self.0.nodeID, self.0.numNodes)
    }

    /// Address of the initial thread's IPC buffer.
    #[must_use]
    pub const fn ipc_buffer(&self) -> usize {
        self.0.ipcBuffer as usize
    }

    /// Empty slots of the root CNode.
    #[must_use]
    pub fn empty(&self) -> Range<CPtrBits> {
        slots(self.0.empty)
    }

    /// Pages of the program's image, in the order of their addresses.
    #[must_use]
    pub fn user_image_frames(&self) -> Range<CPtrBits> {
        slots(self.0.userImageFrames)
    }

    /// Translation tables of the initial address space.
    #[must_use]
    pub fn user_image_paging(&self) -> Range<CPtrBits> {
        slots(self.0.userImagePaging)
    }

    /// Pages behind the boot info frame.
    #[must_use]
    pub fn extra_pages(&self) -> Range<CPtrBits> {
        slots(self.0.extraBIPages)
    }

    /// Untyped objects.
    #[must_use]
    pub fn untyped(&self) -> Range<CPtrBits> {
        slots(self.0.untyped)
    }

    /// Untyped objects, with where they lie.
    pub fn untyped_list(&self) -> impl ExactSizeIterator<Item = UntypedDesc> + '_ {
        let untyped = self.untyped();
        let count = (untyped.end.saturating_sub(untyped.start) as usize).min(Self::MAX_UNTYPED);
        (0..count).map(move |at| {
            let desc = self.0.untypedList[at];
            UntypedDesc {
                cap: cap::Untyped::from_bits(untyped.start + at as u64),
                paddr: desc.paddr as usize,
                size_bits: usize::from(desc.sizeBits),
                is_device: desc.isDevice != 0,
            }
        })
    }

    /// Log2 of the slots of the root CNode.
    #[must_use]
    pub const fn cnode_size_bits(&self) -> usize {
        self.0.initThreadCNodeSizeBits as usize
    }

    /// Scheduling domain of the initial thread.
    #[must_use]
    pub const fn domain(&self) -> u64 {
        self.0.initThreadDomain
    }

    /// On x86_64 the frequency of the time stamp counter in MHz.
    #[must_use]
    pub const fn arch_info(&self) -> u64 {
        self.0.archInfo
    }

    /// Bytes of further information behind the frame.
    #[must_use]
    pub const fn extra_length(&self) -> usize {
        self.0.extraLen as usize
    }

    /// Chunks of further information behind the frame.
    pub fn extra(&self) -> impl Iterator<Item = BootInfoExtra<'_>> {
        let start = core::ptr::from_ref(self)
            .cast::<u8>()
            .wrapping_add(PAGE_SIZE);
        // SAFETY: whoever made the reference promised that so many bytes follow.
        let mut rest = unsafe { slice::from_raw_parts(start, self.extra_length()) };
        core::iter::from_fn(move || {
            const HEADER: usize = size_of::<sys::seL4_BootInfoHeader>();
            let word = |at: usize| Some(u64::from_le_bytes(*rest.get(at..)?.first_chunk()?));
            let (id, length) = (word(0)?, word(8)? as usize);
            let chunk = rest.get(..length.max(HEADER))?;
            rest = &rest[chunk.len()..];
            Some(BootInfoExtra {
                id,
                content: &chunk[HEADER..],
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::offset_of;

    #[test]
    fn the_layout_is_the_packed_one() {
        assert_eq!(offset_of!(sys::seL4_BootInfo, initThreadCNodeSizeBits), 136);
        assert_eq!(offset_of!(sys::seL4_BootInfo, untyped), 153);
        assert_eq!(offset_of!(sys::seL4_BootInfo, untypedList), 169);
        assert_eq!(size_of::<sys::seL4_UntypedDesc>(), 12);
        assert!(size_of::<BootInfo>() <= PAGE_SIZE);
    }

    #[test]
    fn untyped_objects_are_listed_with_their_capabilities() {
        // SAFETY: all members are integers.
        let mut raw: sys::seL4_BootInfo = unsafe { core::mem::zeroed() };
        raw.untyped = sys::seL4_SlotRegion {
            start: 100,
            end: 102,
        };
        let mut list = raw.untypedList;
        list[1] = sys::seL4_UntypedDesc {
            paddr: 0x900_0000,
            padding1: 0,
            padding2: 0,
            sizeBits: 12,
            isDevice: 1,
        };
        raw.untypedList = list;
        // SAFETY: the structure lives through the test and says that nothing follows it.
        let boot = unsafe { BootInfo::from_ptr(&raw) };
        let second = boot.untyped_list().nth(1).expect("two are listed");
        assert_eq!((second.cap.bits(), second.paddr), (101, 0x900_0000));
        assert_eq!((second.size_bits, second.is_device), (12, true));
        assert_eq!(boot.untyped_list().len(), 2);
    }

    #[test]
    fn further_information_is_cut_into_chunks() {
        #[repr(C, align(4096))]
        struct Frame([u8; 2 * PAGE_SIZE]);
        let mut frame = Frame([0; 2 * PAGE_SIZE]);
        frame.0[..8].copy_from_slice(&40u64.to_le_bytes());
        let chunks = [(7u64, 24u64), (8, 16)];
        let mut at = PAGE_SIZE;
        for (id, length) in chunks {
            frame.0[at..at + 8].copy_from_slice(&id.to_le_bytes());
            frame.0[at + 8..at + 16].copy_from_slice(&length.to_le_bytes());
            at += length as usize;
        }
        // SAFETY: the frame is as long as it says, and lives through the test.
        let boot = unsafe { BootInfo::from_ptr(frame.0.as_ptr().cast()) };
        let mut extra = boot.extra().map(|chunk| (chunk.id, chunk.content.len()));
        assert_eq!(extra.next(), Some((7, 8)));
        assert_eq!(extra.next(), Some((8, 0)));
        assert_eq!(extra.next(), None);
    }
}
