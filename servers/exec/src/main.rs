//! The exec server: a translator, on `/servers/exec`.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;
use alloc::sync::Arc;

use exec_load::serve::Loader;
use interface::exec;
use interface::fs::{O_EXEC, O_READ, O_WRITE};
use interface::io::StatBuf;
use interface::io::mode::{S_IFMT, S_IFREG};
use machuser::{Error, Outcome, Request, Result, env, mach, sys};
use trivfs::{Node, Open, Translator};

machuser::program!(main);

struct Exec(Arc<Loader>);

impl Node for Exec {
    type State = ();

    const ALLOW_OPEN: i32 = O_READ | O_WRITE | O_EXEC;

    fn stat(&self, stat: &mut StatBuf) {
        stat.mode = stat.mode & !S_IFMT | S_IFREG;
    }

    fn dispatch(&self, _: &Open<'_, Self>, request: &mut Request<'_>) -> Outcome {
        exec::dispatch(&*self.0, request)
    }
}

fn main() {
    let error = match serve() {
        Ok(never) => never,
        Err(error) => error,
    };
    mach::log(&format!("exec: {error}"));
}

fn serve() -> Result<Error> {
    let loader = Loader::new();
    let translator = Translator::new(Exec(loader.clone()), || sys::exit())?;
    loader.set_server(translator.server().clone());
    translator.startup(&*env::bootstrap().ok_or(Error::EINVAL)?)?;
    env::set_port(env::init_port::BOOTSTRAP, None)?;
    Ok(translator.server().run())
}
