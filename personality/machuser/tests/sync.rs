//! Locks and threads.

use machuser::sync::{Cancel, Condvar, Mutex, Once, OnceLock, RwLock};
use machuser::{Error, thread};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How often each thread takes a lock; under Miri each time takes its time.
const ROUNDS: u32 = if cfg!(miri) { 30 } else { 5000 };

#[test]
fn a_mutex_lets_one_in_at_a_time() {
    let count = Arc::new(Mutex::new(0u64));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let count = count.clone();
            thread::spawn(move || {
                for _ in 0..ROUNDS {
                    let mut count = count.lock();
                    let seen = *count;
                    if seen.is_multiple_of(64) {
                        thread::yield_now();
                    }
                    *count = seen + 1;
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(*count.lock(), 8 * u64::from(ROUNDS));
    assert!(count.try_lock().is_some());
}

#[test]
fn readers_share_and_a_writer_is_alone() {
    let lock = Arc::new(RwLock::new((0u32, 0u32)));
    let threads: Vec<_> = (0..6)
        .map(|i| {
            let lock = lock.clone();
            thread::spawn(move || {
                for _ in 0..ROUNDS {
                    if i < 2 {
                        let mut pair = lock.write();
                        pair.0 += 1;
                        thread::yield_now();
                        pair.1 += 1;
                    } else {
                        let pair = lock.read();
                        assert_eq!(pair.0, pair.1);
                    }
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|t| t.join().expect("no torn pair was seen"));
    assert_eq!(*lock.read(), (2 * ROUNDS, 2 * ROUNDS));
}

#[test]
fn a_condition_is_waited_for_and_time_ends_the_wait() {
    let state = Arc::new((Mutex::new(false), Condvar::new()));
    let waker = state.clone();
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(10));
        *waker.0.lock() = true;
        waker.1.notify_all();
    });
    let ready = state.1.wait_while(state.0.lock(), |ready| !*ready);
    assert!(*ready);
    let (ready, result) = state.1.wait_timeout(ready, Duration::from_millis(5));
    assert!(result.timed_out() && *ready);
    drop(ready);
    thread.join().unwrap();
}

#[test]
fn a_cancelled_wait_fails_and_the_next_request_is_not_affected() {
    let state = Arc::new((Mutex::new(()), Condvar::new(), Cancel::new()));
    let waiter = state.clone();
    let thread = thread::spawn(move || {
        waiter.2.begin(16);
        let error = waiter
            .1
            .wait_cancellable(waiter.0.lock(), &waiter.2)
            .map(drop);
        let again = waiter
            .1
            .wait_cancellable(waiter.0.lock(), &waiter.2)
            .map(drop);
        waiter.2.end();
        waiter.2.begin(16);
        let timeout = Duration::from_millis(1);
        let fresh = waiter
            .1
            .wait_timeout_cancellable(waiter.0.lock(), timeout, &waiter.2);
        (error, again, fresh.map(|(_, result)| result.timed_out()))
    });
    while !state.2.cancel(Some(16)) {
        thread::yield_now();
    }
    let (error, again, fresh) = thread.join().unwrap();
    assert_eq!(
        (error, again, fresh),
        (Err(Error::EINTR), Err(Error::EINTR), Ok(true))
    );
    assert!(!state.2.cancel(Some(17)));
}

#[test]
fn something_is_done_once_and_can_be_waited_for() {
    static ONCE: Once = Once::new();
    let count = AtomicUsize::new(0);
    ONCE.call_once(|| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    ONCE.call_once(|| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let cell = Arc::new(OnceLock::new());
    let waiter = cell.clone();
    let thread = thread::spawn(move || *waiter.wait());
    thread::sleep(Duration::from_millis(5));
    assert_eq!(cell.set(5), Ok(()));
    assert_eq!(cell.set(6), Err(6));
    assert_eq!(thread.join(), Some(5));
}
