/* The encoder: libopus' behind checked arguments. */
#include "opus.h"
#include "state.h"

/* What libopus puts on the scratch at most, found by tests/native/fuzz and linear in the rate; CELT and SILK
 * never work at the same time. CELT: analysis and pitch search at 48 kHz, which complexity 5 turns on, and the
 * input as libopus buffers it. SILK: copies of its noise shaper, and what that tries at the same time, by
 * complexity. In stereo CELT needs the most; below 5 there is a rare need of its own (SILK resampling its
 * history), so it gets the larger figure. */
#define CELT_SIMPLE 16032
#define CELT_MONO 17656
#define CELT_STEREO 29912
#define CELT_PER_KHZ 53 /* and channel */
#define SILK_MONO 15488
#define SILK_PER_KHZ 88
#define SILK_TRIES(complexity) ((complexity) < 2 ? 0 : (complexity) < 6 ? 2872 : (complexity) < 8 ? 4232 : 5584)
#define SCRATCH_LONG 5072 /* frames above 20 ms are made of shorter ones, joined in a second buffer */
#define LONG_PER_KHZ 160
#define SCRATCH_SPARE 512

/* Whether a frame may have n samples: 2.5, 5, 10, 20, 40 or 60 ms. */
static int frame_ok(int32_t rate, int32_t n) {
    int32_t quarter = rate / 400;
    return n == quarter || n == 2 * quarter || n == 4 * quarter || n == 8 * quarter
        || n == 16 * quarter || n == 24 * quarter;
}

static int32_t larger(int32_t a, int32_t b) {
    return a > b ? a : b;
}

static int32_t scratch_need(int32_t rate, int32_t channels, int32_t complexity, int32_t n) {
    int32_t khz = rate / 1000;
    int32_t need = channels == 2 ? CELT_STEREO : complexity < 5 ? CELT_SIMPLE : CELT_MONO;
    need += CELT_PER_KHZ * channels * khz;
    if (channels == 1) {
        need = larger(need, SILK_MONO + SILK_PER_KHZ * khz + SILK_TRIES(complexity));
    }
    if (n > rate / 50) {
        need += larger(SCRATCH_LONG, LONG_PER_KHZ * khz);
    }
    return need + SCRATCH_SPARE + STATE_ALIGN - 1;
}

static header_t *find(uint8_t *state, size_t state_size) {
    header_t *header = cbo_find_header(state, state_size, MAGIC_ENCODER);
    if (!header || !cb_fits(state_size, 0, cbo_encoder_size(header->channels))) {
        return NULL;
    }
    return header;
}

int32_t cbo_encoder_size(int32_t channels) {
    return cbo_channels_ok(channels) ? cbo_state_size(opus_encoder_get_size(channels)) : CB_ERANGE;
}

int32_t cbo_encoder_scratch(int32_t rate, int32_t channels, int32_t complexity, int32_t n) {
    if (!cbo_rate_ok(rate) || !cbo_channels_ok(channels) || complexity < 0 || complexity > 10
        || !frame_ok(rate, n)) {
        return CB_ERANGE;
    }
    return scratch_need(rate, channels, complexity, n);
}

int32_t cbo_encoder_init(uint8_t *state, size_t state_size, int32_t rate, int32_t channels,
    int32_t application) {
    if (!cbo_rate_ok(rate) || !cbo_channels_ok(channels)
        || (application != CBO_VOIP && application != CBO_AUDIO && application != CBO_LOWDELAY)) {
        return CB_ERANGE;
    }
    if (!cb_fits(state_size, 0, cbo_encoder_size(channels))) {
        return CB_ESTATE;
    }
    header_t *header = cbo_new_header(state, rate, channels);
    if (opus_encoder_init(cbo_codec(header), rate, channels, application) != OPUS_OK
        || opus_encoder_ctl(cbo_codec(header), OPUS_GET_COMPLEXITY(&header->complexity)) != OPUS_OK) {
        return CBO_EBROKEN;
    }
    header->magic = MAGIC_ENCODER;
    return 0;
}

/* Limits of what encoder_set takes. */
typedef struct {
    int16_t what;
    int16_t also; /* one more value, such as CBO_AUTO; 0 if none */
    int32_t least;
    int32_t most;
} setting_t;

static const setting_t settings[] = {
    { CBO_BITRATE, CBO_AUTO, 6000, 510000 },
    { CBO_BITRATE, CBO_MAX, 6000, 510000 },
    { CBO_MAX_BANDWIDTH, 0, CBO_NARROWBAND, CBO_FULLBAND },
    { CBO_VBR, 0, 0, 1 },
    { CBO_BANDWIDTH, CBO_AUTO, CBO_NARROWBAND, CBO_FULLBAND },
    { CBO_COMPLEXITY, 0, 0, 10 },
    { CBO_FEC, 0, 0, 2 },
    { CBO_LOSS, 0, 0, 100 },
    { CBO_DTX, 0, 0, 1 },
    { CBO_VBR_CONSTRAINT, 0, 0, 1 },
    { CBO_CHANNELS, CBO_AUTO, 1, 2 },
    { CBO_SIGNAL, CBO_AUTO, CBO_VOICE, CBO_MUSIC },
};

#define SETTINGS ((int)(sizeof(settings) / sizeof(settings[0])))

static int value_ok(int32_t what, int32_t value, int32_t channels) {
    for (int i = 0; i < SETTINGS; i++) {
        const setting_t *s = &settings[i];
        if (s->what == what && ((value >= s->least && value <= s->most) || (s->also && value == s->also))) {
            return what != CBO_CHANNELS || value <= channels;
        }
    }
    return 0;
}

int32_t cbo_encoder_set(uint8_t *state, size_t state_size, int32_t what, int32_t value) {
    header_t *header = find(state, state_size);
    if (!header) {
        return CB_ESTATE;
    }
    if (!value_ok(what, value, header->channels)
        || opus_encoder_ctl(cbo_codec(header), what, value) != OPUS_OK) {
        return CB_ERANGE;
    }
    if (what == CBO_COMPLEXITY) {
        header->complexity = value;
    }
    return 0;
}

int32_t cbo_encoder_get(uint8_t *state, size_t state_size, int32_t what, int32_t *value) {
    header_t *header = find(state, state_size);
    if (!header) {
        return CB_ESTATE;
    }
    int known = what == CBO_LOOKAHEAD || what == CBO_IN_DTX;
    for (int i = 0; i < SETTINGS; i++) {
        known |= settings[i].what == what;
    }
    /* libopus: the number that gets is the number that sets, plus one. */
    if (!known || opus_encoder_ctl(cbo_codec(header), what + 1, value) != OPUS_OK) {
        return CB_ERANGE;
    }
    return 0;
}

/* Into libopus and out again, also through the escape. */
static int32_t run(header_t *header, const uint8_t *pcm, int32_t n, uint8_t *out, int32_t out_len) {
    header->magic = MAGIC_BUSY;
    if (CALLBOARD_SCRATCH_LEFT()) {
        return CBO_EBROKEN;
    }
    int32_t bytes = opus_encode(cbo_codec(header), (const opus_int16 *)(const void *)pcm, n, out, out_len);
    if (bytes < 0) {
        return CBO_EBROKEN;
    }
    header->magic = MAGIC_ENCODER;
    return bytes;
}

int32_t cbo_encode(uint8_t *state, size_t state_size, uint8_t *scratch, size_t scratch_size,
    const uint8_t *pcm, size_t pcm_size, int32_t pcm_off, int32_t n,
    uint8_t *out, size_t out_size, int32_t out_off, int32_t out_len) {
    header_t *header = find(state, state_size);
    if (!header) {
        return CB_ESTATE;
    }
    int32_t error = cbo_check_pcm(pcm, pcm_size, pcm_off, n, header->channels);
    if (error || !frame_ok(header->rate, n) || !cb_fits(out_size, out_off, out_len) || out_len < 1) {
        return error ? error : CB_ERANGE;
    }
    error = cbo_check_scratch(scratch_size,
        scratch_need(header->rate, header->channels, header->complexity, n));
    if (error) {
        return error;
    }
    size_t frame = 2 * (size_t)header->channels;
    const range_t ranges[] = {
        { state, state_size },
        { scratch, scratch_size },
        { pcm + frame * (size_t)pcm_off, frame * (size_t)n },
        { out + out_off, (size_t)out_len },
    };
    if (cbo_overlap(ranges, 4)) {
        return CBO_EOVERLAP;
    }
    int32_t most = n > header->rate / 50 ? 3 * CBO_MAX_PACKET : CBO_MAX_PACKET;
    cbo_lend_scratch(scratch, scratch_size);
    return run(header, ranges[2].start, n, out + out_off, out_len < most ? out_len : most);
}
