/* callboard_wire for MicroPython: the Python functions, for natmod.c and usermod.c alike. */
#include "../common/mp_glue.h"
#include "wire.h"

/* A clock reading in ms of any width, wrapped to 30 bits; negative: unknown. */
static int32_t arg_ms(mp_obj_t object) {
    if (!mp_obj_is_small_int(object) && mp_obj_get_type(object) != &mp_type_int) {
        CB_RAISE_TYPE("integer expected");
    }
    if (mp_obj_is_true(mp_binary_op(MP_BINARY_OP_LESS, object, MP_OBJ_NEW_SMALL_INT(0)))) {
        return -1;
    }
    return (int32_t)(mp_obj_get_int_truncated(object) & ((1 << 30) - 1));
}

static mp_obj_t py_rtp_tx_init(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]), mid = arg_read(args[7]);
    return result_none(rtp_tx_init(state.data, state.size, arg_int(args[1]), arg_u32(args[2]), arg_int(args[3]),
        arg_u32(args[4]), arg_int(args[5]), arg_int(args[6]), mid.data, mid.size));
}
CB_FUNCTION(rtp_tx_init, 8);

static mp_obj_t py_rtp_header_size(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_read(args[0]);
    return result_int(rtp_header_size(state.data, state.size));
}
CB_FUNCTION(rtp_header_size, 1);

static mp_obj_t py_rtp_write(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_read(args[0]), out = arg_write(args[1]);
    return result_int(rtp_write(state.data, state.size, out.data, out.size, arg_int(args[2]),
        arg_flag(args[3]), arg_int(args[4]), arg_flag(args[5])));
}
CB_FUNCTION(rtp_write, 6);

static mp_obj_t py_rtp_advance(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]);
    return result_none(rtp_advance(state.data, state.size, arg_int(args[1]), arg_flag(args[2])));
}
CB_FUNCTION(rtp_advance, 3);

static mp_obj_t py_rtp_tx_peek(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_read(args[0]);
    uint32_t values[3];
    checked(rtp_tx_peek(state.data, state.size, values));
    mp_obj_t items[3] = { result_u32(values[0]), result_u32(values[1]), result_u32(values[2]) };
    return mp_obj_new_tuple(3, items);
}
CB_FUNCTION(rtp_tx_peek, 1);

static mp_obj_t py_rtp_rx_init(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]);
    return result_none(rtp_rx_init(state.data, state.size, arg_u32(args[1]), arg_int(args[2]),
        arg_int(args[3]), arg_int(args[4])));
}
CB_FUNCTION(rtp_rx_init, 5);

static mp_obj_t py_rtp_parse(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]), buf = arg_read(args[1]), info = arg_write(args[4]);
    return result_int(rtp_parse(state.data, state.size, buf.data, buf.size, arg_int(args[2]),
        arg_int(args[3]), info.data, info.size, arg_ms(args[5])));
}
CB_FUNCTION(rtp_parse, 6);

static mp_obj_t py_rtp_rx_stats(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_read(args[0]), out = arg_write(args[1]);
    return result_none(rtp_rx_stats(state.data, state.size, out.data, out.size));
}
CB_FUNCTION(rtp_rx_stats, 2);

static mp_obj_t py_ws_frame(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t buf = arg_write(args[0]), keys = { NULL, 0 };
    if (args[5] != mp_const_none) {
        keys = arg_read(args[5]);
        checked(keys.size < 4 ? CB_ERANGE : 0); /* an empty buffer must not look like None */
    }
    return result_int(ws_frame(buf.data, buf.size, arg_int(args[1]), arg_int(args[2]), arg_int(args[3]),
        arg_flag(args[4]), keys.data, keys.size, arg_int(args[6])));
}
CB_FUNCTION(ws_frame, 7);

static mp_obj_t py_ws_mask(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t buf = arg_write(args[0]), keys = arg_read(args[3]);
    return result_int(ws_mask(buf.data, buf.size, arg_int(args[1]), arg_int(args[2]),
        keys.data, keys.size, arg_int(args[4]), arg_int(args[5])));
}
CB_FUNCTION(ws_mask, 6);

static mp_obj_t py_ws_header(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t buf = arg_read(args[0]), info = arg_write(args[3]);
    return result_int(ws_header(buf.data, buf.size, arg_int(args[1]), arg_int(args[2]), info.data, info.size));
}
CB_FUNCTION(ws_header, 4);

static mp_obj_t py_h264_look(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t buf = arg_read(args[0]);
    return result_int(h264_look(buf.data, buf.size, arg_int(args[1]), arg_int(args[2])));
}
CB_FUNCTION(h264_look, 3);

static mp_obj_t py_h264_pack(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t buf = arg_read(args[0]), walk = arg_write(args[1]), out = arg_write(args[2]);
    return result_int(h264_pack(buf.data, buf.size, walk.data, walk.size, out.data, out.size,
        arg_int(args[3]), arg_int(args[4])));
}
CB_FUNCTION(h264_pack, 5);

static mp_obj_t py_h264_unpack(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t buf = arg_read(args[0]), assembly = arg_write(args[3]), out = arg_write(args[4]);
    return result_int(h264_unpack(buf.data, buf.size, arg_int(args[1]), arg_int(args[2]),
        assembly.data, assembly.size, out.data, out.size));
}
CB_FUNCTION(h264_unpack, 5);

static mp_obj_t py_frame_encode(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t out = arg_write(args[0]), buf = arg_read(args[2]);
    return result_int(frame_encode(out.data, out.size, arg_int(args[1]), buf.data, buf.size, arg_int(args[3]),
        arg_int(args[4])));
}
CB_FUNCTION(frame_encode, 5);

static mp_obj_t py_frame_decode(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t buf = arg_write(args[0]);
    return result_int(frame_decode(buf.data, buf.size, arg_int(args[1])));
}
CB_FUNCTION(frame_decode, 2);

static mp_obj_t py_frame_fill(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t out = arg_write(args[0]), buf = arg_read(args[2]);
    return result_int(frame_fill(out.data, out.size, arg_int(args[1]), buf.data, buf.size, arg_int(args[3]),
        arg_int(args[4])));
}
CB_FUNCTION(frame_fill, 5);

/* Everything the Python module contains. */
#define WIRE_EXPORTS(FUNCTION, INTEGER) \
    FUNCTION(MP_QSTR_rtp_tx_init, rtp_tx_init_obj) \
    FUNCTION(MP_QSTR_rtp_header_size, rtp_header_size_obj) \
    FUNCTION(MP_QSTR_rtp_write, rtp_write_obj) \
    FUNCTION(MP_QSTR_rtp_advance, rtp_advance_obj) \
    FUNCTION(MP_QSTR_rtp_tx_peek, rtp_tx_peek_obj) \
    FUNCTION(MP_QSTR_rtp_rx_init, rtp_rx_init_obj) \
    FUNCTION(MP_QSTR_rtp_parse, rtp_parse_obj) \
    FUNCTION(MP_QSTR_rtp_rx_stats, rtp_rx_stats_obj) \
    FUNCTION(MP_QSTR_ws_frame, ws_frame_obj) \
    FUNCTION(MP_QSTR_ws_mask, ws_mask_obj) \
    FUNCTION(MP_QSTR_ws_header, ws_header_obj) \
    FUNCTION(MP_QSTR_frame_encode, frame_encode_obj) \
    FUNCTION(MP_QSTR_frame_decode, frame_decode_obj) \
    FUNCTION(MP_QSTR_frame_fill, frame_fill_obj) \
    FUNCTION(MP_QSTR_h264_look, h264_look_obj) \
    FUNCTION(MP_QSTR_h264_pack, h264_pack_obj) \
    FUNCTION(MP_QSTR_h264_unpack, h264_unpack_obj) \
    INTEGER(MP_QSTR_RTP_TX_STATE, RTP_TX_STATE) \
    INTEGER(MP_QSTR_RTP_RX_STATE, RTP_RX_STATE) \
    INTEGER(MP_QSTR_RTP_INFO, RTP_INFO) \
    INTEGER(MP_QSTR_RTP_STATS, RTP_STATS) \
    INTEGER(MP_QSTR_RTP_MAX_JUMP, RTP_MAX_JUMP) \
    INTEGER(MP_QSTR_RTP_ANY_TICK, RTP_ANY_TICK) \
    INTEGER(MP_QSTR_RTP_RESET, RTP_RESET) \
    INTEGER(MP_QSTR_RTP_ESHORT, RTP_ESHORT) \
    INTEGER(MP_QSTR_RTP_EVERSION, RTP_EVERSION) \
    INTEGER(MP_QSTR_RTP_ERTCP, RTP_ERTCP) \
    INTEGER(MP_QSTR_RTP_ELENGTH, RTP_ELENGTH) \
    INTEGER(MP_QSTR_RTP_EEXT, RTP_EEXT) \
    INTEGER(MP_QSTR_RTP_EPADDING, RTP_EPADDING) \
    INTEGER(MP_QSTR_RTP_ESSRC, RTP_ESSRC) \
    INTEGER(MP_QSTR_RTP_EALIGN, RTP_EALIGN) \
    INTEGER(MP_QSTR_RTP_EJUMP, RTP_EJUMP) \
    INTEGER(MP_QSTR_WS_MAX_HEADER, WS_MAX_HEADER) \
    INTEGER(MP_QSTR_WS_INFO, WS_INFO) \
    INTEGER(MP_QSTR_WS_MAX_PAYLOAD, WS_MAX_PAYLOAD) \
    INTEGER(MP_QSTR_WS_ERSV, WS_ERSV) \
    INTEGER(MP_QSTR_WS_EOPCODE, WS_EOPCODE) \
    INTEGER(MP_QSTR_WS_ECONTROL, WS_ECONTROL) \
    INTEGER(MP_QSTR_WS_ELENGTH, WS_ELENGTH) \
    INTEGER(MP_QSTR_FRAME_OVERHEAD, FRAME_OVERHEAD) \
    INTEGER(MP_QSTR_FRAME_MAX_PAYLOAD, FRAME_MAX_PAYLOAD) \
    INTEGER(MP_QSTR_FRAME_EDAMAGED, FRAME_EDAMAGED) \
    INTEGER(MP_QSTR_H264_WALK, H264_WALK) \
    INTEGER(MP_QSTR_H264_ASSEMBLY, H264_ASSEMBLY) \
    INTEGER(MP_QSTR_H264_KEY, H264_KEY) \
    INTEGER(MP_QSTR_H264_SPS, H264_SPS) \
    INTEGER(MP_QSTR_H264_PPS, H264_PPS) \
    INTEGER(MP_QSTR_H264_EFORMAT, H264_EFORMAT) \
    INTEGER(MP_QSTR_H264_EORDER, H264_EORDER) \
    INTEGER(MP_QSTR_H264_EFULL, H264_EFULL)
