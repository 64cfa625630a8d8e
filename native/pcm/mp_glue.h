/* callboard_pcm for MicroPython: the Python functions, for natmod.c and usermod.c alike. */
#include "../common/mp_glue.h"
#include "duck.h"
#include "noise.h"
#include "pcm.h"
#include "stretch.h"

/* The G.711 functions share a shape: from a read buffer to a written one, offset each, and a count. */
#define CONVERTER(name) \
    static mp_obj_t py_##name(size_t n_args, const mp_obj_t *args) { \
        (void)n_args; \
        arg_buffer_t from = arg_read(args[0]), to = arg_write(args[2]); \
        return result_int(pcm_##name(from.data, from.size, arg_int(args[1]), \
            to.data, to.size, arg_int(args[3]), arg_int(args[4]))); \
    } \
    CB_FUNCTION(name, 5)

CONVERTER(ulaw_encode);
CONVERTER(ulaw_decode);
CONVERTER(alaw_encode);
CONVERTER(alaw_decode);

static mp_obj_t py_resampler_size(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return result_int(pcm_resampler_size(arg_int(args[0]), arg_int(args[1])));
}
CB_FUNCTION(resampler_size, 2);

static mp_obj_t py_resampler_delay(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return result_int(pcm_resampler_delay(arg_int(args[0]), arg_int(args[1])));
}
CB_FUNCTION(resampler_delay, 2);

static mp_obj_t py_resampler_init(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]);
    return result_none(pcm_resampler_init(state.data, state.size, arg_int(args[1]), arg_int(args[2])));
}
CB_FUNCTION(resampler_init, 3);

static mp_obj_t py_resample(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]), src = arg_read(args[1]), dst = arg_write(args[4]);
    return result_int(pcm_resample(state.data, state.size, src.data, src.size, arg_int(args[2]),
        arg_int(args[3]), dst.data, dst.size, arg_int(args[5])));
}
CB_FUNCTION(resample, 6);

static mp_obj_t py_gain(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t pcm = arg_write(args[0]);
    return result_int(pcm_gain(pcm.data, pcm.size, arg_int(args[1]), arg_int(args[2]), arg_int(args[3])));
}
CB_FUNCTION(gain, 4);

static mp_obj_t py_fade(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t pcm = arg_write(args[0]);
    return result_none(pcm_fade(pcm.data, pcm.size, arg_int(args[1]), arg_int(args[2]),
        arg_int(args[3]), arg_int(args[4])));
}
CB_FUNCTION(fade, 5);

#define METER(name) \
    static mp_obj_t py_##name(size_t n_args, const mp_obj_t *args) { \
        (void)n_args; \
        arg_buffer_t pcm = arg_read(args[0]); \
        return result_int(pcm_##name(pcm.data, pcm.size, arg_int(args[1]), arg_int(args[2]))); \
    } \
    CB_FUNCTION(name, 3)

METER(rms);
METER(peak);
METER(level);

/* mix, copy and crossfade: (dst, dst_off, src, src_off, n) */
#define MOVER(name) \
    static mp_obj_t py_##name(size_t n_args, const mp_obj_t *args) { \
        (void)n_args; \
        arg_buffer_t dst = arg_write(args[0]), src = arg_read(args[2]); \
        return result_none(pcm_##name(dst.data, dst.size, arg_int(args[1]), \
            src.data, src.size, arg_int(args[3]), arg_int(args[4]))); \
    } \
    CB_FUNCTION(name, 5)

MOVER(mix);
MOVER(copy);
MOVER(crossfade);

static mp_obj_t py_fill(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t pcm = arg_write(args[0]);
    return result_none(pcm_fill(pcm.data, pcm.size, arg_int(args[1]), arg_int(args[2]), arg_int(args[3])));
}
CB_FUNCTION(fill, 4);

static mp_obj_t py_slots32_to_16(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t src = arg_read(args[0]), dst = arg_write(args[2]);
    return result_none(pcm_slots32_to_16(src.data, src.size, arg_int(args[1]), dst.data, dst.size,
        arg_int(args[3]), arg_int(args[4]), arg_int(args[5]), arg_int(args[6]), arg_int(args[7])));
}
CB_FUNCTION(slots32_to_16, 8);

static mp_obj_t py_slots16_to_32(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t src = arg_read(args[0]), dst = arg_write(args[2]);
    return result_none(pcm_slots16_to_32(src.data, src.size, arg_int(args[1]), dst.data, dst.size,
        arg_int(args[3]), arg_int(args[4]), arg_int(args[5])));
}
CB_FUNCTION(slots16_to_32, 6);

static mp_obj_t py_tone_init(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]);
    return result_none(pcm_tone_init(state.data, state.size, arg_int(args[1]), arg_int(args[2]),
        arg_int(args[3]), arg_int(args[4])));
}
CB_FUNCTION(tone_init, 5);

static mp_obj_t py_tone(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]), pcm = arg_write(args[1]);
    return result_none(pcm_tone(state.data, state.size, pcm.data, pcm.size, arg_int(args[2]), arg_int(args[3])));
}
CB_FUNCTION(tone, 4);

static mp_obj_t py_duck_init(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]);
    return result_none(pcm_duck_init(state.data, state.size, arg_int(args[1])));
}
CB_FUNCTION(duck_init, 2);

static mp_obj_t py_duck_set(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]);
    return result_none(pcm_duck_set(state.data, state.size, arg_int(args[1]), arg_int(args[2])));
}
CB_FUNCTION(duck_set, 3);

static mp_obj_t py_duck_get(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_read(args[0]);
    return result_int(pcm_duck_get(state.data, state.size, arg_int(args[1])));
}
CB_FUNCTION(duck_get, 2);

static mp_obj_t py_duck(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]), capture = arg_write(args[1]), reference = arg_read(args[3]);
    return result_int(pcm_duck(state.data, state.size, capture.data, capture.size, arg_int(args[2]),
        reference.data, reference.size, arg_int(args[4]), arg_int(args[5])));
}
CB_FUNCTION(duck, 6);

static mp_obj_t py_mismatch(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t pcm = arg_read(args[0]);
    return result_int(pcm_mismatch(pcm.data, pcm.size, arg_int(args[1]), arg_int(args[2]), arg_int(args[3])));
}
CB_FUNCTION(mismatch, 4);

static mp_obj_t py_best_match(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t pcm = arg_read(args[0]);
    return result_int(pcm_best_match(pcm.data, pcm.size, arg_int(args[1]), arg_int(args[2]),
        arg_int(args[3]), arg_int(args[4])));
}
CB_FUNCTION(best_match, 5);

static mp_obj_t py_noise_init(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]);
    return result_none(pcm_noise_init(state.data, state.size, arg_int(args[1])));
}
CB_FUNCTION(noise_init, 2);

static mp_obj_t py_noise(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]), pcm = arg_write(args[1]);
    return result_none(pcm_noise(state.data, state.size, pcm.data, pcm.size, arg_int(args[2]),
        arg_int(args[3]), arg_int(args[4])));
}
CB_FUNCTION(noise, 5);

/* Everything the Python module contains. */
#define PCM_EXPORTS(FUNCTION, INTEGER) \
    FUNCTION(MP_QSTR_ulaw_encode, ulaw_encode_obj) \
    FUNCTION(MP_QSTR_ulaw_decode, ulaw_decode_obj) \
    FUNCTION(MP_QSTR_alaw_encode, alaw_encode_obj) \
    FUNCTION(MP_QSTR_alaw_decode, alaw_decode_obj) \
    FUNCTION(MP_QSTR_resampler_size, resampler_size_obj) \
    FUNCTION(MP_QSTR_resampler_delay, resampler_delay_obj) \
    FUNCTION(MP_QSTR_resampler_init, resampler_init_obj) \
    FUNCTION(MP_QSTR_resample, resample_obj) \
    FUNCTION(MP_QSTR_gain, gain_obj) \
    FUNCTION(MP_QSTR_fade, fade_obj) \
    FUNCTION(MP_QSTR_rms, rms_obj) \
    FUNCTION(MP_QSTR_peak, peak_obj) \
    FUNCTION(MP_QSTR_level, level_obj) \
    FUNCTION(MP_QSTR_mix, mix_obj) \
    FUNCTION(MP_QSTR_copy, copy_obj) \
    FUNCTION(MP_QSTR_crossfade, crossfade_obj) \
    FUNCTION(MP_QSTR_mismatch, mismatch_obj) \
    FUNCTION(MP_QSTR_best_match, best_match_obj) \
    FUNCTION(MP_QSTR_noise_init, noise_init_obj) \
    FUNCTION(MP_QSTR_noise, noise_obj) \
    FUNCTION(MP_QSTR_fill, fill_obj) \
    FUNCTION(MP_QSTR_slots32_to_16, slots32_to_16_obj) \
    FUNCTION(MP_QSTR_slots16_to_32, slots16_to_32_obj) \
    FUNCTION(MP_QSTR_tone_init, tone_init_obj) \
    FUNCTION(MP_QSTR_tone, tone_obj) \
    FUNCTION(MP_QSTR_duck_init, duck_init_obj) \
    FUNCTION(MP_QSTR_duck_set, duck_set_obj) \
    FUNCTION(MP_QSTR_duck_get, duck_get_obj) \
    FUNCTION(MP_QSTR_duck, duck_obj) \
    INTEGER(MP_QSTR_TONE_STATE, PCM_TONE_STATE) \
    INTEGER(MP_QSTR_NOISE_STATE, PCM_NOISE_STATE) \
    INTEGER(MP_QSTR_DUCK_STATE, PCM_DUCK_STATE) \
    INTEGER(MP_QSTR_DUCK_RETURN_DB, PCM_DUCK_RETURN_DB) \
    INTEGER(MP_QSTR_DUCK_DEPTH_DB, PCM_DUCK_DEPTH_DB) \
    INTEGER(MP_QSTR_DUCK_ATTACK_MS, PCM_DUCK_ATTACK_MS) \
    INTEGER(MP_QSTR_DUCK_HANG_MS, PCM_DUCK_HANG_MS) \
    INTEGER(MP_QSTR_DUCK_DECAY_DB_S, PCM_DUCK_DECAY_DB_S) \
    INTEGER(MP_QSTR_DUCK_BALANCE_DB, PCM_DUCK_BALANCE_DB) \
    INTEGER(MP_QSTR_DUCK_OPENING_DB, PCM_DUCK_OPENING_DB) \
    INTEGER(MP_QSTR_DUCK_NEAR_MS, PCM_DUCK_NEAR_MS) \
    INTEGER(MP_QSTR_DUCK_FLOOR_DBOV, PCM_DUCK_FLOOR_DBOV) \
    INTEGER(MP_QSTR_DUCK_START_DB, PCM_DUCK_START_DB) \
    INTEGER(MP_QSTR_DUCK_PATH_DB, PCM_DUCK_PATH_DB) \
    INTEGER(MP_QSTR_DUCK_GAIN_Q12, PCM_DUCK_GAIN_Q12) \
    INTEGER(MP_QSTR_DUCK_NEAR, PCM_DUCK_NEAR)
