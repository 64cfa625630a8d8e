/* callboard_keystore for MicroPython: the Python functions, for natmod.c and usermod.c alike.
 *
 * The flash is a Python object with read(at, buf), program(at, buf), erase(at) and geometry() -> unit; the
 * buffers are valid during the call only. An exception in one of them passes through the store, which must
 * then be opened again: until then every call raises ValueError. */
#include "../common/mp_glue.h"
#include "seal.h"

#include <string.h>

#ifdef MICROPY_ENABLE_DYNRUNTIME
#define mp_call_method_n_kw(n, k, args) (mp_fun_table.call_method_n_kw((n), (k), (args)))
#endif

#define STATS 8 /* entries of stats' out */

/* 0, or -1 for a negative result. */
static int32_t device_result(mp_obj_t result) {
    return mp_obj_is_small_int(result) && MP_OBJ_SMALL_INT_VALUE(result) < 0 ? -1 : 0;
}

static int32_t device_transfer(void *device, qstr method, uint32_t at, uint8_t *bytes, uint32_t n) {
    mp_obj_t call[4];
    mp_load_method(device, method, call);
    call[2] = MP_OBJ_NEW_SMALL_INT(at);
    call[3] = mp_obj_new_bytearray_by_ref(n, bytes);
    return device_result(mp_call_method_n_kw(2, 0, call));
}

static int32_t device_read(void *device, uint32_t at, uint8_t *to, uint32_t n) {
    return device_transfer(device, MP_QSTR_read, at, to, n);
}

static int32_t device_program(void *device, uint32_t at, const uint8_t *from, uint32_t n) {
    return device_transfer(device, MP_QSTR_program, at, (uint8_t *)from, n);
}

static int32_t device_erase(void *device, uint32_t at) {
    mp_obj_t call[3];
    mp_load_method(device, MP_QSTR_erase, call);
    call[2] = MP_OBJ_NEW_SMALL_INT(at);
    return device_result(mp_call_method_n_kw(1, 0, call));
}

static int32_t device_geometry(void *device) {
    mp_obj_t call[2];
    mp_load_method(device, MP_QSTR_geometry, call);
    return arg_int(mp_call_method_n_kw(0, 0, call));
}

/* A driver on the stack, made here because a .mpy has no relocated constants to copy it from. */
static void make_driver(ks_flash_t *flash, mp_obj_t device) {
    flash->read = device_read;
    flash->program = device_program;
    flash->erase = device_erase;
    flash->geometry = device_geometry;
    flash->context = device;
}

/* The store in args[0], with the device in args[1] attached. */
static ks_t *attach(const mp_obj_t *args, ks_flash_t *flash) {
    arg_buffer_t state = arg_write(args[0]);
    make_driver(flash, args[1]);
    checked(ks_attach((ks_t *)state.data, state.size, flash));
    return (ks_t *)state.data;
}

static mp_obj_t detach(ks_t *s, int32_t result) {
    ks_detach(s);
    return result_int(result);
}

static mp_obj_t py_state_size(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return result_int(ks_state_size(arg_int(args[0]), arg_int(args[1])));
}
CB_FUNCTION(state_size, 2);

static mp_obj_t py_record_size(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return result_int(ks_record_size(arg_int(args[0]), arg_int(args[1])));
}
CB_FUNCTION(record_size, 2);

static mp_obj_t py_open(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t state = arg_write(args[0]);
    ks_flash_t flash;
    make_driver(&flash, args[1]);
    int32_t buffer = arg_int(args[2]), keys = arg_int(args[3]);
    int32_t result = ks_open((ks_t *)state.data, state.size, &flash, buffer, keys);
    if (result >= 0) {
        ks_detach((ks_t *)state.data);
    }
    return result_int(result);
}
CB_FUNCTION(open, 4);

static mp_obj_t py_get(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t name = arg_read(args[2]), out = { NULL, 0 };
    if (args[3] != mp_const_none) {
        out = arg_write(args[3]);
        if (out.size == 0) {
            out.data = name.data; /* an empty buffer may be NULL, which would mean None */
        }
    }
    ks_flash_t flash;
    ks_t *s = attach(args, &flash);
    return detach(s, ks_get(s, name.data, name.size, out.data, out.size));
}
CB_FUNCTION(get, 4);

static mp_obj_t py_key(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    int32_t i = arg_int(args[2]);
    arg_buffer_t out = arg_write(args[3]);
    ks_flash_t flash;
    ks_t *s = attach(args, &flash);
    return detach(s, ks_key(s, i, out.data, out.size));
}
CB_FUNCTION(key, 4);

static mp_obj_t py_put(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t name = arg_read(args[2]), value = arg_read(args[3]);
    ks_flash_t flash;
    ks_t *s = attach(args, &flash);
    /* One more than there may be stands for anything longer, which must not look like KS_DELETE. */
    uint32_t size = value.size > KS_STORED_MAX ? KS_STORED_MAX + 1 : value.size;
    return detach(s, ks_put(s, name.data, name.size, value.data, size));
}
CB_FUNCTION(put, 4);

static mp_obj_t py_delete(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t name = arg_read(args[2]);
    ks_flash_t flash;
    ks_t *s = attach(args, &flash);
    return detach(s, ks_delete(s, name.data, name.size));
}
CB_FUNCTION(delete, 3);

static mp_obj_t py_begin(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    int32_t bytes = arg_int(args[2]);
    ks_flash_t flash;
    ks_t *s = attach(args, &flash);
    return detach(s, ks_begin(s, bytes));
}
CB_FUNCTION(begin, 3);

#define CALL_WITHOUT_ARGUMENTS(name) \
    static mp_obj_t py_##name(size_t n_args, const mp_obj_t *args) { \
        (void)n_args; \
        ks_flash_t flash; \
        ks_t *s = attach(args, &flash); \
        return detach(s, ks_##name(s)); \
    } \
    CB_FUNCTION(name, 2);
CALL_WITHOUT_ARGUMENTS(commit)
CALL_WITHOUT_ARGUMENTS(abort)
CALL_WITHOUT_ARGUMENTS(maintain)
CALL_WITHOUT_ARGUMENTS(erase_all)

static mp_obj_t py_stats(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t out = arg_write(args[2]);
    if (out.size < 4 * STATS) {
        checked(CB_ERANGE);
    }
    ks_flash_t flash;
    ks_stats_t stats;
    ks_t *s = attach(args, &flash);
    int32_t result = ks_stats(s, &stats);
    memcpy(out.data, &stats, sizeof stats);
    return detach(s, result);
}
CB_FUNCTION(stats, 3);

/* --- sealed values: aes(key, blocks) encrypts in place, hmac(key, message) returns 32 bytes --- */

static int32_t call_aes(void *context, const uint8_t *key, uint8_t *blocks, uint32_t n) {
    mp_obj_t args[2] = { mp_obj_new_bytes(key, KS_AES_KEY), mp_obj_new_bytearray_by_ref(n, blocks) };
    mp_call_function_n_kw(((const mp_obj_t *)context)[0], 2, 0, args);
    return 0;
}

static int32_t call_hmac(void *context, const uint8_t *key, uint32_t key_size, const uint8_t *message,
    uint32_t n, uint8_t *out) {
    mp_obj_t args[2] = { mp_obj_new_bytes(key, key_size), mp_obj_new_bytes(message, n) };
    arg_buffer_t digest = arg_read(mp_call_function_n_kw(((const mp_obj_t *)context)[1], 2, 0, args));
    if (digest.size != 32) {
        return -1;
    }
    memcpy(out, digest.data, 32);
    return 0;
}

static void make_crypto(ks_crypto_t *crypto, const mp_obj_t *args) {
    crypto->aes = call_aes;
    crypto->hmac = call_hmac;
    crypto->context = (void *)args;
}

static arg_buffer_t arg_keys(mp_obj_t object, unsigned flags) {
    arg_buffer_t keys = arg_buffer(object, flags);
    if (keys.size < KS_SEAL_KEYS) {
        checked(CB_ERANGE);
    }
    return keys;
}

/* seal_keys(aes, hmac, root, keys) */
static mp_obj_t py_seal_keys(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t root = arg_read(args[2]), keys = arg_keys(args[3], MP_BUFFER_RW);
    ks_crypto_t crypto;
    make_crypto(&crypto, args);
    return result_int(ks_seal_keys(&crypto, root.data, root.size, keys.data));
}
CB_FUNCTION(seal_keys, 4);

/* seal(aes, hmac, keys, salt, name, value, out): salt is 4 bytes */
static mp_obj_t py_seal(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t keys = arg_keys(args[2], MP_BUFFER_READ), salt = arg_read(args[3]), name = arg_read(args[4]);
    arg_buffer_t value = arg_read(args[5]), out = arg_write(args[6]);
    ks_crypto_t crypto;
    if (salt.size != 4) {
        checked(CB_ERANGE);
    }
    make_crypto(&crypto, args);
    return result_int(ks_seal(&crypto, keys.data, cb_le32(salt.data), name.data, name.size, value.data,
        value.size, out.data, out.size));
}
CB_FUNCTION(seal, 7);

/* unseal(aes, hmac, keys, name, data, n) */
static mp_obj_t py_unseal(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t keys = arg_keys(args[2], MP_BUFFER_READ), name = arg_read(args[3]), data = arg_write(args[4]);
    int32_t n = arg_int(args[5]);
    ks_crypto_t crypto;
    if (!cb_fits(data.size, 0, n)) {
        checked(CB_ERANGE);
    }
    make_crypto(&crypto, args);
    return result_int(ks_unseal(&crypto, keys.data, name.data, name.size, data.data, (uint32_t)n));
}
CB_FUNCTION(unseal, 6);

/* seal_salt(state, device, out): the 4 bytes for seal() of the value that is put next */
static mp_obj_t py_seal_salt(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    arg_buffer_t out = arg_write(args[2]);
    if (out.size < 4) {
        checked(CB_ERANGE);
    }
    ks_flash_t flash;
    ks_t *s = attach(args, &flash);
    cb_put_le32(out.data, ks_seal_salt(s));
    return detach(s, 0);
}
CB_FUNCTION(seal_salt, 3);

/* Everything the Python module contains. */
#define KEYSTORE_EXPORTS(FUNCTION, INTEGER) \
    FUNCTION(MP_QSTR_state_size, state_size_obj) \
    FUNCTION(MP_QSTR_record_size, record_size_obj) \
    FUNCTION(MP_QSTR_open, open_obj) \
    FUNCTION(MP_QSTR_get, get_obj) \
    FUNCTION(MP_QSTR_key, key_obj) \
    FUNCTION(MP_QSTR_put, put_obj) \
    FUNCTION(MP_QSTR_delete, delete_obj) \
    FUNCTION(MP_QSTR_begin, begin_obj) \
    FUNCTION(MP_QSTR_commit, commit_obj) \
    FUNCTION(MP_QSTR_abort, abort_obj) \
    FUNCTION(MP_QSTR_maintain, maintain_obj) \
    FUNCTION(MP_QSTR_erase_all, erase_all_obj) \
    FUNCTION(MP_QSTR_stats, stats_obj) \
    FUNCTION(MP_QSTR_seal_keys, seal_keys_obj) \
    FUNCTION(MP_QSTR_seal_salt, seal_salt_obj) \
    FUNCTION(MP_QSTR_seal, seal_obj) \
    FUNCTION(MP_QSTR_unseal, unseal_obj) \
    INTEGER(MP_QSTR_KS_VERSION, KS_VERSION) \
    INTEGER(MP_QSTR_KS_SECTOR, KS_SECTOR) \
    INTEGER(MP_QSTR_KS_SIZE, KS_SIZE) \
    INTEGER(MP_QSTR_KS_NAME_MAX, KS_NAME_MAX) \
    INTEGER(MP_QSTR_KS_VALUE_MAX, KS_VALUE_MAX) \
    INTEGER(MP_QSTR_KS_STORED_MAX, KS_STORED_MAX) \
    INTEGER(MP_QSTR_KS_UNIT_MAX, KS_UNIT_MAX) \
    INTEGER(MP_QSTR_KS_HEADER, KS_HEADER) \
    INTEGER(MP_QSTR_KS_KEYS_MAX, KS_KEYS_MAX) \
    INTEGER(MP_QSTR_KS_PER_KEY, KS_PER_KEY) \
    INTEGER(MP_QSTR_KS_EMPTY, KS_EMPTY) \
    INTEGER(MP_QSTR_KS_ENOTFOUND, KS_ENOTFOUND) \
    INTEGER(MP_QSTR_KS_EFULL, KS_EFULL) \
    INTEGER(MP_QSTR_KS_ENAME, KS_ENAME) \
    INTEGER(MP_QSTR_KS_EVALUE, KS_EVALUE) \
    INTEGER(MP_QSTR_KS_ESMALL, KS_ESMALL) \
    INTEGER(MP_QSTR_KS_EKEYS, KS_EKEYS) \
    INTEGER(MP_QSTR_KS_EMAINTAIN, KS_EMAINTAIN) \
    INTEGER(MP_QSTR_KS_EIO, KS_EIO) \
    INTEGER(MP_QSTR_KS_EDAMAGED, KS_EDAMAGED) \
    INTEGER(MP_QSTR_KS_EVERSION, KS_EVERSION) \
    INTEGER(MP_QSTR_KS_EGEOMETRY, KS_EGEOMETRY) \
    INTEGER(MP_QSTR_KS_EORDER, KS_EORDER) \
    INTEGER(MP_QSTR_KS_ECLASH, KS_ECLASH) \
    INTEGER(MP_QSTR_KS_ESEAL, KS_ESEAL) \
    INTEGER(MP_QSTR_KS_ECRYPTO, KS_ECRYPTO) \
    INTEGER(MP_QSTR_KS_SEAL_EXTRA, KS_SEAL_EXTRA) \
    INTEGER(MP_QSTR_KS_SEAL_KEYS, KS_SEAL_KEYS) \
    INTEGER(MP_QSTR_KS_STATS, STATS)
