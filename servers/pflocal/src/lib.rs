//! Pipes and sockets within the system: queues as pure state machines ([`queue`]), those who wait
//! at them ([`pipe`]), sockets and addresses ([`socket`]), and the requests ([`serve`]).

#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod pipe;
pub mod queue;
pub mod serve;
pub mod socket;
