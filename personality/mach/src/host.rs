//! The machine, as programs are told of it.

use crate::abi::{flavor, priority, routine};
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::rpc::{Input, Output};
use crate::task::Mach;
use alloc::format;

/// Milliseconds of the shortest time limit.
const SHORTEST: u64 = 1;

impl<K: Kernel> Mach<K> {
    /// Carries out a routine of this module.
    pub(crate) fn host_routine(
        &mut self,
        label: u32,
        input: &mut Input<'_>,
        out: &mut Output,
    ) -> Result<()> {
        if label == routine::HOST_GET_KERNEL_VERSION {
            let version = format!("Hird {} on {}", env!("CARGO_PKG_VERSION"), K::VERSION);
            out.put(version.len() as u64);
            out.put_bytes(version.as_bytes());
            return Ok(());
        }
        let (kind, subkind) = K::PROCESSOR;
        let words: &[u64] = match input.word()? {
            flavor::HOST_BASIC => {
                &[1, 1, self.kernel.memory_total(), kind as u64, subkind as u64]
            }
            flavor::HOST_SLOTS => &[0],
            flavor::HOST_SCHED => &[SHORTEST, priority::QUANTUM],
            // Nobody knows it.
            flavor::HOST_LOAD => return Err(Error::KERN_FAILURE),
            _ => return Err(Error::KERN_INVALID_ARGUMENT),
        };
        words.iter().for_each(|word| out.put(*word));
        Ok(())
    }
}
