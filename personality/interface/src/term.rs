//! Terminals (`term.defs`).

use crate::interface;

/// Operations on a terminal.
#[interface(base = 28000, name = "term")]
pub trait Term {
    /// The port that stands for the terminal as a controlling one.
    #[routine(0)]
    fn term_getctty(ctty: Out<SendRight>);
    /// A port of the terminal for a process whose controlling terminal it is.
    #[routine(1)]
    fn term_open_ctty(pid: i32, pgrp: i32, newtty: Out<SendRight>);
    /// Sets the name of the terminal's file.
    #[routine(2)]
    fn term_set_nodename(name: Str);
    /// The name of the terminal's file.
    #[routine(3)]
    fn term_get_nodename(name: Out<Str>);
    /// Sets the terminal's file.
    #[routine(4)]
    fn term_set_filenode(filenode: SendRight);
    /// What is behind it: 0 nothing, 1 a Mach device, 2 a file, 3 a pseudo terminal.
    #[routine(5)]
    fn term_get_bottom_type(ttype: Out<i32>);
    /// Puts it on a Mach device.
    #[routine(6)]
    fn term_on_machdev(machdev: SendRight);
    /// Puts it on a file.
    #[routine(7)]
    fn term_on_hurddev(hurddev: SendRight);
    /// Makes it a pseudo terminal.
    #[routine(8)]
    fn term_on_pty(ptymaster: Out<SendRight>);
    /// To the port of `term_getctty`: opens the terminal.
    #[routine(9)]
    fn termctty_open_terminal(flags: i32, terminal: Out<SendRight>);
    /// The name of the other side of a pseudo terminal.
    #[routine(10)]
    fn term_get_peername(name: Out<Str>);
}
