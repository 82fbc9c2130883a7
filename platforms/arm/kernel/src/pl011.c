/* SPDX-License-Identifier: GPL-2.0-only */

/* Debug output through the PL011 UART. */

#include <config.h>
#include <stdint.h>
#include <util.h>
#include <machine/io.h>
#include <plat/machine/devices.h>

#define UART_DATA           0x00
#define UART_FLAGS          0x18
#define UART_RECEIVE_EMPTY  BIT(4)
#define UART_TRANSMIT_FULL  BIT(5)

#define UART_REG(offset) ((volatile uint32_t *)(UART_PPTR + (offset)))

#if defined(CONFIG_DEBUG_BUILD) || defined(CONFIG_PRINTING)
void
putDebugChar(unsigned char c)
{
    while (*UART_REG(UART_FLAGS) & UART_TRANSMIT_FULL);
    *UART_REG(UART_DATA) = c;
}
#endif

#ifdef CONFIG_DEBUG_BUILD
unsigned char
getDebugChar(void)
{
    while (*UART_REG(UART_FLAGS) & UART_RECEIVE_EMPTY);
    return *UART_REG(UART_DATA);
}
#endif
