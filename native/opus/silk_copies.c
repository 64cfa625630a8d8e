/* Where libopus' SILK encoder keeps copies of its noise shaper while it tries gains: in the scratch.
 *
 * It declares three of them, 4.3 kB each, as local variables, and a board's whole C stack has 8 kB (rp2). Macros of
 * libopus_config.h turn each declaration into that of a function below, and each use into a call of it.
 * The copy for redundant frames (LBRR) is done with before the first of the other two is made. The first
 * use within a frame allocates both; libopus gives them back with the frame's other arrays. */
#include "structs.h"
#include "scratch.h"

typedef char copy_fits[sizeof(silk_nsq_state) <= CALLBOARD_SILK_COPY ? 1 : -1];

static char *copies(void) {
    if (!callboard_silk_copies || callboard_scratch_top < callboard_silk_copies + CALLBOARD_SILK_COPIES) {
        callboard_silk_copies = callboard_scratch_push(CALLBOARD_SILK_COPIES);
    }
    return callboard_silk_copies;
}

silk_nsq_state *callboard_silk_first(void) {
    return (silk_nsq_state *)(void *)copies();
}

silk_nsq_state *callboard_silk_second(void) {
    return (silk_nsq_state *)(void *)(copies() + CALLBOARD_SILK_COPY);
}
