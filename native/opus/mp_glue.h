/* callboard_opus for MicroPython: what both halves (mp_encoder.h, mp_decoder.h) share. */
#ifndef CALLBOARD_OPUS_MP_GLUE_H
#define CALLBOARD_OPUS_MP_GLUE_H

#include "../common/mp_glue.h"
#include "opus_core.h"
#include "scratch.h"

/* libopus leaves through here when its scratch is full. The state it worked on stays marked as busy and is
 * refused from then on; the block itself was not overrun. */
void callboard_scratch_overflow(void) {
    mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("opus scratch overflow"));
    for (;;) {
    }
}

/* Raise what a negative result means. */
static int32_t opus_checked(int32_t result) {
    switch (result) {
        case CBO_ESCRATCH:
            CB_RAISE_VALUE("scratch too small");
            break;
        case CBO_EALIGN:
            CB_RAISE_VALUE("misaligned");
            break;
        case CBO_EOVERLAP:
            CB_RAISE_VALUE("buffers overlap");
            break;
        case CBO_EPACKET:
            CB_RAISE_VALUE("bad packet");
            break;
        case CBO_EBROKEN:
            mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("opus failed"));
            break;
        default:
            break;
    }
    return checked(result);
}

static mp_obj_t opus_int(int32_t result) {
    return MP_OBJ_NEW_SMALL_INT(opus_checked(result));
}

static mp_obj_t opus_none(int32_t result) {
    opus_checked(result);
    return mp_const_none;
}

/* What packets and settings both use. */
#define OPUS_SHARED_EXPORTS(FUNCTION, INTEGER) \
    INTEGER(MP_QSTR_NARROWBAND, CBO_NARROWBAND) \
    INTEGER(MP_QSTR_MEDIUMBAND, CBO_MEDIUMBAND) \
    INTEGER(MP_QSTR_WIDEBAND, CBO_WIDEBAND) \
    INTEGER(MP_QSTR_SUPERWIDEBAND, CBO_SUPERWIDEBAND) \
    INTEGER(MP_QSTR_FULLBAND, CBO_FULLBAND) \
    INTEGER(MP_QSTR_MAX_PACKET, CBO_MAX_PACKET)

#ifdef MICROPY_ENABLE_DYNRUNTIME
#define OPUS_STORE_IMPLEMENTATION() \
    mp_store_global(MP_QSTR_IMPLEMENTATION, mp_obj_new_str("native module", 13))
#endif

#endif
