//! Windows: memory that a client's task and one server's task share for bulk data.

use crate::abi::{WINDOW_MAX, notify};
use crate::account::{Limits, cost};
use crate::error::{Error, Result};
use crate::ipc::Owner;
use crate::kernel::{Kernel, Protection};
use crate::task::{Mach, TaskId};
use crate::object::ObjectId;
use crate::vm::{Mapping, PAGE, PageSize, Place, inheritance};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

struct Window {
    /// `None` after the client gave it up.
    client: Option<(TaskId, u64)>,
    server: TaskId,
    /// Where the server maps it, once it has asked.
    accepted: Option<u64>,
    object: ObjectId,
    bytes: u64,
}

/// All windows, by token.
#[derive(Default)]
pub(crate) struct Windows {
    table: HashMap<u64, Window, FxBuildHasher>,
}

impl Windows {
    /// Tokens and memory of all windows.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, ObjectId)> {
        self.table
            .iter()
            .map(|(token, window)| (*token, window.object))
    }
}

impl<K: Kernel> Mach<K> {
    /// The task that receives from a port that `client` can send to.
    pub(crate) fn receiver_of(&self, client: TaskId, name: u32) -> Result<TaskId> {
        let port = self.send_port(client, name)?;
        match self.ports.get(port).map(|port| port.owner) {
            Some(Owner::Task(server, _)) => Ok(server),
            _ => Err(Error::MACH_SEND_INVALID_DEST),
        }
    }

    /// Answers token, the client's address, and bytes.
    pub(crate) fn window_create(
        &mut self,
        client: TaskId,
        name: u32,
        bytes: u64,
    ) -> Result<(u64, u64, u64)> {
        let server = self.receiver_of(client, name)?;
        if bytes == 0 || bytes > WINDOW_MAX {
            return Err(Error::KERN_INVALID_ARGUMENT);
        }
        let bytes = bytes.next_multiple_of(PAGE);
        let account = self.task(client)?.account;
        let object = self.object_create(bytes, account, false, PageSize::Small)?;
        let what = Mapping {
            object,
            offset: 0,
            size: bytes,
            protection: Protection::DEFAULT,
            maximum: Protection::DEFAULT,
            inheritance: inheritance::NONE,
        };
        let address = match self.map_enter(client, Place::Anywhere { mask: 0 }, what) {
            Ok(address) => address,
            Err(error) => {
                self.object_check(object);
                return Err(error);
            }
        };
        // Present from the start: a server that touches it never runs out of the client's account.
        let mut present = Ok(());
        let mut page = 0;
        while page < bytes && present.is_ok() {
            present = self.page_in(client, address + page, Protection::WRITE).map(drop);
            page += PAGE;
        }
        let paid = present
            .and_then(|()| self.accounts.charge(account, Limits::objects(cost::WINDOW)));
        if let Err(error) = paid {
            let _ = self.vm_deallocate(client, address, bytes);
            return Err(error);
        }
        if let Some(object) = self.objects.get_mut(object) {
            object.users += 1;
            object.pinned = true;
        }
        // Bit 63 is the contract's, and 0 stands for no window.
        let token = loop {
            let token = self.kernel.random() & (u64::MAX >> 1);
            if token != 0 && !self.windows.table.contains_key(&token) {
                break token;
            }
        };
        self.windows.table.insert(
            token,
            Window {
                client: Some((client, address)),
                server,
                accepted: None,
                object,
                bytes,
            },
        );
        for task in [client, server] {
            if let Some(task) = self.tasks.get_mut(task) {
                task.windows.insert(token);
            }
        }
        Ok((token, address, bytes))
    }

    /// Maps a window in its server. Answers address, bytes, and the client.
    pub(crate) fn window_accept(
        &mut self,
        server: TaskId,
        token: u64,
    ) -> Result<(u64, u64, TaskId)> {
        let window = self
            .windows
            .table
            .get(&token)
            .ok_or(Error::KERN_INVALID_ARGUMENT)?;
        let client = match window.client {
            Some((client, _)) if window.server == server => client,
            _ => return Err(Error::KERN_INVALID_ARGUMENT),
        };
        if let Some(address) = window.accepted {
            return Ok((address, window.bytes, client));
        }
        let (object, bytes) = (window.object, window.bytes);
        let what = Mapping {
            object,
            offset: 0,
            size: bytes,
            protection: Protection::DEFAULT,
            maximum: Protection::DEFAULT,
            inheritance: inheritance::NONE,
        };
        let address = self.map_enter(server, Place::Anywhere { mask: 0 }, what)?;
        let mut page = 0;
        while page < bytes {
            if let Err(error) = self.page_in(server, address + page, Protection::WRITE) {
                let _ = self.vm_deallocate(server, address, bytes);
                return Err(error);
            }
            page += PAGE;
        }
        if let Some(window) = self.windows.table.get_mut(&token) {
            window.accepted = Some(address);
        }
        Ok((address, bytes, client))
    }

    /// The client, or the server after `WINDOW_GONE`, gives a window up. A server may also take one
    /// out of its map that its client keeps; it maps it again when it accepts it again.
    pub(crate) fn window_release(&mut self, task: TaskId, token: u64) -> Result<()> {
        let window = self
            .windows
            .table
            .get(&token)
            .ok_or(Error::KERN_INVALID_ARGUMENT)?;
        match window.client {
            Some((client, _)) if client == task => self.window_client_end(token),
            Some(_) if window.server == task => self.window_unmap(token),
            None if window.server == task => self.window_server_end(token),
            _ => return Err(Error::KERN_INVALID_ARGUMENT),
        }
        Ok(())
    }

    fn window_unmap(&mut self, token: u64) {
        let Some(window) = self.windows.table.get_mut(&token) else {
            return;
        };
        let (server, bytes) = (window.server, window.bytes);
        if let Some(address) = window.accepted.take() {
            let _ = self.vm_deallocate(server, address, bytes);
        }
    }

    fn window_client_end(&mut self, token: u64) {
        let Some(window) = self.windows.table.get_mut(&token) else {
            return;
        };
        let Some((client, address)) = window.client.take() else {
            return;
        };
        let (server, bytes, accepted) = (window.server, window.bytes, window.accepted);
        let _ = self.vm_deallocate(client, address, bytes);
        if let Some(task) = self.tasks.get_mut(client) {
            task.windows.remove(&token);
        }
        if accepted.is_none() {
            self.window_server_end(token);
            return;
        }
        // The server's pages stay until it says that it is done with them.
        self.notice(server, notify::WINDOW_GONE, &[token]);
    }

    fn window_server_end(&mut self, token: u64) {
        let Some(window) = self.windows.table.remove(&token) else {
            return;
        };
        if let Some(address) = window.accepted {
            let _ = self.vm_deallocate(window.server, address, window.bytes);
        }
        if let Some(task) = self.tasks.get_mut(window.server) {
            task.windows.remove(&token);
        }
        if let Some((client, address)) = window.client {
            // The memory stays the client's; it notices the dead server by itself.
            let _ = address;
            if let Some(task) = self.tasks.get_mut(client) {
                task.windows.remove(&token);
            }
        }
        let payer = self.objects.get(window.object).and_then(|object| object.account);
        if let Some(account) = payer {
            self.accounts.refund(account, Limits::objects(cost::WINDOW));
        }
        self.object_release(window.object);
    }

    /// Ends all windows of a task that ends.
    pub(crate) fn windows_end(&mut self, task: TaskId) {
        while self.window_end(task) {}
    }

    /// Ends one window of a task that ends; `false` if it has none.
    pub(crate) fn window_end(&mut self, task: TaskId) -> bool {
        let token = self.tasks.get_mut(task).and_then(|task| task.windows.pop_first());
        let Some(token) = token else { return false };
        match self.windows.table.get(&token) {
            Some(window) if window.server == task => self.window_server_end(token),
            Some(_) => self.window_client_end(token),
            None => {}
        }
        true
    }
}
