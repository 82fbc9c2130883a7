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
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use interface::{interrupt, notify};
use machuser::objects::{Busy, Direct, Named, Objects, Seat};
use machuser::right::RightOwner;
use machuser::server::MessageBuffer;
use machuser::sync::{Cancel, Condvar, Mutex};
use machuser::sys::{self, Message, Notification};
use machuser::wire::WINDOW_GONE;
use machuser::{
    AsName, Call, Error, Name, Outcome, ReceiveRight, Request, Result, Right, SendRight, thread,
    window,
};

/// What is behind a port.
pub trait Object: Any + Send + Sync {
    /// Serves a request, mostly by the `dispatch` functions of its interfaces. Called on several
    /// threads at a time. `interrupt_operation`, which it does not know, is served for it.
    /// Notifications never come here.
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome;

    /// The class that the port belongs to: for [`Server::inhibit`] and [`Server::count`]. It is asked
    /// under locks of the server's, and must take none.
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

/// How often, and at which distance, [`Server::is_unused`] looks.
const UNUSED_ROUNDS: usize = 10;
const UNUSED_PAUSE: Duration = Duration::from_millis(10);

struct Entry {
    right: ReceiveRight,
    object: Direct<dyn Object>,
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
        if self.gone.load(Ordering::SeqCst) {
            machuser::DEAD
        } else {
            self.name()
        }
    }
}

impl Named for Entry {
    #[inline(always)]
    fn name(&self) -> Name {
        self.right.as_raw()
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
        Direct::owner(&self.0.object)
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

type Finish = Box<dyn FnOnce() + Send>;
type DeathCallback = Box<dyn FnOnce() + Send>;

/// A program's server: its ports and its threads.
pub struct Server {
    me: Weak<Server>,
    objects: Arc<Objects<Entry>>,
    thread_limit: AtomicUsize,
    threads: AtomicUsize,
    backlog: Mutex<Backlog>,
    backlog_filled: Condvar,
    inhibition: Mutex<Inhibition>,
    inhibition_changed: Condvar,
    /// Where the mach server tells of dead names; nobody else has a right of it.
    deaths: ReceiveRight,
    on_death: Mutex<BTreeMap<Name, Vec<(u64, DeathCallback)>>>,
    /// How many watches there have been.
    watches: AtomicU64,
    stopped: AtomicBool,
    /// What threads do when they have replied, by their numbers, and how much that is.
    finish: Mutex<Vec<(u32, Finish)>>,
    finishing: AtomicUsize,
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

/// The wish to hear of a port's death; it ends with this value.
#[must_use]
pub struct Watch<'s> {
    server: &'s Server,
    name: Name,
    number: u64,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let mut callbacks = self.server.on_death.lock();
        let Some(list) = callbacks.get_mut(&self.name) else {
            return;
        };
        list.retain(|(number, _)| *number != self.number);
        if list.is_empty() {
            callbacks.remove(&self.name);
            // Fails where the name has died or gone, and with it the request.
            let _ = sys::request_notification(self.name, Notification::DeadName, 0, 0);
        }
    }
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
        self.server.objects.release();
        self.server.inhibition_changed.notify_all();
    }
}

impl Server {
    /// A server without ports, whose threads do not run yet. A program has one: the threads take
    /// all messages to the program's ports.
    pub fn new() -> Result<Arc<Server>> {
        let deaths = ReceiveRight::allocate()?;
        let objects = Objects::new();
        // More than are kept, and one that serves.
        objects.mark_if_many(IDLE_THREADS + 2);
        Ok(Arc::new_cyclic(|me| Server {
            me: me.clone(),
            objects: Arc::new(objects),
            thread_limit: AtomicUsize::new(DEFAULT_THREADS),
            threads: AtomicUsize::new(0),
            backlog: Mutex::default(),
            backlog_filled: Condvar::new(),
            inhibition: Mutex::new(Inhibition::default()),
            inhibition_changed: Condvar::new(),
            deaths,
            on_death: Mutex::new(BTreeMap::new()),
            watches: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            finish: Mutex::new(Vec::new()),
            finishing: AtomicUsize::new(0),
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
        if name == gone[0] {
            self.begun_again(name, object);
            return Ok(Right::already_sent());
        }
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
        let entry = Arc::new(Entry {
            right,
            object: object.into(),
            server: self.me.clone(),
            made: AtomicBool::new(made),
            idle: AtomicBool::new(false),
            handles: AtomicUsize::new(1),
            gone: AtomicBool::new(false),
        });
        if let Some(displaced) = self.objects.insert(entry.clone()) {
            // Its name was free for another port: it has gone, and word of that is under way.
            self.entry_ended(&displaced);
        }
        Port(entry)
    }

    /// A port that its client gave back is a new one for `object` now.
    fn begun_again(&self, name: Name, object: Arc<dyn Object>) {
        if let Some(mut entry) = self.objects.remove(name, |_| true) {
            self.entry_ended(&entry);
            // Nobody else looks at what stood for the old port: it does for the new one, too.
            if let Some(unused) = Arc::get_mut(&mut entry) {
                let ended = core::mem::replace(&mut unused.object, object.into());
                *unused.gone.get_mut() = false;
                *unused.idle.get_mut() = false;
                self.objects.insert(entry);
                drop(ended);
                return;
            }
        }
        let _port = self.insert(ReceiveRight::from_raw(name), object, true);
    }

    fn find(&self, name: Name) -> Option<Arc<Entry>> {
        self.objects.with(name, Arc::clone)
    }

    /// The port of a name, for instance of the request being served.
    pub fn port_of(&self, name: Name) -> Option<Port> {
        // In the table, so that the entry is not removed meanwhile.
        self.objects.with(name, |entry| Port::new(entry.clone()))
    }

    /// The object of one of this server's own ports, of which somebody sent a right.
    pub fn object_of<T: Object>(&self, right: &(impl AsName + ?Sized)) -> Option<Arc<T>> {
        let entry = self.find(right.as_name())?;
        let object: Arc<dyn Any + Send + Sync> = Direct::owner(&entry.object).clone();
        object.downcast().ok()
    }

    /// Takes a port out of service: its rights become dead names as soon as no [`Port`] of it is
    /// left.
    pub fn destroy(&self, port: &Port) {
        if !port.0.gone.load(Ordering::SeqCst) {
            self.cancel_requests(port.name(), None);
            let own = |entry: &Entry| core::ptr::eq(entry, &*port.0);
            drop(self.objects.remove(port.name(), own));
        }
    }

    /// Removes the port if there are no send rights and this program does not hold it.
    fn remove_if_unused(&self, name: Name) {
        match sys::port_receive_status(name) {
            Ok(status) if status.srights => return,
            _ => {}
        }
        let unheld = |entry: &Entry| entry.handles.load(Ordering::SeqCst) == 0;
        if let Some(entry) = self.objects.remove(name, unheld) {
            entry.object.no_senders();
        }
    }

    /// How many ports of a class there are.
    pub fn count(&self, class: u32) -> usize {
        let mut count = 0;
        self.objects
            .for_each(|entry| count += usize::from(entry.object.class() == class));
        count
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
        let mut ports = Vec::new();
        self.objects.for_each(|entry| {
            if entry.object.class() == class {
                ports.push(Port::new(entry.clone()));
            }
        });
        ports
    }

    /// Calls `f`, on the thread of notifications, when the port that `right` names dies. It must
    /// not wait for anything.
    pub fn on_death(&self, right: &SendRight, f: impl FnOnce() + Send + 'static) -> Result<()> {
        self.watch_death(right, f).map(core::mem::forget)
    }

    /// The same for as long as the answer is kept.
    pub fn watch_death(
        &self,
        right: &SendRight,
        f: impl FnOnce() + Send + 'static,
    ) -> Result<Watch<'_>> {
        let name = right.as_raw();
        let number = self.watches.fetch_add(1, Ordering::Relaxed);
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
        let list = callbacks.entry(name).or_default();
        list.push((number, Box::new(f)));
        Ok(Watch {
            server: self,
            name,
            number,
        })
    }

    // ---- interruption and inhibition

    /// Cancels what is being served for a port, except on the thread of `except`.
    fn cancel_requests(&self, port: Name, except: Option<&Cancel>) {
        self.objects.for_each_request(|cancel, _| {
            if !except.is_some_and(|except| core::ptr::eq(cancel, except)) {
                cancel.cancel(Some(port));
            }
        });
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
        self.objects.hold();
        let own = call.port();
        let inhibited = Inhibited {
            server: self,
            class,
        };
        loop {
            let mut own_seen = false;
            let mut others = false;
            self.objects.for_each_request(|cancel, entry| {
                if entry.is_none_or(|entry| entry.object.class() != class) {
                    return;
                }
                // One of the requests to this very port is the caller.
                if cancel.port() == own && !own_seen {
                    own_seen = true;
                } else {
                    others = true;
                    cancel.cancel(None);
                    cancel.mark(|_| true);
                }
            });
            if !others {
                return Ok(inhibited);
            }
            if let Err(error) = call.check_cancelled() {
                // What ends with the inhibition takes the lock.
                drop(inhibition);
                return Err(error);
            }
            // The end of a request is announced; the time limit covers a request that began to
            // wait just after it was cancelled.
            (inhibition, _) = self
                .inhibition_changed
                .wait_timeout(inhibition, Duration::from_millis(50));
        }
    }

    /// Waits while the class of the request's port is inhibited.
    fn wait_for_admission(&self, busy: &mut Busy<'_, Entry>, port: Name) {
        let inhibited = |inhibition: &Inhibition| {
            let is = |entry: &Arc<Entry>| inhibition.classes.contains_key(&entry.object.class());
            self.objects.with(port, is) == Some(true)
        };
        // Whoever inhibits next sees this request.
        if !inhibited(&self.inhibition.lock()) {
            return;
        }
        busy.pause();
        let mut inhibition = self.inhibition.lock();
        self.inhibition_changed.notify_all();
        while inhibited(&inhibition) {
            inhibition = self.inhibition_changed.wait(inhibition);
        }
        // The lock is held, as above.
        busy.resume();
    }

    /// Lets those know who wait for the end of requests.
    #[cold]
    fn announce_end(&self) {
        drop(self.inhibition.lock());
        self.inhibition_changed.notify_all();
    }

    /// Has `f` run by this thread after it has replied to the request that it serves: for what must
    /// not leave the caller without an answer, such as the program's end.
    pub fn after_reply(&self, f: impl FnOnce() + Send + 'static) {
        self.finish.lock().push((thread::number(), Box::new(f)));
        self.finishing.fetch_add(1, Ordering::SeqCst);
        // One of these is this thread's.
        self.objects.for_each_request(|cancel, _| {
            cancel.mark(|_| true);
        });
    }

    /// What this thread does when it has replied.
    fn take_finish(&self) -> Vec<(u32, Finish)> {
        if self.finishing.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        let own = thread::number();
        let taken: Vec<_> = self.finish.lock().extract_if(.., |(number, _)| *number == own).collect();
        self.finishing.fetch_sub(taken.len(), Ordering::SeqCst);
        taken
    }

    // ---- threads

    /// Serves until the program ends, with this thread as one of the workers. Answers the error
    /// for which it cannot go on.
    pub fn run(&self) -> Error {
        if let Err(error) = self.start_messages() {
            return error;
        }
        self.threads.fetch_add(1, Ordering::SeqCst);
        self.work(self.objects.seat(true), true)
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
        let seat = self.objects.seat(true);
        thread::try_spawn(move || {
            server.work(seat, false);
        })
        .map(drop)
        .inspect_err(|_| {
            self.threads.fetch_sub(1, Ordering::SeqCst);
        })
    }

    /// Serves calls until there are none any more, or, unless the thread `stays`, enough others
    /// wait for them.
    fn work(&self, mut seat: Seat<Entry>, stays: bool) -> Error {
        let place = seat.place();
        let cancel = place.cancel();
        let mut buffer = MessageBuffer::new(Some(cancel));
        let mut next = sys::receive();
        let error = loop {
            let incoming = match next {
                Ok(incoming) => incoming,
                Err(error) => break error,
            };
            // This takes the words out of the thread's buffer, before anything can be called.
            let mut request = buffer.request(&incoming);
            let mut busy = seat.begin(incoming.badge);
            let entry = if busy.is_last() { None } else { busy.value() };
            let rare = match entry {
                Some(entry) => {
                    self.dispatch(entry, &mut request, cancel);
                    busy.end()
                }
                None => {
                    self.serve_rarely(busy, &mut request, cancel);
                    true
                }
            };
            if rare {
                self.announce_end();
                let finish = self.take_finish();
                if !finish.is_empty() {
                    buffer.reply();
                    finish.into_iter().for_each(|(_, f)| f());
                    next = sys::receive();
                    continue;
                }
                if !stays {
                    seat = match seat.leave_to(IDLE_THREADS) {
                        Some(seat) => seat,
                        None => {
                            buffer.reply();
                            self.threads.fetch_sub(1, Ordering::SeqCst);
                            return Error::KERN_TERMINATED;
                        }
                    };
                }
            }
            next = buffer.reply_receive();
        };
        self.stopped.store(true, Ordering::SeqCst);
        self.backlog_filled.notify_all();
        drop(seat);
        self.threads.fetch_sub(1, Ordering::SeqCst);
        error
    }

    /// Serves a call while requests are held, when its port is not there, or when this is the last
    /// free thread.
    #[cold]
    fn serve_rarely(&self, mut busy: Busy<'_, Entry>, request: &mut Request<'_>, cancel: &Cancel) {
        let port = request.port();
        let admitted = if busy.is_last() {
            self.grow(cancel, port)
        } else {
            Ok(())
        };
        match admitted {
            Ok(()) => self.serve_held(&mut busy, request, cancel),
            Err(error) => request.refuse(error),
        }
        cancel.set_must_not_wait(false);
    }

    /// Serves a request as soon as it is not held back by an inhibition.
    fn serve_held(&self, busy: &mut Busy<'_, Entry>, request: &mut Request<'_>, cancel: &Cancel) {
        if request.number() != interrupt::NUMBER_INTERRUPT_OPERATION {
            self.wait_for_admission(busy, request.port());
        }
        match busy.held_value() {
            Some(entry) => self.dispatch(entry, request, cancel),
            None => request.refuse(Error::EOPNOTSUPP),
        }
    }

    /// The last free thread has a call: starts another one, or must not wait. Refuses the call of
    /// a client that uses its share of the threads already.
    #[cold]
    fn grow(&self, cancel: &Cancel, port: Name) -> Result<()> {
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
        cancel.set_must_not_wait(!may_wait);
        Ok(())
    }

    /// How many threads serve calls of a client.
    fn busy_for(&self, client: u64) -> usize {
        let mut count = 0;
        self.objects.for_each_request(|_, entry| {
            count += usize::from(entry.is_some_and(|entry| entry.object.client() == client));
        });
        count
    }

    #[inline(always)]
    fn dispatch(&self, entry: &Entry, request: &mut Request<'_>, cancel: &Cancel) {
        if entry.object.dispatch(request) == Outcome::Unknown {
            self.dispatch_common(request, cancel);
        }
    }

    /// Serves the requests that every port has.
    #[cold]
    fn dispatch_common(&self, request: &mut Request<'_>, cancel: &Cancel) {
        let interrupter = Interrupter {
            server: self,
            cancel,
        };
        let outcome =
            interrupt::dispatch(&interrupter, request).or_else(|| request.dispatch_common());
        if outcome == Outcome::Unknown {
            request.refuse(Error::MIG_BAD_ID);
        }
    }

    fn receive_messages(&self) {
        let mut buffer = MessageBuffer::new(None);
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
                self.queue_message(message, &mut buffer);
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
        if let Some(entry) = self.objects.remove(name, |_| true) {
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
                    .for_each(|(_, callback)| callback());
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

    fn queue_message(&self, message: Message, buffer: &mut MessageBuffer<'_>) {
        let Some(entry) = self.find(message.port) else {
            buffer.message(message).refuse(Error::EOPNOTSUPP);
            return;
        };
        let mut backlog = self.backlog.lock();
        if let Err(message) = backlog.push(entry.object.client(), message) {
            drop(backlog);
            buffer
                .message(message)
                .refuse(Error::KERN_RESOURCE_SHORTAGE);
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
        let mut seat = self.objects.seat(false);
        let place = seat.place();
        let mut buffer = MessageBuffer::new(Some(place.cancel()));
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
            let mut busy = seat.begin(message.port);
            let mut request = buffer.message(message);
            match busy.value() {
                Some(entry) => self.dispatch(entry, &mut request, place.cancel()),
                None => self.serve_held(&mut busy, &mut request, place.cancel()),
            }
            if busy.end() {
                self.announce_end();
            }
            self.take_finish().into_iter().for_each(|(_, f)| f());
            backlog = self.backlog.lock();
            backlog.done(client);
        }
        backlog.threads -= 1;
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
