//! `id [-G | -g | -u] [-n]`: who the process acts for.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use posix::getopt::Options;
use posix::io::{Output, decimal, usage, warn};
use posix::process::{self, Ids};
use posix::users;

const SYNOPSIS: &str = "[-G | -g | -u] [-n] [user]";

posix::main!(program);

fn user_name(uid: u32) -> Option<Vec<u8>> {
    users::users()
        .into_iter()
        .find(|user| user.uid == uid)
        .map(|user| user.name)
}

fn group_name(gid: u32) -> Option<Vec<u8>> {
    users::groups()
        .into_iter()
        .find(|group| group.gid == gid)
        .map(|group| group.name)
}

fn number(id: u32) -> Vec<u8> {
    decimal(id.into(), &mut [0; 20]).to_vec()
}

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "Ggunr");
    let (mut which, mut names) = (None, false);
    for option in &mut options {
        match option.map(|option| option.letter) {
            Ok(letter @ (b'G' | b'g' | b'u')) => which = Some(letter),
            Ok(letter) => names |= letter == b'n',
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    let ids = match options.operands() {
        [] => match process::ids() {
            Ok(ids) => ids,
            Err(error) => {
                warn(b"identity", error);
                return 1;
            }
        },
        [name] => match users::users().into_iter().find(|user| user.name == *name) {
            Some(user) => Ids {
                euids: Vec::from([user.uid]),
                egids: users::groups_of(&user),
                ..Ids::default()
            },
            None => {
                posix::io::complain(&[name, b": no such user"]);
                return 1;
            }
        },
        _ => return usage(SYNOPSIS),
    };
    let show = |id: u32, name: Option<Vec<u8>>| match name {
        Some(name) if names => name,
        _ => number(id),
    };
    let full = |id: u32, name: Option<Vec<u8>>| match name {
        Some(name) => [&number(id)[..], b"(", &name, b")"].concat(),
        None => number(id),
    };
    let users: Vec<Vec<u8>> = ids
        .euids
        .iter()
        .map(|&id| show(id, user_name(id)))
        .collect();
    let groups: Vec<Vec<u8>> = ids
        .egids
        .iter()
        .map(|&id| show(id, group_name(id)))
        .collect();
    let mut out = Output::stdout();
    match which {
        Some(b'u') => out.put(users.first().map_or(b"", Vec::as_slice)),
        Some(b'g') => out.put(groups.first().map_or(b"", Vec::as_slice)),
        Some(_) => out.put(&groups.join(&b' ')),
        None => {
            // On the Hurd there may be any number of user ids, also none.
            let all = |list: &[u32], name: fn(u32) -> Option<Vec<u8>>| -> Vec<Vec<u8>> {
                list.iter().map(|&id| full(id, name(id))).collect()
            };
            let users = all(&ids.euids, user_name);
            let groups = all(&ids.egids, group_name);
            out.put(b"uid=");
            out.put(&users.join(&b','));
            out.put(b" gid=");
            out.put(groups.first().map_or(b"", Vec::as_slice));
            out.put(b" groups=");
            out.put(&groups.join(&b','));
        }
    }
    out.byte(b'\n');
    out.finish(0)
}
