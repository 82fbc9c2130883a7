//! A translator, started on a node, used by clients, and told to go away, over the loopback system.

use fshelp::{TransBox, User};
use interface::fs::{self, O_READ, O_WRITE};
use interface::fsys::{FSYS_GOAWAY_FORCE, fsys_get_options, fsys_goaway};
use interface::io::mode::{S_IFREG, S_IROOT};
use interface::io::{self, StatBuf};
use interface::{auth, fsys};
use machuser::env::{self, Startup, init_port};
use machuser::sync::{Condvar, Mutex};
use machuser::sys::Task;
use machuser::{
    AnyRight, Call, DataOut, Error, Outcome, ReceiveRight, Request, Result, Right, SendRight,
};
use ports::{Object, Server};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use trivfs::{Node, Open, Translator};

const HELLO: &[u8] = b"hello, world\n";

struct Hello;

impl Node for Hello {
    type State = ();

    fn stat(&self, stat: &mut StatBuf) {
        stat.mode = S_IFREG | 0o444;
        stat.size = HELLO.len() as i64;
    }

    fn read(
        &self,
        _: &Open<'_, Self>,
        offset: u64,
        amount: usize,
        to: &mut DataOut<'_>,
    ) -> Result<()> {
        let from = HELLO.get(offset as usize..).unwrap_or_default();
        to.write(&from[..from.len().min(amount)]);
        Ok(())
    }

    fn options(&self) -> Vec<u8> {
        b"hello\0".to_vec()
    }
}

/// The file that the translator sits on: readable for user 7 only.
struct Below {
    server: Arc<Server>,
    user: User,
}

impl Object for Below {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        io::dispatch(self, request).or_else(|| fs::dispatch(self, request))
    }
}

impl Below {
    fn status(&self) -> StatBuf {
        StatBuf {
            mode: S_IFREG | 0o600,
            uid: 7,
            gid: 7,
            ino: 99,
            ..Default::default()
        }
    }
}

impl io::Io for Below {
    fn io_stat(&self, _: &Call<'_>) -> Result<StatBuf> {
        Ok(self.status())
    }
    fn io_restrict_auth(
        &self,
        call: &Call<'_>,
        uids: Vec<u32>,
        gids: Vec<u32>,
    ) -> Result<Right<'static>> {
        let user = self.user.restricted(&uids, &gids);
        self.server.reply_port(
            call,
            Arc::new(Below {
                server: self.server.clone(),
                user,
            }),
        )
    }
}

impl fs::Fs for Below {
    fn file_check_access(&self, _: &Call<'_>) -> Result<i32> {
        Ok(fshelp::access::open_modes(fshelp::access::granted(
            &self.status(),
            &self.user,
        )))
    }
}

/// A file server with one node, which has a translator.
struct Parent {
    task: Task,
    server: Arc<Server>,
    translator: Arc<TransBox>,
    starts: Arc<AtomicUsize>,
}

impl Parent {
    fn new() -> Parent {
        let task = Task::new();
        let server = task.run(|| {
            let server = Server::new().unwrap();
            server.start().unwrap();
            server
        });
        Parent {
            task,
            server,
            translator: Arc::default(),
            starts: Arc::default(),
        }
    }

    fn start(&self) -> Result<Option<Arc<SendRight>>> {
        self.starts.fetch_add(1, Ordering::SeqCst);
        let server = self.server.clone();
        let underlying = move |_flags: i32| {
            let user = User::new(vec![0], vec![0]);
            Ok(server
                .port(Arc::new(Below {
                    server: server.clone(),
                    user,
                }))?
                .right())
        };
        let call = Call::direct(0);
        let control =
            fshelp::start::start_translator(&self.server, &call, &underlying, &mut |bootstrap| {
                let child = Arc::new(Task::new());
                let bootstrap = child.give_send(bootstrap.into())?;
                let of_child = child.clone();
                child.spawn(move || {
                    let killed = of_child.clone();
                    let translator = Translator::new(Hello, move || killed.kill()).unwrap();
                    translator.server().start().unwrap();
                    translator.startup(&bootstrap).unwrap();
                });
                Ok(Box::new(move || child.kill()))
            })?;
        Ok(Some(Arc::new(control)))
    }

    fn lookup(&self, uids: &[u32], flags: i32) -> Result<SendRight> {
        let right = self.task.run(|| {
            let call = Call::direct(0);
            let root = self.translator.fetch_root(
                &call,
                uids,
                &[],
                flags,
                &|| Ok(Right::null()),
                &|| self.start(),
            )?;
            let (retry, name, right) = root.expect("there is something to start");
            assert_eq!((retry, name.len()), (fs::FS_RETRY_NORMAL, 0));
            Ok(right)
        })?;
        // As the answer of dir_lookup would carry it.
        Task::first().give_send(right)
    }
}

#[test]
fn a_translator_is_started_on_demand_and_once() {
    let parent = Parent::new();
    let file = parent.lookup(&[7], O_READ).unwrap();
    let mut text = [0; 100];
    assert_eq!(io::io_read(&file, -1, 5, &mut text), Ok(5));
    assert_eq!(io::io_read(&file, -1, 100, &mut text), Ok(HELLO.len() - 5));
    assert_eq!(&text[..3], b", w");
    assert_eq!(io::io_read(&file, -1, 100, &mut text), Ok(0));
    assert_eq!(io::io_seek(&file, -6, io::SEEK_END), Ok(7));
    assert_eq!(io::io_read(&file, -1, 100, &mut text), Ok(6));
    assert_eq!(io::io_write(&file, b"x", 0), Err(Error::EBADF));
    let again = parent.lookup(&[7], O_READ).unwrap();
    assert_ne!(again, file);
    assert_eq!(parent.starts.load(Ordering::SeqCst), 1);
}

#[test]
fn the_permissions_are_those_of_the_file_below() {
    let parent = Parent::new();
    assert_eq!(parent.lookup(&[8], O_READ), Err(Error::EACCES));
    assert_eq!(parent.lookup(&[7], O_WRITE), Err(Error::EROFS));
    let unopened = parent.lookup(&[8], 0).unwrap();
    assert_eq!(fs::file_check_access(&unopened), Ok(0));
    let mut byte = [0; 1];
    assert_eq!(io::io_read(&unopened, 0, 1, &mut byte), Err(Error::EBADF));
    let file = parent.lookup(&[7], 0).unwrap();
    assert_eq!(fs::file_check_access(&file), Ok(O_READ));
    let (_, _, opened) = fs::dir_lookup(&file, "", O_READ, 0).unwrap();
    assert_eq!(io::io_read(opened.unwrap(), 0, 1, &mut byte), Ok(1));
    assert_eq!(fs::dir_lookup(&file, "x", O_READ, 0), Err(Error::ENOTDIR));
    let lesser = io::io_restrict_auth(&file, &[], &[]).unwrap().unwrap();
    assert_eq!(fs::file_check_access(&lesser), Ok(0));
}

#[test]
fn the_status_shows_the_node_and_the_owner_of_the_file_below() {
    let parent = Parent::new();
    let file = parent.lookup(&[7], O_READ).unwrap();
    let stat = io::io_stat(&file).unwrap();
    assert_eq!((stat.uid, stat.ino, stat.size), (7, 99, HELLO.len() as i64));
    assert_eq!(stat.mode, S_IFREG | S_IROOT | 0o444);
    let (node, fs, number) = io::io_identity(&file).unwrap();
    let duplicate = io::io_duplicate(&file).unwrap().unwrap();
    assert_eq!(io::io_identity(&duplicate), Ok((node, fs, number)));
}

#[test]
fn a_translator_in_use_goes_only_when_forced_and_is_started_anew() {
    let parent = Parent::new();
    let file = parent.lookup(&[7], O_READ).unwrap();
    let control = parent.translator.control().unwrap();
    let go = |flags| parent.task.run(|| fsys_goaway(&*control, flags));
    assert_eq!(
        parent.task.run(|| fsys_get_options(&*control)),
        Ok(b"hello\0".to_vec())
    );
    assert_eq!(go(0), Err(Error::EBUSY));
    assert_eq!(go(FSYS_GOAWAY_FORCE), Ok(()));
    let mut byte = [0; 1];
    for _ in 0..500 {
        if io::io_read(&file, 0, 1, &mut byte).is_err() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(
        io::io_read(&file, 0, 1, &mut byte)
            .unwrap_err()
            .is_server_died()
    );
    let again = parent.lookup(&[7], O_READ).unwrap();
    assert_eq!(io::io_read(&again, 0, 1, &mut byte), Ok(1));
    assert_eq!(parent.starts.load(Ordering::SeqCst), 2);
}

#[test]
fn who_ends_after_it_has_started_a_program_has_answered_it() {
    for _ in 0..100 {
        let parent = Parent::new();
        let (answer, answered) = std::sync::mpsc::channel();
        let result = parent.task.run(|| {
            let call = Call::direct(0);
            let underlying = |_| Ok(Right::null());
            let control = fshelp::start::start_translator(
                &parent.server,
                &call,
                &underlying,
                &mut |bootstrap| {
                    let child = Arc::new(Task::new());
                    let bootstrap = child.give_send(bootstrap.into())?;
                    let (kept, answer) = (child.clone(), answer.clone());
                    child.spawn(move || {
                        let translator = Translator::new(Hello, || ()).unwrap();
                        translator.server().start().unwrap();
                        answer.send(translator.startup(&bootstrap).map(drop)).unwrap();
                        kept.kill();
                    });
                    Ok(Box::new(|| ()))
                },
            );
            control.map(drop)
        });
        parent.task.kill();
        assert_eq!((result, answered.recv().unwrap()), (Ok(()), Ok(())));
    }
}

#[test]
fn a_program_that_gives_up_its_request_holds_nobody_up() {
    let parent = Parent::new();
    let child = Arc::new(Task::new());
    let kept = std::sync::OnceLock::new();
    let result = parent.task.run(|| {
        let call = Call::direct(0);
        // The request is interrupted while its answer is made.
        let underlying = |_| {
            child
                .run(|| interface::interrupt::interrupt_operation(kept.get().unwrap()))
                .unwrap();
            Ok(Right::null())
        };
        fshelp::start::start_translator(&parent.server, &call, &underlying, &mut |bootstrap| {
            let bootstrap = child.give_send(bootstrap.into())?;
            let (own, request) = (child.clone(), bootstrap.clone());
            kept.set(bootstrap).unwrap();
            child.spawn(move || {
                let translator = Translator::new(Hello, || ()).unwrap();
                translator.server().start().unwrap();
                let _ = translator.startup(&request);
                drop(own);
            });
            Ok(Box::new(|| ()))
        })
        .map(drop)
    });
    assert!(matches!(result, Ok(()) | Err(Error::EDIED)), "{result:?}");
}

#[test]
fn a_program_that_ends_before_it_says_that_it_runs_is_an_error() {
    let parent = Parent::new();
    let result = parent.task.run(|| {
        let call = Call::direct(0);
        let underlying = |_| Ok(Right::null());
        fshelp::start::start_translator(&parent.server, &call, &underlying, &mut |bootstrap| {
            let child = Task::new();
            child.give_send(bootstrap.into())?.into_raw();
            child.kill();
            Ok(Box::new(|| {}))
        })
    });
    assert_eq!(result, Err(Error::EDIED));
}

/// An auth server with just enough for the exchange.
struct Handle {
    world: Arc<World>,
    uids: Vec<u32>,
}

#[derive(Default)]
struct World {
    meetings: Mutex<HashMap<u32, Meeting>>,
    changed: Condvar,
}

#[derive(Default)]
struct Meeting {
    uids: Option<Vec<u32>>,
    newport: Option<AnyRight>,
    answered: bool,
}

impl Object for Handle {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        auth::dispatch(self, request)
    }
}

impl auth::Auth for Handle {
    fn auth_user_authenticate(
        &self,
        call: &Call<'_>,
        rendezvous: Option<SendRight>,
    ) -> Result<Right<'static>> {
        let rendezvous = rendezvous.ok_or(Error::EINVAL)?;
        let mut meetings = self.world.meetings.lock();
        meetings.entry(rendezvous.as_raw()).or_default().uids = Some(self.uids.clone());
        self.world.changed.notify_all();
        loop {
            let meeting = meetings
                .get_mut(&rendezvous.as_raw())
                .ok_or(Error::EINVAL)?;
            if meeting.answered
                && let Some(port) = meeting.newport.take()
            {
                meetings.remove(&rendezvous.as_raw());
                return Ok(port.into());
            }
            meetings = self.world.changed.wait_cancellable(meetings, call)?;
        }
    }

    fn auth_server_authenticate(
        &self,
        call: &Call<'_>,
        rendezvous: Option<SendRight>,
        newport: Option<AnyRight>,
    ) -> Result<(Vec<u32>, Vec<u32>, Vec<u32>, Vec<u32>)> {
        let rendezvous = rendezvous.ok_or(Error::EINVAL)?;
        let mut newport = newport;
        let mut meetings = self.world.meetings.lock();
        loop {
            let meeting = meetings.entry(rendezvous.as_raw()).or_default();
            if newport.is_some() {
                meeting.newport = newport.take();
            }
            if let Some(uids) = meeting.uids.clone() {
                meeting.answered = true;
                self.world.changed.notify_all();
                return Ok((uids.clone(), uids, vec![], vec![]));
            }
            meetings = self.world.changed.wait_cancellable(meetings, call)?;
        }
    }
}

#[test]
fn an_open_file_is_handed_to_another_user_by_authentication() {
    let world = Arc::new(World::default());
    let auth_task = Task::new();
    let handles = auth_task.run(|| {
        let server = Server::new().unwrap();
        server.start().unwrap();
        [vec![0], vec![7], vec![8]].map(|uids| {
            let port = server
                .port(Arc::new(Handle {
                    world: world.clone(),
                    uids,
                }))
                .unwrap();
            Task::first().give_send(port.right()).unwrap()
        })
    });
    let [root, seven, eight] = handles;
    // The translator's own handle; the environment belongs to the process here.
    env::set(Startup::default());
    env::set_port(init_port::AUTH, Some(root)).unwrap();

    let parent = Parent::new();
    let file = parent.lookup(&[7], O_READ).unwrap();
    for (handle, allowed) in [(&seven, O_READ), (&eight, 0)] {
        let rendezvous = ReceiveRight::allocate().unwrap();
        io::io_reauthenticate(&file, Right::make_send(&rendezvous)).unwrap();
        let new = auth::auth_user_authenticate(handle, Right::make_send(&rendezvous))
            .unwrap()
            .expect("a port");
        assert_eq!(fs::file_check_access(&new), Ok(allowed));
    }
    assert_eq!(fsys::fsys_syncfs(&file, 1, 0), Err(Error::MIG_BAD_ID));
}
