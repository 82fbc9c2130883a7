//! A program that startup has started: its task, and its side of the translator protocol.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU64;
use interface::{driver, fs, fsys};
use machuser::sync::{Condvar, Mutex};
use machuser::{Call, Error, Outcome, Request, Result, Right, SendRight};
use ports::{Object, Port, Server};

enum Control {
    Waiting,
    Here(SendRight),
    Dead,
}

/// The program.
pub struct Child {
    /// Its task.
    pub task: SendRight,
    /// The file that it is said to be.
    pub path: String,
    /// Address of its start-up block.
    pub block: AtomicU64,
    /// The node that it sits on, if it is told of one.
    node: Option<SendRight>,
    port: Mutex<Option<Port>>,
    control: Mutex<Control>,
    changed: Condvar,
    /// Memory that a device may read or write.
    memory: Mutex<Vec<SendRight>>,
    /// The same of the program whose device this one has, until it has reset the device.
    inherited: Mutex<Vec<SendRight>>,
}

/// What the bootstrap port of a child answers.
struct Bootstrap(Arc<Child>);

impl Object for Bootstrap {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        match fsys::dispatch(self, request) {
            Outcome::Unknown => driver::dispatch(self, request),
            outcome => outcome,
        }
    }
}

impl driver::Driver for Bootstrap {
    fn driver_keep_memory(&self, _: &Call<'_>, memory: Option<SendRight>) -> Result<()> {
        self.0.memory.lock().push(memory.ok_or(Error::EINVAL)?);
        Ok(())
    }
}

impl fsys::Fsys for Bootstrap {
    fn fsys_startup(
        &self,
        _: &Call<'_>,
        _flags: i32,
        control: Option<SendRight>,
    ) -> Result<Right<'static>> {
        let control = control.ok_or(Error::EINVAL)?;
        self.0.inherited.lock().clear();
        *self.0.control.lock() = Control::Here(control);
        self.0.changed.notify_all();
        Ok(Right::from(self.0.node.clone()))
    }
}

impl Child {
    /// A program in `task`, which will sit on `node`.
    pub fn new(
        server: &Arc<Server>,
        task: SendRight,
        path: String,
        node: Option<SendRight>,
    ) -> Result<Arc<Child>> {
        let child = Arc::new(Child {
            task,
            path,
            block: AtomicU64::new(0),
            node,
            port: Mutex::new(None),
            control: Mutex::new(Control::Waiting),
            changed: Condvar::new(),
            memory: Mutex::new(Vec::new()),
            inherited: Mutex::new(Vec::new()),
        });
        let port = server.port(Arc::new(Bootstrap(child.clone())))?;
        *child.port.lock() = Some(port);
        Ok(child)
    }

    /// Keeps the memory of a program that has ended until this one has reset the device.
    pub fn inherit(&self, other: &Child) {
        let mut inherited = self.inherited.lock();
        inherited.append(&mut other.memory.lock());
        inherited.append(&mut other.inherited.lock());
    }

    /// Notices when the program ends, so that nobody waits for it any more.
    pub fn watch(self: &Arc<Self>, server: &Server) -> Result<()> {
        let dead = Arc::downgrade(self);
        server.on_death(&self.task, move || {
            if let Some(child) = dead.upgrade() {
                *child.control.lock() = Control::Dead;
                child.changed.notify_all();
            }
        })
    }

    /// A right to the child's bootstrap port.
    pub fn bootstrap(&self) -> Result<SendRight> {
        self.port.lock().as_ref().ok_or(Error::EINVAL)?.make_send()
    }

    /// Waits for the child's control port; `EDIED` if it ends before.
    pub fn control(&self) -> Result<SendRight> {
        let mut control = self.control.lock();
        loop {
            match &*control {
                Control::Here(right) => return Ok(right.clone()),
                Control::Dead => return Err(Error::EDIED),
                Control::Waiting => control = self.changed.wait(control),
            }
        }
    }

    /// The root of the child's file system, opened as the superuser.
    pub fn root(&self, flags: i32) -> Result<SendRight> {
        let control = self.control()?;
        let (retry, name, root) = fsys::fsys_getroot(&control, Right::null(), &[0], &[0], flags)?;
        if retry != fs::FS_RETRY_NORMAL || !name.is_empty() {
            return Err(Error::EINVAL);
        }
        root.ok_or(Error::EINVAL)
    }
}
