//! What each of Mach's routines does, to rights and references above all: short cases of requests
//! and what they answer.
//!
//! They are carried out on the host against the logic of the mach server, and again in the booted
//! system. A case's name begins with the routine's. What needs threads that run is tested there only.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use mach::Error;
use mach::abi::disposition::*;
use mach::abi::vm_flags::{ANYWHERE, SUPERPAGE_SIZE_2MB};
use mach::abi::{self, LARGE_PAGE, memory_object, notify, right, routine::*};

use crate::refusals::Ask;

/// Why a case does not hold.
type Why = String;
type Outcome = Result<(), Why>;
/// A case: its name, and what it does.
pub type Case = (&'static str, fn(&mut Test<'_>) -> Outcome);

/// Somebody who asks.
pub struct Test<'a> {
    /// Asks the mach server.
    pub ask: &'a mut Ask<'a>,
    /// Name of the privileged host port.
    pub host: u64,
}

/// Not to wait.
const POLL: u64 = u64::MAX;
const PAGE: u64 = 4096;
const RW: u64 = 3;

const IS_SEND: u64 = 1 << 16;
const IS_RECEIVE: u64 = 1 << 17;
const IS_ONCE: u64 = 1 << 18;
const IS_SET: u64 = 1 << 19;
const IS_DEAD: u64 = 1 << 20;
const IS_WATCHED: u64 = 1 << 31;

const SEND: u64 = right::SEND as u64;
const RECEIVE: u64 = right::RECEIVE as u64;
const SET: u64 = right::PORT_SET as u64;
const DEAD: u64 = right::DEAD_NAME as u64;
const MAKE: u64 = MAKE_SEND as u64;
const COPY: u64 = COPY_SEND as u64;
const MAKE_ONCE: u64 = MAKE_SEND_ONCE as u64;
const MINUS: u64 = 0xffff_ffff;

fn carried(name: u64, how: u32) -> u64 {
    (how as u64) << 32 | name
}

/// A message as it was received.
struct Message {
    port: u64,
    label: u64,
    seqno: u64,
    /// Kind and name of each right.
    rights: Vec<(u64, u64)>,
    words: Vec<u64>,
}

impl Test<'_> {
    fn all(&mut self, routine: u32, words: &[u64]) -> Result<Vec<u64>, Why> {
        (self.ask)(routine, words).map_err(|error| {
            let name = abi::routine::name(routine).unwrap_or("?");
            format!("{name} {words:x?}: {error:?}")
        })
    }

    /// The first word of an answer, or 0.
    fn get(&mut self, routine: u32, words: &[u64]) -> Result<u64, Why> {
        self.all(routine, words).map(|words| words.first().copied().unwrap_or(0))
    }

    /// A request that answers these words, and perhaps others.
    fn gives(&mut self, routine: u32, words: &[u64], expected: &[u64]) -> Outcome {
        let answer = self.all(routine, words)?;
        match answer.starts_with(expected) {
            true => Ok(()),
            false => {
                let name = abi::routine::name(routine).unwrap_or("?");
                Err(format!("{name} {words:x?}: {answer:x?} instead of {expected:x?}"))
            }
        }
    }

    fn refuses(&mut self, routine: u32, words: &[u64], error: Error) -> Outcome {
        match (self.ask)(routine, words) {
            Err(found) if found == error => Ok(()),
            answer => {
                let name = abi::routine::name(routine).unwrap_or("?");
                Err(format!("{name} {words:x?}: {answer:x?} instead of {error:?}"))
            }
        }
    }

    /// The processor set, to control it.
    fn set(&mut self) -> Result<u64, Why> {
        let (host, name) = (self.host, self.get(PROCESSOR_SET_DEFAULT, &[])?);
        self.get(HOST_PROCESSOR_SET_PRIV, &[host, name])
    }

    /// All names that a routine answers piece by piece for the host or the processor set.
    fn pieces(&mut self, routine: u32, of: u64) -> Result<Vec<u64>, Why> {
        let (mut from, mut found) = (0, Vec::new());
        loop {
            let words = self.all(routine, &[of, from])?;
            same(words.len() as u64, 2 + words[1])?;
            found.extend_from_slice(&words[2..]);
            from = words[0];
            if from == 0 {
                return Ok(found);
            }
        }
    }

    fn port(&mut self) -> Result<u64, Why> {
        self.get(MACH_PORT_ALLOCATE, &[0, RECEIVE])
    }

    fn task(&mut self) -> Result<u64, Why> {
        self.get(TASK_CREATE, &[0])
    }

    /// A port of another task: its name there, and a send right.
    fn port_of(&mut self, task: u64) -> Result<(u64, u64), Why> {
        let name = self.get(MACH_PORT_ALLOCATE, &[task, RECEIVE])?;
        Ok((name, self.get(MACH_PORT_EXTRACT_RIGHT, &[task, name, MAKE])?))
    }

    /// One more send right under a receive right's name.
    fn make_send(&mut self, port: u64) -> Outcome {
        self.gives(MACH_PORT_INSERT_RIGHT, &[0, port, port, MAKE], &[port])
    }

    fn make_once(&mut self, port: u64) -> Result<u64, Why> {
        self.get(MACH_PORT_INSERT_RIGHT, &[0, 0, port, MAKE_ONCE])
    }

    fn kind(&mut self, name: u64, bits: u64) -> Outcome {
        self.gives(MACH_PORT_TYPE, &[0, name], &[bits])
    }

    /// The number of the port that a task's name denotes, which is of a kind and has references.
    fn number(&mut self, task: u64, name: u64, bits: u64, refs: u64) -> Result<u64, Why> {
        let words = self.all(TASK_RIGHTS, &[task, name & abi::INDEX_MASK as u64])?;
        same((words[1], words[2]), (bits << 32 | name, refs))?;
        Ok(words[3])
    }

    /// What a list of the host says of the entry with a number.
    fn listed(&mut self, list: u32, entry: usize, number: u64) -> Result<Vec<u64>, Why> {
        let words = self.all(list, &[self.host, number])?;
        same((words.len() >= 2 + entry, words.get(2)), (true, Some(&number)))?;
        Ok(words[2..2 + entry].to_vec())
    }

    fn refs(&mut self, name: u64, kind: u64, count: u64) -> Outcome {
        self.gives(MACH_PORT_GET_REFS, &[0, name, kind], &[count])
    }

    fn is_gone(&mut self, name: u64) -> Outcome {
        self.refuses(MACH_PORT_TYPE, &[0, name], Error::KERN_INVALID_NAME)
    }

    fn watch(&mut self, name: u64, id: u32, sync: u64, told: u64) -> Result<u64, Why> {
        let words = [0, name, id as u64, sync, told, MAKE_ONCE];
        self.get(MACH_PORT_REQUEST_NOTIFICATION, &words)
    }

    fn send(&mut self, to: u64, how: u64, label: u64, rights: &[u64], body: &[u64]) -> Outcome {
        let mut words = vec![to, how, label, POLL, rights.len() as u64, body.len() as u64];
        words.extend(rights);
        words.extend(body);
        self.all(MSG_SEND, &words).map(drop)
    }

    fn receive(&mut self, name: u64) -> Result<Message, Why> {
        let words = self.all(MSG_RECEIVE, &[name, POLL])?;
        let behind = 5 + words[3] as usize;
        Ok(Message {
            port: words[0],
            label: words[1],
            seqno: words[2],
            rights: words[5..behind].iter().map(|word| (word >> 28, word & 0xfff_ffff)).collect(),
            words: words[behind..].to_vec(),
        })
    }

    /// The next message is a notification with these words.
    fn told(&mut self, name: u64, label: u32, words: &[u64]) -> Outcome {
        let message = self.receive(name)?;
        same((message.label, &message.words[..]), (label as u64, words))
    }

    fn silent(&mut self, name: u64) -> Outcome {
        self.refuses(MSG_RECEIVE, &[name, POLL], Error::MACH_RCV_TIMED_OUT)
    }

    /// Pages that can be read and written.
    fn memory(&mut self, pages: u64) -> Result<u64, Why> {
        self.get(VM_ALLOCATE, &[0, 0, pages * PAGE, 1])
    }

    /// Memory of large pages.
    fn large_memory(&mut self, pages: u64) -> Result<u64, Why> {
        self.get(VM_ALLOCATE, &[0, 0, pages * LARGE_PAGE, ANYWHERE | SUPERPAGE_SIZE_2MB])
    }

    fn put(&mut self, address: u64, word: u64) -> Outcome {
        self.all(VM_WRITE, &[0, address, 8, word]).map(drop)
    }

    fn holds(&mut self, address: u64, word: u64) -> Outcome {
        self.gives(VM_READ, &[0, address, 8], &[8, word])
    }

    /// Memory of one's own pager: the port, the control port, the object's name, and the address of
    /// four pages.
    fn pager(&mut self) -> Result<Paged, Why> {
        let port = self.port()?;
        self.make_send(port)?;
        let at = self.get(VM_MAP, &[0, 0, 4 * PAGE, 0, 1, port, 0, 0, RW, RW, 2])?;
        let told = self.receive(port)?;
        same((told.label, &told.words[..]), (memory_object::INIT as u64, &[PAGE][..]))?;
        let (control, name) = (told.rights[0].1, told.rights[1].1);
        self.all(MEMORY_OBJECT_READY, &[control, 0, 2])?;
        Ok(Paged { port, control, name, at })
    }

    /// Supplies a page with a word.
    fn supply(&mut self, paged: &Paged, page: u64, word: u64) -> Outcome {
        let from = self.memory(1)?;
        self.put(from, word)?;
        let words = [paged.control, page * PAGE, from, PAGE, 0, 0, 1, 0, 0];
        self.all(MEMORY_OBJECT_DATA_SUPPLY, &words).map(drop)
    }
}

struct Paged {
    port: u64,
    control: u64,
    name: u64,
    at: u64,
}

fn same<T: PartialEq + core::fmt::Debug>(found: T, expected: T) -> Outcome {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{found:x?} instead of {expected:x?}")),
    }
}

/// Cases by family.
pub const ALL: &[&[Case]] = &[NOTIFICATIONS, PORTS, MESSAGES, TASKS, THREADS, MEMORY, PAGERS, HOST];

const NOTIFICATIONS: &[Case] = &[
    ("mach_notify_port_deleted, when a watched name is freed, by whatever way", |t| {
        let (task, told) = (t.task()?, t.port()?);
        for by in [MACH_PORT_DEALLOCATE, MACH_PORT_DESTROY] {
            let (_, send) = t.port_of(task)?;
            t.watch(send, notify::DEAD_NAME, 0, told)?;
            t.kind(send, IS_SEND | IS_WATCHED)?;
            t.all(by, &[0, send])?;
            t.told(told, notify::PORT_DELETED, &[send])?;
        }
        let (_, send) = t.port_of(task)?;
        t.watch(send, notify::DEAD_NAME, 0, told)?;
        let other = t.port()?;
        t.send(other, MAKE, 1, &[carried(send, MOVE_SEND)], &[])?;
        t.told(told, notify::PORT_DELETED, &[send])
    }),
    ("mach_notify_no_senders, with the last send right, or at once; once", |t| {
        let (port, told) = (t.port()?, t.port()?);
        // There is none, and as many were made as the request knows of.
        t.watch(port, notify::NO_SENDERS, 0, told)?;
        t.told(told, notify::NO_SENDERS, &[0])?;
        // It knows of one that was not made yet: not at once.
        t.watch(port, notify::NO_SENDERS, 1, told)?;
        t.silent(told)?;
        t.make_send(port)?;
        t.make_send(port)?;
        t.all(MACH_PORT_DEALLOCATE, &[0, port])?;
        t.silent(told)?;
        t.all(MACH_PORT_DEALLOCATE, &[0, port])?;
        t.told(told, notify::NO_SENDERS, &[2])?;
        t.make_send(port)?;
        t.all(MACH_PORT_DEALLOCATE, &[0, port])?;
        t.silent(told)
    }),
    ("mach_notify_send_once, when a send-once right ends unused, wherever it is", |t| {
        let (port, other) = (t.port()?, t.port()?);
        let once = t.make_once(port)?;
        t.all(MACH_PORT_DEALLOCATE, &[0, once])?;
        t.told(port, notify::SEND_ONCE, &[])?;
        // In a message, in a request for a notification.
        t.send(other, MAKE, 1, &[carried(port, MAKE_SEND_ONCE)], &[])?;
        t.watch(other, notify::NO_SENDERS, 9, port)?;
        t.all(MACH_PORT_DESTROY, &[0, other])?;
        t.told(port, notify::SEND_ONCE, &[])?;
        t.told(port, notify::SEND_ONCE, &[])?;
        t.silent(port)
    }),
    ("mach_notify_dead_name, adds a reference that its receiver drops", |t| {
        let (task, told) = (t.task()?, t.port()?);
        let (theirs, send) = t.port_of(task)?;
        t.watch(send, notify::DEAD_NAME, 0, told)?;
        t.all(MACH_PORT_DESTROY, &[task, theirs])?;
        t.told(told, notify::DEAD_NAME, &[send])?;
        t.kind(send, IS_DEAD)?;
        t.refs(send, DEAD, 2)?;
        t.all(MACH_PORT_MOD_REFS, &[0, send, DEAD, MINUS - 1])?;
        t.is_gone(send)
    }),
    ("mach_notify_msg_accepted, when a forced message has found room", |t| {
        let (port, told) = (t.port()?, t.port()?);
        t.all(MACH_PORT_SET_QLIMIT, &[0, port, 0])?;
        let forced = [told, port, MAKE, 8, POLL, 0, 0];
        t.refuses(MSG_SEND_NOTIFY, &forced, Error::MACH_SEND_WILL_NOTIFY)?;
        t.refuses(MSG_SEND_NOTIFY, &forced, Error::MACH_SEND_NOTIFY_IN_PROGRESS)?;
        t.silent(told)?;
        t.all(MACH_PORT_SET_QLIMIT, &[0, port, 2])?;
        t.told(told, notify::MSG_ACCEPTED, &[port])?;
        same(t.receive(port)?.label, 8)
    }),
    ("mach_notify_port_destroyed, brings the receive right with its queue", |t| {
        let (port, backup) = (t.port()?, t.port()?);
        t.make_send(port)?;
        t.watch(port, notify::PORT_DESTROYED, 0, backup)?;
        t.send(port, MAKE, 17, &[], &[])?;
        t.all(MACH_PORT_MOD_REFS, &[0, port, RECEIVE, MINUS])?;
        t.kind(port, IS_SEND)?;
        let message = t.receive(backup)?;
        same((message.label, message.rights), (notify::PORT_DESTROYED as u64, vec![(2, port)]))?;
        t.kind(port, IS_SEND | IS_RECEIVE)?;
        same(t.receive(port)?.label, 17)
    }),
    ("mach_notify_new_task, with the task and its parent", |t| {
        let port = t.port()?;
        t.make_send(port)?;
        let host = t.host;
        match (t.ask)(REGISTER_NEW_TASK_NOTIFICATION, &[host, port]) {
            Ok(_) => {
                let task = t.task()?;
                let message = t.receive(port)?;
                same((message.label, message.rights), (notify::NEW_TASK as u64, vec![(1, task), (1, 1)]))
            }
            // The system has taken it.
            error => same(error.map(drop), Err(Error::KERN_NO_ACCESS)),
        }
    }),
];

const PORTS: &[Case] = &[
    ("mach_port_names, lists each name with its type", |t| {
        let task = t.task()?;
        t.gives(MACH_PORT_NAMES, &[task, 0], &[0])?;
        let port = t.get(MACH_PORT_ALLOCATE, &[task, RECEIVE])?;
        let set = t.get(MACH_PORT_ALLOCATE, &[task, SET])?;
        let words = [2, carried(port, IS_RECEIVE as u32), carried(set, IS_SET as u32)];
        t.gives(MACH_PORT_NAMES, &[task, 0], &words)
    }),
    ("mach_port_type, of every right", |t| {
        let port = t.port()?;
        t.kind(port, IS_RECEIVE)?;
        t.make_send(port)?;
        t.kind(port, IS_RECEIVE | IS_SEND)?;
        let once = t.make_once(port)?;
        t.kind(once, IS_ONCE)?;
        t.all(MACH_PORT_MOD_REFS, &[0, port, RECEIVE, MINUS])?;
        t.kind(port, IS_DEAD)?;
        t.kind(once, IS_DEAD)
    }),
    ("mach_port_rename, keeps references, queue, set and what watches it", |t| {
        let (port, told) = (t.port()?, t.port()?);
        t.make_send(port)?;
        t.watch(port, notify::DEAD_NAME, 0, told)?;
        t.send(port, COPY, 4, &[], &[])?;
        t.all(MACH_PORT_RENAME, &[0, port, 0x3_4321])?;
        t.is_gone(port)?;
        t.refs(0x3_4321, SEND, 1)?;
        let message = t.receive(0x3_4321)?;
        same((message.port, message.label), (0x3_4321, 4))?;
        t.all(MACH_PORT_MOD_REFS, &[0, 0x3_4321, RECEIVE, MINUS])?;
        t.told(told, notify::DEAD_NAME, &[0x3_4321])
    }),
    ("mach_port_allocate_name, gives the name that is asked for", |t| {
        for (kind, bits) in [(RECEIVE, IS_RECEIVE), (SET, IS_SET), (DEAD, IS_DEAD)] {
            t.all(MACH_PORT_ALLOCATE_NAME, &[0, kind, 0xabf_ffff])?;
            t.kind(0xabf_ffff, bits)?;
            t.all(MACH_PORT_DESTROY, &[0, 0xabf_ffff])?;
        }
        t.is_gone(0xabf_ffff)
    }),
    ("mach_port_allocate, a receive right, a set or a dead name", |t| {
        for (kind, bits) in [(RECEIVE, IS_RECEIVE), (SET, IS_SET), (DEAD, IS_DEAD)] {
            let name = t.get(MACH_PORT_ALLOCATE, &[0, kind])?;
            t.kind(name, bits)?;
            t.refs(name, kind, 1)?;
        }
        let port = t.port()?;
        // Set, number, made, limit, messages, once, send, watched.
        t.gives(MACH_PORT_GET_RECEIVE_STATUS, &[0, port], &[0, 0, 0, 16, 0, 0, 0, 0])
    }),
    ("mach_port_destroy, takes all that a name denotes", |t| {
        let (task, told) = (t.task()?, t.port()?);
        let port = t.port()?;
        t.make_send(port)?;
        t.make_send(port)?;
        t.watch(port, notify::NO_SENDERS, 0, told)?;
        let theirs = t.get(MACH_PORT_INSERT_RIGHT, &[task, 0, port, MAKE])?;
        t.all(MACH_PORT_DESTROY, &[0, port])?;
        t.is_gone(port)?;
        t.told(told, notify::SEND_ONCE, &[])?;
        t.gives(MACH_PORT_TYPE, &[task, theirs], &[IS_DEAD])?;
        // A set: its members stay.
        let (set, member) = (t.get(MACH_PORT_ALLOCATE, &[0, SET])?, t.port()?);
        t.all(MACH_PORT_MOVE_MEMBER, &[0, member, set])?;
        t.all(MACH_PORT_DESTROY, &[0, set])?;
        t.is_gone(set)?;
        t.gives(MACH_PORT_GET_RECEIVE_STATUS, &[0, member], &[0])
    }),
    ("mach_port_deallocate, takes one reference of a send, send-once or dead name", |t| {
        let (task, port) = (t.task()?, t.port()?);
        t.make_send(port)?;
        t.make_send(port)?;
        t.all(MACH_PORT_DEALLOCATE, &[0, port])?;
        t.refs(port, SEND, 1)?;
        t.all(MACH_PORT_DEALLOCATE, &[0, port])?;
        t.kind(port, IS_RECEIVE)?;
        let (theirs, send) = t.port_of(task)?;
        t.all(MACH_PORT_MOD_REFS, &[0, send, SEND, 1])?;
        t.all(MACH_PORT_DESTROY, &[task, theirs])?;
        t.refs(send, DEAD, 2)?;
        t.all(MACH_PORT_DEALLOCATE, &[0, send])?;
        t.refs(send, DEAD, 1)?;
        t.all(MACH_PORT_DEALLOCATE, &[0, send])?;
        t.is_gone(send)
    }),
    ("mach_port_get_refs, counts each kind apart", |t| {
        let port = t.port()?;
        t.make_send(port)?;
        t.make_send(port)?;
        for (kind, count) in [2, 1, 0, 0, 0].into_iter().enumerate() {
            t.refs(port, kind as u64, count)?;
        }
        Ok(())
    }),
    ("mach_port_mod_refs, adds and takes; the last one frees the name", |t| {
        let port = t.port()?;
        t.make_send(port)?;
        t.all(MACH_PORT_MOD_REFS, &[0, port, SEND, 0xfffe])?;
        t.refs(port, SEND, 0xffff)?;
        t.all(MACH_PORT_MOD_REFS, &[0, port, SEND, MINUS - 0xfffd])?;
        t.refs(port, SEND, 1)?;
        t.all(MACH_PORT_MOD_REFS, &[0, port, SEND, MINUS])?;
        t.kind(port, IS_RECEIVE)?;
        let once = t.make_once(port)?;
        t.all(MACH_PORT_MOD_REFS, &[0, once, right::SEND_ONCE as u64, MINUS])?;
        t.told(port, notify::SEND_ONCE, &[])?;
        t.all(MACH_PORT_MOD_REFS, &[0, port, RECEIVE, MINUS])?;
        t.is_gone(port)
    }),
    ("mach_port_mod_refs, references stay at the most that a name can have", |t| {
        let (task, port) = (t.task()?, t.port()?);
        let name = t.get(MACH_PORT_INSERT_RIGHT, &[task, 0, port, MAKE])?;
        t.all(MACH_PORT_MOD_REFS, &[task, name, SEND, 0xfffe])?;
        t.gives(MACH_PORT_INSERT_RIGHT, &[task, 0, port, MAKE], &[name])?;
        t.gives(MACH_PORT_GET_REFS, &[task, name, SEND], &[0xffff])
    }),
    ("mach_port_set_qlimit, bounds the queue, which keeps what it has", |t| {
        let port = t.port()?;
        t.all(MACH_PORT_SET_QLIMIT, &[0, port, 1])?;
        t.send(port, MAKE, 1, &[], &[])?;
        t.refuses(MSG_SEND, &[port, MAKE, 2, POLL, 0, 0], Error::MACH_SEND_TIMED_OUT)?;
        t.all(MACH_PORT_SET_QLIMIT, &[0, port, 0])?;
        // A send-once right is always good for its message.
        t.send(port, MAKE_ONCE, 3, &[], &[])?;
        t.gives(MACH_PORT_GET_RECEIVE_STATUS, &[0, port], &[0, 0, 1, 0, 2, 0, 0, 0])
    }),
    ("mach_port_set_mscount, and the count goes on from there", |t| {
        let port = t.port()?;
        t.all(MACH_PORT_SET_MSCOUNT, &[0, port, 40])?;
        t.make_send(port)?;
        t.gives(MACH_PORT_GET_RECEIVE_STATUS, &[0, port], &[0, 0, 41])
    }),
    ("mach_port_set_seqno, and messages are numbered from there", |t| {
        let port = t.port()?;
        t.all(MACH_PORT_SET_SEQNO, &[0, port, 0xffff_ffff])?;
        t.send(port, MAKE, 1, &[], &[])?;
        t.send(port, MAKE, 2, &[], &[])?;
        same(t.receive(port)?.seqno, 0xffff_ffff)?;
        same(t.receive(port)?.seqno, 0)
    }),
    ("mach_port_get_set_status, names the members", |t| {
        let (set, one, two) = (t.get(MACH_PORT_ALLOCATE, &[0, SET])?, t.port()?, t.port()?);
        same(t.all(MACH_PORT_GET_SET_STATUS, &[0, set])?, vec![])?;
        t.all(MACH_PORT_MOVE_MEMBER, &[0, one, set])?;
        t.all(MACH_PORT_MOVE_MEMBER, &[0, two, set])?;
        t.gives(MACH_PORT_GET_SET_STATUS, &[0, set], &[one.min(two), one.max(two)])?;
        t.all(MACH_PORT_DESTROY, &[0, one])?;
        same(t.all(MACH_PORT_GET_SET_STATUS, &[0, set])?, vec![two])
    }),
    ("mach_port_move_member, into a set, into another, out of all", |t| {
        let port = t.port()?;
        t.send(port, MAKE, 6, &[], &[])?;
        for _ in 0..2 {
            let set = t.get(MACH_PORT_ALLOCATE, &[0, SET])?;
            t.all(MACH_PORT_MOVE_MEMBER, &[0, port, set])?;
            t.gives(MACH_PORT_GET_RECEIVE_STATUS, &[0, port], &[set])?;
            t.refuses(MSG_RECEIVE, &[port, POLL], Error::MACH_RCV_IN_SET)?;
            let message = t.receive(set)?;
            same((message.port, message.label), (port, 6))?;
            t.send(port, MAKE, 6, &[], &[])?;
        }
        t.all(MACH_PORT_MOVE_MEMBER, &[0, port, 0])?;
        same(t.receive(port)?.label, 6)
    }),
    ("mach_port_request_notification, answers the right that was armed before", |t| {
        let (port, told) = (t.port()?, t.port()?);
        t.make_send(port)?;
        for id in [notify::NO_SENDERS, notify::PORT_DESTROYED, notify::DEAD_NAME] {
            same(t.watch(port, id, 0, told)?, 0)?;
            let old = t.watch(port, id, 0, 0)?;
            t.kind(old, IS_ONCE)?;
            t.all(MACH_PORT_DEALLOCATE, &[0, old])?;
            t.told(told, notify::SEND_ONCE, &[])?;
        }
        t.kind(port, IS_RECEIVE | IS_SEND)
    }),
    ("mach_port_request_notification, of a name that is dead already tells at once", |t| {
        let (dead, told) = (t.get(MACH_PORT_ALLOCATE, &[0, DEAD])?, t.port()?);
        t.watch(dead, notify::DEAD_NAME, 1, told)?;
        t.told(told, notify::DEAD_NAME, &[dead])?;
        t.refs(dead, DEAD, 2)
    }),
    ("mach_port_insert_right, made, copied and moved; references coalesce", |t| {
        let (task, port) = (t.task()?, t.port()?);
        t.make_send(port)?;
        let name = t.get(MACH_PORT_INSERT_RIGHT, &[task, 0, port, MAKE])?;
        t.gives(MACH_PORT_INSERT_RIGHT, &[task, name, port, COPY], &[name])?;
        t.gives(MACH_PORT_GET_REFS, &[task, name, SEND], &[2])?;
        t.refs(port, SEND, 1)?;
        t.gives(MACH_PORT_INSERT_RIGHT, &[task, 0, port, MOVE_SEND as u64], &[name])?;
        t.gives(MACH_PORT_GET_REFS, &[task, name, SEND], &[3])?;
        t.kind(port, IS_RECEIVE)?;
        t.gives(MACH_PORT_INSERT_RIGHT, &[task, 0x322, port, MAKE_ONCE], &[0x322])?;
        t.gives(MACH_PORT_TYPE, &[task, 0x322], &[IS_ONCE])?;
        t.gives(MACH_PORT_INSERT_RIGHT, &[task, 0, port, MOVE_RECEIVE as u64], &[name])?;
        t.gives(MACH_PORT_TYPE, &[task, name], &[IS_RECEIVE | IS_SEND])?;
        t.is_gone(port)
    }),
    ("mach_port_extract_right, takes out of the other task's space", |t| {
        let task = t.task()?;
        let (theirs, send) = t.port_of(task)?;
        t.gives(MACH_PORT_EXTRACT_RIGHT, &[task, theirs, MAKE], &[send])?;
        t.refs(send, SEND, 2)?;
        let once = t.get(MACH_PORT_EXTRACT_RIGHT, &[task, theirs, MAKE_ONCE])?;
        t.kind(once, IS_ONCE)?;
        t.gives(MACH_PORT_EXTRACT_RIGHT, &[task, theirs, MOVE_RECEIVE as u64], &[send])?;
        t.kind(send, IS_RECEIVE | IS_SEND)?;
        t.refuses(MACH_PORT_TYPE, &[task, theirs], Error::KERN_INVALID_NAME)
    }),
    ("mach_port_get_receive_status, counts what there is", |t| {
        let (port, set) = (t.port()?, t.get(MACH_PORT_ALLOCATE, &[0, SET])?);
        t.make_send(port)?;
        t.make_once(port)?;
        t.send(port, COPY, 1, &[carried(port, MAKE_SEND_ONCE)], &[])?;
        t.watch(port, notify::NO_SENDERS, 0, port)?;
        t.all(MACH_PORT_MOVE_MEMBER, &[0, port, set])?;
        let status = t.all(MACH_PORT_GET_RECEIVE_STATUS, &[0, port])?;
        same(status, vec![set, 0, 1, 16, 1, 3, 1, 1])
    }),
    ("mach_port_set_protected_payload, comes instead of the name, also of queued messages", |t| {
        let port = t.port()?;
        t.send(port, MAKE, 1, &[], &[])?;
        t.all(MACH_PORT_SET_PROTECTED_PAYLOAD, &[0, port, !7])?;
        let message = t.receive(port)?;
        same((message.port, message.label), (!7, 1 | abi::PAYLOAD))
    }),
    ("mach_port_clear_protected_payload, and the name comes again; a right that moves has none", |t| {
        let (task, port) = (t.task()?, t.port()?);
        t.all(MACH_PORT_SET_PROTECTED_PAYLOAD, &[0, port, 9])?;
        t.all(MACH_PORT_CLEAR_PROTECTED_PAYLOAD, &[0, port])?;
        t.send(port, MAKE, 1, &[], &[])?;
        same(t.receive(port)?.port, port)?;
        t.all(MACH_PORT_SET_PROTECTED_PAYLOAD, &[0, port, 9])?;
        let there = t.get(MACH_PORT_INSERT_RIGHT, &[task, 0, port, MOVE_RECEIVE as u64])?;
        let port = t.get(MACH_PORT_EXTRACT_RIGHT, &[task, there, MOVE_RECEIVE as u64])?;
        t.send(port, MAKE, 2, &[], &[])?;
        let message = t.receive(port)?;
        same((message.port, message.label), (port, 2))
    }),
    ("port_server, is the task that receives", |t| {
        let (task, port) = (t.task()?, t.port()?);
        t.make_send(port)?;
        let (_, send) = t.port_of(task)?;
        let (_, other) = t.port_of(task)?;
        let own = t.get(PORT_SERVER, &[port])?;
        let theirs = t.get(PORT_SERVER, &[send])?;
        same(theirs == own, false)?;
        t.gives(PORT_SERVER, &[other], &[theirs])
    }),
];

const MESSAGES: &[Case] = &[
    ("msg_send, rights are made, copied and moved", |t| {
        let (task, port, own) = (t.task()?, t.port()?, t.port()?);
        let (_, send) = t.port_of(task)?;
        let once = t.make_once(own)?;
        let dead = t.get(MACH_PORT_ALLOCATE, &[0, DEAD])?;
        let rights = [
            carried(send, COPY_SEND),
            carried(send, MOVE_SEND),
            carried(own, MAKE_SEND),
            carried(once, MOVE_SEND_ONCE),
            carried(own, MOVE_RECEIVE),
            carried(dead, MOVE_SEND),
            0,
        ];
        t.send(port, MAKE, 5, &rights, &[1, 2])?;
        t.is_gone(send)?;
        t.is_gone(own)?;
        t.is_gone(dead)?;
        let message = t.receive(port)?;
        same((message.label, &message.words[..]), (5, &[1, 2][..]))?;
        let kinds: Vec<u64> = message.rights.iter().map(|right| right.0).collect();
        same(kinds, vec![1, 1, 1, 3, 2, 15, 0])?;
        t.refs(message.rights[0].1, SEND, 2)?;
        t.kind(message.rights[4].1, IS_RECEIVE | IS_SEND)
    }),
    ("msg_send, a send-once right is used up", |t| {
        let port = t.port()?;
        let once = t.make_once(port)?;
        t.send(once, MOVE_SEND_ONCE as u64, 3, &[], &[])?;
        t.is_gone(once)?;
        same(t.receive(port)?.label, 3)?;
        t.silent(port)
    }),
    ("msg_send, a receive right that is sent to itself dies", |t| {
        let (port, told) = (t.port()?, t.port()?);
        t.make_send(port)?;
        t.watch(port, notify::DEAD_NAME, 0, told)?;
        t.send(port, COPY, 3, &[carried(port, MOVE_RECEIVE)], &[])?;
        t.told(told, notify::DEAD_NAME, &[port])?;
        t.kind(port, IS_DEAD)
    }),
    ("msg_send, a body in memory moves, with memory and rights beside it", |t| {
        let (port, own) = (t.port()?, t.port()?);
        let body = t.get(MEMORY_OBJECT_CREATE, &[3 * PAGE])?;
        let beside = t.get(MEMORY_OBJECT_CREATE, &[PAGE])?;
        for object in [body, beside] {
            let at = t.get(VM_MAP, &[0, 0, PAGE, 0, 1, object, 0, 0, RW, RW, 2])?;
            t.put(at, object)?;
            t.all(VM_DEALLOCATE, &[0, at, PAGE])?;
        }
        let rights = [carried(beside, MOVE_MEMORY), carried(own, MAKE_SEND)];
        let words = [port, MAKE, 9, POLL, 2, 1500 | abi::IN_MEMORY, rights[0], rights[1], body];
        t.all(MSG_SEND, &words)?;
        t.is_gone(body)?;
        t.is_gone(beside)?;
        t.refuses(MSG_RECEIVE, &[port, POLL, 0, 1501, 1], Error::MACH_RCV_TOO_LARGE)?;
        let got = t.all(MSG_RECEIVE, &[port, POLL, 0, 1502, 1])?;
        same(got[3..5].to_vec(), vec![2, 1500 | abi::IN_MEMORY])?;
        for (word, mark) in [(got[5], beside), (got[7], body)] {
            same(word >> 28, 4)?;
            let at = t.get(VM_MAP, &[0, 0, PAGE, 0, 1, word & 0xfff_ffff, 0, 0, RW, RW, 2])?;
            t.holds(at, mark)?;
        }
        same(got[6], 1 << 28 | own)
    }),
    ("msg_receive, from a port, from a set, from any; in order, numbered by the port", |t| {
        let (one, two) = (t.port()?, t.port()?);
        let set = t.get(MACH_PORT_ALLOCATE, &[0, SET])?;
        for port in [one, two] {
            t.all(MACH_PORT_MOVE_MEMBER, &[0, port, set])?;
            t.send(port, MAKE, port & 0xff, &[], &[])?;
            t.send(port, MAKE, 7, &[], &[])?;
        }
        for (seqno, label) in [(0, None), (1, Some(7))] {
            for _ in 0..2 {
                let message = t.receive(set)?;
                same(message.seqno, seqno)?;
                same(message.label, label.unwrap_or(message.port & 0xff))?;
            }
        }
        t.silent(set)
    }),
    ("msg_receive, a message that is too large is refused with its counts, and kept if asked", |t| {
        let port = t.port()?;
        t.send(port, MAKE, 5, &[carried(port, MAKE_SEND)], &[1, 2, 3])?;
        t.send(port, MAKE, 6, &[], &[1, 2, 3])?;
        let large = Error::MACH_RCV_TOO_LARGE;
        t.refuses(MSG_RECEIVE, &[port, POLL, 0, 3, 1], large)?;
        t.refuses(MSG_RECEIVE, &[port, POLL, 0, 3, 0], large)?;
        t.kind(port, IS_RECEIVE)?;
        same(t.receive(port)?.label, 6)
    }),
    ("msg_receive, who watches the reply right is told of its end", |t| {
        let (task, port, told) = (t.task()?, t.port()?, t.port()?);
        let (theirs, send) = t.port_of(task)?;
        t.send(port, MAKE, 9 | abi::WITH_REPLY as u64, &[carried(send, MOVE_SEND)], &[])?;
        let got = t.all(MSG_RECEIVE, &[port, POLL, told])?;
        t.all(MACH_PORT_DESTROY, &[task, theirs])?;
        t.told(told, notify::DEAD_NAME, &[got[5] & 0xfff_ffff])
    }),
    ("msg_send_notify, is as msg_send where there is room, and forces one message where not", |t| {
        let (port, told) = (t.port()?, t.port()?);
        t.all(MACH_PORT_SET_QLIMIT, &[0, port, 1])?;
        let words = [told, port, MAKE, 8, POLL, 0, 0];
        t.all(MSG_SEND_NOTIFY, &words)?;
        t.refuses(MSG_SEND_NOTIFY, &words, Error::MACH_SEND_WILL_NOTIFY)?;
        t.gives(MACH_PORT_GET_RECEIVE_STATUS, &[0, port], &[0, 0, 2, 1, 2])?;
        t.all(MACH_PORT_DESTROY, &[0, port])?;
        t.told(told, notify::SEND_ONCE, &[])
    }),
];

const TASKS: &[Case] = &[
    ("task_create, an empty task, or one that inherits memory and rights", |t| {
        let (port, at) = (t.port()?, t.memory(1)?);
        t.make_send(port)?;
        t.put(at, 77)?;
        let parent = t.task()?;
        t.gives(TASK_INFO, &[parent], &[0, 0, 0, 0, 0])?;
        let there = t.get(MACH_PORT_INSERT_RIGHT, &[parent, 0, port, MAKE])?;
        t.all(VM_ALLOCATE, &[parent, 0x50_0000, PAGE, 0])?;
        t.all(VM_WRITE, &[parent, 0x50_0000, 8, 78])?;
        let child = t.get(TASK_CREATE, &[0, parent, 3])?;
        t.gives(MACH_PORT_GET_REFS, &[child, there, SEND], &[1])?;
        t.all(VM_WRITE, &[child, 0x50_0008, 8, 79])?;
        t.gives(VM_READ, &[child, 0x50_0000, 16], &[16, 78, 79])?;
        t.gives(VM_READ, &[parent, 0x50_0000, 16], &[16, 78, 0])
    }),
    ("task_terminate, its rights end, and names for it are dead", |t| {
        let (task, told) = (t.task()?, t.port()?);
        let (_, send) = t.port_of(task)?;
        let port = t.port()?;
        t.watch(task, notify::DEAD_NAME, 0, told)?;
        t.get(MACH_PORT_INSERT_RIGHT, &[task, 0, port, MAKE])?;
        t.watch(port, notify::NO_SENDERS, 1, port)?;
        t.all(TASK_TERMINATE, &[task])?;
        t.told(told, notify::DEAD_NAME, &[task])?;
        t.told(port, notify::NO_SENDERS, &[1])?;
        t.kind(task, IS_DEAD)?;
        t.kind(send, IS_DEAD)?;
        t.refuses(TASK_INFO, &[task], Error::KERN_INVALID_TASK)
    }),
    ("task_threads, names every thread", |t| {
        let task = t.task()?;
        t.gives(TASK_THREADS, &[task], &[0])?;
        let one = t.get(THREAD_CREATE, &[task, 0])?;
        let two = t.get(THREAD_CREATE, &[task, 0])?;
        t.gives(TASK_THREADS, &[task], &[2, one, two])?;
        t.gives(TASK_THREADS, &[task, 1], &[1, two])?;
        t.refs(one, SEND, 2)
    }),
    ("task_info, counts threads, suspensions, names and memory", |t| {
        let task = t.task()?;
        t.all(TASK_SUSPEND, &[task])?;
        t.get(MACH_PORT_ALLOCATE, &[task, RECEIVE])?;
        t.all(VM_ALLOCATE, &[task, 0x50_0000, 2 * PAGE, 0])?;
        t.gives(TASK_INFO, &[task], &[0, 1, 0, 1, 1])?;
        t.gives(TASK_INFO, &[task, 1], &[1, 25, 2 * PAGE, 0])
    }),
    ("task_suspend, counts", |t| {
        let task = t.task()?;
        t.all(TASK_SUSPEND, &[task])?;
        t.all(TASK_SUSPEND, &[task])?;
        t.gives(TASK_INFO, &[task], &[0, 2])
    }),
    ("task_resume, takes back one suspension", |t| {
        let task = t.task()?;
        t.all(TASK_SUSPEND, &[task])?;
        t.all(TASK_SUSPEND, &[task])?;
        t.all(TASK_RESUME, &[task])?;
        t.gives(TASK_INFO, &[task], &[0, 1])?;
        t.all(TASK_RESUME, &[task])?;
        t.refuses(TASK_RESUME, &[task], Error::KERN_FAILURE)
    }),
    ("task_get_special_port, gives a send right each time", |t| {
        let (task, port) = (t.task()?, t.port()?);
        t.make_send(port)?;
        t.gives(TASK_GET_SPECIAL_PORT, &[task, 4], &[0])?;
        t.all(TASK_SET_SPECIAL_PORT, &[task, 4, port])?;
        t.gives(TASK_GET_SPECIAL_PORT, &[task, 4], &[port])?;
        t.refs(port, SEND, 2)?;
        t.gives(TASK_GET_SPECIAL_PORT, &[task, 1], &[task])
    }),
    ("task_set_special_port, keeps a copy until another takes its place", |t| {
        let (task, port, told) = (t.task()?, t.port()?, t.port()?);
        t.make_send(port)?;
        for which in [3, 4, 5] {
            t.all(TASK_SET_SPECIAL_PORT, &[task, which, port])?;
        }
        t.all(MACH_PORT_DEALLOCATE, &[0, port])?;
        t.watch(port, notify::NO_SENDERS, 0, told)?;
        t.silent(told)?;
        t.all(TASK_SET_SPECIAL_PORT, &[task, 4, 0])?;
        t.silent(told)?;
        // One exception port: with or without the state.
        t.all(TASK_SET_SPECIAL_PORT, &[task, 3, 0])?;
        t.told(told, notify::NO_SENDERS, &[1])
    }),
    ("mach_ports_register, keeps copies until others take their place", |t| {
        let (task, port, told) = (t.task()?, t.port()?, t.port()?);
        t.make_send(port)?;
        t.all(MACH_PORTS_REGISTER, &[task, 2, 0, port])?;
        t.all(MACH_PORT_DEALLOCATE, &[0, port])?;
        t.watch(port, notify::NO_SENDERS, 0, told)?;
        t.silent(told)?;
        t.all(MACH_PORTS_REGISTER, &[task, 0])?;
        t.told(told, notify::NO_SENDERS, &[1])
    }),
    ("mach_ports_lookup, gives a send right to each", |t| {
        let (task, port) = (t.task()?, t.port()?);
        t.make_send(port)?;
        t.gives(MACH_PORTS_LOOKUP, &[task], &[0])?;
        t.all(MACH_PORTS_REGISTER, &[task, 3, 0, port, port])?;
        t.gives(MACH_PORTS_LOOKUP, &[task], &[3, 0, port, port])?;
        t.refs(port, SEND, 3)
    }),
    ("task_priority, holds for threads that follow, and if asked for those there are", |t| {
        let task = t.task()?;
        let first = t.get(THREAD_CREATE, &[task, 0])?;
        t.all(TASK_PRIORITY, &[task, 30, 0])?;
        let second = t.get(THREAD_CREATE, &[task, 0])?;
        t.gives(THREAD_INFO, &[first, 2], &[1, 10, 25])?;
        t.gives(THREAD_INFO, &[second, 2], &[1, 10, 30])?;
        t.all(TASK_PRIORITY, &[task, 40, 1])?;
        t.gives(THREAD_INFO, &[first, 2], &[1, 10, 40])?;
        t.gives(TASK_INFO, &[task, 1], &[0, 40])
    }),
    ("task_clear, ends threads and memory, and leaves the names", |t| {
        let task = t.task()?;
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        t.all(VM_ALLOCATE, &[task, 0x50_0000, PAGE, 0])?;
        t.get(MACH_PORT_ALLOCATE, &[task, RECEIVE])?;
        t.all(TASK_CLEAR, &[task])?;
        t.gives(TASK_INFO, &[task], &[0, 0, 0, 1, 0])?;
        t.kind(thread, IS_DEAD)
    }),
    ("account_create, an account within the caller's, which pays for a task", |t| {
        let account = t.get(ACCOUNT_CREATE, &[1 << 20, 1 << 20, 100])?;
        let task = t.get(TASK_CREATE, &[account])?;
        t.get(MACH_PORT_ALLOCATE, &[task, RECEIVE])?;
        let info = t.all(ACCOUNT_INFO, &[account])?;
        same((info[..3].to_vec(), info[5]), (vec![1 << 20, 1 << 20, 100], 1))?;
        t.all(TASK_TERMINATE, &[task])?;
        t.gives(ACCOUNT_INFO, &[account], &[1 << 20, 1 << 20, 100, 0, 0, 0])
    }),
    ("account_terminate, nothing is left of what it paid for, and it pays for nothing more", |t| {
        let account = t.get(ACCOUNT_CREATE, &[1 << 20, 1 << 20, 100])?;
        let inner = t.get(ACCOUNT_CREATE, &[1 << 20, 1 << 18, 100, account])?;
        for account in [account, inner] {
            let task = t.get(TASK_CREATE, &[account])?;
            t.get(MACH_PORT_ALLOCATE, &[task, RECEIVE])?;
            let at = t.get(VM_ALLOCATE, &[task, 0, 4 * PAGE, 1])?;
            t.all(VM_WRITE, &[task, at, 8, 1])?;
        }
        same(t.all(ACCOUNT_INFO, &[account])?[3], 2 * PAGE)?;
        let mut place = 0;
        loop {
            place = t.get(ACCOUNT_TERMINATE, &[account, place])?;
            if place == 0 {
                break;
            }
        }
        t.gives(ACCOUNT_INFO, &[account], &[1 << 20, 1 << 20, 100, 0, 0, 0, 1])?;
        t.kind(inner, IS_DEAD)?;
        t.refuses(TASK_CREATE, &[account], Error::KERN_RESOURCE_SHORTAGE)
    }),
    ("task_set_account, the task goes and its memory stays", |t| {
        let one = t.get(ACCOUNT_CREATE, &[1 << 20, 1 << 20, 100])?;
        let two = t.get(ACCOUNT_CREATE, &[1 << 20, 1 << 20, 100])?;
        let task = t.get(TASK_CREATE, &[one])?;
        t.get(MACH_PORT_ALLOCATE, &[task, RECEIVE])?;
        let at = t.get(VM_ALLOCATE, &[task, 0, PAGE, 1])?;
        t.all(VM_WRITE, &[task, at, 8, 1])?;
        t.all(TASK_SET_ACCOUNT, &[task, two])?;
        let (left, there) = (t.all(ACCOUNT_INFO, &[one])?, t.all(ACCOUNT_INFO, &[two])?);
        same((left[3], left[5]), (PAGE, 0))?;
        same((there[3], there[5]), (0, 1))?;
        t.all(TASK_TERMINATE, &[task])?;
        // It ends in pieces, some with each request.
        for _ in 0..1000 {
            if t.all(ACCOUNT_INFO, &[one])?[3] == 0 {
                break;
            }
        }
        same(t.all(ACCOUNT_INFO, &[one])?[3..6].to_vec(), vec![0; 3])?;
        t.gives(ACCOUNT_INFO, &[two], &[1 << 20, 1 << 20, 100, 0, 0, 0])
    }),
    ("account_info, counts memory and rights as they come and go", |t| {
        let account = t.get(ACCOUNT_CREATE, &[1 << 20, 1 << 20, 3])?;
        let task = t.get(TASK_CREATE, &[account])?;
        t.all(VM_ALLOCATE, &[task, 0x50_0000, 2 * PAGE, 0])?;
        t.all(VM_WRITE, &[task, 0x50_0000, 8, 1])?;
        same(t.all(ACCOUNT_INFO, &[account])?[3], PAGE)?;
        for _ in 0..3 {
            t.get(MACH_PORT_ALLOCATE, &[task, RECEIVE])?;
        }
        t.refuses(MACH_PORT_ALLOCATE, &[task, RECEIVE], Error::KERN_RESOURCE_SHORTAGE)?;
        t.all(VM_DEALLOCATE, &[task, 0x50_0000, 2 * PAGE])?;
        let info = t.all(ACCOUNT_INFO, &[account])?;
        same((info[3], info[5]), (0, 3))
    }),
];

const THREADS: &[Case] = &[
    ("thread_create, a thread with a page at an address of choice", |t| {
        let task = t.task()?;
        let words = t.all(THREAD_CREATE, &[task, 0x50_0000])?;
        same(words[2], 0x50_0000)?;
        t.gives(TASK_INFO, &[task], &[1])?;
        t.gives(THREAD_INFO, &[words[0], 1], &[0, 0, 0, 0, 0, 25, 25, 2, 0, 0])?;
        t.refuses(VM_ALLOCATE, &[task, 0x50_0000, PAGE, 0], Error::KERN_NO_SPACE)
    }),
    ("thread_terminate, and names for it are dead", |t| {
        let (task, told) = (t.task()?, t.port()?);
        let thread = t.get(THREAD_CREATE, &[task, 0x50_0000])?;
        t.watch(thread, notify::DEAD_NAME, 0, told)?;
        t.all(THREAD_TERMINATE, &[thread])?;
        t.told(told, notify::DEAD_NAME, &[thread])?;
        t.gives(TASK_INFO, &[task], &[0])?;
        t.refuses(THREAD_SUSPEND, &[thread], Error::KERN_INVALID_ARGUMENT)?;
        // Its page is free again.
        t.gives(VM_ALLOCATE, &[task, 0x50_0000, PAGE, 0], &[0x50_0000])
    }),
    ("thread_suspend, counts", |t| {
        let task = t.task()?;
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        t.all(THREAD_SUSPEND, &[thread])?;
        t.all(THREAD_SUSPEND, &[thread])?;
        t.gives(THREAD_INFO, &[thread, 1], &[0, 0, 0, 0, 0, 25, 25, 2, 0, 2])
    }),
    ("thread_resume, takes back one suspension", |t| {
        let task = t.task()?;
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        t.all(THREAD_SUSPEND, &[thread])?;
        t.all(THREAD_RESUME, &[thread])?;
        t.refuses(THREAD_RESUME, &[thread], Error::KERN_FAILURE)
    }),
    ("thread_abort, of a thread that waits for nothing does nothing", |t| {
        let task = t.task()?;
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        t.all(THREAD_ABORT, &[thread])?;
        t.gives(THREAD_INFO, &[thread, 1], &[0, 0, 0, 0, 0, 25, 25, 2, 0, 0])
    }),
    ("thread_get_special_port, its own port and its handler", |t| {
        let (task, port) = (t.task()?, t.port()?);
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        t.make_send(port)?;
        t.gives(THREAD_GET_SPECIAL_PORT, &[thread, 1], &[thread])?;
        t.refs(thread, SEND, 2)?;
        t.gives(THREAD_GET_SPECIAL_PORT, &[thread, 3], &[0])?;
        t.all(THREAD_SET_SPECIAL_PORT, &[thread, 3, port])?;
        t.gives(THREAD_GET_SPECIAL_PORT, &[thread, 3], &[port])?;
        t.gives(THREAD_GET_SPECIAL_PORT, &[thread, 5], &[0])
    }),
    ("thread_set_special_port, keeps a copy as long as the thread lives", |t| {
        let (task, port, told) = (t.task()?, t.port()?, t.port()?);
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        t.make_send(port)?;
        t.all(THREAD_SET_SPECIAL_PORT, &[thread, 5, port])?;
        t.all(MACH_PORT_DEALLOCATE, &[0, port])?;
        t.watch(port, notify::NO_SENDERS, 0, told)?;
        t.silent(told)?;
        t.all(THREAD_TERMINATE, &[thread])?;
        t.told(told, notify::NO_SENDERS, &[1])
    }),
    ("thread_info, priorities and states", |t| {
        let task = t.task()?;
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        t.all(THREAD_PRIORITY, &[thread, 50, 1])?;
        t.gives(THREAD_INFO, &[thread, 2], &[1, 10, 50, 50, 50, 0, u64::MAX])
    }),
    ("thread_priority, and its limit if asked", |t| {
        let task = t.task()?;
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        t.all(THREAD_PRIORITY, &[thread, 50, 0])?;
        t.all(THREAD_PRIORITY, &[thread, 40, 1])?;
        t.refuses(THREAD_PRIORITY, &[thread, 39, 0], Error::KERN_FAILURE)?;
        t.gives(THREAD_INFO, &[thread, 2], &[1, 10, 40, 40, 40])
    }),
    ("thread_max_priority, raises the limit for who has the host port", |t| {
        let (task, host) = (t.task()?, t.host);
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        t.all(THREAD_PRIORITY, &[thread, 50, 1])?;
        t.all(THREAD_MAX_PRIORITY, &[thread, host, 30])?;
        t.all(THREAD_PRIORITY, &[thread, 30, 0])?;
        t.all(THREAD_MAX_PRIORITY, &[thread, host, 45])?;
        t.gives(THREAD_INFO, &[thread, 2], &[1, 10, 45, 45, 45])
    }),
    ("thread_policy, there is one", |t| {
        let task = t.task()?;
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        t.all(THREAD_POLICY, &[thread, 1, 0]).map(drop)
    }),
    ("thread_depress_abort, no priority is depressed", |t| {
        let task = t.task()?;
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        t.all(THREAD_PRIORITY, &[thread, 40, 0])?;
        t.all(THREAD_DEPRESS_ABORT, &[thread])?;
        t.gives(THREAD_INFO, &[thread, 2], &[1, 10, 40, 25, 40, 0, u64::MAX])
    }),
    ("thread_wire, every thread is, for good", |t| {
        let (task, host) = (t.task()?, t.host);
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        t.all(THREAD_WIRE, &[host, thread, 1])?;
        t.refuses(THREAD_WIRE, &[host, thread, 0], Error::KERN_FAILURE)?;
        t.refuses(THREAD_WIRE, &[host, task, 1], Error::KERN_INVALID_ARGUMENT)
    }),
    ("thread_terminate_release, with its name, its reply port and its stack", |t| {
        let task = t.task()?;
        let thread = t.get(THREAD_CREATE, &[task, 0x50_0000])?;
        let own = t.get(MACH_PORT_INSERT_RIGHT, &[task, 0, thread, COPY])?;
        t.all(MACH_PORT_MOD_REFS, &[task, own, SEND, 1])?;
        let (reply, send) = t.port_of(task)?;
        t.all(VM_ALLOCATE, &[task, 0x60_0000, 2 * PAGE, 0])?;
        let words = [thread, task, own, reply, 0x60_0000, PAGE];
        t.all(THREAD_TERMINATE_RELEASE, &words)?;
        t.kind(thread, IS_DEAD)?;
        t.kind(send, IS_DEAD)?;
        // One reference to its name is gone, and nothing for the page that was not given back.
        t.gives(MACH_PORT_GET_REFS, &[task, own, DEAD], &[1])?;
        t.refuses(MACH_PORT_TYPE, &[task, reply], Error::KERN_INVALID_NAME)?;
        t.gives(VM_REGION, &[task, 0x50_0000], &[0x60_1000, PAGE])
    }),
    ("thread_terminate_release, ends the thread whatever else fails", |t| {
        let task = t.task()?;
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        t.all(VM_ALLOCATE, &[task, 0x60_0000, PAGE, 0])?;
        let words = [thread, task, 0x777, 0, 0x60_0000, PAGE];
        t.refuses(THREAD_TERMINATE_RELEASE, &words, Error::KERN_INVALID_NAME)?;
        t.kind(thread, IS_DEAD)?;
        t.gives(TASK_INFO, &[task, 1], &[0, 25, 0])
    }),
    ("task_set_name, which is charged until it is taken away", |t| {
        let account = t.get(ACCOUNT_CREATE, &[1 << 20, 1 << 20, 100])?;
        let task = t.get(TASK_CREATE, &[account])?;
        let before = t.all(ACCOUNT_INFO, &[account])?[4];
        t.gives(TASK_INFO, &[task, 100], &[0])?;
        t.all(TASK_SET_NAME, &[task, 9, u64::from_le_bytes(*b"translat"), b'o' as u64])?;
        t.gives(TASK_INFO, &[task, 100], &[9, u64::from_le_bytes(*b"translat"), b'o' as u64])?;
        same(t.all(ACCOUNT_INFO, &[account])?[4] > before, true)?;
        t.all(TASK_SET_NAME, &[task, 2, 0x6968])?;
        t.gives(TASK_INFO, &[task, 100], &[2, 0x6968])?;
        t.all(TASK_SET_NAME, &[task, 0])?;
        t.gives(TASK_INFO, &[task, 100], &[0])?;
        same(t.all(ACCOUNT_INFO, &[account])?[4], before)
    }),
    ("thread_set_name, goes with the thread", |t| {
        let account = t.get(ACCOUNT_CREATE, &[1 << 20, 1 << 20, 100])?;
        let task = t.get(TASK_CREATE, &[account])?;
        let before = t.all(ACCOUNT_INFO, &[account])?[4];
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        t.all(THREAD_SET_NAME, &[thread, 3, 0x6f6e_656f])?;
        t.gives(THREAD_GET_NAME, &[thread], &[3, 0x6e_656f])?;
        t.all(THREAD_TERMINATE, &[thread])?;
        same(t.all(ACCOUNT_INFO, &[account])?[4], before)
    }),
    ("thread_get_name, its own or its task's", |t| {
        let task = t.task()?;
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        t.gives(THREAD_GET_NAME, &[thread], &[0])?;
        t.all(TASK_SET_NAME, &[task, 2, 0x6968])?;
        t.gives(THREAD_GET_NAME, &[thread], &[2, 0x6968])?;
        t.all(THREAD_SET_NAME, &[thread, 1, 0x41])?;
        t.gives(THREAD_GET_NAME, &[thread], &[1, 0x41])
    }),
    ("task_set_essential, for who has the host port", |t| {
        let (task, host) = (t.task()?, t.host);
        t.all(TASK_SET_ESSENTIAL, &[host, task, 1])?;
        t.all(TASK_SET_ESSENTIAL, &[host, task, 0])?;
        t.refuses(TASK_SET_ESSENTIAL, &[host, 0x777, 1], Error::KERN_INVALID_TASK)?;
        // And the system does not end.
        t.all(TASK_TERMINATE, &[task]).map(drop)
    }),
    ("gsync_requeue, of nobody is refused", |t| {
        let at = t.memory(1)?;
        t.refuses(GSYNC_REQUEUE, &[at, at + 8, 1, 1], Error::KERN_INVALID_ARGUMENT)
    }),
    ("gsync_wake, wakes nobody where nobody waits", |t| {
        let at = t.memory(1)?;
        t.gives(GSYNC_WAKE, &[at, 1], &[0])
    }),
];

const MEMORY: &[Case] = &[
    ("vm_allocate, zeroes, anywhere or where it is asked for", |t| {
        let at = t.memory(2)?;
        t.holds(at + PAGE, 0)?;
        t.all(VM_DEALLOCATE, &[0, at, 2 * PAGE])?;
        t.gives(VM_ALLOCATE, &[0, at, 5, 0], &[at])?;
        t.gives(VM_REGION, &[0, at], &[at, PAGE, 3, 7, 1, 0])
    }),
    ("vm_allocate, large pages, which are there and paid for from the start", |t| {
        let account = t.all(ACCOUNT_INFO, &[0])?[3];
        let resident = t.all(TASK_INFO, &[0])?[2];
        let at = t.large_memory(2)?;
        same(at % LARGE_PAGE, 0)?;
        same(t.all(ACCOUNT_INFO, &[0])?[3], account + 2 * LARGE_PAGE)?;
        same(t.all(TASK_INFO, &[0])?[2], resident + 2 * LARGE_PAGE)?;
        t.gives(VM_REGION, &[0, at], &[at, 2 * LARGE_PAGE, 3, 7, 1, 0])?;
        t.put(at + LARGE_PAGE - 4, 0x1111_2222_3333_4444)?;
        t.holds(at + LARGE_PAGE - 4, 0x1111_2222_3333_4444)?;
        t.holds(at + LARGE_PAGE + 4, 0)?;
        t.put(at + 2 * LARGE_PAGE - 8, 7)?;
        t.all(VM_DEALLOCATE, &[0, at, LARGE_PAGE])?;
        same(t.all(ACCOUNT_INFO, &[0])?[3], account + LARGE_PAGE)?;
        t.refuses(VM_READ, &[0, at, 8], Error::KERN_INVALID_ADDRESS)?;
        t.holds(at + 2 * LARGE_PAGE - 8, 7)?;
        t.all(VM_DEALLOCATE, &[0, at, 2 * LARGE_PAGE])?;
        // What others get of it is zero again.
        let again = t.large_memory(2)?;
        t.holds(again + LARGE_PAGE - 4, 0)?;
        t.holds(again + 2 * LARGE_PAGE - 8, 0)?;
        t.all(VM_DEALLOCATE, &[0, again, 2 * LARGE_PAGE])?;
        same(t.all(ACCOUNT_INFO, &[0])?[3], account)
    }),
    ("vm_allocate, large pages that its account cannot pay for are not made", |t| {
        let account = t.get(ACCOUNT_CREATE, &[LARGE_PAGE, 1 << 20, 100])?;
        let task = t.get(TASK_CREATE, &[account])?;
        let used = t.all(ACCOUNT_INFO, &[account])?;
        let words = [task, 0x4000_0000, 2 * LARGE_PAGE, SUPERPAGE_SIZE_2MB];
        t.refuses(VM_ALLOCATE, &words, Error::KERN_RESOURCE_SHORTAGE)?;
        same(t.all(ACCOUNT_INFO, &[account])?[3..6].to_vec(), used[3..6].to_vec())?;
        t.refuses(VM_REGION, &[task, 0], Error::KERN_NO_SPACE)?;
        t.all(VM_ALLOCATE, &[task, 0x4000_0000, LARGE_PAGE, SUPERPAGE_SIZE_2MB])?;
        // Where small pages were: their page table goes.
        t.all(VM_DEALLOCATE, &[task, 0x4000_0000, LARGE_PAGE])?;
        t.all(VM_ALLOCATE, &[task, 0x4000_0000, PAGE, 0])?;
        t.all(VM_WRITE, &[task, 0x4000_0000, 8, 1])?;
        t.all(VM_DEALLOCATE, &[task, 0x4000_0000, PAGE])?;
        t.all(VM_ALLOCATE, &[task, 0x4000_0000, LARGE_PAGE, SUPERPAGE_SIZE_2MB])?;
        t.all(TASK_TERMINATE, &[task])?;
        same(t.all(ACCOUNT_INFO, &[account])?[3..5].to_vec(), [0, 0].to_vec())
    }),
    ("vm_deallocate, and protect, inherit, wire, not part of a large page", |t| {
        let at = t.large_memory(2)?;
        for (start, size) in [(at + PAGE, PAGE), (at, PAGE), (at + PAGE, 2 * LARGE_PAGE - PAGE)] {
            let error = Error::KERN_INVALID_ARGUMENT;
            t.refuses(VM_DEALLOCATE, &[0, start, size], error)?;
            t.refuses(VM_PROTECT, &[0, start, size, 0, 1], error)?;
            t.refuses(VM_INHERIT, &[0, start, size, 2], error)?;
            t.refuses(VM_WIRE, &[0, start, size, RW], error)?;
        }
        t.gives(VM_REGION, &[0, at], &[at, 2 * LARGE_PAGE, 3, 7, 1, 0])?;
        // Also from outside, where the other border is a good one.
        t.all(VM_DEALLOCATE, &[0, at, LARGE_PAGE])?;
        t.all(VM_ALLOCATE, &[0, at + LARGE_PAGE - 2 * PAGE, 2 * PAGE, 0])?;
        t.put(at + LARGE_PAGE - PAGE, 5)?;
        t.refuses(VM_DEALLOCATE, &[0, at + LARGE_PAGE - PAGE, 2 * PAGE], Error::KERN_INVALID_ARGUMENT)?;
        t.gives(VM_REGION, &[0, at], &[at + LARGE_PAGE - 2 * PAGE, 2 * PAGE])?;
        t.holds(at + LARGE_PAGE - PAGE, 5)?;
        t.all(VM_DEALLOCATE, &[0, at, 2 * LARGE_PAGE]).map(drop)
    }),
    ("vm_deallocate, whole pages, also from the middle, also where nothing is", |t| {
        let at = t.memory(4)?;
        t.put(at + 3 * PAGE, 5)?;
        t.all(VM_DEALLOCATE, &[0, at + PAGE + 7, PAGE])?;
        t.holds(at, 0)?;
        t.refuses(VM_READ, &[0, at + PAGE, 8], Error::KERN_INVALID_ADDRESS)?;
        t.refuses(VM_READ, &[0, at + 2 * PAGE, 8], Error::KERN_INVALID_ADDRESS)?;
        t.holds(at + 3 * PAGE, 5)?;
        t.all(VM_DEALLOCATE, &[0, at, 4 * PAGE])?;
        t.all(VM_DEALLOCATE, &[0, at, 4 * PAGE]).map(drop)
    }),
    ("vm_protect, what is allowed, and what can be", |t| {
        let at = t.memory(3)?;
        t.all(VM_PROTECT, &[0, at + PAGE, PAGE, 0, 1])?;
        t.gives(VM_REGION, &[0, at + PAGE], &[at + PAGE, PAGE, 1, 7])?;
        t.refuses(VM_WRITE, &[0, at + PAGE, 8, 1], Error::KERN_PROTECTION_FAILURE)?;
        t.put(at, 1)?;
        t.all(VM_PROTECT, &[0, at, 3 * PAGE, 1, 1])?;
        t.gives(VM_REGION, &[0, at], &[at, PAGE, 1, 1])?;
        t.refuses(VM_PROTECT, &[0, at, PAGE, 0, 3], Error::KERN_PROTECTION_FAILURE)
    }),
    ("vm_inherit, shared, copied or nothing", |t| {
        let parent = t.task()?;
        t.all(VM_ALLOCATE, &[parent, 0x50_0000, 3 * PAGE, 0])?;
        for (page, how) in [0, 1, 2].into_iter().enumerate() {
            t.all(VM_INHERIT, &[parent, 0x50_0000 + page as u64 * PAGE, PAGE, how])?;
        }
        let child = t.get(TASK_CREATE, &[0, parent, 1])?;
        for page in 0..2 {
            t.all(VM_WRITE, &[parent, 0x50_0000 + page * PAGE, 8, 7])?;
        }
        t.gives(VM_READ, &[child, 0x50_0000, 8], &[8, 7])?;
        t.gives(VM_READ, &[child, 0x50_1000, 8], &[8, 0])?;
        t.refuses(VM_READ, &[child, 0x50_2000, 8], Error::KERN_INVALID_ADDRESS)
    }),
    ("vm_inherit, large pages, shared or copied", |t| {
        let parent = t.task()?;
        let at = 0x5000_0000;
        t.all(VM_ALLOCATE, &[parent, at, 2 * LARGE_PAGE, SUPERPAGE_SIZE_2MB])?;
        t.all(VM_INHERIT, &[parent, at, LARGE_PAGE, 0])?;
        t.all(VM_WRITE, &[parent, at + LARGE_PAGE + 0x5008, 8, 6])?;
        let child = t.get(TASK_CREATE, &[0, parent, 1])?;
        for page in 0..2 {
            t.all(VM_WRITE, &[parent, at + page * LARGE_PAGE + 0x5000, 8, 7])?;
        }
        t.gives(VM_READ, &[child, at + 0x5000, 8], &[8, 7])?;
        t.gives(VM_READ, &[child, at + LARGE_PAGE + 0x5000, 16], &[16, 0, 6])?;
        t.all(VM_WRITE, &[child, at + LARGE_PAGE + 0x5008, 8, 8])?;
        t.gives(VM_READ, &[parent, at + LARGE_PAGE + 0x5000, 16], &[16, 7, 6])?;
        t.gives(VM_READ, &[child, at + LARGE_PAGE + 0x5000, 16], &[16, 0, 8])
    }),
    ("vm_read, across pages and between", |t| {
        let at = t.memory(2)?;
        t.put(at + PAGE - 8, 0x1111_2222_3333_4444)?;
        t.put(at + PAGE, 0x5555_6666_7777_8888)?;
        t.gives(VM_READ, &[0, at + PAGE - 2, 4], &[4, 0x8888_1111])?;
        t.gives(VM_READ, &[0, at, 0], &[0])
    }),
    ("vm_write, as many bytes as it says", |t| {
        let at = t.memory(2)?;
        t.all(VM_WRITE, &[0, at + PAGE - 3, 6, 0x8877_6655_4433_2211])?;
        t.gives(VM_READ, &[0, at + PAGE - 4, 8], &[8, 0x0066_5544_3322_1100])
    }),
    ("vm_copy, between tasks, and onto itself", |t| {
        let (task, at) = (t.task()?, t.memory(2)?);
        t.all(VM_ALLOCATE, &[task, 0x50_0000, 2 * PAGE, 0])?;
        t.put(at + 8, 11)?;
        t.put(at + PAGE, 12)?;
        t.all(VM_COPY, &[0, at, task, 0x50_0004, PAGE + 8])?;
        t.gives(VM_READ, &[task, 0x50_000c, 8], &[8, 11])?;
        t.gives(VM_READ, &[task, 0x50_1004, 8], &[8, 12])?;
        t.all(VM_COPY, &[0, at, 0, at + 8, PAGE])?;
        t.holds(at + 16, 11)?;
        t.holds(at + PAGE + 8, 0)
    }),
    ("vm_copy, into large pages, out of them and between", |t| {
        const SIZE: u64 = 64 * PAGE;
        let (small, one, two) = (t.memory(64)?, t.large_memory(1)?, t.large_memory(1)?);
        t.put(small + 33 * PAGE, 11)?;
        t.all(VM_COPY, &[0, small, 0, one + SIZE, SIZE])?;
        t.holds(one + SIZE + 33 * PAGE, 11)?;
        t.all(VM_COPY, &[0, one + SIZE, 0, two + 2 * SIZE + 16, SIZE])?;
        t.holds(two + 2 * SIZE + 33 * PAGE + 16, 11)?;
        t.all(VM_COPY, &[0, one + SIZE, 0, two, SIZE])?;
        t.put(one + SIZE + 33 * PAGE, 12)?;
        t.holds(two + 33 * PAGE, 11)?;
        t.all(VM_COPY, &[0, one + SIZE, 0, small, SIZE])?;
        t.put(one + SIZE + 33 * PAGE, 13)?;
        t.holds(small + 33 * PAGE, 12)?;
        t.all(VM_DEALLOCATE, &[0, one, LARGE_PAGE])?;
        t.all(VM_DEALLOCATE, &[0, two, LARGE_PAGE]).map(drop)
    }),
    ("vm_region, the one at an address or behind it", |t| {
        let task = t.task()?;
        t.all(VM_ALLOCATE, &[task, 0x50_0000, 2 * PAGE, 0])?;
        t.all(VM_PROTECT, &[task, 0x50_1000, PAGE, 0, 5])?;
        t.gives(VM_REGION, &[task, 0], &[0x50_0000, PAGE, 3, 7, 1, 0, 0, 0])?;
        t.gives(VM_REGION, &[task, 0x50_1234], &[0x50_1000, PAGE, 5, 7, 1, 0, PAGE, 0])?;
        t.refuses(VM_REGION, &[task, 0x50_2000], Error::KERN_NO_SPACE)
    }),
    ("vm_map, an object shared or copied, with a mask, as little as is asked for", |t| {
        let object = t.get(MEMORY_OBJECT_CREATE, &[2 * PAGE])?;
        let one = t.get(VM_MAP, &[0, 0, 2 * PAGE, 0xf_ffff, 1, object, 0, 0, RW, 7, 0])?;
        same(one & 0xf_ffff, 0)?;
        let two = t.get(VM_MAP, &[0, 0, PAGE, 0, 1, object, PAGE, 0, 1, RW, 2])?;
        let copy = t.get(VM_MAP, &[0, 0, 2 * PAGE, 0, 1, object, 0, 1, RW, RW, 1])?;
        t.put(one + PAGE, 9)?;
        t.holds(two, 9)?;
        t.holds(copy + PAGE, 0)?;
        t.refuses(VM_WRITE, &[0, two, 8, 1], Error::KERN_PROTECTION_FAILURE)?;
        t.gives(VM_REGION, &[0, two], &[two, PAGE, 1, 3, 2, 1, PAGE])?;
        // The object lives on with its maps.
        t.all(MACH_PORT_DEALLOCATE, &[0, object])?;
        t.holds(two, 9)
    }),
    ("vm_map, large pages, of one's own, shared or copied", |t| {
        let flags = ANYWHERE | SUPERPAGE_SIZE_2MB;
        let own = t.get(VM_MAP, &[0, 0, LARGE_PAGE, 0, flags, 0, 0, 0, RW, 7, 1])?;
        same(own % LARGE_PAGE, 0)?;
        t.holds(own + LARGE_PAGE - 8, 0)?;
        let object = t.get(MEMORY_OBJECT_CREATE, &[2 * LARGE_PAGE, SUPERPAGE_SIZE_2MB])?;
        let map = |offset, size, copy| [0, 0, size, 0, 1, object, offset, copy, RW, 7, 2];
        let both = t.get(VM_MAP, &map(0, 2 * LARGE_PAGE, 0))?;
        let second = t.get(VM_MAP, &map(LARGE_PAGE, LARGE_PAGE, 0))?;
        let copy = t.get(VM_MAP, &map(LARGE_PAGE, LARGE_PAGE, 1))?;
        t.put(both + LARGE_PAGE + 0x7_7000, 9)?;
        t.holds(second + 0x7_7000, 9)?;
        t.holds(copy + 0x7_7000, 0)?;
        for (offset, size) in [(PAGE, LARGE_PAGE), (0, PAGE), (LARGE_PAGE, LARGE_PAGE + PAGE)] {
            for copy in [0, 1] {
                t.refuses(VM_MAP, &map(offset, size, copy), Error::KERN_INVALID_ARGUMENT)?;
            }
        }
        t.all(MACH_PORT_DEALLOCATE, &[0, object])?;
        for (at, size) in [(own, 1), (both, 2), (second, 1), (copy, 1)] {
            t.all(VM_DEALLOCATE, &[0, at, size * LARGE_PAGE])?;
        }
        Ok(())
    }),
    ("vm_wire, pages are there from then on", |t| {
        let at = t.memory(4)?;
        let before = t.all(TASK_INFO, &[0])?[2];
        t.all(VM_WIRE, &[0, at, 4 * PAGE, RW])?;
        same(t.all(TASK_INFO, &[0])?[2], before + 4 * PAGE)?;
        t.all(VM_WIRE, &[0, at, 4 * PAGE, 0])?;
        t.holds(at, 0)
    }),
    ("vm_wire_all, what there is, and what will be", |t| {
        let task = t.task()?;
        t.all(VM_ALLOCATE, &[task, 0x50_0000, 2 * PAGE, 0])?;
        t.all(VM_WIRE_ALL, &[task, 1])?;
        t.gives(TASK_INFO, &[task], &[0, 0, 2 * PAGE])?;
        t.all(VM_WIRE_ALL, &[task, 2])?;
        t.all(VM_ALLOCATE, &[task, 0x60_0000, PAGE, 0])?;
        t.gives(TASK_INFO, &[task], &[0, 0, 3 * PAGE])?;
        t.all(VM_WIRE_ALL, &[task, 0]).map(drop)
    }),
    ("vm_machine_attribute, there are none", |t| {
        let at = t.memory(1)?;
        t.refuses(VM_MACHINE_ATTRIBUTE, &[0, at, PAGE, 1, 1], Error::KERN_INVALID_ARGUMENT)
    }),
    ("vm_statistics, counts what comes and goes", |t| {
        let before = t.all(VM_STATISTICS, &[])?;
        let (port, task) = (t.port()?, t.task()?);
        t.get(THREAD_CREATE, &[task, 0])?;
        let object = t.get(MEMORY_OBJECT_CREATE, &[PAGE])?;
        let with = t.all(VM_STATISTICS, &[])?;
        // Tasks, threads, ports (a port, a task's, a thread's, an object's), objects.
        same([1, 1, 4, 1].to_vec(), (2..6).map(|at| with[at] - before[at]).collect())?;
        t.all(TASK_TERMINATE, &[task])?;
        t.all(MACH_PORT_DESTROY, &[0, port])?;
        t.all(MACH_PORT_DEALLOCATE, &[0, object])?;
        t.all(MACH_PORT_DEALLOCATE, &[0, task])?;
        let after = t.all(VM_STATISTICS, &[])?;
        same(after[2..6].to_vec(), before[2..6].to_vec())
    }),
    ("memory_object_create_proxy, a part of an object, with less access", |t| {
        let object = t.get(MEMORY_OBJECT_CREATE, &[4 * PAGE])?;
        let whole = t.get(VM_MAP, &[0, 0, 4 * PAGE, 0, 1, object, 0, 0, RW, 7, 0])?;
        t.put(whole + PAGE, 5)?;
        let proxy = t.get(MEMORY_OBJECT_CREATE_PROXY, &[0, 1, 1, object, 0, PAGE, PAGE + 1])?;
        t.refs(object, SEND, 1)?;
        // Whatever access is asked for, it is that of the proxy.
        let at = t.get(VM_MAP, &[0, 0, 2 * PAGE, 0, 1, proxy, 0, 0, RW, 7, 2])?;
        t.holds(at, 5)?;
        t.gives(VM_REGION, &[0, at], &[at, 2 * PAGE, 1, 1])?;
        t.refuses(VM_WRITE, &[0, at, 8, 6], Error::KERN_PROTECTION_FAILURE)?;
        t.refuses(VM_PROTECT, &[0, at, PAGE, 0, RW], Error::KERN_PROTECTION_FAILURE)?;
        let child = t.get(TASK_CREATE, &[0, 0, 1])?;
        t.all(VM_INHERIT, &[0, at, 2 * PAGE, 0])?;
        let heir = t.get(TASK_CREATE, &[0, 0, 1])?;
        t.refuses(VM_WRITE, &[heir, at, 8, 6], Error::KERN_PROTECTION_FAILURE)?;
        t.refuses(VM_PROTECT, &[heir, at, PAGE, 0, RW], Error::KERN_PROTECTION_FAILURE)?;
        t.all(TASK_TERMINATE, &[child])?;
        t.all(TASK_TERMINATE, &[heir])?;
        // A copy is the copier's own.
        let copy = t.get(VM_MAP, &[0, 0, PAGE, 0, 1, proxy, 0, 1, RW, RW, 1])?;
        t.put(copy, 7)?;
        t.holds(whole + PAGE, 5)
    }),
    ("memory_object_create_proxy, of a proxy gives no more than that", |t| {
        let object = t.get(MEMORY_OBJECT_CREATE, &[4 * PAGE])?;
        let outer = t.get(MEMORY_OBJECT_CREATE_PROXY, &[0, 1, 1, object, 0, PAGE, 2 * PAGE])?;
        let inner = t.get(MEMORY_OBJECT_CREATE_PROXY, &[0, 7, 1, outer, 0, PAGE, PAGE])?;
        let at = t.get(VM_MAP, &[0, 0, PAGE, 0, 1, inner, 0, 0, RW, 7, 2])?;
        t.gives(VM_REGION, &[0, at], &[at, PAGE, 1, 1, 2, 1, 2 * PAGE])?;
        t.refuses(
            VM_MAP,
            &[0, 0, PAGE, 0, 1, inner, PAGE, 0, 1, 1, 2],
            Error::KERN_INVALID_ARGUMENT,
        )?;
        // Written, not read: no copy of it either.
        let blind = t.get(MEMORY_OBJECT_CREATE_PROXY, &[0, 2, 1, object, 0, 0, PAGE])?;
        t.refuses(
            VM_MAP,
            &[0, 0, PAGE, 0, 1, blind, 0, 1, RW, RW, 2],
            Error::KERN_PROTECTION_FAILURE,
        )
    }),
    ("memory_object_create_proxy, keeps the object until its last right ends", |t| {
        let before = t.all(ACCOUNT_INFO, &[0])?;
        let object = t.get(MEMORY_OBJECT_CREATE, &[PAGE])?;
        let proxy = t.get(MEMORY_OBJECT_CREATE_PROXY, &[0, RW, 1, object, 0, 0, PAGE])?;
        t.all(MACH_PORT_DEALLOCATE, &[0, object])?;
        let at = t.get(VM_MAP, &[0, 0, PAGE, 0, 1, proxy, 0, 0, RW, 7, 2])?;
        t.put(at, 3)?;
        t.all(MACH_PORT_DEALLOCATE, &[0, proxy])?;
        t.holds(at, 3)?;
        t.all(VM_DEALLOCATE, &[0, at, PAGE])?;
        let after = t.all(ACCOUNT_INFO, &[0])?;
        same((after[3], after[5]), (before[3], before[5]))
    }),
    ("memory_object_create_proxy, ends with the account that pays for it", |t| {
        let account = t.get(ACCOUNT_CREATE, &[1 << 20, 1 << 20, 100])?;
        let task = t.get(TASK_CREATE, &[account])?;
        let object = t.get(MEMORY_OBJECT_CREATE, &[PAGE])?;
        let proxy = t.get(MEMORY_OBJECT_CREATE_PROXY, &[task, 1, 1, object, 0, 0, PAGE])?;
        let mut place = 0;
        loop {
            place = t.get(ACCOUNT_TERMINATE, &[account, place])?;
            if place == 0 {
                break;
            }
        }
        t.kind(proxy, IS_DEAD)?;
        t.gives(ACCOUNT_INFO, &[account], &[1 << 20, 1 << 20, 100, 0, 0, 0, 1])
    }),
    ("vm_region_create_proxy, what the map allows and no more", |t| {
        let at = t.memory(4)?;
        t.put(at + 2 * PAGE, 4)?;
        t.all(VM_PROTECT, &[0, at + 2 * PAGE, 2 * PAGE, 1, 1])?;
        let proxy = t.get(VM_REGION_CREATE_PROXY, &[0, at + 2 * PAGE, 7, PAGE])?;
        let seen = t.get(VM_MAP, &[0, 0, PAGE, 0, 1, proxy, 0, 0, RW, 7, 2])?;
        t.holds(seen, 4)?;
        t.gives(VM_REGION, &[0, seen], &[seen, PAGE, 1, 1])?;
        // The same memory, not a copy: it stays when the map has let go of it.
        t.all(VM_DEALLOCATE, &[0, at, 4 * PAGE])?;
        t.holds(seen, 4)
    }),
    ("vm_region_create_proxy, of memory that somebody writes to", |t| {
        let task = t.task()?;
        t.all(VM_ALLOCATE, &[task, 0x50_0000, 2 * PAGE, 0])?;
        t.all(VM_WRITE, &[task, 0x50_1000, 8, 1])?;
        // An address in front of the region is the region's first.
        let proxy = t.get(VM_REGION_CREATE_PROXY, &[task, 0x40_0000, RW, 2 * PAGE])?;
        let at = t.get(VM_MAP, &[0, 0, 2 * PAGE, 0, 1, proxy, 0, 0, RW, RW, 2])?;
        t.holds(at + PAGE, 1)?;
        t.put(at, 2)?;
        t.gives(VM_READ, &[task, 0x50_0000, 8], &[8, 2])?;
        t.all(VM_WRITE, &[task, 0x50_1000, 8, 3])?;
        t.holds(at + PAGE, 3)
    }),
    ("vm_region_create_proxy, of a large page, which stays one", |t| {
        let large = t.large_memory(1)?;
        t.put(large + PAGE, 5)?;
        let part = t.get(VM_REGION_CREATE_PROXY, &[0, large + PAGE, 1, PAGE])?;
        t.refuses(
            VM_MAP,
            &[0, 0, PAGE, 0, 1, part, 0, 0, 1, 1, 2],
            Error::KERN_INVALID_ARGUMENT,
        )?;
        let whole = t.get(VM_REGION_CREATE_PROXY, &[0, large, 1, LARGE_PAGE])?;
        let at = t.get(VM_MAP, &[0, 0, LARGE_PAGE, 0, 1, whole, 0, 0, RW, 7, 2])?;
        t.holds(at + PAGE, 5)?;
        t.refuses(VM_WRITE, &[0, at, 8, 1], Error::KERN_PROTECTION_FAILURE)?;
        t.all(VM_DEALLOCATE, &[0, at, LARGE_PAGE])?;
        t.all(VM_DEALLOCATE, &[0, large, LARGE_PAGE])?;
        t.all(MACH_PORT_DEALLOCATE, &[0, part])?;
        t.all(MACH_PORT_DEALLOCATE, &[0, whole]).map(drop)
    }),
    ("vm_set_size_limit, bounds the addresses in use, also of children", |t| {
        let (task, host) = (t.task()?, t.host);
        t.all(VM_SET_SIZE_LIMIT, &[0, task, 2 * PAGE, 4 * PAGE])?;
        t.all(VM_ALLOCATE, &[task, 0x50_0000, 2 * PAGE, 0])?;
        t.refuses(VM_ALLOCATE, &[task, 0, PAGE, 1], Error::KERN_NO_SPACE)?;
        t.refuses(THREAD_CREATE, &[task, 0x60_0000], Error::KERN_NO_SPACE)?;
        let child = t.get(TASK_CREATE, &[0, task, 0])?;
        t.refuses(VM_ALLOCATE, &[child, 0, 3 * PAGE, 1], Error::KERN_NO_SPACE)?;
        t.all(VM_SET_SIZE_LIMIT, &[0, task, 3 * PAGE, 3 * PAGE])?;
        t.all(VM_ALLOCATE, &[task, 0, PAGE, 1])?;
        t.all(VM_DEALLOCATE, &[task, 0x50_0000, 2 * PAGE])?;
        t.all(VM_ALLOCATE, &[task, 0, 2 * PAGE, 1])?;
        let more = [0, task, 4 * PAGE, 4 * PAGE];
        t.refuses(VM_SET_SIZE_LIMIT, &more, Error::KERN_NO_ACCESS)?;
        t.all(VM_SET_SIZE_LIMIT, &[host, task, 4 * PAGE, 4 * PAGE])?;
        t.all(VM_ALLOCATE, &[task, 0, PAGE, 1]).map(drop)
    }),
    ("vm_set_size_limit, below what is in use, hinders nobody to fork", |t| {
        let task = t.task()?;
        t.all(VM_ALLOCATE, &[task, 0x50_0000, 3 * PAGE, 0])?;
        t.all(VM_SET_SIZE_LIMIT, &[0, task, PAGE, PAGE])?;
        let child = t.get(TASK_CREATE, &[0, task, 1])?;
        t.gives(VM_REGION, &[child, 0], &[0x50_0000, 3 * PAGE])?;
        t.gives(VM_GET_SIZE_LIMIT, &[child], &[PAGE, PAGE])?;
        t.refuses(VM_ALLOCATE, &[child, 0, PAGE, 1], Error::KERN_NO_SPACE)
    }),
    ("vm_get_size_limit, none at first", |t| {
        let task = t.task()?;
        t.gives(VM_GET_SIZE_LIMIT, &[task], &[u64::MAX, u64::MAX])?;
        t.all(VM_SET_SIZE_LIMIT, &[0, task, PAGE, 1 << 30])?;
        t.gives(VM_GET_SIZE_LIMIT, &[task], &[PAGE, 1 << 30])
    }),
    ("vm_pages_phys, where the pages lie that are there", |t| {
        let (host, at) = (t.host, t.memory(3)?);
        t.put(at + PAGE, 1)?;
        let words = t.all(VM_PAGES_PHYS, &[host, 0, at, 3 * PAGE])?;
        same((words.len(), words[0], words[1], words[3]), (4, 3, 0, 0))?;
        same((words[2] != 0, words[2] % PAGE), (true, 0))?;
        let memory = t.all(VM_ALLOCATE_CONTIGUOUS, &[host, 0, 2])?;
        let expected = [2, memory[1], memory[1] + PAGE];
        t.gives(VM_PAGES_PHYS, &[host, 0, memory[0], 2 * PAGE], &expected)?;
        let large = t.large_memory(2)?;
        let first = t.all(VM_PAGES_PHYS, &[host, 0, large, PAGE])?[1];
        same(first % LARGE_PAGE, 0)?;
        let expected = [2, first + 5 * PAGE, first + 6 * PAGE];
        t.gives(VM_PAGES_PHYS, &[host, 0, large + 5 * PAGE, 2 * PAGE], &expected)?;
        let second = t.all(VM_PAGES_PHYS, &[host, 0, large + LARGE_PAGE, PAGE])?[1];
        same((second != 0, second != first, second % LARGE_PAGE), (true, true, 0))?;
        t.all(VM_DEALLOCATE, &[0, large, 2 * LARGE_PAGE])?;
        for words in [[host, 0, at + 1, PAGE], [host, 0, at, 5], [host, 0, at, 120 * PAGE]] {
            t.refuses(VM_PAGES_PHYS, &words, Error::KERN_INVALID_ARGUMENT)?;
        }
        t.refuses(VM_PAGES_PHYS, &[host, 0, 0xf000_0000, PAGE], Error::KERN_INVALID_ADDRESS)?;
        t.refuses(VM_PAGES_PHYS, &[host, 0x777, at, PAGE], Error::KERN_INVALID_TASK)
    }),
    ("vm_set_default_memory_manager, there is none", |t| {
        let (host, port) = (t.host, t.port()?);
        t.gives(VM_SET_DEFAULT_MEMORY_MANAGER, &[host, 0], &[0])?;
        t.refuses(VM_SET_DEFAULT_MEMORY_MANAGER, &[host, port], Error::KERN_FAILURE)
    }),
    ("memory_object_create, memory that ends with its last right and map", |t| {
        let before = t.all(ACCOUNT_INFO, &[0])?;
        let object = t.get(MEMORY_OBJECT_CREATE, &[PAGE + 1])?;
        let at = t.get(VM_MAP, &[0, 0, 2 * PAGE, 0, 1, object, 0, 0, RW, RW, 2])?;
        t.put(at + PAGE, 3)?;
        same(t.all(ACCOUNT_INFO, &[0])?[3], before[3] + PAGE)?;
        t.all(MACH_PORT_DEALLOCATE, &[0, object])?;
        t.holds(at + PAGE, 3)?;
        t.all(VM_DEALLOCATE, &[0, at, 2 * PAGE])?;
        same(t.all(ACCOUNT_INFO, &[0])?[3], before[3])
    }),
];

const PAGERS: &[Case] = &[
    ("memory_object_init, tells the pager of its object, once", |t| {
        let paged = t.pager()?;
        t.all(VM_MAP, &[0, 0, PAGE, 0, 1, paged.port, 0, 0, RW, RW, 2])?;
        t.silent(paged.port)?;
        t.kind(paged.control, IS_SEND)?;
        t.kind(paged.name, IS_SEND)
    }),
    ("memory_object_ready, and its attributes are known", |t| {
        let paged = t.pager()?;
        t.gives(MEMORY_OBJECT_GET_ATTRIBUTES, &[paged.control], &[1, 0, 2])
    }),
    ("memory_object_get_attributes, not ready at first", |t| {
        let port = t.port()?;
        t.make_send(port)?;
        t.get(VM_MAP, &[0, 0, PAGE, 0, 1, port, 0, 0, RW, RW, 2])?;
        let control = t.receive(port)?.rights[0].1;
        t.gives(MEMORY_OBJECT_GET_ATTRIBUTES, &[control], &[0])
    }),
    ("memory_object_change_attributes, tells when it is done", |t| {
        let (paged, told) = (t.pager()?, t.port()?);
        t.all(MEMORY_OBJECT_CHANGE_ATTRIBUTES, &[paged.control, 1, 2, told, MAKE_ONCE])?;
        t.told(told, memory_object::CHANGE_COMPLETED, &[1, 2])?;
        t.gives(MEMORY_OBJECT_GET_ATTRIBUTES, &[paged.control], &[1, 1, 2])
    }),
    ("memory_object_change_completed, goes to the reply right alone", |t| {
        let (paged, told) = (t.pager()?, t.port()?);
        t.all(MEMORY_OBJECT_CHANGE_ATTRIBUTES, &[paged.control, 0, 2, 0, 0])?;
        t.silent(paged.port)?;
        t.all(MEMORY_OBJECT_CHANGE_ATTRIBUTES, &[paged.control, 0, 2, told, MAKE_ONCE])?;
        t.silent(paged.port)?;
        t.told(told, memory_object::CHANGE_COMPLETED, &[0, 2])
    }),
    ("memory_object_data_supply, a page that is seen from then on", |t| {
        let paged = t.pager()?;
        t.supply(&paged, 1, 5)?;
        t.holds(paged.at + PAGE, 5)
    }),
    ("memory_object_data_supply, a page out of a large one", |t| {
        let (paged, told, from) = (t.pager()?, t.port()?, t.large_memory(1)?);
        t.put(from + 9 * PAGE + 16, 6)?;
        let words = |moves| [paged.control, PAGE, from + 9 * PAGE, PAGE, 0, 0, moves, told, MAKE_ONCE];
        // It cannot be taken out of the pager's map.
        t.refuses(MEMORY_OBJECT_DATA_SUPPLY, &words(1), Error::KERN_INVALID_ARGUMENT)?;
        t.all(MEMORY_OBJECT_DATA_SUPPLY, &words(0))?;
        t.told(told, memory_object::SUPPLY_COMPLETED, &[PAGE, PAGE, 0, 0])?;
        t.put(from + 9 * PAGE + 16, 7)?;
        t.holds(paged.at + PAGE + 16, 6)?;
        t.all(VM_DEALLOCATE, &[0, from, LARGE_PAGE]).map(drop)
    }),
    ("memory_object_supply_completed, says whether all pages were wanted", |t| {
        let (paged, told, from) = (t.pager()?, t.port()?, t.memory(1)?);
        t.put(from, 6)?;
        let words = [paged.control, 0, from, PAGE, 0, 0, 0, told, MAKE_ONCE];
        t.all(MEMORY_OBJECT_DATA_SUPPLY, &words)?;
        t.told(told, memory_object::SUPPLY_COMPLETED, &[0, PAGE, 0, 0])?;
        t.all(MEMORY_OBJECT_DATA_SUPPLY, &words)?;
        let present = Error::KERN_MEMORY_PRESENT.0 as u64;
        t.told(told, memory_object::SUPPLY_COMPLETED, &[0, PAGE, present, 0])
    }),
    ("memory_object_lock_request, written pages go back, and are forgotten if asked", |t| {
        let (paged, told) = (t.pager()?, t.port()?);
        t.supply(&paged, 0, 5)?;
        t.put(paged.at, 6)?;
        let clean = [paged.control, 0, PAGE, 1, 1, 8, told, MAKE_ONCE];
        t.all(MEMORY_OBJECT_LOCK_REQUEST, &clean)?;
        let back = t.receive(paged.port)?;
        same((back.label, back.words[0], back.words[1]), (memory_object::DATA_RETURN as u64, 0, PAGE))?;
        let at = t.get(VM_MAP, &[0, 0, PAGE, 0, 1, back.rights[1].1, 0, 0, 1, 1, 2])?;
        t.holds(at, 6)?;
        t.told(told, memory_object::LOCK_COMPLETED, &[0, PAGE])?;
        // It is gone: another one can be supplied.
        t.supply(&paged, 0, 7)?;
        t.holds(paged.at, 7)
    }),
    ("memory_object_data_return, not of pages that nobody wrote, but of precious ones", |t| {
        let (paged, from) = (t.pager()?, t.memory(1)?);
        t.supply(&paged, 0, 5)?;
        let words = [paged.control, PAGE, from, PAGE, 0, 1, 0, 0, 0];
        t.all(MEMORY_OBJECT_DATA_SUPPLY, &words)?;
        t.all(MEMORY_OBJECT_LOCK_REQUEST, &[paged.control, 0, 2 * PAGE, 1, 0, 8, 0, 0])?;
        t.silent(paged.port)?;
        t.all(MEMORY_OBJECT_LOCK_REQUEST, &[paged.control, 0, 2 * PAGE, 2, 0, 8, 0, 0])?;
        let back = t.receive(paged.port)?;
        same((back.label, back.words[0]), (memory_object::DATA_RETURN as u64, PAGE))
    }),
    ("memory_object_lock_completed, comes after all that it sends back", |t| {
        let paged = t.pager()?;
        t.supply(&paged, 0, 5)?;
        t.put(paged.at, 6)?;
        let words = [paged.control, 0, PAGE, 1, 0, 8, paged.port, MAKE_ONCE];
        t.all(MEMORY_OBJECT_LOCK_REQUEST, &words)?;
        same(t.receive(paged.port)?.label, memory_object::DATA_RETURN as u64)?;
        same(t.receive(paged.port)?.label, memory_object::LOCK_COMPLETED as u64)
    }),
    ("memory_object_data_unavailable, for pages that nobody waits for changes nothing", |t| {
        let paged = t.pager()?;
        t.all(MEMORY_OBJECT_DATA_UNAVAILABLE, &[paged.control, 0, PAGE])?;
        t.supply(&paged, 0, 4)?;
        t.holds(paged.at, 4)
    }),
    ("memory_object_data_error, for pages that nobody waits for changes nothing", |t| {
        let paged = t.pager()?;
        t.all(MEMORY_OBJECT_DATA_ERROR, &[paged.control, 0, PAGE, 10])?;
        t.supply(&paged, 0, 4)?;
        t.holds(paged.at, 4)
    }),
    ("memory_object_destroy, its pages are errors from then on", |t| {
        let paged = t.pager()?;
        t.supply(&paged, 0, 4)?;
        t.all(MEMORY_OBJECT_DESTROY, &[paged.control, 0])?;
        t.refuses(VM_READ, &[0, paged.at, 8], Error::KERN_MEMORY_ERROR)
    }),
    ("memory_object_create_proxy, of a pager's memory, which dies with the pager", |t| {
        let port = t.port()?;
        t.make_send(port)?;
        let proxy = t.get(MEMORY_OBJECT_CREATE_PROXY, &[0, 1, 1, port, 0, PAGE, 1 << 46])?;
        // Nobody has mapped it: the pager has heard nothing.
        t.silent(port)?;
        t.gives(MACH_PORT_GET_RECEIVE_STATUS, &[0, port], &[0, 0, 1, 16, 0, 0, 2])?;
        let at = t.get(VM_MAP, &[0, 0, PAGE, 0, 1, proxy, PAGE, 0, RW, RW, 2])?;
        let told = t.receive(port)?;
        same(told.label, memory_object::INIT as u64)?;
        let paged = Paged { port, control: told.rights[0].1, name: told.rights[1].1, at };
        t.all(MEMORY_OBJECT_READY, &[paged.control, 0, 2])?;
        t.supply(&paged, 2, 9)?;
        t.holds(at, 9)?;
        t.gives(VM_REGION, &[0, at], &[at, PAGE, 1, 1, 2, 1, 2 * PAGE, paged.name])?;
        t.all(MACH_PORT_DESTROY, &[0, port])?;
        t.refuses(
            VM_MAP,
            &[0, 0, PAGE, 0, 1, proxy, 0, 0, 1, 1, 2],
            Error::KERN_INVALID_ARGUMENT,
        )
    }),
    ("vm_region_create_proxy, of a pager's memory", |t| {
        let paged = t.pager()?;
        t.supply(&paged, 1, 6)?;
        let proxy = t.get(VM_REGION_CREATE_PROXY, &[0, paged.at + PAGE, 1, PAGE])?;
        let at = t.get(VM_MAP, &[0, 0, PAGE, 0, 1, proxy, 0, 0, RW, RW, 2])?;
        t.holds(at, 6)?;
        t.refuses(VM_WRITE, &[0, at, 8, 1], Error::KERN_PROTECTION_FAILURE)
    }),
    ("vm_cache_statistics, counts pagers' objects and their pages", |t| {
        let count = |t: &mut Test<'_>| {
            let (mut from, mut objects, mut pages) = (0, 0, 0);
            loop {
                let words = t.all(VM_CACHE_STATISTICS, &[from])?;
                (from, objects, pages) = (words[0], objects + words[1], pages + words[2]);
                if from == 0 {
                    return Ok::<_, Why>((objects, pages));
                }
            }
        };
        let before = count(t)?;
        let paged = t.pager()?;
        t.supply(&paged, 0, 5)?;
        t.supply(&paged, 3, 5)?;
        same(count(t)?, (before.0 + 1, before.1 + 2))?;
        t.all(MEMORY_OBJECT_LOCK_REQUEST, &[paged.control, 0, PAGE, 0, 1, 8, 0, 0])?;
        same(count(t)?, (before.0 + 1, before.1 + 1))
    }),
    ("memory_object_terminate, with the last map the pager gets its rights back", |t| {
        let paged = t.pager()?;
        t.all(VM_DEALLOCATE, &[0, paged.at, 4 * PAGE])?;
        let end = t.receive(paged.port)?;
        same(end.label, memory_object::TERMINATE as u64)?;
        same(end.rights, vec![(2, paged.control), (2, paged.name)])
    }),
    ("vm_object_sync, written pages go back to the pager", |t| {
        let paged = t.pager()?;
        t.supply(&paged, 0, 5)?;
        t.put(paged.at, 6)?;
        t.all(VM_OBJECT_SYNC, &[paged.name, 0, PAGE, 0, 1])?;
        same(t.receive(paged.port)?.label, memory_object::DATA_RETURN as u64)?;
        t.all(VM_OBJECT_SYNC, &[paged.name, 0, PAGE, 0, 1])?;
        t.silent(paged.port)
    }),
    ("vm_msync, of a range of a map", |t| {
        let paged = t.pager()?;
        t.supply(&paged, 0, 5)?;
        t.supply(&paged, 1, 5)?;
        t.put(paged.at, 6)?;
        t.put(paged.at + PAGE, 6)?;
        t.all(VM_MSYNC, &[0, paged.at + PAGE, PAGE, 2])?;
        let back = t.receive(paged.port)?;
        same((back.label, back.words[0]), (memory_object::DATA_RETURN as u64, PAGE))?;
        t.silent(paged.port)
    }),
];

const HOST: &[Case] = &[
    ("host_get_uptime64, only grows", |t| {
        let one = t.get(HOST_GET_UPTIME64, &[])?;
        let two = t.get(HOST_GET_UPTIME64, &[])?;
        same(two >= one, true)
    }),
    ("host_set_time64, and the clock goes on from there", |t| {
        let (host, now) = (t.host, t.get(HOST_GET_TIME64, &[])?);
        t.all(HOST_SET_TIME64, &[host, 1_700_000_000_000_000_000])?;
        let set = t.get(HOST_GET_TIME64, &[])?;
        t.all(HOST_SET_TIME64, &[host, now])?;
        same(set >= 1_700_000_000_000_000_000, true)
    }),
    ("host_get_time64, runs with the uptime", |t| {
        let host = t.host;
        let up = t.get(HOST_GET_UPTIME64, &[])?;
        let now = t.get(HOST_GET_TIME64, &[])?;
        t.all(HOST_SET_TIME64, &[host, 1 << 60])?;
        let set = t.get(HOST_GET_TIME64, &[])?;
        let later = t.get(HOST_GET_UPTIME64, &[])?;
        t.all(HOST_SET_TIME64, &[host, now])?;
        same(set - (1 << 60) <= later - up, true)
    }),
    ("host_get_time, in seconds and microseconds", |t| {
        let host = t.host;
        t.all(HOST_SET_TIME64, &[host, 1_600_000_000_999_999_999])?;
        let words = t.all(HOST_GET_TIME, &[])?;
        let time = words[0] * 1_000_000 + words[1];
        same((words.len(), time >= 1_600_000_000_999_999), (2, true))?;
        same((words[1] < 1_000_000, time < 1_600_001_000_000_000), (true, true))
    }),
    ("host_set_time, and the clock goes on from there", |t| {
        let host = t.host;
        t.all(HOST_SET_TIME, &[host, 1_500_000_000, 999_999])?;
        let now = t.get(HOST_GET_TIME64, &[])?;
        same(now - 1_500_000_000_999_999_000 < 1_000_000_000_000, true)?;
        for words in [[host, 1, 1_000_000], [host, u64::MAX, 0], [host, 1, u64::MAX], [host, 1 << 62, 0]] {
            t.refuses(HOST_SET_TIME, &words, Error::KERN_INVALID_ARGUMENT)?;
        }
        t.refuses(HOST_SET_TIME64, &[host, 1 << 63], Error::KERN_INVALID_ARGUMENT)
    }),
    ("host_adjust_time64, tells what is left of the one before", |t| {
        let host = t.host;
        t.all(HOST_SET_TIME64, &[host, 1 << 60])?;
        t.all(HOST_ADJUST_TIME64, &[host, 0])?;
        // In a day, or in less time than the test takes.
        t.gives(HOST_ADJUST_TIME64, &[host, 1 << 60], &[0])?;
        let left = t.get(HOST_ADJUST_TIME64, &[host, u64::MAX << 60])?;
        same((left <= 1 << 60, left > 1 << 59), (true, true))?;
        let left = t.get(HOST_ADJUST_TIME64, &[host, 0])? as i64;
        same((left >= -(1 << 60), left < -(1 << 59)), (true, true))?;
        t.gives(HOST_ADJUST_TIME64, &[host, 0], &[0])
    }),
    ("host_adjust_time, in seconds and microseconds", |t| {
        let host = t.host;
        t.all(HOST_SET_TIME64, &[host, 1 << 60])?;
        t.all(HOST_ADJUST_TIME64, &[host, 0])?;
        t.gives(HOST_ADJUST_TIME, &[host, 1 << 30, 5], &[0, 0])?;
        let left = t.all(HOST_ADJUST_TIME, &[host, -5i64 as u64, -7i64 as u64])?;
        same((left[0] > 1 << 29, left[0] <= 1 << 30), (true, true))?;
        let left = t.all(HOST_ADJUST_TIME, &[host, 0, 0])?;
        same(((left[0] as i64) < 0, left[0] as i64 >= -5), (true, true))?;
        for words in [[host, 1, 1_000_000], [host, 1, -1i64 as u64], [host, 1 << 62, 0]] {
            t.refuses(HOST_ADJUST_TIME, &words, Error::KERN_INVALID_ARGUMENT)?;
        }
        Ok(())
    }),
    ("host_info, of every flavour but the load", |t| {
        let words = t.all(HOST_INFO, &[1])?;
        same((words.len(), words[0], words[1]), (5, 1, 1))?;
        same(words[2], t.all(VM_STATISTICS, &[])?[0])?;
        same(t.all(HOST_INFO, &[2])?, vec![0])?;
        same(t.all(HOST_INFO, &[3])?, vec![1, 10])
    }),
    ("host_get_kernel_version, the system and its kernel", |t| {
        let words = t.all(HOST_GET_KERNEL_VERSION, &[])?;
        let bytes: Vec<u8> = words[1..].iter().flat_map(|word| word.to_le_bytes()).collect();
        let text = String::from_utf8_lossy(&bytes[..words[0] as usize]).into_owned();
        same((text.starts_with("Hird "), text.contains(" on ")), (true, true))
    }),
    ("host_processors, the one there is", |t| {
        let host = t.host;
        let words = t.all(HOST_PROCESSORS, &[host])?;
        same((words.len(), words[0]), (2, 1))?;
        t.gives(HOST_PROCESSORS, &[host], &[1, words[1]])?;
        t.refs(words[1], SEND, 2)
    }),
    ("processor_info, also by the processor's name", |t| {
        let (host, set) = (t.host, t.get(PROCESSOR_SET_DEFAULT, &[])?);
        let processor = t.all(HOST_PROCESSORS, &[host])?[1];
        let name = t.all(PROCESSOR_SET_PROCESSORS, &[set])?[1];
        let kind = t.all(HOST_INFO, &[1])?[3..].to_vec();
        for processor in [processor, name] {
            t.gives(PROCESSOR_INFO, &[processor, 1], &[kind[0], kind[1], 1, 0, 1])?;
            t.refuses(PROCESSOR_INFO, &[processor, 2], Error::KERN_FAILURE)?;
        }
        t.refuses(PROCESSOR_GET_ASSIGNMENT, &[name], Error::KERN_INVALID_ARGUMENT)
    }),
    ("processor_start and processor_exit and processor_control and processor_assign, of the only one fails", |t| {
        let host = t.host;
        let processor = t.all(HOST_PROCESSORS, &[host])?[1];
        for routine in [PROCESSOR_START, PROCESSOR_EXIT, PROCESSOR_CONTROL] {
            t.refuses(routine, &[processor], Error::KERN_FAILURE)?;
        }
        let set = t.set()?;
        t.refuses(PROCESSOR_ASSIGN, &[processor, set, 1], Error::KERN_FAILURE)?;
        t.refuses(PROCESSOR_ASSIGN, &[processor, processor, 1], Error::KERN_INVALID_ARGUMENT)
    }),
    ("processor_get_assignment, the set", |t| {
        let host = t.host;
        let processor = t.all(HOST_PROCESSORS, &[host])?[1];
        let set = t.get(PROCESSOR_SET_DEFAULT, &[])?;
        t.gives(PROCESSOR_GET_ASSIGNMENT, &[processor], &[set])
    }),
    ("processor_set_create and processor_set_destroy, there is one set, always", |t| {
        let (host, set) = (t.host, t.set()?);
        t.refuses(PROCESSOR_SET_CREATE, &[host], Error::KERN_FAILURE)?;
        t.refuses(PROCESSOR_SET_DESTROY, &[set], Error::KERN_FAILURE)
    }),
    ("processor_set_default, its name for everybody", |t| {
        let set = t.get(PROCESSOR_SET_DEFAULT, &[])?;
        t.kind(set, IS_SEND)?;
        let refs = t.get(MACH_PORT_GET_REFS, &[0, set, SEND])?;
        t.gives(PROCESSOR_SET_DEFAULT, &[], &[set])?;
        t.refs(set, SEND, refs + 1)
    }),
    ("host_processor_sets, the one there is", |t| {
        let set = t.get(PROCESSOR_SET_DEFAULT, &[])?;
        same(t.all(HOST_PROCESSOR_SETS, &[])?, vec![1, set])
    }),
    ("host_processor_set_priv, control for who has the host port", |t| {
        let (host, name) = (t.host, t.get(PROCESSOR_SET_DEFAULT, &[])?);
        let set = t.get(HOST_PROCESSOR_SET_PRIV, &[host, name])?;
        same(set == name, false)?;
        t.gives(HOST_PROCESSOR_SET_PRIV, &[host, set], &[set])?;
        t.refuses(HOST_PROCESSOR_SET_PRIV, &[host, host], Error::KERN_INVALID_ARGUMENT)
    }),
    ("processor_set_info, what is in it, and its policy", |t| {
        let (name, set) = (t.get(PROCESSOR_SET_DEFAULT, &[])?, t.set()?);
        let counts = t.all(VM_STATISTICS, &[])?;
        t.gives(PROCESSOR_SET_INFO, &[name, 1], &[1, counts[2], counts[3], 0, 0])?;
        t.gives(PROCESSOR_SET_INFO, &[set, 2], &[1, 25])
    }),
    ("processor_set_processors, by their names", |t| {
        let (host, set) = (t.host, t.get(PROCESSOR_SET_DEFAULT, &[])?);
        let words = t.all(PROCESSOR_SET_PROCESSORS, &[set])?;
        same((words.len(), words[0]), (2, 1))?;
        let processor = t.all(HOST_PROCESSORS, &[host])?[1];
        same(words[1] == processor, false)?;
        t.refuses(PROCESSOR_START, &[words[1]], Error::KERN_INVALID_ARGUMENT)
    }),
    ("processor_set_max_priority, of threads that follow, and if asked of those there are", |t| {
        let (set, task) = (t.set()?, t.task()?);
        let old = t.get(THREAD_CREATE, &[task, 0])?;
        t.gives(PROCESSOR_SET_MAX_PRIORITY, &[set, 26, 0, 0], &[0])?;
        t.gives(PROCESSOR_SET_INFO, &[set, 2], &[1, 26])?;
        let new = t.get(THREAD_CREATE, &[task, 0])?;
        let seen = [t.all(THREAD_INFO, &[old, 2])?, t.all(THREAD_INFO, &[new, 2])?];
        t.all(PROCESSOR_SET_MAX_PRIORITY, &[set, 25, 0, 0])?;
        same(seen.map(|words| words[2..5].to_vec()), [vec![25; 3], vec![26; 3]])?;
        t.refuses(PROCESSOR_SET_MAX_PRIORITY, &[set, 24, 0, 0], Error::KERN_FAILURE)?;
        t.refuses(PROCESSOR_SET_MAX_PRIORITY, &[set, 64, 0, 0], Error::KERN_INVALID_ARGUMENT)?;
        // All threads can have the highest there is: nothing changes.
        let mut from = 0;
        loop {
            from = t.get(PROCESSOR_SET_MAX_PRIORITY, &[set, 25, 1, from])?;
            if from == 0 {
                break;
            }
        }
        t.gives(THREAD_INFO, &[new, 2], &[1, 10, 26, 26])
    }),
    ("processor_set_policy_enable, timesharing is", |t| {
        let set = t.set()?;
        t.all(PROCESSOR_SET_POLICY_ENABLE, &[set, 1])?;
        t.refuses(PROCESSOR_SET_POLICY_ENABLE, &[set, 2], Error::KERN_FAILURE)?;
        t.refuses(PROCESSOR_SET_POLICY_ENABLE, &[set, 0], Error::KERN_INVALID_ARGUMENT)
    }),
    ("processor_set_policy_disable, timesharing cannot be", |t| {
        let set = t.set()?;
        t.all(PROCESSOR_SET_POLICY_DISABLE, &[set, 2, 1])?;
        for policy in [0, 1, 3] {
            t.refuses(PROCESSOR_SET_POLICY_DISABLE, &[set, policy, 1], Error::KERN_INVALID_ARGUMENT)?;
        }
        Ok(())
    }),
    ("task_get_assignment and thread_get_assignment, the set's name", |t| {
        let (set, task) = (t.get(PROCESSOR_SET_DEFAULT, &[])?, t.task()?);
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        let refs = t.get(MACH_PORT_GET_REFS, &[0, set, SEND])?;
        t.gives(TASK_GET_ASSIGNMENT, &[task], &[set])?;
        t.gives(THREAD_GET_ASSIGNMENT, &[thread], &[set])?;
        t.refs(set, SEND, refs + 2)
    }),
    ("task_assign and task_assign_default and thread_assign and thread_assign_default, to the set", |t| {
        let (set, task) = (t.set()?, t.task()?);
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        t.all(TASK_ASSIGN, &[task, set, 1])?;
        t.all(TASK_ASSIGN_DEFAULT, &[task, 1])?;
        t.all(THREAD_ASSIGN, &[thread, set])?;
        t.all(THREAD_ASSIGN_DEFAULT, &[thread]).map(drop)
    }),
    ("processor_set_threads, names every thread", |t| {
        let (set, task) = (t.set()?, t.task()?);
        let thread = t.get(THREAD_CREATE, &[task, 0])?;
        let found = t.pieces(PROCESSOR_SET_THREADS, set)?;
        for name in found.iter().filter(|name| **name != thread) {
            t.all(MACH_PORT_DEALLOCATE, &[0, *name])?;
        }
        same(found.iter().filter(|name| **name == thread).count(), 1)?;
        t.refs(thread, SEND, 2)
    }),
    ("processor_set_tasks, names every task", |t| {
        let (task, host, set) = (t.task()?, t.host, t.set()?);
        let mut found = t.pieces(PROCESSOR_SET_TASKS, set)?;
        found.iter().filter(|name| **name != 1).try_for_each(|name| {
            t.all(MACH_PORT_DEALLOCATE, &[0, *name]).map(drop)
        })?;
        found = t.pieces(PROCESSOR_SET_TASKS, host)?;
        for name in found.iter().filter(|name| **name != 1 && **name != task) {
            t.all(MACH_PORT_DEALLOCATE, &[0, *name])?;
        }
        same(found.iter().filter(|name| **name == task).count(), 1)?;
        t.refs(task, SEND, 2)
    }),
    ("task_rights, a port has one number, whoever holds a right to it", |t| {
        let (task, port) = (t.task()?, t.port()?);
        t.make_send(port)?;
        t.make_send(port)?;
        let there = t.get(MACH_PORT_INSERT_RIGHT, &[task, 0, port, MAKE])?;
        let number = t.number(0, port, IS_RECEIVE | IS_SEND, 2)?;
        same(t.number(task, there, IS_SEND, 1)?, number)?;
        let dead = t.get(MACH_PORT_ALLOCATE, &[0, DEAD])?;
        same(t.number(0, dead, IS_DEAD, 1)?, u64::MAX)
    }),
    ("host_ports, who receives, how much waits, how many rights there are", |t| {
        let port = t.port()?;
        t.make_once(port)?;
        t.make_send(port)?;
        t.send(port, COPY, 1, &[], &[])?;
        let number = t.number(0, port, IS_RECEIVE | IS_SEND, 1)?;
        let own = t.all(TASK_INFO, &[0])?[5];
        let found = t.listed(HOST_PORTS, abi::INSPECTED_PORT, number)?;
        same(&found[1..], &[own, port, 16 << 32 | 1, 1 << 32 | 1])
    }),
    ("host_port_rights, those in the messages that wait", |t| {
        let (port, inside, host) = (t.port()?, t.port()?, t.host);
        let number = t.number(0, port, IS_RECEIVE, 0)?;
        let moved = t.number(0, inside, IS_RECEIVE, 0)?;
        t.gives(HOST_PORT_RIGHTS, &[host, number, 0], &[0, 0])?;
        let rights = [carried(port, MAKE_SEND), carried(inside, MOVE_RECEIVE)];
        t.send(port, MAKE, 1, &rights, &[])?;
        let expected = [0, 2, SEND << 60 | number, RECEIVE << 60 | moved];
        t.gives(HOST_PORT_RIGHTS, &[host, number, 0], &expected)?;
        let found = t.listed(HOST_PORTS, abi::INSPECTED_PORT, moved)?;
        same(found[1], (abi::receiver::TRANSIT as u64) << 32 | number)?;
        t.refuses(HOST_PORT_RIGHTS, &[host, MINUS, 0], Error::KERN_INVALID_ARGUMENT)
    }),
    ("host_accounts, each with the one above", |t| {
        let account = t.get(ACCOUNT_CREATE, &[1 << 20, 2 << 20, 100])?;
        let task = t.get(TASK_CREATE, &[account])?;
        let (own, place) = (t.all(TASK_INFO, &[0])?[6], t.all(TASK_INFO, &[task])?[6]);
        let found = t.listed(HOST_ACCOUNTS, abi::INSPECTED_ACCOUNT, place)?;
        same(&found[1..5], &[own + 1, 1 << 20, 2 << 20, 100])?;
        let info = t.all(ACCOUNT_INFO, &[account])?;
        same(&found[2..], &info[..])
    }),
    ("register_new_task_notification, for one, as long as it lives", |t| {
        let (port, host) = (t.port()?, t.host);
        t.make_send(port)?;
        let first = (t.ask)(REGISTER_NEW_TASK_NOTIFICATION, &[host, port]).map(drop);
        same(first.is_ok() || first == Err(Error::KERN_NO_ACCESS), true)?;
        t.refuses(REGISTER_NEW_TASK_NOTIFICATION, &[host, port], Error::KERN_NO_ACCESS)
    }),
    ("vm_allocate_contiguous, memory whose physical address is told", |t| {
        let host = t.host;
        let words = t.all(VM_ALLOCATE_CONTIGUOUS, &[host, 0, 3])?;
        same((words.len(), words[1] % PAGE), (2, 0))?;
        t.put(words[0] + 2 * PAGE, 8)?;
        t.holds(words[0] + 2 * PAGE, 8)?;
        t.refuses(VM_ALLOCATE_CONTIGUOUS, &[host, 0, 0], Error::KERN_INVALID_ARGUMENT)?;
        t.refuses(VM_ALLOCATE_CONTIGUOUS, &[host, 0, 4097], Error::KERN_INVALID_ARGUMENT)
    }),
    ("dma_port, allows that and nothing else", |t| {
        let host = t.host;
        let dma = t.get(DMA_PORT, &[host])?;
        t.all(VM_ALLOCATE_CONTIGUOUS, &[dma, 0, 1])?;
        t.refuses(DMA_PORT, &[dma], Error::KERN_NO_ACCESS)
    }),
    ("device_memory, of addresses that are a device's", |t| {
        let host = t.host;
        t.refuses(DEVICE_MEMORY, &[host, 5, PAGE], Error::KERN_INVALID_ARGUMENT)?;
        t.refuses(DEVICE_MEMORY, &[host, 0, 0], Error::KERN_INVALID_ARGUMENT)?;
        t.refuses(DEVICE_MEMORY, &[host, !0xfff, 2 * PAGE], Error::KERN_INVALID_ADDRESS)
    }),
    ("device_interrupt, a right to a line that nobody shares", |t| {
        let host = t.host;
        let line = t.get(DEVICE_INTERRUPT, &[host, 77])?;
        t.kind(line, IS_SEND)
    }),
    ("device_message, another one each time", |t| {
        let host = t.host;
        let (first, second) = ((t.ask)(DEVICE_MESSAGE, &[host]), (t.ask)(DEVICE_MESSAGE, &[host]));
        let (Ok(first), Ok(second)) = (first, second) else {
            return t.refuses(DEVICE_MESSAGE, &[host], Error::KERN_FAILURE);
        };
        same((first[0] == second[0], first[1..] == second[1..]), (false, false))?;
        t.kind(first[0], IS_SEND)
    }),
    ("device_ports, some of those that the machine has", |t| {
        let host = t.host;
        for (first, count) in [(0, 0), (0xffff, 2), (1 << 16, 1), (0, 1 << 16)] {
            t.refuses(DEVICE_PORTS, &[host, first, count], Error::KERN_INVALID_ARGUMENT)?;
        }
        match (t.ask)(DEVICE_PORTS, &[host, 0x2f8, 8]) {
            Ok(words) => t.kind(words[0], IS_SEND),
            Err(error) => same(error, Error::KERN_INVALID_ADDRESS),
        }
    }),
    ("ports_attach, answers the slot of the kernel's right to them", |t| {
        let host = t.host;
        let Ok(ports) = (t.ask)(DEVICE_PORTS, &[host, 0x2f8, 8]) else { return Ok(()) };
        let words = t.all(PORTS_ATTACH, &[ports[0]])?;
        same((words.len(), words[1], words[2]), (3, 0x2f8, 8))
    }),
    ("boot_module, is there by number", |t| {
        let host = t.host;
        t.refuses(BOOT_MODULE, &[host, 1000], Error::KERN_INVALID_ARGUMENT)
    }),
    ("interrupt_attach, answers the slots of a line's notification and handler", |t| {
        let host = t.host;
        let line = t.get(DEVICE_INTERRUPT, &[host, 77])?;
        let slots = t.all(INTERRUPT_ATTACH, &[line])?;
        same((slots.len(), slots[0] == slots[1]), (2, false))
    }),
    ("interrupt_attach, takes the line from who has it", |t| {
        let host = t.host;
        let line = t.get(DEVICE_INTERRUPT, &[host, 78])?;
        let first = t.all(INTERRUPT_ATTACH, &[line])?;
        let second = t.all(INTERRUPT_ATTACH, &[line])?;
        same(first == second, false)
    }),
    ("device_tree, where the machine has one", |t| {
        let host = t.host;
        match (t.ask)(DEVICE_TREE, &[host]) {
            Ok(words) => {
                let object = words[0];
                let at = t.get(VM_MAP, &[0, 0, PAGE, 0, 1, object, 0, 0, 1, 1, 2])?;
                // Its mark, big-endian.
                same(t.all(VM_READ, &[0, at, 4])?[1], 0xedfe_0dd0)
            }
            answer => same(answer.map(drop), Err(Error::KERN_FAILURE)),
        }
    }),
    ("refused, what Mach has and this system has not", |t| {
        for line in include_str!("../../../personality/mach/tests/mach.txt").lines() {
            let number = line.split(' ').next().and_then(|number| number.parse().ok());
            let Some(number) = number.filter(|number| abi::routine::name(*number).is_none()) else {
                continue;
            };
            same((t.ask)(number, &[0, 1, 2, 3]).map(drop), Err(Error::MIG_BAD_ID))
                .map_err(|why| format!("{number}: {why}"))?;
        }
        Ok(())
    }),
    ("random, is never the same", |t| {
        let (one, two) = (t.get(RANDOM, &[])?, t.get(RANDOM, &[])?);
        same(one == two, false)
    }),
    ("debug_log, takes a line", |t| t.all(DEBUG_LOG, &[4, 0x7473_6574]).map(drop)),
];
