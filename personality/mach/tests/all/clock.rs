//! The time of day, and how it is adjusted.

use crate::common::{Caller, World};
use mach::Error;
use mach::abi::routine::*;

const SECOND: u64 = 1_000_000_000;
const EPOCH: u64 = 1_700_000_000 * SECOND;

fn world() -> (World, Caller, u64) {
    let mut world = World::new();
    let root = world.boot_root();
    let task = world.mach.audit_tasks_all()[0];
    let host = world.mach.host_give(task).unwrap() as u64;
    (world, root, host)
}

fn time(world: &mut World, root: Caller) -> u64 {
    world.get(root, HOST_GET_TIME64, &[])
}

#[test]
fn a_clock_that_nobody_has_set_cannot_be_adjusted() {
    let (mut world, root, host) = world();
    assert_eq!(time(&mut world, root), 0);
    world.refused(root, HOST_ADJUST_TIME64, &[host, 5], Error::KERN_FAILURE);
    world.refused(root, HOST_ADJUST_TIME, &[host, 0, 5], Error::KERN_FAILURE);
    // Also a time before the machine's start is one.
    world.mach.kernel().time_advance(10 * SECOND);
    world.ask(root, HOST_SET_TIME64, &[host, SECOND]).unwrap();
    world.mach.kernel().time_advance(SECOND);
    assert_eq!(time(&mut world, root), 2 * SECOND);
    world.finish();
}

#[test]
fn an_adjustment_comes_little_by_little_and_ends() {
    let (mut world, root, host) = world();
    world.ask(root, HOST_SET_TIME64, &[host, EPOCH]).unwrap();
    // A millisecond more, in two seconds.
    assert_eq!(world.get(root, HOST_ADJUST_TIME64, &[host, 1_000_000]), 0);
    assert_eq!(time(&mut world, root), EPOCH);
    world.mach.kernel().time_advance(SECOND);
    assert_eq!(time(&mut world, root), EPOCH + SECOND + 500_000);
    world.mach.kernel().time_advance(9 * SECOND);
    let now = EPOCH + 10 * SECOND + 1_000_000;
    assert_eq!(time(&mut world, root), now);
    // Two seconds less, at ten times that rate.
    let less = -2 * SECOND as i64;
    assert_eq!(world.get(root, HOST_ADJUST_TIME64, &[host, less as u64]), 0);
    world.mach.kernel().time_advance(100 * SECOND);
    let now = now + 100 * SECOND - SECOND / 2;
    assert_eq!(time(&mut world, root), now);
    // What has come stays, and what is left is told.
    let left = world.get(root, HOST_ADJUST_TIME64, &[host, 0]) as i64;
    assert_eq!(left, -3 * SECOND as i64 / 2);
    world.mach.kernel().time_advance(100 * SECOND);
    assert_eq!(time(&mut world, root), now + 100 * SECOND);
    world.finish();
}

#[test]
fn a_clock_that_is_adjusted_never_goes_back() {
    let (mut world, root, host) = world();
    world.ask(root, HOST_SET_TIME64, &[host, EPOCH]).unwrap();
    let mut last = 0;
    for step in 0..200u64 {
        let more = [u64::MAX, 1 << 63, 1 << 62, 3, 0][step as usize % 5];
        world.ask(root, HOST_ADJUST_TIME64, &[host, more]).unwrap();
        world.mach.kernel().time_advance(step * 1_000_003);
        let now = time(&mut world, root);
        assert!(now >= last, "{now} after {last}");
        last = now;
    }
    world.finish();
}

#[test]
fn the_clock_is_set_while_an_adjustment_goes_on() {
    let (mut world, root, host) = world();
    world.ask(root, HOST_SET_TIME64, &[host, EPOCH]).unwrap();
    world.ask(root, HOST_ADJUST_TIME, &[host, 0, 1000]).unwrap();
    world.mach.kernel().time_advance(SECOND);
    world.ask(root, HOST_SET_TIME, &[host, 5, 0]).unwrap();
    assert_eq!(time(&mut world, root), 5 * SECOND);
    world.mach.kernel().time_advance(SECOND);
    assert_eq!(time(&mut world, root), 6 * SECOND + 500_000);
    let left = world.ask(root, HOST_ADJUST_TIME, &[host, 0, 0]).unwrap();
    assert_eq!(left, [0, 0]);
    assert_eq!(world.ask(root, HOST_GET_TIME, &[]).unwrap(), [6, 500]);
    world.finish();
}
