//! Terminals.

use super::check;
use crate::term::{
    ECHO, ECHOE, ICANON, ICRNL, ISIG, OPOST, TOSTOP, Termios, VMIN, VTIME, When, WindowSize,
};
use crate::{Fd, Pid, Result};

const IFLAGS: &[(u32, u32)] = &[(ICRNL, libc::ICRNL)];
const OFLAGS: &[(u32, u32)] = &[(OPOST, libc::OPOST)];
const LFLAGS: &[(u32, u32)] = &[
    (ECHO, libc::ECHO),
    (ECHOE, libc::ECHOE),
    (ISIG, libc::ISIG),
    (ICANON, libc::ICANON),
    (TOSTOP, libc::TOSTOP),
];

fn host_modes(fd: Fd) -> Result<libc::termios> {
    // SAFETY: `termios` is plain data for which zeros are valid.
    let mut host: libc::termios = unsafe { core::mem::zeroed() };
    // SAFETY: `host` is a valid place for the result.
    check(unsafe { libc::tcgetattr(fd, &raw mut host) })?;
    Ok(host)
}

fn from_host(table: &[(u32, u32)], bits: u32) -> u32 {
    table
        .iter()
        .filter(|(_, host)| bits & host != 0)
        .map(|(hurd, _)| hurd)
        .sum()
}

/// Sets the bits that the table knows and keeps the host's others.
fn to_host(table: &[(u32, u32)], bits: u32, host_bits: &mut u32) {
    for &(hurd, host) in table {
        if bits & hurd != 0 {
            *host_bits |= host;
        } else {
            *host_bits &= !host;
        }
    }
}

pub(crate) fn term_get(fd: Fd) -> Result<Termios> {
    let host = host_modes(fd)?;
    let mut modes = Termios {
        iflag: from_host(IFLAGS, host.c_iflag),
        oflag: from_host(OFLAGS, host.c_oflag),
        lflag: from_host(LFLAGS, host.c_lflag),
        ..Termios::default()
    };
    modes.cc[VMIN] = host.c_cc[libc::VMIN];
    modes.cc[VTIME] = host.c_cc[libc::VTIME];
    Ok(modes)
}

pub(crate) fn term_set(fd: Fd, when: When, modes: &Termios) -> Result<()> {
    let mut host = host_modes(fd)?;
    to_host(IFLAGS, modes.iflag, &mut host.c_iflag);
    to_host(OFLAGS, modes.oflag, &mut host.c_oflag);
    to_host(LFLAGS, modes.lflag, &mut host.c_lflag);
    host.c_cc[libc::VMIN] = modes.cc[VMIN];
    host.c_cc[libc::VTIME] = modes.cc[VTIME];
    let action = match when {
        When::Now => libc::TCSANOW,
        When::Drain => libc::TCSADRAIN,
        When::Flush => libc::TCSAFLUSH,
    };
    // SAFETY: `host` holds complete modes.
    check(unsafe { libc::tcsetattr(fd, action, &raw const host) }).map(|_| ())
}

pub(crate) fn term_window_size(fd: Fd) -> Result<WindowSize> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the request writes a `winsize`.
    check(unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &raw mut size) })?;
    Ok(WindowSize {
        rows: size.ws_row,
        columns: size.ws_col,
    })
}

pub(crate) fn term_foreground(fd: Fd) -> Result<Pid> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::tcgetpgrp(fd) })
}

pub(crate) fn term_set_foreground(fd: Fd, group: Pid) -> Result<()> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::tcsetpgrp(fd, group) }).map(|_| ())
}

pub(crate) fn term_make_controlling(fd: Fd) -> Result<()> {
    // SAFETY: the request takes an int.
    check(unsafe { libc::ioctl(fd, libc::TIOCSCTTY, 0) }).map(|_| ())
}
