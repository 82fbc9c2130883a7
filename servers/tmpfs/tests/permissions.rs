//! Who may do what: users of different ids on one file system.

mod common;

use common::*;
use interface::fs::{self, O_CREAT, O_EXEC, O_READ, O_WRITE};
use interface::io;
use machuser::{Error, SendRight};

const ALICE: u32 = 1000;
const BOB: u32 = 1001;

struct Users {
    _served: Served,
    root: SendRight,
    alice: SendRight,
    bob: SendRight,
    nobody: SendRight,
}

fn users() -> Users {
    let served = serve(16 << 20);
    Users {
        root: served.root(),
        alice: served.root_for(&[ALICE], &[ALICE, 50]),
        bob: served.root_for(&[BOB], &[BOB]),
        nobody: served.root_for(&[], &[]),
        _served: served,
    }
}

fn mkdir(dir: &SendRight, name: &str, mode: u32) -> SendRight {
    fs::dir_mkdir(dir, name, mode).unwrap();
    open(dir, name, O_READ, 0).unwrap()
}

/// A directory where everybody may make files: plain, or sticky as /tmp is.
fn shared(users: &Users, mode: u32) {
    fs::dir_mkdir(&users.root, "tmp", mode).unwrap();
}

fn allowed(dir: &SendRight, path: &str) -> Vec<bool> {
    [O_READ, O_WRITE, O_EXEC]
        .map(|mode| open(dir, path, mode, 0).is_ok())
        .to_vec()
}

#[test]
fn modes_decide_by_owner_group_and_others() {
    let users = users();
    shared(&users, 0o777);
    let file = open(&users.alice, "tmp/file", O_CREAT | O_WRITE, 0o640).unwrap();
    let status = io::io_stat(&file).unwrap();
    // The group is the directory's.
    assert_eq!(
        (status.uid, status.gid, status.mode & 0o7777),
        (ALICE, 0, 0o640)
    );
    assert_eq!(allowed(&users.alice, "tmp/file"), [true, true, false]);
    assert_eq!(allowed(&users.bob, "tmp/file"), [false, false, false]);
    assert_eq!(allowed(&users.nobody, "tmp/file"), [false, false, false]);
    // Root reads and writes all, but runs only what somebody may run.
    assert_eq!(allowed(&users.root, "tmp/file"), [true, true, false]);
    fs::file_chmod(&file, 0o007).unwrap();
    assert_eq!(allowed(&users.alice, "tmp/file"), [false, false, false]);
    assert_eq!(allowed(&users.bob, "tmp/file"), [true, true, true]);
    assert_eq!(allowed(&users.root, "tmp/file"), [true, true, true]);
    fs::file_chown(&file, u32::MAX, 50).unwrap();
    fs::file_chmod(&file, 0o070).unwrap();
    assert_eq!(allowed(&users.bob, "tmp/file"), [false, false, false]);
    // What is asked for is what was shown with the port, not what the name would give.
    assert_eq!(fs::file_check_access(&file), Ok(0));
}

#[test]
fn a_port_keeps_what_it_was_opened_for() {
    let users = users();
    shared(&users, 0o777);
    let file = open(&users.alice, "tmp/file", O_CREAT | O_WRITE | O_READ, 0o644).unwrap();
    let bobs = open(&users.bob, "tmp/file", O_READ, 0).unwrap();
    fs::file_chmod(&file, 0).unwrap();
    write(&file, b"still");
    assert_eq!(read_all(&bobs), b"still");
    assert_eq!(open(&bobs, "", O_READ, 0).err(), Some(Error::EACCES));
}

#[test]
fn directories_are_searched_and_changed_only_with_permission() {
    let users = users();
    shared(&users, 0o777);
    let private = {
        fs::dir_mkdir(
            open(&users.alice, "tmp", O_READ, 0).unwrap(),
            "private",
            0o700,
        )
        .unwrap();
        open(&users.alice, "tmp/private", O_READ, 0).unwrap()
    };
    drop(create(&private, "file"));
    assert_eq!(
        open(&users.bob, "tmp/private/file", 0, 0).err(),
        Some(Error::EACCES)
    );
    assert_eq!(
        open(&users.bob, "tmp/private/none", 0, 0).err(),
        Some(Error::EACCES)
    );
    assert_eq!(
        open(&users.bob, "tmp/private/..", 0, 0).err(),
        Some(Error::EACCES)
    );
    assert_eq!(
        open(&users.bob, "tmp/private", O_READ, 0).err(),
        Some(Error::EACCES)
    );
    // Search without reading, and the reverse.
    fs::file_chmod(&private, 0o711).unwrap();
    assert!(open(&users.bob, "tmp/private/file", 0, 0).is_ok());
    assert_eq!(
        open(&users.bob, "tmp/private", O_READ, 0).err(),
        Some(Error::EACCES)
    );
    fs::file_chmod(&private, 0o744).unwrap();
    assert!(!names(&open(&users.bob, "tmp/private", O_READ, 0).unwrap()).is_empty());
    assert_eq!(
        open(&users.bob, "tmp/private/file", 0, 0).err(),
        Some(Error::EACCES)
    );
    fs::file_chmod(&private, 0o755).unwrap();
    let bobs = open(&users.bob, "tmp/private", 0, 0).unwrap();
    assert_eq!(
        open(&bobs, "new", O_CREAT, 0o644).err(),
        Some(Error::EACCES)
    );
    assert_eq!(fs::dir_mkdir(&bobs, "new", 0o755), Err(Error::EACCES));
    assert_eq!(fs::dir_unlink(&bobs, "file"), Err(Error::EACCES));
    assert_eq!(
        fs::dir_mkfile(&bobs, O_READ, 0o600).err(),
        Some(Error::EACCES)
    );
    let file = open(&users.bob, "tmp/private/file", 0, 0).unwrap();
    assert_eq!(fs::dir_link(&bobs, &file, "two", 1), Err(Error::EACCES));
    assert_eq!(
        fs::dir_rename(&bobs, "file", &bobs, "two", 0),
        Err(Error::EACCES)
    );
    let tmp = open(&users.bob, "tmp", 0, 0).unwrap();
    assert_eq!(
        fs::dir_rename(&bobs, "file", &tmp, "two", 0),
        Err(Error::EACCES)
    );
    drop(create(&tmp, "mine"));
    assert_eq!(
        fs::dir_rename(&tmp, "mine", &bobs, "two", 0),
        Err(Error::EACCES)
    );
}

#[test]
fn a_sticky_directory_protects_its_files() {
    let users = users();
    shared(&users, 0o1777);
    assert_eq!(
        io::io_stat(open(&users.root, "tmp", 0, 0).unwrap())
            .unwrap()
            .mode
            & 0o7777,
        0o1777
    );
    let [alice, bob, root] =
        [&users.alice, &users.bob, &users.root].map(|user| open(user, "tmp", O_READ, 0).unwrap());
    drop(create(&alice, "hers"));
    drop(create(&bob, "his"));
    assert_eq!(fs::dir_unlink(&bob, "hers"), Err(Error::EPERM));
    assert_eq!(
        fs::dir_rename(&bob, "hers", &bob, "x", 0),
        Err(Error::EPERM)
    );
    assert_eq!(
        fs::dir_rename(&bob, "his", &bob, "hers", 0),
        Err(Error::EPERM)
    );
    fs::dir_mkdir(&alice, "dir", 0o777).unwrap();
    assert_eq!(fs::dir_rmdir(&bob, "dir"), Err(Error::EPERM));
    fs::dir_unlink(&alice, "hers").unwrap();
    fs::dir_unlink(&root, "his").unwrap();
}

#[test]
fn only_owners_change_attributes_and_only_root_gives_away() {
    let users = users();
    shared(&users, 0o777);
    let hers = open(&users.alice, "tmp/file", O_CREAT, 0o666).unwrap();
    let his = open(&users.bob, "tmp/file", O_WRITE, 0).unwrap();
    let roots = open(&users.root, "tmp/file", 0, 0).unwrap();
    assert_eq!(fs::file_chmod(&his, 0o777), Err(Error::EPERM));
    assert_eq!(fs::file_chown(&his, BOB, u32::MAX), Err(Error::EPERM));
    assert_eq!(fs::file_chauthor(&his, BOB), Err(Error::EPERM));
    assert_eq!(fs::file_chflags(&his, 1), Err(Error::EPERM));
    assert_eq!(fs::file_chown(&hers, BOB, u32::MAX), Err(Error::EPERM));
    assert_eq!(fs::file_chown(&hers, ALICE, BOB), Err(Error::EPERM));
    assert_eq!(fs::file_chown(&hers, ALICE, 50), Ok(()));
    assert_eq!(fs::file_chown(&roots, BOB, BOB), Ok(()));
    assert_eq!(fs::file_chmod(&hers, 0o600), Err(Error::EPERM));
    assert_eq!(fs::file_chmod(&his, 0o600), Ok(()));
    // Times: to the present for who may write, to anything for the owner.
    use interface::types::{TimeSpec, UTIME_NOW, UTIME_OMIT};
    let at = |seconds, nanoseconds| TimeSpec {
        seconds,
        nanoseconds,
    };
    fs::file_utimens(&his, at(5, 6), at(7, 8)).unwrap();
    let status = io::io_stat(&his).unwrap();
    assert_eq!((status.atim, status.mtim), (at(5, 6), at(7, 8)));
    fs::file_utimens(&his, at(0, UTIME_OMIT), at(9, 0)).unwrap();
    assert_eq!(io::io_stat(&his).unwrap().atim, at(5, 6));
    assert_eq!(
        fs::file_utimens(&hers, at(0, UTIME_NOW), at(0, UTIME_NOW)),
        Err(Error::EPERM)
    );
    fs::file_chmod(&his, 0o606).unwrap();
    fs::file_utimens(&hers, at(0, UTIME_NOW), at(0, UTIME_NOW)).unwrap();
    assert_eq!(
        fs::file_utimens(&hers, at(1, 1), at(1, 1)),
        Err(Error::EPERM)
    );
    assert_eq!(
        fs::file_utimens(&his, at(0, 1 << 40), at(1, 1)),
        Err(Error::EINVAL)
    );
}

#[test]
fn set_id_bits_do_not_survive_a_new_owner() {
    let users = users();
    shared(&users, 0o777);
    let file = open(&users.alice, "tmp/file", O_CREAT, 0o6755).unwrap();
    // She is not in the directory's group, so she cannot make a program that runs with it.
    assert_eq!(io::io_stat(&file).unwrap().mode & 0o7777, 0o4755);
    fs::file_chmod(&file, 0o6755).unwrap();
    assert_eq!(io::io_stat(&file).unwrap().mode & 0o7777, 0o4755);
    fs::file_chown(&file, u32::MAX, 50).unwrap();
    assert_eq!(io::io_stat(&file).unwrap().mode & 0o7777, 0o755);
}

#[test]
fn ids_can_only_be_given_up() {
    let users = users();
    shared(&users, 0o777);
    drop(open(&users.alice, "tmp/file", O_CREAT, 0o600).unwrap());
    let less = io::io_restrict_auth(&users.alice, &[], &[])
        .unwrap()
        .unwrap();
    assert_eq!(
        open(&less, "tmp/file", O_READ, 0).err(),
        Some(Error::EACCES)
    );
    let same = io::io_restrict_auth(&users.alice, &[ALICE, 0, BOB], &[0])
        .unwrap()
        .unwrap();
    assert!(open(&same, "tmp/file", O_READ, 0).is_ok());
    let more = io::io_restrict_auth(&users.bob, &[ALICE, 0], &[0])
        .unwrap()
        .unwrap();
    assert_eq!(
        open(&more, "tmp/file", O_READ, 0).err(),
        Some(Error::EACCES)
    );
    let any = io::io_restrict_auth(&users.root, &[ALICE], &[])
        .unwrap()
        .unwrap();
    assert!(open(&any, "tmp/file", O_READ, 0).is_ok());
    let duplicate = io::io_duplicate(&users.alice).unwrap().unwrap();
    assert!(open(&duplicate, "tmp/file", O_READ, 0).is_ok());
}

#[test]
fn identities_are_equal_for_the_same_node_alone() {
    let users = users();
    drop(create(&users.root, "one"));
    drop(create(&users.root, "two"));
    let identity = |user: &SendRight, name: &str| {
        let (node, system, number) = io::io_identity(open(user, name, 0, 0).unwrap()).unwrap();
        (node.unwrap(), system.unwrap(), number)
    };
    let one = identity(&users.root, "one");
    let again = identity(&users.bob, "one");
    let two = identity(&users.root, "two");
    assert_eq!(one, again);
    assert_ne!(one.0, two.0);
    assert_eq!(one.1, two.1);
    assert_ne!(one.2, two.2);
}

#[test]
fn the_control_port_is_for_root() {
    let users = users();
    assert_eq!(fs::file_getcontrol(&users.alice).err(), Some(Error::EPERM));
    assert!(fs::file_getcontrol(&users.root).unwrap().is_some());
    let private = mkdir(&users.root, "private", 0o700);
    assert_eq!(
        open(&users.alice, "private", O_READ, 0).err(),
        Some(Error::EACCES)
    );
    // Who was given a port may use it, with the ids that it was opened for.
    assert_eq!(names(&private), [".", ".."]);
}
