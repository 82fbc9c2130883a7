use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The words of the command line that mean something to the system, as the host tool writes them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Arguments {
    /// Marks the system's own lines on the console; unguessable for the programs in it.
    pub nonce: String,
    /// Commands to run instead of a login on the console.
    pub commands: Option<Vec<u8>>,
    /// Who runs them; `root` if nobody is named.
    pub user: Option<String>,
    /// More is logged.
    pub debug: bool,
}

impl Arguments {
    /// From the words of the command line. Unknown words are somebody else's.
    pub fn parse(line: &str) -> Self {
        let mut arguments = Self::default();
        for word in line.split_ascii_whitespace() {
            match word.split_once('=') {
                Some(("hird.nonce", nonce)) => arguments.nonce = nonce.to_string(),
                Some(("hird.exec", text)) => arguments.commands = Some(decode(text)),
                Some(("hird.user", name)) => arguments.user = Some(name.to_string()),
                Some(("hird.debug", value)) => arguments.debug = value != "0",
                _ => {}
            }
        }
        arguments
    }

    /// A marker for the host tool.
    pub fn marker(&self, what: &str) -> String {
        match self.nonce.as_str() {
            "" => format!("<<hird:{what}>>"),
            nonce => format!("<<hird:{nonce}:{what}>>"),
        }
    }
}

/// Replaces `%XX` by the byte with this hexadecimal value; other `%` stand for themselves.
fn decode(text: &str) -> Vec<u8> {
    let digit = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
    let mut rest = text.as_bytes();
    let mut out = Vec::with_capacity(rest.len());
    while let [first, tail @ ..] = rest {
        let value = digit(tail.first()).zip(digit(tail.get(1)));
        match (first, value) {
            (b'%', Some((high, low))) => {
                out.push((high << 4 | low) as u8);
                rest = &tail[2..];
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_tools_words_are_understood_and_others_ignored() {
        let line = "quiet hird.nonce=00ff hird.exec=ls%20/%3B%0aecho%20100%25 hird.user=alice x=y";
        let arguments = Arguments::parse(line);
        assert_eq!(arguments.nonce, "00ff");
        assert_eq!(
            arguments.commands.as_deref(),
            Some(&b"ls /;\necho 100%"[..])
        );
        assert_eq!(arguments.user.as_deref(), Some("alice"));
        assert_eq!(arguments.marker("begin"), "<<hird:00ff:begin>>");
        assert_eq!(Arguments::parse("").marker("dead"), "<<hird:dead>>");
    }

    proptest! {
        #[test]
        fn every_command_survives_the_encoding(commands in any::<Vec<u8>>()) {
            let encoded: String = commands.iter().map(|b| format!("%{b:02X}")).collect();
            let line = format!("hird.exec={encoded}");
            prop_assert_eq!(Arguments::parse(&line).commands, Some(commands));
        }
    }
}
