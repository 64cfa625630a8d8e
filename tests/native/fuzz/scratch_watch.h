/* What scratch_watch.c tells the fuzz target. */
#ifndef SCRATCH_WATCH_H
#define SCRATCH_WATCH_H

#include <stddef.h>

/* Between two arrays, so that running over the end of one is noticed. */
#define SCRATCH_GAP 16
/* What the gaps add to the need of one call at most. */
#define SCRATCH_GAPS 4096

extern size_t scratch_used_most; /* bytes, gaps not counted; may be set back to 0 */
extern size_t scratch_limit;     /* bytes after which a push overflows; SIZE_MAX normally */

/* After a call: the block is ordinary memory again. */
void scratch_give_back(void *block, size_t size);

#endif
