/* The binary logarithm that levels are made of. */
#ifndef CALLBOARD_PCM_LOGARITHM_H
#define CALLBOARD_PCM_LOGARITHM_H

#include <stdint.h>

/* log2(v) in Q12, rounded down, for v >= 1 (level.c). */
int32_t pcm_log2_q12(uint64_t v);

#endif
