/* SPDX-License-Identifier: GPL-2.0-only */

/* Debug output through the Cadence UART (UG1085, chapter 21). */

#include <config.h>
#include <stdint.h>
#include <util.h>
#include <machine/io.h>
#include <plat/machine/devices.h>

#define UART_STATUS         0x2c
#define UART_DATA           0x30
#define UART_RECEIVE_EMPTY  BIT(1)
#define UART_TRANSMIT_FULL  BIT(4)

#define UART_REG(offset) ((volatile uint32_t *)(UART_PPTR + (offset)))

#if defined(CONFIG_DEBUG_BUILD) || defined(CONFIG_PRINTING)
void
putDebugChar(unsigned char c)
{
    while (*UART_REG(UART_STATUS) & UART_TRANSMIT_FULL);
    *UART_REG(UART_DATA) = c;
}
#endif

#ifdef CONFIG_DEBUG_BUILD
unsigned char
getDebugChar(void)
{
    while (*UART_REG(UART_STATUS) & UART_RECEIVE_EMPTY);
    return *UART_REG(UART_DATA);
}
#endif
