//! Waits at addresses that go to another one.

use crate::common::{Caller, Reply, TEXT, World};
use mach::Error;
use mach::abi::routine::*;

const OTHER: u64 = TEXT + 64;

/// Threads of a task that wait at `TEXT`, for as many milliseconds, and one that does not.
fn waiting(world: &mut World, count: usize, time: u64) -> (Caller, Vec<Caller>) {
    let root = world.boot_root();
    let code = mach::sim::SYSTEM_CALL as u64;
    let waiters = (0..count)
        .map(|_| {
            let (thread, _) = world.thread(root, 1, root.task);
            assert_eq!(world.request(thread, GSYNC_WAIT, &[TEXT, code, time]), Reply::Waits);
            thread
        })
        .collect();
    (root, waiters)
}

#[test]
fn one_of_those_that_are_taken_is_woken_and_the_others_wait_elsewhere() {
    let mut world = World::new();
    let (root, waiters) = waiting(&mut world, 4, 0);
    assert_eq!(world.ask(root, GSYNC_REQUEUE, &[TEXT, OTHER, 1, 0]).unwrap(), []);
    assert_eq!(world.answer(waiters[0]), Ok(vec![]));
    // The second went to the other address, two are where they were.
    assert_eq!(world.get(root, GSYNC_WAKE, &[OTHER, 1]), 1);
    assert_eq!(world.answer(waiters[1]), Ok(vec![]));
    world.ask(root, GSYNC_REQUEUE, &[TEXT, OTHER, 0, 1]).unwrap();
    world.refused(root, GSYNC_REQUEUE, &[TEXT, OTHER, 0, 1], Error::KERN_INVALID_ARGUMENT);
    assert_eq!(world.get(root, GSYNC_WAKE, &[TEXT, 1]), 0);
    // To where they are: only the wakeup happens, of the one that waits longest.
    world.ask(root, GSYNC_REQUEUE, &[OTHER, OTHER, 1, 1]).unwrap();
    assert_eq!(world.answer(waiters[2]), Ok(vec![]));
    assert_eq!(world.get(root, GSYNC_WAKE, &[OTHER, 1]), 1);
    assert_eq!(world.answer(waiters[3]), Ok(vec![]));
    world.check();
    world.finish();
}

#[test]
fn the_only_one_that_waits_is_woken_and_nobody_is_left() {
    let mut world = World::new();
    let (root, waiters) = waiting(&mut world, 1, 0);
    world.ask(root, GSYNC_REQUEUE, &[TEXT, OTHER, 1, 1]).unwrap();
    assert_eq!(world.answer(waiters[0]), Ok(vec![]));
    assert_eq!(world.get(root, GSYNC_WAKE, &[OTHER, 1]), 0);
    world.finish();
}

#[test]
fn time_limits_and_the_end_of_threads_hold_for_those_that_wait_elsewhere() {
    let mut world = World::new();
    let (root, waiters) = waiting(&mut world, 3, 20);
    world.ask(root, GSYNC_REQUEUE, &[TEXT, OTHER, 0, 1]).unwrap();
    world.check();
    let ended = world.ask(root, TASK_THREADS, &[0]).unwrap();
    world.ask(root, THREAD_TERMINATE, &[ended[2]]).unwrap();
    world.check();
    world.mach.kernel().time_advance(30_000_000);
    world.mach.timer();
    let mut told: Vec<_> = world.answers().into_iter().map(|answer| answer.thread).collect();
    told.sort_unstable_by_key(|thread| waiters.iter().position(|other| other.thread == *thread));
    assert_eq!(told, [waiters[1].thread, waiters[2].thread]);
    world.check();
    world.finish();
}
