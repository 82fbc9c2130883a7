//! The system within one process, for tests: tasks, ports, rights, notifications, windows.
//!
//! Several [`Task`]s live side by side. A name belongs to one task, and is unique in the process,
//! so that a right dropped on another thread is still the right one. A thread acts for the task
//! that it was started in, or that it runs in for the moment ([`Task::run`]).

use super::{Incoming, Message, Notification, RawWindow, ReceiveStatus, Wait};
use mach::abi;
use crate::right::{DEAD, PortRight};
use crate::wire::{Disposition, LABEL_REPLY, REGISTER_WORDS, REPLY_ERROR, RightArg, WINDOW_GONE};
use crate::{Carried, CarriedList, Error, Name, Result, Right, SendRight};
use std::boxed::Box;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use std::vec::Vec;

/// Label of the kernel's own error for a name that is no send right.
const KERNEL_ERROR: u32 = 2;
/// Messages that a port holds before senders wait.
const QUEUE_LIMIT: usize = 16;
const MAX_WINDOW: usize = 1 << 20;

type TaskId = u32;
type PortId = u64;

#[derive(Debug)]
enum Moving {
    Null,
    Dead,
    Send(PortId),
    Once(PortId),
    Receive(PortId),
}

struct Entry {
    task: TaskId,
    port: Option<PortId>,
    sends: u32,
    receive: bool,
    once: bool,
    dead: u32,
    dead_request: Option<PortId>,
}

struct Queued {
    label: u32,
    words: Vec<u64>,
    rights: Vec<Moving>,
}

struct Port {
    receiver: Option<(TaskId, Name)>,
    queue: VecDeque<Queued>,
    queue_limit: usize,
    senders: u32,
    onces: u32,
    made: u32,
    seqno: u32,
    no_senders: Option<PortId>,
}

impl Port {
    fn new(receiver: Option<(TaskId, Name)>) -> Port {
        Port {
            receiver,
            queue: VecDeque::new(),
            queue_limit: QUEUE_LIMIT,
            senders: 0,
            onces: 0,
            made: 0,
            seqno: 0,
            no_senders: None,
        }
    }
}

struct Pending {
    port: PortId,
    badge: Name,
    label: u32,
    words: Vec<u64>,
    caller: u32,
}

#[derive(Default)]
struct TaskState {
    self_port: Option<PortId>,
    calls: VecDeque<Pending>,
    windows_gone: VecDeque<u64>,
    dead: bool,
}

#[derive(Clone, Copy)]
struct Calling {
    port: PortId,
    /// The task that the port belonged to when the call was made.
    server: TaskId,
    client: TaskId,
    /// Whether a server thread has taken the call up.
    taken: bool,
}

#[derive(Default)]
struct ThreadState {
    calling: Option<Calling>,
    answer: Option<(u32, Vec<u64>)>,
    inbox: Vec<u32>,
    ticket: Option<u64>,
}

struct WindowState {
    client: TaskId,
    server: TaskId,
    address: usize,
    bytes: usize,
    client_holds: bool,
    server_holds: bool,
}

struct Ticket {
    port: PortId,
    rights: Vec<Moving>,
}

#[derive(Default)]
struct Universe {
    tasks: HashMap<TaskId, TaskState>,
    threads: HashMap<u32, ThreadState>,
    ports: HashMap<PortId, Port>,
    names: HashMap<Name, Entry>,
    windows: HashMap<u64, WindowState>,
    tickets: HashMap<u64, Ticket>,
    free_names: VecDeque<Name>,
    next_index: u32,
    next_id: u64,
}

static UNIVERSE: Mutex<Option<Universe>> = Mutex::new(None);
static CHANGED: Condvar = Condvar::new();
static NEXT_THREAD: AtomicU32 = AtomicU32::new(1);
static RANDOM: Mutex<u64> = Mutex::new(0x9e37_79b9_7f4a_7c15);

const FIRST_TASK: TaskId = 1;
const TASK_SELF: Name = 1;

thread_local! {
    static TASK: Cell<TaskId> = const { Cell::new(FIRST_TASK) };
    static THREAD: Cell<u32> = Cell::new(NEXT_THREAD.fetch_add(1, Ordering::Relaxed));
    static BUFFER: RefCell<[u64; REGISTER_WORDS]> = const { RefCell::new([0; REGISTER_WORDS]) };
    static SERVING: Cell<u32> = const { Cell::new(0) };
}

struct Locked(MutexGuard<'static, Option<Universe>>);

impl std::ops::Deref for Locked {
    type Target = Universe;
    fn deref(&self) -> &Universe {
        self.0.as_ref().expect("filled when locked")
    }
}
impl std::ops::DerefMut for Locked {
    fn deref_mut(&mut self) -> &mut Universe {
        self.0.as_mut().expect("filled when locked")
    }
}

/// Enters the system as a call to the mach server does: what lay in the thread's buffer is lost.
fn universe() -> Locked {
    clobber_buffer();
    enter()
}

fn clobber_buffer() {
    BUFFER.with_borrow_mut(|buffer| buffer[4..].fill(0xdead_beef_dead_beef));
}

fn enter() -> Locked {
    let mut guard = UNIVERSE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let universe = guard.get_or_insert_with(|| Universe {
        next_index: 16,
        ..Default::default()
    });
    universe.tasks.entry(FIRST_TASK).or_default();
    Locked(guard)
}

fn wait(locked: Locked) -> Locked {
    Locked(
        CHANGED
            .wait(locked.0)
            .unwrap_or_else(|poisoned| poisoned.into_inner()),
    )
}

fn wait_until(locked: Locked, deadline: Option<Instant>) -> (Locked, bool) {
    match deadline {
        None => (wait(locked), false),
        Some(deadline) => {
            let left = deadline.saturating_duration_since(Instant::now());
            let (guard, result) = CHANGED
                .wait_timeout(locked.0, left)
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            (Locked(guard), result.timed_out())
        }
    }
}

fn current_task() -> TaskId {
    TASK.get()
}

impl Universe {
    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn fresh_name(&mut self, entry: Entry) -> Name {
        // A name is used again late and with another generation.
        let name = if self.free_names.len() > 1000 {
            let old = self.free_names.pop_front().expect("not empty");
            let generation = ((old >> 20) + 1) & 0xff;
            old & 0xf_ffff | generation << 20
        } else {
            let index = self.next_index;
            self.next_index += 1;
            assert!(index <= 0xf_ffff, "the loopback system is out of names");
            index
        };
        self.names.insert(name, entry);
        name
    }

    fn blank(task: TaskId, port: Option<PortId>) -> Entry {
        Entry {
            task,
            port,
            sends: 0,
            receive: false,
            once: false,
            dead: 0,
            dead_request: None,
        }
    }

    fn find_name(&self, task: TaskId, port: PortId) -> Option<Name> {
        if let Some((owner, name)) = self.ports.get(&port)?.receiver
            && owner == task
        {
            return Some(name);
        }
        self.names
            .iter()
            .find(|(_, e)| e.task == task && e.port == Some(port) && !e.once)
            .map(|(name, _)| *name)
    }

    fn entry(&mut self, name: Name) -> Result<&mut Entry> {
        self.names.get_mut(&name).ok_or(Error::KERN_INVALID_NAME)
    }

    fn free_if_unused(&mut self, name: Name) {
        let Some(e) = self.names.get(&name) else {
            return;
        };
        if e.sends == 0 && !e.receive && !e.once && e.dead == 0 {
            let request = e.dead_request;
            self.names.remove(&name);
            self.free_names.push_back(name);
            if let Some(to) = request {
                self.notify(to, Notification::PortDeleted, &[name as u64]);
            }
        }
    }

    fn new_port(&mut self, task: TaskId) -> Name {
        let port = self.id();
        let mut entry = Self::blank(task, Some(port));
        entry.receive = true;
        let name = self.fresh_name(entry);
        self.ports.insert(port, Port::new(Some((task, name))));
        name
    }

    /// Consumes a send-once right by sending a notification to it.
    fn notify(&mut self, to: PortId, kind: Notification, words: &[u64]) {
        if let Some(port) = self.ports.get_mut(&to) {
            port.onces = port.onces.saturating_sub(1);
            let queued = Queued {
                label: kind as u32,
                words: words.to_vec(),
                rights: Vec::new(),
            };
            port.queue.push_back(queued);
            CHANGED.notify_all();
        }
    }

    fn drop_send(&mut self, port: PortId) {
        let Some(p) = self.ports.get_mut(&port) else {
            return;
        };
        p.senders = p.senders.saturating_sub(1);
        if p.senders == 0
            && let Some(to) = p.no_senders.take()
        {
            let made = p.made as u64;
            self.notify(to, Notification::NoSenders, &[made]);
        }
    }

    fn discard(&mut self, right: Moving) {
        match right {
            Moving::Null | Moving::Dead => {}
            Moving::Send(port) => self.drop_send(port),
            Moving::Once(port) => self.notify(port, Notification::SendOnce, &[]),
            Moving::Receive(port) => self.port_dies(port),
        }
    }

    fn port_dies(&mut self, id: PortId) {
        let Some(port) = self.ports.remove(&id) else {
            return;
        };
        if let Some(to) = port.no_senders {
            self.notify(to, Notification::SendOnce, &[]);
        }
        for queued in port.queue {
            queued
                .rights
                .into_iter()
                .for_each(|right| self.discard(right));
        }
        let mut requests = Vec::new();
        for (name, e) in self.names.iter_mut().filter(|(_, e)| e.port == Some(id)) {
            e.port = None;
            e.dead = e.sends + e.once as u32;
            e.sends = 0;
            e.once = false;
            e.receive = false;
            if let Some(to) = e.dead_request.take() {
                e.dead += 1;
                requests.push((to, *name));
            }
        }
        for (to, name) in requests {
            self.notify(to, Notification::DeadName, &[name as u64]);
        }
        self.refuse_queued(id);
        CHANGED.notify_all();
    }

    /// Callers that no server thread has taken up yet see an empty slot; the others are answered
    /// by their server still, or by its death.
    fn refuse_queued(&mut self, id: PortId) {
        for task in self.tasks.values_mut() {
            task.calls.retain(|call| call.port != id);
        }
        for state in self.threads.values_mut() {
            if state.calling.is_some_and(|c| c.port == id && !c.taken) && state.answer.is_none() {
                state.answer = Some((KERNEL_ERROR, Vec::new()));
            }
        }
    }

    fn task_port(&mut self, task: TaskId) -> PortId {
        if let Some(port) = self.tasks.get(&task).and_then(|t| t.self_port) {
            return port;
        }
        let port = self.id();
        self.ports.insert(port, Port::new(None));
        self.tasks.entry(task).or_default().self_port = Some(port);
        port
    }

    /// Takes the right out of the space of the name's task.
    fn copy_in(&mut self, argument: RightArg) -> Result<Moving> {
        let RightArg { name, disposition } = argument;
        if name == 0 {
            return Ok(Moving::Null);
        }
        if name == DEAD {
            return Ok(Moving::Dead);
        }
        if name == TASK_SELF && disposition == Disposition::CopySend {
            let port = self.task_port(current_task());
            self.ports
                .get_mut(&port)
                .ok_or(Error::MACH_SEND_INVALID_RIGHT)?
                .senders += 1;
            return Ok(Moving::Send(port));
        }
        let invalid = Error::MACH_SEND_INVALID_RIGHT;
        let e = self.names.get_mut(&name).ok_or(invalid)?;
        let port = e.port;
        match (disposition, port) {
            (Disposition::CopySend, Some(port)) if e.sends > 0 => {
                self.ports.get_mut(&port).ok_or(invalid)?.senders += 1;
                Ok(Moving::Send(port))
            }
            (Disposition::CopySend, None) if e.dead > 0 => Ok(Moving::Dead),
            (Disposition::MoveSend, Some(port)) if e.sends > 0 => {
                e.sends -= 1;
                let last = e.sends == 0;
                if !last {
                    self.ports.get_mut(&port).ok_or(invalid)?.senders += 1;
                }
                self.free_if_unused(name);
                Ok(Moving::Send(port))
            }
            (Disposition::MoveSend | Disposition::MoveSendOnce, None) if e.dead > 0 => {
                e.dead -= 1;
                self.free_if_unused(name);
                Ok(Moving::Dead)
            }
            (Disposition::MoveSendOnce, Some(port)) if e.once => {
                e.once = false;
                self.free_if_unused(name);
                Ok(Moving::Once(port))
            }
            (Disposition::MakeSend, Some(port)) if e.receive => {
                let p = self.ports.get_mut(&port).ok_or(invalid)?;
                p.senders += 1;
                p.made += 1;
                Ok(Moving::Send(port))
            }
            (Disposition::MakeSendOnce, Some(port)) if e.receive => {
                self.ports.get_mut(&port).ok_or(invalid)?.onces += 1;
                Ok(Moving::Once(port))
            }
            (Disposition::MoveReceive, Some(port)) if e.receive => {
                e.receive = false;
                let p = self.ports.get_mut(&port).ok_or(invalid)?;
                p.receiver = None;
                p.made = 0;
                p.seqno = 0;
                self.free_if_unused(name);
                self.refuse_queued(port);
                CHANGED.notify_all();
                Ok(Moving::Receive(port))
            }
            _ => Err(invalid),
        }
    }

    /// All or nothing is not promised: what was taken before a failure is put back.
    fn copy_in_all(&mut self, arguments: &[RightArg]) -> Result<Vec<Moving>> {
        let mut taken = Vec::new();
        for argument in arguments {
            match self.copy_in(*argument) {
                Ok(right) => taken.push((right, *argument)),
                Err(error) => {
                    for (right, argument) in taken.into_iter().rev() {
                        self.put_back(right, argument);
                    }
                    return Err(error);
                }
            }
        }
        Ok(taken.into_iter().map(|(right, _)| right).collect())
    }

    /// Undoes [`Universe::copy_in`].
    fn put_back(&mut self, right: Moving, argument: RightArg) {
        use Disposition::{MoveReceive, MoveSend, MoveSendOnce};
        let RightArg { name, disposition } = argument;
        if !matches!(disposition, MoveSend | MoveSendOnce | MoveReceive) {
            return self.discard(right);
        }
        let port = match right {
            Moving::Null => return,
            Moving::Dead => None,
            Moving::Send(port) | Moving::Once(port) | Moving::Receive(port) => Some(port),
        };
        if name == DEAD {
            return;
        }
        let task = current_task();
        self.free_names.retain(|free| *free != name);
        let e = self
            .names
            .entry(name)
            .or_insert_with(|| Self::blank(task, port));
        match right {
            Moving::Send(port) => {
                e.sends += 1;
                if e.sends > 1
                    && let Some(p) = self.ports.get_mut(&port)
                {
                    p.senders -= 1;
                }
            }
            Moving::Once(_) => e.once = true,
            Moving::Receive(port) => {
                e.receive = true;
                if let Some(p) = self.ports.get_mut(&port) {
                    p.receiver = Some((task, name));
                }
            }
            _ => e.dead += 1,
        }
    }

    /// Puts the right into a task's space.
    fn copy_out(&mut self, task: TaskId, right: Moving) -> Carried {
        match right {
            Moving::Null => Carried::null(),
            Moving::Dead => Carried::dead(),
            Moving::Send(port) => {
                if !self.ports.contains_key(&port) {
                    return Carried::dead();
                }
                let name = match self.find_name(task, port) {
                    Some(name) => name,
                    None => self.fresh_name(Self::blank(task, Some(port))),
                };
                let e = self.names.get_mut(&name).expect("just found");
                e.sends += 1;
                if e.sends > 1 {
                    self.ports.get_mut(&port).expect("checked").senders -= 1;
                }
                Carried::send(name)
            }
            Moving::Once(port) => {
                if !self.ports.contains_key(&port) {
                    return Carried::dead();
                }
                let mut entry = Self::blank(task, Some(port));
                entry.once = true;
                Carried::send_once(self.fresh_name(entry))
            }
            Moving::Receive(port) => {
                let name = match self.find_name(task, port) {
                    Some(name) => name,
                    None => self.fresh_name(Self::blank(task, Some(port))),
                };
                self.names.get_mut(&name).expect("just found").receive = true;
                if let Some(p) = self.ports.get_mut(&port) {
                    p.receiver = Some((task, name));
                }
                CHANGED.notify_all();
                Carried::receive(name)
            }
        }
    }

    fn thread(&mut self, number: u32) -> &mut ThreadState {
        self.threads.entry(number).or_default()
    }

    fn send_target(&self, name: Name) -> Option<PortId> {
        let e = self.names.get(&name)?;
        (e.sends > 0 || e.once).then_some(e.port?)
    }

    fn drop_window(&mut self, token: u64) {
        if let Some(w) = self.windows.get(&token)
            && !w.client_holds
            && !w.server_holds
        {
            let w = self.windows.remove(&token).expect("just seen");
            let words = std::ptr::slice_from_raw_parts_mut(w.address as *mut u64, w.bytes / 8);
            // SAFETY: the address and length are those of a boxed slice that window_create leaked,
            // and neither side uses the window any more.
            drop(unsafe { Box::from_raw(words) });
        }
    }

    fn client_leaves_window(&mut self, token: u64) {
        let Some(w) = self.windows.get_mut(&token) else {
            return;
        };
        w.client_holds = false;
        let server = w.server;
        if w.server_holds {
            if let Some(task) = self.tasks.get_mut(&server) {
                task.windows_gone.push_back(token);
            }
            CHANGED.notify_all();
        }
        self.drop_window(token);
    }

    fn end_task(&mut self, id: TaskId) {
        if let Some(task) = self.tasks.get_mut(&id) {
            task.dead = true;
            task.calls.clear();
        }
        // Who waits for an answer of this task gets the error that Mach promises.
        for thread in self.threads.values_mut() {
            if let Some(calling) = thread.calling
                && calling.server == id
                && thread.answer.is_none()
            {
                thread.answer = Some(if calling.taken {
                    (REPLY_ERROR, vec![Error::MIG_SERVER_DIED.0 as u64])
                } else {
                    (KERNEL_ERROR, Vec::new())
                });
            }
        }
        let owned: Vec<Name> = self
            .names
            .iter()
            .filter(|(_, e)| e.task == id)
            .map(|(name, _)| *name)
            .collect();
        for name in owned {
            let Some(e) = self.names.get(&name) else {
                continue;
            };
            let (port, sends, receive, once) = (e.port, e.sends, e.receive, e.once);
            if let Some(port) = port {
                if receive {
                    self.port_dies(port);
                } else if once {
                    self.notify(port, Notification::SendOnce, &[]);
                } else if sends > 0 {
                    self.drop_send(port);
                }
            }
            self.names.remove(&name);
            self.free_names.push_back(name);
        }
        if let Some(port) = self.tasks.get_mut(&id).and_then(|t| t.self_port.take()) {
            self.port_dies(port);
        }
        let windows: Vec<u64> = self.windows.keys().copied().collect();
        for token in windows {
            let Some(w) = self.windows.get_mut(&token) else {
                continue;
            };
            if w.server == id {
                w.server_holds = false;
                self.drop_window(token);
            } else if w.client == id {
                self.client_leaves_window(token);
            }
        }
        CHANGED.notify_all();
    }
}

/// A task of the loopback system.
#[derive(Debug)]
pub struct Task(TaskId);

impl Task {
    /// A new task without ports.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Task {
        let mut u = universe();
        let id = u.id() as TaskId + FIRST_TASK;
        u.tasks.insert(id, TaskState::default());
        Task(id)
    }

    /// The task of every thread that was not started in another one.
    pub fn first() -> Task {
        Task(FIRST_TASK)
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.0
    }

    /// Runs `f` on this thread as part of the task.
    pub fn run<T>(&self, f: impl FnOnce() -> T) -> T {
        struct Back(TaskId);
        impl Drop for Back {
            fn drop(&mut self) {
                TASK.set(self.0);
            }
        }
        let _back = Back(TASK.replace(self.0));
        f()
    }

    /// Starts a thread of the task.
    pub fn spawn<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> std::thread::JoinHandle<T> {
        let id = self.0;
        std::thread::spawn(move || {
            TASK.set(id);
            f()
        })
    }

    /// Gives the task a right of the current one, as `mach_port_insert_right` does.
    pub fn give(&self, mut right: Right<'_>) -> Result<Carried> {
        let mut u = universe();
        let moving = u.copy_in(right.argument())?;
        right.sent();
        Ok(u.copy_out(self.0, moving))
    }

    /// As [`Task::give`], for send rights.
    pub fn give_send(&self, right: Right<'_>) -> Result<SendRight> {
        match self.give(right)?.take() {
            Some(crate::AnyRight::Send(send)) => Ok(send),
            _ => Err(Error::KERN_INVALID_RIGHT),
        }
    }

    /// Ends the task as `task_terminate` does: its ports die, its callers get an error, its server
    /// threads leave their loops.
    pub fn kill(&self) {
        universe().end_task(self.0);
    }
}

/// Breaks off the call that a thread is waiting in, with `EINTR`. Answers whether it was in one.
pub fn interrupt_thread(number: u32) -> bool {
    let mut u = universe();
    let state = u.thread(number);
    if state.calling.is_some() && state.answer.is_none() {
        state.answer = Some((REPLY_ERROR, vec![Error::EINTR.0 as u64]));
        CHANGED.notify_all();
        return true;
    }
    false
}

/// Calls the port and waits for the answer. `mrs` are the words 0..4, the others lie in the
/// buffer.
pub fn call(port: Name, label: u32, len: usize, mrs: [u64; 4]) -> (u32, usize, [u64; 4]) {
    let me = thread_number();
    let words = gather(len, mrs);
    let mut u = universe();
    let Some(id) = u.send_target(port) else {
        return (KERNEL_ERROR, 0, [0; 4]);
    };
    let once = u.names.get(&port).is_some_and(|e| e.once);
    let Some((task, badge)) = u.ports.get(&id).and_then(|p| p.receiver) else {
        return (KERNEL_ERROR, 0, [0; 4]);
    };
    if once {
        // A send-once right is used up by the message.
        u.names.get_mut(&port).expect("target").once = false;
        u.free_if_unused(port);
        u.ports.get_mut(&id).expect("target").onces -= 1;
    }
    let Some(state) = u.tasks.get_mut(&task).filter(|t| !t.dead) else {
        return (KERNEL_ERROR, 0, [0; 4]);
    };
    state.calls.push_back(Pending {
        port: id,
        badge,
        label,
        words,
        caller: me,
    });
    let thread = u.thread(me);
    thread.calling = Some(Calling {
        port: id,
        server: task,
        client: current_task(),
        taken: false,
    });
    thread.answer = None;
    CHANGED.notify_all();
    loop {
        if let Some((label, words)) = u.thread(me).answer.take() {
            u.thread(me).calling = None;
            if let Some(t) = u.tasks.get_mut(&task) {
                t.calls.retain(|call| call.caller != me);
            }
            drop(u);
            return (label, words.len(), scatter(&words));
        }
        u = wait(u);
    }
}

fn gather(len: usize, mrs: [u64; 4]) -> Vec<u64> {
    let len = len.min(REGISTER_WORDS);
    let mut words = Vec::with_capacity(len);
    words.extend_from_slice(&mrs[..len.min(4)]);
    if len > 4 {
        BUFFER.with_borrow(|buffer| words.extend_from_slice(&buffer[4..len]));
    }
    words
}

fn scatter(words: &[u64]) -> [u64; 4] {
    let mut mrs = [0; 4];
    let first = words.len().min(4);
    mrs[..first].copy_from_slice(&words[..first]);
    if words.len() > 4 {
        BUFFER.with_borrow_mut(|buffer| buffer[4..words.len()].copy_from_slice(&words[4..]));
    }
    mrs
}

/// Word `i` of the message buffer.
pub fn buffer_get(i: usize) -> u64 {
    BUFFER.with_borrow(|buffer| buffer[i])
}

/// Sets word `i` of the message buffer.
pub fn buffer_set(i: usize, word: u64) {
    BUFFER.with_borrow_mut(|buffer| buffer[i] = word);
}

/// Copies words into the message buffer from word `i` on.
pub fn buffer_write(i: usize, words: &[u64]) {
    BUFFER.with_borrow_mut(|buffer| buffer[i..i + words.len()].copy_from_slice(words));
}

/// Copies words of the message buffer from word `i` on.
pub fn buffer_read(i: usize, words: &mut [u64]) {
    BUFFER.with_borrow(|buffer| words.copy_from_slice(&buffer[i..i + words.len()]));
}

/// Number of the calling thread.
pub fn thread_number() -> u32 {
    THREAD.get()
}

/// Name of the task's own port.
pub fn task_self() -> Name {
    TASK_SELF
}

/// Takes everything out of the thread's inbox.
pub fn inbox_take() -> CarriedList {
    let me = thread_number();
    let mut u = enter();
    std::mem::take(&mut u.thread(me).inbox)
        .into_iter()
        .map(Carried::from_raw)
        .collect()
}

/// Gives rights to the mach server for the receiver of `destination`; answers the ticket.
pub fn rights_send(destination: Name, rights: &[RightArg]) -> Result<u64> {
    let me = thread_number();
    let token = random();
    let mut u = universe();
    let port = u
        .send_target(destination)
        .ok_or(Error::MACH_SEND_INVALID_DEST)?;
    let rights = u.copy_in_all(rights)?;
    if let Some(old) = u.thread(me).ticket.replace(token)
        && let Some(ticket) = u.tickets.remove(&old)
    {
        ticket.rights.into_iter().for_each(|right| u.discard(right));
    }
    u.tickets.insert(token, Ticket { port, rights });
    Ok(token)
}

/// Redeems a ticket that came with a message to `port`.
pub fn rights_receive(token: u64, port: Name) -> Result<CarriedList> {
    let mut u = universe();
    let e = u.entry(port)?;
    let (task, id) = (
        e.task,
        e.port
            .filter(|_| e.receive)
            .ok_or(Error::KERN_INVALID_RIGHT)?,
    );
    if u.tickets.get(&token).is_none_or(|ticket| ticket.port != id) {
        return Err(Error::KERN_INVALID_ARGUMENT);
    }
    let ticket = u.tickets.remove(&token).expect("just seen");
    Ok(ticket
        .rights
        .into_iter()
        .map(|right| u.copy_out(task, right))
        .collect())
}

/// The task of a thread that is calling the current task.
fn check_caller(u: &Universe, caller: u32) -> Result<TaskId> {
    match u.threads.get(&caller).and_then(|t| t.calling) {
        Some(calling) if calling.server == current_task() => Ok(calling.client),
        _ => Err(Error::KERN_INVALID_ARGUMENT),
    }
}

/// Puts rights into the inbox of a thread that is calling this task.
pub fn reply_rights(caller: u32, rights: &[RightArg]) -> Result<()> {
    let mut u = universe();
    let task = check_caller(&u, caller)?;
    let rights = u.copy_in_all(rights)?;
    for right in rights {
        let carried = u.copy_out(task, right).into_raw();
        u.thread(caller).inbox.push(carried);
    }
    Ok(())
}

/// Whether a port that [`reply_new_port`] makes dies with its last send right, of which its
/// receiver is told on port name 0.
pub const REPLY_PORTS_ARE_TRANSIENT: bool = false;

/// Allocates a port and puts a send right of it into the caller's inbox.
pub fn reply_new_port(caller: u32, _passing: bool) -> Result<(Name, [Name; 3])> {
    let mut u = universe();
    let task = check_caller(&u, caller)?;
    let name = u.new_port(current_task());
    let argument = RightArg {
        name,
        disposition: Disposition::MakeSend,
    };
    let moving = u.copy_in(argument)?;
    let carried = u.copy_out(task, moving).into_raw();
    u.thread(caller).inbox.push(carried);
    Ok((name, [0; 3]))
}

/// The next message to this task's endpoint. Fails with `KERN_TERMINATED` when the task ends.
pub fn receive() -> Result<Incoming> {
    let task = current_task();
    let mut u = universe();
    loop {
        let state = u.tasks.get_mut(&task).ok_or(Error::KERN_TERMINATED)?;
        if state.dead {
            return Err(Error::KERN_TERMINATED);
        }
        if let Some(call) = state.calls.pop_front() {
            if let Some(calling) = &mut u.thread(call.caller).calling {
                calling.taken = true;
            }
            SERVING.set(call.caller);
            let len = call.words.len();
            drop(u);
            let mrs = scatter(&call.words);
            return Ok(Incoming {
                badge: call.badge,
                label: call.label,
                len,
                mrs,
            });
        }
        u = wait(u);
    }
}

/// Answers the call that this thread serves.
pub fn reply(label: u32, len: usize, mrs: [u64; 4]) {
    debug_assert!(label & LABEL_REPLY != 0);
    let caller = SERVING.replace(0);
    if caller == 0 {
        return;
    }
    let words = gather(len, mrs);
    let mut u = universe();
    let state = u.thread(caller);
    // An interrupted caller has its answer already.
    if state.calling.is_some() && state.answer.is_none() {
        state.answer = Some((label, words));
    }
    CHANGED.notify_all();
}

/// [`reply`], then [`receive`].
pub fn reply_receive(label: u32, len: usize, mrs: [u64; 4]) -> Result<Incoming> {
    reply(label, len, mrs);
    receive()
}

/// Makes a window towards the receiver of `port`.
pub fn window_create(port: Name, bytes: usize) -> Result<RawWindow> {
    if bytes == 0 || bytes > MAX_WINDOW {
        return Err(Error::KERN_INVALID_ARGUMENT);
    }
    let bytes = bytes.next_multiple_of(4096);
    let token = random() >> 1;
    let mut u = universe();
    let id = u.send_target(port).ok_or(Error::MACH_SEND_INVALID_DEST)?;
    let server = u
        .ports
        .get(&id)
        .and_then(|p| p.receiver)
        .ok_or(Error::MACH_SEND_INVALID_DEST)?
        .0;
    let memory = vec![0u64; bytes / 8].into_boxed_slice();
    let address = Box::into_raw(memory).cast::<u64>() as usize;
    let client = current_task();
    u.windows.insert(
        token,
        WindowState {
            client,
            server,
            address,
            bytes,
            client_holds: true,
            server_holds: false,
        },
    );
    Ok(RawWindow {
        token,
        address,
        bytes,
        peer: server as u32,
    })
}

/// The client gives a window up: the pages go from its space.
pub fn window_destroy(token: u64) -> Result<()> {
    let mut u = universe();
    u.windows
        .get(&token)
        .filter(|w| w.client_holds)
        .ok_or(Error::KERN_INVALID_ARGUMENT)?;
    u.client_leaves_window(token);
    Ok(())
}

/// The server's view of a window.
pub fn window_accept(token: u64) -> Result<RawWindow> {
    let task = current_task();
    let mut u = universe();
    let w = u
        .windows
        .get_mut(&token)
        .filter(|w| w.server == task && w.client_holds)
        .ok_or(Error::KERN_INVALID_ARGUMENT)?;
    w.server_holds = true;
    Ok(RawWindow {
        token,
        address: w.address,
        bytes: w.bytes,
        peer: w.client as u32,
    })
}

/// The server gives a window up: the pages go from its space.
pub fn window_release(token: u64) -> Result<()> {
    let mut u = universe();
    let w = u
        .windows
        .get_mut(&token)
        .filter(|w| w.server_holds)
        .ok_or(Error::KERN_INVALID_ARGUMENT)?;
    w.server_holds = false;
    u.drop_window(token);
    Ok(())
}

/// Number of the task that receives from the port.
pub fn port_server(port: Name) -> Result<u32> {
    let u = universe();
    let id = u.send_target(port).ok_or(Error::MACH_SEND_INVALID_DEST)?;
    Ok(u.ports
        .get(&id)
        .and_then(|p| p.receiver)
        .ok_or(Error::MACH_SEND_INVALID_DEST)?
        .0)
}

/// Sends a one-way message. `timeout` bounds the wait for room in the port's queue.
/// `MACH_SEND_TOO_LARGE` for more than 113 rights, or more than 128 MiB.
pub fn msg_send(
    destination: RightArg,
    label: u32,
    words: &[u64],
    rights: &[RightArg],
    timeout: Option<Duration>,
) -> Result<()> {
    if rights.len() > abi::INLINE_WORDS || words.len() as u64 > abi::BODY_WORDS_MAX {
        return Err(Error::MACH_SEND_TOO_LARGE);
    }
    let deadline = timeout.map(|t| Instant::now() + t);
    let mut u = universe();
    let id = match destination.disposition {
        Disposition::MakeSend | Disposition::MakeSendOnce => u
            .names
            .get(&destination.name)
            .filter(|e| e.receive)
            .and_then(|e| e.port),
        _ => u.send_target(destination.name),
    };
    let id = id.ok_or(Error::MACH_SEND_INVALID_DEST)?;
    let once = matches!(
        destination.disposition,
        Disposition::MoveSendOnce | Disposition::MakeSendOnce
    );
    // Nothing moves before there is room, so that a failure leaves everything as it was.
    loop {
        let port = u.ports.get(&id).ok_or(Error::MACH_SEND_INVALID_DEST)?;
        if once || port.queue.len() < port.queue_limit {
            break;
        }
        if deadline.is_some_and(|d| Instant::now() >= d) {
            return Err(Error::MACH_SEND_TIMED_OUT);
        }
        u = wait_until(u, deadline).0;
    }
    let moving = u
        .copy_in(destination)
        .map_err(|_| Error::MACH_SEND_INVALID_DEST)?;
    let rights = match u.copy_in_all(rights) {
        Ok(rights) => rights,
        Err(error) => {
            u.put_back(moving, destination);
            return Err(error);
        }
    };
    if let Some(port) = u.ports.get_mut(&id) {
        port.queue.push_back(Queued {
            label,
            words: words.to_vec(),
            rights,
        });
        if once {
            port.onces -= 1;
        }
    }
    if !once {
        u.drop_send(id);
    }
    CHANGED.notify_all();
    Ok(())
}

/// The next one-way message to any port of the task. Those that do not fit into a page of a thread
/// are refused unseen.
pub fn msg_receive() -> Result<Message> {
    loop {
        match msg_receive_from(0, None) {
            Err(Error::MACH_RCV_TOO_LARGE) => {}
            message => return message,
        }
    }
}

/// The next one-way message to a port (0: to any port of the task). `MACH_RCV_TIMED_OUT` when none
/// comes in time; `MACH_RCV_TOO_LARGE` if its words did not fit beside its rights: then it is gone.
pub fn msg_receive_from(from: Name, timeout: Option<Duration>) -> Result<Message> {
    msg_receive_large(from, timeout, abi::INLINE_WORDS, false)
}

/// The same, with at most so many rights and words; a larger one stays in the queue if `keep`.
pub fn msg_receive_large(
    from: Name,
    timeout: Option<Duration>,
    most: usize,
    keep: bool,
) -> Result<Message> {
    let deadline = timeout.map(|t| Instant::now() + t);
    let task = current_task();
    let mut u = universe();
    loop {
        let state = u.tasks.get_mut(&task).ok_or(Error::KERN_TERMINATED)?;
        if state.dead {
            return Err(Error::KERN_TERMINATED);
        }
        if from == 0
            && let Some(token) = state.windows_gone.pop_front()
        {
            return Ok(Message {
                port: 0,
                payload: None,
                label: WINDOW_GONE,
                words: vec![token].into(),
                rights: CarriedList::new(),
                seqno: 0,
            });
        }
        let found = u
            .ports
            .iter()
            .filter(|(_, p)| !p.queue.is_empty())
            .filter_map(|(id, p)| p.receiver.map(|(owner, name)| (*id, owner, name)))
            .find(|(_, owner, name)| *owner == task && (from == 0 || from == *name))
            .map(|(id, _, name)| (id, name));
        if let Some((id, name)) = found {
            let port = u.ports.get_mut(&id).expect("just found");
            let is_large = |queued: &Queued| queued.rights.len() + queued.words.len() > most;
            if port.queue.front().is_some_and(is_large) {
                if !keep && let Some(queued) = port.queue.pop_front() {
                    for right in queued.rights {
                        u.discard(right);
                    }
                    CHANGED.notify_all();
                }
                return Err(Error::MACH_RCV_TOO_LARGE);
            }
            let queued = port.queue.pop_front().expect("not empty");
            let seqno = port.seqno;
            port.seqno += 1;
            let rights = queued
                .rights
                .into_iter()
                .map(|right| u.copy_out(task, right))
                .collect();
            CHANGED.notify_all();
            return Ok(Message {
                port: name,
                payload: None,
                label: queued.label,
                words: queued.words.into(),
                rights,
                seqno,
            });
        }
        let timed_out;
        (u, timed_out) = wait_until(u, deadline);
        if timed_out {
            return Err(Error::MACH_RCV_TIMED_OUT);
        }
    }
}

/// A new port; its receive right's name.
pub fn port_allocate() -> Result<Name> {
    let task = current_task();
    Ok(universe().new_port(task))
}

/// Releases one user reference of a send, send-once or dead name.
pub fn port_deallocate(name: Name) -> Result<()> {
    let mut u = universe();
    let e = u.entry(name)?;
    if e.dead > 0 {
        e.dead -= 1;
    } else if e.once {
        e.once = false;
        let port = e.port;
        if let Some(port) = port {
            u.notify(port, Notification::SendOnce, &[]);
        }
    } else if e.sends > 0 {
        e.sends -= 1;
        if e.sends == 0
            && let Some(port) = e.port
        {
            u.drop_send(port);
        }
    } else {
        return Err(Error::KERN_INVALID_RIGHT);
    }
    u.free_if_unused(name);
    Ok(())
}

/// Destroys every right of the name.
pub fn port_destroy(name: Name) -> Result<()> {
    let mut u = universe();
    let e = u.entry(name)?;
    let (port, receive) = (e.port, e.receive);
    let references = e.sends + e.dead + e.once as u32;
    if receive && let Some(port) = port {
        u.port_dies(port);
    }
    drop(u);
    for _ in 0..references {
        let _ = port_deallocate(name);
    }
    let mut u = universe();
    u.free_if_unused(name);
    Ok(())
}

/// Changes the number of user references of one kind of right.
pub fn port_mod_refs(name: Name, right: PortRight, delta: i32) -> Result<()> {
    let mut u = universe();
    let e = u.entry(name)?;
    match right {
        PortRight::Receive => {
            if !e.receive {
                return Err(Error::KERN_INVALID_RIGHT);
            }
            match delta {
                0 => return Ok(()),
                -1 => {}
                _ => return Err(Error::KERN_INVALID_VALUE),
            }
            let port = e.port.ok_or(Error::KERN_INVALID_RIGHT)?;
            u.port_dies(port);
        }
        PortRight::Send if e.sends > 0 => {
            let sends = e
                .sends
                .checked_add_signed(delta)
                .ok_or(Error::KERN_INVALID_VALUE)?;
            e.sends = sends;
            if sends == 0
                && let Some(port) = e.port
            {
                u.drop_send(port);
            }
        }
        PortRight::DeadName if e.dead > 0 => {
            e.dead = e
                .dead
                .checked_add_signed(delta)
                .ok_or(Error::KERN_INVALID_VALUE)?;
        }
        PortRight::SendOnce if e.once && delta == -1 => {
            drop(u);
            return port_deallocate(name);
        }
        _ => return Err(Error::KERN_INVALID_RIGHT),
    }
    u.free_if_unused(name);
    Ok(())
}

/// Inserts a right into a space under a name; here only a send right made from the receive right
/// of that very name, in the current task.
pub fn port_insert_right(task: Name, name: Name, right: RightArg) -> Result<Name> {
    if task != TASK_SELF {
        return Err(Error::KERN_INVALID_TASK);
    }
    let mut u = universe();
    let owner = u.names.get(&right.name).map_or(current_task(), |e| e.task);
    let moving = u.copy_in(right).map_err(|_| Error::KERN_INVALID_RIGHT)?;
    let raw = u.copy_out(owner, moving).into_raw() & 0x0fff_ffff;
    if name != 0 && raw != name {
        return Err(Error::KERN_RIGHT_EXISTS);
    }
    Ok(raw)
}

/// What is known of a receive right.
pub fn port_receive_status(name: Name) -> Result<ReceiveStatus> {
    let mut u = universe();
    let e = u.entry(name)?;
    let port = e
        .port
        .filter(|_| e.receive)
        .ok_or(Error::KERN_INVALID_RIGHT)?;
    let p = u.ports.get(&port).ok_or(Error::KERN_INVALID_RIGHT)?;
    Ok(ReceiveStatus {
        mscount: p.made,
        seqno: p.seqno,
        qlimit: p.queue_limit as u32,
        msgcount: p.queue.len() as u32,
        sorights: p.onces,
        srights: p.senders > 0,
    })
}

/// How many user references of a kind of right a name has.
pub fn port_get_refs(name: Name, right: PortRight) -> Result<u32> {
    let mut u = universe();
    let e = u.entry(name)?;
    Ok(match right {
        PortRight::Send => e.sends,
        PortRight::Receive => e.receive as u32,
        PortRight::SendOnce => e.once as u32,
        PortRight::DeadName => e.dead,
        PortRight::PortSet => 0,
    })
}

/// Asks to be told of `kind` about `name` by a send-once right made from the receive right
/// `notify` (0 takes a request back).
pub fn request_notification(name: Name, kind: Notification, sync: u32, notify: Name) -> Result<()> {
    let mut u = universe();
    let to = if notify == 0 {
        None
    } else {
        let argument = RightArg {
            name: notify,
            disposition: Disposition::MakeSendOnce,
        };
        match u
            .copy_in(argument)
            .map_err(|_| Error::KERN_INVALID_CAPABILITY)?
        {
            Moving::Once(port) => Some(port),
            _ => return Err(Error::KERN_INVALID_CAPABILITY),
        }
    };
    let undo = |u: &mut Universe| {
        if let Some(p) = to.and_then(|to| u.ports.get_mut(&to)) {
            p.onces -= 1;
        }
    };
    let Some(e) = u.names.get_mut(&name) else {
        undo(&mut u);
        return Err(Error::KERN_INVALID_NAME);
    };
    let old = match (kind, e.port) {
        (Notification::NoSenders, Some(port)) if e.receive => {
            let p = u.ports.get_mut(&port).expect("live");
            let old = p.no_senders.take();
            if p.senders == 0 && sync <= p.made {
                let made = p.made as u64;
                if let Some(to) = to {
                    u.notify(to, Notification::NoSenders, &[made]);
                }
            } else {
                p.no_senders = to;
            }
            old
        }
        (Notification::DeadName, Some(_)) if e.sends > 0 || e.once || e.receive => {
            std::mem::replace(&mut e.dead_request, to)
        }
        (Notification::DeadName, None) if e.dead > 0 && to.is_some() && sync != 0 => {
            e.dead += 1;
            u.notify(to.expect("some"), Notification::DeadName, &[name as u64]);
            None
        }
        (Notification::DeadName, None) => {
            undo(&mut u);
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        (Notification::NoSenders | Notification::DeadName, _) => {
            undo(&mut u);
            return Err(Error::KERN_INVALID_RIGHT);
        }
        _ => {
            undo(&mut u);
            return Err(Error::KERN_INVALID_VALUE);
        }
    };
    if let Some(old) = old {
        u.notify(old, Notification::SendOnce, &[]);
    }
    Ok(())
}

/// Waits at an address for as long as it holds `value`, until woken or until `timeout`.
pub fn gsync_wait(address: &AtomicU32, value: u32, timeout: Option<Duration>) -> Wait {
    let deadline = timeout.map(|t| Instant::now() + t);
    clobber_buffer();
    let key = address as *const AtomicU32 as usize;
    let mut parked = PARKED.lock().unwrap_or_else(|p| p.into_inner());
    if address.load(Ordering::SeqCst) != value {
        return Wait::Woken;
    }
    let me = THREAD.get();
    parked.push_back((key, me));
    loop {
        let timed_out;
        (parked, timed_out) = match deadline {
            None => (
                UNPARK.wait(parked).unwrap_or_else(|p| p.into_inner()),
                false,
            ),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                let (guard, result) = UNPARK
                    .wait_timeout(parked, left)
                    .unwrap_or_else(|p| p.into_inner());
                (guard, result.timed_out())
            }
        };
        let Some(at) = parked.iter().position(|waiter| *waiter == (key, me)) else {
            return Wait::Woken;
        };
        if timed_out {
            parked.remove(at);
            return Wait::TimedOut;
        }
    }
}

/// Wakes one waiter at an address, or all. The address need not be valid any more.
pub fn gsync_wake(address: *const AtomicU32, all: bool) {
    clobber_buffer();
    let key = address as usize;
    let mut parked = PARKED.lock().unwrap_or_else(|p| p.into_inner());
    if all {
        parked.retain(|(waiter, _)| *waiter != key);
    } else if let Some(at) = parked.iter().position(|(waiter, _)| *waiter == key) {
        parked.remove(at);
    }
    UNPARK.notify_all();
}

/// Who waits where: address and thread, the longest waiting first. Who is not there has been woken.
static PARKED: Mutex<VecDeque<(usize, u32)>> = Mutex::new(VecDeque::new());
static UNPARK: Condvar = Condvar::new();

/// Starts a thread of the current task.
pub fn thread_spawn(f: Box<dyn FnOnce() + Send>) -> Result<()> {
    let task = current_task();
    std::thread::Builder::new()
        .spawn(move || {
            TASK.set(task);
            f()
        })
        .map(drop)
        .map_err(|_| Error::KERN_RESOURCE_SHORTAGE)
}

/// Lets other threads run.
pub fn yield_now() {
    std::thread::yield_now();
}

/// Time since the system started.
pub fn now() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// Time since the beginning of 1970, UTC.
pub fn realtime() -> Duration {
    std::time::SystemTime::now()
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// Unguessable on the machine; here a fixed sequence.
pub fn random() -> u64 {
    let mut state = RANDOM.lock().unwrap_or_else(|p| p.into_inner());
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Writes a line to the system's log.
pub fn log(text: &str) {
    std::eprintln!("{text}");
}

/// Ends this task, with the process that it is in.
pub fn exit() -> ! {
    std::process::exit(0)
}
