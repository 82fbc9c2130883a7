//! A growing table whose handles carry a generation, so that a stale one is caught.

use crate::segments::Segments;
use core::marker::PhantomData;

/// A handle to an entry of a [`Slab`] of `T`: index and generation.
pub struct Id<T> {
    /// Place in the table.
    pub index: u32,
    /// How often the place was freed before.
    pub generation: u32,
    marker: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// A handle from its parts; it may name nothing.
    pub const fn new(index: u32, generation: u32) -> Self {
        Id {
            index,
            generation,
            marker: PhantomData,
        }
    }

    /// Both parts in one word, index in the low half.
    pub const fn to_word(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// The inverse of [`Id::to_word`].
    pub const fn from_word(word: u64) -> Self {
        Id::new(word as u32, (word >> 32) as u32)
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && self.generation == other.generation
    }
}
impl<T> Eq for Id<T> {}
impl<T> core::hash::Hash for Id<T> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.to_word().hash(state);
    }
}
impl<T> core::fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "#{}.{}", self.index, self.generation)
    }
}

enum Place<T> {
    Free { next: u32 },
    Used(T),
}

impl<T> Default for Place<T> {
    fn default() -> Self {
        Place::Free { next: u32::MAX }
    }
}

/// The table.
pub struct Slab<T> {
    places: Segments<(u32, Place<T>)>,
    free: u32,
    used: u32,
}

const END: u32 = u32::MAX;

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab {
            places: Segments::new(),
            free: END,
            used: 0,
        }
    }
}

impl<T> Slab<T> {
    /// How many entries are in use.
    pub fn len(&self) -> usize {
        self.used as usize
    }

    /// How many places there are, in use or not.
    pub(crate) fn places(&self) -> u32 {
        self.places.len() as u32
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Adds an entry; it is built with the handle that it will have.
    pub fn insert_with(&mut self, build: impl FnOnce(Id<T>) -> T) -> Id<T> {
        self.used += 1;
        if self.free == END {
            let id = Id::new(self.places.len() as u32, 0);
            self.places.push((0, Place::Used(build(id))));
            return id;
        }
        let index = self.free;
        let (generation, place) = &mut self.places[index as usize];
        if let Place::Free { next } = place {
            self.free = *next;
        }
        let id = Id::new(index, *generation);
        *place = Place::Used(build(id));
        id
    }

    /// The handle that the next entry will have.
    pub fn next(&self) -> Id<T> {
        match self.places.get(self.free as usize) {
            Some((generation, _)) if self.free != END => Id::new(self.free, *generation),
            _ => Id::new(self.places.len() as u32, 0),
        }
    }

    /// Adds an entry.
    pub fn insert(&mut self, value: T) -> Id<T> {
        self.insert_with(|_| value)
    }

    /// The entry, if the handle is current.
    #[inline]
    pub fn get(&self, id: Id<T>) -> Option<&T> {
        match self.places.get(id.index as usize) {
            Some((generation, Place::Used(value))) if *generation == id.generation => Some(value),
            _ => None,
        }
    }

    /// The entry, if the handle is current.
    #[inline]
    pub fn get_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        match self.places.get_mut(id.index as usize) {
            Some((generation, Place::Used(value))) if *generation == id.generation => Some(value),
            _ => None,
        }
    }

    /// The current handle of a place, whatever its generation.
    pub fn at(&self, index: u32) -> Option<Id<T>> {
        match self.places.get(index as usize) {
            Some((generation, Place::Used(_))) => Some(Id::new(index, *generation)),
            _ => None,
        }
    }

    /// Takes the entry out; its handle is stale from now on.
    pub fn remove(&mut self, id: Id<T>) -> Option<T> {
        let (place, free) = self.leave(id)?;
        match core::mem::replace(place, free) {
            Place::Used(value) => Some(value),
            Place::Free { .. } => None,
        }
    }

    /// The same for an entry that nobody wants: it is dropped where it is.
    #[inline]
    pub fn discard(&mut self, id: Id<T>) {
        if let Some((place, free)) = self.leave(id) {
            *place = free;
        }
    }

    /// The place of an entry whose handle is stale from now on, and what it is to hold.
    #[inline]
    fn leave(&mut self, id: Id<T>) -> Option<(&mut Place<T>, Place<T>)> {
        let (generation, place) = self.places.get_mut(id.index as usize)?;
        if *generation != id.generation || matches!(place, Place::Free { .. }) {
            return None;
        }
        *generation = generation.wrapping_add(1);
        self.used -= 1;
        let next = core::mem::replace(&mut self.free, id.index);
        Some((place, Place::Free { next }))
    }

    /// All entries, in order of their places.
    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        self.places
            .iter()
            .enumerate()
            .filter_map(|(index, (generation, place))| match place {
                Place::Used(value) => Some((Id::new(index as u32, *generation), value)),
                Place::Free { .. } => None,
            })
    }
}
