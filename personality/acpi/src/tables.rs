//! The tables, from the root pointer on (5.2.5 to 5.2.9).

use alloc::vec;
use alloc::vec::Vec;

/// Physical memory.
pub trait Memory {
    /// Fills `buffer` with the bytes from a physical address on; answers whether it could.
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool;
}

/// Why the tables do not say how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no root pointer.
    NoPointer,
    /// The table with this name is missing, or cannot be read.
    Table([u8; 4]),
    /// The table with this name is damaged, or too short.
    Damaged([u8; 4]),
    /// They say nothing of the state "off".
    NoState,
    /// The machine has other registers than those that this drives.
    OtherRegisters,
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Failure::NoPointer => f.write_str("there are no tables"),
            Failure::Table(name) => write!(f, "table {} cannot be read", name.escape_ascii()),
            Failure::Damaged(name) => write!(f, "table {} is damaged", name.escape_ascii()),
            Failure::NoState => f.write_str("the tables do not say how to switch off"),
            Failure::OtherRegisters => f.write_str("its registers are not driven"),
        }
    }
}

/// Bytes of what all tables begin with.
const HEADER: usize = 36;
/// The most bytes of a table that are read.
const MOST: usize = 4 << 20;
/// Tables that are looked at: more than any machine has.
const TABLES: usize = 1024;

/// A part of a table, if it reaches so far.
fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// A number in a table, if it reaches so far.
pub fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    part(bytes, at).map(u32::from_le_bytes)
}

/// A longer one.
pub fn number64(bytes: &[u8], at: usize) -> Option<u64> {
    part(bytes, at).map(u64::from_le_bytes)
}

fn is_whole(bytes: &[u8]) -> bool {
    bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) == 0
}

/// A table whose sum is right.
fn table(memory: &impl Memory, address: u64) -> Result<Vec<u8>, Failure> {
    let mut header = [0; HEADER];
    if !memory.read(address, &mut header) {
        return Err(Failure::Table(*b"????"));
    }
    let name = part(&header, 0).unwrap_or_default();
    let length = number32(&header, 4).unwrap_or(0) as usize;
    if !(HEADER..=MOST).contains(&length) {
        return Err(Failure::Damaged(name));
    }
    let mut bytes = vec![0; length];
    if !memory.read(address, &mut bytes) {
        return Err(Failure::Table(name));
    }
    if is_whole(&bytes) {
        Ok(bytes)
    } else {
        Err(Failure::Damaged(name))
    }
}

/// What the root pointer in a piece of memory leads to: the address of the table of tables, and how
/// many bytes an address in it has.
fn root(area: &[u8]) -> Option<(u64, usize)> {
    area.chunks(16).enumerate().find_map(|(index, _)| {
        let bytes = &area[16 * index..];
        if !bytes.starts_with(b"RSD PTR ") || !is_whole(bytes.get(..20)?) {
            return None;
        }
        let first = number32(bytes, 16).map(|address| (u64::from(address), 4))?;
        // Since version 2 there is another table, with longer addresses.
        let length = number32(bytes, 20).unwrap_or(0) as usize;
        let whole = bytes.get(..length.max(HEADER)).filter(|_| bytes[15] >= 2);
        let second = whole
            .filter(|whole| is_whole(whole))
            .and_then(|whole| number64(whole, 24));
        match second {
            Some(address) if address != 0 => Some((address, 8)),
            _ => (first.0 != 0).then_some(first),
        }
    })
}

/// The tables of a machine that are listed.
pub struct Tables<'m, M> {
    memory: &'m M,
    all: Vec<u64>,
}

impl<'m, M: Memory> Tables<'m, M> {
    /// Those that the root pointer leads to, which lies somewhere in `bytes` bytes from `start` on.
    pub fn find(memory: &'m M, start: u64, bytes: usize) -> Result<Tables<'m, M>, Failure> {
        let mut area = vec![0; bytes];
        if !memory.read(start, &mut area) {
            return Err(Failure::NoPointer);
        }
        let (address, size) = root(&area).ok_or(Failure::NoPointer)?;
        let list = table(memory, address)?;
        let entries = list[HEADER..].chunks_exact(size).take(TABLES);
        let all = entries.map(|entry| {
            let address = |sum, byte: &u8| sum << 8 | u64::from(*byte);
            entry.iter().rev().fold(0, address)
        });
        let all = all.collect();
        Ok(Tables { memory, all })
    }

    /// The table at an address, which has this name.
    pub fn at(&self, address: u64, name: [u8; 4]) -> Result<Vec<u8>, Failure> {
        let table = table(self.memory, address)?;
        if table.starts_with(&name) {
            Ok(table)
        } else {
            Err(Failure::Table(name))
        }
    }

    /// All tables of a name that are listed, in order.
    pub fn named(&self, name: [u8; 4]) -> impl Iterator<Item = Result<Vec<u8>, Failure>> {
        self.all.iter().filter_map(move |&address| {
            let mut found = [0; 4];
            let is_it = self.memory.read(address, &mut found) && found == name;
            is_it.then(|| table(self.memory, address))
        })
    }
}

/// What a table holds behind its header.
pub fn body(table: &[u8]) -> &[u8] {
    table.get(HEADER..).unwrap_or_default()
}
