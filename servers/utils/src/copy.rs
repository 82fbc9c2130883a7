//! Copying files, for `cp` and `mv`.

use alloc::vec::Vec;

use posix::fs::{self, Kind, O_CREAT, O_EXCL, O_NOFOLLOW, O_READ, O_TRUNC, O_WRITE, SetTime, Stat};
use posix::io::{self, File};
use posix::{Errno, Fd, Result};

use crate::tree::{Phase, Walk};

/// How much is copied at once.
const CHUNK: usize = 256 * 1024;

/// How files are copied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Directories, too, with all that is in them.
    pub recursive: bool,
    /// With owner, permissions and times.
    pub preserve: bool,
    /// A target that cannot be written is removed first.
    pub force: bool,
    /// A symbolic link is copied as such, also where it is named itself.
    pub keep_links: bool,
}

/// Writes all of one open file to another.
pub fn content(from: Fd, to: Fd) -> Result<()> {
    let mut buffer = alloc::vec![0; CHUNK];
    loop {
        match fs::read(from, &mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => fs::write_all(to, &buffer[..count])?,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

fn preserve(path: &[u8], stat: &Stat) -> Result<()> {
    fs::utimens(path, SetTime::To(stat.atime), SetTime::To(stat.mtime))?;
    let mut mode = stat.mode & 0o7777;
    // Who cannot give a file away must not make it run as herself either.
    if fs::chown(path, Some(stat.uid), Some(stat.gid)).is_err() {
        mode &= 0o1777;
    }
    fs::chmod(path, mode)
}

fn regular(from: &[u8], to: &[u8], stat: &Stat, options: Options) -> Result<()> {
    let source = File::open(from, O_READ, 0)?;
    if let Ok(target) = fs::stat(to)
        && target.is_same_file(&fs::fstat(source.fd())?)
    {
        io::complain(&[from, b" and ", to, b" are the same file"]);
        return Err(Errno::EINVAL);
    }
    let mode = stat.mode & 0o777;
    let target = match File::open(to, O_WRITE | O_TRUNC | O_CREAT, mode) {
        Err(_) if options.force => {
            fs::unlink(to)?;
            File::open(to, O_WRITE | O_CREAT | O_EXCL | O_NOFOLLOW, mode)?
        }
        result => result?,
    };
    content(source.fd(), target.fd())?;
    target.close()
}

/// Copies one file that is no directory.
fn file(from: &[u8], to: &[u8], stat: &Stat, options: Options) -> Result<()> {
    match stat.kind() {
        Kind::Symlink => {
            let target = fs::readlink(from)?;
            match fs::symlink(&target, to) {
                Err(Errno::EEXIST) => {
                    fs::unlink(to)?;
                    fs::symlink(&target, to)
                }
                result => result,
            }
        }
        kind @ (Kind::Fifo | Kind::CharDevice | Kind::BlockDevice) if options.recursive => {
            fs::mknod(to, kind, stat.mode & 0o7777, stat.rdev)
        }
        Kind::Socket => Err(Errno::EOPNOTSUPP),
        _ => regular(from, to, stat, options),
    }?;
    if options.preserve && stat.kind() != Kind::Symlink {
        preserve(to, stat)?;
    }
    Ok(())
}

/// Copies `from` to `to`, which is the new name itself. Errors are told; whether there were none.
pub fn copy(from: &[u8], to: &[u8], options: Options) -> bool {
    let follow = !options.keep_links;
    let mut good = true;
    let mut walk = Walk::new(from, follow);
    let mut target_root: Option<Stat> = None;
    while let Some(item) = walk.next() {
        let entry = match item {
            Ok(entry) => entry,
            Err((path, error)) => {
                io::warn(&path, error);
                good = false;
                continue;
            }
        };
        let target = [to, &entry.path[from.len()..]].concat();
        let result = if !entry.stat.is_directory() {
            file(&entry.path, &target, &entry.stat, options)
        } else if !options.recursive {
            io::complain(&[&entry.path, b" is a directory"]);
            return false;
        } else if entry.phase == Phase::Leave {
            leave(&target, &entry.stat, options)
        } else if target_root.is_some_and(|root| root.is_same_file(&entry.stat)) {
            io::complain(&[b"cannot copy a directory into itself: ", &entry.path]);
            walk.prune();
            good = false;
            continue;
        } else {
            // It must be possible to put files into it until it is done.
            let made = match fs::mkdir(&target, entry.stat.mode & 0o777 | 0o700) {
                Err(Errno::EEXIST) if fs::stat(&target).is_ok_and(|s| s.is_directory()) => Ok(()),
                result => result,
            };
            if made.is_ok() && entry.depth == 0 {
                target_root = fs::stat(&target).ok();
            }
            if made.is_err() {
                walk.prune();
            }
            made
        };
        if let Err(error) = result {
            io::warn(&target, error);
            good = false;
        }
    }
    good
}

fn leave(target: &[u8], stat: &Stat, options: Options) -> Result<()> {
    if options.preserve {
        return preserve(target, stat);
    }
    let wanted = stat.mode & 0o777 & !crate::mode::umask();
    let current = fs::stat(target)?;
    if wanted & 0o700 != 0o700 && current.mode & 0o777 != wanted {
        fs::chmod(target, wanted)?;
    }
    Ok(())
}

/// The name that a source gets: `target`, or its own name in `target` if that is a directory.
pub fn target_name(source: &[u8], target: &[u8], into: bool) -> Vec<u8> {
    if into {
        posix::join(target, posix::basename(source))
    } else {
        target.to_vec()
    }
}

/// Removes a file or a directory with all that is in it. Errors are told unless nothing is there
/// and `force`; whether there were none.
pub fn remove(path: &[u8], force: bool) -> bool {
    let mut good = true;
    let walk = Walk::new(path, false);
    for item in walk {
        let (path, result) = match item {
            Err((path, error)) => (path, Err(error)),
            Ok(entry) if entry.phase == Phase::Leave => {
                let result = fs::rmdir(&entry.path);
                (entry.path, result)
            }
            Ok(entry) if entry.stat.is_directory() => continue,
            Ok(entry) => {
                let result = fs::unlink(&entry.path);
                (entry.path, result)
            }
        };
        match result {
            Ok(()) => {}
            Err(Errno::ENOENT) if force => {}
            Err(error) => {
                io::warn(&path, error);
                good = false;
            }
        }
    }
    good
}
