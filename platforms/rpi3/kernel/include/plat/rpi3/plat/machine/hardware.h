/* SPDX-License-Identifier: GPL-2.0-only */

/* Memory map of the Raspberry Pi 3. */

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

/* The generic timer's frequency, which firmware leaves in a register: 19.2 MHz
 * on the board, another one in emulators. The kernel uses this name in
 * expressions only. */
#define TIMER_CLOCK_HZ      plat_timer_frequency()

static inline uint64_t
plat_timer_frequency(void)
{
    uint64_t frequency;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
    return frequency;
}

static const kernel_frame_t BOOT_RODATA kernel_devices[] = {
    { INTC_PADDR, INTC_PPTR, true },
    { LOCAL_PADDR, LOCAL_PPTR, true },
#ifdef CONFIG_PRINTING
    { UART_PADDR, UART_PPTR, true },
#endif
};

/* End of physical memory where no device tree tells of it. What the firmware's video processor leaves by default. */
#define MEMORY_END          0x3b400000

/* Physical memory. The boot loader finds this symbol and writes the end that
 * the device tree gives, hence neither static nor const: see hardware.c. */
extern p_region_t avail_p_regs[1];

#define DEVICE_PAGE(n) { (n), (n) + BIT(seL4_PageBits) }
#define DEVICE_REGION(start, size) { (start), (start) + (size) }

/* The kernel makes the largest aligned untyped objects that fit a region, and
 * an untyped object can only be used from its start. So each page with a
 * device of its own is a region of its own. The page of the interrupt
 * controller is the kernel's alone. */
static const p_region_t BOOT_RODATA dev_p_regs[] = {
    DEVICE_PAGE(SYSTEM_TIMER_PADDR),
    DEVICE_PAGE(DMA_PADDR),
    DEVICE_PAGE(POWER_PADDR),
    DEVICE_PAGE(CLOCKS_PADDR),
    DEVICE_PAGE(RANDOM_PADDR),
    DEVICE_PAGE(GPIO_PADDR),
    DEVICE_PAGE(UART_PADDR),
    DEVICE_PAGE(SDHOST_PADDR),
    DEVICE_PAGE(PCM_PADDR),
    DEVICE_PAGE(SPI_PADDR),
    DEVICE_PAGE(I2C_0_PADDR),
    DEVICE_PAGE(PWM_PADDR),
    DEVICE_PAGE(AUXILIARY_PADDR),
    DEVICE_PAGE(SDHCI_PADDR),
    DEVICE_PAGE(I2C_1_PADDR),
    DEVICE_REGION(USB_PADDR, USB_SIZE),
};

/* The kernel keeps no interrupt of this board for itself but the timer's. */
static inline void
handleReservedIRQ(irq_t irq)
{
}

#endif /* __PLAT_MACHINE_HARDWARE_H */
