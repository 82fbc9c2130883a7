//! The ids that the holder of a port has shown.

use alloc::vec::Vec;

/// The effective ids of a user: any number of uids and gids, none for a user that is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    uids: Vec<u32>,
    gids: Vec<u32>,
}

impl User {
    /// A user with these ids.
    pub fn new(uids: Vec<u32>, gids: Vec<u32>) -> User {
        User { uids, gids }
    }

    /// A user without any id.
    pub const fn nobody() -> User {
        User { uids: Vec::new(), gids: Vec::new() }
    }

    /// The user ids.
    #[inline]
    pub fn uids(&self) -> &[u32] {
        &self.uids
    }

    /// The group ids.
    #[inline]
    pub fn gids(&self) -> &[u32] {
        &self.gids
    }

    /// Whether `uid` is among the user ids.
    #[inline]
    pub fn has_uid(&self, uid: u32) -> bool {
        self.uids.contains(&uid)
    }

    /// Whether `gid` is among the group ids.
    #[inline]
    pub fn has_gid(&self, gid: u32) -> bool {
        self.gids.contains(&gid)
    }

    /// The user with those of the wanted ids that this one has; root has all.
    pub fn restricted(&self, uids: &[u32], gids: &[u32]) -> User {
        let root = self.has_uid(0);
        User {
            uids: uids.iter().copied().filter(|&uid| root || self.has_uid(uid)).collect(),
            gids: gids.iter().copied().filter(|&gid| root || self.has_gid(gid)).collect(),
        }
    }
}
