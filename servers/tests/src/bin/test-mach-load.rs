//! Many of everything: ports, calls, tasks. With the argument `long` ten times as many.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

guest_tests::tests!(run);

#[cfg(not(target_os = "none"))]
fn run(_: &mut guest_tests::suite::Suite) {}
#[cfg(target_os = "none")]
use guest::run;

#[cfg(target_os = "none")]
mod guest {
    use alloc::format;
    use alloc::vec::Vec;
    use core::time::Duration;
    use guest_tests::child::{TinyCode, call, resources};
    use guest_tests::suite::Suite;
    use guest_tests::{get, same};
    use machuser::mach::{self, Place};
    use machuser::sys;
    use machuser::wire::{Disposition, RightArg};
    use machuser::{Error, ReceiveRight, SendRight};
    use posix::fs::{self as files, O_CREAT, O_READ, O_WRITE};

    pub fn run(suite: &mut Suite) {
        suite.check(
            "ten thousand ports of one server are told apart and die with it",
            || {
                let code = get!(TinyCode::new());
                let mut before = None;
                for round in 0..2 {
                    if round == 1 {
                        before = Some(get!(resources()));
                    }
                    let server = get!(code.start(0));
                    let mut ports: Vec<SendRight> = Vec::new();
                    for _ in 0..10_000 {
                        ports.push(get!(server.port()));
                    }
                    for (at, port) in ports.iter().enumerate() {
                        same!(call(port, 1, at as u64), Ok(at as u64 + 1));
                    }
                    drop(server);
                    // Ten thousand ports die in pieces; a call to one that is not dead yet hears of
                    // the server's death.
                    let mut refused = call(&ports[9_999], 1, 1);
                    for _ in 0..1000 {
                        if refused != Err(Error::MIG_SERVER_DIED) {
                            break;
                        }
                        sys::yield_now();
                        refused = call(&ports[9_999], 1, 1);
                    }
                    same!(refused, Err(Error::MACH_SEND_INVALID_DEST));
                    for port in ports {
                        get!(sys::port_deallocate(port.into_raw()));
                    }
                }
                same!(Some(get!(resources())), before);
                Ok(())
            },
        );
        suite.check("ten thousand own ports have queues of their own", || {
            let mut before = None;
            for round in 0..2 {
                if round == 1 {
                    before = Some(get!(resources()));
                }
                let mut ports: Vec<ReceiveRight> = Vec::new();
                for _ in 0..10_000 {
                    ports.push(get!(ReceiveRight::allocate()));
                }
                for (at, port) in ports.iter().enumerate() {
                    let to = RightArg {
                        name: port.as_raw(),
                        disposition: Disposition::MakeSend,
                    };
                    get!(sys::msg_send(
                        to,
                        1,
                        &[at as u64],
                        &[],
                        Some(Duration::ZERO)
                    ));
                }
                for (at, port) in ports.iter().enumerate().rev() {
                    let message = get!(sys::msg_receive_from(port.as_raw(), Some(Duration::ZERO)));
                    same!(message.words.to_vec(), [at as u64]);
                }
            }
            same!(Some(get!(resources())), before);
            Ok(())
        });
        let calls = suite.times(1_000_000);
        suite.check(
            "a million calls are each answered with their own number",
            || {
                let code = get!(TinyCode::new());
                let server = get!(code.start(0));
                let port = get!(server.port());
                let before = get!(resources());
                for word in 0..calls {
                    same!(call(&port, 1, word), Ok(word + 1));
                }
                same!(get!(resources()), before);
                Ok(())
            },
        );
        let lookups = suite.times(1_000_000);
        suite.check(
            "a million files are looked up, opened and closed, and all memory is there again",
            || {
                for folder in [&b"/tmp/load"[..], b"/tmp/load/a"] {
                    get!(files::mkdir(folder, 0o755));
                }
                let path = b"/tmp/load/a/f";
                get!(files::close(get!(files::open(path, O_WRITE | O_CREAT, 0o644))));
                let rounds = |count: u64| -> posix::Result<()> {
                    for _ in 0..count {
                        files::close(files::open(path, O_READ, 0)?)?;
                    }
                    // The file system is told of the last ones a moment later.
                    machuser::thread::sleep(Duration::from_millis(20));
                    Ok(())
                };
                get!(rounds(1000));
                // A server's thread may come once to a page of its stack that it never used before;
                // what a look-up leaves, each round leaves.
                for last in [false, false, true] {
                    let before = get!(resources());
                    get!(rounds(lookups));
                    let after = get!(resources());
                    if last {
                        same!(after, before);
                    } else if after == before {
                        break;
                    }
                }
                get!(files::unlink(path));
                for folder in [&b"/tmp/load/a"[..], b"/tmp/load"] {
                    get!(files::rmdir(folder));
                }
                Ok(())
            },
        );
        let tasks = suite.times(100_000);
        suite.check(
            "a hundred thousand tasks come and go, and all memory is there again",
            || {
                let code = get!(TinyCode::new());
                let one = |round: u64| -> Result<(), Error> {
                    let task = code.start(0)?;
                    let port = task.port()?;
                    let answer = call(&port, 1, round)?;
                    drop(task);
                    sys::port_deallocate(port.into_raw())?;
                    if answer == round + 1 {
                        Ok(())
                    } else {
                        Err(Error::KERN_FAILURE)
                    }
                };
                for round in 0..200 {
                    get!(one(round));
                }
                let before = get!(resources());
                for round in 0..tasks {
                    if let Err(error) = one(round) {
                        return Err(format!("task {round}: {error:?}"));
                    }
                }
                same!(get!(resources()), before);
                Ok(())
            },
        );
        let rounds = suite.times(100_000);
        suite.check(
            "memory comes and goes, and all of it is there again",
            || {
                let one = |round: u64| -> Result<(), Error> {
                    let pages = round % 13 + 1;
                    let at = mach::vm_allocate(mach::SELF, Place::Anywhere, pages * 4096)?;
                    for page in 0..pages {
                        // SAFETY: just allocated.
                        unsafe { ((at + page * 4096) as *mut u64).write_volatile(round) };
                    }
                    mach::vm_deallocate(mach::SELF, at, pages * 4096)
                };
                for round in 0..1000 {
                    get!(one(round));
                }
                let before = get!(resources());
                for round in 0..rounds {
                    get!(one(round));
                }
                same!(get!(resources()), before);
                Ok(())
            },
        );
    }
}
