//! Waits: of senders, receivers, at addresses, and for a pager's pages.

use crate::exceptions::{told, touch};
use crate::{LIMIT, POLL, made, rest, right};
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Acquire, Release};
use core::time::Duration;
use guest_tests::child::{Child, LocalThread, Shared, Words, number_at};
use guest_tests::suite::Suite;
use guest_tests::{get, same};
use mach::abi::{exception, memory_object, routine};
use machuser::mach::{self as calls, Place, Protection, SpecialPort, request};
use machuser::wire::Disposition;
use machuser::{AsName, Error, Name, ReceiveRight, SendRight, sys};

const PAGE: u64 = 4096;

/// Waits in a call to the mach server, and tells the error in number 1.
fn wait_in(words: &Words) {
    let answer = match words[2] {
        0 => {
            let to = right(words[1] as Name, Disposition::MakeSend);
            sys::msg_send(to, 5, &[], &[], None)
        }
        1 => sys::msg_receive_from(words[1] as Name, None).map(drop),
        _ => sys::mach_call(routine::GSYNC_WAIT, 3, [words[0], 0, 0, 0]).map(drop),
    };
    let error = answer.err().map_or(0, |error| error.0 as u64);
    number_at(words[0], 1).store(1 + error, Release);
}

/// Waits at an address, and tells in number 1 that it was woken.
fn wait_at(words: &Words) {
    if sys::mach_call(routine::GSYNC_WAIT, 3, [words[0], 0, 0, 0]).is_ok() {
        number_at(words[1], 1).store(1, Release);
    }
}

/// A thread of this task that waits so.
fn waiting(shared: &Shared, port: Name, how: u64) -> Result<LocalThread, Error> {
    let at = shared.number(0) as *const _ as u64;
    let thread = LocalThread::start(wait_in, [at, port as u64, how, 0, 0, 0, 0, 0])?;
    rest();
    Ok(thread)
}

/// A pager's memory in a task: the port, its control port, and a thread that touches the page.
struct Paged {
    port: ReceiveRight,
    control: SendRight,
    child: Child,
    shared: Shared,
    handler: ReceiveRight,
}

const AT: u64 = 0x5000_0000;

fn paged() -> Result<Paged, Error> {
    let (port, handler, shared) = (ReceiveRight::allocate()?, ReceiveRight::allocate()?, Shared::new()?);
    let (object, all) = (port.make_send()?, Protection::DEFAULT);
    let mut child = Child::new(0)?;
    child.special_port(SpecialPort::Exception, handler.make_send()?)?;
    calls::vm_map(&child.task, Place::At(AT), PAGE, &object, 0, false, all, all)?;
    let control = first_right(&port)?;
    calls::memory_object_ready(&control, false, 2)?;
    let at = shared.map(&child.task)?;
    child.run(touch, [AT, at, 0, 0, 0, 0, 0, 0])?;
    Ok(Paged { port, control, child, shared, handler })
}

fn first_right(port: &ReceiveRight) -> Result<SendRight, Error> {
    let mut told = sys::msg_receive_from(port.as_raw(), LIMIT)?;
    Ok(SendRight::from_raw(told.rights.remove(0).into_raw() & 0xfff_ffff))
}

impl Paged {
    /// The pager is asked for the page.
    fn asked(&self, label: u32, access: Protection) -> Result<(), alloc::string::String> {
        let told = get!(sys::msg_receive_from(self.port.as_raw(), LIMIT));
        same!((told.label, &told.words[..]), (label, &[0, PAGE, access.0 as u64][..]));
        Ok(())
    }

    fn supply(&self, word: u8, lock: Protection) -> Result<(), Error> {
        let from = calls::vm_allocate(calls::SELF, Place::Anywhere, PAGE)?;
        calls::vm_write(calls::SELF, from, &[word])?;
        let words = [self.control.as_name() as u64, 0, from, PAGE, lock.0 as u64, 0, 1, 0, 0];
        request(routine::MEMORY_OBJECT_DATA_SUPPLY, &words).map(drop)
    }
}

pub fn run(suite: &mut Suite) {
    suite.check("msg_send, a body of any size arrives with the rights beside it", || {
        let (port, own) = (get!(ReceiveRight::allocate()), get!(ReceiveRight::allocate()));
        for count in [112, 113, 114, 1000, 100_000] {
            let words: Vec<u64> = (0..count).map(|word| word * 3).collect();
            let rights = [made(&own), right(own.as_raw(), Disposition::MakeSendOnce)];
            get!(sys::msg_send(made(&port), 9, &words, &rights, POLL));
            let got = get!(sys::msg_receive_large(port.as_raw(), POLL, usize::MAX, true));
            same!((got.label, got.words.to_vec(), got.rights.len()), (9, words, 2));
        }
        let many = alloc::vec![made(&own); 114];
        let refused = sys::msg_send(made(&port), 9, &[], &many, POLL);
        same!(refused, Err(Error::MACH_SEND_TOO_LARGE));
        Ok(())
    });
    suite.check("msg_receive, who does not ask for a large body does not get one", || {
        let port = get!(ReceiveRight::allocate());
        let words = [7; 1000];
        let large = Some(Error::MACH_RCV_TOO_LARGE);
        get!(sys::msg_send(made(&port), 9, &words, &[], POLL));
        same!(sys::msg_receive_large(port.as_raw(), POLL, 999, true).err(), large);
        same!(sys::msg_receive_from(port.as_raw(), POLL).err(), large);
        same!(sys::msg_receive_from(port.as_raw(), POLL).err(), Some(Error::MACH_RCV_TIMED_OUT));
        Ok(())
    });
    suite.check("msg_send, a wait for room that is aborted says that nothing was sent", || {
        let (port, shared) = (get!(ReceiveRight::allocate()), get!(Shared::new()));
        let name = port.as_raw() as u64;
        get!(request(routine::MACH_PORT_SET_QLIMIT, &[0, name, 0]));
        let thread = get!(waiting(&shared, port.as_raw(), 0));
        same!(shared.number(1).load(Acquire), 0);
        get!(calls::thread_abort(&thread.port));
        same!(shared.wait(1, 1), true);
        let error = 1 + Error::MACH_SEND_INTERRUPTED.0 as u64;
        same!(shared.number(1).load(Acquire), error);
        get!(request(routine::MACH_PORT_SET_QLIMIT, &[0, name, 5]));
        same!(sys::msg_receive_from(port.as_raw(), POLL).err(), Some(Error::MACH_RCV_TIMED_OUT));
        Ok(())
    });
    suite.check("thread_abort, a wait for a message, or at an address, ends", || {
        for how in [1, 2] {
            let (port, shared) = (get!(ReceiveRight::allocate()), get!(Shared::new()));
            let thread = get!(waiting(&shared, port.as_raw(), how));
            same!(shared.number(1).load(Acquire), 0);
            get!(calls::thread_abort(&thread.port));
            same!(shared.wait(1, 1), true);
            let error = 1 + Error::MACH_RCV_INTERRUPTED.0 as u64;
            same!(shared.number(1).load(Acquire), error);
            // What comes later is not lost to it.
            get!(sys::msg_send(made(&port), 9, &[], &[], POLL));
            same!(get!(sys::msg_receive_from(port.as_raw(), POLL)).label, 9);
        }
        Ok(())
    });
    suite.check("gsync_wait, while the number is the same, until woken or until the time is up", || {
        let (port, shared) = (get!(ReceiveRight::allocate()), get!(Shared::new()));
        let at = shared.number(0) as *const _ as u64;
        let thread = get!(waiting(&shared, port.as_raw(), 2));
        same!(shared.number(1).load(Acquire), 0);
        same!(get!(request(routine::GSYNC_WAKE, &[at, 0])), [1]);
        same!(shared.wait(1, 1), true);
        same!(shared.number(1).load(Acquire), 1);
        drop(thread);
        let start = sys::now();
        let up = request(routine::GSYNC_WAIT, &[at, 0, 20]).map(drop);
        same!(up, Err(Error::KERN_TIMEDOUT));
        same!(sys::now() - start >= Duration::from_millis(20), true);
        let other = request(routine::GSYNC_WAIT, &[at, 1, 20]).map(drop);
        same!(other, Err(Error::KERN_INVALID_ARGUMENT));
        Ok(())
    });
    suite.check("gsync_requeue, who waits at one address waits at another one, and no wakeup is lost", || {
        let at = get!(calls::vm_allocate(calls::SELF, Place::Anywhere, PAGE));
        let waiters = get!((0..3).map(|_| {
            let shared = Shared::new()?;
            let words = [at, shared.number(0) as *const _ as u64, 0, 0, 0, 0, 0, 0];
            Ok((LocalThread::start(wait_at, words)?, shared))
        }).collect::<Result<Vec<_>, Error>>());
        rest();
        let woken = || waiters.iter().filter(|(_, shared)| shared.number(1).load(Acquire) == 1).count();
        // One of two that are taken, then all that are left.
        get!(request(routine::GSYNC_REQUEUE, &[at, at + 8, 1, 0]));
        rest();
        same!(woken(), 1);
        get!(request(routine::GSYNC_REQUEUE, &[at, at + 8, 0, 1]));
        same!(get!(request(routine::GSYNC_WAKE, &[at, 1])), [0]);
        let none = request(routine::GSYNC_REQUEUE, &[at, at + 8, 0, 1]).map(drop);
        same!(none, Err(Error::KERN_INVALID_ARGUMENT));
        rest();
        same!(woken(), 1);
        same!(get!(request(routine::GSYNC_WAKE, &[at + 8, 1])), [2]);
        for (_, shared) in &waiters {
            same!(shared.wait(1, 1), true);
        }
        get!(calls::vm_deallocate(calls::SELF, at, PAGE));
        Ok(())
    });
    suite.check("memory_object_data_request, asks for what a thread touches, which goes on with it", || {
        let p = get!(paged());
        p.asked(memory_object::DATA_REQUEST, Protection::WRITE)?;
        same!(p.shared.number(3).load(Acquire), 0);
        get!(p.supply(9, Protection::NONE));
        same!(p.shared.wait(3, 7), true);
        Ok(())
    });
    suite.check("memory_object_data_unlock, asks for the access that the pager forbade", || {
        let p = get!(paged());
        p.asked(memory_object::DATA_REQUEST, Protection::WRITE)?;
        get!(p.supply(9, Protection::WRITE));
        p.asked(memory_object::DATA_UNLOCK, Protection::WRITE)?;
        same!(p.shared.number(3).load(Acquire), 0);
        let control = p.control.as_name() as u64;
        let words = [control, 0, PAGE, 0, 0, 0, 0, 0];
        get!(request(routine::MEMORY_OBJECT_LOCK_REQUEST, &words));
        same!(p.shared.wait(3, 7), true);
        Ok(())
    });
    suite.check("memory_object_data_unavailable, who waits gets zeroes", || {
        let p = get!(paged());
        p.asked(memory_object::DATA_REQUEST, Protection::WRITE)?;
        get!(calls::memory_object_data_unavailable(&p.control, 0, PAGE));
        same!(p.shared.wait(3, 7), true);
        let mut bytes = [9; 16];
        get!(calls::vm_read(&p.child.task, AT, &mut bytes));
        same!(bytes[8..], [0; 8]);
        Ok(())
    });
    suite.check("memory_object_data_error, who waits gets an exception", || {
        let p = get!(paged());
        p.asked(memory_object::DATA_REQUEST, Protection::WRITE)?;
        get!(calls::memory_object_data_error(&p.control, 0, PAGE));
        let error = Error::KERN_MEMORY_ERROR.0 as u64;
        same!(get!(told(&p.handler)).words, [exception::BAD_ACCESS, error, AT]);
        Ok(())
    });
}
