/* SPDX-License-Identifier: GPL-2.0-only */

/* Interrupts of QEMU's `virt` board with a GICv2. */

#ifndef __PLAT_MACHINE_H
#define __PLAT_MACHINE_H

/* 32 banked interrupts of the core, then 256 shared ones. */
#define N_INTERRUPTS 288

enum IRQConstants {
    /* Virtual timer of the core: the kernel's tick. */
    INTERRUPT_VIRTUAL_TIMER = 27,
    /* Physical timer of the core: left to user space. */
    INTERRUPT_PHYSICAL_TIMER = 30,
    INTERRUPT_UART = 33,
    INTERRUPT_RTC = 34,
    INTERRUPT_GPIO = 39,
    /* First of the 32 virtio-mmio transports. */
    INTERRUPT_VIRTIO_0 = 48,
    maxIRQ = N_INTERRUPTS - 1
} platform_interrupt_t;

/* log2 of the bytes of the interrupt CNode: room for 512 slots of 32 bytes. */
#define IRQ_CNODE_BITS 14

#define KERNEL_TIMER_IRQ INTERRUPT_VIRTUAL_TIMER

#include <arch/machine/gic_pl390.h>

#endif /* __PLAT_MACHINE_H */
