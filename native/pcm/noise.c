/* Noise: a linear congruential generator behind a first-order low-pass. */
#include "noise.h"
#include "samples.h"

#include <string.h>

#define MAGIC 0x314E5043u /* "CPN1" */
#define SILENCE_DBOV 127
#define LOW_PASS_Q15 13107 /* 0.4: leaves half of white noise's RMS */
#define DECIBEL_Q15 29205  /* 10^(-1/20) */
#define LOUDEST_Q26 232485000 /* 32768 / (32768 / sqrt(3) / 2) * 2^26: the factor for 0 dBov */

/* The state, as it lies in the caller's bytes (all targets are little-endian). */
typedef struct {
    uint32_t magic, random;
    int32_t low;
} noise_t;

typedef char noise_size_is_as_announced[sizeof(noise_t) == PCM_NOISE_STATE ? 1 : -1];

int32_t pcm_noise_init(uint8_t *state, size_t state_size, int32_t seed) {
    if (state_size < sizeof(noise_t)) {
        return CB_ESTATE;
    }
    if (seed < 0 || seed >= 1 << 30) {
        return CB_ERANGE;
    }
    noise_t noise = { MAGIC, (uint32_t)seed, 0 };
    memcpy(state, &noise, sizeof noise);
    return 0;
}

static int32_t factor_q26(int32_t level) {
    int64_t factor = LOUDEST_Q26;
    for (int32_t i = 0; i < level; i++) {
        factor = factor * DECIBEL_Q15 >> 15;
    }
    return (int32_t)factor;
}

int32_t pcm_noise(uint8_t *state, size_t state_size, uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n,
    int32_t level) {
    noise_t noise;
    if (state_size < sizeof noise) {
        return CB_ESTATE;
    }
    memcpy(&noise, state, sizeof noise);
    if (noise.magic != MAGIC || noise.low != saturate(noise.low)) {
        return CB_ESTATE;
    }
    if (!samples_fit(pcm_size, off, n) || level < 0 || level > SILENCE_DBOV) {
        return CB_ERANGE;
    }
    int32_t factor = level == SILENCE_DBOV ? 0 : factor_q26(level);
    for (int32_t i = off; i < off + n; i++) {
        noise.random = noise.random * 1664525u + 1013904223u;
        int32_t white = (int32_t)(noise.random >> 16) - 32768;
        noise.low += (white - noise.low) * (LOW_PASS_Q15 >> 1) >> 14;
        set_sample(pcm, i, saturate((int32_t)(((int64_t)noise.low * factor + (1 << 25)) >> 26)));
    }
    memcpy(state, &noise, sizeof noise);
    return 0;
}
