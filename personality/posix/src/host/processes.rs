//! Processes.

use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ptr;

use super::signals::{from_host, to_host};
use super::{c_string, check, environment, errno_from_host, last_errno, pipe};
use crate::graph::{Account, Graph, Right};
use crate::process::{Command, Group, Ids, ProcessInfo, Status, WaitOptions, Which};
use crate::signal::Signal;
use crate::{Errno, Fd, Pid, Result};

/// Everything that the new process needs, made before it exists: after the
/// fork only calls are allowed that are safe in a signal handler.
struct Plan {
    path: CString,
    argv: Vec<CString>,
    env: Vec<CString>,
    /// Descriptors above every one that the program is to have, for the moves.
    spare: Fd,
    fds: Vec<(Fd, Fd)>,
    close: Vec<Fd>,
    default_signals: Vec<i32>,
    ignored_signals: Vec<i32>,
    group: Group,
    foreground: Option<Fd>,
}

impl Plan {
    fn new(command: &Command) -> Result<Self> {
        let strings = |list: &[Vec<u8>]| list.iter().map(|s| c_string(s)).collect::<Result<_>>();
        let numbers = |list: &[Signal]| list.iter().filter_map(|&s| to_host(s).ok()).collect();
        let mut fds: Vec<(Fd, Fd)> = Vec::new();
        let mut close = Vec::new();
        for &(child, parent) in &command.fds {
            match parent {
                Some(parent) => fds.push((child, parent)),
                None => close.push(child),
            }
        }
        if !command.inherit_fds {
            for fd in open_fds() {
                if !fds.iter().any(|&(child, _)| child == fd) {
                    close.push(fd);
                }
            }
        }
        let spare = fds
            .iter()
            .map(|&(child, _)| child)
            .max()
            .unwrap_or(0)
            .max(2)
            + 1;
        Ok(Self {
            path: c_string(&command.path)?,
            argv: strings(&command.argv)?,
            env: strings(&command.env.clone().unwrap_or_else(environment))?,
            spare,
            fds,
            close,
            default_signals: numbers(&command.default_signals),
            ignored_signals: numbers(&command.ignored_signals),
            group: command.group,
            foreground: command.foreground,
        })
    }

    /// Becomes the program; the error if that fails.
    ///
    /// # Safety
    /// The caller is a new process, or gives its own up: descriptors and signals change.
    unsafe fn run(&self, argv: &[*const i8], env: &[*const i8]) -> Errno {
        // SAFETY: every call here is safe in a signal handler, and gets numbers or memory that
        // `self`, `argv` and `env` keep alive.
        unsafe {
            match self.group {
                Group::Inherit => {}
                Group::New => {
                    libc::setpgid(0, 0);
                }
                Group::Join(group) => {
                    libc::setpgid(0, group);
                }
                Group::NewSession => {
                    libc::setsid();
                }
            }
            if let Some(terminal) = self.foreground {
                // The group is not yet in the foreground, where this would stop it.
                libc::signal(libc::SIGTTOU, libc::SIG_IGN);
                libc::tcsetpgrp(terminal, libc::getpgrp());
                libc::signal(libc::SIGTTOU, libc::SIG_DFL);
            }
            for &number in &self.default_signals {
                libc::signal(number, libc::SIG_DFL);
            }
            for &number in &self.ignored_signals {
                libc::signal(number, libc::SIG_IGN);
            }
            // Sources first move out of the way, so that none is overwritten before its use.
            let mut moved = [(0, 0); 64];
            if self.fds.len() > moved.len() {
                return Errno::EMFILE;
            }
            for (slot, &(child, parent)) in moved.iter_mut().zip(&self.fds) {
                let high = libc::fcntl(parent, libc::F_DUPFD_CLOEXEC, self.spare);
                if high < 0 {
                    return last_errno();
                }
                *slot = (child, high);
            }
            for &fd in &self.close {
                libc::close(fd);
            }
            for &(child, high) in &moved[..self.fds.len()] {
                if libc::dup2(high, child) < 0 {
                    return last_errno();
                }
            }
            libc::execve(
                self.path.as_ptr(),
                argv.as_ptr().cast(),
                env.as_ptr().cast(),
            );
            last_errno()
        }
    }
}

/// This process's descriptors that are not closed on exec.
fn open_fds() -> Vec<Fd> {
    (0..256)
        .filter(|&fd| super::close_on_exec(fd) == Ok(false))
        .collect()
}

/// The addresses of strings, with the null that ends such an array.
fn pointers(strings: &[CString]) -> Vec<*const i8> {
    strings
        .iter()
        .map(|s| s.as_ptr().cast())
        .chain([ptr::null()])
        .collect()
}

pub(crate) fn spawn(command: &Command) -> Result<Pid> {
    let plan = Plan::new(command)?;
    let (argv, env) = (pointers(&plan.argv), pointers(&plan.env));
    let (report, reporter) = pipe()?;
    // The pipe for the error must survive what is done to the child's descriptors.
    let high = super::dup(reporter, plan.spare + 64, true);
    super::close(reporter)?;
    let reporter = high?;
    // SAFETY: the child only makes calls that are safe in a signal handler, and then execs or exits.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: this is the new process.
        unsafe {
            let error = plan.run(&argv, &env);
            libc::write(reporter, (&raw const error.0).cast(), 4);
            libc::_exit(127);
        }
    }
    let error = last_errno();
    super::close(reporter)?;
    if pid < 0 {
        super::close(report)?;
        return Err(error);
    }
    // Both sides set the group, so that neither has to wait for the other.
    if let Group::New | Group::Join(_) = plan.group {
        let group = if let Group::Join(group) = plan.group {
            group
        } else {
            pid
        };
        // SAFETY: no memory is passed. It fails if the child has exec'ed, having done it itself.
        unsafe { libc::setpgid(pid, group) };
    }
    let mut word = [0; 4];
    let count = loop {
        match super::read(report, &mut word) {
            Err(Errno::EINTR) => {}
            result => break result,
        }
    };
    super::close(report)?;
    if count == Ok(4) {
        crate::process::wait_for(pid)?;
        return Err(Errno(u32::from_ne_bytes(word)));
    }
    Ok(pid)
}

pub(crate) fn fork() -> Result<Option<Pid>> {
    // SAFETY: what a child with a single thread may do is the caller's to know.
    match unsafe { libc::fork() } {
        -1 => Err(last_errno()),
        0 => Ok(None),
        pid => Ok(Some(pid)),
    }
}

pub(crate) fn exec(command: &Command) -> Errno {
    let plan = match Plan::new(command) {
        Ok(plan) => plan,
        Err(error) => return error,
    };
    let (argv, env) = (pointers(&plan.argv), pointers(&plan.env));
    // SAFETY: the process gives itself up; if that fails, the caller ends it.
    unsafe { plan.run(&argv, &env) }
}

pub(crate) fn wait(which: Which, options: WaitOptions) -> Result<Option<(Pid, Status)>> {
    let target = match which {
        Which::Any => -1,
        Which::Child(pid) => pid,
        Which::Group(group) => -group,
    };
    let mut flags = 0;
    if options.no_hang {
        flags |= libc::WNOHANG;
    }
    if options.stopped {
        flags |= libc::WUNTRACED;
    }
    let mut status = 0;
    // SAFETY: `status` is a valid place for the result.
    let pid = check(unsafe { libc::waitpid(target, &raw mut status, flags) })?;
    if pid == 0 {
        return Ok(None);
    }
    let status = if libc::WIFEXITED(status) {
        Status::Exited(libc::WEXITSTATUS(status) as u8)
    } else if libc::WIFSTOPPED(status) {
        Status::Stopped(from_host(libc::WSTOPSIG(status)))
    } else {
        Status::Signaled(from_host(libc::WTERMSIG(status)))
    };
    Ok(Some((pid, status)))
}

pub(crate) fn exit(status: i32) -> ! {
    std::process::exit(status & 0xff)
}

pub(crate) fn die_by(signal: Signal) -> ! {
    if let Ok(number) = to_host(signal) {
        // SAFETY: no memory is passed; the signal gets its default action back first.
        unsafe {
            libc::signal(number, libc::SIG_DFL);
            libc::raise(number);
        }
    }
    exit(128 + i32::from(signal.0))
}

pub(crate) fn getpid() -> Pid {
    // SAFETY: no memory is passed; the call cannot fail.
    unsafe { libc::getpid() }
}

pub(crate) fn getppid() -> Pid {
    // SAFETY: no memory is passed; the call cannot fail.
    unsafe { libc::getppid() }
}

pub(crate) fn getpgid(pid: Pid) -> Result<Pid> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::getpgid(pid) })
}

pub(crate) fn setpgid(pid: Pid, group: Pid) -> Result<()> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::setpgid(pid, group) }).map(|_| ())
}

pub(crate) fn setsid() -> Result<Pid> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::setsid() })
}

pub(crate) fn ids() -> Result<Ids> {
    // SAFETY: none of the calls can fail or takes memory, but for getgroups, which first tells
    // how many there are, and then gets an array of that length.
    unsafe {
        let count = check(libc::getgroups(0, ptr::null_mut()))?;
        let mut groups = alloc::vec![0; count as usize];
        let count = check(libc::getgroups(count, groups.as_mut_ptr()))?;
        groups.truncate(count as usize);
        let effective = libc::getegid();
        groups.retain(|&g| g != effective);
        groups.insert(0, effective);
        Ok(Ids {
            euids: alloc::vec![libc::geteuid()],
            auids: alloc::vec![libc::getuid()],
            egids: groups,
            agids: alloc::vec![libc::getgid()],
        })
    }
}

pub(crate) fn check_password(_uid: u32, _password: &[u8]) -> Result<()> {
    // The host's passwords are its own business.
    Err(Errno::EOPNOTSUPP)
}

pub(crate) fn become_user(uid: u32, gids: &[u32], _password: &[u8]) -> Result<()> {
    let first = *gids.first().ok_or(Errno::EINVAL)?;
    // SAFETY: the array is valid for its length; only root may do this, and needs no password.
    unsafe {
        check(libc::setgroups(gids.len(), gids.as_ptr()))?;
        check(libc::setgid(first))?;
        check(libc::setuid(uid))?;
    }
    Ok(())
}

pub(crate) fn process_list() -> Result<Vec<ProcessInfo>> {
    let directory = std::fs::read_dir("/proc")
        .map_err(|e| e.raw_os_error().map_or(Errno::EIO, errno_from_host))?;
    let mut list: Vec<ProcessInfo> = directory
        .filter_map(|entry| {
            let name = entry.ok()?.file_name();
            let pid: Pid = name.to_str()?.parse().ok()?;
            let base = std::path::Path::new("/proc").join(&name);
            let stat = std::fs::read_to_string(base.join("stat")).ok()?;
            let (_, fields) = stat.rsplit_once(") ")?;
            let fields: Vec<&str> = fields.split(' ').collect();
            let number = |i: usize| {
                fields
                    .get(i)
                    .and_then(|f| f.parse::<i64>().ok())
                    .unwrap_or(0)
            };
            let args = std::fs::read(base.join("cmdline")).ok()?;
            let owner = super::stat(base.to_str()?.as_bytes()).ok()?.uid;
            Some(ProcessInfo {
                pid,
                ppid: number(1) as Pid,
                group: number(2) as Pid,
                session: number(3) as Pid,
                owner: Some(owner),
                state: *fields.first()?.as_bytes().first()?,
                cpu_time: (number(11) + number(12)) as u64 * 10_000,
                virtual_size: number(20) as u64,
                threads: number(17) as u32,
                file: std::fs::read_link(base.join("exe"))
                    .map_or_else(|_| Vec::new(), |path| path.into_os_string().into_encoded_bytes()),
                args: args
                    .split(|&b| b == 0)
                    .filter(|a| !a.is_empty())
                    .map(<[u8]>::to_vec)
                    .collect(),
            })
        })
        .collect();
    list.sort_by_key(|p| p.pid);
    Ok(list)
}

pub(crate) fn enter_account(_memory: u64, _objects: u64, _rights: u64) -> Result<()> {
    Err(Errno::EOPNOTSUPP)
}

pub(crate) fn process_rights(_pid: Pid) -> Result<Vec<Right>> {
    Err(Errno::EOPNOTSUPP)
}

pub(crate) fn graph() -> Result<Graph> {
    Err(Errno::EOPNOTSUPP)
}

pub(crate) fn accounts() -> Result<Vec<Account>> {
    Err(Errno::EOPNOTSUPP)
}
