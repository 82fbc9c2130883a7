//! The control port.

use crate::{CLASS_CONTROL, CLASS_FILE, Node, Translator, found};
use alloc::sync::Arc;
use alloc::vec::Vec;
use interface::fsys::{self, FSYS_GOAWAY_FORCE, FSYS_GOAWAY_NOSYNC};
use iohelp::User;
use machuser::{Call, Error, Outcome, Request, Result, Right, SendRight, env};
use ports::Object;

pub(crate) struct Control<N: Node>(pub(crate) Arc<Translator<N>>);

impl<N: Node> Object for Control<N> {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        fsys::dispatch(self, request)
    }

    fn class(&self) -> u32 {
        CLASS_CONTROL
    }

    fn no_senders(&self) {
        // Nobody can open the node any more; those who have it open keep it.
        if self.0.server.count(CLASS_FILE) == 0 {
            (self.0.exit)();
        }
    }
}

impl<N: Node> fsys::Fsys for Control<N> {
    fn fsys_goaway(&self, call: &Call<'_>, flags: i32) -> Result<()> {
        let server = &self.0.server;
        let force = flags & FSYS_GOAWAY_FORCE != 0;
        if !force && !server.is_unused(CLASS_FILE) {
            return Err(Error::EBUSY);
        }
        let inhibited = server.inhibit(CLASS_FILE, call)?;
        if !force && server.count(CLASS_FILE) > 0 {
            return Err(Error::EBUSY);
        }
        if flags & FSYS_GOAWAY_NOSYNC == 0 {
            self.0.node.sync(true)?;
        }
        self.0.node.go_away(flags)?;
        // From here on nobody is served.
        core::mem::forget(inhibited);
        let exit = self.0.exit.clone();
        server.after_reply(move || exit());
        Ok(())
    }

    fn fsys_getroot(
        &self,
        call: &Call<'_>,
        _dotdot_node: Option<SendRight>,
        gen_uids: Vec<u32>,
        gen_gids: Vec<u32>,
        flags: i32,
    ) -> Result<(u32, Vec<u8>, Right<'static>)> {
        let file = self.0.open(User::new(gen_uids, gen_gids), flags)?;
        Ok(found(self.0.server.reply_port(call, Arc::new(file))?))
    }

    fn fsys_syncfs(&self, _call: &Call<'_>, wait: i32, _do_children: i32) -> Result<()> {
        self.0.node.sync(wait != 0)
    }

    fn fsys_set_options(
        &self,
        _call: &Call<'_>,
        options: Vec<u8>,
        _do_children: i32,
    ) -> Result<()> {
        self.0.node.set_options(&options)
    }

    /// A translator that was started before auth and proc learns of them here: without auth it
    /// could not find out who its users are. It learns of them once.
    fn fsys_init(
        &self,
        _call: &Call<'_>,
        proc_server: Option<SendRight>,
        auth_handle: Option<SendRight>,
    ) -> Result<()> {
        if env::port(env::init_port::AUTH).is_some() {
            return Err(Error::EBUSY);
        }
        env::set_port(env::init_port::PROC, proc_server)?;
        env::set_port(env::init_port::AUTH, auth_handle)
    }

    fn fsys_get_options(&self, _call: &Call<'_>) -> Result<Vec<u8>> {
        Ok(self.0.node.options())
    }

    fn fsys_get_children(&self, _call: &Call<'_>) -> Result<(Vec<u8>, Vec<Right<'static>>)> {
        Ok((Vec::new(), Vec::new()))
    }
}
