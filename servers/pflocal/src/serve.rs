//! The requests to sockets, addresses, and the server itself.

use alloc::sync::{Arc, Weak};
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI32, Ordering};
use core::time::Duration;

use interface::fs::{O_NONBLOCK, O_READ, O_WRITE};
use interface::io::{self, SELECT_READ, SELECT_WRITE, StatBuf, fstype, mode, pathconf};
use interface::socket;
use interface::types::TimeSpec;
use machuser::env::{self, init_port};
use machuser::sync::OnceLock;
use machuser::{Call, Data, DataOut, Error, Outcome, Request, Result, Right, SendRight, clock};
use ports::{Object, Port, Server, client_of};
use trivfs::{Node, Open, Translator};

use crate::pipe::{Watch, Writing};
use crate::queue::{ATOMIC, Extra};
use crate::socket::{Address, Socket, Style};

/// Threads that may wait in this server at a time.
pub const THREADS: usize = 4096;
/// The family of local addresses (`AF_LOCAL`).
const LOCAL: i32 = 1;
/// `MSG_PEEK`.
const PEEK: i32 = 0x2;
/// `MSG_TRUNC`.
const TRUNCATED: i32 = 0x10;
/// `MSG_DONTWAIT`.
const NONBLOCKING: i32 = 0x80;
/// `MSG_NOSIGNAL`, a client's own business.
const NO_SIGNAL: i32 = 0x400;
/// `SOL_SOCKET`.
const LEVEL_SOCKET: i32 = 0xffff;
/// `SO_ERROR`.
const OPTION_ERROR: i32 = 0x1007;
/// `SO_TYPE`.
const OPTION_TYPE: i32 = 0x1008;
/// Class of all ports here: as long as there is one, the program goes on.
const CLASS: u32 = trivfs::CLASS_FILE;

/// The node on which sockets are made.
#[derive(Default)]
pub struct Sockets {
    translator: OnceLock<Weak<Translator<Sockets>>>,
}

impl Sockets {
    /// Says as what translator the node runs.
    pub fn set_translator(&self, translator: &Arc<Translator<Sockets>>) {
        self.translator.get_or_init(|| Arc::downgrade(translator));
    }

    fn server(&self) -> Result<Arc<Server>> {
        let translator = self.translator.get().and_then(Weak::upgrade);
        Ok(translator.ok_or(Error::KERN_TERMINATED)?.server().clone())
    }
}

impl Node for Sockets {
    type State = ();

    const ALLOW_OPEN: i32 = O_READ | O_WRITE;
    const FSTYPE: i32 = fstype::SOCKET;

    fn stat(&self, _: &mut StatBuf) {}

    fn dispatch(&self, open: &Open<'_, Self>, request: &mut Request<'_>) -> Outcome {
        match self.server() {
            Ok(server) => {
                let client = client_of(open.user.uids());
                socket::dispatch(&Factory { server, client }, request)
            }
            Err(_) => Outcome::Unknown,
        }
    }
}

/// Makes sockets and addresses.
struct Factory {
    server: Arc<Server>,
    client: u64,
}

impl socket::Socket for Factory {
    fn socket_create(
        &self,
        call: &Call<'_>,
        sock_type: i32,
        protocol: i32,
    ) -> Result<Right<'static>> {
        let style = Style::from_number(sock_type)?;
        if protocol != 0 {
            return Err(Error::EPROTONOSUPPORT);
        }
        let user = User::new(&self.server, self.client, Socket::new(style), 0);
        self.server.reply_port(call, Arc::new(user))
    }

    /// Only addresses without a name can be made: names are the file systems'.
    fn socket_create_address(
        &self,
        call: &Call<'_>,
        sockaddr_type: i32,
        sockaddr: Vec<u8>,
    ) -> Result<Right<'static>> {
        if sockaddr_type != LOCAL {
            return Err(Error::EAFNOSUPPORT);
        }
        if sockaddr.len() > 2 {
            return Err(Error::EOPNOTSUPP);
        }
        self.socket_fabricate_address(call, sockaddr_type)
    }

    fn socket_fabricate_address(
        &self,
        call: &Call<'_>,
        sockaddr_type: i32,
    ) -> Result<Right<'static>> {
        if sockaddr_type != LOCAL {
            return Err(Error::EAFNOSUPPORT);
        }
        self.server
            .reply_port(call, Arc::new(AddressPort(Arc::default())))
    }
}

/// The port of an address.
struct AddressPort(Arc<Address>);

impl Object for AddressPort {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        socket::dispatch(self, request)
    }

    fn class(&self) -> u32 {
        CLASS
    }
}

impl socket::Socket for AddressPort {
    fn socket_whatis_address(&self, _: &Call<'_>) -> Result<(i32, Vec<u8>)> {
        // An address without a name: its length and family.
        Ok((LOCAL, vec![2, LOCAL as u8]))
    }
}

/// The port that stands for a socket.
struct Identity;

impl Object for Identity {
    fn dispatch(&self, _: &mut Request<'_>) -> Outcome {
        Outcome::Unknown
    }
}

/// A port of a socket.
pub struct User {
    server: Weak<Server>,
    /// Whose sockets these are.
    client: u64,
    socket: Arc<Socket>,
    /// The open modes that can be changed.
    modes: AtomicI32,
}

impl Object for User {
    #[inline]
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        io::dispatch(self, request).or_else(|| socket::dispatch(self, request))
    }

    fn class(&self) -> u32 {
        CLASS
    }

    fn client(&self) -> u64 {
        self.client
    }
}

impl User {
    fn new(server: &Arc<Server>, client: u64, socket: Arc<Socket>, modes: i32) -> Self {
        Self {
            server: Arc::downgrade(server),
            client,
            socket,
            modes: AtomicI32::new(modes),
        }
    }

    fn server(&self) -> Result<Arc<Server>> {
        self.server.upgrade().ok_or(Error::KERN_TERMINATED)
    }

    #[inline]
    fn nonblocking(&self) -> bool {
        self.modes.load(Ordering::Relaxed) & O_NONBLOCK != 0
    }

    fn sibling(&self) -> Result<Arc<User>> {
        let modes = self.modes.load(Ordering::Relaxed);
        Ok(Arc::new(User::new(
            &self.server()?,
            self.client,
            self.socket.clone(),
            modes,
        )))
    }

    /// The address that somebody shows, and its port.
    fn address(&self, right: Option<SendRight>) -> Result<(Arc<Address>, Port)> {
        let right = right.ok_or(Error::EDESTADDRREQ)?;
        let server = self.server()?;
        let object = server
            .object_of::<AddressPort>(&right)
            .ok_or(Error::EINVAL)?;
        let port = server.port_of(right.as_raw()).ok_or(Error::EINVAL)?;
        Ok((object.0.clone(), port))
    }

    fn select(&self, call: &Call<'_>, wanted: i32, until: Option<Duration>) -> Result<i32> {
        let ready = || {
            let readable = wanted & SELECT_READ != 0 && self.socket.readable();
            let writable = wanted & SELECT_WRITE != 0 && self.socket.writable();
            (if readable { SELECT_READ } else { 0 }) | if writable { SELECT_WRITE } else { 0 }
        };
        let now = ready();
        if now != 0 || until.is_some_and(|until| until <= clock::realtime()) {
            return Ok(now);
        }
        let watch = Arc::new(Watch::default());
        self.socket.watch(&watch, true);
        let result = loop {
            let now = ready();
            if now != 0 {
                break Ok(now);
            }
            let left = until.map(|until| until.saturating_sub(clock::realtime()));
            if left == Some(Duration::ZERO) {
                break Ok(0);
            }
            if let Err(error) = watch.wait(call, left) {
                break Err(error);
            }
        };
        self.socket.watch(&watch, false);
        result
    }
}

impl io::Io for User {
    #[inline]
    fn io_write(&self, call: &Call<'_>, data: Data<'_>, _offset: i64) -> Result<usize> {
        let outbox = self.socket.outbox().ok_or(Error::ENOTCONN)?;
        let how = Writing {
            nonblocking: self.nonblocking(),
            extra: Extra::default(),
        };
        outbox.write(call, &data, how)
    }

    #[inline]
    fn io_read(
        &self,
        call: &Call<'_>,
        _offset: i64,
        amount: usize,
        data: &mut DataOut<'_>,
    ) -> Result<()> {
        if !self.socket.can_read() {
            return Err(Error::ENOTCONN);
        }
        self.socket
            .inbox
            .read(call, amount, data, self.nonblocking(), false)
            .map(drop)
    }

    fn io_seek(&self, _: &Call<'_>, _offset: i64, _whence: i32) -> Result<i64> {
        Err(Error::ESPIPE)
    }

    fn io_readable(&self, _: &Call<'_>) -> Result<usize> {
        Ok(self.socket.inbox.available())
    }

    fn io_set_all_openmodes(&self, _: &Call<'_>, newbits: i32) -> Result<()> {
        self.modes.store(newbits & O_NONBLOCK, Ordering::Relaxed);
        Ok(())
    }

    fn io_get_openmodes(&self, _: &Call<'_>) -> Result<i32> {
        let reads = if self.socket.inbox.reader_closed() {
            0
        } else {
            O_READ
        };
        let closed = self
            .socket
            .outbox()
            .is_some_and(|outbox| outbox.writer_closed());
        let writes = if closed { 0 } else { O_WRITE };
        Ok(self.modes.load(Ordering::Relaxed) | reads | writes)
    }

    fn io_set_some_openmodes(&self, _: &Call<'_>, bits_to_set: i32) -> Result<()> {
        self.modes
            .fetch_or(bits_to_set & O_NONBLOCK, Ordering::Relaxed);
        Ok(())
    }

    fn io_clear_some_openmodes(&self, _: &Call<'_>, bits_to_clear: i32) -> Result<()> {
        self.modes
            .fetch_and(!(bits_to_clear & O_NONBLOCK), Ordering::Relaxed);
        Ok(())
    }

    fn io_select(&self, call: &Call<'_>, select_type: i32) -> Result<i32> {
        self.select(call, select_type, None)
    }

    fn io_select_timeout(&self, call: &Call<'_>, end: TimeSpec, select_type: i32) -> Result<i32> {
        let seconds = u64::try_from(end.seconds).unwrap_or(0);
        let nanoseconds = u32::try_from(end.nanoseconds.clamp(0, 999_999_999)).unwrap_or(0);
        self.select(call, select_type, Some(Duration::new(seconds, nanoseconds)))
    }

    fn io_stat(&self, _: &Call<'_>) -> Result<StatBuf> {
        let kind = if self.socket.is_pipe_end() {
            mode::S_IFIFO
        } else {
            mode::S_IFSOCK
        };
        Ok(StatBuf {
            fstype: fstype::SOCKET,
            ino: Arc::as_ptr(&self.socket) as u64,
            mode: kind | 0o666,
            nlink: 1,
            blksize: ATOMIC as u32,
            size: self.socket.inbox.available() as i64,
            ..StatBuf::default()
        })
    }

    fn io_reauthenticate(&self, _: &Call<'_>, rendezvous2: Option<SendRight>) -> Result<()> {
        let rendezvous = rendezvous2.ok_or(Error::EINVAL)?;
        let auth = env::port(init_port::AUTH).ok_or(Error::EOPNOTSUPP)?;
        let port = self.server()?.port(self.sibling()?)?;
        // Whoever holds the port may do everything with the socket, so the ids mean nothing.
        iohelp::server_authenticate(&*auth, &rendezvous, &|| port.right());
        Ok(())
    }

    fn io_restrict_auth(
        &self,
        call: &Call<'_>,
        _uids: Vec<u32>,
        _gids: Vec<u32>,
    ) -> Result<Right<'static>> {
        self.io_duplicate(call)
    }

    fn io_duplicate(&self, call: &Call<'_>) -> Result<Right<'static>> {
        self.server()?.reply_port(call, self.sibling()?)
    }

    fn io_server_version(&self, _: &Call<'_>) -> Result<(Vec<u8>, i32, i32, i32)> {
        Ok((b"pflocal".to_vec(), 0, 1, 0))
    }

    fn io_pathconf(&self, _: &Call<'_>, name: i32) -> Result<i32> {
        match name {
            pathconf::PIPE_BUF => Ok(ATOMIC as i32),
            pathconf::LINK_MAX | pathconf::CHOWN_RESTRICTED | pathconf::NO_TRUNC => Ok(1),
            pathconf::MAX_CANON | pathconf::MAX_INPUT | pathconf::PATH_MAX => Ok(-1),
            _ => Err(Error::EINVAL),
        }
    }

    fn io_identity(&self, _: &Call<'_>) -> Result<(Right<'static>, Right<'static>, u64)> {
        if self.socket.identity.get().is_none() {
            let port = self.server()?.port(Arc::new(Identity))?;
            self.socket.identity.get_or_init(|| port);
        }
        let port = self.socket.identity.get().ok_or(Error::KERN_FAILURE)?;
        Ok((port.right(), port.right(), Arc::as_ptr(&self.socket) as u64))
    }
}

impl socket::Socket for User {
    fn socket_listen(&self, _: &Call<'_>, queue_limit: i32) -> Result<()> {
        self.socket.listen(queue_limit)
    }

    fn socket_accept(&self, call: &Call<'_>) -> Result<(Right<'static>, Right<'static>)> {
        let accepted = self.socket.accept(call, self.nonblocking())?;
        let server = self.server()?;
        let address = match accepted.peer()? {
            Some(address) => address,
            None => server.port(Arc::new(AddressPort(Arc::default())))?,
        };
        let user = User::new(&server, self.client, accepted, 0);
        Ok((server.reply_port(call, Arc::new(user))?, address.right()))
    }

    fn socket_connect(&self, call: &Call<'_>, addr: Option<SendRight>) -> Result<()> {
        let (address, port) = self.address(addr)?;
        self.socket
            .connect(call, &address, port, self.nonblocking())
    }

    fn socket_bind(&self, _: &Call<'_>, addr: Option<SendRight>) -> Result<()> {
        let (address, port) = self.address(addr)?;
        self.socket.bind(&address, port)
    }

    fn socket_name(&self, _: &Call<'_>) -> Result<Right<'static>> {
        let server = self.server()?;
        let port = self.socket.name(|| {
            let address = Arc::new(Address::default());
            let port = server.port(Arc::new(AddressPort(address.clone())))?;
            Ok((address, port))
        })?;
        Ok(port.right())
    }

    fn socket_peername(&self, _: &Call<'_>) -> Result<Right<'static>> {
        let port = match self.socket.peer()? {
            Some(port) => port,
            None => self.server()?.port(Arc::new(AddressPort(Arc::default())))?,
        };
        Ok(port.right())
    }

    fn socket_connect2(&self, _: &Call<'_>, sock2: Option<SendRight>) -> Result<()> {
        let right = sock2.ok_or(Error::EINVAL)?;
        let other = self
            .server()?
            .object_of::<User>(&right)
            .ok_or(Error::EINVAL)?;
        Socket::pair(&self.socket, &other.socket)
    }

    fn socket_shutdown(&self, _: &Call<'_>, direction: i32) -> Result<()> {
        self.socket.shut_down(direction)
    }

    fn socket_getopt(&self, _: &Call<'_>, level: i32, option: i32) -> Result<Vec<u8>> {
        match (level, option) {
            (LEVEL_SOCKET, OPTION_TYPE) => Ok(self.socket.style.number().to_le_bytes().to_vec()),
            (LEVEL_SOCKET, OPTION_ERROR) => Ok(vec![0; 4]),
            _ => Err(Error::ENOPROTOOPT),
        }
    }

    fn socket_setopt(&self, _: &Call<'_>, _: i32, _: i32, _: Vec<u8>) -> Result<()> {
        Err(Error::ENOPROTOOPT)
    }

    fn socket_send(
        &self,
        call: &Call<'_>,
        addr: Option<SendRight>,
        flags: i32,
        data: Data<'_>,
        ports: Vec<Option<SendRight>>,
        control: Vec<u8>,
    ) -> Result<usize> {
        if flags & !(NONBLOCKING | NO_SIGNAL) != 0 {
            return Err(Error::EOPNOTSUPP);
        }
        let outbox = match addr {
            Some(_) if self.socket.style.connects() => return Err(Error::EISCONN),
            Some(addr) => self.socket.inbox_at(&self.address(Some(addr))?.0)?,
            None => self.socket.outbox().ok_or(Error::ENOTCONN)?,
        };
        let source = match self.socket.style {
            Style::Datagram => self
                .socket
                .bound()
                .map(|port| port.make_send())
                .transpose()?,
            Style::Stream | Style::Packets => None,
        };
        let extra = Extra {
            rights: ports.into_iter().flatten().collect(),
            control,
            source,
        };
        let nonblocking = self.nonblocking() || flags & NONBLOCKING != 0;
        match outbox.write(call, &data, Writing { nonblocking, extra }) {
            // Without a connection there is nothing that could be broken.
            Err(Error::EPIPE) if !self.socket.style.connects() => Err(Error::ECONNREFUSED),
            result => result,
        }
    }

    fn socket_recv(
        &self,
        call: &Call<'_>,
        flags: i32,
        amount: usize,
        data: &mut DataOut<'_>,
    ) -> Result<(Right<'static>, Vec<Right<'static>>, Vec<u8>, i32)> {
        if flags & !(NONBLOCKING | NO_SIGNAL | PEEK) != 0 {
            return Err(Error::EOPNOTSUPP);
        }
        if !self.socket.can_read() {
            return Err(Error::ENOTCONN);
        }
        let nonblocking = self.nonblocking() || flags & NONBLOCKING != 0;
        let peek = flags & PEEK != 0;
        let received = self
            .socket
            .inbox
            .read(call, amount, data, nonblocking, peek)?;
        let rights = received.rights.into_iter().map(Right::from).collect();
        let outflags = if received.truncated { TRUNCATED } else { 0 };
        Ok((
            Right::from(received.source),
            rights,
            received.control,
            outflags,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machuser::sys::loopback::Task;

    const STREAM: i32 = 1;
    const DATAGRAM: i32 = 2;

    /// A server of sockets in a task of its own; a port of its factory for the test's task.
    fn started() -> (Task, SendRight) {
        struct Door(Factory);
        impl Object for Door {
            fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
                socket::dispatch(&self.0, request)
            }
        }
        let client = Task::new();
        let task = Task::new();
        let factory = task.run(|| {
            let server = Server::new().unwrap();
            let port = server
                .port(Arc::new(Door(Factory { server: server.clone(), client: ports::TRUSTED })))
                .unwrap();
            server.start().unwrap();
            client.give_send(port.right()).unwrap()
        });
        (client, factory)
    }

    fn create(factory: &SendRight, style: i32) -> SendRight {
        socket::socket_create(factory, style, 0).unwrap().unwrap()
    }

    fn pipe(factory: &SendRight) -> (SendRight, SendRight) {
        let (reader, writer) = (create(factory, STREAM), create(factory, STREAM));
        socket::socket_connect2(&writer, &reader).unwrap();
        socket::socket_shutdown(&reader, 1).unwrap();
        socket::socket_shutdown(&writer, 0).unwrap();
        (reader, writer)
    }

    fn read(port: &SendRight, most: usize) -> Result<Vec<u8>> {
        let mut buffer = vec![0; most];
        let count = io::io_read(port, -1, most, &mut buffer)?;
        buffer.truncate(count);
        Ok(buffer)
    }

    #[test]
    fn what_is_written_to_a_pipe_is_read_from_it_until_the_end() {
        let (client, factory) = started();
        client.run(|| {
            let (reader, writer) = pipe(&factory);
            assert_eq!(io::io_write(&writer, b"hello", -1), Ok(5));
            assert_eq!(read(&reader, 3).unwrap(), b"hel");
            assert_eq!(
                io::io_stat(&reader).unwrap().mode & mode::S_IFMT,
                mode::S_IFIFO
            );
            assert_eq!(read(&writer, 3).unwrap(), b"");
            drop(writer);
            assert_eq!(read(&reader, 9).unwrap(), b"lo");
            assert_eq!(read(&reader, 9).unwrap(), b"");
        });
    }

    #[test]
    fn a_reader_waits_for_a_writer_and_large_writes_for_readers() {
        let (client, factory) = started();
        client.run(|| {
            let (reader, writer) = pipe(&factory);
            let big = vec![7; 300_000];
            let sender = client.spawn(move || io::io_write(&writer, &big, -1));
            let mut got = 0;
            loop {
                match read(&reader, 50_000).unwrap().len() {
                    0 => break,
                    count => got += count,
                }
            }
            assert_eq!(sender.join().unwrap(), Ok(300_000));
            assert_eq!(got, 300_000);
        });
    }

    #[test]
    fn writing_without_a_reader_breaks_the_pipe() {
        let (client, factory) = started();
        client.run(|| {
            let (reader, writer) = pipe(&factory);
            drop(reader);
            let end = std::time::Instant::now() + Duration::from_secs(5);
            loop {
                match io::io_write(&writer, b"x", -1) {
                    Err(error) => break assert_eq!(error, Error::EPIPE),
                    Ok(_) => assert!(std::time::Instant::now() < end),
                }
            }
        });
    }

    #[test]
    fn a_socket_that_must_not_wait_says_so() {
        let (client, factory) = started();
        client.run(|| {
            let (reader, writer) = pipe(&factory);
            io::io_set_some_openmodes(&reader, O_NONBLOCK).unwrap();
            assert_eq!(read(&reader, 1).err(), Some(Error::EWOULDBLOCK));
            io::io_write(&writer, b"x", -1).unwrap();
            assert_eq!(io::io_select(&reader, SELECT_READ), Ok(SELECT_READ));
            assert_eq!(read(&reader, 1).unwrap(), b"x");
            let soon = TimeSpec::from_duration(clock::realtime() + Duration::from_millis(20));
            assert_eq!(io::io_select_timeout(&reader, soon, SELECT_READ), Ok(0));
        });
    }

    #[test]
    fn select_waits_until_there_is_something() {
        let (client, factory) = started();
        client.run(|| {
            let (reader, writer) = pipe(&factory);
            let waiting = client.spawn(move || io::io_select(&reader, SELECT_READ));
            std::thread::sleep(Duration::from_millis(30));
            io::io_write(&writer, b"x", -1).unwrap();
            assert_eq!(waiting.join().unwrap(), Ok(SELECT_READ));
        });
    }

    #[test]
    fn connections_are_accepted_at_an_address() {
        let (client, factory) = started();
        client.run(|| {
            let listener = create(&factory, STREAM);
            let address = socket::socket_fabricate_address(&factory, LOCAL)
                .unwrap()
                .unwrap();
            socket::socket_bind(&listener, &address).unwrap();
            let caller = create(&factory, STREAM);
            let refused = socket::socket_connect(&caller, &address);
            assert_eq!(refused, Err(Error::ECONNREFUSED));
            socket::socket_listen(&listener, 5).unwrap();
            socket::socket_connect(&caller, &address).unwrap();
            let (accepted, _) = socket::socket_accept(&listener).unwrap();
            let accepted = accepted.unwrap();
            io::io_write(&caller, b"ping", -1).unwrap();
            assert_eq!(read(&accepted, 9).unwrap(), b"ping");
            io::io_write(&accepted, b"pong", -1).unwrap();
            assert_eq!(read(&caller, 9).unwrap(), b"pong");
            let again = socket::socket_connect(&caller, &address);
            assert_eq!(again, Err(Error::EISCONN));
        });
    }

    #[test]
    fn datagrams_say_where_they_come_from_and_carry_rights() {
        let (client, factory) = started();
        client.run(|| {
            let (one, two) = (create(&factory, DATAGRAM), create(&factory, DATAGRAM));
            let to = socket::socket_name(&two).unwrap().unwrap();
            let from = socket::socket_name(&one).unwrap().unwrap();
            let carried = vec![Right::from(&factory)];
            let sent = socket::socket_send(&one, &to, 0, b"abcdef", carried, b"");
            assert_eq!(sent, Ok(6));
            let mut buffer = [0; 4];
            let (addr, count, ports, _, flags) =
                socket::socket_recv(&two, 0, 4, &mut buffer).unwrap();
            assert_eq!((count, flags), (4, TRUNCATED));
            assert_eq!(addr.unwrap().as_raw(), from.as_raw());
            assert_eq!(ports[0].as_ref().unwrap().as_raw(), factory.as_raw());
        });
    }
}
