//! What is said of tasks and threads: that the system ends with one, how high they may come.

use crate::common::World;
use mach::abi::routine::*;

#[test]
fn the_system_ends_with_an_essential_task() {
    let mut world = World::new();
    let root = world.boot_root();
    let task = world.mach.audit_tasks_all()[0];
    let host = world.mach.host_give(task).unwrap() as u64;
    let (_, one) = world.task(root, 0);
    let (_, other) = world.task(root, 0);
    world.ask(root, TASK_SET_NAME, &[one, 5, u64::from_le_bytes(*b"ext2\xff\0\0\0")]).unwrap();
    for task in [one, other] {
        world.ask(root, TASK_SET_ESSENTIAL, &[host, task, 1]).unwrap();
    }
    world.ask(root, TASK_SET_ESSENTIAL, &[host, other, 0]).unwrap();
    world.ask(root, TASK_TERMINATE, &[other]).unwrap();
    assert_eq!(world.mach.kernel().powered(), None);
    world.ask(root, TASK_TERMINATE, &[one]).unwrap();
    assert_eq!(world.mach.kernel().powered(), Some(false));
    assert_eq!(world.mach.kernel().log_take(), ["the system ends with the essential task ext2\u{fffd}"]);
    world.finish();
}

#[test]
fn the_highest_priority_of_a_set_holds_for_all_threads_piece_by_piece() {
    let mut world = World::new();
    let root = world.boot_root();
    let task = world.mach.audit_tasks_all()[0];
    let host = world.mach.host_give(task).unwrap() as u64;
    let name = world.get(root, PROCESSOR_SET_DEFAULT, &[]);
    let set = world.get(root, HOST_PROCESSOR_SET_PRIV, &[host, name]);
    let threads: Vec<u64> = (0..600).map(|_| world.get(root, THREAD_CREATE, &[0, 0])).collect();
    world.ask(root, THREAD_PRIORITY, &[threads[7], 50, 1]).unwrap();
    let (mut from, mut calls) = (0, 0);
    loop {
        from = world.get(root, PROCESSOR_SET_MAX_PRIORITY, &[set, 40, 1, from]);
        calls += 1;
        if from == 0 {
            break;
        }
    }
    assert_eq!(calls, 3);
    for (place, thread) in threads.iter().enumerate() {
        let words = world.ask(root, THREAD_INFO, &[*thread, 2]).unwrap();
        let expected = if place == 7 { 50 } else { 40 };
        assert_eq!(words[2..5], [expected; 3], "{place}");
    }
    // Who controls the set can raise one.
    world.ask(root, THREAD_MAX_PRIORITY, &[threads[0], set, 30]).unwrap();
    world.ask(root, THREAD_PRIORITY, &[threads[0], 30, 0]).unwrap();
    world.check();
    world.finish();
}
