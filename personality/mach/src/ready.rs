//! The ports of a task that have messages, in the order in which they are received from.

use crate::ipc::{Owner, PortId};
use crate::kernel::Kernel;
use crate::task::{Mach, Task, TaskId};

/// Ports with messages: those in one set, or those in none.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ready {
    pub(crate) first: Option<PortId>,
    last: Option<PortId>,
}

/// A port's neighbours in such a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neighbours {
    previous: Option<PortId>,
    pub(crate) next: Option<PortId>,
}

impl<K: Kernel> Task<K> {
    /// The list of a set's ports, or of those that are in none.
    fn ready_list(&mut self, set: Option<u32>) -> &mut Ready {
        match set {
            None => &mut self.ready,
            Some(set) => self.ready_in_sets.entry(set).or_default(),
        }
    }
}

impl<K: Kernel> Mach<K> {
    /// Puts a port with messages behind the others in its receiver's list of those, if it is not
    /// there, and has it served.
    pub(crate) fn ready_add(&mut self, id: PortId) {
        let Some(port) = self.ports.get_mut(id) else { return };
        let Owner::Task(task, _) = port.owner else { return };
        if port.queue.is_empty() {
            return;
        }
        let Some(holder) = self.tasks.get_mut(task) else { return };
        if !holder.receivers.is_empty() {
            self.serving.push_back(id);
        }
        if port.ready.is_some() {
            return;
        }
        let list = holder.ready_list(port.set);
        let previous = list.last.replace(id);
        port.ready = Some(Neighbours { previous, next: None });
        let Some(previous) = previous else {
            list.first = Some(id);
            return;
        };
        if let Some(before) = self.ports.get_mut(previous).and_then(|port| port.ready.as_mut()) {
            before.next = Some(id);
        }
    }

    /// Takes a port out of the list in which its receiver has it, if there is one. Its set is still
    /// the one that it was added with.
    pub(crate) fn ready_remove(&mut self, task: TaskId, id: PortId) {
        let Some(port) = self.ports.get_mut(id) else { return };
        let Some(Neighbours { previous, next }) = port.ready.take() else { return };
        let set = port.set;
        let Some(holder) = self.tasks.get_mut(task) else { return };
        let list = holder.ready_list(set);
        if previous.is_none() {
            list.first = next;
        }
        if next.is_none() {
            list.last = previous;
        }
        if let (Some(set), None) = (set, list.first) {
            holder.ready_in_sets.remove(&set);
        }
        if let Some(before) = previous.and_then(|id| self.ports.get_mut(id)?.ready.as_mut()) {
            before.next = next;
        }
        if let Some(behind) = next.and_then(|id| self.ports.get_mut(id)?.ready.as_mut()) {
            behind.previous = previous;
        }
    }
}
