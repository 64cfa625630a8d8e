/* States and buffers as both codecs check them. */
#include "state.h"

#include <string.h>

const uint8_t cbo_home = 0;

header_t *cbo_new_header(uint8_t *state, int32_t rate, int32_t channels) {
    size_t shift = cbo_shift(state);
    header_t *header = (header_t *)(void *)(state + shift);
    memset(header, 0, sizeof(*header));
    header->magic = MAGIC_BUSY;
    header->rate = rate;
    header->channels = channels;
    header->home = &cbo_home;
    header->shift = (uint32_t)shift;
    return header;
}

header_t *cbo_find_header(uint8_t *state, size_t state_size, uint32_t magic) {
    size_t shift = cbo_shift(state);
    if (state_size < shift + sizeof(header_t)) {
        return NULL;
    }
    header_t *header = (header_t *)(void *)(state + shift);
    if (header->magic != magic || header->home != &cbo_home || header->shift != shift
        || !cbo_rate_ok(header->rate) || !cbo_channels_ok(header->channels)) {
        return NULL;
    }
    return header;
}

int32_t cbo_check_pcm(const uint8_t *pcm, size_t pcm_size, int32_t pcm_off, int32_t n, int32_t channels) {
    if (!cb_fits(pcm_size / 2 / (size_t)channels, pcm_off, n)) {
        return CB_ERANGE;
    }
    return (uintptr_t)pcm & 1 ? CBO_EALIGN : 0;
}

int cbo_overlap(const range_t *ranges, int count) {
    for (int i = 0; i < count; i++) {
        for (int k = i + 1; k < count; k++) {
            uintptr_t a = (uintptr_t)ranges[i].start, b = (uintptr_t)ranges[k].start;
            if (a < b + ranges[k].size && b < a + ranges[i].size) {
                return 1;
            }
        }
    }
    return 0;
}

int32_t cbo_check_scratch(size_t scratch_size, int32_t need) {
    return cb_fits(scratch_size, 0, need) ? 0 : CBO_ESCRATCH;
}

void cbo_lend_scratch(uint8_t *scratch, size_t scratch_size) {
    size_t shift = cbo_shift(scratch);
    callboard_scratch_lend(scratch + shift, scratch_size - shift);
}
