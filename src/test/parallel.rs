//! Tests that run beside each other.

use std::num::NonZero;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::Result;

/// Does `work` with each of the items, which are begun in order, as many at a time as there are
/// processors, and one more, since systems wait for time to pass, too. After an error, what has begun
/// is ended, and its error is the answer.
pub fn each<T: Send>(items: Vec<T>, work: impl Fn(T) -> Result<()> + Sync) -> Result<()> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let workers = (processors + 1).min(items.len());
    let items = Mutex::new(items.into_iter());
    let next = || locked(&items).next();
    let work = || {
        while let Some(item) = next() {
            // No other is begun after an error.
            work(item).inspect_err(|_| locked(&items).by_ref().for_each(drop))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let ends = workers.into_iter().map(|worker| match worker.join() {
            Ok(end) => end,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ends.collect()
    })
}

/// What a worker that failed left behind is whole: it is changed in one step.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn each_item_is_worked_on_once() {
        let seen = Mutex::new(Vec::new());
        let work = |item| {
            locked(&seen).push(item);
            Ok(())
        };
        each((0..100).collect(), work).expect("nothing fails");
        let mut seen = seen.into_inner().expect("nobody panicked");
        seen.sort_unstable();
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn an_error_ends_the_work_and_is_told() {
        let begun = Mutex::new(0);
        let work = |item| {
            *locked(&begun) += 1;
            if item == 0 {
                bail!("the first one fails");
            }
            thread::sleep(std::time::Duration::from_millis(20));
            Ok(())
        };
        let error = each((0..10_000).collect(), work).expect_err("one fails");
        assert_eq!(error.to_string(), "the first one fails");
        assert!(*locked(&begun) < 10_000);
    }
}
