//! The commands that are part of the shell.

use alloc::rc::Rc;
use alloc::vec::Vec;

use posix::process::{self, Status, WaitOptions, Which};
use posix::signal::{self, Disposition, Signal};
use posix::{Errno, fs};
use utils::{echo, kill, mode, printf, test};

use crate::expand::{self, Context, signed_decimal};
use crate::jobs::{Job, JobState};
use crate::parser::{is_name, is_reserved};
use crate::shell::{Flow, Shell, Unwind, continue_job};
use crate::state::{OPTIONS, TrapEvent, Variable};
use crate::streams;
use crate::unparse::quote;

/// A command that is part of the shell.
pub struct Builtin {
    name: &'static [u8],
    /// Whether POSIX calls it special: it is found before functions, and its
    /// assignments stay.
    pub special: bool,
    /// Runs it with its arguments, the name first; its exit status.
    pub run: fn(&mut Shell, &[Vec<u8>]) -> Result<u8, Unwind>,
}

macro_rules! builtins {
    ($($name:literal $special:literal $run:path;)*) => {
        /// All builtins, sorted by name.
        static BUILTINS: &[Builtin] =
            &[$(Builtin { name: $name, special: $special, run: $run }),*];
    };
}

builtins! {
    b"." true dot;
    b":" true succeed;
    b"[" false test_bracket;
    b"bg" false bg;
    b"break" true break_loop;
    b"cd" false cd;
    b"command" false command;
    b"continue" true continue_loop;
    b"echo" false echo_builtin;
    b"eval" true eval;
    b"exec" true exec;
    b"exit" true exit;
    b"export" true export;
    b"false" false fail;
    b"fg" false fg;
    b"getopts" false getopts;
    b"jobs" false jobs;
    b"kill" false kill_builtin;
    b"local" false local;
    b"printf" false printf_builtin;
    b"pwd" false pwd;
    b"read" false read;
    b"readonly" true readonly;
    b"return" true return_builtin;
    b"set" true set;
    b"shift" true shift;
    b"test" false test_builtin;
    b"trap" true trap;
    b"true" false succeed;
    b"type" false type_builtin;
    b"umask" false umask;
    b"unset" true unset;
    b"wait" false wait;
}

/// The builtin of a name.
pub fn find(name: &[u8]) -> Option<&'static Builtin> {
    BUILTINS
        .binary_search_by(|builtin| builtin.name.cmp(name))
        .ok()
        .map(|at| &BUILTINS[at])
}

type Outcome = Result<u8, Unwind>;

fn succeed(_: &mut Shell, _: &[Vec<u8>]) -> Outcome {
    Ok(0)
}

fn fail(_: &mut Shell, _: &[Vec<u8>]) -> Outcome {
    Ok(1)
}

/// Tells what is wrong; the status for it.
fn complain(shell: &Shell, args: &[Vec<u8>], parts: &[&[u8]]) -> Outcome {
    let message = parts.concat();
    shell.complain(&[&args[0], b": ", &message]);
    Ok(2)
}

/// A command's own flow, with its status as the builtin's.
fn nested(shell: &mut Shell, flow: Flow) -> Outcome {
    flow.map(|()| shell.status)
}

fn count(shell: &mut Shell, args: &[Vec<u8>]) -> Result<usize, Unwind> {
    match args.get(1) {
        None => Ok(1),
        Some(text) => {
            let number = posix::parse_number(text).and_then(|n| usize::try_from(n).ok());
            number
                .ok_or_else(|| shell.fail(&[&args[0], &b": "[..], text, b": bad number"].concat()))
        }
    }
}

// Flow

fn break_loop(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    let count = count(shell, args)?.max(1).min(shell.loops);
    if count == 0 {
        Ok(0)
    } else {
        Err(Unwind::Break(count))
    }
}

fn continue_loop(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    let count = count(shell, args)?.max(1).min(shell.loops);
    if count == 0 {
        Ok(0)
    } else {
        Err(Unwind::Continue(count))
    }
}

/// The status that an argument of `exit` and `return` asks for.
fn asked_status(shell: &mut Shell, args: &[Vec<u8>]) -> Result<u8, Unwind> {
    match args.get(1) {
        None => Ok(shell.status),
        Some(text) => match posix::parse_number(text) {
            Some(number) => Ok((number & 0xff) as u8),
            None => Err(shell.fail(&[&args[0], &b": "[..], text, b": bad number"].concat())),
        },
    }
}

fn return_builtin(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    shell.status = asked_status(shell, args)?;
    // Outside functions and scripts it ends the shell.
    Err(if shell.calls == 0 {
        Unwind::Exit
    } else {
        Unwind::Return
    })
}

fn exit(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    shell.status = asked_status(shell, args)?;
    Err(Unwind::Exit)
}

fn eval(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    shell.status = 0;
    shell.enter()?;
    let flow = shell.run_text(&args[1..].join(&b' '));
    shell.calls -= 1;
    nested(shell, flow)
}

fn dot(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    let Some(name) = args.get(1) else {
        return Err(shell.fail(b".: file name needed"));
    };
    let mut problem = Errno::ENOENT;
    for file in shell.candidates(name, None) {
        match posix::io::read_file(&file) {
            Ok(text) => {
                shell.status = 0;
                let flow = shell.run_nested(&text);
                return nested(shell, flow);
            }
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(error) => problem = error,
        }
    }
    Err(shell.fail(&[b".: ", &name[..], b": ", problem.message().as_bytes()].concat()))
}

fn exec(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    match args.get(1..) {
        None | Some([]) => Ok(0),
        Some([first, rest @ ..]) if first == b"--" => {
            if rest.is_empty() {
                return Ok(0);
            }
            shell.exec(rest, &[]).map(|()| 0)
        }
        Some(program) => shell.exec(program, &[]).map(|()| 0),
    }
}

fn command(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    let mut rest = &args[1..];
    let mut describe = None;
    while let [option, tail @ ..] = rest {
        match option.as_slice() {
            b"-v" => describe = Some(false),
            b"-V" => describe = Some(true),
            b"-p" => {}
            b"--" => {
                rest = tail;
                break;
            }
            _ => break,
        }
        rest = tail;
    }
    if let Some(verbose) = describe {
        return describe_all(shell, rest, verbose);
    }
    let Some(name) = rest.first() else {
        return Ok(0);
    };
    match find(name) {
        // A function of the name is passed over; a special builtin is not special.
        Some(builtin) => match (builtin.run)(shell, rest) {
            Err(Unwind::Error) if builtin.special => Ok(shell.status),
            outcome => outcome,
        },
        None => {
            let flow = shell.run_program(rest, &[]);
            nested(shell, flow)
        }
    }
}

fn type_builtin(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    describe_all(shell, &args[1..], true)
}

fn describe_all(shell: &mut Shell, names: &[Vec<u8>], verbose: bool) -> Outcome {
    let mut status = 0;
    for name in names {
        let (text, description): (Vec<u8>, &[u8]) = if is_reserved(name) {
            (name.clone(), b" is a shell keyword")
        } else if find(name).is_some_and(|b| b.special) {
            (name.clone(), b" is a special shell builtin")
        } else if shell.state.functions.contains_key(name) {
            (name.clone(), b" is a shell function")
        } else if find(name).is_some() {
            (name.clone(), b" is a shell builtin")
        } else {
            let found = shell.candidates(name, None).into_iter().find(|file| {
                fs::access(file, fs::O_EXEC).is_ok()
                    && fs::stat(file).is_ok_and(|stat| !stat.is_directory())
            });
            match found {
                Some(file) => (file, b""),
                None => {
                    status = 127;
                    if verbose {
                        shell.complain(&[name, b": not found"]);
                    }
                    continue;
                }
            }
        };
        let line = match (verbose, description) {
            (false, _) => [&text[..], b"\n"].concat(),
            (true, b"") => [name, &b" is "[..], &text, b"\n"].concat(),
            (true, description) => [name, description, b"\n"].concat(),
        };
        shell.print(&line)?;
    }
    Ok(status)
}

// Variables and options

fn mark(
    shell: &mut Shell,
    args: &[Vec<u8>],
    is_marked: fn(&Variable) -> bool,
    mark: fn(&mut Variable, bool),
) -> Outcome {
    let mut on = true;
    let mut names = &args[1..];
    while let [option, tail @ ..] = names {
        match option.as_slice() {
            b"-p" => {}
            b"-n" if args[0] == b"export" => on = false,
            b"--" => {
                names = tail;
                break;
            }
            _ => break,
        }
        names = tail;
    }
    if names.is_empty() {
        let mut text = Vec::new();
        for (name, variable) in shell.state.variables.iter().filter(|(_, v)| is_marked(v)) {
            text.extend_from_slice(&[&args[0], &b" "[..], name].concat());
            if let Some(value) = &variable.value {
                text.extend_from_slice(&[b"=", &quote(value)[..]].concat());
            }
            text.push(b'\n');
        }
        return shell.print(&text);
    }
    for entry in names {
        let (name, value) = match entry.iter().position(|&b| b == b'=') {
            Some(at) => (&entry[..at], Some(entry[at + 1..].to_vec())),
            None => (entry.as_slice(), None),
        };
        if !is_name(name) {
            return Err(shell.fail(&[&args[0], &b": "[..], name, b": bad variable name"].concat()));
        }
        if let Some(value) = value {
            shell
                .state
                .set(name, value)
                .map_err(|message| shell.fail(&message))?;
        }
        mark(
            Rc::make_mut(&mut shell.state.variables)
                .entry(name.to_vec())
                .or_default(),
            on,
        );
    }
    Ok(0)
}

fn export(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    mark(shell, args, |v| v.exported, |v, on| v.exported = on)
}

fn readonly(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    mark(shell, args, |v| v.read_only, |v, on| v.read_only = on)
}

fn local(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    if shell.locals.is_empty() {
        return Err(shell.fail(b"local: not in a function"));
    }
    for entry in &args[1..] {
        let (name, value) = match entry.iter().position(|&b| b == b'=') {
            Some(at) => (&entry[..at], Some(entry[at + 1..].to_vec())),
            None => (entry.as_slice(), None),
        };
        if !is_name(name) {
            return Err(shell.fail(&[b"local: ", name, b": bad variable name"].concat()));
        }
        let old = shell.state.variables.get(name).cloned();
        if let Some(locals) = shell.locals.last_mut()
            && !locals.iter().any(|(n, _)| n == name)
        {
            locals.push((name.to_vec(), old));
        }
        if let Some(value) = value {
            shell
                .state
                .set(name, value)
                .map_err(|message| shell.fail(&message))?;
        }
    }
    Ok(0)
}

fn unset(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    let (functions, names) = match args.get(1).map(Vec::as_slice) {
        Some(b"-f") => (true, &args[2..]),
        Some(b"-v") => (false, &args[2..]),
        _ => (false, &args[1..]),
    };
    for name in names {
        if functions {
            Rc::make_mut(&mut shell.state.functions).remove(name);
        } else {
            shell
                .state
                .unset(name)
                .map_err(|message| shell.fail(&message))?;
        }
    }
    Ok(0)
}

/// Turns options on and off as arguments of `set`, or of the shell itself, say; what is left of
/// the arguments, and whether a `--` or `-` ended the options.
pub fn set_options<'a>(
    shell: &mut Shell,
    args: &'a [Vec<u8>],
) -> Result<(&'a [Vec<u8>], bool), Vec<u8>> {
    let mut rest = args;
    while let [first, tail @ ..] = rest {
        let on = match first.as_slice() {
            b"--" => return Ok((tail, true)),
            b"-" => return Ok((tail, true)),
            [b'-', _, ..] => true,
            [b'+', _, ..] => false,
            _ => break,
        };
        rest = tail;
        for &letter in &first[1..] {
            let mut letter = letter;
            if letter == b'o' {
                let Some((name, tail)) = rest.split_first() else {
                    return Err(b"-o: option name needed".to_vec());
                };
                rest = tail;
                let known = OPTIONS.iter().find(|(_, n)| n == name);
                letter = known
                    .ok_or_else(|| [name, &b": unknown option"[..]].concat())?
                    .0;
            }
            match shell.state.options.get_mut(letter) {
                Some(option) => *option = on,
                None => return Err([&b"-"[..], &[letter], b": unknown option"].concat()),
            }
        }
    }
    Ok((rest, false))
}

fn set(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    match args {
        [_] => {
            let mut text = Vec::new();
            for (name, variable) in shell.state.variables.iter() {
                if let Some(value) = &variable.value {
                    text.extend_from_slice(&[name, &b"="[..], &quote(value), b"\n"].concat());
                }
            }
            return shell.print(&text);
        }
        [_, option] if option == b"-o" || option == b"+o" => {
            let mut text = Vec::new();
            let mut options = shell.state.options;
            for &(letter, name) in OPTIONS {
                let on = options.get_mut(letter).is_some_and(|on| *on);
                let line: &[&[u8]] = if option == b"+o" {
                    &[b"set ", if on { b"-o " } else { b"+o " }, name, b"\n"]
                } else {
                    &[name, b"\t", if on { b"on\n" } else { b"off\n" }]
                };
                text.extend_from_slice(&line.concat());
            }
            return shell.print(&text);
        }
        _ => {}
    }
    match set_options(shell, &args[1..]) {
        Ok((rest, ended)) => {
            if ended || !rest.is_empty() {
                shell.state.positional = Rc::new(rest.to_vec());
            }
            Ok(0)
        }
        Err(message) => Err(shell.fail(&[b"set: ", &message[..]].concat())),
    }
}

fn shift(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    let count = count(shell, args)?;
    if count > shell.state.positional.len() {
        return Err(shell.fail(b"shift: can't shift that many"));
    }
    Rc::make_mut(&mut shell.state.positional).drain(..count);
    Ok(0)
}

fn getopts(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    let [_, letters, name, given @ ..] = args else {
        return complain(shell, args, &[b"usage: getopts letters name [arg...]"]);
    };
    let given = if given.is_empty() {
        (*shell.state.positional).clone()
    } else {
        given.to_vec()
    };
    let index = shell
        .state
        .value(b"OPTIND")
        .and_then(posix::parse_number)
        .unwrap_or(1);
    let mut index = usize::try_from(index).unwrap_or(1).max(1);
    // How far a group of letters has been read stands behind the index, where a script that sets
    // the index again clears it.
    let offset_name: &[u8] = b"_OPTOFF";
    let offset = shell.state.value(offset_name).and_then(|text| {
        let (of, offset) = text.split_at(text.iter().position(|&b| b == b':')?);
        (posix::parse_number(of)? == index as u64)
            .then(|| posix::parse_number(&offset[1..]))
            .flatten()
    });
    let mut offset = offset.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let silent = letters.first() == Some(&b':');
    let (mut letter, mut value) = (b'?', None);
    let mut status = 1;
    let arg = given
        .get(index - 1)
        .filter(|arg| arg.len() > 1 && arg[0] == b'-');
    match arg {
        None => {}
        Some(arg) if arg == b"--" => index += 1,
        Some(arg) => {
            status = 0;
            let found = arg.get(offset.max(1)).copied().unwrap_or(b'?');
            offset = offset.max(1) + 1;
            let at = letters.iter().position(|&l| l == found && l != b':');
            let takes_value = at.is_some_and(|at| letters.get(at + 1) == Some(&b':'));
            let rest = arg.get(offset..).unwrap_or(&[]).to_vec();
            if rest.is_empty() || takes_value {
                index += 1;
                offset = 0;
            }
            if at.is_none() {
                if silent {
                    value = Some(alloc::vec![found]);
                } else {
                    shell.complain(&[b"illegal option -", &[found]]);
                }
            } else if !takes_value {
                letter = found;
            } else if !rest.is_empty() {
                (letter, value) = (found, Some(rest));
            } else if let Some(next) = given.get(index - 1) {
                (letter, value) = (found, Some(next.clone()));
                index += 1;
            } else if silent {
                (letter, value) = (b':', Some(alloc::vec![found]));
            } else {
                shell.complain(&[b"no argument for option -", &[found]]);
            }
        }
    }
    let number = signed_decimal(index as i64);
    let kept = [&number[..], b":", &signed_decimal(offset as i64)].concat();
    let assignments = [
        (&b"OPTIND"[..], number),
        (offset_name, kept),
        (name, alloc::vec![letter]),
    ];
    for (name, value) in assignments {
        shell
            .state
            .set(name, value)
            .map_err(|message| shell.fail(&message))?;
    }
    let result = match value {
        Some(value) => shell.state.set(b"OPTARG", value),
        None => shell.state.unset(b"OPTARG"),
    };
    result.map_err(|message| shell.fail(&message))?;
    Ok(status)
}

fn read(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    let mut raw = false;
    let mut names = &args[1..];
    while let [option, tail @ ..] = names {
        match option.as_slice() {
            b"-r" => raw = true,
            b"--" => {
                names = tail;
                break;
            }
            [b'-', _, ..] => return complain(shell, args, &[option, b": unknown option"]),
            _ => break,
        }
        names = tail;
    }
    if let Some(bad) = names.iter().find(|name| !is_name(name)) {
        return complain(shell, args, &[bad, b": bad variable name"]);
    }
    let fd = match shell.state.streams.fd(0) {
        Ok(fd) => fd,
        Err(error) => return complain(shell, args, &[error.message().as_bytes()]),
    };
    let (mut text, mut escaped) = (Vec::new(), Vec::new());
    let mut complete = false;
    'lines: loop {
        let line = match streams::read_line(fd, b'\n') {
            Ok(line) => line,
            Err(Errno::EINTR) if shell.interactive && signal::arrived(Signal::INT) => {
                shell.status = Status::Signaled(Signal::INT).code();
                return Err(Unwind::Interrupt);
            }
            Err(Errno::EINTR) => continue,
            Err(error) => return complain(shell, args, &[error.message().as_bytes()]),
        };
        let Some(line) = line else { break };
        let mut bytes = line.into_iter();
        while let Some(byte) = bytes.next() {
            match byte {
                b'\n' => complete = true,
                b'\\' if !raw => match bytes.next() {
                    Some(b'\n') => continue 'lines,
                    Some(next) => {
                        text.push(next);
                        escaped.push(true);
                    }
                    None => {}
                },
                byte => {
                    text.push(byte);
                    escaped.push(false);
                }
            }
        }
        break;
    }
    text.retain(|&b| b != 0);
    escaped.truncate(text.len());
    let default = [b"REPLY".to_vec()];
    let names = if names.is_empty() {
        &default[..]
    } else {
        names
    };
    let ifs = expand::separators(shell);
    let mut fields = expand::split_line(&text, &escaped, &ifs, names.len()).into_iter();
    for name in names {
        let value = fields.next().unwrap_or_default();
        shell
            .assign(name, value)
            .map_err(|message| shell.fail(&message))?;
    }
    Ok(u8::from(!complete))
}

// Texts

fn echo_builtin(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    shell.print(&echo::text(&args[1..]))
}

fn printf_builtin(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    let args = match args {
        [name, dashes, rest @ ..] if dashes == b"--" => {
            &[core::slice::from_ref(name), rest].concat()
        }
        args => args,
    };
    let Some(format) = args.get(1) else {
        return complain(shell, args, &[b"usage: printf format [arg...]"]);
    };
    let printed = printf::format(format, &args[2..]);
    let status = shell.print(&printed.text)?;
    match printed.fault {
        None => Ok(status),
        Some(fault) => {
            shell.complain(&[&args[0], b": ", &fault]);
            Ok(1)
        }
    }
}

fn test_with(shell: &mut Shell, args: &[Vec<u8>], expression: &[Vec<u8>]) -> Outcome {
    let streams = &shell.state.streams;
    let is_terminal = |fd: i32| streams.fd(fd).is_ok_and(fs::isatty);
    match test::evaluate(expression, &is_terminal) {
        Ok(holds) => Ok(u8::from(!holds)),
        Err(message) => complain(shell, args, &[&message]),
    }
}

fn test_builtin(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    test_with(shell, args, &args[1..])
}

fn test_bracket(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    match args {
        [_, expression @ .., last] if last == b"]" => test_with(shell, args, expression),
        _ => complain(shell, args, &[b"missing ]"]),
    }
}

// Directories and modes

/// A path without `.`, `..` and empty components, as far as its text goes.
fn normalize(path: &[u8]) -> Vec<u8> {
    let mut components: Vec<&[u8]> = Vec::new();
    for component in path.split(|&b| b == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                components.pop();
            }
            component => components.push(component),
        }
    }
    let mut text = Vec::new();
    for component in components {
        text.push(b'/');
        text.extend_from_slice(component);
    }
    if text.is_empty() { b"/".to_vec() } else { text }
}

fn cd(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    shell.find_directory();
    let mut physical = false;
    let mut rest = &args[1..];
    while let [option, tail @ ..] = rest {
        match option.as_slice() {
            b"-P" => physical = true,
            b"-L" => physical = false,
            b"--" => {
                rest = tail;
                break;
            }
            _ => break,
        }
        rest = tail;
    }
    let mut show = false;
    let target = match rest {
        [] => match shell.state.value(b"HOME") {
            Some(home) => home.to_vec(),
            None => return complain(shell, args, &[b"HOME not set"]),
        },
        [dash] if dash == b"-" => match shell.state.value(b"OLDPWD") {
            Some(old) => {
                show = true;
                old.to_vec()
            }
            None => return complain(shell, args, &[b"OLDPWD not set"]),
        },
        [target] => target.clone(),
        _ => return complain(shell, args, &[b"too many arguments"]),
    };
    let old = shell.state.value(b"PWD").unwrap_or_default().to_vec();
    let relative = target.first() != Some(&b'/');
    let dotted = matches!(target.split(|&b| b == b'/').next(), Some(b"." | b".."));
    let mut places = Vec::new();
    if relative && !dotted {
        for place in shell
            .state
            .value(b"CDPATH")
            .unwrap_or_default()
            .split(|&b| b == b':')
        {
            if !place.is_empty() {
                places.push(posix::join(place, &target));
            }
        }
    }
    places.push(target.clone());
    shell.keep_directory();
    let mut problem = Errno::ENOENT;
    let last = places.len() - 1;
    for (index, place) in places.into_iter().enumerate() {
        let absolute = if place.first() == Some(&b'/') {
            place.clone()
        } else {
            posix::join(&old, &place)
        };
        let logical = normalize(&absolute);
        // Where the name of the working directory is not known, only the system can tell.
        let by_text = !physical && absolute.first() == Some(&b'/');
        match fs::chdir(if by_text { &logical } else { &place }) {
            Ok(()) => {
                let new = if by_text {
                    logical
                } else {
                    fs::getcwd().unwrap_or_default()
                };
                if show || index < last {
                    shell.print(&[&new[..], b"\n"].concat())?;
                }
                for (name, value) in [(&b"OLDPWD"[..], old), (b"PWD", new)] {
                    shell
                        .state
                        .set(name, value)
                        .map_err(|message| shell.fail(&message))?;
                }
                return Ok(0);
            }
            Err(error) => problem = error,
        }
    }
    complain(shell, args, &[&target, b": ", problem.message().as_bytes()])
}

fn pwd(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    shell.find_directory();
    let physical = args.get(1).is_some_and(|option| option == b"-P");
    let known = shell
        .state
        .value(b"PWD")
        .filter(|path| !physical && path.first() == Some(&b'/'));
    let path = match known {
        Some(path) => path.to_vec(),
        None => match fs::getcwd() {
            Ok(path) => path,
            Err(error) => return complain(shell, args, &[error.message().as_bytes()]),
        },
    };
    shell.print(&[&path[..], b"\n"].concat())
}

fn umask(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    let current = mode::umask();
    match args.get(1).map(Vec::as_slice) {
        None => {
            let digits: Vec<u8> = (0..4)
                .rev()
                .map(|place| b'0' + (current >> (3 * place) & 7) as u8)
                .collect();
            shell.print(&[&digits[..], b"\n"].concat())
        }
        Some(b"-S") => {
            let mut text = Vec::new();
            for (index, who) in [b'u', b'g', b'o'].into_iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                text.extend_from_slice(&[who, b'=']);
                let allowed = !current >> (6 - 3 * index) & 7;
                for (bit, letter) in [(4, b'r'), (2, b'w'), (1, b'x')] {
                    if allowed & bit != 0 {
                        text.push(letter);
                    }
                }
            }
            text.push(b'\n');
            shell.print(&text)
        }
        Some(text) => {
            let mask = match posix::parse_octal(text) {
                Some(mask) if mask <= 0o777 => mask as u32,
                Some(_) => return complain(shell, args, &[text, b": bad mask"]),
                // What is allowed changes; the mask is the rest.
                None => match mode::parse(text) {
                    Some(change) => !change.apply(!current & 0o777, true, 0) & 0o777,
                    None => return complain(shell, args, &[text, b": bad mask"]),
                },
            };
            let old = fs::umask(mask);
            shell.keep_umask(old);
            Ok(0)
        }
    }
}

// Signals and jobs

/// Makes the process treat a signal as its trap says.
pub fn apply_trap(shell: &Shell, signal: Signal) {
    let disposition = match shell.state.traps.get(&TrapEvent::Signal(signal)) {
        Some(commands) if commands.is_empty() => Disposition::Ignore,
        Some(_) => Disposition::Note,
        None => match signal {
            Signal::PIPE => Disposition::Note,
            Signal::INT if shell.interactive => Disposition::Note,
            Signal::QUIT | Signal::TERM if shell.interactive => Disposition::Ignore,
            Signal::TSTP | Signal::TTIN | Signal::TTOU if shell.interactive => Disposition::Ignore,
            _ => Disposition::Default,
        },
    };
    // `KILL` and `STOP` cannot be trapped; POSIX leaves open what an attempt does.
    let _ = signal::set(signal, disposition);
}

fn trap_event(name: &[u8]) -> Option<TrapEvent> {
    match Signal::parse(name) {
        Some(Signal(0)) => Some(TrapEvent::Exit),
        Some(signal) => Some(TrapEvent::Signal(signal)),
        None => name
            .eq_ignore_ascii_case(b"EXIT")
            .then_some(TrapEvent::Exit),
    }
}

fn trap(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    let args_only = match args.get(1).map(Vec::as_slice) {
        Some(b"--") => &args[2..],
        _ => &args[1..],
    };
    let Some((action, names)) = args_only.split_first() else {
        let mut text = Vec::new();
        for (event, commands) in shell.state.traps.iter() {
            let name = match event {
                TrapEvent::Exit => "EXIT",
                TrapEvent::Signal(signal) => signal.name().unwrap_or(""),
            };
            let line = [
                b"trap -- ",
                &quote(commands)[..],
                b" ",
                name.as_bytes(),
                b"\n",
            ]
            .concat();
            text.extend_from_slice(&line);
        }
        return shell.print(&text);
    };
    // A number where the action stands resets the signals.
    let reset = action == b"-" || posix::parse_number(action).is_some();
    let names = if reset && action != b"-" {
        args_only
    } else {
        names
    };
    for name in names {
        let Some(event) = trap_event(name) else {
            return complain(shell, args, &[name, b": unknown signal"]);
        };
        let traps = Rc::make_mut(&mut shell.state.traps);
        if reset {
            traps.remove(&event);
        } else {
            traps.insert(event, action.clone());
        }
        if let TrapEvent::Signal(signal) = event {
            apply_trap(shell, signal);
        }
    }
    Ok(0)
}

fn kill_builtin(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    let (signal, targets) = match kill::parse(&args[1..]) {
        Ok(kill::Request::List(numbers)) => {
            return match kill::list(&numbers) {
                Ok(text) => shell.print(&text),
                Err(message) => complain(shell, args, &[&message]),
            };
        }
        Ok(kill::Request::Send(signal, targets)) => (signal, targets),
        Err(message) if message.is_empty() => {
            return complain(shell, args, &[b"usage: kill ", kill::SYNOPSIS.as_bytes()]);
        }
        Err(message) => return complain(shell, args, &[&message]),
    };
    let mut status = 0;
    for target in targets {
        let result = if target.first() == Some(&b'%') {
            match shell.jobs.find(&target) {
                None => {
                    shell.complain(&[b"kill: ", &target, b": no such job"]);
                    status = 1;
                    continue;
                }
                Some(job) => {
                    let stopped = job.state() == JobState::Stopped;
                    let result = kill_job(job, signal);
                    // A stopped process ends only after it goes on.
                    if stopped && matches!(signal, Signal::TERM | Signal::HUP) {
                        let _ = kill_job(job, Signal::CONT);
                    }
                    result
                }
            }
        } else {
            match kill::target(&target) {
                Some(pid) => signal::kill(pid, signal),
                None => {
                    shell.complain(&[b"kill: ", &target, b": no process id"]);
                    status = 1;
                    continue;
                }
            }
        };
        if let Err(error) = result {
            shell.complain(&[b"kill: ", &target, b": ", error.message().as_bytes()]);
            status = 1;
        }
    }
    Ok(status)
}

fn kill_job(job: &Job, signal: Signal) -> posix::Result<()> {
    match job.group {
        Some(group) => signal::kill(-group, signal),
        None => {
            let alive = job.processes.iter().filter(|(_, status)| {
                matches!(status, None | Some(Status::Stopped(_) | Status::Continued))
            });
            for (pid, _) in alive {
                signal::kill(*pid, signal)?;
            }
            Ok(())
        }
    }
}

/// A line that tells what became of a job.
pub fn describe_job(job: &Job) -> Vec<u8> {
    let state: Vec<u8> = match job.state() {
        JobState::Running => b"Running".to_vec(),
        JobState::Stopped => b"Stopped".to_vec(),
        JobState::Done(Status::Exited(0)) => b"Done".to_vec(),
        JobState::Done(Status::Exited(status)) => {
            [b"Done(", &signed_decimal(i64::from(status))[..], b")"].concat()
        }
        JobState::Done(Status::Signaled(signal)) => signal.description().as_bytes().to_vec(),
        JobState::Done(_) => b"Done".to_vec(),
    };
    let number = signed_decimal(job.number as i64);
    [b"[", &number[..], b"] ", &state, b" ", &job.text, b"\n"].concat()
}

fn jobs(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    shell.jobs.poll(shell.state.options.monitor);
    let only_pids = args.get(1).is_some_and(|option| option == b"-p");
    let mut text = Vec::new();
    for job in shell.jobs.iter_mut() {
        if only_pids {
            let pid = job
                .group
                .or(job.processes.first().map(|&(pid, _)| pid))
                .unwrap_or(0);
            text.extend_from_slice(&[&signed_decimal(i64::from(pid))[..], b"\n"].concat());
        } else {
            text.extend_from_slice(&describe_job(job));
            job.reported = true;
        }
    }
    shell.jobs.forget_reported();
    shell.print(&text)
}

fn chosen_job(shell: &Shell, args: &[Vec<u8>]) -> Option<usize> {
    let name = args.get(1).map_or(&b"%%"[..], Vec::as_slice);
    shell.jobs.find(name).map(|job| job.number)
}

fn fg(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    let Some(number) = chosen_job(shell, args) else {
        return complain(shell, args, &[b"no such job"]);
    };
    let text = shell
        .jobs
        .iter()
        .find(|job| job.number == number)
        .map(|job| job.text.clone());
    shell.print(&[&text.unwrap_or_default()[..], b"\n"].concat())?;
    let flow = shell.foreground(number);
    nested(shell, flow)
}

fn bg(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    let Some(number) = chosen_job(shell, args) else {
        return complain(shell, args, &[b"no such job"]);
    };
    let mut text = Vec::new();
    if let Some(job) = shell.jobs.iter_mut().find(|job| job.number == number) {
        continue_job(job);
        text = describe_job(job);
    }
    shell.print(&text)
}

/// Waits until a condition on the jobs holds; the status of a signal that ended the wait.
fn wait_until(shell: &mut Shell, done: impl Fn(&Shell) -> bool) -> Result<Option<u8>, Unwind> {
    while !done(shell) {
        match process::wait(Which::Any, WaitOptions::default()) {
            Ok(Some((pid, status))) => {
                shell.jobs.record(pid, status);
            }
            Ok(None) => {}
            Err(Errno::EINTR) => {
                if shell.interactive && signal::take(Signal::INT) {
                    shell.status = Status::Signaled(Signal::INT).code();
                    return Err(Unwind::Interrupt);
                }
                let trapped = shell
                    .state
                    .traps
                    .iter()
                    .find_map(|(event, commands)| match event {
                        TrapEvent::Signal(signal)
                            if !commands.is_empty() && signal::arrived(*signal) =>
                        {
                            Some(*signal)
                        }
                        _ => None,
                    });
                if let Some(signal) = trapped {
                    return Ok(Some(Status::Signaled(signal).code()));
                }
            }
            Err(_) => break,
        }
    }
    Ok(None)
}

fn wait(shell: &mut Shell, args: &[Vec<u8>]) -> Outcome {
    let ended = |job: &Job| matches!(job.state(), JobState::Done(_));
    if args.len() == 1 {
        let signaled = wait_until(shell, |shell| shell.jobs.iter().all(ended))?;
        if signaled.is_none() {
            shell.jobs.take();
        }
        return Ok(signaled.unwrap_or(0));
    }
    let mut result = 0;
    for name in &args[1..] {
        let Some(number) = shell.jobs.find(name).map(|job| job.number) else {
            result = 127;
            continue;
        };
        let is_done = |shell: &Shell| {
            shell
                .jobs
                .iter()
                .find(|job| job.number == number)
                .is_none_or(ended)
        };
        if let Some(status) = wait_until(shell, is_done)? {
            return Ok(status);
        }
        result = shell.jobs.remove(number).map_or(127, |job| job.code());
    }
    Ok(result)
}
