//! `hello [--contents=TEXT]`: a file that says `Hello, world!`, or TEXT.
//!
//! docs/TRANSLATORS.md goes through it line by line.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;
use interface::io::StatBuf;
use interface::io::mode::{S_IFMT, S_IFREG};
use machuser::sync::Mutex;
use machuser::{DataOut, Error, Result, env};
use trivfs::{Node, Open};

machuser::program!(main);

fn main() {
    let hello = Hello(Mutex::new(b"Hello, world!\n".to_vec()));
    match env::args()
        .iter()
        .skip(1)
        .try_for_each(|option| hello.set_option(option))
    {
        Ok(()) => trivfs::main(hello),
        Err(_) => machuser::sys::log("usage: hello [--contents=TEXT]"),
    }
}

struct Hello(Mutex<Vec<u8>>);

impl Hello {
    fn set_option(&self, option: &[u8]) -> Result<()> {
        *self.0.lock() = option
            .strip_prefix(b"--contents=")
            .ok_or(Error::EINVAL)?
            .to_vec();
        Ok(())
    }
}

impl Node for Hello {
    type State = ();

    fn stat(&self, stat: &mut StatBuf) {
        stat.mode = stat.mode & !S_IFMT | S_IFREG;
        stat.size = self.0.lock().len() as i64;
    }

    fn read(
        &self,
        _: &Open<'_, Self>,
        offset: u64,
        amount: usize,
        to: &mut DataOut<'_>,
    ) -> Result<()> {
        let contents = self.0.lock();
        let rest = contents.get(offset as usize..).unwrap_or_default();
        to.write(&rest[..amount.min(rest.len())]);
        Ok(())
    }

    fn options(&self) -> Vec<u8> {
        [b"hello\0--contents=", self.0.lock().as_slice(), b"\0"].concat()
    }

    fn set_options(&self, options: &[u8]) -> Result<()> {
        let options = options.strip_suffix(b"\0").unwrap_or(options);
        options
            .split(|byte| *byte == 0)
            .try_for_each(|option| self.set_option(option))
    }
}

#[cfg(test)]
mod tests;
