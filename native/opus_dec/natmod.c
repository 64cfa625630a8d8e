/* callboard_opus_dec: the decoder half of callboard_opus, for a board that only listens. */
#include "../opus/mp_decoder.h"
#include "../common/natmod_libc.h"

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    OPUS_DECODER_EXPORTS(CB_STORE_FUNCTION, CB_STORE_INTEGER)
    OPUS_SHARED_EXPORTS(CB_STORE_FUNCTION, CB_STORE_INTEGER)
    OPUS_STORE_IMPLEMENTATION();
    MP_DYNRUNTIME_INIT_EXIT
}
