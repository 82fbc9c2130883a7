//! How a file system learns who its users are: the exchange with an auth server.

mod common;

use auth_server::{Auth, Ids};
use common::*;
use interface::fs::{self, O_CREAT, O_READ};
use interface::io;
use machuser::env::{self, init_port};
use machuser::sys::Task;
use machuser::{Error, ReceiveRight, Right, SendRight};

const ALICE: u32 = 1000;

fn ids(uid: u32) -> Ids {
    Ids {
        euids: vec![uid],
        auids: vec![uid, uid],
        egids: vec![uid],
        agids: vec![uid, uid],
    }
}

#[test]
fn a_port_is_shown_to_be_its_users() {
    let served = serve(1 << 20);
    let auth_task = Task::new();
    let (handle, alice) = auth_task.run(|| {
        let server = ports::Server::new().unwrap();
        let auth = Auth::new(server.clone(), std::time::Duration::from_secs(3600));
        server.start().unwrap();
        let give =
            |task: &Task, ids: Ids| task.give_send(auth.handle(ids).unwrap().right()).unwrap();
        (
            give(&served.task(), Ids::root()),
            give(&Task::first(), ids(ALICE)),
        )
    });
    // The environment is one for all tasks of a test: it is the file system's.
    env::set_port(init_port::AUTH, Some(handle)).unwrap();

    let root = served.root();
    fs::dir_mkdir(&root, "hers", 0o700).unwrap();
    let node = open(&root, "hers", O_READ, 0).unwrap();
    fs::file_chown(&node, ALICE, ALICE).unwrap();
    let nobody = served.root_for(&[], &[]);
    assert_eq!(
        open(&nobody, "hers/file", O_CREAT, 0o600).err(),
        Some(Error::EACCES)
    );

    let authenticate = |port: &SendRight, handle: &SendRight| -> SendRight {
        let rendezvous = ReceiveRight::allocate().unwrap();
        io::io_reauthenticate(port, Right::make_send(&rendezvous)).unwrap();
        let new = interface::auth::auth_user_authenticate(handle, Right::make_send(&rendezvous));
        new.unwrap().unwrap()
    };
    let shown = authenticate(&nobody, &alice);
    let file = open(&shown, "hers/file", O_CREAT | O_READ, 0o600).unwrap();
    assert_eq!(io::io_stat(&file).unwrap().uid, ALICE);
    // The file pointer is the open file's, whoever uses it.
    let again = authenticate(&file, &alice);
    assert_eq!(io::io_seek(&file, 17, io::SEEK_SET), Ok(17));
    assert_eq!(io::io_seek(&again, 0, io::SEEK_CUR), Ok(17));
    // The first port is still nobody's.
    assert_eq!(
        open(&nobody, "hers/file", O_READ, 0).err(),
        Some(Error::EACCES)
    );
}
