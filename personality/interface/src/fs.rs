//! Files and directories (`fs.defs`).

use crate::interface;
use crate::types::{TimeSpec, TimeValue};
use machuser::wire_struct;

/// Open modes and flags of `dir_lookup`, the Hurd's values.
pub mod flags {
    /// Open for reading.
    pub const O_READ: i32 = 0x0001;
    /// Open for writing.
    pub const O_WRITE: i32 = 0x0002;
    /// Open for executing.
    pub const O_EXEC: i32 = 0x0004;
    /// Reading and writing.
    pub const O_RDWR: i32 = O_READ | O_WRITE;
    /// All ways to access.
    pub const O_ACCMODE: i32 = O_READ | O_WRITE | O_EXEC;
    /// Do not wait.
    pub const O_NONBLOCK: i32 = 0x0008;
    /// Create the file if it does not exist.
    pub const O_CREAT: i32 = 0x0010;
    /// Fail if the file exists.
    pub const O_EXCL: i32 = 0x0020;
    /// Do not follow a symbolic link in the last place.
    pub const O_NOLINK: i32 = 0x0040;
    /// Do not follow a translator in the last place.
    pub const O_NOTRANS: i32 = 0x0080;
    /// Write at the end.
    pub const O_APPEND: i32 = 0x0100;
    /// Signals tell of readiness.
    pub const O_ASYNC: i32 = 0x0200;
    /// Writes wait for the disk.
    pub const O_FSYNC: i32 = 0x0400;
    /// Reading leaves the access time.
    pub const O_NOATIME: i32 = 0x0800;
    /// Open with a shared lock.
    pub const O_SHLOCK: i32 = 0x0002_0000;
    /// Open with an exclusive lock.
    pub const O_EXLOCK: i32 = 0x0004_0000;
    /// The terminal does not become the controlling one. The client's business.
    pub const O_IGNORE_CTTY: i32 = 0x0008_0000;
    /// Fail unless it is a directory. The Hurd's libraries ask for it with a trailing slash.
    pub const O_DIRECTORY: i32 = 0x0020_0000;
    /// Fail for a symbolic link in the last place. The client's business.
    pub const O_NOFOLLOW: i32 = 0x0010_0000;
    /// Make the file empty. The client's business.
    pub const O_TRUNC: i32 = 0x0001_0000;
    /// Create a file without a name.
    pub const O_TMPFILE: i32 = 0x0080_0000;
    /// Close on exec. The client's business.
    pub const O_CLOEXEC: i32 = 0x0040_0000;
    /// What means something at open time only.
    pub const OPENONLY_STATE_MODES: i32 =
        O_CREAT | O_EXCL | O_NOLINK | O_NOTRANS | O_NONBLOCK | O_EXLOCK | O_SHLOCK;
    /// What decides how an open port works, and can be changed afterwards.
    pub const HONORED_STATE_MODES: i32 = O_APPEND | O_ASYNC | O_FSYNC | O_NONBLOCK | O_NOATIME;
}
pub use flags::*;

/// `dir_lookup`, `fsys_getroot`: go on with the name at the port.
pub const FS_RETRY_NORMAL: u32 = 1;
/// The port must be authenticated first.
pub const FS_RETRY_REAUTH: u32 = 2;
/// The name means something to the client.
pub const FS_RETRY_MAGICAL: u32 = 3;

/// `file_set_translator`: even if the type of the file has to change.
pub const FS_TRANS_FORCE: i32 = 1;
/// Only if there is none.
pub const FS_TRANS_EXCL: i32 = 2;
/// Set this kind.
pub const FS_TRANS_SET: i32 = 4;
/// Leave the old one running.
pub const FS_TRANS_ORPHAN: i32 = 8;

/// `file_exec`: in a new task.
pub const EXEC_NEWTASK: i32 = 1;
/// With fresh ports, nothing inherited that the caller could misuse.
pub const EXEC_SECURE: i32 = 2;
/// Null ports are replaced by defaults.
pub const EXEC_DEFAULTS: i32 = 4;
/// Stop before the first instruction.
pub const EXEC_SIGTRAP: i32 = 8;
/// Hird's own, for whoever calls the exec server herself: fail with `EOPNOTSUPP` if the file is
/// set-id, which only its file server can bring about.
pub const EXEC_PLAIN: i32 = 0x100;
/// The arguments lie on the stack.
pub const EXEC_STACK_ARGS: i32 = 0x10;

/// `file_lock`: shared.
pub const LOCK_SH: i32 = 1;
/// `file_lock`: exclusive.
pub const LOCK_EX: i32 = 2;
/// `file_lock`: do not wait.
pub const LOCK_NB: i32 = 4;
/// `file_lock`: unlock.
pub const LOCK_UN: i32 = 8;

wire_struct! {
    /// A lock of a range of bytes (`flock_t`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Flock {
        /// 1 shared, 2 exclusive, 3 unlocked.
        pub kind: i32,
        /// What the start counts from, as in `io_seek`.
        pub whence: i32,
        /// The first byte.
        pub start: i64,
        /// How many bytes; 0 means all that follow.
        pub len: i64,
        /// Who holds it.
        pub pid: i32,
    }
}

wire_struct! {
    /// The status of a file system (`fsys_statfsbuf_t`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct StatFs {
        /// Its type, see [`crate::io::fstype`].
        pub kind: i32,
        /// Size of a block, in bytes.
        pub bsize: u64,
        /// Blocks there are.
        pub blocks: u64,
        /// Blocks that are free.
        pub bfree: u64,
        /// Blocks that everybody may use.
        pub bavail: u64,
        /// Files that there is room for.
        pub files: u64,
        /// Of which unused.
        pub ffree: u64,
        /// The file system's number.
        pub fsid: u64,
        /// Bytes of a file name, at most.
        pub namelen: u64,
        /// Files that everybody may use.
        pub favail: u64,
        /// Unit of [`StatFs::blocks`].
        pub frsize: u64,
        /// Flags.
        pub flag: u64,
    }
}

/// Operations on a file, and on a directory.
#[interface(base = 20000, name = "fs")]
pub trait Fs {
    /// Runs the file as a program in `exec_task`.
    #[routine(0)]
    fn file_exec(
        exec_task: SendRight,
        flags: i32,
        argv: Bytes,
        envp: Bytes,
        fdarray: [SendRight],
        portarray: [SendRight],
        intarray: [i32],
        deallocnames: [u32],
        destroynames: [u32],
    );
    /// Changes owner and group; -1 leaves one as it is.
    #[routine(1)]
    fn file_chown(new_owner: u32, new_group: u32);
    /// Changes the author.
    #[routine(2)]
    fn file_chauthor(new_author: u32);
    /// Changes the permission bits.
    #[routine(3)]
    fn file_chmod(new_mode: u32);
    /// Changes the flags.
    #[routine(4)]
    fn file_chflags(new_flags: i32);
    /// Changes the times of last access and change.
    #[routine(5)]
    fn file_utimes(new_atime: TimeValue, new_mtime: TimeValue);
    /// Changes the size.
    #[routine(6)]
    fn file_set_size(new_size: i64);
    /// Locks or unlocks the file for this open.
    #[routine(7)]
    fn file_lock(flags: i32);
    /// What lock this open has, and what others have.
    #[routine(8)]
    fn file_lock_stat(mystatus: Out<i32>, otherstatus: Out<i32>);
    /// In what ways the user may open the file: `O_READ`, `O_WRITE`, `O_EXEC`.
    #[routine(9)]
    fn file_check_access(allowed: Out<i32>);
    /// Asks for [`crate::fs_notify`] messages about the file.
    #[routine(10)]
    fn file_notice_changes(notify_port: SendRight);
    /// The control port of the file system.
    #[routine(11)]
    fn file_getcontrol(control: Out<SendRight>);
    /// The status of the file system.
    #[routine(12)]
    fn file_statfs(info: Out<StatFs>);
    /// Writes the file to its store.
    #[routine(13)]
    fn file_sync(wait: i32, omit_metadata: i32);
    /// Writes the file system to its store.
    #[routine(14)]
    fn file_syncfs(wait: i32, do_children: i32);
    /// Where the contents are stored.
    #[routine(15)]
    fn file_get_storage_info(
        ports: Out<[SendRight]>,
        ints: Out<[i32]>,
        offsets: Out<[i64]>,
        data: Out<Bytes>,
    );
    /// A port of the node for `dir_link`, whatever the open modes.
    #[routine(16)]
    fn file_getlinknode(linknode: Out<SendRight>);
    /// A handle for `fsys_getfile`.
    #[routine(17)]
    fn file_getfh(filehandle: Out<Bytes>);
    /// Looks up a name.
    #[routine(18)]
    fn dir_lookup(
        file_name: Str,
        flags: i32,
        mode: u32,
        do_retry: Out<u32>,
        retry_name: Out<Str>,
        result: Out<SendRight>,
    );
    /// Reads at most `nentries` entries (-1: any number) from number `entry` on, in at most
    /// `bufsiz` bytes; answers their number.
    #[routine(19)]
    fn dir_readdir(entry: i32, nentries: i32, bufsiz: usize, data: Out<Data>, amount: Out<i32>);
    /// Makes a directory.
    #[routine(20)]
    fn dir_mkdir(name: Str, mode: u32);
    /// Removes an empty directory.
    #[routine(21)]
    fn dir_rmdir(name: Str);
    /// Removes a name of a file.
    #[routine(22)]
    fn dir_unlink(name: Str);
    /// Gives `file` a further name; with `excl` only if that does not exist.
    #[routine(23)]
    fn dir_link(file: SendRight, name: Str, excl: i32);
    /// Moves a name, possibly to another directory.
    #[routine(24)]
    fn dir_rename(oldname: Str, newdirectory: SendRight, newname: Str, excl: i32);
    /// Makes a file without a name.
    #[routine(25)]
    fn dir_mkfile(flags: i32, mode: u32, newnode: Out<SendRight>);
    /// Asks for [`crate::fs_notify`] messages about the directory.
    #[routine(26)]
    fn dir_notice_changes(notify_port: SendRight);
    /// Sets the passive translator, the active one, or both.
    #[routine(27)]
    fn file_set_translator(
        passive_flags: i32,
        active_flags: i32,
        oldtrans_flags: i32,
        passive: Bytes,
        active: SendRight,
    );
    /// The passive translator: arguments, each ended by a zero byte.
    #[routine(28)]
    fn file_get_translator(translator: Out<Bytes>);
    /// The control port of the active translator.
    #[routine(29)]
    fn file_get_translator_cntl(translator_cntl: Out<SendRight>);
    /// The options of the file system: arguments, each ended by a zero byte.
    #[routine(30)]
    fn file_get_fs_options(options: Out<Bytes>);
    /// A port of the same directory with another parent, which makes it a root.
    #[routine(31)]
    fn file_reparent(parent: SendRight, new_file: Out<SendRight>);
    /// As `file_exec`, and says by which names the file was found.
    #[routine(34)]
    fn file_exec_paths(
        exec_task: SendRight,
        flags: i32,
        path: Str,
        abspath: Str,
        argv: Bytes,
        envp: Bytes,
        fdarray: [SendRight],
        portarray: [SendRight],
        intarray: [i32],
        deallocnames: [u32],
        destroynames: [u32],
    );
    /// As `file_utimes`, to nanoseconds.
    #[routine(35)]
    fn file_utimens(new_atime: TimeSpec, new_mtime: TimeSpec);
    /// Locks, unlocks or asks about a range of bytes.
    #[routine(36)]
    fn file_record_lock(cmd: i32, flock64: InOut<Flock>, rendezvous: SendRight);
}

/// What a directory record begins with: the file's number, the record's length, the file's kind, the
/// name's length (`struct dirent64` of the Hurd).
const RECORD: usize = 12;

/// One record of what [`dir_readdir`] answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DirRecord<'a> {
    /// The file's number.
    pub number: u64,
    /// The kind as far as the directory records it, as in a mode.
    pub kind: u32,
    /// The name.
    pub name: &'a [u8],
    /// Bytes of the record.
    pub length: usize,
}

impl<'a> DirRecord<'a> {
    /// The first record of some; `None` if it is malformed or there is none.
    pub fn first(records: &'a [u8]) -> Option<DirRecord<'a>> {
        let length = usize::from(u16::from_le_bytes(records.get(8..10)?.try_into().ok()?));
        let record = records.get(..length)?;
        Some(DirRecord {
            number: u64::from_le_bytes(record.get(..8)?.try_into().ok()?),
            kind: u32::from(*record.get(10)?) << 12,
            name: record.get(RECORD..RECORD + usize::from(*record.get(11)?))?,
            length,
        })
    }

    /// All records, up to the first that is malformed.
    pub fn all(mut records: &'a [u8]) -> impl Iterator<Item = DirRecord<'a>> {
        core::iter::from_fn(move || {
            let record = DirRecord::first(records)?;
            records = &records[record.length..];
            Some(record)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::DirRecord;

    #[test]
    fn records_are_read_up_to_a_malformed_one() {
        let mut records = Vec::new();
        for (number, name) in [(7u64, &b"a"[..]), (9, b"long name")] {
            records.extend_from_slice(&number.to_le_bytes());
            records.extend_from_slice(&((12 + name.len() + 3) as u16).to_le_bytes());
            records.extend_from_slice(&[8, name.len() as u8]);
            records.extend_from_slice(name);
            records.extend_from_slice(&[0; 3]);
        }
        fn names(records: &[u8]) -> Vec<(u64, u32, &[u8])> {
            let all = DirRecord::all(records);
            all.map(|r| (r.number, r.kind, r.name)).collect()
        }
        let whole = vec![(7, 0o100_000, &b"a"[..]), (9, 0o100_000, b"long name")];
        assert_eq!(names(&records), whole);
        assert_eq!(names(&records[..records.len() - 1]), whole[..1]);
        records[11] = 99;
        assert!(names(&records).is_empty());
        assert_eq!(DirRecord::first(&[0; 64]), None);
    }
}
