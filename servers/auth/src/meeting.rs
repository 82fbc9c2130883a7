use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::Ids;
use machuser::{Error, Result};

/// Marks one waiting request.
pub type Token = u64;

/// What became of waiting requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event<R> {
    /// A user's request ends: with the port that the server gave, or an error.
    User(Token, Result<R>),
    /// A server's request ends: with the ids of the user that it met, or an error.
    Server(Token, Result<Ids>),
    /// Nobody waits at this rendezvous any more.
    Idle(u32),
}

/// A rendezvous at which one side waits for the other.
///
/// The key of a rendezvous is the name that it has in the auth server's port space: send rights
/// to one port have one name there, whoever sent them.
#[derive(Clone, Debug)]
pub struct Meetings<R> {
    waiting: BTreeMap<u32, Side<R>>,
    next: Token,
}

#[derive(Clone, Debug)]
enum Side<R> {
    User(Token, Ids),
    Server(Token, Option<R>),
}

impl<R> Default for Meetings<R> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            next: 0,
        }
    }
}

impl<R> Meetings<R> {
    fn token(&mut self) -> Token {
        self.next += 1;
        self.next
    }

    /// A user with these ids comes. A user who waits there already fails with `EINVAL`: this one
    /// takes the place. In a meeting the server's event comes first.
    pub fn user(&mut self, rendezvous: u32, ids: Ids) -> (Token, Vec<Event<R>>) {
        let token = self.token();
        match self.waiting.remove(&rendezvous) {
            Some(Side::Server(server, port)) => {
                let user = Event::User(token, port.ok_or(Error::EINVAL));
                let events = [
                    Event::Server(server, Ok(ids)),
                    user,
                    Event::Idle(rendezvous),
                ];
                (token, events.into())
            }
            other => {
                self.waiting.insert(rendezvous, Side::User(token, ids));
                let replaced = match other {
                    Some(Side::User(old, _)) => [Event::User(old, Err(Error::EINVAL))].into(),
                    _ => Vec::new(),
                };
                (token, replaced)
            }
        }
    }

    /// A server comes, with a port for the user (or none). A server who waits there already
    /// fails with `EINVAL`.
    pub fn server(&mut self, rendezvous: u32, port: Option<R>) -> (Token, Vec<Event<R>>) {
        let token = self.token();
        match self.waiting.remove(&rendezvous) {
            Some(Side::User(user, ids)) => {
                let server = Event::Server(token, Ok(ids));
                let user = Event::User(user, port.ok_or(Error::EINVAL));
                (token, [server, user, Event::Idle(rendezvous)].into())
            }
            other => {
                self.waiting.insert(rendezvous, Side::Server(token, port));
                let replaced = match other {
                    Some(Side::Server(old, _)) => [Event::Server(old, Err(Error::EINVAL))].into(),
                    _ => Vec::new(),
                };
                (token, replaced)
            }
        }
    }

    fn end(&mut self, rendezvous: u32, error: Error) -> Vec<Event<R>> {
        let event = match self.waiting.remove(&rendezvous) {
            Some(Side::User(token, _)) => Event::User(token, Err(error)),
            Some(Side::Server(token, _)) => Event::Server(token, Err(error)),
            None => return Vec::new(),
        };
        [event, Event::Idle(rendezvous)].into()
    }

    /// The rendezvous port is dead: whoever waits there fails with `EINVAL`.
    pub fn died(&mut self, rendezvous: u32) -> Vec<Event<R>> {
        self.end(rendezvous, Error::EINVAL)
    }

    /// A request waits no longer: it fails with `error`, unless it has ended already.
    pub fn given_up(&mut self, rendezvous: u32, token: Token, error: Error) -> Vec<Event<R>> {
        match self.waiting.get(&rendezvous) {
            Some(Side::User(waiting, _) | Side::Server(waiting, _)) if *waiting == token => {
                self.end(rendezvous, error)
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEET: u32 = 17;

    fn ids(uid: u32) -> Ids {
        Ids {
            euids: [uid].into(),
            ..Ids::default()
        }
    }

    #[test]
    fn the_two_sides_meet_in_either_order_and_the_server_is_told_first() {
        let mut m = Meetings::default();
        let (user, events) = m.user(MEET, ids(1));
        assert_eq!(events, []);
        let (server, events) = m.server(MEET, Some('p'));
        let met = [
            Event::Server(server, Ok(ids(1))),
            Event::User(user, Ok('p')),
            Event::Idle(MEET),
        ];
        assert_eq!(events, met);

        let (server, events) = m.server(MEET, Some('q'));
        assert_eq!(events, []);
        let (user, events) = m.user(MEET, ids(2));
        let met = [
            Event::Server(server, Ok(ids(2))),
            Event::User(user, Ok('q')),
            Event::Idle(MEET),
        ];
        assert_eq!(events, met);
    }

    #[test]
    fn meetings_at_different_ports_have_nothing_to_do_with_each_other() {
        let mut m = Meetings::default();
        m.user(MEET, ids(1));
        assert_eq!(m.server(MEET + 1, Some(())).1, []);
    }

    #[test]
    fn a_dead_rendezvous_fails_whoever_waits() {
        let mut m = Meetings::<()>::default();
        let (user, _) = m.user(MEET, ids(1));
        assert_eq!(
            m.died(MEET),
            [Event::User(user, Err(Error::EINVAL)), Event::Idle(MEET)]
        );
        let (server, _) = m.server(MEET, None);
        assert_eq!(
            m.died(MEET),
            [Event::Server(server, Err(Error::EINVAL)), Event::Idle(MEET)]
        );
        assert_eq!(m.died(MEET), []);
    }

    #[test]
    fn an_interrupted_request_leaves_the_place_to_the_next() {
        let mut m = Meetings::<()>::default();
        let (user, _) = m.user(MEET, ids(1));
        assert_eq!(m.given_up(MEET, user + 1, Error::EINTR), []);
        assert_eq!(
            m.given_up(MEET, user, Error::EINTR),
            [Event::User(user, Err(Error::EINTR)), Event::Idle(MEET)]
        );
        assert_eq!(m.server(MEET, Some(())).1, []);
    }

    #[test]
    fn a_second_user_takes_the_place_of_the_first() {
        let mut m = Meetings::default();
        let (first, _) = m.user(MEET, ids(1));
        let (second, events) = m.user(MEET, ids(2));
        assert_eq!(events, [Event::User(first, Err(Error::EINVAL))]);
        let (server, events) = m.server(MEET, Some(()));
        assert_eq!(events[0], Event::Server(server, Ok(ids(2))));
        assert_eq!(events[1], Event::User(second, Ok(())));
    }

    #[test]
    fn a_server_without_a_port_learns_who_came_and_the_user_fails() {
        let mut m = Meetings::<()>::default();
        let (user, _) = m.user(MEET, ids(1));
        let (server, events) = m.server(MEET, None);
        assert_eq!(events[0], Event::Server(server, Ok(ids(1))));
        assert_eq!(events[1], Event::User(user, Err(Error::EINVAL)));
    }
}
