//! What the auth server decides, apart from any message: which ids a handle may
//! have ([`Ids`]), and which user meets which server ([`Meetings`]).

#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod ids;
mod meeting;

pub use ids::{Ids, merge};
pub use meeting::{Event, Meetings, Token};
