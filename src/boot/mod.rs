//! What the machine starts from: the boot archive and the image that holds it.

pub mod archive;
pub mod image;
pub mod iso;
pub mod manifest;
pub mod pc;
