//! Where the program lies, and what lies behind it.

use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};

use sel4::vspace::{PAGE_BITS, PAGE_SIZE};
use sel4::{BootInfo, cap};

static START: AtomicUsize = AtomicUsize::new(0);
static END: AtomicUsize = AtomicUsize::new(0);
static IPC_BUFFER: AtomicUsize = AtomicUsize::new(0);

#[cfg(target_os = "none")]
fn start() -> usize {
    unsafe extern "C" {
        static __root_task_start: u8;
    }
    (&raw const __root_task_start) as usize
}

/// There is no image on a host.
#[cfg(not(target_os = "none"))]
fn start() -> usize {
    0
}

/// Remembers the extents of the image.
#[cfg_attr(not(target_os = "none"), allow(dead_code))]
pub fn record(boot: &BootInfo) {
    let frames = boot.user_image_frames();
    START.store(start(), Ordering::Relaxed);
    END.store(
        start() + (frames.end - frames.start) as usize * PAGE_SIZE,
        Ordering::Relaxed,
    );
    IPC_BUFFER.store(boot.ipc_buffer(), Ordering::Relaxed);
}

/// The page of the image in which an address lies.
#[cfg_attr(not(target_os = "none"), allow(dead_code))]
pub fn frame_of(boot: &BootInfo, address: usize) -> Option<cap::Page> {
    image().contains(&address).then(|| {
        let page = (address - image().start) >> PAGE_BITS;
        cap::Page::from_bits(boot.user_image_frames().start + page as u64)
    })
}

/// The addresses of the program's image: the program itself with its zeroed data, and what the
/// loader put behind it. Page `n` of it is the capability `n` of the boot info's
/// `user_image_frames`. The IPC buffer and the boot info lie outside of it.
#[must_use]
pub fn image() -> Range<usize> {
    START.load(Ordering::Relaxed)..END.load(Ordering::Relaxed)
}

/// What was appended to the linked program, from a page border on, with whatever follows it in the
/// image: its form tells where it ends.
#[cfg(target_os = "none")]
#[must_use]
pub fn appended() -> &'static [u8] {
    unsafe extern "C" {
        static __root_task_appended: u8;
    }
    let start = (&raw const __root_task_appended) as usize;
    // SAFETY: the bytes from the linker's symbol to the end of the image are mapped, and nobody
    // writes to them.
    unsafe { core::slice::from_raw_parts(start as *const u8, image().end.saturating_sub(start)) }
}

/// The device tree that the loader put behind the program.
#[cfg(target_arch = "aarch64")]
#[must_use]
pub fn device_tree() -> Option<&'static [u8]> {
    use sel4_loader::Trailer;

    let image = image();
    // The loader's trailer ends where the IPC buffer begins; a parent who plays the kernel's part
    // may have put the IPC buffer elsewhere.
    if image.is_empty() || image.end != IPC_BUFFER.load(Ordering::Relaxed) {
        return None;
    }
    let place = (image.end - Trailer::SIZE) as *const [u8; Trailer::SIZE];
    // SAFETY: the bytes lie in the image, which is mapped.
    let trailer = Trailer::from_bytes(unsafe { &*place })?;
    let (tree, size) = (
        trailer.device_tree as usize,
        trailer.device_tree_size as usize,
    );
    let end = tree.checked_add(size)?;
    (tree != 0 && image.contains(&tree) && end <= image.end).then(|| {
        // SAFETY: the bytes lie in the image, behind the program's own memory.
        unsafe { core::slice::from_raw_parts(tree as *const u8, size) }
    })
}

/// The device tree that the loader put behind the program; PCs have none.
#[cfg(not(target_arch = "aarch64"))]
#[must_use]
pub fn device_tree() -> Option<&'static [u8]> {
    None
}
