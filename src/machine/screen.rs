//! The screen and the keyboard of a machine, through the emulator's monitor.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::monitor::Monitor;

const ROWS: usize = 25;
const COLUMNS: usize = 80;

/// A screen in text mode, and a keyboard.
pub struct Screen {
    monitor: Monitor,
    /// Physical address of the characters on it.
    address: u64,
    /// Where the emulator writes them.
    file: PathBuf,
}

impl Screen {
    /// Sits down at the screen of an emulator whose monitor is in this folder.
    pub fn open(folder: &Path, address: u64) -> Result<Screen> {
        let monitor = Monitor::open(folder)?;
        Ok(Screen { monitor, address, file: folder.join("screen") })
    }

    /// The characters on the screen, row by row.
    pub fn shown(&mut self) -> Result<String> {
        let size = ROWS * COLUMNS * 2;
        let arguments = json!({ "val": self.address, "size": size, "filename": self.file });
        self.monitor.ask("pmemsave", &arguments)?;
        let bytes = fs::read(&self.file).context("the emulator does not tell the screen's memory")?;
        let row = |row: &[u8]| {
            let row: String = row.iter().step_by(2).map(|byte| printable(*byte)).collect();
            row.trim_end().to_owned()
        };
        Ok(bytes.chunks(COLUMNS * 2).map(row).collect::<Vec<_>>().join("\n"))
    }

    /// Types a text: presses a key, perhaps with others held, for each character.
    pub fn press(&mut self, text: &[u8]) -> Result<()> {
        for byte in text {
            let Some((holds, key)) = keys(*byte) else {
                bail!("there is no key for the character {byte:#x}");
            };
            let keys: Vec<Value> = holds
                .into_iter()
                .chain([key.as_str()])
                .map(|key| json!({ "type": "qcode", "data": key }))
                .collect();
            self.monitor.ask("send-key", &json!({ "keys": keys, "hold-time": 20 }))?;
        }
        Ok(())
    }
}

fn printable(byte: u8) -> char {
    match byte {
        b' '..=b'~' => byte.into(),
        _ => ' ',
    }
}

/// The keys of a character on a keyboard of the United States: those that are held, and its own.
fn keys(byte: u8) -> Option<(Option<&'static str>, String)> {
    /// Keys with a character alone and one with shift, as the emulator calls them.
    const NAMED: [(&[u8; 2], &str); 11] = [
        (b"`~", "grave_accent"),
        (b"-_", "minus"),
        (b"=+", "equal"),
        (b"[{", "bracket_left"),
        (b"]}", "bracket_right"),
        (b"\\|", "backslash"),
        (b";:", "semicolon"),
        (b"'\"", "apostrophe"),
        (b",<", "comma"),
        (b".>", "dot"),
        (b"/?", "slash"),
    ];
    const DIGITS: &[u8; 10] = b")!@#$%^&*(";
    let shift = Some("shift");
    let plain = |name: &str| Some((None, name.to_owned()));
    match byte {
        b'\r' => plain("ret"),
        b'\t' => plain("tab"),
        b' ' => plain("spc"),
        b'a'..=b'z' | b'0'..=b'9' => plain(&char::from(byte).to_string()),
        b'A'..=b'Z' => Some((shift, char::from(byte.to_ascii_lowercase()).to_string())),
        1..=26 => Some((Some("ctrl"), char::from(byte | 0x60).to_string())),
        _ => {
            if let Some(digit) = DIGITS.iter().position(|other| *other == byte) {
                return Some((shift, digit.to_string()));
            }
            let (both, name) = NAMED.iter().find(|(both, _)| both.contains(&byte))?;
            Some((shift.filter(|_| both[1] == byte), (*name).to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_printable_character_has_keys() {
        for byte in b' '..=b'~' {
            assert!(keys(byte).is_some(), "{byte}");
        }
        let key = |byte| keys(byte).map(|(holds, key)| (holds, key.clone()));
        assert_eq!(key(b'A'), Some((Some("shift"), "a".to_owned())));
        assert_eq!(key(b'$'), Some((Some("shift"), "4".to_owned())));
        assert_eq!(key(b'|'), Some((Some("shift"), "backslash".to_owned())));
        assert_eq!(key(3), Some((Some("ctrl"), "c".to_owned())));
        assert_eq!(key(0), None);
    }
}
