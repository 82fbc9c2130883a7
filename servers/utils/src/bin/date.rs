//! `date [-u] [-s time] [+format]`: prints the time, UTC, or sets it.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::getopt::Options;
use posix::io::{Output, complain, usage, warn};
use posix::system;
use posix::time::{DateTime, MONTHS, WEEKDAYS, now};

const SYNOPSIS: &str = "[-u] [-s YYYY-MM-DDThh:mm:ss] [+format]";

/// In a second.
const NANOSECONDS: u64 = 1_000_000_000;

const MONTH_NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAY_NAMES: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

posix::main!(program);

fn two(out: &mut Output, number: u8) {
    out.byte(b'0' + number / 10);
    out.byte(b'0' + number % 10);
}

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "us:");
    for option in &mut options {
        let option = match option {
            Ok(option) => option,
            Err(fault) => return fault.report(SYNOPSIS),
        };
        // All times are UTC, whether that is said or not.
        if let (b's', Some(text)) = (option.letter, option.value) {
            let time = DateTime::parse(text).map(|time| time.to_seconds());
            let seconds = time.and_then(|seconds| u64::try_from(seconds).ok());
            // The clock counts up to the year 2554.
            let time = seconds.and_then(|seconds| seconds.checked_mul(NANOSECONDS));
            let Some(time) = time else {
                complain(&[text, b": bad time"]);
                return 1;
            };
            if let Err(error) = system::set_time(time) {
                warn(text, error);
                return 1;
            }
        }
    }
    let format = match options.operands() {
        [] => &b"%a %b %e %H:%M:%S UTC %Y"[..],
        [format] if format.first() == Some(&b'+') => &format[1..],
        _ => return usage(SYNOPSIS),
    };
    let now = now();
    let mut out = Output::stdout();
    print(&mut out, format, now.sec, now.nsec);
    out.byte(b'\n');
    out.finish(0)
}

fn print(out: &mut Output, format: &[u8], seconds: i64, nanoseconds: u32) {
    let time = DateTime::from_seconds(seconds);
    let mut bytes = format.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.byte(byte);
            continue;
        }
        let hour12 = if time.hour.is_multiple_of(12) {
            12
        } else {
            time.hour % 12
        };
        match bytes.next() {
            Some(b'Y') => out.number(time.year.unsigned_abs()),
            Some(b'C') => two(out, (time.year / 100 % 100) as u8),
            Some(b'y') => two(out, (time.year % 100) as u8),
            Some(b'm') => two(out, time.month),
            Some(b'd') => two(out, time.day),
            Some(b'e') => out.padded(time.day.into(), 2),
            Some(b'H') => two(out, time.hour),
            Some(b'I') => two(out, hour12),
            Some(b'M') => two(out, time.minute),
            Some(b'S') => two(out, time.second),
            Some(b'p') => out.put(if time.hour < 12 { b"AM" } else { b"PM" }),
            Some(b'a') => out.put(WEEKDAYS[usize::from(time.weekday)].as_bytes()),
            Some(b'A') => out.put(WEEKDAY_NAMES[usize::from(time.weekday)].as_bytes()),
            Some(b'b' | b'h') => out.put(MONTHS[usize::from(time.month - 1)].as_bytes()),
            Some(b'B') => out.put(MONTH_NAMES[usize::from(time.month - 1)].as_bytes()),
            Some(b'j') => {
                out.byte(b'0' + (time.yearday / 100) as u8);
                two(out, (time.yearday % 100) as u8);
            }
            Some(b'u') => out.number(if time.weekday == 0 {
                7
            } else {
                time.weekday.into()
            }),
            Some(b'w') => out.number(time.weekday.into()),
            Some(b'Z') => out.put(b"UTC"),
            Some(b'z') => out.put(b"+0000"),
            Some(b'n') => out.byte(b'\n'),
            Some(b't') => out.byte(b'\t'),
            Some(b'%') => out.byte(b'%'),
            Some(b'F') => print(out, b"%Y-%m-%d", seconds, nanoseconds),
            Some(b'T' | b'X') => print(out, b"%H:%M:%S", seconds, nanoseconds),
            Some(b'R') => print(out, b"%H:%M", seconds, nanoseconds),
            Some(b'D' | b'x') => print(out, b"%m/%d/%y", seconds, nanoseconds),
            Some(b'r') => print(out, b"%I:%M:%S %p", seconds, nanoseconds),
            Some(b'c') => print(out, b"%a %b %e %H:%M:%S %Y", seconds, nanoseconds),
            Some(b's') => {
                if seconds < 0 {
                    out.byte(b'-');
                }
                out.number(seconds.unsigned_abs());
            }
            Some(b'N') => {
                let mut digits = [b'0'; 9];
                let mut rest = nanoseconds;
                for digit in digits.iter_mut().rev() {
                    *digit += (rest % 10) as u8;
                    rest /= 10;
                }
                out.put(&digits);
            }
            Some(other) => out.put(&[b'%', other]),
            None => out.byte(b'%'),
        }
    }
}
