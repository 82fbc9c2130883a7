//! The start of a program and of its threads, its heap, and its end.
//!
//! The first thread starts with its thread page, the start-up block and its
//! number in registers; see `elfload::block` for what the block holds.

mod arch;
mod heap;

use crate::env::{self, Startup, init_int, init_port};
use crate::{Error, Result, SendRight, sys};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use elfload::block::Block;
use mach::abi::{page, routine};

pub(crate) use arch::__hird_split as split;
pub use arch::{nanoseconds, thread_page};
pub(crate) use heap::held as heap_held;

/// On which side a thread has come out of [`split`].
#[repr(C)]
pub(crate) struct Side {
    /// What the function answered, or the new thread was started with.
    pub(crate) value: u64,
    /// Not 0: this is the new thread.
    pub(crate) new: u64,
}

/// Bytes of a thread's stack, lazily allocated, and of the guard below it.
const STACK: u64 = 256 << 10;
const GUARD: u64 = 4096;

unsafe extern "Rust" {
    /// The program's main function, defined by [`program!`](crate::program).
    fn __hird_main();
}

/// Where the start-up block lies.
static BLOCK: AtomicU64 = AtomicU64::new(0);

/// First code of a program in Rust.
extern "C" fn program_start(thread_page: usize, block: u64, number: u64) -> ! {
    page_prepare(thread_page, number);
    BLOCK.store(block, Ordering::Relaxed);
    if block != 0 {
        read_block(block);
    }
    // SAFETY: the macro defines it, with this type, once in a program.
    unsafe { __hird_main() };
    sys::exit()
}

fn page_prepare(thread_page: usize, number: u64) {
    // SAFETY: the thread page is mapped, writable, and this thread's own.
    unsafe {
        ((thread_page + page::THREAD) as *mut u32).write(number as u32);
    }
}

/// Rights that only this program was given, behind the usual initial ports.
static GRANTED: crate::sync::Mutex<Vec<Option<SendRight>>> = crate::sync::Mutex::new(Vec::new());

/// Keeps everybody out.
pub(crate) fn hold() -> impl Sized {
    GRANTED.lock()
}

/// Takes a right that the starter gave to this program alone (a device, say), counted from 0.
pub fn granted(index: usize) -> Option<SendRight> {
    GRANTED.lock().get_mut(index)?.take()
}

fn read_block(address: u64) {
    // SAFETY: the loader has mapped the block, at least a header long, and
    // nobody else writes to it.
    let header =
        unsafe { core::slice::from_raw_parts(address as *const u8, elfload::block::HEADER) };
    let Some(size) = Block::size_of(header) else {
        return;
    };
    // SAFETY: as above, for the size that the header gives.
    let bytes = unsafe { core::slice::from_raw_parts(address as *const u8, size) };
    let Some(block) = Block::parse(bytes) else {
        return;
    };
    let strings = |area: &[u8]| -> Vec<Vec<u8>> {
        let mut list: Vec<Vec<u8>> = area.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        list.pop();
        list
    };
    let right = |name: u32| (name != 0).then(|| SendRight::from_raw(name));
    let mut startup = Startup {
        args: strings(block.argv),
        env: strings(block.envp),
        fds: block.descriptors().map(right).collect(),
        ..Startup::default()
    };
    let mut granted = Vec::new();
    for (index, name) in block.ports().enumerate() {
        if index < init_port::MAX {
            startup.ports[index] = right(name);
        } else {
            granted.push(right(name));
        }
    }
    for (index, value) in block.ints().enumerate().take(init_int::MAX) {
        startup.ints[index] = value as i32;
    }
    *GRANTED.lock() = granted;
    env::set(startup);
}

/// Starts a thread of this task.
pub fn thread_spawn(f: Box<dyn FnOnce() + Send>) -> Result<()> {
    let stack = vm_allocate(STACK + GUARD)?;
    let start = || -> Result<()> {
        // Nothing is mapped at the stack's lower end: running over it is a fault.
        sys::mach_call_words(routine::VM_PROTECT, &[0, stack, GUARD, 0, 0])?;
        let (_, thread) = sys::mach_call(routine::THREAD_CREATE, 2, [0, 0, 0, 0])?;
        let argument = Box::into_raw(Box::new(Beginning { f, stack }));
        let words = [
            thread[0],
            arch::THREAD_ENTRY(),
            stack + STACK + GUARD,
            argument as u64,
        ];
        let started = sys::mach_call(routine::THREAD_START, 4, words);
        if started.is_err() {
            // SAFETY: the thread did not start, so the box is still this thread's.
            drop(unsafe { Box::from_raw(argument) });
            let _ = sys::mach_call(routine::THREAD_TERMINATE, 1, [thread[0], 0, 0, 0]);
        }
        let _ = sys::port_deallocate(thread[0] as u32);
        started.map(drop)
    };
    let result = start();
    if result.is_err() {
        let _ = sys::mach_call(routine::VM_DEALLOCATE, 3, [0, stack, STACK + GUARD, 0]);
    }
    result
}

struct Beginning {
    f: Box<dyn FnOnce() + Send>,
    stack: u64,
}

/// First code of a thread in Rust.
extern "C" fn thread_main(thread_page: usize, argument: *mut Beginning, number: u64) -> ! {
    page_prepare(thread_page, number);
    // The box goes here: this function does not return.
    // SAFETY: `thread_spawn` made the box and gave it to this thread alone.
    let Beginning { f, stack } = *unsafe { Box::from_raw(argument) };
    f();
    loop {
        // The stack goes with the thread.
        let words = [0, number, stack, STACK + GUARD];
        let _ = sys::mach_call(routine::THREAD_TERMINATE, 4, words);
    }
}

/// Zeroed memory of this task.
fn vm_allocate(bytes: u64) -> Result<u64> {
    let (_, mrs) = sys::mach_call(routine::VM_ALLOCATE, 4, [0, 0, bytes, 1])?;
    if mrs[0] == 0 {
        Err(Error::KERN_NO_SPACE)
    } else {
        Ok(mrs[0])
    }
}

#[panic_handler]
fn panic(panic: &core::panic::PanicInfo<'_>) -> ! {
    struct Line([u8; 400], usize);
    impl core::fmt::Write for Line {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            for byte in text.bytes() {
                if self.1 < self.0.len() {
                    self.0[self.1] = byte;
                    self.1 += 1;
                }
            }
            Ok(())
        }
    }
    let mut line = Line([0; 400], 0);
    let _ = core::fmt::write(&mut line, format_args!("{panic}"));
    sys::log(core::str::from_utf8(&line.0[..line.1]).unwrap_or("panic"));
    sys::exit()
}
