//! A kernel on the host: the mach server's logic without a machine.
//!
//! [`SimKernel`] keeps real bytes for every frame and a record of everything
//! that it was asked to make. What a kernel could not bear is a panic with a
//! message: a handle used after it was freed, a slot filled twice, a frame freed
//! while it is mapped, a task destroyed with rights in its slots. Nothing in it
//! depends on the host's clock or chance, so that a failing run can be repeated.
//!
//! Its callers are simulated threads: [`SimKernel::call_begin`] before
//! [`crate::Mach::request`], [`SimKernel::call_end`] after it.

use crate::abi::{self, INBOX_NAMES, MESSAGE_WORDS, RECEIVE_SLOT, TASK_SELF, page};
use crate::error::{Error, Result};
use crate::kernel::{BLOCK, Cache, Kernel, Protection};
use crate::rpc::Outcome;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

const PAGE: usize = 4096;
/// Log2 of the slots that one block of a task's space holds.
const LEAF_BITS: u32 = 7;
/// The instruction of a system call, where a waiting thread's program counter points.
pub const SYSTEM_CALL: u32 = 0xd400_0001;

/// Names a task of the simulated kernel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SimTask(pub u32);
/// Names a thread of the simulated kernel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SimThread(pub u32);
/// Names a frame of the simulated kernel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SimFrame(pub u32);
/// Names a mapping of the simulated kernel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SimMapping(pub u32);
/// Names a kept caller of the simulated kernel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SimReply(pub u32);

/// What a slot of a task holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot {
    /// The right to call the mach server.
    Own,
    /// The right to receive.
    Receive,
    /// A right that invokes a task's endpoint with a badge.
    Right {
        /// The task that receives.
        receiver: SimTask,
        /// What it is told.
        badge: u32,
    },
    /// Where a thread's faults go.
    Fault(u32),
    /// An interrupt's notification or handler.
    Interrupt(u32),
    /// I/O ports: the first, and the one behind the last.
    Ports(u32, u32),
}

struct Task {
    badge: u32,
    slots: BTreeMap<u32, Slot>,
    /// Blocks of slots that exist.
    leaves: Vec<u32>,
    /// Page tables that exist.
    tables: Vec<u64>,
    /// Blocks in which large pages are mapped, or were until [`Kernel::tables_free`] is told.
    large: Vec<u64>,
    /// Mappings by address.
    mapped: BTreeMap<u64, SimMapping>,
    endpoint: bool,
}

/// How a thread stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Run {
    /// It was never started.
    Fresh,
    /// It runs, or waits in a call.
    Running,
    /// It was stopped.
    Stopped,
}

/// The call that a thread waits in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Call {
    name: u32,
    label: u32,
    serial: u64,
}

struct Thread {
    task: SimTask,
    page: SimFrame,
    run: Run,
    pc: u64,
    sp: u64,
    arguments: [u64; 4],
    call: Option<Call>,
    /// It may not go on just now.
    held: bool,
    /// How far its priority is below the common one.
    below: u8,
}

struct Frame {
    /// How many bytes it has, and what they are, by page where they were looked at.
    size: usize,
    bytes: BTreeMap<usize, Box<[u8; PAGE]>>,
    holders: u32,
    mappings: u32,
    device: bool,
    physical: u64,
}

struct Mapping {
    task: SimTask,
    address: u64,
    frame: SimFrame,
    protection: Protection,
}

struct Reply {
    thread: SimThread,
    serial: u64,
}

/// An answer to a thread: of a kept caller, or of a call that was ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Who was waiting.
    pub thread: SimThread,
    /// The label.
    pub label: u32,
    /// The words.
    pub words: Vec<u64>,
}

/// The kernel.
pub struct SimKernel {
    tasks: BTreeMap<SimTask, Task>,
    threads: BTreeMap<SimThread, Thread>,
    frames: BTreeMap<SimFrame, Frame>,
    /// Frames of devices by their physical addresses.
    devices: BTreeMap<u64, SimFrame>,
    mappings: BTreeMap<SimMapping, Mapping>,
    replies: BTreeMap<SimReply, Reply>,
    next: u32,
    serial: u64,
    /// The caller of the request in progress, until it is kept.
    current: Option<(SimThread, u64)>,
    total: u64,
    used: u64,
    allocations: u64,
    fail_at: Option<u64>,
    failed: bool,
    time: u64,
    timer: Option<u64>,
    random: u64,
    answers: Vec<Answer>,
    log: Vec<String>,
    cancelled: Vec<(SimTask, u32)>,
    retried: Vec<SimThread>,
    powered: Option<bool>,
    short: bool,
    /// How often free memory is to be put together before there is a large page.
    joins: u64,
    /// Page tables of the task that ended last, for the next one.
    tables_left: Vec<u64>,
}

const SHORT: Error = Error::KERN_RESOURCE_SHORTAGE;

impl SimKernel {
    /// A machine with so many bytes of memory.
    pub fn new(memory: u64) -> SimKernel {
        SimKernel {
            tasks: BTreeMap::new(),
            threads: BTreeMap::new(),
            frames: BTreeMap::new(),
            devices: BTreeMap::new(),
            mappings: BTreeMap::new(),
            replies: BTreeMap::new(),
            next: 1,
            serial: 0,
            current: None,
            total: memory,
            used: 0,
            allocations: 0,
            fail_at: None,
            failed: false,
            time: 1,
            timer: None,
            random: 0,
            answers: Vec::new(),
            log: Vec::new(),
            cancelled: Vec::new(),
            retried: Vec::new(),
            powered: None,
            short: false,
            joins: 0,
            tables_left: Vec::new(),
        }
    }

    // ---- for the harness

    /// The `n`-th allocation from now fails (0: the next one); `None`: none does.
    pub fn fail_after(&mut self, n: Option<u64>) {
        self.fail_at = n.map(|n| self.allocations + n);
        self.failed = false;
    }

    /// Whether the failure that was ordered has happened.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Sets how often free memory is to be put together before there is a large page.
    pub fn joins_set(&mut self, joins: u64) {
        self.joins = joins;
    }

    /// Sets whether memory is short for the mach server itself.
    pub fn short_set(&mut self, short: bool) {
        self.short = short;
    }

    /// How often memory was asked for.
    pub fn allocations(&self) -> u64 {
        self.allocations
    }

    /// A thread calls a name.
    ///
    /// # Panics
    /// If the thread is gone, stopped, or in a call.
    pub fn call_begin(&mut self, thread: SimThread, name: u32, label: u32) {
        self.serial += 1;
        let serial = self.serial;
        let entry = self
            .threads
            .get_mut(&thread)
            .expect("the calling thread exists");
        assert!(entry.call.is_none(), "{thread:?} calls twice at once");
        assert!(
            entry.run != Run::Stopped,
            "{thread:?} calls while it is stopped"
        );
        entry.call = Some(Call { name, label, serial });
        let page = entry.page;
        self.bytes_mut(page)[page::CALLED..][..8].copy_from_slice(&(name as u64).to_le_bytes());
        if name == TASK_SELF {
            self.current = Some((thread, serial));
        }
    }

    /// The mach server is done with the call that began last. Answers whether the caller gets the
    /// reply; it does not if it was kept for later or is gone.
    ///
    /// # Panics
    /// If a caller that was kept is answered, or one that waits is forgotten.
    pub fn call_end(&mut self, outcome: Outcome) -> bool {
        let current = self.current.take();
        match (outcome, current) {
            (Outcome::Reply(_), None) => panic!("a caller that was kept is answered at once"),
            (Outcome::Reply(_), Some((thread, serial))) => self.call_finish(thread, serial),
            (Outcome::None, Some((thread, serial))) => {
                let waits = self
                    .threads
                    .get(&thread)
                    .is_some_and(|thread| thread.call.is_some_and(|call| call.serial == serial));
                assert!(
                    !waits,
                    "{thread:?} waits for an answer that nobody will give"
                );
                false
            }
            (Outcome::None, None) => false,
        }
    }

    /// A call to another task's port was answered.
    pub fn call_answer(&mut self, thread: SimThread) -> bool {
        match self.threads.get(&thread).and_then(|thread| thread.call) {
            Some(call) => self.call_finish(thread, call.serial),
            None => false,
        }
    }

    fn call_finish(&mut self, thread: SimThread, serial: u64) -> bool {
        let Some(entry) = self.threads.get_mut(&thread) else {
            return false;
        };
        if entry.call.is_none_or(|call| call.serial != serial) {
            return false;
        }
        entry.call = None;
        let page = entry.page;
        self.bytes_mut(page)[page::CALLED..][..8].fill(0);
        true
    }

    /// What was answered to threads whose callers were kept, or whose calls were ended, since the
    /// last time.
    pub fn answers_take(&mut self) -> Vec<Answer> {
        core::mem::take(&mut self.answers)
    }

    /// Time goes on.
    pub fn time_advance(&mut self, nanoseconds: u64) {
        self.time += nanoseconds;
    }

    /// When the mach server wants to be woken.
    pub fn timer(&self) -> Option<u64> {
        self.timer
    }

    /// Lines of the log since the last time.
    pub fn log_take(&mut self) -> Vec<String> {
        core::mem::take(&mut self.log)
    }

    /// Whether the machine was stopped (`Some(false)`) or restarted.
    pub fn powered(&self) -> Option<bool> {
        self.powered
    }

    /// Endpoints and badges whose calls were cancelled since the last time.
    pub fn cancelled_take(&mut self) -> Vec<(SimTask, u32)> {
        core::mem::take(&mut self.cancelled)
    }

    /// Threads that were told to try again at their faults since the last time.
    pub fn retried_take(&mut self) -> Vec<SimThread> {
        core::mem::take(&mut self.retried)
    }

    /// Whether the thread exists.
    pub fn thread_exists(&self, thread: SimThread) -> bool {
        self.threads.contains_key(&thread)
    }

    /// How the thread stands.
    pub fn thread_run(&self, thread: SimThread) -> Option<Run> {
        self.threads.get(&thread).map(|thread| thread.run)
    }

    /// Whether the thread waits in a call, and on which name.
    pub fn thread_call(&self, thread: SimThread) -> Option<u32> {
        self.threads.get(&thread)?.call.map(|call| call.name)
    }

    /// Sets where the thread stands.
    pub fn pc_set(&mut self, thread: SimThread, pc: u64) {
        self.thread_mut(thread).pc = pc;
    }

    /// Takes the names out of a thread's inbox.
    pub fn inbox_take(&mut self, thread: SimThread) -> Vec<u32> {
        let page = self.thread(thread).page;
        let bytes = self.bytes_mut(page);
        let word = |bytes: &[u8; PAGE], at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let count = word(bytes, page::INBOX_COUNT) as usize;
        let names = (0..count)
            .map(|at| word(bytes, page::INBOX + 4 * at))
            .collect();
        bytes[page::INBOX_COUNT..][..4].fill(0);
        names
    }

    /// Everything in the slots of a task.
    pub fn slots(&self, task: SimTask) -> impl Iterator<Item = (u32, Slot)> + '_ {
        self.task(task)
            .slots
            .iter()
            .map(|(slot, held)| (*slot, *held))
    }

    /// The tasks that exist.
    pub fn tasks(&self) -> impl Iterator<Item = SimTask> + '_ {
        self.tasks.keys().copied()
    }

    /// The task that was made last.
    pub fn task_newest(&self) -> Option<SimTask> {
        self.tasks.keys().next_back().copied()
    }

    /// The thread that was made last.
    pub fn thread_newest(&self) -> Option<SimThread> {
        self.threads.keys().next_back().copied()
    }

    /// Badge of a task's right to call the mach server.
    pub fn task_badge(&self, task: SimTask) -> u32 {
        self.task(task).badge
    }

    /// Reads a task's memory as the task itself would: `None` where it would fault.
    pub fn memory_read(&self, task: SimTask, address: u64) -> Option<u8> {
        let mapping = self.mapping_at(task, address)?;
        if !mapping.protection.contains(Protection::READ) {
            return None;
        }
        let offset = (address - mapping.address) as usize;
        let page = self.frames[&mapping.frame].bytes.get(&(offset / PAGE));
        Some(page.map_or(0, |bytes| bytes[offset % PAGE]))
    }

    /// Writes a task's memory as the task itself would; answers whether it could.
    pub fn memory_write(&mut self, task: SimTask, address: u64, byte: u8) -> bool {
        let Some(mapping) = self.mapping_at(task, address) else {
            return false;
        };
        if !mapping.protection.contains(Protection::WRITE) {
            return false;
        }
        let (frame, offset) = (mapping.frame, (address - mapping.address) as usize);
        self.part_mut(frame, offset, 1)[0] = byte;
        true
    }

    /// The mapping that holds an address.
    fn mapping_at(&self, task: SimTask, address: u64) -> Option<&Mapping> {
        let (_, mapping) = self.task(task).mapped.range(..=address).next_back()?;
        let mapping = &self.mappings[mapping];
        let size = self.frames[&mapping.frame].size as u64;
        (address - mapping.address < size).then_some(mapping)
    }

    /// The mapping of a task at a page's address.
    pub fn mapping(&self, task: SimTask, address: u64) -> Option<(SimFrame, Protection)> {
        let mapping = &self.mappings[self.task(task).mapped.get(&address)?];
        Some((mapping.frame, mapping.protection))
    }

    /// Counts of tasks, threads, frames that belong to no device, mappings, and kept callers.
    pub fn counts(&self) -> [usize; 5] {
        [
            self.tasks.len(),
            self.threads.len(),
            self.frames.values().filter(|frame| !frame.device).count(),
            self.mappings.len(),
            self.replies.len(),
        ]
    }

    /// Bytes in use.
    pub fn memory_used(&self) -> u64 {
        self.used
    }

    // ---- inside

    fn id(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn allocate(&mut self, bytes: u64) -> Result<()> {
        let number = self.allocations;
        self.allocations += 1;
        if self.fail_at == Some(number) {
            self.fail_at = None;
            self.failed = true;
            return Err(SHORT);
        }
        if bytes > self.total - self.used {
            return Err(SHORT);
        }
        self.used += bytes;
        Ok(())
    }

    fn release(&mut self, bytes: u64) {
        assert!(self.used >= bytes, "more memory is freed than was taken");
        self.used -= bytes;
    }

    fn task(&self, task: SimTask) -> &Task {
        self.tasks
            .get(&task)
            .unwrap_or_else(|| panic!("{task:?} is used after it was destroyed"))
    }

    fn task_mut(&mut self, task: SimTask) -> &mut Task {
        self.tasks
            .get_mut(&task)
            .unwrap_or_else(|| panic!("{task:?} is used after it was destroyed"))
    }

    fn thread(&self, thread: SimThread) -> &Thread {
        self.threads
            .get(&thread)
            .unwrap_or_else(|| panic!("{thread:?} is used after it was destroyed"))
    }

    fn thread_mut(&mut self, thread: SimThread) -> &mut Thread {
        self.threads
            .get_mut(&thread)
            .unwrap_or_else(|| panic!("{thread:?} is used after it was destroyed"))
    }

    fn frame_mut(&mut self, frame: SimFrame) -> &mut Frame {
        self.frames
            .get_mut(&frame)
            .unwrap_or_else(|| panic!("{frame:?} is used after it was freed"))
    }

    fn bytes_mut(&mut self, frame: SimFrame) -> &mut [u8; PAGE] {
        self.page_mut(frame, 0)
    }

    /// A page of a frame.
    fn page_mut(&mut self, frame: SimFrame, page: usize) -> &mut [u8; PAGE] {
        let entry = self.frame_mut(frame);
        assert!(page * PAGE < entry.size, "{frame:?} has no page {page}");
        entry.bytes.entry(page).or_insert_with(|| Box::new([0; PAGE]))
    }

    /// Bytes of a frame within one page.
    fn part_mut(&mut self, frame: SimFrame, offset: usize, length: usize) -> &mut [u8] {
        &mut self.page_mut(frame, offset / PAGE)[offset % PAGE..][..length]
    }

    /// The mach server looks into a frame.
    fn look(&mut self, frame: SimFrame) -> &mut [u8; PAGE] {
        assert!(
            !self.frame_mut(frame).device,
            "{frame:?} is a device's: looking into it may stop the machine"
        );
        self.bytes_mut(frame)
    }

    /// Makes the block that a slot lies in.
    fn leaf(&mut self, task: SimTask, slot: u32) -> Result<()> {
        let leaf = slot >> LEAF_BITS;
        if !self.task(task).leaves.contains(&leaf) {
            self.allocate(PAGE as u64)?;
            self.task_mut(task).leaves.push(leaf);
        }
        Ok(())
    }

    fn slot_fill(&mut self, task: SimTask, slot: u32, held: Slot) {
        if let Some(old) = self.task_mut(task).slots.insert(slot, held) {
            panic!("slot {slot} of {task:?} holds {old:?} and is filled with {held:?}");
        }
    }

    fn new_frame(&mut self, size: usize, device: bool, physical: u64) -> SimFrame {
        let frame = SimFrame(self.id());
        let entry = Frame {
            size,
            bytes: BTreeMap::new(),
            holders: 1,
            mappings: 0,
            device,
            physical,
        };
        self.frames.insert(frame, entry);
        frame
    }
}

impl Kernel for SimKernel {
    type Task = SimTask;
    type Thread = SimThread;
    type Frame = SimFrame;
    type Mapping = SimMapping;
    type Reply = SimReply;

    const TASK_BYTES: u64 = 2 * PAGE as u64;
    const THREAD_BYTES: u64 = 2048;
    const LARGE_PAGE: u64 = BLOCK;
    const HAS_PORTS: bool = true;
    const PROCESSOR: (u32, u32) = (0, 0);
    const VERSION: &'static str = "a simulated kernel";

    fn tables_left(&self) -> u64 {
        (self.tables_left.len() * PAGE) as u64
    }

    fn task_create(&mut self, badge: u32, takes_tables: bool) -> Result<SimTask> {
        let tables = if takes_tables { self.tables_left() } else { 0 };
        self.allocate(Self::TASK_BYTES + tables)?;
        let tables = match takes_tables {
            true => core::mem::take(&mut self.tables_left),
            false => Vec::new(),
        };
        let task = SimTask(self.id());
        self.tasks.insert(
            task,
            Task {
                badge,
                slots: BTreeMap::new(),
                leaves: alloc::vec![0],
                tables,
                large: Vec::new(),
                mapped: BTreeMap::new(),
                endpoint: false,
            },
        );
        self.slot_fill(task, TASK_SELF, Slot::Own);
        Ok(task)
    }

    fn task_destroy(&mut self, task: SimTask) {
        let entry = self
            .tasks
            .remove(&task)
            .unwrap_or_else(|| panic!("{task:?} is destroyed twice"));
        for (slot, held) in &entry.slots {
            let own = matches!(held, Slot::Own | Slot::Receive);
            assert!(own, "{task:?} is destroyed with {held:?} in slot {slot}");
        }
        assert!(
            entry.mapped.is_empty(),
            "{task:?} is destroyed with memory mapped"
        );
        for (thread, other) in &self.threads {
            assert!(other.task != task, "{task:?} is destroyed with {thread:?}");
        }
        for (holder, other) in &self.tasks {
            for (slot, held) in &other.slots {
                if let Slot::Right { receiver, .. } = held {
                    assert!(
                        *receiver != task,
                        "{task:?} is destroyed while slot {slot} of {holder:?} invokes it"
                    );
                }
            }
        }
        let pages = entry.leaves.len() - 1 + entry.tables.len();
        let endpoint = if entry.endpoint { 16 } else { 0 };
        self.release(Self::TASK_BYTES + (pages * PAGE + endpoint) as u64);
        self.tables_left = entry.tables;
    }

    fn task_shrink(&mut self, _task: SimTask) -> bool {
        false
    }

    fn endpoint_make(&mut self, task: SimTask) -> Result<()> {
        if !self.task(task).endpoint {
            self.allocate(16)?;
            self.task_mut(task).endpoint = true;
            self.slot_fill(task, RECEIVE_SLOT, Slot::Receive);
        }
        Ok(())
    }

    fn slot_make(&mut self, holder: SimTask, slot: u32) -> Result<()> {
        self.leaf(holder, slot)
    }

    fn right_install(
        &mut self,
        holder: SimTask,
        slot: u32,
        receiver: SimTask,
        badge: u32,
    ) -> Result<()> {
        assert!(slot >= abi::FIRST_NAME, "slot {slot} is no name's");
        self.endpoint_make(receiver)?;
        self.leaf(holder, slot)?;
        self.slot_fill(holder, slot, Slot::Right { receiver, badge });
        Ok(())
    }

    fn right_remove(&mut self, holder: SimTask, slot: u32) {
        if self.task_mut(holder).slots.remove(&slot).is_none() {
            panic!("slot {slot} of {holder:?} is emptied and holds nothing");
        }
    }

    fn calls_cancel(&mut self, receiver: SimTask, badge: u32) {
        self.task(receiver);
        self.cancelled.push((receiver, badge));
    }

    fn thread_create(
        &mut self,
        task: SimTask,
        badge: u32,
        slot: u32,
        page: SimFrame,
        page_address: u64,
    ) -> Result<SimThread> {
        let mapped = self.mapping(task, page_address).map(|(frame, _)| frame);
        assert!(
            mapped == Some(page),
            "a thread's page is not mapped where it should be"
        );
        self.leaf(task, slot)?;
        self.allocate(Self::THREAD_BYTES)?;
        self.slot_fill(task, slot, Slot::Fault(badge));
        let thread = SimThread(self.id());
        self.threads.insert(
            thread,
            Thread {
                task,
                page,
                run: Run::Fresh,
                pc: 0,
                sp: 0,
                arguments: [0; 4],
                call: None,
                held: false,
                below: 0,
            },
        );
        Ok(thread)
    }

    fn thread_destroy(&mut self, thread: SimThread) {
        if self.threads.remove(&thread).is_none() {
            panic!("{thread:?} is destroyed twice");
        }
        self.release(Self::THREAD_BYTES);
    }

    fn thread_start(&mut self, thread: SimThread, pc: u64, sp: u64, arguments: [u64; 4]) {
        let entry = self.thread_mut(thread);
        assert!(entry.run == Run::Fresh, "{thread:?} is started twice");
        entry.run = if entry.held { Run::Stopped } else { Run::Running };
        entry.pc = pc;
        entry.sp = sp;
        entry.arguments = arguments;
    }

    fn thread_hold(&mut self, thread: SimThread) {
        let entry = self.thread_mut(thread);
        match entry.run {
            Run::Fresh => entry.held = true,
            Run::Running => entry.run = Run::Stopped,
            Run::Stopped => panic!("{thread:?} is held twice"),
        }
    }

    fn thread_caught(&mut self, thread: SimThread) {
        let entry = self.thread_mut(thread);
        assert!(entry.run != Run::Fresh, "{thread:?} faults before it runs");
        assert!(entry.call.is_none(), "{thread:?} faults in a call");
        entry.run = Run::Stopped;
    }

    fn thread_was_held(&mut self, thread: SimThread) -> bool {
        let entry = self.thread(thread);
        assert!(entry.run == Run::Running, "{thread:?} faults while it is {:?}", entry.run);
        false
    }

    fn program_counter(&mut self, thread: SimThread) -> u64 {
        self.thread(thread).pc
    }

    fn thread_resume(&mut self, thread: SimThread) {
        let entry = self.thread_mut(thread);
        assert!(
            entry.run == Run::Stopped,
            "{thread:?} is resumed while it is {:?}",
            entry.run
        );
        entry.run = Run::Running;
    }

    fn thread_retry(&mut self, thread: SimThread) {
        let entry = self.thread(thread);
        assert!(entry.run == Run::Running, "{thread:?} is {:?} and goes on", entry.run);
        assert!(entry.call.is_none(), "{thread:?} waits in a call and at a fault");
        self.retried.push(thread);
    }

    fn call_interrupt(&mut self, thread: SimThread, instruction: u32, error: Error) -> bool {
        let entry = self.thread_mut(thread);
        assert!(
            entry.run != Run::Running,
            "{thread:?} runs while its call ends"
        );
        if instruction != SYSTEM_CALL {
            return false;
        }
        let Some(call) = entry.call else {
            return false;
        };
        self.call_finish(thread, call.serial);
        self.answers.push(Answer {
            thread,
            label: abi::REPLY_ERROR,
            words: alloc::vec![error.0 as u64],
        });
        true
    }

    fn published(&mut self, thread: SimThread) -> (u32, usize) {
        let page = self.thread(thread).page;
        let bytes = self.look(page);
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let count = word(page::INBOX_COUNT) as usize;
        (word(page::CALLED), INBOX_NAMES.saturating_sub(count))
    }

    fn called_label(&mut self, thread: SimThread) -> u32 {
        self.thread(thread).call.map_or(0, |call| call.label)
    }

    fn inbox_push(&mut self, thread: SimThread, name: u32) -> Result<()> {
        let page = self.thread(thread).page;
        let bytes = self.look(page);
        let at = page::INBOX_COUNT;
        let count = u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let count = count as usize;
        if count >= INBOX_NAMES {
            return Err(Error::KERN_NO_SPACE);
        }
        bytes[page::INBOX + 4 * count..][..4].copy_from_slice(&name.to_le_bytes());
        bytes[at..][..4].copy_from_slice(&(count as u32 + 1).to_le_bytes());
        Ok(())
    }

    fn thread_fault(&mut self, thread: SimThread) {
        let entry = self.thread_mut(thread);
        assert!(
            entry.run == Run::Running && entry.call.is_none(),
            "{thread:?} faults while it is {:?}",
            entry.run
        );
        entry.run = Run::Stopped;
    }

    fn thread_state(&mut self, thread: SimThread, _instruction: u32) -> Vec<u64> {
        let entry = self.thread(thread);
        let mut words = alloc::vec![entry.pc, entry.sp];
        words.extend(entry.arguments);
        words
    }

    fn thread_state_set(
        &mut self,
        thread: SimThread,
        _instruction: u32,
        state: &[u64],
    ) -> Result<()> {
        let [pc, sp, arguments @ ..] = state else { return Err(Error::KERN_INVALID_ARGUMENT) };
        let arguments = arguments.try_into().map_err(|_| Error::KERN_INVALID_ARGUMENT)?;
        let entry = self.thread_mut(thread);
        assert!(entry.run != Run::Running, "{thread:?} runs while it is changed");
        if entry.call.is_some() {
            return Err(Error::KERN_FAILURE);
        }
        (entry.pc, entry.sp, entry.arguments) = (*pc, *sp, arguments);
        entry.run = Run::Stopped;
        Ok(())
    }

    fn thread_priority(&mut self, thread: SimThread, below: u8) {
        self.thread_mut(thread).below = below;
    }

    fn frame_allocate(&mut self) -> Result<SimFrame> {
        self.allocate(PAGE as u64)?;
        let physical = (self.next as u64 + 1) << 12;
        Ok(self.new_frame(PAGE, false, physical))
    }

    fn frame_allocate_large(&mut self) -> Result<SimFrame> {
        if self.joins > 0 {
            return Err(SHORT);
        }
        self.allocate(Self::LARGE_PAGE)?;
        let physical = (self.next as u64 + 1) * Self::LARGE_PAGE;
        Ok(self.new_frame(Self::LARGE_PAGE as usize, false, physical))
    }

    fn frame_duplicate(&mut self, from: SimFrame) -> Result<SimFrame> {
        let frame = match self.frame_mut(from).size {
            PAGE => self.frame_allocate()?,
            _ => self.frame_allocate_large()?,
        };
        self.look(from);
        self.frame_mut(frame).bytes = self.frame_mut(from).bytes.clone();
        Ok(frame)
    }

    fn memory_join(&mut self) -> bool {
        let joins = self.joins > 0;
        self.joins -= joins as u64;
        joins
    }

    fn frames_allocate_contiguous(&mut self, count: usize) -> Result<Vec<SimFrame>> {
        self.allocate((count * PAGE) as u64)?;
        let base = 1 << 40 | (self.next as u64) << 24;
        Ok((0..count)
            .map(|at| self.new_frame(PAGE, false, base + (at * PAGE) as u64))
            .collect())
    }

    fn frame_device(&mut self, physical: u64) -> Option<SimFrame> {
        // Devices lie between 128 and 256 MiB.
        if !(0x800_0000..0x1000_0000).contains(&physical) {
            return None;
        }
        if let Some(frame) = self.devices.get(&physical) {
            return Some(*frame);
        }
        let frame = self.new_frame(PAGE, true, physical);
        self.devices.insert(physical, frame);
        Some(frame)
    }

    fn frame_retain(&mut self, frame: SimFrame) {
        let entry = self.frame_mut(frame);
        assert!(
            !entry.device && entry.physical < 1 << 40,
            "{frame:?} is not of the kind that is shared"
        );
        entry.holders += 1;
    }

    fn frame_is_shared(&self, frame: SimFrame) -> bool {
        self.frames[&frame].holders > 1
    }

    fn frame_free(&mut self, frame: SimFrame) {
        let entry = self
            .frames
            .get_mut(&frame)
            .unwrap_or_else(|| panic!("{frame:?} is freed twice"));
        entry.holders -= 1;
        if entry.holders > 0 {
            return;
        }
        let entry = self
            .frames
            .remove(&frame)
            .unwrap_or_else(|| panic!("{frame:?} is freed twice"));
        assert!(entry.mappings == 0, "{frame:?} is freed while it is mapped");
        assert!(!entry.device, "{frame:?} is a device's and freed");
        for (thread, other) in &self.threads {
            assert!(
                other.page != frame,
                "{frame:?} is freed and the page of {thread:?}"
            );
        }
        self.release(entry.size as u64);
    }

    fn frame_physical(&mut self, frame: SimFrame) -> u64 {
        self.frame_mut(frame).physical
    }

    fn frame_map(
        &mut self,
        task: SimTask,
        address: u64,
        frame: SimFrame,
        protection: Protection,
        cache: Cache,
    ) -> Result<(SimMapping, i64)> {
        let size = self.frame_mut(frame).size as u64;
        assert!(address.is_multiple_of(size), "a mapping at {address:#x}");
        let device = self.frame_mut(frame).device;
        assert!(
            device == (cache == Cache::Device),
            "{frame:?} is mapped as {cache:?}"
        );
        let last = self.mapping_at(task, address + size - 1).map(|mapping| mapping.address);
        let old = last.or(self.task(task).mapped.range(address..address + size).next().map(|old| *old.0));
        if let Some(old) = old {
            panic!("{task:?} has a page at {old:#x} and maps {frame:?} at {address:#x}");
        }
        self.allocate(0)?;
        let mut made = 0;
        let (upper, lower) = (address >> 30 | 1 << 60, address >> 21);
        let large = size > PAGE as u64;
        for table in [upper, lower].into_iter().take(if large { 1 } else { 2 }) {
            if self.task(task).tables.contains(&table) {
                continue;
            }
            if let Err(error) = self.allocate(PAGE as u64) {
                for _ in 0..made {
                    self.task_mut(task).tables.pop();
                    self.release(PAGE as u64);
                }
                return Err(error);
            }
            self.task_mut(task).tables.push(table);
            made += 1;
        }
        if large {
            let entry = self.task_mut(task);
            let before = entry.tables.len();
            entry.tables.retain(|table| *table != lower);
            let gone = before - entry.tables.len();
            entry.large.push(lower);
            self.release((gone * PAGE) as u64);
            made -= gone as i64;
        }
        let mapping = SimMapping(self.id());
        self.mappings.insert(
            mapping,
            Mapping {
                task,
                address,
                frame,
                protection,
            },
        );
        self.task_mut(task).mapped.insert(address, mapping);
        self.frame_mut(frame).mappings += 1;
        Ok((mapping, made * PAGE as i64))
    }

    fn block_hide(&mut self, task: SimTask, address: u64) -> bool {
        let start = address & !(BLOCK - 1);
        let hidden: Vec<SimMapping> =
            self.task(task).mapped.range(start..start + BLOCK).map(|(_, mapping)| *mapping).collect();
        for mapping in hidden {
            if let Some(mapping) = self.mappings.get_mut(&mapping) {
                mapping.protection = Protection::NONE;
            }
        }
        true
    }

    fn tables_free(&mut self, task: SimTask, address: u64) -> u64 {
        let start = address & !(BLOCK - 1);
        let entry = self.task_mut(task);
        let used = entry.mapped.range(start..start + BLOCK).next();
        assert!(used.is_none(), "{task:?} has {used:?} where its page table is freed");
        let before = entry.tables.len();
        let (upper, lower) = (address >> 30 | 1 << 60, address >> 21);
        entry.tables.retain(|table| *table != lower);
        let was_large = entry.large.contains(&lower);
        entry.large.retain(|block| *block != lower);
        let mut others = entry.tables.iter().chain(&entry.large);
        if !others.any(|block| *block >> 9 == address >> 30) {
            entry.tables.retain(|table| *table != upper);
        }
        let freed = ((before - entry.tables.len()) * PAGE) as u64;
        assert!(freed > 0 || was_large, "{task:?} has no page table for {address:#x}");
        self.release(freed);
        freed
    }

    fn frame_unmap(&mut self, mapping: SimMapping, was: Protection) {
        let entry = self
            .mappings
            .remove(&mapping)
            .unwrap_or_else(|| panic!("{mapping:?} is taken away twice"));
        assert!(entry.protection == was, "{mapping:?} allows {:?}", entry.protection);
        for (thread, other) in &self.threads {
            let page = other.task == entry.task && other.page == entry.frame;
            assert!(!page, "the page of {thread:?} is unmapped");
        }
        self.task_mut(entry.task).mapped.remove(&entry.address);
        self.frame_mut(entry.frame).mappings -= 1;
    }

    fn frame_protect(
        &mut self,
        task: SimTask,
        mapping: SimMapping,
        was: Protection,
        protection: Protection,
        cache: Cache,
    ) {
        let entry = self
            .mappings
            .get_mut(&mapping)
            .unwrap_or_else(|| panic!("{mapping:?} is used after it was taken away"));
        assert!(entry.task == task, "{mapping:?} is not of {task:?}");
        assert!(entry.protection == was, "{mapping:?} allows {:?}", entry.protection);
        entry.protection = protection;
        let frame = entry.frame;
        let device = self.frame_mut(frame).device;
        assert!(
            device == (cache == Cache::Device),
            "{frame:?} is mapped as {cache:?}"
        );
    }

    fn frame_read(&mut self, frame: SimFrame, offset: usize, bytes: &mut [u8]) -> Result<()> {
        self.look(frame);
        bytes.copy_from_slice(self.part_mut(frame, offset, bytes.len()));
        Ok(())
    }

    fn frame_write(&mut self, frame: SimFrame, offset: usize, bytes: &[u8]) -> Result<()> {
        self.look(frame);
        self.part_mut(frame, offset, bytes.len()).copy_from_slice(bytes);
        Ok(())
    }

    fn frame_copy(
        &mut self,
        from: SimFrame,
        from_offset: usize,
        to: SimFrame,
        to_offset: usize,
        length: usize,
    ) -> Result<()> {
        self.look(from);
        self.look(to);
        let source = self.part_mut(from, from_offset, length).to_vec();
        self.part_mut(to, to_offset, length).copy_from_slice(&source);
        Ok(())
    }

    fn memory_free(&self) -> u64 {
        self.total - self.used
    }

    fn is_short(&self) -> bool {
        self.short
    }

    fn memory_total(&self) -> u64 {
        self.total
    }

    fn reply_save(&mut self) -> Result<SimReply> {
        self.allocate(0)?;
        let (thread, serial) = self.current.take().expect("there is a caller to keep");
        let reply = SimReply(self.id());
        self.replies.insert(reply, Reply { thread, serial });
        Ok(reply)
    }

    fn reply_waits(&mut self, reply: SimReply) -> bool {
        let entry = self
            .replies
            .get(&reply)
            .unwrap_or_else(|| panic!("{reply:?} is used after it was freed"));
        self.threads
            .get(&entry.thread)
            .and_then(|thread| thread.call)
            .is_some_and(|call| call.serial == entry.serial)
    }

    fn reply_send(&mut self, reply: SimReply, label: u32, words: &[u64]) {
        let entry = self
            .replies
            .remove(&reply)
            .unwrap_or_else(|| panic!("{reply:?} is answered twice"));
        assert!(
            words.len() <= MESSAGE_WORDS,
            "an answer has {} words",
            words.len()
        );
        if self.call_finish(entry.thread, entry.serial) {
            self.answers.push(Answer {
                thread: entry.thread,
                label,
                words: words.to_vec(),
            });
        } else {
            self.log.push(format!(
                "{label:#x} {words:x?} is lost: {:?} waits no more",
                entry.thread
            ));
        }
    }

    fn reply_drop(&mut self, reply: SimReply) {
        if self.replies.remove(&reply).is_none() {
            panic!("{reply:?} is freed twice");
        }
    }

    fn now(&self) -> u64 {
        self.time
    }

    fn counter_rate(&self) -> u64 {
        1_000_000_000
    }

    fn timer_set(&mut self, deadline: Option<u64>) {
        self.timer = deadline;
    }

    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn interrupt_install(
        &mut self,
        holder: SimTask,
        irq: u32,
        notification_slot: u32,
        handler_slot: u32,
    ) -> Result<()> {
        self.leaf(holder, notification_slot)?;
        self.leaf(holder, handler_slot)?;
        self.allocate(0)?;
        self.slot_fill(holder, notification_slot, Slot::Interrupt(irq));
        self.slot_fill(holder, handler_slot, Slot::Interrupt(irq));
        Ok(())
    }

    fn interrupt_message(&mut self) -> Result<(u32, u64, u32)> {
        Err(Error::KERN_FAILURE)
    }

    fn ports_install(&mut self, holder: SimTask, ports: Range<u32>, slot: u32) -> Result<()> {
        self.leaf(holder, slot)?;
        self.slot_fill(holder, slot, Slot::Ports(ports.start, ports.end));
        Ok(())
    }

    fn log(&mut self, text: &str) {
        self.log.push(text.into());
    }

    fn power(&mut self, restart: bool) {
        self.powered = Some(restart);
    }

    fn end(&mut self, why: &str) {
        self.log(why);
        self.power(false);
    }
}
