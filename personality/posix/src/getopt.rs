//! Options of a command line, by the Utility Syntax Guidelines of POSIX.

use alloc::vec::Vec;

/// An option that was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opt<'a> {
    /// Its letter; of a long option, the letter that stands for it.
    pub letter: u8,
    /// Its argument, if it takes one.
    pub value: Option<&'a [u8]>,
}

/// Why a command line is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// There is no such option.
    Unknown(Vec<u8>),
    /// The option lacks its argument.
    NoValue(Vec<u8>),
    /// The option takes no argument.
    ExtraValue(Vec<u8>),
}

impl Fault {
    /// Says on standard error what is wrong, then how the program is used; the exit status for it.
    pub fn report(&self, synopsis: &str) -> i32 {
        let (text, option): (&[u8], _) = match self {
            Self::Unknown(option) => (b"unknown option ", option),
            Self::NoValue(option) => (b"missing argument of option ", option),
            Self::ExtraValue(option) => (b"unexpected argument of option ", option),
        };
        crate::io::complain(&[text, option]);
        crate::io::usage(synopsis)
    }
}

/// The options of a command line, one after the other, as an iterator.
///
/// Options stop at the first operand, at `-`, and after `--`.
pub struct Options<'a> {
    args: &'a [Vec<u8>],
    letters: &'a str,
    long: &'a [(&'a str, u8)],
    index: usize,
    offset: usize,
}

impl<'a> Options<'a> {
    /// Options of `args` (which starts with the program's name). `letters` are
    /// those known, each with a `:` behind it if it takes an argument.
    pub fn new(args: &'a [Vec<u8>], letters: &'a str) -> Self {
        Self {
            args,
            letters,
            long: &[],
            index: 1,
            offset: 0,
        }
    }

    /// Also accepts long options, each of which stands for a letter.
    pub fn long(mut self, long: &'a [(&'a str, u8)]) -> Self {
        self.long = long;
        self
    }

    /// What follows the options; to be asked after the last one.
    pub fn operands(&self) -> &'a [Vec<u8>] {
        self.args.get(self.index..).unwrap_or(&[])
    }

    /// Whether the letter is known, and whether it takes an argument.
    fn lookup(&self, letter: u8) -> Option<bool> {
        let letters = self.letters.as_bytes();
        let at = letters.iter().position(|&l| l == letter && l != b':')?;
        Some(letters.get(at + 1) == Some(&b':'))
    }

    fn next_long(&mut self, text: &'a [u8]) -> Result<Opt<'a>, Fault> {
        let (name, mut value) = match text.iter().position(|&b| b == b'=') {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let shown = || [b"--", name].concat();
        self.index += 1;
        let Some(&(_, letter)) = self.long.iter().find(|(long, _)| long.as_bytes() == name) else {
            return Err(Fault::Unknown(shown()));
        };
        match self.lookup(letter) {
            Some(true) if value.is_none() => {
                value = self.args.get(self.index).map(Vec::as_slice);
                self.index += 1;
                if value.is_none() {
                    return Err(Fault::NoValue(shown()));
                }
            }
            Some(false) if value.is_some() => return Err(Fault::ExtraValue(shown())),
            _ => {}
        }
        Ok(Opt { letter, value })
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<Opt<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let arg = self.args.get(self.index)?.as_slice();
        if self.offset == 0 {
            if arg.len() < 2 || arg[0] != b'-' {
                return None;
            }
            if arg == b"--" {
                self.index += 1;
                // Nothing behind `--` is an option, even if this is asked again.
                self.args = self.args.get(self.index..).unwrap_or(&[]);
                self.index = 0;
                self.letters = "";
                self.offset = usize::MAX;
                return None;
            }
            if let Some(long) = arg.strip_prefix(b"--") {
                return Some(self.next_long(long));
            }
            self.offset = 1;
        }
        if self.offset == usize::MAX {
            return None;
        }
        let letter = arg[self.offset];
        self.offset += 1;
        let takes_value = self.lookup(letter);
        if self.offset == arg.len() || takes_value == Some(true) {
            self.index += 1;
        }
        let rest = &arg[self.offset..];
        if self.offset == arg.len() || takes_value == Some(true) {
            self.offset = 0;
        }
        Some(match takes_value {
            None => Err(Fault::Unknown([b'-', letter].to_vec())),
            Some(false) => Ok(Opt {
                letter,
                value: None,
            }),
            Some(true) if !rest.is_empty() => Ok(Opt {
                letter,
                value: Some(rest),
            }),
            Some(true) => match self.args.get(self.index) {
                Some(value) => {
                    self.index += 1;
                    Ok(Opt {
                        letter,
                        value: Some(value),
                    })
                }
                None => Err(Fault::NoValue([b'-', letter].to_vec())),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec;

    fn args(words: &[&str]) -> Vec<Vec<u8>> {
        core::iter::once("prog")
            .chain(words.iter().copied())
            .map(|w| w.as_bytes().to_vec())
            .collect()
    }

    fn run(words: &[&str]) -> (Vec<String>, Vec<String>) {
        let args = args(words);
        let mut options = Options::new(&args, "abn:").long(&[("all", b'a'), ("number", b'n')]);
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        let mut given = vec![];
        for option in &mut options {
            given.push(match option {
                Ok(Opt {
                    letter,
                    value: None,
                }) => text(&[letter]),
                Ok(Opt {
                    letter,
                    value: Some(v),
                }) => text(&[&[letter, b'='], v].concat()),
                Err(fault) => alloc::format!("{fault:?}"),
            });
        }
        (given, options.operands().iter().map(|o| text(o)).collect())
    }

    #[test]
    fn options_may_be_grouped_and_end_at_the_first_operand() {
        assert_eq!(
            run(&["-ab", "-n3", "-n", "4", "x", "-a"]),
            (
                vec!["a".into(), "b".into(), "n=3".into(), "n=4".into()],
                vec!["x".into(), "-a".into()]
            )
        );
    }

    #[test]
    fn a_double_dash_ends_the_options() {
        assert_eq!(
            run(&["-a", "--", "-b"]),
            (vec!["a".into()], vec!["-b".into()])
        );
        assert_eq!(run(&["-"]), (vec![], vec!["-".into()]));
    }

    #[test]
    fn long_options_stand_for_letters() {
        assert_eq!(
            run(&["--all", "--number=3", "--number", "4"]).0,
            vec!["a", "n=3", "n=4"]
        );
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert_eq!(
            run(&["-x"]).0,
            vec![alloc::format!("{:?}", Fault::Unknown(b"-x".to_vec()))]
        );
        assert_eq!(
            run(&["-n"]).0,
            vec![alloc::format!("{:?}", Fault::NoValue(b"-n".to_vec()))]
        );
        assert_eq!(
            run(&["--all=1"]).0,
            vec![alloc::format!("{:?}", Fault::ExtraValue(b"--all".to_vec()))]
        );
    }
}
