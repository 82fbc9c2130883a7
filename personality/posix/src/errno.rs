//! Error numbers of the Hurd: POSIX names, 4.4BSD values.

use core::fmt;

/// An error number, as the Hurd's servers return it.
///
/// The Hurd's own numbers are kept without their system code (`0x40000000`);
/// numbers of other systems (Mach's `KERN_*`, MIG's negative ones) are kept
/// whole, so that no cause is lost on the way to the user.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub u32);

/// The system code that the Hurd adds to its POSIX error numbers.
const HURD_SYSTEM: u32 = 0x4000_0000;

impl Errno {
    /// From the number that a server's reply carries.
    pub const fn from_wire(code: u32) -> Self {
        if code & 0xffff_c000 == HURD_SYSTEM {
            Self(code & 0x3fff)
        } else {
            Self(code)
        }
    }

    /// The number as a server's reply carries it.
    pub const fn to_wire(self) -> u32 {
        if self.0 < 0x3fff && text(self).is_some() {
            self.0 | HURD_SYSTEM
        } else {
            self.0
        }
    }

    /// What `strerror` says. Numbers without a text of their own get a common one.
    pub const fn message(self) -> &'static str {
        match text(self) {
            Some(text) => text,
            None => "Unknown error",
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for Errno {}

macro_rules! errnos {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        #[allow(missing_docs, reason = "the text of each is its documentation")]
        impl Errno {
            $(#[doc = $text] pub const $name: Self = Self($number);)*
        }

        const fn text(error: Errno) -> Option<&'static str> {
            match error.0 {
                $($number => Some($text),)*
                _ => None,
            }
        }

        impl fmt::Debug for Errno {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $($number => f.write_str(stringify!($name)),)*
                    number => write!(f, "Errno({number:#x})"),
                }
            }
        }
    };
}

errnos! {
    EPERM = 1, "Operation not permitted";
    ENOENT = 2, "No such file or directory";
    ESRCH = 3, "No such process";
    EINTR = 4, "Interrupted system call";
    EIO = 5, "Input/output error";
    ENXIO = 6, "No such device or address";
    E2BIG = 7, "Argument list too long";
    ENOEXEC = 8, "Exec format error";
    EBADF = 9, "Bad file descriptor";
    ECHILD = 10, "No child processes";
    EDEADLK = 11, "Resource deadlock avoided";
    ENOMEM = 12, "Cannot allocate memory";
    EACCES = 13, "Permission denied";
    EFAULT = 14, "Bad address";
    ENOTBLK = 15, "Block device required";
    EBUSY = 16, "Device or resource busy";
    EEXIST = 17, "File exists";
    EXDEV = 18, "Invalid cross-device link";
    ENODEV = 19, "No such device";
    ENOTDIR = 20, "Not a directory";
    EISDIR = 21, "Is a directory";
    EINVAL = 22, "Invalid argument";
    ENFILE = 23, "Too many open files in system";
    EMFILE = 24, "Too many open files";
    ENOTTY = 25, "Inappropriate ioctl for device";
    ETXTBSY = 26, "Text file busy";
    EFBIG = 27, "File too large";
    ENOSPC = 28, "No space left on device";
    ESPIPE = 29, "Illegal seek";
    EROFS = 30, "Read-only file system";
    EMLINK = 31, "Too many links";
    EPIPE = 32, "Broken pipe";
    EDOM = 33, "Numerical argument out of domain";
    ERANGE = 34, "Numerical result out of range";
    EAGAIN = 35, "Resource temporarily unavailable";
    EINPROGRESS = 36, "Operation now in progress";
    EALREADY = 37, "Operation already in progress";
    ENOTSOCK = 38, "Socket operation on non-socket";
    EDESTADDRREQ = 39, "Destination address required";
    EMSGSIZE = 40, "Message too long";
    EPROTOTYPE = 41, "Protocol wrong type for socket";
    ENOPROTOOPT = 42, "Protocol not available";
    EPROTONOSUPPORT = 43, "Protocol not supported";
    ESOCKTNOSUPPORT = 44, "Socket type not supported";
    EOPNOTSUPP = 45, "Operation not supported";
    EPFNOSUPPORT = 46, "Protocol family not supported";
    EAFNOSUPPORT = 47, "Address family not supported by protocol";
    EADDRINUSE = 48, "Address already in use";
    EADDRNOTAVAIL = 49, "Cannot assign requested address";
    ENETDOWN = 50, "Network is down";
    ENETUNREACH = 51, "Network is unreachable";
    ENETRESET = 52, "Network dropped connection on reset";
    ECONNABORTED = 53, "Software caused connection abort";
    ECONNRESET = 54, "Connection reset by peer";
    ENOBUFS = 55, "No buffer space available";
    EISCONN = 56, "Transport endpoint is already connected";
    ENOTCONN = 57, "Transport endpoint is not connected";
    ESHUTDOWN = 58, "Cannot send after transport endpoint shutdown";
    ETOOMANYREFS = 59, "Too many references: cannot splice";
    ETIMEDOUT = 60, "Connection timed out";
    ECONNREFUSED = 61, "Connection refused";
    ELOOP = 62, "Too many levels of symbolic links";
    ENAMETOOLONG = 63, "File name too long";
    EHOSTDOWN = 64, "Host is down";
    EHOSTUNREACH = 65, "No route to host";
    ENOTEMPTY = 66, "Directory not empty";
    EPROCLIM = 67, "Too many processes";
    EUSERS = 68, "Too many users";
    EDQUOT = 69, "Disk quota exceeded";
    ESTALE = 70, "Stale file handle";
    EREMOTE = 71, "Object is remote";
    ENOLCK = 77, "No locks available";
    ENOSYS = 78, "Function not implemented";
    EFTYPE = 79, "Inappropriate file type or format";
    EAUTH = 80, "Authentication error";
    ENEEDAUTH = 81, "Need authenticator";
    EBACKGROUND = 100, "Inappropriate operation for background process";
    EDIED = 101, "Translator died";
    EIEIO = 104, "The server died";
    EGREGIOUS = 103, "You really blew it this time";
    EGRATUITOUS = 105, "Gratuitous error";
    EILSEQ = 106, "Invalid or incomplete multibyte or wide character";
    EOVERFLOW = 113, "Value too large for defined data type";
    ETIME = 117, "Timer expired";
    ENOTSUP = 118, "Not supported";
    ECANCELED = 119, "Operation canceled";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_numbers_carry_the_hurds_system_code() {
        assert_eq!(Errno::ENOENT.to_wire(), 0x4000_0002);
        assert_eq!(Errno::from_wire(0x4000_0002), Errno::ENOENT);
        assert_eq!(Errno::from_wire(5), Errno(5));
        assert_eq!(Errno::from_wire(0xffff_fed1).to_wire(), 0xffff_fed1);
    }
}
