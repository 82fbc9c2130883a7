/* SPDX-License-Identifier: GPL-2.0-only */

/* Where the kernel image lies: the first pages of memory are the firmware's.
 * Also read by the linker script, so it holds nothing else. */

#ifndef __PLAT_MACHINE_PHYSBASE_H
#define __PLAT_MACHINE_PHYSBASE_H

#define physBase            0x01000000

#endif /* __PLAT_MACHINE_PHYSBASE_H */
