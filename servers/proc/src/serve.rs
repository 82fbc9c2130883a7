use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use elfload::block::{Block, HEADER};
use interface::process::{self, PI_FETCH_TASKINFO, info};
use interface::types::Rusage;
use interface::{auth, exc, exec, msg};
use machuser::mach::{self, SpecialPort};
use machuser::sync::{Condvar, Mutex, MutexGuard};
use machuser::{Call, DEAD, Error, Name, Outcome, Request, Result, Right, SendRight, thread};
use ports::{Object, Port, Server, client_of};

use crate::signal::number;
use crate::table::option;
use crate::{Delivery, Effect, INIT, Identity, PROC, Pid, Status, Table, Wait, WaitResult};

/// Threads that may wait in this server at a time: one for each process that waits for another.
pub const THREADS: usize = 4096;
/// Most bytes of arguments or environment that are read from a process.
const STRINGS_LIMIT: usize = 256 << 10;
/// How often a signal is offered again to a process whose message queue is full.
const RETRY: Duration = Duration::from_millis(20);
/// What `uname` answers.
const SYSTEM: &str = "Hird";
const NODE: &str = "hird";

type Shared = Arc<SendRight>;

/// The server's state.
pub struct Proc {
    me: Weak<Proc>,
    server: Arc<Server>,
    state: Mutex<State>,
    /// Signals that did not fit their queues: the port, the task, the signal.
    unsent: Mutex<Unsent>,
    exceptions: Mutex<Option<Port>>,
}

#[derive(Default)]
struct Unsent {
    signals: Vec<(Shared, Shared, i32)>,
    helper: bool,
}

struct State {
    table: Table<Shared>,
    by_task: BTreeMap<Name, Pid>,
    processes: BTreeMap<Pid, Arc<Waiters>>,
    privileged: Option<Privileged>,
    exec_ports: Vec<Option<Shared>>,
    exec_ints: Vec<i32>,
    exec_notify: Vec<Shared>,
    versions: Vec<(Vec<u8>, Vec<u8>)>,
}

#[derive(Clone)]
struct Privileged {
    auth: Shared,
    host: Shared,
}

/// What belongs to a process besides its entry in the table.
struct Waiters {
    port: Mutex<Option<Port>>,
    /// Whose requests come to the port (`ports::client_of`).
    client: Arc<AtomicU64>,
    children: Condvar,
    message_port: Condvar,
}

impl Proc {
    /// The server with its first two processes: the task that starts the system, and this one.
    pub fn new(server: Arc<Server>, starter: Shared, own: Shared) -> Result<Arc<Self>> {
        let by_task = [(starter.as_raw(), INIT), (own.as_raw(), PROC)]
            .into_iter()
            .collect();
        let proc = Arc::new_cyclic(|me| Self {
            me: me.clone(),
            server,
            state: Mutex::new(State {
                table: Table::new(starter, own),
                by_task,
                processes: BTreeMap::new(),
                privileged: None,
                exec_ports: Vec::new(),
                exec_ints: Vec::new(),
                exec_notify: Vec::new(),
                versions: Vec::new(),
            }),
            unsent: Mutex::default(),
            exceptions: Mutex::new(None),
        });
        for pid in [INIT, PROC] {
            let waiters = proc.waiters(pid)?;
            proc.state.lock().processes.insert(pid, waiters);
        }
        Ok(proc)
    }

    /// Takes what the first program answered: the server's auth handle, and the host port.
    pub fn initialise(&self, auth: SendRight, host: SendRight) -> Result<()> {
        let me = self.me.upgrade().ok_or(Error::KERN_TERMINATED)?;
        let (auth, host) = (Arc::new(auth), Arc::new(host));
        let exceptions = self.server.port(Arc::new(Exceptions(me)))?;
        let mut state = self.state.lock();
        let task = state.table.get(INIT)?.task.clone();
        mach::task_set_special_port(&*task, SpecialPort::Exception, &exceptions.make_send()?)?;
        state.privileged = Some(Privileged { auth, host });
        *self.exceptions.lock() = Some(exceptions);
        Ok(())
    }

    /// A right of a process's port.
    pub fn process_port(&self, pid: Pid) -> Result<Right<'static>> {
        let waiters = self
            .state
            .lock()
            .processes
            .get(&pid)
            .cloned()
            .ok_or(Error::ESRCH)?;
        let port = waiters.port.lock();
        port.as_ref().map(Port::right).ok_or(Error::ESRCH)
    }

    fn waiters(&self, pid: Pid) -> Result<Arc<Waiters>> {
        let client = Arc::new(AtomicU64::new(client_of(&[])));
        let object = self.object(pid, client.clone(), Phase::Complete)?;
        let port = self.server.port(object)?;
        Ok(Arc::new(Waiters {
            port: Mutex::new(Some(port)),
            client,
            children: Condvar::new(),
            message_port: Condvar::new(),
        }))
    }

    fn object(&self, pid: Pid, client: Arc<AtomicU64>, phase: Phase) -> Result<Arc<Process>> {
        let proc = self.me.upgrade().ok_or(Error::KERN_TERMINATED)?;
        Ok(Arc::new(Process {
            proc,
            pid,
            client,
            phase: Mutex::new(phase),
            completed: Condvar::new(),
        }))
    }

    /// The process of a task, which is entered in the table if it is new.
    fn process_of(&self, task: SendRight) -> Result<Pid> {
        let name = task.as_raw();
        if name == DEAD || name == 0 {
            return Err(Error::ESRCH);
        }
        if let Some(pid) = self.state.lock().by_task.get(&name) {
            return Ok(*pid);
        }
        // That it is a task, and not just a port that somebody made up, the mach server knows.
        mach::task_info(&task).map_err(|_| Error::EINVAL)?;
        let task = Arc::new(task);
        let mut state = self.state.lock();
        if let Some(pid) = state.by_task.get(&name) {
            return Ok(*pid);
        }
        let pid = state.table.new_task(task.clone());
        state.by_task.insert(name, pid);
        let waiters = self.waiters(pid)?;
        state.processes.insert(pid, waiters);
        drop(state);
        let me = self.me.clone();
        let watched = self.server.on_death(&task, move || {
            if let Some(proc) = me.upgrade() {
                proc.task_died(name);
            }
        });
        if watched.is_err() {
            self.task_died(name);
        }
        Ok(pid)
    }

    /// Enters the tasks that nobody has told of yet. A task becomes a process when somebody asks
    /// for it; that there are others matters only to who wants to see all of them.
    fn enter_all_tasks(&self) -> Result<()> {
        for task in mach::host_tasks(&*self.privileged()?.host)? {
            let known = self.state.lock().by_task.contains_key(&task.as_raw());
            // One that does not run yet is left to who made it, and ends with the last right to it:
            // an entry here would keep it for ever. One that has ended meanwhile is none.
            if !known && mach::task_info(&task).is_ok_and(|info| info.threads > 0) {
                let _ = self.process_of(task);
            }
        }
        Ok(())
    }

    fn task_died(&self, name: Name) {
        let mut state = self.state.lock();
        if let Some(pid) = state.by_task.remove(&name) {
            state.table.task_died(pid);
        }
        self.finish(state);
    }

    /// Does what the table asks for, and gives the lock up.
    fn finish(&self, mut state: MutexGuard<'_, State>) {
        let mut effects = state.table.take_effects();
        if effects.is_empty() {
            return;
        }
        let mut gone: Vec<Port> = Vec::new();
        effects.retain(|effect| {
            match effect {
                Effect::WakeParent(pid) => {
                    if let Some(waiters) = state.processes.get(pid) {
                        waiters.children.notify_all();
                    }
                }
                Effect::WakeMessagePort(pid) => {
                    if let Some(waiters) = state.processes.get(pid) {
                        waiters.message_port.notify_all();
                    }
                }
                Effect::Died(pid) => {
                    gone.extend(state.processes.get(pid).and_then(|w| w.port.lock().take()));
                }
                Effect::Forgotten(pid) => {
                    gone.extend(
                        state
                            .processes
                            .remove(pid)
                            .and_then(|w| w.port.lock().take()),
                    );
                }
                // A task is stopped and started under the lock, so that the table's order is kept.
                Effect::Suspend(task) => {
                    let _ = mach::task_suspend(&**task);
                }
                Effect::Resume(task) => {
                    let _ = mach::task_resume(&**task);
                }
                Effect::Post { .. } | Effect::NewIds { .. } | Effect::Terminate(_) => return true,
            }
            false
        });
        drop(state);
        for port in &gone {
            self.server.destroy(port);
        }
        for effect in effects {
            match effect {
                Effect::Post { port, task, signal } => self.post(port, task, signal),
                Effect::NewIds {
                    port,
                    task,
                    parent,
                    group,
                    orphaned,
                } => {
                    // A process that takes no messages asks when it wants to know.
                    let _ = msg::send_msg_proc_newids(
                        &*port,
                        &*task,
                        parent,
                        group,
                        orphaned.into(),
                        Right::null(),
                        Some(Duration::ZERO),
                    );
                }
                Effect::Terminate(task) => {
                    let _ = mach::task_terminate(&*task);
                }
                _ => {}
            }
        }
    }

    fn post(&self, port: Shared, task: Shared, signal: i32) {
        if send_signal(&port, &task, signal) == Err(Error::MACH_SEND_TIMED_OUT) {
            let mut unsent = self.unsent.lock();
            let known = |(p, _, s): &(Shared, Shared, i32)| **p == *port && *s == signal;
            if !unsent.signals.iter().any(known) {
                unsent.signals.push((port, task, signal));
            }
            if !unsent.helper
                && let Some(proc) = self.me.upgrade()
            {
                unsent.helper = thread::try_spawn(move || proc.post_unsent()).is_ok();
            }
        }
    }

    /// Offers signals again until all of them are taken, or their processes gone.
    fn post_unsent(&self) {
        loop {
            thread::sleep(RETRY);
            let mut unsent = self.unsent.lock();
            unsent.signals.retain(|(port, task, signal)| {
                send_signal(port, task, *signal) == Err(Error::MACH_SEND_TIMED_OUT)
            });
            if unsent.signals.is_empty() {
                unsent.helper = false;
                return;
            }
        }
    }

    fn privileged(&self) -> Result<Privileged> {
        self.state.lock().privileged.clone().ok_or(Error::EAGAIN)
    }

    /// The arguments (0) or the environment (1) of a process, from its start-up block.
    fn strings(&self, pid: Pid, which: usize) -> Result<Vec<u8>> {
        let (task, address) = {
            let state = self.state.lock();
            let process = state.table.get(pid)?;
            if process.is_dead() || process.arguments.0 == 0 {
                return Ok(Vec::new());
            }
            (process.task.clone(), process.arguments.0)
        };
        let mut header = [0; HEADER];
        if mach::vm_read(&*task, address, &mut header).is_err() {
            return Ok(Vec::new());
        }
        // The process may have written what it likes there.
        let Some((offset, bytes)) = Block::strings_at(&header, which) else {
            return Ok(Vec::new());
        };
        let mut strings = vec![0; bytes.min(STRINGS_LIMIT)];
        let start = address.wrapping_add(offset as u64);
        Ok(mach::vm_read(&*task, start, &mut strings).map_or(Vec::new(), |()| strings))
    }
}

fn send_signal(port: &SendRight, task: &SendRight, signal: i32) -> Result<()> {
    msg::send_msg_sig_post(port, signal, 0, task, Right::null(), Some(Duration::ZERO))
}

/// Where exceptions go that no program handles.
struct Exceptions(Arc<Proc>);

impl Object for Exceptions {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        exc::dispatch(self, request)
    }
}

/// The signal that an exception becomes.
fn signal_of(exception: i32, code: i32) -> i32 {
    const INVALID_ADDRESS: u32 = Error::KERN_INVALID_ADDRESS.0;
    const PROTECTION_FAILURE: u32 = Error::KERN_PROTECTION_FAILURE.0;
    match (exception, code as u32) {
        (exc::EXC_BAD_ACCESS, INVALID_ADDRESS | PROTECTION_FAILURE) => number::SEGV,
        (exc::EXC_BAD_ACCESS, _) => number::BUS,
        (exc::EXC_BAD_INSTRUCTION, _) => number::ILL,
        (exc::EXC_ARITHMETIC, _) => number::FPE,
        (exc::EXC_BREAKPOINT, _) => number::TRAP,
        _ => number::EMT,
    }
}

impl exc::Exc for Exceptions {
    fn exception_raise(
        &self,
        call: &Call<'_>,
        _thread: Option<SendRight>,
        task: Option<SendRight>,
        exception: i32,
        code: i32,
        _subcode: i64,
    ) -> Result<()> {
        // Nobody is answered: the right to do so goes when the process is known to have ended.
        let _reply = call.take_reply();
        let task = task.ok_or(Error::MIG_NO_REPLY)?;
        let pid = self.0.process_of(task).map_err(|_| Error::MIG_NO_REPLY)?;
        let mut state = self.0.state.lock();
        state
            .table
            .kill(pid, Status::killed(signal_of(exception, code), true));
        self.0.finish(state);
        Err(Error::MIG_NO_REPLY)
    }
}

/// How far the exchange is by which a process gets another identity.
enum Phase {
    /// It is over, or there was none.
    Complete,
    /// The port waits for `proc_reauthenticate_complete`.
    Pending(Option<Change>),
}

struct Change {
    identity: Identity,
    /// Where the process moves to.
    task: Option<SendRight>,
}

/// A process port.
struct Process {
    proc: Arc<Proc>,
    pid: Pid,
    /// Whose requests come to the port.
    client: Arc<AtomicU64>,
    phase: Mutex<Phase>,
    completed: Condvar,
}

impl Object for Process {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        process::dispatch(self, request)
    }

    fn client(&self) -> u64 {
        self.client.load(Ordering::Relaxed)
    }
}

impl State {
    /// The process has got its ids.
    fn note_client(&self, pid: Pid) {
        if let (Ok(process), Some(waiters)) = (self.table.get(pid), self.processes.get(&pid)) {
            let client = client_of(&process.identity.uids);
            waiters.client.store(client, Ordering::Relaxed);
        }
    }
}

impl Process {
    /// The process, as soon as the port stands for it.
    fn pid(&self, call: &Call<'_>) -> Result<Pid> {
        let mut phase = self.phase.lock();
        while let Phase::Pending(_) = *phase {
            phase = self.completed.wait_cancellable(phase, call)?;
        }
        Ok(self.pid)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.proc.state.lock()
    }

    /// The state, and the caller, who must be allowed what only the superuser may.
    fn as_root(&self, call: &Call<'_>) -> Result<MutexGuard<'_, State>> {
        let pid = self.pid(call)?;
        let state = self.state();
        if state.table.get(pid)?.identity.is_root() {
            Ok(state)
        } else {
            Err(Error::EPERM)
        }
    }

    /// The state, and the process `which` (0: the caller).
    fn other(&self, call: &Call<'_>, which: Pid) -> Result<(MutexGuard<'_, State>, Pid)> {
        let own = self.pid(call)?;
        let pid = if which == 0 { own } else { which };
        let state = self.state();
        state.table.get(pid)?;
        Ok((state, pid))
    }

    /// As [`other`](Self::other), but only if the caller has the authority of that process.
    fn owned(&self, call: &Call<'_>, which: Pid) -> Result<(MutexGuard<'_, State>, Pid)> {
        let own = self.pid(call)?;
        let (state, pid) = self.other(call, which)?;
        state.table.check_owner(own, pid)?;
        Ok((state, pid))
    }

    fn wait_for_child(&self, call: &Call<'_>, wait: Wait) -> Result<(i32, i32, Rusage, i32)> {
        let own = self.pid(call)?;
        let mut state = self.state();
        loop {
            match state.table.wait(own, wait)? {
                WaitResult::Ready(pid, status) => {
                    self.proc.finish(state);
                    return Ok((status.status, status.code, Rusage::default(), pid));
                }
                WaitResult::Wait if wait.options & option::WNOHANG != 0 => {
                    return Err(Error::EWOULDBLOCK);
                }
                WaitResult::Wait => {
                    let waiters = state.processes.get(&own).cloned().ok_or(Error::ESRCH)?;
                    state = waiters.children.wait_cancellable(state, call)?;
                }
            }
        }
    }

    /// The first two steps of a change of identity: makes the new port, and learns the ids.
    fn reauthenticate(
        &self,
        call: &Call<'_>,
        rendezvous: Option<SendRight>,
        task: Option<SendRight>,
    ) -> Result<()> {
        let pid = self.pid(call)?;
        let rendezvous = rendezvous.ok_or(Error::EINVAL)?;
        let client = Arc::new(AtomicU64::new(self.client()));
        let object = self.proc.object(pid, client, Phase::Pending(None))?;
        let port = self.proc.server.port(object.clone())?;
        let auth = self.proc.privileged()?.auth;
        let (uids, _, gids, _) = loop {
            match auth::auth_server_authenticate(&*auth, &rendezvous, port.right()) {
                Err(Error::EINTR) => {}
                result => break result?,
            }
        };
        let mut phase = object.phase.lock();
        *phase = Phase::Pending(Some(Change {
            identity: Identity { uids, gids },
            task,
        }));
        object.completed.notify_all();
        Ok(())
    }

    /// The last step: the process gets its ids, and its new task if it moves.
    fn complete(&self, change: Change, port: Port) -> Result<()> {
        let mut state = self.state();
        let process = state.table.get_mut(self.pid)?;
        if process.is_dead() {
            return Err(Error::EAGAIN);
        }
        let mut old_task = None;
        if let Some(task) = change.task {
            let task = Arc::new(task);
            let name = task.as_raw();
            let stub = state.by_task.insert(name, self.pid);
            if let Some(stub) = stub.filter(|stub| *stub != self.pid) {
                // The entry that the new task had on its own.
                if let Ok(arguments) = state.table.get(stub).map(|p| p.arguments) {
                    state.table.get_mut(self.pid)?.arguments = arguments;
                }
                state.table.discard(stub);
            }
            let process = state.table.get_mut(self.pid)?;
            process.message_port = None;
            process.executing = true;
            let old = core::mem::replace(&mut process.task, task);
            state.by_task.remove(&old.as_raw());
            old_task = Some(old);
        }
        self.client
            .store(client_of(&change.identity.uids), Ordering::Relaxed);
        state.table.get_mut(self.pid)?.identity = change.identity;
        state.table.get_mut(self.pid)?.owner = None;
        let waiters = state
            .processes
            .get(&self.pid)
            .cloned()
            .ok_or(Error::ESRCH)?;
        let old_port = waiters.port.lock().replace(port);
        self.proc.finish(state);
        if let Some(old) = old_task {
            let _ = mach::task_terminate(&*old);
        }
        if let Some(old) = old_port {
            self.proc.server.destroy(&old);
        }
        Ok(())
    }
}

impl process::Process for Process {
    fn proc_getprivports(&self, call: &Call<'_>) -> Result<(Right<'static>, Right<'static>)> {
        let state = self.as_root(call)?;
        let host = state.privileged.as_ref().ok_or(Error::EAGAIN)?.host.clone();
        drop(state);
        Ok((Right::from((*host).clone()), Right::null()))
    }

    fn proc_getallpids(&self, call: &Call<'_>) -> Result<Vec<i32>> {
        self.pid(call)?;
        self.proc.enter_all_tasks()?;
        Ok(self.state().table.pids().collect())
    }

    fn proc_setexecdata(
        &self,
        call: &Call<'_>,
        ports: Vec<Option<SendRight>>,
        ints: Vec<i32>,
    ) -> Result<()> {
        let mut state = self.as_root(call)?;
        state.exec_ports = ports.into_iter().map(|port| port.map(Arc::new)).collect();
        state.exec_ints = ints;
        let (ports, ints) = (state.exec_ports.clone(), state.exec_ints.clone());
        let notify = state.exec_notify.clone();
        drop(state);
        for port in notify {
            tell_exec(&port, &ports, &ints)?;
        }
        Ok(())
    }

    fn proc_getexecdata(&self, call: &Call<'_>) -> Result<(Vec<Right<'static>>, Vec<i32>)> {
        self.pid(call)?;
        let (ports, ints) = {
            let state = self.state();
            (state.exec_ports.clone(), state.exec_ints.clone())
        };
        Ok((rights(&ports), ints))
    }

    fn proc_execdata_notify(&self, call: &Call<'_>, notify: Option<SendRight>) -> Result<()> {
        let mut state = self.as_root(call)?;
        let notify = Arc::new(notify.ok_or(Error::EINVAL)?);
        state.exec_notify.push(notify.clone());
        let (ports, ints) = (state.exec_ports.clone(), state.exec_ints.clone());
        drop(state);
        if ports.is_empty() {
            Ok(())
        } else {
            tell_exec(&notify, &ports, &ints)
        }
    }

    fn proc_uname(&self, call: &Call<'_>) -> Result<Vec<u8>> {
        self.pid(call)?;
        let mut version = b"seL4 5.0.0".to_vec();
        for (name, number) in &self.state().versions {
            version.extend_from_slice(b"; ");
            version.extend_from_slice(name);
            version.push(b' ');
            version.extend_from_slice(number);
        }
        let release = env!("CARGO_PKG_VERSION").as_bytes();
        let fields = [
            SYSTEM.as_bytes(),
            NODE.as_bytes(),
            release,
            &version,
            machuser::arch::NAME.as_bytes(),
        ];
        Ok(fields
            .iter()
            .flat_map(|field| field.iter().copied().chain([0]))
            .collect())
    }

    fn proc_register_version(
        &self,
        call: &Call<'_>,
        credential: Option<SendRight>,
        name: &[u8],
        release: &[u8],
        _version: &[u8],
    ) -> Result<()> {
        self.pid(call)?;
        let host = self.proc.privileged()?.host;
        if credential.is_none_or(|shown| shown.as_raw() != host.as_raw()) {
            return Err(Error::EPERM);
        }
        let mut state = self.state();
        state.versions.retain(|(known, _)| known != name);
        state.versions.push((name.to_vec(), release.to_vec()));
        Ok(())
    }

    fn proc_reauthenticate(&self, call: &Call<'_>, rendezvous: Option<SendRight>) -> Result<()> {
        self.reauthenticate(call, rendezvous, None)
    }

    fn proc_reauthenticate_reassign(
        &self,
        call: &Call<'_>,
        rendezvous: Option<SendRight>,
        new_task: Option<SendRight>,
    ) -> Result<()> {
        let task = new_task.ok_or(Error::EINVAL)?;
        // Enters it in the table, which watches it from now on.
        let stub = self.proc.process_of(task.clone())?;
        if self.state().table.get(stub)?.adopted {
            return Err(Error::EBUSY);
        }
        self.reauthenticate(call, rendezvous, Some(task))
    }

    fn proc_reauthenticate_complete(&self, call: &Call<'_>) -> Result<()> {
        let mut phase = self.phase.lock();
        // The client can be faster than the answer of auth is here.
        while let Phase::Pending(None) = *phase {
            phase = self.completed.wait_cancellable(phase, call)?;
        }
        let Phase::Pending(change) = core::mem::replace(&mut *phase, Phase::Complete) else {
            return Err(Error::EINVAL);
        };
        let port = self.proc.server.port_of(call.port()).ok_or(Error::EINVAL)?;
        let result = match change {
            Some(change) => self.complete(change, port.clone()),
            None => Err(Error::EINVAL),
        };
        drop(phase);
        self.completed.notify_all();
        if result.is_err() {
            self.proc.server.destroy(&port);
        }
        result
    }

    fn proc_child(&self, call: &Call<'_>, child: Option<SendRight>) -> Result<()> {
        let pid = self.pid(call)?;
        let child = self.proc.process_of(child.ok_or(Error::EINVAL)?)?;
        let mut state = self.state();
        let result = state.table.adopt(pid, child);
        state.note_client(child);
        self.proc.finish(state);
        result
    }

    fn proc_new_child(
        &self,
        call: &Call<'_>,
        child: Option<SendRight>,
    ) -> Result<(Right<'static>, i32)> {
        let pid = self.pid(call)?;
        let child = self.proc.process_of(child.ok_or(Error::EINVAL)?)?;
        let mut state = self.state();
        let result = state.table.adopt(pid, child);
        state.note_client(child);
        self.proc.finish(state);
        result?;
        Ok((self.proc.process_port(child)?, child))
    }

    fn proc_setmsgport(
        &self,
        call: &Call<'_>,
        newmsgport: Option<SendRight>,
    ) -> Result<Right<'static>> {
        let pid = self.pid(call)?;
        let new = newmsgport.map(Arc::new);
        let watched = new.clone();
        let mut state = self.state();
        let old = state.table.set_message_port(pid, new)?;
        self.proc.finish(state);
        if let Some(port) = watched {
            let me = Arc::downgrade(&self.proc);
            let name = port.as_raw();
            let died = move || {
                if let Some(proc) = me.upgrade() {
                    let mut state = proc.state.lock();
                    state.table.message_port_died(|port| port.as_raw() == name);
                }
            };
            if self.proc.server.on_death(&port, died).is_err() {
                self.state()
                    .table
                    .message_port_died(|port| port.as_raw() == name);
            }
        }
        Ok(Right::from(old.map(|port| (*port).clone())))
    }

    fn proc_reassign(&self, call: &Call<'_>, newtask: Option<SendRight>) -> Result<()> {
        let pid = self.pid(call)?;
        let task = newtask.ok_or(Error::EINVAL)?;
        let stub = self.proc.process_of(task.clone())?;
        let mut state = self.state();
        if stub == pid || state.table.get(stub)?.adopted {
            return Err(Error::EBUSY);
        }
        let task = Arc::new(task);
        state.by_task.insert(task.as_raw(), pid);
        state.table.discard(stub);
        let process = state.table.get_mut(pid)?;
        process.message_port = None;
        let old = core::mem::replace(&mut process.task, task);
        state.by_task.remove(&old.as_raw());
        self.proc.finish(state);
        let _ = mach::task_terminate(&*old);
        Ok(())
    }

    fn proc_setowner(&self, call: &Call<'_>, owner: u32, clear: i32) -> Result<()> {
        let pid = self.pid(call)?;
        let mut state = self.state();
        let process = state.table.get_mut(pid)?;
        let allowed = process.identity.is_root() || process.identity.uids.contains(&owner);
        if clear != 0 {
            process.owner = None;
        } else if allowed {
            process.owner = Some(owner);
        } else {
            return Err(Error::EPERM);
        }
        Ok(())
    }

    fn proc_getpids(&self, call: &Call<'_>) -> Result<(i32, i32, i32)> {
        let pid = self.pid(call)?;
        let state = self.state();
        let process = state.table.get(pid)?;
        Ok((
            pid,
            process.parent,
            state.table.is_orphaned(process.group).into(),
        ))
    }

    fn proc_set_arg_locations(&self, call: &Call<'_>, argv: u64, envp: u64) -> Result<()> {
        let pid = self.pid(call)?;
        self.state().table.get_mut(pid)?.arguments = (argv, envp);
        Ok(())
    }

    fn proc_get_arg_locations(&self, call: &Call<'_>) -> Result<(u64, u64)> {
        let pid = self.pid(call)?;
        Ok(self.state().table.get(pid)?.arguments)
    }

    fn proc_getmsgport(&self, call: &Call<'_>, pid: i32) -> Result<Right<'static>> {
        let (mut state, pid) = self.other(call, pid)?;
        loop {
            let process = state.table.get(pid)?;
            if process.is_dead() {
                return Err(Error::ESRCH);
            }
            if let Some(port) = &process.message_port {
                let port = port.clone();
                drop(state);
                return Ok(Right::from((*port).clone()));
            }
            if !process.executing {
                return Err(Error::ESRCH);
            }
            let waiters = state.processes.get(&pid).cloned().ok_or(Error::ESRCH)?;
            state = waiters.message_port.wait_cancellable(state, call)?;
        }
    }

    fn proc_wait(
        &self,
        call: &Call<'_>,
        pid: i32,
        options: i32,
    ) -> Result<(i32, i32, Rusage, i32)> {
        let options = options & (option::WNOHANG | option::WUNTRACED | option::WCONTINUED);
        self.wait_for_child(
            call,
            Wait {
                pid,
                options: options | option::WEXITED,
            },
        )
    }

    fn proc_waitid(
        &self,
        call: &Call<'_>,
        pid: i32,
        options: i32,
    ) -> Result<(i32, i32, Rusage, i32)> {
        if options & (option::WEXITED | option::WUNTRACED | option::WCONTINUED) == 0 {
            return Err(Error::EINVAL);
        }
        self.wait_for_child(call, Wait { pid, options })
    }

    fn proc_mark_stop(&self, call: &Call<'_>, signo: i32, sigcode: i32) -> Result<()> {
        let pid = self.pid(call)?;
        if !(1..=number::LAST).contains(&signo) {
            return Err(Error::EINVAL);
        }
        let mut state = self.state();
        state.table.stop(pid, signo, sigcode);
        self.proc.finish(state);
        Ok(())
    }

    fn proc_mark_cont(&self, call: &Call<'_>) -> Result<()> {
        let pid = self.pid(call)?;
        let mut state = self.state();
        state.table.resume(pid);
        self.proc.finish(state);
        Ok(())
    }

    fn proc_mark_exit(&self, call: &Call<'_>, status: i32, sigcode: i32) -> Result<()> {
        let pid = self.pid(call)?;
        let status = Status::ended(status, sigcode)?;
        self.state().table.mark_exit(pid, status)
    }

    fn proc_exit(&self, call: &Call<'_>, status: i32, sigcode: i32) -> Result<()> {
        let pid = self.pid(call)?;
        let status = Status::ended(status, sigcode)?;
        let mut state = self.state();
        state.table.kill(pid, status);
        self.proc.finish(state);
        Ok(())
    }

    fn proc_mark_exec(&self, call: &Call<'_>) -> Result<()> {
        let pid = self.pid(call)?;
        let mut state = self.state();
        let ignored = state.table.get(pid)?.ignored;
        let result = state.table.mark_exec(pid, ignored);
        self.proc.finish(state);
        result
    }

    fn proc_mark_image(
        &self,
        call: &Call<'_>,
        path: &[u8],
        block: u64,
        ignored: u64,
    ) -> Result<()> {
        let pid = self.pid(call)?;
        let mut state = self.state();
        state.table.mark_exec(pid, ignored)?;
        let process = state.table.get_mut(pid)?;
        process.file = path.to_vec();
        process.arguments = (block, 0);
        self.proc.finish(state);
        Ok(())
    }

    fn proc_set_ignored(&self, call: &Call<'_>, ignored: u64) -> Result<()> {
        let pid = self.pid(call)?;
        self.state().table.get_mut(pid)?.ignored = ignored;
        Ok(())
    }

    fn proc_signal(&self, call: &Call<'_>, pid: i32, signal: i32) -> Result<()> {
        let own = self.pid(call)?;
        let mut state = self.state();
        let result = state.table.signal(pid, signal, Delivery::From(own));
        self.proc.finish(state);
        result
    }

    fn proc_mark_traced(&self, call: &Call<'_>) -> Result<()> {
        let pid = self.pid(call)?;
        self.state().table.get_mut(pid)?.traced = true;
        Ok(())
    }

    fn proc_mod_stopchild(&self, call: &Call<'_>, doit: i32) -> Result<()> {
        let pid = self.pid(call)?;
        self.state().table.get_mut(pid)?.no_stop_children = doit == 0;
        Ok(())
    }

    fn proc_pid2task(&self, call: &Call<'_>, pid: i32) -> Result<Right<'static>> {
        let (state, pid) = self.owned(call, pid)?;
        let process = state.table.get(pid)?;
        if process.is_dead() {
            return Ok(Right::null());
        }
        let task = process.task.clone();
        drop(state);
        Ok(Right::from((*task).clone()))
    }

    fn proc_task2pid(&self, call: &Call<'_>, task: Option<SendRight>) -> Result<i32> {
        self.pid(call)?;
        self.proc.process_of(task.ok_or(Error::EINVAL)?)
    }

    fn proc_task2proc(&self, call: &Call<'_>, task: Option<SendRight>) -> Result<Right<'static>> {
        self.pid(call)?;
        let pid = self.proc.process_of(task.ok_or(Error::EINVAL)?)?;
        self.proc.process_port(pid)
    }

    fn proc_proc2task(&self, call: &Call<'_>) -> Result<Right<'static>> {
        let pid = self.pid(call)?;
        let task = self.state().table.get(pid)?.task.clone();
        Ok(Right::from((*task).clone()))
    }

    fn proc_pid2proc(&self, call: &Call<'_>, pid: i32) -> Result<Right<'static>> {
        let (state, pid) = self.owned(call, pid)?;
        drop(state);
        self.proc.process_port(pid)
    }

    fn proc_getprocinfo(
        &self,
        call: &Call<'_>,
        which: i32,
        flags: i32,
    ) -> Result<(i32, Vec<i32>, Vec<u8>)> {
        let (state, pid) = self.other(call, which)?;
        let process = state.table.get(pid)?;
        let mut words = vec![0; info::COUNT];
        words[info::STATE] = state.table.info(pid)? as i32;
        words[info::OWNER] = process.owner().map_or(-1, |owner| owner as i32);
        words[info::PARENT] = process.parent;
        words[info::GROUP] = process.group;
        words[info::SESSION] = process.session;
        words[info::LOGIN] = process.login;
        words[info::EXIT_STATUS] = process.exit.map_or(0, |exit| exit.status);
        let task = (!process.is_dead()).then(|| process.task.clone());
        drop(state);
        if flags & PI_FETCH_TASKINFO != 0
            && let Some(task) = task
            && let Ok(task) = mach::task_info(&*task)
        {
            let clamp = |value: u64| i32::try_from(value).unwrap_or(i32::MAX);
            words[info::THREADS] = clamp(task.threads);
            words[info::MEMORY] = clamp(task.resident / 1024);
            words[info::NAMES] = clamp(task.names);
        }
        Ok((flags & PI_FETCH_TASKINFO, words, Vec::new()))
    }

    fn proc_getprocargs(&self, call: &Call<'_>, which: i32) -> Result<Vec<u8>> {
        let (state, pid) = self.other(call, which)?;
        drop(state);
        self.proc.strings(pid, 0)
    }

    fn proc_getprocenv(&self, call: &Call<'_>, which: i32) -> Result<Vec<u8>> {
        let (state, pid) = self.owned(call, which)?;
        drop(state);
        self.proc.strings(pid, 1)
    }

    fn proc_make_login_coll(&self, call: &Call<'_>) -> Result<()> {
        let pid = self.pid(call)?;
        self.state().table.new_login(pid)
    }

    fn proc_getloginid(&self, call: &Call<'_>, pid: i32) -> Result<i32> {
        let (state, pid) = self.other(call, pid)?;
        Ok(state.table.get(pid)?.login)
    }

    fn proc_getloginpids(&self, call: &Call<'_>, id: i32) -> Result<Vec<i32>> {
        self.pid(call)?;
        self.state().table.login_members(id)
    }

    fn proc_setlogin(&self, call: &Call<'_>, logname: &[u8]) -> Result<()> {
        let mut state = self.as_root(call)?;
        state.table.set_login_name(self.pid, logname)
    }

    fn proc_getlogin(&self, call: &Call<'_>) -> Result<Vec<u8>> {
        let pid = self.pid(call)?;
        self.state().table.login_name(pid)
    }

    fn proc_setsid(&self, call: &Call<'_>) -> Result<()> {
        let pid = self.pid(call)?;
        let mut state = self.state();
        let result = state.table.new_session(pid);
        self.proc.finish(state);
        result
    }

    fn proc_getsid(&self, call: &Call<'_>, pid: i32) -> Result<i32> {
        let (state, pid) = self.other(call, pid)?;
        Ok(state.table.get(pid)?.session)
    }

    fn proc_getsessionpgids(&self, call: &Call<'_>, sid: i32) -> Result<Vec<i32>> {
        self.pid(call)?;
        self.state().table.session_groups(sid)
    }

    fn proc_getsessionpids(&self, call: &Call<'_>, sid: i32) -> Result<Vec<i32>> {
        self.pid(call)?;
        self.state().table.session_members(sid)
    }

    fn proc_getsidport(&self, call: &Call<'_>) -> Result<Right<'static>> {
        let pid = self.pid(call)?;
        let server = self.proc.server.clone();
        let port = self.state().table.session_identity(pid, || {
            server
                .port(Arc::new(SessionIdentity))?
                .make_send()
                .map(Arc::new)
        })?;
        Ok(Right::from((*port).clone()))
    }

    fn proc_setpgrp(&self, call: &Call<'_>, pid: i32, pgrp: i32) -> Result<()> {
        let own = self.pid(call)?;
        let mut state = self.state();
        let result = state.table.set_group(own, pid, pgrp);
        self.proc.finish(state);
        result
    }

    fn proc_getpgrp(&self, call: &Call<'_>, pid: i32) -> Result<i32> {
        let (state, pid) = self.other(call, pid)?;
        Ok(state.table.get(pid)?.group)
    }

    fn proc_getpgrppids(&self, call: &Call<'_>, pgrp: i32) -> Result<Vec<i32>> {
        let own = self.pid(call)?;
        let state = self.state();
        let group = if pgrp == 0 {
            state.table.get(own)?.group
        } else {
            pgrp
        };
        state.table.group_members(group)
    }

    fn proc_getnports(&self, call: &Call<'_>, which: i32) -> Result<u32> {
        let (state, pid) = self.owned(call, which)?;
        let task = state.table.get(pid)?.task.clone();
        drop(state);
        let info = mach::task_info(&*task).map_err(|_| Error::ESRCH)?;
        Ok(u32::try_from(info.names).unwrap_or(u32::MAX))
    }

    fn proc_mark_important(&self, call: &Call<'_>) -> Result<()> {
        let mut state = self.as_root(call)?;
        state.table.get_mut(self.pid)?.important = true;
        Ok(())
    }

    fn proc_is_important(&self, call: &Call<'_>) -> Result<bool> {
        let pid = self.pid(call)?;
        Ok(self.state().table.get(pid)?.important)
    }

    fn proc_set_code(&self, call: &Call<'_>, start_code: u64, end_code: u64) -> Result<()> {
        let pid = self.pid(call)?;
        self.state().table.get_mut(pid)?.code = (start_code, end_code);
        Ok(())
    }

    fn proc_get_code(&self, call: &Call<'_>) -> Result<(u64, u64)> {
        let pid = self.pid(call)?;
        Ok(self.state().table.get(pid)?.code)
    }

    fn proc_set_exe(&self, call: &Call<'_>, path: &[u8]) -> Result<()> {
        let pid = self.pid(call)?;
        self.state().table.get_mut(pid)?.file = path.to_vec();
        Ok(())
    }

    fn proc_get_exe(&self, call: &Call<'_>, which: i32) -> Result<Vec<u8>> {
        let (state, pid) = self.other(call, which)?;
        Ok(state.table.get(pid)?.file.clone())
    }

    fn proc_set_entry(&self, call: &Call<'_>, entry: u64) -> Result<()> {
        let pid = self.pid(call)?;
        self.state().table.get_mut(pid)?.entry = entry;
        Ok(())
    }

    fn proc_get_entry(&self, call: &Call<'_>) -> Result<u64> {
        let pid = self.pid(call)?;
        Ok(self.state().table.get(pid)?.entry)
    }

    fn proc_getchildren_rusage(&self, call: &Call<'_>) -> Result<Rusage> {
        self.pid(call)?;
        Ok(Rusage::default())
    }
}

/// The port that stands for a session; it serves nothing.
struct SessionIdentity;

impl Object for SessionIdentity {
    fn dispatch(&self, _: &mut Request<'_>) -> Outcome {
        Outcome::Unknown
    }
}

fn rights(ports: &[Option<Shared>]) -> Vec<Right<'static>> {
    ports
        .iter()
        .map(|port| Right::from(port.as_deref().cloned()))
        .collect()
}

fn tell_exec(port: &SendRight, ports: &[Option<Shared>], ints: &[i32]) -> Result<()> {
    exec::exec_setexecdata(port, rights(ports), ints)
}
