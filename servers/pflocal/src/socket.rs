//! Sockets and their addresses.

use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};

use machuser::sync::{Condvar, Mutex, OnceLock, RwLock};
use machuser::{Call, Error, Result};
use ports::Port;

use crate::pipe::{Pipe, Watch};
use crate::queue::Kind;

/// What kind of socket (`SOCK_*`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// A connected stream of bytes.
    Stream,
    /// Packets without connection.
    Datagram,
    /// Packets over a connection.
    Packets,
}

impl Style {
    /// From the number in a request.
    pub fn from_number(number: i32) -> Result<Self> {
        match number {
            1 => Ok(Self::Stream),
            2 => Ok(Self::Datagram),
            5 => Ok(Self::Packets),
            _ => Err(Error::ESOCKTNOSUPPORT),
        }
    }

    /// The number in a request.
    pub const fn number(self) -> i32 {
        match self {
            Self::Stream => 1,
            Self::Datagram => 2,
            Self::Packets => 5,
        }
    }

    /// Whether two sockets belong together before anything is sent.
    pub const fn connects(self) -> bool {
        !matches!(self, Self::Datagram)
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Stream => Kind::Stream,
            Self::Datagram | Self::Packets => Kind::Packets,
        }
    }
}

/// Most connections that wait to be accepted, whatever is asked for.
const MOST_PENDING: usize = 128;

/// A socket. Its end ends what it was connected to.
pub struct Socket {
    /// Its kind.
    pub style: Style,
    /// What it reads from.
    pub inbox: Arc<Pipe>,
    /// Where it writes to.
    outbox: RwLock<Option<Arc<Pipe>>>,
    /// The address that it was bound to, or got.
    address: Mutex<Option<Port>>,
    peer_address: Mutex<Option<Port>>,
    listening: OnceLock<Listening>,
    /// The port that stands for it in `io_identity`.
    pub identity: OnceLock<Port>,
}

struct Listening {
    state: Mutex<Pending>,
    changed: Condvar,
}

struct Pending {
    limit: usize,
    sockets: VecDeque<Arc<Socket>>,
    watchers: alloc::vec::Vec<Arc<Watch>>,
}

/// An address: what a socket can be bound to, and found by.
#[derive(Default)]
pub struct Address {
    socket: Mutex<Option<Weak<Socket>>>,
}

impl Address {
    fn socket(&self) -> Option<Arc<Socket>> {
        self.socket.lock().as_ref()?.upgrade()
    }
}

impl Socket {
    /// A socket that is connected to nothing.
    pub fn new(style: Style) -> Arc<Self> {
        Arc::new(Self {
            style,
            inbox: Pipe::new(style.kind()),
            outbox: RwLock::new(None),
            address: Mutex::new(None),
            peer_address: Mutex::new(None),
            listening: OnceLock::new(),
            identity: OnceLock::new(),
        })
    }

    /// Where it writes to, if it is connected.
    #[inline]
    pub fn outbox(&self) -> Option<Arc<Pipe>> {
        self.outbox.read().clone()
    }

    /// Whether reads can ever find something.
    #[inline]
    pub fn can_read(&self) -> bool {
        !self.style.connects() || self.outbox.read().is_some()
    }

    fn attach(&self, outbox: Arc<Pipe>) -> Result<()> {
        let mut place = self.outbox.write();
        if place.is_some() && self.style.connects() {
            return Err(Error::EISCONN);
        }
        *place = Some(outbox);
        Ok(())
    }

    /// Connects two sockets to each other, or one to itself.
    pub fn pair(one: &Socket, other: &Socket) -> Result<()> {
        if one.style != other.style {
            return Err(Error::EINVAL);
        }
        if one.listening.get().is_some() || other.listening.get().is_some() {
            return Err(Error::EINVAL);
        }
        one.attach(other.inbox.clone())?;
        if !core::ptr::eq(one, other) {
            other.attach(one.inbox.clone())?;
        }
        Ok(())
    }

    /// Gives the socket an address. `EINVAL` if it has one, `EADDRINUSE` if another has that one.
    pub fn bind(self: &Arc<Self>, address: &Address, port: Port) -> Result<()> {
        let mut own = self.address.lock();
        if own.is_some() {
            return Err(Error::EINVAL);
        }
        let mut bound = address.socket.lock();
        if bound
            .as_ref()
            .is_some_and(|socket| socket.strong_count() != 0)
        {
            return Err(Error::EADDRINUSE);
        }
        *bound = Some(Arc::downgrade(self));
        *own = Some(port);
        Ok(())
    }

    /// The address of the socket, made by `make` if it has none.
    pub fn name(
        self: &Arc<Self>,
        make: impl FnOnce() -> Result<(Arc<Address>, Port)>,
    ) -> Result<Port> {
        let mut own = self.address.lock();
        if let Some(port) = &*own {
            return Ok(port.clone());
        }
        let (address, port) = make()?;
        *address.socket.lock() = Some(Arc::downgrade(self));
        *own = Some(port.clone());
        Ok(port)
    }

    /// The address of the socket, if it has one.
    pub fn bound(&self) -> Option<Port> {
        self.address.lock().clone()
    }

    /// The address of whom it is connected to.
    pub fn peer(&self) -> Result<Option<Port>> {
        if self.outbox.read().is_none() {
            return Err(Error::ENOTCONN);
        }
        Ok(self.peer_address.lock().clone())
    }

    /// Lets connections come.
    pub fn listen(&self, limit: i32) -> Result<()> {
        if !self.style.connects() {
            return Err(Error::EOPNOTSUPP);
        }
        if self.outbox.read().is_some() {
            return Err(Error::EISCONN);
        }
        let limit = usize::try_from(limit).unwrap_or(0).clamp(1, MOST_PENDING);
        let listening = self.listening.get_or_init(|| Listening {
            state: Mutex::new(Pending {
                limit,
                sockets: VecDeque::new(),
                watchers: alloc::vec::Vec::new(),
            }),
            changed: Condvar::new(),
        });
        listening.state.lock().limit = limit;
        Ok(())
    }

    /// Connects to the socket at an address.
    pub fn connect(
        self: &Arc<Self>,
        call: &Call<'_>,
        address: &Address,
        port: Port,
        nonblocking: bool,
    ) -> Result<()> {
        let target = address.socket().ok_or(Error::ECONNREFUSED)?;
        if target.style != self.style {
            return Err(Error::EPROTOTYPE);
        }
        if self.style == Style::Datagram {
            self.attach(target.inbox.clone())?;
            *self.peer_address.lock() = Some(port);
            return Ok(());
        }
        if self.listening.get().is_some() {
            return Err(Error::EOPNOTSUPP);
        }
        if self.outbox.read().is_some() {
            return Err(Error::EISCONN);
        }
        let listening = target.listening.get().ok_or(Error::ECONNREFUSED)?;
        let mut pending = listening.state.lock();
        while pending.sockets.len() >= pending.limit {
            if target.inbox.reader_closed() {
                return Err(Error::ECONNREFUSED);
            }
            if nonblocking {
                return Err(Error::EWOULDBLOCK);
            }
            pending = listening.changed.wait_cancellable(pending, call)?;
        }
        let server_side = Socket::new(self.style);
        Socket::pair(self, &server_side)?;
        *self.peer_address.lock() = Some(port.clone());
        *server_side.address.lock() = Some(port);
        *server_side.peer_address.lock() = self.bound();
        pending.sockets.push_back(server_side);
        for watch in &pending.watchers {
            watch.tell();
        }
        drop(pending);
        listening.changed.notify_all();
        Ok(())
    }

    /// Takes a connection, waiting for one.
    pub fn accept(&self, call: &Call<'_>, nonblocking: bool) -> Result<Arc<Socket>> {
        let listening = self.listening.get().ok_or(Error::EINVAL)?;
        let mut pending = listening.state.lock();
        loop {
            if let Some(socket) = pending.sockets.pop_front() {
                drop(pending);
                listening.changed.notify_all();
                return Ok(socket);
            }
            if nonblocking {
                return Err(Error::EWOULDBLOCK);
            }
            pending = listening.changed.wait_cancellable(pending, call)?;
        }
    }

    /// Whether it waits for connections.
    pub fn is_listening(&self) -> bool {
        self.listening.get().is_some()
    }

    /// Whether reading or accepting would not wait.
    pub fn readable(&self) -> bool {
        match self.listening.get() {
            Some(listening) => !listening.state.lock().sockets.is_empty(),
            None => !self.can_read() || self.inbox.readable(),
        }
    }

    /// Whether writing would not wait.
    pub fn writable(&self) -> bool {
        self.outbox().is_none_or(|outbox| outbox.writable())
    }

    /// Has `watch` told of changes of what the socket reads and writes, or no more.
    pub fn watch(&self, watch: &Arc<Watch>, on: bool) {
        if let Some(listening) = self.listening.get() {
            let mut pending = listening.state.lock();
            if on {
                pending.watchers.push(watch.clone());
            } else {
                pending.watchers.retain(|other| !Arc::ptr_eq(other, watch));
            }
        }
        for pipe in [Some(self.inbox.clone()), self.outbox()]
            .into_iter()
            .flatten()
        {
            if on {
                pipe.watch(watch)
            } else {
                pipe.unwatch(watch)
            }
        }
    }

    /// Ends receiving (0), sending (1), or both (2).
    pub fn shut_down(&self, direction: i32) -> Result<()> {
        if !(0..=2).contains(&direction) {
            return Err(Error::EINVAL);
        }
        let outbox = self.outbox();
        if outbox.is_none() && self.style.connects() {
            return Err(Error::ENOTCONN);
        }
        if direction != 1 {
            self.inbox.close_reader();
        }
        if direction != 0
            && let Some(outbox) = outbox
        {
            outbox.close_writer();
        }
        Ok(())
    }

    /// Whether it is one end of a pipe: only one direction is left.
    pub fn is_pipe_end(&self) -> bool {
        let sends = self.outbox().is_some_and(|outbox| !outbox.writer_closed());
        sends == self.inbox.reader_closed() && self.style == Style::Stream && self.can_read()
    }

    /// The inbox of the socket at an address, for one datagram.
    pub fn inbox_at(&self, address: &Address) -> Result<Arc<Pipe>> {
        let target = address.socket().ok_or(Error::ECONNREFUSED)?;
        if target.style != self.style {
            return Err(Error::EPROTOTYPE);
        }
        Ok(target.inbox.clone())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.inbox.close_reader();
        if self.style.connects()
            && let Some(outbox) = self.outbox()
        {
            outbox.close_writer();
        }
        if let Some(listening) = self.listening.get() {
            // Who waits to connect finds nobody; who was connected already, the end.
            listening.state.lock().sockets.clear();
            listening.changed.notify_all();
        }
    }
}
