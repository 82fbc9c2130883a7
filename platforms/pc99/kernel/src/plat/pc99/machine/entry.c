/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What programs bring into the kernel. `sysenter` leaves all flags but two as
 * the program has set them, and its return goes where two registers of the
 * program say. The kernel takes all that as it is, and the machine ends:
 *
 * - With the trap flag the kernel's first instruction is a debug exception,
 *   which it takes for an error of its own, and it halts.
 * - With the flag of nested tasks its next `iretq` is a general protection.
 * - With the direction flag its copies run backwards; that flag outlives
 *   interrupts and exceptions, too.
 * - Where a register holds no address, its `sysexit` is a general protection.
 *
 * A program can also set the bases of fs and gs to 0, by loading their
 * selectors. The kernel writes them only when they differ from what it wrote
 * last, so that the next thread with the same bases would go on without: it is
 * made to forget them, but for a base of fs that is 0 anyway.
 *
 * The linker puts these functions before the kernel's own of the same names
 * (--wrap). A thread whose addresses are none goes on at 0, and faults.
 */

#include <config.h>
#include <util.h>

/* Both of its variables are -1 where it does not know. */
#define FORGET_BASES \
    "    movq $-1, x86KSCurrentGSBase\n" \
    "    cmpq $0, x86KSCurrentFSBase\n" \
    "    je 9f\n" \
    "    movq $-1, x86KSCurrentFSBase\n" \
    "9:\n"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

asm(
    ".section .text\n"

    /* RCX: the program's stack pointer; RDX: where its `sysenter` is, behind
     * which it goes on; RSP: nothing yet. */
    ".global __wrap_handle_syscall\n"
    ".type __wrap_handle_syscall, %function\n"
    "__wrap_handle_syscall:\n"
    "    leaq 2(%rdx), %rsp\n"
    "    orq %rcx, %rsp\n"
    "    shrq $47, %rsp\n"
    "    jnz 2f\n"
    "1:  movq $kernel_stack_alloc + (1 << " TEXT(CONFIG_KERNEL_STACK_BITS) "), %rsp\n"
    "    pushq $2\n"
    "    popfq\n"
    FORGET_BASES
    "    jmp __real_handle_syscall\n"
    "2:  xorl %ecx, %ecx\n"
    "    xorl %edx, %edx\n"
    "    jmp 1b\n"

    /* A debug exception: no error code, and on the stack of interrupts RIP,
     * CS, flags. In the kernel it is the program's trap flag. */
    ".global __wrap_int_01\n"
    ".type __wrap_int_01, %function\n"
    "__wrap_int_01:\n"
    "    testb $3, 8(%rsp)\n"
    "    jnz __real_int_01\n"
    "    andq $~0x100, 16(%rsp)\n"
    "    iretq\n"

    /* Interrupts and exceptions of programs, when their registers are saved. */
    ".global __wrap_c_x64_handle_interrupt\n"
    ".type __wrap_c_x64_handle_interrupt, %function\n"
    "__wrap_c_x64_handle_interrupt:\n"
    "    cld\n"
    FORGET_BASES
    "    jmp __real_c_x64_handle_interrupt\n"
);
