//! From the firmware to the kernel.

mod board;
mod cache;
mod console;
mod exceptions;
mod memory;
mod registers;
mod start;

use core::ops::Range;

use sel4_loader::fdt::{self, DeviceTree};
use sel4_loader::payload::{self, Header};
use sel4_loader::tables::{self, Kind};
use sel4_loader::{PAGE_SIZE, Trailer, page_up};

use console::{fail, println};
use memory::Memory;

/// Bytes of the checksum behind the payload.
const CHECKSUM_SIZE: u64 = 8;

/// Memory that is left to the kernel and the root task, at least, for what they need before they can
/// say that they need more: the root CNode, page tables, the first part of the root task's heap.
const RESERVE: u64 = 6 << 20;

/// Called by the first instructions, at EL1 or EL2, MMU off, on the loader's stack, with the
/// address that the firmware gives for the device tree.
extern "C" fn load(device_tree: u64) -> ! {
    if let Err(level) = registers::enter_el1() {
        fail(format_args!(
            "entered at EL{level}; it runs at EL1 and EL2 only"
        ));
    }
    exceptions::install();
    console::set_up();
    if let Some(reason) = registers::misfit() {
        fail(format_args!("not on this processor: {reason}"));
    }

    let image = start::image();
    let loader = start::loader();
    let payload = loader.end..image.start + start::file_size().saturating_sub(CHECKSUM_SIZE);
    if payload.is_empty() {
        fail(format_args!("{}", payload::Error::NoPayload));
    }
    // SAFETY: the loader is the only user of memory, and this is the only time that it takes it.
    let mut memory = unsafe { Memory::all_but(loader.clone()) };

    send_to_sleep(&mut memory);

    let header = Header::read(memory.bytes(payload.clone()), payload.start, loader.start)
        .unwrap_or_else(|error| fail(format_args!("{error}")));
    let root_start = payload.start + header.root_offset;
    let root_end = root_start + header.root_memory_size;
    let kernel_end = header.kernel_physical + header.kernel_memory_size;

    let device_tree = find_device_tree(&memory, device_tree);
    let tree_size = device_tree.as_ref().map_or(0, |tree| tree.used);
    let user_end = page_up(root_end + tree_size + Trailer::SIZE as u64)
        .unwrap_or_else(|| fail(format_args!("{}", fdt::Malformed)));
    let bank = device_tree.as_ref().and_then(|tree| tree.bank.clone());
    let memory_end = bank.map(|bank| bank.end & !(PAGE_SIZE - 1));
    if let Some(end) = memory_end
        && user_end + RESERVE > end
    {
        let needed = user_end + RESERVE;
        fail(format_args!(
            "too little memory: it is needed up to {needed:#x} at the least, but ends at {end:#x}"
        ));
    }

    map_memory(
        &header,
        board::MEMORY..user_end,
        device_tree.as_ref().map(|tree| &tree.place),
    );
    check_payload(&memory, payload.clone());

    // The device tree goes first: zeroed memory of the root task may begin where the firmware has
    // put it.
    let mut trailer = Trailer {
        image_start: header.root_virtual,
        device_tree: 0,
        device_tree_size: 0,
    };
    if let Some(tree) = &device_tree {
        memory.copy_within(tree.place.start, root_end, tree.used);
        if fdt::set_total_size(memory.bytes_mut(root_end..root_end + tree.used)).is_err() {
            fail(format_args!("{}", fdt::Malformed));
        }
        trailer.device_tree = header.root_virtual + header.root_memory_size;
        trailer.device_tree_size = tree.used;
    }
    let trailer_start = user_end - Trailer::SIZE as u64;
    memory
        .bytes_mut(root_end + tree_size..trailer_start)
        .fill(0);
    memory
        .bytes_mut(trailer_start..user_end)
        .copy_from_slice(&trailer.to_bytes());
    memory
        .bytes_mut(root_start + header.root_file_size..root_end)
        .fill(0);

    let kernel_source = payload.start + header.kernel_offset;
    memory.copy_within(
        kernel_source,
        header.kernel_physical,
        header.kernel_file_size,
    );
    memory
        .bytes_mut(header.kernel_physical + header.kernel_file_size..kernel_end)
        .fill(0);
    match memory_end {
        Some(end) => {
            let word = header.kernel_memory_end;
            memory
                .bytes_mut(word..word + 8)
                .copy_from_slice(&end.to_le_bytes());
            println!("memory up to {end:#x}");
        }
        None => {
            println!("no device tree that tells of memory: using what the kernel was built for")
        }
    }
    println!(
        "kernel {:#x}..{kernel_end:#x}, root task {root_start:#x}..{user_end:#x}",
        header.kernel_physical
    );

    cache::clean_and_invalidate(header.kernel_physical..kernel_end);
    cache::clean_and_invalidate(root_start..user_end);
    let offset = root_start.wrapping_sub(header.root_virtual);
    // SAFETY: the kernel is in place and mapped; the arguments are those that its entry takes, for
    // a user image that is page-aligned and above the kernel.
    unsafe {
        start::enter_kernel(
            [root_start, user_end, offset, header.root_entry],
            header.kernel_entry,
        )
    }
}

/// Sends the other cores to sleep, if the board's description says where they wait. There they
/// would look for work all the time. The MMU is off, so that they see what is written.
fn send_to_sleep(memory: &mut Memory) {
    /// `wfi`, and a branch back to it.
    const SLEEP: [u32; 2] = [0xd503_207f, 0x17ff_ffff];
    let code = board::SLEEP;
    if board::CORES.is_empty() {
        return;
    }
    for (index, instruction) in SLEEP.into_iter().enumerate() {
        let at = code + 4 * index as u64;
        let bytes = memory.bytes_mut(at..at + 4);
        bytes.copy_from_slice(&instruction.to_le_bytes());
    }
    for &word in board::CORES {
        let bytes = memory.bytes_mut(word..word + 8);
        bytes.copy_from_slice(&code.to_le_bytes());
    }
    cache::invalidate_instructions();
    aarch64_cpu::asm::sev();
}

/// A device tree where the firmware has put it.
struct FirmwareTree {
    /// Where it lies, with its slack.
    place: Range<u64>,
    /// Bytes that it really takes.
    used: u64,
    /// The memory that the kernel and the loader lie in.
    bank: Option<Range<u64>>,
}

/// Reads the device tree at `address`, if there is one. The MMU is off.
fn find_device_tree(memory: &Memory, address: u64) -> Option<FirmwareTree> {
    if address == 0 || !address.is_multiple_of(8) {
        return None;
    }
    let header = memory.bytes(address..address + fdt::HEADER_SIZE as u64);
    let size = fdt::total_size(header.try_into().ok()?)? as u64;
    let place = address..address + size;
    let tree = DeviceTree::new(memory.bytes(place.clone()));
    let bank = tree.and_then(|tree| Ok((tree.used_size(), tree.memory_bank(board::MEMORY)?)));
    match bank {
        Ok((used, bank)) => Some(FirmwareTree {
            place,
            used: used as u64,
            bank,
        }),
        Err(error) => fail(format_args!("{error}")),
    }
}

/// Maps memory, device tree and UART to where they are, the kernel to its virtual addresses, and
/// switches the MMU on.
fn map_memory(header: &Header, memory: Range<u64>, device_tree: Option<&Range<u64>>) {
    let mut tables = start::tables();
    let mut map = || {
        let low = tables.root()?;
        let mut map_low = |start: u64, end: u64, kind| {
            tables.map(low, start, start, end.saturating_sub(start), kind)
        };
        map_low(memory.start, memory.end, Kind::Memory)?;
        if let Some(tree) = device_tree {
            map_low(tree.start, tree.end, Kind::Memory)?;
        }
        let uart = board::UART as u64;
        map_low(uart, uart + PAGE_SIZE, Kind::Device)?;
        let high = tables.root()?;
        let Header {
            kernel_virtual,
            kernel_physical,
            kernel_memory_size,
            ..
        } = *header;
        tables.map(
            high,
            kernel_virtual,
            kernel_physical,
            kernel_memory_size,
            Kind::Memory,
        )?;
        Ok((tables.address(low), tables.address(high)))
    };
    let roots: Result<(u64, u64), tables::Error> = map();
    match roots {
        // SAFETY: everything that the loader uses is mapped to where it is.
        Ok((low, high)) => unsafe { registers::enable_mmu(low, high) },
        Err(error) => fail(format_args!("{error}")),
    }
}

/// Compares the payload with the checksum behind it.
fn check_payload(memory: &Memory, payload: Range<u64>) {
    let sum = payload::checksum(memory.bytes(payload.clone()));
    if memory.bytes(payload.end..payload.end + CHECKSUM_SIZE) != sum.to_le_bytes() {
        fail(format_args!("the image is damaged: its checksum differs"));
    }
}
