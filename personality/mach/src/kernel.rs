//! The waist: all that the mach server asks of a kernel.

use crate::error::{Error, Result};
use alloc::vec::Vec;
use core::ops::Range;

/// Access to memory, as Mach's `vm_prot_t` bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protection(pub u32);

impl Protection {
    /// No access.
    pub const NONE: Protection = Protection(0);
    /// Read.
    pub const READ: Protection = Protection(1);
    /// Write.
    pub const WRITE: Protection = Protection(2);
    /// Execute.
    pub const EXECUTE: Protection = Protection(4);
    /// Read and write.
    pub const DEFAULT: Protection = Protection(3);
    /// Everything.
    pub const ALL: Protection = Protection(7);

    /// Whether every access of `other` is allowed.
    #[inline]
    pub fn contains(self, other: Protection) -> bool {
        self.0 & other.0 == other.0
    }

    /// A value from a message; `KERN_INVALID_ARGUMENT` if a bit is unknown.
    pub fn from_word(word: u64) -> Result<Protection> {
        if word > 7 {
            Err(Error::KERN_INVALID_ARGUMENT)
        } else {
            Ok(Protection(word as u32))
        }
    }
}

impl core::ops::BitAnd for Protection {
    type Output = Protection;
    /// The access that both allow.
    #[inline]
    fn bitand(self, other: Protection) -> Protection {
        Protection(self.0 & other.0)
    }
}

/// How memory is cached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cache {
    /// Ordinary memory.
    Normal,
    /// Device registers.
    Device,
}

/// Bytes of the addresses that one page table is for, and what they are aligned to.
pub const BLOCK: u64 = 2 << 20;

/// What a kernel must do for the mach server.
///
/// Handles are small and `Copy`; who frees them is said at each operation. An
/// operation that fails has changed nothing, and answers
/// `KERN_RESOURCE_SHORTAGE` when memory ran out. The mach server is the only
/// caller and calls from one thread.
pub trait Kernel {
    /// A task: an address space, a space of right slots, and (made when first needed) an endpoint.
    type Task: Copy;
    /// A thread of a task.
    type Thread: Copy;
    /// 4 KiB of memory, or a large page.
    type Frame: Copy;
    /// A frame at one place of one address space.
    type Mapping: Copy;
    /// A caller that waits for its answer.
    type Reply: Copy;

    /// Bytes of kernel objects that an empty task takes (charged to its account).
    const TASK_BYTES: u64;
    /// Bytes of kernel objects that a thread takes, without its page.
    const THREAD_BYTES: u64;
    /// Bytes of a large page, whose addresses are multiples of that: some [`BLOCK`]s.
    const LARGE_PAGE: u64;

    /// Whether the machine has I/O ports.
    const HAS_PORTS: bool;
    /// What the processor is (`cpu_type_t`, `cpu_subtype_t`).
    const PROCESSOR: (u32, u32);
    /// The kernel and its version, for people.
    const VERSION: &'static str;

    /// Bytes of the page tables that a task which has ended has left for the next one.
    fn tables_left(&self) -> u64;
    /// An empty task; slot 1 invokes the mach server with `badge`. It has the page tables of
    /// [`Kernel::tables_left`] if it takes them.
    fn task_create(&mut self, badge: u32, takes_tables: bool) -> Result<Self::Task>;
    /// Frees a bounded part of what a task's spaces take, which has no thread, mapping or right any
    /// more; answers whether there may be more of it.
    fn task_shrink(&mut self, task: Self::Task) -> bool;
    /// Frees the task's spaces, with the page tables that are left, and its endpoint; its threads,
    /// mappings and rights are gone before.
    fn task_destroy(&mut self, task: Self::Task);

    /// Puts the right to receive into the task's slot for it, if it is not there.
    fn endpoint_make(&mut self, task: Self::Task) -> Result<()>;
    /// Sees to it that a later [`Kernel::right_install`] into this slot needs no memory of `holder`.
    fn slot_make(&mut self, holder: Self::Task, slot: u32) -> Result<()>;
    /// Puts a right into a slot of `holder` that invokes `receiver`'s endpoint with `badge`.
    fn right_install(
        &mut self,
        holder: Self::Task,
        slot: u32,
        receiver: Self::Task,
        badge: u32,
    ) -> Result<()>;
    /// Empties a slot that `right_install` filled.
    fn right_remove(&mut self, holder: Self::Task, slot: u32);
    /// Calls that still queue for `badge` at the receiver's endpoint start again (and find their slot empty).
    fn calls_cancel(&mut self, receiver: Self::Task, badge: u32);

    /// A thread that does not run yet; its faults reach the mach server with `badge`, through
    /// `slot` of its task. `page` is mapped at `page_address` in the task and holds the IPC buffer.
    fn thread_create(
        &mut self,
        task: Self::Task,
        badge: u32,
        slot: u32,
        page: Self::Frame,
        page_address: u64,
    ) -> Result<Self::Thread>;
    /// Frees the thread. Its page stays the caller's.
    fn thread_destroy(&mut self, thread: Self::Thread);
    /// Starts at `pc` with stack pointer `sp`; the first argument registers hold `arguments`.
    fn thread_start(&mut self, thread: Self::Thread, pc: u64, sp: u64, arguments: [u64; 4]);
    /// From now on the thread executes nothing of its program. What the kernel does for it goes on: it
    /// hears the answer of the call that it waits in, and takes the message that it waits for. As
    /// soon as it would go on, it faults; that reaches the mach server, which says
    /// [`Kernel::thread_caught`].
    fn thread_hold(&mut self, thread: Self::Thread);
    /// Stops a thread that waits at a fault which the mach server has received: that fault never
    /// happened.
    fn thread_caught(&mut self, thread: Self::Thread);
    /// Whether a fault of a thread that may go on is there only because the thread was held until
    /// now: it never happened, and the thread is free from here on.
    fn thread_was_held(&mut self, thread: Self::Thread) -> bool;
    /// The program counter of a thread that waits or is stopped.
    fn program_counter(&mut self, thread: Self::Thread) -> u64;
    /// Lets a thread that is held or stopped go on.
    fn thread_resume(&mut self, thread: Self::Thread);
    /// A thread that waits at a memory fault carries out the instruction again.
    fn thread_retry(&mut self, thread: Self::Thread);
    /// If a thread that is held or stopped waits for the answer of a call, ends that call with
    /// `error`; a stopped thread stays stopped. `instruction` is what stands at its program counter.
    fn call_interrupt(&mut self, thread: Self::Thread, instruction: u32, error: Error) -> bool;
    /// What the thread's page says: the name that the thread is calling (0 when none), and how many
    /// names more its inbox takes.
    fn published(&mut self, thread: Self::Thread) -> (u32, usize);
    /// The label of the message of a call that a thread waits in; if it waits in none, anything.
    fn called_label(&mut self, thread: Self::Thread) -> u32;
    /// Adds a name to the inbox in the thread's page. It does not fail for as many as
    /// [`Kernel::published`] answered in the same request.
    fn inbox_push(&mut self, thread: Self::Thread, name: u32) -> Result<()>;
    /// A thread's fault has become an exception: it stops at the instruction that faulted.
    fn thread_fault(&mut self, thread: Self::Thread);
    /// A thread's registers, in the machine's order ([`crate::abi::flavor::THREAD_STATE`]).
    /// `instruction` is what stands at its program counter.
    fn thread_state(&mut self, thread: Self::Thread, instruction: u32) -> Vec<u64>;
    /// Sets the registers of a thread that is held or stopped, or that was never started and is
    /// stopped from then on. `instruction` is what stands at its program counter.
    /// `KERN_INVALID_ARGUMENT` for words that are no such state, `KERN_FAILURE` for a thread that
    /// waits for the answer of a call.
    fn thread_state_set(
        &mut self,
        thread: Self::Thread,
        instruction: u32,
        state: &[u64],
    ) -> Result<()>;
    /// Sets a thread's priority, so many below the common one.
    fn thread_priority(&mut self, thread: Self::Thread, below: u8);

    /// A zeroed frame.
    fn frame_allocate(&mut self) -> Result<Self::Frame>;
    /// A zeroed frame that is a large page, if so much free memory lies together.
    fn frame_allocate_large(&mut self) -> Result<Self::Frame>;
    /// A frame of the same size with the same contents as another one.
    fn frame_duplicate(&mut self, from: Self::Frame) -> Result<Self::Frame>;
    /// Puts a bounded part of the free memory together, for a large page that could not be had.
    /// Answers `false`, and has done nothing, where all of it is.
    fn memory_join(&mut self) -> bool;
    /// Zeroed frames that follow each other in physical memory.
    fn frames_allocate_contiguous(&mut self, count: usize) -> Result<Vec<Self::Frame>>;
    /// Device memory at a physical address; `None` if there is no such device page.
    fn frame_device(&mut self, physical: u64) -> Option<Self::Frame>;
    /// A frame that was allocated one by one has one holder more.
    fn frame_retain(&mut self, frame: Self::Frame);
    /// Whether a frame has more than one holder.
    fn frame_is_shared(&self, frame: Self::Frame) -> bool;
    /// A frame has one holder fewer. With the last one it is freed, and is mapped nowhere then.
    fn frame_free(&mut self, frame: Self::Frame);
    /// The frame's physical address.
    fn frame_physical(&mut self, frame: Self::Frame) -> u64;
    /// Maps a frame. Answers by how many bytes the task has more page tables, too: fewer, where an
    /// empty one lay in the place of a large page.
    fn frame_map(
        &mut self,
        task: Self::Task,
        address: u64,
        frame: Self::Frame,
        protection: Protection,
        cache: Cache,
    ) -> Result<(Self::Mapping, i64)>;
    /// Takes all access through the mappings in the [`BLOCK`] of addresses around `address` away, at
    /// a cost that does not grow with their number: they stay, and [`Kernel::frame_protect`] gives
    /// each its access again. Answers `false`, and has done nothing, where there is no such way.
    fn block_hide(&mut self, task: Self::Task, address: u64) -> bool;
    /// Frees the page tables for the [`BLOCK`] of addresses around `address`, in which nothing is
    /// mapped any more, and those above them that are for nothing else. Answers their bytes.
    fn tables_free(&mut self, task: Self::Task, address: u64) -> u64;
    /// Takes a mapping away that allows `was` now.
    fn frame_unmap(&mut self, mapping: Self::Mapping, was: Protection);
    /// Changes a mapping's access from `was`.
    fn frame_protect(
        &mut self,
        task: Self::Task,
        mapping: Self::Mapping,
        was: Protection,
        protection: Protection,
        cache: Cache,
    );
    /// Reads from a frame. This, as all that looks into frames, takes no memory.
    fn frame_read(&mut self, frame: Self::Frame, offset: usize, bytes: &mut [u8]) -> Result<()>;
    /// Writes to a frame.
    fn frame_write(&mut self, frame: Self::Frame, offset: usize, bytes: &[u8]) -> Result<()>;
    /// Copies bytes from one frame to another.
    fn frame_copy(
        &mut self,
        from: Self::Frame,
        from_offset: usize,
        to: Self::Frame,
        to_offset: usize,
        length: usize,
    ) -> Result<()>;
    /// Bytes of memory that nothing uses.
    fn memory_free(&self) -> u64;
    /// Whether the mach server's own memory is so short that nothing may be made any more.
    fn is_short(&self) -> bool;
    /// Bytes of memory in all.
    fn memory_total(&self) -> u64;

    /// Keeps the caller of the request being handled, to answer later.
    fn reply_save(&mut self) -> Result<Self::Reply>;
    /// Whether the kept caller still waits: it does not when its thread was destroyed or had its
    /// call ended.
    fn reply_waits(&mut self, reply: Self::Reply) -> bool;
    /// Answers a kept caller and frees the handle; nothing happens if the caller is gone.
    fn reply_send(&mut self, reply: Self::Reply, label: u32, words: &[u64]);
    /// Frees the handle without an answer.
    fn reply_drop(&mut self, reply: Self::Reply);

    /// Monotonic time in nanoseconds.
    fn now(&self) -> u64;
    /// How often the counter ticks in a second that programs can read, and that started with the
    /// time.
    fn counter_rate(&self) -> u64;
    /// Calls [`crate::Mach::timer`] at or after this time.
    fn timer_set(&mut self, deadline: Option<u64>);
    /// A number that tasks cannot guess.
    fn random(&mut self) -> u64;
    /// Puts a notification of this interrupt and the means to acknowledge it into two slots. Who had
    /// them before has them no more.
    fn interrupt_install(
        &mut self,
        holder: Self::Task,
        irq: u32,
        notification_slot: u32,
        handler_slot: u32,
    ) -> Result<()>;
    /// A new interrupt that is a write to memory: its number, where the write goes, and what is
    /// written. `KERN_FAILURE` on a machine without such, `KERN_RESOURCE_SHORTAGE` if all are taken.
    fn interrupt_message(&mut self) -> Result<(u32, u64, u32)>;
    /// Puts the means to access these I/O ports, and no others, into a slot.
    fn ports_install(&mut self, holder: Self::Task, ports: Range<u32>, slot: u32) -> Result<()>;
    /// One line for the system's log.
    fn log(&mut self, text: &str);
    /// Stops or restarts the machine; nothing runs any more from here on.
    fn power(&mut self, restart: bool);
    /// Tells why the system cannot go on, and stops the machine.
    fn end(&mut self, why: &str);
}
