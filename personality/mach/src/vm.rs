//! VM maps and memory objects.
//!
//! A map is a set of regions, each a window onto a memory object. Objects get
//! their pages when they are first touched. Every page is charged to the
//! account that the object was made with.

use crate::account::{AccountId, Limits, cost};
use crate::error::{Error, Result};
use crate::ipc::PortId;
use crate::kernel::{Cache, Kernel, Protection};
use crate::slab::Id;
use crate::task::{Mach, TaskId, ThreadId};
use alloc::collections::BTreeMap;
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

/// How often in a row a thread may fault at an address that is mapped for what it wants.
const PRESENT_FAULTS: u32 = 16;

/// A handle to a memory object.
pub type ObjectId = Id<ObjectTag>;
/// Marks handles of memory objects.
pub struct ObjectTag;

/// Memory that can be mapped.
pub(crate) struct Object<K: Kernel> {
    pub(crate) pages: BTreeMap<u64, K::Frame>,
    pub(crate) size: u64,
    pub(crate) cache: Cache,
    /// Regions and windows that use it.
    pub(crate) users: u32,
    pub(crate) port: Option<PortId>,
    /// Whom its pages are charged to; `None` for device memory and boot modules.
    pub(crate) account: Option<AccountId>,
    /// Only one region at a time uses each page, so what is unmapped is freed.
    pub(crate) private: bool,
}

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
}

/// A task's address space.
pub(crate) struct Map<K: Kernel> {
    pub(crate) regions: BTreeMap<u64, Region>,
    pub(crate) mapped: HashMap<u64, K::Mapping, FxBuildHasher>,
    hint: u64,
}

impl<K: Kernel> Map<K> {
    pub(crate) fn new() -> Map<K> {
        Map {
            regions: BTreeMap::new(),
            mapped: HashMap::default(),
            hint: VM_ANYWHERE,
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

    fn search(&self, from: u64, to: u64, size: u64, mask: u64) -> Option<u64> {
        let mut at = align(from, mask)?;
        while at.checked_add(size)? <= to {
            match self.regions.range(..at + size).next_back() {
                Some((_, region)) if region.end > at => at = align(region.end, mask)?,
                _ => return Some(at),
            }
        }
        None
    }

    /// Free addresses for `size` bytes; the low bits in `mask` of the address are zero.
    fn find(&mut self, size: u64, mask: u64) -> Result<u64> {
        let found = self
            .search(self.hint, VM_MAX, size, mask)
            .or_else(|| self.search(VM_ANYWHERE, VM_MAX, size, mask))
            .or_else(|| self.search(VM_MIN, VM_ANYWHERE, size, mask))
            .ok_or(Error::KERN_NO_SPACE)?;
        self.hint = if found >= VM_ANYWHERE {
            found + size
        } else {
            VM_ANYWHERE
        };
        Ok(found)
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
    // ---- objects

    /// An anonymous object of zeroes.
    pub(crate) fn object_create(
        &mut self,
        size: u64,
        account: AccountId,
        private: bool,
    ) -> Result<ObjectId> {
        self.accounts.charge(account, Limits::objects(cost::OBJECT))?;
        self.accounts.retain(account);
        Ok(self.objects.insert_with(|_| Object {
            pages: BTreeMap::new(),
            size,
            cache: Cache::Normal,
            users: 0,
            port: None,
            account: Some(account),
            private,
        }))
    }

    /// An object of frames that exist and are never freed or charged (devices, boot modules).
    pub fn object_of_frames(&mut self, frames: Vec<K::Frame>, cache: Cache) -> ObjectId {
        let size = frames.len() as u64 * PAGE;
        let pages = frames
            .into_iter()
            .enumerate()
            .map(|(page, frame)| (page as u64, frame))
            .collect();
        self.objects.insert_with(|_| Object {
            pages,
            size,
            cache,
            users: 1,
            port: None,
            account: None,
            private: false,
        })
    }

    /// The object's port.
    pub(crate) fn object_port(&mut self, id: ObjectId) -> Result<PortId> {
        if let Some(port) = self
            .objects
            .get(id)
            .ok_or(Error::KERN_INVALID_ARGUMENT)?
            .port
        {
            return Ok(port);
        }
        let port = self.port_for(crate::ipc::KernelObject::Memory(id));
        if let Some(object) = self.objects.get_mut(id) {
            object.port = Some(port);
            object.private = false;
        }
        Ok(port)
    }

    /// The last right to an object's port is gone.
    pub(crate) fn object_port_gone(&mut self, id: ObjectId) {
        if let Some(object) = self.objects.get_mut(id) {
            object.port = None;
        }
        self.object_check(id);
    }

    pub(crate) fn object_release(&mut self, id: ObjectId) {
        if let Some(object) = self.objects.get_mut(id) {
            object.users -= 1;
        }
        self.object_check(id);
    }

    /// Frees an object that nothing uses.
    pub(crate) fn object_check(&mut self, id: ObjectId) {
        let unused = self
            .objects
            .get(id)
            .is_some_and(|object| object.users == 0 && object.port.is_none());
        if !unused {
            return;
        }
        let Some(object) = self.objects.remove(id) else {
            return;
        };
        let Some(account) = object.account else {
            return;
        };
        let count = object.pages.len() as u64;
        for frame in object.pages.into_values() {
            self.kernel.frame_free(frame);
        }
        let amount = Limits { memory: count * PAGE, objects: cost::OBJECT, rights: 0 };
        self.accounts.refund(account, amount);
        self.accounts.release(account);
    }

    /// The frame of an object's page, made if it is not there.
    pub(crate) fn object_page(&mut self, id: ObjectId, page: u64) -> Result<K::Frame> {
        let object = self.objects.get(id).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        if let Some(frame) = object.pages.get(&page) {
            return Ok(*frame);
        }
        if page * PAGE >= object.size {
            return Err(Error::KERN_INVALID_ADDRESS);
        }
        let account = object.account.ok_or(Error::KERN_INVALID_ADDRESS)?;
        self.accounts.charge(account, Limits::memory(PAGE))?;
        match self.kernel.frame_allocate() {
            Ok(frame) => {
                if let Some(object) = self.objects.get_mut(id) {
                    object.pages.insert(page, frame);
                }
                Ok(frame)
            }
            Err(error) => {
                self.accounts.refund(account, Limits::memory(PAGE));
                Err(error)
            }
        }
    }

    // ---- maps

    /// Keeps addresses for a thread page.
    pub(crate) fn map_reserve(&mut self, task: TaskId, address: u64, size: u64) -> Result<()> {
        let (start, end) = page_range(address, size)?;
        let map = &mut self.task_mut(task)?.map;
        if start < VM_MIN || !map.is_free(start, end) {
            return Err(Error::KERN_NO_SPACE);
        }
        map.regions.insert(
            start,
            Region {
                end,
                object: None,
                offset: 0,
                protection: Protection::DEFAULT,
                maximum: Protection::DEFAULT,
                inheritance: 2,
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
            task.map.regions.remove(&address);
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
        let holder = self.task(task)?;
        let (kernel, account, debt) = (holder.kernel, holder.account, holder.table_debt);
        if debt > 0 {
            self.accounts.charge(account, Limits::objects(debt))?;
            let holder = self.task_mut(task)?;
            holder.table_bytes += debt;
            holder.table_debt = 0;
        }
        let (mapping, tables) = self
            .kernel
            .frame_map(kernel, address, frame, protection, cache)?;
        if tables > 0 {
            let charged = self.accounts.charge(account, Limits::objects(tables));
            let holder = self.task_mut(task)?;
            if let Err(error) = charged {
                // Tables stay until the task ends: it maps nothing more before it can pay for them.
                holder.table_debt = tables;
                self.kernel.frame_unmap(mapping);
                return Err(error);
            }
            holder.table_bytes += tables;
        }
        Ok(mapping)
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
        if !what.offset.is_multiple_of(PAGE) || !what.maximum.contains(what.protection) {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        if self.objects.get(what.object).is_none() {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        let account = self.task(task)?.account;
        self.accounts.check(account, Limits::objects(cost::REGION))?;
        let map = &mut self.task_mut(task)?.map;
        let start = match place {
            Place::Anywhere { mask } => map.find(size, mask)?,
            Place::At(address) => {
                if address % PAGE != 0 {
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
        map.regions.insert(
            start,
            Region {
                end: start + size,
                object: Some(what.object),
                offset: what.offset,
                protection: what.protection,
                maximum: what.maximum,
                inheritance: what.inheritance,
            },
        );
        self.accounts.force(account, Limits::objects(cost::REGION));
        if let Some(object) = self.objects.get_mut(what.object) {
            object.users += 1;
        }
        Ok(start)
    }

    /// Zeroed memory.
    pub(crate) fn vm_allocate(&mut self, task: TaskId, place: Place, size: u64) -> Result<u64> {
        let account = self.task(task)?.account;
        let rounded = size
            .checked_add(PAGE - 1)
            .ok_or(Error::KERN_INVALID_ARGUMENT)?
            & !(PAGE - 1);
        if rounded == 0 || rounded > VM_MAX {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        let object = self.object_create(rounded, account, true)?;
        let what = Mapping {
            object,
            offset: 0,
            size: rounded,
            protection: Protection::DEFAULT,
            maximum: Protection::ALL,
            inheritance: 1,
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
                if let Some(first) = map.regions.get_mut(&at) {
                    first.end = border;
                }
                map.regions.insert(
                    border,
                    Region {
                        offset: region.offset + (border - at),
                        ..region
                    },
                );
                if let Some(object) = self.objects.get_mut(object) {
                    object.users += 1;
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

    fn pages_unmap(&mut self, task: TaskId, start: u64, end: u64) {
        let Some(holder) = self.tasks.get_mut(task) else {
            return;
        };
        let map = &mut holder.map;
        let pages = (end - start) / PAGE;
        if (map.mapped.len() as u64) < pages {
            let kernel = &mut self.kernel;
            map.mapped.retain(|address, mapping| {
                let inside = (start..end).contains(address);
                if inside {
                    kernel.frame_unmap(*mapping);
                }
                !inside
            });
        } else {
            for page in 0..pages {
                if let Some(mapping) = map.mapped.remove(&(start + page * PAGE)) {
                    self.kernel.frame_unmap(mapping);
                }
            }
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
        let account = self.task(task)?.account;
        for (at, region) in self.map_regions(task, start, end) {
            // Thread pages go with their thread.
            let Some(id) = region.object else { continue };
            self.task_mut(task)?.map.regions.remove(&at);
            self.accounts.refund(account, Limits::objects(cost::REGION));
            self.pages_unmap(task, at, region.end);
            self.object_trim(id, region.offset, region.end - at);
            self.object_release(id);
        }
        Ok(())
    }

    /// Frees pages of a private object that no region uses any more.
    fn object_trim(&mut self, id: ObjectId, offset: u64, size: u64) {
        let Some(object) = self.objects.get_mut(id) else {
            return;
        };
        let Some(account) = object
            .account
            .filter(|_| object.private && object.users > 1)
        else {
            return;
        };
        let first = offset / PAGE;
        let pages: Vec<u64> = object
            .pages
            .range(first..first + size / PAGE)
            .map(|(page, _)| *page)
            .collect();
        let mut freed = 0;
        for page in pages {
            if let Some(frame) = object.pages.remove(&page) {
                self.kernel.frame_free(frame);
                freed += PAGE;
            }
        }
        self.accounts.refund(account, Limits::memory(freed));
    }

    /// Empties a map.
    pub(crate) fn map_clear(&mut self, task: TaskId) {
        let Some(holder) = self.tasks.get_mut(task) else {
            return;
        };
        let account = holder.account;
        let regions = core::mem::take(&mut holder.map.regions);
        for (_, mapping) in holder.map.mapped.drain() {
            self.kernel.frame_unmap(mapping);
        }
        for region in regions.into_values() {
            if let Some(object) = region.object {
                self.accounts.refund(account, Limits::objects(cost::REGION));
                self.object_release(object);
            }
        }
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
        let mut next = start;
        while next < end {
            let (_, region) = self
                .task(task)?
                .map
                .region(next)
                .ok_or(Error::KERN_INVALID_ADDRESS)?;
            if region.object.is_none() {
                return Err(Error::KERN_INVALID_ADDRESS);
            }
            if !region.maximum.contains(protection) {
                return Err(Error::KERN_PROTECTION_FAILURE);
            }
            next = region.end;
        }
        let splits = self.map_splits(task, start, end)?;
        let account = self.task(task)?.account;
        self.accounts.check(account, Limits::objects(splits * cost::REGION))?;
        self.map_clip(task, start, end)?;
        for (at, region) in self.map_regions(task, start, end) {
            let cache = region
                .object
                .and_then(|object| self.objects.get(object))
                .map_or(Cache::Normal, |object| object.cache);
            let holder = self.tasks.get_mut(task).ok_or(Error::KERN_INVALID_TASK)?;
            let kernel = holder.kernel;
            let Some(entry) = holder.map.regions.get_mut(&at) else {
                continue;
            };
            if maximum {
                entry.maximum = protection;
                entry.protection = Protection(entry.protection.0 & protection.0);
            } else {
                entry.protection = protection;
            }
            let new = entry.protection;
            if new == region.protection {
                continue;
            }
            if new == Protection::NONE {
                self.pages_unmap(task, at, region.end);
                continue;
            }
            let mapped = &holder.map.mapped;
            if (mapped.len() as u64) < (region.end - at) / PAGE {
                for (page, mapping) in mapped {
                    if (at..region.end).contains(page) {
                        self.kernel.frame_protect(kernel, *mapping, new, cache);
                    }
                }
            } else {
                for page in (at..region.end).step_by(PAGE as usize) {
                    if let Some(mapping) = mapped.get(&page) {
                        self.kernel.frame_protect(kernel, *mapping, new, cache);
                    }
                }
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
        let frame = self.object_page(object, (region.offset + (page - start)) / PAGE)?;
        if !self.task(task)?.map.mapped.contains_key(&page) {
            let cache = self
                .objects
                .get(object)
                .map_or(Cache::Normal, |object| object.cache);
            let mapping = self.frame_map_charged(task, page, frame, region.protection, cache)?;
            self.task_mut(task)?.map.mapped.insert(page, mapping);
        }
        Ok(frame)
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
        let page = address & !(PAGE - 1);
        let present = self
            .tasks
            .get(task)
            .is_some_and(|task| task.map.mapped.contains_key(&page));
        let mut result = self.page_in(task, address, access).map(|_| ());
        if let Some(thread) = self.threads.get_mut(thread) {
            // Another thread may have faulted on the page just before. But one that faults again
            // and again where everything is in order means another address than the kernel says.
            match (present, thread.present_fault) {
                (false, _) => thread.present_fault = (0, 0),
                (true, (last, count)) if last == address => {
                    thread.present_fault.1 = count + 1;
                    if count >= PRESENT_FAULTS && result.is_ok() {
                        result = Err(Error::KERN_INVALID_ADDRESS);
                    }
                }
                (true, _) => thread.present_fault = (address, 1),
            }
        }
        match result {
            Ok(()) => true,
            Err(error) => {
                // EXC_BAD_ACCESS
                self.exception(thread, 1, error.0 as u64, address);
                false
            }
        }
    }

    /// A page that the mach server itself will look into: not a device's.
    fn page_look(&mut self, task: TaskId, address: u64, access: Protection) -> Result<K::Frame> {
        let region = self.task(task)?.map.region(address & !(PAGE - 1));
        let device = region
            .and_then(|(_, region)| self.objects.get(region.object?))
            .is_some_and(|object| object.cache == Cache::Device);
        if device {
            return Err(Error::KERN_INVALID_ADDRESS);
        }
        self.page_in(task, address, access)
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
            let offset = at % PAGE;
            let length = (PAGE - offset).min(end - at);
            let frame = self.page_look(task, at, access)?;
            f(&mut self.kernel, frame, offset as usize, length as usize)?;
            at += length;
        }
        Ok(())
    }

    /// Makes all pages of a range but the last present.
    fn pages_look(
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
            let (from_offset, to_offset) = (from_at % PAGE, to_at % PAGE);
            let from_frame = self.page_look(from, from_at, Protection::READ)?;
            let to_frame = self.page_look(to, to_at, Protection::WRITE)?;
            self.kernel.frame_copy(
                from_frame,
                from_offset as usize,
                to_frame,
                to_offset as usize,
                length as usize,
            )?;
            done += length;
        }
        Ok(())
    }

    /// A private copy of part of an object, to map elsewhere.
    pub(crate) fn object_copy(
        &mut self,
        source: ObjectId,
        offset: u64,
        size: u64,
        account: AccountId,
    ) -> Result<ObjectId> {
        let first = offset / PAGE;
        let count = size.div_ceil(PAGE);
        if self.objects.get(source).is_none_or(|object| object.cache == Cache::Device) {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        let copy = self.object_create(count * PAGE, account, true)?;
        let pages: Vec<(u64, K::Frame)> = match self.objects.get(source) {
            Some(object) => object
                .pages
                .range(first..first.saturating_add(count))
                .map(|(page, frame)| (*page, *frame))
                .collect(),
            None => Vec::new(),
        };
        for (page, from) in pages {
            let copied = self
                .object_page(copy, page - first)
                .and_then(|to| self.kernel.frame_copy(from, 0, to, 0, PAGE as usize));
            if let Err(error) = copied {
                self.object_check(copy);
                return Err(error);
            }
        }
        Ok(copy)
    }
}
