//! The board's addresses, from its `platform.toml` by way of `build.rs`.

include!(concat!(env!("OUT_DIR"), "/board.rs"));
