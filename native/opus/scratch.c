/* The checked block for libopus' temporary arrays. */
#include "scratch.h"

CALLBOARD_THREAD_LOCAL char *callboard_scratch_top;
CALLBOARD_THREAD_LOCAL char *callboard_scratch_end;
CALLBOARD_THREAD_LOCAL char *callboard_silk_copies;

#ifdef CALLBOARD_HOST
__thread jmp_buf callboard_scratch_escape;

void callboard_scratch_overflow(void) {
    longjmp(callboard_scratch_escape, 1);
}
#endif

void callboard_scratch_lend(void *block, size_t size) {
#ifdef CALLBOARD_SCRATCH_LIMIT /* bytes: tests/native/test_opus_overflow.py shows what an overflow does */
    size = size < CALLBOARD_SCRATCH_LIMIT ? size : CALLBOARD_SCRATCH_LIMIT;
#endif
    callboard_scratch_top = block;
    callboard_scratch_end = callboard_scratch_top + size;
    callboard_silk_copies = NULL;
}

void *callboard_scratch_push(size_t size) {
    char *start = callboard_scratch_top;
    size_t room = (size_t)(callboard_scratch_end - start);
    size_t rounded = (size + CALLBOARD_SCRATCH_ALIGN - 1) & ~(size_t)(CALLBOARD_SCRATCH_ALIGN - 1);
    if (size > room || rounded > room) {
        callboard_scratch_overflow();
    }
    if (start <= callboard_silk_copies) {
        callboard_silk_copies = NULL;
    }
    callboard_scratch_top = start + rounded;
    return start;
}
