//! Sockets (`socket.defs`).

use crate::interface;

/// Operations on a socket server, a socket, an address.
#[interface(base = 26000, name = "socket")]
pub trait Socket {
    /// To the server: a socket.
    #[routine(0)]
    fn socket_create(sock_type: i32, protocol: i32, sock: Out<SendRight>);
    /// Connections may come.
    #[routine(1)]
    fn socket_listen(queue_limit: i32);
    /// Waits for a connection; answers it and the peer's address.
    #[routine(2)]
    fn socket_accept(conn_sock: Out<SendRight>, peer_addr: Out<SendRight>);
    /// Connects.
    #[routine(3)]
    fn socket_connect(addr: SendRight);
    /// Takes an address.
    #[routine(4)]
    fn socket_bind(addr: SendRight);
    /// The own address.
    #[routine(5)]
    fn socket_name(addr: Out<SendRight>);
    /// The peer's address.
    #[routine(6)]
    fn socket_peername(addr: Out<SendRight>);
    /// Connects two sockets to each other.
    #[routine(7)]
    fn socket_connect2(sock2: SendRight);
    /// To the server: the port of an address.
    #[routine(8)]
    fn socket_create_address(sockaddr_type: i32, sockaddr: Bytes, addr: Out<SendRight>);
    /// To the server: a fresh address.
    #[routine(9)]
    fn socket_fabricate_address(sockaddr_type: i32, addr: Out<SendRight>);
    /// To an address: what it is.
    #[routine(10)]
    fn socket_whatis_address(sockaddr_type: Out<i32>, sockaddr: Out<Bytes>);
    /// Ends receiving (0), sending (1) or both (2).
    #[routine(11)]
    fn socket_shutdown(direction: i32);
    /// The value of an option.
    #[routine(12)]
    fn socket_getopt(level: i32, option: i32, optval: Out<Bytes>);
    /// Sets an option.
    #[routine(13)]
    fn socket_setopt(level: i32, option: i32, optval: Bytes);
    /// Sends data, ports and control data; to `addr` if that is not null.
    #[routine(14)]
    fn socket_send(
        addr: SendRight,
        flags: i32,
        data: Data,
        ports: [SendRight],
        control: Bytes,
        amount: Out<usize>,
    );
    /// Receives data, ports and control data, and where they came from.
    #[routine(15)]
    fn socket_recv(
        flags: i32,
        amount: usize,
        addr: Out<SendRight>,
        data: Out<Data>,
        ports: Out<[SendRight]>,
        control: Out<Bytes>,
        outflags: Out<i32>,
    );
}
