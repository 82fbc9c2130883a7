//! Users as servers see them: the ids that the holder of a port has shown.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;
use interface::{auth, io};
use machuser::{AnyRight, AsName, Error, ReceiveRight, Result, Right, SendRight};

/// The effective ids of a user: any number of uids and gids, none for a user that is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    uids: Vec<u32>,
    gids: Vec<u32>,
}

impl User {
    /// A user with these ids. What occurs twice is kept once.
    pub fn new(mut uids: Vec<u32>, mut gids: Vec<u32>) -> User {
        remove_doubles(&mut uids);
        remove_doubles(&mut gids);
        User { uids, gids }
    }

    /// A user without any id.
    pub const fn nobody() -> User {
        User {
            uids: Vec::new(),
            gids: Vec::new(),
        }
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

    /// Whether uid 0 is among the user ids.
    #[inline]
    pub fn is_root(&self) -> bool {
        self.has_uid(0)
    }

    /// The user with those of the wanted ids that this one has; root has all
    /// (`io_restrict_auth`).
    pub fn restricted(&self, uids: &[u32], gids: &[u32]) -> User {
        let root = self.is_root();
        User::new(
            uids.iter()
                .copied()
                .filter(|&uid| root || self.has_uid(uid))
                .collect(),
            gids.iter()
                .copied()
                .filter(|&gid| root || self.has_gid(gid))
                .collect(),
        )
    }
}

fn remove_doubles(ids: &mut Vec<u32>) {
    let mut at = 0;
    while at < ids.len() {
        if ids[..at].contains(&ids[at]) {
            ids.remove(at);
        } else {
            at += 1;
        }
    }
}

/// The server's half of the exchange by which it learns who uses a port: gives `newport` to the
/// client and answers who that is, by what the auth server behind `handle` says.
///
/// The client's request for it is one-way, so nobody can be told of a failure: whatever goes wrong,
/// the port is given to a user without ids, that is, the answer is [`User::nobody`]. An interrupted
/// exchange is taken up again.
pub fn server_authenticate(
    handle: impl AsName,
    rendezvous: &SendRight,
    newport: &dyn Fn() -> Right<'static>,
) -> User {
    loop {
        match auth::auth_server_authenticate(&handle, rendezvous, newport()) {
            Ok((euids, _, egids, _)) => return User::new(euids, egids),
            Err(error) if error.is_interrupted() => {}
            Err(_) => return User::nobody(),
        }
    }
}

/// The client's half of the exchange: answers the port that the server behind `port` gives to the
/// user behind `handle`.
pub fn reauthenticate(port: impl AsName, handle: impl AsName) -> Result<SendRight> {
    let rendezvous = ReceiveRight::allocate()?;
    io::io_reauthenticate(port, Right::make_send(&rendezvous))?;
    let new = auth::auth_user_authenticate(handle, Right::make_send(&rendezvous))?;
    new.ok_or(Error::EIO)
}

/// Answers an `io_select` whose reply right was kept. A client that is gone is nobody's loss.
pub fn answer_select(reply: AnyRight, result: Result<i32>) {
    let _ = io::reply_io_select(reply, result);
}
