//! Waiting: futexes (`gsync`) and time limits.

use crate::error::Error;
use crate::kernel::Kernel;
use crate::task::{Mach, TaskId};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

struct Waiter<R> {
    serial: Serial,
    reply: R,
}

/// Number of a wait, and when its time is over (0: never).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Serial {
    pub(crate) number: u64,
    deadline: u64,
}

/// What a deadline belongs to.
#[derive(Clone, Copy)]
pub(crate) enum Timed {
    Futex(TaskId, u64),
    Receive(TaskId),
    Send,
}

/// Threads that wait on an address or for a time.
pub(crate) struct Waits<R> {
    futexes: HashMap<(TaskId, u64), VecDeque<Waiter<R>>, FxBuildHasher>,
    deadlines: BTreeMap<(u64, u64), Timed>,
}

impl<R> Default for Waits<R> {
    fn default() -> Self {
        Waits {
            futexes: HashMap::default(),
            deadlines: BTreeMap::new(),
        }
    }
}

impl<R> Waits<R> {
    /// Takes all waiters of a task out.
    pub(crate) fn remove_task(&mut self, task: TaskId) -> Vec<R> {
        let mut replies = Vec::new();
        self.futexes.retain(|(owner, _), waiters| {
            if *owner == task {
                replies.extend(waiters.drain(..).map(|waiter| waiter.reply));
            }
            *owner != task
        });
        replies
    }
}

impl<K: Kernel> Mach<K> {
    /// Registers a time limit and answers the number of the wait.
    pub(crate) fn deadline(&mut self, milliseconds: u64, what: Timed) -> Serial {
        let number = self.next_serial();
        let mut deadline = 0;
        if milliseconds > 0 {
            deadline = self
                .kernel
                .now()
                .saturating_add(milliseconds.saturating_mul(1_000_000));
            self.waits.deadlines.insert((deadline, number), what);
            self.timer_arm();
        }
        Serial { number, deadline }
    }

    /// A wait is over before its time.
    pub(crate) fn deadline_forget(&mut self, serial: Serial) {
        if serial.deadline != 0 {
            self.waits
                .deadlines
                .remove(&(serial.deadline, serial.number));
        }
    }

    fn timer_arm(&mut self) {
        let next = self.waits.deadlines.keys().next().map(|(at, _)| *at);
        self.kernel.timer_set(next);
    }

    /// Ends the waits whose time is over.
    pub fn timer(&mut self) {
        let now = self.kernel.now();
        while let Some((&(at, serial), &what)) = self.waits.deadlines.first_key_value() {
            if at > now {
                break;
            }
            self.waits.deadlines.remove(&(at, serial));
            match what {
                Timed::Futex(task, address) => {
                    let Some(waiters) = self.waits.futexes.get_mut(&(task, address)) else {
                        continue;
                    };
                    if let Some(place) = waiters
                        .iter()
                        .position(|waiter| waiter.serial.number == serial)
                        && let Some(waiter) = waiters.remove(place)
                    {
                        if waiters.is_empty() {
                            self.waits.futexes.remove(&(task, address));
                        }
                        self.reply_error(waiter.reply, Error::KERN_TIMEDOUT);
                    }
                }
                Timed::Receive(task) => {
                    let Some(holder) = self.tasks.get_mut(task) else {
                        continue;
                    };
                    let found = holder
                        .receivers
                        .iter()
                        .position(|receiver| receiver.serial.number == serial);
                    if let Some(receiver) = found.and_then(|place| holder.receivers.remove(place)) {
                        self.reply_error(receiver.reply, Error::MACH_RCV_TIMED_OUT);
                    }
                }
                Timed::Send => {
                    if let Some(sender) = self.senders.remove(&serial) {
                        if let Some(port) = self.ports.get_mut(sender.port) {
                            port.blocked.retain(|other| *other != serial);
                        }
                        for right in sender.message.rights {
                            self.release(right);
                        }
                        self.reply_error(sender.reply, Error::MACH_SEND_TIMED_OUT);
                    }
                }
            }
        }
        self.settle();
        self.timer_arm();
    }

    /// Adds the current caller to those that wait on an address.
    pub(crate) fn futex_wait(
        &mut self,
        task: TaskId,
        address: u64,
        milliseconds: u64,
    ) -> crate::error::Result<()> {
        let reply = self.kernel.reply_save()?;
        let serial = self.deadline(milliseconds, Timed::Futex(task, address));
        self.waits
            .futexes
            .entry((task, address))
            .or_default()
            .push_back(Waiter { serial, reply });
        Ok(())
    }

    /// Wakes one or all; answers how many.
    pub(crate) fn futex_wake(&mut self, task: TaskId, address: u64, all: bool) -> u64 {
        let Some(waiters) = self.waits.futexes.get_mut(&(task, address)) else {
            return 0;
        };
        let mut woken = Vec::new();
        while let Some(waiter) = waiters.pop_front() {
            woken.push(waiter);
            if !all {
                break;
            }
        }
        if waiters.is_empty() {
            self.waits.futexes.remove(&(task, address));
        }
        let count = woken.len() as u64;
        for waiter in woken {
            self.deadline_forget(waiter.serial);
            self.kernel.reply_send(waiter.reply, crate::abi::REPLY, &[]);
        }
        count
    }
}
