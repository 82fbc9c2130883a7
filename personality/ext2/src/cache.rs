//! Pages of the device, kept in memory.
//!
//! A page is larger than most blocks, so that a cached read of a contiguous file costs one look-up
//! per 16 KiB, and metadata that lies together arrives together.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::array;

use crate::lru::LruMap;
use crate::{BlockDevice, DeviceError, Error};

/// The size of a page where blocks are not larger, in bytes.
pub(crate) const PAGE_SIZE: usize = 16 << 10;

/// The most pages in one request to the device.
const MAX_BATCH: usize = 16;

/// The fewest pages that a cache has, whatever its limit: enough for one request and the metadata
/// that led to it.
const MIN_PAGES: usize = 8;

type Page = Box<[u8]>;

/// A device with a cache before it.
pub(crate) struct PageCache<D> {
    device: D,
    size: u64,
    page_size: usize,
    page_shift: u32,
    /// Pages that one request may bring.
    batch: usize,
    pages: LruMap<Page>,
    /// Pages without contents, between a failed request and the next one.
    spare: Vec<Page>,
}

impl<D: BlockDevice> PageCache<D> {
    /// A cache of at most `limit` bytes of pages at least as large as a block; a request brings at
    /// most `read_ahead` bytes (at least one page).
    pub(crate) fn new(device: D, block_size: usize, limit: usize, read_ahead: usize) -> Self {
        let page_size = block_size.max(PAGE_SIZE);
        let capacity = (limit / page_size).max(MIN_PAGES);
        PageCache {
            size: device.size(),
            device,
            page_size,
            page_shift: page_size.trailing_zeros(),
            batch: (read_ahead / page_size).clamp(1, MAX_BATCH.min(capacity / 2)),
            pages: LruMap::new(capacity),
            spare: Vec::new(),
        }
    }

    pub(crate) fn device(&self) -> &D {
        &self.device
    }

    pub(crate) fn into_device(self) -> D {
        self.device
    }

    pub(crate) fn page_shift(&self) -> u32 {
        self.page_shift
    }

    /// The most bytes in one request to the device.
    pub(crate) fn batch_bytes(&self) -> u64 {
        (self.batch * self.page_size) as u64
    }

    /// How many bytes of the device page `index` holds; the last page may be short.
    fn valid_bytes(&self, index: u64) -> usize {
        let start = index.saturating_mul(self.page_size as u64);
        self.size.saturating_sub(start).min(self.page_size as u64) as usize
    }

    /// The contents of page `index`.
    ///
    /// Where it must be read, the pages after it up to `last` (at least `index`) come with it, as
    /// far as they are missing and one request can bring them.
    pub(crate) fn page(&mut self, index: u64, last: u64) -> Result<&[u8], Error> {
        let valid = self.valid_bytes(index);
        let slot = match self.pages.find(index) {
            Some(slot) => slot,
            None => {
                self.fill(index, last)?;
                match self.pages.find(index) {
                    Some(slot) => slot,
                    None => return Err(self.out_of_range(index)),
                }
            }
        };
        Ok(&self.pages.value(slot)[..valid])
    }

    /// `length` bytes at `offset`, which must not cross a page.
    pub(crate) fn bytes(&mut self, offset: u64, length: usize) -> Result<&[u8], Error> {
        let index = offset >> self.page_shift;
        let start = offset as usize & (self.page_size - 1);
        let error = Error::Device {
            error: DeviceError::OutOfRange,
            offset,
        };
        self.page(index, index)?
            .get(start..start + length)
            .ok_or(error)
    }

    fn out_of_range(&self, index: u64) -> Error {
        let offset = index.saturating_mul(self.page_size as u64);
        Error::Device {
            error: DeviceError::OutOfRange,
            offset,
        }
    }

    /// Reads page `index`, which is missing, and those after it that may come along.
    fn fill(&mut self, index: u64, last: u64) -> Result<(), Error> {
        if self.valid_bytes(index) == 0 {
            return Err(self.out_of_range(index));
        }
        let mut count = 1;
        while count < self.batch
            && index + (count as u64) <= last
            && self.valid_bytes(index + count as u64) > 0
            && !self.pages.contains(index + count as u64)
        {
            count += 1;
        }
        if count > 1 && self.read(index, count).is_ok() {
            return Ok(());
        }
        // What was only read ahead must not take the page that is needed down with it.
        let offset = index << self.page_shift;
        self.read(index, 1)
            .map_err(|error| Error::Device { error, offset })
    }

    /// Reads `count` pages in one request.
    fn read(&mut self, index: u64, count: usize) -> Result<(), DeviceError> {
        let mut pages: [Option<Page>; MAX_BATCH] = [const { None }; MAX_BATCH];
        for (position, page) in pages[..count].iter_mut().enumerate() {
            *page = Some(self.blank_page(position));
        }

        let mut left = (index..).map(|index| self.valid_bytes(index));
        let mut slices: [&mut [u8]; MAX_BATCH] = array::from_fn(|_| &mut [][..]);
        for (slice, page) in slices.iter_mut().zip(pages.iter_mut().flatten()) {
            *slice = &mut page[..left.next().unwrap_or(0)];
        }
        let offset = index << self.page_shift;
        let result = match &mut slices[..count] {
            [single] => self.device.read(offset, single),
            several => self.device.read_vectored(offset, several),
        };

        // The first page goes in last, as the most recently used: it is the one that was asked for.
        for (position, page) in pages.into_iter().enumerate().rev() {
            let Some(page) = page else { continue };
            match result {
                Ok(()) => {
                    let (_, evicted) = self.pages.insert(index + position as u64, page);
                    self.spare.extend(evicted);
                }
                Err(_) => self.spare.push(page),
            }
        }
        result
    }

    /// A page to read into, besides `taken` others: a spare one, the one that was not used for
    /// longest where the cache is full, or a new one.
    fn blank_page(&mut self, taken: usize) -> Page {
        if let Some(page) = self.spare.pop() {
            return page;
        }
        let full = self.pages.len() + taken >= self.pages.capacity();
        let evicted = if full { self.pages.pop_oldest() } else { None };
        evicted.unwrap_or_else(|| vec![0; self.page_size].into_boxed_slice())
    }
}
