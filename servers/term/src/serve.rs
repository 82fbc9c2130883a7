//! The terminal as a node: what lies between its line and the programs on it.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::time::Duration;

use fshelp::Steady;
use interface::fs::{O_NONBLOCK, O_READ, O_WRITE};
use interface::io::{self, SELECT_READ, SELECT_WRITE, StatBuf, fstype};
use interface::tioctl::{self, ControlCharacters, Speeds, WindowSize};
use interface::{process, term};
use iohelp::User;
use machuser::env::{self, init_port};
use machuser::sync::{Condvar, Mutex, MutexGuard, OnceLock};
use machuser::{
    Call, Data, DataOut, Error, MAX_BULK, Outcome, Request, Result, Right, clock, thread,
};
use ports::{Object, Port};
use trivfs::{Node, Open, Translator};

use crate::discipline::{Discipline, Readiness, signal};
use crate::modes::{Modes, lflag};

/// Threads that may wait in this server at a time: one for each reader.
pub const THREADS: usize = 1024;
/// How much is moved between the line and the discipline at a time.
const CHUNK: usize = 4096;
/// `term_get_bottom_type`: the line is a file.
const BOTTOM_FILE: i32 = 2;

/// A terminal.
pub struct Terminal {
    me: Weak<Terminal>,
    line: Steady,
    state: Mutex<State>,
    /// Something changed that somebody may wait for.
    changed: Condvar,
    translator: OnceLock<Weak<Translator<TerminalNode>>>,
}

struct State {
    discipline: Discipline,
    /// Somebody is sending output to the line.
    sending: bool,
    /// The process group that signals go to; 0 for none.
    foreground: i32,
    size: WindowSize,
    exclusive: bool,
    name: Vec<u8>,
    /// Stands for the terminal as a controlling one.
    identity: Option<Port>,
}

/// The process for which a port of the terminal was opened as its controlling terminal.
#[derive(Clone, Copy, Debug)]
pub struct Controlled {
    pid: i32,
    group: i32,
}

/// The node of a terminal.
pub struct TerminalNode(pub Arc<Terminal>);

impl Terminal {
    /// A terminal on a line, which it reads and writes from now on.
    pub fn new(line: Steady) -> Result<Arc<Self>> {
        // A line that is no screen has no size.
        let size = line.ask(|line| tioctl::tioctl_tiocgwinsz(line)).unwrap_or_default();
        let terminal = Arc::new_cyclic(|me| Self {
            me: me.clone(),
            line,
            state: Mutex::new(State {
                discipline: Discipline::default(),
                sending: false,
                foreground: 0,
                size,
                exclusive: false,
                name: Vec::new(),
                identity: None,
            }),
            changed: Condvar::new(),
            translator: OnceLock::new(),
        });
        let reader = terminal.clone();
        thread::try_spawn(move || reader.read_line())?;
        Ok(terminal)
    }

    /// Says as what translator the terminal runs.
    pub fn set_translator(&self, translator: &Arc<Translator<TerminalNode>>) {
        self.translator.get_or_init(|| Arc::downgrade(translator));
    }

    /// Names the terminal's file.
    pub fn set_name(&self, name: &[u8]) {
        self.state.lock().name = name.to_vec();
    }

    fn port(&self, user: User, modes: i32, state: Option<Controlled>) -> Result<Port> {
        let translator = self.translator.get().and_then(Weak::upgrade);
        translator
            .ok_or(Error::KERN_TERMINATED)?
            .open_port(user, modes, state)
    }

    /// Takes what comes from the line, until it is gone.
    fn read_line(&self) {
        let mut buffer = [0; CHUNK];
        loop {
            let mut state = self.state.lock();
            while state.discipline.input_full() {
                state = self.changed.wait(state);
            }
            drop(state);
            let count = match self.line.ask(|line| io::io_read(line, -1, CHUNK, &mut buffer)) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.is_interrupted() => continue,
                Err(_) => break,
            };
            let mut state = self.state.lock();
            let signals = state.discipline.input(&buffer[..count], clock::now());
            let foreground = state.foreground;
            self.send(state);
            self.changed.notify_all();
            for signal in signals {
                self.signal(foreground, signal);
            }
        }
        let mut state = self.state.lock();
        state.discipline.hang_up();
        let foreground = state.foreground;
        drop(state);
        self.changed.notify_all();
        self.signal(foreground, signal::HUP);
    }

    fn signal(&self, group: i32, signal: i32) {
        if group > 0
            && let Some(own) = env::port(init_port::PROC)
        {
            // A group that is gone needs no signal.
            let _ = process::proc_signal(&*own, -group, signal);
        }
    }

    /// Sends output to the line until there is none, unless somebody does so already.
    fn send<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        if state.sending {
            return;
        }
        while state.discipline.output_ready() {
            let output = state.discipline.take_output(CHUNK);
            state.sending = true;
            drop(state);
            let sent = self.send_all(&output);
            state = self.state.lock();
            state.sending = false;
            if sent.is_err() {
                state.discipline.hang_up();
            }
            self.changed.notify_all();
        }
    }

    fn send_all(&self, mut output: &[u8]) -> Result<()> {
        while !output.is_empty() {
            match self.line.ask(|line| io::io_write(line, output, -1)) {
                Ok(0) => return Err(Error::EIO),
                Ok(count) => output = &output[count..],
                Err(error) if error.is_interrupted() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// `EBACKGROUND` if the process of the port is in another group than the foreground one.
    fn check_foreground(&self, open: Option<Controlled>) -> Result<()> {
        let Some(open) = open else { return Ok(()) };
        let foreground = self.state.lock().foreground;
        if foreground <= 0 || foreground == open.group {
            return Ok(());
        }
        // The process may have changed its group since.
        let group = match env::port(init_port::PROC) {
            Some(own) => process::proc_getpgrp(&*own, open.pid).unwrap_or(open.group),
            None => open.group,
        };
        if group == foreground {
            Ok(())
        } else {
            Err(Error::EBACKGROUND)
        }
    }

    fn drain(&self, call: &Call<'_>) -> Result<()> {
        let mut state = self.state.lock();
        while state.discipline.output_pending() != 0 || state.sending {
            state = self.changed.wait_cancellable(state, call)?;
        }
        Ok(())
    }
}

impl Node for TerminalNode {
    type State = Option<Controlled>;

    const ALLOW_OPEN: i32 = O_READ | O_WRITE;
    const FSTYPE: i32 = fstype::TERM;
    const SEEKABLE: bool = false;

    fn stat(&self, _: &mut StatBuf) {}

    fn open(&self, user: &User, flags: i32) -> Result<Self::State> {
        let exclusive = self.0.state.lock().exclusive;
        if exclusive && flags & (O_READ | O_WRITE) != 0 && !user.is_root() {
            return Err(Error::EBUSY);
        }
        Ok(None)
    }

    fn read(
        &self,
        open: &Open<'_, Self>,
        _: u64,
        amount: usize,
        to: &mut DataOut<'_>,
    ) -> Result<()> {
        let terminal = &self.0;
        terminal.check_foreground(*open.state)?;
        let began = clock::now();
        let mut state = terminal.state.lock();
        loop {
            match state.discipline.readiness(amount, began, clock::now()) {
                Readiness::Ready => break,
                _ if open.modes & O_NONBLOCK != 0 => {
                    if state.discipline.has_input() {
                        break;
                    }
                    return Err(Error::EWOULDBLOCK);
                }
                Readiness::Wait => {
                    state = terminal.changed.wait_cancellable(state, open.call)?;
                }
                Readiness::WaitUntil(end) => {
                    let left = end.saturating_sub(clock::now());
                    state = terminal
                        .changed
                        .wait_timeout_cancellable(state, left, open.call)?
                        .0;
                }
            }
        }
        let was_full = state.discipline.input_full();
        let mut buffer = [0; CHUNK];
        let count = state.discipline.read(&mut buffer[..amount.min(CHUNK)]);
        to.write(&buffer[..count]);
        if was_full {
            terminal.changed.notify_all();
        }
        Ok(())
    }

    fn write(&self, open: &Open<'_, Self>, _: u64, data: Data<'_>) -> Result<usize> {
        let terminal = &self.0;
        if terminal
            .state
            .lock()
            .discipline
            .modes()
            .local(lflag::TOSTOP)
        {
            terminal.check_foreground(*open.state)?;
        }
        let mut buffer = [0; CHUNK];
        let mut done = 0;
        while done < data.len().min(MAX_BULK) {
            let count = data.copy_to(done, &mut buffer);
            let mut state = terminal.state.lock();
            if state.discipline.hung_up() {
                return Err(Error::EIO);
            }
            while state.discipline.output_full() {
                if open.modes & O_NONBLOCK != 0 {
                    return if done == 0 {
                        Err(Error::EWOULDBLOCK)
                    } else {
                        Ok(done)
                    };
                }
                state = match terminal.changed.wait_cancellable(state, open.call) {
                    Ok(state) => state,
                    Err(_) if done != 0 => return Ok(done),
                    Err(error) => return Err(error),
                };
            }
            done += state.discipline.write(&buffer[..count]);
            terminal.send(state);
        }
        Ok(done)
    }

    fn readable(&self, _: &Open<'_, Self>, _: u64) -> Result<usize> {
        Ok(self.0.state.lock().discipline.readable())
    }

    fn select(&self, open: &Open<'_, Self>, wanted: i32, until: Option<Duration>) -> Result<i32> {
        let terminal = &self.0;
        let mut state = terminal.state.lock();
        loop {
            let readable = if state.discipline.has_input() {
                SELECT_READ
            } else {
                0
            };
            let writable = if state.discipline.output_full() {
                0
            } else {
                SELECT_WRITE
            };
            let ready = wanted & (readable | writable);
            if ready != 0 {
                return Ok(ready);
            }
            state = match until.map(|until| until.saturating_sub(clock::realtime())) {
                None => terminal.changed.wait_cancellable(state, open.call)?,
                Some(Duration::ZERO) => return Ok(0),
                Some(left) => {
                    terminal
                        .changed
                        .wait_timeout_cancellable(state, left, open.call)?
                        .0
                }
            };
        }
    }

    /// A terminal has no size that a shell's `>` could take from it.
    fn set_size(&self, _: &Open<'_, Self>, size: u64) -> Result<()> {
        if size == 0 { Ok(()) } else { Err(Error::EINVAL) }
    }

    fn sync(&self, _: bool) -> Result<()> {
        Ok(())
    }

    fn dispatch(&self, open: &Open<'_, Self>, request: &mut Request<'_>) -> Outcome {
        let control = Control {
            terminal: &self.0,
            open,
        };
        tioctl::dispatch(&control, request).or_else(|| term::dispatch(&control, request))
    }
}

/// The requests to a terminal that are not those of files.
struct Control<'a> {
    terminal: &'a Terminal,
    open: &'a Open<'a, TerminalNode>,
}

impl Control<'_> {
    /// The state, for somebody who may change the terminal: its port is open in some way, and its
    /// process is in the foreground.
    fn change(&self) -> Result<MutexGuard<'_, State>> {
        if self.open.modes & (O_READ | O_WRITE) == 0 {
            return Err(Error::EBADF);
        }
        self.terminal.check_foreground(*self.open.state)?;
        Ok(self.terminal.state.lock())
    }

    fn set_modes(
        &self,
        modes: tioctl::Modes,
        ccs: ControlCharacters,
        speeds: Speeds,
        flush: bool,
    ) -> Result<()> {
        let mut state = self.change()?;
        let [iflag, oflag, cflag, lflag] = modes;
        let speed = speeds.map(|speed| speed.max(0) as u32);
        if flush {
            state.discipline.flush_input();
        }
        state.discipline.set_modes(Modes {
            iflag,
            oflag,
            cflag,
            lflag,
            cc: ccs,
            speed,
        });
        self.terminal.send(state);
        self.terminal.changed.notify_all();
        Ok(())
    }
}

impl tioctl::Tioctl for Control<'_> {
    fn tioctl_tiocexcl(&self, _: &Call<'_>) -> Result<()> {
        self.change()?.exclusive = true;
        Ok(())
    }

    fn tioctl_tiocnxcl(&self, _: &Call<'_>) -> Result<()> {
        self.change()?.exclusive = false;
        Ok(())
    }

    fn tioctl_tiocflush(&self, _: &Call<'_>, queue_selector: i32) -> Result<()> {
        let which = match queue_selector {
            0 => 3,
            1..=3 => queue_selector,
            _ => return Err(Error::EINVAL),
        };
        let mut state = self.change()?;
        if which & 1 != 0 {
            state.discipline.flush_input();
        }
        if which & 2 != 0 {
            state.discipline.flush_output();
        }
        drop(state);
        self.terminal.changed.notify_all();
        Ok(())
    }

    fn tioctl_tiocgeta(&self, _: &Call<'_>) -> Result<(tioctl::Modes, ControlCharacters, Speeds)> {
        let state = self.terminal.state.lock();
        let m = state.discipline.modes();
        let speeds = m
            .speed
            .map(|speed| i32::try_from(speed).unwrap_or(i32::MAX));
        Ok(([m.iflag, m.oflag, m.cflag, m.lflag], m.cc, speeds))
    }

    fn tioctl_tiocseta(
        &self,
        _: &Call<'_>,
        modes: tioctl::Modes,
        ccs: ControlCharacters,
        speeds: Speeds,
    ) -> Result<()> {
        self.set_modes(modes, ccs, speeds, false)
    }

    fn tioctl_tiocsetaw(
        &self,
        call: &Call<'_>,
        modes: tioctl::Modes,
        ccs: ControlCharacters,
        speeds: Speeds,
    ) -> Result<()> {
        self.terminal.drain(call)?;
        self.set_modes(modes, ccs, speeds, false)
    }

    fn tioctl_tiocsetaf(
        &self,
        call: &Call<'_>,
        modes: tioctl::Modes,
        ccs: ControlCharacters,
        speeds: Speeds,
    ) -> Result<()> {
        self.terminal.drain(call)?;
        self.set_modes(modes, ccs, speeds, true)
    }

    fn tioctl_tiocgetd(&self, _: &Call<'_>) -> Result<i32> {
        Ok(0)
    }

    fn tioctl_tiocsetd(&self, _: &Call<'_>, discipline: i32) -> Result<()> {
        if discipline == 0 {
            Ok(())
        } else {
            Err(Error::ENXIO)
        }
    }

    fn tioctl_tiocdrain(&self, call: &Call<'_>) -> Result<()> {
        self.terminal.drain(call)
    }

    fn tioctl_tiocswinsz(&self, _: &Call<'_>, sizes: WindowSize) -> Result<()> {
        let mut state = self.change()?;
        let changed = state.size != sizes;
        state.size = sizes;
        let foreground = state.foreground;
        drop(state);
        if changed {
            self.terminal.signal(foreground, signal::WINCH);
        }
        Ok(())
    }

    fn tioctl_tiocgwinsz(&self, _: &Call<'_>) -> Result<WindowSize> {
        Ok(self.terminal.state.lock().size)
    }

    fn tioctl_tiocstart(&self, _: &Call<'_>) -> Result<()> {
        let mut state = self.change()?;
        state.discipline.set_stopped(false);
        self.terminal.send(state);
        Ok(())
    }

    fn tioctl_tiocstop(&self, _: &Call<'_>) -> Result<()> {
        self.change()?.discipline.set_stopped(true);
        Ok(())
    }

    fn tioctl_tiocsti(&self, _: &Call<'_>, datum: u8) -> Result<()> {
        // Who may type for others may become them.
        if !self.open.user.is_root() {
            return Err(Error::EPERM);
        }
        let mut state = self.change()?;
        let signals = state.discipline.input(&[datum], clock::now());
        let foreground = state.foreground;
        self.terminal.send(state);
        self.terminal.changed.notify_all();
        for signal in signals {
            self.terminal.signal(foreground, signal);
        }
        Ok(())
    }

    fn tioctl_tiocoutq(&self, _: &Call<'_>) -> Result<i32> {
        let pending = self.terminal.state.lock().discipline.output_pending();
        Ok(i32::try_from(pending).unwrap_or(i32::MAX))
    }

    fn tioctl_tiocspgrp(&self, _: &Call<'_>, pgrp: i32) -> Result<()> {
        if pgrp <= 0 {
            return Err(Error::EINVAL);
        }
        self.change()?.foreground = pgrp;
        Ok(())
    }

    fn tioctl_tiocgpgrp(&self, _: &Call<'_>) -> Result<i32> {
        match self.terminal.state.lock().foreground {
            0 => Err(Error::ENOTTY),
            group => Ok(group),
        }
    }
}

impl term::Term for Control<'_> {
    fn term_getctty(&self, _: &Call<'_>) -> Result<Right<'static>> {
        if self.open.modes & (O_READ | O_WRITE) == 0 {
            return Err(Error::EBADF);
        }
        let terminal = self.terminal.me.upgrade().ok_or(Error::KERN_TERMINATED)?;
        let translator = self.terminal.translator.get().and_then(Weak::upgrade);
        let server = translator.ok_or(Error::KERN_TERMINATED)?.server().clone();
        let mut state = self.terminal.state.lock();
        let port = match &state.identity {
            Some(port) => port.clone(),
            None => {
                let port = server.port(Arc::new(Identity(terminal)))?;
                state.identity.insert(port).clone()
            }
        };
        Ok(port.right())
    }

    fn term_open_ctty(&self, _: &Call<'_>, pid: i32, pgrp: i32) -> Result<Right<'static>> {
        if pid <= 0 || pgrp <= 0 {
            return Err(Error::EINVAL);
        }
        let controlled = Some(Controlled { pid, group: pgrp });
        let port = self
            .terminal
            .port(self.open.user.clone(), self.open.modes, controlled)?;
        Ok(port.right())
    }

    fn term_set_nodename(&self, _: &Call<'_>, name: &[u8]) -> Result<()> {
        if !self.open.user.is_root() {
            return Err(Error::EPERM);
        }
        self.terminal.state.lock().name = name.to_vec();
        Ok(())
    }

    fn term_get_nodename(&self, _: &Call<'_>) -> Result<Vec<u8>> {
        let state = self.terminal.state.lock();
        if state.name.is_empty() {
            Err(Error::ENOENT)
        } else {
            Ok(state.name.clone())
        }
    }

    fn term_get_bottom_type(&self, _: &Call<'_>) -> Result<i32> {
        Ok(BOTTOM_FILE)
    }
}

/// The port that stands for a terminal as a controlling one.
struct Identity(Arc<Terminal>);

impl Object for Identity {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        term::dispatch(self, request)
    }
}

impl term::Term for Identity {
    /// Opens the terminal for whoever shows who she is afterwards.
    fn termctty_open_terminal(&self, _: &Call<'_>, flags: i32) -> Result<Right<'static>> {
        let modes = flags & (O_READ | O_WRITE | O_NONBLOCK);
        Ok(self.0.port(User::nobody(), modes, None)?.right())
    }
}
