/* flips: flip every bit of the flash, one at a time, at several moments of a history, and look what it costs.
 *
 *   flips UNIT SEED STEP        STEP: every so many bits
 *
 * However a bit is damaged, open works; every key but at most one has its value; that one has an older
 * value of its own, or none; damage to what is in use shows in the statistics; and the store goes on to
 * work. Prints one line of JSON. */
#include "model.h"
#include "nor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 6
#define ROUNDS 4096 /* values ever put, of all keys */

static uint64_t memory[(256 + 512 + KS_PER_KEY * 8) / 8];
static ks_flash_t flash;
static nor_t lots;
static int32_t buffer_size;
static unsigned failures, damaged, stale, absent, tries;
/* What was ever put, so that an old value can be told from garbage. */
static struct {
    int key;
    uint32_t number; /* each value begins with the number of its put */
} current[KEYS];
static uint32_t total;
static uint8_t key_of[ROUNDS];
static const char *const NAMES[KEYS] = { "ab00", "cd01", "ef02", "gh03", "i", "a-name-of-15-ch" };

static ks_t *store(void) {
    return (ks_t *)memory;
}

/* A value of `number`: the number, then bytes that follow from it. */
static uint32_t make_value(uint32_t number, uint8_t *value) {
    uint32_t n = 16 + number * 7 % 49;
    cb_put_le32(value, number);
    for (uint32_t i = 4; i < n; i++) {
        value[i] = (uint8_t)(number * 31 + i * 17);
    }
    return n;
}

/* The number of the value that key k holds; -1 if none; -2 if it is no value that was ever put there. */
static int32_t held(int k) {
    uint8_t value[KS_STORED_MAX], wanted[KS_STORED_MAX];
    int32_t n = ks_get(store(), (const uint8_t *)NAMES[k], (uint32_t)strlen(NAMES[k]), value, sizeof value);
    if (n < 0) {
        return n == KS_ENOTFOUND || n == KS_EDAMAGED ? -1 : -2;
    }
    uint32_t number = n >= 4 ? cb_le32(value) : 0;
    if (number == 0 || number > total || key_of[number] != k || make_value(number, wanted) != (uint32_t)n
        || memcmp(value, wanted, (size_t)n) != 0) {
        return -2;
    }
    return (int32_t)number;
}

static void fail(const char *what, uint32_t bit, const nor_t *nor) {
    if (failures++ < 5) {
        fprintf(stderr, "unit %u, after %u puts, bit %u of byte %u: %s\n", nor->unit, total, bit % 8, bit / 8, what);
    }
}

static int open_store(nor_t *nor) {
    nor_driver(nor, &flash);
    return ks_open(store(), sizeof memory, &flash, buffer_size, 8) >= 0;
}

static void put(int k) {
    uint8_t value[KS_STORED_MAX];
    uint32_t n = make_value(++total, value);
    key_of[total] = (uint8_t)k;
    int32_t result = ks_put(store(), (const uint8_t *)NAMES[k], (uint32_t)strlen(NAMES[k]), value, n);
    if (result == KS_EMAINTAIN) {
        ks_maintain(store());
        result = ks_put(store(), (const uint8_t *)NAMES[k], (uint32_t)strlen(NAMES[k]), value, n);
    }
    if (result) {
        fprintf(stderr, "put: %d\n", result);
        failures++;
    }
    current[k].number = total;
}

/* One flipped bit: how it shows, and whether the store gets over it. */
static void flip(const nor_t *flash_now, uint32_t bit) {
    static nor_t nor;
    ks_stats_t stats;
    unsigned wrong = 0;
    nor = *flash_now;
    nor.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    tries++;
    if (!open_store(&nor)) {
        fail("open failed", bit, &nor);
        return;
    }
    for (int k = 0; k < KEYS; k++) {
        int32_t number = held(k);
        if (number == -2) {
            fail("a value that nobody put there", bit, &nor);
        } else if (number != (current[k].number ? (int32_t)current[k].number : -1)) {
            wrong++;
            stale += number > 0;
            absent += number < 0;
        }
    }
    ks_stats(store(), &stats);
    if (wrong > 1) {
        fail("more than one key lost", bit, &nor);
    }
    if (wrong && stats.torn + stats.corrupt == 0) {
        fail("the damage does not show", bit, &nor);
    }
    damaged += wrong;
    if (ks_maintain(store()) || ks_put(store(), (const uint8_t *)"ab00", 4, (const uint8_t *)"on", 2)
        || ks_maintain(store()) || !open_store(&nor)) {
        fail("does not go on to work", bit, &nor);
        return;
    }
    for (int k = 1; k < KEYS; k++) { /* and loses nothing more */
        int32_t number = held(k);
        if (number == -2) {
            fail("garbage after recovery", bit, &nor);
        } else if (number != (current[k].number ? (int32_t)current[k].number : -1) && !wrong) {
            fail("a key lost by recovery", bit, &nor);
        }
    }
}

int main(int argc, char **argv) {
    static nor_t nor;
    static uint64_t kept[sizeof memory / 8];
    uint32_t unit = argc > 1 ? (uint32_t)atoi(argv[1]) : 1, seed = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
    uint32_t step = argc > 3 ? (uint32_t)atoi(argv[3]) : 1;
    buffer_size = (int32_t)((KS_HEADER + unit - 1) / unit * unit);
    nor_init(&nor, unit, seed);
    nor_init(&lots, unit, seed + 5);
    open_store(&nor);
    ks_maintain(store());
    uint32_t moments = 0;
    ks_stats_t before, after;
    while (moments < 6) {
        ks_stats(store(), &before);
        int lot = (int)nor_random(&lots, 10);
        if (lot == 0 && ks_begin(store(), 300) == 0) {
            put(1);
            put(3);
            put(4);
            ks_commit(store());
        } else {
            put((int)nor_random(&lots, KEYS));
        }
        ks_stats(store(), &after);
        /* Right after a swap, before and after the old sector is erased; and at times in between. */
        int swapped = before.sequence != after.sequence;
        int look = swapped || lot == 0 || nor_random(&lots, 40) == 0;
        for (int twice = 0; look && twice < 2; twice++) {
            memcpy(kept, memory, sizeof memory);
            for (uint32_t bit = nor_random(&lots, step); bit < NOR_SIZE * 8; bit += step) {
                flip(&nor, bit);
            }
            nor_driver(&nor, &flash);
            memcpy(memory, kept, sizeof memory);
            moments += swapped;
            if (!swapped) {
                break;
            }
            ks_maintain(store());
        }
        if (nor_random(&lots, 3) == 0) {
            ks_maintain(store());
        }
    }
    printf("{\"unit\": %u, \"flips\": %u, \"keys_damaged\": %u, \"older_value\": %u, \"absent\": %u, \"failures\": %u}\n",
        unit, tries, damaged, stale, absent, failures);
    return failures != 0;
}
