/* Moving samples: mix, copy, fill, and between 16-bit PCM and 32-bit I2S slots. */
#include "pcm.h"
#include "samples.h"

#include <string.h>

int32_t pcm_mix(uint8_t *dst, size_t dst_size, int32_t dst_off,
    const uint8_t *src, size_t src_size, int32_t src_off, int32_t n) {
    if (!samples_fit(dst_size, dst_off, n) || !samples_fit(src_size, src_off, n)) {
        return CB_ERANGE;
    }
    for (int32_t i = 0; i < n; i++) {
        int32_t sum = sample_at(dst, dst_off + i) + sample_at(src, src_off + i);
        set_sample(dst, dst_off + i, saturate(sum));
    }
    return 0;
}

int32_t pcm_copy(uint8_t *dst, size_t dst_size, int32_t dst_off,
    const uint8_t *src, size_t src_size, int32_t src_off, int32_t n) {
    if (!samples_fit(dst_size, dst_off, n) || !samples_fit(src_size, src_off, n)) {
        return CB_ERANGE;
    }
    if (n > 0) { /* an empty buffer may have no address, which memmove must not be given */
        memmove(dst + 2 * (size_t)dst_off, src + 2 * (size_t)src_off, 2 * (size_t)n);
    }
    return 0;
}

int32_t pcm_fill(uint8_t *pcm, size_t pcm_size, int32_t off, int32_t n, int32_t value) {
    if (!samples_fit(pcm_size, off, n) || value != saturate(value)) {
        return CB_ERANGE;
    }
    for (int32_t i = off; i < off + n; i++) {
        set_sample(pcm, i, value);
    }
    return 0;
}

/* True if n frames of 1 or 2 slots of 4 bytes from byte off lie inside size bytes. */
static int frames_fit(size_t size, int32_t off, int32_t n, int32_t slots) {
    if ((slots != 1 && slots != 2) || !cb_fits(size, off, n)) {
        return 0;
    }
    return (size_t)n <= (size - (size_t)off) / (4 * (size_t)slots);
}

int32_t pcm_slots32_to_16(const uint8_t *src, size_t src_size, int32_t src_off,
    uint8_t *dst, size_t dst_size, int32_t dst_off, int32_t n, int32_t slots, int32_t slot, int32_t shift) {
    if (!frames_fit(src_size, src_off, n, slots) || !samples_fit(dst_size, dst_off, n)
        || slot < 0 || slot >= slots || shift < 0 || shift > 31) {
        return CB_ERANGE;
    }
    for (int32_t i = 0; i < n; i++) {
        const uint8_t *word = src + (size_t)src_off + 4 * ((size_t)i * (size_t)slots + (size_t)slot);
        set_sample(dst, dst_off + i, saturate((int32_t)cb_le32(word) >> shift));
    }
    return 0;
}

int32_t pcm_slots16_to_32(const uint8_t *pcm, size_t pcm_size, int32_t pcm_off,
    uint8_t *dst, size_t dst_size, int32_t dst_off, int32_t n, int32_t slots) {
    if (!samples_fit(pcm_size, pcm_off, n) || !frames_fit(dst_size, dst_off, n, slots)) {
        return CB_ERANGE;
    }
    uint8_t *word = dst + (size_t)dst_off;
    for (int32_t i = 0; i < n; i++) {
        uint32_t value = (uint32_t)(uint16_t)sample_at(pcm, pcm_off + i) << 16;
        for (int32_t slot = 0; slot < slots; slot++, word += 4) {
            cb_put_le32(word, value);
        }
    }
    return 0;
}
