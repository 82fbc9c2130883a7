//! Ports that are made for an answer and die soon after: when their server is told, and how the next
//! one takes over what is left of the last.

use crate::common::{Caller, World};
use mach::abi::disposition::*;
use mach::abi::{INDEX_MASK, notify, right, routine};
use mach::Error;

const POLL: u64 = u64::MAX;
/// Spare ports of a task, at most.
const SPARES: usize = 8;

/// A server and a client that calls it: (server, client, the name of the client's task).
fn server_with_client(w: &mut World) -> (Caller, Caller, u64) {
    let root = w.boot_root();
    let (client, client_name) = another_client(w, root);
    (root, client, client_name)
}

/// Another task that calls the server.
fn another_client(w: &mut World, server: Caller) -> (Caller, u64) {
    let (client, client_name) = w.task(server, 0);
    let port = w.port(server);
    let to = w.give(server, client_name, port, MAKE_SEND);
    w.mach.kernel().call_begin(client.thread, to as u32, 1);
    (client, client_name)
}

/// Drops the rights in a client's inbox.
fn rights_dropped(w: &mut World, server: Caller, client: Caller, task: u64) {
    for right in w.mach.kernel().inbox_take(client.thread) {
        let name = (right & 0x0fff_ffff) as u64;
        w.ask(server, routine::MACH_PORT_DEALLOCATE, &[task, name]).unwrap();
    }
}

/// Ports for a client, which drops its rights at once: their names, and what the last answer told.
fn lapsed_ports(w: &mut World, server: Caller, client: Caller, task: u64, count: usize) -> Vec<u64> {
    let number = client.number as u64;
    let mut names = Vec::new();
    for _ in 0..count {
        names.push(w.ask(server, routine::REPLY_NEW_PORT, &[number, 2]).unwrap()[0]);
    }
    rights_dropped(w, server, client, task);
    w.check();
    names
}

#[test]
fn ports_that_died_are_told_of_with_the_next_one() {
    let mut w = World::new();
    let (server, client, task) = server_with_client(&mut w);
    let mut gone = lapsed_ports(&mut w, server, client, task, 4);
    w.refused(server, routine::MSG_RECEIVE, &[0, POLL], Error::MACH_RCV_TIMED_OUT);
    let (other, _) = another_client(&mut w, server);
    let mut told = Vec::new();
    for _ in 0..2 {
        let answer = w.ask(server, routine::REPLY_NEW_PORT, &[other.number as u64, 2]).unwrap();
        told.extend(answer[1..].iter().copied().filter(|name| *name != 0));
    }
    gone.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, gone);
    w.finish();
}

#[test]
fn ports_that_died_are_told_of_a_moment_later() {
    let mut w = World::new();
    let (server, client, task) = server_with_client(&mut w);
    let gone = lapsed_ports(&mut w, server, client, task, 2);
    w.mach.kernel().time_advance(1_000_000);
    w.mach.timer();
    for name in gone {
        let message = w.ask(server, routine::MSG_RECEIVE, &[0, POLL]).unwrap();
        assert_eq!((message[0], message[1]), (0, notify::NO_SENDERS as u64));
        assert_eq!(message[5..], [name]);
    }
    w.check();
    w.finish();
}

#[test]
fn very_many_ports_that_died_are_told_of_at_once() {
    let mut w = World::new();
    let (server, client, task) = server_with_client(&mut w);
    lapsed_ports(&mut w, server, client, task, 64);
    for _ in 0..64 {
        w.ask(server, routine::MSG_RECEIVE, &[0, POLL]).unwrap();
    }
    w.finish();
}

#[test]
fn a_port_whose_end_was_asked_for_is_told_of_at_once() {
    let mut w = World::new();
    let (server, client, task) = server_with_client(&mut w);
    let name = w.ask(server, routine::REPLY_NEW_PORT, &[client.number as u64, 2]).unwrap()[0];
    let words = [0, name, notify::NO_SENDERS as u64, 1, name, MAKE_SEND_ONCE as u64];
    w.ask(server, routine::MACH_PORT_REQUEST_NOTIFICATION, &words).unwrap();
    rights_dropped(&mut w, server, client, task);
    let message = w.ask(server, routine::MSG_RECEIVE, &[0, POLL]).unwrap();
    assert_eq!(message[5..], [name]);
    w.check();
    w.finish();
}

/// A port made for an answer, whose end is told in passing.
struct Made {
    /// The receive right's name.
    own: u64,
    /// The client's name.
    given: u64,
    told: Vec<u64>,
}

fn made(w: &mut World, server: Caller, client: Caller) -> Made {
    let port = first_right(w, client);
    w.mach.kernel().call_begin(client.thread, port, 1);
    let answer = w.ask(server, routine::REPLY_NEW_PORT, &[client.number as u64, 2]).unwrap();
    w.mach.kernel().call_answer(client.thread);
    let inbox = w.mach.kernel().inbox_take(client.thread);
    w.check();
    let told = answer[1..].iter().copied().filter(|name| *name != 0).collect();
    Made { own: answer[0], given: (inbox[0] & 0x0fff_ffff) as u64, told }
}

/// A server, a client that calls it only when a port is made for it, and the name of its task.
fn server_with_idle_client(w: &mut World) -> (Caller, Caller, u64) {
    let (server, client, task) = server_with_client(w);
    w.mach.kernel().call_answer(client.thread);
    (server, client, task)
}

/// The name of a task's first send right.
fn first_right(w: &mut World, task: Caller) -> u32 {
    let names = w.ask(task, routine::MACH_PORT_NAMES, &[0, 0]).unwrap();
    let send = 1 << (right::SEND + 16);
    names[1..].iter().find(|word| *word >> 32 == send).map(|word| *word as u32).unwrap()
}

fn given_back(w: &mut World, client: Caller, port: &Made) {
    w.ask(client, routine::MACH_PORT_DEALLOCATE, &[0, port.given]).unwrap();
    w.check();
}

fn rights_used(w: &mut World, caller: Caller) -> u64 {
    w.ask(caller, routine::ACCOUNT_INFO, &[0]).unwrap()[5]
}

fn index(name: u64) -> u64 {
    name & INDEX_MASK as u64
}

#[test]
fn a_port_that_its_client_gave_back_is_the_next_one_that_it_gets() {
    let mut w = World::new();
    let (server, client, _) = server_with_idle_client(&mut w);
    let mut last = made(&mut w, server, client);
    let rights = rights_used(&mut w, server);
    for _ in 0..600 {
        let names = w.ask(client, routine::MACH_PORT_NAMES, &[0, 0]).unwrap();
        given_back(&mut w, client, &last);
        // Free for both, as far as they can tell, and paid for by nobody.
        for (holder, name) in [(server, last.own), (client, last.given)] {
            let words = [0, name];
            w.refused(holder, routine::MACH_PORT_TYPE, &words, Error::KERN_INVALID_NAME);
            w.refused(holder, routine::MACH_PORT_DESTROY, &words, Error::KERN_INVALID_NAME);
            let words = [0, 0, name, MAKE_SEND as u64];
            w.ask(holder, routine::MACH_PORT_INSERT_RIGHT, &words).unwrap_err();
        }
        assert_eq!(w.ask(client, routine::MACH_PORT_NAMES, &[0, 0]).unwrap()[0], names[0] - 1);
        assert_eq!(rights_used(&mut w, server), rights - 2);
        let next = made(&mut w, server, client);
        assert_eq!((next.own, &next.told[..]), (last.own, &[last.own][..]));
        assert_eq!(index(next.given), index(last.given));
        assert_ne!(next.given, last.given);
        assert_eq!(rights_used(&mut w, server), rights);
        let status = w.ask(server, routine::MACH_PORT_GET_RECEIVE_STATUS, &[0, next.own]).unwrap();
        // Made once, not received from, the usual limit, nothing waits, one sender.
        assert_eq!(status[1..7], [0, 1, 16, 0, 0, 1], "{status:?}");
        last = next;
    }
    w.finish();
}

#[test]
fn what_is_left_of_a_port_lasts_until_its_server_is_told() {
    let mut w = World::new();
    let (server, client, _) = server_with_idle_client(&mut w);
    let port = made(&mut w, server, client);
    given_back(&mut w, client, &port);
    w.mach.kernel().time_advance(1_000_000);
    w.mach.timer();
    w.check();
    let message = w.ask(server, routine::MSG_RECEIVE, &[0, POLL]).unwrap();
    assert_eq!(message[5..], [port.own]);
    let next = made(&mut w, server, client);
    assert_ne!(next.own, port.own);
    assert!(next.told.is_empty());
    w.finish();
}

#[test]
fn a_port_that_somebody_else_ever_had_a_name_for_is_nobodys_next_one() {
    let mut w = World::new();
    let (server, client, task) = server_with_idle_client(&mut w);
    let (other, other_task) = another_client(&mut w, server);
    w.mach.kernel().call_answer(other.thread);
    for how in [COPY_SEND, MOVE_SEND] {
        let port = made(&mut w, server, client);
        let words = [task, port.given, how as u64];
        let here = w.get(server, routine::MACH_PORT_EXTRACT_RIGHT, &words);
        let there = w.give(server, other_task, here, MOVE_SEND);
        if how == COPY_SEND {
            w.ask(other, routine::MACH_PORT_DEALLOCATE, &[0, there]).unwrap();
            given_back(&mut w, client, &port);
        } else {
            // And back again: a call that the other one has begun may still be under way.
            let words = [other_task, there, MOVE_SEND as u64];
            let here = w.get(server, routine::MACH_PORT_EXTRACT_RIGHT, &words);
            let back = w.give(server, task, here, MOVE_SEND);
            w.ask(client, routine::MACH_PORT_DEALLOCATE, &[0, back]).unwrap();
        }
        w.check();
        let next = made(&mut w, server, client);
        assert_ne!(next.own, port.own);
        assert_eq!(next.told, [port.own]);
        given_back(&mut w, client, &next);
        w.mach.kernel().time_advance(1_000_000);
        w.mach.timer();
    }
    w.finish();
}

#[test]
fn a_port_with_a_message_or_a_watcher_is_not_kept() {
    let mut w = World::new();
    let (server, client, task) = server_with_idle_client(&mut w);
    let tickets = |port: &Made| {
        let once = MAKE_SEND_ONCE as u64;
        [
            (client, routine::MSG_SEND, vec![port.given, COPY_SEND as u64, 1, POLL, 0, 0]),
            (server, routine::MACH_PORT_SET_PROTECTED_PAYLOAD, vec![0, port.own, 7]),
            (server, routine::MACH_PORT_EXTRACT_RIGHT, vec![0, port.own, once]),
            (client, routine::MACH_PORT_RENAME, vec![0, port.given, 700]),
        ]
    };
    for at in 0..4 {
        let mut port = made(&mut w, server, client);
        let (who, label, words) = tickets(&port)[at].clone();
        w.ask(who, label, &words).unwrap();
        if label == routine::MACH_PORT_RENAME {
            port.given = 700;
        }
        given_back(&mut w, client, &port);
        let next = made(&mut w, server, client);
        assert_ne!(next.own, port.own, "{at}");
        let words = [task, next.given];
        w.ask(server, routine::MACH_PORT_DEALLOCATE, &words).unwrap();
        w.mach.kernel().time_advance(1_000_000);
        w.mach.timer();
        w.check();
    }
    w.finish();
}

#[test]
fn a_name_that_is_kept_can_be_chosen() {
    let mut w = World::new();
    let (server, client, _) = server_with_idle_client(&mut w);
    for of_server in [false, true] {
        let port = made(&mut w, server, client);
        given_back(&mut w, client, &port);
        let (who, name) = if of_server { (server, port.own) } else { (client, port.given) };
        let words = [0, right::RECEIVE as u64, name];
        w.ask(who, routine::MACH_PORT_ALLOCATE_NAME, &words).unwrap();
        w.check();
        let next = made(&mut w, server, client);
        assert_ne!(next.own, port.own);
        assert_eq!(next.told, [port.own]);
        w.ask(who, routine::MACH_PORT_DESTROY, &[0, name]).unwrap();
    }
    w.finish();
}

#[test]
fn what_is_left_of_ports_ends_with_either_side() {
    let mut w = World::new();
    let (root, client, task) = server_with_idle_client(&mut w);
    let port = made(&mut w, root, client);
    given_back(&mut w, client, &port);
    w.ask(root, routine::TASK_TERMINATE, &[task]).unwrap();
    w.rest();
    w.check();
    w.mach.kernel().time_advance(1_000_000);
    w.mach.timer();
    let message = w.ask(root, routine::MSG_RECEIVE, &[0, POLL]).unwrap();
    assert_eq!(message[5..], [port.own]);

    let (server, server_task) = w.task(root, 0);
    let (client, client_task) = w.task(root, 0);
    let to = w.port(server);
    let words = [server_task, to, MAKE_SEND as u64];
    let here = w.get(root, routine::MACH_PORT_EXTRACT_RIGHT, &words);
    let to = w.give(root, client_task, here, MOVE_SEND);
    assert_eq!(to as u32, first_right(&mut w, client));
    let port = made(&mut w, server, client);
    given_back(&mut w, client, &port);
    w.ask(root, routine::TASK_TERMINATE, &[server_task]).unwrap();
    w.rest();
    w.check();
    w.finish();
}

#[test]
fn a_task_keeps_few_ports() {
    let mut w = World::new();
    let (server, client, _) = server_with_idle_client(&mut w);
    let ports: Vec<Made> = (0..2 * SPARES).map(|_| made(&mut w, server, client)).collect();
    for port in &ports {
        given_back(&mut w, client, port);
    }
    let next: Vec<Made> = (0..SPARES).map(|_| made(&mut w, server, client)).collect();
    assert!(next.iter().all(|next| ports.iter().any(|port| port.own == next.own)));
    // The others had ended, and are told of now.
    let mut told = made(&mut w, server, client).told;
    told.extend(next.iter().flat_map(|next| &next.told));
    assert_eq!(told.len(), SPARES + 3);
    w.finish();
}
