//! What each of Mach's routines refuses, as data: requests in a known setting, and the error of each.
//!
//! The mach server is asked all of it on the host, and again in the booted system.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use mach::Error;
use mach::abi::vm_flags::SUPERPAGE_SIZE_2MB as LARGE;
use mach::abi::{BODY_WORDS_MAX, IN_MEMORY, LARGE_PAGE, disposition::*, notify, right, routine::*};

/// Asks the mach server for a routine.
pub type Ask<'a> = dyn FnMut(u32, &[u64]) -> Result<Vec<u64>, Error> + 'a;

/// A routine, and requests that it refuses.
pub struct Refusals {
    /// The routine's number.
    pub routine: u32,
    /// The words of each request, in which the names below stand for those of the setting, and its
    /// error.
    pub rows: &'static [(&'static [u64], Error)],
}

const fn stand_in(number: u64) -> u64 {
    0x5e77_1e5e << 32 | number
}

// What the words of a row can name, beside numbers.

/// A task without threads that run.
pub const TASK: u64 = stand_in(0);
/// What is left of the name of a task that has ended.
pub const GONE: u64 = stand_in(1);
/// A thread of the task, not started.
pub const THREAD: u64 = stand_in(2);
/// A receive right, without send rights.
pub const PORT: u64 = stand_in(3);
/// A receive right whose queue takes no message.
pub const FULL: u64 = stand_in(4);
/// A receive right with a message of two words.
pub const LOADED: u64 = stand_in(5);
/// A receive right that is a member of the set.
pub const MEMBER: u64 = stand_in(6);
/// A port set.
pub const SET: u64 = stand_in(7);
/// A send right to a port of the task.
pub const SEND: u64 = stand_in(8);
/// A send-once right.
pub const ONCE: u64 = stand_in(9);
/// A dead name.
pub const DEAD: u64 = stand_in(10);
/// A memory object of four pages.
pub const OBJECT: u64 = stand_in(11);
/// Address of four pages, which can be read and written.
pub const MEMORY: u64 = stand_in(12);
/// Address of a page that can be read, and nothing more.
pub const FIXED: u64 = stand_in(13);
/// Address where nothing is: far behind all that is mapped where there is room.
pub const HOLE: u64 = 0xef00_0000;
/// A pager's control port.
pub const CONTROL: u64 = stand_in(14);
/// The name of a pager's memory object.
pub const NAME: u64 = stand_in(15);
/// An account.
pub const ACCOUNT: u64 = stand_in(16);
/// The task's own name for the port that the send right is to.
pub const THEIRS: u64 = stand_in(17);
/// The name of the processor set.
pub const SET_NAME: u64 = stand_in(18);
/// A proxy for two pages of the memory object, which can be read.
pub const PROXY: u64 = stand_in(19);
/// How many of these there are.
const NAMES: usize = 20;

/// A name that denotes nothing.
pub const NONE: u64 = 0xffe;
const PAGE: u64 = 4096;
/// Not to wait.
const POLL: u64 = u64::MAX;
const RW: u64 = 3;

const fn with(name: u64, how: u32) -> u64 {
    name & 0xffff_ffff | (how as u64) << 32 | MARK
}

/// Says that the low half of a word stands in for a name.
const MARK: u64 = 1 << 62;

/// What rows name.
pub struct Setting {
    names: [u64; NAMES],
}

impl Setting {
    /// Makes one of everything.
    pub fn new(ask: &mut Ask<'_>) -> Result<Setting, Error> {
        let mut names = [0; NAMES];
        let mut set = |name: u64, value: u64| names[(name & 0xff) as usize] = value;
        let mut get = |routine, words: &[u64]| ask(routine, words).map(|words| words.first().copied().unwrap_or(0));
        let task = get(TASK_CREATE, &[0])?;
        set(TASK, task);
        let gone = get(TASK_CREATE, &[0])?;
        get(TASK_TERMINATE, &[gone])?;
        set(GONE, gone);
        set(THREAD, get(THREAD_CREATE, &[task, 0])?);
        let port = get(MACH_PORT_ALLOCATE, &[0, 1])?;
        set(PORT, port);
        let full = get(MACH_PORT_ALLOCATE, &[0, 1])?;
        set(FULL, full);
        let loaded = get(MACH_PORT_ALLOCATE, &[0, 1])?;
        set(LOADED, loaded);
        let member = get(MACH_PORT_ALLOCATE, &[0, 1])?;
        set(MEMBER, member);
        let members = get(MACH_PORT_ALLOCATE, &[0, 3])?;
        set(SET, members);
        let theirs = get(MACH_PORT_ALLOCATE, &[task, 1])?;
        set(THEIRS, theirs);
        set(SEND, get(MACH_PORT_EXTRACT_RIGHT, &[task, theirs, MAKE_SEND as u64])?);
        set(ONCE, get(MACH_PORT_INSERT_RIGHT, &[0, 0, port, MAKE_SEND_ONCE as u64])?);
        set(DEAD, get(MACH_PORT_ALLOCATE, &[0, 4])?);
        let object = get(MEMORY_OBJECT_CREATE, &[4 * PAGE])?;
        set(OBJECT, object);
        set(PROXY, get(MEMORY_OBJECT_CREATE_PROXY, &[0, 1, 1, object, 0, PAGE, 2 * PAGE])?);
        set(SET_NAME, get(PROCESSOR_SET_DEFAULT, &[])?);
        let memory = get(VM_ALLOCATE, &[0, 0, 4 * PAGE, 1])?;
        set(MEMORY, memory);
        let fixed = get(VM_ALLOCATE, &[0, 0, PAGE, 1])?;
        set(FIXED, fixed);
        set(ACCOUNT, get(ACCOUNT_CREATE, &[PAGE, PAGE, 9])?);
        let pager = get(MACH_PORT_ALLOCATE, &[0, 1])?;
        ask(MACH_PORT_INSERT_RIGHT, &[0, pager, pager, MAKE_SEND as u64])?;
        ask(VM_MAP, &[0, 0, PAGE, 0, 1, pager, 0, 0, RW, RW, 2])?;
        let told = ask(MSG_RECEIVE, &[pager, POLL])?;
        set(CONTROL, told[5] & 0xfff_ffff);
        set(NAME, told[6] & 0xfff_ffff);
        ask(MACH_PORT_SET_QLIMIT, &[0, full, 0])?;
        ask(MSG_SEND, &[loaded, MAKE_SEND as u64, 7, POLL, 0, 2, 1, 2])?;
        ask(MACH_PORT_MOVE_MEMBER, &[0, member, members])?;
        ask(VM_WRITE, &[0, memory, 8, 0])?;
        ask(VM_PROTECT, &[0, fixed, PAGE, 1, 1])?;
        Ok(Setting { names })
    }

    /// A word of a row as it is sent.
    pub fn word(&self, word: u64) -> u64 {
        if word >> 32 == stand_in(0) >> 32 {
            // Addresses behind a name's are written as a sum.
            let name = self.names[(word & 0xff) as usize];
            return name + (word & 0xffff_ff00);
        }
        if word & MARK != 0 && word & 1 << 63 == 0 {
            let how = word & !MARK & !0xffff_ffff;
            let name = word & 0xffff_ffff;
            return how | self.names.get(name as usize).copied().unwrap_or(name);
        }
        word
    }

    /// What there is to see of the names of the setting: their types and references.
    pub fn look(&self, ask: &mut Ask<'_>) -> Vec<Result<Vec<u64>, Error>> {
        let mut seen = Vec::new();
        for name in self.names {
            seen.push(ask(MACH_PORT_TYPE, &[0, name]));
            for kind in 0..5 {
                seen.push(ask(MACH_PORT_GET_REFS, &[0, name, kind]));
            }
            seen.push(ask(MACH_PORT_GET_RECEIVE_STATUS, &[0, name]));
        }
        seen.push(ask(TASK_INFO, &[0]).map(|words| words[3..4].to_vec()));
        // Memory comes and goes beside all this.
        seen.push(ask(ACCOUNT_INFO, &[0]).map(|words| words[5..].to_vec()));
        seen
    }
}

/// Asks for all that one routine refuses; answers what came instead of a refusal, if it did.
pub fn check(setting: &Setting, refusals: &Refusals, ask: &mut Ask<'_>) -> Result<(), String> {
    let before = setting.look(ask);
    for (place, (words, error)) in refusals.rows.iter().enumerate() {
        let words: Vec<u64> = words.iter().map(|word| setting.word(*word)).collect();
        let answer = ask(refusals.routine, &words).map(drop);
        if answer != Err(*error) {
            return Err(format!("request {place}: {answer:?} instead of {error:?}"));
        }
    }
    let after = setting.look(ask);
    match before.iter().zip(&after).position(|(before, after)| before != after) {
        None => Ok(()),
        Some(at) => Err(format!("a refusal changed {:?} to {:?}", before[at], after[at])),
    }
}

const SHORT: Error = Error::MIG_BAD_ARGUMENTS;
const TASK_: Error = Error::KERN_INVALID_TASK;
const ARGUMENT: Error = Error::KERN_INVALID_ARGUMENT;
const NAME_: Error = Error::KERN_INVALID_NAME;
const RIGHT: Error = Error::KERN_INVALID_RIGHT;
const VALUE: Error = Error::KERN_INVALID_VALUE;
const CAPABILITY: Error = Error::KERN_INVALID_CAPABILITY;
const ADDRESS: Error = Error::KERN_INVALID_ADDRESS;
const PROTECTED: Error = Error::KERN_PROTECTION_FAILURE;
const ACCESS: Error = Error::KERN_NO_ACCESS;
const FAILURE: Error = Error::KERN_FAILURE;
const SPACE: Error = Error::KERN_NO_SPACE;
const CARRIED: Error = Error::MACH_SEND_INVALID_RIGHT;
const NOWHERE: Error = Error::MACH_SEND_INVALID_DEST;

const SEND_REFS: u64 = right::SEND as u64;
const MAKE_ONCE: u64 = MAKE_SEND_ONCE as u64;
const MOVE_ONCE: u64 = MOVE_SEND_ONCE as u64;
const MAKE: u64 = MAKE_SEND as u64;
const COPY: u64 = COPY_SEND as u64;
const MOVE: u64 = MOVE_SEND as u64;
const NO_SENDERS: u64 = notify::NO_SENDERS as u64;
const DESTROYED: u64 = notify::PORT_DESTROYED as u64;
const DEAD_NAME: u64 = notify::DEAD_NAME as u64;

macro_rules! refusals {
    ($($routine:ident: $(($($word:expr),*) => $error:expr;)*)*) => {
        /// All that is refused, by routine.
        pub const ALL: &[Refusals] = &[$(
            Refusals { routine: $routine, rows: &[$((&[$($word),*], $error)),*] },
        )*];
    };
}

refusals! {
    TASK_CREATE:
        () => SHORT; (PORT) => ARGUMENT; (NONE) => ARGUMENT; (TASK) => ARGUMENT;
        (0, NONE) => TASK_; (0, PORT) => TASK_; (0, 0, 4) => ARGUMENT;
        // Its account takes no task.
        (ACCOUNT) => Error::KERN_RESOURCE_SHORTAGE;
    TASK_TERMINATE: () => SHORT; (NONE) => TASK_; (PORT) => TASK_; (THREAD) => TASK_; (GONE) => TASK_;
    TASK_THREADS: () => SHORT; (NONE) => TASK_; (THREAD) => TASK_; (GONE) => TASK_;
    TASK_INFO: () => SHORT; (NONE) => TASK_; (GONE) => TASK_; (TASK, 0) => ARGUMENT; (TASK, 99) => ARGUMENT;
    TASK_SUSPEND: () => SHORT; (NONE) => TASK_; (PORT) => TASK_; (GONE) => TASK_;
    TASK_RESUME: () => SHORT; (NONE) => TASK_; (GONE) => TASK_; (TASK) => FAILURE;
    TASK_GET_SPECIAL_PORT:
        (TASK) => SHORT; (NONE, 1) => TASK_; (GONE, 1) => TASK_; (TASK, 0) => ARGUMENT; (TASK, 2) => ARGUMENT;
        (TASK, 9) => ARGUMENT;
    TASK_SET_SPECIAL_PORT:
        (TASK, 4) => SHORT; (NONE, 4, 0) => TASK_; (TASK, 1, 0) => ARGUMENT; (TASK, 9, 0) => ARGUMENT;
        (TASK, 4, NONE) => CARRIED; (TASK, 4, PORT) => CARRIED; (TASK, 3, SET) => CARRIED;
        (TASK, 3, ONCE) => CARRIED;
    MACH_PORTS_REGISTER:
        (TASK) => SHORT; (NONE, 0) => TASK_; (TASK, 5, 0, 0, 0, 0, 0) => ARGUMENT; (TASK, 1) => SHORT;
        (TASK, 2, SEND, NONE) => CARRIED; (TASK, 1, PORT) => CARRIED;
    MACH_PORTS_LOOKUP: () => SHORT; (NONE) => TASK_; (PORT) => TASK_; (GONE) => TASK_;
    TASK_PRIORITY: (TASK) => SHORT; (NONE, 30, 0) => TASK_; (TASK, 3, 1) => FAILURE; (TASK, 64, 1) => ARGUMENT;
    TASK_CLEAR: () => SHORT; (NONE) => TASK_; (PORT) => TASK_; (GONE) => TASK_;
    THREAD_CREATE:
        (TASK) => SHORT; (NONE, 0) => TASK_; (GONE, 0) => TASK_; (TASK, 1) => ARGUMENT; (TASK, PAGE) => SPACE;
        (TASK, 1 << 40) => ADDRESS; (0, MEMORY) => SPACE;
    THREAD_START: (THREAD) => SHORT; (NONE, 0, 0, 0) => ARGUMENT; (TASK, 0, 0, 0) => ARGUMENT; (PORT, 0, 0, 0) => ARGUMENT;
    THREAD_TERMINATE: () => SHORT; (NONE) => ARGUMENT; (TASK) => ARGUMENT; (DEAD) => ARGUMENT; (0, 0xfff_ffff) => ARGUMENT;
    THREAD_GET_STATE: (THREAD) => SHORT; (NONE, 1) => ARGUMENT; (TASK, 1) => ARGUMENT; (THREAD, 2) => ARGUMENT; (THREAD, 0) => ARGUMENT;
    THREAD_SET_STATE: (THREAD) => SHORT; (NONE, 1) => ARGUMENT; (THREAD, 2, 0) => ARGUMENT; (THREAD, 1, 0, 0) => ARGUMENT;
    THREAD_INFO: (THREAD) => SHORT; (NONE, 1) => ARGUMENT; (TASK, 1) => ARGUMENT; (THREAD, 0) => ARGUMENT; (THREAD, 99) => ARGUMENT;
    THREAD_SUSPEND: () => SHORT; (NONE) => ARGUMENT; (TASK) => ARGUMENT; (DEAD) => ARGUMENT;
    THREAD_RESUME: () => SHORT; (NONE) => ARGUMENT; (TASK) => ARGUMENT; (THREAD) => FAILURE;
    THREAD_ABORT: () => SHORT; (NONE) => ARGUMENT; (TASK) => ARGUMENT; (PORT) => ARGUMENT;
    THREAD_GET_SPECIAL_PORT: (THREAD) => SHORT; (NONE, 1) => ARGUMENT; (THREAD, 4) => ARGUMENT; (THREAD, 0) => ARGUMENT;
    THREAD_SET_SPECIAL_PORT:
        (THREAD, 3) => SHORT; (NONE, 3, 0) => ARGUMENT; (THREAD, 1, 0) => ARGUMENT; (THREAD, 3, NONE) => CARRIED;
        (THREAD, 3, PORT) => CARRIED;
    THREAD_PRIORITY:
        (THREAD, 30) => SHORT; (NONE, 30, 0) => ARGUMENT; (THREAD, 3, 0) => FAILURE; (THREAD, 64, 0) => ARGUMENT;
    THREAD_MAX_PRIORITY:
        (THREAD) => SHORT; (NONE, 0, 30) => ARGUMENT; (THREAD, TASK, 30) => ACCESS; (THREAD, NONE, 30) => ACCESS;
    THREAD_DEPRESS_ABORT: () => SHORT; (NONE) => ARGUMENT; (TASK) => ARGUMENT; (DEAD) => ARGUMENT;
    THREAD_WIRE: () => SHORT; (TASK, THREAD, 1) => ACCESS; (NONE, THREAD, 1) => ACCESS;
    THREAD_TERMINATE_RELEASE:
        (THREAD, TASK, 0, 0, 0) => SHORT; (NONE, TASK, 0, 0, 0, 0) => ARGUMENT; (TASK, TASK, 0, 0, 0, 0) => ARGUMENT;
        (THREAD, NONE, 0, 0, 0, 0) => TASK_; (THREAD, GONE, 0, 0, 0, 0) => TASK_;
    TASK_SET_NAME:
        (TASK) => SHORT; (NONE, 1, 65) => TASK_; (GONE, 1, 65) => TASK_; (TASK, 64) => ARGUMENT; (TASK, 9, 65) => SHORT; (TASK, 2, 65) => ARGUMENT;
        (TASK, u64::MAX, 65) => ARGUMENT;
    THREAD_SET_NAME: (THREAD) => SHORT; (NONE, 1, 65) => ARGUMENT; (TASK, 1, 65) => ARGUMENT; (THREAD, 64) => ARGUMENT; (THREAD, 8, 65) => ARGUMENT;
    THREAD_GET_NAME: () => SHORT; (NONE) => ARGUMENT; (TASK) => ARGUMENT; (DEAD) => ARGUMENT;
    TASK_SET_ESSENTIAL: () => SHORT; (TASK, TASK, 1) => ACCESS; (0, 0, 1) => ACCESS;
    TASK_ASSIGN:
        (TASK, SET_NAME) => ARGUMENT; (NONE, SET_NAME, 0) => TASK_; (GONE, SET_NAME, 0) => TASK_; (TASK, NONE, 0) => ARGUMENT;
        (TASK, SET_NAME, 0) => ARGUMENT; (TASK, PORT, 0) => ARGUMENT;
    TASK_ASSIGN_DEFAULT: (TASK) => SHORT; (NONE, 0) => TASK_; (GONE, 0) => TASK_;
    TASK_GET_ASSIGNMENT: () => SHORT; (NONE) => TASK_; (PORT) => TASK_; (GONE) => TASK_;
    THREAD_ASSIGN: (THREAD) => SHORT; (NONE, SET_NAME) => ARGUMENT; (THREAD, SET_NAME) => ARGUMENT; (THREAD, TASK) => ARGUMENT;
    THREAD_ASSIGN_DEFAULT: () => SHORT; (NONE) => ARGUMENT; (TASK) => ARGUMENT;
    THREAD_GET_ASSIGNMENT: () => SHORT; (NONE) => ARGUMENT; (TASK) => ARGUMENT;
    THREAD_POLICY: (THREAD) => SHORT; (NONE, 1, 0) => ARGUMENT; (THREAD, 2, 0) => FAILURE; (THREAD, 77, 0) => ARGUMENT;

    MACH_PORT_NAMES: (TASK) => SHORT; (NONE, 0) => TASK_; (GONE, 0) => TASK_;
    MACH_PORT_TYPE: (0) => SHORT; (NONE, PORT) => TASK_; (0, NONE) => NAME_; (0, 0) => NAME_; (TASK, PORT + 0x100000) => NAME_;
    MACH_PORT_RENAME:
        (0, PORT) => SHORT; (NONE, PORT, 0x777) => TASK_; (0, NONE, 0x777) => NAME_; (0, PORT, SET) => Error::KERN_NAME_EXISTS;
        (0, PORT, 0) => VALUE; (0, PORT, 3) => VALUE; (0, PORT, 1 << 28) => VALUE;
    MACH_PORT_ALLOCATE_NAME:
        (0, 1) => SHORT; (NONE, 1, 0x777) => TASK_; (0, 0, 0x777) => VALUE; (0, 2, 0x777) => VALUE; (0, 5, 0x777) => VALUE;
        (0, 1, 0) => VALUE; (0, 1, 15) => VALUE; (0, 3, 1 << 28) => VALUE; (0, 1, PORT) => Error::KERN_NAME_EXISTS;
        (0, 4, DEAD) => Error::KERN_NAME_EXISTS;
    MACH_PORT_ALLOCATE: (0) => SHORT; (NONE, 1) => TASK_; (GONE, 1) => TASK_; (0, 0) => VALUE; (0, 2) => VALUE; (0, 5) => VALUE;
    MACH_PORT_DESTROY: (0) => SHORT; (NONE, PORT) => TASK_; (0, NONE) => NAME_; (0, 0) => NAME_;
    MACH_PORT_DEALLOCATE: (0) => SHORT; (NONE, SEND) => TASK_; (0, NONE) => NAME_; (0, PORT) => RIGHT; (0, SET) => RIGHT;
    MACH_PORT_GET_REFS: (0, PORT) => SHORT; (NONE, PORT, 1) => TASK_; (0, NONE, 1) => NAME_; (0, PORT, 5) => VALUE;
    MACH_PORT_MOD_REFS:
        (0, SEND, 0) => SHORT; (NONE, SEND, 0, 1) => TASK_; (0, NONE, 0, 1) => NAME_;
        (0, SEND, SEND_REFS, 0xffff) => Error::KERN_UREFS_OVERFLOW; (0, DEAD, 4, 0xffff) => Error::KERN_UREFS_OVERFLOW;
        (0, PORT, 1, 1) => Error::KERN_UREFS_OVERFLOW; (0, ONCE, 2, 1) => Error::KERN_UREFS_OVERFLOW;
        (0, SET, 3, 1) => Error::KERN_UREFS_OVERFLOW;
        (0, SEND, SEND_REFS, 0xffff_fffe) => VALUE; (0, DEAD, 4, 0xffff_fffe) => VALUE; (0, PORT, 1, 0xffff_fffe) => VALUE;
        (0, PORT, 0, 1) => RIGHT; (0, PORT, 4, 1) => RIGHT; (0, SEND, 1, 1) => RIGHT; (0, SET, 0, 1) => RIGHT; (0, SEND, 9, 1) => RIGHT;
    MACH_PORT_SET_QLIMIT: (0, PORT) => SHORT; (NONE, PORT, 1) => TASK_; (0, NONE, 1) => NAME_; (0, SEND, 1) => RIGHT; (0, PORT, 65536) => VALUE;
    MACH_PORT_SET_MSCOUNT: (0, PORT) => SHORT; (NONE, PORT, 1) => TASK_; (0, NONE, 1) => NAME_; (0, SEND, 1) => RIGHT; (0, SET, 1) => RIGHT;
    MACH_PORT_SET_SEQNO: (0, PORT) => SHORT; (NONE, PORT, 1) => TASK_; (0, NONE, 1) => NAME_; (0, SEND, 1) => RIGHT; (0, ONCE, 1) => RIGHT;
    MACH_PORT_SET_PROTECTED_PAYLOAD: (0, PORT) => SHORT; (NONE, PORT, 1) => TASK_; (0, NONE, 1) => NAME_; (0, SEND, 1) => RIGHT;
    MACH_PORT_CLEAR_PROTECTED_PAYLOAD: (0) => SHORT; (NONE, PORT) => TASK_; (0, NONE) => NAME_; (0, DEAD) => RIGHT;
    MACH_PORT_GET_SET_STATUS: (0) => SHORT; (NONE, SET) => TASK_; (0, NONE) => NAME_; (0, PORT) => RIGHT; (0, SEND) => RIGHT;
    MACH_PORT_MOVE_MEMBER:
        (0, PORT) => SHORT; (NONE, PORT, 0) => TASK_; (0, NONE, SET) => NAME_; (0, SEND, SET) => RIGHT; (0, SET, SET) => RIGHT;
        (0, PORT, PORT) => RIGHT; (0, PORT, NONE) => NAME_; (0, PORT, 0) => Error::KERN_NOT_IN_SET;
    MACH_PORT_REQUEST_NOTIFICATION:
        (0, PORT, NO_SENDERS, 0, 0) => SHORT;
        (NONE, PORT, NO_SENDERS, 0, 0, 0) => TASK_;
        (0, NONE, NO_SENDERS, 0, 0, 0) => NAME_; (0, NONE, DESTROYED, 0, 0, 0) => NAME_; (0, NONE, DEAD_NAME, 0, 0, 0) => NAME_;
        (0, SEND, NO_SENDERS, 0, PORT, MAKE_ONCE) => RIGHT; (0, SEND, DESTROYED, 0, PORT, MAKE_ONCE) => RIGHT;
        (0, SET, DEAD_NAME, 0, PORT, MAKE_ONCE) => RIGHT;
        (0, PORT, 65, 0, PORT, MAKE_ONCE) => VALUE; (0, PORT, 66, 0, PORT, MAKE_ONCE) => VALUE; (0, PORT, 71, 0, PORT, MAKE_ONCE) => VALUE;
        (0, PORT, DESTROYED, 1, LOADED, MAKE_ONCE) => VALUE;
        // Its own backup: a circle.
        (0, PORT, DESTROYED, 0, PORT, MAKE_ONCE) => CAPABILITY;
        (0, PORT, NO_SENDERS, 0, PORT, MAKE) => CAPABILITY; (0, PORT, NO_SENDERS, 0, SEND, MOVE) => CAPABILITY;
        (0, PORT, NO_SENDERS, 0, NONE, MAKE_ONCE) => CAPABILITY; (0, PORT, NO_SENDERS, 0, DEAD, MOVE_ONCE) => CAPABILITY;
        (0, ONCE, DEAD_NAME, 0, ONCE, MOVE_ONCE) => CAPABILITY;
        (0, DEAD, DEAD_NAME, 0, PORT, MAKE_ONCE) => ARGUMENT;
    MACH_PORT_INSERT_RIGHT:
        (0, 0, PORT) => SHORT; (NONE, 0, PORT, MAKE) => TASK_;
        (TASK, 0, NONE, COPY) => CAPABILITY; (TASK, 0, PORT, COPY) => CAPABILITY; (TASK, 0, SET, COPY) => CAPABILITY;
        (TASK, 0, SEND, MAKE) => CAPABILITY; (TASK, 0, PORT, 99) => CAPABILITY; (TASK, 0x500, DEAD, COPY) => CAPABILITY;
        (TASK, 3, ONCE, MOVE_ONCE) => VALUE; (TASK, THEIRS, ONCE, MOVE_ONCE) => Error::KERN_NAME_EXISTS;
        (TASK, 0x500, SEND, COPY) => Error::KERN_RIGHT_EXISTS;
        (TASK, 0, OBJECT, MOVE_MEMORY as u64) => CAPABILITY; (TASK, 0, PROXY, MOVE_MEMORY as u64) => CAPABILITY;
    MACH_PORT_EXTRACT_RIGHT:
        (TASK, THEIRS) => SHORT; (NONE, THEIRS, MAKE) => TASK_; (TASK, NONE, COPY) => RIGHT; (TASK, THEIRS, COPY) => RIGHT;
        (TASK, THEIRS, MOVE_ONCE) => RIGHT; (TASK, THEIRS, 0) => RIGHT;
    MACH_PORT_GET_RECEIVE_STATUS: (0) => SHORT; (NONE, PORT) => TASK_; (0, NONE) => NAME_; (0, SEND) => RIGHT; (0, SET) => RIGHT; (0, DEAD) => RIGHT;

    MSG_SEND:
        (PORT, MAKE, 1, POLL, 0) => SHORT; (PORT, MAKE, 1, POLL, 0, 1) => SHORT; (PORT, MAKE, 1, POLL, 2, 0, 0) => SHORT;
        (PORT, MAKE, 1, POLL, POLL, 1, 0) => SHORT;
        (NONE, COPY, 1, POLL, 0, 0) => NOWHERE; (0, COPY, 1, POLL, 0, 0) => NOWHERE; (DEAD, COPY, 1, POLL, 0, 0) => NOWHERE;
        (SET, COPY, 1, POLL, 0, 0) => NOWHERE; (PORT, COPY, 1, POLL, 0, 0) => NOWHERE; (PORT, MOVE_RECEIVE as u64, 1, POLL, 0, 0) => NOWHERE;
        (TASK, COPY, 1, POLL, 0, 0) => NOWHERE; (GONE, COPY, 1, POLL, 0, 0) => NOWHERE;
        (PORT, MAKE, 1, POLL, 1, 0, with(NONE, COPY_SEND)) => CARRIED; (PORT, MAKE, 1, POLL, 1, 0, with(SET, COPY_SEND)) => CARRIED;
        (PORT, MAKE, 1, POLL, 1, 0, with(PORT, 15)) => CARRIED;
        // Twice what is there once.
        (PORT, MAKE, 1, POLL, 2, 0, with(SEND, MOVE_SEND), with(SEND, MOVE_SEND)) => CARRIED;
        (PORT, MAKE, 1, POLL, 2, 0, with(ONCE, MOVE_SEND_ONCE), with(ONCE, MOVE_SEND_ONCE)) => CARRIED;
        (PORT, MAKE, 1, POLL, 2, 0, with(LOADED, MOVE_RECEIVE), with(LOADED, MAKE_SEND)) => CARRIED;
        (FULL, MAKE, 1, POLL, 1, 0, with(SEND, MOVE_SEND)) => Error::MACH_SEND_TIMED_OUT;
        (PORT, MAKE, 1, POLL, 0, IN_MEMORY | (BODY_WORDS_MAX + 1), OBJECT) => Error::MACH_SEND_TOO_LARGE;
        (PORT, MAKE, 1, POLL, 0, IN_MEMORY | 0x2001, OBJECT) => SHORT; (PORT, MAKE, 1, POLL, 0, IN_MEMORY, OBJECT) => SHORT;
        (PORT, MAKE, 1, POLL, 0, IN_MEMORY | 9, PORT) => CARRIED;
        (PORT, MAKE, 1, POLL, 1, IN_MEMORY | 9, with(OBJECT, COPY_SEND), OBJECT) => CARRIED;
    MSG_SEND_NOTIFY:
        () => SHORT; (PORT, FULL, MAKE, 1, POLL, 0) => SHORT;
        (NONE, FULL, MAKE, 1, POLL, 0, 0) => Error::MACH_SEND_INVALID_NOTIFY; (SEND, FULL, MAKE, 1, POLL, 0, 0) => Error::MACH_SEND_INVALID_NOTIFY;
        (PORT, NONE, COPY, 1, POLL, 0, 0) => NOWHERE;
    MSG_RECEIVE:
        (PORT) => SHORT; (NONE, POLL) => Error::MACH_RCV_INVALID_NAME; (DEAD, POLL) => Error::MACH_RCV_INVALID_NAME;
        (SEND, POLL) => Error::MACH_RCV_INVALID_NAME; (MEMBER, POLL) => Error::MACH_RCV_IN_SET;
        (PORT, POLL) => Error::MACH_RCV_TIMED_OUT; (SET, POLL) => Error::MACH_RCV_TIMED_OUT;
        (LOADED, POLL, NONE) => Error::MACH_RCV_INVALID_NOTIFY; (LOADED, POLL, SEND) => Error::MACH_RCV_INVALID_NOTIFY;
        (LOADED, POLL, 0, 1, 1) => Error::MACH_RCV_TOO_LARGE;
    RIGHTS_SEND: () => SHORT; (0xfff_ffff, SEND, 0) => ARGUMENT;
    RIGHTS_RECEIVE: (1) => SHORT; (1, NONE) => NAME_; (1, SEND) => RIGHT; (1, PORT) => ARGUMENT;
    REPLY_RIGHTS: () => SHORT; (0xfff_ffff, 0) => ARGUMENT;
    REPLY_NEW_PORT: () => SHORT; (0xfff_ffff, 0) => ARGUMENT;
    PORT_SERVER: () => SHORT; (NONE) => NOWHERE; (DEAD) => NOWHERE;
    WINDOW_CREATE: (SEND) => SHORT; (NONE, PAGE) => NOWHERE; (SEND, 0) => ARGUMENT; (SEND, 2 << 20) => ARGUMENT;
    WINDOW_ACCEPT: () => SHORT; (1) => ARGUMENT;
    WINDOW_RELEASE: () => SHORT; (1) => ARGUMENT;
    GSYNC_WAIT: (MEMORY, 0) => SHORT; (MEMORY + 0x100, 5, 1) => ARGUMENT; (1, 0, 1) => ARGUMENT; (HOLE, 0, 1) => ADDRESS;
    GSYNC_WAKE: () => SHORT; (MEMORY) => SHORT;
    GSYNC_REQUEUE:
        (MEMORY, MEMORY, 0) => SHORT; (MEMORY + 0x100, MEMORY, 0, 0) => ARGUMENT; (1, MEMORY, 0, 0) => ADDRESS; (MEMORY, 2, 0, 0) => ADDRESS;
        (HOLE, MEMORY, 0, 0) => ADDRESS; (MEMORY, HOLE, 0, 0) => ADDRESS;

    VM_ALLOCATE:
        (0, 0, PAGE) => SHORT; (NONE, 0, PAGE, 1) => TASK_; (GONE, 0, PAGE, 1) => TASK_; (0, 0, 0, 1) => ARGUMENT;
        (0, 0, u64::MAX, 1) => ARGUMENT; (0, 0, 0xf000_1000, 1) => ARGUMENT; (0, 0, 0xefff_f000, 1) => SPACE; (0, 1, PAGE, 0) => ARGUMENT;
        (0, MEMORY, PAGE, 0) => SPACE; (0, 0, PAGE, 0) => ADDRESS; (0, 0xf000_0000, PAGE, 0) => ADDRESS;
        (0, 0, PAGE, 3) => ARGUMENT; (0, 0, LARGE_PAGE, 1 | 1 << 16) => ARGUMENT; (0, 0, LARGE_PAGE, 1 | 3 << 16) => ARGUMENT;
        (0, 0, PAGE, 1 | LARGE) => ARGUMENT; (0, 0, LARGE_PAGE + PAGE, 1 | LARGE) => ARGUMENT; (0, 0, 9 * LARGE_PAGE, 1 | LARGE) => ARGUMENT;
        (0, HOLE + PAGE, LARGE_PAGE, LARGE) => ARGUMENT; (0, 0xeff0_0000, LARGE_PAGE, LARGE) => ARGUMENT; (0, 0, 0, 1 | LARGE) => ARGUMENT;
    VM_DEALLOCATE: (0, HOLE) => SHORT; (NONE, HOLE, PAGE) => TASK_; (0, 0xf000_0000, PAGE) => ADDRESS; (0, u64::MAX, PAGE) => ADDRESS;
    VM_PROTECT:
        (0, MEMORY, PAGE, 0) => SHORT; (NONE, MEMORY, PAGE, 0, 1) => TASK_; (0, HOLE, PAGE, 0, 1) => ADDRESS;
        (0, MEMORY, PAGE, 0, 8) => ARGUMENT; (0, FIXED, PAGE, 0, 3) => PROTECTED; (0, u64::MAX, 2, 0, 1) => ADDRESS;
    VM_INHERIT: (0, MEMORY, PAGE) => SHORT; (NONE, MEMORY, PAGE, 0) => TASK_; (0, MEMORY, PAGE, 3) => ARGUMENT; (0, u64::MAX, 2, 1) => ADDRESS;
    VM_READ:
        (0, MEMORY) => SHORT; (NONE, MEMORY, 8) => TASK_; (0, HOLE, 8) => ADDRESS; (0, MEMORY, 953) => ARGUMENT; (0, u64::MAX, 8) => ADDRESS;
    VM_WRITE:
        (0, MEMORY, 8) => SHORT; (NONE, MEMORY, 8, 1) => TASK_; (0, HOLE, 8, 1) => ADDRESS; (0, FIXED, 8, 1) => PROTECTED; (0, u64::MAX, 8, 1) => ADDRESS;
    VM_COPY:
        (0, MEMORY, 0, MEMORY) => SHORT; (NONE, MEMORY, 0, MEMORY, 8) => TASK_; (0, MEMORY, NONE, MEMORY, 8) => TASK_; (0, HOLE, 0, MEMORY, 8) => ADDRESS;
        (0, MEMORY, 0, HOLE, 8) => ADDRESS; (0, MEMORY, 0, FIXED, 8) => PROTECTED; (0, MEMORY, 0, MEMORY, (1 << 20) + 1) => ARGUMENT;
    VM_REGION: (0) => SHORT; (NONE, MEMORY) => TASK_; (0, 0xf000_0000) => SPACE;
    VM_MAP:
        (0, 0, PAGE, 0, 1, OBJECT, 0, 0, RW, RW) => SHORT; (NONE, 0, PAGE, 0, 1, OBJECT, 0, 0, RW, RW, 0) => TASK_;
        (0, 0, PAGE, 0, 1, NONE, 0, 0, RW, RW, 0) => ARGUMENT; (0, 0, PAGE, 0, 1, TASK, 0, 0, RW, RW, 0) => ARGUMENT;
        (0, 0, PAGE, 0, 1, OBJECT, 5, 0, RW, RW, 0) => ARGUMENT; (0, 0, PAGE, 0, 1, OBJECT, 4 * PAGE, 0, RW, RW, 0) => ARGUMENT;
        (0, 0, 0, 0, 1, OBJECT, 0, 0, RW, RW, 0) => ARGUMENT; (0, 0, PAGE, 0, 1, OBJECT, 0, 0, RW, 1, 0) => ARGUMENT;
        (0, 0, PAGE, 0, 1, OBJECT, 0, 0, 8, 8, 0) => ARGUMENT; (0, 0, PAGE, 0, 1, OBJECT, 0, 0, RW, RW, 3) => ARGUMENT;
        (0, MEMORY, PAGE, 0, 0, OBJECT, 0, 0, RW, RW, 0) => SPACE; (0, 1, PAGE, 0, 0, OBJECT, 0, 0, RW, RW, 0) => ARGUMENT;
        // More access than the proxy gives is not given; more bytes are refused.
        (0, 0, 3 * PAGE, 0, 1, PROXY, 0, 0, 1, 1, 0) => ARGUMENT; (0, 0, PAGE, 0, 1, PROXY, 2 * PAGE, 0, 1, 1, 0) => ARGUMENT;
        (0, 0, PAGE, 0, 1, PROXY, u64::MAX - 4095, 0, 1, 1, 0) => ARGUMENT; (0, 0, PAGE, 0, 1, ONCE, 0, 0, RW, RW, 0) => ARGUMENT;
        (0, 0, PAGE, u64::MAX >> 1, 1, OBJECT, 0, 0, RW, RW, 0) => SPACE; (0, 0, 1 << 40, 0, 1, 0, 0, 0, RW, RW, 0) => SPACE;
        (0, 0, PAGE, 0, 3, OBJECT, 0, 0, RW, RW, 0) => ARGUMENT; (0, 0, LARGE_PAGE, 0, 1 | LARGE, OBJECT, 0, 0, RW, RW, 0) => ARGUMENT;
        (0, 0, PAGE, 0, 1 | LARGE, 0, 0, 0, RW, RW, 0) => ARGUMENT; (0, HOLE + PAGE, LARGE_PAGE, 0, LARGE, 0, 0, 0, RW, RW, 0) => ARGUMENT;
    MEMORY_OBJECT_CREATE_PROXY:
        (0, 1, 1, OBJECT, 0, 0) => SHORT; (NONE, 1, 1, OBJECT, 0, 0, PAGE) => TASK_; (GONE, 1, 1, OBJECT, 0, 0, PAGE) => TASK_;
        (0, 8, 1, OBJECT, 0, 0, PAGE) => ARGUMENT; (0, 1, 0, OBJECT, 0, 0, PAGE) => ARGUMENT; (0, 1, 2, OBJECT, 0, 0, PAGE) => ARGUMENT;
        (0, 1, 1, 0, 0, 0, PAGE) => NAME_; (0, 1, 1, NONE, 0, 0, PAGE) => ARGUMENT; (0, 1, 1, DEAD, 0, 0, PAGE) => ARGUMENT;
        (0, 1, 1, TASK, 0, 0, PAGE) => ARGUMENT; (0, 1, 1, ONCE, 0, 0, PAGE) => ARGUMENT; (0, 1, 1, PORT, 0, 0, PAGE) => ARGUMENT;
        (0, 1, 1, CONTROL, 0, 0, PAGE) => ARGUMENT; (0, 1, 1, OBJECT, PAGE, 0, PAGE) => ARGUMENT; (0, 1, 1, OBJECT, 0, 5, PAGE) => ARGUMENT;
        (0, 1, 1, OBJECT, 0, PAGE, u64::MAX) => ARGUMENT; (0, 1, 1, PROXY, 0, PAGE, 2 * PAGE) => ARGUMENT;
    VM_REGION_CREATE_PROXY:
        (0, MEMORY, 1) => SHORT; (NONE, MEMORY, 1, PAGE) => TASK_; (GONE, MEMORY, 1, PAGE) => TASK_; (0, MEMORY, 8, PAGE) => ARGUMENT;
        (0, MEMORY, 1, 5 * PAGE) => ARGUMENT; (0, MEMORY, 1, u64::MAX) => ARGUMENT; (0, MEMORY + 0x100, 1, PAGE) => ARGUMENT; (0, 0xf000_0000, 1, PAGE) => SPACE;
    VM_SET_SIZE_LIMIT:
        (0, TASK, 1) => SHORT; (0, NONE, 1, 1) => TASK_; (0, GONE, 1, 1) => TASK_; (0, TASK, 2, 1) => ARGUMENT;
        (TASK, TASK, 1, 1) => ACCESS; (NONE, TASK, 1, 1) => ACCESS;
    VM_GET_SIZE_LIMIT: () => SHORT; (NONE) => TASK_; (GONE) => TASK_; (PORT) => TASK_;
    VM_SET_DEFAULT_MEMORY_MANAGER: () => SHORT; (TASK, 0) => ACCESS; (0, 0) => ACCESS;
    VM_PAGES_PHYS: () => SHORT; (TASK, 0, MEMORY, PAGE) => ACCESS; (0, 0, MEMORY, PAGE) => ACCESS;
    VM_CACHE_STATISTICS: () => SHORT;
    VM_WIRE:
        (0, MEMORY, PAGE) => SHORT; (NONE, MEMORY, PAGE, 1) => TASK_; (0, HOLE, PAGE, 1) => ADDRESS; (0, FIXED, PAGE, 3) => PROTECTED; (0, MEMORY, PAGE, 8) => ARGUMENT;
    VM_WIRE_ALL: (0) => SHORT; (NONE, 1) => TASK_; (TASK, 4) => ARGUMENT;
    VM_MSYNC:
        (0, MEMORY, PAGE) => SHORT; (NONE, MEMORY, PAGE, 1) => TASK_; (0, MEMORY, PAGE, 3) => ARGUMENT; (0, MEMORY, PAGE, 16) => ARGUMENT; (0, HOLE, PAGE, 1) => ADDRESS;
    VM_OBJECT_SYNC: (NAME, 0, PAGE, 0) => SHORT; (NONE, 0, PAGE, 0, 0) => ARGUMENT; (OBJECT, 0, PAGE, 0, 0) => ARGUMENT; (NAME, 5, PAGE, 0, 0) => ARGUMENT;
    VM_MACHINE_ATTRIBUTE: (0, MEMORY, PAGE, 1, 1) => ARGUMENT;
    VM_ALLOCATE_CONTIGUOUS: () => SHORT; (TASK, 0, 1) => ACCESS; (0, 0, 1) => ACCESS;

    MEMORY_OBJECT_CREATE: () => SHORT; (0) => ARGUMENT; (1 << 41) => ARGUMENT; (PAGE, 2) => ARGUMENT; (LARGE_PAGE + PAGE, LARGE) => ARGUMENT;
    MEMORY_OBJECT_READY: (CONTROL, 1) => SHORT; (NONE, 1, 0) => ARGUMENT; (OBJECT, 1, 0) => ARGUMENT; (NAME, 1, 0) => ARGUMENT; (CONTROL, 1, 9) => ARGUMENT;
    MEMORY_OBJECT_CHANGE_ATTRIBUTES:
        (CONTROL, 1, 0, 0) => SHORT; (NONE, 1, 0, 0, 0) => ARGUMENT; (NAME, 1, 0, 0, 0) => ARGUMENT; (CONTROL, 1, 0, SET, MAKE_ONCE) => CAPABILITY;
        (CONTROL, 1, 9, 0, 0) => ARGUMENT;
    MEMORY_OBJECT_GET_ATTRIBUTES: () => SHORT; (NONE) => ARGUMENT; (OBJECT) => ARGUMENT;
    MEMORY_OBJECT_DATA_SUPPLY:
        (CONTROL, 0, MEMORY, PAGE, 0, 0, 0) => SHORT; (NONE, 0, MEMORY, PAGE, 0, 0, 0, 0, 0) => ARGUMENT; (OBJECT, 0, MEMORY, PAGE, 0, 0, 0, 0, 0) => ARGUMENT;
        (CONTROL, 5, MEMORY, PAGE, 0, 0, 0, 0, 0) => ARGUMENT; (CONTROL, 0, MEMORY, 1 << 40, 0, 0, 0, 0, 0) => ARGUMENT;
        (CONTROL, 0, HOLE, PAGE, 0, 0, 0, 0, 0) => ADDRESS; (CONTROL, 0, MEMORY, PAGE, 8, 0, 0, 0, 0) => ARGUMENT;
    MEMORY_OBJECT_DATA_UNAVAILABLE: (CONTROL, 0) => SHORT; (NONE, 0, PAGE) => ARGUMENT; (CONTROL, 5, PAGE) => ARGUMENT; (CONTROL, 0, 5) => ARGUMENT;
    MEMORY_OBJECT_DATA_ERROR: (CONTROL, 0) => SHORT; (NONE, 0, PAGE, 1) => ARGUMENT; (CONTROL, 5, PAGE, 1) => ARGUMENT;
    MEMORY_OBJECT_LOCK_REQUEST:
        (CONTROL, 0, PAGE, 0, 0, 8, 0) => SHORT; (NONE, 0, PAGE, 0, 0, 8, 0, 0) => ARGUMENT; (CONTROL, 5, PAGE, 0, 0, 8, 0, 0) => ARGUMENT;
        (CONTROL, 0, PAGE, 0, 0, 9, 0, 0) => ARGUMENT; (CONTROL, 0, PAGE, 0, 0, 8, SET, MAKE_ONCE) => CAPABILITY; (CONTROL, 0, PAGE, 9, 0, 8, 0, 0) => ARGUMENT;
    MEMORY_OBJECT_DESTROY: () => SHORT; (NONE, 0) => ARGUMENT; (OBJECT, 0) => ARGUMENT;

    ACCOUNT_CREATE: (1, 1) => SHORT; (1, 1, 1, NONE) => ARGUMENT; (1, 1, 1, TASK) => ARGUMENT;
    ACCOUNT_TERMINATE:
        (ACCOUNT) => SHORT; (NONE, 0) => ARGUMENT; (TASK, 0) => ARGUMENT; (PORT, 0) => ARGUMENT; (ACCOUNT, 4 << 32) => ARGUMENT;
        // Who asks is in it.
        (0, 0) => ARGUMENT;
    TASK_SET_ACCOUNT:
        (TASK) => SHORT; (NONE, ACCOUNT) => TASK_; (GONE, ACCOUNT) => TASK_; (TASK, NONE) => ARGUMENT; (TASK, PORT) => ARGUMENT;
        (TASK, ACCOUNT) => Error::KERN_RESOURCE_SHORTAGE;
    TASK_RIGHTS: (0) => SHORT; (NONE, 0) => TASK_; (PORT, 0) => TASK_; (GONE, 0) => TASK_;
    ACCOUNT_INFO: () => SHORT; (NONE) => ARGUMENT; (TASK) => ARGUMENT;
    BOOT_MODULE: () => SHORT; (TASK, 0) => ACCESS; (NONE, 0) => ACCESS;
    DEVICE_MEMORY: () => SHORT; (TASK, 0, PAGE) => ACCESS;
    DEVICE_INTERRUPT: () => SHORT; (TASK, 33) => ACCESS;
    DEVICE_MESSAGE: () => SHORT; (TASK) => ACCESS;
    DEVICE_PORTS: () => SHORT; (TASK, 0x3f8, 8) => ACCESS;
    DEVICE_TREE: () => SHORT; (TASK) => ACCESS;
    DMA_PORT: () => SHORT; (TASK) => ACCESS;
    PROCESSOR_SET_TASKS: () => SHORT; (TASK, 0) => ACCESS; (0, 0) => ACCESS; (SET_NAME, 0) => ACCESS;
    HOST_PORTS: () => SHORT; (TASK, 0) => ACCESS; (0, 0) => ACCESS;
    HOST_PORT_RIGHTS: () => SHORT; (TASK, 0, 0) => ACCESS; (0, 0, 0) => ACCESS;
    HOST_ACCOUNTS: () => SHORT; (TASK, 0) => ACCESS; (ACCOUNT, 0) => ACCESS;
    HOST_REBOOT: () => SHORT; (TASK, 0) => ACCESS;
    HOST_SET_TIME64: () => SHORT; (TASK, 0) => ACCESS;
    HOST_SET_TIME: () => SHORT; (TASK, 0, 0) => ACCESS; (0, 0, 0) => ACCESS;
    HOST_ADJUST_TIME: () => SHORT; (TASK, 0, 0) => ACCESS; (0, 0, 0) => ACCESS;
    HOST_ADJUST_TIME64: () => SHORT; (TASK, 0) => ACCESS; (0, 0) => ACCESS;
    HOST_INFO: () => SHORT; (0) => ARGUMENT; (5) => ARGUMENT; (4) => FAILURE;
    HOST_PROCESSORS: () => SHORT; (TASK) => ACCESS; (0) => ACCESS; (SET_NAME) => ACCESS;
    HOST_PROCESSOR_SET_PRIV: () => SHORT; (TASK, SET_NAME) => ACCESS; (SET_NAME, SET_NAME) => ACCESS;
    PROCESSOR_START: () => SHORT; (NONE) => ARGUMENT; (SET_NAME) => ARGUMENT;
    PROCESSOR_EXIT: () => SHORT; (NONE) => ARGUMENT; (SET_NAME) => ARGUMENT;
    PROCESSOR_CONTROL: () => SHORT; (NONE) => ARGUMENT; (TASK) => ARGUMENT;
    PROCESSOR_ASSIGN: () => SHORT; (NONE, SET_NAME, 0) => ARGUMENT; (TASK, SET_NAME, 0) => ARGUMENT;
    PROCESSOR_GET_ASSIGNMENT: () => SHORT; (NONE) => ARGUMENT; (SET_NAME) => ARGUMENT;
    PROCESSOR_INFO: () => SHORT; (NONE, 1) => ARGUMENT; (SET_NAME, 1) => ARGUMENT;
    PROCESSOR_SET_CREATE: () => SHORT; (TASK) => ACCESS; (SET_NAME) => ACCESS;
    PROCESSOR_SET_DESTROY: () => SHORT; (NONE) => ARGUMENT; (SET_NAME) => ARGUMENT;
    PROCESSOR_SET_INFO: (SET_NAME) => SHORT; (NONE, 1) => ARGUMENT; (TASK, 1) => ARGUMENT; (SET_NAME, 0) => ARGUMENT; (SET_NAME, 3) => ARGUMENT;
    PROCESSOR_SET_PROCESSORS: () => SHORT; (NONE) => ARGUMENT; (TASK) => ARGUMENT;
    PROCESSOR_SET_MAX_PRIORITY: () => SHORT; (NONE, 30, 0, 0) => ARGUMENT; (SET_NAME, 30, 0, 0) => ARGUMENT;
    PROCESSOR_SET_POLICY_ENABLE: () => SHORT; (NONE, 1) => ARGUMENT; (SET_NAME, 1) => ARGUMENT;
    PROCESSOR_SET_POLICY_DISABLE: () => SHORT; (NONE, 2, 0) => ARGUMENT; (SET_NAME, 2, 0) => ARGUMENT;
    PROCESSOR_SET_THREADS: () => SHORT; (TASK, 0) => ACCESS; (SET_NAME, 0) => ACCESS; (0, 0) => ACCESS;
    REGISTER_NEW_TASK_NOTIFICATION: () => SHORT; (TASK, PORT) => ACCESS;
    INTERRUPT_ATTACH: () => SHORT; (NONE) => ARGUMENT; (TASK) => ARGUMENT;
    PORTS_ATTACH: () => SHORT; (NONE) => ARGUMENT; (TASK) => ARGUMENT;
    DEBUG_LOG: () => SHORT; (9) => SHORT; (9, 0) => SHORT;
}
