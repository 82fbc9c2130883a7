//! Directory entries in a block.

use super::{le16, le32};
use crate::Problem;

/// Bytes of an entry before its name.
const HEADER: usize = 8;

/// An entry as it lies in the block; its inode number is not checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawEntry<'a> {
    /// Offset of the entry in its block.
    pub(crate) offset: usize,
    /// Offset of the next entry; the block's size after the last one.
    pub(crate) next: usize,
    /// The inode, or 0 where the entry is unused.
    pub(crate) ino: u32,
    /// The type byte; 0 without `filetype`.
    pub(crate) kind: u8,
    /// The name.
    pub(crate) name: &'a [u8],
}

impl RawEntry<'_> {
    /// Whether the name is one that a path can contain.
    pub(crate) fn has_valid_name(&self) -> bool {
        !self.name.is_empty() && !self.name.iter().any(|&byte| byte == b'/' || byte == 0)
    }
}

/// The entries of one block, unused ones included, up to the first damaged one.
pub(crate) struct Entries<'a> {
    block: &'a [u8],
    at: usize,
    filetype: bool,
}

impl<'a> Entries<'a> {
    /// The entries of `block`; `filetype` says whether they have a type byte.
    pub(crate) fn new(block: &'a [u8], filetype: bool) -> Self {
        Entries {
            block,
            at: 0,
            filetype,
        }
    }

    fn parse(&self) -> Result<RawEntry<'a>, Problem> {
        let entry = &self.block[self.at..];
        if entry.len() < HEADER {
            return Err(Problem::Length);
        }
        let length = record_length(le16(entry, 4), self.block.len());
        let (name_length, kind) = match self.filetype {
            true => (usize::from(entry[6]), entry[7]),
            false => (usize::from(le16(entry, 6)), 0),
        };
        let fits =
            length.is_multiple_of(4) && length >= HEADER + name_length && length <= entry.len();
        // Twelve bytes hold the shortest name; less would be no entry, and zero would not advance.
        if !fits || length < 12 || name_length > crate::NAME_MAX {
            return Err(Problem::Length);
        }
        Ok(RawEntry {
            offset: self.at,
            next: self.at + length,
            ino: le32(entry, 0),
            kind,
            name: &entry[HEADER..HEADER + name_length],
        })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<RawEntry<'a>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.block.len() {
            return None;
        }
        let entry = self.parse();
        self.at = entry.map_or(self.block.len(), |entry| entry.next);
        Some(entry)
    }
}

/// The length that `field` stands for. Blocks of 64 KiB do not fit 16 bits: there the two lowest
/// bits, otherwise zero, continue the number at its top.
fn record_length(field: u16, block_size: usize) -> usize {
    let field = usize::from(field);
    match field {
        _ if block_size < 1 << 16 => field,
        0 | 0xFFFF => block_size,
        _ => field & 0xFFFC | (field & 3) << 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn random_blocks_give_entries_inside_the_block_or_an_error(
            block in prop::collection::vec(any::<u8>(), 0..300),
            filetype: bool,
        ) {
            let mut end = 0;
            for entry in Entries::new(&block, filetype).flatten() {
                prop_assert_eq!(entry.offset, end);
                prop_assert!(entry.next >= end + 12 && entry.next <= block.len());
                end = entry.next;
            }
        }

        #[test]
        fn entries_that_were_written_are_read_back(
            names in prop::collection::vec(prop::collection::vec(1u8.., 1..20), 1..20),
        ) {
            let mut block = Vec::new();
            for (index, name) in names.iter().enumerate() {
                let length = (HEADER + name.len()).next_multiple_of(4).max(12);
                block.extend((index as u32 + 1).to_le_bytes());
                block.extend((length as u16).to_le_bytes());
                block.extend([name.len() as u8, 1]);
                block.extend(name);
                block.resize(block.len().next_multiple_of(4), 0);
            }
            let read: Vec<_> = Entries::new(&block, true)
                .map(|entry| entry.map(|entry| (entry.ino, entry.name.to_vec())))
                .collect();
            let written: Vec<_> = (1..).zip(names).map(Ok).collect();
            prop_assert_eq!(read, written);
        }
    }
}
