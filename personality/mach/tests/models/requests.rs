//! Requests that no honest program makes: whatever words a task sends, the mach
//! server does not panic, its books stay right, and nothing is left when the
//! tasks are gone.

use crate::common::{Bytes, Caller, Reply, TEXT, World};
use mach::abi::disposition::*;
use mach::abi::routine;
use mach::sim::Run;

/// Every number that denotes a routine, and some that do not.
pub fn routines() -> Vec<u32> {
    let mut all: Vec<u32> = (0..7000u32)
        .filter(|n| routine::name(*n).is_some())
        .collect();
    assert!(all.len() > 50);
    all.extend([0, 1, 1999, 9999, 0x7_ffff, 0xf_ffff]);
    all
}

/// One word of a request.
#[derive(Clone, Copy, Debug)]
enum Word {
    /// A name of the caller, by its place.
    Name(u8),
    /// A name with a disposition in the high half.
    Right(u8, u8),
    /// A small number.
    Small(u64),
    /// A number at a border.
    Border(u8),
    /// Something that an answer contained.
    Heard(u8),
    Any(u64),
}

const BORDERS: [u64; 24] = [
    0,
    1,
    2,
    4095,
    4096,
    4097,
    TEXT,
    TEXT + 4092,
    0x2_0000,
    0x4000_0000,
    0xf000_0000,
    0xefff_f000,
    0xffff_f000,
    0xffff_ffff,
    0x1_0000_0000,
    1 << 20,
    (1 << 20) - 1,
    1 << 30,
    1 << 40,
    1 << 63,
    (1 << 63) - 1,
    u64::MAX,
    u64::MAX - 1,
    !4095,
];

fn word(bytes: &mut Bytes<'_>) -> Word {
    type Make = fn(&mut Bytes<'_>) -> Word;
    const WORDS: &[(u8, Make)] = &[
        (6, |b| Word::Name(b.next())),
        (3, |b| Word::Right(b.next(), 15 + b.below(20))),
        (5, |b| Word::Small(b.below(9) as u64)),
        (1, |b| Word::Small(15 + b.below(115) as u64)),
        (3, |b| Word::Border(b.below(BORDERS.len() as u8))),
        (2, |b| Word::Heard(b.next())),
        (1, |b| Word::Any(u64::from_le_bytes([0; 8].map(|_: u8| b.next())))),
    ];
    bytes.weighed(WORDS)(bytes)
}

#[derive(Clone, Debug)]
pub struct Request {
    caller: u8,
    routine: u8,
    words: Vec<Word>,
    fail: Option<u8>,
    time: bool,
}

/// The most bytes that a request is made of.
pub const REQUEST_BYTES: usize = 72;
/// The most requests of one run.
pub const REQUESTS: usize = 80;

/// A request out of bytes.
pub fn decode(bytes: &[u8]) -> Request {
    let mut bytes = Bytes::new(bytes);
    let (caller, routine) = (bytes.next(), bytes.next());
    let (fail, time) = (bytes.seldom(6), bytes.next() > 243);
    let count = match bytes.below(10) {
        9 => 12 + bytes.below(108),
        _ => bytes.below(12),
    };
    let words = (0..count).map(|_| word(&mut bytes)).collect();
    Request { caller, routine, words, fail, time }
}

/// Names of a task, as it can list them itself.
fn names(world: &mut World, caller: Caller) -> Vec<u64> {
    let mut names = vec![0, 1];
    let listed = world
        .ask(caller, routine::MACH_PORT_NAMES, &[0, 0])
        .unwrap();
    names.extend(listed[1..].iter().map(|word| *word & 0xffff_ffff));
    names
}

/// With `pieces`, what ends is taken apart by so many at a time, while requests follow.
pub fn run(requests: &[Request], pieces: Option<u32>) {
    let routines = routines();
    let mut world = World::new();
    let root = world.boot_root();
    let task = world.mach.audit_tasks_all()[0];
    let host = world.mach.host_give(task).unwrap() as u64;
    let account = world.get(root, routine::ACCOUNT_CREATE, &[1 << 24, 1 << 20, 300]);
    let mut callers = vec![root, world.thread(root, 1, root.task).0];
    for account in [0, account] {
        let (child, name) = world.task(root, account);
        let port = world.port(root);
        world.give(root, name, port, MAKE_SEND);
        world.give(root, name, port, MAKE_SEND_ONCE);
        world.give(root, name, 1, COPY_SEND);
        let own = world.port(child);
        world.get(
            root,
            routine::MACH_PORT_EXTRACT_RIGHT,
            &[name, own, MAKE_SEND as u64],
        );
        callers.push(child);
        callers.push(world.thread(root, name, child.task).0);
    }
    world.get(root, routine::MEMORY_OBJECT_CREATE, &[3 * 4096 + 5]);
    world.get(root, routine::DEVICE_INTERRUPT, &[host, 33]);
    world.get(root, routine::DEVICE_MEMORY, &[host, 0x900_0000, 8192]);
    world.get(root, routine::DMA_PORT, &[host]);
    world.get(root, routine::MACH_PORT_ALLOCATE, &[0, 3]);
    let object = world.get(root, routine::MEMORY_OBJECT_CREATE, &[5 * 4096]);
    let proxy = world.get(root, routine::MEMORY_OBJECT_CREATE_PROXY, &[0, 1, 1, object, 0, 4096, 8192]);
    let set = world.get(root, routine::PROCESSOR_SET_DEFAULT, &[]);
    world.get(root, routine::HOST_PROCESSOR_SET_PRIV, &[host, set]);
    world.ask(root, routine::HOST_PROCESSORS, &[host]).unwrap();
    for task in callers.iter().skip(2).step_by(2).copied().collect::<Vec<_>>() {
        world.get(task, routine::PROCESSOR_SET_DEFAULT, &[]);
    }
    for name in names(&mut world, root) {
        // The other tasks have a right to the proxy.
        if let Ok(info) = world.ask(root, routine::TASK_INFO, &[name])
            && name > 1
            && !info.is_empty()
        {
            world.give(root, name, proxy, COPY_SEND);
        }
    }
    world.check();
    if let Some(pieces) = pieces {
        world.mach.pieces_set(pieces);
        world.busy = true;
    }
    let mut heard = vec![0u64];
    for (place, request) in requests.iter().enumerate() {
        callers.retain(|caller| world.mach.kernel().thread_exists(caller.thread));
        let mut free: Vec<Caller> = Vec::new();
        for caller in &callers {
            let kernel = world.mach.kernel();
            if kernel.thread_run(caller.thread) == Some(Run::Running)
                && kernel.thread_call(caller.thread).is_none()
            {
                free.push(*caller);
            }
        }
        if free.is_empty() {
            break;
        }
        if request.time {
            world.mach.kernel().time_advance(5_000_000);
            world.mach.timer();
        }
        let caller = free[request.caller as usize % free.len()];
        let names = names(&mut world, caller);
        let name = |place: u8| names[place as usize % names.len()];
        let words: Vec<u64> = request
            .words
            .iter()
            .map(|word| match *word {
                Word::Name(place) => name(place),
                Word::Right(place, how) => (how as u64) << 32 | name(place),
                Word::Small(number) | Word::Any(number) => number,
                Word::Border(place) => BORDERS[place as usize],
                Word::Heard(place) => heard[place as usize % heard.len()],
            })
            .collect();
        let number = routines[request.routine as usize % routines.len()];
        world.mach.kernel().fail_after(request.fail.map(u64::from));
        world.mach.kernel().short_set(request.fail == Some(5));
        let reply = world.request(caller, number, &words);
        world.mach.kernel().short_set(false);
        world.mach.kernel().fail_after(None);
        if let Reply::Done(Ok(words)) = reply {
            heard.extend(words.iter().take(4));
        }
        for answer in world.answers() {
            heard.extend(answer.words.iter().take(6));
        }
        if place % 4 == 0 && pieces.is_none() {
            world.check();
        }
    }
    world.rest();
    world.check();
    world.finish();
}
