//! A table that grows without moving what it holds: no entry is ever copied for others to fit.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// Log2 of the entries of one segment.
const BITS: usize = 7;
const MASK: usize = (1 << BITS) - 1;

/// The table. Behind the entries that were added, some are there already and have their default.
pub struct Segments<T> {
    segments: Vec<Box<[T; 1 << BITS]>>,
    length: usize,
}

impl<T: Default> Default for Segments<T> {
    fn default() -> Self {
        Segments::new()
    }
}

impl<T: Default> Segments<T> {
    /// An empty table.
    pub const fn new() -> Self {
        Segments { segments: Vec::new(), length: 0 }
    }

    /// How many entries were added.
    #[inline]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds an entry behind the others.
    pub fn push(&mut self, value: T) {
        if self.length & MASK == 0 {
            let segment: Vec<T> = (0..1 << BITS).map(|_| T::default()).collect();
            if let Ok(segment) = segment.into_boxed_slice().try_into() {
                self.segments.push(segment);
            }
        }
        let place = self.length;
        self.length += 1;
        self[place] = value;
    }

    /// An entry by its place.
    #[inline]
    pub fn get(&self, place: usize) -> Option<&T> {
        self.segments.get(place >> BITS).map(|segment| &segment[place & MASK])
    }

    /// An entry by its place.
    #[inline]
    pub fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.segments.get_mut(place >> BITS).map(|segment| &mut segment[place & MASK])
    }

    /// The entries that were added, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.segments.iter().flat_map(|segment| segment.iter()).take(self.length)
    }
}

impl<T> Index<usize> for Segments<T> {
    type Output = T;
    #[inline]
    fn index(&self, place: usize) -> &T {
        &self.segments[place >> BITS][place & MASK]
    }
}

impl<T> IndexMut<usize> for Segments<T> {
    #[inline]
    fn index_mut(&mut self, place: usize) -> &mut T {
        &mut self.segments[place >> BITS][place & MASK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_places() {
        let mut table = Segments::new();
        for place in 0..1000 {
            assert_eq!(table.get(place).copied().unwrap_or_default(), 0);
            table.push(place);
            assert_eq!(table.len(), place + 1);
        }
        table[500] = 7;
        if let Some(entry) = table.get_mut(128) {
            *entry = 9;
        }
        let expected = (0..1000).map(|place| match place {
            500 => 7,
            128 => 9,
            place => place,
        });
        assert!(table.iter().copied().eq(expected));
        assert_eq!(table.get(1024), None);
    }
}
