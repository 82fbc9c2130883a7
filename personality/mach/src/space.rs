//! A task's names for its rights.

use crate::abi::{DEAD_NAME, FIRST_NAME, INDEX_BITS, INDEX_MASK};
use crate::error::{Error, Result};
use crate::ipc::PortId;
use alloc::vec::Vec;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// The most user references that a name can have.
pub(crate) const UREFS_MAX: u32 = 0xffff;

/// What a name denotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// Nothing; the next free index.
    Free { next: u32 },
    /// A send right with user references.
    Send { port: PortId, urefs: u32 },
    /// A receive right, with send rights under the same name (0: none).
    Receive { port: PortId, urefs: u32 },
    /// A send-once right.
    SendOnce { port: PortId },
    /// The port is gone.
    Dead { urefs: u32 },
    /// A port set.
    Set,
    /// A slot that holds a kernel capability of the mach server's choice (a fault
    /// handler, an interrupt): no right, and not the task's to free.
    Reserved,
}

/// One name.
pub(crate) struct Entry {
    generation: u8,
    pub(crate) right: Right,
    /// Neighbours in the list of names that denote the same port: (task index, name index).
    pub(crate) previous: Option<(u32, u32)>,
    pub(crate) next: Option<(u32, u32)>,
    /// Where the dead-name notification goes (a send-once right).
    pub(crate) dead_name_request: Option<PortId>,
}

/// The names of one task.
pub(crate) struct Space {
    entries: Vec<Entry>,
    free: u32,
    /// Name of the port's send or receive right, if there is one.
    by_port: HashMap<PortId, u32, FxBuildHasher>,
    used: u32,
}

const END: u32 = u32::MAX;

impl Space {
    pub(crate) fn new() -> Space {
        Space {
            entries: Vec::new(),
            free: END,
            by_port: HashMap::default(),
            used: 0,
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.used
    }

    fn place(name: u32) -> Option<usize> {
        (name & INDEX_MASK)
            .checked_sub(FIRST_NAME)
            .map(|place| place as usize)
    }

    fn name_at(&self, place: usize) -> u32 {
        (self.entries[place].generation as u32) << INDEX_BITS | (place as u32 + FIRST_NAME)
    }

    /// The entry that a name denotes.
    #[inline]
    pub(crate) fn get(&self, name: u32) -> Result<&Entry> {
        let entry = Self::place(name).and_then(|place| self.entries.get(place));
        match entry {
            Some(entry)
                if entry.generation as u32 == name >> INDEX_BITS
                    && !matches!(entry.right, Right::Free { .. }) =>
            {
                Ok(entry)
            }
            _ => Err(Error::KERN_INVALID_NAME),
        }
    }

    /// The entry that a name denotes.
    #[inline]
    pub(crate) fn get_mut(&mut self, name: u32) -> Result<&mut Entry> {
        self.get(name)?;
        Self::place(name)
            .and_then(|place| self.entries.get_mut(place))
            .ok_or(Error::KERN_INVALID_NAME)
    }

    /// The entry at an index that is known to be in use.
    pub(crate) fn at(&mut self, index: u32) -> Option<&mut Entry> {
        self.entries
            .get_mut(index.checked_sub(FIRST_NAME)? as usize)
    }

    /// The entry at an index that is known to be in use.
    pub(crate) fn at_index(&self, index: u32) -> Option<&Entry> {
        self.entries.get(index.checked_sub(FIRST_NAME)? as usize)
    }

    /// The full name of an index in use.
    pub(crate) fn name_of(&self, index: u32) -> u32 {
        self.name_at((index - FIRST_NAME) as usize)
    }

    /// The name of a send or receive right to the port.
    #[inline]
    pub(crate) fn find(&self, port: PortId) -> Option<u32> {
        self.by_port.get(&port).copied()
    }

    /// Whether there is an index for one more name.
    pub(crate) fn check_room(&self) -> Result<()> {
        if self.free == END && self.entries.len() as u32 + FIRST_NAME > INDEX_MASK {
            return Err(Error::KERN_NO_SPACE);
        }
        Ok(())
    }

    /// A new name for a right. Coalescing is the caller's business.
    pub(crate) fn insert(&mut self, right: Right) -> Result<u32> {
        let place = if self.free != END {
            let place = (self.free - FIRST_NAME) as usize;
            if let Right::Free { next } = self.entries[place].right {
                self.free = next;
            }
            self.entries[place].right = right;
            place
        } else {
            self.check_room()?;
            self.entries.push(Entry {
                generation: 0,
                right,
                previous: None,
                next: None,
                dead_name_request: None,
            });
            self.entries.len() - 1
        };
        self.used += 1;
        let name = self.name_at(place);
        if let Right::Send { port, .. } | Right::Receive { port, .. } = right {
            self.by_port.insert(port, name);
        }
        Ok(name)
    }

    /// Frees a name that is in use and in no list.
    pub(crate) fn remove(&mut self, name: u32) {
        let Some(place) = Self::place(name) else {
            return;
        };
        let free = self.free;
        let Some(entry) = self.entries.get_mut(place) else {
            return;
        };
        if let Right::Send { port, .. } | Right::Receive { port, .. } = entry.right {
            self.by_port.remove(&port);
        }
        entry.right = Right::Free { next: free };
        // Eight bits, and the dead name stays unused.
        entry.generation = entry.generation.wrapping_add(1);
        self.free = place as u32 + FIRST_NAME;
        self.used -= 1;
    }

    /// Changes what a name in use denotes.
    pub(crate) fn set(&mut self, name: u32, right: Right) {
        let Some(place) = Self::place(name) else {
            return;
        };
        if let Some(old) = self.entries.get(place).and_then(|entry| match entry.right {
            Right::Send { port, .. } | Right::Receive { port, .. } => Some(port),
            _ => None,
        }) {
            self.by_port.remove(&old);
        }
        if let Right::Send { port, .. } | Right::Receive { port, .. } = right {
            self.by_port.insert(port, name);
        }
        if let Some(entry) = self.entries.get_mut(place) {
            entry.right = right;
        }
    }

    /// All names in use, from an index on.
    pub(crate) fn names(&self, from: u32) -> impl Iterator<Item = (u32, &Entry)> {
        let start = from.saturating_sub(FIRST_NAME) as usize;
        (start..self.entries.len())
            .filter(|&place| !matches!(self.entries[place].right, Right::Free { .. }))
            .map(|place| (self.name_at(place), &self.entries[place]))
    }
}

/// Whether a word is a name that could denote something.
pub(crate) fn is_valid(name: u32) -> bool {
    name != 0 && name != DEAD_NAME
}
