use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::mem;

use machuser::{Error, Result};

use crate::signal::{DefaultAction, default_action, number};
use crate::{INIT, PROC, Pid};
use interface::process::state as info_flag;

/// Options of [`Table::wait`], with the Hurd's values.
pub mod option {
    /// Do not block.
    pub const WNOHANG: i32 = 1;
    /// Also processes that stopped.
    pub const WUNTRACED: i32 = 2;
    /// Processes that ended (`waitid`).
    pub const WEXITED: i32 = 4;
    /// Also processes that were continued.
    pub const WCONTINUED: i32 = 8;
    /// Leave the process in a state in which it can be waited for again.
    pub const WNOWAIT: i32 = 0x100_0000;
}

/// Whose authority a process has.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Identity {
    /// Effective user ids.
    pub uids: Vec<u32>,
    /// Effective group ids.
    pub gids: Vec<u32>,
}

impl Identity {
    /// Of the superuser.
    pub fn root() -> Self {
        Self {
            uids: [0].into(),
            gids: [0].into(),
        }
    }

    /// Whether this is the superuser.
    pub fn is_root(&self) -> bool {
        self.uids.contains(&0)
    }

    fn contains(&self, other: &Self) -> bool {
        other.uids.iter().all(|id| self.uids.contains(id))
    }
}

/// A wait status and the code that goes with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Status {
    /// The status word of `wait`.
    pub status: i32,
    /// The signal's code, 0 for an ordinary end.
    pub code: i32,
}

impl Status {
    /// An end that a process tells of: it exited, or a signal killed it. `EINVAL` if the status is no
    /// end.
    pub fn ended(status: i32, code: i32) -> Result<Self> {
        let exited = status & !0xff00 == 0;
        let killed = status & !0xff == 0 && (1..=number::LAST).contains(&(status & 0x7f));
        if exited || killed {
            Ok(Self { status, code })
        } else {
            Err(Error::EINVAL)
        }
    }

    /// The end by a signal.
    pub const fn killed(signal: i32, core: bool) -> Self {
        Self {
            status: signal | if core { 0x80 } else { 0 },
            code: 0,
        }
    }

    const fn stopped(signal: i32, code: i32) -> Self {
        Self {
            status: signal << 8 | 0x7f,
            code,
        }
    }

    const CONTINUED: Self = Self {
        status: 0xffff,
        code: 0,
    };
}

/// What a process is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It runs.
    Running {
        /// Its parent has not heard yet that it was continued.
        continued: bool,
    },
    /// A signal stopped it.
    Stopped {
        /// What a parent is told.
        status: Status,
        /// The parent has heard of it.
        reported: bool,
    },
    /// Its task is gone; its parent has not waited for it.
    Dead(Status),
}

/// One process.
#[derive(Clone, Debug)]
pub struct Process<R> {
    /// Its task.
    pub task: R,
    /// Where signals go to.
    pub message_port: Option<R>,
    /// Whose child it is.
    pub parent: Pid,
    /// Its process group.
    pub group: Pid,
    /// Its session.
    pub session: Pid,
    /// Its login collection.
    pub login: Pid,
    /// For whom it acts.
    pub identity: Identity,
    /// Its owner, where another than the first of its user ids was named.
    pub owner: Option<u32>,
    /// What it is doing.
    pub state: State,
    /// What it said of its end.
    pub exit: Option<Status>,
    /// Signals it ignores, bit `n - 1` for signal `n`; used while it has no message port.
    pub ignored: u64,
    /// Somebody said whose child it is.
    pub adopted: bool,
    /// It has executed a program of its own.
    pub executed: bool,
    /// It is between two programs: its message port is being replaced.
    pub executing: bool,
    /// It must survive when all are killed at the end.
    pub important: bool,
    /// It is being traced.
    pub traced: bool,
    /// It does not want to hear of children that stop.
    pub no_stop_children: bool,
    /// Addresses of its arguments and environment.
    pub arguments: (u64, u64),
    /// Where its code lies.
    pub code: (u64, u64),
    /// Where it starts.
    pub entry: u64,
    /// The file that it executes.
    pub file: Vec<u8>,
    children: BTreeSet<Pid>,
}

impl<R> Process<R> {
    fn new(task: R, parent: Pid, group: Pid, session: Pid, login: Pid) -> Self {
        Self {
            task,
            message_port: None,
            parent,
            group,
            session,
            login,
            identity: Identity::default(),
            owner: None,
            state: State::Running { continued: false },
            exit: None,
            ignored: 0,
            adopted: false,
            executed: false,
            executing: false,
            important: false,
            traced: false,
            no_stop_children: false,
            arguments: (0, 0),
            code: (0, 0),
            entry: 0,
            file: Vec::new(),
            children: BTreeSet::new(),
        }
    }

    /// Whether its task is gone.
    pub const fn is_dead(&self) -> bool {
        matches!(self.state, State::Dead(_))
    }

    /// The user that it belongs to.
    pub fn owner(&self) -> Option<u32> {
        self.owner.or(self.identity.uids.first().copied())
    }
}

/// What is to be done outside of the table, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect<R> {
    /// Post a signal to a message port, without waiting.
    Post {
        /// The message port.
        port: R,
        /// Proof that the sender may: the target's task.
        task: R,
        /// The signal.
        signal: i32,
    },
    /// Tell a process of its new ids, without waiting.
    NewIds {
        /// Its message port.
        port: R,
        /// Its task.
        task: R,
        /// Its parent.
        parent: Pid,
        /// Its group.
        group: Pid,
        /// Whether the group is orphaned.
        orphaned: bool,
    },
    /// End a task.
    Terminate(R),
    /// Stop a task.
    Suspend(R),
    /// Let a task go on.
    Resume(R),
    /// Whoever waits for children of this process should look again.
    WakeParent(Pid),
    /// Whoever waits for this process's message port should look again.
    WakeMessagePort(Pid),
    /// The process's task is gone: its process port dies.
    Died(Pid),
    /// The process is forgotten.
    Forgotten(Pid),
}

/// Which signals get through to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// On behalf of this process, if it may.
    From(Pid),
    /// On behalf of a terminal or the system.
    System,
}

/// Whose end is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wait {
    /// As in `waitpid`: a process, 0 the caller's group, -1 any child, `-n` group `n`.
    pub pid: Pid,
    /// Bits of [`option`].
    pub options: i32,
}

/// What a wait comes to for now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitResult {
    /// This process has this status.
    Ready(Pid, Status),
    /// Nothing yet.
    Wait,
}

#[derive(Clone, Debug)]
struct Group {
    session: Pid,
    members: BTreeSet<Pid>,
}

#[derive(Clone, Debug)]
struct Session<R> {
    groups: BTreeSet<Pid>,
    identity: Option<R>,
}

#[derive(Clone, Debug)]
struct Login {
    name: Vec<u8>,
    members: usize,
}

/// Where pids begin again after the highest.
const FIRST_FREE: Pid = 100;
/// The highest pid, as long as fewer processes than that exist.
const HIGHEST: Pid = 30_000;

/// The table.
#[derive(Clone, Debug)]
pub struct Table<R> {
    processes: BTreeMap<Pid, Process<R>>,
    groups: BTreeMap<Pid, Group>,
    sessions: BTreeMap<Pid, Session<R>>,
    logins: BTreeMap<Pid, Login>,
    next: Pid,
    highest: Pid,
    effects: Vec<Effect<R>>,
}

impl<R: Clone> Table<R> {
    /// A table with the process that starts the system, and the proc server.
    pub fn new(init_task: R, proc_task: R) -> Self {
        let mut table = Self {
            processes: BTreeMap::new(),
            groups: BTreeMap::new(),
            sessions: BTreeMap::new(),
            logins: BTreeMap::new(),
            next: PROC + 1,
            highest: HIGHEST,
            effects: Vec::new(),
        };
        table.logins.insert(
            INIT,
            Login {
                name: b"<none>".into(),
                members: 2,
            },
        );
        for (pid, task) in [(INIT, init_task), (PROC, proc_task)] {
            let mut process = Process::new(task, INIT, INIT, INIT, INIT);
            process.identity = Identity::root();
            process.adopted = true;
            process.important = true;
            table.processes.insert(pid, process);
        }
        table.sessions.insert(
            INIT,
            Session {
                groups: [INIT].into(),
                identity: None,
            },
        );
        table.groups.insert(
            INIT,
            Group {
                session: INIT,
                members: [INIT, PROC].into(),
            },
        );
        if let Some(init) = table.processes.get_mut(&INIT) {
            init.children.insert(PROC);
        }
        table
    }

    /// What is to be done now, in order.
    pub fn take_effects(&mut self) -> Vec<Effect<R>> {
        mem::take(&mut self.effects)
    }

    /// A process that exists, alive or not.
    pub fn get(&self, pid: Pid) -> Result<&Process<R>> {
        self.processes.get(&pid).ok_or(Error::ESRCH)
    }

    /// As [`get`](Self::get), to change what is not part of the table's structure.
    pub fn get_mut(&mut self, pid: Pid) -> Result<&mut Process<R>> {
        self.processes.get_mut(&pid).ok_or(Error::ESRCH)
    }

    fn alive(&self, pid: Pid) -> Result<&Process<R>> {
        self.get(pid).and_then(|p| {
            if p.is_dead() {
                Err(Error::ESRCH)
            } else {
                Ok(p)
            }
        })
    }

    /// All processes.
    pub fn pids(&self) -> impl Iterator<Item = Pid> + '_ {
        self.processes.keys().copied()
    }

    fn free_pid(&mut self) -> Pid {
        if self.processes.len() as i64 * 2 > i64::from(self.highest) {
            self.highest = self.highest.saturating_mul(2);
        }
        loop {
            if self.next > self.highest {
                self.next = FIRST_FREE;
            }
            let pid = self.next;
            self.next += 1;
            // A group or session keeps its number while it has members.
            if !self.processes.contains_key(&pid)
                && !self.groups.contains_key(&pid)
                && !self.sessions.contains_key(&pid)
                && !self.logins.contains_key(&pid)
            {
                return pid;
            }
        }
    }

    /// A task that has no entry yet: a child of the first process, with nobody's authority.
    pub fn new_task(&mut self, task: R) -> Pid {
        let pid = self.free_pid();
        let process = Process::new(task, INIT, INIT, INIT, INIT);
        self.processes.insert(pid, process);
        if let Some(init) = self.processes.get_mut(&INIT) {
            init.children.insert(pid);
        }
        if let Some(group) = self.groups.get_mut(&INIT) {
            group.members.insert(pid);
        }
        if let Some(login) = self.logins.get_mut(&INIT) {
            login.members += 1;
        }
        pid
    }

    /// Makes `child` the child of `parent`, whose ids, group and login it inherits. `EBUSY` if it
    /// has a parent already.
    pub fn adopt(&mut self, parent: Pid, child: Pid) -> Result<()> {
        let model = self.alive(parent)?;
        let (group, login, identity, owner) = (
            model.group,
            model.login,
            model.identity.clone(),
            model.owner,
        );
        let (code, entry, file) = (model.code, model.entry, model.file.clone());
        let (arguments, ignored) = (model.arguments, model.ignored);
        if self.alive(child)?.adopted {
            return Err(Error::EBUSY);
        }
        if parent == child {
            return Err(Error::EINVAL);
        }
        self.set_parent(child, parent);
        self.enter_group(child, group);
        self.set_login(child, login);
        let process = self.get_mut(child)?;
        process.adopted = true;
        process.identity = identity;
        process.owner = owner;
        process.ignored = ignored;
        if process.code == (0, 0) {
            process.code = code;
            process.entry = entry;
        }
        if process.arguments == (0, 0) {
            process.arguments = arguments;
        }
        if process.file.is_empty() {
            process.file = file;
        }
        Ok(())
    }

    fn set_parent(&mut self, child: Pid, parent: Pid) {
        let Some(process) = self.processes.get_mut(&child) else {
            return;
        };
        let old = mem::replace(&mut process.parent, parent);
        if let Some(old) = self.processes.get_mut(&old) {
            old.children.remove(&child);
        }
        if let Some(new) = self.processes.get_mut(&parent) {
            new.children.insert(child);
        }
    }

    fn set_login(&mut self, pid: Pid, login: Pid) {
        let Some(process) = self.processes.get_mut(&pid) else {
            return;
        };
        let old = mem::replace(&mut process.login, login);
        if old == login {
            return;
        }
        if let Some(entry) = self.logins.get_mut(&login) {
            entry.members += 1;
        }
        self.leave_login(old);
    }

    fn leave_login(&mut self, login: Pid) {
        if let Some(entry) = self.logins.get_mut(&login) {
            entry.members -= 1;
            if entry.members == 0 {
                self.logins.remove(&login);
            }
        }
    }

    // ---- groups and sessions

    /// Whether no member of the group has a parent in another group of the same session.
    pub fn is_orphaned(&self, group: Pid) -> bool {
        let Some(entry) = self.groups.get(&group) else {
            return true;
        };
        !entry.members.iter().any(|pid| {
            self.processes.get(pid).is_some_and(|process| {
                !process.is_dead()
                    && self.processes.get(&process.parent).is_some_and(|parent| {
                        parent.session == entry.session && parent.group != group
                    })
            })
        })
    }

    /// Groups whose being orphaned hangs on `pid`: its own, and its children's.
    fn groups_near(&self, pid: Pid) -> Vec<(Pid, bool)> {
        let Some(process) = self.processes.get(&pid) else {
            return Vec::new();
        };
        let children = process
            .children
            .iter()
            .filter_map(|c| self.processes.get(c));
        let groups: BTreeSet<Pid> = children.map(|c| c.group).chain([process.group]).collect();
        groups
            .into_iter()
            .map(|group| (group, self.is_orphaned(group)))
            .collect()
    }

    /// Hangs up stopped groups that have just become orphaned.
    fn check_orphans(&mut self, before: Vec<(Pid, bool)>) {
        for (group, was) in before {
            if was || !self.is_orphaned(group) {
                continue;
            }
            let Some(entry) = self.groups.get(&group) else {
                continue;
            };
            let members: Vec<Pid> = entry.members.iter().copied().collect();
            let stopped = |pid: &Pid| {
                matches!(
                    self.processes.get(pid).map(|p| p.state),
                    Some(State::Stopped { .. })
                )
            };
            if members.iter().any(stopped) {
                for &pid in &members {
                    self.deliver(pid, number::HUP);
                    self.deliver(pid, number::CONT);
                }
            }
        }
    }

    fn leave_group(&mut self, pid: Pid) {
        let Some(process) = self.processes.get(&pid) else {
            return;
        };
        let (group, session) = (process.group, process.session);
        let Some(entry) = self.groups.get_mut(&group) else {
            return;
        };
        entry.members.remove(&pid);
        if entry.members.is_empty() {
            self.groups.remove(&group);
            if let Some(owner) = self.sessions.get_mut(&session) {
                owner.groups.remove(&group);
                if owner.groups.is_empty() {
                    self.sessions.remove(&session);
                }
            }
        }
    }

    /// Moves `pid` into a group that exists, or into a new one of its session.
    fn enter_group(&mut self, pid: Pid, group: Pid) {
        let Some(process) = self.processes.get(&pid) else {
            return;
        };
        if process.group == group {
            return;
        }
        let session = self
            .groups
            .get(&group)
            .map_or(process.session, |g| g.session);
        let new = Group {
            session,
            members: BTreeSet::new(),
        };
        self.groups.entry(group).or_insert(new).members.insert(pid);
        if let Some(owner) = self.sessions.get_mut(&session) {
            owner.groups.insert(group);
        }
        self.leave_group(pid);
        if let Some(process) = self.processes.get_mut(&pid) {
            process.group = group;
            process.session = session;
        }
    }

    /// `setpgid`: 0 stands for the caller and for its own number.
    pub fn set_group(&mut self, caller: Pid, pid: Pid, group: Pid) -> Result<()> {
        let pid = if pid == 0 { caller } else { pid };
        let group = if group == 0 { pid } else { group };
        if group < 0 {
            return Err(Error::EINVAL);
        }
        let process = self.alive(pid)?;
        let session = process.session;
        if pid != caller {
            if process.parent != caller {
                return Err(Error::ESRCH);
            }
            if process.executed {
                return Err(Error::EACCES);
            }
        }
        if session != self.alive(caller)?.session || session == pid {
            return Err(Error::EPERM);
        }
        match self.groups.get(&group) {
            Some(entry) if entry.session != session => return Err(Error::EPERM),
            None if group != pid => return Err(Error::EPERM),
            _ => {}
        }
        let before = self.groups_near(pid);
        self.enter_group(pid, group);
        self.check_orphans(before);
        self.tell_ids(pid);
        Ok(())
    }

    /// `setsid`: a new session and group, led by the caller. `EPERM` if it leads a group.
    pub fn new_session(&mut self, pid: Pid) -> Result<()> {
        self.alive(pid)?;
        if self.groups.contains_key(&pid) {
            return Err(Error::EPERM);
        }
        let before = self.groups_near(pid);
        self.sessions.insert(
            pid,
            Session {
                groups: [pid].into(),
                identity: None,
            },
        );
        self.groups.insert(
            pid,
            Group {
                session: pid,
                members: [pid].into(),
            },
        );
        self.leave_group(pid);
        let process = self.get_mut(pid)?;
        process.group = pid;
        process.session = pid;
        self.check_orphans(before);
        self.tell_ids(pid);
        Ok(())
    }

    fn tell_ids(&mut self, pid: Pid) {
        let Some(process) = self.processes.get(&pid) else {
            return;
        };
        let Some(port) = process.message_port.clone() else {
            return;
        };
        let effect = Effect::NewIds {
            port,
            task: process.task.clone(),
            parent: process.parent,
            group: process.group,
            orphaned: self.is_orphaned(process.group),
        };
        self.effects.push(effect);
    }

    /// The session's identity, made by `make` if there is none yet.
    pub fn session_identity(&mut self, pid: Pid, make: impl FnOnce() -> Result<R>) -> Result<R> {
        let session = self.alive(pid)?.session;
        let entry = self.sessions.get_mut(&session).ok_or(Error::ESRCH)?;
        match &entry.identity {
            Some(identity) => Ok(identity.clone()),
            None => {
                let identity = make()?;
                entry.identity = Some(identity.clone());
                Ok(identity)
            }
        }
    }

    /// The members of a group.
    pub fn group_members(&self, group: Pid) -> Result<Vec<Pid>> {
        let entry = self.groups.get(&group).ok_or(Error::ESRCH)?;
        Ok(entry.members.iter().copied().collect())
    }

    /// The groups of a session.
    pub fn session_groups(&self, session: Pid) -> Result<Vec<Pid>> {
        let entry = self.sessions.get(&session).ok_or(Error::ESRCH)?;
        Ok(entry.groups.iter().copied().collect())
    }

    /// The processes of a session.
    pub fn session_members(&self, session: Pid) -> Result<Vec<Pid>> {
        let groups = self.session_groups(session)?;
        Ok(groups
            .iter()
            .filter_map(|g| self.groups.get(g))
            .flat_map(|g| g.members.clone())
            .collect())
    }

    // ---- login collections

    /// Puts a process into a login collection of its own, named as the old one.
    pub fn new_login(&mut self, pid: Pid) -> Result<()> {
        let old = self.alive(pid)?.login;
        if old == pid {
            return Ok(());
        }
        let name = self
            .logins
            .get(&old)
            .map(|login| login.name.clone())
            .unwrap_or_default();
        self.logins.entry(pid).or_insert(Login { name, members: 0 });
        self.set_login(pid, pid);
        Ok(())
    }

    /// Names the login collection of a process.
    pub fn set_login_name(&mut self, pid: Pid, name: &[u8]) -> Result<()> {
        let login = self.alive(pid)?.login;
        self.logins.get_mut(&login).ok_or(Error::ESRCH)?.name = name.to_vec();
        Ok(())
    }

    /// The name of a process's login collection.
    pub fn login_name(&self, pid: Pid) -> Result<Vec<u8>> {
        let login = self.alive(pid)?.login;
        self.logins
            .get(&login)
            .map(|l| l.name.clone())
            .ok_or(Error::ESRCH)
    }

    /// The processes of a login collection.
    pub fn login_members(&self, login: Pid) -> Result<Vec<Pid>> {
        if !self.logins.contains_key(&login) {
            return Err(Error::ESRCH);
        }
        Ok(self
            .processes
            .iter()
            .filter(|(_, p)| p.login == login)
            .map(|(pid, _)| *pid)
            .collect())
    }

    // ---- authority

    /// Whether `caller` has all the authority of `target`.
    pub fn check_owner(&self, caller: Pid, target: Pid) -> Result<()> {
        let (c, t) = (self.alive(caller)?, self.get(target)?);
        let owns = c.identity.is_root()
            || (!t.identity.uids.is_empty() && c.identity.contains(&t.identity));
        if caller == target || owns {
            Ok(())
        } else {
            Err(Error::EPERM)
        }
    }

    // ---- message ports

    /// Sets the message port; returns the one before.
    pub fn set_message_port(&mut self, pid: Pid, port: Option<R>) -> Result<Option<R>> {
        let process = self.get_mut(pid)?;
        process.executing = false;
        let old = mem::replace(&mut process.message_port, port);
        self.effects.push(Effect::WakeMessagePort(pid));
        Ok(old)
    }

    /// A message port has died: its process gets default actions until it sets another.
    pub fn message_port_died(&mut self, is: impl Fn(&R) -> bool) {
        for process in self.processes.values_mut() {
            if process.message_port.as_ref().is_some_and(&is) {
                process.message_port = None;
            }
        }
    }

    /// A new program runs in the process.
    pub fn mark_exec(&mut self, pid: Pid, ignored: u64) -> Result<()> {
        let process = self.get_mut(pid)?;
        process.executed = true;
        process.executing = false;
        process.message_port = None;
        process.ignored = ignored;
        self.effects.push(Effect::WakeMessagePort(pid));
        Ok(())
    }

    // ---- signals

    /// `kill`: `pid` as there. Signal 0 only checks.
    pub fn signal(&mut self, pid: Pid, signal: i32, from: Delivery) -> Result<()> {
        if !(0..=number::LAST).contains(&signal) {
            return Err(Error::EINVAL);
        }
        let targets: Vec<Pid> = match (pid, from) {
            (1.., _) => {
                self.get(pid)?;
                [pid].into()
            }
            (0, Delivery::From(caller)) => self.group_members(self.alive(caller)?.group)?,
            (-1, Delivery::From(caller)) => self
                .processes
                .iter()
                .filter(|(pid, p)| {
                    **pid != caller && **pid != INIT && **pid != PROC && !p.important
                })
                .map(|(pid, _)| *pid)
                .collect(),
            (..=-2, _) => self.group_members(pid.saturating_neg())?,
            _ => return Err(Error::EINVAL),
        };
        let allowed: Vec<Pid> = targets
            .iter()
            .copied()
            .filter(|&target| match from {
                Delivery::System => true,
                Delivery::From(caller) => {
                    let same_session = signal == number::CONT
                        && self.processes.get(&caller).map(|p| p.session)
                            == self.processes.get(&target).map(|p| p.session);
                    same_session || self.check_owner(caller, target).is_ok()
                }
            })
            .collect();
        if allowed.is_empty() {
            return Err(if targets.is_empty() {
                Error::ESRCH
            } else {
                Error::EPERM
            });
        }
        if signal != 0 {
            for target in allowed {
                self.deliver(target, signal);
            }
        }
        Ok(())
    }

    /// Delivers a signal: what cannot be handled takes effect here, the rest goes to the message
    /// port, or has its default action if there is none.
    fn deliver(&mut self, pid: Pid, signal: i32) {
        let Some(process) = self.processes.get(&pid) else {
            return;
        };
        if process.is_dead() {
            return;
        }
        match signal {
            number::KILL => return self.kill(pid, Status::killed(signal, false)),
            number::STOP => return self.stop(pid, signal, 0),
            number::CONT => self.resume(pid),
            _ => {}
        }
        let Some(process) = self.processes.get(&pid) else {
            return;
        };
        if let Some(port) = process.message_port.clone() {
            let task = process.task.clone();
            self.effects.push(Effect::Post { port, task, signal });
            return;
        }
        if process.ignored >> (signal - 1) & 1 != 0 || pid == INIT || pid == PROC {
            return;
        }
        match default_action(signal) {
            DefaultAction::Ignore | DefaultAction::Continue => {}
            // Nobody could continue it.
            DefaultAction::Stop if self.is_orphaned(process.group) => {}
            DefaultAction::Stop => self.stop(pid, signal, 0),
            DefaultAction::Terminate { core } => self.kill(pid, Status::killed(signal, core)),
        }
    }

    /// Ends a process with a status; a status that it gave itself stands.
    pub fn kill(&mut self, pid: Pid, status: Status) {
        let Some(process) = self.processes.get_mut(&pid) else {
            return;
        };
        if process.is_dead() {
            return;
        }
        process.exit.get_or_insert(status);
        let task = process.task.clone();
        self.effects.push(Effect::Terminate(task));
    }

    /// Stops a process's task, and tells its parent.
    pub fn stop(&mut self, pid: Pid, signal: i32, code: i32) {
        let Some(process) = self.processes.get_mut(&pid) else {
            return;
        };
        let State::Running { .. } = process.state else {
            return;
        };
        process.state = State::Stopped {
            status: Status::stopped(signal, code),
            reported: false,
        };
        let (parent, task) = (process.parent, process.task.clone());
        self.effects.push(Effect::Suspend(task));
        self.effects.push(Effect::WakeParent(parent));
        if self
            .processes
            .get(&parent)
            .is_some_and(|p| !p.no_stop_children)
        {
            self.tell_parent(parent);
        }
    }

    /// Lets a stopped process go on.
    pub fn resume(&mut self, pid: Pid) {
        let Some(process) = self.processes.get_mut(&pid) else {
            return;
        };
        let State::Stopped { .. } = process.state else {
            return;
        };
        process.state = State::Running { continued: true };
        let (parent, task) = (process.parent, process.task.clone());
        self.effects.push(Effect::Resume(task));
        self.effects.push(Effect::WakeParent(parent));
        self.tell_parent(parent);
    }

    fn tell_parent(&mut self, parent: Pid) {
        let Some(process) = self.processes.get(&parent) else {
            return;
        };
        if let (Some(port), false) = (process.message_port.clone(), process.is_dead()) {
            let task = process.task.clone();
            self.effects.push(Effect::Post {
                port,
                task,
                signal: number::CHLD,
            });
        }
    }

    // ---- the end

    /// A process announces its end. `EINVAL` if it did already.
    pub fn mark_exit(&mut self, pid: Pid, status: Status) -> Result<()> {
        let process = self.get_mut(pid)?;
        if process.exit.is_some() || process.is_dead() {
            return Err(Error::EINVAL);
        }
        process.exit = Some(status);
        Ok(())
    }

    /// A process's task is gone.
    pub fn task_died(&mut self, pid: Pid) {
        let Some(process) = self.processes.get(&pid) else {
            return;
        };
        if process.is_dead() || pid == INIT {
            return;
        }
        let before = self.groups_near(pid);
        let Some(process) = self.processes.get_mut(&pid) else {
            return;
        };
        let status = process.exit.unwrap_or(Status::killed(number::KILL, false));
        process.state = State::Dead(status);
        process.message_port = None;
        let parent = process.parent;
        let children = process.children.clone();
        for &child in &children {
            self.set_parent(child, INIT);
            self.tell_ids(child);
        }
        self.check_orphans(before);
        let orphans_to_bury = children
            .iter()
            .any(|c| self.processes.get(c).is_some_and(Process::is_dead));
        if orphans_to_bury {
            self.effects.push(Effect::WakeParent(INIT));
            self.tell_parent(INIT);
        }
        self.effects.push(Effect::WakeMessagePort(pid));
        self.effects.push(Effect::Died(pid));
        self.effects.push(Effect::WakeParent(parent));
        self.tell_parent(parent);
        // Who ignores the signal does not want to know.
        let ignores = |parent: &Process<R>| parent.ignored >> (number::CHLD - 1) & 1 != 0;
        if self.processes.get(&parent).is_some_and(ignores) {
            self.forget(pid);
        }
    }

    /// Removes the entry of a task that has become another process's.
    pub fn discard(&mut self, pid: Pid) {
        let children = self
            .processes
            .get(&pid)
            .map(|p| p.children.clone())
            .unwrap_or_default();
        for child in children {
            self.set_parent(child, INIT);
        }
        self.forget(pid);
    }

    fn forget(&mut self, pid: Pid) {
        self.leave_group(pid);
        let Some(process) = self.processes.remove(&pid) else {
            return;
        };
        self.leave_login(process.login);
        if let Some(parent) = self.processes.get_mut(&process.parent) {
            parent.children.remove(&pid);
        }
        self.effects.push(Effect::Forgotten(pid));
    }

    /// `waitpid`, without blocking: the caller comes again after [`Effect::WakeParent`].
    /// `ECHILD` if there is nobody to wait for.
    pub fn wait(&mut self, parent: Pid, wait: Wait) -> Result<WaitResult> {
        let caller = self.alive(parent)?;
        let group = match wait.pid {
            0 => Some(caller.group),
            ..=-2 => Some(wait.pid.saturating_neg()),
            _ => None,
        };
        let others = option::WCONTINUED | option::WUNTRACED;
        let exited = wait.options & option::WEXITED != 0 || wait.options & others == 0;
        let mut any = false;
        let mut found = None;
        for &pid in &caller.children {
            let Some(process) = self.processes.get(&pid) else {
                continue;
            };
            if (wait.pid > 0 && wait.pid != pid) || group.is_some_and(|g| g != process.group) {
                continue;
            }
            any = true;
            let status = match process.state {
                State::Dead(status) if exited => status,
                State::Stopped {
                    status,
                    reported: false,
                } if wait.options & option::WUNTRACED != 0 || process.traced => status,
                State::Running { continued: true } if wait.options & option::WCONTINUED != 0 => {
                    Status::CONTINUED
                }
                _ => continue,
            };
            found = Some((pid, status));
            break;
        }
        let Some((pid, status)) = found else {
            return if any {
                Ok(WaitResult::Wait)
            } else {
                Err(Error::ECHILD)
            };
        };
        if wait.options & option::WNOWAIT == 0 {
            let process = self.get_mut(pid)?;
            match &mut process.state {
                State::Dead(_) => self.forget(pid),
                State::Stopped { reported, .. } => *reported = true,
                State::Running { continued } => *continued = false,
            }
        }
        Ok(WaitResult::Ready(pid, status))
    }

    /// The state bits of `procinfo` (`interface::process::state`).
    pub fn info(&self, pid: Pid) -> Result<u32> {
        let process = self.get(pid)?;
        let bits = [
            (
                matches!(process.state, State::Stopped { .. }),
                info_flag::STOPPED,
            ),
            (process.executed, info_flag::EXECED),
            (self.is_orphaned(process.group), info_flag::ORPHAN),
            (!process.adopted, info_flag::NO_PARENT),
            (process.is_dead(), info_flag::ZOMBIE),
            (process.traced, info_flag::TRACED),
            (process.executing, info_flag::GET_MESSAGE_PORT),
            (process.login == pid, info_flag::LOGIN_LEADER),
            (process.owner().is_none(), info_flag::NOT_OWNED),
        ];
        Ok(bits
            .iter()
            .filter(|(set, _)| *set)
            .fold(0, |all, (_, bit)| all | bit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type T = Table<u32>;

    fn table() -> T {
        Table::new(1001, 1004)
    }

    fn child(t: &mut T, parent: Pid) -> Pid {
        let pid = t.new_task(0);
        t.get_mut(pid).unwrap().task = 1000 + pid as u32;
        t.adopt(parent, pid).unwrap();
        t.take_effects();
        pid
    }

    fn user(t: &mut T, uid: u32) -> Pid {
        let pid = child(t, INIT);
        t.get_mut(pid).unwrap().identity = Identity {
            uids: [uid].into(),
            gids: [uid].into(),
        };
        pid
    }

    const ANY: Wait = Wait {
        pid: -1,
        options: 0,
    };

    #[test]
    fn who_ignores_the_ends_of_children_leaves_none_behind() {
        let mut t = table();
        let server = child(&mut t, INIT);
        t.get_mut(server).unwrap().ignored = 1 << (number::CHLD - 1);
        let (one, two) = (child(&mut t, server), child(&mut t, server));
        t.task_died(one);
        assert!(t.take_effects().contains(&Effect::Forgotten(one)));
        assert_eq!(t.wait(server, ANY), Ok(WaitResult::Wait));
        t.task_died(two);
        assert_eq!(t.wait(server, ANY), Err(Error::ECHILD));
    }

    #[test]
    fn nobody_tells_of_an_end_that_is_none() {
        for status in [0, 0x100, 0xff00, 1, 9, 64, 0x8b] {
            assert_eq!(Status::ended(status, 7), Ok(Status { status, code: 7 }));
        }
        // Stopped, continued, no signal, both.
        for status in [0x137f, 0xffff, 0x3_ffff, 0x7f, 65, 0x80, 0x109, -1, i32::MIN] {
            assert_eq!(Status::ended(status, 0), Err(Error::EINVAL), "{status:#x}");
        }
    }

    #[test]
    fn a_child_that_ended_is_waited_for_once() {
        let mut t = table();
        let shell = child(&mut t, INIT);
        let ls = child(&mut t, shell);
        assert_eq!(t.wait(shell, ANY), Ok(WaitResult::Wait));
        t.mark_exit(
            ls,
            Status {
                status: 0x300,
                code: 0,
            },
        )
        .unwrap();
        t.task_died(ls);
        let effects = t.take_effects();
        assert!(effects.contains(&Effect::WakeParent(shell)));
        assert!(effects.contains(&Effect::Died(ls)));
        assert_eq!(
            t.wait(shell, ANY),
            Ok(WaitResult::Ready(
                ls,
                Status {
                    status: 0x300,
                    code: 0
                }
            ))
        );
        assert_eq!(t.take_effects(), [Effect::Forgotten(ls)]);
        assert_eq!(t.wait(shell, ANY), Err(Error::ECHILD));
    }

    #[test]
    fn an_end_without_announcement_counts_as_killed() {
        let mut t = table();
        let pid = child(&mut t, INIT);
        t.task_died(pid);
        assert_eq!(
            t.wait(INIT, ANY),
            Ok(WaitResult::Ready(pid, Status { status: 9, code: 0 }))
        );
    }

    #[test]
    fn a_task_gets_a_parent_once() {
        let mut t = table();
        let pid = t.new_task(7);
        assert_eq!(
            t.info(pid).unwrap() & info_flag::NO_PARENT,
            info_flag::NO_PARENT
        );
        t.adopt(INIT, pid).unwrap();
        assert_eq!(t.adopt(INIT, pid), Err(Error::EBUSY));
    }

    #[test]
    fn orphans_go_to_the_first_process_who_hears_of_the_dead() {
        let mut t = table();
        t.set_message_port(INIT, Some(55)).unwrap();
        let a = child(&mut t, INIT);
        let b = child(&mut t, a);
        let c = child(&mut t, a);
        t.task_died(b);
        t.take_effects();
        t.task_died(a);
        let effects = t.take_effects();
        assert!(effects.contains(&Effect::Post {
            port: 55,
            task: 1001,
            signal: number::CHLD
        }));
        assert_eq!(t.get(c).unwrap().parent, INIT);
        let mut ended = [0; 2];
        for slot in &mut ended {
            let Ok(WaitResult::Ready(pid, _)) = t.wait(INIT, ANY) else {
                panic!()
            };
            *slot = pid;
        }
        ended.sort();
        assert_eq!(ended, [a, b]);
    }

    #[test]
    fn signals_go_to_the_message_port_or_have_their_default_action() {
        let mut t = table();
        let pid = child(&mut t, INIT);
        t.signal(pid, 15, Delivery::System).unwrap();
        let task = t.get(pid).unwrap().task;
        assert_eq!(t.take_effects(), [Effect::Terminate(task)]);
        t.task_died(pid);
        let Ok(WaitResult::Ready(_, status)) = t.wait(INIT, ANY) else {
            panic!()
        };
        assert_eq!(status.status, 15);

        let pid = child(&mut t, INIT);
        let task = t.get(pid).unwrap().task;
        t.set_message_port(pid, Some(9)).unwrap();
        t.take_effects();
        t.signal(pid, 15, Delivery::System).unwrap();
        assert_eq!(
            t.take_effects(),
            [Effect::Post {
                port: 9,
                task,
                signal: 15
            }]
        );
        t.signal(pid, number::KILL, Delivery::System).unwrap();
        assert_eq!(t.take_effects(), [Effect::Terminate(task)]);

        let pid = child(&mut t, INIT);
        t.get_mut(pid).unwrap().ignored = 1 << 14;
        t.signal(pid, 15, Delivery::System).unwrap();
        assert_eq!(t.take_effects(), []);
    }

    #[test]
    fn one_may_signal_what_one_owns_and_continue_ones_session() {
        let mut t = table();
        let (alice, bob) = (user(&mut t, 1000), user(&mut t, 1001));
        assert_eq!(t.signal(bob, 15, Delivery::From(alice)), Err(Error::EPERM));
        assert_eq!(t.signal(bob, 0, Delivery::From(alice)), Err(Error::EPERM));
        assert_eq!(t.signal(bob, number::CONT, Delivery::From(alice)), Ok(()));
        assert_eq!(t.signal(bob, 15, Delivery::From(INIT)), Ok(()));
        assert_eq!(t.signal(4711, 15, Delivery::From(INIT)), Err(Error::ESRCH));
        assert_eq!(t.signal(bob, 65, Delivery::From(INIT)), Err(Error::EINVAL));
        let nobody = child(&mut t, INIT);
        t.get_mut(nobody).unwrap().identity = Identity::default();
        let other = child(&mut t, INIT);
        t.get_mut(other).unwrap().identity = Identity::default();
        assert_eq!(t.check_owner(nobody, other), Err(Error::EPERM));
    }

    #[test]
    fn a_stopped_child_is_reported_once_and_so_is_its_going_on() {
        let mut t = table();
        let shell = child(&mut t, INIT);
        t.set_message_port(shell, Some(5)).unwrap();
        let job = child(&mut t, shell);
        t.set_group(shell, job, 0).unwrap();
        t.take_effects();
        t.signal(-job, number::TSTP, Delivery::System).unwrap();
        let task = t.get(job).unwrap().task;
        assert_eq!(t.take_effects()[0], Effect::Suspend(task));
        assert_eq!(t.wait(shell, ANY), Ok(WaitResult::Wait));
        let untraced = Wait {
            pid: -1,
            options: option::WUNTRACED,
        };
        let stopped = Status {
            status: number::TSTP << 8 | 0x7f,
            code: 0,
        };
        assert_eq!(t.wait(shell, untraced), Ok(WaitResult::Ready(job, stopped)));
        assert_eq!(t.wait(shell, untraced), Ok(WaitResult::Wait));
        t.signal(job, number::CONT, Delivery::From(shell)).unwrap();
        assert_eq!(t.take_effects()[0], Effect::Resume(task));
        let continued = Wait {
            pid: job,
            options: option::WCONTINUED,
        };
        assert_eq!(
            t.wait(shell, continued),
            Ok(WaitResult::Ready(job, Status::CONTINUED))
        );
        assert_eq!(t.wait(shell, continued), Ok(WaitResult::Wait));
    }

    #[test]
    fn a_stopped_group_is_hung_up_when_it_is_orphaned() {
        let mut t = table();
        let shell = child(&mut t, INIT);
        t.new_session(shell).unwrap();
        let job = child(&mut t, shell);
        t.set_group(shell, job, job).unwrap();
        assert!(!t.is_orphaned(job));
        t.signal(job, number::TSTP, Delivery::System).unwrap();
        t.take_effects();
        t.task_died(shell);
        let task = t.get(job).unwrap().task;
        let effects = t.take_effects();
        assert!(effects.contains(&Effect::Terminate(task)));
        assert!(effects.contains(&Effect::Resume(task)));
    }

    #[test]
    fn groups_and_sessions_follow_posix() {
        let mut t = table();
        let a = child(&mut t, INIT);
        let b = child(&mut t, a);
        assert_eq!(t.set_group(a, b, 777), Err(Error::EPERM));
        t.new_session(a).unwrap();
        assert_eq!(t.new_session(a), Err(Error::EPERM));
        assert_eq!(t.set_group(a, a, 0), Err(Error::EPERM));
        assert_eq!(t.set_group(a, b, 0), Err(Error::EPERM));
        let c = child(&mut t, a);
        assert_eq!((t.get(c).unwrap().group, t.get(c).unwrap().session), (a, a));
        t.set_group(a, c, 0).unwrap();
        let d = child(&mut t, a);
        t.set_group(a, d, c).unwrap();
        assert_eq!(t.group_members(c).unwrap(), [c, d]);
        t.mark_exec(d, 0).unwrap();
        assert_eq!(t.set_group(a, d, 0), Err(Error::EACCES));
        assert_eq!(t.set_group(d, d, 0), Ok(()));
        assert_eq!(t.session_members(a).unwrap(), [a, c, d]);
        assert_eq!(t.set_group(d, a, 0), Err(Error::ESRCH));
    }

    #[test]
    fn login_collections_are_inherited_and_named() {
        let mut t = table();
        let a = child(&mut t, INIT);
        t.new_login(a).unwrap();
        t.set_login_name(a, b"alice").unwrap();
        let b = child(&mut t, a);
        assert_eq!(t.login_name(b).unwrap(), b"alice");
        assert_eq!(t.login_members(a).unwrap(), [a, b]);
        assert_eq!(t.login_name(INIT).unwrap(), b"<none>");
    }

    #[test]
    fn pids_are_not_used_again_while_their_group_lives() {
        let mut t = table();
        let leader = child(&mut t, INIT);
        t.set_group(INIT, leader, 0).unwrap();
        let member = child(&mut t, leader);
        t.task_died(leader);
        t.wait(INIT, ANY).unwrap();
        assert_eq!(t.get(member).unwrap().group, leader);
        t.next = leader;
        assert_ne!(t.new_task(0), leader);
    }

    proptest! {
        #[test]
        fn the_table_stays_consistent(steps in proptest::collection::vec((0u8..9, 0usize..12, 0usize..12), 0..120)) {
            let mut t = table();
            let mut all = std::vec![INIT];
            for (what, x, y) in steps {
                let (x, y) = (all[x % all.len()], all[y % all.len()]);
                match what {
                    0 | 1 => {
                        let pid = t.new_task(0);
                        let _ = t.adopt(x, pid);
                        all.push(pid);
                    }
                    2 => t.task_died(x),
                    3 => { let _ = t.wait(x, ANY); }
                    4 => { let _ = t.set_group(x, y, 0); }
                    5 => { let _ = t.set_group(x, x, y); }
                    6 => { let _ = t.new_session(x); }
                    7 => { let _ = t.signal(x, number::TSTP, Delivery::From(y)); }
                    _ => { let _ = t.signal(-x, number::CONT, Delivery::From(y)); }
                }
                for (pid, process) in &t.processes {
                    prop_assert!(t.groups[&process.group].members.contains(pid));
                    prop_assert_eq!(t.groups[&process.group].session, process.session);
                    prop_assert!(t.sessions[&process.session].groups.contains(&process.group));
                    prop_assert!(*pid == INIT || t.processes[&process.parent].children.contains(pid));
                    prop_assert!(t.logins.contains_key(&process.login));
                    if !process.is_dead() { prop_assert!(!t.processes[&process.parent].is_dead()); }
                }
                for (group, entry) in &t.groups {
                    prop_assert!(!entry.members.is_empty());
                    for pid in &entry.members {
                        prop_assert_eq!(t.processes[pid].group, *group);
                    }
                }
                let members: usize = t.logins.values().map(|l| l.members).sum();
                prop_assert_eq!(members, t.processes.len());
            }
        }
    }
}
