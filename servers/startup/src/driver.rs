//! Drivers: each holds its device's rights and nothing else. When one ends, another is started with
//! the same rights.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use interface::fs::{self, O_READ};
use machuser::sync::{Condvar, Mutex};
use machuser::{Call, Error, Outcome, Request, Result, Right, SendRight, clock, thread};
use ports::{Object, Port};

use crate::child::Child;
use crate::launch::{Gifts, Modules};
use crate::serve::Startup;
use crate::{descriptors, open};

/// A driver that lives for less than this is started again only after a pause, which grows.
const SHORT_LIFE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// So many that end before they serve, one after the other, and there is no use in another one.
const FAILURES: u32 = 5;
/// How long a look-up waits for a driver that is being started again.
const PATIENCE: Duration = Duration::from_secs(10);

/// A driver, from program to program.
pub struct Driver {
    startup: Arc<Startup>,
    modules: Arc<Modules>,
    argv: Vec<String>,
    /// The rights to its device, its first descriptors.
    rights: Vec<SendRight>,
    state: Mutex<State>,
    changed: Condvar,
    port: Mutex<Option<Port>>,
}

struct State {
    child: Arc<Child>,
    /// The root of its file system, while it runs.
    root: Option<SendRight>,
    /// The node that it sits on.
    node: Option<SendRight>,
    /// Whether it is a process, and knows of auth.
    introduced: bool,
    began: Duration,
    /// How many in a row lived for a short time only, and how many never served.
    short_lives: u32,
    failures: u32,
}

/// The directory of a driver's nodes, whichever program serves it. The name of its root is empty.
struct Directory(Arc<Driver>);

impl Object for Directory {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        fs::dispatch(self, request)
    }
}

impl fs::Fs for Directory {
    fn dir_lookup(
        &self,
        _: &Call<'_>,
        name: &[u8],
        flags: i32,
        _mode: u32,
    ) -> Result<(u32, Vec<u8>, Right<'static>)> {
        let name = core::str::from_utf8(name).map_err(|_| Error::ENOENT)?;
        let root = self.0.root()?;
        let file = match name {
            "" => self.0.open(flags)?.1,
            name => open(&root, name, flags)?,
        };
        Ok((fs::FS_RETRY_NORMAL, Vec::new(), Right::from(file)))
    }
}

impl Driver {
    /// Starts a driver with the rights to its device as its first gifts, and waits until it
    /// serves.
    pub fn start(
        startup: &Arc<Startup>,
        modules: &Arc<Modules>,
        argv: Vec<String>,
        rights: Vec<SendRight>,
    ) -> Result<Arc<Driver>> {
        let child = launch(startup, modules, &argv, &rights, None)?;
        let driver = Arc::new(Driver {
            startup: startup.clone(),
            modules: modules.clone(),
            argv,
            rights,
            state: Mutex::new(State {
                root: Some(child.root(O_READ)?),
                child,
                node: None,
                introduced: false,
                began: clock::now(),
                short_lives: 0,
                failures: 0,
            }),
            changed: Condvar::new(),
            port: Mutex::new(None),
        });
        let port = startup.server().port(Arc::new(Directory(driver.clone())))?;
        *driver.port.lock() = Some(port);
        driver.watch()?;
        Ok(driver)
    }

    /// The root of its file system; waits while it is being started again.
    pub fn root(&self) -> Result<SendRight> {
        let end = clock::now() + PATIENCE;
        let mut state = self.state.lock();
        loop {
            if let Some(root) = &state.root {
                return Ok(root.clone());
            }
            let left = end.saturating_sub(clock::now());
            if left.is_zero() {
                return Err(Error::EDIED);
            }
            state = self.changed.wait_timeout(state, left).0;
        }
    }

    /// Its program as it is now, and the root of that, opened anew.
    pub fn open(&self, flags: i32) -> Result<(Arc<Child>, SendRight)> {
        let child = self.state.lock().child.clone();
        let root = child.root(flags)?;
        Ok((child, root))
    }

    /// A right to the directory of its nodes that outlives its programs.
    pub fn directory(&self) -> Result<SendRight> {
        self.port.lock().as_ref().ok_or(Error::EINVAL)?.make_send()
    }

    /// Makes it a process that knows of auth, now and whenever it is started again.
    pub fn introduce(&self) -> Result<()> {
        let mut state = self.state.lock();
        self.startup.initialise(&state.child)?;
        state.introduced = true;
        Ok(())
    }

    /// Puts it on a node, now and whenever it is started again.
    pub fn settle(&self, node: SendRight) -> Result<()> {
        let mut state = self.state.lock();
        crate::settle(&node, &state.child)?;
        state.node = Some(node);
        Ok(())
    }

    fn watch(self: &Arc<Self>) -> Result<()> {
        let driver = self.clone();
        let task = self.state.lock().child.task.clone();
        self.startup.server().on_death(&task, move || {
            let failed = driver.clone();
            if thread::try_spawn(move || driver.ended()).is_err() {
                failed.startup.dead(&format!("{} ended", failed.argv[0]));
            }
        })
    }

    /// Its program has ended.
    fn ended(self: &Arc<Self>) {
        if self.startup.is_ending() {
            return;
        }
        let name = &self.argv[0];
        if let Err(error) = self.start_again() {
            self.startup.dead(&format!("{name} ended, and cannot be started again: {error}"));
        }
    }

    fn start_again(self: &Arc<Self>) -> Result<()> {
        let mut state = self.state.lock();
        if state.root.take().is_none() {
            state.failures += 1;
        }
        if state.failures == FAILURES {
            return Err(Error::EDIED);
        }
        if clock::now() - state.began < SHORT_LIFE {
            thread::sleep(LONGEST_PAUSE.min(PAUSE * state.short_lives));
            state.short_lives += 1;
        } else {
            state.short_lives = 0;
        }
        self.startup.note(&format!("{} ended; it is started again", self.argv[0]));
        let earlier = Some(&*state.child);
        let child = launch(&self.startup, &self.modules, &self.argv, &self.rights, earlier)?;
        state.child = child.clone();
        state.began = clock::now();
        drop(state);
        self.watch()?;
        match self.show(&child) {
            // Then somebody else starts the next one.
            Err(error) if error == Error::EDIED || error.is_server_died() => Ok(()),
            result => result,
        }
    }

    /// Makes what a program serves known, once it serves.
    fn show(&self, child: &Arc<Child>) -> Result<()> {
        let root = child.root(O_READ)?;
        let mut state = self.state.lock();
        if !Arc::ptr_eq(&state.child, child) {
            return Ok(());
        }
        state.root = Some(root);
        state.failures = 0;
        let (introduced, node) = (state.introduced, state.node.clone());
        drop(state);
        self.changed.notify_all();
        // Only now: the root file system, which has the node, may wait for its disk.
        if introduced {
            self.startup.initialise(child)?;
        }
        match node {
            Some(node) => crate::settle(&node, child),
            None => Ok(()),
        }
    }
}

fn launch(
    startup: &Startup,
    modules: &Modules,
    argv: &[String],
    rights: &[SendRight],
    earlier: Option<&Child>,
) -> Result<Arc<Child>> {
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    let gifts = Gifts {
        descriptors: descriptors(rights.iter().cloned()),
        earlier,
        ..Gifts::default()
    };
    modules.launch(startup.server(), &argv, gifts, None)
}
