//! Translators: setting, starting and asking them.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use fshelp::start::start_translator;
use interface::{fs, fsys};
use machuser::env::{self, init_port};
use machuser::{Call, Right, SendRight, mach, thread};

use super::names::lookup;
use super::{errno, identity, initial, join_strings, processes, sent, split_strings};
use crate::fs::{O_EXEC, O_NOTRANS};
use crate::process::{Command, Group};
use crate::translator::Settings;
use crate::{Errno, Result};

/// The node at a path, under whatever translator is on it.
fn node(path: &[u8]) -> Result<SendRight> {
    lookup(path, O_NOTRANS, 0)
}

/// Starts a translator over the node at `path`; its control port.
fn start(path: &[u8], argv: &[Vec<u8>], timeout: Duration) -> Result<SendRight> {
    let program = argv.first().ok_or(Errno::EINVAL)?;
    let server = super::server()?;
    let underlying = |flags: i32| {
        let flags = flags as u32 | O_NOTRANS;
        lookup(path, flags, 0)
            .map(Right::from)
            .map_err(|error| machuser::Error(error.to_wire()))
    };
    let call = Call::direct(machuser::NULL);
    let control = start_translator(&server, &call, &underlying, &mut |bootstrap| {
        let mut command = Command::new(program, argv.to_vec());
        // Not one of the shell's jobs: the terminal's signals are not meant for it.
        command.group(Group::NewSession);
        let (_, task) = processes::spawn_with(&command, Some(&bootstrap))
            .map_err(|error| machuser::Error(error.to_wire()))?;
        let task = Arc::new(task);
        if !timeout.is_zero() {
            let late = Arc::downgrade(&task);
            thread::try_spawn(move || {
                thread::sleep(timeout);
                if let Some(task) = late.upgrade() {
                    // Whoever waits for it learns that it died.
                    let _ = mach::task_terminate(&*task);
                }
            })?;
        }
        let terminate: Box<dyn FnOnce() + Send> = Box::new(move || {
            // It may have ended by itself.
            let _ = mach::task_terminate(&*task);
        });
        Ok(terminate)
    });
    control.map_err(errno)
}

pub(crate) fn translator_set(path: &[u8], settings: &Settings) -> Result<()> {
    let node = node(path)?;
    let active = if settings.start && !settings.argv.is_empty() {
        let timeout = Duration::from_millis(settings.timeout_ms.into());
        Some(start(path, &settings.argv, timeout)?)
    } else {
        None
    };
    let passive = if settings.passive_flags != 0 {
        &settings.argv[..]
    } else {
        &[]
    };
    let control = active.clone();
    fs::file_set_translator(
        &node,
        settings.passive_flags as i32,
        settings.active_flags as i32,
        settings.goaway_flags as i32,
        &join_strings(passive),
        active,
    )
    .inspect_err(|_| {
        if let Some(control) = &control {
            // Nobody will ever reach it.
            let _ = fsys::fsys_goaway(control, fsys::FSYS_GOAWAY_FORCE);
        }
    })
    .map_err(errno)
}

pub(crate) fn translator_passive(path: &[u8]) -> Result<Vec<Vec<u8>>> {
    let argv = fs::file_get_translator(&node(path)?).map_err(errno)?;
    Ok(split_strings(&argv))
}

/// The control port of the translator that runs on the node at a path.
fn control(path: &[u8]) -> Result<SendRight> {
    sent(fs::file_get_translator_cntl(&node(path)?).map_err(errno)?)
}

pub(crate) fn translator_go_away(path: &[u8], flags: u32) -> Result<()> {
    fsys::fsys_goaway(&control(path)?, flags as i32).map_err(errno)
}

/// The control port of the file system that has the file at a path.
fn file_system(path: &[u8]) -> Result<SendRight> {
    sent(fs::file_getcontrol(&lookup(path, 0, 0)?).map_err(errno)?)
}

pub(crate) fn translator_options(path: &[u8]) -> Result<Vec<Vec<u8>>> {
    let options = fs::file_get_fs_options(&lookup(path, 0, 0)?).map_err(errno)?;
    Ok(split_strings(&options))
}

pub(crate) fn translator_set_options(
    path: &[u8],
    options: &[Vec<u8>],
    recurse: bool,
) -> Result<()> {
    let control = file_system(path)?;
    fsys::fsys_set_options(&control, &join_strings(options), i32::from(recurse)).map_err(errno)
}

pub(crate) fn translator_sync(path: &[u8], wait: bool, recurse: bool) -> Result<()> {
    let file = lookup(path, 0, 0)?;
    fs::file_syncfs(&file, i32::from(wait), i32::from(recurse)).map_err(errno)
}

pub(crate) fn translator_chroot(path: &[u8], argv: &[Vec<u8>]) -> Result<()> {
    let control = start(path, argv, Duration::ZERO)?;
    let ids = super::ids()?;
    // The parent of the new root is the old one's, which the new program never sees.
    let above = initial(init_port::CRDIR)?;
    let (retry, name, root) =
        fsys::fsys_getroot(&control, &*above, &ids.euids, &ids.egids, O_EXEC as i32)
            .map_err(errno)?;
    let root = match retry {
        fs::FS_RETRY_NORMAL if name.is_empty() => sent(root)?,
        fs::FS_RETRY_REAUTH if name.is_empty() => identity::reauthenticate(&sent(root)?)?,
        _ => return Err(Errno::EOPNOTSUPP),
    };
    let root = sent(fs::file_reparent(&root, Right::null()).map_err(errno)?).unwrap_or(root);
    env::set_port(init_port::CRDIR, Some(root.clone())).map_err(errno)?;
    env::set_port(init_port::CWDIR, Some(root)).map_err(errno)
}
