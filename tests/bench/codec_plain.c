/* The reference of bench-codec: libopus straight from C, on a fixed scratch, no checks, no Python.
 *
 *     codec_plain FILE.raw RATE CHANNELS APPLICATION BITRATE COMPLEXITY FEC
 *
 * Prints one JSON object: how many frames, the microseconds of every so many of them in their fastest of
 * PASSES, and the bytes of all packets. */
#include "opus.h"
#include "scratch.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX_SAMPLES (48000 * 2 * 8)
#define MAX_FRAMES 1000
#define MAX_PACKET 1276
/* As in codec_calls.py. */
#define PASSES 3
#define ENCODED_AT_ONCE 4
#define DECODED_AT_ONCE 20
#define PIECES(at_once) ((MAX_FRAMES + (at_once) - 1) / (at_once))

static int16_t pcm[MAX_SAMPLES];
static unsigned char packets[MAX_FRAMES][MAX_PACKET];
static int sizes[MAX_FRAMES];
static char scratch[60000] __attribute__((aligned(16)));
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

static void keep_fastest(double *best, double start) {
    double took = now_us() - start;
    *best = *best > 0 && *best < took ? *best : took;
}

static void print_times(const char *name, const double *times, int count) {
    printf("\"%s\": [", name);
    for (int i = 0; i < count; i++) {
        printf("%s%.3f", i ? ", " : "", times[i]);
    }
    printf("], ");
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
    if (frames > MAX_FRAMES) {
        return 2;
    }
    static int16_t heard[2 * 960];
    static double encode_us[PIECES(ENCODED_AT_ONCE)], decode_us[PIECES(DECODED_AT_ONCE)];
    for (int pass = 0; pass < PASSES; pass++) {
        if (!set_up(encoder, decoder, arguments)) {
            return 1;
        }
        for (int i = 0; i * ENCODED_AT_ONCE < frames; i++) {
            double start = now_us();
            for (int k = i * ENCODED_AT_ONCE; k < frames && k < (i + 1) * ENCODED_AT_ONCE; k++) {
                callboard_scratch_lend(scratch, sizeof(scratch));
                sizes[k] = opus_encode(encoder, pcm + k * n * channels, n, packets[k], MAX_PACKET);
            }
            keep_fastest(&encode_us[i], start);
        }
        for (int i = 0; i * DECODED_AT_ONCE < frames; i++) {
            double start = now_us();
            for (int k = i * DECODED_AT_ONCE; k < frames && k < (i + 1) * DECODED_AT_ONCE; k++) {
                callboard_scratch_lend(scratch, sizeof(scratch));
                if (opus_decode(decoder, packets[k], sizes[k], heard, n, 0) != n) {
                    return 1;
                }
            }
            keep_fastest(&decode_us[i], start);
        }
    }
    long bytes = 0;
    for (int k = 0; k < frames; k++) {
        bytes += sizes[k];
    }
    printf("{\"frames\": %d, ", frames);
    print_times("encode_us", encode_us, (frames + ENCODED_AT_ONCE - 1) / ENCODED_AT_ONCE);
    print_times("decode_us", decode_us, (frames + DECODED_AT_ONCE - 1) / DECODED_AT_ONCE);
    printf("\"bytes\": %ld}\n", bytes);
    return 0;
}
