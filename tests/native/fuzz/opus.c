/* Fuzz target for native/opus: the input is a script of calls, good and bad ones.
 *
 * Beyond what the sanitizers see it aborts when
 *   - a refused call changed a state, an output or a packet,
 *   - a call that was good by the documented rules was refused, or libopus gave up (CBO_EBROKEN),
 *   - libopus needed more scratch than the size functions ask for, without their spare bytes,
 *   - after an overflow (forced by scratch_limit) the state is still accepted. */
#include "opus_core.h"
#include "scratch_watch.h"
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPARE (512 + STATE_ALIGN - 1) /* in encoder.c and decoder.c */
#define MAX_PCM (2 * 5760)
#define MAX_OPERATIONS 10

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

/* --- input --- */

static const uint8_t *input;
static size_t input_left;
static uint32_t noise = 1;

/* The next byte of the script; zeros behind its end. */
static uint32_t byte(void) {
    if (input_left == 0) {
        return 0;
    }
    input_left--;
    return *input++;
}

static uint32_t word(void) {
    uint32_t low = byte();
    return low | byte() << 8;
}

static uint32_t random32(void) {
    noise ^= noise << 13;
    noise ^= noise >> 17;
    noise ^= noise << 5;
    return noise;
}

/* Any int32, with a liking for the interesting ones. */
static int32_t wild(void) {
    static const int32_t values[] = { -1, INT32_MAX, INT32_MIN, 0, 1, 0x40000000, 0x3FFFFFFF, -1000 };
    uint32_t kind = byte();
    return kind & 8 ? values[kind & 7] : (int32_t)(word() | word() << 16);
}

/* --- buffers: each in a heap block of its own that ends where the buffer ends --- */

typedef struct {
    uint8_t *block;
    uint8_t *data;
    size_t size;
    uint8_t *before; /* a copy of data, taken by remember() */
} buffer_t;

static buffer_t make(size_t size, size_t shift) {
    buffer_t b = { malloc(size + shift + 1), NULL, size, malloc(size + 1) };
    b.data = b.block + shift;
    /* One byte too many for malloc(0): forbidden to all as far as the sanitizer allows. */
    memset(b.block, 0xA5, size + shift);
    return b;
}

static void drop(buffer_t *b) {
    free(b->block);
    free(b->before);
    memset(b, 0, sizeof(*b));
}

static void remember(buffer_t *b) {
    memcpy(b->before, b->data, b->size);
}

static int unchanged(const buffer_t *b) {
    return memcmp(b->before, b->data, b->size) == 0;
}

/* --- what is under test --- */

static const int32_t RATES[] = { 8000, 12000, 16000, 24000, 48000 };
static const int32_t QUARTERS[] = { 1, 2, 4, 8, 16, 24 }; /* frames in units of 2.5 ms */
static const int32_t APPLICATIONS[] = { CBO_VOIP, CBO_AUDIO, CBO_LOWDELAY };

static buffer_t encoder, decoder, scratch, pcm, packet;
static int32_t encoder_rate, decoder_rate, encoder_channels, decoder_channels, complexity;
static int32_t packet_size;

static int32_t one_of(const int32_t *values, size_t count) {
    return values[byte() % count];
}

#define ONE_OF(array) one_of(array, sizeof(array) / sizeof((array)[0]))

static void start_encoder(void) {
    encoder_rate = ONE_OF(RATES);
    encoder_channels = 1 + (int32_t)(byte() & 1);
    drop(&encoder);
    encoder = make((size_t)cbo_encoder_size(encoder_channels), byte() & 15);
    CHECK(cbo_encoder_init(encoder.data, encoder.size, encoder_rate, encoder_channels,
        ONE_OF(APPLICATIONS)) == 0);
    CHECK(cbo_encoder_get(encoder.data, encoder.size, CBO_COMPLEXITY, &complexity) == 0);
}

static void start_decoder(void) {
    decoder_rate = ONE_OF(RATES);
    decoder_channels = 1 + (int32_t)(byte() & 1);
    drop(&decoder);
    decoder = make((size_t)cbo_decoder_size(decoder_channels), byte() & 15);
    CHECK(cbo_decoder_init(decoder.data, decoder.size, decoder_rate, decoder_channels) == 0);
}

static void set_something(void) {
    static const struct {
        int32_t what, least, most;
    } good[] = {
        { CBO_BITRATE, 6000, 510000 }, { CBO_MAX_BANDWIDTH, 1101, 1105 }, { CBO_VBR, 0, 1 },
        { CBO_BANDWIDTH, 1101, 1105 }, { CBO_COMPLEXITY, 0, 10 }, { CBO_FEC, 0, 2 }, { CBO_LOSS, 0, 100 },
        { CBO_DTX, 0, 1 }, { CBO_VBR_CONSTRAINT, 0, 1 }, { CBO_CHANNELS, 1, 1 },
        { CBO_SIGNAL, 3001, 3002 }, { CBO_BANDWIDTH, CBO_AUTO, CBO_AUTO }, { CBO_BITRATE, CBO_MAX, CBO_MAX },
        { CBO_CHANNELS, CBO_AUTO, CBO_AUTO }, { CBO_BITRATE, 6000, 40000 }, { CBO_BITRATE, 6000, 40000 },
    };
    uint32_t i = byte() % (sizeof(good) / sizeof(good[0]));
    int32_t value = good[i].least + (int32_t)((word() * 8) % (uint32_t)(good[i].most - good[i].least + 1));
    int32_t now;
    CHECK(cbo_encoder_set(encoder.data, encoder.size, good[i].what, value) == 0);
    CHECK(cbo_encoder_get(encoder.data, encoder.size, good[i].what, &now) == 0);
    if (good[i].what == CBO_COMPLEXITY) {
        CHECK(now == value);
        complexity = value;
    }
}

static void set_nonsense(void) {
    int32_t what = wild(), value = wild(), got;
    remember(&encoder);
    if (cbo_encoder_set(encoder.data, encoder.size, what, value) != 0) {
        CHECK(unchanged(&encoder));
    }
    remember(&encoder);
    cbo_encoder_get(encoder.data, encoder.size, wild(), &got);
    CHECK(unchanged(&encoder));
}

/* Signals that take different ways through the encoder. */
static void fill_pcm(size_t samples, uint32_t kind) {
    int16_t *out = (int16_t *)(void *)pcm.data;
    uint32_t period = 20 + byte();
    int32_t amplitude = (int32_t)(word() & 0x7FFF);
    noise = noise * 2 + 1;
    for (size_t i = 0; i < samples; i++) {
        int32_t r = (int16_t)random32();
        int32_t pulse = i % period < period / 8 ? amplitude : -amplitude / 7;
        switch (kind & 7) {
            case 0: out[i] = 0; break;
            case 1: out[i] = (int16_t)r; break;
            case 2: out[i] = (int16_t)(r >> 6); break;
            case 3: out[i] = i % period < period / 2 ? 32767 : -32768; break;
            case 4: out[i] = (int16_t)(pulse + (r >> 8) > 32767 ? 32767 : pulse + (r >> 8)); break;
            case 5: out[i] = (int16_t)(i % period == 0 ? amplitude : 0); break;
            case 6: out[i] = (int16_t)(i < samples / 2 ? 0 : r); break;
            default: out[i] = (int16_t)(pulse / 4 + (r >> 10)); break;
        }
    }
}

static void new_scratch(int32_t need, int32_t missing) {
    drop(&scratch);
    /* The true size, or with room for the gaps that only this program has. */
    scratch = make((size_t)(need - missing) + (missing ? 0 : SCRATCH_GAPS), byte() & 15);
    scratch_used_most = 0;
}

static void encode_good(void) {
    int32_t n = ONE_OF(QUARTERS) * encoder_rate / 400;
    int32_t out_len = byte() & 3 ? CBO_MAX_PACKET : 1 + (int32_t)(word() % 300);
    int32_t need = cbo_encoder_scratch(encoder_rate, encoder_channels, complexity, n);
    fill_pcm((size_t)(n * encoder_channels), byte());
    new_scratch(need, 0);
    int32_t got = cbo_encode(encoder.data, encoder.size, scratch.data, scratch.size, pcm.data, pcm.size, 0, n,
        packet.data, packet.size, 0, out_len);
    scratch_give_back(scratch.data, scratch.size);
    CHECK(got > 0 && got <= out_len);
    CHECK(scratch_used_most + SPARE <= (size_t)need);
    packet_size = got;
}

static void encode_bad(void) {
    int32_t n = ONE_OF(QUARTERS) * encoder_rate / 400;
    int32_t need = cbo_encoder_scratch(encoder_rate, encoder_channels, complexity, n);
    uint32_t how = byte() % 8;
    new_scratch(need, how == 0 ? 1 + (int32_t)(word() % (uint32_t)need) : 0);
    int32_t pcm_off = how == 1 ? wild() | INT32_MIN : how == 2 ? MAX_PCM - n + 1 : 0;
    int32_t out_off = how == 3 ? wild() | INT32_MIN : how == 4 ? (int32_t)packet.size : 0;
    int32_t frame = how == 5 ? n + 1 + (int32_t)(byte() & 31) * 2 : n;
    size_t state_size = how == 6 ? word() % encoder.size : encoder.size;
    remember(&encoder);
    remember(&packet);
    int32_t got = cbo_encode(encoder.data, state_size, scratch.data, scratch.size,
        how == 7 ? pcm.data + 1 : pcm.data, how == 7 ? pcm.size - 1 : pcm.size, pcm_off, frame, packet.data,
        packet.size, out_off, 100);
    scratch_give_back(scratch.data, scratch.size);
    CHECK(got < 0 && got != CBO_EBROKEN);
    CHECK(unchanged(&encoder) && unchanged(&packet));
}

static void spoil_packet(void) {
    if (byte() & 1) {
        packet_size = 1 + (int32_t)(word() % 400);
        for (int32_t i = 0; i < packet_size; i++) {
            packet.data[i] = (uint8_t)(i < 8 ? byte() : random32());
        }
    } else if (packet_size > 0) {
        uint32_t flips = byte() & 7;
        for (uint32_t i = 0; i < flips; i++) {
            packet.data[word() % (uint32_t)packet_size] ^= (uint8_t)(1 << (byte() & 7));
        }
        packet_size -= (int32_t)(byte() & 3);
        packet_size = packet_size < 0 ? 0 : packet_size;
    }
}

/* decode, decode_fec, conceal with good arguments; the packet may be anything, in a block of its own. */
static void decode_good(uint32_t how) {
    buffer_t sent = make((size_t)packet_size, byte() & 3);
    buffer_t info = make(4 * CBO_INFO, 0);
    int32_t need = cbo_decoder_scratch(decoder_rate, decoder_channels);
    int32_t samples = decoder_rate / 400 * (1 + (int32_t)byte() % 48);
    int32_t most = MAX_PCM / decoder_channels, got, expected = samples;
    memcpy(sent.data, packet.data, sent.size);
    int32_t says = cbo_packet_info(sent.data, sent.size, 0, packet_size, decoder_rate, info.data, info.size);
    new_scratch(need, 0);
    remember(&decoder);
    remember(&pcm);
    if (how % 3 == 0) {
        got = cbo_conceal(decoder.data, decoder.size, scratch.data, scratch.size, pcm.data, pcm.size, 0, samples);
    } else if (how % 3 == 1) {
        got = cbo_decode_fec(decoder.data, decoder.size, scratch.data, scratch.size, sent.data, sent.size, 0,
            packet_size, pcm.data, pcm.size, 0, samples);
        expected = says < 0 ? says : samples;
    } else {
        got = cbo_decode(decoder.data, decoder.size, scratch.data, scratch.size, sent.data, sent.size, 0,
            packet_size, pcm.data, pcm.size, 0, most);
        expected = says;
    }
    scratch_give_back(scratch.data, scratch.size);
    CHECK(got == expected);
    CHECK(got > 0 || (got == CBO_EPACKET && unchanged(&decoder) && unchanged(&pcm)));
    CHECK(scratch_used_most + SPARE <= (size_t)need);
    drop(&sent);
    drop(&info);
}

static void decode_bad(void) {
    int32_t need = cbo_decoder_scratch(decoder_rate, decoder_channels);
    uint32_t how = byte() % 8;
    int32_t n = decoder_rate / 50;
    new_scratch(need, how == 0 ? 1 + (int32_t)(word() % (uint32_t)need) : 0);
    buffer_t *state = how == 1 ? &encoder : &decoder;
    size_t state_size = how == 2 ? word() % decoder.size : state->size;
    int32_t pcm_off = how == 3 ? wild() | INT32_MIN : how == 4 ? MAX_PCM : 0;
    int32_t samples = how == 5 ? n + 1 : how == 6 ? wild() | INT32_MIN : n;
    remember(state);
    remember(&pcm);
    int32_t got = cbo_conceal(state->data, state_size, how == 7 ? decoder.data : scratch.data,
        how == 7 ? decoder.size : scratch.size, pcm.data, pcm.size, pcm_off, samples);
    scratch_give_back(scratch.data, scratch.size);
    CHECK(got < 0 && got != CBO_EBROKEN);
    CHECK(unchanged(state) && unchanged(&pcm));
}

/* Both codecs with a scratch that ends too early: they give up, and their state is of no use any more. */
static void overflow(void) {
    int32_t n = encoder_rate / 50, value;
    int32_t got;
    fill_pcm((size_t)(n * encoder_channels), 1);
    new_scratch(cbo_encoder_scratch(encoder_rate, encoder_channels, 10, n), 0);
    scratch_limit = word() % 4096;
    got = cbo_encode(encoder.data, encoder.size, scratch.data, scratch.size, pcm.data, pcm.size, 0, n,
        packet.data, packet.size, 0, 1276);
    scratch_limit = SIZE_MAX;
    scratch_give_back(scratch.data, scratch.size);
    if (got == CBO_EBROKEN) {
        CHECK(cbo_encoder_get(encoder.data, encoder.size, CBO_COMPLEXITY, &value) == CB_ESTATE);
        start_encoder();
        packet_size = 0;
    } else {
        CHECK(got > 0);
        packet_size = got;
    }
}

/* Bytes that no init function wrote, and states that were moved. */
static void foreign_state(void) {
    buffer_t copy = make(decoder.size, byte() & 15);
    if (byte() & 1) {
        memcpy(copy.data, decoder.data, decoder.size);
    } else {
        for (size_t i = 0; i < copy.size; i++) {
            copy.data[i] = (uint8_t)random32();
        }
    }
    new_scratch(cbo_decoder_scratch(decoder_rate, decoder_channels), 0);
    remember(&copy);
    int32_t got = cbo_conceal(copy.data, copy.size, scratch.data, scratch.size, pcm.data, pcm.size, 0,
        decoder_rate / 50);
    scratch_give_back(scratch.data, scratch.size);
    /* A copy at the same alignment is as good as its original. */
    CHECK(got == CB_ESTATE ? unchanged(&copy) : cbo_shift(copy.data) == cbo_shift(decoder.data));
    drop(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input = data;
    input_left = size;
    noise = 1;
    packet_size = 0;
    pcm = make(2 * MAX_PCM, 0);
    packet = make(3 * CBO_MAX_PACKET, byte() & 3);
    start_encoder();
    start_decoder();
    for (int i = 0; i < MAX_OPERATIONS && input_left > 0; i++) {
        uint32_t operation = byte() % 16;
        switch (operation) {
            case 0: start_encoder(); break;
            case 1: start_decoder(); break;
            case 2: case 3: set_something(); break;
            case 4: set_nonsense(); break;
            case 5: encode_bad(); break;
            case 6: decode_bad(); break;
            case 7: spoil_packet(); break;
            case 8: overflow(); break;
            case 9: foreign_state(); break;
            case 10: case 11: case 12: encode_good(); break;
            default: decode_good(operation); break;
        }
    }
    drop(&encoder);
    drop(&decoder);
    drop(&scratch);
    drop(&pcm);
    drop(&packet);
    return 0;
}
