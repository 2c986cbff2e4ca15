/* SPDX-License-Identifier: MIT
 *
 * upgrade_state_fuzz - what must hold for any bytes in place of the state of an upgrade.
 *
 *   - They are refused with a reason, or read; what was read is written the same for ever after.
 *   - Every descriptor is above the standard ones and named once.
 */
#include "tests/fuzz/fuzz.h"

#include "supervisor/upgrade_state.h"

static void check_fds(const struct upgrade_state *state)
{
    size_t count;
    int *fds = upgrade_state_fds(state, &count);
    for (size_t i = 0; i < count; i++)
        FUZZ_MUST(fds[i] > (i > 0 ? fds[i - 1] : 2));
    free(fds);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct error error = {.text = ""};
    struct upgrade_state *state = upgrade_state_read(bytes, count, &error);
    FUZZ_MUST(!state == (error.text[0] != '\0'));
    if (!state)
        return 0;
    check_fds(state);
    struct buffer first = {0}, second = {0};
    upgrade_state_write(state, &first);
    struct upgrade_state *again = upgrade_state_read(first.data, first.length, &error);
    FUZZ_MUST(again);
    upgrade_state_write(again, &second);
    FUZZ_MUST(first.length == second.length && memcmp(first.data, second.data, first.length) == 0);
    buffer_release(&first);
    buffer_release(&second);
    upgrade_state_free(state);
    upgrade_state_free(again);
    return 0;
}
