/* Calls every function of pcm and wire with random and mutated arguments for a while.
 *
 *     fuzz_cores SECONDS SEED
 *
 * Built with -fsanitize=address,undefined by test_sanitizers.py. Every buffer is its own allocation of
 * exactly its size, at a random alignment, so that one byte too far is an error. */
#include "../../native/pcm/duck.h"
#include "../../native/pcm/noise.h"
#include "../../native/pcm/pcm.h"
#include "../../native/pcm/stretch.h"
#include "../../native/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t random_state;

static uint32_t random_below(uint32_t n) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % n;
}

/* A count or offset: mostly small, sometimes just wrong, sometimes extreme. */
static int32_t number(void) {
    static const int32_t odd[] = { -1, -2, INT32_MIN, INT32_MAX, INT32_MAX - 1, 1 << 30, 65535, 65536, 4096 };
    return random_below(8) ? (int32_t)random_below(70) : odd[random_below(sizeof odd / sizeof *odd)];
}

static int32_t rate(void) {
    static const int32_t rates[] = { 8000, 16000, 48000 };
    return random_below(30) ? rates[random_below(3)] : number();
}

typedef struct {
    uint8_t *block, *data;
    size_t size;
} buffer_t;

static buffer_t buffer_of(size_t size) {
    buffer_t b;
    size_t skew = random_below(4);
    b.block = malloc(size + skew);
    b.data = b.block + skew;
    b.size = size;
    for (size_t i = 0; i < size; i++) {
        b.data[i] = (uint8_t)random_below(256);
    }
    return b;
}

static buffer_t buffer(void) {
    return buffer_of(random_below(4) ? random_below(200) : random_below(5));
}

/* A few bytes of a state go wrong now and then. */
static void damage(buffer_t *b) {
    while (b->size && random_below(3) == 0) {
        b->data[random_below((uint32_t)b->size)] = (uint8_t)random_below(256);
    }
}

#define A a.data, a.size
#define B b.data, b.size
#define C c.data, c.size

static void fuzz_samples(void) {
    buffer_t a = buffer(), b = buffer();
    int32_t x = number(), y = number(), n = number();
    pcm_ulaw_encode(A, x, B, y, n);
    pcm_ulaw_decode(A, x, B, y, n);
    pcm_alaw_encode(A, x, B, y, n);
    pcm_alaw_decode(A, x, B, y, n);
    pcm_gain(A, x, n, number());
    pcm_fade(A, x, n, number(), number());
    pcm_rms(A, x, n);
    pcm_peak(A, x, n);
    pcm_level(A, x, n);
    pcm_mix(A, x, B, y, n);
    pcm_copy(A, x, B, y, n);
    pcm_copy(A, x, A, y, n);
    pcm_fill(A, x, n, number());
    pcm_slots32_to_16(A, x, B, y, n, number(), number(), number());
    pcm_slots32_to_16(A, x, B, y, n, 2, (int32_t)random_below(2), (int32_t)random_below(32));
    pcm_slots16_to_32(A, x, B, y, n, (int32_t)random_below(4));
    free(a.block);
    free(b.block);
}

static void fuzz_resampler(void) {
    int32_t from = rate(), to = rate(), size = pcm_resampler_size(from, to);
    buffer_t a = buffer_of(size > 0 && random_below(9) ? (size_t)size : random_below(600));
    pcm_resampler_delay(from, to);
    pcm_resampler_init(A, from, to);
    for (int i = 0; i < 4; i++) {
        buffer_t b = buffer_of(random_below(700)), c = buffer_of(random_below(3000));
        damage(&a);
        pcm_resample(A, B, number(), random_below(2) ? number() : 6 * (int32_t)random_below(50), C, number());
        free(b.block);
        free(c.block);
    }
    free(a.block);
}

static void fuzz_tone(void) {
    buffer_t a = buffer_of(PCM_TONE_STATE - (random_below(9) == 0)), b = buffer();
    pcm_tone_init(A, rate(), (int32_t)random_below(5000), (int32_t)random_below(5000), number());
    damage(&a);
    pcm_tone(A, B, number(), number());
    free(a.block);
    free(b.block);
}

/* Frames of every loudness through one state, whose parameters change and whose bytes go wrong. */
static void fuzz_duck(void) {
    buffer_t a = buffer_of(PCM_DUCK_STATE - (random_below(9) == 0));
    int32_t hz = rate();
    pcm_duck_init(A, hz);
    for (int i = 0; i < 40; i++) {
        int32_t n = random_below(9) ? (hz / 200) * (int32_t)random_below(5) : number();
        size_t samples = n > 0 && n < 1000 ? (size_t)n : random_below(100);
        buffer_t b = buffer_of(2 * samples + random_below(3)), c = buffer_of(2 * samples);
        if (random_below(3)) {
            memset(random_below(2) ? b.data : c.data, (int)random_below(256), 2 * samples);
        }
        pcm_duck_set(A, (int32_t)random_below(13), (int32_t)random_below(2200) - 100);
        pcm_duck_get(A, number());
        if (random_below(20) == 0) {
            a.data[random_below((uint32_t)a.size)] ^= (uint8_t)(1 << random_below(8));
        }
        int32_t gain = pcm_duck(A, B, random_below(9) ? 0 : number(), C, random_below(9) ? 0 : number(), n);
        if (gain > 4096 || (gain < 0 && gain != CB_ERANGE && gain != CB_ESTATE)) {
            abort();
        }
        free(b.block);
        free(c.block);
    }
    free(a.block);
}

static void fuzz_stretch(void) {
    buffer_t a = buffer(), b = buffer(), c = buffer_of(PCM_NOISE_STATE - (random_below(9) == 0));
    int32_t x = number(), y = number(), n = number();
    int32_t unlike = pcm_mismatch(A, x, y, n), at = pcm_best_match(A, x, n, y, number());
    if (unlike > 256 || (unlike < 0 && unlike != CB_ERANGE) || (at < y && at != CB_ERANGE)) {
        abort();
    }
    pcm_crossfade(A, x, B, y, n);
    pcm_crossfade(A, x, A, y, n);
    pcm_noise_init(C, number());
    damage(&c);
    pcm_noise(C, B, x, n, (int32_t)random_below(130));
    free(a.block);
    free(b.block);
    free(c.block);
}

static void fuzz_rtp(void) {
    buffer_t a = buffer_of(RTP_TX_STATE), b = buffer_of(RTP_RX_STATE), c = buffer();
    buffer_t info = buffer_of(4 * RTP_INFO), stats = buffer_of(4 * RTP_STATS), mid = buffer_of(random_below(20));
    uint32_t peek[3], ssrc = random_below(4);
    rtp_tx_init(A, (int32_t)random_below(130), ssrc, number(), random_below(1u << 31) * 2, (int32_t)random_below(16),
        (int32_t)random_below(16), mid.data, mid.size);
    rtp_rx_init(B, ssrc, rate(), number(), (int32_t)random_below(15));
    for (int i = 0; i < 20; i++) {
        int32_t off = number();
        rtp_header_size(A);
        rtp_write(A, C, off, (int)random_below(2), (int32_t)random_below(130), (int)random_below(2));
        damage(&c);
        rtp_parse(B, C, off, random_below(3) ? (int32_t)random_below(64) : number(), info.data, info.size, number());
        rtp_rx_stats(B, stats.data, stats.size);
        rtp_advance(A, number(), (int)random_below(2));
        rtp_tx_peek(A, peek);
        if (random_below(9) == 0) {
            damage(&a);
            damage(&b);
        }
    }
    free(a.block);
    free(b.block);
    free(c.block);
    free(info.block);
    free(stats.block);
    free(mid.block);
}

/* Access units and payloads with the bytes that matter, whole and damaged, through a walk and an assembly. */
/* What comes out of frame_encode goes through frame_fill and frame_decode unchanged; anything else is survived. */
static void fuzz_frames(void) {
    buffer_t payload = buffer_of(random_below(600)), out = buffer_of(random_below(700)), copy = buffer_of(random_below(700));
    int32_t n = frame_encode(out.data, out.size, number(), payload.data, payload.size, number(), number());
    n = frame_encode(out.data, out.size, 1 + (int32_t)random_below(255), payload.data, payload.size, 0, (int32_t)payload.size);
    if (n > 0) {
        int32_t k = frame_fill(copy.data, copy.size, 0, out.data, out.size, 1, n - 1);
        if (k == n - 2 && frame_decode(copy.data, copy.size, k) != (int32_t)payload.size) {
            abort();
        }
    }
    frame_fill(copy.data, copy.size, number(), out.data, out.size, number(), number());
    frame_decode(copy.data, copy.size, number());
    frame_decode(copy.data, copy.size, (int32_t)copy.size);
    free(payload.block);
    free(out.block);
    free(copy.block);
}

static void fuzz_h264(void) {
    static const uint8_t bytes[] = { 0, 0, 0, 1, 1, 0x65, 0x67, 0x7c, 0x78, 0x85, 0x05, 0x45, 3, 200 };
    buffer_t a = buffer(), b = buffer_of(4 * H264_WALK - (random_below(9) == 0)), c = buffer();
    buffer_t assembly = buffer_of(4 * H264_ASSEMBLY - (random_below(9) == 0)), out = buffer();
    for (size_t i = 0; i < a.size; i++) {
        a.data[i] = bytes[random_below(sizeof bytes)];
    }
    memset(b.data, 0, b.size);
    memset(assembly.data, 0, assembly.size);
    b.data[4] = (uint8_t)random_below((uint32_t)a.size + 2);
    h264_look(A, number(), number());
    h264_look(A, 0, (int32_t)a.size);
    for (int i = 0; i < 20; i++) {
        int32_t off = (int32_t)random_below(4), n = h264_pack(A, B, C, off, random_below(9) ? (int32_t)random_below(40) : number());
        if (n > 0 && h264_unpack(C, off, n, assembly.data, assembly.size, out.data, out.size) > (int32_t)out.size) {
            abort();
        }
        damage(&c);
        h264_unpack(C, number(), number(), assembly.data, assembly.size, out.data, out.size);
        if (random_below(20) == 0) {
            damage(&b);
            damage(&assembly);
        }
    }
    free(a.block);
    free(b.block);
    free(c.block);
    free(assembly.block);
    free(out.block);
}

static void fuzz_websocket(void) {
    buffer_t a = buffer(), b = buffer_of(random_below(8)), info = buffer_of(4 * WS_INFO);
    if (a.size && random_below(2)) {
        a.data[0] = 0x82;
    }
    ws_header(A, number(), number(), info.data, info.size);
    ws_header(A, 0, (int32_t)a.size, info.data, info.size);
    ws_mask(A, number(), number(), B, number(), (int32_t)random_below(5));
    ws_frame(A, number(), number(), (int32_t)random_below(12), 1, random_below(3) ? b.data : NULL, b.size, number());
    free(a.block);
    free(b.block);
    free(info.block);
}

#define ROUNDS_MIN 1000 /* on a busy machine, too */

int main(int argc, char **argv) {
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    random_state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    unsigned long rounds = 0;
    for (time_t end = time(NULL) + (time_t)seconds; rounds < ROUNDS_MIN || time(NULL) < end; rounds++) {
        fuzz_samples();
        fuzz_resampler();
        fuzz_tone();
        fuzz_duck();
        fuzz_stretch();
        fuzz_rtp();
        fuzz_h264();
        fuzz_frames();
        fuzz_websocket();
    }
    printf("%lu rounds\n", rounds);
    return 0;
}
