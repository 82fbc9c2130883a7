//! `echo`: its arguments, with the escapes that POSIX has for XSI systems.

use alloc::vec::Vec;

/// Appends what a backslash and `text` behind it stand for; how much of `text` that took.
/// `None` for `\c`, which ends all output.
pub fn escape(text: &[u8], zero_needed: bool, output: &mut Vec<u8>) -> Option<usize> {
    let byte = match text.first() {
        Some(b'a') => 7,
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'v') => 11,
        Some(b'\\') => b'\\',
        Some(b'c') => return None,
        Some(&digit @ b'0'..=b'7') if !zero_needed || digit == b'0' => {
            let skip = usize::from(zero_needed);
            let digits = text[skip..]
                .iter()
                .take(3)
                .take_while(|b| matches!(b, b'0'..=b'7'))
                .count();
            let value = text[skip..skip + digits].iter().fold(0u8, |value, digit| {
                value.wrapping_mul(8).wrapping_add(digit - b'0')
            });
            output.push(value);
            return Some(skip + digits);
        }
        _ => {
            output.push(b'\\');
            return Some(0);
        }
    };
    output.push(byte);
    Some(1)
}

/// What `echo` prints for these arguments (without the program's name).
///
/// A first argument `-n` leaves out the newline. Escapes in the arguments are replaced.
pub fn text(args: &[Vec<u8>]) -> Vec<u8> {
    let (args, newline) = match args {
        [first, rest @ ..] if first == b"-n" => (rest, false),
        args => (args, true),
    };
    let mut output = Vec::new();
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            output.push(b' ');
        }
        let mut rest = arg.as_slice();
        while let Some(at) = rest.iter().position(|&b| b == b'\\') {
            output.extend_from_slice(&rest[..at]);
            match escape(&rest[at + 1..], true, &mut output) {
                Some(taken) => rest = &rest[at + 1 + taken..],
                None => return output,
            }
        }
        output.extend_from_slice(rest);
    }
    if newline {
        output.push(b'\n');
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn run(args: &[&str]) -> String {
        let args: Vec<_> = args.iter().map(|a| a.as_bytes().to_vec()).collect();
        String::from_utf8_lossy(&text(&args)).into_owned()
    }

    #[test]
    fn arguments_are_printed_with_escapes_replaced() {
        assert_eq!(run(&["a", "b"]), "a b\n");
        assert_eq!(run(&["-n", "a"]), "a");
        assert_eq!(run(&["a\\tb\\0101\\q\\\\"]), "a\tbA\\q\\\n");
        assert_eq!(run(&["a\\cb", "c"]), "a");
        assert_eq!(run(&["x\\"]), "x\\\n");
    }
}
