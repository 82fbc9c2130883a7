//! Locks on ranges of a file: whole-file locks and record locks share one list.

use alloc::vec::Vec;

/// Whether others may hold the same range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any number of owners may.
    Shared,
    /// Nobody else may.
    Exclusive,
}

/// A locked range of bytes, the end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Who holds it.
    pub owner: u64,
    /// Its kind.
    pub kind: Kind,
    /// The first byte.
    pub start: u64,
    /// Behind the last byte; `u64::MAX` for all there may ever be.
    pub end: u64,
}

/// The locks of one file. Ranges of one owner never overlap.
#[derive(Debug, Default)]
pub struct Locks {
    held: Vec<Lock>,
}

impl Locks {
    /// The first lock that another owner holds against `wanted`.
    pub fn conflict(&self, wanted: &Lock) -> Option<Lock> {
        self.held
            .iter()
            .filter(|held| {
                held.owner != wanted.owner
                    && held.start < wanted.end
                    && wanted.start < held.end
                    && (held.kind == Kind::Exclusive || wanted.kind == Kind::Exclusive)
            })
            .min_by_key(|held| held.start)
            .copied()
    }

    /// Takes the lock; what the owner held of the range changes its kind. Answers whether it
    /// could, that is, whether nothing is in conflict.
    pub fn take(&mut self, wanted: Lock) -> bool {
        if self.conflict(&wanted).is_some() {
            return false;
        }
        self.release(wanted.owner, wanted.start, wanted.end);
        let mut wanted = wanted;
        self.held.retain(|held| {
            let joins = held.owner == wanted.owner
                && held.kind == wanted.kind
                && (held.end == wanted.start || held.start == wanted.end);
            if joins {
                wanted.start = wanted.start.min(held.start);
                wanted.end = wanted.end.max(held.end);
            }
            !joins
        });
        self.held.push(wanted);
        true
    }

    /// Gives up what the owner holds of the range. Answers whether that was anything.
    pub fn release(&mut self, owner: u64, start: u64, end: u64) -> bool {
        let mut released = false;
        let mut rests = Vec::new();
        self.held.retain(|held| {
            if held.owner != owner || held.end <= start || end <= held.start {
                return true;
            }
            released = true;
            if held.start < start {
                rests.push(Lock {
                    end: start,
                    ..*held
                });
            }
            if end < held.end {
                rests.push(Lock {
                    start: end,
                    ..*held
                });
            }
            false
        });
        self.held.append(&mut rests);
        released
    }

    /// Gives up all that the owner holds. Answers whether that was anything.
    pub fn release_all(&mut self, owner: u64) -> bool {
        self.release(owner, 0, u64::MAX)
    }

    /// The strongest lock that the owner holds anywhere.
    pub fn own(&self, owner: u64) -> Option<Kind> {
        strongest(self.held.iter().filter(|held| held.owner == owner))
    }

    /// The strongest lock that anybody but the owner holds anywhere.
    pub fn others(&self, owner: u64) -> Option<Kind> {
        strongest(self.held.iter().filter(|held| held.owner != owner))
    }

    /// How many ranges the owner holds.
    pub fn count(&self, owner: u64) -> usize {
        self.held.iter().filter(|held| held.owner == owner).count()
    }
}

fn strongest<'a>(locks: impl Iterator<Item = &'a Lock>) -> Option<Kind> {
    locks
        .map(|lock| lock.kind)
        .max_by_key(|kind| *kind == Kind::Exclusive)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(owner: u64, kind: Kind, start: u64, end: u64) -> Lock {
        Lock {
            owner,
            kind,
            start,
            end,
        }
    }

    #[test]
    fn shared_locks_coexist_and_exclusive_ones_do_not() {
        let mut locks = Locks::default();
        assert!(locks.take(lock(1, Kind::Shared, 0, 100)));
        assert!(locks.take(lock(2, Kind::Shared, 50, 60)));
        assert!(!locks.take(lock(3, Kind::Exclusive, 99, 200)));
        assert!(locks.take(lock(3, Kind::Exclusive, 100, 200)));
        assert_eq!(locks.own(3), Some(Kind::Exclusive));
        assert_eq!(locks.others(3), Some(Kind::Shared));
    }

    #[test]
    fn releasing_the_middle_leaves_both_ends() {
        let mut locks = Locks::default();
        assert!(locks.take(lock(1, Kind::Exclusive, 0, 100)));
        assert!(locks.release(1, 40, 60));
        assert!(locks.take(lock(2, Kind::Exclusive, 40, 60)));
        assert!(locks.conflict(&lock(2, Kind::Shared, 0, 41)).is_some());
        assert!(locks.conflict(&lock(2, Kind::Shared, 59, 61)).is_some());
        assert!(locks.release_all(1));
        assert!(!locks.release_all(1));
        assert!(
            locks
                .conflict(&lock(2, Kind::Exclusive, 0, u64::MAX))
                .is_none()
        );
    }

    #[test]
    fn neighbours_of_one_owner_join() {
        let mut locks = Locks::default();
        for start in 0..50 {
            assert!(locks.take(lock(1, Kind::Shared, start * 2, start * 2 + 2)));
        }
        assert_eq!(locks.count(1), 1);
    }

    #[test]
    fn an_owner_changes_the_kind_of_what_it_holds() {
        let mut locks = Locks::default();
        assert!(locks.take(lock(1, Kind::Exclusive, 0, 10)));
        assert!(locks.take(lock(1, Kind::Shared, 0, 10)));
        assert!(locks.take(lock(2, Kind::Shared, 0, 10)));
        assert!(!locks.take(lock(1, Kind::Exclusive, 0, 10)));
        assert_eq!(locks.own(1), Some(Kind::Shared));
    }
}
