//! Ports and rights against their model, under random requests.

use crate::ports;
use proptest::prelude::*;

/// Runs under `--long`: with sixty operations each, more than ten million.
const LONG: u32 = 180_000;

fn config() -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("HIRD_LONG").is_some() {
        config.cases = LONG;
    } else if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 1000;
    }
    config.max_shrink_iters = 50_000;
    config.failure_persistence = None;
    config
}

fn step() -> impl Strategy<Value = ports::Step> {
    any::<[u8; ports::STEP_BYTES]>().prop_map(|bytes| ports::decode(&bytes))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn ports_behave_as_the_model_does(steps in prop::collection::vec(step(), 1..ports::STEPS)) {
        ports::run(&steps);
    }
}
