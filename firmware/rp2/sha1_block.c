/* SHA-1's step over one block (FIPS 180-4 §6.1.2) for Mbed TLS, small instead of fast. */
#include "mbedtls/sha1.h"

static uint32_t rotated(uint32_t x, int bits) {
    return x << bits | x >> (32 - bits);
}

/* The round's function of three words, and its constant added. */
static uint32_t mixed(int round, uint32_t b, uint32_t c, uint32_t d) {
    switch (round / 20) {
        case 0:
            return (d ^ (b & (c ^ d))) + 0x5A827999;
        case 1:
            return (b ^ c ^ d) + 0x6ED9EBA1;
        case 2:
            return ((b & c) | (d & (b | c))) + 0x8F1BBCDC;
        default:
            return (b ^ c ^ d) + 0xCA62C1D6;
    }
}

int mbedtls_internal_sha1_process(mbedtls_sha1_context *ctx, const unsigned char data[64]) {
    uint32_t *state = ctx->MBEDTLS_PRIVATE(state);
    uint32_t w[16];
    for (int i = 0; i < 16; i++, data += 4) {
        w[i] = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int round = 0; round < 80; round++) {
        uint32_t *word = &w[round & 15];
        if (round >= 16) {
            *word = rotated(w[(round + 13) & 15] ^ w[(round + 8) & 15] ^ w[(round + 2) & 15] ^ *word, 1);
        }
        uint32_t next = rotated(a, 5) + mixed(round, b, c, d) + e + *word;
        e = d;
        d = c;
        c = rotated(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    return 0;
}
