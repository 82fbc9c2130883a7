//! `magic NAME`: a translator whose node means something else to each process.
//!
//! Whoever looks the node up is told to retry with a name that she interprets herself: `tty` is
//! her controlling terminal, `fd/N` her descriptor N, `pid` her process id.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use interface::fs::FS_RETRY_MAGICAL;
use interface::fsys;
use machuser::env::{self, init_port};
use machuser::{Call, Error, Outcome, Request, Result, Right, SendRight, mach, sys};
use ports::{Object, Server};

machuser::program!(main);

/// The control port. There are no other ports, so nothing holds the program but this.
struct Control {
    name: Vec<u8>,
    server: Arc<Server>,
}

impl Object for Control {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        fsys::dispatch(self, request)
    }

    fn no_senders(&self) {
        sys::exit()
    }
}

impl fsys::Fsys for Control {
    fn fsys_getroot(
        &self,
        _: &Call<'_>,
        _dotdot_node: Option<SendRight>,
        _gen_uids: Vec<u32>,
        _gen_gids: Vec<u32>,
        _flags: i32,
    ) -> Result<(u32, Vec<u8>, Right<'static>)> {
        Ok((FS_RETRY_MAGICAL, self.name.clone(), Right::null()))
    }

    fn fsys_goaway(&self, _: &Call<'_>, _flags: i32) -> Result<()> {
        self.server.after_reply(|| sys::exit());
        Ok(())
    }

    fn fsys_syncfs(&self, _: &Call<'_>, _wait: i32, _do_children: i32) -> Result<()> {
        Ok(())
    }

    fn fsys_get_options(&self, _: &Call<'_>) -> Result<Vec<u8>> {
        Ok(env::args()
            .iter()
            .flat_map(|word| word.iter().copied().chain([0]))
            .collect())
    }

    fn fsys_get_children(&self, _: &Call<'_>) -> Result<(Vec<u8>, Vec<Right<'static>>)> {
        Ok((Vec::new(), Vec::new()))
    }
}

fn main() {
    let error = match serve() {
        Ok(never) => never,
        Err(error) => error,
    };
    mach::log(&format!("magic: {error}"));
}

fn serve() -> Result<Error> {
    let name = env::args().get(1).cloned().ok_or(Error::EINVAL)?;
    let bootstrap = env::bootstrap().ok_or(Error::EINVAL)?;
    let server = Server::new()?;
    let control = server.port(Arc::new(Control {
        name,
        server: server.clone(),
    }))?;
    // The node below is of no use.
    drop(fsys::fsys_startup(&*bootstrap, 0, control.right())?);
    drop((control, bootstrap));
    env::set_port(init_port::BOOTSTRAP, None)?;
    Ok(server.run())
}
