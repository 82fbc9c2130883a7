//! The shell: its state, and how commands run.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use posix::fs::{self, O_APPEND, O_CLOEXEC, O_CREAT, O_EXCL, O_READ, O_TRUNC, O_WRITE};
use posix::io::File;
use posix::process::{self, Group, Status, WaitOptions, Which};
use posix::signal::{self, Disposition, Signal};
use posix::{Errno, Fd, Pid, term};

use crate::ast::{
    AndOr, Command, Compound, Connector, FileMode, Function, Item, List, Pipeline, Redirect,
    Simple, Target,
};
use crate::builtins::{self, Builtin};
use crate::expand::{self, Context};
use crate::jobs::Jobs;
use crate::parser::{self, Parser, split_assignment};
use crate::state::{State, TrapEvent};
use crate::streams::{Stream, Streams};
use crate::unparse;

/// Function calls, and files and texts that run commands, inside one another.
const MAX_CALLS: usize = 200;

/// Why commands stop running before their end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unwind {
    /// `break` out of this many loops.
    Break(usize),
    /// `continue` the loop this many outwards.
    Continue(usize),
    /// `return` from a function or a script.
    Return,
    /// `exit`: the status is the shell's.
    Exit,
    /// An error that ends a script, and takes the user back to the prompt.
    Error,
    /// The user interrupted the commands.
    Interrupt,
}

/// Whether to go on behind a command; its exit status is the shell's.
pub type Flow = Result<(), Unwind>;

/// Variables with their values.
type Values = Vec<(Vec<u8>, Vec<u8>)>;

/// What a subshell inside the shell's process must set back when it ends.
#[derive(Default)]
struct Frame {
    directory: Option<File>,
    umask: Option<u32>,
}

/// Processes of a pipeline, and the pipes through which they write captured text.
#[derive(Default)]
struct Running {
    group: Option<Pid>,
    processes: Vec<(Pid, Option<Status>)>,
    captures: Vec<CapturePipe>,
}

struct CapturePipe {
    stream: Rc<Stream>,
    reader: File,
    writer: Option<File>,
}

/// How a program is to be started.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Foreground,
    Background,
}

/// A shell.
pub struct Shell {
    /// What a subshell has a copy of.
    pub state: State,
    /// The exit status of the last command.
    pub status: u8,
    /// `$0`.
    pub name: Vec<u8>,
    /// `$$`.
    pub pid: Pid,
    /// `$!`.
    pub last_background: Option<Pid>,
    /// Whether there is a user who types commands.
    pub interactive: bool,
    /// The terminal of job control.
    pub terminal: Option<Fd>,
    /// Jobs.
    pub jobs: Jobs,
    /// Loops around the command that runs, in this function.
    pub loops: usize,
    /// Functions and scripts around it.
    pub calls: usize,
    /// Conditions around it, where `-e` does not count.
    conditions: usize,
    frames: Vec<Frame>,
    /// Variables that `local` hides, for each function that runs.
    pub locals: Vec<Vec<(Vec<u8>, Option<crate::state::Variable>)>>,
    /// The process group that programs join, while a part of a pipeline runs in the shell.
    group: Option<Pid>,
    /// Pipes of background processes that write captured text.
    drains: Vec<CapturePipe>,
    /// The status of the last command substitution of the command that is being expanded.
    substitution_status: Option<u8>,
    in_trap: bool,
    /// Whether `PWD` is known to be right.
    directory_known: bool,
}

impl Shell {
    /// A shell with the process's environment and descriptors.
    pub fn new() -> Self {
        let mut shell = Self {
            state: State {
                streams: Streams::inherited(),
                ..State::default()
            },
            status: 0,
            name: b"sh".to_vec(),
            pid: process::id(),
            last_background: None,
            interactive: false,
            terminal: None,
            jobs: Jobs::default(),
            loops: 0,
            calls: 0,
            conditions: 0,
            frames: Vec::new(),
            locals: Vec::new(),
            group: None,
            drains: Vec::new(),
            substitution_status: None,
            in_trap: false,
            directory_known: false,
        };
        let variables = Rc::make_mut(&mut shell.state.variables);
        for entry in posix::env::vars() {
            let Some(equals) = entry.iter().position(|&b| b == b'=') else {
                continue;
            };
            let name = &entry[..equals];
            if parser::is_name(name) {
                let variable = variables.entry(name.to_vec()).or_default();
                variable.value = Some(entry[equals + 1..].to_vec());
                variable.exported = true;
            }
        }
        let defaults: [(&[u8], &[u8]); 5] = [
            (b"IFS", b" \t\n"),
            (b"OPTIND", b"1"),
            (b"PS2", b"> "),
            (b"PS4", b"+ "),
            (b"PATH", b"/bin:/sbin:/usr/bin:/usr/sbin"),
        ];
        for (name, value) in defaults {
            // The separators of the environment would change what scripts mean.
            let variable = variables.entry(name.to_vec()).or_default();
            if variable.value.is_none() || name == b"IFS" {
                variable.value = Some(value.to_vec());
            }
        }
        let parent = expand::signed_decimal(i64::from(process::parent_id()));
        variables.entry(b"PPID".to_vec()).or_default().value = Some(parent);
        // A closed pipe is told by the error of the write; programs get the default action back.
        if !signal::is_ignored(Signal::PIPE) {
            let _ = signal::set(Signal::PIPE, Disposition::Note);
        }
        shell
    }

    /// Finds the working directory's name, unless the environment has it right. To be called before
    /// `PWD` is used for the first time: most scripts never ask.
    pub fn find_directory(&mut self) {
        if core::mem::replace(&mut self.directory_known, true) {
            return;
        }
        let same = |path: &[u8]| match (fs::stat(path), fs::stat(b".")) {
            (Ok(a), Ok(b)) => a.is_same_file(&b),
            _ => false,
        };
        let given = self
            .state
            .value(b"PWD")
            .filter(|path| path.first() == Some(&b'/'));
        if !given.is_some_and(same)
            && let Ok(path) = fs::getcwd()
        {
            let _ = self.state.set(b"PWD", path);
        }
    }

    /// Makes this an interactive shell with job control on the terminal, if it has one.
    pub fn become_interactive(&mut self, terminal: Option<Fd>) {
        self.interactive = true;
        let _ = signal::set(Signal::INT, Disposition::Note);
        let _ = signal::set(Signal::QUIT, Disposition::Ignore);
        let _ = signal::set(Signal::TERM, Disposition::Ignore);
        let prompt: &[u8] = if process::effective_uid() == 0 {
            b"# "
        } else {
            b"$ "
        };
        if self.state.value(b"PS1").is_none() {
            let _ = self.state.set(b"PS1", prompt.to_vec());
        }
        let Some(terminal) = terminal else { return };
        for signal in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
            let _ = signal::set(signal, Disposition::Ignore);
        }
        // The leader of a session cannot, and need not, change its group.
        let _ = process::set_group(0, 0);
        let own = process::group_of(0).unwrap_or(self.pid);
        if term::set_foreground(terminal, own).is_ok() {
            self.terminal = Some(terminal);
            self.state.options.monitor = true;
        }
    }

    /// Writes `NAME: parts` to standard error.
    pub fn complain(&self, parts: &[&[u8]]) {
        let mut line = self.name.clone();
        line.extend_from_slice(b": ");
        line.extend_from_slice(&parts.concat());
        line.push(b'\n');
        // There is nowhere to tell that standard error cannot be written.
        let _ = self.state.streams.write(2, &line);
    }

    /// Writes a builtin's output to standard output; its status is 1 if that fails.
    pub fn print(&mut self, text: &[u8]) -> Result<u8, Unwind> {
        match self.state.streams.write(1, text) {
            Ok(()) => Ok(0),
            Err(Errno::EPIPE) if !signal::is_ignored(Signal::PIPE) => {
                // As if the signal had ended the (sub)shell.
                if self.frames.is_empty() && !self.interactive {
                    process::die_by(Signal::PIPE);
                }
                self.status = Status::Signaled(Signal::PIPE).code();
                Err(if self.frames.is_empty() {
                    Unwind::Error
                } else {
                    Unwind::Exit
                })
            }
            Err(error) => {
                self.complain(&[b"write error: ", error.message().as_bytes()]);
                Ok(1)
            }
        }
    }

    /// Tells an error that ends a script.
    pub fn fail(&mut self, message: &[u8]) -> Unwind {
        self.complain(&[message]);
        self.status = 2;
        Unwind::Error
    }

    fn expansion_error(&mut self, error: expand::Error) -> Unwind {
        match error {
            expand::Error::Fault(message) => self.fail(&message),
            expand::Error::Unwound => Unwind::Interrupt,
        }
    }

    // Texts

    /// Runs the commands of a text, line by line.
    pub fn run_text(&mut self, text: &[u8]) -> Flow {
        let mut parser = Parser::new(text, false);
        loop {
            let start = parser.position();
            match parser.next_line() {
                Ok(Some(list)) => {
                    if self.state.options.verbose {
                        let _ = self.state.streams.write(2, &text[start..parser.position()]);
                    }
                    self.run_list(&list)?;
                }
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.syntax_error(&error)),
            }
        }
    }

    /// Runs all that this shell has to run: its last command may take the shell's place.
    pub fn run_whole_text(&mut self, text: &[u8]) -> Flow {
        let mut parser = Parser::new(text, false);
        loop {
            let list = match parser.next_line() {
                Ok(Some(list)) => list,
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.syntax_error(&error)),
            };
            let last = text[parser.position()..].trim_ascii().is_empty();
            match list.items.split_last() {
                Some((item, before)) if last && self.may_replace(item) => {
                    for item in before {
                        self.run_item(item)?;
                    }
                    // What came before may have set a trap or started a job.
                    if !self.may_replace(item) {
                        return self.run_item(item);
                    }
                    let [Command::Simple(simple)] = item.and_or.first.commands.as_slice() else {
                        return self.run_item(item);
                    };
                    return self.replace_by(simple);
                }
                _ => self.run_list(&list)?,
            }
        }
    }

    /// Whether an item is a program, and nothing is left for the shell to do when it ends.
    fn may_replace(&self, item: &Item) -> bool {
        let pipeline = &item.and_or.first;
        !item.background
            && item.and_or.rest.is_empty()
            && !pipeline.negated
            && pipeline.commands.len() == 1
            && self.is_program(&pipeline.commands[0])
            && self.state.traps.is_empty()
            && self.jobs.is_empty()
            && !self.interactive
            && !self.state.options.verbose
            && !self.state.options.no_execute
    }

    fn replace_by(&mut self, simple: &Simple) -> Flow {
        self.check_signals()?;
        let args = self.expand_args(simple)?;
        if !self.redirect(&simple.redirects)? {
            return Ok(());
        }
        let assignments = self.expand_assignments(simple)?;
        self.trace(&assignments, &args);
        self.exec(&args, &assignments)
    }

    /// Tells an error of the parser.
    pub fn syntax_error(&mut self, error: &parser::Error) -> Unwind {
        match error {
            parser::Error::Incomplete => self.fail(b"syntax error: unexpected end of file"),
            parser::Error::Syntax { line, message } => {
                let line = expand::signed_decimal(*line as i64);
                self.fail(&[b"line ", &line[..], b": syntax error: ", message].concat())
            }
        }
    }

    /// Counts a function or a text that runs inside others, and ends them if they are too many.
    pub fn enter(&mut self) -> Flow {
        if self.calls >= MAX_CALLS {
            return Err(self.fail(b"calls nested too deeply"));
        }
        self.calls += 1;
        Ok(())
    }

    /// Runs the commands of a trap or a dot script: `return` ends only them.
    pub fn run_nested(&mut self, text: &[u8]) -> Flow {
        self.enter()?;
        let loops = core::mem::take(&mut self.loops);
        let flow = self.run_text(text);
        self.loops = loops;
        self.calls -= 1;
        match flow {
            Err(Unwind::Return) => Ok(()),
            flow => flow,
        }
    }

    /// Runs traps of signals that have arrived, and stops for the user's interrupt.
    fn check_signals(&mut self) -> Flow {
        if self.interactive
            && !self
                .state
                .traps
                .contains_key(&TrapEvent::Signal(Signal::INT))
            && signal::take(Signal::INT)
        {
            self.status = Status::Signaled(Signal::INT).code();
            // The terminal has shown ^C and no new line.
            let _ = self.state.streams.write(2, b"\n");
            return Err(Unwind::Interrupt);
        }
        if self.state.traps.is_empty() || self.in_trap {
            return Ok(());
        }
        for (event, commands) in self.state.traps.clone().iter() {
            if let TrapEvent::Signal(signal) = event
                && !commands.is_empty()
                && signal::take(*signal)
            {
                let status = self.status;
                self.in_trap = true;
                let flow = self.run_nested(commands);
                self.in_trap = false;
                flow?;
                self.status = status;
            }
        }
        Ok(())
    }

    /// Runs the trap for the shell's end, if there is one.
    pub fn run_exit_trap(&mut self) {
        let commands = Rc::make_mut(&mut self.state.traps).remove(&TrapEvent::Exit);
        if let Some(commands) = commands {
            let status = self.status;
            if self.run_nested(&commands) != Err(Unwind::Exit) {
                self.status = status;
            }
        }
    }

    // Lists

    /// Runs the commands of a list.
    pub fn run_list(&mut self, list: &List) -> Flow {
        list.items.iter().try_for_each(|item| self.run_item(item))
    }

    fn run_item(&mut self, item: &Item) -> Flow {
        if self.state.options.no_execute && !self.interactive {
            Ok(())
        } else if item.background {
            self.run_background(&item.and_or)
        } else {
            self.run_and_or(&item.and_or)
        }
    }

    /// Runs a list whose failure is no error.
    fn run_condition(&mut self, list: &List) -> Result<bool, Unwind> {
        self.conditions += 1;
        let flow = self.run_list(list);
        self.conditions -= 1;
        flow.map(|()| self.status == 0)
    }

    fn run_and_or(&mut self, and_or: &AndOr) -> Flow {
        let count = and_or.rest.len();
        self.run_tested(&and_or.first, count > 0)?;
        for (index, (connector, pipeline)) in and_or.rest.iter().enumerate() {
            let wanted = match connector {
                Connector::And => self.status == 0,
                Connector::Or => self.status != 0,
            };
            if wanted {
                self.run_tested(pipeline, index + 1 < count)?;
            }
        }
        Ok(())
    }

    /// Runs a pipeline; `tested` if something looks at its status, so that `-e` does not.
    fn run_tested(&mut self, pipeline: &Pipeline, tested: bool) -> Flow {
        self.check_signals()?;
        let tested = usize::from(tested || pipeline.negated);
        self.conditions += tested;
        let flow = match pipeline.commands.as_slice() {
            [command] => self.run_command(command),
            commands => self.run_pipeline(commands, &unparse_pipeline(pipeline)),
        };
        self.conditions -= tested;
        flow?;
        if pipeline.negated {
            self.status = u8::from(self.status == 0);
        }
        Ok(())
    }

    /// Ends the shell if `-e` is on and the last command failed where that counts.
    fn check_error(&mut self) -> Flow {
        if self.status != 0 && self.state.options.exit_on_error && self.conditions == 0 {
            return Err(Unwind::Exit);
        }
        Ok(())
    }

    fn run_command(&mut self, command: &Command) -> Flow {
        match command {
            Command::Simple(simple) => {
                self.run_simple(simple)?;
                self.check_error()
            }
            Command::Compound(compound, redirects) => {
                if !redirects.is_empty() {
                    let saved = self.state.streams.clone();
                    let flow = match self.redirect(redirects) {
                        Ok(true) => self.run_compound(compound),
                        Ok(false) => Ok(()),
                        Err(unwind) => Err(unwind),
                    };
                    self.state.streams = saved;
                    flow?;
                } else {
                    self.run_compound(compound)?;
                }
                if matches!(**compound, Compound::Subshell(_)) {
                    self.check_error()
                } else {
                    Ok(())
                }
            }
            Command::Function(function) => {
                Rc::make_mut(&mut self.state.functions)
                    .insert(function.name.clone(), function.clone());
                self.status = 0;
                Ok(())
            }
        }
    }

    fn run_compound(&mut self, compound: &Compound) -> Flow {
        match compound {
            Compound::Brace(list) => self.run_list(list),
            Compound::Subshell(list) => self.subshell(|shell| shell.run_list(list)),
            Compound::If { arms, otherwise } => {
                for (condition, body) in arms {
                    if self.run_condition(condition)? {
                        return self.run_list(body);
                    }
                }
                self.status = 0;
                otherwise
                    .as_ref()
                    .map_or(Ok(()), |body| self.run_list(body))
            }
            Compound::Loop {
                until,
                condition,
                body,
            } => {
                let mut status = 0;
                self.run_loop(|shell| {
                    if shell.run_condition(condition)? == *until {
                        shell.status = status;
                        return Ok(false);
                    }
                    let flow = shell.run_list(body);
                    status = shell.status;
                    flow.map(|()| true)
                })
            }
            Compound::For { name, words, body } => {
                let values = match words {
                    None => (*self.state.positional).clone(),
                    Some(words) => {
                        expand::words(words, self).map_err(|e| self.expansion_error(e))?
                    }
                };
                let mut values = values.into_iter();
                self.status = 0;
                self.run_loop(|shell| {
                    let Some(value) = values.next() else {
                        return Ok(false);
                    };
                    shell
                        .state
                        .set(name, value)
                        .map_err(|message| shell.fail(&message))?;
                    shell.run_list(body).map(|()| true)
                })
            }
            Compound::Case { word, arms } => {
                let text = expand::text(word, self).map_err(|e| self.expansion_error(e))?;
                self.status = 0;
                let mut matched = false;
                for arm in arms {
                    for pattern in &arm.patterns {
                        if matched {
                            break;
                        }
                        let pattern =
                            expand::pattern(pattern, self).map_err(|e| self.expansion_error(e))?;
                        matched = pattern.matches(&text);
                    }
                    if matched {
                        self.run_list(&arm.body)?;
                        if !arm.falls_through {
                            break;
                        }
                    }
                }
                Ok(())
            }
        }
    }

    /// Repeats `step` while it says so, minding `break` and `continue`.
    fn run_loop(&mut self, mut step: impl FnMut(&mut Self) -> Result<bool, Unwind>) -> Flow {
        self.loops += 1;
        let flow = loop {
            if let Err(unwind) = self.check_signals() {
                break Err(unwind);
            }
            match step(self) {
                Ok(true) | Err(Unwind::Continue(1)) => {}
                Ok(false) | Err(Unwind::Break(1)) => break Ok(()),
                Err(Unwind::Break(count)) => break Err(Unwind::Break(count - 1)),
                Err(Unwind::Continue(count)) => break Err(Unwind::Continue(count - 1)),
                Err(unwind) => break Err(unwind),
            }
        };
        self.loops -= 1;
        flow
    }

    // Subshells

    /// Runs something in a subshell inside this process.
    pub fn subshell(&mut self, run: impl FnOnce(&mut Self) -> Flow) -> Flow {
        let saved = self.state.clone();
        let loops = core::mem::take(&mut self.loops);
        let jobs = self.jobs.take();
        self.frames.push(Frame::default());
        Rc::make_mut(&mut self.state.traps).retain(|_, commands| commands.is_empty());
        let flow = run(self);
        self.run_exit_trap();
        let inner = core::mem::replace(&mut self.state, saved).traps;
        for event in inner.keys().chain(self.state.traps.clone().keys()) {
            // Signals that the subshell treated otherwise go back to what they were.
            if let TrapEvent::Signal(signal) = event
                && inner.get(event) != self.state.traps.get(event)
            {
                builtins::apply_trap(self, *signal);
            }
        }
        self.loops = loops;
        // What the user has stopped in it can only be continued from out here.
        let stopped = core::mem::replace(&mut self.jobs, jobs).into_stopped();
        for job in stopped {
            self.jobs.adopt(job);
        }
        if let Some(frame) = self.frames.pop() {
            if let Some(directory) = frame.directory
                && let Err(error) = fs::fchdir(directory.fd())
            {
                return Err(self.fail(
                    &[
                        b"cannot return to the working directory: ",
                        error.message().as_bytes(),
                    ]
                    .concat(),
                ));
            }
            if let Some(mask) = frame.umask {
                fs::umask(mask);
            }
        }
        match flow {
            Err(Unwind::Interrupt) => Err(Unwind::Interrupt),
            _ => Ok(()),
        }
    }

    /// To be called before the working directory changes.
    pub fn keep_directory(&mut self) {
        if let Some(frame) = self.frames.last_mut()
            && frame.directory.is_none()
        {
            frame.directory = File::open(b".", O_READ | O_CLOEXEC, 0).ok();
        }
    }

    /// To be called with the mask that was, after it has changed.
    pub fn keep_umask(&mut self, mask: u32) {
        if let Some(frame) = self.frames.last_mut() {
            frame.umask.get_or_insert(mask);
        }
    }

    /// Whether this is a subshell inside the shell's process.
    pub fn in_subshell(&self) -> bool {
        !self.frames.is_empty()
    }

    // Redirections

    /// Changes the descriptors as redirections say. If one fails, tells so, sets the status, and
    /// answers false.
    fn redirect(&mut self, redirects: &[Redirect]) -> Result<bool, Unwind> {
        for redirect in redirects {
            if let Err(message) = self.redirect_one(redirect)? {
                self.complain(&[&message]);
                self.status = 2;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn redirect_one(&mut self, redirect: &Redirect) -> Result<Result<(), Vec<u8>>, Unwind> {
        match &redirect.target {
            Target::File(mode, word) => {
                let path = expand::text(word, self).map_err(|e| self.expansion_error(e))?;
                let usual = if matches!(mode, FileMode::Read | FileMode::ReadWrite) {
                    0
                } else {
                    1
                };
                match self.open(&path, *mode) {
                    Ok(file) => {
                        let stream = Rc::new(Stream::File(file));
                        self.state.streams.set(redirect.fd.unwrap_or(usual), stream);
                    }
                    Err(error) => {
                        let verb: &[u8] = if usual == 0 {
                            b"cannot open "
                        } else {
                            b"cannot create "
                        };
                        return Ok(Err(
                            [verb, &path, b": ", error.message().as_bytes()].concat()
                        ));
                    }
                }
            }
            Target::Duplicate { output, word } => {
                let text = expand::text(word, self).map_err(|e| self.expansion_error(e))?;
                let fd = redirect.fd.unwrap_or(Fd::from(*output));
                if text == b"-" {
                    self.state.streams.close(fd);
                    return Ok(Ok(()));
                }
                let from = posix::parse_number(&text).and_then(|n| Fd::try_from(n).ok());
                let stream = from
                    .ok_or(Errno::EBADF)
                    .and_then(|fd| self.state.streams.get(fd).cloned());
                match stream {
                    Ok(stream) => self.state.streams.set(fd, stream),
                    Err(error) => {
                        return Ok(Err([&text, &b": "[..], error.message().as_bytes()].concat()));
                    }
                }
            }
            Target::Here(document) => {
                let Some(body) = document.body.get() else {
                    return Ok(Ok(()));
                };
                let text =
                    expand::here_document(body, self).map_err(|e| self.expansion_error(e))?;
                match here_file(&text) {
                    Ok(file) => self
                        .state
                        .streams
                        .set(redirect.fd.unwrap_or(0), Rc::new(Stream::File(file))),
                    Err(error) => {
                        return Ok(Err([
                            &b"cannot keep here document: "[..],
                            error.message().as_bytes(),
                        ]
                        .concat()));
                    }
                }
            }
        }
        Ok(Ok(()))
    }

    fn open(&self, path: &[u8], mode: FileMode) -> posix::Result<File> {
        let flags = match mode {
            FileMode::Read => O_READ,
            FileMode::ReadWrite => O_READ | O_WRITE | O_CREAT,
            FileMode::Append => O_WRITE | O_CREAT | O_APPEND,
            FileMode::Write if self.state.options.no_clobber => {
                // What exists and is no regular file cannot be lost.
                match fs::stat(path) {
                    Ok(stat) if stat.kind() == fs::Kind::Regular => return Err(Errno::EEXIST),
                    Ok(_) => O_WRITE,
                    Err(_) => O_WRITE | O_CREAT | O_EXCL,
                }
            }
            FileMode::Write | FileMode::Clobber => O_WRITE | O_CREAT | O_TRUNC,
        };
        loop {
            match File::open(path, flags | O_CLOEXEC, 0o666) {
                // Opening a fifo waits for its other end.
                Err(Errno::EINTR) if !(self.interactive && signal::arrived(Signal::INT)) => {}
                result => return result,
            }
        }
    }

    // Simple commands

    fn run_simple(&mut self, simple: &Simple) -> Flow {
        self.substitution_status = None;
        let args = self.expand_args(simple)?;
        let Some(name) = args.first() else {
            return self.run_assignments(simple);
        };

        let function = self.state.functions.get(name).cloned();
        let builtin = builtins::find(name);
        let special = builtin.is_some_and(|b| b.special);
        let saved = self.state.streams.clone();
        match self.redirect(&simple.redirects) {
            Ok(true) => {}
            other => {
                self.state.streams = saved;
                return match other {
                    Err(unwind) => Err(unwind),
                    Ok(_) if special && !self.interactive => Err(Unwind::Exit),
                    Ok(_) => Ok(()),
                };
            }
        }
        let flow = match self.expand_assignments(simple) {
            Err(unwind) => Err(unwind),
            Ok(assignments) => {
                self.trace(&assignments, &args);
                match (builtin, function) {
                    (Some(builtin), _) if special => self.run_special(builtin, &assignments, &args),
                    (_, Some(function)) => {
                        self.with_assignments(&assignments, |shell| shell.call(&function, &args))
                    }
                    (Some(builtin), None) => self.with_assignments(&assignments, |shell| {
                        shell.status = (builtin.run)(shell, &args)?;
                        Ok(())
                    }),
                    (None, None) => self.run_program(&args, &assignments),
                }
            }
        };
        // `exec` without a program keeps its redirections.
        let keeps = name == b"exec" && args.len() == 1;
        if !(keeps && flow.is_ok()) {
            self.state.streams = saved;
        }
        flow
    }

    fn expand_args(&mut self, simple: &Simple) -> Result<Vec<Vec<u8>>, Unwind> {
        let declares = simple
            .words
            .first()
            .and_then(|word| word.bare())
            .is_some_and(|name| matches!(name, b"export" | b"readonly" | b"local"));
        if !declares {
            return expand::words(&simple.words, self).map_err(|e| self.expansion_error(e));
        }
        let mut args = Vec::new();
        for word in &simple.words {
            match split_assignment(word.clone()) {
                Ok(assignment) => {
                    let value = expand::assigned(&assignment.value, self)
                        .map_err(|e| self.expansion_error(e))?;
                    args.push([&assignment.name[..], b"=", &value].concat());
                }
                Err(word) => {
                    args.extend(expand::words(&[word], self).map_err(|e| self.expansion_error(e))?)
                }
            }
        }
        Ok(args)
    }

    fn expand_assignments(&mut self, simple: &Simple) -> Result<Values, Unwind> {
        let mut values = Vec::new();
        for assignment in &simple.assignments {
            let value =
                expand::assigned(&assignment.value, self).map_err(|e| self.expansion_error(e))?;
            values.push((assignment.name.clone(), value));
        }
        Ok(values)
    }

    fn run_assignments(&mut self, simple: &Simple) -> Flow {
        let saved = self.state.streams.clone();
        let redirected = self.redirect(&simple.redirects);
        self.state.streams = saved;
        if !redirected? {
            return Ok(());
        }
        for assignment in &simple.assignments {
            let value =
                expand::assigned(&assignment.value, self).map_err(|e| self.expansion_error(e))?;
            self.trace(&[(assignment.name.clone(), value.clone())], &[]);
            self.state
                .set(&assignment.name, value)
                .map_err(|message| self.fail(&message))?;
        }
        self.status = self.substitution_status.take().unwrap_or(0);
        Ok(())
    }

    fn trace(&mut self, assignments: &[(Vec<u8>, Vec<u8>)], args: &[Vec<u8>]) {
        if !self.state.options.trace {
            return;
        }
        let plain = |text: &[u8]| {
            !text.is_empty()
                && text
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_./:=,+%@".contains(b))
        };
        let show = |text: &[u8]| {
            if plain(text) {
                text.to_vec()
            } else {
                unparse::quote(text)
            }
        };
        let mut line = self.state.value(b"PS4").unwrap_or_default().to_vec();
        let mut first = true;
        let words = assignments
            .iter()
            .map(|(name, value)| [&name[..], b"=", &show(value)].concat())
            .chain(args.iter().map(|arg| show(arg)));
        for word in words {
            if !core::mem::take(&mut first) {
                line.push(b' ');
            }
            line.extend_from_slice(&word);
        }
        line.push(b'\n');
        // There is nowhere to tell that standard error cannot be written.
        let _ = self.state.streams.write(2, &line);
    }

    fn run_special(
        &mut self,
        builtin: &Builtin,
        assignments: &[(Vec<u8>, Vec<u8>)],
        args: &[Vec<u8>],
    ) -> Flow {
        for (name, value) in assignments {
            self.state
                .set(name, value.clone())
                .map_err(|message| self.fail(&message))?;
        }
        self.status = (builtin.run)(self, args)?;
        Ok(())
    }

    /// Runs something with variables set that go back to what they were.
    fn with_assignments(
        &mut self,
        assignments: &[(Vec<u8>, Vec<u8>)],
        run: impl FnOnce(&mut Self) -> Flow,
    ) -> Flow {
        let mut saved = Vec::new();
        for (name, value) in assignments {
            saved.push((name.clone(), self.state.variables.get(name).cloned()));
            self.state
                .set(name, value.clone())
                .map_err(|message| self.fail(&message))?;
            if let Some(variable) = Rc::make_mut(&mut self.state.variables).get_mut(name) {
                variable.exported = true;
            }
        }
        let flow = run(self);
        self.restore(saved);
        flow
    }

    /// Sets variables back to what they were, the last one first.
    fn restore(&mut self, saved: Vec<(Vec<u8>, Option<crate::state::Variable>)>) {
        let variables = Rc::make_mut(&mut self.state.variables);
        for (name, variable) in saved.into_iter().rev() {
            match variable {
                Some(variable) => variables.insert(name, variable),
                None => variables.remove(&name),
            };
        }
    }

    fn call(&mut self, function: &Rc<Function>, args: &[Vec<u8>]) -> Flow {
        self.enter()?;
        let positional =
            core::mem::replace(&mut self.state.positional, Rc::new(args[1..].to_vec()));
        let loops = core::mem::take(&mut self.loops);
        self.locals.push(Vec::new());
        let body = Command::Compound(function.body.clone(), function.redirects.clone());
        let flow = self.run_command(&body);
        if let Some(locals) = self.locals.pop() {
            self.restore(locals);
        }
        self.loops = loops;
        self.state.positional = positional;
        self.calls -= 1;
        match flow {
            Err(Unwind::Return) => Ok(()),
            flow => flow,
        }
    }

    // Programs

    /// Runs a program and waits for it.
    pub fn run_program(&mut self, args: &[Vec<u8>], assignments: &[(Vec<u8>, Vec<u8>)]) -> Flow {
        let mut running = Running {
            group: self.group,
            ..Running::default()
        };
        if self.start(&mut running, args, assignments, Mode::Foreground) {
            return self.finish(running, &args.join(&b' '));
        }
        Ok(())
    }

    /// The files that a program's name may mean.
    pub fn candidates(&self, name: &[u8], path: Option<&[u8]>) -> Vec<Vec<u8>> {
        if name.contains(&b'/') {
            return alloc::vec![name.to_vec()];
        }
        let path = path
            .or_else(|| self.state.value(b"PATH"))
            .unwrap_or_default();
        path.split(|&b| b == b':')
            .map(|directory| {
                posix::join(
                    if directory.is_empty() {
                        b"."
                    } else {
                        directory
                    },
                    name,
                )
            })
            .collect()
    }

    /// A program to start with the shell's descriptors, in `running`'s process group.
    fn prepare(
        &mut self,
        running: &mut Running,
        command: &mut process::Command,
        mode: Mode,
    ) -> posix::Result<()> {
        command.no_fds();
        for (fd, stream) in self.state.streams.iter() {
            let real = match stream.fd() {
                Some(real) => real,
                None => running.capture(stream)?,
            };
            command.fd(fd, Some(real));
        }
        if self.state.options.monitor {
            command.group(running.group.map_or(Group::New, Group::Join));
            if mode == Mode::Foreground
                && running.group.is_none()
                && let Some(terminal) = self.terminal
            {
                command.foreground(terminal);
            }
        }
        if self.interactive {
            for signal in [
                Signal::INT,
                Signal::QUIT,
                Signal::TERM,
                Signal::TSTP,
                Signal::TTIN,
                Signal::TTOU,
            ] {
                command.default_signal(signal);
            }
        }
        for (event, commands) in self.state.traps.iter() {
            if let TrapEvent::Signal(signal) = event
                && commands.is_empty()
            {
                command.ignore_signal(*signal);
            }
        }
        if mode == Mode::Background && !self.state.options.monitor {
            command.ignore_signal(Signal::INT);
            command.ignore_signal(Signal::QUIT);
        }
        Ok(())
    }

    /// Starts a program; whether it was. If not, tells why and sets the status.
    fn start(
        &mut self,
        running: &mut Running,
        args: &[Vec<u8>],
        assignments: &[(Vec<u8>, Vec<u8>)],
        mode: Mode,
    ) -> bool {
        let environment = self.state.environment(assignments);
        let mut problem = Errno::ENOENT;
        for file in self.candidates(&args[0], path_of(assignments)) {
            let mut command = process::Command::new(&file, args.to_vec());
            command.env(environment.clone());
            let mut result = self
                .prepare(running, &mut command, mode)
                .and_then(|()| command.spawn());
            if result == Err(Errno::ENOEXEC) {
                let script_args = script_args(&file, args);
                let mut command = process::Command::new(&shell_path(), script_args);
                command.env(environment.clone());
                result = self
                    .prepare(running, &mut command, mode)
                    .and_then(|()| command.spawn());
            }
            match result {
                Ok(pid) => {
                    running.add(pid, self.state.options.monitor);
                    return true;
                }
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(Errno::EACCES) => problem = Errno::EACCES,
                Err(error) => {
                    problem = error;
                    break;
                }
            }
        }
        self.tell_not_started(&args[0], problem);
        false
    }

    fn tell_not_started(&mut self, name: &[u8], problem: Errno) {
        if problem == Errno::ENOENT {
            let text: &[u8] = if name.contains(&b'/') {
                b": No such file or directory"
            } else {
                b": not found"
            };
            self.complain(&[name, text]);
            self.status = 127;
        } else {
            self.complain(&[name, b": ", problem.message().as_bytes()]);
            self.status = 126;
        }
    }

    /// Puts a program in the shell's place; returns only if that fails, or in a subshell inside
    /// the shell's process, which ends when the program does.
    pub fn exec(&mut self, args: &[Vec<u8>], assignments: &[(Vec<u8>, Vec<u8>)]) -> Flow {
        if self.in_subshell() {
            self.run_program(args, assignments)?;
            return Err(Unwind::Exit);
        }
        let environment = self.state.environment(assignments);
        let mut problem = Errno::ENOENT;
        for file in self.candidates(&args[0], path_of(assignments)) {
            let mut error = self.exec_file(&file, args.to_vec(), &environment);
            if error == Errno::ENOEXEC {
                error = self.exec_file(&shell_path(), script_args(&file, args), &environment);
            }
            match error {
                Errno::ENOENT | Errno::ENOTDIR => {}
                error => {
                    problem = error;
                    break;
                }
            }
        }
        self.tell_not_started(&args[0], problem);
        Err(if self.interactive {
            Unwind::Error
        } else {
            Unwind::Exit
        })
    }

    fn exec_file(&mut self, file: &[u8], args: Vec<Vec<u8>>, environment: &[Vec<u8>]) -> Errno {
        let mut command = process::Command::new(file, args);
        command.env(environment.to_vec());
        let mut running = Running {
            group: Some(0),
            ..Running::default()
        };
        let result = self.prepare(&mut running, &mut command, Mode::Foreground);
        command.group(Group::Inherit);
        result.err().unwrap_or_else(|| command.exec())
    }

    /// Starts another shell that runs `script` with a copy of this one's state.
    fn start_shell(&mut self, running: &mut Running, script: &[u8], mode: Mode) -> bool {
        let mut text = self.state.script();
        text.extend_from_slice(script);
        let number = |n: Pid| expand::signed_decimal(i64::from(n));
        let args = alloc::vec![
            b"sh".to_vec(),
            SUBSHELL_OPTION.to_vec(),
            number(self.pid),
            number(self.last_background.unwrap_or(0)),
            number(Pid::from(self.status)),
            text,
            self.name.clone(),
        ];
        let mut command = process::Command::new(&shell_path(), args);
        command.env(self.state.environment(&[]));
        match self
            .prepare(running, &mut command, mode)
            .and_then(|()| command.spawn())
        {
            Ok(pid) => {
                running.add(pid, self.state.options.monitor);
                true
            }
            Err(error) => {
                self.tell_not_started(b"subshell", error);
                false
            }
        }
    }

    /// Waits for the processes of a pipeline in the foreground; the status is the last one's.
    fn finish(&mut self, mut running: Running, text: &[u8]) -> Flow {
        running.collect(false);
        let options = WaitOptions {
            no_hang: false,
            stopped: self.state.options.monitor,
        };
        let mut stopped = false;
        let mut interrupted = false;
        for (pid, slot) in &mut running.processes {
            while slot.is_none() {
                match process::wait(Which::Child(*pid), options) {
                    Ok(Some((_, status))) => *slot = Some(status),
                    Ok(None) | Err(Errno::EINTR) => {}
                    // Another wait has taken it.
                    Err(_) => *slot = Some(Status::Exited(127)),
                }
            }
            stopped |= matches!(slot, Some(Status::Stopped(_)));
            interrupted |= *slot == Some(Status::Signaled(Signal::INT));
        }
        self.take_terminal();
        let last = running.processes.last().and_then(|(_, status)| *status);
        if let Some(status) = last {
            self.status = status.code();
            if let Status::Signaled(signal) = status
                && self.interactive
                && !matches!(signal, Signal::INT | Signal::PIPE)
            {
                let line = [signal.description().as_bytes(), b"\n"].concat();
                // There is nowhere to tell that standard error cannot be written.
                let _ = self.state.streams.write(2, &line);
            }
        }
        if stopped {
            let number = self
                .jobs
                .add(running.group, running.processes, text.to_vec());
            let number = expand::signed_decimal(number as i64);
            let line = [b"\n[", &number[..], b"] Stopped ", text, b"\n"].concat();
            let _ = self.state.streams.write(2, &line);
            for job in self.jobs.iter_mut() {
                job.reported = true;
            }
        }
        if interrupted && self.interactive {
            // The terminal has shown ^C and no new line.
            let _ = self.state.streams.write(2, b"\n");
            signal::take(Signal::INT);
            return Err(Unwind::Interrupt);
        }
        Ok(())
    }

    /// Makes the shell's group the terminal's foreground one again.
    fn take_terminal(&self) {
        if let Some(terminal) = self.terminal
            && self.state.options.monitor
            && let Ok(own) = process::group_of(0)
        {
            // A terminal that is gone is told by the next read.
            let _ = term::set_foreground(terminal, own);
        }
    }

    /// Lets a stopped or background job go on in the foreground.
    pub fn foreground(&mut self, number: usize) -> Flow {
        let Some(mut job) = self.jobs.remove(number) else {
            return Ok(());
        };
        if let (Some(terminal), Some(group)) = (self.terminal, job.group) {
            let _ = term::set_foreground(terminal, group);
        }
        continue_job(&mut job);
        let running = Running {
            group: job.group,
            processes: job.processes,
            captures: Vec::new(),
        };
        self.finish(running, &job.text)
    }

    // Pipelines

    /// Whether the command is certainly a program: it can be started without a shell around it.
    fn is_program(&self, command: &Command) -> bool {
        let Command::Simple(simple) = command else {
            return false;
        };
        simple
            .words
            .first()
            .and_then(|word| word.bare())
            .is_some_and(|name| {
                builtins::find(name).is_none() && !self.state.functions.contains_key(name)
            })
    }

    fn run_pipeline(&mut self, commands: &[Command], text: &[u8]) -> Flow {
        // One part may run inside this process, while the others are processes.
        let inside = commands
            .iter()
            .rposition(|command| !self.is_program(command));
        let mut running = Running {
            group: self.group,
            ..Running::default()
        };
        let mut inside_streams = None;
        let mut last_failed = false;
        let mut input: Option<Rc<Stream>> = None;
        let saved = self.state.clone();
        let result = (|| -> Flow {
            for (index, command) in commands.iter().enumerate() {
                let last = index + 1 == commands.len();
                let mut next_input = None;
                if let Some(stream) = input.take() {
                    self.state.streams.set(0, stream);
                }
                if !last {
                    let (reader, writer) = fs::pipe().map_err(|error| {
                        self.fail(&[b"pipe: ", error.message().as_bytes()].concat())
                    })?;
                    next_input = Some(Rc::new(Stream::File(File::from_fd(reader))));
                    let writer = Rc::new(Stream::File(File::from_fd(writer)));
                    self.state.streams.set(1, writer);
                }
                if inside == Some(index) {
                    inside_streams = Some(self.state.streams.clone());
                } else {
                    let started = self.start_part(&mut running, command, Mode::Foreground)?;
                    last_failed = last && !started;
                }
                self.state = saved.clone();
                input = next_input;
            }
            Ok(())
        })();
        drop(input);
        self.state = saved;
        let mut flow = result;
        let mut inside_status = None;
        if let (Ok(()), Some(streams), Some(index)) = (flow, inside_streams, inside) {
            let group = core::mem::replace(&mut self.group, running.group);
            flow = self.subshell(|shell| {
                shell.state.streams = streams;
                shell.run_command(&commands[index])
            });
            self.group = group;
            if index + 1 == commands.len() {
                inside_status = Some(self.status);
            }
        }
        let failed_status = self.status;
        let finished = if running.processes.is_empty() {
            Ok(())
        } else {
            self.finish(running, text)
        };
        if let Some(status) = inside_status {
            self.status = status;
        } else if last_failed {
            self.status = failed_status;
        }
        flow?;
        finished?;
        self.check_error()
    }

    /// Starts a part of a pipeline, or a background command, as a process; whether there is one.
    fn start_part(
        &mut self,
        running: &mut Running,
        command: &Command,
        mode: Mode,
    ) -> Result<bool, Unwind> {
        if let Command::Simple(simple) = command
            && self.is_program(command)
        {
            let args = match self.expand_args(simple) {
                Err(Unwind::Error) => return Ok(false),
                args => args?,
            };
            match self.redirect(&simple.redirects) {
                Err(Unwind::Error) | Ok(false) => return Ok(false),
                other => other?,
            };
            let assignments = match self.expand_assignments(simple) {
                Err(Unwind::Error) => return Ok(false),
                assignments => assignments?,
            };
            self.trace(&assignments, &args);
            return Ok(self.start(running, &args, &assignments, mode));
        }
        Ok(self.start_shell(running, &unparse::command(command), mode))
    }

    fn run_background(&mut self, and_or: &AndOr) -> Flow {
        let saved = self.state.clone();
        let mut running = Running::default();
        if !self.state.options.monitor
            && let Ok(null) = File::open(b"/dev/null", O_READ | O_CLOEXEC, 0)
        {
            self.state.streams.set(0, Rc::new(Stream::File(null)));
        }
        let text = unparse::and_or(and_or);
        let single =
            and_or.rest.is_empty() && !and_or.first.negated && and_or.first.commands.len() == 1;
        let started = if single {
            self.start_part(&mut running, &and_or.first.commands[0], Mode::Background)
        } else {
            Ok(self.start_shell(&mut running, &text, Mode::Background))
        };
        self.state = saved;
        if !started? {
            return Ok(());
        }
        running.collect(true);
        self.drains.append(&mut running.captures);
        self.last_background = running.processes.last().map(|&(pid, _)| pid);
        let number = self
            .jobs
            .add(running.group, running.processes, one_line(&text));
        if self.interactive {
            let number = expand::signed_decimal(number as i64);
            let pid = expand::signed_decimal(i64::from(self.last_background.unwrap_or(0)));
            let line = [b"[", &number[..], b"] ", &pid, b"\n"].concat();
            let _ = self.state.streams.write(2, &line);
        }
        self.status = 0;
        Ok(())
    }
}

impl Default for Shell {
    fn default() -> Self {
        Self::new()
    }
}

/// The option by which a shell starts another one for a subshell. What follows it: `$$`, `$!`,
/// `$?`, the script, `$0`.
pub const SUBSHELL_OPTION: &[u8] = b"--subshell";

/// The `PATH` that a command's assignments set.
fn path_of(assignments: &[(Vec<u8>, Vec<u8>)]) -> Option<&[u8]> {
    let found = assignments.iter().rev().find(|(name, _)| name == b"PATH");
    found.map(|(_, value)| value.as_slice())
}

/// The arguments of a shell that runs a text without `#!`.
fn script_args(file: &[u8], args: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut script_args = alloc::vec![b"sh".to_vec(), file.to_vec()];
    script_args.extend_from_slice(&args[1..]);
    script_args
}

/// The shell's own program.
fn shell_path() -> Vec<u8> {
    posix::env::program_path().unwrap_or_else(|| b"/bin/sh".to_vec())
}

/// The text of a job on one line.
fn one_line(text: &[u8]) -> Vec<u8> {
    let lines: Vec<&[u8]> = text.trim_ascii().split(|&b| b == b'\n').collect();
    lines.join(&b"; "[..])
}

fn unparse_pipeline(pipeline: &Pipeline) -> Vec<u8> {
    one_line(&unparse::and_or(&AndOr {
        first: pipeline.clone(),
        rest: Vec::new(),
    }))
}

/// Lets the processes of a stopped job go on.
pub fn continue_job(job: &mut crate::jobs::Job) {
    for (pid, status) in &mut job.processes {
        if let Some(Status::Stopped(_)) = status {
            *status = None;
            if job.group.is_none() {
                // A process that has ended meanwhile is told by the wait.
                let _ = signal::kill(*pid, Signal::CONT);
            }
        }
    }
    if let Some(group) = job.group {
        let _ = signal::kill(-group, Signal::CONT);
    }
}

/// A file from which a here document's text is read.
fn here_file(text: &[u8]) -> posix::Result<File> {
    let (reader, writer) = fs::pipe()?;
    let (reader, writer) = (File::from_fd(reader), File::from_fd(writer));
    fs::set_nonblocking(writer.fd(), true)?;
    if text.is_empty() || fs::write(writer.fd(), text) == Ok(text.len()) {
        return Ok(reader);
    }
    // More than a pipe holds.
    let mut attempt = 0;
    loop {
        let number = |n: i64| expand::signed_decimal(n);
        let path = [
            &b"/tmp/sh."[..],
            &number(i64::from(process::id())),
            b".",
            &number(attempt),
        ]
        .concat();
        match File::open(&path, O_WRITE | O_CREAT | O_EXCL | O_CLOEXEC, 0o600) {
            Ok(file) => {
                let result = fs::write_all(file.fd(), text)
                    .and_then(|()| File::open(&path, O_READ | O_CLOEXEC, 0));
                fs::unlink(&path)?;
                return result;
            }
            Err(Errno::EEXIST) => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

impl Running {
    fn add(&mut self, pid: Pid, own_group: bool) {
        if own_group {
            self.group.get_or_insert(pid);
        }
        self.processes.push((pid, None));
    }

    /// The pipe through which processes write to a capture.
    fn capture(&mut self, stream: &Rc<Stream>) -> posix::Result<Fd> {
        let known = self
            .captures
            .iter()
            .find(|pipe| Rc::ptr_eq(&pipe.stream, stream));
        if let Some(writer) = known.and_then(|pipe| pipe.writer.as_ref()) {
            return Ok(writer.fd());
        }
        let (reader, writer) = fs::pipe()?;
        self.captures.push(CapturePipe {
            stream: stream.clone(),
            reader: File::from_fd(reader),
            writer: Some(File::from_fd(writer)),
        });
        Ok(writer)
    }

    /// Closes the shell's ends for writing; reads what comes unless that is left for `later`.
    fn collect(&mut self, later: bool) {
        for pipe in &mut self.captures {
            pipe.writer = None;
        }
        if !later {
            for pipe in self.captures.drain(..) {
                pipe.drain();
            }
        }
    }
}

impl CapturePipe {
    fn drain(self) {
        if let Stream::Capture(buffer) = &*self.stream {
            // What was read before an error counts.
            let _ = posix::io::read_to_end(self.reader.fd(), &mut buffer.borrow_mut());
        }
    }
}

impl Context for Shell {
    fn parameter(&mut self, name: &[u8]) -> Option<Vec<u8>> {
        let number = |n: i64| Some(expand::signed_decimal(n));
        match name {
            b"?" => number(i64::from(self.status)),
            b"$" => number(i64::from(self.pid)),
            b"!" => number(i64::from(self.last_background?)),
            b"#" => number(self.state.positional.len() as i64),
            b"0" => Some(self.name.clone()),
            b"-" => {
                let mut letters = self.state.options.letters();
                if self.interactive {
                    letters.push(b'i');
                }
                Some(letters)
            }
            [digit, ..] if digit.is_ascii_digit() => {
                let index = posix::parse_number(name).and_then(|n| usize::try_from(n).ok())?;
                match index {
                    0 => Some(self.name.clone()),
                    index => self.state.positional.get(index - 1).cloned(),
                }
            }
            b"PWD" => {
                self.find_directory();
                self.state.value(name).map(<[u8]>::to_vec)
            }
            name => self.state.value(name).map(<[u8]>::to_vec),
        }
    }

    fn positional(&self) -> Vec<Vec<u8>> {
        (*self.state.positional).clone()
    }

    fn assign(&mut self, name: &[u8], value: Vec<u8>) -> Result<(), Vec<u8>> {
        self.state.set(name, value)
    }

    fn substitute(&mut self, commands: &Rc<List>) -> expand::Result<Vec<u8>> {
        let stream = Rc::new(Stream::Capture(RefCell::new(Vec::new())));
        let drains = core::mem::take(&mut self.drains);
        let flow = self.subshell(|shell| {
            shell.state.streams.set(1, stream.clone());
            shell.run_list(commands)
        });
        for pipe in core::mem::replace(&mut self.drains, drains) {
            pipe.drain();
        }
        self.substitution_status = Some(self.status);
        match (flow, &*stream) {
            (Ok(()), Stream::Capture(buffer)) => Ok(buffer.take()),
            _ => Err(expand::Error::Unwound),
        }
    }

    fn unset_is_error(&self) -> bool {
        self.state.options.no_unset
    }

    fn globs(&self) -> bool {
        !self.state.options.no_glob
    }

    fn home_of(&mut self, user: &[u8]) -> Option<Vec<u8>> {
        posix::users::users()
            .into_iter()
            .find(|u| u.name == user)
            .map(|u| u.home)
    }
}
