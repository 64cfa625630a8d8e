/* Voice-switched ducking, block by block of 5 ms (duck.h says what for).
 *
 * Levels are binary logarithms of mean squares in Q8: 256 is 3.01 dB, 0 is one unit rms or less
 * (-90.3 dBov), 7680 full scale. Both signals lose what lies below about 150 Hz first: offset and
 * rumble, which no small speaker plays. For each block:
 *
 *   1. The sound to be heard: the loudest block of the reference in the last HANG_MS and the next
 *      block (if known: the gain may begin to fall before the sound comes); then it decays.
 *   2. The echo to be expected: that plus the path's gain.
 *   3. Learning the path's gain: in windows of 0.3 s of loud reference, the largest ratio of capture
 *      to sound. The gain goes to the second smallest of 16 windows: a near voice pauses that often,
 *      an echo does not. (The smallest would be a window in which the room took little of the voice.)
 *   4. Learning the decay: what is captured while the sound decays should not exceed the echo. If it
 *      does, but not so far that somebody speaks, the sound decays more slowly from now on.
 *   5. The attenuation that takes the echo RETURN_DB below the sound, but not further below what can
 *      be heard (FLOOR_DBOV, or the far end's own loudness less RETURN_DB and 5 dB).
 *   6. The allowance for double talk: by how much the capture exceeds the expected echo opens the gain
 *      again, at once; it closes with delay.
 *   7. The gain follows in a ramp. */
#include "duck.h"
#include "logarithm.h"
#include "pcm.h"
#include "samples.h"

#include <string.h>

#define MAGIC 0x31445043u /* "CPD1" */

#define BLOCKS_PER_S 200
#define BLOCK_MS 5
#define RING 42 /* block levels: 200 ms, the block itself, and one to keep the size even */
#define WINDOWS 16
#define WINDOW_BLOCKS 60 /* 0.3 s */

/* Levels and ratios in Q8. */
#define FULL_SCALE 7680
#define MAX_LEVEL 8192
#define MIN_PATH (-5103)   /* -60 dB */
#define MAX_PATH 1700      /* 20 dB */
#define LOUD_ENOUGH 2577   /* -60 dBov: a reference to learn from */
#define NEAR_PEAK 1020     /* 12 dB: and not further below the far end's usual level */
#define PATH_FALL 510      /* 6 dB: by no more the path's gain falls at the end of a window, */
#define PATH_RISE 255      /* 3 dB: or rises */
#define TAIL 425           /* 5 dB, see 5. */
#define PEAK_FALL 1        /* per block: 2.4 dB/s, */
#define NOISE_RISE 1       /* likewise */
#define OVER_NOISE 510     /* 6 dB: a capture to learn the decay from */
/* Levels per block in Q8 of themselves, that is Q16: */
#define MIN_DECAY 2048     /* 19 dB/s: a church */
#define MAX_DECAY 16384    /* 150 dB/s */
#define DECAY_LESS 384     /* learnt from a block above the expected echo */
#define DECAY_MORE 8       /* and from one below */

#define UNITY_Q15 32768
#define OPEN 256

/* The state: words of 32 bits, then levels of 16 bits. Words 2.. are the parameters in their order. */
enum {
    WORD_MAGIC, WORD_RATE, WORD_PARAMETERS,
    WORD_CAPTURE_LOW = WORD_PARAMETERS + PCM_DUCK_START_DB + 1, WORD_REFERENCE_LOW,
    WORD_SOUND, WORD_PEAK, WORD_PATH, WORD_WINDOW_LENGTH, WORD_WINDOW_MAX, WORD_WINDOW_INDEX,
    WORD_NEAR, WORD_NEAR_HOLD, WORD_GAIN, WORD_RING_INDEX, WORD_DECAY, WORD_NOISE,
    WORDS
};
#define RING_AT (4 * WORDS)
#define WINDOWS_AT (RING_AT + 2 * RING)

typedef char duck_state_has_the_size_announced[WINDOWS_AT + 2 * WINDOWS == PCM_DUCK_STATE ? 1 : -1];

/* Lowest and highest value of the words after the rate: what pcm_duck_set accepts, and what the rest
 * can become. A state outside them is refused, so that no sum below overflows. */
static const int32_t limits[WORDS - WORD_PARAMETERS][2] = {
    { 20, 80 }, { 0, 80 }, { 1, BLOCK_MS }, { 0, 200 }, { 20, 150 }, { 0, 40 }, { 1, 40 }, { 0, 1000 },
    { -90, -30 }, { -60, 20 },
    { -(1 << 23), (1 << 23) - 1 }, { -(1 << 23), (1 << 23) - 1 },
    { 0, MAX_LEVEL }, { 0, MAX_LEVEL }, { MIN_PATH, MAX_PATH }, { 0, WINDOW_BLOCKS - 1 }, { MIN_PATH, MAX_PATH },
    { 0, WINDOWS - 1 },
    { 0, OPEN }, { 0, 1000 / BLOCK_MS }, { 0, UNITY_Q15 }, { 0, RING - 1 },
    { MIN_DECAY, MAX_DECAY }, { 0, MAX_LEVEL },
};
static const int16_t defaults[] = { 60, 70, 4, 80, 95, 6, 4, 250, -78, 10 };

static int32_t word(const uint8_t *state, int index) {
    return (int32_t)cb_le32(state + 4 * index);
}

static void set_word(uint8_t *state, int index, int32_t value) {
    cb_put_le32(state + 4 * index, (uint32_t)value);
}

static int32_t parameter_of(const uint8_t *state, int parameter) {
    return word(state, WORD_PARAMETERS + parameter);
}

/* dB to Q8, rounded down. */
static int32_t from_db(int32_t db) {
    return (db * 21771) >> 8;
}

static int32_t larger(int32_t a, int32_t b) {
    return a > b ? a : b;
}

static int32_t between(int32_t v, int32_t low, int32_t high) {
    return v < low ? low : v > high ? high : v;
}

static int rate_is_known(int32_t rate) {
    return rate == 8000 || rate == 16000 || rate == 48000;
}

static int valid(const uint8_t *state, size_t state_size) {
    if (state_size < PCM_DUCK_STATE || cb_le32(state) != MAGIC || !rate_is_known(word(state, WORD_RATE))) {
        return 0;
    }
    for (int i = WORD_PARAMETERS; i < WORDS; i++) {
        const int32_t *limit = limits[i - WORD_PARAMETERS];
        if (word(state, i) < limit[0] || word(state, i) > limit[1]) {
            return 0;
        }
    }
    for (int i = 0; i < RING; i++) {
        int32_t level = sample_at(state + RING_AT, i);
        if (level < 0 || level > MAX_LEVEL) {
            return 0;
        }
    }
    for (int i = 0; i < WINDOWS; i++) {
        int32_t ratio = sample_at(state + WINDOWS_AT, i);
        if (ratio < MIN_PATH || ratio > MAX_PATH) {
            return 0;
        }
    }
    return 1;
}

/* Assume DECAY_DB_S. */
static void begin_with_decay(uint8_t *state) {
    set_word(state, WORD_DECAY, from_db(parameter_of(state, PCM_DUCK_DECAY_DB_S)) * 256 / BLOCKS_PER_S);
}

/* Forget what was learnt of the path: assume START_DB. */
static void begin_with_path(uint8_t *state) {
    int32_t path = between(from_db(parameter_of(state, PCM_DUCK_START_DB)), MIN_PATH, MAX_PATH);
    set_word(state, WORD_PATH, path);
    set_word(state, WORD_WINDOW_LENGTH, 0);
    set_word(state, WORD_WINDOW_MAX, MIN_PATH);
    for (int i = 0; i < WINDOWS; i++) {
        set_sample(state + WINDOWS_AT, i, path);
    }
}

int32_t pcm_duck_init(uint8_t *state, size_t state_size, int32_t rate) {
    if (state_size < PCM_DUCK_STATE) {
        return CB_ESTATE;
    }
    if (!rate_is_known(rate)) {
        return CB_ERANGE;
    }
    memset(state, 0, PCM_DUCK_STATE);
    set_word(state, WORD_MAGIC, MAGIC);
    set_word(state, WORD_RATE, rate);
    for (int i = 0; i <= PCM_DUCK_START_DB; i++) {
        set_word(state, WORD_PARAMETERS + i, defaults[i]);
    }
    set_word(state, WORD_GAIN, UNITY_Q15);
    set_word(state, WORD_NOISE, MAX_LEVEL);
    begin_with_decay(state);
    begin_with_path(state);
    return 0;
}

int32_t pcm_duck_set(uint8_t *state, size_t state_size, int32_t parameter, int32_t value) {
    if (!valid(state, state_size)) {
        return CB_ESTATE;
    }
    if (parameter < 0 || parameter > PCM_DUCK_START_DB || value < limits[parameter][0]
        || value > limits[parameter][1]) {
        return CB_ERANGE;
    }
    set_word(state, WORD_PARAMETERS + parameter, value);
    if (parameter == PCM_DUCK_START_DB) {
        begin_with_path(state);
    } else if (parameter == PCM_DUCK_DECAY_DB_S) {
        begin_with_decay(state);
    }
    return 0;
}

int32_t pcm_duck_get(const uint8_t *state, size_t state_size, int32_t parameter) {
    if (!valid(state, state_size)) {
        return CB_ESTATE;
    }
    switch (parameter) {
        case PCM_DUCK_PATH_DB:
            return (word(state, WORD_PATH) * 771) >> 16;
        case PCM_DUCK_GAIN_Q12:
            return word(state, WORD_GAIN) >> 3;
        case PCM_DUCK_NEAR:
            return word(state, WORD_NEAR);
        default:
            return parameter < 0 || parameter > PCM_DUCK_START_DB ? CB_ERANGE : parameter_of(state, parameter);
    }
}

/* The level of a block without what is slow, which the word `low` of the state follows (Q8). */
static int32_t block_level(uint8_t *state, int low, const uint8_t *pcm, int32_t off, int32_t block) {
    int32_t shift = block == 40 ? 3 : block == 80 ? 4 : 6; /* corner at 159, 159, 119 Hz */
    int32_t slow = word(state, low);
    uint64_t sum = 0;
    for (int32_t i = off; i < off + block; i++) {
        int32_t x = sample_at(pcm, i);
        int32_t quick = x - (slow >> 8);
        uint32_t magnitude = (uint32_t)(quick < 0 ? -quick : quick); /* at most 65535 */
        sum += magnitude * magnitude;
        slow += (x * 256 - slow) >> shift;
    }
    set_word(state, low, slow);
    return sum < (uint32_t)block ? 0 : (pcm_log2_q12(sum) - pcm_log2_q12((uint32_t)block)) >> 4;
}

/* 1.: take the reference's level (or the next block's), return the loudest of the last HANG_MS. */
static int32_t follow_reference(uint8_t *state, int32_t level) {
    uint8_t *ring = state + RING_AT;
    int32_t index = word(state, WORD_RING_INDEX);
    int32_t recent = 0;
    set_sample(ring, index, level);
    for (int32_t back = parameter_of(state, PCM_DUCK_HANG_MS) / BLOCK_MS, i = index; back >= 0; back--) {
        recent = larger(recent, sample_at(ring, i));
        i = i == 0 ? RING - 1 : i - 1;
    }
    set_word(state, WORD_RING_INDEX, index + 1 == RING ? 0 : index + 1);
    return recent;
}

/* 1.: the sound to be heard, which is the recent one or decays. */
static int32_t follow_sound(uint8_t *state, int32_t recent) {
    int32_t decayed = word(state, WORD_SOUND) - ((word(state, WORD_DECAY) + 128) >> 8);
    int32_t sound = larger(recent, decayed);
    set_word(state, WORD_SOUND, sound);
    set_word(state, WORD_PEAK, larger(word(state, WORD_PEAK) - PEAK_FALL, sound));
    return sound;
}

/* The end of a window: keep its largest ratio and go some way to the second smallest that is kept. */
static void close_window(uint8_t *state) {
    int32_t index = word(state, WORD_WINDOW_INDEX);
    set_sample(state + WINDOWS_AT, index, word(state, WORD_WINDOW_MAX));
    set_word(state, WORD_WINDOW_INDEX, (index + 1) % WINDOWS);
    set_word(state, WORD_WINDOW_LENGTH, 0);
    set_word(state, WORD_WINDOW_MAX, MIN_PATH);
    int32_t smallest = MAX_PATH;
    int32_t second = MAX_PATH;
    for (int i = 0; i < WINDOWS; i++) {
        int32_t ratio = sample_at(state + WINDOWS_AT, i);
        if (ratio < smallest) {
            second = smallest;
            smallest = ratio;
        } else if (ratio < second) {
            second = ratio;
        }
    }
    int32_t path = word(state, WORD_PATH);
    set_word(state, WORD_PATH, path + between(second - path, -PATH_FALL, PATH_RISE));
}

/* 3.: from recent sound only, so that a wrong decay does not spoil it. */
static void learn_path(uint8_t *state, int32_t recent, int32_t heard) {
    if (recent <= LOUD_ENOUGH || recent <= word(state, WORD_PEAK) - NEAR_PEAK) {
        return;
    }
    int32_t ratio = between(heard - recent, MIN_PATH, MAX_PATH);
    set_word(state, WORD_WINDOW_MAX, larger(word(state, WORD_WINDOW_MAX), ratio));
    set_word(state, WORD_WINDOW_LENGTH, word(state, WORD_WINDOW_LENGTH) + 1);
    if (word(state, WORD_WINDOW_LENGTH) == WINDOW_BLOCKS) {
        close_window(state);
    }
}

/* 4. */
static void learn_decay(uint8_t *state, int decaying, int32_t heard, int32_t echo) {
    int32_t noise = word(state, WORD_NOISE) + NOISE_RISE;
    noise = heard < noise ? heard : noise;
    set_word(state, WORD_NOISE, noise);
    if (!decaying || heard <= noise + OVER_NOISE || word(state, WORD_NEAR) > 0) {
        return;
    }
    int32_t decay = word(state, WORD_DECAY);
    if (heard <= echo) {
        decay += DECAY_MORE;
    } else if (heard < echo + from_db(parameter_of(state, PCM_DUCK_BALANCE_DB))) {
        decay -= DECAY_LESS;
    }
    set_word(state, WORD_DECAY, between(decay, MIN_DECAY, MAX_DECAY));
}

/* 5. */
static int32_t attenuation_for(const uint8_t *state, int32_t echo) {
    int32_t wanted = from_db(parameter_of(state, PCM_DUCK_RETURN_DB));
    int32_t floor = larger(FULL_SCALE + from_db(parameter_of(state, PCM_DUCK_FLOOR_DBOV)),
        word(state, WORD_PEAK) - wanted - TAIL);
    int32_t depth = between(word(state, WORD_PATH) + wanted, 0, from_db(parameter_of(state, PCM_DUCK_DEPTH_DB)));
    return between(echo - floor, 0, depth);
}

/* 6.: how far the near voice opens the gain, 0..OPEN. */
static int32_t follow_near(uint8_t *state, int32_t excess) {
    int32_t above = excess - from_db(parameter_of(state, PCM_DUCK_BALANCE_DB));
    int32_t range = from_db(parameter_of(state, PCM_DUCK_OPENING_DB));
    int32_t now = above <= 0 ? 0 : above >= range ? OPEN : above * OPEN / range;
    int32_t near = word(state, WORD_NEAR);
    int32_t hold = word(state, WORD_NEAR_HOLD);
    int32_t blocks = parameter_of(state, PCM_DUCK_NEAR_MS) / BLOCK_MS;
    if (now > 0 && now >= near) {
        near = now;
        hold = blocks;
    } else if (hold > 0) {
        hold--;
    } else {
        near = larger(now, near - OPEN / larger(blocks, 1));
    }
    set_word(state, WORD_NEAR, near);
    set_word(state, WORD_NEAR_HOLD, hold);
    return near;
}

/* 2^(-attenuation) as a factor of the amplitude in Q15; a parabola between the octaves, wrong by
 * 0.3 % at most. */
static int32_t gain_of(int32_t attenuation) {
    int32_t part = attenuation & 511;
    int32_t mantissa = UNITY_Q15 - ((22036 * part) >> 9) + ((5652 * part * part) >> 18);
    return mantissa >> (attenuation >> 9);
}

/* 7.: from one gain to another in a straight line over the first `ramp` samples of a block. */
static void apply(uint8_t *pcm, int32_t off, int32_t block, int32_t from, int32_t to, int32_t ramp) {
    if (from == UNITY_Q15 && to == UNITY_Q15) {
        return;
    }
    /* gain(i) = from + floor((to - from) * (i + 1) / ramp), as a whole part and a remainder. */
    int32_t step = (to - from) / ramp;
    int32_t rest = (to - from) % ramp;
    if (rest < 0) {
        step -= 1;
        rest += ramp;
    }
    int32_t gain = from;
    int32_t carry = 0;
    for (int32_t i = 0; i < block; i++) {
        if (i < ramp) {
            gain += step;
            carry += rest;
            if (carry >= ramp) {
                carry -= ramp;
                gain += 1;
            }
        }
        set_sample(pcm, off + i, (sample_at(pcm, off + i) * gain + (1 << 14)) >> 15);
    }
}

/* One block of capture; `level` is the reference's. */
static void duck_block(uint8_t *state, uint8_t *capture, int32_t off, int32_t block, int32_t level) {
    int32_t heard = block_level(state, WORD_CAPTURE_LOW, capture, off, block);
    int32_t recent = follow_reference(state, level);
    int32_t sound = follow_sound(state, recent);
    int32_t echo = sound + word(state, WORD_PATH); /* 2. */
    learn_path(state, recent, heard);
    learn_decay(state, sound > recent, heard, echo);
    int32_t attenuation = attenuation_for(state, echo);
    int32_t near = follow_near(state, attenuation ? heard - echo : 0);
    int32_t from = word(state, WORD_GAIN);
    int32_t to = gain_of(attenuation - ((attenuation * near) >> 8));
    int32_t attack = block * parameter_of(state, PCM_DUCK_ATTACK_MS) / BLOCK_MS;
    apply(capture, off, block, from, to, to < from ? attack : block);
    set_word(state, WORD_GAIN, to);
}

int32_t pcm_duck(uint8_t *state, size_t state_size, uint8_t *capture, size_t capture_size, int32_t capture_off,
    const uint8_t *reference, size_t reference_size, int32_t reference_off, int32_t n) {
    if (!valid(state, state_size)) {
        return CB_ESTATE;
    }
    int32_t block = word(state, WORD_RATE) / BLOCKS_PER_S;
    if (!samples_fit(capture_size, capture_off, n) || !samples_fit(reference_size, reference_off, n) || n % block) {
        return CB_ERANGE;
    }
    int32_t next = n ? block_level(state, WORD_REFERENCE_LOW, reference, reference_off, block) : 0;
    for (int32_t done = 0; done < n; done += block) {
        int32_t level = next;
        if (done + block < n) {
            next = block_level(state, WORD_REFERENCE_LOW, reference, reference_off + done + block, block);
            level = larger(level, next);
        }
        duck_block(state, capture, capture_off + done, block, level);
    }
    return word(state, WORD_GAIN) >> 3;
}
