//! The rights that look-ups cross on their way from one file system to the next.
//!
//! A server answers each look-up that leads out of its file system with a send right to the next
//! one's root, and mostly it is the same right again. Taking a right that the task holds already
//! counts a user reference; taking one that it does not hold makes a name and a capability, and
//! giving it back takes them away again. So the last few stay, and what came again is given back
//! in one go. A server is asked all the same: what a name leads to is never kept.

use core::mem::ManuallyDrop;

use machuser::sync::Mutex;
use machuser::{Name, PortRight, SendRight, sys};

/// Rights that stay after a walk.
const KEPT: usize = 4;
/// User references that a kept right gathers before they are given back.
const SURPLUS: i32 = 1000;

/// A name, and how many user references of it are nobody's.
type Kept = (Name, i32);

static RIGHTS: Mutex<[Kept; KEPT]> = Mutex::new([(0, 0); KEPT]);

/// One user reference of a send right, of which this module decides when it goes back.
pub(super) struct Crossed {
    right: ManuallyDrop<SendRight>,
    leads_on: bool,
}

impl Crossed {
    pub(super) fn new(right: SendRight) -> Crossed {
        Crossed { right: ManuallyDrop::new(right), leads_on: false }
    }

    pub(super) fn port(&self) -> &SendRight {
        &self.right
    }

    /// A name has been found from there: it is a file system's.
    pub(super) fn leads_on(&mut self) {
        self.leads_on = true;
    }
}

impl Drop for Crossed {
    fn drop(&mut self) {
        if !self.leads_on {
            drop(SendRight::from_raw(self.right.as_raw()));
            return;
        }
        let given_back = keep(&mut RIGHTS.lock(), self.right.as_raw());
        if let Some((name, references)) = given_back {
            // Only a port that died meanwhile refuses: then the references are of a dead name.
            if sys::port_mod_refs(name, PortRight::Send, -references).is_err() {
                let _ = sys::port_mod_refs(name, PortRight::DeadName, -references);
            }
        }
    }
}

/// Keeps everybody out.
pub(super) fn hold() -> impl Sized {
    RIGHTS.lock()
}

/// Takes one user reference in; the answer is what has to go back for it. The latest name is the
/// first.
fn keep(rights: &mut [Kept; KEPT], name: Name) -> Option<Kept> {
    let found = rights.iter().position(|kept| kept.0 == name);
    let at = found.unwrap_or(KEPT - 1);
    let old = rights[at];
    rights.copy_within(..at, 1);
    match found {
        Some(_) if old.1 < SURPLUS => {
            rights[0] = (name, old.1 + 1);
            None
        }
        Some(_) => {
            rights[0] = (name, 1);
            Some(old)
        }
        None => {
            rights[0] = (name, 1);
            Some(old).filter(|old| old.0 != 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_reference_is_kept_or_given_back(names in prop::collection::vec(1u32..9, 0..3000)) {
            let mut rights = [(0, 0); KEPT];
            let mut back = 0;
            for name in &names {
                if let Some((name, references)) = keep(&mut rights, *name) {
                    prop_assert!(name != 0 && references > 0);
                    back += references;
                }
                prop_assert_eq!(rights[0].0, *name);
            }
            let held: i32 = rights.iter().map(|kept| kept.1).sum();
            prop_assert_eq!(held + back, names.len() as i32);
            prop_assert!(rights.iter().all(|kept| kept.1 <= SURPLUS));
        }
    }
}
