/* callboard_pcm as a user C module, linked into the firmware. */
#include "mp_glue.h"
#include "py/objstr.h"

static const MP_DEFINE_STR_OBJ(implementation_obj, "user C module");

static const mp_rom_map_elem_t pcm_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_callboard_pcm) },
    { MP_ROM_QSTR(MP_QSTR_IMPLEMENTATION), MP_ROM_PTR(&implementation_obj) },
    PCM_EXPORTS(CB_ROW_FUNCTION, CB_ROW_INTEGER)
};
static MP_DEFINE_CONST_DICT(pcm_globals, pcm_globals_table);

const mp_obj_module_t callboard_pcm_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&pcm_globals,
};
MP_REGISTER_MODULE(MP_QSTR_callboard_pcm, callboard_pcm_module);
