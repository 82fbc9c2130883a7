//! Devices (`device.defs`), served by drivers.

use crate::interface;

/// `device_open`: for reading.
pub const D_READ: u32 = 1;
/// For writing.
pub const D_WRITE: u32 = 2;
/// Do not wait.
pub const D_NODELAY: u32 = 4;

/// Operations on the device master port (`device_open`) and on a device.
///
/// A record is the device's unit: a block of a disk, a byte of a terminal.
#[interface(base = 2800, name = "device")]
pub trait Device {
    /// Opens a device.
    #[routine(0)]
    fn device_open(mode: u32, name: Str, device: Out<SendRight>);
    /// Closes it.
    #[routine(1)]
    fn device_close();
    /// Writes from record `recnum` on; answers the number of bytes.
    #[routine(2)]
    fn device_write(mode: u32, recnum: u64, data: Data, bytes_written: Out<i32>);
    /// As `device_write`, of little data.
    #[routine(3)]
    fn device_write_inband(mode: u32, recnum: u64, data: Data, bytes_written: Out<i32>);
    /// Reads at most `bytes_wanted` from record `recnum` on.
    #[routine(4)]
    fn device_read(mode: u32, recnum: u64, bytes_wanted: i32, data: Out<Data>);
    /// As `device_read`, of little data.
    #[routine(5)]
    fn device_read_inband(mode: u32, recnum: u64, bytes_wanted: i32, data: Out<Data>);
    /// As `device_open`.
    #[routine(6)]
    fn device_open_new(mode: u32, name: Str, device: Out<SendRight>);
    /// A memory object of the device.
    #[routine(9)]
    fn device_map(prot: i32, offset: u64, size: u64, unmap: i32, pager: Out<SendRight>);
    /// Sets a part of the status.
    #[routine(10)]
    fn device_set_status(flavor: u32, status: [i32]);
    /// A part of the status.
    #[routine(11)]
    fn device_get_status(flavor: u32, status: Out<[i32]>);
    /// Has the packets that pass a filter sent to a port.
    #[routine(12)]
    fn device_set_filter(receive_port: SendRight, priority: i32, filter: [u16]);
    /// Has interrupts sent to a port.
    #[routine(13)]
    fn device_intr_register(id: i32, flags: i32, receive_port: SendRight);
    /// The interrupt has been served.
    #[routine(14)]
    fn device_intr_ack(receive_port: SendRight);
}
