//! Proxies: a part of a memory object, with less access than the object allows.
//!
//! Who has a right to a memory object can map all of it in every way; a server that wants to give
//! less gives a right to a proxy. A proxy of a proxy is one of the object itself: there are no chains.

use crate::abi::routine;
use crate::account::{AccountId, Limits, cost};
use crate::error::{Error, Result};
use crate::ipc::{Carried, KernelObject, Owner, PortId};
use crate::kernel::{Kernel, Protection};
use crate::rpc::{Input, Output};
use crate::slab::Id;
use crate::space::Right;
use crate::task::{Mach, TaskId};
use crate::vm::PAGE;

/// A handle to a proxy.
pub type ProxyId = Id<Proxy>;

/// What a right to a proxy allows.
#[derive(Clone, Copy)]
pub struct Proxy {
    /// The memory object: the mach server's own, or a pager's port; by a send right.
    pub(crate) object: PortId,
    /// Its first byte there.
    start: u64,
    bytes: u64,
    maximum: Protection,
    pub(crate) account: AccountId,
}

impl Proxy {
    /// A part of it, in bytes of its own, with no more access than it allows.
    fn part(self, start: u64, bytes: u64, maximum: Protection) -> Result<Proxy> {
        let end = start.checked_add(bytes).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        if end > self.bytes {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        Ok(Proxy { start: self.start + start, bytes, maximum: self.maximum & maximum, ..self })
    }
}

/// What can be mapped for a name, and how.
pub(crate) struct Mappable {
    pub(crate) object: PortId,
    pub(crate) offset: u64,
    pub(crate) maximum: Protection,
}

/// A number of bytes, up to the end of its last page.
fn whole_pages(bytes: u64) -> u64 {
    bytes.checked_next_multiple_of(PAGE).unwrap_or(!(PAGE - 1))
}

impl<K: Kernel> Mach<K> {
    /// Carries out a routine of this module.
    pub(crate) fn proxy_routine(
        &mut self,
        task: TaskId,
        label: u32,
        input: &mut Input<'_>,
        out: &mut Output,
    ) -> Result<()> {
        let target = self.target(task, input.name()?)?;
        let proxy = if label == routine::MEMORY_OBJECT_CREATE_PROXY {
            let maximum = Protection::from_word(input.word()?)?;
            let count = input.word()?;
            let (object, offset) = (input.name()?, input.word()?);
            let (start, bytes) = (input.word()?, whole_pages(input.word()?));
            if count != 1 || offset != 0 {
                return Err(Error::KERN_INVALID_ARGUMENT);
            }
            if object == 0 {
                return Err(Error::KERN_INVALID_NAME);
            }
            let account = self.task(target)?.account;
            self.proxy_of(task, object, account)?.part(start, bytes, maximum)?
        } else {
            let address = input.word()?;
            let maximum = Protection::from_word(input.word()?)?;
            let bytes = whole_pages(input.word()?);
            let account = self.task(task)?.account;
            self.proxy_of_region(target, address, bytes, account)?.part(0, bytes, maximum)?
        };
        let checked = match proxy.start.is_multiple_of(PAGE) {
            true => self.accounts.charge(proxy.account, Limits::objects(cost::PROXY)),
            false => Err(Error::KERN_INVALID_ARGUMENT),
        };
        if let Err(error) = checked {
            self.object_unneeded(proxy.object);
            return Err(error);
        }
        self.accounts.retain(proxy.account);
        self.send_right_made(proxy.object);
        let id = self.proxies.insert(proxy);
        let port = self.port_for(KernelObject::Proxy(id));
        // Without room for its name, it ends with the right to it.
        out.put(self.put_send(task, port)? as u64);
        Ok(())
    }

    /// All that a name of a memory object or of a proxy allows.
    fn proxy_of(&self, task: TaskId, name: u32, account: AccountId) -> Result<Proxy> {
        let right = self.task(task)?.space.get(name).map(|entry| entry.right);
        let object = match right {
            Ok(Right::Send { port, .. }) => port,
            Ok(Right::Receive { port, urefs }) if urefs > 0 => port,
            _ => return Err(Error::KERN_INVALID_ARGUMENT),
        };
        let whole = Proxy { object, start: 0, bytes: u64::MAX, maximum: Protection::ALL, account };
        match self.ports.get(object).map(|port| port.owner) {
            Some(Owner::Kernel(KernelObject::Proxy(id))) => {
                let proxy = self.proxies.get(id).ok_or(Error::KERN_INVALID_ARGUMENT)?;
                Ok(Proxy { account, ..*proxy })
            }
            Some(Owner::Kernel(KernelObject::Memory(_)) | Owner::Task(..)) => Ok(whole),
            _ => Err(Error::KERN_INVALID_ARGUMENT),
        }
    }

    /// What a map allows at an address or behind it, up to the end of the region there.
    fn proxy_of_region(
        &mut self,
        target: TaskId,
        address: u64,
        bytes: u64,
        account: AccountId,
    ) -> Result<Proxy> {
        let map = &self.task(target)?.map;
        let behind = || map.regions.range(address..).next().map(|(at, region)| (*at, *region));
        let (start, region) = map.region(address).or_else(behind).ok_or(Error::KERN_NO_SPACE)?;
        let inside = address.max(start) - start;
        if !inside.is_multiple_of(PAGE) || bytes > region.end - start - inside {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        let id = region.object.ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let pager = self.pager_mut(id).map(|pager| pager.port);
        let object = match pager {
            Some(port) => port.ok_or(Error::KERN_MEMORY_ERROR)?,
            None => self.object_port(id)?,
        };
        let (start, maximum) = (region.offset + inside, region.maximum);
        Ok(Proxy { object, start, bytes, maximum, account })
    }

    /// Nobody may want a memory object's port that was made a moment ago.
    fn object_unneeded(&mut self, port: PortId) {
        self.send_right_made(port);
        self.release(Carried::Send(port));
    }

    /// What `VM_MAP` maps for a name, that many bytes of it.
    pub(crate) fn mappable(
        &self,
        task: TaskId,
        name: u32,
        offset: u64,
        bytes: u64,
    ) -> Result<Mappable> {
        let account = self.task(task)?.account;
        let proxy = self.proxy_of(task, name, account)?.part(offset, bytes, Protection::ALL)?;
        Ok(Mappable { object: proxy.object, offset: proxy.start, maximum: proxy.maximum })
    }

    /// A proxy is needed no more.
    pub(crate) fn proxy_end(&mut self, id: ProxyId) {
        if let Some(proxy) = self.proxies.remove(id) {
            self.accounts.refund(proxy.account, Limits::objects(cost::PROXY));
            self.accounts.release(proxy.account);
            self.release(Carried::Send(proxy.object));
        }
    }
}
