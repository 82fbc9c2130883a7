//! Memory against its model, under random requests.

use crate::memory;
use proptest::prelude::*;

fn is_long() -> bool {
    std::env::var_os("HIRD_LONG").is_some()
}

/// Steps of a case: with the 5000 cases of a long run, ten million in all.
fn steps() -> std::ops::Range<usize> {
    1..if is_long() { 4000 } else { 120 }
}

fn config() -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = if is_long() { 5000 } else { 3000 };
    }
    config.max_shrink_iters = 50_000;
    config.failure_persistence = None;
    config
}

fn step() -> impl Strategy<Value = memory::Step> {
    any::<[u8; memory::STEP_BYTES]>().prop_map(|bytes| memory::decode(&bytes))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn memory_behaves_as_the_model_does(steps in prop::collection::vec(step(), steps())) {
        memory::run(&steps);
    }
}
