//! Tasks, threads, and calls between tasks, seen from a program.
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
    use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
    use core::time::Duration;
    use guest_tests::child::{
        Child, LocalThread, Shared, TinyCode, Words, call, number_at, others_work, resources, wait_for,
    };
    use guest_tests::suite::Suite;
    use guest_tests::{arch, get, same};
    use mach::abi::{IN_PAGE, TASK_SELF, routine};
    use machuser::mach::{self as mach_calls, Place, SpecialPort};
    use machuser::sys;
    use machuser::wire::{Disposition, REPLY_ERROR, REPLY_OK, RightArg};
    use machuser::{AsName, Error, Name, PortRight, ReceiveRight, Right, SendRight};

    fn right(name: Name, disposition: Disposition) -> RightArg {
        RightArg { name, disposition }
    }

    /// Labels that [`serve`] knows.
    const ADD: u32 = 1;
    const RIGHTS: u32 = 2;
    const SLOW: u32 = 4;
    const WINDOW: u32 = 5;
    const NEW_PORT: u32 = 6;

    /// A server: words are (its receive right, a shared page).
    fn serve(words: &Words) {
        let shared = words[1];
        let mut incoming = sys::receive();
        loop {
            let Ok(request) = incoming else { continue };
            let mut mrs = request.mrs;
            let mut label = REPLY_OK;
            match request.label {
                ADD => {
                    mrs[0] += 1;
                    number_at(shared, 2).fetch_add(1, Release);
                }
                RIGHTS => {
                    // (ticket, caller): what came goes back, with a right of this task's own.
                    let answer = sys::rights_receive(mrs[0], request.badge).and_then(|list| {
                        let mut rights = [right(0, Disposition::CopySend); 2];
                        if let Some(carried) = list.into_iter().next() {
                            let name = carried.into_raw() & 0xfff_ffff;
                            rights[0] = right(name, Disposition::MoveSend);
                        }
                        rights[1] = right(request.badge, Disposition::MakeSend);
                        sys::reply_rights(mrs[1] as u32, &rights)
                    });
                    if let Err(error) = answer {
                        (label, mrs[0]) = (REPLY_ERROR, error.0 as u64);
                    }
                }
                SLOW => {
                    number_at(shared, 0).fetch_add(1, Release);
                    wait_for(number_at(shared, 1), 1);
                    mrs[0] += 1;
                }
                WINDOW => match sys::window_accept(mrs[0]) {
                    Ok(window) => {
                        for byte in 0..window.bytes {
                            // SAFETY: the mach server has mapped the window here.
                            unsafe {
                                ((window.address + byte) as *mut u8).write(byte as u8 ^ 0x5a)
                            };
                        }
                        mrs[0] = window.bytes as u64;
                    }
                    Err(error) => (label, mrs[0]) = (REPLY_ERROR, error.0 as u64),
                },
                NEW_PORT => match sys::reply_new_port(mrs[1] as u32, mrs[0] != 0) {
                    Ok((name, _)) => mrs[0] = name as u64,
                    Err(error) => (label, mrs[0]) = (REPLY_ERROR, error.0 as u64),
                },
                _ => {
                    incoming = sys::receive();
                    continue;
                }
            }
            incoming = sys::reply_receive(label, 1, mrs);
        }
    }

    struct Server {
        child: Child,
        shared: Shared,
        port: SendRight,
    }

    fn server() -> Result<Server, Error> {
        let mut child = Child::new(0)?;
        let shared = Shared::new()?;
        let at = shared.map(&child.task)?;
        let (name, port) = child.port()?;
        child.run(serve, [name as u64, at, 0, 0, 0, 0, 0, 0])?;
        Ok(Server {
            child,
            shared,
            port,
        })
    }

    /// Calls a port: words are (port, label, argument, own shared page, where the answer goes).
    fn caller(words: &Words) {
        let port = words[0] as Name;
        let (label, _, mrs) = sys::call(port, words[1] as u32, 1, [words[2], 0, 0, 0]);
        let answer = if label == REPLY_OK {
            mrs[0]
        } else {
            machuser::client::failure(label, mrs[0]).0 as u64 | 1 << 40
        };
        number_at(words[3], words[4] as usize).store(answer | 1 << 41, Release);
    }

    const FAILED: u64 = 1 << 40 | 1 << 41;
    const ANSWERED: u64 = 1 << 41;

    /// Starts a thread that calls, and gives it time to be in the call.
    fn start_call(
        server: &Server,
        label: u32,
        mine: &Shared,
        slot: usize,
    ) -> Result<LocalThread, Error> {
        mine.number(slot).store(0, Relaxed);
        let at = mine.number(0) as *const _ as u64;
        let words = [
            server.port.as_raw() as u64,
            label as u64,
            7,
            at,
            slot as u64,
            0,
            0,
            0,
        ];
        let thread = LocalThread::start(caller, words)?;
        for _ in 0..20 {
            sys::yield_now();
        }
        Ok(thread)
    }

    /// Sends words that make no sense, for ever: words are (seed).
    fn hostile(words: &Words) {
        let mut state = words[0];
        let mut next = move || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            state >> 20
        };
        let known: [u32; 66] = [
            2007, 2008, 2012, 2016, 2021, 2023, 2024, 2026, 2027, 2028, 2029, 2030, 2056, 2057,
            2058, 2059, 2061, 2062, 2063, 2064, 2089, 2635, 2643, 2644, 2647, 3200, 3201, 3204,
            3205, 3206, 3207, 3208, 3210, 3212, 3213, 3214, 3215, 3216, 3217, 4203, 4204, 4205,
            4210, 5000, 5001, 5002, 5003, 5004, 5005, 5006, 5007, 5008, 5009, 5010, 5011, 5012,
            5013, 5014, 5016, 5017, 5018, 5019, 5020, 5021, 5022, 5024,
        ];
        loop {
            let number = known[next() as usize % known.len()];
            let count = (next() % 12) as usize;
            let mut words = [0u64; 12];
            for word in &mut words {
                *word = match next() % 8 {
                    0 => 0,
                    1 => next() % 8,
                    2 | 3 => 16 + next() % 24,
                    4 => (16 + next() % 7) << 32 | (16 + next() % 24),
                    5 => [u64::MAX, 1 << 63, 4096, 0xf000_0000, 0xffff_f000][next() as usize % 5],
                    6 => 0x4000_0000 + (next() % 64) * 4096,
                    _ => next() << 24 | next(),
                };
            }
            // Waits must not last for ever.
            if matches!(number, routine::MSG_RECEIVE | routine::GSYNC_WAIT) {
                words[1] = u64::MAX;
                words[2] = 1;
            }
            if number == routine::MSG_SEND {
                words[3] = u64::MAX;
            }
            // Itself, it leaves alone: that is another test.
            let own = matches!(
                number,
                routine::TASK_TERMINATE
                    | routine::TASK_SUSPEND
                    | routine::THREAD_TERMINATE
                    | routine::THREAD_SUSPEND
                    | routine::VM_DEALLOCATE
                    | routine::VM_PROTECT
                    | routine::VM_WRITE
                    | routine::VM_COPY
            );
            if own && words[0] < 16 {
                words[0] = 999;
            }
            let _ = sys::mach_call_words(number, &words[..count]);
            number_at(words_address(), 0).fetch_add(1, Relaxed);
        }
    }

    /// Where the hostile child has its shared page: its first number is in a register that nothing
    /// else keeps.
    fn words_address() -> u64 {
        HOSTILE_PAGE.load(Relaxed)
    }
    static HOSTILE_PAGE: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(0);

    fn hostile_start(words: &Words) {
        HOSTILE_PAGE.store(words[1], Relaxed);
        hostile(words);
    }

    pub fn run(suite: &mut Suite) {
        suite.check("thread_start, a task runs a function and ends", || {
            let shared = get!(Shared::new());
            let mut child = get!(Child::new(0));
            let at = get!(shared.map(&child.task));
            fn tell(words: &Words) {
                number_at(words[0], 3).store(words[1] * 2, Release);
                sys::exit();
            }
            get!(child.run(tell, [at, 21, 0, 0, 0, 0, 0, 0]));
            same!(shared.wait(3, 42), true);
            same!(child.ends(), true);
            Ok(())
        });
        suite.check("calls between tasks are answered", || {
            let server = get!(server());
            for word in 0..1000 {
                same!(call(&server.port, ADD, word), Ok(word + 1));
            }
            Ok(())
        });
        suite.check("rights_send and reply_rights, rights travel both ways with a call", || {
            let server = get!(server());
            for _ in 0..200 {
                let port = get!(ReceiveRight::allocate());
                let name = server.port.as_raw();
                let ticket = get!(sys::rights_send(
                    name,
                    &[right(port.as_raw(), Disposition::MakeSend)]
                ));
                drop(sys::inbox_take());
                let words = [ticket, sys::thread_number() as u64, 0, 0];
                let (label, _, mrs) = sys::call(name, RIGHTS, 2, words);
                same!((label, mrs[0] == ticket), (REPLY_OK, true));
                let mut came = sys::inbox_take().into_iter();
                let (one, two) = (came.next(), came.next());
                let own = one.map(|carried| carried.into_raw() & 0xfff_ffff);
                let theirs = two.map(|carried| carried.into_raw() & 0xfff_ffff);
                same!(own, Some(port.as_raw()));
                same!(theirs, Some(name));
                same!(sys::port_get_refs(port.as_raw(), PortRight::Send), Ok(1));
                get!(sys::port_deallocate(port.as_raw()));
                get!(sys::port_deallocate(name));
            }
            same!(
                get!(mach_calls::task_info(&server.child.task)).names < 8,
                true
            );
            Ok(())
        });
        suite.check("reply_new_port, a reply makes a port, whose rights are counted", || {
            let server = get!(server());
            let words = [0, sys::thread_number() as u64, 0, 0];
            let before = get!(mach_calls::task_info(&server.child.task)).names;
            let mut fresh = Vec::new();
            for _ in 0..50 {
                drop(sys::inbox_take());
                let (label, _, _) = sys::call(server.port.as_raw(), NEW_PORT, 2, words);
                same!(label, REPLY_OK);
                for carried in sys::inbox_take() {
                    fresh.push(SendRight::from_raw(carried.into_raw() & 0xfff_ffff));
                }
            }
            same!(fresh.len(), 50);
            same!(
                get!(mach_calls::task_info(&server.child.task)).names,
                before + 50
            );
            same!(call(&fresh[49], ADD, 5), Ok(6));
            Ok(())
        });
        suite.check("msg_send, words in a page that is not the caller's are refused", || {
            let server = get!(server());
            let port = get!(ReceiveRight::allocate());
            let to = get!(port.make_send());
            let send = |thread: u64, count: u64| {
                // The time limit, and no rights and no words.
                (3..6).zip([u64::MAX, 0, 0]).for_each(|(at, word)| sys::buffer_set(at, word));
                let disposition = Disposition::CopySend as u64;
                let words = [count << 32 | thread, to.as_raw() as u64, disposition, 77];
                let label = routine::MSG_SEND | IN_PAGE;
                let (label, _, mrs) = sys::call(TASK_SELF, label, 4, words);
                if label == REPLY_OK { Ok(()) } else { Err(Error(mrs[0] as u32)) }
            };
            let own = sys::thread_number() as u64;
            same!(send(own, 6), Ok(()));
            same!(get!(sys::msg_receive_from(port.as_raw(), None)).label, 77);
            for thread in [0, own + 1, own ^ 1 << 20, own | 1 << 31, u32::MAX as u64] {
                same!(send(thread, 6), Err(Error::KERN_INVALID_ARGUMENT));
            }
            same!(send(own, 121), Err(Error::KERN_INVALID_ARGUMENT));
            same!(send(own, u32::MAX as u64), Err(Error::KERN_INVALID_ARGUMENT));
            same!(send(own, 5), Err(Error::MIG_BAD_ARGUMENTS));
            same!(send(own, 0), Err(Error::MIG_BAD_ARGUMENTS));
            same!(sys::msg_receive_from(port.as_raw(), Some(Duration::ZERO)).is_err(), true);
            same!(call(&server.port, ADD, 5), Ok(6));
            Ok(())
        });
        suite.check("reply_new_port, a port that its client gave back comes again", || {
            let server = get!(server());
            let words = [1, sys::thread_number() as u64, 0, 0];
            let fresh = || -> Result<(u64, SendRight), Error> {
                drop(sys::inbox_take());
                let (label, _, mrs) = sys::call(server.port.as_raw(), NEW_PORT, 2, words);
                let name = sys::inbox_take().pop().map(|carried| carried.into_raw() & 0xfff_ffff);
                match (label, name) {
                    (REPLY_OK, Some(name)) => Ok((mrs[0], SendRight::from_raw(name))),
                    _ => Err(Error(mrs[0] as u32)),
                }
            };
            let before = get!(mach_calls::task_info(&server.child.task)).names;
            let mut again = 0;
            let (mut last, mut port) = get!(fresh());
            for _ in 0..300 {
                let old = port.as_raw();
                drop(port);
                // Nobody can tell that anything is left of it.
                same!(sys::port_get_refs(old, PortRight::Send), Err(Error::KERN_INVALID_NAME));
                same!(get!(mach_calls::task_info(&server.child.task)).names, before);
                let next = get!(fresh());
                again += (next.0 == last && next.1.as_raw() & 0xf_ffff == old & 0xf_ffff) as u32;
                same!(next.1.as_raw() == old, false);
                same!(call(&next.1, ADD, 5), Ok(6));
                (last, port) = next;
            }
            // What is left lasts a moment only.
            same!(again > 0, true);
            Ok(())
        });
        suite.check(
            "a caller learns of its server's death, two hundred times",
            || {
                let mine = get!(Shared::new());
                let at = mine.number(0) as *const _ as u64;
                for round in 0..200u64 {
                    let server = get!(server());
                    let port = server.port.as_raw() as u64;
                    mine.number(1).store(0, Relaxed);
                    // Some are in the server's hands, some queue, some have not called yet.
                    let words = [port, SLOW as u64, round, at, 1, 0, 0, 0];
                    let thread = get!(LocalThread::start(caller, words));
                    for _ in 0..round % 7 {
                        sys::yield_now();
                    }
                    get!(mach_calls::task_terminate(&server.child.task));
                    same!(mine.wait(1, 1), true);
                    let answer = mine.number(1).load(Acquire);
                    let died = FAILED | Error::MIG_SERVER_DIED.0 as u64;
                    let gone = FAILED | Error::MACH_SEND_INVALID_DEST.0 as u64;
                    if answer != died && answer != gone {
                        return Err(alloc::format!("round {round}: {answer:x}"));
                    }
                    if server.shared.number(0).load(Relaxed) > 0 {
                        same!(answer, died);
                    }
                    drop(thread);
                }
                Ok(())
            },
        );
        suite.check("a server that dies takes its ports with it", || {
            let server = get!(server());
            let told = get!(ReceiveRight::allocate());
            let dead = sys::Notification::DeadName;
            get!(sys::request_notification(
                server.port.as_raw(),
                dead,
                0,
                told.as_raw()
            ));
            get!(mach_calls::task_terminate(&server.child.task));
            let message = get!(sys::msg_receive_from(told.as_raw(), Some(Duration::ZERO)));
            same!(message.label, dead as u32);
            same!(
                call(&server.port, ADD, 1),
                Err(Error::MACH_SEND_INVALID_DEST)
            );
            get!(sys::port_deallocate(server.port.as_raw()));
            Ok(())
        });
        suite.check("thread_abort, an interrupted call ends, and the next one works", || {
            let server = get!(server());
            let mine = get!(Shared::new());
            let thread = get!(start_call(&server, SLOW, &mine, 1));
            same!(server.shared.wait(0, 1), true);
            same!(mine.number(1).load(Acquire), 0);
            get!(mach_calls::thread_abort(&thread.port));
            same!(mine.wait(1, 1), true);
            let interrupted = FAILED | Error::MACH_RCV_INTERRUPTED.0 as u64;
            same!(mine.number(1).load(Acquire), interrupted);
            server.shared.number(1).store(1, Release);
            same!(call(&server.port, ADD, 1), Ok(2));
            Ok(())
        });
        suite.check(
            "a thread that is stopped in a call asks once and hears the answer",
            || {
                let server = get!(server());
                let mine = get!(Shared::new());
                let thread = get!(start_call(&server, SLOW, &mine, 1));
                same!(server.shared.wait(0, 1), true);
                get!(mach_calls::thread_suspend(&thread.port));
                server.shared.number(1).store(1, Release);
                for _ in 0..200 {
                    sys::yield_now();
                }
                same!(mine.number(1).load(Acquire), 0);
                get!(mach_calls::thread_resume(&thread.port));
                same!(mine.wait(1, 1), true);
                same!(mine.number(1).load(Acquire), ANSWERED | 8);
                same!(server.shared.number(0).load(Acquire), 1);
                Ok(())
            },
        );
        suite.check(
            "a thread that is stopped in a call to the mach server loses no message",
            || {
                let mine = get!(Shared::new());
                let port = get!(ReceiveRight::allocate());
                fn receive(words: &Words) {
                    let words_in = [words[0], 0, 0, 0];
                    let got = sys::mach_call(routine::MSG_RECEIVE, 2, words_in);
                    let answer = got.map_or(FAILED, |(_, mrs)| mrs[1] | ANSWERED);
                    number_at(words[1], 2).store(answer, Release);
                }
                for round in 0..20u64 {
                    mine.number(2).store(0, Relaxed);
                    let at = mine.number(0) as *const _ as u64;
                    let words = [port.as_raw() as u64, at, 0, 0, 0, 0, 0, 0];
                    let thread = get!(LocalThread::start(receive, words));
                    for _ in 0..round % 5 {
                        sys::yield_now();
                    }
                    get!(mach_calls::thread_suspend(&thread.port));
                    let to = right(port.as_raw(), Disposition::MakeSend);
                    get!(sys::msg_send(
                        to,
                        90 + round as u32,
                        &[],
                        &[],
                        Some(Duration::ZERO)
                    ));
                    for _ in 0..20 {
                        sys::yield_now();
                    }
                    same!(mine.number(2).load(Acquire), 0);
                    get!(mach_calls::thread_resume(&thread.port));
                    same!(mine.wait(2, 1), true);
                    same!(mine.number(2).load(Acquire), (90 + round) | ANSWERED);
                }
                Ok(())
            },
        );
        suite.check(
            "a stopped server answers when it goes on, each request once",
            || {
                let server = get!(server());
                let mine = get!(Shared::new());
                for round in 0..20 {
                    get!(mach_calls::task_suspend(&server.child.task));
                    let thread = get!(start_call(&server, ADD, &mine, 1));
                    same!(mine.number(1).load(Acquire), 0);
                    get!(mach_calls::task_suspend(&server.child.task));
                    get!(mach_calls::task_resume(&server.child.task));
                    sys::yield_now();
                    same!(mine.number(1).load(Acquire), 0);
                    get!(mach_calls::task_resume(&server.child.task));
                    same!(mine.wait(1, 1), true);
                    same!(mine.number(1).load(Acquire), ANSWERED | 8);
                    drop(thread);
                    same!(call(&server.port, ADD, round), Ok(round + 1));
                }
                Ok(())
            },
        );
        suite.check(
            "a server that is stopped while it works answers once",
            || {
                let mine = get!(Shared::new());
                // A server that is stopped where it has just faulted is seldom met.
                for _ in 0..60 {
                    let server = get!(server());
                    let thread = get!(start_call(&server, SLOW, &mine, 1));
                    same!(server.shared.wait(0, 1), true);
                    for _ in 0..50 {
                        get!(mach_calls::thread_suspend(&server.child.thread));
                        sys::yield_now();
                        get!(mach_calls::thread_resume(&server.child.thread));
                        sys::yield_now();
                    }
                    same!(mine.number(1).load(Acquire), 0);
                    server.shared.number(1).store(1, Release);
                    same!(mine.wait(1, 1), true);
                    same!(mine.number(1).load(Acquire), ANSWERED | 8);
                    same!(server.shared.number(0).load(Acquire), 1);
                    drop(thread);
                }
                Ok(())
            },
        );
        let rounds = suite.times(50_000);
        suite.check("a thread that is stopped at any moment asks for nothing twice", || {
            /// Calls until told to end: words are (port, own shared page).
            fn caller_loop(words: &Words) {
                let own = words[1];
                let mut done = 0;
                while number_at(own, 5).load(Acquire) == 0 {
                    let (label, _, mrs) = sys::call(words[0] as Name, ADD, 1, [done, 0, 0, 0]);
                    if label == REPLY_OK && mrs[0] == done + 1 {
                        done += 1;
                    } else {
                        number_at(own, 7).fetch_add(1, Release);
                    }
                }
                number_at(own, 6).store(done + 1, Release);
            }
            let server = get!(server());
            let mine = get!(Shared::new());
            let at = mine.number(0) as *const _ as u64;
            let words = [server.port.as_raw() as u64, at, 0, 0, 0, 0, 0, 0];
            let thread = get!(LocalThread::start(caller_loop, words));
            for round in 0..rounds {
                get!(mach_calls::thread_suspend(&thread.port));
                if round % 3 == 0 {
                    get!(mach_calls::thread_suspend(&server.child.thread));
                    sys::yield_now();
                    get!(mach_calls::thread_resume(&server.child.thread));
                }
                for _ in 0..round % 4 {
                    sys::yield_now();
                }
                get!(mach_calls::thread_resume(&thread.port));
                for _ in 0..round % 5 {
                    sys::yield_now();
                }
            }
            mine.number(5).store(1, Release);
            same!(mine.wait(6, 1), true);
            let done = mine.number(6).load(Acquire) - 1;
            same!(mine.number(7).load(Acquire), 0);
            same!(server.shared.number(2).load(Acquire), done);
            same!(done > rounds / 10, true);
            Ok(())
        });
        suite.check("a thread that is interrupted at any moment loses only its call", || {
            /// Touches one page after the other and calls after each: words are (port, own shared
            /// page, pages, how many).
            fn touch_and_call(words: &Words) {
                let (mut answered, mut interrupted) = (0, 0);
                for page in 0..words[3] {
                    number_at(words[2] + page * 4096, 0).store(page, Relaxed);
                    let (label, _, mrs) = sys::call(words[0] as Name, ADD, 1, [page, 0, 0, 0]);
                    if label == REPLY_OK && mrs[0] == page + 1 {
                        answered += 1;
                    } else if label == REPLY_ERROR
                        && mrs[0] == Error::MACH_RCV_INTERRUPTED.0 as u64
                    {
                        interrupted += 1;
                    } else {
                        number_at(words[1], 3).store(label as u64, Release);
                    }
                }
                number_at(words[1], 1).store(answered, Relaxed);
                number_at(words[1], 2).store(interrupted, Relaxed);
                number_at(words[1], 0).store(1, Release);
            }
            let server = get!(server());
            let mine = get!(Shared::new());
            let at = mine.number(0) as *const _ as u64;
            let count = 16_384;
            let pages = get!(mach_calls::vm_allocate(
                mach_calls::SELF,
                Place::Anywhere,
                count * 4096
            ));
            let words = [server.port.as_raw() as u64, at, pages, count, 0, 0, 0, 0];
            let thread = get!(LocalThread::start(touch_and_call, words));
            let mut round = 0;
            while mine.number(0).load(Acquire) == 0 {
                get!(mach_calls::thread_abort(&thread.port));
                for _ in 0..round % 3 {
                    sys::yield_now();
                }
                round += 1;
            }
            get!(mach_calls::vm_deallocate(mach_calls::SELF, pages, count * 4096));
            same!(mine.number(3).load(Acquire), 0);
            let answered = mine.number(1).load(Acquire);
            same!(answered + mine.number(2).load(Acquire), count);
            same!(server.shared.number(2).load(Acquire) >= answered, true);
            same!(answered > 0 && answered < count, true);
            Ok(())
        });
        suite.check("a thread can stop itself, and is resumed", || {
            let mine = get!(Shared::new());
            fn stop(words: &Words) {
                let name = number_at(words[0], 3);
                wait_for(name, 1);
                number_at(words[0], 4).store(1, Release);
                let name = name.load(Acquire);
                let result = sys::mach_call(routine::THREAD_SUSPEND, 1, [name, 0, 0, 0]);
                let answer = if result.is_ok() { 2 } else { 3 };
                number_at(words[0], 4).store(answer, Release);
            }
            let at = mine.number(0) as *const _ as u64;
            let thread = get!(LocalThread::start(stop, [at, 0, 0, 0, 0, 0, 0, 0]));
            mine.number(3).store(thread.port.as_name() as u64, Release);
            same!(mine.wait(4, 1), true);
            for _ in 0..50 {
                sys::yield_now();
            }
            same!(mine.number(4).load(Acquire), 1);
            get!(mach_calls::thread_resume(&thread.port));
            same!(mine.wait(4, 2), true);
            same!(mine.number(4).load(Acquire), 2);
            Ok(())
        });
        suite.check("window_create, shared memory of client and server", || {
            let server = get!(server());
            for bytes in [1usize, 4096, 70_000] {
                let window = get!(sys::window_create(server.port.as_raw(), bytes));
                same!(window.bytes, bytes.next_multiple_of(4096));
                same!(
                    call(&server.port, WINDOW, window.token),
                    Ok(window.bytes as u64)
                );
                for byte in 0..window.bytes {
                    // SAFETY: the window is mapped here.
                    let there = unsafe { ((window.address + byte) as *const u8).read_volatile() };
                    same!(there, byte as u8 ^ 0x5a);
                }
                // A token holds for its server, and once it is given up for nobody.
                same!(sys::window_accept(window.token).is_err(), true);
                get!(sys::window_destroy(window.token));
                same!(call(&server.port, WINDOW, window.token).is_err(), true);
            }
            Ok(())
        });
        suite.check(
            "window_release, the memory stays with the client when the server dies",
            || {
                let before = get!(resources());
                for _ in 0..3 {
                    let server = get!(server());
                    let window = get!(sys::window_create(server.port.as_raw(), 40_000));
                    same!(
                        call(&server.port, WINDOW, window.token),
                        Ok(window.bytes as u64)
                    );
                    drop(server.child);
                    // SAFETY: the window is still mapped here.
                    let there = unsafe { ((window.address + 5) as *const u8).read_volatile() };
                    same!(there, 5 ^ 0x5a);
                    same!(sys::window_destroy(window.token).is_err(), true);
                    let (address, bytes) = (window.address as u64, window.bytes as u64);
                    get!(mach_calls::vm_deallocate(mach_calls::SELF, address, bytes));
                }
                let after = get!(resources());
                same!(after[1..], before[1..]);
                Ok(())
            },
        );
        suite.check(
            "window_accept, a server is told when the client of its window dies",
            || {
                fn window_server(words: &Words) {
                    let shared = words[1];
                    // The client's call, then the notice.
                    let Ok(request) = sys::receive() else { return };
                    let accepted = sys::window_accept(request.mrs[0]).is_ok();
                    number_at(shared, 0).store(1 + accepted as u64, Release);
                    sys::reply(REPLY_OK, 1, [0; 4]);
                    let got = sys::mach_call(routine::MSG_RECEIVE, 2, [0, 0, 0, 0]);
                    let label = got.map_or(0, |(_, mrs)| mrs[1]);
                    let token = sys::buffer_get(5);
                    let same = token == request.mrs[0] && label == 21;
                    let freed = sys::window_release(token).is_ok();
                    number_at(shared, 1).store(1 + (same && freed) as u64, Release);
                    loop {
                        let _ = sys::receive();
                    }
                }
                fn window_client(words: &Words) {
                    let port = words[0] as Name;
                    if let Ok(window) = sys::window_create(port, 10_000) {
                        let _ = sys::call(port, 1, 1, [window.token, 0, 0, 0]);
                    }
                    sys::exit();
                }
                let shared = get!(Shared::new());
                let (mut server, mut client) = (get!(Child::new(0)), get!(Child::new(0)));
                let at = get!(shared.map(&server.task));
                let (name, port) = get!(server.port());
                get!(server.run(window_server, [name as u64, at, 0, 0, 0, 0, 0, 0]));
                let theirs = get!(client.give(Right::from(&port)));
                get!(client.run(window_client, [theirs as u64, 0, 0, 0, 0, 0, 0, 0]));
                same!(shared.wait(0, 2), true);
                same!(shared.wait(1, 1), true);
                same!(shared.number(1).load(Acquire), 2);
                Ok(())
            },
        );
        suite.check("an exception is told to the task's exception port", || {
            fn touch(words: &Words) {
                // SAFETY: there is nothing at this address: the thread gets an exception.
                unsafe { (words[0] as *mut u64).write_volatile(1) };
            }
            let handler = get!(ReceiveRight::allocate());
            let send = get!(handler.make_send());
            for address in [0x10u64, 0x3000_0000, 0xffff_fff0, 1 << 40] {
                let mut child = get!(Child::new(0));
                get!(child.special_port(SpecialPort::Exception, &send));
                get!(child.run(touch, [address, 0, 0, 0, 0, 0, 0, 0]));
                let limit = Some(Duration::from_secs(5));
                let message = get!(sys::msg_receive_from(handler.as_raw(), limit));
                same!(message.label, 2400 | mach::abi::WITH_REPLY);
                same!(message.words[0], 1);
                same!(message.words[2], guest_tests::arch::reported(address));
                same!(message.rights.len(), 3);
                same!(child.lives(), true);
            }
            // Without a handler the task ends.
            let mut child = get!(Child::new(0));
            get!(child.special_port(SpecialPort::Exception, 0));
            get!(child.run(touch, [0x10, 0, 0, 0, 0, 0, 0, 0]));
            same!(child.ends(), true);
            Ok(())
        });
        let children = suite.times(200).max(10);
        suite.check(
            "hostile tasks harm neither the mach server nor others",
            || {
                let server = get!(server());
                // What the first ones make the mach server set aside stays with it.
                let mut before = None;
                for round in 0..children {
                    if round == 5 {
                        before = Some(get!(resources()));
                    }
                    let shared = get!(Shared::new());
                    let account = get!(mach_calls::account_create(4 << 20, 1 << 20, 400));
                    let mut child = get!(Child::new(&account));
                    let at = get!(shared.map(&child.task));
                    get!(child.run(hostile_start, [round * 77 + 1, at, 0, 0, 0, 0, 0, 0]));
                    for _ in 0..300 {
                        if shared.number(0).load(Relaxed) > 500 || !child.lives() {
                            break;
                        }
                        sys::yield_now();
                    }
                    same!(call(&server.port, ADD, round), Ok(round + 1));
                    drop(child);
                    // Tasks that it has made may outlive it, but not their account.
                    get!(mach_calls::account_terminate(&account));
                }
                let after = get!(resources());
                let before = before.unwrap_or(after);
                same!(after[1..], before[1..]);
                Ok(())
            },
        );
        suite.check("a system call with any flags, stack, and address to go on at harms nobody", || {
            /// Words are (number of the call, a shared page).
            fn wild(words: &Words) {
                let (call, _) = arch::WILD_CALLS[words[0] as usize];
                number_at(words[1], 1).store(1, Release);
                loop {
                    call();
                    if number_at(words[1], 0).load(Acquire) != 0 {
                        break;
                    }
                }
                number_at(words[1], 3).store(7, Release);
            }
            /// Looks whether it still finds its page.
            fn keep(words: &Words) {
                let page = machuser::rt::thread_page();
                while machuser::rt::thread_page() == page {
                    number_at(words[1], 2).fetch_add(1, Release);
                    sys::yield_now();
                }
            }
            let server = get!(server());
            for (at, (_, goes_on)) in arch::WILD_CALLS.iter().enumerate() {
                let shared = get!(Shared::new());
                let (mut child, mut neighbour) = (get!(Child::new(0)), get!(Child::new(0)));
                for (child, main) in [(&mut child, wild as fn(&Words)), (&mut neighbour, keep)] {
                    let page = get!(shared.map(&child.task));
                    get!(child.run(main, [at as u64, page, 0, 0, 0, 0, 0, 0]));
                }
                same!((at, shared.wait(1, 1)), (at, true));
                for _ in 0..20 {
                    get!(others_work(&server.port));
                }
                let kept = shared.number(2).load(Acquire);
                same!((at, shared.wait(2, kept + 100)), (at, true));
                shared.number(0).store(1, Release);
                match goes_on {
                    true => same!((at, shared.wait(3, 7)), (at, true)),
                    false => same!((at, child.ends()), (at, true)),
                }
            }
            Ok(())
        });
        let code = TinyCode::new();
        suite.check(
            "a thousand tasks live at once, each answers, and nothing is left",
            || {
                let code = get!(code.as_ref().map_err(|error| *error));
                let mut before = None;
                // The first rounds make what the mach server keeps for so many.
                for round in 0..3 {
                    if round == 2 {
                        before = Some(get!(resources()));
                    }
                    let mut tasks = Vec::new();
                    for made in 0..1000 {
                        let task = code
                            .start(0)
                            .and_then(|task| task.port().map(|port| (task, port)));
                        tasks.push(get!(task.map_err(|error| (made, error))));
                    }
                    for (at, (_, port)) in tasks.iter().enumerate() {
                        same!(call(port, ADD, at as u64), Ok(at as u64 + 1));
                    }
                    for (task, port) in tasks {
                        drop(task);
                        get!(sys::port_deallocate(port.into_raw()));
                    }
                }
                same!(Some(get!(resources())), before);
                Ok(())
            },
        );
    }
}
