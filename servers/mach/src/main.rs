//! The mach server.
fn main() {}
