/* SPDX-License-Identifier: GPL-2.0-only */

/* Interrupts of the Zynq UltraScale+ (UG1085, table 13-1). */

#ifndef __PLAT_MACHINE_H
#define __PLAT_MACHINE_H

/* 32 banked interrupts of the core, then 160 shared ones. */
#define N_INTERRUPTS 192

enum IRQConstants {
    /* Virtual timer of the core: the kernel's tick. */
    INTERRUPT_VIRTUAL_TIMER = 27,
    /* Physical timer of the core: left to user space. */
    INTERRUPT_PHYSICAL_TIMER = 30,
    INTERRUPT_UART0 = 53,
    INTERRUPT_UART1 = 54,
    maxIRQ = N_INTERRUPTS - 1
} platform_interrupt_t;

/* log2 of the bytes of the interrupt CNode: room for 256 slots of 32 bytes. */
#define IRQ_CNODE_BITS 13

#define KERNEL_TIMER_IRQ INTERRUPT_VIRTUAL_TIMER

#include <arch/machine/gic_pl390.h>

#endif /* __PLAT_MACHINE_H */
