//! Untyped memory: blocks of every power of two, split and joined as needed.

use crate::slots::{Slot, Slots};
use alloc::vec::Vec;
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

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Free,
    Used,
    /// Cut into parts, of which so many are free.
    Split { parts: u32, free: u32 },
    /// The node itself is free for another block.
    Gone,
}

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
    nodes: Vec<Node>,
    free_node: u32,
    heads: [u32; ORDERS],
    free_bytes: u64,
    total_bytes: u64,
    /// In blocks that were cut when slots ran out; back when these are joined.
    lost_bytes: u64,
}

impl Memory {
    /// No memory.
    pub fn new() -> Memory {
        Memory {
            nodes: Vec::new(),
            free_node: NONE,
            heads: [NONE; ORDERS],
            free_bytes: 0,
            total_bytes: 0,
            lost_bytes: 0,
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
        if self.join(slots) { self.take(slots, order) } else { None }
    }

    fn take(&mut self, slots: &mut Slots, order: usize) -> Option<Block> {
        if self.heads[order] == NONE {
            let from = (order + 1..ORDERS).find(|larger| self.heads[*larger] != NONE)?;
            self.split(slots, from, order)?;
        }
        let index = self.heads[order];
        self.unlink(index);
        self.nodes[index as usize].state = State::Used;
        if let Some(parent) = self.parent_mut(index)
            && let State::Split { free, .. } = &mut parent.state
        {
            *free -= 1;
        }
        Some(index)
    }

    fn parent_mut(&mut self, index: u32) -> Option<&mut Node> {
        let parent = self.nodes[index as usize].parent;
        self.nodes.get_mut(parent as usize)
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
        let physical = self.nodes[parent as usize].physical;
        self.unlink(parent);
        let mut made = 0;
        while made < count {
            let Some(slot) = slots.take() else { break };
            let (cnode, index) = slots.part(slot);
            let blueprint = ObjectBlueprint::Untyped { size_bits: to };
            if untyped.retype(&blueprint, &cnode, index, 1).is_err() {
                slots.give(slot);
                break;
            }
            let child = self.node(slot, physical + ((made as u64) << to), to, parent);
            self.push(child);
            made += 1;
        }
        if made == 0 {
            self.push(parent);
            return None;
        }
        let parts = made as u32;
        self.nodes[parent as usize].state = State::Split { parts, free: parts };
        // Where slots ran out, the parent has fewer parts than it could; joined, it is whole again.
        self.lost_bytes += (count - made) as u64 * (1 << to);
        Some(())
    }

    /// Gives a block back; nothing made from it exists any more.
    pub fn free(&mut self, block: Block) {
        self.push(block);
        if let Some(parent) = self.parent_mut(block)
            && let State::Split { free, .. } = &mut parent.state
        {
            *free += 1;
        }
    }

    /// Joins split blocks all of whose parts are free; answers whether there was one.
    fn join(&mut self, slots: &mut Slots) -> bool {
        let mut any = false;
        loop {
            let mut children: Vec<(u32, u32)> = Vec::new();
            for (index, node) in self.nodes.iter().enumerate() {
                if node.state == State::Free
                    && let Some(parent) = self.nodes.get(node.parent as usize)
                    && let State::Split { parts, free } = parent.state
                    && parts == free
                {
                    children.push((node.parent, index as u32));
                }
            }
            if children.is_empty() {
                return any;
            }
            any = true;
            children.sort_unstable();
            for part in children.chunk_by(|a, b| a.0 == b.0) {
                let parent = part[0].0;
                for (_, child) in part {
                    self.unlink(*child);
                    let slot = self.nodes[*child as usize].slot;
                    slots.delete(slot);
                    let node = &mut self.nodes[*child as usize];
                    node.state = State::Gone;
                    node.parent = NONE;
                    node.next = self.free_node;
                    self.free_node = *child;
                }
                let joined = &self.nodes[parent as usize];
                let (order, first) = (joined.order, &self.nodes[part[0].1 as usize]);
                let whole = 1u64 << order;
                self.lost_bytes -= whole - ((part.len() as u64) << first.order);
                self.push(parent);
                if let Some(above) = self.parent_mut(parent)
                    && let State::Split { free, .. } = &mut above.state
                {
                    *free += 1;
                }
            }
        }
    }
}
