//! Where the partitions of a disk lie: PC partition tables and GUID partition tables.
//!
//! Sources: the UEFI specification, chapter 5 (both kinds of table). All numbers on the disk are
//! little endian, and none is believed before it is checked.

use alloc::vec::Vec;

use machuser::{Error, Result};

use crate::Store;

/// Partitions of a GUID table that are looked at; the specification asks for room for 128.
const GPT_MOST: u32 = 4096;
/// Logical partitions that are followed.
const LOGICAL_MOST: u32 = 256;

/// A range of a store, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first byte.
    pub start: u64,
    /// The length.
    pub length: u64,
}

/// The partition with this number, from 1; in a PC table the logical ones are numbered from 5.
///
/// # Errors
/// `EINVAL` if there is no table, or it contradicts itself or the store's size; `ENXIO` if it has
/// no such partition; what reading the store fails with.
pub fn find(store: &dyn Store, number: u32) -> Result<Range> {
    if number == 0 {
        return Err(Error::ENXIO);
    }
    let table = boot_record(store, 0)?;
    if is_guid(&table) {
        return guid(store, number);
    }
    if number <= 4 {
        let entry = entry(&table, number as usize - 1);
        return if entry.kind == 0 {
            Err(Error::ENXIO)
        } else {
            range(store, entry)
        };
    }
    logical(store, &table, number - 5)
}

/// All partitions that the store has and that lie within it, with their numbers. Those that cannot
/// be read, or contradict its size, are none.
pub fn all(store: &dyn Store) -> Vec<(u32, Range)> {
    let numbers = match boot_record(store, 0) {
        Err(_) => 0,
        Ok(table) if is_guid(&table) => guid_header(store).map_or(0, |header| header.count),
        Ok(_) => 4 + LOGICAL_MOST,
    };
    let mut found = Vec::new();
    for number in 1..=numbers {
        match find(store, number) {
            Ok(range) => found.push((number, range)),
            // The chain of logical partitions ends here.
            Err(_) if number > 4 && numbers == 4 + LOGICAL_MOST => break,
            Err(_) => {}
        }
    }
    found
}

#[derive(Clone, Copy)]
struct Entry {
    kind: u8,
    first: u64,
    count: u64,
}

fn boot_record(store: &dyn Store, sector: u64) -> Result<[u8; 512]> {
    let mut table = [0; 512];
    let offset = sector.checked_mul(store.sector()).ok_or(Error::EINVAL)?;
    if offset
        .checked_add(table.len() as u64)
        .is_none_or(|end| end > store.size())
    {
        return Err(Error::EINVAL);
    }
    store.read(offset, &mut table)?;
    // A file system's boot sector has the same signature, and text where the flags of entries are.
    let flags = (0..4).all(|index| table[446 + 16 * index] & 0x7f == 0);
    if table[510..] == [0x55, 0xaa] && flags {
        Ok(table)
    } else {
        Err(Error::EINVAL)
    }
}

fn is_guid(table: &[u8; 512]) -> bool {
    (0..4).any(|index| entry(table, index).kind == 0xee)
}

fn entry(table: &[u8; 512], index: usize) -> Entry {
    let at = 446 + 16 * index;
    Entry {
        kind: table[at + 4],
        first: u64::from(word32(table, at + 8)),
        count: u64::from(word32(table, at + 12)),
    }
}

fn word32(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn word64(bytes: &[u8], at: usize) -> u64 {
    u64::from(word32(bytes, at)) | u64::from(word32(bytes, at + 4)) << 32
}

fn range(store: &dyn Store, entry: Entry) -> Result<Range> {
    let start = entry.first.checked_mul(store.sector()).ok_or(Error::EINVAL)?;
    let length = entry.count.checked_mul(store.sector()).ok_or(Error::EINVAL)?;
    let fits = start
        .checked_add(length)
        .is_some_and(|end| end <= store.size());
    if fits && start > 0 && length > 0 {
        Ok(Range { start, length })
    } else {
        Err(Error::EINVAL)
    }
}

fn is_extended(kind: u8) -> bool {
    matches!(kind, 0x05 | 0x0f | 0x85)
}

/// The logical partition of this index: they form a chain within the extended one.
fn logical(store: &dyn Store, table: &[u8; 512], index: u32) -> Result<Range> {
    if index >= LOGICAL_MOST {
        return Err(Error::ENXIO);
    }
    let extended = (0..4)
        .map(|index| entry(table, index))
        .find(|entry| is_extended(entry.kind));
    let base = extended.ok_or(Error::ENXIO)?.first;
    let mut at = base;
    for step in 0..=index {
        let table = boot_record(store, at)?;
        if step == index {
            let found = entry(&table, 0);
            if found.kind == 0 {
                return Err(Error::ENXIO);
            }
            return range(
                store,
                Entry {
                    first: at + found.first,
                    ..found
                },
            );
        }
        let next = entry(&table, 1);
        if !is_extended(next.kind) {
            return Err(Error::ENXIO);
        }
        at = base + next.first;
    }
    Err(Error::ENXIO)
}

/// What the header of a GUID table says: the first sector of the entries, how many they are, and
/// how long each is.
struct GuidHeader {
    entries: u64,
    count: u32,
    size: u32,
}

fn guid_header(store: &dyn Store) -> Result<GuidHeader> {
    let mut header = [0; 512];
    store.read(store.sector(), &mut header)?;
    if &header[..8] != b"EFI PART" {
        return Err(Error::EINVAL);
    }
    let size = word32(&header, 84);
    if size < 128 || !size.is_power_of_two() || size > 4096 {
        return Err(Error::EINVAL);
    }
    Ok(GuidHeader {
        entries: word64(&header, 72),
        count: word32(&header, 80).min(GPT_MOST),
        size,
    })
}

fn guid(store: &dyn Store, number: u32) -> Result<Range> {
    let GuidHeader {
        entries,
        count,
        size,
    } = guid_header(store)?;
    if number > count {
        return Err(Error::ENXIO);
    }
    let offset = entries
        .checked_mul(store.sector())
        .and_then(|start| start.checked_add(u64::from(number - 1) * u64::from(size)))
        .filter(|offset| {
            offset
                .checked_add(128)
                .is_some_and(|end| end <= store.size())
        })
        .ok_or(Error::EINVAL)?;
    let mut found = [0; 128];
    store.read(offset, &mut found)?;
    if found[..16] == [0; 16] {
        return Err(Error::ENXIO);
    }
    let first = word64(&found, 32);
    let last = word64(&found, 40);
    let count = last
        .checked_sub(first)
        .and_then(|less| less.checked_add(1))
        .ok_or(Error::EINVAL)?;
    range(
        store,
        Entry {
            kind: 1,
            first,
            count,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;
    use alloc::vec;

    fn put(disk: &mut [u8], sector: usize, index: usize, kind: u8, first: u32, count: u32) {
        let at = sector * 512 + 446 + 16 * index;
        disk[at + 4] = kind;
        disk[at + 8..at + 12].copy_from_slice(&first.to_le_bytes());
        disk[at + 12..at + 16].copy_from_slice(&count.to_le_bytes());
        disk[sector * 512 + 510] = 0x55;
        disk[sector * 512 + 511] = 0xaa;
    }

    fn disk() -> Vec<u8> {
        vec![0; 512 * 1000]
    }

    #[test]
    fn primary_and_logical_partitions_are_found() {
        let mut disk = disk();
        put(&mut disk, 0, 0, 0x83, 10, 20);
        put(&mut disk, 0, 1, 0x05, 100, 800);
        put(&mut disk, 100, 0, 0x83, 1, 9);
        put(&mut disk, 100, 1, 0x05, 50, 100);
        put(&mut disk, 150, 0, 0x83, 2, 8);
        let store = Memory::new(disk);
        assert_eq!(
            find(&store, 1),
            Ok(Range {
                start: 5120,
                length: 10240
            })
        );
        assert_eq!(find(&store, 3), Err(Error::ENXIO));
        assert_eq!(
            find(&store, 5),
            Ok(Range {
                start: 101 * 512,
                length: 9 * 512
            })
        );
        assert_eq!(
            find(&store, 6),
            Ok(Range {
                start: 152 * 512,
                length: 8 * 512
            })
        );
        assert_eq!(find(&store, 7), Err(Error::ENXIO));
        let numbers: Vec<u32> = all(&store).iter().map(|found| found.0).collect();
        assert_eq!(numbers, [1, 2, 5, 6]);
        assert_eq!(find(&store, 0), Err(Error::ENXIO));
    }

    #[test]
    fn a_partition_beyond_the_disk_is_refused() {
        let mut disk = disk();
        put(&mut disk, 0, 0, 0x83, 10, u32::MAX);
        put(&mut disk, 0, 1, 0x05, u32::MAX, 800);
        let store = Memory::new(disk);
        assert_eq!(find(&store, 1), Err(Error::EINVAL));
        assert_eq!(find(&store, 5), Err(Error::EINVAL));
        assert_eq!(all(&store), []);
    }

    #[test]
    fn a_chain_of_logical_partitions_that_closes_ends() {
        let mut disk = disk();
        put(&mut disk, 0, 0, 0x05, 100, 800);
        put(&mut disk, 100, 0, 0x83, 1, 9);
        put(&mut disk, 100, 1, 0x05, 0, 100);
        let store = Memory::new(disk);
        assert!(find(&store, 200).is_ok());
        assert_eq!(find(&store, 5000), Err(Error::ENXIO));
    }

    #[test]
    fn a_guid_table_is_read() {
        let mut disk = disk();
        put(&mut disk, 0, 0, 0xee, 1, 999);
        disk[512..520].copy_from_slice(b"EFI PART");
        disk[512 + 72..512 + 80].copy_from_slice(&2u64.to_le_bytes());
        disk[512 + 80..512 + 84].copy_from_slice(&128u32.to_le_bytes());
        disk[512 + 84..512 + 88].copy_from_slice(&128u32.to_le_bytes());
        let at = 1024 + 128;
        disk[at] = 1;
        disk[at + 32..at + 40].copy_from_slice(&40u64.to_le_bytes());
        disk[at + 40..at + 48].copy_from_slice(&49u64.to_le_bytes());
        let store = Memory::new(disk);
        assert_eq!(
            find(&store, 2),
            Ok(Range {
                start: 40 * 512,
                length: 5120
            })
        );
        assert_eq!(find(&store, 1), Err(Error::ENXIO));
        assert_eq!(find(&store, 129), Err(Error::ENXIO));
        assert_eq!(all(&store), [(2, find(&store, 2).unwrap())]);
    }

    /// A disk with large sectors.
    struct Large(Memory);

    impl Store for Large {
        fn size(&self) -> u64 {
            self.0.size()
        }

        fn sector(&self) -> u64 {
            4096
        }

        fn read_only(&self) -> bool {
            true
        }

        fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
            self.0.read(offset, buffer)
        }

        fn write(&self, _: u64, _: &[u8]) -> Result<()> {
            Err(Error::EROFS)
        }

        fn flush(&self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn tables_count_the_sectors_of_their_disk() {
        let mut disk = vec![0; 4096 * 100];
        put(&mut disk, 0, 0, 0x83, 10, 20);
        let found = Range {
            start: 10 * 4096,
            length: 20 * 4096,
        };
        assert_eq!(all(&Large(Memory::new(disk.clone()))), [(1, found)]);
        put(&mut disk, 0, 0, 0xee, 1, 99);
        disk[4096..4104].copy_from_slice(b"EFI PART");
        disk[4096 + 72] = 2;
        disk[4096 + 80] = 4;
        disk[4096 + 84] = 128;
        let at = 2 * 4096;
        disk[at] = 1;
        disk[at + 32] = 10;
        disk[at + 40] = 29;
        assert_eq!(all(&Large(Memory::new(disk))), [(1, found)]);
    }

    #[test]
    fn a_file_systems_boot_sector_is_no_table() {
        let mut disk = disk();
        put(&mut disk, 0, 0, 0x83, 10, 20);
        disk[446] = b'x';
        assert_eq!(all(&Memory::new(disk)), []);
    }

    #[test]
    fn a_store_without_a_table_is_refused() {
        assert_eq!(find(&Memory::new(disk()), 1), Err(Error::EINVAL));
        assert_eq!(find(&Memory::new(Vec::new()), 1), Err(Error::EINVAL));
    }
}
