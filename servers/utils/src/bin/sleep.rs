//! `sleep seconds`: waits.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use core::time::Duration;

use posix::io::usage;

posix::main!(program);

/// A time in seconds, of which parts may stand behind a point.
fn parse(text: &[u8]) -> Option<Duration> {
    let (whole, fraction) = match text.iter().position(|&b| b == b'.') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[][..]),
    };
    let seconds = if whole.is_empty() {
        0
    } else {
        posix::parse_number(whole)?
    };
    if whole.is_empty() && fraction.is_empty() || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = &fraction[..fraction.len().min(9)];
    let mut nanoseconds = if digits.is_empty() {
        0
    } else {
        posix::parse_number(digits)?
    };
    for _ in digits.len()..9 {
        nanoseconds *= 10;
    }
    Some(Duration::new(seconds, nanoseconds as u32))
}

fn program() -> i32 {
    let args = posix::env::args();
    let [_, time] = args.as_slice() else {
        return usage("seconds");
    };
    let Some(duration) = parse(time) else {
        return usage("seconds");
    };
    let end = posix::time::monotonic().saturating_add(duration);
    loop {
        let left = end.saturating_sub(posix::time::monotonic());
        if left.is_zero() || posix::time::sleep(left).is_ok() {
            return 0;
        }
    }
}
