//! The mach server's routines on memory, as they arrive in messages.

use crate::abi::{
    LARGE_PAGE, MESSAGE_WORDS, NO_CHANGE, memory_object, memory_return, routine, sync, vm_flags,
};
use crate::account::{AccountId, Limits};
use crate::error::{Error, Result};
use crate::ipc::{Carried, KernelObject, Owner, PortId};
use crate::kernel::{Kernel, Protection};
use crate::object::ObjectId;
use crate::rpc::{Input, Output, bytes_of};
use crate::task::{Mach, TaskId};
use crate::vm::{Mapping, PAGE, PageSize, Place, VM_MAX, inheritance, page_range};

/// Bytes that a pager supplies at once.
const SUPPLY_MAX: u64 = 1 << 20;

impl<K: Kernel> Mach<K> {
    /// Carries a routine out that may be one on memory.
    pub(crate) fn memory_routine(
        &mut self,
        task: TaskId,
        label: u32,
        input: &mut Input<'_>,
        out: &mut Output,
    ) -> Result<()> {
        match label {
            routine::VM_ALLOCATE => {
                let target = self.target(task, input.name()?)?;
                let (address, size) = (input.word()?, input.word()?);
                let (place, pages) = Self::flags_of(input.word()?, address, 0)?;
                let at = self.vm_allocate(target, place, size, pages)?;
                out.put(self.map_entered(target, at, pages)?);
            }
            routine::VM_DEALLOCATE => {
                let target = self.target(task, input.name()?)?;
                let (address, size) = (input.word()?, input.word()?);
                self.vm_deallocate(target, address, size)?;
            }
            routine::VM_PROTECT => {
                let target = self.target(task, input.name()?)?;
                let (address, size, maximum) = (input.word()?, input.word()?, input.word()?);
                let protection = Protection::from_word(input.word()?)?;
                self.vm_protect(target, address, size, maximum != 0, protection)?;
            }
            routine::VM_READ => {
                let target = self.target(task, input.name()?)?;
                let (address, size) = (input.word()?, input.word()?);
                if size > (MESSAGE_WORDS as u64 - 1) * 8 {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                let mut bytes = alloc::vec![0; size as usize];
                self.vm_read(target, address, &mut bytes)?;
                out.put(size);
                out.put_bytes(&bytes);
            }
            routine::VM_WRITE => {
                let target = self.target(task, input.name()?)?;
                let (address, length) = (input.word()?, input.word()?);
                let bytes = bytes_of(input.rest(), length)?;
                self.vm_write(target, address, &bytes)?;
            }
            routine::VM_COPY => {
                let from = self.target(task, input.name()?)?;
                let source = input.word()?;
                let to = self.target(task, input.name()?)?;
                let (target, size) = (input.word()?, input.word()?);
                if size > 1 << 20 {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                self.vm_copy(from, source, to, target, size)?;
            }
            routine::VM_MAP => self.vm_map(task, input, out)?,
            routine::VM_REGION => {
                let target = self.target(task, input.name()?)?;
                self.vm_region(task, target, input.word()?, out)?;
            }
            routine::VM_INHERIT => {
                let target = self.target(task, input.name()?)?;
                let (address, size, inherits) = (input.word()?, input.word()?, input.word()?);
                if inherits > inheritance::NONE as u64 {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                self.vm_inherit(target, address, size, inherits as u32)?;
            }
            routine::VM_WIRE => {
                let target = self.target(task, input.name()?)?;
                let (address, size) = (input.word()?, input.word()?);
                let access = Protection::from_word(input.word()?)?;
                self.vm_wire(target, address, size, access)?;
            }
            routine::VM_WIRE_ALL => {
                let target = self.target(task, input.name()?)?;
                self.vm_wire_all(target, input.word()?)?;
            }
            routine::VM_MSYNC => {
                let target = self.target(task, input.name()?)?;
                let (address, size, flags) = (input.word()?, input.word()?, input.word()?);
                let account = self.task(task)?.account;
                self.vm_msync(target, address, size, flags, account)?;
            }
            routine::VM_OBJECT_SYNC => {
                let KernelObject::Name(object) = self.object_of(task, input.name()?)? else {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                };
                let (offset, size) = (input.word()?, input.word()?);
                let (flush, which) = (input.word()? != 0, (input.word()? != 0) as u64);
                let account = self.task(task)?.account;
                self.pager_lock(object, offset, size, which, flush, None, account)?;
            }
            // No machine has attributes of memory that a program may change.
            routine::VM_MACHINE_ATTRIBUTE => return Err(Error::KERN_INVALID_ARGUMENT),
            routine::VM_STATISTICS => {
                let account = self.task(task)?.account;
                let (limit, used) = self
                    .accounts
                    .slab
                    .get(account)
                    .map(|account| (account.limit, account.used))
                    .unwrap_or_default();
                for word in [
                    self.kernel.memory_total(),
                    self.kernel.memory_free(),
                    self.tasks.len() as u64,
                    self.threads.len() as u64,
                    (self.ports.len() - self.spares) as u64,
                    self.objects.len() as u64,
                    limit.memory,
                    limit.objects,
                    limit.rights,
                    used.memory,
                    used.objects,
                    used.rights,
                    self.counters.faults,
                    self.counters.zero_fills,
                    self.counters.cow_faults,
                    self.counters.pageins,
                    self.counters.pageouts,
                ] {
                    out.put(word);
                }
            }
            routine::MEMORY_OBJECT_CREATE => {
                let size = input.word()?;
                if size == 0 || size > 1 << 40 {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                let (_, pages) = Self::flags_of(input.word().unwrap_or(0), 0, 0)?;
                let size = size.next_multiple_of(PAGE);
                if size % pages.bytes::<K>() != 0 {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                let account = self.task(task)?.account;
                let object = self.object_create(size, account, false, pages)?;
                let port = self.object_port(object)?;
                match self.put_send(task, port) {
                    Ok(name) => out.put(name as u64),
                    Err(error) => {
                        self.settle();
                        return Err(error);
                    }
                }
            }
            routine::VM_ALLOCATE_CONTIGUOUS => {
                match self.object_of(task, input.name()?) {
                    Ok(KernelObject::Host | KernelObject::Dma) => {}
                    _ => return Err(Error::KERN_NO_ACCESS),
                }
                let target = self.target(task, input.name()?)?;
                let pages = input.word()?;
                if pages == 0 || pages > 4096 {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                let account = self.task(target)?.account;
                self.accounts
                    .charge(account, Limits::memory(pages * PAGE))?;
                let made = self.object_create(pages * PAGE, account, false, PageSize::Small);
                let made = made.and_then(|object| {
                    match self.kernel.frames_allocate_contiguous(pages as usize) {
                        Ok(frames) => Ok((object, frames)),
                        Err(error) => {
                            self.object_check(object);
                            Err(error)
                        }
                    }
                });
                let (object, frames) = match made {
                    Ok(made) => made,
                    Err(error) => {
                        self.accounts.refund(account, Limits::memory(pages * PAGE));
                        return Err(error);
                    }
                };
                let physical = frames
                    .first()
                    .map_or(0, |frame| self.kernel.frame_physical(*frame));
                if let Some(object) = self.objects.get_mut(object) {
                    object.pinned = true;
                    object.pages = frames
                        .into_iter()
                        .enumerate()
                        .map(|(at, f)| (at as u64, f))
                        .collect();
                }
                let what = Mapping {
                    object,
                    offset: 0,
                    size: pages * PAGE,
                    protection: Protection::DEFAULT,
                    maximum: Protection::DEFAULT,
                    inheritance: inheritance::NONE,
                };
                match self.map_enter(target, Place::Anywhere { mask: 0 }, what) {
                    Ok(address) => {
                        out.put(address);
                        out.put(physical);
                    }
                    Err(error) => {
                        self.object_check(object);
                        return Err(error);
                    }
                }
            }
            routine::MEMORY_OBJECT_READY => {
                let object = self.control_named(task, input.name()?)?;
                let (may_cache, strategy) = (input.word()? != 0, input.word()?);
                self.pager_attributes(object, may_cache, strategy, true)?;
            }
            routine::MEMORY_OBJECT_CHANGE_ATTRIBUTES => {
                let object = self.control_named(task, input.name()?)?;
                let (may_cache, strategy) = (input.word()?, input.word()?);
                let reply = self.reply_in(task, input)?;
                let changed = self.pager_attributes(object, may_cache != 0, strategy, false);
                if changed.is_err() {
                    self.release(reply);
                    return changed;
                }
                let words = [may_cache, strategy];
                self.pager_reply(reply, memory_object::CHANGE_COMPLETED, &words, None);
            }
            routine::MEMORY_OBJECT_GET_ATTRIBUTES => {
                let object = self.control_named(task, input.name()?)?;
                for word in self.pager_attributes_get(object)? {
                    out.put(word);
                }
            }
            routine::MEMORY_OBJECT_DATA_SUPPLY => {
                let control = input.name()?;
                let object = self.control_named(task, control)?;
                let (offset, address, size) = (input.word()?, input.word()?, input.word()?);
                let lock = Protection::from_word(input.word()?)?;
                let (precious, moves) = (input.word()? != 0, input.word()? != 0);
                if size > SUPPLY_MAX {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                let (name, how) = (input.name()?, input.word()? as u32);
                self.send_once_check(task, name, how)?;
                // Whatever has to be waited for comes first: the request is carried out once.
                let refused =
                    self.pager_supply(task, object, offset, address, size, lock, precious, moves)?;
                let reply = self.send_once_in(task, name, how)?;
                let (result, at) = match refused {
                    None => (0, 0),
                    Some(at) => (Error::KERN_MEMORY_PRESENT.0 as u64, at),
                };
                let words = [offset, size, result, at];
                self.pager_reply(reply, memory_object::SUPPLY_COMPLETED, &words, Some(object));
            }
            routine::MEMORY_OBJECT_DATA_UNAVAILABLE => {
                let object = self.control_named(task, input.name()?)?;
                self.pager_refuse(object, input.word()?, input.word()?, None)?;
            }
            routine::MEMORY_OBJECT_DATA_ERROR => {
                let object = self.control_named(task, input.name()?)?;
                let error = Some(Error::KERN_MEMORY_ERROR);
                self.pager_refuse(object, input.word()?, input.word()?, error)?;
            }
            routine::MEMORY_OBJECT_LOCK_REQUEST => {
                let object = self.control_named(task, input.name()?)?;
                let (offset, size, which) = (input.word()?, input.word()?, input.word()?);
                let (flush, lock) = (input.word()? != 0, input.word()?);
                let lock = match lock {
                    NO_CHANGE => None,
                    lock => Some(Protection::from_word(lock)?),
                };
                let reply = self.reply_in(task, input)?;
                let account = self.task(task)?.account;
                let done = self.pager_lock(object, offset, size, which, flush, lock, account);
                if done.is_err() {
                    self.release(reply);
                    return done;
                }
                let words = [offset, size];
                self.pager_reply(reply, memory_object::LOCK_COMPLETED, &words, Some(object));
            }
            routine::MEMORY_OBJECT_DESTROY => {
                let object = self.control_named(task, input.name()?)?;
                self.pager_destroy(object);
            }
            routine::VM_SET_SIZE_LIMIT => {
                let host = input.name()?;
                let target = self.target(task, input.name()?)?;
                let limit = (input.word()?, input.word()?);
                if limit.0 > limit.1 {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                if host != 0 || limit.1 > self.task(target)?.map.limit.1 {
                    self.check_host(task, host)?;
                }
                self.task_mut(target)?.map.limit = limit;
            }
            routine::VM_GET_SIZE_LIMIT => {
                let target = self.target(task, input.name()?)?;
                let (limit, most) = self.task(target)?.map.limit;
                out.put(limit);
                out.put(most);
            }
            routine::VM_SET_DEFAULT_MEMORY_MANAGER => {
                self.check_host(task, input.name()?)?;
                if input.name()? != 0 {
                    return Err(Error::KERN_FAILURE);
                }
                out.put(0);
            }
            _ => return self.control(task, label, input, out),
        }
        Ok(())
    }

    /// Has a request carried out again when the page that it needs is there, or more free memory is
    /// put together.
    pub(crate) fn request_wait(&mut self, task: TaskId, label: u32, words: &[u64]) -> Result<()> {
        let joins = self.awaited.is_none();
        match label {
            routine::VM_ALLOCATE | routine::VM_MAP if joins => self.request_park(task, label, words),
            routine::VM_READ
            | routine::VM_WRITE
            | routine::VM_COPY
            | routine::VM_WIRE
            | routine::VM_WIRE_ALL
            | routine::MEMORY_OBJECT_DATA_SUPPLY => self.request_park(task, label, words),
            _ if joins => Err(Error::KERN_RESOURCE_SHORTAGE),
            _ => Err(Error::KERN_MEMORY_ERROR),
        }
    }

    fn control_named(&self, task: TaskId, name: u32) -> Result<ObjectId> {
        match self.object_of(task, name)? {
            KernelObject::Control(object) if self.objects.get(object).is_some() => Ok(object),
            _ => Err(Error::KERN_INVALID_ARGUMENT),
        }
    }

    /// The memory object of a port: the mach server's own, or one whose pages the port's receiver
    /// provides. Who made one and does not map it has it checked.
    fn object_behind(&mut self, port: PortId, payer: AccountId) -> Result<ObjectId> {
        match self.ports.get(port).map(|port| port.owner) {
            Some(Owner::Kernel(KernelObject::Memory(object))) => Ok(object),
            _ => self.pager_object(port, payer),
        }
    }

    /// The send-once right to which a pager wants its answer, or none.
    fn reply_in(&mut self, task: TaskId, input: &mut Input<'_>) -> Result<Carried> {
        let (name, how) = (input.name()?, input.word()?);
        self.send_once_in(task, name, how as u32)
    }

    fn pager_reply(&mut self, to: Carried, label: u32, words: &[u64], object: Option<ObjectId>) {
        let Carried::SendOnce(to) = to else { return };
        let control = match object.and_then(|object| self.pager_mut(object)) {
            Some(pager) => Carried::Send(pager.control),
            None => Carried::Null,
        };
        if let Carried::Send(port) = control {
            self.send_right_made(port);
        }
        self.notify(to, label, words, control);
    }

    /// The region at an address or behind it, with a name for the caller if it has a pager.
    fn vm_region(
        &mut self,
        task: TaskId,
        target: TaskId,
        address: u64,
        out: &mut Output,
    ) -> Result<()> {
        let map = &self.task(target)?.map;
        let found = map
            .region(address)
            .or_else(|| map.regions.range(address..).next().map(|(at, r)| (*at, *r)));
        let (start, region) = found.ok_or(Error::KERN_NO_SPACE)?;
        let object = region.object.and_then(|object| self.objects.get(object));
        let shared = object.is_some_and(|object| !object.private);
        let name = object
            .and_then(|object| object.pager.as_ref())
            .filter(|pager| pager.port.is_some())
            .map(|pager| pager.name);
        let name = match name {
            Some(port) => self.put_send(task, port)?,
            None => 0,
        };
        for word in [
            start,
            region.end - start,
            region.protection.0 as u64,
            region.maximum.0 as u64,
            region.inheritance as u64,
            shared as u64,
            region.offset,
            name as u64,
        ] {
            out.put(word);
        }
        Ok(())
    }

    /// Sends what was written in a range back to its pagers.
    fn vm_msync(
        &mut self,
        task: TaskId,
        address: u64,
        size: u64,
        flags: u64,
        payer: AccountId,
    ) -> Result<()> {
        const ALL: u64 =
            sync::ASYNCHRONOUS | sync::SYNCHRONOUS | sync::INVALIDATE | sync::KILLPAGES;
        let both = sync::ASYNCHRONOUS | sync::SYNCHRONOUS;
        if flags & !ALL != 0 || flags & both == both {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        let (start, end) = page_range(address, size)?;
        let which = match flags & (both | sync::KILLPAGES) {
            kills if kills & sync::KILLPAGES != 0 => memory_return::NONE,
            0 => memory_return::NONE,
            _ => memory_return::DIRTY,
        };
        let flush = flags & (sync::INVALIDATE | sync::KILLPAGES) != 0;
        let mut next = start;
        while next < end {
            let found = self.task(task)?.map.region(next);
            let (at, region) = found.ok_or(Error::KERN_INVALID_ADDRESS)?;
            let until = region.end.min(end);
            if let Some(object) = region.object
                && self
                    .pager_mut(object)
                    .is_some_and(|pager| pager.port.is_some())
            {
                let offset = region.offset + (next - at);
                self.pager_lock(object, offset, until - next, which, flush, None, payer)?;
            }
            next = until;
        }
        Ok(())
    }

    /// Where memory goes, and what it is made of.
    fn flags_of(flags: u64, address: u64, mask: u64) -> Result<(Place, PageSize)> {
        let place = match flags & vm_flags::ANYWHERE {
            0 => Place::At(address),
            _ => Place::Anywhere { mask },
        };
        match flags & !vm_flags::ANYWHERE {
            0 => Ok((place, PageSize::Small)),
            vm_flags::SUPERPAGE_SIZE_2MB if K::LARGE_PAGE == LARGE_PAGE => {
                Ok((place, PageSize::Large))
            }
            _ => Err(Error::KERN_INVALID_ARGUMENT),
        }
    }

    fn vm_map(&mut self, task: TaskId, input: &mut Input<'_>, out: &mut Output) -> Result<()> {
        let target = self.target(task, input.name()?)?;
        let (address, size, mask) = (input.word()?, input.word()?, input.word()?);
        let (place, mut pages) = Self::flags_of(input.word()?, address, mask)?;
        let (name, offset, copy) = (input.name()?, input.word()?, input.word()? != 0);
        let mut protection = Protection::from_word(input.word()?)?;
        let mut maximum = Protection::from_word(input.word()?)?;
        let inherits = input.word()?;
        if inherits > inheritance::NONE as u64 || size == 0 || offset % PAGE != 0 {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        let account = self.task(target)?.account;
        let (object, offset) = if name == 0 {
            let rounded = size.checked_next_multiple_of(PAGE);
            let rounded = rounded
                .filter(|size| *size <= VM_MAX)
                .ok_or(Error::KERN_NO_SPACE)?;
            (self.object_create(rounded, account, true, pages)?, 0)
        } else if pages != PageSize::Small {
            // An object's pages are what they are.
            return Err(Error::KERN_INVALID_ARGUMENT);
        } else {
            let payer = self.task(task)?.account;
            let rounded = size.checked_next_multiple_of(PAGE).ok_or(Error::KERN_INVALID_ARGUMENT)?;
            let part = self.mappable(task, name, offset, rounded)?;
            let offset = part.offset;
            if !maximum.contains(protection) {
                return Err(Error::KERN_INVALID_ARGUMENT);
            }
            if !copy {
                protection = protection & part.maximum;
                maximum = maximum & part.maximum;
            } else if !part.maximum.contains(Protection::READ) {
                return Err(Error::KERN_PROTECTION_FAILURE);
            }
            let object = self.object_behind(part.object, payer)?;
            let found = self.objects.get(object).ok_or(Error::KERN_INVALID_ARGUMENT)?;
            let bytes = found.size;
            pages = found.page_size;
            if offset
                .checked_add(size)
                .is_none_or(|end| end > bytes.next_multiple_of(PAGE))
            {
                self.object_check(object);
                return Err(Error::KERN_INVALID_ARGUMENT);
            }
            if copy {
                let copied = self.object_copy(object, offset, size, account, None);
                self.object_check(object);
                (copied?, 0)
            } else {
                (object, offset)
            }
        };
        let what = Mapping {
            object,
            offset,
            size,
            protection,
            maximum,
            inheritance: inherits as u32,
        };
        match self.map_enter(target, place, what) {
            Ok(address) => {
                out.put(self.map_entered(target, address, pages)?);
                Ok(())
            }
            Err(error) => {
                self.object_check(object);
                Err(error)
            }
        }
    }
}
