//! From the kernel's first instruction to the root task's `main`.

use core::cell::UnsafeCell;

use sel4::BootInfo;
use sel4::vspace::PAGE_SIZE;

use crate::{heap, image};

/// A stack, with a page below it that is unmapped before it is used.
#[repr(C, align(4096))]
pub struct Stack<const SIZE: usize> {
    guard: UnsafeCell<[u8; PAGE_SIZE]>,
    stack: UnsafeCell<[u8; SIZE]>,
}

// SAFETY: only the initial thread's stack pointer and the unmapping of the guard lead into it.
unsafe impl<const SIZE: usize> Sync for Stack<SIZE> {}

impl<const SIZE: usize> Stack<SIZE> {
    /// An empty stack.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        assert!(
            SIZE.is_multiple_of(PAGE_SIZE),
            "a stack is a whole number of pages"
        );
        Self {
            guard: UnsafeCell::new([0; PAGE_SIZE]),
            stack: UnsafeCell::new([0; SIZE]),
        }
    }
}

/// What the expansion of [`entry!`](crate::entry) needs.
pub mod __private {
    use super::*;
    use core::mem::offset_of;

    /// Where the boot info keeps the address of the IPC buffer.
    pub const IPC_BUFFER: usize = offset_of!(sel4::sys::seL4_BootInfo, ipcBuffer);
    /// Where the IPC buffer keeps its own address, on x86_64.
    pub const USER_DATA: usize = offset_of!(sel4::sys::seL4_IPCBuffer, userData);
    /// Bytes below the stack.
    pub const GUARD: usize = PAGE_SIZE;

    /// Memory of the first heap.
    #[repr(C, align(4096))]
    pub struct Heap<const SIZE: usize>(UnsafeCell<[u8; SIZE]>);

    // SAFETY: only the allocator touches it.
    unsafe impl<const SIZE: usize> Sync for Heap<SIZE> {}

    impl<const SIZE: usize> Heap<SIZE> {
        /// Zeroed memory.
        #[allow(clippy::new_without_default)]
        pub const fn new() -> Self {
            Self(UnsafeCell::new([0; SIZE]))
        }
    }

    /// Goes on where the assembly ends.
    ///
    /// # Safety
    /// Once, as the first code of the initial thread, on `stack`, with the boot info that the
    /// kernel named.
    pub unsafe fn enter<const STACK: usize, const HEAP: usize>(
        boot: *const sel4::sys::seL4_BootInfo,
        stack: &'static Stack<STACK>,
        first_heap: &'static Heap<HEAP>,
        main: fn(&'static BootInfo) -> !,
    ) -> ! {
        // SAFETY: the kernel's boot info stays as it is.
        let boot: &'static BootInfo = unsafe { BootInfo::from_ptr(boot) };
        image::record(boot);
        // A missing guard is no reason not to run.
        if let Some(page) = image::frame_of(boot, stack.guard.get() as usize) {
            let _ = page.unmap();
        }
        // SAFETY: the memory is the allocator's from now on.
        unsafe { heap::add_heap(first_heap.0.get().cast(), HEAP) };
        main(boot)
    }
}

/// Makes `fn main(&'static BootInfo) -> !` the program, on a stack and with a heap of so many
/// bytes. The stack is a multiple of 4096.
#[macro_export]
macro_rules! entry {
    ($main:path, stack = $stack:expr, heap = $heap:expr $(,)?) => {
        const _: () = {
            use $crate::__private;

            static STACK: $crate::Stack<{ $stack }> = $crate::Stack::new();
            static HEAP: __private::Heap<{ $heap }> = __private::Heap::new();

            unsafe extern "C" fn enter(boot: *const $crate::__BootInfo) -> ! {
                // SAFETY: `_start` runs once, and calls this on the stack named here.
                unsafe { __private::enter(boot, &STACK, &HEAP, $main) }
            }

            /// Where the kernel enters the program.
            #[unsafe(no_mangle)]
            #[unsafe(naked)]
            unsafe extern "C" fn _start() -> ! {
                #[cfg(target_arch = "aarch64")]
                ::core::arch::naked_asm!(
                    "ldr x1, [x0, #{ipc_buffer}]",
                    "msr tpidr_el0, x1",
                    "adrp x1, {stack} + {size}",
                    "add x1, x1, :lo12:{stack} + {size}",
                    "mov sp, x1",
                    "mov x29, xzr",
                    "mov x30, xzr",
                    "b {enter}",
                    ipc_buffer = const __private::IPC_BUFFER,
                    stack = sym STACK,
                    size = const __private::GUARD + $stack,
                    enter = sym enter,
                );
                #[cfg(target_arch = "x86_64")]
                ::core::arch::naked_asm!(
                    "mov rax, [rdi + {ipc_buffer}]",
                    "mov [rax + {user_data}], rax",
                    "lea rsp, [rip + {stack} + {size}]",
                    "xor ebp, ebp",
                    "call {enter}",
                    "ud2",
                    ipc_buffer = const __private::IPC_BUFFER,
                    user_data = const __private::USER_DATA,
                    stack = sym STACK,
                    size = const __private::GUARD + $stack,
                    enter = sym enter,
                );
            }
        };
    };
}
