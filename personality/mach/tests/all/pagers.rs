//! Memory whose pages a task provides: what the pager is told, and that it harms nobody else.

use crate::common::{Caller, Reply, World};
use mach::abi::{disposition, memory_object, routine};
use mach::{Error, Protection};

const PAGE: u64 = 4096;
const POLL: u64 = u64::MAX;
const READ: Protection = Protection::READ;
const WRITE: Protection = Protection::WRITE;

/// A client task, a pager task, and the pager's memory mapped in the client.
struct Case {
    w: World,
    root: Caller,
    pager: Caller,
    pager_name: u64,
    client: Caller,
    client_name: u64,
    /// The memory object's port, in the pager and in the client.
    port: u64,
    object: u64,
    control: u64,
    name: u64,
    at: u64,
}

/// A message: label, rights, words.
type Received = (u64, Vec<u64>, Vec<u64>);

fn map_words(object: u64, offset: u64, size: u64, copy: u64) -> [u64; 11] {
    [0, 0, size, 0, 1, object, offset, copy, 3, 7, copy]
}

impl Case {
    fn new(ready: bool) -> Case {
        let mut w = World::new();
        let root = w.boot_root();
        let (pager, pager_name) = w.task(root, 0);
        let (client, client_name) = w.task(root, 0);
        let port = w.port(pager);
        let words = [pager_name, port, disposition::MAKE_SEND as u64];
        let there = w.get(root, routine::MACH_PORT_EXTRACT_RIGHT, &words);
        let object = w.give(root, client_name, there, disposition::MOVE_SEND);
        let at = w.get(client, routine::VM_MAP, &map_words(object, 0, 8 * PAGE, 0));
        let mut case = Case {
            w,
            root,
            pager,
            pager_name,
            client,
            client_name,
            port,
            object,
            control: 0,
            name: 0,
            at,
        };
        let (label, rights, words) = case.told();
        assert_eq!((label, words), (memory_object::INIT as u64, vec![PAGE]));
        (case.control, case.name) = (rights[0], rights[1]);
        if ready {
            let words = [case.control, 0, 2];
            case.w
                .ask(pager, routine::MEMORY_OBJECT_READY, &words)
                .unwrap();
        }
        case.w.check();
        case
    }

    /// The next message at the pager.
    fn told(&mut self) -> Received {
        self.message(self.port).expect("a message")
    }

    fn message(&mut self, port: u64) -> Option<Received> {
        match self.w.ask(self.pager, routine::MSG_RECEIVE, &[port, POLL]) {
            Ok(words) => {
                let (rights, count) = (words[3] as usize, words[4] as usize);
                let names = words[5..5 + rights]
                    .iter()
                    .map(|word| word & 0xfff_ffff)
                    .collect();
                Some((
                    words[1],
                    names,
                    words[5 + rights..5 + rights + count].to_vec(),
                ))
            }
            Err(Error::MACH_RCV_TIMED_OUT) => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn quiet(&mut self) {
        assert_eq!(self.message(self.port), None);
    }

    /// A thread of the client touches a page; answers whether it goes on at once.
    fn touch(&mut self, caller: Caller, address: u64, access: Protection) -> bool {
        let badge = self.w.fault_badge(caller);
        let thread = self.w.mach.thread_of_badge(badge).unwrap();
        let goes_on = self.w.mach.fault(thread, address, access);
        self.w.check();
        goes_on
    }

    fn asked(&mut self, label: u32, page: u64, access: Protection) {
        let (told, rights, words) = self.told();
        assert_eq!(told, label as u64);
        assert_eq!(rights, [self.control]);
        assert_eq!(words, [page * PAGE, PAGE, access.0 as u64]);
    }

    /// The pager supplies pages that are filled with a byte.
    fn supply(&mut self, page: u64, count: u64, byte: u8, moves: bool) -> Result<(), Error> {
        let at = self
            .w
            .get(self.pager, routine::VM_ALLOCATE, &[0, 0, count * PAGE, 1]);
        for page in 0..count {
            let words = [0, at + page * PAGE, 1, byte as u64];
            self.w.ask(self.pager, routine::VM_WRITE, &words).unwrap();
        }
        let words = [
            self.control,
            page * PAGE,
            at,
            count * PAGE,
            0,
            0,
            moves as u64,
            0,
            0,
        ];
        let done = self
            .w
            .ask(self.pager, routine::MEMORY_OBJECT_DATA_SUPPLY, &words)
            .map(drop);
        self.w.check();
        done
    }

    fn retried(&mut self) -> usize {
        self.w.mach.kernel().retried_take().len()
    }

    fn byte(&mut self, address: u64) -> Option<u8> {
        self.w.mach.kernel().memory_read(self.client.task, address)
    }

    fn finish(mut self) {
        self.w.check();
        self.w.finish();
    }
}

#[test]
fn a_thread_waits_until_its_page_is_supplied() {
    for moves in [false, true] {
        let mut c = Case::new(true);
        assert!(!c.touch(c.client, c.at + 5, READ));
        c.asked(memory_object::DATA_REQUEST, 0, READ);
        c.supply(0, 2, 7, moves).unwrap();
        assert_eq!(c.retried(), 1);
        assert!(c.touch(c.client, c.at + 5, READ));
        assert!(c.touch(c.client, c.at + PAGE, READ));
        assert_eq!((c.byte(c.at), c.byte(c.at + PAGE)), (Some(7), Some(7)));
        c.quiet();
        c.finish();
    }
}

#[test]
fn nothing_is_asked_before_the_pager_is_ready_and_once_by_many() {
    let mut c = Case::new(false);
    assert!(!c.touch(c.client, c.at, WRITE));
    let (second, _) = c.w.thread(c.root, c.client_name, c.client.task);
    assert!(!c.touch(second, c.at, WRITE));
    c.quiet();
    c.w.ask(c.pager, routine::MEMORY_OBJECT_READY, &[c.control, 0, 2])
        .unwrap();
    assert_eq!(c.retried(), 2);
    for caller in [c.client, second] {
        assert!(!c.touch(caller, c.at, WRITE));
    }
    c.asked(memory_object::DATA_REQUEST, 0, WRITE);
    c.quiet();
    c.supply(0, 1, 1, true).unwrap();
    assert_eq!(c.retried(), 2);
    c.finish();
}

#[test]
fn requests_wait_for_pages_too() {
    let mut c = Case::new(true);
    // Three bytes around a border: two pages, one after the other.
    let read = [c.client_name, c.at + PAGE - 1, 3];
    assert_eq!(c.w.request(c.root, routine::VM_READ, &read), Reply::Waits);
    c.w.check();
    c.asked(memory_object::DATA_REQUEST, 0, READ);
    c.supply(0, 1, 1, true).unwrap();
    c.w.mach.timer();
    c.w.check();
    c.asked(memory_object::DATA_REQUEST, 1, READ);
    c.supply(1, 1, 2, true).unwrap();
    let words = c.w.answer(c.root).unwrap();
    assert_eq!(words, [3, 0x02_00]);
    c.finish();
}

#[test]
fn a_wait_for_a_pager_can_be_ended() {
    let mut c = Case::new(true);
    // A request, by the abortion of its thread.
    let (second, thread) = c.w.thread(c.root, c.client_name, c.client.task);
    let code = mach::sim::SYSTEM_CALL as u64;
    c.w.ask(
        c.root,
        routine::VM_WRITE,
        &[c.client_name, crate::common::TEXT, 4, code],
    )
    .unwrap();
    c.w.mach.kernel().pc_set(second.thread, crate::common::TEXT);
    assert_eq!(
        c.w.request(second, routine::VM_READ, &[0, c.at, 8]),
        Reply::Waits
    );
    c.w.ask(c.root, routine::THREAD_ABORT, &[thread]).unwrap();
    assert_eq!(c.w.answer(second), Err(Error::MACH_RCV_INTERRUPTED));
    c.w.check();
    // A fault, by the end of its thread: the page may still come.
    assert!(!c.touch(second, c.at + PAGE, READ));
    c.w.ask(c.root, routine::THREAD_TERMINATE, &[thread])
        .unwrap();
    c.w.check();
    c.supply(1, 1, 3, true).unwrap();
    assert_eq!(c.retried(), 0);
    // A fault, by the end of its task.
    assert!(!c.touch(c.client, c.at + 2 * PAGE, READ));
    c.w.ask(c.root, routine::TASK_TERMINATE, &[c.client_name])
        .unwrap();
    c.w.check();
    c.finish();
}

#[test]
fn a_suspended_thread_asks_again_when_it_goes_on() {
    let mut c = Case::new(true);
    assert!(!c.touch(c.client, c.at, READ));
    c.asked(memory_object::DATA_REQUEST, 0, READ);
    c.w.ask(c.root, routine::TASK_SUSPEND, &[c.client_name])
        .unwrap();
    c.supply(0, 1, 9, true).unwrap();
    assert_eq!(c.retried(), 0);
    c.w.ask(c.root, routine::TASK_RESUME, &[c.client_name])
        .unwrap();
    assert!(c.touch(c.client, c.at, READ));
    assert_eq!(c.byte(c.at), Some(9));
    c.finish();
}

#[test]
fn the_death_of_a_pager_ends_those_who_need_it_and_nobody_else() {
    let mut c = Case::new(true);
    c.supply(0, 1, 4, true).unwrap();
    assert!(c.touch(c.client, c.at, READ));
    let (other, _) = c.w.task(c.root, 0);
    assert!(!c.touch(c.client, c.at + PAGE, READ));
    assert_eq!(
        c.w.request(c.root, routine::VM_READ, &[c.client_name, c.at + PAGE, 1]),
        Reply::Waits
    );
    c.w.ask(other, routine::TASK_INFO, &[0]).unwrap();
    c.w.ask(c.pager, routine::MACH_PORT_DESTROY, &[0, c.port])
        .unwrap();
    c.w.check();
    // The client has no exception port, so it ends.
    assert!(!c.w.mach.kernel().thread_exists(c.client.thread));
    assert!(c.w.answer(c.root).is_err());
    c.w.ask(other, routine::TASK_INFO, &[0]).unwrap();
    c.w.ask(c.pager, routine::TASK_INFO, &[0]).unwrap();
    c.finish();
}

#[test]
fn pages_that_are_there_outlive_their_pager() {
    let mut c = Case::new(true);
    c.supply(0, 1, 4, true).unwrap();
    assert!(c.touch(c.client, c.at, WRITE));
    c.w.ask(c.root, routine::TASK_TERMINATE, &[c.pager_name])
        .unwrap();
    c.w.check();
    assert_eq!(c.byte(c.at), Some(4));
    let read = [c.client_name, c.at + PAGE, 1];
    c.w.refused(c.root, routine::VM_READ, &read, Error::KERN_MEMORY_ERROR);
    c.finish();
}

#[test]
fn a_page_can_be_refused_or_be_zeroes() {
    let mut c = Case::new(true);
    assert_eq!(
        c.w.request(c.root, routine::VM_READ, &[c.client_name, c.at, 1]),
        Reply::Waits
    );
    let words = [c.control, 0, 8 * PAGE, 5];
    c.w.ask(c.pager, routine::MEMORY_OBJECT_DATA_ERROR, &words)
        .unwrap();
    assert_eq!(c.w.answer(c.root), Err(Error::KERN_MEMORY_ERROR));
    c.w.check();
    assert!(!c.touch(c.client, c.at, READ));
    let words = [c.control, 0, 8 * PAGE];
    c.w.ask(c.pager, routine::MEMORY_OBJECT_DATA_UNAVAILABLE, &words)
        .unwrap();
    assert_eq!(c.retried(), 1);
    assert!(c.touch(c.client, c.at, READ));
    assert_eq!(c.byte(c.at), Some(0));
    c.finish();
}

#[test]
fn what_was_written_comes_back_when_it_is_asked_for() {
    let mut c = Case::new(true);
    c.supply(0, 4, 1, true).unwrap();
    for page in [0, 1, 3] {
        assert!(c.touch(c.client, c.at + page * PAGE, WRITE));
        let task = c.client.task;
        assert!(
            c.w.mach
                .kernel()
                .memory_write(task, c.at + page * PAGE, 10 + page as u8)
        );
    }
    assert!(c.touch(c.client, c.at + 2 * PAGE, READ));
    // Keep the pages, return those that were written, say when it is done.
    let reply = c.w.port(c.pager);
    let once = disposition::MAKE_SEND_ONCE as u64;
    let lock = [c.control, 0, 8 * PAGE, 1, 0, 8, reply, once];
    c.w.ask(c.pager, routine::MEMORY_OBJECT_LOCK_REQUEST, &lock)
        .unwrap();
    c.w.check();
    for (offset, count, first) in [(0, 2, 10), (3, 1, 13)] {
        let (label, rights, words) = c.told();
        assert_eq!(label, memory_object::DATA_RETURN as u64);
        assert_eq!(words, [offset * PAGE, count * PAGE, 1, 1]);
        let at = c.w.get(
            c.pager,
            routine::VM_MAP,
            &map_words(rights[1], 0, count * PAGE, 0),
        );
        let words = c.w.ask(c.pager, routine::VM_READ, &[0, at, 1]).unwrap();
        assert_eq!(words[1], first);
        c.w.ask(c.pager, routine::VM_DEALLOCATE, &[0, at, count * PAGE])
            .unwrap();
        c.w.ask(c.pager, routine::MACH_PORT_DEALLOCATE, &[0, rights[1]])
            .unwrap();
        c.w.check();
    }
    c.quiet();
    let (label, _, words) = c.message(reply).unwrap();
    assert_eq!(label, memory_object::LOCK_COMPLETED as u64);
    assert_eq!(words, [0, 8 * PAGE]);
    // They are clean now, until somebody writes again.
    c.w.ask(c.pager, routine::MEMORY_OBJECT_LOCK_REQUEST, &lock)
        .unwrap();
    c.quiet();
    assert!(!c.w.mach.kernel().memory_write(c.client.task, c.at, 1));
    assert!(c.touch(c.client, c.at, WRITE));
    // The client itself can have it written back, and pays for that.
    c.w.ask(c.client, routine::VM_MSYNC, &[0, c.at, 8 * PAGE, 2])
        .unwrap();
    c.w.check();
    assert_eq!(c.told().0, memory_object::DATA_RETURN as u64);
    c.quiet();
    c.finish();
}

#[test]
fn access_that_is_locked_is_asked_for() {
    let mut c = Case::new(true);
    c.supply(0, 1, 1, true).unwrap();
    assert!(c.touch(c.client, c.at, WRITE));
    let lock = |value| [c.control, 0, PAGE, 0, 0, value, 0, 0];
    let (write, none) = (lock(2), lock(0));
    c.w.ask(c.pager, routine::MEMORY_OBJECT_LOCK_REQUEST, &write)
        .unwrap();
    c.w.check();
    assert!(c.touch(c.client, c.at, READ));
    assert!(!c.touch(c.client, c.at, WRITE));
    c.asked(memory_object::DATA_UNLOCK, 0, WRITE);
    c.w.ask(c.pager, routine::MEMORY_OBJECT_LOCK_REQUEST, &none)
        .unwrap();
    assert_eq!(c.retried(), 1);
    assert!(c.touch(c.client, c.at, WRITE));
    // Flushed, it has to be asked for again.
    let flush = [c.control, 0, PAGE, 0, 1, 8, 0, 0];
    c.w.ask(c.pager, routine::MEMORY_OBJECT_LOCK_REQUEST, &flush)
        .unwrap();
    c.w.check();
    assert!(!c.touch(c.client, c.at, READ));
    c.asked(memory_object::DATA_REQUEST, 0, READ);
    c.finish();
}

#[test]
fn a_copy_keeps_what_the_memory_was() {
    let mut c = Case::new(true);
    c.supply(0, 2, 1, true).unwrap();
    let copy = c.w.get(
        c.client,
        routine::VM_MAP,
        &map_words(c.object, 0, 8 * PAGE, 1),
    );
    let child =
        c.w.get(c.root, routine::TASK_CREATE, &[0, c.client_name, 1]);
    c.w.check();
    // Page 0 was there; page 2 was not, and comes when the memory is written.
    assert!(c.touch(c.client, c.at, WRITE));
    assert!(c.w.mach.kernel().memory_write(c.client.task, c.at, 99));
    assert!(!c.touch(c.client, c.at + 2 * PAGE, WRITE));
    c.supply(2, 1, 5, true).unwrap();
    assert!(c.touch(c.client, c.at + 2 * PAGE, WRITE));
    assert!(
        c.w.mach
            .kernel()
            .memory_write(c.client.task, c.at + 2 * PAGE, 98)
    );
    c.w.check();
    for (page, byte) in [(0, 1), (2, 5)] {
        let words =
            c.w.ask(c.root, routine::VM_READ, &[child, copy + page * PAGE, 1])
                .unwrap();
        assert_eq!(words[1], byte);
        assert!(c.touch(c.client, copy + page * PAGE, WRITE));
        assert_eq!(c.byte(copy + page * PAGE), Some(byte as u8));
    }
    // Page 3 comes from the pager, for the copy of the copy.
    let read = [child, copy + 3 * PAGE, 1];
    assert_eq!(c.w.request(c.root, routine::VM_READ, &read), Reply::Waits);
    c.supply(3, 1, 6, true).unwrap();
    assert_eq!(c.w.answer(c.root).unwrap()[1], 6);
    c.finish();
}

#[test]
fn the_end_brings_back_what_was_written_and_the_ports() {
    let mut c = Case::new(true);
    c.supply(0, 2, 1, true).unwrap();
    assert!(c.touch(c.client, c.at + PAGE, WRITE));
    c.w.ask(c.client, routine::VM_DEALLOCATE, &[0, c.at, 8 * PAGE])
        .unwrap();
    c.w.check();
    let (label, _, words) = c.told();
    assert_eq!(
        (label, words),
        (memory_object::DATA_RETURN as u64, vec![PAGE, PAGE, 1, 0])
    );
    let (label, rights, _) = c.told();
    assert_eq!(label, memory_object::TERMINATE as u64);
    assert_eq!(rights, [c.control, c.name]);
    c.quiet();
    // What it was is nothing any more; the port can be mapped again.
    let words = [c.control, 0, 2];
    c.w.refused(
        c.pager,
        routine::MEMORY_OBJECT_READY,
        &words,
        Error::KERN_INVALID_ARGUMENT,
    );
    c.w.get(c.client, routine::VM_MAP, &map_words(c.object, 0, PAGE, 0));
    assert_eq!(c.told().0, memory_object::INIT as u64);
    c.finish();
}

#[test]
fn an_object_that_may_be_kept_is_kept_until_the_pager_says_otherwise() {
    let mut c = Case::new(true);
    c.w.ask(c.pager, routine::MEMORY_OBJECT_READY, &[c.control, 1, 2])
        .unwrap();
    c.supply(0, 1, 8, true).unwrap();
    c.w.ask(c.client, routine::VM_DEALLOCATE, &[0, c.at, 8 * PAGE])
        .unwrap();
    c.w.check();
    c.quiet();
    let at =
        c.w.get(c.client, routine::VM_MAP, &map_words(c.object, 0, PAGE, 0));
    assert!(c.touch(c.client, at, READ));
    c.w.ask(c.client, routine::VM_DEALLOCATE, &[0, at, PAGE])
        .unwrap();
    let change = [c.control, 0, 2, 0, 0];
    c.w.ask(c.pager, routine::MEMORY_OBJECT_CHANGE_ATTRIBUTES, &change)
        .unwrap();
    c.w.check();
    assert_eq!(c.told().0, memory_object::TERMINATE as u64);
    c.finish();
}

#[test]
fn lies_of_a_pager_are_refused() {
    let mut c = Case::new(true);
    let (stranger, _) = c.w.task(c.root, 0);
    let invalid = Error::KERN_INVALID_ARGUMENT;
    let at = c.w.get(c.pager, routine::VM_ALLOCATE, &[0, 0, PAGE, 1]);
    let supply = routine::MEMORY_OBJECT_DATA_SUPPLY;
    for (words, error) in [
        ([c.control, 1, at, PAGE, 0, 0, 0, 0, 0], invalid),
        ([c.control, 0, at + 1, PAGE, 0, 0, 0, 0, 0], invalid),
        ([c.control, 0, at, PAGE + 1, 0, 0, 0, 0, 0], invalid),
        (
            [c.control, u64::MAX - 4095, at, PAGE, 0, 0, 0, 0, 0],
            invalid,
        ),
        (
            [c.control, 0, at, 2 * PAGE, 0, 0, 0, 0, 0],
            Error::KERN_INVALID_ADDRESS,
        ),
        ([c.control, 0, at, PAGE, 9, 0, 0, 0, 0], invalid),
        ([c.control, 0, at, 1 << 40, 0, 0, 0, 0, 0], invalid),
        ([c.port, 0, at, PAGE, 0, 0, 0, 0, 0], invalid),
        ([c.name, 0, at, PAGE, 0, 0, 0, 0, 0], invalid),
    ] {
        c.w.refused(c.pager, supply, &words, error);
        c.w.check();
    }
    // Whoever has no control port has no say.
    c.w.refused(
        stranger,
        supply,
        &[c.control, 0, at, PAGE, 0, 0, 0, 0, 0],
        invalid,
    );
    // What is there already is not replaced, and the pager hears so.
    c.supply(0, 1, 1, true).unwrap();
    assert!(c.touch(c.client, c.at, READ));
    let reply = c.w.port(c.pager);
    let once = disposition::MAKE_SEND_ONCE as u64;
    c.w.ask(
        c.pager,
        supply,
        &[c.control, 0, at, PAGE, 0, 0, 0, reply, once],
    )
    .unwrap();
    let (label, _, words) = c.message(reply).unwrap();
    assert_eq!(label, memory_object::SUPPLY_COMPLETED as u64);
    assert_eq!(words[2], Error::KERN_MEMORY_PRESENT.0 as u64);
    assert_eq!(c.byte(c.at), Some(1));
    c.finish();
}

#[test]
fn a_client_pays_for_what_a_pager_does_not_read() {
    let mut c = Case::new(true);
    let account =
        c.w.get(c.root, routine::ACCOUNT_CREATE, &[1 << 30, 200_000, 100]);
    let (hostile, hostile_name) = c.w.task(c.root, account);
    let words = [c.pager_name, c.port, disposition::MAKE_SEND as u64];
    let there = c.w.get(c.root, routine::MACH_PORT_EXTRACT_RIGHT, &words);
    let object =
        c.w.give(c.root, hostile_name, there, disposition::MOVE_SEND);
    let before = c.w.ask(c.pager, routine::ACCOUNT_INFO, &[0]).unwrap();
    let at =
        c.w.get(hostile, routine::VM_MAP, &map_words(object, 0, 1 << 30, 0));
    let mut rounds = 0;
    // Threads that ask for a page and end, until the account is used up.
    loop {
        let page = at + rounds * PAGE;
        let Ok(words) = c.w.ask(hostile, routine::THREAD_CREATE, &[0, 0]) else {
            break;
        };
        let thread = c.w.mach.kernel().thread_newest().unwrap();
        c.w.ask(
            hostile,
            routine::THREAD_START,
            &[words[0], crate::common::TEXT, 0, 0],
        )
        .unwrap();
        let caller = Caller {
            task: hostile.task,
            thread,
            number: words[1] as u32,
        };
        let badge = c.w.fault_badge(caller);
        let id = c.w.mach.thread_of_badge(badge).unwrap();
        c.w.mach.fault(id, page, READ);
        if !c.w.mach.kernel().thread_exists(hostile.thread) {
            break;
        }
        c.w.ask(hostile, routine::THREAD_TERMINATE, &[words[0]])
            .unwrap();
        c.w.ask(hostile, routine::MACH_PORT_DEALLOCATE, &[0, words[0]])
            .unwrap();
        rounds += 1;
        assert!(rounds < 2000, "the messages are not charged");
    }
    let after = c.w.ask(c.pager, routine::ACCOUNT_INFO, &[0]).unwrap();
    c.w.check();
    // The pager's own account is above the other one and has nothing to pay by itself.
    assert!(after[4] <= before[4] + 200_000 + 4096);
    c.finish();
}
