//! Handles of identities: what they say, that nobody widens or forges one, and that a rendezvous
//! which never completes can be broken off.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

guest_tests::tests!(run);

#[cfg(not(target_os = "none"))]
fn run(_: &mut guest_tests::suite::Suite) {}
#[cfg(target_os = "none")]
use guest::run;

#[cfg(target_os = "none")]
mod guest {
    use alloc::vec;
    use alloc::vec::Vec;
    use core::time::Duration;
    use guest_tests::suite::Suite;
    use guest_tests::{get, same};
    use interface::auth::{
        auth_getids, auth_makeauth, auth_server_authenticate, auth_user_authenticate,
    };
    use interface::interrupt::interrupt_operation;
    use machuser::env::{self, init_port};
    use machuser::{Error, ReceiveRight, Result, Right, SendRight, thread};
    use posix::process::{self, Status};
    use posix::signal::{self, Signal};

    /// Long enough for another thread to come to its wait.
    const MOMENT: Duration = Duration::from_millis(50);

    fn handle() -> Result<SendRight> {
        env::port(init_port::AUTH).map(|port| (*port).clone()).ok_or(Error::EINVAL)
    }

    /// A handle with these ids, all effective, made from others.
    fn made(from: &SendRight, others: Vec<Right<'_>>, uids: &[u32], gids: &[u32]) -> Result<SendRight> {
        auth_makeauth(from, others, uids, &[], gids, &[])?.ok_or(Error::EINVAL)
    }

    /// Whether the server answers.
    fn answers(own: &SendRight) -> bool {
        auth_getids(own).is_ok()
    }

    pub fn run(suite: &mut Suite) {
        suite.check("a handle says whose it is", || {
            let (euids, _, egids, _) = get!(auth_getids(&get!(handle())));
            let ids = get!(process::ids());
            same!(euids.first().copied(), Some(process::effective_uid()));
            same!(egids.first().copied(), ids.egids.first().copied());
            Ok(())
        });
        suite.check("a handle of less is made, and is not widened again", || {
            let own = get!(handle());
            let (euids, _, egids, _) = get!(auth_getids(&own));
            let less = get!(made(&own, Vec::new(), &euids[..1], &[]));
            let ids = get!(auth_getids(&less));
            same!(ids, (euids[..1].to_vec(), Vec::new(), Vec::new(), Vec::new()));
            if euids[0] != 0 {
                same!(made(&less, Vec::new(), &euids[..1], &egids[..1]).err(), Some(Error::EPERM));
            }
            let nobody = get!(made(&own, Vec::new(), &[], &[]));
            same!(made(&nobody, Vec::new(), &euids[..1], &[]).err(), Some(Error::EPERM));
            same!(made(&nobody, Vec::new(), &[0], &[0]).err(), Some(Error::EPERM));
            Ok(())
        });
        suite.check("handles that are shown together give what each of them has", || {
            let own = get!(handle());
            let (euids, _, egids, _) = get!(auth_getids(&own));
            let user = get!(made(&own, Vec::new(), &euids[..1], &[]));
            let group = get!(made(&own, Vec::new(), &[], &egids[..1]));
            let both = get!(made(&user, vec![Right::from(&group)], &euids[..1], &egids[..1]));
            let ids = get!(auth_getids(&both));
            same!((&ids.0[..], &ids.2[..]), (&euids[..1], &egids[..1]));
            Ok(())
        });
        suite.check("a port that is no handle gives nothing", || {
            let nobody = get!(made(&get!(handle()), Vec::new(), &[], &[]));
            let port = get!(ReceiveRight::allocate());
            let forged = vec![Right::make_send(&port)];
            same!(made(&nobody, forged, &[0], &[]).is_err(), true);
            let task = get!(machuser::mach::task_create(machuser::mach::SELF));
            same!(made(&nobody, vec![Right::from(&task)], &[0], &[]).is_err(), true);
            same!(auth_getids(&task).is_err(), true);
            get!(machuser::mach::task_terminate(&task));
            same!(answers(&nobody), true);
            Ok(())
        });
        suite.check("a user whom no server awaits is called back", || {
            let own = get!(handle());
            let alone = get!(made(&own, Vec::new(), &[], &[]));
            let waits = alone.clone();
            let user = get!(thread::try_spawn(move || {
                let port = ReceiveRight::allocate()?;
                auth_user_authenticate(&waits, Right::make_send(&port)).map(drop)
            }));
            thread::sleep(MOMENT);
            same!(user.is_finished(), false);
            get!(interrupt_operation(&alone));
            same!(user.join(), Some(Err(Error::EINTR)));
            same!(answers(&own), true);
            Ok(())
        });
        suite.check("a server to which no user comes is called back", || {
            let own = get!(handle());
            let alone = get!(made(&own, Vec::new(), &[], &[]));
            let waits = alone.clone();
            let server = get!(thread::try_spawn(move || {
                let port = ReceiveRight::allocate()?;
                auth_server_authenticate(&waits, Right::make_send(&port), Right::null()).map(drop)
            }));
            thread::sleep(MOMENT);
            same!(server.is_finished(), false);
            get!(interrupt_operation(&alone));
            same!(server.join(), Some(Err(Error::EINTR)));
            same!(answers(&own), true);
            Ok(())
        });
        suite.check("a process that waits for a rendezvous is killed as any other", || {
            let own = get!(handle());
            match get!(process::fork()) {
                None => {
                    let waited = ReceiveRight::allocate()
                        .and_then(|port| auth_user_authenticate(&own, Right::make_send(&port)));
                    process::exit(waited.is_ok() as i32)
                }
                Some(child) => {
                    thread::sleep(MOMENT);
                    get!(signal::kill(child, Signal::TERM));
                    same!(get!(process::wait_for(child)), Status::Signaled(Signal::TERM));
                }
            }
            same!(answers(&own), true);
            Ok(())
        });
        suite.check("many rendezvous that nobody completes are all called back", || {
            let own = get!(handle());
            for _ in 0..50 {
                let alone = get!(made(&own, Vec::new(), &[], &[]));
                let waits = alone.clone();
                let user = get!(thread::try_spawn(move || {
                    let port = ReceiveRight::allocate()?;
                    auth_user_authenticate(&waits, Right::make_send(&port)).map(drop)
                }));
                while !user.is_finished() {
                    thread::sleep(Duration::from_millis(1));
                    get!(interrupt_operation(&alone));
                }
                same!(user.join(), Some(Err(Error::EINTR)));
            }
            same!(answers(&own), true);
            Ok(())
        });
    }
}
