//! A queue that readers and writers wait at.

use alloc::sync::Arc;
use alloc::vec::Vec;

use machuser::sync::{Condvar, Mutex, MutexGuard};
use machuser::{Call, Data, DataOut, Error, Result, SendRight};

use crate::queue::{ATOMIC, Extra, Kind, Queue, ReadError, Received, WriteError};

/// Small writes go through a buffer of this size.
const SMALL: usize = 64;

/// The queue, with those who wait at it.
pub struct Pipe {
    state: Mutex<State>,
    readers: Condvar,
    writers: Condvar,
}

struct State {
    queue: Queue<SendRight>,
    watchers: Vec<Arc<Watch>>,
}

/// Somebody who waits for any of several queues.
#[derive(Default)]
pub struct Watch {
    seen: Mutex<bool>,
    changed: Condvar,
}

impl Watch {
    /// Something has changed.
    pub fn tell(&self) {
        *self.seen.lock() = true;
        self.changed.notify_all();
    }

    /// Waits until one of the queues has changed since the last time, or the time is up.
    pub fn wait(&self, call: &Call<'_>, left: Option<core::time::Duration>) -> Result<()> {
        let mut seen = self.seen.lock();
        while !*seen {
            match left {
                None => seen = self.changed.wait_cancellable(seen, call)?,
                Some(left) => {
                    let (guard, result) =
                        self.changed.wait_timeout_cancellable(seen, left, call)?;
                    seen = guard;
                    if result.timed_out() {
                        break;
                    }
                }
            }
        }
        *seen = false;
        Ok(())
    }
}

/// What a write does where it would have to wait, and what travels with it.
#[derive(Default)]
pub struct Writing {
    /// Fail with `EWOULDBLOCK`.
    pub nonblocking: bool,
    /// Rights, control data, and the sender's address.
    pub extra: Extra<SendRight>,
}

impl Pipe {
    /// An empty one.
    pub fn new(kind: Kind) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                queue: Queue::new(kind),
                watchers: Vec::new(),
            }),
            readers: Condvar::new(),
            writers: Condvar::new(),
        })
    }

    #[inline]
    fn tell(state: &MutexGuard<'_, State>) {
        state.watchers.iter().for_each(|watch| watch.tell());
    }

    /// Reads. With `peek` everything stays.
    #[inline]
    pub fn read(
        &self,
        call: &Call<'_>,
        amount: usize,
        to: &mut DataOut<'_>,
        nonblocking: bool,
        peek: bool,
    ) -> Result<Received<SendRight>> {
        let most = amount.min(to.remaining());
        let mut state = self.state.lock();
        loop {
            let result = if peek {
                state
                    .queue
                    .peek(most, |piece| {
                        to.write(piece);
                    })
                    .map(|count| Received {
                        count,
                        ..Received::default()
                    })
            } else {
                state.queue.read(most, |piece| {
                    to.write(piece);
                })
            };
            match result {
                Ok(received) => {
                    Self::tell(&state);
                    drop(state);
                    self.writers.notify_all();
                    return Ok(received);
                }
                Err(ReadError::End) => return Ok(Received::default()),
                Err(ReadError::Empty) if nonblocking => return Err(Error::EWOULDBLOCK),
                Err(ReadError::Empty) => {
                    state = self.readers.wait_cancellable(state, call)?;
                }
            }
        }
    }

    /// Writes all of `data`, or what there is room for if it must not wait; what was written
    /// before an interruption counts.
    #[inline]
    pub fn write(&self, call: &Call<'_>, data: &Data<'_>, mut how: Writing) -> Result<usize> {
        if data.len() <= SMALL {
            let mut buffer = [0; SMALL];
            let count = data.copy_to(0, &mut buffer);
            return self.write_piece(call, &buffer[..count], &mut how);
        }
        self.write_large(call, data, how)
    }

    fn write_large(&self, call: &Call<'_>, data: &Data<'_>, mut how: Writing) -> Result<usize> {
        if self.state.lock().queue.kind() == Kind::Packets {
            return self.write_piece(call, &data.to_vec(), &mut how);
        }
        let mut buffer = [0; ATOMIC];
        let mut done = 0;
        while done < data.len() {
            let count = data.copy_to(done, &mut buffer);
            match self.write_piece(call, &buffer[..count], &mut how) {
                Ok(written) => done += written,
                Err(_) if done != 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    #[inline]
    fn write_piece(&self, call: &Call<'_>, bytes: &[u8], how: &mut Writing) -> Result<usize> {
        let mut state = self.state.lock();
        loop {
            match state.queue.write(bytes, &mut how.extra) {
                Ok(count) => {
                    Self::tell(&state);
                    drop(state);
                    self.readers.notify_all();
                    return Ok(count);
                }
                Err(WriteError::Broken) => return Err(Error::EPIPE),
                Err(WriteError::TooLarge) => return Err(Error::EMSGSIZE),
                Err(WriteError::Full) if how.nonblocking => return Err(Error::EWOULDBLOCK),
                Err(WriteError::Full) => {
                    state = self.writers.wait_cancellable(state, call)?;
                }
            }
        }
    }

    fn wake(&self, state: MutexGuard<'_, State>) {
        Self::tell(&state);
        drop(state);
        self.readers.notify_all();
        self.writers.notify_all();
    }

    /// Nobody will read any more.
    pub fn close_reader(&self) {
        let mut state = self.state.lock();
        let rights = state.queue.close_reader();
        self.wake(state);
        drop(rights);
    }

    /// Nobody will write any more.
    pub fn close_writer(&self) {
        let mut state = self.state.lock();
        state.queue.close_writer();
        self.wake(state);
    }

    /// Whether nobody will read any more.
    pub fn reader_closed(&self) -> bool {
        self.state.lock().queue.reader_closed()
    }

    /// Whether nobody will write any more.
    pub fn writer_closed(&self) -> bool {
        self.state.lock().queue.writer_closed()
    }

    /// Bytes that can be read at once.
    pub fn available(&self) -> usize {
        self.state.lock().queue.available().unwrap_or(0)
    }

    /// Whether a read would not wait.
    pub fn readable(&self) -> bool {
        self.state.lock().queue.readable()
    }

    /// Whether a small write would not wait.
    pub fn writable(&self) -> bool {
        self.state.lock().queue.writable(1)
    }

    /// Has `watch` told of every change from now on.
    pub fn watch(&self, watch: &Arc<Watch>) {
        self.state.lock().watchers.push(watch.clone());
    }

    /// Ends [`watch`](Self::watch).
    pub fn unwatch(&self, watch: &Arc<Watch>) {
        self.state
            .lock()
            .watchers
            .retain(|other| !Arc::ptr_eq(other, watch));
    }
}
