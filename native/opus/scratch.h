/* Where libopus keeps its temporary arrays: one block lent by the caller, with a checked end.
 *
 * libopus' own "pseudostack" writes past the end of the block without a word. Here every allocation is
 * compared with the end, and one that does not fit leaves libopus through callboard_scratch_overflow,
 * which the glue provides and which does not return: nlr_raise on MicroPython, longjmp on the host. */
#ifndef CALLBOARD_SCRATCH_H
#define CALLBOARD_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

/* Host programs have threads and cffi releases the GIL; boards have one. Set by the host's build. */
#ifndef CALLBOARD_THREAD_LOCAL
#define CALLBOARD_THREAD_LOCAL
#endif

/* Every array starts at a multiple of this and takes a multiple of it: sizes are alike everywhere. */
#define CALLBOARD_SCRATCH_ALIGN 8

extern CALLBOARD_THREAD_LOCAL char *callboard_scratch_top;
extern CALLBOARD_THREAD_LOCAL char *callboard_scratch_end;

void *callboard_scratch_push(size_t size);
__attribute__((noreturn)) void callboard_scratch_overflow(void);

#ifdef CALLBOARD_SCRATCH_HOOKS /* measuring and AddressSanitizer builds: tests/native/opus */
void callboard_scratch_pop(char *saved);
#else
#define callboard_scratch_pop(saved) (callboard_scratch_top = (saved))
#endif

#endif
