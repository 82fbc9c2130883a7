//! The end of tasks, ports and memory, in bounded pieces.
//!
//! Whoever ends something is answered when it can be reached no more. What it held is taken apart
//! in pieces, a number of them with each request and the others between requests, so that nobody
//! waits long for the mach server, whatever somebody has heaped up.

use crate::account::{AccountId, Limits};
use crate::error::{Error, Result};
use crate::exception::Handler;
use crate::ipc::{Carried, Owner, PortId};
use crate::kernel::Kernel;
use crate::label::label_cost;
use crate::pages::Pages;
use crate::space::Right;
use crate::task::{Mach, TaskId};
use crate::vm::{PAGE, PageSize, VM_MAX};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;

/// Pieces of work that are done at a time.
pub(crate) const PIECES: u32 = 128;
/// Pages that are unmapped as one piece.
const PAGES: u64 = 64;
/// Regions that end as one piece.
const REGIONS: usize = 16;

/// A port whose end has begun.
#[derive(Clone, Copy)]
pub(crate) struct Dying {
    /// Whom its capabilities invoke, and with what badge.
    receiver: Option<(TaskId, u32)>,
    /// Who waits for an answer through it is told that there will be none.
    tell: bool,
    /// Some capability of it has been removed.
    removed: bool,
}

/// A task whose end has begun.
struct Ending {
    task: TaskId,
    /// Names below this index are gone.
    name: u32,
}

/// What is still to be taken apart.
pub(crate) struct Remains<F: Copy> {
    ports: VecDeque<PortId>,
    tasks: VecDeque<Ending>,
    pages: VecDeque<(Pages<F>, PageSize, AccountId)>,
}

impl<F: Copy> Remains<F> {
    pub(crate) fn new() -> Remains<F> {
        Remains {
            ports: VecDeque::new(),
            tasks: VecDeque::new(),
            pages: VecDeque::new(),
        }
    }

    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.ports.is_empty() && self.tasks.is_empty() && self.pages.is_empty()
    }
}

impl<K: Kernel> Mach<K> {
    /// Ends a task: nobody can name it from now on. What it holds is freed, and those who wait for
    /// it are told, by [`Mach::settle`].
    pub fn task_terminate(&mut self, id: TaskId) -> Result<()> {
        let task = self.task_mut(id)?;
        if core::mem::replace(&mut task.ending, true) {
            return Err(Error::KERN_INVALID_TASK);
        }
        let (port, kernel) = (task.port, task.kernel);
        if task.essential {
            let name = String::from_utf8_lossy(task.label.as_deref().unwrap_or_default());
            let text = format!("the system ends with the essential task {name}");
            self.kernel.end(&text);
        }
        self.port_destroy(port);
        // What threads it still has can call the mach server no more.
        self.kernel.right_remove(kernel, crate::abi::TASK_SELF);
        self.remains.tasks.push_back(Ending {
            task: id,
            name: 0,
        });
        // The few threads that most tasks have end at once.
        for _ in 0..PIECES {
            if !self.thread_end(id) {
                break;
            }
        }
        self.waits_drop(id);
        Ok(())
    }

    /// Sets how many pieces of work are done at a time, for tests.
    pub fn pieces_set(&mut self, pieces: u32) {
        self.pieces = pieces;
    }

    /// Whether there is work that can wait until nobody asks for anything.
    #[inline]
    pub fn has_work(&self) -> bool {
        self.is_unsettled()
    }

    /// Does a bounded piece of it.
    pub fn work(&mut self) {
        self.settle();
    }

    /// Carries out what released rights set off, and takes apart what has ended: so much of it as is
    /// done at a time.
    pub(crate) fn settle(&mut self) {
        let mut left = self.pieces;
        loop {
            if let Some(port) = self.serving.pop_front() {
                self.port_serve(port);
                continue;
            }
            if left == 0 {
                return;
            }
            left -= 1;
            if let Some(right) = self.released.pop() {
                match right {
                    Carried::Null | Carried::Dead => {}
                    Carried::Send(port) => self.send_right_gone(port),
                    Carried::SendOnce(port) => {
                        self.notify(port, crate::abi::notify::SEND_ONCE, &[], Carried::Null);
                    }
                    Carried::Receive(port) => self.port_destroy(port),
                }
            } else if let Some(woken) = self.woken.pop_front() {
                self.woken_serve(woken);
            } else if let Some(port) = self.remains.ports.front().copied() {
                if self.port_piece(port) {
                    self.remains.ports.pop_front();
                }
            } else if let Some(task) = self.orphans.pop() {
                if self.is_orphan(task) {
                    // Only an error if it were gone.
                    let _ = self.task_terminate(task);
                }
            } else if let Some(mut ending) = self.remains.tasks.pop_front() {
                if !self.task_piece(&mut ending) {
                    self.remains.tasks.push_front(ending);
                }
            } else if let Some((mut pages, size, account)) = self.remains.pages.pop_front() {
                self.pages_piece(&mut pages, size, account);
                if !pages.is_empty() {
                    self.remains.pages.push_front((pages, size, account));
                } else {
                    self.accounts.release(account);
                }
            } else if let Some(serial) = self.joining.pop_front() {
                // As much work as many other pieces.
                self.joining_serve(serial);
                return;
            } else {
                return;
            }
        }
    }

    // ---- tasks

    /// Ends one thread of a task; `false` if there is none.
    fn thread_end(&mut self, id: TaskId) -> bool {
        let thread = self
            .tasks
            .get(id)
            .and_then(|task| task.threads.last().copied());
        if let Some(thread) = thread {
            self.thread_remove(thread);
        }
        thread.is_some()
    }

    /// Takes a piece of a task that has ended apart; answers whether it was the last one.
    fn task_piece(&mut self, ending: &mut Ending) -> bool {
        let id = ending.task;
        if self.thread_end(id) || self.window_end(id) {
            return false;
        }
        let Some(task) = self.tasks.get_mut(id) else {
            return true;
        };
        let next = task
            .space
            .places_taken(ending.name)
            .next()
            .map(|(name, entry)| (name, entry.right));
        if let Some((name, right)) = next {
            ending.name = (name & crate::abi::INDEX_MASK) + 1;
            match right {
                Right::Reserved => self.slot_unreserve(id, name),
                Right::Spare { port } => self.spare_end(port),
                // Its members end, too.
                Right::Set => self.forget_name(id, name),
                _ => {
                    // Only an error if it were gone.
                    let _ = self.name_destroy(id, name);
                }
            }
            return false;
        }
        if task.space.len() > 0 {
            // Some came while it was taken apart.
            ending.name = 0;
            return false;
        }
        let mut kept = core::mem::take(&mut task.registered);
        kept.push(core::mem::replace(&mut task.bootstrap, Carried::Null));
        kept.push(core::mem::replace(&mut task.handler, Handler::NONE).port);
        kept.retain(|right| !matches!(right, Carried::Null | Carried::Dead));
        let notices = task.notices.take();
        if let Some(serial) = task.lapse.take() {
            self.deadline_forget(serial);
            self.released.append(&mut kept);
            if let Some(port) = notices {
                self.port_destroy(port);
            }
            return false;
        }
        if !kept.is_empty() || notices.is_some() {
            self.released.append(&mut kept);
            if let Some(port) = notices {
                self.port_destroy(port);
            }
            return false;
        }
        // Most of what is allocated may never have been touched.
        if let Some(page) = task.map.mapped.first(0..VM_MAX / PAGE) {
            self.pages_unmap(id, page * PAGE, (page + PAGES) * PAGE);
            return false;
        }
        let map = &mut task.map;
        let ended = match map.regions.len() {
            0 => None,
            ..=REGIONS => Some(core::mem::take(&mut map.regions)),
            _ => {
                // Nobody looks for free addresses any more.
                map.holes.as_mut().map(|holes| holes.pop_first());
                map.regions.pop_first().map(|first| [first].into())
            }
        };
        if let Some(ended) = ended {
            for (start, region) in ended {
                self.region_ended(id, start, region);
            }
            return false;
        }
        let kernel = task.kernel;
        if self.kernel.task_shrink(kernel) {
            return false;
        }
        let Some(task) = self.tasks.remove(id) else {
            return true;
        };
        self.kernel.task_destroy(task.kernel);
        let label = label_cost(&task.label).objects;
        let objects = Self::TASK_COST + task.table_bytes + task.name_bytes + label;
        self.accounts.refund(task.account, Limits::objects(objects));
        self.accounts.release(task.account);
        true
    }

    // ---- ports

    /// Destroys a port: its receive right is gone, and nobody can use it from now on. Its other
    /// rights become dead names piece by piece.
    pub(crate) fn port_destroy(&mut self, id: PortId) {
        if self.backup_take(id) {
            return;
        }
        let Some(port) = self.ports.get_mut(id).filter(|port| port.dying.is_none()) else {
            return;
        };
        let mut dying = Dying {
            receiver: None,
            tell: false,
            removed: false,
        };
        let owner = port.owner;
        if let Owner::Task(task, badge) = owner {
            dying.receiver = Some((task, badge));
            dying.tell = self.tasks.get(task).is_some_and(|task| task.ending);
        }
        let Some(port) = self.ports.get_mut(id) else {
            return;
        };
        port.dying = Some(dying);
        let watched = port.no_senders_request.take();
        if let Owner::Task(task, name) = owner {
            self.receiver_leaves(task, name, id);
        }
        if let Some(port) = self.ports.get_mut(id) {
            // Notifications that it would send to itself come to nothing.
            port.owner = Owner::Transit(None);
        }
        if let Owner::Task(task, name) = owner
            && matches!(self.right_of(task, name), Some(Right::Receive { .. }))
        {
            self.holder_end(task, name, id);
        }
        if let Some(request) = watched {
            self.release(Carried::SendOnce(request));
        }
        // Most ports have hardly more than that.
        for _ in 0..self.pieces.min(4) {
            if self.port_piece(id) {
                return;
            }
        }
        self.remains.ports.push_back(id);
    }

    /// Takes a piece of a dying port apart; answers whether it was the last one.
    fn port_piece(&mut self, id: PortId) -> bool {
        let Some(port) = self.ports.get_mut(id) else {
            return true;
        };
        if let Some((task, index)) = port.first {
            if let Some(task) = self.tasks.at(task) {
                let name = self
                    .tasks
                    .get(task)
                    .map_or(0, |task| task.space.name_of(index));
                self.holder_end(task, name, id);
            }
            return false;
        }
        if let Some(dying) = &mut port.dying
            && core::mem::replace(&mut dying.removed, false)
            && let Some((receiver, badge)) = dying.receiver
        {
            // No capability is left: what queues with its badge starts again, and finds none.
            if let Some(receiver) = self.tasks.get(receiver) {
                let kernel = receiver.kernel;
                self.kernel.calls_cancel(kernel, badge);
            }
            return false;
        }
        if let Some(message) = port.queue.pop_front() {
            self.message_destroy(message);
            return false;
        }
        if let Some(serial) = port.blocked.pop_front() {
            if let Some(sender) = self.sender_take(serial) {
                self.reply_error(sender.reply, Error::MACH_SEND_INVALID_DEST);
            }
            return false;
        }
        if let Some((_, request)) = port.accept_requests.pop_front() {
            self.release(Carried::SendOnce(request));
            return false;
        }
        let memory = port.memory;
        self.ports.discard(id);
        if let Some(object) = memory {
            self.pager_died(object);
        }
        true
    }

    /// A name of a dying port becomes a dead name, and loses its capability.
    pub(crate) fn holder_end(&mut self, task: TaskId, name: u32, id: PortId) {
        let invokes = match self.right_of(task, name) {
            Some(Right::Send { .. }) => true,
            Some(Right::Receive { urefs, .. }) => urefs > 0,
            _ => false,
        };
        if invokes && self.is_installed(id) {
            self.uninstall(task, name);
            if let Some(dying) = self.ports.get_mut(id).and_then(|port| port.dying.as_mut()) {
                dying.removed = true;
                if dying.tell {
                    self.callers_tell(task, name);
                }
            }
        }
        self.name_dies(task, name, id);
    }

    /// Whether a port that had this name of its receiver still has capabilities: a port that got the
    /// same name now would be taken for it.
    pub(crate) fn is_lingering(&self, task: TaskId, name: u32) -> bool {
        self.remains.ports.iter().any(|port| {
            self.ports.get(*port).is_some_and(|port| {
                let receiver = port.dying.and_then(|dying| dying.receiver);
                port.srights > 0 && receiver == Some((task, name))
            })
        })
    }

    /// A new name for a receive right.
    pub(crate) fn receive_name(&mut self, task: TaskId, port: PortId) -> Result<u32> {
        loop {
            let right = Right::Receive { port, urefs: 0 };
            let name = self.task_mut(task)?.space.insert(right)?;
            if !self.is_lingering(task, name) {
                return Ok(name);
            }
            // The next name at this place differs.
            self.task_mut(task)?.space.remove(name);
        }
    }

    /// Whether capabilities of a dying port are there still.
    pub(crate) fn is_dying_installed(dying: &Option<Dying>) -> bool {
        dying.is_some_and(|dying| dying.receiver.is_some())
    }

    /// Threads that wait for an answer through a name, from a task that ends, get the error.
    fn callers_tell(&mut self, task: TaskId, name: u32) {
        let threads = self.tasks.get(task).map(|task| task.threads.clone());
        for thread in threads.into_iter().flatten() {
            let Some(kernel) = self.threads.get(thread).map(|thread| thread.kernel) else {
                continue;
            };
            if self.kernel.published(kernel).0 == name {
                self.call_end(thread, Error::MIG_SERVER_DIED);
            }
        }
    }

    // ---- memory

    /// Pages of an object that nobody uses any more.
    pub(crate) fn pages_end(
        &mut self,
        pages: Pages<K::Frame>,
        size: PageSize,
        account: AccountId,
    ) {
        self.remains.pages.push_back((pages, size, account));
        self.accounts.retain(account);
    }

    fn pages_piece(&mut self, pages: &mut Pages<K::Frame>, size: PageSize, account: AccountId) {
        let before = pages.len();
        pages.take_some(|frame| self.kernel.frame_free(frame));
        let freed = (before - pages.len()) as u64;
        self.accounts.refund(account, Limits::memory(freed * size.bytes::<K>()));
    }
}
