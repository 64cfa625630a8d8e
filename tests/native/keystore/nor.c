/* The flash simulator of nor.h. */
#include "nor.h"

#include <string.h>

void nor_init(nor_t *nor, uint32_t unit, uint32_t seed) {
    memset(nor, 0, sizeof *nor);
    memset(nor->data, 0xFF, NOR_SIZE);
    nor->unit = unit;
    nor->random = seed * 2654435761u + 1;
    nor->countdown = -1;
    nor->fading = 2;
}

uint32_t nor_random(nor_t *nor, uint32_t below) {
    nor->random ^= nor->random << 13;
    nor->random ^= nor->random >> 17;
    nor->random ^= nor->random << 5;
    return nor->random % below;
}

void nor_revive(nor_t *nor) {
    nor->dead = 0;
    nor->countdown = -1;
}

/* Whether the power fails in this operation. */
static int cut_now(nor_t *nor) {
    if (nor->countdown < 0 || nor->countdown-- > 0) {
        return 0;
    }
    nor->dead = 1;
    return 1;
}

int32_t nor_geometry(void *context) {
    return (int32_t)((nor_t *)context)->unit;
}

int32_t nor_read(void *context, uint32_t at, uint8_t *to, uint32_t n) {
    nor_t *nor = context;
    if (nor->dead) {
        return -1;
    }
    if (at > NOR_SIZE || n > NOR_SIZE - at) {
        nor->violations++;
        return -1;
    }
    nor->bytes_read += n;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t byte = nor->data[at + i], weak = nor->weak[at + i];
        if (weak) {
            uint8_t zeros = 0;
            for (int bit = 1; bit < 256; bit <<= 1) {
                if (weak & bit && nor_random(nor, nor->fading) == 0) {
                    zeros |= (uint8_t)bit;
                }
            }
            byte = (uint8_t)((byte | weak) & ~zeros);
        }
        to[i] = byte;
    }
    return 0;
}

/* A program may touch these bytes. */
static int allowed(nor_t *nor, uint32_t at, uint32_t n) {
    if (at > NOR_SIZE || n > NOR_SIZE - at || at % nor->unit || n % nor->unit || n == 0) {
        return 0;
    }
    for (uint32_t i = at; i < at + n; i++) {
        if (nor->used[i] || nor->weak[i] || nor->torn[i / NOR_SECTOR]) {
            return 0;
        }
    }
    return 1;
}

static void program_unit(nor_t *nor, uint32_t at, const uint8_t *from) {
    for (uint32_t i = 0; i < nor->unit; i++) {
        nor->data[at + i] &= from[i];
        nor->used[at + i] = 1;
    }
}

/* Program some of the bits that the unit should get. It counts as programmed if that shows. */
static void program_partly(nor_t *nor, uint32_t at, const uint8_t *from, uint32_t mode) {
    uint32_t bits = 0, seen = 0;
    for (uint32_t i = 0; i < nor->unit; i++) {
        bits += (uint32_t)__builtin_popcount((uint8_t)~from[i]);
    }
    uint32_t chosen = bits ? nor_random(nor, bits) : 0, changed = 0;
    for (uint32_t i = 0; i < nor->unit; i++) {
        for (int bit = 1; bit < 256; bit <<= 1) {
            if (from[i] & bit) {
                continue;
            }
            int take = mode == TEAR_RANDOM ? (int)nor_random(nor, 2) : (seen == chosen) == (mode == TEAR_ONE);
            seen++;
            if (take && mode != TEAR_NONE) {
                nor->data[at + i] &= (uint8_t)~bit;
                changed = 1;
            }
        }
    }
    if (changed) {
        memset(nor->used + at, 1, nor->unit);
    }
}

void nor_tear_program(nor_t *nor, uint32_t at, const uint8_t *from, uint32_t n, uint32_t whole, uint32_t mode) {
    uint32_t unit = nor->unit;
    if (!allowed(nor, at, n)) {
        nor->violations++;
        return;
    }
    for (uint32_t i = 0; i < n / unit && i < whole; i++) {
        program_unit(nor, at + i * unit, from + i * unit);
    }
    if (whole < n / unit) {
        program_partly(nor, at + whole * unit, from + whole * unit, mode);
    }
}

int32_t nor_program(void *context, uint32_t at, const uint8_t *from, uint32_t n) {
    nor_t *nor = context;
    if (nor->dead) {
        return -1;
    }
    if (!allowed(nor, at, n)) {
        nor->violations++;
        return -1;
    }
    if (nor->before) {
        nor->before(nor, at, from, n);
    }
    nor->programs++;
    if (cut_now(nor)) {
        nor_tear_program(nor, at, from, n, nor_random(nor, n / nor->unit + 1), nor_random(nor, TEAR_MODES));
        return -1;
    }
    nor->bytes_programmed += n;
    for (uint32_t i = 0; i < n; i += nor->unit) {
        program_unit(nor, at + i, from + i);
    }
    return 0;
}

void nor_tear_erase(nor_t *nor, uint32_t at, uint32_t mode) {
    uint32_t from = mode == ERASE_PARTLY ? nor_random(nor, NOR_SECTOR) : 0;
    uint32_t to = mode == ERASE_PARTLY ? from + nor_random(nor, NOR_SECTOR - from) : NOR_SECTOR;
    nor->torn[at / NOR_SECTOR] = 1;
    nor->fading = mode == ERASE_FADING ? 30000 : 2;
    if (mode == ERASE_NOTHING) {
        return;
    }
    for (uint32_t i = at + from; i < at + to; i++) {
        uint8_t zeros = (uint8_t)~nor->data[i], lot = (uint8_t)nor_random(nor, 256);
        switch (mode) {
            case ERASE_RANDOM:
                nor->data[i] |= lot;
                break;
            case ERASE_UNSTABLE:
                nor->weak[i] |= zeros & lot;
                nor->data[i] |= (uint8_t)nor_random(nor, 256);
                break;
            case ERASE_FADING:
                nor->weak[i] |= zeros;
                nor->data[i] = 0xFF;
                break;
            default:
                nor->data[i] = 0xFF;
        }
    }
}

int32_t nor_erase(void *context, uint32_t at) {
    nor_t *nor = context;
    if (nor->dead) {
        return -1;
    }
    if (at >= NOR_SIZE || at % NOR_SECTOR) {
        nor->violations++;
        return -1;
    }
    if (nor->before) {
        nor->before(nor, at, NULL, NOR_SECTOR);
    }
    nor->erases[at / NOR_SECTOR]++;
    if (cut_now(nor)) {
        nor_tear_erase(nor, at, nor_random(nor, ERASE_MODES));
        return -1;
    }
    memset(nor->data + at, 0xFF, NOR_SECTOR);
    memset(nor->weak + at, 0, NOR_SECTOR);
    memset(nor->used + at, 0, NOR_SECTOR);
    nor->torn[at / NOR_SECTOR] = 0;
    return 0;
}

void nor_driver(nor_t *nor, ks_flash_t *flash) {
    flash->read = nor_read;
    flash->program = nor_program;
    flash->erase = nor_erase;
    flash->geometry = nor_geometry;
    flash->context = nor;
}
