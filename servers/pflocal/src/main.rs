//! Local sockets: a translator, on `/servers/socket/1`.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;

use machuser::{Error, Result, env, mach, sys};
use pflocal::serve::{Sockets, THREADS};
use trivfs::Translator;

machuser::program!(main);

fn main() {
    let error = match serve() {
        Ok(never) => never,
        Err(error) => error,
    };
    mach::log(&format!("pflocal: {error}"));
}

fn serve() -> Result<Error> {
    let translator = Translator::new(Sockets::default(), || sys::exit())?;
    translator.node().set_translator(&translator);
    translator.server().set_thread_limit(THREADS);
    translator.startup(&*env::bootstrap().ok_or(Error::EINVAL)?)?;
    env::set_port(env::init_port::BOOTSTRAP, None)?;
    Ok(translator.server().run())
}
