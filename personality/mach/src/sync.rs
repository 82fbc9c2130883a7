//! Waiting: futexes (`gsync`) and time limits.

use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::task::{Mach, TaskId};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// A thread that waits on an address.
pub(crate) struct Waiter<R> {
    pub(crate) serial: Serial,
    pub(crate) reply: R,
}

/// A task's threads that wait on addresses.
pub(crate) type Futexes<R> = BTreeMap<u64, VecDeque<Waiter<R>>>;

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
    /// A task is to be told of ports that died.
    Lapse(TaskId),
}

/// When waits end.
#[derive(Default)]
pub(crate) struct Waits {
    deadlines: BTreeMap<(u64, u64), Timed>,
}

impl Waits {
    /// All time limits: (when, number of the wait), what they end.
    pub(crate) fn deadlines(&self) -> impl Iterator<Item = ((u64, u64), Timed)> {
        self.deadlines.iter().map(|(key, what)| (*key, *what))
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
                    let Some(holder) = self.tasks.get_mut(task) else {
                        continue;
                    };
                    let Some(waiters) = holder.futexes.get_mut(&address) else {
                        continue;
                    };
                    if let Some(place) = waiters
                        .iter()
                        .position(|waiter| waiter.serial.number == serial)
                        && let Some(waiter) = waiters.remove(place)
                    {
                        if waiters.is_empty() {
                            holder.futexes.remove(&address);
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
                Timed::Lapse(task) => {
                    if let Some(holder) = self.tasks.get_mut(task) {
                        holder.lapse = None;
                    }
                    self.lapsed_tell(task);
                }
                Timed::Send => {
                    if let Some(sender) = self.sender_take(serial) {
                        if let Some(port) = self.ports.get_mut(sender.port) {
                            port.blocked.retain(|other| *other != serial);
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
    ) -> Result<()> {
        let reply = self.kernel.reply_save()?;
        let serial = self.deadline(milliseconds, Timed::Futex(task, address));
        if let Some(holder) = self.tasks.get_mut(task) {
            let waiters = holder.futexes.entry(address).or_default();
            waiters.push_back(Waiter { serial, reply });
        }
        Ok(())
    }

    /// Forgets the waits of a task's threads whose calls are over: those that had their call ended,
    /// or are gone. What they asked for has not happened.
    pub(crate) fn waits_purge(&mut self, task: TaskId) {
        self.waits_forget(task, |kernel, reply| !kernel.reply_waits(reply));
    }

    /// Forgets all waits of a task.
    pub(crate) fn waits_drop(&mut self, task: TaskId) {
        self.waits_forget(task, |_, _| true);
    }

    fn waits_forget(&mut self, task: TaskId, over: impl Fn(&mut K, K::Reply) -> bool) {
        let Some(holder) = self.tasks.get_mut(task) else {
            return;
        };
        let kernel = &mut self.kernel;
        let mut gone: Vec<(Serial, K::Reply)> = Vec::new();
        holder.receivers.retain(|receiver| {
            let over = over(kernel, receiver.reply);
            if over {
                gone.push((receiver.serial, receiver.reply));
            }
            !over
        });
        holder.futexes.retain(|_, waiters| {
            waiters.retain(|waiter| {
                let over = over(kernel, waiter.reply);
                if over {
                    gone.push((waiter.serial, waiter.reply));
                }
                !over
            });
            !waiters.is_empty()
        });
        let sending: Vec<u64> = holder.sending.iter().copied().collect();
        for serial in sending {
            let reply = self.senders.get(&serial).map(|sender| sender.reply);
            if let Some(reply) = reply
                && over(&mut self.kernel, reply)
                && let Some(sender) = self.sender_take(serial)
            {
                if let Some(port) = self.ports.get_mut(sender.port) {
                    port.blocked.retain(|other| *other != serial);
                }
                self.kernel.reply_drop(sender.reply);
            }
        }
        let parked = self.tasks.get(task).map(|task| task.parked.clone());
        for serial in parked.into_iter().flatten() {
            let reply = self.parked.get(&serial).map(|parked| parked.reply);
            if let Some(reply) = reply
                && over(&mut self.kernel, reply)
                && self.request_take(serial).is_some()
            {
                self.kernel.reply_drop(reply);
            }
        }
        for (serial, reply) in gone {
            self.deadline_forget(serial);
            self.kernel.reply_drop(reply);
        }
    }

    /// Has one or all of those that wait on an address wait on another one; wakes one of them if asked.
    pub(crate) fn futex_requeue(
        &mut self,
        task: TaskId,
        from: u64,
        to: u64,
        wake: bool,
        all: bool,
    ) -> Result<()> {
        let holder = self.task_mut(task)?;
        for address in [from, to] {
            let region = holder.map.region(address).filter(|(_, region)| region.object.is_some());
            if address % 4 != 0 || region.is_none() {
                return Err(Error::KERN_INVALID_ADDRESS);
            }
        }
        if !holder.futexes.contains_key(&from) {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        if wake {
            self.futex_wake(task, from, false);
        }
        let holder = self.task_mut(task)?;
        if from == to {
            return Ok(());
        }
        let Some(mut waiters) = holder.futexes.remove(&from) else { return Ok(()) };
        let left = waiters.split_off(if all { waiters.len() } else { 1 });
        if !left.is_empty() {
            holder.futexes.insert(from, left);
        }
        for waiter in &waiters {
            let key = (waiter.serial.deadline, waiter.serial.number);
            if let Some(timed) = self.waits.deadlines.get_mut(&key) {
                *timed = Timed::Futex(task, to);
            }
        }
        let holder = self.task_mut(task)?;
        holder.futexes.entry(to).or_default().append(&mut waiters);
        Ok(())
    }

    /// Wakes one or all; answers how many.
    pub(crate) fn futex_wake(&mut self, task: TaskId, address: u64, all: bool) -> u64 {
        let Some(holder) = self.tasks.get_mut(task) else {
            return 0;
        };
        let Some(waiters) = holder.futexes.get_mut(&address) else {
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
            holder.futexes.remove(&address);
        }
        let count = woken.len() as u64;
        for waiter in woken {
            self.deadline_forget(waiter.serial);
            self.kernel.reply_send(waiter.reply, crate::abi::REPLY, &[]);
        }
        count
    }
}
