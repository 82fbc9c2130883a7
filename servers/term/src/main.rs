//! A terminal: a translator on a line, which is a file or a descriptor.
//!
//! `term [--name=NAME] LINE`, where `LINE` is a path or `fd:NUMBER`.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;

use interface::fs::{O_READ, O_WRITE};
use machuser::{Error, Result, SendRight, env, mach, sys};
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

fn line(argument: &[u8]) -> Result<SendRight> {
    match argument.strip_prefix(b"fd:") {
        Some(number) => {
            let number = core::str::from_utf8(number)
                .ok()
                .and_then(|n| n.parse().ok());
            let fd = env::fd(number.ok_or(Error::EINVAL)?).ok_or(Error::EBADF)?;
            fd.try_clone()
        }
        None => fshelp::lookup::open(argument, O_READ | O_WRITE, 0),
    }
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
