//! What belongs to pages, by their numbers: near ones lie together, so that going through a range
//! costs little.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::ops::Range;

/// Pages that lie together.
const SPAN: u64 = 32;

struct Chunk<T> {
    count: u32,
    slots: [Option<T>; SPAN as usize],
}

impl<T: Copy> Chunk<T> {
    #[inline]
    fn put(&mut self, page: u64, value: T) -> Option<T> {
        let old = self.slots[(page % SPAN) as usize].replace(value);
        self.count += old.is_none() as u32;
        old
    }
}

/// A map from page numbers.
pub(crate) struct Pages<T> {
    chunks: BTreeMap<u64, Box<Chunk<T>>>,
    len: usize,
}

/// The part of a chunk's slots that belongs to a range of pages.
fn slots(chunk: u64, range: &Range<u64>) -> Range<usize> {
    let first = chunk * SPAN;
    let within = |page: u64| page.saturating_sub(first).min(SPAN) as usize;
    within(range.start)..within(range.end)
}

fn chunks(range: &Range<u64>) -> Range<u64> {
    let start = range.start / SPAN;
    start..range.end.div_ceil(SPAN).max(start)
}

impl<T: Copy> Pages<T> {
    pub(crate) const fn new() -> Pages<T> {
        Pages { chunks: BTreeMap::new(), len: 0 }
    }

    /// How many pages have something.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many groups of near pages take memory.
    pub(crate) fn groups(&self) -> usize {
        self.chunks.len()
    }

    /// Whether something near a page takes memory for it already.
    pub(crate) fn is_near(&self, page: u64) -> bool {
        self.chunks.contains_key(&(page / SPAN))
    }

    #[inline]
    pub(crate) fn get(&self, page: u64) -> Option<T> {
        self.chunks.get(&(page / SPAN))?.slots[(page % SPAN) as usize]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, page: u64) -> Option<&mut T> {
        self.chunks.get_mut(&(page / SPAN))?.slots[(page % SPAN) as usize].as_mut()
    }

    pub(crate) fn contains(&self, page: u64) -> bool {
        self.get(page).is_some()
    }

    fn chunk_mut(&mut self, chunk: u64) -> &mut Chunk<T> {
        let empty = || Box::new(Chunk { count: 0, slots: [None; SPAN as usize] });
        self.chunks.entry(chunk).or_insert_with(empty)
    }

    /// Answers what was there before.
    pub(crate) fn insert(&mut self, page: u64, value: T) -> Option<T> {
        let old = self.chunk_mut(page / SPAN).put(page, value);
        self.len += old.is_none() as usize;
        old
    }

    pub(crate) fn remove(&mut self, page: u64) -> Option<T> {
        let mut removed = None;
        self.take(page..page + 1, |_, value| removed = Some(value));
        removed
    }

    /// In ascending order.
    pub(crate) fn range(&self, range: Range<u64>) -> impl Iterator<Item = (u64, T)> + '_ {
        self.chunks.range(chunks(&range)).flat_map(move |(at, chunk)| {
            let slots = slots(*at, &range);
            let first = at * SPAN + slots.start as u64;
            let found = chunk.slots[slots].iter().enumerate();
            found.filter_map(move |(slot, value)| Some((first + slot as u64, (*value)?)))
        })
    }

    /// The same for all of a range at once, which costs less.
    #[inline]
    pub(crate) fn for_each(&self, range: Range<u64>, mut f: impl FnMut(u64, T)) {
        for (at, chunk) in self.chunks.range(chunks(&range)) {
            let slots = slots(*at, &range);
            let first = at * SPAN + slots.start as u64;
            for (slot, value) in chunk.slots[slots].iter().enumerate() {
                if let Some(value) = value {
                    f(first + slot as u64, *value);
                }
            }
        }
    }

    pub(crate) fn range_mut(
        &mut self,
        range: Range<u64>,
    ) -> impl Iterator<Item = (u64, &mut T)> + '_ {
        self.chunks.range_mut(chunks(&range)).flat_map(move |(at, chunk)| {
            let slots = slots(*at, &range);
            let first = at * SPAN + slots.start as u64;
            let found = chunk.slots[slots].iter_mut().enumerate();
            found.filter_map(move |(slot, value)| Some((first + slot as u64, value.as_mut()?)))
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, T)> + '_ {
        self.range(0..u64::MAX)
    }

    /// Takes everything out of a range, in ascending order.
    pub(crate) fn take(&mut self, range: Range<u64>, mut f: impl FnMut(u64, T)) {
        let mut left = chunks(&range);
        while let Some((&at, chunk)) = self.chunks.range_mut(left.clone()).next() {
            let slots = slots(at, &range);
            let first = at * SPAN + slots.start as u64;
            for (slot, entry) in chunk.slots[slots].iter_mut().enumerate() {
                if let Some(value) = entry.take() {
                    chunk.count -= 1;
                    self.len -= 1;
                    f(first + slot as u64, value);
                }
            }
            if chunk.count == 0 {
                self.chunks.remove(&at);
            }
            left.start = at + 1;
        }
    }

    /// Takes something out of at most as many pages as lie together.
    pub(crate) fn take_some(&mut self, mut f: impl FnMut(T)) {
        if let Some((_, chunk)) = self.chunks.pop_last() {
            self.len -= chunk.count as usize;
            chunk.slots.into_iter().flatten().for_each(&mut f);
        }
    }
}

impl<T: Copy> Extend<(u64, T)> for Pages<T> {
    fn extend<I: IntoIterator<Item = (u64, T)>>(&mut self, pages: I) {
        let mut pages = pages.into_iter().peekable();
        while let Some((page, value)) = pages.next() {
            let chunk = self.chunk_mut(page / SPAN);
            let mut added = chunk.put(page, value).is_none() as usize;
            while let Some((next, value)) = pages.next_if(|(next, _)| next / SPAN == page / SPAN) {
                added += chunk.put(next, value).is_none() as usize;
            }
            self.len += added;
        }
    }
}

impl<T: Copy> FromIterator<(u64, T)> for Pages<T> {
    fn from_iter<I: IntoIterator<Item = (u64, T)>>(pages: I) -> Pages<T> {
        let mut made = Pages::new();
        made.extend(pages);
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((0u64..200, 0u64..80, 0u8..4), 1..300)) {
            let mut pages = Pages::new();
            let mut model = BTreeMap::new();
            for (serial, (page, count, what)) in steps.into_iter().enumerate() {
                let range = page..page + count;
                match what {
                    0 => pages.extend((page..page + count % 8).map(|page| {
                        model.insert(page, serial);
                        (page, serial)
                    })),
                    1 => prop_assert_eq!(pages.insert(page, serial), model.insert(page, serial)),
                    2 => prop_assert_eq!(pages.remove(page), model.remove(&page)),
                    _ => {
                        let mut taken = Vec::new();
                        pages.take(range.clone(), |page, value| taken.push((page, value)));
                        let expected: Vec<_> = model.range(range.clone()).map(|(page, value)| (*page, *value)).collect();
                        model.retain(|page, _| !range.contains(page));
                        prop_assert_eq!(taken, expected);
                    }
                }
                prop_assert_eq!(pages.len(), model.len());
                let groups = model.keys().map(|page| page / SPAN).collect::<BTreeSet<_>>();
                prop_assert_eq!(pages.groups(), groups.len());
                prop_assert_eq!(pages.is_near(page), groups.contains(&(page / SPAN)));
                prop_assert_eq!(pages.get(page), model.get(&page).copied());
                let found: Vec<_> = pages.range(range.clone()).collect();
                let expected: Vec<_> = model.range(range).map(|(page, value)| (*page, *value)).collect();
                let mut each = Vec::new();
                pages.for_each(page..page + count, |page, value| each.push((page, value)));
                prop_assert_eq!(&found, &expected);
                prop_assert_eq!(&each, &expected);
            }
            let mut left = model.len();
            while !pages.is_empty() {
                pages.take_some(|_| left -= 1);
            }
            prop_assert_eq!(left, 0);
        }
    }
}
