//! The file system's control port.

use alloc::sync::Arc;
use alloc::vec::Vec;

use interface::fs::{FS_RETRY_MAGICAL, FS_RETRY_REAUTH, O_NOLINK, O_NOTRANS};
use interface::fsys::{FSYS_GOAWAY_FORCE, FSYS_GOAWAY_NOSYNC, FSYS_GOAWAY_RECURSE, Fsys};
use machuser::{Call, Error, Result, Right, SendRight};

use crate::lookup::{Answer, translated};
use crate::peropen::Origin;
use crate::server::Shared;
use crate::volume::FileSystem;
use iohelp::User;

/// The control port. Whoever has it is trusted: it goes to the parent that the file system is
/// attached to, and to root.
pub(crate) struct Control<F: FileSystem> {
    pub(crate) shared: Arc<Shared<F>>,
}

impl<F: FileSystem> Fsys for Control<F> {
    fn fsys_goaway(&self, call: &Call<'_>, flags: i32) -> Result<()> {
        let shared = &self.shared;
        let force = flags & FSYS_GOAWAY_FORCE != 0;
        let recurse = flags & FSYS_GOAWAY_RECURSE != 0;
        if recurse {
            for (_, control) in shared.children() {
                match interface::fsys::fsys_goaway(&control, flags) {
                    Err(error) if !force && !error.is_server_died() => return Err(error),
                    _ => {}
                }
            }
        }
        if !force {
            shared.wait_unused(call, recurse)?;
        }
        if flags & FSYS_GOAWAY_NOSYNC == 0 {
            match shared.volume.sync(true) {
                Err(error) if !force => return Err(error),
                _ => {}
            }
        }
        shared.shut_down();
        Ok(())
    }

    fn fsys_getroot(
        &self,
        call: &Call<'_>,
        dotdot_node: Option<SendRight>,
        gen_uids: Vec<u32>,
        gen_gids: Vec<u32>,
        flags: i32,
    ) -> Result<Answer> {
        let shared = &self.shared;
        let volume = &shared.volume;
        let user = Arc::new(User::new(gen_uids, gen_gids));
        let root = shared.root.clone();
        let access = volume.access(&root);
        let origin = Arc::new(Origin {
            dotdot: dotdot_node,
            shadow: None,
        });
        if flags & O_NOTRANS == 0 && translated(volume, &root, access) {
            let through = shared.through_translator(call, None, &root, &origin, &user, flags)?;
            if let Some(answer) = through {
                return Ok(answer);
            }
        }
        if access.is_symlink() && flags & (O_NOLINK | O_NOTRANS) == 0 {
            let target = volume.read_link(&root)?;
            return if target.starts_with(b"/") {
                Ok((FS_RETRY_MAGICAL, target, Right::null()))
            } else {
                Ok((FS_RETRY_REAUTH, target, Right::from(origin.dotdot.clone())))
            };
        }
        shared.open(call, root, false, &origin, flags, &user)
    }

    fn fsys_syncfs(&self, _call: &Call<'_>, wait: i32, do_children: i32) -> Result<()> {
        self.shared.sync(wait != 0, do_children != 0)
    }

    fn fsys_set_options(&self, _call: &Call<'_>, options: Vec<u8>, do_children: i32) -> Result<()> {
        if options.last().is_some_and(|&byte| byte != 0) {
            return Err(Error::EINVAL);
        }
        let words: Vec<&[u8]> = match options.strip_suffix(b"\0") {
            Some(words) => words.split(|&byte| byte == 0).collect(),
            None => Vec::new(),
        };
        if do_children != 0 {
            for (_, control) in self.shared.children() {
                interface::fsys::fsys_set_options(&control, &options, do_children)?;
            }
        }
        self.shared.volume.set_options(&words)
    }

    fn fsys_init(
        &self,
        _call: &Call<'_>,
        proc_server: Option<SendRight>,
        auth_handle: Option<SendRight>,
    ) -> Result<()> {
        self.shared.initialise(proc_server, auth_handle)
    }

    fn fsys_get_options(&self, _call: &Call<'_>) -> Result<Vec<u8>> {
        Ok(self.shared.options())
    }

    fn fsys_get_children(&self, _call: &Call<'_>) -> Result<(Vec<u8>, Vec<Right<'static>>)> {
        let mut names = Vec::new();
        let mut controls = Vec::new();
        for (name, control) in self.shared.children() {
            names.extend_from_slice(&name);
            names.push(0);
            controls.push(Right::from(control));
        }
        Ok((names, controls))
    }

    fn fsys_get_source(&self, _call: &Call<'_>) -> Result<Vec<u8>> {
        Ok(self.shared.volume.source())
    }
}
