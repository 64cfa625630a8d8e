/* What only the Python glue needs: a state that was kept in Python, and a driver made anew for each call. */
#include "internal.h"

int32_t ks_attach(ks_t *s, size_t state_size, const ks_flash_t *flash) {
    if (((uintptr_t)s & (sizeof(void *) - 1)) != 0 || state_size < sizeof *s || s->magic != MAGIC || s->flash
        || state_size < sizeof *s + s->width + (size_t)KS_PER_KEY * s->capacity) {
        return CB_ESTATE;
    }
    s->flash = flash;
    return 0;
}

void ks_detach(ks_t *s) {
    s->flash = NULL;
}
