//! What all ports of one file system share.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use fshelp::Starter;
use interface::{fs, fsys, io};
use machuser::sync::{Condvar, Mutex, OnceLock};
use machuser::{Call, Error, Outcome, Request, Result, Right, SendRight, env, thread};
use ports::{Object, Port, Server};

use crate::control::Control;
use crate::exec::ExecServer;
use crate::peropen::{Origin, Peropen, Protid};
use crate::translators::Running;
use crate::volume::FileSystem;
use iohelp::User;

/// Class of the ports to open files.
const CLASS_FILE: u32 = 1;
/// Class of the control port and of ports that stand for identities.
const CLASS_OTHER: u32 = 2;
/// Class of the ports to the root that are good for nothing but to look up names from: nobody has a
/// file open by one.
const CLASS_PASSAGE: u32 = 3;
/// Where the exec server is.
const EXEC_SERVER: &[u8] = b"/servers/exec";
/// How long a file system that shall go away waits for its last users to be noticed as gone.
const LINGER: Duration = Duration::from_millis(200);
/// The same, when translators on it have gone just now.
const LINGER_LONG: Duration = Duration::from_secs(1);
/// How often it looks whether they are.
const LOOK: Duration = Duration::from_millis(20);

/// What all ports of one file system share.
pub(crate) struct Shared<F: FileSystem> {
    pub(crate) volume: F,
    pub(crate) server: Arc<Server>,
    pub(crate) starter: Box<dyn Starter>,
    pub(crate) root: Arc<F::Node>,
    /// Held by whoever changes names, or what permission to change them depends on.
    pub(crate) names: Mutex<()>,
    /// The translators that run, by their nodes' numbers.
    pub(crate) translated: Mutex<BTreeMap<u64, Running<F>>>,
    lock_owners: AtomicU64,
    control: OnceLock<Port>,
    file_system_identity: OnceLock<Port>,
    exec: ExecServer,
    ended: Mutex<bool>,
    ending: Condvar,
}

impl<F: FileSystem> Object for Protid<F> {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        io::dispatch(self, request).or_else(|| fs::dispatch(self, request))
    }

    fn class(&self) -> u32 {
        let opened = fs::O_READ | fs::O_WRITE | fs::O_EXEC;
        if self.peropen.modes() & opened == 0 && Arc::ptr_eq(self.node(), &self.shared.root) {
            CLASS_PASSAGE
        } else {
            CLASS_FILE
        }
    }

    fn client(&self) -> u64 {
        self.client()
    }
}

impl<F: FileSystem> Object for Control<F> {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        fsys::dispatch(self, request)
    }

    fn class(&self) -> u32 {
        CLASS_OTHER
    }

    fn no_senders(&self) {
        // Nobody can reach the root any more. Those who have files open keep them; without them
        // there is nothing left to serve.
        let shared = &self.shared;
        if shared.server.count(CLASS_FILE) == 0 {
            // Nobody is left to be told of a failure.
            let _ = shared.volume.sync(true);
            shared.end();
        }
    }
}

/// A port that is only compared.
struct Identity;

impl Object for Identity {
    fn dispatch(&self, _request: &mut Request<'_>) -> Outcome {
        Outcome::Unknown
    }

    fn class(&self) -> u32 {
        CLASS_OTHER
    }
}

impl<F: FileSystem> Shared<F> {
    pub(crate) fn new(volume: F, server: Arc<Server>, starter: Box<dyn Starter>) -> Arc<Shared<F>> {
        Arc::new(Shared {
            root: volume.root(),
            volume,
            server,
            starter,
            names: Mutex::new(()),
            translated: Mutex::new(BTreeMap::new()),
            lock_owners: AtomicU64::new(1),
            control: OnceLock::new(),
            file_system_identity: OnceLock::new(),
            exec: ExecServer::default(),
            ended: Mutex::new(false),
            ending: Condvar::new(),
        })
    }

    #[inline]
    pub(crate) fn is_root(&self, node: &Arc<F::Node>) -> bool {
        Arc::ptr_eq(node, &self.root)
    }

    pub(crate) fn next_lock_owner(&self) -> u64 {
        self.lock_owners.fetch_add(1, Ordering::Relaxed)
    }

    /// A port for the caller that it gets as the first right of the reply.
    pub(crate) fn reply_port(&self, call: &Call<'_>, protid: Protid<F>) -> Result<Right<'static>> {
        self.server.reply_port(call, Arc::new(protid))
    }

    /// The open file behind a right, if it is one of ours.
    pub(crate) fn own(&self, right: &SendRight) -> Option<Arc<Protid<F>>> {
        self.server.object_of::<Protid<F>>(right)
    }

    /// A right to an open file for this program itself, or to be given away.
    pub(crate) fn file_port(
        self: &Arc<Self>,
        node: Arc<F::Node>,
        origin: &Arc<Origin<F>>,
        flags: i32,
        user: Arc<User>,
    ) -> Result<Port> {
        let peropen = Arc::new(Peropen::new(self, node, origin.clone(), flags));
        self.server.port(Arc::new(Protid::new(self, peropen, user)))
    }

    /// The server's half of the exchange by which a client shows its ids: makes the client a port
    /// to the same open file. If it fails the port is one of a user without any ids.
    pub(crate) fn reauthenticate(
        self: &Arc<Self>,
        peropen: &Arc<Peropen<F>>,
        rendezvous: SendRight,
    ) -> Result<()> {
        let handle = env::port(env::init_port::AUTH).ok_or(Error::EOPNOTSUPP)?;
        let protid = Arc::new(Protid::unauthenticated(self, peropen.clone()));
        let port = self.server.port(protid.clone())?;
        protid.authenticate(|| {
            Arc::new(iohelp::server_authenticate(&*handle, &rendezvous, &|| {
                port.right()
            }))
        });
        Ok(())
    }

    /// Ports that are the same for the same node, and for the same file system.
    pub(crate) fn identity(&self, node: &Arc<F::Node>) -> Result<(Right<'static>, Right<'static>)> {
        let node = self
            .volume
            .attached(node)
            .rare()
            .identity(|| self.identity_port())?;
        let file_system = match self.file_system_identity.get() {
            Some(port) => port.clone(),
            None => {
                let fresh = self.identity_port()?;
                self.file_system_identity.get_or_init(|| fresh).clone()
            }
        };
        Ok((node.right(), file_system.right()))
    }

    fn identity_port(&self) -> Result<Port> {
        self.server.port(Arc::new(Identity))
    }

    /// The control port.
    pub(crate) fn control(self: &Arc<Self>) -> Result<&Port> {
        if self.control.get().is_none() {
            let fresh = self.server.port(Arc::new(Control {
                shared: self.clone(),
            }))?;
            self.control.get_or_init(|| fresh);
        }
        self.control.get().ok_or(Error::EIO)
    }

    pub(crate) fn control_right(self: &Arc<Self>) -> Result<Right<'static>> {
        self.control().map(Port::right)
    }

    /// Whether the user owns the file system's root.
    pub(crate) fn is_owner(&self, user: &User) -> bool {
        crate::access::check_owner(self.volume.access(&self.root), user).is_ok()
    }

    /// The options, each ended by a zero byte.
    pub(crate) fn options(&self) -> Vec<u8> {
        let mut words = Vec::new();
        for option in self.volume.options() {
            words.extend_from_slice(&option);
            words.push(0);
        }
        words
    }

    /// Writes everything back, first what the translators below keep if asked to.
    pub(crate) fn sync(&self, wait: bool, children: bool) -> Result<()> {
        if children {
            for (_, control) in self.children() {
                match fsys::fsys_syncfs(&control, i32::from(wait), 1) {
                    // What is gone, or has nothing to write back, is in order.
                    Err(error) if error.is_server_died() || error.is_unsupported() => {}
                    result => result?,
                }
            }
        }
        self.volume.sync(wait)
    }

    /// What a file system gets that was started before proc and auth.
    pub(crate) fn initialise(
        self: &Arc<Self>,
        process: Option<SendRight>,
        handle: Option<SendRight>,
    ) -> Result<()> {
        env::set_port(env::init_port::PROC, process)?;
        env::set_port(env::init_port::AUTH, handle)?;
        // Its own root is the only one that it knows.
        for index in [env::init_port::CRDIR, env::init_port::CWDIR] {
            if env::port(index).is_none() {
                let origin = Arc::new(Origin {
                    dotdot: None,
                    shadow: None,
                });
                let user = Arc::new(User::new(alloc::vec![0], alloc::vec![0]));
                let flags = fs::O_READ | fs::O_EXEC;
                let port = self.file_port(self.root.clone(), &origin, flags, user)?;
                env::set_port(index, Some(port.make_send()?))?;
            }
        }
        Ok(())
    }

    /// `EBUSY` while files are open. Waits a moment for those to be noticed whose users have gone
    /// just now, longer with `patient`.
    pub(crate) fn wait_unused(&self, call: &Call<'_>, patient: bool) -> Result<()> {
        let linger = if patient { LINGER_LONG } else { LINGER };
        let end = machuser::clock::now() + linger;
        loop {
            if self.server.count(CLASS_FILE) == 0 {
                return Ok(());
            }
            if machuser::clock::now() >= end {
                return Err(Error::EBUSY);
            }
            call.check_cancelled()?;
            thread::sleep(LOOK);
        }
    }

    /// The exec server, looked up again if the one that is known has died.
    pub(crate) fn exec_server(&self, again: bool) -> Result<Arc<SendRight>> {
        self.exec
            .get(again, || fshelp::lookup::open(EXEC_SERVER, 0, 0))
    }

    /// Ends the program as soon as the request that is being served has its answer.
    pub(crate) fn shut_down(self: &Arc<Self>) {
        let shared = self.clone();
        self.server.after_reply(move || shared.end());
    }

    /// Ends the program.
    pub(crate) fn end(&self) {
        *self.ended.lock() = true;
        self.ending.notify_all();
    }

    /// Waits for [`Shared::end`].
    pub(crate) fn wait_end(&self) {
        let ended = self.ended.lock();
        drop(self.ending.wait_while(ended, |ended| !*ended));
    }
}
