//! What follows the loader in the image file: the kernel and the root task.

use crate::PAGE_SIZE;

/// Bytes of the header. The kernel follows it.
pub const HEADER_SIZE: usize = 112;

const MAGIC: u64 = u64::from_le_bytes(*b"HirdSeL4");
const WORDS: usize = HEADER_SIZE / 8;

/// Where the kernel and the root task lie in the payload, and where they want to be in memory.
///
/// In the file: a magic number, the fields in their order, and the checksum of all of these, each
/// a little-endian word. Offsets are in bytes from the start of the header.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Header {
    /// Offset of the kernel's bytes.
    pub kernel_offset: u64,
    /// Number of the kernel's bytes in the payload.
    pub kernel_file_size: u64,
    /// Bytes of memory that the kernel takes; those that are not in the payload are zero.
    pub kernel_memory_size: u64,
    /// Physical address of the kernel, a multiple of 2 MiB.
    pub kernel_physical: u64,
    /// Virtual address of the kernel, a multiple of 2 MiB.
    pub kernel_virtual: u64,
    /// Virtual address of the kernel's first instruction.
    pub kernel_entry: u64,
    /// Physical address of the word with the end of the memory that the kernel manages.
    pub kernel_memory_end: u64,
    /// Offset of the root task's bytes, a multiple of [`PAGE_SIZE`] from the start of the loader.
    pub root_offset: u64,
    /// Number of the root task's bytes in the payload, the last of the file.
    pub root_file_size: u64,
    /// Bytes of memory that the root task takes, a multiple of [`PAGE_SIZE`].
    pub root_memory_size: u64,
    /// Virtual address of the root task's first page.
    pub root_virtual: u64,
    /// Virtual address of the root task's first instruction.
    pub root_entry: u64,
}

/// Why a payload cannot be booted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The loader is followed by something else, or nothing.
    NoPayload,
    /// The header is not what was written: its checksum differs.
    HeaderDamaged,
    /// The kernel or the root task lies outside of the file.
    Truncated,
    /// An address is not aligned, not in its range, or overlaps the loader.
    BadAddress,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Error::NoPayload => "the image holds no kernel and root task",
            Error::HeaderDamaged => "the payload header is damaged",
            Error::Truncated => "the image is truncated",
            Error::BadAddress => "the payload header has an address that cannot be",
        })
    }
}

impl core::error::Error for Error {}

impl Header {
    fn words(&self) -> [u64; WORDS - 2] {
        [
            self.kernel_offset,
            self.kernel_file_size,
            self.kernel_memory_size,
            self.kernel_physical,
            self.kernel_virtual,
            self.kernel_entry,
            self.kernel_memory_end,
            self.root_offset,
            self.root_file_size,
            self.root_memory_size,
            self.root_virtual,
            self.root_entry,
        ]
    }

    /// The header as it is in the file.
    pub fn to_bytes(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        let words = core::iter::once(MAGIC).chain(self.words());
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let sum = checksum(&bytes[..HEADER_SIZE - 8]);
        bytes[HEADER_SIZE - 8..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads and checks the header at the start of `payload`, which lies in memory at physical
    /// address `physical`, behind a loader that starts at `loader`.
    ///
    /// # Errors
    ///
    /// Everything that would make the loader write outside of the memory that a valid image takes
    /// is an error.
    pub fn read(payload: &[u8], physical: u64, loader: u64) -> Result<Header, Error> {
        let bytes = payload.get(..HEADER_SIZE).ok_or(Error::NoPayload)?;
        let mut words = bytes.chunks_exact(8).map(|chunk| {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            u64::from_le_bytes(word)
        });
        let mut next = || words.next().unwrap_or_default();
        if next() != MAGIC {
            return Err(Error::NoPayload);
        }
        let header = Header {
            kernel_offset: next(),
            kernel_file_size: next(),
            kernel_memory_size: next(),
            kernel_physical: next(),
            kernel_virtual: next(),
            kernel_entry: next(),
            kernel_memory_end: next(),
            root_offset: next(),
            root_file_size: next(),
            root_memory_size: next(),
            root_virtual: next(),
            root_entry: next(),
        };
        if next() != checksum(&bytes[..HEADER_SIZE - 8]) {
            return Err(Error::HeaderDamaged);
        }
        header.check(payload.len() as u64, physical, loader)?;
        Ok(header)
    }

    /// Checks sizes against a payload of `length` bytes at `physical`, and addresses against a
    /// loader that starts at `loader`.
    pub fn check(&self, length: u64, physical: u64, loader: u64) -> Result<(), Error> {
        const LARGE_PAGE: u64 = 0x20_0000;
        for (offset, size) in [
            (self.kernel_offset, self.kernel_file_size),
            (self.root_offset, self.root_file_size),
        ] {
            let end = offset.checked_add(size).ok_or(Error::Truncated)?;
            if offset < HEADER_SIZE as u64 || end > length {
                return Err(Error::Truncated);
            }
        }
        let kernel_end = self.kernel_physical.checked_add(self.kernel_memory_size);
        let kernel_virtual_end = self.kernel_virtual.checked_add(self.kernel_memory_size);
        let root_end = self.root_virtual.checked_add(self.root_memory_size);
        let (Some(kernel_end), Some(kernel_virtual_end), Some(root_end)) =
            (kernel_end, kernel_virtual_end, root_end)
        else {
            return Err(Error::BadAddress);
        };
        let good = self.kernel_file_size <= self.kernel_memory_size
            && self.kernel_physical.is_multiple_of(LARGE_PAGE)
            && self.kernel_virtual.is_multiple_of(LARGE_PAGE)
            && kernel_end <= loader
            && (self.kernel_virtual..kernel_virtual_end).contains(&self.kernel_entry)
            && self.kernel_memory_end.is_multiple_of(8)
            && (self.kernel_physical..kernel_end).contains(&self.kernel_memory_end)
            && self.root_file_size <= self.root_memory_size
            && self.root_memory_size.is_multiple_of(PAGE_SIZE)
            && self.root_virtual.is_multiple_of(PAGE_SIZE)
            && physical
                .wrapping_add(self.root_offset)
                .is_multiple_of(PAGE_SIZE)
            && (self.root_virtual..root_end).contains(&self.root_entry)
            && root_end <= self.kernel_virtual;
        if good { Ok(()) } else { Err(Error::BadAddress) }
    }
}

/// A number that tells whether bytes have been damaged on the way; no protection against intent.
/// Takes one multiplication for eight bytes.
pub fn checksum(bytes: &[u8]) -> u64 {
    let mix = |sum: u64, word: u64| {
        (sum ^ word)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
    };
    let chunks = bytes.chunks_exact(8);
    let mut last = [0; 8];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    let mut sum = bytes.len() as u64;
    for chunk in chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        sum = mix(sum, u64::from_le_bytes(word));
    }
    mix(sum, u64::from_le_bytes(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOADER: u64 = 0x4040_0000;
    const PAYLOAD: u64 = 0x4041_0000;

    fn header() -> Header {
        Header {
            kernel_offset: 0x80,
            kernel_file_size: 0x80,
            kernel_memory_size: 0x20_0000,
            kernel_physical: 0x4000_0000,
            kernel_virtual: 0xffff_ff80_0000_0000,
            kernel_entry: 0xffff_ff80_0000_1000,
            kernel_memory_end: 0x4000_2000,
            root_offset: 0x1000,
            root_file_size: 0x1000,
            root_memory_size: 0x3000,
            root_virtual: 0x40_0000,
            root_entry: 0x40_0010,
        }
    }

    fn payload(header: &Header) -> Vec<u8> {
        let mut payload = header.to_bytes().to_vec();
        payload.resize(0x2000, 0);
        payload
    }

    #[test]
    fn a_good_header_is_read_back() {
        assert_eq!(
            Header::read(&payload(&header()), PAYLOAD, LOADER),
            Ok(header())
        );
    }

    #[test]
    fn a_changed_bit_is_noticed() {
        for bit in 64..HEADER_SIZE * 8 {
            let mut payload = payload(&header());
            payload[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                Header::read(&payload, PAYLOAD, LOADER),
                Err(Error::HeaderDamaged)
            );
        }
    }

    #[test]
    fn a_file_without_payload_is_refused() {
        assert_eq!(Header::read(&[], PAYLOAD, LOADER), Err(Error::NoPayload));
        assert_eq!(
            Header::read(&[0; 0x1000], PAYLOAD, LOADER),
            Err(Error::NoPayload)
        );
    }

    #[test]
    fn a_truncated_file_is_refused() {
        let payload = payload(&header());
        let short = &payload[..payload.len() - 1];
        assert_eq!(Header::read(short, PAYLOAD, LOADER), Err(Error::Truncated));
    }

    #[test]
    fn an_address_out_of_its_range_is_refused() {
        let changes: [fn(&mut Header); 10] = [
            |h| h.kernel_physical = 0x4010_0000,
            |h| h.kernel_physical = 0x4030_0000,
            |h| h.kernel_physical = LOADER,
            |h| h.kernel_memory_size = u64::MAX,
            |h| h.kernel_entry = 0x1000,
            |h| h.kernel_memory_end = 0x4020_0000,
            |h| h.root_virtual = 0x40_0100,
            |h| h.root_virtual = 0xffff_ff7f_ffff_f000,
            |h| h.root_entry = 0x40_3000,
            |h| h.root_memory_size = 0x3001,
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut header = header();
            change(&mut header);
            let result = Header::read(&payload(&header), PAYLOAD, LOADER);
            assert_eq!(result, Err(Error::BadAddress), "change {number}");
        }
    }
}
