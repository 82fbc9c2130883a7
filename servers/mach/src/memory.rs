//! Untyped memory: blocks of every power of two, split and joined as needed.

use crate::slots::{Slot, Slots};
use alloc::vec::Vec;
use mach::Segments;
use sel4::{ObjectBlueprint, cap};

/// Log2 of the smallest block.
const SMALLEST: usize = 4;
/// Log2 of a page.
pub const PAGE_BITS: usize = 12;
/// Blocks of this size are cut into pages at once, to save invocations.
const PAGES_BITS: usize = 20;
/// One more than the log2 of the largest block.
const ORDERS: usize = 48;

const NONE: u32 = u32::MAX;

/// A block of untyped memory.
pub type Block = u32;

#[derive(PartialEq, Eq, Debug, Default)]
enum State {
    Free,
    Used,
    /// Cut into parts, of which so many are free.
    Split { children: Vec<u32>, free: u32 },
    /// The node itself is free for another block.
    #[default]
    Gone,
}

#[derive(Default)]
struct Node {
    slot: Slot,
    physical: u64,
    order: u8,
    state: State,
    parent: u32,
    /// Neighbours in the list of free blocks of one size, or of free nodes.
    previous: u32,
    next: u32,
}

/// All memory.
pub struct Memory {
    nodes: Segments<Node>,
    free_node: u32,
    heads: [u32; ORDERS],
    free_bytes: u64,
    total_bytes: u64,
    /// In blocks that were cut when slots ran out; back when these are joined.
    lost_bytes: u64,
    /// Split blocks all of whose parts became free.
    whole: Vec<u32>,
}

impl Memory {
    /// No memory.
    pub fn new() -> Memory {
        Memory {
            nodes: Segments::new(),
            free_node: NONE,
            heads: [NONE; ORDERS],
            free_bytes: 0,
            total_bytes: 0,
            lost_bytes: 0,
            whole: Vec::new(),
        }
    }

    /// Adds a block that the boot info names.
    pub fn add(&mut self, slot: Slot, physical: u64, order: usize) {
        let node = self.node(slot, physical, order, NONE);
        self.push(node);
        self.total_bytes += 1 << order;
    }

    /// Bytes that nothing uses.
    pub fn free_bytes(&self) -> u64 {
        self.free_bytes + self.lost_bytes
    }

    /// Bytes in all.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// The capability of a block.
    pub fn untyped(&self, block: Block) -> cap::Untyped {
        cap::Untyped::from_bits(self.nodes[block as usize].slot as u64)
    }

    /// Physical address of a block.
    pub fn physical(&self, block: Block) -> u64 {
        self.nodes[block as usize].physical
    }

    fn node(&mut self, slot: Slot, physical: u64, order: usize, parent: u32) -> u32 {
        let node = Node {
            slot,
            physical,
            order: order as u8,
            state: State::Used,
            parent,
            previous: NONE,
            next: NONE,
        };
        if self.free_node != NONE {
            let index = self.free_node;
            self.free_node = self.nodes[index as usize].next;
            self.nodes[index as usize] = node;
            index
        } else {
            self.nodes.push(node);
            self.nodes.len() as u32 - 1
        }
    }

    fn push(&mut self, index: u32) {
        let order = self.nodes[index as usize].order as usize;
        let head = self.heads[order];
        let node = &mut self.nodes[index as usize];
        node.state = State::Free;
        node.previous = NONE;
        node.next = head;
        if head != NONE {
            self.nodes[head as usize].previous = index;
        }
        self.heads[order] = index;
        self.free_bytes += 1 << order;
    }

    fn unlink(&mut self, index: u32) {
        let (previous, next, order) = {
            let node = &self.nodes[index as usize];
            (node.previous, node.next, node.order as usize)
        };
        if previous == NONE {
            self.heads[order] = next;
        } else {
            self.nodes[previous as usize].next = next;
        }
        if next != NONE {
            self.nodes[next as usize].previous = previous;
        }
        self.free_bytes -= 1 << order;
    }

    /// A block of `1 << order` bytes, or none.
    pub fn allocate(&mut self, slots: &mut Slots, order: usize) -> Option<Block> {
        let order = order.max(SMALLEST);
        if order >= ORDERS {
            return None;
        }
        if let Some(block) = self.take(slots, order) {
            return Some(block);
        }
        // Free blocks may be there in pieces.
        while self.join(slots) {
            if let Some(block) = self.take(slots, order) {
                return Some(block);
            }
        }
        None
    }

    fn take(&mut self, slots: &mut Slots, order: usize) -> Option<Block> {
        if self.heads[order] == NONE {
            let from = (order + 1..ORDERS).find(|larger| self.heads[*larger] != NONE)?;
            self.split(slots, from, order)?;
        }
        let index = self.heads[order];
        self.unlink(index);
        self.nodes[index as usize].state = State::Used;
        self.part_used(index);
        Some(index)
    }

    /// A part of a split block is free no more.
    fn part_used(&mut self, index: u32) {
        let parent = self.nodes[index as usize].parent;
        if let Some(node) = self.nodes.get_mut(parent as usize)
            && let State::Split { free, .. } = &mut node.state
        {
            *free -= 1;
        }
    }

    /// Splits free blocks until there is a free one of `order`.
    fn split(&mut self, slots: &mut Slots, from: usize, order: usize) -> Option<()> {
        let mut from = from;
        while from > order {
            let to = match (from, order) {
                // Small objects: a page, or a part of one, is cut into them.
                (..=PAGE_BITS, _) => order,
                (..=PAGES_BITS, ..=PAGE_BITS) => PAGE_BITS,
                _ => from - 1,
            };
            self.split_one(slots, from, to)?;
            from = to;
        }
        Some(())
    }

    fn split_one(&mut self, slots: &mut Slots, from: usize, to: usize) -> Option<()> {
        let parent = self.heads[from];
        if parent == NONE {
            return None;
        }
        let count = 1usize << (from - to);
        let untyped = self.untyped(parent);
        let blueprint = ObjectBlueprint::Untyped { size_bits: to };
        let mut made = Vec::with_capacity(count);
        if let Some(first) = slots.take_run(count) {
            let (cnode, index) = slots.part(first);
            let run = first..first + count as Slot;
            if untyped.retype(&blueprint, &cnode, index, count).is_ok() {
                made.extend(run);
            } else {
                run.for_each(|slot| slots.give(slot));
            }
        } else {
            while made.len() < count {
                let Some(slot) = slots.take() else { break };
                let (cnode, index) = slots.part(slot);
                if untyped.retype(&blueprint, &cnode, index, 1).is_err() {
                    slots.give(slot);
                    break;
                }
                made.push(slot);
            }
        }
        if made.is_empty() {
            return None;
        }
        let physical = self.nodes[parent as usize].physical;
        self.unlink(parent);
        self.part_used(parent);
        // Where slots ran out, the parent has fewer parts than it could; joined, it is whole again.
        self.lost_bytes += (count - made.len()) as u64 * (1 << to);
        let mut children = Vec::with_capacity(made.len());
        // The lowest address is taken first.
        for (place, slot) in made.into_iter().enumerate().rev() {
            let child = self.node(slot, physical + ((place as u64) << to), to, parent);
            self.push(child);
            children.push(child);
        }
        let free = children.len() as u32;
        self.nodes[parent as usize].state = State::Split { children, free };
        Some(())
    }

    /// Gives a block back; nothing made from it exists any more.
    pub fn free(&mut self, block: Block) {
        self.push(block);
        let parent = self.nodes[block as usize].parent;
        if let Some(node) = self.nodes.get_mut(parent as usize)
            && let State::Split { children, free } = &mut node.state
        {
            *free += 1;
            if *free as usize == children.len() {
                self.whole.push(parent);
            }
        }
    }

    /// Joins the parts of a block that was split and all of whose parts are free; answers whether
    /// there was one.
    fn join(&mut self, slots: &mut Slots) -> bool {
        while let Some(parent) = self.whole.pop() {
            let node = &mut self.nodes[parent as usize];
            // It may have been joined, or a part of it used, since it was noted.
            let children = match &mut node.state {
                State::Split { children, free } if *free as usize == children.len() => {
                    core::mem::take(children)
                }
                _ => continue,
            };
            let whole = 1u64 << node.order;
            let part = 1u64 << self.nodes[children[0] as usize].order;
            self.lost_bytes -= whole - children.len() as u64 * part;
            for child in children {
                self.unlink(child);
                let node = &mut self.nodes[child as usize];
                slots.delete(node.slot);
                node.state = State::Gone;
                node.parent = NONE;
                node.next = self.free_node;
                self.free_node = child;
            }
            self.free(parent);
            return true;
        }
        false
    }
}
