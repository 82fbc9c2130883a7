//! Tasks, threads, and the mach server's whole state.

use crate::abi::REPLY_ERROR;
use crate::abi::priority::BASE;
use crate::account::{AccountId, Accounts, Limits};
use crate::death::{PIECES, Remains};
use crate::error::{Error, Result};
use crate::exception::{Handler, Raised};
use crate::clock::Clock;
use crate::ipc::{Carried, KernelObject, Port, PortId, Receiver, Sender};
use crate::kernel::{Kernel, Protection};
use crate::label::{Label, label_cost};
use crate::processors::Processors;
use crate::proxy::Proxy;
use crate::slab::{Id, Slab};
use crate::ready::Ready;
use crate::space::Space;
use crate::spare::{Lapsed, SPARES_BYTES};
use crate::sync::{Futexes, Serial, Waits};
use crate::object::Object;
use crate::pager::{Awaited, Paging, Parked, Woken};
use crate::vm::{Map, PAGE, USED_BYTES};
use crate::window::Windows;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// A handle to a task.
pub type TaskId = Id<TaskTag>;
/// A handle to a thread.
pub type ThreadId = Id<ThreadTag>;

/// Marks handles of tasks.
pub struct TaskTag;
/// Marks handles of threads.
pub struct ThreadTag;

/// A table whose handles are typed by a tag instead of the entry, so that the
/// entry may depend on the kernel.
pub(crate) struct Table<Tag, T> {
    slab: Slab<T>,
    tag: core::marker::PhantomData<fn() -> Tag>,
}

impl<Tag, T> Table<Tag, T> {
    fn new() -> Self {
        Table {
            slab: Slab::default(),
            tag: core::marker::PhantomData,
        }
    }
    #[inline]
    pub(crate) fn get(&self, id: Id<Tag>) -> Option<&T> {
        self.slab.get(Id::new(id.index, id.generation))
    }
    #[inline]
    pub(crate) fn get_mut(&mut self, id: Id<Tag>) -> Option<&mut T> {
        self.slab.get_mut(Id::new(id.index, id.generation))
    }
    #[inline]
    pub(crate) fn at(&self, index: u32) -> Option<Id<Tag>> {
        self.slab
            .at(index)
            .map(|id| Id::new(id.index, id.generation))
    }
    pub(crate) fn insert_with(&mut self, build: impl FnOnce(Id<Tag>) -> T) -> Id<Tag> {
        let id = self
            .slab
            .insert_with(|id| build(Id::new(id.index, id.generation)));
        Id::new(id.index, id.generation)
    }
    pub(crate) fn remove(&mut self, id: Id<Tag>) -> Option<T> {
        self.slab.remove(Id::new(id.index, id.generation))
    }
    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }
    /// Places, used or not.
    pub(crate) fn places(&self) -> u32 {
        self.slab.places()
    }
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id<Tag>, &T)> {
        self.slab
            .iter()
            .map(|(id, value)| (Id::new(id.index, id.generation), value))
    }
}

/// A task.
pub(crate) struct Task<K: Kernel> {
    pub(crate) kernel: K::Task,
    pub(crate) account: AccountId,
    pub(crate) port: PortId,
    pub(crate) space: Space,
    pub(crate) map: Map<K>,
    pub(crate) threads: Vec<ThreadId>,
    pub(crate) suspended: u32,
    pub(crate) bootstrap: Carried,
    pub(crate) handler: Handler,
    /// Kept by `mach_ports_register`.
    pub(crate) registered: Vec<Carried>,
    /// What its new threads begin with.
    pub(crate) priority: u8,
    /// What it is called.
    pub(crate) label: Label,
    /// The system ends with it.
    pub(crate) essential: bool,
    /// Its end has begun.
    pub(crate) ending: bool,
    /// When it was made, in nanoseconds since the start.
    pub(crate) created: u64,
    /// Ports of this task with messages, which are in no set.
    pub(crate) ready: Ready,
    /// Those in its sets that have such ports.
    pub(crate) ready_in_sets: BTreeMap<u32, Ready>,
    /// Members of this task's port sets: (set, member).
    pub(crate) members: BTreeSet<(u32, u32)>,
    pub(crate) receivers: VecDeque<Receiver<K::Reply>>,
    /// Numbers of its sends that wait for room.
    pub(crate) sending: BTreeSet<u64>,
    /// Numbers of its requests that wait for pages.
    pub(crate) parked: BTreeSet<u64>,
    pub(crate) futexes: Futexes<K::Reply>,
    /// Windows in which this task is client or server.
    pub(crate) windows: BTreeSet<u64>,
    /// Receives `WINDOW_GONE`: a port without a name, made with the first window.
    pub(crate) notices: Option<PortId>,
    /// Bytes charged for names that it chose far behind its others.
    pub(crate) name_bytes: u64,
    /// Its ports that died and of which it was not told yet.
    pub(crate) lapsed: Vec<Lapsed>,
    /// When it will be.
    pub(crate) lapse: Option<Serial>,
    /// Bytes of page tables, and of the names that it began with, charged.
    pub(crate) table_bytes: u64,
}

/// A thread that waits for the answer of a call.
pub(crate) struct Caller<K: Kernel> {
    pub(crate) thread: K::Thread,
    pub(crate) task: TaskId,
}

/// A thread.
pub(crate) struct Thread<K: Kernel> {
    pub(crate) task: TaskId,
    pub(crate) kernel: K::Thread,
    pub(crate) port: PortId,
    pub(crate) page: K::Frame,
    pub(crate) page_mapping: K::Mapping,
    pub(crate) page_address: u64,
    /// Name of the slot with its fault handler.
    pub(crate) slot: u32,
    pub(crate) suspended: u32,
    pub(crate) started: bool,
    /// Stopped at an exception that nobody has answered.
    pub(crate) faulted: bool,
    pub(crate) handler: Handler,
    pub(crate) raised: Option<Raised>,
    /// Its priority, and the highest that it can be given (Mach's numbers: 0 is the highest).
    pub(crate) priority: u8,
    pub(crate) priority_limit: u8,
    /// When it was made, in nanoseconds since the start.
    pub(crate) created: u64,
    /// The address of the last fault on a page that was present, and how often in a row.
    pub(crate) present_fault: (u64, u32),
    /// The page that it waits for at a fault.
    pub(crate) paging: Option<Paging>,
    /// Rights on their way, and the ticket that redeems them.
    pub(crate) ticket: Option<Ticket>,
    /// What it is called.
    pub(crate) label: Label,
}

/// What has happened to memory since the start.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counters {
    /// Faults of threads.
    pub(crate) faults: u64,
    /// Pages of zeroes that were made.
    pub(crate) zero_fills: u64,
    /// Pages that were copied because somebody wrote to shared ones.
    pub(crate) cow_faults: u64,
    /// Pages that pagers have supplied.
    pub(crate) pageins: u64,
    /// Pages that went back to pagers.
    pub(crate) pageouts: u64,
}

/// Rights that a sender gave for one message.
pub(crate) struct Ticket {
    pub(crate) secret: u64,
    /// The port that the message goes to.
    pub(crate) port: PortId,
    pub(crate) rights: Vec<Carried>,
}

/// The mach server.
pub struct Mach<K: Kernel> {
    pub(crate) kernel: K,
    pub(crate) tasks: Table<TaskTag, Task<K>>,
    pub(crate) threads: Table<ThreadTag, Thread<K>>,
    pub(crate) ports: Slab<Port>,
    /// How many of them are spare.
    pub(crate) spares: usize,
    pub(crate) objects: Table<crate::object::ObjectTag, Object<K>>,
    pub(crate) accounts: Accounts,
    pub(crate) windows: Windows,
    pub(crate) waits: Waits,
    pub(crate) senders: HashMap<u64, Sender<K::Reply>, FxBuildHasher>,
    pub(crate) released: Vec<Carried>,
    /// What has ended and is not taken apart yet.
    pub(crate) remains: Remains<K::Frame>,
    /// Pieces of that which are done at a time.
    pub(crate) pieces: u32,
    /// Ports with messages for threads that may wait for them.
    pub(crate) serving: VecDeque<PortId>,
    /// Tasks that nobody may be able to reach any more.
    pub(crate) orphans: Vec<TaskId>,
    /// The page that a request or fault at hand has to wait for.
    pub(crate) awaited: Option<Awaited>,
    /// Requests that go on when more free memory is put together.
    pub(crate) joining: VecDeque<u64>,
    /// Requests that wait for pages.
    pub(crate) parked: HashMap<u64, Parked<K::Reply>, FxBuildHasher>,
    /// Waits for pages that are over.
    pub(crate) woken: VecDeque<Woken>,
    pub(crate) counters: Counters,
    pub(crate) serial: u64,
    pub(crate) host: PortId,
    pub(crate) root_account: AccountId,
    /// Receives `mach_notify_new_task`.
    pub(crate) new_task_notify: Carried,
    pub(crate) modules: Vec<crate::rpc::BootModule>,
    pub(crate) clock: Clock,
    pub(crate) processors: Processors,
    pub(crate) proxies: Slab<Proxy>,
    pub(crate) device_tree: Option<(crate::object::ObjectId, u64)>,
}

/// Badge of a task's own port: never 0, by which a kernel says that nobody has sent.
#[inline]
pub(crate) fn task_badge(id: TaskId) -> u32 {
    (id.generation % 0x3f + 1) << 20 | (id.index & 0xf_ffff)
}

/// Badge of a thread's faults.
pub(crate) fn thread_badge(id: ThreadId) -> u32 {
    1 << 27 | (id.generation & 0x3f) << 20 | (id.index & 0xf_ffff)
}

/// The number by which a task is known to others.
pub(crate) fn task_number(id: TaskId) -> u32 {
    (id.generation & 0x7ff) << 20 | id.index
}

/// The number by which a thread is known to others.
#[inline]
pub(crate) fn thread_number(id: ThreadId) -> u32 {
    (id.generation & 0x7ff) << 20 | (id.index & 0xf_ffff)
}

impl<K: Kernel> Mach<K> {
    /// Bytes of kernel objects that an empty task is charged.
    pub(crate) const TASK_COST: u64 = K::TASK_BYTES + SPARES_BYTES + USED_BYTES;

    /// A mach server with no task.
    pub fn new(kernel: K) -> Mach<K> {
        let mut accounts = Accounts::default();
        let root_account = accounts.create_root();
        let mut mach = Mach {
            kernel,
            tasks: Table::new(),
            threads: Table::new(),
            ports: Slab::default(),
            spares: 0,
            objects: Table::new(),
            accounts,
            windows: Windows::default(),
            waits: Waits::default(),
            senders: HashMap::default(),
            released: Vec::new(),
            remains: Remains::new(),
            pieces: PIECES,
            serving: VecDeque::new(),
            orphans: Vec::new(),
            awaited: None,
            joining: VecDeque::new(),
            parked: HashMap::default(),
            woken: VecDeque::new(),
            counters: Counters::default(),
            serial: 0,
            host: Id::new(0, 0),
            root_account,
            new_task_notify: Carried::Null,
            modules: Vec::new(),
            clock: Clock::default(),
            processors: Processors::default(),
            proxies: Slab::default(),
            device_tree: None,
        };
        mach.host = mach.port_for(KernelObject::Host);
        mach
    }

    /// The kernel.
    pub fn kernel(&mut self) -> &mut K {
        &mut self.kernel
    }

    /// The account above all others.
    pub fn root_account(&self) -> AccountId {
        self.root_account
    }

    #[inline]
    pub(crate) fn task(&self, id: TaskId) -> Result<&Task<K>> {
        self.tasks.get(id).ok_or(Error::KERN_INVALID_TASK)
    }

    #[inline]
    pub(crate) fn task_mut(&mut self, id: TaskId) -> Result<&mut Task<K>> {
        self.tasks.get_mut(id).ok_or(Error::KERN_INVALID_TASK)
    }

    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// An empty task charged to `account`.
    pub fn task_create(&mut self, account: AccountId) -> Result<TaskId> {
        self.accounts
            .charge(account, Limits::objects(Self::TASK_COST))?;
        let port = self.port_create(crate::ipc::Owner::Transit(None));
        // The badge needs the handle, the handle the place in the table.
        let badge = task_badge(self.tasks.slab_next());
        // The page tables of one that has ended, where they are small beside what the account has.
        let left = self.kernel.tables_left();
        let takes_tables = self.accounts.check(account, Limits::objects(left * 8)).is_ok();
        let table_bytes = if takes_tables { left } else { 0 };
        let task = match self.kernel.task_create(badge, takes_tables) {
            Ok(task) => task,
            Err(error) => {
                self.accounts
                    .refund(account, Limits::objects(Self::TASK_COST));
                self.ports.discard(port);
                return Err(error);
            }
        };
        self.accounts.force(account, Limits::objects(table_bytes));
        self.accounts.retain(account);
        let created = self.kernel.now();
        let id = self.tasks.insert_with(|_| Task {
            kernel: task,
            account,
            port,
            space: Space::new(),
            map: Map::new(),
            threads: Vec::new(),
            suspended: 0,
            bootstrap: Carried::Null,
            handler: Handler::NONE,
            registered: Vec::new(),
            priority: BASE as u8,
            label: None,
            essential: false,
            ending: false,
            created,
            ready: Ready::default(),
            ready_in_sets: BTreeMap::new(),
            members: BTreeSet::new(),
            receivers: VecDeque::new(),
            sending: BTreeSet::new(),
            parked: BTreeSet::new(),
            futexes: Futexes::new(),
            windows: BTreeSet::new(),
            notices: None,
            name_bytes: 0,
            lapsed: Vec::new(),
            lapse: None,
            table_bytes,
        });
        if let Some(port) = self.ports.get_mut(port) {
            port.owner = crate::ipc::Owner::Kernel(KernelObject::Task(id));
        }
        Ok(id)
    }

    /// Whether nobody can do anything with a task: it has no thread, and no right to it is left.
    pub(crate) fn is_orphan(&self, id: TaskId) -> bool {
        self.tasks.get(id).is_some_and(|task| {
            task.threads.is_empty()
                && self.ports.get(task.port).is_some_and(|port| port.srights == 0)
        })
    }

    /// Ends all threads of a task, with what they wait for.
    pub(crate) fn threads_remove(&mut self, id: TaskId) -> Result<()> {
        for thread in core::mem::take(&mut self.task_mut(id)?.threads) {
            self.thread_remove(thread);
        }
        self.waits_drop(id);
        Ok(())
    }

    /// A thread that does not run yet, with its page at an address of its task's choice.
    pub fn thread_create(&mut self, task: TaskId, page_address: u64) -> Result<ThreadId> {
        if !page_address.is_multiple_of(4096) {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        let holder = self.task(task)?;
        let (account, kernel_task) = (holder.account, holder.kernel);
        let cost = Limits {
            memory: 4096,
            objects: K::THREAD_BYTES,
            rights: 0,
        };
        self.accounts.charge(account, cost)?;
        let result = self.thread_build(task, kernel_task, page_address);
        if result.is_err() {
            self.accounts.refund(account, cost);
        }
        result
    }

    fn thread_build(
        &mut self,
        task: TaskId,
        kernel_task: K::Task,
        page_address: u64,
    ) -> Result<ThreadId> {
        self.map_reserve(task, page_address, 4096)?;
        let undo = |mach: &mut Self, page: Option<K::Frame>| {
            if let Some(page) = page {
                mach.kernel.frame_free(page);
            }
            mach.map_unreserve(task, page_address);
        };
        let page = match self.kernel.frame_allocate() {
            Ok(page) => page,
            Err(error) => {
                undo(self, None);
                return Err(error);
            }
        };
        let mapped = self.frame_map_charged(
            task,
            page_address,
            page,
            Protection::DEFAULT,
            crate::kernel::Cache::Normal,
        );
        let page_mapping = match mapped {
            Ok(mapping) => mapping,
            Err(error) => {
                undo(self, Some(page));
                return Err(error);
            }
        };
        let place = self.threads.slab_next();
        let badge = thread_badge(place);
        let made = self.slot_reserve(task).and_then(|slot| {
            let index = slot & crate::abi::INDEX_MASK;
            match self
                .kernel
                .thread_create(kernel_task, badge, index, page, page_address)
            {
                Ok(kernel) => Ok((kernel, slot)),
                Err(error) => {
                    self.forget_name(task, slot);
                    Err(error)
                }
            }
        });
        let (kernel, slot) = match made {
            Ok(made) => made,
            Err(error) => {
                self.frame_unmap_refunded(task, page_address, page_mapping);
                undo(self, Some(page));
                return Err(error);
            }
        };
        let port = self.port_create(crate::ipc::Owner::Transit(None));
        let priority_limit = self.processors.limit();
        let priority = self.task(task)?.priority.max(priority_limit);
        if priority != BASE as u8 {
            self.kernel.thread_priority(kernel, priority - BASE as u8);
        }
        let created = self.kernel.now();
        let id = self.threads.insert_with(|_| Thread {
            task,
            kernel,
            port,
            page,
            page_mapping,
            page_address,
            slot,
            suspended: 0,
            started: false,
            faulted: false,
            handler: Handler::NONE,
            raised: None,
            priority,
            priority_limit,
            created,
            present_fault: (0, 0),
            paging: None,
            ticket: None,
            label: None,
        });
        if let Some(port) = self.ports.get_mut(port) {
            port.owner = crate::ipc::Owner::Kernel(KernelObject::Thread(id));
        }
        if let Some(task) = self.tasks.get_mut(task) {
            task.threads.push(id);
        }
        Ok(id)
    }

    /// Ends a thread and frees its page.
    pub(crate) fn thread_remove(&mut self, id: ThreadId) {
        self.fault_forget(id);
        let Some(thread) = self.threads.remove(id) else {
            return;
        };
        self.kernel.thread_destroy(thread.kernel);
        self.slot_unreserve(thread.task, thread.slot);
        self.frame_unmap_refunded(thread.task, thread.page_address, thread.page_mapping);
        self.kernel.frame_free(thread.page);
        if let Some(ticket) = thread.ticket
            && let Some(task) = self.tasks.get(thread.task)
        {
            self.ticket_destroy(task.account, ticket);
        }
        self.release(thread.handler.port);
        if let Some(raised) = thread.raised {
            self.port_destroy(raised.reply);
        }
        self.map_unreserve(thread.task, thread.page_address);
        if let Some(task) = self.tasks.get_mut(thread.task) {
            if task.threads.last() == Some(&id) {
                task.threads.pop();
            } else {
                task.threads.retain(|other| *other != id);
            }
            let account = task.account;
            self.accounts.refund(
                account,
                Limits {
                    memory: 4096,
                    objects: K::THREAD_BYTES + label_cost(&thread.label).objects,
                    rights: 0,
                },
            );
        }
        self.port_destroy(thread.port);
        if self.is_orphan(thread.task) {
            self.orphans.push(thread.task);
        }
    }

    /// Starts a thread: argument registers get its page, `argument`, its number and its port name.
    pub fn thread_start(&mut self, id: ThreadId, pc: u64, sp: u64, argument: u64) -> Result<()> {
        let thread = self
            .threads
            .get_mut(id)
            .ok_or(Error::KERN_INVALID_ARGUMENT)?;
        if thread.started {
            return Err(Error::KERN_FAILURE);
        }
        thread.started = true;
        let (kernel, page) = (thread.kernel, thread.page_address);
        let number = thread_number(id) as u64;
        let held = thread_is_held(self.threads.get(id), &self.tasks);
        if held {
            self.kernel.thread_hold(kernel);
        }
        self.kernel
            .thread_start(kernel, pc, sp, [page, argument, number, 0]);
        Ok(())
    }

    /// Stops a thread so that it can be resumed without doing anything twice.
    pub(crate) fn thread_halt(&mut self, id: ThreadId) {
        let Some(thread) = self.threads.get(id) else {
            return;
        };
        let kernel = thread.kernel;
        if thread.paging.is_some() {
            // It comes back to its fault when it goes on.
            self.fault_forget(id);
            self.kernel.thread_caught(kernel);
        } else {
            self.kernel.thread_hold(kernel);
        }
    }

    /// The instruction at a thread's program counter, 0 where there is none.
    pub(crate) fn instruction_now(&mut self, thread: ThreadId) -> u32 {
        let Some(kernel) = self.threads.get(thread).map(|thread| thread.kernel) else {
            return 0;
        };
        let pc = self.kernel.program_counter(kernel);
        self.instruction(thread, pc)
    }

    /// The instruction at an address of a thread's task, 0 where there is none.
    pub fn instruction(&mut self, thread: ThreadId, pc: u64) -> u32 {
        match self.threads.get(thread).map(|thread| thread.task) {
            Some(task) => self.instruction_at(task, pc),
            None => 0,
        }
    }

    /// The four bytes at an address, 0 where there are none. What was executed is there: no page is
    /// made for this, nor asked for.
    fn instruction_at(&mut self, task: TaskId, pc: u64) -> u32 {
        let mut bytes = [0; 4];
        // An instruction is aligned: one page has all of it.
        if pc % PAGE + bytes.len() as u64 <= PAGE
            && let Some((frame, offset)) = self.frame_now(task, pc)
            && self.kernel.frame_read(frame, offset, &mut bytes).is_ok()
        {
            return u32::from_le_bytes(bytes);
        }
        0
    }

    /// Ends the call that a thread waits in, if it does.
    pub(crate) fn call_end(&mut self, id: ThreadId, error: Error) {
        let Some(thread) = self.threads.get(id).filter(|thread| thread.started) else {
            return;
        };
        let (kernel, task) = (thread.kernel, thread.task);
        let runs = !thread_is_held(Some(thread), &self.tasks);
        if runs {
            self.kernel.thread_hold(kernel);
        }
        let pc = self.kernel.program_counter(kernel);
        let instruction = self.instruction_at(task, pc);
        self.kernel.call_interrupt(kernel, instruction, error);
        if runs {
            self.kernel.thread_resume(kernel);
        }
    }

    pub(crate) fn thread_suspend(&mut self, id: ThreadId) -> Result<()> {
        let held = thread_is_held(self.threads.get(id), &self.tasks);
        let thread = self
            .threads
            .get_mut(id)
            .ok_or(Error::KERN_INVALID_ARGUMENT)?;
        thread.suspended += 1;
        if !held && thread.started {
            self.thread_halt(id);
        }
        Ok(())
    }

    pub(crate) fn thread_resume(&mut self, id: ThreadId) -> Result<()> {
        let thread = self
            .threads
            .get_mut(id)
            .ok_or(Error::KERN_INVALID_ARGUMENT)?;
        if thread.suspended == 0 {
            return Err(Error::KERN_FAILURE);
        }
        thread.suspended -= 1;
        let (kernel, started) = (thread.kernel, thread.started);
        if started && !thread_is_held(self.threads.get(id), &self.tasks) {
            self.kernel.thread_resume(kernel);
        }
        Ok(())
    }

    pub(crate) fn task_suspend(&mut self, id: TaskId) -> Result<()> {
        let task = self.task_mut(id)?;
        task.suspended += 1;
        if task.suspended > 1 {
            return Ok(());
        }
        for thread in task.threads.clone() {
            if let Some(entry) = self.threads.get(thread)
                && entry.started
                && entry.suspended == 0
                && !entry.faulted
            {
                self.thread_halt(thread);
            }
        }
        Ok(())
    }

    pub(crate) fn task_resume(&mut self, id: TaskId) -> Result<()> {
        let task = self.task_mut(id)?;
        if task.suspended == 0 {
            return Err(Error::KERN_FAILURE);
        }
        task.suspended -= 1;
        if task.suspended > 0 {
            return Ok(());
        }
        for thread in task.threads.clone() {
            if let Some(thread) = self.threads.get(thread)
                && thread.started
                && thread.suspended == 0
                && !thread.faulted
            {
                let kernel = thread.kernel;
                self.kernel.thread_resume(kernel);
            }
        }
        Ok(())
    }

    /// A fault of a thread that must not go on: that is why it faulted, or it faults again when it
    /// goes on. Answers whether this is what it was.
    pub(crate) fn is_caught(&mut self, id: ThreadId) -> bool {
        let Some(thread) = self.threads.get(id) else { return false };
        if thread.faulted || !thread_is_held(Some(thread), &self.tasks) {
            return false;
        }
        let kernel = thread.kernel;
        self.kernel.thread_caught(kernel);
        true
    }

    /// Whether a fault of a thread that may go on is there only because the thread was held.
    pub(crate) fn was_held(&mut self, id: ThreadId) -> bool {
        let kernel = self.threads.get(id).map(|thread| thread.kernel);
        kernel.is_some_and(|kernel| self.kernel.thread_was_held(kernel))
    }

    /// The thread by its number, if it calls a port that `server` receives from and its inbox has
    /// room for so many rights.
    pub(crate) fn caller_of(
        &mut self,
        server: TaskId,
        number: u32,
        rights: usize,
    ) -> Result<Caller<K>> {
        let id = self
            .threads
            .at(number & 0xf_ffff)
            .filter(|id| thread_number(*id) == number)
            .ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let thread = self.threads.get(id).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let (kernel, task) = (thread.kernel, thread.task);
        let (name, room) = self.kernel.published(kernel);
        let port = self
            .send_port(task, name)
            .map_err(|_| Error::KERN_NO_ACCESS)?;
        match self.ports.get(port).map(|port| port.owner) {
            Some(crate::ipc::Owner::Task(receiver, _)) if receiver == server => {}
            _ => return Err(Error::KERN_NO_ACCESS),
        }
        if rights > room {
            return Err(Error::KERN_NO_SPACE);
        }
        Ok(Caller { thread: kernel, task })
    }

    /// The thread of a task by its number.
    pub(crate) fn own_thread(&self, task: TaskId, number: u32) -> Result<ThreadId> {
        self.threads
            .at(number & 0xf_ffff)
            .filter(|id| {
                thread_number(*id) == number
                    && self
                        .threads
                        .get(*id)
                        .is_some_and(|thread| thread.task == task)
            })
            .ok_or(Error::KERN_INVALID_ARGUMENT)
    }

    /// A thread has used a slot that is empty. Answers whether it goes on: it does if it wanted to
    /// receive for the first time.
    pub fn endpoint_fault(&mut self, id: ThreadId, slot: u64) -> bool {
        if slot != crate::abi::RECEIVE_SLOT as u64 {
            return false;
        }
        let Some(task) = self
            .threads
            .get(id)
            .and_then(|thread| self.tasks.get(thread.task))
        else {
            return false;
        };
        let kernel = task.kernel;
        self.kernel.endpoint_make(kernel).is_ok()
    }

    /// A thread called a name of which its space has not even the slot: the call ends as one to a
    /// dead name does. Answers whether it was a call.
    pub fn call_fault(&mut self, id: ThreadId) -> bool {
        let Some(thread) = self.threads.get(id) else {
            return false;
        };
        let (kernel, task) = (thread.kernel, thread.task);
        let pc = self.kernel.program_counter(kernel);
        let instruction = self.instruction_at(task, pc);
        let error = Error::MACH_SEND_INVALID_DEST;
        self.kernel.call_interrupt(kernel, instruction, error)
    }

    /// Whether a thread must not go on now.
    pub(crate) fn is_held(&self, id: ThreadId) -> bool {
        thread_is_held(self.threads.get(id), &self.tasks)
    }

    /// Ends whatever call or wait a thread is in.
    pub(crate) fn thread_abort(&mut self, id: ThreadId) -> Result<()> {
        if self.threads.get(id).is_some_and(|thread| thread.paging.is_some()) {
            // It comes back to its fault, unless somebody has it do something else.
            self.fault_forget(id);
            if !self.is_held(id)
                && let Some(thread) = self.threads.get(id)
            {
                let kernel = thread.kernel;
                self.kernel.thread_retry(kernel);
            }
        }
        let thread = self.threads.get(id).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let kernel = thread.kernel;
        let task = thread.task;
        let (name, _) = self.kernel.published(kernel);
        if name != 0 {
            // What has not been sent is not sent; all else may have been heard.
            let label = self.kernel.called_label(kernel) & !crate::abi::IN_PAGE;
            let sends = name == crate::abi::TASK_SELF && label == crate::abi::routine::MSG_SEND;
            let error = match sends {
                true => Error::MACH_SEND_INTERRUPTED,
                false => Error::MACH_RCV_INTERRUPTED,
            };
            self.call_end(id, error);
            self.waits_purge(task);
        }
        Ok(())
    }

    /// Answers a saved caller with an error.
    pub(crate) fn reply_error(&mut self, reply: K::Reply, error: Error) {
        self.kernel
            .reply_send(reply, REPLY_ERROR, &[error.0 as u64]);
    }
}

impl<Tag, T> Table<Tag, T> {
    /// The handle that the next entry will have.
    pub(crate) fn slab_next(&self) -> Id<Tag> {
        let id = self.slab.next();
        Id::new(id.index, id.generation)
    }
}

/// Whether a thread may not run.
pub(crate) fn thread_is_held<K: Kernel>(
    thread: Option<&Thread<K>>,
    tasks: &Table<TaskTag, Task<K>>,
) -> bool {
    thread.is_some_and(|thread| {
        thread.suspended > 0
            || thread.faulted
            || tasks
                .get(thread.task)
                .is_some_and(|task| task.suspended > 0)
    })
}
