//! A file server as a program.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use fshelp::{HurdStarter, Starter};
use interface::fsys;
use iohelp::User;
use machuser::env::{self, init_port};
use machuser::{Error, Result, SendRight};
use ports::Server;

use crate::peropen::Origin;
use crate::server::Shared;
use crate::volume::FileSystem;

/// A file system being served.
pub struct FileServer<F: FileSystem>(Arc<Shared<F>>);

impl<F: FileSystem> Clone for FileServer<F> {
    fn clone(&self) -> Self {
        FileServer(self.0.clone())
    }
}

impl<F: FileSystem> FileServer<F> {
    /// Serves `volume`. No thread runs yet.
    pub fn new(volume: F) -> Result<FileServer<F>> {
        let server = Server::new()?;
        let starter = Box::new(HurdStarter::new(server.clone()));
        Ok(FileServer(Shared::new(volume, server, starter)))
    }

    /// As [`FileServer::new`]; the translators on the nodes are started by `starter`.
    pub fn with_starter(volume: F, starter: Box<dyn Starter>) -> Result<FileServer<F>> {
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
        let origin = Arc::new(Origin {
            dotdot: None,
            shadow: None,
        });
        let user = Arc::new(User::new(uids, gids));
        self.0
            .file_port(self.0.root.clone(), &origin, flags, user)?
            .make_send()
    }

    /// Tells whoever started the program that it runs; answers the node that it sits on, opened
    /// with these flags, if there is one. Requests that come before the threads run wait for them.
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
