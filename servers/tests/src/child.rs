//! Tasks and threads to test with.
//!
//! A [`Child`] is a task whose memory is a copy of this program's image, in which
//! one function runs. It has no heap: what it needs it gets as words, and what it
//! has to tell it writes into a page that it shares with its parent. A [`Tiny`]
//! is a task of a few pages that answers calls.

use ::mach::abi::{page, routine};
use alloc::format;
use alloc::string::String;
use core::sync::atomic::{AtomicU64, Ordering};
use machuser::mach::{self, Place, Protection, SpecialPort};
use crate::suite::Outcome;
use crate::{get, same};
use machuser::{AsName, Error, Name, ReceiveRight, Result, Right, SendRight, sys};

/// Words that a function of a child gets.
pub type Words = [u64; 8];
/// A function that runs as a thread.
pub type Main = fn(&Words);

const PAGE: u64 = 4096;
const STACK: u64 = 4 * PAGE;
/// How often [`resources`] looks whether something still changes.
const SETTLES: usize = 10_000;

/// What a thread finds at the address in its argument register.
#[repr(C)]
pub(crate) struct Beginning {
    main: Main,
    words: Words,
    stack: u64,
}

unsafe extern "C" {
    fn guest_tests_thread_start();
    static __executable_start: u8;
    static _end: u8;
}

pub(crate) extern "C" fn thread_main(thread_page: usize, beginning: *const Beginning, number: u64) -> ! {
    // SAFETY: the page is this thread's own; the beginning was written before it started and stays.
    let beginning = unsafe {
        ((thread_page + page::THREAD) as *mut u32).write(number as u32);
        &*beginning
    };
    (beginning.main)(&beginning.words);
    loop {
        let _ = sys::mach_call(routine::THREAD_TERMINATE, 2, [0, number, 0, 0]);
    }
}

/// A thread of this program that can be named, stopped and ended from outside.
pub struct LocalThread {
    /// Its port.
    pub port: SendRight,
    stack: u64,
}

impl LocalThread {
    /// Starts a function as a thread of this task.
    pub fn start(main: Main, words: Words) -> Result<LocalThread> {
        let stack = mach::vm_allocate(mach::SELF, Place::Anywhere, STACK)?;
        let top = stack + STACK - size_of::<Beginning>().next_multiple_of(16) as u64;
        // SAFETY: fresh memory of this task, large enough and aligned.
        unsafe { (top as *mut Beginning).write(Beginning { main, words, stack }) };
        let thread = mach::thread_create(mach::SELF, Place::Anywhere)?;
        let entry = guest_tests_thread_start as *const () as u64;
        mach::thread_start(&thread.port, entry, top, top)?;
        Ok(LocalThread {
            port: thread.port,
            stack,
        })
    }
}

impl Drop for LocalThread {
    fn drop(&mut self) {
        let _ = mach::thread_terminate(&self.port);
        let _ = mach::vm_deallocate(mach::SELF, self.stack, STACK);
    }
}

/// A page of numbers that tasks share.
pub struct Shared {
    object: SendRight,
    address: u64,
}

impl Shared {
    /// A page of zeroes.
    pub fn new() -> Result<Shared> {
        let object = mach::memory_object_create(PAGE)?;
        let protection = Protection::DEFAULT;
        let address = mach::vm_map(
            mach::SELF,
            Place::Anywhere,
            PAGE,
            &object,
            0,
            false,
            protection,
            protection,
        )?;
        Ok(Shared { object, address })
    }

    /// Maps it into another task; answers where.
    pub fn map(&self, task: impl AsName) -> Result<u64> {
        let protection = Protection::DEFAULT;
        mach::vm_map(
            task,
            Place::Anywhere,
            PAGE,
            &self.object,
            0,
            false,
            protection,
            protection,
        )
    }

    /// One of its 512 numbers.
    pub fn number(&self, index: usize) -> &AtomicU64 {
        number_at(self.address, index)
    }

    /// Waits until a number is at least `value`; `false` if it takes too long.
    pub fn wait(&self, index: usize, value: u64) -> bool {
        wait_for(self.number(index), value)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = mach::vm_deallocate(mach::SELF, self.address, PAGE);
    }
}

/// A number in a shared page at an address.
pub fn number_at(address: u64, index: usize) -> &'static AtomicU64 {
    assert!(index < 512);
    // SAFETY: who calls this has mapped a page there, which stays as long as its user runs.
    unsafe { &*((address as usize + 8 * index) as *const AtomicU64) }
}

/// Lets others run until a number is at least `value`.
pub fn wait_for(number: &AtomicU64, value: u64) -> bool {
    for _ in 0..1_000_000 {
        if number.load(Ordering::Acquire) >= value {
            return true;
        }
        sys::yield_now();
    }
    false
}

/// A task that runs a function of this program.
pub struct Child {
    /// Its task port.
    pub task: SendRight,
    /// The port of its thread.
    pub thread: SendRight,
    prepared: Option<(u64, u64)>,
}

impl Child {
    /// A task with a copy of this program, which does not run yet.
    pub fn new(account: impl AsName) -> Result<Child> {
        let task = mach::task_create(account)?;
        let child = Child {
            task,
            thread: SendRight::from_raw(0),
            prepared: None,
        };
        let (start, end) = (&raw const __executable_start as u64, &raw const _end as u64);
        let mut at = start & !(PAGE - 1);
        while at < end {
            let region = mach::vm_region(mach::SELF, at)?;
            let from = region.address.max(at);
            let to = (region.address + region.bytes).min(end.next_multiple_of(PAGE));
            if from >= to {
                break;
            }
            if region.protection.contains(Protection::READ) {
                mach::vm_allocate(&child.task, Place::At(from), to - from)?;
                mach::vm_copy(mach::SELF, from, &child.task, from, to - from)?;
                mach::vm_protect(&child.task, from, to - from, false, region.protection)?;
            }
            at = to;
        }
        Ok(child)
    }

    /// Makes its thread, which does not run yet.
    fn prepare(&mut self) -> Result<(u64, u64)> {
        if let Some(prepared) = self.prepared {
            return Ok(prepared);
        }
        let stack = mach::vm_allocate(&self.task, Place::Anywhere, STACK)?;
        let thread = mach::thread_create(&self.task, Place::Anywhere)?;
        self.thread = thread.port;
        self.prepared = Some((stack, thread.number as u64));
        Ok((stack, thread.number as u64))
    }

    /// Runs a function in it.
    pub fn run(&mut self, main: Main, words: Words) -> Result<()> {
        let (stack, _) = self.prepare()?;
        let top = stack + STACK - size_of::<Beginning>().next_multiple_of(16) as u64;
        let mut bytes = [0u8; size_of::<Beginning>()];
        let fields = [main as usize as u64]
            .into_iter()
            .chain(words)
            .chain([stack]);
        for (chunk, word) in bytes.chunks_mut(8).zip(fields) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        mach::vm_write(&self.task, top, &bytes)?;
        let entry = guest_tests_thread_start as *const () as u64;
        mach::thread_start(&self.thread, entry, top, top)
    }

    /// Gives it a right; answers the name there.
    pub fn give(&self, right: Right<'_>) -> Result<Name> {
        mach::port_insert_right(&self.task, right)
    }

    /// A port of the task: its name there, and a send right.
    pub fn port(&self) -> Result<(Name, SendRight)> {
        let words = [
            self.task.as_name() as u64,
            ::mach::abi::right::RECEIVE as u64,
            0,
            0,
        ];
        let (_, mrs) = sys::mach_call(routine::MACH_PORT_ALLOCATE, 2, words)?;
        let how = ::mach::abi::disposition::MAKE_SEND as u64;
        let words = [self.task.as_name() as u64, mrs[0], how, 0];
        let (_, right) = sys::mach_call(routine::MACH_PORT_EXTRACT_RIGHT, 3, words)?;
        Ok((mrs[0] as Name, SendRight::from_raw(right[0] as Name)))
    }

    /// Whether the task exists.
    pub fn lives(&self) -> bool {
        mach::task_info(&self.task).is_ok()
    }

    /// Whether the task ends when others have their turns.
    pub fn ends(&self) -> bool {
        for _ in 0..100_000 {
            if !self.lives() {
                return true;
            }
            sys::yield_now();
        }
        false
    }

    /// A special port of the task.
    pub fn special_port(&self, which: SpecialPort, port: impl AsName) -> Result<()> {
        mach::task_set_special_port(&self.task, which, port)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = mach::task_terminate(&self.task);
    }
}

/// Answers every call with its first word plus one, and label 3 never.
pub fn answering() -> ! {
    tiny()
}

#[unsafe(link_section = ".text.tiny")]
extern "C" fn tiny() -> ! {
    let mut incoming = sys::receive();
    loop {
        incoming = match incoming {
            Ok(call) if call.label != 3 => {
                let mrs = [
                    call.mrs[0].wrapping_add(1),
                    call.mrs[1],
                    call.mrs[2],
                    call.mrs[3],
                ];
                sys::reply_receive(machuser::wire::REPLY_OK, call.len, mrs)
            }
            _ => sys::receive(),
        };
    }
}

/// The code of [`Tiny`] tasks, which they share.
pub struct TinyCode {
    object: SendRight,
    base: u64,
}

impl TinyCode {
    /// Copies the code into memory that can be mapped.
    pub fn new() -> Result<TinyCode> {
        let object = mach::memory_object_create(2 * PAGE)?;
        let base = tiny as *const () as u64 & !(PAGE - 1);
        let protection = Protection::DEFAULT;
        let copy = mach::vm_map(
            mach::SELF,
            Place::Anywhere,
            2 * PAGE,
            &object,
            0,
            false,
            protection,
            protection,
        )?;
        let copied = mach::vm_copy(mach::SELF, base, mach::SELF, copy, 2 * PAGE);
        mach::vm_deallocate(mach::SELF, copy, 2 * PAGE)?;
        copied?;
        Ok(TinyCode { object, base })
    }

    /// A task with a thread that answers calls.
    pub fn start(&self, account: impl AsName) -> Result<Tiny> {
        let task = Tiny {
            task: mach::task_create(account)?,
        };
        let code = Protection(Protection::READ.0 | Protection::EXECUTE.0);
        let place = Place::At(self.base);
        mach::vm_map(
            &task.task,
            place,
            2 * PAGE,
            &self.object,
            0,
            false,
            code,
            code,
        )?;
        let stack = mach::vm_allocate(&task.task, Place::Anywhere, PAGE)?;
        let thread = mach::thread_create(&task.task, Place::Anywhere)?;
        mach::thread_start(&thread.port, tiny as *const () as u64, stack + PAGE, 0)?;
        Ok(task)
    }
}

/// A task of a few pages that answers calls.
pub struct Tiny {
    /// Its task port.
    pub task: SendRight,
}

impl Tiny {
    /// A send right to a new port of it.
    pub fn port(&self) -> Result<SendRight> {
        let words = [
            self.task.as_name() as u64,
            ::mach::abi::right::RECEIVE as u64,
            0,
            0,
        ];
        let (_, mrs) = sys::mach_call(routine::MACH_PORT_ALLOCATE, 2, words)?;
        let how = ::mach::abi::disposition::MAKE_SEND as u64;
        let words = [self.task.as_name() as u64, mrs[0], how, 0];
        let (_, right) = sys::mach_call(routine::MACH_PORT_EXTRACT_RIGHT, 3, words)?;
        Ok(SendRight::from_raw(right[0] as Name))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = mach::task_terminate(&self.task);
    }
}

/// A call with one word; answers the first word.
pub fn call(port: &SendRight, label: u32, word: u64) -> Result<u64> {
    let (label, _, mrs) = sys::call(port.as_raw(), label, 1, [word, 0, 0, 0]);
    if label == machuser::wire::REPLY_OK {
        Ok(mrs[0])
    } else {
        Err(machuser::client::failure(label, mrs[0]))
    }
}

/// Asks the mach server; answers the first word.
pub fn asked(number: u32, words: &[u64]) -> Result<u64> {
    sys::mach_call_words(number, words).map(|(_, answer)| answer[0])
}

/// What others do, which goes on whatever somebody beside them does: a call to a neighbour that
/// answers with one more, a message, memory, a task.
pub fn others_work(neighbour: &SendRight) -> Outcome {
    use ::mach::abi::disposition::MAKE_SEND;
    same!(call(neighbour, 1, 1), Ok(2));
    let port = get!(ReceiveRight::allocate());
    let name = port.as_raw();
    let words = [name as u64, MAKE_SEND as u64, 5, u64::MAX, 0, 1, 9];
    get!(asked(routine::MSG_SEND, &words));
    let message = get!(sys::msg_receive_from(name, Some(core::time::Duration::ZERO)));
    same!(message.label, 5);
    let at = get!(mach::vm_allocate(mach::SELF, Place::Anywhere, 4 * PAGE));
    for page in 0..4 {
        get!(asked(routine::VM_WRITE, &[0, at + page * PAGE, 8, 1]));
    }
    get!(mach::vm_deallocate(mach::SELF, at, 4 * PAGE));
    let task = get!(mach::task_create(0));
    get!(mach::task_terminate(&task));
    Ok(())
}

/// Free memory, tasks, threads, ports and memory objects of the system, when others have had their
/// turns and change them no more: a large task's death takes as many turns as it needs.
pub fn resources() -> core::result::Result<[u64; 5], String> {
    let now = || -> core::result::Result<_, String> {
        for _ in 0..100 {
            sys::yield_now();
        }
        let now: core::result::Result<_, Error> = mach::vm_statistics();
        let now = now.map_err(|error| format!("{error:?}"))?;
        Ok([now.free, now.tasks, now.threads, now.ports, now.objects])
    };
    let mut last = now()?;
    for _ in 0..SETTLES {
        let next = now()?;
        if next == last {
            break;
        }
        last = next;
    }
    Ok(last)
}
