//! Extended attributes, as they lie in an inode or in their own block.

use super::{le16, le32};
use crate::Problem;

/// Starts the attributes in an inode and in a block.
const MAGIC: u32 = 0xEA02_0000;
/// Bytes before the first entry of a block.
const BLOCK_HEADER: usize = 32;
/// Bytes before the first entry in an inode.
const INODE_HEADER: usize = 4;
/// Bytes of an entry before its name.
const ENTRY_HEADER: usize = 16;

/// One attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawAttribute<'a> {
    /// Which prefix the name has.
    pub(crate) index: u8,
    /// The rest of the name.
    pub(crate) name: &'a [u8],
    /// The value.
    pub(crate) value: &'a [u8],
}

/// The attributes of one area, up to the first damaged one.
pub(crate) struct Attributes<'a> {
    /// What value offsets count from.
    base: &'a [u8],
    at: usize,
}

impl<'a> Attributes<'a> {
    /// The attributes in an attribute block.
    pub(crate) fn in_block(block: &'a [u8]) -> Result<Self, Problem> {
        // The third word counts blocks; it has never been anything but 1.
        if le32(block, 0) != MAGIC || le32(block, 8) != 1 {
            return Err(Problem::Magic);
        }
        Ok(Attributes {
            base: block,
            at: BLOCK_HEADER,
        })
    }

    /// The attributes in the part of an inode behind its fields, if there are any.
    pub(crate) fn in_inode(area: &'a [u8]) -> Option<Self> {
        if area.len() < INODE_HEADER + 4 || le32(area, 0) != MAGIC {
            return None;
        }
        Some(Attributes {
            base: &area[INODE_HEADER..],
            at: 0,
        })
    }

    fn parse(&self) -> Result<Option<(RawAttribute<'a>, usize)>, Problem> {
        let left = self.base.get(self.at..).unwrap_or(&[]);
        // Four zero bytes end the list, and there is always room for them.
        if left.len() < 4 {
            return Err(Problem::Length);
        }
        if le32(left, 0) == 0 {
            return Ok(None);
        }
        if left.len() < ENTRY_HEADER {
            return Err(Problem::Length);
        }
        let name_length = usize::from(left[0]);
        let name = left
            .get(ENTRY_HEADER..ENTRY_HEADER + name_length)
            .ok_or(Problem::Length)?;
        // A value elsewhere than here belongs to `ea_inode`, which is not mounted.
        if le32(left, 4) != 0 {
            return Err(Problem::Flags);
        }
        let start = usize::from(le16(left, 2));
        let length = usize::try_from(le32(left, 8)).map_err(|_| Problem::Length)?;
        let value = match length {
            0 => &[],
            _ => {
                let end = start.checked_add(length).ok_or(Problem::Length)?;
                self.base.get(start..end).ok_or(Problem::Length)?
            }
        };
        let next = self.at + (ENTRY_HEADER + name_length).next_multiple_of(4);
        Ok(Some((
            RawAttribute {
                index: left[1],
                name,
                value,
            },
            next,
        )))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<RawAttribute<'a>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.base.is_empty() {
            return None;
        }
        match self.parse() {
            Ok(Some((attribute, next))) => {
                self.at = next;
                Some(Ok(attribute))
            }
            Ok(None) => {
                self.base = &[];
                None
            }
            Err(problem) => {
                self.base = &[];
                Some(Err(problem))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn random_blocks_give_values_inside_the_block_or_an_error(
            mut block in prop::collection::vec(any::<u8>(), 64..512),
        ) {
            block[..12].copy_from_slice(&[0, 0, 2, 0xEA, 1, 0, 0, 0, 1, 0, 0, 0]);
            let attributes = Attributes::in_block(&block).unwrap();
            prop_assert!(attributes.count() <= block.len() / ENTRY_HEADER);
            let _ = Attributes::in_inode(&block).map(Iterator::count);
        }
    }
}
