//! `password`: the translator of `/servers/password`.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use password_server::{Password, RootFiles};

machuser::program!(main);

fn main() {
    trivfs::main(Password::new(RootFiles))
}
