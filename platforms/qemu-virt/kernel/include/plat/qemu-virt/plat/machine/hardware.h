/* SPDX-License-Identifier: GPL-2.0-only */

/* Memory map of QEMU's `virt` board. */

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

/* End of physical memory where no device tree tells of it. 128 MiB. */
#define MEMORY_END          (physBase + 0x08000000)

static const p_region_t BOOT_RODATA dev_p_regs[] = {
    DEVICE_PAGE(UART_PADDR),
    DEVICE_PAGE(RTC_PADDR),
    DEVICE_PAGE(FW_CFG_PADDR),
    DEVICE_PAGE(GPIO_PADDR),
    DEVICE_PAGE(VIRTIO_PADDR),
    DEVICE_PAGE(VIRTIO_PADDR + 0x1000),
    DEVICE_PAGE(VIRTIO_PADDR + 0x2000),
    DEVICE_PAGE(VIRTIO_PADDR + 0x3000),
    DEVICE_PAGE(GIC_MSI_FRAME_PADDR),
    DEVICE_REGION(SMMU_PADDR, SMMU_SIZE),
    DEVICE_REGION(PLATFORM_BUS_PADDR, PLATFORM_BUS_SIZE),
    DEVICE_REGION(PCIE_PIO_PADDR, PCIE_PIO_SIZE),
    DEVICE_REGION(PCIE_ECAM_PADDR, PCIE_ECAM_SIZE),
    DEVICE_REGION(PCIE_HIGH_ECAM_PADDR, PCIE_HIGH_ECAM_SIZE),
    DEVICE_REGION(PCIE_MMIO_PADDR, PCIE_MMIO_SIZE),
    DEVICE_REGION(FLASH_PADDR, FLASH_BANK_SIZE),
    DEVICE_REGION(FLASH_PADDR + FLASH_BANK_SIZE, FLASH_BANK_SIZE),
};

#endif /* __PLAT_MACHINE_HARDWARE_H */
