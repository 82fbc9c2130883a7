//! What a client writes into a window is looked at with care.

use machuser::Request;
use machuser::server::{Input, MessageBuffer, Snapshot};
use machuser::sys::{Incoming, Task};
use machuser::window::SharedMemory;
use machuser::wire::{LABEL_WINDOW, TOKEN_BODY};
use machuser::{Error, ReceiveRight, Right, Source};
use proptest::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The pool of windows is the program's, so these tests run one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn with_window(test: impl FnOnce(&Task, u64, &dyn Fn(usize, u64))) {
    let _alone = alone();
    let server = Task::new();
    let port = server.run(|| ReceiveRight::allocate().unwrap());
    let right = server.run(|| Task::first().give_send(Right::make_send(&port)).unwrap());
    let window = machuser::window::borrow(right.as_raw(), 100).unwrap();
    let memory: &SharedMemory = window.memory();
    test(&server, window.token(), &|at, word| {
        memory.set_word(at, word)
    });
    server.kill();
}

/// A request's arguments, what it refers to, and the request.
type Opened<'r, 's> = (&'r mut Input<'s>, &'r Snapshot<'s>, &'r mut Request<'s>);

fn open<T>(
    words: &[u64],
    then: impl FnOnce(Result<Opened<'_, '_>, u32>) -> T,
) -> T {
    let mut mrs = [0; 4];
    mrs[..words.len()].copy_from_slice(words);
    let incoming = Incoming {
        badge: 16,
        label: 21000 | LABEL_WINDOW,
        len: words.len(),
        mrs,
    };
    let mut buffer = MessageBuffer::new(None);
    let mut request = buffer.request(&incoming);
    let mut snapshot = Snapshot::new();
    match request.open(&mut snapshot, false, false) {
        Ok(opened) => {
            let mut input = snapshot.input(opened);
            then(Ok((&mut input, &snapshot, &mut request)))
        }
        Err(_) => {
            then(Err(buffer.put_answer().2[0] as u32))
        }
    }
}

#[test]
fn a_body_longer_than_its_window_is_refused() {
    with_window(|server, token, _| {
        server.run(|| {
            for words in [2049, 1 << 20, u64::MAX, 1 << 61] {
                open(&[token | TOKEN_BODY, words], |result| {
                    assert_eq!(result.err(), Some(Error::MIG_BAD_ARGUMENTS.0));
                });
            }
            open(&[token | TOKEN_BODY, 2048], |result| {
                assert!(result.is_ok())
            });
            // Words beside the body in the window belong to nothing.
            open(&[token | TOKEN_BODY, 1, 5], |result| {
                assert!(result.is_err())
            });
        });
    });
}

#[test]
fn a_window_of_somebody_else_is_unknown() {
    with_window(|_, token, _| {
        let other = Task::new();
        other.run(|| open(&[token, 0], |result| assert!(result.is_err())));
    });
}

#[test]
fn a_reply_never_leaves_its_window() {
    with_window(|server, token, _| {
        server.run(|| {
            open(&[token], |result| {
                let (_, snapshot, request) = result.unwrap();
                let mut data = request.data_out(snapshot, 2, 1);
                assert_eq!(data.capacity(), 16384 - 4 * 8);
                assert_eq!(data.write(&[7; 40_000]), 16384 - 4 * 8);
                assert_eq!(data.write(&[7]), 0);
                let data = request.data_out(snapshot, 5000, 1);
                assert_eq!(data.capacity(), 0);
            });
        });
    });
}

proptest! {
    #[test]
    fn any_body_in_a_window_is_read_within_its_bounds(
        words in proptest::collection::vec(prop_oneof![0u64..64, any::<u64>()], 0..64),
        steps in proptest::collection::vec(0..4, 0..16),
    ) {
        with_window(|server, token, set| {
            for (at, word) in words.iter().enumerate() {
                set(at, *word);
            }
            server.run(|| {
                open(&[token | TOKEN_BODY, words.len() as u64], |result| {
                    let (input, ..) = result.unwrap();
                    for step in steps {
                        let left = input.reader.remaining();
                        let _ = match step {
                            0 => input.reader.word().map(drop),
                            1 => input.reader.bytes(usize::MAX).map(|b| assert!(b.len() <= left * 8)),
                            2 => input.reader.array::<i32>().map(|a| assert!(a.len() <= left)),
                            _ => input.reader.data().map(|d| assert!(d.to_vec().len() <= left * 8)),
                        };
                    }
                });
            });
        });
    }
}

#[test]
fn windows_of_servers_that_are_gone_are_given_up() {
    let _alone = alone();
    let mut tokens = Vec::new();
    let mut servers = Vec::new();
    for _ in 0..100 {
        let server = Task::new();
        let port = server.run(|| ReceiveRight::allocate().unwrap());
        let right = server.run(|| Task::first().give_send(Right::make_send(&port)).unwrap());
        let window = machuser::window::borrow(right.as_raw(), 100).unwrap();
        tokens.push(window.token());
        drop(window);
        servers.push((server, port));
    }
    let kept = tokens
        .iter()
        .zip(&servers)
        .filter(|(token, (server, _))| server.run(|| machuser::sys::window_accept(**token).is_ok()))
        .count();
    assert_eq!(kept, 32);
    for (server, port) in servers {
        server.run(|| drop(port));
        server.kill();
    }
}
