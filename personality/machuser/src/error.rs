//! Error numbers, with the values that Mach, MIG and the Hurd give them.

use core::fmt;

/// An error number as it travels in replies: Mach's `kern_return_t`, `mach_msg_return_t`, MIG's
/// own errors, device errors, or a POSIX `errno` in the Hurd's encoding (`0x4000_0000 | n`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Error(pub u32);

/// What every operation that can fail answers.
pub type Result<T> = core::result::Result<T, Error>;

const ERRNO_SYSTEM: u32 = 0x4000_0000;

macro_rules! errors {
    ($($(#[$group:meta])* $kind:ident { $($name:ident = $value:expr, $text:literal;)* })*) => {
        impl Error {
            $($(
                #[doc = $text]
                pub const $name: Error = Error(errors!(@$kind $value));
            )*)*

            /// The symbol and the meaning of the number, if it is a known one.
            pub fn describe(self) -> Option<(&'static str, &'static str)> {
                match self.0 {
                    $($(v if v == Self::$name.0 => Some((stringify!($name), $text)),)*)*
                    _ => None,
                }
            }
        }
        /// Every known error, for tests and tables.
        pub const ALL: &[Error] = &[$($(Error::$name,)*)*];
    };
    (@plain $value:expr) => { $value };
    (@mig $value:expr) => { (-($value as i32)) as u32 };
    (@posix $value:expr) => { ERRNO_SYSTEM | $value };
}

errors! {
    plain {
        KERN_INVALID_ADDRESS = 1, "the address is not in use or not valid";
        KERN_PROTECTION_FAILURE = 2, "the memory does not allow that access";
        KERN_NO_SPACE = 3, "no room in the address range or port space";
        KERN_INVALID_ARGUMENT = 4, "an argument is not valid";
        KERN_FAILURE = 5, "the operation failed";
        KERN_RESOURCE_SHORTAGE = 6, "a resource is used up";
        KERN_NOT_RECEIVER = 7, "the task does not hold the receive right";
        KERN_NO_ACCESS = 8, "access refused";
        KERN_MEMORY_FAILURE = 9, "the memory object is gone";
        KERN_MEMORY_ERROR = 10, "the memory object could not supply the data";
        KERN_NOT_IN_SET = 12, "the receive right is in no port set";
        KERN_NAME_EXISTS = 13, "the name is in use";
        KERN_ABORTED = 14, "the operation was aborted";
        KERN_INVALID_NAME = 15, "the name denotes no right";
        KERN_INVALID_TASK = 16, "the task is not an active one";
        KERN_INVALID_RIGHT = 17, "the name denotes a right of another kind";
        KERN_INVALID_VALUE = 18, "a value is out of range";
        KERN_UREFS_OVERFLOW = 19, "too many user references";
        KERN_INVALID_CAPABILITY = 20, "the capability is not valid";
        KERN_RIGHT_EXISTS = 21, "the space already holds a right for that port";
        KERN_INVALID_HOST = 22, "the host port is not valid";
        KERN_MEMORY_PRESENT = 23, "the page is present already";
        KERN_WRITE_PROTECTION_FAILURE = 24, "the memory must not be written";
        KERN_TERMINATED = 26, "the object has been terminated";
        KERN_TIMEDOUT = 27, "the time is up";
        KERN_INTERRUPTED = 28, "the operation was interrupted";

        MACH_SEND_IN_PROGRESS = 0x1000_0001, "the message waits to be sent";
        MACH_SEND_INVALID_DATA = 0x1000_0002, "the message's data is not valid";
        MACH_SEND_INVALID_DEST = 0x1000_0003, "the destination is no live send right";
        MACH_SEND_TIMED_OUT = 0x1000_0004, "the message was not queued in time";
        MACH_SEND_WILL_NOTIFY = 0x1000_0005, "a notification will tell when the message is queued";
        MACH_SEND_NOTIFY_IN_PROGRESS = 0x1000_0006, "such a notification is pending already";
        MACH_SEND_INTERRUPTED = 0x1000_0007, "the send was interrupted";
        MACH_SEND_MSG_TOO_SMALL = 0x1000_0008, "the message is shorter than its header";
        MACH_SEND_INVALID_REPLY = 0x1000_0009, "the reply port is not valid";
        MACH_SEND_INVALID_RIGHT = 0x1000_000a, "the message carries a name that is no such right";
        MACH_SEND_INVALID_NOTIFY = 0x1000_000b, "the notification port is not valid";
        MACH_SEND_INVALID_MEMORY = 0x1000_000c, "the message's memory is not valid";
        MACH_SEND_NO_BUFFER = 0x1000_000d, "no room for the message";
        MACH_SEND_NO_NOTIFY = 0x1000_000e, "no room for the notification request";
        MACH_SEND_INVALID_TYPE = 0x1000_000f, "a type in the message is not valid";
        MACH_SEND_INVALID_HEADER = 0x1000_0010, "the message header is not valid";
        MACH_SEND_TOO_LARGE = 0x1000_0011, "the message is larger than a window can be";
        MACH_RCV_IN_PROGRESS = 0x1000_4001, "the thread waits for a message";
        MACH_RCV_INVALID_NAME = 0x1000_4002, "the name is no receive right or port set";
        MACH_RCV_TIMED_OUT = 0x1000_4003, "no message came in time";
        MACH_RCV_TOO_LARGE = 0x1000_4004, "the message does not fit";
        MACH_RCV_INTERRUPTED = 0x1000_4005, "the receive was interrupted";
        MACH_RCV_PORT_CHANGED = 0x1000_4006, "the port moved while receiving";
        MACH_RCV_INVALID_NOTIFY = 0x1000_4007, "the notification port is not valid";
        MACH_RCV_INVALID_DATA = 0x1000_4008, "the receive buffer is not valid";
        MACH_RCV_PORT_DIED = 0x1000_4009, "the port died while receiving";
        MACH_RCV_IN_SET = 0x1000_400a, "the port is member of a port set";
        MACH_RCV_HEADER_ERROR = 0x1000_400b, "the header could not be received";
        MACH_RCV_BODY_ERROR = 0x1000_400c, "the body could not be received";

        D_IO_ERROR = 2500, "the device reports an error";
        D_WOULD_BLOCK = 2501, "the device operation would block";
        D_NO_SUCH_DEVICE = 2502, "no such device";
        D_ALREADY_OPEN = 2503, "the device is open already";
        D_DEVICE_DOWN = 2504, "the device has been shut down";
        D_INVALID_OPERATION = 2505, "the device does not support the operation";
        D_INVALID_RECNUM = 2506, "no such record";
        D_INVALID_SIZE = 2507, "the size is not valid for the device";
        D_NO_MEMORY = 2508, "no memory for the device operation";
        D_READ_ONLY = 2509, "the device must not be written";
    }
    mig {
        MIG_TYPE_ERROR = 300, "the reply has other types than expected";
        MIG_REPLY_MISMATCH = 301, "the reply belongs to another request";
        MIG_REMOTE_ERROR = 302, "the server reported an unexpected error";
        MIG_BAD_ID = 303, "the server does not know this request";
        MIG_BAD_ARGUMENTS = 304, "the request's arguments are malformed";
        MIG_NO_REPLY = 305, "no reply is to be sent now";
        MIG_EXCEPTION = 306, "the server raised an exception";
        MIG_ARRAY_TOO_LARGE = 307, "an array is larger than its place";
        MIG_SERVER_DIED = 308, "the server died before it replied";
        MIG_DESTROY_REQUEST = 309, "the request was destroyed unanswered";
    }
    posix {
        EPERM = 1, "operation not permitted";
        ENOENT = 2, "no such file or directory";
        ESRCH = 3, "no such process";
        EINTR = 4, "interrupted";
        EIO = 5, "input or output error";
        ENXIO = 6, "no such device or address";
        E2BIG = 7, "argument list too long";
        ENOEXEC = 8, "not an executable format";
        EBADF = 9, "bad file descriptor";
        ECHILD = 10, "no child process";
        EDEADLK = 11, "a deadlock would follow";
        ENOMEM = 12, "out of memory";
        EACCES = 13, "permission denied";
        EFAULT = 14, "bad address";
        ENOTBLK = 15, "not a block device";
        EBUSY = 16, "device or resource busy";
        EEXIST = 17, "file exists";
        EXDEV = 18, "link across file systems";
        ENODEV = 19, "no such device";
        ENOTDIR = 20, "not a directory";
        EISDIR = 21, "is a directory";
        EINVAL = 22, "invalid argument";
        ENFILE = 23, "too many open files in the system";
        EMFILE = 24, "too many open files";
        ENOTTY = 25, "not a terminal";
        ETXTBSY = 26, "text file busy";
        EFBIG = 27, "file too large";
        ENOSPC = 28, "no space left on device";
        ESPIPE = 29, "illegal seek";
        EROFS = 30, "read-only file system";
        EMLINK = 31, "too many links";
        EPIPE = 32, "broken pipe";
        EDOM = 33, "argument out of domain";
        ERANGE = 34, "result out of range";
        EAGAIN = 35, "try again later";
        EINPROGRESS = 36, "operation in progress";
        EALREADY = 37, "operation in progress already";
        ENOTSOCK = 38, "not a socket";
        EDESTADDRREQ = 39, "destination address required";
        EMSGSIZE = 40, "message too long";
        EPROTOTYPE = 41, "wrong protocol for the socket";
        ENOPROTOOPT = 42, "protocol option not available";
        EPROTONOSUPPORT = 43, "protocol not supported";
        ESOCKTNOSUPPORT = 44, "socket type not supported";
        EOPNOTSUPP = 45, "operation not supported";
        EPFNOSUPPORT = 46, "protocol family not supported";
        EAFNOSUPPORT = 47, "address family not supported";
        EADDRINUSE = 48, "address in use";
        EADDRNOTAVAIL = 49, "address not available";
        ENETDOWN = 50, "network is down";
        ENETUNREACH = 51, "network unreachable";
        ENETRESET = 52, "connection dropped by network reset";
        ECONNABORTED = 53, "connection aborted";
        ECONNRESET = 54, "connection reset by peer";
        ENOBUFS = 55, "no buffer space";
        EISCONN = 56, "socket is connected";
        ENOTCONN = 57, "socket is not connected";
        ESHUTDOWN = 58, "endpoint has been shut down";
        ETOOMANYREFS = 59, "too many references";
        ETIMEDOUT = 60, "connection timed out";
        ECONNREFUSED = 61, "connection refused";
        ELOOP = 62, "too many symbolic links";
        ENAMETOOLONG = 63, "name too long";
        EHOSTDOWN = 64, "host is down";
        EHOSTUNREACH = 65, "no route to host";
        ENOTEMPTY = 66, "directory not empty";
        EPROCLIM = 67, "too many processes";
        EUSERS = 68, "too many users";
        EDQUOT = 69, "quota exceeded";
        ESTALE = 70, "stale file handle";
        EREMOTE = 71, "object is remote";
        EBADRPC = 72, "bad RPC structure";
        ERPCMISMATCH = 73, "wrong RPC version";
        EPROGUNAVAIL = 74, "RPC program not available";
        EPROGMISMATCH = 75, "wrong RPC program version";
        EPROCUNAVAIL = 76, "bad RPC procedure";
        ENOLCK = 77, "no locks available";
        ENOSYS = 78, "function not implemented";
        EFTYPE = 79, "inappropriate file type";
        EAUTH = 80, "authentication error";
        ENEEDAUTH = 81, "an authenticator is needed";
        EBACKGROUND = 100, "not allowed for a background process";
        EDIED = 101, "the translator died";
        ED = 102, "unrepeatable failure";
        EGREGIOUS = 103, "the caller did something very wrong";
        EIEIO = 104, "the computer is at fault";
        EGRATUITOUS = 105, "an error without need";
        EILSEQ = 106, "invalid byte sequence";
        EBADMSG = 107, "bad message";
        EIDRM = 108, "identifier removed";
        EMULTIHOP = 109, "multihop attempted";
        ENODATA = 110, "no data";
        ENOLINK = 111, "link has been cut";
        ENOMSG = 112, "no message of that type";
        ENOSR = 113, "out of streams resources";
        ENOSTR = 114, "not a stream";
        EOVERFLOW = 115, "value too large for its type";
        EPROTO = 116, "protocol error";
        ETIME = 117, "timer expired";
        ENOTSUP = 118, "not supported";
        ECANCELED = 119, "operation cancelled";
        EOWNERDEAD = 120, "the lock's owner died";
        ENOTRECOVERABLE = 121, "the lock's state cannot be recovered";
    }
}

impl Error {
    /// `EWOULDBLOCK` is `EAGAIN`.
    pub const EWOULDBLOCK: Error = Error::EAGAIN;

    /// The error of a POSIX `errno` value as C programs know it on the Hurd (without the system
    /// bits).
    pub const fn from_errno(errno: u32) -> Error {
        Error(ERRNO_SYSTEM | errno)
    }

    /// The `errno` value without the Hurd's system bits, if this is a POSIX error.
    pub const fn errno(self) -> Option<u32> {
        if self.0 & 0xffff_0000 == ERRNO_SYSTEM {
            Some(self.0 & 0xffff)
        } else {
            None
        }
    }

    /// Whether the server is gone: the port has no receiver any more, or it died before it
    /// answered. A client may look the name up again and retry.
    pub const fn is_server_died(self) -> bool {
        self.0 == Self::MACH_SEND_INVALID_DEST.0
            || self.0 == Self::MIG_SERVER_DIED.0
            || self.0 == Self::MACH_RCV_PORT_DIED.0
    }

    /// Whether the call was interrupted, by a signal or by `interrupt_operation`.
    pub const fn is_interrupted(self) -> bool {
        self.0 == Self::EINTR.0
            || self.0 == Self::MACH_SEND_INTERRUPTED.0
            || self.0 == Self::MACH_RCV_INTERRUPTED.0
            || self.0 == Self::KERN_ABORTED.0
            || self.0 == Self::KERN_INTERRUPTED.0
    }

    /// Whether the server does not implement the request at all.
    pub const fn is_unsupported(self) -> bool {
        self.0 == Self::MIG_BAD_ID.0 || self.0 == Self::EOPNOTSUPP.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.describe() {
            Some((name, text)) => write!(f, "{text} ({name})"),
            None => write!(f, "error {:#x}", self.0),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.describe() {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "Error({:#x})", self.0),
        }
    }
}

impl core::error::Error for Error {}
