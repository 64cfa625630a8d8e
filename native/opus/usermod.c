/* callboard_opus as a user C module, linked into the firmware. */
#include "mp_encoder.h"
#include "mp_decoder.h"
#include "py/objstr.h"

static const MP_DEFINE_STR_OBJ(implementation_obj, "user C module");

static const mp_rom_map_elem_t opus_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_callboard_opus) },
    { MP_ROM_QSTR(MP_QSTR_IMPLEMENTATION), MP_ROM_PTR(&implementation_obj) },
    OPUS_ENCODER_EXPORTS(CB_ROW_FUNCTION, CB_ROW_INTEGER)
    OPUS_DECODER_EXPORTS(CB_ROW_FUNCTION, CB_ROW_INTEGER)
    OPUS_SHARED_EXPORTS(CB_ROW_FUNCTION, CB_ROW_INTEGER)
};
static MP_DEFINE_CONST_DICT(opus_globals, opus_globals_table);

const mp_obj_module_t callboard_opus_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&opus_globals,
};
MP_REGISTER_MODULE(MP_QSTR_callboard_opus, callboard_opus_module);
