//! The contents of files.

use crate::error::{Corruption, Structure};
use crate::map;
use crate::node::Node;
use crate::volume::Volume;
use crate::{BlockDevice, Error, Problem};

/// What a hole reads as.
static ZEROS: [u8; 4096] = [0; 4096];

/// Hands the bytes `offset..end` of a file to `sink`, in order. `end` is not beyond the file's size.
pub(crate) fn read<D: BlockDevice>(
    volume: &mut Volume<D>,
    node: &mut Node,
    offset: u64,
    end: u64,
    mut sink: impl FnMut(&[u8]),
) -> Result<(), Error> {
    let block_shift = volume.layout.block_shift;
    let page_shift = volume.cache.page_shift();
    let page_mask = (1u64 << page_shift) - 1;
    let ahead = match offset == node.next_offset {
        true => volume.cache.batch_bytes(),
        false => 0,
    };

    let mut at = offset;
    while at < end {
        let block = (at >> block_shift) as u32;
        let wanted = ((end - 1) >> block_shift) as u32 - block + 1;
        let run = map::find(volume, node, block, wanted)?;
        let run_end = (u64::from(run.end()) << block_shift).min(node.inode.size);
        let stop = run_end.min(end);

        let Some(device) = run.device else {
            while at < stop {
                let length = (stop - at).min(ZEROS.len() as u64);
                sink(&ZEROS[..length as usize]);
                at += length;
            }
            continue;
        };
        let device_start = u64::from(device) << block_shift;
        let file_start = u64::from(run.start) << block_shift;
        let on_device = |at: u64| device_start + (at - file_start);
        let last_page = (on_device(run_end.min(stop + ahead)) - 1) >> page_shift;
        while at < stop {
            let position = on_device(at);
            let in_page = position & page_mask;
            let length = (stop - at).min(page_mask + 1 - in_page);
            let page = volume.cache.page(position >> page_shift, last_page)?;
            let bytes = page
                .get(in_page as usize..(in_page + length) as usize)
                .ok_or_else(|| {
                    Corruption::new(Structure::DataBlock, Problem::OutOfRange).inode(node.inode.ino)
                })?;
            sink(bytes);
            at += length;
        }
    }
    node.next_offset = end;
    Ok(())
}

/// Block `index` of a directory, where no block may be missing; what follows it on the device comes
/// with it.
pub(crate) fn directory_block<'a, D: BlockDevice>(
    volume: &'a mut Volume<D>,
    node: &mut Node,
    index: u32,
) -> Result<(&'a [u8], u32), Error> {
    let run = map::find(volume, node, index, 1)?;
    let Some(device) = run.device else {
        let hole = Corruption::new(Structure::Directory, Problem::Hole);
        return Err(hole.inode(node.inode.ino).into());
    };
    let block_shift = volume.layout.block_shift;
    let page_shift = volume.cache.page_shift();
    let block = device + (index - run.start);
    let blocks = (node.inode.size >> block_shift) as u32;
    let last = device + (run.end().min(blocks).max(index + 1) - run.start) - 1;
    let last_page = (u64::from(last) << block_shift) >> page_shift;

    let position = u64::from(block) << block_shift;
    let start = (position & ((1 << page_shift) - 1)) as usize;
    let end = start + volume.layout.block_size();
    let page = volume.cache.page(position >> page_shift, last_page)?;
    let bytes = page.get(start..end).ok_or_else(|| {
        let corruption = Corruption::new(Structure::Directory, Problem::OutOfRange);
        corruption.inode(node.inode.ino).block(block)
    })?;
    Ok((bytes, block))
}
