use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::time::Duration;

use interface::auth;
use machuser::sync::{Condvar, Mutex};
use machuser::{AnyRight, Call, Error, Outcome, Request, Result, Right, SendRight, sys};
use ports::{Object, Port, Server, client_of};

use crate::{Event, Ids, Meetings, Token, merge};

/// The server's state.
pub struct Auth {
    me: Weak<Auth>,
    server: Arc<Server>,
    state: Mutex<State>,
    patience: Duration,
}

#[derive(Default)]
struct State {
    meetings: Meetings<SendRight>,
    waiting: BTreeMap<Token, Arc<Waiter>>,
}

/// A request that waits for the other side.
#[derive(Default)]
struct Waiter {
    ended: Condvar,
    end: Mutex<Option<End>>,
}

enum End {
    User(Result<SendRight>),
    Server(Result<Ids>),
}

impl State {
    /// Ends the requests that `events` tell of, in order.
    fn apply(&mut self, events: Vec<Event<SendRight>>) {
        for event in events {
            let (token, end) = match event {
                Event::User(token, port) => (token, End::User(port)),
                Event::Server(token, ids) => (token, End::Server(ids)),
                Event::Idle(_) => continue,
            };
            if let Some(waiter) = self.waiting.remove(&token) {
                *waiter.end.lock() = Some(end);
                waiter.ended.notify_all();
            }
        }
    }
}

impl Auth {
    /// The server's state; its handles are ports of `server`. Who comes to a rendezvous waits for
    /// `patience`.
    pub fn new(server: Arc<Server>, patience: Duration) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            server,
            state: Mutex::default(),
            patience,
        })
    }

    /// A handle of these ids, whoever asks.
    pub fn handle(&self, ids: Ids) -> Result<Port> {
        self.server.port(self.object(ids)?)
    }

    fn object(&self, ids: Ids) -> Result<Arc<Handle>> {
        let auth = self.me.upgrade().ok_or(Error::KERN_TERMINATED)?;
        Ok(Arc::new(Handle { auth, ids }))
    }

    /// Brings one side to the rendezvous and waits for the other: until it comes, the rendezvous
    /// port dies (`EINVAL`), the request is interrupted, or patience ends (`ETIMEDOUT`). Without
    /// that end, a rendezvous at a port that outlives the one who proposed it would hold what waits
    /// there for good: two servers' ports that are each other's rendezvous keep each other alive.
    fn meet(
        &self,
        call: &Call<'_>,
        rendezvous: Option<SendRight>,
        arrive: impl FnOnce(&mut Meetings<SendRight>, u32) -> (Token, Vec<Event<SendRight>>),
    ) -> Result<End> {
        let rendezvous = rendezvous.ok_or(Error::EINVAL)?;
        let key = rendezvous.as_raw();
        if key == machuser::DEAD {
            return Err(Error::EINVAL);
        }
        let waiter = Arc::new(Waiter::default());
        let mut state = self.state.lock();
        let (token, events) = arrive(&mut state.meetings, key);
        state.waiting.insert(token, waiter.clone());
        state.apply(events);
        let waits = state.waiting.contains_key(&token);
        drop(state);

        let mut watch = None;
        if waits {
            let me = self.me.clone();
            let told = self.server.watch_death(&rendezvous, move || {
                if let Some(auth) = me.upgrade() {
                    let mut state = auth.state.lock();
                    let events = state.meetings.died(key);
                    state.apply(events);
                }
            });
            match told {
                Ok(told) => watch = Some(told),
                Err(_) => {
                    let mut state = self.state.lock();
                    let events = state.meetings.died(key);
                    state.apply(events);
                }
            }
        }
        let deadline = sys::now().saturating_add(self.patience);
        let end = loop {
            let mut end = waiter.end.lock();
            if let Some(end) = end.take() {
                break end;
            }
            let left = deadline.saturating_sub(sys::now());
            let waited = waiter.ended.wait_timeout_cancellable(end, left, call);
            let error = match waited.map(|(_, result)| result.timed_out()) {
                Ok(true) => Error::ETIMEDOUT,
                Ok(false) => continue,
                Err(error) => error,
            };
            // This request's end is among the events, if it has not come meanwhile.
            let mut state = self.state.lock();
            let events = state.meetings.given_up(key, token, error);
            state.apply(events);
        };
        drop(watch);
        Ok(end)
    }
}

/// An auth handle.
pub struct Handle {
    auth: Arc<Auth>,
    ids: Ids,
}

impl Object for Handle {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        auth::dispatch(self, request)
    }

    fn client(&self) -> u64 {
        let Ids { euids, auids, .. } = &self.ids;
        client_of(if euids.is_empty() { auids } else { euids })
    }
}

impl auth::Auth for Handle {
    fn auth_getids(&self, _: &Call<'_>) -> Result<(Vec<u32>, Vec<u32>, Vec<u32>, Vec<u32>)> {
        let Ids {
            euids,
            auids,
            egids,
            agids,
        } = self.ids.clone();
        Ok((euids, auids, egids, agids))
    }

    /// Ports that are no handles of this server count for nothing.
    fn auth_makeauth(
        &self,
        call: &Call<'_>,
        other_handles: Vec<Option<SendRight>>,
        euids: Vec<u32>,
        auids: Vec<u32>,
        egids: Vec<u32>,
        agids: Vec<u32>,
    ) -> Result<Right<'static>> {
        let others: Vec<Arc<Handle>> = other_handles
            .iter()
            .flatten()
            .filter_map(|right| self.auth.server.object_of::<Handle>(right))
            .collect();
        let shown: Vec<&Ids> = core::iter::once(&self.ids)
            .chain(others.iter().map(|handle| &handle.ids))
            .collect();
        let ids = merge(
            &shown,
            Ids {
                euids,
                auids,
                egids,
                agids,
            },
        )?;
        self.auth.server.reply_port(call, self.auth.object(ids)?)
    }

    fn auth_user_authenticate(
        &self,
        call: &Call<'_>,
        rendezvous: Option<SendRight>,
    ) -> Result<Right<'static>> {
        let ids = self.ids.clone();
        let end = self
            .auth
            .meet(call, rendezvous, |meetings, key| meetings.user(key, ids))?;
        match end {
            End::User(port) => port.map(Right::from),
            End::Server(_) => Err(Error::EINVAL),
        }
    }

    fn auth_server_authenticate(
        &self,
        call: &Call<'_>,
        rendezvous: Option<SendRight>,
        newport: Option<AnyRight>,
    ) -> Result<(Vec<u32>, Vec<u32>, Vec<u32>, Vec<u32>)> {
        let port = match newport {
            Some(AnyRight::Send(port)) => Some(port),
            None => None,
            Some(_) => return Err(Error::EINVAL),
        };
        let end = self
            .auth
            .meet(call, rendezvous, |meetings, key| meetings.server(key, port))?;
        match end {
            End::Server(ids) => ids.map(|ids| (ids.euids, ids.auids, ids.egids, ids.agids)),
            End::User(_) => Err(Error::EINVAL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machuser::ReceiveRight;
    use machuser::sys::loopback::{Task, interrupt_thread};
    use std::sync::mpsc;

    const HOUR: Duration = Duration::from_secs(3600);

    /// An auth server in a task of its own, and a root handle for the test's task.
    fn started(patience: Duration) -> (Task, SendRight) {
        let client = Task::new();
        let task = Task::new();
        let root = task.run(|| {
            let server = Server::new().unwrap();
            let auth = Auth::new(server.clone(), patience);
            let root = auth.handle(Ids::root()).unwrap();
            server.start().unwrap();
            client.give_send(root.right()).unwrap()
        });
        (client, root)
    }

    fn handle(root: &SendRight, uid: u32) -> SendRight {
        let ids = [uid];
        auth::auth_makeauth(root, vec![], &ids, &ids, &ids, &ids)
            .unwrap()
            .unwrap()
    }

    #[test]
    fn the_server_learns_the_ids_and_the_user_gets_the_port() {
        let (client, root) = started(HOUR);
        client.run(|| {
            let alice = handle(&root, 1000);
            let daemon = handle(&root, 1);
            let rendezvous = ReceiveRight::allocate().unwrap();
            let theirs = rendezvous.make_send().unwrap();
            let port = ReceiveRight::allocate().unwrap();
            let given = port.make_send().unwrap();
            let given_name = given.as_raw();
            let server = client
                .spawn(move || auth::auth_server_authenticate(&daemon, &theirs, given).unwrap());
            let new = auth::auth_user_authenticate(&alice, Right::make_send(&rendezvous));
            let (euids, auids, egids, agids) = server.join().unwrap();
            assert_eq!(new.unwrap().unwrap().as_raw(), given_name);
            assert_eq!(
                (euids, auids, egids, agids),
                (vec![1000], vec![1000], vec![1000], vec![1000])
            );
        });
    }

    #[test]
    fn handles_are_made_of_what_is_shown() {
        let (client, root) = started(HOUR);
        client.run(|| {
            let (alice, games) = (handle(&root, 1000), handle(&root, 60));
            let both = [1000, 60];
            let refused = auth::auth_makeauth(&alice, vec![], &both, &[], &[], &[]);
            assert_eq!(refused.err(), Some(Error::EPERM));
            let made = auth::auth_makeauth(&alice, vec![(&games).into()], &both, &[], &[], &[]);
            let made = made.unwrap().unwrap();
            assert_eq!(auth::auth_getids(&made).unwrap().0, both);
            let foreign = ReceiveRight::allocate().unwrap();
            let shown = vec![Right::make_send(&foreign)];
            let refused = auth::auth_makeauth(&alice, shown, &[0], &[], &[], &[]);
            assert_eq!(refused.err(), Some(Error::EPERM));
        });
    }

    #[test]
    fn a_rendezvous_that_dies_ends_the_wait() {
        let (client, root) = started(HOUR);
        client.run(|| {
            let rendezvous = ReceiveRight::allocate().unwrap();
            let theirs = rendezvous.make_send().unwrap();
            let alice = handle(&root, 1000);
            let waiting = client.spawn(move || auth::auth_user_authenticate(&alice, &theirs).err());
            std::thread::sleep(std::time::Duration::from_millis(50));
            drop(rendezvous);
            assert_eq!(waiting.join().unwrap(), Some(Error::EINVAL));
        });
    }

    #[test]
    fn a_wait_can_be_interrupted() {
        let (client, root) = started(HOUR);
        client.run(|| {
            let rendezvous = ReceiveRight::allocate().unwrap();
            let theirs = rendezvous.make_send().unwrap();
            let alice = handle(&root, 1000);
            let (tell, told) = mpsc::channel();
            let waiting = client.spawn(move || {
                tell.send(machuser::sys::thread_number()).unwrap();
                auth::auth_user_authenticate(&alice, &theirs).err()
            });
            let number = told.recv().unwrap();
            while !interrupt_thread(number) {
                std::thread::yield_now();
            }
            assert_eq!(waiting.join().unwrap(), Some(Error::EINTR));
        });
    }

    #[test]
    fn a_wait_ends_when_nobody_comes() {
        let (client, root) = started(Duration::from_millis(20));
        client.run(|| {
            let rendezvous = ReceiveRight::allocate().unwrap();
            let theirs = rendezvous.make_send().unwrap();
            let port = ReceiveRight::allocate().unwrap();
            for _ in 0..2 {
                let user = auth::auth_user_authenticate(&root, &theirs);
                assert_eq!(user.err(), Some(Error::ETIMEDOUT));
                let server = auth::auth_server_authenticate(&root, &theirs, Right::make_send(&port));
                assert_eq!(server.err(), Some(Error::ETIMEDOUT));
            }
        });
    }
}
