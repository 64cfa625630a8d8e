/* Where libopus keeps its temporary arrays: one block lent by the caller, with a checked end.
 *
 * libopus' own "pseudostack" writes past the end of its block without a word. Here every allocation is
 * compared with the end, and one that does not fit leaves libopus through callboard_scratch_overflow,
 * which does not return: nlr_raise on MicroPython (the glue has it), longjmp on the host (scratch.c). */
#ifndef CALLBOARD_SCRATCH_H
#define CALLBOARD_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef CALLBOARD_HOST
/* Host programs have threads, and cffi releases the GIL. */
#include <setjmp.h>
#ifdef __GLIBC__
/* Two pointers of the space that glibc keeps for this: without it each access is a function call, and
 * encoding takes 10 % longer. */
#define CALLBOARD_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))
#else
#define CALLBOARD_THREAD_LOCAL __thread
#endif
extern __thread jmp_buf callboard_scratch_escape;
/* 0 at first; true when libopus was left because the block was full. */
#define CALLBOARD_SCRATCH_LEFT() (_setjmp(callboard_scratch_escape))
#else
#define CALLBOARD_THREAD_LOCAL
#define CALLBOARD_SCRATCH_LEFT() 0
#endif

/* Every array starts at a multiple of this and takes a multiple of it, so that needs are alike everywhere. */
#define CALLBOARD_SCRATCH_ALIGN 8

extern CALLBOARD_THREAD_LOCAL char *callboard_scratch_top;
extern CALLBOARD_THREAD_LOCAL char *callboard_scratch_end;

/* Lend an aligned block until the next lend. */
void callboard_scratch_lend(void *block, size_t size);
void *callboard_scratch_push(size_t size);
__attribute__((noreturn)) void callboard_scratch_overflow(void);

/* The SILK encoder's copies of its noise shaper (silk_copies.c), an array like any other while they are in
 * use. Where they lie, or NULL: an array that begins at or before them shows that they were given back. */
#define CALLBOARD_SILK_COPY 4352
#define CALLBOARD_SILK_COPIES (2 * CALLBOARD_SILK_COPY)
extern CALLBOARD_THREAD_LOCAL char *callboard_silk_copies;

#ifdef CALLBOARD_SCRATCH_WATCH /* tests/native/fuzz has a scratch.c of its own */
void callboard_scratch_pop(char *saved);
#else
#define callboard_scratch_pop(saved) (callboard_scratch_top = (saved))
#endif

#endif
