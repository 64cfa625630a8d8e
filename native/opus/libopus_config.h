/* The one configuration of libopus, for the host, every .mpy and every firmware alike.
 *
 * The compiler reads this file first (-include) for each source of libopus, whose tree stays as it
 * was fetched. It says three things: what is built (fixed point, no float API), that 64-bit machines
 * calculate exactly as the 32-bit boards do, and where temporary arrays lie (see scratch.h). */
#ifndef CALLBOARD_LIBOPUS_CONFIG_H
#define CALLBOARD_LIBOPUS_CONFIG_H

#define OPUS_BUILD 1
#define FIXED_POINT 1
#define DISABLE_FLOAT_API 1
/* Not exported: a process may hold another libopus (PyAV's, the system's) at the same time. */
#define OPUS_EXPORT

/* Said before the macros below are taken away, so that the C library's headers see the true machine. */
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "opus_types.h"
#include "opus_defines.h"

/* Nothing of libopus allocates: its *_create functions, which nobody here calls, fail. */
#define OVERRIDE_OPUS_ALLOC
#define OVERRIDE_OPUS_REALLOC
#define OVERRIDE_OPUS_FREE
#define OVERRIDE_OPUS_ALLOC_SCRATCH
#define opus_alloc(size) ((void)(size), (void *)0)
#define opus_realloc(ptr, size) ((void)(ptr), (void)(size), (void *)0)
#define opus_free(ptr) ((void)(ptr))

/* arch.h sets OPUS_FAST_INT64 on every LP64 machine. The 64-bit products it selects round in another
 * place than the 32-bit ones, and packets would differ between a desktop and a board. */
#pragma push_macro("__x86_64__")
#pragma push_macro("__LP64__")
#pragma push_macro("_WIN64")
#undef __x86_64__
#undef __LP64__
#undef _WIN64
#include "arch.h"
#pragma pop_macro("_WIN64")
#pragma pop_macro("__LP64__")
#pragma pop_macro("__x86_64__")
#if OPUS_FAST_INT64
#error "libopus would not match the 32-bit boards: OPUS_FAST_INT64 is set"
#endif

/* stack_alloc.h is replaced: its guard is set, its macros are ours. */
#define STACK_ALLOC_H
#define NONTHREADSAFE_PSEUDOSTACK 1
#include "scratch.h"
#include "os_support.h"
#define global_stack callboard_scratch_top
#define VARDECL(type, var) type *var
#define ALLOC(var, size, type) (var = (type *)callboard_scratch_push((size_t)(size) * sizeof(type)))
#define ALLOC_NONE 0
#define SAVE_STACK char *_saved_stack = callboard_scratch_top
#define ALLOC_STACK SAVE_STACK
#define RESTORE_STACK callboard_scratch_pop(_saved_stack)

/* Three large local variables of silk/fixed/encode_frame_FIX.c, and where they are instead (silk_copies.c). */
#define sNSQ_copy (*callboard_silk_first())
#define sNSQ_copy2 (*callboard_silk_second())
#define sNSQ_LBRR (*callboard_silk_first())

#define OPUS_CHECK_ARRAY(ptr, len) 0
#define OPUS_CHECK_VALUE(value) 0
#define OPUS_PRINT_INT(value) do {} while (0)
#define OPUS_FPRINTF (void)

#endif
