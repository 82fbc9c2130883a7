//! The boot modules: a cpio archive (newc) that the host tool appends to the mach server. Each
//! member's data begins at a page border, so that programs are mapped where they lie.

use core::str;

const HEADER: usize = 110;

/// A member.
#[derive(Clone, Copy)]
pub struct Module {
    /// Its name.
    pub name: &'static str,
    /// Its file.
    pub data: &'static [u8],
}

/// All members, in order.
pub fn modules() -> impl Iterator<Item = Module> {
    let archive = sel4_root_task::appended();
    let mut at = 0;
    core::iter::from_fn(move || {
        let header = archive.get(at..at + HEADER)?;
        if &header[..6] != b"070701" {
            return None;
        }
        let field = |index: usize| {
            let digits = header.get(6 + 8 * index..14 + 8 * index)?;
            usize::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
        };
        let (size, name_size) = (field(6)?, field(11)?);
        let name = archive.get(at + HEADER..at + HEADER + name_size)?;
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        let name = str::from_utf8(&name[..end]).ok()?;
        let start = (at + HEADER + name_size).next_multiple_of(4);
        let data = archive.get(start..start + size)?;
        at = (start + size).next_multiple_of(4);
        (name != "TRAILER!!!").then_some(Module { name, data })
    })
}
