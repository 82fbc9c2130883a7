//! `login [-fp] [-c commands] [user]`: lets a user in and starts her shell, or has it run commands.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use posix::getopt::Options;
use posix::io::{STDIN, STDOUT, complain, usage, warn};
use posix::process::{self, Command};
use posix::term::{self, ECHO, ICANON, When};
use posix::users::{self, User};
use posix::{Errno, Result, fs, system};

const SYNOPSIS: &str = "[-fp] [-c commands] [user]";
/// Wrong passwords before the program gives up.
const ATTEMPTS: usize = 5;
/// The longest line that is read from the terminal.
const LINE: usize = 512;

/// A session may have one part in so many of the machine's memory.
const MEMORY_PART: u64 = 4;
/// And of that, its kernel objects one part in so many.
const OBJECTS_PART: u64 = 4;
/// Bytes of its memory for each right that it may have.
const BYTES_PER_RIGHT: u64 = 2048;

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "fpc:");
    let (mut trusted, mut keep, mut commands) = (false, false, None);
    for option in &mut options {
        match option {
            Ok(option) if option.letter == b'f' => trusted = true,
            Ok(option) if option.letter == b'c' => commands = option.value.map(<[u8]>::to_vec),
            Ok(_) => keep = true,
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    let mut name = match options.operands() {
        [] => None,
        [name] => Some(name.clone()),
        _ => return usage(SYNOPSIS),
    };
    for _ in 0..ATTEMPTS {
        let asked = match name
            .take()
            .map_or_else(|| ask(b"login: ", true), |name| Ok(Some(name)))
        {
            Ok(Some(asked)) if asked.is_empty() => continue,
            Ok(Some(asked)) => asked,
            Ok(None) => return 1,
            Err(error) => {
                warn(b"terminal", error);
                return 1;
            }
        };
        let user = users::users().into_iter().find(|user| user.name == asked);
        // Only root may let someone in without a password.
        let secret = if trusted && process::effective_uid() == 0 {
            Ok(Some(Vec::new()))
        } else {
            authenticate(user.as_ref())
        };
        match (secret, user) {
            (Ok(Some(secret)), Some(user)) => {
                return enter(&user, &secret, keep, commands);
            }
            (Ok(_), _) => {
                // Which of both was wrong is nobody's business.
                complain(&[b"login incorrect"]);
            }
            (Err(error), _) => {
                warn(b"password", error);
                return 1;
            }
        }
    }
    1
}

/// Asks for the password, unless none is needed; the one that was right.
fn authenticate(user: Option<&User>) -> Result<Option<Vec<u8>>> {
    if let Some(user) = user
        && process::check_password(user.uid, b"") == Ok(())
    {
        return Ok(Some(Vec::new()));
    }
    let Some(secret) = ask(b"Password: ", false)? else {
        return Ok(None);
    };
    let Some(user) = user else { return Ok(None) };
    match process::check_password(user.uid, &secret) {
        Ok(()) => Ok(Some(secret)),
        Err(Errno::EACCES | Errno::EPERM | Errno::EINVAL) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a line from the terminal; `None` at the end of input.
fn ask(prompt: &[u8], echo: bool) -> Result<Option<Vec<u8>>> {
    fs::write_all(STDOUT, prompt)?;
    let modes = term::get(STDIN).ok();
    if let (Some(modes), false) = (modes, echo) {
        let mut quiet = modes;
        quiet.lflag = quiet.lflag & !ECHO | ICANON;
        term::set(STDIN, When::Flush, &quiet)?;
    }
    let line = read_line();
    if let (Some(modes), false) = (modes, echo) {
        term::set(STDIN, When::Now, &modes)?;
        fs::write_all(STDOUT, b"\n")?;
    }
    line
}

fn read_line() -> Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        match fs::read(STDIN, &mut byte) {
            Ok(0) if line.is_empty() => return Ok(None),
            Ok(0) => return Ok(Some(line)),
            Ok(_) if byte[0] == b'\n' => return Ok(Some(line)),
            Ok(_) if line.len() < LINE => line.push(byte[0]),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// What the session uses is charged to an account of its own: it cannot take what others need. Only
/// the machine bounds root's.
fn enter_account() -> Result<()> {
    let memory = system::usage()?.memory / MEMORY_PART;
    process::enter_account(memory, memory / OBJECTS_PART, memory / BYTES_PER_RIGHT)
}

/// Becomes the user and starts her shell in her home directory.
fn enter(user: &User, secret: &[u8], keep: bool, commands: Option<Vec<u8>>) -> i32 {
    if let Err(error) = process::become_user(user.uid, &users::groups_of(user), secret) {
        warn(&user.name, error);
        return 1;
    }
    if user.uid != 0
        && let Err(error) = enter_account()
    {
        warn(b"account", error);
        return 1;
    }
    let mut home: &[u8] = &user.home;
    if let Err(error) = fs::chdir(home) {
        warn(home, error);
        home = b"/";
        if let Err(error) = fs::chdir(home) {
            warn(home, error);
        }
    }
    let shell: &[u8] = if user.shell.is_empty() {
        b"/bin/sh"
    } else {
        &user.shell
    };
    let mut environment: Vec<Vec<u8>> = if keep {
        posix::env::vars()
    } else {
        let terminal = posix::env::var(b"TERM");
        terminal
            .map(|value| [b"TERM=", &value[..]].concat())
            .into_iter()
            .collect()
    };
    let path: &[u8] = if user.uid == 0 {
        b"/bin:/sbin"
    } else {
        b"/bin"
    };
    let variables: [(&[u8], &[u8]); 5] = [
        (b"HOME", home),
        (b"SHELL", shell),
        (b"USER", &user.name),
        (b"LOGNAME", &user.name),
        (b"PATH", path),
    ];
    for (name, value) in variables {
        let start = [name, b"="].concat();
        environment.retain(|entry| !entry.starts_with(&start));
        environment.push([&start[..], value].concat());
    }
    // The dash tells the shell that it is the first.
    let mut argv = Vec::from([[b"-", posix::basename(shell)].concat()]);
    if let Some(commands) = commands {
        argv.extend([b"-c".to_vec(), commands]);
    }
    let error = Command::new(shell, argv).env(environment).exec();
    warn(shell, error);
    1
}
