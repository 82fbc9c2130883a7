use alloc::vec::Vec;

use machuser::{Error, Result};

/// What a handle stands for.
///
/// Effective ids are acted for; available ids may be made effective again. By
/// convention the first effective id is the process's own, the first available id the
/// real one, the second the saved one. Order is kept, for it means something to users.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ids {
    /// Effective user ids.
    pub euids: Vec<u32>,
    /// Available user ids.
    pub auids: Vec<u32>,
    /// Effective group ids.
    pub egids: Vec<u32>,
    /// Available group ids.
    pub agids: Vec<u32>,
}

/// Most ids that a handle may have in each of its four lists.
pub const MOST_IDS: usize = 256;

impl Ids {
    /// The superuser.
    pub fn root() -> Self {
        Self {
            euids: [0].into(),
            auids: [0, 0].into(),
            egids: [0].into(),
            agids: [0, 0].into(),
        }
    }

    fn has_user(&self, id: u32) -> bool {
        self.euids.contains(&id) || self.auids.contains(&id)
    }

    fn has_group(&self, id: u32) -> bool {
        self.egids.contains(&id) || self.agids.contains(&id)
    }
}

/// The ids of a new handle, if the handles shown together allow all of them: each must be
/// effective or available in one of them, or one of them must belong to the superuser.
///
/// Errors: `EPERM`; `EINVAL` for a list of more than [`MOST_IDS`].
pub fn merge(shown: &[&Ids], wanted: Ids) -> Result<Ids> {
    let lists = [&wanted.euids, &wanted.auids, &wanted.egids, &wanted.agids];
    if lists.iter().any(|list| list.len() > MOST_IDS) {
        return Err(Error::EINVAL);
    }
    if shown.iter().any(|ids| ids.has_user(0)) {
        return Ok(wanted);
    }
    let mut users = wanted.euids.iter().chain(&wanted.auids);
    let mut groups = wanted.egids.iter().chain(&wanted.agids);
    let allowed = users.all(|&id| shown.iter().any(|ids| ids.has_user(id)))
        && groups.all(|&id| shown.iter().any(|ids| ids.has_group(id)));
    if allowed {
        Ok(wanted)
    } else {
        Err(Error::EPERM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(e: &[u32], a: &[u32], eg: &[u32], ag: &[u32]) -> Ids {
        Ids {
            euids: e.into(),
            auids: a.into(),
            egids: eg.into(),
            agids: ag.into(),
        }
    }

    #[test]
    fn what_is_shown_together_can_be_combined() {
        let alice = ids(&[1000], &[1000], &[100], &[]);
        let games = ids(&[], &[60], &[], &[61]);
        let both = ids(&[60, 1000], &[1000], &[61, 100], &[]);
        assert_eq!(merge(&[&alice, &games], both.clone()), Ok(both.clone()));
        assert_eq!(merge(&[&alice], both), Err(Error::EPERM));
    }

    #[test]
    fn a_group_id_is_no_user_id() {
        let wheel = ids(&[], &[], &[0, 5], &[0]);
        assert_eq!(
            merge(&[&wheel], ids(&[0], &[], &[], &[])),
            Err(Error::EPERM)
        );
        assert_eq!(
            merge(&[&wheel], ids(&[5], &[], &[], &[])),
            Err(Error::EPERM)
        );
        assert!(merge(&[&wheel], ids(&[], &[], &[0], &[5])).is_ok());
    }

    #[test]
    fn the_superuser_may_have_any_ids() {
        let any = ids(&[1, 2], &[3], &[4], &[5]);
        assert_eq!(merge(&[&Ids::root()], any.clone()), Ok(any.clone()));
        assert_eq!(merge(&[&ids(&[], &[0], &[], &[])], any.clone()), Ok(any));
    }

    #[test]
    fn nobody_can_become_nobody_but_nothing_else() {
        assert!(merge(&[], Ids::default()).is_ok());
        assert_eq!(merge(&[], ids(&[], &[], &[], &[7])), Err(Error::EPERM));
    }

    fn list() -> impl Strategy<Value = Vec<u32>> {
        proptest::collection::vec(0u32..6, 0..4)
    }

    fn any_ids() -> impl Strategy<Value = Ids> {
        (list(), list(), list(), list()).prop_map(|(euids, auids, egids, agids)| Ids {
            euids,
            auids,
            egids,
            agids,
        })
    }

    proptest! {
        #[test]
        fn a_handle_cannot_be_widened(
            shown in proptest::collection::vec(any_ids(), 0..3),
            wanted in any_ids(),
        ) {
            let refs: Vec<&Ids> = shown.iter().collect();
            let users: Vec<u32> =
                shown.iter().flat_map(|s| s.euids.iter().chain(&s.auids)).copied().collect();
            let groups: Vec<u32> =
                shown.iter().flat_map(|s| s.egids.iter().chain(&s.agids)).copied().collect();
            let within = wanted.euids.iter().chain(&wanted.auids).all(|id| users.contains(id))
                && wanted.egids.iter().chain(&wanted.agids).all(|id| groups.contains(id));
            let result = merge(&refs, wanted.clone());
            prop_assert_eq!(result.is_ok(), within || users.contains(&0));
            if let Ok(ids) = result { prop_assert_eq!(ids, wanted); }
        }
    }
}
