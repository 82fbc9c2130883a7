//! The system on the machine: calls are seL4 calls, everything else asks the mach server.

use super::{Incoming, Message, Notification, RawWindow, ReceiveStatus, Wait};
use crate::wire::{LABEL_REPLY, REPLY_ERROR, REPLY_OK, RightArg};
use crate::{AnyRight, Carried, CarriedList, Error, Name, PortRight, Result, SendRight};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use mach::abi::{self, INDEX_MASK, page, routine};
use sel4::{MessageInfo, cap};
use smallvec::SmallVec;

pub use crate::rt::thread_spawn;

const RECEIVE: cap::Endpoint = cap::Endpoint::from_bits(abi::RECEIVE_SLOT as u64);

/// A field of this thread's page.
#[inline(always)]
fn field<T>(offset: usize) -> *mut T {
    (crate::rt::thread_page() + offset) as *mut T
}

#[inline(always)]
fn publish(name: u64) {
    // SAFETY: the thread page is mapped and writable for as long as the thread
    // runs, and only this thread and the mach server use the field; volatile,
    // so that it is written before the call.
    unsafe { field::<u64>(page::CALLED).write_volatile(name) };
}

#[inline(always)]
fn info(label: u32, len: usize) -> MessageInfo {
    MessageInfo::new(label as u64, 0, 0, len as u64)
}

/// Calls the port and waits for the answer. `mrs` are the words 0..4, the others lie in the
/// buffer.
#[inline(always)]
pub fn call(port: Name, label: u32, len: usize, mrs: [u64; 4]) -> (u32, usize, [u64; 4]) {
    publish(port as u64);
    let slot = cap::Endpoint::from_bits((port & INDEX_MASK) as u64);
    let (info, mrs) = slot.call(info(label, len), mrs);
    publish(0);
    (info.label() as u32, info.length() as usize, mrs)
}

/// Word `i` of the message buffer.
#[inline(always)]
pub fn buffer_get(i: usize) -> u64 {
    sel4::ipc_buffer().msg(i)
}

/// Sets word `i` of the message buffer.
#[inline(always)]
pub fn buffer_set(i: usize, word: u64) {
    sel4::ipc_buffer().set_msg(i, word);
}

/// Copies words into the message buffer from word `i` on.
#[inline]
pub fn buffer_write(i: usize, words: &[u64]) {
    sel4::ipc_buffer().write_msgs(i, words);
}

/// Copies words of the message buffer from word `i` on.
#[inline]
pub fn buffer_read(i: usize, words: &mut [u64]) {
    sel4::ipc_buffer().read_msgs(i, words);
}

/// Number of the calling thread.
#[inline]
pub fn thread_number() -> u32 {
    // SAFETY: written once before the thread ran any of this.
    unsafe { field::<u32>(page::THREAD).read() }
}

/// Name of the task's own port.
pub fn task_self() -> Name {
    abi::TASK_SELF
}

/// A call to the mach server with at most four words; answers the first four.
#[inline]
pub fn mach_call(number: u32, len: usize, words: [u64; 4]) -> Result<(usize, [u64; 4])> {
    let (label, len, mrs) = call(abi::TASK_SELF, number, len, words);
    if label == REPLY_OK {
        Ok((len, mrs))
    } else {
        Err(failure(label, mrs[0]))
    }
}

#[cold]
fn failure(label: u32, word: u64) -> Error {
    if label == REPLY_ERROR {
        Error(word as u32)
    } else if label & LABEL_REPLY == 0 {
        Error::MACH_SEND_INVALID_DEST
    } else {
        Error::MIG_BAD_ARGUMENTS
    }
}

/// A call to the mach server with any number of words; answers how many came back and the first four.
pub fn mach_call_words(number: u32, words: &[u64]) -> Result<(usize, [u64; 4])> {
    if words.len() > abi::MESSAGE_WORDS {
        return Err(Error::MACH_SEND_TOO_LARGE);
    }
    let mut mrs = [0; 4];
    let first = words.len().min(4);
    mrs[..first].copy_from_slice(&words[..first]);
    if words.len() > 4 {
        buffer_write(4, &words[4..]);
    }
    mach_call(number, words.len(), mrs)
}

/// The same with words that lie in this thread's page already, but for the first three: nothing of
/// the request or of the answer is copied by the kernel. Answers the first four words; the others
/// are in the buffer.
fn mach_call_in_page(number: u32, count: usize, first: [u64; 3]) -> Result<[u64; 4]> {
    let head = (count as u64) << 32 | thread_number() as u64;
    let [a, b, c] = first;
    let (_, mrs) = mach_call(number | abi::IN_PAGE, 4, [head, a, b, c])?;
    Ok(mrs)
}

/// Word `i` of an answer of which `mrs` are the first words.
#[inline]
fn answer(mrs: &[u64; 4], i: usize) -> u64 {
    if i < 4 { mrs[i] } else { buffer_get(i) }
}

/// All words of an answer.
pub fn answer_words(len: usize, mrs: [u64; 4]) -> Vec<u64> {
    (0..len).map(|i| answer(&mrs, i)).collect()
}

/// Takes everything out of the thread's inbox.
#[inline]
pub fn inbox_take() -> CarriedList {
    // SAFETY: the page is this thread's; the mach server writes it only while
    // this thread is in a call.
    let count = unsafe { field::<u32>(page::INBOX_COUNT).read_volatile() } as usize;
    let mut list = CarriedList::new();
    if count > 0 {
        for at in 0..count.min(abi::INBOX_NAMES) {
            // SAFETY: as above; the index is within the page.
            let word = unsafe { field::<u32>(page::INBOX + 4 * at).read_volatile() };
            list.push(Carried::from_raw(word));
        }
        // SAFETY: as above.
        unsafe { field::<u32>(page::INBOX_COUNT).write_volatile(0) };
    }
    list
}

fn right_word(right: &RightArg) -> u64 {
    (right.disposition as u64) << 32 | right.name as u64
}

fn with_rights(head: &[u64], rights: &[RightArg]) -> smallvec::SmallVec<[u64; 24]> {
    let mut words = smallvec::SmallVec::from_slice(head);
    words.extend(rights.iter().map(right_word));
    words
}

/// Gives rights to the mach server for the receiver of `destination`; answers the ticket.
pub fn rights_send(destination: Name, rights: &[RightArg]) -> Result<u64> {
    let head = [
        thread_number() as u64,
        destination as u64,
        rights.len() as u64,
    ];
    let (_, mrs) = mach_call_words(routine::RIGHTS_SEND, &with_rights(&head, rights))?;
    Ok(mrs[0])
}

/// Redeems a ticket that came with a message to `port`.
pub fn rights_receive(ticket: u64, port: Name) -> Result<CarriedList> {
    let (len, mrs) = mach_call(routine::RIGHTS_RECEIVE, 2, [ticket, port as u64, 0, 0])?;
    Ok((0..len)
        .map(|i| Carried::from_raw(answer(&mrs, i) as u32))
        .collect())
}

/// Puts rights into the inbox of the thread that this server is answering.
pub fn reply_rights(caller: u32, rights: &[RightArg]) -> Result<()> {
    if let [right] = rights {
        let words = [caller as u64, 1, right_word(right), 0];
        mach_call(routine::REPLY_RIGHTS, 3, words)?;
    } else {
        let head = [caller as u64, rights.len() as u64];
        mach_call_words(routine::REPLY_RIGHTS, &with_rights(&head, rights))?;
    }
    Ok(())
}

/// Whether a port that [`reply_new_port`] makes dies with its last send right, of which its
/// receiver is told on port name 0.
pub const REPLY_PORTS_ARE_TRANSIENT: bool = true;

/// A new receive right, of which the thread that this server is answering gets a send right. If
/// `passing`, the end of the port is told a moment late, by a later call of this function: with
/// the new port's name come those of up to three ports that have gone, or 0.
pub fn reply_new_port(caller: u32, passing: bool) -> Result<(Name, [Name; 3])> {
    let life = 1 + passing as u64;
    let (_, mrs) = mach_call(routine::REPLY_NEW_PORT, 2, [caller as u64, life, 0, 0])?;
    let gone = if passing { [mrs[1], mrs[2], mrs[3]] } else { [0; 3] };
    Ok((mrs[0] as Name, gone.map(|word| word as Name)))
}

#[inline(always)]
fn incoming(received: sel4::Received) -> Incoming {
    Incoming {
        badge: received.badge as Name,
        label: received.info.label() as u32,
        len: received.info.length() as usize,
        mrs: received.mrs,
    }
}

/// Waits for a call to any port of the task.
#[inline]
pub fn receive() -> Result<Incoming> {
    Ok(incoming(RECEIVE.recv()))
}

/// Answers the last caller.
#[inline]
pub fn reply(label: u32, len: usize, mrs: [u64; 4]) {
    sel4::reply(info(label, len), mrs);
}

/// Answers the last caller and waits for the next call.
#[inline(always)]
pub fn reply_receive(label: u32, len: usize, mrs: [u64; 4]) -> Result<Incoming> {
    Ok(incoming(RECEIVE.reply_recv(info(label, len), mrs)))
}

/// A new window towards the receiver of `port`.
pub fn window_create(port: Name, bytes: usize) -> Result<RawWindow> {
    let (_, mrs) = mach_call(routine::WINDOW_CREATE, 2, [port as u64, bytes as u64, 0, 0])?;
    Ok(RawWindow {
        token: mrs[0],
        address: mrs[1] as usize,
        bytes: mrs[2] as usize,
        peer: mrs[3] as u32,
    })
}

/// The client gives a window up.
pub fn window_destroy(token: u64) -> Result<()> {
    window_release(token)
}

/// Maps a window that a client offers.
pub fn window_accept(token: u64) -> Result<RawWindow> {
    let (_, mrs) = mach_call(routine::WINDOW_ACCEPT, 1, [token, 0, 0, 0])?;
    Ok(RawWindow {
        token,
        address: mrs[0] as usize,
        bytes: mrs[1] as usize,
        peer: mrs[2] as u32,
    })
}

/// The server gives a window back after it was told that it is gone.
pub fn window_release(token: u64) -> Result<()> {
    mach_call(routine::WINDOW_RELEASE, 1, [token, 0, 0, 0]).map(drop)
}

/// Number of the task that receives from `port`.
pub fn port_server(port: Name) -> Result<u32> {
    let (_, mrs) = mach_call(routine::PORT_SERVER, 1, [port as u64, 0, 0, 0])?;
    Ok(mrs[0] as u32)
}

/// A time limit in milliseconds as the mach server takes it: 0 is none, `u64::MAX` is not to wait.
fn milliseconds(timeout: Option<Duration>) -> u64 {
    match timeout {
        None => 0,
        Some(Duration::ZERO) => u64::MAX,
        Some(time) => time
            .as_nanos()
            .div_ceil(1_000_000)
            .min(u64::MAX as u128 / 2) as u64,
    }
}

/// Sends a one-way message. With a time limit it waits that long for room in the queue. Words that
/// do not fit beside the rights travel in memory, which the receiver pays for from then on.
/// `MACH_SEND_TOO_LARGE` for more than 113 rights, or more than 128 MiB.
pub fn msg_send(
    destination: RightArg,
    label: u32,
    words: &[u64],
    rights: &[RightArg],
    timeout: Option<Duration>,
) -> Result<()> {
    let memory = match rights.len() + words.len() > abi::INLINE_WORDS {
        true => Some(body_store(words)?),
        false => None,
    };
    let place = if memory.is_some() { abi::IN_MEMORY } else { 0 };
    let name = memory.as_ref().map(|memory| memory.as_raw() as u64);
    let body = name.as_ref().map_or(words, core::slice::from_ref);
    let count = 6 + rights.len() + body.len();
    if count > abi::MESSAGE_WORDS {
        return Err(Error::MACH_SEND_TOO_LARGE);
    }
    let head = [destination.name as u64, destination.disposition as u64, label as u64];
    for (at, word) in
        [milliseconds(timeout), rights.len() as u64, words.len() as u64 | place].into_iter().enumerate()
    {
        buffer_set(3 + at, word);
    }
    for (at, right) in rights.iter().enumerate() {
        buffer_set(6 + at, right_word(right));
    }
    buffer_write(count - body.len(), body);
    mach_call_in_page(routine::MSG_SEND, count, head)?;
    // It went with the message.
    memory.map(SendRight::into_raw);
    Ok(())
}

/// Memory that holds words, mapped nowhere.
fn body_store(words: &[u64]) -> Result<SendRight> {
    if words.len() as u64 > abi::BODY_WORDS_MAX {
        return Err(Error::MACH_SEND_TOO_LARGE);
    }
    let bytes = size_of_val(words) as u64;
    let memory = crate::mach::memory_object_create(bytes.max(8))?;
    let mut mapping = crate::mach::Mapping::new(&memory, 0, bytes.max(8), true)?;
    for (chunk, word) in mapping.as_mut_slice().chunks_exact_mut(8).zip(words) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    Ok(memory)
}

/// Words out of memory that came with a message and is nobody else's.
fn body_load(memory: Carried, count: usize) -> Result<Vec<u64>> {
    let Some(AnyRight::Memory(memory)) = memory.take() else {
        return Err(Error::MACH_RCV_BODY_ERROR);
    };
    let mapping = crate::mach::Mapping::new(&memory, 0, 8 * count as u64, false)
        .map_err(|_| Error::MACH_RCV_BODY_ERROR)?;
    let (words, _) = mapping.as_slice().as_chunks::<8>();
    Ok(words.iter().take(count).map(|word| u64::from_le_bytes(*word)).collect())
}

/// The next one-way message to any port of the task. Those that do not fit into a page of a thread
/// are refused unseen.
#[inline]
pub fn msg_receive() -> Result<Message> {
    loop {
        match msg_receive_from(0, None) {
            Err(Error::MACH_RCV_TOO_LARGE) => {}
            message => return message,
        }
    }
}

/// The next one-way message to a port or port set (0: to any port that is in no set).
/// `MACH_RCV_TOO_LARGE` if its words did not fit beside its rights: then it is gone.
#[inline]
pub fn msg_receive_from(name: Name, timeout: Option<Duration>) -> Result<Message> {
    let words = [name as u64, milliseconds(timeout), 0];
    message(mach_call_in_page(routine::MSG_RECEIVE, 2, words)?)
}

/// The same, with at most so many rights and words; a larger one stays in the queue if `keep`.
/// `MACH_RCV_BODY_ERROR` if there is no room for the words: then it is gone.
pub fn msg_receive_large(
    name: Name,
    timeout: Option<Duration>,
    most: usize,
    keep: bool,
) -> Result<Message> {
    buffer_set(3, most as u64);
    buffer_set(4, keep as u64);
    let words = [name as u64, milliseconds(timeout), 0];
    message(mach_call_in_page(routine::MSG_RECEIVE, 5, words)?)
}

/// The message in the buffer.
#[inline]
fn message(mrs: [u64; 4]) -> Result<Message> {
    let (rights, count) = (mrs[3] as usize, buffer_get(4));
    let (is_large, count) = (count & abi::IN_MEMORY != 0, (count & !abi::IN_MEMORY) as usize);
    let body = if is_large { 1 } else { count };
    if 5 + rights + body > abi::MESSAGE_WORDS {
        return Err(Error::MIG_BAD_ARGUMENTS);
    }
    let carried = |i| Carried::from_raw(buffer_get(i) as u32);
    let first = 5 + rights;
    let rights: CarriedList = match rights {
        0 => CarriedList::new(),
        _ => (5..first).map(carried).collect(),
    };
    let words = match is_large {
        true => body_load(carried(first), count)?.into(),
        false if body <= 4 => {
            let mut words = [0; 4];
            buffer_read(first, &mut words[..body]);
            SmallVec::from_buf_and_len(words, body)
        }
        false => {
            let mut words = SmallVec::from_elem(0, body);
            buffer_read(first, &mut words);
            words
        }
    };
    let [port, label, seqno, _] = mrs;
    let payload = (label & abi::PAYLOAD != 0).then_some(port);
    Ok(Message {
        port: if payload.is_some() { 0 } else { port as Name },
        payload,
        label: label as u32,
        seqno: seqno as u32,
        rights,
        words,
    })
}

/// A new port; its receive right's name.
pub fn port_allocate() -> Result<Name> {
    let (_, mrs) = mach_call(
        routine::MACH_PORT_ALLOCATE,
        2,
        [0, abi::right::RECEIVE as u64, 0, 0],
    )?;
    Ok(mrs[0] as Name)
}

/// Gives back one user reference of a send, send-once or dead name.
pub fn port_deallocate(name: Name) -> Result<()> {
    mach_call(routine::MACH_PORT_DEALLOCATE, 2, [0, name as u64, 0, 0]).map(drop)
}

/// Destroys all that a name stands for.
pub fn port_destroy(name: Name) -> Result<()> {
    mach_call(routine::MACH_PORT_DESTROY, 2, [0, name as u64, 0, 0]).map(drop)
}

/// Adds to, or takes from, the user references of a right.
pub fn port_mod_refs(name: Name, right: PortRight, delta: i32) -> Result<()> {
    let words = [0, name as u64, right as u64, delta as u32 as u64];
    mach_call(routine::MACH_PORT_MOD_REFS, 4, words).map(drop)
}

/// Puts a right of the caller into a task's space; answers its name there.
pub fn port_insert_right(task: Name, name: Name, right: RightArg) -> Result<Name> {
    let words = [
        task as u64,
        name as u64,
        right.name as u64,
        right.disposition as u64,
    ];
    let (_, mrs) = mach_call(routine::MACH_PORT_INSERT_RIGHT, 4, words)?;
    Ok(mrs[0] as Name)
}

/// What there is to know about a receive right.
pub fn port_receive_status(name: Name) -> Result<ReceiveStatus> {
    let (_, mrs) = mach_call(
        routine::MACH_PORT_GET_RECEIVE_STATUS,
        2,
        [0, name as u64, 0, 0],
    )?;
    Ok(ReceiveStatus {
        seqno: mrs[1] as u32,
        mscount: mrs[2] as u32,
        qlimit: mrs[3] as u32,
        msgcount: buffer_get(4) as u32,
        sorights: buffer_get(5) as u32,
        srights: buffer_get(6) != 0,
    })
}

/// User references of a right under a name.
pub fn port_get_refs(name: Name, right: PortRight) -> Result<u32> {
    let words = [0, name as u64, right as u64, 0];
    let (_, mrs) = mach_call(routine::MACH_PORT_GET_REFS, 3, words)?;
    Ok(mrs[0] as u32)
}

/// Asks for a notification, to be sent to a send-once right made from the receive right `notify`.
pub fn request_notification(name: Name, kind: Notification, sync: u32, notify: Name) -> Result<()> {
    let how = if notify == 0 {
        0
    } else {
        abi::disposition::MAKE_SEND_ONCE
    };
    let words = [
        0,
        name as u64,
        kind as u64,
        sync as u64,
        notify as u64,
        how as u64,
    ];
    let (_, mrs) = mach_call_words(routine::MACH_PORT_REQUEST_NOTIFICATION, &words)?;
    let old = mrs[0] as Name;
    if old != 0 && old != crate::DEAD {
        // The request that this one replaces.
        port_deallocate(old)?;
    }
    Ok(())
}

/// Waits at an address for as long as it holds `value`, until woken or until `timeout`.
pub fn gsync_wait(address: &AtomicU32, value: u32, timeout: Option<Duration>) -> Wait {
    if timeout == Some(Duration::ZERO) {
        return Wait::TimedOut;
    }
    let words = [
        address.as_ptr() as u64,
        value as u64,
        milliseconds(timeout),
        0,
    ];
    match mach_call(routine::GSYNC_WAIT, 3, words) {
        Err(Error::KERN_TIMEDOUT) => Wait::TimedOut,
        _ => Wait::Woken,
    }
}

/// Wakes one waiter at an address, or all. The address need not be valid any more.
pub fn gsync_wake(address: *const AtomicU32, all: bool) {
    // An error means that nobody waits.
    let _ = mach_call(routine::GSYNC_WAKE, 2, [address as u64, all as u64, 0, 0]);
}

/// Lets other threads run.
pub fn yield_now() {
    sel4::r#yield();
}

/// Time since the system started.
pub fn now() -> Duration {
    Duration::from_nanos(crate::rt::nanoseconds())
}

/// Nanoseconds between 1970 and the start of the system; 0 while unknown.
static EPOCH: AtomicU64 = AtomicU64::new(0);

/// Tells what [`realtime`] counts from.
pub fn set_epoch(nanoseconds: u64) {
    EPOCH.store(nanoseconds, Ordering::Relaxed);
}

/// Time since the beginning of 1970, UTC.
pub fn realtime() -> Duration {
    if EPOCH.load(Ordering::Relaxed) == 0
        && let Ok((_, mrs)) = mach_call(routine::HOST_GET_TIME64, 0, [0; 4])
    {
        set_epoch(mrs[0].saturating_sub(crate::rt::nanoseconds()));
    }
    now() + Duration::from_nanos(EPOCH.load(Ordering::Relaxed))
}

/// An unguessable number.
pub fn random() -> u64 {
    mach_call(routine::RANDOM, 0, [0; 4]).map_or(0, |(_, mrs)| mrs[0])
}

/// Ends this task.
pub fn exit() -> ! {
    loop {
        let _ = mach_call(routine::TASK_TERMINATE, 1, [0; 4]);
    }
}

/// Writes a line to the system's log.
pub fn log(text: &str) {
    for piece in text.as_bytes().chunks(8 * (abi::MESSAGE_WORDS - 1)) {
        let mut words = smallvec::SmallVec::<[u64; 24]>::new();
        words.push(piece.len() as u64);
        for chunk in piece.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            words.push(u64::from_le_bytes(word));
        }
        let _ = mach_call_words(routine::DEBUG_LOG, &words);
    }
}

/// Keeps a closure's type out of this module's other users.
pub type ThreadMain = Box<dyn FnOnce() + Send>;
