/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The kernel's way out for an interrupt that came while it served another finds
 * the top of its stack by rounding the stack pointer up to the stack's size, and
 * aligns the stack to 16 bytes. All C files are one to the compiler, so that
 * this declaration aligns it as that needs.
 */

#include <config.h>
#include <util.h>
#include <kernel/stack.h>

extern char kernel_stack_alloc[CONFIG_MAX_NUM_NODES][BIT(CONFIG_KERNEL_STACK_BITS)]
ALIGN(BIT(CONFIG_KERNEL_STACK_BITS));
