//! Walking through directories.

use alloc::vec::Vec;

use posix::fs::{self, Stat};
use posix::{Errno, join};

/// When an entry of a [`Walk`] is met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// A directory, before what is in it, or any other file.
    Enter,
    /// A directory, after what is in it.
    Leave,
}

/// A file that a [`Walk`] met.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its path, which starts with the path that the walk started from.
    pub path: Vec<u8>,
    /// What is known of it; of a link itself, unless links are followed.
    pub stat: Stat,
    /// How many directories below the start it is.
    pub depth: usize,
    /// When it is met.
    pub phase: Phase,
}

struct Frame {
    entry: Entry,
    names: Vec<Vec<u8>>,
}

/// Everything below a path, as an iterator. Needs memory for the names on the way, and no stack.
pub struct Walk {
    start: Option<Vec<u8>>,
    follow_start: bool,
    stack: Vec<Frame>,
    entered: Option<Entry>,
}

impl Walk {
    /// A walk from `path` on. With `follow`, a symbolic link at `path` is followed; links below it
    /// never are.
    pub fn new(path: &[u8], follow: bool) -> Self {
        Self {
            start: Some(path.to_vec()),
            follow_start: follow,
            stack: Vec::new(),
            entered: None,
        }
    }

    /// Leaves out what is in the directory that was met last.
    pub fn prune(&mut self) {
        self.entered = None;
    }

    fn meet(&mut self, path: Vec<u8>, depth: usize, follow: bool) -> Item {
        let stat = if follow {
            fs::stat(&path).or_else(|_| fs::lstat(&path))
        } else {
            fs::lstat(&path)
        };
        match stat {
            Ok(stat) => {
                let entry = Entry {
                    path,
                    stat,
                    depth,
                    phase: Phase::Enter,
                };
                self.entered = stat.is_directory().then(|| entry.clone());
                Ok(entry)
            }
            Err(error) => Err((path, error)),
        }
    }

    /// Reads the directory that was met last.
    fn descend(&mut self, entry: Entry) -> Result<(), (Vec<u8>, Errno)> {
        let path = entry.path.clone();
        self.stack.push(Frame {
            entry,
            names: Vec::new(),
        });
        let mut names = Vec::new();
        for found in fs::read_dir(&path).map_err(|error| (path.clone(), error))? {
            let name = found.map_err(|error| (path.clone(), error))?.name;
            if name != b"." && name != b".." {
                names.push(name);
            }
        }
        // The last is taken first.
        names.sort_by(|a, b| b.cmp(a));
        if let Some(frame) = self.stack.last_mut() {
            frame.names = names;
        }
        Ok(())
    }
}

type Item = Result<Entry, (Vec<u8>, Errno)>;

impl Iterator for Walk {
    /// A file, or the path of one that could not be looked at and why.
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if let Some(path) = self.start.take() {
            return Some(self.meet(path, 0, self.follow_start));
        }
        if let Some(entry) = self.entered.take()
            && let Err(problem) = self.descend(entry)
        {
            return Some(Err(problem));
        }
        let frame = self.stack.last_mut()?;
        match frame.names.pop() {
            Some(name) => {
                let path = join(&frame.entry.path, &name);
                let depth = frame.entry.depth + 1;
                Some(self.meet(path, depth, false))
            }
            None => {
                let frame = self.stack.pop()?;
                Some(Ok(Entry {
                    phase: Phase::Leave,
                    ..frame.entry
                }))
            }
        }
    }
}
