//! The mach server's routines, as they arrive in messages.

use crate::abi::{MESSAGE_WORDS, REPLY, REPLY_ERROR, disposition, inherit, notify, routine};
use crate::error::{Error, Result};
use crate::ipc::{Carried, KernelObject, Life, Message, Owner, Port, PortId, QLIMIT_MAX, Receiver, Sender, Take};
use crate::kernel::{Cache, Kernel, Protection};
use crate::space::Right;
use crate::sync::Timed;
use crate::object::ObjectId;
use crate::task::{Caller, Mach, TaskId, ThreadId, Ticket, task_number, thread_number};
use crate::vm::{Mapping, PAGE, PageSize, Place, inheritance};
use alloc::string::String;
use alloc::vec::Vec;

/// Ports of which [`routine::REPLY_NEW_PORT`] tells in passing: as many as its shortest answer holds.
const LAPSED_TOLD: usize = 3;

/// Whether a request is answered now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// With this label and the words put out.
    Reply(u32),
    /// Later, or never: the caller was kept, or is gone.
    None,
}

/// A program that the boot image holds.
pub struct BootModule {
    /// Its name.
    pub name: String,
    /// Its file.
    pub object: ObjectId,
    /// Bytes of the file.
    pub bytes: u64,
}

/// The words of an answer.
pub struct Output {
    words: [u64; MESSAGE_WORDS],
    length: usize,
}

impl Default for Output {
    fn default() -> Self {
        Output {
            words: [0; MESSAGE_WORDS],
            length: 0,
        }
    }
}

impl Output {
    /// An empty answer.
    #[inline]
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// The words so far.
    #[inline]
    pub fn words(&self) -> &[u64] {
        &self.words[..self.length]
    }

    #[inline]
    pub(crate) fn put(&mut self, word: u64) {
        if self.length < MESSAGE_WORDS {
            self.words[self.length] = word;
            self.length += 1;
        }
    }

    pub(crate) fn room(&self) -> usize {
        MESSAGE_WORDS - self.length
    }

    pub(crate) fn put_bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.put(u64::from_le_bytes(word));
        }
    }
}

/// The words of a request.
pub(crate) struct Input<'a> {
    words: &'a [u64],
    next: usize,
}

impl Input<'_> {
    #[inline]
    pub(crate) fn new(words: &[u64]) -> Input<'_> {
        Input { words, next: 0 }
    }

    #[inline]
    pub(crate) fn word(&mut self) -> Result<u64> {
        let word = self.words.get(self.next).ok_or(Error::MIG_BAD_ARGUMENTS)?;
        self.next += 1;
        Ok(*word)
    }

    #[inline]
    pub(crate) fn name(&mut self) -> Result<u32> {
        self.word().map(|word| word as u32)
    }

    pub(crate) fn rest(&self) -> &[u64] {
        &self.words[self.next..]
    }

    /// `count` words each of which holds a name and, in the high half, a disposition.
    pub(crate) fn rights(&mut self, count: u64) -> Result<&[u64]> {
        let rest = &self.words[self.next..];
        if count > rest.len() as u64 {
            return Err(Error::MIG_BAD_ARGUMENTS);
        }
        self.next += count as usize;
        Ok(&rest[..count as usize])
    }
}

pub(crate) fn bytes_of(words: &[u64], length: u64) -> Result<Vec<u8>> {
    if length > words.len() as u64 * 8 {
        return Err(Error::MIG_BAD_ARGUMENTS);
    }
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.truncate(length as usize);
    Ok(bytes)
}

impl<K: Kernel> Mach<K> {
    /// A request on a task's own port (`badge`), with its label and words.
    pub fn request(
        &mut self,
        badge: u32,
        label: u32,
        words: &[u64],
        output: &mut Output,
    ) -> Outcome {
        output.clear();
        let task = match self.tasks.at(badge & 0xf_ffff) {
            Some(id) if crate::task::task_badge(id) == badge => id,
            _ => {
                output.put(Error::KERN_INVALID_TASK.0 as u64);
                return Outcome::Reply(REPLY_ERROR);
            }
        };
        let mut input = Input::new(words);
        let result = if self.kernel.is_short() && makes_things(label) {
            Err(Error::KERN_RESOURCE_SHORTAGE)
        } else {
            self.routine(task, label, &mut input, output)
        };
        if self.is_unsettled() {
            self.settle();
        }
        match result {
            Ok(true) => Outcome::Reply(REPLY),
            Ok(false) => Outcome::None,
            Err(Error::WAITS) => match self.request_wait(task, label, words) {
                Ok(()) => Outcome::None,
                Err(error) => {
                    output.clear();
                    output.put(error.0 as u64);
                    Outcome::Reply(REPLY_ERROR)
                }
            },
            // The counts of the message follow.
            Err(Error::MACH_RCV_TOO_LARGE) => Outcome::Reply(REPLY_ERROR),
            Err(error) => {
                output.clear();
                output.put(error.0 as u64);
                Outcome::Reply(REPLY_ERROR)
            }
        }
    }

    /// What a name denotes among the mach server's own objects.
    pub(crate) fn object_of(&self, task: TaskId, name: u32) -> Result<KernelObject> {
        let port = self
            .send_port(task, name)
            .map_err(|_| Error::KERN_INVALID_ARGUMENT)?;
        match self.ports.get(port).map(|port| port.owner) {
            Some(Owner::Kernel(object)) => Ok(object),
            _ => Err(Error::KERN_INVALID_ARGUMENT),
        }
    }

    /// The task that a name denotes; 0 and 1 are the caller.
    #[inline]
    pub(crate) fn target(&self, task: TaskId, name: u32) -> Result<TaskId> {
        if name <= crate::abi::TASK_SELF {
            return Ok(task);
        }
        match self.object_of(task, name) {
            Ok(KernelObject::Task(target)) if self.tasks.get(target).is_some() => Ok(target),
            _ => Err(Error::KERN_INVALID_TASK),
        }
    }

    pub(crate) fn thread_named(&self, task: TaskId, name: u32) -> Result<ThreadId> {
        match self.object_of(task, name)? {
            KernelObject::Thread(thread) if self.threads.get(thread).is_some() => Ok(thread),
            _ => Err(Error::KERN_INVALID_ARGUMENT),
        }
    }

    pub(crate) fn memory_named(&self, task: TaskId, name: u32) -> Result<ObjectId> {
        match self.object_of(task, name)? {
            KernelObject::Memory(object) if self.objects.get(object).is_some() => Ok(object),
            _ => Err(Error::KERN_INVALID_ARGUMENT),
        }
    }

    pub(crate) fn check_host(&self, task: TaskId, name: u32) -> Result<()> {
        match self.object_of(task, name) {
            Ok(KernelObject::Host) => Ok(()),
            _ => Err(Error::KERN_NO_ACCESS),
        }
    }

    /// A send right for the caller to a port of the mach server.
    pub(crate) fn put_send(&mut self, task: TaskId, port: PortId) -> Result<u32> {
        if let Some(port) = self.ports.get_mut(port) {
            port.srights += 1;
        }
        self.copy_out(task, Carried::Send(port))
    }

    /// Carries a routine out, those first that are asked for most. `Ok(false)`: the caller is
    /// answered later or not at all.
    #[inline]
    pub(crate) fn routine(
        &mut self,
        task: TaskId,
        label: u32,
        input: &mut Input<'_>,
        out: &mut Output,
    ) -> Result<bool> {
        match label {
            routine::REPLY_NEW_PORT => self.reply_new_port(task, input, out)?,
            routine::REPLY_RIGHTS => self.reply_rights(task, input)?,
            routine::MSG_SEND => return self.message_send(task, input.rest()),
            routine::MSG_RECEIVE => return self.message_receive(task, input, out),
            routine::MACH_PORT_DEALLOCATE => {
                let target = self.target(task, input.name()?)?;
                let name = input.name()?;
                self.name_deallocate(target, name)?;
            }
            _ => return self.routine_other(task, label, input, out),
        }
        Ok(true)
    }

    /// Gives the caller's client a send right to a new port.
    fn reply_new_port(&mut self, task: TaskId, input: &mut Input<'_>, out: &mut Output) -> Result<()> {
        let caller = self.caller_of(task, input.name()?, 1)?;
        let life = match input.word()? {
            0 => Life::Lasting,
            1 => Life::Transient,
            2 => Life::Passing,
            _ => return Err(Error::KERN_INVALID_VALUE),
        };
        if life == Life::Passing
            && let Some((name, given)) = self.spare_take(task, caller.task)
        {
            self.kernel.inbox_push(caller.thread, given)?;
            for word in [name, name, 0, 0] {
                out.put(word as u64);
            }
            return Ok(());
        }
        let (name, id) = self.port_allocate(task)?;
        if let Some(port) = self.ports.get_mut(id) {
            port.srights = 1;
            port.mscount = 1;
            port.life = life;
        }
        let given = if caller.task == task {
            self.copy_out_word(task, Carried::Send(id))
        } else {
            let given = self.copy_out_fresh(caller.task, id);
            self.spare_allow(id);
            given
        };
        self.kernel.inbox_push(caller.thread, given)?;
        out.put(name as u64);
        if life == Life::Passing {
            for _ in 0..LAPSED_TOLD {
                let lapsed = self.task_mut(task)?.lapsed.pop();
                if let Some((_, port)) = lapsed.as_ref().and_then(|lapsed| lapsed.spare) {
                    self.spare_end(port);
                }
                out.put(lapsed.map_or(0, |lapsed| lapsed.name as u64));
            }
        }
        Ok(())
    }

    /// Gives the caller's client rights.
    fn reply_rights(&mut self, task: TaskId, input: &mut Input<'_>) -> Result<()> {
        let caller = input.name()?;
        let count = input.word()?;
        let list = input.rights(count)?;
        let caller = self.caller_of(task, caller, list.len())?;
        if let [word] = list {
            let right = self.copy_in(task, *word as u32, (*word >> 32) as u32)?;
            return self.inbox_give(&caller, right);
        }
        for right in self.copy_in_all(task, list)? {
            self.inbox_give(&caller, right)?;
        }
        Ok(())
    }

    fn message_receive(
        &mut self,
        task: TaskId,
        input: &mut Input<'_>,
        out: &mut Output,
    ) -> Result<bool> {
        let (name, time) = (input.name()?, input.word()?);
        let take = Take {
            notify: input.name().unwrap_or(0),
            most: match input.word() {
                Ok(most) if most != 0 => most,
                _ => MESSAGE_WORDS as u64 - 5,
            },
            keep: input.word().is_ok_and(|keep| keep != 0),
        };
        if take.notify != 0 && self.receive_port(task, take.notify).is_err() {
            return Err(Error::MACH_RCV_INVALID_NOTIFY);
        }
        if name != 0 {
            match self.task(task)?.space.get(name).map(|entry| entry.right) {
                Ok(Right::Receive { port, .. }) => {
                    if self.ports.get(port).is_some_and(|port| port.set.is_some()) {
                        return Err(Error::MACH_RCV_IN_SET);
                    }
                }
                Ok(Right::Set) => {}
                _ => return Err(Error::MACH_RCV_INVALID_NAME),
            }
        }
        if let Some(port) = self.next_port(task, name) {
            if self.receive(task, port, take, &mut |word| out.put(word)) != REPLY {
                return Err(Error::MACH_RCV_TOO_LARGE);
            }
            return Ok(true);
        }
        if time == u64::MAX {
            return Err(Error::MACH_RCV_TIMED_OUT);
        }
        let reply = self.kernel.reply_save()?;
        let serial = self.deadline(time, Timed::Receive(task));
        self.task_mut(task)?.receivers.push_back(Receiver {
            reply,
            take,
            name,
            serial,
        });
        Ok(false)
    }

    #[inline(never)]
    fn routine_other(
        &mut self,
        task: TaskId,
        label: u32,
        input: &mut Input<'_>,
        out: &mut Output,
    ) -> Result<bool> {
        match label {
            routine::GSYNC_WAKE => {
                let (address, all) = (input.word()?, input.word()? != 0);
                out.put(self.futex_wake(task, address, all));
            }
            routine::GSYNC_WAIT => {
                let (address, value, time) = (input.word()?, input.word()?, input.word()?);
                if address % 4 != 0 {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                let mut bytes = [0; 4];
                self.vm_read(task, address, &mut bytes).map_err(|error| match error {
                    // The caller looks again, which brings the page.
                    Error::WAITS => Error::KERN_INVALID_ARGUMENT,
                    error => error,
                })?;
                if u32::from_le_bytes(bytes) as u64 != value {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                self.futex_wait(task, address, time)?;
                return Ok(false);
            }
            routine::GSYNC_REQUEUE => {
                let (from, to) = (input.word()?, input.word()?);
                let (wake, all) = (input.word()? != 0, input.word()? != 0);
                self.futex_requeue(task, from, to, wake, all)?;
            }
            routine::MSG_SEND_NOTIFY => {
                let notify = input.name()?;
                self.message_send_notify(task, notify, input.rest())?;
            }
            routine::RIGHTS_SEND => {
                let thread = self.own_thread(task, input.name()?)?;
                let port = self
                    .send_port(task, input.name()?)
                    .map_err(|_| Error::MACH_SEND_INVALID_DEST)?;
                let count = input.word()?;
                let list = input.rights(count)?;
                self.copy_in_check(task, list)?;
                let account = self.task(task)?.account;
                self.accounts.charge(account, Ticket::cost_of(list.len()))?;
                let rights = self.copy_in_checked_all(task, list)?;
                let secret = self.kernel.random() & !0xf_ffff | thread.index as u64;
                let ticket = Ticket {
                    secret,
                    port,
                    rights,
                };
                let old = match self.threads.get_mut(thread) {
                    Some(thread) => thread.ticket.replace(ticket),
                    None => None,
                };
                if let Some(old) = old {
                    self.ticket_destroy(account, old);
                }
                out.put(secret);
            }
            routine::RIGHTS_RECEIVE => {
                let (secret, name) = (input.word()?, input.name()?);
                let port = self.receive_port(task, name)?;
                let thread = self
                    .threads
                    .at((secret & 0xf_ffff) as u32)
                    .and_then(|id| self.threads.get_mut(id))
                    .ok_or(Error::KERN_INVALID_ARGUMENT)?;
                let sender = thread.task;
                let ticket = thread
                    .ticket
                    .take_if(|ticket| ticket.secret == secret && ticket.port == port)
                    .ok_or(Error::KERN_INVALID_ARGUMENT)?;
                let account = self.task(sender)?.account;
                self.accounts.refund(account, ticket.cost());
                for right in ticket.rights {
                    let word = self.copy_out_word(task, right);
                    out.put(word as u64);
                }
            }
            routine::WINDOW_CREATE => {
                let (name, bytes) = (input.name()?, input.word()?);
                let (token, address, bytes) = self.window_create(task, name, bytes)?;
                let server = self.receiver_of(task, name)?;
                for word in [token, address, bytes, task_number(server) as u64] {
                    out.put(word);
                }
            }
            routine::WINDOW_ACCEPT => {
                let (address, bytes, client) = self.window_accept(task, input.word()?)?;
                out.put(address);
                out.put(bytes);
                out.put(task_number(client) as u64);
            }
            routine::WINDOW_RELEASE => self.window_release(task, input.word()?)?,
            routine::PORT_SERVER => {
                let server = self.receiver_of(task, input.name()?)?;
                out.put(task_number(server) as u64);
            }

            // ---- ports
            routine::MACH_PORT_ALLOCATE => {
                let target = self.target(task, input.name()?)?;
                let name = match input.word()? as u32 {
                    crate::abi::right::RECEIVE => self.port_allocate(target)?.0,
                    crate::abi::right::PORT_SET => self.set_allocate(target)?,
                    crate::abi::right::DEAD_NAME => self.dead_allocate(target)?,
                    _ => return Err(Error::KERN_INVALID_VALUE),
                };
                out.put(name as u64);
            }
            routine::MACH_PORT_DESTROY => {
                let target = self.target(task, input.name()?)?;
                self.name_destroy(target, input.name()?)?;
            }
            routine::MACH_PORT_TYPE => {
                let target = self.target(task, input.name()?)?;
                out.put(self.name_type(target, input.name()?)? as u64);
            }
            routine::MACH_PORT_NAMES => {
                // (task, first index) -> count, (name | type << 32)...; continue behind the last.
                let target = self.target(task, input.name()?)?;
                let from = input.name()?;
                let room = out.room() - 1;
                let found: Vec<u64> = self
                    .task(target)?
                    .space
                    .names(from)
                    .take(room)
                    .map(|(name, entry)| (type_bits(entry) as u64) << 32 | name as u64)
                    .collect();
                out.put(found.len() as u64);
                for word in found {
                    out.put(word);
                }
            }
            routine::MACH_PORT_GET_REFS => {
                use crate::abi::right;
                let target = self.target(task, input.name()?)?;
                let (name, kind) = (input.name()?, input.word()? as u32);
                let refs = match (kind, self.task(target)?.space.get(name)?.right) {
                    (right::SEND, Right::Send { urefs, .. } | Right::Receive { urefs, .. }) => {
                        urefs
                    }
                    (right::DEAD_NAME, Right::Dead { urefs }) => urefs,
                    (right::RECEIVE, Right::Receive { .. })
                    | (right::SEND_ONCE, Right::SendOnce { .. })
                    | (right::PORT_SET, Right::Set) => 1,
                    (right::SEND..=right::DEAD_NAME, _) => 0,
                    _ => return Err(Error::KERN_INVALID_VALUE),
                };
                out.put(refs as u64);
            }
            routine::MACH_PORT_MOD_REFS => {
                let target = self.target(task, input.name()?)?;
                let (name, kind, delta) = (input.name()?, input.word()?, input.word()?);
                self.name_mod_refs(target, name, kind as u32, delta as i32)?;
            }
            routine::MACH_PORT_SET_QLIMIT => {
                let target = self.target(task, input.name()?)?;
                let port = self.receive_port(target, input.name()?)?;
                let limit = input.word()?;
                if limit > QLIMIT_MAX as u64 {
                    return Err(Error::KERN_INVALID_VALUE);
                }
                if let Some(entry) = self.ports.get_mut(port) {
                    entry.qlimit = limit as u32;
                }
                self.senders_admit(port);
            }
            routine::MACH_PORT_MOVE_MEMBER => {
                let target = self.target(task, input.name()?)?;
                let member = input.name()?;
                let port = self.receive_port(target, member)?;
                let set = match input.name()? {
                    0 => None,
                    set => match self.task(target)?.space.get(set)?.right {
                        Right::Set => Some(set),
                        _ => return Err(Error::KERN_INVALID_RIGHT),
                    },
                };
                if set.is_none() && self.ports.get(port).is_none_or(|port| port.set.is_none()) {
                    return Err(Error::KERN_NOT_IN_SET);
                }
                self.set_change(target, member, port, set);
            }
            routine::MACH_PORT_GET_SET_STATUS => {
                let target = self.target(task, input.name()?)?;
                let set = input.name()?;
                if self.task(target)?.space.get(set)?.right != Right::Set {
                    return Err(Error::KERN_INVALID_RIGHT);
                }
                // With a third word: the names behind that one.
                let from = input.name().map_or(0, |name| name.saturating_add(1));
                let members = &self.task(target)?.members;
                for (_, name) in members.range((set, from)..=(set, u32::MAX)).take(out.room()) {
                    out.put(*name as u64);
                }
            }
            routine::MACH_PORT_REQUEST_NOTIFICATION => {
                let target = self.target(task, input.name()?)?;
                let (name, id, sync) = (input.name()?, input.word()?, input.word()?);
                let (notify, how) = (input.name()?, input.word()?);
                let (id, sync) = (id as u32, sync as u32);
                // Whether the name is what it must be comes before the right that is to be told.
                self.notification_check(target, name, id, sync, None)?;
                let told = self.send_once_check(task, notify, how as u32)?;
                self.notification_check(target, name, id, sync, told)?;
                if target == task && notify == name && how as u32 == disposition::MOVE_SEND_ONCE {
                    // The name would be gone before it is watched.
                    return Err(Error::KERN_INVALID_CAPABILITY);
                }
                let to = self.send_once_in(task, notify, how as u32)?;
                let old = self.notification_request(target, name, id, sync, to)?;
                // Without room for its name, the old right is destroyed, which tells whom it tells.
                let old = self.copy_out(task, old).unwrap_or(0);
                out.put(old as u64);
            }
            routine::MACH_PORT_INSERT_RIGHT => {
                let target = self.target(task, input.name()?)?;
                let wanted = input.name()?;
                let (name, how) = (input.name()?, input.word()?);
                let given = match wanted {
                    0 => self.right_transfer(task, name, how as u32, target),
                    wanted => self
                        .right_transfer_to(task, name, how as u32, target, wanted)
                        .map(|()| wanted),
                };
                out.put(given.map_err(|error| match error {
                    Error::MACH_SEND_INVALID_RIGHT => Error::KERN_INVALID_CAPABILITY,
                    error => error,
                })? as u64);
            }
            routine::MACH_PORT_EXTRACT_RIGHT => {
                let target = self.target(task, input.name()?)?;
                let (name, how) = (input.name()?, input.word()?);
                let given = self.right_transfer(target, name, how as u32, task);
                out.put(given.map_err(|error| match error {
                    Error::MACH_SEND_INVALID_RIGHT => Error::KERN_INVALID_RIGHT,
                    error => error,
                })? as u64);
            }
            routine::MACH_PORT_GET_RECEIVE_STATUS => {
                let target = self.target(task, input.name()?)?;
                let id = self.receive_port(target, input.name()?)?;
                let Some(port) = self.ports.get(id) else {
                    return Err(Error::KERN_INVALID_NAME);
                };
                for word in [
                    port.set.unwrap_or(0),
                    port.seqno,
                    port.mscount,
                    port.qlimit,
                    port.queue.len() as u32,
                    port.sorights,
                    port.srights,
                    port.no_senders_request.is_some() as u32,
                ] {
                    out.put(word as u64);
                }
            }

            // ---- tasks and threads
            routine::TASK_CREATE => {
                let name = input.name()?;
                let account = match name {
                    0 => None,
                    name => Some(self.account_named(task, name)?),
                };
                // What is not said: the caller, and nothing to inherit.
                let parent = self.target(task, input.name().unwrap_or(0))?;
                let inherits = input.word().unwrap_or(0);
                if inherits & !(inherit::MEMORY | inherit::RIGHTS) != 0 {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                let account = match account {
                    Some(account) => account,
                    None => self.task(parent)?.account,
                };
                let child = self.task_create(account)?;
                let inherited = match inherits & inherit::MEMORY {
                    0 => Ok(()),
                    _ => self.map_inherit(parent, child),
                };
                let inherited = inherited.and_then(|()| match inherits & inherit::RIGHTS {
                    0 => Ok(()),
                    _ => self.rights_inherit(parent, child),
                });
                if let Err(error) = inherited {
                    self.task_terminate(child)?;
                    return Err(error);
                }
                let port = self.task(child)?.port;
                // What was inherited is not refused for a limit.
                let limit = self.task(parent)?.map.limit;
                let maker = self.task(task)?;
                let (handler, priority) = (maker.handler, maker.priority);
                let made = self.task_mut(child)?;
                made.priority = priority;
                made.map.limit = limit;
                if let Carried::Send(exception) = handler.port
                    && let Some(exception) = self.ports.get_mut(exception)
                {
                    exception.srights += 1;
                    self.task_mut(child)?.handler = handler;
                }
                let given = self.put_send(task, port).and_then(|name| {
                    if let Err(error) = self.new_task_tell(task, port) {
                        self.name_deallocate(task, name)?;
                        return Err(error);
                    }
                    Ok(name)
                });
                match given {
                    Ok(name) => out.put(name as u64),
                    Err(error) => {
                        let _ = self.task_terminate(child);
                        return Err(error);
                    }
                }
            }
            routine::TASK_TERMINATE => {
                let target = self.target(task, input.name()?)?;
                self.task_terminate(target)?;
                self.settle();
                // The caller may have been in it; an answer to nobody is no harm.
                return Ok(target != task);
            }
            routine::TASK_CLEAR => {
                let target = self.target(task, input.name()?)?;
                self.threads_remove(target)?;
                self.windows_end(target);
                self.map_clear(target);
                return Ok(target != task);
            }
            routine::TASK_SUSPEND => {
                let target = self.target(task, input.name()?)?;
                self.task_suspend(target)?;
            }
            routine::TASK_RESUME => {
                let target = self.target(task, input.name()?)?;
                self.task_resume(target)?;
            }
            routine::THREAD_CREATE => {
                let target = self.target(task, input.name()?)?;
                let page = match input.word()? {
                    0 => self.map_find(target, PAGE)?,
                    page => page,
                };
                let thread = self.thread_create(target, page)?;
                let port = self.threads.get(thread).ok_or(Error::KERN_FAILURE)?.port;
                match self.put_send(task, port) {
                    Ok(name) => {
                        out.put(name as u64);
                        out.put(thread_number(thread) as u64);
                        out.put(page);
                    }
                    Err(error) => {
                        self.thread_remove(thread);
                        return Err(error);
                    }
                }
            }
            routine::THREAD_START => {
                let thread = self.thread_named(task, input.name()?)?;
                let (pc, sp, argument) = (input.word()?, input.word()?, input.word()?);
                self.thread_start(thread, pc, sp, argument)?;
            }
            routine::THREAD_TERMINATE => {
                let name = input.name()?;
                let thread = if name == 0 {
                    // The calling thread, by its number.
                    self.own_thread(task, input.name()?)?
                } else {
                    self.thread_named(task, name)?
                };
                let holder = self.threads.get(thread).map(|thread| thread.task);
                self.thread_remove(thread);
                if name != 0
                    && let Some(holder) = holder
                {
                    // A thread that ends itself waits for nothing.
                    self.waits_purge(holder);
                }
                if name == 0 && input.rest().len() >= 2 {
                    // Its stack goes with it.
                    let (address, size) = (input.word()?, input.word()?);
                    self.vm_deallocate(task, address, size)?;
                }
                // If it was the caller, nobody hears the answer.
            }
            routine::THREAD_SUSPEND => {
                let thread = self.thread_named(task, input.name()?)?;
                self.thread_suspend(thread)?;
            }
            routine::THREAD_RESUME => {
                let thread = self.thread_named(task, input.name()?)?;
                self.thread_resume(thread)?;
            }
            routine::THREAD_ABORT => {
                let thread = self.thread_named(task, input.name()?)?;
                self.thread_abort(thread)?;
            }

            // ---- accounts
            routine::ACCOUNT_CREATE
            | routine::ACCOUNT_INFO
            | routine::ACCOUNT_TERMINATE
            | routine::TASK_SET_ACCOUNT => self.account_routine(task, label, input, out)?,

            // ---- the host
            routine::BOOT_MODULE => {
                self.check_host(task, input.name()?)?;
                let index = input.word()?;
                let module = self
                    .modules
                    .get(index as usize)
                    .ok_or(Error::KERN_INVALID_ARGUMENT)?;
                let (object, bytes, name) = (module.object, module.bytes, module.name.clone());
                let port = self.object_port(object)?;
                let right = self.put_send(task, port)?;
                out.put(right as u64);
                out.put(bytes);
                out.put(name.len() as u64);
                out.put_bytes(name.as_bytes());
            }
            routine::DEVICE_TREE => {
                self.check_host(task, input.name()?)?;
                let (object, bytes) = self.device_tree.ok_or(Error::KERN_FAILURE)?;
                let port = self.object_port(object)?;
                let right = self.put_send(task, port)?;
                out.put(right as u64);
                out.put(bytes);
            }
            routine::DEVICE_MEMORY => {
                self.check_host(task, input.name()?)?;
                let (physical, bytes) = (input.word()?, input.word()?);
                if physical % PAGE != 0 || bytes == 0 || bytes > 1 << 30 {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                let mut frames = Vec::new();
                for page in 0..bytes.div_ceil(PAGE) {
                    let frame = physical
                        .checked_add(page * PAGE)
                        .and_then(|at| self.kernel.frame_device(at))
                        .ok_or(Error::KERN_INVALID_ADDRESS)?;
                    frames.push(frame);
                }
                let object = self.object_of_frames(frames, Cache::Device);
                let port = self.object_port(object)?;
                if let Some(object) = self.objects.get_mut(object) {
                    object.users = 0;
                }
                out.put(self.put_send(task, port)? as u64);
            }
            routine::DEVICE_INTERRUPT => {
                self.check_host(task, input.name()?)?;
                let port = self.port_for(KernelObject::Interrupt(input.name()?));
                out.put(self.put_send(task, port)? as u64);
            }
            routine::DEVICE_MESSAGE => {
                self.check_host(task, input.name()?)?;
                let (line, address, data) = self.kernel.interrupt_message()?;
                let port = self.port_for(KernelObject::Interrupt(line));
                out.put(self.put_send(task, port)? as u64);
                out.put(address);
                out.put(data.into());
            }
            routine::DEVICE_PORTS => {
                self.check_host(task, input.name()?)?;
                let (first, count) = (input.word()?, input.word()?);
                let ports = match (u16::try_from(first), u16::try_from(count)) {
                    (Ok(first), Ok(count @ 1..)) if u32::from(first) + u32::from(count) <= 1 << 16 => {
                        KernelObject::Ports(first, count)
                    }
                    _ => return Err(Error::KERN_INVALID_ARGUMENT),
                };
                if !K::HAS_PORTS {
                    return Err(Error::KERN_INVALID_ADDRESS);
                }
                let port = self.port_for(ports);
                out.put(self.put_send(task, port)? as u64);
            }
            routine::PORTS_ATTACH => {
                let KernelObject::Ports(first, count) = self.object_of(task, input.name()?)? else {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                };
                // A slot that is no name of a right, and stays with the task.
                let name = self.slot_reserve(task)?;
                let kernel = self.task(task)?.kernel;
                let slot = name & crate::abi::INDEX_MASK;
                let first = u32::from(first);
                let ports = first..first + u32::from(count);
                if let Err(error) = self.kernel.ports_install(kernel, ports, slot) {
                    self.forget_name(task, name);
                    return Err(error);
                }
                out.put(slot as u64);
                out.put(first as u64);
                out.put(count as u64);
            }
            routine::INTERRUPT_ATTACH => {
                let KernelObject::Interrupt(line) = self.object_of(task, input.name()?)? else {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                };
                // Slots that are no names of rights, and stay with the task.
                let notification = self.slot_reserve(task)?;
                let handler = match self.slot_reserve(task) {
                    Ok(handler) => handler,
                    Err(error) => {
                        self.forget_name(task, notification);
                        return Err(error);
                    }
                };
                let kernel = self.task(task)?.kernel;
                let mask = crate::abi::INDEX_MASK;
                let installed =
                    self.kernel
                        .interrupt_install(kernel, line, notification & mask, handler & mask);
                if let Err(error) = installed {
                    self.forget_name(task, notification);
                    self.forget_name(task, handler);
                    return Err(error);
                }
                out.put((notification & mask) as u64);
                out.put((handler & mask) as u64);
            }
            routine::REGISTER_NEW_TASK_NOTIFICATION => {
                self.check_host(task, input.name()?)?;
                let name = input.name()?;
                // Whoever took it before keeps it for as long as the port lives.
                if let Carried::Send(port) = self.new_task_notify
                    && self.ports.get(port).is_some()
                {
                    return Err(Error::KERN_NO_ACCESS);
                }
                let port = self.send_port(task, name)?;
                if !self.is_installed(port) {
                    return Err(Error::KERN_INVALID_CAPABILITY);
                }
                self.new_task_notify =
                    self.copy_in(task, name, crate::abi::disposition::COPY_SEND)?;
            }
            routine::PROCESSOR_SET_TASKS
            | routine::PROCESSOR_SET_THREADS
            | routine::VM_CACHE_STATISTICS
            | routine::VM_PAGES_PHYS
            | routine::TASK_RIGHTS
            | routine::HOST_PORTS
            | routine::HOST_PORT_RIGHTS
            | routine::HOST_ACCOUNTS => self.inspect(task, label, input, out)?,
            routine::HOST_REBOOT => {
                self.check_host(task, input.name()?)?;
                let restart = input.word()? == 0;
                self.kernel.power(restart);
            }
            routine::DMA_PORT => {
                self.check_host(task, input.name()?)?;
                let port = self.port_for(KernelObject::Dma);
                out.put(self.put_send(task, port)? as u64);
            }
            routine::HOST_GET_TIME
            | routine::HOST_GET_TIME64
            | routine::HOST_SET_TIME
            | routine::HOST_SET_TIME64
            | routine::HOST_ADJUST_TIME
            | routine::HOST_ADJUST_TIME64 => self.clock_routine(task, label, input, out)?,
            routine::HOST_INFO | routine::HOST_GET_KERNEL_VERSION => {
                self.host_routine(label, input, out)?;
            }
            routine::HOST_PROCESSORS
            | routine::HOST_PROCESSOR_SETS
            | routine::HOST_PROCESSOR_SET_PRIV
            | routine::PROCESSOR_START
            | routine::PROCESSOR_EXIT
            | routine::PROCESSOR_CONTROL
            | routine::PROCESSOR_INFO
            | routine::PROCESSOR_ASSIGN
            | routine::PROCESSOR_GET_ASSIGNMENT
            | routine::PROCESSOR_SET_DEFAULT
            | routine::PROCESSOR_SET_CREATE
            | routine::PROCESSOR_SET_DESTROY
            | routine::PROCESSOR_SET_PROCESSORS
            | routine::PROCESSOR_SET_INFO
            | routine::PROCESSOR_SET_MAX_PRIORITY
            | routine::PROCESSOR_SET_POLICY_ENABLE
            | routine::PROCESSOR_SET_POLICY_DISABLE
            | routine::TASK_ASSIGN
            | routine::TASK_ASSIGN_DEFAULT
            | routine::TASK_GET_ASSIGNMENT
            | routine::THREAD_ASSIGN
            | routine::THREAD_ASSIGN_DEFAULT
            | routine::THREAD_GET_ASSIGNMENT => self.processors(task, label, input, out)?,
            routine::MEMORY_OBJECT_CREATE_PROXY | routine::VM_REGION_CREATE_PROXY => {
                self.proxy_routine(task, label, input, out)?;
            }
            routine::HOST_GET_UPTIME64 => {
                out.put(self.kernel.now());
                out.put(self.kernel.counter_rate());
            }
            routine::RANDOM => out.put(self.kernel.random()),
            routine::DEBUG_LOG => {
                let length = input.word()?;
                let bytes = bytes_of(input.rest(), length)?;
                let text = String::from_utf8_lossy(&bytes).into_owned();
                self.kernel.log(&text);
            }
            routine::MACH_PORT_RENAME
            | routine::MACH_PORT_ALLOCATE_NAME
            | routine::MACH_PORT_SET_MSCOUNT
            | routine::MACH_PORT_SET_SEQNO
            | routine::MACH_PORT_SET_PROTECTED_PAYLOAD
            | routine::MACH_PORT_CLEAR_PROTECTED_PAYLOAD => self.names(task, label, input)?,
            _ => self.memory_routine(task, label, input, out)?,
        }
        Ok(true)
    }

    /// Tells whoever asked to hear of new tasks, at the cost of who made this one.
    fn new_task_tell(&mut self, parent: TaskId, port: PortId) -> Result<()> {
        let Carried::Send(notify) = self.new_task_notify else { return Ok(()) };
        let holder = self.task(parent)?;
        let (parent, account) = (holder.port, holder.account);
        let rights = alloc::vec![Carried::Send(port), Carried::Send(parent)];
        self.enqueue_paid(notify, account, notify::NEW_TASK, &[], rights)
    }

    /// Whether a caller's inbox takes so many names more.
    /// Gives a right to a task, and its name to the thread that waits for it.
    fn inbox_give(&mut self, caller: &Caller<K>, right: Carried) -> Result<()> {
        let name = self.copy_out_word(caller.task, right);
        self.kernel.inbox_push(caller.thread, name)
    }

    /// Sends a message, now or when there is room.
    fn message_send(&mut self, task: TaskId, words: &[u64]) -> Result<bool> {
        let Some(id) = self.message_try(task, words)? else {
            return Ok(true);
        };
        // The queue is full: the sender waits, unless it said that it would not.
        let time = words.get(3).copied().unwrap_or(u64::MAX);
        if time == u64::MAX {
            return Err(Error::MACH_SEND_TIMED_OUT);
        }
        let account = self.task(task)?.account;
        self.accounts.charge(account, Message::cost(words.len(), 0))?;
        let reply = self.kernel.reply_save().inspect_err(|_| {
            self.accounts.refund(account, Message::cost(words.len(), 0));
        })?;
        let serial = self.deadline(time, Timed::Send);
        let sender = Sender { serial, reply, task, port: id, words: words.to_vec() };
        self.senders.insert(serial.number, sender);
        if let Some(port) = self.ports.get_mut(id) {
            port.blocked.push_back(serial.number);
        }
        self.task_mut(task)?.sending.insert(serial.number);
        Ok(false)
    }

    fn name_type(&self, task: TaskId, name: u32) -> Result<u32> {
        let entry = self.task(task)?.space.get(name)?;
        let forced = |port: &Port| port.accept_requests.iter().any(|(key, _)| *key == (task, name));
        let waits = match entry.right {
            Right::Send { port, .. } => self.ports.get(port).is_some_and(forced),
            _ => false,
        };
        Ok(type_bits(entry) | (waits as u32) << 30)
    }

    // ---- starting the system

    /// Tells of a boot module.
    pub fn boot_module_add(&mut self, name: &str, object: ObjectId, bytes: u64) {
        self.modules.push(BootModule {
            name: name.into(),
            object,
            bytes,
        });
    }

    /// Tells of the device tree.
    pub fn device_tree_set(&mut self, object: ObjectId, bytes: u64) {
        self.device_tree = Some((object, bytes));
    }

    /// Gives a task a right to the privileged host port; answers its name.
    pub fn host_give(&mut self, task: TaskId) -> Result<u32> {
        let host = self.host;
        self.put_send(task, host)
    }

    /// Maps part of a boot module or device into a task: shared, or as a private copy.
    #[allow(clippy::too_many_arguments)]
    pub fn object_map(
        &mut self,
        task: TaskId,
        address: u64,
        object: ObjectId,
        offset: u64,
        size: u64,
        protection: Protection,
        copy: bool,
    ) -> Result<u64> {
        let account = self.task(task)?.account;
        let (object, offset) = if copy {
            (self.object_copy(object, offset, size, account, None)?, 0)
        } else {
            (object, offset)
        };
        let what = Mapping {
            object,
            offset,
            size,
            protection,
            maximum: Protection::ALL,
            inheritance: inheritance::COPY,
        };
        self.map_enter(task, Place::At(address), what)
    }

    /// Zeroed memory at an address.
    pub fn memory_map(&mut self, task: TaskId, address: u64, size: u64) -> Result<u64> {
        self.vm_allocate(task, Place::At(address), size, PageSize::Small)
    }

    /// Writes into a task's memory.
    pub fn memory_write(&mut self, task: TaskId, address: u64, bytes: &[u8]) -> Result<()> {
        self.vm_write(task, address, bytes)
    }

    /// The thread with a number, if it is one of the task whose own port has this badge.
    pub fn thread_of_task(&self, badge: u32, number: u32) -> Option<K::Thread> {
        let id = self.threads.at(number & 0xf_ffff).filter(|id| thread_number(*id) == number)?;
        let thread = self.threads.get(id)?;
        (crate::task::task_badge(thread.task) == badge).then_some(thread.kernel)
    }

    /// The thread whose faults carry a badge.
    pub fn thread_of_badge(&self, badge: u32) -> Option<ThreadId> {
        let id = self.threads.at(badge & 0xf_ffff)?;
        (crate::task::thread_badge(id) == badge).then_some(id)
    }
}

/// Whether a routine may need more of the mach server's own memory.
fn makes_things(label: u32) -> bool {
    matches!(
        label,
        routine::REPLY_NEW_PORT
            | routine::REPLY_RIGHTS
            | routine::MSG_SEND
            | routine::RIGHTS_SEND
            | routine::WINDOW_CREATE
            | routine::WINDOW_ACCEPT
            | routine::MACH_PORT_ALLOCATE
            | routine::MACH_PORT_ALLOCATE_NAME
            | routine::MACH_PORT_RENAME
            | routine::MSG_SEND_NOTIFY
            | routine::MACH_PORT_MOVE_MEMBER
            | routine::MACH_PORT_REQUEST_NOTIFICATION
            | routine::MACH_PORT_INSERT_RIGHT
            | routine::MACH_PORT_EXTRACT_RIGHT
            | routine::TASK_CREATE
            | routine::TASK_GET_SPECIAL_PORT
            | routine::THREAD_GET_SPECIAL_PORT
            | routine::TASK_THREADS
            | routine::MACH_PORTS_LOOKUP
            | routine::THREAD_CREATE
            | routine::VM_ALLOCATE
            | routine::VM_PROTECT
            | routine::VM_INHERIT
            | routine::VM_WRITE
            | routine::VM_COPY
            | routine::VM_MAP
            | routine::VM_WIRE
            | routine::VM_WIRE_ALL
            | routine::VM_MSYNC
            | routine::VM_OBJECT_SYNC
            | routine::VM_ALLOCATE_CONTIGUOUS
            | routine::MEMORY_OBJECT_DATA_SUPPLY
            | routine::MEMORY_OBJECT_DATA_UNAVAILABLE
            | routine::MEMORY_OBJECT_LOCK_REQUEST
            | routine::MEMORY_OBJECT_CREATE
            | routine::ACCOUNT_CREATE
            | routine::BOOT_MODULE
            | routine::DEVICE_TREE
            | routine::DEVICE_MEMORY
            | routine::DEVICE_INTERRUPT
            | routine::INTERRUPT_ATTACH
            | routine::DEVICE_MESSAGE
            | routine::DEVICE_PORTS
            | routine::PORTS_ATTACH
            | routine::PROCESSOR_SET_TASKS
            | routine::PROCESSOR_SET_THREADS
            | routine::PROCESSOR_SET_DEFAULT
            | routine::PROCESSOR_SET_PROCESSORS
            | routine::PROCESSOR_GET_ASSIGNMENT
            | routine::HOST_PROCESSORS
            | routine::HOST_PROCESSOR_SETS
            | routine::HOST_PROCESSOR_SET_PRIV
            | routine::TASK_GET_ASSIGNMENT
            | routine::THREAD_GET_ASSIGNMENT
            | routine::TASK_SET_NAME
            | routine::THREAD_SET_NAME
            | routine::MEMORY_OBJECT_CREATE_PROXY
            | routine::VM_REGION_CREATE_PROXY
            | routine::DMA_PORT
    )
}

/// The kinds of rights that a name denotes (`mach_port_type_t`).
pub(crate) fn type_bits(entry: &crate::space::Entry) -> u32 {
    use crate::abi::right;
    let bit = |right: u32| 1 << (right + 16);
    let bits = match entry.right {
        Right::Send { .. } => bit(right::SEND),
        Right::Receive { urefs: 0, .. } => bit(right::RECEIVE),
        Right::Receive { .. } => bit(right::RECEIVE) | bit(right::SEND),
        Right::SendOnce { .. } => bit(right::SEND_ONCE),
        Right::Dead { .. } => bit(right::DEAD_NAME),
        Right::Set => bit(right::PORT_SET),
        Right::Free { .. } | Right::Spare { .. } | Right::Reserved => 0,
    };
    if entry.dead_name_request.is_some() {
        bits | 0x8000_0000
    } else {
        bits
    }
}
