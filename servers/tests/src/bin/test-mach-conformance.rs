//! Every routine of Mach that the mach server has: its success, its errors, and what it does to
//! rights and references. A case's name begins with the routine's.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

guest_tests::tests!(run);

#[cfg(not(target_os = "none"))]
fn run(_: &mut guest_tests::suite::Suite) {}
#[cfg(target_os = "none")]
use guest::run;

#[cfg(target_os = "none")]
mod guest {
    use alloc::vec::Vec;
    use core::arch::asm;
    use core::sync::atomic::Ordering::{Acquire, Release};
    use core::time::Duration;
    use guest_tests::child::{Child, LocalThread, Shared, Words, number_at};
    use guest_tests::suite::Suite;
    use guest_tests::{get, same};
    use mach::abi::{exception, flavor, notify, priority, routine};
    use machuser::mach::{self as calls, SpecialPort, request};
    use machuser::sys;
    use machuser::wire::{Disposition, RightArg};
    use machuser::{AsName, Error, Name, PortRight, ReceiveRight, SendRight};

    const LIMIT: Option<Duration> = Some(Duration::from_secs(20));
    const POLL: Option<Duration> = Some(Duration::ZERO);

    fn right(name: Name, disposition: Disposition) -> RightArg {
        RightArg { name, disposition }
    }

    /// A send right of one's own port.
    fn made(port: &ReceiveRight) -> RightArg {
        right(port.as_raw(), Disposition::MakeSend)
    }

    /// Lets the others run, also those of a lower priority.
    fn rest() {
        let port = ReceiveRight::allocate();
        if let Ok(port) = port {
            let _ = sys::msg_receive_from(port.as_raw(), Some(Duration::from_millis(30)));
        }
    }

    /// A message about an exception.
    struct Told {
        label: u32,
        words: Vec<u64>,
        reply: Name,
    }

    fn told(handler: &ReceiveRight) -> Result<Told, Error> {
        let mut message = sys::msg_receive_from(handler.as_raw(), LIMIT)?;
        // The thread and the task are known already.
        let reply = message.rights.remove(0);
        Ok(Told {
            label: message.label,
            words: message.words,
            reply: reply.into_raw() & 0xfff_ffff,
        })
    }

    impl Told {
        fn answer(&self, words: &[u64]) -> Result<(), Error> {
            let label = (self.label & !mach::abi::WITH_REPLY) + mach::abi::REPLY_OFFSET;
            let to = right(self.reply, Disposition::MoveSendOnce);
            sys::msg_send(to, label, words, &[], POLL)
        }
    }

    /// Words of [`thread_state`](calls::thread_get_state).
    const X0: usize = 0;
    const PC: usize = 32;

    fn touch(words: &Words) {
        // SAFETY: it is meant to fault; whoever handles it makes the thread skip the access.
        unsafe { (words[0] as *mut u64).write_volatile(1) };
        number_at(words[1], 3).store(7, Release);
    }

    fn stop_here(words: &Words) {
        // SAFETY: raises an exception and does nothing else.
        unsafe { asm!("brk #77") };
        number_at(words[1], 3).store(7, Release);
    }

    fn undefined(words: &Words) {
        // SAFETY: raises an exception and does nothing else.
        unsafe { asm!("udf #1") };
        number_at(words[1], 3).store(7, Release);
    }

    /// A system call as another system's program makes it: x8 is its number.
    fn foreign(words: &Words) {
        let mut x0 = 5u64;
        // SAFETY: a system call that the kernel does not know; who handles it changes x0 at most.
        unsafe { asm!("svc #0", inout("x0") x0, in("x1") 6, in("x7") 0, in("x8") 64) };
        number_at(words[1], 3).store(x0, Release);
    }

    struct Patient {
        child: Child,
        shared: Shared,
        handler: ReceiveRight,
    }

    fn patient(main: fn(&Words), address: u64, which: SpecialPort) -> Result<Patient, Error> {
        let (handler, shared) = (ReceiveRight::allocate()?, Shared::new()?);
        let mut child = Child::new(0)?;
        let at = shared.map(&child.task)?;
        child.special_port(which, handler.make_send()?)?;
        child.run(main, [address, at, 0, 0, 0, 0, 0, 0])?;
        Ok(Patient {
            child,
            shared,
            handler,
        })
    }

    fn exceptions(suite: &mut Suite) {
        suite.check(
            "exception_raise, a bad access goes on when it is answered",
            || {
                let p = get!(patient(touch, 0x5000_0000, SpecialPort::Exception));
                let told_of = get!(told(&p.handler));
                same!(told_of.label & 0xffff, notify::EXCEPTION_RAISE);
                let invalid = Error::KERN_INVALID_ADDRESS.0 as u64;
                same!(told_of.words, [exception::BAD_ACCESS, invalid, 0x5000_0000]);
                // The handler makes the memory, and the access is repeated.
                let place = calls::Place::At(0x5000_0000);
                get!(calls::vm_allocate(&p.child.task, place, 4096));
                get!(told_of.answer(&[0]));
                same!(p.shared.wait(3, 7), true);
                let mut byte = [0];
                get!(calls::vm_read(&p.child.task, 0x5000_0000, &mut byte));
                same!(byte, [1]);
                Ok(())
            },
        );
        suite.check(
            "exception_raise, an answer of failure ends the task",
            || {
                let p = get!(patient(touch, 0x10, SpecialPort::Exception));
                get!(get!(told(&p.handler)).answer(&[Error::KERN_FAILURE.0 as u64]));
                same!(p.child.lives(), false);
                Ok(())
            },
        );
        suite.check(
            "exception_raise, the right to answer that dies ends the task",
            || {
                let p = get!(patient(touch, 0x10, SpecialPort::Exception));
                get!(sys::port_deallocate(get!(told(&p.handler)).reply));
                same!(p.child.lives(), false);
                Ok(())
            },
        );
        suite.check(
            "exception_raise, the thread's handler is asked before the task's",
            || {
                let own = get!(ReceiveRight::allocate());
                let (handler, shared) = (get!(ReceiveRight::allocate()), get!(Shared::new()));
                fn wait_and_touch(words: &Words) {
                    guest_tests::child::wait_for(number_at(words[1], 0), 1);
                    touch(words);
                }
                let mut child = get!(Child::new(0));
                let at = get!(shared.map(&child.task));
                get!(child.special_port(SpecialPort::Exception, get!(handler.make_send())));
                get!(child.run(wait_and_touch, [0x10, at, 0, 0, 0, 0, 0, 0]));
                let which = SpecialPort::Exception;
                get!(calls::thread_set_special_port(
                    &child.thread,
                    which,
                    get!(own.make_send())
                ));
                let kept = get!(calls::thread_get_special_port(&child.thread, which));
                same!(kept.map(|kept| kept.as_raw()), Some(own.as_raw()));
                shared.number(0).store(1, Release);
                let first = get!(told(&own));
                same!(first.words[2], 0x10);
                get!(first.answer(&[1]));
                let second = get!(told(&handler));
                same!(second.words[2], 0x10);
                // It is let go behind the access.
                let mut state = get!(calls::thread_get_state(&child.thread));
                state[PC] += 4;
                get!(calls::thread_set_state(&child.thread, &state));
                get!(second.answer(&[0]));
                same!(shared.wait(3, 7), true);
                Ok(())
            },
        );
        suite.check(
            "exception_raise, a breakpoint tells its number and address",
            || {
                let p = get!(patient(stop_here, 0, SpecialPort::Exception));
                let told_of = get!(told(&p.handler));
                same!(told_of.words[..2], [exception::BREAKPOINT, 77]);
                let mut state = get!(calls::thread_get_state(&p.child.thread));
                same!(state[PC], told_of.words[2]);
                state[PC] += 4;
                get!(calls::thread_set_state(&p.child.thread, &state));
                get!(told_of.answer(&[0]));
                same!(p.shared.wait(3, 7), true);
                Ok(())
            },
        );
        suite.check(
            "exception_raise, an undefined instruction is told as such",
            || {
                let p = get!(patient(undefined, 0, SpecialPort::Exception));
                let told_of = get!(told(&p.handler));
                let undefined = exception::bad_instruction::UNDEFINED;
                same!(told_of.words[..2], [exception::BAD_INSTRUCTION, undefined]);
                same!(p.child.lives(), true);
                Ok(())
            },
        );
        suite.check("exception_raise, a foreign system call is told with all registers, and answered with them", || {
            let p = get!(patient(foreign, 0, SpecialPort::ExceptionState));
            let told_of = get!(told(&p.handler));
            same!(told_of.label & 0xffff, notify::EXCEPTION_RAISE_STATE);
            let call = exception::bad_instruction::SYSTEM_CALL;
            same!(told_of.words[..2], [exception::BAD_INSTRUCTION, call]);
            let state = &told_of.words[3..];
            same!(state.len(), 35);
            same!((state[0], state[1], state[7], state[8]), (5, 6, 0, 64));
            same!(state[PC], told_of.words[2]);
            let mut answer = Vec::from([0]);
            answer.extend_from_slice(state);
            answer[1 + X0] = 4242;
            answer[1 + PC] += 4;
            get!(told_of.answer(&answer));
            same!(p.shared.wait(3, 1), true);
            same!(p.shared.number(3).load(Acquire), 4242);
            Ok(())
        });
        suite.check(
            "exception_raise, a thread that was suspended meanwhile stays so",
            || {
                let p = get!(patient(stop_here, 0, SpecialPort::ExceptionState));
                let told_of = get!(told(&p.handler));
                get!(calls::thread_suspend(&p.child.thread));
                let mut answer = Vec::from([0]);
                answer.extend_from_slice(&told_of.words[3..]);
                answer[1 + PC] += 4;
                get!(told_of.answer(&answer));
                rest();
                same!(p.shared.number(3).load(Acquire), 0);
                get!(calls::thread_resume(&p.child.thread));
                same!(p.shared.wait(3, 7), true);
                Ok(())
            },
        );
    }

    fn spin(words: &Words) {
        loop {
            number_at(words[0], words[1] as usize).fetch_add(1, Release);
        }
    }

    fn tasks(suite: &mut Suite) {
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
        suite.check("task_threads, names every thread", || {
            let mut child = get!(Child::new(0));
            same!(get!(calls::task_threads(&child.task)).len(), 0);
            let shared = get!(Shared::new());
            let at = get!(shared.map(&child.task));
            get!(child.run(spin, [at, 0, 0, 0, 0, 0, 0, 0]));
            let threads = get!(calls::task_threads(&child.task));
            same!(threads.len(), 1);
            same!(threads[0].as_raw(), child.thread.as_raw());
            let none = request(routine::TASK_THREADS, &[999]);
            same!(none, Err(Error::KERN_INVALID_TASK));
            Ok(())
        });
        suite.check("task_info, the basic flavour", || {
            let child = get!(Child::new(0));
            get!(calls::task_suspend(&child.task));
            let task = child.task.as_name() as u64;
            let words = get!(request(routine::TASK_INFO, &[task, flavor::TASK_BASIC]));
            same!((words.len(), words[0], words[1]), (10, 1, priority::BASE));
            same!(words[2] >= words[3] && words[3] > 0, true);
            let wrong = request(routine::TASK_INFO, &[task, 99]);
            same!(wrong, Err(Error::KERN_INVALID_ARGUMENT));
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
            "task_get_special_port, bootstrap, own and exception port; others are refused",
            || {
                let child = get!(Child::new(0));
                let port = get!(ReceiveRight::allocate());
                let send = get!(port.make_send());
                get!(child.special_port(SpecialPort::Bootstrap, &send));
                same!(get!(sys::port_get_refs(port.as_raw(), PortRight::Send)), 1);
                let got = get!(calls::task_get_special_port(
                    &child.task,
                    SpecialPort::Bootstrap
                ));
                same!(got.as_ref().map(SendRight::as_raw), Some(port.as_raw()));
                same!(get!(sys::port_get_refs(port.as_raw(), PortRight::Send)), 2);
                let own = get!(calls::task_get_special_port(
                    &child.task,
                    SpecialPort::Kernel
                ));
                same!(own.map(|own| own.as_raw()), Some(child.task.as_raw()));
                let task = child.task.as_name() as u64;
                for which in [0, 2, 9] {
                    let wrong = request(routine::TASK_GET_SPECIAL_PORT, &[task, which]);
                    same!(wrong, Err(Error::KERN_INVALID_ARGUMENT));
                    let wrong = request(routine::TASK_SET_SPECIAL_PORT, &[task, which, 0]);
                    same!(wrong, Err(Error::KERN_INVALID_ARGUMENT));
                }
                drop((got, send));
                // The task itself holds one still.
                same!(get!(sys::port_receive_status(port.as_raw())).srights, true);
                get!(child.special_port(SpecialPort::Bootstrap, 0));
                same!(get!(sys::port_receive_status(port.as_raw())).srights, false);
                Ok(())
            },
        );
        suite.check(
            "mach_ports_register, keeps four ports, mach_ports_lookup gives them",
            || {
                let child = get!(Child::new(0));
                let port = get!(ReceiveRight::allocate());
                let send = get!(port.make_send());
                get!(calls::ports_register(&child.task, &[0, send.as_raw()]));
                let kept = get!(calls::ports_lookup(&child.task));
                same!(kept.len(), 2);
                same!(kept[0].is_none(), true);
                same!(kept[1].as_ref().map(SendRight::as_raw), Some(port.as_raw()));
                let many = calls::ports_register(&child.task, &[0; 5]);
                same!(many, Err(Error::KERN_INVALID_ARGUMENT));
                Ok(())
            },
        );
        suite.check(
            "thread_set_state, starts a thread that was never started, with its resumption",
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
                let mut state = Vec::from([0; 35]);
                state[X0] = at;
                state[31] = stack + 8192;
                state[PC] = count as *const () as u64;
                state[33] = thread.page;
                get!(calls::thread_set_state(&thread.port, &state));
                rest();
                same!(shared.number(9).load(Acquire), 0);
                get!(calls::thread_resume(&thread.port));
                same!(shared.wait(9, 10), true);
                let now = get!(calls::thread_get_state(&thread.port));
                same!(state[31] - now[31] < 4096, true);
                same!(now[33], state[33]);
                state[33] = 0;
                let wrong = calls::thread_set_state(&thread.port, &state);
                same!(wrong, Err(Error::KERN_INVALID_ARGUMENT));
                let wrong = calls::thread_set_state(&thread.port, &state[1..]);
                same!(wrong, Err(Error::KERN_INVALID_ARGUMENT));
                get!(calls::thread_terminate(&thread.port));
                get!(calls::vm_deallocate(calls::SELF, stack, 8192));
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
                state[X0] = at;
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
            "task_priority, holds for the threads that follow, and for those there are",
            || {
                let child = get!(Child::new(0));
                let place = calls::Place::Anywhere;
                let first = get!(calls::thread_create(&child.task, place));
                get!(calls::task_priority(&child.task, 30, false));
                let second = get!(calls::thread_create(&child.task, place));
                let of = |thread: &calls::Thread| {
                    calls::thread_info(&thread.port, flavor::THREAD_SCHED).map(|words| words[4])
                };
                same!((of(&first), of(&second)), (Ok(25), Ok(30)));
                get!(calls::task_priority(&child.task, 40, true));
                same!((of(&first), of(&second)), (Ok(40), Ok(40)));
                let refused = calls::task_priority(&child.task, 3, true);
                same!(refused, Err(Error::KERN_FAILURE));
                Ok(())
            },
        );
        suite.check("thread_policy, there is one", || {
            let child = get!(Child::new(0));
            let thread = get!(calls::thread_create(&child.task, calls::Place::Anywhere));
            let name = thread.port.as_name() as u64;
            let policy = |policy| request(routine::THREAD_POLICY, &[name, policy, 0]).map(drop);
            same!(policy(priority::TIMESHARE), Ok(()));
            same!(policy(2), Err(Error::KERN_FAILURE));
            same!(policy(77), Err(Error::KERN_INVALID_ARGUMENT));
            Ok(())
        });
        suite.check("task_enable_pc_sampling, sampling is refused", || {
            for number in 4000..4006 {
                same!(request(number, &[0, 1]), Err(Error::MIG_BAD_ID));
            }
            Ok(())
        });
    }

    fn arm(name: Name, id: u32, sync: u64, to: Name, how: Disposition) -> Result<Vec<u64>, Error> {
        let words = [0, name as u64, id as u64, sync, to as u64, how as u64];
        request(routine::MACH_PORT_REQUEST_NOTIFICATION, &words)
    }

    fn kind(name: Name) -> Result<u64, Error> {
        request(routine::MACH_PORT_TYPE, &[0, name as u64]).map(|words| words[0])
    }

    const SEND: u64 = 1 << 16;
    const RECEIVE: u64 = 1 << 17;
    const ONCE: u64 = 1 << 18;
    const SET: u64 = 1 << 19;
    const DEAD: u64 = 1 << 20;

    fn set() -> Result<Name, Error> {
        request(routine::MACH_PORT_ALLOCATE, &[0, PortRight::PortSet as u64])
            .map(|words| words[0] as Name)
    }

    fn status(name: Name) -> Result<Vec<u64>, Error> {
        request(routine::MACH_PORT_GET_RECEIVE_STATUS, &[0, name as u64])
    }

    /// Sends words to one's own port.
    fn post(port: &ReceiveRight, label: u32) -> Result<(), Error> {
        sys::msg_send(made(port), label, &[], &[], POLL)
    }

    fn ports(suite: &mut Suite) {
        suite.check("mach_port_names, lists each name with its type", || {
            let port = get!(ReceiveRight::allocate());
            let send = get!(port.make_send());
            let names = get!(calls::port_names(calls::SELF));
            let found = names.iter().find(|name| name.name == port.as_raw());
            same!(found.map(|name| name.bits as u64), Some(SEND | RECEIVE));
            same!(calls::port_names(999).err(), Some(Error::KERN_INVALID_TASK));
            drop(send);
            Ok(())
        });
        suite.check("mach_port_type, of every right", || {
            let port = get!(ReceiveRight::allocate());
            same!(kind(port.as_raw()), Ok(RECEIVE));
            let send = get!(port.make_send());
            same!(kind(port.as_raw()), Ok(RECEIVE | SEND));
            let once = right(port.as_raw(), Disposition::MakeSendOnce);
            let once = get!(sys::port_insert_right(sys::task_self(), 0, once));
            same!(kind(once), Ok(ONCE));
            let set = get!(set());
            same!(kind(set), Ok(SET));
            drop(port);
            same!((kind(send.as_raw()), kind(once)), (Ok(DEAD), Ok(DEAD)));
            get!(sys::port_deallocate(once));
            get!(sys::port_destroy(set));
            same!(kind(set), Err(Error::KERN_INVALID_NAME));
            Ok(())
        });
        suite.check(
            "mach_port_rename, moves a right with all that belongs to it",
            || {
                let port = get!(ReceiveRight::allocate());
                let send = get!(port.make_send());
                get!(post(&port, 4));
                let (old, new) = (port.into_raw(), 0x0300_4321);
                get!(calls::port_rename(calls::SELF, old, new));
                core::mem::forget(send);
                same!(kind(old), Err(Error::KERN_INVALID_NAME));
                same!(kind(new), Ok(RECEIVE | SEND));
                let message = get!(sys::msg_receive_from(new, POLL));
                same!((message.port, message.label), (new, 4));
                let (other, third) = (get!(ReceiveRight::allocate()), 0x0300_4322);
                let taken = calls::port_rename(calls::SELF, other.as_raw(), new);
                same!(taken, Err(Error::KERN_NAME_EXISTS));
                for wrong in [0, 1, 2, 15, 1 << 28, !0] {
                    let refused = calls::port_rename(calls::SELF, new, wrong);
                    same!(refused, Err(Error::KERN_INVALID_VALUE));
                }
                let nothing = calls::port_rename(calls::SELF, old, third);
                same!(nothing, Err(Error::KERN_INVALID_NAME));
                get!(sys::port_destroy(new));
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
        suite.check(
            "mach_port_allocate_name, gives the name that is asked for",
            || {
                let kinds = [
                    (PortRight::Receive, RECEIVE),
                    (PortRight::PortSet, SET),
                    (PortRight::DeadName, DEAD),
                ];
                for (right, bits) in kinds {
                    for name in [0x0000_0fff, 0x0abf_ffff, 0x0050_8000] {
                        get!(calls::port_allocate_name(calls::SELF, right as u32, name));
                        same!(kind(name), Ok(bits));
                        let again = calls::port_allocate_name(calls::SELF, right as u32, name);
                        same!(again, Err(Error::KERN_NAME_EXISTS));
                        get!(sys::port_destroy(name));
                        same!(kind(name), Err(Error::KERN_INVALID_NAME));
                    }
                }
                let wrong = calls::port_allocate_name(calls::SELF, PortRight::Send as u32, 0xfff);
                same!(wrong, Err(Error::KERN_INVALID_VALUE));
                let wrong = calls::port_allocate_name(calls::SELF, 1, 0);
                same!(wrong, Err(Error::KERN_INVALID_VALUE));
                Ok(())
            },
        );
        suite.check(
            "mach_port_allocate, a receive right, a set or a dead name",
            || {
                for (right, bits) in [(1, RECEIVE), (3, SET), (4, DEAD)] {
                    let name = get!(request(routine::MACH_PORT_ALLOCATE, &[0, right]))[0] as Name;
                    same!(kind(name), Ok(bits));
                    get!(sys::port_destroy(name));
                }
                for wrong in [0, 2, 5] {
                    let refused = request(routine::MACH_PORT_ALLOCATE, &[0, wrong]);
                    same!(refused, Err(Error::KERN_INVALID_VALUE));
                }
                Ok(())
            },
        );
        suite.check(
            "mach_port_deallocate, takes one reference, mach_port_destroy all",
            || {
                let port = get!(ReceiveRight::allocate());
                let receive = sys::port_deallocate(port.as_raw());
                same!(receive, Err(Error::KERN_INVALID_RIGHT));
                core::mem::forget((get!(port.make_send()), get!(port.make_send())));
                get!(sys::port_deallocate(port.as_raw()));
                same!(sys::port_get_refs(port.as_raw(), PortRight::Send), Ok(1));
                let name = port.into_raw();
                get!(sys::port_destroy(name));
                same!(sys::port_destroy(name), Err(Error::KERN_INVALID_NAME));
                same!(sys::port_deallocate(name), Err(Error::KERN_INVALID_NAME));
                Ok(())
            },
        );
        suite.check("mach_port_get_refs, counts each kind apart", || {
            let port = get!(ReceiveRight::allocate());
            let send = get!(port.make_send());
            let refs = |kind| {
                request(
                    routine::MACH_PORT_GET_REFS,
                    &[0, port.as_raw() as u64, kind],
                )
            };
            same!(
                (refs(0), refs(1), refs(2)),
                (Ok([1].into()), Ok([1].into()), Ok([0].into()))
            );
            same!((refs(3), refs(4)), (Ok([0].into()), Ok([0].into())));
            same!(refs(5), Err(Error::KERN_INVALID_VALUE));
            drop(send);
            Ok(())
        });
        suite.check("mach_port_mod_refs, refuses too many and too few", || {
            let port = get!(ReceiveRight::allocate());
            let send = get!(port.make_send());
            let change = |right, delta| sys::port_mod_refs(port.as_raw(), right, delta);
            same!(
                change(PortRight::Send, 0xffff),
                Err(Error::KERN_UREFS_OVERFLOW)
            );
            same!(change(PortRight::Send, -2), Err(Error::KERN_INVALID_VALUE));
            same!(
                change(PortRight::Receive, 1),
                Err(Error::KERN_UREFS_OVERFLOW)
            );
            same!(
                change(PortRight::Receive, -2),
                Err(Error::KERN_INVALID_VALUE)
            );
            same!(
                change(PortRight::DeadName, 1),
                Err(Error::KERN_INVALID_RIGHT)
            );
            same!(change(PortRight::Send, 0xfffe), Ok(()));
            same!(
                sys::port_get_refs(port.as_raw(), PortRight::Send),
                Ok(0xffff)
            );
            same!(change(PortRight::Send, -0xfffe), Ok(()));
            drop(send);
            Ok(())
        });
        suite.check("mach_port_set_qlimit, bounds the queue", || {
            let port = get!(ReceiveRight::allocate());
            let limit = |limit| {
                request(
                    routine::MACH_PORT_SET_QLIMIT,
                    &[0, port.as_raw() as u64, limit],
                )
                .map(drop)
            };
            same!(limit(2), Ok(()));
            same!((post(&port, 1), post(&port, 2)), (Ok(()), Ok(())));
            same!(post(&port, 3), Err(Error::MACH_SEND_TIMED_OUT));
            same!(limit(65536), Err(Error::KERN_INVALID_VALUE));
            same!(get!(status(port.as_raw()))[3..5], [2, 2]);
            Ok(())
        });
        suite.check(
            "mach_port_set_mscount, and the count goes on from there",
            || {
                let port = get!(ReceiveRight::allocate());
                let words = [0, port.as_raw() as u64, 40];
                get!(request(routine::MACH_PORT_SET_MSCOUNT, &words));
                drop(get!(port.make_send()));
                same!(get!(status(port.as_raw()))[2], 41);
                let wrong = request(routine::MACH_PORT_SET_MSCOUNT, &[0, 999, 1]);
                same!(wrong, Err(Error::KERN_INVALID_NAME));
                Ok(())
            },
        );
        suite.check(
            "mach_port_set_seqno, and messages are numbered from there",
            || {
                let port = get!(ReceiveRight::allocate());
                let words = [0, port.as_raw() as u64, 90];
                get!(request(routine::MACH_PORT_SET_SEQNO, &words));
                get!(post(&port, 1));
                same!(get!(sys::msg_receive_from(port.as_raw(), POLL)).seqno, 90);
                same!(get!(status(port.as_raw()))[1], 91);
                Ok(())
            },
        );
        suite.check(
            "mach_port_move_member, messages come by the set and not by the member",
            || {
                let (port, set) = (get!(ReceiveRight::allocate()), get!(set()));
                let name = port.as_raw() as u64;
                let put = |set: Name| {
                    request(routine::MACH_PORT_MOVE_MEMBER, &[0, name, set as u64]).map(drop)
                };
                same!(put(0), Err(Error::KERN_NOT_IN_SET));
                same!(put(port.as_raw()), Err(Error::KERN_INVALID_RIGHT));
                same!(put(999), Err(Error::KERN_INVALID_NAME));
                same!(put(set), Ok(()));
                get!(post(&port, 6));
                let direct = sys::msg_receive_from(port.as_raw(), POLL).err();
                same!(direct, Some(Error::MACH_RCV_IN_SET));
                same!(get!(sys::msg_receive_from(set, POLL)).port, port.as_raw());
                let members = request(routine::MACH_PORT_GET_SET_STATUS, &[0, set as u64]);
                same!(members, Ok([name].into()));
                same!(get!(status(port.as_raw()))[0], set as u64);
                get!(sys::port_destroy(set));
                same!(get!(status(port.as_raw()))[0], 0);
                Ok(())
            },
        );
        suite.check("mach_port_get_set_status, of nothing but a set", || {
            let port = get!(ReceiveRight::allocate());
            let of = |name: Name| request(routine::MACH_PORT_GET_SET_STATUS, &[0, name as u64]);
            same!(of(port.as_raw()), Err(Error::KERN_INVALID_RIGHT));
            same!(of(999), Err(Error::KERN_INVALID_NAME));
            Ok(())
        });
        suite.check(
            "mach_port_request_notification, every kind refuses what it is not for",
            || {
                let port = get!(ReceiveRight::allocate());
                let (name, once) = (port.as_raw(), Disposition::MakeSendOnce);
                for (id, sync, error) in [
                    (notify::PORT_DELETED, 0, Error::KERN_INVALID_VALUE),
                    (notify::MSG_ACCEPTED, 0, Error::KERN_INVALID_VALUE),
                    (notify::SEND_ONCE, 0, Error::KERN_INVALID_VALUE),
                    (notify::PORT_DESTROYED, 1, Error::KERN_INVALID_VALUE),
                ] {
                    same!(arm(name, id, sync, name, once), Err(error));
                }
                for id in [
                    notify::NO_SENDERS,
                    notify::PORT_DESTROYED,
                    notify::DEAD_NAME,
                ] {
                    same!(arm(999, id, 0, name, once), Err(Error::KERN_INVALID_NAME));
                    let kind = Disposition::MakeSend;
                    same!(
                        arm(name, id, 0, name, kind),
                        Err(Error::KERN_INVALID_CAPABILITY)
                    );
                }
                let set = get!(set());
                for id in [
                    notify::NO_SENDERS,
                    notify::PORT_DESTROYED,
                    notify::DEAD_NAME,
                ] {
                    same!(arm(set, id, 0, name, once), Err(Error::KERN_INVALID_RIGHT));
                }
                get!(sys::port_destroy(set));
                let dead = get!(request(routine::MACH_PORT_ALLOCATE, &[0, 4]))[0] as Name;
                let refused = arm(dead, notify::DEAD_NAME, 0, name, once);
                same!(refused, Err(Error::KERN_INVALID_ARGUMENT));
                // At once, and with a reference of its own.
                get!(arm(dead, notify::DEAD_NAME, 1, name, once));
                same!(get!(sys::msg_receive_from(name, POLL)).words, [dead as u64]);
                same!(sys::port_get_refs(dead, PortRight::DeadName), Ok(2));
                get!(sys::port_destroy(dead));
                Ok(())
            },
        );
        suite.check(
            "mach_port_request_notification, answers the right that was armed before",
            || {
                let (port, told) = (
                    get!(ReceiveRight::allocate()),
                    get!(ReceiveRight::allocate()),
                );
                let once = Disposition::MakeSendOnce;
                for id in [
                    notify::NO_SENDERS,
                    notify::PORT_DESTROYED,
                    notify::DEAD_NAME,
                ] {
                    let send = get!(port.make_send());
                    same!(
                        get!(
                            arm(port.as_raw(), id, 9, told.as_raw(), once)
                                .or_else(|_| { arm(port.as_raw(), id, 0, told.as_raw(), once) })
                        )[0],
                        0
                    );
                    let old = get!(arm(port.as_raw(), id, 0, 0, once))[0] as Name;
                    same!(kind(old), Ok(ONCE));
                    get!(sys::port_deallocate(old));
                    let message = get!(sys::msg_receive_from(told.as_raw(), POLL));
                    same!(message.label, notify::SEND_ONCE);
                    drop(send);
                }
                Ok(())
            },
        );
        suite.check(
            "mach_notify_port_destroyed, the receive right comes with its queue",
            || {
                let (port, backup) = (
                    get!(ReceiveRight::allocate()),
                    get!(ReceiveRight::allocate()),
                );
                let once = Disposition::MakeSendOnce;
                get!(arm(
                    port.as_raw(),
                    notify::PORT_DESTROYED,
                    0,
                    backup.as_raw(),
                    once
                ));
                get!(post(&port, 17));
                drop(port);
                let mut message = get!(sys::msg_receive_from(backup.as_raw(), POLL));
                same!(message.label, notify::PORT_DESTROYED);
                let Some(machuser::AnyRight::Receive(port)) = message.rights.remove(0).take()
                else {
                    return Err("no receive right came".into());
                };
                same!(get!(sys::msg_receive_from(port.as_raw(), POLL)).label, 17);
                drop(port);
                let circle = arm(
                    backup.as_raw(),
                    notify::PORT_DESTROYED,
                    0,
                    backup.as_raw(),
                    once,
                );
                same!(circle, Err(Error::KERN_INVALID_CAPABILITY));
                Ok(())
            },
        );
        suite.check(
            "mach_notify_msg_accepted, a forced message is told when there is room",
            || {
                let (port, told) = (
                    get!(ReceiveRight::allocate()),
                    get!(ReceiveRight::allocate()),
                );
                let name = port.as_raw() as u64;
                get!(request(routine::MACH_PORT_SET_QLIMIT, &[0, name, 0]));
                let words = [
                    told.as_raw() as u64,
                    name,
                    Disposition::MakeSend as u64,
                    8,
                    0,
                    0,
                    0,
                ];
                let force = || request(routine::MSG_SEND_NOTIFY, &words).map(drop);
                same!(force(), Err(Error::MACH_SEND_WILL_NOTIFY));
                same!(force(), Err(Error::MACH_SEND_NOTIFY_IN_PROGRESS));
                get!(request(routine::MACH_PORT_SET_QLIMIT, &[0, name, 2]));
                let message = get!(sys::msg_receive_from(told.as_raw(), POLL));
                same!(
                    (message.label, message.words),
                    (notify::MSG_ACCEPTED, [name].into())
                );
                same!(get!(sys::msg_receive_from(port.as_raw(), POLL)).label, 8);
                let mut words = words;
                words[0] = 999;
                let wrong = request(routine::MSG_SEND_NOTIFY, &words);
                same!(wrong, Err(Error::MACH_SEND_INVALID_NOTIFY));
                Ok(())
            },
        );
        suite.check(
            "mach_port_insert_right, under the name that is asked for",
            || {
                let child = get!(Child::new(0));
                let port = get!(ReceiveRight::allocate());
                let insert = |name: Name, how| {
                    sys::port_insert_right(child.task.as_raw(), name, right(port.as_raw(), how))
                };
                same!(insert(0x321, Disposition::MakeSend), Ok(0x321));
                same!(insert(0x321, Disposition::MakeSend), Ok(0x321));
                same!(calls::port_get_refs(&child.task, 0x321, 0), Ok(2));
                same!(
                    insert(0x322, Disposition::MakeSend),
                    Err(Error::KERN_RIGHT_EXISTS)
                );
                same!(insert(0x322, Disposition::MakeSendOnce), Ok(0x322));
                same!(
                    insert(0x322, Disposition::MakeSendOnce),
                    Err(Error::KERN_NAME_EXISTS)
                );
                same!(
                    insert(3, Disposition::MakeSendOnce),
                    Err(Error::KERN_INVALID_VALUE)
                );
                let copy = insert(0x330, Disposition::CopySend);
                same!(copy, Err(Error::KERN_INVALID_CAPABILITY));
                Ok(())
            },
        );
        suite.check(
            "mach_port_extract_right, takes from the other task's space",
            || {
                let child = get!(Child::new(0));
                let (name, _) = get!(child.port());
                let take = |how: Disposition| {
                    let words = [child.task.as_name() as u64, name as u64, how as u64];
                    request(routine::MACH_PORT_EXTRACT_RIGHT, &words).map(|words| words[0] as Name)
                };
                let once = get!(take(Disposition::MakeSendOnce));
                same!(kind(once), Ok(ONCE));
                let receive = get!(take(Disposition::MoveReceive));
                same!(get!(kind(receive)) & RECEIVE, RECEIVE);
                same!(take(Disposition::MoveReceive).is_err(), true);
                get!(sys::port_deallocate(once));
                get!(sys::port_destroy(receive));
                Ok(())
            },
        );
        suite.check(
            "mach_port_get_receive_status, of nothing but a receive right",
            || {
                let set = get!(set());
                same!(status(set), Err(Error::KERN_INVALID_RIGHT));
                same!(status(999), Err(Error::KERN_INVALID_NAME));
                get!(sys::port_destroy(set));
                Ok(())
            },
        );
        suite.check(
            "mach_port_set_protected_payload, comes instead of the name until it is cleared",
            || {
                let port = get!(ReceiveRight::allocate());
                get!(post(&port, 1));
                get!(calls::port_set_payload(
                    calls::SELF,
                    port.as_raw(),
                    Some(!7)
                ));
                let message = get!(sys::msg_receive_from(port.as_raw(), POLL));
                same!(
                    (message.port, message.payload, message.label),
                    (0, Some(!7), 1)
                );
                get!(calls::port_set_payload(calls::SELF, port.as_raw(), None));
                get!(post(&port, 2));
                let message = get!(sys::msg_receive_from(port.as_raw(), POLL));
                same!((message.port, message.payload), (port.as_raw(), None));
                let wrong = calls::port_set_payload(calls::SELF, 999, None);
                same!(wrong, Err(Error::KERN_INVALID_NAME));
                Ok(())
            },
        );
    }

    pub fn run(suite: &mut Suite) {
        exceptions(suite);
        tasks(suite);
        ports(suite);
    }
}
