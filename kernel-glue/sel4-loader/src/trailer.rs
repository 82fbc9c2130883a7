//! What the loader tells the root task.

/// The last bytes of the user image, directly below the root task's IPC buffer, whose address is
/// in the kernel's boot info.
///
/// All words are little-endian, in the order of the fields, the magic number last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Trailer {
    /// Virtual address of the root image's first page.
    pub image_start: u64,
    /// Virtual address of the device tree, a multiple of 4096; 0 if the firmware gave none.
    pub device_tree: u64,
    /// Bytes of the device tree; it may be written to, and nothing else lies in its pages but the
    /// trailer.
    pub device_tree_size: u64,
}

impl Trailer {
    /// Bytes that a trailer takes.
    pub const SIZE: usize = 32;

    const MAGIC: u64 = u64::from_le_bytes(*b"HirdTail");

    /// The trailer as it lies in memory.
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let words = [
            self.image_start,
            self.device_tree,
            self.device_tree_size,
            Self::MAGIC,
        ];
        let mut bytes = [0; Self::SIZE];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Reads a trailer; `None` if there is none in these bytes.
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Option<Trailer> {
        let mut words = bytes.chunks_exact(8).map(|chunk| {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            u64::from_le_bytes(word)
        });
        let mut next = || words.next().unwrap_or_default();
        let trailer = Trailer {
            image_start: next(),
            device_tree: next(),
            device_tree_size: next(),
        };
        (next() == Self::MAGIC).then_some(trailer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailer_is_read_back_as_it_was_written() {
        let trailer = Trailer {
            image_start: 0x40_0000,
            device_tree: 0x80_0000,
            device_tree_size: 7000,
        };
        assert_eq!(Trailer::from_bytes(&trailer.to_bytes()), Some(trailer));
    }

    #[test]
    fn other_bytes_are_no_trailer() {
        assert_eq!(Trailer::from_bytes(&[0; 32]), None);
    }
}
