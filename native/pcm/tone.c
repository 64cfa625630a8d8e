/* One or two sine tones with continuous phase: ring-back, busy, DTMF, test signals.
 *
 * State, little-endian 32-bit words: magic, phase 1, increment 1, phase 2, increment 2, amplitude.
 * A phase is a fraction of a turn in 32 bits. */
#include "pcm.h"
#include "samples.h"

#define MAGIC 0x31545043u /* "CPT1" */

/* sin(x * pi / 32768) in Q15 for the 16-bit angle x. On a quarter turn z in [-1, 1]:
 * z * (a - z^2 * (b - z^2 * c)) with a = pi/2, b = pi - 5/2, c = (pi - 3)/2, in Q14: right in value and
 * slope at both ends, wrong by 0.02 % between. */
static int32_t sine_q15(int16_t x) {
    int32_t z = x;
    if (z > 16384) {
        z = 32768 - z;
    } else if (z < -16384) {
        z = -32768 - z;
    }
    int32_t z2 = (z * z) >> 14;
    int32_t inner = 10512 - ((1160 * z2) >> 14);
    int32_t slope = 25736 - ((inner * z2) >> 14);
    return (z * slope) >> 13;
}

static uint32_t increment(int32_t freq_hz, int32_t rate) {
    return cb_div64(((uint64_t)(uint32_t)freq_hz << 32) + (uint32_t)rate / 2, (uint32_t)rate);
}

int32_t pcm_tone_init(uint8_t *state, size_t state_size, int32_t rate, int32_t freq1_hz, int32_t freq2_hz,
    int32_t amplitude) {
    if (state_size < PCM_TONE_STATE) {
        return CB_ESTATE;
    }
    if (rate < 1 || rate > PCM_MAX_RATE || freq1_hz < 1 || freq1_hz > rate / 2
        || freq2_hz < 0 || freq2_hz > rate / 2 || amplitude < 0 || amplitude > 32767) {
        return CB_ERANGE;
    }
    cb_put_le32(state, MAGIC);
    cb_put_le32(state + 4, 0);
    cb_put_le32(state + 8, increment(freq1_hz, rate));
    cb_put_le32(state + 12, 0);
    cb_put_le32(state + 16, increment(freq2_hz, rate));
    cb_put_le32(state + 20, (uint32_t)amplitude);
    return 0;
}

int32_t pcm_tone(uint8_t *state, size_t state_size, uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n) {
    if (state_size < PCM_TONE_STATE || cb_le32(state) != MAGIC || cb_le32(state + 20) > 32767) {
        return CB_ESTATE;
    }
    if (!samples_fit(pcm_size, off, n)) {
        return CB_ERANGE;
    }
    uint32_t phase1 = cb_le32(state + 4), step1 = cb_le32(state + 8);
    uint32_t phase2 = cb_le32(state + 12), step2 = cb_le32(state + 16);
    int32_t amplitude = (int32_t)cb_le32(state + 20);
    for (int32_t i = off; i < off + n; i++) {
        int32_t sum = sine_q15((int16_t)(phase1 >> 16));
        /* A single tone counts twice, so that both cases share one scale. */
        sum += step2 ? sine_q15((int16_t)(phase2 >> 16)) : sum;
        set_sample(pcm, i, (sum * amplitude + 32768) >> 16);
        phase1 += step1;
        phase2 += step2;
    }
    cb_put_le32(state + 4, phase1);
    cb_put_le32(state + 12, phase2);
    return 0;
}
