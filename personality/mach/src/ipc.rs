//! Ports, rights that move, queues and notifications.

use crate::abi::{
    BODY_WORDS_MAX, DEAD_NAME, IN_MEMORY, INDEX_MASK, PAYLOAD, REPLY, REPLY_ERROR, WITH_REPLY,
    disposition, notify,
};
use crate::account::{AccountId, Limits, cost};
use crate::death::Dying;
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::slab::Id;
use crate::ready::Neighbours;
use crate::space::{Entry, Right, UREFS_MAX, is_valid};
use crate::spare::Lapsed;
use crate::sync::Timed;
use crate::task::{Mach, TaskId, ThreadId, Ticket};
use crate::object::ObjectId;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use smallvec::SmallVec;

/// A handle to a port.
pub type PortId = Id<Port>;

/// Messages that a queue holds before senders wait (`MACH_PORT_QLIMIT_DEFAULT`).
pub(crate) const QLIMIT_DEFAULT: u32 = 16;
/// Ports of which a task is to be told in passing, before it is told by messages.
const LAPSED_MAX: usize = 64;
/// How long a task is left untold of such ports.
const LAPSE_MILLISECONDS: u64 = 1;
/// The largest limit that a receiver can set.
pub(crate) const QLIMIT_MAX: u32 = 65535;

/// What a port of the mach server itself stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelObject {
    /// A task: full power over it.
    Task(TaskId),
    /// A thread.
    Thread(ThreadId),
    /// A memory object to map.
    Memory(ObjectId),
    /// The privileged host port.
    Host,
    /// The right to allocate memory for DMA.
    Dma,
    /// An interrupt line.
    Interrupt(u32),
    /// I/O ports: the first, and how many.
    Ports(u16, u16),
    /// An account.
    Account(crate::account::AccountId),
    /// Answers about a thread's exception come here.
    Exception(ThreadId),
    /// Lets a pager provide the pages of a memory object.
    Control(ObjectId),
    /// The name of a pager's memory object.
    Name(ObjectId),
    /// A part of a memory object.
    Proxy(crate::proxy::ProxyId),
    /// The processor, or the set that it is in.
    Processing(crate::processors::Processing),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The receive right is held by a task, under a name.
    Task(TaskId, u32),
    /// The mach server receives.
    Kernel(KernelObject),
    /// The receive right is in a message: in this port's queue, or (`None`) nowhere yet.
    Transit(Option<PortId>),
}

/// What the end of its last send right means for a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// It lives on; its receiver may have asked to be told.
    Lasting,
    /// It dies, and its receiver is told.
    Transient,
    /// It dies, and its receiver is told with the answer to its next [`REPLY_NEW_PORT`], or a
    /// moment later, unless it has asked to be told. Until it is told, the port may be spare.
    ///
    /// [`REPLY_NEW_PORT`]: crate::abi::routine::REPLY_NEW_PORT
    Passing,
}

/// Names of a port that are looked through for a holder's before they are indexed.
const NAMES_SEARCHED: u32 = 8;

/// A port.
pub struct Port {
    pub(crate) owner: Owner,
    /// Send rights that exist: names, and rights in messages and in the mach server's own hands.
    pub(crate) srights: u32,
    pub(crate) sorights: u32,
    pub(crate) mscount: u32,
    pub(crate) seqno: u32,
    pub(crate) qlimit: u32,
    pub(crate) queue: VecDeque<Message>,
    /// Senders that wait for room.
    pub(crate) blocked: VecDeque<u64>,
    pub(crate) no_senders_request: Option<PortId>,
    /// Gets the receive right when it would be destroyed.
    pub(crate) destroyed_request: Option<PortId>,
    /// Who put a message into the full queue (task and name), and is told when there is room.
    pub(crate) accept_requests: VecDeque<((TaskId, u32), PortId)>,
    /// What its receiver gets instead of its name.
    pub(crate) payload: Option<u64>,
    /// Its end has begun.
    pub(crate) dying: Option<Dying>,
    /// A memory object's, whose only right is in a message: who gets it pays for the memory.
    pub(crate) moving: bool,
    /// Whether it dies with its last send right.
    pub(crate) life: Life,
    /// It was made for a client's answer, and nobody else had a name for it since.
    pub(crate) sole: bool,
    /// It has gone, and is kept for this task under this name.
    pub(crate) spare: Option<(TaskId, u32)>,
    /// The set that it is a member of (a name in the receiver's space).
    pub(crate) set: Option<u32>,
    /// First name in the list of those that denote this port, as (task index, name index).
    pub(crate) first: Option<(u32, u32)>,
    /// How many names are in that list.
    pub(crate) names: u32,
    /// Whether the list is so long that the holders' own tables say which name is theirs.
    pub(crate) indexed: bool,
    /// Its place in the receiver's list of ports with messages.
    pub(crate) ready: Option<Neighbours>,
    /// The memory whose pages its receiver provides.
    pub(crate) memory: Option<ObjectId>,
}

/// A right outside of any space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// Name 0.
    Null,
    /// The dead name.
    Dead,
    /// A send right (counted in `srights`).
    Send(PortId),
    /// A send-once right (counted in `sorights`).
    SendOnce(PortId),
    /// The receive right.
    Receive(PortId),
}

impl Carried {
    /// The word of an inbox for a right with a name.
    #[inline]
    pub(crate) fn word(self, name: u32) -> u32 {
        self.kind() << 28 | name
    }

    /// The number of its kind, as the word of an inbox has it.
    #[inline]
    fn kind(self) -> u32 {
        match self {
            Carried::Null | Carried::Dead => 0,
            Carried::Send(_) => 1,
            Carried::Receive(_) => 2,
            Carried::SendOnce(_) => 3,
        }
    }
}

/// Words of a message that lie beside its head.
const WORDS_IN_PLACE: usize = 4;

/// A message in a queue.
pub struct Message {
    /// The message id.
    pub label: u32,
    /// The body.
    pub words: SmallVec<[u64; WORDS_IN_PLACE]>,
    /// Its rights.
    pub rights: Vec<Carried>,
    /// Words of the body that lie in the memory that its last right is to; 0 for none.
    pub(crate) in_memory: u64,
    /// Whom it is charged to while it is in a queue.
    pub(crate) payer: Option<AccountId>,
}

impl Port {
    /// Whether there is nothing to it but one send right.
    #[inline]
    pub(crate) fn is_bare(&self) -> bool {
        self.srights == 1
            && self.sorights == 0
            && self.queue.is_empty()
            && self.blocked.is_empty()
            && self.accept_requests.is_empty()
            && self.no_senders_request.is_none()
            && self.destroyed_request.is_none()
            && self.payload.is_none()
            && self.set.is_none()
            && self.memory.is_none()
            && self.dying.is_none()
    }

    /// A name through which a message was forced is another one now; 0 if it is gone.
    pub(crate) fn accept_rename(&mut self, old: (TaskId, u32), new: u32) {
        for (key, _) in &mut self.accept_requests {
            if *key == old {
                key.1 = new;
            }
        }
    }
}

impl Message {
    /// A message that nobody pays for yet.
    #[inline]
    pub(crate) fn new(label: u32, words: &[u64], rights: Vec<Carried>) -> Message {
        let words = SmallVec::from_slice(words);
        Message { label, words, rights, in_memory: 0, payer: None }
    }

    /// Rights and words, as the receiver sees them.
    #[inline]
    fn size(&self) -> (u64, u64) {
        let rights = self.rights.len() as u64;
        match self.in_memory {
            0 => (rights, self.words.len() as u64),
            words => (rights - 1, words),
        }
    }

    #[inline]
    pub(crate) fn cost(words: usize, rights: usize) -> Limits {
        Limits {
            memory: 0,
            objects: cost::MESSAGE + 8 * words as u64 + cost::CARRIED * rights as u64,
            rights: rights as u64,
        }
    }
}

/// A message that has left its queue.
struct Taken {
    /// The receive right's name, or its payload, which the flag in the label's word tells.
    port: u64,
    flag: u64,
    seqno: u32,
    message: Message,
}

/// How a message is received.
#[derive(Clone, Copy)]
pub(crate) struct Take {
    /// Name of the receive right that is told when the reply right's port dies; 0 for none.
    pub(crate) notify: u32,
    /// The most rights and words that are taken.
    pub(crate) most: u64,
    /// A larger message stays in the queue.
    pub(crate) keep: bool,
}

/// A thread that waits in `msg_receive`.
pub(crate) struct Receiver<R> {
    pub(crate) reply: R,
    pub(crate) take: Take,
    /// A port or set name, or 0 for every port that is in no set.
    pub(crate) name: u32,
    /// Number of the wait.
    pub(crate) serial: crate::sync::Serial,
}

/// A sender that waits for room in a queue.
pub(crate) struct Sender<R> {
    pub(crate) serial: crate::sync::Serial,
    pub(crate) reply: R,
    pub(crate) task: TaskId,
    pub(crate) port: PortId,
    /// What it asked for, carried out when there is room: until then it keeps its rights.
    pub(crate) words: Vec<u64>,
}

impl<K: Kernel> Mach<K> {
    // ---- ports

    pub(crate) fn port_create(&mut self, owner: Owner) -> PortId {
        self.ports.insert(Port {
            owner,
            srights: 0,
            sorights: 0,
            mscount: 0,
            seqno: 0,
            qlimit: QLIMIT_DEFAULT,
            queue: VecDeque::new(),
            blocked: VecDeque::new(),
            no_senders_request: None,
            destroyed_request: None,
            accept_requests: VecDeque::new(),
            payload: None,
            moving: false,
            dying: None,
            life: Life::Lasting,
            sole: false,
            spare: None,
            set: None,
            first: None,
            names: 0,
            indexed: false,
            ready: None,
            memory: None,
        })
    }

    /// A port of the mach server itself.
    pub(crate) fn port_for(&mut self, object: KernelObject) -> PortId {
        self.port_create(Owner::Kernel(object))
    }

    /// A new receive right in a task's space: its name and the port.
    pub(crate) fn port_allocate(&mut self, task: TaskId) -> Result<(u32, PortId)> {
        let account = self.task(task)?.account;
        self.accounts.charge(account, Limits::rights(1))?;
        let port = self.port_create(Owner::Task(task, 0));
        match self.receive_name(task, port) {
            Ok(name) => {
                self.link(task, name, port);
                if let Some(port) = self.ports.get_mut(port) {
                    port.owner = Owner::Task(task, name);
                }
                Ok((name, port))
            }
            Err(error) => {
                self.ports.discard(port);
                self.accounts.refund(account, Limits::rights(1));
                Err(error)
            }
        }
    }

    /// A slot for a capability that is no right.
    pub(crate) fn slot_reserve(&mut self, task: TaskId) -> Result<u32> {
        let account = self.task(task)?.account;
        self.accounts.charge(account, Limits::rights(1))?;
        let holder = self.tasks.get_mut(task).ok_or(Error::KERN_INVALID_TASK)?;
        holder.space.insert(Right::Reserved).inspect_err(|_| {
            self.accounts.refund(account, Limits::rights(1));
        })
    }

    /// Frees a slot that was reserved, and empties it.
    pub(crate) fn slot_unreserve(&mut self, task: TaskId, name: u32) {
        self.uninstall(task, name);
        self.forget_name(task, name);
    }

    pub(crate) fn set_allocate(&mut self, task: TaskId) -> Result<u32> {
        let account = self.task(task)?.account;
        self.accounts.charge(account, Limits::rights(1))?;
        let holder = self.tasks.get_mut(task).ok_or(Error::KERN_INVALID_TASK)?;
        holder.space.insert(Right::Set).inspect_err(|_| {
            self.accounts.refund(account, Limits::rights(1));
        })
    }

    pub(crate) fn link(&mut self, task: TaskId, name: u32, port: PortId) {
        let here = (task.index, name & INDEX_MASK);
        let Some(target) = self.ports.get_mut(port) else {
            return;
        };
        let first = target.first.replace(here);
        target.names += 1;
        target.sole = false;
        let (indexed, many) = (target.indexed, target.names > NAMES_SEARCHED);
        if let Some((other, index)) = first
            && let Some(entry) = self.entry_at(other, index) {
                entry.previous = Some(here);
            }
        if let Some(entry) = self.entry_at(here.0, here.1) {
            entry.next = first;
            entry.previous = None;
        }
        if indexed {
            self.index(task, name, port);
        } else if many {
            if let Some(port) = self.ports.get_mut(port) {
                port.indexed = true;
            }
            for (task, name) in self.holders(port) {
                self.index(task, name, port);
            }
        }
    }

    /// Notes in a holder's table which of its names denotes a port.
    fn index(&mut self, task: TaskId, name: u32, port: PortId) {
        if let Some(holder) = self.tasks.get_mut(task) {
            holder.space.index(name, port);
        }
    }

    /// The name of a task's send or receive right to a port.
    pub(crate) fn find(&self, task: TaskId, port: PortId) -> Option<u32> {
        let target = self.ports.get(port)?;
        if target.indexed {
            return self.tasks.get(task)?.space.indexed(port);
        }
        let mut next = target.first;
        while let Some((holder, index)) = next {
            let space = &self.tasks.get(self.tasks.at(holder)?)?.space;
            let entry = space.at_index(index)?;
            if holder == task.index && !matches!(entry.right, Right::SendOnce { .. }) {
                return Some(space.name_of(index));
            }
            next = entry.next;
        }
        None
    }

    pub(crate) fn unlink(&mut self, task: TaskId, name: u32, port: PortId) {
        let Some(entry) = self.entry_at(task.index, name & INDEX_MASK) else {
            return;
        };
        let (previous, next) = (entry.previous.take(), entry.next.take());
        if let Some(target) = self.ports.get_mut(port) {
            target.names -= 1;
            target.accept_rename((task, name), 0);
            if target.indexed
                && let Some(holder) = self.tasks.get_mut(task)
            {
                holder.space.unindex(name, port);
            }
        }
        match previous {
            Some((other, index)) => {
                if let Some(entry) = self.entry_at(other, index) {
                    entry.next = next;
                }
            }
            None => {
                if let Some(port) = self.ports.get_mut(port) {
                    port.first = next;
                }
            }
        }
        if let Some((other, index)) = next
            && let Some(entry) = self.entry_at(other, index) {
                entry.previous = previous;
            }
    }

    fn entry_at(&mut self, task_index: u32, index: u32) -> Option<&mut crate::space::Entry> {
        let id = self.tasks.at(task_index)?;
        self.tasks.get_mut(id)?.space.at(index)
    }

    /// Puts a capability for a send right into the slot of a name, if a task receives.
    pub(crate) fn install(&mut self, task: TaskId, name: u32, port: PortId) -> Result<()> {
        let holder = self.task(task)?.kernel;
        let (receiver, badge) = match self.ports.get(port).map(|port| port.owner) {
            Some(Owner::Task(receiver, badge)) => (receiver, badge),
            // It is filled when the receive right arrives, which must not fail for want of memory.
            Some(Owner::Transit(_)) => return self.kernel.slot_make(holder, name & INDEX_MASK),
            _ => return Ok(()),
        };
        let receiver = self.task(receiver)?.kernel;
        self.kernel
            .right_install(holder, name & INDEX_MASK, receiver, badge)
    }

    pub(crate) fn uninstall(&mut self, task: TaskId, name: u32) {
        if let Some(holder) = self.tasks.get(task) {
            let kernel = holder.kernel;
            self.kernel.right_remove(kernel, name & INDEX_MASK);
        }
    }

    /// Whether names that can invoke a port have a capability for it.
    pub(crate) fn is_installed(&self, port: PortId) -> bool {
        self.ports.get(port).is_some_and(|port| {
            matches!(port.owner, Owner::Task(..)) || Self::is_dying_installed(&port.dying)
        })
    }

    // ---- rights: copy in, copy out, release

    /// What is left of a name after a message took a right from it.
    fn taken(right: Right, how: u32) -> Result<Right> {
        const GONE: Right = Right::Free { next: 0, previous: 0 };
        match (how, right) {
            (
                disposition::COPY_SEND,
                Right::Send { .. } | Right::Dead { .. } | Right::Receive { urefs: 1.., .. },
            )
            | (disposition::MAKE_SEND | disposition::MAKE_SEND_ONCE, Right::Receive { .. }) => {
                Ok(right)
            }
            (disposition::MOVE_SEND | disposition::MOVE_MEMORY, Right::Send { urefs: 1, .. })
            | (disposition::MOVE_SEND | disposition::MOVE_SEND_ONCE, Right::Dead { urefs: 1 })
            | (disposition::MOVE_SEND_ONCE, Right::SendOnce { .. })
            | (disposition::MOVE_RECEIVE, Right::Receive { urefs: 0, .. }) => Ok(GONE),
            (disposition::MOVE_SEND, Right::Send { port, urefs }) => {
                Ok(Right::Send { port, urefs: urefs - 1 })
            }
            (disposition::MOVE_SEND | disposition::MOVE_SEND_ONCE, Right::Dead { urefs }) => {
                Ok(Right::Dead { urefs: urefs - 1 })
            }
            (disposition::MOVE_SEND, Right::Receive { port, urefs: urefs @ 1.. }) => {
                Ok(Right::Receive { port, urefs: urefs - 1 })
            }
            (disposition::MOVE_RECEIVE, Right::Receive { port, urefs }) => {
                Ok(Right::Send { port, urefs })
            }
            _ => Err(Error::MACH_SEND_INVALID_RIGHT),
        }
    }

    /// What a name denotes after the rights in `before` were taken, as [`Mach::copy_in`] needs it.
    fn right_after(&self, task: TaskId, name: u32, before: &[u64]) -> Result<Right> {
        let invalid = Error::MACH_SEND_INVALID_RIGHT;
        let mut right = self.task(task)?.space.get(name).map_err(|_| invalid)?.right;
        for word in before {
            if *word as u32 == name {
                right = Self::taken(right, (*word >> 32) as u32)?;
            }
        }
        Ok(right)
    }

    /// Whether a list of rights can be copied in, one after the other: name in the low half of a
    /// word, disposition in the high half.
    pub(crate) fn copy_in_check(&self, task: TaskId, list: &[u64]) -> Result<()> {
        let mut made = 0;
        for (place, word) in list.iter().enumerate() {
            let (name, how) = (*word as u32, (*word >> 32) as u32);
            if name == 0 || name == DEAD_NAME {
                continue;
            }
            if name == crate::abi::TASK_SELF {
                match how {
                    disposition::COPY_SEND | disposition::MAKE_SEND | disposition::MOVE_SEND => {
                        continue;
                    }
                    _ => return Err(Error::MACH_SEND_INVALID_RIGHT),
                }
            }
            let right = self.right_after(task, name, &list[..place])?;
            Self::taken(right, how)?;
            let names = || list.iter().filter(|word| **word as u32 == name).count();
            if how == disposition::MOVE_MEMORY && (!self.is_exclusive(right) || names() > 1) {
                return Err(Error::MACH_SEND_INVALID_RIGHT);
            }
            made += (how == disposition::MAKE_SEND_ONCE) as u64;
        }
        if made > 0 {
            // Each may become a message that nobody can refuse.
            let account = self.task(task)?.account;
            self.accounts.check(account, Limits::objects(made * cost::MESSAGE))?;
        }
        Ok(())
    }

    /// Takes a right that a message names out of the sender's space. It fails only where
    /// [`Mach::copy_in_check`] does.
    pub(crate) fn copy_in(&mut self, task: TaskId, name: u32, how: u32) -> Result<Carried> {
        if how == disposition::COPY_SEND
            && let Ok(Entry { right: Right::Send { port, .. }, .. }) = self.task(task)?.space.get(name)
        {
            let port = *port;
            self.send_right_made(port);
            return Ok(Carried::Send(port));
        }
        self.copy_in_check(task, &[(how as u64) << 32 | name as u64])?;
        self.copy_in_checked(task, name, how)
    }

    fn copy_in_checked(&mut self, task: TaskId, name: u32, how: u32) -> Result<Carried> {
        if name == 0 {
            return Ok(Carried::Null);
        }
        if name == DEAD_NAME {
            return Ok(Carried::Dead);
        }
        if name == crate::abi::TASK_SELF {
            // The task's own port: always held, never moved away.
            let port = self.task(task)?.port;
            self.send_right_made(port);
            return Ok(Carried::Send(port));
        }
        let invalid = Error::MACH_SEND_INVALID_RIGHT;
        let right = self.task(task)?.space.get(name).map_err(|_| invalid)?.right;
        match (how, right) {
            (
                disposition::COPY_SEND | disposition::MOVE_SEND,
                Right::Send { port, .. } | Right::Receive { port, urefs: 1.. },
            ) => {
                self.send_right_made(port);
                if how == disposition::MOVE_SEND {
                    self.name_deallocate(task, name)?;
                }
                Ok(Carried::Send(port))
            }
            (disposition::MOVE_MEMORY, Right::Send { port, .. }) => {
                self.send_right_made(port);
                self.name_deallocate(task, name)?;
                if let Some(port) = self.ports.get_mut(port) {
                    port.moving = true;
                }
                Ok(Carried::Send(port))
            }
            (disposition::COPY_SEND, Right::Dead { .. }) => Ok(Carried::Dead),
            (disposition::MOVE_SEND | disposition::MOVE_SEND_ONCE, Right::Dead { .. }) => {
                self.name_deallocate(task, name)?;
                Ok(Carried::Dead)
            }
            (disposition::MAKE_SEND, Right::Receive { port, .. }) => {
                self.send_right_made(port);
                if let Some(port) = self.ports.get_mut(port) {
                    port.mscount = port.mscount.wrapping_add(1);
                }
                Ok(Carried::Send(port))
            }
            (disposition::MAKE_SEND_ONCE, Right::Receive { port, .. }) => {
                if let Some(port) = self.ports.get_mut(port) {
                    port.sorights += 1;
                }
                Ok(Carried::SendOnce(port))
            }
            (disposition::MOVE_SEND_ONCE, Right::SendOnce { port }) => {
                self.drop_name(task, name, port);
                Ok(Carried::SendOnce(port))
            }
            (disposition::MOVE_RECEIVE, Right::Receive { port, urefs }) => {
                self.receive_right_take(task, name, port, urefs);
                Ok(Carried::Receive(port))
            }
            _ => Err(invalid),
        }
    }

    pub(crate) fn send_right_made(&mut self, port: PortId) {
        if let Some(port) = self.ports.get_mut(port) {
            port.srights += 1;
        }
    }

    /// Takes a port out of what its receiver keeps of it: its set, the list of ports with messages,
    /// and the threads that wait for it by name.
    pub(crate) fn receiver_leaves(&mut self, task: TaskId, name: u32, id: PortId) {
        self.ready_remove(task, id);
        let Some(port) = self.ports.get_mut(id) else { return };
        let set = port.set.take();
        let Some(holder) = self.tasks.get_mut(task) else { return };
        if let Some(set) = set {
            holder.members.remove(&(set, name));
        }
        if name != 0 && holder.receivers.iter().any(|waiting| waiting.name == name) {
            self.receivers_abort(task, Some(name), Error::MACH_RCV_PORT_DIED);
        }
    }

    /// What its receiver has set of a port goes when the receive right moves.
    pub(crate) fn receive_right_reset(&mut self, port: PortId) {
        if let Some(port) = self.ports.get_mut(port) {
            port.life = Life::Lasting;
            port.sole = false;
            port.payload = None;
            port.seqno = 0;
            port.mscount = 0;
        }
    }

    /// The receive right leaves a space; send rights under its name stay.
    pub(crate) fn receive_right_take(&mut self, task: TaskId, name: u32, port: PortId, urefs: u32) {
        // Names that invoked the old receiver's endpoint are emptied: calls to a
        // port in transit fail until it arrives.
        self.capabilities_remove(port);
        self.receiver_leaves(task, name, port);
        self.receive_right_reset(port);
        if let Some(port) = self.ports.get_mut(port) {
            port.owner = Owner::Transit(None);
        }
        if urefs > 0 {
            if let Some(holder) = self.tasks.get_mut(task) {
                holder.space.set(name, Right::Send { port, urefs });
            }
        } else {
            self.drop_name(task, name, port);
        }
    }

    /// Gives a task that has no names yet the send rights and dead names of another one, under the
    /// same names. On failure it has some of them.
    pub(crate) fn rights_inherit(&mut self, parent: TaskId, child: TaskId) -> Result<()> {
        let names_bytes = self.task(parent)?.name_bytes;
        let space = self.task(parent)?.space.inherit(|entry| match entry.right {
            Right::Send { .. } | Right::Dead { .. } => Some(entry.right),
            Right::Receive { port, urefs: urefs @ 1.. } => Some(Right::Send { port, urefs }),
            _ => None,
        });
        let holder = self.task_mut(child)?;
        if holder.space.len() > 0 {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        let (account, count) = (holder.account, space.len() as u64);
        // Also for what lies free between the names.
        let bytes = space.places() * cost::NAME;
        let names: Vec<(u32, Right)> =
            space.names(0).map(|(name, entry)| (name, entry.right)).collect();
        let amount = Limits { memory: 0, objects: bytes + names_bytes, rights: count };
        self.accounts.charge(account, amount)?;
        let holder = self.task_mut(child)?;
        holder.space = space;
        holder.table_bytes += bytes;
        holder.name_bytes += names_bytes;
        let mut result = Ok(());
        for (name, right) in names {
            let Right::Send { port, .. } = right else { continue };
            if result.is_ok() {
                self.link(child, name, port);
                self.send_right_made(port);
                result = self.install(child, name, port);
                if result.is_err() {
                    self.drop_name(child, name, port);
                    self.send_right_gone(port);
                }
            } else {
                self.forget_name(child, name);
            }
        }
        result
    }

    /// All holders' names.
    fn holders(&mut self, port: PortId) -> Vec<(TaskId, u32)> {
        let mut names = Vec::new();
        let mut next = self.ports.get(port).and_then(|port| port.first);
        while let Some((task_index, index)) = next {
            let Some(id) = self.tasks.at(task_index) else {
                break;
            };
            let Some(task) = self.tasks.get_mut(id) else {
                break;
            };
            let name = task.space.name_of(index);
            names.push((id, name));
            next = task.space.at(index).and_then(|entry| entry.next);
        }
        names
    }

    pub(crate) fn right_of(&self, task: TaskId, name: u32) -> Option<Right> {
        self.tasks
            .get(task)
            .and_then(|task| task.space.get(name).ok())
            .map(|entry| entry.right)
    }

    /// Empties the slots of all names that can invoke the port's receiver.
    pub(crate) fn capabilities_remove(&mut self, port: PortId) {
        let Some(Owner::Task(receiver, badge)) = self.ports.get(port).map(|port| port.owner) else {
            return;
        };
        let mut any = false;
        let mut next = self.ports.get(port).filter(|port| port.srights > 0).and_then(|port| port.first);
        while let Some((task, index)) = next {
            let Some(holder) = self.tasks.at(task).and_then(|task| self.tasks.get(task)) else { break };
            let Some(entry) = holder.space.at_index(index) else { break };
            let kernel = holder.kernel;
            next = entry.next;
            if entry.right.invokes() {
                any = true;
                self.kernel.right_remove(kernel, index);
            }
        }
        // Without a name there is nobody who could queue and be heard again.
        if any && let Some(receiver) = self.tasks.get(receiver) {
            let kernel = receiver.kernel;
            self.kernel.calls_cancel(kernel, badge);
        }
    }

    /// Frees a name in a space, with its place in the port's list and its charge.
    fn drop_name(&mut self, task: TaskId, name: u32, port: PortId) {
        self.unlink(task, name, port);
        self.forget_name(task, name);
    }

    /// Frees a name that is in no list.
    pub(crate) fn forget_name(&mut self, task: TaskId, name: u32) {
        let Some(holder) = self.tasks.get_mut(task) else {
            return;
        };
        let request = holder
            .space
            .get_mut(name)
            .ok()
            .and_then(|entry| entry.dead_name_request.take());
        holder.space.remove(name);
        let account = holder.account;
        self.accounts.refund(account, Limits::rights(1));
        if let Some(request) = request {
            self.notify(request, notify::PORT_DELETED, &[name as u64], Carried::Null);
        }
    }

    /// Puts a carried right into a space; the right is consumed, whatever happens.
    /// A right that does not fit is released and its name is 0.
    pub(crate) fn copy_out(&mut self, task: TaskId, right: Carried) -> Result<u32> {
        let result = self.copy_out_right(task, right);
        if result.is_err() {
            self.release(right);
        }
        result
    }

    fn copy_out_right(&mut self, task: TaskId, right: Carried) -> Result<u32> {
        match right {
            Carried::Null => Ok(0),
            Carried::Dead => Ok(DEAD_NAME),
            Carried::Send(port) => {
                if self.ports.get(port).is_none_or(|port| port.dying.is_some()) {
                    return Ok(DEAD_NAME);
                }
                let holder = self.tasks.get(task).ok_or(Error::KERN_INVALID_TASK)?;
                if port == holder.port {
                    self.send_right_gone(port);
                    return Ok(crate::abi::TASK_SELF);
                }
                if let Some(name) = self.find(task, port) {
                    let entry = self.task_mut(task)?.space.get_mut(name)?;
                    let (old, new) = match entry.right {
                        Right::Send { urefs, .. } => (
                            urefs,
                            Right::Send {
                                port,
                                urefs: (urefs + 1).min(UREFS_MAX),
                            },
                        ),
                        Right::Receive { urefs, .. } => (
                            urefs,
                            Right::Receive {
                                port,
                                urefs: (urefs + 1).min(UREFS_MAX),
                            },
                        ),
                        _ => return Err(Error::KERN_FAILURE),
                    };
                    entry.right = new;
                    if old > 0 {
                        // The name's own send right stands for all its references.
                        self.send_right_gone(port);
                    } else if let Err(error) = self.install(task, name, port) {
                        if let Ok(entry) = self.task_mut(task)?.space.get_mut(name) {
                            entry.right = Right::Receive { port, urefs: 0 };
                        }
                        return Err(error);
                    }
                    return Ok(name);
                }
                self.copy_out_new(task, port)
            }
            Carried::SendOnce(port) => {
                if self.ports.get(port).is_none_or(|port| port.dying.is_some()) {
                    return Ok(DEAD_NAME);
                }
                let account = self.task(task)?.account;
                self.accounts.charge(account, Limits::rights(1))?;
                let inserted = self
                    .task_mut(task)
                    .and_then(|holder| holder.space.insert(Right::SendOnce { port }));
                match inserted {
                    Ok(name) => {
                        self.link(task, name, port);
                        Ok(name)
                    }
                    Err(error) => {
                        self.accounts.refund(account, Limits::rights(1));
                        Err(error)
                    }
                }
            }
            Carried::Receive(port) => self.receive_right_put(task, port),
        }
    }

    /// Gives a send right a name of its own.
    fn copy_out_new(&mut self, task: TaskId, port: PortId) -> Result<u32> {
        let holder = self.tasks.get_mut(task).ok_or(Error::KERN_INVALID_TASK)?;
        let account = holder.account;
        self.accounts.charge(account, Limits::rights(1))?;
        let name = match holder.space.insert(Right::Send { port, urefs: 1 }) {
            Ok(name) => name,
            Err(error) => {
                self.accounts.refund(account, Limits::rights(1));
                return Err(error);
            }
        };
        self.link(task, name, port);
        if let Err(error) = self.install(task, name, port) {
            self.drop_name(task, name, port);
            return Err(error);
        }
        Ok(name)
    }

    /// As [`Mach::copy_out_word`], of the first send right to a task's new port that leaves the
    /// task.
    pub(crate) fn copy_out_fresh(&mut self, task: TaskId, port: PortId) -> u32 {
        let right = Carried::Send(port);
        match self.copy_out_new(task, port) {
            Ok(name) => right.word(name),
            Err(_) => {
                self.release(right);
                0
            }
        }
    }

    fn receive_right_put(&mut self, task: TaskId, port: PortId) -> Result<u32> {
        if self.ports.get(port).is_none() {
            return Ok(DEAD_NAME);
        }
        // Everything that can be refused comes first.
        let kernel = self.task(task)?.kernel;
        self.kernel.endpoint_make(kernel)?;
        let name = match self.find(task, port) {
            Some(name) if self.is_lingering(task, name) => return Err(Error::KERN_NAME_EXISTS),
            Some(name) => {
                let holder = self.task_mut(task)?;
                if let Right::Send { urefs, .. } = holder.space.get(name)?.right {
                    holder.space.set(name, Right::Receive { port, urefs });
                }
                name
            }
            None => {
                let account = self.task(task)?.account;
                self.accounts.charge(account, Limits::rights(1))?;
                match self.receive_name(task, port) {
                    Ok(name) => {
                        self.link(task, name, port);
                        name
                    }
                    Err(error) => {
                        self.accounts.refund(account, Limits::rights(1));
                        return Err(error);
                    }
                }
            }
        };
        if let Some(port) = self.ports.get_mut(port) {
            port.owner = Owner::Task(task, name);
        }
        self.capabilities_install(port, (task, name));
        self.ready_add(port);
        Ok(name)
    }

    /// Fills the slots of all names that can invoke the port, which its receiver has under `own`.
    pub(crate) fn capabilities_install(&mut self, port: PortId, own: (TaskId, u32)) {
        for (holder, name) in self.holders(port) {
            let invokes = self.right_of(holder, name).is_some_and(Right::invokes);
            if invokes && self.install(holder, name, port).is_err() {
                // No memory for this holder's capability: its right is lost.
                if (holder, name) == own {
                    if let Some(holder) = self.tasks.get_mut(holder)
                        && let Ok(entry) = holder.space.get_mut(name)
                    {
                        entry.right = Right::Receive { port, urefs: 0 };
                    }
                } else {
                    self.name_dies(holder, name, port);
                }
                self.release(Carried::Send(port));
            }
        }
    }

    /// A right that nobody will have: counts fall, notifications follow.
    /// What this sets off is done by [`Mach::settle`].
    pub(crate) fn release(&mut self, right: Carried) {
        if !matches!(right, Carried::Null | Carried::Dead) {
            self.released.push(right);
        }
    }

    /// Whether [`Mach::settle`] has something to do.
    #[inline]
    pub(crate) fn is_unsettled(&self) -> bool {
        !self.released.is_empty()
            || !self.serving.is_empty()
            || !self.orphans.is_empty()
            || !self.woken.is_empty()
            || !self.remains.is_empty()
            || !self.joining.is_empty()
    }

    /// One send right fewer.
    pub(crate) fn send_right_gone(&mut self, id: PortId) {
        let Some(port) = self.ports.get_mut(id) else {
            return;
        };
        port.srights = port.srights.saturating_sub(1);
        if port.srights > 0 {
            return;
        }
        let mscount = port.mscount;
        match port.owner {
            Owner::Kernel(KernelObject::Memory(object)) => {
                self.ports.discard(id);
                self.object_port_gone(object);
            }
            Owner::Kernel(KernelObject::Account(account)) => {
                self.ports.discard(id);
                self.accounts.release(account);
            }
            Owner::Kernel(KernelObject::Interrupt(_) | KernelObject::Ports(..) | KernelObject::Dma) => {
                self.ports.discard(id);
            }
            Owner::Kernel(KernelObject::Proxy(proxy)) => {
                self.ports.discard(id);
                self.proxy_end(proxy);
            }
            Owner::Kernel(KernelObject::Processing(what)) => {
                self.ports.discard(id);
                self.processors.port_gone(what);
            }
            Owner::Kernel(KernelObject::Task(task)) => self.orphans.push(task),
            Owner::Task(task, name) if port.life != Life::Lasting => {
                let passing = port.life == Life::Passing && port.no_senders_request.is_none();
                self.port_destroy(id);
                if passing {
                    self.lapse(task, Lapsed { name, spare: None });
                } else {
                    self.notice(task, notify::NO_SENDERS, &[name as u64]);
                }
            }
            _ => {
                if let Some(request) = port.no_senders_request.take() {
                    self.notify(
                        request,
                        notify::NO_SENDERS,
                        &[mscount as u64],
                        Carried::Null,
                    );
                }
            }
        }
    }

    /// A name's port is gone: it becomes a dead name.
    pub(crate) fn name_dies(&mut self, task: TaskId, name: u32, port: PortId) {
        self.unlink(task, name, port);
        let Some(holder) = self.tasks.get_mut(task) else {
            return;
        };
        let Ok(entry) = holder.space.get(name) else {
            return;
        };
        let urefs = match entry.right {
            Right::Send { urefs, .. } => urefs,
            Right::SendOnce { .. } => 1,
            Right::Receive { urefs, .. } => urefs,
            _ => return,
        };
        if urefs == 0 {
            self.forget_name(task, name);
            return;
        }
        let request = holder
            .space
            .get_mut(name)
            .ok()
            .and_then(|entry| entry.dead_name_request.take());
        // The notification adds a reference that its receiver has to drop.
        let extra = request.is_some() as u32;
        holder.space.set(
            name,
            Right::Dead {
                urefs: (urefs + extra).min(UREFS_MAX),
            },
        );
        if let Some(request) = request {
            self.notify(request, notify::DEAD_NAME, &[name as u64], Carried::Null);
        }
    }

    // ---- names

    /// Drops one user reference of a send, send-once or dead name.
    pub(crate) fn name_deallocate(&mut self, task: TaskId, name: u32) -> Result<()> {
        if name == crate::abi::TASK_SELF {
            return Ok(());
        }
        let holder = self.tasks.get_mut(task).ok_or(Error::KERN_INVALID_TASK)?;
        let entry = holder.space.get_mut(name)?;
        match &mut entry.right {
            Right::Send { urefs, .. } | Right::Dead { urefs } if *urefs > 1 => {
                *urefs -= 1;
                Ok(())
            }
            Right::Receive { urefs, .. } if *urefs > 1 => {
                *urefs -= 1;
                Ok(())
            }
            Right::Send { port, .. } => {
                let port = *port;
                if entry.dead_name_request.is_none()
                    && !holder.ending
                    && self.spare_make(task, name, port)
                {
                    return Ok(());
                }
                if self.is_installed(port) {
                    self.uninstall(task, name);
                }
                self.drop_name(task, name, port);
                self.send_right_gone(port);
                Ok(())
            }
            Right::Receive { port, urefs } if *urefs == 1 => {
                *urefs = 0;
                let port = *port;
                if self.is_installed(port) {
                    self.uninstall(task, name);
                }
                self.send_right_gone(port);
                Ok(())
            }
            Right::SendOnce { port } => {
                let port = *port;
                self.drop_name(task, name, port);
                self.release(Carried::SendOnce(port));
                Ok(())
            }
            Right::Dead { .. } => {
                self.forget_name(task, name);
                Ok(())
            }
            _ => Err(Error::KERN_INVALID_RIGHT),
        }
    }

    /// Destroys all that a name denotes.
    pub(crate) fn name_destroy(&mut self, task: TaskId, name: u32) -> Result<()> {
        let right = self.task(task)?.space.get(name)?.right;
        match right {
            Right::Send { port, .. } => {
                if self.is_installed(port) {
                    self.uninstall(task, name);
                }
                self.drop_name(task, name, port);
                self.send_right_gone(port);
            }
            Right::Receive { port, .. }
                if self.ports.get(port).is_some_and(|port| port.destroyed_request.is_some()) =>
            {
                // The port may live on, without the rights under this name.
                self.port_destroy(port);
                if let Some(Right::Send { .. } | Right::Dead { .. }) = self.right_of(task, name) {
                    self.name_destroy(task, name)?;
                }
            }
            Right::Receive { port, urefs } => {
                // Its own send rights go with the port.
                if urefs > 0 && self.is_installed(port) {
                    self.uninstall(task, name);
                }
                if let Ok(entry) = self.task_mut(task)?.space.get_mut(name) {
                    entry.right = Right::Receive { port, urefs: 0 };
                }
                self.port_destroy(port);
            }
            Right::SendOnce { .. } => self.name_deallocate(task, name)?,
            Right::Dead { .. } => self.forget_name(task, name),
            Right::Reserved => return Err(Error::KERN_INVALID_RIGHT),
            Right::Set => {
                let holder = self.task_mut(task)?;
                let members: Vec<(u32, u32)> =
                    holder.members.range((name, 0)..=(name, u32::MAX)).copied().collect();
                for member in members {
                    let port = self.receive_port(task, member.1)?;
                    self.set_change(task, member.1, port, None);
                }
                self.receivers_abort(task, Some(name), Error::MACH_RCV_PORT_DIED);
                self.forget_name(task, name);
            }
            Right::Free { .. } | Right::Spare { .. } => return Err(Error::KERN_INVALID_NAME),
        }
        Ok(())
    }

    /// Changes user references (`mach_port_mod_refs`).
    pub(crate) fn name_mod_refs(
        &mut self,
        task: TaskId,
        name: u32,
        kind: u32,
        delta: i32,
    ) -> Result<()> {
        use crate::abi::right;
        if name == crate::abi::TASK_SELF && kind == right::SEND {
            return Ok(());
        }
        let entry = self.task_mut(task)?.space.get_mut(name)?;
        match (kind, &mut entry.right) {
            (right::SEND, Right::Send { urefs, .. } | Right::Receive { urefs, .. })
            | (right::DEAD_NAME, Right::Dead { urefs })
                if *urefs > 0 =>
            {
                let sum = *urefs as i64 + delta as i64;
                if sum < 0 {
                    return Err(Error::KERN_INVALID_VALUE);
                }
                if sum > UREFS_MAX as i64 {
                    return Err(Error::KERN_UREFS_OVERFLOW);
                }
                if sum > 0 {
                    *urefs = sum as u32;
                    return Ok(());
                }
                *urefs = 1;
                self.name_deallocate(task, name)
            }
            (right::RECEIVE, Right::Receive { .. })
            | (right::SEND_ONCE, Right::SendOnce { .. })
            | (right::PORT_SET, Right::Set) => match delta {
                0 => Ok(()),
                -1 if kind == right::RECEIVE => self.receive_right_destroy(task, name),
                -1 => self.name_destroy(task, name),
                1 => Err(Error::KERN_UREFS_OVERFLOW),
                _ => Err(Error::KERN_INVALID_VALUE),
            },
            _ => Err(Error::KERN_INVALID_RIGHT),
        }
    }

    fn receive_right_destroy(&mut self, task: TaskId, name: u32) -> Result<()> {
        match self.task(task)?.space.get(name)?.right {
            Right::Receive { port, .. } => {
                self.port_destroy(port);
                Ok(())
            }
            _ => Err(Error::KERN_INVALID_RIGHT),
        }
    }

    /// Moves a port into a set of its receiver, or out of every set.
    pub(crate) fn set_change(&mut self, task: TaskId, name: u32, id: PortId, set: Option<u32>) {
        self.ready_remove(task, id);
        let Some(port) = self.ports.get_mut(id) else { return };
        let old = core::mem::replace(&mut port.set, set);
        let Some(holder) = self.tasks.get_mut(task) else { return };
        if let Some(old) = old {
            holder.members.remove(&(old, name));
        }
        if let Some(set) = set {
            holder.members.insert((set, name));
        }
        if set.is_some() && old.is_none() && !holder.receivers.is_empty() {
            self.receivers_abort(task, Some(name), Error::MACH_RCV_PORT_CHANGED);
        }
        self.ready_add(id);
    }

    /// The port that a receive name denotes.
    pub(crate) fn receive_port(&self, task: TaskId, name: u32) -> Result<PortId> {
        match self.task(task)?.space.get(name)?.right {
            Right::Receive { port, .. } => Ok(port),
            _ => Err(Error::KERN_INVALID_RIGHT),
        }
    }

    // ---- notifications

    /// Whether a notification can be armed, to be sent to a port.
    pub(crate) fn notification_check(
        &self,
        task: TaskId,
        name: u32,
        id: u32,
        sync: u32,
        to: Option<PortId>,
    ) -> Result<()> {
        match id {
            notify::NO_SENDERS => self.receive_port(task, name).map(drop),
            notify::PORT_DESTROYED if sync != 0 => Err(Error::KERN_INVALID_VALUE),
            notify::PORT_DESTROYED => {
                let port = self.receive_port(task, name)?;
                match to.is_some_and(|to| self.is_circular(to, &[Carried::Receive(port)])) {
                    true => Err(Error::KERN_INVALID_CAPABILITY),
                    false => Ok(()),
                }
            }
            notify::DEAD_NAME => match self.task(task)?.space.get(name)?.right {
                Right::Dead { .. } if to.is_some() && sync == 0 => Err(Error::KERN_INVALID_ARGUMENT),
                Right::Dead { .. }
                | Right::Send { .. }
                | Right::Receive { .. }
                | Right::SendOnce { .. } => Ok(()),
                _ => Err(Error::KERN_INVALID_RIGHT),
            },
            _ => Err(Error::KERN_INVALID_VALUE),
        }
    }

    /// The port of a send-once right, or `None` for no right, that [`Mach::send_once_in`] will take.
    pub(crate) fn send_once_check(
        &self,
        task: TaskId,
        name: u32,
        how: u32,
    ) -> Result<Option<PortId>> {
        let once = matches!(how, disposition::MOVE_SEND_ONCE | disposition::MAKE_SEND_ONCE);
        let word = (how as u64) << 32 | name as u64;
        if name == 0 {
            return Ok(None);
        }
        match self.copy_in_check(task, &[word]) {
            Err(Error::KERN_RESOURCE_SHORTAGE) => return Err(Error::KERN_RESOURCE_SHORTAGE),
            Ok(()) if once && name != DEAD_NAME => {}
            _ => return Err(Error::KERN_INVALID_CAPABILITY),
        }
        match self.task(task)?.space.get(name)?.right {
            Right::Receive { port, .. } | Right::SendOnce { port } => Ok(Some(port)),
            _ => Err(Error::KERN_INVALID_CAPABILITY),
        }
    }

    /// Copies in a send-once right or nothing, for a notification.
    pub(crate) fn send_once_in(&mut self, task: TaskId, name: u32, how: u32) -> Result<Carried> {
        self.send_once_check(task, name, how)?;
        self.copy_in_checked(task, name, how)
    }

    /// Arms a notification that [`Mach::notification_check`] allows; answers the send-once right
    /// that was armed before.
    pub(crate) fn notification_request(
        &mut self,
        task: TaskId,
        name: u32,
        id: u32,
        sync: u32,
        to: Carried,
    ) -> Result<Carried> {
        let target = match to {
            Carried::SendOnce(port) => Some(port),
            Carried::Null => None,
            _ => return Err(Error::KERN_INVALID_CAPABILITY),
        };
        let old = |port: Option<PortId>| port.map_or(Carried::Null, Carried::SendOnce);
        match id {
            notify::NO_SENDERS => {
                let port = self.receive_port(task, name)?;
                let Some(port) = self.ports.get_mut(port) else {
                    return Err(Error::KERN_INVALID_NAME);
                };
                let previous = core::mem::replace(&mut port.no_senders_request, target);
                let mscount = port.mscount;
                if port.srights == 0 && sync <= mscount && target.is_some() {
                    port.no_senders_request = None;
                    if let Some(target) = target {
                        self.notify(target, notify::NO_SENDERS, &[mscount as u64], Carried::Null);
                    }
                }
                Ok(old(previous))
            }
            notify::PORT_DESTROYED => {
                let id = self.receive_port(task, name)?;
                let port = self.ports.get_mut(id).ok_or(Error::KERN_INVALID_NAME)?;
                Ok(old(core::mem::replace(&mut port.destroyed_request, target)))
            }
            notify::DEAD_NAME => {
                let entry = self.task_mut(task)?.space.get_mut(name)?;
                match &mut entry.right {
                    Right::Dead { urefs } => match target {
                        Some(target) if sync != 0 => {
                            *urefs = (*urefs + 1).min(UREFS_MAX);
                            self.notify(target, notify::DEAD_NAME, &[name as u64], Carried::Null);
                            Ok(Carried::Null)
                        }
                        Some(_) => Err(Error::KERN_INVALID_ARGUMENT),
                        None => Ok(Carried::Null),
                    },
                    Right::Send { .. } | Right::Receive { .. } | Right::SendOnce { .. } => Ok(old(
                        core::mem::replace(&mut entry.dead_name_request, target),
                    )),
                    _ => Err(Error::KERN_INVALID_RIGHT),
                }
            }
            _ => Err(Error::KERN_INVALID_VALUE),
        }
    }

    /// Sends a notification to a send-once right, which is used up by it.
    pub(crate) fn notify(&mut self, to: PortId, label: u32, words: &[u64], right: Carried) {
        let rights = match right {
            Carried::Null => Vec::new(),
            right => alloc::vec![right],
        };
        if let Some(port) = self.ports.get_mut(to) {
            port.sorights = port.sorights.saturating_sub(1);
        }
        self.enqueue(to, Message::new(label, words, rights));
    }

    /// Tells a task something that belongs to none of its ports: it arrives with port name 0.
    pub(crate) fn notice(&mut self, task: TaskId, label: u32, words: &[u64]) {
        let Some(holder) = self.tasks.get(task) else { return };
        let port = match holder.notices {
            Some(port) => port,
            None => {
                let port = self.port_create(Owner::Task(task, 0));
                if let Some(holder) = self.tasks.get_mut(task) {
                    holder.notices = Some(port);
                }
                port
            }
        };
        self.enqueue(port, Message::new(label, words, Vec::new()));
    }

    /// A port has died of which its receiver is to be told in passing.
    pub(crate) fn lapse(&mut self, task: TaskId, lapsed: Lapsed) {
        let Some(holder) = self.tasks.get_mut(task) else { return };
        holder.lapsed.push(lapsed);
        if holder.lapsed.len() >= LAPSED_MAX {
            self.lapsed_tell(task);
        } else if holder.lapse.is_none() {
            let serial = self.deadline(LAPSE_MILLISECONDS, Timed::Lapse(task));
            if let Some(holder) = self.tasks.get_mut(task) {
                holder.lapse = Some(serial);
            }
        }
    }

    /// Tells a task by messages of the ports of which it was to be told in passing.
    pub(crate) fn lapsed_tell(&mut self, task: TaskId) {
        self.spares_end(task);
        let lapsed = self.tasks.get_mut(task).map(|holder| core::mem::take(&mut holder.lapsed));
        for lapsed in lapsed.into_iter().flatten() {
            self.notice(task, notify::NO_SENDERS, &[lapsed.name as u64]);
        }
    }

    // ---- queues

    /// A message will not be received.
    pub(crate) fn message_destroy(&mut self, mut message: Message) {
        self.message_uncharge(&mut message);
        for right in message.rights {
            self.release(right);
        }
    }

    /// A message leaves its queue.
    #[inline]
    fn message_uncharge(&mut self, message: &mut Message) {
        if let Some(account) = message.payer.take() {
            let cost = Message::cost(message.words.len(), message.rights.len());
            self.accounts.refund(account, cost);
            self.accounts.release(account);
        }
    }

    /// Puts a message into a queue, whatever its limit. Who waits for it gets it when
    /// [`Mach::settle`] comes to it. What nobody paid for is charged to the receiver, even past its
    /// limit: it can make no more rights to be told by until it has read what it was told.
    pub(crate) fn enqueue(&mut self, id: PortId, mut message: Message) {
        let owner = self.ports.get(id).map(|port| port.owner);
        let receiver = match owner {
            Some(Owner::Kernel(KernelObject::Exception(thread))) => {
                // The right to answer died.
                self.message_destroy(message);
                self.exception_answered(thread, 0, &[]);
                return;
            }
            None | Some(Owner::Kernel(_)) => {
                self.message_destroy(message);
                return;
            }
            Some(Owner::Transit(_)) => None,
            Some(Owner::Task(task, _)) => self.tasks.get(task),
        };
        if message.payer.is_none()
            && let Some(receiver) = receiver
        {
            let account = receiver.account;
            let cost = Message::cost(message.words.len(), message.rights.len());
            self.accounts.force(account, cost);
            self.accounts.retain(account);
            message.payer = Some(account);
        }
        for right in &message.rights {
            if let Carried::Receive(moved) = right
                && let Some(moved) = self.ports.get_mut(*moved)
            {
                moved.owner = Owner::Transit(Some(id));
            }
        }
        if let Some(port) = self.ports.get_mut(id) {
            port.queue.push_back(message);
        }
        self.ready_add(id);
    }

    /// The same for a message of the mach server's own for which somebody pays: on failure nothing
    /// was sent, and the rights do not exist. They are counted here.
    pub(crate) fn enqueue_paid(
        &mut self,
        to: PortId,
        payer: AccountId,
        label: u32,
        words: &[u64],
        rights: Vec<Carried>,
    ) -> Result<()> {
        self.accounts.charge(payer, Message::cost(words.len(), rights.len()))?;
        self.accounts.retain(payer);
        for right in &rights {
            match right {
                Carried::Send(port) => self.send_right_made(*port),
                Carried::SendOnce(port) => {
                    if let Some(port) = self.ports.get_mut(*port) {
                        port.sorights += 1;
                    }
                }
                _ => {}
            }
        }
        let mut message = Message::new(label, words, rights);
        message.payer = Some(payer);
        self.enqueue(to, message);
        Ok(())
    }

    /// Destroys the messages in a queue that are charged to an account or one below it.
    pub(crate) fn queue_empty(&mut self, id: PortId, account: AccountId) {
        let accounts = &self.accounts;
        let Some(port) = self.ports.get_mut(id) else { return };
        let (gone, kept) = core::mem::take(&mut port.queue).into_iter().partition(|message| {
            message.payer.is_some_and(|payer| accounts.is_within(payer, account))
        });
        let gone: VecDeque<Message> = gone;
        port.queue = kept;
        if gone.is_empty() {
            return;
        }
        if port.queue.is_empty()
            && let Owner::Task(task, _) = port.owner
        {
            self.ready_remove(task, id);
        }
        for message in gone {
            self.message_destroy(message);
        }
        self.senders_admit(id);
    }

    /// A ticket that nobody will redeem.
    pub(crate) fn ticket_destroy(&mut self, account: AccountId, ticket: Ticket) {
        self.accounts.refund(account, ticket.cost());
        for right in ticket.rights {
            self.release(right);
        }
    }

    /// Whether a message to `to` carries the receive right that `to` itself waits in, so that
    /// nobody could ever receive it.
    pub(crate) fn is_circular(&self, to: PortId, rights: &[Carried]) -> bool {
        if !rights.iter().any(|right| matches!(right, Carried::Receive(_))) {
            return false;
        }
        let mut at = Some(to);
        while let Some(id) = at {
            if rights.contains(&Carried::Receive(id)) {
                return true;
            }
            at = match self.ports.get(id).map(|port| port.owner) {
                Some(Owner::Transit(next)) => next,
                _ => None,
            };
        }
        false
    }

    /// Sends what a request asks for: (name, disposition, label, milliseconds, rights, words,
    /// rights..., words...). Answers the port whose queue is full, if it is; then, and on failure,
    /// the sender has everything that it had.
    pub(crate) fn message_try(&mut self, task: TaskId, words: &[u64]) -> Result<Option<PortId>> {
        self.message_put(task, words, false)
    }

    /// As [`Mach::message_try`], if need be into a queue that is full.
    fn message_put(
        &mut self,
        task: TaskId,
        words: &[u64],
        force: bool,
    ) -> Result<Option<PortId>> {
        let [name, how, label, _, rights, count, rest @ ..] = words else {
            return Err(Error::MIG_BAD_ARGUMENTS);
        };
        let (name, how) = (*name as u32, *how as u32);
        let length = rest.len() as u64;
        let (count, is_large) = (count & !IN_MEMORY, count & IN_MEMORY != 0);
        if is_large && count > BODY_WORDS_MAX {
            return Err(Error::MACH_SEND_TOO_LARGE);
        }
        let words = if is_large { 1 } else { count };
        if *rights > length || words != length - rights {
            return Err(Error::MIG_BAD_ARGUMENTS);
        }
        let (list, body) = rest.split_at(*rights as usize);
        if how == disposition::COPY_SEND
            && list.is_empty()
            && !is_large
            && let Some(sent) = self.message_plain(task, name, *label as u32, body, force)
        {
            return sent;
        }
        let memory = match body {
            [memory] if is_large => self.body_memory(task, *memory as u32, count)?,
            _ => 0,
        };
        let dead = Error::MACH_SEND_INVALID_DEST;
        let to = (how as u64) << 32 | name as u64;
        self.copy_in_check(task, &[to]).map_err(|error| match error {
            Error::KERN_RESOURCE_SHORTAGE => error,
            _ => dead,
        })?;
        let id = match name {
            crate::abi::TASK_SELF => self.task(task)?.port,
            _ => match self.task(task)?.space.get(name).map_err(|_| dead)?.right {
                Right::Send { port, .. } | Right::Receive { port, .. } | Right::SendOnce { port } => {
                    port
                }
                _ => return Err(dead),
            },
        };
        if how == disposition::MOVE_RECEIVE {
            return Err(dead);
        }
        let once = matches!(how, disposition::MOVE_SEND_ONCE | disposition::MAKE_SEND_ONCE);
        let port = self.ports.get(id).ok_or(dead)?;
        let exception = self.exception_of(id);
        let is_kernel = matches!(port.owner, Owner::Kernel(_)) && exception.is_none();
        if is_kernel || port.dying.is_some() {
            return Err(dead);
        }
        // The destination's right goes first.
        let mut all = Vec::with_capacity(2 + list.len());
        all.push(to);
        all.extend_from_slice(list);
        let body = if is_large {
            all.push(memory);
            &[]
        } else {
            body
        };
        self.copy_in_check(task, &all)?;
        if let Some(thread) = exception {
            if is_large {
                return Err(Error::MACH_SEND_TOO_LARGE);
            }
            for right in self.copy_in_all(task, list)? {
                self.release(right);
            }
            self.copy_in_checked(task, name, how)?;
            self.exception_answered(thread, *label as u32, body);
            return Ok(None);
        }
        if !once && !force && port.queue.len() as u64 >= port.qlimit as u64 {
            return Ok(Some(id));
        }
        let account = self.task(task)?.account;
        self.accounts.charge(account, Message::cost(body.len(), all.len() - 1))?;
        self.accounts.retain(account);
        let mut carried = Vec::with_capacity(all.len());
        for word in &all {
            carried.push(self.copy_in_checked(task, *word as u32, (*word >> 32) as u32)?);
        }
        let to = carried.remove(0);
        let mut message = Message::new(*label as u32, body, carried);
        message.payer = Some(account);
        message.in_memory = if is_large { count } else { 0 };
        if self.is_circular(id, &message.rights) {
            self.message_destroy(message);
        } else {
            self.enqueue(id, message);
        }
        match to {
            Carried::SendOnce(_) => {
                if let Some(port) = self.ports.get_mut(id) {
                    port.sorights = port.sorights.saturating_sub(1);
                }
            }
            to => self.release(to),
        }
        Ok(None)
    }

    /// The same for words alone that go where a send right leads, which stays as it is. `None` where it
    /// is not as simple as that, and nothing was done.
    fn message_plain(
        &mut self,
        task: TaskId,
        name: u32,
        label: u32,
        body: &[u64],
        force: bool,
    ) -> Option<Result<Option<PortId>>> {
        let sender = self.tasks.get(task)?;
        let (Right::Send { port: id, .. } | Right::Receive { port: id, urefs: 1.. }) =
            sender.space.get(name).ok()?.right
        else {
            return None;
        };
        let port = self.ports.get_mut(id)?;
        if port.dying.is_some() || !matches!(port.owner, Owner::Task(..)) {
            return None;
        }
        if !force && port.queue.len() as u64 >= port.qlimit as u64 {
            return Some(Ok(Some(id)));
        }
        let account = sender.account;
        if let Err(error) = self.accounts.charge(account, Message::cost(body.len(), 0)) {
            return Some(Err(error));
        }
        self.accounts.retain(account);
        let mut message = Message::new(label, body, Vec::new());
        message.payer = Some(account);
        port.queue.push_back(message);
        self.ready_add(id);
        Some(Ok(None))
    }

    /// The memory that holds so many words of a body, as a right that moves with a message.
    fn body_memory(&self, task: TaskId, name: u32, count: u64) -> Result<u64> {
        let invalid = Error::MACH_SEND_INVALID_RIGHT;
        let object = self.memory_named(task, name).map_err(|_| invalid)?;
        let size = self.objects.get(object).map_or(0, |object| object.size);
        if count == 0 || count * 8 > size {
            return Err(Error::MIG_BAD_ARGUMENTS);
        }
        Ok((disposition::MOVE_MEMORY as u64) << 32 | name as u64)
    }

    /// Sends a message also if the queue is full; then a send-once right made from `notify` is
    /// told when there is room again, and until then the task cannot do it another time
    /// (`MACH_SEND_NOTIFY`).
    pub(crate) fn message_send_notify(
        &mut self,
        task: TaskId,
        notify: u32,
        words: &[u64],
    ) -> Result<()> {
        let invalid = Error::MACH_SEND_INVALID_NOTIFY;
        let notify = self.receive_port(task, notify).map_err(|_| invalid)?;
        let Some(id) = self.message_try(task, words)? else { return Ok(()) };
        let key = (task, words.first().map_or(0, |name| *name as u32));
        let waits = |port: &Port| port.accept_requests.iter().any(|(other, _)| *other == key);
        if self.ports.get(id).is_some_and(waits) {
            return Err(Error::MACH_SEND_NOTIFY_IN_PROGRESS);
        }
        let account = self.task(task)?.account;
        self.accounts.check(account, Limits::objects(cost::MESSAGE))?;
        self.message_put(task, words, true)?;
        match (self.ports.get(id).is_some(), self.ports.get_mut(notify)) {
            (true, Some(notify)) => notify.sorights += 1,
            // One of them went with the message.
            _ => return Ok(()),
        }
        if let Some(port) = self.ports.get_mut(id) {
            port.accept_requests.push_back((key, notify));
        }
        Err(Error::MACH_SEND_WILL_NOTIFY)
    }

    /// Takes a sender that waits out of everything but its port's list.
    pub(crate) fn sender_take(&mut self, serial: u64) -> Option<Sender<K::Reply>> {
        let sender = self.senders.remove(&serial)?;
        self.deadline_forget(sender.serial);
        if let Some(task) = self.tasks.get_mut(sender.task) {
            task.sending.remove(&serial);
            let account = task.account;
            self.accounts.refund(account, Message::cost(sender.words.len(), 0));
        }
        Some(sender)
    }

    fn is_for(name: u32, port: &Port) -> bool {
        match (name, port.set, port.owner) {
            (0, set, _) => set.is_none(),
            (wanted, Some(set), _) => set == wanted,
            (wanted, None, Owner::Task(_, own)) => own == wanted,
            _ => false,
        }
    }

    /// The port with the next message for a name, if there is one.
    pub(crate) fn next_port(&self, task: TaskId, name: u32) -> Option<PortId> {
        let holder = self.tasks.get(task)?;
        let own = match holder.space.get(name).map(|entry| entry.right) {
            Ok(Right::Receive { port, .. }) => Some(port),
            _ => None,
        };
        let id = match own {
            Some(port) => port,
            None if name == 0 => holder.ready.first?,
            None => holder.ready_in_sets.get(&name)?.first?,
        };
        self.ports.get(id).filter(|port| !port.queue.is_empty()).map(|_| id)
    }

    /// Takes the next message of a port that has one, whose words are given to `put`; answers a label.
    pub(crate) fn receive(
        &mut self,
        task: TaskId,
        id: PortId,
        take: Take,
        put: &mut impl FnMut(u64),
    ) -> u32 {
        let size = self.ports.get(id).and_then(|port| port.queue.front()).map(Message::size);
        let (rights, words) = size.unwrap_or_default();
        if rights + words > take.most {
            if !take.keep
                && let Some(taken) = self.port_dequeue(id)
            {
                self.message_destroy(taken.message);
            }
            [Error::MACH_RCV_TOO_LARGE.0 as u64, rights, words].into_iter().for_each(put);
            return REPLY_ERROR;
        }
        let Some(taken) = self.port_dequeue(id) else { return REPLY };
        let replies = taken.message.label & WITH_REPLY != 0 && rights > 0;
        let first = self.message_put_out(task, taken, put);
        if replies && let Ok(notify) = self.receive_port(task, take.notify) {
            self.reply_watch(task, first & 0xfff_ffff, notify);
        }
        REPLY
    }

    /// Asks for a dead-name notification for a reply right that has arrived (`MACH_RCV_NOTIFY`).
    fn reply_watch(&mut self, task: TaskId, name: u32, notify: PortId) {
        let Some(holder) = self.tasks.get_mut(task) else { return };
        if let Ok(entry) = holder.space.get_mut(name)
            && matches!(entry.right, Right::Send { .. } | Right::SendOnce { .. })
            && entry.dead_name_request.is_none()
        {
            entry.dead_name_request = Some(notify);
            if let Some(notify) = self.ports.get_mut(notify) {
                notify.sorights += 1;
            }
        }
    }

    #[inline(always)]
    fn port_dequeue(&mut self, id: PortId) -> Option<Taken> {
        let port = self.ports.get_mut(id)?;
        let Owner::Task(task, own) = port.owner else { return None };
        let mut message = port.queue.pop_front()?;
        let seqno = port.seqno;
        port.seqno = port.seqno.wrapping_add(1);
        let more = !port.queue.is_empty();
        let waits = !port.accept_requests.is_empty() || !port.blocked.is_empty();
        let (port, flag) = port.payload.map_or((own as u64, 0), |payload| (payload, PAYLOAD));
        self.ready_remove(task, id);
        if more {
            // The others have their turn before.
            self.ready_add(id);
        }
        self.message_uncharge(&mut message);
        if waits {
            self.senders_admit(id);
        }
        Some(Taken { port, flag, seqno, message })
    }

    /// Lets senders that wait put their messages in, as far as there is room.
    pub(crate) fn senders_admit(&mut self, id: PortId) {
        while let Some(port) = self.ports.get_mut(id)
            && (port.queue.len() as u64) < port.qlimit as u64
            && let Some(((_, name), request)) = port.accept_requests.pop_front()
        {
            self.notify(request, notify::MSG_ACCEPTED, &[name as u64], Carried::Null);
        }
        loop {
            let Some(port) = self.ports.get_mut(id) else {
                return;
            };
            if port.queue.len() as u64 >= port.qlimit as u64 {
                return;
            }
            let Some(serial) = port.blocked.pop_front() else {
                return;
            };
            let Some(sender) = self.senders.get_mut(&serial) else {
                continue;
            };
            let (task, words) = (sender.task, core::mem::take(&mut sender.words));
            // They become the message, which is paid for anew.
            let held = Limits::objects(8 * words.len() as u64);
            let account = self.tasks.get(task).map(|task| task.account);
            if let Some(account) = account {
                self.accounts.refund(account, held);
            }
            match self.message_try(task, &words) {
                // Its name denotes another port now.
                Ok(Some(other)) => {
                    if let Some(sender) = self.senders.get_mut(&serial) {
                        sender.words = words;
                        sender.port = other;
                        if let Some(account) = account {
                            self.accounts.force(account, held);
                        }
                    }
                    if let Some(port) = self.ports.get_mut(other) {
                        port.blocked.push_back(serial);
                    }
                }
                sent => {
                    if let Some(sender) = self.sender_take(serial) {
                        match sent {
                            Ok(_) => self.kernel.reply_send(sender.reply, REPLY, &[]),
                            Err(error) => self.reply_error(sender.reply, error),
                        }
                    }
                }
            }
        }
    }

    /// Puts the words of a received message out: port, label, seqno, counts, rights, body. Answers the
    /// word of the first right.
    #[inline(always)]
    fn message_put_out(&mut self, task: TaskId, taken: Taken, put: &mut impl FnMut(u64)) -> u32 {
        let message = taken.message;
        let (rights, count) = message.size();
        let place = if message.in_memory > 0 { IN_MEMORY } else { 0 };
        let label = message.label as u64 | taken.flag;
        for word in [taken.port, label, taken.seqno as u64, rights, count | place] {
            put(word);
        }
        let mut first = 0;
        for (at, right) in message.rights.into_iter().enumerate() {
            let word = self.copy_out_word(task, right);
            if at == 0 {
                first = word;
            }
            put(word as u64);
        }
        message.words.iter().for_each(|word| put(*word));
        first
    }

    /// Gives a port's messages to the threads that wait for them.
    pub(crate) fn port_serve(&mut self, id: PortId) {
        loop {
            let Some(port) = self.ports.get(id).filter(|port| !port.queue.is_empty()) else {
                return;
            };
            let Owner::Task(task, _) = port.owner else { return };
            let Some(holder) = self.tasks.get(task) else { return };
            let found =
                holder.receivers.iter().position(|receiver| Self::is_for(receiver.name, port));
            let receiver = found.and_then(|place| {
                self.tasks.get_mut(task).and_then(|holder| holder.receivers.remove(place))
            });
            let Some(receiver) = receiver else { return };
            self.deadline_forget(receiver.serial);
            let mut words = Vec::new();
            let label = self.receive(task, id, receiver.take, &mut |word| words.push(word));
            self.kernel.reply_send(receiver.reply, label, &words);
        }
    }

    /// Ends the wait of receivers: of a name, or all.
    pub(crate) fn receivers_abort(&mut self, task: TaskId, name: Option<u32>, error: Error) {
        loop {
            let Some(holder) = self.tasks.get_mut(task) else {
                return;
            };
            let found = holder
                .receivers
                .iter()
                .position(|receiver| name.is_none_or(|name| receiver.name == name));
            let Some(receiver) = found.and_then(|place| holder.receivers.remove(place)) else {
                return;
            };
            self.deadline_forget(receiver.serial);
            self.reply_error(receiver.reply, error);
        }
    }

    /// Puts a right into a space and answers its name with its kind, as inboxes hold it:
    /// kind in bits 28..32 (0 null, 1 send, 2 receive, 3 send-once, 4 the only right to memory that
    /// is mapped nowhere, 15 dead).
    pub(crate) fn copy_out_word(&mut self, task: TaskId, right: Carried) -> u32 {
        let mut kind = right.kind();
        if let Carried::Send(port) = right
            && self.ports.get(port).is_some_and(|port| port.moving)
        {
            if self.memory_moved(task, port).is_err() {
                self.release(right);
                return 0;
            }
            kind = 4;
        }
        match self.copy_out(task, right) {
            Ok(DEAD_NAME) => DEAD_NAME,
            Ok(0) | Err(_) => 0,
            Ok(name) => kind << 28 | name,
        }
    }

    /// Copies in a list of rights; all or none.
    pub(crate) fn copy_in_all(&mut self, task: TaskId, list: &[u64]) -> Result<Vec<Carried>> {
        self.copy_in_check(task, list)?;
        self.copy_in_checked_all(task, list)
    }

    /// Copies in a list of rights that [`Mach::copy_in_check`] allows.
    pub(crate) fn copy_in_checked_all(
        &mut self,
        task: TaskId,
        list: &[u64],
    ) -> Result<Vec<Carried>> {
        list.iter()
            .map(|word| self.copy_in_checked(task, *word as u32, (*word >> 32) as u32))
            .collect()
    }

    /// Moves, copies or makes a right of one task for another. On failure both have what they had.
    pub(crate) fn right_transfer(
        &mut self,
        from: TaskId,
        name: u32,
        how: u32,
        to: TaskId,
    ) -> Result<u32> {
        if how == disposition::MOVE_MEMORY {
            return Err(Error::MACH_SEND_INVALID_RIGHT);
        }
        self.copy_in_check(from, &[(how as u64) << 32 | name as u64])?;
        let right = match name {
            crate::abi::TASK_SELF => Right::Send { port: self.task(from)?.port, urefs: 1 },
            0 | DEAD_NAME => Right::Dead { urefs: 1 },
            _ => self.task(from)?.space.get(name)?.right,
        };
        match (how, right) {
            (
                disposition::COPY_SEND | disposition::MAKE_SEND | disposition::MOVE_SEND,
                Right::Send { port, .. } | Right::Receive { port, .. },
            ) => {
                let moves = how == disposition::MOVE_SEND && name != crate::abi::TASK_SELF;
                if moves && from == to {
                    return Ok(name);
                }
                self.send_right_made(port);
                let given = self.copy_out_right(to, Carried::Send(port));
                if given.is_err() {
                    // As if it had never been: nobody is told of a right that was not made.
                    if let Some(port) = self.ports.get_mut(port) {
                        port.srights -= 1;
                    }
                } else if moves {
                    self.name_deallocate(from, name)?;
                } else if how == disposition::MAKE_SEND
                    && let Some(port) = self.ports.get_mut(port)
                    && matches!(right, Right::Receive { .. })
                {
                    port.mscount = port.mscount.wrapping_add(1);
                }
                given
            }
            (disposition::MAKE_SEND_ONCE, Right::Receive { port, .. }) => {
                let given = self.copy_out_right(to, Carried::SendOnce(port));
                if given.is_ok()
                    && let Some(port) = self.ports.get_mut(port)
                {
                    port.sorights += 1;
                }
                given
            }
            (disposition::MOVE_SEND_ONCE, Right::SendOnce { port }) => {
                if from == to {
                    return Ok(name);
                }
                let given = self.copy_out_right(to, Carried::SendOnce(port))?;
                self.drop_name(from, name, port);
                Ok(given)
            }
            (disposition::MOVE_RECEIVE, Right::Receive { port, .. }) => {
                let holder = self.task(to)?;
                if from != to && self.find(to, port).is_none() {
                    self.accounts.check(holder.account, Limits::rights(1))?;
                    holder.space.check_room()?;
                }
                let kernel = holder.kernel;
                self.kernel.endpoint_make(kernel)?;
                let right = self.copy_in_checked(from, name, how)?;
                self.copy_out(to, right)
            }
            _ => {
                let right = self.copy_in_checked(from, name, how)?;
                self.copy_out(to, right)
            }
        }
    }

    /// The port that a name lets its holder send to.
    pub(crate) fn send_port(&self, task: TaskId, name: u32) -> Result<PortId> {
        if name == crate::abi::TASK_SELF {
            return Ok(self.task(task)?.port);
        }
        if !is_valid(name) {
            return Err(Error::MACH_SEND_INVALID_DEST);
        }
        match self.task(task)?.space.get(name).map(|entry| entry.right) {
            Ok(Right::Send { port, .. } | Right::SendOnce { port }) => Ok(port),
            Ok(Right::Receive { port, urefs }) if urefs > 0 => Ok(port),
            _ => Err(Error::MACH_SEND_INVALID_DEST),
        }
    }
}
