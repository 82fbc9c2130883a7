/* SPDX-License-Identifier: GPL-2.0-only */

/* Memory map of the Zynq UltraScale+ on a ZCU102. */

#ifndef __PLAT_MACHINE_HARDWARE_H
#define __PLAT_MACHINE_HARDWARE_H

#include <config.h>
#include <basic_types.h>
#include <arch/linker.h>
#include <plat/machine.h>
#include <plat/machine/devices.h>
#include <plat/machine/physbase.h>

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

static const kernel_frame_t BOOT_RODATA kernel_devices[] = {
    { GIC_CONTROLLER_PADDR, GIC_CONTROLLER_PPTR, true },
    { GIC_DISTRIBUTOR_PADDR, GIC_DISTRIBUTOR_PPTR, true },
#ifdef CONFIG_PRINTING
    { UART_PADDR, UART_PPTR, true },
#endif
};

/* End of physical memory where no device tree tells of it. 112 MiB. */
#define MEMORY_END          (physBase + 0x07000000)

/* Physical memory. The boot loader finds this symbol and writes the end that
 * the device tree gives, hence neither static nor const: see hardware.c. */
extern p_region_t avail_p_regs[1];

#define DEVICE_PAGE(n) { (n), (n) + BIT(seL4_PageBits) }

/* Each page with a device of its own is a region of its own. */
static const p_region_t BOOT_RODATA dev_p_regs[] = {
    DEVICE_PAGE(UART_PADDR),
    DEVICE_PAGE(UART1_PADDR),
    DEVICE_PAGE(SD0_PADDR),
    DEVICE_PAGE(SD1_PADDR),
    DEVICE_PAGE(RTC_PADDR),
};

/* The kernel keeps no interrupt of this board for itself but the timer's. */
static inline void
handleReservedIRQ(irq_t irq)
{
}

#endif /* __PLAT_MACHINE_HARDWARE_H */
