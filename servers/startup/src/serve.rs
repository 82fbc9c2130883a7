//! The startup port: auth and proc meet here, essential servers are answered for, and the system
//! is brought down.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::{Arc, Weak};
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use core::time::Duration;

use interface::{exec, fs, fsys, io, process, startup, startup_notify};
use machuser::sync::{Condvar, Mutex, OnceLock};
use machuser::{
    Call, Error, Outcome, ReceiveRight, Request, Result, Right, SendRight, clock, mach, sys, thread,
};
use ports::{Object, Port, Server};
use startup_plan::{Arguments, Device};
use trivfs::{Node, Open, Translator};

use crate::child::Child;
use crate::driver::Driver;
use crate::power;
use crate::process::{Program, Status};

/// `RB_HALT`: stop instead of restarting.
const RB_HALT: i32 = 8;
/// How long a server may take to bring its data to safety.
const SYNC_TIME: Duration = Duration::from_secs(60);

#[derive(Default)]
struct State {
    auth: Option<SendRight>,
    proc: Option<SendRight>,
    /// Auth's own process, once proc knows it.
    auth_process: Option<SendRight>,
    /// Who wants to know before the system goes down, with a name for the log.
    notify: Vec<(SendRight, String)>,
    root: Option<SendRight>,
    ending: bool,
}

/// The startup server.
pub struct Startup {
    me: Weak<Startup>,
    host: SendRight,
    arguments: Arguments,
    /// Where the first of ACPI's tables is looked for, on machines that have them.
    tables: Option<Device>,
    translator: OnceLock<Arc<Translator<StartupNode>>>,
    /// Where auth and proc show themselves.
    port: Mutex<Option<Port>>,
    state: Mutex<State>,
    changed: Condvar,
    screen: OnceLock<Arc<Driver>>,
}

/// What lies on `/servers/startup`.
pub struct StartupNode(Weak<Startup>);

impl Node for StartupNode {
    type State = ();

    fn stat(&self, _: &mut io::StatBuf) {}

    fn go_away(&self, _: i32) -> Result<()> {
        Err(Error::EBUSY)
    }

    fn dispatch(&self, open: &Open<'_, Self>, request: &mut Request<'_>) -> Outcome {
        match self.0.upgrade() {
            Some(startup) => {
                let trusted = open.user.is_root();
                startup::dispatch(&Requests { startup, trusted }, request)
            }
            None => Outcome::Unknown,
        }
    }
}

/// The startup port, as the servers get it that are started before there is a file system.
struct Requests {
    startup: Arc<Startup>,
    /// Whether they come from the superuser, or from the system's own programs.
    trusted: bool,
}

impl Object for Requests {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        startup::dispatch(self, request)
    }
}

impl Startup {
    /// The server, with its port.
    pub fn new(
        host: SendRight,
        arguments: Arguments,
        tables: Option<Device>,
    ) -> Result<Arc<Startup>> {
        let startup = Arc::new_cyclic(|me| Startup {
            me: me.clone(),
            host,
            arguments,
            tables,
            translator: OnceLock::new(),
            port: Mutex::new(None),
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            screen: OnceLock::new(),
        });
        // Other uses of the node's end are no reason to end the program.
        let translator = Translator::new(StartupNode(startup.me.clone()), || ())?;
        let port = translator.server().port(Arc::new(Requests {
            startup: startup.clone(),
            trusted: true,
        }))?;
        startup.translator.get_or_init(|| translator);
        *startup.port.lock() = Some(port);
        Ok(startup)
    }

    /// The server that all ports of the program belong to.
    pub fn server(&self) -> &Arc<Server> {
        match self.translator.get() {
            Some(translator) => translator.server(),
            None => unreachable!("set when the value was made"),
        }
    }

    /// The privileged host port.
    pub fn host(&self) -> &SendRight {
        &self.host
    }

    /// A right to this program's own task.
    pub fn task(&self) -> SendRight {
        // The name lives as long as the task; the reference is not given back.
        let own = core::mem::ManuallyDrop::new(SendRight::from_raw(sys::task_self()));
        SendRight::clone(&own)
    }

    /// A right to the startup port.
    pub fn right(&self) -> Result<SendRight> {
        self.port.lock().as_ref().ok_or(Error::EINVAL)?.make_send()
    }

    /// The superuser's auth handle.
    pub fn auth(&self) -> Result<SendRight> {
        self.state.lock().auth.clone().ok_or(Error::EINVAL)
    }

    fn proc(&self) -> Result<SendRight> {
        self.state.lock().proc.clone().ok_or(Error::EINVAL)
    }

    /// Waits until auth and proc have shown themselves, and makes them processes.
    pub fn introduce(&self, auth: &Child, proc: &Child) -> Result<()> {
        let own = {
            let mut state = self.state.lock();
            loop {
                match (&state.auth, &state.proc) {
                    (Some(_), Some(proc)) => break proc.clone(),
                    _ => state = self.changed.wait(state),
                }
            }
        };
        process::proc_mark_important(&own)?;
        process::proc_set_exe(&own, "/hurd/startup")?;
        let auth_process = self.adopt(auth)?;
        self.adopt(proc)?;
        self.state.lock().auth_process = Some(auth_process);
        self.changed.notify_all();
        Ok(())
    }

    /// Makes a program that this one started its child process; answers the process port.
    pub fn adopt(&self, child: &Child) -> Result<SendRight> {
        let own = self.proc()?;
        match process::proc_child(&own, &child.task) {
            Ok(()) | Err(Error::EBUSY) => {}
            Err(error) => return Err(error),
        }
        let process = process::proc_task2proc(&own, &child.task)?.ok_or(Error::ESRCH)?;
        process::proc_mark_important(&process)?;
        process::proc_set_exe(&process, &child.path)?;
        process::proc_set_arg_locations(&process, child.block.load(Ordering::Relaxed), 0)?;
        Ok(process)
    }

    /// What exec gives to programs that bring nothing: an auth handle without identities.
    pub fn set_defaults(&self, root: &SendRight) -> Result<()> {
        let auth = self.auth()?;
        let nobody = interface::auth::auth_makeauth(&auth, Vec::new(), &[], &[], &[], &[])?
            .ok_or(Error::EINVAL)?;
        self.state.lock().root = Some(root.clone());
        let ports: Vec<Right<'_>> = vec![
            Right::from(root),
            Right::from(root),
            Right::from(&nobody),
            Right::null(),
            Right::null(),
            Right::null(),
        ];
        process::proc_setexecdata(&self.proc()?, ports, &[0o22, 0, 0, 0, 0])
    }

    /// Puts the startup server on a node.
    pub fn place(&self, node: &SendRight) -> Result<()> {
        let translator = self.translator.get().ok_or(Error::EINVAL)?;
        let path = "/hurd/startup".to_string();
        let own = Child::new(self.server(), self.task(), path, Some(node.clone()))?;
        translator.startup(&own.bootstrap()?)?;
        fs::file_set_translator(node, 0, fs::FS_TRANS_SET, 0, &[], own.control()?)
    }

    /// The death of this program ends the system.
    pub fn essential(&self, child: &Child) -> Result<()> {
        self.watch(child.path.clone(), &child.task)
    }

    fn watch(&self, name: String, task: &SendRight) -> Result<()> {
        let startup = self.me.clone();
        self.server().on_death(task, move || {
            if let Some(startup) = startup.upgrade()
                && !startup.state.lock().ending
            {
                startup.dead(&format!("{name} ended"));
            }
        })
    }

    /// Makes a program a process, and tells it of that and of auth.
    pub fn initialise(&self, child: &Child) -> Result<()> {
        let process = self.adopt(child)?;
        match fsys::fsys_init(&child.control()?, process, &self.auth()?) {
            Err(Error::EOPNOTSUPP | Error::MIG_BAD_ID) => Ok(()),
            result => result,
        }
    }

    /// Whether the system is being switched off.
    pub fn is_ending(&self) -> bool {
        self.state.lock().ending
    }

    /// A line for the log of whoever wants to know more.
    pub fn note(&self, what: &str) {
        if self.arguments.debug {
            mach::log(&format!("startup: {what}"));
        }
    }

    /// There is a screen, which this driver drives.
    pub fn set_screen(&self, driver: Arc<Driver>) {
        self.screen.get_or_init(|| driver);
    }

    /// The driver of the screen, if there is one.
    pub fn screen(&self) -> Option<&Arc<Driver>> {
        self.screen.get()
    }

    /// The system cannot go on.
    pub fn dead(&self, why: &str) {
        if let Some(screen) = self.screen()
            && let Ok((_, line)) = screen.open(fs::O_WRITE)
        {
            crate::write(&line, &format!("\r\nThe system cannot go on: {why}\r\n"));
        }
        mach::log(&format!("{} {why}", self.arguments.marker("dead")));
    }

    /// Brings all file systems' data to safety.
    pub fn sync(&self, root: &SendRight) {
        // A file system that is read-only or gone has nothing to save.
        let _ = fs::file_syncfs(root, 1, 1);
    }

    /// Starts a program as a child in a new session; answers its process number.
    pub fn start(&self, executor: &SendRight, program: &Program<'_>) -> Result<i32> {
        let file = crate::open(program.root, program.path, fs::O_READ | fs::O_EXEC)?;
        let own = self.proc()?;
        let task = mach::task_create(mach::SELF)?;
        let started = (|| -> Result<i32> {
            process::proc_child(&own, &task)?;
            let child = process::proc_task2proc(&own, &task)?.ok_or(Error::ESRCH)?;
            let (pid, _, _) = process::proc_getpids(&child)?;
            process::proc_setsid(&child)?;
            let auth = self.auth()?;
            let terminal = match program.terminal {
                Some(terminal) => Some(crate::control(terminal, pid)?),
                None => None,
            };
            let mut words = Vec::new();
            for word in program.argv {
                words.extend_from_slice(word);
                words.push(0);
            }
            let environment = format!(
                "PATH=/bin\0HOME=/root\0USER=root\0LOGNAME=root\0SHELL=/bin/sh\0TERM={}\0",
                program.kind
            );
            let ports: Vec<Right<'_>> = vec![
                Right::from(program.root),
                Right::from(program.root),
                Right::from(auth),
                Right::from(child),
                Right::from(terminal),
                Right::null(),
            ];
            let path = format!("/{}", program.path);
            exec::exec_exec_paths(
                executor,
                file,
                &task,
                0,
                &path,
                &path,
                &words,
                environment.as_bytes(),
                program.descriptors.into_iter().map(Right::from).collect(),
                ports,
                &[0o22, 0, 0, 0, 0],
                &[],
                &[],
            )?;
            Ok(pid)
        })();
        started.inspect_err(|_| {
            let _ = mach::task_terminate(&task);
        })
    }

    /// Waits until a child ends; answers which. Orphans become children of this program, too.
    pub fn wait(&self) -> Result<(i32, Status)> {
        let (status, _, _, ended) = process::proc_wait(&self.proc()?, -1, 0)?;
        Ok((ended, Status(status)))
    }
}

impl startup::Startup for Requests {
    fn startup_procinit(
        &self,
        _: &Call<'_>,
        proc: Option<SendRight>,
    ) -> Result<(
        Right<'static>,
        Right<'static>,
        Right<'static>,
        Right<'static>,
    )> {
        let startup = &self.startup;
        let proc = proc.ok_or(Error::EINVAL)?;
        let mut state = startup.state.lock();
        if state.proc.is_some() {
            return Err(Error::EPERM);
        }
        while state.auth.is_none() {
            state = startup.changed.wait(state);
        }
        state.proc = Some(proc);
        let auth = state.auth.clone().ok_or(Error::EINVAL)?;
        drop(state);
        startup.changed.notify_all();
        let host = startup.host.clone();
        Ok((
            Right::from(startup.task()),
            Right::from(auth),
            Right::from(host),
            Right::null(),
        ))
    }

    fn startup_authinit(&self, _: &Call<'_>, auth: Option<SendRight>) -> Result<Right<'static>> {
        let startup = &self.startup;
        let mut state = startup.state.lock();
        if state.auth.is_some() {
            return Err(Error::EPERM);
        }
        state.auth = Some(auth.ok_or(Error::EINVAL)?);
        startup.changed.notify_all();
        loop {
            if let Some(process) = &state.auth_process {
                return Ok(Right::from(process.clone()));
            }
            state = startup.changed.wait(state);
        }
    }

    fn startup_essential_task(
        &self,
        _: &Call<'_>,
        task: Option<SendRight>,
        _exception: Option<ReceiveRight>,
        name: &[u8],
        credential: Option<SendRight>,
    ) -> Result<()> {
        let startup = &self.startup;
        if credential.is_none_or(|right| right.as_raw() != startup.host.as_raw()) {
            return Err(Error::EPERM);
        }
        let name = String::from_utf8_lossy(name).into_owned();
        startup.watch(name, &task.ok_or(Error::EINVAL)?)
    }

    /// Only the superuser's programs are waited for at the end; they are told apart by their ports,
    /// and forgotten when they end.
    fn startup_request_notification(
        &self,
        _: &Call<'_>,
        notify: Option<SendRight>,
        name: &[u8],
    ) -> Result<()> {
        if !self.trusted {
            return Err(Error::EPERM);
        }
        let name = String::from_utf8_lossy(name).into_owned();
        let notify = notify.ok_or(Error::EINVAL)?;
        let key = notify.as_raw();
        let startup = Arc::downgrade(&self.startup);
        self.startup.server().on_death(&notify, move || {
            if let Some(startup) = startup.upgrade() {
                let mut state = startup.state.lock();
                state.notify.retain(|(port, _)| port.as_raw() != key);
            }
        })?;
        let mut state = self.startup.state.lock();
        state.notify.retain(|(port, _)| port.as_raw() != key);
        state.notify.push((notify, name));
        Ok(())
    }

    fn startup_reboot(&self, _: &Call<'_>, reference: Option<SendRight>, code: i32) -> Result<()> {
        let startup = &self.startup;
        if reference.is_none_or(|right| right.as_raw() != startup.host.as_raw()) {
            return Err(Error::EPERM);
        }
        let (notify, root) = {
            let mut state = startup.state.lock();
            state.ending = true;
            (core::mem::take(&mut state.notify), state.root.clone())
        };
        for (port, name) in notify.into_iter().rev() {
            let asked = name.clone();
            let sync = thread::try_spawn(move || startup_notify::startup_dosync(&port));
            let Ok(sync) = sync else { continue };
            let end = clock::now() + SYNC_TIME;
            while !sync.is_finished() && clock::now() < end {
                thread::sleep(Duration::from_millis(10));
            }
            if !sync.is_finished() || !matches!(sync.join(), Some(Ok(()))) {
                mach::log(&format!(
                    "startup: {asked} did not bring its data to safety"
                ));
            }
        }
        if let Some(root) = root {
            startup.sync(&root);
        }
        let what = if code & RB_HALT != 0 {
            "halt"
        } else {
            "reboot"
        };
        mach::log(&startup.arguments.marker(what));
        let restart = code & RB_HALT == 0;
        if let Some(tables) = startup.tables
            && let Err(why) = power::end(&startup.host, tables, restart)
        {
            mach::log(&format!("startup: ACPI: {why}"));
        }
        mach::host_reboot(&startup.host, restart)
    }
}
