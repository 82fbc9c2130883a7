//! The command line that the tool gives to the guest, as `/chosen/bootargs` of
//! the device tree: words `hird.NAME=VALUE`, with a space between two.

use std::collections::hash_map::RandomState;
use std::fmt::{self, Write as _};
use std::hash::{BuildHasher, Hasher};

use anyhow::{Result, ensure};

/// Longest command line, in bytes. The host's kernel takes no program argument
/// of 128 KiB or more.
pub const MAXIMUM: usize = 127 << 10;

/// Who runs the commands if the command line does not say it.
pub const USUAL_USER: &str = "root";

/// A number that the guest cannot print by accident: it marks what the tool
/// looks for on the serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce(pub u64);

impl Nonce {
    /// A new random one.
    pub fn random() -> Nonce {
        // The standard library seeds each hasher from the system's randomness.
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u32(std::process::id());
        Nonce(hasher.finish())
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What the guest is told.
#[derive(Clone, Debug)]
pub struct BootArguments {
    pub nonce: Nonce,
    /// Shell commands; without them the console is interactive.
    pub exec: Option<String>,
    pub user: String,
    /// Whether the servers may log much.
    pub debug: bool,
}

impl BootArguments {
    /// The command line.
    pub fn line(&self) -> Result<String> {
        let mut line = format!("hird.nonce={}", self.nonce);
        if self.user != USUAL_USER {
            line += " hird.user=";
            line += &self.user;
        }
        if self.debug {
            line += " hird.debug=1";
        }
        if let Some(commands) = &self.exec {
            line += " hird.exec=";
            line += &encode(commands);
        }
        ensure!(
            line.len() <= MAXIMUM,
            "the commands are too long ({} KiB): put them into a file on a disk",
            line.len() >> 10
        );
        Ok(line)
    }
}

/// Encodes every byte that is not a printable ASCII character, the space and
/// `%` as `%XX`.
pub fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut line, byte| {
        if byte.is_ascii_graphic() && byte != b'%' {
            line.push(char::from(byte));
        } else {
            let _ = write!(line, "%{byte:02X}");
        }
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_travel_as_one_word() {
        let arguments = BootArguments {
            nonce: Nonce(0xab),
            exec: Some("echo 100%\nls \u{e9}".to_owned()),
            user: "root".to_owned(),
            debug: false,
        };
        assert_eq!(
            arguments.line().expect("it is short"),
            "hird.nonce=00000000000000ab hird.exec=echo%20100%25%0Als%20%C3%A9"
        );
    }

    #[test]
    fn a_command_line_that_the_host_cannot_pass_is_refused() {
        let exec = Some("x".repeat(MAXIMUM));
        let arguments = BootArguments {
            nonce: Nonce(0),
            exec,
            user: "root".to_owned(),
            debug: false,
        };
        assert!(arguments.line().is_err());
    }
}
