/* SPDX-License-Identifier: MIT
 *
 * dice - a random number for spreading delays; never for secrets.
 */
#ifndef LIB_DICE_H
#define LIB_DICE_H

#include <stdint.h>

uint32_t dice_roll(void);

#endif
