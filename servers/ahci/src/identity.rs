//! What a disk says of itself (ACS-3, 7.12.7).

use crate::hardware::Failure;

/// Bytes of the description.
pub const BYTES: usize = 512;

/// A disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its serial number, as it says it.
    pub serial: [u8; 20],
    /// How many sectors it has.
    pub sectors: u64,
    /// Bytes of a sector: 512 or 4096.
    pub sector: usize,
}

impl Identity {
    /// From the description.
    ///
    /// # Errors
    /// [`Failure::Unusable`] if it is of no disk that can be driven.
    pub fn parse(description: &[u8; BYTES]) -> Result<Identity, Failure> {
        let word = |at: usize| u16::from_le_bytes([description[2 * at], description[2 * at + 1]]);
        let words = |at: usize, count: usize| {
            (0..count).fold(0, |sum, index| {
                sum | u64::from(word(at + index)) << (16 * index)
            })
        };
        // Whether a word says that what its other bits say is true.
        let is_valid = |at| word(at) & 0xc000 == 0x4000;
        if word(0) & 0x8000 != 0 {
            return Err(Failure::Unusable("it is no disk"));
        }
        // LBA and DMA.
        if word(49) & 0x0300 != 0x0300 {
            return Err(Failure::Unusable("a disk without DMA is not driven"));
        }
        // Addresses of 48 bits, and the flush that comes with them.
        if !is_valid(83) || word(83) & 0x2400 != 0x2400 {
            return Err(Failure::Unusable(
                "a disk without addresses of 48 bits is not driven",
            ));
        }
        let has_long_sectors = is_valid(106) && word(106) & 0x1000 != 0;
        let sector = if has_long_sectors {
            2 * words(117, 2)
        } else {
            512
        };
        let sectors = words(100, 4);
        match (sector, sectors) {
            (512 | 4096, 1..0x1_0000_0000_0000) => Ok(Identity {
                serial: core::array::from_fn(|at| description[20 + at]),
                sectors,
                sector: sector as usize,
            }),
            (512 | 4096, _) => Err(Failure::Unusable("it says no size that a disk can have")),
            _ => Err(Failure::Unusable(
                "its sectors have neither 512 nor 4096 bytes",
            )),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The description of a disk.
    pub fn description(sectors: u64, sector: usize, serial: u8) -> [u8; BYTES] {
        let mut words = [0u16; BYTES / 2];
        words[0] = 0x0040;
        words[10] = u16::from(serial);
        words[49] = 0x0300;
        words[83] = 0x7400;
        for index in 0..4 {
            words[100 + index] = (sectors >> (16 * index)) as u16;
        }
        if sector != 512 {
            words[106] = 0x5000;
            words[117] = (sector / 2) as u16;
        }
        let mut bytes = [0; BYTES];
        for (bytes, word) in bytes.chunks_exact_mut(2).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn disks_of_both_sector_sizes_are_understood() {
        for (sectors, sector) in [(1, 512), (0xffff_ffff_ffff, 512), (1 << 28, 4096)] {
            let identity = Identity::parse(&description(sectors, sector, 7)).unwrap();
            assert_eq!((identity.sectors, identity.sector), (sectors, sector));
            assert_eq!(identity.serial[0], 7);
        }
    }

    #[test]
    fn what_cannot_be_driven_is_refused() {
        let change = |at: usize, value: u8| {
            let mut description = description(100, 4096, 0);
            description[at] = value;
            Identity::parse(&description)
        };
        assert!(change(99, 3).is_ok());
        // No disk; no DMA; no addresses of 48 bits; not valid; 4104 bytes; no sectors.
        let changes = [
            (1, 0x80),
            (99, 2),
            (167, 0x40),
            (167, 0x34),
            (234, 4),
            (200, 0),
        ];
        for (at, value) in changes {
            assert!(
                matches!(change(at, value), Err(Failure::Unusable(_))),
                "{at}"
            );
        }
        let huge = description(1 << 48, 512, 0);
        assert!(matches!(Identity::parse(&huge), Err(Failure::Unusable(_))));
    }

    proptest! {
        #[test]
        fn any_description_gives_a_disk_or_is_refused(bytes in proptest::collection::vec(any::<u8>(), BYTES)) {
            let description = bytes.try_into().expect("its length");
            if let Ok(identity) = Identity::parse(&description) {
                prop_assert!(matches!(identity.sector, 512 | 4096));
                let bytes = identity.sectors.checked_mul(identity.sector as u64);
                prop_assert!(identity.sectors > 0 && bytes.is_some());
            }
        }
    }
}
