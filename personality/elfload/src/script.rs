//! `#!` lines.

/// What the first line of a script names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Script<'a> {
    /// The interpreter's path.
    pub interpreter: &'a [u8],
    /// All words after it, as one argument.
    pub argument: Option<&'a [u8]>,
}

/// Why a file that begins with `#!` is no script.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// The line does not end in the part of the file that was read.
    LineTooLong,
    /// The line names no interpreter, or contains a NUL.
    Malformed,
}

/// Parses the start of a file, at most one page; `None` if it does not begin with `#!`.
pub fn parse(start: &[u8], whole_file: bool) -> Option<Result<Script<'_>, Error>> {
    let rest = start.strip_prefix(b"#!")?;
    Some(line(rest, whole_file))
}

fn line(rest: &[u8], whole_file: bool) -> Result<Script<'_>, Error> {
    let line = match rest.iter().position(|&b| b == b'\n') {
        Some(end) => &rest[..end],
        None if whole_file => rest,
        None => return Err(Error::LineTooLong),
    };
    let line = trim(line);
    if line.is_empty() || line.contains(&0) {
        return Err(Error::Malformed);
    }
    let end = line.iter().position(|&b| blank(b)).unwrap_or(line.len());
    let argument = trim(&line[end..]);
    Ok(Script {
        interpreter: &line[..end],
        argument: (!argument.is_empty()).then_some(argument),
    })
}

const fn blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && blank(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && blank(*last)
    {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script<'a>(i: &'a [u8], a: Option<&'a [u8]>) -> Option<Result<Script<'a>, Error>> {
        Some(Ok(Script {
            interpreter: i,
            argument: a,
        }))
    }

    #[test]
    fn the_rest_of_the_line_is_one_argument() {
        assert_eq!(parse(b"#!/bin/sh\nx", false), script(b"/bin/sh", None));
        assert_eq!(
            parse(b"#! /bin/awk  -f x \t\n", false),
            script(b"/bin/awk", Some(b"-f x"))
        );
        assert_eq!(parse(b"#!/bin/sh", true), script(b"/bin/sh", None));
    }

    #[test]
    fn lines_without_end_or_interpreter_are_refused() {
        assert_eq!(parse(b"#!/bin/sh", false), Some(Err(Error::LineTooLong)));
        assert_eq!(parse(b"#!  \n", false), Some(Err(Error::Malformed)));
        assert_eq!(parse(b"#!/bin/\0sh\n", false), Some(Err(Error::Malformed)));
        assert_eq!(parse(b"# !/bin/sh\n", false), None);
        assert_eq!(parse(b"", true), None);
    }
}
