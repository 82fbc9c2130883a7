/* SPDX-License-Identifier: GPL-2.0-only */

/* Device addresses of QEMU's `virt` board. */

#ifndef __PLAT_MACHINE_DEVICES_H
#define __PLAT_MACHINE_DEVICES_H

/* Where the kernel maps the devices that it drives itself. */
#define UART_PPTR                   0xffffffffffff0000
#define GIC_DISTRIBUTOR_PPTR        0xffffffffffff3000
#define GIC_CONTROLLER_PPTR         0xffffffffffff4000
#define GIC_PL390_DISTRIBUTOR_PPTR  GIC_DISTRIBUTOR_PPTR
#define GIC_PL390_CONTROLLER_PPTR   GIC_CONTROLLER_PPTR

#define GIC_DISTRIBUTOR_PADDR       0x08000000
#define GIC_CONTROLLER_PADDR        0x08010000
#define GIC_MSI_FRAME_PADDR         0x08020000

#define FLASH_PADDR                 0x00000000
#define FLASH_BANK_SIZE             0x04000000
#define UART_PADDR                  0x09000000
#define RTC_PADDR                   0x09010000
#define FW_CFG_PADDR                0x09020000
#define GPIO_PADDR                  0x09030000
#define SMMU_PADDR                  0x09050000
#define SMMU_SIZE                   0x00020000
#define VIRTIO_PADDR                0x0a000000
#define PLATFORM_BUS_PADDR          0x0c000000
#define PLATFORM_BUS_SIZE           0x02000000
#define PCIE_MMIO_PADDR             0x10000000
#define PCIE_MMIO_SIZE              0x2eff0000
#define PCIE_PIO_PADDR              0x3eff0000
#define PCIE_PIO_SIZE               0x00010000
#define PCIE_ECAM_PADDR             0x3f000000
#define PCIE_ECAM_SIZE              0x01000000
/* The configuration space that QEMU uses unless told `highmem=off`. */
#define PCIE_HIGH_ECAM_PADDR        0x4010000000
#define PCIE_HIGH_ECAM_SIZE         0x10000000

#endif /* __PLAT_MACHINE_DEVICES_H */
