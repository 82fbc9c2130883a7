//! The requests of the exec server.

use alloc::sync::{Arc, Weak};
use alloc::vec;
use alloc::vec::Vec;

use elfload::image::{Protection, Target};
use interface::types::TimeSpec;
use interface::{auth, exec, fs, io, process};
use machuser::env::{init_int, init_port};
use machuser::mach::{self, Mapping, Place, Thread};
use machuser::sync::{Mutex, OnceLock};
use machuser::{
    Call, Error, MAX_BULK, Name, Outcome, ReceiveRight, Request, Result, Right, SendRight, sys,
};
use ports::{Object, Server};

use crate::cache::{Cache, Identity};
use crate::lookup::{Namespace, interpreter_arguments};
use crate::program::{self, Executable, File, Memory, Program};
use crate::start::{self, Arguments, Task};

/// Bytes of programs that are remembered.
const CACHE_LIMIT: u64 = 24 << 20;
/// Scripts that may have scripts as interpreters, this deep.
const SCRIPT_DEPTH: usize = 5;
/// A file that changed within this time, in seconds, is not remembered: the next change might
/// leave the same time stamp.
const SETTLE_TIME: u64 = 1;

/// The server's state.
pub struct Loader {
    cache: Mutex<Cache<SendRight>>,
    defaults: Mutex<Defaults>,
    /// What the port for proc is made with.
    server: OnceLock<Arc<Server>>,
    me: Weak<Loader>,
}

/// What programs get that bring nothing of their own.
#[derive(Clone, Default)]
struct Defaults {
    process_server: Option<Arc<SendRight>>,
    ports: Vec<Option<Arc<SendRight>>>,
    ints: Vec<i32>,
}

impl Defaults {
    fn port(&self, index: usize) -> Option<SendRight> {
        self.ports.get(index)?.as_deref().cloned()
    }
}

/// One request.
struct Job {
    file: Option<SendRight>,
    task: SendRight,
    flags: i32,
    path: Vec<u8>,
    argv: Vec<u8>,
    envp: Vec<u8>,
    descriptors: Vec<Option<SendRight>>,
    ports: Vec<Option<SendRight>>,
    ints: Vec<i32>,
    deallocate: Vec<Name>,
    destroy: Vec<Name>,
}

/// A file as an io server shows it.
pub struct Opened(pub SendRight);

impl File for Opened {
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        let most = into.len().min(MAX_BULK);
        let offset = i64::try_from(offset).map_err(|_| Error::EINVAL)?;
        io::io_read(&self.0, offset, most, &mut into[..most])
    }
}

/// Memory objects of the mach server.
pub struct Objects;

impl Memory for Objects {
    type Object = SendRight;

    fn object(
        &self,
        bytes: u64,
        fill: &mut dyn FnMut(&mut [u8]) -> Result<()>,
    ) -> Result<SendRight> {
        let object = mach::memory_object_create(bytes)?;
        let mut mapping = Mapping::new(&object, 0, bytes, true)?;
        fill(mapping.as_mut_slice())?;
        drop(mapping);
        Ok(object)
    }
}

/// A task that is filled through the mach server.
pub struct Filled<'a>(pub &'a SendRight);

fn protection(of: Protection) -> mach::Protection {
    let bits = [
        (of.read, mach::Protection::READ),
        (of.write, mach::Protection::WRITE),
        (of.execute, mach::Protection::EXECUTE),
    ];
    mach::Protection(
        bits.iter()
            .filter(|(set, _)| *set)
            .fold(0, |all, (_, bit)| all | bit.0),
    )
}

impl Task for Filled<'_> {
    type Object = SendRight;
    type Right = SendRight;
    type Thread = Thread;

    fn map(
        &self,
        address: u64,
        bytes: u64,
        object: &SendRight,
        copy: bool,
        allowed: Protection,
    ) -> Result<()> {
        let allowed = protection(allowed);
        let place = Place::At(address);
        mach::vm_map(self.0, place, bytes, object, 0, copy, allowed, allowed).map(drop)
    }

    fn allocate(&self, address: u64, bytes: u64) -> Result<()> {
        mach::vm_allocate(self.0, Place::At(address), bytes).map(drop)
    }

    fn write(&self, address: u64, bytes: &[u8]) -> Result<()> {
        mach::vm_write(self.0, address, bytes)
    }

    fn protect(&self, address: u64, bytes: u64, allowed: Protection) -> Result<()> {
        mach::vm_protect(self.0, address, bytes, false, protection(allowed))
    }

    fn give(&self, right: SendRight) -> Result<Name> {
        match mach::port_insert_right(self.0, Right::from(right)) {
            // The port died on the way.
            Err(Error::KERN_INVALID_CAPABILITY | Error::KERN_INVALID_RIGHT) => Ok(0),
            result => result,
        }
    }

    fn thread(&self, page: u64) -> Result<Thread> {
        mach::thread_create(self.0, Place::At(page))
    }
}

fn seconds(time: TimeSpec) -> (i64, i64) {
    (time.seconds, time.nanoseconds)
}

/// The file's identity if its program may be remembered, and its size. With `plain` a set-id file
/// is refused.
fn identify(file: &SendRight, plain: bool) -> Result<(Option<Identity>, u64)> {
    let stat = io::io_stat(file)?;
    let size = u64::try_from(stat.size).map_err(|_| Error::ENOEXEC)?;
    if plain && stat.mode & (io::mode::S_ISUID | io::mode::S_ISGID) != 0 {
        return Err(Error::EOPNOTSUPP);
    }
    match stat.mode & io::mode::S_IFMT {
        io::mode::S_IFDIR => return Err(Error::EACCES),
        io::mode::S_IFREG => {}
        _ => return Ok((None, size)),
    }
    let now = sys::realtime().as_secs();
    let changed = stat.mtim.seconds.max(stat.ctim.seconds);
    let settled = u64::try_from(changed).is_ok_and(|t| t.saturating_add(SETTLE_TIME) <= now);
    let identity = Identity {
        server: sys::port_server(machuser::AsName::as_name(file))?,
        fsid: stat.fsid,
        ino: stat.ino,
        generation: stat.generation,
        size,
        modified: seconds(stat.mtim),
        changed: seconds(stat.ctim),
    };
    Ok((settled.then_some(identity), size))
}

/// What a file turned out to be.
enum Content {
    Program(Arc<Program<SendRight>>),
    Script(Vec<u8>, Option<Vec<u8>>),
}

/// A program with the file it came from.
struct Found {
    program: Arc<Program<SendRight>>,
    file: Opened,
}

impl Loader {
    /// A loader that remembers nothing yet.
    pub fn new() -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            cache: Mutex::new(Cache::new(CACHE_LIMIT)),
            defaults: Mutex::default(),
            server: OnceLock::new(),
            me: me.clone(),
        })
    }

    /// Says which server the loader's own ports belong to.
    pub fn set_server(&self, server: Arc<Server>) {
        self.server.get_or_init(|| server);
    }

    fn read(&self, file: &Opened, plain: bool) -> Result<Content> {
        let (identity, size) = identify(&file.0, plain)?;
        if let Some(identity) = &identity
            && let Some(program) = self.cache.lock().get(identity)
        {
            return Ok(Content::Program(program));
        }
        match program::read(file, size, &Objects, Target::NATIVE)? {
            Executable::Program(program) => {
                let program = Arc::new(program);
                // A file that changed meanwhile was read in part as it was and in part as it is.
                let same =
                    identity.filter(|i| identify(&file.0, plain).is_ok_and(|(n, _)| n == Some(*i)));
                if let Some(identity) = same {
                    self.cache.lock().insert(identity, program.clone());
                }
                Ok(Content::Program(program))
            }
            Executable::Script(interpreter, argument) => Ok(Content::Script(interpreter, argument)),
        }
    }

    /// Follows scripts to the program that is to run, and changes the arguments on the way.
    fn find(&self, job: &mut Job) -> Result<Found> {
        for _ in 0..SCRIPT_DEPTH {
            let file = Opened(job.file.take().ok_or(Error::EBADF)?);
            match self.read(&file, job.flags & fs::EXEC_PLAIN != 0)? {
                Content::Program(program) => return Ok(Found { program, file }),
                Content::Script(interpreter, argument) => {
                    if job.path.is_empty() || job.flags & fs::EXEC_SECURE != 0 {
                        // The script could be exchanged before the interpreter opens it.
                        return Err(Error::ENOEXEC);
                    }
                    job.argv = interpreter_arguments(
                        &interpreter,
                        argument.as_deref(),
                        &job.path,
                        &job.argv,
                    );
                    let port = |index: usize| job.ports.get(index).and_then(Option::as_ref);
                    let space = Namespace {
                        root: port(init_port::CRDIR),
                        directory: port(init_port::CWDIR),
                        auth: port(init_port::AUTH),
                    };
                    job.file = Some(space.open(&interpreter, fs::O_READ | fs::O_EXEC)?);
                    job.path = interpreter;
                }
            }
        }
        Err(Error::ELOOP)
    }

    fn fill_defaults(&self, job: &mut Job) {
        let defaults = self.defaults.lock().clone();
        if job.ports.len() < init_port::MAX {
            job.ports.resize_with(init_port::MAX, || None);
        }
        if job.ints.len() < init_int::MAX {
            job.ints.resize(init_int::MAX, 0);
        }
        let secure = job.flags & fs::EXEC_SECURE != 0;
        if secure {
            job.ports[init_port::CRDIR] = defaults.port(init_port::CRDIR);
            job.ints[init_int::UMASK] = defaults.ints.first().copied().unwrap_or(0o22);
            job.ints[init_int::TRACEMASK] = 0;
        }
        if secure || job.flags & fs::EXEC_DEFAULTS != 0 {
            for index in [init_port::AUTH, init_port::CRDIR, init_port::CWDIR] {
                if job.ports[index].is_none() {
                    job.ports[index] = defaults.port(index);
                }
            }
            if job.ports[init_port::PROC].is_none()
                && let Some(server) = &defaults.process_server
            {
                job.ports[init_port::PROC] =
                    process::proc_task2proc(&**server, &job.task).ok().flatten();
            }
        }
    }

    /// Runs a program in `job.task`, which has no threads yet, or whose threads it replaces.
    fn execute(&self, mut job: Job) -> Result<()> {
        if job.flags & (fs::EXEC_NEWTASK | fs::EXEC_SECURE) == 0 {
            let in_place = mach::task_info(&job.task)?.threads != 0;
            self.fill_defaults(&mut job);
            let found = self.find(&mut job)?;
            if in_place {
                mach::task_clear(&job.task)?;
            }
            let task = job.task.clone();
            // From here on there is nothing left that could be told of a failure.
            return self.load(job, found).inspect_err(|_| {
                if in_place {
                    let _ = mach::task_terminate(&task);
                }
            });
        }

        // The old task's other rights, and whoever holds the old task, get nothing of the new one.
        let old = job.task;
        // It stays in the account of who runs it.
        job.task = mach::task_create_from(0, &old, 0)?;
        let task = job.task.clone();
        let result = self.move_process(&old, job);
        if result.is_err() {
            let _ = mach::task_terminate(&task);
        }
        result
    }

    /// Loads into a new task and moves the process there.
    fn move_process(&self, old: &SendRight, mut job: Job) -> Result<()> {
        self.fill_defaults(&mut job);
        job.deallocate.clear();
        job.destroy.clear();
        let found = self.find(&mut job)?;
        let defaults = self.defaults.lock().clone();
        let server = defaults.process_server.ok_or(Error::EOPNOTSUPP)?;
        let process = process::proc_task2proc(&*server, old)?.ok_or(Error::ESRCH)?;
        let auth = job.ports[init_port::AUTH].clone().ok_or(Error::EACCES)?;
        let rendezvous = ReceiveRight::allocate()?;
        process::proc_reauthenticate_reassign(&process, Right::make_send(&rendezvous), &job.task)?;
        let new = auth::auth_user_authenticate(&auth, Right::make_send(&rendezvous))?;
        let new = new.ok_or(Error::EACCES)?;
        process::proc_reauthenticate_complete(&new)?;
        job.ports[init_port::PROC] = Some(new);
        self.load(job, found)
    }

    fn load(&self, job: Job, found: Found) -> Result<()> {
        for name in job.deallocate {
            let _ = mach::port_deallocate_in(&job.task, name);
        }
        for name in job.destroy {
            let _ = mach::port_destroy_in(&job.task, name);
        }
        let process = job.ports.get(init_port::PROC).cloned().flatten();
        let ints: Vec<u32> = job.ints.iter().map(|int| *int as u32).collect();
        let ignored = ints.get(init_int::SIGIGN).copied().unwrap_or(0);
        let arguments = Arguments {
            flags: job.flags as u32,
            argv: &job.argv,
            envp: &job.envp,
            descriptors: job.descriptors,
            ports: job.ports,
            ints: &ints,
        };
        let task = Filled(&job.task);
        let ready = start::prepare(
            &task,
            &found.program,
            &found.file,
            arguments,
            Target::NATIVE,
        )?;
        if let Some(process) = process {
            // A program without a process runs all the same.
            let _ = process::proc_mark_image(&process, &job.path, ready.block, ignored.into());
        }
        if job.flags & fs::EXEC_SIGTRAP != 0 {
            mach::task_suspend(&job.task)?;
        }
        mach::thread_start(&ready.thread.port, ready.entry, ready.block, ready.block)
    }
}

impl exec::Exec for Loader {
    fn exec_exec(
        &self,
        call: &Call<'_>,
        file: Option<SendRight>,
        oldtask: Option<SendRight>,
        flags: i32,
        argv: Vec<u8>,
        envp: Vec<u8>,
        dtable: Vec<Option<SendRight>>,
        portarray: Vec<Option<SendRight>>,
        intarray: Vec<i32>,
        deallocnames: Vec<u32>,
        destroynames: Vec<u32>,
    ) -> Result<()> {
        self.exec_exec_paths(
            call,
            file,
            oldtask,
            flags,
            b"",
            b"",
            argv,
            envp,
            dtable,
            portarray,
            intarray,
            deallocnames,
            destroynames,
        )
    }

    fn exec_init(
        &self,
        _: &Call<'_>,
        auth_handle: Option<SendRight>,
        proc_server: Option<SendRight>,
    ) -> Result<()> {
        if self.defaults.lock().process_server.is_some() {
            return Err(Error::EPERM);
        }
        let nobody = match &auth_handle {
            Some(auth) => auth::auth_makeauth(auth, vec![], &[], &[], &[], &[])?,
            None => None,
        };
        let process_server = proc_server.map(Arc::new);
        let mut defaults = self.defaults.lock();
        defaults.ports.resize(init_port::MAX, None);
        defaults.ports[init_port::AUTH] = nobody.map(Arc::new);
        defaults.process_server = process_server.clone();
        drop(defaults);
        if let Some(process) = process_server
            && let Some(server) = self.server.get()
        {
            let loader = self.me.upgrade().ok_or(Error::KERN_TERMINATED)?;
            let port = server.port(Arc::new(DefaultsPort(loader)))?;
            process::proc_execdata_notify(&*process, port.right())?;
        }
        Ok(())
    }

    fn exec_exec_paths(
        &self,
        _: &Call<'_>,
        file: Option<SendRight>,
        oldtask: Option<SendRight>,
        flags: i32,
        path: &[u8],
        abspath: &[u8],
        argv: Vec<u8>,
        envp: Vec<u8>,
        dtable: Vec<Option<SendRight>>,
        portarray: Vec<Option<SendRight>>,
        intarray: Vec<i32>,
        deallocnames: Vec<u32>,
        destroynames: Vec<u32>,
    ) -> Result<()> {
        if flags & fs::EXEC_STACK_ARGS != 0 {
            return Err(Error::EOPNOTSUPP);
        }
        let path = if path.is_empty() { abspath } else { path };
        self.execute(Job {
            file,
            task: oldtask.ok_or(Error::EINVAL)?,
            flags,
            path: path.to_vec(),
            argv,
            envp,
            descriptors: dtable,
            ports: portarray,
            ints: intarray,
            deallocate: deallocnames,
            destroy: destroynames,
        })
    }
}

/// The port through which proc, and nobody else, says what programs get by default.
struct DefaultsPort(Arc<Loader>);

impl Object for DefaultsPort {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        exec::dispatch(self, request)
    }
}

impl exec::Exec for DefaultsPort {
    fn exec_setexecdata(
        &self,
        _: &Call<'_>,
        ports: Vec<Option<SendRight>>,
        ints: Vec<i32>,
    ) -> Result<()> {
        let mut defaults = self.0.defaults.lock();
        let ports = ports.into_iter().map(|port| port.map(Arc::new)).collect();
        let old = core::mem::replace(&mut defaults.ports, ports);
        defaults.ports.resize(init_port::MAX, None);
        if defaults.ports[init_port::AUTH].is_none() {
            defaults.ports[init_port::AUTH] = old.get(init_port::AUTH).cloned().flatten();
        }
        defaults.ints = ints;
        Ok(())
    }
}
