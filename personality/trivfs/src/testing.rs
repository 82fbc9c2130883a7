//! A translator within a test on the host: no file below, so that anybody may open it, and no
//! system around it.
//!
//! ```
//! # struct Empty;
//! # impl trivfs::Node for Empty {
//! #     type State = ();
//! #     fn stat(&self, _: &mut interface::io::StatBuf) {}
//! # }
//! use interface::{fs::O_READ, io};
//! let translator = trivfs::testing::start(Empty);
//! let file = translator.open(O_READ).unwrap();
//! assert_eq!(io::io_stat(&file).unwrap().size, 0);
//! ```

use crate::{Node, Translator};
use alloc::sync::Arc;
use interface::fsys;
use machuser::sync::Mutex;
use machuser::sys::Task;
use machuser::{Call, Error, Outcome, Request, Result, Right, SendRight};
use ports::{Object, Server};

/// A translator that runs in a task of its own, which ends with this.
pub struct Started {
    /// Its task.
    pub task: Arc<Task>,
    /// Its control port.
    pub control: SendRight,
}

impl Drop for Started {
    fn drop(&mut self) {
        self.task.kill();
    }
}

impl Started {
    /// Opens the node as root.
    pub fn open(&self, flags: i32) -> Result<SendRight> {
        self.open_as(&[0], flags)
    }

    /// Opens the node as a user of these ids.
    pub fn open_as(&self, uids: &[u32], flags: i32) -> Result<SendRight> {
        let root = fsys::fsys_getroot(&self.control, Right::null(), uids, uids, flags)?;
        root.2.ok_or(Error::EIO)
    }
}

/// Starts the node as a translator.
///
/// # Panics
/// If it does not start.
pub fn start<N: Node>(node: N) -> Started {
    start_in(Arc::new(Task::new()), node)
}

/// Starts the node as a translator in this task.
///
/// # Panics
/// If it does not start.
pub fn start_in<N: Node>(task: Arc<Task>, node: N) -> Started {
    let bootstrap = Arc::new(Bootstrap::default());
    let parent = Task::new();
    let right = parent.run(|| {
        let server = Server::new().expect("a server");
        server.start().expect("its threads");
        let port = server.port(bootstrap.clone()).expect("a port");
        task.give_send(port.right()).expect("a right of it")
    });
    let ends = task.clone();
    task.run(|| {
        let translator = Translator::new(node, move || ends.kill()).expect("a translator");
        translator.server().start().expect("its threads");
        translator.startup(&right).expect("an answer");
        drop(right);
    });
    parent.kill();
    let control = bootstrap.0.lock().take().expect("a control port");
    Started { task, control }
}

/// Stands where a file system would start the translator; keeps the control port, as a right of the
/// test's own task.
#[derive(Default)]
struct Bootstrap(Mutex<Option<SendRight>>);

impl Object for Bootstrap {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        fsys::dispatch(self, request)
    }
}

impl fsys::Fsys for Bootstrap {
    fn fsys_startup(
        &self,
        _: &Call<'_>,
        _: i32,
        control: Option<SendRight>,
    ) -> Result<Right<'static>> {
        let control = control.ok_or(Error::EINVAL)?;
        *self.0.lock() = Some(Task::first().give_send(control.into())?);
        Ok(Right::null())
    }
}
