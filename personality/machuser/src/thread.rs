//! Threads, in the shape of `std::thread`.

use crate::Result;
use crate::sync::Mutex;
use crate::sys;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

struct Packet<T> {
    done: AtomicU32,
    result: Mutex<Option<T>>,
}

/// A thread to be waited for.
pub struct JoinHandle<T>(Arc<Packet<T>>);

impl<T> JoinHandle<T> {
    /// Waits for the end of the thread; `None` if it ended without a result.
    pub fn join(self) -> Option<T> {
        while self.0.done.load(Ordering::Acquire) == 0 {
            sys::gsync_wait(&self.0.done, 0, None);
        }
        self.0.result.lock().take()
    }

    /// Whether the thread has ended.
    pub fn is_finished(&self) -> bool {
        self.0.done.load(Ordering::Acquire) != 0
    }
}

/// Says that the thread is over, however it ends.
struct Finish<T>(Arc<Packet<T>>);

impl<T> Drop for Finish<T> {
    fn drop(&mut self) {
        self.0.done.store(1, Ordering::Release);
        sys::gsync_wake(&self.0.done, true);
    }
}

/// Starts a thread. Fails when the task's account allows no more.
pub fn try_spawn<T: Send + 'static>(
    f: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    let packet = Arc::new(Packet {
        done: AtomicU32::new(0),
        result: Mutex::new(None),
    });
    let finish = Finish(packet.clone());
    sys::thread_spawn(Box::new(move || {
        let value = f();
        *finish.0.result.lock() = Some(value);
    }))?;
    Ok(JoinHandle(packet))
}

/// Starts a thread.
///
/// # Panics
/// When the system refuses; [`try_spawn`] answers the error.
pub fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    try_spawn(f).expect("no thread could be started")
}

/// Lets other threads run.
pub fn yield_now() {
    sys::yield_now();
}

/// Waits for at least `duration`.
pub fn sleep(duration: Duration) {
    let nobody = AtomicU32::new(0);
    let end = sys::now().saturating_add(duration);
    loop {
        let left = end.saturating_sub(sys::now());
        if left.is_zero() {
            return;
        }
        sys::gsync_wait(&nobody, 0, Some(left));
    }
}

/// Number of the calling thread in the system.
pub fn number() -> u32 {
    sys::thread_number()
}
