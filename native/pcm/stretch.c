/* Time-scaling: likeness of two pieces of sound by their absolute difference, and the pass over. */
#include "stretch.h"
#include "samples.h"

#define MISMATCH_ONE 256
#define EXACT (1 << 22) /* sums below it may be multiplied by MISMATCH_ONE */

static int piece_fits(size_t size, int32_t off, int32_t n) {
    return n <= PCM_STRETCH_MAX && samples_fit(size, off, n);
}

/* sum|a - b|, or as soon as it is not below `limit` any number not below it. */
static uint32_t difference(const uint8_t *pcm, int32_t a_off, int32_t b_off, int32_t n, uint32_t limit) {
    uint32_t sum = 0;
    for (int32_t i = 0; i < n && sum < limit; i++) {
        int32_t d = sample_at(pcm, a_off + i) - sample_at(pcm, b_off + i);
        sum += (uint32_t)(d < 0 ? -d : d);
    }
    return sum;
}

static uint32_t magnitude(const uint8_t *pcm, int32_t off, int32_t n) {
    uint32_t sum = 0;
    for (int32_t i = off; i < off + n; i++) {
        int32_t v = sample_at(pcm, i);
        sum += (uint32_t)(v < 0 ? -v : v);
    }
    return sum;
}

int32_t pcm_mismatch(const uint8_t *pcm, size_t pcm_size, int32_t a_off, int32_t b_off, int32_t n) {
    if (!piece_fits(pcm_size, a_off, n) || !piece_fits(pcm_size, b_off, n)) {
        return CB_ERANGE;
    }
    uint32_t part = difference(pcm, a_off, b_off, n, UINT32_MAX);
    uint32_t whole = magnitude(pcm, a_off, n) + magnitude(pcm, b_off, n);
    if (whole == 0) {
        return 0;
    }
    while (part >= EXACT) {
        part >>= 1;
        whole >>= 1;
    }
    return (int32_t)(part * MISMATCH_ONE / whole);
}

int32_t pcm_best_match(const uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n, int32_t first_off,
    int32_t last_off) {
    if (!piece_fits(pcm_size, off, n) || !piece_fits(pcm_size, first_off, n)
        || !piece_fits(pcm_size, last_off, n) || first_off > last_off) {
        return CB_ERANGE;
    }
    uint32_t least = UINT32_MAX;
    int32_t best = first_off;
    for (int32_t at = first_off; at <= last_off; at++) {
        uint32_t found = difference(pcm, off, at, n, least);
        if (found < least) {
            least = found;
            best = at;
        }
    }
    return best;
}

int32_t pcm_crossfade(uint8_t *dst, size_t dst_size, int32_t dst_off,
    const uint8_t *src, size_t src_size, int32_t src_off, int32_t n) {
    if (!piece_fits(dst_size, dst_off, n) || !piece_fits(src_size, src_off, n)) {
        return CB_ERANGE;
    }
    for (int32_t i = 0; i < n; i++) {
        int32_t to_q15 = ((2 * i + 1) << 14) / n;
        int32_t v = sample_at(dst, dst_off + i) * (32768 - to_q15) + sample_at(src, src_off + i) * to_q15;
        set_sample(dst, dst_off + i, (v + (1 << 14)) >> 15);
    }
    return 0;
}
