//! The process runtime: descriptors, paths, processes, signals.
//!
//! What a C library is to the Hurd: a program of the system calls this crate
//! and sees POSIX; the crate calls the servers. It has two back ends with the same
//! behaviour. On the target (`target_os = "none"`) it speaks the Hurd's
//! interfaces; on any other system it calls that system's C library, so that the
//! shell and the utilities can be developed and tested on the host.
//!
//! Names, paths, arguments and the environment are byte strings.
//!
//! ```ignore
//! #![cfg_attr(target_os = "none", no_std, no_main)]
//! extern crate alloc;
//! posix::main!(program);
//! fn program() -> i32 {
//!     posix::fs::write_all(1, b"hello\n").map_or(1, |()| 0)
//! }
//! ```

#![no_std]

extern crate alloc;
#[cfg(not(target_os = "none"))]
extern crate std;

pub mod env;
mod errno;
pub mod fs;
pub mod getopt;
pub mod graph;
pub mod io;
pub mod process;
pub mod signal;
pub mod system;
pub mod term;
pub mod time;
pub mod translator;
pub mod users;

#[cfg(not(target_os = "none"))]
mod host;
#[cfg(not(target_os = "none"))]
use host as sys;

#[cfg_attr(
    not(target_os = "none"),
    allow(dead_code, unused_imports, reason = "the other back end is used")
)]
mod hurd;
#[cfg(target_os = "none")]
use hurd as sys;

#[doc(hidden)]
pub use machuser;
#[doc(hidden)]
pub use sys::start;

pub use errno::Errno;

/// The result of everything that can fail.
pub type Result<T> = core::result::Result<T, Errno>;

/// A descriptor: an index into the process's table of open files.
pub type Fd = i32;

/// A process id.
pub type Pid = i32;

/// Makes a function `fn() -> i32` the program: what it returns is the exit status.
#[macro_export]
#[cfg(not(target_os = "none"))]
macro_rules! main {
    ($main:path) => {
        fn main() {
            $crate::start($main)
        }
    };
}

/// Makes a function `fn() -> i32` the program: what it returns is the exit status.
#[macro_export]
#[cfg(target_os = "none")]
macro_rules! main {
    ($main:path) => {
        #[unsafe(no_mangle)]
        fn __hird_main() {
            $crate::start($main)
        }
    };
}

/// The decimal number that is the whole of `text`; `None` for anything else,
/// and for a number that does not fit.
pub fn parse_number(text: &[u8]) -> Option<u64> {
    parse_radix(text, 10)
}

/// The octal number that is the whole of `text`, as in a file mode.
pub fn parse_octal(text: &[u8]) -> Option<u64> {
    parse_radix(text, 8)
}

fn parse_radix(text: &[u8], radix: u64) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |value, &byte| {
        let digit = u64::from(byte.wrapping_sub(b'0'));
        if digit >= radix {
            None
        } else {
            value.checked_mul(radix)?.checked_add(digit)
        }
    })
}

/// The last component of a path, without trailing slashes; `/` for the root
/// and nothing for nothing.
pub fn basename(path: &[u8]) -> &[u8] {
    let end = path
        .iter()
        .rposition(|&b| b != b'/')
        .map_or(path.len().min(1), |i| i + 1);
    let start = path[..end]
        .iter()
        .rposition(|&b| b == b'/')
        .map_or(0, |i| i + 1);
    if start == end {
        &path[..end]
    } else {
        &path[start..end]
    }
}

/// The path without its last component; `.` if it has no other.
pub fn dirname(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&b| b != b'/').map_or(0, |i| i + 1);
    if end == 0 {
        return if path.is_empty() { b"." } else { b"/" };
    }
    match path[..end].iter().rposition(|&b| b == b'/') {
        None => b".",
        Some(slash) => {
            let end = path[..slash]
                .iter()
                .rposition(|&b| b != b'/')
                .map_or(0, |i| i + 1);
            if end == 0 { b"/" } else { &path[..end] }
        }
    }
}

/// A directory's path and a name in it, joined.
pub fn join(directory: &[u8], name: &[u8]) -> alloc::vec::Vec<u8> {
    let mut path = directory.to_vec();
    if !path.is_empty() && path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_as_posix_says() {
        for (path, dir, base) in [
            (&b"/usr/lib"[..], &b"/usr"[..], &b"lib"[..]),
            (b"/usr/", b"/", b"usr"),
            (b"usr", b".", b"usr"),
            (b"/", b"/", b"/"),
            (b"//", b"/", b"/"),
            (b"a//b//", b"a", b"b"),
            (b"", b".", b""),
        ] {
            assert_eq!(dirname(path), dir);
            assert_eq!(basename(path), base);
        }
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        assert_eq!(parse_number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_number(b"18446744073709551616"), None);
        assert_eq!(parse_number(b""), None);
        assert_eq!(parse_number(b"1x"), None);
        assert_eq!(parse_octal(b"755"), Some(0o755));
        assert_eq!(parse_octal(b"8"), None);
    }
}
