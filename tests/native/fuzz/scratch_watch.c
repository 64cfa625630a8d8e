/* Takes the place of native/opus/scratch.c in the fuzzer: measures how much libopus allocates, forbids it
 * everything else (AddressSanitizer), and can cut the block short to show what an overflow does. */
#include "scratch.h"
#include "scratch_watch.h"

#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#endif

#define MAX_DEPTH 256

CALLBOARD_THREAD_LOCAL char *callboard_scratch_top;
CALLBOARD_THREAD_LOCAL char *callboard_scratch_end;
CALLBOARD_THREAD_LOCAL char *callboard_silk_copies;
__thread jmp_buf callboard_scratch_escape;

size_t scratch_used_most;
size_t scratch_limit = SIZE_MAX;

/* Every allocation that is alive: where it ends, and the bytes in use with it, gaps not counted. */
static struct {
    char *end;
    size_t used;
} alive[MAX_DEPTH];
static int depth;

void callboard_scratch_overflow(void) {
    longjmp(callboard_scratch_escape, 1);
}

void callboard_scratch_lend(void *block, size_t size) {
    callboard_scratch_top = block;
    callboard_scratch_end = callboard_scratch_top + size;
    callboard_silk_copies = NULL;
    depth = 0;
    ASAN_POISON_MEMORY_REGION(block, size);
}

void scratch_give_back(void *block, size_t size) {
    ASAN_UNPOISON_MEMORY_REGION(block, size);
}

void *callboard_scratch_push(size_t size) {
    char *start = callboard_scratch_top + SCRATCH_GAP;
    size_t rounded = (size + CALLBOARD_SCRATCH_ALIGN - 1) & ~(size_t)(CALLBOARD_SCRATCH_ALIGN - 1);
    size_t used = rounded + (depth ? alive[depth - 1].used : 0);
    if (size > PTRDIFF_MAX || used > scratch_limit
        || rounded > (size_t)(callboard_scratch_end - callboard_scratch_top) - SCRATCH_GAP) {
        callboard_scratch_overflow();
    }
    if (depth == MAX_DEPTH) {
        abort();
    }
    ASAN_UNPOISON_MEMORY_REGION(start, size);
    if (start <= callboard_silk_copies) {
        callboard_silk_copies = NULL;
    }
    callboard_scratch_top = start + rounded;
    alive[depth].end = callboard_scratch_top;
    alive[depth].used = used;
    depth++;
    if (used > scratch_used_most) {
        scratch_used_most = used;
    }
    return start;
}

void callboard_scratch_pop(char *saved) {
    ASAN_POISON_MEMORY_REGION(saved, (size_t)(callboard_scratch_top - saved));
    while (depth > 0 && alive[depth - 1].end > saved) {
        depth--;
    }
    callboard_scratch_top = saved;
}
