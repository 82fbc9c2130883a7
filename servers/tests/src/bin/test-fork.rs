//! Processes that go on twice.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

guest_tests::tests!(run);

#[cfg(not(target_os = "none"))]
fn run(_: &mut guest_tests::suite::Suite) {}
#[cfg(target_os = "none")]
use guest::run;

#[cfg(target_os = "none")]
mod guest {
    use alloc::string::String;
    use alloc::vec;
    use alloc::vec::Vec;
    use guest_tests::child::resources;
    use guest_tests::suite::Suite;
    use guest_tests::{get, same};
    use machuser::mach::{self, Place};
    use posix::fs::{self as files, O_CREAT, O_READ, O_WRITE};
    use posix::process::{self, Command, Status};
    use posix::signal::{self, Disposition, Signal};

    const PAGE: u64 = 4096;

    /// Runs `f` in a child; its status.
    fn forked(f: impl FnOnce() -> i32) -> Result<Status, String> {
        match process::fork() {
            Ok(None) => process::exit(f()),
            Ok(Some(pid)) => {
                process::wait_for(pid).map_err(|error| alloc::format!("wait: {error:?}"))
            }
            Err(error) => Err(alloc::format!("fork: {error:?}")),
        }
    }

    fn read(address: u64) -> u64 {
        // SAFETY: the tests read what they have mapped.
        unsafe { (address as *const u64).read_volatile() }
    }

    fn write(address: u64, word: u64) {
        // SAFETY: the tests write what they have mapped.
        unsafe { (address as *mut u64).write_volatile(word) };
    }

    pub fn run(suite: &mut Suite) {
        suite.check(
            "a child has its own numbers and ends with its status",
            || {
                let parent = process::id();
                let status = forked(|| {
                    let known = process::parent_id() == parent && process::id() != parent;
                    if known { 42 } else { 1 }
                });
                same!(get!(status), Status::Exited(42));
                same!(process::id(), parent);
                Ok(())
            },
        );
        suite.check("what either writes the other does not see", || {
            let at = get!(mach::vm_allocate(mach::SELF, Place::Anywhere, 300 * PAGE));
            for page in 0..300 {
                write(at + page * PAGE, page);
            }
            let (there_read, there_write) = get!(files::pipe());
            let (back_read, back_write) = get!(files::pipe());
            let child = get!(process::fork());
            if child.is_none() {
                let mut byte = [0];
                let mut good = true;
                for page in 0..300 {
                    good &= read(at + page * PAGE) == page;
                    write(at + page * PAGE, 1000 + page);
                }
                let _ = files::write(back_write, &[1]);
                good &= files::read(there_read, &mut byte) == Ok(1);
                for page in 0..300 {
                    good &= read(at + page * PAGE) == 1000 + page;
                }
                process::exit(!good as i32);
            }
            let mut byte = [0];
            same!(files::read(back_read, &mut byte), Ok(1));
            for page in 0..300 {
                same!(read(at + page * PAGE), page);
                write(at + page * PAGE, 2000 + page);
            }
            get!(files::write(there_write, &byte));
            same!(
                get!(process::wait_for(child.unwrap_or(0))),
                Status::Exited(0)
            );
            for page in 0..300 {
                same!(read(at + page * PAGE), 2000 + page);
            }
            for fd in [there_read, there_write, back_read, back_write] {
                get!(files::close(fd));
            }
            get!(mach::vm_deallocate(mach::SELF, at, 300 * PAGE));
            Ok(())
        });
        suite.check("a child has the parent's files, at their positions", || {
            let path = b"/tmp/forked";
            let fd = get!(files::open(path, O_READ | O_WRITE | O_CREAT, 0o644));
            get!(files::write_all(fd, b"parent "));
            let status = forked(|| files::write_all(fd, b"child ").is_err() as i32);
            same!(get!(status), Status::Exited(0));
            get!(files::write_all(fd, b"parent"));
            let mut text = [0; 64];
            let length = get!(files::pread(fd, &mut text, 0));
            same!(&text[..length], &b"parent child parent"[..]);
            get!(files::close(fd));
            get!(files::unlink(path));
            // Large data goes through a window of the child's own.
            let large = vec![7u8; 100_000];
            let status = forked(|| {
                let written = (|| {
                    let fd = files::open(b"/tmp/forked2", O_WRITE | O_CREAT, 0o644)?;
                    files::write_all(fd, &large)
                })();
                written.is_err() as i32
            });
            same!(get!(status), Status::Exited(0));
            same!(get!(files::stat(b"/tmp/forked2")).size, 100_000);
            get!(files::unlink(b"/tmp/forked2"));
            Ok(())
        });
        suite.check(
            "children of children, and programs that they become",
            || {
                fn nested(depth: i32) -> i32 {
                    if depth == 0 {
                        return 0;
                    }
                    match forked(|| nested(depth - 1)) {
                        Ok(Status::Exited(below)) => i32::from(below) + 1,
                        _ => 100,
                    }
                }
                same!(nested(5), 5);
                let status = forked(|| {
                    let _ = Command::new(b"/bin/false", vec![b"false".to_vec()]).exec();
                    100
                });
                same!(get!(status), Status::Exited(1));
                let status =
                    forked(
                        || match Command::new(b"/bin/true", vec![b"true".to_vec()]).spawn() {
                            Ok(pid) => (process::wait_for(pid) != Ok(Status::Exited(0))) as i32,
                            Err(_) => 2,
                        },
                    );
                same!(get!(status), Status::Exited(0));
                Ok(())
            },
        );
        suite.check(
            "signals end a child, and are handled in it as in the parent",
            || {
                let child = get!(process::fork());
                if child.is_none() {
                    signal::wait_any();
                    process::exit(1);
                }
                let child = child.unwrap_or(0);
                get!(signal::kill(child, Signal::TERM));
                same!(
                    get!(process::wait_for(child)),
                    Status::Signaled(Signal::TERM)
                );
                get!(signal::set(Signal::USR1, Disposition::Note));
                let (ready_read, ready_write) = get!(files::pipe());
                let child = get!(process::fork());
                if child.is_none() {
                    let _ = files::write(ready_write, &[1]);
                    signal::wait_any();
                    process::exit(if signal::take(Signal::USR1) { 5 } else { 1 });
                }
                let child = child.unwrap_or(0);
                let mut byte = [0];
                same!(files::read(ready_read, &mut byte), Ok(1));
                get!(signal::kill(child, Signal::USR1));
                same!(get!(process::wait_for(child)), Status::Exited(5));
                same!(signal::take(Signal::USR1), false);
                get!(signal::set(Signal::USR1, Disposition::Default));
                get!(files::close(ready_read));
                get!(files::close(ready_write));
                Ok(())
            },
        );
        suite.check("a hundred children leave nothing behind", || {
            let ballast: Vec<u64> = (0..50_000).collect();
            let rounds = |count: usize| -> Result<(), String> {
                for round in 0..count {
                    let status = forked(|| (ballast[round * 400] + 1 - round as u64 * 400) as i32);
                    same!(get!(status), Status::Exited(1));
                }
                Ok(())
            };
            // Servers may start a thread more for the first of them.
            rounds(20)?;
            let before = get!(resources());
            rounds(100)?;
            let after = get!(resources());
            // Servers start and end threads as they need them, a few at most.
            for (after, before) in after[1..].iter().zip(&before[1..]) {
                same!(after.abs_diff(*before) < 20, true);
            }
            same!(before[0].saturating_sub(after[0]) < 512 * 1024, true);
            Ok(())
        });
    }
}
