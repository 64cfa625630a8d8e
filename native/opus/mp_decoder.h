/* The decoder half of callboard_opus for MicroPython. */
#include "mp_glue.h"

static mp_obj_t py_decoder_size(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return opus_int(cbo_decoder_size(arg_int(args[0])));
}
CB_FUNCTION(decoder_size, 1);

static mp_obj_t py_decoder_scratch(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return opus_int(cbo_decoder_scratch(arg_int(args[0]), arg_int(args[1])));
}
CB_FUNCTION(decoder_scratch, 2);

static mp_obj_t py_decoder_init(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]);
    return opus_none(cbo_decoder_init(state.data, state.size, arg_int(args[1]), arg_int(args[2])));
}
CB_FUNCTION(decoder_init, 3);

/* decode and decode_fec: (state, scratch, packet, off, n, pcm, pcm_off, samples) */
#define PACKET_DECODER(name) \
    static mp_obj_t py_##name(size_t n_args, const mp_obj_t *args) { \
        (void)n_args; \
        arg_buffer_t state = arg_write(args[0]), scratch = arg_write(args[1]); \
        arg_buffer_t packet = arg_read(args[2]), pcm = arg_write(args[5]); \
        return opus_int(cbo_##name(state.data, state.size, scratch.data, scratch.size, \
            packet.data, packet.size, arg_int(args[3]), arg_int(args[4]), \
            pcm.data, pcm.size, arg_int(args[6]), arg_int(args[7]))); \
    } \
    CB_FUNCTION(name, 8)

PACKET_DECODER(decode);
PACKET_DECODER(decode_fec);

static mp_obj_t py_conceal(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]), scratch = arg_write(args[1]), pcm = arg_write(args[2]);
    return opus_int(cbo_conceal(state.data, state.size, scratch.data, scratch.size,
        pcm.data, pcm.size, arg_int(args[3]), arg_int(args[4])));
}
CB_FUNCTION(conceal, 5);

/* What a peer sends is no argument error: a bad packet is a negative result, which does not allocate. */
static mp_obj_t py_packet_info(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t packet = arg_read(args[0]), info = arg_write(args[4]);
    return result_int(cbo_packet_info(packet.data, packet.size, arg_int(args[1]), arg_int(args[2]),
        arg_int(args[3]), info.data, info.size));
}
CB_FUNCTION(packet_info, 5);

#define OPUS_DECODER_EXPORTS(FUNCTION, INTEGER) \
    FUNCTION(MP_QSTR_decoder_size, decoder_size_obj) \
    FUNCTION(MP_QSTR_decoder_scratch, decoder_scratch_obj) \
    FUNCTION(MP_QSTR_decoder_init, decoder_init_obj) \
    FUNCTION(MP_QSTR_decode, decode_obj) \
    FUNCTION(MP_QSTR_decode_fec, decode_fec_obj) \
    FUNCTION(MP_QSTR_conceal, conceal_obj) \
    FUNCTION(MP_QSTR_packet_info, packet_info_obj) \
    INTEGER(MP_QSTR_INFO, CBO_INFO) \
    INTEGER(MP_QSTR_EPACKET, CBO_EPACKET) \
    INTEGER(MP_QSTR_SILK, CBO_SILK) \
    INTEGER(MP_QSTR_HYBRID, CBO_HYBRID) \
    INTEGER(MP_QSTR_CELT, CBO_CELT)
