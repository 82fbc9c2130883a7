//! Requests that no honest program makes, at random.

use crate::requests;
use crate::common::World;
use mach::sim::Run;
use proptest::prelude::*;

/// Runs under `--long`.
const LONG: u32 = 10_000;

fn config() -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("HIRD_LONG").is_some() {
        config.cases = LONG;
    } else if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 150;
    }
    config.max_shrink_iters = 50_000;
    config.failure_persistence = None;
    config
}

fn requests() -> impl Strategy<Value = Vec<requests::Request>> {
    let bytes = prop::collection::vec(any::<u8>(), 4..requests::REQUEST_BYTES);
    let request = bytes.prop_map(|bytes| requests::decode(&bytes));
    prop::collection::vec(request, 1..requests::REQUESTS)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_words_harm_the_mach_server(requests in requests()) {
        requests::run(&requests, None);
    }

    #[test]
    fn nothing_is_harmed_by_what_is_taken_apart_meanwhile(
        requests in requests(),
        pieces in 1..4u32,
    ) {
        requests::run(&requests, Some(pieces));
    }
}

#[test]
fn every_routine_refuses_to_be_asked_with_nothing_or_too_much() {
    for number in requests::routines() {
        let mut world = World::new();
        let root = world.boot_root();
        for words in [&[][..], &[u64::MAX; 120], &[0; 120], &[1; 120]] {
            if !world.mach.kernel().thread_exists(root.thread)
                || world.mach.kernel().thread_call(root.thread).is_some()
                || world.mach.kernel().thread_run(root.thread) != Some(Run::Running)
            {
                break;
            }
            let _ = world.request(root, number, words);
            world.check();
        }
        world.finish();
    }
}
