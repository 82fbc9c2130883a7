//! Input and output on whatever a port stands for (`io.defs`).

use crate::interface;
use crate::types::TimeSpec;
use machuser::wire_struct;

/// `io_seek`: from the start.
pub const SEEK_SET: i32 = 0;
/// `io_seek`: from the present position.
pub const SEEK_CUR: i32 = 1;
/// `io_seek`: from the end.
pub const SEEK_END: i32 = 2;

/// `io_select`: ready to be read.
pub const SELECT_READ: i32 = 1;
/// `io_select`: ready to be written.
pub const SELECT_WRITE: i32 = 2;
/// `io_select`: urgent data.
pub const SELECT_URG: i32 = 4;

/// Types and bits of a file's mode, as in C.
pub mod mode {
    /// The file's type.
    pub const S_IFMT: u32 = 0o170000;
    /// Socket.
    pub const S_IFSOCK: u32 = 0o140000;
    /// Symbolic link.
    pub const S_IFLNK: u32 = 0o120000;
    /// Regular file.
    pub const S_IFREG: u32 = 0o100000;
    /// Block device.
    pub const S_IFBLK: u32 = 0o060000;
    /// Directory.
    pub const S_IFDIR: u32 = 0o040000;
    /// Character device.
    pub const S_IFCHR: u32 = 0o020000;
    /// Pipe.
    pub const S_IFIFO: u32 = 0o010000;
    /// Set user id.
    pub const S_ISUID: u32 = 0o4000;
    /// Set group id.
    pub const S_ISGID: u32 = 0o2000;
    /// Sticky.
    pub const S_ISVTX: u32 = 0o1000;
    /// Read, for a class of users when shifted.
    pub const S_IREAD: u32 = 0o400;
    /// Write.
    pub const S_IWRITE: u32 = 0o200;
    /// Execute or search.
    pub const S_IEXEC: u32 = 0o100;
    /// Whether the bits for unknown users are used.
    pub const S_IUSEUNK: u32 = 0o400000;
    /// Shift of the bits for unknown users.
    pub const S_IUNKSHIFT: u32 = 12;
    /// The bits for unknown users.
    pub const S_IUNKNOWN: u32 = 0o7 << (6 + S_IUNKSHIFT);
    /// The file has a passive translator.
    pub const S_IPTRANS: u32 = 0o10000000;
    /// The file has an active translator.
    pub const S_IATRANS: u32 = 0o20000000;
    /// The file is a translator's root.
    pub const S_IROOT: u32 = 0o40000000;
    /// All that says something about translators.
    pub const S_ITRANS: u32 = S_IPTRANS | S_IATRANS | S_IROOT;
    /// All the permission bits.
    pub const S_PERMISSIONS: u32 = 0o7777;
}

/// File system types (`st_fstype`).
pub mod fstype {
    /// None in particular.
    pub const UNKNOWN: i32 = 0;
    /// Second extended file system.
    pub const EXT2FS: i32 = 0x17;
    /// Terminals.
    pub const TERM: i32 = 0xe;
    /// Devices.
    pub const DEV: i32 = 0xf;
    /// Processes.
    pub const PROC: i32 = 0x10;
    /// Local socket addresses.
    pub const IFSOCK: i32 = 0x11;
    /// Sockets.
    pub const SOCKET: i32 = 0x15;
    /// Anything else.
    pub const MISC: i32 = 0x16;
    /// Memory.
    pub const MEMFS: i32 = 0x19;
}

/// Names of `io_pathconf`.
pub mod pathconf {
    /// Links of a file.
    pub const LINK_MAX: i32 = 0;
    /// Bytes of a canonical input line.
    pub const MAX_CANON: i32 = 1;
    /// Bytes of the input queue.
    pub const MAX_INPUT: i32 = 2;
    /// Bytes of a file name.
    pub const NAME_MAX: i32 = 3;
    /// Bytes of a path.
    pub const PATH_MAX: i32 = 4;
    /// Bytes written to a pipe at once.
    pub const PIPE_BUF: i32 = 5;
    /// Whether giving files away is restricted.
    pub const CHOWN_RESTRICTED: i32 = 6;
    /// Whether too long names are refused.
    pub const NO_TRUNC: i32 = 7;
    /// The character that disables a control character.
    pub const VDISABLE: i32 = 8;
}

wire_struct! {
    /// The status of a file (`io_statbuf_t`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct StatBuf {
        /// File system type, see [`fstype`].
        pub fstype: i32,
        /// File system.
        pub fsid: u64,
        /// File number.
        pub ino: u64,
        /// Generation of the file number.
        pub generation: u32,
        /// Device number of a device.
        pub rdev: u32,
        /// Type and permissions, see [`mode`].
        pub mode: u32,
        /// Number of links.
        pub nlink: u32,
        /// Owner.
        pub uid: u32,
        /// Group.
        pub gid: u32,
        /// Size in bytes.
        pub size: i64,
        /// Last access.
        pub atim: TimeSpec,
        /// Last change of the contents.
        pub mtim: TimeSpec,
        /// Last change of the status.
        pub ctim: TimeSpec,
        /// Best size for input and output, in bytes.
        pub blksize: u32,
        /// Space that it takes, in units of 512 bytes.
        pub blocks: u64,
        /// Author.
        pub author: u32,
        /// Flags of `file_chflags`.
        pub flags: u32,
    }
}

/// Operations on an open file or anything like one.
///
/// An offset of -1 means the port's own file position, which then advances.
#[interface(base = 21000, name = "io")]
pub trait Io {
    /// Writes at `offset`; answers how much was written.
    #[routine(0)]
    fn io_write(data: Data, offset: i64, amount: Out<usize>);
    /// Reads at most `amount` bytes at `offset`; none at the end.
    #[routine(1)]
    fn io_read(offset: i64, amount: usize, data: Out<Data>);
    /// Moves the file position; answers the new one.
    #[routine(2)]
    fn io_seek(offset: i64, whence: i32, newp: Out<i64>);
    /// How much could be read at once.
    #[routine(3)]
    fn io_readable(amount: Out<usize>);
    /// Sets all open modes that can be changed.
    #[routine(4)]
    fn io_set_all_openmodes(newbits: i32);
    /// The open modes.
    #[routine(5)]
    fn io_get_openmodes(bits: Out<i32>);
    /// Sets some open modes.
    #[routine(6)]
    fn io_set_some_openmodes(bits_to_set: i32);
    /// Clears some open modes.
    #[routine(7)]
    fn io_clear_some_openmodes(bits_to_clear: i32);
    /// Asks for SIGIO and SIGURG to `notify_port`; answers the port that stands for the sender.
    #[routine(8)]
    fn io_async(notify_port: SendRight, async_id_port: Out<SendRight>);
    /// Sets the process, or the process group if negative, that gets the signals.
    #[routine(9)]
    fn io_mod_owner(owner: i32);
    /// The process or process group that gets the signals.
    #[routine(10)]
    fn io_get_owner(owner: Out<i32>);
    /// The port that stands for the sender of signals about the object.
    #[routine(11)]
    fn io_get_icky_async_id(icky_async_id_port: Out<SendRight>);
    /// Waits until something in `select_type` is ready.
    #[routine(12, split)]
    fn io_select(select_type: InOut<i32>);
    /// The status.
    #[routine(13)]
    fn io_stat(stat_info: Out<StatBuf>);
    /// Begins the exchange by which the server learns the user's identity.
    #[simpleroutine(14)]
    fn io_reauthenticate(rendezvous2: SendRight);
    /// A port of the same object with no more than these identities.
    #[routine(15)]
    fn io_restrict_auth(uids: [u32], gids: [u32], new_object: Out<SendRight>);
    /// Another port of the same object, with the same identities.
    #[routine(16)]
    fn io_duplicate(newport: Out<SendRight>);
    /// Name and version of the server.
    #[routine(17)]
    fn io_server_version(
        server_name: Out<Str>,
        server_major_version: Out<i32>,
        server_minor_version: Out<i32>,
        server_edit_level: Out<i32>,
    );
    /// Memory objects of the contents, for reading and for writing.
    #[routine(18)]
    fn io_map(memobjrd: Out<SendRight>, memobjwt: Out<SendRight>);
    /// Memory object of the shared page that controls mapped input and output.
    #[routine(19)]
    fn io_map_cntl(memobj: Out<SendRight>);
    /// Takes the right to use the shared page.
    #[routine(20)]
    fn io_get_conch();
    /// Gives it up.
    #[routine(21)]
    fn io_release_conch();
    /// The end of the file was met.
    #[routine(22)]
    fn io_eofnotify();
    /// The contents are about to be extended.
    #[routine(23)]
    fn io_prenotify(write_start: usize, write_end: usize);
    /// The contents have been changed.
    #[routine(24)]
    fn io_postnotify(write_start: usize, write_end: usize);
    /// The contents have been read.
    #[routine(25)]
    fn io_readnotify();
    /// Waits until there is something to read.
    #[routine(26)]
    fn io_readsleep();
    /// Sends the signal that was asked for.
    #[routine(27)]
    fn io_sigio();
    /// A limit, see [`pathconf`]; -1 means none.
    #[routine(28)]
    fn io_pathconf(name: i32, value: Out<i32>);
    /// Ports that are equal for equal objects, and for equal file systems; the file's number.
    #[routine(29)]
    fn io_identity(idport: Out<SendRight>, fsidport: Out<SendRight>, fileno: Out<u64>);
    /// Makes all other ports of the object useless.
    #[routine(30)]
    fn io_revoke();
    /// As `io_select`, until a point of real time.
    #[routine(31, split)]
    fn io_select_timeout(end: TimeSpec, select_type: InOut<i32>);
}
