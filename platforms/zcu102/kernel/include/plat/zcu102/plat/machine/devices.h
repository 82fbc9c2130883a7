/* SPDX-License-Identifier: GPL-2.0-only */

/* Device addresses of the Zynq UltraScale+ (UG1085, table 10-1 and 10-9). */

#ifndef __PLAT_MACHINE_DEVICES_H
#define __PLAT_MACHINE_DEVICES_H

/* Where the kernel maps the devices that it drives itself. */
#define UART_PPTR                   0xffffffffffff0000
#define GIC_DISTRIBUTOR_PPTR        0xffffffffffff3000
#define GIC_CONTROLLER_PPTR         0xffffffffffff4000
#define GIC_PL390_DISTRIBUTOR_PPTR  GIC_DISTRIBUTOR_PPTR
#define GIC_PL390_CONTROLLER_PPTR   GIC_CONTROLLER_PPTR

#define GIC_DISTRIBUTOR_PADDR       0xf9010000
#define GIC_CONTROLLER_PADDR        0xf9020000

#define UART_PADDR                  0xff000000
#define UART1_PADDR                 0xff010000
#define SD0_PADDR                   0xff160000
#define SD1_PADDR                   0xff170000
#define RTC_PADDR                   0xffa60000

#endif /* __PLAT_MACHINE_DEVICES_H */
