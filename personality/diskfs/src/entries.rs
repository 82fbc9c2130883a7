//! Directory entries as `dir_readdir` answers them, and from which entry a reader goes on.

use alloc::collections::VecDeque;

/// Bytes before the name: number (8), length of the record (2), kind (1), length of the name (1).
pub const HEADER: usize = 12;
/// Records start at multiples of this.
pub const ALIGN: usize = 8;
/// The longest record.
pub const LONGEST: usize = record_length(255);

/// The length of the record of an entry with a name of `name` bytes: the name is followed by a
/// zero byte and padding.
pub const fn record_length(name: usize) -> usize {
    (HEADER + name + 1).next_multiple_of(ALIGN)
}

/// Writes a record (`struct dirent`) into the front of `buffer` and answers its length. `None` if
/// there is no room. The name is at most 255 bytes long. `kind` is an `S_IF*` value or 0.
pub fn put(buffer: &mut [u8], number: u64, kind: u32, name: &[u8]) -> Option<usize> {
    let length = record_length(name.len());
    let record = buffer.get_mut(..length)?;
    record.fill(0);
    record[..8].copy_from_slice(&number.to_le_bytes());
    record[8..10].copy_from_slice(&(length as u16).to_le_bytes());
    record[10] = (kind >> 12) as u8;
    record[11] = name.len() as u8;
    record[HEADER..HEADER + name.len()].copy_from_slice(name);
    Some(length)
}

/// How many places a reader of a directory is remembered at.
const REMEMBERED: usize = 32;

/// Joins the two ways to name a place in a directory: a client counts entries, a file system has
/// cursors that stay valid while entries come and go.
///
/// A client that goes on where an earlier answer ended is given the cursor of that place, so that
/// what is removed meanwhile does not shift what it has not seen.
#[derive(Debug, Default)]
pub struct Places {
    /// Counts and cursors, in the order of their counts.
    known: VecDeque<(u64, u64)>,
}

impl Places {
    /// The last known place not behind `count`: its count and cursor.
    pub fn before(&self, count: u64) -> (u64, u64) {
        self.known
            .iter()
            .copied()
            .take_while(|place| place.0 <= count)
            .last()
            .unwrap_or((0, 0))
    }

    /// Remembers a place.
    pub fn note(&mut self, count: u64, cursor: u64) {
        let at = self.known.partition_point(|place| place.0 < count);
        match self.known.get_mut(at) {
            Some(place) if place.0 == count => place.1 = cursor,
            _ => self.known.insert(at, (count, cursor)),
        }
        if self.known.len() > REMEMBERED {
            // The place where the reader is stays; of the others every second one is enough.
            let mut index = 0;
            self.known.retain(|place| {
                index += 1;
                index % 2 == 0 || place.0 == count
            });
        }
    }

    /// Forgets everything: the reader starts again, and shall see what there is now.
    pub fn restart(&mut self) {
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_holds_what_was_put() {
        let mut buffer = [0xff; 64];
        let length = put(&mut buffer, 7, 0o040_000, b"name").unwrap();
        assert_eq!(length, 24);
        assert_eq!(buffer[..8], 7u64.to_le_bytes());
        assert_eq!(buffer[8..10], 24u16.to_le_bytes());
        assert_eq!(buffer[10], 4);
        assert_eq!(buffer[11], 4);
        assert_eq!(&buffer[12..17], b"name\0");
        assert_eq!(put(&mut buffer[..16], 7, 0, b"name"), None);
        assert_eq!(put(&mut [0; LONGEST], 1, 0, &[b'x'; 255]), Some(LONGEST));
    }

    #[test]
    fn places_are_found_again_and_stay_few() {
        let mut places = Places::default();
        for batch in 1..1000u64 {
            places.note(batch * 10, batch * 100);
            assert_eq!(places.before(batch * 10), (batch * 10, batch * 100));
            assert!(places.known.len() <= REMEMBERED);
        }
        assert_eq!(places.before(3), (0, 0));
        let (count, cursor) = places.before(5005);
        assert!(count <= 5005 && cursor == count * 10);
        places.restart();
        assert_eq!(places.before(9990), (0, 0));
    }
}
