/* What the MicroPython glue of every module shares: arguments in, results out.
 *
 * One source for both ways of building: a native module (.mpy) when dynruntime.mk compiles it
 * (MICROPY_ENABLE_DYNRUNTIME), otherwise a user C module. Nothing here allocates unless it raises,
 * except arg_u32 and result_u32, which are for init functions and statistics. */
#ifndef CALLBOARD_MP_GLUE_H
#define CALLBOARD_MP_GLUE_H

#ifdef MICROPY_ENABLE_DYNRUNTIME
#include "py/dynruntime.h"
#else
#include "py/runtime.h"
#endif

#include "bytes.h"

#ifdef MICROPY_ENABLE_DYNRUNTIME
#define CB_RAISE_VALUE(text) mp_raise_ValueError(text)
#define CB_RAISE_TYPE(text) mp_raise_TypeError(text)
#else
#define CB_RAISE_VALUE(text) mp_raise_ValueError(MP_ERROR_TEXT(text))
#define CB_RAISE_TYPE(text) mp_raise_TypeError(MP_ERROR_TEXT(text))
#endif

/* A buffer argument as the cores want it. */
typedef struct {
    uint8_t *data;
    size_t size;
} arg_buffer_t;

static inline arg_buffer_t arg_buffer(mp_obj_t object, unsigned flags) {
    mp_buffer_info_t info;
    mp_get_buffer_raise(object, &info, flags);
    arg_buffer_t buffer = { info.buf, info.len };
    return buffer;
}

static inline arg_buffer_t arg_read(mp_obj_t object) {
    return arg_buffer(object, MP_BUFFER_READ);
}

static inline arg_buffer_t arg_write(mp_obj_t object) {
    return arg_buffer(object, MP_BUFFER_RW);
}

/* An offset, count or value. ValueError beyond 32 bits, TypeError if it is no integer. */
static inline int32_t arg_int(mp_obj_t object) {
    if (mp_obj_is_small_int(object)) {
        mp_int_t value = MP_OBJ_SMALL_INT_VALUE(object);
        if (value == (int32_t)value) {
            return (int32_t)value;
        }
    } else if (mp_obj_get_type(object) != &mp_type_int) {
        CB_RAISE_TYPE("integer expected");
    }
    CB_RAISE_VALUE("out of range");
    return 0;
}

/* An integer 0..0xFFFFFFFF, which on 32 bits may be a big one. ValueError otherwise. */
static inline uint32_t arg_u32(mp_obj_t object) {
    if (!mp_obj_is_small_int(object) && mp_obj_get_type(object) != &mp_type_int) {
        CB_RAISE_TYPE("integer expected");
    }
    uint32_t value = (uint32_t)mp_obj_get_int_truncated(object);
    mp_obj_t again = mp_obj_new_int_from_uint(value);
    if (!mp_obj_is_true(mp_binary_op(MP_BINARY_OP_EQUAL, object, again))) {
        CB_RAISE_VALUE("out of range");
    }
    return value;
}

static inline int arg_flag(mp_obj_t object) {
    return mp_obj_is_true(object) ? 1 : 0;
}

/* Raise what an argument error of a core means; anything else passes. */
static inline int32_t checked(int32_t result) {
    if (result == CB_ERANGE) {
        CB_RAISE_VALUE("out of range");
    }
    if (result == CB_ESTATE) {
        CB_RAISE_VALUE("bad state");
    }
    return result;
}

/* A result that is a small int on every target (its magnitude is below 2^30). */
static inline mp_obj_t result_int(int32_t result) {
    return MP_OBJ_NEW_SMALL_INT(checked(result));
}

static inline mp_obj_t result_none(int32_t result) {
    checked(result);
    return mp_const_none;
}

static inline mp_obj_t result_u32(uint32_t result) {
    return mp_obj_new_int_from_uint(result);
}

/* A Python function NAME with its number of arguments; the C function is py_NAME. */
#define CB_FUNCTION(name, count) \
    static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(name##_obj, count, count, py_##name)

/* Rows of a module's EXPORTS(FUNCTION, INTEGER) list, for both ways of building. */
#ifdef MICROPY_ENABLE_DYNRUNTIME
#define CB_STORE_FUNCTION(qstr, object) mp_store_global(qstr, MP_OBJ_FROM_PTR(&object));
#define CB_STORE_INTEGER(qstr, value) mp_store_global(qstr, MP_OBJ_NEW_SMALL_INT(value));
#else
#define CB_ROW_FUNCTION(qstr, object) { MP_ROM_QSTR(qstr), MP_ROM_PTR(&object) },
#define CB_ROW_INTEGER(qstr, value) { MP_ROM_QSTR(qstr), MP_ROM_INT(value) },
#endif

#endif
