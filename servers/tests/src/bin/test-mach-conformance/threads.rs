//! Threads that run: their states, and what is served beside the end of a large task.

use crate::rest;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Acquire, Release};
use core::time::Duration;
use guest_tests::arch::{ARGUMENT, PAGE, PC, STACK, STATE_WORDS};
use guest_tests::child::{Child, LocalThread, Shared, Words, number_at};
use guest_tests::suite::Suite;
use guest_tests::{get, same};
use mach::abi::{flavor, priority, routine};
use machuser::mach::{self as calls, request};
use machuser::sys;
use machuser::{AsName, Error, Name, ReceiveRight};

fn spin(words: &Words) {
    loop {
        number_at(words[0], words[1] as usize).fetch_add(1, Release);
    }
}

pub fn run(suite: &mut Suite) {
    let names = suite.times(100_000);
    suite.check("task_terminate, others are answered while a task with many names ends", || {
        let server = get!(Child::new(0));
        let mine = get!(ReceiveRight::allocate());
        let before = get!(calls::task_info(calls::SELF)).names;
        let task = server.task.as_name() as u64;
        for _ in 0..names {
            get!(request(routine::MACH_PORT_ALLOCATE, &[task, 1]));
        }
        // What one request takes when nothing else is done, and the longest when it is.
        let ask = || {
            let start = sys::now();
            let status = sys::port_receive_status(mine.as_raw());
            status.map(|_| sys::now() - start)
        };
        let start = sys::now();
        get!(calls::task_terminate(&server.task));
        let told = sys::now() - start;
        same!(calls::task_info(&server.task).err(), Some(Error::KERN_INVALID_TASK));
        let mut longest = Duration::ZERO;
        let mut tasks = get!(calls::vm_statistics()).ports;
        loop {
            longest = longest.max(get!(ask()));
            let ports = get!(calls::vm_statistics()).ports;
            if ports == tasks && longest > Duration::ZERO {
                break;
            }
            tasks = ports;
        }
        same!(told < Duration::from_millis(60), true);
        same!(longest < Duration::from_millis(60), true);
        same!(get!(calls::task_info(calls::SELF)).names, before);
        let again = request(routine::TASK_TERMINATE, &[task]);
        same!(again.map(drop), Err(Error::KERN_INVALID_TASK));
        Ok(())
    });
    suite.check(
        "thread_info, tells whether a thread runs, waits or is stopped",
        || {
            let shared = get!(Shared::new());
            let at = shared.number(0) as *const _ as u64;
            let thread = get!(LocalThread::start(spin, [at, 0, 0, 0, 0, 0, 0, 0]));
            let state = |thread: &LocalThread| {
                calls::thread_info(&thread.port, flavor::THREAD_BASIC)
                    .map(|words| (words[7], words[9]))
            };
            same!(state(&thread), Ok((1, 0)));
            get!(calls::thread_suspend(&thread.port));
            same!(state(&thread), Ok((2, 1)));
            fn wait(words: &Words) {
                let _ = sys::msg_receive_from(words[0] as Name, None);
            }
            let port = get!(ReceiveRight::allocate());
            let waits = [port.as_raw() as u64, 0, 0, 0, 0, 0, 0, 0];
            let waiter = get!(LocalThread::start(wait, waits));
            rest();
            same!(state(&waiter), Ok((3, 0)));
            let wrong = calls::thread_info(&waiter.port, 99);
            same!(wrong, Err(Error::KERN_INVALID_ARGUMENT));
            let wrong = calls::thread_info(port.as_raw(), 1);
            same!(wrong, Err(Error::KERN_INVALID_ARGUMENT));
            Ok(())
        },
    );
    suite.check(
        "thread_get_state and thread_set_state, a thread that was never started starts with its resumption",
        || {
            let shared = get!(Shared::new());
            let at = shared.number(0) as *const _ as u64;
            extern "C" fn count(at: u64) -> ! {
                loop {
                    number_at(at, 9).fetch_add(1, Release);
                }
            }
            let stack = get!(calls::vm_allocate(
                calls::SELF,
                calls::Place::Anywhere,
                8192
            ));
            let thread = get!(calls::thread_create(calls::SELF, calls::Place::Anywhere));
            let mut state = Vec::from([0; STATE_WORDS]);
            state[ARGUMENT] = at;
            state[STACK] = stack + 8192;
            state[PC] = count as *const () as u64;
            if let Some(word) = PAGE {
                state[word] = thread.page;
            }
            get!(calls::thread_set_state(&thread.port, &state));
            rest();
            same!(shared.number(9).load(Acquire), 0);
            get!(calls::thread_resume(&thread.port));
            same!(shared.wait(9, 10), true);
            let now = get!(calls::thread_get_state(&thread.port));
            same!(state[STACK] - now[STACK] < 4096, true);
            if let Some(word) = PAGE {
                same!(now[word], state[word]);
                state[word] = 0;
                let wrong = calls::thread_set_state(&thread.port, &state);
                same!(wrong, Err(Error::KERN_INVALID_ARGUMENT));
            }
            let wrong = calls::thread_set_state(&thread.port, &state[1..]);
            same!(wrong, Err(Error::KERN_INVALID_ARGUMENT));
            get!(calls::thread_terminate(&thread.port));
            get!(calls::vm_deallocate(calls::SELF, stack, 8192));
            Ok(())
        },
    );
    suite.check(
        "thread_terminate_release, a thread ends itself with a reply port and memory",
        || {
            // Threads, names, regions.
            let count = || {
                let words = request(routine::TASK_INFO, &[0])?;
                Ok::<_, Error>([words[0], words[3], words[4]])
            };
            let before = get!(count());
            let shared = get!(Shared::new());
            let at = shared.number(0) as *const _ as u64;
            fn end(words: &Words) {
                let word = |index| number_at(words[0], index).load(Acquire);
                while word(1) == 0 {
                    sys::yield_now();
                }
                let asked = [word(1), 0, word(1), words[1], words[2], 8192];
                let _ = request(routine::THREAD_TERMINATE_RELEASE, &asked);
                number_at(words[0], 2).store(1, Release);
            }
            let memory = get!(calls::vm_allocate(calls::SELF, calls::Place::Anywhere, 8192));
            let reply = get!(ReceiveRight::allocate()).into_raw();
            let words = [at, reply as u64, memory, 0, 0, 0, 0, 0];
            let thread = get!(LocalThread::start(end, words));
            let name = thread.port.as_raw() as u64;
            get!(request(routine::MACH_PORT_MOD_REFS, &[0, name, 0, 1]));
            shared.number(1).store(name, Release);
            // What is left of its name is the test's own reference.
            let dead = || request(routine::MACH_PORT_GET_REFS, &[0, name, 4]);
            for _ in 0..1000 {
                if get!(dead()) == [1] {
                    break;
                }
                rest();
            }
            same!(get!(dead()), [1]);
            same!(shared.number(2).load(Acquire), 0);
            drop((thread, shared));
            same!(get!(count()), before);
            Ok(())
        },
    );
    suite.check(
        "thread_set_state, moves a thread that runs, and refuses one in a call",
        || {
            let shared = get!(Shared::new());
            let at = shared.number(0) as *const _ as u64;
            let thread = get!(LocalThread::start(spin, [at, 1, 0, 0, 0, 0, 0, 0]));
            same!(shared.wait(1, 10), true);
            extern "C" fn elsewhere(at: u64) -> ! {
                loop {
                    number_at(at, 2).fetch_add(1, Release);
                    let _ = sys::msg_receive_from(number_at(at, 5).load(Acquire) as Name, None);
                }
            }
            let port = get!(ReceiveRight::allocate());
            shared.number(5).store(port.as_raw() as u64, Release);
            let mut state = get!(calls::thread_get_state(&thread.port));
            state[ARGUMENT] = at;
            state[PC] = elsewhere as *const () as u64;
            get!(calls::thread_set_state(&thread.port, &state));
            same!(shared.wait(2, 1), true);
            rest();
            let refused = calls::thread_set_state(&thread.port, &state);
            same!(refused, Err(Error::KERN_FAILURE));
            get!(calls::thread_abort(&thread.port));
            same!(shared.wait(2, 2), true);
            Ok(())
        },
    );
    suite.check(
        "thread_priority, a lower one waits for the others, a higher one is refused",
        || {
            let shared = get!(Shared::new());
            let at = shared.number(0) as *const _ as u64;
            let low = get!(LocalThread::start(spin, [at, 1, 0, 0, 0, 0, 0, 0]));
            get!(calls::thread_priority(&low.port, priority::BASE + 1, false));
            let before = shared.number(1).load(Acquire);
            for _ in 0..1000 {
                sys::yield_now();
            }
            same!(shared.number(1).load(Acquire), before);
            rest();
            same!(shared.number(1).load(Acquire) > before, true);
            let refused = calls::thread_priority(&low.port, priority::BASE - 1, false);
            same!(refused, Err(Error::KERN_FAILURE));
            let refused = calls::thread_priority(&low.port, priority::LOWEST + 1, false);
            same!(refused, Err(Error::KERN_INVALID_ARGUMENT));
            get!(calls::thread_priority(&low.port, 50, true));
            let refused = calls::thread_priority(&low.port, 49, false);
            same!(refused, Err(Error::KERN_FAILURE));
            let sched = get!(calls::thread_info(&low.port, flavor::THREAD_SCHED));
            same!(sched[2..5], [50, 50, 50]);
            Ok(())
        },
    );
    suite.check(
        "mach_port_rename, a server's port answers under its new name",
        || {
            fn answer(words: &Words) {
                let mut incoming = sys::receive();
                while let Ok(call) = incoming {
                    number_at(words[0], 1).store(call.badge as u64, Release);
                    incoming = sys::reply_receive(machuser::wire::REPLY_OK, 0, [0; 4]);
                }
            }
            let mut child = get!(Child::new(0));
            let shared = get!(Shared::new());
            let at = get!(shared.map(&child.task));
            let (name, send) = get!(child.port());
            get!(child.run(answer, [at, 0, 0, 0, 0, 0, 0, 0]));
            let ok = machuser::wire::REPLY_OK;
            same!(sys::call(send.as_raw(), 1, 0, [0; 4]).0, ok);
            same!(shared.number(1).load(Acquire), name as u64);
            get!(calls::port_rename(&child.task, name, 700));
            same!(sys::call(send.as_raw(), 1, 0, [0; 4]).0, ok);
            same!(shared.number(1).load(Acquire), 700);
            // And under the caller's new name.
            let moved = 0x0010_0777;
            get!(calls::port_rename(calls::SELF, send.into_raw(), moved));
            same!(sys::call(moved, 1, 0, [0; 4]).0, ok);
            get!(sys::port_deallocate(moved));
            Ok(())
        },
    );
}
