//! What went wrong once, or could: one test each.

use crate::common::{Reply, TEXT, World};
use mach::abi::disposition::*;
use mach::abi::{notify, right, routine};
use mach::sim::SYSTEM_CALL;
use mach::{Error, Limits, Protection};

const POLL: u64 = u64::MAX;

fn right_word(name: u64, how: u32) -> u64 {
    (how as u64) << 32 | name
}

/// (name, disposition, label, milliseconds, rights, body)
fn send_words(to: u64, how: u32, label: u64, time: u64, rights: &[u64], body: &[u64]) -> Vec<u64> {
    let mut words = vec![
        to,
        how as u64,
        label,
        time,
        rights.len() as u64,
        body.len() as u64,
    ];
    words.extend(rights);
    words.extend(body);
    words
}

/// Runs something that could nest deeply, but must not.
fn on_a_small_stack(f: fn()) {
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(f).unwrap();
    thread.join().unwrap();
}

#[test]
fn an_empty_system_leaves_nothing_behind() {
    let mut w = World::new();
    let root = w.boot_root();
    let (_, _) = w.task(root, 0);
    w.check();
    w.finish();
}

#[test]
fn a_message_carries_rights_to_another_task() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let port = w.port(root);
    let to = w.give(root, task, port, MAKE_SEND);
    let own = w.port(child);
    let words = send_words(
        to,
        COPY_SEND,
        77,
        POLL,
        &[right_word(own, MAKE_SEND)],
        &[1, 2, 3],
    );
    w.ask(child, routine::MSG_SEND, &words).unwrap();
    w.check();
    let got = w.ask(root, routine::MSG_RECEIVE, &[port, POLL]).unwrap();
    assert_eq!(got[..5], [port, 77, 0, 1, 3]);
    assert_eq!(got[5] >> 28, 1);
    assert_eq!(got[6..], [1, 2, 3]);
    w.check();
    w.finish();
}

#[test]
fn a_failed_list_of_rights_takes_and_gives_nothing() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let port = w.port(root);
    let to = w.give(root, task, port, MAKE_SEND);
    let own = w.port(child);
    let rights = [
        right_word(to, COPY_SEND),
        right_word(own, MAKE_SEND),
        right_word(own, MAKE_SEND_ONCE),
        right_word(own, MOVE_RECEIVE),
        right_word(own, MAKE_SEND),
    ];
    let words = send_words(to, COPY_SEND, 77, POLL, &rights, &[]);
    w.refused(
        child,
        routine::MSG_SEND,
        &words,
        Error::MACH_SEND_INVALID_RIGHT,
    );
    w.check();
    assert_eq!(
        w.get(
            child,
            routine::MACH_PORT_GET_REFS,
            &[0, to, right::SEND as u64]
        ),
        1
    );
    assert_eq!(
        w.get(
            child,
            routine::MACH_PORT_GET_REFS,
            &[0, own, right::RECEIVE as u64]
        ),
        1
    );
    assert_eq!(
        w.get(
            child,
            routine::MACH_PORT_GET_REFS,
            &[0, own, right::SEND as u64]
        ),
        0
    );
    let status = w
        .ask(child, routine::MACH_PORT_GET_RECEIVE_STATUS, &[0, own])
        .unwrap();
    assert_eq!(status[2], 0, "make-send count");
    w.finish();
}

#[test]
fn a_sender_that_times_out_keeps_its_rights() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let port = w.port(root);
    let to = w.give(root, task, port, MAKE_SEND);
    w.ask(root, routine::MACH_PORT_SET_QLIMIT, &[0, port, 0])
        .unwrap();
    let own = w.port(child);
    let rights = [right_word(own, MOVE_RECEIVE)];
    let words = send_words(to, MOVE_SEND, 77, POLL, &rights, &[]);
    w.refused(child, routine::MSG_SEND, &words, Error::MACH_SEND_TIMED_OUT);
    let words = send_words(to, MOVE_SEND, 77, 10, &rights, &[]);
    assert_eq!(w.request(child, routine::MSG_SEND, &words), Reply::Waits);
    w.check();
    w.mach.kernel().time_advance(10_000_000);
    w.mach.timer();
    assert_eq!(w.answer(child), Err(Error::MACH_SEND_TIMED_OUT));
    w.check();
    assert_eq!(
        w.get(
            child,
            routine::MACH_PORT_GET_REFS,
            &[0, own, right::RECEIVE as u64]
        ),
        1
    );
    assert_eq!(
        w.get(
            child,
            routine::MACH_PORT_GET_REFS,
            &[0, to, right::SEND as u64]
        ),
        1
    );
    w.finish();
}

#[test]
fn a_raised_queue_limit_admits_senders_that_wait() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let port = w.port(root);
    let to = w.give(root, task, port, MAKE_SEND);
    w.ask(root, routine::MACH_PORT_SET_QLIMIT, &[0, port, 0])
        .unwrap();
    let words = send_words(to, COPY_SEND, 77, 0, &[], &[5]);
    assert_eq!(w.request(child, routine::MSG_SEND, &words), Reply::Waits);
    w.ask(root, routine::MACH_PORT_SET_QLIMIT, &[0, port, 1])
        .unwrap();
    assert_eq!(w.answer(child), Ok(vec![]));
    w.check();
    w.finish();
}

#[test]
fn a_message_is_not_lost_to_a_receiver_that_was_stopped() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let (helper, thread) = w.thread(root, task, child.task);
    let port = w.port(child);
    assert_eq!(
        w.request(helper, routine::MSG_RECEIVE, &[port, 0]),
        Reply::Waits
    );
    w.ask(root, routine::THREAD_SUSPEND, &[thread]).unwrap();
    w.check();
    let words = send_words(port, MAKE_SEND, 9, POLL, &[], &[4]);
    w.ask(child, routine::MSG_SEND, &words).unwrap();
    assert_eq!(w.answer(helper), Ok(vec![port, 9, 0, 0, 1, 4]));
    // It has its answer, and goes no further: what it does next is caught.
    let badge = w.fault_badge(helper);
    let id = w.mach.thread_of_badge(badge).unwrap();
    assert!(!w.mach.fault(id, TEXT, mach::Protection::EXECUTE));
    assert!(w.mach.kernel().thread_exists(helper.thread));
    w.ask(root, routine::THREAD_RESUME, &[thread]).unwrap();
    w.ask(helper, routine::MACH_PORT_GET_REFS, &[0, port, 1])
        .unwrap();
    w.finish();
}

#[test]
fn a_message_is_not_lost_to_a_receiver_that_was_interrupted_or_ended() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let (one, one_name) = w.thread(root, task, child.task);
    let (two, two_name) = w.thread(root, task, child.task);
    let port = w.port(child);
    for thread in [one, two] {
        w.mach.kernel().pc_set(thread.thread, TEXT);
        assert_eq!(
            w.request(thread, routine::MSG_RECEIVE, &[port, 0]),
            Reply::Waits
        );
    }
    w.ask(root, routine::THREAD_ABORT, &[one_name]).unwrap();
    assert_eq!(w.answer(one), Err(Error::MACH_RCV_INTERRUPTED));
    w.ask(root, routine::THREAD_TERMINATE, &[two_name]).unwrap();
    w.check();
    let words = send_words(port, MAKE_SEND, 9, POLL, &[], &[]);
    w.ask(child, routine::MSG_SEND, &words).unwrap();
    let got = w.ask(child, routine::MSG_RECEIVE, &[port, POLL]).unwrap();
    assert_eq!(got, [port, 9, 0, 0, 0]);
    w.finish();
}

#[test]
fn a_receiver_learns_that_its_port_died() {
    let mut w = World::new();
    let root = w.boot_root();
    let task = mach::abi::TASK_SELF as u64;
    let (helper, _) = w.thread(root, task, root.task);
    let port = w.port(root);
    assert_eq!(
        w.request(helper, routine::MSG_RECEIVE, &[port, 1000]),
        Reply::Waits
    );
    w.ask(
        root,
        routine::MACH_PORT_MOD_REFS,
        &[0, port, 1, u32::MAX as u64],
    )
    .unwrap();
    assert_eq!(w.answer(helper), Err(Error::MACH_RCV_PORT_DIED));
    w.check();
    let (port, set) = (
        w.port(root),
        w.get(root, routine::MACH_PORT_ALLOCATE, &[0, 3]),
    );
    assert_eq!(
        w.request(helper, routine::MSG_RECEIVE, &[port, 1000]),
        Reply::Waits
    );
    w.ask(root, routine::MACH_PORT_MOVE_MEMBER, &[0, port, set])
        .unwrap();
    assert_eq!(w.answer(helper), Err(Error::MACH_RCV_PORT_CHANGED));
    w.finish();
}

#[test]
fn a_receive_right_sent_to_itself_dies() {
    let mut w = World::new();
    let root = w.boot_root();
    let (a, b) = (w.port(root), w.port(root));
    let send = |to, moved| {
        send_words(
            to,
            MAKE_SEND,
            1,
            POLL,
            &[right_word(moved, MOVE_RECEIVE)],
            &[],
        )
    };
    let name = w.give(root, 0, b, MAKE_SEND);
    assert_eq!(name, b);
    w.ask(root, routine::MSG_SEND, &send(a, b)).unwrap();
    w.check();
    // `b` is in the queue of `a`, and would get `a` in its own.
    let words = send_words(b, COPY_SEND, 1, POLL, &[right_word(a, MOVE_RECEIVE)], &[]);
    w.ask(root, routine::MSG_SEND, &words).unwrap();
    w.check();
    assert_eq!(
        w.get(root, routine::MACH_PORT_TYPE, &[0, b]),
        1 << (right::DEAD_NAME + 16)
    );
    let c = w.port(root);
    w.ask(root, routine::MSG_SEND, &send(c, c)).unwrap();
    w.refused(
        root,
        routine::MACH_PORT_TYPE,
        &[0, c],
        Error::KERN_INVALID_NAME,
    );
    w.finish();
}

#[test]
fn freeing_nothing_frees_nothing() {
    let mut w = World::new();
    let root = w.boot_root();
    let at = w.get(root, routine::VM_ALLOCATE, &[0, 0, 8192, 1]);
    w.ask(root, routine::VM_DEALLOCATE, &[0, at + 5, 0])
        .unwrap();
    w.ask(root, routine::VM_PROTECT, &[0, at + 5, 0, 0, 0])
        .unwrap();
    w.ask(root, routine::VM_WRITE, &[0, at, 8, 1]).unwrap();
    w.finish();
}

#[test]
fn sizes_at_the_end_of_the_number_range_are_refused() {
    let mut w = World::new();
    let root = w.boot_root();
    for size in [u64::MAX, u64::MAX - 4095, 1 << 63, 0xf000_0000, 0xf000_1000] {
        for at in [0, 0x1_0000, !4095, 1 << 63] {
            for anywhere in [0, 1] {
                let _ = w
                    .ask(root, routine::VM_ALLOCATE, &[0, at, size, anywhere])
                    .unwrap_err();
                let map = [0, at, size, u64::MAX, anywhere, 0, 0, 0, 3, 7, 1];
                let _ = w.ask(root, routine::VM_MAP, &map).unwrap_err();
            }
        }
    }
    w.check();
    w.finish();
}

#[test]
fn memory_copied_onto_itself_is_copied_whole() {
    let mut w = World::new();
    let root = w.boot_root();
    let at = w.get(root, routine::VM_ALLOCATE, &[0, 0, 0x8000, 1]);
    for (shift, size) in [(8u64, 0x5000u64), (0x1008, 0x4ff8), (0x800, 0x7000)] {
        for forward in [false, true] {
            let mut bytes: Vec<u8> = (0..0x8000u64).map(|i| (i * 7 + i / 256) as u8).collect();
            for (i, chunk) in bytes.chunks(896).enumerate() {
                let mut words = vec![0, at + i as u64 * 896, chunk.len() as u64];
                for piece in chunk.chunks(8) {
                    let mut word = [0; 8];
                    word[..piece.len()].copy_from_slice(piece);
                    words.push(u64::from_le_bytes(word));
                }
                w.ask(root, routine::VM_WRITE, &words).unwrap();
            }
            let (from, to) = if forward {
                (16, 16 + shift)
            } else {
                (16 + shift, 16)
            };
            w.ask(root, routine::VM_COPY, &[0, at + from, 0, at + to, size])
                .unwrap();
            bytes.copy_within(from as usize..(from + size) as usize, to as usize);
            let kernel = w.mach.kernel();
            for (i, byte) in bytes.iter().enumerate() {
                let there = kernel.memory_read(root.task, at + i as u64);
                assert_eq!(there, Some(*byte), "{shift:#x} {size:#x} {forward} {i:#x}");
            }
        }
    }
    w.finish();
}

#[test]
fn a_limit_on_kernel_objects_holds_for_page_tables() {
    let mut w = World::new();
    let root = w.boot_root();
    let account = w.get(root, routine::ACCOUNT_CREATE, &[1 << 30, 9 * 4096, 100]);
    let name = w.get(root, routine::TASK_CREATE, &[account]);
    let mut mapped = 0;
    for at in 1..100u64 {
        let place = at << 22;
        let allocated = w.ask(root, routine::VM_ALLOCATE, &[name, place, 4096, 0]);
        let written = w.ask(root, routine::VM_WRITE, &[name, place, 8, 1]);
        mapped += (allocated.is_ok() && written.is_ok()) as u32;
        w.check();
    }
    assert!((1..7).contains(&mapped), "{mapped}");
    w.finish();
}

#[test]
fn who_unmaps_gets_back_what_page_tables_cost() {
    let mut w = World::new();
    let root = w.boot_root();
    let account = w.get(root, routine::ACCOUNT_CREATE, &[1 << 30, 1 << 21, 100]);
    let (_, name) = w.task(root, account);
    let objects_used = |w: &mut World| w.ask(root, routine::ACCOUNT_INFO, &[account]).unwrap()[4];
    let before = objects_used(&mut w);
    for round in 0..3 {
        for block in 1..200u64 {
            let at = block << 22 | round << 12;
            w.ask(root, routine::VM_ALLOCATE, &[name, at, 4096, 0]).unwrap();
            w.ask(root, routine::VM_WRITE, &[name, at, 8, 1]).unwrap();
        }
        assert!(objects_used(&mut w) - before > 199 * 4096);
        w.ask(root, routine::VM_DEALLOCATE, &[name, 1 << 22, 200 << 22]).unwrap();
        assert_eq!(objects_used(&mut w), before);
        w.check();
    }
    w.finish();
}

#[test]
fn addresses_are_used_again_whatever_was_freed_last() {
    let mut w = World::new();
    let root = w.boot_root();
    let mut highest = 0;
    let mut kept = Vec::new();
    for round in 0..1000u64 {
        let size = (round % 13 + 1) * 4096;
        let mask = if round % 7 == 0 { 0xffff } else { 0 };
        let map = [0, 0, size, mask, 1, 0, 0, 0, 3, 7, 1];
        let at = w.get(root, routine::VM_MAP, &map);
        assert_eq!(at & mask, 0);
        highest = highest.max(at + size);
        kept.push((at, size));
        if kept.len() > 20 {
            let (at, size) = kept.remove((round * 7 % 20) as usize);
            w.ask(root, routine::VM_DEALLOCATE, &[0, at, size]).unwrap();
        }
    }
    assert!(highest < 0x4000_0000 + 4 * 20 * 13 * 4096, "{highest:#x}");
    w.check();
    w.finish();
}

#[test]
fn pages_are_made_ahead_only_behind_many_and_never_beyond_their_region() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, name) = w.task(root, 0);
    let badge = w.fault_badge(child);
    let thread = w.mach.thread_of_badge(badge).unwrap();
    let base = 0x5000_0000;
    w.ask(root, routine::VM_ALLOCATE, &[name, base, 40 * 4096, 0]).unwrap();
    w.ask(root, routine::VM_ALLOCATE, &[name, base + 40 * 4096, 8 * 4096, 0]).unwrap();
    let present = |w: &mut World| {
        let page = |page: &u64| w.mach.kernel().memory_read(child.task, base + page * 4096).is_some();
        (0..48).filter(page).count() as u64
    };
    for page in 0..8 {
        assert!(w.mach.fault(thread, base + page * 4096, Protection::WRITE));
        assert_eq!(present(&mut w), page + 1);
    }
    assert!(w.mach.fault(thread, base + 8 * 4096, Protection::READ));
    assert_eq!(present(&mut w), 9 + 8);
    assert!(w.mach.fault(thread, base + 17 * 4096, Protection::WRITE));
    assert_eq!(present(&mut w), 18 + 16);
    assert!(w.mach.fault(thread, base + 34 * 4096, Protection::WRITE));
    assert_eq!(present(&mut w), 40);
    // What lies right behind is other memory.
    assert!(w.mach.fault(thread, base + 40 * 4096, Protection::WRITE));
    assert_eq!(present(&mut w), 41);
    w.check();
    w.finish();
}

#[test]
fn a_window_that_ends_after_an_exec_takes_no_new_memory() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let port = w.port(root);
    let to = w.give(root, task, port, MAKE_SEND);
    let window = w.ask(child, routine::WINDOW_CREATE, &[to, 4096]).unwrap();
    w.ask(root, routine::WINDOW_ACCEPT, &[window[0]]).unwrap();
    w.ask(root, routine::TASK_CLEAR, &[task]).unwrap();
    w.check();
    w.get(root, routine::VM_ALLOCATE, &[task, window[1], 4096, 0]);
    let gone = w.ask(root, routine::MSG_RECEIVE, &[0, POLL]).unwrap();
    assert_eq!(gone[1], notify::WINDOW_GONE as u64);
    w.ask(root, routine::WINDOW_RELEASE, &[window[0]]).unwrap();
    w.ask(root, routine::VM_WRITE, &[task, window[1], 8, 1])
        .unwrap();
    w.finish();
}

#[test]
fn a_server_maps_a_window_again_that_it_gave_back() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let port = w.port(root);
    let to = w.give(root, task, port, MAKE_SEND);
    let window = w.ask(child, routine::WINDOW_CREATE, &[to, 4096]).unwrap();
    let first = w.ask(root, routine::WINDOW_ACCEPT, &[window[0]]).unwrap();
    w.ask(root, routine::WINDOW_RELEASE, &[window[0]]).unwrap();
    w.check();
    let again = w.ask(root, routine::WINDOW_ACCEPT, &[window[0]]).unwrap();
    assert_eq!(again[1..], first[1..]);
    w.ask(root, routine::WINDOW_RELEASE, &[window[0]]).unwrap();
    // Given up by its client while the server does not have it: nobody is told.
    w.ask(child, routine::WINDOW_RELEASE, &[window[0]]).unwrap();
    assert!(w.ask(root, routine::MSG_RECEIVE, &[0, POLL]).is_err());
    assert!(w.ask(root, routine::WINDOW_ACCEPT, &[window[0]]).is_err());
    w.finish();
}

#[test]
fn a_caller_learns_that_its_server_died() {
    // Whatever lacks memory meanwhile.
    for failure in (0..12).map(Some).chain([None]) {
        let mut w = World::new();
        let root = w.boot_root();
        let (server, server_name) = w.task(root, 0);
        let (client, client_name) = w.task(root, 0);
        let port = w.port(server);
        let to = w.get(
            root,
            routine::MACH_PORT_EXTRACT_RIGHT,
            &[server_name, port, MAKE_SEND as u64],
        );
        let to = w.give(root, client_name, to, MOVE_SEND);
        w.mach.kernel().pc_set(client.thread, TEXT);
        w.mach.kernel().call_begin(client.thread, to as u32, 1);
        w.mach.kernel().fail_after(failure);
        w.ask(root, routine::TASK_TERMINATE, &[server_name])
            .unwrap();
        w.mach.kernel().fail_after(None);
        assert_eq!(w.answer(client), Err(Error::MIG_SERVER_DIED));
        w.check();
        w.finish();
    }
}

#[test]
fn an_instruction_that_cannot_be_read_is_still_a_call() {
    let mut w = World::new();
    let root = w.boot_root();
    let (server, server_name) = w.task(root, 0);
    let (client, client_name) = w.task(root, 0);
    let port = w.port(server);
    let to = w.get(
        root,
        routine::MACH_PORT_EXTRACT_RIGHT,
        &[server_name, port, MAKE_SEND as u64],
    );
    let to = w.give(root, client_name, to, MOVE_SEND);
    w.ask(root, routine::VM_PROTECT, &[client_name, TEXT, 4096, 0, 4])
        .unwrap();
    w.mach.kernel().pc_set(client.thread, TEXT);
    w.mach.kernel().call_begin(client.thread, to as u32, 1);
    w.ask(root, routine::TASK_TERMINATE, &[server_name])
        .unwrap();
    assert_eq!(w.answer(client), Err(Error::MIG_SERVER_DIED));
    w.finish();
}

#[test]
fn an_exception_without_a_handler_ends_the_task_and_all_that_follows() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, _task) = w.task(root, 0);
    let port = w.port(root);
    let once = right_word(port, MAKE_SEND_ONCE);
    let own = w.port(child);
    let _ = own;
    // A message with a send-once right waits in the child's queue: its end tells the root task.
    let to = w.get(
        root,
        routine::MACH_PORT_EXTRACT_RIGHT,
        &[_task, own, MAKE_SEND as u64],
    );
    w.ask(
        root,
        routine::MSG_SEND,
        &send_words(to, COPY_SEND, 1, POLL, &[once], &[]),
    )
    .unwrap();
    let badge = w
        .mach
        .kernel()
        .slots(child.task)
        .find_map(|(_, slot)| match slot {
            mach::sim::Slot::Fault(badge) => Some(badge),
            _ => None,
        })
        .unwrap();
    let thread = w.mach.thread_of_badge(badge).unwrap();
    assert!(!w.mach.fault(thread, 0x10, mach::Protection::READ));
    w.check();
    let got = w.ask(root, routine::MSG_RECEIVE, &[port, POLL]).unwrap();
    assert_eq!(got[1], notify::SEND_ONCE as u64);
    w.finish();
}

#[test]
fn an_interrupt_keeps_its_slots() {
    let mut w = World::new();
    let root = w.boot_root();
    let task = w.mach.audit_tasks_all()[0];
    let host = w.mach.host_give(task).unwrap() as u64;
    let line = w.get(root, routine::DEVICE_INTERRUPT, &[host, 40]);
    let slots = w.ask(root, routine::INTERRUPT_ATTACH, &[line]).unwrap();
    for slot in slots {
        w.refused(
            root,
            routine::MACH_PORT_DEALLOCATE,
            &[0, slot],
            Error::KERN_INVALID_RIGHT,
        );
        w.refused(
            root,
            routine::MACH_PORT_DESTROY,
            &[0, slot],
            Error::KERN_INVALID_RIGHT,
        );
    }
    w.check();
    w.finish();
}

#[test]
fn a_device_is_never_read_by_the_mach_server() {
    let mut w = World::new();
    let root = w.boot_root();
    let task = w.mach.audit_tasks_all()[0];
    let host = w.mach.host_give(task).unwrap() as u64;
    w.refused(
        root,
        routine::DEVICE_MEMORY,
        &[host, !4095, 8192],
        Error::KERN_INVALID_ADDRESS,
    );
    let device = w.get(root, routine::DEVICE_MEMORY, &[host, 0x900_0000, 4096]);
    let map = |copy| [0, 0, 4096, 0, 1, device, 0, copy, 3, 3, 1];
    let at = w.get(root, routine::VM_MAP, &map(0));
    w.refused(root, routine::VM_MAP, &map(1), Error::KERN_INVALID_ARGUMENT);
    w.refused(
        root,
        routine::VM_READ,
        &[0, at, 8],
        Error::KERN_INVALID_ADDRESS,
    );
    w.refused(
        root,
        routine::VM_WRITE,
        &[0, at, 8, 1],
        Error::KERN_INVALID_ADDRESS,
    );
    w.refused(
        root,
        routine::VM_COPY,
        &[0, at, 0, TEXT, 8],
        Error::KERN_INVALID_ADDRESS,
    );
    w.refused(
        root,
        routine::GSYNC_WAIT,
        &[at, 0, 1],
        Error::KERN_INVALID_ADDRESS,
    );
    w.finish();
}

#[test]
fn accounts_nest_only_so_deep() {
    let mut w = World::new();
    let root = w.boot_root();
    let mut at = root;
    let mut depth = 0;
    loop {
        match w.ask(at, routine::ACCOUNT_CREATE, &[1 << 40, 1 << 40, 1 << 20]) {
            Ok(words) => at = w.task(at, words[0]).0,
            Err(error) => {
                assert_eq!(error, Error::KERN_RESOURCE_SHORTAGE);
                break;
            }
        }
        depth += 1;
    }
    assert_eq!(depth, 32);
    w.check();
    w.finish();
}

#[test]
fn notifications_that_nobody_reads_are_charged_to_who_asked_for_them() {
    let mut w = World::new();
    let root = w.boot_root();
    let account = w.get(root, routine::ACCOUNT_CREATE, &[1 << 20, 1 << 16, 100]);
    let (child, _) = w.task(root, account);
    let port = w.port(child);
    let mut told = 0;
    while let Ok(words) = w.ask(child, routine::MACH_PORT_ALLOCATE, &[0, 1]) {
        let name = words[0];
        let words = [
            0,
            name,
            notify::DEAD_NAME as u64,
            0,
            port,
            MAKE_SEND_ONCE as u64,
        ];
        let asked = w.ask(child, routine::MACH_PORT_REQUEST_NOTIFICATION, &words);
        w.ask(child, routine::MACH_PORT_DESTROY, &[0, name])
            .unwrap();
        match asked {
            Ok(_) => told += 1,
            Err(error) => {
                assert_eq!(error, Error::KERN_RESOURCE_SHORTAGE);
                break;
            }
        }
        assert!(told < 10_000);
    }
    assert!(told > 100);
    w.check();
    for _ in 0..told {
        let got = w.ask(child, routine::MSG_RECEIVE, &[port, POLL]).unwrap();
        assert_eq!(got[1], notify::PORT_DELETED as u64);
    }
    w.check();
    w.finish();
}

#[test]
fn a_queue_is_charged_to_those_who_filled_it() {
    let mut w = World::new();
    let root = w.boot_root();
    let account = w.get(root, routine::ACCOUNT_CREATE, &[1 << 20, 1 << 16, 100]);
    let (child, task) = w.task(root, account);
    let port = w.port(root);
    w.ask(root, routine::MACH_PORT_SET_QLIMIT, &[0, port, 65535])
        .unwrap();
    let to = w.give(root, task, port, MAKE_SEND);
    let words = send_words(to, COPY_SEND, 1, POLL, &[], &[0; 110]);
    let mut sent = 0;
    while w.ask(child, routine::MSG_SEND, &words).is_ok() {
        sent += 1;
        assert!(sent < 1000);
    }
    w.refused(
        child,
        routine::MSG_SEND,
        &words,
        Error::KERN_RESOURCE_SHORTAGE,
    );
    w.check();
    w.ask(root, routine::TASK_TERMINATE, &[task]).unwrap();
    w.check();
    for _ in 0..sent {
        w.ask(root, routine::MSG_RECEIVE, &[port, POLL]).unwrap();
    }
    w.finish();
}

#[test]
fn a_refused_transfer_of_a_right_leaves_it_where_it_was() {
    let mut w = World::new();
    let root = w.boot_root();
    let account = w.get(root, routine::ACCOUNT_CREATE, &[1 << 20, 1 << 20, 1]);
    let (child, task) = w.task(root, account);
    let _ = child;
    let (port, note) = (w.port(root), w.port(root));
    let words = [
        0,
        port,
        notify::NO_SENDERS as u64,
        1,
        note,
        MAKE_SEND_ONCE as u64,
    ];
    w.ask(root, routine::MACH_PORT_REQUEST_NOTIFICATION, &words)
        .unwrap();
    for how in [MAKE_SEND, MAKE_SEND_ONCE, MOVE_RECEIVE] {
        let words = [task, 0, port, how as u64];
        let short = Error::KERN_RESOURCE_SHORTAGE;
        w.refused(root, routine::MACH_PORT_INSERT_RIGHT, &words, short);
        w.check();
        let status = w
            .ask(root, routine::MACH_PORT_GET_RECEIVE_STATUS, &[0, port])
            .unwrap();
        assert_eq!(status[2], 0);
        assert_eq!(status[7], 1);
    }
    w.refused(
        root,
        routine::MSG_RECEIVE,
        &[note, POLL],
        Error::MACH_RCV_TIMED_OUT,
    );
    w.finish();
}

#[test]
fn a_full_inbox_refuses_a_reply_with_rights() {
    let mut w = World::new();
    let root = w.boot_root();
    let (client, client_name) = w.task(root, 0);
    let port = w.port(root);
    let to = w.give(root, client_name, port, MAKE_SEND);
    w.mach.kernel().call_begin(client.thread, to as u32, 1);
    let list = [right_word(port, MAKE_SEND); 100];
    let mut words = vec![client.number as u64, 100];
    words.extend(list);
    for _ in 0..5 {
        w.ask(root, routine::REPLY_RIGHTS, &words).unwrap();
    }
    w.refused(root, routine::REPLY_RIGHTS, &words, Error::KERN_NO_SPACE);
    let before = w.get(root, routine::TASK_INFO, &[0]);
    w.ask(root, routine::REPLY_NEW_PORT, &[client.number as u64, 0])
        .unwrap();
    w.ask(root, routine::REPLY_NEW_PORT, &[client.number as u64, 0])
        .unwrap();
    w.refused(
        root,
        routine::REPLY_NEW_PORT,
        &[client.number as u64, 0],
        Error::KERN_NO_SPACE,
    );
    assert_eq!(before, 1);
    w.check();
    w.finish();
}

#[test]
fn a_task_with_thousands_of_names_ends_in_reasonable_time() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let set = w.get(child, routine::MACH_PORT_ALLOCATE, &[0, 3]);
    for place in 0..20_000u64 {
        let port = w.port(child);
        let words = send_words(port, MAKE_SEND, place, POLL, &[], &[]);
        w.ask(child, routine::MSG_SEND, &words).unwrap();
        if place % 2 == 0 {
            w.ask(child, routine::MACH_PORT_MOVE_MEMBER, &[0, port, set])
                .unwrap();
        } else {
            w.get(child, routine::MACH_PORT_ALLOCATE, &[0, 3]);
        }
    }
    let started = std::time::Instant::now();
    w.ask(root, routine::TASK_TERMINATE, &[task]).unwrap();
    assert!(started.elapsed().as_secs() < 5);
    w.finish();
}

#[test]
fn a_chain_of_receive_rights_is_received_without_recursion() {
    on_a_small_stack(|| {
        let mut w = World::new();
        let root = w.boot_root();
        let task = mach::abi::TASK_SELF as u64;
        // A message in a queue that moves with a receive right, and so on.
        let mut inner = w.port(root);
        w.ask(
            root,
            routine::MSG_SEND,
            &send_words(inner, MAKE_SEND, 1, POLL, &[], &[]),
        )
        .unwrap();
        for _ in 0..2000 {
            let outer = w.port(root);
            let rights = [right_word(inner, MOVE_RECEIVE)];
            let words = send_words(outer, MAKE_SEND, 1, POLL, &rights, &[]);
            w.ask(root, routine::MSG_SEND, &words).unwrap();
            inner = outer;
        }
        let set = w.get(root, routine::MACH_PORT_ALLOCATE, &[0, 3]);
        w.ask(root, routine::MACH_PORT_MOVE_MEMBER, &[0, inner, set])
            .unwrap();
        let mut waiting = Vec::new();
        for _ in 0..2001 {
            let (thread, name) = w.thread(root, task, root.task);
            w.ask(root, routine::MACH_PORT_DEALLOCATE, &[0, name])
                .unwrap();
            assert_eq!(
                w.request(thread, routine::MSG_RECEIVE, &[0, 0]),
                Reply::Waits
            );
            waiting.push(thread);
        }
        w.ask(root, routine::MACH_PORT_MOVE_MEMBER, &[0, inner, 0])
            .unwrap();
        assert_eq!(w.answers().len(), 2001);
        w.mach.task_terminate(w.mach.audit_tasks_all()[0]).unwrap();
        w.rest();
        w.nothing_left();
    });
}

#[test]
fn more_members_than_an_answer_holds_can_be_listed() {
    let mut w = World::new();
    let root = w.boot_root();
    let set = w.get(root, routine::MACH_PORT_ALLOCATE, &[0, 3]);
    let mut ports: Vec<u64> = (0..300).map(|_| w.port(root)).collect();
    for port in &ports {
        w.ask(root, routine::MACH_PORT_MOVE_MEMBER, &[0, *port, set])
            .unwrap();
    }
    let mut found = Vec::new();
    loop {
        let from = found.last().copied().unwrap_or(0);
        let more = w
            .ask(root, routine::MACH_PORT_GET_SET_STATUS, &[0, set, from])
            .unwrap();
        if more.is_empty() {
            break;
        }
        found.extend(more);
    }
    ports.sort_unstable();
    assert_eq!(found, ports);
    w.finish();
}

#[test]
fn waits_that_end_early_leave_no_time_limit_behind() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let (other, _) = w.thread(root, task, child.task);
    let (third, _) = w.thread(root, task, child.task);
    let port = w.port(root);
    let to = w.give(root, task, port, MAKE_SEND);
    w.ask(root, routine::MACH_PORT_SET_QLIMIT, &[0, port, 0])
        .unwrap();
    let long = 1 << 40;
    let code = SYSTEM_CALL as u64;
    assert_eq!(
        w.request(child, routine::GSYNC_WAIT, &[TEXT, code, long]),
        Reply::Waits
    );
    assert_eq!(
        w.request(other, routine::MSG_RECEIVE, &[0, long]),
        Reply::Waits
    );
    let words = send_words(to, COPY_SEND, 1, long, &[], &[]);
    assert_eq!(w.request(third, routine::MSG_SEND, &words), Reply::Waits);
    w.check();
    w.ask(root, routine::TASK_TERMINATE, &[task]).unwrap();
    w.check();
    w.finish();
}

#[test]
fn a_limited_account_keeps_its_limit_and_harms_nobody() {
    let mut w = World::new();
    let root = w.boot_root();
    let limit = Limits {
        memory: 64 << 12,
        objects: 1 << 18,
        rights: 50,
    };
    let account = w.get(
        root,
        routine::ACCOUNT_CREATE,
        &[limit.memory, limit.objects, limit.rights],
    );
    let (child, _) = w.task(root, account);
    while w.ask(child, routine::MACH_PORT_ALLOCATE, &[0, 1]).is_ok() {}
    w.refused(
        child,
        routine::MACH_PORT_ALLOCATE,
        &[0, 1],
        Error::KERN_RESOURCE_SHORTAGE,
    );
    let at = w.get(child, routine::VM_ALLOCATE, &[0, 0, 1 << 20, 1]);
    let mut page = 0;
    while w
        .ask(child, routine::VM_WRITE, &[0, at + page * 4096, 1, 1])
        .is_ok()
    {
        page += 1;
    }
    assert_eq!(page, 64 - 2, "pages beside the text and the thread's own");
    w.port(root);
    w.check();
    w.finish();
}

#[test]
fn a_port_that_is_told_of_its_own_end_dies() {
    let mut w = World::new();
    let root = w.boot_root();
    let port = w.port(root);
    let words = [
        0,
        port,
        notify::DEAD_NAME as u64,
        0,
        port,
        MAKE_SEND_ONCE as u64,
    ];
    w.ask(root, routine::MACH_PORT_REQUEST_NOTIFICATION, &words)
        .unwrap();
    w.ask(root, routine::MACH_PORT_DESTROY, &[0, port]).unwrap();
    w.check();
    w.finish();
}

#[test]
fn a_send_once_right_cannot_be_told_of_its_own_end() {
    let mut w = World::new();
    let root = w.boot_root();
    let port = w.port(root);
    let once = w.give(root, 0, port, MAKE_SEND_ONCE);
    let words = [
        0,
        once,
        notify::DEAD_NAME as u64,
        0,
        once,
        MOVE_SEND_ONCE as u64,
    ];
    let wrong = Error::KERN_INVALID_CAPABILITY;
    w.refused(root, routine::MACH_PORT_REQUEST_NOTIFICATION, &words, wrong);
    w.check();
    w.finish();
}

#[test]
fn senders_that_wait_are_admitted_in_their_order() {
    let mut w = World::new();
    let root = w.boot_root();
    let task = mach::abi::TASK_SELF as u64;
    let port = w.port(root);
    w.ask(root, routine::MACH_PORT_SET_QLIMIT, &[0, port, 1])
        .unwrap();
    w.ask(
        root,
        routine::MSG_SEND,
        &send_words(port, MAKE_SEND, 0, POLL, &[], &[]),
    )
    .unwrap();
    for label in 1..5 {
        let (sender, name) = w.thread(root, task, root.task);
        w.ask(root, routine::MACH_PORT_DEALLOCATE, &[0, name])
            .unwrap();
        let words = send_words(port, MAKE_SEND, label, 0, &[], &[]);
        assert_eq!(w.request(sender, routine::MSG_SEND, &words), Reply::Waits);
    }
    for label in 0..5 {
        let got = w.ask(root, routine::MSG_RECEIVE, &[port, POLL]).unwrap();
        assert_eq!(got[1..3], [label, label]);
        w.check();
    }
    w.finish();
}

#[test]
fn a_task_that_nobody_can_reach_ends() {
    on_a_small_stack(|| {
        let mut w = World::new();
        let root = w.boot_root();
        // A chain: each holds the only right to the next.
        let mut last = None;
        for _ in 0..3000 {
            let task = w.get(root, routine::TASK_CREATE, &[0]);
            if let Some(last) = last {
                w.give(root, task, last, MOVE_SEND);
            }
            last = Some(task);
        }
        let (child, name) = w.task(root, 0);
        w.ask(root, routine::MACH_PORT_DEALLOCATE, &[0, name])
            .unwrap();
        let words = [0, last.unwrap()];
        w.ask(root, routine::MACH_PORT_DEALLOCATE, &words).unwrap();
        assert_eq!(w.mach.audit_tasks_all().len(), 2);
        w.check();
        // One with a thread lives, until the thread is gone.
        w.request(child, routine::THREAD_TERMINATE, &[0, child.number as u64]);
        assert_eq!(w.mach.audit_tasks_all().len(), 1);
        w.finish();
    });
}

#[test]
fn a_task_with_many_rights_ends_in_pieces_while_others_are_answered() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let mut ports = Vec::new();
    for _ in 0..5000 {
        let port = w.port(child);
        let words = [task, port, MAKE_SEND as u64];
        ports.push(w.get(root, routine::MACH_PORT_EXTRACT_RIGHT, &words));
    }
    // One port that the root task has many rights to.
    let first = w.port(child);
    for _ in 0..3000 {
        let words = [task, first, MAKE_SEND_ONCE as u64];
        w.get(root, routine::MACH_PORT_EXTRACT_RIGHT, &words);
    }
    let size = 4096 * 1000;
    let at = w.get(child, routine::VM_ALLOCATE, &[0, 0, size, 1]);
    for page in 0..1000 {
        w.ask(child, routine::VM_WRITE, &[0, at + page * 4096, 8, 1]).unwrap();
    }
    w.check();
    w.busy = true;
    w.ask(root, routine::TASK_TERMINATE, &[task]).unwrap();
    // Gone for all that can be asked, at once.
    w.refused(root, routine::TASK_INFO, &[task], Error::KERN_INVALID_TASK);
    let mut requests = 0;
    let mut dead = 0;
    while w.mach.has_work() {
        let port = ports[ports.len() - 1 - requests * 37 % ports.len()];
        let bits = w.get(root, routine::MACH_PORT_TYPE, &[0, port]);
        dead += (bits == 1 << 20) as u32;
        requests += 1;
    }
    assert!((20..600).contains(&requests), "{requests}");
    assert!(dead > 0 && dead < requests as u32, "{dead}");
    w.check();
    w.finish();
}

#[test]
fn rights_to_a_port_that_is_being_taken_apart_are_dead_or_become_so() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let (other, other_task) = w.task(root, 0);
    let port = w.port(child);
    let here = w.get(root, routine::MACH_PORT_EXTRACT_RIGHT, &[task, port, MAKE_SEND as u64]);
    let there = w.give(root, other_task, here, COPY_SEND);
    for _ in 0..50 {
        w.get(root, routine::MACH_PORT_EXTRACT_RIGHT, &[task, port, MAKE_SEND_ONCE as u64]);
    }
    let own = w.port(root);
    w.mach.pieces_set(1);
    w.busy = true;
    w.ask(root, routine::TASK_TERMINATE, &[task]).unwrap();
    for _ in 0..8 {
        w.mach.work();
    }
    // Renamed, copied, moved, given back: nothing of it brings the port to life.
    w.ask(other, routine::MACH_PORT_RENAME, &[0, there, 900]).unwrap();
    let words = send_words(own, MAKE_SEND, 1, POLL, &[right_word(here, COPY_SEND)], &[]);
    w.ask(root, routine::MSG_SEND, &words).unwrap();
    let got = w.ask(root, routine::MSG_RECEIVE, &[own, POLL]).unwrap();
    assert!(got[5] == 0xffff_ffff || got[5] & 0xfff_ffff == here);
    w.ask(other, routine::MACH_PORT_DEALLOCATE, &[0, 900]).unwrap();
    w.rest();
    w.check();
    assert_eq!(w.get(root, routine::MACH_PORT_TYPE, &[0, here]), 1 << 20);
    w.mach.pieces_set(100);
    w.finish();
}

#[test]
fn a_name_is_not_given_to_another_port_while_capabilities_of_the_last_one_are_there() {
    let mut w = World::new();
    let root = w.boot_root();
    let (child, task) = w.task(root, 0);
    let port = w.port(child);
    let sent = w.get(root, routine::MACH_PORT_EXTRACT_RIGHT, &[task, port, MAKE_SEND as u64]);
    let mut holders = Vec::new();
    for _ in 0..8 {
        let (holder, task) = w.task(root, 0);
        holders.push((holder, w.give(root, task, sent, COPY_SEND)));
    }
    w.mach.pieces_set(1);
    w.busy = true;
    w.ask(child, routine::MACH_PORT_DESTROY, &[0, port]).unwrap();
    let words = [0, right::RECEIVE as u64, port];
    w.refused(child, routine::MACH_PORT_ALLOCATE_NAME, &words, Error::KERN_NAME_EXISTS);
    // Nor can it be sent to, whoever still has a name for it.
    let words = send_words(holders[0].1, COPY_SEND, 1, POLL, &[], &[]);
    w.refused(holders[0].0, routine::MSG_SEND, &words, Error::MACH_SEND_INVALID_DEST);
    w.rest();
    w.check();
    let words = [0, right::RECEIVE as u64, port];
    w.ask(child, routine::MACH_PORT_ALLOCATE_NAME, &words).unwrap();
    w.mach.pieces_set(100);
    w.check();
    w.finish();
}

#[test]
fn no_task_has_the_badge_that_stands_for_nobody() {
    let mut w = World::new();
    let root = w.boot_root();
    assert_ne!(w.mach.kernel().task_badge(root.task), 0);
    w.finish();
}

#[test]
fn only_a_tasks_own_threads_can_have_its_words() {
    let mut w = World::new();
    let root = w.boot_root();
    let (other, task) = w.task(root, 0);
    let badge = |w: &mut World, caller: crate::common::Caller| w.mach.kernel().task_badge(caller.task);
    let (own, others) = (badge(&mut w, root), badge(&mut w, other));
    assert_eq!(w.mach.thread_of_task(own, root.number), Some(root.thread));
    assert_eq!(w.mach.thread_of_task(others, other.number), Some(other.thread));
    for number in [other.number, root.number ^ 1 << 20, root.number | 1 << 31, u32::MAX] {
        assert_eq!(w.mach.thread_of_task(own, number), None);
    }
    w.ask(root, routine::TASK_TERMINATE, &[task]).unwrap();
    assert_eq!(w.mach.thread_of_task(others, other.number), None);
    w.finish();
}
