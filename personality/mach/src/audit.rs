//! Whether the books are right: every count that the mach server keeps, against
//! what there is to count. For tests: it looks at everything there is.

use crate::abi::INDEX_MASK;
use crate::account::{AccountId, Limits, cost};
use crate::ipc::{Carried, KernelObject, Message, Owner, Port, PortId};
use crate::kernel::{BLOCK, Kernel, Protection};
use crate::label::label_cost;
use crate::object::{Object, ObjectId};
use crate::pager::Waiter;
use crate::space::Right;
use crate::sync::Timed;
use crate::task::{Mach, TaskId};
use crate::vm::PAGE;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A right that should be in a task's slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Installed<T> {
    /// Whose slot.
    pub holder: T,
    /// Which.
    pub slot: u32,
    /// Whom it invokes.
    pub receiver: T,
    /// With what badge.
    pub badge: u32,
}

#[derive(Default)]
struct Counts {
    send: BTreeMap<u64, u32>,
    once: BTreeMap<u64, u32>,
    receive: BTreeMap<u64, u32>,
    used: BTreeMap<u64, Limits>,
    users: BTreeMap<u64, u32>,
}

impl Counts {
    fn right(&mut self, right: Carried) {
        let (map, port) = match right {
            Carried::Send(port) => (&mut self.send, port),
            Carried::SendOnce(port) => (&mut self.once, port),
            Carried::Receive(port) => (&mut self.receive, port),
            Carried::Null | Carried::Dead => return,
        };
        *map.entry(port.to_word()).or_default() += 1;
    }

    fn charge(&mut self, account: AccountId, amount: Limits) {
        let used = self.used.entry(account.to_word()).or_default();
        used.memory += amount.memory;
        used.objects += amount.objects;
        used.rights += amount.rights;
    }

    fn user(&mut self, account: AccountId) {
        *self.users.entry(account.to_word()).or_default() += 1;
    }
}

fn count(map: &BTreeMap<u64, u32>, port: PortId) -> u32 {
    map.get(&port.to_word()).copied().unwrap_or(0)
}

macro_rules! check {
    ($condition:expr, $($format:tt)*) => {
        if !$condition {
            return Err(format!($($format)*));
        }
    };
}

impl<K: Kernel> Mach<K> {
    /// Checks the books between two requests. Answers the rights that should be in slots, or what
    /// is wrong.
    pub fn audit(&self) -> Result<Vec<Installed<K::Task>>, String> {
        check!(
            self.released.is_empty(),
            "rights were released and not accounted for"
        );
        check!(
            self.serving.is_empty(),
            "ports with messages were not served"
        );
        check!(self.woken.is_empty(), "waits for pages were not ended");
        check!(self.remains.is_empty(), "something has ended and is not taken apart");
        check!(self.orphans.is_empty(), "tasks that nobody reaches were not looked at");
        let mut counts = Counts::default();
        let mut installed = Vec::new();
        self.audit_tasks(&mut counts, &mut installed)?;
        self.audit_ports(&mut counts)?;
        self.audit_memory(&mut counts)?;
        self.audit_waits()?;
        counts.right(self.new_task_notify);
        self.audit_proxies(&mut counts)?;
        for (_, thread) in self.threads.iter() {
            counts.right(thread.handler.port);
            for right in thread.ticket.iter().flat_map(|ticket| &ticket.rights) {
                counts.right(*right);
            }
        }
        let spares = self.ports.iter().filter(|(_, port)| port.spare.is_some()).count();
        check!(self.spares == spares, "{} ports of {spares} are spare", self.spares);
        for (id, port) in self.ports.iter() {
            let (send, once) = (count(&counts.send, id), count(&counts.once, id));
            check!(
                port.srights == send,
                "{id:?} counts {} send rights of {send}",
                port.srights
            );
            check!(
                port.sorights == once,
                "{id:?} counts {} once rights of {once}",
                port.sorights
            );
            let receive = count(&counts.receive, id);
            let expected = !matches!(port.owner, Owner::Kernel(_)) as u32;
            check!(
                receive == expected,
                "{id:?} has {receive} receive rights: {:?}",
                port.owner
            );
        }
        self.audit_accounts(counts)?;
        Ok(installed)
    }

    fn audit_tasks(
        &self,
        counts: &mut Counts,
        installed: &mut Vec<Installed<K::Task>>,
    ) -> Result<(), String> {
        let mut names: BTreeMap<u64, Vec<(u32, u32)>> = BTreeMap::new();
        for (id, task) in self.tasks.iter() {
            let mut used = 0;
            for (name, entry) in task.space.names(0) {
                used += 1;
                let (port, invokes, receives) = match entry.right {
                    Right::Send { port, urefs } => {
                        check!(urefs > 0, "{id:?} {name:#x} has no reference");
                        counts.right(Carried::Send(port));
                        (port, true, false)
                    }
                    Right::Receive { port, urefs } => {
                        counts.right(Carried::Receive(port));
                        if urefs > 0 {
                            counts.right(Carried::Send(port));
                        }
                        (port, urefs > 0, true)
                    }
                    Right::SendOnce { port } => {
                        counts.right(Carried::SendOnce(port));
                        (port, false, false)
                    }
                    Right::Dead { urefs } => {
                        check!(urefs > 0, "{id:?} {name:#x} is dead without a reference");
                        check!(
                            entry.dead_name_request.is_none(),
                            "{id:?} {name:#x} is dead"
                        );
                        continue;
                    }
                    Right::Free { .. } | Right::Spare { .. } | Right::Set | Right::Reserved => {
                        continue;
                    }
                };
                if let Some(request) = entry.dead_name_request {
                    counts.right(Carried::SendOnce(request));
                }
                let Some(target) = self.ports.get(port) else {
                    return Err(format!("{id:?} {name:#x} denotes a port that is gone"));
                };
                names
                    .entry(port.to_word())
                    .or_default()
                    .push((id.index, name & INDEX_MASK));
                if !matches!(entry.right, Right::SendOnce { .. }) {
                    let found = self.find(id, port);
                    check!(found == Some(name), "{id:?} finds {port:?} under {found:?}");
                }
                if receives {
                    let owner = target.owner;
                    check!(
                        owner == Owner::Task(id, name),
                        "{id:?} {name:#x} belongs to {owner:?}"
                    );
                }
                if invokes && let Owner::Task(receiver, badge) = target.owner {
                    let receiver = self.tasks.get(receiver).ok_or("a receiver that is gone")?;
                    installed.push(Installed {
                        holder: task.kernel,
                        slot: name & INDEX_MASK,
                        receiver: receiver.kernel,
                        badge,
                    });
                }
            }
            self.audit_spares(id, counts, installed, &mut names)?;
            check!(
                used == task.space.len(),
                "{id:?} counts {} names of {used}",
                task.space.len()
            );
            if let Some(port) = task.notices {
                let owner = self.ports.get(port).map(|port| port.owner);
                check!(
                    owner == Some(Owner::Task(id, 0)),
                    "{id:?} has notices of {owner:?}"
                );
                counts.right(Carried::Receive(port));
            }
            counts.right(task.bootstrap);
            counts.right(task.handler.port);
            task.registered.iter().for_each(|right| counts.right(*right));
            for serial in &task.parked {
                let parked = self.parked.get(serial).ok_or("a request that is gone")?;
                counts.charge(task.account, Message::cost(parked.words.len(), 0));
            }
            for serial in &task.sending {
                let sender = self.senders.get(serial).ok_or("a sender that is gone")?;
                counts.charge(task.account, Message::cost(sender.words.len(), 0));
            }
            let amount = Limits {
                memory: task.threads.len() as u64 * PAGE,
                objects: Self::TASK_COST
                    + task.table_bytes
                    + task.name_bytes
                    + label_cost(&task.label).objects
                    + task.threads.len() as u64 * K::THREAD_BYTES,
                rights: used as u64,
            };
            counts.charge(task.account, amount);
            counts.user(task.account);
            for thread in &task.threads {
                let entry = self.threads.get(*thread).ok_or("a thread that is gone")?;
                check!(entry.task == id, "{thread:?} belongs to {:?}", entry.task);
                counts.charge(task.account, label_cost(&entry.label));
                if let Some(ticket) = &entry.ticket {
                    counts.charge(task.account, ticket.cost());
                }
            }
            for (set, member) in &task.members {
                let port = self
                    .receive_port(id, *member)
                    .map_err(|_| "a member that is gone")?;
                let of = self.ports.get(port).and_then(|port| port.set);
                check!(
                    of == Some(*set),
                    "{member:#x} is in {of:?}, not in {set:#x}"
                );
                let right = task.space.get(*set).map(|entry| entry.right);
                check!(right == Ok(Right::Set), "{set:#x} is {right:?}");
            }
        }
        for (id, port) in self.ports.iter() {
            let mut listed = Vec::new();
            let mut next = port.first;
            while let Some(at) = next {
                listed.push(at);
                let task = self.tasks.at(at.0).and_then(|id| self.tasks.get(id));
                let entry = task.and_then(|task| task.space.at_index(at.1));
                next = entry.ok_or("a list of names leads nowhere")?.next;
                check!(
                    listed.len() < 1 << 24,
                    "the list of names of {id:?} has no end"
                );
            }
            check!(
                listed.len() == port.names as usize,
                "{id:?} counts {} names of {}",
                port.names,
                listed.len()
            );
            listed.sort_unstable();
            let mut there = names.remove(&id.to_word()).unwrap_or_default();
            there.sort_unstable();
            check!(
                listed == there,
                "{id:?} lists names {listed:x?} of {there:x?}"
            );
        }
        Ok(())
    }

    /// The places that a task's space keeps for spare ports.
    fn audit_spares(
        &self,
        id: TaskId,
        counts: &mut Counts,
        installed: &mut Vec<Installed<K::Task>>,
        names: &mut BTreeMap<u64, Vec<(u32, u32)>>,
    ) -> Result<(), String> {
        let task = self.tasks.get(id).ok_or("a task that is gone")?;
        for (name, entry) in task.space.places_taken(0) {
            let Right::Spare { port } = entry.right else { continue };
            check!(entry.dead_name_request.is_none(), "{id:?} {name:#x} is spare");
            let target = self.ports.get(port).ok_or("a spare port that is gone")?;
            let Owner::Task(server, badge) = target.owner else {
                return Err(format!("spare {port:?} belongs to {:?}", target.owner));
            };
            let receiver = self.tasks.get(server).ok_or("a receiver that is gone")?;
            names.entry(port.to_word()).or_default().push((id.index, name & INDEX_MASK));
            if (server, badge) == (id, name) {
                counts.right(Carried::Receive(port));
                let spare = target.spare.map(|(client, _)| (client, port));
                let told = task.lapsed.iter().filter(|lapsed| lapsed.name == name);
                check!(
                    told.map(|lapsed| lapsed.spare).eq([spare]) && spare.is_some(),
                    "{id:?} {name:#x} is spare and not to be told of"
                );
            } else {
                check!(target.spare == Some((id, name)), "{name:#x} is spare for somebody else");
                installed.push(Installed {
                    holder: task.kernel,
                    slot: name & INDEX_MASK,
                    receiver: receiver.kernel,
                    badge,
                });
            }
        }
        Ok(())
    }

    /// In which list of ports with messages each port is: its receiver's, of which set.
    fn audit_ready(&self) -> Result<BTreeMap<u64, (TaskId, Option<u32>)>, String> {
        let mut lists = BTreeMap::new();
        for (id, task) in self.tasks.iter() {
            let sets = task.ready_in_sets.iter().map(|(set, list)| (Some(*set), list));
            for (set, list) in sets.chain([(None, &task.ready)]) {
                check!(set.is_none() || list.first.is_some(), "{id:?} has a list of nothing");
                let mut next = list.first;
                while let Some(port) = next {
                    let again = lists.insert(port.to_word(), (id, set));
                    check!(again.is_none(), "{port:?} is listed twice");
                    let place = self.ports.get(port).and_then(|port| port.ready);
                    next = place.ok_or("a list of ports leads nowhere")?.next;
                }
            }
        }
        Ok(lists)
    }

    fn audit_ports(&self, counts: &mut Counts) -> Result<(), String> {
        let mut lists = self.audit_ready()?;
        for (id, port) in self.ports.iter() {
            for request in [port.no_senders_request, port.destroyed_request].into_iter().flatten() {
                counts.right(Carried::SendOnce(request));
            }
            for (_, request) in &port.accept_requests {
                counts.right(Carried::SendOnce(*request));
            }
            for message in &port.queue {
                if let Some(account) = message.payer {
                    let cost = Message::cost(message.words.len(), message.rights.len());
                    counts.charge(account, cost);
                    counts.user(account);
                }
                for right in &message.rights {
                    counts.right(*right);
                    if let Carried::Receive(moved) = right {
                        let owner = self.ports.get(*moved).map(|port| port.owner);
                        let here = Some(Owner::Transit(Some(id)));
                        check!(owner == here, "{moved:?} in {id:?} belongs to {owner:?}");
                    }
                }
            }
            let full = port.queue.len() as u64 >= port.qlimit as u64;
            check!(
                port.blocked.is_empty() || full,
                "senders to {id:?} wait though there is room"
            );
            for serial in &port.blocked {
                let to = self.senders.get(serial).map(|sender| sender.port);
                check!(to == Some(id), "a sender in {id:?} waits for {to:?}");
            }
            match port.owner {
                Owner::Task(task, name) => {
                    let holder = self.tasks.get(task).ok_or("a port's receiver is gone")?;
                    let queued = !port.queue.is_empty();
                    check!(
                        port.ready.is_some() == queued,
                        "{id:?} is ready: {:?}",
                        port.ready
                    );
                    let listed = lists.remove(&id.to_word());
                    let here = port.ready.map(|_| (task, port.set));
                    check!(listed == here, "{id:?} is in the list {listed:x?}, not {here:x?}");
                    if let Some(set) = port.set {
                        let member = holder.members.contains(&(set, name));
                        check!(member, "{id:?} is no member of {set:#x}");
                    }
                }
                Owner::Kernel(object) => {
                    check!(port.queue.is_empty(), "{object:?} has messages");
                    match object {
                        KernelObject::Account(account) => counts.user(account),
                        KernelObject::Task(task) => {
                            let own = self.tasks.get(task).map(|task| task.port);
                            check!(own == Some(id), "{id:?} stands for {task:?}");
                        }
                        KernelObject::Thread(thread) => {
                            let own = self.threads.get(thread).map(|thread| thread.port);
                            check!(own == Some(id), "{id:?} stands for {thread:?}");
                        }
                        KernelObject::Exception(thread) => {
                            let raised = self.threads.get(thread).and_then(|t| t.raised.as_ref());
                            let own = raised.map(|raised| raised.reply);
                            check!(own == Some(id), "{id:?} answers about {thread:?}");
                        }
                        KernelObject::Memory(memory) => {
                            let own = self.objects.get(memory).and_then(|object| object.port);
                            check!(own == Some(id), "{id:?} stands for {memory:?}");
                        }
                        KernelObject::Proxy(proxy) => {
                            check!(self.proxies.get(proxy).is_some(), "{id:?} of no proxy");
                        }
                        KernelObject::Processing(what) => {
                            let own = self.processors.port(what);
                            check!(own == Some(id), "{id:?} stands for {what:?}");
                        }
                        _ => {}
                    }
                }
                Owner::Transit(_) => {
                    check!(
                        port.set.is_none() && port.ready.is_none(),
                        "{id:?} moves in a set"
                    );
                }
            }
        }
        check!(lists.is_empty(), "ports are listed that have no messages: {lists:x?}");
        Ok(())
    }

    fn audit_memory(&self, counts: &mut Counts) -> Result<(), String> {
        let mut users: BTreeMap<u64, u32> = BTreeMap::new();
        let mut places: BTreeMap<u64, usize> = BTreeMap::new();
        for (id, task) in self.tasks.iter() {
            let (mut last, mut bytes) = (0, 0);
            let mut pages = 0;
            for (start, region) in &task.map.regions {
                check!(
                    *start >= last && region.end > *start,
                    "{id:?} has regions that overlap"
                );
                check!(
                    start % PAGE == 0 && region.end % PAGE == 0,
                    "{id:?} has parts of pages"
                );
                last = region.end;
                let page = region.pages.bytes::<K>();
                check!(
                    (start | region.end | region.offset) & (page - 1) == 0,
                    "{id:?} has parts of large pages"
                );
                bytes += region.end - start;
                let Some(object) = region.object else {
                    continue;
                };
                *users.entry(object.to_word()).or_default() += 1;
                counts.charge(task.account, Limits::objects(cost::REGION));
                let holder = self.objects.get(object).ok_or("a region of nothing")?;
                check!(
                    holder.places.contains(&(id.index, *start)),
                    "{object:?} does not know its region in {id:?}"
                );
                check!(
                    holder.page_size == region.pages,
                    "{id:?} takes {:?} for pages that are {:?}",
                    region.pages,
                    holder.page_size
                );
                *places.entry(object.to_word()).or_default() += 1;
                for (page, mapped) in task.map.mapped.range(start / PAGE..region.end / PAGE) {
                    let page = page * PAGE;
                    pages += 1;
                    let index = (region.offset + (page - start)) / PAGE;
                    let found = holder.pages.get_common(index);
                    let (frame, common) = found.ok_or("a page of nothing is mapped")?;
                    let shared = common || self.kernel.frame_is_shared(frame);
                    check!(
                        region.protection.contains(mapped.protection),
                        "{id:?} may do more at {page:#x} than its region says"
                    );
                    let writes = mapped.protection.contains(Protection::WRITE);
                    check!(
                        !writes || holder.account.is_none() || !shared,
                        "{id:?} can write at {page:#x} what others have a copy of"
                    );
                }
            }
            let mut blocks: BTreeMap<u64, u32> = BTreeMap::new();
            let threads = task.threads.iter().filter_map(|thread| self.threads.get(*thread));
            let mapped = task.map.mapped.iter().map(|(page, _)| page * PAGE);
            for page in mapped.chain(threads.map(|thread| thread.page_address)) {
                *blocks.entry(page / BLOCK).or_default() += 1;
            }
            check!(
                task.ending || blocks == task.map.blocks.iter().map(|(block, count)| (*block, *count)).collect(),
                "{id:?} does not know which blocks have pages"
            );
            check!(
                task.ending || bytes == task.map.bytes,
                "{id:?} counts {} bytes of {bytes}",
                task.map.bytes
            );
            let known = task.map.holes.as_ref().filter(|_| !task.ending);
            check!(
                known.is_none_or(|holes| *holes == task.map.holes()),
                "{id:?} does not know which addresses are free"
            );
            check!(
                pages == task.map.mapped.len(),
                "{id:?} has pages mapped outside its regions"
            );
            let groups = task.map.mapped.groups() as u64;
            let mapped = Limits::objects(pages as u64 * cost::MAPPING + groups * cost::MAPPINGS);
            counts.charge(task.account, mapped);
        }
        for (token, window) in self.windows.iter() {
            *users.entry(window.to_word()).or_default() += 1;
            let payer = self.objects.get(window).and_then(|object| object.account);
            counts.charge(payer.ok_or("nobody pays for a window")?, Limits::objects(cost::WINDOW));
            let known = self
                .tasks
                .iter()
                .filter(|(_, task)| task.windows.contains(&token))
                .count();
            check!(known > 0, "a window belongs to nobody");
        }
        for (_, task) in self.tasks.iter() {
            for token in &task.windows {
                check!(
                    self.windows.iter().any(|(t, _)| t == *token),
                    "a window is gone"
                );
            }
        }
        for (id, object) in self.objects.iter() {
            if let Some((origin, _)) = object.origin {
                *users.entry(origin.to_word()).or_default() += 1;
                let known = self
                    .objects
                    .get(origin)
                    .and_then(|origin| origin.pager.as_ref())
                    .is_some_and(|pager| pager.copies.contains(&id.to_word()));
                check!(known, "{origin:?} does not know its copy {id:?}");
            }
        }
        for (id, object) in self.objects.iter() {
            let listed = places.get(&id.to_word()).copied().unwrap_or(0);
            check!(object.places.len() == listed, "{id:?} knows regions that are gone");
            let Some(account) = object.account else {
                continue;
            };
            self.audit_pager(id, object, counts)?;
            let used = users.get(&id.to_word()).copied().unwrap_or(0);
            check!(
                object.users == used,
                "{id:?} counts {} users of {used}",
                object.users
            );
            let cached = object.pager.as_ref().is_some_and(|pager| pager.may_cache && pager.ready);
            check!(
                used > 0 || object.port.is_some() || cached,
                "{id:?} is used by nobody"
            );
            let memory = object.memory();
            counts.charge(
                account,
                Limits {
                    memory,
                    objects: cost::OBJECT,
                    rights: 0,
                },
            );
            counts.user(account);
        }
        Ok(())
    }

    /// Every proxy holds a right to its object, is paid for, and has a port.
    fn audit_proxies(&self, counts: &mut Counts) -> Result<(), String> {
        for (id, proxy) in self.proxies.iter() {
            counts.right(Carried::Send(proxy.object));
            counts.charge(proxy.account, Limits::objects(cost::PROXY));
            counts.user(proxy.account);
            let own = Owner::Kernel(KernelObject::Proxy(id));
            let ports = self.ports.iter().filter(|(_, port)| port.owner == own).count();
            check!(ports == 1, "{id:?} has {ports} ports");
        }
        Ok(())
    }

    fn audit_pager(
        &self,
        id: ObjectId,
        object: &Object<K>,
        counts: &mut Counts,
    ) -> Result<(), String> {
        let (Some(pager), Some(account)) = (&object.pager, object.account) else {
            return Ok(());
        };
        counts.charge(account, Limits::objects(cost::PAGER));
        let live = pager.port.is_some();
        if let Some(port) = pager.port {
            counts.right(Carried::Send(port));
            let known = self.ports.get(port).and_then(|port| port.memory);
            check!(known == Some(id), "{port:?} provides {known:?}, not {id:?}");
            counts.charge(pager.payer, crate::pager::end_cost());
            counts.user(pager.payer);
        }
        for (port, object) in
            [(pager.control, KernelObject::Control(id)), (pager.name, KernelObject::Name(id))]
        {
            let own = self.ports.get(port).map(|port| port.owner) == Some(Owner::Kernel(object));
            check!(own == live, "{id:?} of a pager that lives: {live}, has {object:?}: {own}");
        }
        for (page, waiter) in pager.waiters() {
            check!(live, "{waiter:?} waits for a pager that is gone");
            let waits = match waiter {
                Waiter::Thread(thread) => self
                    .threads
                    .get(thread)
                    .and_then(|thread| thread.paging)
                    .is_some_and(|paging| paging.is_for(id, page)),
                Waiter::Request(serial) => {
                    self.parked.get(&serial).is_some_and(|parked| parked.is_for(id, page))
                }
            };
            check!(waits, "{waiter:?} does not wait for page {page} of {id:?}");
        }
        Ok(())
    }

    fn audit_waits(&self) -> Result<(), String> {
        for (id, task) in self.tasks.iter() {
            for receiver in &task.receivers {
                let own = |port: &&Port| matches!(port.owner, Owner::Task(of, _) if of == id);
                let waits = self
                    .ports
                    .iter()
                    .map(|(_, port)| port)
                    .filter(|port| port.ready.is_some())
                    .filter(own)
                    .any(|port| match (receiver.name, port.set) {
                        (0, set) => set.is_none(),
                        (name, Some(set)) => set == name,
                        (name, None) => port.owner == Owner::Task(id, name),
                    });
                check!(
                    !waits,
                    "{id:?} waits on {:#x} though a message is there",
                    receiver.name
                );
            }
            for serial in &task.sending {
                check!(
                    self.senders.contains_key(serial),
                    "{id:?} sends what nobody knows"
                );
            }
        }
        for (serial, sender) in &self.senders {
            let port = self.ports.get(sender.port);
            let waits = port.is_some_and(|port| port.blocked.contains(serial));
            check!(
                waits,
                "a sender waits for {:?}, which does not know it",
                sender.port
            );
            let task = self.tasks.get(sender.task);
            check!(
                task.is_some_and(|task| task.sending.contains(serial)),
                "a sender is lost"
            );
        }
        for (serial, parked) in &self.parked {
            let task = self.tasks.get(parked.task);
            check!(
                task.is_some_and(|task| task.parked.contains(serial)),
                "a request that waits is lost"
            );
            let waits = match parked.awaits {
                Some((object, page)) => self.pager_waits(object, page, Waiter::Request(*serial)),
                None => self.joining.contains(serial),
            };
            check!(waits, "a request waits for a page that nobody brings");
        }
        for (id, thread) in self.threads.iter() {
            if let Some(paging) = thread.paging {
                let waits = self.pager_waits(paging.object, paging.page, Waiter::Thread(id));
                check!(waits, "{id:?} waits for a page that nobody brings");
                check!(!self.is_held(id), "{id:?} is stopped and waits at a fault");
            }
        }
        for ((_, serial), what) in self.waits.deadlines() {
            let waits = match what {
                Timed::Futex(task, address) => self
                    .tasks
                    .get(task)
                    .and_then(|task| task.futexes.get(&address))
                    .is_some_and(|waiters| waiters.iter().any(|w| w.serial.number == serial)),
                Timed::Receive(task) => self
                    .tasks
                    .get(task)
                    .is_some_and(|task| task.receivers.iter().any(|r| r.serial.number == serial)),
                Timed::Send => self.senders.contains_key(&serial),
                Timed::Lapse(task) => self.tasks.get(task).is_some_and(|task| task.lapse.is_some()),
            };
            check!(waits, "a time limit outlives its wait");
        }
        Ok(())
    }

    fn pager_waits(&self, id: ObjectId, page: u64, waiter: Waiter) -> bool {
        let pager = self.objects.get(id).and_then(|object| object.pager.as_ref());
        pager.is_some_and(|pager| pager.waiters().any(|entry| entry == (page, waiter)))
    }

    fn audit_accounts(&self, mut counts: Counts) -> Result<(), String> {
        counts.user(self.root_account);
        let mut own = BTreeMap::new();
        for (id, account) in self.accounts.slab.iter() {
            own.insert(
                id.to_word(),
                counts.used.remove(&id.to_word()).unwrap_or_default(),
            );
            if let Some(parent) = account.parent {
                counts.user(parent);
            }
        }
        check!(
            counts.used.is_empty(),
            "an account is gone that something is charged to"
        );
        let mut sums = own;
        for (_, account) in self.accounts.slab.iter() {
            if let Some(parent) = account.parent {
                // Where it passed its limit, that is its own affair.
                let (sum, part) = (sums.entry(parent.to_word()).or_default(), account.passed_on());
                sum.memory += part.memory;
                sum.objects += part.objects + cost::ACCOUNT;
                sum.rights += part.rights;
            }
        }
        for (id, account) in self.accounts.slab.iter() {
            let sum = sums.get(&id.to_word()).copied().unwrap_or_default();
            check!(
                account.used == sum,
                "{id:?} is charged {:?} for {sum:?}",
                account.used
            );
            let users = counts.users.get(&id.to_word()).copied().unwrap_or(0);
            check!(
                account.users == users,
                "{id:?} counts {} users of {users}",
                account.users
            );
        }
        Ok(())
    }

    /// All tasks.
    pub fn audit_tasks_all(&self) -> Vec<TaskId> {
        self.tasks.iter().map(|(id, _)| id).collect()
    }

    /// Counts of tasks, threads, ports, memory objects that are charged to somebody with
    /// proxies, accounts, windows and waits that exist.
    pub fn audit_totals(&self) -> [usize; 7] {
        [
            self.tasks.len(),
            self.threads.len(),
            self.ports.len() - self.spares,
            self.objects
                .iter()
                .filter(|(_, object)| object.account.is_some())
                .count()
                + self.proxies.len(),
            self.accounts.slab.len(),
            self.windows.iter().count(),
            self.waits.deadlines().count() + self.senders.len() + self.parked.len(),
        ]
    }
}
