/* Voice-switched ducking: the microphone is turned down while it hears the speaker.
 *
 * From what the speaker played (the reference, aligned in time with the capture: sample i of both is
 * the same moment) the echo in the microphone is predicted: the reference's level, held for the
 * acoustic delay and decaying like the room, times the gain of the echo path; both are learnt. The
 * microphone is attenuated as far as that echo needs, and let through when it is clearly louder than
 * the echo: then somebody is speaking here. duck.c tells how; all in integers, the same everywhere.
 *
 * Works in blocks of 5 ms. Offsets and counts are samples, sizes bytes; error codes as in pcm.h. */
#ifndef CALLBOARD_PCM_DUCK_H
#define CALLBOARD_PCM_DUCK_H

#include "../common/bytes.h"

#define PCM_DUCK_STATE 220 /* bytes */

/* Parameters of pcm_duck_set: (lowest..highest, default) and unit. */
#define PCM_DUCK_RETURN_DB 0   /* (20..80, 60) dB: the echo is returned this far below what was played */
#define PCM_DUCK_DEPTH_DB 1    /* (0..80, 70) dB: it never attenuates more than this; 0 switches it off */
#define PCM_DUCK_ATTACK_MS 2   /* (1..5, 4) ms: how fast the gain falls; it rises within 5 ms or slower */
#define PCM_DUCK_HANG_MS 3     /* (0..200, 80) ms: how long echo may follow sound undiminished */
#define PCM_DUCK_DECAY_DB_S 4  /* (20..150, 95) dB/s: how fast it decays after that (60 / RT60), at first;
                                  then 19 to 150 are learnt; setting it begins to learn anew */
#define PCM_DUCK_BALANCE_DB 5  /* (0..40, 6) dB: the near voice begins to pass when it exceeds the
                                  expected echo by this; less favours the near end, more the far end */
#define PCM_DUCK_OPENING_DB 6  /* (1..40, 4) dB: and passes unchanged when it exceeds it by this more */
#define PCM_DUCK_NEAR_MS 7     /* (0..1000, 250) ms: it stays open so long between words, and then
                                  closes in the same time */
#define PCM_DUCK_FLOOR_DBOV 8  /* (-90..-30, -78) dBov: echo expected below this is left alone */
#define PCM_DUCK_START_DB 9    /* (-60..20, 10) dB: echo path gain assumed at first; setting it begins
                                  to learn anew */
/* For pcm_duck_get only. */
#define PCM_DUCK_PATH_DB 10    /* (-60..20) dB: the echo path's gain as learnt, rounded down */
#define PCM_DUCK_GAIN_Q12 11   /* (0..4096): the gain at the end of the last call */
#define PCM_DUCK_NEAR 12       /* (0..256): how far a near voice has opened it against the echo */

/* Begin: rate 8000, 16000 or 48000 Hz, default parameters, gain 1. Returns 0. */
int32_t pcm_duck_init(uint8_t *state, size_t state_size, int32_t rate);
/* Set a parameter. CB_ERANGE for a read-only or unknown one, or a value outside its limits. Returns 0. */
int32_t pcm_duck_set(uint8_t *state, size_t state_size, int32_t parameter, int32_t value);
/* The value of a parameter. */
int32_t pcm_duck_get(const uint8_t *state, size_t state_size, int32_t parameter);
/* Attenuate n samples of capture in place; n is a multiple of rate / 200 (5 ms). Without echo to be
 * expected they stay as they are, to the bit. Returns the gain at the end in Q12, 0..4096. */
int32_t pcm_duck(uint8_t *state, size_t state_size, uint8_t *capture, size_t capture_size, int32_t capture_off,
    const uint8_t *reference, size_t reference_size, int32_t reference_off, int32_t n);

#endif
