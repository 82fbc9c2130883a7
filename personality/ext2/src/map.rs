//! From a block of a file to a block of the device.
//!
//! The answer is a run: file blocks that follow each other on the device, or that are all missing.
//! Runs are remembered in the inode, so that the map is walked once for many blocks.

use alloc::vec::Vec;

use crate::error::{Corruption, Structure};
use crate::node::Node;
use crate::volume::Volume;
use crate::wire::inode::{DIRECT, POINTERS};
use crate::wire::le32;
use crate::{BlockDevice, Error, Ino, Problem};

/// Runs remembered for one inode.
const MAX_RUNS: usize = 64;

/// How many blocks a walk looks ahead, at least, to find the end of a run.
const LOOK_AHEAD: usize = 512;

/// Consecutive blocks of a file, and where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The first block in the file.
    pub(crate) start: u32,
    /// How many blocks.
    pub(crate) length: u32,
    /// The first block on the device; none where the file has a hole.
    pub(crate) device: Option<u32>,
}

impl Run {
    /// The block of the file after the run.
    pub(crate) fn end(&self) -> u32 {
        self.start.saturating_add(self.length)
    }

    fn contains(&self, block: u32) -> bool {
        block >= self.start && block < self.end()
    }

    /// Whether `next` continues this run, in the file and on the device.
    fn joins(&self, next: &Run) -> bool {
        self.end() == next.start
            && match (self.device, next.device) {
                (None, None) => true,
                (Some(device), Some(next)) => device.checked_add(self.length) == Some(next),
                _ => false,
            }
    }
}

/// Some runs of a file, ordered, none overlapping.
#[derive(Default)]
pub(crate) struct RunCache {
    runs: Vec<Run>,
    /// The run that was used last.
    last: usize,
    /// The run to give up next, where there are too many.
    victim: usize,
}

impl RunCache {
    fn find(&mut self, block: u32) -> Option<Run> {
        if let Some(run) = self.runs.get(self.last).filter(|run| run.contains(block)) {
            return Some(*run);
        }
        let after = self.runs.partition_point(|run| run.start <= block);
        let position = after.checked_sub(1)?;
        let run = self.runs.get(position).filter(|run| run.contains(block))?;
        self.last = position;
        Some(*run)
    }

    /// Adds a run whose first block is in no other run; returns what it became by joining others.
    fn insert(&mut self, mut run: Run) -> Run {
        let mut position = self.runs.partition_point(|other| other.start <= run.start);
        if let Some(next) = self.runs.get(position).copied() {
            run.length = run.length.min(next.start - run.start);
            if run.joins(&next) {
                run.length += next.length;
                self.runs.remove(position);
            }
        }
        if let Some(before) = position.checked_sub(1)
            && self.runs[before].joins(&run)
        {
            self.runs[before].length += run.length;
            self.last = before;
            return self.runs[before];
        }
        if self.runs.len() == MAX_RUNS {
            self.victim = (self.victim + 1) % MAX_RUNS;
            self.runs.remove(self.victim);
            position -= usize::from(self.victim < position);
        }
        self.runs.insert(position, run);
        self.last = position;
        run
    }
}

/// The run that contains `block` of the file; it may begin before. `wanted` blocks from there on
/// are of interest.
pub(crate) fn find<D: BlockDevice>(
    volume: &mut Volume<D>,
    node: &mut Node,
    block: u32,
    wanted: u32,
) -> Result<Run, Error> {
    if let Some(run) = node.runs.find(block) {
        return Ok(run);
    }
    let look_ahead = LOOK_AHEAD.max(wanted as usize);
    let run = walk(volume, node.inode.ino, &node.pointers, block, look_ahead)?;
    Ok(node.runs.insert(run))
}

/// Follows the block numbers from the inode to `block`.
fn walk<D: BlockDevice>(
    volume: &mut Volume<D>,
    ino: Ino,
    pointers: &[u32; POINTERS],
    block: u32,
    look_ahead: usize,
) -> Result<Run, Error> {
    if (block as usize) < DIRECT {
        let direct = &pointers[block as usize..DIRECT];
        let (length, device) = measure(direct[0], direct.iter().copied(), look_ahead);
        return data_run(volume, ino, &[], block, length, device);
    }

    // Which of the three trees, and where in it.
    let fan_out_shift = volume.layout.block_shift - 2;
    let mut rest = u64::from(block) - DIRECT as u64;
    let mut level = 1u8;
    while level < 3 && rest >> (fan_out_shift * u32::from(level)) != 0 {
        rest -= 1 << (fan_out_shift * u32::from(level));
        level += 1;
    }
    let mut pointer = pointers[DIRECT + usize::from(level) - 1];
    let mut ancestors = [0; 3];
    let mut depth = 0;

    loop {
        // How many blocks this pointer is for, by a shift.
        let span_shift = fan_out_shift * u32::from(level);
        if rest >> span_shift != 0 {
            return Err(Corruption::new(Structure::Inode, Problem::Size)
                .inode(ino)
                .into());
        }
        if pointer == 0 {
            let length = ((1u64 << span_shift) - rest).min(u64::from(u32::MAX - block)) as u32;
            return Ok(Run {
                start: block,
                length,
                device: None,
            });
        }
        let structure = Structure::IndirectBlock(level);
        if ancestors[..depth].contains(&pointer) {
            let cycle = Corruption::new(structure, Problem::Cycle);
            return Err(cycle.inode(ino).block(pointer).into());
        }
        volume.check_block(pointer, structure, ino)?;
        ancestors[depth] = pointer;
        depth += 1;

        let table = volume.block(pointer)?;
        level -= 1;
        let index = (rest >> (fan_out_shift * u32::from(level))) as usize;
        rest &= (1 << (fan_out_shift * u32::from(level))) - 1;
        if level == 0 {
            let entries = table[4 * index..]
                .chunks_exact(4)
                .map(|entry| le32(entry, 0));
            let first = le32(table, 4 * index);
            let (length, device) = measure(first, entries, look_ahead);
            return data_run(volume, ino, &ancestors[..depth], block, length, device);
        }
        pointer = le32(table, 4 * index);
    }
}

/// How many of `entries`, the first of which is `first`, are consecutive numbers or all zero.
fn measure(
    first: u32,
    entries: impl Iterator<Item = u32>,
    look_ahead: usize,
) -> (u32, Option<u32>) {
    let entries = entries.take(look_ahead);
    if first == 0 {
        return (entries.take_while(|&entry| entry == 0).count() as u32, None);
    }
    let consecutive = (u64::from(first)..).zip(entries);
    let length = consecutive
        .take_while(|&(expected, entry)| expected == u64::from(entry))
        .count();
    (length as u32, Some(first))
}

/// The run of the first `length` blocks from `block` on, as far as they are good.
fn data_run<D: BlockDevice>(
    volume: &mut Volume<D>,
    ino: Ino,
    ancestors: &[u32],
    block: u32,
    mut length: u32,
    device: Option<u32>,
) -> Result<Run, Error> {
    if let Some(device) = device {
        for &ancestor in ancestors.iter().filter(|&&ancestor| ancestor >= device) {
            length = length.min(ancestor - device);
        }
        if length == 0 {
            let cycle = Corruption::new(Structure::DataBlock, Problem::Cycle);
            return Err(cycle.inode(ino).block(device).into());
        }
        length = volume.usable_blocks(device, length, Structure::DataBlock, ino)?;
    }
    let length = length.min(u32::MAX - block);
    Ok(Run {
        start: block,
        length,
        device,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The truth that the runs come from: every fifth stretch of 8 blocks is missing, and each
    /// stretch of 40 lies somewhere else.
    fn device_block(block: u32) -> Option<u32> {
        (block % 40 >= 8).then_some(block + 1000 * (block / 40))
    }

    proptest! {
        #[test]
        fn remembered_runs_say_what_was_put_in(
            queries in prop::collection::vec((0u32..20_000, 1u32..20), 1..300),
        ) {
            let mut cache = RunCache::default();
            for (block, length) in queries {
                let run = cache.find(block).unwrap_or_else(|| {
                    let device = device_block(block);
                    let same = |&next: &u32| {
                        device_block(next) == device.map(|device| device + (next - block))
                    };
                    let length = (block..block + length).take_while(same).count() as u32;
                    cache.insert(Run { start: block, length, device })
                });
                prop_assert!(run.contains(block));
                for block in run.start..run.end() {
                    let expected = run.device.map(|device| device + (block - run.start));
                    prop_assert_eq!(device_block(block), expected);
                }
                prop_assert!(cache.runs.len() <= MAX_RUNS);
                prop_assert!(cache.runs.is_sorted_by(|a, b| a.end() <= b.start));
            }
        }
    }
}
