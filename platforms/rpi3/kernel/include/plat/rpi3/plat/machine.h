/* SPDX-License-Identifier: GPL-2.0-only */

/* Interrupts of the BCM2837: those of the core itself, and those of two
 * controllers behind one of them. */

#ifndef __PLAT_MACHINE_H
#define __PLAT_MACHINE_H

#include <stdint.h>
#include <util.h>
#include <plat/machine/devices.h>

typedef uint16_t interrupt_t;
typedef uint16_t irq_t;

enum irqNumbers {
    irqInvalid = (irq_t) -1
};

/* Sources of the core: bits of its source register. */
#define INTERRUPT_CORE_FIRST    0
#define INTERRUPT_CORE_COUNT    12
/* The processor's own peripherals: bits of the basic registers. */
#define INTERRUPT_BASIC_FIRST   32
#define INTERRUPT_BASIC_COUNT   8
/* Those that are shared with the video processor: two banks of 32. */
#define INTERRUPT_SHARED_FIRST  64
#define INTERRUPT_SHARED_COUNT  64

#define N_INTERRUPTS            (INTERRUPT_SHARED_FIRST + INTERRUPT_SHARED_COUNT)

enum IRQConstants {
    /* Physical timer of the core: left to user space. */
    INTERRUPT_PHYSICAL_TIMER = INTERRUPT_CORE_FIRST + 1,
    /* Virtual timer of the core: the kernel's tick. */
    INTERRUPT_VIRTUAL_TIMER = INTERRUPT_CORE_FIRST + 3,
    INTERRUPT_MAILBOX_0 = INTERRUPT_CORE_FIRST + 4,
    /* Any of the two controllers that follow. */
    INTERRUPT_PERIPHERALS = INTERRUPT_CORE_FIRST + 8,
    maxIRQ = N_INTERRUPTS - 1
} platform_interrupt_t;

/* log2 of the bytes of the interrupt CNode: 128 slots of 32 bytes. */
#define IRQ_CNODE_BITS 12

#define KERNEL_TIMER_IRQ INTERRUPT_VIRTUAL_TIMER

/* The core's interrupt that is to be served, or irqInvalid. */
interrupt_t getActiveIRQ(void);

/* Switches an interrupt off or on. */
void maskInterrupt(bool_t disable, interrupt_t irq);

bool_t isIRQPending(void);

/* All interrupts of this board are levels: they go when the device is served. */
static inline void
ackInterrupt(irq_t irq)
{
}

static inline void
handleSpuriousIRQ(void)
{
}

#endif /* __PLAT_MACHINE_H */
