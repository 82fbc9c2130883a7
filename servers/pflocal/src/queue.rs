//! One direction of a pipe or a connected socket, or the inbox of a datagram socket.
//!
//! A pure state machine: it says that a reader or a writer must wait, and whoever drives it
//! waits. Rights that travel with the bytes are opaque to it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Bytes that a queue holds before writers wait.
pub const LIMIT: usize = 64 << 10;
/// A write of at most this many bytes is not divided (`PIPE_BUF`).
pub const ATOMIC: usize = 4096;
/// Rights that a queue holds before writers wait.
pub const RIGHTS_LIMIT: usize = 256;

/// Whether the bytes of two writes stay apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A stream of bytes.
    Stream,
    /// Packets: what a read does not take of one is lost.
    Packets,
}

/// Why a write took nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteError {
    /// It must wait for readers.
    Full,
    /// Nobody will read any more (`EPIPE`).
    Broken,
    /// The packet is larger than the queue (`EMSGSIZE`).
    TooLarge,
}

/// Why a read got nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadError {
    /// It must wait for writers.
    Empty,
    /// Nobody will write any more: the end of file.
    End,
}

/// What came with the bytes of a read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received<R> {
    /// Bytes read.
    pub count: usize,
    /// Rights that were sent with them.
    pub rights: Vec<R>,
    /// Control data that was sent with them.
    pub control: Vec<u8>,
    /// The sender's address, if it told one.
    pub source: Option<R>,
    /// Part of the packet did not fit and is lost.
    pub truncated: bool,
}

impl<R> Default for Received<R> {
    fn default() -> Self {
        Self {
            count: 0,
            rights: Vec::new(),
            control: Vec::new(),
            source: None,
            truncated: false,
        }
    }
}

/// What travels beside bytes, from some byte on; for packets also where one begins.
#[derive(Clone, Debug)]
struct Mark<R> {
    /// Count of all bytes ever written before it.
    at: u64,
    /// Bytes of the packet; 0 in a stream.
    len: usize,
    rights: Vec<R>,
    control: Vec<u8>,
    source: Option<R>,
}

/// What a write carries.
#[derive(Clone, Debug)]
pub struct Extra<R> {
    /// Rights.
    pub rights: Vec<R>,
    /// Control data.
    pub control: Vec<u8>,
    /// The sender's address.
    pub source: Option<R>,
}

impl<R> Default for Extra<R> {
    fn default() -> Self {
        Self {
            rights: Vec::new(),
            control: Vec::new(),
            source: None,
        }
    }
}

impl<R> Extra<R> {
    fn is_empty(&self) -> bool {
        self.rights.is_empty() && self.control.is_empty() && self.source.is_none()
    }
}

/// The queue.
#[derive(Clone, Debug)]
pub struct Queue<R> {
    kind: Kind,
    bytes: VecDeque<u8>,
    marks: VecDeque<Mark<R>>,
    rights: usize,
    taken: u64,
    no_reader: bool,
    no_writer: bool,
}

impl<R> Queue<R> {
    /// An empty queue with both ends open.
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            bytes: VecDeque::new(),
            marks: VecDeque::new(),
            rights: 0,
            taken: 0,
            no_reader: false,
            no_writer: false,
        }
    }

    /// The kind.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Nobody will read any more; what is queued is dropped and returned.
    pub fn close_reader(&mut self) -> Vec<R> {
        self.no_reader = true;
        self.bytes = VecDeque::new();
        self.rights = 0;
        let marks = core::mem::take(&mut self.marks);
        marks
            .into_iter()
            .flat_map(|mark| mark.rights.into_iter().chain(mark.source))
            .collect()
    }

    /// Nobody will write any more.
    pub fn close_writer(&mut self) {
        self.no_writer = true;
    }

    /// Whether nobody will read any more.
    pub const fn reader_closed(&self) -> bool {
        self.no_reader
    }

    /// Whether nobody will write any more.
    pub const fn writer_closed(&self) -> bool {
        self.no_writer
    }

    fn room(&self) -> usize {
        // A packet costs something even if it is empty.
        let overhead = match self.kind {
            Kind::Stream => 0,
            Kind::Packets => self.marks.len() * 16,
        };
        if self.rights >= RIGHTS_LIMIT {
            0
        } else {
            LIMIT.saturating_sub(self.bytes.len() + overhead)
        }
    }

    /// Whether a write of `len` bytes would get an answer at once.
    pub fn writable(&self, len: usize) -> bool {
        let need = match self.kind {
            Kind::Stream => len.clamp(1, ATOMIC),
            Kind::Packets => len + 16,
        };
        self.no_reader || self.room() >= need.min(LIMIT)
    }

    /// Whether a read would get an answer at once.
    pub fn readable(&self) -> bool {
        self.available().is_some() || self.no_writer || self.no_reader
    }

    /// Bytes that a read could get at once; `None` if there is nothing, not even an empty packet.
    pub fn available(&self) -> Option<usize> {
        match self.kind {
            Kind::Stream => (!self.bytes.is_empty()).then_some(self.bytes.len()),
            Kind::Packets => self.marks.front().map(|mark| mark.len),
        }
    }

    /// Writes; `extra` is taken if any byte is. Returns how many bytes.
    pub fn write(&mut self, data: &[u8], extra: &mut Extra<R>) -> Result<usize, WriteError> {
        if self.no_reader {
            return Err(WriteError::Broken);
        }
        let room = self.room();
        let count = match self.kind {
            Kind::Packets if data.len() + 16 > LIMIT => return Err(WriteError::TooLarge),
            Kind::Packets if data.len() + 16 > room => return Err(WriteError::Full),
            Kind::Packets => data.len(),
            Kind::Stream if data.is_empty() => return Ok(0),
            Kind::Stream if room < data.len().min(ATOMIC) => return Err(WriteError::Full),
            Kind::Stream => data.len().min(room),
        };
        if self.kind == Kind::Packets || !extra.is_empty() {
            self.rights += extra.rights.len();
            self.marks.push_back(Mark {
                at: self.taken + self.bytes.len() as u64,
                len: if self.kind == Kind::Packets { count } else { 0 },
                rights: core::mem::take(&mut extra.rights),
                control: core::mem::take(&mut extra.control),
                source: extra.source.take(),
            });
        }
        self.bytes.extend(&data[..count]);
        Ok(count)
    }

    /// How many bytes a read of at most `most` gets now.
    fn extent(&self, most: usize) -> usize {
        match self.kind {
            Kind::Packets => self.marks.front().map_or(0, |mark| mark.len.min(most)),
            Kind::Stream => {
                // Bytes from before a mark and from behind it are not read together.
                let next = self
                    .marks
                    .iter()
                    .map(|mark| mark.at)
                    .find(|at| *at > self.taken);
                let until = next.map_or(self.bytes.len(), |at| (at - self.taken) as usize);
                self.bytes.len().min(until).min(most)
            }
        }
    }

    /// Reads at most `most` bytes, in one or two pieces given to `take`.
    pub fn read(&mut self, most: usize, take: impl FnMut(&[u8])) -> Result<Received<R>, ReadError> {
        if self.no_reader {
            return Err(ReadError::End);
        }
        let Some(available) = self.available() else {
            return Err(if self.no_writer {
                ReadError::End
            } else {
                ReadError::Empty
            });
        };
        let count = self.extent(most);
        self.give(count, take);
        let mut received = Received {
            count,
            ..Received::default()
        };
        let gone = match self.kind {
            Kind::Packets => available,
            Kind::Stream => count,
        };
        received.truncated = gone > count;
        let due = self.marks.front().is_some_and(|mark| mark.at <= self.taken);
        if due
            && (count > 0 || self.kind == Kind::Packets)
            && let Some(mark) = self.marks.pop_front()
        {
            self.rights -= mark.rights.len();
            received.rights = mark.rights;
            received.control = mark.control;
            received.source = mark.source;
        }
        self.bytes.drain(..gone);
        self.taken += gone as u64;
        Ok(received)
    }

    /// As [`read`](Self::read), but leaves everything in the queue, and tells of no rights.
    pub fn peek(&self, most: usize, take: impl FnMut(&[u8])) -> Result<usize, ReadError> {
        if self.no_reader || (self.available().is_none() && self.no_writer) {
            return Err(ReadError::End);
        }
        self.available().ok_or(ReadError::Empty)?;
        let count = self.extent(most);
        self.give(count, take);
        Ok(count)
    }

    fn give(&self, count: usize, mut take: impl FnMut(&[u8])) {
        let (first, second) = self.bytes.as_slices();
        let one = count.min(first.len());
        take(&first[..one]);
        if count > one {
            take(&second[..count - one]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    type Q = Queue<u32>;

    fn write(q: &mut Q, data: &[u8]) -> Result<usize, WriteError> {
        q.write(data, &mut Extra::default())
    }

    fn read(q: &mut Q, most: usize) -> Result<Vec<u8>, ReadError> {
        let mut out = vec![];
        q.read(most, |piece| out.extend_from_slice(piece))
            .map(|received| {
                assert_eq!(received.count, out.len());
                out
            })
    }

    #[test]
    fn a_stream_forgets_how_it_was_written() {
        let mut q = Q::new(Kind::Stream);
        write(&mut q, b"ab").unwrap();
        write(&mut q, b"cd").unwrap();
        assert_eq!(q.peek(3, |_| {}), Ok(3));
        assert_eq!(read(&mut q, 3), Ok(b"abc".to_vec()));
        assert_eq!(read(&mut q, 3), Ok(b"d".to_vec()));
        assert_eq!(read(&mut q, 3), Err(ReadError::Empty));
    }

    #[test]
    fn packets_stay_apart_and_lose_what_is_not_taken() {
        let mut q = Q::new(Kind::Packets);
        write(&mut q, b"abc").unwrap();
        write(&mut q, b"").unwrap();
        write(&mut q, b"d").unwrap();
        let received = q.read(2, |_| {}).unwrap();
        assert_eq!((received.count, received.truncated), (2, true));
        assert_eq!(read(&mut q, 9), Ok(vec![]));
        assert_eq!(read(&mut q, 9), Ok(b"d".to_vec()));
        assert_eq!(write(&mut q, &[0; LIMIT]), Err(WriteError::TooLarge));
    }

    #[test]
    fn the_end_comes_after_what_was_written() {
        let mut q = Q::new(Kind::Stream);
        write(&mut q, b"x").unwrap();
        q.close_writer();
        assert!(q.readable());
        assert_eq!(read(&mut q, 9), Ok(b"x".to_vec()));
        assert_eq!(read(&mut q, 9), Err(ReadError::End));
    }

    #[test]
    fn writing_to_nobody_is_an_error() {
        let mut q = Q::new(Kind::Stream);
        q.write(
            b"x",
            &mut Extra {
                rights: vec![7],
                ..Extra::default()
            },
        )
        .unwrap();
        assert_eq!(q.close_reader(), [7]);
        assert_eq!(write(&mut q, b"x"), Err(WriteError::Broken));
        assert!(q.writable(1));
    }

    #[test]
    fn small_writes_are_not_divided_and_large_ones_are() {
        let mut q = Q::new(Kind::Stream);
        assert_eq!(write(&mut q, &[1; LIMIT - 10]), Ok(LIMIT - 10));
        assert!(!q.writable(11));
        assert_eq!(write(&mut q, &[2; 11]), Err(WriteError::Full));
        assert_eq!(write(&mut q, &[2; 10]), Ok(10));
        read(&mut q, ATOMIC).unwrap();
        assert_eq!(write(&mut q, &[3; LIMIT]), Ok(ATOMIC));
    }

    #[test]
    fn rights_arrive_with_the_first_byte_they_were_sent_with() {
        let mut q = Q::new(Kind::Stream);
        write(&mut q, b"ab").unwrap();
        q.write(
            b"cd",
            &mut Extra {
                rights: vec![1, 2],
                ..Extra::default()
            },
        )
        .unwrap();
        q.write(
            b"ef",
            &mut Extra {
                rights: vec![3],
                ..Extra::default()
            },
        )
        .unwrap();
        assert_eq!(
            q.read(9, |_| {}).map(|r| (r.count, r.rights)),
            Ok((2, vec![]))
        );
        assert_eq!(
            q.read(1, |_| {}).map(|r| (r.count, r.rights)),
            Ok((1, vec![1, 2]))
        );
        assert_eq!(
            q.read(9, |_| {}).map(|r| (r.count, r.rights)),
            Ok((1, vec![]))
        );
        assert_eq!(
            q.read(9, |_| {}).map(|r| (r.count, r.rights)),
            Ok((2, vec![3]))
        );
    }

    #[test]
    fn a_queue_full_of_rights_makes_writers_wait() {
        let mut q = Q::new(Kind::Stream);
        let mut extra = Extra {
            rights: vec![1; RIGHTS_LIMIT],
            ..Extra::default()
        };
        q.write(b"a", &mut extra).unwrap();
        assert_eq!(write(&mut q, b"b"), Err(WriteError::Full));
        read(&mut q, 1).unwrap();
        assert_eq!(write(&mut q, b"b"), Ok(1));
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_or_invented(steps in proptest::collection::vec((any::<bool>(), 0usize..9000), 0..60)) {
            let mut q = Q::new(Kind::Stream);
            let (mut sent, mut got) = (0u32, 0u32);
            for (is_write, amount) in steps {
                if is_write {
                    let data: Vec<u8> = (0..amount as u32).map(|i| (sent + i) as u8).collect();
                    if let Ok(count) = write(&mut q, &data) { sent += count as u32; }
                } else if let Ok(data) = read(&mut q, amount) {
                    for byte in data {
                        prop_assert_eq!(byte, got as u8);
                        got += 1;
                    }
                }
                prop_assert_eq!(q.available().unwrap_or(0) as u32, sent - got);
            }
        }

        #[test]
        fn packets_come_whole_and_in_order(sizes in proptest::collection::vec(0usize..3000, 1..30)) {
            let mut q = Q::new(Kind::Packets);
            let mut taken = vec![];
            for &size in &sizes {
                if write(&mut q, &vec![0; size]).is_ok() { taken.push(size); }
            }
            for size in taken {
                prop_assert_eq!(read(&mut q, 5000).map(|d| d.len()), Ok(size));
            }
        }
    }
}
