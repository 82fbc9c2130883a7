//! One disk: requests in flight, and the interrupt that says that they are done.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::NonNull;

use machuser::mach::{Interrupt, Registers};
use machuser::sync::{Condvar, Mutex, MutexGuard};
use machuser::{Error, Result, thread};
use virtio_drivers::device::blk::{BlkReq, BlkResp, SECTOR_SIZE, VirtIOBlk};
use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};
use virtio_drivers::transport::{DeviceType, Transport};
use virtio_drivers::{Error as DeviceError, PAGE_SIZE};

use crate::bus::Bus;
use crate::dma::{Buffer, Memory};
use crate::pci::{Layout, Pci};

/// The most bytes in one request to the device.
const TRANSFER: usize = 128 * 1024;
/// How many requests may be in flight: the library's queue has 16 descriptors, a request takes 3.
const SLOTS: usize = 4;
/// Descriptors in the library's queue.
const DESCRIPTORS: usize = 16;
/// Pages of a slot: one for the headers, the others for data.
const SLOT_PAGES: usize = 1 + TRANSFER / PAGE_SIZE;
/// Where the device's answer lies in the slot's first page.
const RESPONSE: usize = 64;
const SECTOR: u64 = SECTOR_SIZE as u64;

type Device = VirtIOBlk<Memory, Bus>;

/// What a slot is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Nothing; it may or may not be somebody's.
    Idle,
    /// The device has it: direction and bytes.
    Reading(usize),
    Writing(usize),
    /// The device is done.
    Done(core::result::Result<(), Error>),
}

struct State {
    device: Device,
    slots: Vec<Buffer>,
    free: Vec<usize>,
    progress: [Progress; SLOTS],
    /// Which slot a descriptor's request belongs to.
    owner: [usize; DESCRIPTORS],
    in_flight: usize,
    /// Somebody flushes: nothing new is given to the device.
    flushing: bool,
}

/// A disk.
pub struct Disk {
    state: Mutex<State>,
    /// A request is done, a slot is free, or flushing is over.
    changed: Condvar,
    /// Writes of part of a sector, which read it first, come one at a time.
    partial: Mutex<()>,
    bytes: u64,
    read_only: bool,
}

/// A slot that the holder may fill or read; given back when dropped.
struct Slot<'d> {
    disk: &'d Disk,
    index: usize,
    buffer: Buffer,
}

impl Slot<'_> {
    /// The slot's data.
    fn data(&mut self) -> &mut [u8] {
        // SAFETY: the data pages begin behind the first page and are TRANSFER long. The slot is
        // not in the device's hands: `submit` takes the slot and `wait` gives it back.
        unsafe { core::slice::from_raw_parts_mut(self.buffer.at(PAGE_SIZE).as_ptr(), TRANSFER) }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.disk.state.lock();
        state.progress[self.index] = Progress::Idle;
        state.free.push(self.index);
        drop(state);
        self.disk.changed.notify_all();
    }
}

/// A slot whose request the device has.
struct Pending<'d>(Option<Slot<'d>>);

impl<'d> Pending<'d> {
    /// Waits for the device.
    fn wait(mut self) -> Result<Slot<'d>> {
        let slot = self.0.take().ok_or(Error::EIO)?;
        slot.disk.wait_done(slot.index).map(|()| slot)
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        // The memory is the device's until it is done with it, whatever it answers.
        if let Some(slot) = &self.0 {
            let _ = slot.disk.wait_done(slot.index);
        }
    }
}

/// The pieces of a slot that a request consists of.
///
/// # Safety
/// The slot's request is being given to the device or taken back, under the disk's lock, and
/// nobody else has a reference into it.
unsafe fn parts<'a>(
    buffer: Buffer,
    bytes: usize,
) -> (&'a mut BlkReq, &'a mut [u8], &'a mut BlkResp) {
    // SAFETY: the three lie in the slot's pages without overlap, aligned to at least 64 bytes; the
    // pages were zeroed, which is a valid value of each; the caller promises exclusiveness.
    unsafe {
        (
            buffer.at(0).cast::<BlkReq>().as_mut(),
            core::slice::from_raw_parts_mut(buffer.at(PAGE_SIZE).as_ptr(), bytes),
            buffer.at(RESPONSE).cast::<BlkResp>().as_mut(),
        )
    }
}

impl Disk {
    /// The disk behind these registers, if there is one.
    ///
    /// # Errors
    /// `ENXIO` if there is none, `ENODEV` if the device cannot be driven, `ENOMEM` without memory
    /// for DMA.
    pub fn new(registers: &Registers, offset: usize, bytes: usize) -> Result<Disk> {
        let base = registers.address().ok_or(Error::ENXIO)?;
        let header = NonNull::new((base + offset) as *mut VirtIOHeader).ok_or(Error::ENXIO)?;
        // SAFETY: the registers stay mapped for ever, and each device's are given to one
        // transport only; a header that is no virtio device is refused.
        let transport = unsafe { MmioTransport::new(header, bytes) }.map_err(|_| Error::ENXIO)?;
        if transport.device_type() != DeviceType::Block {
            return Err(Error::ENXIO);
        }
        Disk::on(Bus::Mapped(transport))
    }

    /// The disk behind PCI whose registers these are.
    ///
    /// # Errors
    /// `ENODEV` if the device cannot be driven, `ENOMEM` without memory for DMA.
    pub fn on_pci(registers: Registers, layout: Layout) -> Result<Disk> {
        Disk::on(Bus::Pci(Pci::new(registers, layout)))
    }

    fn on(bus: Bus) -> Result<Disk> {
        let device = Device::new(bus).map_err(|_| Error::ENODEV)?;
        let slots: Vec<Buffer> = (0..SLOTS)
            .map(|_| Buffer::new(SLOT_PAGES))
            .collect::<Result<_>>()?;
        Ok(Disk {
            bytes: device.capacity().saturating_mul(SECTOR),
            read_only: device.readonly(),
            state: Mutex::new(State {
                device,
                slots,
                free: (0..SLOTS).collect(),
                progress: [Progress::Idle; SLOTS],
                owner: [0; DESCRIPTORS],
                in_flight: 0,
                flushing: false,
            }),
            changed: Condvar::new(),
            partial: Mutex::new(()),
        })
    }

    /// Serves the device's interrupts from now on, on a thread of its own.
    pub fn start(self: &Arc<Disk>, interrupt: Interrupt) -> Result<()> {
        let disk = self.clone();
        thread::try_spawn(move || {
            loop {
                interrupt.wait();
                disk.interrupted();
                interrupt.acknowledge();
            }
        })
        .map(drop)
    }

    fn interrupted(&self) {
        let state = &mut *self.state.lock();
        state.device.ack_interrupt();
        while let Some(token) = state.device.peek_used() {
            let Some(&index) = state.owner.get(usize::from(token)) else {
                break;
            };
            let buffer = state.slots[index];
            // SAFETY: the request is being taken back; its owner waits for `Done`.
            let result = unsafe {
                match state.progress[index] {
                    Progress::Reading(bytes) => {
                        let (request, data, response) = parts(buffer, bytes);
                        state
                            .device
                            .complete_read_blocks(token, request, data, response)
                    }
                    Progress::Writing(bytes) => {
                        let (request, data, response) = parts(buffer, bytes);
                        state
                            .device
                            .complete_write_blocks(token, request, data, response)
                    }
                    // The device names a request that it does not have.
                    Progress::Idle | Progress::Done(_) => break,
                }
            };
            state.progress[index] = Progress::Done(result.map_err(failure));
            state.in_flight -= 1;
        }
        self.changed.notify_all();
    }

    fn slot_of(&self, state: &mut State) -> Option<Slot<'_>> {
        let index = state.free.pop()?;
        Some(Slot {
            disk: self,
            index,
            buffer: state.slots[index],
        })
    }

    /// A free slot; waits for one. Who holds one already must not wait for another.
    fn slot(&self) -> Slot<'_> {
        let mut state = self.state.lock();
        loop {
            if let Some(slot) = self.slot_of(&mut state) {
                return slot;
            }
            state = self.changed.wait(state);
        }
    }

    fn free_slot(&self) -> Option<Slot<'_>> {
        self.slot_of(&mut self.state.lock())
    }

    fn submit<'d>(
        &'d self,
        slot: Slot<'d>,
        sector: u64,
        bytes: usize,
        write: bool,
    ) -> Result<Pending<'d>> {
        let sector = usize::try_from(sector).map_err(|_| Error::EINVAL)?;
        let mut guard = self.state.lock();
        while guard.flushing {
            guard = self.changed.wait(guard);
        }
        let state = &mut *guard;
        // SAFETY: the slot is given to the device under the lock; it comes back by `wait`.
        let token = unsafe {
            let (request, data, response) = parts(slot.buffer, bytes);
            if write {
                state
                    .device
                    .write_blocks_nb(sector, request, data, response)
            } else {
                state.device.read_blocks_nb(sector, request, data, response)
            }
        }
        .map_err(failure)?;
        state.owner[usize::from(token)] = slot.index;
        state.progress[slot.index] = if write {
            Progress::Writing(bytes)
        } else {
            Progress::Reading(bytes)
        };
        state.in_flight += 1;
        drop(guard);
        Ok(Pending(Some(slot)))
    }

    fn wait_done(&self, index: usize) -> Result<()> {
        let mut state = self.state.lock();
        loop {
            if let Progress::Done(result) = state.progress[index] {
                return result;
            }
            state = self.changed.wait(state);
        }
    }

    fn flush_alone(&self, state: &mut MutexGuard<'_, State>) -> Result<()> {
        state.device.flush().map_err(failure)
    }
}

impl disks::Disk for Disk {
    fn size(&self) -> u64 {
        self.bytes
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    fn read(&self, offset: u64, amount: usize, sink: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let amount = self.bytes.saturating_sub(offset).min(amount as u64);
        let end = offset + amount;
        let mut next = offset / SECTOR * SECTOR;
        let stop = end.next_multiple_of(SECTOR);
        let mut pending: VecDeque<(u64, usize, Pending<'_>)> = VecDeque::new();
        while next < stop && amount > 0 || !pending.is_empty() {
            // While one transfer is copied out, the device may work at the next.
            while next < stop && pending.len() < 2 {
                let slot = if pending.is_empty() {
                    Some(self.slot())
                } else {
                    self.free_slot()
                };
                let Some(slot) = slot else { break };
                let bytes = (stop - next).min(TRANSFER as u64) as usize;
                pending.push_back((next, bytes, self.submit(slot, next / SECTOR, bytes, false)?));
                next += bytes as u64;
            }
            let Some((start, bytes, request)) = pending.pop_front() else {
                break;
            };
            let mut slot = request.wait()?;
            let from = offset.saturating_sub(start) as usize;
            let to = (end - start).min(bytes as u64) as usize;
            sink(&slot.data()[from..to]);
        }
        Ok(amount as usize)
    }

    fn write(
        &self,
        offset: u64,
        amount: usize,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<usize> {
        if self.read_only {
            return Err(Error::EROFS);
        }
        let end = offset + self.bytes.saturating_sub(offset).min(amount as u64);
        if end == offset && amount > 0 {
            return Err(Error::ENOSPC);
        }
        let mut at = offset;
        while at < end {
            let start = at / SECTOR * SECTOR;
            let stop = end.next_multiple_of(SECTOR).min(start + TRANSFER as u64);
            let bytes = (stop - start) as usize;
            let from = (at - start) as usize;
            let to = (end.min(stop) - start) as usize;
            let partial = from != 0 || to != bytes;
            let _partial = partial.then(|| self.partial.lock());
            let mut slot = self.slot();
            if partial {
                slot = self.submit(slot, start / SECTOR, bytes, false)?.wait()?;
            }
            fill(&mut slot.data()[from..to]);
            self.submit(slot, start / SECTOR, bytes, true)?.wait()?;
            at = start + to as u64;
        }
        Ok((end - offset) as usize)
    }

    fn flush(&self) -> Result<()> {
        let mut state = self.state.lock();
        while state.flushing {
            state = self.changed.wait(state);
        }
        state.flushing = true;
        while state.in_flight > 0 {
            state = self.changed.wait(state);
        }
        let result = self.flush_alone(&mut state);
        state.flushing = false;
        drop(state);
        self.changed.notify_all();
        result
    }
}

fn failure(error: DeviceError) -> Error {
    match error {
        DeviceError::InvalidParam => Error::EINVAL,
        DeviceError::DmaError => Error::ENOMEM,
        DeviceError::Unsupported => Error::EOPNOTSUPP,
        _ => Error::EIO,
    }
}
