/* The checked block for libopus' temporary arrays. */
#include "scratch.h"

CALLBOARD_THREAD_LOCAL char *callboard_scratch_top;
CALLBOARD_THREAD_LOCAL char *callboard_scratch_end;

void *callboard_scratch_push(size_t size) {
    char *start = callboard_scratch_top;
    size = (size + CALLBOARD_SCRATCH_ALIGN - 1) & ~(size_t)(CALLBOARD_SCRATCH_ALIGN - 1);
    if (size > (size_t)(callboard_scratch_end - start)) {
        callboard_scratch_overflow();
    }
    callboard_scratch_top = start + size;
    return start;
}
