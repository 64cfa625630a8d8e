/* Gain, fades, and how loud samples are. */
#include "logarithm.h"
#include "pcm.h"
#include "samples.h"

#define MAX_GAIN_Q12 65535
#define SILENCE_DBOV 127
#define LOG_BITS 12           /* fraction bits of pcm_log2_q12 */
#define DB_PER_OCTAVE_Q12 12330 /* 10 * log10(2) */
#define MAX_OCTAVES_Q12 173000  /* 127.1 dB; more would overflow the product below */

/* sample * gain, rounded. At most 32768 * 65535, which an int32 holds. */
static int32_t scaled(int32_t sample, int32_t gain_q12) {
    return (sample * gain_q12 + 2048) >> 12;
}

int32_t pcm_gain(uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n, int32_t gain_q12) {
    if (!samples_fit(pcm_size, off, n) || gain_q12 < 0 || gain_q12 > MAX_GAIN_Q12) {
        return CB_ERANGE;
    }
    int32_t clipped = 0;
    for (int32_t i = off; i < off + n; i++) {
        int32_t wanted = scaled(sample_at(pcm, i), gain_q12);
        int32_t got = saturate(wanted);
        clipped += got != wanted;
        set_sample(pcm, i, got);
    }
    return clipped;
}

int32_t pcm_fade(uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n, int32_t from_q12, int32_t to_q12) {
    if (!samples_fit(pcm_size, off, n) || from_q12 < 0 || from_q12 > MAX_GAIN_Q12
        || to_q12 < 0 || to_q12 > MAX_GAIN_Q12) {
        return CB_ERANGE;
    }
    if (n == 0) {
        return 0;
    }
    /* gain(i) = from + floor((to - from) * i / n), carried along as a whole part and a remainder. */
    int32_t step = (to_q12 - from_q12) / n;
    int32_t rest = (to_q12 - from_q12) % n;
    if (rest < 0) {
        step -= 1;
        rest += n;
    }
    int32_t gain_q12 = from_q12;
    uint32_t carry = 0;
    for (int32_t i = off; i < off + n; i++) {
        set_sample(pcm, i, saturate(scaled(sample_at(pcm, i), gain_q12)));
        gain_q12 += step;
        carry += (uint32_t)rest;
        if (carry >= (uint32_t)n) {
            carry -= (uint32_t)n;
            gain_q12 += 1;
        }
    }
    return 0;
}

/* Sum of squares; the caller has checked the range. */
static uint64_t energy(const uint8_t *pcm, int32_t off, int32_t n) {
    uint64_t sum = 0;
    for (int32_t i = off; i < off + n; i++) {
        int32_t v = sample_at(pcm, i);
        sum += (uint32_t)(v * v);
    }
    return sum;
}

/* floor(sqrt(v)), bit by bit. */
static uint32_t square_root(uint32_t v) {
    uint32_t root = 0;
    for (uint32_t bit = 1u << 15; bit; bit >>= 1) {
        uint32_t trial = root | bit;
        if (trial * trial <= v) {
            root = trial;
        }
    }
    return root;
}

int32_t pcm_rms(const uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n) {
    if (!samples_fit(pcm_size, off, n)) {
        return CB_ERANGE;
    }
    return n == 0 ? 0 : (int32_t)square_root(cb_div64(energy(pcm, off, n), (uint32_t)n));
}

int32_t pcm_peak(const uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n) {
    if (!samples_fit(pcm_size, off, n)) {
        return CB_ERANGE;
    }
    int32_t peak = 0;
    for (int32_t i = off; i < off + n; i++) {
        int32_t v = sample_at(pcm, i);
        v = v < 0 ? -v : v;
        peak = v > peak ? v : peak;
    }
    return peak;
}

/* The whole part by shifting, the fraction by squaring the mantissa. */
int32_t pcm_log2_q12(uint64_t v) {
    int32_t whole = 15;
    while (v > 0xFFFF) {
        v >>= 1;
        whole++;
    }
    uint32_t mantissa = (uint32_t)v; /* Q15 */
    while (mantissa < 0x8000) {
        mantissa <<= 1;
        whole--;
    }
    int32_t fraction = 0;
    for (int i = 0; i < LOG_BITS; i++) {
        mantissa = (mantissa * mantissa) >> 15;
        fraction <<= 1;
        if (mantissa > 0xFFFF) {
            mantissa >>= 1;
            fraction |= 1;
        }
    }
    return whole * (1 << LOG_BITS) + fraction;
}

int32_t pcm_level(const uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n) {
    if (!samples_fit(pcm_size, off, n)) {
        return CB_ERANGE;
    }
    uint64_t sum = energy(pcm, off, n);
    if (sum == 0) {
        return SILENCE_DBOV;
    }
    int32_t octaves = pcm_log2_q12((uint64_t)(uint32_t)n << 30) - pcm_log2_q12(sum);
    if (octaves >= MAX_OCTAVES_Q12) {
        return SILENCE_DBOV;
    }
    return (octaves * DB_PER_OCTAVE_Q12 + (1 << 23)) >> 24;
}
