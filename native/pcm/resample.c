/* Streaming sample-rate conversion by 2, 3 or 6, up or down: one symmetric FIR per ratio (taps.h),
 * walked polyphase in fixed point.
 *
 * State: 4 bytes magic, direction, ratio, 2 spare, then a window of samples: the filter's history
 * followed by room for one chunk of input. Each chunk is copied behind the history, filtered from
 * there, and the last samples move to the front. */
#include "pcm.h"
#include "samples.h"
#include "taps.h"

#include <string.h>

#define MAGIC 0x31525043u /* "CPR1" */
#define HEADER 8
#define CHUNK 48 /* input samples; a multiple of every ratio */

typedef struct {
    const int16_t *taps; /* first half and centre */
    int32_t half;        /* index of the centre; the filter has 2 * half + 1 taps */
    int32_t ratio;
    int32_t up;
    int32_t history;     /* samples of past input that the filter reaches back to */
    int32_t recip_q15;   /* 1 / ratio */
} filter_t;

/* Describe the filter of a ratio (1, 2, 3 or 6); 0 if there is none. A switch, because a table of
 * pointers would need relocation in a native module. */
static int describe(filter_t *f, int32_t ratio, int32_t up) {
    f->ratio = ratio;
    f->up = up;
    switch (ratio) {
        case 1:
            f->taps = pcm_taps_2;
            f->half = 0;
            break;
        case 2:
            f->taps = pcm_taps_2;
            f->half = PCM_HALF_2;
            break;
        case 3:
            f->taps = pcm_taps_3;
            f->half = PCM_HALF_3;
            break;
        case 6:
            f->taps = pcm_taps_6;
            f->half = PCM_HALF_6;
            break;
        default:
            return 0;
    }
    f->history = up ? 2 * f->half / ratio : 2 * f->half;
    f->recip_q15 = 32768 / ratio;
    return 1;
}

static int supported(int32_t rate) {
    return rate == 8000 || rate == 16000 || rate == 48000;
}

static int describe_rates(filter_t *f, int32_t in_rate, int32_t out_rate) {
    if (!supported(in_rate) || !supported(out_rate)) {
        return 0;
    }
    return out_rate > in_rate ? describe(f, out_rate / in_rate, 1) : describe(f, in_rate / out_rate, 0);
}

static int32_t state_bytes(const filter_t *f) {
    return f->ratio == 1 ? HEADER : HEADER + 2 * (f->history + CHUNK);
}

int32_t pcm_resampler_size(int32_t in_rate, int32_t out_rate) {
    filter_t f;
    return describe_rates(&f, in_rate, out_rate) ? state_bytes(&f) : CB_ERANGE;
}

int32_t pcm_resampler_delay(int32_t in_rate, int32_t out_rate) {
    filter_t f;
    if (!describe_rates(&f, in_rate, out_rate)) {
        return CB_ERANGE;
    }
    return f.up ? f.half : f.half / f.ratio;
}

int32_t pcm_resampler_init(uint8_t *state, size_t state_size, int32_t in_rate, int32_t out_rate) {
    filter_t f;
    if (!describe_rates(&f, in_rate, out_rate)) {
        return CB_ERANGE;
    }
    if (!cb_fits(state_size, 0, state_bytes(&f))) {
        return CB_ESTATE;
    }
    memset(state, 0, (size_t)state_bytes(&f));
    cb_put_le32(state, MAGIC);
    state[4] = (uint8_t)f.up;
    state[5] = (uint8_t)f.ratio;
    return 0;
}

static int describe_state(filter_t *f, const uint8_t *state, size_t state_size) {
    return state_size >= HEADER && cb_le32(state) == MAGIC && state[4] <= 1
        && describe(f, state[5], state[4]) && cb_fits(state_size, 0, state_bytes(f));
}

/* One output sample going down: the whole filter over window[0 .. 2 * half], folded at its centre. */
static int32_t filter_down(const filter_t *f, const uint8_t *window) {
    int64_t sum = f->taps[f->half] * sample_at(window, f->half);
    for (int32_t k = 0; k < f->half; k++) {
        sum += f->taps[k] * (sample_at(window, k) + sample_at(window, 2 * f->half - k));
    }
    /* The taps' gain is the ratio: take it out in a second step that fits 32 bits. */
    int32_t whole = (int32_t)((sum + (1 << 14)) >> 15);
    return (whole * f->recip_q15 + (1 << 14)) >> 15;
}

/* One output sample going up: every ratio-th tap from `phase`, over the input that ends at newest. */
static int32_t filter_up(const filter_t *f, const uint8_t *window, int32_t newest, int32_t phase) {
    int64_t sum = 0;
    for (int32_t tap = phase; tap <= 2 * f->half; tap += f->ratio, newest--) {
        int32_t folded = tap <= f->half ? tap : 2 * f->half - tap;
        sum += f->taps[folded] * sample_at(window, newest);
    }
    return (int32_t)((sum + (1 << 14)) >> 15);
}

/* Filter the n samples that stand behind the history; returns how many were written to dst. */
static int32_t filter_chunk(const filter_t *f, const uint8_t *window, int32_t n, uint8_t *dst) {
    int32_t written = 0;
    if (!f->up) {
        for (int32_t i = 0; i < n; i += f->ratio) {
            set_sample(dst, written++, saturate(filter_down(f, window + 2 * i)));
        }
        return written;
    }
    for (int32_t i = 0; i < n; i++) {
        for (int32_t phase = 0; phase < f->ratio; phase++) {
            set_sample(dst, written++, saturate(filter_up(f, window, f->history + i, phase)));
        }
    }
    return written;
}

/* Samples that n input samples become; CB_ERANGE if n is not a whole number of output samples. */
static int32_t output_count(const filter_t *f, int32_t n) {
    if (n < 0 || (!f->up && n % f->ratio != 0) || (f->up && n > INT32_MAX / f->ratio)) {
        return CB_ERANGE;
    }
    return f->up ? n * f->ratio : n / f->ratio;
}

int32_t pcm_resample(uint8_t *state, size_t state_size, const uint8_t *src, size_t src_size,
    int32_t src_off, int32_t n, uint8_t *dst, size_t dst_size, int32_t dst_off) {
    filter_t f;
    if (!describe_state(&f, state, state_size)) {
        return CB_ESTATE;
    }
    int32_t count = output_count(&f, n);
    if (count < 0 || !samples_fit(src_size, src_off, n) || !samples_fit(dst_size, dst_off, count)) {
        return CB_ERANGE;
    }
    if (f.ratio == 1) {
        pcm_copy(dst, dst_size, dst_off, src, src_size, src_off, n);
        return n;
    }
    uint8_t *window = state + HEADER;
    size_t history = 2 * (size_t)f.history;
    for (int32_t done = 0, chunk; done < n; done += chunk) {
        chunk = n - done < CHUNK ? n - done : CHUNK;
        memmove(window + history, src + 2 * ((size_t)src_off + (size_t)done), 2 * (size_t)chunk);
        dst_off += filter_chunk(&f, window, chunk, dst + 2 * (size_t)dst_off);
        memmove(window, window + 2 * (size_t)chunk, history);
    }
    return count;
}
