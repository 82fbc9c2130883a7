//! What each routine does and refuses, asked of the logic alone; the booted system is asked the same.

use crate::{effects, refusals};
use crate::common::World;
use mach::abi::routine;

#[test]
fn every_routine_refuses_what_it_should_and_changes_nothing() {
    let mut world = World::new();
    let root = world.boot_root();
    let mut ask = |number: u32, words: &[u64]| world.ask(root, number, words);
    let setting = refusals::Setting::new(&mut ask).unwrap();
    let mut wrong = Vec::new();
    for refused in refusals::ALL {
        if let Err(why) = refusals::check(&setting, refused, &mut ask) {
            wrong.push(format!("{}: {why}", routine::name(refused.routine).unwrap()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    world.check();
    world.finish();
}

#[test]
fn every_routine_does_what_it_should() {
    let mut wrong = Vec::new();
    for (name, case) in effects::ALL.iter().copied().flatten() {
        let mut world = World::new();
        let root = world.boot_root();
        let task = world.mach.audit_tasks_all()[0];
        let host = world.mach.host_give(task).unwrap() as u64;
        let mut ask = |number: u32, words: &[u64]| {
            let answer = world.ask(root, number, words);
            world.check();
            answer
        };
        let ask: &mut refusals::Ask<'_> = &mut ask;
        if let Err(why) = case(&mut effects::Test { ask, host }) {
            wrong.push(format!("{name}: {why}"));
        }
        world.finish();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
