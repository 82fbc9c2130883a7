/* SPDX-License-Identifier: GPL-2.0-only */

/* Memory map of the Zynq UltraScale+ on a ZCU102. */

#ifndef __PLAT_MACHINE_HARDWARE_H
#define __PLAT_MACHINE_HARDWARE_H

#include <config.h>
#include <plat/machine/common.h>
#include <plat/machine/devices.h>
#include <plat/machine/physbase.h>

static const kernel_frame_t BOOT_RODATA kernel_devices[] = {
    { GIC_CONTROLLER_PADDR, GIC_CONTROLLER_PPTR, true },
    { GIC_DISTRIBUTOR_PADDR, GIC_DISTRIBUTOR_PPTR, true },
#ifdef CONFIG_PRINTING
    { UART_PADDR, UART_PPTR, true },
#endif
};

/* End of physical memory where no device tree tells of it. 112 MiB. */
#define MEMORY_END          (physBase + 0x07000000)

static const p_region_t BOOT_RODATA dev_p_regs[] = {
    DEVICE_PAGE(UART_PADDR),
    DEVICE_PAGE(UART1_PADDR),
    DEVICE_PAGE(SD0_PADDR),
    DEVICE_PAGE(SD1_PADDR),
    DEVICE_PAGE(RTC_PADDR),
};

#endif /* __PLAT_MACHINE_HARDWARE_H */
