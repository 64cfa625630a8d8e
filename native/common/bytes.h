/* What every callboard C core shares: error codes, the range check, bytes at any alignment, small integer maths.
 *
 * A core takes all memory from its caller as (pointer, size in bytes) and addresses it by offset and
 * count. It returns a result >= 0, one of its own small negative codes, or one of the two codes below,
 * which the glue turns into ValueError. Nothing here assumes alignment: an armv6m faults on it. */
#ifndef CALLBOARD_BYTES_H
#define CALLBOARD_BYTES_H

#include <stddef.h>
#include <stdint.h>

#define CB_ERANGE (-101) /* an offset, count or value outside its limits */
#define CB_ESTATE (-102) /* a state that is too short or that no init function wrote */

/* True if n units from offset off lie inside size units (and off + n is an int32 too). */
static inline int cb_fits(size_t size, int32_t off, int32_t n) {
    return off >= 0 && n >= 0 && n <= INT32_MAX - off && (size_t)off + (size_t)n <= size;
}

static inline uint16_t cb_le16(const uint8_t *p) {
    return (uint16_t)(p[0] | (uint32_t)p[1] << 8);
}

static inline uint32_t cb_le32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint16_t cb_be16(const uint8_t *p) {
    return (uint16_t)((uint32_t)p[0] << 8 | p[1]);
}

static inline uint32_t cb_be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void cb_put_le16(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void cb_put_le32(uint8_t *p, uint32_t v) {
    cb_put_le16(p, v);
    cb_put_le16(p + 2, v >> 16);
}

static inline void cb_put_be16(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void cb_put_be32(uint8_t *p, uint32_t v) {
    cb_put_be16(p, v >> 16);
    cb_put_be16(p + 2, v);
}

/* Element i of a caller's array('i'), in the machine's own byte order (all targets are little-endian). */
static inline void cb_set_info(uint8_t *info, int i, int32_t v) {
    cb_put_le32(info + 4 * i, (uint32_t)v);
}

/* floor(a / b) for a quotient below 2^32, b >= 1. By hand: on 32 bits `/` would call libgcc. */
static inline uint32_t cb_div64(uint64_t a, uint32_t b) {
    uint64_t part = (uint64_t)b << 31;
    uint32_t quotient = 0;
    for (int bit = 0; bit < 32; bit++) {
        quotient <<= 1;
        if (a >= part) {
            a -= part;
            quotient |= 1;
        }
        part >>= 1;
    }
    return quotient;
}

#endif
