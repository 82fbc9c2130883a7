//! The password server between its clients and the auth server.

use auth_server::{Auth, Ids};
use interface::io::{self, mode};
use interface::{auth, interrupt, password};
use machuser::env::{self, Startup, init_port};
use machuser::sys::Task;
use machuser::{Error, Result, SendRight};
use password_server::accounts::{Files, Reader};
use password_server::{Limiter, Password};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use trivfs::testing::{self, Started};

const ALICE: &str = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
const DISK: &str = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";
const RIGHT: &str = "Hello world!";

struct Etc;

impl Files for Etc {
    fn open(&self, path: &str) -> Result<Reader> {
        let text = match path {
            "/etc/passwd" => {
                "root:*:0:0:::\nalice:x:1000:1000:::\nguest::1001:100:::\nold:x:7:7:::".into()
            }
            "/etc/group" => format!("disk:{DISK}:6:alice\nusers:*:100:bob,alice\nsys:*:3:bob\n"),
            "/etc/shadow" => format!("alice:{ALICE}:::::::\nold:::::::1:\n"),
            "/etc/gshadow" => return Err(Error::ENOENT),
            _ => panic!("{path}"),
        };
        let mut rest = text.into_bytes();
        Ok(Box::new(move |to| {
            let count = to.len().min(rest.len());
            to[..count].copy_from_slice(&rest[..count]);
            rest.drain(..count);
            Ok(count)
        }))
    }
}

/// A password server that knows root's auth handle. The environment belongs to the process, hence
/// one for all tests.
fn server() -> &'static Started {
    static SERVER: OnceLock<Started> = OnceLock::new();
    SERVER.get_or_init(|| {
        let task = Arc::new(Task::new());
        let authority = Task::new();
        let root = authority.run(|| {
            let server = ports::Server::new().unwrap();
            let root = Auth::new(server.clone(), std::time::Duration::from_secs(3600)).handle(Ids::root()).unwrap();
            server.start().unwrap();
            task.give_send(root.right()).unwrap()
        });
        env::set(Startup::default());
        env::set_port(init_port::AUTH, Some(root)).unwrap();
        let limiter = Limiter::new(3, Duration::from_secs(3600));
        testing::start_in(task, Password::with_limiter(Etc, limiter))
    })
}

type Lists = (Vec<u32>, Vec<u32>, Vec<u32>, Vec<u32>);

fn ids(handle: Result<Option<SendRight>>) -> Result<Lists> {
    auth::auth_getids(handle?.expect("a handle"))
}

#[test]
fn the_right_password_gives_a_handle_of_the_user_and_all_her_groups() {
    let file = server().open_as(&[20], 0).unwrap();
    let lists = ids(password::password_check_user(&file, 1000, RIGHT));
    let groups = vec![1000, 6, 100];
    let available = vec![1000, 1000, 6, 100];
    assert_eq!(lists, Ok((vec![1000], vec![1000, 1000], groups, available)));
}

#[test]
fn no_password_is_asked_where_none_is_set() {
    let file = server().open_as(&[21], 0).unwrap();
    let lists = ids(password::password_check_user(&file, 1001, ""));
    assert_eq!(
        lists,
        Ok((vec![1001], vec![1001, 1001], vec![100], vec![100, 100]))
    );
}

#[test]
fn the_right_password_of_a_group_gives_a_handle_of_that_alone() {
    let file = server().open_as(&[22], 0).unwrap();
    let lists = ids(password::password_check_group(&file, 6, RIGHT));
    assert_eq!(lists, Ok((vec![], vec![], vec![6], vec![6, 6])));
    let refused = password::password_check_group(&file, 6, "hello world!");
    assert_eq!(refused, Err(Error::EACCES));
}

#[test]
fn wrong_passwords_locked_closed_and_unknown_accounts_are_refused_alike() {
    for (caller, user, word) in [
        (23, 1000, "Hello world"),
        (23, 1000, ""),
        (23, 0, "*"),
        (24, 7, ""),
        (24, 4711, RIGHT),
    ] {
        let file = server().open_as(&[caller], 0).unwrap();
        let refused = password::password_check_user(&file, user, word);
        assert_eq!(refused, Err(Error::EACCES), "{user} {word}");
    }
}

#[test]
fn who_has_guessed_too_often_waits_through_every_connection_and_can_be_interrupted() {
    let guess = || {
        let file = server().open_as(&[25], 0).unwrap();
        password::password_check_user(&file, 1000, "guess")
    };
    for _ in 0..3 {
        assert_eq!(guess(), Err(Error::EACCES));
    }
    let file = server().open_as(&[25], 0).unwrap();
    let name = file.as_raw();
    let waiting =
        std::thread::spawn(move || password::password_check_user(name, 1000, RIGHT).map(drop));
    let start = Instant::now();
    while !waiting.is_finished() && start.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(20));
        interrupt::interrupt_operation(&file).unwrap();
    }
    assert_eq!(waiting.join().unwrap(), Err(Error::EINTR));
    // Others do not.
    let file = server().open_as(&[0], 0).unwrap();
    assert!(password::password_check_user(&file, 1000, RIGHT).is_ok());
}

#[test]
fn the_node_cannot_be_read() {
    let file = server().open_as(&[26], 0).unwrap();
    assert_eq!(
        io::io_stat(&file).unwrap().mode & mode::S_IFMT,
        mode::S_IFCHR
    );
    let mut byte = [0];
    assert_eq!(io::io_read(&file, 0, 1, &mut byte), Err(Error::EBADF));
    assert_eq!(server().open(1), Err(Error::EACCES));
}
