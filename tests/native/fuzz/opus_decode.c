/* Fuzz target for what a peer can send: the input is a few packets, each after a byte of length, for a
 * decoder whose rate and channels the first byte chooses. Small and fast; opus.c tries everything else.
 *
 * Aborts when decode does not do what packet_info said, when libopus gives up, or when it takes more
 * scratch than decoder_scratch promises. */
#include "opus_core.h"
#include "scratch_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPARE (512 + 7) /* in decoder.c, with alignment */
#define MAX_PCM (2 * 5760)

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

static const int32_t RATES[] = { 8000, 16000, 48000, 24000, 12000 };

static uint8_t state[40000], scratch[20000], info[4 * CBO_INFO];
static int16_t pcm[MAX_PCM];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One packet in a block of exactly its size: decoded, or taken for the FEC data of a lost one. */
static void feed(const uint8_t *data, int32_t size, int32_t rate, int32_t channels, int fec) {
    uint8_t *packet = malloc((size_t)size);
    int32_t lost = rate / 50, need = cbo_decoder_scratch(rate, channels), got;
    memcpy(packet, data, (size_t)size);
    int32_t samples = cbo_packet_info(packet, (size_t)size, 0, size, rate, info, sizeof(info));
    scratch_used_most = 0;
    if (fec) {
        got = cbo_decode_fec(state, sizeof(state), scratch, sizeof(scratch), packet, (size_t)size, 0, size,
            (uint8_t *)pcm, sizeof(pcm), 0, lost);
        CHECK(got == (samples < 0 ? samples : lost));
    } else {
        got = cbo_decode(state, sizeof(state), scratch, sizeof(scratch), packet, (size_t)size, 0, size,
            (uint8_t *)pcm, sizeof(pcm), 0, MAX_PCM / channels);
        CHECK(got == samples);
    }
    scratch_give_back(scratch, sizeof(scratch));
    CHECK(scratch_used_most + SPARE <= (size_t)need);
    free(packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) {
        return 0;
    }
    int32_t rate = RATES[data[0] % 5], channels = 1 + (data[0] >> 7);
    size_t at = 1;
    CHECK(cbo_decoder_init(state, sizeof(state), rate, channels) == 0);
    while (at + 1 < size) {
        int fec = data[at] >> 7;
        size_t length = 1 + (data[at] & 127u);
        at++;
        if (length > size - at) {
            length = size - at;
        }
        feed(data + at, (int32_t)length, rate, channels, fec);
        at += length;
    }
    return 0;
}
