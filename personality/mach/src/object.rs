//! Memory objects: pages that can be mapped, shared and copied.
//!
//! A copy of memory is made of the same frames: each object that holds a frame
//! pays for a page of its own, and the one that wants to write while there are
//! other holders takes a new frame. Objects hold near frames as one group, which
//! copies have in common until one of them changes a page of it. There are no
//! chains of objects however often something is copied.

use crate::account::{AccountId, Limits, cost};
use crate::error::{Error, Result};
use crate::ipc::PortId;
use crate::kernel::{BLOCK, Cache, Kernel, Protection};
use crate::pager::Pager;
use crate::pages::Pages;
use crate::slab::Id;
use crate::task::{Mach, TaskId};
use crate::vm::{Mapped, PAGE, PageSize};
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::Range;

/// A handle to a memory object.
pub type ObjectId = Id<ObjectTag>;
/// Marks handles of memory objects.
pub struct ObjectTag;

/// From so many pages of a block on, it is cheaper to hide the whole block than to change each.
const HIDE_FROM: usize = 12;
/// Everything but writing.
pub(crate) const READ_ONLY: Protection = Protection(Protection::ALL.0 & !Protection::WRITE.0);

/// Pages that are freed together with their object.
const PAGES_AT_ONCE: usize = 64;

/// Memory that can be mapped.
pub(crate) struct Object<K: Kernel> {
    pub(crate) pages: Pages<K::Frame>,
    pub(crate) size: u64,
    /// What `pages` are: large ones never have a pager or an origin.
    pub(crate) page_size: PageSize,
    pub(crate) cache: Cache,
    /// Regions, windows, and copies that may still need its pages.
    pub(crate) users: u32,
    /// Its regions: place of the task, first address.
    pub(crate) places: BTreeSet<(u32, u64)>,
    pub(crate) port: Option<PortId>,
    /// Whom its pages are charged to; `None` for device memory and boot modules.
    pub(crate) account: Option<AccountId>,
    /// Only one region at a time uses each page, so what is unmapped is freed.
    pub(crate) private: bool,
    /// Somebody relies on which frames it has: a copy of it has frames of its own.
    pub(crate) pinned: bool,
    /// The pager's object that pages which it lacks come from, and the number of its first page there.
    pub(crate) origin: Option<(ObjectId, u64)>,
    /// Who provides its pages, if they are not zeroes at first.
    pub(crate) pager: Option<Box<Pager>>,
}

impl<K: Kernel> Object<K> {
    fn new(size: u64, account: Option<AccountId>) -> Object<K> {
        Object {
            pages: Pages::new(),
            size,
            page_size: PageSize::Small,
            cache: Cache::Normal,
            users: 0,
            places: BTreeSet::new(),
            port: None,
            account,
            private: false,
            pinned: false,
            origin: None,
            pager: None,
        }
    }

    /// Bytes of its pages.
    pub(crate) fn memory(&self) -> u64 {
        self.pages.len() as u64 * self.page_size.bytes::<K>()
    }
}

impl<K: Kernel> Mach<K> {
    /// An anonymous object of zeroes.
    pub(crate) fn object_create(
        &mut self,
        size: u64,
        account: AccountId,
        private: bool,
        page_size: PageSize,
    ) -> Result<ObjectId> {
        self.accounts
            .check(account, Limits::objects(cost::OBJECT))?;
        let id = self.object_force(size, account);
        if let Some(object) = self.objects.get_mut(id) {
            object.private = private;
            object.page_size = page_size;
        }
        Ok(id)
    }

    /// The same, even past the limits of the account.
    pub(crate) fn object_force(&mut self, size: u64, account: AccountId) -> ObjectId {
        self.accounts.force(account, Limits::objects(cost::OBJECT));
        self.accounts.retain(account);
        self.objects
            .insert_with(|_| Object::new(size, Some(account)))
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
            cache,
            users: 1,
            pinned: true,
            ..Object::new(size, None)
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

    /// One user more.
    pub(crate) fn object_retain(&mut self, id: ObjectId) {
        if let Some(object) = self.objects.get_mut(id) {
            object.users += 1;
        }
    }

    /// One user fewer.
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
        if !unused || self.pager_keeps(id) {
            return;
        }
        let Some(object) = self.objects.remove(id) else {
            return;
        };
        let Some(account) = object.account else {
            return;
        };
        let mut memory = object.memory();
        if object.pages.len() > PAGES_AT_ONCE {
            self.pages_end(object.pages, object.page_size, account);
            memory = 0;
        } else {
            let mut pages = object.pages;
            while !pages.is_empty() {
                pages.take_some(|frame| self.kernel.frame_free(frame));
            }
        }
        let pager = if object.pager.is_some() {
            cost::PAGER
        } else {
            0
        };
        let amount = Limits {
            memory,
            objects: cost::OBJECT + pager,
            rights: 0,
        };
        self.accounts.refund(account, amount);
        self.accounts.release(account);
        self.origin_release(id, object.origin);
    }

    /// A copy needs no pages of the pager's object any more.
    fn origin_release(&mut self, id: ObjectId, origin: Option<(ObjectId, u64)>) {
        if let Some((origin, _)) = origin {
            if let Some(pager) = self.pager_mut(origin) {
                pager.copies.remove(&id.to_word());
            }
            self.object_release(origin);
        }
    }

    /// Makes an object without pages one that has none and gets none, and that nobody pays for: it
    /// is as small as the names and regions that still denote it.
    pub(crate) fn object_disown(&mut self, id: ObjectId) {
        let Some(object) = self.objects.get_mut(id) else { return };
        let Some(account) = object.account.take() else { return };
        object.size = 0;
        let origin = object.origin.take();
        self.accounts.refund(account, Limits::objects(cost::OBJECT));
        self.accounts.release(account);
        self.origin_release(id, origin);
    }

    /// The frame of an object's page for an access, with what a mapping of it may allow. The page is
    /// made if it is not there; [`Error::WAITS`] if its pager has to be waited for, or memory to be put
    /// together.
    pub(crate) fn object_page(
        &mut self,
        id: ObjectId,
        page: u64,
        access: Protection,
    ) -> Result<(K::Frame, Protection)> {
        let object = self.objects.get(id).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        if let Some((frame, common)) = object.pages.get_common(page) {
            if object.pager.is_some() {
                return self.pager_page(id, page, frame, access);
            }
            if !common && !self.kernel.frame_is_shared(frame) {
                return Ok((frame, Protection::ALL));
            }
            if !access.contains(Protection::WRITE) {
                return Ok((frame, READ_ONLY));
            }
            return Ok((self.page_own(id, page, frame)?, Protection::ALL));
        }
        if page >= object.size / PAGE {
            return Err(Error::KERN_INVALID_ADDRESS);
        }
        let account = object.account.ok_or(Error::KERN_INVALID_ADDRESS)?;
        if object.pager.is_some() {
            return Err(self.pager_ask(id, page, access));
        }
        if let Some((origin, first)) = object.origin {
            let reads = if access == Protection::NONE {
                access
            } else {
                Protection::READ
            };
            let (frame, _) = self.object_page(origin, first + page, reads)?;
            self.page_take(origin, first + page, frame, id, page, account)?;
            // Now it is one of its own pages.
            return self.object_page(id, page, access);
        }
        let frame = match object.page_size {
            PageSize::Small => self.page_fresh(id, page, account)?,
            PageSize::Large => self.page_fresh_large(id, page, account)?,
        };
        Ok((frame, Protection::ALL))
    }

    /// A page of zeroes for an object of small ones that lacks it.
    pub(crate) fn page_fresh(
        &mut self,
        id: ObjectId,
        page: u64,
        account: AccountId,
    ) -> Result<K::Frame> {
        self.accounts.charge(account, Limits::memory(PAGE))?;
        match self.kernel.frame_allocate() {
            Ok(frame) => {
                self.counters.zero_fills += 1;
                self.page_put(id, page, frame);
                Ok(frame)
            }
            Err(error) => {
                self.accounts.refund(account, Limits::memory(PAGE));
                Err(error)
            }
        }
    }

    /// The same for an object of large pages.
    #[cold]
    fn page_fresh_large(&mut self, id: ObjectId, page: u64, account: AccountId) -> Result<K::Frame> {
        self.accounts.charge(account, Limits::memory(K::LARGE_PAGE))?;
        let made = self.kernel.frame_allocate_large();
        let frame = made.map_err(|error| {
            self.accounts.refund(account, Limits::memory(K::LARGE_PAGE));
            self.page_refused(PageSize::Large, error)
        })?;
        self.counters.zero_fills += 1;
        self.page_put(id, page, frame);
        Ok(frame)
    }

    /// Why there is no page: [`Error::WAITS`] while free memory can be put together for a large one.
    #[cold]
    fn page_refused(&mut self, size: PageSize, error: Error) -> Error {
        let joins = size == PageSize::Large
            && error == Error::KERN_RESOURCE_SHORTAGE
            && self.kernel.memory_join();
        if !joins {
            return error;
        }
        // No pager's page is waited for.
        self.awaited = None;
        Error::WAITS
    }

    /// A frame becomes an object's page; one that was there is the caller's then.
    #[inline]
    pub(crate) fn page_put(&mut self, id: ObjectId, page: u64, frame: K::Frame) {
        if let Some(object) = self.objects.get_mut(id) {
            object.pages.insert(page, frame, |frame| self.kernel.frame_retain(frame));
        }
    }

    /// Gives an object a frame of its own for a page whose frame has other holders.
    pub(crate) fn page_own(&mut self, id: ObjectId, page: u64, old: K::Frame) -> Result<K::Frame> {
        let new = self.kernel.frame_duplicate(old).map_err(|error| {
            let size = self.objects.get(id).map_or(PageSize::Small, |object| object.page_size);
            self.page_refused(size, error)
        })?;
        for (task, address, ..) in self.object_places(id, page, 1) {
            self.page_unmap(task, address);
        }
        self.page_put(id, page, new);
        self.kernel.frame_free(old);
        self.counters.cow_faults += 1;
        Ok(new)
    }

    /// Another object takes a share in a page that it lacks.
    fn page_take(
        &mut self,
        from: ObjectId,
        page: u64,
        frame: K::Frame,
        to: ObjectId,
        at: u64,
        account: AccountId,
    ) -> Result<()> {
        self.accounts.charge(account, Limits::memory(PAGE))?;
        self.page_share(from, page, frame, to, at);
        Ok(())
    }

    /// The same, paid for already.
    pub(crate) fn page_share(
        &mut self,
        from: ObjectId,
        page: u64,
        frame: K::Frame,
        to: ObjectId,
        at: u64,
    ) {
        self.kernel.frame_retain(frame);
        self.page_put(to, at, frame);
        self.object_withdraw(from, page, 1, READ_ONLY);
    }

    /// The parts of regions that show some pages of an object: task, start, end, whether they are wired.
    pub(crate) fn object_places(
        &self,
        id: ObjectId,
        first: u64,
        count: u64,
    ) -> Vec<(TaskId, u64, u64, bool)> {
        let Some(object) = self.objects.get(id) else {
            return Vec::new();
        };
        let (from, to) = (
            first * PAGE,
            first.saturating_add(count).saturating_mul(PAGE),
        );
        object
            .places
            .iter()
            .filter_map(|&(task, start)| {
                let task = self.tasks.at(task)?;
                let region = self.tasks.get(task)?.map.regions.get(&start)?;
                let behind = region.offset + (region.end - start);
                let (low, high) = (region.offset.max(from), behind.min(to));
                (low < high).then(|| {
                    let address = start + (low - region.offset);
                    (task, address, address + (high - low), region.wired)
                })
            })
            .collect()
    }

    /// Mappings of some pages lose every access that is not in `keep`.
    pub(crate) fn object_withdraw(
        &mut self,
        id: ObjectId,
        first: u64,
        count: u64,
        keep: Protection,
    ) {
        for (task, start, end, _) in self.object_places(id, first, count) {
            self.pages_limit(task, start, end, keep);
        }
    }

    /// Mapped pages of a range lose every access that is not in `keep`.
    pub(crate) fn pages_limit(&mut self, task: TaskId, start: u64, end: u64, keep: Protection) {
        if keep == Protection::NONE {
            self.pages_unmap(task, start, end);
            return;
        }
        let Some(holder) = self.tasks.get(task) else {
            return;
        };
        let mut pages = Vec::new();
        let range = start / PAGE..end / PAGE;
        let mut look = |at, page: Mapped<K::Mapping>| {
            if !keep.contains(page.protection) {
                pages.push(at * PAGE);
            }
        };
        // What has not changed since it was made read only is so still.
        match keep {
            READ_ONLY => holder.map.mapped.for_each_noted(range.clone(), &mut look),
            _ => holder.map.mapped.for_each(range.clone(), &mut look),
        }
        for part in pages.chunk_by(|a, b| a / BLOCK == b / BLOCK) {
            if part.len() < HIDE_FROM || !self.block_hide(task, part[0]) {
                for at in part {
                    self.page_limit(task, *at, keep);
                }
            }
        }
        if keep == READ_ONLY
            && let Some(holder) = self.tasks.get_mut(task)
        {
            holder.map.mapped.forget_noted(range);
        }
    }

    fn page_limit(&mut self, task: TaskId, at: u64, keep: Protection) {
        let cache = self.region_cache(task, at);
        let Some(holder) = self.tasks.get_mut(task) else {
            return;
        };
        if let Some(page) = holder.map.mapped.get_mut(at / PAGE, drop) {
            let was = page.protection;
            page.protection = was & keep;
            self.kernel
                .frame_protect(holder.kernel, page.mapping, was, page.protection, cache);
        }
    }

    /// Hides all pages of a block: each is brought back by the next fault on it.
    fn block_hide(&mut self, task: TaskId, address: u64) -> bool {
        let Some(holder) = self.tasks.get_mut(task) else {
            return false;
        };
        if !self.kernel.block_hide(holder.kernel, address) {
            return false;
        }
        let start = address & !(BLOCK - 1);
        let hidden = start / PAGE..(start + BLOCK) / PAGE;
        for (_, page) in holder.map.mapped.range_mut(hidden) {
            page.protection = Protection::NONE;
        }
        // The pages of threads are always there.
        for thread in &holder.threads {
            if let Some(thread) = self.threads.get(*thread)
                && thread.page_address & !(BLOCK - 1) == start
            {
                let (was, access) = (Protection::NONE, Protection::DEFAULT);
                self.kernel
                    .frame_protect(holder.kernel, thread.page_mapping, was, access, Cache::Normal);
            }
        }
        true
    }

    /// A private copy of part of an object, to map elsewhere: it shares the frames until somebody
    /// writes, except those that somebody relies on. `written` as [`Mach::pages_share`] takes it.
    pub(crate) fn object_copy(
        &mut self,
        source: ObjectId,
        offset: u64,
        size: u64,
        account: AccountId,
        written: Option<&[u64]>,
    ) -> Result<ObjectId> {
        let first = offset / PAGE;
        let count = size.div_ceil(PAGE);
        let object = self
            .objects
            .get(source)
            .ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let page_size = object.page_size;
        let part = (offset | (count * PAGE)) & (page_size.bytes::<K>() - 1);
        if object.cache == Cache::Device || part != 0 {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        let origin = match (&object.pager, object.origin) {
            (Some(_), _) => Some((source, first)),
            (None, Some((origin, from))) => Some((origin, from + first)),
            (None, None) => None,
        };
        let copy = self.object_create(count * PAGE, account, true, page_size)?;
        if let Err(error) = self.pages_share(source, first, count, copy, 0, written) {
            self.object_check(copy);
            return Err(error);
        }
        if let Some((root, _)) = origin {
            self.object_retain(root);
            if let Some(pager) = self.pager_mut(root) {
                pager.copies.insert(copy.to_word());
            }
            if let Some(object) = self.objects.get_mut(copy) {
                object.origin = origin;
            }
        }
        Ok(copy)
    }

    /// Puts the pages that are there of a range of one object into another one, which has pages of
    /// the same size but none there, and pays for them. On failure nothing is put.
    ///
    /// `written` are pages that are copied at once, because somebody is likely to write to them soon:
    /// all that a region which shows some of the range, and is not wired, lets be written now.
    pub(crate) fn pages_share(
        &mut self,
        from: ObjectId,
        first: u64,
        count: u64,
        to: ObjectId,
        at: u64,
        written: Option<&[u64]>,
    ) -> Result<()> {
        let range = first..first.saturating_add(count);
        let source = self.objects.get(from).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let target = self.objects.get(to).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let account = target.account.ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let bound = source.pinned || target.pinned;
        // Who says what was written has one region in mind, which is not wired.
        let written = written.filter(|_| source.places.len() == 1);
        let looks = !bound && written.is_none();
        let wired = if looks { self.object_wired(from) } else { Vec::new() };
        if bound || !wired.is_empty() || source.pager.is_some() {
            let is_own = |page| bound || wired.iter().any(|(start, end)| (*start..*end).contains(&page));
            return self.pages_share_some(from, range, to, at, account, is_own);
        }
        let present = match range.start == 0 && range.end >= source.size / PAGE {
            true => source.pages.len(),
            false => source.pages.count(range.clone()),
        };
        if present == 0 {
            return Ok(());
        }
        let bytes = present as u64 * source.page_size.bytes::<K>();
        self.accounts.charge(account, Limits::memory(bytes))?;
        let target = self.objects.get_mut(to).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let mut pages = core::mem::replace(&mut target.pages, Pages::new());
        // Nobody else may write what is shared.
        let mut withdraws = true;
        if let Some(source) = self.objects.get(from) {
            let kernel = &mut self.kernel;
            pages.share(&source.pages, range, at, |frame| kernel.frame_retain(frame));
            if let Some(written) = written {
                withdraws = !written.iter().all(|page| {
                    let Some(frame) = source.pages.get(*page) else { return true };
                    let Ok(copy) = kernel.frame_duplicate(frame) else { return false };
                    let put = pages.insert(page - first + at, copy, |frame| kernel.frame_retain(frame));
                    put.into_iter().for_each(|frame| kernel.frame_free(frame));
                    true
                });
            }
        }
        if let Some(target) = self.objects.get_mut(to) {
            target.pages = pages;
        }
        if withdraws {
            self.object_withdraw(from, first, count, READ_ONLY);
        }
        Ok(())
    }

    /// The same page by page, where the new object must have some frames for itself, or where a
    /// pager hides some.
    fn pages_share_some(
        &mut self,
        from: ObjectId,
        range: Range<u64>,
        to: ObjectId,
        at: u64,
        account: AccountId,
        is_own: impl Fn(u64) -> bool,
    ) -> Result<()> {
        let source = self.objects.get(from).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let hides = |page| source.pager.as_ref().is_some_and(|pager| pager.hides(page));
        let mut pages: Vec<(u64, K::Frame)> =
            source.pages.range(range.clone()).filter(|(page, _)| !hides(*page)).collect();
        let size = source.page_size;
        let amount = Limits::memory(pages.len() as u64 * size.bytes::<K>());
        self.accounts.charge(account, amount)?;
        for done in 0..pages.len() {
            let (page, frame) = pages[done];
            if !is_own(page) {
                self.kernel.frame_retain(frame);
                continue;
            }
            match self.kernel.frame_duplicate(frame) {
                Ok(frame) => pages[done].1 = frame,
                Err(error) => {
                    for (_, frame) in &pages[..done] {
                        self.kernel.frame_free(*frame);
                    }
                    self.accounts.refund(account, amount);
                    return Err(self.page_refused(size, error));
                }
            }
        }
        let shared = pages.iter().any(|(page, _)| !is_own(*page));
        for (page, frame) in pages {
            self.page_put(to, page - range.start + at, frame);
        }
        if shared {
            self.object_withdraw(from, range.start, range.end - range.start, READ_ONLY);
        }
        Ok(())
    }

    /// Replaces pages of one object by what another one has, without a copy. Answers `false`, and has
    /// done nothing, where some of them are wired in a map.
    pub(crate) fn pages_replace(
        &mut self,
        from: ObjectId,
        first: u64,
        count: u64,
        to: ObjectId,
        at: u64,
    ) -> Result<bool> {
        let wired = |list: Vec<(u64, u64)>, first: u64| {
            list.iter()
                .any(|(start, end)| *start < first + count && first < *end)
        };
        if wired(self.object_wired(from), first) || wired(self.object_wired(to), at) {
            return Ok(false);
        }
        let pages = |id, first| {
            let object = self.objects.get(id);
            object.map_or(0, |object| object.pages.count(first..first + count) as u64)
        };
        let (new, old) = (pages(from, first), pages(to, at));
        let target = self.objects.get(to).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let account = target.account.ok_or(Error::KERN_INVALID_ARGUMENT)?;
        self.accounts
            .check(account, Limits::memory(new.saturating_sub(old) * PAGE))?;
        self.object_withdraw(to, at, count, Protection::NONE);
        self.pages_drop(to, at, count);
        self.pages_share(from, first, count, to, at, None)?;
        Ok(true)
    }

    /// Ranges of pages that are wired in some map.
    pub(crate) fn object_wired(&self, id: ObjectId) -> Vec<(u64, u64)> {
        let Some(object) = self.objects.get(id) else {
            return Vec::new();
        };
        let wired = object.places.iter().filter_map(|&(task, start)| {
            let region = self
                .tasks
                .get(self.tasks.at(task)?)?
                .map
                .regions
                .get(&start)?;
            let first = region.offset / PAGE;
            region
                .wired
                .then(|| (first, first + (region.end - start) / PAGE))
        });
        wired.collect()
    }

    /// Takes pages out of an object and frees them; no mapping shows them any more.
    pub(crate) fn pages_drop(&mut self, id: ObjectId, first: u64, count: u64) {
        let Some(object) = self.objects.get_mut(id) else {
            return;
        };
        let Some(account) = object.account else {
            return;
        };
        let end = first.saturating_add(count);
        let before = object.memory();
        let kernel = RefCell::new(&mut self.kernel);
        let keep = |frame| kernel.borrow_mut().frame_retain(frame);
        object.pages.take(first..end, keep, |_, frame| kernel.borrow_mut().frame_free(frame));
        let freed = before - object.memory();
        self.accounts.refund(account, Limits::memory(freed));
    }
}
