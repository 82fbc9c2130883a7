//! Who the process acts for.

use alloc::vec::Vec;

use interface::{auth, io, password, process};
use machuser::env::{self, init_port};
use machuser::{ReceiveRight, Right, SendRight};

use super::{descriptors, errno, initial, names, sent};
use crate::process::Ids;
use crate::{Errno, Result};

/// Where the password server is.
const PASSWORD_SERVER: &[u8] = b"/servers/password";

/// The port of the same file for this process's identity.
pub(super) fn reauthenticate(file: &SendRight) -> Result<SendRight> {
    let handle = initial(init_port::AUTH)?;
    reauthenticate_as(file, &handle)
}

fn reauthenticate_as(file: &SendRight, handle: &SendRight) -> Result<SendRight> {
    let rendezvous = ReceiveRight::allocate().map_err(errno)?;
    io::io_reauthenticate(file, Right::make_send(&rendezvous)).map_err(errno)?;
    sent(auth::auth_user_authenticate(handle, Right::make_send(&rendezvous)).map_err(errno)?)
}

pub(crate) fn ids() -> Result<Ids> {
    let handle = initial(init_port::AUTH)?;
    let (euids, auids, egids, agids) = auth::auth_getids(&*handle).map_err(errno)?;
    Ok(Ids {
        euids,
        auids,
        egids,
        agids,
    })
}

/// Makes a handle this process's, and shows it to all servers whose ports the process has.
pub(super) fn adopt(handle: SendRight) -> Result<()> {
    if let Some(proc) = env::port(init_port::PROC) {
        let rendezvous = ReceiveRight::allocate().map_err(errno)?;
        process::proc_reauthenticate(&*proc, Right::make_send(&rendezvous)).map_err(errno)?;
        let new = auth::auth_user_authenticate(&handle, Right::make_send(&rendezvous));
        let new = sent(new.map_err(errno)?)?;
        process::proc_reauthenticate_complete(&new).map_err(errno)?;
        env::set_port(init_port::PROC, Some(new)).map_err(errno)?;
    }
    for which in [init_port::CRDIR, init_port::CWDIR] {
        if let Some(port) = env::port(which) {
            let new = reauthenticate_as(&port, &handle)?;
            env::set_port(which, Some(new)).map_err(errno)?;
        }
    }
    descriptors::exchange(|port| match reauthenticate_as(port, &handle) {
        // What knows no identities stays as it is, and so does what has died.
        Err(Errno::EOPNOTSUPP | Errno::EIEIO) => Ok(port.clone()),
        result => result,
    })?;
    env::set_port(init_port::AUTH, Some(handle)).map_err(errno)
}

fn user_handle(server: &SendRight, uid: u32, secret: &[u8]) -> Result<SendRight> {
    sent(password::password_check_user(server, uid, secret).map_err(errno)?)
}

pub(crate) fn check_password(uid: u32, secret: &[u8]) -> Result<()> {
    names::ask(PASSWORD_SERVER, |server| user_handle(&server, uid, secret)).map(drop)
}

pub(crate) fn become_user(uid: u32, gids: &[u32], secret: &[u8]) -> Result<()> {
    let own = initial(init_port::AUTH)?;
    let first = *gids.first().ok_or(Errno::EINVAL)?;
    let uids = ([uid], [uid, uid]);
    if ids()?.euids.contains(&0) {
        let new = auth::auth_makeauth(&*own, Vec::new(), &uids.0, &uids.1, gids, &[first, first]);
        return adopt(sent(new.map_err(errno)?)?);
    }
    let (user, groups, allowed) = names::ask(PASSWORD_SERVER, |server| {
        let user = user_handle(&server, uid, secret)?;
        let (mut groups, mut allowed) = (Vec::new(), Vec::new());
        for &gid in gids {
            match password::password_check_group(&server, gid, secret).map_err(errno) {
                Ok(Some(group)) => {
                    groups.push(group);
                    allowed.push(gid);
                }
                Err(Errno::EIEIO) => return Err(Errno::EIEIO),
                // A group whose password is another is one that the user joins later, if at all.
                _ => {}
            }
        }
        Ok((user, groups, allowed))
    })?;
    let available: Vec<u32> = allowed
        .first()
        .map_or_else(Vec::new, |&gid| alloc::vec![gid, gid]);
    let rights = groups.into_iter().map(Right::from).collect();
    let new = auth::auth_makeauth(&user, rights, &uids.0, &uids.1, &allowed, &available);
    adopt(sent(new.map_err(errno)?)?)
}
