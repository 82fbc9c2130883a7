//! The waist on seL4: what the mach server asks of a kernel, as invocations.

use crate::arch;
use crate::memory::{Block, Memory, PAGE_BITS};
use crate::slots::{Slot, Slots};
use crate::watch;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Range;
use mach::abi::{self, page};
use mach::{BLOCK, Cache, Error, Kernel, Protection, Result, Segments};
use sel4::vspace::{self, MapError, TRANSLATION_LEVELS, VSPACE_BLUEPRINT};
use sel4::{
    AbsoluteCPtr, CPtr, CapData, CapRights, FrameSize, MessageInfo, ObjectBlueprint, PrioProps, VmAttributes,
    cap, init_thread,
};

/// Priority of every program: calls and answers between equals take the fast path.
const PROGRAM_PRIORITY: u8 = 100;
/// Log2 of the slots of one CNode of a task's space: such a CNode fills a page.
const LEAF_BITS: usize = 7;
/// Levels of CNodes that the largest space has.
const SPACE_LEVELS: usize = 3;
/// Where the mach server maps frames to look into them, small ones and large ones.
const ALIAS_BASE: [usize; 2] = [0x10_0000_0000, 0x18_0000_0000];
/// How many frames it keeps mapped.
const ALIASES: [usize; 2] = [4096, 64];
/// How many empty CNodes are kept at most: the kernel goes through all slots of one that it deletes.
const CNODES: usize = 32;
/// How many empty address spaces are kept at most, and how many page tables in each.
const SPACES: usize = 8;
const SPACE_TABLES: usize = 12;
/// How many unused frames are given up at a time for a block that is larger than one.
const FRAMES_GIVEN_UP: usize = 64;
/// How many are given up at a time for a large page.
const FRAMES_JOINED: usize = 512;
/// Log2 of the bytes that are taken for slots at a time: what stays for ever is to lie together.
const SLOTS_BITS: usize = Slots::GROW_BITS + 3;
/// Log2 of the bytes of a large page.
const LARGE_BITS: usize = FrameSize::Large.bits();
const LARGE: usize = 1 << LARGE_BITS;
/// The level of the tables that a page of ordinary size is mapped in.
const LAST_LEVEL: usize = TRANSLATION_LEVELS.len() - 1;
const PAGE: usize = 1 << PAGE_BITS;
/// Log2 of the bytes of device memory from whose start on pages are made: larger ranges are halved
/// first, so that a page takes no more than those before it in such a piece.
const DEVICE_BITS: usize = PAGE_BITS + 4;
/// Bits of a task's address space identifiers in one pool.
const POOL_SPACES: u32 = 512;

/// A kernel object with the memory that it was made from.
#[derive(Clone, Copy)]
struct Object {
    slot: Slot,
    block: Block,
}

/// An address space.
struct Space {
    root: Object,
    pool: usize,
    /// Translation tables by level and first address.
    tables: BTreeMap<(usize, usize), Object>,
    /// Where large pages are mapped, or were and the tables above them are kept for the next.
    large: BTreeSet<usize>,
}

/// A task's spaces.
pub struct Task {
    root: Object,
    /// CNodes that hold slots, by `slot >> LEAF_BITS`.
    leaves: Vec<Option<Object>>,
    /// CNodes above them: those of the second level by number, then the root.
    middle: Vec<Option<Object>>,
    levels: usize,
    /// Slots of the first CNode that may hold something.
    filled: u128,
    space: Space,
    endpoint: Option<Object>,
    threads: Vec<u32>,
}

struct Thread {
    tcb: Object,
    task: u32,
    page: u32,
    page_address: u64,
    fault: u32,
    /// Stopped, until it is resumed.
    stopped: bool,
    /// Held: it has an empty address space, so that it faults instead of going on.
    parked: bool,
    /// Held until it has faulted, also if it is resumed before.
    restarted: bool,
}

struct Frame {
    slot: Slot,
    /// Who holds it beside the first one.
    shares: u32,
    home: Home,
    physical: Option<u64>,
    /// Mappings through which programs may write, or more.
    writers: u32,
    /// The address at which instruction fetches see what it holds, or 0.
    fetched: u64,
    /// Whether the frame's own capability is mapped somewhere.
    mapped: bool,
    /// A copy of it that is not, or 0.
    spare: Slot,
    /// Where the mach server sees it, or 0.
    alias: usize,
    /// Whether it is a large page.
    large: bool,
}

/// Where a frame's memory comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    /// A device or the boot image: never freed.
    Fixed,
    /// A block of its own.
    Pool(Block),
    /// Memory that follows other memory, in a block with others.
    Contiguous(Block),
}

struct Table<T> {
    entries: Segments<Option<T>>,
    free: Vec<u32>,
}

impl Frame {
    fn new(slot: Slot, home: Home, physical: Option<u64>) -> Frame {
        Frame {
            slot,
            shares: 0,
            home,
            physical,
            writers: 0,
            fetched: 0,
            mapped: false,
            spare: 0,
            alias: 0,
            large: false,
        }
    }

    /// How many bytes it has.
    fn bytes(&self) -> usize {
        if self.large { LARGE } else { PAGE }
    }
}

/// Where the mach server sees frames of one size.
#[derive(Default)]
struct Aliases {
    entries: Vec<Alias>,
    /// The place to use next, which is the oldest.
    next: usize,
}

/// A place where the mach server looks into a frame.
struct Alias {
    slot: Slot,
    frame: Option<u32>,
}

impl<T> Table<T> {
    const fn new() -> Table<T> {
        Table { entries: Segments::new(), free: Vec::new() }
    }
    fn insert(&mut self, value: T) -> u32 {
        match self.free.pop() {
            Some(index) => {
                self.entries[index as usize] = Some(value);
                index
            }
            None => {
                self.entries.push(Some(value));
                self.entries.len() as u32 - 1
            }
        }
    }
    fn remove(&mut self, index: u32) -> Option<T> {
        let value = self.entries.get_mut(index as usize)?.take();
        if value.is_some() {
            self.free.push(index);
        }
        value
    }
    fn get(&self, index: u32) -> Option<&T> {
        self.entries.get(index as usize)?.as_ref()
    }
    fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.entries.get_mut(index as usize)?.as_mut()
    }
}

/// A mapping: the capability that is mapped, and its frame.
#[derive(Clone, Copy)]
pub struct Mapping {
    slot: Slot,
    frame: u32,
}

struct Pool {
    pool: cap::AsidPool,
    used: u32,
}

/// A device page: its untyped memory, and its frame once made.
struct Device {
    physical: u64,
    order: usize,
    slot: Slot,
    frames: Vec<u32>,
}

/// An interrupt that a driver has or had: its handler, of which the driver has a copy, and what it
/// signals.
struct Line {
    handler: Slot,
    notification: Option<Object>,
}

/// The kernel.
pub struct Sel4 {
    slots: Slots,
    /// Memory for more slots, and for how many times.
    slots_block: Block,
    slots_left: u32,
    memory: Memory,
    endpoint: cap::Endpoint,
    notification: Slot,
    /// The address space of threads that may not go on.
    nowhere: Object,
    tasks: Table<Task>,
    threads: Table<Thread>,
    /// Blocks of contiguous pages, with the number of those that are not freed yet.
    runs: BTreeMap<Block, usize>,
    frames: Table<Frame>,
    /// Frames that are mapped in the mach server, small ones and large ones.
    aliases: [Aliases; 2],
    /// Frames that nobody uses, for the next to use or to be memory again.
    dirty: Vec<u32>,
    /// The same of large ones.
    dirty_large: Vec<u32>,
    /// The same of CNodes, which are empty.
    cnodes: Vec<Object>,
    /// The same of address spaces, in which nothing is mapped.
    spaces: Vec<Space>,
    pools: Vec<Pool>,
    devices: Vec<Device>,
    /// How many of the interrupts that are messages are taken.
    messages: u32,
    lines: BTreeMap<u32, Line>,
    random: u64,
    /// Memory is short: what is left is for the mach server's own heap.
    short: bool,
    critical: bool,
    log: fn(&str),
    power: fn(bool),
}

const SHORT: Error = Error::KERN_RESOURCE_SHORTAGE;

impl Sel4 {
    /// Takes over what the boot info names.
    pub fn new(
        slots: Slots,
        memory: Memory,
        devices: impl Iterator<Item = (u64, usize, Slot)>,
        log: fn(&str),
        power: fn(bool),
    ) -> Result<Sel4> {
        let mut kernel = Sel4 {
            slots,
            slots_block: 0,
            slots_left: 0,
            memory,
            endpoint: cap::Endpoint::from_bits(0),
            notification: 0,
            nowhere: Object { slot: 0, block: 0 },
            tasks: Table::new(),
            threads: Table::new(),
            runs: BTreeMap::new(),
            frames: Table::new(),
            aliases: Default::default(),
            dirty: Vec::new(),
            dirty_large: Vec::new(),
            cnodes: Vec::new(),
            spaces: Vec::new(),
            // The root task has a space, and number 0 nobody.
            pools: alloc::vec![Pool { pool: init_thread::ASID_POOL, used: 2 }],
            lines: BTreeMap::new(),
            devices: devices
                .map(|(physical, order, slot)| Device { physical, order, slot, frames: Vec::new() })
                .collect(),
            messages: 0,
            random: arch::seed(),
            short: false,
            critical: false,
            log,
            power,
        };
        let endpoint = kernel.object(&ObjectBlueprint::Endpoint)?;
        kernel.endpoint = cap::Endpoint::from_bits(endpoint.slot as u64);
        let notification = kernel.object(&ObjectBlueprint::Notification)?;
        kernel.notification = notification.slot;
        kernel.nowhere = kernel.object(&VSPACE_BLUEPRINT)?;
        let nowhere = cap::VSpace::from_bits(kernel.nowhere.slot as u64);
        kernel.pools[0].pool.assign(nowhere).map_err(|_| SHORT)?;
        kernel.pools[0].used += 1;
        let bound = cap::Notification::from_bits(notification.slot as u64);
        init_thread::TCB.bind_notification(bound).map_err(|_| SHORT)?;
        // Calls and answers take the kernel's fast path only between equals.
        init_thread::TCB.set_priority(PROGRAM_PRIORITY).map_err(|_| SHORT)?;
        kernel.aliases_make()?;
        kernel.watch()?;
        Ok(kernel)
    }

    /// Starts the thread that tells of faults of the mach server.
    fn watch(&mut self) -> Result<()> {
        let faults = self.object(&ObjectBlueprint::Endpoint)?;
        let tcb = self.object(&ObjectBlueprint::Tcb)?;
        let faults = cap::Endpoint::from_bits(faults.slot as u64);
        let tcb = cap::Tcb::from_bits(tcb.slot as u64);
        let space = self.slots.space();
        let made = tcb.configure(
            CPtr::from_bits(0),
            PrioProps { max_controlled: 0, priority: PROGRAM_PRIORITY + 1 },
            space,
            CapData::NONE,
            init_thread::VSPACE,
            0,
            cap::Page::from_bits(0),
        );
        made.and_then(|()| tcb.write_all_registers(true, &watch::prepare(faults)))
            .and_then(|()| {
                init_thread::TCB.set_space(
                    CPtr::from_bits(faults.bits()),
                    space,
                    CapData::NONE,
                    init_thread::VSPACE,
                )
            })
            .map_err(|_| SHORT)
    }

    /// Where requests arrive.
    pub fn endpoint(&self) -> cap::Endpoint {
        self.endpoint
    }

    /// Memory for the mach server's own heap: up to `bytes` of it, mapped at `address`; answers how
    /// much there is. It stays for ever, so it lies together where it can: in large pages.
    pub fn own_memory(&mut self, address: usize, bytes: usize) -> usize {
        let (mut at, end) = (address, address + bytes);
        while at < end {
            if at.is_multiple_of(LARGE)
                && end - at >= LARGE
                && let Some(block) = self.memory.allocate(&mut self.slots, LARGE_BITS)
                && let Ok(object) = self.object_in(&ObjectBlueprint::LargePage, block)
                && self.own_page(object, at)
            {
                at += LARGE;
            } else if let Ok(object) = self.object(&ObjectBlueprint::SmallPage)
                && self.own_page(object, at)
            {
                at += PAGE;
            } else {
                break;
            }
        }
        at - address
    }

    /// Maps a page for the mach server itself, or frees it; answers whether it is mapped.
    fn own_page(&mut self, object: Object, address: usize) -> bool {
        let page = cap::Page::from_bits(object.slot as u64);
        let attributes = VmAttributes::cached().execute_never();
        let mapped = self.map_own(page, address, CapRights::READ_WRITE, attributes).is_ok();
        if !mapped {
            self.object_free(object);
        }
        mapped
    }

    /// What marks begin with that the host tool believes, from the command line in a device tree.
    pub fn mark_set(&self, tree: &[u8]) {
        const NONCE: &[u8] = b"hird.nonce=";
        let Some(at) = tree.windows(NONCE.len()).position(|part| part == NONCE) else { return };
        let nonce = tree[at + NONCE.len()..].iter().take_while(|byte| byte.is_ascii_hexdigit());
        watch::set_mark(nonce.map(|byte| *byte as char).chain([':']).collect());
    }

    /// Says whether memory is so short that the mach server's own heap cannot grow as it should, and
    /// whether it is so short that nothing may be made.
    pub fn set_short(&mut self, short: bool, critical: bool) {
        self.short = short;
        self.critical = critical;
    }

    /// Cuts a range of device memory in two; answers the half that has the address.
    fn device_halve(&mut self, index: usize, physical: u64) -> Option<usize> {
        self.replenish();
        let Device { physical: start, order, slot, .. } = self.devices[index];
        let order = order - 1;
        let untyped = cap::Untyped::from_bits(slot as u64);
        let mut halves = [0; 2];
        for half in &mut halves {
            *half = self.slots.take()?;
            let (cnode, at) = self.slots.part(*half);
            untyped.retype(&ObjectBlueprint::Untyped { size_bits: order }, &cnode, at, 1).ok()?;
        }
        let middle = start + (1 << order);
        let half = |physical, slot| Device { physical, order, slot, frames: Vec::new() };
        self.devices[index] = half(start, halves[0]);
        self.devices.push(half(middle, halves[1]));
        Some(if physical < middle { index } else { self.devices.len() - 1 })
    }

    /// Maps a device's page in the mach server.
    pub fn own_device(&mut self, frame: u32, address: usize) {
        let Some(entry) = self.frames.get_mut(frame) else { return };
        entry.mapped = true;
        let page = cap::Page::from_bits(entry.slot as u64);
        let attributes = VmAttributes::device().execute_never();
        if self.map_own(page, address, CapRights::READ_WRITE, attributes).is_err() {
            (self.log)("mach: the console cannot be mapped");
        }
    }

    /// Makes more slots while there are some left.
    pub fn replenish(&mut self) {
        if !self.slots.is_low() {
            return;
        }
        if self.slots_left == 0 {
            let Ok(block) = self.block_of(SLOTS_BITS) else { return };
            (self.slots_block, self.slots_left) = (block, 1 << (SLOTS_BITS - Slots::GROW_BITS));
        }
        if self.slots.grow(self.memory.untyped(self.slots_block)).is_ok() {
            self.slots_left -= 1;
        }
    }

    /// A slot with an interrupt's handler, which signals the mach server with `badge`.
    pub fn own_interrupt(&mut self, line: u32, badge: u64) -> Result<cap::IrqHandler> {
        let (slot, minted) = (self.slot()?, self.slot()?);
        arch::interrupt_get(line, &self.slots.at(slot)).map_err(|_| Error::KERN_FAILURE)?;
        self.slots
            .at(minted)
            .mint(&self.slots.at(self.notification), CapRights::ALL, CapData::badge(badge))
            .map_err(|_| Error::KERN_FAILURE)?;
        let handler = cap::IrqHandler::from_bits(slot as u64);
        handler
            .set_notification(cap::Notification::from_bits(minted as u64))
            .map_err(|_| Error::KERN_FAILURE)?;
        Ok(handler)
    }

    /// The frames of the mach server's own image that hold `bytes` bytes at `address`, which is page aligned.
    pub fn image_frames(&mut self, first: u64, count: usize) -> Vec<u32> {
        (0..count as u64)
            .map(|page| {
                // The image's own capabilities are mapped in the mach server: others get copies.
                let frame = Frame::new((first + page) as Slot, Home::Fixed, None);
                self.frames.insert(Frame { mapped: true, ..frame })
            })
            .collect()
    }

    fn slot(&mut self) -> Result<Slot> {
        self.slots.take().ok_or(SHORT)
    }

    /// A block of memory; frames that nobody uses are given up for it where need be.
    fn block(&mut self, order: usize) -> Result<Block> {
        self.replenish();
        self.block_of(order)
    }

    fn block_of(&mut self, order: usize) -> Result<Block> {
        let given_up = if order <= PAGE_BITS { 1 } else { FRAMES_GIVEN_UP };
        loop {
            if let Some(block) = self.memory.allocate(&mut self.slots, order) {
                return Ok(block);
            }
            if let Some(frame) = self.dirty_large.pop() {
                self.frame_delete(frame);
                continue;
            }
            if let Some(cnode) = self.cnodes.pop() {
                self.object_free(cnode);
                continue;
            }
            if let Some(space) = self.spaces.pop() {
                self.space_free(space);
                continue;
            }
            if !self.frames_give_up(given_up) {
                return Err(SHORT);
            }
        }
    }

    /// Makes so many of the frames that nobody uses memory again; answers whether there was one.
    fn frames_give_up(&mut self, count: usize) -> bool {
        let frames = self.dirty.split_off(self.dirty.len().saturating_sub(count));
        for frame in &frames {
            self.frame_delete(*frame);
        }
        !frames.is_empty()
    }

    /// Deletes a frame's capabilities.
    fn frame_delete(&mut self, frame: u32) {
        self.alias_drop(frame);
        if let Some(entry) = self.frames.remove(frame) {
            if entry.spare != 0 {
                self.slots.delete(entry.spare);
            }
            self.slots.delete(entry.slot);
            if let Home::Pool(block) = entry.home {
                self.memory.free(block);
            }
        }
    }

    fn object(&mut self, blueprint: &ObjectBlueprint) -> Result<Object> {
        let block = self.block(blueprint.physical_size_bits())?;
        self.object_in(blueprint, block)
    }

    /// Makes an object of a block, which is free again if that fails.
    fn object_in(&mut self, blueprint: &ObjectBlueprint, block: Block) -> Result<Object> {
        let Some(slot) = self.slots.take() else {
            self.memory.free(block);
            return Err(SHORT);
        };
        let (cnode, index) = self.slots.part(slot);
        if self.memory.untyped(block).retype(blueprint, &cnode, index, 1).is_err() {
            self.slots.give(slot);
            self.memory.free(block);
            return Err(SHORT);
        }
        Ok(Object { slot, block })
    }

    /// The handler of an interrupt, which nobody else has afterwards.
    fn line_take(&mut self, irq: u32) -> Result<Slot> {
        if let Some(line) = self.lines.get(&irq) {
            // Fails only for an address that does not exist.
            let _ = self.slots.at(line.handler).revoke();
            return Ok(line.handler);
        }
        let handler = self.slot()?;
        if arch::interrupt_get(irq, &self.slots.at(handler)).is_err() {
            self.slots.give(handler);
            return Err(Error::KERN_NO_ACCESS);
        }
        self.lines.insert(irq, Line { handler, notification: None });
        Ok(handler)
    }

    /// Frees a notification, and wakes who waits for it.
    fn notification_free(&mut self, notification: Object) {
        // Fails only for an address that does not exist.
        let _ = self.slots.at(notification.slot).revoke();
        self.object_free(notification);
    }

    fn object_free(&mut self, object: Object) {
        self.slots.delete(object.slot);
        self.memory.free(object.block);
    }

    fn space_free(&mut self, space: Space) {
        // The lower levels first.
        for table in space.tables.into_values().rev() {
            self.object_free(table);
        }
        self.object_free(space.root);
        self.pools[space.pool].used -= 1;
    }

    // ---- tasks' slots

    fn task(&self, task: u32) -> Result<&Task> {
        self.tasks.get(task).ok_or(Error::KERN_INVALID_TASK)
    }

    fn task_mut(&mut self, task: u32) -> Result<&mut Task> {
        self.tasks.get_mut(task).ok_or(Error::KERN_INVALID_TASK)
    }

    /// A slot of a task as a place, made if it is not there.
    fn place(&mut self, task: u32, slot: u32) -> Result<AbsoluteCPtr> {
        let leaf = slot as usize >> LEAF_BITS;
        let index = slot as u64 & ((1 << LEAF_BITS) - 1);
        self.leaf_make(task, leaf)?;
        let holder = self.task_mut(task)?;
        let Some(Some(object)) = holder.leaves.get(leaf) else { return Err(SHORT) };
        if leaf == 0 {
            holder.filled |= 1 << index;
        }
        let cnode = cap::CNode::from_bits(object.slot as u64);
        Ok(cnode.absolute_cptr_with_depth(index, LEAF_BITS as u8))
    }

    /// Makes a CNode of a task's slots if it does not exist.
    fn leaf_make(&mut self, task: u32, leaf: usize) -> Result<()> {
        if self.task(task)?.leaves.get(leaf).is_none_or(Option::is_none) {
            self.leaf_add(task, leaf)?;
        }
        Ok(())
    }

    /// A slot of a task, if its CNode exists.
    fn existing_place(&self, task: u32, slot: u32) -> Option<AbsoluteCPtr> {
        let leaf = slot as usize >> LEAF_BITS;
        let index = slot as u64 & ((1 << LEAF_BITS) - 1);
        let object = self.tasks.get(task)?.leaves.get(leaf)?.as_ref()?;
        let cnode = cap::CNode::from_bits(object.slot as u64);
        Some(cnode.absolute_cptr_with_depth(index, LEAF_BITS as u8))
    }

    fn cnode(&mut self) -> Result<Object> {
        if let Some(cnode) = self.cnodes.pop() {
            return Ok(cnode);
        }
        self.object(&ObjectBlueprint::CNode { size_bits: LEAF_BITS })
    }

    /// Puts a CNode's capability into a slot of another, without a guard.
    fn nest(&mut self, above: Object, index: usize, below: Object) -> Result<()> {
        cap::CNode::from_bits(above.slot as u64)
            .absolute_cptr_with_depth(index as u64, LEAF_BITS as u8)
            .mint(&self.slots.at(below.slot), CapRights::ALL, CapData::guard(0, 0))
            .map_err(|_| SHORT)
    }

    fn leaf_add(&mut self, task: u32, leaf: usize) -> Result<()> {
        let needed = match leaf {
            0 => 1,
            1..=0x7f => 2,
            0x80..=0x3fff => 3,
            _ => return Err(Error::KERN_NO_SPACE),
        };
        while self.task(task)?.levels < needed.min(SPACE_LEVELS) {
            // A level more: the old root is the first part of the new one.
            let root = self.cnode()?;
            let old = self.task(task)?.root;
            if let Err(error) = self.nest(root, 0, old) {
                self.object_free(root);
                return Err(error);
            }
            let holder = self.task_mut(task)?;
            if holder.levels == 2 {
                // The old root becomes the first CNode of the second level.
                holder.middle.push(Some(old));
            }
            holder.root = root;
            holder.levels += 1;
            let threads = holder.threads.clone();
            for thread in threads {
                self.space_set(task, thread)?;
            }
        }
        let object = self.cnode()?;
        let result = self.leaf_place(task, leaf, object);
        if result.is_err() {
            self.object_free(object);
            return result;
        }
        let leaves = &mut self.task_mut(task)?.leaves;
        if leaves.len() <= leaf {
            leaves.resize_with(leaf + 1, || None);
        }
        leaves[leaf] = Some(object);
        Ok(())
    }

    fn leaf_place(&mut self, task: u32, leaf: usize, object: Object) -> Result<()> {
        let holder = self.task(task)?;
        if holder.levels == 2 {
            let root = holder.root;
            return self.nest(root, leaf, object);
        }
        let middle = leaf >> LEAF_BITS;
        let above = match holder.middle.get(middle) {
            Some(Some(above)) => *above,
            _ => {
                let root = holder.root;
                let above = self.cnode()?;
                if let Err(error) = self.nest(root, middle, above) {
                    self.object_free(above);
                    return Err(error);
                }
                let list = &mut self.task_mut(task)?.middle;
                if list.len() <= middle {
                    list.resize_with(middle + 1, || None);
                }
                list[middle] = Some(above);
                above
            }
        };
        self.nest(above, leaf & ((1 << LEAF_BITS) - 1), object)
    }

    fn space_set(&mut self, task: u32, thread: u32) -> Result<()> {
        let holder = self.task(task)?;
        let (root, levels, vspace) = (holder.root, holder.levels, holder.space.root);
        let Some(thread) = self.threads.get(thread) else { return Ok(()) };
        let vspace = if thread.parked { self.nowhere } else { vspace };
        cap::Tcb::from_bits(thread.tcb.slot as u64)
            .set_space(
                CPtr::from_bits(thread.fault as u64),
                cap::CNode::from_bits(root.slot as u64),
                CapData::skip_guard(levels * LEAF_BITS),
                cap::VSpace::from_bits(vspace.slot as u64),
            )
            .map_err(|_| SHORT)
    }

    // ---- address spaces

    fn space_make(&mut self) -> Result<Space> {
        let root = self.object(&VSPACE_BLUEPRINT)?;
        let made = self.pool().and_then(|pool| {
            let assigned = self.pools[pool].pool.assign(cap::VSpace::from_bits(root.slot as u64));
            assigned.map(|()| pool).map_err(|_| SHORT)
        });
        let pool = made.inspect_err(|_| self.object_free(root))?;
        self.pools[pool].used += 1;
        Ok(Space { root, pool, tables: BTreeMap::new(), large: BTreeSet::new() })
    }

    /// A pool with an address space identifier that nobody uses.
    fn pool(&mut self) -> Result<usize> {
        if let Some(pool) = self.pools.iter().position(|pool| pool.used < POOL_SPACES) {
            return Ok(pool);
        }
        let block = self.memory.allocate(&mut self.slots, PAGE_BITS).ok_or(SHORT)?;
        let made = self.slots.take().ok_or(SHORT).and_then(|slot| {
            let untyped = self.memory.untyped(block);
            let made = init_thread::ASID_CONTROL.make_pool(untyped, &self.slots.at(slot));
            made.map(|()| slot).map_err(|_| {
                self.slots.give(slot);
                SHORT
            })
        });
        let slot = made.inspect_err(|_| self.memory.free(block))?;
        self.pools.push(Pool { pool: cap::AsidPool::from_bits(slot as u64), used: 0 });
        Ok(self.pools.len() - 1)
    }

    fn rights(protection: Protection) -> CapRights {
        if protection.contains(Protection::WRITE) {
            CapRights::READ_WRITE
        } else {
            CapRights::READ
        }
    }

    fn attributes(protection: Protection, cache: Cache) -> VmAttributes {
        let attributes = match cache {
            Cache::Normal => VmAttributes::cached(),
            Cache::Device => VmAttributes::device(),
        };
        if protection.contains(Protection::EXECUTE) {
            attributes
        } else {
            attributes.execute_never()
        }
    }

    /// Maps a page, with the tables that it needs, which `keep` takes.
    fn map_with(
        &mut self,
        vspace: cap::VSpace,
        frame: cap::Page,
        address: usize,
        rights: CapRights,
        attributes: VmAttributes,
        mut keep: impl FnMut(&mut Sel4, Object, usize),
    ) -> Result<u64> {
        let mut tables = 0;
        loop {
            match vspace::map_page(vspace, frame, address, rights, attributes) {
                Ok(()) => return Ok(tables),
                Err(MapError::MissingTable(level)) => {
                    let table = self.object(&TRANSLATION_LEVELS[level].blueprint)?;
                    let slot = CPtr::from_bits(table.slot as u64);
                    let attributes = VmAttributes::cached();
                    if vspace::map_table(level, slot, vspace, address, attributes).is_err() {
                        self.object_free(table);
                        return Err(Error::KERN_FAILURE);
                    }
                    tables += PAGE as u64;
                    keep(self, table, level);
                }
                Err(MapError::Kernel(_)) => return Err(Error::KERN_FAILURE),
            }
        }
    }

    /// Keeps a place for a large page. An empty table that is there goes: answers its bytes.
    #[cold]
    fn large_place(&mut self, task: u32, address: usize) -> i64 {
        let Some(holder) = self.tasks.get_mut(task) else { return 0 };
        holder.space.large.insert(address);
        match holder.space.tables.remove(&(LAST_LEVEL, address)) {
            Some(table) => {
                self.object_free(table);
                PAGE as i64
            }
            None => 0,
        }
    }

    fn map_own(
        &mut self,
        frame: cap::Page,
        address: usize,
        rights: CapRights,
        attributes: VmAttributes,
    ) -> Result<()> {
        // The mach server's own tables stay for ever.
        self.map_with(init_thread::VSPACE, frame, address, rights, attributes, |_, _, _| {})
            .map(drop)
    }

    /// Makes all that looking into frames takes from then on: slots, and page tables.
    fn aliases_make(&mut self) -> Result<()> {
        // What is mapped, its size, and how much of it is mapped below one table.
        let kinds = [
            (ObjectBlueprint::SmallPage, PAGE, BLOCK as usize),
            (ObjectBlueprint::LargePage, LARGE, ALIASES[1] * LARGE),
        ];
        for (kind, (object, bytes, below)) in kinds.into_iter().enumerate() {
            for _ in 0..ALIASES[kind] {
                self.replenish();
                let slot = self.slot()?;
                self.aliases[kind].entries.push(Alias { slot, frame: None });
            }
            let object = self.object(&object)?;
            let page = cap::Page::from_bits(object.slot as u64);
            let attributes = VmAttributes::cached().execute_never();
            let end = ALIAS_BASE[kind] + ALIASES[kind] * bytes;
            for address in (ALIAS_BASE[kind]..end).step_by(below) {
                self.map_own(page, address, CapRights::READ, attributes)?;
                page.unmap().map_err(|_| Error::KERN_FAILURE)?;
            }
            self.object_free(object);
        }
        Ok(())
    }

    /// Where the mach server sees a frame, until [`ALIASES`] others were looked into. This takes no
    /// memory.
    #[inline]
    fn alias(&mut self, frame: u32) -> Result<*mut u8> {
        let entry = self.frames.get(frame).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        match entry.alias {
            0 => self.alias_make(frame),
            place => Ok(place as *mut u8),
        }
    }

    #[cold]
    fn alias_make(&mut self, frame: u32) -> Result<*mut u8> {
        let entry = self.frames.get(frame).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let (source, bytes, kind) = (entry.slot, entry.bytes(), entry.large as usize);
        let place = self.aliases[kind].next;
        if let Some(old) = self.aliases[kind].entries[place].frame {
            self.alias_drop(old);
        }
        let slot = self.aliases[kind].entries[place].slot;
        self.slots
            .at(slot)
            .copy(&self.slots.at(source), CapRights::READ_WRITE)
            .map_err(|_| Error::KERN_FAILURE)?;
        let address = ALIAS_BASE[kind] + place * bytes;
        let aliases = &mut self.aliases[kind];
        aliases.entries[place].frame = Some(frame);
        aliases.next = (place + 1) % ALIASES[kind];
        if let Some(entry) = self.frames.get_mut(frame) {
            entry.alias = address;
        }
        let attributes = VmAttributes::cached().execute_never();
        let page = cap::Page::from_bits(slot as u64);
        self.map_own(page, address, CapRights::READ_WRITE, attributes)
            .inspect_err(|_| self.alias_drop(frame))?;
        Ok(address as *mut u8)
    }

    /// The same, to write there.
    fn alias_changed(&mut self, frame: u32) -> Result<*mut u8> {
        let place = self.alias(frame)?;
        if let Some(entry) = self.frames.get_mut(frame) {
            entry.fetched = 0;
        }
        Ok(place)
    }

    /// Takes the mapping of a frame's copy away, before that is deleted.
    fn unmap_copy(slot: Slot) {
        if !arch::DELETING_UNMAPS {
            let _ = cap::Page::from_bits(slot as u64).unmap();
        }
    }

    /// The mach server sees a frame no more.
    fn alias_drop(&mut self, frame: u32) {
        let Some(entry) = self.frames.get_mut(frame).filter(|entry| entry.alias != 0) else { return };
        let (kind, address) = (entry.large as usize, core::mem::take(&mut entry.alias));
        let place = (address - ALIAS_BASE[kind]) / entry.bytes();
        let alias = &mut self.aliases[kind].entries[place];
        if alias.frame.take().is_some() {
            Self::unmap_copy(alias.slot);
            // Fails only for an address that does not exist.
            let _ = self.slots.at(alias.slot).delete();
        }
    }

    /// Gives a thread the empty address space, or its own again.
    fn thread_park(&mut self, thread: u32, parked: bool) {
        let Some(entry) = self.threads.get_mut(thread) else { return };
        entry.parked = parked;
        let task = entry.task;
        // The capabilities are there and well formed.
        let _ = self.space_set(task, thread);
    }

    /// What a mapping allows changes: who writes to a frame may change what is executed there.
    fn writers_change(&mut self, mapping: Mapping, was: Protection, now: Protection) {
        let (was, now) = (was.contains(Protection::WRITE), now.contains(Protection::WRITE));
        if was != now
            && let Some(entry) = self.frames.get_mut(mapping.frame)
        {
            entry.writers = if now { entry.writers + 1 } else { entry.writers - 1 };
            entry.fetched = 0;
        }
    }

    fn thread_tcb(&self, thread: u32) -> Option<cap::Tcb> {
        Some(cap::Tcb::from_bits(self.threads.get(thread)?.tcb.slot as u64))
    }

    /// Sets the registers of a thread. Whatever one that is not stopped waits in ends.
    fn registers_set(&mut self, thread: u32, context: &sel4::UserContext) -> sel4::Result<()> {
        let Some(tcb) = self.thread_tcb(thread) else { return Ok(()) };
        let Some(entry) = self.threads.get_mut(thread) else { return Ok(()) };
        // A fault of its that still queues ends too, but the kernel keeps it, and would send it in
        // place of the thread's next message. A new one takes its place.
        entry.restarted |= entry.parked;
        tcb.write_all_registers(!entry.stopped, context)
    }

    /// A word of a thread's page.
    fn page_word(&mut self, thread: u32, offset: usize) -> Option<*mut u32> {
        let page = self.threads.get(thread)?.page;
        let base = self.alias(page).ok()?;
        Some(base.wrapping_add(offset).cast())
    }

    /// Copies words of the message out of a thread's page, from word `first` on.
    pub fn message_read(&mut self, thread: u32, first: usize, words: &mut [u64]) -> Result<()> {
        let message = self.message_part(thread, first, words.len())?;
        for (at, word) in words.iter_mut().enumerate() {
            // SAFETY: the words lie in the page, which is mapped here for as long as the frame has
            // its alias; volatile, because the task writes there.
            *word = unsafe { message.add(at).read_volatile() };
        }
        Ok(())
    }

    /// Copies words into the message in a thread's page, from word `first` on.
    pub fn message_write(&mut self, thread: u32, first: usize, words: &[u64]) -> Result<()> {
        let message = self.message_part(thread, first, words.len())?;
        for (at, word) in words.iter().enumerate() {
            // SAFETY: as above.
            unsafe { message.add(at).write_volatile(*word) };
        }
        Ok(())
    }

    /// Where so many words of the message in a thread's page are.
    fn message_part(&mut self, thread: u32, first: usize, count: usize) -> Result<*mut u64> {
        if first + count > abi::MESSAGE_WORDS {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        let offset = page::MESSAGE + first * size_of::<u64>();
        self.page_word(thread, offset).map(<*mut u32>::cast).ok_or(SHORT)
    }

    fn badge(&mut self, slot: Slot, badge: u32, to: AbsoluteCPtr) -> Result<()> {
        to.mint(&self.slots.at(slot), CapRights::WRITE_GRANT, CapData::badge(badge as u64))
            .map_err(|_| SHORT)
    }

    /// Gives a task its endpoint, and the read right to it in its slot; answers the endpoint's slot.
    fn endpoint_of(&mut self, task: u32) -> Result<Slot> {
        if let Some(endpoint) = self.task(task)?.endpoint {
            return Ok(endpoint.slot);
        }
        let endpoint = self.object(&ObjectBlueprint::Endpoint)?;
        let place = self.place(task, abi::RECEIVE_SLOT)?;
        if place.copy(&self.slots.at(endpoint.slot), CapRights::READ).is_err() {
            self.object_free(endpoint);
            return Err(SHORT);
        }
        self.task_mut(task)?.endpoint = Some(endpoint);
        Ok(endpoint.slot)
    }
}

impl Kernel for Sel4 {
    type Task = u32;
    type Thread = u32;
    type Frame = u32;
    type Mapping = Mapping;
    type Reply = Slot;

    const TASK_BYTES: u64 = 2 * PAGE as u64;
    const THREAD_BYTES: u64 = 2048;
    const LARGE_PAGE: u64 = LARGE as u64;
    const HAS_PORTS: bool = arch::HAS_PORTS;
    const PROCESSOR: (u32, u32) = arch::PROCESSOR;
    const VERSION: &'static str = "seL4 5.0.0";

    fn tables_left(&self) -> u64 {
        self.spaces.last().map_or(0, |space| (space.tables.len() * PAGE) as u64)
    }

    fn task_create(&mut self, badge: u32, takes_tables: bool) -> Result<u32> {
        if self.short {
            return Err(SHORT);
        }
        // First, because it may be given up for what is made.
        let left = if takes_tables { self.spaces.pop() } else { None };
        self.replenish();
        let space = left.map_or_else(|| self.space_make(), Ok)?;
        let root = match self.cnode() {
            Ok(root) => root,
            Err(error) => {
                self.space_free(space);
                return Err(error);
            }
        };
        let task = self.tasks.insert(Task {
            root,
            leaves: alloc::vec![Some(root)],
            middle: Vec::new(),
            levels: 1,
            filled: 0,
            space,
            endpoint: None,
            threads: Vec::new(),
        });
        let own = self.endpoint.bits() as Slot;
        let place = self.place(task, abi::TASK_SELF)?;
        if let Err(error) = self.badge(own, badge, place) {
            self.task_destroy(task);
            return Err(error);
        }
        Ok(task)
    }

    fn task_destroy(&mut self, task: u32) {
        let Some(task) = self.tasks.remove(task) else { return };
        // What the CNodes hold goes with them; endpoints last, so that nobody queues any more.
        if task.levels > 1 {
            self.object_free(task.root);
        }
        for object in task.middle.into_iter().flatten() {
            self.object_free(object);
        }
        for (leaf, object) in task.leaves.into_iter().enumerate() {
            let Some(object) = object else { continue };
            if leaf > 0 || self.cnodes.len() == CNODES {
                self.object_free(object);
                continue;
            }
            // Empty, it is as good as a new one.
            let cnode = cap::CNode::from_bits(object.slot as u64);
            let mut filled = task.filled;
            while filled != 0 {
                let slot = filled.trailing_zeros() as u64;
                let _ = cnode.absolute_cptr_with_depth(slot, LEAF_BITS as u8).delete();
                filled &= filled - 1;
            }
            self.cnodes.push(object);
        }
        // Nothing is mapped there any more: as good as a new one, and cheaper.
        let mut space = task.space;
        space.large.clear();
        match space.tables.len() <= SPACE_TABLES && self.spaces.len() < SPACES {
            true => self.spaces.push(space),
            false => self.space_free(space),
        }
        if let Some(endpoint) = task.endpoint {
            self.object_free(endpoint);
        }
    }

    fn task_shrink(&mut self, task: u32) -> bool {
        const PIECE: usize = 16;
        let Some(entry) = self.tasks.get_mut(task) else { return false };
        if entry.levels > 1 {
            // From the root on: what is below is named by what is above.
            entry.levels = 0;
            let root = entry.root;
            self.object_free(root);
            return true;
        }
        for _ in 0..PIECE {
            let Some(entry) = self.tasks.get_mut(task) else { return false };
            let gone = match entry.middle.pop() {
                Some(gone) => gone,
                None if entry.leaves.len() > 1 => entry.leaves.pop().flatten(),
                // The lower levels first.
                None if entry.space.tables.len() > SPACE_TABLES => {
                    entry.space.tables.pop_last().map(|(_, table)| table)
                }
                None => return false,
            };
            if let Some(object) = gone {
                self.object_free(object);
            }
        }
        true
    }

    fn endpoint_make(&mut self, task: u32) -> Result<()> {
        self.endpoint_of(task).map(drop)
    }

    fn slot_make(&mut self, holder: u32, slot: u32) -> Result<()> {
        self.leaf_make(holder, slot as usize >> LEAF_BITS)
    }

    fn right_install(&mut self, holder: u32, slot: u32, receiver: u32, badge: u32) -> Result<()> {
        let endpoint = self.endpoint_of(receiver)?;
        let place = self.place(holder, slot)?;
        self.badge(endpoint, badge, place)
    }

    fn right_remove(&mut self, holder: u32, slot: u32) {
        if let Some(place) = self.existing_place(holder, slot) {
            let _ = place.delete();
        }
        if slot >> LEAF_BITS == 0
            && let Some(task) = self.tasks.get_mut(holder)
        {
            task.filled &= !(1 << slot);
        }
    }

    fn calls_cancel(&mut self, receiver: u32, badge: u32) {
        let Some(endpoint) = self.tasks.get(receiver).and_then(|task| task.endpoint) else { return };
        let Some(slot) = self.slots.take() else { return };
        let place = self.slots.at(slot);
        // The kernel cancels those that came with the badge of the capability that it is given,
        // which must have every right.
        let source = self.slots.at(endpoint.slot);
        if place.mint(&source, CapRights::ALL, CapData::badge(badge as u64)).is_ok() {
            let _ = place.cancel_badged_sends();
        }
        self.slots.delete(slot);
    }

    fn thread_create(
        &mut self,
        task: u32,
        badge: u32,
        slot: u32,
        page: u32,
        page_address: u64,
    ) -> Result<u32> {
        self.replenish();
        let place = self.place(task, slot)?;
        self.badge(self.endpoint.bits() as Slot, badge, place)?;
        let undo = |kernel: &mut Sel4, tcb: Option<Object>| {
            if let Some(tcb) = tcb {
                kernel.object_free(tcb);
            }
            let _ = place.delete();
        };
        let tcb = match self.object(&ObjectBlueprint::Tcb) {
            Ok(tcb) => tcb,
            Err(error) => {
                undo(self, None);
                return Err(error);
            }
        };
        let holder = self.task(task)?;
        let (root, levels, vspace) = (holder.root, holder.levels, holder.space.root);
        let buffer = self.frames.get(page).map_or(0, |frame| frame.slot);
        let configured = cap::Tcb::from_bits(tcb.slot as u64).configure(
            CPtr::from_bits(slot as u64),
            PrioProps { max_controlled: 0, priority: PROGRAM_PRIORITY },
            cap::CNode::from_bits(root.slot as u64),
            CapData::skip_guard(levels * LEAF_BITS),
            cap::VSpace::from_bits(vspace.slot as u64),
            page_address,
            cap::Page::from_bits(buffer as u64),
        );
        if configured.is_err() {
            undo(self, Some(tcb));
            return Err(SHORT);
        }
        let thread = self.threads.insert(Thread {
            tcb,
            task,
            page,
            page_address,
            fault: slot,
            stopped: false,
            parked: false,
            restarted: false,
        });
        if let Some(task) = self.tasks.get_mut(task) {
            task.threads.push(thread);
        }
        Ok(thread)
    }

    fn thread_destroy(&mut self, thread: u32) {
        let Some(gone) = self.threads.remove(thread) else { return };
        if let Some(task) = self.tasks.get_mut(gone.task) {
            task.threads.retain(|other| *other != thread);
        }
        self.object_free(gone.tcb);
    }

    fn thread_start(&mut self, thread: u32, pc: u64, sp: u64, arguments: [u64; 4]) {
        let Some(tcb) = self.thread_tcb(thread) else { return };
        let mut context = sel4::UserContext::default();
        context.set_pc(pc);
        context.set_sp(sp);
        for (index, word) in arguments.into_iter().enumerate() {
            context.set_argument(index, word);
        }
        let _ = tcb.write_all_registers(true, &context);
    }

    fn thread_hold(&mut self, thread: u32) {
        // Other programs run whenever this one's turn is over, in the middle of a request: without
        // its memory, the thread cannot leave the place that is looked at.
        self.thread_park(thread, true);
    }

    fn thread_caught(&mut self, thread: u32) {
        let Some(tcb) = self.thread_tcb(thread) else { return };
        // Its fault was received: what the kernel keeps of one that still queues would go out in
        // place of the thread's next message.
        let _ = tcb.suspend();
        if let Some(entry) = self.threads.get_mut(thread) {
            entry.stopped = true;
            entry.restarted = false;
        }
        self.thread_park(thread, false);
    }

    fn thread_was_held(&mut self, thread: u32) -> bool {
        let Some(entry) = self.threads.get_mut(thread) else { return false };
        if entry.parked {
            entry.restarted = false;
            self.thread_park(thread, false);
            return true;
        }
        false
    }

    fn program_counter(&mut self, thread: u32) -> u64 {
        let Some(tcb) = self.thread_tcb(thread) else { return 0 };
        tcb.read_registers(false, 1).map_or(0, |context| context.pc())
    }

    fn thread_resume(&mut self, thread: u32) {
        let Some(entry) = self.threads.get_mut(thread) else { return };
        if entry.restarted {
            // It goes on when its fault arrives.
            return;
        }
        if entry.parked {
            // If it has run into the emptiness, its fault is found to be none.
            self.thread_park(thread, false);
            return;
        }
        entry.stopped = false;
        if let Some(tcb) = self.thread_tcb(thread) {
            let _ = tcb.resume();
        }
    }

    fn thread_retry(&mut self, thread: u32) {
        if let Some(tcb) = self.thread_tcb(thread) {
            let _ = tcb.resume();
        }
    }

    fn call_interrupt(&mut self, thread: u32, instruction: u32, error: Error) -> bool {
        if !arch::is_system_call(instruction) {
            return false;
        }
        let Some(tcb) = self.thread_tcb(thread) else { return false };
        let Ok(mut context) = tcb.read_all_registers(false) else { return false };
        if !arch::is_call(&context) || arch::is_completed(&context) {
            return false;
        }
        let info = MessageInfo::new(abi::REPLY_ERROR as u64, 0, 0, 1);
        context.set_pc(context.pc() + arch::SYSTEM_CALL_BYTES);
        context.set_message_info(info);
        context.set_mrs([error.0 as u64, 0, 0, 0]);
        self.registers_set(thread, &context).is_ok()
    }

    fn published(&mut self, thread: u32) -> (u32, usize) {
        const COUNT: usize = (page::INBOX_COUNT - page::CALLED) / size_of::<u32>();
        let Some(called) = self.page_word(thread, page::CALLED) else { return (0, 0) };
        // SAFETY: the alias maps the whole page for as long as the frame has it; volatile,
        // because the thread writes there.
        let name = unsafe { called.read_volatile() };
        // SAFETY: as above; the index is within the page.
        let count = unsafe { called.add(COUNT).read_volatile() } as usize;
        (name, abi::INBOX_NAMES.saturating_sub(count))
    }

    fn called_label(&mut self, thread: u32) -> u32 {
        let Some(tcb) = self.thread_tcb(thread) else { return 0 };
        tcb.read_all_registers(false).map_or(0, |context| context.message_info().label() as u32)
    }

    fn inbox_push(&mut self, thread: u32, name: u32) -> Result<()> {
        const FIRST: usize = (page::INBOX - page::INBOX_COUNT) / size_of::<u32>();
        let count = self.page_word(thread, page::INBOX_COUNT).ok_or(SHORT)?;
        // SAFETY: as above; the count is the thread's to write, so it is checked.
        let at = unsafe { count.read_volatile() } as usize;
        if at >= abi::INBOX_NAMES {
            return Err(Error::KERN_NO_SPACE);
        }
        // SAFETY: the index is within the page.
        unsafe { count.add(FIRST + at).write_volatile(name) };
        // SAFETY: as above.
        unsafe { count.write_volatile(at as u32 + 1) };
        Ok(())
    }

    fn thread_fault(&mut self, thread: u32) {
        self.thread_caught(thread);
    }

    fn thread_state(&mut self, thread: u32, instruction: u32) -> Vec<u64> {
        let Some(tcb) = self.thread_tcb(thread) else { return Vec::new() };
        let address = self.threads.get(thread).map_or(0, |thread| thread.page_address);
        let Ok(mut context) = tcb.read_all_registers(false) else { return Vec::new() };
        if arch::is_system_call(instruction) {
            if arch::is_completed(&context) {
                context.set_pc(context.pc() + arch::SYSTEM_CALL_BYTES);
            }
            arch::complete_context(&mut context);
        }
        arch::state_of(&context, address).to_vec()
    }

    fn thread_state_set(&mut self, thread: u32, instruction: u32, state: &[u64]) -> Result<()> {
        let tcb = self.thread_tcb(thread).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let entry = self.threads.get_mut(thread).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let context = arch::context_of(state, entry.page_address).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        if !entry.parked {
            entry.stopped = true;
        } else if arch::is_system_call(instruction)
            && let Ok(now) = tcb.read_all_registers(false)
            && arch::is_call(&now)
            && !arch::is_completed(&now)
        {
            return Err(Error::KERN_FAILURE);
        }
        self.registers_set(thread, &context).map_err(|_| Error::KERN_FAILURE)
    }

    fn thread_priority(&mut self, thread: u32, below: u8) {
        if let Some(tcb) = self.thread_tcb(thread) {
            // It is below the mach server's own.
            let _ = tcb.set_priority(PROGRAM_PRIORITY - below);
        }
    }

    fn frame_allocate(&mut self) -> Result<u32> {
        if self.short {
            return Err(SHORT);
        }
        self.replenish();
        let Some(frame) = self.dirty.pop() else {
            // Fresh memory is clear.
            let object = self.object(&ObjectBlueprint::SmallPage)?;
            return Ok(self.frames.insert(Frame::new(object.slot, Home::Pool(object.block), None)));
        };
        let base = self.alias(frame).inspect_err(|_| self.dirty.push(frame))?;
        // SAFETY: the alias maps the whole page, and nobody else has it mapped.
        unsafe { arch::page_zero(base, PAGE) };
        Ok(frame)
    }

    fn frame_allocate_large(&mut self) -> Result<u32> {
        if self.short {
            return Err(SHORT);
        }
        self.replenish();
        let Some(frame) = self.dirty_large.pop() else {
            let block = self.memory.allocate(&mut self.slots, LARGE_BITS).ok_or(SHORT)?;
            let object = self.object_in(&ObjectBlueprint::LargePage, block)?;
            let frame = Frame::new(object.slot, Home::Pool(object.block), None);
            return Ok(self.frames.insert(Frame { large: true, ..frame }));
        };
        let base = self.alias(frame).inspect_err(|_| self.dirty_large.push(frame))?;
        // SAFETY: as in `frame_allocate`; the alias of a large page maps all of it.
        unsafe { arch::page_zero(base, LARGE) };
        Ok(frame)
    }

    fn memory_join(&mut self) -> bool {
        if self.short {
            return false;
        }
        self.replenish();
        if self.frames_give_up(FRAMES_JOINED) {
            return true;
        }
        // What is kept for the next task may lie between.
        let kept = !self.cnodes.is_empty() || !self.spaces.is_empty();
        for cnode in core::mem::take(&mut self.cnodes) {
            self.object_free(cnode);
        }
        for space in core::mem::take(&mut self.spaces) {
            self.space_free(space);
        }
        kept
    }

    fn frame_duplicate(&mut self, from: u32) -> Result<u32> {
        if self.short {
            return Err(SHORT);
        }
        let source = self.frames.get(from).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let (large, bytes) = (source.large, source.bytes());
        // One that was used is written over as a whole.
        let dirty = if large { &mut self.dirty_large } else { &mut self.dirty };
        let frame = match dirty.pop() {
            Some(frame) => frame,
            None if large => self.frame_allocate_large()?,
            None => self.frame_allocate()?,
        };
        if let Err(error) = self.frame_copy(from, 0, frame, 0, bytes) {
            self.frame_free(frame);
            return Err(error);
        }
        Ok(frame)
    }

    fn frames_allocate_contiguous(&mut self, count: usize) -> Result<Vec<u32>> {
        let order = PAGE_BITS + count.next_power_of_two().trailing_zeros() as usize;
        let block = self.block(order)?;
        let physical = self.memory.physical(block);
        let untyped = self.memory.untyped(block);
        let mut frames = Vec::with_capacity(count);
        while frames.len() < count {
            self.replenish();
            let Some(slot) = self.slots.take() else { break };
            let (cnode, index) = self.slots.part(slot);
            if untyped.retype(&ObjectBlueprint::SmallPage, &cnode, index, 1).is_err() {
                self.slots.give(slot);
                break;
            }
            let physical = physical + (frames.len() * PAGE) as u64;
            let frame = Frame::new(slot, Home::Contiguous(block), Some(physical));
            frames.push(self.frames.insert(frame));
        }
        if frames.is_empty() {
            self.memory.free(block);
            return Err(SHORT);
        }
        self.runs.insert(block, frames.len());
        if frames.len() < count {
            frames.into_iter().for_each(|frame| self.frame_free(frame));
            return Err(SHORT);
        }
        Ok(frames)
    }

    fn frame_device(&mut self, physical: u64) -> Option<u32> {
        let mut index = self.devices.iter().position(|device| {
            (device.physical..device.physical + (1 << device.order)).contains(&physical)
        })?;
        while self.devices[index].order > DEVICE_BITS && self.devices[index].frames.is_empty() {
            index = self.device_halve(index, physical)?;
        }
        let page = ((physical - self.devices[index].physical) >> PAGE_BITS) as usize;
        // Pages of a device come in order: the kernel cuts from the start.
        while self.devices[index].frames.len() <= page {
            self.replenish();
            let slot = self.slots.take()?;
            let (cnode, at) = self.slots.part(slot);
            let untyped = cap::Untyped::from_bits(self.devices[index].slot as u64);
            if untyped.retype(&ObjectBlueprint::SmallPage, &cnode, at, 1).is_err() {
                self.slots.give(slot);
                return None;
            }
            let made = self.devices[index].frames.len();
            let physical = self.devices[index].physical + (made * PAGE) as u64;
            let frame = self.frames.insert(Frame::new(slot, Home::Fixed, Some(physical)));
            self.devices[index].frames.push(frame);
        }
        self.devices[index].frames.get(page).copied()
    }

    fn frame_retain(&mut self, frame: u32) {
        if let Some(entry) = self.frames.get_mut(frame) {
            entry.shares += 1;
        }
    }

    fn frame_is_shared(&self, frame: u32) -> bool {
        self.frames.get(frame).is_some_and(|entry| entry.shares > 0)
    }

    fn frame_free(&mut self, frame: u32) {
        let Some(entry) = self.frames.get_mut(frame) else { return };
        if entry.shares > 0 {
            entry.shares -= 1;
            return;
        }
        match entry.home {
            Home::Fixed => {}
            Home::Pool(_) => {
                (entry.mapped, entry.writers, entry.fetched) = (false, 0, 0);
                let dirty = if entry.large { &mut self.dirty_large } else { &mut self.dirty };
                dirty.push(frame);
            }
            Home::Contiguous(block) => {
                self.frame_delete(frame);
                let left = self.runs.get_mut(&block).map(|left| {
                    *left -= 1;
                    *left
                });
                if left == Some(0) {
                    self.runs.remove(&block);
                    self.memory.free(block);
                }
            }
        }
    }

    fn frame_physical(&mut self, frame: u32) -> u64 {
        let Some(entry) = self.frames.get(frame) else { return 0 };
        match entry.physical {
            Some(physical) => physical,
            None => cap::Page::from_bits(entry.slot as u64).get_address().unwrap_or(0) as u64,
        }
    }

    fn frame_map(
        &mut self,
        task: u32,
        address: u64,
        frame: u32,
        protection: Protection,
        cache: Cache,
    ) -> Result<(Mapping, i64)> {
        let vspace = cap::VSpace::from_bits(self.task(task)?.space.root.slot as u64);
        let entry = self.frames.get_mut(frame).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        if protection.contains(Protection::WRITE) {
            entry.writers += 1;
            entry.fetched = 0;
        }
        let (own, large, bytes) = (entry.slot, entry.large, entry.bytes());
        let slot = if entry.mapped && entry.spare != 0 {
            core::mem::take(&mut entry.spare)
        } else if entry.mapped {
            let slot = self.slot()?;
            let to = self.slots.at(slot);
            if to.copy(&self.slots.at(own), CapRights::READ_WRITE).is_err() {
                self.slots.give(slot);
                return Err(SHORT);
            }
            slot
        } else {
            entry.mapped = true;
            own
        };
        let mut made = false;
        let replaced = if large { self.large_place(task, address as usize) } else { 0 };
        let result = self.map_with(
            vspace,
            cap::Page::from_bits(slot as u64),
            address as usize,
            Self::rights(protection),
            Self::attributes(protection, cache),
            |kernel, table, level| {
                made = true;
                if let Some(task) = kernel.tasks.get_mut(task) {
                    task.space.tables.insert((level, TRANSLATION_LEVELS[level].start_of(address as usize)), table);
                }
            },
        );
        let mapping = Mapping { slot, frame };
        match result {
            Ok(tables) => {
                if protection.contains(Protection::EXECUTE)
                    && cache == Cache::Normal
                    && let Some(entry) = self.frames.get_mut(frame)
                    && entry.fetched != address
                {
                    arch::make_executable(cap::Page::from_bits(slot as u64), bytes);
                    entry.fetched = if entry.writers == 0 { address } else { 0 };
                }
                Ok((mapping, tables as i64 - replaced))
            }
            Err(error) => {
                self.frame_unmap(mapping, protection);
                if made || large {
                    self.tables_free(task, address);
                }
                Err(error)
            }
        }
    }

    fn tables_free(&mut self, task: u32, address: u64) -> u64 {
        let mut freed = 0;
        if let Some(holder) = self.tasks.get_mut(task)
            && !holder.space.large.is_empty()
        {
            holder.space.large.remove(&TRANSLATION_LEVELS[LAST_LEVEL].start_of(address as usize));
        }
        for (level, kind) in TRANSLATION_LEVELS.iter().enumerate().rev() {
            let start = kind.start_of(address as usize);
            let below = (level + 1, start)..(level + 1, start + (1 << kind.span_bits));
            let Some(holder) = self.tasks.get_mut(task) else { break };
            let space = &mut holder.space;
            let covered = start..start + (1 << kind.span_bits);
            if space.tables.range(below).next().is_some()
                || (!space.large.is_empty() && space.large.range(covered).next().is_some())
            {
                break;
            }
            if let Some(table) = space.tables.remove(&(level, start)) {
                self.object_free(table);
                freed += PAGE as u64;
            }
        }
        freed
    }

    fn block_hide(&mut self, task: u32, address: u64) -> bool {
        // An empty table in the place of the full one: the pages' capabilities stay as they are.
        let start = TRANSLATION_LEVELS[LAST_LEVEL].start_of(address as usize);
        let Ok(task) = self.task(task) else { return false };
        let found = task.space.tables.get(&(LAST_LEVEL, start));
        let Some(table) = found.map(|table| CPtr::from_bits(table.slot as u64)) else { return false };
        let vspace = cap::VSpace::from_bits(task.space.root.slot as u64);
        vspace::unmap_table(LAST_LEVEL, table).is_ok()
            && vspace::map_table(LAST_LEVEL, table, vspace, start, VmAttributes::cached()).is_ok()
    }

    fn frame_unmap(&mut self, mapping: Mapping, was: Protection) {
        let Some(entry) = self.frames.get_mut(mapping.frame) else { return };
        if was.contains(Protection::WRITE) {
            entry.writers -= 1;
            entry.fetched = 0;
        }
        if entry.slot == mapping.slot {
            entry.mapped = false;
        } else if entry.spare == 0 {
            // What is mapped once more is likely to be so again.
            entry.spare = mapping.slot;
        } else {
            Self::unmap_copy(mapping.slot);
            self.slots.delete(mapping.slot);
            return;
        }
        let _ = cap::Page::from_bits(mapping.slot as u64).unmap();
    }

    fn frame_protect(
        &mut self,
        task: u32,
        mapping: Mapping,
        was: Protection,
        protection: Protection,
        cache: Cache,
    ) {
        self.writers_change(mapping, was, protection);
        let Ok(task) = self.task(task) else { return };
        let vspace = cap::VSpace::from_bits(task.space.root.slot as u64);
        let page = cap::Page::from_bits(mapping.slot as u64);
        let attributes = Self::attributes(protection, cache);
        let _ = page.remap(vspace, Self::rights(protection), attributes);
        if protection.contains(Protection::EXECUTE) && cache == Cache::Normal {
            let bytes = self.frames.get(mapping.frame).map_or(PAGE, Frame::bytes);
            arch::make_executable(page, bytes);
        }
    }

    fn frame_read(&mut self, frame: u32, offset: usize, bytes: &mut [u8]) -> Result<()> {
        debug_assert!(self.frames.get(frame).is_some_and(|it| offset + bytes.len() <= it.bytes()));
        let base = self.alias(frame)?;
        // SAFETY: the alias maps the frame; the caller stays within it. Programs may write
        // there at the same time, but not while this runs: there is one processor.
        unsafe {
            core::ptr::copy_nonoverlapping(base.add(offset), bytes.as_mut_ptr(), bytes.len());
        }
        Ok(())
    }

    fn frame_write(&mut self, frame: u32, offset: usize, bytes: &[u8]) -> Result<()> {
        debug_assert!(self.frames.get(frame).is_some_and(|it| offset + bytes.len() <= it.bytes()));
        let base = self.alias_changed(frame)?;
        // SAFETY: as in `frame_read`.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), base.add(offset), bytes.len()) };
        Ok(())
    }

    fn frame_copy(
        &mut self,
        from: u32,
        from_offset: usize,
        to: u32,
        to_offset: usize,
        length: usize,
    ) -> Result<()> {
        let source = self.alias(from)?;
        let target = self.alias_changed(to)?;
        // Making the second alias may have taken the first one's place; it does not the other way.
        let source = match self.frames.get(from).map(|frame| frame.alias) {
            Some(1..) => source,
            _ => self.alias(from)?,
        };
        // SAFETY: as in `frame_read`; within one frame the ranges may overlap.
        unsafe { core::ptr::copy(source.add(from_offset), target.add(to_offset), length) };
        Ok(())
    }

    fn memory_free(&self) -> u64 {
        let spaces: usize = self.spaces.iter().map(|space| 1 + space.tables.len()).sum();
        let kept = self.dirty.len() + self.cnodes.len() + spaces;
        let large = self.dirty_large.len() << LARGE_BITS;
        self.memory.free_bytes() + ((kept << PAGE_BITS) + large) as u64
    }

    fn is_short(&self) -> bool {
        self.critical
    }

    fn memory_total(&self) -> u64 {
        self.memory.total_bytes()
    }

    fn reply_save(&mut self) -> Result<Slot> {
        let slot = self.slot()?;
        if self.slots.at(slot).save_caller().is_err() {
            self.slots.give(slot);
            return Err(SHORT);
        }
        Ok(slot)
    }

    fn reply_waits(&mut self, reply: Slot) -> bool {
        // The kernel takes the capability away when the caller stops waiting. A reply capability
        // cannot be copied: the refusal tells whether there is one.
        let Some(slot) = self.slots.take() else { return true };
        let copied = self.slots.at(slot).copy(&self.slots.at(reply), CapRights::ALL);
        self.slots.give(slot);
        copied != Err(sel4::Error::FailedLookup)
    }

    fn reply_send(&mut self, reply: Slot, label: u32, words: &[u64]) {
        let mut mrs = [0; 4];
        let first = words.len().min(4);
        mrs[..first].copy_from_slice(&words[..first]);
        if words.len() > 4 {
            sel4::ipc_buffer().write_msgs(4, &words[4..]);
        }
        let info = MessageInfo::new(label as u64, 0, 0, words.len() as u64);
        cap::Reply::from_bits(reply as u64).send(info, mrs);
        self.slots.give(reply);
    }

    fn reply_drop(&mut self, reply: Slot) {
        self.slots.delete(reply);
    }

    fn now(&self) -> u64 {
        arch::nanoseconds()
    }

    fn counter_rate(&self) -> u64 {
        arch::frequency()
    }

    fn timer_set(&mut self, deadline: Option<u64>) {
        arch::timer_set(deadline);
    }

    fn random(&mut self) -> u64 {
        // A counter through a mixing function, with the time: unguessable as far as the seed is.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ arch::ticks();
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn interrupt_install(
        &mut self,
        holder: u32,
        irq: u32,
        notification_slot: u32,
        handler_slot: u32,
    ) -> Result<()> {
        let notification = self.object(&ObjectBlueprint::Notification)?;
        // What can fail comes before the line is taken from who has it.
        let places = self.place(holder, notification_slot);
        let places = places.and_then(|first| Ok((first, self.place(holder, handler_slot)?)));
        let installed = places.and_then(|(to_notification, to_handler)| {
            let handler = self.line_take(irq)?;
            let from = self.slots.at(notification.slot);
            to_notification.mint(&from, CapRights::READ, CapData::badge(1)).map_err(|_| SHORT)?;
            to_handler.copy(&self.slots.at(handler), CapRights::ALL).map_err(|_| SHORT)?;
            let handler = cap::IrqHandler::from_bits(handler as u64);
            handler
                .set_notification(cap::Notification::from_bits(notification.slot as u64))
                .map_err(|_| Error::KERN_FAILURE)?;
            // Who had the line before may have ended before it acknowledged.
            handler.ack().map_err(|_| Error::KERN_FAILURE)
        });
        if let Err(error) = installed {
            self.notification_free(notification);
            return Err(error);
        }
        let line = self.lines.get_mut(&irq).and_then(|line| line.notification.replace(notification));
        if let Some(earlier) = line {
            self.notification_free(earlier);
        }
        Ok(())
    }

    fn interrupt_message(&mut self) -> Result<(u32, u64, u32)> {
        let messages = arch::MESSAGES;
        let line = messages.start + self.messages;
        if messages.is_empty() {
            return Err(Error::KERN_FAILURE);
        }
        if !messages.contains(&line) {
            return Err(SHORT);
        }
        self.messages += 1;
        let (address, data) = arch::message(line);
        Ok((line, address, data))
    }

    fn ports_install(&mut self, holder: u32, ports: Range<u32>, slot: u32) -> Result<()> {
        let to = self.place(holder, slot)?;
        match arch::ports_get(ports, |slot| self.slots.at(slot), &to) {
            Some(result) => result.map_err(|_| Error::KERN_FAILURE),
            None => Err(Error::KERN_INVALID_ADDRESS),
        }
    }

    fn log(&mut self, text: &str) {
        (self.log)(text);
    }

    fn power(&mut self, restart: bool) {
        (self.power)(restart);
        // What the board does, if it does anything, takes a moment.
        for thread in self.threads.entries.iter().flatten() {
            let _ = cap::Tcb::from_bits(thread.tcb.slot as u64).suspend();
        }
        (self.log)(if restart {
            "mach: the machine can be restarted"
        } else {
            "mach: the machine can be switched off"
        });
        loop {
            // Interrupts that come are not served any more.
            let _ = cap::Notification::from_bits(self.notification as u64).wait();
        }
    }

    fn end(&mut self, why: &str) {
        let mark = watch::mark();
        (self.log)(&alloc::format!("\n<<hird:{mark}dead>> mach: {why}"));
        self.power(false);
    }
}
