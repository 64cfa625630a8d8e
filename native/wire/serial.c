/* Frames of the serial line: 00 COBS(type, payload, CRC-16) 00 (firmware/PROTOCOL.md §9). */
#include "wire.h"

#include <string.h>

#define BLOCK 0xFF /* a COBS code: 254 bytes without a zero behind it */

/* CRC-16/GENIBUS before its inversion: polynomial 0x1021, begun with 0xFFFF. */
static uint32_t crc16(uint32_t crc, uint8_t byte) {
    uint32_t x = (crc >> 8 ^ byte) & 0xFF;
    x ^= x >> 4;
    return (crc << 8 ^ x << 12 ^ x << 5 ^ x) & 0xFFFF;
}

/* Where COBS is being written to. */
typedef struct {
    uint8_t *out;
    int32_t code_at, at;
} stuffing_t;

static void stuff(stuffing_t *s, uint8_t byte) {
    if (s->at - s->code_at == BLOCK) {
        s->out[s->code_at] = BLOCK;
        s->code_at = s->at++;
    }
    if (byte) {
        s->out[s->at++] = byte;
    } else {
        s->out[s->code_at] = (uint8_t)(s->at - s->code_at);
        s->code_at = s->at++;
    }
}

int32_t frame_encode(uint8_t *out, size_t out_size, int32_t kind, const uint8_t *buf, size_t buf_size, int32_t off,
    int32_t n) {
    if (!cb_fits(buf_size, off, n) || n > FRAME_MAX_PAYLOAD || kind < 1 || kind > 255
        || out_size < (size_t)(n + FRAME_OVERHEAD + (n + 3) / (BLOCK - 1))) {
        return CB_ERANGE;
    }
    out[0] = 0;
    stuffing_t s = { out, 1, 2 };
    uint32_t crc = crc16(0xFFFF, (uint8_t)kind);
    stuff(&s, (uint8_t)kind);
    for (int32_t i = 0; i < n; i++) {
        crc = crc16(crc, buf[off + i]);
        stuff(&s, buf[off + i]);
    }
    crc ^= 0xFFFF;
    stuff(&s, (uint8_t)(crc >> 8));
    stuff(&s, (uint8_t)crc);
    out[s.code_at] = (uint8_t)(s.at - s.code_at);
    out[s.at] = 0;
    return s.at + 1;
}

/* Whether n bytes can have come from COBS. */
static int is_stuffed(const uint8_t *p, int32_t n) {
    for (int32_t at = 0; at < n; at += p[at]) {
        if (p[at] == 0 || p[at] > n - at) {
            return 0;
        }
        for (int32_t i = at + 1; i < at + p[at]; i++) {
            if (p[i] == 0) {
                return 0;
            }
        }
    }
    return 1;
}

int32_t frame_decode(uint8_t *buf, size_t buf_size, int32_t n) {
    if (!cb_fits(buf_size, 0, n)) {
        return CB_ERANGE;
    }
    if (!is_stuffed(buf, n)) {
        return FRAME_EDAMAGED;
    }
    int32_t size = 0;
    for (int32_t at = 0; at < n;) {
        int32_t code = buf[at];
        memmove(buf + size, buf + at + 1, (size_t)(code - 1));
        size += code - 1;
        at += code;
        if (code != BLOCK && at < n) {
            buf[size++] = 0;
        }
    }
    if (size < 3 || buf[0] == 0) {
        return FRAME_EDAMAGED;
    }
    uint32_t crc = 0xFFFF;
    for (int32_t i = 0; i < size - 2; i++) {
        crc = crc16(crc, buf[i]);
    }
    return (crc ^ 0xFFFF) == cb_be16(buf + size - 2) ? size - 3 : FRAME_EDAMAGED;
}

int32_t frame_fill(uint8_t *out, size_t out_size, int32_t out_off, const uint8_t *buf, size_t buf_size, int32_t off,
    int32_t n) {
    if (!cb_fits(buf_size, off, n) || !cb_fits(out_size, out_off, 0)) {
        return CB_ERANGE;
    }
    int32_t i = 0;
    while (i < n && (size_t)(out_off + i) < out_size && buf[off + i] != 0) {
        out[out_off + i] = buf[off + i];
        i++;
    }
    return i;
}
