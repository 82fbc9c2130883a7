//! Control of terminals (`tioctl.defs`); the numbers follow from the ioctl codes of C.

use crate::interface;
use machuser::wire_struct;

/// Input, output, control and local modes.
pub type Modes = [u32; 4];
/// Control characters.
pub type ControlCharacters = [u8; 20];
/// Speeds of input and output.
pub type Speeds = [i32; 2];

wire_struct! {
    /// The size of a terminal.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct WindowSize {
        /// Rows of characters.
        pub rows: u16,
        /// Columns of characters.
        pub columns: u16,
        /// Width in pixels.
        pub width: u16,
        /// Height in pixels.
        pub height: u16,
    }
}

/// Operations on a terminal.
#[interface(base = 156000, name = "tioctl")]
pub trait Tioctl {
    /// The modem's state.
    #[routine(3)]
    fn tioctl_tiocmodg(state: Out<i32>);
    /// Sets the modem's state.
    #[routine(4)]
    fn tioctl_tiocmods(state: i32);
    /// No more opens.
    #[routine(13)]
    fn tioctl_tiocexcl();
    /// Opens are allowed again.
    #[routine(14)]
    fn tioctl_tiocnxcl();
    /// Drops input (1), output (2) or both (0, 3).
    #[routine(16)]
    fn tioctl_tiocflush(queue_selector: i32);
    /// The attributes.
    #[routine(19)]
    fn tioctl_tiocgeta(modes: Out<Modes>, ccs: Out<ControlCharacters>, speeds: Out<Speeds>);
    /// Sets the attributes at once.
    #[routine(20)]
    fn tioctl_tiocseta(modes: Modes, ccs: ControlCharacters, speeds: Speeds);
    /// Sets the attributes when the output is written.
    #[routine(21)]
    fn tioctl_tiocsetaw(modes: Modes, ccs: ControlCharacters, speeds: Speeds);
    /// Sets the attributes when the output is written, and drops the input.
    #[routine(22)]
    fn tioctl_tiocsetaf(modes: Modes, ccs: ControlCharacters, speeds: Speeds);
    /// The line discipline.
    #[routine(26)]
    fn tioctl_tiocgetd(discipline: Out<i32>);
    /// Sets the line discipline.
    #[routine(27)]
    fn tioctl_tiocsetd(discipline: i32);
    /// Waits until the output is written.
    #[routine(94)]
    fn tioctl_tiocdrain();
    /// Sends a signal to the foreground process group.
    #[routine(95)]
    fn tioctl_tiocsig(signal: i32);
    /// Sets external processing.
    #[routine(96)]
    fn tioctl_tiocext(mode: i32);
    /// Sets user control of a pseudo terminal.
    #[routine(202)]
    fn tioctl_tiocucntl(set_or_clear: i32);
    /// Sets the size; the foreground process group gets SIGWINCH.
    #[routine(203)]
    fn tioctl_tiocswinsz(sizes: WindowSize);
    /// The size.
    #[routine(204)]
    fn tioctl_tiocgwinsz(sizes: Out<WindowSize>);
    /// Sets remote input editing of a pseudo terminal.
    #[routine(205)]
    fn tioctl_tiocremote(on_or_off: i32);
    /// The modem bits.
    #[routine(206)]
    fn tioctl_tiocmget(bits: Out<i32>);
    /// Clears modem bits.
    #[routine(207)]
    fn tioctl_tiocmbic(bits: i32);
    /// Sets modem bits.
    #[routine(208)]
    fn tioctl_tiocmbis(bits: i32);
    /// Sets all modem bits.
    #[routine(209)]
    fn tioctl_tiocmset(bits: i32);
    /// Starts output.
    #[routine(210)]
    fn tioctl_tiocstart();
    /// Stops output.
    #[routine(211)]
    fn tioctl_tiocstop();
    /// Sets packet mode of a pseudo terminal.
    #[routine(212)]
    fn tioctl_tiocpkt(on_or_off: i32);
    /// Puts a character into the input.
    #[routine(214)]
    fn tioctl_tiocsti(datum: u8);
    /// How much output waits.
    #[routine(215)]
    fn tioctl_tiocoutq(queue_size: Out<i32>);
    /// Sets the foreground process group.
    #[routine(218)]
    fn tioctl_tiocspgrp(pgrp: i32);
    /// The foreground process group.
    #[routine(219)]
    fn tioctl_tiocgpgrp(pgrp: Out<i32>);
    /// Clears data terminal ready.
    #[routine(220)]
    fn tioctl_tioccdtr();
    /// Sets data terminal ready.
    #[routine(221)]
    fn tioctl_tiocsdtr();
    /// Ends a break.
    #[routine(222)]
    fn tioctl_tioccbrk();
    /// Begins a break.
    #[routine(223)]
    fn tioctl_tiocsbrk();
}
