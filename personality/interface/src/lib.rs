//! The Hurd's interfaces: client stubs, server traits and tables.
//!
//! Numbers, order and meaning of the parameters are the Hurd's (its `.defs` files); the request
//! port, which every routine has first, is left out of the traits. How the types appear to clients
//! and servers is said in [`macro@interface`].
#![cfg_attr(target_os = "none", no_std)]

pub use interface_macro::interface;

pub mod auth;
pub mod crash;
pub mod device;
pub mod driver;
pub mod exc;
pub mod exec;
pub mod exec_startup;
pub mod fs;
pub mod fs_notify;
pub mod fsys;
pub mod ifsock;
pub mod interrupt;
pub mod io;
pub mod login;
pub mod msg;
pub mod notify;
pub mod password;
pub mod pfinet;
pub mod process;
pub mod shutdown;
pub mod socket;
pub mod startup;
pub mod startup_notify;
pub mod task_notify;
pub mod term;
pub mod tioctl;
pub mod types;

/// Every interface that is a server's business, by number.
pub static ALL: &[&machuser::table::Interface] = &[
    &notify::TABLE,
    &exc::TABLE,
    &device::TABLE,
    &task_notify::TABLE,
    &fs::TABLE,
    &fs_notify::TABLE,
    &io::TABLE,
    &fsys::TABLE,
    &msg::TABLE,
    &process::TABLE,
    &auth::TABLE,
    &socket::TABLE,
    &term::TABLE,
    &startup::TABLE,
    &startup_notify::TABLE,
    &exec::TABLE,
    &exec_startup::TABLE,
    &crash::TABLE,
    &interrupt::TABLE,
    &ifsock::TABLE,
    &login::TABLE,
    &pfinet::TABLE,
    &password::TABLE,
    &shutdown::TABLE,
    &driver::TABLE,
    &tioctl::TABLE,
];

/// The routine of a message number.
pub fn routine(number: u32) -> Option<&'static machuser::table::Routine> {
    ALL.iter().find_map(|interface| interface.routine(number))
}
