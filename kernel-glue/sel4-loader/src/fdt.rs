//! The flattened device tree that the firmware gives: how long it really is, and what memory it
//! tells of.
//!
//! Source: Devicetree Specification 0.4, chapter 5.

use core::ops::Range;

/// Bytes of the header; [`total_size`] needs no more.
pub const HEADER_SIZE: usize = 40;

const MAGIC: u32 = 0xd00d_feed;
/// The versions that this reader can read: 17, and later ones that say they are compatible.
const VERSION: u32 = 17;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;

/// Why a device tree cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Malformed;

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the device tree is malformed")
    }
}

/// A device tree in memory.
#[derive(Clone, Copy, Debug)]
pub struct DeviceTree<'a> {
    structure: &'a [u8],
    strings: &'a [u8],
    used: usize,
}

/// Number of bytes that the device tree with this header says it takes; `None` if these bytes do
/// not begin a device tree.
pub fn total_size(header: &[u8; HEADER_SIZE]) -> Option<usize> {
    let size = word(header, 4)? as usize;
    (word(header, 0)? == MAGIC && size >= HEADER_SIZE).then_some(size)
}

/// Writes into the header of the device tree `bytes` that it takes as many bytes as there are.
///
/// # Errors
///
/// [`Malformed`] if that number does not fit its field, or there is no header.
pub fn set_total_size(bytes: &mut [u8]) -> Result<(), Malformed> {
    let size = u32::try_from(bytes.len()).map_err(|_| Malformed)?;
    bytes
        .get_mut(4..8)
        .ok_or(Malformed)?
        .copy_from_slice(&size.to_be_bytes());
    Ok(())
}

impl<'a> DeviceTree<'a> {
    /// Reads the header of the device tree in `bytes`.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if a part lies outside of `bytes`, or the version is not known.
    pub fn new(bytes: &'a [u8]) -> Result<DeviceTree<'a>, Malformed> {
        let field = |number: usize| word(bytes, number * 4).map(|word| word as usize);
        let part = |offset: usize, size: usize| -> Option<(&'a [u8], usize)> {
            let end = offset.checked_add(size)?;
            Some((bytes.get(offset..end)?, end))
        };
        let read = || {
            let [magic, version, compatible] = [field(0)?, field(5)?, field(6)?];
            if magic != MAGIC as usize
                || version < VERSION as usize
                || compatible > VERSION as usize
            {
                return None;
            }
            let (structure, structure_end) = part(field(2)?, field(9)?)?;
            let (strings, strings_end) = part(field(3)?, field(8)?)?;
            let reserved_end = end_of_reservations(bytes, field(4)?)?;
            let used = structure_end
                .max(strings_end)
                .max(reserved_end)
                .max(HEADER_SIZE);
            Some(DeviceTree {
                structure,
                strings,
                used,
            })
        };
        read().ok_or(Malformed)
    }

    /// Number of bytes from the start of the header to the end of the last part: all that a copy
    /// needs, apart from its total size ([`set_total_size`]).
    pub fn used_size(&self) -> usize {
        self.used
    }

    /// The memory bank that holds the physical address `address`; `None` if no node of the type
    /// `memory` tells of one.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if the tree's structure is broken before such a bank is found.
    pub fn memory_bank(&self, address: u64) -> Result<Option<Range<u64>>, Malformed> {
        let mut tokens = Tokens {
            tree: self,
            position: 0,
        };
        let mut depth = 0;
        let mut is_memory = false;
        // What the specification says holds where the root says nothing.
        let (mut address_cells, mut size_cells) = (2, 1);
        while let Some(token) = tokens.next()? {
            match token {
                Token::Begin(name) => {
                    depth += 1;
                    is_memory = depth == 2 && (name == b"memory" || name.starts_with(b"memory@"));
                }
                Token::End => {
                    depth -= 1;
                    is_memory = false;
                }
                Token::Property(b"#address-cells", value) if depth == 1 => {
                    address_cells = word(value, 0).ok_or(Malformed)? as usize;
                }
                Token::Property(b"#size-cells", value) if depth == 1 => {
                    size_cells = word(value, 0).ok_or(Malformed)? as usize;
                }
                Token::Property(b"reg", value) if is_memory => {
                    if !(1..=2).contains(&address_cells) || !(1..=2).contains(&size_cells) {
                        return Err(Malformed);
                    }
                    for entry in value.chunks_exact(4 * (address_cells + size_cells)) {
                        let (start, size) = entry.split_at(4 * address_cells);
                        let (start, size) = (number(start), number(size));
                        let end = start.checked_add(size).ok_or(Malformed)?;
                        if (start..end).contains(&address) {
                            return Ok(Some(start..end));
                        }
                    }
                }
                Token::Property(..) => {}
            }
        }
        Ok(None)
    }
}

enum Token<'a> {
    Begin(&'a [u8]),
    End,
    Property(&'a [u8], &'a [u8]),
}

/// Reads the structure part, token by token.
struct Tokens<'t, 'a> {
    tree: &'t DeviceTree<'a>,
    position: usize,
}

impl<'a> Tokens<'_, 'a> {
    /// The next token; `None` at the end of the tree.
    fn next(&mut self) -> Result<Option<Token<'a>>, Malformed> {
        loop {
            match self.word()? {
                BEGIN_NODE => {
                    let rest = self.tree.structure.get(self.position..).ok_or(Malformed)?;
                    let name = string(rest)?;
                    self.advance(name.len() + 1)?;
                    return Ok(Some(Token::Begin(name)));
                }
                END_NODE => return Ok(Some(Token::End)),
                PROPERTY => {
                    let size = self.word()? as usize;
                    let name = self.word()? as usize;
                    let rest = self.tree.structure.get(self.position..).ok_or(Malformed)?;
                    let value = rest.get(..size).ok_or(Malformed)?;
                    self.advance(size)?;
                    let name = string(self.tree.strings.get(name..).ok_or(Malformed)?)?;
                    return Ok(Some(Token::Property(name, value)));
                }
                NOP => {}
                END => return Ok(None),
                _ => return Err(Malformed),
            }
        }
    }

    fn word(&mut self) -> Result<u32, Malformed> {
        let value = word(self.tree.structure, self.position).ok_or(Malformed)?;
        self.position += 4;
        Ok(value)
    }

    /// Goes `bytes` on, and to the next multiple of four.
    fn advance(&mut self, bytes: usize) -> Result<(), Malformed> {
        let position = self.position.checked_add(bytes).ok_or(Malformed)?;
        self.position = position.checked_next_multiple_of(4).ok_or(Malformed)?;
        Ok(())
    }
}

/// The big-endian word at `offset`.
fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    let bytes = bytes.get(offset..offset.checked_add(4)?)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// A big-endian number of one or two words.
fn number(cells: &[u8]) -> u64 {
    cells
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The string at the start of `bytes`, without the byte that ends it.
fn string(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let length = bytes.iter().position(|byte| *byte == 0).ok_or(Malformed)?;
    Ok(&bytes[..length])
}

/// Where the list of reserved memory that starts at `offset` ends.
fn end_of_reservations(bytes: &[u8], offset: usize) -> Option<usize> {
    let mut position = offset;
    loop {
        let entry = bytes.get(position..position.checked_add(16)?)?;
        position += 16;
        if entry.iter().all(|byte| *byte == 0) {
            return Some(position);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a device tree: header, reservations, structure, strings, then `slack` zero bytes.
    struct Builder {
        structure: Vec<u8>,
        strings: Vec<u8>,
    }

    impl Builder {
        fn new() -> Builder {
            Builder {
                structure: Vec::new(),
                strings: Vec::new(),
            }
        }

        fn word(&mut self, word: u32) {
            self.structure.extend(word.to_be_bytes());
        }

        fn pad(&mut self) {
            let size = self.structure.len().next_multiple_of(4);
            self.structure.resize(size, 0);
        }

        fn begin(mut self, name: &str) -> Builder {
            self.word(BEGIN_NODE);
            self.structure.extend(name.as_bytes());
            self.structure.push(0);
            self.pad();
            self
        }

        fn property(mut self, name: &str, value: &[u32]) -> Builder {
            self.word(PROPERTY);
            self.word(value.len() as u32 * 4);
            self.word(self.strings.len() as u32);
            self.strings.extend(name.as_bytes());
            self.strings.push(0);
            for cell in value {
                self.word(*cell);
            }
            self
        }

        fn end(mut self) -> Builder {
            self.word(END_NODE);
            self
        }

        fn finish(mut self, slack: usize) -> Vec<u8> {
            self.word(END);
            let structure = HEADER_SIZE + 16;
            let strings = structure + self.structure.len();
            let total = strings + self.strings.len() + slack;
            let header = [
                MAGIC,
                total as u32,
                structure as u32,
                strings as u32,
                HEADER_SIZE as u32,
                17,
                16,
                0,
                self.strings.len() as u32,
                self.structure.len() as u32,
            ];
            let mut bytes: Vec<u8> = header.iter().flat_map(|word| word.to_be_bytes()).collect();
            bytes.extend([0; 16]);
            bytes.extend(self.structure);
            bytes.extend(self.strings);
            bytes.resize(total, 0);
            bytes
        }
    }

    fn board(slack: usize) -> Vec<u8> {
        Builder::new()
            .begin("")
            .property("#address-cells", &[2])
            .property("#size-cells", &[2])
            .begin("memory@40000000")
            .property("device_type", &[0])
            .property("reg", &[0, 0x4000_0000, 0, 0x2000_0000, 1, 0, 0, 0x1000])
            .end()
            .begin("memory-controller")
            .property("reg", &[0, 0x5000_0000, 0, 0x4000_0000])
            .end()
            .end()
            .finish(slack)
    }

    #[test]
    fn the_bank_of_an_address_is_found() {
        let bytes = board(0);
        let tree = DeviceTree::new(&bytes).unwrap();
        assert_eq!(
            tree.memory_bank(0x4000_0000),
            Ok(Some(0x4000_0000..0x6000_0000))
        );
        assert_eq!(
            tree.memory_bank(0x1_0000_0800),
            Ok(Some(0x1_0000_0000..0x1_0000_1000))
        );
        assert_eq!(tree.memory_bank(0x6000_0000), Ok(None));
    }

    #[test]
    fn slack_does_not_count() {
        let (tight, slack) = (board(0), board(5000));
        assert_eq!(DeviceTree::new(&slack).unwrap().used_size(), tight.len());
        let header = slack[..HEADER_SIZE].try_into().unwrap();
        assert_eq!(total_size(header), Some(slack.len()));
        let mut copy = slack[..tight.len()].to_vec();
        set_total_size(&mut copy).unwrap();
        assert_eq!(copy, tight);
    }

    #[test]
    fn other_bytes_are_no_device_tree() {
        assert_eq!(total_size(&[0; HEADER_SIZE]), None);
        assert!(DeviceTree::new(&[0; 100]).is_err());
        assert!(DeviceTree::new(&[]).is_err());
    }

    #[test]
    fn a_damaged_tree_is_an_error_or_a_tree_but_never_a_panic() {
        let bytes = board(0);
        for length in 0..bytes.len() {
            if let Ok(tree) = DeviceTree::new(&bytes[..length]) {
                let _ = tree.memory_bank(0x4000_0000);
            }
        }
        for place in 0..bytes.len() {
            for value in [0, 1, 2, 3, 0x7f, 0xff] {
                let mut bytes = bytes.clone();
                bytes[place] = value;
                if let Ok(tree) = DeviceTree::new(&bytes) {
                    let _ = tree.memory_bank(0x4000_0000);
                }
            }
        }
    }
}
