//! All tests of the logic with the simulated kernel: one program, so that they are compiled with it
//! once.

extern crate alloc;

#[path = "../common/mod.rs"]
mod common;
#[path = "../../../../servers/tests/src/effects.rs"]
mod effects;
#[path = "../models/memory.rs"]
mod memory;
#[path = "../models/ports.rs"]
mod ports;
#[path = "../../../../servers/tests/src/refusals.rs"]
mod refusals;
#[path = "../models/requests.rs"]
mod requests;

mod accounts;
mod clock;
mod conformance;
mod exceptions;
mod fork;
mod gsync;
mod hostile;
mod large;
mod model;
mod names;
mod pagers;
mod regressions;
mod spares;
mod table;
mod tasks;
mod vm_model;
