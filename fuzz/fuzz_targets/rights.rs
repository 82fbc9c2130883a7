//! Rights that move: ports, messages, notifications, tasks, against their model.
#![no_main]

#[path = "../../personality/mach/tests/common/mod.rs"]
mod common;
#[path = "../../personality/mach/tests/models/ports.rs"]
mod ports;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let steps = bytes.chunks(ports::STEP_BYTES).take(ports::STEPS);
    let steps: Vec<ports::Step> = steps.map(ports::decode).collect();
    ports::run(&steps);
});
