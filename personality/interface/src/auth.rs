//! Who somebody is (`auth.defs`).

use crate::interface;

/// Operations on an auth handle.
#[interface(base = 25000, name = "auth")]
pub trait Auth {
    /// The identities: effective and available users, effective and available groups.
    #[routine(0)]
    fn auth_getids(euids: Out<[u32]>, auids: Out<[u32]>, egids: Out<[u32]>, agids: Out<[u32]>);
    /// A handle of these identities, each of which this or one of the other handles has.
    #[routine(1)]
    fn auth_makeauth(
        other_handles: [SendRight],
        euids: [u32],
        auids: [u32],
        egids: [u32],
        agids: [u32],
        newhandle: Out<SendRight>,
    );
    /// The client's half of the exchange: the server that calls with the same rendezvous port
    /// learns the identities; answers the port that it gives.
    #[routine(2)]
    fn auth_user_authenticate(rendezvous: SendRight, newport: Out<SendRight>);
    /// The server's half.
    #[routine(3)]
    fn auth_server_authenticate(
        rendezvous: SendRight,
        newport: AnyRight,
        euids: Out<[u32]>,
        auids: Out<[u32]>,
        egids: Out<[u32]>,
        agids: Out<[u32]>,
    );
}
