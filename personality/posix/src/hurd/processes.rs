//! Processes.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem::ManuallyDrop;

use interface::{exec, fs, process, tioctl};
use machuser::env::{self, init_int, init_port};
use machuser::mach;
use machuser::sync::Mutex;
use machuser::{Right, SendRight};

use super::descriptors::{self, Open};
use super::names::lookup;
use super::signals::{ignored_mask, interruptible, with_signal};
use super::{errno, files, initial, join_strings, sent, split_strings};
use crate::fs::{O_EXEC, O_READ};
use crate::process::{Command, Group, ProcessInfo, Status, WaitOptions, Which};
use crate::signal::Signal;
use crate::{Errno, Pid, Result};

/// The lowest name that a port can have; those below have fixed meanings.
const FIRST_NAME: u32 = 16;

/// What a new image is started with, besides its ports.
struct Image {
    argv: Vec<u8>,
    env: Vec<u8>,
    fds: Vec<Option<Arc<Open>>>,
    ints: [i32; init_int::MAX],
}

impl Image {
    fn new(command: &Command) -> Result<Self> {
        let mut fds = if command.inherit_fds {
            descriptors::inherited()
        } else {
            Vec::new()
        };
        for &(child, parent) in &command.fds {
            let child = usize::try_from(child).map_err(|_| Errno::EBADF)?;
            if child >= fds.len() {
                fds.resize(child + 1, None);
            }
            fds[child] = parent.map(descriptors::get).transpose()?;
        }
        let mut ignored = ignored_mask();
        for &signal in &command.default_signals {
            ignored = with_signal(ignored, signal, false);
        }
        for &signal in &command.ignored_signals {
            ignored = with_signal(ignored, signal, true);
        }
        let mut ints = [0; init_int::MAX];
        ints[init_int::UMASK] = files::current_umask() as i32;
        ints[init_int::SIGIGN] = ignored as i32;
        let own_env;
        let env = match &command.env {
            Some(env) => env,
            None => {
                own_env = env::vars();
                &own_env
            }
        };
        let strings = command.argv.iter().chain(env).chain([&command.path]);
        if strings.into_iter().any(|string| string.contains(&0)) {
            return Err(Errno::EINVAL);
        }
        Ok(Self {
            argv: join_strings(&command.argv),
            env: join_strings(env),
            fds,
            ints,
        })
    }

    fn execute(
        &self,
        file: &Program,
        task: &SendRight,
        command: &Command,
        ports: [Option<&SendRight>; init_port::MAX],
        destroy: &[u32],
    ) -> Result<()> {
        let fds = || -> Vec<Right<'_>> {
            self.fds
                .iter()
                .map(|open| Right::from(open.as_ref().map(|open| &*open.port)))
                .collect()
        };
        let ports = || -> Vec<Right<'_>> { ports.iter().map(|port| Right::from(*port)).collect() };
        let absolute: &[u8] = if command.path.starts_with(b"/") {
            &command.path
        } else {
            b""
        };
        if let Program::Readable(file) = file
            && let Some(server) = exec_server()
        {
            let result = exec::exec_exec_paths(
                &*server,
                file,
                task,
                fs::EXEC_PLAIN,
                &command.path,
                absolute,
                &self.argv,
                &self.env,
                fds(),
                ports(),
                &self.ints,
                &[],
                destroy,
            );
            match result {
                // The file server knows how to run it.
                Err(machuser::Error::EOPNOTSUPP | machuser::Error::MIG_BAD_ID) => {}
                Err(error) if error.is_server_died() => *EXEC_SERVER.lock() = None,
                result => return result.map_err(errno),
            }
        }
        let (Program::Readable(file) | Program::Executable(file)) = file;
        fs::file_exec_paths(
            file,
            task,
            0,
            &command.path,
            absolute,
            &self.argv,
            &self.env,
            fds(),
            ports(),
            &self.ints,
            &[],
            destroy,
        )
        .map_err(errno)
    }
}

/// A file that is to be run.
enum Program {
    /// The exec server can read it through this port.
    Readable(SendRight),
    /// Only its file server can have it read.
    Executable(SendRight),
}

impl Program {
    fn find(path: &[u8]) -> Result<Self> {
        match lookup(path, O_READ | O_EXEC, 0) {
            Err(Errno::EACCES) => lookup(path, O_EXEC, 0).map(Self::Executable),
            result => result.map(Self::Readable),
        }
    }
}

/// Where the exec server is found.
const EXEC_PATH: &[u8] = b"/servers/exec";

static EXEC_SERVER: Mutex<Option<Arc<SendRight>>> = Mutex::new(None);

/// Keeps everybody out.
pub(super) fn hold() -> impl Sized {
    EXEC_SERVER.lock()
}

/// The exec server, if this program can see one: the way through the file server costs a second
/// journey of all rights, and is needed for set-id files alone.
fn exec_server() -> Option<Arc<SendRight>> {
    if let Some(server) = &*EXEC_SERVER.lock() {
        return Some(server.clone());
    }
    let server = Arc::new(lookup(EXEC_PATH, 0, 0).ok()?);
    *EXEC_SERVER.lock() = Some(server.clone());
    Some(server)
}

pub(crate) fn spawn(command: &Command) -> Result<Pid> {
    spawn_with(command, None).map(|(pid, _)| pid)
}

/// Starts a program with a bootstrap port; its process and its task.
pub(super) fn spawn_with(
    command: &Command,
    bootstrap: Option<&SendRight>,
) -> Result<(Pid, SendRight)> {
    let file = Program::find(&command.path)?;
    let image = Image::new(command)?;
    let proc = initial(init_port::PROC)?;
    let task = mach::task_create(mach::SELF).map_err(errno)?;
    let mut child = None;
    let result = (|| {
        let (own, pid) = process::proc_new_child(&*proc, &task).map_err(errno)?;
        let own = sent(own)?;
        child = Some(pid);
        let group = match command.group {
            Group::Inherit => None,
            Group::New => Some(pid),
            Group::Join(group) => Some(group),
            Group::NewSession => {
                process::proc_setsid(&own).map_err(errno)?;
                None
            }
        };
        if let Some(group) = group {
            process::proc_setpgrp(&own, pid, group).map_err(errno)?;
        }
        if let (Some(terminal), Some(group)) = (command.foreground, group) {
            let terminal = descriptors::get(terminal)?;
            tioctl::tioctl_tiocspgrp(&*terminal.port, group).map_err(errno)?;
        }
        let root = env::port(init_port::CRDIR);
        let directory = env::port(init_port::CWDIR);
        let handle = env::port(init_port::AUTH);
        let terminal = match command.group {
            // A new session has no terminal yet.
            Group::NewSession => None,
            _ => env::port(init_port::CTTYID),
        };
        let mut ports = [None; init_port::MAX];
        ports[init_port::CWDIR] = directory.as_deref();
        ports[init_port::CRDIR] = root.as_deref();
        ports[init_port::AUTH] = handle.as_deref();
        ports[init_port::PROC] = Some(&own);
        ports[init_port::CTTYID] = terminal.as_deref();
        ports[init_port::BOOTSTRAP] = bootstrap;
        image.execute(&file, &task, command, ports, &[])?;
        Ok(pid)
    })();
    match result {
        Ok(pid) => Ok((pid, task)),
        Err(error) => {
            // What was begun of the child goes, and nobody waits for it.
            let _ = mach::task_terminate(&task);
            if let Some(pid) = child {
                let _ = crate::process::wait_for(pid);
            }
            Err(error)
        }
    }
}

pub(crate) fn exec(command: &Command) -> Errno {
    let result = (|| {
        let file = Program::find(&command.path)?;
        let image = Image::new(command)?;
        let held: Vec<_> = (0..init_port::MAX).map(env::port).collect();
        let mut ports = [None; init_port::MAX];
        for (port, held) in ports.iter_mut().zip(&held) {
            *port = held.as_deref();
        }
        // The new image gets its own names for what it is given.
        let names = mach::port_names(mach::SELF).map_err(errno)?;
        let destroy: Vec<u32> = names
            .iter()
            .map(|name| name.name)
            .filter(|&name| name >= FIRST_NAME)
            .collect();
        // The name lives as long as the task; its reference is not given back.
        let task = ManuallyDrop::new(SendRight::from_raw(machuser::sys::task_self()));
        image.execute(&file, &task, command, ports, &destroy)
    })();
    // Success does not return: the caller's threads are gone.
    result.err().unwrap_or(Errno::EIEIO)
}

pub(crate) fn wait(which: Which, options: WaitOptions) -> Result<Option<(Pid, Status)>> {
    let proc = initial(init_port::PROC)?;
    let target = match which {
        Which::Any => -1,
        Which::Child(pid) => pid,
        Which::Group(group) => -group,
    };
    let mut flags = 0;
    if options.no_hang {
        flags |= process::WNOHANG;
    }
    if options.stopped {
        flags |= process::WUNTRACED;
    }
    match interruptible(&proc, || process::proc_wait(&*proc, target, flags)) {
        Ok((status, _, _, pid)) => Ok(Some((pid, Status::from_wire(status as u32)))),
        Err(Errno::EAGAIN) if options.no_hang => Ok(None),
        Err(error) => Err(error),
    }
}

/// Ends this process in the given way.
pub(super) fn end(status: Status) -> ! {
    if let Some(proc) = env::port(init_port::PROC) {
        // Does not return, unless there is no such process any more.
        let _ = process::proc_exit(&*proc, status.to_wire() as i32, 0);
    }
    mach::exit()
}

pub(crate) fn exit(status: i32) -> ! {
    end(Status::Exited((status & 0xff) as u8))
}

pub(crate) fn die_by(signal: Signal) -> ! {
    end(Status::Signaled(signal))
}

fn pids() -> Result<(Pid, Pid)> {
    let proc = initial(init_port::PROC)?;
    process::proc_getpids(&*proc)
        .map(|(pid, parent, _)| (pid, parent))
        .map_err(errno)
}

pub(crate) fn getpid() -> Pid {
    pids().map_or(0, |(pid, _)| pid)
}

pub(crate) fn getppid() -> Pid {
    pids().map_or(0, |(_, parent)| parent)
}

pub(crate) fn getpgid(pid: Pid) -> Result<Pid> {
    let proc = initial(init_port::PROC)?;
    let pid = if pid == 0 { getpid() } else { pid };
    process::proc_getpgrp(&*proc, pid).map_err(errno)
}

pub(crate) fn setpgid(pid: Pid, group: Pid) -> Result<()> {
    let proc = initial(init_port::PROC)?;
    process::proc_setpgrp(&*proc, pid, group).map_err(errno)?;
    if pid == 0 || pid == getpid() {
        descriptors::forget_terminals();
    }
    Ok(())
}

pub(crate) fn setsid() -> Result<Pid> {
    let proc = initial(init_port::PROC)?;
    process::proc_setsid(&*proc).map_err(errno)?;
    env::set_port(init_port::CTTYID, None).map_err(errno)?;
    descriptors::forget_terminals();
    Ok(getpid())
}

pub(crate) fn process_list() -> Result<Vec<ProcessInfo>> {
    let proc = initial(init_port::PROC)?;
    let pids = process::proc_getallpids(&*proc).map_err(errno)?;
    // A process that ends meanwhile is left out.
    let mut list: Vec<ProcessInfo> = pids
        .into_iter()
        .filter_map(|pid| describe(&proc, pid))
        .collect();
    list.sort_by_key(|process| process.pid);
    Ok(list)
}

fn describe(proc: &SendRight, pid: Pid) -> Option<ProcessInfo> {
    use process::{info, state};
    let (_, numbers, _) = process::proc_getprocinfo(proc, pid, process::PI_FETCH_TASKINFO).ok()?;
    let number = |index: usize| numbers.get(index).copied().unwrap_or(0);
    let bits = number(info::STATE) as u32;
    let state = if bits & state::ZOMBIE != 0 {
        b'Z'
    } else if bits & state::STOPPED != 0 {
        b'T'
    } else if pid == getpid() {
        b'R'
    } else {
        b'S'
    };
    // Only its owner may see the arguments of a process.
    let args = process::proc_getprocargs(proc, pid).unwrap_or_default();
    Some(ProcessInfo {
        pid,
        ppid: number(info::PARENT),
        group: number(info::GROUP),
        session: number(info::SESSION),
        owner: u32::try_from(number(info::OWNER)).ok(),
        state,
        cpu_time: u64::from(number(info::TIME) as u32) * 1000,
        virtual_size: u64::from(number(info::MEMORY) as u32) * 1024,
        threads: number(info::THREADS) as u32,
        file: process::proc_get_exe(proc, pid).unwrap_or_default(),
        args: split_strings(&args),
    })
}

pub(crate) fn enter_account(memory: u64, objects: u64, rights: u64) -> Result<()> {
    // It lives for as long as something is charged to it.
    let account = mach::account_create(memory, objects, rights).map_err(errno)?;
    mach::task_set_account(mach::SELF, &account).map_err(errno)
}
