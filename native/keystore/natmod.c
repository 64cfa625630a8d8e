/* callboard_keystore as a native module (.mpy). */
#include "mp_glue.h"
#include "../common/natmod_libc.h"

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    KEYSTORE_EXPORTS(CB_STORE_FUNCTION, CB_STORE_INTEGER)
    mp_store_global(MP_QSTR_IMPLEMENTATION, mp_obj_new_str("native module", 13));
    MP_DYNRUNTIME_INIT_EXIT
}
