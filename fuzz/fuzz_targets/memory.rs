//! Maps and memory objects, against their model.
#![no_main]

#[path = "../../personality/mach/tests/common/mod.rs"]
mod common;
#[path = "../../personality/mach/tests/models/memory.rs"]
mod memory;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let steps = bytes.chunks(memory::STEP_BYTES);
    let steps: Vec<memory::Step> = steps.map(memory::decode).collect();
    memory::run(&steps);
});
