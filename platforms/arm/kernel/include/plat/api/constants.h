/* SPDX-License-Identifier: GPL-2.0-only */

/* The board adds no constant to the interface of the kernel. */

#ifndef __LIBSEL4_SEL4_PLAT_API_CONSTANTS_H_
#define __LIBSEL4_SEL4_PLAT_API_CONSTANTS_H_

#ifdef HAVE_AUTOCONF
#include <autoconf.h>
#endif

#endif /* __LIBSEL4_SEL4_PLAT_API_CONSTANTS_H_ */
