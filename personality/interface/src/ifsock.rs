//! Files that are addresses of local sockets (`ifsock.defs`).

use crate::interface;

/// Operations on such a file.
#[interface(base = 34000, name = "ifsock")]
pub trait Ifsock {
    /// The address.
    #[routine(0)]
    fn ifsock_getsockaddr(sockaddr: Out<SendRight>);
}
