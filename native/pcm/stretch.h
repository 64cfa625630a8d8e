/* What shortening and lengthening a voice is made of: find the place where it looks the same, and pass
 * over to it without a seam.
 *
 * Offsets and counts are samples; error codes as in pcm.h. n is at most PCM_STRETCH_MAX. */
#ifndef CALLBOARD_PCM_STRETCH_H
#define CALLBOARD_PCM_STRETCH_H

#include "../common/bytes.h"

#define PCM_STRETCH_MAX 4096 /* samples; keeps sums in 32 bits */

/* How unlike the n samples at a_off and those at b_off are: 256 * sum|a - b| / sum(|a| + |b|), rounded
 * down. 0: the same (or both digital silence), about 180: independent noise, 256: opposite. */
int32_t pcm_mismatch(const uint8_t *pcm, size_t pcm_size, int32_t a_off, int32_t b_off, int32_t n);
/* The offset in first_off..last_off whose n samples differ least from those at off, by sum|a - b|; the
 * first of several. first_off <= last_off, and all of them lie in the buffer with their n samples. */
int32_t pcm_best_match(const uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n, int32_t first_off,
    int32_t last_off);
/* Pass from dst to src within n samples, in place of dst, linearly. The two may overlap if src lies
 * behind dst in memory. Returns 0. */
int32_t pcm_crossfade(uint8_t *dst, size_t dst_size, int32_t dst_off,
    const uint8_t *src, size_t src_size, int32_t src_off, int32_t n);

#endif
