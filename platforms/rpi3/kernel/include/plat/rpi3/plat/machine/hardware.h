/* SPDX-License-Identifier: GPL-2.0-only */

/* Memory map of the Raspberry Pi 3. */

#ifndef __PLAT_MACHINE_HARDWARE_H
#define __PLAT_MACHINE_HARDWARE_H

#include <config.h>
#include <plat/machine/common.h>
#include <plat/machine/devices.h>
#include <plat/machine/physbase.h>

static const kernel_frame_t BOOT_RODATA kernel_devices[] = {
    { INTC_PADDR, INTC_PPTR, true },
    { LOCAL_PADDR, LOCAL_PPTR, true },
#ifdef CONFIG_PRINTING
    { UART_PADDR, UART_PPTR, true },
#endif
};

/* End of physical memory where no device tree tells of it. What the firmware's video processor leaves by default. */
#define MEMORY_END          0x3b400000

/* The page of the interrupt controller is the kernel's alone. */
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

#endif /* __PLAT_MACHINE_HARDWARE_H */
