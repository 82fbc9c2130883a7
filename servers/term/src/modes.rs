//! A terminal's modes, with the bits of the Hurd's `<termios.h>` (4.4BSD's).

/// Number of control characters.
pub const CONTROL_CHARACTERS: usize = 20;

/// Input modes.
pub mod iflag {
    /// Strip the eighth bit.
    pub const ISTRIP: u32 = 0x20;
    /// Map NL to CR.
    pub const INLCR: u32 = 0x40;
    /// Ignore CR.
    pub const IGNCR: u32 = 0x80;
    /// Map CR to NL.
    pub const ICRNL: u32 = 0x100;
    /// START and STOP control output.
    pub const IXON: u32 = 0x200;
    /// Any character restarts output.
    pub const IXANY: u32 = 0x800;
    /// Ring the bell when a line is full.
    pub const IMAXBEL: u32 = 0x2000;
}

/// Output modes.
pub mod oflag {
    /// Process output at all.
    pub const OPOST: u32 = 0x1;
    /// Map NL to CR NL.
    pub const ONLCR: u32 = 0x2;
    /// Expand tabs to spaces.
    pub const OXTABS: u32 = 0x4;
    /// Throw EOT away.
    pub const ONOEOT: u32 = 0x8;
    /// Map CR to NL.
    pub const OCRNL: u32 = 0x10;
    /// No CR in the first column.
    pub const ONOCR: u32 = 0x20;
    /// NL returns to the first column.
    pub const ONLRET: u32 = 0x40;
}

/// Control modes.
pub mod cflag {
    /// Eight bits a character.
    pub const CS8: u32 = 0x300;
    /// The receiver is on.
    pub const CREAD: u32 = 0x800;
    /// Hang up when the last user closes.
    pub const HUPCL: u32 = 0x4000;
    /// Ignore modem lines.
    pub const CLOCAL: u32 = 0x8000;
}

/// Local modes.
pub mod lflag {
    /// KILL erases the line on the screen.
    pub const ECHOKE: u32 = 0x1;
    /// ERASE erases the character on the screen.
    pub const ECHOE: u32 = 0x2;
    /// Echo a newline after KILL.
    pub const ECHOK: u32 = 0x4;
    /// Echo what is typed.
    pub const ECHO: u32 = 0x8;
    /// Echo a newline even without [`ECHO`].
    pub const ECHONL: u32 = 0x10;
    /// Echo control characters as `^X`.
    pub const ECHOCTL: u32 = 0x40;
    /// INTR, QUIT and SUSP send signals.
    pub const ISIG: u32 = 0x80;
    /// Lines that can be edited.
    pub const ICANON: u32 = 0x100;
    /// WERASE goes by letters and digits.
    pub const ALTWERASE: u32 = 0x200;
    /// LNEXT, REPRINT, DISCARD, STATUS and WERASE work.
    pub const IEXTEN: u32 = 0x400;
    /// A background process that writes is stopped.
    pub const TOSTOP: u32 = 0x40_0000;
    /// Output is being thrown away.
    pub const FLUSHO: u32 = 0x80_0000;
    /// Signals do not throw queues away.
    pub const NOFLSH: u32 = 0x8000_0000;
}

/// Indices of control characters.
pub mod cc {
    /// End of file.
    pub const VEOF: usize = 0;
    /// Another end of line.
    pub const VEOL: usize = 1;
    /// Yet another end of line.
    pub const VEOL2: usize = 2;
    /// Erase a character.
    pub const VERASE: usize = 3;
    /// Erase a word.
    pub const VWERASE: usize = 4;
    /// Erase the line.
    pub const VKILL: usize = 5;
    /// Print the line again.
    pub const VREPRINT: usize = 6;
    /// Interrupt.
    pub const VINTR: usize = 8;
    /// Quit.
    pub const VQUIT: usize = 9;
    /// Suspend.
    pub const VSUSP: usize = 10;
    /// Start output.
    pub const VSTART: usize = 12;
    /// Stop output.
    pub const VSTOP: usize = 13;
    /// Take the next character literally.
    pub const VLNEXT: usize = 14;
    /// Throw output away.
    pub const VDISCARD: usize = 15;
    /// Least number of bytes that a read waits for without `ICANON`.
    pub const VMIN: usize = 16;
    /// Tenths of a second that a read waits without `ICANON`.
    pub const VTIME: usize = 17;
    /// Status request.
    pub const VSTATUS: usize = 18;
}

/// The value of a control character that stands for none.
pub const DISABLED: u8 = 0xff;

/// All modes of a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Modes {
    /// Input modes ([`iflag`]).
    pub iflag: u32,
    /// Output modes ([`oflag`]).
    pub oflag: u32,
    /// Control modes ([`cflag`]).
    pub cflag: u32,
    /// Local modes ([`lflag`]).
    pub lflag: u32,
    /// Control characters ([`cc`]).
    pub cc: [u8; CONTROL_CHARACTERS],
    /// Input and output speed, bits per second.
    pub speed: [u32; 2],
}

impl Modes {
    /// Whether input comes in lines.
    pub const fn canonical(&self) -> bool {
        self.lflag & lflag::ICANON != 0
    }

    /// Whether a bit of the local modes is set.
    pub const fn local(&self, bit: u32) -> bool {
        self.lflag & bit != 0
    }

    /// Whether `byte` is the control character at `index`.
    pub const fn is(&self, byte: u8, index: usize) -> bool {
        byte == self.cc[index] && byte != DISABLED
    }
}

const fn control(letter: u8) -> u8 {
    letter & 0x1f
}

impl Default for Modes {
    /// What a terminal starts with: cooked, with echo.
    fn default() -> Self {
        let mut chars = [DISABLED; CONTROL_CHARACTERS];
        chars[cc::VEOF] = control(b'D');
        chars[cc::VERASE] = 0x7f;
        chars[cc::VWERASE] = control(b'W');
        chars[cc::VKILL] = control(b'U');
        chars[cc::VREPRINT] = control(b'R');
        chars[cc::VINTR] = control(b'C');
        chars[cc::VQUIT] = control(b'\\');
        chars[cc::VSUSP] = control(b'Z');
        chars[cc::VSTART] = control(b'Q');
        chars[cc::VSTOP] = control(b'S');
        chars[cc::VLNEXT] = control(b'V');
        chars[cc::VDISCARD] = control(b'O');
        chars[cc::VMIN] = 1;
        chars[cc::VTIME] = 0;
        chars[cc::VSTATUS] = control(b'T');
        Self {
            iflag: iflag::ICRNL | iflag::IXON | iflag::IMAXBEL,
            oflag: oflag::OPOST | oflag::ONLCR,
            cflag: cflag::CS8 | cflag::CREAD | cflag::HUPCL | cflag::CLOCAL,
            lflag: lflag::ECHO
                | lflag::ECHOE
                | lflag::ECHOK
                | lflag::ECHOKE
                | lflag::ECHOCTL
                | lflag::ISIG
                | lflag::ICANON
                | lflag::IEXTEN,
            cc: chars,
            speed: [115_200, 115_200],
        }
    }
}
