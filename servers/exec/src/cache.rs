//! Programs that were executed lately, so that running one again reads no file and copies no text.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use crate::program::Program;

/// What tells one state of a file from all others.
///
/// A file server says what it likes about its files, but only about its own: the server's task
/// comes from the mach server, so that none can pass a file off as another server's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Identity {
    /// The task that serves the file.
    pub server: u32,
    /// The file system.
    pub fsid: u64,
    /// The file's number.
    pub ino: u64,
    /// How often the number was used.
    pub generation: u32,
    /// Bytes of the file.
    pub size: u64,
    /// Last change of the contents, in seconds and nanoseconds.
    pub modified: (i64, i64),
    /// Last change of anything.
    pub changed: (i64, i64),
}

struct Entry<O> {
    program: Arc<Program<O>>,
    used: u64,
}

/// The programs used last, up to a number of bytes.
pub struct Cache<O> {
    entries: BTreeMap<Identity, Entry<O>>,
    by_use: BTreeMap<u64, Identity>,
    bytes: u64,
    limit: u64,
    clock: u64,
}

impl<O> Cache<O> {
    /// An empty cache for `limit` bytes of programs.
    pub const fn new(limit: u64) -> Self {
        Self {
            entries: BTreeMap::new(),
            by_use: BTreeMap::new(),
            bytes: 0,
            limit,
            clock: 0,
        }
    }

    /// Bytes that are kept.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The program of this file.
    pub fn get(&mut self, identity: &Identity) -> Option<Arc<Program<O>>> {
        let entry = self.entries.get_mut(identity)?;
        self.clock += 1;
        self.by_use.remove(&entry.used);
        self.by_use.insert(self.clock, *identity);
        entry.used = self.clock;
        Some(entry.program.clone())
    }

    /// Keeps a program, at the cost of those that were used longest ago. Older states of
    /// the file go at once.
    pub fn insert(&mut self, identity: Identity, program: Arc<Program<O>>) {
        let size = program.shared_bytes();
        if size > self.limit {
            return;
        }
        let older: Option<Identity> = self
            .entries
            .keys()
            .find(|key| {
                (key.server, key.fsid, key.ino) == (identity.server, identity.fsid, identity.ino)
            })
            .copied();
        if let Some(older) = older {
            self.remove(&older);
        }
        while self.bytes + size > self.limit {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                break;
            };
            self.remove(&oldest);
        }
        self.clock += 1;
        self.bytes += size;
        self.by_use.insert(self.clock, identity);
        self.entries.insert(
            identity,
            Entry {
                program,
                used: self.clock,
            },
        );
    }

    fn remove(&mut self, identity: &Identity) {
        if let Some(entry) = self.entries.remove(identity) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.program.shared_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::program_of_pages;

    fn file(ino: u64, changed: i64) -> Identity {
        Identity {
            server: 3,
            fsid: 1,
            ino,
            generation: 0,
            size: 9,
            modified: (changed, 0),
            changed: (changed, 0),
        }
    }

    #[test]
    fn the_program_used_longest_ago_goes_first() {
        let mut cache = Cache::<u32>::new(3 * 4096);
        for ino in 1..=3 {
            cache.insert(file(ino, 0), Arc::new(program_of_pages(1)));
        }
        assert!(cache.get(&file(1, 0)).is_some());
        cache.insert(file(4, 0), Arc::new(program_of_pages(1)));
        assert!(cache.get(&file(2, 0)).is_none());
        assert!(cache.get(&file(1, 0)).is_some());
        assert_eq!(cache.bytes(), 3 * 4096);
    }

    #[test]
    fn another_state_of_a_file_is_another_program_and_replaces_it() {
        let mut cache = Cache::<u32>::new(10 * 4096);
        cache.insert(file(1, 0), Arc::new(program_of_pages(2)));
        assert!(cache.get(&file(1, 5)).is_none());
        cache.insert(file(1, 5), Arc::new(program_of_pages(1)));
        assert!(cache.get(&file(1, 0)).is_none());
        assert_eq!(cache.bytes(), 4096);
        let other_server = Identity {
            server: 4,
            ..file(1, 5)
        };
        assert!(cache.get(&other_server).is_none());
    }

    #[test]
    fn what_is_too_large_is_not_kept() {
        let mut cache = Cache::<u32>::new(4096);
        cache.insert(file(1, 0), Arc::new(program_of_pages(1)));
        cache.insert(file(2, 0), Arc::new(program_of_pages(2)));
        assert!(cache.get(&file(1, 0)).is_some());
        assert!(cache.get(&file(2, 0)).is_none());
    }
}
