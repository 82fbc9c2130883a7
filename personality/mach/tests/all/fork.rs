//! Tasks that begin with what another one has.

use crate::common::{Caller, Reply, World};
use mach::abi::{disposition, inherit, right, routine};
use mach::{Error, Protection};

const PAGE: u64 = 4096;
const ALL: u64 = inherit::MEMORY | inherit::RIGHTS;

#[test]
fn a_child_has_the_send_rights_under_the_same_names_and_no_others() {
    let mut w = World::new();
    let root = w.boot_root();
    let (parent, parent_name) = w.task(root, 0);
    let own = w.port(parent);
    let both = w.port(parent);
    let words = [0, 0, both, disposition::MAKE_SEND as u64];
    assert_eq!(w.get(parent, routine::MACH_PORT_INSERT_RIGHT, &words), both);
    let set = w.get(
        parent,
        routine::MACH_PORT_ALLOCATE,
        &[0, right::PORT_SET as u64],
    );
    let port = w.port(root);
    let sent = w.give(root, parent_name, port, disposition::MAKE_SEND);
    w.give(root, parent_name, port, disposition::MAKE_SEND);
    let dying = w.port(root);
    let dead = w.give(root, parent_name, dying, disposition::MAKE_SEND);
    w.ask(root, routine::MACH_PORT_DESTROY, &[0, dying])
        .unwrap();
    w.check();
    let child = w.get(root, routine::TASK_CREATE, &[0, parent_name, ALL]);
    w.check();
    let refs = |w: &mut World, name: u64, kind: u32| {
        w.ask(
            root,
            routine::MACH_PORT_GET_REFS,
            &[child, name, kind as u64],
        )
        .map(|words| words[0])
    };
    assert_eq!(refs(&mut w, sent, right::SEND), Ok(2));
    assert_eq!(refs(&mut w, both, right::SEND), Ok(1));
    assert_eq!(refs(&mut w, both, right::RECEIVE), Ok(0));
    assert_eq!(refs(&mut w, dead, right::DEAD_NAME), Ok(1));
    for name in [own, set] {
        assert_eq!(
            refs(&mut w, name, right::RECEIVE),
            Err(Error::KERN_INVALID_NAME)
        );
    }
    // New names are none that the parent had.
    let words = [child, right::RECEIVE as u64];
    for _ in 0..8 {
        let new = w.get(root, routine::MACH_PORT_ALLOCATE, &words);
        assert!(![own, both, set, sent, dead].contains(&new));
    }
    w.check();
    w.finish();
}

#[test]
fn a_fork_that_fails_leaves_nothing_behind() {
    let mut w = World::new();
    let root = w.boot_root();
    let (parent, parent_name) = w.task(root, 0);
    let at = w.get(parent, routine::VM_ALLOCATE, &[0, 0, 40 * PAGE, 1]);
    for page in 0..40 {
        w.ask(parent, routine::VM_WRITE, &[0, at + page * PAGE, 1, page])
            .unwrap();
    }
    for _ in 0..200 {
        let port = w.port(root);
        w.give(root, parent_name, port, disposition::MAKE_SEND);
    }
    let before = w.ask(root, routine::ACCOUNT_INFO, &[0]).unwrap();
    for fail in 0.. {
        w.mach.kernel().fail_after(Some(fail));
        let reply = w.request(root, routine::TASK_CREATE, &[0, parent_name, ALL]);
        let failed = w.mach.kernel().has_failed();
        w.mach.kernel().fail_after(None);
        w.check();
        match reply {
            // What is only made ahead may be missing; the child reads what its parent has.
            Reply::Done(Ok(words)) => {
                for page in 0..40 {
                    let read = [words[0], at + page * PAGE, 1];
                    assert_eq!(w.ask(root, routine::VM_READ, &read).unwrap()[1], page);
                }
                w.ask(root, routine::TASK_TERMINATE, &[words[0]]).unwrap();
                w.ask(root, routine::MACH_PORT_DEALLOCATE, &[0, words[0]])
                    .unwrap();
                if !failed {
                    break;
                }
            }
            reply => assert_eq!(reply, Reply::Done(Err(Error::KERN_RESOURCE_SHORTAGE))),
        }
        assert_eq!(w.ask(root, routine::ACCOUNT_INFO, &[0]).unwrap(), before);
    }
    w.finish();
}

#[test]
fn a_child_pays_for_what_it_shares_and_frees_it() {
    let mut w = World::new();
    let root = w.boot_root();
    let account = w.get(root, routine::ACCOUNT_CREATE, &[21 * PAGE, 1 << 30, 1000]);
    let (parent, parent_name) = w.task(root, 0);
    let at = w.get(parent, routine::VM_ALLOCATE, &[0, 0, 19 * PAGE, 1]);
    for page in 0..19 {
        w.ask(parent, routine::VM_WRITE, &[0, at + page * PAGE, 1, page])
            .unwrap();
    }
    let frames = w.mach.kernel().counts()[2];
    // The text page and nineteen others, twice, do not fit.
    let child = w.get(
        root,
        routine::TASK_CREATE,
        &[account, parent_name, inherit::MEMORY],
    );
    // It has its own copy of the text page, which was written, and shares the many others.
    assert_eq!(w.mach.kernel().counts()[2], frames + 1);
    assert_eq!(
        w.ask(root, routine::ACCOUNT_INFO, &[account]).unwrap()[3],
        20 * PAGE
    );
    let words = [account, parent_name, inherit::MEMORY];
    w.refused(
        root,
        routine::TASK_CREATE,
        &words,
        Error::KERN_RESOURCE_SHORTAGE,
    );
    w.check();
    // A write needs memory, and no room in the account.
    for page in 0..19 {
        w.ask(
            root,
            routine::VM_WRITE,
            &[child, at + page * PAGE, 1, 100 + page],
        )
        .unwrap();
        let words = w
            .ask(parent, routine::VM_READ, &[0, at + page * PAGE, 1])
            .unwrap();
        assert_eq!(words[1], page);
    }
    assert_eq!(w.mach.kernel().counts()[2], frames + 20);
    w.ask(root, routine::TASK_TERMINATE, &[child]).unwrap();
    w.check();
    assert_eq!(w.mach.kernel().counts()[2], frames);
    // The one that is left writes without a copy.
    let badge = w.fault_badge(parent);
    let thread = w.mach.thread_of_badge(badge).unwrap();
    assert!(w.mach.fault(thread, at, Protection::WRITE));
    assert_eq!(w.mach.kernel().counts()[2], frames);
    w.finish();
}

#[test]
fn a_few_pages_that_were_written_are_copied_at_once() {
    let mut w = World::new();
    let root = w.boot_root();
    let (parent, name) = w.task(root, 0);
    let at = w.get(parent, routine::VM_ALLOCATE, &[0, 0, 200 * PAGE, 1]);
    for page in 0..200 {
        w.ask(parent, routine::VM_WRITE, &[0, at + page * PAGE, 1, 1]).unwrap();
    }
    let writes = |w: &mut World, task, page| {
        let mapping = w.mach.kernel().mapping(task, at + page * PAGE);
        mapping.is_some_and(|(_, protection)| protection.contains(Protection::WRITE))
    };
    let words = [0, name, inherit::MEMORY];
    let first = w.get(root, routine::TASK_CREATE, &words);
    assert!((0..200).all(|page| !writes(&mut w, parent.task, page)));
    for page in [3, 77, 199] {
        w.ask(parent, routine::VM_WRITE, &[0, at + page * PAGE, 1, 2]).unwrap();
    }
    let frames = w.mach.kernel().counts()[2];
    let second = w.get(root, routine::TASK_CREATE, &words);
    // These three, and the text page.
    assert_eq!(w.mach.kernel().counts()[2], frames + 4);
    let child = w.mach.kernel().task_newest().unwrap();
    for page in 0..200 {
        let copied = [3, 77, 199].contains(&page);
        assert_eq!(writes(&mut w, parent.task, page), copied);
        assert_eq!(writes(&mut w, child, page), copied);
    }
    w.check();
    w.ask(parent, routine::VM_WRITE, &[0, at + 77 * PAGE, 1, 3]).unwrap();
    for (task, byte) in [(first, 1), (second, 2), (name, 3)] {
        let words = w.ask(root, routine::VM_READ, &[task, at + 77 * PAGE, 1]).unwrap();
        assert_eq!(words[1], byte);
    }
    w.finish();
}

/// A task with 100 pages at an address, numbered by their first bytes, and one child that has done
/// something and ended: who asks, and the task's name.
fn after_a_child(
    w: &mut World,
    at: u64,
    then: impl FnOnce(&mut World, Caller, u64),
) -> (Caller, u64) {
    let root = w.boot_root();
    let (parent, name) = w.task(root, 0);
    w.ask(parent, routine::VM_ALLOCATE, &[0, at, 100 * PAGE, 0]).unwrap();
    for page in 0..100 {
        w.ask(parent, routine::VM_WRITE, &[0, at + page * PAGE, 1, page]).unwrap();
    }
    let first = fork(w, root, name);
    then(w, root, first);
    w.ask(root, routine::TASK_TERMINATE, &[first]).unwrap();
    (root, name)
}

fn fork(w: &mut World, root: Caller, name: u64) -> u64 {
    w.get(root, routine::TASK_CREATE, &[0, name, inherit::MEMORY])
}

/// What the newest task may do with pages without a fault.
fn mapped(w: &mut World, at: u64) -> Vec<Option<Protection>> {
    let task = w.mach.kernel().task_newest().unwrap();
    let mapping = |page| w.mach.kernel().mapping(task, at + page * PAGE);
    (0..100).map(mapping).map(|found| found.map(|(_, protection)| protection)).collect()
}

const AT: u64 = 0x5000_0000;

#[test]
fn children_begin_with_the_pages_that_one_of_them_used() {
    let mut w = World::new();
    let (root, name) = after_a_child(&mut w, AT, |w, root, first| {
        w.ask(root, routine::VM_READ, &[first, AT + 5 * PAGE, 1]).unwrap();
        w.ask(root, routine::VM_WRITE, &[first, AT + 9 * PAGE, 1, 99]).unwrap();
    });
    for later in 1..18 {
        let child = fork(&mut w, root, name);
        let mut expected = vec![None; 100];
        // With every sixteenth child it is found out again.
        if later < 16 {
            expected[5] = Some(Protection::READ);
            expected[9] = Some(Protection::DEFAULT);
        }
        assert_eq!(mapped(&mut w, AT), expected, "{later}");
        w.check();
        if later < 16 {
            w.ask(root, routine::VM_WRITE, &[child, AT + 9 * PAGE, 1, 77]).unwrap();
            let words = w.ask(root, routine::VM_READ, &[name, AT + 9 * PAGE, 1]).unwrap();
            assert_eq!(words[1], 9);
        }
        w.ask(root, routine::TASK_TERMINATE, &[child]).unwrap();
    }
    w.finish();
}

#[test]
fn what_a_parent_has_written_long_ago_is_not_copied_for_ever() {
    let mut w = World::new();
    let (root, name) = after_a_child(&mut w, AT, |_, _, _| ());
    w.ask(root, routine::VM_WRITE, &[name, AT + 3 * PAGE, 1, 3]).unwrap();
    for later in 1..18 {
        let child = fork(&mut w, root, name);
        let mut expected = vec![None; 100];
        if later < 16 {
            expected[3] = Some(Protection::DEFAULT);
        }
        assert_eq!(mapped(&mut w, AT), expected, "{later}");
        w.ask(root, routine::TASK_TERMINATE, &[child]).unwrap();
    }
    w.finish();
}

#[test]
fn only_a_bounded_number_of_pages_is_mapped_for_a_child() {
    let mut w = World::new();
    let (root, name) = after_a_child(&mut w, AT, |w, root, first| {
        for page in 0..100 {
            w.ask(root, routine::VM_READ, &[first, AT + page * PAGE, 1]).unwrap();
        }
    });
    fork(&mut w, root, name);
    assert_eq!(mapped(&mut w, AT).into_iter().flatten().count(), 32);
    w.check();
    w.finish();
}

#[test]
fn what_a_child_does_after_an_exec_says_nothing_about_its_parent() {
    let mut w = World::new();
    let (root, name) = after_a_child(&mut w, AT, |w, root, first| {
        w.ask(root, routine::VM_READ, &[first, AT, 1]).unwrap();
        w.ask(root, routine::TASK_CLEAR, &[first]).unwrap();
        w.ask(root, routine::VM_ALLOCATE, &[first, AT, 100 * PAGE, 0]).unwrap();
        w.ask(root, routine::VM_WRITE, &[first, AT + 9 * PAGE, 1, 99]).unwrap();
    });
    fork(&mut w, root, name);
    let mut expected = vec![None; 100];
    expected[0] = Some(Protection::READ);
    assert_eq!(mapped(&mut w, AT), expected);
    w.check();
    w.finish();
}

#[test]
fn a_child_that_cannot_have_pages_ahead_has_its_memory() {
    let mut w = World::new();
    let (root, name) = after_a_child(&mut w, AT, |w, root, first| {
        for page in 0..20 {
            w.ask(root, routine::VM_READ, &[first, AT + page * PAGE, 1]).unwrap();
        }
    });
    let before = w.ask(root, routine::ACCOUNT_INFO, &[0]).unwrap();
    for fail in 0.. {
        w.mach.kernel().fail_after(Some(fail));
        let reply = w.request(root, routine::TASK_CREATE, &[0, name, ALL]);
        let failed = w.mach.kernel().has_failed();
        w.mach.kernel().fail_after(None);
        w.check();
        if let Reply::Done(Ok(words)) = reply {
            for page in 0..100 {
                let read = [words[0], AT + page * PAGE, 1];
                assert_eq!(w.ask(root, routine::VM_READ, &read).unwrap()[1], page);
            }
            w.ask(root, routine::TASK_TERMINATE, &[words[0]]).unwrap();
            w.ask(root, routine::MACH_PORT_DEALLOCATE, &[0, words[0]]).unwrap();
            if !failed {
                break;
            }
        }
        assert_eq!(w.ask(root, routine::ACCOUNT_INFO, &[0]).unwrap(), before);
    }
    w.finish();
}

#[test]
fn copies_of_copies_do_not_grow() {
    let mut w = World::new();
    let root = w.boot_root();
    let (parent, mut name) = w.task(root, 0);
    let at = w.get(parent, routine::VM_ALLOCATE, &[0, 0, 4 * PAGE, 1]);
    w.ask(parent, routine::VM_WRITE, &[0, at, 1, 1]).unwrap();
    let objects = w.mach.audit_totals()[3];
    for generation in 2..100u64 {
        let child = w.get(root, routine::TASK_CREATE, &[0, name, inherit::MEMORY]);
        w.ask(root, routine::VM_WRITE, &[child, at, 1, generation])
            .unwrap();
        w.ask(root, routine::TASK_TERMINATE, &[name]).unwrap();
        w.ask(root, routine::MACH_PORT_DEALLOCATE, &[0, name])
            .unwrap();
        name = child;
        let words = w.ask(root, routine::VM_READ, &[name, at, 1]).unwrap();
        assert_eq!(words[1], generation);
        assert_eq!(w.mach.audit_totals()[3], objects);
        w.check();
    }
    w.finish();
}
