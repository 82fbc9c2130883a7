//! The archive of the first programs, which the mach server carries inside it.
//!
//! It is a cpio archive of the "newc" kind (SVR4 without checksums), so that
//! common tools read it. Each member's data starts at a multiple of
//! [`ALIGNMENT`] from the archive's start: the name is padded with NULs, which
//! its size counts. The mach server can so map text pages where they lie.

use anyhow::{Result, ensure};

/// Alignment of every member's data, in bytes: a page.
pub const ALIGNMENT: usize = 4096;

const MAGIC: &[u8] = b"070701";
/// Magic and thirteen numbers of eight hexadecimal digits.
const HEADER_SIZE: usize = 6 + 13 * 8;
/// Headers and data start at multiples of this in any newc archive.
const CPIO_ALIGNMENT: usize = 4;
/// File type and permissions of a member: a regular file for all to read and run.
const MODE: usize = 0o100_755;
const TRAILER: &str = "TRAILER!!!";

/// Builds an archive in memory.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    members: usize,
}

impl Archive {
    /// Adds a file with its data on a page boundary.
    pub fn add(&mut self, name: &str, data: &[u8]) -> Result<()> {
        self.add_with(name, MODE, data, ALIGNMENT)
    }

    /// Adds a file of the given type and permissions, unaligned: for archives
    /// that nobody maps.
    pub fn add_plain(&mut self, name: &str, mode: usize, data: &[u8]) -> Result<()> {
        self.add_with(name, mode, data, CPIO_ALIGNMENT)
    }

    fn add_with(&mut self, name: &str, mode: usize, data: &[u8], alignment: usize) -> Result<()> {
        ensure!(
            !name.is_empty() && !name.contains('\0'),
            "bad archive member name {name:?}"
        );
        ensure!(
            u32::try_from(data.len()).is_ok(),
            "{name} is too long for a cpio archive"
        );
        self.align(CPIO_ALIGNMENT);
        let name_start = self.bytes.len() + HEADER_SIZE;
        let data_start = (name_start + name.len() + 1).next_multiple_of(alignment);
        self.members += 1;
        self.header(self.members, mode, data.len(), data_start - name_start);
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.resize(data_start, 0);
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    /// Ends the archive and returns it.
    pub fn finish(mut self) -> Vec<u8> {
        self.align(CPIO_ALIGNMENT);
        self.header(0, 0, 0, TRAILER.len() + 1);
        self.bytes.extend_from_slice(TRAILER.as_bytes());
        self.bytes.push(0);
        self.align(CPIO_ALIGNMENT);
        self.bytes
    }

    fn header(&mut self, inode: usize, mode: usize, size: usize, name_size: usize) {
        // inode, mode, uid, gid, links, mtime, size, device (2), special device (2), name size, check
        let fields = [inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0];
        self.bytes.extend_from_slice(MAGIC);
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
    }

    fn align(&mut self, alignment: usize) {
        self.bytes
            .resize(self.bytes.len().next_multiple_of(alignment), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(header: &[u8], index: usize) -> usize {
        let digits = std::str::from_utf8(&header[6 + 8 * index..][..8]).expect("ASCII");
        usize::from_str_radix(digits, 16).expect("hexadecimal")
    }

    /// Reads an archive back, as the specification says.
    fn parse(bytes: &[u8]) -> Vec<(String, usize, Vec<u8>)> {
        let mut at = 0;
        let mut members = Vec::new();
        loop {
            let header = &bytes[at..];
            assert_eq!(&header[..6], MAGIC);
            let (size, name_size) = (field(header, 6), field(header, 11));
            let name = &header[HEADER_SIZE..][..name_size];
            let name = &name[..name.iter().position(|&b| b == 0).expect("ends with NUL")];
            let name = String::from_utf8(name.to_vec()).expect("UTF-8");
            if name == TRAILER {
                return members;
            }
            let data = (at + HEADER_SIZE + name_size).next_multiple_of(4);
            members.push((name, data, bytes[data..data + size].to_vec()));
            at = (data + size).next_multiple_of(4);
        }
    }

    #[test]
    fn every_member_is_found_again_on_a_page_boundary() {
        let files: Vec<(String, Vec<u8>)> = (0..20)
            .map(|i| (format!("file{i}"), vec![i as u8; i * 777]))
            .collect();
        let mut archive = Archive::default();
        for (name, data) in &files {
            archive.add(name, data).expect("a good name");
        }
        let members = parse(&archive.finish());
        assert_eq!(members.len(), files.len());
        for ((name, data), (found, at, content)) in files.iter().zip(&members) {
            assert_eq!((name, data), (found, content));
            assert_eq!(at % ALIGNMENT, 0);
        }
    }

    #[test]
    fn a_name_with_a_nul_is_refused() {
        assert!(Archive::default().add("a\0b", b"").is_err());
        assert!(Archive::default().add("", b"").is_err());
    }
}
