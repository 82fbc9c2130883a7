//! What the internet socket server answers beyond sockets (`pfinet.defs`).

use crate::interface;

/// Operations on a socket of the internet server.
#[interface(base = 37000, name = "pfinet")]
pub trait Pfinet {
    /// The network interfaces, as `SIOCGIFCONF` gives them.
    #[routine(0)]
    fn pfinet_siocgifconf(amount: usize, buf: Out<Bytes>);
    /// The routes.
    #[routine(1)]
    fn pfinet_getroutes(amount: usize, routes: Out<Bytes>);
}
