//! Making, moving and removing names, through the interface.

mod common;

use common::*;
use interface::fs::{self, O_CREAT, O_EXCL, O_NOLINK, O_NOTRANS, O_READ, O_WRITE};
use interface::io;
use machuser::{Error, Result, SendRight};

const LIMIT: u64 = 64 << 20;

fn symlink(dir: &SendRight, target: &str, name: &str) {
    let node = fs::dir_mkfile(dir, O_WRITE, 0o777).unwrap().unwrap();
    let record = [b"/hurd/symlink\0", target.as_bytes(), b"\0"].concat();
    fs::file_set_translator(&node, fs::FS_TRANS_SET, 0, 0, &record, None::<SendRight>).unwrap();
    fs::dir_link(dir, &node, name, 1).unwrap();
}

fn links(dir: &SendRight, path: &str) -> Result<u32> {
    Ok(io::io_stat(&open(dir, path, O_NOLINK, 0)?)?.nlink)
}

#[test]
fn what_is_written_is_read() {
    let served = serve(LIMIT);
    let root = served.root();
    let file = create(&root, "file");
    let data: Vec<u8> = (0..700_001u32).map(|i| (i * 7 % 251) as u8).collect();
    write(&file, &data);
    assert_eq!(io::io_stat(&file).unwrap().size, data.len() as i64);
    assert!(read_all(&file) == data);
    // Reading at an offset does not move the pointer, reading at the pointer does.
    let mut buffer = [0; 100];
    assert_eq!(io::io_seek(&file, 5, io::SEEK_SET), Ok(5));
    assert_eq!(io::io_read(&file, 650_000, 100, &mut buffer), Ok(100));
    assert_eq!(buffer[..], data[650_000..650_100]);
    assert_eq!(io::io_read(&file, -1, 100, &mut buffer), Ok(100));
    assert_eq!(buffer[..], data[5..105]);
    assert_eq!(io::io_seek(&file, 0, io::SEEK_CUR), Ok(105));
    assert_eq!(
        io::io_seek(&file, -1, io::SEEK_END),
        Ok(data.len() as i64 - 1)
    );
    assert_eq!(io::io_read(&file, -1, 100, &mut buffer), Ok(1));
    assert_eq!(io::io_read(&file, -1, 100, &mut buffer), Ok(0));
    assert_eq!(io::io_seek(&file, -1, io::SEEK_SET), Err(Error::EINVAL));
    assert_eq!(io::io_read(&file, -2, 100, &mut buffer), Err(Error::EINVAL));
}

#[test]
fn a_file_has_holes_and_shrinks() {
    let served = serve(LIMIT);
    let root = served.root();
    let file = create(&root, "file");
    assert_eq!(io::io_write(&file, b"end", 1 << 40), Ok(3));
    let status = io::io_stat(&file).unwrap();
    assert_eq!(status.size, (1 << 40) + 3);
    assert!(status.blocks < 100, "{}", status.blocks);
    let mut buffer = [1; 10];
    assert_eq!(io::io_read(&file, (1 << 40) - 5, 10, &mut buffer), Ok(8));
    assert_eq!(&buffer[..8], b"\0\0\0\0\0end");
    fs::file_set_size(&file, 10).unwrap();
    assert_eq!(read_all(&file), [0; 10]);
    fs::file_set_size(&file, 0).unwrap();
    io::io_write(&file, b"abcdef", 0).unwrap();
    fs::file_set_size(&file, 3).unwrap();
    fs::file_set_size(&file, 6).unwrap();
    assert_eq!(read_all(&file), b"abc\0\0\0");
    assert_eq!(fs::file_set_size(&file, -1), Err(Error::EINVAL));
    assert_eq!(io::io_write(&file, b"x", i64::MAX), Err(Error::EFBIG));
}

#[test]
fn appending_writers_do_not_overwrite_each_other() {
    let served = serve(LIMIT);
    let root = served.root();
    drop(create(&root, "log"));
    let threads: Vec<_> = (0..4)
        .map(|writer: u8| {
            let file = open(&root, "log", O_WRITE | fs::O_APPEND, 0).unwrap();
            std::thread::spawn(move || {
                for _ in 0..100 {
                    assert_eq!(io::io_write(&file, &[b'a' + writer; 50], -1), Ok(50));
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    let all = read_all(&open(&root, "log", O_READ, 0).unwrap());
    assert_eq!(all.len(), 4 * 100 * 50);
    assert!(
        all.chunks(50)
            .all(|line| line.iter().all(|byte| *byte == line[0]))
    );
}

#[test]
fn open_modes_limit_what_a_port_can_do() {
    let served = serve(LIMIT);
    let root = served.root();
    drop(create(&root, "file"));
    let reader = open(&root, "file", O_READ, 0).unwrap();
    let writer = open(&root, "file", O_WRITE, 0).unwrap();
    let neither = open(&root, "file", 0, 0).unwrap();
    let mut buffer = [0; 4];
    assert_eq!(io::io_write(&reader, b"x", 0), Err(Error::EBADF));
    assert_eq!(fs::file_set_size(&reader, 0), Err(Error::EBADF));
    assert_eq!(io::io_read(&writer, 0, 4, &mut buffer), Err(Error::EBADF));
    assert_eq!(io::io_read(&neither, 0, 4, &mut buffer), Err(Error::EBADF));
    assert!(io::io_stat(&neither).is_ok());
    // The ways to access cannot be widened afterwards.
    io::io_set_all_openmodes(&reader, O_WRITE | fs::O_APPEND).unwrap();
    assert_eq!(io::io_get_openmodes(&reader), Ok(O_READ | fs::O_APPEND));
    io::io_clear_some_openmodes(&reader, fs::O_APPEND).unwrap();
    assert_eq!(io::io_get_openmodes(&reader), Ok(O_READ));
}

#[test]
fn creation_is_exclusive_only_when_asked() {
    let served = serve(LIMIT);
    let root = served.root();
    let file = create(&root, "file");
    write(&file, b"content");
    let again = open(&root, "file", O_READ | O_CREAT, 0o600).unwrap();
    assert_eq!(read_all(&again), b"content");
    let flags = O_READ | O_CREAT | O_EXCL;
    assert_eq!(open(&root, "file", flags, 0o600).err(), Some(Error::EEXIST));
    assert_eq!(
        open(&root, "other/", O_CREAT, 0o600).err(),
        Some(Error::ENOENT)
    );
    assert_eq!(
        open(&root, "none/x", O_CREAT, 0o600).err(),
        Some(Error::ENOENT)
    );
    assert_eq!(
        open(&root, "file/x", O_CREAT, 0o600).err(),
        Some(Error::ENOTDIR)
    );
    assert_eq!(open(&root, "file/", O_READ, 0).err(), Some(Error::ENOTDIR));
    let long = "x".repeat(256);
    assert_eq!(
        open(&root, &long, O_CREAT, 0o600).err(),
        Some(Error::ENAMETOOLONG)
    );
    assert!(open(&root, &"y".repeat(255), O_CREAT, 0o600).is_ok());
}

#[test]
fn slashes_and_dots_are_what_they_are_everywhere() {
    let served = serve(LIMIT);
    let root = served.root();
    fs::dir_mkdir(&root, "a", 0o755).unwrap();
    let a = open(&root, "a", O_READ, 0).unwrap();
    fs::dir_mkdir(&a, "b", 0o755).unwrap();
    drop(create(&root, "a/b/file"));
    let number = |path: &str| io::io_stat(open(&root, path, 0, 0).unwrap()).unwrap().ino;
    let file = number("a/b/file");
    for path in [
        "/a/b/file",
        "//a///b//file",
        "./a/./b/../b/file",
        "../../a/b/file",
        "a/b/../../a/b/file",
    ] {
        assert_eq!(number(path), file, "{path}");
    }
    for path in ["", "/", ".", "..", "a/..", "a/../", "a/b/../.."] {
        assert_eq!(number(path), number("."), "{path}");
    }
    for path in ["a/", "a//", "a/.", "a/b/.."] {
        assert_eq!(number(path), number("a"), "{path}");
    }
    // An empty name opens a file's own node again, with other modes.
    let port = open(&root, "a/b/file", 0, 0).unwrap();
    let again = open(&port, "", O_READ | O_WRITE, 0).unwrap();
    write(&again, b"x");
    assert_eq!(open(&port, "x", 0, 0).err(), Some(Error::ENOTDIR));
}

#[test]
fn directories_are_made_and_removed_only_when_empty() {
    let served = serve(LIMIT);
    let root = served.root();
    fs::dir_mkdir(&root, "dir", 0o755).unwrap();
    assert_eq!(fs::dir_mkdir(&root, "dir", 0o755), Err(Error::EEXIST));
    assert_eq!(fs::dir_mkdir(&root, ".", 0o755), Err(Error::EEXIST));
    assert_eq!(fs::dir_mkdir(&root, "a/b", 0o755), Err(Error::EINVAL));
    assert_eq!(fs::dir_mkdir(&root, "", 0o755), Err(Error::EINVAL));
    assert_eq!(links(&root, "."), Ok(3));
    drop(create(&root, "dir/file"));
    assert_eq!(fs::dir_rmdir(&root, "dir"), Err(Error::ENOTEMPTY));
    assert_eq!(fs::dir_unlink(&root, "dir"), Err(Error::EISDIR));
    let dir = open(&root, "dir", O_READ, 0).unwrap();
    assert_eq!(fs::dir_rmdir(&dir, "file"), Err(Error::ENOTDIR));
    assert_eq!(fs::dir_rmdir(&dir, "."), Err(Error::EINVAL));
    assert_eq!(fs::dir_rmdir(&dir, ".."), Err(Error::ENOTEMPTY));
    fs::dir_unlink(&dir, "file").unwrap();
    assert_eq!(fs::dir_unlink(&dir, "file"), Err(Error::ENOENT));
    fs::dir_rmdir(&root, "dir").unwrap();
    assert_eq!(links(&root, "."), Ok(2));
    // Who still has it open finds nothing in it, and can make nothing.
    assert_eq!(open(&dir, "x", O_CREAT, 0o644).err(), Some(Error::ENOENT));
    assert_eq!(fs::dir_mkdir(&dir, "x", 0o644), Err(Error::ENOENT));
    assert_eq!(names(&dir), [""; 0]);
}

#[test]
fn a_removed_file_lives_until_it_is_closed() {
    let served = serve(LIMIT);
    let root = served.root();
    let file = create(&root, "file");
    write(&file, &[7; 100_000]);
    fs::dir_unlink(&root, "file").unwrap();
    assert_eq!(io::io_stat(&file).unwrap().nlink, 0);
    assert_eq!(read_all(&file).len(), 100_000);
    let before = fs::file_statfs(&root).unwrap();
    drop(file);
    // The server is told a little later.
    for _ in 0..500 {
        let now = fs::file_statfs(&root).unwrap();
        if now.bfree > before.bfree + 20 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the space never came back");
}

#[test]
fn links_share_a_node() {
    let served = serve(LIMIT);
    let root = served.root();
    let file = create(&root, "one");
    fs::dir_link(&root, &file, "two", 1).unwrap();
    assert_eq!(links(&root, "one"), Ok(2));
    assert_eq!(fs::dir_link(&root, &file, "two", 1), Err(Error::EEXIST));
    assert_eq!(fs::dir_link(&root, &file, "two", 0), Ok(()));
    drop(create(&root, "three"));
    assert_eq!(fs::dir_link(&root, &file, "three", 0), Ok(()));
    assert_eq!(links(&root, "one"), Ok(3));
    write(&file, b"shared");
    assert_eq!(
        read_all(&open(&root, "three", O_READ, 0).unwrap()),
        b"shared"
    );
    fs::dir_mkdir(&root, "dir", 0o755).unwrap();
    let dir = open(&root, "dir", O_READ, 0).unwrap();
    assert_eq!(fs::dir_link(&root, &dir, "again", 1), Err(Error::EISDIR));
    assert_eq!(fs::dir_link(&root, &file, "dir", 0), Err(Error::EISDIR));
    // A node of another file system cannot be linked.
    let other = serve(LIMIT);
    let foreign = create(&other.root(), "file");
    assert_eq!(
        fs::dir_link(&root, &foreign, "foreign", 1),
        Err(Error::EXDEV)
    );
    assert_eq!(
        fs::dir_link(&root, None::<SendRight>, "null", 1),
        Err(Error::EXDEV)
    );
}

#[test]
fn renaming_replaces_what_fits() {
    let served = serve(LIMIT);
    let root = served.root();
    for dir in ["a", "b", "empty"] {
        fs::dir_mkdir(&root, dir, 0o755).unwrap();
    }
    let [a, b] = ["a", "b"].map(|name| open(&root, name, O_READ, 0).unwrap());
    let file = create(&a, "file");
    write(&file, b"moved");
    drop(create(&b, "old"));
    fs::dir_rename(&a, "file", &b, "old", 0).unwrap();
    assert_eq!(names(&a), [".", ".."]);
    assert_eq!(read_all(&open(&b, "old", O_READ, 0).unwrap()), b"moved");
    drop(create(&b, "third"));
    assert_eq!(
        fs::dir_rename(&b, "old", &b, "third", 1),
        Err(Error::EEXIST)
    );
    assert_eq!(
        fs::dir_rename(&b, "none", &b, "third", 0),
        Err(Error::ENOENT)
    );
    assert_eq!(fs::dir_rename(&b, "old", &b, "old", 0), Ok(()));
    assert_eq!(
        fs::dir_rename(&b, "old", &root, "empty", 0),
        Err(Error::EISDIR)
    );
    assert_eq!(
        fs::dir_rename(&root, "empty", &b, "old", 0),
        Err(Error::ENOTDIR)
    );
    assert_eq!(
        fs::dir_rename(&root, "empty", &root, "b", 0),
        Err(Error::ENOTEMPTY)
    );
    assert_eq!(fs::dir_rename(&root, "b", &root, "empty", 0), Ok(()));
    assert_eq!(links(&root, "."), Ok(4));
    // A directory cannot go below itself.
    fs::dir_mkdir(&a, "sub", 0o755).unwrap();
    let sub = open(&a, "sub", O_READ, 0).unwrap();
    assert_eq!(fs::dir_rename(&root, "a", &sub, "x", 0), Err(Error::EINVAL));
    assert_eq!(fs::dir_rename(&root, "a", &a, "x", 0), Err(Error::EINVAL));
    // What holds the moved entry is not empty.
    assert_eq!(
        fs::dir_rename(&a, "sub", &root, "a", 0),
        Err(Error::ENOTEMPTY)
    );
    // A moved directory knows its new parent.
    fs::dir_rename(&a, "sub", &b, "sub", 0).unwrap();
    let number = |path: &str| io::io_stat(open(&root, path, 0, 0).unwrap()).unwrap().ino;
    assert_eq!(number("empty/sub/.."), number("empty"));
    assert_eq!(links(&root, "a"), Ok(2));
    assert_eq!(links(&root, "empty"), Ok(3));
    for name in [".", ".."] {
        assert_eq!(
            fs::dir_rename(&root, name, &root, "x", 0),
            Err(Error::EINVAL)
        );
        assert_eq!(
            fs::dir_rename(&root, "a", &root, name, 0),
            Err(Error::EINVAL)
        );
    }
    let other = serve(LIMIT);
    assert_eq!(
        fs::dir_rename(&root, "a", other.root(), "a", 0),
        Err(Error::EXDEV)
    );
}

#[test]
fn symbolic_links_are_followed_in_place_or_sent_back() {
    let served = serve(LIMIT);
    let root = served.root();
    fs::dir_mkdir(&root, "dir", 0o755).unwrap();
    write(&create(&root, "dir/file"), b"found");
    symlink(&root, "dir/file", "relative");
    symlink(&root, "dir", "way");
    symlink(&root, "/dir/file", "absolute");
    symlink(&root, "loop", "loop");
    symlink(&root, "../dir/./file", "up");
    symlink(&root, "nowhere", "dangling");
    for path in ["relative", "way/file", "up", "way/../relative"] {
        assert_eq!(
            read_all(&open(&root, path, O_READ, 0).unwrap()),
            b"found",
            "{path}"
        );
    }
    let (retry, name, port) = fs::dir_lookup(&root, "absolute", O_READ, 0).unwrap();
    assert_eq!((retry, name), (fs::FS_RETRY_MAGICAL, b"/dir/file".to_vec()));
    assert!(port.is_none());
    symlink(&root, "/far", "far");
    let (retry, name, _) = fs::dir_lookup(&root, "far//x/y/", O_READ, 0).unwrap();
    assert_eq!(
        (retry, name),
        (fs::FS_RETRY_MAGICAL, b"/far//x/y/".to_vec())
    );
    assert_eq!(open(&root, "loop", 0, 0).err(), Some(Error::ELOOP));
    assert_eq!(open(&root, "loop/x", 0, 0).err(), Some(Error::ELOOP));
    // The link's own node.
    let link = open(&root, "relative", O_READ | O_NOLINK, 0).unwrap();
    let status = io::io_stat(&link).unwrap();
    assert_eq!((status.mode & 0o170_000, status.size), (0o120_000, 8));
    assert_eq!(read_all(&link), b"dir/file");
    assert_eq!(
        fs::file_get_translator(&link).unwrap(),
        b"/hurd/symlink\0dir/file\0"
    );
    assert_eq!(
        open(&root, "relative", O_WRITE | O_NOLINK, 0).err(),
        Some(Error::ELOOP)
    );
    assert!(open(&root, "loop", O_NOTRANS, 0).is_ok());
    // With a slash behind it a link is followed all the same.
    assert_eq!(
        io::io_stat(open(&root, "way/", O_NOLINK, 0).unwrap())
            .unwrap()
            .mode
            >> 12,
        4
    );
    // Creation goes through a dangling link.
    write(
        &open(&root, "dangling", O_WRITE | O_CREAT, 0o644).unwrap(),
        b"made",
    );
    assert_eq!(
        read_all(&open(&root, "nowhere", O_READ, 0).unwrap()),
        b"made"
    );
    fs::dir_unlink(&root, "way").unwrap();
    assert!(open(&root, "dir", O_READ, 0).is_ok());
}

#[test]
fn ten_thousand_entries_are_listed_while_they_are_removed() {
    let served = serve(LIMIT);
    let root = served.root();
    for i in 0..10_000 {
        drop(create(&root, &format!("file{i}")));
    }
    let all = names(&root);
    assert_eq!(all.len(), 10_002);
    let unique: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(unique.len(), 10_002);
    // As `rm -r` does: read some, remove them, go on with the count of those read.
    let mut seen = 0;
    let mut removed = 0;
    let mut buffer = vec![0; 3000];
    loop {
        let (length, amount) = fs::dir_readdir(&root, seen, -1, buffer.len(), &mut buffer).unwrap();
        if amount == 0 {
            break;
        }
        seen += amount;
        for (_, _, name) in entries(&buffer[..length]) {
            if name != "." && name != ".." {
                fs::dir_unlink(&root, &name).unwrap();
                removed += 1;
            }
        }
    }
    assert_eq!(removed, 10_000);
    assert_eq!(names(&root), [".", ".."]);
}

#[test]
fn a_directory_can_be_read_from_anywhere_and_in_any_pieces() {
    let served = serve(LIMIT);
    let root = served.root();
    for i in 0..300 {
        drop(create(&root, &format!("f{i}")));
    }
    let all = names(&root);
    let mut buffer = vec![0; 8192];
    for first in [0, 1, 2, 57, 299, 301, 302, 1000] {
        let (length, amount) = fs::dir_readdir(&root, first, 3, 0, &mut buffer).unwrap();
        let got: Vec<_> = entries(&buffer[..length])
            .into_iter()
            .map(|entry| entry.2)
            .collect();
        assert_eq!(amount as usize, got.len());
        let from = (first as usize).min(all.len());
        assert_eq!(got, all[from..(from + 3).min(all.len())]);
    }
    assert_eq!(
        fs::dir_readdir(&root, 0, -1, 8, &mut buffer),
        Err(Error::EINVAL)
    );
    assert_eq!(
        fs::dir_readdir(&root, -1, -1, 0, &mut buffer),
        Err(Error::EINVAL)
    );
    let file = open(&root, "f1", O_READ, 0).unwrap();
    assert_eq!(
        fs::dir_readdir(&file, 0, -1, 0, &mut buffer),
        Err(Error::ENOTDIR)
    );
}

#[test]
fn a_full_file_system_says_so_and_recovers() {
    let served = serve(1 << 20);
    let root = served.root();
    let file = create(&root, "file");
    let mut total = 0;
    let error = loop {
        match io::io_write(&file, &[1; 100_000], -1) {
            Ok(count) => total += count,
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::ENOSPC);
    assert!((900_000..1 << 20).contains(&total), "{total}");
    assert_eq!(read_all(&file).len(), total);
    assert_eq!(fs::file_statfs(&root).unwrap().bfree, 0);
    fs::file_set_size(&file, 0).unwrap();
    assert!(fs::file_statfs(&root).unwrap().bfree > 240);
    // Names cost, too.
    let mut made = 0;
    while open(&root, &format!("name{made}"), O_CREAT, 0o644).is_ok() {
        made += 1;
    }
    assert!((500..2000).contains(&made), "{made}");
    for i in 0..made {
        fs::dir_unlink(&root, format!("name{i}")).unwrap();
    }
    assert!(open(&root, "again", O_CREAT, 0o644).is_ok());
}

#[test]
fn concurrent_clients_see_each_name_once() {
    let served = serve(LIMIT);
    let root = served.root();
    fs::dir_mkdir(&root, "to", 0o755).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let root = root.clone();
            std::thread::spawn(move || {
                let to = open(&root, "to", O_READ, 0).unwrap();
                let mut won = 0;
                for i in 0..200 {
                    let name = format!("n{i}");
                    if open(&root, &name, O_CREAT | O_EXCL, 0o644).is_ok() {
                        won += 1;
                        fs::dir_rename(&root, &name, &to, &name, 1).unwrap_or_else(|error| {
                            // Another thread made it after this one had moved it.
                            assert_eq!(error, Error::EEXIST);
                            fs::dir_unlink(&root, &name).unwrap();
                            won -= 1;
                        });
                    }
                }
                won
            })
        })
        .collect();
    let won: i32 = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    assert_eq!(won, 200);
    assert_eq!(names(&root).len(), 3);
    assert_eq!(names(&open(&root, "to", O_READ, 0).unwrap()).len(), 202);
}

#[test]
fn locks_keep_other_opens_out() {
    let served = serve(LIMIT);
    let root = served.root();
    let one = create(&root, "file");
    let two = open(&root, "file", O_READ | O_WRITE, 0).unwrap();
    fs::file_lock(&one, fs::LOCK_EX).unwrap();
    assert_eq!(
        fs::file_lock(&two, fs::LOCK_SH | fs::LOCK_NB),
        Err(Error::EAGAIN)
    );
    assert_eq!(fs::file_lock_stat(&two), Ok((fs::LOCK_UN, fs::LOCK_EX)));
    let waiting = {
        let two = two.clone();
        std::thread::spawn(move || fs::file_lock(&two, fs::LOCK_SH))
    };
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(!waiting.is_finished());
    fs::file_lock(&one, fs::LOCK_UN).unwrap();
    assert_eq!(waiting.join().unwrap(), Ok(()));
    // A duplicate shares the open file, and so the lock; closing all gives it up.
    let three = open(&root, "file", O_READ | O_WRITE, 0).unwrap();
    let duplicate = io::io_duplicate(&two).unwrap().unwrap();
    drop(two);
    assert_eq!(
        fs::file_lock(&three, fs::LOCK_EX | fs::LOCK_NB),
        Err(Error::EAGAIN)
    );
    drop(duplicate);
    assert_eq!(fs::file_lock(&three, fs::LOCK_EX), Ok(()));
    // Record locks.
    let lock = |kind, start, len| fs::Flock {
        kind,
        whence: 0,
        start,
        len,
        pid: 0,
    };
    fs::file_lock(&three, fs::LOCK_UN).unwrap();
    fs::file_record_lock(&one, 11, lock(2, 0, 100), None::<SendRight>).unwrap();
    let asked = fs::file_record_lock(&three, 10, lock(1, 50, 100), None::<SendRight>).unwrap();
    assert_eq!((asked.kind, asked.start, asked.len), (2, 0, 100));
    assert_eq!(
        fs::file_record_lock(&three, 11, lock(1, 50, 100), None::<SendRight>),
        Err(Error::EAGAIN)
    );
    fs::file_record_lock(&three, 11, lock(1, 100, 0), None::<SendRight>).unwrap();
}
