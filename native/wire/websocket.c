/* WebSocket frame headers and masking (RFC 6455 §5). */
#include "wire.h"

#include <string.h>

#define CONTROL_BIT 8
#define MAX_CONTROL 125

/* memcpy of a known-aligned word: the compiler makes one load or store of it. */
static void xor_word(uint8_t *p, uint32_t key) {
    uint8_t *aligned = __builtin_assume_aligned(p, 4);
    uint32_t word;
    memcpy(&word, aligned, 4);
    word ^= key;
    memcpy(aligned, &word, 4);
}

/* XOR n bytes with the 4 key bytes, beginning with key[phase]; returns the next phase. */
static int32_t xor_key(uint8_t *p, int32_t n, const uint8_t *key, int32_t phase) {
    while (n > 0 && ((uintptr_t)p & 3) != 0) {
        *p++ ^= key[phase++ & 3];
        n--;
    }
    uint32_t word = 0;
    for (int32_t i = 3; i >= 0; i--) {
        word = word << 8 | key[(phase + i) & 3];
    }
    for (; n >= 4; n -= 4, p += 4) {
        xor_word(p, word);
    }
    while (n-- > 0) {
        *p++ ^= key[phase++ & 3];
    }
    return phase & 3;
}

int32_t ws_mask(uint8_t *buf, size_t buf_size, int32_t off, int32_t n, const uint8_t *keys, size_t keys_size,
    int32_t key_off, int32_t phase) {
    if (!cb_fits(buf_size, off, n) || !cb_fits(keys_size, key_off, 4) || phase < 0 || phase > 3) {
        return CB_ERANGE;
    }
    return xor_key(buf + off, n, keys + key_off, phase);
}

static int known_opcode(int32_t opcode) {
    return (opcode >= 0 && opcode <= 2) || (opcode >= 8 && opcode <= 10);
}

/* Bytes of the extended length field for a payload of n bytes. */
static int32_t length_bytes(int32_t n) {
    if (n <= 125) {
        return 0;
    }
    return n <= 0xFFFF ? 2 : 8;
}

static int valid_frame(int32_t opcode, int fin, int32_t n) {
    return known_opcode(opcode) && n <= WS_MAX_PAYLOAD && (!(opcode & CONTROL_BIT) || (fin && n <= MAX_CONTROL));
}

int32_t ws_frame(uint8_t *buf, size_t buf_size, int32_t payload_off, int32_t n, int32_t opcode, int fin,
    const uint8_t *keys, size_t keys_size, int32_t key_off) {
    if (!cb_fits(buf_size, payload_off, n) || !valid_frame(opcode, fin, n)
        || (keys && !cb_fits(keys_size, key_off, 4))) {
        return CB_ERANGE;
    }
    int32_t extended = length_bytes(n);
    int32_t start = payload_off - 2 - extended - (keys ? 4 : 0);
    if (start < 0) {
        return CB_ERANGE;
    }
    uint8_t key[4];
    if (keys) { /* a copy: the keys may lie where the header goes */
        memcpy(key, keys + key_off, 4);
        memcpy(buf + payload_off - 4, key, 4);
        xor_key(buf + payload_off, n, key, 0);
    }
    uint8_t *p = buf + start;
    p[0] = (uint8_t)((fin ? 0x80 : 0) | opcode);
    p[1] = (uint8_t)((keys ? 0x80 : 0) | (extended == 0 ? n : extended == 2 ? 126 : 127));
    if (extended == 2) {
        cb_put_be16(p + 2, (uint32_t)n);
    } else if (extended == 8) {
        cb_put_be32(p + 2, 0);
        cb_put_be32(p + 6, (uint32_t)n);
    }
    return start;
}

/* The payload length of a header of which all length bytes are there; WS_ELENGTH if it is not allowed. */
static int32_t payload_length(const uint8_t *p) {
    int32_t code = p[1] & 127;
    if (code <= 125) {
        return code;
    }
    if (code == 126) {
        int32_t length = cb_be16(p + 2);
        return length > 125 ? length : WS_ELENGTH;
    }
    uint32_t length = cb_be32(p + 6);
    if (cb_be32(p + 2) != 0 || length <= 0xFFFF || length > WS_MAX_PAYLOAD) {
        return WS_ELENGTH;
    }
    return (int32_t)length;
}

/* What the first two bytes alone can get wrong. */
static int32_t first_bytes_error(const uint8_t *p) {
    if (p[0] & 0x70) {
        return WS_ERSV;
    }
    if (!known_opcode(p[0] & 15)) {
        return WS_EOPCODE;
    }
    if (p[0] & CONTROL_BIT && (!(p[0] & 0x80) || (p[1] & 127) > MAX_CONTROL)) {
        return WS_ECONTROL;
    }
    return 0;
}

int32_t ws_header(const uint8_t *buf, size_t buf_size, int32_t off, int32_t n, uint8_t *info, size_t info_size) {
    if (!cb_fits(buf_size, off, n) || info_size < 4 * WS_INFO) {
        return CB_ERANGE;
    }
    if (n < 2) {
        return 0;
    }
    const uint8_t *p = buf + off;
    int32_t error = first_bytes_error(p);
    if (error) {
        return error;
    }
    int32_t code = p[1] & 127, masked = p[1] >> 7;
    int32_t mask_at = code <= 125 ? 2 : code == 126 ? 4 : 10;
    if (n < mask_at) {
        return 0;
    }
    int32_t length = payload_length(p);
    if (length < 0) {
        return length;
    }
    int32_t size = mask_at + 4 * masked;
    if (n < size) {
        return 0;
    }
    int32_t values[WS_INFO] = { p[0] >> 7, p[0] & 15, masked, length, masked ? off + mask_at : -1 };
    memcpy(info, values, sizeof values);
    return size;
}
