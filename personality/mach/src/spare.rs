//! Spare ports: those that a client gave back, kept for the next one that the same server makes for it.
//!
//! Ports that are made for an answer and die soon after are what most rights are for. Such a port's
//! end is told to its receiver a moment late ([`Life::Passing`]), and until then the port's two names
//! and the client's capability stay in place: if the server makes another port for the client
//! meanwhile, it is this one again. For both tasks the names are free meanwhile.
//!
//! The capability is still there, with the badge of a port that its client has given back. What it
//! invokes is the server that the client could call anyway, which finds no port of that name or the
//! one that the client had. The badge stands for no port of anybody else, since the receiver's name
//! is not given to another port before the capability is gone, and since nobody but this client has
//! ever had one with that badge, whose call could still be under way.
//!
//! What spare ports take is part of what their receiver is charged for being a task.

use crate::abi::INDEX_MASK;
use crate::account::Limits;
use crate::ipc::{Carried, Life, Owner, PortId, QLIMIT_DEFAULT};
use crate::kernel::Kernel;
use crate::space::Right;
use crate::task::{Mach, TaskId};
use alloc::vec::Vec;

/// Spare ports of a task, at most.
const SPARES_MAX: usize = 8;
/// Bytes that they take, charged to each task.
pub(crate) const SPARES_BYTES: u64 = 256 * SPARES_MAX as u64;

/// A port that has gone, of which its receiver is to be told in passing.
pub(crate) struct Lapsed {
    /// Its name.
    pub(crate) name: u32,
    /// The port and who had the only right to it, if it is spare.
    pub(crate) spare: Option<(TaskId, PortId)>,
}

impl<K: Kernel> Mach<K> {
    /// A new port for an answer has been given to its client, who is the only one that has a name for it.
    pub(crate) fn spare_allow(&mut self, id: PortId) {
        if let Some(port) = self.ports.get_mut(id) {
            port.sole = port.life == Life::Passing;
        }
    }

    /// A task gives the last reference of a name back, whose end nobody watches: makes the port spare
    /// if that is the only send right to it, and nobody else ever had one. Answers whether it did.
    pub(crate) fn spare_make(&mut self, client: TaskId, name: u32, id: PortId) -> bool {
        let Some(port) = self.ports.get_mut(id).filter(|port| port.sole && port.is_bare()) else {
            return false;
        };
        let Owner::Task(server, own) = port.owner else { return false };
        let Some(receiver) = self.tasks.get_mut(server).filter(|task| !task.ending) else {
            return false;
        };
        let spares = receiver.lapsed.iter().filter(|lapsed| lapsed.spare.is_some()).count();
        let waits = receiver.receivers.iter().any(|waiting| waiting.name == own);
        if spares >= SPARES_MAX || waits || receiver.space.is_watched(own) {
            return false;
        }
        receiver.space.spare(own, id, false);
        self.accounts.refund(receiver.account, Limits::rights(1));
        if let Some(holder) = self.tasks.get_mut(client) {
            port.srights = 0;
            port.spare = Some((client, holder.space.spare(name, id, true)));
            self.accounts.refund(holder.account, Limits::rights(1));
        }
        self.spares += 1;
        self.lapse(server, Lapsed { name: own, spare: Some((client, id)) });
        true
    }

    /// The port that a client gave back, as a new one of the same server: the receive right's name,
    /// and the client's as its inbox holds it.
    pub(crate) fn spare_take(&mut self, server: TaskId, client: TaskId) -> Option<(u32, u32)> {
        let receiver = self.tasks.get(server)?;
        let (lapsed, payer) = (&receiver.lapsed, receiver.account);
        let is_clients = |lapsed: &Lapsed| lapsed.spare.is_some_and(|(of, _)| of == client);
        let place = lapsed.iter().rposition(is_clients)?;
        let (_, id) = lapsed[place].spare?;
        let holder = self.tasks.get_mut(client)?;
        self.accounts.charge(payer, Limits::rights(1)).ok()?;
        if self.accounts.charge(holder.account, Limits::rights(1)).is_err() {
            self.accounts.refund(payer, Limits::rights(1));
            return None;
        }
        let port = self.ports.get_mut(id)?;
        let (_, name) = port.spare.take()?;
        port.srights = 1;
        port.mscount = 1;
        port.seqno = 0;
        port.qlimit = QLIMIT_DEFAULT;
        holder.space.revive(name, Right::Send { port: id, urefs: 1 });
        let receiver = self.tasks.get_mut(server)?;
        let own = match receiver.lapsed.len() - place {
            1 => receiver.lapsed.pop()?.name,
            _ => receiver.lapsed.swap_remove(place).name,
        };
        receiver.space.revive(own, Right::Receive { port: id, urefs: 0 });
        self.spares -= 1;
        Some((own, Carried::Send(id).word(name)))
    }

    /// A spare port ends: its names are free for other ports, and the capability is gone.
    pub(crate) fn spare_end(&mut self, id: PortId) {
        let Some(port) = self.ports.get_mut(id) else { return };
        let (Owner::Task(server, own), Some((client, name))) = (port.owner, port.spare.take()) else {
            return;
        };
        self.uninstall(client, name);
        for (task, name) in [(client, name), (server, own)] {
            self.unlink(task, name, id);
            if let Some(task) = self.tasks.get_mut(task) {
                task.space.revive(name, Right::Reserved);
                task.space.remove(name);
            }
        }
        if let Some(receiver) = self.tasks.get_mut(server) {
            let spare = Some((client, id));
            if let Some(lapsed) = receiver.lapsed.iter_mut().find(|lapsed| lapsed.spare == spare) {
                lapsed.spare = None;
            }
        }
        self.ports.discard(id);
        self.spares -= 1;
    }

    /// Ends all spare ports of a server.
    pub(crate) fn spares_end(&mut self, server: TaskId) {
        let lapsed = self.tasks.get(server).map_or(&[][..], |task| &task.lapsed);
        let spares: Vec<PortId> =
            lapsed.iter().filter_map(|lapsed| lapsed.spare).map(|(_, port)| port).collect();
        for port in spares {
            self.spare_end(port);
        }
    }

    /// A spare port does not keep its task from choosing its name for something else.
    pub(crate) fn spare_clear(&mut self, task: TaskId, name: u32) {
        let entry = self.tasks.get(task).and_then(|task| task.space.at_index(name & INDEX_MASK));
        if let Some(Right::Spare { port }) = entry.map(|entry| entry.right) {
            self.spare_end(port);
        }
    }
}
