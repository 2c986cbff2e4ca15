/* SPDX-License-Identifier: MIT
 *
 * proxy_header_fuzz - what must hold for any bytes that somebody sends in place of a header of the
 * PROXY protocol.
 *
 *   - What is found for a part of a stream holds for every longer part.
 *   - A reader that takes what it is asked to take ends exactly behind the header.
 *   - An address is one that everybody can print, and none is told where none is meant.
 */
#include "tests/fuzz/fuzz.h"

#include "server/proxy_header.h"

/* COUNT bytes, alone in memory. */
static enum proxy_header_state judge(const uint8_t *bytes, size_t count,
                                     struct proxy_header *header)
{
    uint8_t *alone = malloc(count > 0 ? count : 1);
    FUZZ_MUST(alone);
    if (count > 0)
        memcpy(alone, bytes, count);
    enum proxy_header_state state = proxy_header_parse(alone, count, header);
    free(alone);
    return state;
}

static void check_address(const union socket_address *address)
{
    char text[ADDRESS_TEXT_MAX];
    sa_family_t family = address->any.sa_family;
    FUZZ_MUST(family == AF_UNSPEC || family == AF_INET || family == AF_INET6 || family == AF_UNIX);
    if (family == AF_UNIX)
        FUZZ_MUST(memchr(address->un.sun_path, '\0', sizeof address->un.sun_path));
    FUZZ_MUST(strlen(address_peer(address, text)) < sizeof text);
    FUZZ_MUST((text[0] == '\0') == (family == AF_UNSPEC));
}

static void check_header(const struct proxy_header *header, size_t count)
{
    FUZZ_MUST(header->length >= PROXY_HEADER_MIN && header->length <= count);
    FUZZ_MUST(header->length <= (header->version == 1 ? PROXY_HEADER_TEXT_MAX : PROXY_HEADER_MAX));
    FUZZ_MUST(header->source.any.sa_family == header->destination.any.sa_family);
    FUZZ_MUST(header->command == PROXY_HEADER_PROXY || !proxy_header_names_client(header));
    if (header->command == PROXY_HEADER_LOCAL)
        FUZZ_MUST(header->source.any.sa_family == AF_UNSPEC);
    check_address(&header->source);
    check_address(&header->destination);
}

/* As proxy_receive() reads. Returns how many bytes it took, which may be more than there are. */
static size_t read_exactly(const uint8_t *bytes, size_t count)
{
    struct proxy_header header;
    size_t have = 0;
    while (have <= count && judge(bytes, have, &header) == PROXY_HEADER_MORE) {
        FUZZ_MUST(header.more > 0 && have + header.more <= PROXY_HEADER_MAX);
        have += header.more;
    }
    return have;
}

/* What is found for the first PART bytes, where it is STATE and *WHOLE for all. */
static bool check_part(const uint8_t *bytes, size_t part, enum proxy_header_state state,
                       const struct proxy_header *whole)
{
    struct proxy_header header;
    enum proxy_header_state found = judge(bytes, part, &header);
    if (found == PROXY_HEADER_MORE) {
        FUZZ_MUST(state != PROXY_HEADER_DONE || part + header.more <= whole->length);
        return false;
    }
    FUZZ_MUST(found == state && header.reason == whole->reason);
    FUZZ_MUST(found == PROXY_HEADER_BAD || memcmp(&header, whole, sizeof header) == 0);
    FUZZ_MUST(found == PROXY_HEADER_BAD || part >= whole->length);
    return true;
}

/* Every part where they are few, else some of them; and a few behind the one that decides. */
static void check_parts(const uint8_t *bytes, size_t count, enum proxy_header_state state,
                        const struct proxy_header *whole)
{
    size_t step = count > 128 ? count / 16 : 1;
    int decided = 0;
    for (size_t part = 0; part <= count && decided < 3; part += step) {
        bool decides = check_part(bytes, part, state, whole);
        FUZZ_MUST(decides || decided == 0);
        decided += decides;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct proxy_header header;
    enum proxy_header_state state = judge(bytes, count, &header);
    FUZZ_MUST((state == PROXY_HEADER_BAD) == (header.reason != PROXY_HEADER_BAD_NONE));
    FUZZ_MUST(header.reason < PROXY_HEADER_REASON_COUNT);
    if (state == PROXY_HEADER_MORE)
        FUZZ_MUST(count < PROXY_HEADER_MAX);
    if (state == PROXY_HEADER_DONE) {
        check_header(&header, count);
        FUZZ_MUST(read_exactly(bytes, count) == header.length);
    } else {
        read_exactly(bytes, count);
    }
    check_parts(bytes, count, state, &header);
    return 0;
}
