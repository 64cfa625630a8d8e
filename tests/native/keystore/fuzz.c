/* fuzz: arbitrary flash images, made by a script that is the fuzzer's input, and then everything is tried.
 *
 * Random bytes alone would hardly ever pass a CRC. So the script also writes headers, records and commits with
 * good CRCs and hostile fields, in either sector, anywhere. The store must stay within its memory and its
 * flash (AddressSanitizer, nor.h's rules), come back (a bound on what it reads), return only what keystore.h
 * documents, give back what it is given to keep, and repair what it can. */
#include "nor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_LIMIT (16u << 20) /* bytes; opening the worst image takes half of this */

typedef struct {
    const uint8_t *p;
    size_t left;
} script_t;

static uint32_t take(script_t *script) {
    if (script->left == 0) {
        return 0;
    }
    script->left--;
    return *script->p++;
}

static uint32_t take16(script_t *script) {
    uint32_t low = take(script);
    return low | take(script) << 8;
}

/* Ends the program, so that the fuzzer keeps the input. */
#define require(condition) ((condition) ? (void)0 : failed(#condition, __LINE__))

static void failed(const char *condition, int line) {
    fprintf(stderr, "fuzz.c:%d: %s\n", line, condition);
    abort();
}

static uint32_t crc32(uint32_t crc, const uint8_t *p, uint32_t n) {
    while (n--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xEDB88320 & (0 - (crc & 1)));
        }
    }
    return crc;
}

static void store_bytes(nor_t *nor, uint32_t at, const uint8_t *p, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        nor->data[(at + i) % NOR_SIZE] = p[i];
    }
}

/* Headers as FORMAT.md has them, or nearly. */
static void write_header(nor_t *nor, script_t *script) {
    uint32_t sector = take(script), block = (KS_HEADER + nor->unit - 1) / nor->unit * nor->unit, log2 = 0;
    uint8_t header[24] = { 'K', 'S', KS_VERSION };
    uint8_t *rest = nor->data + sector % 2 * NOR_SECTOR + KS_HEADER;
    while (1u << log2 < nor->unit) {
        log2++;
    }
    header[3] = (uint8_t)log2;
    if (sector & 0x80) {
        header[2 + (sector & 0x40 ? 1 : 0)] ^= (uint8_t)take(script);
    }
    cb_put_le32(header + 4, take(script) & 7);
    memcpy(header + 12, header, 8);
    cb_put_le32(header + 8, ~crc32(~0u, header, 8));
    cb_put_le32(header + 20, ~crc32(crc32(~0u, rest, block - KS_HEADER), header + 12, 8));
    header[8] ^= (uint8_t)(sector & 0x20);
    header[20] ^= (uint8_t)(sector & 0x10);
    store_bytes(nor, sector % 2 * NOR_SECTOR, header, sizeof header);
}

/* A record with a good CRC (or not) at some place: tag, code, and as many bytes as they claim, or other. */
static void write_record(nor_t *nor, script_t *script) {
    uint8_t bytes[NOR_SIZE + 64];
    uint32_t sector = take(script) % 2 * NOR_SECTOR, at = take16(script) % NOR_SECTOR, sequence = take(script) & 7;
    uint32_t tag = take(script), code = take(script), low = take(script), n = 0;
    bytes[n++] = (uint8_t)tag;
    bytes[n++] = (uint8_t)code;
    uint32_t value = code;
    if (code >= 0xF0 && code != 0xFE) {
        bytes[n++] = (uint8_t)low;
        value = (code - 0xF0) << 8 | low;
    } else if (code == 0xFE) {
        value = 0;
    }
    uint32_t seed = take(script);
    for (uint32_t i = 0; i < (tag & 15) + value; i++) {
        bytes[n++] = i < (tag & 15) ? (uint8_t)('a' + (seed >> (i % 4)) % 3) : (uint8_t)(seed * i);
    }
    if ((tag & 0x4F) == 0x40 && value == 2) {
        cb_put_le16(bytes + 2, at > seed ? at - seed : seed * 16);
    }
    uint8_t place[6];
    cb_put_le32(place, sequence);
    cb_put_le16(place + 4, at);
    uint32_t crc = ~crc32(crc32(~0u, place, 6), bytes, n);
    cb_put_le32(bytes + n, crc ^ (seed == 7));
    store_bytes(nor, sector + at, bytes, n + 4);
}

static void make_image(nor_t *nor, script_t *script) {
    for (int i = 0; i < 64 && script->left; i++) {
        uint32_t what = take(script), at = take16(script) % NOR_SIZE, n = take(script);
        switch (what % 8) {
            case 0:
            case 1:
                write_header(nor, script);
                break;
            case 2:
            case 3:
            case 4:
                write_record(nor, script);
                break;
            case 5:
                nor->data[at] ^= (uint8_t)(1 << n % 8);
                break;
            case 6:
                for (; n; n--, at++) {
                    uint8_t byte = (uint8_t)take(script);
                    store_bytes(nor, at, &byte, 1);
                }
                break;
            default:
                for (; n; n--, at++) { /* a patch of bits that read differently every time */
                    nor->weak[at % NOR_SIZE] = (uint8_t)what;
                }
        }
    }
    for (uint32_t i = 0; i < NOR_SIZE; i++) { /* what shows has been programmed, in whole units */
        if (nor->data[i] != 0xFF || nor->weak[i]) {
            memset(nor->used + i / nor->unit * nor->unit, 1, nor->unit);
        }
    }
}

static int documented(int32_t result) {
    return result == 0 || (result <= KS_ENOTFOUND && result >= KS_ECLASH);
}

static void check_reads(const nor_t *nor, uint64_t before) {
    require(nor->bytes_read - before < READ_LIMIT);
}

static void read_all(ks_t *s) {
    ks_stats_t stats;
    require(ks_stats(s, &stats) == 0 && stats.keys >= 0 && stats.keys <= KS_KEYS_MAX);
    for (int32_t i = 0; i <= stats.keys; i++) {
        uint8_t name[KS_NAME_MAX], *value = malloc(KS_STORED_MAX);
        int32_t n = ks_key(s, i, name, sizeof name);
        require(n <= KS_NAME_MAX && (n > 0 || documented(n)));
        if (n > 0) {
            int32_t length = ks_get(s, name, (uint32_t)n, NULL, 0);
            require(length <= KS_STORED_MAX);
            int32_t got = ks_get(s, name, (uint32_t)n, value, KS_STORED_MAX);
            require(got <= KS_STORED_MAX && (got >= 0 || documented(got)));
            uint8_t *small = malloc(3);
            got = ks_get(s, name, (uint32_t)n, small, 3);
            require(got <= 3);
            free(small);
        }
        free(value);
    }
}

/* Puts, deletes, transactions; what is acknowledged is there if the flash keeps to its bits. */
static void write_some(ks_t *s, nor_t *nor, script_t *script, int stable) {
    for (int i = 0; i < 6; i++) {
        uint8_t value[300], back[300];
        uint32_t lot = take(script), n = lot * 2 % sizeof value;
        uint8_t name[2] = { (uint8_t)('a' + lot % 4), 'b' };
        memset(value, (int)lot, sizeof value);
        int32_t result = lot & 0x80 ? ks_maintain(s) : lot & 0x40 ? ks_delete(s, name, 2) : ks_put(s, name, 2, value, n);
        require(documented(result));
        if (result == 0 && !(lot & 0xC0) && stable) {
            require(ks_get(s, name, 2, back, sizeof back) == (int32_t)n && memcmp(value, back, n) == 0);
        }
        if (lot % 16 == 5 && ks_begin(s, 200) == 0) {
            require(documented(ks_put(s, name, 2, value, 60)));
            int32_t ended = lot & 0x20 ? ks_commit(s) : ks_abort(s);
            require(documented(ended));
        }
    }
    require(nor->violations == 0 || !stable);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint32_t UNITS[8] = { 1, 1, 1, 4, 16, 32, 256, 2 };
    script_t script = { data, size };
    nor_t *nor = malloc(sizeof *nor);
    ks_flash_t flash;
    uint32_t setting = take(&script), unit = UNITS[setting & 7];
    int32_t keys = setting & 8 ? 1 : 12, buffer = (int32_t)((KS_HEADER + unit - 1) / unit * unit);
    nor_init(nor, unit, setting);
    nor_driver(nor, &flash);
    make_image(nor, &script);
    int stable = 1;
    for (uint32_t i = 0; i < NOR_SIZE; i++) {
        stable &= !nor->weak[i];
    }
    size_t state_size = (size_t)ks_state_size(keys, buffer);
    ks_t *s = malloc(state_size);
    for (int time = 0; time < 2; time++) {
        uint64_t before = nor->bytes_read;
        int32_t result = ks_open(s, state_size, &flash, buffer, keys);
        check_reads(nor, before);
        require(result == 0 || result == KS_EMPTY || result == KS_EVERSION || result == KS_EKEYS);
        if (result >= 0) {
            read_all(s);
            write_some(s, nor, &script, stable);
            read_all(s);
        }
    }
    free(s);
    free(nor);
    return 0;
}
