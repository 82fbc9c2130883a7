//! Translators of a single node.
//!
//! A program implements [`Node`]: what is read, what is written, what the node looks like. The rest
//! is here: the start as a translator, the control port, opening, permissions (which are those of
//! the file that the translator sits on), file positions, users and their authentication.
//!
//! ```ignore
//! struct Hello;
//! impl trivfs::Node for Hello {
//!     fn stat(&self, stat: &mut StatBuf) {
//!         stat.mode = S_IFREG | 0o444;
//!         stat.size = HELLO.len() as i64;
//!     }
//!     fn read(&self, _: &Open<'_, Self>, offset: u64, amount: usize, to: &mut DataOut<'_>) -> Result<()> {
//!         let from = HELLO.get(offset as usize..).unwrap_or_default();
//!         to.write(&from[..from.len().min(amount)]);
//!         Ok(())
//!     }
//! }
//! fn main() { trivfs::main(Hello) }
//! ```
//!
//! # What is not supported
//!
//! Mapping, asynchronous input and output, locks and notices of changes are refused with
//! `EOPNOTSUPP`; directories do not exist here (`ENOTDIR`).
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod control;
mod file;
#[cfg(not(target_os = "none"))]
pub mod testing;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI32, Ordering};
use core::time::Duration;
use interface::fs::{
    FS_RETRY_NORMAL, HONORED_STATE_MODES, O_ACCMODE, O_EXEC, O_READ, O_WRITE, OPENONLY_STATE_MODES,
};
use interface::io::StatBuf;
use interface::{fs, fsys, io};
use iohelp::User;
use machuser::env::{self, init_port};
use machuser::sync::{Mutex, OnceLock};
use machuser::{Call, Data, DataOut, Error, Outcome, Request, Result, Right, SendRight};
use ports::{Port, Server};

/// Class of the ports of open files.
pub const CLASS_FILE: u32 = 1;
/// Class of the control port.
pub const CLASS_CONTROL: u32 = 2;

/// What a translator is. Methods are called on several threads at a time, and may wait with
/// `wait_cancellable` of [`Open::call`].
pub trait Node: Send + Sync + Sized + 'static {
    /// What the program keeps for each open.
    type State: Default + Send + Sync;

    /// In which ways the node may be opened.
    const ALLOW_OPEN: i32 = O_READ;

    /// The file system type that the node shows, see [`io::fstype`].
    const FSTYPE: i32 = io::fstype::MISC;

    /// Changes what the file that the translator sits on says of itself into what the node is. It
    /// is a character device unless this says otherwise.
    fn stat(&self, stat: &mut StatBuf);

    /// The node is being opened; an error refuses it.
    fn open(&self, user: &User, flags: i32) -> Result<Self::State> {
        let _ = (user, flags);
        Ok(Self::State::default())
    }

    /// Nobody holds a port of that open any more.
    fn close(&self, state: &Self::State) {
        let _ = state;
    }

    /// Reads at most `amount` bytes at `offset`; nothing at the end. What does not fit `to` is not
    /// to be read.
    fn read(
        &self,
        open: &Open<'_, Self>,
        offset: u64,
        amount: usize,
        to: &mut DataOut<'_>,
    ) -> Result<()> {
        let _ = (open, offset, amount, to);
        Err(Error::EOPNOTSUPP)
    }

    /// Writes at `offset`; answers how much.
    fn write(&self, open: &Open<'_, Self>, offset: u64, data: Data<'_>) -> Result<usize> {
        let _ = (open, offset, data);
        Err(Error::EOPNOTSUPP)
    }

    /// How much could be read at once.
    fn readable(&self, open: &Open<'_, Self>, offset: u64) -> Result<usize> {
        let _ = (open, offset);
        Err(Error::EOPNOTSUPP)
    }

    /// Whether the node has positions: otherwise seeking fails with `ESPIPE`, and offsets are
    /// those that the caller gives, or 0.
    const SEEKABLE: bool = true;

    /// Changes the size, of an open that may be written.
    fn set_size(&self, open: &Open<'_, Self>, size: u64) -> Result<()> {
        let _ = (open, size);
        Err(Error::EINVAL)
    }

    /// Waits until reading or writing ([`io::SELECT_READ`], [`io::SELECT_WRITE`]) would not wait,
    /// but no longer than until the real time `until`; answers what is ready. A node that never
    /// lets anybody wait needs nothing of its own.
    fn select(&self, open: &Open<'_, Self>, wanted: i32, until: Option<Duration>) -> Result<i32> {
        let _ = (open, until);
        Ok(wanted)
    }

    /// Everything written is to go to its store.
    fn sync(&self, wait: bool) -> Result<()> {
        let _ = wait;
        Ok(())
    }

    /// The options: arguments, each ended by a zero byte.
    fn options(&self) -> Vec<u8> {
        let mut options = Vec::new();
        for argument in env::args().iter() {
            options.extend_from_slice(argument);
            options.push(0);
        }
        options
    }

    /// Changes options, given as arguments each ended by a zero byte.
    fn set_options(&self, options: &[u8]) -> Result<()> {
        if options.is_empty() {
            Ok(())
        } else {
            Err(Error::EINVAL)
        }
    }

    /// The translator is to end; an error refuses. The program ends after the answer.
    fn go_away(&self, flags: i32) -> Result<()> {
        let _ = flags;
        Ok(())
    }

    /// Serves requests to open files that are none of `io`'s and `fs`'s.
    fn dispatch(&self, open: &Open<'_, Self>, request: &mut Request<'_>) -> Outcome {
        let _ = (open, request);
        Outcome::Unknown
    }
}

/// An open of the node, as the node's methods see it.
pub struct Open<'a, N: Node> {
    /// The request; for waiting that can be interrupted.
    pub call: &'a Call<'a>,
    /// What the program keeps for this open.
    pub state: &'a N::State,
    /// Who asks.
    pub user: &'a User,
    /// The open modes as they are now.
    pub modes: i32,
}

/// A translator that runs.
pub struct Translator<N: Node> {
    node: N,
    server: Arc<Server>,
    underlying: OnceLock<Option<SendRight>>,
    control: OnceLock<Port>,
    /// Stands for the node, and for the file system, in `io_identity`.
    identity: OnceLock<(SendRight, SendRight)>,
    /// Ends the program.
    exit: Arc<dyn Fn() + Send + Sync>,
}

/// What the ports of one open share.
struct Peropen<N: Node> {
    translator: Arc<Translator<N>>,
    state: N::State,
    modes: AtomicI32,
    position: Mutex<i64>,
}

impl<N: Node> Drop for Peropen<N> {
    fn drop(&mut self) {
        self.translator.node.close(&self.state);
    }
}

/// An open file and its user.
struct File<N: Node> {
    peropen: Arc<Peropen<N>>,
    user: OnceLock<User>,
    /// The file below, as that user.
    real: OnceLock<Option<SendRight>>,
}

/// Runs the node as the translator that this program was started as. Returns when it ends.
///
/// # Errors
/// `EINVAL` if the program was not started as a translator; what the start fails with.
pub fn run<N: Node>(node: N) -> Result<()> {
    let bootstrap = env::bootstrap().ok_or(Error::EINVAL)?;
    let translator = Translator::new(node, || machuser::sys::exit())?;
    translator.startup(&bootstrap)?;
    drop(bootstrap);
    env::set_port(init_port::BOOTSTRAP, None)?;
    Err(translator.server.run())
}

/// [`run`] for a program that is nothing else; what goes wrong is written to the system's log.
pub fn main<N: Node>(node: N) {
    if let Err(error) = run(node) {
        let args = env::args();
        let name = args.first().map_or(&b"translator"[..], Vec::as_slice);
        machuser::sys::log(&alloc::format!("{}: {error}", name.escape_ascii()));
    }
}

impl<N: Node> Translator<N> {
    /// A translator that nobody can reach yet. `exit` ends the program.
    pub fn new(node: N, exit: impl Fn() + Send + Sync + 'static) -> Result<Arc<Translator<N>>> {
        Ok(Arc::new(Translator {
            node,
            server: Server::new()?,
            underlying: OnceLock::new(),
            control: OnceLock::new(),
            identity: OnceLock::new(),
            exit: Arc::new(exit),
        }))
    }

    /// Its server.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// The node.
    pub fn node(&self) -> &N {
        &self.node
    }

    /// The file that the translator sits on. Waits until [`Translator::startup`] knows it: whoever
    /// started the translator may open the node before the answer is read here.
    pub fn underlying(&self) -> Option<&SendRight> {
        self.underlying.wait().as_ref()
    }

    /// A port of an open of the node by `user`, in these modes and with this state, whatever the
    /// permissions say: for programs that hand out opens by requests of their own.
    pub fn open_port(self: &Arc<Self>, user: User, modes: i32, state: N::State) -> Result<Port> {
        let real = self.real_node(&user)?;
        let peropen = Arc::new(Peropen {
            translator: self.clone(),
            state,
            modes: AtomicI32::new(modes),
            position: Mutex::new(0),
        });
        self.server.port(Arc::new(File::new(peropen, user, real)))
    }

    fn control(self: &Arc<Self>) -> Result<Port> {
        if let Some(port) = self.control.get() {
            return Ok(port.clone());
        }
        let port = self.server.port(Arc::new(control::Control(self.clone())))?;
        Ok(self.control.get_or_init(|| port).clone())
    }

    /// Tells whoever holds the other end of `bootstrap` that the translator runs.
    pub fn startup(self: &Arc<Self>, bootstrap: &SendRight) -> Result<()> {
        let control = self.control()?;
        // Enough to show the node to others as what it is, and to open it for each user.
        let flags = fs::O_NOTRANS;
        let underlying = fsys::fsys_startup(bootstrap, flags, control.right())?;
        self.underlying.set(underlying).map_err(|_| Error::EBUSY)
    }

    /// The file below as a user of these ids.
    fn real_node(&self, user: &User) -> Result<Option<SendRight>> {
        match self.underlying() {
            None => Ok(None),
            Some(below) => io::io_restrict_auth(below, user.uids(), user.gids()),
        }
    }

    /// Opens the node. Permissions are those of the file below; without one, anybody may.
    fn open(self: &Arc<Self>, user: User, flags: i32) -> Result<File<N>> {
        let wanted = flags & O_ACCMODE;
        if wanted & !N::ALLOW_OPEN & (O_READ | O_WRITE | O_EXEC) != 0 {
            return Err(if wanted & O_WRITE != 0 {
                Error::EROFS
            } else {
                Error::EACCES
            });
        }
        let real = self.real_node(&user)?;
        if let Some(real) = &real
            && wanted != 0
        {
            let allowed = fs::file_check_access(real)?;
            if wanted & !allowed != 0 {
                return Err(Error::EACCES);
            }
        }
        let state = self.node.open(&user, flags)?;
        let peropen = Arc::new(Peropen {
            translator: self.clone(),
            state,
            modes: AtomicI32::new(flags & !OPENONLY_STATE_MODES | flags & fs::O_NONBLOCK),
            position: Mutex::new(0),
        });
        Ok(File::new(peropen, user, real))
    }

    /// What the node says of itself.
    fn stat(&self, real: Option<&SendRight>) -> Result<StatBuf> {
        let mut stat = match real {
            Some(real) => io::io_stat(real)?,
            None => StatBuf {
                nlink: 1,
                blksize: 4096,
                mode: 0o666,
                ..Default::default()
            },
        };
        stat.fstype = N::FSTYPE;
        stat.mode = stat.mode & !(io::mode::S_IFMT | io::mode::S_ITRANS) | io::mode::S_IFCHR;
        stat.size = 0;
        stat.blocks = 0;
        self.node.stat(&mut stat);
        stat.mode |= io::mode::S_IROOT;
        Ok(stat)
    }
}

impl<N: Node> File<N> {
    fn new(peropen: Arc<Peropen<N>>, user: User, real: Option<SendRight>) -> File<N> {
        let file = File {
            peropen,
            user: OnceLock::new(),
            real: OnceLock::new(),
        };
        // Both are empty, so neither can fail.
        let _ = file.user.set(user);
        let _ = file.real.set(real);
        file
    }

    fn translator(&self) -> &Arc<Translator<N>> {
        &self.peropen.translator
    }

    fn node(&self) -> &N {
        &self.peropen.translator.node
    }

    /// Waits, for a port that is being authenticated, until that is done.
    fn user(&self) -> &User {
        self.user.wait()
    }

    fn real(&self) -> Option<&SendRight> {
        // It is set before the user is.
        self.user();
        self.real.get()?.as_ref()
    }

    fn modes(&self) -> i32 {
        self.peropen.modes.load(Ordering::Relaxed)
    }

    fn open<'a>(&'a self, call: &'a Call<'a>) -> Open<'a, N> {
        Open {
            call,
            state: &self.peropen.state,
            user: self.user(),
            modes: self.modes(),
        }
    }

    /// `EBADF` unless the file is open in these ways.
    fn need(&self, modes: i32) -> Result<()> {
        if self.modes() & modes == modes {
            Ok(())
        } else {
            Err(Error::EBADF)
        }
    }

    /// Another port of the same open.
    fn sibling(&self, user: User) -> Result<File<N>> {
        let real = self.translator().real_node(&user)?;
        Ok(File::new(self.peropen.clone(), user, real))
    }
}

/// What `dir_lookup` and `fsys_getroot` answer for a port that is there.
fn found(port: Right<'static>) -> (u32, Vec<u8>, Right<'static>) {
    (FS_RETRY_NORMAL, Vec::new(), port)
}

/// Open modes that can be changed.
const CHANGEABLE: i32 = HONORED_STATE_MODES;
