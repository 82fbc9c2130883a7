use heapless::Vec;
use pc_keyboard::layouts::Us104Key;
use pc_keyboard::{DecodedKey, HandleControl, KeyCode, Keyboard, ScancodeSet1};

/// Bytes that the longest key sends.
pub const LONGEST: usize = 8;

/// Turns scan codes into what a terminal of the kind `linux` sends, with the layout of the United
/// States.
pub struct Keys(Keyboard<Us104Key, ScancodeSet1>);

impl Default for Keys {
    fn default() -> Self {
        Self(Keyboard::new(
            ScancodeSet1::new(),
            Us104Key,
            HandleControl::Ignore,
        ))
    }
}

impl Keys {
    /// Takes a byte of a scan code (set 1). Answers what the key sends that it completes;
    /// `application` says whether programs want the arrow keys' other codes.
    pub fn scan(&mut self, byte: u8, application: bool) -> Vec<u8, LONGEST> {
        // What is no scan code is forgotten.
        let Ok(Some(event)) = self.0.add_byte(byte) else {
            return Vec::new();
        };
        let key = self.0.process_keyevent(event);
        let modifiers = self.0.get_modifiers();
        let mut bytes = Vec::new();
        let mut send = |text: &[u8]| {
            // The longest is an escape before a character of four bytes.
            let _ = bytes.extend_from_slice(text);
        };
        match key {
            Some(DecodedKey::Unicode('\t')) if modifiers.is_shifted() => send(b"\x1b[Z"),
            // The layout's number for the key that deletes.
            Some(DecodedKey::Unicode('\x7f')) => send(sequence(KeyCode::Delete, application)),
            Some(DecodedKey::Unicode(character)) => {
                if modifiers.is_alt() {
                    send(b"\x1b");
                }
                let character = match character {
                    '\n' => '\r',
                    '\x08' => '\x7f',
                    character if modifiers.is_ctrl() => control(character),
                    character => character,
                };
                send(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Some(DecodedKey::RawKey(key)) => send(sequence(key, application)),
            None => {}
        }
        bytes
    }

    /// Which lights are on: num lock's in bit 1, caps lock's in bit 2.
    pub fn lights(&self) -> u8 {
        let modifiers = self.0.get_modifiers();
        u8::from(modifiers.numlock) << 1 | u8::from(modifiers.capslock) << 2
    }
}

/// What a character is together with the control key.
fn control(character: char) -> char {
    match character {
        'a'..='z' | '@'..='_' => char::from(character as u8 & 0x1f),
        ' ' => '\0',
        '?' => '\x7f',
        other => other,
    }
}

/// What a key without a character sends (terminfo's description of `linux`).
fn sequence(key: KeyCode, application: bool) -> &'static [u8] {
    match key {
        KeyCode::ArrowUp if application => b"\x1bOA",
        KeyCode::ArrowDown if application => b"\x1bOB",
        KeyCode::ArrowRight if application => b"\x1bOC",
        KeyCode::ArrowLeft if application => b"\x1bOD",
        KeyCode::ArrowUp => b"\x1b[A",
        KeyCode::ArrowDown => b"\x1b[B",
        KeyCode::ArrowRight => b"\x1b[C",
        KeyCode::ArrowLeft => b"\x1b[D",
        KeyCode::Home => b"\x1b[1~",
        KeyCode::Insert => b"\x1b[2~",
        KeyCode::Delete => b"\x1b[3~",
        KeyCode::End => b"\x1b[4~",
        KeyCode::PageUp => b"\x1b[5~",
        KeyCode::PageDown => b"\x1b[6~",
        KeyCode::F1 => b"\x1b[[A",
        KeyCode::F2 => b"\x1b[[B",
        KeyCode::F3 => b"\x1b[[C",
        KeyCode::F4 => b"\x1b[[D",
        KeyCode::F5 => b"\x1b[[E",
        KeyCode::F6 => b"\x1b[17~",
        KeyCode::F7 => b"\x1b[18~",
        KeyCode::F8 => b"\x1b[19~",
        KeyCode::F9 => b"\x1b[20~",
        KeyCode::F10 => b"\x1b[21~",
        KeyCode::F11 => b"\x1b[23~",
        KeyCode::F12 => b"\x1b[24~",
        KeyCode::PauseBreak => b"\x1b[P",
        _ => b"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What these scan codes send.
    fn typed(keys: &mut Keys, codes: &[u8]) -> std::vec::Vec<u8> {
        codes
            .iter()
            .flat_map(|code| keys.scan(*code, false))
            .collect()
    }

    #[test]
    fn letters_are_sent_when_they_are_pressed_and_not_when_they_are_let_go() {
        let mut keys = Keys::default();
        assert_eq!(
            typed(&mut keys, &[0x1e, 0x9e, 0x30, 0xb0, 0x1c, 0x9c, 0x0e, 0x0f]),
            b"ab\r\x7f\t"
        );
    }

    #[test]
    fn modifiers_change_what_is_sent() {
        let mut keys = Keys::default();
        // Shift and 1, a; caps lock and a, with shift; control and c; alt and x; shift and tab.
        assert_eq!(typed(&mut keys, &[0x2a, 0x02, 0x1e, 0xaa, 0x1e]), b"!Aa");
        assert_eq!(keys.lights(), 2);
        assert_eq!(
            typed(&mut keys, &[0x3a, 0xba, 0x1e, 0x2a, 0x1e, 0xaa, 0x02]),
            b"Aa1"
        );
        assert_eq!(keys.lights(), 6);
        assert_eq!(typed(&mut keys, &[0x3a, 0xba, 0x1e]), b"a");
        assert_eq!(
            typed(&mut keys, &[0x1d, 0x2e, 0xae, 0x2b, 0x39, 0x9d, 0x2e]),
            b"\x03\x1c\0c"
        );
        assert_eq!(typed(&mut keys, &[0x38, 0x2d, 0xb8, 0x2d]), b"\x1bxx");
        assert_eq!(typed(&mut keys, &[0x2a, 0x0f, 0x8f, 0xaa]), b"\x1b[Z");
    }

    #[test]
    fn keys_without_a_character_send_sequences() {
        let mut keys = Keys::default();
        assert_eq!(
            typed(&mut keys, &[0xe0, 0x48, 0xe0, 0xc8, 0x3b, 0x58]),
            b"\x1b[A\x1b[[A\x1b[24~"
        );
        assert_eq!(keys.scan(0xe0, true).as_slice(), b"");
        assert_eq!(keys.scan(0x4b, true).as_slice(), b"\x1bOD");
        assert_eq!(typed(&mut keys, &[0xe0, 0x53]), b"\x1b[3~");
        // The number block, with its lock and without.
        assert_eq!(typed(&mut keys, &[0x47, 0x45, 0xc5, 0x47]), b"7\x1b[1~");
    }

    #[test]
    fn what_is_no_scan_code_is_forgotten() {
        let mut keys = Keys::default();
        for byte in 0..=255 {
            let _ = keys.scan(byte, false);
        }
        let mut keys = Keys::default();
        assert_eq!(typed(&mut keys, &[0xff, 0x00, 0xe0, 0xff, 0x1e]), b"a");
    }
}
