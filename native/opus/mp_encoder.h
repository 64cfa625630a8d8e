/* The encoder half of callboard_opus for MicroPython. */
#include "mp_glue.h"

static mp_obj_t py_encoder_size(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return opus_int(cbo_encoder_size(arg_int(args[0])));
}
CB_FUNCTION(encoder_size, 1);

static mp_obj_t py_encoder_scratch(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return opus_int(cbo_encoder_scratch(arg_int(args[0]), arg_int(args[1]), arg_int(args[2]),
        arg_int(args[3])));
}
CB_FUNCTION(encoder_scratch, 4);

static mp_obj_t py_encoder_init(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]);
    return opus_none(cbo_encoder_init(state.data, state.size, arg_int(args[1]), arg_int(args[2]),
        arg_int(args[3])));
}
CB_FUNCTION(encoder_init, 4);

static mp_obj_t py_encoder_set(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]);
    return opus_none(cbo_encoder_set(state.data, state.size, arg_int(args[1]), arg_int(args[2])));
}
CB_FUNCTION(encoder_set, 3);

static mp_obj_t py_encoder_get(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]);
    int32_t value = 0;
    opus_checked(cbo_encoder_get(state.data, state.size, arg_int(args[1]), &value));
    return MP_OBJ_NEW_SMALL_INT(value);
}
CB_FUNCTION(encoder_get, 2);

static mp_obj_t py_encode(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]), scratch = arg_write(args[1]);
    arg_buffer_t pcm = arg_read(args[2]), out = arg_write(args[5]);
    return opus_int(cbo_encode(state.data, state.size, scratch.data, scratch.size,
        pcm.data, pcm.size, arg_int(args[3]), arg_int(args[4]),
        out.data, out.size, arg_int(args[6]), arg_int(args[7])));
}
CB_FUNCTION(encode, 8);

#define OPUS_ENCODER_EXPORTS(FUNCTION, INTEGER) \
    FUNCTION(MP_QSTR_encoder_size, encoder_size_obj) \
    FUNCTION(MP_QSTR_encoder_scratch, encoder_scratch_obj) \
    FUNCTION(MP_QSTR_encoder_init, encoder_init_obj) \
    FUNCTION(MP_QSTR_encoder_set, encoder_set_obj) \
    FUNCTION(MP_QSTR_encoder_get, encoder_get_obj) \
    FUNCTION(MP_QSTR_encode, encode_obj) \
    INTEGER(MP_QSTR_VOIP, CBO_VOIP) \
    INTEGER(MP_QSTR_AUDIO, CBO_AUDIO) \
    INTEGER(MP_QSTR_LOWDELAY, CBO_LOWDELAY) \
    INTEGER(MP_QSTR_BITRATE, CBO_BITRATE) \
    INTEGER(MP_QSTR_MAX_BANDWIDTH, CBO_MAX_BANDWIDTH) \
    INTEGER(MP_QSTR_VBR, CBO_VBR) \
    INTEGER(MP_QSTR_BANDWIDTH, CBO_BANDWIDTH) \
    INTEGER(MP_QSTR_COMPLEXITY, CBO_COMPLEXITY) \
    INTEGER(MP_QSTR_FEC, CBO_FEC) \
    INTEGER(MP_QSTR_LOSS, CBO_LOSS) \
    INTEGER(MP_QSTR_DTX, CBO_DTX) \
    INTEGER(MP_QSTR_VBR_CONSTRAINT, CBO_VBR_CONSTRAINT) \
    INTEGER(MP_QSTR_CHANNELS, CBO_CHANNELS) \
    INTEGER(MP_QSTR_SIGNAL, CBO_SIGNAL) \
    INTEGER(MP_QSTR_LOOKAHEAD, CBO_LOOKAHEAD) \
    INTEGER(MP_QSTR_IN_DTX, CBO_IN_DTX) \
    INTEGER(MP_QSTR_AUTO, CBO_AUTO) \
    INTEGER(MP_QSTR_MAX, CBO_MAX) \
    INTEGER(MP_QSTR_VOICE, CBO_VOICE) \
    INTEGER(MP_QSTR_MUSIC, CBO_MUSIC)
