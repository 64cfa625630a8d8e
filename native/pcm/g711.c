/* G.711 µ-law and A-law, sample by sample as the ITU-T G.191 software tool library defines them:
 * negative samples are one's-complemented, so that -1 .. -4 meets the same step as 0 .. 3. */
#include "pcm.h"
#include "samples.h"

#define ULAW_BIAS 33      /* of the 14-bit magnitude */
#define ULAW_CLIP 0x1FFF
#define ALAW_EVEN_BITS 0x55

/* Position of the highest set bit; v >= 1. */
static int top_bit(uint32_t v) {
    int bit = 0;
    while (v >>= 1) {
        bit++;
    }
    return bit;
}

static uint8_t ulaw_code(int16_t sample) {
    uint32_t v = (uint32_t)((sample < 0 ? ~sample : sample) >> 2) + ULAW_BIAS;
    if (v > ULAW_CLIP) {
        v = ULAW_CLIP;
    }
    int segment = top_bit(v) - 5;
    uint32_t magnitude = (uint32_t)segment << 4 | ((v >> (segment + 1)) & 15);
    return (uint8_t)((sample < 0 ? 0x7F : 0xFF) ^ magnitude);
}

static int32_t ulaw_value(uint8_t code) {
    int32_t segment = (~code >> 4) & 7;
    int32_t step = ~code & 15;
    int32_t magnitude = ((2 * step + ULAW_BIAS) << (segment + 2)) - 4 * ULAW_BIAS;
    return code & 0x80 ? magnitude : -magnitude;
}

static uint8_t alaw_code(int16_t sample) {
    uint32_t v = (uint32_t)((sample < 0 ? ~sample : sample) >> 4);
    if (v > 15) {
        int segment = top_bit(v) - 3;
        v = (uint32_t)segment << 4 | ((v >> (segment - 1)) & 15);
    }
    return (uint8_t)((sample < 0 ? v : v | 0x80) ^ ALAW_EVEN_BITS);
}

static int32_t alaw_value(uint8_t code) {
    int32_t v = code ^ ALAW_EVEN_BITS;
    int32_t segment = (v >> 4) & 7;
    int32_t magnitude = ((v & 15) << 4) + 8;
    if (segment > 0) {
        magnitude = (magnitude + 256) << (segment - 1);
    }
    return code & 0x80 ? magnitude : -magnitude;
}

int32_t pcm_ulaw_encode(const uint8_t *pcm, size_t pcm_size, int32_t pcm_off,
    uint8_t *out, size_t out_size, int32_t out_off, int32_t n) {
    if (!samples_fit(pcm_size, pcm_off, n) || !cb_fits(out_size, out_off, n)) {
        return CB_ERANGE;
    }
    for (int32_t i = 0; i < n; i++) {
        out[out_off + i] = ulaw_code(sample_at(pcm, pcm_off + i));
    }
    return n;
}

int32_t pcm_ulaw_decode(const uint8_t *data, size_t data_size, int32_t data_off,
    uint8_t *pcm, size_t pcm_size, int32_t pcm_off, int32_t n) {
    if (!cb_fits(data_size, data_off, n) || !samples_fit(pcm_size, pcm_off, n)) {
        return CB_ERANGE;
    }
    for (int32_t i = 0; i < n; i++) {
        set_sample(pcm, pcm_off + i, ulaw_value(data[data_off + i]));
    }
    return n;
}

int32_t pcm_alaw_encode(const uint8_t *pcm, size_t pcm_size, int32_t pcm_off,
    uint8_t *out, size_t out_size, int32_t out_off, int32_t n) {
    if (!samples_fit(pcm_size, pcm_off, n) || !cb_fits(out_size, out_off, n)) {
        return CB_ERANGE;
    }
    for (int32_t i = 0; i < n; i++) {
        out[out_off + i] = alaw_code(sample_at(pcm, pcm_off + i));
    }
    return n;
}

int32_t pcm_alaw_decode(const uint8_t *data, size_t data_size, int32_t data_off,
    uint8_t *pcm, size_t pcm_size, int32_t pcm_off, int32_t n) {
    if (!cb_fits(data_size, data_off, n) || !samples_fit(pcm_size, pcm_off, n)) {
        return CB_ERANGE;
    }
    for (int32_t i = 0; i < n; i++) {
        set_sample(pcm, pcm_off + i, alaw_value(data[data_off + i]));
    }
    return n;
}
