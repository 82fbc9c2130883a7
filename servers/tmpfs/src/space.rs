//! How much memory the file system may use, and does.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use machuser::{Error, Result};

/// What a node is charged beside its content, in bytes: the node itself and what the allocator
/// keeps with it.
pub const NODE_BYTES: u64 = 512;
/// What a directory entry is charged beside its name, in bytes.
pub const ENTRY_BYTES: u64 = 128;

/// The account of one file system. All figures are bytes.
#[derive(Debug)]
pub struct Space {
    limit: AtomicU64,
    used: AtomicU64,
    nodes: AtomicU64,
}

impl Space {
    /// An empty account with this limit.
    pub const fn new(limit: u64) -> Space {
        Space {
            limit: AtomicU64::new(limit),
            used: AtomicU64::new(0),
            nodes: AtomicU64::new(0),
        }
    }

    /// The limit.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Sets the limit. What is used beyond it stays; nothing more is granted until it is below.
    pub fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// What is used.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> u64 {
        self.nodes.load(Ordering::Relaxed)
    }

    /// Takes so many bytes, or fails with `ENOSPC`.
    pub fn take(&self, bytes: u64) -> Result<()> {
        let limit = self.limit();
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|&sum| sum <= limit)
            })
            .map(drop)
            .map_err(|_| Error::ENOSPC)
    }

    /// Gives so many bytes back.
    pub fn give(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Takes the place of a node, or fails with `ENOSPC`.
    pub fn take_node(&self) -> Result<()> {
        self.take(NODE_BYTES)?;
        self.nodes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Gives the place of a node back.
    pub fn give_node(&self) {
        self.give(NODE_BYTES);
        self.nodes.fetch_sub(1, Ordering::Relaxed);
    }

    /// Makes room in `bytes` for `capacity` bytes in all, and charges what the allocator gave.
    /// `ENOSPC` if the limit or the memory is used up; then nothing has changed.
    pub fn grow(&self, bytes: &mut Vec<u8>, capacity: usize) -> Result<()> {
        let old = bytes.capacity();
        if capacity <= old {
            return Ok(());
        }
        self.take((capacity - old) as u64)?;
        if bytes.try_reserve_exact(capacity - bytes.len()).is_err() {
            self.give((capacity - old) as u64);
            return Err(Error::ENOSPC);
        }
        // The allocator may give more than was asked for: what is given back later is the
        // capacity, so that is what must be charged.
        self.used
            .fetch_add((bytes.capacity() - capacity) as u64, Ordering::Relaxed);
        Ok(())
    }
}
