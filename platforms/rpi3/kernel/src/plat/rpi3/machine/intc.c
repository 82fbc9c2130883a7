/* SPDX-License-Identifier: GPL-2.0-only */

/* The BCM2837's interrupt controllers: that of the cores ("BCM2836 ARM-local
 * peripherals", QA7), and the older one of the peripherals ("BCM2835 ARM
 * Peripherals", chapter 7) behind it. Only core 0 gets interrupts. */

#include <config.h>
#include <stdint.h>
#include <util.h>
#include <arch/machine.h>
#include <plat/machine.h>

#define INTC_REG(offset)  (*(volatile uint32_t *)(INTC_PPTR + (offset)))
#define LOCAL_REG(offset) (*(volatile uint32_t *)(LOCAL_PPTR + (offset)))

/* Pending, of the processor's own and of the two banks of shared interrupts. */
#define BASIC_PENDING       0x200
#define SHARED_PENDING(n)   (0x204 + 4 * (n))
#define FIQ_CONTROL         0x20c
/* Write one to enable; they read as what is enabled. */
#define SHARED_ENABLE(n)    (0x210 + 4 * (n))
#define BASIC_ENABLE        0x218
/* Write one to disable. */
#define SHARED_DISABLE(n)   (0x21c + 4 * (n))
#define BASIC_DISABLE       0x224

#define LOCAL_CONTROL       0x00
#define LOCAL_PRESCALER     0x08
#define LOCAL_ROUTING       0x0c
#define LOCAL_PMU_DISABLE   0x14
#define LOCAL_TIMERS        0x40
#define LOCAL_MAILBOXES     0x50
#define LOCAL_SOURCE        0x60

/* Counts every cycle of the crystal: 2^31 / 2^31. */
#define PRESCALER_ONE       0x80000000

static inline uint32_t
core_pending(void)
{
    return LOCAL_REG(LOCAL_SOURCE) & MASK(INTERRUPT_CORE_COUNT);
}

/* What is pending of a bank that is not masked. */
static inline uint32_t
shared_pending(word_t bank)
{
    return INTC_REG(SHARED_PENDING(bank)) & INTC_REG(SHARED_ENABLE(bank));
}

/* Bits above the processor's own eight repeat what the banks say. */
static inline uint32_t
basic_pending(void)
{
    return INTC_REG(BASIC_PENDING) & INTC_REG(BASIC_ENABLE) & MASK(INTERRUPT_BASIC_COUNT);
}

BOOT_CODE void
cpu_initLocalIRQController(void)
{
    /* The timers count with the crystal, as the firmware leaves them. */
    LOCAL_REG(LOCAL_CONTROL) = 0;
    LOCAL_REG(LOCAL_PRESCALER) = PRESCALER_ONE;
    /* Shared interrupts go to core 0, and none of them is fast. */
    LOCAL_REG(LOCAL_ROUTING) = 0;
    LOCAL_REG(LOCAL_PMU_DISABLE) = 0xffffffff;
    LOCAL_REG(LOCAL_TIMERS) = 0;
    LOCAL_REG(LOCAL_MAILBOXES) = 0;
}

BOOT_CODE void
initIRQController(void)
{
    word_t bank;

    for (bank = 0; bank < 2; bank++) {
        INTC_REG(SHARED_DISABLE(bank)) = 0xffffffff;
    }
    INTC_REG(BASIC_DISABLE) = 0xffffffff;
    INTC_REG(FIQ_CONTROL) = 0;
}

interrupt_t
getActiveIRQ(void)
{
    uint32_t pending = core_pending();
    word_t bank;

    if (pending == 0) {
        return irqInvalid;
    }
    if (pending & ~BIT(INTERRUPT_PERIPHERALS)) {
        return INTERRUPT_CORE_FIRST + ctzl(pending & ~BIT(INTERRUPT_PERIPHERALS));
    }

    for (bank = 0; bank < 2; bank++) {
        pending = shared_pending(bank);
        if (pending) {
            return INTERRUPT_SHARED_FIRST + 32 * bank + ctzl(pending);
        }
    }
    pending = basic_pending();
    if (pending) {
        return INTERRUPT_BASIC_FIRST + ctzl(pending);
    }
    return irqInvalid;
}

bool_t
isIRQPending(void)
{
    return core_pending() != 0;
}

/* Sets or clears a bit of a register that both can be done to. */
static inline void
change(word_t offset, word_t bit, bool_t disable)
{
    uint32_t value = LOCAL_REG(offset);
    LOCAL_REG(offset) = disable ? value & ~BIT(bit) : value | BIT(bit);
}

void
maskInterrupt(bool_t disable, interrupt_t irq)
{
    word_t number;

    if (irq >= INTERRUPT_SHARED_FIRST) {
        number = irq - INTERRUPT_SHARED_FIRST;
        INTC_REG(disable ? SHARED_DISABLE(number / 32) : SHARED_ENABLE(number / 32)) = BIT(number % 32);
        return;
    }
    if (irq >= INTERRUPT_BASIC_FIRST) {
        number = irq - INTERRUPT_BASIC_FIRST;
        if (number < INTERRUPT_BASIC_COUNT) {
            INTC_REG(disable ? BASIC_DISABLE : BASIC_ENABLE) = BIT(number);
        }
        return;
    }
    /* Timers and mailboxes of the core. Its other sources stay off. */
    if (irq < INTERRUPT_MAILBOX_0) {
        change(LOCAL_TIMERS, irq, disable);
    } else if (irq < INTERRUPT_PERIPHERALS) {
        change(LOCAL_MAILBOXES, irq - INTERRUPT_MAILBOX_0, disable);
    }
}
