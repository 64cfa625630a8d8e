/* The reference of bench-codec: libopus straight from C, on a fixed scratch, no checks, no Python.
 *
 *     codec_plain FILE.raw RATE CHANNELS APPLICATION BITRATE COMPLEXITY FEC
 *
 * Prints one JSON object: microseconds per 20 ms frame in the fastest of PASSES, the bytes of all packets. */
#include "opus.h"
#include "scratch.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX_SAMPLES (48000 * 2 * 8)
#define MAX_FRAMES 1000
#define MAX_PACKET 1276
#define PASSES 3 /* as in codec_calls.py */

static int16_t pcm[MAX_SAMPLES];
static unsigned char packets[MAX_FRAMES][MAX_PACKET];
static int sizes[MAX_FRAMES];
static char scratch[60000] __attribute__((aligned(16)));
static char copies[CALLBOARD_SILK_COPIES] __attribute__((aligned(16)));
static char states[2][80000] __attribute__((aligned(16)));

void callboard_scratch_overflow(void) {
    abort();
}

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int set_up(OpusEncoder *encoder, OpusDecoder *decoder, char **arguments) {
    int rate = atoi(arguments[2]), channels = atoi(arguments[3]);
    if (opus_encoder_init(encoder, rate, channels, atoi(arguments[4])) != OPUS_OK
        || opus_decoder_init(decoder, rate, channels) != OPUS_OK) {
        return 0;
    }
    opus_encoder_ctl(encoder, OPUS_SET_BITRATE(atoi(arguments[5])));
    opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(atoi(arguments[6])));
    opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(atoi(arguments[7])));
    opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC(15 * atoi(arguments[7])));
    return 1;
}

int main(int count, char **arguments) {
    if (count != 8) {
        return 2;
    }
    FILE *file = fopen(arguments[1], "rb");
    int rate = atoi(arguments[2]), channels = atoi(arguments[3]), n = rate / 50;
    OpusEncoder *encoder = (OpusEncoder *)(void *)states[0];
    OpusDecoder *decoder = (OpusDecoder *)(void *)states[1];
    if (!file) {
        return 2;
    }
    int frames = (int)fread(pcm, 2, MAX_SAMPLES, file) / channels / n;
    static int16_t heard[2 * 960];
    long bytes = 0;
    double encode_us = 1e9, decode_us = 1e9;
    for (int pass = 0; pass < PASSES; pass++) {
        if (!set_up(encoder, decoder, arguments)) {
            return 1;
        }
        bytes = 0;
        double start = now_us();
        for (int k = 0; k < frames; k++) {
            callboard_silk_lend(copies);
            callboard_scratch_lend(scratch, sizeof(scratch));
            sizes[k] = opus_encode(encoder, pcm + k * n * channels, n, packets[k], MAX_PACKET);
            bytes += sizes[k];
        }
        double middle = now_us();
        for (int k = 0; k < frames; k++) {
            callboard_scratch_lend(scratch, sizeof(scratch));
            if (opus_decode(decoder, packets[k], sizes[k], heard, n, 0) != n) {
                return 1;
            }
        }
        double end = now_us();
        encode_us = middle - start < encode_us ? middle - start : encode_us;
        decode_us = end - middle < decode_us ? end - middle : decode_us;
    }
    printf("{\"encode_us\": %.3f, \"decode_us\": %.3f, \"bytes\": %ld}\n", encode_us / frames,
        decode_us / frames, bytes);
    return 0;
}
