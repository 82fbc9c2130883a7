//! The processor, and the set that it and all tasks are in.
//!
//! There is one of each, and nothing can be made or moved: what is already so can be asked for, all
//! else is refused as a Mach that was built for one processor refuses it.

use crate::abi::{flavor, priority, routine};
use crate::error::{Error, Result};
use crate::ipc::{KernelObject, PortId};
use crate::kernel::Kernel;
use crate::rpc::{Input, Output};
use crate::task::{Mach, TaskId};

/// Threads whose limit one call changes.
const LIMITED: u32 = 256;

/// What a right to a processor or to a set allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processing {
    /// To control the processor.
    Processor,
    /// To ask about it.
    ProcessorName,
    /// To control the set.
    Set,
    /// To ask about it.
    SetName,
}

/// The ports of the processor and of the set, while there are rights to them, and what holds in the set.
#[derive(Default)]
pub(crate) struct Processors {
    ports: [Option<PortId>; 4],
    /// How much lower than the highest a new thread's priority is at least.
    below: u8,
}

impl Processors {
    /// The highest priority of new threads.
    pub(crate) fn limit(&self) -> u8 {
        priority::BASE as u8 + self.below
    }

    /// The last right to one of the ports is gone.
    pub(crate) fn port_gone(&mut self, what: Processing) {
        self.ports[what as usize] = None;
    }

    /// The port that stands for something, if there are rights to it.
    pub(crate) fn port(&self, what: Processing) -> Option<PortId> {
        self.ports[what as usize]
    }
}

impl<K: Kernel> Mach<K> {
    /// Carries out a routine of this module.
    pub(crate) fn processors(
        &mut self,
        task: TaskId,
        label: u32,
        input: &mut Input<'_>,
        out: &mut Output,
    ) -> Result<()> {
        use Processing::{Processor, ProcessorName, Set, SetName};
        match label {
            routine::HOST_PROCESSORS => {
                self.check_host(task, input.name()?)?;
                self.put_list(task, Processor, out)?;
            }
            routine::HOST_PROCESSOR_SETS => self.put_list(task, SetName, out)?,
            routine::HOST_PROCESSOR_SET_PRIV => {
                self.check_host(task, input.name()?)?;
                self.processing(task, input.name()?, &[SetName, Set])?;
                self.put_processing(task, Set, out)?;
            }
            routine::PROCESSOR_SET_DEFAULT => self.put_processing(task, SetName, out)?,
            routine::PROCESSOR_SET_PROCESSORS => {
                self.processing(task, input.name()?, &[SetName, Set])?;
                self.put_list(task, ProcessorName, out)?;
            }
            routine::PROCESSOR_SET_CREATE => {
                self.check_host(task, input.name()?)?;
                return Err(Error::KERN_FAILURE);
            }
            routine::PROCESSOR_SET_DESTROY => {
                self.processing(task, input.name()?, &[Set])?;
                return Err(Error::KERN_FAILURE);
            }
            routine::PROCESSOR_START | routine::PROCESSOR_EXIT | routine::PROCESSOR_CONTROL => {
                self.processing(task, input.name()?, &[Processor])?;
                return Err(Error::KERN_FAILURE);
            }
            routine::PROCESSOR_ASSIGN => {
                self.processing(task, input.name()?, &[Processor])?;
                self.processing(task, input.name()?, &[Set])?;
                return Err(Error::KERN_FAILURE);
            }
            routine::PROCESSOR_GET_ASSIGNMENT => {
                self.processing(task, input.name()?, &[Processor])?;
                self.put_processing(task, SetName, out)?;
            }
            // Every task and every thread is in the set that there is.
            routine::TASK_ASSIGN => {
                self.target(task, input.name()?)?;
                self.processing(task, input.name()?, &[Set])?;
                input.word()?;
            }
            routine::TASK_ASSIGN_DEFAULT => {
                self.target(task, input.name()?)?;
                input.word()?;
            }
            routine::THREAD_ASSIGN => {
                self.thread_named(task, input.name()?)?;
                self.processing(task, input.name()?, &[Set])?;
            }
            routine::THREAD_ASSIGN_DEFAULT => {
                self.thread_named(task, input.name()?)?;
            }
            routine::TASK_GET_ASSIGNMENT => {
                self.target(task, input.name()?)?;
                self.put_processing(task, SetName, out)?;
            }
            routine::THREAD_GET_ASSIGNMENT => {
                self.thread_named(task, input.name()?)?;
                self.put_processing(task, SetName, out)?;
            }
            routine::PROCESSOR_INFO => {
                self.processing(task, input.name()?, &[ProcessorName, Processor])?;
                if input.word()? != flavor::PROCESSOR_BASIC {
                    return Err(Error::KERN_FAILURE);
                }
                let (kind, subkind) = K::PROCESSOR;
                [kind as u64, subkind as u64, 1, 0, 1].into_iter().for_each(|word| out.put(word));
            }
            routine::PROCESSOR_SET_INFO => {
                self.processing(task, input.name()?, &[SetName, Set])?;
                self.set_info(input.word()?, out)?;
            }
            routine::PROCESSOR_SET_MAX_PRIORITY => {
                self.processing(task, input.name()?, &[Set])?;
                let limit = crate::control::check_priority(input.word()?)?;
                let (threads, from) = (input.word()? != 0, input.name()?);
                self.processors.below = limit - priority::BASE as u8;
                out.put(if threads { self.threads_limit(limit, from) } else { 0 });
            }
            routine::PROCESSOR_SET_POLICY_ENABLE => {
                self.processing(task, input.name()?, &[Set])?;
                match input.word()? {
                    priority::TIMESHARE => {}
                    priority::FIXED => return Err(Error::KERN_FAILURE),
                    _ => return Err(Error::KERN_INVALID_ARGUMENT),
                }
            }
            _ => {
                self.processing(task, input.name()?, &[Set])?;
                let policy = input.word()?;
                input.word()?;
                if policy != priority::FIXED {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                // It is not enabled, and no thread has it.
            }
        }
        Ok(())
    }

    /// Checks that a name denotes one of these.
    fn processing(&self, task: TaskId, name: u32, wanted: &[Processing]) -> Result<()> {
        match self.object_of(task, name)? {
            KernelObject::Processing(what) if wanted.contains(&what) => Ok(()),
            _ => Err(Error::KERN_INVALID_ARGUMENT),
        }
    }

    /// Checks for the right to control all tasks: to the set, or to the host.
    pub(crate) fn check_set(&self, task: TaskId, name: u32) -> Result<()> {
        match self.processing(task, name, &[Processing::Set]) {
            Ok(()) => Ok(()),
            Err(_) => self.check_host(task, name),
        }
    }

    /// A right for the caller.
    fn put_processing(&mut self, task: TaskId, what: Processing, out: &mut Output) -> Result<()> {
        let port = match self.processors.port(what) {
            Some(port) => port,
            None => {
                let port = self.port_for(KernelObject::Processing(what));
                self.processors.ports[what as usize] = Some(port);
                port
            }
        };
        out.put(self.put_send(task, port)? as u64);
        Ok(())
    }

    /// A list of one.
    fn put_list(&mut self, task: TaskId, what: Processing, out: &mut Output) -> Result<()> {
        out.put(1);
        self.put_processing(task, what, out)
    }

    fn set_info(&self, wanted: u64, out: &mut Output) -> Result<()> {
        let words: &[u64] = match wanted {
            flavor::SET_BASIC => &[1, self.tasks.len() as u64, self.threads.len() as u64, 0, 0],
            flavor::SET_SCHED => &[priority::TIMESHARE, self.processors.limit() as u64],
            _ => return Err(Error::KERN_INVALID_ARGUMENT),
        };
        words.iter().for_each(|word| out.put(*word));
        Ok(())
    }

    /// Threads from a place on that may have a higher priority can have that one at most from now on.
    /// Answers the place to go on from, 0 at the end.
    fn threads_limit(&mut self, limit: u8, from: u32) -> u64 {
        let places = self.threads.places();
        let next = from.saturating_add(LIMITED);
        for place in from..next.min(places) {
            if let Some(id) = self.threads.at(place)
                && self.threads.get(id).is_some_and(|thread| thread.priority_limit < limit)
            {
                // Only an error if it were gone.
                let _ = self.thread_limit(id, limit);
            }
        }
        if next < places { next as u64 } else { 0 }
    }
}
