//! What the generated client stubs are made of.

use crate::right::{all_sent, arguments};
use crate::window::{self, Borrowed, WINDOW_MAX};
use crate::wire::*;
use crate::{Carried, CarriedList, Error, FromCarried, Name, Result, Right, sys};
use alloc::vec::Vec;
use core::time::Duration;

/// Most bytes of bulk data that one call can carry in one direction.
pub const MAX_BULK: usize = WINDOW_MAX - 4096;

/// The error of a reply that is not plain success.
#[cold]
pub fn failure(label: u32, first: u64) -> Error {
    match label {
        1..=10 => Error::MACH_SEND_INVALID_DEST,
        REPLY_ERROR => match first as u32 {
            0 => Error::MIG_REMOTE_ERROR,
            error => Error(error),
        },
        _ => Error::MIG_REPLY_MISMATCH,
    }
}

/// A call of which everything fits four words: straight to the server.
#[inline(always)]
pub fn call_registers(
    port: Name,
    number: u32,
    words: usize,
    registers: Registers,
    reply_words: usize,
) -> Result<Registers> {
    let (label, len, mrs) = sys::call(port, number, words, registers.words);
    if label == REPLY_OK && len == reply_words {
        Ok(Registers::new(mrs))
    } else if label == REPLY_OK {
        Err(Error::MIG_TYPE_ERROR)
    } else {
        Err(failure(label, mrs[0]))
    }
}

/// What a stub knows of a call before it makes it.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The routine's number.
    pub number: u32,
    /// Words of the request's body.
    pub body_words: usize,
    /// Words that the reply may have as far as the client's buffers decide it.
    pub reply_words: usize,
    /// Whether the reply carries rights.
    pub wants_rights: bool,
    /// Whether the request can carry rights.
    pub has_rights: bool,
}

impl Shape {
    /// Words in front of the body that belong to rights.
    #[inline]
    fn rights_words(&self) -> usize {
        self.has_rights as usize + self.wants_rights as usize
    }

    #[inline]
    fn body_in_window(&self) -> bool {
        self.body_words + self.rights_words() + 1 > REGISTER_WORDS
    }

    /// How many words the window must have room for.
    #[inline]
    fn window_words(&self) -> usize {
        let body = if self.body_in_window() { self.body_words } else { 0 };
        let in_message = self.reply_words <= REGISTER_WORDS;
        body.max(if in_message { 0 } else { self.reply_words })
    }
}

/// Makes a call with rights, bulk data or more than four words, and fills `reply`. `encode` writes
/// the body, and may be called again; it must make no other call.
#[inline]
pub fn invoke(
    port: Name,
    shape: Shape,
    rights: &mut [Right<'_>],
    reply: &mut Reply,
    encode: &dyn Fn(&mut Writer<'_>),
) -> Result<()> {
    if shape.rights_words() == 0 && shape.window_words() == 0 {
        invoke_registers(port, shape.number, reply, encode)
    } else {
        invoke_with(port, shape, rights, reply, encode)
    }
}

/// A call of words only.
#[inline(never)]
fn invoke_registers(
    port: Name,
    number: u32,
    reply: &mut Reply,
    encode: &dyn Fn(&mut Writer<'_>),
) -> Result<()> {
    let mut message = Writer::registers();
    encode(&mut message);
    let (label, len, mrs) = sys::call(port, number, message.len(), message.first());
    reply.fill(port, label, len, mrs, false)
}

/// A call with rights or a window.
#[inline(never)]
fn invoke_with(
    port: Name,
    shape: Shape,
    rights: &mut [Right<'_>],
    reply: &mut Reply,
    encode: &dyn Fn(&mut Writer<'_>),
) -> Result<()> {
    let body_in_window = shape.body_in_window();
    let bytes = shape.window_words().checked_mul(8).ok_or(Error::MACH_SEND_TOO_LARGE)?;
    let mut ticket = None;
    // A window that the server does not know is replaced once.
    for last in [false, true] {
        if bytes > 0 {
            reply.window = Some(window::borrow(port, bytes)?);
        }
        let window = reply.window.as_ref();
        if shape.has_rights && ticket.is_none() {
            ticket = Some(sys::rights_send(port, &arguments(rights))?);
            all_sent(rights);
        }
        if shape.wants_rights {
            drop(sys::inbox_take());
        }

        let mut label = shape.number;
        let mut message = Writer::registers();
        if let Some(window) = window {
            label |= LABEL_WINDOW;
            if body_in_window {
                message.put(window.token() | TOKEN_BODY);
                message.put(shape.body_words as u64);
            } else {
                message.put(window.token());
            }
        }
        if shape.wants_rights {
            message.put(sys::thread_number().into());
        }
        if let Some(ticket) = ticket {
            message.put(ticket);
        }
        match window {
            Some(window) if body_in_window => encode(&mut Writer::window(window.memory())),
            _ => encode(&mut message),
        }
        let (label, len, mrs) = sys::call(port, label, message.len(), message.first());
        if label == REPLY_WINDOW_UNKNOWN
            && !last
            && let Some(window) = reply.window.take()
        {
            window.forget(port);
        } else {
            return reply.fill(port, label, len, mrs, shape.wants_rights);
        }
    }
    Err(Error::MIG_REPLY_MISMATCH)
}

/// A reply being read.
#[derive(Debug, Default)]
pub struct Reply {
    /// What was offered for it. Kept even if the body is in registers: to give a window back may be
    /// a call, which would use the registers.
    window: Option<Borrowed>,
    in_window: bool,
    /// Words 0..4, when the body is in registers.
    mrs: [u64; 4],
    /// The next word and the end; a window has no more than 2^17.
    at: u32,
    end: u32,
    rights: CarriedList,
    /// How many of the rights have been read.
    taken: u32,
}

impl Reply {
    fn fill(
        &mut self,
        port: Name,
        label: u32,
        len: usize,
        mrs: [u64; 4],
        wants_rights: bool,
    ) -> Result<()> {
        if wants_rights {
            self.rights = sys::inbox_take();
        }
        match label {
            REPLY_OK if len <= REGISTER_WORDS => {
                self.mrs = mrs;
                self.end = len as u32;
                Ok(())
            }
            REPLY_WINDOW => {
                let window = self.window.as_ref().ok_or(Error::MIG_REPLY_MISMATCH)?;
                let end = usize::try_from(mrs[0]).map_err(|_| Error::MIG_REPLY_MISMATCH)?;
                if end > window.memory().len() / 8 {
                    return Err(Error::MIG_REPLY_MISMATCH);
                }
                self.in_window = true;
                self.end = end as u32;
                Ok(())
            }
            REPLY_TOO_LARGE => {
                self.window = None;
                let (window, end) = fetch(port, mrs[0], mrs[1])?;
                self.window = Some(window);
                self.in_window = true;
                self.end = end as u32;
                Ok(())
            }
            _ => {
                let error = failure(label, mrs[0]);
                if error.is_server_died() {
                    self.window = None;
                    window::server_died(port);
                }
                Err(error)
            }
        }
    }

    /// The next bytes, at most `to.len()`.
    pub fn data(&mut self, to: &mut [u8]) -> Result<usize> {
        let length = self.length()?;
        let to = to.get_mut(..length).ok_or(Error::MIG_ARRAY_TOO_LARGE)?;
        self.copy_bytes(to);
        Ok(length)
    }

    /// The next bytes, however many.
    pub fn bytes(&mut self) -> Result<Vec<u8>> {
        let length = self.length()?;
        let mut bytes = alloc::vec![0; length];
        self.copy_bytes(&mut bytes);
        Ok(bytes)
    }

    /// The next string.
    pub fn string(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            let word = self.word()?;
            let end = string_end(word).map_err(|_| Error::MIG_TYPE_ERROR)?;
            bytes.extend_from_slice(&word.to_le_bytes()[..end.unwrap_or(8)]);
            if end.is_some() {
                return Ok(bytes);
            }
        }
    }

    /// Words that have not been read.
    fn left(&self) -> usize {
        (self.end - self.at) as usize
    }

    fn length(&mut self) -> Result<usize> {
        let length = usize::try_from(self.word()?).map_err(|_| Error::MIG_TYPE_ERROR)?;
        if words_of(length) > self.left() {
            return Err(Error::MIG_TYPE_ERROR);
        }
        Ok(length)
    }

    fn copy_bytes(&mut self, to: &mut [u8]) {
        match &self.window {
            Some(window) if self.in_window => {
                window.memory().read(self.at as usize * 8, to);
            }
            _ => {
                for (i, chunk) in to.chunks_mut(8).enumerate() {
                    let word = self.register(self.at as usize + i).to_le_bytes();
                    chunk.copy_from_slice(&word[..chunk.len()]);
                }
            }
        }
        self.at += words_of(to.len()) as u32;
    }

    fn register(&self, at: usize) -> u64 {
        self.mrs
            .get(at)
            .copied()
            .unwrap_or_else(|| sys::buffer_get(at))
    }

    /// The next array.
    pub fn array<T: Wire>(&mut self) -> Result<Vec<T>> {
        let count = self.count(T::WORDS.max(1))?;
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(T::decode(self)?);
        }
        Ok(items)
    }

    fn count(&mut self, words: usize) -> Result<usize> {
        let count = usize::try_from(self.word()?).map_err(|_| Error::MIG_TYPE_ERROR)?;
        match count.checked_mul(words) {
            Some(needed) if needed <= self.left() => Ok(count),
            _ => Err(Error::MIG_TYPE_ERROR),
        }
    }

    /// The next right.
    pub fn right<R: FromCarried>(&mut self) -> Result<Option<R>> {
        let right = self
            .rights
            .get_mut(self.taken as usize)
            .ok_or(Error::MIG_TYPE_ERROR)?;
        self.taken += 1;
        R::from_carried(core::mem::replace(right, Carried::null()))
    }

    /// The next array of rights.
    pub fn rights<R: FromCarried>(&mut self) -> Result<Vec<Option<R>>> {
        let count = usize::try_from(self.word()?).map_err(|_| Error::MIG_TYPE_ERROR)?;
        if count > self.rights.len() - self.taken as usize {
            return Err(Error::MIG_TYPE_ERROR);
        }
        (0..count).map(|_| self.right()).collect()
    }

    /// `MIG_TYPE_ERROR` unless everything has been read.
    pub fn finish(&self) -> Result<()> {
        if self.at == self.end && self.taken as usize == self.rights.len() {
            Ok(())
        } else {
            Err(Error::MIG_TYPE_ERROR)
        }
    }
}

impl Source for Reply {
    fn word(&mut self) -> Result<u64> {
        if self.at >= self.end {
            return Err(Error::MIG_TYPE_ERROR);
        }
        let word = match &self.window {
            Some(window) if self.in_window => {
                window.memory().word(self.at as usize).ok_or(Error::MIG_TYPE_ERROR)?
            }
            _ => self.register(self.at as usize),
        };
        self.at += 1;
        Ok(word)
    }
}

/// Fetches a reply body that the server keeps because it did not fit.
fn fetch(port: Name, words: u64, cookie: u64) -> Result<(Borrowed, usize)> {
    let bytes = usize::try_from(words)
        .ok()
        .and_then(|words| words.checked_mul(8))
        .ok_or(Error::MIG_ARRAY_TOO_LARGE)?;
    for _ in 0..2 {
        let window = window::borrow(port, bytes)?;
        let (label, _, mrs) = sys::call(
            port,
            FETCH | LABEL_WINDOW,
            2,
            [window.token(), cookie, 0, 0],
        );
        match label {
            REPLY_WINDOW if mrs[0] <= words && mrs[0] as usize <= window.memory().len() / 8 => {
                return Ok((window, mrs[0] as usize));
            }
            REPLY_WINDOW_UNKNOWN => window.forget(port),
            _ => return Err(failure(label, mrs[0])),
        }
    }
    Err(Error::MIG_REPLY_MISMATCH)
}

/// Sends a one-way message, with a reply right in front if there is one.
pub fn send(
    mut destination: Right<'_>,
    number: u32,
    words: usize,
    rights: &mut [Right<'_>],
    reply: Option<Right<'_>>,
    timeout: Option<Duration>,
    encode: &dyn Fn(&mut Writer<'_>),
) -> Result<()> {
    let mut label = number;
    let mut arguments = arguments(rights);
    if let Some(reply) = &reply {
        label |= LABEL_WINDOW;
        arguments.insert(0, reply.argument());
    }
    let mut writer = Writer::memory(words);
    encode(&mut writer);
    let words = writer.into_memory();
    sys::msg_send(destination.argument(), label, &words, &arguments, timeout)?;
    destination.sent();
    if let Some(mut reply) = reply {
        reply.sent();
    }
    all_sent(rights);
    Ok(())
}
