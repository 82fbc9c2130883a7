//! A task's names for its rights.

use crate::abi::{DEAD_NAME, FIRST_NAME, INDEX_BITS, INDEX_MASK};
use crate::error::{Error, Result};
use crate::ipc::PortId;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// The most user references that a name can have.
pub(crate) const UREFS_MAX: u32 = 0xffff;

/// What a name denotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// Nothing; its neighbours in the list of free indices, unless it is in a far block.
    Free { next: u32, previous: u32 },
    /// A send right with user references.
    Send { port: PortId, urefs: u32 },
    /// A receive right, with send rights under the same name (0: none).
    Receive { port: PortId, urefs: u32 },
    /// A send-once right.
    SendOnce { port: PortId },
    /// The port is gone.
    Dead { urefs: u32 },
    /// Nothing, as far as its task can tell: the place is kept for a spare port.
    Spare { port: PortId },
    /// A port set.
    Set,
    /// A slot that holds a kernel capability of the mach server's choice (a fault
    /// handler, an interrupt): no right, and not the task's to free.
    Reserved,
}

impl Right {
    /// Whether a capability for the port's receiver belongs to the name.
    pub(crate) fn invokes(self) -> bool {
        matches!(self, Right::Send { .. } | Right::Receive { urefs: 1.., .. })
    }
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
    /// Entries of names that their task chose far behind the others, by the number of the block.
    far: BTreeMap<usize, Vec<Entry>>,
    free: u32,
    /// Name of the send or receive right to a port that very many names denote.
    by_port: HashMap<PortId, u32, FxBuildHasher>,
    used: u32,
    /// The name that the next right gets.
    wanted: Option<u32>,
}

const END: u32 = u32::MAX;
/// Bits of a name.
const NAME_BITS: u32 = 28;
/// Entries of a block.
const BLOCK: usize = 128;

/// An entry for nothing.
const EMPTY: Entry = Entry {
    generation: 0,
    right: Right::Free { next: END, previous: END },
    previous: None,
    next: None,
    dead_name_request: None,
};

impl Space {
    pub(crate) fn new() -> Space {
        Space {
            entries: Vec::new(),
            far: BTreeMap::new(),
            free: END,
            by_port: HashMap::default(),
            used: 0,
            wanted: None,
        }
    }

    /// The next right gets this name, which [`Space::check_name`] allows.
    pub(crate) fn want(&mut self, name: Option<u32>) {
        self.wanted = name;
    }

    /// The names of a task that begins with those names of this one for which `gets` says what they
    /// denote there. Other names that are in use here denote nothing there, now and later.
    pub(crate) fn inherit(&self, gets: impl Fn(&Entry) -> Option<Right>) -> Space {
        let copy = |entry: &Entry| {
            let right = gets(entry);
            let stale = right.is_none() && !matches!(entry.right, Right::Free { .. });
            Entry {
                generation: entry.generation.wrapping_add(stale as u8),
                right: right.unwrap_or(EMPTY.right),
                ..EMPTY
            }
        };
        let far = self.far.iter().map(|(block, list)| (*block, list.iter().map(copy).collect()));
        let mut space = Space {
            entries: self.entries.iter().map(copy).collect(),
            far: far.collect(),
            ..Space::new()
        };
        for place in (0..space.entries.len()).rev() {
            if matches!(space.entries[place].right, Right::Free { .. }) {
                space.free_give(place);
            }
        }
        let ports = space.names(0).map(|(name, entry)| match entry.right {
            Right::Send { port, .. } | Right::Receive { port, .. } => (name, Some(port)),
            _ => (name, None),
        });
        let ports: Vec<(u32, Option<PortId>)> = ports.collect();
        space.used = ports.len() as u32;
        for (name, port) in ports {
            if let Some(port) = port {
                space.by_port.insert(port, name);
            }
        }
        space
    }

    /// Entries that follow each other, in use or not.
    pub(crate) fn places(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(crate) fn len(&self) -> u32 {
        self.used
    }

    #[inline]
    fn place(name: u32) -> Option<usize> {
        (name & INDEX_MASK)
            .checked_sub(FIRST_NAME)
            .map(|place| place as usize)
    }

    #[inline]
    fn entry(&self, place: usize) -> Option<&Entry> {
        match self.entries.get(place) {
            None => self.far.get(&(place / BLOCK))?.get(place % BLOCK),
            entry => entry,
        }
    }

    #[inline]
    fn entry_mut(&mut self, place: usize) -> Option<&mut Entry> {
        if place < self.entries.len() {
            self.entries.get_mut(place)
        } else {
            self.far.get_mut(&(place / BLOCK))?.get_mut(place % BLOCK)
        }
    }

    /// The entry that a name denotes.
    #[inline]
    pub(crate) fn get(&self, name: u32) -> Result<&Entry> {
        let entry = Self::place(name).and_then(|place| self.entry(place));
        match entry {
            Some(entry)
                if entry.generation as u32 == name >> INDEX_BITS
                    && !matches!(entry.right, Right::Free { .. } | Right::Spare { .. }) =>
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
            .and_then(|place| self.entry_mut(place))
            .ok_or(Error::KERN_INVALID_NAME)
    }

    /// The entry at an index that is known to be in use.
    #[inline]
    pub(crate) fn at(&mut self, index: u32) -> Option<&mut Entry> {
        self.entry_mut(index.checked_sub(FIRST_NAME)? as usize)
    }

    /// The entry at an index that is known to be in use.
    #[inline]
    pub(crate) fn at_index(&self, index: u32) -> Option<&Entry> {
        self.entry(index.checked_sub(FIRST_NAME)? as usize)
    }

    /// The full name of an index in use.
    #[inline]
    pub(crate) fn name_of(&self, index: u32) -> u32 {
        let generation = self.at_index(index).map_or(0, |entry| entry.generation);
        (generation as u32) << INDEX_BITS | index
    }

    /// The name of a send or receive right to a port of which [`Space::index`] was told.
    pub(crate) fn indexed(&self, port: PortId) -> Option<u32> {
        self.by_port.get(&port).copied()
    }

    /// Notes which name denotes a port, if it is of a send or receive right.
    pub(crate) fn index(&mut self, name: u32, port: PortId) {
        if !matches!(self.get(name).map(|entry| entry.right), Ok(Right::SendOnce { .. })) {
            self.by_port.insert(port, name);
        }
    }

    /// Forgets a name that was noted.
    pub(crate) fn unindex(&mut self, name: u32, port: PortId) {
        if self.by_port.get(&port) == Some(&name) {
            self.by_port.remove(&port);
        }
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
        if let Some(name) = self.wanted.take() {
            self.insert_at(name, right);
            return Ok(name);
        }
        while self.free == END {
            self.check_room()?;
            self.grow();
        }
        let place = (self.free - FIRST_NAME) as usize;
        self.free_take(place);
        Ok(self.fill(place, right))
    }

    /// Adds an entry to the list of free ones, or those of a far block that is reached.
    fn grow(&mut self) {
        let place = self.entries.len();
        let block = match self.far.remove(&(place / BLOCK)) {
            Some(block) if place.is_multiple_of(BLOCK) => block,
            _ => alloc::vec![EMPTY],
        };
        self.entries.extend(block);
        for place in (place..self.entries.len()).rev() {
            if matches!(self.entries[place].right, Right::Free { .. }) {
                self.free_give(place);
            }
        }
    }

    /// Puts an entry in front of the list of free ones.
    fn free_give(&mut self, place: usize) {
        let (index, next) = (place as u32 + FIRST_NAME, self.free);
        self.entries[place].right = Right::Free { next, previous: END };
        if next != END
            && let Right::Free { previous, .. } = &mut self.entries[(next - FIRST_NAME) as usize].right
        {
            *previous = index;
        }
        self.free = index;
    }

    /// Takes an entry out of the list of free ones.
    fn free_take(&mut self, place: usize) {
        let Right::Free { next, previous } = self.entries[place].right else { return };
        match previous {
            END => self.free = next,
            before => {
                if let Right::Free { next: other, .. } =
                    &mut self.entries[(before - FIRST_NAME) as usize].right
                {
                    *other = next;
                }
            }
        }
        if next != END
            && let Right::Free { previous: other, .. } =
                &mut self.entries[(next - FIRST_NAME) as usize].right
        {
            *other = previous;
        }
    }

    /// Whether a name that its task chose can be given: `KERN_INVALID_VALUE` for what is no name,
    /// `KERN_NAME_EXISTS` where its index is in use. Answers whether this takes a new far block.
    pub(crate) fn check_name(&self, name: u32) -> Result<bool> {
        if name >> NAME_BITS != 0 {
            return Err(Error::KERN_INVALID_VALUE);
        }
        let place = Self::place(name).ok_or(Error::KERN_INVALID_VALUE)?;
        match self.entry(place) {
            Some(Entry { right: Right::Free { .. }, .. }) => Ok(false),
            Some(_) => Err(Error::KERN_NAME_EXISTS),
            None => Ok(place / BLOCK != self.entries.len() / BLOCK),
        }
    }

    /// Makes the entry of a name that [`Space::check_name`] allows.
    pub(crate) fn reserve(&mut self, name: u32) {
        let Some(place) = Self::place(name) else { return };
        while self.entry(place).is_none() {
            if place / BLOCK == self.entries.len() / BLOCK {
                self.grow();
            } else {
                self.far.insert(place / BLOCK, (0..BLOCK).map(|_| EMPTY).collect());
            }
        }
    }

    /// Gives a right a name that [`Space::check_name`] allows.
    pub(crate) fn insert_at(&mut self, name: u32, right: Right) {
        self.reserve(name);
        let Some(place) = Self::place(name) else { return };
        if place < self.entries.len() {
            self.free_take(place);
        }
        if let Some(entry) = self.entry_mut(place) {
            entry.generation = (name >> INDEX_BITS) as u8;
        }
        self.fill(place, right);
    }

    /// Whether somebody is to be told when a name in use is freed or dies.
    #[inline]
    pub(crate) fn is_watched(&self, name: u32) -> bool {
        self.get(name).is_ok_and(|entry| entry.dead_name_request.is_some())
    }

    /// Puts a right into an entry that is free and in no list; answers its name.
    fn fill(&mut self, place: usize, right: Right) -> u32 {
        self.used += 1;
        if let Some(entry) = self.entry_mut(place) {
            entry.right = right;
        }
        self.name_of(place as u32 + FIRST_NAME)
    }

    /// Frees a name that is in use and in no list.
    pub(crate) fn remove(&mut self, name: u32) {
        let Some(place) = Self::place(name) else { return };
        let Some(entry) = self.entry_mut(place) else { return };
        entry.right = EMPTY.right;
        // Eight bits, and the dead name stays unused.
        entry.generation = entry.generation.wrapping_add(1);
        if place < self.entries.len() {
            self.free_give(place);
        }
        self.used -= 1;
    }

    /// A name in use, which stays in its port's list, is free for its task from now on, and is kept for
    /// the port; a `fresh` one comes back as another name. Answers the name that it will be.
    #[inline]
    pub(crate) fn spare(&mut self, name: u32, port: PortId, fresh: bool) -> u32 {
        let Some(entry) = Self::place(name).and_then(|place| self.entry_mut(place)) else { return 0 };
        entry.right = Right::Spare { port };
        entry.generation = entry.generation.wrapping_add(fresh as u8);
        let generation = entry.generation;
        self.used -= 1;
        (generation as u32) << INDEX_BITS | name & INDEX_MASK
    }

    /// A name that was kept for a port is in use again.
    #[inline]
    pub(crate) fn revive(&mut self, name: u32, right: Right) {
        self.set(name, right);
        self.used += 1;
    }

    /// Changes what a name in use denotes.
    #[inline]
    pub(crate) fn set(&mut self, name: u32, right: Right) {
        let Some(place) = Self::place(name) else {
            return;
        };
        if let Some(entry) = self.entry_mut(place) {
            entry.right = right;
        }
    }

    /// All names in use, from an index on.
    pub(crate) fn names(&self, from: u32) -> impl Iterator<Item = (u32, &Entry)> {
        self.places_taken(from).filter(|(_, entry)| !matches!(entry.right, Right::Spare { .. }))
    }

    /// The same, with those that are kept for spare ports.
    pub(crate) fn places_taken(&self, from: u32) -> impl Iterator<Item = (u32, &Entry)> {
        let start = from.saturating_sub(FIRST_NAME) as usize;
        let far = self.far.range(start / BLOCK..).flat_map(move |(block, entries)| {
            let first = block * BLOCK;
            entries.iter().enumerate().map(move |(at, entry)| (first + at, entry))
        });
        let near = self.entries.iter().enumerate().skip(start);
        near.chain(far)
            .filter(move |(place, entry)| {
                *place >= start && !matches!(entry.right, Right::Free { .. })
            })
            .map(|(place, entry)| {
                let index = place as u32 + FIRST_NAME;
                ((entry.generation as u32) << INDEX_BITS | index, entry)
            })
    }
}

/// Whether a word is a name that could denote something.
#[inline]
pub(crate) fn is_valid(name: u32) -> bool {
    name != 0 && name != DEAD_NAME
}
