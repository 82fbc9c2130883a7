//! What the library keeps with each node.

use alloc::boxed::Box;
use alloc::vec::Vec;

use fshelp::TransBox;
use machuser::Result;
use machuser::sync::{Condvar, Mutex, OnceLock};
use ports::Port;

use crate::locks::Locks;

/// What the library keeps with a node: the translator that runs there, locks, the identity port. A
/// file system puts one into each of its nodes. It is small until one of them is used.
#[derive(Default)]
pub struct Attached {
    rare: OnceLock<Box<Rare>>,
}

/// Where a node was found: the directory's number, and the path below the root.
struct Place {
    directory: u64,
    name: Vec<u8>,
    path: Option<Vec<u8>>,
}

/// The parts that few nodes need.
#[derive(Default)]
pub(crate) struct Rare {
    pub(crate) translator: TransBox,
    pub(crate) locks: Mutex<Locks>,
    pub(crate) unlocked: Condvar,
    identity: OnceLock<Port>,
    place: Mutex<Option<Place>>,
}

impl Attached {
    /// Nothing is attached.
    pub const fn new() -> Attached {
        Attached {
            rare: OnceLock::new(),
        }
    }

    pub(crate) fn rare(&self) -> &Rare {
        self.rare.get_or_init(Box::default)
    }

    pub(crate) fn used(&self) -> Option<&Rare> {
        self.rare.get().map(|rare| &**rare)
    }

    /// Whether a translator runs here, or is being started.
    pub(crate) fn is_translated(&self) -> bool {
        self.used().is_some_and(|rare| rare.translator.is_active())
    }
}

impl Rare {
    /// The port that stands for the node.
    pub(crate) fn identity(&self, make: impl FnOnce() -> Result<Port>) -> Result<Port> {
        if let Some(port) = self.identity.get() {
            return Ok(port.clone());
        }
        let fresh = make()?;
        Ok(self.identity.get_or_init(|| fresh).clone())
    }

    /// Remembers under which name the node was found, and the path of that directory.
    pub(crate) fn seen_at(
        &self,
        directory: u64,
        name: &[u8],
        path: impl FnOnce() -> Option<Vec<u8>>,
    ) {
        let mut place = self.place.lock();
        if place
            .as_ref()
            .is_some_and(|place| place.directory == directory && place.name == name)
        {
            return;
        }
        let path = path().map(|mut path| {
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            path
        });
        *place = Some(Place {
            directory,
            name: name.to_vec(),
            path,
        });
    }

    /// The path under which the node was found last, below the root.
    pub(crate) fn place(&self) -> Option<Vec<u8>> {
        self.place.lock().as_ref()?.path.clone()
    }
}
