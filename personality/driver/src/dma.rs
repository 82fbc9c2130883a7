use alloc::sync::Arc;

use interface::driver;
use machuser::mach::{self, Contiguous};
use machuser::{Result, SendRight, env};

/// Where a driver gets memory for DMA.
pub struct Dma {
    right: SendRight,
    /// Who keeps the memory when this program ends and the device may still use it.
    keeper: Option<Arc<SendRight>>,
}

impl Dma {
    /// By this right. To be made before the program says that it serves.
    pub fn new(right: SendRight) -> Dma {
        let keeper = env::bootstrap();
        Dma { right, keeper }
    }

    /// So many pages of zeroes.
    ///
    /// # Errors
    /// `KERN_RESOURCE_SHORTAGE` without memory, and what who keeps it answers.
    pub fn allocate(&self, pages: usize) -> Result<Contiguous> {
        let memory = Contiguous::allocate(&self.right, pages)?;
        if let Some(keeper) = &self.keeper {
            let (address, bytes) = (memory.address() as u64, memory.bytes() as u64);
            let proxy = mach::vm_region_create_proxy(mach::SELF, address, bytes)?;
            match driver::driver_keep_memory(&**keeper, &proxy) {
                // Whoever does not start drivers again does not keep their memory.
                Err(error) if error.is_unsupported() => {}
                result => result?,
            }
        }
        Ok(memory)
    }
}
