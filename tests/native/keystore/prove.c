/* prove: cut the power at every program and erase operation of a scripted history that crosses two swaps.
 *
 *   prove UNIT SEED THOROUGH [BUFFER]
 *
 * Before each operation the flash is copied and the operation cut short in the copy, in every way that
 * nor.h knows: any prefix of a program with any of four fates for the unit after it, six kinds of
 * unfinished erase. The copy is opened: it must hold what it held before or after the interrupted call, all
 * earlier ones included, twice in a row. Then it recovers, by maintenance or by the next put, and each
 * operation of that recovery is cut short in further copies (THOROUGH of the ways, drawn by lot), which must
 * open, recover and go on to work. Prints one line of JSON. */
#include "model.h"
#include "nor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 8
#define MAX_BUFFER 512
#define WAYS_OF_LONG_PROGRAM 12 /* prefixes to try when there are more than this */

typedef struct {
    uint64_t memory[(256 + MAX_BUFFER + KS_PER_KEY * KEYS) / 8];
    ks_flash_t flash;
} store_t;

static struct {
    uint64_t first, second, failures, operations;
    uint32_t violations;
} counts;
static model_t now, next;      /* what the store may hold: before and after the call under way */
static model_t chosen, beyond; /* the same for a recovery */
static int32_t buffer_size;
static uint32_t thorough, call;
static nor_t lots; /* for its random numbers only */

/* The open store. */
static ks_t *handle(store_t *store) {
    return (ks_t *)store->memory;
}

static int32_t open_store(store_t *store, nor_t *nor) {
    nor_driver(nor, &store->flash);
    return ks_open(handle(store), sizeof store->memory, &store->flash, buffer_size, KEYS);
}

static int failed(const nor_t *nor, const char *what, int32_t result) {
    if (counts.failures++ < 5) {
        fprintf(stderr, "call %u: %s (%d), unit %u\n", call, what, result, nor->unit);
    }
    return 0;
}

/* Open twice; the model that the store holds both times, or NULL. */
static const model_t *opened(store_t *store, nor_t *nor, const model_t *a, const model_t *b) {
    const model_t *held = NULL;
    for (int time = 0; time < 2; time++) {
        nor_revive(nor);
        int32_t result = open_store(store, nor);
        if (result < 0) {
            failed(nor, "open failed", result);
            return NULL;
        }
        if (time == 0) {
            held = model_equals(a, handle(store)) ? a : b;
        }
        if (!model_equals(held, handle(store))) {
            failed(nor, time ? "changes when opened again" : "neither the old nor the new contents", result);
            return NULL;
        }
    }
    return held;
}

/* A recovered store must go on to work and keep what it holds. */
static void use(store_t *store, nor_t *nor, const model_t *held) {
    model_t model = *held;
    static const uint8_t value[40] = "the store works on, across its next swap";
    int32_t result = ks_maintain(handle(store));
    if (result || !model_equals(&model, handle(store))) {
        failed(nor, "maintenance failed or changed something", result);
        return;
    }
    for (int i = 0; i < 3; i++) {
        result = ks_put(handle(store), (const uint8_t *)"new", 3, value, sizeof value - (size_t)i);
        if (result) {
            failed(nor, "put after recovery", result);
            return;
        }
        model_put(&model, "new", value, (int32_t)sizeof value - i);
        result = ks_maintain(handle(store));
        if (result || !model_equals(&model, handle(store))) {
            failed(nor, "contents after a put", result);
            return;
        }
    }
    if (opened(store, nor, &model, &model) && nor->violations) {
        failed(nor, "the flash was used against its rules", (int32_t)nor->violations);
    }
}

typedef void check_t(nor_t *nor);

static void cut_program(const nor_t *nor, uint32_t at, const uint8_t *from, uint32_t n, uint32_t whole,
    uint32_t mode, check_t *check) {
    nor_t copy = *nor;
    copy.before = NULL;
    copy.random ^= nor_random(&lots, 1u << 30) + 1;
    nor_tear_program(&copy, at, from, n, whole, mode);
    check(&copy);
}

static void cut_erase(const nor_t *nor, uint32_t at, uint32_t mode, check_t *check) {
    nor_t copy = *nor;
    copy.before = NULL;
    copy.random ^= nor_random(&lots, 1u << 30) + 1;
    nor_tear_erase(&copy, at, mode);
    check(&copy);
}

/* --- the second cut, during recovery --- */

static void check_second(nor_t *nor) {
    store_t store;
    counts.second++;
    const model_t *held = opened(&store, nor, &chosen, &beyond);
    if (held) {
        use(&store, nor, held);
    }
}

static void before_second(nor_t *nor, uint32_t at, const uint8_t *from, uint32_t n) {
    for (uint32_t i = 0; i < thorough; i++) {
        if (from) {
            cut_program(nor, at, from, n, nor_random(&lots, n / nor->unit + 1), nor_random(&lots, TEAR_MODES),
                check_second);
        } else {
            cut_erase(nor, at, nor_random(&lots, ERASE_MODES), check_second);
        }
    }
}

/* --- the first cut --- */

static void recover(const nor_t *flash, const model_t *held, int by_put) {
    nor_t nor = *flash;
    store_t store;
    static const uint8_t value[5] = "again";
    if (open_store(&store, &nor) < 0) {
        failed(&nor, "open failed the third time", 0);
        return;
    }
    chosen = beyond = *held;
    nor.before = before_second;
    if (by_put) {
        model_put(&beyond, "put", value, sizeof value);
        int32_t result = ks_put(handle(&store), (const uint8_t *)"put", 3, value, sizeof value);
        if (result && result != KS_EMAINTAIN) {
            failed(&nor, "put as recovery", result);
        }
        if (!result) {
            chosen = beyond;
        }
        beyond = chosen;
    }
    int32_t result = ks_maintain(handle(&store));
    if (result) {
        failed(&nor, "maintenance as recovery", result);
    }
    nor.before = NULL;
    use(&store, &nor, &chosen);
}

static void check_first(nor_t *nor) {
    store_t store;
    counts.first++;
    const model_t *held = opened(&store, nor, &now, &next);
    if (held) {
        recover(nor, held, 0);
        recover(nor, held, 1);
    }
}

static void before_first(nor_t *nor, uint32_t at, const uint8_t *from, uint32_t n) {
    counts.operations++;
    if (!from) {
        for (uint32_t mode = 0; mode < ERASE_MODES; mode++) {
            cut_erase(nor, at, mode, check_first);
        }
        return;
    }
    uint32_t units = n / nor->unit;
    for (uint32_t i = 0; i <= units; i++) {
        if (i > 2 && i + 2 < units && units > WAYS_OF_LONG_PROGRAM && nor_random(&lots, units) > thorough * 2) {
            continue;
        }
        for (uint32_t mode = 0; mode < (i < units ? TEAR_MODES : 1); mode++) {
            cut_program(nor, at, from, n, i, mode, check_first);
        }
    }
}

/* --- the history --- */

/* The bytes and the length of a value drawn by lot: mostly 16 to 64, sometimes none, long, or all 0xFF. */
static int32_t make_value(uint8_t *value) {
    uint32_t kind = nor_random(&lots, 12);
    int32_t n = kind == 0 ? 0 : kind == 1 ? (int32_t)(200 + nor_random(&lots, 200)) : (int32_t)(16 + nor_random(&lots, 49));
    for (int32_t i = 0; i < n; i++) {
        value[i] = kind == 2 ? 0xFF : (uint8_t)nor_random(&lots, 256);
    }
    return n;
}

/* Puts, deletes and transactions never erase. */
static void check_no_erase(const nor_t *nor, uint32_t erases) {
    if (nor->erases[0] + nor->erases[1] != erases) {
        failed(nor, "a put erased a sector", 0);
    }
}

static void done(ks_t *s, nor_t *nor, int32_t result) {
    if (result) {
        failed(nor, "a call of the history failed", result);
    }
    now = next;
    if (!model_equals(&now, s)) {
        failed(nor, "contents after a call", 0);
    }
}

static void put_or_delete(ks_t *s, nor_t *nor, const char *name) {
    uint8_t value[KS_STORED_MAX];
    uint32_t erases = nor->erases[0] + nor->erases[1];
    int32_t n = make_value(value), held = ks_get(s, (const uint8_t *)name, strlen(name), NULL, 0);
    if (held >= 0 && nor_random(&lots, 8) == 0) {
        model_put(&next, name, NULL, -1);
        n = ks_delete(s, (const uint8_t *)name, strlen(name));
    } else {
        model_put(&next, name, value, n);
        n = ks_put(s, (const uint8_t *)name, strlen(name), value, (size_t)n);
    }
    check_no_erase(nor, erases);
    if (n == KS_EMAINTAIN) {
        next = now;
        n = ks_maintain(s);
    }
    if (n == KS_EFULL) {
        next = now;
        n = 0;
    }
    if (n) {
        fprintf(stderr, "put or delete: %d\n", n);
        counts.failures++;
    }
}

static const char *const NAMES[] = { "ab00", "cd01", "ef02", "gh03", "i", "a-name-of-15-ch" };

static int32_t transaction(ks_t *s, nor_t *nor) {
    uint32_t erases = nor->erases[0] + nor->erases[1];
    int32_t result = ks_begin(s, 3 * ks_record_size(15, 40));
    for (uint32_t i = 0, key = nor_random(&lots, 6); i < 3 && !result; i++, key++) {
        uint8_t value[40];
        const char *name = NAMES[key % 6];
        uint32_t n = nor_random(&lots, sizeof value);
        for (uint32_t k = 0; k < n; k++) {
            value[k] = (uint8_t)nor_random(&lots, 256);
        }
        result = ks_put(s, (const uint8_t *)name, strlen(name), value, n);
        model_put(&next, name, value, (int32_t)n);
    }
    if (!result) {
        result = ks_commit(s);
    }
    check_no_erase(nor, erases);
    if (result) {
        next = now;
    }
    return result == KS_EMAINTAIN ? ks_maintain(s) : result;
}

static void one_call(store_t *store, nor_t *nor) {
    ks_t *s = handle(store);
    uint32_t lot = nor_random(&lots, 40);
    int32_t result = 0;
    call++;
    next = now;
    if (lot < 8) {
        result = ks_maintain(s);
    } else if (lot < 11) {
        result = transaction(s, nor);
    } else if (lot < 12) {
        result = open_store(store, nor);
    } else if (lot < 13 && ks_begin(s, 100) == 0) {
        result = ks_put(s, (const uint8_t *)"ab00", 4, (const uint8_t *)"given up", 8);
        ks_abort(s);
    } else {
        put_or_delete(s, nor, NAMES[nor_random(&lots, 6)]);
    }
    done(s, nor, result);
}

static void history(nor_t *nor) {
    store_t store;
    ks_stats_t stats = { 0 };
    model_init(&now);
    next = now;
    nor->before = before_first;
    int32_t result = open_store(&store, nor);
    if (result != KS_EMPTY) {
        failed(nor, "a new flash", result);
    }
    result = ks_maintain(handle(&store));
    if (result) {
        failed(nor, "making a store", result);
    }
    while (stats.sequence < 3) { /* the first is the new store, two swaps follow */
        one_call(&store, nor);
        ks_stats(handle(&store), &stats);
    }
    for (int i = 0; i < 8; i++) {
        one_call(&store, nor);
    }
    model_init(&next);
    done(handle(&store), nor, ks_erase_all(handle(&store)));
    for (int i = 0; i < 4; i++) {
        one_call(&store, nor);
    }
    counts.violations = nor->violations;
}

int main(int argc, char **argv) {
    static nor_t nor;
    uint32_t unit = argc > 1 ? (uint32_t)atoi(argv[1]) : 1, seed = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
    thorough = argc > 3 ? (uint32_t)atoi(argv[3]) : 2;
    buffer_size = argc > 4 ? atoi(argv[4]) : (int32_t)((KS_HEADER + unit - 1) / unit * unit);
    nor_init(&nor, unit, seed);
    nor_init(&lots, unit, seed + 1000);
    history(&nor);
    counts.failures += counts.violations;
    printf("{\"unit\": %u, \"buffer\": %d, \"calls\": %u, \"operations\": %llu, \"cut_points\": %llu, "
           "\"first_cuts\": %llu, \"second_cuts\": %llu, \"failures\": %llu}\n", unit, buffer_size, call,
        (unsigned long long)counts.operations, (unsigned long long)(counts.first + counts.second),
        (unsigned long long)counts.first, (unsigned long long)counts.second,
        (unsigned long long)counts.failures);
    return counts.failures != 0;
}
