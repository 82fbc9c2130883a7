//! What there is, for programs that show it: tasks, ports and who holds rights to them, accounts.
//!
//! A right to a task shows what the task holds; what is not a task's needs the privileged host
//! port. Everything is read in pieces: each call looks at a bounded part of a table and says where
//! the next one goes on. What changes meanwhile may be missed or seen twice.

use crate::abi::{INSPECTED_ACCOUNT, INSPECTED_PORT, receiver, right, routine};
use crate::error::{Error, Result};
use crate::ipc::{Carried, KernelObject, Owner, Port, PortId};
use crate::kernel::Kernel;
use crate::processors::Processing;
use crate::rpc::{Input, Output, type_bits};
use crate::slab::Slab;
use crate::space::Right;
use crate::task::{Mach, Table, Task, TaskId, Thread, task_number, thread_number};
use crate::vm::{PAGE, page_range};
use alloc::vec::Vec;

/// Entries of a table that one call looks at.
const LOOKED_AT: u32 = 256;
/// Words in front of the entries of an answer: where to go on, and how many there are.
const HEAD: usize = 2;

/// Puts what `tell` says of a table's entries from a place on.
fn put_entries<T>(
    table: &Slab<T>,
    from: u32,
    words: usize,
    out: &mut Output,
    mut tell: impl FnMut(u32, &T, &mut Vec<u64>),
) {
    let most = (out.room() - HEAD) / words;
    let mut found = Vec::new();
    let mut next = from;
    for place in from..table.places().min(from.saturating_add(LOOKED_AT)) {
        if found.len() == most * words {
            break;
        }
        next = place + 1;
        if let Some(entry) = table.at(place).and_then(|id| table.get(id)) {
            tell(place, entry, &mut found);
        }
    }
    put_found(if next < table.places() { next as u64 } else { 0 }, &found, words, out);
}

fn put_found(next: u64, found: &[u64], words: usize, out: &mut Output) {
    out.put(next);
    out.put((found.len() / words) as u64);
    found.iter().for_each(|word| out.put(*word));
}

impl<K: Kernel> Mach<K> {
    /// Carries out a routine of this module.
    pub(crate) fn inspect(
        &mut self,
        task: TaskId,
        label: u32,
        input: &mut Input<'_>,
        out: &mut Output,
    ) -> Result<()> {
        match label {
            routine::TASK_RIGHTS => {
                let target = self.target(task, input.name()?)?;
                return self.put_rights(target, input.name()?, out);
            }
            routine::VM_CACHE_STATISTICS => {
                self.put_cached(input.name()?, out);
                return Ok(());
            }
            routine::PROCESSOR_SET_TASKS => {
                self.check_set(task, input.name()?)?;
                let port = |task: &Task<K>| (!task.ending).then_some(task.port);
                return self.put_all(task, input.name()?, |mach| &mach.tasks, port, out);
            }
            routine::PROCESSOR_SET_THREADS => {
                self.check_set(task, input.name()?)?;
                let port = |thread: &Thread<K>| Some(thread.port);
                return self.put_all(task, input.name()?, |mach| &mach.threads, port, out);
            }
            _ => self.check_host(task, input.name()?)?,
        }
        if label == routine::VM_PAGES_PHYS {
            let target = self.target(task, input.name()?)?;
            return self.put_physical(target, input.word()?, input.word()?, out);
        }
        let from = input.name()?;
        match label {
            routine::HOST_PORTS => {
                put_entries(&self.ports, from, INSPECTED_PORT, out, |place, port, found| {
                    if port.spare.is_none() {
                        found.extend(self.describe_port(place, port));
                    }
                });
            }
            routine::HOST_PORT_RIGHTS => self.put_queued(from, input.word()?, out)?,
            _ => {
                let accounts = &self.accounts.slab;
                put_entries(accounts, from, INSPECTED_ACCOUNT, out, |place, account, found| {
                    found.push(place as u64);
                    found.push(account.parent.map_or(0, |above| above.index as u64 + 1));
                    for amount in [account.limit, account.used] {
                        found.extend([amount.memory, amount.objects, amount.rights]);
                    }
                    found.push(account.users as u64);
                });
            }
        }
        Ok(())
    }

    /// The names of a task, with the ports that they denote.
    fn put_rights(&self, target: TaskId, from: u32, out: &mut Output) -> Result<()> {
        let most = (out.room() - 1) / 3;
        let found: Vec<[u64; 3]> = self
            .task(target)?
            .space
            .names(from)
            .take(most)
            .map(|(name, entry)| {
                let (refs, port) = match entry.right {
                    Right::Send { port, urefs } | Right::Receive { port, urefs } => {
                        (urefs, Some(port))
                    }
                    Right::SendOnce { port } => (1, Some(port)),
                    Right::Dead { urefs } => (urefs, None),
                    Right::Set | Right::Free { .. } | Right::Spare { .. } | Right::Reserved => {
                        (0, None)
                    }
                };
                let name = (type_bits(entry) as u64) << 32 | name as u64;
                [name, refs as u64, port.map_or(u64::MAX, |port| port.index as u64)]
            })
            .collect();
        out.put(found.len() as u64);
        found.into_iter().flatten().for_each(|word| out.put(word));
        Ok(())
    }

    /// Pagers' objects from a place on, and how many pages they have.
    fn put_cached(&self, from: u32, out: &mut Output) {
        let next = from.saturating_add(LOOKED_AT);
        let (mut objects, mut pages) = (0, 0);
        for place in from..next.min(self.objects.places()) {
            let object = self.objects.at(place).and_then(|id| self.objects.get(id));
            if let Some(object) = object.filter(|object| object.pager.is_some()) {
                objects += 1;
                pages += object.pages.len() as u64;
            }
        }
        let next = if next < self.objects.places() { next as u64 } else { 0 };
        [next, objects, pages].into_iter().for_each(|word| out.put(word));
    }

    /// Where the pages of a range lie in memory, those that are there.
    fn put_physical(
        &mut self,
        target: TaskId,
        address: u64,
        bytes: u64,
        out: &mut Output,
    ) -> Result<()> {
        let most = (out.room() as u64 - 1) * PAGE;
        if !(address | bytes).is_multiple_of(PAGE) || bytes > most {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        let (start, end) = page_range(address, bytes)?;
        out.put(bytes / PAGE);
        for at in (start..end).step_by(PAGE as usize) {
            let found = self.task(target)?.map.region(at).and_then(|(start, region)| {
                let object = self.objects.get(region.object?)?;
                let offset = region.offset + (at - start);
                let inside = offset & (object.page_size.bytes::<K>() - 1);
                Some((object.pages.get((offset - inside) / PAGE)?, inside))
            });
            let physical = found.map(|(frame, inside)| self.kernel.frame_physical(frame) + inside);
            out.put(physical.unwrap_or(0));
        }
        Ok(())
    }

    /// Rights to tasks or threads for the caller.
    fn put_all<Tag, T>(
        &mut self,
        task: TaskId,
        from: u32,
        table: impl Fn(&Self) -> &Table<Tag, T>,
        port: impl Fn(&T) -> Option<PortId>,
        out: &mut Output,
    ) -> Result<()> {
        let most = out.room() - HEAD;
        let (mut names, mut next) = (Vec::new(), from);
        let places = table(self).places();
        for place in from..places.min(from.saturating_add(LOOKED_AT)) {
            if names.len() == most {
                break;
            }
            next = place + 1;
            let all = table(self);
            let found = all.at(place).and_then(|id| all.get(id));
            let Some(port) = found.and_then(&port) else { continue };
            match self.put_send(task, port) {
                Ok(name) => names.push(name as u64),
                Err(error) => {
                    for name in names {
                        self.name_deallocate(task, name as u32)?;
                    }
                    return Err(error);
                }
            }
        }
        put_found(if next < places { next as u64 } else { 0 }, &names, 1, out);
        Ok(())
    }

    fn describe_port(&self, place: u32, port: &Port) -> [u64; INSPECTED_PORT] {
        let (kind, number, name) = match port.owner {
            Owner::Task(task, name) => (receiver::TASK, task_number(task), name),
            Owner::Transit(to) => (receiver::TRANSIT, to.map_or(u32::MAX, |to| to.index), 0),
            Owner::Kernel(object) => {
                let (kind, number) = match object {
                    KernelObject::Task(task) => (receiver::OF_TASK, task_number(task)),
                    KernelObject::Thread(thread) => (receiver::OF_THREAD, thread_number(thread)),
                    KernelObject::Memory(object) => (receiver::OF_MEMORY, object.index),
                    KernelObject::Host => (receiver::OF_HOST, 0),
                    KernelObject::Dma => (receiver::OF_DMA, 0),
                    KernelObject::Interrupt(line) => (receiver::OF_INTERRUPT, line),
                    KernelObject::Ports(first, _) => (receiver::OF_PORTS, first.into()),
                    KernelObject::Account(account) => (receiver::OF_ACCOUNT, account.index),
                    KernelObject::Exception(thread) => {
                        (receiver::OF_EXCEPTION, thread_number(thread))
                    }
                    KernelObject::Control(object) => (receiver::OF_CONTROL, object.index),
                    KernelObject::Name(object) => (receiver::OF_NAME, object.index),
                    KernelObject::Proxy(proxy) => (receiver::OF_PROXY, proxy.index),
                    KernelObject::Processing(what) => match what {
                        Processing::Processor => (receiver::OF_PROCESSOR, 0),
                        Processing::ProcessorName => (receiver::OF_PROCESSOR, 1),
                        Processing::Set => (receiver::OF_PROCESSOR_SET, 0),
                        Processing::SetName => (receiver::OF_PROCESSOR_SET, 1),
                    },
                };
                (kind, number, 0)
            }
        };
        let pair = |low: u32, high: u32| (high as u64) << 32 | low as u64;
        [
            place as u64,
            pair(number, kind),
            pair(name, port.set.unwrap_or(0)),
            pair(port.queue.len() as u32, port.qlimit),
            pair(port.srights, port.sorights),
        ]
    }

    /// The rights in messages of a port's queue, from the message with a number on.
    fn put_queued(&self, port: u32, from: u64, out: &mut Output) -> Result<()> {
        let id = self.ports.at(port).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let port = self.ports.get(id).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let (most, last) = (out.room() - HEAD, from.saturating_add(LOOKED_AT as u64));
        let mut found = Vec::new();
        let mut next = from;
        while let Some(message) = port.queue.get(next as usize)
            && next < last
            && found.len() + message.rights.len() <= most
        {
            next += 1;
            found.extend(message.rights.iter().filter_map(|carried| {
                let (kind, port) = match carried {
                    Carried::Send(port) => (right::SEND, port),
                    Carried::Receive(port) => (right::RECEIVE, port),
                    Carried::SendOnce(port) => (right::SEND_ONCE, port),
                    Carried::Null | Carried::Dead => return None,
                };
                Some((kind as u64) << 60 | port.index as u64)
            }));
        }
        put_found(if port.queue.len() as u64 > next { next } else { 0 }, &found, 1, out);
        Ok(())
    }
}
