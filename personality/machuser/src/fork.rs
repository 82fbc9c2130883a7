//! A task that goes on twice.
//!
//! The new task has the memory that this one's regions let it inherit, and its send rights under the
//! same names, as they are at one moment; of the threads it has the calling one. Receive rights,
//! windows, and what other threads were doing stay with this task.

use crate::{Result, SendRight};

/// On which side of a fork a thread is.
#[derive(Debug)]
pub enum Fork {
    /// The old task.
    Parent(Child),
    /// The new one, with the word that it was started with.
    Child(u64),
}

/// A task that begins as a copy of this one once it is started.
#[derive(Debug)]
pub struct Child {
    /// The task. Who does not start it should end it.
    pub task: SendRight,
    thread: SendRight,
    pc: u64,
    sp: u64,
}

impl Child {
    /// Has the thread go on in the new task, with a word.
    pub fn start(&self, word: u64) -> Result<()> {
        crate::mach::thread_start(&self.thread, self.pc, self.sp, word)
    }
}

/// Makes a copy of this task, which does not run before it is started. The locks of this crate and
/// of the heap are free in it. Other locks are as they were: the caller holds those that the new
/// task needs, and gives them up on both sides.
///
/// On the host there is no mach server, and this answers `MIG_BAD_ID`.
pub fn fork() -> Result<Fork> {
    #[cfg(target_os = "none")]
    return native::fork();
    #[cfg(not(target_os = "none"))]
    Err(crate::Error::MIG_BAD_ID)
}

#[cfg(target_os = "none")]
mod native {
    use super::{Child, Fork};
    use crate::{Error, Result, SendRight, env, rt, server, sys, window};
    use mach::abi::{inherit, routine};

    /// What is known of a new task.
    struct Made {
        /// Names of the task and of its thread.
        result: Result<(u32, u32)>,
        pc: u64,
        sp: u64,
    }

    /// Makes the new task without use of the heap, whose lock is held.
    extern "C" fn make(context: usize, pc: u64, sp: u64) -> u64 {
        let result = (|| {
            let words = [0, 0, inherit::MEMORY | inherit::RIGHTS, 0];
            let (_, task) = sys::mach_call(routine::TASK_CREATE, 3, words)?;
            // No page of a thread is inherited: the address of this one's is free there.
            let page = rt::thread_page() as u64;
            match sys::mach_call(routine::THREAD_CREATE, 2, [task[0], page, 0, 0]) {
                Ok((_, thread)) => Ok((task[0] as u32, thread[0] as u32)),
                Err(error) => {
                    let _ = sys::mach_call(routine::TASK_TERMINATE, 1, [task[0], 0, 0, 0]);
                    let _ = sys::port_deallocate(task[0] as u32);
                    Err(error)
                }
            }
        })();
        // SAFETY: `fork` waits for this function and gave the address of a variable of its own.
        unsafe { *(context as *mut Made) = Made { result, pc, sp } };
        0
    }

    pub(super) fn fork() -> Result<Fork> {
        let mut made = Made {
            result: Err(Error::KERN_FAILURE),
            pc: 0,
            sp: 0,
        };
        let side = {
            let _locks = (env::hold(), window::hold(), server::hold(), rt::hold());
            // SAFETY: `make` does not unwind, and the new task has a copy of this stack.
            rt::heap_held(|| unsafe { rt::split(make, &raw mut made as usize) })
        };
        if side.new != 0 {
            window::forget_all();
            return Ok(Fork::Child(side.value));
        }
        let (task, thread) = made.result?;
        let (task, thread) = (SendRight::from_raw(task), SendRight::from_raw(thread));
        Ok(Fork::Parent(Child {
            task,
            thread,
            pc: made.pc,
            sp: made.sp,
        }))
    }
}
