//! Ports, rights and notifications of the loopback system behave as Mach's do.

use machuser::sys::{self, Notification, Task};
use machuser::wire::{Disposition, RightArg};
use machuser::{AnyRight, Carried, Error, PortRight, ReceiveRight, Right, SendRight};
use std::time::Duration;

fn receive(port: &ReceiveRight) -> Option<sys::Message> {
    sys::msg_receive_from(port.as_raw(), Some(Duration::from_millis(500))).ok()
}

fn send(to: &SendRight, label: u32, rights: &[RightArg]) -> machuser::Result<()> {
    let destination = Right::from(to).argument();
    sys::msg_send(
        destination,
        label,
        &[label.into()],
        rights,
        Some(Duration::ZERO),
    )
}

#[test]
fn send_rights_of_a_port_share_one_name_and_count() {
    let port = ReceiveRight::allocate().unwrap();
    let a = port.make_send().unwrap();
    let b = a.clone();
    assert_eq!(a, b);
    assert_eq!(sys::port_get_refs(a.as_raw(), PortRight::Send), Ok(2));
    drop(b);
    assert_eq!(sys::port_get_refs(a.as_raw(), PortRight::Send), Ok(1));
    drop(a);
    assert_eq!(sys::port_get_refs(port.as_raw(), PortRight::Send), Ok(0));
    assert_eq!(
        sys::port_deallocate(port.as_raw()),
        Err(Error::KERN_INVALID_RIGHT)
    );
}

#[test]
fn a_dead_port_leaves_dead_names_and_tells_once() {
    let task = Task::new();
    let port = task.run(|| ReceiveRight::allocate().unwrap());
    let right = task.run(|| Task::first().give_send(Right::make_send(&port)).unwrap());
    let notify = ReceiveRight::allocate().unwrap();
    let name = right.as_raw();
    sys::request_notification(name, Notification::DeadName, 0, notify.as_raw()).unwrap();
    drop(port);
    let message = receive(&notify).unwrap();
    assert_eq!(
        (message.label, message.words.as_slice()),
        (72, &[u64::from(name)][..])
    );
    // The notification came with a reference of its own.
    assert_eq!(sys::port_get_refs(name, PortRight::DeadName), Ok(2));
    assert_eq!(send(&right, 1, &[]), Err(Error::MACH_SEND_INVALID_DEST));
    assert_eq!(
        sys::request_notification(name, Notification::DeadName, 0, notify.as_raw()),
        Err(Error::KERN_INVALID_ARGUMENT)
    );
    sys::request_notification(name, Notification::DeadName, 1, notify.as_raw()).unwrap();
    assert_eq!(receive(&notify).unwrap().label, 72);
    sys::port_mod_refs(name, PortRight::DeadName, -2).unwrap();
    assert_eq!(right.try_clone(), Err(Error::KERN_INVALID_RIGHT));
}

#[test]
fn the_last_send_right_is_noticed() {
    let port = ReceiveRight::allocate().unwrap();
    let name = port.as_raw();
    sys::request_notification(name, Notification::NoSenders, 1, name).unwrap();
    let right = port.make_send().unwrap();
    let other = Task::new();
    let copy = other.give_send(Right::from(&right)).unwrap();
    drop(right);
    assert!(sys::port_receive_status(name).unwrap().srights);
    drop(copy);
    let message = receive(&port).unwrap();
    assert_eq!((message.label, message.words.as_slice()), (70, &[1][..]));
    // At once, because there are none and as many were made as are waited for.
    sys::request_notification(name, Notification::NoSenders, 1, name).unwrap();
    assert_eq!(receive(&port).unwrap().label, 70);
    sys::request_notification(name, Notification::NoSenders, 2, name).unwrap();
    assert_eq!(sys::port_receive_status(name).unwrap().msgcount, 0);
}

#[test]
fn a_send_once_right_that_dies_unused_says_so() {
    let port = ReceiveRight::allocate().unwrap();
    let task = Task::new();
    let right = task.give(Right::make_send_once(&port)).unwrap();
    drop(right);
    assert_eq!(receive(&port).unwrap().label, 71);
}

#[test]
fn a_queue_has_a_limit_and_a_failed_send_moves_nothing() {
    let port = ReceiveRight::allocate().unwrap();
    let right = port.make_send().unwrap();
    let limit = sys::port_receive_status(port.as_raw()).unwrap().qlimit;
    for label in 0..limit {
        send(&right, 1000 + label, &[]).unwrap();
    }
    let cargo = ReceiveRight::allocate().unwrap();
    let argument = RightArg {
        name: cargo.as_raw(),
        disposition: Disposition::MoveReceive,
    };
    assert_eq!(
        send(&right, 1, &[argument]),
        Err(Error::MACH_SEND_TIMED_OUT)
    );
    assert!(cargo.make_send().is_ok());
    for label in 0..limit {
        let message = receive(&port).unwrap();
        assert_eq!((message.label, message.seqno), (1000 + label, label));
    }
    send(&right, 1, &[argument]).unwrap();
    std::mem::forget(cargo);
    let mut message = receive(&port).unwrap();
    assert!(matches!(
        message.rights.remove(0).take(),
        Some(AnyRight::Receive(_))
    ));
}

#[test]
fn a_ticket_is_for_one_receiver_and_one_use() {
    let server = Task::new();
    let (port, other) = server.run(|| {
        (
            ReceiveRight::allocate().unwrap(),
            ReceiveRight::allocate().unwrap(),
        )
    });
    let right = server.run(|| Task::first().give_send(Right::make_send(&port)).unwrap());
    let cargo = ReceiveRight::allocate().unwrap();
    let give = [Right::make_send(&cargo).argument()];
    let ticket = sys::rights_send(right.as_raw(), &give).unwrap();
    assert!(sys::rights_receive(ticket ^ 1, port.as_raw()).is_err());
    assert!(sys::rights_receive(ticket, other.as_raw()).is_err());
    let mut rights = sys::rights_receive(ticket, port.as_raw()).unwrap();
    assert!(matches!(
        rights.pop().unwrap().take(),
        Some(AnyRight::Send(_))
    ));
    assert!(sys::rights_receive(ticket, port.as_raw()).is_err());
    // The next one of the thread destroys what was not redeemed.
    let name = cargo.as_raw();
    sys::request_notification(name, Notification::NoSenders, 1, name).ok();
    let old = sys::rights_send(right.as_raw(), &give).unwrap();
    sys::rights_send(right.as_raw(), &[]).unwrap();
    assert!(sys::rights_receive(old, port.as_raw()).is_err());
    assert!(!sys::port_receive_status(name).unwrap().srights);
}

#[test]
fn names_say_which_right_they_carry() {
    assert!(Carried::null().take().is_none());
    assert_eq!(
        Carried::dead().take().map(|r| r.as_raw()),
        Some(machuser::DEAD)
    );
    assert_eq!(Carried::receive(0x0fff_ffff).into_raw(), 0x2fff_ffff);
}

#[test]
fn a_call_to_a_name_that_is_no_send_right_is_answered_by_the_kernel() {
    let port = ReceiveRight::allocate().unwrap();
    let (label, _, _) = sys::call(port.as_raw(), 21000, 0, [0; 4]);
    assert!((1..=10).contains(&label));
}
