/* pcm: the sample work of a telephone, on int16 little-endian PCM in memory of the caller.
 *
 * Sizes are bytes; offsets (*_off) and counts (n) are samples for PCM and bytes for everything else.
 * PCM buffers need no alignment. Every function checks every argument first: CB_ERANGE or CB_ESTATE
 * (common/bytes.h) means that nothing was touched. Where input and output may overlap it is said. */
#ifndef CALLBOARD_PCM_H
#define CALLBOARD_PCM_H

#include "../common/bytes.h"

/* --- G.711 (g711.c). Equal to the ITU-T G.191 reference for every input. Return n. --- */

/* n samples to n bytes of µ-law. */
int32_t pcm_ulaw_encode(const uint8_t *pcm, size_t pcm_size, int32_t pcm_off,
    uint8_t *out, size_t out_size, int32_t out_off, int32_t n);
/* n bytes of µ-law to n samples. */
int32_t pcm_ulaw_decode(const uint8_t *data, size_t data_size, int32_t data_off,
    uint8_t *pcm, size_t pcm_size, int32_t pcm_off, int32_t n);
/* n samples to n bytes of A-law. */
int32_t pcm_alaw_encode(const uint8_t *pcm, size_t pcm_size, int32_t pcm_off,
    uint8_t *out, size_t out_size, int32_t out_off, int32_t n);
/* n bytes of A-law to n samples. */
int32_t pcm_alaw_decode(const uint8_t *data, size_t data_size, int32_t data_off,
    uint8_t *pcm, size_t pcm_size, int32_t pcm_off, int32_t n);

/* --- Sample rates (resample.c): every pair of 8000, 16000, 48000 Hz, equal ones too. --- */

/* Bytes of state a resampler needs; CB_ERANGE for other rates. */
int32_t pcm_resampler_size(int32_t in_rate, int32_t out_rate);
/* Group delay in output samples (at most 2.2 ms); CB_ERANGE for other rates. */
int32_t pcm_resampler_delay(int32_t in_rate, int32_t out_rate);
/* Write a fresh state: the stream before the first sample is silence. */
int32_t pcm_resampler_init(uint8_t *state, size_t state_size, int32_t in_rate, int32_t out_rate);
/* Take n samples (going down: a multiple of in_rate / out_rate), write n * out_rate / in_rate, return
 * that number. src and dst must not overlap. Saturates. */
int32_t pcm_resample(uint8_t *state, size_t state_size, const uint8_t *src, size_t src_size,
    int32_t src_off, int32_t n, uint8_t *dst, size_t dst_size, int32_t dst_off);

/* --- Levels (level.c) --- */

/* Multiply in place by gain_q12 / 4096 (0..65535), rounding, saturating; return how many clipped. */
int32_t pcm_gain(uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n, int32_t gain_q12);
/* Multiply in place by a gain that runs linearly from from_q12 (at the first sample) to to_q12 (at the
 * sample after the last). Both 0..65535. Saturates; returns 0. */
int32_t pcm_fade(uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n, int32_t from_q12, int32_t to_q12);
/* Root mean square, rounded down, 0..32768; 0 for n = 0. */
int32_t pcm_rms(const uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n);
/* Largest magnitude, 0..32768; 0 for n = 0. */
int32_t pcm_peak(const uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n);
/* Level in -dBov, 0..127, 127 = digital silence (RFC 6464 §3; 0 dBov = a full-scale square wave). */
int32_t pcm_level(const uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n);

/* --- Moving samples (pcm.c). Return 0. --- */

/* dst = src + dst, saturating. */
int32_t pcm_mix(uint8_t *dst, size_t dst_size, int32_t dst_off,
    const uint8_t *src, size_t src_size, int32_t src_off, int32_t n);
/* Copy; the two may overlap (memmove). */
int32_t pcm_copy(uint8_t *dst, size_t dst_size, int32_t dst_off,
    const uint8_t *src, size_t src_size, int32_t src_off, int32_t n);
/* Set every sample to value (-32768..32767). */
int32_t pcm_fill(uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n, int32_t value);
/* One slot (0 or 1) of n I2S frames of `slots` (1 or 2) 32-bit words, shifted right arithmetically by
 * shift (0..31; 16 takes the top half, 14 adds 12 dB), saturated. src_off is bytes. May work in place. */
int32_t pcm_slots32_to_16(const uint8_t *src, size_t src_size, int32_t src_off,
    uint8_t *dst, size_t dst_size, int32_t dst_off, int32_t n, int32_t slots, int32_t slot, int32_t shift);
/* n samples to n I2S frames of `slots` (1 or 2) equal 32-bit words (sample << 16). dst_off is bytes. */
int32_t pcm_slots16_to_32(const uint8_t *pcm, size_t pcm_size, int32_t pcm_off,
    uint8_t *dst, size_t dst_size, int32_t dst_off, int32_t n, int32_t slots);

/* --- Tones (tone.c) --- */

#define PCM_TONE_STATE 24 /* bytes */
#define PCM_MAX_RATE 192000

/* Start a tone at phase 0. rate 1..192000; freq1 1..rate/2; freq2 0 (none)..rate/2; amplitude 0..32767
 * is the peak: two frequencies share it equally. */
int32_t pcm_tone_init(uint8_t *state, size_t state_size, int32_t rate, int32_t freq1_hz, int32_t freq2_hz,
    int32_t amplitude);
/* Write the next n samples; phase continues over calls. THD below 0.1 %. Returns 0. */
int32_t pcm_tone(uint8_t *state, size_t state_size, uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n);

#endif
