//! Translators: recorded, started on demand, asked for their roots.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use fshelp::{Entered, Program};
use interface::fs::{
    FS_RETRY_NORMAL, FS_TRANS_EXCL, FS_TRANS_FORCE, FS_TRANS_ORPHAN, FS_TRANS_SET, O_NOTRANS,
};
use interface::fsys;
use iohelp::User;
use machuser::{Call, Error, Result, Right, SendRight};
use ports::Port;

use crate::access;
use crate::lookup::Answer;
use crate::peropen::{Origin, Protid};
use crate::server::Shared;
use crate::volume::{
    FileSystem, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK, S_IPTRANS, Special,
};

/// How often one look-up starts a translator that dies before it answers.
const TRIES: usize = 3;
/// Roots of one translator that are remembered, each for a user.
const ROOTS_KEPT: usize = 8;

/// A translator that runs: its node, which stays in memory, and what is known of it.
pub(crate) struct Running<F: FileSystem> {
    node: Arc<F::Node>,
    dotdot: Option<Dotdot<F>>,
    roots: Vec<KnownRoot<F>>,
}

/// The port that was given to the translator as the directory that its node is in.
struct Dotdot<F: FileSystem> {
    directory: Arc<F::Node>,
    origin: Arc<Origin<F>>,
    port: Port,
}

/// A translator's root as it was answered to a user, looked up from somewhere.
struct KnownRoot<F: FileSystem> {
    user: User,
    directory: Arc<F::Node>,
    origin: Arc<Origin<F>>,
    port: Arc<SendRight>,
}

impl<F: FileSystem> Running<F> {
    fn new(node: Arc<F::Node>) -> Running<F> {
        Running {
            node,
            dotdot: None,
            roots: Vec::new(),
        }
    }
}

/// A record that stands for a kind of node, or `None`. Records that no such node can have are
/// refused with `EINVAL`.
fn special(record: &[u8]) -> Result<Option<Special<'_>>> {
    let mut words = record
        .strip_suffix(b"\0")
        .unwrap_or(record)
        .split(|&byte| byte == 0);
    let program = words.next().unwrap_or(b"");
    let special = match program {
        b"/hurd/symlink" => {
            let target = words
                .next()
                .filter(|target| !target.is_empty())
                .ok_or(Error::EINVAL)?;
            Special::Symlink(target)
        }
        b"/hurd/chrdev" | b"/hurd/blkdev" => {
            let mut number = || -> Result<u64> {
                let word = words.next().ok_or(Error::EINVAL)?;
                let text = core::str::from_utf8(word).map_err(|_| Error::EINVAL)?;
                Ok(u64::from(text.parse::<u32>().map_err(|_| Error::EINVAL)?))
            };
            let device = device_number(number()?, number()?);
            if program == b"/hurd/chrdev" {
                Special::Character(device)
            } else {
                Special::Block(device)
            }
        }
        b"/hurd/fifo" => Special::Fifo,
        b"/hurd/ifsock" => Special::Socket,
        _ => return Ok(None),
    };
    // With further arguments it is a translator like any other.
    Ok(words.next().is_none().then_some(special))
}

const fn device_number(major: u64, minor: u64) -> u64 {
    (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xfff00) << 12
}

fn device_words(device: u64) -> (u64, u64) {
    (
        (device >> 8) & 0xfff,
        (device & 0xff) | (device >> 12) & 0xfff00,
    )
}

impl<F: FileSystem> Shared<F> {
    /// The record that a node has, or that its kind stands for. `EINVAL` if there is none.
    pub(crate) fn translator_record(&self, node: &F::Node) -> Result<Vec<u8>> {
        let access = self.volume.access(node);
        if access.mode & S_IPTRANS != 0
            && let Some(record) = self.volume.translator(node)?
        {
            return Ok(record);
        }
        let device = |program: &str| -> Result<Vec<u8>> {
            let (major, minor) = device_words(u64::from(self.volume.stat(node)?.rdev));
            Ok(format!("{program}\0{major}\0{minor}\0").into_bytes())
        };
        match access.kind() {
            S_IFLNK => {
                let mut record = b"/hurd/symlink\0".to_vec();
                record.extend_from_slice(&self.volume.read_link(node)?);
                record.push(0);
                Ok(record)
            }
            S_IFCHR => device("/hurd/chrdev"),
            S_IFBLK => device("/hurd/blkdev"),
            S_IFIFO => Ok(b"/hurd/fifo\0".to_vec()),
            S_IFSOCK => Ok(b"/hurd/ifsock\0".to_vec()),
            _ => Err(Error::EINVAL),
        }
    }

    /// What is to be started on the node; `None` if nothing is.
    fn startable(&self, node: &F::Node) -> Result<Option<Vec<u8>>> {
        let access = self.volume.access(node);
        let kind = matches!(access.kind(), S_IFCHR | S_IFBLK | S_IFIFO);
        if access.mode & S_IPTRANS == 0 && !kind {
            return Ok(None);
        }
        match self.translator_record(node) {
            Ok(record) => Ok(Some(record)),
            Err(Error::EINVAL) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The control port of the translator that runs on the node. `ENXIO` if none does.
    pub(crate) fn active_control(&self, node: &F::Node) -> Result<SendRight> {
        let rare = self.volume.attached(node).used().ok_or(Error::ENXIO)?;
        let control = rare.translator.control().ok_or(Error::ENXIO)?;
        control.try_clone().map_err(|_| Error::ENXIO)
    }

    /// Asks the translator on `node` for its root, and starts it if it does not run. `None` if
    /// there is no translator after all. `dir` is where the node was found; without it the node is
    /// the root, and the translator's `..` is what `origin` says.
    pub(crate) fn through_translator(
        self: &Arc<Self>,
        call: &Call<'_>,
        dir: Option<(&Arc<F::Node>, &[u8])>,
        node: &Arc<F::Node>,
        origin: &Arc<Origin<F>>,
        user: &User,
        flags: i32,
    ) -> Result<Option<Answer>> {
        if let Some(root) = self.known_root(dir, node, origin, user, flags) {
            return Ok(Some((FS_RETRY_NORMAL, Vec::new(), Right::copy_owned(root))));
        }
        let rare = self.volume.attached(node).rare();
        if let Some((dir, name)) = dir {
            rare.seen_at(self.volume.number(dir), name, || self.path_of(dir));
        }
        for _ in 0..TRIES {
            let control = match rare.translator.enter(call)? {
                Entered::Active(control) => control,
                Entered::Idle(starting) => {
                    let Some(argv) = self.startable(node)? else {
                        return Ok(None);
                    };
                    let control = Arc::new(self.start(call, node, dir, origin, &argv)?);
                    starting.started(control.clone());
                    self.watch(node, &control);
                    control
                }
            };
            let dotdot = self.dotdot(dir, Some(node), origin)?;
            let answer = fsys::fsys_getroot(&*control, dotdot, user.uids(), user.gids(), flags);
            match answer {
                Ok((FS_RETRY_NORMAL, name, Some(port))) if name.is_empty() && flags == 0 => {
                    let port = Arc::new(port);
                    self.know_root(dir, node, origin, user, &port);
                    return Ok(Some((FS_RETRY_NORMAL, name, Right::copy_owned(port))));
                }
                Ok((retry, name, port)) => return Ok(Some((retry, name, Right::from(port)))),
                Err(error) if error.is_server_died() => {
                    rare.translator.died(&control);
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::EDIED)
    }

    /// The root of a running translator that was answered to the same user before, for an open
    /// that is good for nothing but to look up names from it: then it does not matter that several
    /// users of the same ids share it.
    fn known_root(
        &self,
        dir: Option<(&Arc<F::Node>, &[u8])>,
        node: &Arc<F::Node>,
        origin: &Arc<Origin<F>>,
        user: &User,
        flags: i32,
    ) -> Option<Arc<SendRight>> {
        let (dir, _) = dir.filter(|_| flags == 0)?;
        let translated = self.translated.lock();
        let running = translated.get(&self.volume.number(node))?;
        let known = running.roots.iter().find(|root| {
            root.user == *user
                && Arc::ptr_eq(&root.directory, dir)
                && Arc::ptr_eq(&root.origin, origin)
        })?;
        Some(known.port.clone())
    }

    fn know_root(
        &self,
        dir: Option<(&Arc<F::Node>, &[u8])>,
        node: &Arc<F::Node>,
        origin: &Arc<Origin<F>>,
        user: &User,
        port: &Arc<SendRight>,
    ) {
        let Some((directory, _)) = dir else { return };
        let mut translated = self.translated.lock();
        let Some(running) = translated.get_mut(&self.volume.number(node)) else {
            return;
        };
        let oldest = (running.roots.len() >= ROOTS_KEPT).then(|| running.roots.remove(0));
        running.roots.push(KnownRoot {
            user: user.clone(),
            directory: directory.clone(),
            origin: origin.clone(),
            port: port.clone(),
        });
        drop(translated);
        // Releasing a right is a call.
        drop(oldest);
    }

    /// Forgets what is known of the translator on the node, so that it has no users on that
    /// account.
    pub(crate) fn forget_roots(&self, node: &F::Node) {
        let number = self.volume.number(node);
        let forgotten = self
            .translated
            .lock()
            .get_mut(&number)
            .map(|running| (core::mem::take(&mut running.roots), running.dotdot.take()));
        drop(forgotten);
    }

    /// What `..` of the translator's root is: a port without any ids.
    fn dotdot(
        self: &Arc<Self>,
        dir: Option<(&Arc<F::Node>, &[u8])>,
        node: Option<&Arc<F::Node>>,
        origin: &Arc<Origin<F>>,
    ) -> Result<Right<'static>> {
        let Some((dir, _)) = dir else {
            return Ok(Right::from(origin.dotdot.clone()));
        };
        let number = node.map(|node| self.volume.number(node));
        if let Some(number) = number
            && let Some(running) = self.translated.lock().get(&number)
            && let Some(known) = &running.dotdot
            && Arc::ptr_eq(&known.directory, dir)
            && Arc::ptr_eq(&known.origin, origin)
        {
            return Ok(known.port.right());
        }
        let nobody = Arc::new(User::nobody());
        let port = self.file_port(dir.clone(), origin, 0, nobody)?;
        let right = port.right();
        if let Some(number) = number
            && let Some(running) = self.translated.lock().get_mut(&number)
        {
            let known = Dotdot {
                directory: dir.clone(),
                origin: origin.clone(),
                port,
            };
            let old = running.dotdot.replace(known);
            return Ok((right, old).0);
        }
        Ok(right)
    }

    fn start(
        self: &Arc<Self>,
        call: &Call<'_>,
        node: &Arc<F::Node>,
        dir: Option<(&Arc<F::Node>, &[u8])>,
        origin: &Arc<Origin<F>>,
        argv: &[u8],
    ) -> Result<SendRight> {
        let access = self.volume.access(node);
        let owner = Arc::new(User::new(alloc::vec![access.uid], alloc::vec![access.gid]));
        let underlying = |flags: i32| -> Result<Right<'static>> {
            let kept = flags | O_NOTRANS;
            let port = self.file_port(node.clone(), origin, kept, owner.clone())?;
            Ok(port.right())
        };
        let directory = self.dotdot(dir, None, origin)?;
        let (uid, gid) = (access.uid, access.gid);
        let program = Program {
            argv,
            uid,
            gid,
            directory,
            underlying: &underlying,
        };
        self.starter.start(call, program)
    }

    /// Keeps the node in memory as long as the translator runs.
    fn watch(self: &Arc<Self>, node: &Arc<F::Node>, control: &Arc<SendRight>) {
        let number = self.volume.number(node);
        let old = self
            .translated
            .lock()
            .insert(number, Running::new(node.clone()));
        drop(old);
        let shared = Arc::downgrade(self);
        let watched = control.clone();
        let gone = move || {
            if let Some(shared) = shared.upgrade() {
                shared.translator_died(number, &watched);
            }
        };
        if self.server.on_death(control, gone).is_err() {
            // It has died already.
            self.translator_died(number, control);
        }
    }

    fn translator_died(&self, number: u64, control: &SendRight) {
        let mut translated = self.translated.lock();
        let Some(running) = translated.get(&number) else {
            return;
        };
        let rare = self.volume.attached(&running.node).rare();
        rare.translator.died(control);
        // Another one may run by now.
        let gone = if rare.translator.is_active() {
            None
        } else {
            translated.remove(&number)
        };
        drop(translated);
        drop(gone);
    }

    /// The translators that run on nodes of this file system: where, and their control ports.
    pub(crate) fn children(&self) -> Vec<(Vec<u8>, SendRight)> {
        let nodes: Vec<_> = self
            .translated
            .lock()
            .iter()
            .map(|(number, running)| (*number, running.node.clone()))
            .collect();
        let mut children = Vec::new();
        for (number, node) in nodes {
            let Ok(control) = self.active_control(&node) else {
                continue;
            };
            let rare = self.volume.attached(&node).rare();
            let place = rare.place().or_else(|| {
                let directory = self.volume.access(&node).kind() == S_IFDIR;
                directory.then(|| self.path_of(&node)).flatten()
            });
            children.push((
                place.unwrap_or_else(|| format!("#{number}").into_bytes()),
                control,
            ));
        }
        children
    }

    /// The path of a directory below the root, if it can be found.
    fn path_of(&self, dir: &Arc<F::Node>) -> Option<Vec<u8>> {
        let mut names: Vec<Vec<u8>> = Vec::new();
        let mut at = dir.clone();
        while !self.is_root(&at) {
            let parent = self.volume.parent(&at).ok()?;
            let number = self.volume.number(&at);
            let mut found = None;
            let mut sink = |entry: crate::volume::Entry<'_>| {
                let dots = entry.name == b"." || entry.name == b"..";
                if entry.number == number && !dots {
                    found = Some(entry.name.to_vec());
                }
                found.is_none()
            };
            self.volume.read_dir(&parent, 0, &mut sink).ok()?;
            names.push(found?);
            at = parent;
        }
        names.reverse();
        Some(names.join(&b'/'))
    }
}

impl<F: FileSystem> Protid<F> {
    /// Serves `file_set_translator`.
    pub(crate) fn set_translator(
        &self,
        passive_flags: i32,
        active_flags: i32,
        goaway_flags: i32,
        passive: &[u8],
        active: Option<SendRight>,
    ) -> Result<()> {
        let shared = &self.shared;
        let volume = &shared.volume;
        let node = self.node();
        let set_passive = passive_flags & FS_TRANS_SET != 0;
        let set_active = active_flags & FS_TRANS_SET != 0;
        access::check_owner(volume.access(node), self.user())?;
        if set_passive {
            if volume.read_only() {
                return Err(Error::EROFS);
            }
            if passive.last().is_some_and(|&byte| byte != 0) {
                return Err(Error::EINVAL);
            }
            let recorded = volume.access(node).mode & S_IPTRANS != 0;
            if passive_flags & FS_TRANS_EXCL != 0 && recorded {
                return Err(Error::EBUSY);
            }
        }
        if set_active {
            let rare = volume.attached(node).rare();
            let exclusive = active_flags & FS_TRANS_EXCL != 0;
            shared.forget_roots(node);
            if active_flags & (FS_TRANS_EXCL | FS_TRANS_ORPHAN) == 0
                && let Some(control) = rare.translator.control()
            {
                match fsys::fsys_goaway(&*control, goaway_flags) {
                    Err(error) if error.is_server_died() => {}
                    result => result?,
                }
            }
            let active = active.map(Arc::new);
            // One that is dead does not count.
            if exclusive
                && let Some(control) = rare.translator.control()
                && fsys::fsys_get_options(&*control).is_err_and(|error| error.is_server_died())
            {
                rare.translator.died(&control);
            }
            rare.translator.replace(active.clone(), exclusive)?;
            match active {
                Some(control) => shared.watch(node, &control),
                None => {
                    let gone = shared.translated.lock().remove(&volume.number(node));
                    drop(gone);
                }
            }
        }
        if set_passive {
            let _names = shared.names.lock();
            let kind = volume.access(node).kind();
            let force = passive_flags & FS_TRANS_FORCE != 0;
            let special = if force || passive.is_empty() {
                None
            } else {
                special(passive)?
            };
            match special {
                Some(_) if kind == S_IFDIR => return Err(Error::EISDIR),
                Some(special) => {
                    volume.set_translator(node, None)?;
                    volume.set_special(node, special)?;
                }
                None => {
                    if !matches!(kind, S_IFDIR | S_IFREG) {
                        volume.set_special(node, Special::None)?;
                    }
                    volume.set_translator(node, (!passive.is_empty()).then_some(passive))?;
                }
            }
        }
        Ok(())
    }
}
