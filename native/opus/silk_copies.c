/* Where libopus' SILK encoder keeps copies of its noise shaper while it tries gains: in the lent scratch.
 *
 * It declares three of them, 4.3 kB each, as local variables, and a board's whole C stack has 8 kB (rp2). Macros of
 * libopus_config.h turn each declaration into that of a function below, and each use into a call of it.
 * The copy for redundant frames (LBRR) is done with before the first of the other two is made. */
#include "structs.h"
#include "scratch.h"

typedef char copy_fits[sizeof(silk_nsq_state) <= CALLBOARD_SILK_COPY ? 1 : -1];

/* The linker of native modules wants its variables visible; libopus is compiled with hidden ones. */
#ifndef CALLBOARD_HOST
__attribute__((visibility("default")))
#endif
CALLBOARD_THREAD_LOCAL char *callboard_silk_copies;

void callboard_silk_lend(void *block) {
    callboard_silk_copies = block;
}

silk_nsq_state *callboard_silk_first(void) {
    return (silk_nsq_state *)(void *)callboard_silk_copies;
}

silk_nsq_state *callboard_silk_second(void) {
    return (silk_nsq_state *)(void *)(callboard_silk_copies + CALLBOARD_SILK_COPY);
}
