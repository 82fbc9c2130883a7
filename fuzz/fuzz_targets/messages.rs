//! Requests of any words: routines, lengths, names, dispositions.
#![no_main]

#[path = "../../personality/mach/tests/common/mod.rs"]
mod common;
#[path = "../../personality/mach/tests/models/requests.rs"]
mod requests;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // Each begins with the number of its bytes.
    let mut rest = bytes;
    let mut requests = Vec::new();
    while let Some((first, behind)) = rest.split_first()
        && requests.len() < requests::REQUESTS
    {
        let length = (*first as usize % requests::REQUEST_BYTES).min(behind.len());
        let (request, behind) = behind.split_at(length);
        requests.push(requests::decode(request));
        rest = behind;
    }
    requests::run(&requests, None);
});
