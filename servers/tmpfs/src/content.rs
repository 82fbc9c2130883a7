//! The content of a regular file: pages, and holes between them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use machuser::{Error, Result};

use crate::space::Space;

/// Bytes in a page of a file.
pub const PAGE: usize = 4096;
/// The smallest piece of memory that a file's first page takes.
const SMALLEST: usize = 64;
/// The largest file, in bytes: offsets are signed 64-bit numbers.
pub const SIZE_MAX: u64 = i64::MAX as u64;
/// What a page costs beside its bytes: its place in the tree.
const PAGE_OVERHEAD: u64 = 48;

static ZEROES: [u8; PAGE] = [0; PAGE];

/// The bytes of a file.
///
/// A page that is absent reads as zeroes, and so does what lies behind a page's own length. The
/// memory is charged to the [`Space`] that every writing operation names; [`Content::clear`] gives
/// it back and must be called before the content is dropped.
#[derive(Debug, Default)]
pub struct Content {
    size: u64,
    pages: BTreeMap<u64, Vec<u8>>,
    bytes: u64,
}

impl Content {
    /// The file's length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The memory that the pages take, in bytes.
    pub fn allocated(&self) -> u64 {
        self.bytes
    }

    /// Hands out up to `amount` bytes from `offset` on, in order. Answers how many: fewer only at
    /// the end of the file.
    pub fn read(&self, offset: u64, amount: usize, sink: &mut dyn FnMut(&[u8])) -> usize {
        let Some(rest) = self.size.checked_sub(offset).filter(|&rest| rest > 0) else {
            return 0;
        };
        let amount = usize::try_from(rest).map_or(amount, |rest| rest.min(amount));
        let mut at = offset;
        let end = offset + amount as u64;
        let first = offset / PAGE as u64;
        // The usual read lies in one page: no need to set up an iterator.
        if end <= (first + 1) * PAGE as u64 {
            let within = (offset % PAGE as u64) as usize;
            let page = self
                .pages
                .get(&first)
                .map_or(&[][..], |page| page.as_slice());
            hand_out(page, within, amount, sink);
            return amount;
        }
        for (&index, page) in self.pages.range(first..end.div_ceil(PAGE as u64)) {
            let start = index * PAGE as u64;
            if at < start {
                zeroes(start - at, sink);
                at = start;
            }
            let within = (at - start) as usize;
            let length = (PAGE - within).min((end - at) as usize);
            hand_out(page, within, length, sink);
            at += length as u64;
        }
        zeroes(end - at, sink);
        amount
    }

    /// Writes `length` bytes at `offset`, which `fill` supplies slice by slice. Answers how many
    /// were written: fewer if the memory is used up on the way. `ENOSPC` if it was before the
    /// first byte, `EFBIG` beyond [`SIZE_MAX`].
    pub fn write(
        &mut self,
        space: &Space,
        offset: u64,
        length: usize,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<usize> {
        let end = offset
            .checked_add(length as u64)
            .filter(|&end| end <= SIZE_MAX)
            .ok_or(Error::EFBIG)?;
        let mut at = offset;
        while at < end {
            let within = (at % PAGE as u64) as usize;
            let length = (PAGE - within).min((end - at) as usize);
            match self.page(space, at / PAGE as u64, within + length) {
                Ok(page) => fill(&mut page[within..within + length]),
                Err(error) if at == offset => return Err(error),
                Err(_) => break,
            }
            at += length as u64;
        }
        self.size = self.size.max(at);
        Ok((at - offset) as usize)
    }

    /// Sets the length. What is cut off is given back; what is added is a hole.
    pub fn set_size(&mut self, space: &Space, size: u64) -> Result<()> {
        if size > SIZE_MAX {
            return Err(Error::EFBIG);
        }
        if size < self.size {
            let within = (size % PAGE as u64) as usize;
            let gone = self.pages.split_off(&size.div_ceil(PAGE as u64));
            for page in gone.values() {
                self.bytes -= cost(page);
                space.give(cost(page));
            }
            if within != 0
                && let Some(page) = self.pages.get_mut(&(size / PAGE as u64))
            {
                page.truncate(within);
            }
        }
        self.size = size;
        Ok(())
    }

    /// Gives everything back.
    pub fn clear(&mut self, space: &Space) {
        space.give(self.bytes);
        *self = Content::default();
    }

    /// The page, at least `length` bytes long.
    fn page(&mut self, space: &Space, index: u64, length: usize) -> Result<&mut Vec<u8>> {
        use alloc::collections::btree_map::Entry;
        match self.pages.entry(index) {
            Entry::Occupied(entry) => {
                let page = entry.into_mut();
                if page.len() < length {
                    let before = cost(page);
                    space.grow(page, capacity_for(index, length))?;
                    self.bytes += cost(page) - before;
                    page.resize(length, 0);
                }
                Ok(page)
            }
            Entry::Vacant(entry) => {
                space.take(PAGE_OVERHEAD)?;
                let mut page = Vec::new();
                if let Err(error) = space.grow(&mut page, capacity_for(index, length)) {
                    space.give(PAGE_OVERHEAD);
                    return Err(error);
                }
                self.bytes += cost(&page);
                page.resize(length, 0);
                Ok(entry.insert(page))
            }
        }
    }
}

/// The first page of a file grows by doubling, so that many small files take little; a file that
/// has a second page has whole ones.
fn capacity_for(index: u64, length: usize) -> usize {
    if index == 0 {
        length.next_power_of_two().clamp(SMALLEST, PAGE)
    } else {
        PAGE
    }
}

fn cost(page: &Vec<u8>) -> u64 {
    page.capacity() as u64 + PAGE_OVERHEAD
}

fn hand_out(page: &[u8], within: usize, length: usize, sink: &mut dyn FnMut(&[u8])) {
    let there = page
        .get(within..page.len().min(within + length))
        .unwrap_or(&[]);
    if !there.is_empty() {
        sink(there);
    }
    if there.len() < length {
        zeroes((length - there.len()) as u64, sink);
    }
}

fn zeroes(mut count: u64, sink: &mut dyn FnMut(&[u8])) {
    while count > 0 {
        let length = count.min(PAGE as u64);
        sink(&ZEROES[..length as usize]);
        count -= length;
    }
}
