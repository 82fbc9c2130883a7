//! Makes guessing slow.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::time::Duration;
use machuser::sync::{Condvar, Mutex};
use machuser::{Call, Error, Result, clock};

/// Callers that are remembered, at most.
const MOST_CALLERS: usize = 1024;
/// Requests of one caller that wait, at most.
const MOST_WAITING: usize = 4;

/// What one caller has tried.
#[derive(Default)]
struct Caller {
    /// When all its failures so far are paid for.
    paid: Duration,
    /// Whether one of its passwords is being compared.
    busy: bool,
    /// Its requests that wait.
    waiting: usize,
}

impl Caller {
    fn is_forgettable(&self, now: Duration) -> bool {
        !self.busy && self.waiting == 0 && self.paid <= now
    }
}

/// Bounds how often a caller may fail, however many connections and threads she has: one password
/// of hers is compared at a time, and each failure costs an interval, of which a few may be owed.
/// Right passwords cost nothing.
///
/// A caller is whoever has a certain user id. All callers without ids are one; so nobody can hide in
/// a crowd, and nobody can slow root's own logins down.
pub struct Limiter {
    interval: Duration,
    free: u32,
    callers: Mutex<BTreeMap<Option<u32>, Caller>>,
    changed: Condvar,
}

impl Limiter {
    /// After `free` failures, one in each `interval`.
    pub const fn new(free: u32, interval: Duration) -> Limiter {
        Limiter {
            interval,
            free,
            callers: Mutex::new(BTreeMap::new()),
            changed: Condvar::new(),
        }
    }

    /// Waits until the caller of these user ids may try. The try counts as failed unless
    /// [`Turn::succeeded`] is called.
    ///
    /// # Errors
    /// `EAGAIN` if too many of her requests wait already, or too many callers are in debt; `EINTR`
    /// if the request is cancelled.
    pub fn enter(self: &Arc<Self>, call: &Call<'_>, uids: &[u32]) -> Result<Turn> {
        let key = key(uids);
        let mut callers = self.callers.lock();
        let now = clock::now();
        if callers.len() >= MOST_CALLERS && !callers.contains_key(&key) {
            callers.retain(|_, caller| !caller.is_forgettable(now));
            if callers.len() >= MOST_CALLERS {
                return Err(Error::EAGAIN);
            }
        }
        let caller = callers.entry(key).or_default();
        if caller.waiting >= MOST_WAITING {
            return Err(Error::EAGAIN);
        }
        caller.waiting += 1;
        loop {
            let now = clock::now();
            let caller = callers.entry(key).or_default();
            let owed = caller.paid.saturating_sub(now);
            let wait = owed.saturating_sub(self.interval * self.free.saturating_sub(1));
            if !caller.busy && wait.is_zero() {
                caller.waiting -= 1;
                caller.busy = true;
                caller.paid = caller.paid.max(now) + self.interval;
                return Ok(Turn {
                    limiter: self.clone(),
                    key,
                });
            }
            let waited = if caller.busy {
                self.changed.wait_cancellable(callers, call)
            } else {
                self.changed
                    .wait_timeout_cancellable(callers, wait, call)
                    .map(|(callers, _)| callers)
            };
            callers = match waited {
                Ok(callers) => callers,
                Err(error) => {
                    let mut callers = self.callers.lock();
                    callers.entry(key).or_default().waiting -= 1;
                    return Err(error);
                }
            };
        }
    }
}

/// Who a caller is: her least id, so that leaving some out does not make many callers of one.
fn key(uids: &[u32]) -> Option<u32> {
    uids.iter().copied().min()
}

/// The right to try one password.
#[must_use]
pub struct Turn {
    limiter: Arc<Limiter>,
    key: Option<u32>,
}

impl Turn {
    /// It was no failure.
    pub fn succeeded(self) {
        let mut callers = self.limiter.callers.lock();
        let caller = callers.entry(self.key).or_default();
        caller.paid = caller.paid.saturating_sub(self.limiter.interval);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut callers = self.limiter.callers.lock();
        callers.entry(self.key).or_default().busy = false;
        drop(callers);
        self.limiter.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;
    use std::vec::Vec;

    fn limiter(free: u32, interval: u64) -> Arc<Limiter> {
        Arc::new(Limiter::new(free, Duration::from_millis(interval)))
    }

    fn fail(limiter: &Arc<Limiter>, uids: &[u32]) {
        drop(limiter.enter(&Call::direct(0), uids).unwrap());
    }

    #[test]
    fn the_first_failures_are_free_and_the_next_wait() {
        let limiter = limiter(3, 100);
        let start = Instant::now();
        for _ in 0..3 {
            fail(&limiter, &[5]);
        }
        fail(&limiter, &[5]);
        fail(&limiter, &[5]);
        assert!(
            start.elapsed() >= Duration::from_millis(195),
            "{:?}",
            start.elapsed()
        );
    }

    #[test]
    fn successes_are_free() {
        let limiter = limiter(1, 3_600_000);
        for _ in 0..100 {
            limiter.enter(&Call::direct(0), &[5]).unwrap().succeeded();
        }
    }

    #[test]
    fn one_caller_does_not_slow_another_down_and_cannot_be_two() {
        let limiter = limiter(1, 3_600_000);
        // Each of them would wait an hour if it were taken for one before.
        for caller in [&[5, 9][..], &[0], &[], &[6]] {
            fail(&limiter, caller);
        }
        assert_eq!(key(&[9, 7, 5]), key(&[5, 9]));
    }

    #[test]
    fn many_connections_wait_in_one_line_whose_length_is_bounded() {
        let limiter = limiter(1, 50);
        fail(&limiter, &[5]);
        let start = Instant::now();
        let threads: Vec<_> = (0..20)
            .map(|_| {
                let limiter = limiter.clone();
                std::thread::spawn(move || limiter.enter(&Call::direct(0), &[5]).map(drop))
            })
            .collect();
        let results: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        let admitted = results.iter().filter(|result| result.is_ok()).count();
        assert!(
            results
                .iter()
                .all(|result| matches!(result, Ok(()) | Err(Error::EAGAIN)))
        );
        assert!(admitted >= MOST_WAITING);
        assert!(
            start.elapsed()
                >= Duration::from_millis(50) * admitted as u32 - Duration::from_millis(5)
        );
        assert_eq!(limiter.callers.lock()[&Some(5)].waiting, 0);
    }

    #[test]
    fn callers_who_owe_nothing_are_forgotten() {
        let limiter = limiter(1, 1);
        for uid in 0..3 * MOST_CALLERS as u32 {
            if (uid as usize).is_multiple_of(MOST_CALLERS) {
                std::thread::sleep(Duration::from_millis(5));
            }
            limiter.enter(&Call::direct(0), &[uid]).unwrap().succeeded();
        }
        assert!(limiter.callers.lock().len() <= MOST_CALLERS);
    }
}
