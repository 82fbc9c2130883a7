//! What the generated dispatchers are made of, and what a server sees of a request.

use crate::right::{all_sent, arguments};
use crate::sync::{Cancel, Cancellable, Mutex};
use crate::sys::{self, Incoming, Message};
use crate::window::{self, ServerWindow, SharedMemory, WINDOW_MAX};
use crate::wire::*;
use crate::{AnyRight, CarriedList, Error, FromCarried, Name, Result, Right};
use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::time::Duration;

/// What a dispatcher did with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// It was one of its routines, and has been answered.
    Done(Answered),
    /// It has no such routine.
    Unknown,
}

impl Outcome {
    /// Tries another interface if this one has no such routine.
    #[inline(always)]
    pub fn or_else(self, other: impl FnOnce() -> Outcome) -> Outcome {
        match self {
            Outcome::Done(answered) => Outcome::Done(answered),
            Outcome::Unknown => other(),
        }
    }
}

/// What an answer is beside its words: its label, see [`crate::wire`], and how many there are.
#[derive(Clone, Copy)]
struct Answer {
    label: u32,
    len: u32,
}

/// A server thread's place for the words of the message that it serves. The thread's own buffer is
/// used by every call that it makes, so the words are taken out first, and put back last.
pub struct MessageBuffer<'b> {
    taken: Taken<'b>,
    given: Given,
}

struct Taken<'b> {
    words: [u64; REGISTER_WORDS],
    cancel: Option<&'b Cancel>,
}

struct Given {
    words: [u64; REGISTER_WORDS],
    answer: Answer,
    message: Option<MessageBody>,
}

struct MessageBody {
    words: Vec<u64>,
    rights: CarriedList,
}

impl<'b> MessageBuffer<'b> {
    /// Empty; for requests that others cancel with `cancel`.
    pub const fn new(cancel: Option<&'b Cancel>) -> MessageBuffer<'b> {
        MessageBuffer {
            taken: Taken {
                words: [0; REGISTER_WORDS],
                cancel,
            },
            given: Given {
                words: [0; REGISTER_WORDS],
                answer: Answer { label: REPLY_ERROR, len: 0 },
                message: None,
            },
        }
    }

    /// The request of a call that has just arrived on this thread.
    #[inline(always)]
    pub fn request(&mut self, incoming: &Incoming) -> Request<'_> {
        self.taken.words[..4].copy_from_slice(&incoming.mrs);
        let mut len = incoming.len;
        if len > 4 {
            len = len.min(REGISTER_WORDS);
            sys::buffer_read(4, &mut self.taken.words[4..len]);
        }
        Request {
            port: incoming.badge,
            label: incoming.label,
            len,
            taken: &self.taken,
            given: &mut self.given,
        }
    }

    /// The request of a one-way message. If it carries a reply right, the answer is sent there.
    pub fn message(&mut self, message: Message) -> Request<'_> {
        self.given.message = Some(MessageBody {
            words: message.words.into_vec(),
            rights: message.rights,
        });
        Request {
            port: message.port,
            label: message.label | MESSAGE,
            len: 0,
            taken: &self.taken,
            given: &mut self.given,
        }
    }

    /// The last answer's label, number of words and first four words. The others go to where a
    /// reply takes them from: nothing else may be called before it.
    #[inline(always)]
    pub fn put_answer(&self) -> (u32, usize, [u64; 4]) {
        let Answer { label, len } = self.given.answer;
        let [a, b, c, d, rest @ ..] = &self.given.words;
        let len = len as usize;
        if len > 4 {
            sys::buffer_write(4, &rest[..(len - 4).min(rest.len())]);
        }
        (label, len, [*a, *b, *c, *d])
    }

    /// Answers the last caller.
    pub fn reply(&self) {
        let (label, len, words) = self.put_answer();
        sys::reply(label, len, words);
    }

    /// Answers the last caller and waits for the next call.
    #[inline(always)]
    pub fn reply_receive(&self) -> Result<Incoming> {
        let (label, len, words) = self.put_answer();
        sys::reply_receive(label, len, words)
    }
}

/// In a request's label: it came as a one-way message.
const MESSAGE: u32 = 1 << 31;

/// A request on its way through the dispatchers.
pub struct Request<'c> {
    port: Name,
    label: u32,
    len: usize,
    taken: &'c Taken<'c>,
    given: &'c mut Given,
}

/// Why a request could not be opened.
enum Refusal {
    Error(Error),
    UnknownWindow,
}

impl<'c> Request<'c> {
    /// Name of the receive right that it came to.
    #[inline]
    pub fn port(&self) -> Name {
        self.port
    }

    /// The routine's number.
    #[inline]
    pub fn number(&self) -> u32 {
        self.label & (LABEL_NUMBER | LABEL_REPLY)
    }

    /// Whether nobody waits in a call for the answer.
    pub fn is_message(&self) -> bool {
        self.label & MESSAGE != 0
    }

    /// The words of a call without rights or window and with exactly `words` words, at most four.
    #[inline(always)]
    pub fn plain(&self, words: usize) -> Option<Registers> {
        let fits = self.label & (LABEL_WINDOW | MESSAGE) == 0 && self.len == words;
        fits.then(|| {
            let [a, b, c, d, ..] = self.taken.words;
            Registers::new([a, b, c, d])
        })
    }

    /// The context of a call without rights.
    #[inline(always)]
    pub fn plain_call(&self) -> Call<'c> {
        Call {
            port: self.port,
            number: self.number(),
            caller: 0,
            cancel: self.taken.cancel,
            reply: None,
        }
    }

    /// Answers with up to four words.
    #[inline(always)]
    pub fn answer_plain(&mut self, words: usize, registers: Registers) -> Outcome {
        self.answer_words(REPLY_OK, &registers.words[..words])
    }

    #[inline(always)]
    fn answer_words(&mut self, label: u32, words: &[u64]) -> Outcome {
        self.given.words[..words.len()].copy_from_slice(words);
        self.answered(label, words.len())
    }

    /// The words are there already.
    #[inline(always)]
    fn answered(&mut self, label: u32, len: usize) -> Outcome {
        let len = len as u32;
        self.given.answer = Answer { label, len };
        Outcome::Done(Answered(()))
    }

    /// Answers with an error.
    #[inline]
    pub fn answer_error(&mut self, error: Error) -> Outcome {
        self.answer_words(REPLY_ERROR, &[error.0.into()])
    }

    /// Reads the header and takes the rights; then [`Snapshot::input`] has the arguments. On
    /// failure the answer is set already.
    #[inline]
    pub fn open(
        &mut self,
        snapshot: &mut Snapshot<'c>,
        caller: bool,
        ticket: bool,
    ) -> core::result::Result<Opened, Outcome> {
        snapshot.number = self.number();
        if caller || ticket || self.label & (LABEL_WINDOW | MESSAGE) != 0 {
            return self.open_header(snapshot, caller, ticket);
        }
        // The body is all there is.
        snapshot.words = &self.taken.words[..self.len.min(REGISTER_WORDS)];
        Ok(Opened {
            caller: 0,
            rights: CarriedList::new(),
        })
    }

    #[inline(never)]
    fn open_header(
        &mut self,
        snapshot: &mut Snapshot<'c>,
        caller: bool,
        ticket: bool,
    ) -> core::result::Result<Opened, Outcome> {
        self.open_inner(snapshot, caller, ticket)
            .map_err(|refusal| match refusal {
                Refusal::Error(error) => self.answer_error(error),
                Refusal::UnknownWindow => self.answer_words(REPLY_WINDOW_UNKNOWN, &[]),
            })
    }

    fn open_inner(
        &mut self,
        snapshot: &mut Snapshot<'c>,
        caller: bool,
        ticket: bool,
    ) -> core::result::Result<Opened, Refusal> {
        let malformed = || Refusal::Error(Error::MIG_BAD_ARGUMENTS);
        if let Some(MessageBody { words, mut rights }) = self.given.message.take() {
            snapshot.message = Some(words);
            if self.label & LABEL_WINDOW != 0 {
                if rights.is_empty() {
                    return Err(malformed());
                }
                snapshot.reply.set(rights.remove(0).take());
            }
            snapshot.is_message = true;
            return Ok(Opened { caller: 0, rights });
        }

        let input = &self.taken.words[..self.len.min(REGISTER_WORDS)];
        let len = input.len();
        snapshot.words = input;
        let word = |at: usize| input.get(at).copied().ok_or_else(malformed);

        let mut at = 0;
        let mut token = None;
        if self.label & LABEL_WINDOW != 0 {
            let first = word(at)?;
            at += 1;
            token = Some(first & !TOKEN_BODY);
            if first & TOKEN_BODY != 0 {
                let words = usize::try_from(word(at)?).map_err(|_| malformed())?;
                at += 1;
                snapshot.body_words = Some(words);
            }
        }
        let mut thread = 0;
        if caller {
            thread = u32::try_from(word(at)?).map_err(|_| malformed())?;
            at += 1;
        }
        let mut rights_ticket = None;
        if ticket {
            rights_ticket = Some(word(at)?);
            at += 1;
        }
        if snapshot.body_words.is_some() && at != len {
            return Err(malformed());
        }
        if let Some(token) = token {
            let window = window::accept(token).map_err(|_| Refusal::UnknownWindow)?;
            if snapshot
                .body_words
                .is_some_and(|words| words > window.memory().len() / 8)
            {
                return Err(malformed());
            }
            snapshot.window = Some(window);
        }
        let rights = match rights_ticket {
            Some(ticket) => sys::rights_receive(ticket, self.port).map_err(|_| malformed())?,
            None => CarriedList::new(),
        };
        snapshot.start = at;
        Ok(Opened {
            caller: thread,
            rights,
        })
    }

    /// The context of an opened request.
    pub fn call<'s>(&self, snapshot: &'s Snapshot<'c>, caller: u32) -> Call<'s>
    where
        'c: 's,
    {
        Call {
            port: self.port,
            number: self.number(),
            caller,
            cancel: self.taken.cancel,
            reply: snapshot.is_message.then_some(&snapshot.reply),
        }
    }

    /// Answers a request that no dispatcher knows with an error, and releases what it carries.
    pub fn refuse(&mut self, error: Error) {
        let mut snapshot = Snapshot::new();
        let _ = if !self.is_message() {
            self.answer_error(error)
        } else {
            match self.open(&mut snapshot, false, false) {
                Ok(_) => self.fail(&snapshot, error),
                Err(answered) => answered,
            }
        };
    }

    /// Answers an opened request with an error.
    pub fn fail(&mut self, snapshot: &Snapshot<'_>, error: Error) -> Outcome {
        if snapshot.is_message && error != Error::MIG_NO_REPLY {
            send_reply(snapshot.reply.take(), snapshot.number, Err(error));
        }
        self.answer_error(error)
    }

    /// The place for a reply's data: behind `before` words, with `after` words behind it.
    pub fn data_out<'s>(
        &'s mut self,
        snapshot: &'s Snapshot<'_>,
        before: usize,
        after: usize,
    ) -> DataOut<'s> {
        let words = before + after + 1;
        let base = (before + 1) * 8;
        let in_message = REGISTER_WORDS.saturating_sub(words) * 8;
        let (capacity, place) = match &snapshot.window {
            Some(window) => {
                let memory = window.memory();
                let capacity = memory.len().saturating_sub(words * 8);
                (capacity, Out::Window(memory, base))
            }
            None if snapshot.is_message => (in_message, Out::Memory(Vec::new())),
            None => {
                let bytes = bytes_of(&mut self.given.words);
                (in_message, Out::Answer(bytes, base))
            }
        };
        DataOut {
            place,
            capacity,
            len: 0,
        }
    }

    /// Answers an opened request: `words` words that `encode` writes, and `rights`. `data` is what
    /// was written into the request's [`Request::data_out`]; `encode` gets it back.
    pub fn reply(
        &mut self,
        snapshot: &Snapshot<'_>,
        caller: u32,
        words: usize,
        mut data: Written,
        rights: &mut [Right<'_>],
        encode: &dyn Fn(&mut Writer<'_>, &Written),
    ) -> Outcome {
        if snapshot.is_message {
            let reply = snapshot.reply.take();
            let encode = |w: &mut Writer<'_>| encode(w, &data);
            send_reply(reply, snapshot.number, Ok((words, rights, &encode)));
            return self.answer_words(REPLY_OK, &[]);
        }
        if words > WINDOW_MAX / 8 {
            return self.answer_error(Error::MIG_ARRAY_TOO_LARGE);
        }
        if let Err(error) = give_rights(caller, rights) {
            return self.answer_error(error);
        }
        let window = snapshot.window.as_deref().map(ServerWindow::memory);
        let room = window.map_or(0, |memory| memory.len() / 8);
        if words <= REGISTER_WORDS && !matches!(data.place, At::Window(_)) {
            let mut writer = Writer::slice(&mut self.given.words);
            encode(&mut writer, &data);
            let len = writer.len();
            self.answered(REPLY_OK, len)
        } else if let Some(memory) = window.filter(|_| words <= room) {
            let mut writer = Writer::window(memory);
            encode(&mut writer, &data);
            self.answer_words(REPLY_WINDOW, &[writer.len() as u64])
        } else {
            data.take_along(bytes_of(&mut self.given.words), window);
            let mut writer = Writer::memory(words);
            encode(&mut writer, &data);
            let body = writer.into_memory();
            let words = body.len() as u64;
            let cookie = KEPT.lock().keep(self.port, body);
            self.answer_words(REPLY_TOO_LARGE, &[words, cookie])
        }
    }

    /// Serves the requests that every port has: fetching a kept body.
    pub fn dispatch_common(&mut self) -> Outcome {
        if self.number() != FETCH {
            return Outcome::Unknown;
        }
        let mut snapshot = Snapshot::new();
        let opened = match self.open(&mut snapshot, false, false) {
            Ok(opened) => opened,
            Err(answered) => return answered,
        };
        let mut input = snapshot.input(opened);
        let answer = input.reader.word().and_then(|cookie| {
            input.finish()?;
            let memory = snapshot
                .window
                .as_deref()
                .ok_or(Error::MIG_BAD_ARGUMENTS)?
                .memory();
            let body = KEPT
                .lock()
                .take(self.port, cookie)
                .ok_or(Error::KERN_INVALID_ARGUMENT)?;
            if body.len() > memory.len() / 8 {
                return Err(Error::MIG_ARRAY_TOO_LARGE);
            }
            for (i, word) in body.iter().enumerate() {
                memory.set_word(i, *word);
            }
            Ok(body.len() as u64)
        });
        match answer {
            Ok(words) => self.answer_words(REPLY_WINDOW, &[words]),
            Err(error) => self.answer_error(error),
        }
    }
}

fn give_rights(caller: u32, rights: &mut [Right<'_>]) -> Result<()> {
    // A new port's right is in the inbox already; it can only have been the first.
    let skip = rights.first().is_some_and(Right::is_already_sent) as usize;
    let to_send = &rights[skip..];
    if to_send.iter().any(Right::is_already_sent) {
        return Err(Error::KERN_INVALID_ARGUMENT);
    }
    match to_send {
        [] => {}
        [right] => sys::reply_rights(caller, &[right.argument()])?,
        rights => sys::reply_rights(caller, &arguments(rights))?,
    }
    all_sent(rights);
    Ok(())
}

/// Words, rights and the encoder of a reply's body.
type Body<'a, 'r> = (usize, &'a mut [Right<'r>], &'a dyn Fn(&mut Writer<'_>));

/// How long a reply may wait for room in its port's queue. A client that does not take its replies
/// loses them.
const REPLY_TIMEOUT: Duration = Duration::ZERO;

fn send_reply(reply: Option<AnyRight>, number: u32, result: Result<Body<'_, '_>>) {
    let Some(reply) = reply else { return };
    // Nobody is left to be told of a failure.
    let _ = send_answer(Right::from(reply), number, result);
}

/// Sends the answer of a routine as a one-way message: the error or 0, then the body.
pub fn send_answer(to: Right<'_>, number: u32, result: Result<Body<'_, '_>>) -> Result<()> {
    let (error, words, rights, encode) = match result {
        Ok((words, rights, encode)) => (0, words, rights, Some(encode)),
        Err(error) => (error.0, 0, &mut [][..], None),
    };
    crate::client::send(
        to,
        number + 100,
        words + 1,
        rights,
        None,
        Some(REPLY_TIMEOUT),
        &|w| {
            error.encode(w);
            if let Some(encode) = encode {
                encode(w);
            }
        },
    )
}

/// Reply bodies that did not fit, until they are fetched.
struct Kept {
    bodies: VecDeque<(Name, u64, Vec<u64>)>,
    words: usize,
}

/// Bodies kept at a time; the oldest goes first.
const KEPT_BODIES: usize = 64;
/// Words kept at a time, in all bodies.
const KEPT_WORDS: usize = (4 << 20) / 8;

static KEPT: Mutex<Kept> = Mutex::new(Kept {
    bodies: VecDeque::new(),
    words: 0,
});

/// Keeps everybody out.
#[cfg(target_os = "none")]
pub(crate) fn hold() -> impl Sized {
    KEPT.lock()
}

impl Kept {
    fn keep(&mut self, port: Name, body: Vec<u64>) -> u64 {
        let cookie = sys::random();
        self.words += body.len();
        self.bodies.push_back((port, cookie, body));
        while self.bodies.len() > KEPT_BODIES || self.words > KEPT_WORDS {
            let Some((_, _, old)) = self.bodies.pop_front() else {
                break;
            };
            self.words -= old.len();
        }
        cookie
    }

    fn take(&mut self, port: Name, cookie: u64) -> Option<Vec<u64>> {
        let at = self
            .bodies
            .iter()
            .position(|(p, c, _)| *p == port && *c == cookie)?;
        let (_, _, body) = self.bodies.remove(at)?;
        self.words -= body.len();
        Some(body)
    }
}

/// What a request's header said.
pub struct Opened {
    /// The caller's thread, if the reply carries rights.
    pub caller: u32,
    rights: CarriedList,
}

/// Proof that a request has its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered(());

/// What a request refers to while it is served.
pub struct Snapshot<'c> {
    words: &'c [u64],
    /// Where the body starts.
    start: usize,
    window: Option<Arc<ServerWindow>>,
    body_words: Option<usize>,
    message: Option<Vec<u64>>,
    is_message: bool,
    reply: Cell<Option<AnyRight>>,
    number: u32,
}

impl Default for Snapshot<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl Snapshot<'_> {
    /// Empty.
    #[inline]
    pub fn new() -> Self {
        Snapshot {
            words: &[],
            start: 0,
            window: None,
            body_words: None,
            message: None,
            is_message: false,
            reply: Cell::new(None),
            number: 0,
        }
    }

    /// The arguments of the request that was opened into this snapshot.
    pub fn input(&self, opened: Opened) -> Input<'_> {
        let in_window = self.window.as_deref().zip(self.body_words);
        let reader = match (&self.message, in_window) {
            (Some(words), _) => Reader::words(words),
            // The size was checked when the request was opened.
            (None, Some((window, words))) => {
                Reader::window(window.memory(), words).unwrap_or(Reader::words(&[]))
            }
            (None, None) => Reader::words(&self.words[self.start..]),
        };
        Input {
            reader,
            rights: opened.rights.into_iter(),
        }
    }
}

/// A request's arguments, being read.
pub struct Input<'s> {
    /// The words.
    pub reader: Reader<'s>,
    rights: smallvec::IntoIter<[crate::Carried; 4]>,
}

impl<'s> Input<'s> {
    /// The next right.
    pub fn right<R: FromCarried>(&mut self) -> Result<Option<R>> {
        R::from_carried(self.rights.next().ok_or(Error::MIG_BAD_ARGUMENTS)?)
    }

    /// The next array of rights.
    pub fn rights<R: FromCarried>(&mut self) -> Result<Vec<Option<R>>> {
        let count = usize::try_from(self.reader.word()?).map_err(|_| Error::MIG_BAD_ARGUMENTS)?;
        if count > self.rights.len() {
            return Err(Error::MIG_BAD_ARGUMENTS);
        }
        (0..count).map(|_| self.right()).collect()
    }

    /// `MIG_BAD_ARGUMENTS` unless everything has been read.
    pub fn finish(&mut self) -> Result<()> {
        self.reader.finish()?;
        if self.rights.next().is_some() {
            Err(Error::MIG_BAD_ARGUMENTS)
        } else {
            Ok(())
        }
    }
}

/// An answer that came as a one-way message.
pub fn read_answer(message: Message, number: u32) -> Result<(Vec<u64>, CarriedList)> {
    if message.label != number + 100 {
        return Err(Error::MIG_REPLY_MISMATCH);
    }
    let (error, body) = message.words.split_first().ok_or(Error::MIG_TYPE_ERROR)?;
    match u32::try_from(*error) {
        Ok(0) => Ok((body.to_vec(), message.rights)),
        Ok(error) => Err(Error(error)),
        Err(_) => Err(Error::MIG_TYPE_ERROR),
    }
}

/// An input of words and rights that came apart from a request.
pub fn input_of(words: &[u64], rights: CarriedList) -> Input<'_> {
    Input {
        reader: Reader::words(words),
        rights: rights.into_iter(),
    }
}

/// The context of a request.
#[derive(Clone, Copy)]
pub struct Call<'s> {
    port: Name,
    number: u32,
    caller: u32,
    cancel: Option<&'s Cancel>,
    reply: Option<&'s Cell<Option<AnyRight>>>,
}

impl<'s> Call<'s> {
    /// A context for calling a server's methods directly, in tests.
    pub fn direct(port: Name) -> Call<'static> {
        Call {
            port,
            number: 0,
            caller: 0,
            cancel: None,
            reply: None,
        }
    }

    /// Name of the receive right that the request came to.
    pub fn port(&self) -> Name {
        self.port
    }

    /// The routine's number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The calling thread, 0 if the reply carries no rights.
    pub fn caller(&self) -> u32 {
        self.caller
    }

    /// Whether it came as a message whose sender does not wait in a call.
    pub fn is_message(&self) -> bool {
        self.reply.is_some()
    }

    /// Takes the reply right, to answer later with the routine's `reply_` function; the method then
    /// answers `MIG_NO_REPLY`. Calls have none, their threads wait for the method.
    pub fn take_reply(&self) -> Option<AnyRight> {
        self.reply?.take()
    }

    /// Name of the reply right, to ask for a dead-name notification; 0 if there is none.
    pub fn reply_name(&self) -> Name {
        let Some(cell) = self.reply else { return 0 };
        let right = cell.take();
        let name = right.as_ref().map_or(0, AnyRight::as_raw);
        cell.set(right);
        name
    }

    /// Whether the request has been cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(Cancel::is_cancelled)
    }

    /// `EINTR` if the request has been cancelled.
    pub fn check_cancelled(&self) -> Result<()> {
        if self.is_cancelled() {
            Err(Error::EINTR)
        } else {
            Ok(())
        }
    }
}

impl core::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Call({} on {:#x})", self.number, self.port)
    }
}

impl Cancellable for Call<'_> {
    fn cancel(&self) -> Option<&Cancel> {
        self.cancel
    }
}

enum In<'a> {
    Slice(&'a [u8]),
    Window(&'a SharedMemory, usize),
}

/// Bulk data of a request, copied out of the window or the message when asked for. What lies in a
/// window may change from one copy to the next.
pub struct Data<'a> {
    place: In<'a>,
    len: usize,
}

impl<'a> Data<'a> {
    /// Data in memory.
    pub fn from_slice(bytes: &'a [u8]) -> Data<'a> {
        Data {
            place: In::Slice(bytes),
            len: bytes.len(),
        }
    }

    pub(crate) fn from_words(words: &'a [u64], len: usize) -> Data<'a> {
        let len = len.min(words.len() * 8);
        // SAFETY: every byte of the words is initialised, any byte is a u8, and len is within.
        Data::from_slice(unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), len) })
    }

    pub(crate) fn from_window(memory: &'a SharedMemory, offset: usize, len: usize) -> Data<'a> {
        Data {
            place: In::Window(memory, offset),
            len,
        }
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies from `offset` on; answers how many bytes there were.
    pub fn copy_to(&self, offset: usize, to: &mut [u8]) -> usize {
        let count = to.len().min(self.len.saturating_sub(offset));
        match self.place {
            In::Slice(bytes) => {
                to[..count].copy_from_slice(&bytes[offset.min(self.len)..][..count])
            }
            In::Window(memory, base) => {
                memory.read(base + offset, &mut to[..count]);
            }
        }
        count
    }

    /// All of it, without a copy where nobody can change it any more.
    pub(crate) fn into_bytes(self) -> Cow<'a, [u8]> {
        match self.place {
            In::Slice(bytes) => Cow::Borrowed(bytes),
            In::Window(..) => Cow::Owned(self.to_vec()),
        }
    }

    /// All of it.
    pub fn to_vec(&self) -> Vec<u8> {
        match self.place {
            In::Slice(bytes) => bytes.to_vec(),
            In::Window(..) => {
                let mut bytes = alloc::vec![0; self.len];
                self.copy_to(0, &mut bytes);
                bytes
            }
        }
    }
}

impl core::fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Data({} bytes)", self.len)
    }
}

enum Out<'a> {
    /// From a place on in the bytes of the answer's words.
    Answer(&'a mut [u8], usize),
    /// From a place on in the caller's window.
    Window(&'a SharedMemory, usize),
    Memory(Vec<u8>),
}

/// Place for the bulk data of a reply: the caller's window or the message.
pub struct DataOut<'a> {
    place: Out<'a>,
    capacity: usize,
    len: usize,
}

/// What was written into a [`DataOut`].
#[derive(Debug)]
pub struct Written {
    place: At,
    len: usize,
}

#[derive(Debug)]
enum At {
    Answer(usize),
    Window(usize),
    Memory(Vec<u8>),
}

impl Written {
    /// Of a reply without data.
    pub const NOTHING: Written = Written {
        place: At::Memory(Vec::new()),
        len: 0,
    };

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes, unless they are in their place in the answer already.
    pub(crate) fn elsewhere(&self) -> Option<&[u8]> {
        match &self.place {
            At::Memory(bytes) => Some(bytes),
            At::Answer(_) | At::Window(_) => None,
        }
    }

    /// Takes the bytes out of the place in an answer that is not to be used. The client may have
    /// changed them in a window.
    fn take_along(&mut self, answer: &[u8], window: Option<&SharedMemory>) {
        let bytes = match (&self.place, window) {
            (At::Answer(base), _) => answer[*base..][..self.len].to_vec(),
            (At::Window(base), Some(memory)) => {
                let mut bytes = alloc::vec![0; self.len];
                memory.read(*base, &mut bytes);
                bytes
            }
            _ => return,
        };
        self.place = At::Memory(bytes);
    }
}

impl DataOut<'_> {
    /// A place in memory, for calling a server's methods directly.
    pub fn in_memory(capacity: usize) -> DataOut<'static> {
        DataOut {
            place: Out::Memory(Vec::new()),
            capacity,
            len: 0,
        }
    }

    /// Ends the writing.
    pub fn done(self) -> Written {
        let place = match self.place {
            Out::Answer(_, base) => At::Answer(base),
            Out::Window(_, base) => At::Window(base),
            Out::Memory(bytes) => At::Memory(bytes),
        };
        Written {
            place,
            len: self.len,
        }
    }

    /// How many bytes there is room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many bytes have been written.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes more there is room for.
    pub fn remaining(&self) -> usize {
        self.capacity - self.len
    }

    /// Appends bytes; answers how many there was room for.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.remaining());
        let bytes = &bytes[..count];
        match &mut self.place {
            Out::Answer(answer, base) => {
                answer[*base + self.len..][..count].copy_from_slice(bytes);
            }
            Out::Window(memory, base) => {
                memory.write(*base + self.len, bytes);
            }
            Out::Memory(memory) => memory.extend_from_slice(bytes),
        }
        self.len += count;
        count
    }

    /// Appends zeroes; answers how many there was room for.
    pub fn write_zeroes(&mut self, mut count: usize) -> usize {
        const ZEROES: [u8; 512] = [0; 512];
        count = count.min(self.remaining());
        let mut left = count;
        while left > 0 {
            left -= self.write(&ZEROES[..left.min(ZEROES.len())]);
        }
        count
    }

    /// Takes back what has been written behind the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        if let Out::Memory(memory) = &mut self.place {
            memory.truncate(len);
        }
    }
}

impl core::fmt::Debug for DataOut<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "DataOut({} of {} bytes)", self.len, self.capacity)
    }
}
