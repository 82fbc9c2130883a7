//! A file server as a program.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use interface::fs::{FS_RETRY_MAGICAL, FS_RETRY_NORMAL, FS_RETRY_REAUTH};
use interface::{auth, fs, fsys, io};
use machuser::env::{self, init_port};
use machuser::{AsName, Error, ReceiveRight, Result, Right, SendRight};
use ports::Server;

use crate::peropen::Origin;
use crate::server::Shared;
use crate::translators::Starter;
use crate::user::User;
use crate::volume::FileSystem;

/// How many servers one look-up goes through.
const RETRIES: usize = 32;

/// A file system being served.
pub struct FileServer<F: FileSystem>(Arc<Shared<F>>);

impl<F: FileSystem> Clone for FileServer<F> {
    fn clone(&self) -> Self {
        FileServer(self.0.clone())
    }
}

impl<F: FileSystem> FileServer<F> {
    /// Serves `volume`; the translators on its nodes are started by `starter`. No thread runs yet.
    pub fn new(volume: F, starter: Box<dyn Starter>) -> Result<FileServer<F>> {
        Ok(FileServer(Shared::new(volume, Server::new()?, starter)))
    }

    /// The file system.
    pub fn volume(&self) -> &F {
        &self.0.volume
    }

    /// A right to the control port.
    pub fn control(&self) -> Result<SendRight> {
        self.0.control()?.make_send()
    }

    /// The root, opened with these flags for a user of these ids; its `..` is itself.
    pub fn root(&self, uids: Vec<u32>, gids: Vec<u32>, flags: i32) -> Result<SendRight> {
        let origin = Arc::new(Origin { dotdot: None, shadow: None });
        let user = Arc::new(User::new(uids, gids));
        self.0.file_port(self.0.root.clone(), &origin, flags, user)?.make_send()
    }

    /// Tells whoever started the program that it runs; answers the node that it sits on, opened
    /// with these flags, if there is one. Threads must run already.
    pub fn startup(&self, flags: i32) -> Result<Option<SendRight>> {
        let bootstrap = env::bootstrap().ok_or(Error::EOPNOTSUPP)?;
        let control = self.0.control()?;
        let node = fsys::fsys_startup(&*bootstrap, flags, control.right())?;
        // It has been said; nothing else is to be asked there.
        env::set_port(init_port::BOOTSTRAP, None)?;
        Ok(node)
    }

    /// Starts the threads that serve.
    pub fn start(&self) -> Result<()> {
        self.0.server.start()
    }

    /// Waits until the file system has been told to go away. The program should end then.
    pub fn wait(&self) {
        self.0.wait_end();
    }
}

/// The client's half of the exchange by which a server learns who uses a port: answers the port
/// that the server gives to the user behind `handle`.
pub(crate) fn reauthenticated(port: &SendRight, handle: &impl AsName) -> Result<SendRight> {
    let rendezvous = ReceiveRight::allocate()?;
    io::io_reauthenticate(port, Right::make_send(&rendezvous))?;
    let new = auth::auth_user_authenticate(handle, Right::make_send(&rendezvous))?;
    new.ok_or(Error::EIO)
}

/// Opens the file at `path`, looked up from this program's own root or working directory.
///
/// # Errors
/// What the servers on the way answer; `ELOOP` if there are too many; `EOPNOTSUPP` if the program
/// has no root directory.
pub fn open(path: &[u8], flags: i32, mode: u32) -> Result<SendRight> {
    let root = || env::port(init_port::CRDIR).ok_or(Error::EOPNOTSUPP);
    let mut from = if path.starts_with(b"/") {
        root()?
    } else {
        env::port(init_port::CWDIR).ok_or(Error::EOPNOTSUPP)?
    };
    let mut name = path.to_vec();
    for _ in 0..RETRIES {
        let (retry, next, port) = fs::dir_lookup(&*from, &name, flags, mode)?;
        match (retry, port) {
            (FS_RETRY_NORMAL, Some(port)) if next.is_empty() => return Ok(port),
            (FS_RETRY_NORMAL, Some(port)) => from = Arc::new(port),
            (FS_RETRY_REAUTH, Some(port)) => {
                let handle = env::port(init_port::AUTH).ok_or(Error::EOPNOTSUPP)?;
                from = Arc::new(reauthenticated(&port, &*handle)?);
            }
            // What else is magic means something to processes only.
            (FS_RETRY_MAGICAL, _) if next.starts_with(b"/") => from = root()?,
            (FS_RETRY_MAGICAL, _) => return Err(Error::ENOENT),
            _ => return Err(Error::EIO),
        }
        name = next;
    }
    Err(Error::ELOOP)
}
