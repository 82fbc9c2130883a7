//! Ports, rights, messages and notifications of the mach server, seen from a program.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;
use guest_tests::suite::Suite;
use guest_tests::{get, same, tests};
use machuser::sys::{self, Notification};
use machuser::wire::{Disposition, RightArg};
use machuser::{AnyRight, DEAD, Error, Name, PortRight, ReceiveRight, SendRight, mach};

tests!(run);

const POLL: Option<Duration> = Some(Duration::ZERO);

fn make_send(name: Name) -> RightArg {
    RightArg {
        name,
        disposition: Disposition::MakeSend,
    }
}

fn right(name: Name, disposition: Disposition) -> RightArg {
    RightArg { name, disposition }
}

fn refs(name: Name, kind: PortRight) -> Result<u32, Error> {
    sys::port_get_refs(name, kind)
}

fn run(suite: &mut Suite) {
    suite.check("a new port has a receive right and nothing else", || {
        let port = get!(ReceiveRight::allocate());
        same!(refs(port.as_raw(), PortRight::Receive), Ok(1));
        same!(refs(port.as_raw(), PortRight::Send), Ok(0));
        let status = get!(sys::port_receive_status(port.as_raw()));
        same!(
            (
                status.mscount,
                status.seqno,
                status.msgcount,
                status.sorights
            ),
            (0, 0, 0, 0)
        );
        same!(status.srights, false);
        Ok(())
    });
    suite.check(
        "send rights of one port have one name, which counts them",
        || {
            let port = get!(ReceiveRight::allocate());
            let one = get!(port.make_send());
            let two = get!(port.make_send());
            same!(one.as_raw(), port.as_raw());
            same!(two.as_raw(), port.as_raw());
            same!(refs(port.as_raw(), PortRight::Send), Ok(2));
            drop(one);
            same!(refs(port.as_raw(), PortRight::Send), Ok(1));
            drop(two);
            same!(refs(port.as_raw(), PortRight::Send), Ok(0));
            same!(get!(sys::port_receive_status(port.as_raw())).mscount, 2);
            Ok(())
        },
    );
    suite.check(
        "a freed name denotes nothing, and its successor is another name",
        || {
            let port = get!(ReceiveRight::allocate());
            let old = port.as_raw();
            drop(port);
            same!(refs(old, PortRight::Receive), Err(Error::KERN_INVALID_NAME));
            let new = get!(ReceiveRight::allocate());
            same!(new.as_raw() == old, false);
            same!(sys::port_deallocate(old), Err(Error::KERN_INVALID_NAME));
            Ok(())
        },
    );
    suite.check("a message arrives as it was sent, in order", || {
        let port = get!(ReceiveRight::allocate());
        for round in 0..10u64 {
            let words: Vec<u64> = (0..round * 11).collect();
            get!(sys::msg_send(
                make_send(port.as_raw()),
                500,
                &words,
                &[],
                POLL
            ));
        }
        for round in 0..10u64 {
            let message = get!(sys::msg_receive_from(port.as_raw(), POLL));
            same!((message.port, message.label), (port.as_raw(), 500));
            same!(message.seqno as u64, round);
            same!(message.words.to_vec(), (0..round * 11).collect::<Vec<u64>>());
        }
        let none = sys::msg_receive_from(port.as_raw(), POLL).err();
        same!(none, Some(Error::MACH_RCV_TIMED_OUT));
        Ok(())
    });
    suite.check(
        "a full queue refuses, and is there again when it has been read",
        || {
            let port = get!(ReceiveRight::allocate());
            let mut sent = 0;
            while sys::msg_send(make_send(port.as_raw()), 1, &[sent], &[], POLL).is_ok() {
                sent += 1;
                same!(sent < 1000, true);
            }
            let refused = sys::msg_send(make_send(port.as_raw()), 1, &[], &[], POLL);
            same!(refused, Err(Error::MACH_SEND_TIMED_OUT));
            get!(sys::msg_receive_from(port.as_raw(), POLL));
            get!(sys::msg_send(
                make_send(port.as_raw()),
                1,
                &[sent],
                &[],
                POLL
            ));
            for expected in 1..=sent {
                let message = get!(sys::msg_receive_from(port.as_raw(), POLL));
                same!(message.words.to_vec(), [expected]);
            }
            Ok(())
        },
    );
    suite.check("rights of every kind travel in a message", || {
        let (to, moved) = (
            get!(ReceiveRight::allocate()),
            get!(ReceiveRight::allocate()),
        );
        let kept = get!(ReceiveRight::allocate());
        let rights = [
            right(kept.as_raw(), Disposition::MakeSend),
            right(kept.as_raw(), Disposition::MakeSendOnce),
            right(moved.into_raw(), Disposition::MoveReceive),
            right(0, Disposition::CopySend),
            right(DEAD, Disposition::CopySend),
        ];
        get!(sys::msg_send(
            make_send(to.as_raw()),
            7,
            &[1],
            &rights,
            POLL
        ));
        let message = get!(sys::msg_receive_from(to.as_raw(), POLL));
        same!(message.rights.len(), 5);
        let mut taken = message.rights.into_iter().map(|carried| carried.take());
        match taken.next().flatten() {
            Some(AnyRight::Send(send)) => same!(send.as_raw(), kept.as_raw()),
            other => return Err(format!("{other:?}")),
        }
        match taken.next().flatten() {
            Some(AnyRight::SendOnce(once)) => same!(once.as_raw() == kept.as_raw(), false),
            other => return Err(format!("{other:?}")),
        }
        match taken.next().flatten() {
            Some(AnyRight::Receive(_)) => {}
            other => return Err(format!("{other:?}")),
        }
        same!(taken.next().flatten().is_none(), true);
        match taken.next().flatten() {
            Some(AnyRight::Send(dead)) => same!(dead.as_raw(), DEAD),
            other => return Err(format!("{other:?}")),
        }
        // The send-once right was dropped unused: its port is told.
        let message = get!(sys::msg_receive_from(kept.as_raw(), POLL));
        same!(message.label, Notification::SendOnce as u32);
        Ok(())
    });
    suite.check(
        "a message with a right that is not held takes nothing",
        || {
            let (to, port) = (
                get!(ReceiveRight::allocate()),
                get!(ReceiveRight::allocate()),
            );
            let send = get!(port.make_send());
            let rights = [
                right(port.as_raw(), Disposition::MoveReceive),
                right(port.as_raw(), Disposition::MoveSend),
                right(port.as_raw(), Disposition::MoveSend),
            ];
            let refused = sys::msg_send(make_send(to.as_raw()), 7, &[1], &rights, POLL);
            same!(refused, Err(Error::MACH_SEND_INVALID_RIGHT));
            same!(refs(port.as_raw(), PortRight::Receive), Ok(1));
            same!(refs(port.as_raw(), PortRight::Send), Ok(1));
            drop(send);
            Ok(())
        },
    );
    suite.check("a send-once right is used up by a message", || {
        let port = get!(ReceiveRight::allocate());
        let argument = right(port.as_raw(), Disposition::MakeSendOnce);
        let once = get!(sys::port_insert_right(sys::task_self(), 0, argument));
        same!(refs(once, PortRight::SendOnce), Ok(1));
        get!(sys::msg_send(
            right(once, Disposition::MoveSendOnce),
            3,
            &[],
            &[],
            POLL
        ));
        same!(
            refs(once, PortRight::SendOnce),
            Err(Error::KERN_INVALID_NAME)
        );
        same!(get!(sys::msg_receive_from(port.as_raw(), POLL)).label, 3);
        Ok(())
    });
    suite.check(
        "a port's death makes its names dead and tells who asked",
        || {
            let (port, told) = (
                get!(ReceiveRight::allocate()),
                get!(ReceiveRight::allocate()),
            );
            let send = get!(port.make_send());
            let dead = Notification::DeadName;
            get!(sys::request_notification(
                send.as_raw(),
                dead,
                0,
                told.as_raw()
            ));
            drop(port);
            let message = get!(sys::msg_receive_from(told.as_raw(), POLL));
            same!(message.label, dead as u32);
            same!(message.words.to_vec(), [send.as_raw() as u64]);
            // The notification is a reference of its own.
            same!(refs(send.as_raw(), PortRight::DeadName), Ok(2));
            get!(sys::port_deallocate(send.as_raw()));
            same!(refs(send.as_raw(), PortRight::DeadName), Ok(1));
            let sent = sys::msg_send(
                right(send.as_raw(), Disposition::CopySend),
                1,
                &[],
                &[],
                POLL,
            );
            same!(sent, Err(Error::MACH_SEND_INVALID_DEST));
            let called = sys::call(send.as_raw(), 1, 0, [0; 4]).0;
            same!((1..=10).contains(&called), true);
            Ok(())
        },
    );
    suite.check("a freed name tells who watched it", || {
        let (port, told) = (
            get!(ReceiveRight::allocate()),
            get!(ReceiveRight::allocate()),
        );
        let name = port.as_raw();
        get!(sys::request_notification(
            name,
            Notification::DeadName,
            0,
            told.as_raw()
        ));
        drop(port);
        let message = get!(sys::msg_receive_from(told.as_raw(), POLL));
        same!(message.label, Notification::PortDeleted as u32);
        same!(message.words.to_vec(), [name as u64]);
        Ok(())
    });
    suite.check(
        "the last send right's end is told once, with the count of those made",
        || {
            let (port, told) = (
                get!(ReceiveRight::allocate()),
                get!(ReceiveRight::allocate()),
            );
            let none = Notification::NoSenders;
            get!(sys::request_notification(
                port.as_raw(),
                none,
                1,
                told.as_raw()
            ));
            same!(sys::msg_receive_from(told.as_raw(), POLL).is_err(), true);
            let one = get!(port.make_send());
            let two = get!(port.make_send());
            drop(one);
            same!(sys::msg_receive_from(told.as_raw(), POLL).is_err(), true);
            drop(two);
            let message = get!(sys::msg_receive_from(told.as_raw(), POLL));
            same!((message.label, &message.words[..]), (none as u32, &[2][..]));
            let three = get!(port.make_send());
            drop(three);
            same!(sys::msg_receive_from(told.as_raw(), POLL).is_err(), true);
            // Nobody holds one: told at once.
            get!(sys::request_notification(
                port.as_raw(),
                none,
                3,
                told.as_raw()
            ));
            same!(get!(sys::msg_receive_from(told.as_raw(), POLL)).words.to_vec(), [3]);
            // An armed request that dies with its port is a send-once right that dies.
            get!(sys::request_notification(
                port.as_raw(),
                none,
                9,
                told.as_raw()
            ));
            drop(port);
            let message = get!(sys::msg_receive_from(told.as_raw(), POLL));
            same!(message.label, Notification::SendOnce as u32);
            Ok(())
        },
    );
    suite.check(
        "a receive right moves with its queue, and counts from new",
        || {
            let (to, port) = (
                get!(ReceiveRight::allocate()),
                get!(ReceiveRight::allocate()),
            );
            let name = port.into_raw();
            for word in 0..3 {
                get!(sys::msg_send(make_send(name), 1, &[word], &[], POLL));
            }
            get!(sys::msg_receive_from(name, POLL));
            let rights = [right(name, Disposition::MoveReceive)];
            get!(sys::msg_send(make_send(to.as_raw()), 1, &[], &rights, POLL));
            same!(refs(name, PortRight::Receive).is_err(), true);
            let message = get!(sys::msg_receive_from(to.as_raw(), POLL));
            let Some(AnyRight::Receive(port)) = message
                .rights
                .into_iter()
                .next()
                .and_then(|carried| carried.take())
            else {
                return Err("no receive right arrived".into());
            };
            let status = get!(sys::port_receive_status(port.as_raw()));
            same!((status.seqno, status.mscount, status.msgcount), (0, 0, 2));
            for word in 1..3 {
                same!(
                    get!(sys::msg_receive_from(port.as_raw(), POLL)).words.to_vec(),
                    [word]
                );
            }
            Ok(())
        },
    );
    suite.check(
        "a receive right that is sent to itself dies, and holds nothing up",
        || {
            let before = get!(mach::vm_statistics()).ports;
            let port = get!(ReceiveRight::allocate()).into_raw();
            let rights = [right(port, Disposition::MoveReceive)];
            get!(sys::msg_send(make_send(port), 1, &[], &rights, POLL));
            same!(
                refs(port, PortRight::Receive),
                Err(Error::KERN_INVALID_NAME)
            );
            same!(get!(mach::vm_statistics()).ports, before);
            Ok(())
        },
    );
    suite.check("msg_receive, time limits end, not before their time", || {
        let port = get!(ReceiveRight::allocate());
        let limit = Duration::from_millis(30);
        let start = sys::now();
        let none = sys::msg_receive_from(port.as_raw(), Some(limit)).err();
        same!(none, Some(Error::MACH_RCV_TIMED_OUT));
        let took = sys::now() - start;
        same!(took >= limit, true);
        while sys::msg_send(make_send(port.as_raw()), 1, &[], &[], POLL).is_ok() {}
        let start = sys::now();
        let moved = get!(ReceiveRight::allocate());
        let rights = [right(moved.as_raw(), Disposition::MoveReceive)];
        let refused = sys::msg_send(make_send(port.as_raw()), 1, &[], &rights, Some(limit));
        same!(refused, Err(Error::MACH_SEND_TIMED_OUT));
        same!(sys::now() - start >= limit, true);
        same!(refs(moved.as_raw(), PortRight::Receive), Ok(1));
        Ok(())
    });
    suite.check("msg_send, waits for room, and gets it", || {
        let port = get!(ReceiveRight::allocate());
        let name = port.as_raw();
        while sys::msg_send(make_send(name), 1, &[], &[], POLL).is_ok() {}
        let sender =
            machuser::thread::spawn(move || sys::msg_send(make_send(name), 2, &[42], &[], None));
        for _ in 0..20 {
            machuser::thread::yield_now();
        }
        same!(sender.is_finished(), false);
        loop {
            let message = get!(sys::msg_receive_from(name, Some(Duration::from_secs(5))));
            if message.label == 2 {
                same!(message.words.to_vec(), [42]);
                break;
            }
        }
        same!(sender.join(), Some(Ok(())));
        Ok(())
    });
    suite.check("a receiver learns that its port died", || {
        let port = get!(ReceiveRight::allocate());
        let name = port.as_raw();
        let receiver = machuser::thread::spawn(move || sys::msg_receive_from(name, None).err());
        for _ in 0..20 {
            machuser::thread::yield_now();
        }
        same!(receiver.is_finished(), false);
        drop(port);
        same!(receiver.join().flatten(), Some(Error::MACH_RCV_PORT_DIED));
        Ok(())
    });
    suite.check("threads that have come and gone leave nothing in their task", || {
        let usual = get!(mach::task_info(mach::SELF)).threads;
        let batch = || -> Result<u64, Error> {
            for _ in 0..5000 {
                machuser::thread::try_spawn(|| ())?.join();
                // Its stack goes with it, a moment later.
                while mach::task_info(mach::SELF)?.threads > usual {
                    machuser::thread::yield_now();
                }
            }
            Ok(mach::task_info(mach::SELF)?.resident)
        };
        let before = get!(batch());
        same!(get!(batch()), before);
        Ok(())
    });
    suite.check("rights_receive, forged words that stand for rights are refused", || {
        let port = get!(ReceiveRight::allocate());
        for ticket in [0, 1, u64::MAX, 0x1234_5678_9abc_def0] {
            let refused = sys::rights_receive(ticket, port.as_raw()).err();
            same!(refused, Some(Error::KERN_INVALID_ARGUMENT));
        }
        let send = get!(port.make_send());
        let ticket = get!(sys::rights_send(port.as_raw(), &[make_send(port.as_raw())]));
        let other = get!(ReceiveRight::allocate());
        same!(sys::rights_receive(ticket, other.as_raw()).is_err(), true);
        let got = get!(sys::rights_receive(ticket, port.as_raw()));
        same!(got.len(), 1);
        same!(sys::rights_receive(ticket, port.as_raw()).is_err(), true);
        drop((send, got));
        for number in [0, sys::thread_number(), u32::MAX, 12345] {
            same!(sys::reply_rights(number, &[]).is_err(), true);
            same!(sys::reply_new_port(number, false).is_err(), true);
        }
        Ok(())
    });
    suite.check("more names than one answer holds can be listed", || {
        let mut ports: Vec<ReceiveRight> = Vec::new();
        for _ in 0..500 {
            ports.push(get!(ReceiveRight::allocate()));
        }
        let names = get!(mach::port_names(mach::SELF));
        for port in &ports {
            let found = names
                .iter()
                .filter(|name| name.name == port.as_raw())
                .count();
            same!(found, 1);
        }
        Ok(())
    });
    suite.check(
        "send rights are lost with their names, whoever held them",
        || {
            let port = get!(ReceiveRight::allocate());
            let send: SendRight = get!(port.make_send());
            for count in 2..100 {
                core::mem::forget(send.clone());
                same!(refs(port.as_raw(), PortRight::Send), Ok(count));
            }
            get!(sys::port_mod_refs(port.as_raw(), PortRight::Send, -99 + 1));
            same!(refs(port.as_raw(), PortRight::Send), Ok(1));
            same!(
                sys::port_mod_refs(port.as_raw(), PortRight::Send, -2),
                Err(Error::KERN_INVALID_VALUE)
            );
            same!(
                sys::port_mod_refs(port.as_raw(), PortRight::Send, 0xffff),
                Err(Error::KERN_UREFS_OVERFLOW)
            );
            Ok(())
        },
    );
}
