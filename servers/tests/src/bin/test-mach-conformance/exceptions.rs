//! Exceptions, as their handlers are told of them.

use crate::{LIMIT, POLL, rest, right};
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Acquire, Release};
use guest_tests::arch::{self, PC};
use guest_tests::child::{Child, Shared, Words, number_at};
use guest_tests::suite::Suite;
use guest_tests::{get, same};
use mach::abi::{exception, notify};
use machuser::mach::{self as calls, SpecialPort};
use machuser::sys;
use machuser::wire::Disposition;
use machuser::{Error, Name, ReceiveRight};

/// A message about an exception.
pub struct Told {
    label: u32,
    pub words: Vec<u64>,
    reply: Name,
}

pub fn told(handler: &ReceiveRight) -> Result<Told, Error> {
    let mut message = sys::msg_receive_from(handler.as_raw(), LIMIT)?;
    // The thread and the task are known already.
    let reply = message.rights.remove(0);
    Ok(Told {
        label: message.label,
        words: message.words.into_vec(),
        reply: reply.into_raw() & 0xfff_ffff,
    })
}

impl Told {
    fn answer(&self, words: &[u64]) -> Result<(), Error> {
        let label = (self.label & !mach::abi::WITH_REPLY) + mach::abi::REPLY_OFFSET;
        let to = right(self.reply, Disposition::MoveSendOnce);
        sys::msg_send(to, label, words, &[], POLL)
    }
}

pub fn touch(words: &Words) {
    // SAFETY: it is meant to fault; whoever handles it makes the thread skip the access.
    unsafe { arch::store(words[0], 1) };
    number_at(words[1], 3).store(7, Release);
}

fn stop_here(words: &Words) {
    arch::breakpoint();
    number_at(words[1], 3).store(7, Release);
}

/// What the first word counts in [`arch::RAISED`].
fn raise(words: &Words) {
    arch::RAISED[words[0] as usize].0();
    number_at(words[1], 3).store(7, Release);
}

fn undefined(words: &Words) {
    arch::undefined();
    number_at(words[1], 3).store(7, Release);
}

/// A system call as another system's program makes it.
fn foreign(words: &Words) {
    number_at(words[1], 3).store(arch::foreign(), Release);
}

struct Patient {
    child: Child,
    shared: Shared,
    handler: ReceiveRight,
}

fn patient(main: fn(&Words), address: u64, which: SpecialPort) -> Result<Patient, Error> {
    let (handler, shared) = (ReceiveRight::allocate()?, Shared::new()?);
    let mut child = Child::new(0)?;
    let at = shared.map(&child.task)?;
    child.special_port(which, handler.make_send()?)?;
    child.run(main, [address, at, 0, 0, 0, 0, 0, 0])?;
    Ok(Patient {
        child,
        shared,
        handler,
    })
}

pub fn run(suite: &mut Suite) {
    suite.check(
        "exception_raise, a bad access goes on when it is answered",
        || {
            let p = get!(patient(touch, 0x5000_0000, SpecialPort::Exception));
            let told_of = get!(told(&p.handler));
            same!(told_of.label & 0xffff, notify::EXCEPTION_RAISE);
            let invalid = Error::KERN_INVALID_ADDRESS.0 as u64;
            same!(told_of.words, [exception::BAD_ACCESS, invalid, 0x5000_0000]);
            // The handler makes the memory, and the access is repeated.
            let place = calls::Place::At(0x5000_0000);
            get!(calls::vm_allocate(&p.child.task, place, 4096));
            get!(told_of.answer(&[0]));
            same!(p.shared.wait(3, 7), true);
            let mut byte = [0];
            get!(calls::vm_read(&p.child.task, 0x5000_0000, &mut byte));
            same!(byte, [1]);
            Ok(())
        },
    );
    suite.check(
        "exception_raise, an answer of failure ends the task",
        || {
            let p = get!(patient(touch, 0x10, SpecialPort::Exception));
            get!(get!(told(&p.handler)).answer(&[Error::KERN_FAILURE.0 as u64]));
            same!(p.child.lives(), false);
            Ok(())
        },
    );
    suite.check(
        "exception_raise, the right to answer that dies ends the task",
        || {
            let p = get!(patient(touch, 0x10, SpecialPort::Exception));
            get!(sys::port_deallocate(get!(told(&p.handler)).reply));
            same!(p.child.lives(), false);
            Ok(())
        },
    );
    suite.check(
        "exception_raise, the thread's handler is asked before the task's",
        || {
            let own = get!(ReceiveRight::allocate());
            let (handler, shared) = (get!(ReceiveRight::allocate()), get!(Shared::new()));
            fn wait_and_touch(words: &Words) {
                guest_tests::child::wait_for(number_at(words[1], 0), 1);
                touch(words);
            }
            let mut child = get!(Child::new(0));
            let at = get!(shared.map(&child.task));
            get!(child.special_port(SpecialPort::Exception, get!(handler.make_send())));
            get!(child.run(wait_and_touch, [0x10, at, 0, 0, 0, 0, 0, 0]));
            let which = SpecialPort::Exception;
            get!(calls::thread_set_special_port(
                &child.thread,
                which,
                get!(own.make_send())
            ));
            let kept = get!(calls::thread_get_special_port(&child.thread, which));
            same!(kept.map(|kept| kept.as_raw()), Some(own.as_raw()));
            shared.number(0).store(1, Release);
            let first = get!(told(&own));
            same!(first.words[2], 0x10);
            get!(first.answer(&[1]));
            let second = get!(told(&handler));
            same!(second.words[2], 0x10);
            // It is let go behind the access.
            let mut state = get!(calls::thread_get_state(&child.thread));
            state[PC] += arch::STORE_BYTES;
            get!(calls::thread_set_state(&child.thread, &state));
            get!(second.answer(&[0]));
            same!(shared.wait(3, 7), true);
            Ok(())
        },
    );
    suite.check(
        "exception_raise, a breakpoint tells its number and address",
        || {
            let p = get!(patient(stop_here, 0, SpecialPort::Exception));
            let told_of = get!(told(&p.handler));
            let (number, behind, skipped) = arch::BREAKPOINT;
            same!(told_of.words[..2], [exception::BREAKPOINT, number]);
            let mut state = get!(calls::thread_get_state(&p.child.thread));
            same!(state[PC], told_of.words[2] + behind);
            state[PC] += skipped;
            get!(calls::thread_set_state(&p.child.thread, &state));
            get!(told_of.answer(&[0]));
            same!(p.shared.wait(3, 7), true);
            Ok(())
        },
    );
    suite.check(
        "exception_raise, an undefined instruction is told as such",
        || {
            let p = get!(patient(undefined, 0, SpecialPort::Exception));
            let told_of = get!(told(&p.handler));
            let undefined = exception::bad_instruction::UNDEFINED;
            same!(told_of.words[..2], [exception::BAD_INSTRUCTION, undefined]);
            same!(p.child.lives(), true);
            Ok(())
        },
    );
    if !arch::RAISED.is_empty() {
        suite.check("exception_raise, arithmetic and steps are told as such", || {
            for (at, (_, exception, code)) in arch::RAISED.iter().enumerate() {
                let p = get!(patient(raise, at as u64, SpecialPort::Exception));
                let told_of = get!(told(&p.handler).map_err(|error| (at, error)));
                same!((at, &told_of.words[..2]), (at, &[*exception, *code][..]));
                let state = get!(calls::thread_get_state(&p.child.thread));
                same!((at, state[PC]), (at, told_of.words[2]));
                same!(p.child.lives(), true);
            }
            Ok(())
        });
    }
    suite.check("exception_raise, a foreign system call is told with all registers, and answered with them", || {
        let p = get!(patient(foreign, 0, SpecialPort::ExceptionState));
        let told_of = get!(told(&p.handler));
        same!(told_of.label & 0xffff, notify::EXCEPTION_RAISE_STATE);
        let call = exception::bad_instruction::SYSTEM_CALL;
        same!(told_of.words[..2], [exception::BAD_INSTRUCTION, call]);
        let state = &told_of.words[3..];
        same!(state.len(), arch::STATE_WORDS);
        same!(arch::foreign_call(state), [64, 5, 6]);
        same!(state[PC], told_of.words[2]);
        let mut answer = Vec::from([0]);
        answer.extend_from_slice(state);
        answer[1 + arch::RESULT] = 4242;
        answer[1 + PC] += arch::FOREIGN_BYTES;
        get!(told_of.answer(&answer));
        same!(p.shared.wait(3, 1), true);
        same!(p.shared.number(3).load(Acquire), 4242);
        Ok(())
    });
    suite.check(
        "exception_raise, a thread that was suspended meanwhile stays so",
        || {
            let p = get!(patient(stop_here, 0, SpecialPort::ExceptionState));
            let told_of = get!(told(&p.handler));
            get!(calls::thread_suspend(&p.child.thread));
            let mut answer = Vec::from([0]);
            answer.extend_from_slice(&told_of.words[3..]);
            answer[1 + PC] += arch::BREAKPOINT.2;
            get!(told_of.answer(&answer));
            rest();
            same!(p.shared.number(3).load(Acquire), 0);
            get!(calls::thread_resume(&p.child.thread));
            same!(p.shared.wait(3, 7), true);
            Ok(())
        },
    );
}
