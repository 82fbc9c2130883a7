//! The startup port: auth and proc meet here, essential servers are answered for, and the system
//! is brought down.

use crate::process::{Program, Status};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use interface::{exec, fs, fsys, process, startup, startup_notify};
use machuser::sync::{Condvar, Mutex};
use machuser::{Call, Error, Outcome, ReceiveRight, Request, Result, Right, SendRight, mach};
use ports::{Object, Port, Server};
use startup_plan::Arguments;

/// `RB_HALT`: stop instead of restarting.
const RB_HALT: i32 = 8;

/// A server without which the system cannot go on.
pub struct Essential(String);

impl Essential {
    /// By its name.
    pub fn new(name: &str) -> Essential {
        Essential(name.to_string())
    }
}

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
    server: Arc<Server>,
    host: SendRight,
    arguments: Arguments,
    port: Mutex<Option<Port>>,
    state: Mutex<State>,
    changed: Condvar,
}

struct StartupPort(Arc<Startup>);

impl Object for StartupPort {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        startup::dispatch(self, request).or_else(|| fsys::dispatch(self, request))
    }
}

impl fsys::Fsys for StartupPort {}

impl Startup {
    /// The server, with its port.
    pub fn new(
        server: &Arc<Server>,
        host: SendRight,
        arguments: Arguments,
    ) -> Result<Arc<Startup>> {
        let startup = Arc::new(Startup {
            server: server.clone(),
            host,
            arguments,
            port: Mutex::new(None),
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        });
        let port = server.port(Arc::new(StartupPort(startup.clone())))?;
        *startup.port.lock() = Some(port);
        Ok(startup)
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
    pub fn introduce(&self, auth: &SendRight, proc: &SendRight) -> Result<()> {
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

    /// Makes a task that this program started its child process; answers the process port.
    pub fn adopt(&self, task: &SendRight) -> Result<SendRight> {
        let own = self.proc()?;
        match process::proc_child(&own, task) {
            Ok(()) | Err(Error::EBUSY) => {}
            Err(error) => return Err(error),
        }
        let process = process::proc_task2proc(&own, task)?.ok_or(Error::ESRCH)?;
        process::proc_mark_important(&process)?;
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

    /// Puts the startup port on `/servers/startup`.
    pub fn place(&self, root: &SendRight) -> Result<()> {
        let (_, _, node) = fs::dir_lookup(root, "servers/startup", fs::O_NOTRANS, 0)?;
        let node = node.ok_or(Error::ENOENT)?;
        // A port that is no file system still can be found: its control is itself.
        let right = self.right()?;
        fs::file_set_translator(&node, 0, fs::FS_TRANS_SET, 0, &[], right)
    }

    /// The death of this task ends the system.
    pub fn essential(self: &Arc<Self>, which: Essential, task: &SendRight) -> Result<()> {
        let startup = self.clone();
        self.server.on_death(task, move || {
            if !startup.state.lock().ending {
                startup.dead(&format!("the {} server ended", which.0));
            }
        })
    }

    fn dead(&self, why: &str) {
        mach::log(&format!("{} {why}", self.arguments.marker("dead")));
    }

    /// Brings all file systems' data to safety.
    pub fn sync(&self, root: &SendRight) {
        // A file system that is read-only or gone has nothing to save.
        let _ = fs::file_syncfs(root, 1, 1);
    }

    /// Runs a program as a child in a new session, and waits for its end.
    pub fn run(&self, executor: &SendRight, program: &Program<'_>) -> Result<Status> {
        let (_, rest, file) =
            fs::dir_lookup(program.root, program.path, fs::O_READ | fs::O_EXEC, 0)?;
        if !rest.is_empty() {
            return Err(Error::ENOENT);
        }
        let file = file.ok_or(Error::ENOENT)?;
        let own = self.proc()?;
        let task = mach::task_create(mach::SELF)?;
        let started = (|| -> Result<i32> {
            process::proc_child(&own, &task)?;
            let child = process::proc_task2proc(&own, &task)?.ok_or(Error::ESRCH)?;
            let (pid, _, _) = process::proc_getpids(&child)?;
            process::proc_setsid(&child)?;
            let auth = self.auth()?;
            let (descriptors, terminal) = self.descriptors(program)?;
            let mut words = Vec::new();
            for word in program.argv {
                words.extend_from_slice(word);
                words.push(0);
            }
            let environment =
                b"PATH=/bin\0HOME=/root\0USER=root\0LOGNAME=root\0SHELL=/bin/sh\0TERM=vt100\0";
            let ports: Vec<Right<'_>> = vec![
                Right::from(program.root),
                Right::from(program.root),
                Right::from(auth),
                Right::from(child),
                match terminal {
                    Some(terminal) => Right::from(terminal),
                    None => Right::null(),
                },
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
                environment,
                descriptors.into_iter().map(Right::from).collect(),
                ports,
                &[0o22, 0, 0, 0, 0],
                &[],
                &[],
            )?;
            Ok(pid)
        })();
        let pid = started.inspect_err(|_| {
            let _ = mach::task_terminate(&task);
        })?;
        loop {
            // Orphans become children of this program: they are waited for on the way.
            let (status, _, _, ended) = process::proc_wait(&own, -1, 0)?;
            if ended == pid {
                return Ok(Status(status));
            }
        }
    }

    /// Descriptors 0 to 2, and the identity of the terminal that they are.
    fn descriptors(&self, program: &Program<'_>) -> Result<(Vec<SendRight>, Option<SendRight>)> {
        let open = |path: &str, flags| -> Result<SendRight> {
            let (_, rest, file) = fs::dir_lookup(program.root, path, flags, 0)?;
            match file {
                Some(file) if rest.is_empty() => Ok(file),
                Some(file) => fs::dir_lookup(&file, rest, flags, 0)?.2.ok_or(Error::ENOENT),
                None => Err(Error::ENOENT),
            }
        };
        if program.terminal
            && let Ok(terminal) = open("dev/tty1", fs::O_READ | fs::O_WRITE)
        {
            let identity = interface::term::term_getctty(&terminal).ok().flatten();
            return Ok((vec![terminal.clone(), terminal.clone(), terminal], identity));
        }
        let line = program.line;
        let input = match open("dev/null", fs::O_READ) {
            Ok(null) if !program.terminal => null,
            _ => line.clone(),
        };
        Ok((vec![input, line.clone(), line.clone()], None))
    }
}

impl startup::Startup for StartupPort {
    fn startup_procinit(
        &self,
        _: &Call<'_>,
        proc: Option<SendRight>,
    ) -> Result<(Right<'static>, Right<'static>, Right<'static>, Right<'static>)> {
        let startup = &self.0;
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
        let own = SendRight::from_raw(machuser::sys::task_self());
        let host = startup.host.clone();
        Ok((Right::from(own), Right::from(auth), Right::from(host), Right::null()))
    }

    fn startup_authinit(&self, _: &Call<'_>, auth: Option<SendRight>) -> Result<Right<'static>> {
        let startup = &self.0;
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
        let startup = &self.0;
        if credential.is_none_or(|right| right.as_raw() != startup.host.as_raw()) {
            return Err(Error::EPERM);
        }
        let name = String::from_utf8_lossy(name).into_owned();
        startup.essential(Essential(name), &task.ok_or(Error::EINVAL)?)
    }

    fn startup_request_notification(
        &self,
        _: &Call<'_>,
        notify: Option<SendRight>,
        name: &[u8],
    ) -> Result<()> {
        let name = String::from_utf8_lossy(name).into_owned();
        let notify = notify.ok_or(Error::EINVAL)?;
        self.0.state.lock().notify.push((notify, name));
        Ok(())
    }

    fn startup_reboot(&self, _: &Call<'_>, reference: Option<SendRight>, code: i32) -> Result<()> {
        let startup = &self.0;
        if reference.is_none_or(|right| right.as_raw() != startup.host.as_raw()) {
            return Err(Error::EPERM);
        }
        let (notify, root) = {
            let mut state = startup.state.lock();
            state.ending = true;
            (core::mem::take(&mut state.notify), state.root.clone())
        };
        for (port, name) in notify.iter().rev() {
            if let Err(error) = startup_notify::startup_dosync(port) {
                mach::log(&format!("startup: {name} was not synced: {error}"));
            }
        }
        if let Some(root) = root {
            startup.sync(&root);
        }
        let what = if code & RB_HALT != 0 { "halt" } else { "reboot" };
        mach::log(&startup.arguments.marker(what));
        mach::host_reboot(&startup.host, code & RB_HALT == 0)
    }
}

