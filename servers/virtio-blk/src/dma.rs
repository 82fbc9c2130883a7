//! Memory that the device reads and writes.

use alloc::vec::Vec;
use core::ptr::NonNull;

use driver::Dma;
use machuser::mach::Contiguous;
use machuser::sync::{Mutex, OnceLock};
use machuser::{Error, Result, SendRight, mach};
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

/// Where this driver gets memory for DMA.
static SOURCE: OnceLock<Dma> = OnceLock::new();

/// Sets the right by which memory is allocated. Later calls have no effect. To be called before the
/// program says that it serves.
pub fn set_right(right: SendRight) {
    // A second right would stand for the same memory.
    let _ = SOURCE.set(Dma::new(right));
}

/// All pieces of memory there are.
static PIECES: Mutex<Vec<Contiguous>> = Mutex::new(Vec::new());

fn allocate(pages: usize) -> Result<Contiguous> {
    let source = SOURCE.get().ok_or(Error::KERN_INVALID_HOST)?;
    let piece = source.allocate(pages)?;
    PIECES.lock().push(piece);
    Ok(piece)
}

fn physical(address: usize, bytes: usize) -> Option<PhysAddr> {
    PIECES.lock().iter().find_map(|piece| {
        let offset = address.checked_sub(piece.address())?;
        let fits = offset < piece.bytes() && bytes <= piece.bytes() - offset;
        fits.then(|| piece.physical() + offset as PhysAddr)
    })
}

/// A buffer for DMA that is never given back.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    address: NonNull<u8>,
}

// SAFETY: the address is of memory that belongs to whoever holds the buffer; who that is at a time
// is what the disk keeps track of.
unsafe impl Send for Buffer {}

impl Buffer {
    /// So many pages of zeroes.
    pub fn new(pages: usize) -> Result<Buffer> {
        let piece = allocate(pages)?;
        let address = NonNull::new(piece.address() as *mut u8).ok_or(Error::ENOMEM)?;
        Ok(Buffer { address })
    }

    /// Where the byte at `offset` is.
    ///
    /// # Safety
    /// `offset` lies within the pages that [`Buffer::new`] was asked for.
    pub unsafe fn at(self, offset: usize) -> NonNull<u8> {
        // SAFETY: the caller's promise.
        unsafe { self.address.add(offset) }
    }
}

/// Bytes in a cell of the bounce page: the headers of requests are smaller.
const CELL: usize = 64;
const CELLS: usize = PAGE_SIZE / CELL;

/// Cells for what the driver library keeps on its stack.
struct Bounce {
    page: Option<Contiguous>,
    used: u64,
}

static BOUNCE: Mutex<Bounce> = Mutex::new(Bounce {
    page: None,
    used: 0,
});
const _: () = assert!(CELLS == u64::BITS as usize);

impl Bounce {
    /// A free cell for so many bytes: where it is here, and for the device.
    fn take(&mut self, bytes: usize) -> Option<(usize, PhysAddr)> {
        let page = match self.page {
            Some(page) => page,
            None => *self.page.insert(allocate(1).ok()?),
        };
        let cell = (!self.used).trailing_zeros();
        if bytes > CELL || cell as usize == CELLS {
            return None;
        }
        self.used |= 1 << cell;
        let offset = cell as usize * CELL;
        Some((page.address() + offset, page.physical() + offset as PhysAddr))
    }

    /// The cell at a physical address, given back.
    fn give(&mut self, physical: PhysAddr) -> Option<usize> {
        let page = self.page?;
        let offset = usize::try_from(physical.checked_sub(page.physical())?).ok()?;
        if offset >= PAGE_SIZE {
            return None;
        }
        self.used &= !(1 << (offset / CELL));
        Some(page.address() + offset)
    }
}

/// How the driver library gets at memory here.
#[derive(Debug)]
pub enum Memory {}

// SAFETY: `dma_alloc` answers memory that was mapped for this call alone, page-aligned, zeroed by
// the mach server and never unmapped except by `dma_dealloc`; `mmio_phys_to_virt` is refused.
unsafe impl Hal for Memory {
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        // Physical address 0 is how the library is told of a failure.
        let Ok(piece) = allocate(pages) else {
            return (0, NonNull::dangling());
        };
        match NonNull::new(piece.address() as *mut u8) {
            Some(address) => (piece.physical(), address),
            None => (0, NonNull::dangling()),
        }
    }

    unsafe fn dma_dealloc(_physical: PhysAddr, address: NonNull<u8>, pages: usize) -> i32 {
        let address = address.as_ptr() as usize;
        PIECES.lock().retain(|piece| piece.address() != address);
        match mach::vm_deallocate(mach::SELF, address as u64, (pages * PAGE_SIZE) as u64) {
            Ok(()) => 0,
            Err(_) => -1,
        }
    }

    unsafe fn mmio_phys_to_virt(_physical: PhysAddr, _size: usize) -> NonNull<u8> {
        // Only PCI transports have registers beyond those that the driver was given.
        unreachable!("there is no PCI transport")
    }

    unsafe fn share(buffer: NonNull<[u8]>, direction: BufferDirection) -> PhysAddr {
        let address = buffer.cast::<u8>();
        if let Some(physical) = physical(address.as_ptr() as usize, buffer.len()) {
            return physical;
        }
        let (cell, physical) = BOUNCE
            .lock()
            .take(buffer.len())
            .expect("a cell for a request's header");
        if direction != BufferDirection::DeviceToDriver {
            // SAFETY: the caller promises that the buffer is valid and not accessed meanwhile; the
            // cell was given to nobody else and is as long.
            unsafe {
                core::ptr::copy_nonoverlapping(
                    address.as_ptr(),
                    cell as *mut u8,
                    buffer.len(),
                );
            }
        }
        physical
    }

    unsafe fn unshare(physical: PhysAddr, buffer: NonNull<[u8]>, direction: BufferDirection) {
        let mut bounce = BOUNCE.lock();
        let Some(cell) = bounce.give(physical) else {
            return;
        };
        if direction != BufferDirection::DriverToDevice {
            // SAFETY: as in `share`; the lock is held, so that the cell is nobody else's yet.
            unsafe {
                core::ptr::copy_nonoverlapping(
                    cell as *const u8,
                    buffer.cast::<u8>().as_ptr(),
                    buffer.len(),
                );
            }
        }
    }
}
