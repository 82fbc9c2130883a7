//! Ports and rights against a simple model of them.
//!
//! The model keeps names, rights, queues and notifications in plain maps, counts
//! holders by looking at all of them, and undoes a refused operation by throwing
//! a copy of itself away. Where Mach leaves an order open (notifications that one
//! operation sets off), the model accepts each.

use crate::common::{Bytes, Caller, Reply, TEXT, World, result_of};
use mach::Error;
use mach::abi::disposition::*;
use mach::abi::{self, notify, right, routine};
use mach::sim::{Answer, SimTask, SimThread};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

type Port = usize;
const POLL: u64 = u64::MAX;
const DEAD: u32 = u32::MAX;
const SHORT: Error = Error::KERN_RESOURCE_SHORTAGE;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Send { port: Port, refs: u32 },
    Receive { port: Port, refs: u32 },
    Once { port: Port },
    Dead { refs: u32 },
    Set,
}

impl Kind {
    fn port(self) -> Option<Port> {
        match self {
            Kind::Send { port, .. } | Kind::Receive { port, .. } | Kind::Once { port } => {
                Some(port)
            }
            Kind::Dead { .. } | Kind::Set => None,
        }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    kind: Kind,
    request: Option<Port>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Held {
    Null,
    Dead,
    Send(Port),
    Once(Port),
    Receive(Port),
}

#[derive(Clone, Debug)]
struct Message {
    label: u32,
    body: Vec<u64>,
    rights: Vec<Held>,
    /// Which operation made it: within one, the order is open.
    step: usize,
    /// Account that pays for its rights.
    payer: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Owner {
    /// Task and name; name 0 are the task's notices.
    Task(usize, u32),
    /// A task's or thread's own port.
    Kernel,
    /// In a queue, or on its way.
    Moving(Option<Port>),
    Gone,
}

#[derive(Clone, Debug)]
struct Object {
    owner: Owner,
    made: u32,
    number: u32,
    limit: usize,
    queue: VecDeque<Message>,
    watched: Option<Port>,
    /// Gets the receive right when it would be destroyed.
    backup: Option<Port>,
    /// Who forced a message into the full queue (task, name), and where that is told.
    forced: VecDeque<((usize, u32), Port)>,
    payload: Option<u64>,
    set: Option<u32>,
    /// What the end of its last send right means, as the request that makes it says.
    life: u64,
    /// The task that it was made for, if nobody else had a name for it since.
    sole: Option<usize>,
    blocked: VecDeque<usize>,
}

#[derive(Clone, Debug, PartialEq)]
enum Wait {
    Receive { name: u32, until: Option<u64> },
    Send { words: Vec<u64>, until: Option<u64> },
}

#[derive(Clone, Debug)]
struct Thread {
    caller: Caller,
    task: usize,
    port: Port,
    wait: Option<Wait>,
    suspended: u32,
    ticket: Option<(u64, Port, Vec<Held>)>,
    alive: bool,
}

#[derive(Clone, Debug)]
struct Task {
    sim: SimTask,
    port: Port,
    account: usize,
    names: BTreeMap<u32, Entry>,
    bootstrap: Held,
    /// Ports that died and of which it was not told yet, with the only task that had a name for them.
    lapsed: Vec<(u32, Option<usize>)>,
    /// When it is told of them.
    lapse: Option<u64>,
    alive: bool,
}

#[derive(Clone, Default)]
struct Model {
    tasks: Vec<Task>,
    threads: Vec<Thread>,
    ports: Vec<Object>,
    /// Limit of rights of each account.
    limits: Vec<u64>,
    released: Vec<Held>,
    /// Rights that were taken out of a message, and have no name yet.
    moving: Vec<Held>,
    step: usize,
    now: u64,
    /// Answers that threads must get in this step.
    due: Vec<(usize, Result<(), Error>)>,
    /// Names of the task that an operation is about that are nobody's rights.
    reserved: Vec<u32>,
    /// Whether memory ran out on purpose, so that rights may be lost.
    failing: bool,
}

type Try<T> = Result<T, Error>;

impl Model {
    // ---- counting

    fn holders(&self, of: Held) -> u32 {
        let mut count = 0;
        let mut see = |held: Held| count += (held == of) as u32;
        for task in &self.tasks {
            for entry in task.names.values() {
                match entry.kind {
                    Kind::Send { port, .. } => see(Held::Send(port)),
                    Kind::Receive { port, refs } if refs > 0 => {
                        see(Held::Send(port));
                    }
                    Kind::Once { port } => see(Held::Once(port)),
                    _ => {}
                }
                if let Some(port) = entry.request {
                    see(Held::Once(port));
                }
            }
            see(task.bootstrap);
        }
        for port in &self.ports {
            for port in port.watched.iter().chain(&port.backup) {
                see(Held::Once(*port));
            }
            for (_, port) in &port.forced {
                see(Held::Once(*port));
            }
            for message in &port.queue {
                message.rights.iter().for_each(|held| see(*held));
            }
        }
        for thread in &self.threads {
            if let Some((_, _, rights)) = &thread.ticket {
                rights.iter().for_each(|held| see(*held));
            }
        }
        self.released
            .iter()
            .chain(&self.moving)
            .for_each(|held| see(*held));
        count
    }

    fn rights_used(&self, account: usize) -> u64 {
        let of = |task: usize| self.tasks[task].account == account && self.tasks[task].alive;
        let names: usize = (0..self.tasks.len())
            .filter(|task| of(*task))
            .map(|task| self.tasks[task].names.len())
            .sum();
        let threads = self
            .threads
            .iter()
            .filter(|t| t.alive && of(t.task))
            .count();
        let tickets = self.threads.iter().filter(|thread| of(thread.task));
        let carried: usize =
            tickets.filter_map(|thread| Some(thread.ticket.as_ref()?.2.len())).sum();
        let queued: usize = self
            .ports
            .iter()
            .flat_map(|port| &port.queue)
            .filter(|message| message.payer == Some(account))
            .map(|message| message.rights.len())
            .sum();
        (names + threads + carried + queued) as u64
    }

    fn charge(&self, account: usize, rights: u64) -> Try<()> {
        match self.rights_used(account) + rights <= self.limits[account] || rights == 0 {
            true => Ok(()),
            false => Err(SHORT),
        }
    }

    fn find(&self, task: usize, port: Port) -> Option<u32> {
        self.tasks[task]
            .names
            .iter()
            .find_map(|(name, entry)| match entry.kind {
                Kind::Send { port: own, .. } | Kind::Receive { port: own, .. } if own == port => {
                    Some(*name)
                }
                _ => None,
            })
    }

    fn entry(&self, task: usize, name: u32) -> Try<&Entry> {
        self.tasks[task]
            .names
            .get(&name)
            .ok_or(Error::KERN_INVALID_NAME)
    }

    fn kind(&self, task: usize, name: u32) -> Try<Kind> {
        self.entry(task, name).map(|entry| entry.kind)
    }

    fn kind_set(&mut self, task: usize, name: u32, kind: Kind) {
        self.tasks[task].names.get_mut(&name).unwrap().kind = kind;
    }

    fn receive_port(&self, task: usize, name: u32) -> Try<Port> {
        match self.kind(task, name)? {
            Kind::Receive { port, .. } => Ok(port),
            _ => Err(Error::KERN_INVALID_RIGHT),
        }
    }

    fn is_live(&self, port: Port) -> bool {
        self.ports[port].owner != Owner::Gone
    }

    fn port_new(&mut self, owner: Owner) -> Port {
        self.ports.push(Object {
            owner,
            made: 0,
            number: 0,
            limit: 16,
            queue: VecDeque::new(),
            watched: None,
            backup: None,
            forced: VecDeque::new(),
            payload: None,
            set: None,
            life: 0,
            sole: None,
            blocked: VecDeque::new(),
        });
        self.ports.len() - 1
    }

    fn name_allocate(&mut self, task: usize, kind: u32, name: u64) {
        let kind = match kind {
            right::RECEIVE => {
                let port = self.port_new(Owner::Task(task, name as u32));
                Kind::Receive { port, refs: 0 }
            }
            right::PORT_SET => Kind::Set,
            _ => Kind::Dead { refs: 1 },
        };
        self.name_new(task, name, kind);
    }

    fn name_new(&mut self, task: usize, name: u64, kind: Kind) -> u32 {
        let name = u32::try_from(name).unwrap();
        assert!(name & 0xf_ffff >= 16 && name < 1 << 28, "a name {name:#x}");
        let index = |name: u32| name & 0xf_ffff;
        let used = self.tasks[task]
            .names
            .keys()
            .any(|other| index(*other) == index(name));
        assert!(!used, "{name:#x} is in use");
        self.tasks[task].names.insert(
            name,
            Entry {
                kind,
                request: None,
            },
        );
        name
    }

    // ---- what follows from things

    fn queue(&mut self, port: Port, mut message: Message) {
        match self.ports[port].owner {
            Owner::Gone | Owner::Kernel => {
                self.released.extend(message.rights);
                return;
            }
            Owner::Task(task, _) if message.payer.is_none() => {
                message.payer = Some(self.tasks[task].account);
            }
            _ => {}
        }
        for held in &message.rights {
            if let Held::Receive(moved) = held {
                self.ports[*moved].owner = Owner::Moving(Some(port));
            }
        }
        self.ports[port].queue.push_back(message);
    }

    fn tell(&mut self, to: Port, label: u32, body: &[u64]) {
        self.tell_with(to, label, body, Vec::new());
    }

    fn tell_with(&mut self, to: Port, label: u32, body: &[u64], rights: Vec<Held>) {
        let step = self.step;
        let message = Message {
            label,
            body: body.to_vec(),
            rights,
            step,
            payer: None,
        };
        self.queue(to, message);
    }

    fn notices(&mut self, task: usize) -> Port {
        let own = Owner::Task(task, 0);
        match self.ports.iter().position(|port| port.owner == own) {
            Some(port) => port,
            None => self.port_new(own),
        }
    }

    /// A holder of a send right is gone.
    fn send_gone(&mut self, port: Port) {
        if !self.is_live(port) || self.holders(Held::Send(port)) > 0 {
            return;
        }
        let made = self.ports[port].made as u64;
        match self.ports[port].owner {
            Owner::Task(task, name) if self.ports[port].life > 0 => {
                let passing = self.ports[port].life == 2 && self.ports[port].watched.is_none();
                let sole = self.ports[port].sole;
                self.die(port);
                if passing {
                    self.lapse(task, name, sole);
                } else {
                    let notices = self.notices(task);
                    self.tell(notices, notify::NO_SENDERS, &[name as u64]);
                }
            }
            Owner::Kernel => {}
            _ => {
                if let Some(to) = self.ports[port].watched.take() {
                    self.tell(to, notify::NO_SENDERS, &[made]);
                }
            }
        }
    }

    /// A port has died of which its receiver is to be told in passing.
    fn lapse(&mut self, task: usize, name: u32, sole: Option<usize>) {
        let until = self.now + 1_000_000;
        let receiver = &mut self.tasks[task];
        receiver.lapsed.push((name, sole));
        if receiver.lapsed.len() >= 64 {
            self.lapsed_tell(task);
        } else {
            receiver.lapse.get_or_insert(until);
        }
    }

    fn lapsed_tell(&mut self, task: usize) {
        for (name, _) in std::mem::take(&mut self.tasks[task].lapsed) {
            let notices = self.notices(task);
            self.tell(notices, notify::NO_SENDERS, &[name as u64]);
        }
    }

    fn settle(&mut self) {
        loop {
            while let Some(held) = self.released.pop() {
                match held {
                    Held::Null | Held::Dead => {}
                    Held::Send(port) => self.send_gone(port),
                    Held::Once(port) => self.tell(port, notify::SEND_ONCE, &[]),
                    Held::Receive(port) => self.die(port),
                }
            }
            // A task without threads that nobody can name ends.
            let orphan = (0..self.tasks.len()).find(|task| {
                self.tasks[*task].alive
                    && !self.threads.iter().any(|t| t.alive && t.task == *task)
                    && self.holders(Held::Send(self.tasks[*task].port)) == 0
            });
            match orphan {
                Some(task) => self.task_end(task),
                None => return,
            }
        }
    }

    fn waits_end(&mut self, task: usize, name: u32, error: Error) {
        for at in 0..self.threads.len() {
            let thread = &mut self.threads[at];
            if thread.alive
                && thread.task == task
                && matches!(&thread.wait, Some(Wait::Receive { name: on, .. }) if *on == name)
            {
                thread.wait = None;
                self.due.push((at, Err(error)));
            }
        }
    }

    fn receiver_leaves(&mut self, port: Port) {
        self.ports[port].set = None;
        if let Owner::Task(task, name) = self.ports[port].owner
            && name != 0
        {
            self.waits_end(task, name, Error::MACH_RCV_PORT_DIED);
        }
    }

    /// The receive right is in nobody's hands from now on.
    fn receive_take(&mut self, task: usize, name: u32, port: Port) {
        self.receiver_leaves(port);
        let object = &mut self.ports[port];
        object.owner = Owner::Moving(None);
        object.made = 0;
        object.number = 0;
        object.life = 0;
        object.payload = None;
        match self.tasks[task].names[&name].kind {
            Kind::Receive { refs: refs @ 1.., .. } => {
                self.kind_set(task, name, Kind::Send { port, refs });
            }
            _ => self.forget(task, name),
        }
    }

    /// Whether a port that would die goes to its backup instead.
    fn backup_take(&mut self, port: Port) -> bool {
        let Some(to) = self.ports[port].backup.take() else {
            return false;
        };
        let right = Held::Receive(port);
        if !self.is_live(to) || self.circular(to, &[right]) {
            self.released.push(Held::Once(to));
            return false;
        }
        if let Owner::Task(task, name) = self.ports[port].owner
            && self.tasks[task].names.contains_key(&name)
        {
            self.receive_take(task, name, port);
        }
        self.tell_with(to, notify::PORT_DESTROYED, &[], vec![right]);
        true
    }

    fn die(&mut self, port: Port) {
        if !self.is_live(port) || self.backup_take(port) {
            return;
        }
        self.receiver_leaves(port);
        self.ports[port].owner = Owner::Gone;
        for task in 0..self.tasks.len() {
            let names: Vec<u32> = self.tasks[task]
                .names
                .iter()
                .filter(|(_, entry)| entry.kind.port() == Some(port))
                .map(|(name, _)| *name)
                .collect();
            for name in names {
                let refs = match self.tasks[task].names[&name].kind {
                    Kind::Send { refs, .. } | Kind::Receive { refs, .. } => refs,
                    _ => 1,
                };
                if refs == 0 {
                    self.forget(task, name);
                    continue;
                }
                let request = self.tasks[task]
                    .names
                    .get_mut(&name)
                    .unwrap()
                    .request
                    .take();
                let refs = (refs + request.is_some() as u32).min(0xffff);
                self.kind_set(task, name, Kind::Dead { refs });
                if let Some(to) = request {
                    self.tell(to, notify::DEAD_NAME, &[name as u64]);
                }
            }
        }
        let forced = std::mem::take(&mut self.ports[port].forced);
        let told = forced.into_iter().map(|(_, to)| to);
        let told: Vec<Port> = told.chain(self.ports[port].watched.take()).collect();
        self.released.extend(told.into_iter().map(Held::Once));
        for message in std::mem::take(&mut self.ports[port].queue) {
            self.released.extend(message.rights);
        }
        for thread in std::mem::take(&mut self.ports[port].blocked) {
            self.threads[thread].wait = None;
            self.due.push((thread, Err(Error::MACH_SEND_INVALID_DEST)));
        }
    }

    /// A name is freed; what it denoted is the caller's business.
    fn forget(&mut self, task: usize, name: u32) {
        let entry = self.tasks[task].names.remove(&name).unwrap();
        if let Some(port) = entry.kind.port() {
            self.forced_rename(port, (task, name), 0);
        }
        if let Some(to) = entry.request {
            self.tell(to, notify::PORT_DELETED, &[name as u64]);
        }
    }

    /// A name through which a message was forced is another one now; 0 if it is gone.
    fn forced_rename(&mut self, port: Port, old: (usize, u32), new: u32) {
        for (key, _) in &mut self.ports[port].forced {
            if *key == old {
                key.1 = new;
            }
        }
    }

    // ---- operations on names

    /// Whether a task can have a name that it chose.
    fn name_check(&self, task: usize, name: u32) -> Try<()> {
        if name >> 28 != 0 || name & 0xf_ffff < 16 {
            return Err(Error::KERN_INVALID_VALUE);
        }
        let mut names = self.tasks[task].names.keys().chain(&self.reserved);
        match names.any(|other| (other ^ name) & 0xf_ffff == 0) {
            true => Err(Error::KERN_NAME_EXISTS),
            false => Ok(()),
        }
    }

    fn rename(&mut self, task: usize, old: u32, new: u32) -> Try<()> {
        self.entry(task, old)?;
        self.name_check(task, new)?;
        let entry = self.tasks[task].names.remove(&old).unwrap();
        if let Some(port) = entry.kind.port() {
            self.forced_rename(port, (task, old), new);
        }
        if let Kind::Receive { port, .. } = entry.kind {
            self.ports[port].owner = Owner::Task(task, new);
        }
        if entry.kind == Kind::Set {
            for port in &mut self.ports {
                if matches!(port.owner, Owner::Task(of, _) if of == task) && port.set == Some(old) {
                    port.set = Some(new);
                }
            }
        }
        if matches!(entry.kind, Kind::Set | Kind::Receive { .. }) {
            for thread in self.threads.iter_mut().filter(|thread| thread.task == task) {
                if let Some(Wait::Receive { name, .. }) = &mut thread.wait
                    && *name == old
                {
                    *name = new;
                }
            }
        }
        self.tasks[task].names.insert(new, entry);
        Ok(())
    }

    fn deallocate(&mut self, task: usize, name: u32) -> Try<()> {
        if name == 1 {
            return Ok(());
        }
        match self.kind(task, name)? {
            Kind::Send { port, refs } if refs > 1 => {
                self.kind_set(
                    task,
                    name,
                    Kind::Send {
                        port,
                        refs: refs - 1,
                    },
                );
            }
            Kind::Send { port, .. } => {
                self.forget(task, name);
                self.send_gone(port);
            }
            Kind::Receive { port, refs } if refs > 0 => {
                self.kind_set(
                    task,
                    name,
                    Kind::Receive {
                        port,
                        refs: refs - 1,
                    },
                );
                self.send_gone(port);
            }
            Kind::Once { port } => {
                self.forget(task, name);
                self.released.push(Held::Once(port));
            }
            Kind::Dead { refs: 1 } => self.forget(task, name),
            Kind::Dead { refs } => self.kind_set(task, name, Kind::Dead { refs: refs - 1 }),
            _ => return Err(Error::KERN_INVALID_RIGHT),
        }
        Ok(())
    }

    fn destroy(&mut self, task: usize, name: u32) -> Try<()> {
        match self.kind(task, name)? {
            Kind::Send { port, .. } => {
                self.forget(task, name);
                self.send_gone(port);
            }
            Kind::Receive { port, .. } => {
                if self.ports[port].backup.is_some() {
                    self.die(port);
                    // The port may live on, without the rights under this name.
                    if let Ok(Kind::Send { .. } | Kind::Dead { .. }) = self.kind(task, name) {
                        self.destroy(task, name)?;
                    }
                    return Ok(());
                }
                self.kind_set(task, name, Kind::Receive { port, refs: 0 });
                self.die(port);
            }
            Kind::Once { port } => {
                self.forget(task, name);
                self.released.push(Held::Once(port));
            }
            Kind::Dead { .. } => self.forget(task, name),
            Kind::Set => {
                for port in &mut self.ports {
                    if matches!(port.owner, Owner::Task(of, _) if of == task)
                        && port.set == Some(name)
                    {
                        port.set = None;
                    }
                }
                self.waits_end(task, name, Error::MACH_RCV_PORT_DIED);
                self.forget(task, name);
            }
        }
        Ok(())
    }

    fn mod_refs(&mut self, task: usize, name: u32, kind: u32, delta: i32) -> Try<()> {
        if name == 1 && kind == right::SEND {
            return Ok(());
        }
        let (now, refs) = match (kind, self.kind(task, name)?) {
            (right::SEND, own @ (Kind::Send { refs, .. } | Kind::Receive { refs, .. }))
            | (right::DEAD_NAME, own @ Kind::Dead { refs })
                if refs > 0 =>
            {
                (own, refs as i64 + delta as i64)
            }
            (right::RECEIVE, Kind::Receive { port, .. }) => {
                return match delta {
                    0 => Ok(()),
                    -1 => {
                        self.die(port);
                        Ok(())
                    }
                    _ => Err(Error::KERN_INVALID_VALUE),
                };
            }
            (right::SEND_ONCE, Kind::Once { .. }) | (right::PORT_SET, Kind::Set) => {
                return match delta {
                    0 => Ok(()),
                    -1 => self.destroy(task, name),
                    _ => Err(Error::KERN_INVALID_VALUE),
                };
            }
            _ => return Err(Error::KERN_INVALID_RIGHT),
        };
        if !(0..=0xffff).contains(&refs) {
            return Err(Error::KERN_INVALID_VALUE);
        }
        let refs = refs.max(1) as u32;
        let last = now_refs(now) as i64 + delta as i64 == 0;
        let kind = match now {
            Kind::Send { port, .. } => Kind::Send { port, refs },
            Kind::Receive { port, .. } => Kind::Receive { port, refs },
            _ => Kind::Dead { refs },
        };
        self.kind_set(task, name, kind);
        if last {
            self.deallocate(task, name)
        } else {
            Ok(())
        }
    }

    // ---- rights that move

    fn take(&mut self, task: usize, name: u32, how: u32) -> Try<Held> {
        let invalid = Error::MACH_SEND_INVALID_RIGHT;
        match name {
            0 => return Ok(Held::Null),
            DEAD => return Ok(Held::Dead),
            1 => {
                return match how {
                    COPY_SEND | MAKE_SEND | MOVE_SEND => Ok(Held::Send(self.tasks[task].port)),
                    _ => Err(invalid),
                };
            }
            _ => {}
        }
        let kind = self.kind(task, name).map_err(|_| invalid)?;
        match (how, kind) {
            (COPY_SEND, Kind::Send { port, .. })
            | (COPY_SEND, Kind::Receive { port, refs: 1.. }) => Ok(Held::Send(port)),
            (COPY_SEND, Kind::Dead { .. }) => Ok(Held::Dead),
            (MOVE_SEND, Kind::Send { port, .. })
            | (MOVE_SEND, Kind::Receive { port, refs: 1.. }) => {
                // It is in the message before the name lets go of it.
                self.moving.push(Held::Send(port));
                let done = self.deallocate(task, name);
                self.moving.pop();
                done.map(|()| Held::Send(port))
            }
            (MOVE_SEND | MOVE_SEND_ONCE, Kind::Dead { .. }) => {
                self.deallocate(task, name)?;
                Ok(Held::Dead)
            }
            (MAKE_SEND, Kind::Receive { port, .. }) => {
                self.ports[port].made += 1;
                Ok(Held::Send(port))
            }
            (MAKE_SEND_ONCE, Kind::Receive { port, .. }) => Ok(Held::Once(port)),
            (MOVE_SEND_ONCE, Kind::Once { port }) => {
                self.forget(task, name);
                Ok(Held::Once(port))
            }
            (MOVE_RECEIVE, Kind::Receive { port, .. }) => {
                self.receive_take(task, name, port);
                Ok(Held::Receive(port))
            }
            _ => Err(invalid),
        }
    }

    fn take_all(&mut self, task: usize, list: &[u64]) -> Try<Vec<Held>> {
        list.iter()
            .map(|word| self.take(task, *word as u32, (*word >> 32) as u32))
            .collect()
    }

    /// Whether the right can have a name in the task.
    fn fits(&self, task: usize, held: Held) -> bool {
        let port = match held {
            Held::Send(port) if port == self.tasks[task].port => return true,
            Held::Send(port) | Held::Receive(port) => Some(port),
            Held::Once(_) => None,
            Held::Null | Held::Dead => return true,
        };
        let dead = match held {
            Held::Send(port) | Held::Receive(port) | Held::Once(port) => !self.is_live(port),
            _ => false,
        };
        dead || port.is_some_and(|port| self.find(task, port).is_some())
            || self.charge(self.tasks[task].account, 1).is_ok()
    }

    /// Puts a right into a task; `word` is what the implementation answered.
    fn put(&mut self, task: usize, held: Held, word: u64) -> u32 {
        let port = match held {
            Held::Null => {
                assert_eq!(word, 0);
                return 0;
            }
            Held::Dead => {
                assert_eq!(word, DEAD as u64);
                return DEAD;
            }
            Held::Send(port) | Held::Once(port) | Held::Receive(port) => port,
        };
        if !self.is_live(port) {
            assert_eq!(word, DEAD as u64);
            return DEAD;
        }
        if word == 0 {
            assert!(self.failing || !self.fits(task, held), "{held:?} was lost");
            self.released.push(held);
            return 0;
        }
        assert!(
            self.fits(task, held),
            "{held:?} has a name that the account cannot pay"
        );
        match held {
            Held::Send(port) if port == self.tasks[task].port => {
                assert_eq!(word, 1);
                1
            }
            Held::Send(port) => match self.find(task, port) {
                Some(name) => {
                    assert_eq!(word, name as u64, "another name for the same port");
                    let kind = match self.tasks[task].names[&name].kind {
                        Kind::Send { port, refs } => Kind::Send {
                            port,
                            refs: (refs + 1).min(0xffff),
                        },
                        Kind::Receive { port, refs } => Kind::Receive {
                            port,
                            refs: (refs + 1).min(0xffff),
                        },
                        _ => unreachable!(),
                    };
                    self.kind_set(task, name, kind);
                    name
                }
                None => {
                    self.ports[port].sole = None;
                    self.name_new(task, word, Kind::Send { port, refs: 1 })
                }
            },
            Held::Once(port) => self.name_new(task, word, Kind::Once { port }),
            Held::Receive(port) => {
                let name = match self.find(task, port) {
                    Some(name) => {
                        assert_eq!(word, name as u64);
                        let refs = now_refs(self.tasks[task].names[&name].kind);
                        self.kind_set(task, name, Kind::Receive { port, refs });
                        name
                    }
                    None => self.name_new(task, word, Kind::Receive { port, refs: 0 }),
                };
                self.ports[port].owner = Owner::Task(task, name);
                name
            }
            Held::Null | Held::Dead => unreachable!(),
        }
    }

    /// Puts a right into a task whose answer has its kind in the high bits.
    fn put_typed(&mut self, task: usize, held: Held, word: u64) {
        let kind = word >> 28;
        match (held, word) {
            (_, 0) => {}
            (_, 0xffff_ffff) => {}
            (Held::Send(_), _) => assert_eq!(kind, 1),
            (Held::Receive(_), _) => assert_eq!(kind, 2),
            (Held::Once(_), _) => assert_eq!(kind, 3),
            _ => {}
        }
        let name = if word == 0xffff_ffff {
            word
        } else {
            word & 0xfff_ffff
        };
        self.put(task, held, name);
    }

    /// The port that a name can be used to send to.
    fn send_port(&self, task: usize, name: u32) -> Try<Port> {
        if name == 1 {
            return Ok(self.tasks[task].port);
        }
        match self.kind(task, name) {
            Ok(Kind::Send { port, .. } | Kind::Once { port })
            | Ok(Kind::Receive { port, refs: 1.. }) => Ok(port),
            _ => Err(Error::MACH_SEND_INVALID_DEST),
        }
    }

    // ---- messages

    fn circular(&self, to: Port, rights: &[Held]) -> bool {
        let mut at = Some(to);
        while let Some(port) = at {
            if rights.contains(&Held::Receive(port)) {
                return true;
            }
            at = match self.ports[port].owner {
                Owner::Moving(next) => next,
                _ => None,
            };
        }
        false
    }

    /// Sends, or answers the port whose queue is full.
    fn send(&mut self, task: usize, words: &[u64]) -> Try<Option<Port>> {
        self.send_into(task, words, false)
    }

    fn send_into(&mut self, task: usize, words: &[u64], force: bool) -> Try<Option<Port>> {
        let mut next = self.clone();
        let dead = Error::MACH_SEND_INVALID_DEST;
        let (name, how) = (words[0] as u32, words[1] as u32);
        let count = words[4] as usize;
        let port = match name {
            1 => Some(self.tasks[task].port),
            _ => self.kind(task, name).map_err(|_| dead)?.port(),
        };
        let to = next.take(task, name, how).map_err(|_| dead)?;
        let port = match (port, to) {
            (Some(port), Held::Send(_) | Held::Once(_)) => port,
            _ => return Err(dead),
        };
        if self.ports[port].owner == Owner::Kernel {
            return Err(dead);
        }
        let rights = next.take_all(task, &words[6..6 + count])?;
        let is_full = self.ports[port].queue.len() >= self.ports[port].limit;
        if !force && is_full && matches!(to, Held::Send(_)) {
            return Ok(Some(port));
        }
        let account = self.tasks[task].account;
        self.charge(account, count as u64)?;
        let body = words[6 + count..].to_vec();
        let (label, step) = (words[2] as u32, self.step);
        if next.circular(port, &rights) {
            next.released.extend(rights);
        } else {
            next.queue(
                port,
                Message {
                    label,
                    body,
                    rights,
                    step,
                    payer: Some(account),
                },
            );
        }
        if let Held::Send(_) = to {
            next.released.push(to);
        }
        *self = next;
        Ok(None)
    }

    fn admit(&mut self, port: Port) {
        while self.ports[port].queue.len() < self.ports[port].limit
            && let Some(((_, name), to)) = self.ports[port].forced.pop_front()
        {
            self.tell(to, notify::MSG_ACCEPTED, &[name as u64]);
        }
        while self.ports[port].queue.len() < self.ports[port].limit {
            let Some(thread) = self.ports[port].blocked.pop_front() else {
                return;
            };
            let Some(Wait::Send { words, .. }) = self.threads[thread].wait.clone() else {
                panic!("a sender that does not send")
            };
            match self.send(self.threads[thread].task, &words) {
                Ok(Some(other)) => self.ports[other].blocked.push_back(thread),
                sent => {
                    self.threads[thread].wait = None;
                    self.due.push((thread, sent.map(drop)));
                }
            }
        }
    }

    /// As `send`, but a full queue takes the message once. Answers whether it did.
    fn force(&mut self, task: usize, words: &[u64]) -> Try<bool> {
        let told = self.receive_port(task, words[0] as u32);
        let told = told.map_err(|_| Error::MACH_SEND_INVALID_NOTIFY)?;
        let words = &words[1..];
        let Some(port) = self.send(task, words)? else {
            return Ok(false);
        };
        let key = (task, words[0] as u32);
        if self.ports[port].forced.iter().any(|(other, _)| *other == key) {
            return Err(Error::MACH_SEND_NOTIFY_IN_PROGRESS);
        }
        let mut next = self.clone();
        next.send_into(task, words, true)?;
        // The name that it went through may have gone with it.
        let name = match next.tasks[task].names.contains_key(&key.1) || key.1 <= 1 {
            true => key.1,
            false => 0,
        };
        next.ports[port].forced.push_back(((task, name), told));
        *self = next;
        Ok(true)
    }

    fn is_for(&self, task: usize, name: u32, port: Port) -> bool {
        let Owner::Task(owner, own) = self.ports[port].owner else {
            return false;
        };
        owner == task
            && match (name, self.ports[port].set) {
                (0, set) => set.is_none(),
                (name, Some(set)) => set == name,
                (name, None) => own == name,
            }
    }

    fn waiting(&self, task: usize, name: u32) -> Option<Port> {
        (0..self.ports.len())
            .find(|port| !self.ports[*port].queue.is_empty() && self.is_for(task, name, *port))
    }

    /// The port of a task whose message begins with its name or payload, and a label.
    fn port_of_message(&self, task: usize, own: u64, label: u64) -> Option<Port> {
        (0..self.ports.len()).find(|port| match self.ports[*port].payload {
            Some(payload) if label & abi::PAYLOAD != 0 => payload == own,
            None if label & abi::PAYLOAD == 0 => {
                self.ports[*port].owner == Owner::Task(task, own as u32)
            }
            _ => false,
        })
    }

    /// Whether the message that the implementation handed out is in its queue.
    fn has_message(&self, task: usize, words: &[u64]) -> bool {
        self.port_of_message(task, words[0], words[1])
            .and_then(|port| self.ports[port].queue.front())
            .is_some_and(|message| message.label as u64 == words[1] & !abi::PAYLOAD)
    }

    /// A message that the implementation handed out.
    fn receive(&mut self, task: usize, name: u32, words: &[u64]) {
        let [own, label, number, rights, body, rest @ ..] = words else {
            panic!("a message of {} words", words.len())
        };
        let (held, rest) = rest.split_at(*rights as usize);
        assert_eq!(rest.len() as u64, *body);
        let port = self
            .port_of_message(task, *own, *label)
            .expect("the message came to a port of the task");
        let label = &(label & !abi::PAYLOAD);
        assert!(self.is_for(task, name, port), "a message of another port");
        assert_eq!(self.ports[port].number as u64, *number);
        self.ports[port].number = self.ports[port].number.wrapping_add(1);
        let queue = &mut self.ports[port].queue;
        let step = queue.front().expect("the queue has a message").step;
        let at = queue
            .iter()
            .position(|m| {
                m.step == step
                    && m.label as u64 == *label
                    && m.rights.len() == held.len()
                    && m.body == rest
            })
            .unwrap_or_else(|| panic!("{words:x?} is not the first of {queue:?}"));
        let message = queue.remove(at).unwrap();
        for held in &message.rights {
            if let Held::Receive(moved) = held {
                self.ports[*moved].owner = Owner::Moving(None);
            }
        }
        // On their way, the rights are still held.
        let before = self.moving.len();
        self.moving.extend(&message.rights);
        self.admit(port);
        self.moving.truncate(before);
        self.put_all(task, message.rights, held);
    }

    fn put_all(&mut self, task: usize, rights: Vec<Held>, words: &[u64]) {
        assert_eq!(rights.len(), words.len());
        for (held, word) in rights.into_iter().zip(words) {
            self.put_typed(task, held, *word);
        }
    }

    fn transfer(
        &mut self,
        from: usize,
        name: u32,
        how: u32,
        to: usize,
        answer: Try<&[u64]>,
    ) -> Try<u32> {
        let mut next = self.clone();
        let moved = next
            .take(from, name, how)
            .map_err(|_| Error::KERN_INVALID_RIGHT)?;
        if !next.fits(to, moved) {
            return Err(SHORT);
        }
        // A move within an account needs a name more for a moment.
        if (how == MOVE_RECEIVE || how == MOVE_SEND_ONCE || how == MOVE_SEND)
            && from != to
            && !self.fits(to, moved)
            && answer == Err(SHORT)
        {
            return Err(SHORT);
        }
        let word = answer?[0];
        if from == to && matches!(how, MOVE_SEND | MOVE_SEND_ONCE) && name > 1 && name != DEAD {
            let kind = self.kind(from, name)?;
            if !matches!(kind, Kind::Dead { .. }) {
                assert_eq!(word, name as u64);
                return Ok(name);
            }
        }
        let name = next.put(to, moved, word);
        *self = next;
        Ok(name)
    }

    /// Puts a right under a name of choice.
    fn transfer_to(
        &mut self,
        from: usize,
        name: u32,
        how: u32,
        to: usize,
        wanted: u32,
    ) -> Try<()> {
        let mut next = self.clone();
        let held = next.take(from, name, how)?;
        let port = match held {
            Held::Send(port) | Held::Once(port) | Held::Receive(port) => port,
            Held::Null | Held::Dead => return Err(Error::KERN_INVALID_CAPABILITY),
        };
        let own = match held {
            Held::Once(_) => None,
            _ => self.find(to, port),
        };
        let answer = [wanted as u64];
        match own {
            Some(own) if own != wanted => Err(Error::KERN_RIGHT_EXISTS),
            Some(_) if how == MOVE_RECEIVE && from == to => {
                self.receiver_leaves(port);
                let object = &mut self.ports[port];
                (object.made, object.number) = (0, 0);
                (object.life, object.payload) = (0, None);
                Ok(())
            }
            Some(_) => self.transfer(from, name, how, to, Ok(&answer)).map(drop),
            None if port == self.tasks[to].port => Err(Error::KERN_RIGHT_EXISTS),
            None => {
                self.name_check(to, wanted)?;
                if how == MOVE_SEND_ONCE && from == to {
                    return self.rename(to, name, wanted);
                }
                if !next.fits(to, held) || (from != to && !self.fits(to, held)) {
                    return Err(SHORT);
                }
                next.put(to, held, wanted as u64);
                *self = next;
                Ok(())
            }
        }
    }

    fn watch(&mut self, task: usize, target: usize, words: &[u64], answer: Try<&[u64]>) -> Try<()> {
        let (name, id, sync) = (words[1] as u32, words[2] as u32, words[3] as u32);
        let (to, how) = (words[4] as u32, words[5] as u32);
        let kind = self.kind(target, name)?;
        match (id, kind) {
            (notify::NO_SENDERS, Kind::Receive { .. }) => {}
            (notify::PORT_DESTROYED, Kind::Receive { .. }) if sync != 0 => {
                return Err(Error::KERN_INVALID_VALUE);
            }
            (notify::PORT_DESTROYED, Kind::Receive { .. }) => {}
            (notify::DEAD_NAME, Kind::Dead { .. }) if to != 0 && sync == 0 => {
                return Err(Error::KERN_INVALID_ARGUMENT);
            }
            (notify::DEAD_NAME, Kind::Set) => return Err(Error::KERN_INVALID_RIGHT),
            (notify::DEAD_NAME, _) => {}
            _ => return Err(Error::KERN_INVALID_RIGHT),
        }
        let to = match self
            .take(task, to, how)
            .map_err(|_| Error::KERN_INVALID_CAPABILITY)?
        {
            Held::Null => None,
            Held::Once(port) => Some(port),
            _ => return Err(Error::KERN_INVALID_CAPABILITY),
        };
        let old = match kind {
            Kind::Receive { port, .. } if id == notify::PORT_DESTROYED => {
                if to.is_some_and(|to| self.circular(to, &[Held::Receive(port)])) {
                    return Err(Error::KERN_INVALID_CAPABILITY);
                }
                std::mem::replace(&mut self.ports[port].backup, to)
            }
            _ if id == notify::NO_SENDERS => {
                let port = self.receive_port(target, name)?;
                let old = std::mem::replace(&mut self.ports[port].watched, to);
                let made = self.ports[port].made;
                if let Some(to) = to
                    && self.holders(Held::Send(port)) == 0
                    && sync <= made
                {
                    self.ports[port].watched = None;
                    self.tell(to, notify::NO_SENDERS, &[made as u64]);
                }
                old
            }
            Kind::Dead { refs } => {
                if let Some(to) = to {
                    self.kind_set(
                        target,
                        name,
                        Kind::Dead {
                            refs: (refs + 1).min(0xffff),
                        },
                    );
                    self.tell(to, notify::DEAD_NAME, &[name as u64]);
                }
                None
            }
            _ => {
                // Taking the send-once right may have freed the name itself.
                let entry = self.tasks[target].names.get_mut(&name);
                let entry = entry.ok_or(Error::KERN_INVALID_NAME)?;
                std::mem::replace(&mut entry.request, to)
            }
        };
        let word = answer?[0];
        let old = old.map_or(Held::Null, Held::Once);
        self.put(task, old, word);
        Ok(())
    }

    fn thread_end(&mut self, at: usize) {
        let thread = &mut self.threads[at];
        thread.alive = false;
        let wait = thread.wait.take();
        let ticket = thread.ticket.take();
        if let Some((_, _, rights)) = ticket {
            self.released.extend(rights);
        }
        if let Some(Wait::Send { .. }) = wait {
            for port in &mut self.ports {
                port.blocked.retain(|thread| *thread != at);
            }
        }
        self.die(self.threads[at].port);
    }

    fn task_end(&mut self, task: usize) {
        for at in 0..self.threads.len() {
            if self.threads[at].alive && self.threads[at].task == task {
                self.thread_end(at);
            }
        }
        let mut names: Vec<u32> = self.tasks[task].names.keys().copied().collect();
        names.sort_by_key(|name| name & 0xf_ffff);
        for name in names {
            if self.tasks[task].names.contains_key(&name) {
                self.destroy(task, name).unwrap();
            }
        }
        let bootstrap = std::mem::replace(&mut self.tasks[task].bootstrap, Held::Null);
        self.released.push(bootstrap);
        if let Some(port) = self
            .ports
            .iter()
            .position(|p| p.owner == Owner::Task(task, 0))
        {
            self.die(port);
        }
        self.tasks[task].alive = false;
        self.die(self.tasks[task].port);
    }
}

fn now_refs(kind: Kind) -> u32 {
    match kind {
        Kind::Send { refs, .. } | Kind::Receive { refs, .. } | Kind::Dead { refs } => refs,
        _ => 1,
    }
}

// ---- operations

#[derive(Clone, Copy, Debug)]
struct Gift {
    name: u8,
    how: u8,
}

#[derive(Clone, Debug)]
enum Op {
    Allocate {
        kind: u32,
    },
    AllocateName {
        kind: u32,
        name: u8,
    },
    Rename {
        name: u8,
        to: u8,
    },
    InsertAt {
        task: u8,
        name: u8,
        how: u8,
        to: u8,
    },
    Count {
        name: u8,
        number: bool,
        value: u8,
    },
    Payload {
        name: u8,
        set: bool,
    },
    Force {
        told: u8,
        name: u8,
        how: u8,
        gifts: Vec<Gift>,
    },
    ReceiveAtMost {
        name: u8,
        most: u8,
        keep: bool,
    },
    Deallocate {
        name: u8,
    },
    Destroy {
        name: u8,
    },
    ModRefs {
        name: u8,
        kind: u8,
        delta: i32,
    },
    MoveMember {
        name: u8,
        set: u8,
    },
    Limit {
        name: u8,
        limit: u8,
    },
    Insert {
        task: u8,
        name: u8,
        how: u8,
    },
    Extract {
        task: u8,
        name: u8,
        how: u8,
    },
    Watch {
        name: u8,
        id: u32,
        sync: u8,
        to: u8,
        how: u8,
    },
    Send {
        name: u8,
        how: u8,
        gifts: Vec<Gift>,
        body: u8,
        time: u8,
    },
    Receive {
        name: u8,
        time: u8,
    },
    Ticket {
        name: u8,
        gifts: Vec<Gift>,
    },
    Redeem {
        thread: u8,
        name: u8,
    },
    Answer {
        thread: u8,
        name: u8,
        gifts: Vec<Gift>,
    },
    AnswerNew {
        thread: u8,
        name: u8,
        life: u64,
    },
    Bootstrap {
        task: u8,
        name: u8,
    },
    GetBootstrap {
        task: u8,
    },
    NewThread {
        task: u8,
    },
    NewTask {
        limited: bool,
    },
    EndThread {
        name: u8,
    },
    EndTask {
        task: u8,
    },
    Abort {
        name: u8,
    },
    Suspend {
        name: u8,
    },
    Resume {
        name: u8,
    },
    Time {
        milliseconds: u8,
    },
}

#[derive(Clone, Debug)]
pub struct Step {
    actor: u8,
    op: Op,
    fail: Option<u8>,
}

fn gifts(bytes: &mut Bytes<'_>) -> Vec<Gift> {
    let count = bytes.below(4);
    let gift = |_| Gift { name: bytes.next(), how: bytes.below(8) };
    (0..count).map(gift).collect()
}

/// An operation out of bytes.
type Make = fn(&mut Bytes<'_>) -> Op;

/// What there is to do, and how often.
const OPS: &[(u8, Make)] = &[
    (6, |b| Op::Allocate { kind: b.pick(&[1, 1, 1, 1, 3, 4]) }),
    (4, |b| Op::Deallocate { name: b.next() }),
    (2, |b| Op::Destroy { name: b.next() }),
    (3, |b| Op::ModRefs {
        name: b.next(),
        kind: b.below(5),
        delta: b.pick(&[-1, 1, 0, -2, 2, 3, -3, 0xfffe, 0xffff, -0xffff, i32::MIN, i32::MAX]),
    }),
    (2, |b| Op::MoveMember { name: b.next(), set: b.next() }),
    (2, |b| Op::Limit { name: b.next(), limit: b.below(4) }),
    (6, |b| Op::Insert { task: b.next(), name: b.next(), how: b.below(8) }),
    (3, |b| Op::Extract { task: b.next(), name: b.next(), how: b.below(8) }),
    (5, |b| Op::Watch {
        name: b.next(),
        id: b.pick(&[notify::DEAD_NAME, notify::NO_SENDERS, notify::PORT_DESTROYED]),
        sync: b.pick(&[0, 0, 1, 2]),
        to: b.next(),
        how: b.below(8),
    }),
    (10, |b| Op::Send {
        name: b.next(),
        how: b.below(8),
        body: b.below(3),
        time: b.below(3),
        gifts: gifts(b),
    }),
    (8, |b| Op::Receive { name: b.next(), time: b.below(3) }),
    (2, |b| Op::Ticket { name: b.next(), gifts: gifts(b) }),
    (2, |b| Op::Redeem { thread: b.next(), name: b.next() }),
    (2, |b| Op::Answer { thread: b.next(), name: b.next(), gifts: gifts(b) }),
    (2, |b| Op::AnswerNew { thread: b.next(), name: b.next(), life: b.below(3) as u64 }),
    (1, |b| Op::Bootstrap { task: b.next(), name: b.next() }),
    (1, |b| Op::GetBootstrap { task: b.next() }),
    (2, |b| Op::NewThread { task: b.next() }),
    (1, |b| Op::NewTask { limited: b.below(2) > 0 }),
    (1, |b| Op::EndThread { name: b.next() }),
    (1, |b| Op::EndTask { task: b.next() }),
    (1, |b| Op::Abort { name: b.next() }),
    (1, |b| Op::Suspend { name: b.next() }),
    (2, |b| Op::Resume { name: b.next() }),
    (1, |b| Op::Time { milliseconds: 1 + b.below(39) }),
    (2, |b| Op::AllocateName { kind: b.pick(&[1, 3, 4, 0]), name: b.next() }),
    (3, |b| Op::Rename { name: b.next(), to: b.next() }),
    (3, |b| Op::InsertAt { task: b.next(), name: b.next(), how: b.below(8), to: b.next() }),
    (2, |b| Op::Count { name: b.next(), number: b.below(2) > 0, value: b.next() }),
    (2, |b| Op::Payload { name: b.next(), set: b.below(3) > 0 }),
    (4, |b| Op::Force { told: b.next(), name: b.next(), how: b.below(8), gifts: gifts(b) }),
    (2, |b| Op::ReceiveAtMost { name: b.next(), most: 1 + b.below(3), keep: b.below(2) > 0 }),
];

/// Bytes that an operation takes at most.
pub const STEP_BYTES: usize = 16;
/// The most operations of one run.
pub const STEPS: usize = 120;

/// An operation out of bytes: who does what, and what fails.
pub fn decode(bytes: &[u8]) -> Step {
    let mut bytes = Bytes::new(bytes);
    let (actor, fail) = (bytes.next(), bytes.seldom(4));
    let op = bytes.weighed(OPS)(&mut bytes);
    Step { actor, op, fail }
}

struct Run {
    world: World,
    model: Model,
    account: u64,
    /// Answers to threads that the model has not looked at, and those that it owes an account of.
    answers: Vec<Answer>,
    owed: Vec<(usize, Result<(), Error>)>,
}

impl Run {
    fn new() -> Run {
        let mut world = World::new();
        let root = world.boot_root();
        let account = world.get(root, routine::ACCOUNT_CREATE, &[1 << 40, 1 << 40, 24]);
        let mut model = Model {
            limits: vec![u64::MAX, 24],
            ..Model::default()
        };
        model.now = 1;
        let mut run = Run {
            world,
            model,
            account,
            answers: Vec::new(),
            owed: Vec::new(),
        };
        run.task_add(root, 0);
        // The account's own name is no port of the model: it stays out of everybody's reach.
        run.ports_of_threads(root, 0);
        for limited in [false, true] {
            run.step(&Step {
                actor: 0,
                op: Op::NewTask { limited },
                fail: None,
            });
        }
        run
    }

    fn task_add(&mut self, caller: Caller, account: usize) -> usize {
        let port = self.model.port_new(Owner::Kernel);
        self.model.tasks.push(Task {
            sim: caller.task,
            port,
            account,
            names: BTreeMap::new(),
            bootstrap: Held::Null,
            lapsed: Vec::new(),
            lapse: None,
            alive: true,
        });
        self.model.tasks.len() - 1
    }

    fn ports_of_threads(&mut self, caller: Caller, task: usize) -> usize {
        let port = self.model.port_new(Owner::Kernel);
        self.model.threads.push(Thread {
            caller,
            task,
            port,
            wait: None,
            suspended: 0,
            ticket: None,
            alive: true,
        });
        self.model.threads.len() - 1
    }

    /// A name of a task by its place: mostly one that it has.
    fn name(&self, task: usize, place: u8) -> u32 {
        let names: Vec<u32> = self.model.tasks[task].names.keys().copied().collect();
        match place {
            250 => 0,
            251 => 1,
            252 => DEAD,
            253 => 0x1234,
            _ if names.is_empty() => 0x999,
            _ => names[place as usize % names.len()],
        }
    }

    /// A name that a task chooses: near, far, taken, or none.
    fn chosen(&self, task: usize, place: u8) -> u64 {
        const NAMES: [u64; 10] =
            [40, 41, 42, 0x30_0500, 0x720_0501, 0xfff_ffff, 0x10_8000, 3, 1 << 28, u32::MAX as u64];
        match place {
            0..200 => NAMES[place as usize % NAMES.len()],
            // The same place, of another age; or the same name.
            200..230 => self.name(task, place.wrapping_mul(7)) as u64 ^ 1 << 20,
            _ => self.name(task, place.wrapping_mul(7)) as u64,
        }
    }

    fn how(place: u8) -> u32 {
        [
            COPY_SEND,
            MAKE_SEND,
            MOVE_SEND,
            MAKE_SEND_ONCE,
            MOVE_SEND_ONCE,
            MOVE_RECEIVE,
            COPY_SEND,
            3,
        ][place as usize % 8]
    }

    /// A disposition that suits what the name denotes, for most numbers.
    fn how_for(&self, task: usize, name: u32, place: u8) -> u32 {
        match (self.model.kind(task, name), place) {
            (_, 6..) => Self::how(place),
            (Ok(Kind::Send { .. }), 0..=3) => COPY_SEND,
            (Ok(Kind::Send { .. }), _) => MOVE_SEND,
            (Ok(Kind::Receive { .. }), 0 | 1) => MAKE_SEND,
            (Ok(Kind::Receive { .. }), 2 | 3) => MAKE_SEND_ONCE,
            (Ok(Kind::Receive { .. }), 4) => MOVE_RECEIVE,
            (Ok(Kind::Once { .. }), _) => MOVE_SEND_ONCE,
            _ => Self::how(place),
        }
    }

    fn gifts(&self, task: usize, gifts: &[Gift]) -> Vec<u64> {
        gifts
            .iter()
            .map(|gift| {
                let name = self.name(task, gift.name);
                (self.how_for(task, name, gift.how) as u64) << 32 | name as u64
            })
            .collect()
    }

    /// Another task that this one names, and the name.
    fn target(&self, task: usize, place: u8) -> (usize, u32) {
        let mut found = vec![(task, 0u32)];
        for (name, entry) in &self.model.tasks[task].names {
            if let Kind::Send { port, .. } = entry.kind
                && let Some(other) = self
                    .model
                    .tasks
                    .iter()
                    .position(|task| task.alive && task.port == port)
            {
                found.push((other, *name));
            }
        }
        found[place as usize % found.len()]
    }

    /// A thread that a task names.
    fn named_thread(&self, task: usize, place: u8) -> Option<(usize, u32)> {
        let mut found = Vec::new();
        for (name, entry) in &self.model.tasks[task].names {
            if let Kind::Send { port, .. } = entry.kind
                && let Some(thread) = self
                    .model
                    .threads
                    .iter()
                    .position(|thread| thread.alive && thread.port == port)
            {
                found.push((thread, *name));
            }
        }
        (!found.is_empty()).then(|| found[place as usize % found.len()])
    }

    fn step(&mut self, step: &Step) {
        self.model.step += 1;
        let free: Vec<usize> = (0..self.model.threads.len())
            .filter(|at| {
                let thread = &self.model.threads[*at];
                thread.alive && thread.wait.is_none() && thread.suspended == 0
            })
            .collect();
        if free.is_empty() {
            return;
        }
        let actor = free[step.actor as usize % free.len()];
        self.step_as(actor, &step.op, step.fail);
    }

    fn step_as(&mut self, actor: usize, op: &Op, fail: Option<u8>) {
        let caller = self.model.threads[actor].caller;
        let task = self.model.threads[actor].task;
        let Some((routine, words)) = self.words(actor, op) else {
            if let Op::Time { milliseconds } = op {
                let nanoseconds = *milliseconds as u64 * 1_000_000;
                self.world.mach.kernel().time_advance(nanoseconds);
                self.world.mach.timer();
                self.model.now += nanoseconds;
                self.time_passes();
                self.after();
            }
            return;
        };
        if let Op::AllocateName { .. } | Op::Rename { .. } | Op::InsertAt { .. } = op {
            let listed = self.world.ask(caller, routine::MACH_PORT_NAMES, &[words[0], 0]).unwrap();
            let port = self.model.send_port(task, words[0] as u32).ok();
            let own = |port: Port| self.model.tasks.iter().position(|task| task.port == port);
            let target = port.and_then(own).unwrap_or(task);
            let known = &self.model.tasks[target].names;
            let names = listed[1..].iter().map(|word| *word as u32);
            self.model.reserved = names.filter(|name| !known.contains_key(name)).collect();
        }
        let before = self.world.mach.audit_totals();
        let client = match op {
            Op::Answer { thread, name, .. } | Op::AnswerNew { thread, name, .. } => {
                let (client, name) = self.caller(actor, *thread, *name).unwrap();
                let client = self.model.threads[client].caller.thread;
                self.world.mach.kernel().call_begin(client, name, 1);
                Some(client)
            }
            _ => None,
        };
        self.world.mach.kernel().fail_after(fail.map(u64::from));
        let mut reply = self.world.request(caller, routine, &words);
        let failed = self.world.mach.kernel().has_failed();
        self.world.mach.kernel().fail_after(None);
        self.model.failing = failed;
        if let Some(client) = client {
            let inbox = self.world.mach.kernel().inbox_take(client);
            assert!(self.world.mach.kernel().call_answer(client));
            if let Reply::Done(Ok(words)) = &mut reply {
                words.extend(inbox.into_iter().map(u64::from));
            } else {
                assert!(inbox.is_empty());
            }
        }
        let kernel = self.world.mach.kernel();
        let fresh = (
            kernel.task_newest().unwrap(),
            kernel.thread_newest().unwrap(),
        );
        let answer = match &reply {
            // It has been sent, and it has been looked at.
            Reply::Done(Err(Error::MACH_SEND_WILL_NOTIFY | Error::MACH_RCV_TOO_LARGE)) => {
                Ok(Vec::new())
            }
            Reply::Done(result) => result.clone(),
            _ => Ok(Vec::new()),
        };
        let answer = answer.as_deref().map_err(|error| *error);
        // Where the caller's page cannot be looked at, nobody is seen to call.
        let answers = matches!(op, Op::Answer { .. } | Op::AnswerNew { .. });
        let short = |error| error == SHORT || answers && error == Error::KERN_NO_ACCESS;
        let mut next = self.model.clone();
        let told = Self::apply(&mut next, actor, task, op, &words, &reply, answer, fresh);
        match (answer, told) {
            (Ok(_), Ok(())) => {
                self.model = next;
                // Who waits has the message before its sender's right to the port ends.
                self.receive(|model, task, words| model.has_message(task, words));
                self.model.settle();
                let words = answer.map(<[u64]>::to_vec).unwrap_or_default();
                self.made(op, caller, &words);
            }
            (Err(error), Err(_)) if !failed || short(error) => {
                // Refused: nothing changed.
                let after = self.world.mach.audit_totals();
                if !failed {
                    assert_eq!(before, after, "{:?} was refused with {error}", op);
                }
            }
            (Err(error), Ok(())) if failed && short(error) => {}
            (answer, told) => panic!("{:?} {words:x?}: {answer:x?}, expected {told:?}", op),
        }
        self.after();
    }

    /// The request that an operation is, or `None` where it makes no sense now.
    fn words(&self, actor: usize, op: &Op) -> Option<(u32, Vec<u64>)> {
        let model = &self.model;
        let task = model.threads[actor].task;
        let name = |place: u8| self.name(task, place) as u64;
        Some(match op {
            Op::Allocate { kind } => (routine::MACH_PORT_ALLOCATE, vec![0, *kind as u64]),
            Op::AllocateName { kind, name } => {
                let words = vec![0, *kind as u64, self.chosen(task, *name)];
                (routine::MACH_PORT_ALLOCATE_NAME, words)
            }
            Op::Rename { name: n, to } => {
                (routine::MACH_PORT_RENAME, vec![0, name(*n), self.chosen(task, *to)])
            }
            Op::InsertAt {
                task: t,
                name: n,
                how,
                to,
            } => {
                let (target, into) = self.target(task, *t);
                let how = self.how_for(task, name(*n) as u32, *how) as u64;
                let to = self.chosen(target, *to);
                (routine::MACH_PORT_INSERT_RIGHT, vec![into as u64, to, name(*n), how])
            }
            Op::Count {
                name: n,
                number,
                value,
            } => {
                let routine = match number {
                    true => routine::MACH_PORT_SET_SEQNO,
                    false => routine::MACH_PORT_SET_MSCOUNT,
                };
                (routine, vec![0, name(*n), *value as u64])
            }
            Op::Payload { name: n, set: true } => {
                // One of its own for each.
                let words = vec![0, name(*n), 0x7000_0000_0000 | self.model.step as u64];
                (routine::MACH_PORT_SET_PROTECTED_PAYLOAD, words)
            }
            Op::Payload { name: n, .. } => {
                (routine::MACH_PORT_CLEAR_PROTECTED_PAYLOAD, vec![0, name(*n)])
            }
            Op::Force {
                told,
                name: n,
                how,
                gifts,
            } => {
                let how = self.how_for(task, name(*n) as u32, *how) as u64;
                let gifts = self.gifts(task, gifts);
                let label = model.step as u64;
                let mut words =
                    vec![name(*told), name(*n), how, label, POLL, gifts.len() as u64, 0];
                words.extend(gifts);
                (routine::MSG_SEND_NOTIFY, words)
            }
            Op::ReceiveAtMost { name: n, most, keep } => {
                // Of one port: which of several is next is open.
                let kind = model.kind(task, name(*n) as u32);
                if !matches!(kind, Ok(Kind::Receive { .. })) {
                    return None;
                }
                let words = vec![name(*n), POLL, 0, *most as u64, *keep as u64];
                (routine::MSG_RECEIVE, words)
            }
            Op::Deallocate { name: n } => (routine::MACH_PORT_DEALLOCATE, vec![0, name(*n)]),
            Op::Destroy { name: n } => (routine::MACH_PORT_DESTROY, vec![0, name(*n)]),
            Op::ModRefs {
                name: n,
                kind,
                delta,
            } => {
                let delta = *delta as u32 as u64;
                (
                    routine::MACH_PORT_MOD_REFS,
                    vec![0, name(*n), *kind as u64, delta],
                )
            }
            Op::MoveMember { name: n, set } => {
                let sets: Vec<u32> = model.tasks[task]
                    .names
                    .iter()
                    .filter(|(_, entry)| entry.kind == Kind::Set)
                    .map(|(name, _)| *name)
                    .collect();
                let set = match sets.len() {
                    0 => 0,
                    count => match *set as usize % (count + 1) {
                        0 => 0,
                        at => sets[at - 1],
                    },
                };
                (
                    routine::MACH_PORT_MOVE_MEMBER,
                    vec![0, name(*n), set as u64],
                )
            }
            Op::Limit { name: n, limit } => (
                routine::MACH_PORT_SET_QLIMIT,
                vec![0, name(*n), *limit as u64],
            ),
            Op::Insert {
                task: t,
                name: n,
                how,
            } => {
                let (_, to) = self.target(task, *t);
                let how = self.how_for(task, name(*n) as u32, *how);
                (
                    routine::MACH_PORT_INSERT_RIGHT,
                    vec![to as u64, 0, name(*n), how as u64],
                )
            }
            Op::Extract {
                task: t,
                name: n,
                how,
            } => {
                let (from, to) = self.target(task, *t);
                let n = self.name(from, *n);
                let how = self.how_for(from, n, *how);
                (
                    routine::MACH_PORT_EXTRACT_RIGHT,
                    vec![to as u64, n as u64, how as u64],
                )
            }
            Op::Watch {
                name: n,
                id,
                sync,
                to,
                how,
            } => {
                let to = name(*to);
                let how = match self.model.kind(task, to as u32) {
                    Ok(Kind::Receive { .. }) if *how < 6 => MAKE_SEND_ONCE,
                    Ok(Kind::Once { .. }) if *how < 6 => MOVE_SEND_ONCE,
                    _ => Self::how(*how),
                };
                let words = vec![0, name(*n), *id as u64, *sync as u64, to, how as u64];
                (routine::MACH_PORT_REQUEST_NOTIFICATION, words)
            }
            Op::Send {
                name: n,
                how,
                gifts,
                body,
                time,
            } => {
                let to = name(*n);
                let how = self.how_for(task, to as u32, *how);
                let gifts = self.gifts(task, gifts);
                let time = [POLL, 0, 10][*time as usize];
                let label = self.model.step as u64;
                let mut words = vec![
                    to,
                    how as u64,
                    label,
                    time,
                    gifts.len() as u64,
                    *body as u64,
                ];
                words.extend(gifts);
                words.extend((0..*body as u64).map(|word| word ^ label << 8));
                (routine::MSG_SEND, words)
            }
            Op::Receive { name: n, time } => {
                let name = if *n < 100 { 0 } else { name(*n) };
                (
                    routine::MSG_RECEIVE,
                    vec![name, [POLL, 0, 10][*time as usize]],
                )
            }
            Op::Ticket { name: n, gifts } => {
                let gifts = self.gifts(task, gifts);
                let number = model.threads[actor].caller.number as u64;
                let mut words = vec![number, name(*n), gifts.len() as u64];
                words.extend(gifts);
                (routine::RIGHTS_SEND, words)
            }
            Op::Redeem { thread, name: n } => {
                let of: Vec<&(u64, Port, Vec<Held>)> = model
                    .threads
                    .iter()
                    .filter_map(|thread| thread.ticket.as_ref())
                    .collect();
                let ticket = of.get(*thread as usize % of.len().max(1))?;
                // Mostly the port that it is for.
                let own = match model.ports[ticket.1].owner {
                    Owner::Task(owner, own) if owner == task && *n < 200 => own as u64,
                    _ => name(*n),
                };
                (routine::RIGHTS_RECEIVE, vec![ticket.0, own])
            }
            Op::Answer {
                thread,
                name: n,
                gifts,
            } => {
                let (caller, _) = self.caller(actor, *thread, *n)?;
                let gifts = self.gifts(task, gifts);
                let number = model.threads[caller].caller.number as u64;
                let mut words = vec![number, gifts.len() as u64];
                words.extend(gifts);
                (routine::REPLY_RIGHTS, words)
            }
            Op::AnswerNew {
                thread,
                name: n,
                life,
            } => {
                let (caller, _) = self.caller(actor, *thread, *n)?;
                let number = model.threads[caller].caller.number as u64;
                (routine::REPLY_NEW_PORT, vec![number, *life])
            }
            Op::Bootstrap { task: t, name: n } => {
                let (_, to) = self.target(task, *t);
                (routine::TASK_SET_SPECIAL_PORT, vec![to as u64, 4, name(*n)])
            }
            Op::GetBootstrap { task: t } => {
                let (_, to) = self.target(task, *t);
                (routine::TASK_GET_SPECIAL_PORT, vec![to as u64, 4])
            }
            Op::NewThread { task: t } => {
                let (target, to) = self.target(task, *t);
                let threads = model.threads.iter().filter(|t| t.alive && t.task == target);
                if threads.count() > 3 {
                    return None;
                }
                (routine::THREAD_CREATE, vec![to as u64, 0])
            }
            Op::NewTask { limited } => {
                if task != 0 || model.tasks.iter().filter(|task| task.alive).count() > 4 {
                    return None;
                }
                (
                    routine::TASK_CREATE,
                    vec![if *limited { self.account } else { 0 }],
                )
            }
            Op::EndThread { name: n } => {
                let (thread, name) = self.named_thread(task, *n)?;
                (thread != actor).then_some((routine::THREAD_TERMINATE, vec![name as u64]))?
            }
            Op::EndTask { task: t } => {
                let (target, name) = self.target(task, *t);
                (target != 0).then_some((routine::TASK_TERMINATE, vec![name as u64]))?
            }
            Op::Abort { name: n } => {
                let (thread, name) = self.named_thread(task, *n)?;
                (thread != actor).then_some((routine::THREAD_ABORT, vec![name as u64]))?
            }
            Op::Suspend { name: n } => {
                let (thread, name) = self.named_thread(task, *n)?;
                (thread != actor).then_some((routine::THREAD_SUSPEND, vec![name as u64]))?
            }
            Op::Resume { name: n } => {
                let (_, name) = self.named_thread(task, *n)?;
                (routine::THREAD_RESUME, vec![name as u64])
            }
            Op::Time { .. } => return None,
        })
    }

    /// A thread that could call a port of the actor's task; its page is made to say so.
    fn caller(&self, actor: usize, thread: u8, name: u8) -> Option<(usize, u32)> {
        let task = self.model.threads[actor].task;
        let mut found = Vec::new();
        for (at, other) in self.model.threads.iter().enumerate() {
            if !other.alive || at == actor || other.wait.is_some() || other.suspended > 0 {
                continue;
            }
            for (name, entry) in &self.model.tasks[other.task].names {
                if let Kind::Send { port, .. } = entry.kind
                    && matches!(self.model.ports[port].owner, Owner::Task(of, _) if of == task)
                {
                    found.push((at, *name));
                }
            }
        }
        (!found.is_empty()).then(|| found[(thread as usize + name as usize) % found.len()])
    }

    #[allow(clippy::too_many_arguments)]
    fn apply(
        model: &mut Model,
        actor: usize,
        task: usize,
        op: &Op,
        words: &[u64],
        reply: &Reply,
        answer: Try<&[u64]>,
        fresh: (SimTask, SimThread),
    ) -> Try<()> {
        let target = |model: &Model, name: u64| -> usize {
            if name <= 1 {
                return task;
            }
            let port = model.send_port(task, name as u32).unwrap();
            model
                .tasks
                .iter()
                .position(|task| task.port == port)
                .unwrap()
        };
        let thread_of = |model: &Model, name: u64| -> usize {
            let port = model.send_port(task, name as u32).unwrap();
            model
                .threads
                .iter()
                .position(|thread| thread.port == port)
                .unwrap()
        };
        let thread_numbered = |model: &Model, number: u64| -> usize {
            let of = |thread: &&Thread| thread.alive && thread.caller.number as u64 == number;
            model.threads.iter().find(of).unwrap().task
        };
        let words32 = |at: usize| words[at] as u32;
        match op {
            Op::Allocate { kind } => {
                model.charge(model.tasks[task].account, 1)?;
                model.name_allocate(task, *kind, answer?[0]);
                Ok(())
            }
            Op::AllocateName { kind, .. } => {
                if *kind == right::SEND {
                    return Err(Error::KERN_INVALID_VALUE);
                }
                model.name_check(task, words32(2))?;
                model.charge(model.tasks[task].account, 1)?;
                model.name_allocate(task, *kind, words[2]);
                Ok(())
            }
            Op::Rename { .. } => model.rename(task, words32(1), words32(2)),
            Op::InsertAt { .. } => {
                let to = target(model, words[0]);
                if words[1] == 0 {
                    let moved = model.transfer(task, words32(2), words32(3), to, answer);
                    return moved.map(drop);
                }
                model.transfer_to(task, words32(2), words32(3), to, words32(1))
            }
            Op::Count { number, .. } => {
                let port = model.receive_port(task, words32(1))?;
                let count = match number {
                    true => &mut model.ports[port].number,
                    false => &mut model.ports[port].made,
                };
                *count = words32(2);
                Ok(())
            }
            Op::Payload { .. } => {
                let port = model.receive_port(task, words32(1))?;
                model.ports[port].payload = words.get(2).copied();
                Ok(())
            }
            Op::Force { .. } => match model.force(task, words)? {
                true => {
                    assert_eq!(*reply, Reply::Done(Err(Error::MACH_SEND_WILL_NOTIFY)));
                    Ok(())
                }
                false => Ok(()),
            },
            Op::ReceiveAtMost { keep, .. } => {
                let port = model.receive_port(task, words32(0))?;
                if model.ports[port].set.is_some() {
                    return Err(Error::MACH_RCV_IN_SET);
                }
                if model.ports[port].queue.is_empty() {
                    return Err(Error::MACH_RCV_TIMED_OUT);
                }
                if *reply != Reply::Done(Err(Error::MACH_RCV_TOO_LARGE)) {
                    let rest = answer?;
                    assert!(rest[3] + rest[4] <= words[3], "more than was asked for");
                    model.receive(task, words32(0), rest);
                    return Ok(());
                }
                // Of those that one operation has sent, any may be the first.
                let step = model.ports[port].queue[0].step;
                let large = |m: &Message| (m.rights.len() + m.body.len()) as u64 > words[3];
                let first = model.ports[port].queue.iter().position(|m| m.step == step && large(m));
                let first = first.expect("a message that is too large");
                if !keep {
                    let message = model.ports[port].queue.remove(first).unwrap();
                    model.ports[port].number = model.ports[port].number.wrapping_add(1);
                    model.released.extend(message.rights);
                    model.admit(port);
                }
                Ok(())
            }
            Op::Deallocate { .. } => model.deallocate(task, words32(1)),
            Op::Destroy { .. } => model.destroy(task, words32(1)),
            Op::ModRefs { .. } => model.mod_refs(task, words32(1), words32(2), words[3] as i32),
            Op::MoveMember { .. } => {
                let (name, set) = (words32(1), words32(2));
                let port = model.receive_port(task, name)?;
                let old = model.ports[port].set;
                let new = (set != 0).then_some(set);
                if new.is_none() && old.is_none() {
                    return Err(Error::KERN_NOT_IN_SET);
                }
                model.ports[port].set = new;
                if old.is_none() {
                    model.waits_end(task, name, Error::MACH_RCV_PORT_CHANGED);
                }
                Ok(())
            }
            Op::Limit { .. } => {
                let port = model.receive_port(task, words32(1))?;
                model.ports[port].limit = words[2] as usize;
                model.admit(port);
                Ok(())
            }
            Op::Insert { .. } => {
                let to = target(model, words[0]);
                model
                    .transfer(task, words32(2), words32(3), to, answer)
                    .map(drop)
            }
            Op::Extract { .. } => {
                let from = target(model, words[0]);
                model
                    .transfer(from, words32(1), words32(2), task, answer)
                    .map(drop)
            }
            Op::Watch { .. } => model.watch(task, task, words, answer),
            Op::Send { .. } => match model.send(task, words)? {
                None => {
                    assert_eq!(*reply, Reply::Done(Ok(vec![])));
                    Ok(())
                }
                Some(_) if words[3] == POLL => Err(Error::MACH_SEND_TIMED_OUT),
                Some(port) => {
                    if answer.is_err() {
                        return Ok(());
                    }
                    assert_eq!(*reply, Reply::Waits, "the queue is full");
                    let until = (words[3] != 0).then(|| model.now + words[3] * 1_000_000);
                    model.threads[actor].wait = Some(Wait::Send {
                        words: words.to_vec(),
                        until,
                    });
                    model.ports[port].blocked.push_back(actor);
                    Ok(())
                }
            },
            Op::Receive { .. } => {
                let name = words32(0);
                if name != 0 {
                    match model.kind(task, name) {
                        Ok(Kind::Set) => {}
                        Ok(Kind::Receive { port, .. }) if model.ports[port].set.is_none() => {}
                        _ => return Err(Error::MACH_RCV_INVALID_NAME),
                    }
                }
                match (model.waiting(task, name), words[1]) {
                    (Some(_), _) => {
                        model.receive(task, name, answer?);
                        Ok(())
                    }
                    (None, POLL) => Err(Error::MACH_RCV_TIMED_OUT),
                    (None, time) => {
                        if answer.is_err() {
                            return Ok(());
                        }
                        assert_eq!(*reply, Reply::Waits, "there is no message");
                        let until = (time != 0).then(|| model.now + time * 1_000_000);
                        model.threads[actor].wait = Some(Wait::Receive { name, until });
                        Ok(())
                    }
                }
            }
            Op::Ticket { .. } => {
                let port = model.send_port(task, words32(1))?;
                let mut next = model.clone();
                let rights = next.take_all(task, &words[3..])?;
                model.charge(model.tasks[task].account, rights.len() as u64)?;
                *model = next;
                let ticket = (answer?[0], port, rights);
                if let Some((_, _, old)) = model.threads[actor].ticket.replace(ticket) {
                    model.released.extend(old);
                }
                Ok(())
            }
            Op::Redeem { .. } => {
                let port = model.receive_port(task, words32(1))?;
                let at = model
                    .threads
                    .iter()
                    .position(|t| t.ticket.as_ref().is_some_and(|ticket| ticket.0 == words[0]))
                    .ok_or(Error::KERN_INVALID_ARGUMENT)?;
                if model.threads[at].ticket.as_ref().unwrap().1 != port {
                    return Err(Error::KERN_INVALID_ARGUMENT);
                }
                let rights = model.threads[at].ticket.take().unwrap().2;
                model.put_all(task, rights, answer?);
                Ok(())
            }
            Op::Answer { .. } => {
                let client = thread_numbered(model, words[0]);
                let rights = model.take_all(task, &words[2..])?;
                model.put_all(client, rights, answer?);
                Ok(())
            }
            Op::AnswerNew { life, .. } => {
                let client = thread_numbered(model, words[0]);
                model.charge(model.tasks[task].account, 1)?;
                let answer = answer?;
                let (told, given) = match life {
                    2 => (&answer[1..4], answer[4]),
                    _ => (&[][..], answer[1]),
                };
                let untold = model.tasks[task].lapsed.len();
                for name in told.iter().copied().filter(|name| *name != 0) {
                    let lapsed = &mut model.tasks[task].lapsed;
                    let at = lapsed.iter().position(|(lapsed, _)| *lapsed as u64 == name);
                    let (_, sole) = lapsed.remove(at.expect("a port that died is told of once"));
                    // Whoever has the port's badge from before is who gets the new port.
                    assert!(name != answer[0] || sole == Some(client), "{name:#x} comes back");
                }
                let told = untold - model.tasks[task].lapsed.len();
                let comes_back = answer[1] == answer[0];
                assert!(*life != 2 || comes_back || told == untold.min(3), "{told} of {untold} are told");
                let port = model.port_new(Owner::Task(task, answer[0] as u32));
                model.name_new(task, answer[0], Kind::Receive { port, refs: 0 });
                model.ports[port].made = 1;
                model.ports[port].life = *life;
                model.put_typed(client, Held::Send(port), given);
                model.ports[port].sole = Some(client);
                Ok(())
            }
            Op::Bootstrap { .. } => {
                let to = target(model, words[0]);
                let held = model.take(task, words32(2), COPY_SEND)?;
                let old = std::mem::replace(&mut model.tasks[to].bootstrap, held);
                model.released.push(old);
                Ok(())
            }
            Op::GetBootstrap { .. } => {
                let of = target(model, words[0]);
                match model.tasks[of].bootstrap {
                    held @ Held::Send(_) => {
                        if !model.fits(task, held) {
                            return Err(SHORT);
                        }
                        model.put(task, held, answer?[0]);
                    }
                    _ => assert_eq!(answer?[0], 0),
                }
                Ok(())
            }
            Op::NewThread { .. } => {
                let to = target(model, words[0]);
                model.charge(model.tasks[to].account, 1)?;
                let same = model.tasks[to].account == model.tasks[task].account;
                model.charge(model.tasks[task].account, 1 + same as u64)?;
                let answer = answer?;
                let port = model.port_new(Owner::Kernel);
                let caller = Caller {
                    task: model.tasks[to].sim,
                    thread: fresh.1,
                    number: answer[1] as u32,
                };
                model.threads.push(Thread {
                    caller,
                    task: to,
                    port,
                    wait: None,
                    suspended: 0,
                    ticket: None,
                    alive: true,
                });
                model.put(task, Held::Send(port), answer[0]);
                Ok(())
            }
            Op::NewTask { limited } => {
                model.charge(model.tasks[task].account, 1)?;
                let answer = answer?;
                let port = model.port_new(Owner::Kernel);
                model.tasks.push(Task {
                    sim: fresh.0,
                    port,
                    account: *limited as usize,
                    names: BTreeMap::new(),
                    bootstrap: Held::Null,
                    lapsed: Vec::new(),
                    lapse: None,
                    alive: true,
                });
                model.put(task, Held::Send(port), answer[0]);
                Ok(())
            }
            Op::EndThread { .. } => {
                let thread = thread_of(model, words[0]);
                model.thread_end(thread);
                Ok(())
            }
            Op::EndTask { .. } => {
                let target = target(model, words[0]);
                model.task_end(target);
                Ok(())
            }
            Op::Abort { .. } => {
                let thread = thread_of(model, words[0]);
                if let Some(wait) = model.threads[thread].wait.take() {
                    for port in &mut model.ports {
                        port.blocked.retain(|other| *other != thread);
                    }
                    let error = match wait {
                        Wait::Send { .. } => Error::MACH_SEND_INTERRUPTED,
                        Wait::Receive { .. } => Error::MACH_RCV_INTERRUPTED,
                    };
                    model.due.push((thread, Err(error)));
                }
                Ok(())
            }
            Op::Suspend { .. } => {
                let thread = thread_of(model, words[0]);
                model.threads[thread].suspended += 1;
                Ok(())
            }
            Op::Resume { .. } => {
                let thread = thread_of(model, words[0]);
                if model.threads[thread].suspended == 0 {
                    return Err(Error::KERN_FAILURE);
                }
                model.threads[thread].suspended -= 1;
                Ok(())
            }
            Op::Time { .. } => Ok(()),
        }
    }

    /// Sets up what was made, with requests of their own.
    fn made(&mut self, op: &Op, caller: Caller, words: &[u64]) {
        match op {
            Op::NewThread { .. } => {
                self.world
                    .ask(caller, routine::THREAD_START, &[words[0], TEXT, 0, 0])
                    .unwrap();
            }
            Op::NewTask { .. } => {
                let root = caller;
                let name = words[0];
                let child = self.model.tasks.len() - 1;
                self.world
                    .get(root, routine::VM_ALLOCATE, &[name, TEXT, 4096, 0]);
                let code = mach::sim::SYSTEM_CALL as u64;
                self.world
                    .ask(root, routine::VM_WRITE, &[name, TEXT, 4, code])
                    .unwrap();
                let place = |run: &Run, name: u64| {
                    let (at, _) = run.model.tasks[0]
                        .names
                        .keys()
                        .enumerate()
                        .find(|(_, own)| **own as u64 == name)
                        .unwrap();
                    at as u8
                };
                // Thread, and names of each other.
                let actor = self
                    .model
                    .threads
                    .iter()
                    .position(|t| t.caller == root)
                    .unwrap();
                let tasks: Vec<(usize, u32)> = (0..=255u8)
                    .map(|place| self.target(0, place))
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect();
                let at = |run: &Run, task: usize| {
                    (0..=255u8)
                        .find(|place| run.target(0, *place).0 == task)
                        .unwrap()
                };
                let to = at(self, child);
                self.step_as(actor, &Op::NewThread { task: to }, None);
                for (_, other) in tasks {
                    if other != 0 {
                        let name = place(self, other as u64);
                        let to = at(self, child);
                        self.step_as(
                            actor,
                            &Op::Insert {
                                task: to,
                                name,
                                how: 0,
                            },
                            None,
                        );
                    }
                }
            }
            _ => {}
        }
    }

    fn time_passes(&mut self) {
        let now = self.model.now;
        for task in 0..self.model.tasks.len() {
            let receiver = &mut self.model.tasks[task];
            if receiver.alive && receiver.lapse.take_if(|until| *until <= now).is_some() {
                self.model.lapsed_tell(task);
            }
        }
        for at in 0..self.model.threads.len() {
            let over = |until: &Option<u64>| until.is_some_and(|until| until <= now);
            match &self.model.threads[at].wait {
                Some(Wait::Receive { until, .. }) if over(until) => {
                    self.model.threads[at].wait = None;
                    self.model.due.push((at, Err(Error::MACH_RCV_TIMED_OUT)));
                }
                Some(Wait::Send { until, .. }) if over(until) => {
                    self.model.threads[at].wait = None;
                    for port in &mut self.model.ports {
                        port.blocked.retain(|other| *other != at);
                    }
                    self.model.due.push((at, Err(Error::MACH_SEND_TIMED_OUT)));
                }
                _ => {}
            }
        }
    }

    /// Hands the model the messages that threads waited for and have now, of those that it is ready
    /// for.
    fn receive(&mut self, is_ready: impl Fn(&Model, usize, &[u64]) -> bool) {
        self.answers.extend(self.world.answers());
        for answer in std::mem::take(&mut self.answers) {
            let at = self
                .model
                .threads
                .iter()
                .position(|thread| thread.caller.thread == answer.thread)
                .expect("a thread that exists");
            let task = self.model.threads[at].task;
            let result = result_of(answer.label, &answer.words);
            match (&result, self.model.threads[at].wait.clone()) {
                (Ok(words), Some(Wait::Receive { name, .. })) if is_ready(&self.model, task, words) => {
                    self.model.threads[at].wait = None;
                    self.model.receive(task, name, words);
                    self.model.settle();
                }
                (Ok(_), Some(Wait::Receive { .. })) => self.answers.push(answer),
                (result, _) => self.owed.push((at, result.clone().map(drop))),
            }
        }
    }

    /// Answers to threads that waited, and everything that can be seen.
    fn after(&mut self) {
        self.receive(|_, _, _| true);
        let mut owed = std::mem::take(&mut self.owed);
        self.model.settle();
        let mut due = std::mem::take(&mut self.model.due);
        let key = |answer: &(usize, Result<(), Error>)| (answer.0, answer.1.map_err(|e| e.0));
        due.sort_by_key(key);
        owed.sort_by_key(key);
        due.retain(|(thread, _)| self.model.threads[*thread].alive);
        assert_eq!(owed, due, "answers to threads that waited");
        self.model.failing = false;
        self.compare();
    }

    fn compare(&mut self) {
        self.world.check();
        // Nobody waits for a message that is there.
        for thread in self.model.threads.iter().filter(|thread| thread.alive) {
            if let Some(Wait::Receive { name, .. }) = thread.wait {
                assert_eq!(self.model.waiting(thread.task, name), None);
            }
        }
        let asking = self
            .model
            .threads
            .iter()
            .filter(|thread| thread.alive && thread.wait.is_none() && thread.suspended == 0);
        let mut by_task: BTreeMap<usize, Caller> = BTreeMap::new();
        for thread in asking {
            by_task.insert(thread.task, thread.caller);
        }
        for (task, caller) in by_task {
            let words = self
                .world
                .ask(caller, routine::MACH_PORT_NAMES, &[0, 0])
                .unwrap();
            let found: BTreeSet<u32> = words[1..]
                .iter()
                .filter(|word| **word >> 32 != 0)
                .map(|word| *word as u32)
                .filter(|name| !(task == 0 && *name as u64 == self.account))
                .collect();
            let there: BTreeSet<u32> = self.model.tasks[task].names.keys().copied().collect();
            assert_eq!(found, there, "names of task {task}");
            for (name, entry) in self.model.tasks[task].names.clone() {
                let get = |world: &mut World, kind: u32| {
                    let words = [0, name as u64, kind as u64];
                    world.get(caller, routine::MACH_PORT_GET_REFS, &words) as u32
                };
                let refs = [0, 1, 2, 3, 4].map(|kind| get(&mut self.world, kind));
                let expected = match entry.kind {
                    Kind::Send { refs, .. } => [refs, 0, 0, 0, 0],
                    Kind::Receive { refs, .. } => [refs, 1, 0, 0, 0],
                    Kind::Once { .. } => [0, 0, 1, 0, 0],
                    Kind::Set => [0, 0, 0, 1, 0],
                    Kind::Dead { refs } => [0, 0, 0, 0, refs],
                };
                assert_eq!(refs, expected, "references of {name:#x} in task {task}");
                if let Kind::Receive { port, .. } = entry.kind {
                    let words = [0, name as u64];
                    let status = self
                        .world
                        .ask(caller, routine::MACH_PORT_GET_RECEIVE_STATUS, &words)
                        .unwrap();
                    let object = &self.model.ports[port];
                    let expected = [
                        object.set.unwrap_or(0) as u64,
                        object.number as u64,
                        object.made as u64,
                        object.limit as u64,
                        object.queue.len() as u64,
                        self.model.holders(Held::Once(port)) as u64,
                        self.model.holders(Held::Send(port)) as u64,
                        object.watched.is_some() as u64,
                    ];
                    assert_eq!(status, expected, "status of {name:#x} in task {task}");
                }
            }
        }
        if let Ok(words) = self.account_used() {
            assert_eq!(words, self.model.rights_used(1));
        }
    }

    fn account_used(&mut self) -> Result<u64, ()> {
        let root = self.model.threads.iter().find(|thread| {
            thread.alive && thread.task == 0 && thread.wait.is_none() && thread.suspended == 0
        });
        let caller = root.ok_or(())?.caller;
        let words = self
            .world
            .ask(caller, routine::ACCOUNT_INFO, &[self.account])
            .unwrap();
        Ok(words[5])
    }
}

/// Carries operations out, and ends everything.
pub fn run(steps: &[Step]) {
    let mut run = Run::new();
    for step in steps {
        run.step(step);
    }
    run.world.finish();
}

/// The name's slot is made when it is renamed: when the receive right arrives, nothing can fail.
#[test]
fn a_send_right_that_is_renamed_while_its_receive_right_moves_stays() {
    let step = |actor, op, fail| Step { actor, op, fail };
    run(&[
        step(233, Op::Receive { name: 0, time: 1 }, None),
        step(7, Op::Allocate { kind: 1 }, None),
        step(48, Op::Insert { task: 220, name: 1, how: 0 }, None),
        step(151, Op::Insert { task: 0, name: 44, how: 0 }, None),
        step(103, Op::Deallocate { name: 103 }, None),
        step(0, Op::EndTask { task: 29 }, None),
        step(19, Op::Allocate { kind: 1 }, None),
        step(0, Op::Allocate { kind: 1 }, None),
        step(12, Op::Receive { name: 0, time: 1 }, None),
        step(0, Op::Insert { task: 0, name: 0, how: 2 }, None),
        step(0, Op::Send { name: 83, how: 0, gifts: vec![Gift { name: 189, how: 4 }], body: 0, time: 0 }, None),
        step(0, Op::Rename { name: 96, to: 153 }, None),
        step(0, Op::Receive { name: 0, time: 0 }, Some(0)),
    ]);
}

#[test]
fn a_waiting_receiver_has_the_message_whose_last_send_right_ends_its_port() {
    let step = |actor, op| Step { actor, op, fail: None };
    run(&[
        step(166, Op::Allocate { kind: 1 }),
        step(198, Op::Extract { task: 178, name: 0, how: 0 }),
        step(93, Op::Allocate { kind: 1 }),
        step(28, Op::AnswerNew { thread: 0, name: 0, life: 1 }),
        step(3, Op::Deallocate { name: 161 }),
        step(49, Op::Receive { name: 0, time: 1 }),
        step(109, Op::Receive { name: 0, time: 1 }),
        step(0, Op::Allocate { kind: 1 }),
        step(0, Op::Send { name: 236, how: 4, gifts: Vec::new(), body: 0, time: 0 }),
    ]);
}
