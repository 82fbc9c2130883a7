//! The state from which random bytes are made.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use core::time::Duration;

/// Fresh randomness is mixed in when this much time has passed,
const RESEED_TIME: Duration = Duration::from_secs(60);
/// or after this many streams.
const RESEED_STREAMS: u32 = 1024;

/// A ChaCha20 key that is replaced at every use, so that whoever learns it cannot tell what was made
/// before.
///
/// What is mixed in changes the key as a whole: the new key is what ChaCha20 makes with the sum of
/// the old key and the input. For somebody who does not know the old key the new one is random,
/// whatever the input; for somebody who knows it the new one is as unknown as the input.
pub struct Pool {
    key: [u8; 32],
    /// Streams since the last seed, and when that was; none before the first.
    seeded: Option<(u32, Duration)>,
}

impl Pool {
    /// Without any randomness; [`Pool::wants_seed`] says so.
    pub const fn new() -> Pool {
        Pool {
            key: [0; 32],
            seeded: None,
        }
    }

    /// Mixes in what may be known to others.
    pub fn mix(&mut self, input: &[u8]) {
        for chunk in input.chunks(self.key.len()) {
            for (byte, new) in self.key.iter_mut().zip(chunk) {
                *byte ^= new;
            }
            ChaCha20Rng::from_seed(self.key).fill_bytes(&mut self.key);
        }
    }

    /// Whether it is time for [`Pool::seed`].
    pub fn wants_seed(&self, now: Duration) -> bool {
        self.seeded.is_none_or(|(streams, at)| {
            streams >= RESEED_STREAMS || now.saturating_sub(at) >= RESEED_TIME
        })
    }

    /// Mixes in what nobody else knows.
    pub fn seed(&mut self, secret: &[u8], now: Duration) {
        self.mix(secret);
        self.seeded = Some((0, now));
    }

    /// A stream of random bytes that has nothing in common with any other.
    pub fn stream(&mut self) -> Stream {
        let mut keys = [0; 64];
        ChaCha20Rng::from_seed(self.key).fill_bytes(&mut keys);
        let (own, given) = keys.split_at(32);
        self.key.copy_from_slice(own);
        if let Some((streams, _)) = &mut self.seeded {
            *streams = streams.saturating_add(1);
        }
        let mut key = [0; 32];
        key.copy_from_slice(given);
        Stream(ChaCha20Rng::from_seed(key))
    }
}

/// Random bytes.
pub struct Stream(ChaCha20Rng);

impl Stream {
    /// The next bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(pool: &mut Pool) -> [u8; 32] {
        let mut bytes = [0; 32];
        pool.stream().fill(&mut bytes);
        bytes
    }

    #[test]
    fn streams_of_a_pool_differ() {
        let mut pool = Pool::new();
        assert_ne!(bytes(&mut pool), bytes(&mut pool));
    }

    #[test]
    fn pools_with_the_same_history_are_equal_and_any_input_parts_them() {
        let (mut one, mut other) = (Pool::new(), Pool::new());
        one.mix(b"the same");
        other.mix(b"the same");
        assert_eq!(bytes(&mut one), bytes(&mut other));
        one.mix(&[7; 100]);
        other.mix(&[[7; 99].as_slice(), &[8]].concat());
        assert_ne!(bytes(&mut one), bytes(&mut other));
    }

    #[test]
    fn no_stream_shows_the_key() {
        let mut pool = Pool::new();
        let mut shown = [0; 4096];
        pool.stream().fill(&mut shown);
        assert!(!shown.windows(32).any(|window| window == pool.key));
    }

    #[test]
    fn a_seed_is_wanted_at_first_after_a_time_and_after_much_use() {
        let mut pool = Pool::new();
        assert!(pool.wants_seed(Duration::ZERO));
        pool.seed(b"secret", Duration::ZERO);
        assert!(!pool.wants_seed(Duration::from_secs(59)));
        assert!(pool.wants_seed(Duration::from_secs(60)));
        for _ in 0..RESEED_STREAMS {
            assert!(!pool.wants_seed(Duration::ZERO));
            pool.stream();
        }
        assert!(pool.wants_seed(Duration::ZERO));
    }

    #[test]
    fn ones_and_zeroes_are_about_as_many() {
        let mut bytes = [0; 1 << 16];
        Pool::new().stream().fill(&mut bytes);
        let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
        // Half a million bits: 2000 is more than five standard deviations.
        assert!(ones.abs_diff(1 << 18) < 2000, "{ones}");
    }
}
