//! The names of users and groups: `/etc/passwd` and `/etc/group`.

use alloc::vec::Vec;

use crate::{io, parse_number};

/// A user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The name.
    pub name: Vec<u8>,
    /// The id.
    pub uid: u32,
    /// The id of her first group.
    pub gid: u32,
    /// Her home directory.
    pub home: Vec<u8>,
    /// The program that `login` starts.
    pub shell: Vec<u8>,
}

/// A group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// The name.
    pub name: Vec<u8>,
    /// The id.
    pub gid: u32,
    /// The names of its members, besides those whose first group it is.
    pub members: Vec<Vec<u8>>,
}

fn id(text: &[u8]) -> Option<u32> {
    u32::try_from(parse_number(text)?).ok()
}

fn lines<T>(path: &[u8], parse: impl Fn(&[&[u8]]) -> Option<T>) -> Vec<T> {
    // A system without the file has numbers only.
    let content = io::read_file(path).unwrap_or_default();
    content
        .split(|&b| b == b'\n')
        .filter_map(|line| parse(&line.split(|&b| b == b':').collect::<Vec<_>>()))
        .collect()
}

/// All users; lines of the file that are malformed are left out.
pub fn users() -> Vec<User> {
    lines(b"/etc/passwd", |fields| match fields {
        [name, _, uid, gid, _, home, shell] => Some(User {
            name: name.to_vec(),
            uid: id(uid)?,
            gid: id(gid)?,
            home: home.to_vec(),
            shell: shell.to_vec(),
        }),
        _ => None,
    })
}

/// All groups; lines of the file that are malformed are left out.
pub fn groups() -> Vec<Group> {
    lines(b"/etc/group", |fields| match fields {
        [name, _, gid, members] => Some(Group {
            name: name.to_vec(),
            gid: id(gid)?,
            members: members
                .split(|&b| b == b',')
                .filter(|m| !m.is_empty())
                .map(<[u8]>::to_vec)
                .collect(),
        }),
        _ => None,
    })
}

/// The id of a user by name, or by a decimal number that is no name.
pub fn uid(text: &[u8]) -> Option<u32> {
    users()
        .into_iter()
        .find(|u| u.name == text)
        .map(|u| u.uid)
        .or_else(|| id(text))
}

/// The id of a group by name, or by a decimal number that is no name.
pub fn gid(text: &[u8]) -> Option<u32> {
    groups()
        .into_iter()
        .find(|g| g.name == text)
        .map(|g| g.gid)
        .or_else(|| id(text))
}

/// The groups of a user: her first one, then those that name her.
pub fn groups_of(user: &User) -> Vec<u32> {
    let mut gids = alloc::vec![user.gid];
    for group in groups() {
        if group.gid != user.gid && group.members.contains(&user.name) {
            gids.push(group.gid);
        }
    }
    gids
}
