/* SPDX-License-Identifier: MIT
 *
 * old_abi - a plugin that was built with the header of another time.
 */
#include <preforkd/handler.h>

PREFORKD_PLUGIN = {.abi = 0, .size = 24, .name = "old"};
