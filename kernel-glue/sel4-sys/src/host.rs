//! Stands in for the kernel where there is none: every system call panics.

use super::{seL4_IPCBuffer, seL4_Word};

#[cold]
#[inline(never)]
fn absent() -> ! {
    panic!("an seL4 system call was made on a host that is not seL4")
}

pub fn ipc_buffer() -> *mut seL4_IPCBuffer {
    absent()
}

pub fn send<const NUMBER: i64>(_: seL4_Word, _: seL4_Word, _: [seL4_Word; 4]) {
    absent()
}

pub fn send_null<const NUMBER: i64>(_: seL4_Word, _: seL4_Word) {
    absent()
}

pub fn reply<const NUMBER: i64>(_: seL4_Word, _: [seL4_Word; 4]) {
    absent()
}

pub fn recv<const NUMBER: i64>(_: seL4_Word) -> (seL4_Word, seL4_Word, [seL4_Word; 4]) {
    absent()
}

pub fn send_recv<const NUMBER: i64>(
    _: seL4_Word,
    _: seL4_Word,
    _: [seL4_Word; 4],
) -> (seL4_Word, seL4_Word, [seL4_Word; 4]) {
    absent()
}

pub fn null<const NUMBER: i64>() {
    absent()
}
