//! How values are laid out as words.
//!
//! A body is a sequence of 64-bit words; docs/ABI.md has the rules. Everything here is pure: it
//! reads words from a [`Source`] and writes them to a [`Sink`], and knows no system call.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::{Error, Name, Result};

/// Words that a message carries in registers, at most.
pub const REGISTER_WORDS: usize = 120;

/// Length limit of a `Str` (the Hurd's `string_t`), in bytes, without the final zero that C adds.
pub const STRING_MAX: usize = 1023;

/// Bit of a request's label: its first word is a window's token. In a one-way message: its first
/// right is the right that the answer goes to.
pub const LABEL_WINDOW: u32 = 1 << 18;
/// Bits of a request's label that hold the routine's number.
pub const LABEL_NUMBER: u32 = LABEL_WINDOW - 1;
/// Bit that every reply's label has.
pub const LABEL_REPLY: u32 = 1 << 19;
/// Reply: success, body in registers.
pub const REPLY_OK: u32 = LABEL_REPLY;
/// Reply: the first word is the error number.
pub const REPLY_ERROR: u32 = LABEL_REPLY | 1;
/// Reply: success, the body lies in the window, the first word is its length in words.
pub const REPLY_WINDOW: u32 = LABEL_REPLY | 2;
/// Reply: done, but the body did not fit; the first word is the number of words that a window must
/// have, the second the cookie under which the server keeps the body.
pub const REPLY_TOO_LARGE: u32 = LABEL_REPLY | 3;
/// Reply: the server does not know the window's token; nothing was done.
pub const REPLY_WINDOW_UNKNOWN: u32 = LABEL_REPLY | 4;
/// Request number that fetches a kept reply body: window, cookie.
pub const FETCH: u32 = 20;
/// Number of the one-way message that tells a server that a window is gone: its token.
pub const WINDOW_GONE: u32 = 21;
/// Bit of a request's window token: the request's body lies in the window, too.
pub const TOKEN_BODY: u64 = 1 << 63;

/// Where words come from.
pub trait Source {
    /// The next word, or `MIG_BAD_ARGUMENTS` at the end.
    fn word(&mut self) -> Result<u64>;
}

/// Where words go.
pub trait Sink {
    /// Appends a word. The caller has made sure that there is room.
    fn put(&mut self, word: u64);
}

/// The four words that travel in machine registers, written in order.
#[derive(Default)]
pub struct Registers {
    /// The words.
    pub words: [u64; 4],
    at: usize,
}

impl Registers {
    /// To read from `words`.
    #[inline(always)]
    pub fn new(words: [u64; 4]) -> Registers {
        Registers { words, at: 0 }
    }
}

impl Source for Registers {
    #[inline(always)]
    fn word(&mut self) -> Result<u64> {
        let word = self
            .words
            .get(self.at)
            .copied()
            .ok_or(Error::MIG_BAD_ARGUMENTS);
        self.at += 1;
        word
    }
}

impl Sink for Registers {
    #[inline(always)]
    fn put(&mut self, word: u64) {
        if let Some(slot) = self.words.get_mut(self.at) {
            *slot = word;
        }
        self.at += 1;
    }
}

impl Sink for alloc::vec::Vec<u64> {
    fn put(&mut self, word: u64) {
        self.push(word);
    }
}

/// Reads words of a slice.
#[derive(Clone)]
pub struct Words<'a>(pub &'a [u64]);

impl Source for Words<'_> {
    #[inline(always)]
    fn word(&mut self) -> Result<u64> {
        let (first, rest) = self.0.split_first().ok_or(Error::MIG_BAD_ARGUMENTS)?;
        self.0 = rest;
        Ok(*first)
    }
}

/// What a value is, for those who print messages or make them up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An unsigned integer of so many bits.
    Unsigned(u8),
    /// A signed integer of so many bits.
    Signed(u8),
    /// 0 or 1.
    Bool,
    /// A structure of fields: names and kinds in order.
    Struct(&'static [(&'static str, Kind)]),
    /// So many values of one kind.
    Fixed(&'static Kind, usize),
    /// Bytes, in a request at most [`STRING_MAX`] and none of them zero, then zeroes to the end of a
    /// word, at least one.
    Str,
    /// A length in bytes, then the bytes padded to a word.
    Bytes,
    /// A count, then so many values.
    Array(&'static Kind),
    /// A right; no words.
    Right(RightType),
    /// A count; as many rights.
    RightArray(RightType),
}

/// Which rights a parameter accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RightType {
    /// Send right.
    Send,
    /// Send-once right.
    SendOnce,
    /// Receive right.
    Receive,
    /// Any of them.
    Any,
}

/// A value with a fixed number of words.
pub trait Wire: Sized {
    /// How many words.
    const WORDS: usize;
    /// What it is.
    const KIND: Kind;
    /// Appends the words.
    fn encode<S: Sink>(&self, sink: &mut S);
    /// Reads the words; `MIG_BAD_ARGUMENTS` if they are no such value.
    fn decode<S: Source>(source: &mut S) -> Result<Self>;
}

macro_rules! unsigned {
    ($($type:ty),*) => {$(
        impl Wire for $type {
            const WORDS: usize = 1;
            const KIND: Kind = Kind::Unsigned(<$type>::BITS as u8);
            #[inline(always)]
            fn encode<S: Sink>(&self, sink: &mut S) {
                sink.put(*self as u64);
            }
            #[inline(always)]
            fn decode<S: Source>(source: &mut S) -> Result<Self> {
                let word = source.word()?;
                if word as $type as u64 == word { Ok(word as $type) } else { Err(Error::MIG_BAD_ARGUMENTS) }
            }
        }
    )*};
}
unsigned!(u8, u16, u32, u64, usize);

macro_rules! signed {
    ($($type:ty),*) => {$(
        impl Wire for $type {
            const WORDS: usize = 1;
            const KIND: Kind = Kind::Signed(<$type>::BITS as u8);
            #[inline(always)]
            fn encode<S: Sink>(&self, sink: &mut S) {
                sink.put(*self as i64 as u64);
            }
            #[inline(always)]
            fn decode<S: Source>(source: &mut S) -> Result<Self> {
                let word = source.word()? as i64;
                if word as $type as i64 == word { Ok(word as $type) } else { Err(Error::MIG_BAD_ARGUMENTS) }
            }
        }
    )*};
}
signed!(i8, i16, i32, i64, isize);

impl Wire for bool {
    const WORDS: usize = 1;
    const KIND: Kind = Kind::Bool;
    #[inline(always)]
    fn encode<S: Sink>(&self, sink: &mut S) {
        sink.put(*self as u64);
    }
    #[inline(always)]
    fn decode<S: Source>(source: &mut S) -> Result<Self> {
        match source.word()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::MIG_BAD_ARGUMENTS),
        }
    }
}

impl<T: Wire + Copy + Default, const N: usize> Wire for [T; N] {
    const WORDS: usize = T::WORDS * N;
    const KIND: Kind = Kind::Fixed(&T::KIND, N);
    #[inline]
    fn encode<S: Sink>(&self, sink: &mut S) {
        for item in self {
            item.encode(sink);
        }
    }
    #[inline]
    fn decode<S: Source>(source: &mut S) -> Result<Self> {
        let mut items = [T::default(); N];
        for item in &mut items {
            *item = T::decode(source)?;
        }
        Ok(items)
    }
}

/// A name and what to do with the right behind it, by number: Mach's `mach_msg_type_name_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Disposition {
    /// The receive right moves.
    MoveReceive = 16,
    /// A send right moves: one user reference goes.
    MoveSend = 17,
    /// The send-once right moves.
    MoveSendOnce = 18,
    /// A send right is copied.
    CopySend = 19,
    /// A send right is made from the receive right.
    MakeSend = 20,
    /// A send-once right is made from the receive right.
    MakeSendOnce = 21,
    /// The only right to memory that is mapped nowhere moves, and with it what the memory costs.
    MoveMemory = 32,
}

impl TryFrom<u32> for Disposition {
    type Error = Error;
    fn try_from(number: u32) -> Result<Disposition> {
        Ok(match number {
            16 => Disposition::MoveReceive,
            17 => Disposition::MoveSend,
            18 => Disposition::MoveSendOnce,
            19 => Disposition::CopySend,
            20 => Disposition::MakeSend,
            21 => Disposition::MakeSendOnce,
            32 => Disposition::MoveMemory,
            _ => return Err(Error::MACH_SEND_INVALID_RIGHT),
        })
    }
}

/// A right named by a number, with what is to be done with it. The null name is a null right. It
/// owns nothing: [`crate::Right`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RightArg {
    /// The right's name in the sender's space.
    pub name: Name,
    /// What becomes of it.
    pub disposition: Disposition,
}

impl RightArg {
    /// The null right.
    pub const NULL: RightArg = RightArg {
        name: 0,
        disposition: Disposition::CopySend,
    };
}

/// Words that `bytes` bytes occupy, without their length word. Saturates.
#[inline]
pub const fn words_of(bytes: usize) -> usize {
    bytes / 8 + !bytes.is_multiple_of(8) as usize
}

/// Appends a byte string: its length, then its bytes padded with zeroes.
pub fn put_bytes<S: Sink>(sink: &mut S, bytes: &[u8]) {
    sink.put(bytes.len() as u64);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        sink.put(u64::from_le_bytes(word));
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        sink.put(u64::from_le_bytes(word));
    }
}

/// Words that a string of `bytes` bytes occupies.
#[inline]
pub const fn string_words(bytes: usize) -> usize {
    bytes / 8 + 1
}

/// Whether a word has a byte that is zero.
#[inline(always)]
const fn has_zero(word: u64) -> bool {
    word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080 != 0
}

/// The words of a string, the last with its zeroes.
#[inline]
fn words_of_string(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let (whole, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let whole = whole.iter().map(|chunk| u64::from_le_bytes(*chunk));
    whole.chain([u64::from_le_bytes(last)])
}

/// Whether bytes can travel as a string of a request: `MIG_BAD_ARGUMENTS` for more than
/// [`STRING_MAX`], and for a zero byte.
#[inline]
pub fn check_string(bytes: &[u8]) -> Result<()> {
    if bytes.len() > STRING_MAX {
        return Err(Error::MIG_BAD_ARGUMENTS);
    }
    check_result(bytes)
}

/// The same for a string of a reply, which may be of any length.
#[inline]
pub fn check_result(bytes: &[u8]) -> Result<()> {
    let (whole, rest) = bytes.as_chunks::<8>();
    if rest.contains(&0) || whole.iter().any(|chunk| has_zero(u64::from_le_bytes(*chunk))) {
        return Err(Error::MIG_BAD_ARGUMENTS);
    }
    Ok(())
}

/// Appends a string that [`check_result`] accepts.
pub fn put_string<S: Sink>(sink: &mut S, bytes: &[u8]) {
    words_of_string(bytes).for_each(|word| sink.put(word));
}

/// How many bytes of a string are in a word, if it ends there: the others are zero. `None` if it
/// goes on; `MIG_BAD_ARGUMENTS` for something else behind the end.
#[inline]
pub(crate) fn string_end(word: u64) -> Result<Option<usize>> {
    if !has_zero(word) {
        return Ok(None);
    }
    let bytes = word.to_le_bytes();
    let length = bytes.iter().take_while(|byte| **byte != 0).count();
    // The shift is below 64, since a byte is zero.
    if word >> (8 * length) != 0 {
        return Err(Error::MIG_BAD_ARGUMENTS);
    }
    Ok(Some(length))
}

/// Defines a structure that travels in messages: its fields in order.
///
/// ```
/// machuser::wire_struct! {
///     /// A point in time.
///     #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
///     pub struct TimeSpec {
///         /// Seconds since 1970.
///         pub seconds: i64,
///         /// Nanoseconds.
///         pub nanoseconds: i64,
///     }
/// }
/// ```
#[macro_export]
macro_rules! wire_struct {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_visibility:vis $field:ident : $type:ty),* $(,)?
    }) => {
        $(#[$meta])* $visibility struct $name { $($(#[$field_meta])* $field_visibility $field: $type),* }
        impl $crate::wire::Wire for $name {
            const WORDS: usize = 0 $(+ <$type as $crate::wire::Wire>::WORDS)*;
            const KIND: $crate::wire::Kind = $crate::wire::Kind::Struct(
                &[$((stringify!($field), <$type as $crate::wire::Wire>::KIND)),*]);
            #[inline]
            fn encode<S: $crate::wire::Sink>(&self, sink: &mut S) {
                $($crate::wire::Wire::encode(&self.$field, sink);)*
            }
            #[inline]
            fn decode<S: $crate::wire::Source>(source: &mut S) -> $crate::Result<Self> {
                Ok(Self { $($field: $crate::wire::Wire::decode(source)?),* })
            }
        }
    };
}

/// Where the words of a body are being written.
enum Place<'a> {
    Registers([u64; 4]),
    Slice(&'a mut [u64]),
    Window(&'a crate::window::SharedMemory),
    Memory(alloc::vec::Vec<u64>),
}

/// Writes a body into message registers, a window or memory.
pub struct Writer<'a> {
    place: Place<'a>,
    at: usize,
}

impl<'a> Writer<'a> {
    /// Into the message registers, from the first on. No other call may be made until the message
    /// is sent.
    pub fn registers() -> Writer<'static> {
        Writer {
            place: Place::Registers([0; 4]),
            at: 0,
        }
    }

    /// Into a slice; what does not fit is dropped.
    pub fn slice(words: &'a mut [u64]) -> Writer<'a> {
        Writer {
            place: Place::Slice(words),
            at: 0,
        }
    }

    /// Into a window, from its start.
    pub fn window(memory: &'a crate::window::SharedMemory) -> Writer<'a> {
        Writer {
            place: Place::Window(memory),
            at: 0,
        }
    }

    /// Into memory.
    pub fn memory(words: usize) -> Writer<'static> {
        Writer {
            place: Place::Memory(alloc::vec::Vec::with_capacity(words)),
            at: 0,
        }
    }

    /// How many words have been written.
    pub fn len(&self) -> usize {
        self.at
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.at == 0
    }

    /// The first four words, when writing into registers.
    pub fn first(&self) -> [u64; 4] {
        match self.place {
            Place::Registers(mrs) => mrs,
            _ => [0; 4],
        }
    }

    /// The words, when writing into memory.
    pub fn into_memory(self) -> alloc::vec::Vec<u64> {
        match self.place {
            Place::Memory(words) => words,
            _ => alloc::vec::Vec::new(),
        }
    }

    /// Appends a byte string.
    pub fn bytes(&mut self, bytes: &[u8]) {
        if let Place::Window(memory) = self.place {
            self.put(bytes.len() as u64);
            memory.write(self.at * 8, bytes);
            let whole = words_of(bytes.len());
            if !bytes.len().is_multiple_of(8) {
                // The padding is zero whatever was there before.
                memory.write(self.at * 8 + bytes.len(), &[0; 8][bytes.len() % 8..]);
            }
            self.at += whole;
        } else {
            put_bytes(self, bytes);
        }
    }

    /// Appends a string that [`check_result`] accepts.
    pub fn string(&mut self, bytes: &[u8]) {
        put_string(self, bytes);
    }

    /// Appends an array: its count, then its items.
    pub fn array<T: Wire>(&mut self, items: &[T]) {
        self.put(items.len() as u64);
        for item in items {
            item.encode(self);
        }
    }

    /// Appends what a server wrote into its [`crate::DataOut`]. What lies in its place already stays
    /// there.
    pub fn data(&mut self, data: &crate::server::Written) {
        if let Some(bytes) = data.elsewhere() {
            return self.bytes(bytes);
        }
        self.put(data.len() as u64);
        self.at += data.len() / 8;
        if !data.len().is_multiple_of(8) {
            if let Place::Slice(words) = &mut self.place
                && let Some(last) = words.get_mut(self.at)
            {
                // The padding is zero whatever was there before.
                *last &= (1 << (data.len() % 8 * 8)) - 1;
            }
            self.at += 1;
        }
    }
}

/// Words as the bytes that they are in a body.
pub(crate) fn bytes_of(words: &mut [u64]) -> &mut [u8] {
    const { assert!(cfg!(target_endian = "little")) };
    let bytes = size_of_val(words);
    // SAFETY: the same memory, whose bytes may have any value in either form.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), bytes) }
}

impl Sink for Writer<'_> {
    #[inline]
    fn put(&mut self, word: u64) {
        match &mut self.place {
            Place::Registers(mrs) => match mrs.get_mut(self.at) {
                Some(slot) => *slot = word,
                None if self.at < REGISTER_WORDS => crate::sys::buffer_set(self.at, word),
                None => {}
            },
            Place::Slice(words) => {
                if let Some(slot) = words.get_mut(self.at) {
                    *slot = word;
                }
            }
            Place::Window(memory) => memory.set_word(self.at, word),
            Place::Memory(words) => words.push(word),
        }
        self.at += 1;
    }
}

/// Where the words of a body are being read.
#[derive(Clone)]
enum Origin<'a> {
    Words(&'a [u64]),
    Window(&'a crate::window::SharedMemory),
}

/// Reads a body. Every length is checked against what is left before it is used.
#[derive(Clone)]
pub struct Reader<'a> {
    origin: Origin<'a>,
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    /// Of words in memory.
    pub fn words(words: &'a [u64]) -> Reader<'a> {
        Reader {
            origin: Origin::Words(words),
            at: 0,
            end: words.len(),
        }
    }

    /// Of the first `words` words of a window; `None` if it is smaller.
    pub fn window(memory: &'a crate::window::SharedMemory, words: usize) -> Option<Reader<'a>> {
        (words <= memory.len() / 8).then_some(Reader {
            origin: Origin::Window(memory),
            at: 0,
            end: words,
        })
    }

    /// Words that are left.
    pub fn remaining(&self) -> usize {
        self.end - self.at
    }

    /// `MIG_BAD_ARGUMENTS` unless everything has been read.
    pub fn finish(&self) -> Result<()> {
        if self.at == self.end {
            Ok(())
        } else {
            Err(Error::MIG_BAD_ARGUMENTS)
        }
    }

    fn byte_length(&mut self, limit: usize) -> Result<usize> {
        let length = usize::try_from(self.word()?).map_err(|_| Error::MIG_BAD_ARGUMENTS)?;
        if length > limit || words_of(length) > self.remaining() {
            return Err(Error::MIG_BAD_ARGUMENTS);
        }
        Ok(length)
    }

    /// A byte string without copying it.
    pub fn data(&mut self) -> Result<crate::Data<'a>> {
        let length = self.byte_length(usize::MAX)?;
        let at = self.at;
        self.at += words_of(length);
        Ok(match self.origin {
            Origin::Words(words) => crate::Data::from_words(&words[at..], length),
            Origin::Window(memory) => crate::Data::from_window(memory, at * 8, length),
        })
    }

    /// A byte string of at most `limit` bytes.
    pub fn bytes(&mut self, limit: usize) -> Result<alloc::vec::Vec<u8>> {
        let data = self.data()?;
        if data.len() > limit {
            return Err(Error::MIG_BAD_ARGUMENTS);
        }
        Ok(data.to_vec())
    }

    /// A string of a request.
    pub fn string(&mut self) -> Result<Cow<'a, [u8]>> {
        let start = self.at;
        let mut copy = Vec::new();
        for whole in 0..string_words(STRING_MAX) {
            let word = self.word()?;
            let end = string_end(word)?;
            match (&self.origin, end) {
                (Origin::Words(words), Some(length)) => {
                    let data = crate::Data::from_words(&words[start..], 8 * whole + length);
                    return Ok(data.into_bytes());
                }
                // Whoever shares the window may change what has been read.
                (Origin::Window(_), Some(length)) => {
                    copy.extend_from_slice(&word.to_le_bytes()[..length]);
                    return Ok(Cow::Owned(copy));
                }
                (Origin::Window(_), None) => copy.extend_from_slice(&word.to_le_bytes()),
                (Origin::Words(_), None) => {}
            }
        }
        Err(Error::MIG_BAD_ARGUMENTS)
    }

    /// A count of things of which each needs at least `words` words.
    pub fn count(&mut self, words: usize) -> Result<usize> {
        let count = usize::try_from(self.word()?).map_err(|_| Error::MIG_BAD_ARGUMENTS)?;
        match count.checked_mul(words) {
            Some(needed) if needed <= self.remaining() => Ok(count),
            _ => Err(Error::MIG_BAD_ARGUMENTS),
        }
    }

    /// An array.
    pub fn array<T: Wire>(&mut self) -> Result<alloc::vec::Vec<T>> {
        let count = self.count(T::WORDS.max(1))?;
        let mut items = alloc::vec::Vec::with_capacity(count);
        for _ in 0..count {
            items.push(T::decode(self)?);
        }
        Ok(items)
    }
}

impl Source for Reader<'_> {
    #[inline]
    fn word(&mut self) -> Result<u64> {
        if self.at >= self.end {
            return Err(Error::MIG_BAD_ARGUMENTS);
        }
        let word = match self.origin {
            Origin::Words(words) => words.get(self.at).copied(),
            Origin::Window(memory) => memory.word(self.at),
        };
        self.at += 1;
        word.ok_or(Error::MIG_BAD_ARGUMENTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_string_is_read_as_it_was_written(
            text in prop::collection::vec(1u8..=255, 0..=STRING_MAX),
            behind in any::<u64>(),
        ) {
            prop_assert_eq!(check_string(&text), Ok(()));
            let mut words = Vec::new();
            put_string(&mut words, &text);
            prop_assert_eq!(words.len(), string_words(text.len()));
            words.push(behind);
            let mut reader = Reader::words(&words);
            prop_assert_eq!(&*reader.string()?, &text[..]);
            prop_assert_eq!(reader.word(), Ok(behind));
        }

        #[test]
        fn what_cannot_travel_as_a_string_is_known(
            text in prop::collection::vec(any::<u8>(), 0..1100),
        ) {
            let fits = text.len() <= STRING_MAX && !text.contains(&0);
            prop_assert_eq!(check_string(&text).is_ok(), fits);
        }

        #[test]
        fn a_string_ends_with_zeroes_or_is_refused(
            words in prop::collection::vec(prop_oneof![0u64..1 << 20, any::<u64>()], 0..160),
        ) {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let expected = bytes.iter().position(|byte| *byte == 0).filter(|end| {
                *end <= STRING_MAX && bytes[*end..].iter().take(8 - end % 8).all(|byte| *byte == 0)
            });
            let read = Reader::words(&words).string().ok();
            prop_assert_eq!(read.as_deref(), expected.map(|end| &bytes[..end]));
        }
    }
}
