//! Patterns that names are matched against: `*`, `?`, `[…]`.

use alloc::vec::Vec;

/// A pattern, ready to match. Bytes stand for characters, as in the POSIX locale.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Pattern {
    elements: Vec<Element>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    Byte(u8),
    Any,
    Star,
    Set {
        negated: bool,
        ranges: Vec<(u8, u8)>,
    },
}

/// The bytes of a character class such as `[:alpha:]`, as ranges.
pub fn class(name: &[u8]) -> Option<&'static [(u8, u8)]> {
    Some(match name {
        b"alnum" => &[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')],
        b"alpha" => &[(b'A', b'Z'), (b'a', b'z')],
        b"blank" => &[(b' ', b' '), (b'\t', b'\t')],
        b"cntrl" => &[(0, 31), (127, 127)],
        b"digit" => &[(b'0', b'9')],
        b"graph" => &[(33, 126)],
        b"lower" => &[(b'a', b'z')],
        b"print" => &[(32, 126)],
        b"punct" => &[(33, 47), (58, 64), (91, 96), (123, 126)],
        b"space" => &[(b' ', b' '), (9, 13)],
        b"upper" => &[(b'A', b'Z')],
        b"xdigit" => &[(b'0', b'9'), (b'A', b'F'), (b'a', b'f')],
        _ => return None,
    })
}

impl Pattern {
    /// A pattern from text in which a backslash quotes.
    pub fn new(text: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(text.len());
        let mut quoted = Vec::with_capacity(text.len());
        let mut rest = text.iter().copied();
        while let Some(byte) = rest.next() {
            let (byte, is_quoted) = match byte {
                b'\\' => rest.next().map_or((b'\\', true), |b| (b, true)),
                byte => (byte, false),
            };
            bytes.push(byte);
            quoted.push(is_quoted);
        }
        Self::with_quotes(&bytes, &quoted)
    }

    /// A pattern from text whose bytes stand for themselves where `quoted` (of the same length) says so.
    pub fn with_quotes(text: &[u8], quoted: &[bool]) -> Self {
        let special = |at: usize, byte: u8| {
            text.get(at) == Some(&byte) && !quoted.get(at).copied().unwrap_or(false)
        };
        let mut elements = Vec::new();
        let mut at = 0;
        while at < text.len() {
            if special(at, b'*') {
                if elements.last() != Some(&Element::Star) {
                    elements.push(Element::Star);
                }
            } else if special(at, b'?') {
                elements.push(Element::Any);
            } else if special(at, b'[')
                && let Some((set, end)) = parse_set(text, at + 1, &special)
            {
                elements.push(set);
                at = end;
                continue;
            } else {
                elements.push(Element::Byte(text[at]));
            }
            at += 1;
        }
        Self { elements }
    }

    /// Whether there is anything that matches more than one text.
    pub fn is_literal(&self) -> bool {
        self.elements.iter().all(|e| matches!(e, Element::Byte(_)))
    }

    /// Whether the pattern matches a leading period only by a period of its own.
    pub fn starts_with_period(&self) -> bool {
        self.elements.first() == Some(&Element::Byte(b'.'))
    }

    /// Whether all of `text` matches. Takes time in proportion to the product of both lengths.
    pub fn matches(&self, text: &[u8]) -> bool {
        let (mut element, mut at) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match self.elements.get(element) {
                Some(Element::Star) => {
                    retry = Some((element, at));
                    element += 1;
                    continue;
                }
                Some(single) if text.get(at).is_some_and(|&b| single.matches(b)) => {
                    element += 1;
                    at += 1;
                    continue;
                }
                None if at == text.len() => return true,
                _ => {}
            }
            // Only the last star needs to take more: what stands before it has matched.
            match retry {
                Some((star, start)) if start < text.len() => {
                    retry = Some((star, start + 1));
                    element = star + 1;
                    at = start + 1;
                }
                _ => return false,
            }
        }
    }

    /// The length of the shortest or longest start of `text` that matches.
    pub fn match_prefix(&self, text: &[u8], longest: bool) -> Option<usize> {
        let mut lengths = 0..=text.len();
        if longest {
            lengths.rfind(|&length| self.matches(&text[..length]))
        } else {
            lengths.find(|&length| self.matches(&text[..length]))
        }
    }

    /// Where the shortest or longest end of `text` that matches starts.
    pub fn match_suffix(&self, text: &[u8], longest: bool) -> Option<usize> {
        let mut starts = 0..=text.len();
        if longest {
            starts.find(|&start| self.matches(&text[start..]))
        } else {
            starts.rfind(|&start| self.matches(&text[start..]))
        }
    }
}

impl Element {
    fn matches(&self, byte: u8) -> bool {
        match self {
            Self::Byte(b) => *b == byte,
            Self::Any => true,
            Self::Star => false,
            Self::Set { negated, ranges } => {
                ranges
                    .iter()
                    .any(|&(low, high)| (low..=high).contains(&byte))
                    != *negated
            }
        }
    }
}

/// A bracket expression whose content starts at `at`, and where it ends; `None` if it does not end.
fn parse_set(
    text: &[u8],
    mut at: usize,
    special: &impl Fn(usize, u8) -> bool,
) -> Option<(Element, usize)> {
    let negated = special(at, b'!') || special(at, b'^');
    if negated {
        at += 1;
    }
    let first = at;
    let mut ranges = Vec::new();
    loop {
        let byte = *text.get(at)?;
        if special(at, b']') && at > first {
            return Some((Element::Set { negated, ranges }, at + 1));
        }
        if special(at, b'[') && text.get(at + 1) == Some(&b':') {
            let rest = &text[at + 2..];
            if let Some(length) = rest.windows(2).position(|w| w == b":]")
                && let Some(class) = class(&rest[..length])
            {
                ranges.extend_from_slice(class);
                at += length + 4;
                continue;
            }
        }
        if special(at + 1, b'-') && text.get(at + 2).is_some() && !special(at + 2, b']') {
            ranges.push((byte, text[at + 2]));
            at += 3;
        } else {
            ranges.push((byte, byte));
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern.as_bytes()).matches(text.as_bytes())
    }

    #[test]
    fn patterns_match_as_posix_says() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("*", "anything", true),
            ("a*b", "ab", true),
            ("a*b", "axxbxb", true),
            ("a*b", "axxbx", false),
            ("?", "", false),
            ("?x", "ax", true),
            ("[abc]", "b", true),
            ("[!abc]", "b", false),
            ("[^abc]", "d", true),
            ("[a-c]x", "bx", true),
            ("[]]", "]", true),
            ("[!]]", "]", false),
            ("[a-]", "-", true),
            ("[[:digit:]x]", "7", true),
            ("[[:digit:]x]", "y", false),
            ("[", "[", true),
            ("[a", "[a", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("[\\]]", "]", true),
            (
                "*a*a*a*a*b",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                false,
            ),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_shortest_and_longest_ends_are_found() {
        let pattern = Pattern::new(b"/*");
        assert_eq!(pattern.match_suffix(b"a/b/c", false), Some(3));
        assert_eq!(pattern.match_suffix(b"a/b/c", true), Some(1));
        let pattern = Pattern::new(b"*/");
        assert_eq!(pattern.match_prefix(b"a/b/c", false), Some(2));
        assert_eq!(pattern.match_prefix(b"a/b/c", true), Some(4));
    }
}
