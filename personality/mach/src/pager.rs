//! External pagers: memory whose pages a task provides (the `memory_object` protocol).
//!
//! Whoever maps a task's port as memory makes it a memory object. The pager is
//! told by one-way messages; a thread that needs a page waits at its fault, a
//! request that needs one is carried out again when the page is there. What a
//! pager does wrong, late, or never harms those who mapped its memory.

use crate::abi::{memory_object, memory_return};
use crate::account::{AccountId, Limits, cost};
use crate::error::{Error, Result};
use crate::ipc::{Carried, KernelObject, Message, Owner, PortId};
use crate::kernel::{Kernel, Protection};
use crate::object::{ObjectId, READ_ONLY};
use crate::rpc::{Input, Output};
use crate::task::{Mach, TaskId, ThreadId};
use crate::vm::{PAGE, PageSize};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// Bytes that a pager's object can have.
pub(crate) const PAGER_SIZE: u64 = 1 << 47;

/// How a page of a pager's object differs from one that was just supplied.
#[derive(Clone, Copy, Default)]
struct State {
    /// Access that the pager does not allow now.
    lock: u32,
    dirty: bool,
    precious: bool,
}

/// Who waits for a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waiter {
    /// At a fault.
    Thread(ThreadId),
    /// In a request, by its number.
    Request(u64),
}

/// A wait that is over.
pub(crate) struct Woken {
    waiter: Waiter,
    error: Option<Error>,
}

/// What a thread waits for at a fault.
#[derive(Clone, Copy)]
pub(crate) struct Paging {
    pub(crate) object: ObjectId,
    pub(crate) page: u64,
    address: u64,
}

impl Paging {
    pub(crate) fn is_for(&self, object: ObjectId, page: u64) -> bool {
        (self.object, self.page) == (object, page)
    }
}

impl<R> Parked<R> {
    pub(crate) fn is_for(&self, object: ObjectId, page: u64) -> bool {
        self.awaits == Some((object, page))
    }
}

/// A page that somebody has to wait for.
#[derive(Clone, Copy)]
pub(crate) struct Awaited {
    object: ObjectId,
    page: u64,
    access: Protection,
}

/// A request that is carried out again when a page is there, or more free memory lies together.
pub(crate) struct Parked<R> {
    pub(crate) reply: R,
    pub(crate) task: TaskId,
    label: u32,
    pub(crate) words: Vec<u64>,
    /// The page.
    pub(crate) awaits: Option<(ObjectId, u64)>,
}

/// The other side of a memory object.
pub(crate) struct Pager {
    /// The memory object's port, by a send right; `None` when it is gone.
    pub(crate) port: Option<PortId>,
    pub(crate) control: PortId,
    pub(crate) name: PortId,
    /// Who has paid for the message that ends it.
    pub(crate) payer: AccountId,
    pub(crate) ready: bool,
    pub(crate) may_cache: bool,
    pub(crate) strategy: u64,
    states: BTreeMap<u64, State>,
    waiting: BTreeMap<u64, Vec<Waiter>>,
    /// Copies that take pages from it which they lack.
    pub(crate) copies: BTreeSet<u64>,
}

impl Pager {
    /// Whether a page must not be seen now.
    pub(crate) fn hides(&self, page: u64) -> bool {
        self.states
            .get(&page)
            .is_some_and(|state| state.lock & Protection::READ.0 != 0)
    }

    /// Everybody who waits: page, who.
    pub(crate) fn waiters(&self) -> impl Iterator<Item = (u64, Waiter)> {
        let all = self.waiting.iter();
        all.flat_map(|(page, list)| list.iter().map(|waiter| (*page, *waiter)))
    }

    fn state_mut(&mut self, page: u64) -> &mut State {
        self.states.entry(page).or_default()
    }
}

/// What the message that ends an object costs.
pub(crate) fn end_cost() -> Limits {
    Message::cost(0, 2)
}

/// Pages of a byte range that begins and ends at pages.
fn range_of(offset: u64, size: u64) -> Result<(u64, u64)> {
    let whole = (offset | size).is_multiple_of(PAGE);
    match offset.checked_add(size) {
        Some(end) if whole && end <= PAGER_SIZE => Ok((offset / PAGE, size / PAGE)),
        _ => Err(Error::KERN_INVALID_ARGUMENT),
    }
}

impl<K: Kernel> Mach<K> {
    pub(crate) fn pager_mut(&mut self, id: ObjectId) -> Option<&mut Pager> {
        self.objects.get_mut(id)?.pager.as_deref_mut()
    }

    fn pager(&self, id: ObjectId) -> Option<&Pager> {
        self.objects.get(id)?.pager.as_deref()
    }

    /// The object whose pages come from a port's receiver, made if there is none. The receiver pays
    /// for it, and `payer` for the messages that begin and end it.
    pub(crate) fn pager_object(&mut self, port: PortId, payer: AccountId) -> Result<ObjectId> {
        let entry = self.ports.get(port).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        if let Some(object) = entry.memory {
            return Ok(object);
        }
        let Owner::Task(receiver, _) = entry.owner else {
            return Err(Error::KERN_INVALID_ARGUMENT);
        };
        let account = self.task(receiver)?.account;
        let mut messages = Message::cost(1, 2);
        messages.objects += end_cost().objects;
        messages.rights += end_cost().rights;
        self.accounts.charge(payer, messages)?;
        let made = self
            .accounts
            .charge(account, Limits::objects(cost::PAGER))
            .and_then(|()| {
                self.object_create(PAGER_SIZE, account, false, PageSize::Small)
                    .inspect_err(|_| {
                        self.accounts.refund(account, Limits::objects(cost::PAGER));
                    })
            });
        let id = match made {
            Ok(id) => id,
            Err(error) => {
                self.accounts.refund(payer, messages);
                return Err(error);
            }
        };
        // One user is the message in the queue, the other the message to come.
        self.accounts.retain(payer);
        self.accounts.retain(payer);
        let control = self.port_for(KernelObject::Control(id));
        let name = self.port_for(KernelObject::Name(id));
        for port in [port, control, name] {
            self.send_right_made(port);
        }
        if let Some(entry) = self.ports.get_mut(port) {
            entry.memory = Some(id);
        }
        if let Some(object) = self.objects.get_mut(id) {
            object.pager = Some(Box::new(Pager {
                port: Some(port),
                control,
                name,
                payer,
                ready: false,
                may_cache: false,
                strategy: 0,
                states: BTreeMap::new(),
                waiting: BTreeMap::new(),
                copies: BTreeSet::new(),
            }));
        }
        let rights = alloc::vec![Carried::Send(control), Carried::Send(name)];
        let mut message = Message::new(memory_object::INIT, &[PAGE], rights);
        message.payer = Some(payer);
        self.enqueue(port, message);
        Ok(id)
    }

    /// Sends a message with the control port, paid for by `payer`.
    fn pager_tell(
        &mut self,
        id: ObjectId,
        label: u32,
        words: [u64; 3],
        payer: AccountId,
    ) -> Result<()> {
        let pager = self.pager(id).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let (port, control) = (pager.port.ok_or(Error::KERN_MEMORY_ERROR)?, pager.control);
        self.accounts.charge(payer, Message::cost(words.len(), 1))?;
        self.accounts.retain(payer);
        self.send_right_made(control);
        let mut message = Message::new(label, &words, alloc::vec![Carried::Send(control)]);
        message.payer = Some(payer);
        self.enqueue(port, message);
        Ok(())
    }

    // ---- pages, as faults see them

    /// A page that is there, for an access.
    pub(crate) fn pager_page(
        &mut self,
        id: ObjectId,
        page: u64,
        frame: K::Frame,
        access: Protection,
    ) -> Result<(K::Frame, Protection)> {
        let pager = self.pager(id).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let state = pager.states.get(&page).copied().unwrap_or_default();
        if state.lock & access.0 != 0 {
            return Err(self.pager_ask(id, page, access));
        }
        let allowed = Protection(Protection::ALL.0 & !state.lock);
        let shared = self.kernel.frame_is_shared(frame);
        if !access.contains(Protection::WRITE) {
            let writes = state.dirty && !shared;
            return Ok((frame, if writes { allowed } else { allowed & READ_ONLY }));
        }
        // A page that is dirty and its own was given to the copies before.
        if !state.dirty || shared {
            self.copies_keep(id, page, frame);
        }
        let frame = match self.kernel.frame_is_shared(frame) {
            true => self.page_own(id, page, frame)?,
            false => frame,
        };
        if let Some(pager) = self.pager_mut(id) {
            pager.state_mut(page).dirty = true;
        }
        Ok((frame, allowed))
    }

    /// Copies that lack a page which is about to be written get it as it is, even past the limits of
    /// their accounts: they are not asked.
    fn copies_keep(&mut self, id: ObjectId, page: u64, frame: K::Frame) {
        let Some(pager) = self.pager(id) else { return };
        let copies: Vec<u64> = pager.copies.iter().copied().collect();
        for copy in copies.into_iter().map(ObjectId::from_word) {
            let Some(object) = self.objects.get(copy) else {
                continue;
            };
            let (Some((_, first)), Some(account)) = (object.origin, object.account) else {
                continue;
            };
            let Some(at) = page
                .checked_sub(first)
                .filter(|at| *at < object.size / PAGE)
            else {
                continue;
            };
            if !object.pages.contains(at) {
                self.accounts.force(account, Limits::memory(PAGE));
                self.page_share(id, page, frame, copy, at);
            }
        }
    }

    /// A page has to be waited for, or cannot be had.
    pub(crate) fn pager_ask(&mut self, id: ObjectId, page: u64, access: Protection) -> Error {
        if access == Protection::NONE {
            return Error::KERN_INVALID_ADDRESS;
        }
        if self.pager(id).is_none_or(|pager| pager.port.is_none()) {
            return Error::KERN_MEMORY_ERROR;
        }
        self.awaited = Some(Awaited {
            object: id,
            page,
            access,
        });
        Error::WAITS
    }

    // ---- waiting

    /// A thread waits at its fault for the page that was just asked for.
    pub(crate) fn fault_wait(&mut self, id: ThreadId, address: u64) -> Result<()> {
        self.fault_forget(id);
        let task = self.threads.get(id).ok_or(Error::KERN_FAILURE)?.task;
        let account = self.task(task)?.account;
        let awaited = self.awaited.take().ok_or(Error::KERN_FAILURE)?;
        self.pager_wait(awaited, Waiter::Thread(id), account)?;
        if let Some(thread) = self.threads.get_mut(id) {
            let (object, page) = (awaited.object, awaited.page);
            thread.paging = Some(Paging {
                object,
                page,
                address,
            });
        }
        Ok(())
    }

    /// A thread does not wait any more.
    pub(crate) fn fault_forget(&mut self, id: ThreadId) {
        let paging = self
            .threads
            .get_mut(id)
            .and_then(|thread| thread.paging.take());
        if let Some(paging) = paging {
            self.pager_unwait(paging.object, paging.page, Waiter::Thread(id));
        }
    }

    /// The request at hand waits for the page that was just asked for.
    pub(crate) fn request_park(&mut self, task: TaskId, label: u32, words: &[u64]) -> Result<()> {
        let account = self.task(task)?.account;
        self.accounts
            .charge(account, Message::cost(words.len(), 0))?;
        let reply = match self.kernel.reply_save() {
            Ok(reply) => reply,
            Err(error) => {
                self.accounts.refund(account, Message::cost(words.len(), 0));
                return Err(error);
            }
        };
        self.request_keep(reply, task, label, words.to_vec());
        Ok(())
    }

    /// Keeps a request that is paid for until its page is there; if it waits for none, until it is
    /// its turn.
    fn request_keep(&mut self, reply: K::Reply, task: TaskId, label: u32, words: Vec<u64>) {
        let awaited = self.awaited.take();
        let serial = self.next_serial();
        let awaits = awaited.map(|awaited| (awaited.object, awaited.page));
        self.parked.insert(serial, Parked { reply, task, label, words, awaits });
        let account = self.tasks.get_mut(task).map(|task| {
            task.parked.insert(serial);
            task.account
        });
        let Some(awaited) = awaited else {
            self.joining.push_back(serial);
            return;
        };
        let waits = account
            .ok_or(Error::KERN_INVALID_TASK)
            .and_then(|account| self.pager_wait(awaited, Waiter::Request(serial), account));
        if let Err(error) = waits {
            self.woken.push_back(Woken {
                waiter: Waiter::Request(serial),
                error: Some(error),
            });
        }
    }

    /// Carries out the request again that has waited longest for free memory to be put together.
    pub(crate) fn joining_serve(&mut self, serial: u64) {
        self.woken_serve(Woken { waiter: Waiter::Request(serial), error: None });
    }

    /// Takes a request that waits for a page out of every list.
    pub(crate) fn request_take(
        &mut self,
        serial: u64,
    ) -> Option<(K::Reply, TaskId, u32, Vec<u64>)> {
        let parked = self.parked.remove(&serial)?;
        if let Some((object, page)) = parked.awaits {
            self.pager_unwait(object, page, Waiter::Request(serial));
        }
        if let Some(task) = self.tasks.get_mut(parked.task) {
            task.parked.remove(&serial);
            let account = task.account;
            self.accounts
                .refund(account, Message::cost(parked.words.len(), 0));
        }
        Some((parked.reply, parked.task, parked.label, parked.words))
    }

    fn pager_wait(&mut self, on: Awaited, waiter: Waiter, payer: AccountId) -> Result<()> {
        let pager = self.pager(on.object).ok_or(Error::KERN_MEMORY_ERROR)?;
        // Who waits already has asked.
        if pager.ready && !pager.waiting.contains_key(&on.page) {
            self.pager_request(on, payer)?;
        }
        if let Some(pager) = self.pager_mut(on.object) {
            pager.waiting.entry(on.page).or_default().push(waiter);
        }
        Ok(())
    }

    fn pager_request(&mut self, on: Awaited, payer: AccountId) -> Result<()> {
        let there = self
            .objects
            .get(on.object)
            .is_some_and(|o| o.pages.contains(on.page));
        let label = if there {
            memory_object::DATA_UNLOCK
        } else {
            memory_object::DATA_REQUEST
        };
        self.pager_tell(
            on.object,
            label,
            [on.page * PAGE, PAGE, on.access.0 as u64],
            payer,
        )
    }

    fn pager_unwait(&mut self, id: ObjectId, page: u64, waiter: Waiter) {
        let Some(pager) = self.pager_mut(id) else {
            return;
        };
        let Some(list) = pager.waiting.get_mut(&page) else {
            return;
        };
        list.retain(|other| *other != waiter);
        if list.is_empty() {
            pager.waiting.remove(&page);
        }
    }

    /// Everybody who waits for pages of a range tries again, or gets an error.
    fn pager_wake(&mut self, id: ObjectId, first: u64, count: u64, error: Option<Error>) {
        let Some(pager) = self.pager_mut(id) else {
            return;
        };
        let end = first.saturating_add(count);
        let mut woken = Vec::new();
        while let Some((&page, _)) = pager.waiting.range(first..end).next() {
            woken.extend(pager.waiting.remove(&page).into_iter().flatten());
        }
        self.woken
            .extend(woken.into_iter().map(|waiter| Woken { waiter, error }));
    }

    /// Carries out what the end of a wait sets off.
    pub(crate) fn woken_serve(&mut self, woken: Woken) {
        match woken.waiter {
            Waiter::Thread(id) => {
                let Some(thread) = self.threads.get_mut(id) else {
                    return;
                };
                let Some(paging) = thread.paging.take() else {
                    return;
                };
                let kernel = thread.kernel;
                match woken.error {
                    None => self.kernel.thread_retry(kernel),
                    // EXC_BAD_ACCESS
                    Some(error) => self.exception_begin(id, 1, error.0 as u64, paging.address),
                }
            }
            Waiter::Request(serial) => {
                let Some((reply, task, label, words)) = self.request_take(serial) else {
                    return;
                };
                if !self.kernel.reply_waits(reply) {
                    self.kernel.reply_drop(reply);
                    return;
                }
                if let Some(error) = woken.error {
                    self.reply_error(reply, error);
                    return;
                }
                let mut output = Output::default();
                let mut input = Input::new(&words);
                match self.routine(task, label, &mut input, &mut output) {
                    Ok(_) => self
                        .kernel
                        .reply_send(reply, crate::abi::REPLY, output.words()),
                    Err(Error::WAITS) => {
                        if let Ok(task) = self.task(task) {
                            // As before, even where there is less room now.
                            let account = task.account;
                            self.accounts.force(account, Message::cost(words.len(), 0));
                        }
                        self.request_keep(reply, task, label, words);
                    }
                    Err(error) => self.reply_error(reply, error),
                }
            }
        }
    }

    // ---- the end

    /// Whether an object that nothing uses stays, for its pager. If not, the pager is told.
    pub(crate) fn pager_keeps(&mut self, id: ObjectId) -> bool {
        let Some(pager) = self.pager(id) else {
            return false;
        };
        if pager.port.is_none() {
            return false;
        }
        if pager.ready && pager.may_cache {
            return true;
        }
        self.pager_end(id);
        false
    }

    /// Ends the protocol: what was changed goes back to the pager, with the ports that it was given.
    fn pager_end(&mut self, id: ObjectId) {
        let Some(account) = self.objects.get(id).and_then(|object| object.account) else {
            return;
        };
        // No room for what must be said is no reason not to say it.
        let all = (0, PAGER_SIZE / PAGE);
        let _ = self.pager_return(id, all, memory_return::DIRTY, false, account, true);
        let Some(pager) = self.pager_mut(id) else {
            return;
        };
        let (control, name, payer) = (pager.control, pager.name, pager.payer);
        let Some(port) = pager.port.take() else {
            return;
        };
        for port in [control, name] {
            if let Some(port) = self.ports.get_mut(port) {
                port.owner = Owner::Transit(None);
            }
        }
        let rights = alloc::vec![Carried::Receive(control), Carried::Receive(name)];
        let mut message = Message::new(memory_object::TERMINATE, &[], rights);
        message.payer = Some(payer);
        self.enqueue(port, message);
        if let Some(entry) = self.ports.get_mut(port) {
            entry.memory = None;
        }
        self.release(Carried::Send(port));
        self.pager_wake(id, 0, u64::MAX, None);
    }

    /// The receive right of a pager's port is gone.
    pub(crate) fn pager_died(&mut self, id: ObjectId) {
        let Some(pager) = self.pager_mut(id) else {
            return;
        };
        let (control, name, payer) = (pager.control, pager.name, pager.payer);
        pager.port = None;
        self.accounts.refund(payer, end_cost());
        self.accounts.release(payer);
        self.port_destroy(control);
        self.port_destroy(name);
        self.pager_wake(id, 0, u64::MAX, Some(Error::KERN_MEMORY_ERROR));
        self.object_check(id);
    }

    // ---- what a pager asks for

    /// `memory_object_ready` and `memory_object_change_attributes`.
    pub(crate) fn pager_attributes(
        &mut self,
        id: ObjectId,
        may_cache: bool,
        strategy: u64,
        ready: bool,
    ) -> Result<()> {
        // NONE, DELAY, TEMPORARY: a pager is not asked for copies.
        if !matches!(strategy, 0 | 2 | 3) {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        let pager = self.pager_mut(id).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        pager.may_cache = may_cache;
        pager.strategy = strategy;
        let first = ready && !pager.ready;
        pager.ready |= ready;
        if first {
            let waiting: Vec<u64> = pager.waiting.keys().copied().collect();
            // They ask anew, each for its own access.
            for page in waiting {
                self.pager_wake(id, page, 1, None);
            }
        }
        self.object_check(id);
        Ok(())
    }

    /// Attributes: ready, may cache, copy strategy.
    pub(crate) fn pager_attributes_get(&self, id: ObjectId) -> Result<[u64; 3]> {
        let pager = self.pager(id).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        Ok([pager.ready as u64, pager.may_cache as u64, pager.strategy])
    }

    /// Takes the pages at an address of the pager's map as those of the object. Answers where a page
    /// was refused because there is one, if any was.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn pager_supply(
        &mut self,
        task: TaskId,
        id: ObjectId,
        offset: u64,
        address: u64,
        size: u64,
        lock: Protection,
        precious: bool,
        moves: bool,
    ) -> Result<Option<u64>> {
        let (first, count) = range_of(offset, size)?;
        if !address.is_multiple_of(PAGE) {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        if moves {
            self.map_borders(task, address, address.saturating_add(size))?;
        }
        self.pages_look(task, address, size, Protection::READ)?;
        let account = self
            .objects
            .get(id)
            .and_then(|object| object.account)
            .ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let mut refused = None;
        for at in 0..count {
            let page = first + at;
            if self
                .objects
                .get(id)
                .is_some_and(|object| object.pages.contains(page))
            {
                refused = refused.or(Some(page * PAGE));
                continue;
            }
            self.page_supply(task, address + at * PAGE, moves, id, page, account)?;
            if let Some(pager) = self.pager_mut(id)
                && (lock != Protection::NONE || precious)
            {
                pager.states.insert(
                    page,
                    State {
                        lock: lock.0,
                        dirty: false,
                        precious,
                    },
                );
            }
            self.counters.pageins += 1;
            self.pager_wake(id, page, 1, None);
        }
        if moves {
            self.vm_deallocate(task, address, size)?;
        }
        Ok(refused)
    }

    fn page_supply(
        &mut self,
        task: TaskId,
        address: u64,
        moves: bool,
        id: ObjectId,
        page: u64,
        account: AccountId,
    ) -> Result<()> {
        // Read, so that it is there; the last page of a range was not looked at before.
        let (frame, offset) = self.page_look(task, address, Protection::READ)?;
        let (start, region) = self
            .task(task)?
            .map
            .region(address)
            .ok_or(Error::KERN_INVALID_ADDRESS)?;
        let from = region.object.ok_or(Error::KERN_INVALID_ADDRESS)?;
        let index = (region.offset + (address - start)) / PAGE;
        let source = self.objects.get(from).ok_or(Error::KERN_INVALID_ADDRESS)?;
        let large = region.pages == PageSize::Large;
        let bound = source.pinned || region.wired || large;
        if moves && !bound && source.private && source.account == Some(account) {
            self.pages_unmap(task, address, address + PAGE);
            if let Some(source) = self.objects.get_mut(from) {
                source.pages.remove(index, |frame| self.kernel.frame_retain(frame));
            }
            self.page_put(id, page, frame);
            return Ok(());
        }
        self.accounts.charge(account, Limits::memory(PAGE))?;
        if !bound && source.account.is_some() {
            self.page_share(from, index, frame, id, page);
            return Ok(());
        }
        let made = match large {
            true => self.page_of(frame, offset),
            false => self.kernel.frame_duplicate(frame),
        };
        match made {
            Ok(frame) => {
                self.page_put(id, page, frame);
                Ok(())
            }
            Err(error) => {
                self.accounts.refund(account, Limits::memory(PAGE));
                Err(error)
            }
        }
    }

    /// A small page with what a large one has from an offset on.
    fn page_of(&mut self, large: K::Frame, offset: usize) -> Result<K::Frame> {
        let page = self.kernel.frame_allocate()?;
        let copied = self.kernel.frame_copy(large, offset, page, 0, PAGE as usize);
        copied.inspect_err(|_| self.kernel.frame_free(page))?;
        Ok(page)
    }

    /// Who waits for pages of a range gets zeroes, or an error.
    pub(crate) fn pager_refuse(
        &mut self,
        id: ObjectId,
        offset: u64,
        size: u64,
        error: Option<Error>,
    ) -> Result<()> {
        let (first, count) = range_of(offset, size)?;
        if let Some(error) = error {
            self.pager_wake(id, first, count, Some(error));
            return Ok(());
        }
        let object = self.objects.get(id).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let account = object.account.ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let pager = object.pager.as_ref().ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let absent: Vec<u64> = pager
            .waiting
            .range(first..first + count)
            .map(|(page, _)| *page)
            .filter(|page| !object.pages.contains(*page))
            .collect();
        for page in absent {
            self.accounts.charge(account, Limits::memory(PAGE))?;
            let frame = self.kernel.frame_allocate().inspect_err(|_| {
                self.accounts.refund(account, Limits::memory(PAGE));
            })?;
            self.counters.zero_fills += 1;
            self.page_put(id, page, frame);
            self.pager_wake(id, page, 1, None);
        }
        Ok(())
    }

    /// `memory_object_lock_request`, also for whoever wants to see memory written back: returns what
    /// `which` says to the pager, then flushes the pages or changes what the pager allows.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn pager_lock(
        &mut self,
        id: ObjectId,
        offset: u64,
        size: u64,
        which: u64,
        flush: bool,
        lock: Option<Protection>,
        payer: AccountId,
    ) -> Result<()> {
        let (first, count) = range_of(offset, size)?;
        if which > memory_return::ALL {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        self.pager_return(id, (first, count), which, !flush, payer, false)?;
        if flush {
            self.pages_flush(id, first, count);
        } else if let Some(lock) = lock {
            let object = self
                .objects
                .get_mut(id)
                .ok_or(Error::KERN_INVALID_ARGUMENT)?;
            let Some(pager) = object.pager.as_deref_mut() else {
                return Err(Error::KERN_INVALID_ARGUMENT);
            };
            for (page, _) in object.pages.range(first..first + count) {
                pager.state_mut(page).lock = lock.0;
            }
            pager
                .states
                .retain(|_, state| state.lock != 0 || state.dirty || state.precious);
            if lock != Protection::NONE {
                self.object_withdraw(id, first, count, Protection(Protection::ALL.0 & !lock.0));
            }
            self.pager_wake(id, first, count, None);
        }
        Ok(())
    }

    /// Forgets pages, but those that are wired in some map.
    fn pages_flush(&mut self, id: ObjectId, first: u64, count: u64) {
        let wired = self.object_wired(id);
        let Some(object) = self.objects.get(id) else {
            return;
        };
        let pages: Vec<u64> = object
            .pages
            .range(first..first + count)
            .map(|(page, _)| page)
            .filter(|page| {
                !wired
                    .iter()
                    .any(|(start, end)| (*start..*end).contains(page))
            })
            .collect();
        for run in pages.chunk_by(|a, b| a + 1 == *b) {
            let (at, count) = (run[0], run.len() as u64);
            self.object_withdraw(id, at, count, Protection::NONE);
            self.pages_drop(id, at, count);
            if let Some(pager) = self.pager_mut(id) {
                for page in run {
                    pager.states.remove(page);
                }
            }
        }
    }

    /// Sends pages back to their pager, as memory objects: one message for pages that follow each
    /// other. `force`: even past the limits of `payer`.
    fn pager_return(
        &mut self,
        id: ObjectId,
        (first, count): (u64, u64),
        which: u64,
        keep: bool,
        payer: AccountId,
        force: bool,
    ) -> Result<()> {
        let Some(pager) = self.pager(id) else {
            return Err(Error::KERN_INVALID_ARGUMENT);
        };
        let Some(port) = pager.port else {
            return Err(Error::KERN_MEMORY_ERROR);
        };
        let control = pager.control;
        let wanted = |state: &State| match which {
            memory_return::NONE => false,
            memory_return::DIRTY => state.dirty,
            _ => state.dirty || state.precious,
        };
        let pages: Vec<(u64, bool)> = pager
            .states
            .range(first..first.saturating_add(count))
            .filter(|(_, state)| wanted(state))
            .map(|(page, state)| (*page, state.dirty))
            .collect();
        for run in pages.chunk_by(|a, b| a.0 + 1 == b.0 && a.1 == b.1) {
            let (at, count, dirty) = (run[0].0, run.len() as u64, run[0].1);
            let amount = Message::cost(4, 2);
            if force {
                self.accounts.force(payer, amount);
            } else {
                self.accounts.charge(payer, amount)?;
            }
            let made = self.pages_for_return(id, at, count, payer, force);
            let data = match made {
                Ok(data) => data,
                Err(error) => {
                    self.accounts.refund(payer, amount);
                    return Err(error);
                }
            };
            self.accounts.retain(payer);
            if let Some(pager) = self.pager_mut(id) {
                for (page, _) in run {
                    let state = pager.state_mut(*page);
                    (state.dirty, state.precious) = (false, state.precious && keep);
                    if state.lock == 0 && !state.precious {
                        pager.states.remove(page);
                    }
                }
            }
            self.counters.pageouts += count;
            for port in [control, data] {
                self.send_right_made(port);
            }
            let rights = alloc::vec![Carried::Send(control), Carried::Send(data)];
            let words = [at * PAGE, count * PAGE, dirty as u64, keep as u64];
            let mut message = Message::new(memory_object::DATA_RETURN, &words, rights);
            message.payer = Some(payer);
            self.enqueue(port, message);
        }
        Ok(())
    }

    /// An object with the same frames as some pages that are there; its port.
    fn pages_for_return(
        &mut self,
        id: ObjectId,
        first: u64,
        count: u64,
        payer: AccountId,
        force: bool,
    ) -> Result<PortId> {
        let data = if force {
            self.object_force(count * PAGE, payer)
        } else {
            self.object_create(count * PAGE, payer, false, PageSize::Small)?
        };
        if force {
            // They leave the account of the object together with it.
            let object = self.objects.get(id).ok_or(Error::KERN_INVALID_ARGUMENT)?;
            let pages: Vec<(u64, K::Frame)> = object
                .pages
                .range(first..first + count)
                .map(|(page, frame)| (page - first, frame))
                .collect();
            self.accounts
                .force(payer, Limits::memory(pages.len() as u64 * PAGE));
            for (_, frame) in &pages {
                self.kernel.frame_retain(*frame);
            }
            if let Some(data) = self.objects.get_mut(data) {
                data.pages = pages.into_iter().collect();
            }
        } else if let Err(error) = self.pages_share(id, first, count, data, 0, None) {
            self.object_check(data);
            return Err(error);
        }
        self.object_port(data)
    }

    /// `memory_object_destroy`: whoever needs a page of it gets an error from now on.
    pub(crate) fn pager_destroy(&mut self, id: ObjectId) {
        self.pager_end(id);
        self.object_withdraw(id, 0, PAGER_SIZE / PAGE, Protection::NONE);
        self.pages_drop(id, 0, PAGER_SIZE / PAGE);
        self.object_check(id);
    }
}
