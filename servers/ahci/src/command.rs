//! Commands as the controller reads them from memory (AHCI 4.2.2, 4.2.3).

/// Bytes of an entry of the list of commands, of a command itself, and of an entry of its table of
/// regions.
pub const HEADER_BYTES: usize = 32;
pub const FIS_BYTES: usize = 20;
pub const REGION_BYTES: usize = 16;
/// Where the table of regions lies behind the command's start.
pub const REGIONS: usize = 0x80;
/// The most bytes in a region.
pub const REGION_MOST: usize = 4 << 20;

/// What a disk can be asked (ACS-3, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// To describe itself: 512 bytes.
    Identify,
    /// To read so many sectors, from the first on.
    Read(u64, u16),
    /// To write them.
    Write(u64, u16),
    /// To keep what was written.
    Flush,
}

impl Command {
    /// Whether the disk receives data.
    pub fn writes(self) -> bool {
        matches!(self, Command::Write(..))
    }

    /// The register FIS from host to device (Serial ATA 3.1, 10.5.5) that carries it.
    pub fn fis(self) -> [u8; FIS_BYTES] {
        /// Its type, and the bit that says that it is a command.
        const REGISTERS: u8 = 0x27;
        const COMMAND: u8 = 0x80;
        /// The address is a sector's number.
        const LBA: u8 = 0x40;
        let (number, device, address, count) = match self {
            Command::Identify => (0xec, 0, 0, 0),
            Command::Read(first, count) => (0x25, LBA, first, count),
            Command::Write(first, count) => (0x35, LBA, first, count),
            Command::Flush => (0xea, LBA, 0, 0),
        };
        let [a, b, c, d, e, f, ..] = address.to_le_bytes();
        let [low, high] = count.to_le_bytes();
        let mut fis = [0; FIS_BYTES];
        fis[..4].copy_from_slice(&[REGISTERS, COMMAND, number, 0]);
        fis[4..8].copy_from_slice(&[a, b, c, device]);
        fis[8..12].copy_from_slice(&[d, e, f, 0]);
        fis[12..14].copy_from_slice(&[low, high]);
        fis
    }

    /// The entry of the list of commands for one whose table is at `table`, with so many regions.
    pub fn header(self, table: u64, regions: u16) -> [u8; HEADER_BYTES] {
        const WRITE: u32 = 1 << 6;
        let words = (FIS_BYTES / 4) as u32;
        let write = if self.writes() { WRITE } else { 0 };
        let mut header = [0; HEADER_BYTES];
        let first = words | write | u32::from(regions) << 16;
        header[..4].copy_from_slice(&first.to_le_bytes());
        header[8..16].copy_from_slice(&table.to_le_bytes());
        header
    }
}

/// The entry of the table of regions for memory of `bytes` bytes, an even number up to
/// [`REGION_MOST`], at an even address.
pub fn region(address: u64, bytes: usize) -> [u8; REGION_BYTES] {
    let mut region = [0; REGION_BYTES];
    region[..8].copy_from_slice(&address.to_le_bytes());
    region[12..].copy_from_slice(&(bytes as u32 - 1).to_le_bytes());
    region
}

/// How many bytes were transferred, as the command's entry of the list says afterwards.
pub fn transferred(header: &[u8; HEADER_BYTES]) -> usize {
    let [_, _, _, _, a, b, c, d, ..] = *header;
    u32::from_le_bytes([a, b, c, d]) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_the_layout_of_the_specification() {
        let fis = Command::Read(0x6655_4433_2211, 0x8877).fis();
        assert_eq!(
            fis,
            [
                0x27, 0x80, 0x25, 0, 0x11, 0x22, 0x33, 0x40, 0x44, 0x55, 0x66, 0, 0x77, 0x88, 0, 0,
                0, 0, 0, 0
            ]
        );
        assert_eq!(Command::Write(1, 1).fis()[2], 0x35);
        assert_eq!(Command::Flush.fis()[2], 0xea);
        assert_eq!(Command::Identify.fis()[2], 0xec);
        let header = Command::Write(0, 1).header(0x1_2345_6780, 1);
        assert_eq!(header[..4], [0x45, 0, 1, 0]);
        assert_eq!(header[8..16], 0x1_2345_6780u64.to_le_bytes());
        assert_eq!(Command::Read(0, 1).header(0, 1)[0], 5);
        assert_eq!(region(0x1_0000_2000, 512)[12..], 511u32.to_le_bytes());
    }
}
