//! Users and groups: `/etc/passwd`, `/etc/group`, `/etc/shadow` and `/etc/gshadow`.
//!
//! The files are read line by line, so that their size does not matter.

use alloc::boxed::Box;
use alloc::vec::Vec;
use machuser::{Error, Result};

/// Most groups that one user gets: what an auth handle holds (`auth`'s `MOST_IDS`).
pub const MOST_GROUPS: usize = 256;
/// Longest line that is looked at, in bytes; longer ones are as if they were not there.
pub const LONGEST_LINE: usize = 64 << 10;
/// Bytes read at a time.
const PIECE: usize = 4096;

/// Reads on from where the last call ended; answers 0 at the end.
pub type Reader = Box<dyn FnMut(&mut [u8]) -> Result<usize>>;

/// Where the files are.
pub trait Files: Send + Sync + 'static {
    /// Opens the file of this absolute name.
    fn open(&self, path: &str) -> Result<Reader>;
}

/// A user or a group, and what it takes to become it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user's id; `None` for a group.
    pub uid: Option<u32>,
    /// The groups: first the user's own.
    pub gids: Vec<u32>,
    /// The password, as `crypt` makes it. Empty if none is asked for.
    pub password: Vec<u8>,
    /// The day, counted from the beginning of 1970, from which on the account is closed.
    pub expires: Option<u64>,
}

/// The user of this id: the first one, if there are several. `None` if there is none.
///
/// # Errors
/// What reading the files fails with. A file that does not exist has no lines.
pub fn user(files: &dyn Files, uid: u32) -> Result<Option<Account>> {
    let mut found = None;
    each_line(files, "/etc/passwd", |fields| {
        let [name, password, id, gid, ..] = fields else {
            return true;
        };
        let (Some(id), Some(gid)) = (number(id), number(gid)) else {
            return true;
        };
        if id == uid {
            found = Some((name.to_vec(), password.to_vec(), gid));
        }
        found.is_none()
    })?;
    let Some((name, password, gid)) = found else {
        return Ok(None);
    };

    let mut gids = Vec::from([gid]);
    each_line(files, "/etc/group", |fields| {
        let [_, _, id, members, ..] = fields else {
            return true;
        };
        if let Some(id) = number(id)
            && !gids.contains(&id)
            && members
                .split(|byte| *byte == b',')
                .any(|member| member == name)
        {
            gids.push(id);
        }
        gids.len() < MOST_GROUPS
    })?;

    let mut account = Account {
        uid: Some(uid),
        gids,
        password,
        expires: None,
    };
    if account.password == b"x" {
        // Without a line of its own in the other file, nobody knows the password.
        each_line(files, "/etc/shadow", |fields| {
            let [user, password, rest @ ..] = fields else {
                return true;
            };
            if *user != name {
                return true;
            }
            account.password = password.to_vec();
            account.expires = rest.get(5).and_then(|days| number(days)).map(u64::from);
            false
        })?;
    }
    Ok(Some(account))
}

/// The group of this id; as [`user`].
pub fn group(files: &dyn Files, gid: u32) -> Result<Option<Account>> {
    let mut found = None;
    each_line(files, "/etc/group", |fields| {
        let [name, password, id, ..] = fields else {
            return true;
        };
        if number(id) == Some(gid) {
            found = Some((name.to_vec(), password.to_vec()));
        }
        found.is_none()
    })?;
    let Some((name, mut password)) = found else {
        return Ok(None);
    };
    if password == b"x" {
        each_line(files, "/etc/gshadow", |fields| {
            let [group, field, ..] = fields else {
                return true;
            };
            if *group == name {
                password = field.to_vec();
            }
            *group != name
        })?;
    }
    Ok(Some(Account {
        uid: None,
        gids: Vec::from([gid]),
        password,
        expires: None,
    }))
}

fn number(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u32, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        let value = value.checked_mul(10)?;
        if digit > 9 {
            None
        } else {
            value.checked_add(u32::from(digit))
        }
    })
}

/// Gives the fields of each line to `f`, until that answers false.
fn each_line(files: &dyn Files, path: &str, mut f: impl FnMut(&[&[u8]]) -> bool) -> Result<()> {
    let mut read = match files.open(path) {
        Ok(read) => read,
        Err(Error::ENOENT) => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut parse = |line: &[u8]| {
        // No line of these files needs more fields; what follows is part of the last one.
        let fields: Vec<&[u8]> = line.splitn(16, |byte| *byte == b':').collect();
        f(&fields)
    };
    let mut line = Vec::new();
    // The line has become too long.
    let mut skipping = false;
    let mut piece = [0; PIECE];
    loop {
        let count = read(&mut piece)?.min(PIECE);
        if count == 0 {
            if !line.is_empty() && !skipping {
                parse(&line);
            }
            return Ok(());
        }
        for part in piece[..count].split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            skipping |= line.len() + text.len() > LONGEST_LINE;
            if skipping {
                line.clear();
            } else {
                line.extend_from_slice(text);
            }
            if ended {
                if !skipping && !parse(&line) {
                    return Ok(());
                }
                skipping = false;
                line.clear();
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::string::String;
    use std::sync::Arc;

    /// Files in memory, given out `step` bytes at a time.
    #[derive(Default)]
    pub struct InMemory {
        pub files: BTreeMap<&'static str, String>,
        pub step: usize,
    }

    impl Files for InMemory {
        fn open(&self, path: &str) -> Result<Reader> {
            let bytes: Arc<[u8]> = self.files.get(path).ok_or(Error::ENOENT)?.as_bytes().into();
            let (step, mut at) = (self.step.max(1), 0);
            Ok(Box::new(move |to| {
                let count = step.min(to.len()).min(bytes.len() - at);
                to[..count].copy_from_slice(&bytes[at..][..count]);
                at += count;
                Ok(count)
            }))
        }
    }

    fn files() -> InMemory {
        let files = [
            (
                "/etc/passwd",
                "root:x:0:0:System administrator:/root:/bin/sh\n\
                 toor::0:0::/:/bin/sh\n\
                 broken line\n\
                 alice:x:1000:1000:Alice:/home/alice:/bin/sh\n\
                 guest::1001:100:Guest:/:/bin/sh\n\
                 closed:*:1002:100::/:/bin/sh\n\
                 lost:x:1003:100::/:/bin/sh",
            ),
            (
                "/etc/group",
                "root:*:0:\nusers::100:alice,bob\ndisk:x:6:malice,alice\nagain:*:100:alice\n\
                 alice:*:1000:alice\n",
            ),
            (
                "/etc/shadow",
                "root:rhash:1::::::\nalice:ahash:19000:0:99999:7::20000:\n",
            ),
            ("/etc/gshadow", "disk:dhash::alice\n"),
        ];
        let files = files
            .into_iter()
            .map(|(name, text)| (name, text.into()))
            .collect();
        InMemory { files, step: 7 }
    }

    #[test]
    fn a_user_has_her_own_group_first_then_those_that_name_her() {
        let account = user(&files(), 1000).unwrap().unwrap();
        assert_eq!(account.gids, [1000, 100, 6]);
        assert_eq!(
            (account.uid, &account.password[..]),
            (Some(1000), &b"ahash"[..])
        );
        assert_eq!(account.expires, Some(20000));
    }

    #[test]
    fn the_first_of_several_users_with_an_id_counts() {
        assert_eq!(user(&files(), 0).unwrap().unwrap().password, b"rhash");
    }

    #[test]
    fn passwords_are_in_the_public_file_unless_that_says_otherwise() {
        assert_eq!(user(&files(), 1001).unwrap().unwrap().password, b"");
        assert_eq!(user(&files(), 1002).unwrap().unwrap().password, b"*");
        // An x without a line in the other file stays what nobody can match.
        assert_eq!(user(&files(), 1003).unwrap().unwrap().password, b"x");
        assert_eq!(user(&files(), 1004).unwrap(), None);
    }

    #[test]
    fn groups_have_passwords_too() {
        let disk = group(&files(), 6).unwrap().unwrap();
        assert_eq!(
            (disk.uid, disk.gids, disk.password),
            (None, vec![6], b"dhash".to_vec())
        );
        assert_eq!(group(&files(), 100).unwrap().unwrap().password, b"");
        assert_eq!(group(&files(), 7).unwrap(), None);
    }

    #[test]
    fn lines_without_end_and_users_of_all_groups_are_bounded() {
        let mut files = files();
        let groups: String = (0..5000)
            .map(|id| std::format!("g{id}:*:{id}:alice\n"))
            .collect();
        let long = "x".repeat(LONGEST_LINE + 1);
        files.files.insert("/etc/group", groups);
        files.files.insert(
            "/etc/passwd",
            std::format!("alice:{long}:1000:1:::\nalice:x:1000:2:::\n{long}"),
        );
        files.step = 1000;
        let account = user(&files, 1000).unwrap().unwrap();
        assert_eq!((account.gids[0], account.gids.len()), (2, MOST_GROUPS));
    }

    #[test]
    fn an_error_of_reading_is_told() {
        struct Bad;
        impl Files for Bad {
            fn open(&self, _: &str) -> Result<Reader> {
                Ok(Box::new(|_| Err(Error::EIO)))
            }
        }
        assert_eq!(user(&Bad, 0), Err(Error::EIO));
    }
}
