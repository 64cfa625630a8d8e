/* Sample access shared by the parts of pcm. */
#ifndef CALLBOARD_PCM_SAMPLES_H
#define CALLBOARD_PCM_SAMPLES_H

#include "../common/bytes.h"

static inline int16_t sample_at(const uint8_t *pcm, int32_t i) {
    return (int16_t)cb_le16(pcm + 2 * (ptrdiff_t)i);
}

static inline void set_sample(uint8_t *pcm, int32_t i, int32_t v) {
    cb_put_le16(pcm + 2 * (ptrdiff_t)i, (uint32_t)v);
}

static inline int16_t saturate(int32_t v) {
    if (v > 32767) {
        return 32767;
    }
    return v < -32768 ? -32768 : (int16_t)v;
}

/* True if n samples from sample off lie inside a buffer of size bytes. */
static inline int samples_fit(size_t size, int32_t off, int32_t n) {
    return cb_fits(size / 2, off, n);
}

#endif
