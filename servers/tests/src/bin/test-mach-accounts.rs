//! Accounts: whatever one of them exhausts, who asked is refused and nobody else; they can be emptied.
//! With the argument `hog`, the program takes all that its own account allows, tells so, and stays.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

#[cfg(not(target_os = "none"))]
fn program() -> i32 {
    0
}
#[cfg(target_os = "none")]
use guest::program;

posix::main!(program);

#[cfg(target_os = "none")]
mod guest {
    use ::mach::abi::{disposition, receiver, right, routine};
    use alloc::vec::Vec;
    use core::sync::atomic::Ordering::{Acquire, Release};
    use guest_tests::child::{Child, Shared, TinyCode, Words, asked, number_at, others_work, resources};
    use guest_tests::suite::{Outcome, Suite, line};
    use guest_tests::{get, same};
    use machuser::env::{self, init_port};
    use machuser::mach;
    use machuser::{AsName, Error, ReceiveRight, Right, SendRight, sys};

    const PAGE: u64 = 4096;
    const SHORT: Error = Error::KERN_RESOURCE_SHORTAGE;
    const POLL: u64 = u64::MAX;

    /// What can be exhausted: a sentence, and the limits under which it is.
    const KINDS: &[(&str, [u64; 3])] = &[
        ("pages that are touched", [100 * PAGE, 1 << 20, 500]),
        ("pages that are copied", [100 * PAGE, 1 << 20, 500]),
        ("regions", [1 << 24, 60 * PAGE, 500]),
        ("page tables", [1 << 24, 60 * PAGE, 500]),
        ("memory objects", [1 << 24, 60 * PAGE, 5000]),
        ("windows", [100 * PAGE, 1 << 20, 500]),
        ("threads", [100 * PAGE, 1 << 20, 500]),
        ("tasks", [1 << 24, 60 * PAGE, 500]),
        ("accounts", [1 << 24, 60 * PAGE, 5000]),
        ("ports", [1 << 24, 1 << 20, 60]),
        ("port sets", [1 << 24, 1 << 20, 60]),
        ("dead names", [1 << 24, 1 << 20, 60]),
        ("bytes in queues", [1 << 24, 60 * PAGE, 500]),
        ("rights in queues", [1 << 24, 1 << 20, 60]),
        ("rights of tickets", [1 << 24, 1 << 20, 60]),
        ("notifications that nobody reads", [1 << 24, 60 * PAGE, 5000]),
    ];

    fn allocate(pages: u64) -> Result<u64, Error> {
        asked(routine::VM_ALLOCATE, &[0, 0, pages * PAGE, 1])
    }

    fn touch(address: u64) -> Result<u64, Error> {
        asked(routine::VM_WRITE, &[0, address, 8, 1])
    }

    /// A message to `to` with the receive right of a new port.
    fn send_port(to: u64) -> Result<u64, Error> {
        let port = asked(routine::MACH_PORT_ALLOCATE, &[0, right::RECEIVE as u64])?;
        let moved = (disposition::MOVE_RECEIVE as u64) << 32 | port;
        let words = [to, disposition::COPY_SEND as u64, 1, POLL, 1, 0, moved];
        asked(routine::MSG_SEND, &words)
    }

    /// Spends more of one kind; `round` counts from 0, `keep` is for the kind alone.
    fn spend(kind: u64, to: u64, round: u64, keep: &mut u64) -> Result<u64, Error> {
        match kind {
            0 => {
                if round == 0 {
                    *keep = allocate(1000)?;
                }
                touch(*keep + round * PAGE)
            }
            1 => {
                if round == 0 {
                    *keep = allocate(1)?;
                    touch(*keep)?;
                }
                let copy = allocate(1)?;
                asked(routine::VM_COPY, &[0, *keep, 0, copy, PAGE])
            }
            2 => allocate(1),
            3 => {
                let address = 0xa000_0000 + round * (2 << 20);
                asked(routine::VM_ALLOCATE, &[0, address, PAGE, 0])?;
                touch(address)
            }
            4 => asked(routine::MEMORY_OBJECT_CREATE, &[1 << 30]),
            5 => asked(routine::WINDOW_CREATE, &[to, PAGE]),
            6 => asked(routine::THREAD_CREATE, &[0, 0]),
            7 => asked(routine::TASK_CREATE, &[0]),
            8 => asked(routine::ACCOUNT_CREATE, &[1 << 40, 1 << 40, 1 << 30]),
            9 => asked(routine::MACH_PORT_ALLOCATE, &[0, right::RECEIVE as u64]),
            10 => asked(routine::MACH_PORT_ALLOCATE, &[0, right::PORT_SET as u64]),
            11 => asked(routine::MACH_PORT_ALLOCATE, &[0, right::DEAD_NAME as u64]),
            12 => {
                let mut words = [7; 106];
                words[..6].copy_from_slice(&[to, disposition::COPY_SEND as u64, 1, POLL, 0, 100]);
                asked(routine::MSG_SEND, &words)
            }
            13 => send_port(to),
            14 => {
                let thread = sys::mach_call_words(routine::THREAD_CREATE, &[0, 0])?.1[1];
                let mut words = [thread, to, 4, 0, 0, 0, 0];
                for word in &mut words[3..] {
                    let port = asked(routine::MACH_PORT_ALLOCATE, &[0, right::RECEIVE as u64])?;
                    *word = (disposition::MOVE_RECEIVE as u64) << 32 | port;
                }
                asked(routine::RIGHTS_SEND, &words)
            }
            _ => {
                if round == 0 {
                    *keep = asked(routine::MACH_PORT_ALLOCATE, &[0, right::RECEIVE as u64])?;
                }
                let port = asked(routine::MACH_PORT_ALLOCATE, &[0, right::RECEIVE as u64])?;
                let once = disposition::MAKE_SEND_ONCE as u64;
                let words = [0, port, ::mach::abi::notify::DEAD_NAME as u64, 0, *keep, once];
                let result = asked(routine::MACH_PORT_REQUEST_NOTIFICATION, &words);
                asked(routine::MACH_PORT_DESTROY, &[0, port])?;
                result
            }
        }
    }

    /// Spends of a kind until it is refused: words are the shared page, the kind, a port.
    fn spender(words: &Words) {
        let (mut round, mut keep) = (0, 0);
        // In its map while that can be paid for.
        number_at(words[0], 2).store(1, Release);
        let error = loop {
            match spend(words[1], words[2], round, &mut keep) {
                Ok(_) => round += 1,
                Err(error) => break error,
            }
        };
        number_at(words[0], 1).store(round, Release);
        number_at(words[0], 0).store(error.0 as u64 + 1, Release);
        loop {
            sys::yield_now();
        }
    }

    fn exhaust(kind: usize, limits: [u64; 3], neighbour: &SendRight) -> Outcome {
        let account = get!(mach::account_create(limits[0], limits[1], limits[2]));
        let shared = get!(Shared::new());
        let mut child = get!(Child::new(&account));
        let at = get!(shared.map(&child.task));
        let port = get!(ReceiveRight::allocate());
        get!(asked(routine::MACH_PORT_SET_QLIMIT, &[0, port.as_raw() as u64, 65535]));
        let to = get!(child.give(Right::make_send(&port)));
        get!(child.run(spender, [at, kind as u64, to as u64, 0, 0, 0, 0, 0]));
        same!(shared.wait(0, 1), true);
        let error = Error(shared.number(0).load(Acquire) as u32 - 1);
        same!((error, shared.number(1).load(Acquire) > 0), (SHORT, true));
        others_work(neighbour)?;
        let (limit, used) = get!(mach::account_info(&account));
        // What nobody could refuse any more may be above, and above its own limit alone.
        if kind != KINDS.len() - 1 {
            same!(limit.iter().zip(used).all(|(limit, used)| used <= *limit), true);
        }
        get!(mach::account_terminate(&account));
        same!(get!(mach::account_info(&account)).1, [0; 3]);
        same!(child.lives(), false);
        same!(mach::task_create(&account).err(), Some(SHORT));
        others_work(neighbour)
    }

    fn run(suite: &mut Suite) {
        let code = match TinyCode::new() {
            Ok(code) => code,
            Err(error) => return suite.check("a neighbour starts", || Err(alloc::format!("{error:?}"))),
        };
        for (kind, (name, limits)) in KINDS.iter().enumerate() {
            suite.check(&alloc::format!("{name} that an account lacks are refused to it alone"), || {
                let tiny = get!(code.start(0));
                let neighbour = get!(tiny.port());
                // The first round touches what servers keep.
                exhaust(kind, *limits, &neighbour)?;
                let before = get!(resources());
                for _ in 0..3 {
                    exhaust(kind, *limits, &neighbour)?;
                }
                same!(get!(resources()), before);
                Ok(())
            });
        }
        suite.check("a task that changes its account is charged there", || {
            let account = get!(mach::account_create(1 << 24, 1 << 20, 500));
            let task = get!(mach::task_create(0));
            let own = get!(mach::task_info(&task)).account;
            get!(mach::task_set_account(&task, &account));
            same!(get!(mach::task_info(&task)).account == own, false);
            same!(get!(mach::account_info(&account)).1[1] > 0, true);
            // A task's children are charged where it is.
            let other = get!(mach::task_create_from(0, &task, 0));
            same!(get!(mach::task_info(&other)).account, get!(mach::task_info(&task)).account);
            // But not where one is emptied.
            let words = [task.as_name() as u64, 0];
            let refused = asked(routine::ACCOUNT_TERMINATE, &words);
            same!(refused, Err(Error::KERN_INVALID_ARGUMENT));
            get!(mach::account_terminate(&account));
            same!(get!(mach::account_info(&account)).1, [0; 3]);
            Ok(())
        });
        suite.check("who is in an account cannot empty it", || {
            same!(mach::account_terminate(0), Err(Error::KERN_INVALID_ARGUMENT));
            Ok(())
        });
        suite.check("a task's rights are told with the ports that they denote", || {
            let (one, two) = (get!(Child::new(0)), get!(Child::new(0)));
            let port = get!(ReceiveRight::allocate());
            let send = |child: &Child| child.give(Right::make_send(&port));
            let (first, second) = (get!(send(&one)), get!(send(&two)));
            let named = |task: u32, name: u32| -> Result<Vec<mach::TaskRight>, Error> {
                Ok(mach::task_rights(task)?.into_iter().filter(|r| r.name.name == name).collect())
            };
            let here = get!(named(mach::SELF, port.as_raw()));
            let there = get!(named(one.task.as_name(), first));
            let beside = get!(named(two.task.as_name(), second));
            same!((here.len(), there.len(), beside.len()), (1, 1, 1));
            same!(here[0].port.is_some(), true);
            same!([there[0].port, beside[0].port], [here[0].port; 2]);
            same!(here[0].name.is(right::RECEIVE), true);
            same!((there[0].name.is(right::SEND), there[0].references), (true, 1));
            same!(mach::task_rights(port.as_raw()).err(), Some(Error::KERN_INVALID_TASK));
            Ok(())
        });
        suite.check("what is not a task's is told to who holds the host's port", || {
            let Some(proc) = env::port(init_port::PROC) else { return Err("no proc".into()) };
            let host = get!(interface::process::proc_getprivports(&*proc)).0;
            let host = get!(host.ok_or("no host port"));
            let port = get!(ReceiveRight::allocate());
            let moved = get!(ReceiveRight::allocate());
            let number = |name: u32| {
                let all = mach::task_rights(mach::SELF).unwrap_or_default();
                all.into_iter().find(|right| right.name.name == name).and_then(|right| right.port)
            };
            let (at, inside) = (number(port.as_raw()), number(moved.as_raw()));
            let word = (disposition::MOVE_RECEIVE as u64) << 32 | moved.into_raw() as u64;
            let name = port.as_raw() as u64;
            let words = [name, disposition::MAKE_SEND as u64, 5, POLL, 1, 0, word];
            get!(asked(routine::MSG_SEND, &words));
            let ports = get!(mach::host_ports(&host));
            let find = |number: Option<u32>| ports.iter().find(|port| Some(port.port) == number).copied();
            let (Some(port_info), Some(moved_info)) = (find(at), find(inside)) else {
                return Err("the ports are not listed".into());
            };
            let own = get!(mach::task_info(mach::SELF)).number;
            same!(port_info.receiver, (receiver::TASK, own));
            same!((port_info.name, port_info.queued), (port.as_raw(), (1, 16)));
            same!(Some(moved_info.receiver), at.map(|at| (receiver::TRANSIT, at)));
            let held = get!(mach::host_port_rights(&host, port_info.port));
            same!(held, [(right::RECEIVE, moved_info.port)]);
            let tasks = get!(mach::host_tasks(&host));
            let own = get!(mach::vm_statistics()).tasks;
            same!(tasks.len() as u64, own);
            let accounts = get!(mach::host_accounts(&host));
            let mine = get!(mach::task_info(mach::SELF)).account;
            same!(accounts.iter().filter(|account| account.account == mine).count(), 1);
            // Without it, nothing.
            let none = get!(ReceiveRight::allocate());
            for number in [
                routine::PROCESSOR_SET_TASKS,
                routine::HOST_PORTS,
                routine::HOST_PORT_RIGHTS,
                routine::HOST_ACCOUNTS,
            ] {
                for name in [0, 1, none.as_raw() as u64, 0xfff_ffff] {
                    let refused = asked(number, &[name, 0, 0]);
                    same!(refused, Err(Error::KERN_NO_ACCESS));
                }
            }
            Ok(())
        });
    }

    fn hog() -> ! {
        for kind in [9, 0, 4] {
            let (mut round, mut keep) = (0, 0);
            while spend(kind, 0, round, &mut keep).is_ok() {
                round += 1;
                if kind == 0 && round % 1000 == 0 {
                    // More address space.
                    (round, keep) = (0, 0);
                }
            }
        }
        line("the account is exhausted");
        loop {
            sys::yield_now();
        }
    }

    pub fn program() -> i32 {
        if posix::env::args().get(1).is_some_and(|word| word == b"hog") {
            hog();
        }
        let mut suite = Suite::new();
        run(&mut suite);
        suite.finish()
    }
}
