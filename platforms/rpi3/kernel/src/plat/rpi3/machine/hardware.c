/* SPDX-License-Identifier: GPL-2.0-only */

#include <config.h>
#include <types.h>
#include <arch/machine.h>
#include <arch/linker.h>
#include <mode/machine/timer.h>
#include <plat/machine/hardware.h>

/* What the firmware's video processor leaves by default, unless the boot loader
 * writes what the device tree says. */
p_region_t BOOT_DATA VISIBLE avail_p_regs[1] = {
    { .start = physBase, .end = 0x3b400000 }
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

/* The second level's cache is maintained with the first. */

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
