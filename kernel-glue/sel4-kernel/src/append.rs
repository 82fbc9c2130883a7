//! Appending data to a root task that is linked already.

use crate::error::{Error, Result};

/// What the linker script leaves at the start of the segment that grows.
const MARK: &[u8] = b"appended";
const PAGE_SIZE: usize = 4096;

/// The root task, a 64-bit ELF program, with `data` as the last segment of its image: what its
/// function `appended` of `sel4-root-task` finds.
///
/// # Errors
///
/// [`Error::Append`] if the program was not linked for it, or was appended to already.
pub fn append(program: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    if !program.starts_with(b"\x7fELF\x02\x01") {
        return Err(Error::Append("it is no 64-bit ELF program"));
    }
    let header = segment(program).ok_or(Error::Append("it has no segment for it"))?;
    let mut image = program.to_vec();
    image.resize(image.len().next_multiple_of(PAGE_SIZE), 0);
    let offset = image.len() as u64;
    image.extend_from_slice(data);
    // ELF-64 specification: p_offset, p_filesz, p_memsz.
    for (field, value) in [
        (8, offset),
        (32, data.len() as u64),
        (40, data.len() as u64),
    ] {
        image[header + field..][..8].copy_from_slice(&value.to_le_bytes());
    }
    Ok(image)
}

/// Where the header of the segment with the mark lies.
fn segment(program: &[u8]) -> Option<usize> {
    let number = |at: usize, size: usize| -> Option<usize> {
        let mut value = [0; 8];
        value[..size].copy_from_slice(program.get(at..at.checked_add(size)?)?);
        usize::try_from(u64::from_le_bytes(value)).ok()
    };
    // e_phoff, e_phentsize, e_phnum; p_offset.
    let (first, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    (0..count)
        .map_while(|index| first.checked_add(index * size))
        .find(|header| {
            let offset = header.checked_add(8).and_then(|at| number(at, 8));
            offset
                .and_then(|offset| program.get(offset..))
                .is_some_and(|bytes| bytes.starts_with(MARK))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program with an empty segment and one with the mark.
    fn program() -> Vec<u8> {
        let mut program = vec![0; 64 + 2 * 56];
        program[..6].copy_from_slice(b"\x7fELF\x02\x01");
        program[32] = 64;
        program[54] = 56;
        program[56] = 2;
        program[64 + 56 + 8] = program.len() as u8;
        program.extend_from_slice(MARK);
        program
    }

    #[test]
    fn what_is_appended_is_the_marked_segment() {
        let image = append(&program(), b"data").unwrap();
        let word = |at: usize| u64::from_le_bytes(image[at..at + 8].try_into().unwrap());
        let header = 64 + 56;
        assert_eq!(word(header + 8), 4096);
        assert_eq!((word(header + 32), word(header + 40)), (4, 4));
        assert_eq!(&image[4096..], b"data");
        assert_eq!(image[64..120], program()[64..120]);
    }

    #[test]
    fn what_has_no_place_for_it_is_refused() {
        assert!(append(b"text", b"data").is_err());
        let image = append(&program(), b"data").unwrap();
        assert!(append(&image, b"more").is_err());
        let mut damaged = program();
        damaged[32..40].fill(0xff);
        assert!(append(&damaged, b"data").is_err());
    }
}
