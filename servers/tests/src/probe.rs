//! Whether the servers do what they are for.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use interface::{auth, startup};
use machuser::env::{self, init_port};
use machuser::{Error, Right};
use posix::fs::{self, O_CREAT, O_READ, O_WRITE};
use posix::process::{self, Command};
use posix::{Errno, io};

/// What is asked of a server.
pub struct Probe {
    /// The server.
    pub server: &'static str,
    /// Uses it; answers what is wrong.
    pub ask: fn() -> Result<(), String>,
}

macro_rules! try_to {
    ($what:expr) => {
        $what.map_err(|error| format!("line {}: {error:?}", line!()))?
    };
}

macro_rules! hold {
    ($condition:expr) => {
        if !$condition {
            return Err(format!("line {}: not {}", line!(), stringify!($condition)));
        }
    };
}

/// Every server that an attack can reach.
pub const ALL: &[Probe] = &[
    Probe {
        server: "mach",
        ask: mach,
    },
    Probe {
        server: "auth",
        ask: auth,
    },
    Probe {
        server: "proc",
        ask: proc,
    },
    Probe {
        server: "exec",
        ask: exec,
    },
    Probe {
        server: "startup",
        ask: startup,
    },
    Probe {
        server: "password",
        ask: password,
    },
    Probe {
        server: "term",
        ask: term,
    },
    Probe {
        server: "disk",
        ask: disk,
    },
    Probe {
        server: "storeio",
        ask: storeio,
    },
    Probe {
        server: "ext2fs",
        ask: ext2fs,
    },
    Probe {
        server: "tmpfs",
        ask: tmpfs,
    },
    Probe {
        server: "devices",
        ask: devices,
    },
    Probe {
        server: "hello",
        ask: hello,
    },
    Probe {
        server: "pflocal",
        ask: pflocal,
    },
    Probe {
        server: "magic",
        ask: magic,
    },
];

/// Where the attack's own nodes are.
pub const PLACE: &str = "/tmp/attack";

fn is_root() -> bool {
    process::effective_uid() == 0
}

fn read(path: &[u8], count: usize) -> posix::Result<Vec<u8>> {
    let fd = fs::open(path, O_READ, 0)?;
    let mut bytes = alloc::vec![0; count];
    let read = fs::read(fd, &mut bytes);
    fs::close(fd)?;
    bytes.truncate(read?);
    Ok(bytes)
}

fn mach() -> Result<(), String> {
    let port = try_to!(machuser::ReceiveRight::allocate());
    let right = try_to!(port.make_send());
    hold!(right.as_raw() == port.as_raw());
    let at = try_to!(machuser::mach::vm_allocate(
        machuser::mach::SELF,
        machuser::mach::Place::Anywhere,
        1 << 16
    ));
    try_to!(machuser::mach::vm_deallocate(
        machuser::mach::SELF,
        at,
        1 << 16
    ));
    Ok(())
}

fn auth() -> Result<(), String> {
    let uid = if is_root() { 0 } else { 1000 };
    let ids = try_to!(process::ids());
    hold!(ids.euids == [uid]);
    let own = env::port(init_port::AUTH).ok_or("no handle")?;
    let made = try_to!(auth::auth_makeauth(
        &*own,
        Vec::new(),
        &[uid],
        &[],
        &[],
        &[]
    ));
    let made = made.ok_or("nothing made")?;
    hold!(try_to!(auth::auth_getids(&made)).0 == [uid]);
    if !is_root() {
        let made = auth::auth_makeauth(&*own, Vec::new(), &[0], &[], &[], &[]);
        hold!(made.err() == Some(Error::EPERM));
    }
    Ok(())
}

fn proc() -> Result<(), String> {
    hold!(process::id() > 1);
    let all = try_to!(process::list());
    hold!(all.iter().any(|process| process.pid == process::id()));
    Ok(())
}

fn exec() -> Result<(), String> {
    let program = Command::new(b"/bin/false", Vec::from([b"false".to_vec()]));
    let pid = try_to!(program.spawn());
    let status = try_to!(process::wait_for(pid));
    hold!(status == process::Status::Exited(1));
    Ok(())
}

fn startup() -> Result<(), String> {
    let fd = try_to!(fs::open(b"/servers/startup", 0, 0));
    try_to!(fs::close(fd));
    let root = env::port(init_port::CRDIR).ok_or("no root")?;
    let found = try_to!(interface::fs::dir_lookup(&*root, "servers/startup", 0, 0));
    let server = found.2.ok_or("no startup")?;
    let refused = startup::startup_reboot(&server, Right::null(), 0);
    hold!(refused.is_err_and(|error| !error.is_server_died()));
    Ok(())
}

fn password() -> Result<(), String> {
    // Requests that she has given up may still be in the way of the next.
    let mut checked = process::check_password(1000, b"");
    for _ in 0..1000 {
        if checked != Err(Errno::EAGAIN) {
            break;
        }
        machuser::thread::sleep(Duration::from_millis(10));
        checked = process::check_password(1000, b"");
    }
    hold!(checked == Ok(()));
    hold!(process::check_password(65534, b"x") == Err(Errno::EACCES));
    Ok(())
}

fn term() -> Result<(), String> {
    let stat = try_to!(fs::stat(b"/dev/console"));
    hold!(stat.mode & fs::S_IFMT == 0o020_000);
    if !is_root() {
        hold!(fs::open(b"/dev/console", O_READ, 0) == Err(Errno::EACCES));
    }
    Ok(())
}

/// The disk that the root file system lies on: who boots the tests says where it is.
pub fn root_disk() -> String {
    let path = posix::env::var(b"ROOT_DISK").unwrap_or_default();
    String::from_utf8_lossy(&path).into_owned()
}

fn disk() -> Result<(), String> {
    let disk = root_disk();
    if !is_root() {
        hold!(fs::open(disk.as_bytes(), O_READ, 0) == Err(Errno::EACCES));
        return Ok(());
    }
    let start = try_to!(read(disk.as_bytes(), 2048));
    hold!(start[1024 + 56..][..2] == [0x53, 0xef]);
    Ok(())
}

fn storeio() -> Result<(), String> {
    let text = try_to!(read(format!("{PLACE}/store").as_bytes(), 512));
    hold!(text == [b's'; 512]);
    Ok(())
}

fn ext2fs() -> Result<(), String> {
    hold!(try_to!(io::read_file(b"/etc/passwd")).starts_with(b"root:"));
    if !is_root() {
        hold!(fs::read_dir(b"/root").is_err());
    }
    Ok(())
}

fn tmpfs() -> Result<(), String> {
    let path = format!("/tmp/probe.{}", process::id()).into_bytes();
    let fd = try_to!(fs::open(&path, O_WRITE | O_CREAT, 0o600));
    try_to!(fs::write_all(fd, b"data"));
    try_to!(fs::close(fd));
    let content = io::read_file(&path);
    try_to!(fs::unlink(&path));
    hold!(content == Ok(b"data".to_vec()));
    let secret = io::read_file(format!("{PLACE}/secret").as_bytes());
    if is_root() {
        hold!(secret == Ok(b"secret".to_vec()));
    } else {
        hold!(secret == Err(Errno::EACCES));
    }
    Ok(())
}

fn devices() -> Result<(), String> {
    hold!(try_to!(read(b"/dev/null", 8)) == []);
    hold!(try_to!(read(b"/dev/zero", 8)) == [0; 8]);
    hold!(try_to!(read(b"/dev/random", 8)).len() == 8);
    let fd = try_to!(fs::open(b"/dev/full", O_WRITE, 0));
    let written = fs::write(fd, b"x");
    try_to!(fs::close(fd));
    hold!(written == Err(Errno::ENOSPC));
    Ok(())
}

fn hello() -> Result<(), String> {
    let text = try_to!(io::read_file(format!("{PLACE}/hello").as_bytes()));
    hold!(text == b"Hello, world!\n");
    Ok(())
}

fn pflocal() -> Result<(), String> {
    let (reader, writer) = try_to!(fs::pipe());
    try_to!(fs::write_all(writer, b"through"));
    let mut bytes = [0; 16];
    let count = try_to!(fs::read(reader, &mut bytes));
    hold!(&bytes[..count] == b"through");
    try_to!(fs::close(reader));
    try_to!(fs::close(writer));
    Ok(())
}

fn magic() -> Result<(), String> {
    let fd = try_to!(fs::open(b"/dev/fd/0", O_READ, 0));
    try_to!(fs::close(fd));
    Ok(())
}
