//! `kill`: which signal goes where.

use alloc::vec::Vec;

use posix::signal::Signal;

/// What a `kill` command asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The names of these signals, by number or exit status, and the numbers of names; the names of
    /// all if there are none.
    List(Vec<Vec<u8>>),
    /// This signal to these processes.
    Send(Signal, Vec<Vec<u8>>),
}

/// How `kill` is used.
pub const SYNOPSIS: &str = "[-s signal | -signal] pid... | -l [number...]";

/// Reads the arguments (without the program's name); what is wrong if they make no sense.
pub fn parse(args: &[Vec<u8>]) -> Result<Request, Vec<u8>> {
    let signal =
        |name: &[u8]| Signal::parse(name).ok_or_else(|| [name, b": unknown signal"].concat());
    let (signal, targets) = match args {
        [first, rest @ ..] if first == b"-l" => return Ok(Request::List(rest.to_vec())),
        [first, name, rest @ ..] if first == b"-s" || first == b"-n" => (signal(name)?, rest),
        [first, rest @ ..] if first == b"--" => (Signal::TERM, rest),
        [first, rest @ ..] if first.len() > 1 && first[0] == b'-' => (signal(&first[1..])?, rest),
        rest => (Signal::TERM, rest),
    };
    let targets = match targets {
        [first, rest @ ..] if first == b"--" => rest,
        targets => targets,
    };
    if targets.is_empty() {
        Err(Vec::new())
    } else {
        Ok(Request::Send(signal, targets.to_vec()))
    }
}

/// The text that `kill -l` prints; what is wrong if a name or number is no signal's.
pub fn list(numbers: &[Vec<u8>]) -> Result<Vec<u8>, Vec<u8>> {
    let mut text = Vec::new();
    if numbers.is_empty() {
        for signal in Signal::ALL {
            text.extend_from_slice(signal.name().unwrap_or("").as_bytes());
            text.push(b'\n');
        }
    }
    for number in numbers {
        if posix::parse_number(number).is_none()
            && let Some(signal) = Signal::parse(number)
        {
            text.extend_from_slice(posix::io::decimal(signal.0.into(), &mut [0; 20]));
            text.push(b'\n');
            continue;
        }
        let value = posix::parse_number(number).and_then(|n| u8::try_from(n).ok());
        // An exit status says 128 more.
        let name = value.and_then(|v| Signal(if v > 128 { v - 128 } else { v }).name());
        let name = name.ok_or_else(|| [number, &b": unknown signal"[..]].concat())?;
        text.extend_from_slice(name.as_bytes());
        text.push(b'\n');
    }
    Ok(text)
}

/// The process id of a target: a number that may be negative.
pub fn target(text: &[u8]) -> Option<posix::Pid> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let pid = posix::Pid::try_from(posix::parse_number(digits)?).ok()?;
    Some(if negative { -pid } else { pid })
}
