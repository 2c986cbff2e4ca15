/* SPDX-License-Identifier: MIT
 *
 * core_random_test - the core against sequences of events that nobody has thought of. One that
 * breaks something is made shorter while it still does, and shown.
 *
 *     CORE_EVENTS=20000000 CORE_SEED=7 build/tests/unit/core_random_test
 */
#include "core_happening.h"

#include <signal.h>
#include <stdlib.h>

#define RECORDS_MAX 300
#define EVENTS      3000000 /* a second or two */
#define CRASHED     "an assertion of the core, or a wrong pointer"

/* Sequences. */

static sigjmp_buf crash;

static void on_crash(int number)
{
    siglongjmp(crash, number);
}

static void begin_sequence(void)
{
    struct core_row rows[PLACES];
    struct model kept = model;
    core_release(&core);
    model = (struct model){.events = kept.events, .sequences = kept.sequences + 1};
    memcpy(model.actions, kept.actions, sizeof kept.actions);
    memcpy(model.sequels, kept.sequels, sizeof kept.sequels);
    model.start_ms = now = 1000;
    size_t count = make_rows(3 | 1 << (2 * PLACES + 2), rows);
    for (int i = 0; i < PLACES; i++) {
        model.services[i].settings = model.services[i].next;
        model.services[i].in_force = model.services[i].in_next;
        model.services[i].in_next = model.services[i].changes = false;
    }
    core_init(&core, rows, count, now);
}

/* Nobody does more than he must. */
static void end(void)
{
    const struct record stop = {.happening = HAPPENS_STOP};
    const struct record wait = {.happening = HAPPENS_WAIT, .well = true};
    if (!model.stopping)
        apply(&stop);
    int64_t latest = now + 60000 + 2 * 5000 + CORE_LEAVE_SPARE_MS;
    for (int turn = 0; turn < 400 && !core_is_finished(&core) && !model.broken; turn++) {
        for (size_t i = model.pool_count; i-- > 0 && i < model.pool_count;)
            if (model.pools[i].killed)
                apply_to_pool(HAPPENS_POOL_ENDED, &model.pools[i], false);
        apply(&wait);
    }
    if (!model.broken && (!core_is_finished(&core) || now > latest))
        model.broken = "STOP does not come to its end";
}

/* What it breaks, NULL: nothing. */
static const char *replay(const struct record *records, size_t count)
{
    begin_sequence();
    if (sigsetjmp(crash, 1) == 0) {
        for (size_t i = 0; i < count; i++)
            apply(&records[i]);
        end();
    } else
        model.broken = CRASHED;
    return model.broken;
}

/* Dice: splitmix64, a sequence per seed. */

static uint64_t dice;

static uint32_t roll(uint32_t sides)
{
    uint64_t z = dice += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) >> 32) % sides;
}

/* How likely each is: drawn anew for every sequence, or all would be of one kind. */
struct mood {
    uint32_t weights[HAPPENINGS_COUNT], sum;
    uint32_t luck, patience; /* of 16: what goes well, waits until something is due */
};

static struct mood draw_mood(void)
{
    static const uint32_t some[] = {0, 1, 5, 20};
    struct mood mood = {.luck = 8 + roll(9), .patience = roll(17)};
    for (int i = 0; i < HAPPENINGS_COUNT; i++)
        mood.weights[i] = some[roll(4)];
    mood.weights[HAPPENS_POOL_READY] += 10;
    mood.weights[HAPPENS_WAIT] += 5;
    mood.weights[HAPPENS_READ] += 5;
    mood.weights[HAPPENS_BOUND] += 5;
    mood.weights[HAPPENS_STOP] = mood.weights[HAPPENS_STOP_NOW] = roll(8) == 0;
    mood.weights[HAPPENS_HEAL] = 0;
    for (int i = 0; i < HAPPENINGS_COUNT; i++)
        mood.sum += mood.weights[i];
    return mood;
}

static enum happening pick(const struct mood *mood)
{
    uint32_t i = 0;
    for (uint32_t left = roll(mood->sum); left >= mood->weights[i]; i++)
        left -= mood->weights[i];
    return (enum happening)i;
}

static struct record invent(const struct mood *mood)
{
    struct record r = {.happening = pick(mood)};
    if (model.pool_count >= POOLS_MAX)
        r.happening = HAPPENS_POOL_ENDED;
    if (happenings[r.happening].has[0] == 'p' && model.pool_count > 0)
        r = of_pool(r.happening, &model.pools[roll((uint32_t)model.pool_count)]);
    else
        r.place = (int)roll(PLACES);
    r.well = roll(16) < (r.happening == HAPPENS_WAIT ? mood->patience : mood->luck);
    r.said = roll(8) == 0;
    r.value = roll(r.happening == HAPPENS_WAIT ? 1u << roll(13) : UINT32_MAX);
    return r;
}

/* The start of the daemon, in which little else can happen, is over. Returns how many records. */
static size_t begin_well(struct record *records)
{
    static const struct record well[] = {
        {.happening = HAPPENS_WAIT, .value = 100},
        {.happening = HAPPENS_POOL_READY, .role = COMES, .place = 0},
        {.happening = HAPPENS_POOL_READY, .role = COMES, .place = 1},
    };
    for (size_t i = 0; i < sizeof well / sizeof *well; i++) {
        records[i] = well[i];
        apply(&well[i]);
    }
    return sizeof well / sizeof *well;
}

/* What it breaks, NULL: nothing. RECORDS: what has happened. */
static const char *play(uint64_t seed, struct record records[RECORDS_MAX], size_t *count)
{
    begin_sequence();
    dice = seed;
    const struct mood mood = draw_mood();
    size_t length = 20 + roll(RECORDS_MAX - 21);
    bool heals = roll(2) == 0;
    *count = 0;
    if (sigsetjmp(crash, 1) != 0)
        return model.broken = CRASHED;
    if (roll(4) > 0)
        *count = begin_well(records);
    while (*count < length && !model.broken && !core_is_finished(&core)) {
        struct record r = invent(&mood);
        if (!is_possible(&r))
            continue;
        records[(*count)++] = r;
        apply(&r);
    }
    if (heals) {
        records[(*count)++] = (struct record){.happening = HAPPENS_HEAL};
        heal();
    }
    end();
    return model.broken;
}

/* Leave out whatever can be left out: runs of records, half as long each time. */
static size_t shrink(struct record *records, size_t count,
                     bool (*breaks)(const struct record *records, size_t count))
{
    struct record *less = malloc((count + 1) * sizeof *less);
    assert_non_null(less);
    for (size_t run = count / 2 + 1; run > 0; run = run > 1 ? (run + 1) / 2 : 0)
        for (size_t at = 0; at + run <= count;) {
            memcpy(less, records, at * sizeof *less);
            memcpy(less + at, records + at + run, (count - at - run) * sizeof *less);
            if (breaks(less, count - run)) {
                count -= run;
                memcpy(records, less, count * sizeof *less);
            } else
                at += run;
        }
    free(less);
    return count;
}

static const char *expected_break;

static bool breaks_the_same(const struct record *records, size_t count)
{
    const char *broken = replay(records, count);
    return broken && strcmp(broken, expected_break) == 0;
}

static void report(uint64_t seed, const char *broken, struct record *records, size_t count)
{
    expected_break = broken;
    for (size_t before = count + 1; count < before;) {
        before = count;
        count = shrink(records, count, breaks_the_same);
    }
    fprintf(stderr, "sequence %llu: %s\n", (unsigned long long)seed, broken);
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, "%4zu  ", i + 1);
        print_record(&records[i]);
    }
    verbose = true;
    replay(records, count);
    verbose = false;
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

/* A check that is never reached checks nothing. */
static void expect_everything_happened(void)
{
    for (int i = 0; i < MODEL_ACTIONS; i++)
        if (model.actions[i] == 0)
            fail_msg("no event led to action %d", i);
    for (int i = 0; i < MODEL_SEQUELS; i++)
        if (model.sequels[i] == 0)
            fail_msg("no end of a pool led to sequel %d", i);
}

static void what_holds_after_every_event_holds(void **state)
{
    struct record records[RECORDS_MAX];
    size_t count;
    uint64_t seed = number_from("CORE_SEED", 1), events = number_from("CORE_EVENTS", EVENTS);
    (void)state;
    signal(SIGABRT, on_crash);
    signal(SIGSEGV, on_crash);
    for (model = (struct model){0}; model.events < events; seed++) {
        const char *broken = play(seed, records, &count);
        if (broken) {
            report(seed, broken, records, count);
            fail_msg("sequence %llu: %s", (unsigned long long)seed, broken);
        }
    }
    signal(SIGABRT, SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
    print_message("%zu events, %zu sequences: %zu reloads in force, %zu taken back, %zu programs "
                  "executed, %zu pools\n",
                  model.events, model.sequences, model.actions[CORE_DO_COMMIT],
                  model.actions[CORE_DO_ROLL_BACK], model.actions[CORE_DO_EXECUTE],
                  model.actions[CORE_DO_START_POOL]);
    if (events >= EVENTS)
        expect_everything_happened();
}

static bool has_both(const struct record *records, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += records[i].value == 17 || records[i].value == 60;
    return found == 2;
}

static void sequence_is_shortened_to_what_matters(void **state)
{
    struct record records[100] = {0};
    (void)state;
    for (uint32_t i = 0; i < 100; i++)
        records[i].value = i;
    assert_int_equal(shrink(records, 100, has_both), 2);
    assert_int_equal(records[0].value, 17);
    assert_int_equal(records[1].value, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequence_is_shortened_to_what_matters),
        core_test(what_holds_after_every_event_holds, NULL),
    };
    return cmocka_run_group_tests_name("core_random", tests, NULL, NULL);
}
