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
/// Words that a message carries.
pub const MESSAGE_WORDS: usize = 120;
/// Where the kernel-visible thread page keeps its fields (docs/ABI.md).
pub mod page {
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
    /// An exception of a thread (`exception_raise`).
    pub const EXCEPTION_RAISE: u32 = 2400;
    /// A task was created (`mach_notify_new_task`).
    pub const NEW_TASK: u32 = 4400;
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
    /// (account or 0) -> task name. A task without threads in the caller's or the given account.
    TASK_CREATE = 2007;
    /// (task)
    TASK_TERMINATE = 2008;
    /// (task) -> thread count, suspend count, memory bytes, names
    TASK_INFO = 2012;
    /// (thread)
    THREAD_TERMINATE = 2016;
    /// (task, address, size, anywhere) -> address
    VM_ALLOCATE = 2021;
    /// (task, address, size)
    VM_DEALLOCATE = 2023;
    /// (task, address, size, set maximum, protection)
    VM_PROTECT = 2024;
    /// (task, address, size) -> bytes, at most 900
    VM_READ = 2026;
    /// (task, address, length, bytes...)
    VM_WRITE = 2027;
    /// (source task, source, target task, target, size)
    VM_COPY = 2028;
    /// (task, address) -> address, size, protection, max protection, inheritance, shared, offset
    VM_REGION = 2029;
    /// -> memory total, free, tasks, threads, ports, objects, the account's three limits, its three uses
    VM_STATISTICS = 2030;
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
    /// (task, address, size, mask, anywhere, object, offset, copy, protection, max, inheritance) -> address
    VM_MAP = 2089;
    /// (options)
    HOST_REBOOT = 2635;
    /// -> nanoseconds since 1970; 0 while nobody has set it
    HOST_GET_TIME64 = 2643;
    /// (host, nanoseconds since 1970)
    HOST_SET_TIME64 = 2644;
    /// -> nanoseconds since start
    HOST_GET_UPTIME64 = 2647;
    /// -> names and types
    MACH_PORT_NAMES = 3200;
    /// (task, name) -> type
    MACH_PORT_TYPE = 3201;
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
    /// (address, value, milliseconds or 0)
    GSYNC_WAIT = 4204;
    /// (address, all)
    GSYNC_WAKE = 4205;
    /// (host or DMA right, task, pages) -> address, physical address
    VM_ALLOCATE_CONTIGUOUS = 4210;
    /// (host, notify name)
    REGISTER_NEW_TASK_NOTIFICATION = 4203;
    /// (thread, destination, count, (name, disposition)...) -> ticket
    RIGHTS_SEND = 5000;
    /// (ticket, port) -> names...
    RIGHTS_RECEIVE = 5001;
    /// (caller's thread, count, (name, disposition)...)
    REPLY_RIGHTS = 5002;
    /// (caller's thread, transient) -> name of the new receive right. A transient port dies with its
    /// last send right; its receiver then gets NO_SENDERS with the count and the name, on port name 0
    REPLY_NEW_PORT = 5003;
    /// (port, bytes) -> token, address, bytes
    WINDOW_CREATE = 5004;
    /// (token) -> address, bytes
    WINDOW_ACCEPT = 5005;
    /// (token)
    WINDOW_RELEASE = 5006;
    /// (name, disposition, label, milliseconds, rights, words, (name, disposition)..., words...)
    MSG_SEND = 5007;
    /// (name or 0, milliseconds or 0) -> port, label, seqno, rights, words, (name, type)..., words...
    MSG_RECEIVE = 5008;
    /// (thread, pc, sp, arguments 0..4)
    THREAD_START = 5009;
    /// (bytes) -> name of a memory object
    MEMORY_OBJECT_CREATE = 5010;
    /// (host, index) -> memory object, bytes, name length, name
    BOOT_MODULE = 5011;
    /// (host, physical address, bytes) -> memory object
    DEVICE_MEMORY = 5012;
    /// (host, interrupt) -> device port that stands for this interrupt
    DEVICE_INTERRUPT = 5013;
    /// (memory, objects, rights) -> account
    ACCOUNT_CREATE = 5014;
    /// (bytes...): a line for the log
    DEBUG_LOG = 5015;
    /// (interrupt port) -> notification slot, handler slot
    INTERRUPT_ATTACH = 5016;
    /// (host) -> bytes of the device tree as a memory object, bytes
    DEVICE_TREE = 5017;
    /// (account) -> limits and uses, three each
    ACCOUNT_INFO = 5018;
    /// (thread) -> registers
    THREAD_STATE = 5019;
    /// (port) -> number of the task that receives from it
    PORT_SERVER = 5021;
    /// -> a number that nobody can guess
    RANDOM = 5022;
    /// (task): ends its threads and empties its map; its names stay
    TASK_CLEAR = 5023;
    /// (host) -> right that allows VM_ALLOCATE_CONTIGUOUS and nothing else
    DMA_PORT = 5024;
    /// (host, index) -> task at that place or later: index, name
    HOST_TASKS = 5020;
}
