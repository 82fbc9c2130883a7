//! What belongs to pages, by their numbers: near ones lie together, so that going through a range
//! costs little.
//!
//! Maps can have groups of near pages in common. What is in a group has that group as its one holder,
//! however many maps have it; who changes a common group gets one of her own before, and `keep` is
//! called for each value that has a holder more by that. Where nothing is ever shared, it is `drop`.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use core::ops::Range;

/// Pages that lie together.
const SPAN: u64 = 32;

#[derive(Clone)]
struct Chunk<T> {
    /// Slots that something was put into, or that were lent to be changed, since it was forgotten.
    noted: u32,
    count: u32,
    slots: [Option<T>; SPAN as usize],
}

impl<T: Copy> Chunk<T> {
    #[inline]
    fn put(&mut self, page: u64, value: T) -> Option<T> {
        let slot = (page % SPAN) as usize;
        let old = self.slots[slot].replace(value);
        self.count += old.is_none() as u32;
        self.noted |= 1 << slot;
        old
    }

    /// Whether nothing is in other slots.
    fn is_within(&self, slots: Range<usize>) -> bool {
        slots.len() as u64 == SPAN || self.values(slots).count() == self.count as usize
    }

    fn values(&self, slots: Range<usize>) -> impl Iterator<Item = T> + '_ {
        self.slots[slots].iter().flatten().copied()
    }
}

/// A map from page numbers.
pub(crate) struct Pages<T> {
    chunks: BTreeMap<u64, Rc<Chunk<T>>>,
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

/// The bits of some slots.
fn bits(slots: &Range<usize>) -> u32 {
    ((1u64 << slots.end) - (1u64 << slots.start)) as u32
}

/// A chunk that is not in common with another map; afterwards it is not.
#[inline]
fn own<T: Copy>(chunk: &mut Rc<Chunk<T>>, mut keep: impl FnMut(T)) -> &mut Chunk<T> {
    if Rc::strong_count(chunk) > 1 {
        chunk.values(0..SPAN as usize).for_each(&mut keep);
    }
    Rc::make_mut(chunk)
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

    /// How many pages of a range have something.
    pub(crate) fn count(&self, range: Range<u64>) -> usize {
        let found = self.chunks.range(chunks(&range)).map(|(at, chunk)| {
            let slots = slots(*at, &range);
            if slots.len() as u64 == SPAN { chunk.count as usize } else { chunk.values(slots).count() }
        });
        found.sum()
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
        self.get_common(page).map(|(value, _)| value)
    }

    /// What a page has, and whether it has that in common with other maps.
    #[inline]
    pub(crate) fn get_common(&self, page: u64) -> Option<(T, bool)> {
        let chunk = self.chunks.get(&(page / SPAN))?;
        let value = chunk.slots[(page % SPAN) as usize]?;
        Some((value, Rc::strong_count(chunk) > 1))
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, page: u64, keep: impl FnMut(T)) -> Option<&mut T> {
        let chunk = own(self.chunks.get_mut(&(page / SPAN))?, keep);
        let slot = (page % SPAN) as usize;
        chunk.noted |= 1 << slot;
        chunk.slots[slot].as_mut()
    }

    pub(crate) fn contains(&self, page: u64) -> bool {
        self.get(page).is_some()
    }

    /// Answers what was there before.
    pub(crate) fn insert(&mut self, page: u64, value: T, keep: impl FnMut(T)) -> Option<T> {
        let empty = || Rc::new(Chunk { noted: 0, count: 0, slots: [None; SPAN as usize] });
        let chunk = self.chunks.entry(page / SPAN).or_insert_with(empty);
        let old = own(chunk, keep).put(page, value);
        self.len += old.is_none() as usize;
        old
    }

    /// Takes one page out, which is the taker's then.
    pub(crate) fn remove(&mut self, page: u64, keep: impl FnMut(T)) -> Option<T> {
        let chunk = self.chunks.get_mut(&(page / SPAN))?;
        own(chunk, keep);
        let mut removed = None;
        self.take(page..page + 1, drop, |_, value| removed = Some(value));
        removed
    }

    /// The first page of a range that has something.
    pub(crate) fn first(&self, range: Range<u64>) -> Option<u64> {
        self.chunks.range(chunks(&range)).find_map(|(at, chunk)| {
            let slots = slots(*at, &range);
            let first = chunk.slots[slots.clone()].iter().position(Option::is_some)?;
            Some(at * SPAN + (slots.start + first) as u64)
        })
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

    /// What was put into a range or lent to be changed there, since the range was forgotten.
    pub(crate) fn for_each_noted(&self, range: Range<u64>, mut f: impl FnMut(u64, T)) {
        for (at, chunk) in self.chunks.range(chunks(&range)) {
            let mut noted = chunk.noted & bits(&slots(*at, &range));
            while noted != 0 {
                let slot = noted.trailing_zeros() as usize;
                noted &= noted - 1;
                if let Some(value) = chunk.slots[slot] {
                    f(at * SPAN + slot as u64, value);
                }
            }
        }
    }

    /// Nothing of a range is noted any more.
    pub(crate) fn forget_noted(&mut self, range: Range<u64>) {
        for (at, chunk) in self.chunks.range_mut(chunks(&range)) {
            let noted = bits(&slots(*at, &range));
            if chunk.noted & noted != 0
                && let Some(chunk) = Rc::get_mut(chunk)
            {
                chunk.noted &= !noted;
            }
        }
    }

    /// All of a range, of a map that has nothing in common with another one.
    pub(crate) fn range_mut(
        &mut self,
        range: Range<u64>,
    ) -> impl Iterator<Item = (u64, &mut T)> + '_ {
        self.chunks.range_mut(chunks(&range)).flat_map(move |(at, chunk)| {
            let slots = slots(*at, &range);
            let first = at * SPAN + slots.start as u64;
            let found = Rc::get_mut(chunk).into_iter();
            let found = found.flat_map(move |chunk| chunk.slots[slots.clone()].iter_mut().enumerate());
            found.filter_map(move |(slot, value)| Some((first + slot as u64, value.as_mut()?)))
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, T)> + '_ {
        self.range(0..u64::MAX)
    }

    /// Takes everything out of a range, in ascending order; `f` gets what no other map has.
    pub(crate) fn take(
        &mut self,
        range: Range<u64>,
        mut keep: impl FnMut(T),
        mut f: impl FnMut(u64, T),
    ) {
        let mut left = chunks(&range);
        while let Some((&at, chunk)) = self.chunks.range_mut(left.clone()).next() {
            let slots = slots(at, &range);
            let first = at * SPAN + slots.start as u64;
            if Rc::strong_count(chunk) > 1 && chunk.is_within(slots.clone()) {
                self.len -= chunk.count as usize;
                self.chunks.remove(&at);
            } else {
                let chunk = own(chunk, &mut keep);
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
            }
            left.start = at + 1;
        }
    }

    /// Takes something out of at most as many pages as lie together, which `f` gets, and a few groups
    /// that other maps have, too.
    pub(crate) fn take_some(&mut self, f: impl FnMut(T)) {
        for _ in 0..SPAN {
            let Some((_, chunk)) = self.chunks.pop_last() else { return };
            self.len -= chunk.count as usize;
            if let Some(chunk) = Rc::into_inner(chunk) {
                chunk.slots.into_iter().flatten().for_each(f);
                return;
            }
        }
    }

    /// Puts what another map has in a range into this one, which has nothing there, from `at` on:
    /// whole groups in common, other pages one by one.
    pub(crate) fn share(
        &mut self,
        from: &Pages<T>,
        range: Range<u64>,
        at: u64,
        mut keep: impl FnMut(T),
    ) {
        let is_aligned = range.start.abs_diff(at).is_multiple_of(SPAN);
        let was_empty = self.is_empty();
        for (place, chunk) in from.chunks.range(chunks(&range)) {
            let slots = slots(*place, &range);
            let first = (place * SPAN + slots.start as u64) - range.start + at;
            if is_aligned
                && chunk.is_within(slots.clone())
                && (was_empty || !self.is_near(first))
            {
                self.chunks.insert(first / SPAN, chunk.clone());
                self.len += chunk.count as usize;
                continue;
            }
            for (slot, value) in chunk.slots[slots].iter().enumerate() {
                if let Some(value) = value {
                    keep(*value);
                    self.insert(first + slot as u64, *value, &mut keep);
                }
            }
        }
    }
}

impl<T: Copy> FromIterator<(u64, T)> for Pages<T> {
    fn from_iter<I: IntoIterator<Item = (u64, T)>>(pages: I) -> Pages<T> {
        let mut made = Pages::new();
        for (page, value) in pages {
            made.insert(page, value, drop);
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;
    use core::cell::RefCell;
    use proptest::prelude::*;

    /// How many holders each value has.
    type Holders = RefCell<BTreeMap<usize, i32>>;

    fn keep(holders: &Holders) -> impl FnMut(usize) + '_ {
        |value| *holders.borrow_mut().entry(value).or_default() += 1
    }

    fn give(holders: &Holders, value: usize) {
        *holders.borrow_mut().entry(value).or_default() -= 1;
    }

    proptest! {
        #[test]
        fn it_is_a_map(
            steps in prop::collection::vec((0usize..3, 0u64..200, 0u64..80, 0u8..7, 0usize..3, 0u64..200), 1..300)
        ) {
            let holders = Holders::default();
            let mut all: [(Pages<usize>, BTreeMap<u64, usize>, BTreeSet<u64>); 3] =
                core::array::from_fn(|_| (Pages::new(), BTreeMap::new(), BTreeSet::new()));
            for (serial, (which, page, count, what, other, at)) in steps.into_iter().enumerate() {
                let range = page..page + count;
                match what {
                    0 => for page in page..page + count % 8 {
                        keep(&holders)(serial);
                        let (pages, model, noted) = &mut all[which];
                        noted.insert(page);
                        let old = pages.insert(page, serial, keep(&holders));
                        prop_assert_eq!(old, model.insert(page, serial));
                        old.into_iter().for_each(|old| give(&holders, old));
                    },
                    1 => {
                        let (pages, model, _) = &mut all[which];
                        let old = pages.remove(page, keep(&holders));
                        prop_assert_eq!(old, model.remove(&page));
                        old.into_iter().for_each(|old| give(&holders, old));
                    }
                    2 => {
                        let (pages, model, _) = &mut all[which];
                        let mut taken = Vec::new();
                        pages.take(range.clone(), keep(&holders), |page, value| taken.push((page, value)));
                        for (page, value) in &taken {
                            prop_assert_eq!(model.get(page), Some(value));
                            give(&holders, *value);
                        }
                        prop_assert!(taken.is_sorted());
                        model.retain(|page, _| !range.contains(page));
                    }
                    3 => {
                        let (pages, model, noted) = &mut all[which];
                        let found = pages.get_mut(page, keep(&holders));
                        if let Some(old) = model.get_mut(&page) {
                            keep(&holders)(serial);
                            give(&holders, *old);
                            *old = serial;
                            noted.insert(page);
                        }
                        prop_assert_eq!(found.as_deref().is_some(), model.contains_key(&page));
                        found.into_iter().for_each(|found| *found = serial);
                    }
                    4 => {
                        let (pages, _, noted) = &mut all[which];
                        pages.forget_noted(range.clone());
                        noted.retain(|page| !range.contains(page));
                    }
                    _ if which != other => {
                        // More often so that whole groups can be in common.
                        let at = if what == 5 { at } else { at / SPAN * SPAN + page % SPAN };
                        let (mut pages, mut model, mut noted) = core::mem::replace(
                            &mut all[other], (Pages::new(), BTreeMap::new(), BTreeSet::new()),
                        );
                        pages.take(at..at + count, keep(&holders), |_, value| give(&holders, value));
                        pages.share(&all[which].0, range.clone(), at, keep(&holders));
                        model.retain(|page, _| !(at..at + count).contains(page));
                        noted.retain(|page| !(at..at + count).contains(page));
                        model.extend(all[which].1.range(range.clone()).map(|(from, value)| (from - page + at, *value)));
                        all[other] = (pages, model, noted);
                    }
                    _ => {}
                }
                // Each group that some map has holds what is in it once.
                let mut groups: BTreeMap<*const Chunk<usize>, &Chunk<usize>> = BTreeMap::new();
                for (pages, ..) in &all {
                    groups.extend(pages.chunks.values().map(|chunk| (Rc::as_ptr(chunk), &**chunk)));
                }
                let mut expected: BTreeMap<usize, i32> = BTreeMap::new();
                for value in groups.values().flat_map(|chunk| chunk.values(0..SPAN as usize)) {
                    *expected.entry(value).or_default() += 1;
                }
                holders.borrow_mut().retain(|_, count| *count != 0);
                prop_assert_eq!(&*holders.borrow(), &expected);
                let (pages, model, noted) = &all[which];
                prop_assert_eq!(pages.len(), model.len());
                prop_assert_eq!(pages.count(range.clone()), model.range(range.clone()).count());
                let groups = model.keys().map(|page| page / SPAN).collect::<BTreeSet<_>>();
                prop_assert_eq!(pages.groups(), groups.len());
                prop_assert_eq!(pages.is_near(page), groups.contains(&(page / SPAN)));
                prop_assert_eq!(pages.get(page), model.get(&page).copied());
                let expected: Vec<_> = model.range(range.clone()).map(|(page, value)| (*page, *value)).collect();
                let mut each = Vec::new();
                pages.for_each(range.clone(), |page, value| each.push((page, value)));
                prop_assert_eq!(&pages.range(range.clone()).collect::<Vec<_>>(), &expected);
                prop_assert_eq!(&each, &expected);
                prop_assert_eq!(pages.first(range.clone()), expected.first().map(|(page, _)| *page));
                let mut found = BTreeSet::new();
                pages.for_each_noted(range.clone(), |page, _| { found.insert(page); });
                prop_assert!(noted.range(range).all(|page| !model.contains_key(page) || found.contains(page)));
            }
            for (mut pages, ..) in all {
                while !pages.is_empty() {
                    pages.take_some(|value| give(&holders, value));
                }
            }
            prop_assert!(holders.borrow().values().all(|count| *count == 0));
        }
    }
}
