//! The names that people give tasks and threads.

use crate::abi::NAME_BYTES;
use crate::account::{AccountId, Limits, cost};
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::rpc::{Input, Output, bytes_of};
use crate::task::{Mach, TaskId, ThreadId};
use alloc::boxed::Box;

/// What a task or a thread is called.
pub(crate) type Label = Option<Box<[u8]>>;

/// What a name is charged.
pub(crate) fn label_cost(label: &Label) -> Limits {
    Limits::objects(if label.is_some() { cost::LABEL } else { 0 })
}

/// The name that a request holds; none if it has no bytes.
fn label_in(input: &mut Input<'_>) -> Result<Label> {
    let length = input.word()?;
    if length > NAME_BYTES as u64 {
        return Err(Error::KERN_INVALID_ARGUMENT);
    }
    let bytes = bytes_of(input.rest(), length)?;
    match bytes.contains(&0) {
        true => Err(Error::KERN_INVALID_ARGUMENT),
        false => Ok((!bytes.is_empty()).then(|| bytes.into_boxed_slice())),
    }
}

fn put_label(label: &Label, out: &mut Output) {
    let bytes = label.as_deref().unwrap_or_default();
    out.put(bytes.len() as u64);
    out.put_bytes(bytes);
}

impl<K: Kernel> Mach<K> {
    /// Pays for a name that takes the place of another one.
    fn label_pay(&mut self, account: AccountId, old: Limits, new: &Label) -> Result<()> {
        self.accounts.refund(account, old);
        self.accounts.charge(account, label_cost(new)).inspect_err(|_| {
            // It was there a moment ago.
            self.accounts.force(account, old);
        })
    }

    pub(crate) fn task_set_name(&mut self, id: TaskId, input: &mut Input<'_>) -> Result<()> {
        let label = label_in(input)?;
        let task = self.task(id)?;
        let (account, old) = (task.account, label_cost(&task.label));
        self.label_pay(account, old, &label)?;
        self.task_mut(id)?.label = label;
        Ok(())
    }

    pub(crate) fn thread_set_name(&mut self, id: ThreadId, input: &mut Input<'_>) -> Result<()> {
        let label = label_in(input)?;
        let thread = self.threads.get(id).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let (account, old) = (self.task(thread.task)?.account, label_cost(&thread.label));
        self.label_pay(account, old, &label)?;
        if let Some(thread) = self.threads.get_mut(id) {
            thread.label = label;
        }
        Ok(())
    }

    pub(crate) fn task_get_name(&self, id: TaskId, out: &mut Output) -> Result<()> {
        put_label(&self.task(id)?.label, out);
        Ok(())
    }

    /// A thread without a name has its task's.
    pub(crate) fn thread_get_name(&self, id: ThreadId, out: &mut Output) -> Result<()> {
        let thread = self.threads.get(id).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        match &thread.label {
            None => self.task_get_name(thread.task, out),
            label => {
                put_label(label, out);
                Ok(())
            }
        }
    }
}
