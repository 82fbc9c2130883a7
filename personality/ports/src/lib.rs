//! The server library: objects behind ports, worker threads, notifications.
//!
//! A [`Server`] holds a table from port names to [`Object`]s. A call's badge is the name, so the
//! object is found with one look. A pool of threads serves calls, and grows while all its threads
//! are busy; one-way messages and notifications have a thread that never waits for anybody and a
//! pool of their own.
//!
//! A port lives as long as somebody holds a send right of it, or a [`Port`] in this program. When
//! the last send right goes, [`Object::no_senders`] is called and the port is dropped.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use core::time::Duration;
use interface::{interrupt, notify};
use machuser::right::RightOwner;
use machuser::server::{Answer, MessageBuffer};
use machuser::sync::{Cancel, Condvar, Mutex, RwLock};
use machuser::sys::{self, Incoming, Message, Notification};
use machuser::wire::WINDOW_GONE;
use machuser::{
    AsName, Call, Error, Name, Outcome, ReceiveRight, Request, Result, Right, SendRight, thread,
    window,
};

/// What is behind a port.
pub trait Object: Any + Send + Sync {
    /// Serves a request, mostly by the `dispatch` functions of its interfaces. Called on several
    /// threads at a time. `interrupt_operation` and notifications never come here.
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome;

    /// The class that the port belongs to: for [`Server::inhibit`] and [`Server::count`].
    fn class(&self) -> u32 {
        0
    }

    /// Whose requests come to the port, see [`client_of`]: no client gets all the threads. It is
    /// asked under locks of the server's, and must take none.
    fn client(&self) -> u64 {
        TRUSTED
    }

    /// The last send right is gone; after this the port is dropped. Requests that it still served
    /// have been cancelled.
    fn no_senders(&self) {}
}

/// The client whose requests are not counted: ports that no user gets.
pub const TRUSTED: u64 = 0;

/// The client that a user with these ids is: users are told apart by the first one, those without
/// any are one.
pub fn client_of(uids: &[u32]) -> u64 {
    uids.first().map_or(1, |uid| u64::from(*uid) + 2)
}

/// Threads that serve calls, at most, unless [`Server::set_thread_limit`] says otherwise.
pub const DEFAULT_THREADS: usize = 1024;
/// Up to this number of threads it does not matter who uses them.
const UNCOUNTED_THREADS: usize = 16;
/// The part of all threads that any client may use, whatever is left.
const LEAST_SHARE: usize = 16;
/// Threads that are kept though they have nothing to do.
const IDLE_THREADS: usize = 8;
/// Threads that serve one-way messages, at most.
const MESSAGE_THREADS: usize = 32;
/// One-way messages that wait for a thread, at most.
const MESSAGE_BACKLOG: usize = 256;
/// Bits of a name that are its index.
const INDEX: u32 = 0xf_ffff;

/// How often, and at which distance, [`Server::is_unused`] looks.
const UNUSED_ROUNDS: usize = 10;
const UNUSED_PAUSE: Duration = Duration::from_millis(10);

struct Entry {
    right: ReceiveRight,
    object: Arc<dyn Object>,
    server: Weak<Server>,
    /// Whether a send right has ever been given out.
    made: AtomicBool,
    /// Whether the last send right went while this program still held the port.
    idle: AtomicBool,
    /// How many [`Port`]s there are.
    handles: AtomicUsize,
    /// The mach server has destroyed the port already. Its name may be that of another one.
    gone: AtomicBool,
}

impl Entry {
    /// The port's name as long as there is the port; then the dead name.
    fn live_name(&self) -> Name {
        if self.gone.load(Ordering::SeqCst) { machuser::DEAD } else { self.right.as_raw() }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.gone.load(Ordering::SeqCst) {
            let right = core::mem::replace(&mut self.right, ReceiveRight::from_raw(machuser::NULL));
            let _ = right.into_raw();
        }
    }
}

/// A port of this server. While it exists, the port stays, even without send rights.
pub struct Port(Arc<Entry>);

impl Clone for Port {
    fn clone(&self) -> Port {
        Port::new(self.0.clone())
    }
}

impl Port {
    fn new(entry: Arc<Entry>) -> Port {
        entry.handles.fetch_add(1, Ordering::SeqCst);
        Port(entry)
    }

    /// Its name.
    pub fn name(&self) -> Name {
        self.0.right.as_raw()
    }

    /// The object behind it.
    pub fn object(&self) -> &Arc<dyn Object> {
        &self.0.object
    }

    /// A send right for a message.
    pub fn right(&self) -> Right<'static> {
        Right::make_send_owned(self.0.live_name(), Arc::new(Given(self.clone())))
    }

    /// A send right for this program itself. The port has a sender as long as it is kept.
    pub fn make_send(&self) -> Result<SendRight> {
        if self.0.gone.load(Ordering::SeqCst) {
            return Err(Error::KERN_INVALID_NAME);
        }
        let right = self.0.right.make_send()?;
        self.0.made.store(true, Ordering::SeqCst);
        Ok(right)
    }
}

impl core::fmt::Debug for Port {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Port({:#x})", self.name())
    }
}

impl AsName for Port {
    fn as_name(&self) -> Name {
        self.0.made.store(true, Ordering::SeqCst);
        self.0.live_name()
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let last = self.0.handles.fetch_sub(1, Ordering::SeqCst) == 1;
        let unused = !self.0.made.load(Ordering::SeqCst) || self.0.idle.load(Ordering::SeqCst);
        if last
            && unused
            && !self.0.gone.load(Ordering::SeqCst)
            && let Some(server) = self.0.server.upgrade()
        {
            server.remove_if_unused(self.0.right.as_raw());
        }
    }
}

/// A send right on its way out.
struct Given(Port);

impl RightOwner for Given {
    fn sent(&self) {
        self.0.0.made.store(true, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Worker {
    cancel: Cancel,
    class: AtomicU32,
}

#[derive(Default)]
struct Inhibition {
    /// Classes, and how often.
    classes: BTreeMap<u32, usize>,
}

/// One-way messages on their way to a thread.
#[derive(Default)]
struct Backlog {
    waiting: VecDeque<(u64, Message)>,
    /// How many messages of each client are being served.
    served: BTreeMap<u64, usize>,
    threads: usize,
    idle: usize,
}

impl Backlog {
    /// Takes a message in, unless its client has as many there as are left for others.
    fn push(&mut self, client: u64, message: Message) -> core::result::Result<(), Message> {
        let theirs = self.waiting.iter().filter(|(c, _)| *c == client).count();
        if theirs >= MESSAGE_BACKLOG - self.waiting.len() {
            return Err(message);
        }
        self.waiting.push_back((client, message));
        Ok(())
    }

    /// The first message whose client does not use as many threads as are left for others.
    fn pop(&mut self) -> Option<(u64, Message)> {
        let left = MESSAGE_THREADS.saturating_sub(self.served.values().sum());
        let may = |client: &u64| self.served.get(client).copied().unwrap_or(0) < left;
        let at = self.waiting.iter().position(|(client, _)| may(client))?;
        let (client, message) = self.waiting.remove(at)?;
        *self.served.entry(client).or_default() += 1;
        Some((client, message))
    }

    /// A message has been served.
    fn done(&mut self, client: u64) {
        if let Some(count) = self.served.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                self.served.remove(&client);
            }
        }
    }
}

type DeathCallback = Box<dyn FnOnce() + Send>;

/// A program's server: its ports and its threads.
pub struct Server {
    me: Weak<Server>,
    table: RwLock<Vec<Option<Arc<Entry>>>>,
    workers: RwLock<Vec<Arc<Worker>>>,
    thread_limit: AtomicUsize,
    threads: AtomicUsize,
    idle: AtomicUsize,
    backlog: Mutex<Backlog>,
    backlog_filled: Condvar,
    inhibited: AtomicU32,
    inhibition: Mutex<Inhibition>,
    inhibition_changed: Condvar,
    /// Where the mach server tells of dead names; nobody else has a right of it.
    deaths: ReceiveRight,
    on_death: Mutex<BTreeMap<Name, Vec<DeathCallback>>>,
    stopped: AtomicBool,
    /// The thread that runs `finish` when it has replied; 0 for none.
    finishing: AtomicU32,
    finish: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl core::fmt::Debug for Server {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Server({} threads)", self.threads.load(Ordering::SeqCst))
    }
}

/// No new requests of a class, and none in progress but the caller's own, while this exists.
#[must_use]
pub struct Inhibited<'a> {
    server: &'a Server,
    class: u32,
}

impl Drop for Inhibited<'_> {
    fn drop(&mut self) {
        let mut inhibition = self.server.inhibition.lock();
        if let Some(count) = inhibition.classes.get_mut(&self.class) {
            *count -= 1;
            if *count == 0 {
                inhibition.classes.remove(&self.class);
            }
        }
        self.server.inhibited.fetch_sub(1, Ordering::SeqCst);
        self.server.inhibition_changed.notify_all();
    }
}

impl Server {
    /// A server without ports, whose threads do not run yet. A program has one: the threads take
    /// all messages to the program's ports.
    pub fn new() -> Result<Arc<Server>> {
        let deaths = ReceiveRight::allocate()?;
        Ok(Arc::new_cyclic(|me| Server {
            me: me.clone(),
            table: RwLock::new(Vec::new()),
            workers: RwLock::new(Vec::new()),
            thread_limit: AtomicUsize::new(DEFAULT_THREADS),
            threads: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
            backlog: Mutex::default(),
            backlog_filled: Condvar::new(),
            inhibited: AtomicU32::new(0),
            inhibition: Mutex::new(Inhibition::default()),
            inhibition_changed: Condvar::new(),
            deaths,
            on_death: Mutex::new(BTreeMap::new()),
            stopped: AtomicBool::new(false),
            finishing: AtomicU32::new(0),
            finish: Mutex::new(None),
        }))
    }

    /// Bounds the number of threads that serve calls; at least 2. The last free one never waits,
    /// so that requests which need not wait are served even when all others do. A client gets as
    /// many threads as it leaves to the others: its next request is refused with
    /// `KERN_RESOURCE_SHORTAGE`.
    pub fn set_thread_limit(&self, limit: usize) {
        self.thread_limit.store(limit.max(2), Ordering::SeqCst);
    }

    // ---- ports

    /// A new port for `object`. It goes when the last send right of it has gone and no [`Port`] is
    /// left.
    pub fn port(&self, object: Arc<dyn Object>) -> Result<Port> {
        self.adopt(ReceiveRight::allocate()?, object)
    }

    /// Serves a receive right that this program has got, with `object`.
    pub fn adopt(&self, right: ReceiveRight, object: Arc<dyn Object>) -> Result<Port> {
        let name = right.as_raw();
        let port = self.insert(right, object, false);
        sys::request_notification(name, Notification::NoSenders, 1, name)?;
        Ok(port)
    }

    /// A new port for `object`, of which the caller of `call` gets a send right as the first right
    /// of its reply: one call to the mach server less than [`Port::right`]. The request must be one
    /// whose reply has rights.
    pub fn reply_port(&self, call: &Call<'_>, object: Arc<dyn Object>) -> Result<Right<'static>> {
        self.reply_port_as(call, object, false)
    }

    /// The same for a port whose end is not urgent: [`Object::no_senders`] may come a millisecond
    /// late, which costs much less, unless [`Server::watch`] asks for more.
    pub fn reply_port_passing(
        &self,
        call: &Call<'_>,
        object: Arc<dyn Object>,
    ) -> Result<Right<'static>> {
        self.reply_port_as(call, object, true)
    }

    fn reply_port_as(
        &self,
        call: &Call<'_>,
        object: Arc<dyn Object>,
        passing: bool,
    ) -> Result<Right<'static>> {
        if call.is_message() || call.caller() == 0 {
            return Ok(self.port(object)?.right());
        }
        let (name, gone) = sys::reply_new_port(call.caller(), passing)?;
        for name in gone {
            if name != 0 {
                self.ended(name);
            }
        }
        let _port = self.insert(ReceiveRight::from_raw(name), object, true);
        if !sys::REPLY_PORTS_ARE_TRANSIENT {
            sys::request_notification(name, Notification::NoSenders, 1, name)?;
        }
        Ok(Right::already_sent())
    }

    /// From now on the end of the port that `call` came to is told at once: it has become urgent.
    pub fn watch(&self, call: &Call<'_>) -> Result<()> {
        let name = call.port();
        if sys::REPLY_PORTS_ARE_TRANSIENT {
            sys::request_notification(name, Notification::NoSenders, 1, name)?;
        }
        Ok(())
    }

    fn insert(&self, right: ReceiveRight, object: Arc<dyn Object>, made: bool) -> Port {
        let index = (right.as_raw() & INDEX) as usize;
        let entry = Arc::new(Entry {
            right,
            object,
            server: self.me.clone(),
            made: AtomicBool::new(made),
            idle: AtomicBool::new(false),
            handles: AtomicUsize::new(1),
            gone: AtomicBool::new(false),
        });
        let mut table = self.table.write();
        if table.len() <= index {
            table.resize_with(index + 1, || None);
        }
        let displaced = table[index].replace(entry.clone());
        drop(table);
        if let Some(displaced) = displaced {
            // Its name was free for another port: it has gone, and word of that is under way.
            self.entry_ended(&displaced);
        }
        Port(entry)
    }

    #[inline(always)]
    fn find(&self, name: Name) -> Option<Arc<Entry>> {
        let table = self.table.read();
        let entry = table.get((name & INDEX) as usize)?.as_ref()?;
        (entry.right.as_raw() == name).then(|| entry.clone())
    }

    /// The port of a name, for instance of the request being served.
    pub fn port_of(&self, name: Name) -> Option<Port> {
        // Under the lock, so that the entry is not removed meanwhile.
        let table = self.table.read();
        let entry = table.get((name & INDEX) as usize)?.as_ref()?;
        (entry.right.as_raw() == name).then(|| Port::new(entry.clone()))
    }

    /// The object of one of this server's own ports, of which somebody sent a right.
    pub fn object_of<T: Object>(&self, right: &(impl AsName + ?Sized)) -> Option<Arc<T>> {
        let object: Arc<dyn Any + Send + Sync> = self.find(right.as_name())?.object.clone();
        object.downcast().ok()
    }

    /// Takes a port out of service: its rights become dead names as soon as no [`Port`] of it is
    /// left.
    pub fn destroy(&self, port: &Port) {
        if !port.0.gone.load(Ordering::SeqCst) {
            self.cancel_requests(port.name(), None);
            let entry = self.take(port.name(), |entry| Arc::ptr_eq(entry, &port.0));
            drop(entry);
        }
    }

    fn take(&self, name: Name, condition: impl Fn(&Arc<Entry>) -> bool) -> Option<Arc<Entry>> {
        let mut table = self.table.write();
        let slot = table.get_mut((name & INDEX) as usize)?;
        let matches = slot
            .as_ref()
            .is_some_and(|e| e.right.as_raw() == name && condition(e));
        if matches { slot.take() } else { None }
    }

    /// Removes the port if there are no send rights and this program does not hold it.
    fn remove_if_unused(&self, name: Name) {
        match sys::port_receive_status(name) {
            Ok(status) if status.srights => return,
            _ => {}
        }
        let unheld = |entry: &Arc<Entry>| entry.handles.load(Ordering::SeqCst) == 0;
        if let Some(entry) = self.take(name, unheld) {
            entry.object.no_senders();
        }
    }

    /// How many ports of a class there are.
    pub fn count(&self, class: u32) -> usize {
        let table = self.table.read();
        table
            .iter()
            .flatten()
            .filter(|entry| entry.object.class() == class)
            .count()
    }

    /// Whether a class has no ports, or soon has none: the last rights of a client that has just
    /// ended are told of a moment after its end.
    pub fn is_unused(&self, class: u32) -> bool {
        for _ in 0..UNUSED_ROUNDS {
            if self.count(class) == 0 {
                return true;
            }
            thread::sleep(UNUSED_PAUSE);
        }
        self.count(class) == 0
    }

    /// The ports of a class.
    pub fn ports(&self, class: u32) -> Vec<Port> {
        let table = self.table.read();
        let of_class = table
            .iter()
            .flatten()
            .filter(|entry| entry.object.class() == class);
        of_class.cloned().map(Port::new).collect()
    }

    /// Calls `f`, on the thread of notifications, when the port that `right` names dies. It must
    /// not wait for anything.
    pub fn on_death(&self, right: &SendRight, f: impl FnOnce() + Send + 'static) -> Result<()> {
        let name = right.as_raw();
        // Under the lock, so that a notification that comes at once finds the callback.
        let mut callbacks = self.on_death.lock();
        let list = callbacks.entry(name).or_default();
        if list.is_empty() {
            let deaths = self.deaths.as_raw();
            if let Err(error) = sys::request_notification(name, Notification::DeadName, 1, deaths) {
                callbacks.remove(&name);
                return Err(error);
            }
        }
        callbacks.entry(name).or_default().push(Box::new(f));
        Ok(())
    }

    // ---- interruption and inhibition

    /// Cancels what is being served for a port, except on the thread of `except`.
    fn cancel_requests(&self, port: Name, except: Option<&Cancel>) {
        for worker in self.workers.read().iter() {
            if !except.is_some_and(|cancel| core::ptr::eq(cancel, &worker.cancel)) {
                worker.cancel.cancel(Some(port));
            }
        }
    }

    /// Keeps new requests to ports of `class` waiting, cancels those in progress except the one
    /// that calls this (if it is of the class), and waits for their end. `EBUSY` if another thread
    /// does so already; `EINTR` if `call` is cancelled meanwhile.
    pub fn inhibit(&self, class: u32, call: &Call<'_>) -> Result<Inhibited<'_>> {
        let mut inhibition = self.inhibition.lock();
        if inhibition.classes.contains_key(&class) {
            return Err(Error::EBUSY);
        }
        inhibition.classes.insert(class, 1);
        self.inhibited.fetch_add(1, Ordering::SeqCst);
        let own = call.port();
        let inhibited = Inhibited {
            server: self,
            class,
        };
        let mut own_seen;
        loop {
            own_seen = false;
            let mut others = false;
            for worker in self.workers.read().iter() {
                let port = worker.cancel.port();
                if port == 0 || worker.class.load(Ordering::SeqCst) != class {
                    continue;
                }
                // One of the requests to this very port is the caller.
                if port == own && !own_seen {
                    own_seen = true;
                } else {
                    others = true;
                    worker.cancel.cancel(None);
                }
            }
            if !others {
                return Ok(inhibited);
            }
            drop(inhibition);
            call.check_cancelled()?;
            // The end of a request is announced; the time limit covers a request that began to
            // wait just after it was cancelled.
            inhibition = self.inhibition.lock();
            (inhibition, _) = self
                .inhibition_changed
                .wait_timeout(inhibition, Duration::from_millis(50));
        }
    }

    /// Marks the start of a request; waits while its class is inhibited.
    #[inline(always)]
    fn begin(&self, worker: &Worker, port: Name, class: u32) {
        worker.class.store(class, Ordering::SeqCst);
        worker.cancel.begin(port);
        if self.inhibited.load(Ordering::SeqCst) != 0 {
            self.begin_slowly(worker, port, class);
        }
    }

    #[cold]
    fn begin_slowly(&self, worker: &Worker, port: Name, class: u32) {
        loop {
            let mut inhibition = self.inhibition.lock();
            if !inhibition.classes.contains_key(&class) {
                return;
            }
            worker.cancel.end();
            self.inhibition_changed.notify_all();
            while inhibition.classes.contains_key(&class) {
                inhibition = self.inhibition_changed.wait(inhibition);
            }
            // Whoever inhibits next sees this request, since the lock is held.
            worker.cancel.begin(port);
        }
    }

    #[inline(always)]
    fn end(&self, worker: &Worker) {
        worker.cancel.end();
        if self.inhibited.load(Ordering::SeqCst) != 0 {
            drop(self.inhibition.lock());
            self.inhibition_changed.notify_all();
        }
    }

    /// Has `f` run by this thread after it has replied to the request that it serves: to end the
    /// program without leaving a caller without an answer.
    pub fn after_reply(&self, f: impl FnOnce() + Send + 'static) {
        *self.finish.lock() = Some(Box::new(f));
        self.finishing.store(thread::number(), Ordering::SeqCst);
    }

    #[inline]
    fn is_finishing(&self) -> bool {
        let number = self.finishing.load(Ordering::SeqCst);
        number != 0 && number == thread::number()
    }

    #[cold]
    fn run_finish(&self) {
        self.finishing.store(0, Ordering::SeqCst);
        let finish = self.finish.lock().take();
        if let Some(finish) = finish {
            finish();
        }
    }

    // ---- threads

    /// Serves until the program ends, with this thread as one of the workers. Answers the error
    /// for which it cannot go on.
    pub fn run(&self) -> Error {
        if let Err(error) = self.start_messages() {
            return error;
        }
        self.threads.fetch_add(1, Ordering::SeqCst);
        self.idle.fetch_add(1, Ordering::SeqCst);
        self.work(true)
    }

    /// Serves on threads of its own.
    pub fn start(&self) -> Result<()> {
        self.start_messages()?;
        self.add_worker()
    }

    fn start_messages(&self) -> Result<()> {
        let server = self.me.upgrade().ok_or(Error::KERN_TERMINATED)?;
        thread::try_spawn(move || server.receive_messages()).map(drop)
    }

    fn add_worker(&self) -> Result<()> {
        let server = self.me.upgrade().ok_or(Error::KERN_TERMINATED)?;
        self.threads.fetch_add(1, Ordering::SeqCst);
        // A thread that has yet to run counts as a free one: it will be.
        self.idle.fetch_add(1, Ordering::SeqCst);
        thread::try_spawn(move || {
            server.work(false);
        })
        .map(drop)
        .inspect_err(|_| {
            self.threads.fetch_sub(1, Ordering::SeqCst);
            self.idle.fetch_sub(1, Ordering::SeqCst);
        })
    }

    fn register(&self) -> Arc<Worker> {
        let worker = Arc::new(Worker::default());
        self.workers.write().push(worker.clone());
        worker
    }

    fn unregister(&self, worker: &Arc<Worker>) {
        self.workers
            .write()
            .retain(|other| !Arc::ptr_eq(other, worker));
    }

    /// Serves calls until there are none any more, or, unless the thread `stays`, enough others
    /// wait for them.
    fn work(&self, stays: bool) -> Error {
        let worker = self.register();
        let mut buffer = MessageBuffer::new();
        let mut next = sys::receive();
        let error = loop {
            let incoming = match next {
                Ok(incoming) => incoming,
                Err(error) => break error,
            };
            let last = self.idle.fetch_sub(1, Ordering::SeqCst) == 1;
            let answer = self.serve_call(&incoming, &mut buffer, &worker, last);
            let others = self.idle.fetch_add(1, Ordering::SeqCst);
            if self.is_finishing() {
                buffer.put(&answer);
                sys::reply(answer.label, answer.len, answer.mrs);
                self.run_finish();
                next = sys::receive();
                continue;
            }
            buffer.put(&answer);
            if !stays && others >= IDLE_THREADS {
                sys::reply(answer.label, answer.len, answer.mrs);
                self.end_worker(&worker);
                return Error::KERN_TERMINATED;
            }
            next = sys::reply_receive(answer.label, answer.len, answer.mrs);
        };
        self.stopped.store(true, Ordering::SeqCst);
        self.backlog_filled.notify_all();
        self.end_worker(&worker);
        error
    }

    fn end_worker(&self, worker: &Arc<Worker>) {
        self.unregister(worker);
        self.threads.fetch_sub(1, Ordering::SeqCst);
        self.idle.fetch_sub(1, Ordering::SeqCst);
    }

    /// Serves one call, on a thread with a receive loop of its own.
    pub fn serve(&self, incoming: &Incoming, buffer: &mut MessageBuffer) -> Answer {
        let worker = Worker::default();
        self.serve_call(incoming, buffer, &worker, false)
    }

    #[inline(always)]
    fn serve_call(
        &self,
        incoming: &Incoming,
        buffer: &mut MessageBuffer,
        worker: &Worker,
        last: bool,
    ) -> Answer {
        // This takes the words out of the thread's buffer, before anything can be called.
        let mut request = buffer.request(incoming, Some(&worker.cancel));
        let admitted = if last {
            self.grow(worker, incoming.badge)
        } else {
            worker.cancel.set_must_not_wait(false);
            Ok(())
        };
        match admitted.and_then(|()| self.find(incoming.badge).ok_or(Error::EOPNOTSUPP)) {
            Ok(entry) => self.dispatch(&entry, &mut request, worker),
            Err(error) => request.refuse(error),
        }
        request.into_answer()
    }

    /// The last free thread has a call: starts another one, or must not wait. Refuses the call of
    /// a client that uses its share of the threads already.
    #[cold]
    fn grow(&self, worker: &Worker, port: Name) -> Result<()> {
        let limit = self.thread_limit.load(Ordering::SeqCst);
        let threads = self.threads.load(Ordering::SeqCst);
        let entry = self.find(port).ok_or(Error::EOPNOTSUPP)?;
        let client = entry.object.client();
        if threads >= UNCOUNTED_THREADS && client != TRUSTED {
            let share = limit.saturating_sub(threads).max(limit / LEAST_SHARE);
            if self.busy_for(client) >= share {
                return Err(Error::KERN_RESOURCE_SHORTAGE);
            }
        }
        let may_wait = threads < limit && self.add_worker().is_ok();
        worker.cancel.set_must_not_wait(!may_wait);
        Ok(())
    }

    /// How many threads serve calls of a client.
    fn busy_for(&self, client: u64) -> usize {
        let table = self.table.read();
        let serves = |worker: &&Arc<Worker>| {
            let name = worker.cancel.port();
            let entry = table.get((name & INDEX) as usize).and_then(Option::as_ref);
            entry.is_some_and(|e| e.right.as_raw() == name && e.object.client() == client)
        };
        self.workers.read().iter().filter(serves).count()
    }

    #[inline(always)]
    fn dispatch(&self, entry: &Arc<Entry>, request: &mut Request<'_>, worker: &Worker) {
        if request.number() == interrupt::NUMBER_INTERRUPT_OPERATION {
            let interrupter = Interrupter {
                server: self,
                cancel: &worker.cancel,
            };
            let _ = interrupt::dispatch(&interrupter, request);
            return;
        }
        self.begin(worker, request.port(), entry.object.class());
        if entry.object.dispatch(request) == Outcome::Unknown
            && request.dispatch_common() == Outcome::Unknown
        {
            request.refuse(Error::MIG_BAD_ID);
        }
        self.end(worker);
    }

    fn receive_messages(&self) {
        while let Ok(message) = sys::msg_receive() {
            if message.label == WINDOW_GONE && message.port == 0 {
                if let Some(token) = message.words.first() {
                    window::gone(*token);
                }
            } else if message.port == 0 {
                self.notified_of_end(&message);
            } else if message.port == self.deaths.as_raw() {
                self.notified_of_death(&message);
            } else if (65..=72).contains(&message.label) {
                self.notified(&message);
            } else {
                self.queue_message(message);
            }
        }
        self.stopped.store(true, Ordering::SeqCst);
        self.backlog_filled.notify_all();
    }

    /// A port that [`sys::reply_new_port`] made has gone with its last send right.
    fn notified_of_end(&self, message: &Message) {
        if message.label == notify::NUMBER_MACH_NOTIFY_NO_SENDERS
            && let Some(word) = message.words.first()
            && let Ok(name) = Name::try_from(*word)
        {
            self.ended(name);
        }
    }

    fn ended(&self, name: Name) {
        if let Some(entry) = self.take(name, |_| true) {
            self.entry_ended(&entry);
        }
    }

    fn entry_ended(&self, entry: &Entry) {
        entry.gone.store(true, Ordering::SeqCst);
        self.cancel_requests(entry.right.as_raw(), None);
        entry.object.no_senders();
    }

    fn notified_of_death(&self, message: &Message) {
        let Some(name) = message
            .words
            .first()
            .and_then(|word| Name::try_from(*word).ok())
        else {
            return;
        };
        match message.label {
            notify::NUMBER_MACH_NOTIFY_DEAD_NAME => {
                // The notification came with a user reference of the dead name.
                drop(SendRight::from_raw(name));
                let callbacks = self.on_death.lock().remove(&name);
                callbacks
                    .into_iter()
                    .flatten()
                    .for_each(|callback| callback());
            }
            notify::NUMBER_MACH_NOTIFY_PORT_DELETED => {
                self.on_death.lock().remove(&name);
            }
            _ => {}
        }
    }

    /// A notification to a port that clients have rights of: a hint, to be checked.
    fn notified(&self, message: &Message) {
        if message.label != notify::NUMBER_MACH_NOTIFY_NO_SENDERS {
            return;
        }
        let name = message.port;
        let Some(entry) = self.find(name) else { return };
        let Ok(status) = sys::port_receive_status(name) else {
            return;
        };
        if status.srights {
            // Forged, or a right was made meanwhile; another notification may have to be asked for.
            let _ = sys::request_notification(name, Notification::NoSenders, 1, name);
            return;
        }
        self.cancel_requests(name, None);
        entry.idle.store(true, Ordering::SeqCst);
        if entry.handles.load(Ordering::SeqCst) == 0 {
            self.remove_if_unused(name);
        } else {
            // Somebody here may make a right again: then this is to be told once more. Whoever
            // drops the last Port looks at the idle mark.
            let next = status.mscount.wrapping_add(1);
            let _ = sys::request_notification(name, Notification::NoSenders, next, name);
        }
    }

    fn queue_message(&self, message: Message) {
        let Some(entry) = self.find(message.port) else {
            Request::from_message(message, None).refuse(Error::EOPNOTSUPP);
            return;
        };
        let mut backlog = self.backlog.lock();
        if let Err(message) = backlog.push(entry.object.client(), message) {
            drop(backlog);
            Request::from_message(message, None).refuse(Error::KERN_RESOURCE_SHORTAGE);
            return;
        }
        let more = backlog.waiting.len() > backlog.idle && backlog.threads < MESSAGE_THREADS;
        backlog.threads += usize::from(more);
        drop(backlog);
        self.backlog_filled.notify_one();
        if more
            && let Some(server) = self.me.upgrade()
            && thread::try_spawn(move || server.work_on_messages()).is_err()
        {
            // The threads there are serve it later; with none, it waits for the next try.
            self.backlog.lock().threads -= 1;
        }
    }

    fn work_on_messages(&self) {
        let worker = self.register();
        let mut backlog = self.backlog.lock();
        while !self.stopped.load(Ordering::SeqCst) {
            let Some((client, message)) = backlog.pop() else {
                if backlog.idle >= IDLE_THREADS {
                    break;
                }
                backlog.idle += 1;
                backlog = self.backlog_filled.wait(backlog);
                backlog.idle -= 1;
                continue;
            };
            drop(backlog);
            let name = message.port;
            let mut request = Request::from_message(message, Some(&worker.cancel));
            match self.find(name) {
                Some(entry) => self.dispatch(&entry, &mut request, &worker),
                None => request.refuse(Error::EOPNOTSUPP),
            }
            if self.is_finishing() {
                self.run_finish();
            }
            backlog = self.backlog.lock();
            backlog.done(client);
        }
        backlog.threads -= 1;
        drop(backlog);
        self.unregister(&worker);
    }
}

/// Serves `interrupt_operation` for any port.
struct Interrupter<'a> {
    server: &'a Server,
    cancel: &'a Cancel,
}

impl interrupt::Interrupt for Interrupter<'_> {
    fn interrupt_operation(&self, call: &Call<'_>) -> Result<()> {
        self.server.cancel_requests(call.port(), Some(self.cancel));
        Ok(())
    }
}
