//! Finding the interpreter of a script, as the program itself would.

use alloc::vec::Vec;

use interface::{auth, fs, io};
use machuser::{Error, ReceiveRight, Result, Right, SendRight};

/// Most steps of one look-up, symbolic links and translators included.
const STEPS: usize = 32;

/// For whom and from where a path is looked up.
#[derive(Clone, Copy, Debug)]
pub struct Namespace<'a> {
    /// The root directory.
    pub root: Option<&'a SendRight>,
    /// The working directory.
    pub directory: Option<&'a SendRight>,
    /// The auth handle.
    pub auth: Option<&'a SendRight>,
}

impl Namespace<'_> {
    /// Opens `path`.
    pub fn open(&self, path: &[u8], flags: i32) -> Result<SendRight> {
        let mut name = path.to_vec();
        let start = |name: &[u8]| {
            let from = if name.starts_with(b"/") {
                self.root
            } else {
                self.directory
            };
            from.ok_or(Error::ENOENT).cloned()
        };
        let mut directory = start(&name)?;
        for _ in 0..STEPS {
            let relative = relative(&name);
            let (retry, rest, result) = fs::dir_lookup(&directory, relative, flags, 0)?;
            match retry {
                fs::FS_RETRY_NORMAL => {
                    directory = result.ok_or(Error::ENOENT)?;
                    if rest.is_empty() {
                        return Ok(directory);
                    }
                }
                fs::FS_RETRY_REAUTH => {
                    directory = self.reauthenticate(&result.ok_or(Error::ENOENT)?)?;
                }
                fs::FS_RETRY_MAGICAL if rest.starts_with(b"/") => directory = start(&rest)?,
                // Descriptors and terminals of a program that does not run yet are none.
                fs::FS_RETRY_MAGICAL => return Err(Error::ENOENT),
                _ => return Err(Error::EGRATUITOUS),
            }
            name = rest;
        }
        Err(Error::ELOOP)
    }

    fn reauthenticate(&self, port: &SendRight) -> Result<SendRight> {
        let auth = self.auth.ok_or(Error::EACCES)?;
        let rendezvous = ReceiveRight::allocate()?;
        io::io_reauthenticate(port, Right::make_send(&rendezvous))?;
        auth::auth_user_authenticate(auth, Right::make_send(&rendezvous))?.ok_or(Error::EACCES)
    }
}

fn relative(name: &[u8]) -> &[u8] {
    let slashes = name.iter().take_while(|b| **b == b'/').count();
    &name[slashes..]
}

/// The arguments of an interpreter: its name, the argument of the `#!` line, the script's name in
/// place of the script's first argument, and the others.
pub fn interpreter_arguments(
    interpreter: &[u8],
    argument: Option<&[u8]>,
    script: &[u8],
    argv: &[u8],
) -> Vec<u8> {
    let rest = argv
        .iter()
        .position(|b| *b == 0)
        .map_or(&[][..], |end| &argv[end + 1..]);
    let mut out = Vec::new();
    for word in [Some(interpreter), argument, Some(script)]
        .into_iter()
        .flatten()
    {
        out.extend_from_slice(word);
        out.push(0);
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_takes_the_place_of_its_name() {
        let with = |argument| interpreter_arguments(b"/bin/sh", argument, b"./x", b"x\0a\0");
        assert_eq!(with(None), b"/bin/sh\0./x\0a\0");
        assert_eq!(with(Some(&b"-e"[..])), b"/bin/sh\0-e\0./x\0a\0");
        assert_eq!(interpreter_arguments(b"i", None, b"s", b""), b"i\0s\0");
    }

    #[test]
    fn an_absolute_name_is_looked_up_below_the_root() {
        assert_eq!(relative(b"//bin/sh"), b"bin/sh");
        assert_eq!(relative(b"bin/"), b"bin/");
        assert_eq!(relative(b"/"), b"");
    }
}
