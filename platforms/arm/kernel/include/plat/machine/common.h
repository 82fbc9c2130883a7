/* SPDX-License-Identifier: GPL-2.0-only */

/* What the memory maps of all these boards share. */

#ifndef __PLAT_MACHINE_COMMON_H
#define __PLAT_MACHINE_COMMON_H

#include <basic_types.h>
#include <arch/linker.h>
#include <plat/machine.h>

#define kernelBase          0xffffff8000000000

/* Highest address that user space can map. */
#define USER_TOP            0x0000ffffffffffff

/* The generic timer's frequency, which firmware leaves in a register; the
 * kernel uses this name in expressions only. */
#define TIMER_CLOCK_HZ      plat_timer_frequency()

static inline uint64_t
plat_timer_frequency(void)
{
    uint64_t frequency;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
    return frequency;
}

/* Physical memory. The boot loader finds this symbol and writes the end that
 * the device tree gives, hence neither static nor const: see hardware.c. */
extern p_region_t avail_p_regs[1];

/* The kernel makes the largest aligned untyped objects that fit a region, and
 * an untyped object can only be used from its start. So each page with a
 * device of its own is a region of its own. */
#define DEVICE_PAGE(n) { (n), (n) + BIT(seL4_PageBits) }
#define DEVICE_REGION(start, size) { (start), (start) + (size) }

/* The kernel keeps no interrupt for itself but the timer's. */
static inline void
handleReservedIRQ(irq_t irq)
{
}

#endif /* __PLAT_MACHINE_COMMON_H */
