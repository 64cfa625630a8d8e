/* callboard_keystore as a user C module, linked into the firmware. */
#include "mp_glue.h"
#include "py/objstr.h"

static const MP_DEFINE_STR_OBJ(implementation_obj, "user C module");

static const mp_rom_map_elem_t keystore_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_callboard_keystore) },
    { MP_ROM_QSTR(MP_QSTR_IMPLEMENTATION), MP_ROM_PTR(&implementation_obj) },
    KEYSTORE_EXPORTS(CB_ROW_FUNCTION, CB_ROW_INTEGER)
};
static MP_DEFINE_CONST_DICT(keystore_globals, keystore_globals_table);

const mp_obj_module_t callboard_keystore_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&keystore_globals,
};
MP_REGISTER_MODULE(MP_QSTR_callboard_keystore, callboard_keystore_module);
