//! Root file systems: what is in them, and how their images are made.

pub mod image;
pub mod manifest;
pub mod persistent;
