//! Exceptions: what a thread did that it may not, told to those who handle it.
//!
//! The thread's own exception port is asked first, then its task's. Who is asked holds a right to
//! answer with: success lets the thread go on, anything else (and the right's death) asks the next
//! one, and when nobody is left the task ends.

use crate::abi::{REPLY_OFFSET, WITH_REPLY, notify};
use crate::ipc::{Carried, KernelObject, Owner, PortId};
use crate::kernel::Kernel;
use crate::task::{Mach, ThreadId, thread_is_held};
use alloc::vec::Vec;

/// An exception port.
#[derive(Clone, Copy)]
pub(crate) struct Handler {
    pub(crate) port: Carried,
    /// It is told the thread's state, and can change it with its answer.
    pub(crate) state: bool,
}

impl Handler {
    pub(crate) const NONE: Handler = Handler {
        port: Carried::Null,
        state: false,
    };
}

/// An exception that somebody was asked about.
pub(crate) struct Raised {
    kind: u64,
    code: u64,
    subcode: u64,
    /// The task's handler was asked, not the thread's.
    last: bool,
    /// Where the answer comes to.
    pub(crate) reply: PortId,
}

/// Who is asked next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Thread,
    Task,
    Nobody,
}

impl<K: Kernel> Mach<K> {
    /// A thread has done what it may not (numbers in [`crate::abi::exception`]): it is stopped
    /// there, and its handlers are asked.
    pub fn exception(&mut self, id: ThreadId, kind: u64, code: u64, subcode: u64) {
        if self.is_caught(id) {
            return;
        }
        self.exception_begin(id, kind, code, subcode);
        self.settle();
    }

    /// The same, for a thread that is not stopped, within something that settles in the end.
    pub(crate) fn exception_begin(&mut self, id: ThreadId, kind: u64, code: u64, subcode: u64) {
        if let Some(thread) = self.threads.get_mut(id) {
            thread.faulted = true;
            let kernel = thread.kernel;
            self.kernel.thread_fault(kernel);
            self.exception_raise(id, kind, code, subcode, Next::Thread);
        }
    }

    fn exception_raise(&mut self, id: ThreadId, kind: u64, code: u64, subcode: u64, next: Next) {
        let Some(thread) = self.threads.get(id) else {
            return;
        };
        let (task, kernel, thread_port) = (thread.task, thread.kernel, thread.port);
        let own = thread.handler;
        let Some(holder) = self.tasks.get(task) else {
            return;
        };
        let (task_port, account) = (holder.port, holder.account);
        for (handler, from) in [(own, Next::Thread), (holder.handler, Next::Task)] {
            let Carried::Send(port) = handler.port else {
                continue;
            };
            if from < next {
                continue;
            }
            let last = from == Next::Task;
            if self.ports.get(port).is_none() {
                continue;
            }
            let mut words = alloc::vec![kind, code, subcode];
            let mut label = notify::EXCEPTION_RAISE;
            if handler.state {
                let instruction = self.instruction_now(id);
                words.extend(self.kernel.thread_state(kernel, instruction));
                label = notify::EXCEPTION_RAISE_STATE;
            }
            let reply = self.port_for(KernelObject::Exception(id));
            let rights = alloc::vec![
                Carried::SendOnce(reply),
                Carried::Send(thread_port),
                Carried::Send(task_port)
            ];
            if let Some(thread) = self.threads.get_mut(id) {
                thread.raised = Some(Raised {
                    kind,
                    code,
                    subcode,
                    last,
                    reply,
                });
            }
            let label = label | WITH_REPLY;
            if self.enqueue_paid(port, account, label, &words, rights).is_ok() {
                return;
            }
            // Who cannot pay for the message has no handler.
            self.ports.discard(reply);
            if let Some(thread) = self.threads.get_mut(id) {
                thread.raised = None;
            }
        }
        let mut text = alloc::string::String::new();
        use core::fmt::Write;
        let _ = write!(
            text,
            "task {} ended by exception {kind} (code {code:#x}, address {subcode:#x})",
            task.index
        );
        self.kernel.log(&text);
        // Only an error if it were gone.
        let _ = self.task_terminate(task);
    }

    /// The right to answer about a thread's exception was used, or died (`words` are empty).
    pub(crate) fn exception_answered(&mut self, id: ThreadId, label: u32, words: &[u64]) {
        let Some(raised) = self
            .threads
            .get_mut(id)
            .and_then(|thread| thread.raised.take())
        else {
            return;
        };
        self.ports.discard(raised.reply);
        let state: Option<Vec<u64>> = match (label, words) {
            (label, [0]) if label == notify::EXCEPTION_RAISE + REPLY_OFFSET => Some(Vec::new()),
            (label, [0, state @ ..]) if label == notify::EXCEPTION_RAISE_STATE + REPLY_OFFSET => {
                Some(state.to_vec())
            }
            _ => None,
        };
        let Some(thread) = self.threads.get(id) else {
            return;
        };
        let kernel = thread.kernel;
        let goes_on = state.is_some_and(|state| {
            state.is_empty() || {
                let instruction = self.instruction_now(id);
                self.kernel.thread_state_set(kernel, instruction, &state).is_ok()
            }
        });
        if !goes_on {
            let Raised {
                kind,
                code,
                subcode,
                last,
                ..
            } = raised;
            let next = if last { Next::Nobody } else { Next::Task };
            self.exception_raise(id, kind, code, subcode, next);
            return;
        }
        if let Some(thread) = self.threads.get_mut(id) {
            thread.faulted = false;
            thread.present_fault = (0, 0);
        }
        if !thread_is_held(self.threads.get(id), &self.tasks) {
            self.kernel.thread_resume(kernel);
        }
    }

    /// The thread that a port's messages are answers about.
    pub(crate) fn exception_of(&self, port: PortId) -> Option<ThreadId> {
        match self.ports.get(port)?.owner {
            Owner::Kernel(KernelObject::Exception(thread)) => Some(thread),
            _ => None,
        }
    }
}
