//! Memory whose pages a program provides: what its clients see, and what a pager that fails or lies
//! can do to them, and to nobody else.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

guest_tests::tests!(run);

#[cfg(not(target_os = "none"))]
fn run(_: &mut guest_tests::suite::Suite) {}
#[cfg(target_os = "none")]
use guest::run;

#[cfg(target_os = "none")]
mod guest {
    use ::mach::abi::{exception, memory_object as message, memory_return, notify, sync};
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;
    use core::sync::atomic::Ordering::{Acquire, Release};
    use core::time::Duration;
    use guest_tests::child::{Child, Shared, Words, number_at, resources, wait_for};
    use guest_tests::random::Random;
    use guest_tests::suite::Suite;
    use guest_tests::{get, same};
    use machuser::mach::{self, Place, Protection, SpecialPort};
    use machuser::wire::{Disposition, RightArg};
    use machuser::{AnyRight, Error, ReceiveRight, Result, Right, SendRight, sys};

    const PAGE: u64 = 4096;
    /// Pages of the object that clients map.
    const PAGES: u64 = 16;
    const READ: u64 = Protection::READ.0 as u64;
    const WRITE: u64 = Protection::WRITE.0 as u64;

    /// Numbers in the page that a client shares: what to do next, how, and what came of it.
    const ASKED: usize = 0;
    const ADDRESS: usize = 1;
    const WRITES: usize = 2;
    const WORD: usize = 3;
    const DONE: usize = 4;

    /// A client: reads and writes words as it is told.
    fn client(words: &Words) {
        let number = |index| number_at(words[0], index);
        for step in 1.. {
            if !wait_for(number(ASKED), step) {
                return;
            }
            let at = number(ADDRESS).load(Acquire) as *mut u64;
            if number(WRITES).load(Acquire) != 0 {
                // SAFETY: it faults where it must not write.
                unsafe { at.write_volatile(number(WORD).load(Acquire)) };
            } else {
                // SAFETY: as above.
                number(WORD).store(unsafe { at.read_volatile() }, Release);
            }
            number(DONE).store(step, Release);
        }
    }

    struct Client {
        child: Child,
        shared: Shared,
        handler: ReceiveRight,
        at: u64,
        step: u64,
    }

    impl Client {
        /// A task that maps the object.
        fn new(object: &SendRight) -> Result<Client> {
            let (shared, handler) = (Shared::new()?, ReceiveRight::allocate()?);
            let mut child = Child::new(0)?;
            let numbers = shared.map(&child.task)?;
            child.special_port(SpecialPort::Exception, handler.make_send()?)?;
            let at = map(&child.task, object)?;
            child.run(client, [numbers, 0, 0, 0, 0, 0, 0, 0])?;
            Ok(Client { child, shared, handler, at, step: 0 })
        }

        /// Has it read a page, or write a word there; it may have to wait.
        fn begin(&mut self, page: u64, write: Option<u64>) {
            let set = |index, value| self.shared.number(index).store(value, Release);
            set(ADDRESS, self.at + page * PAGE);
            set(WRITES, write.is_some() as u64);
            set(WORD, write.unwrap_or(0));
            self.step += 1;
            set(ASKED, self.step);
        }

        fn is_done(&self) -> bool {
            self.shared.number(DONE).load(Acquire) == self.step
        }

        /// What it has read, when it is done.
        fn end(&self) -> core::result::Result<u64, String> {
            match self.shared.wait(DONE, self.step) {
                true => Ok(self.shared.number(WORD).load(Acquire)),
                false => Err("the client waits for ever".into()),
            }
        }

        fn read(&mut self, page: u64) -> core::result::Result<u64, String> {
            self.begin(page, None);
            self.end()
        }

        fn write(&mut self, page: u64, word: u64) -> core::result::Result<(), String> {
            self.begin(page, Some(word));
            self.end().map(drop)
        }

        /// The exception that it got: kind, error, and page; the task ends when it is answered so.
        fn exception(&self) -> Result<[u64; 3]> {
            let told = next(&self.handler)?;
            if told.label & 0xffff != notify::EXCEPTION_RAISE {
                return Err(Error::KERN_FAILURE);
            }
            Ok([told.words[0], told.words[1], (told.words[2] - self.at) / PAGE])
        }
    }

    fn map(task: &SendRight, object: &SendRight) -> Result<u64> {
        let access = Protection::DEFAULT;
        mach::vm_map(task, Place::Anywhere, PAGES * PAGE, object, 0, false, access, access)
    }

    struct Told {
        label: u32,
        words: Vec<u64>,
        rights: Vec<AnyRight>,
    }

    fn next(port: &ReceiveRight) -> Result<Told> {
        let mut message = sys::msg_receive_from(port.as_raw(), Some(Duration::from_secs(20)))?;
        let mut rights = Vec::new();
        while let Some(right) = message.rights.pop() {
            rights.extend(right.take());
        }
        rights.reverse();
        Ok(Told { label: message.label, words: message.words.into_vec(), rights })
    }

    /// Lets the others run.
    fn rest() {
        machuser::thread::sleep(Duration::from_millis(30));
    }

    /// This program as a pager.
    struct Pager {
        port: ReceiveRight,
        object: SendRight,
        control: SendRight,
    }

    impl Pager {
        /// A pager that is ready, and its first client.
        fn new() -> Result<(Pager, Client)> {
            let port = ReceiveRight::allocate()?;
            let object = port.make_send()?;
            let client = Client::new(&object)?;
            let told = next(&port)?;
            let control = match told.rights.into_iter().next() {
                Some(AnyRight::Send(control)) if told.label == message::INIT => control,
                _ => return Err(Error::KERN_FAILURE),
            };
            mach::memory_object_ready(&control, false, 2)?;
            Ok((Pager { port, object, control }, client))
        }

        /// What it is asked next: label, first page, pages, access or what else is said.
        fn asked(&self) -> Result<[u64; 4]> {
            let told = next(&self.port)?;
            let word = |index: usize| told.words.get(index).copied().unwrap_or(0);
            Ok([told.label as u64, word(0) / PAGE, word(1) / PAGE, word(2)])
        }

        fn is_quiet(&self) -> bool {
            let told = sys::msg_receive_from(self.port.as_raw(), Some(Duration::from_millis(30)));
            told.err() == Some(Error::MACH_RCV_TIMED_OUT)
        }

        /// Supplies pages that begin with `word`, and asks for `lock` to be asked for.
        fn supply_locked(&self, page: u64, count: u64, word: u64, lock: Protection) -> Result<()> {
            let bytes = count * PAGE;
            let at = mach::vm_allocate(mach::SELF, Place::Anywhere, bytes)?;
            for page in 0..count {
                // SAFETY: just allocated.
                unsafe { ((at + page * PAGE) as *mut u64).write_volatile(word) };
            }
            let offset = page * PAGE;
            let control = &self.control;
            let done = mach::memory_object_data_supply(control, offset, at, bytes, lock, false, false);
            mach::vm_deallocate(mach::SELF, at, bytes)?;
            done
        }

        fn supply(&self, page: u64, count: u64, word: u64) -> Result<()> {
            self.supply_locked(page, count, word, Protection::NONE)
        }

        /// The words at the beginnings of the pages that come back: first page, words.
        fn returned(&self) -> core::result::Result<(u64, Vec<u64>), String> {
            let told = get!(next(&self.port));
            same!(told.label, message::DATA_RETURN);
            let (first, bytes) = (told.words[0] / PAGE, told.words[1]);
            let data = match told.rights.into_iter().nth(1) {
                Some(AnyRight::Send(data) | AnyRight::Memory(data)) => data,
                other => return Err(format!("{other:?} came back")),
            };
            let access = Protection::READ;
            let place = Place::Anywhere;
            let at = get!(mach::vm_map(mach::SELF, place, bytes, &data, 0, false, access, access));
            let words = (0..bytes / PAGE).map(|page| {
                // SAFETY: just mapped.
                unsafe { ((at + page * PAGE) as *const u64).read_volatile() }
            });
            let words = words.collect();
            get!(mach::vm_deallocate(mach::SELF, at, bytes));
            Ok((first, words))
        }

        /// The end of its object, with both ports to receive from.
        fn terminated(&self) -> core::result::Result<(), String> {
            let told = get!(next(&self.port));
            same!(told.label, message::TERMINATE);
            let received = |right: &AnyRight| matches!(right, AnyRight::Receive(_));
            same!((told.rights.len(), told.rights.iter().all(received)), (2, true));
            Ok(())
        }
    }

    const REQUEST: u64 = message::DATA_REQUEST as u64;
    const UNLOCK: u64 = message::DATA_UNLOCK as u64;
    const MEMORY_ERROR: [u64; 2] = [exception::BAD_ACCESS, Error::KERN_MEMORY_ERROR.0 as u64];

    type Test = fn() -> core::result::Result<(), String>;

    const TESTS: &[(&str, Test)] = &[
        ("what one client writes the other one reads, and each page is asked for once", || {
            let (pager, mut one) = get!(Pager::new());
            let mut two = get!(Client::new(&pager.object));
            one.begin(3, None);
            same!(get!(pager.asked()), [REQUEST, 3, 1, READ]);
            two.begin(3, None);
            rest();
            same!((one.is_done(), two.is_done(), pager.is_quiet()), (false, false, true));
            get!(pager.supply(3, 1, 333));
            same!((get!(one.end()), get!(two.end())), (333, 333));
            get!(two.write(3, 77));
            same!(get!(one.read(3)), 77);
            one.begin(5, Some(5));
            same!(get!(pager.asked()), [REQUEST, 5, 1, WRITE]);
            get!(pager.supply(4, 3, 1));
            get!(one.end());
            same!((get!(two.read(5)), get!(two.read(6))), (5, 1));
            same!(pager.is_quiet(), true);
            Ok(())
        }),
        ("what was written comes back when memory is synchronized, and with its end", || {
            let (pager, mut client) = get!(Pager::new());
            get!(pager.supply(0, 4, 1));
            for page in 1..3 {
                get!(client.write(page, 100 + page));
            }
            let whole = PAGES * PAGE;
            get!(mach::vm_msync(&client.child.task, client.at, whole, sync::SYNCHRONOUS));
            same!(get!(pager.returned()), (1, Vec::from([101, 102])));
            // Once, until it is written again.
            get!(mach::vm_msync(&client.child.task, client.at, whole, sync::SYNCHRONOUS));
            same!(pager.is_quiet(), true);
            get!(client.write(3, 103));
            get!(mach::vm_deallocate(&client.child.task, client.at, whole));
            same!(get!(pager.returned()), (3, Vec::from([103])));
            get!(pager.terminated());
            // The port can be mapped again.
            let again = get!(map(&client.child.task, &pager.object));
            same!(get!(next(&pager.port)).label, message::INIT);
            get!(mach::vm_deallocate(&client.child.task, again, whole));
            Ok(())
        }),
        ("invalidated memory is asked for again", || {
            let (pager, mut client) = get!(Pager::new());
            get!(pager.supply(0, 1, 1));
            get!(client.write(0, 2));
            let flags = sync::SYNCHRONOUS | sync::INVALIDATE;
            get!(mach::vm_msync(&client.child.task, client.at, PAGE, flags));
            same!(get!(pager.returned()), (0, Vec::from([2])));
            client.begin(0, None);
            same!(get!(pager.asked()), [REQUEST, 0, 1, READ]);
            get!(pager.supply(0, 1, 3));
            same!(get!(client.end()), 3);
            Ok(())
        }),
        ("a page that the pager does not have is zeroes", || {
            let (pager, mut client) = get!(Pager::new());
            client.begin(2, None);
            same!(get!(pager.asked()), [REQUEST, 2, 1, READ]);
            get!(mach::memory_object_data_unavailable(&pager.control, 0, PAGES * PAGE));
            same!(get!(client.end()), 0);
            Ok(())
        }),
        ("a page that the pager cannot read is an exception for those who wait, and for them alone", || {
            let (pager, mut one) = get!(Pager::new());
            let mut two = get!(Client::new(&pager.object));
            get!(pager.supply(1, 1, 11));
            one.begin(2, None);
            same!(get!(pager.asked()), [REQUEST, 2, 1, READ]);
            get!(mach::memory_object_data_error(&pager.control, 0, PAGES * PAGE));
            same!(get!(one.exception()), [MEMORY_ERROR[0], MEMORY_ERROR[1], 2]);
            same!(get!(two.read(1)), 11);
            // Another time the pager may have it.
            two.begin(2, None);
            same!(get!(pager.asked()), [REQUEST, 2, 1, READ]);
            get!(pager.supply(2, 1, 12));
            same!(get!(two.end()), 12);
            Ok(())
        }),
        ("access that is locked is asked for, and taken away again", || {
            let (pager, mut client) = get!(Pager::new());
            get!(pager.supply_locked(0, 1, 5, Protection::WRITE));
            same!(get!(client.read(0)), 5);
            client.begin(0, Some(6));
            same!(get!(pager.asked()), [UNLOCK, 0, 1, WRITE]);
            same!(client.is_done(), false);
            let none = Some(Protection::NONE);
            let control = &pager.control;
            let dirty = memory_return::DIRTY;
            get!(mach::memory_object_lock_request(control, 0, PAGE, memory_return::NONE, false, none));
            get!(client.end());
            // Written back and locked at once.
            let write = Some(Protection::WRITE);
            get!(mach::memory_object_lock_request(control, 0, PAGE, dirty, false, write));
            same!(get!(pager.returned()), (0, Vec::from([6])));
            same!(get!(client.read(0)), 6);
            client.begin(0, Some(7));
            same!(get!(pager.asked()), [UNLOCK, 0, 1, WRITE]);
            Ok(())
        }),
        ("a pager that never answers keeps its clients waiting, and they can be ended", || {
            let (pager, mut client) = get!(Pager::new());
            let (other, mut served) = get!(Pager::new());
            client.begin(0, None);
            same!(get!(pager.asked()), [REQUEST, 0, 1, READ]);
            rest();
            same!(client.is_done(), false);
            get!(other.supply(0, 1, 4));
            same!(get!(served.read(0)), 4);
            get!(mach::task_terminate(&client.child.task));
            same!(client.child.lives(), false);
            get!(pager.terminated());
            // Too late.
            same!(pager.supply(0, 1, 1), Err(Error::KERN_INVALID_ARGUMENT));
            Ok(())
        }),
        ("a pager that dies is an exception for who needs it, and what is there stays", || {
            let (pager, mut one) = get!(Pager::new());
            let mut two = get!(Client::new(&pager.object));
            get!(pager.supply(0, 1, 9));
            same!(get!(two.read(0)), 9);
            one.begin(1, None);
            same!(get!(pager.asked()), [REQUEST, 1, 1, READ]);
            let Pager { port, object, control } = pager;
            drop(port);
            same!(get!(one.exception()), [MEMORY_ERROR[0], MEMORY_ERROR[1], 1]);
            same!(get!(two.read(0)), 9);
            two.begin(3, None);
            same!(get!(two.exception()), [MEMORY_ERROR[0], MEMORY_ERROR[1], 3]);
            drop((object, control));
            Ok(())
        }),
        ("a pager that ends with its task is an exception, too", || {
            fn idle(_: &Words) {
                loop {
                    sys::yield_now();
                }
            }
            let mut child = get!(Child::new(0));
            let (_, object) = get!(child.port());
            get!(child.run(idle, [0; 8]));
            let mut client = get!(Client::new(&object));
            client.begin(7, Some(1));
            rest();
            same!(client.is_done(), false);
            drop(child);
            same!(get!(client.exception()), [MEMORY_ERROR[0], MEMORY_ERROR[1], 7]);
            get!(sys::port_deallocate(object.into_raw()));
            Ok(())
        }),
        ("a pager that destroys its object leaves exceptions behind", || {
            let (pager, mut client) = get!(Pager::new());
            get!(pager.supply(0, 1, 1));
            same!(get!(client.read(0)), 1);
            get!(mach::memory_object_destroy(&pager.control));
            client.begin(0, None);
            same!(get!(client.exception()), [MEMORY_ERROR[0], MEMORY_ERROR[1], 0]);
            Ok(())
        }),
        ("what a pager supplies unasked, twice, in part, or for others is used or refused", || {
            let (pager, mut client) = get!(Pager::new());
            let (other, mut others) = get!(Pager::new());
            let invalid = Err(Error::KERN_INVALID_ARGUMENT);
            get!(pager.supply(0, PAGES, 1));
            // What is there is not replaced.
            get!(pager.supply(0, PAGES, 2));
            same!((get!(client.read(0)), get!(client.read(PAGES - 1))), (1, 1));
            // Beyond what anybody maps.
            get!(pager.supply(1 << 30, 1, 3));
            let at = get!(mach::vm_allocate(mach::SELF, Place::Anywhere, PAGE));
            let none = Protection::NONE;
            for (offset, address, bytes) in
                [(1, at, PAGE), (0, at + 1, PAGE), (0, at, 1), (u64::MAX - 4095, at, PAGE), (0, at, 2 << 20)]
            {
                let control = &pager.control;
                same!(
                    mach::memory_object_data_supply(control, offset, address, bytes, none, false, false),
                    invalid
                );
            }
            // Ports that are no control ports, or another object's.
            for port in [&pager.object, &other.object] {
                same!(mach::memory_object_data_supply(port, 0, at, PAGE, none, false, false), invalid);
            }
            get!(mach::vm_deallocate(mach::SELF, at, PAGE));
            others.begin(0, None);
            same!(get!(other.asked()), [REQUEST, 0, 1, READ]);
            get!(pager.supply(20, 1, 4));
            get!(mach::memory_object_data_error(&pager.control, 0, PAGES * PAGE));
            rest();
            same!(others.is_done(), false);
            get!(other.supply(0, 1, 5));
            same!(get!(others.end()), 5);
            Ok(())
        }),
        ("messages that only the mach server sends are nothing from others", || {
            let (pager, mut client) = get!(Pager::new());
            let to = RightArg { name: pager.object.as_raw(), disposition: Disposition::CopySend };
            get!(sys::msg_send(to, message::DATA_REQUEST, &[0, PAGE, READ], &[], None));
            // A pager believes no request without its control port.
            let told = get!(next(&pager.port));
            same!((told.label, told.rights.len()), (message::DATA_REQUEST, 0));
            get!(pager.supply(0, 1, 6));
            same!(get!(client.read(0)), 6);
            Ok(())
        }),
        ("a copy keeps what the memory was when it was made", || {
            let (pager, mut client) = get!(Pager::new());
            get!(pager.supply(0, 1, 1));
            same!(get!(client.read(0)), 1);
            let access = Protection::DEFAULT;
            let whole = PAGES * PAGE;
            let object = &pager.object;
            let place = Place::Anywhere;
            let at = get!(mach::vm_map(mach::SELF, place, whole, object, 0, true, access, access));
            get!(client.write(0, 2));
            // SAFETY: just mapped.
            same!(unsafe { (at as *const u64).read_volatile() }, 1);
            get!(mach::vm_deallocate(mach::SELF, at, whole));
            Ok(())
        }),
        ("who has no control port has no say", || {
            let (pager, _client) = get!(Pager::new());
            let mut stranger = get!(Child::new(0));
            let shared = get!(Shared::new());
            let numbers = get!(shared.map(&stranger.task));
            fn supply(words: &Words) {
                let done = mach::memory_object_data_unavailable(words[1] as u32, 0, PAGE);
                number_at(words[0], 1).store(done.err().map_or(0, |error| error.0 as u64), Release);
                number_at(words[0], 0).store(1, Release);
            }
            let name = get!(stranger.give(Right::from(pager.object.clone())));
            get!(stranger.run(supply, [numbers, name as u64, 0, 0, 0, 0, 0, 0]));
            same!(shared.wait(0, 1), true);
            let refused = shared.number(1).load(Acquire);
            same!(refused, Error::KERN_INVALID_ARGUMENT.0 as u64);
            Ok(())
        }),
    ];

    /// A pager that says anything at any time, with a client that reads and writes: another pager's
    /// client is served as if there were none.
    fn lie(seed: u64, rounds: u64) -> core::result::Result<(), String> {
        let mut random = Random::new(seed);
        let (other, mut served) = get!(Pager::new());
        let (mut liar, mut victim) = get!(Pager::new());
        let at = get!(mach::vm_allocate(mach::SELF, Place::Anywhere, 8 * PAGE));
        let mut known = 0u64;
        for round in 0..rounds {
            if victim.is_done() {
                let write = random.one_in(2).then_some(round);
                victim.begin(random.below(PAGES), write);
            }
            let offset = random.below(PAGES + 4) * PAGE;
            let bytes = random.below(PAGES) * PAGE;
            let lock = Protection(random.below(8) as u32);
            let control = &liar.control;
            let flag = random.one_in(2);
            // Whatever comes of it.
            let _ = match random.below(8) {
                0..3 => {
                    let size = random.below(8) * PAGE;
                    mach::memory_object_data_supply(control, offset, at, size, lock, flag, false)
                }
                3 => mach::memory_object_data_unavailable(control, offset, bytes),
                4 => mach::memory_object_data_error(control, offset, bytes),
                5 => {
                    let which = random.below(4);
                    let lock = random.one_in(2).then_some(lock);
                    mach::memory_object_lock_request(control, offset, bytes, which, flag, lock)
                }
                6 => mach::memory_object_change_attributes(control, flag, random.below(4)),
                _ => mach::memory_object_ready(control, flag, 2),
            };
            // It reads what it is told, or lets it lie.
            if flag {
                let _ = sys::msg_receive_from(liar.port.as_raw(), Some(Duration::ZERO));
            }
            if random.one_in(50) {
                match random.below(3) {
                    0 => get!(mach::memory_object_destroy(&liar.control)),
                    1 => get!(mach::task_terminate(&victim.child.task)),
                    _ => {}
                }
                (liar, victim) = get!(Pager::new());
            }
            if random.one_in(20) {
                let page = random.below(PAGES);
                served.begin(page, None);
                if known & 1 << page == 0 {
                    same!(get!(other.asked()), [REQUEST, page, 1, READ]);
                    get!(other.supply(page, 1, page));
                    known |= 1 << page;
                }
                same!(get!(served.end()), page);
            }
        }
        get!(mach::vm_deallocate(mach::SELF, at, 8 * PAGE));
        same!(other.is_quiet(), true);
        Ok(())
    }

    /// A test after which all is as it was.
    fn check(suite: &mut Suite, name: &str, test: impl Fn() -> core::result::Result<(), String>) {
        suite.check(name, || {
            // The first run makes what this program keeps.
            test()?;
            rest();
            let before = get!(resources());
            test()?;
            rest();
            same!(get!(resources()), before);
            Ok(())
        });
    }

    pub fn run(suite: &mut Suite) {
        for (name, test) in TESTS {
            check(suite, name, test);
        }
        let rounds = suite.times(10_000);
        for seed in 0..3 {
            let name = format!("a pager that says anything at any time harms its client alone (seed {seed})");
            check(suite, &name, || lie(seed, rounds));
        }
    }
}
