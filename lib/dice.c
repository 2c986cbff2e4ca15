/* SPDX-License-Identifier: MIT
 *
 * dice - see dice.h.
 */
#include "lib/dice.h"

#include "lib/clock.h"

#include <sys/random.h>

uint32_t dice_roll(void)
{
    uint32_t number = 0;
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != (ssize_t)sizeof number)
        number = (uint32_t)clock_now_us();
    return number;
}
