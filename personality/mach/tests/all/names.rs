//! Names that tasks choose, notifications of every kind, and ways to send and receive.

use crate::common::{Caller, Reply, World};
use mach::Error;
use mach::abi::disposition::*;
use mach::abi::{BODY_WORDS_MAX, IN_MEMORY, PAYLOAD, WITH_REPLY, notify, right, routine};

const POLL: u64 = u64::MAX;

fn right_word(name: u64, how: u32) -> u64 {
    (how as u64) << 32 | name
}

fn send_words(to: u64, how: u32, label: u64, rights: &[u64], body: &[u64]) -> Vec<u64> {
    let mut words = vec![
        to,
        how as u64,
        label,
        POLL,
        rights.len() as u64,
        body.len() as u64,
    ];
    words.extend(rights);
    words.extend(body);
    words
}

fn send(w: &mut World, from: Caller, to: u64, how: u32, label: u64, rights: &[u64]) {
    w.ask(
        from,
        routine::MSG_SEND,
        &send_words(to, how, label, rights, &[]),
    )
    .unwrap();
    w.check();
}

fn receive(w: &mut World, caller: Caller, name: u64) -> Vec<u64> {
    let got = w.ask(caller, routine::MSG_RECEIVE, &[name, POLL]).unwrap();
    w.check();
    got
}

fn request(w: &mut World, caller: Caller, name: u64, id: u32, sync: u64, to: u64) {
    let words = [0, name, id as u64, sync, to, MAKE_SEND_ONCE as u64];
    w.ask(caller, routine::MACH_PORT_REQUEST_NOTIFICATION, &words)
        .unwrap();
    w.check();
}

fn type_of(w: &mut World, caller: Caller, name: u64) -> Result<u64, Error> {
    w.ask(caller, routine::MACH_PORT_TYPE, &[0, name])
        .map(|words| words[0])
}

const RECEIVE: u64 = 1 << (right::RECEIVE + 16);
const SEND: u64 = 1 << (right::SEND + 16);
const DEAD: u64 = 1 << (right::DEAD_NAME + 16);
const SET: u64 = 1 << (right::PORT_SET + 16);

#[test]
fn a_task_chooses_names_near_and_far() {
    let mut w = World::new();
    let root = w.boot_root();
    let kinds = [
        (right::RECEIVE, RECEIVE),
        (right::PORT_SET, SET),
        (right::DEAD_NAME, DEAD),
    ];
    for (at, (kind, bits)) in kinds.into_iter().enumerate() {
        for name in [40, 0x0720_0300, 0x0000_f000, 0x0fff_ffff, 0x0010_4000] {
            let name = name + 7 - at as u64 * 3;
            let name = name.min(0x0fff_ffff - at as u64);
            w.ask(
                root,
                routine::MACH_PORT_ALLOCATE_NAME,
                &[0, kind as u64, name],
            )
            .unwrap();
            assert_eq!(type_of(&mut w, root, name), Ok(bits));
            let again = [0, kind as u64, name ^ 1 << 20];
            w.refused(
                root,
                routine::MACH_PORT_ALLOCATE_NAME,
                &again,
                Error::KERN_NAME_EXISTS,
            );
            w.check();
        }
    }
    for name in [0, 1, 15, 1 << 28, 0xffff_ffff] {
        let words = [0, 1, name];
        w.refused(
            root,
            routine::MACH_PORT_ALLOCATE_NAME,
            &words,
            Error::KERN_INVALID_VALUE,
        );
    }
    for kind in [right::SEND, right::SEND_ONCE, 9] {
        let words = [0, kind as u64, 99];
        w.refused(
            root,
            routine::MACH_PORT_ALLOCATE_NAME,
            &words,
            Error::KERN_INVALID_VALUE,
        );
    }
    // Ordinary names go round those that are taken, and reach the far ones.
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..0x500 {
        let name = w.port(root);
        assert!(seen.insert(name & 0xf_ffff));
        assert_eq!(type_of(&mut w, root, name), Ok(RECEIVE));
    }
    let all = w
        .ask(root, routine::MACH_PORT_NAMES, &[0, 0xf_f000])
        .unwrap();
    assert_eq!(all[0], 3);
    w.check();
    w.finish();
}

#[test]
fn far_names_are_charged_until_their_task_ends() {
    let mut w = World::new();
    let root = w.boot_root();
    let account = w.get(root, routine::ACCOUNT_CREATE, &[1 << 20, 400 << 10, 1000]);
    let (child, _) = w.task(root, account);
    let mut made = 0;
    for block in 1..100 {
        let words = [0, 1, block << 12];
        match w.ask(child, routine::MACH_PORT_ALLOCATE_NAME, &words) {
            Ok(_) => made += 1,
            Err(error) => {
                assert_eq!(error, Error::KERN_RESOURCE_SHORTAGE);
                break;
            }
        }
        w.ask(child, routine::MACH_PORT_DESTROY, &[0, block << 12])
            .unwrap();
        w.check();
    }
    assert!((3..25).contains(&made), "{made}");
    // What is there already is free.
    w.ask(
        child,
        routine::MACH_PORT_ALLOCATE_NAME,
        &[0, 1, 1 << 12 | 5],
    )
    .unwrap();
    w.check();
    w.finish();
}

#[test]
fn a_renamed_right_keeps_all_that_belongs_to_it() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let port = w.port(root);
    let theirs = w.give(root, task, port, MAKE_SEND);
    let told = w.port(child);
    request(&mut w, child, theirs, notify::DEAD_NAME, 0, told);
    let set = w.get(
        root,
        routine::MACH_PORT_ALLOCATE,
        &[0, right::PORT_SET as u64],
    );
    w.ask(root, routine::MACH_PORT_MOVE_MEMBER, &[0, port, set])
        .unwrap();
    send(&mut w, child, theirs, COPY_SEND, 5, &[]);
    // Receive right, send right, set: one after the other.
    w.ask(root, routine::MACH_PORT_RENAME, &[0, port, 300])
        .unwrap();
    w.check();
    assert_eq!(type_of(&mut w, root, port), Err(Error::KERN_INVALID_NAME));
    w.ask(child, routine::MACH_PORT_RENAME, &[0, theirs, 0x7_0300])
        .unwrap();
    w.check();
    assert_eq!(type_of(&mut w, child, 0x7_0300), Ok(SEND | 1 << 31));
    w.ask(root, routine::MACH_PORT_RENAME, &[0, set, 301])
        .unwrap();
    w.check();
    let got = receive(&mut w, root, 301);
    assert_eq!(got[..2], [300, 5]);
    send(&mut w, child, 0x7_0300, COPY_SEND, 6, &[]);
    assert_eq!(receive(&mut w, root, 301)[..2], [300, 6]);
    assert_eq!(
        w.ask(root, routine::MACH_PORT_GET_SET_STATUS, &[0, 301])
            .unwrap(),
        [300]
    );
    w.refused(
        root,
        routine::MACH_PORT_RENAME,
        &[0, 300, 301],
        Error::KERN_NAME_EXISTS,
    );
    w.refused(
        root,
        routine::MACH_PORT_RENAME,
        &[0, 300, 3],
        Error::KERN_INVALID_VALUE,
    );
    w.refused(
        root,
        routine::MACH_PORT_RENAME,
        &[0, 77, 400],
        Error::KERN_INVALID_NAME,
    );
    w.ask(root, routine::MACH_PORT_DESTROY, &[0, 300]).unwrap();
    w.check();
    assert_eq!(receive(&mut w, child, told)[5..], [0x7_0300]);
    w.ask(child, routine::MACH_PORT_RENAME, &[0, 0x7_0300, 41])
        .unwrap();
    assert_eq!(
        w.get(
            child,
            routine::MACH_PORT_GET_REFS,
            &[0, 41, right::DEAD_NAME as u64]
        ),
        2
    );
    w.check();
    w.finish();
}

#[test]
fn a_receiver_that_waits_by_name_waits_by_the_new_one() {
    let mut w = World::new();
    let root = w.boot_root();
    let tasks = w.mach.kernel().task_newest().unwrap();
    let (second, _) = w.thread(root, 0, tasks);
    let port = w.port(root);
    assert_eq!(
        w.request(second, routine::MSG_RECEIVE, &[port, 0]),
        Reply::Waits
    );
    w.ask(root, routine::MACH_PORT_RENAME, &[0, port, 500])
        .unwrap();
    w.check();
    send(&mut w, root, 500, MAKE_SEND, 3, &[]);
    assert_eq!(w.answer(second).unwrap()[..2], [500, 3]);
    w.finish();
}

#[test]
fn a_right_is_inserted_under_the_name_that_is_asked_for() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let port = w.port(root);
    let make = MAKE_SEND as u64;
    let insert = |name| [task, name, port, make];
    w.ask(root, routine::MACH_PORT_INSERT_RIGHT, &insert(0x123))
        .unwrap();
    w.check();
    w.ask(root, routine::MACH_PORT_INSERT_RIGHT, &insert(0x123))
        .unwrap();
    let refs = w.get(
        child,
        routine::MACH_PORT_GET_REFS,
        &[0, 0x123, right::SEND as u64],
    );
    assert_eq!(refs, 2);
    w.refused(
        root,
        routine::MACH_PORT_INSERT_RIGHT,
        &insert(0x124),
        Error::KERN_RIGHT_EXISTS,
    );
    let other = w.port(root);
    let taken = [task, 0x123, other, make];
    w.refused(
        root,
        routine::MACH_PORT_INSERT_RIGHT,
        &taken,
        Error::KERN_NAME_EXISTS,
    );
    for (name, how) in [
        (0x130, MAKE_SEND_ONCE),
        (0x131, MAKE_SEND_ONCE),
        (0x132, MOVE_RECEIVE),
    ] {
        let words = [task, name, other, how as u64];
        w.ask(root, routine::MACH_PORT_INSERT_RIGHT, &words)
            .unwrap();
        w.check();
    }
    assert_eq!(type_of(&mut w, child, 0x132), Ok(RECEIVE));
    w.finish();
}

#[test]
fn counts_and_payloads_are_what_the_receiver_sets() {
    let mut w = World::new();
    let root = w.boot_root();
    let port = w.port(root);
    w.ask(root, routine::MACH_PORT_SET_MSCOUNT, &[0, port, 12])
        .unwrap();
    w.ask(root, routine::MACH_PORT_SET_SEQNO, &[0, port, 34])
        .unwrap();
    let status = w
        .ask(root, routine::MACH_PORT_GET_RECEIVE_STATUS, &[0, port])
        .unwrap();
    assert_eq!(status[1..3], [34, 12]);
    send(&mut w, root, port, MAKE_SEND, 5, &[]);
    // It holds for messages that are there already.
    let payload = [0, port, u64::MAX - 5];
    w.ask(root, routine::MACH_PORT_SET_PROTECTED_PAYLOAD, &payload)
        .unwrap();
    let got = receive(&mut w, root, port);
    assert_eq!(got[..3], [u64::MAX - 5, 5 | PAYLOAD, 34]);
    w.ask(root, routine::MACH_PORT_CLEAR_PROTECTED_PAYLOAD, &[0, port])
        .unwrap();
    send(&mut w, root, port, MAKE_SEND, 6, &[]);
    assert_eq!(receive(&mut w, root, port)[..2], [port, 6]);
    // It does not move with the right.
    w.ask(root, routine::MACH_PORT_SET_PROTECTED_PAYLOAD, &payload)
        .unwrap();
    let to = w.port(root);
    send(
        &mut w,
        root,
        to,
        MAKE_SEND,
        7,
        &[right_word(port, MOVE_RECEIVE)],
    );
    let moved = receive(&mut w, root, to)[5] & 0xfff_ffff;
    send(&mut w, root, moved, MAKE_SEND, 8, &[]);
    assert_eq!(receive(&mut w, root, moved)[..2], [moved, 8]);
    for number in [
        routine::MACH_PORT_SET_MSCOUNT,
        routine::MACH_PORT_SET_SEQNO,
        routine::MACH_PORT_SET_PROTECTED_PAYLOAD,
        routine::MACH_PORT_CLEAR_PROTECTED_PAYLOAD,
    ] {
        w.refused(root, number, &[0, 99, 1], Error::KERN_INVALID_NAME);
        let set = w.get(
            root,
            routine::MACH_PORT_ALLOCATE,
            &[0, right::PORT_SET as u64],
        );
        w.refused(root, number, &[0, set, 1], Error::KERN_INVALID_RIGHT);
    }
    w.finish();
}

#[test]
fn a_receive_right_goes_to_its_backup_instead_of_dying() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let backup = w.port(root);
    let theirs = w.give(root, task, backup, MAKE_SEND);
    // The child's port is watched by a right that the child was given.
    let once = w.give(root, task, backup, MAKE_SEND_ONCE);
    let port = w.port(child);
    let words = [
        0,
        port,
        notify::PORT_DESTROYED as u64,
        0,
        once,
        MOVE_SEND_ONCE as u64,
    ];
    w.ask(child, routine::MACH_PORT_REQUEST_NOTIFICATION, &words)
        .unwrap();
    w.check();
    send(&mut w, child, port, MAKE_SEND, 31, &[]);
    send(
        &mut w,
        child,
        theirs,
        MOVE_SEND,
        32,
        &[right_word(port, MAKE_SEND)],
    );
    let send_name = receive(&mut w, root, backup)[5] & 0xfff_ffff;
    // Its holder ends.
    w.ask(root, routine::TASK_TERMINATE, &[task]).unwrap();
    w.check();
    let got = receive(&mut w, root, backup);
    assert_eq!(got[1], notify::PORT_DESTROYED as u64);
    assert_eq!(got[5], 2 << 28 | send_name);
    assert_eq!(receive(&mut w, root, send_name)[1], 31);
    // Once: now it dies.
    w.ask(root, routine::MACH_PORT_DESTROY, &[0, send_name])
        .unwrap();
    w.check();
    let words = [
        0,
        backup,
        notify::PORT_DESTROYED as u64,
        0,
        backup,
        MAKE_SEND_ONCE as u64,
    ];
    let circle = Error::KERN_INVALID_CAPABILITY;
    w.refused(
        root,
        routine::MACH_PORT_REQUEST_NOTIFICATION,
        &words,
        circle,
    );
    w.check();
    let words = [
        0,
        backup,
        notify::PORT_DESTROYED as u64,
        1,
        backup,
        MAKE_SEND_ONCE as u64,
    ];
    let sync = Error::KERN_INVALID_VALUE;
    w.refused(root, routine::MACH_PORT_REQUEST_NOTIFICATION, &words, sync);
    w.finish();
}

#[test]
fn a_receive_right_and_its_backup_can_die_together() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let (one, two) = (w.port(child), w.port(child));
    request(&mut w, child, one, notify::PORT_DESTROYED, 0, two);
    request(&mut w, child, two, notify::PORT_DESTROYED, 0, one);
    w.ask(child, routine::MACH_PORT_DESTROY, &[0, one]).unwrap();
    w.check();
    // In its backup's queue it is still the other's backup: a circle, so that one dies.
    w.ask(child, routine::MACH_PORT_DESTROY, &[0, two]).unwrap();
    w.check();
    w.ask(root, routine::TASK_TERMINATE, &[task]).unwrap();
    w.check();
    w.finish();
}

#[test]
fn a_full_queue_takes_one_message_more_and_tells_when_there_is_room() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let port = w.port(root);
    w.ask(root, routine::MACH_PORT_SET_QLIMIT, &[0, port, 1])
        .unwrap();
    let to = w.give(root, task, port, MAKE_SEND);
    let told = w.port(child);
    let force = |label: u64| {
        let mut words = vec![told];
        words.extend(send_words(to, COPY_SEND, label, &[], &[]));
        words
    };
    w.ask(child, routine::MSG_SEND_NOTIFY, &force(1)).unwrap();
    w.refused(
        child,
        routine::MSG_SEND_NOTIFY,
        &force(2),
        Error::MACH_SEND_WILL_NOTIFY,
    );
    w.check();
    assert_eq!(type_of(&mut w, child, to), Ok(SEND | 1 << 30));
    w.refused(
        child,
        routine::MSG_SEND_NOTIFY,
        &force(3),
        Error::MACH_SEND_NOTIFY_IN_PROGRESS,
    );
    let mut words = force(3);
    words[0] = to;
    w.refused(
        child,
        routine::MSG_SEND_NOTIFY,
        &words,
        Error::MACH_SEND_INVALID_NOTIFY,
    );
    assert_eq!(receive(&mut w, root, port)[1], 1);
    w.refused(
        child,
        routine::MSG_RECEIVE,
        &[told, POLL],
        Error::MACH_RCV_TIMED_OUT,
    );
    assert_eq!(receive(&mut w, root, port)[1], 2);
    let got = receive(&mut w, child, told);
    assert_eq!(
        (got[1], &got[5..]),
        (notify::MSG_ACCEPTED as u64, &[to][..])
    );
    // With the port, the request dies.
    w.ask(child, routine::MSG_SEND_NOTIFY, &force(1)).unwrap();
    w.refused(
        child,
        routine::MSG_SEND_NOTIFY,
        &force(2),
        Error::MACH_SEND_WILL_NOTIFY,
    );
    w.ask(root, routine::MACH_PORT_DESTROY, &[0, port]).unwrap();
    w.check();
    assert_eq!(receive(&mut w, child, told)[1], notify::SEND_ONCE as u64);
    w.finish();
}

#[test]
fn a_message_that_is_too_large_is_kept_if_asked() {
    let mut w = World::new();
    let root = w.boot_root();
    let port = w.port(root);
    let own = w.port(root);
    for _ in 0..2 {
        let words = send_words(
            port,
            MAKE_SEND,
            5,
            &[right_word(own, MAKE_SEND)],
            &[1, 2, 3],
        );
        w.ask(root, routine::MSG_SEND, &words).unwrap();
    }
    let large = Error::MACH_RCV_TOO_LARGE;
    let queued = |w: &mut World| {
        w.ask(root, routine::MACH_PORT_GET_RECEIVE_STATUS, &[0, port])
            .unwrap()[4]
    };
    w.refused(root, routine::MSG_RECEIVE, &[port, POLL, 0, 3, 1], large);
    assert_eq!(queued(&mut w), 2);
    w.refused(root, routine::MSG_RECEIVE, &[port, POLL, 0, 3, 0], large);
    w.check();
    assert_eq!(queued(&mut w), 1);
    let got = w
        .ask(root, routine::MSG_RECEIVE, &[port, POLL, 0, 4, 0])
        .unwrap();
    assert_eq!(got[6..], [1, 2, 3]);
    w.check();
    w.finish();
}

#[test]
fn who_receives_a_request_learns_of_its_callers_end() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let port = w.port(root);
    let to = w.give(root, task, port, MAKE_SEND);
    let reply = w.port(child);
    let told = w.port(root);
    let label = 9 | WITH_REPLY as u64;
    send(
        &mut w,
        child,
        to,
        COPY_SEND,
        label,
        &[right_word(reply, MAKE_SEND_ONCE)],
    );
    let invalid = Error::MACH_RCV_INVALID_NOTIFY;
    w.refused(root, routine::MSG_RECEIVE, &[port, POLL, 999], invalid);
    let got = w
        .ask(root, routine::MSG_RECEIVE, &[port, POLL, told])
        .unwrap();
    let name = got[5] & 0xfff_ffff;
    w.check();
    w.ask(child, routine::MACH_PORT_DESTROY, &[0, reply])
        .unwrap();
    w.check();
    let got = receive(&mut w, root, told);
    assert_eq!((got[1], &got[5..]), (notify::DEAD_NAME as u64, &[name][..]));
    w.finish();
}

#[test]
fn memory_moves_in_a_message_and_so_does_its_charge() {
    let mut w = World::new();
    let root = w.boot_root();
    let account = w.get(root, routine::ACCOUNT_CREATE, &[1 << 20, 1 << 20, 1000]);
    let (child, _) = w.task(root, account);
    let port = w.port(child);
    let task = w.mach.audit_tasks_all().len() as u64;
    assert_eq!(task, 2);
    let used = |w: &mut World, caller| w.ask(caller, routine::ACCOUNT_INFO, &[0]).unwrap()[3];
    let object = w.get(child, routine::MEMORY_OBJECT_CREATE, &[8192]);
    let map = [0, 0, 8192, 0, 1, object, 0, 0, 3, 3, 0];
    let at = w.get(child, routine::VM_MAP, &map);
    w.ask(child, routine::VM_WRITE, &[0, at, 8, 0x1234])
        .unwrap();
    let before = used(&mut w, child);
    let words = send_words(port, MAKE_SEND, 5, &[right_word(object, MOVE_MEMORY)], &[]);
    // It is mapped.
    w.refused(
        child,
        routine::MSG_SEND,
        &words,
        Error::MACH_SEND_INVALID_RIGHT,
    );
    w.ask(child, routine::VM_DEALLOCATE, &[0, at, 8192])
        .unwrap();
    w.ask(
        child,
        routine::MACH_PORT_MOD_REFS,
        &[0, object, right::SEND as u64, 1],
    )
    .unwrap();
    w.refused(
        child,
        routine::MSG_SEND,
        &words,
        Error::MACH_SEND_INVALID_RIGHT,
    );
    w.ask(child, routine::MACH_PORT_DEALLOCATE, &[0, object])
        .unwrap();
    // To the root task: its receive right moves there.
    let words = send_words(port, MAKE_SEND, 5, &[right_word(object, MOVE_MEMORY)], &[]);
    w.ask(child, routine::MSG_SEND, &words).unwrap();
    w.check();
    assert_eq!(used(&mut w, child), before);
    let tasks = w.get(root, routine::TASK_THREADS, &[0]);
    assert_eq!(tasks, 1);
    let theirs = w.port(root);
    let host = w.mach.audit_tasks_all()[0];
    let host = w.mach.host_give(host).unwrap() as u64;
    let tasks = w.ask(root, routine::PROCESSOR_SET_TASKS, &[host, 1]).unwrap();
    assert_eq!(tasks[..2], [0, 1]);
    let child_task = tasks[2];
    let to = w.give(root, child_task, theirs, MAKE_SEND);
    send(
        &mut w,
        child,
        to,
        COPY_SEND,
        6,
        &[right_word(port, MOVE_RECEIVE)],
    );
    let moved = receive(&mut w, root, theirs)[5] & 0xfff_ffff;
    let root_before = used(&mut w, root);
    let got = receive(&mut w, root, moved);
    assert_eq!(used(&mut w, child), before - 4096);
    assert_eq!(used(&mut w, root), root_before);
    let map = [0, 0, 8192, 0, 1, got[5] & 0xfff_ffff, 0, 0, 3, 3, 0];
    let at = w.get(root, routine::VM_MAP, &map);
    assert_eq!(
        w.ask(root, routine::VM_READ, &[0, at, 8]).unwrap()[1],
        0x1234
    );
    w.check();
    w.finish();
}

/// Memory with `count` words, each of them its place plus `first`, mapped nowhere.
fn words_in_memory(w: &mut World, caller: Caller, first: u64, count: u64) -> u64 {
    let bytes = (8 * count).next_multiple_of(4096);
    let object = w.get(caller, routine::MEMORY_OBJECT_CREATE, &[bytes]);
    let map = [0, 0, bytes, 0, 1, object, 0, 0, 3, 3, 0];
    let at = w.get(caller, routine::VM_MAP, &map);
    for start in (0..count).step_by(100) {
        let part: Vec<u64> = (start..count.min(start + 100)).collect();
        let mut words = vec![0, at + 8 * start, 8 * part.len() as u64];
        words.extend(part.iter().map(|place| place + first));
        w.ask(caller, routine::VM_WRITE, &words).unwrap();
    }
    w.ask(caller, routine::VM_DEALLOCATE, &[0, at, bytes])
        .unwrap();
    object
}

fn send_large(to: u64, how: u32, label: u64, rights: &[u64], count: u64, object: u64) -> Vec<u64> {
    let mut words = send_words(to, how, label, rights, &[object]);
    words[5] = count | IN_MEMORY;
    words
}

#[test]
fn a_body_of_any_size_moves_with_its_rights() {
    let mut w = World::new();
    let root = w.boot_root();
    let account = w.get(root, routine::ACCOUNT_CREATE, &[1 << 20, 1 << 20, 1000]);
    let (child, task) = w.task(root, account);
    let port = w.port(root);
    let to = w.give(root, task, port, MAKE_SEND);
    let own = w.port(child);
    let used = |w: &mut World, caller| w.ask(caller, routine::ACCOUNT_INFO, &[0]).unwrap()[3];
    let before = used(&mut w, child);
    let extra = words_in_memory(&mut w, child, 7, 10);
    let body = words_in_memory(&mut w, child, 1000, 5000);
    let rights = [
        right_word(own, MAKE_SEND),
        right_word(extra, MOVE_MEMORY),
        right_word(own, MAKE_SEND_ONCE),
    ];
    let words = send_large(to, COPY_SEND, 9, &rights, 5000, body);
    w.ask(child, routine::MSG_SEND, &words).unwrap();
    w.check();
    assert_eq!(type_of(&mut w, child, body), Err(Error::KERN_INVALID_NAME));
    let got = w
        .ask(root, routine::MSG_RECEIVE, &[port, POLL, 0, 5003, 0])
        .unwrap();
    w.check();
    assert_eq!(got[1..5], [9, 0, 3, 5000 | IN_MEMORY]);
    let kinds: Vec<u64> = got[5..].iter().map(|word| word >> 28).collect();
    assert_eq!(kinds, [1, 4, 3, 4]);
    for (word, first, last) in [(got[6], 7, 9), (got[8], 1000, 4999)] {
        let map = [0, 0, 8 * (last + 1), 0, 1, word & 0xfff_ffff, 0, 0, 1, 1, 0];
        let at = w.get(root, routine::VM_MAP, &map);
        for place in [0, last] {
            let read = w
                .ask(root, routine::VM_READ, &[0, at + 8 * place, 8])
                .unwrap();
            assert_eq!(read[1], place + first);
        }
    }
    assert_eq!(used(&mut w, child), before);
    w.check();
    w.finish();
}

#[test]
fn a_large_body_is_refused_by_those_who_do_not_ask_for_it() {
    let mut w = World::new();
    let root = w.boot_root();
    let port = w.port(root);
    for _ in 0..3 {
        let body = words_in_memory(&mut w, root, 0, 600);
        let words = send_large(port, MAKE_SEND, 9, &[], 600, body);
        w.ask(root, routine::MSG_SEND, &words).unwrap();
    }
    let large = Error::MACH_RCV_TOO_LARGE;
    // Whoever says nothing, and whoever says less.
    w.refused(root, routine::MSG_RECEIVE, &[port, POLL], large);
    w.refused(root, routine::MSG_RECEIVE, &[port, POLL, 0, 599], large);
    for _ in 0..2 {
        let keep = [port, POLL, 0, 599, 1];
        w.refused(root, routine::MSG_RECEIVE, &keep, large);
    }
    w.check();
    let status = w
        .ask(root, routine::MACH_PORT_GET_RECEIVE_STATUS, &[0, port])
        .unwrap();
    assert_eq!(status[4], 1);
    let got = w
        .ask(root, routine::MSG_RECEIVE, &[port, POLL, 0, 600])
        .unwrap();
    assert_eq!(got[3..5], [0, 600 | IN_MEMORY]);
    w.check();
    w.finish();
}

#[test]
fn a_large_body_that_cannot_be_is_refused() {
    let mut w = World::new();
    let root = w.boot_root();
    let port = w.port(root);
    let body = words_in_memory(&mut w, root, 0, 512);
    let send = |count, object| send_large(port, MAKE_SEND, 9, &[], count, object);
    for (words, error) in [
        (send(BODY_WORDS_MAX + 1, body), Error::MACH_SEND_TOO_LARGE),
        (send(513, body), Error::MIG_BAD_ARGUMENTS),
        (send(0, body), Error::MIG_BAD_ARGUMENTS),
        (send(512, port), Error::MACH_SEND_INVALID_RIGHT),
        (send(512, 0), Error::MACH_SEND_INVALID_RIGHT),
        (send(512, 999), Error::MACH_SEND_INVALID_RIGHT),
    ] {
        w.refused(root, routine::MSG_SEND, &words, error);
        w.check();
    }
    // Memory that somebody could change afterwards.
    let map = [0, 0, 4096, 0, 1, body, 0, 0, 3, 3, 0];
    let at = w.get(root, routine::VM_MAP, &map);
    let shared = Error::MACH_SEND_INVALID_RIGHT;
    w.refused(root, routine::MSG_SEND, &send(512, body), shared);
    w.ask(root, routine::VM_DEALLOCATE, &[0, at, 4096]).unwrap();
    // The same memory twice.
    for how in [MOVE_MEMORY, COPY_SEND] {
        let twice = send_large(port, MAKE_SEND, 9, &[right_word(body, how)], 512, body);
        w.refused(root, routine::MSG_SEND, &twice, shared);
    }
    w.ask(root, routine::MSG_SEND, &send(512, body)).unwrap();
    w.check();
    // Unread, it ends with its port.
    w.ask(root, routine::MACH_PORT_DESTROY, &[0, port]).unwrap();
    w.check();
    w.finish();
}

#[test]
fn a_body_that_its_receiver_cannot_pay_for_is_lost_alone() {
    let mut w = World::new();
    let root = w.boot_root();
    let account = w.get(root, routine::ACCOUNT_CREATE, &[64 << 10, 1 << 20, 1000]);
    let (child, task) = w.task(root, account);
    let port = w.port(child);
    let words = [task, port, MAKE_SEND as u64];
    let to = w.get(root, routine::MACH_PORT_EXTRACT_RIGHT, &words);
    let own = w.port(root);
    let body = words_in_memory(&mut w, root, 0, 20_000);
    let rights = [right_word(own, MAKE_SEND)];
    let words = send_large(to, COPY_SEND, 9, &rights, 20_000, body);
    w.ask(root, routine::MSG_SEND, &words).unwrap();
    w.check();
    let got = w
        .ask(child, routine::MSG_RECEIVE, &[port, POLL, 0, POLL])
        .unwrap();
    assert_eq!((got[5] >> 28, got[6]), (1, 0));
    w.check();
    w.finish();
}

#[test]
fn a_thread_that_waits_is_told_in_what_it_was_interrupted() {
    let mut w = World::new();
    let root = w.boot_root();
    let port = w.port(root);
    w.ask(root, routine::MACH_PORT_SET_QLIMIT, &[0, port, 0])
        .unwrap();
    let task = root.task;
    let (second, thread) = w.thread(root, 0, task);
    let mut words = send_words(port, MAKE_SEND, 5, &[], &[1]);
    words[3] = 0;
    assert_eq!(w.request(second, routine::MSG_SEND, &words), Reply::Waits);
    w.ask(root, routine::THREAD_ABORT, &[thread]).unwrap();
    assert_eq!(w.answer(second), Err(Error::MACH_SEND_INTERRUPTED));
    w.check();
    assert_eq!(
        w.request(second, routine::MSG_RECEIVE, &[port, 0]),
        Reply::Waits
    );
    w.ask(root, routine::THREAD_ABORT, &[thread]).unwrap();
    assert_eq!(w.answer(second), Err(Error::MACH_RCV_INTERRUPTED));
    w.check();
    // Nothing was sent.
    w.ask(root, routine::MACH_PORT_SET_QLIMIT, &[0, port, 5])
        .unwrap();
    let none = Error::MACH_RCV_TIMED_OUT;
    w.refused(root, routine::MSG_RECEIVE, &[port, POLL], none);
    w.finish();
}

#[test]
fn a_right_gets_the_name_that_is_asked_for_also_where_names_are_given_next() {
    let mut w = World::new();
    let root = w.boot_root();
    let (_, task) = w.task(root, 0);
    let port = w.port(root);
    // The names up to this one are there, and free.
    w.ask(root, routine::MACH_PORT_ALLOCATE_NAME, &[task, 1, 60])
        .unwrap();
    for wanted in (17..60).rev() {
        let words = [task, wanted, port, MAKE_SEND_ONCE as u64];
        match w.ask(root, routine::MACH_PORT_INSERT_RIGHT, &words) {
            Ok(given) => assert_eq!(given, [wanted]),
            // What the mach server keeps for the task's thread.
            Err(error) => assert!(error == Error::KERN_NAME_EXISTS && wanted < 20),
        }
        w.check();
    }
    w.finish();
}
