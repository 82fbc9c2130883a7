//! The entries of a directory: by name, and in an order that stays while entries come and go.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

/// Names to `T`, with a number for each entry by which a reader of the directory goes on.
///
/// An entry's number never changes and no later entry gets it or a lower one, so a reader that
/// continues behind the number of the entry it saw last meets every entry that was there all the
/// time exactly once.
#[derive(Debug)]
pub struct Directory<T> {
    by_name: BTreeMap<Arc<[u8]>, (u64, T)>,
    by_number: BTreeMap<u64, Arc<[u8]>>,
    next: u64,
}

impl<T> Default for Directory<T> {
    fn default() -> Directory<T> {
        Directory {
            by_name: BTreeMap::new(),
            by_number: BTreeMap::new(),
            next: 0,
        }
    }
}

impl<T> Directory<T> {
    /// What the name stands for.
    pub fn get(&self, name: &[u8]) -> Option<&T> {
        self.by_name.get(name).map(|(_, value)| value)
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Adds an entry; one of the same name keeps its number, and what it stood for is answered.
    pub fn insert(&mut self, name: &[u8], value: T) -> Option<T> {
        if let Some((_, old)) = self.by_name.get_mut(name) {
            return Some(core::mem::replace(old, value));
        }
        let name: Arc<[u8]> = name.into();
        let number = self.next;
        self.next += 1;
        self.by_number.insert(number, name.clone());
        self.by_name.insert(name, (number, value));
        None
    }

    /// Removes an entry.
    pub fn remove(&mut self, name: &[u8]) -> Option<T> {
        let (number, value) = self.by_name.remove(name)?;
        self.by_number.remove(&number);
        Some(value)
    }

    /// The entries from number `from` on, with their numbers.
    pub fn from(&self, from: u64) -> impl Iterator<Item = (u64, &[u8], &T)> {
        self.by_number.range(from..).filter_map(|(&number, name)| {
            self.by_name
                .get(name)
                .map(|(_, value)| (number, &**name, value))
        })
    }
}
