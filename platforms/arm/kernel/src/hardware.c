/* SPDX-License-Identifier: GPL-2.0-only */

/* Memory, timer and caches of boards with 64-bit ARM processors. */

#include <config.h>
#include <types.h>
#include <arch/machine.h>
#include <arch/linker.h>
#include <mode/machine/timer.h>
#include <plat/machine/hardware.h>

/* What the board has at least, unless the boot loader writes what the device
 * tree says. */
p_region_t BOOT_DATA VISIBLE avail_p_regs[1] = {
    { .start = physBase, .end = MEMORY_END }
};

void
resetTimer(void)
{
    resetGenericTimer();
}

BOOT_CODE void
initTimer(void)
{
    initGenericTimer();
}

/* No cache outside of the cores that has to be maintained apart. */

BOOT_CODE void
initL2Cache(void)
{
}

void
plat_cleanL2Range(paddr_t start, paddr_t end)
{
}

void
plat_invalidateL2Range(paddr_t start, paddr_t end)
{
}

void
plat_cleanInvalidateL2Range(paddr_t start, paddr_t end)
{
}

void
plat_cleanInvalidateCache(void)
{
}
