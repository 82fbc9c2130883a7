//! Starting a translator, and waiting until it says that it runs.

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use interface::fs::{EXEC_DEFAULTS, O_EXEC};
use interface::{auth, fs, fsys, process};
use machuser::env::{self, init_int, init_port};
use machuser::sync::{Condvar, Mutex};
use machuser::{Call, Error, Outcome, ReceiveRight, Request, Result, Right, SendRight, mach};
use ports::{Object, Server};

/// What a program that starts translators ignores: `SIGCHLD` (20). So proc keeps no ended child for it.
const IGNORED: u64 = 1 << (20 - 1);

/// What is to be started on a node.
pub struct Program<'a> {
    /// Arguments, each ended by a zero byte; the first is the program.
    pub argv: &'a [u8],
    /// As whom it runs: the node's owner.
    pub uid: u32,
    /// With which group.
    pub gid: u32,
    /// The directory that the node is in, without any ids: the program's working directory.
    pub directory: Right<'static>,
    /// Opens the node under the translator, as its owner, with these flags.
    pub underlying: &'a dyn Fn(i32) -> Result<Right<'static>>,
}

/// How translators are started.
pub trait Starter: Send + Sync {
    /// Starts the program and waits until it has said that it runs; answers its control port.
    ///
    /// # Errors
    /// `EDIED` if it ends before; `EINTR` if `call` is cancelled; what looking it up and running
    /// it fail with.
    fn start(&self, call: &Call<'_>, program: Program<'_>) -> Result<SendRight>;
}

/// Starts nothing: for file systems whose nodes have no translators.
pub struct NoStarter;

impl Starter for NoStarter {
    fn start(&self, _call: &Call<'_>, _program: Program<'_>) -> Result<SendRight> {
        Err(Error::EOPNOTSUPP)
    }
}

/// Ends a program that does not get as far as it should.
pub type Terminate = Box<dyn FnOnce() + Send>;

/// Gives a program the right `bootstrap` and has it run. Answers how to end it.
pub type Launch<'a> = &'a mut dyn FnMut(SendRight) -> Result<Terminate>;

enum Stage {
    /// Nothing heard yet.
    Silent,
    /// `fsys_startup` has come.
    Asked(i32, Option<SendRight>),
    /// What it is answered with.
    Answered(Result<Right<'static>>),
    /// It is being answered.
    Answering,
    /// It is over: answered, or the program died.
    Over,
}

/// The object behind the bootstrap port of a program that is being started.
struct Bootstrap {
    me: Weak<Bootstrap>,
    server: Weak<Server>,
    stage: Mutex<Stage>,
    changed: Condvar,
}

impl Bootstrap {
    fn set(&self, stage: Stage) {
        let old = core::mem::replace(&mut *self.stage.lock(), stage);
        self.changed.notify_all();
        drop(old);
    }
}

impl Object for Bootstrap {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        fsys::dispatch(self, request)
    }

    fn no_senders(&self) {
        self.set(Stage::Over);
    }
}

impl fsys::Fsys for Bootstrap {
    fn fsys_startup(
        &self,
        call: &Call<'_>,
        openflags: i32,
        control_port: Option<SendRight>,
    ) -> Result<Right<'static>> {
        let mut stage = self.stage.lock();
        if !matches!(*stage, Stage::Silent) {
            return Err(Error::EBUSY);
        }
        *stage = Stage::Asked(openflags, control_port);
        self.changed.notify_all();
        loop {
            match core::mem::replace(&mut *stage, Stage::Over) {
                Stage::Answered(result) => {
                    *stage = Stage::Answering;
                    let me = self.me.clone();
                    let over = move || {
                        if let Some(bootstrap) = me.upgrade() {
                            bootstrap.set(Stage::Over);
                        }
                    };
                    match self.server.upgrade() {
                        Some(server) => server.after_reply(over),
                        None => *stage = Stage::Over,
                    }
                    return result;
                }
                Stage::Over => return Err(Error::EDIED),
                other => *stage = other,
            }
            stage = match self.changed.wait_cancellable(stage, *call) {
                Ok(stage) => stage,
                Err(error) => {
                    // Nobody is to wait for this request's answer.
                    self.set(Stage::Over);
                    return Err(error);
                }
            };
        }
    }
}

/// Starts a translator with `launch`, and serves what it says on its bootstrap port: answers its
/// control port. `server` must be running. The program has its answer by then, so that the caller may
/// end.
pub fn start_translator(
    server: &Arc<Server>,
    call: &Call<'_>,
    underlying: &dyn Fn(i32) -> Result<Right<'static>>,
    launch: Launch<'_>,
) -> Result<SendRight> {
    let bootstrap = Arc::new_cyclic(|me| Bootstrap {
        me: me.clone(),
        server: Arc::downgrade(server),
        stage: Mutex::new(Stage::Silent),
        changed: Condvar::new(),
    });
    let port = server.port(bootstrap.clone())?;
    let terminate = launch(port.make_send()?)?;
    // From here on only the program keeps the port alive, so that its death is noticed.
    drop(port);
    let result = await_startup(&bootstrap, call, underlying);
    if result.is_err() {
        bootstrap.set(Stage::Over);
        terminate();
    }
    result
}

fn await_startup(
    bootstrap: &Bootstrap,
    call: &Call<'_>,
    underlying: &dyn Fn(i32) -> Result<Right<'static>>,
) -> Result<SendRight> {
    let mut stage = bootstrap.stage.lock();
    let (flags, control) = loop {
        match &mut *stage {
            Stage::Asked(flags, control) => break (*flags, control.take()),
            Stage::Over => return Err(Error::EDIED),
            _ => {}
        }
        stage = bootstrap.changed.wait_cancellable(stage, *call)?;
    };
    drop(stage);
    let Some(control) = control else {
        bootstrap.set(Stage::Answered(Err(Error::MIG_BAD_ARGUMENTS)));
        return Err(Error::EINVAL);
    };
    match underlying(flags) {
        Ok(right) => {
            let mut stage = bootstrap.stage.lock();
            // The program may have ended, or given up its request, meanwhile.
            if matches!(*stage, Stage::Over) {
                return Err(Error::EDIED);
            }
            *stage = Stage::Answered(Ok(right));
            bootstrap.changed.notify_all();
            while !matches!(*stage, Stage::Over) {
                stage = bootstrap.changed.wait(stage);
            }
            Ok(control)
        }
        Err(error) => {
            bootstrap.set(Stage::Answered(Err(error)));
            Err(error)
        }
    }
}

/// Starts translators as programs of their own, as the node's owner.
pub struct HurdStarter(Arc<Server>);

impl HurdStarter {
    /// With bootstrap ports served by `server`.
    pub fn new(server: Arc<Server>) -> HurdStarter {
        HurdStarter(server)
    }
}

impl Starter for HurdStarter {
    fn start(&self, call: &Call<'_>, program: Program<'_>) -> Result<SendRight> {
        let Program {
            argv,
            uid,
            gid,
            directory,
            underlying,
        } = program;
        let mut directory = Some(directory);
        start_translator(&self.0, call, underlying, &mut |bootstrap| {
            launch(
                argv,
                uid,
                gid,
                directory.take().unwrap_or(Right::null()),
                bootstrap,
            )
        })
    }
}

/// Runs a program as `uid` and `gid`, with nothing but what a translator gets: its working
/// directory, this program's root and standard error, and its bootstrap port.
fn launch(
    argv: &[u8],
    uid: u32,
    gid: u32,
    directory: Right<'static>,
    bootstrap: SendRight,
) -> Result<Terminate> {
    let path = argv.split(|byte| *byte == 0).next().unwrap_or_default();
    let file = crate::lookup::open(path, O_EXEC, 0)?;
    let task = Arc::new(mach::task_create(mach::SELF)?);
    let of_task = task.clone();
    let terminate: Terminate = Box::new(move || {
        // It may have ended by itself.
        let _ = mach::task_terminate(&*of_task);
    });
    match prepare(&file, &task, path, argv, uid, gid, directory, bootstrap) {
        Ok(()) => Ok(terminate),
        Err(error) => {
            terminate();
            Err(error)
        }
    }
}

#[allow(clippy::too_many_arguments)]
fn prepare(
    file: &SendRight,
    task: &SendRight,
    path: &[u8],
    argv: &[u8],
    uid: u32,
    gid: u32,
    directory: Right<'static>,
    bootstrap: SendRight,
) -> Result<()> {
    // While the system starts, there is no auth or proc yet; then the program has none either.
    let handle = match env::port(init_port::AUTH) {
        Some(auth) => {
            let new =
                auth::auth_makeauth(&*auth, Vec::new(), &[uid], &[uid, uid], &[gid], &[gid, gid])?;
            Some(new.ok_or(Error::EIO)?)
        }
        None => None,
    };
    let proc = match env::port(init_port::PROC) {
        Some(own) => {
            // Its end is told by its control port: nobody waits for the process.
            process::proc_set_ignored(&*own, IGNORED)?;
            process::proc_child(&*own, task)?;
            let new = process::proc_task2proc(&*own, task)?.ok_or(Error::EIO)?;
            process::proc_set_ignored(&new, 0)?;
            Some(match &handle {
                Some(handle) => reauthenticated_process(&new, handle)?,
                None => new,
            })
        }
        None => None,
    };
    // What the program inherits is shown to be its own user's, not this program's.
    let mine = |port: Option<Arc<SendRight>>| -> Result<Right<'static>> {
        Ok(match (port, &handle) {
            (Some(port), Some(handle)) => iohelp::reauthenticate(&*port, handle)?.into(),
            (Some(port), None) => (*port).clone().into(),
            (None, _) => Right::null(),
        })
    };
    let root = mine(env::port(init_port::CRDIR))?;
    let standard_error = mine(env::fd(2))?;
    let mut ports: [Right<'_>; init_port::MAX] = [const { Right::null() }; init_port::MAX];
    ports[init_port::CWDIR] = directory;
    ports[init_port::CRDIR] = root;
    ports[init_port::AUTH] = handle.into();
    ports[init_port::PROC] = proc.into();
    ports[init_port::BOOTSTRAP] = bootstrap.into();
    fs::file_exec_paths(
        file,
        task,
        EXEC_DEFAULTS,
        path,
        path,
        argv,
        &[],
        Vec::from([Right::null(), Right::null(), standard_error]),
        Vec::from(ports),
        &[0; init_int::MAX],
        &[],
        &[],
    )
}

fn reauthenticated_process(process: &SendRight, handle: &SendRight) -> Result<SendRight> {
    let rendezvous = ReceiveRight::allocate()?;
    process::proc_reauthenticate(process, Right::make_send(&rendezvous))?;
    let new = auth::auth_user_authenticate(handle, Right::make_send(&rendezvous))?;
    let new = new.ok_or(Error::EIO)?;
    process::proc_reauthenticate_complete(&new)?;
    Ok(new)
}
