//! `settrans [option...] node [translator [argument...]]`: sets the translators of a node.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use posix::fs::{self, O_CREAT, O_WRITE};
use posix::getopt::Options;
use posix::io::{File, complain, usage, warn};
use posix::process::{self, Command};
use posix::translator::{
    EXCLUSIVE, FORCE, GOAWAY_FORCE, GOAWAY_NOSYNC, GOAWAY_RECURSE, ORPHAN, SET, Settings,
};
use posix::{Errno, translator};

const SYNOPSIS: &str = "[-acfgkopPRSx] [-t seconds] node [translator [argument...]]\n       \
     settrans -C node translator [argument...] -- command [argument...]";

const LONG: &[(&str, u8)] = &[
    ("active", b'a'),
    ("chroot", b'C'),
    ("create", b'c'),
    ("exclusive", b'x'),
    ("force", b'f'),
    ("goaway", b'g'),
    ("keep-active", b'k'),
    ("nosync", b'S'),
    ("orphan", b'o'),
    ("passive", b'p'),
    ("pause", b'P'),
    ("recursive", b'R'),
    ("start", b's'),
    ("timeout", b't'),
];

/// How long a translator may take to start, in seconds, unless the user says otherwise.
const TIMEOUT: u64 = 60;

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "acCfgkopPRsSt:x").long(LONG);
    let (mut active, mut passive, mut start, mut create) = (false, false, false, false);
    let (mut exclusive, mut orphan, mut keep_active, mut force) = (false, false, false, false);
    let (mut go_away, mut chroot, mut pause) = (false, false, false);
    let mut goaway_flags = 0;
    let mut timeout = TIMEOUT;
    for option in &mut options {
        let option = match option {
            Ok(option) => option,
            Err(fault) => return fault.report(SYNOPSIS),
        };
        match (option.letter, option.value) {
            (b'a', _) => active = true,
            (b'p', _) => passive = true,
            (b's', _) => start = true,
            (b'c', _) => create = true,
            (b'C', _) => chroot = true,
            (b'f', _) => {
                force = true;
                goaway_flags |= GOAWAY_FORCE;
            }
            (b'g', _) => go_away = true,
            (b'k', _) => keep_active = true,
            (b'o', _) => orphan = true,
            (b'P', _) => pause = true,
            (b'R', _) => goaway_flags |= GOAWAY_RECURSE,
            (b'S', _) => goaway_flags |= GOAWAY_NOSYNC,
            (b'x', _) => exclusive = true,
            (_, Some(text)) => match posix::parse_number(text) {
                Some(seconds) => timeout = seconds,
                None => {
                    complain(&[text, b": bad number of seconds"]);
                    return 2;
                }
            },
            _ => {}
        }
    }
    let [node, argv @ ..] = options.operands() else {
        return usage(SYNOPSIS);
    };
    if chroot {
        return run_below(node, argv);
    }
    if create
        && let Err(error) = File::open(node, O_WRITE | O_CREAT, 0o666).and_then(File::close)
        && error != Errno::EISDIR
    {
        warn(node, error);
        return 1;
    }
    // Without a word about which, it is the passive one.
    if start || !active {
        passive = true;
    }
    let exclusion = if exclusive { EXCLUSIVE } else { 0 };
    let mut settings = Settings {
        goaway_flags,
        argv: argv.to_vec(),
        timeout_ms: u32::try_from(timeout.saturating_mul(1000)).unwrap_or(u32::MAX),
        ..Settings::default()
    };
    if passive {
        settings.passive_flags = SET | exclusion | if force { FORCE } else { 0 };
    }
    settings.active_flags = if active {
        SET | exclusion | if orphan { ORPHAN } else { 0 }
    } else if go_away {
        SET
    } else if keep_active {
        0
    } else {
        // A new record would be of no use while another translator answers.
        SET | EXCLUSIVE
    };
    settings.start = active;
    if active && pause {
        complain(&[b"type return to start the translator on ", node]);
        let mut line = [0];
        // The end of input starts it, too.
        let _ = fs::read(posix::io::STDIN, &mut line);
    }
    let result = translator::set(node, &settings).and_then(|()| {
        if start && !active {
            fs::stat(node).map(drop)
        } else {
            Ok(())
        }
    });
    match result {
        Ok(()) => 0,
        Err(error) => {
            warn(node, error);
            1
        }
    }
}

/// Runs a command whose root directory is the translator.
fn run_below(node: &[u8], words: &[Vec<u8>]) -> i32 {
    let Some(dashes) = words.iter().position(|word| word == b"--") else {
        return usage(SYNOPSIS);
    };
    let (argv, command) = (&words[..dashes], &words[dashes + 1..]);
    let Some(program) = command.first() else {
        return usage(SYNOPSIS);
    };
    if argv.is_empty() {
        return usage(SYNOPSIS);
    }
    if let Err(error) = translator::chroot(node, argv) {
        warn(node, error);
        return 1;
    }
    let started = Command::new(program, command.to_vec()).spawn();
    match started.and_then(process::wait_for) {
        Ok(status) => status.code().into(),
        Err(error) => {
            warn(program, error);
            1
        }
    }
}
