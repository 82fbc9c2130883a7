//! Hostile tasks: what they do to the mach server and to others leaves those what they had, and when
//! they are gone, nothing of them is left.
//!
//! What they do follows from a number, which is printed and can be given: `test-mach-attack seed N`.
//! `only PART` makes those attacks whose names have this part.
//! With the argument `long` there are ten thousand of them; with `counted`, on a machine whose clock
//! counts instructions, what others do afterwards must cost what it cost before.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

guest_tests::tests!(run);

#[cfg(not(target_os = "none"))]
fn run(_: &mut guest_tests::suite::Suite) {}
#[cfg(target_os = "none")]
use guest::run;

#[cfg(target_os = "none")]
mod guest {
    use ::mach::abi::{disposition::*, notify, right, routine::*, special};
    use alloc::format;
    use core::sync::atomic::Ordering::{Acquire, Release};
    use guest_tests::child::{
        Child, Shared, TinyCode, Words, asked, number_at, others_work, resources,
    };
    use guest_tests::random::Random;
    use guest_tests::suite::{Suite, Why, line};
    use guest_tests::{get, same};
    use machuser::{ReceiveRight, Right, SendRight, clock, mach, sys};

    const PAGE: u64 = 4096;
    const POLL: u64 = u64::MAX;
    /// Rounds of a long run.
    const ROUNDS: u64 = 10_000;
    /// How often the same attacks are made before they must leave nothing.
    const PASSES: u64 = 5;
    /// Requests of one attack, at the most.
    const REQUESTS: u64 = 400;
    /// What an attacker's account allows: bytes of memory and of kernel objects, rights.
    const LIMITS: [u64; 3] = [2 << 20, 1 << 20, 600];

    /// Numbers in the page that an attacker shares with its overseer.
    mod at {
        /// The requests that it has made.
        pub const REQUESTS: usize = 0;
        /// 1 when it is done.
        pub const DONE: usize = 1;
        /// Calls of the victim that have ended.
        pub const CALLS: usize = 2;
    }

    /// An attack: what it does at each of its steps.
    type Attack = fn(&mut Attacker);

    /// What is attacked.
    const ATTACKS: &[(&str, Attack)] = &[
        ("names that are guessed", guess_names),
        ("callers, tickets and windows that are forged", forge),
        ("queues that are flooded", flood_queues),
        ("notifications without end", flood_notifications),
        ("names without end", flood_names),
        ("maps without end", flood_maps),
        ("faults without end", flood_faults),
        ("tasks that end in the middle of it", race_death),
        ("answers that come twice, never, or to another", answer_wrongly),
        ("rights whose sender dies on their way", die_in_transfer),
        ("accounts that are emptied in use", race_accounts),
        ("any words to any routine", any_words),
    ];

    /// An attacker, as it sees itself. It has no heap.
    struct Attacker {
        random: Random,
        /// A send right to a port of the overseer, whose queue takes sixteen messages.
        to: u64,
        /// A send right to a server that answers.
        server: u64,
        /// A receive right that the victim calls.
        port: u64,
        page: u64,
    }

    impl Attacker {
        /// A name, perhaps of something.
        fn name(&mut self) -> u64 {
            match self.random.below(8) {
                0 => self.to,
                1 => self.server,
                2 => self.port,
                3 => self.random.next() & 0xfff_ffff,
                4 => self.random.below(3),
                _ => 16 + self.random.below(40) | self.random.below(4) << 20,
            }
        }

        fn disposition(&mut self) -> u64 {
            (MOVE_RECEIVE as u64) + self.random.below(6)
        }

        /// A name with a disposition, as messages have them.
        fn right(&mut self) -> u64 {
            self.disposition() << 32 | self.name()
        }

        fn address(&mut self) -> u64 {
            0x5000_0000 + self.random.below(64) * PAGE
        }

        fn port_new(&self) -> u64 {
            asked(MACH_PORT_ALLOCATE, &[0, right::RECEIVE as u64]).unwrap_or(0)
        }

        /// A task of its own, perhaps with a thread that faults at once.
        fn task_new(&mut self) -> u64 {
            let task = asked(TASK_CREATE, &[0]).unwrap_or(0);
            if task != 0 && self.random.one_in(2) {
                self.thread_new(task);
            }
            task
        }

        fn thread_new(&mut self, task: u64) -> u64 {
            let thread = asked(THREAD_CREATE, &[task, 0]).unwrap_or(0);
            if self.random.one_in(2) {
                ask(THREAD_SET_SPECIAL_PORT, &[thread, special::EXCEPTION, self.to]);
            }
            let pc = self.random.below(2) * 0x123_4560;
            ask(THREAD_START, &[thread, pc, 0, 0]);
            thread
        }

        /// Calls what a name denotes.
        fn call(&mut self, name: u64) {
            // Nobody would answer at these.
            if name != self.port && name != self.to {
                let label = self.random.below(3) as u32;
                let _ = sys::call(name as u32, label, 1, [1, 2, 3, 4]);
            }
        }
    }

    fn ask(number: u32, words: &[u64]) {
        let _ = asked(number, words);
    }

    fn guess_names(a: &mut Attacker) {
        let (one, two) = (a.name(), a.name());
        let how = a.disposition();
        match a.random.below(9) {
            0 => ask(MACH_PORT_EXTRACT_RIGHT, &[one, two, how]),
            1 => ask(MACH_PORT_INSERT_RIGHT, &[one, two, a.name(), how]),
            2 => ask(MACH_PORT_MOD_REFS, &[0, one, a.random.below(5), a.random.below(5).wrapping_sub(2)]),
            3 => ask(TASK_RIGHTS, &[one, 0]),
            4 => ask(MACH_PORT_TYPE, &[one, two]),
            5 => ask(TASK_GET_SPECIAL_PORT, &[one, a.random.below(6)]),
            6 => ask(HOST_PORTS, &[one, 0]),
            7 => ask(MACH_PORTS_REGISTER, &[one, 2, two, one]),
            _ => a.call(one),
        }
    }

    fn forge(a: &mut Attacker) {
        let number = a.random.below(64) | a.random.below(8) << 20;
        let secret = a.random.next() & !0xf_ffff | a.random.below(64);
        match a.random.below(8) {
            0 => ask(REPLY_RIGHTS, &[number, 1, a.right()]),
            1 => ask(REPLY_NEW_PORT, &[number, a.random.below(3)]),
            2 => ask(RIGHTS_RECEIVE, &[secret, a.port]),
            3 => ask(RIGHTS_SEND, &[number, a.to, 1, a.right()]),
            4 => ask(WINDOW_ACCEPT, &[a.random.next()]),
            5 => ask(WINDOW_RELEASE, &[a.random.next()]),
            6 => {
                // Words in the pages of others, and more of them than there can be.
                let head = number | a.random.below(200) << 32;
                let label = if a.random.below(2) == 0 { MSG_SEND } else { MSG_RECEIVE };
                let words = [head, a.to, a.random.below(40), u64::MAX];
                sys::call(::mach::abi::TASK_SELF, label | ::mach::abi::IN_PAGE, 4, words);
            }
            _ => {
                // A ticket of its own, to whom it was not made for.
                let own = sys::thread_number() as u64;
                let right = (COPY_SEND as u64) << 32 | a.to;
                let ticket = asked(RIGHTS_SEND, &[own, a.server, 1, right]).unwrap_or(0);
                ask(RIGHTS_RECEIVE, &[ticket, a.port]);
            }
        }
    }

    fn flood_queues(a: &mut Attacker) {
        let to = *a.random.pick(&[a.to, a.server, a.port]);
        let fresh = a.port_new();
        let moved = (MOVE_RECEIVE as u64) << 32 | fresh;
        let how = if to == a.port { MAKE_SEND } else { COPY_SEND } as u64;
        let label = a.random.below(100);
        match a.random.below(4) {
            0 => ask(MSG_SEND, &[to, how, label, POLL, 1, 0, moved]),
            1 => {
                let mut words = [7; 100];
                words[..6].copy_from_slice(&[to, how, label, POLL, 0, 94]);
                ask(MSG_SEND, &words);
            }
            2 => ask(MSG_SEND_NOTIFY, &[a.port, to, how, label, 0, 0, 1, 3]),
            _ => ask(MSG_SEND, &[to, how, label, 1, 2, 0, a.right(), a.right()]),
        }
    }

    fn flood_notifications(a: &mut Attacker) {
        let name = match a.random.below(3) {
            0 => a.name(),
            1 => a.to,
            _ => a.port_new(),
        };
        let kinds = [notify::DEAD_NAME, notify::NO_SENDERS, notify::PORT_DESTROYED];
        let kind = *a.random.pick(&kinds) as u64;
        let told = *a.random.pick(&[a.port, name]);
        let words = [0, name, kind, a.random.below(2), told, MAKE_SEND_ONCE as u64];
        ask(MACH_PORT_REQUEST_NOTIFICATION, &words);
        if a.random.one_in(2) {
            ask(MACH_PORT_DESTROY, &[0, name]);
        }
        if a.random.one_in(8) {
            ask(MSG_RECEIVE, &[a.port, POLL]);
        }
    }

    fn flood_names(a: &mut Attacker) {
        let kind = *a.random.pick(&[right::RECEIVE, right::PORT_SET, right::DEAD_NAME]) as u64;
        match a.random.below(6) {
            0 | 1 => ask(MACH_PORT_ALLOCATE, &[0, kind]),
            2 => ask(MACH_PORT_ALLOCATE_NAME, &[0, kind, a.random.below(1 << 24)]),
            3 => ask(MACH_PORT_RENAME, &[0, a.name(), a.random.below(1 << 24)]),
            4 => ask(MACH_PORT_MOVE_MEMBER, &[0, a.name(), a.name()]),
            _ => ask(MACH_PORT_DESTROY, &[0, a.name()]),
        }
    }

    fn flood_maps(a: &mut Attacker) {
        let (one, two) = (a.address(), a.address());
        let size = (1 + a.random.below(16)) * PAGE;
        match a.random.below(9) {
            0 | 1 => ask(VM_ALLOCATE, &[0, one, size, 0]),
            2 => ask(VM_WRITE, &[0, one, 8, 1]),
            3 => ask(VM_DEALLOCATE, &[0, one, size]),
            4 => ask(VM_PROTECT, &[0, one, size, a.random.below(2), a.random.below(9)]),
            5 => ask(VM_COPY, &[0, one, 0, two, size]),
            6 => ask(VM_INHERIT, &[0, one, size, a.random.below(4)]),
            7 => {
                let object = asked(MEMORY_OBJECT_CREATE, &[size]).unwrap_or(0);
                let copies = a.random.below(2);
                ask(VM_MAP, &[0, one, size, 0, 0, object, 0, copies, 3, 7, a.random.below(3)]);
                ask(MACH_PORT_DEALLOCATE, &[0, object]);
            }
            _ => {
                let words = [0, 0, ::mach::abi::inherit::MEMORY];
                let child = asked(TASK_CREATE, &words).unwrap_or(0);
                ask(VM_WRITE, &[child, one, 8, 2]);
                ask(MACH_PORT_DEALLOCATE, &[0, child]);
            }
        }
    }

    fn flood_faults(a: &mut Attacker) {
        let task = asked(TASK_CREATE, &[0]).unwrap_or(0);
        if a.random.one_in(2) {
            let to = *a.random.pick(&[a.to, a.server]);
            ask(TASK_SET_SPECIAL_PORT, &[task, special::EXCEPTION, to]);
        }
        for _ in 0..a.random.below(4) {
            a.thread_new(task);
        }
        sys::yield_now();
        if a.random.one_in(2) {
            ask(TASK_TERMINATE, &[task]);
        }
        ask(MACH_PORT_DEALLOCATE, &[0, task]);
    }

    fn race_death(a: &mut Attacker) {
        let task = a.task_new();
        let there = asked(MACH_PORT_ALLOCATE, &[task, right::RECEIVE as u64]).unwrap_or(0);
        let send = asked(MACH_PORT_EXTRACT_RIGHT, &[task, there, MAKE_SEND as u64]).unwrap_or(0);
        let moved = (MOVE_RECEIVE as u64) << 32 | a.port_new();
        let end = a.random.below(6);
        for step in 0..6 {
            if step == end {
                ask(TASK_TERMINATE, &[task]);
            }
            match step {
                0 => ask(MSG_SEND, &[send, COPY_SEND as u64, 1, POLL, 1, 0, moved]),
                1 => ask(MACH_PORT_INSERT_RIGHT, &[task, 0, a.to, COPY_SEND as u64]),
                2 => ask(VM_ALLOCATE, &[task, 0, 4 * PAGE, 1]),
                3 => ask(WINDOW_CREATE, &[send, PAGE]),
                4 => ask(TASK_CREATE, &[0, task, 3]),
                _ => ask(MACH_PORT_EXTRACT_RIGHT, &[task, there, MOVE_RECEIVE as u64]),
            }
        }
        ask(MACH_PORT_DESTROY, &[0, task]);
        ask(MACH_PORT_DESTROY, &[0, send]);
    }

    fn answer_wrongly(a: &mut Attacker) {
        // Its first word is the number of the thread that calls.
        let Ok(call) = sys::receive() else { return };
        let caller = call.mrs[0];
        let right = (COPY_SEND as u64) << 32 | a.to;
        match a.random.below(6) {
            0 => {}
            1 => {
                sys::reply(machuser::wire::REPLY_OK, 1, [1; 4]);
                sys::reply(machuser::wire::REPLY_OK, 1, [2; 4]);
            }
            2 => {
                ask(REPLY_RIGHTS, &[caller, 1, right]);
                ask(REPLY_RIGHTS, &[caller, 2, right, right]);
                sys::reply(machuser::wire::REPLY_OK, 1, [3; 4]);
                ask(REPLY_RIGHTS, &[caller, 1, right]);
            }
            3 => {
                for other in 0..32 {
                    ask(REPLY_RIGHTS, &[caller ^ other, 1, right]);
                }
                sys::reply(0xffff, 4, [u64::MAX; 4]);
            }
            4 => {
                ask(REPLY_NEW_PORT, &[caller, a.random.below(3)]);
                sys::reply(::mach::abi::REPLY_ERROR, 1, [5; 4]);
            }
            _ => ask(TASK_TERMINATE, &[0]),
        }
    }

    fn die_in_transfer(a: &mut Attacker) {
        let own = sys::thread_number() as u64;
        let (one, two) = (a.port_new(), a.port_new());
        let moved = (MOVE_RECEIVE as u64) << 32 | one;
        let made = (MAKE_SEND_ONCE as u64) << 32 | two;
        let end = a.random.below(60);
        for step in 0..6 {
            if step == end {
                ask(TASK_TERMINATE, &[0]);
            }
            match step {
                0 => ask(RIGHTS_SEND, &[own, a.to, 2, moved, made]),
                1 => ask(RIGHTS_SEND, &[own, a.server, 1, (COPY_SEND as u64) << 32 | a.to]),
                2 => ask(MSG_SEND, &[two, MAKE_SEND as u64, 1, POLL, 1, 0, made]),
                3 => {
                    let right = (MOVE_RECEIVE as u64) << 32 | two;
                    ask(MSG_SEND, &[a.port, MAKE_SEND as u64, 1, POLL, 1, 0, right]);
                }
                4 => ask(MSG_RECEIVE, &[a.port, POLL]),
                _ => ask(MSG_SEND, &[a.to, COPY_SEND as u64, 1, POLL, 1, 0, made]),
            }
        }
    }

    fn race_accounts(a: &mut Attacker) {
        let limits = [1 << 20, 1 << 20, 100];
        let account = asked(ACCOUNT_CREATE, &limits).unwrap_or(0);
        let task = asked(TASK_CREATE, &[account]).unwrap_or(0);
        a.thread_new(task);
        ask(VM_ALLOCATE, &[task, 0, 4 * PAGE, 1]);
        let mut place = 0;
        for step in 0..a.random.below(8) {
            match a.random.below(4) {
                0 => ask(TASK_SET_ACCOUNT, &[task, a.name()]),
                1 => ask(ACCOUNT_TERMINATE, &[account, a.random.below(5) << 32 | step]),
                _ => place = asked(ACCOUNT_TERMINATE, &[account, place]).unwrap_or(0),
            }
        }
        ask(MACH_PORT_DESTROY, &[0, account]);
        ask(MACH_PORT_DESTROY, &[0, task]);
    }

    fn any_words(a: &mut Attacker) {
        const ROUTINES: [(u64, u64); 6] =
            [(2000, 110), (2600, 50), (3200, 24), (4200, 12), (5000, 34), (2039, 60)];
        let &(first, count) = a.random.pick(&ROUTINES);
        let number = (first + a.random.below(count)) as u32;
        let mut words = [0; 12];
        let count = a.random.below(13) as usize;
        for word in &mut words[..count] {
            *word = match a.random.below(4) {
                0 => a.name(),
                1 => a.right(),
                2 => a.address(),
                _ => a.random.below(9),
            };
        }
        // A wait for nobody would be the end of it.
        if ![MSG_RECEIVE, GSYNC_WAIT, THREAD_SUSPEND, TASK_SUSPEND].contains(&number) {
            ask(number, &words[..count]);
        }
    }

    /// Words: the shared page, seed, attack, to, server, port.
    fn attacker(words: &Words) {
        let page = words[0];
        let random = Random::new(words[1]);
        let mut own = Attacker { random, to: words[3], server: words[4], port: words[5], page };
        let (_, attack) = ATTACKS[words[2] as usize];
        for _ in 0..REQUESTS {
            attack(&mut own);
            number_at(own.page, at::REQUESTS).fetch_add(1, Release);
        }
        number_at(own.page, at::DONE).store(1, Release);
        loop {
            sys::yield_now();
        }
    }

    /// Calls a port for ever, and tells of each answer. Words: the shared page, the port.
    fn victim(words: &Words) {
        loop {
            let number = sys::thread_number() as u64;
            let _ = sys::call(words[1] as u32, 1, 2, [number, 7, 0, 0]);
            drop(sys::inbox_take());
            number_at(words[0], at::CALLS).fetch_add(1, Release);
        }
    }

    /// One attack, from its beginning until nothing is left of it; answers how far it came.
    fn round(kind: usize, seed: u64, neighbour: &SendRight) -> Result<u64, Why> {
        let mut random = Random::new(seed ^ 0x5bd1_e995);
        let account = get!(mach::account_create(LIMITS[0], LIMITS[1], LIMITS[2]));
        let shared = get!(Shared::new());
        let mut hostile = get!(Child::new(&account));
        let there = get!(shared.map(&hostile.task));
        let port = get!(ReceiveRight::allocate());
        let to = get!(hostile.give(Right::make_send(&port)));
        let server = get!(hostile.give(Right::from(neighbour)));
        let (called, call) = get!(hostile.port());
        // Whom it answers, if it does.
        let mut victims = None;
        if core::ptr::fn_addr_eq(ATTACKS[kind].1, answer_wrongly as Attack) {
            let mut child = get!(Child::new(0));
            let at = get!(shared.map(&child.task));
            let name = get!(child.give(Right::from(&call)));
            get!(child.run(victim, [at, name as u64, 0, 0, 0, 0, 0, 0]));
            victims = Some(child);
        }
        let words = [there, seed, kind as u64, to as u64, server as u64, called as u64, 0, 0];
        get!(hostile.run(attacker, words));
        // Some are stopped in the middle of it.
        let patience = if random.one_in(2) { random.below(40) } else { 400 };
        for _ in 0..patience {
            if shared.number(at::DONE).load(Acquire) != 0 || !hostile.lives() {
                break;
            }
            sys::yield_now();
        }
        others_work(neighbour)?;
        get!(mach::account_terminate(&account));
        same!(get!(mach::account_info(&account)).1, [0; 3]);
        if let Some(child) = victims {
            // Nobody answers it any more, and it hears so each time.
            let before = shared.number(at::CALLS).load(Acquire);
            same!(shared.wait(at::CALLS, before + 10), true);
            same!(get!(mach::task_info(&child.task)).names < 8, true);
        }
        get!(sys::port_deallocate(call.into_raw()));
        others_work(neighbour)?;
        Ok(shared.number(at::REQUESTS).load(Acquire))
    }

    /// What others do, by the clock, when nothing comes between.
    fn cost(neighbour: &SendRight) -> Result<u64, Why> {
        let mut least = u64::MAX;
        for _ in 0..8 {
            let start = clock::now();
            others_work(neighbour)?;
            least = least.min((clock::now() - start).as_nanos() as u64);
        }
        Ok(least)
    }

    fn argument(name: &[u8]) -> Option<usize> {
        posix::env::args().iter().position(|word| word == name)
    }

    fn number(name: &[u8]) -> Option<u64> {
        posix::parse_number(posix::env::args().get(argument(name)? + 1)?)
    }

    pub fn run(suite: &mut Suite) {
        let seed = number(b"seed").unwrap_or_else(|| sys::random() >> 32);
        let counted = argument(b"counted").is_some();
        line(&format!("seed {seed}"));
        let rounds = suite.times(ROUNDS).min(if suite.is_long() { ROUNDS } else { 240 });
        let each = rounds / ATTACKS.len() as u64 + 1;
        let words = posix::env::args();
        let only = argument(b"only").and_then(|at| words.get(at + 1));
        let only = only.and_then(|part| core::str::from_utf8(part).ok()).unwrap_or_default();
        let attacks = ATTACKS.iter().enumerate().filter(|(_, (name, _))| name.contains(only));
        for (kind, (name, _)) in attacks {
            suite.check(&format!("{name} harm nobody, and leave nothing"), || {
                let code = get!(TinyCode::new());
                let tiny = get!(code.start(0));
                let neighbour = get!(tiny.port());
                let (mut before, mut steps) = ([0; 5], 0);
                cost(&neighbour)?;
                let usual = cost(&neighbour)?;
                // What servers and the mach server keep for so much at a time grows to a bound: then
                // the same attacks leave exactly nothing.
                for pass in 0.. {
                    let mut random = Random::new(seed + kind as u64);
                    for _ in 0..each {
                        let seed = random.next();
                        let told = round(kind, seed, &neighbour);
                        steps += told.map_err(|why| format!("seed {seed:#x}: {why}"))?;
                        let now = cost(&neighbour)?;
                        if counted && now > usual + usual / 10 {
                            return Err(format!("seed {seed:#x}: {usual} became {now} instructions"));
                        }
                    }
                    let now = get!(resources());
                    if pass > 0 && now == before {
                        break;
                    }
                    if pass == PASSES {
                        same!(now, before);
                    }
                    before = now;
                }
                // They do get to attack.
                line(&format!("{name}: {steps} steps"));
                same!(steps > each, true);
                Ok(())
            });
        }
    }
}
