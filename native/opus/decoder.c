/* The decoder: libopus' behind checked arguments and checked packets. */
#include "opus.h"
#include "packet.h"
#include "state.h"

/* What libopus puts on the scratch at most, found by tests/native/fuzz. The packet's mode and channels
 * decide, not the decoder's: a peer may send stereo CELT at 48 kHz to a decoder for 8 kHz mono. */
#define SCRATCH_NEED 9216
#define SCRATCH_SPARE 512

#define MAX_PCM_MS 120

static int32_t scratch_need(void) {
    return SCRATCH_NEED + SCRATCH_SPARE + STATE_ALIGN - 1;
}

static header_t *find(uint8_t *state, size_t state_size) {
    header_t *header = cbo_find_header(state, state_size, MAGIC_DECODER);
    if (!header || !cb_fits(state_size, 0, cbo_decoder_size(header->channels))) {
        return NULL;
    }
    return header;
}

int32_t cbo_decoder_size(int32_t channels) {
    return cbo_channels_ok(channels) ? cbo_state_size(opus_decoder_get_size(channels)) : CB_ERANGE;
}

int32_t cbo_decoder_scratch(int32_t rate, int32_t channels) {
    return cbo_rate_ok(rate) && cbo_channels_ok(channels) ? scratch_need() : CB_ERANGE;
}

int32_t cbo_decoder_init(uint8_t *state, size_t state_size, int32_t rate, int32_t channels) {
    if (!cbo_rate_ok(rate) || !cbo_channels_ok(channels)) {
        return CB_ERANGE;
    }
    if (!cb_fits(state_size, 0, cbo_decoder_size(channels))) {
        return CB_ESTATE;
    }
    header_t *header = cbo_new_header(state, rate, channels);
    if (opus_decoder_init(cbo_codec(header), rate, channels) != OPUS_OK) {
        return CBO_EBROKEN;
    }
    header->magic = MAGIC_DECODER;
    return 0;
}

/* What one call of libopus gets. */
typedef struct {
    header_t *header;
    uint8_t *scratch;
    size_t scratch_size;
    const uint8_t *packet; /* NULL: conceal */
    int32_t packet_size;
    uint8_t *pcm;
    int32_t samples;
    int fec;
} call_t;

/* Into libopus and out again, also through the escape. */
static int32_t run(const call_t *call) {
    cbo_lend_scratch(call->scratch, call->scratch_size);
    call->header->magic = MAGIC_BUSY;
    if (CALLBOARD_SCRATCH_LEFT()) {
        return CBO_EBROKEN;
    }
    int32_t samples = opus_decode(cbo_codec(call->header), call->packet, call->packet_size,
        (opus_int16 *)(void *)call->pcm, call->samples, call->fec);
    if (samples < 0) {
        return CBO_EBROKEN;
    }
    call->header->magic = MAGIC_DECODER;
    return samples;
}

/* Check what all three ways of decoding share, then run. */
static int32_t check_and_run(call_t *call, uint8_t *state, size_t state_size, uint8_t *pcm, size_t pcm_size,
    int32_t pcm_off) {
    size_t frame = 2 * (size_t)call->header->channels;
    int32_t error = cbo_check_pcm(pcm, pcm_size, pcm_off, call->samples, call->header->channels);
    if (!error) {
        error = cbo_check_scratch(call->scratch_size, scratch_need());
    }
    if (error) {
        return error;
    }
    call->pcm = pcm + frame * (size_t)pcm_off;
    const range_t ranges[] = {
        { state, state_size },
        { call->scratch, call->scratch_size },
        { call->pcm, frame * (size_t)call->samples },
        { call->packet, call->packet ? (size_t)call->packet_size : 0 },
    };
    return cbo_overlap(ranges, call->packet ? 4 : 3) ? CBO_EOVERLAP : run(call);
}

/* A length that concealment can make: up to 120 ms in steps of 2.5 ms. */
static int concealable(const header_t *header, int32_t n) {
    return n > 0 && n <= header->rate / 1000 * MAX_PCM_MS && n % (header->rate / 400) == 0;
}

int32_t cbo_decode(uint8_t *state, size_t state_size, uint8_t *scratch, size_t scratch_size,
    const uint8_t *data, size_t data_size, int32_t off, int32_t n,
    uint8_t *pcm, size_t pcm_size, int32_t pcm_off, int32_t max_n) {
    header_t *header = find(state, state_size);
    if (!header) {
        return CB_ESTATE;
    }
    if (!cb_fits(data_size, off, n)) {
        return CB_ERANGE;
    }
    int32_t samples = cbo_packet_samples(data + off, n, header->rate);
    if (samples < 0) {
        return CBO_EPACKET;
    }
    if (samples > max_n) {
        return CB_ERANGE;
    }
    call_t call = { header, scratch, scratch_size, data + off, n, NULL, samples, 0 };
    return check_and_run(&call, state, state_size, pcm, pcm_size, pcm_off);
}

int32_t cbo_decode_fec(uint8_t *state, size_t state_size, uint8_t *scratch, size_t scratch_size,
    const uint8_t *data, size_t data_size, int32_t off, int32_t n,
    uint8_t *pcm, size_t pcm_size, int32_t pcm_off, int32_t n_pcm) {
    header_t *header = find(state, state_size);
    if (!header) {
        return CB_ESTATE;
    }
    if (!cb_fits(data_size, off, n) || !concealable(header, n_pcm)) {
        return CB_ERANGE;
    }
    if (cbo_packet_samples(data + off, n, header->rate) < 0) {
        return CBO_EPACKET;
    }
    call_t call = { header, scratch, scratch_size, data + off, n, NULL, n_pcm, 1 };
    return check_and_run(&call, state, state_size, pcm, pcm_size, pcm_off);
}

int32_t cbo_conceal(uint8_t *state, size_t state_size, uint8_t *scratch, size_t scratch_size,
    uint8_t *pcm, size_t pcm_size, int32_t pcm_off, int32_t n_pcm) {
    header_t *header = find(state, state_size);
    if (!header) {
        return CB_ESTATE;
    }
    if (!concealable(header, n_pcm)) {
        return CB_ERANGE;
    }
    call_t call = { header, scratch, scratch_size, NULL, 0, NULL, n_pcm, 0 };
    return check_and_run(&call, state, state_size, pcm, pcm_size, pcm_off);
}
