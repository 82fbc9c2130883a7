//! Large pages where free memory has to be put together first.

use crate::common::{Caller, Reply, World};
use mach::abi::disposition::COPY_SEND;
use mach::abi::vm_flags::{ANYWHERE, SUPERPAGE_SIZE_2MB};
use mach::abi::{LARGE_PAGE, inherit, routine};
use mach::{Error, Protection};

const ALLOCATE: [u64; 4] = [0, 0, 2 * LARGE_PAGE, ANYWHERE | SUPERPAGE_SIZE_2MB];

/// A task besides the first one, with its name there, and so much to put together.
fn world(joins: u64) -> (World, Caller, Caller, u64) {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, name) = w.task(root, 0);
    w.mach.kernel().joins_set(joins);
    w.busy = true;
    (w, root, child, name)
}

fn memory_used(w: &mut World) -> u64 {
    w.mach.kernel().memory_used()
}

#[test]
fn a_request_waits_and_others_are_served_meanwhile() {
    let (mut w, root, child, _) = world(4);
    assert_eq!(w.request(child, routine::VM_ALLOCATE, &ALLOCATE), Reply::Waits);
    w.check();
    // A piece with each request.
    for _ in 0..3 {
        w.port(root);
        assert_eq!(w.answers(), []);
        w.check();
    }
    w.port(root);
    let at = w.answer(child).unwrap()[0];
    assert_eq!(at % LARGE_PAGE, 0);
    assert!(w.mach.kernel().memory_write(child.task, at + LARGE_PAGE + 5, 1));
    w.check();
    w.busy = false;
    w.finish();
}

#[test]
fn who_waits_can_be_ended() {
    let (mut w, root, child, name) = world(9);
    let used = memory_used(&mut w);
    assert_eq!(w.request(child, routine::VM_ALLOCATE, &ALLOCATE), Reply::Waits);
    assert!(memory_used(&mut w) < used + LARGE_PAGE);
    w.ask(root, routine::TASK_TERMINATE, &[name]).unwrap();
    w.rest();
    assert_eq!(w.answers(), []);
    w.check();
    w.busy = false;
    w.finish();
}

#[test]
fn what_cannot_be_had_at_last_is_refused() {
    let (mut w, root, child, _) = world(2);
    let account = w.get(root, routine::ACCOUNT_CREATE, &[1 << 30, 1 << 30, 100]);
    let used = w.ask(root, routine::ACCOUNT_INFO, &[account]).unwrap();
    let task = w.get(root, routine::TASK_CREATE, &[account]);
    // All the memory that there is, and a page more.
    let mut pages = 0;
    let refused = loop {
        let words = [task, 0x4000_0000 + pages * LARGE_PAGE, LARGE_PAGE, SUPERPAGE_SIZE_2MB];
        match w.request(root, routine::VM_ALLOCATE, &words) {
            Reply::Done(Err(error)) => break error,
            Reply::Done(Ok(_)) => {}
            _ => {
                w.rest();
                w.answer(root).unwrap();
            }
        }
        pages += 1;
    };
    assert_eq!(refused, Error::KERN_RESOURCE_SHORTAGE);
    assert!(pages > 8);
    w.port(child);
    w.check();
    w.ask(root, routine::TASK_TERMINATE, &[task]).unwrap();
    w.rest();
    let after = w.ask(root, routine::ACCOUNT_INFO, &[account]).unwrap();
    assert_eq!(after[3..6], used[3..6]);
    w.busy = false;
    w.finish();
}

#[test]
fn a_thread_that_writes_to_a_copy_faults_until_there_is_a_page() {
    let (mut w, root, child, name) = world(0);
    let at = w.get(child, routine::VM_ALLOCATE, &ALLOCATE);
    w.get(root, routine::TASK_CREATE, &[0, name, inherit::MEMORY]);
    w.mach.kernel().joins_set(2);
    let badge = w.fault_badge(child);
    let thread = w.mach.thread_of_badge(badge).unwrap();
    for _ in 0..2 {
        assert!(w.mach.fault(thread, at + 9, Protection::WRITE));
        assert!(!w.mach.kernel().memory_write(child.task, at + 9, 1));
        w.check();
    }
    assert!(w.mach.fault(thread, at + 9, Protection::WRITE));
    assert!(w.mach.kernel().memory_write(child.task, at + 9, 1));
    // A request is carried out again, a fork is not.
    w.mach.kernel().joins_set(2);
    let write = [name, at + LARGE_PAGE, 1, 5];
    assert_eq!(w.request(root, routine::VM_WRITE, &write), Reply::Waits);
    w.rest();
    w.answer(root).unwrap();
    assert_eq!(w.mach.kernel().memory_read(child.task, at + LARGE_PAGE), Some(5));
    w.check();
    w.ask(root, routine::VM_WIRE, &[name, at, 2 * LARGE_PAGE, 3]).unwrap();
    w.mach.kernel().joins_set(1);
    let fork = [0, name, inherit::MEMORY];
    w.refused(root, routine::TASK_CREATE, &fork, Error::KERN_RESOURCE_SHORTAGE);
    w.check();
    w.busy = false;
    w.rest();
    w.finish();
}

#[test]
fn an_account_that_is_emptied_loses_its_large_pages_wherever_they_are_mapped() {
    let (mut w, root, _, _) = world(0);
    w.busy = false;
    let account = w.get(root, routine::ACCOUNT_CREATE, &[1 << 30, 1 << 30, 100]);
    let (owner, task) = w.task(root, account);
    w.ask(owner, routine::VM_ALLOCATE, &ALLOCATE).unwrap();
    let words = [4 * LARGE_PAGE, SUPERPAGE_SIZE_2MB];
    let object = w.get(owner, routine::MEMORY_OBJECT_CREATE, &words);
    let object = w.get(root, routine::MACH_PORT_EXTRACT_RIGHT, &[task, object, COPY_SEND as u64]);
    let map = [0, 0, 4 * LARGE_PAGE, 0, ANYWHERE, object, 0, 0, 3, 3, 2];
    let at = w.get(root, routine::VM_MAP, &map);
    assert!(w.mach.kernel().memory_write(root.task, at + 3 * LARGE_PAGE, 1));
    let used = w.ask(root, routine::ACCOUNT_INFO, &[account]).unwrap()[3];
    assert!((6 * LARGE_PAGE..7 * LARGE_PAGE).contains(&used));
    let mut place = 0;
    loop {
        place = w.get(root, routine::ACCOUNT_TERMINATE, &[account, place]);
        w.check();
        if place == 0 {
            break;
        }
    }
    assert_eq!(w.ask(root, routine::ACCOUNT_INFO, &[account]).unwrap()[3], 0);
    assert_eq!(w.mach.kernel().memory_read(root.task, at + 3 * LARGE_PAGE), None);
    w.refused(root, routine::VM_READ, &[0, at, 1], Error::KERN_INVALID_ADDRESS);
    w.ask(root, routine::VM_DEALLOCATE, &[0, at, 4 * LARGE_PAGE]).unwrap();
    w.finish();
}
