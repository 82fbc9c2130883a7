//! Page tables that last until the kernel has made its own.
//!
//! Source: Arm Architecture Reference Manual, VMSAv8-64, 4 KiB granule, 48-bit addresses.

/// One table: 512 descriptors.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(4096))]
pub struct Table([u64; ENTRIES]);

const ENTRIES: usize = 512;

/// Bytes that one block, the smallest unit of these tables, maps.
pub const BLOCK_SIZE: u64 = 0x20_0000;

const TABLE: u64 = 0b11;
const BLOCK: u64 = 0b01;
const ADDRESS: u64 = 0x0000_ffff_ffff_f000;
const INNER_SHAREABLE: u64 = 0b11 << 8;
const ACCESSED: u64 = 1 << 10;
const NO_EL1_EXECUTE: u64 = 1 << 53;
const NO_EL0_EXECUTE: u64 = 1 << 54;

/// Number of descriptors' bits that a level translates, and where the lowest level's begin.
const LEVEL_BITS: u32 = 9;
const BLOCK_SHIFT: u32 = 21;

/// The memory types that the kernel's own descriptors number, as `MAIR_EL1` holds them:
/// device-nGnRnE, device-nGnRE, device-GRE, normal uncached, normal write-back. The kernel leaves
/// the register as it finds it.
pub const MEMORY_ATTRIBUTES: u64 = 0xff_44_0c_04_00;

/// What a block maps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Memory: cached, may be executed.
    Memory,
    /// Registers of devices: strictly ordered.
    Device,
}

impl Kind {
    fn descriptor(self) -> u64 {
        match self {
            Kind::Memory => BLOCK | 4 << 2 | INNER_SHAREABLE | ACCESSED | NO_EL0_EXECUTE,
            Kind::Device => BLOCK | ACCESSED | NO_EL0_EXECUTE | NO_EL1_EXECUTE,
        }
    }
}

/// Why something cannot be mapped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// No table is left.
    NoTable,
    /// A block is already mapped to something else.
    Conflict,
    /// The addresses differ in their place within a block, or are too large.
    BadAddress,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Error::NoTable => "no page table is left",
            Error::Conflict => "memory and a device lie in the same 2 MiB",
            Error::BadAddress => "an address cannot be mapped",
        })
    }
}

/// A pool of tables.
#[derive(Debug)]
pub struct Tables<'a> {
    pool: &'a mut [Table],
    used: usize,
    /// Physical address of the pool.
    physical: u64,
}

/// The table that a translation begins with: what `TTBR0_EL1` or `TTBR1_EL1` names.
#[derive(Clone, Copy, Debug)]
pub struct Root(usize);

impl Table {
    /// A table that maps nothing.
    pub const EMPTY: Table = Table([0; ENTRIES]);
}

impl<'a> Tables<'a> {
    /// Takes a pool of tables whose first lies at the address `physical`.
    pub fn new(pool: &'a mut [Table], physical: u64) -> Tables<'a> {
        Tables {
            pool,
            used: 0,
            physical,
        }
    }

    /// Makes a root that maps nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NoTable`].
    pub fn root(&mut self) -> Result<Root, Error> {
        self.take().map(Root)
    }

    /// Physical address of a root.
    pub fn address(&self, root: Root) -> u64 {
        self.address_of(root.0)
    }

    /// Maps `size` bytes at `virtual_start` to `physical_start`, and what else lies in their
    /// blocks. Blocks that are mapped so already stay so.
    ///
    /// # Errors
    ///
    /// See [`Error`]; what was mapped before the error stays mapped.
    pub fn map(
        &mut self,
        root: Root,
        virtual_start: u64,
        physical_start: u64,
        size: u64,
        kind: Kind,
    ) -> Result<(), Error> {
        let offset = virtual_start % BLOCK_SIZE;
        if size == 0 {
            return Ok(());
        }
        if physical_start % BLOCK_SIZE != offset
            || physical_start
                .checked_add(size)
                .is_none_or(|end| end & !(ADDRESS | 0xfff) != 0)
            || virtual_start.checked_add(size - 1).is_none()
        {
            return Err(Error::BadAddress);
        }
        let blocks = (offset + size).div_ceil(BLOCK_SIZE);
        for number in 0..blocks {
            let distance = number * BLOCK_SIZE;
            let address = virtual_start - offset + distance;
            let block = (physical_start - offset + distance) | kind.descriptor();
            let directory = self.next_table(root.0, address, 2)?;
            let directory = self.next_table(directory, address, 1)?;
            let entry = &mut self.pool[directory].0[index(address, 0)];
            if *entry != 0 && *entry != block {
                return Err(Error::Conflict);
            }
            *entry = block;
        }
        Ok(())
    }

    /// The table that the entry for `address` in `table` points to; made if there is none. `level`
    /// is that of `table`.
    fn next_table(&mut self, table: usize, address: u64, level: u32) -> Result<usize, Error> {
        let place = index(address, level);
        let entry = self.pool[table].0[place];
        if entry & TABLE == TABLE {
            return Ok((((entry & ADDRESS) - self.physical) / size_of::<Table>() as u64) as usize);
        }
        let next = self.take()?;
        self.pool[table].0[place] = self.address_of(next) | TABLE;
        Ok(next)
    }

    fn take(&mut self) -> Result<usize, Error> {
        let number = self.used;
        *self.pool.get_mut(number).ok_or(Error::NoTable)? = Table::EMPTY;
        self.used += 1;
        Ok(number)
    }

    fn address_of(&self, number: usize) -> u64 {
        self.physical + (number * size_of::<Table>()) as u64
    }
}

/// The entry that translates `address` in a table of `level`, counted from the lowest, 0.
fn index(address: u64, level: u32) -> usize {
    (address >> (BLOCK_SHIFT + LEVEL_BITS * level)) as usize % ENTRIES
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: u64 = 0x4050_0000;

    /// What the hardware would find for `address`.
    fn walk(tables: &Tables, root: Root, address: u64) -> Option<u64> {
        let mut table = root.0;
        for level in [2, 1] {
            let entry = tables.pool[table].0[index(address, level)];
            if entry & TABLE != TABLE {
                return None;
            }
            table = ((entry & ADDRESS) - POOL) as usize / 4096;
        }
        let entry = tables.pool[table].0[index(address, 0)];
        (entry != 0).then_some(entry)
    }

    #[test]
    fn every_byte_of_a_range_is_mapped_and_none_beyond_its_blocks() {
        let mut pool = [Table::EMPTY; 8];
        let mut tables = Tables::new(&mut pool, POOL);
        let root = tables.root().unwrap();
        let (start, size) = (0x3ff0_0000, 0x30_0001);
        tables.map(root, start, start, size, Kind::Memory).unwrap();
        for block in [0x3fe0_0000, 0x4000_0000, 0x4020_0000] {
            assert_eq!(
                walk(&tables, root, block),
                Some(block | Kind::Memory.descriptor())
            );
        }
        assert_eq!(walk(&tables, root, 0x3fc0_0000), None);
        assert_eq!(walk(&tables, root, 0x4040_0000), None);
    }

    #[test]
    fn the_kernel_is_mapped_at_its_high_address() {
        let mut pool = [Table::EMPTY; 4];
        let mut tables = Tables::new(&mut pool, POOL);
        let root = tables.root().unwrap();
        let address = 0xffff_ff80_0000_0000;
        tables
            .map(root, address, 0x0100_0000, 0x22_4000, Kind::Memory)
            .unwrap();
        let second = walk(&tables, root, address + BLOCK_SIZE);
        assert_eq!(second, Some(0x0120_0000 | Kind::Memory.descriptor()));
    }

    #[test]
    fn what_cannot_be_mapped_is_refused() {
        let mut pool = [Table::EMPTY; 3];
        let mut tables = Tables::new(&mut pool, POOL);
        let root = tables.root().unwrap();
        let map =
            |tables: &mut Tables, to, from, size, kind| tables.map(root, to, from, size, kind);
        assert_eq!(map(&mut tables, 0, 0, 1, Kind::Device), Ok(()));
        assert_eq!(map(&mut tables, 0, 0, 1, Kind::Device), Ok(()));
        assert_eq!(
            map(&mut tables, 0, 0, 1, Kind::Memory),
            Err(Error::Conflict)
        );
        assert_eq!(
            map(&mut tables, 0, 1, 1, Kind::Memory),
            Err(Error::BadAddress)
        );
        assert_eq!(
            map(&mut tables, 1 << 48, 1 << 48, 1, Kind::Memory),
            Err(Error::BadAddress)
        );
        assert_eq!(
            map(&mut tables, 1 << 30, 1 << 30, 1, Kind::Memory),
            Err(Error::NoTable)
        );
    }
}
