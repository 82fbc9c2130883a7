//! Memory maps against a simple model of them.
//!
//! The model keeps, for each page of each task, a cell with its contents: what
//! is shared is one cell, what is copied is copied at once. The real thing must
//! look the same however it shares frames, and its books must be right.

use crate::common::{Bytes, Caller, Reply, World};
use mach::abi::{LARGE_PAGE, disposition, inherit, routine, vm_flags};
use mach::sim::SimTask;
use mach::{Error, Protection};
use std::collections::{BTreeMap, BTreeSet};

const PAGE: u64 = 4096;
/// Where the model looks: part of two blocks that the kernel can hide at once.
const BASE: u64 = 0x5000_0000 + (2 << 20) - 48 * PAGE;
/// Where threads have their pages, which the model does not look at.
const THREAD_PAGE: u64 = 0x4000_0000;
/// How many pages it looks at.
const PAGES: u64 = 96;
/// Pages of the object that tasks map.
const OBJECT: u64 = 64;
/// Number of the first large page that the model looks at, and where it is.
const LARGE: u64 = 1000;
const LARGE_BASE: u64 = 0x6000_0000;
/// How many of them, and large pages of the object of such.
const LARGE_PAGES: u64 = 4;
/// Where the model looks into them.
const LARGE_OFFSET: u64 = 0x12_3000;
const TASKS: usize = 5;
const SHORT: Error = Error::KERN_RESOURCE_SHORTAGE;

#[derive(Clone, Copy, Debug)]
struct Page {
    cell: usize,
    protection: u32,
    maximum: u32,
    inheritance: u64,
}

#[derive(Clone)]
struct Task {
    caller: Caller,
    name: u64,
    object: u64,
    pages: BTreeMap<u64, Page>,
}

/// Where a page is.
fn place(page: u64) -> u64 {
    match page.checked_sub(LARGE) {
        Some(large) => LARGE_BASE + large * LARGE_PAGE,
        None => BASE + page * PAGE,
    }
}

/// Where the byte of a page is that the model knows, which a page of bytes begins with.
fn byte_at(page: u64) -> u64 {
    place(page) + if page < LARGE { 0 } else { LARGE_OFFSET }
}

/// Bytes of as many pages like one.
fn size(page: u64, count: u64) -> u64 {
    count * if page < LARGE { PAGE } else { LARGE_PAGE }
}

#[derive(Clone, Debug)]
pub enum Op {
    Allocate {
        page: u64,
        count: u64,
    },
    /// Something that can be done with large pages only as a whole.
    Part {
        page: u64,
        inherits: bool,
    },
    Deallocate {
        page: u64,
        count: u64,
    },
    Protect {
        page: u64,
        count: u64,
        maximum: bool,
        protection: u32,
    },
    Inherit {
        page: u64,
        count: u64,
        inheritance: u64,
    },
    Write {
        page: u64,
        byte: u8,
    },
    Touch {
        page: u64,
        byte: u8,
    },
    Fill {
        page: u64,
        count: u64,
        byte: u8,
    },
    Read {
        page: u64,
    },
    Map {
        page: u64,
        count: u64,
        offset: u64,
        copy: bool,
        /// Through a proxy that allows this.
        through: Option<u32>,
    },
    Copy {
        page: u64,
        count: u64,
        to: u8,
        target: u64,
    },
    Wire {
        page: u64,
        count: u64,
        access: u32,
    },
    Fork,
    End,
}

type Make = fn(&mut Bytes<'_>) -> Op;

fn page(bytes: &mut Bytes<'_>) -> u64 {
    bytes.below(PAGES as u8) as u64
}

/// Few, or enough that sharing is worth it.
fn count(bytes: &mut Bytes<'_>) -> u64 {
    let most = bytes.pick(&[3, 49]);
    1 + bytes.below(most) as u64
}

fn large(bytes: &mut Bytes<'_>) -> u64 {
    LARGE + bytes.below(LARGE_PAGES as u8) as u64
}

fn larges(bytes: &mut Bytes<'_>) -> u64 {
    1 + bytes.below(3) as u64
}

/// Of either size.
fn either(bytes: &mut Bytes<'_>) -> u64 {
    let make = bytes.pick(&[page as fn(&mut Bytes<'_>) -> u64, large]);
    make(bytes)
}

fn protection(bytes: &mut Bytes<'_>) -> (bool, u32) {
    let protection = bytes.pick(&[3, 3, 1, 1, 7, 7, 0, 2, 4, 5, 6]);
    (bytes.below(2) > 0 && protection & 3 == 3, protection)
}

/// What there is to do, and how often.
const OPS: &[(u8, Make)] = &[
    (3, |b| Op::Allocate { page: page(b), count: count(b) }),
    (1, |b| Op::Deallocate { page: page(b), count: count(b) }),
    (1, |b| {
        let (maximum, protection) = protection(b);
        Op::Protect { page: page(b), count: count(b), maximum, protection }
    }),
    (1, |b| Op::Inherit { page: page(b), count: count(b), inheritance: b.below(4) as u64 }),
    (3, |b| Op::Write { page: page(b), byte: b.next() }),
    (4, |b| Op::Touch { page: page(b), byte: b.next() }),
    (3, |b| Op::Fill { page: page(b), count: count(b), byte: b.next() }),
    (2, |b| Op::Read { page: page(b) }),
    (2, |b| Op::Map {
        page: page(b),
        count: count(b),
        offset: b.below(OBJECT as u8) as u64,
        copy: b.below(2) > 0,
        through: b.pick(&[None, None, None, Some(0), Some(1), Some(1), Some(2), Some(3), Some(5)]),
    }),
    (3, |b| Op::Copy { page: page(b), count: count(b), to: b.next(), target: page(b) }),
    (1, |b| Op::Wire { page: page(b), count: count(b), access: b.below(4) as u32 }),
    (2, |_| Op::Fork),
    (1, |_| Op::End),
    (2, |b| Op::Allocate { page: large(b), count: larges(b) }),
    (1, |b| Op::Deallocate { page: large(b), count: larges(b) }),
    (1, |b| {
        let (maximum, protection) = protection(b);
        Op::Protect { page: large(b), count: larges(b), maximum, protection }
    }),
    (1, |b| Op::Inherit { page: large(b), count: larges(b), inheritance: b.below(4) as u64 }),
    (2, |b| Op::Write { page: large(b), byte: b.next() }),
    (3, |b| Op::Touch { page: large(b), byte: b.next() }),
    (1, |b| Op::Read { page: large(b) }),
    (1, |b| Op::Map {
        page: large(b),
        count: larges(b),
        offset: b.below(LARGE_PAGES as u8) as u64,
        copy: b.below(2) > 0,
        through: b.pick(&[None, None, None, Some(0), Some(1), Some(1), Some(2), Some(3), Some(5)]),
    }),
    (2, |b| Op::Copy { page: either(b), count: 1, to: b.next(), target: either(b) }),
    (1, |b| Op::Wire { page: large(b), count: larges(b), access: b.below(4) as u32 }),
    (1, |b| Op::Part { page: large(b), inherits: b.below(2) > 0 }),
];

/// Bytes that an operation takes at most.
pub const STEP_BYTES: usize = 10;
/// An operation: in which task, what, and what fails.
pub type Step = (u8, Op, Option<u8>);

/// An operation out of bytes.
pub fn decode(bytes: &[u8]) -> Step {
    let mut bytes = Bytes::new(bytes);
    let (at, fail) = (bytes.next(), bytes.seldom(6));
    (at, bytes.weighed(OPS)(&mut bytes), fail)
}

struct Run {
    world: World,
    root: Caller,
    object: u64,
    /// Of large pages.
    large_object: u64,
    cells: Vec<u8>,
    /// Those of the object, then those of the object of large pages.
    object_cells: Vec<usize>,
    tasks: Vec<Task>,
}

impl Run {
    fn new() -> Run {
        let mut world = World::new();
        let root = world.boot_root();
        let object = world.get(root, routine::MEMORY_OBJECT_CREATE, &[OBJECT * PAGE]);
        let words = [LARGE_PAGES * LARGE_PAGE, vm_flags::SUPERPAGE_SIZE_2MB];
        let large_object = world.get(root, routine::MEMORY_OBJECT_CREATE, &words);
        let cells = (OBJECT + LARGE_PAGES) as usize;
        let mut run = Run {
            world,
            root,
            object,
            large_object,
            cells: vec![0; cells],
            object_cells: (0..cells).collect(),
            tasks: Vec::new(),
        };
        let (caller, name) = run.world.task(root, 0);
        run.tasks.push(Task {
            caller,
            name,
            object: 0,
            pages: BTreeMap::new(),
        });
        run.tasks[0].object = run.world.give(root, name, object, disposition::COPY_SEND);
        run
    }

    fn cell(&mut self, byte: u8) -> usize {
        self.cells.push(byte);
        self.cells.len() - 1
    }

    /// The error of the first page of a range that does not allow an access.
    fn allows(&self, at: usize, page: u64, count: u64, access: u32) -> Result<(), Error> {
        for page in page..page + count {
            let found = self.tasks[at]
                .pages
                .get(&page)
                .ok_or(Error::KERN_INVALID_ADDRESS)?;
            if found.protection & access != access || found.protection == 0 {
                return Err(Error::KERN_PROTECTION_FAILURE);
            }
        }
        Ok(())
    }

    fn step(&mut self, at: u8, op: &Op, fail: Option<u8>) {
        let joins = at as u64 >> 6;
        let at = at as usize % self.tasks.len();
        let partial = matches!(op, Op::Copy { .. } | Op::Wire { .. } | Op::Fill { .. });
        let fail = fail.filter(|_| !partial).map(u64::from);
        self.world.mach.kernel().fail_after(fail);
        // Requests that wait meanwhile are carried out again; a fork is refused.
        let joins = if matches!(op, Op::Fork) { 0 } else { joins };
        self.world.mach.kernel().joins_set(joins);
        self.carry_out(at, op);
        self.world.mach.kernel().joins_set(0);
        self.world.mach.kernel().fail_after(None);
    }

    /// Asks as root.
    fn request(&mut self, label: u32, words: &[u64]) -> Result<Vec<u64>, Error> {
        match self.world.request(self.root, label, words) {
            Reply::Done(answer) => answer,
            Reply::Waits | Reply::Gone => self.world.answer(self.root),
        }
    }

    /// Asks as root, and checks the answer: what memory ran out for has changed nothing.
    fn ask(&mut self, label: u32, words: &[u64], expected: Result<(), Error>) -> bool {
        let answer = self.request(label, words);
        if answer == Err(SHORT) && self.world.mach.kernel().has_failed() {
            return false;
        }
        assert_eq!(
            answer.map(drop),
            expected,
            "{:?} {words:x?}",
            routine::name(label)
        );
        expected.is_ok()
    }

    /// A proxy of a proxy for bytes of an object; `None` if it could not be made.
    fn proxy(&mut self, object: u64, start: u64, bytes: u64, access: u32) -> Option<u64> {
        let mut make = |words: &[u64]| {
            let answer = self.world.ask(self.root, routine::MEMORY_OBJECT_CREATE_PROXY, words);
            match answer {
                Ok(words) => Some(words[0]),
                Err(error) => {
                    assert!(error == SHORT && self.world.mach.kernel().has_failed(), "{error:?}");
                    None
                }
            }
        };
        let outer = make(&[0, 7, 1, object, 0, start, bytes + PAGE])?;
        let inner = make(&[0, access as u64, 1, outer, 0, 0, bytes]);
        self.world.ask(self.root, routine::MACH_PORT_DEALLOCATE, &[0, outer]).unwrap();
        inner
    }

    fn carry_out(&mut self, at: usize, op: &Op) {
        let name = self.tasks[at].name;
        match *op {
            Op::Allocate { page, count } => {
                let taken = (page..page + count).any(|p| self.tasks[at].pages.contains_key(&p));
                let expected = if taken {
                    Err(Error::KERN_NO_SPACE)
                } else {
                    Ok(())
                };
                let flags = if page < LARGE { 0 } else { vm_flags::SUPERPAGE_SIZE_2MB };
                let words = [name, place(page), size(page, count), flags];
                if self.ask(routine::VM_ALLOCATE, &words, expected) {
                    for page in page..page + count {
                        let cell = self.cell(0);
                        let new = Page {
                            cell,
                            protection: 3,
                            maximum: 7,
                            inheritance: 1,
                        };
                        self.tasks[at].pages.insert(page, new);
                    }
                }
            }
            Op::Part { page, inherits } => {
                let expected = match self.tasks[at].pages.contains_key(&page) {
                    true => Err(Error::KERN_INVALID_ARGUMENT),
                    false => Ok(()),
                };
                let words = [name, byte_at(page), PAGE, 1];
                match inherits {
                    true => self.ask(routine::VM_INHERIT, &words, expected),
                    false => self.ask(routine::VM_DEALLOCATE, &words[..3], expected),
                };
            }
            Op::Deallocate { page, count } => {
                let words = [name, place(page), size(page, count)];
                if self.ask(routine::VM_DEALLOCATE, &words, Ok(())) {
                    self.tasks[at]
                        .pages
                        .retain(|p, _| !(page..page + count).contains(p));
                }
            }
            Op::Protect {
                page,
                count,
                maximum,
                protection,
            } => {
                let mut expected = Ok(());
                for page in page..page + count {
                    match self.tasks[at].pages.get(&page) {
                        None => expected = Err(Error::KERN_INVALID_ADDRESS),
                        Some(p) if p.maximum & protection != protection => {
                            expected = Err(Error::KERN_PROTECTION_FAILURE);
                        }
                        Some(_) => continue,
                    }
                    break;
                }
                let words = [
                    name,
                    place(page),
                    size(page, count),
                    maximum as u64,
                    protection as u64,
                ];
                if self.ask(routine::VM_PROTECT, &words, expected) {
                    for (_, p) in self.tasks[at].pages.range_mut(page..page + count) {
                        if maximum {
                            p.maximum = protection;
                            p.protection &= protection;
                        } else {
                            p.protection = protection;
                        }
                    }
                }
            }
            Op::Inherit {
                page,
                count,
                inheritance,
            } => {
                let valid = inheritance <= 2;
                let expected = if valid {
                    Ok(())
                } else {
                    Err(Error::KERN_INVALID_ARGUMENT)
                };
                let words = [name, place(page), size(page, count), inheritance];
                if self.ask(routine::VM_INHERIT, &words, expected) {
                    for (_, p) in self.tasks[at].pages.range_mut(page..page + count) {
                        p.inheritance = inheritance;
                    }
                }
            }
            Op::Write { page, byte } => {
                let expected = self.allows(at, page, 1, 2);
                if self.ask(
                    routine::VM_WRITE,
                    &[name, byte_at(page), 1, byte as u64],
                    expected,
                ) {
                    let cell = self.tasks[at].pages[&page].cell;
                    self.cells[cell] = byte;
                }
            }
            Op::Touch { page, byte } => self.touch(at, page, byte),
            Op::Fill { page, count, byte } => {
                for page in page..(page + count).min(PAGES) {
                    self.touch(at, page, byte.wrapping_add(page as u8));
                }
            }
            Op::Read { page } => {
                let expected = self.allows(at, page, 1, 1);
                let words = [name, byte_at(page), 1];
                match self.request(routine::VM_READ, &words) {
                    Ok(words) => {
                        assert_eq!(expected, Ok(()));
                        let cell = self.tasks[at].pages[&page].cell;
                        assert_eq!(words[1] as u8, self.cells[cell]);
                    }
                    Err(SHORT) if self.world.mach.kernel().has_failed() => {}
                    Err(error) => assert_eq!(expected, Err(error)),
                }
            }
            Op::Map {
                page,
                count,
                offset,
                copy,
                through,
            } => {
                let taken = (page..page + count).any(|p| self.tasks[at].pages.contains_key(&p));
                let (object, first, pages) = match page < LARGE {
                    true => (self.object, 0, OBJECT),
                    false => (self.large_object, OBJECT, LARGE_PAGES),
                };
                let allowed = through.unwrap_or(7);
                let expected = if copy && allowed & 1 == 0 {
                    Err(Error::KERN_PROTECTION_FAILURE)
                } else if offset + count > pages {
                    Err(Error::KERN_INVALID_ARGUMENT)
                } else if taken {
                    Err(Error::KERN_NO_SPACE)
                } else {
                    Ok(())
                };
                let (from, offset_in) = match through {
                    None => (object, size(page, offset)),
                    Some(_) => match self.proxy(object, size(page, offset), size(page, count), allowed) {
                        Some(proxy) => (proxy, 0),
                        None => return,
                    },
                };
                let words = [
                    name,
                    place(page),
                    size(page, count),
                    0,
                    0,
                    from,
                    offset_in,
                    copy as u64,
                    3,
                    7,
                    copy as u64,
                ];
                let mapped = self.ask(routine::VM_MAP, &words, expected);
                if through.is_some() {
                    self.world.ask(self.root, routine::MACH_PORT_DEALLOCATE, &[0, from]).unwrap();
                }
                if mapped {
                    let allowed = if copy { 7 } else { allowed };
                    for step in 0..count {
                        let shared = self.object_cells[(first + offset + step) as usize];
                        let cell = if copy {
                            self.cell(self.cells[shared])
                        } else {
                            shared
                        };
                        let inheritance = copy as u64;
                        let new = Page {
                            cell,
                            protection: 3 & allowed,
                            maximum: allowed,
                            inheritance,
                        };
                        self.tasks[at].pages.insert(page + step, new);
                    }
                }
            }
            Op::Copy {
                page,
                count,
                to,
                target,
            } => {
                let to = to as usize % self.tasks.len();
                let cells = |at: usize, page: u64| -> BTreeSet<usize> {
                    let pages = self.tasks[at].pages.range(page..page + count);
                    pages.map(|(_, page)| page.cell).collect()
                };
                let (from_cells, to_cells) = (cells(at, page), cells(to, target));
                let twice =
                    to_cells.len() < self.tasks[to].pages.range(target..target + count).count();
                if twice || !from_cells.is_disjoint(&to_cells) {
                    return;
                }
                let expected = self
                    .allows(at, page, count, 1)
                    .and_then(|()| self.allows(to, target, count, 2));
                let words = [
                    name,
                    byte_at(page),
                    self.tasks[to].name,
                    byte_at(target),
                    count * PAGE,
                ];
                if self.ask(routine::VM_COPY, &words, expected) {
                    for step in 0..count {
                        let from = self.tasks[at].pages[&(page + step)].cell;
                        let to = self.tasks[to].pages[&(target + step)].cell;
                        self.cells[to] = self.cells[from];
                    }
                }
            }
            Op::Wire {
                page,
                count,
                access,
            } => {
                let mut expected = Ok(());
                for page in page..page + count {
                    match self.tasks[at].pages.get(&page) {
                        None => expected = Err(Error::KERN_INVALID_ADDRESS),
                        Some(p) if p.protection & access != access => {
                            expected = Err(Error::KERN_PROTECTION_FAILURE);
                        }
                        Some(_) => continue,
                    }
                    break;
                }
                let words = [name, place(page), size(page, count), access as u64];
                self.ask(routine::VM_WIRE, &words, expected);
            }
            Op::Fork => self.fork(at),
            Op::End => {
                if self.tasks.len() > 1 {
                    let task = self.tasks.remove(at);
                    self.world
                        .ask(self.root, routine::TASK_TERMINATE, &[task.name])
                        .unwrap();
                    self.world
                        .ask(self.root, routine::MACH_PORT_DEALLOCATE, &[0, task.name])
                        .unwrap();
                }
            }
        }
    }

    /// A thread writes: it faults first where it must.
    fn touch(&mut self, at: usize, page: u64, byte: u8) {
        if self.allows(at, page, 1, 2).is_err() {
            return;
        }
        let (caller, address) = (self.tasks[at].caller, byte_at(page));
        // Once more for each time that memory is put together meanwhile.
        let mut faults = 0;
        while !self.world.mach.kernel().memory_write(caller.task, address, byte) {
            faults += 1;
            assert!(faults < 6, "faults at {address:#x} again and again");
            let badge = self.world.fault_badge(caller);
            let thread = self.world.mach.thread_of_badge(badge).unwrap();
            if !self.world.mach.fault(thread, address, Protection::WRITE) {
                assert!(
                    self.world.mach.kernel().has_failed(),
                    "an exception at {address:#x}"
                );
                // The exception has ended the task.
                let task = self.tasks.remove(at);
                self.world
                    .ask(self.root, routine::MACH_PORT_DEALLOCATE, &[0, task.name])
                    .unwrap();
                if self.tasks.is_empty() {
                    self.world.mach.kernel().fail_after(None);
                    let fresh = self.world.task(self.root, 0);
                    let object =
                        self.world
                            .give(self.root, fresh.1, self.object, disposition::COPY_SEND);
                    let pages = BTreeMap::new();
                    self.tasks.push(Task {
                        caller: fresh.0,
                        name: fresh.1,
                        object,
                        pages,
                    });
                }
                return;
            }
        }
        let cell = self.tasks[at].pages[&page].cell;
        self.cells[cell] = byte;
    }

    fn fork(&mut self, at: usize) {
        if self.tasks.len() >= TASKS {
            return;
        }
        let words = [0, self.tasks[at].name, inherit::MEMORY];
        let name = match self.world.request(self.root, routine::TASK_CREATE, &words) {
            Reply::Done(Ok(words)) => words[0],
            Reply::Done(Err(error)) => {
                assert_eq!(error, SHORT);
                assert!(self.world.mach.kernel().has_failed());
                return;
            }
            other => panic!("{other:?}"),
        };
        self.world.mach.kernel().fail_after(None);
        let task: SimTask = self.world.mach.kernel().task_newest().unwrap();
        let (caller, thread) = self.world.thread_at(self.root, name, task, THREAD_PAGE);
        self.world
            .ask(self.root, routine::MACH_PORT_DEALLOCATE, &[0, thread])
            .unwrap();
        let object = self
            .world
            .give(self.root, name, self.object, disposition::COPY_SEND);
        let mut pages = BTreeMap::new();
        for (page, entry) in self.tasks[at].pages.clone() {
            let cell = match entry.inheritance {
                0 => entry.cell,
                1 => self.cell(self.cells[entry.cell]),
                _ => continue,
            };
            pages.insert(page, Page { cell, ..entry });
        }
        self.tasks.push(Task {
            caller,
            name,
            object,
            pages,
        });
    }

    /// What is mapped shows what the model says.
    fn compare(&mut self) {
        for task in &self.tasks {
            for (page, entry) in &task.pages {
                let kernel = self.world.mach.kernel();
                let seen = kernel.memory_read(task.caller.task, byte_at(*page));
                if let Some(byte) = seen {
                    assert_eq!(
                        byte, self.cells[entry.cell],
                        "page {page} of {:?}",
                        task.caller.task
                    );
                }
            }
        }
    }

    /// Every page, as the mach server itself reads it.
    fn finish(mut self) {
        for at in 0..self.tasks.len() {
            for (page, entry) in self.tasks[at].pages.clone() {
                if entry.protection & 1 != 0 {
                    let words = [self.tasks[at].name, byte_at(page), 1];
                    let words = self.world.ask(self.root, routine::VM_READ, &words).unwrap();
                    assert_eq!(
                        words[1] as u8, self.cells[entry.cell],
                        "page {page} of task {at}"
                    );
                }
            }
        }
        self.world.check();
        self.world.finish();
    }
}

/// After how many steps the books are looked at.
const CHECK_EVERY: usize = 6;

/// Carries operations out, and ends everything.
pub fn run(steps: &[Step]) {
    let mut run = Run::new();
    for part in steps.chunks(CHECK_EVERY) {
        for (at, op, fail) in part {
            run.step(*at, op, *fail);
        }
        run.world.check();
        run.compare();
    }
    run.finish();
}
