//! What a subshell has a copy of: variables, functions, options, traps, descriptors.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;

use posix::signal::Signal;

use crate::ast::Function;
use crate::streams::Streams;
use crate::unparse::{self, quote};

/// A variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variable {
    /// Its value; `None` for one that is only marked.
    pub value: Option<Vec<u8>>,
    /// Whether programs get it in their environment.
    pub exported: bool,
    /// Whether it cannot be changed.
    pub read_only: bool,
}

/// What `set` turns on and off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `-a`: every variable that is set is exported.
    pub all_export: bool,
    /// `-e`: the shell ends when a command fails.
    pub exit_on_error: bool,
    /// `-f`: patterns do not stand for file names.
    pub no_glob: bool,
    /// `-n`: commands are read and not run.
    pub no_execute: bool,
    /// `-u`: an unset parameter is an error.
    pub no_unset: bool,
    /// `-v`: what is read is shown.
    pub verbose: bool,
    /// `-x`: commands are shown before they run.
    pub trace: bool,
    /// `-C`: `>` does not overwrite a file.
    pub no_clobber: bool,
    /// `-m`: each job has a process group of its own.
    pub monitor: bool,
}

/// Letter and name of each option.
pub const OPTIONS: &[(u8, &[u8])] = &[
    (b'a', b"allexport"),
    (b'e', b"errexit"),
    (b'f', b"noglob"),
    (b'n', b"noexec"),
    (b'u', b"nounset"),
    (b'v', b"verbose"),
    (b'x', b"xtrace"),
    (b'C', b"noclobber"),
    (b'm', b"monitor"),
];

impl Options {
    /// The option of a letter.
    pub fn get_mut(&mut self, letter: u8) -> Option<&mut bool> {
        Some(match letter {
            b'a' => &mut self.all_export,
            b'e' => &mut self.exit_on_error,
            b'f' => &mut self.no_glob,
            b'n' => &mut self.no_execute,
            b'u' => &mut self.no_unset,
            b'v' => &mut self.verbose,
            b'x' => &mut self.trace,
            b'C' => &mut self.no_clobber,
            b'm' => &mut self.monitor,
            _ => return None,
        })
    }

    /// The letters of the options that are on.
    pub fn letters(mut self) -> Vec<u8> {
        let all = OPTIONS.iter().map(|&(letter, _)| letter);
        all.filter(|&letter| self.get_mut(letter).is_some_and(|on| *on))
            .collect()
    }
}

/// When a trap's commands run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrapEvent {
    /// When the shell ends.
    Exit,
    /// When a signal arrives.
    Signal(Signal),
}

/// What a subshell has a copy of. A copy shares what neither side changes.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Variables by name.
    pub variables: Rc<BTreeMap<Vec<u8>, Variable>>,
    /// Functions by name.
    pub functions: Rc<BTreeMap<Vec<u8>, Rc<Function>>>,
    /// The positional parameters from 1 on.
    pub positional: Rc<Vec<Vec<u8>>>,
    /// Options.
    pub options: Options,
    /// The commands of traps; empty for an event that is ignored.
    pub traps: Rc<BTreeMap<TrapEvent, Vec<u8>>>,
    /// Descriptors.
    pub streams: Streams,
}

impl State {
    /// A variable's value.
    pub fn value(&self, name: &[u8]) -> Option<&[u8]> {
        self.variables.get(name)?.value.as_deref()
    }

    /// Sets a variable; what is wrong if it cannot be set.
    pub fn set(&mut self, name: &[u8], value: Vec<u8>) -> Result<(), Vec<u8>> {
        let export = self.options.all_export;
        let variables = Rc::make_mut(&mut self.variables);
        let variable = variables.entry(name.to_vec()).or_default();
        if variable.read_only {
            return Err([name, b": is read only"].concat());
        }
        variable.value = Some(value);
        variable.exported |= export;
        Ok(())
    }

    /// Removes a variable; what is wrong if it cannot be removed.
    pub fn unset(&mut self, name: &[u8]) -> Result<(), Vec<u8>> {
        match self.variables.get(name) {
            None => Ok(()),
            Some(variable) if variable.read_only => Err([name, b": is read only"].concat()),
            Some(_) => {
                Rc::make_mut(&mut self.variables).remove(name);
                Ok(())
            }
        }
    }

    /// The environment of programs, with some variables as they are for one command.
    pub fn environment(&self, overrides: &[(Vec<u8>, Vec<u8>)]) -> Vec<Vec<u8>> {
        let entry = |name: &[u8], value: &[u8]| [name, b"=", value].concat();
        let is_overridden = |name: &[u8]| overrides.iter().any(|(n, _)| n == name);
        let mut environment: Vec<Vec<u8>> = self
            .variables
            .iter()
            .filter(|(name, variable)| variable.exported && !is_overridden(name))
            .filter_map(|(name, variable)| Some(entry(name, variable.value.as_deref()?)))
            .collect();
        for (index, (name, value)) in overrides.iter().enumerate() {
            // The last of several assignments counts.
            if !overrides[index + 1..].iter().any(|(n, _)| n == name) {
                environment.push(entry(name, value));
            }
        }
        environment
    }

    /// A script that gives another shell this state, but for the descriptors.
    pub fn script(&self) -> Vec<u8> {
        let mut script = Vec::new();
        for (name, variable) in self.variables.iter() {
            if let Some(value) = &variable.value {
                script.extend_from_slice(&[name, &b"="[..], &quote(value), b"\n"].concat());
            }
            if variable.exported {
                script.extend_from_slice(&[b"export ", name.as_slice(), b"\n"].concat());
            }
            if variable.read_only {
                script.extend_from_slice(&[b"readonly ", name.as_slice(), b"\n"].concat());
            }
        }
        for function in self.functions.values() {
            script.extend_from_slice(&unparse::function(function));
        }
        for (event, commands) in self.traps.iter() {
            // A subshell keeps what is ignored and forgets the other traps.
            if let TrapEvent::Signal(signal) = event
                && commands.is_empty()
                && let Some(name) = signal.name()
            {
                script.extend_from_slice(&[b"trap '' ", name.as_bytes(), b"\n"].concat());
            }
        }
        script.extend_from_slice(b"set --");
        for value in self.positional.iter() {
            script.push(b' ');
            script.extend_from_slice(&quote(value));
        }
        script.push(b'\n');
        // `-m` is for the shell that has the terminal; `-n` and `-v` would harm this script.
        let mut options = self.options.letters();
        options.retain(|letter| !matches!(letter, b'm' | b'n' | b'v'));
        if !options.is_empty() {
            script.extend_from_slice(&[b"set -", options.as_slice(), b"\n"].concat());
        }
        script
    }
}
