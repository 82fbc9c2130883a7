//! Numbers of the contract between the mach server and its callers
//! (docs/ABI.md): routine numbers, labels, dispositions, limits.

/// Bit that marks a reply label.
pub const REPLY: u32 = 0x8_0000;
/// A reply that failed; the first word is the error number.
pub const REPLY_ERROR: u32 = 0x8_0001;
/// Bits of a name that are its slot.
pub const INDEX_BITS: u32 = 20;
/// Mask of a name's index.
pub const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
/// The dead name.
pub const DEAD_NAME: u32 = u32::MAX;
/// Name of the task's own port in every space.
pub const TASK_SELF: u32 = 1;
/// Slot of the read right to the task's endpoint.
pub const RECEIVE_SLOT: u32 = 2;
/// First index that can be a port name.
pub const FIRST_NAME: u32 = 16;
/// Names that an inbox holds.
pub const INBOX_NAMES: usize = 502;
/// Bytes of the largest window.
pub const WINDOW_MAX: u64 = 1 << 20;
/// Words that a message carries.
pub const MESSAGE_WORDS: usize = 120;
/// Where the kernel-visible thread page keeps its fields (docs/ABI.md).
pub mod page {
    /// Word 0 of the message.
    pub const MESSAGE: usize = 8;
    /// The page's own address, for processors without a register for it that the program may set.
    pub const OWN_ADDRESS: usize = 968;
    /// The name being called, then the address of the call's instruction.
    pub const CALLED: usize = 0x400;
    /// This thread's number and port name.
    pub const THREAD: usize = 0x410;
    /// For the runtime.
    pub const RUNTIME: usize = 0x418;
    /// Number of names in the inbox.
    pub const INBOX_COUNT: usize = 0x420;
    /// The names.
    pub const INBOX: usize = 0x428;
}

/// Bit of a request's label to the mach server: its words, and those of the answer, lie in the
/// thread's page, but for the first ones.
pub const IN_PAGE: u32 = 1 << 18;

/// Bit of a message's label: its first right is the reply right.
pub const WITH_REPLY: u32 = 1 << 18;
/// What a reply's label is above its request's.
pub const REPLY_OFFSET: u32 = 100;
/// Bit of the label word of a received message: the first word is the port's protected payload.
pub const PAYLOAD: u64 = 1 << 32;

/// Bit of a message's count of words: they lie in the memory that the word behind the rights names.
pub const IN_MEMORY: u64 = 1 << 63;
/// The most words of a body.
pub const BODY_WORDS_MAX: u64 = 1 << 24;
/// Rights and words of a message that travel without memory, at most.
pub const INLINE_WORDS: usize = MESSAGE_WORDS - 7;

/// Ports that tasks and threads keep with the mach server.
pub mod special {
    /// The task's or thread's own port.
    pub const KERNEL: u64 = 1;
    /// Where exceptions go.
    pub const EXCEPTION: u64 = 3;
    /// The task's bootstrap port.
    pub const BOOTSTRAP: u64 = 4;
    /// Where exceptions go together with the thread's state (Hird's own): one port takes the place
    /// of the other.
    pub const EXCEPTION_STATE: u64 = 5;
}

/// Exceptions (`EXC_*`).
pub mod exception {
    /// Memory: code is the Mach error, subcode the address.
    pub const BAD_ACCESS: u64 = 1;
    /// An instruction that is none, or is not allowed: code as in [`bad_instruction`].
    pub const BAD_INSTRUCTION: u64 = 2;
    /// An operation on numbers: code as in [`arithmetic`], subcode the instruction's address.
    pub const ARITHMETIC: u64 = 3;
    /// Codes of [`ARITHMETIC`].
    pub mod arithmetic {
        /// A division by zero, or one whose result is too large.
        pub const DIVIDE: u64 = 1;
        /// An operation on floating point numbers whose exception the program has asked for.
        pub const FLOAT: u64 = 2;
    }
    /// A breakpoint instruction: code is the number in it, or [`STEP`], subcode its address.
    pub const BREAKPOINT: u64 = 6;
    /// Code of [`BREAKPOINT`]: the program's own trap flag stopped it, before the instruction at the
    /// subcode.
    pub const STEP: u64 = 1 << 16;
    /// Codes of [`BAD_INSTRUCTION`]; the subcode is the instruction's address.
    pub mod bad_instruction {
        /// A system call on a name that is nothing.
        pub const NO_RIGHT: u64 = 1;
        /// A system call that the kernel does not know: subcode is the address of the instruction.
        pub const SYSTEM_CALL: u64 = 2;
        /// The processor does not know the instruction.
        pub const UNDEFINED: u64 = 3;
    }
}

/// Flavours of thread states, and of what there is to know of tasks and threads.
pub mod flavor {
    /// `TASK_BASIC_INFO`: suspend count, base priority, bytes of address space in use, bytes of
    /// memory, user time and system time (seconds, microseconds; 0, the kernel keeps none),
    /// creation time (seconds, microseconds).
    pub const TASK_BASIC: u64 = 1;
    /// The name that a task was given: its length, its bytes (Hird's own).
    pub const TASK_NAME: u64 = 100;
    /// `THREAD_BASIC_INFO`: user and system time (as above), processor use (0), base priority,
    /// current priority, run state, flags (0), suspend count, sleep time (0), creation time.
    pub const THREAD_BASIC: u64 = 1;
    /// `THREAD_SCHED_INFO`: policy, quantum in milliseconds, base, largest and current priority,
    /// whether it is depressed (0), priority before that (-1).
    pub const THREAD_SCHED: u64 = 2;
    /// The number of a thread, and the name that it calls or 0 (Hird's own).
    pub const THREAD_CALL: u64 = 100;
    /// The general registers, the machine's `THREAD_STATE`.
    pub const THREAD_STATE: u64 = 1;
    /// `HOST_BASIC_INFO`: most processors, processors, bytes of memory, kind and subkind of the
    /// processors (`cpu_type_t`, `cpu_subtype_t`).
    pub const HOST_BASIC: u64 = 1;
    /// `HOST_PROCESSOR_SLOTS`: the numbers of the processors that run.
    pub const HOST_SLOTS: u64 = 2;
    /// `HOST_SCHED_INFO`: the shortest time limit and the shortest turn, in milliseconds.
    pub const HOST_SCHED: u64 = 3;
    /// `HOST_LOAD_INFO`: refused, the kernel does not count who is ready to run.
    pub const HOST_LOAD: u64 = 4;
    /// `PROCESSOR_BASIC_INFO`: kind, subkind, whether it runs, its number, whether it is the first.
    pub const PROCESSOR_BASIC: u64 = 1;
    /// `PROCESSOR_SET_BASIC_INFO`: processors, tasks, threads, load average and Mach factor (0, the
    /// kernel keeps none).
    pub const SET_BASIC: u64 = 1;
    /// `PROCESSOR_SET_SCHED_INFO`: policies, the highest priority of new threads.
    pub const SET_SCHED: u64 = 2;
}

/// The most bytes of a name that a task or a thread is given.
pub const NAME_BYTES: usize = 63;

/// Priorities as Mach counts them: 0 is the highest.
pub mod priority {
    /// What every thread begins with, and the highest that it can have.
    pub const BASE: u64 = 25;
    /// The lowest.
    pub const LOWEST: u64 = 63;
    /// `POLICY_TIMESHARE`, the one policy that there is.
    pub const TIMESHARE: u64 = 1;
    /// `POLICY_FIXEDPRI`, which is not enabled.
    pub const FIXED: u64 = 2;
    /// Milliseconds of a thread's turn.
    pub const QUANTUM: u64 = 10;
}

/// Ports that `mach_ports_register` keeps (`TASK_PORT_REGISTER_MAX`).
pub const REGISTERED_MAX: usize = 4;

/// Dispositions of rights (`MACH_MSG_TYPE_*`).
pub mod disposition {
    /// The receive right moves.
    pub const MOVE_RECEIVE: u32 = 16;
    /// A send right moves.
    pub const MOVE_SEND: u32 = 17;
    /// A send-once right moves.
    pub const MOVE_SEND_ONCE: u32 = 18;
    /// A send right is copied.
    pub const COPY_SEND: u32 = 19;
    /// A send right is made from the receive right.
    pub const MAKE_SEND: u32 = 20;
    /// A send-once right is made from the receive right.
    pub const MAKE_SEND_ONCE: u32 = 21;
    /// The only right to a memory object that is mapped nowhere moves, and who receives it pays for
    /// its memory from then on (Hird's own).
    pub const MOVE_MEMORY: u32 = 32;
}

/// Words that `HOST_PORTS` tells of a port.
pub const INSPECTED_PORT: usize = 5;
/// Words that `HOST_ACCOUNTS` tells of an account.
pub const INSPECTED_ACCOUNT: usize = 9;

/// Who receives from a port, as `HOST_PORTS` tells.
pub mod receiver {
    /// A task, by its number.
    pub const TASK: u32 = 0;
    /// Nobody: the receive right is in a message to the port with this place, or `u32::MAX`.
    pub const TRANSIT: u32 = 1;
    /// The mach server: it stands for the task with this number.
    pub const OF_TASK: u32 = 2;
    /// For the thread with this number.
    pub const OF_THREAD: u32 = 3;
    /// For the memory object at this place.
    pub const OF_MEMORY: u32 = 4;
    /// For the machine.
    pub const OF_HOST: u32 = 5;
    /// For memory that devices may access.
    pub const OF_DMA: u32 = 6;
    /// For the interrupt with this number.
    pub const OF_INTERRUPT: u32 = 7;
    /// For the I/O ports from this one on.
    pub const OF_PORTS: u32 = 15;
    /// For the account at this place.
    pub const OF_ACCOUNT: u32 = 8;
    /// For an exception of the thread with this number.
    pub const OF_EXCEPTION: u32 = 9;
    /// For the control of the memory object at this place.
    pub const OF_CONTROL: u32 = 10;
    /// For the name of the memory object at this place.
    pub const OF_NAME: u32 = 11;
    /// For a processor (0), or for its name (1).
    pub const OF_PROCESSOR: u32 = 12;
    /// For a processor set (0), or for its name (1).
    pub const OF_PROCESSOR_SET: u32 = 13;
    /// For the proxy at this place.
    pub const OF_PROXY: u32 = 14;
}

/// Kinds of rights (`MACH_PORT_RIGHT_*`).
pub mod right {
    /// Send right.
    pub const SEND: u32 = 0;
    /// Receive right.
    pub const RECEIVE: u32 = 1;
    /// Send-once right.
    pub const SEND_ONCE: u32 = 2;
    /// Port set.
    pub const PORT_SET: u32 = 3;
    /// Dead name.
    pub const DEAD_NAME: u32 = 4;
}

/// Notification message ids.
pub mod notify {
    /// A name with a dead-name request was freed.
    pub const PORT_DELETED: u32 = 65;
    /// The last send right is gone; word: make-send count.
    pub const NO_SENDERS: u32 = 70;
    /// A send-once right was destroyed unused.
    pub const SEND_ONCE: u32 = 71;
    /// A name became a dead name; word: the name.
    pub const DEAD_NAME: u32 = 72;
    /// A window's client is gone; word: the token (Hird's own).
    pub const WINDOW_GONE: u32 = 21;
    /// A message that was forced into a full queue has found its place there; word: the name.
    pub const MSG_ACCEPTED: u32 = 66;
    /// The receive right would have been destroyed: it is in the message.
    pub const PORT_DESTROYED: u32 = 69;
    /// An exception of a thread (`exception_raise`): a reply right, thread, task; words: exception,
    /// code, subcode.
    pub const EXCEPTION_RAISE: u32 = 2400;
    /// The same with the thread's state in further words (Hird's own).
    pub const EXCEPTION_RAISE_STATE: u32 = 2401;
    /// A task was created (`mach_notify_new_task`).
    pub const NEW_TASK: u32 = 4400;
}

/// What a task inherits of its parent; bits.
pub mod inherit {
    /// Memory, as each region says.
    pub const MEMORY: u64 = 1;
    /// Send rights and dead names, under the same names and with the same references.
    pub const RIGHTS: u64 = 2;
}

/// What pagers are told (`memory_object_*`).
pub mod memory_object {
    /// Rights: control, name. Word: bytes of a page.
    pub const INIT: u32 = 2200;
    /// Rights: control and name, to receive.
    pub const TERMINATE: u32 = 2201;
    /// Right: control. Words: offset, bytes, access.
    pub const DATA_REQUEST: u32 = 2203;
    /// Right: control. Words: offset, bytes, access.
    pub const DATA_UNLOCK: u32 = 2204;
    /// Right: control. Words: offset, bytes.
    pub const LOCK_COMPLETED: u32 = 2206;
    /// Right: control. Words: offset, bytes, error or 0, offset of the error.
    pub const SUPPLY_COMPLETED: u32 = 2207;
    /// Rights: control, a memory object with the data. Words: offset, bytes, dirty, kept.
    pub const DATA_RETURN: u32 = 2208;
    /// Words: may cache, copy strategy.
    pub const CHANGE_COMPLETED: u32 = 2209;
}

/// Flags of `VM_ALLOCATE` and `VM_MAP` (`VM_FLAGS_*`).
pub mod vm_flags {
    /// Wherever there is room.
    pub const ANYWHERE: u64 = 1;
    /// Large pages ([`super::LARGE_PAGE`]), present from the start; also of `MEMORY_OBJECT_CREATE`.
    pub const SUPERPAGE_SIZE_2MB: u64 = 2 << 16;
}

/// Bytes of a large page, of which such memory's addresses, sizes and parts are multiples.
pub const LARGE_PAGE: u64 = 2 << 20;

/// Which pages go back to a pager (`memory_object_return_t`).
pub mod memory_return {
    /// None.
    pub const NONE: u64 = 0;
    /// Those that were written.
    pub const DIRTY: u64 = 1;
    /// Also those that are precious.
    pub const ALL: u64 = 2;
}

/// A lock value that changes nothing (`VM_PROT_NO_CHANGE`).
pub const NO_CHANGE: u64 = 8;

/// Flags of `VM_MSYNC` (`vm_sync_t`).
pub mod sync {
    /// What was written goes back to its pager.
    pub const ASYNCHRONOUS: u64 = 1;
    /// The same.
    pub const SYNCHRONOUS: u64 = 2;
    /// The pages are forgotten.
    pub const INVALIDATE: u64 = 4;
    /// They are forgotten and do not go back.
    pub const KILLPAGES: u64 = 8;
}

macro_rules! routines {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        /// Routines of the mach server. All are called on the caller's own task
        /// port; a target other than the caller is a name in the first word.
        pub mod routine {
            $($(#[$doc])* pub const $name: u32 = $number;)*
            /// Name of a routine.
            pub fn name(number: u32) -> Option<&'static str> {
                match number { $($number => Some(stringify!($name)),)* _ => None }
            }
        }
    };
}

routines! {
    /// (account or 0 for the parent's, parent or 0 for the caller, what to inherit) -> task name. A task without threads in the
    /// caller's or the given account. The second and third word may be missing: nothing is inherited.
    TASK_CREATE = 2007;
    /// (task)
    TASK_TERMINATE = 2008;
    /// (task, from) -> count, thread names from that one on
    TASK_THREADS = 2011;
    /// (task) -> thread count, suspend count, memory bytes, names, regions, number of the task, place of
    /// its account; (task, flavour) -> words of the flavour
    TASK_INFO = 2012;
    /// (thread)
    THREAD_TERMINATE = 2016;
    /// (thread, flavour) -> registers
    THREAD_GET_STATE = 2017;
    /// (thread, flavour, registers...). A thread that was never started is suspended once by this,
    /// and starts with its resumption
    THREAD_SET_STATE = 2018;
    /// (thread, flavour) -> words of the flavour
    THREAD_INFO = 2019;
    /// (task, address, size, flags) -> address; [`super::vm_flags`]
    VM_ALLOCATE = 2021;
    /// (task, address, size, inheritance)
    VM_INHERIT = 2025;
    /// (task, address, size)
    VM_DEALLOCATE = 2023;
    /// (task, address, size, set maximum, protection)
    VM_PROTECT = 2024;
    /// (task, address, size) -> bytes, at most 900
    VM_READ = 2026;
    /// (task, address, length, bytes...)
    VM_WRITE = 2027;
    /// (source task, source, target task, target, size), at most 1 MiB
    VM_COPY = 2028;
    /// (task, address) -> address, size, protection, max protection, inheritance, shared, offset,
    /// name of the memory object or 0
    VM_REGION = 2029;
    /// -> memory total, free, tasks, threads, ports, objects, the account's three limits, its three
    /// uses, faults, pages of zeroes, pages copied on write, page-ins, page-outs
    VM_STATISTICS = 2030;
    /// (task, count, names...)
    MACH_PORTS_REGISTER = 2033;
    /// (task) -> count, names
    MACH_PORTS_LOOKUP = 2034;
    /// (control, offset, size): whoever waits for these pages gets zeroes
    MEMORY_OBJECT_DATA_UNAVAILABLE = 2039;
    /// (control) -> ready, may cache, copy strategy
    MEMORY_OBJECT_GET_ATTRIBUTES = 2040;
    /// (control, offset, size, which pages to return, flush, lock value, reply name, disposition)
    MEMORY_OBJECT_LOCK_REQUEST = 2044;
    /// (task)
    TASK_SUSPEND = 2056;
    /// (task)
    TASK_RESUME = 2057;
    /// (task, which) -> name
    TASK_GET_SPECIAL_PORT = 2058;
    /// (task, which, name)
    TASK_SET_SPECIAL_PORT = 2059;
    /// (task, page address) -> thread name, number
    THREAD_CREATE = 2061;
    /// (thread)
    THREAD_SUSPEND = 2062;
    /// (thread)
    THREAD_RESUME = 2063;
    /// (thread): an RPC in progress ends with MACH_RCV_INTERRUPTED
    THREAD_ABORT = 2064;
    /// (thread, which) -> name
    THREAD_GET_SPECIAL_PORT = 2067;
    /// (thread, which, name)
    THREAD_SET_SPECIAL_PORT = 2068;
    /// (task, address, size, mask, flags, object, offset, copy, protection, max, inheritance) -> address
    VM_MAP = 2089;
    /// (thread, priority, also the largest)
    THREAD_PRIORITY = 2620;
    /// (thread, host or set, priority)
    THREAD_MAX_PRIORITY = 2621;
    /// (task, priority, also its threads)
    TASK_PRIORITY = 2622;
    /// (thread, policy, data)
    THREAD_POLICY = 2624;
    /// (control, offset, size, error): whoever waits for these pages gets an exception
    MEMORY_OBJECT_DATA_ERROR = 2090;
    /// (control, reason)
    MEMORY_OBJECT_DESTROY = 2092;
    /// (control, offset, address, size, lock value, precious, deallocate, reply name, disposition)
    MEMORY_OBJECT_DATA_SUPPLY = 2093;
    /// (control, may cache, copy strategy)
    MEMORY_OBJECT_READY = 2094;
    /// (control, may cache, copy strategy, reply name, disposition)
    MEMORY_OBJECT_CHANGE_ATTRIBUTES = 2095;
    /// (task, address, size, attribute, value): refused, there are none
    VM_MACHINE_ATTRIBUTE = 2099;
    /// (task, address, size, access)
    VM_WIRE = 2636;
    /// (options)
    HOST_REBOOT = 2635;
    /// -> nanoseconds since 1970; 0 while nobody has set it
    HOST_GET_TIME64 = 2643;
    /// (host, nanoseconds since 1970)
    HOST_SET_TIME64 = 2644;
    /// -> nanoseconds since start, and how often the counter ticks in a second that programs can read
    /// instead, which started with it
    HOST_GET_UPTIME64 = 2647;
    /// -> names and types
    MACH_PORT_NAMES = 3200;
    /// (task, name) -> type
    MACH_PORT_TYPE = 3201;
    /// (task, name, new name)
    MACH_PORT_RENAME = 3202;
    /// (task, right, name)
    MACH_PORT_ALLOCATE_NAME = 3203;
    /// (task, right) -> name
    MACH_PORT_ALLOCATE = 3204;
    /// (task, name)
    MACH_PORT_DESTROY = 3205;
    /// (task, name)
    MACH_PORT_DEALLOCATE = 3206;
    /// (task, name, right) -> references
    MACH_PORT_GET_REFS = 3207;
    /// (task, name, right, delta)
    MACH_PORT_MOD_REFS = 3208;
    /// (task, name, limit)
    MACH_PORT_SET_QLIMIT = 3210;
    /// (task, name, count)
    MACH_PORT_SET_MSCOUNT = 3211;
    /// (task, set) -> names
    MACH_PORT_GET_SET_STATUS = 3212;
    /// (task, member, set or 0)
    MACH_PORT_MOVE_MEMBER = 3213;
    /// (task, name, id, sync, notify name, notify disposition) -> previous name
    MACH_PORT_REQUEST_NOTIFICATION = 3214;
    /// (task, name or 0, caller's name, disposition) -> name
    MACH_PORT_INSERT_RIGHT = 3215;
    /// (task, name, disposition) -> caller's name
    MACH_PORT_EXTRACT_RIGHT = 3216;
    /// (task, name) -> set, seqno, mscount, qlimit, msgcount, sorights, srights, nsrequest
    MACH_PORT_GET_RECEIVE_STATUS = 3217;
    /// (task, name, number)
    MACH_PORT_SET_SEQNO = 3218;
    /// (task, name, payload)
    MACH_PORT_SET_PROTECTED_PAYLOAD = 3221;
    /// (task, name)
    MACH_PORT_CLEAR_PROTECTED_PAYLOAD = 3222;
    /// (address, value, milliseconds or 0)
    GSYNC_WAIT = 4204;
    /// (address, all)
    GSYNC_WAKE = 4205;
    /// (task, flags)
    VM_WIRE_ALL = 4207;
    /// (object name, offset, size, flush, return)
    VM_OBJECT_SYNC = 4208;
    /// (task, address, size, flags)
    VM_MSYNC = 4209;
    /// (host or DMA right, task, pages) -> address, physical address
    VM_ALLOCATE_CONTIGUOUS = 4210;
    /// (host, notify name)
    REGISTER_NEW_TASK_NOTIFICATION = 4203;
    /// (host, name or 0) -> 0: no memory manager stands behind memory without a pager, and none can
    /// be set
    VM_SET_DEFAULT_MEMORY_MANAGER = 2041;
    /// (host) -> count, processors
    HOST_PROCESSORS = 2600;
    /// (processor): refused, it runs
    PROCESSOR_START = 2603;
    /// (processor): refused, it is the only one
    PROCESSOR_EXIT = 2604;
    /// -> name of the processor set
    PROCESSOR_SET_DEFAULT = 2606;
    /// (host): refused, there is one
    PROCESSOR_SET_CREATE = 2608;
    /// (set): refused, it is the only one
    PROCESSOR_SET_DESTROY = 2609;
    /// (processor, set, wait): refused, it is where it is
    PROCESSOR_ASSIGN = 2611;
    /// (processor) -> name of its set
    PROCESSOR_GET_ASSIGNMENT = 2612;
    /// (thread, set)
    THREAD_ASSIGN = 2613;
    /// (thread)
    THREAD_ASSIGN_DEFAULT = 2614;
    /// (thread) -> name of its set
    THREAD_GET_ASSIGNMENT = 2615;
    /// (task, set, also its threads)
    TASK_ASSIGN = 2616;
    /// (task, also its threads)
    TASK_ASSIGN_DEFAULT = 2617;
    /// (task) -> name of its set
    TASK_GET_ASSIGNMENT = 2618;
    /// (set, priority, also the threads that there are, place) -> place to go on from with those, 0 at
    /// the end
    PROCESSOR_SET_MAX_PRIORITY = 2623;
    /// (set, policy)
    PROCESSOR_SET_POLICY_ENABLE = 2625;
    /// (set, policy, also the threads that there are)
    PROCESSOR_SET_POLICY_DISABLE = 2626;
    /// (host or set, place) -> place to go on from (0 at the end), count, thread names
    PROCESSOR_SET_THREADS = 2628;
    /// -> count, names of processor sets
    HOST_PROCESSOR_SETS = 2629;
    /// (host, name of a set) -> set
    HOST_PROCESSOR_SET_PRIV = 2630;
    /// (thread): no thread's priority is depressed
    THREAD_DEPRESS_ABORT = 2631;
    /// (host, seconds, microseconds) since 1970
    HOST_SET_TIME = 2632;
    /// (host, seconds, microseconds) -> seconds, microseconds: as `HOST_ADJUST_TIME64`
    HOST_ADJUST_TIME = 2633;
    /// -> seconds, microseconds since 1970; 0, 0 while nobody has set it
    HOST_GET_TIME = 2634;
    /// (host, thread, wired): every thread is wired, for good
    THREAD_WIRE = 2637;
    /// (flavour) -> words of the flavour
    HOST_INFO = 2638;
    /// (name of a processor, flavour) -> words of the flavour
    PROCESSOR_INFO = 2639;
    /// (name of a set, flavour) -> words of the flavour
    PROCESSOR_SET_INFO = 2640;
    /// (processor, words...): refused
    PROCESSOR_CONTROL = 2641;
    /// (host, nanoseconds) -> nanoseconds of the adjustment before that are left. The clock goes faster
    /// or, if negative, slower by one part in 2000, for more than a second in 200, until it has
    /// gained so much
    HOST_ADJUST_TIME64 = 2645;
    /// -> length, text
    HOST_GET_KERNEL_VERSION = 2646;
    /// (name of a set) -> count, names of processors
    PROCESSOR_SET_PROCESSORS = 2648;
    /// (task, greatest access, count, (memory object, offset, start, bytes)...) -> proxy, which can be
    /// mapped as these bytes of the memory object can, with no more access than that. The count is
    /// 1, the offset 0; the task's account pays
    MEMORY_OBJECT_CREATE_PROXY = 4010;
    /// (task, address, greatest access, bytes) -> proxy for the memory there
    VM_REGION_CREATE_PROXY = 4011;
    /// (place) -> place to go on from (0 at the end), memory objects of pagers, their pages
    VM_CACHE_STATISTICS = 4200;
    /// (thread, task, name, name, address, size): gives back a reference of the one name of the task and
    /// all of the other, if it is not 0, and the addresses, if there are some, and ends the thread,
    /// whatever of the others fails
    THREAD_TERMINATE_RELEASE = 4201;
    /// (task, length, bytes...), at most [`NAME_BYTES`](super::NAME_BYTES); length 0: none
    TASK_SET_NAME = 4202;
    /// (address, other address, wake one, all): who waits at the address, one or all, waits at the other
    /// one from now on
    GSYNC_REQUEUE = 4206;
    /// (host, task, whether the system ends with it)
    TASK_SET_ESSENTIAL = 4211;
    /// (host, task, address, size) -> count, the physical address of each page or 0
    VM_PAGES_PHYS = 4212;
    /// (thread, length, bytes...), at most [`NAME_BYTES`](super::NAME_BYTES); length 0: none
    THREAD_SET_NAME = 4213;
    /// (thread) -> length, bytes of its name, or of its task's if it has none
    THREAD_GET_NAME = 4214;
    /// (host or 0, task, bytes, the most that this can be raised to): how much of its addresses the task
    /// can have in use. Only with the host port can the second number grow
    VM_SET_SIZE_LIMIT = 4215;
    /// (task) -> bytes, the most that this can be raised to
    VM_GET_SIZE_LIMIT = 4216;
    /// (thread, destination, count, (name, disposition)...) -> ticket
    RIGHTS_SEND = 5000;
    /// (ticket, port) -> names...
    RIGHTS_RECEIVE = 5001;
    /// (caller's thread, count, (name, disposition)...)
    REPLY_RIGHTS = 5002;
    /// (caller's thread, life) -> name of the new receive right, names of ports that died (life 2).
    /// Life 0: an ordinary port. 1: it dies with its last send right, and its receiver is told at once
    /// by NO_SENDERS with the name, on port name 0. 2: it dies so, too, but unless its receiver
    /// has asked for NO_SENDERS, it is told with the answer to the next such request (up to three names,
    /// 0 for none), and by NO_SENDERS only where that does not come within a millisecond. The new port
    /// can have the name of one that the answer tells of: its client has just given that one back
    REPLY_NEW_PORT = 5003;
    /// (port, bytes) -> token, address, bytes
    WINDOW_CREATE = 5004;
    /// (token) -> address, bytes, number of the client's task
    WINDOW_ACCEPT = 5005;
    /// (token). A server that gives back what its client keeps can accept it again
    WINDOW_RELEASE = 5006;
    /// (name, disposition, label, milliseconds, rights, words, (name, disposition)..., words...). With
    /// [`IN_MEMORY`](super::IN_MEMORY) in the count of words, a name of the memory object in which
    /// they lie stands in their place, which moves as by
    /// [`MOVE_MEMORY`](super::disposition::MOVE_MEMORY)
    MSG_SEND = 5007;
    /// (name or 0, milliseconds or 0) -> port, label, seqno, rights, words, (name, type)..., words...,
    /// or, as in `MSG_SEND`, the memory object with the words: 0 if the receiver cannot pay for it.
    /// With further words (notify name or 0, most words or 0, keep): who sent the reply right's port
    /// is watched for the notify name; a message with more rights and words than that, or than
    /// an answer holds if nothing is said, is refused with its counts, and kept if asked
    MSG_RECEIVE = 5008;
    /// (notify name, name, disposition, label, 0, rights, words, (name, disposition)..., words...): as
    /// MSG_SEND, but a full queue takes the message anyhow, once, and tells when it has room again
    MSG_SEND_NOTIFY = 5025;
    /// (thread, pc, sp, arguments 0..4)
    THREAD_START = 5009;
    /// (bytes, flags) -> name of a memory object; [`super::vm_flags`], or no word
    MEMORY_OBJECT_CREATE = 5010;
    /// (host, index) -> memory object, bytes, name length, name
    BOOT_MODULE = 5011;
    /// (host, physical address, bytes) -> memory object
    DEVICE_MEMORY = 5012;
    /// (host, interrupt) -> device port that stands for this interrupt
    DEVICE_INTERRUPT = 5013;
    /// (memory, objects, rights, parent or 0) -> account. The parent may be missing: the caller's
    ACCOUNT_CREATE = 5014;
    /// (host) -> device port that stands for a new interrupt, address and data of the write that
    /// raises it. `KERN_FAILURE` on a machine without such, `KERN_RESOURCE_SHORTAGE` if all are taken
    DEVICE_MESSAGE = 5034;
    /// (host, first port, count) -> device port that stands for these I/O ports.
    /// `KERN_INVALID_ADDRESS` on a machine that has none
    DEVICE_PORTS = 5032;
    /// (device port of I/O ports) -> slot of the kernel's capability for them, first port, count
    PORTS_ATTACH = 5033;
    /// (bytes...): a line for the log
    DEBUG_LOG = 5015;
    /// (interrupt port) -> notification slot, handler slot; who attached to the line before loses it
    INTERRUPT_ATTACH = 5016;
    /// (host) -> bytes of the device tree as a memory object, bytes
    DEVICE_TREE = 5017;
    /// (account or 0) -> limits and uses, three each, things charged
    ACCOUNT_INFO = 5018;
    /// (account, place) -> place to go on from, 0 at the end. Nothing more can be charged to it; its
    /// tasks end, its memory goes, its messages leave their queues
    ACCOUNT_TERMINATE = 5026;
    /// (task, account): the task, its names and what is made for it from now on are charged there
    TASK_SET_ACCOUNT = 5027;
    /// (port) -> number of the task that receives from it
    PORT_SERVER = 5021;
    /// -> a number that nobody can guess
    RANDOM = 5022;
    /// (task): ends its threads and empties its map; its names stay
    TASK_CLEAR = 5023;
    /// (host) -> right that allows VM_ALLOCATE_CONTIGUOUS and nothing else
    DMA_PORT = 5024;
    /// (host or set, place) -> place to go on from (0 at the end), count, task names. There is one set: all
    PROCESSOR_SET_TASKS = 2627;
    /// (task, first name) -> count, (name | type << 32, references, port)...; continue behind the last.
    /// The ports of send and receive rights are numbers that are the same for all who hold them
    TASK_RIGHTS = 5028;
    /// (host, place) -> place to go on from (0 at the end), count, ports of [`INSPECTED_PORT`] words:
    /// port, receiver (kind << 32 | number), name | set << 32, queued | limit << 32,
    /// send rights | send-once rights << 32
    ///
    /// [`INSPECTED_PORT`]: super::INSPECTED_PORT
    HOST_PORTS = 5029;
    /// (host, port, message) -> message to go on from (0 at the end), count, (port | kind of right << 60)...:
    /// the rights in messages of a queue
    HOST_PORT_RIGHTS = 5030;
    /// (host, place) -> place to go on from (0 at the end), count, accounts of [`INSPECTED_ACCOUNT`]
    /// words: account, account above + 1 or 0, limits and uses, three each, things charged
    ///
    /// [`INSPECTED_ACCOUNT`]: super::INSPECTED_ACCOUNT
    HOST_ACCOUNTS = 5031;
}
