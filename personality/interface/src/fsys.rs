//! The control of a file system (`fsys.defs`).

use crate::interface;

/// `fsys_goaway`: answer before it is done.
pub const FSYS_GOAWAY_NOWAIT: i32 = 1;
/// Do not write to the store.
pub const FSYS_GOAWAY_NOSYNC: i32 = 2;
/// Go even if there are users.
pub const FSYS_GOAWAY_FORCE: i32 = 4;
/// Go only if nothing is open.
pub const FSYS_GOAWAY_UNLINK: i32 = 8;
/// The translators below go, too.
pub const FSYS_GOAWAY_RECURSE: i32 = 0x10;

/// Operations on a control port, and on the bootstrap port of a translator.
#[interface(base = 22000, name = "fsys")]
pub trait Fsys {
    /// To the bootstrap port: the translator runs, here is its control port; answers the node that
    /// it sits on.
    #[routine(0)]
    fn fsys_startup(openflags: i32, control_port: SendRight, realnode: Out<SendRight>);
    /// Ends the file system.
    #[routine(1)]
    fn fsys_goaway(flags: i32);
    /// The root, for a user of these identities, which are believed.
    #[routine(2)]
    fn fsys_getroot(
        dotdot_node: SendRight,
        gen_uids: [u32],
        gen_gids: [u32],
        flags: i32,
        do_retry: Out<u32>,
        retry_name: Out<Str>,
        file: Out<SendRight>,
    );
    /// The file of a handle of `file_getfh`.
    #[routine(3)]
    fn fsys_getfile(gen_uids: [u32], gen_gids: [u32], filehandle: Bytes, file: Out<SendRight>);
    /// Writes everything to the store.
    #[routine(4)]
    fn fsys_syncfs(wait: i32, do_children: i32);
    /// Changes options: arguments, each ended by a zero byte.
    #[routine(5)]
    fn fsys_set_options(options: Bytes, do_children: i32);
    /// The privileged ports, from the bootstrap file system.
    #[routine(6)]
    fn fsys_getpriv(
        host_priv: Out<SendRight>,
        device_master: Out<SendRight>,
        fstask: Out<SendRight>,
    );
    /// Tells a file system that was started before them of proc and auth.
    #[routine(7, split)]
    fn fsys_init(proc_server: SendRight, auth_handle: SendRight);
    /// Asks a running server to be the translator for whom `requestor` is the bootstrap port.
    #[routine(8)]
    fn fsys_forward(requestor: SendRight, argv: Bytes);
    /// The options: arguments, each ended by a zero byte.
    #[routine(9)]
    fn fsys_get_options(options: Out<Bytes>);
    /// The translators below: names, each ended by a zero byte, and control ports.
    #[routine(10)]
    fn fsys_get_children(names: Out<Bytes>, controls: Out<[SendRight]>);
    /// What the file system is made of.
    #[routine(11)]
    fn fsys_get_source(source: Out<Str>);
}
