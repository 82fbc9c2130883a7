//! Terminals.

use interface::{process, term, tioctl};
use machuser::env::{self, init_port};

use super::{descriptors, errno, initial, sent};
use crate::term::{Termios, When, WindowSize};
use crate::{Errno, Fd, Pid, Result};

/// The error of a request that only terminals understand.
fn terminal_errno(error: machuser::Error) -> Errno {
    match errno(error) {
        Errno::EOPNOTSUPP => Errno::ENOTTY,
        error => error,
    }
}

pub(crate) fn isatty(fd: Fd) -> bool {
    term_get(fd).is_ok()
}

pub(crate) fn term_get(fd: Fd) -> Result<Termios> {
    let open = descriptors::get(fd)?;
    let (modes, cc, speeds) = tioctl::tioctl_tiocgeta(&*open.port).map_err(terminal_errno)?;
    let [iflag, oflag, cflag, lflag] = modes;
    Ok(Termios {
        iflag,
        oflag,
        cflag,
        lflag,
        cc,
        speed: speeds.map(i32::unsigned_abs),
    })
}

pub(crate) fn term_set(fd: Fd, when: When, modes: &Termios) -> Result<()> {
    let open = descriptors::get(fd)?;
    let flags = [modes.iflag, modes.oflag, modes.cflag, modes.lflag];
    let speeds = modes.speed.map(|speed| speed as i32);
    let result = match when {
        When::Now => tioctl::tioctl_tiocseta(&*open.port, flags, modes.cc, speeds),
        When::Drain => tioctl::tioctl_tiocsetaw(&*open.port, flags, modes.cc, speeds),
        When::Flush => tioctl::tioctl_tiocsetaf(&*open.port, flags, modes.cc, speeds),
    };
    result.map_err(terminal_errno)
}

pub(crate) fn term_window_size(fd: Fd) -> Result<WindowSize> {
    let open = descriptors::get(fd)?;
    let size = tioctl::tioctl_tiocgwinsz(&*open.port).map_err(terminal_errno)?;
    Ok(WindowSize {
        rows: size.rows,
        columns: size.columns,
    })
}

pub(crate) fn term_foreground(fd: Fd) -> Result<Pid> {
    let open = descriptors::get(fd)?;
    tioctl::tioctl_tiocgpgrp(&*open.port).map_err(terminal_errno)
}

pub(crate) fn term_set_foreground(fd: Fd, group: Pid) -> Result<()> {
    let open = descriptors::get(fd)?;
    tioctl::tioctl_tiocspgrp(&*open.port, group).map_err(terminal_errno)
}

pub(crate) fn term_make_controlling(fd: Fd) -> Result<()> {
    let open = descriptors::get(fd)?;
    let proc = initial(init_port::PROC)?;
    let (pid, ..) = process::proc_getpids(&*proc).map_err(errno)?;
    if process::proc_getsid(&*proc, pid).map_err(errno)? != pid {
        return Err(Errno::EPERM);
    }
    let identity = sent(term::term_getctty(&*open.port).map_err(terminal_errno)?)?;
    env::set_port(init_port::CTTYID, Some(identity)).map_err(errno)?;
    descriptors::forget_terminals();
    let group = process::proc_getpgrp(&*proc, pid).map_err(errno)?;
    term_set_foreground(fd, group)
}
