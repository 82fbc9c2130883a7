//! Accounts: whatever is exhausted, who asked is refused and nobody else; they nest, and can be
//! emptied.

use crate::common::{Caller, World};
use mach::Error;
use mach::abi::disposition::*;
use mach::abi::{routine, special};
use proptest::prelude::*;

const PAGE: u64 = 4096;
const POLL: u64 = u64::MAX;

fn right_word(name: u64, how: u32) -> u64 {
    (how as u64) << 32 | name
}

fn send_words(to: u64, time: u64, rights: &[u64], body: &[u64]) -> Vec<u64> {
    let head = [to, COPY_SEND as u64, 7, time, rights.len() as u64, body.len() as u64];
    [&head, rights, body].concat()
}

fn used(world: &mut World, caller: Caller, account: u64) -> [u64; 4] {
    let words = world.ask(caller, routine::ACCOUNT_INFO, &[account]).unwrap();
    [words[3], words[4], words[5], words[6]]
}

/// Ends everything that is charged to an account.
fn empty(world: &mut World, caller: Caller, account: u64) {
    let mut place = 0;
    loop {
        place = world.get(caller, routine::ACCOUNT_TERMINATE, &[account, place]);
        world.check();
        if place == 0 {
            return;
        }
    }
}

/// Who spends: a task in an account with limits, and what it has to spend with.
struct Spender {
    world: World,
    root: Caller,
    host: u64,
    account: u64,
    child: Caller,
    task: u64,
    /// A port of the root task, and its name in the child.
    port: u64,
    to: u64,
}

impl Spender {
    fn new(limits: [u64; 3]) -> Spender {
        let mut world = World::new();
        let root = world.boot_root();
        let own = world.mach.audit_tasks_all()[0];
        let host = world.mach.host_give(own).unwrap() as u64;
        let account = world.get(root, routine::ACCOUNT_CREATE, &limits);
        let (child, task) = world.task(root, account);
        let port = world.port(root);
        let to = world.give(root, task, port, MAKE_SEND);
        Spender { world, root, host, account, child, task, port, to }
    }

    fn ask(&mut self, label: u32, words: &[u64]) -> Result<Vec<u64>, Error> {
        self.world.ask(self.child, label, words)
    }

    /// What everybody else does, which must go on.
    fn others_work(&mut self, beside: Caller) {
        for caller in [self.root, beside] {
            let w = &mut self.world;
            let port = w.port(caller);
            let right = right_word(port, MAKE_SEND);
            let send = [port, MAKE_SEND as u64, 1, POLL, 1, 1, right, 5];
            w.ask(caller, routine::MSG_SEND, &send).unwrap();
            w.ask(caller, routine::MSG_RECEIVE, &[port, POLL]).unwrap();
            w.ask(caller, routine::MACH_PORT_DESTROY, &[0, port]).unwrap();
            let at = w.get(caller, routine::VM_ALLOCATE, &[0, 0, 2 * PAGE, 1]);
            w.ask(caller, routine::VM_WRITE, &[0, at, 4, 1]).unwrap();
            w.ask(caller, routine::VM_DEALLOCATE, &[0, at, 2 * PAGE]).unwrap();
            let task = w.get(caller, routine::TASK_CREATE, &[0]);
            w.ask(caller, routine::TASK_TERMINATE, &[task]).unwrap();
            w.ask(caller, routine::MACH_PORT_DEALLOCATE, &[0, task]).unwrap();
        }
        self.world.check();
    }

    /// Reads what the root task was sent.
    fn drain(&mut self) {
        while self.world.ask(self.root, routine::MSG_RECEIVE, &[self.port, POLL]).is_ok() {}
    }

    /// Spends until it is refused; afterwards others go on, and the account can be emptied.
    fn exhaust(mut self, mut spend: impl FnMut(&mut Spender) -> Result<(), Error>) {
        let other = self.world.get(
            self.root,
            routine::ACCOUNT_CREATE,
            &[64 * PAGE, 64 * PAGE, 50],
        );
        let (beside, beside_task) = self.world.task(self.root, other);
        self.others_work(beside);
        self.drain();
        let before = used(&mut self.world, beside, 0);
        let mut times = 0;
        let refused = loop {
            match spend(&mut self) {
                Ok(()) => times += 1,
                Err(error) => break error,
            }
            assert!(times < 10_000, "it is never refused");
            self.world.check();
        };
        assert_eq!(refused, Error::KERN_RESOURCE_SHORTAGE, "after {times} times");
        assert!(times > 0);
        self.others_work(beside);
        let info = self.world.ask(self.root, routine::ACCOUNT_INFO, &[self.account]).unwrap();
        for kind in 0..3 {
            assert!(info[3 + kind] <= info[kind], "{info:?}");
        }
        empty(&mut self.world, self.root, self.account);
        assert_eq!(used(&mut self.world, self.root, self.account), [0, 0, 0, 1]);
        let again = [self.account];
        let short = Error::KERN_RESOURCE_SHORTAGE;
        self.world.refused(self.root, routine::TASK_CREATE, &again, short);
        self.drain();
        assert_eq!(used(&mut self.world, beside, 0), before);
        self.world.ask(self.root, routine::TASK_TERMINATE, &[beside_task]).unwrap();
        self.world.finish();
    }
}

const MEMORY: [u64; 3] = [112 * PAGE, 1 << 20, 500];
const OBJECTS: [u64; 3] = [1 << 30, 12 * PAGE, 5000];
const RIGHTS: [u64; 3] = [1 << 30, 1 << 20, 30];

#[test]
fn pages_that_are_touched_are_charged() {
    let mut at = None;
    Spender::new(MEMORY).exhaust(|s| {
        let place = match at {
            Some(place) => place,
            None => s.ask(routine::VM_ALLOCATE, &[0, 0, 1 << 20, 1])?[0],
        };
        at = Some(place + PAGE);
        s.ask(routine::VM_WRITE, &[0, place, 8, 1]).map(drop)
    });
}

#[test]
fn copies_are_charged_though_they_share_their_frames() {
    Spender::new(MEMORY).exhaust(|s| {
        let from = s.ask(routine::VM_ALLOCATE, &[0, 0, PAGE, 1])?[0];
        s.ask(routine::VM_WRITE, &[0, from, 8, 1])?;
        let to = s.ask(routine::VM_ALLOCATE, &[0, 0, PAGE, 1])?[0];
        s.ask(routine::VM_COPY, &[0, from, 0, to, PAGE]).map(drop)
    });
}

#[test]
fn contiguous_memory_is_charged_to_the_task_that_gets_it() {
    Spender::new(MEMORY).exhaust(|s| {
        let words = [s.host, s.task, 2];
        s.world.ask(s.root, routine::VM_ALLOCATE_CONTIGUOUS, &words).map(drop)
    });
}

#[test]
fn threads_are_charged() {
    Spender::new(MEMORY).exhaust(|s| s.ask(routine::THREAD_CREATE, &[0, 0]).map(drop));
    Spender::new(OBJECTS).exhaust(|s| s.ask(routine::THREAD_CREATE, &[0, 0]).map(drop));
    Spender::new(RIGHTS).exhaust(|s| s.ask(routine::THREAD_CREATE, &[0, 0]).map(drop));
}

#[test]
fn tasks_are_charged() {
    Spender::new(OBJECTS).exhaust(|s| s.ask(routine::TASK_CREATE, &[0]).map(drop));
    Spender::new(RIGHTS).exhaust(|s| s.ask(routine::TASK_CREATE, &[0]).map(drop));
}

#[test]
fn what_tells_of_a_new_task_is_charged_to_who_made_it() {
    let mut s = Spender::new(OBJECTS);
    let words = [s.host, s.port];
    s.world.give(s.root, 0, s.port, MAKE_SEND);
    s.world.ask(s.root, routine::REGISTER_NEW_TASK_NOTIFICATION, &words).unwrap();
    s.exhaust(|s| {
        let task = s.ask(routine::TASK_CREATE, &[0])?[0];
        s.ask(routine::TASK_TERMINATE, &[task])?;
        s.ask(routine::MACH_PORT_DEALLOCATE, &[0, task]).map(drop)
    });
}

#[test]
fn regions_mappings_and_page_tables_are_charged() {
    Spender::new(OBJECTS).exhaust(|s| s.ask(routine::VM_ALLOCATE, &[0, 0, PAGE, 1]).map(drop));
    // Far apart, so that each has a table of its own.
    let mut at = 0x4000_0000;
    Spender::new(OBJECTS).exhaust(|s| {
        at += 4 << 20;
        s.ask(routine::VM_ALLOCATE, &[0, at, PAGE, 0])?;
        s.ask(routine::VM_WRITE, &[0, at, 8, 1]).map(drop)
    });
}

#[test]
fn memory_objects_are_charged() {
    Spender::new(OBJECTS)
        .exhaust(|s| s.ask(routine::MEMORY_OBJECT_CREATE, &[1 << 30]).map(drop));
}

#[test]
fn windows_are_charged_to_the_client() {
    for limits in [MEMORY, OBJECTS] {
        Spender::new(limits).exhaust(|s| s.ask(routine::WINDOW_CREATE, &[s.to, PAGE]).map(drop));
    }
}

#[test]
fn accounts_are_charged_to_the_one_above() {
    Spender::new(OBJECTS).exhaust(|s| {
        let words = [1 << 40, 1 << 40, 1 << 20];
        s.ask(routine::ACCOUNT_CREATE, &words).map(drop)
    });
}

#[test]
fn ports_sets_and_dead_names_are_charged() {
    for kind in [1, 3, 4] {
        Spender::new(RIGHTS)
            .exhaust(|s| s.ask(routine::MACH_PORT_ALLOCATE, &[0, kind]).map(drop));
    }
}

#[test]
fn rights_that_arrive_are_charged() {
    Spender::new(RIGHTS).exhaust(|s| {
        let port = s.world.port(s.root);
        let words = [s.task, 0, port, MAKE_SEND as u64];
        s.world.ask(s.root, routine::MACH_PORT_INSERT_RIGHT, &words).map(drop)
    });
}

#[test]
fn bytes_and_rights_in_queues_are_charged_to_the_sender() {
    Spender::new(OBJECTS).exhaust(|s| {
        let words = [0, s.port, 65535];
        s.world.ask(s.root, routine::MACH_PORT_SET_QLIMIT, &words).unwrap();
        s.ask(routine::MSG_SEND, &send_words(s.to, POLL, &[], &[1; 100])).map(drop)
    });
    Spender::new(RIGHTS).exhaust(|s| {
        let port = s.ask(routine::MACH_PORT_ALLOCATE, &[0, 1])?[0];
        let rights = [right_word(port, MOVE_RECEIVE)];
        s.world.ask(s.root, routine::MACH_PORT_SET_QLIMIT, &[0, s.port, 65535]).unwrap();
        s.ask(routine::MSG_SEND, &send_words(s.to, POLL, &rights, &[])).map(drop)
    });
}

#[test]
fn what_waits_to_be_sent_is_charged_to_the_sender() {
    let mut s = Spender::new(OBJECTS);
    s.world.ask(s.root, routine::MACH_PORT_SET_QLIMIT, &[0, s.port, 0]).unwrap();
    let mut waiting = Vec::new();
    s.exhaust(|s| {
        let threads = s.world.ask(s.root, routine::THREAD_CREATE, &[s.task, 0])?;
        let thread = s.world.mach.kernel().thread_newest().unwrap();
        s.world.ask(s.root, routine::THREAD_START, &[threads[0], crate::common::TEXT, 0, 0]).unwrap();
        let caller = Caller { thread, number: threads[1] as u32, ..s.child };
        let before = used(&mut s.world, s.root, s.account)[1];
        let words = send_words(s.to, 0, &[], &[1; 100]);
        match s.world.request(caller, routine::MSG_SEND, &words) {
            crate::common::Reply::Waits => {
                assert!(used(&mut s.world, s.root, s.account)[1] >= before + 800);
                waiting.push(caller);
                Ok(())
            }
            other => other.done().map(drop),
        }
    });
}

#[test]
fn rights_of_a_ticket_are_charged_to_the_sender() {
    Spender::new(RIGHTS).exhaust(|s| {
        let mut rights = Vec::new();
        for _ in 0..5 {
            let port = s.ask(routine::MACH_PORT_ALLOCATE, &[0, 1])?[0];
            rights.push(right_word(port, MOVE_RECEIVE));
        }
        let threads = s.world.ask(s.root, routine::THREAD_CREATE, &[s.task, 0])?;
        let words = [&[threads[1], s.to, 5], &rights[..]].concat();
        let before = used(&mut s.world, s.child, 0)[2];
        s.ask(routine::RIGHTS_SEND, &words)?;
        assert_eq!(used(&mut s.world, s.child, 0)[2], before);
        Ok(())
    });
}

#[test]
fn a_ticket_that_is_redeemed_costs_its_sender_nothing_more() {
    let mut s = Spender::new(RIGHTS);
    let before = used(&mut s.world, s.root, s.account);
    let words = [s.child.number as u64, s.to, 1, right_word(s.to, COPY_SEND)];
    let ticket = s.ask(routine::RIGHTS_SEND, &words).unwrap()[0];
    assert_eq!(used(&mut s.world, s.root, s.account)[2], before[2] + 1);
    s.world.check();
    s.world.ask(s.root, routine::RIGHTS_RECEIVE, &[ticket, s.port]).unwrap();
    assert_eq!(used(&mut s.world, s.root, s.account), before);
    s.world.check();
    // One that is replaced gives its rights back.
    let first = s.ask(routine::RIGHTS_SEND, &words).unwrap()[0];
    s.ask(routine::RIGHTS_SEND, &words).unwrap();
    let stale = [first, s.port];
    s.world.refused(s.root, routine::RIGHTS_RECEIVE, &stale, Error::KERN_INVALID_ARGUMENT);
    assert_eq!(used(&mut s.world, s.root, s.account)[2], before[2] + 1);
    s.world.check();
    s.world.ask(s.root, routine::TASK_TERMINATE, &[s.task]).unwrap();
    s.world.finish();
}

#[test]
fn notifications_are_charged_to_who_asked_for_them_and_never_above_its_limit() {
    let mut s = Spender::new([1 << 20, 1 << 30, 1000]);
    let words = [1 << 20, 12 * PAGE, 400, s.account];
    let inner = s.world.get(s.root, routine::ACCOUNT_CREATE, &words);
    let (child, _) = s.world.task(s.root, inner);
    let port = s.world.port(child);
    let names: Vec<u64> = (0..200).map(|_| s.world.port(child)).collect();
    let outer = used(&mut s.world, s.root, s.account)[1];
    for name in &names {
        let words = [0, *name, 72, 0, port, MAKE_SEND_ONCE as u64];
        s.world.ask(child, routine::MACH_PORT_REQUEST_NOTIFICATION, &words).unwrap();
    }
    let own = used(&mut s.world, child, 0)[1];
    for name in &names {
        s.world.ask(child, routine::MACH_PORT_DESTROY, &[0, *name]).unwrap();
    }
    s.world.check();
    // They could not be refused, and are more than it may use.
    assert!(used(&mut s.world, child, 0)[1] > 12 * PAGE);
    assert_eq!(used(&mut s.world, s.root, s.account)[1], outer - own + 12 * PAGE);
    let short = Error::KERN_RESOURCE_SHORTAGE;
    s.world.refused(child, routine::THREAD_CREATE, &[0, 0], short);
    s.world.get(s.child, routine::THREAD_CREATE, &[0, 0]);
    empty(&mut s.world, s.root, s.account);
    assert_eq!(used(&mut s.world, s.root, s.account), [0, 0, 0, 1]);
    s.world.finish();
}

#[test]
fn exceptions_are_charged_to_who_raises_them() {
    let mut s = Spender::new([1 << 30, 20 * PAGE, 500]);
    let raise = |s: &mut Spender, spend: bool| {
        let (child, task) = s.world.task(s.root, s.account);
        let to = s.world.give(s.root, task, s.port, MAKE_SEND);
        s.world.ask(child, routine::TASK_SET_SPECIAL_PORT, &[0, special::EXCEPTION, to]).unwrap();
        if spend {
            while s.world.ask(child, routine::ACCOUNT_CREATE, &[0; 3]).is_ok() {}
        }
        let before = used(&mut s.world, s.root, s.account)[1];
        let badge = s.world.fault_badge(child);
        let id = s.world.mach.thread_of_badge(badge).unwrap();
        s.world.mach.exception(id, 1, 2, 3);
        s.world.check();
        let (lives, after) = (
            s.world.mach.kernel().thread_exists(child.thread),
            used(&mut s.world, s.root, s.account)[1],
        );
        assert_eq!(lives, !spend);
        assert_eq!(after > before, lives);
        // The message stays when the thread goes, and so does its charge.
        let _ = s.world.ask(s.root, routine::TASK_TERMINATE, &[task]);
        s.world.ask(s.root, routine::MACH_PORT_DEALLOCATE, &[0, task]).unwrap();
        s.world.check();
    };
    let root = used(&mut s.world, s.root, 0);
    let own = used(&mut s.world, s.root, s.account);
    for _ in 0..40 {
        raise(&mut s, false);
    }
    for kind in 1..3 {
        let more = used(&mut s.world, s.root, s.account)[kind] - own[kind];
        assert!(more >= 40 * 2);
        assert_eq!(used(&mut s.world, s.root, 0)[kind] - root[kind], more);
    }
    // Who cannot pay for the message has no handler.
    raise(&mut s, true);
    let status = [0, s.port];
    let queued = |s: &mut Spender| {
        s.world.ask(s.root, routine::MACH_PORT_GET_RECEIVE_STATUS, &status).unwrap()[4]
    };
    assert_eq!(queued(&mut s), 40);
    empty(&mut s.world, s.root, s.account);
    assert_eq!(used(&mut s.world, s.root, s.account), [0, 0, 0, 1]);
    assert_eq!(queued(&mut s), 0);
    s.world.finish();
}

#[test]
fn a_task_moves_to_another_account_with_all_that_is_its_own() {
    let mut s = Spender::new([1 << 20, 1 << 20, 100]);
    let other = s.world.get(s.root, routine::ACCOUNT_CREATE, &[1 << 20, 1 << 20, 100]);
    let small = s.world.get(s.root, routine::ACCOUNT_CREATE, &[1 << 20, PAGE, 100]);
    let at = s.ask(routine::VM_ALLOCATE, &[0, 0, 4 * PAGE, 1]).unwrap()[0];
    s.ask(routine::VM_WRITE, &[0, at, 4, 1]).unwrap();
    let words = [s.child.number as u64, s.to, 1, right_word(s.to, COPY_SEND)];
    s.ask(routine::RIGHTS_SEND, &words).unwrap();
    let before = used(&mut s.world, s.root, s.account);
    let short = Error::KERN_RESOURCE_SHORTAGE;
    s.world.refused(s.root, routine::TASK_SET_ACCOUNT, &[s.task, small], short);
    assert_eq!(used(&mut s.world, s.root, s.account), before);
    s.world.ask(s.root, routine::TASK_SET_ACCOUNT, &[s.task, other]).unwrap();
    s.world.check();
    // Its memory stays where it was.
    let (old, new) = (
        used(&mut s.world, s.root, s.account),
        used(&mut s.world, s.root, other),
    );
    for kind in 0..3 {
        assert_eq!(old[kind] + new[kind], before[kind]);
    }
    assert_eq!(old[2], 0);
    let at = s.ask(routine::VM_ALLOCATE, &[0, 0, PAGE, 1]).unwrap()[0];
    s.ask(routine::VM_WRITE, &[0, at, 4, 1]).unwrap();
    assert_eq!(used(&mut s.world, s.root, other)[0], new[0] + PAGE);
    s.world.refused(s.root, routine::TASK_SET_ACCOUNT, &[s.task, s.port], Error::KERN_INVALID_ARGUMENT);
    s.world.ask(s.root, routine::TASK_TERMINATE, &[s.task]).unwrap();
    assert_eq!(used(&mut s.world, s.root, other), [0, 0, 0, 1]);
    s.world.finish();
}

#[test]
fn who_is_in_an_account_cannot_empty_it() {
    let mut s = Spender::new([1 << 20, 1 << 20, 100]);
    let own = s.world.give(s.root, s.task, s.account, COPY_SEND);
    let invalid = Error::KERN_INVALID_ARGUMENT;
    s.world.refused(s.child, routine::ACCOUNT_TERMINATE, &[own, 0], invalid);
    s.world.refused(s.child, routine::ACCOUNT_TERMINATE, &[0, 0], invalid);
    s.world.refused(s.root, routine::ACCOUNT_TERMINATE, &[s.account, 7 << 32], invalid);
    s.world.refused(s.root, routine::ACCOUNT_TERMINATE, &[s.port, 0], invalid);
    empty(&mut s.world, s.root, s.account);
    s.world.finish();
}

#[test]
fn a_nested_account_is_bounded_by_the_one_above() {
    let mut s = Spender::new([32 * PAGE, 1 << 20, 60]);
    let words = [1 << 40, 1 << 40, 1 << 20, s.account];
    let inner = s.world.get(s.root, routine::ACCOUNT_CREATE, &words);
    let (child, _) = s.world.task(s.root, inner);
    let mut ports = 0;
    while s.world.ask(child, routine::MACH_PORT_ALLOCATE, &[0, 1]).is_ok() {
        ports += 1;
    }
    assert!(ports < 60);
    s.world.check();
    empty(&mut s.world, s.root, inner);
    assert_eq!(used(&mut s.world, s.root, inner), [0, 0, 0, 1]);
    // What was above goes on.
    for _ in 0..ports {
        s.world.port(s.child);
    }
    empty(&mut s.world, s.root, s.account);
    assert_eq!(used(&mut s.world, s.root, s.account), [0, 0, 0, 1]);
    s.world.finish();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var("HIRD_LONG").is_ok() { 5000 } else { 100 }))]

    /// Accounts in a tree, tasks that spend and move in it: the books are right, and each account
    /// can be emptied without touching the others.
    #[test]
    fn a_tree_of_accounts_keeps_its_books(
        steps in prop::collection::vec((0..7u8, any::<u8>(), any::<u8>()), 1..60),
    ) {
        let mut w = World::new();
        let root = w.boot_root();
        let mut accounts: Vec<(u64, Option<usize>)> = vec![];
        let mut tasks: Vec<(Caller, u64)> = vec![];
        for (step, a, b) in steps {
            let account = (!accounts.is_empty()).then(|| a as usize % accounts.len().max(1));
            let task = (!tasks.is_empty()).then(|| b as usize % tasks.len().max(1));
            match (step, account, task) {
                (0, above, _) => {
                    let parent = above.map_or(0, |above| accounts[above].0);
                    let limits = [PAGE * (4 + b as u64), PAGE * (4 + a as u64), 10 + b as u64, parent];
                    if let Ok(words) = w.ask(root, routine::ACCOUNT_CREATE, &limits) {
                        accounts.push((words[0], above));
                    }
                }
                (1, Some(account), _) => {
                    let name = match w.ask(root, routine::TASK_CREATE, &[accounts[account].0]) {
                        Ok(words) => words[0],
                        Err(error) => {
                            prop_assert_eq!(error, Error::KERN_RESOURCE_SHORTAGE);
                            continue;
                        }
                    };
                    let task = w.mach.kernel().task_newest().unwrap();
                    if let Ok(words) = w.ask(root, routine::THREAD_CREATE, &[name, 0]) {
                        let thread = w.mach.kernel().thread_newest().unwrap();
                        w.ask(root, routine::THREAD_START, &[words[0], crate::common::TEXT, 0, 0]).unwrap();
                        tasks.push((Caller { task, thread, number: words[1] as u32 }, name));
                    }
                }
                (2, _, Some(task)) => {
                    let _ = w.request(tasks[task].0, routine::MACH_PORT_ALLOCATE, &[0, 1]);
                }
                (3, _, Some(task)) => {
                    let words = [0, 0, PAGE * a as u64, 1];
                    if let crate::common::Reply::Done(Ok(words)) =
                        w.request(tasks[task].0, routine::VM_ALLOCATE, &words)
                    {
                        let _ = w.request(tasks[task].0, routine::VM_WRITE, &[0, words[0], 4, 1]);
                    }
                }
                (4, Some(account), Some(task)) => {
                    let words = [tasks[task].1, accounts[account].0];
                    let _ = w.ask(root, routine::TASK_SET_ACCOUNT, &words);
                }
                (5, Some(account), _) => {
                    empty(&mut w, root, accounts[account].0);
                    prop_assert_eq!(used(&mut w, root, accounts[account].0), [0, 0, 0, 1]);
                    let gone = |accounts: &[(u64, Option<usize>)], mut at: usize| loop {
                        if at == account {
                            break true;
                        }
                        match accounts[at].1 {
                            Some(above) => at = above,
                            None => break false,
                        }
                    };
                    // Those below are dead names now; later steps find them refused.
                    let kept: Vec<usize> =
                        (0..accounts.len()).filter(|at| *at == account || !gone(&accounts, *at)).collect();
                    accounts = kept
                        .iter()
                        .map(|at| {
                            let above = accounts[*at].1;
                            let above = above.and_then(|above| kept.iter().position(|at| *at == above));
                            (accounts[*at].0, above)
                        })
                        .collect();
                    tasks.retain(|(caller, _)| w.mach.kernel().thread_exists(caller.thread));
                }
                (6, _, Some(task)) => {
                    w.ask(root, routine::TASK_TERMINATE, &[tasks[task].1]).unwrap();
                    tasks.swap_remove(task);
                }
                _ => {}
            }
            w.check();
        }
        for (_, task) in tasks {
            w.ask(root, routine::TASK_TERMINATE, &[task]).unwrap();
        }
        w.finish();
    }
}
