/* Comfort noise: what a line sounds like while nobody says anything.
 *
 * Offsets and counts are samples, sizes bytes; error codes as in pcm.h. */
#ifndef CALLBOARD_PCM_NOISE_H
#define CALLBOARD_PCM_NOISE_H

#include "../common/bytes.h"

#define PCM_NOISE_STATE 12 /* bytes */

/* Begin; any seed 0..2^30-1. Returns 0. */
int32_t pcm_noise_init(uint8_t *state, size_t state_size, int32_t seed);
/* Write the next n samples of noise of `level` -dBov (0..127 as of pcm_level, 127 = digital silence),
 * duller than white. Returns 0. */
int32_t pcm_noise(uint8_t *state, size_t state_size, uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n,
    int32_t level);

#endif
