//! `seq [first [increment]] last`: prints numbers.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::io::{Output, complain, usage};

const SYNOPSIS: &str = "[first [increment]] last";

posix::main!(program);

fn parse(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => i64::try_from(posix::parse_number(digits)?)
            .ok()
            .map(|number| -number),
        digits => i64::try_from(posix::parse_number(digits)?).ok(),
    }
}

fn program() -> i32 {
    let args = posix::env::args();
    let operands = args.get(1..).unwrap_or(&[]);
    let mut numbers = [1, 1, 1];
    if operands.is_empty() || operands.len() > 3 {
        return usage(SYNOPSIS);
    }
    let places: &[usize] = match operands.len() {
        1 => &[2],
        2 => &[0, 2],
        _ => &[0, 1, 2],
    };
    for (&place, text) in places.iter().zip(operands) {
        match parse(text) {
            Some(number) => numbers[place] = number,
            None => {
                complain(&[text, b": bad number"]);
                return usage(SYNOPSIS);
            }
        }
    }
    let [mut number, increment, last] = numbers;
    if increment == 0 {
        complain(&[b"increment must not be 0"]);
        return 1;
    }
    let mut out = Output::stdout();
    while (increment > 0 && number <= last || increment < 0 && number >= last) && !out.failed() {
        if number < 0 {
            out.byte(b'-');
        }
        out.number(number.unsigned_abs());
        out.byte(b'\n');
        match number.checked_add(increment) {
            Some(next) => number = next,
            None => break,
        }
    }
    out.finish(0)
}
