//! `full`: see [`streams::Full`].
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

machuser::program!(main);

fn main() {
    trivfs::main(streams::Full)
}
