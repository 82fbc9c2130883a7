//! A map of bounded size that forgets what was not used for longest.
//!
//! Every operation takes constant time: entries lie in a slab, chained by hash and by order of use.

use alloc::vec;
use alloc::vec::Vec;

/// No entry: the end of a chain.
const NONE: u32 = u32::MAX;

struct Entry<V> {
    key: u64,
    value: V,
    newer: u32,
    older: u32,
    /// The next entry whose key has the same hash.
    chain: u32,
}

/// A map from `u64` to `V` with room for a fixed number of entries.
pub(crate) struct LruMap<V> {
    entries: Vec<Entry<V>>,
    buckets: Vec<u32>,
    newest: u32,
    oldest: u32,
    capacity: usize,
}

/// Where an entry lies; valid until the next insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl<V> LruMap<V> {
    /// An empty map for `capacity` entries, at least one.
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, NONE as usize / 2);
        LruMap {
            entries: Vec::new(),
            buckets: vec![NONE; capacity.next_power_of_two()],
            newest: NONE,
            oldest: NONE,
            capacity,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    fn bucket(&self, key: u64) -> usize {
        // Fibonacci hashing: neighbouring keys, the usual case, land in different buckets.
        let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        hash as usize & (self.buckets.len() - 1)
    }

    /// Whether `key` is present; does not count as a use.
    pub(crate) fn contains(&self, key: u64) -> bool {
        self.position(key) != NONE
    }

    fn position(&self, key: u64) -> u32 {
        // What was used last is often used next.
        if self
            .entries
            .get(self.newest as usize)
            .is_some_and(|entry| entry.key == key)
        {
            return self.newest;
        }
        let mut at = self.buckets[self.bucket(key)];
        while at != NONE {
            let entry = &self.entries[at as usize];
            if entry.key == key {
                return at;
            }
            at = entry.chain;
        }
        NONE
    }

    /// Finds `key` and makes it the most recently used.
    pub(crate) fn find(&mut self, key: u64) -> Option<Slot> {
        let at = self.position(key);
        if at == NONE {
            return None;
        }
        if at != self.newest {
            self.unlink(at);
            self.link_newest(at);
        }
        Some(Slot(at))
    }

    pub(crate) fn value(&self, slot: Slot) -> &V {
        &self.entries[slot.0 as usize].value
    }

    pub(crate) fn value_mut(&mut self, slot: Slot) -> &mut V {
        &mut self.entries[slot.0 as usize].value
    }

    /// Adds an entry as the most recently used; where the map is full, the least recently used
    /// one makes room and is returned. `key` must not be present.
    pub(crate) fn insert(&mut self, key: u64, value: V) -> (Slot, Option<V>) {
        debug_assert!(!self.contains(key));
        let bucket = self.bucket(key);
        let (at, evicted) = if self.len() == self.capacity {
            let at = self.oldest;
            self.unlink(at);
            self.unchain(at);
            let entry = &mut self.entries[at as usize];
            entry.key = key;
            (at, Some(core::mem::replace(&mut entry.value, value)))
        } else {
            self.entries.push(Entry {
                key,
                value,
                newer: NONE,
                older: NONE,
                chain: NONE,
            });
            ((self.entries.len() - 1) as u32, None)
        };
        self.entries[at as usize].chain = self.buckets[bucket];
        self.buckets[bucket] = at;
        self.link_newest(at);
        (Slot(at), evicted)
    }

    /// Takes the least recently used entry out.
    pub(crate) fn pop_oldest(&mut self) -> Option<V> {
        let at = self.oldest;
        if at == NONE {
            return None;
        }
        self.unlink(at);
        self.unchain(at);
        // The last entry of the slab moves into the gap; what pointed to it must follow.
        let last = (self.entries.len() - 1) as u32;
        if at != last {
            self.unchain(last);
            let (newer, older) = (
                self.entries[last as usize].newer,
                self.entries[last as usize].older,
            );
            *self.newer_link(older) = at;
            *self.older_link(newer) = at;
        }
        let entry = self.entries.swap_remove(at as usize);
        if at != last {
            let bucket = self.bucket(self.entries[at as usize].key);
            self.entries[at as usize].chain = self.buckets[bucket];
            self.buckets[bucket] = at;
        }
        Some(entry.value)
    }

    /// The link by which `at` (or the list itself) points to the next newer entry.
    fn newer_link(&mut self, at: u32) -> &mut u32 {
        match at {
            NONE => &mut self.oldest,
            _ => &mut self.entries[at as usize].newer,
        }
    }

    /// The link by which `at` (or the list itself) points to the next older entry.
    fn older_link(&mut self, at: u32) -> &mut u32 {
        match at {
            NONE => &mut self.newest,
            _ => &mut self.entries[at as usize].older,
        }
    }

    fn unlink(&mut self, at: u32) {
        let (newer, older) = (
            self.entries[at as usize].newer,
            self.entries[at as usize].older,
        );
        *self.newer_link(older) = newer;
        *self.older_link(newer) = older;
    }

    fn link_newest(&mut self, at: u32) {
        let before = self.newest;
        let entry = &mut self.entries[at as usize];
        entry.newer = NONE;
        entry.older = before;
        *self.newer_link(before) = at;
        self.newest = at;
    }

    fn unchain(&mut self, at: u32) {
        let next = self.entries[at as usize].chain;
        let bucket = self.bucket(self.entries[at as usize].key);
        if self.buckets[bucket] == at {
            self.buckets[bucket] = next;
            return;
        }
        let mut before = self.buckets[bucket];
        while before != NONE {
            let entry = &mut self.entries[before as usize];
            if entry.chain == at {
                entry.chain = next;
                return;
            }
            before = entry.chain;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::VecDeque;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn behaves_like_a_queue_ordered_by_use(
            capacity in 1usize..9,
            operations in prop::collection::vec((0u8..8, 0u64..14), 0..200),
        ) {
            let mut map = LruMap::new(capacity);
            let mut model: VecDeque<u64> = VecDeque::new();
            for (operation, key) in operations {
                match operation {
                    0..4 => {
                        let found = map.find(key).map(|slot| *map.value(slot));
                        let expected = model.iter().position(|&k| k == key);
                        prop_assert_eq!(found, expected.map(|_| key * 10));
                        if let Some(position) = expected {
                            model.remove(position);
                            model.push_front(key);
                        }
                    }
                    4..7 => {
                        if !map.contains(key) {
                            let (slot, evicted) = map.insert(key, key * 10);
                            prop_assert_eq!(*map.value(slot), key * 10);
                            let expected = (model.len() == capacity).then(|| model.pop_back());
                            prop_assert_eq!(evicted, expected.flatten().map(|k| k * 10));
                            model.push_front(key);
                        }
                    }
                    _ => {
                        prop_assert_eq!(map.pop_oldest(), model.pop_back().map(|k| k * 10));
                    }
                }
                prop_assert_eq!(map.len(), model.len());
                for key in 0..14 {
                    prop_assert_eq!(map.contains(key), model.contains(&key));
                }
            }
        }
    }
}
