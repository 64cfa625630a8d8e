/* The checked block for libopus' temporary arrays. */
#include "scratch.h"

CALLBOARD_THREAD_LOCAL char *callboard_scratch_top;
CALLBOARD_THREAD_LOCAL char *callboard_scratch_end;

#ifdef CALLBOARD_HOST
CALLBOARD_THREAD_LOCAL jmp_buf callboard_scratch_escape;

void callboard_scratch_overflow(void) {
    longjmp(callboard_scratch_escape, 1);
}
#endif

#ifndef CALLBOARD_SCRATCH_WATCH

void callboard_scratch_lend(void *block, size_t size) {
    callboard_scratch_top = block;
    callboard_scratch_end = callboard_scratch_top + size;
}

void *callboard_scratch_push(size_t size) {
    char *start = callboard_scratch_top;
    size_t room = (size_t)(callboard_scratch_end - start);
    size_t rounded = (size + CALLBOARD_SCRATCH_ALIGN - 1) & ~(size_t)(CALLBOARD_SCRATCH_ALIGN - 1);
    if (size > room || rounded > room) {
        callboard_scratch_overflow();
    }
    callboard_scratch_top = start + rounded;
    return start;
}

#else /* the same, with a gap around every array where AddressSanitizer is at work */

#if defined(__SANITIZE_ADDRESS__) || (defined(__has_feature) && __has_feature(address_sanitizer))
#include <sanitizer/asan_interface.h>
#define GAP 16
#else
#define ASAN_POISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#define GAP 0
#endif

CALLBOARD_THREAD_LOCAL size_t callboard_scratch_high;
static CALLBOARD_THREAD_LOCAL char *block_start;
static CALLBOARD_THREAD_LOCAL size_t gaps;
