//! What set-user-id and set-group-id bits do to the ids of a program.

use alloc::vec::Vec;
use interface::io::mode::{S_ISGID, S_ISUID};

/// The ids of an auth handle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Effective user ids.
    pub euids: Vec<u32>,
    /// Available user ids: the real one first, then the saved one.
    pub auids: Vec<u32>,
    /// Effective group ids.
    pub egids: Vec<u32>,
    /// Available group ids.
    pub agids: Vec<u32>,
}

/// Gives a program's ids what the file's mode demands. Answers whether the program gains an id that
/// it had not, and so must be run securely; root gains nothing.
pub fn reauthenticate(mode: u32, uid: u32, gid: u32, ids: &mut Ids) -> bool {
    let had_root = ids.euids.contains(&0) || ids.auids.contains(&0);
    let mut gained = false;
    if mode & S_ISUID != 0 {
        gained |= change(uid, &mut ids.euids, &mut ids.auids);
    }
    if mode & S_ISGID != 0 {
        gained |= change(gid, &mut ids.egids, &mut ids.agids);
    }
    gained && !had_root
}

/// Makes `id` the effective and the saved id; answers whether it is a new one.
fn change(id: u32, effective: &mut Vec<u32>, available: &mut Vec<u32>) -> bool {
    let new = !effective.contains(&id) && !available.contains(&id);
    match effective.first_mut() {
        Some(first) => *first = id,
        None => effective.push(id),
    }
    match available.len() {
        0 => available.extend([id, id]),
        1 => available.push(id),
        _ => available[1] = id,
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn user() -> Ids {
        Ids {
            euids: vec![5],
            auids: vec![5, 5],
            egids: vec![6],
            agids: vec![6, 6],
        }
    }

    #[test]
    fn a_set_user_id_file_gives_its_owner_and_keeps_the_real_user() {
        let mut ids = user();
        assert!(reauthenticate(S_ISUID, 0, 0, &mut ids));
        assert_eq!((ids.euids, ids.auids), (vec![0], vec![5, 0]));
        assert_eq!(ids.egids, [6]);
    }

    #[test]
    fn an_id_that_the_program_has_anyway_is_no_gain() {
        assert!(!reauthenticate(S_ISUID | S_ISGID, 5, 6, &mut user()));
        assert!(!reauthenticate(0, 0, 0, &mut user()));
    }
}
