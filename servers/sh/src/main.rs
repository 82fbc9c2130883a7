//! The shell's program: its arguments, and where its commands come from.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::rc::Rc;
use alloc::vec::Vec;

use posix::signal::{self, Signal};
use posix::{Errno, Pid, fs};
use sh::builtins::{self, describe_job};
use sh::parser::{Error, Parser};
use sh::shell::{SUBSHELL_OPTION, Shell, Unwind};
use sh::streams;

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut shell = Shell::new();
    let unwind = run(&mut shell, &args).err();
    if unwind != Some(Unwind::Interrupt) {
        shell.run_exit_trap();
    }
    i32::from(shell.status)
}

/// Where commands come from.
enum Source {
    Text(Vec<u8>),
    Stdin,
}

fn run(shell: &mut Shell, args: &[Vec<u8>]) -> Result<(), Unwind> {
    if let Some(name) = args.first() {
        shell.name = name.clone();
    }
    if let [_, option, pid, background, status, script, name] = args
        && option == SUBSHELL_OPTION
    {
        let number = |text: &[u8]| posix::parse_number(text).and_then(|n| Pid::try_from(n).ok());
        shell.name = name.clone();
        shell.pid = number(pid).unwrap_or(shell.pid);
        shell.last_background = number(background).filter(|&pid| pid != 0);
        shell.status = number(status)
            .and_then(|n| u8::try_from(n).ok())
            .unwrap_or(0);
        return shell.run_whole_text(script);
    }
    let (source, forced) = arguments(shell, args)?;
    match source {
        Source::Text(text) => shell.run_whole_text(&text),
        Source::Stdin => {
            let terminal = fs::isatty(0) && fs::isatty(2);
            if forced || terminal {
                shell.become_interactive(terminal.then_some(0));
                let login = args.first().is_some_and(|name| name.first() == Some(&b'-'));
                start_files(shell, login)?;
            }
            read_commands(shell)
        }
    }
}

/// Reads the arguments; where commands come from, and whether the shell is said to be interactive.
fn arguments(shell: &mut Shell, args: &[Vec<u8>]) -> Result<(Source, bool), Unwind> {
    let mut rest = args.get(1..).unwrap_or(&[]);
    let (mut text, mut stdin, mut interactive) = (false, false, false);
    // Letters of the shell itself are taken out of groups such as `-ec`.
    while let [first, tail @ ..] = rest {
        if first.len() < 2 || !matches!(first[0], b'-' | b'+') {
            break;
        }
        if first == b"--" {
            rest = tail;
            break;
        }
        let mut letters = first.clone();
        letters.retain(|letter| {
            match letter {
                b'c' => text = true,
                b's' => stdin = true,
                b'i' => interactive = true,
                b'l' => {}
                _ => return true,
            }
            false
        });
        let mut group = Vec::new();
        if letters.len() > 1 {
            group.push(letters.clone());
        }
        rest = tail;
        if letters.contains(&b'o')
            && let [name, tail @ ..] = rest
        {
            group.push(name.clone());
            rest = tail;
        }
        if let Err(message) = builtins::set_options(shell, &group) {
            return Err(shell.fail(&message));
        }
    }
    if rest.first().is_some_and(|first| first == b"-") {
        rest = &rest[1..];
    }
    let source = if text {
        let Some((commands, tail)) = rest.split_first() else {
            return Err(shell.fail(b"-c: commands needed"));
        };
        rest = tail;
        if let Some((name, tail)) = rest.split_first() {
            shell.name = name.clone();
            rest = tail;
        }
        Source::Text(commands.clone())
    } else if let (false, Some((file, tail))) = (stdin, rest.split_first()) {
        rest = tail;
        let content = posix::io::read_file(file).map_err(|error| {
            let unwind = shell.fail(&[&file[..], b": ", error.message().as_bytes()].concat());
            shell.status = if error == Errno::ENOENT { 127 } else { 126 };
            unwind
        })?;
        shell.name = file.clone();
        Source::Text(content)
    } else {
        Source::Stdin
    };
    shell.state.positional = Rc::new(rest.to_vec());
    Ok((source, interactive))
}

/// Runs `/etc/profile` and `$HOME/.profile` for a login shell, then the file of `$ENV`.
fn start_files(shell: &mut Shell, login: bool) -> Result<(), Unwind> {
    let mut files = Vec::new();
    if login {
        files.push(b"/etc/profile".to_vec());
        if let Some(home) = shell.state.value(b"HOME") {
            files.push(posix::join(home, b".profile"));
        }
    }
    files.extend(shell.state.value(b"ENV").map(<[u8]>::to_vec));
    for file in files {
        // There need not be such a file.
        let Ok(text) = posix::io::read_file(&file) else {
            continue;
        };
        match shell.run_nested(&text) {
            Err(Unwind::Exit) => return Err(Unwind::Exit),
            _ => shell.status = 0,
        }
    }
    Ok(())
}

/// Reads and runs commands from standard input.
fn read_commands(shell: &mut Shell) -> Result<(), Unwind> {
    let mut text: Vec<u8> = Vec::new();
    loop {
        if shell.interactive {
            if text.is_empty() {
                report_jobs(shell);
            }
            prompt(shell, if text.is_empty() { b"PS1" } else { b"PS2" });
        }
        let line = match streams::read_line(0, b'\n') {
            Ok(line) => line,
            Err(Errno::EINTR) => {
                if shell.interactive && signal::take(Signal::INT) {
                    text.clear();
                    let _ = shell.state.streams.write(2, b"\n");
                }
                continue;
            }
            Err(error) => {
                return Err(shell.fail(&[b"cannot read: ", error.message().as_bytes()].concat()));
            }
        };
        let ended = line.is_none();
        text.extend(line.unwrap_or_default());
        // What interrupted the last command does not interrupt this one.
        signal::take(Signal::INT);
        let flow = loop {
            let mut parser = Parser::new(&text, !ended);
            match parser.next_line() {
                Ok(None) => {
                    text.clear();
                    break Ok(());
                }
                Ok(Some(list)) => {
                    let rest = text.split_off(parser.position());
                    if shell.state.options.verbose {
                        let _ = shell.state.streams.write(2, &text);
                    }
                    text = rest;
                    let flow = shell.run_list(&list);
                    if flow.is_err() || text.is_empty() {
                        break flow;
                    }
                }
                Err(Error::Incomplete) => break Ok(()),
                Err(error) => {
                    text.clear();
                    break Err(shell.syntax_error(&error));
                }
            }
        };
        match flow {
            Ok(()) => {}
            Err(Unwind::Error | Unwind::Interrupt) if shell.interactive => text.clear(),
            Err(unwind) => return Err(unwind),
        }
        if ended {
            if shell.interactive {
                let _ = shell.state.streams.write(2, b"\n");
            }
            return Ok(());
        }
    }
}

fn prompt(shell: &mut Shell, name: &[u8]) {
    let value = shell.state.value(name).unwrap_or_default().to_vec();
    // A prompt may hold expansions.
    let text = sh::expand::prompt(&value, shell).unwrap_or(value);
    let _ = shell.state.streams.write(2, &text);
}

fn report_jobs(shell: &mut Shell) {
    shell.jobs.poll(shell.state.options.monitor);
    let mut lines = Vec::new();
    for job in shell.jobs.iter_mut() {
        let running = job.state() == sh::jobs::JobState::Running;
        if !job.reported && !running {
            lines.extend_from_slice(&describe_job(job));
            job.reported = true;
        }
    }
    shell.jobs.forget_reported();
    let _ = shell.state.streams.write(2, &lines);
}
