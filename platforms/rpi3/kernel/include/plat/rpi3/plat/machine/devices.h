/* SPDX-License-Identifier: GPL-2.0-only */

/* Device addresses of the BCM2837, as its processor sees them: the manual of
 * the peripherals counts them from 0x7e000000. */

#ifndef __PLAT_MACHINE_DEVICES_H
#define __PLAT_MACHINE_DEVICES_H

/* Where the kernel maps the devices that it drives itself. */
#define UART_PPTR                   0xffffffffffff0000
#define INTC_PPTR                   0xffffffffffff3000
#define LOCAL_PPTR                  0xffffffffffff4000

#define SYSTEM_TIMER_PADDR          0x3f003000
#define DMA_PADDR                   0x3f007000
/* The page of the interrupt controller, of the mailboxes to the firmware and
 * of the ARM timer. */
#define INTC_PADDR                  0x3f00b000
#define POWER_PADDR                 0x3f100000
#define CLOCKS_PADDR                0x3f101000
#define RANDOM_PADDR                0x3f104000
#define GPIO_PADDR                  0x3f200000
#define UART_PADDR                  0x3f201000
#define SDHOST_PADDR                0x3f202000
#define PCM_PADDR                   0x3f203000
#define SPI_PADDR                   0x3f204000
#define I2C_0_PADDR                 0x3f205000
#define PWM_PADDR                   0x3f20c000
#define AUXILIARY_PADDR             0x3f215000
#define SDHCI_PADDR                 0x3f300000
#define I2C_1_PADDR                 0x3f804000
#define USB_PADDR                   0x3f980000
#define USB_SIZE                    0x00010000
/* Timers, mailboxes and interrupts of the cores. */
#define LOCAL_PADDR                 0x40000000

#endif /* __PLAT_MACHINE_DEVICES_H */
