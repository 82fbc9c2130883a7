//! A store as the device of the file system.

use alloc::boxed::Box;
use alloc::vec::Vec;

use ext2::{BlockDevice, DeviceError};
use machuser::Error;
use machuser::sync::Mutex;
use store::Store;

/// A store, read in as large pieces as the file system asks for.
pub struct Device {
    store: Box<dyn Store>,
    /// Where a run of pages arrives before it is spread over the cache.
    run: Mutex<Vec<u8>>,
}

impl Device {
    /// The device that lies on `store`.
    pub fn new(store: Box<dyn Store>) -> Device {
        Device {
            store,
            run: Mutex::new(Vec::new()),
        }
    }
}

impl BlockDevice for Device {
    fn size(&self) -> u64 {
        self.store.size()
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DeviceError> {
        self.store.read(offset, buffer).map_err(failure)
    }

    fn read_vectored(&self, offset: u64, buffers: &mut [&mut [u8]]) -> Result<(), DeviceError> {
        if let [buffer] = buffers {
            return self.read(offset, buffer);
        }
        let length = buffers.iter().map(|buffer| buffer.len()).sum();
        let mut run = self.run.lock();
        if run.len() < length {
            run.resize(length, 0);
        }
        self.store
            .read(offset, &mut run[..length])
            .map_err(failure)?;
        let mut at = 0;
        for buffer in buffers {
            buffer.copy_from_slice(&run[at..at + buffer.len()]);
            at += buffer.len();
        }
        Ok(())
    }
}

fn failure(error: Error) -> DeviceError {
    match error {
        Error::EINVAL => DeviceError::OutOfRange,
        error if error.is_server_died() => DeviceError::Gone,
        _ => DeviceError::Io,
    }
}
