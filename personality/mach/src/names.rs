//! Names that their task chooses, and what else a receiver can set of its ports.

use crate::abi::{disposition, notify, right, routine};
use crate::account::{Limits, cost};
use crate::error::{Error, Result};
use crate::ipc::{Carried, KernelObject, Owner, Port, PortId};
use crate::kernel::Kernel;
use crate::rpc::Input;
use crate::space::Right;
use crate::task::{Mach, TaskId};

impl<K: Kernel> Mach<K> {
    /// Carries out a routine of this module that answers nothing but success.
    pub(crate) fn names(&mut self, task: TaskId, label: u32, input: &mut Input<'_>) -> Result<()> {
        let target = self.target(task, input.name()?)?;
        match label {
            routine::MACH_PORT_RENAME => {
                let (old, new) = (input.name()?, input.name()?);
                self.rename(target, old, new)?;
            }
            routine::MACH_PORT_ALLOCATE_NAME => {
                let (kind, name) = (input.word()? as u32, input.name()?);
                self.allocate_name(target, kind, name)?;
            }
            routine::MACH_PORT_SET_MSCOUNT => {
                let (port, count) = (self.own_port(target, input.name()?)?, input.word()? as u32);
                port.mscount = count;
            }
            routine::MACH_PORT_SET_SEQNO => {
                let (port, number) = (self.own_port(target, input.name()?)?, input.word()? as u32);
                port.seqno = number;
            }
            routine::MACH_PORT_SET_PROTECTED_PAYLOAD => {
                let (port, payload) = (self.own_port(target, input.name()?)?, input.word()?);
                port.payload = Some(payload);
            }
            routine::MACH_PORT_CLEAR_PROTECTED_PAYLOAD => {
                self.own_port(target, input.name()?)?.payload = None;
            }
            _ => return Err(Error::MIG_BAD_ID),
        }
        Ok(())
    }

    fn own_port(&mut self, task: TaskId, name: u32) -> Result<&mut Port> {
        let port = self.receive_port(task, name)?;
        self.ports.get_mut(port).ok_or(Error::KERN_INVALID_NAME)
    }

    /// Charges what a chosen name takes beside the right under it, if it can be given.
    fn name_charge(&mut self, task: TaskId, name: u32) -> Result<()> {
        if self.is_lingering(task, name) {
            return Err(Error::KERN_NAME_EXISTS);
        }
        self.spare_clear(task, name);
        let holder = self.task(task)?;
        if !holder.space.check_name(name)? {
            return Ok(());
        }
        let first = if holder.name_bytes == 0 {
            cost::FAR_NAMES
        } else {
            0
        };
        let (account, bytes) = (holder.account, first + cost::FAR_BLOCK);
        self.accounts.charge(account, Limits::objects(bytes))?;
        let holder = self.task_mut(task)?;
        holder.name_bytes += bytes;
        holder.space.reserve(name);
        Ok(())
    }

    fn allocate_name(&mut self, task: TaskId, kind: u32, name: u32) -> Result<()> {
        if !matches!(kind, right::RECEIVE | right::PORT_SET | right::DEAD_NAME) {
            return Err(Error::KERN_INVALID_VALUE);
        }
        self.name_charge(task, name)?;
        let account = self.task(task)?.account;
        self.accounts.charge(account, Limits::rights(1))?;
        match kind {
            right::RECEIVE => {
                let port = self.port_create(Owner::Task(task, name));
                self.task_mut(task)?
                    .space
                    .insert_at(name, Right::Receive { port, urefs: 0 });
                self.link(task, name, port);
            }
            right::PORT_SET => self.task_mut(task)?.space.insert_at(name, Right::Set),
            _ => self
                .task_mut(task)?
                .space
                .insert_at(name, Right::Dead { urefs: 1 }),
        }
        Ok(())
    }

    /// A dead name with one reference, wherever there is room.
    pub(crate) fn dead_allocate(&mut self, task: TaskId) -> Result<u32> {
        let account = self.task(task)?.account;
        self.accounts.charge(account, Limits::rights(1))?;
        let holder = self.tasks.get_mut(task).ok_or(Error::KERN_INVALID_TASK)?;
        holder
            .space
            .insert(Right::Dead { urefs: 1 })
            .inspect_err(|_| {
                self.accounts.refund(account, Limits::rights(1));
            })
    }

    /// Moves all that a name denotes to another name (`mach_port_rename`).
    pub(crate) fn rename(&mut self, task: TaskId, old: u32, new: u32) -> Result<()> {
        if let Right::Send { port, .. } | Right::SendOnce { port } =
            self.task(task)?.space.get(old)?.right
            && self.ports.get(port).is_some_and(|port| port.dying.is_some())
        {
            self.holder_end(task, old, port);
        }
        let right = self.task(task)?.space.get(old)?.right;
        if right == Right::Reserved {
            return Err(Error::KERN_INVALID_NAME);
        }
        self.name_charge(task, new)?;
        let (port, receives) = match right {
            Right::Send { port, .. } | Right::SendOnce { port } => (Some(port), false),
            Right::Receive { port, .. } => (Some(port), true),
            _ => (None, false),
        };
        if right.invokes() && let Some(port) = port {
            // The new slot is filled before the old one is emptied: it may be refused.
            self.install(task, new, port)?;
            if self.is_installed(port) {
                // What a receive right's own senders have follows with that of the others.
                self.uninstall(task, if receives { new } else { old });
            }
        }
        if receives && let Some(port) = port {
            // Callers see the new name as the badge: what queues with the old one starts again.
            self.capabilities_remove(port);
        }
        if let Some(port) = port {
            if let Some(port) = self.ports.get_mut(port) {
                port.accept_rename((task, old), new);
            }
            self.unlink(task, old, port);
        }
        let holder = self.task_mut(task)?;
        let request = holder.space.get_mut(old)?.dead_name_request.take();
        holder.space.remove(old);
        holder.space.insert_at(new, right);
        holder.space.get_mut(new)?.dead_name_request = request;
        if let Some(port) = port {
            self.link(task, new, port);
        }
        match (right, port) {
            (Right::Set, _) => self.set_rename(task, old, new)?,
            (_, Some(port)) if receives => self.receive_rename(task, old, new, port)?,
            _ => {}
        }
        Ok(())
    }

    fn set_rename(&mut self, task: TaskId, old: u32, new: u32) -> Result<()> {
        let holder = self.task_mut(task)?;
        let members: alloc::vec::Vec<(u32, u32)> = holder
            .members
            .range((old, 0)..=(old, u32::MAX))
            .copied()
            .collect();
        for receiver in &mut holder.receivers {
            if receiver.name == old {
                receiver.name = new;
            }
        }
        for (_, member) in members {
            let port = self.receive_port(task, member)?;
            self.set_change(task, member, port, Some(new));
        }
        Ok(())
    }

    fn receive_rename(&mut self, task: TaskId, old: u32, new: u32, id: PortId) -> Result<()> {
        let Some(port) = self.ports.get_mut(id) else {
            return Ok(());
        };
        port.owner = Owner::Task(task, new);
        let set = port.set;
        let holder = self.task_mut(task)?;
        if let Some(set) = set {
            holder.members.remove(&(set, old));
            holder.members.insert((set, new));
        }
        for receiver in &mut holder.receivers {
            if receiver.name == old {
                receiver.name = new;
            }
        }
        self.capabilities_install(id, (task, new));
        Ok(())
    }

    /// Puts a right under a name that its new holder chose (`mach_port_insert_right`).
    pub(crate) fn right_transfer_to(
        &mut self,
        from: TaskId,
        name: u32,
        how: u32,
        to: TaskId,
        wanted: u32,
    ) -> Result<()> {
        self.copy_in_check(from, &[(how as u64) << 32 | name as u64])?;
        let right = match name {
            crate::abi::TASK_SELF => Right::Send {
                port: self.task(from)?.port,
                urefs: 1,
            },
            _ => {
                self.task(from)?
                    .space
                    .get(name)
                    .map_err(|_| Error::KERN_INVALID_CAPABILITY)?
                    .right
            }
        };
        let port = match right {
            Right::Send { port, .. } | Right::Receive { port, .. } | Right::SendOnce { port } => {
                port
            }
            _ => return Err(Error::KERN_INVALID_CAPABILITY),
        };
        let once = matches!(
            how,
            disposition::MAKE_SEND_ONCE | disposition::MOVE_SEND_ONCE
        );
        let own = if once {
            None
        } else {
            self.find(to, port)
        };
        match own {
            // Rights of one port have one name.
            Some(own) if own != wanted => return Err(Error::KERN_RIGHT_EXISTS),
            Some(own) if how == disposition::MOVE_RECEIVE && from == to => {
                // It stays where it is, as one that has just arrived.
                self.receiver_leaves(to, own, port);
                self.receive_right_reset(port);
                self.ready_add(port);
                return Ok(());
            }
            Some(_) => return self.right_transfer(from, name, how, to).map(drop),
            None if port == self.task(to)?.port => return Err(Error::KERN_RIGHT_EXISTS),
            None => self.name_charge(to, wanted)?,
        }
        if from == to && how == disposition::MOVE_SEND_ONCE {
            return self.rename(to, name, wanted);
        }
        self.task_mut(to)?.space.want(Some(wanted));
        let given = self.right_transfer(from, name, how, to);
        self.task_mut(to)?.space.want(None);
        given.map(drop)
    }

    /// A receive right that would be destroyed goes to who asked for it. Answers whether it did.
    pub(crate) fn backup_take(&mut self, id: PortId) -> bool {
        let Some(port) = self.ports.get_mut(id) else {
            return false;
        };
        let Some(backup) = port.destroyed_request.take() else {
            return false;
        };
        let owner = port.owner;
        if self.ports.get(backup).is_none() || self.is_circular(backup, &[Carried::Receive(id)]) {
            self.release(Carried::SendOnce(backup));
            return false;
        }
        if let Owner::Task(task, name) = owner
            && let Some(Right::Receive { urefs, .. }) = self.right_of(task, name)
        {
            self.receive_right_take(task, name, id, urefs);
        }
        self.notify(backup, notify::PORT_DESTROYED, &[], Carried::Receive(id));
        true
    }

    /// Whether a right is the only one to a memory object, which is mapped nowhere.
    pub(crate) fn is_exclusive(&self, right: Right) -> bool {
        let Right::Send { port, urefs: 1 } = right else {
            return false;
        };
        self.ports.get(port).is_some_and(|port| match port.owner {
            Owner::Kernel(KernelObject::Memory(object)) => {
                port.srights == 1
                    && self.objects.get(object).is_some_and(|object| {
                        object.users == 0 && object.pager.is_none() && object.origin.is_none()
                    })
            }
            _ => false,
        })
    }

    /// Memory that moves in a message arrives: from now on its new holder pays for it.
    pub(crate) fn memory_moved(&mut self, task: TaskId, id: PortId) -> Result<()> {
        let to = self.task(task)?.account;
        let Some(port) = self.ports.get_mut(id) else {
            return Ok(());
        };
        let Owner::Kernel(KernelObject::Memory(object)) = port.owner else {
            return Ok(());
        };
        let object = self
            .objects
            .get_mut(object)
            .ok_or(Error::KERN_INVALID_ARGUMENT)?;
        if let Some(from) = object.account {
            let memory = object.memory();
            let amount = Limits {
                memory,
                objects: cost::OBJECT,
                rights: 0,
            };
            self.accounts.charge(to, amount)?;
            self.accounts.refund(from, amount);
            self.accounts.retain(to);
            self.accounts.release(from);
            object.account = Some(to);
        }
        port.moving = false;
        Ok(())
    }
}
