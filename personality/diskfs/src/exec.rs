//! Running a file as a program.

use alloc::sync::Arc;
use alloc::vec::Vec;

use fshelp::exec::Ids;
use interface::fs::{EXEC_NEWTASK, EXEC_SECURE, O_EXEC, O_READ};
use interface::{auth, exec};
use machuser::env::init_port;
use machuser::{Error, Result, Right, SendRight};

use crate::peropen::Protid;
use crate::volume::{Access, FileSystem, S_IFREG, S_ISGID, S_ISUID};

/// The arguments of `file_exec_paths`.
pub(crate) struct Image<'a> {
    pub(crate) task: Option<SendRight>,
    pub(crate) flags: i32,
    pub(crate) path: &'a [u8],
    pub(crate) abspath: &'a [u8],
    pub(crate) argv: Vec<u8>,
    pub(crate) envp: Vec<u8>,
    pub(crate) fds: Vec<Option<SendRight>>,
    pub(crate) ports: Vec<Option<SendRight>>,
    pub(crate) ints: Vec<i32>,
    pub(crate) deallocnames: Vec<u32>,
    pub(crate) destroynames: Vec<u32>,
}

fn rights(list: &[Option<SendRight>]) -> Vec<Right<'_>> {
    list.iter()
        .map(|right| Right::from(right.as_ref()))
        .collect()
}

impl<F: FileSystem> Protid<F> {
    /// Hands the file and everything else to the exec server.
    pub(crate) fn execute(&self, image: Image<'_>) -> Result<()> {
        self.peropen.require(O_EXEC)?;
        let access = self.volume().access(self.node());
        if access.kind() != S_IFREG || access.mode & 0o111 == 0 {
            return Err(Error::EACCES);
        }
        let mut image = image;
        if access.mode & (S_ISUID | S_ISGID) != 0 {
            self.gain(&mut image, access)?;
        }
        let port = self.shared.file_port(
            self.node().clone(),
            &self.peropen.origin,
            O_READ | O_EXEC,
            self.user().clone(),
        )?;
        for attempt in 0..2 {
            let server = self.shared.exec_server(attempt > 0)?;
            let result = exec::exec_exec_paths(
                &*server,
                port.right(),
                image.task.as_ref(),
                image.flags,
                image.path,
                image.abspath,
                &image.argv,
                &image.envp,
                rights(&image.fds),
                rights(&image.ports),
                &image.ints,
                &image.deallocnames,
                &image.destroynames,
            );
            match result {
                // The server may have been started again since it was looked up.
                Err(error) if error.is_server_died() && attempt == 0 => {}
                result => return result,
            }
        }
        Err(Error::MACH_SEND_INVALID_DEST)
    }

    /// Gives the program the ids of a file with set-id bits: every port that it gets is shown the
    /// new ids. The program gets a task of its own, in which nobody else has rights, if that makes
    /// it more than its caller was.
    fn gain(&self, image: &mut Image<'_>, access: Access) -> Result<()> {
        let old = image.ports.get(init_port::AUTH).and_then(Option::as_ref);
        let old = old.ok_or(Error::EPERM)?;
        let own = machuser::env::port(init_port::AUTH).ok_or(Error::EPERM)?;
        let (euids, auids, egids, agids) = auth::auth_getids(old)?;
        let mut ids = Ids {
            euids,
            auids,
            egids,
            agids,
        };
        if fshelp::exec::reauthenticate(access.mode, access.uid, access.gid, &mut ids) {
            image.flags |= EXEC_SECURE | EXEC_NEWTASK;
        }
        let others = alloc::vec![Right::from(old)];
        let handle = auth::auth_makeauth(
            &*own, others, &ids.euids, &ids.auids, &ids.egids, &ids.agids,
        )?;
        let handle = handle.ok_or(Error::EPERM)?;
        let again = |port: &mut Option<SendRight>| -> Result<()> {
            if let Some(old) = port {
                *port = Some(iohelp::reauthenticate(&*old, &handle)?);
            }
            Ok(())
        };
        // What cannot be shown the new ids stays as it is: its server knows the caller's.
        for fd in &mut image.fds {
            let _ = again(fd);
        }
        let secure = image.flags & EXEC_SECURE != 0;
        for index in [init_port::CWDIR, init_port::CRDIR] {
            if let Some(port) = image.ports.get_mut(index) {
                if index == init_port::CRDIR && secure {
                    // The exec server fills in the standard one.
                    *port = None;
                } else {
                    again(port)?;
                }
            }
        }
        if let Some(port) = image.ports.get_mut(init_port::AUTH) {
            *port = Some(handle.try_clone()?);
        }
        Ok(())
    }
}

/// Keeps the right to the exec server.
#[derive(Default)]
pub(crate) struct ExecServer(machuser::sync::Mutex<Option<Arc<SendRight>>>);

impl ExecServer {
    /// The exec server; looked up `again`, or once.
    pub(crate) fn get(
        &self,
        again: bool,
        look_up: impl FnOnce() -> Result<SendRight>,
    ) -> Result<Arc<SendRight>> {
        if let (false, Some(known)) = (again, &*self.0.lock()) {
            return Ok(known.clone());
        }
        // The look-up may come back to this very server.
        let fresh = Arc::new(look_up()?);
        let old = self.0.lock().replace(fresh.clone());
        drop(old);
        Ok(fresh)
    }
}
