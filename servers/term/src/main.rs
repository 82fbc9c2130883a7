//! A terminal: a translator on a line, which is a file or a descriptor.
//!
//! `term [--name=NAME] LINE`, where `LINE` is a path, `fd:NUMBER`, or `dir:NUMBER:NAME`, a file in a
//! directory. When the server of the line ends, a line that is no descriptor itself is opened again.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::boxed::Box;
use alloc::format;

use fshelp::{Opener, Steady, lookup};
use interface::fs::{O_READ, O_WRITE};
use machuser::{Error, Result, env, mach, sys};
use term::serve::{THREADS, Terminal, TerminalNode};
use trivfs::Translator;

machuser::program!(main);

fn main() {
    let error = match serve() {
        Ok(never) => never,
        Err(error) => error,
    };
    mach::log(&format!("term: {error}"));
}

fn line(argument: &[u8]) -> Result<Steady> {
    let descriptor = |number: &[u8]| {
        let number = core::str::from_utf8(number).ok();
        let number = number.and_then(|number| number.parse().ok());
        env::fd(number.ok_or(Error::EINVAL)?).ok_or(Error::EBADF)
    };
    if let Some(number) = argument.strip_prefix(b"fd:") {
        return Ok(Steady::new(descriptor(number)?.try_clone()?, None));
    }
    let opener: Opener = match argument.strip_prefix(b"dir:") {
        Some(place) => {
            let colon = place.iter().position(|&byte| byte == b':');
            let colon = colon.ok_or(Error::EINVAL)?;
            let (directory, name) = (descriptor(&place[..colon])?, place[colon + 1..].to_vec());
            Box::new(move || lookup::open_at(directory.clone(), &name, O_READ | O_WRITE, 0))
        }
        None => {
            let path = argument.to_vec();
            Box::new(move || lookup::open(&path, O_READ | O_WRITE, 0))
        }
    };
    Ok(Steady::new(opener()?, Some(opener)))
}

fn serve() -> Result<Error> {
    let arguments = env::args();
    let mut name = None;
    let mut path = None;
    for argument in arguments.iter().skip(1) {
        match argument.strip_prefix(b"--name=") {
            Some(value) => name = Some(value),
            None => path = Some(argument),
        }
    }
    let terminal = Terminal::new(line(path.ok_or(Error::EINVAL)?)?)?;
    terminal.set_name(name.unwrap_or_default());
    let translator = Translator::new(TerminalNode(terminal.clone()), || sys::exit())?;
    terminal.set_translator(&translator);
    translator.server().set_thread_limit(THREADS);
    translator.startup(&*env::bootstrap().ok_or(Error::EINVAL)?)?;
    env::set_port(env::init_port::BOOTSTRAP, None)?;
    Ok(translator.server().run())
}
