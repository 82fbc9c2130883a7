//! Reading a file that is to be executed.

use alloc::vec;
use alloc::vec::Vec;

use elfload::PAGE;
use elfload::image::{HEADER_SIZE, Header, Image, Segment, Target};
use elfload::script;
use machuser::{Error, Result};

/// Most bytes of a program that are kept in memory objects. A larger program's pages are
/// copied into each task that executes it, at that task's cost.
pub const SHARED_LIMIT: u64 = 16 << 20;
/// How much is read from a file at a time.
pub const CHUNK: usize = 256 << 10;

/// A file to be executed.
pub trait File {
    /// Reads at `offset`; returns how many bytes, 0 at the end.
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize>;
}

/// Where memory objects come from.
pub trait Memory {
    /// Memory of pages that tasks can map.
    type Object;

    /// Makes an object of `bytes`, whole pages, that are zero; `fill` sees them before anybody else.
    fn object(
        &self,
        bytes: u64,
        fill: &mut dyn FnMut(&mut [u8]) -> Result<()>,
    ) -> Result<Self::Object>;
}

/// A program that can be put into tasks.
#[derive(Debug)]
pub struct Program<O> {
    /// What it asks for.
    pub image: Image,
    /// For each segment the object with its file pages; `None` if it has none, or if the
    /// program is too large to be shared.
    pub objects: Vec<Option<O>>,
    shared: bool,
}

impl<O> Program<O> {
    /// Bytes of its memory objects.
    pub fn shared_bytes(&self) -> u64 {
        if self.shared {
            file_pages(&self.image)
        } else {
            0
        }
    }

    /// Whether its pages are in objects.
    pub const fn is_shared(&self) -> bool {
        self.shared
    }

    #[cfg(test)]
    pub(crate) const fn for_test(image: Image, objects: Vec<Option<O>>) -> Self {
        Self {
            image,
            objects,
            shared: true,
        }
    }
}

fn file_pages(image: &Image) -> u64 {
    image.segments.iter().map(Segment::file_pages).sum()
}

/// What a file is.
#[derive(Debug)]
pub enum Executable<O> {
    /// A program.
    Program(Program<O>),
    /// A script: the interpreter's path, and the one argument of its line.
    Script(Vec<u8>, Option<Vec<u8>>),
}

/// Reads exactly `into`; `ENOEXEC` if the file ends before.
pub fn read_exact(file: &impl File, mut offset: u64, mut into: &mut [u8]) -> Result<()> {
    while !into.is_empty() {
        let most = into.len().min(CHUNK);
        let count = file.read(offset, &mut into[..most])?.min(most);
        if count == 0 {
            return Err(Error::ENOEXEC);
        }
        offset += count as u64;
        into = &mut into[count..];
    }
    Ok(())
}

/// Reads a file of `size` bytes. Every fault of its contents is `ENOEXEC`.
pub fn read<M: Memory>(
    file: &impl File,
    size: u64,
    memory: &M,
    target: Target,
) -> Result<Executable<M::Object>> {
    let mut start = vec![0; size.min(PAGE) as usize];
    read_exact(file, 0, &mut start)?;
    if let Some(line) = script::parse(&start, size <= PAGE) {
        let line = line.map_err(|_| Error::ENOEXEC)?;
        let argument = line.argument.map(<[u8]>::to_vec);
        return Ok(Executable::Script(line.interpreter.to_vec(), argument));
    }
    if start.len() < HEADER_SIZE {
        return Err(Error::ENOEXEC);
    }
    let header = Header::parse(&start, size, target).map_err(|_| Error::ENOEXEC)?;
    let (offset, bytes) = header.program_headers();
    let inside = usize::try_from(offset)
        .ok()
        .and_then(|at| start.get(at..)?.get(..bytes));
    let image = match inside {
        Some(headers) => header.image(headers),
        None => {
            let mut headers = vec![0; bytes];
            read_exact(file, offset, &mut headers)?;
            header.image(&headers)
        }
    };
    let image = image.map_err(|_| Error::ENOEXEC)?;
    let shared = file_pages(&image) <= SHARED_LIMIT;
    let mut objects = Vec::with_capacity(image.segments.len());
    for segment in &image.segments {
        let object = if shared && segment.file_pages() != 0 {
            Some(memory.object(segment.file_pages(), &mut |pages| {
                fill(file, segment, pages)
            })?)
        } else {
            None
        };
        objects.push(object);
    }
    Ok(Executable::Program(Program {
        image,
        objects,
        shared,
    }))
}

fn fill(file: &impl File, segment: &Segment, pages: &mut [u8]) -> Result<()> {
    let (skip, size) = (segment.skip as usize, segment.size as usize);
    let place = pages
        .get_mut(skip..)
        .and_then(|p| p.get_mut(..size))
        .ok_or(Error::ENOEXEC)?;
    read_exact(file, segment.offset, place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Heap, Short, elf};

    #[test]
    fn a_program_is_read_into_objects() {
        let file = elf();
        let Ok(Executable::Program(program)) =
            read(&Short(&file), file.len() as u64, &Heap, Target::NATIVE)
        else {
            panic!()
        };
        assert!(program.is_shared());
        assert_eq!(program.objects.len(), 2);
        let text = program.objects[0].as_ref().unwrap();
        assert_eq!(
            text[..file.len().min(text.len())],
            file[..text.len().min(file.len())]
        );
        let data = program.objects[1].as_ref().unwrap();
        assert_eq!(data.len(), 4096);
        assert!(data[..0x100].iter().all(|&b| b == 0));
        assert_eq!(data[0x100..0x110], [0xda; 16]);
    }

    #[test]
    fn a_script_names_its_interpreter() {
        let text = b"#!/bin/sh -e\necho\n";
        let Ok(Executable::Script(interpreter, argument)) =
            read(&Short(text), text.len() as u64, &Heap, Target::NATIVE)
        else {
            panic!()
        };
        assert_eq!(
            (interpreter.as_slice(), argument.as_deref()),
            (&b"/bin/sh"[..], Some(&b"-e"[..]))
        );
    }

    #[test]
    fn a_file_shorter_than_it_says_is_no_program() {
        let file = elf();
        for (content, size) in [
            (&file[..80], file.len()),
            (&b"#!"[..], 2),
            (&b""[..], 0),
            (b"x", 9),
        ] {
            let result = read(&Short(content), size as u64, &Heap, Target::NATIVE);
            assert_eq!(result.err(), Some(Error::ENOEXEC));
        }
    }
}
