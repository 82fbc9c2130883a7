//! What can be asked and told of tasks and threads: their state, special ports, priorities.

use crate::abi::{REGISTERED_MAX, disposition, flavor, priority, routine, special};
use crate::error::{Error, Result};
use crate::exception::Handler;
use crate::ipc::Carried;
use crate::kernel::Kernel;
use crate::rpc::{Input, Output};
use crate::task::{Mach, TaskId, ThreadId, task_number, thread_is_held, thread_number};
use crate::vm::{PAGE, PageSize};
use alloc::vec::Vec;

/// `TH_STATE_*`
const RUNNING: u64 = 1;
const STOPPED: u64 = 2;
const WAITING: u64 = 3;

impl<K: Kernel> Mach<K> {
    /// Carries out a routine of this module.
    pub(crate) fn control(
        &mut self,
        task: TaskId,
        label: u32,
        input: &mut Input<'_>,
        out: &mut Output,
    ) -> Result<()> {
        match label {
            routine::TASK_THREADS => {
                let target = self.target(task, input.name()?)?;
                let from = input.name().unwrap_or(0) as usize;
                let threads = &self.task(target)?.threads;
                let found: Vec<ThreadId> = threads
                    .iter()
                    .skip(from)
                    .take(out.room() - 1)
                    .copied()
                    .collect();
                let mut names = Vec::with_capacity(found.len());
                for thread in found {
                    let Some(port) = self.threads.get(thread).map(|thread| thread.port) else {
                        continue;
                    };
                    match self.put_send(task, port) {
                        Ok(name) => names.push(name),
                        Err(error) => {
                            for name in names {
                                self.name_deallocate(task, name)?;
                            }
                            return Err(error);
                        }
                    }
                }
                out.put(names.len() as u64);
                names.into_iter().for_each(|name| out.put(name as u64));
            }
            routine::TASK_INFO => {
                let target = self.target(task, input.name()?)?;
                self.task_info(target, input.word().ok(), out)?;
            }
            routine::THREAD_INFO => {
                let thread = self.thread_named(task, input.name()?)?;
                self.thread_info(thread, input.word()?, out)?;
            }
            routine::THREAD_GET_STATE => {
                let thread = self.thread_named(task, input.name()?)?;
                if input.word()? != flavor::THREAD_STATE {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                let kernel = self.threads.get(thread).ok_or(Error::KERN_FAILURE)?.kernel;
                let instruction = self.instruction_now(thread);
                self.kernel
                    .thread_state(kernel, instruction)
                    .into_iter()
                    .for_each(|word| out.put(word));
            }
            routine::THREAD_SET_STATE => {
                let thread = self.thread_named(task, input.name()?)?;
                if input.word()? != flavor::THREAD_STATE {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                self.thread_set_state(thread, input.rest())?;
            }
            routine::TASK_GET_SPECIAL_PORT => {
                let target = self.target(task, input.name()?)?;
                let holder = self.task(target)?;
                let right = match input.word()? {
                    special::KERNEL => Carried::Send(holder.port),
                    special::BOOTSTRAP => holder.bootstrap,
                    which => handler_port(holder.handler, which)?,
                };
                out.put(self.put_kept(task, right)? as u64);
            }
            routine::TASK_SET_SPECIAL_PORT => {
                let target = self.target(task, input.name()?)?;
                let (which, name) = (input.word()?, input.name()?);
                if which == special::BOOTSTRAP {
                    let right = self.copy_in(task, name, disposition::COPY_SEND)?;
                    let old = core::mem::replace(&mut self.task_mut(target)?.bootstrap, right);
                    self.release(old);
                } else {
                    let handler = self.handler_in(task, which, name)?;
                    let old = core::mem::replace(&mut self.task_mut(target)?.handler, handler);
                    self.release(old.port);
                }
            }
            routine::THREAD_GET_SPECIAL_PORT => {
                let thread = self.thread_named(task, input.name()?)?;
                let thread = self.threads.get(thread).ok_or(Error::KERN_FAILURE)?;
                let right = match input.word()? {
                    special::KERNEL => Carried::Send(thread.port),
                    which => handler_port(thread.handler, which)?,
                };
                out.put(self.put_kept(task, right)? as u64);
            }
            routine::THREAD_SET_SPECIAL_PORT => {
                let thread = self.thread_named(task, input.name()?)?;
                let (which, name) = (input.word()?, input.name()?);
                let handler = self.handler_in(task, which, name)?;
                let thread = self.threads.get_mut(thread).ok_or(Error::KERN_FAILURE)?;
                let old = core::mem::replace(&mut thread.handler, handler);
                self.release(old.port);
            }
            routine::MACH_PORTS_REGISTER => {
                let target = self.target(task, input.name()?)?;
                let count = input.word()?;
                if count > REGISTERED_MAX as u64 {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                let list: Vec<u64> = input
                    .rights(count)?
                    .iter()
                    .map(|name| (disposition::COPY_SEND as u64) << 32 | *name as u32 as u64)
                    .collect();
                let rights = self.copy_in_all(task, &list)?;
                let old = core::mem::replace(&mut self.task_mut(target)?.registered, rights);
                old.into_iter().for_each(|right| self.release(right));
            }
            routine::MACH_PORTS_LOOKUP => {
                let target = self.target(task, input.name()?)?;
                let kept = self.task(target)?.registered.clone();
                out.put(kept.len() as u64);
                for right in kept {
                    let name = self.put_kept(task, right)?;
                    out.put(name as u64);
                }
            }
            routine::THREAD_PRIORITY => {
                let thread = self.thread_named(task, input.name()?)?;
                let (wanted, limit) = (input.word()?, input.word()? != 0);
                self.thread_set_priority(thread, wanted, limit)?;
            }
            routine::THREAD_MAX_PRIORITY => {
                let thread = self.thread_named(task, input.name()?)?;
                self.check_set(task, input.name()?)?;
                let limit = check_priority(input.word()?)?;
                self.thread_limit(thread, limit)?;
            }
            routine::TASK_PRIORITY => {
                let target = self.target(task, input.name()?)?;
                let wanted = check_priority(input.word()?)?;
                let holder = self.task_mut(target)?;
                holder.priority = wanted;
                let mut result = Ok(());
                if input.word()? != 0 {
                    for thread in self.task(target)?.threads.clone() {
                        // The others change although one may not.
                        result = result.and(self.thread_set_priority(thread, wanted as u64, false));
                    }
                }
                result?;
            }
            routine::THREAD_POLICY => {
                self.thread_named(task, input.name()?)?;
                match input.word()? {
                    // What every thread has; its quantum is the kernel's.
                    priority::TIMESHARE => {}
                    // Not enabled, in Mach's words.
                    priority::FIXED => return Err(Error::KERN_FAILURE),
                    _ => return Err(Error::KERN_INVALID_ARGUMENT),
                }
            }
            routine::THREAD_DEPRESS_ABORT => {
                // None is depressed.
                self.thread_named(task, input.name()?)?;
            }
            routine::THREAD_WIRE => {
                self.check_host(task, input.name()?)?;
                self.thread_named(task, input.name()?)?;
                if input.word()? == 0 {
                    // What the kernel has of a thread never leaves memory.
                    return Err(Error::KERN_FAILURE);
                }
            }
            routine::THREAD_TERMINATE_RELEASE => {
                let thread = self.thread_named(task, input.name()?)?;
                let target = self.target(task, input.name()?)?;
                let (name, reply) = (input.name()?, input.name()?);
                let (address, size) = (input.word()?, input.word()?);
                self.thread_terminate_release(thread, target, name, reply, address, size)?;
            }
            routine::TASK_SET_NAME => {
                let target = self.target(task, input.name()?)?;
                self.task_set_name(target, input)?;
            }
            routine::THREAD_SET_NAME => {
                let thread = self.thread_named(task, input.name()?)?;
                self.thread_set_name(thread, input)?;
            }
            routine::THREAD_GET_NAME => {
                let thread = self.thread_named(task, input.name()?)?;
                self.thread_get_name(thread, out)?;
            }
            routine::TASK_SET_ESSENTIAL => {
                self.check_host(task, input.name()?)?;
                let target = self.target(task, input.name()?)?;
                self.task_mut(target)?.essential = input.word()? != 0;
            }
            _ => return Err(Error::MIG_BAD_ID),
        }
        Ok(())
    }

    /// Ends a thread with what its task had for it. Answers what went wrong first; the rest is done.
    fn thread_terminate_release(
        &mut self,
        thread: ThreadId,
        target: TaskId,
        name: u32,
        reply: u32,
        address: u64,
        size: u64,
    ) -> Result<()> {
        let mut result = self.name_deallocate(target, name);
        if reply != 0 {
            result = result.and(self.name_destroy(target, reply));
        }
        let holder = self.threads.get(thread).map(|thread| thread.task);
        self.thread_remove(thread);
        if let Some(holder) = holder {
            self.waits_purge(holder);
        }
        if address != 0 || size != 0 {
            result = result.and(self.vm_deallocate(target, address, size));
        }
        result
    }

    /// The highest priority that a thread can be given; it has no higher one from now on.
    pub(crate) fn thread_limit(&mut self, id: ThreadId, limit: u8) -> Result<()> {
        let thread = self.threads.get_mut(id).ok_or(Error::KERN_FAILURE)?;
        thread.priority_limit = limit;
        let wanted = thread.priority.max(limit);
        self.thread_set_priority(id, wanted as u64, false)
    }

    /// A right that the mach server keeps for a task, as a name; 0 for none.
    fn put_kept(&mut self, task: TaskId, right: Carried) -> Result<u32> {
        match right {
            Carried::Send(port) => self.put_send(task, port),
            _ => Ok(0),
        }
    }

    fn handler_in(&mut self, task: TaskId, which: u64, name: u32) -> Result<Handler> {
        let state = match which {
            special::EXCEPTION => false,
            special::EXCEPTION_STATE => true,
            _ => return Err(Error::KERN_INVALID_ARGUMENT),
        };
        let port = self.copy_in(task, name, disposition::COPY_SEND)?;
        Ok(Handler { port, state })
    }

    fn task_info(&mut self, id: TaskId, wanted: Option<u64>, out: &mut Output) -> Result<()> {
        if wanted == Some(flavor::TASK_NAME) {
            return self.task_get_name(id, out);
        }
        let task = self.task(id)?;
        // Each large page is counted as a small one at first.
        let regions = task.map.regions.iter();
        let large = regions.filter(|(_, region)| region.pages == PageSize::Large).map(|(at, region)| {
            task.map.mapped.count(at / PAGE..region.end / PAGE) as u64 * (K::LARGE_PAGE - PAGE)
        });
        let resident = task.map.mapped.len() as u64 * PAGE + large.sum::<u64>();
        match wanted {
            None => {
                let regions = task.map.regions.values();
                for word in [
                    task.threads.len() as u64,
                    task.suspended as u64,
                    resident,
                    task.space.len() as u64,
                    regions.filter(|region| region.object.is_some()).count() as u64,
                    task_number(id) as u64,
                    task.account.index as u64,
                ] {
                    out.put(word);
                }
            }
            Some(flavor::TASK_BASIC) => {
                let size = task.map.bytes;
                let words = [task.suspended as u64, task.priority as u64, size, resident];
                words.into_iter().for_each(|word| out.put(word));
                let created = task.created;
                self.put_times(created, out);
            }
            Some(_) => return Err(Error::KERN_INVALID_ARGUMENT),
        }
        Ok(())
    }

    /// User time, system time and creation time.
    fn put_times(&self, created: u64, out: &mut Output) {
        [0; 4].into_iter().for_each(|word| out.put(word));
        self.put_creation(created, out);
    }

    fn put_creation(&self, created: u64, out: &mut Output) {
        let created = self.clock.of(created);
        out.put(created / 1_000_000_000);
        out.put(created % 1_000_000_000 / 1000);
    }

    fn thread_info(&mut self, id: ThreadId, wanted: u64, out: &mut Output) -> Result<()> {
        let thread = self.threads.get(id).ok_or(Error::KERN_FAILURE)?;
        let own = thread.priority as u64;
        match wanted {
            flavor::THREAD_BASIC => {
                let (kernel, created) = (thread.kernel, thread.created);
                let suspended = thread.suspended as u64;
                let stopped = !thread.started || thread_is_held(Some(thread), &self.tasks);
                let state = match self.kernel.published(kernel).0 {
                    _ if stopped => STOPPED,
                    0 => RUNNING,
                    _ => WAITING,
                };
                let words = [0, 0, 0, 0, 0, own, own, state, 0, suspended, 0];
                words.into_iter().for_each(|word| out.put(word));
                self.put_creation(created, out);
            }
            flavor::THREAD_SCHED => {
                let limit = thread.priority_limit as u64;
                let none = u64::MAX;
                let words = [
                    priority::TIMESHARE,
                    priority::QUANTUM,
                    own,
                    limit,
                    own,
                    0,
                    none,
                ];
                words.into_iter().for_each(|word| out.put(word));
            }
            flavor::THREAD_CALL => {
                let kernel = thread.kernel;
                out.put(thread_number(id) as u64);
                out.put(self.kernel.published(kernel).0 as u64);
            }
            _ => return Err(Error::KERN_INVALID_ARGUMENT),
        }
        Ok(())
    }

    fn thread_set_state(&mut self, id: ThreadId, words: &[u64]) -> Result<()> {
        let thread = self.threads.get(id).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let kernel = thread.kernel;
        if !thread.started {
            self.kernel.thread_state_set(kernel, 0, words)?;
            if let Some(thread) = self.threads.get_mut(id) {
                thread.started = true;
                thread.suspended += 1;
            }
            return Ok(());
        }
        let runs = !thread_is_held(Some(thread), &self.tasks);
        if runs {
            self.thread_halt(id);
        }
        let instruction = self.instruction_now(id);
        let result = self.kernel.thread_state_set(kernel, instruction, words);
        if runs {
            self.kernel.thread_resume(kernel);
        }
        result
    }

    fn thread_set_priority(&mut self, id: ThreadId, wanted: u64, limit: bool) -> Result<()> {
        let wanted = check_priority(wanted)?;
        let thread = self
            .threads
            .get_mut(id)
            .ok_or(Error::KERN_INVALID_ARGUMENT)?;
        if wanted < thread.priority_limit {
            return Err(Error::KERN_FAILURE);
        }
        thread.priority = wanted;
        if limit {
            thread.priority_limit = wanted;
        }
        let kernel = thread.kernel;
        self.kernel
            .thread_priority(kernel, wanted - priority::BASE as u8);
        Ok(())
    }
}

pub(crate) fn check_priority(wanted: u64) -> Result<u8> {
    match wanted {
        priority::BASE..=priority::LOWEST => Ok(wanted as u8),
        // Above the common one.
        0..priority::BASE => Err(Error::KERN_FAILURE),
        _ => Err(Error::KERN_INVALID_ARGUMENT),
    }
}

fn handler_port(handler: Handler, which: u64) -> Result<Carried> {
    match which {
        special::EXCEPTION if !handler.state => Ok(handler.port),
        special::EXCEPTION_STATE if handler.state => Ok(handler.port),
        special::EXCEPTION | special::EXCEPTION_STATE => Ok(Carried::Null),
        _ => Err(Error::KERN_INVALID_ARGUMENT),
    }
}
