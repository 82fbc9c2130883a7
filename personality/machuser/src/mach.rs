//! The mach server's operations on tasks, threads, memory and the host.
//!
//! On the host, where there is no mach server, all but the pure ones answer `MIG_BAD_ID`.

use crate::arch::Ports;
use crate::{AsName, Error, Name, Result, Right, SendRight};
use ::mach::abi::{flavor, right, routine, vm_flags};
use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::{Ordering, fence};

pub use ::mach::Protection;
pub use ::mach::abi::{LARGE_PAGE, inherit, memory_object, memory_return, sync};

/// The caller's own task, where a task is asked for.
pub const SELF: Name = 0;

#[cfg(target_os = "none")]
fn ask(number: u32, words: &[u64]) -> Result<Vec<u64>> {
    let (len, mrs) = crate::sys::mach_call_words(number, words)?;
    Ok(crate::sys::answer_words(len, mrs))
}

#[cfg(not(target_os = "none"))]
fn ask(_number: u32, _words: &[u64]) -> Result<Vec<u64>> {
    Err(Error::MIG_BAD_ID)
}

fn first(words: Vec<u64>) -> Result<u64> {
    words.first().copied().ok_or(Error::MIG_BAD_ARGUMENTS)
}

fn right_of(words: Vec<u64>) -> Result<SendRight> {
    Ok(SendRight::from_raw(first(words)? as Name))
}

// ---- memory

/// Where memory goes.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// Wherever there is room.
    Anywhere,
    /// At this page-aligned address, which must be free.
    At(u64),
}

impl Place {
    fn words(self) -> (u64, u64) {
        match self {
            Place::Anywhere => (0, 1),
            Place::At(address) => (address, 0),
        }
    }
}

/// Zeroed memory, read-write, charged when touched; answers its address.
pub fn vm_allocate(task: impl AsName, place: Place, bytes: u64) -> Result<u64> {
    let (address, anywhere) = place.words();
    first(ask(
        routine::VM_ALLOCATE,
        &[task.as_name() as u64, address, bytes, anywhere],
    )?)
}

/// Zeroed memory of large pages ([`LARGE_PAGE`]), read-write, present and charged at once: `bytes`,
/// at most 16 MiB, and an address are multiples of them. `KERN_RESOURCE_SHORTAGE` where no free
/// memory lies together. What is freed, protected, inherited or wired of it are whole large pages;
/// it can be read, written and copied like other memory.
pub fn vm_allocate_large(task: impl AsName, place: Place, bytes: u64) -> Result<u64> {
    let (address, anywhere) = place.words();
    let flags = anywhere | vm_flags::SUPERPAGE_SIZE_2MB;
    first(ask(routine::VM_ALLOCATE, &[task.as_name() as u64, address, bytes, flags])?)
}

/// Frees addresses.
pub fn vm_deallocate(task: impl AsName, address: u64, bytes: u64) -> Result<()> {
    ask(
        routine::VM_DEALLOCATE,
        &[task.as_name() as u64, address, bytes],
    )
    .map(drop)
}

/// Changes the protection of memory.
pub fn vm_protect(
    task: impl AsName,
    address: u64,
    bytes: u64,
    set_maximum: bool,
    protection: Protection,
) -> Result<()> {
    let words = [
        task.as_name() as u64,
        address,
        bytes,
        set_maximum as u64,
        protection.0 as u64,
    ];
    ask(routine::VM_PROTECT, &words).map(drop)
}

/// Maps part of a memory object: shared, or (`copy`) as a private copy of what it holds now.
#[allow(clippy::too_many_arguments)]
pub fn vm_map(
    task: impl AsName,
    place: Place,
    bytes: u64,
    object: impl AsName,
    offset: u64,
    copy: bool,
    protection: Protection,
    maximum: Protection,
) -> Result<u64> {
    let (address, anywhere) = place.words();
    // Shared memory is inherited shared, private memory copied.
    let inheritance = if copy { 1 } else { 0 };
    let words = [
        task.as_name() as u64,
        address,
        bytes,
        0,
        anywhere,
        object.as_name() as u64,
        offset,
        copy as u64,
        protection.0 as u64,
        maximum.0 as u64,
        inheritance,
    ];
    first(ask(routine::VM_MAP, &words)?)
}

/// What a child gets of memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Inheritance {
    /// The same memory.
    Share = 0,
    /// A copy.
    Copy = 1,
    /// Nothing.
    None = 2,
}

/// Says what children of a task get of its memory in a range.
pub fn vm_inherit(
    task: impl AsName,
    address: u64,
    bytes: u64,
    inheritance: Inheritance,
) -> Result<()> {
    let words = [task.as_name() as u64, address, bytes, inheritance as u64];
    ask(routine::VM_INHERIT, &words).map(drop)
}

/// Makes memory present for these accesses, and keeps it so; `Protection::NONE` ends that.
pub fn vm_wire(task: impl AsName, address: u64, bytes: u64, access: Protection) -> Result<()> {
    let words = [task.as_name() as u64, address, bytes, access.0 as u64];
    ask(routine::VM_WIRE, &words).map(drop)
}

/// The same for all memory of a task, now (bit 0 of `flags`), and what it will get (bit 1); 0 ends it.
pub fn vm_wire_all(task: impl AsName, flags: u64) -> Result<()> {
    ask(routine::VM_WIRE_ALL, &[task.as_name() as u64, flags]).map(drop)
}

/// Sends what was written in a range back to its pagers ([`sync`], bits).
pub fn vm_msync(task: impl AsName, address: u64, bytes: u64, flags: u64) -> Result<()> {
    ask(
        routine::VM_MSYNC,
        &[task.as_name() as u64, address, bytes, flags],
    )
    .map(drop)
}

// ---- for pagers, with the control port that `memory_object_init` brings

/// The pager answers from now on. Strategies: 0 none, 2 delay.
pub fn memory_object_ready(control: impl AsName, may_cache: bool, strategy: u64) -> Result<()> {
    let words = [control.as_name() as u64, may_cache as u64, strategy];
    ask(routine::MEMORY_OBJECT_READY, &words).map(drop)
}

/// Changes what [`memory_object_ready`] said. An object that nobody maps ends if it may not be kept.
pub fn memory_object_change_attributes(
    control: impl AsName,
    may_cache: bool,
    strategy: u64,
) -> Result<()> {
    let words = [control.as_name() as u64, may_cache as u64, strategy, 0, 0];
    ask(routine::MEMORY_OBJECT_CHANGE_ATTRIBUTES, &words).map(drop)
}

/// Gives pages at `address` of the caller's memory to an object, at most 1 MiB: shared until somebody
/// writes, or moved, so that the caller has them no more. `lock` is the access that must be asked for.
pub fn memory_object_data_supply(
    control: impl AsName,
    offset: u64,
    address: u64,
    bytes: u64,
    lock: Protection,
    precious: bool,
    moved: bool,
) -> Result<()> {
    let words = [
        control.as_name() as u64,
        offset,
        address,
        bytes,
        lock.0 as u64,
        precious as u64,
        moved as u64,
        0,
        0,
    ];
    ask(routine::MEMORY_OBJECT_DATA_SUPPLY, &words).map(drop)
}

/// Whoever waits for pages of this range gets zeroes.
pub fn memory_object_data_unavailable(control: impl AsName, offset: u64, bytes: u64) -> Result<()> {
    let words = [control.as_name() as u64, offset, bytes];
    ask(routine::MEMORY_OBJECT_DATA_UNAVAILABLE, &words).map(drop)
}

/// Whoever waits for pages of this range gets an exception.
pub fn memory_object_data_error(control: impl AsName, offset: u64, bytes: u64) -> Result<()> {
    let words = [control.as_name() as u64, offset, bytes, 0];
    ask(routine::MEMORY_OBJECT_DATA_ERROR, &words).map(drop)
}

/// Has pages sent back ([`memory_return`]), then forgets them (`flush`) or changes what must be asked
/// for (`None`: nothing changes).
pub fn memory_object_lock_request(
    control: impl AsName,
    offset: u64,
    bytes: u64,
    which: u64,
    flush: bool,
    lock: Option<Protection>,
) -> Result<()> {
    let lock = lock.map_or(::mach::abi::NO_CHANGE, |lock| lock.0 as u64);
    let words = [
        control.as_name() as u64,
        offset,
        bytes,
        which,
        flush as u64,
        lock,
        0,
        0,
    ];
    ask(routine::MEMORY_OBJECT_LOCK_REQUEST, &words).map(drop)
}

/// Ends an object: who maps it gets exceptions.
pub fn memory_object_destroy(control: impl AsName) -> Result<()> {
    ask(
        routine::MEMORY_OBJECT_DESTROY,
        &[control.as_name() as u64, 0],
    )
    .map(drop)
}

/// Reads a task's memory.
pub fn vm_read(task: impl AsName, address: u64, bytes: &mut [u8]) -> Result<()> {
    let mut at = address;
    for piece in bytes.chunks_mut(896) {
        let words = ask(
            routine::VM_READ,
            &[task.as_name() as u64, at, piece.len() as u64],
        )?;
        for (chunk, word) in piece.chunks_mut(8).zip(words.iter().skip(1)) {
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
        at += piece.len() as u64;
    }
    Ok(())
}

/// Writes a task's memory.
pub fn vm_write(task: impl AsName, address: u64, bytes: &[u8]) -> Result<()> {
    let mut at = address;
    for piece in bytes.chunks(896) {
        let mut words = alloc::vec![task.as_name() as u64, at, piece.len() as u64];
        for chunk in piece.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            words.push(u64::from_le_bytes(word));
        }
        ask(routine::VM_WRITE, &words)?;
        at += piece.len() as u64;
    }
    Ok(())
}

/// Copies memory from one task to another (or within one).
pub fn vm_copy(
    from: impl AsName,
    source: u64,
    to: impl AsName,
    target: u64,
    bytes: u64,
) -> Result<()> {
    const STEP: u64 = 256 << 10;
    let mut done = 0;
    while done < bytes {
        let size = STEP.min(bytes - done);
        let words = [
            from.as_name() as u64,
            source + done,
            to.as_name() as u64,
            target + done,
            size,
        ];
        ask(routine::VM_COPY, &words)?;
        done += size;
    }
    Ok(())
}

/// A region of a map.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    /// Its first address.
    pub address: u64,
    /// Its size.
    pub bytes: u64,
    /// Its protection.
    pub protection: Protection,
    /// The protection that it can be given.
    pub maximum: Protection,
    /// 0 shared, 1 copied, 2 none.
    pub inheritance: u32,
    /// Whether others may map the same memory.
    pub shared: bool,
}

/// The region at an address, or the next one; `KERN_NO_SPACE` behind the last.
pub fn vm_region(task: impl AsName, address: u64) -> Result<Region> {
    let words = ask(routine::VM_REGION, &[task.as_name() as u64, address])?;
    let [address, bytes, protection, maximum, inheritance, shared, ..] = words[..] else {
        return Err(Error::MIG_BAD_ARGUMENTS);
    };
    Ok(Region {
        address,
        bytes,
        protection: Protection(protection as u32),
        maximum: Protection(maximum as u32),
        inheritance: inheritance as u32,
        shared: shared != 0,
    })
}

/// Counts of the whole system, and of the caller's account.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statistics {
    /// Bytes of memory in all.
    pub memory: u64,
    /// Bytes that nothing uses.
    pub free: u64,
    /// Tasks.
    pub tasks: u64,
    /// Threads.
    pub threads: u64,
    /// Ports.
    pub ports: u64,
    /// Memory objects.
    pub objects: u64,
    /// The account's limits of memory, kernel objects and rights, then what it uses of them.
    pub account: [u64; 6],
    /// Memory faults of threads since the start.
    pub faults: u64,
    /// Pages of zeroes that were made.
    pub zero_fills: u64,
    /// Pages that were copied because somebody wrote to shared ones.
    pub cow_faults: u64,
    /// Pages that pagers have supplied.
    pub pageins: u64,
    /// Pages that went back to pagers.
    pub pageouts: u64,
}

/// Counts of the system.
pub fn vm_statistics() -> Result<Statistics> {
    let words = ask(routine::VM_STATISTICS, &[])?;
    let [
        memory,
        free,
        tasks,
        threads,
        ports,
        objects,
        a,
        b,
        c,
        d,
        e,
        f,
        faults,
        zero_fills,
        cow_faults,
        pageins,
        pageouts,
        ..,
    ] = words[..]
    else {
        return Err(Error::MIG_BAD_ARGUMENTS);
    };
    let account = [a, b, c, d, e, f];
    Ok(Statistics {
        memory,
        free,
        tasks,
        threads,
        ports,
        objects,
        account,
        faults,
        zero_fills,
        cow_faults,
        pageins,
        pageouts,
    })
}

/// Memory of zeroes that can be mapped by whoever holds the right.
pub fn memory_object_create(bytes: u64) -> Result<SendRight> {
    right_of(ask(routine::MEMORY_OBJECT_CREATE, &[bytes])?)
}

/// The same of large pages, which are made where it is mapped; `bytes` is a multiple of them.
pub fn memory_object_create_large(bytes: u64) -> Result<SendRight> {
    right_of(ask(routine::MEMORY_OBJECT_CREATE, &[bytes, vm_flags::SUPERPAGE_SIZE_2MB])?)
}

// ---- tasks and threads

/// A new task without memory or threads, charged to `account` (0: the caller's).
pub fn task_create(account: impl AsName) -> Result<SendRight> {
    right_of(ask(routine::TASK_CREATE, &[account.as_name() as u64])?)
}

/// A new task without threads, charged to `account` (0: the caller's), that begins with what `parent`
/// lets it have ([`inherit`], bits).
pub fn task_create_from(
    account: impl AsName,
    parent: impl AsName,
    inherits: u64,
) -> Result<SendRight> {
    let words = [account.as_name() as u64, parent.as_name() as u64, inherits];
    right_of(ask(routine::TASK_CREATE, &words)?)
}

/// Ends a task.
pub fn task_terminate(task: impl AsName) -> Result<()> {
    ask(routine::TASK_TERMINATE, &[task.as_name() as u64]).map(drop)
}

/// Stops a task's threads; counts.
pub fn task_suspend(task: impl AsName) -> Result<()> {
    ask(routine::TASK_SUSPEND, &[task.as_name() as u64]).map(drop)
}

/// Undoes one [`task_suspend`].
pub fn task_resume(task: impl AsName) -> Result<()> {
    ask(routine::TASK_RESUME, &[task.as_name() as u64]).map(drop)
}

/// What there is to know of a task.
#[derive(Clone, Copy, Debug, Default)]
pub struct TaskInfo {
    /// Threads.
    pub threads: u64,
    /// How often it is suspended.
    pub suspended: u64,
    /// Bytes of memory that it has mapped.
    pub resident: u64,
    /// Names in its port space.
    pub names: u64,
    /// The number that others know it by.
    pub number: u32,
    /// The number of its account.
    pub account: u32,
}

/// What there is to know of a task.
pub fn task_info(task: impl AsName) -> Result<TaskInfo> {
    let words = ask(routine::TASK_INFO, &[task.as_name() as u64])?;
    let [threads, suspended, resident, names, _, number, account, ..] = words[..] else {
        return Err(Error::MIG_BAD_ARGUMENTS);
    };
    Ok(TaskInfo {
        threads,
        suspended,
        resident,
        names,
        number: number as u32,
        account: account as u32,
    })
}

/// Ports that a task keeps with the mach server.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub enum SpecialPort {
    /// The task's own.
    Kernel = 1,
    /// Where its exceptions go.
    Exception = 3,
    /// Its bootstrap port.
    Bootstrap = 4,
    /// Where its exceptions go together with the thread's state.
    ExceptionState = 5,
}

/// A special port of a task; `None` if it is not set.
pub fn task_get_special_port(task: impl AsName, which: SpecialPort) -> Result<Option<SendRight>> {
    let words = ask(
        routine::TASK_GET_SPECIAL_PORT,
        &[task.as_name() as u64, which as u64],
    )?;
    let name = first(words)? as Name;
    Ok((name != 0).then(|| SendRight::from_raw(name)))
}

/// Sets a special port of a task to a copy of `port` (0: none).
pub fn task_set_special_port(
    task: impl AsName,
    which: SpecialPort,
    port: impl AsName,
) -> Result<()> {
    let words = [task.as_name() as u64, which as u64, port.as_name() as u64];
    ask(routine::TASK_SET_SPECIAL_PORT, &words).map(drop)
}

/// A special port of a thread: its own, or where its exceptions go; `None` if it is not set.
pub fn thread_get_special_port(
    thread: impl AsName,
    which: SpecialPort,
) -> Result<Option<SendRight>> {
    let words = [thread.as_name() as u64, which as u64];
    let name = first(ask(routine::THREAD_GET_SPECIAL_PORT, &words)?)? as Name;
    Ok((name != 0).then(|| SendRight::from_raw(name)))
}

/// Sets where a thread's exceptions go to a copy of `port` (0: none); its handler comes before its
/// task's.
pub fn thread_set_special_port(
    thread: impl AsName,
    which: SpecialPort,
    port: impl AsName,
) -> Result<()> {
    let words = [thread.as_name() as u64, which as u64, port.as_name() as u64];
    ask(routine::THREAD_SET_SPECIAL_PORT, &words).map(drop)
}

/// Ports that a task keeps with the mach server for its children: at most four, 0 for none.
pub fn ports_register(task: impl AsName, ports: &[Name]) -> Result<()> {
    let mut words = alloc::vec![task.as_name() as u64, ports.len() as u64];
    words.extend(ports.iter().map(|name| *name as u64));
    ask(routine::MACH_PORTS_REGISTER, &words).map(drop)
}

/// What [`ports_register`] keeps.
pub fn ports_lookup(task: impl AsName) -> Result<Vec<Option<SendRight>>> {
    let words = ask(routine::MACH_PORTS_LOOKUP, &[task.as_name() as u64])?;
    let names = words.iter().skip(1);
    Ok(names
        .map(|name| (*name != 0).then(|| SendRight::from_raw(*name as Name)))
        .collect())
}

/// The ports of all threads of a task.
pub fn task_threads(task: impl AsName) -> Result<Vec<SendRight>> {
    let mut all: Vec<SendRight> = Vec::new();
    loop {
        let words = ask(
            routine::TASK_THREADS,
            &[task.as_name() as u64, all.len() as u64],
        )?;
        if words.len() < 2 {
            return Ok(all);
        }
        all.extend(
            words[1..]
                .iter()
                .map(|name| SendRight::from_raw(*name as Name)),
        );
    }
}

/// A thread's registers, in the machine's order.
pub fn thread_get_state(thread: impl AsName) -> Result<Vec<u64>> {
    ask(
        routine::THREAD_GET_STATE,
        &[thread.as_name() as u64, flavor::THREAD_STATE],
    )
}

/// Sets a thread's registers. A thread that was never started starts with its next resumption.
/// `KERN_FAILURE` while it waits for the answer of a call.
pub fn thread_set_state(thread: impl AsName, state: &[u64]) -> Result<()> {
    let mut words = alloc::vec![thread.as_name() as u64, flavor::THREAD_STATE];
    words.extend_from_slice(state);
    ask(routine::THREAD_SET_STATE, &words).map(drop)
}

/// What there is to know of a thread (`mach::abi::flavor`).
pub fn thread_info(thread: impl AsName, wanted: u64) -> Result<Vec<u64>> {
    ask(routine::THREAD_INFO, &[thread.as_name() as u64, wanted])
}

/// Sets a thread's priority, in Mach's numbers (`mach::abi::priority`), and with `limit` also the
/// highest that it can have from then on. `KERN_FAILURE` above what it may have.
pub fn thread_priority(thread: impl AsName, priority: u64, limit: bool) -> Result<()> {
    let words = [thread.as_name() as u64, priority, limit as u64];
    ask(routine::THREAD_PRIORITY, &words).map(drop)
}

/// Sets the priority that a task's new threads have, and with `threads` that of those it has.
pub fn task_priority(task: impl AsName, priority: u64, threads: bool) -> Result<()> {
    let words = [task.as_name() as u64, priority, threads as u64];
    ask(routine::TASK_PRIORITY, &words).map(drop)
}

/// A routine of the mach server by its number, with words as docs/ABI.md has them; for what has no
/// function of its own here.
pub fn request(number: u32, words: &[u64]) -> Result<Vec<u64>> {
    ask(number, words)
}

/// A thread that does not run yet.
#[derive(Debug)]
pub struct Thread {
    /// Its port.
    pub port: SendRight,
    /// Its number.
    pub number: u32,
    /// Where its page is in the task.
    pub page: u64,
}

/// A thread in a task, with its page at a free address or wherever there is room.
pub fn thread_create(task: impl AsName, page: Place) -> Result<Thread> {
    let words = ask(
        routine::THREAD_CREATE,
        &[task.as_name() as u64, page.words().0],
    )?;
    let [port, number, page, ..] = words[..] else {
        return Err(Error::MIG_BAD_ARGUMENTS);
    };
    Ok(Thread {
        port: SendRight::from_raw(port as Name),
        number: number as u32,
        page,
    })
}

/// Starts a thread. Its argument registers hold its page's address, `argument`, and its number.
pub fn thread_start(thread: impl AsName, pc: u64, sp: u64, argument: u64) -> Result<()> {
    ask(
        routine::THREAD_START,
        &[thread.as_name() as u64, pc, sp, argument],
    )
    .map(drop)
}

/// Ends a thread.
pub fn thread_terminate(thread: impl AsName) -> Result<()> {
    ask(routine::THREAD_TERMINATE, &[thread.as_name() as u64]).map(drop)
}

/// Stops a thread; counts.
pub fn thread_suspend(thread: impl AsName) -> Result<()> {
    ask(routine::THREAD_SUSPEND, &[thread.as_name() as u64]).map(drop)
}

/// Undoes one [`thread_suspend`].
pub fn thread_resume(thread: impl AsName) -> Result<()> {
    ask(routine::THREAD_RESUME, &[thread.as_name() as u64]).map(drop)
}

/// Ends the call that a thread waits in, with `MACH_RCV_INTERRUPTED`.
pub fn thread_abort(thread: impl AsName) -> Result<()> {
    ask(routine::THREAD_ABORT, &[thread.as_name() as u64]).map(drop)
}

/// The threads of a task are ended one and all, its memory unmapped and the names in `keep` alone
/// stay: what an exec in place begins with.
pub fn task_clear(task: impl AsName) -> Result<()> {
    ask(routine::TASK_CLEAR, &[task.as_name() as u64]).map(drop)
}

// ---- rights of other tasks

/// Puts a right into a task's space; answers its name there.
pub fn port_insert_right(task: impl AsName, mut right: Right<'_>) -> Result<Name> {
    let name = crate::sys::port_insert_right(task.as_name(), 0, right.argument())?;
    right.sent();
    Ok(name)
}

/// A copy of a send right of a task.
pub fn port_extract_send(task: impl AsName, name: Name) -> Result<SendRight> {
    let how = ::mach::abi::disposition::COPY_SEND as u64;
    right_of(ask(
        routine::MACH_PORT_EXTRACT_RIGHT,
        &[task.as_name() as u64, name as u64, how],
    )?)
}

/// A name in a task's space with its type bits (`1 << (right + 16)`).
#[derive(Clone, Copy, Debug)]
pub struct NameType {
    /// The name.
    pub name: Name,
    /// The type bits.
    pub bits: u32,
}

impl NameType {
    /// Whether the name is a right of this kind (`machuser::PortRight as u32`).
    pub fn is(self, kind: u32) -> bool {
        kind <= right::DEAD_NAME && self.bits & 1 << (kind + 16) != 0
    }
}

/// All names of a task's space.
pub fn port_names(task: impl AsName) -> Result<Vec<NameType>> {
    let mut all = Vec::new();
    let mut from = 0u64;
    loop {
        let words = ask(routine::MACH_PORT_NAMES, &[task.as_name() as u64, from])?;
        if words.len() < 2 {
            return Ok(all);
        }
        for word in &words[1..] {
            all.push(NameType {
                name: *word as Name,
                bits: (*word >> 32) as u32,
            });
            from = (*word & ::mach::abi::INDEX_MASK as u64) + 1;
        }
    }
}

/// User references of a name of a task.
pub fn port_get_refs(task: impl AsName, name: Name, kind: u32) -> Result<u32> {
    let words = [task.as_name() as u64, name as u64, kind as u64];
    Ok(first(ask(routine::MACH_PORT_GET_REFS, &words)?)? as u32)
}

/// Gives back a user reference of a name of a task.
pub fn port_deallocate_in(task: impl AsName, name: Name) -> Result<()> {
    ask(
        routine::MACH_PORT_DEALLOCATE,
        &[task.as_name() as u64, name as u64],
    )
    .map(drop)
}

/// Destroys a name of a task.
pub fn port_destroy_in(task: impl AsName, name: Name) -> Result<()> {
    ask(
        routine::MACH_PORT_DESTROY,
        &[task.as_name() as u64, name as u64],
    )
    .map(drop)
}

/// Moves all that a name of a task denotes to another name. `KERN_NAME_EXISTS` if that is in use.
pub fn port_rename(task: impl AsName, name: Name, to: Name) -> Result<()> {
    let words = [task.as_name() as u64, name as u64, to as u64];
    ask(routine::MACH_PORT_RENAME, &words).map(drop)
}

/// A receive right, port set or dead name (`machuser::PortRight as u32`) under a name of choice.
pub fn port_allocate_name(task: impl AsName, kind: u32, name: Name) -> Result<()> {
    let words = [task.as_name() as u64, kind as u64, name as u64];
    ask(routine::MACH_PORT_ALLOCATE_NAME, &words).map(drop)
}

/// Puts a right into a task's space under a name of choice.
pub fn port_insert_right_at(task: impl AsName, name: Name, mut right: Right<'_>) -> Result<()> {
    crate::sys::port_insert_right(task.as_name(), name, right.argument())?;
    right.sent();
    Ok(())
}

/// Sets what a receive right's one-way messages carry instead of its name; it does not move with
/// the right. Calls, which go past the mach server, carry the name still.
pub fn port_set_payload(task: impl AsName, name: Name, payload: Option<u64>) -> Result<()> {
    let (task, name) = (task.as_name() as u64, name as u64);
    match payload {
        Some(payload) => ask(
            routine::MACH_PORT_SET_PROTECTED_PAYLOAD,
            &[task, name, payload],
        )
        .map(drop),
        None => ask(routine::MACH_PORT_CLEAR_PROTECTED_PAYLOAD, &[task, name]).map(drop),
    }
}

// ---- accounts

/// An account below the caller's, with limits on memory and kernel objects in bytes, and rights.
pub fn account_create(memory: u64, objects: u64, rights: u64) -> Result<SendRight> {
    right_of(ask(routine::ACCOUNT_CREATE, &[memory, objects, rights])?)
}

/// Charges a task, and what is made for it from now on, to an account. Memory that it has stays
/// charged as it was.
pub fn task_set_account(task: impl AsName, account: impl AsName) -> Result<()> {
    let words = [task.as_name() as u64, account.as_name() as u64];
    ask(routine::TASK_SET_ACCOUNT, &words).map(drop)
}

/// Ends everything that is charged to an account and those below it, to which nothing more can be
/// charged then. `KERN_INVALID_ARGUMENT` if the caller is among it.
pub fn account_terminate(account: impl AsName) -> Result<()> {
    let mut place = 0;
    loop {
        let words = ask(routine::ACCOUNT_TERMINATE, &[account.as_name() as u64, place])?;
        place = words.first().copied().unwrap_or(0);
        if place == 0 {
            return Ok(());
        }
    }
}

/// Limits and uses of an account (0: the caller's): memory, objects, rights each.
pub fn account_info(account: impl AsName) -> Result<([u64; 3], [u64; 3])> {
    let words = ask(routine::ACCOUNT_INFO, &[account.as_name() as u64])?;
    let [a, b, c, d, e, f, ..] = words[..] else {
        return Err(Error::MIG_BAD_ARGUMENTS);
    };
    Ok(([a, b, c], [d, e, f]))
}

// ---- the host; all of it needs the privileged host port

/// A file of the boot image.
#[derive(Debug)]
pub struct BootModule {
    /// Its name.
    pub name: String,
    /// Its bytes, as a memory object.
    pub object: SendRight,
    /// How many.
    pub bytes: u64,
}

/// A boot module by its number; `KERN_INVALID_ARGUMENT` behind the last.
pub fn boot_module(host: impl AsName, index: u64) -> Result<BootModule> {
    let words = ask(routine::BOOT_MODULE, &[host.as_name() as u64, index])?;
    let [object, bytes, length, ref name @ ..] = words[..] else {
        return Err(Error::MIG_BAD_ARGUMENTS);
    };
    let name: Vec<u8> = name
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .take(length as usize)
        .collect();
    let name = String::from_utf8_lossy(&name).into_owned();
    Ok(BootModule {
        name,
        object: SendRight::from_raw(object as Name),
        bytes,
    })
}

/// The device tree, as a memory object, and its bytes.
pub fn device_tree(host: impl AsName) -> Result<(SendRight, u64)> {
    let words = ask(routine::DEVICE_TREE, &[host.as_name() as u64])?;
    let [object, bytes, ..] = words[..] else {
        return Err(Error::MIG_BAD_ARGUMENTS);
    };
    Ok((SendRight::from_raw(object as Name), bytes))
}

/// Device registers as a memory object.
pub fn device_memory(host: impl AsName, physical: u64, bytes: u64) -> Result<SendRight> {
    right_of(ask(
        routine::DEVICE_MEMORY,
        &[host.as_name() as u64, physical, bytes],
    )?)
}

/// A right that stands for a new interrupt, and the write that raises it: address and data.
/// `KERN_FAILURE` on a machine without such.
pub fn device_message(host: impl AsName) -> Result<(SendRight, u64, u32)> {
    let words = ask(routine::DEVICE_MESSAGE, &[host.as_name() as u64])?;
    let [right, address, data, ..] = words[..] else {
        return Err(Error::MIG_BAD_ARGUMENTS);
    };
    Ok((SendRight::from_raw(right as Name), address, data as u32))
}

/// A right to `count` I/O ports from `first` on, for [`Registers::new`]. `KERN_INVALID_ADDRESS` on a
/// machine that has none.
pub fn device_ports(host: impl AsName, first: u16, count: u16) -> Result<SendRight> {
    right_of(ask(
        routine::DEVICE_PORTS,
        &[host.as_name() as u64, first.into(), count.into()],
    )?)
}

/// A right that stands for an interrupt line.
pub fn device_interrupt(host: impl AsName, line: u32) -> Result<SendRight> {
    right_of(ask(
        routine::DEVICE_INTERRUPT,
        &[host.as_name() as u64, line as u64],
    )?)
}

/// Memory that is contiguous physically, for DMA: its address in the task, and its physical one.
pub fn vm_allocate_contiguous(
    host: impl AsName,
    task: impl AsName,
    pages: u64,
) -> Result<(u64, u64)> {
    let words = [host.as_name() as u64, task.as_name() as u64, pages];
    let words = ask(routine::VM_ALLOCATE_CONTIGUOUS, &words)?;
    let [address, physical, ..] = words[..] else {
        return Err(Error::MIG_BAD_ARGUMENTS);
    };
    Ok((address, physical))
}

/// A right to so many bytes of memory of a task, to read and to write them; it keeps the memory.
pub fn vm_region_create_proxy(task: impl AsName, address: u64, bytes: u64) -> Result<SendRight> {
    let greatest = u64::from(Protection::DEFAULT.0);
    right_of(ask(
        routine::VM_REGION_CREATE_PROXY,
        &[task.as_name() as u64, address, greatest, bytes],
    )?)
}

/// A right with which its holder, and nobody else, can allocate memory for DMA.
pub fn dma_port(host: impl AsName) -> Result<SendRight> {
    right_of(ask(routine::DMA_PORT, &[host.as_name() as u64])?)
}

/// Every new task is told to this port (`mach_notify_new_task`, 4400: task, parent).
pub fn register_new_task_notification(host: impl AsName, notify: impl AsName) -> Result<()> {
    let words = [host.as_name() as u64, notify.as_name() as u64];
    ask(routine::REGISTER_NEW_TASK_NOTIFICATION, &words).map(drop)
}

/// All tasks of the system (`processor_set_tasks`), by their places.
pub fn host_tasks(host: impl AsName) -> Result<Vec<SendRight>> {
    let words = inspect(routine::PROCESSOR_SET_TASKS, &[host.as_name() as u64], 1)?;
    Ok(words.into_iter().map(|name| SendRight::from_raw(name as Name)).collect())
}

/// What there is of something, read in pieces: words of its entries.
fn inspect(number: u32, of: &[u64], entry: usize) -> Result<Vec<u64>> {
    let (mut all, mut from) = (Vec::new(), 0);
    loop {
        let words = ask(number, &[of, &[from]].concat())?;
        let [next, count, ref found @ ..] = words[..] else {
            return Err(Error::MIG_BAD_ARGUMENTS);
        };
        all.extend(found.iter().take(count as usize * entry));
        if next == 0 {
            return Ok(all);
        }
        from = next;
    }
}

pub use ::mach::abi::receiver;

/// A port, as who holds the privileged host port sees it.
#[derive(Clone, Copy, Debug)]
pub struct PortInfo {
    /// Its number.
    pub port: u32,
    /// What receives from it ([`receiver`]), and the number of that.
    pub receiver: (u32, u32),
    /// Its receiver's name for it.
    pub name: Name,
    /// The port set that it is in, or 0.
    pub set: Name,
    /// Messages in its queue, and how many it takes.
    pub queued: (u32, u32),
    /// Send rights that exist.
    pub send: u32,
    /// Send-once rights that exist.
    pub send_once: u32,
}

/// All ports of the system.
pub fn host_ports(host: impl AsName) -> Result<Vec<PortInfo>> {
    const ENTRY: usize = ::mach::abi::INSPECTED_PORT;
    let words = inspect(routine::HOST_PORTS, &[host.as_name() as u64], ENTRY)?;
    let halves = |word: u64| (word as u32, (word >> 32) as u32);
    Ok(words
        .chunks_exact(ENTRY)
        .map(|words| {
            let ((number, kind), (name, set)) = (halves(words[1]), halves(words[2]));
            let (send, send_once) = halves(words[4]);
            let (port, receiver) = (words[0] as u32, (kind, number));
            PortInfo { port, receiver, name, set, queued: halves(words[3]), send, send_once }
        })
        .collect())
}

/// The rights in messages that a port's queue holds: kind (`MACH_PORT_RIGHT_*`) and port.
pub fn host_port_rights(host: impl AsName, port: u32) -> Result<Vec<(u32, u32)>> {
    let of = [host.as_name() as u64, port as u64];
    let words = inspect(routine::HOST_PORT_RIGHTS, &of, 1)?;
    Ok(words.into_iter().map(|word| ((word >> 60) as u32, word as u32)).collect())
}

/// An account, as who holds the privileged host port sees it.
#[derive(Clone, Copy, Debug)]
pub struct AccountInfo {
    /// Its number.
    pub account: u32,
    /// That of the account above.
    pub parent: Option<u32>,
    /// Limits of memory and kernel objects in bytes, and of rights.
    pub limits: [u64; 3],
    /// What it uses of them, with the accounts below.
    pub used: [u64; 3],
}

/// All accounts of the system.
pub fn host_accounts(host: impl AsName) -> Result<Vec<AccountInfo>> {
    const ENTRY: usize = ::mach::abi::INSPECTED_ACCOUNT;
    let words = inspect(routine::HOST_ACCOUNTS, &[host.as_name() as u64], ENTRY)?;
    Ok(words
        .chunks_exact(ENTRY)
        .map(|words| AccountInfo {
            account: words[0] as u32,
            parent: words[1].checked_sub(1).map(|parent| parent as u32),
            limits: [words[2], words[3], words[4]],
            used: [words[5], words[6], words[7]],
        })
        .collect())
}

/// The number of a thread, and the name that it calls, if it waits for an answer.
pub fn thread_call(thread: impl AsName) -> Result<(u32, Option<Name>)> {
    match thread_info(thread, ::mach::abi::flavor::THREAD_CALL)?[..] {
        [number, name, ..] => Ok((number as u32, (name != 0).then_some(name as Name))),
        _ => Err(Error::MIG_BAD_ARGUMENTS),
    }
}

/// Gives a task a name (`task_set_name`), of at most [`NAME_BYTES`] bytes; an empty one is none.
pub fn task_set_name(task: impl AsName, name: &[u8]) -> Result<()> {
    set_name(routine::TASK_SET_NAME, task, name)
}

/// Gives a thread a name (`thread_set_name`), as [`task_set_name`] does.
pub fn thread_set_name(thread: impl AsName, name: &[u8]) -> Result<()> {
    set_name(routine::THREAD_SET_NAME, thread, name)
}

/// The name that a task was given; empty if none.
pub fn task_name(task: impl AsName) -> Result<Vec<u8>> {
    let wanted = ::mach::abi::flavor::TASK_NAME;
    ask(routine::TASK_INFO, &[task.as_name() as u64, wanted]).map(name_of)
}

/// The name that a thread was given (`thread_get_name`), or its task's.
pub fn thread_get_name(thread: impl AsName) -> Result<Vec<u8>> {
    ask(routine::THREAD_GET_NAME, &[thread.as_name() as u64]).map(name_of)
}

/// Says whether the system ends with a task (`task_set_essential`).
pub fn task_set_essential(host: impl AsName, task: impl AsName, essential: bool) -> Result<()> {
    let words = [host.as_name() as u64, task.as_name() as u64, essential as u64];
    ask(routine::TASK_SET_ESSENTIAL, &words).map(drop)
}

pub use ::mach::abi::NAME_BYTES;

fn set_name(number: u32, of: impl AsName, name: &[u8]) -> Result<()> {
    let mut words = Vec::from([of.as_name() as u64, name.len() as u64]);
    words.extend(name.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    }));
    ask(number, &words).map(drop)
}

/// The bytes of an answer behind their length.
fn name_of(words: Vec<u64>) -> Vec<u8> {
    let length = words.first().map_or(0, |length| *length as usize);
    words.iter().skip(1).flat_map(|word| word.to_le_bytes()).take(length).collect()
}

/// A name of a task, with the port that it denotes.
#[derive(Clone, Copy, Debug)]
pub struct TaskRight {
    /// The name and its kinds of rights.
    pub name: NameType,
    /// User references.
    pub references: u32,
    /// The number of the port, if it denotes one.
    pub port: Option<u32>,
}

/// All names of a task, with the ports that they denote.
pub fn task_rights(task: impl AsName) -> Result<Vec<TaskRight>> {
    let (mut all, mut from) = (Vec::new(), 0);
    loop {
        let words = ask(routine::TASK_RIGHTS, &[task.as_name() as u64, from])?;
        let [count, ref found @ ..] = words[..] else {
            return Err(Error::MIG_BAD_ARGUMENTS);
        };
        let found = found.chunks_exact(3).take(count as usize);
        let before = all.len();
        all.extend(found.map(|words| TaskRight {
            name: NameType { name: words[0] as Name, bits: (words[0] >> 32) as u32 },
            references: words[1] as u32,
            port: u32::try_from(words[2]).ok(),
        }));
        match all.last() {
            Some(last) if all.len() > before => {
                from = (last.name.name & ::mach::abi::INDEX_MASK) as u64 + 1;
            }
            _ => return Ok(all),
        }
    }
}

/// Sets the time of day, in nanoseconds since 1970.
pub fn host_set_time(host: impl AsName, nanoseconds: u64) -> Result<()> {
    ask(
        routine::HOST_SET_TIME64,
        &[host.as_name() as u64, nanoseconds],
    )
    .map(drop)
}

/// Stops (`restart` false) or restarts the machine.
pub fn host_reboot(host: impl AsName, restart: bool) -> Result<()> {
    ask(
        routine::HOST_REBOOT,
        &[host.as_name() as u64, !restart as u64],
    )
    .map(drop)
}

/// Writes a line to the system's log.
pub fn log(text: &str) {
    #[cfg(target_os = "none")]
    crate::sys::log(text);
    #[cfg(not(target_os = "none"))]
    std::eprintln!("{text}");
}

/// Ends this program.
pub fn exit() -> ! {
    #[cfg(target_os = "none")]
    crate::sys::exit();
    #[cfg(not(target_os = "none"))]
    std::process::exit(0)
}

// ---- one's own mappings, safely

/// A memory object mapped in this task; unmapped when dropped. Others may have it mapped, too:
/// the view is for memory that nobody else writes meanwhile.
#[derive(Debug)]
pub struct Mapping {
    address: u64,
    bytes: usize,
    writable: bool,
}

impl Mapping {
    /// Maps `bytes` of an object from `offset` on, shared.
    pub fn new(object: impl AsName, offset: u64, bytes: u64, writable: bool) -> Result<Mapping> {
        let protection = if writable {
            Protection::DEFAULT
        } else {
            Protection::READ
        };
        let address = vm_map(
            SELF,
            Place::Anywhere,
            bytes,
            object,
            offset,
            false,
            protection,
            protection,
        )?;
        Ok(Mapping {
            address,
            bytes: bytes as usize,
            writable,
        })
    }

    /// Copies out from `offset` on; answers how many bytes there were.
    pub fn read(&self, offset: usize, to: &mut [u8]) -> usize {
        let count = to.len().min(self.bytes.saturating_sub(offset));
        // SAFETY: within the mapping, which exists as long as this value; `to`
        // is private memory and does not overlap it.
        unsafe {
            core::ptr::copy_nonoverlapping(
                (self.address as usize + offset) as *const u8,
                to.as_mut_ptr(),
                count,
            );
        }
        count
    }

    /// Copies in at `offset`; answers how many bytes there was room for, 0 if it is read-only.
    pub fn write(&mut self, offset: usize, from: &[u8]) -> usize {
        if !self.writable {
            return 0;
        }
        let count = from.len().min(self.bytes.saturating_sub(offset));
        // SAFETY: as in `read`, the other way round.
        unsafe {
            core::ptr::copy_nonoverlapping(
                from.as_ptr(),
                (self.address as usize + offset) as *mut u8,
                count,
            );
        }
        count
    }

    /// The bytes, for a read-only object that nobody writes to, such as a boot module.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: mapped for as long as this value; see the type's contract.
        unsafe { core::slice::from_raw_parts(self.address as *const u8, self.bytes) }
    }

    /// The bytes of a writable mapping, which nobody else maps writable meanwhile.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        let bytes = if self.writable { self.bytes } else { 0 };
        // SAFETY: as above, and the mapping is writable.
        unsafe { core::slice::from_raw_parts_mut(self.address as *mut u8, bytes) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let _ = vm_deallocate(SELF, self.address, self.bytes as u64);
    }
}

/// Memory that a device and this program use, contiguous physically. It stays until the program ends,
/// or frees it by its address ([`vm_deallocate`]).
#[derive(Clone, Copy, Debug)]
pub struct Contiguous {
    address: usize,
    physical: u64,
    bytes: usize,
}

impl Contiguous {
    /// So many pages of zeroes, by a right from [`dma_port`].
    pub fn allocate(right: impl AsName, pages: usize) -> Result<Contiguous> {
        let (address, physical) = vm_allocate_contiguous(right, SELF, pages as u64)?;
        let (address, bytes) = (address as usize, pages * 4096);
        Ok(Contiguous { address, physical, bytes })
    }

    /// Where it begins in this task.
    pub fn address(&self) -> usize {
        self.address
    }

    /// Where it begins for the device.
    pub fn physical(&self) -> u64 {
        self.physical
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn check(&self, offset: usize, length: usize) {
        assert!(
            offset <= self.bytes && length <= self.bytes - offset,
            "{length} bytes at {offset:#x} are outside of the memory"
        );
    }

    /// Copies what lies from `offset` on, as the device has left it.
    pub fn read(&self, offset: usize, buffer: &mut [u8]) {
        self.check(offset, buffer.len());
        fence(Ordering::SeqCst);
        let source = (self.address + offset) as *const u8;
        // SAFETY: within the memory, which Rust's objects never lie in. What the device writes
        // meanwhile can make the bytes wrong, and every byte is a valid one.
        unsafe { core::ptr::copy_nonoverlapping(source, buffer.as_mut_ptr(), buffer.len()) };
    }

    /// Writes bytes from `offset` on, for the device.
    pub fn write(&self, offset: usize, data: &[u8]) {
        self.check(offset, data.len());
        let target = (self.address + offset) as *mut u8;
        // SAFETY: as above.
        unsafe { core::ptr::copy_nonoverlapping(data.as_ptr(), target, data.len()) };
        fence(Ordering::SeqCst);
    }
}

/// A device's registers, whether they lie in memory or are I/O ports.
#[derive(Debug)]
pub struct Registers {
    place: Whereabouts,
    bytes: usize,
}

/// Where registers are.
#[derive(Debug)]
enum Whereabouts {
    /// At this address, mapped for ever.
    Memory(usize),
    Ports(Ports),
}

/// An access to a register of some width.
macro_rules! access {
    ($bits:literal, $type:ty, $read:ident, $write:ident) => {
        #[doc = concat!("Reads a register of ", $bits, " bits.")]
        pub fn $read(&self, offset: usize) -> $type {
            self.check(offset, size_of::<$type>());
            match &self.place {
                // SAFETY: within the device's mapping, which is never unmapped; aligned.
                Whereabouts::Memory(base) => unsafe { ((base + offset) as *const $type).read_volatile() },
                Whereabouts::Ports(ports) => ports.$read(offset as u16),
            }
        }

        #[doc = concat!("Writes a register of ", $bits, " bits.")]
        pub fn $write(&self, offset: usize, value: $type) {
            self.check(offset, size_of::<$type>());
            match &self.place {
                // SAFETY: as above.
                Whereabouts::Memory(base) => unsafe {
                    ((base + offset) as *mut $type).write_volatile(value)
                },
                Whereabouts::Ports(ports) => ports.$write(offset as u16, value),
            }
        }
    };
}

impl Registers {
    /// Maps `offset..offset + bytes` of a device's memory object (page aligned); or takes so many of
    /// the I/O ports that a right from [`device_ports`] stands for, from `offset` on.
    pub fn new(device: impl AsName, offset: usize, bytes: usize) -> Result<Registers> {
        let name = device.as_name();
        let end = offset.checked_add(bytes).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let place = match ask(routine::PORTS_ATTACH, &[name as u64]) {
            Ok(words) => {
                let [slot, first, count] = words[..] else {
                    return Err(Error::MIG_BAD_ARGUMENTS);
                };
                if end as u64 > count {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                let ports = Ports::new(slot, first as u16 + offset as u16);
                Whereabouts::Ports(ports.ok_or(Error::KERN_INVALID_ADDRESS)?)
            }
            Err(_) => {
                let size = (end as u64).next_multiple_of(4096);
                let rw = Protection::DEFAULT;
                let address = vm_map(SELF, Place::Anywhere, size, name, 0, false, rw, rw)?;
                Whereabouts::Memory(address as usize + offset)
            }
        };
        Ok(Registers { place, bytes })
    }

    /// Address of the first register in this task; `None` for I/O ports.
    pub fn address(&self) -> Option<usize> {
        match self.place {
            Whereabouts::Memory(address) => Some(address),
            Whereabouts::Ports(_) => None,
        }
    }

    fn check(&self, offset: usize, size: usize) {
        assert!(
            offset.is_multiple_of(size) && offset + size <= self.bytes,
            "register {offset:#x} is outside of the device"
        );
    }

    access!(8, u8, read8, write8);
    access!(16, u16, read16, write16);
    access!(32, u32, read32, write32);
}

/// An interrupt line that this program handles.
#[derive(Debug)]
pub struct Interrupt {
    #[cfg_attr(not(target_os = "none"), expect(dead_code))]
    notification: u64,
    #[cfg_attr(not(target_os = "none"), expect(dead_code))]
    handler: u64,
}

impl Interrupt {
    /// Attaches to the line that a right from [`device_interrupt`] stands for.
    pub fn attach(line: impl AsName) -> Result<Interrupt> {
        let words = ask(routine::INTERRUPT_ATTACH, &[line.as_name() as u64])?;
        let [notification, handler, ..] = words[..] else {
            return Err(Error::MIG_BAD_ARGUMENTS);
        };
        Ok(Interrupt {
            notification,
            handler,
        })
    }

    /// Waits for the line's next interrupt.
    pub fn wait(&self) {
        #[cfg(target_os = "none")]
        sel4::cap::Notification::from_bits(self.notification).wait();
    }

    /// The device has been served: the line may interrupt again.
    pub fn acknowledge(&self) {
        #[cfg(target_os = "none")]
        // Fails only if the handler is gone, with the mach server.
        let _ = sel4::cap::IrqHandler::from_bits(self.handler).ack();
    }
}
