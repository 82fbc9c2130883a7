//! VM maps.
//!
//! A map is a set of regions, each a window onto a memory object. Objects get
//! their pages when they are first touched. Every page is charged to the
//! account that the object was made with, every region and every page that is
//! mapped to the task's.

use crate::account::{Limits, cost};
use crate::error::{Error, Result};
use crate::kernel::{BLOCK, Cache, Kernel, Protection};
use crate::object::{ObjectId, READ_ONLY};
use crate::pages::Pages;
use crate::task::{Mach, TaskId, ThreadId};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// Bytes of a page.
pub const PAGE: u64 = 4096;
/// The first address that a map hands out.
pub const VM_MIN: u64 = 0x1_0000;
/// The end of what a map hands out: below 4 GiB, because the kernel reports
/// only 32 bits of a faulting address on one of its architectures.
pub const VM_MAX: u64 = 0xf000_0000;
/// Where searching for free addresses begins.
const VM_ANYWHERE: u64 = 0x4000_0000;

/// From so many bytes on, a copy of whole pages shares them until somebody writes: to write-protect,
/// unmap and fault costs more than to copy a few pages.
const SHARE_FROM: u64 = 32 * PAGE;

/// From so many pages in a row on, a fault on the next one makes as many more, up to `PAGES_AHEAD`.
const PAGES_BEFORE: u64 = 8;
/// How many pages a fault makes at most beside its own.
const PAGES_AHEAD: u64 = 16;
/// What must be left in memory and in the account for each of them.
const AHEAD_RESERVE: u64 = 32 * PAGE;

/// Where no more pages of a region than these were written since they were shared last, a child has
/// its own copies of them from the beginning: that costs less than the faults of both.
const WRITTEN_COPIED: usize = 8;

/// So many children of a task in turn are taken to use what the first of them used of the memory
/// that they begin with; what that is, and what their parent writes to, is found out again then.
const CHILDREN_ALIKE: u32 = 16;
/// How many pages of that are noted.
const USED_NOTED: usize = 32;
/// Bytes that they take, charged to each task.
pub(crate) const USED_BYTES: u64 = (USED_NOTED * size_of::<Used>()) as u64;

/// How often in a row a thread may fault at an address that is mapped for what it wants.
const PRESENT_FAULTS: u32 = 16;

/// The pages that memory is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PageSize {
    /// [`PAGE`].
    Small,
    /// [`Kernel::LARGE_PAGE`]. They are numbered by the small pages that they take the place of.
    Large,
}

impl PageSize {
    /// Bytes of one.
    #[inline]
    pub(crate) fn bytes<K: Kernel>(self) -> u64 {
        match self {
            PageSize::Small => PAGE,
            PageSize::Large => K::LARGE_PAGE,
        }
    }
}

/// Large pages of one region at most: they are made when they are mapped.
const LARGE_PAGES: u64 = 8;

/// Part of a map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    pub(crate) end: u64,
    /// `None`: kept free for a thread page.
    pub(crate) object: Option<ObjectId>,
    pub(crate) offset: u64,
    pub(crate) protection: Protection,
    pub(crate) maximum: Protection,
    pub(crate) inheritance: u32,
    /// Its object's pages; all that it begins and ends at is a multiple of them.
    pub(crate) pages: PageSize,
    /// Its pages are there and its own, and stay so.
    pub(crate) wired: bool,
}

/// What a child gets of a region (`vm_inherit_t`).
pub(crate) mod inheritance {
    /// The same memory.
    pub(crate) const SHARE: u32 = 0;
    /// A copy.
    pub(crate) const COPY: u32 = 1;
    /// Nothing.
    pub(crate) const NONE: u32 = 2;
}

/// A page in a map.
#[derive(Clone, Copy)]
pub(crate) struct Mapped<M> {
    pub(crate) mapping: M,
    /// What it allows now: what is allowed beside it comes with a fault.
    pub(crate) protection: Protection,
}

/// A page that a child used of what it began with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Used {
    /// Its address.
    address: u64,
    writes: bool,
}

/// A task's address space.
pub(crate) struct Map<K: Kernel> {
    pub(crate) regions: BTreeMap<u64, Region>,
    /// By page.
    pub(crate) mapped: Pages<Mapped<K::Mapping>>,
    /// How many pages are mapped in a [`BLOCK`], those of threads too, where there are some.
    pub(crate) blocks: HashMap<u64, u32, FxBuildHasher>,
    /// Free addresses between regions: whether they lie below `VM_ANYWHERE`, bytes, the first one.
    /// `None` before somebody looks for some.
    pub(crate) holes: Option<BTreeSet<(bool, u64, u64)>>,
    /// Whether new regions are wired (`VM_WIRE_FUTURE`).
    pub(crate) wire_future: bool,
    /// Bytes of addresses in use.
    pub(crate) bytes: u64,
    /// The most that there can be, and the most that this can be raised to.
    pub(crate) limit: (u64, u64),
    /// How many tasks have begun as a copy of this one since it was found out what they use.
    children: u32,
    /// What the first of them used, which the next ones have from the beginning: in order.
    used: Vec<Used>,
    /// The task that this one is a copy of, if what it uses is noted there.
    told: Option<TaskId>,
}

impl<K: Kernel> Map<K> {
    pub(crate) fn new() -> Map<K> {
        Map {
            regions: BTreeMap::new(),
            mapped: Pages::new(),
            blocks: HashMap::default(),
            holes: None,
            wire_future: false,
            bytes: 0,
            limit: (u64::MAX, u64::MAX),
            children: 0,
            used: Vec::new(),
            told: None,
        }
    }

    /// The region that holds an address.
    #[inline]
    pub(crate) fn region(&self, address: u64) -> Option<(u64, Region)> {
        let (start, region) = self.regions.range(..=address).next_back()?;
        (address < region.end).then_some((*start, *region))
    }

    fn is_free(&self, start: u64, end: u64) -> bool {
        match self.regions.range(..end).next_back() {
            Some((_, region)) => region.end <= start,
            None => true,
        }
    }

    /// Whether so many bytes more pass no limit.
    fn has_room(&self, size: u64) -> bool {
        size <= self.limit.0.saturating_sub(self.bytes)
    }

    /// The ends of the regions around some addresses.
    fn around(&self, start: u64, end: u64) -> (u64, u64) {
        let below = self.regions.range(..start).next_back();
        let above = self.regions.range(end..).next();
        (below.map_or(VM_MIN, |(_, region)| region.end), above.map_or(VM_MAX, |(at, _)| *at))
    }

    /// A region takes addresses that are free.
    fn insert(&mut self, start: u64, region: Region) {
        if self.holes.is_some() {
            let (low, high) = self.around(start, region.end);
            let left = holes_between(low, start).chain(holes_between(region.end, high));
            self.holes_replace(holes_between(low, high), left);
        }
        self.bytes += region.end - start;
        self.regions.insert(start, region);
    }

    /// The addresses of a region are free again.
    fn remove(&mut self, start: u64) -> Option<Region> {
        let region = self.regions.remove(&start)?;
        self.bytes -= region.end - start;
        if self.holes.is_some() {
            let (low, high) = self.around(start, region.end);
            let parts = holes_between(low, start).chain(holes_between(region.end, high));
            self.holes_replace(parts, holes_between(low, high));
        }
        Some(region)
    }

    fn holes_replace(
        &mut self,
        old: impl Iterator<Item = (bool, u64, u64)>,
        new: impl Iterator<Item = (bool, u64, u64)>,
    ) {
        if let Some(holes) = &mut self.holes {
            old.for_each(|hole| {
                holes.remove(&hole);
            });
            holes.extend(new);
        }
    }

    /// All free addresses.
    pub(crate) fn holes(&self) -> BTreeSet<(bool, u64, u64)> {
        let ends = self.regions.values().map(|region| region.end);
        let starts = self.regions.keys().copied();
        let between = core::iter::once(VM_MIN).chain(ends).zip(starts.chain([VM_MAX]));
        between.flat_map(|(low, high)| holes_between(low, high)).collect()
    }

    /// Notes what a child has begun to use.
    fn used_note(&mut self, used: Used) {
        if let Err(place) = self.used.binary_search(&used)
            && self.used.len() < USED_NOTED
        {
            self.used.insert(place, used);
        }
    }

    /// Free addresses for `size` bytes; the low bits in `mask` of the address are zero. The smallest
    /// hole is taken, so that addresses, and the page tables for them, are used again.
    fn find(&mut self, size: u64, mask: u64) -> Result<u64> {
        if self.holes.is_none() {
            self.holes = Some(self.holes());
        }
        let Some(holes) = &self.holes else { return Err(Error::KERN_NO_SPACE) };
        let fits = |&(_, bytes, start): &(bool, u64, u64)| {
            let at = align(start, mask)?;
            (at - start <= bytes - size).then_some(at)
        };
        // Wherever a hole of so many bytes begins, there is room in it.
        let ample = size.saturating_add(mask & !(PAGE - 1));
        [(false, ample), (false, size), (true, ample), (true, size)]
            .into_iter()
            .find_map(|(low, least)| {
                holes.range((low, least, 0)..=(low, u64::MAX, 0)).find_map(fits)
            })
            .ok_or(Error::KERN_NO_SPACE)
    }
}

/// Free addresses as holes: those that programs choose from lie apart.
fn holes_between(start: u64, end: u64) -> impl Iterator<Item = (bool, u64, u64)> {
    let border = VM_ANYWHERE.clamp(start, end);
    let parts = [(true, border - start, start), (false, end - border, border)];
    parts.into_iter().filter(|(_, bytes, _)| *bytes > 0)
}

/// One page fewer is mapped in the block around an address; answers whether it was the last.
fn block_leave(blocks: &mut HashMap<u64, u32, FxBuildHasher>, address: u64) -> bool {
    let block = address / BLOCK;
    match blocks.get_mut(&block) {
        Some(count) if *count > 1 => {
            *count -= 1;
            false
        }
        _ => blocks.remove(&block).is_some(),
    }
}

fn align(address: u64, mask: u64) -> Option<u64> {
    let mask = mask | (PAGE - 1);
    Some(address.checked_add(mask)? & !mask)
}

/// Rounds a byte range to pages; `KERN_INVALID_ADDRESS` if it leaves the map.
pub(crate) fn page_range(address: u64, size: u64) -> Result<(u64, u64)> {
    let start = address & !(PAGE - 1);
    let end = address
        .checked_add(size)
        .and_then(|end| end.checked_add(PAGE - 1))
        .ok_or(Error::KERN_INVALID_ADDRESS)?
        & !(PAGE - 1);
    if end > VM_MAX {
        Err(Error::KERN_INVALID_ADDRESS)
    } else {
        Ok((start, end))
    }
}

/// What to map where.
pub(crate) struct Mapping {
    pub(crate) object: ObjectId,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) protection: Protection,
    pub(crate) maximum: Protection,
    pub(crate) inheritance: u32,
}

/// Where a mapping goes.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Anywhere { mask: u64 },
    At(u64),
}

impl<K: Kernel> Mach<K> {
    /// Keeps addresses for a thread page.
    pub(crate) fn map_reserve(&mut self, task: TaskId, address: u64, size: u64) -> Result<()> {
        let (start, end) = page_range(address, size)?;
        let map = &mut self.task_mut(task)?.map;
        if start < VM_MIN || !map.is_free(start, end) || !map.has_room(end - start) {
            return Err(Error::KERN_NO_SPACE);
        }
        map.insert(
            start,
            Region {
                end,
                object: None,
                offset: 0,
                protection: Protection::DEFAULT,
                maximum: Protection::DEFAULT,
                inheritance: inheritance::NONE,
                pages: PageSize::Small,
                wired: false,
            },
        );
        Ok(())
    }

    pub(crate) fn map_unreserve(&mut self, task: TaskId, address: u64) {
        if let Some(task) = self.tasks.get_mut(task)
            && task
                .map
                .regions
                .get(&address)
                .is_some_and(|region| region.object.is_none())
        {
            task.map.remove(address);
        }
    }

    /// Maps a frame and charges the page tables that this takes.
    pub(crate) fn frame_map_charged(
        &mut self,
        task: TaskId,
        address: u64,
        frame: K::Frame,
        protection: Protection,
        cache: Cache,
    ) -> Result<K::Mapping> {
        let holder = self.tasks.get_mut(task).ok_or(Error::KERN_INVALID_TASK)?;
        let (mapping, tables) =
            self.kernel.frame_map(holder.kernel, address, frame, protection, cache)?;
        if tables > 0 {
            let tables = tables as u64;
            let charged = self.accounts.charge(holder.account, Limits::objects(tables));
            if let Err(error) = charged {
                self.kernel.frame_unmap(mapping, protection);
                self.kernel.tables_free(holder.kernel, address);
                return Err(error);
            }
            holder.table_bytes += tables;
        } else if tables < 0 {
            let tables = tables.unsigned_abs();
            self.accounts.refund(holder.account, Limits::objects(tables));
            holder.table_bytes -= tables;
        }
        *holder.map.blocks.entry(address / BLOCK).or_default() += 1;
        Ok(mapping)
    }

    /// Takes a thread's page that was mapped so away, with the page tables that nothing else needs.
    pub(crate) fn frame_unmap_refunded(&mut self, task: TaskId, address: u64, mapping: K::Mapping) {
        self.kernel.frame_unmap(mapping, Protection::DEFAULT);
        if let Some(holder) = self.tasks.get_mut(task)
            && !holder.ending
            && block_leave(&mut holder.map.blocks, address)
        {
            let tables = self.kernel.tables_free(holder.kernel, address);
            holder.table_bytes -= tables;
            self.accounts.refund(holder.account, Limits::objects(tables));
        }
    }

    /// A free address for `size` bytes.
    pub(crate) fn map_find(&mut self, task: TaskId, size: u64) -> Result<u64> {
        self.task_mut(task)?.map.find(size, 0)
    }

    /// Adds a region to a map; the object gets a user more.
    pub(crate) fn map_enter(&mut self, task: TaskId, place: Place, what: Mapping) -> Result<u64> {
        let size = what
            .size
            .checked_add(PAGE - 1)
            .filter(|_| what.size > 0)
            .ok_or(Error::KERN_INVALID_ARGUMENT)?
            & !(PAGE - 1);
        let object = self.objects.get(what.object).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let (pages, page) = (object.page_size, object.page_size.bytes::<K>());
        if what.offset & (page - 1) != 0 || !what.maximum.contains(what.protection) {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        if pages == PageSize::Large && (!size.is_multiple_of(page) || size > LARGE_PAGES * page) {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        let account = self.task(task)?.account;
        self.accounts.check(account, Limits::objects(cost::REGION))?;
        let map = &mut self.task_mut(task)?.map;
        if !map.has_room(size) {
            return Err(Error::KERN_NO_SPACE);
        }
        let start = match place {
            Place::Anywhere { mask } => map.find(size, mask | (page - 1))?,
            Place::At(address) => {
                if address & (page - 1) != 0 {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                let (start, end) = page_range(address, size)?;
                if start < VM_MIN {
                    return Err(Error::KERN_INVALID_ADDRESS);
                }
                if !map.is_free(start, end) {
                    return Err(Error::KERN_NO_SPACE);
                }
                start
            }
        };
        map.insert(
            start,
            Region {
                end: start + size,
                object: Some(what.object),
                offset: what.offset,
                protection: what.protection,
                maximum: what.maximum,
                inheritance: what.inheritance,
                pages,
                wired: false,
            },
        );
        self.accounts.force(account, Limits::objects(cost::REGION));
        if let Some(object) = self.objects.get_mut(what.object) {
            object.users += 1;
            object.places.insert((task.index, start));
        }
        Ok(start)
    }

    /// Zeroed memory; large pages of it are not there yet.
    pub(crate) fn vm_allocate(
        &mut self,
        task: TaskId,
        place: Place,
        size: u64,
        pages: PageSize,
    ) -> Result<u64> {
        let account = self.task(task)?.account;
        let rounded = size
            .checked_add(PAGE - 1)
            .ok_or(Error::KERN_INVALID_ARGUMENT)?
            & !(PAGE - 1);
        if rounded == 0 || rounded > VM_MAX {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        let object = self.object_create(rounded, account, true, pages)?;
        let what = Mapping {
            object,
            offset: 0,
            size: rounded,
            protection: Protection::DEFAULT,
            maximum: Protection::ALL,
            inheritance: inheritance::COPY,
        };
        let result = self.map_enter(task, place, what);
        if result.is_err() {
            self.object_check(object);
        }
        result
    }

    /// How many regions more there are when `start` and `end` are borders.
    fn map_splits(&self, task: TaskId, start: u64, end: u64) -> Result<u64> {
        let map = &self.task(task)?.map;
        let split = |border| map.region(border).is_some_and(|(at, _)| at < border) as u64;
        Ok(split(start) + split(end))
    }

    /// Checks that `start` and `end` can be borders: a large page is all in one region.
    pub(crate) fn map_borders(&self, task: TaskId, start: u64, end: u64) -> Result<()> {
        let map = &self.task(task)?.map;
        let within = |border: u64| {
            let large = map.region(border).filter(|(_, region)| region.pages == PageSize::Large);
            large.is_some() && !border.is_multiple_of(K::LARGE_PAGE)
        };
        match within(start) || within(end) {
            true => Err(Error::KERN_INVALID_ARGUMENT),
            false => Ok(()),
        }
    }

    /// Splits regions so that `start` and `end` are borders; what this costs is charged.
    fn map_clip(&mut self, task: TaskId, start: u64, end: u64) -> Result<()> {
        let account = self.task(task)?.account;
        for border in [start, end] {
            let map = &mut self.task_mut(task)?.map;
            if let Some((at, region)) = map.region(border)
                && at < border
            {
                let Some(object) = region.object else {
                    return Err(Error::KERN_INVALID_ADDRESS);
                };
                self.map_borders(task, border, end)?;
                let map = &mut self.task_mut(task)?.map;
                if let Some(first) = map.regions.get_mut(&at) {
                    first.end = border;
                }
                // No address becomes free or is taken.
                map.regions.insert(
                    border,
                    Region {
                        offset: region.offset + (border - at),
                        ..region
                    },
                );
                if let Some(object) = self.objects.get_mut(object) {
                    object.users += 1;
                    object.places.insert((task.index, border));
                }
                self.accounts.force(account, Limits::objects(cost::REGION));
            }
        }
        Ok(())
    }

    fn map_regions(&self, task: TaskId, start: u64, end: u64) -> Vec<(u64, Region)> {
        match self.tasks.get(task) {
            Some(task) => task
                .map
                .regions
                .range(start..end)
                .map(|(at, region)| (*at, *region))
                .collect(),
            None => Vec::new(),
        }
    }

    /// Takes pages out of a map. The objects that they belong to keep them.
    pub(crate) fn pages_unmap(&mut self, task: TaskId, start: u64, end: u64) {
        let Some(holder) = self.tasks.get_mut(task) else {
            return;
        };
        let ending = holder.ending;
        let Map { mapped, blocks, .. } = &mut holder.map;
        let (kernel, kernel_task) = (&mut self.kernel, holder.kernel);
        let (mut gone, mut tables) = (0, 0);
        let groups = mapped.groups();
        mapped.take(start / PAGE..end / PAGE, drop, |at, page| {
            kernel.frame_unmap(page.mapping, page.protection);
            gone += cost::MAPPING;
            // Those of a task that ends are left together.
            if !ending && block_leave(blocks, at * PAGE) {
                tables += kernel.tables_free(kernel_task, at * PAGE);
            }
        });
        gone += (groups - mapped.groups()) as u64 * cost::MAPPINGS;
        holder.table_bytes -= tables;
        self.accounts.refund(holder.account, Limits::objects(gone + tables));
    }

    /// Takes a page out of a map where another one is about to be mapped: the page table for it stays.
    pub(crate) fn page_unmap(&mut self, task: TaskId, address: u64) {
        let Some(holder) = self.tasks.get_mut(task) else { return };
        let groups = holder.map.mapped.groups();
        if let Some(page) = holder.map.mapped.remove(address / PAGE, drop) {
            self.kernel.frame_unmap(page.mapping, page.protection);
            block_leave(&mut holder.map.blocks, address);
            let gone = (groups - holder.map.mapped.groups()) as u64 * cost::MAPPINGS;
            self.accounts.refund(holder.account, Limits::objects(cost::MAPPING + gone));
        }
    }

    /// Takes addresses out of a map; what is not allocated there is ignored.
    pub(crate) fn vm_deallocate(&mut self, task: TaskId, address: u64, size: u64) -> Result<()> {
        let (start, end) = page_range(address, size)?;
        if size == 0 {
            return Ok(());
        }
        // A hole may leave one region more than before: even an account without room may free.
        self.map_clip(task, start, end)?;
        for (at, region) in self.map_regions(task, start, end) {
            // Thread pages go with their thread.
            let Some(id) = region.object else { continue };
            self.pages_unmap(task, at, region.end);
            self.object_trim(id, region.offset, region.end - at);
            self.region_end(task, at);
        }
        Ok(())
    }

    /// Frees pages of a private object that no region uses any more.
    fn object_trim(&mut self, id: ObjectId, offset: u64, size: u64) {
        // With the last region the whole object goes.
        if self.objects.get(id).is_some_and(|object| object.private && object.users > 1) {
            self.pages_drop(id, offset / PAGE, size / PAGE);
        }
    }

    /// Empties a map.
    pub(crate) fn map_clear(&mut self, task: TaskId) {
        self.pages_unmap(task, 0, VM_MAX);
        let Some(holder) = self.tasks.get_mut(task) else {
            return;
        };
        // What it is for from now on has nothing to do with what it was a copy of, or was copied as.
        let map = &mut holder.map;
        (map.children, map.used, map.told) = (0, Vec::new(), None);
        let starts: Vec<u64> = map.regions.keys().copied().collect();
        for at in starts {
            self.region_end(task, at);
        }
    }

    /// Takes a region of which no page is mapped out of a map.
    pub(crate) fn region_end(&mut self, task: TaskId, at: u64) {
        let Some(holder) = self.tasks.get_mut(task) else { return };
        if let Some(region) = holder.map.remove(at) {
            self.region_ended(task, at, region);
        }
    }

    /// A region is in no map any more.
    pub(crate) fn region_ended(&mut self, task: TaskId, at: u64, region: Region) {
        let Some(account) = self.tasks.get(task).map(|task| task.account) else { return };
        if let Some(id) = region.object {
            self.accounts.refund(account, Limits::objects(cost::REGION));
            if let Some(object) = self.objects.get_mut(id) {
                object.places.remove(&(task.index, at));
            }
            self.object_release(id);
        }
    }

    /// Gives a new task what the regions of another one let it inherit.
    pub(crate) fn map_inherit(&mut self, parent: TaskId, child: TaskId) -> Result<()> {
        let account = self.task(child)?.account;
        let map = &mut self.task_mut(parent)?.map;
        let looks = map.children == CHILDREN_ALIKE;
        if looks {
            map.children = 0;
            map.used.clear();
        }
        map.children += 1;
        let used = map.used.clone();
        if used.is_empty() {
            self.task_mut(child)?.map.told = Some(parent);
        }
        for (at, region) in self.map_regions(parent, 0, VM_MAX) {
            let Some(id) = region.object else { continue };
            let size = region.end - at;
            let below = |end: u64| used.partition_point(|used| used.address < end);
            let used = &used[below(at)..below(region.end)];
            let mut written = None;
            let (object, offset) = match region.inheritance {
                inheritance::SHARE => {
                    if let Some(object) = self.objects.get_mut(id) {
                        object.private = false;
                    }
                    (id, region.offset)
                }
                // A device's registers cannot be copied.
                inheritance::COPY if self.region_cache(parent, at) == Cache::Device => continue,
                inheritance::COPY => {
                    if !region.wired && region.pages == PageSize::Small && !looks {
                        written = self.pages_written(parent, at, region, used);
                    }
                    (self.object_copy(id, region.offset, size, account, written.as_deref())?, 0)
                }
                _ => continue,
            };
            let what = Mapping {
                object,
                offset,
                size,
                protection: region.protection,
                maximum: region.maximum,
                inheritance: region.inheritance,
            };
            if let Err(error) = self.map_enter(child, Place::At(at), what) {
                self.object_check(object);
                return Err(error);
            }
            let first = region.offset / PAGE;
            let written = written.into_iter().flatten().map(|page| at + (page - first) * PAGE);
            for address in written.chain(used.iter().map(|used| used.address)) {
                let page = (offset + (address - at)) / PAGE;
                self.page_map_ahead(child, address, object, page, region.protection);
            }
        }
        Ok(())
    }

    /// The pages of a region's object that can be written through it now, without a fault, where they
    /// are few; with them, as far as they are few still, those that a child is likely to write to.
    fn pages_written(
        &self,
        task: TaskId,
        start: u64,
        region: Region,
        used: &[Used],
    ) -> Option<Vec<u64>> {
        let index = |address: u64| (region.offset + (address - start)) / PAGE;
        let mut written = Vec::new();
        let map = &self.tasks.get(task)?.map;
        map.mapped.for_each_noted(start / PAGE..region.end / PAGE, |page, mapped| {
            if mapped.protection.contains(Protection::WRITE) {
                written.push(index(page * PAGE));
            }
        });
        for used in used.iter().filter(|used| used.writes) {
            let page = index(used.address);
            if written.len() < WRITTEN_COPIED && !written.contains(&page) {
                written.push(page);
            }
        }
        (written.len() <= WRITTEN_COPIED).then_some(written)
    }

    /// Maps a page of an object, if it is there and nothing is mapped at the address, for a task that
    /// has not asked for it: what cannot be done comes with a fault.
    fn page_map_ahead(
        &mut self,
        task: TaskId,
        address: u64,
        object: ObjectId,
        page: u64,
        protection: Protection,
    ) {
        let object = self.objects.get(object);
        let object = object.filter(|object| object.pager.is_none() && object.cache == Cache::Normal);
        let found = object.and_then(|object| object.pages.get_common(page));
        let is_mapped =
            self.tasks.get(task).is_some_and(|task| task.map.mapped.contains(address / PAGE));
        let Some((frame, common)) = found.filter(|_| !is_mapped) else { return };
        let allowed = match common || self.kernel.frame_is_shared(frame) {
            true => protection & READ_ONLY,
            false => protection,
        };
        if allowed != Protection::NONE {
            let _ = self.page_map(task, address, frame, allowed, Cache::Normal);
        }
    }

    /// How the memory at an address is cached.
    pub(crate) fn region_cache(&self, task: TaskId, address: u64) -> Cache {
        self.tasks
            .get(task)
            .and_then(|task| task.map.region(address))
            .and_then(|(_, region)| self.objects.get(region.object?))
            .map_or(Cache::Normal, |object| object.cache)
    }

    /// Checks that a range is mapped without a hole, by regions that a test lets pass.
    fn map_check(
        &self,
        task: TaskId,
        start: u64,
        end: u64,
        test: impl Fn(&Region) -> Result<()>,
    ) -> Result<()> {
        let map = &self.task(task)?.map;
        let mut next = start;
        while next < end {
            let (_, region) = map.region(next).ok_or(Error::KERN_INVALID_ADDRESS)?;
            if region.object.is_none() {
                return Err(Error::KERN_INVALID_ADDRESS);
            }
            test(&region)?;
            next = region.end;
        }
        Ok(())
    }

    /// Makes `start` and `end` borders of regions, if the account allows what that takes.
    fn map_clip_checked(&mut self, task: TaskId, start: u64, end: u64) -> Result<()> {
        let splits = self.map_splits(task, start, end)?;
        let account = self.task(task)?.account;
        self.accounts.check(account, Limits::objects(splits * cost::REGION))?;
        self.map_clip(task, start, end)
    }

    /// Changes what a child gets of the memory in a range; holes stay holes.
    pub(crate) fn vm_inherit(
        &mut self,
        task: TaskId,
        address: u64,
        size: u64,
        inheritance: u32,
    ) -> Result<()> {
        let (start, end) = page_range(address, size)?;
        if size == 0 {
            return Ok(());
        }
        self.map_clip_checked(task, start, end)?;
        for (_, region) in self.task_mut(task)?.map.regions.range_mut(start..end) {
            if region.object.is_some() {
                region.inheritance = inheritance;
            }
        }
        Ok(())
    }

    /// Wires a range, so that nothing is to be waited for at an access, or (`Protection::NONE`) lets
    /// it be again.
    pub(crate) fn vm_wire(
        &mut self,
        task: TaskId,
        address: u64,
        size: u64,
        access: Protection,
    ) -> Result<()> {
        let (start, end) = page_range(address, size)?;
        if size == 0 {
            return Ok(());
        }
        self.map_check(task, start, end, |region| match region.protection.contains(access) {
            true => Ok(()),
            false => Err(Error::KERN_PROTECTION_FAILURE),
        })?;
        if access != Protection::NONE {
            self.range_fill(task, start, end)?;
        }
        self.map_clip_checked(task, start, end)?;
        for (_, region) in self.task_mut(task)?.map.regions.range_mut(start..end) {
            region.wired = access != Protection::NONE;
        }
        Ok(())
    }

    /// Makes all pages of a range present, for all that their regions allow.
    fn range_fill(&mut self, task: TaskId, start: u64, end: u64) -> Result<()> {
        let mut at = start;
        while at < end {
            let mut page = PAGE;
            if let Some((_, region)) = self.task(task)?.map.region(at)
                && region.object.is_some()
                && region.protection != Protection::NONE
            {
                self.page_in(task, at, region.protection)?;
                page = region.pages.bytes::<K>();
            }
            at = (at & !(page - 1)) + page;
        }
        Ok(())
    }

    /// Wires what is mapped (bit 0 of `flags`), and what will be (bit 1); neither: unwires all.
    pub(crate) fn vm_wire_all(&mut self, task: TaskId, flags: u64) -> Result<()> {
        if flags > 3 {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        if flags & 1 != 0 {
            for (at, region) in self.map_regions(task, 0, VM_MAX) {
                self.range_fill(task, at, region.end)?;
            }
        }
        let map = &mut self.task_mut(task)?.map;
        map.wire_future = flags & 2 != 0;
        if flags != 2 {
            for region in map.regions.values_mut() {
                region.wired = flags & 1 != 0 && region.object.is_some();
            }
        }
        Ok(())
    }

    /// Wires a new region where the task wants that, and makes its pages where they are large.
    pub(crate) fn map_entered(
        &mut self,
        task: TaskId,
        address: u64,
        pages: PageSize,
    ) -> Result<u64> {
        let map = &self.task(task)?.map;
        let wires = map.wire_future;
        if (wires || pages == PageSize::Large)
            && let Some((_, region)) = map.region(address)
        {
            let size = region.end - address;
            let made = match wires {
                true => self.vm_wire(task, address, size, region.protection),
                false => self.range_fill(task, address, region.end),
            };
            if let Err(error) = made {
                self.vm_deallocate(task, address, size)?;
                return Err(error);
            }
        }
        Ok(address)
    }

    pub(crate) fn vm_protect(
        &mut self,
        task: TaskId,
        address: u64,
        size: u64,
        maximum: bool,
        protection: Protection,
    ) -> Result<()> {
        let (start, end) = page_range(address, size)?;
        if size == 0 {
            return Ok(());
        }
        self.map_check(task, start, end, |region| match region.maximum.contains(protection) {
            true => Ok(()),
            false => Err(Error::KERN_PROTECTION_FAILURE),
        })?;
        self.map_clip_checked(task, start, end)?;
        for (at, region) in self.map_regions(task, start, end) {
            let Some(entry) = self.task_mut(task)?.map.regions.get_mut(&at) else { continue };
            if maximum {
                entry.maximum = protection;
                entry.protection = entry.protection & protection;
            } else {
                entry.protection = protection;
            }
            // What is allowed now and was not before comes with the next fault.
            let now = entry.protection;
            if !now.contains(region.protection) {
                self.pages_limit(task, at, region.end, now);
            }
        }
        Ok(())
    }

    /// Makes the page at an address present with the access asked for. Answers its frame.
    pub(crate) fn page_in(
        &mut self,
        task: TaskId,
        address: u64,
        access: Protection,
    ) -> Result<K::Frame> {
        self.page_make(task, address, access).map(|(frame, _)| frame)
    }

    /// The same; answers whether it was there before, too.
    fn page_make(
        &mut self,
        task: TaskId,
        address: u64,
        access: Protection,
    ) -> Result<(K::Frame, bool)> {
        let page = address & !(PAGE - 1);
        let (start, region) = self
            .task(task)?
            .map
            .region(page)
            .ok_or(Error::KERN_INVALID_ADDRESS)?;
        let object = region.object.ok_or(Error::KERN_INVALID_ADDRESS)?;
        if !region.protection.contains(access) || region.protection == Protection::NONE {
            return Err(Error::KERN_PROTECTION_FAILURE);
        }
        let page = page & !(region.pages.bytes::<K>() - 1);
        let index = (region.offset + (page - start)) / PAGE;
        let (frame, allowed) = self.object_page(object, index, access)?;
        let allowed = region.protection & allowed;
        let cache = self
            .objects
            .get(object)
            .map_or(Cache::Normal, |object| object.cache);
        let holder = self.tasks.get_mut(task).ok_or(Error::KERN_INVALID_TASK)?;
        if let Some(there) = holder.map.mapped.get_mut(page / PAGE, drop) {
            let present = there.protection.contains(access);
            if !present || there.protection == Protection::NONE {
                let was = core::mem::replace(&mut there.protection, allowed);
                self.kernel.frame_protect(holder.kernel, there.mapping, was, allowed, cache);
            }
            return Ok((frame, present));
        }
        let told = holder.map.told;
        self.page_map(task, page, frame, allowed, cache)?;
        if let Some(told) = told.and_then(|told| self.tasks.get_mut(told)) {
            told.map.used_note(Used { address: page, writes: access.contains(Protection::WRITE) });
        }
        Ok((frame, false))
    }

    /// Maps a frame where nothing is mapped.
    fn page_map(
        &mut self,
        task: TaskId,
        page: u64,
        frame: K::Frame,
        protection: Protection,
        cache: Cache,
    ) -> Result<()> {
        let holder = self.task(task)?;
        let account = holder.account;
        let first = !holder.map.mapped.is_near(page / PAGE);
        let amount = Limits::objects(cost::MAPPING + if first { cost::MAPPINGS } else { 0 });
        self.accounts.charge(account, amount)?;
        match self.frame_map_charged(task, page, frame, protection, cache) {
            Ok(mapping) => {
                self.task_mut(task)?.map.mapped.insert(page / PAGE, Mapped { mapping, protection }, drop);
                Ok(())
            }
            Err(error) => {
                self.accounts.refund(account, amount);
                Err(error)
            }
        }
    }

    /// Makes pages behind one that was just made, where a program goes through fresh memory of its
    /// own page by page: as many as there are right before it at most, so that no more is made in
    /// vain than is used.
    fn fault_ahead(&mut self, task: TaskId, address: u64) {
        let page = address & !(PAGE - 1);
        let Some(map) = self.tasks.get(task).map(|task| &task.map) else { return };
        let is_mapped = |at: &u64| map.mapped.contains(at / PAGE);
        if !is_mapped(&page.wrapping_sub(PAGES_BEFORE * PAGE)) {
            return;
        }
        let Some((start, region)) = map.region(page) else { return };
        let before = (start..page).rev().step_by(PAGE as usize).map(|last| last + 1 - PAGE);
        let count = before.take(PAGES_AHEAD as usize).take_while(is_mapped).count() as u64;
        let goes_on = count >= PAGES_BEFORE && region.pages == PageSize::Small;
        let Some(id) = region.object.filter(|_| goes_on) else { return };
        let Some(object) = self.objects.get(id) else { return };
        let Some(account) = object.account.filter(|_| {
            object.private && object.pager.is_none() && object.origin.is_none()
        }) else {
            return;
        };
        let reserve = count * AHEAD_RESERVE;
        if self.kernel.memory_free() < reserve
            || self.accounts.check(account, Limits::memory(reserve)).is_err()
        {
            return;
        }
        let first = (region.offset + (page - start)) / PAGE + 1;
        let end = (first + count).min((region.offset + (region.end - start)) / PAGE);
        let end = object.pages.range(first..end).next().map_or(end, |(there, _)| there);
        for index in first..end {
            let at = start + (index * PAGE - region.offset);
            // Nobody asked for it: that it cannot be made is no error.
            let made = self.page_fresh(id, index, account).and_then(|frame| {
                self.page_map(task, at, frame, region.protection, Cache::Normal)
            });
            if made.is_err() {
                return;
            }
        }
    }

    /// A VM fault: the page becomes present, or the thread gets an exception.
    /// Answers whether the thread goes on.
    pub fn fault(&mut self, thread: ThreadId, address: u64, access: Protection) -> bool {
        let Some(task) = self.threads.get(thread).map(|thread| thread.task) else {
            return false;
        };
        if self.is_caught(thread) {
            return false;
        }
        if self.was_held(thread) {
            return true;
        }
        self.counters.faults += 1;
        let made = self.page_make(task, address, access);
        if let Ok((_, false)) = made {
            self.fault_ahead(task, address);
        }
        let mut result = made.map(|_| ());
        if let Some(thread) = self.threads.get_mut(thread) {
            // Another thread may have faulted on the page just before. But one that faults again
            // and again where everything is in order means another address than the kernel says.
            match (made, thread.present_fault) {
                (Ok((_, true)), (last, count)) if last == address => {
                    thread.present_fault.1 = count + 1;
                    if count >= PRESENT_FAULTS {
                        result = Err(Error::KERN_INVALID_ADDRESS);
                    }
                }
                (Ok((_, true)), _) => thread.present_fault = (address, 1),
                _ => thread.present_fault = (0, 0),
            }
        }
        if result == Err(Error::WAITS) && self.awaited.is_none() {
            // More free memory was put together: it faults again.
            result = Ok(());
        } else if result == Err(Error::WAITS) {
            result = self.fault_wait(thread, address);
            if result.is_ok() {
                self.settle();
                return false;
            }
        }
        match result {
            Ok(()) => {
                if self.is_unsettled() {
                    self.settle();
                }
                true
            }
            Err(error) => {
                // EXC_BAD_ACCESS
                self.exception(thread, 1, error.0 as u64, address);
                false
            }
        }
    }

    /// The frame that an address stands for now, which is not a device's, and where the address is in
    /// it.
    pub(crate) fn frame_now(&self, task: TaskId, address: u64) -> Option<(K::Frame, usize)> {
        let (start, region) = self.tasks.get(task)?.map.region(address)?;
        let size = region.pages.bytes::<K>();
        let mut id = region.object?;
        let mut index = (region.offset + ((address & !(size - 1)) - start)) / PAGE;
        loop {
            let object = self.objects.get(id).filter(|object| object.cache != Cache::Device)?;
            if let Some((frame, _)) = object.pages.get_common(index) {
                return Some((frame, (address & (size - 1)) as usize));
            }
            let (origin, first) = object.origin?;
            (id, index) = (origin, first + index);
        }
    }

    /// A page that the mach server itself will look into, not a device's, and where the address is
    /// in it.
    pub(crate) fn page_look(
        &mut self,
        task: TaskId,
        address: u64,
        access: Protection,
    ) -> Result<(K::Frame, usize)> {
        let (_, region) = self.task(task)?.map.region(address).ok_or(Error::KERN_INVALID_ADDRESS)?;
        let object = region.object.and_then(|object| self.objects.get(object));
        if object.is_some_and(|object| object.cache == Cache::Device) {
            return Err(Error::KERN_INVALID_ADDRESS);
        }
        let offset = address & (region.pages.bytes::<K>() - 1);
        Ok((self.page_in(task, address, access)?, offset as usize))
    }

    /// Calls `f` with each piece of a range: frame, offset in it, length. Where a page of it cannot
    /// be had, `f` is not called at all.
    pub(crate) fn pieces(
        &mut self,
        task: TaskId,
        address: u64,
        size: u64,
        access: Protection,
        mut f: impl FnMut(&mut K, K::Frame, usize, usize) -> Result<()>,
    ) -> Result<()> {
        let end = address
            .checked_add(size)
            .ok_or(Error::KERN_INVALID_ADDRESS)?;
        self.pages_look(task, address, size, access)?;
        let mut at = address;
        while at < end {
            let length = (PAGE - at % PAGE).min(end - at);
            let (frame, offset) = self.page_look(task, at, access)?;
            f(&mut self.kernel, frame, offset, length as usize)?;
            at += length;
        }
        Ok(())
    }

    /// Makes all pages of a range but the last present.
    pub(crate) fn pages_look(
        &mut self,
        task: TaskId,
        address: u64,
        size: u64,
        access: Protection,
    ) -> Result<()> {
        let last = address.checked_add(size).ok_or(Error::KERN_INVALID_ADDRESS)?.saturating_sub(1);
        let mut page = address & !(PAGE - 1);
        while page < last & !(PAGE - 1) {
            self.page_look(task, page, access)?;
            page += PAGE;
        }
        if page != address & !(PAGE - 1) {
            // More than one: the first use of the last would come too late to refuse.
            self.page_look(task, last, access)?;
        }
        Ok(())
    }

    /// Reads another task's memory.
    pub(crate) fn vm_read(&mut self, task: TaskId, address: u64, bytes: &mut [u8]) -> Result<()> {
        let mut done = 0;
        let size = bytes.len() as u64;
        self.pieces(
            task,
            address,
            size,
            Protection::READ,
            |kernel, frame, offset, length| {
                kernel.frame_read(frame, offset, &mut bytes[done..done + length])?;
                done += length;
                Ok(())
            },
        )
    }

    /// Writes another task's memory.
    pub(crate) fn vm_write(&mut self, task: TaskId, address: u64, bytes: &[u8]) -> Result<()> {
        let mut done = 0;
        let size = bytes.len() as u64;
        self.pieces(
            task,
            address,
            size,
            Protection::WRITE,
            |kernel, frame, offset, length| {
                kernel.frame_write(frame, offset, &bytes[done..done + length])?;
                done += length;
                Ok(())
            },
        )
    }

    /// Copies memory between tasks.
    pub(crate) fn vm_copy(
        &mut self,
        from: TaskId,
        source: u64,
        to: TaskId,
        target: u64,
        size: u64,
    ) -> Result<()> {
        if size == 0 {
            return Ok(());
        }
        let aligned = (source | target | size).is_multiple_of(PAGE);
        let apart = from != to || source.abs_diff(target) >= size;
        if aligned && apart && size >= SHARE_FROM {
            return self.pages_copy(from, source, to, target, size);
        }
        self.bytes_copy(from, source, to, target, size)
    }

    fn bytes_copy(
        &mut self,
        from: TaskId,
        source: u64,
        to: TaskId,
        target: u64,
        size: u64,
    ) -> Result<()> {
        self.pages_look(from, source, size, Protection::READ)?;
        self.pages_look(to, target, size, Protection::WRITE)?;
        // Where the target lies behind the source in the same memory, the end goes first.
        let backwards = from == to && (source..source + size).contains(&target);
        let mut done = 0;
        while done < size {
            let left = size - done;
            let (from_at, to_at, length) = if backwards {
                let (from_end, to_end) = (source + left, target + left);
                let room = ((from_end - 1) % PAGE).min((to_end - 1) % PAGE) + 1;
                let length = room.min(left);
                (from_end - length, to_end - length, length)
            } else {
                let (from_at, to_at) = (source + done, target + done);
                (from_at, to_at, (PAGE - (from_at % PAGE).max(to_at % PAGE)).min(left))
            };
            let (from_frame, from_offset) = self.page_look(from, from_at, Protection::READ)?;
            let (to_frame, to_offset) = self.page_look(to, to_at, Protection::WRITE)?;
            self.kernel.frame_copy(from_frame, from_offset, to_frame, to_offset, length as usize)?;
            done += length;
        }
        Ok(())
    }

    /// Copies whole pages, in parts that lie in one region on either side: those that can be shared
    /// until somebody writes are.
    fn pages_copy(
        &mut self,
        from: TaskId,
        source: u64,
        to: TaskId,
        target: u64,
        size: u64,
    ) -> Result<()> {
        let allows = |access: Protection| {
            move |region: &Region| match region.protection.contains(access) {
                true => Ok(()),
                false => Err(Error::KERN_PROTECTION_FAILURE),
            }
        };
        let end = |start: u64| start.checked_add(size).ok_or(Error::KERN_INVALID_ADDRESS);
        self.map_check(from, source, end(source)?, allows(Protection::READ))?;
        self.map_check(to, target, end(target)?, allows(Protection::WRITE))?;
        let mut done = 0;
        while done < size {
            let (from_at, to_at) = (source + done, target + done);
            let side = |mach: &Self, task, at| -> Result<(ObjectId, u64, Region)> {
                let found = mach.task(task)?.map.region(at);
                let (start, region) = found.ok_or(Error::KERN_INVALID_ADDRESS)?;
                let object = region.object.ok_or(Error::KERN_INVALID_ADDRESS)?;
                Ok((object, (region.offset + (at - start)) / PAGE, region))
            };
            let (from_object, first, from_region) = side(self, from, from_at)?;
            let (to_object, at, to_region) = side(self, to, to_at)?;
            let length = (size - done).min(from_region.end - from_at).min(to_region.end - to_at);
            let is = |id, test: fn(&crate::object::Object<K>) -> bool| {
                self.objects.get(id).is_some_and(test)
            };
            let bound = |object: &crate::object::Object<K>| {
                object.pinned || object.cache == Cache::Device || object.account.is_none()
            };
            let shares = from_object != to_object
                && !from_region.wired
                && !to_region.wired
                && from_region.pages == PageSize::Small
                && to_region.pages == PageSize::Small
                && !is(from_object, bound)
                && !is(to_object, bound)
                && !is(to_object, |object| object.pager.is_some() || object.origin.is_some());
            if is(from_object, |object| object.pager.is_some() || object.origin.is_some()) {
                self.pages_look(from, from_at, length, Protection::READ)?;
            }
            if !shares || !self.pages_replace(from_object, first, length / PAGE, to_object, at)? {
                self.bytes_copy(from, from_at, to, to_at, length)?;
            }
            done += length;
        }
        Ok(())
    }
}
