//! The auth server: which ids a handle may
//! have ([`Ids`]), which user meets which server ([`Meetings`]), and the requests ([`Auth`]).

#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod ids;
mod meeting;
mod serve;

pub use ids::{Ids, merge};
pub use meeting::{Event, Meetings, Token};
pub use serve::{Auth, Handle};
