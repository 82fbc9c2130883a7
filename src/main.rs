//! The host tool of Hird.
fn main() {}
