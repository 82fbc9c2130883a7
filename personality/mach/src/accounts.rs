//! The routines of accounts: made, looked at, moved to, emptied.

use crate::abi::routine;
use crate::account::{AccountId, Limits, cost};
use crate::error::{Error, Result};
use crate::ipc::{KernelObject, Message, Owner};
use crate::kernel::Kernel;
use crate::label::label_cost;
use crate::rpc::{Input, Output};
use crate::task::{Mach, TaskId, Ticket};
use crate::vm::PAGE;

/// Entries of a table that one call of `ACCOUNT_TERMINATE` looks at.
const LOOKED_AT: u32 = 256;
/// Tasks that it ends.
const ENDED: usize = 4;

/// Pages that it frees, at the most.
const DROPPED: u64 = 1024;

/// What is ended, in this order: each stage is a table.
const TASKS: u64 = 0;
const OBJECTS: u64 = 1;
const PORTS: u64 = 2;
/// What has begun to end is gone.
const REMAINS: u64 = 3;

impl<K: Kernel> Mach<K> {
    /// Carries out a routine of this module.
    pub(crate) fn account_routine(
        &mut self,
        task: TaskId,
        label: u32,
        input: &mut Input<'_>,
        out: &mut Output,
    ) -> Result<()> {
        match label {
            routine::ACCOUNT_CREATE => {
                let limit =
                    Limits { memory: input.word()?, objects: input.word()?, rights: input.word()? };
                let parent = self.account_named(task, input.name().unwrap_or(0))?;
                let account = self.accounts.create(parent, limit)?;
                let port = self.port_for(KernelObject::Account(account));
                out.put(self.put_send(task, port)? as u64);
            }
            routine::ACCOUNT_INFO => {
                let id = self.account_named(task, input.name()?)?;
                self.account_words(id, out)?;
            }
            routine::ACCOUNT_TERMINATE => {
                let account = self.account_named(task, input.name()?)?;
                let place = input.word()?;
                out.put(self.account_empty(task, account, place)?);
            }
            _ => {
                let target = self.target(task, input.name()?)?;
                let account = self.account_named(task, input.name()?)?;
                self.task_account_set(target, account)?;
            }
        }
        Ok(())
    }

    /// The account that a name denotes; 0 is the caller's own.
    pub(crate) fn account_named(&self, task: TaskId, name: u32) -> Result<AccountId> {
        match name {
            0 => Ok(self.task(task)?.account),
            name => match self.object_of(task, name)? {
                KernelObject::Account(account) => Ok(account),
                _ => Err(Error::KERN_INVALID_ARGUMENT),
            },
        }
    }

    /// Limits and uses, three each, and how many things are charged to it.
    pub(crate) fn account_words(&self, id: AccountId, out: &mut Output) -> Result<()> {
        let account = self.accounts.slab.get(id).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        for amount in [account.limit, account.used] {
            for word in [amount.memory, amount.objects, amount.rights] {
                out.put(word);
            }
        }
        out.put(account.users as u64);
        Ok(())
    }

    /// All that is charged to a task's account for the task itself, its map and its names: not its
    /// memory objects, nor its messages in queues.
    fn task_charge(&self, id: TaskId) -> Result<Limits> {
        let task = self.task(id)?;
        let threads = task.threads.len() as u64;
        let regions = task.map.regions.values().filter(|region| region.object.is_some());
        let mut charge = Limits {
            memory: threads * PAGE,
            objects: Self::TASK_COST
                + task.table_bytes
                + task.name_bytes
                + label_cost(&task.label).objects
                + threads * K::THREAD_BYTES
                + regions.count() as u64 * cost::REGION
                + task.map.mapped.len() as u64 * cost::MAPPING
                + task.map.mapped.groups() as u64 * cost::MAPPINGS,
            rights: task.space.len() as u64,
        };
        let mut add = |amount: Limits| {
            charge.objects += amount.objects;
            charge.rights += amount.rights;
        };
        let parked = task.parked.iter().filter_map(|serial| self.parked.get(serial));
        parked.for_each(|parked| add(Message::cost(parked.words.len(), 0)));
        let sending = task.sending.iter().filter_map(|serial| self.senders.get(serial));
        sending.for_each(|sender| add(Message::cost(sender.words.len(), 0)));
        let threads = task.threads.iter().filter_map(|thread| self.threads.get(*thread));
        for thread in threads {
            add(label_cost(&thread.label));
            thread.ticket.iter().for_each(|ticket| add(ticket.cost()));
        }
        Ok(charge)
    }

    /// Charges a task, and from now on all that is made for it, to another account. Memory that it
    /// has stays charged as it was.
    fn task_account_set(&mut self, id: TaskId, account: AccountId) -> Result<()> {
        let charge = self.task_charge(id)?;
        let old = self.task(id)?.account;
        if old == account {
            return Ok(());
        }
        self.accounts.charge(account, charge)?;
        self.accounts.retain(account);
        self.task_mut(id)?.account = account;
        self.accounts.refund(old, charge);
        self.accounts.release(old);
        Ok(())
    }

    /// Ends part of what is charged to an account and those below it, to which nothing more can be
    /// charged from now on. `place` is 0, or what the call before answered; the answer is 0 when
    /// everything has ended.
    fn account_empty(&mut self, caller: TaskId, account: AccountId, place: u64) -> Result<u64> {
        let (stage, from) = (place >> 32, place as u32);
        if stage > REMAINS || self.accounts.is_within(self.task(caller)?.account, account) {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        self.accounts.close(account);
        let (places, next) = match stage {
            TASKS => (self.tasks.places(), self.account_tasks_end(account, from)),
            OBJECTS => (self.objects.places(), self.account_objects_end(account, from)),
            PORTS => (self.ports.places(), self.account_messages_end(account, from)),
            _ if self.remains.is_empty() => return Ok(0),
            _ => return Ok(place),
        };
        Ok(match next < places {
            true => stage << 32 | next as u64,
            false => (stage + 1) << 32,
        })
    }

    fn account_tasks_end(&mut self, account: AccountId, from: u32) -> u32 {
        let mut ended = 0;
        for index in from..from.saturating_add(LOOKED_AT) {
            let Some(id) = self.tasks.at(index) else { continue };
            let Some(task) = self.tasks.get(id) else { continue };
            if self.accounts.is_within(task.account, account) {
                // Only an error if it were gone.
                let _ = self.task_terminate(id);
                ended += 1;
                if ended == ENDED {
                    return index + 1;
                }
            }
        }
        from.saturating_add(LOOKED_AT)
    }

    /// Memory that others map goes, too; a window stays until its server lets go of it.
    fn account_objects_end(&mut self, account: AccountId, from: u32) -> u32 {
        let mut next = from;
        for index in from..from.saturating_add(LOOKED_AT) {
            next = index + 1;
            let Some(id) = self.objects.at(index) else { continue };
            let Some(object) = self.objects.get(id) else { continue };
            let within = object.account.is_some_and(|own| self.accounts.is_within(own, account));
            let first = object.pages.iter().next().map(|(page, _)| page);
            if let Some(first) = first.filter(|_| within && !object.pinned) {
                self.object_withdraw(id, first, DROPPED, crate::kernel::Protection::NONE);
                self.pages_drop(id, first, DROPPED);
                // It may have more.
                return index;
            }
            if within && !object.pinned && object.pager.is_none() {
                self.object_disown(id);
            }
        }
        next
    }

    fn account_messages_end(&mut self, account: AccountId, from: u32) -> u32 {
        let mut next = from;
        for index in from..from.saturating_add(LOOKED_AT) {
            next = index + 1;
            let Some(id) = self.ports.at(index) else { continue };
            let Some(port) = self.ports.get(id) else { continue };
            match port.owner {
                Owner::Kernel(KernelObject::Account(own))
                    if own != account && self.accounts.is_within(own, account) =>
                {
                    self.port_destroy(id);
                    self.accounts.release(own);
                }
                Owner::Kernel(KernelObject::Proxy(proxy))
                    if self.proxies.get(proxy).is_some_and(|proxy| {
                        self.accounts.is_within(proxy.account, account)
                    }) =>
                {
                    self.port_destroy(id);
                    self.proxy_end(proxy);
                }
                _ if !port.queue.is_empty() => {
                    self.queue_empty(id, account);
                    break;
                }
                _ => {}
            }
        }
        next
    }
}

impl Ticket {
    /// What its rights are charged as while nobody has redeemed it.
    pub(crate) fn cost(&self) -> Limits {
        Self::cost_of(self.rights.len())
    }

    pub(crate) fn cost_of(rights: usize) -> Limits {
        Limits { memory: 0, objects: rights as u64 * cost::CARRIED, rights: rights as u64 }
    }
}
