//! The one thing that is looked for in ACPI's machine language (20.2): what the object `_S5` says,
//! which is data alone.

const NAME: u8 = 0x08;
const ROOT: u8 = b'\\';
const PACKAGE: u8 = 0x12;
/// The states of sleep have three bits.
const MOST: u64 = 7;

/// The values of the state "off" for the two control registers, if the code of a table says them.
pub fn off(code: &[u8]) -> Option<(u8, u8)> {
    let all = code.windows(4).enumerate();
    let mut names = all.filter(|(_, name)| name == b"_S5_").map(|(at, _)| at);
    names.find_map(|at| {
        let before = &code[..at];
        let before = before.strip_suffix(&[ROOT]).unwrap_or(before);
        let is_named = before.last() == Some(&NAME);
        is_named.then(|| package(&code[at + 4..]))?
    })
}

/// The first two numbers of a package.
fn package(code: &[u8]) -> Option<(u8, u8)> {
    let [PACKAGE, rest @ ..] = code else {
        return None;
    };
    // The length counts from its own first byte, which says how many more it has.
    let (lead, more) = rest.split_first()?;
    let count = usize::from(lead >> 6);
    let low = usize::from(if count == 0 { lead & 0x3f } else { lead & 0x0f });
    let bytes = more.get(..count)?.iter().rev();
    let high = bytes.fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let content = rest.get(1 + count..high << 4 | low)?;
    let (elements, mut content) = content.split_first()?;
    let first = integer(&mut content)?;
    let (first, second) = match elements {
        0 => return None,
        // Some have both in one number.
        1 => (first & 0xff, first >> 8 & 0xff),
        _ => (first, integer(&mut content)?),
    };
    (first <= MOST && second <= MOST).then_some((first as u8, second as u8))
}

/// Takes a constant away.
fn integer(code: &mut &[u8]) -> Option<u64> {
    let (kind, rest) = code.split_first()?;
    let length = match kind {
        0x00 | 0x01 => {
            *code = rest;
            return Some(u64::from(*kind));
        }
        0x0a => 1,
        0x0b => 2,
        0x0c => 4,
        0x0e => 8,
        _ => return None,
    };
    let (bytes, rest) = rest.split_at_checked(length)?;
    *code = rest;
    let bytes = bytes.iter().rev();
    Some(bytes.fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// The state, as its code.
    fn code(prefix: &[u8], package: &[u8]) -> Vec<u8> {
        [b"_S5_\x10\x5b\x80", prefix, b"_S5_", package, b"\x08_S6_"].concat()
    }

    #[test]
    fn the_state_is_found_in_every_form() {
        for (package, expected) in [
            (&b"\x12\x06\x04\x00\x00\x00\x00"[..], (0, 0)),
            (b"\x12\x06\x04\x01\x00\x00\x00", (1, 0)),
            (b"\x12\x08\x04\x0a\x07\x0a\x05\x00\x00", (7, 5)),
            (b"\x12\x0a\x02\x0b\x06\x00\x0c\x05\x00\x00\x00", (6, 5)),
            (b"\x12\x49\x00\x04\x0a\x07\x0a\x05\x00\x00", (7, 5)),
            (b"\x12\x05\x01\x0b\x05\x06", (5, 6)),
        ] {
            for prefix in [&b"\x08"[..], b"\x08\\"] {
                assert_eq!(off(&code(prefix, package)), Some(expected), "{package:x?}");
            }
            assert_eq!(off(&code(b"\x14", package)), None);
        }
    }

    #[test]
    fn what_is_no_such_state_is_passed_over() {
        for package in [
            &b""[..],
            b"\x12",
            b"\x12\x00",
            b"\x12\x01",
            b"\x12\x02\x00",
            b"\x12\x03\x02\x00",
            b"\x12\x05\x02\x0a\x08\x00",
            b"\x12\x06\x02NAME",
            b"\x12\xff\xff\xff\xff",
            b"\x12\x3f\x02\x00\x00",
            b"\x11\x06\x04\x00\x00\x00\x00",
        ] {
            assert_eq!(off(&code(b"\x08", package)), None, "{package:x?}");
        }
        // A second one may be right.
        let both = [
            code(b"\x08", b"\x11"),
            code(b"\x08", b"\x12\x05\x02\x01\x01\x00"),
        ]
        .concat();
        assert_eq!(off(&both), Some((1, 1)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            off(&code(b"\x08", &bytes));
            off(&[b"\x08_S5_", &bytes[..]].concat());
            off(&bytes);
        }
    }
}
