//! Memory and accounts, seen from a program.
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
    use core::sync::atomic::Ordering::{Acquire, Release};
    use guest_tests::child::{Child, Shared, TinyCode, Words, call, number_at, resources};
    use guest_tests::suite::Suite;
    use guest_tests::{get, same};
    use machuser::env::{self, init_port};
    use machuser::mach::{self, LARGE_PAGE, Place, Protection, inherit};
    use machuser::{Error, ReceiveRight, sys};

    const PAGE: u64 = 4096;
    const SHORT: Error = Error::KERN_RESOURCE_SHORTAGE;

    fn read(address: u64) -> u64 {
        // SAFETY: the tests read what they have mapped.
        unsafe { (address as *const u64).read_volatile() }
    }

    fn write(address: u64, word: u64) {
        // SAFETY: the tests write what they have mapped.
        unsafe { (address as *mut u64).write_volatile(word) };
    }

    /// Allocates ports until refused, then memory, then tells: words are (shared page).
    fn greedy(words: &Words) {
        let mut ports = 0;
        while sys::port_allocate().is_ok() {
            ports += 1;
        }
        number_at(words[0], 0).store(ports, Release);
        let mut pages = 0;
        let own = 0u32;
        if let Ok(at) = mach_allocate(1 << 30) {
            // Written by the mach server, so that running out is an answer and no exception.
            while write_page(own, at + pages * PAGE) {
                pages += 1;
            }
        }
        number_at(words[0], 1).store(pages + 1, Release);
        let mut tasks = 0;
        while sys::mach_call(::mach::abi::routine::TASK_CREATE, 1, [0; 4]).is_ok() {
            tasks += 1;
        }
        number_at(words[0], 2).store(tasks + 1, Release);
        loop {
            sys::yield_now();
        }
    }

    fn mach_allocate(bytes: u64) -> Result<u64, Error> {
        let words = [0, 0, bytes, 1];
        sys::mach_call(::mach::abi::routine::VM_ALLOCATE, 4, words).map(|(_, mrs)| mrs[0])
    }

    fn write_page(task: u32, address: u64) -> bool {
        let words = [task as u64, address, 8, 1];
        sys::mach_call(::mach::abi::routine::VM_WRITE, 4, words).is_ok()
    }

    pub fn run(suite: &mut Suite) {
        suite.check(
            "memory is zero when it is first touched, and keeps what is written",
            || {
                let at = get!(mach::vm_allocate(mach::SELF, Place::Anywhere, 64 * PAGE));
                for page in 0..64 {
                    same!(read(at + page * PAGE), 0);
                    write(at + page * PAGE + 8, page);
                }
                for page in 0..64 {
                    same!(read(at + page * PAGE + 8), page);
                }
                get!(mach::vm_deallocate(mach::SELF, at, 64 * PAGE));
                let again = get!(mach::vm_allocate(mach::SELF, Place::At(at), 64 * PAGE));
                for page in 0..64 {
                    same!(read(again + page * PAGE + 8), 0);
                }
                get!(mach::vm_deallocate(mach::SELF, at, 64 * PAGE));
                Ok(())
            },
        );
        suite.check("memory for devices is freed in any order, and only as a whole used again", || {
            let Some(proc) = env::port(init_port::PROC) else { return Err("no proc".into()) };
            let host = get!(interface::process::proc_getprivports(&*proc)).0;
            let right = get!(mach::dma_port(get!(host.ok_or("no host port"))));
            let before = get!(resources());
            for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
                let (address, physical) = get!(mach::vm_allocate_contiguous(&right, mach::SELF, 4));
                for (freed, page) in order.into_iter().enumerate() {
                    let page = address + page * PAGE;
                    get!(mach::vm_deallocate(mach::SELF, page, PAGE));
                    let (other, at) = get!(mach::vm_allocate_contiguous(&right, mach::SELF, 4));
                    same!(at == physical && freed < 3, false);
                    get!(mach::vm_deallocate(mach::SELF, other, 4 * PAGE));
                }
            }
            same!(get!(resources()), before);
            Ok(())
        });
        suite.check("memory costs when it is touched, and is given back", || {
            let before = get!(resources());
            let at = get!(mach::vm_allocate(mach::SELF, Place::Anywhere, 1 << 30));
            let reserved = get!(resources());
            same!(before[0] - reserved[0] < 16 * PAGE, true);
            for page in 0..100 {
                write(at + page * PAGE, 1);
            }
            let touched = get!(resources());
            // Who goes through memory page by page gets at most 16 pages ahead; 3 page tables.
            let taken = reserved[0] - touched[0];
            same!((100 * PAGE..=119 * PAGE).contains(&taken), true);
            // Half of it, from the middle.
            get!(mach::vm_deallocate(mach::SELF, at + 25 * PAGE, 50 * PAGE));
            same!(get!(resources())[0] - touched[0], 50 * PAGE);
            same!(read(at + 24 * PAGE), 1);
            same!(read(at + 75 * PAGE), 1);
            get!(mach::vm_deallocate(mach::SELF, at, 1 << 30));
            same!(get!(resources()), before);
            Ok(())
        });
        suite.check(
            "addresses that are taken or make no sense are refused",
            || {
                let at = get!(mach::vm_allocate(mach::SELF, Place::Anywhere, PAGE));
                let taken = mach::vm_allocate(mach::SELF, Place::At(at), PAGE);
                same!(taken, Err(Error::KERN_NO_SPACE));
                let end = u64::MAX - (PAGE - 1);
                for (address, bytes) in [
                    (at + 1, PAGE),
                    (0, PAGE),
                    (end, PAGE),
                    (end, u64::MAX),
                    (0xf000_0000, PAGE),
                    (PAGE, u64::MAX),
                    (at, 0),
                    (1 << 47, PAGE),
                ] {
                    let refused = mach::vm_allocate(mach::SELF, Place::At(address), bytes);
                    same!(refused.is_err(), true);
                }
                for bytes in [0, u64::MAX, 1 << 40, u64::MAX - 4095] {
                    same!(
                        mach::vm_allocate(mach::SELF, Place::Anywhere, bytes).is_err(),
                        true
                    );
                }
                get!(mach::vm_deallocate(mach::SELF, at + 8, 0));
                write(at, 1);
                get!(mach::vm_deallocate(mach::SELF, at, PAGE));
                Ok(())
            },
        );
        suite.check("protection holds page by page", || {
            let at = get!(mach::vm_allocate(mach::SELF, Place::Anywhere, 8 * PAGE));
            for page in 0..8 {
                write(at + page * PAGE, page);
            }
            let read_only = Protection::READ;
            get!(mach::vm_protect(
                mach::SELF,
                at + 2 * PAGE,
                3 * PAGE,
                false,
                read_only
            ));
            let region = get!(mach::vm_region(mach::SELF, at + 3 * PAGE));
            same!((region.address, region.bytes), (at + 2 * PAGE, 3 * PAGE));
            same!(region.protection, read_only);
            for page in 0..8 {
                same!(read(at + page * PAGE), page);
                let written = mach::vm_write(mach::SELF, at + page * PAGE, &[1]);
                same!(written.is_err(), (2..5).contains(&page));
            }
            same!(
                mach::vm_protect(mach::SELF, at, 9 * PAGE, false, Protection::DEFAULT).is_err(),
                true
            );
            get!(mach::vm_protect(mach::SELF, at, 8 * PAGE, true, read_only));
            let refused = mach::vm_protect(mach::SELF, at, PAGE, false, Protection::DEFAULT);
            same!(refused, Err(Error::KERN_PROTECTION_FAILURE));
            get!(mach::vm_deallocate(mach::SELF, at, 8 * PAGE));
            Ok(())
        });
        suite.check("memory objects are shared, and copied when asked", || {
            let object = get!(mach::memory_object_create(10_000));
            let all = Protection::DEFAULT;
            let place = Place::Anywhere;
            let map = |copy| mach::vm_map(mach::SELF, place, 10_000, &object, 0, copy, all, all);
            let (one, two) = (get!(map(false)), get!(map(false)));
            write(one + 5000, 42);
            same!(read(two + 5000), 42);
            let copy = get!(map(true));
            same!(read(copy + 5000), 42);
            write(copy + 5000, 43);
            write(one + 5000, 44);
            same!((read(two + 5000), read(copy + 5000)), (44, 43));
            let beyond = mach::vm_map(mach::SELF, place, PAGE, &object, 3 * PAGE, false, all, all);
            same!(beyond, Err(Error::KERN_INVALID_ARGUMENT));
            for at in [one, two, copy] {
                get!(mach::vm_deallocate(mach::SELF, at, 10_000));
            }
            Ok(())
        });
        suite.check("memory is copied between tasks, and onto itself", || {
            let child = get!(Child::new(0));
            let here = get!(mach::vm_allocate(mach::SELF, Place::Anywhere, 16 * PAGE));
            let there = get!(mach::vm_allocate(&child.task, Place::Anywhere, 16 * PAGE));
            for word in 0..16 * 512 {
                write(here + word * 8, word ^ 0x1234_5678);
            }
            get!(mach::vm_copy(
                mach::SELF,
                here + 24,
                &child.task,
                there + 800,
                60_000
            ));
            let mut back = [0u8; 4000];
            get!(mach::vm_read(&child.task, there + 800 + 40_000, &mut back));
            for (word, bytes) in back.chunks_exact(8).enumerate() {
                let word = (24 + 40_000) / 8 + word as u64;
                same!(
                    u64::from_le_bytes(bytes.try_into().unwrap()),
                    word ^ 0x1234_5678
                );
            }
            get!(mach::vm_copy(
                mach::SELF,
                here,
                mach::SELF,
                here + 808,
                50_000
            ));
            for word in 0..50_000 / 8 {
                same!(read(here + 808 + word * 8), word ^ 0x1234_5678);
            }
            get!(mach::vm_deallocate(mach::SELF, here, 16 * PAGE));
            Ok(())
        });
        suite.check("a large page is there from the start, and costs no fault", || {
            // An address space that another task had may still have empty page tables there, which
            // go now.
            let at = get!(mach::vm_allocate_large(mach::SELF, Place::Anywhere, 2 * LARGE_PAGE));
            get!(mach::vm_deallocate(mach::SELF, at, 2 * LARGE_PAGE));
            let before = get!(resources());
            let at = get!(mach::vm_allocate_large(mach::SELF, Place::Anywhere, 2 * LARGE_PAGE));
            let faults = get!(mach::vm_statistics()).faults;
            for page in (at..at + 2 * LARGE_PAGE).step_by(PAGE as usize) {
                same!(read(page), 0);
                write(page, page);
            }
            same!(read(at + 2 * LARGE_PAGE - PAGE), at + 2 * LARGE_PAGE - PAGE);
            same!(get!(mach::vm_statistics()).faults, faults);
            let all = Protection::DEFAULT;
            get!(mach::vm_protect(mach::SELF, at, LARGE_PAGE, false, Protection::READ));
            same!(mach::vm_write(mach::SELF, at + PAGE, &[1]).is_err(), true);
            get!(mach::vm_protect(mach::SELF, at, LARGE_PAGE, false, all));
            write(at + PAGE, 5);
            same!((read(at), read(at + PAGE)), (at, 5));
            get!(mach::vm_deallocate(mach::SELF, at, 2 * LARGE_PAGE));
            same!(get!(resources()), before);
            Ok(())
        });
        suite.check("a large page that a child has, too, is copied by who writes to it first", || {
            let before = get!(resources());
            let at = get!(mach::vm_allocate_large(mach::SELF, Place::Anywhere, LARGE_PAGE));
            write(at, 1);
            write(at + LARGE_PAGE - 8, 2);
            let child = get!(mach::task_create_from(mach::SELF, mach::SELF, inherit::MEMORY));
            let shared = get!(resources());
            same!(read(at + LARGE_PAGE - 8), 2);
            write(at + LARGE_PAGE - 8, 3);
            let taken = shared[0] - get!(resources())[0];
            same!((LARGE_PAGE..LARGE_PAGE + 8 * PAGE).contains(&taken), true);
            let mut seen = [0; 8];
            get!(mach::vm_read(&child, at + LARGE_PAGE - 8, &mut seen));
            same!((read(at), u64::from_le_bytes(seen)), (1, 2));
            get!(mach::task_terminate(&child));
            get!(sys::port_deallocate(child.into_raw()));
            get!(mach::vm_deallocate(mach::SELF, at, LARGE_PAGE));
            same!(get!(resources())[1..], before[1..]);
            Ok(())
        });
        suite.check("where free memory lies apart there is no large page, and small ones are", || {
            let before = get!(resources());
            let task = get!(mach::task_create(0));
            let start = get!(mach::vm_allocate(&task, Place::Anywhere, 2 << 30));
            let mut end = start;
            while get!(mach::vm_statistics()).free > 8 * LARGE_PAGE {
                for _ in 0..128 {
                    get!(mach::vm_write(&task, end, &[1]));
                    end += PAGE;
                }
            }
            for page in (start..end).step_by(16 * PAGE as usize) {
                get!(mach::vm_deallocate(&task, page, PAGE));
            }
            // A few may be left.
            let mut large = Vec::new();
            let refused = loop {
                match mach::vm_allocate_large(mach::SELF, Place::Anywhere, LARGE_PAGE) {
                    Ok(at) if large.len() < 16 => large.push(at),
                    Ok(_) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            same!(refused, Err(SHORT));
            same!(get!(resources())[0] > 4 * LARGE_PAGE, true);
            let at = get!(mach::vm_allocate(mach::SELF, Place::Anywhere, LARGE_PAGE));
            for page in (at..at + LARGE_PAGE).step_by(PAGE as usize) {
                write(page, page);
            }
            get!(mach::vm_deallocate(mach::SELF, at, LARGE_PAGE));
            get!(mach::task_terminate(&task));
            get!(sys::port_deallocate(task.into_raw()));
            // What was freed page by page, when all of it is, is put together.
            get!(resources());
            for _ in 0..4 {
                large.push(get!(mach::vm_allocate_large(mach::SELF, Place::Anywhere, LARGE_PAGE)));
            }
            for at in large {
                get!(mach::vm_deallocate(mach::SELF, at, LARGE_PAGE));
            }
            let after = get!(resources());
            same!(after[1..], before[1..]);
            // The mach server itself keeps what it had to set aside to manage that much.
            let all = get!(mach::vm_statistics()).memory;
            same!(before[0] - after[0] < all / 8, true);
            Ok(())
        });
        suite.check("an account's limits hold, and others are unharmed", || {
            let code = get!(TinyCode::new());
            let neighbour = get!(code.start(0));
            let port = get!(neighbour.port());
            let before = get!(resources());
            for _ in 0..3 {
                let account = get!(mach::account_create(100 * PAGE, 60 * PAGE, 200));
                let shared = get!(Shared::new());
                let Ok(mut child) = Child::new(&account) else {
                    return Err("the child does not fit its account".into());
                };
                let at = get!(shared.map(&child.task));
                get!(child.run(greedy, [at, 0, 0, 0, 0, 0, 0, 0]));
                same!(shared.wait(2, 1), true);
                let told = [0, 1, 2].map(|at| shared.number(at).load(Acquire));
                same!((100..200).contains(&told[0]), true);
                same!((2..100).contains(&told[1]), true);
                same!((1..30).contains(&told[2]), true);
                let (limit, used) = get!(mach::account_info(&account));
                for (limit, used) in limit.iter().zip(used) {
                    same!(used <= *limit, true);
                }
                // Who is beside it has all that it had.
                same!(call(&port, 1, 1), Ok(2));
                get!(ReceiveRight::allocate());
                let more = get!(mach::vm_allocate(mach::SELF, Place::Anywhere, 50 * PAGE));
                for page in 0..50 {
                    write(more + page * PAGE, 1);
                }
                get!(mach::vm_deallocate(mach::SELF, more, 50 * PAGE));
                // Who pays for it cannot get more from it either.
                let refused = mach::vm_write(&child.task, at + PAGE, &[1]);
                same!(refused.is_err(), true);
            }
            let after = get!(resources());
            same!(after[1..], before[1..]);
            Ok(())
        });
        suite.check("an account below another one is limited by both", || {
            fn nested(words: &Words) {
                // A wide account below a narrow one.
                let limits = [1 << 40, 1 << 40, 1 << 30, 0];
                let made = sys::mach_call(::mach::abi::routine::ACCOUNT_CREATE, 3, limits);
                let answer = made.and_then(|(_, account)| {
                    let words = [account[0], 0, 0, 0];
                    let (_, task) = sys::mach_call(::mach::abi::routine::TASK_CREATE, 1, words)?;
                    let words = [task[0], 0, 1 << 30, 1];
                    let (_, at) = sys::mach_call(::mach::abi::routine::VM_ALLOCATE, 4, words)?;
                    let mut pages = 0;
                    while write_page(task[0] as u32, at[0] + pages * PAGE) {
                        pages += 1;
                    }
                    Ok(pages)
                });
                number_at(words[0], 0).store(answer.unwrap_or(1 << 50) + 1, Release);
                loop {
                    sys::yield_now();
                }
            }
            let account = get!(mach::account_create(150 * PAGE, 200 * PAGE, 100));
            let shared = get!(Shared::new());
            let mut child = get!(Child::new(&account));
            let at = get!(shared.map(&child.task));
            get!(child.run(nested, [at, 0, 0, 0, 0, 0, 0, 0]));
            same!(shared.wait(0, 1), true);
            let pages = shared.number(0).load(Acquire);
            same!((2..150).contains(&pages), true);
            let (limit, used) = get!(mach::account_info(&account));
            same!(used[0], limit[0]);
            Ok(())
        });
        suite.check("accounts nest to a depth that is refused beyond", || {
            fn deeper(words: &Words) {
                let limits = [1 << 40, 1 << 40, 1 << 30, 0];
                let made = sys::mach_call(::mach::abi::routine::ACCOUNT_CREATE, 3, limits);
                number_at(words[0], 0).store(1 + made.is_err() as u64, Release);
                if let Ok((_, account)) = made {
                    number_at(words[0], 1).store(account[0], Release);
                }
                loop {
                    sys::yield_now();
                }
            }
            let mut account = get!(mach::account_create(1 << 40, 1 << 40, 1 << 30));
            let mut children = Vec::new();
            let mut depth = 0;
            loop {
                let shared = get!(Shared::new());
                let mut child = get!(Child::new(&account));
                let at = get!(shared.map(&child.task));
                get!(child.run(deeper, [at, 0, 0, 0, 0, 0, 0, 0]));
                same!(shared.wait(0, 1), true);
                let refused = shared.number(0).load(Acquire) == 2;
                let name = shared.number(1).load(Acquire) as u32;
                if refused {
                    break;
                }
                account = get!(mach::port_extract_send(&child.task, name));
                children.push(child);
                depth += 1;
                same!(depth < 100, true);
            }
            same!(depth > 20, true);
            Ok(())
        });
        suite.check(
            "what does not fit the machine is refused, and the machine goes on",
            || {
                let before = get!(resources());
                let task = get!(mach::task_create(0));
                let at = get!(mach::vm_allocate(&task, Place::Anywhere, 2 << 30));
                let mut page = 0;
                let refused = loop {
                    match mach::vm_write(&task, at + page * PAGE, &[1]) {
                        Ok(()) => page += 1,
                        Err(error) => break error,
                    }
                    if page == (2 << 30) / PAGE {
                        break SHORT;
                    }
                };
                same!(refused, SHORT);
                get!(mach::task_terminate(&task));
                get!(sys::port_deallocate(task.into_raw()));
                let after = get!(resources());
                same!(after[1..], before[1..]);
                // The mach server itself keeps what it had to set aside to manage that much.
                let all = get!(mach::vm_statistics()).memory;
                same!(before[0] - after[0] < all / 8, true);
                Ok(())
            },
        );
    }
}
