//! Filling a task with a program.

use alloc::vec;
use alloc::vec::Vec;

use elfload::block::{Contents, Place};
use elfload::image::{Protection, Segment, Target};
use elfload::layout::Layout;
use machuser::{Error, Result};

use crate::program::{CHUNK, File, Program, read_exact};

/// A task that is to be filled.
pub trait Task {
    /// Memory that can be mapped.
    type Object;
    /// A right that the task can be given.
    type Right;
    /// A thread that does not run yet.
    type Thread;

    /// Maps an object at a free address: shared, or as a private copy.
    fn map(
        &self,
        address: u64,
        bytes: u64,
        object: &Self::Object,
        copy: bool,
        protection: Protection,
    ) -> Result<()>;
    /// Allocates zeroed memory, readable and writable.
    fn allocate(&self, address: u64, bytes: u64) -> Result<()>;
    /// Writes memory.
    fn write(&self, address: u64, bytes: &[u8]) -> Result<()>;
    /// Changes what may be done with memory.
    fn protect(&self, address: u64, bytes: u64, protection: Protection) -> Result<()>;
    /// Gives the task a right; returns its name there.
    fn give(&self, right: Self::Right) -> Result<u32>;
    /// Makes a thread whose page is at this address.
    fn thread(&self, page: u64) -> Result<Self::Thread>;
}

/// What a program is started with.
#[derive(Debug)]
pub struct Arguments<'a, R> {
    /// Flags of the request.
    pub flags: u32,
    /// Arguments, each with its NUL.
    pub argv: &'a [u8],
    /// Environment, each entry with its NUL.
    pub envp: &'a [u8],
    /// Ports of the descriptors.
    pub descriptors: Vec<Option<R>>,
    /// Init ports.
    pub ports: Vec<Option<R>>,
    /// Init ints.
    pub ints: &'a [u32],
}

/// A program that is ready to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ready<T> {
    /// Its thread.
    pub thread: T,
    /// Where it starts.
    pub entry: u64,
    /// Its stack pointer, and the address of its start-up block.
    pub block: u64,
}

/// Puts `program` into an empty task. `file` is read again if the program is too large to be
/// shared. After an error the task is in no state to be used.
pub fn prepare<T: Task>(
    task: &T,
    program: &Program<T::Object>,
    file: &impl File,
    arguments: Arguments<'_, T::Right>,
    target: Target,
) -> Result<Ready<T::Thread>> {
    let image = &program.image;
    let sizes = Contents {
        argv: arguments.argv,
        envp: arguments.envp,
        descriptors: &vec![0; arguments.descriptors.len()],
        ports: &vec![0; arguments.ports.len()],
        ints: arguments.ints,
        ..Contents::default()
    };
    let layout = Layout::new(
        image.low(),
        image.high(),
        sizes.size() as u64,
        target.highest,
    )
    .ok_or(Error::ENOMEM)?;

    for (segment, object) in image.segments.iter().zip(&program.objects) {
        match object {
            Some(object) => {
                let copy = !segment.shared();
                task.map(
                    segment.start,
                    segment.file_pages(),
                    object,
                    copy,
                    segment.protection,
                )?;
            }
            None if segment.file_pages() != 0 => copy_pages(task, segment, file)?,
            None => {}
        }
        let rest = segment.end - segment.file_end;
        if rest != 0 {
            task.allocate(segment.file_end, rest)?;
            if !segment.protection.write {
                task.protect(segment.file_end, rest, segment.protection)?;
            }
        }
    }

    task.allocate(layout.stack, layout.size)?;
    let give = |rights: Vec<Option<T::Right>>| -> Result<Vec<u32>> {
        rights
            .into_iter()
            .map(|right| right.map_or(Ok(0), |right| task.give(right)))
            .collect()
    };
    let descriptors = give(arguments.descriptors)?;
    let ports = give(arguments.ports)?;
    let block = Contents {
        flags: arguments.flags,
        argv: arguments.argv,
        envp: arguments.envp,
        descriptors: &descriptors,
        ports: &ports,
        ints: arguments.ints,
        place: Place {
            stack: layout.stack,
            stack_size: layout.stack_size(),
            low: image.low(),
            high: image.high(),
            entry: image.entry,
            headers: image.headers.unwrap_or(0),
            headers_count: image.headers_count,
        },
    };
    task.write(layout.block, &block.to_bytes())?;
    let thread = task.thread(layout.thread_page)?;
    Ok(Ready {
        thread,
        entry: image.entry,
        block: layout.block,
    })
}

fn copy_pages<T: Task>(task: &T, segment: &Segment, file: &impl File) -> Result<()> {
    task.allocate(segment.start, segment.file_pages())?;
    let mut buffer = vec![0; CHUNK.min(segment.size as usize)];
    let mut done = 0;
    while done < segment.size {
        let count = (segment.size - done).min(CHUNK as u64) as usize;
        read_exact(file, segment.offset + done, &mut buffer[..count])?;
        task.write(segment.start + segment.skip + done, &buffer[..count])?;
        done += count as u64;
    }
    if segment.protection.write {
        return Ok(());
    }
    task.protect(segment.start, segment.file_pages(), segment.protection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{Executable, read};
    use crate::testing::{FakeTask, Heap, Short, elf};
    use elfload::block::{Block, port};

    fn started(fail_after: Option<usize>) -> (FakeTask, Result<Ready<u64>>) {
        let file = elf();
        let Ok(Executable::Program(program)) =
            read(&Short(&file), file.len() as u64, &Heap, Target::NATIVE)
        else {
            panic!()
        };
        let task = FakeTask::new(fail_after);
        let arguments = Arguments {
            flags: 4,
            argv: b"x\0y\0",
            envp: b"A=b\0",
            descriptors: vec![Some(70), None, Some(70)],
            ports: vec![None, None, None, None, None, Some(71)],
            ints: &[0o22, 0, 0, 0, 0],
        };
        let ready = prepare(&task, &program, &Short(&file), arguments, Target::NATIVE);
        (task, ready)
    }

    #[test]
    fn a_task_gets_image_stack_block_and_rights() {
        let (task, ready) = started(None);
        let ready = ready.unwrap();
        assert_eq!(ready.entry, 0x101_0100);
        assert!(task.protection(0x101_0000).execute && !task.protection(0x101_0000).write);
        assert!(task.protection(0x102_0000).write);
        assert_eq!(task.bytes(0x102_0100, 16), [0xda; 16]);
        assert_eq!(task.bytes(0x102_3000, 4), [0; 4]);
        let size = Block::size_of(&task.bytes(ready.block, 64)).unwrap();
        let bytes = task.bytes(ready.block, size);
        let block = Block::parse(&bytes).unwrap();
        assert_eq!(block.arguments().collect::<Vec<_>>(), [b"x", b"y"]);
        assert_eq!(block.descriptors().collect::<Vec<_>>(), [1070, 0, 1070]);
        assert_eq!((block.port(port::BOOTSTRAP), block.flags), (1071, 4));
        assert_eq!(block.place.stack + block.place.stack_size, ready.block);
        assert!(task.protection(ready.block - 8).write);
    }

    #[test]
    fn every_failure_of_the_task_is_answered() {
        let mut failures = 0;
        while let (_, Err(error)) = started(Some(failures)) {
            assert_eq!(error, Error::KERN_RESOURCE_SHORTAGE);
            failures += 1;
        }
        assert!(failures > 6);
    }

    #[test]
    fn a_large_program_is_copied() {
        let file = elf();
        let Ok(Executable::Program(mut program)) =
            read(&Short(&file), file.len() as u64, &Heap, Target::NATIVE)
        else {
            panic!()
        };
        program.objects = vec![None, None];
        let task = FakeTask::new(None);
        let arguments = Arguments {
            flags: 0,
            argv: b"",
            envp: b"",
            descriptors: vec![],
            ports: vec![],
            ints: &[],
        };
        prepare(&task, &program, &Short(&file), arguments, Target::NATIVE).unwrap();
        assert!(task.protection(0x101_0000).execute && !task.protection(0x101_0000).write);
        assert_eq!(task.bytes(0x101_0000, 64), file[..64]);
        assert_eq!(task.bytes(0x102_0100, 16), [0xda; 16]);
    }
}
