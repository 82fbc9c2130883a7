//! File modes: the octal and symbolic forms of `chmod` and `umask`, and the text of `ls`.

use alloc::vec::Vec;

use posix::fs::{self, Kind};

/// A change of permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModeChange(Vec<Action>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Set(u32),
    Symbolic {
        /// Bits that the action may touch.
        who: u32,
        /// Whether nobody was named, so that the umask counts.
        everyone: bool,
        operator: u8,
        permissions: Permissions,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permissions {
    /// The three bits, whether `X`, and set-id, sticky.
    Bits {
        rwx: u32,
        execute_if_any: bool,
        set_id: bool,
        sticky: bool,
    },
    /// A copy of those of user (6), group (3) or others (0): the shift of their bits.
    CopyOf(u32),
}

const USER: u32 = 0o4700;
const GROUP: u32 = 0o2070;
const OTHERS: u32 = 0o1007;

/// The three bits for user, group and others alike.
const fn spread(rwx: u32) -> u32 {
    rwx << 6 | rwx << 3 | rwx
}

/// A mode in octal or symbolic form, such as `755` or `u+x,go-w`; `None` if it is neither.
pub fn parse(text: &[u8]) -> Option<ModeChange> {
    if let Some(mode) = posix::parse_octal(text) {
        let mode = u32::try_from(mode).ok().filter(|&mode| mode <= 0o7777)?;
        return Some(ModeChange(alloc::vec![Action::Set(mode)]));
    }
    let mut actions = Vec::new();
    for clause in text.split(|&b| b == b',') {
        let mut who = 0;
        let mut rest = clause;
        while let Some((&byte, tail)) = rest.split_first() {
            who |= match byte {
                b'u' => USER,
                b'g' => GROUP,
                b'o' => OTHERS,
                b'a' => 0o7777,
                _ => break,
            };
            rest = tail;
        }
        let everyone = who == 0;
        if everyone {
            who = 0o7777;
        }
        if rest.is_empty() {
            return None;
        }
        while let Some((&operator, tail)) = rest.split_first() {
            if !matches!(operator, b'+' | b'-' | b'=') {
                return None;
            }
            rest = tail;
            let permissions = match rest.first() {
                Some(&byte @ (b'u' | b'g' | b'o')) => {
                    rest = &rest[1..];
                    Permissions::CopyOf(match byte {
                        b'u' => 6,
                        b'g' => 3,
                        _ => 0,
                    })
                }
                _ => {
                    let (mut rwx, mut execute_if_any) = (0, false);
                    let (mut set_id, mut sticky) = (false, false);
                    while let Some((&byte, tail)) = rest.split_first() {
                        match byte {
                            b'r' => rwx |= 4,
                            b'w' => rwx |= 2,
                            b'x' => rwx |= 1,
                            b'X' => execute_if_any = true,
                            b's' => set_id = true,
                            b't' => sticky = true,
                            _ => break,
                        }
                        rest = tail;
                    }
                    Permissions::Bits {
                        rwx,
                        execute_if_any,
                        set_id,
                        sticky,
                    }
                }
            };
            actions.push(Action::Symbolic {
                who,
                everyone,
                operator,
                permissions,
            });
        }
    }
    Some(ModeChange(actions))
}

impl ModeChange {
    /// What becomes of a mode. `umask` counts where the change names nobody.
    pub fn apply(&self, mode: u32, directory: bool, umask: u32) -> u32 {
        self.0
            .iter()
            .fold(mode & 0o7777, |mode, action| match *action {
                Action::Set(new) => new,
                Action::Symbolic {
                    who,
                    everyone,
                    operator,
                    permissions,
                } => {
                    let bits = match permissions {
                        Permissions::CopyOf(shift) => spread(mode >> shift & 7),
                        Permissions::Bits {
                            rwx,
                            execute_if_any,
                            set_id,
                            sticky,
                        } => {
                            let execute = execute_if_any && (directory || mode & 0o111 != 0);
                            spread(rwx | u32::from(execute))
                                | if set_id { 0o6000 } else { 0 }
                                | if sticky { 0o1000 } else { 0 }
                        }
                    };
                    let mut bits = bits & who;
                    if everyone {
                        bits &= !umask;
                    }
                    match operator {
                        b'+' => mode | bits,
                        b'-' => mode & !bits,
                        _ => mode & !(who & if everyone { 0o777 } else { who }) | bits,
                    }
                }
            })
    }
}

/// The mode as `ls -l` shows it: ten characters.
pub fn show(mode: u32) -> [u8; 10] {
    let mut text = *b"?---------";
    text[0] = match Kind::from_mode(mode) {
        Kind::Fifo => b'p',
        Kind::CharDevice => b'c',
        Kind::Directory => b'd',
        Kind::BlockDevice => b'b',
        Kind::Regular => b'-',
        Kind::Symlink => b'l',
        Kind::Socket => b's',
        Kind::Unknown => b'?',
    };
    for (index, &letter) in b"rwxrwxrwx".iter().enumerate() {
        if mode & (0o400 >> index) != 0 {
            text[index + 1] = letter;
        }
    }
    for (bit, index, letter) in [(0o4000, 3, b's'), (0o2000, 6, b's'), (0o1000, 9, b't')] {
        if mode & bit != 0 {
            let executable = text[index] == b'x';
            text[index] = if executable {
                letter
            } else {
                letter.to_ascii_uppercase()
            };
        }
    }
    text
}

/// The process's umask.
pub fn umask() -> u32 {
    let mask = fs::umask(0o077);
    fs::umask(mask);
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(text: &str, mode: u32) -> u32 {
        parse(text.as_bytes()).unwrap().apply(mode, false, 0o022)
    }

    #[test]
    fn modes_change_as_posix_says() {
        for (text, mode, expected) in [
            ("755", 0o644, 0o755),
            ("u+x", 0o644, 0o744),
            ("go-r", 0o644, 0o600),
            ("a=r", 0o777, 0o444),
            ("+x", 0o644, 0o755),
            ("+w", 0o444, 0o644),
            ("u=rwx,go=rx", 0, 0o755),
            ("g=u", 0o640, 0o660),
            ("u+s", 0o755, 0o4755),
            ("+X", 0o644, 0o644),
            ("+X", 0o744, 0o755),
            ("u-x+w", 0o500, 0o600),
            ("o+t", 0o755, 0o1755),
        ] {
            assert_eq!(change(text, mode), expected, "{text}");
        }
        for text in ["", "8", "u", "u*x", "77777", "u+x,", "z+x"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn modes_show_as_in_ls() {
        assert_eq!(&show(0o100_644), b"-rw-r--r--");
        assert_eq!(&show(0o041_777), b"drwxrwxrwt");
        assert_eq!(&show(0o104_750), b"-rwsr-x---");
        assert_eq!(&show(0o102_640), b"-rw-r-S---");
    }
}
