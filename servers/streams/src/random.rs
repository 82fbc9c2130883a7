use crate::pool::{Pool, Stream};
use crate::{BOTH, set_size};
use interface::io::{StatBuf, fstype};
use machuser::sync::Mutex;
use machuser::{Data, DataOut, MAX_BULK, Result, clock, sys};
use trivfs::{Node, Open};

/// Bytes handled at a time.
const PIECE: usize = 1024;

/// `/dev/random` and `/dev/urandom`: random bytes without end, and without waiting. What is written
/// is mixed in.
///
/// The system's own randomness is mixed in at the first use and again and again.
pub struct Random {
    pool: Mutex<Pool>,
}

impl Default for Random {
    fn default() -> Self {
        Random {
            pool: Mutex::new(Pool::new()),
        }
    }
}

impl Random {
    fn stream(&self) -> Stream {
        let mut pool = self.pool.lock();
        let now = clock::now();
        if pool.wants_seed(now) {
            let mut secret = [0; 40];
            for part in secret[..32].chunks_exact_mut(8) {
                part.copy_from_slice(&sys::random().to_le_bytes());
            }
            // When it is asked for is hard to tell for others, too.
            secret[32..].copy_from_slice(&(now.as_nanos() as u64).to_le_bytes());
            pool.seed(&secret, now);
        }
        pool.stream()
    }
}

impl Node for Random {
    type State = ();
    const ALLOW_OPEN: i32 = BOTH;
    const FSTYPE: i32 = fstype::DEV;

    fn stat(&self, _: &mut StatBuf) {}

    fn read(&self, _: &Open<'_, Self>, _: u64, amount: usize, to: &mut DataOut<'_>) -> Result<()> {
        let mut stream = self.stream();
        let mut left = amount;
        let mut piece = [0; PIECE];
        while left > 0 {
            let piece = &mut piece[..left.min(PIECE)];
            stream.fill(piece);
            if to.write(piece) < piece.len() {
                break;
            }
            left -= piece.len();
        }
        Ok(())
    }

    fn write(&self, _: &Open<'_, Self>, _: u64, data: Data<'_>) -> Result<usize> {
        let mut piece = [0; PIECE];
        let mut done = 0;
        while done < data.len() {
            let count = data.copy_to(done, &mut piece);
            // The lock is given up in between: nobody waits for a long write.
            self.pool.lock().mix(&piece[..count]);
            done += count;
        }
        Ok(done)
    }

    fn readable(&self, _: &Open<'_, Self>, _: u64) -> Result<usize> {
        Ok(MAX_BULK)
    }

    fn set_size(&self, _: &Open<'_, Self>, size: u64) -> Result<()> {
        set_size(size)
    }
}
