//! The mach server's own capability space: any number of slots.
//!
//! The kernel gives the root task one CNode. It becomes part 0 of a two-level
//! space whose other parts are made on demand.

use alloc::vec::Vec;
use core::ops::Range;
use sel4::{AbsoluteCPtr, BootInfo, CapData, ObjectBlueprint, cap, init_thread};

/// Bits of a slot number below the part's number: the size of the initial CNode.
const PART_BITS: usize = sel4_config::ROOT_CNODE_SIZE_BITS;
/// Log2 of the number of parts.
const ROOT_BITS: usize = 12;
/// Log2 of the slots of a part that is made later; their addresses leave a gap.
const LATER_BITS: usize = 10;

/// A slot of the mach server's space.
pub type Slot = u32;

/// The space.
pub struct Slots {
    root: cap::CNode,
    /// Slots that were used and are empty again.
    free: Vec<Slot>,
    /// Slots that were never used, within one part.
    fresh: Range<Slot>,
    parts: usize,
}

impl Slots {
    /// Takes over the initial CNode; `untyped` must have room for a CNode of 128 KiB.
    pub fn new(boot: &BootInfo, untyped: cap::Untyped) -> Slots {
        let empty = boot.empty();
        let mut fresh = empty.start as Slot..empty.end as Slot;
        let mut take = || fresh.next().expect("the initial CNode has free slots");
        let (plain, guarded) = (take(), take());
        let initial = init_thread::CNODE;
        untyped
            .retype(
                &ObjectBlueprint::CNode { size_bits: ROOT_BITS },
                &initial.absolute_self(),
                plain as usize,
                1,
            )
            .expect("the first untyped memory is large enough");
        let at = |slot: Slot| initial.absolute_cptr(sel4::CPtr::from_bits(slot as u64));
        let new = cap::CNode::from_bits(plain as u64);
        let guard = CapData::guard(0, sel4::WORD_BITS - ROOT_BITS - PART_BITS);
        let own = at(init_thread::CNODE.bits() as Slot);
        // Part 0: the initial CNode, without its guard.
        new.absolute_cptr_with_depth(0, ROOT_BITS as u8)
            .mint(&own, sel4::CapRights::ALL, CapData::guard(0, 0))
            .expect("the new CNode is empty");
        at(guarded)
            .mint(&at(plain), sel4::CapRights::ALL, guard)
            .expect("the slot is empty");
        init_thread::TCB
            .set_space(
                sel4::CPtr::from_bits(0),
                cap::CNode::from_bits(guarded as u64),
                CapData::NONE,
                init_thread::VSPACE,
            )
            .expect("the space is well formed");
        Slots { root: cap::CNode::from_bits(guarded as u64), free: Vec::new(), fresh, parts: 1 }
    }

    /// The root of the space.
    pub fn space(&self) -> cap::CNode {
        self.root
    }

    /// Whether more slots should be made now, before an operation runs out of them: cutting a block
    /// into pages, and pages into frames, takes 256 each time, and making slots takes some too.
    pub fn is_low(&self) -> bool {
        self.free.len() + self.fresh.len() < 768
    }

    /// Bytes, as a power of two, that [`Slots::grow`] needs.
    pub const GROW_BITS: usize = LATER_BITS + 5;

    /// Adds slots, in `GROW_BITS` of an untyped block's memory.
    pub fn grow(&mut self, untyped: cap::Untyped) -> sel4::Result<()> {
        let part = self.parts;
        if part == 1 << ROOT_BITS {
            return Err(sel4::Error::NotEnoughMemory);
        }
        let Some(slot) = self.take() else { return Err(sel4::Error::NotEnoughMemory) };
        let made = untyped.retype(
            &ObjectBlueprint::CNode { size_bits: LATER_BITS },
            &self.part(slot).0,
            self.part(slot).1,
            1,
        );
        if let Err(error) = made {
            self.give(slot);
            return Err(error);
        }
        let depth = (sel4::WORD_BITS - PART_BITS) as u8;
        let place = self.root.absolute_cptr_with_depth(part as u64, depth);
        let guard = CapData::guard(0, PART_BITS - LATER_BITS);
        place.mint(&self.at(slot), sel4::CapRights::ALL, guard)?;
        // The plain capability stays in its slot for ever: the CNode is never freed.
        self.parts += 1;
        let base = (part << PART_BITS) as Slot;
        self.free.extend(self.fresh.clone());
        self.fresh = base..base + (1 << LATER_BITS);
        Ok(())
    }

    /// A free slot.
    pub fn take(&mut self) -> Option<Slot> {
        self.free.pop().or_else(|| self.fresh.next())
    }

    /// The first of `count` slots that follow each other, if there are such.
    pub fn take_run(&mut self, count: usize) -> Option<Slot> {
        if self.fresh.len() < count {
            return None;
        }
        let first = self.fresh.start;
        self.fresh.start += count as Slot;
        Some(first)
    }

    /// Gives an empty slot back.
    pub fn give(&mut self, slot: Slot) {
        self.free.push(slot);
    }

    /// The slot as a place for invocations.
    #[inline]
    pub fn at(&self, slot: Slot) -> AbsoluteCPtr {
        self.root.absolute_cptr(sel4::CPtr::from_bits(slot as u64))
    }

    /// The CNode of a slot and the slot's index in it, as retype takes them.
    #[inline]
    pub fn part(&self, slot: Slot) -> (AbsoluteCPtr, usize) {
        let depth = (sel4::WORD_BITS - PART_BITS) as u8;
        let part = (slot as usize) >> PART_BITS;
        let index = slot as usize & ((1 << PART_BITS) - 1);
        (self.root.absolute_cptr_with_depth(part as u64, depth), index)
    }

    /// Deletes what a slot holds and gives the slot back.
    pub fn delete(&mut self, slot: Slot) {
        // Fails only for an address that does not exist.
        let _ = self.at(slot).delete();
        self.give(slot);
    }
}
