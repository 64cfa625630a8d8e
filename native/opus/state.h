/* What encoder.c and decoder.c share: the state's header, and checking the buffers of a call. */
#ifndef CALLBOARD_OPUS_STATE_H
#define CALLBOARD_OPUS_STATE_H

#include "opus_core.h"
#include "scratch.h"

#define STATE_ALIGN 8
#define MAGIC_ENCODER 0x454F4243u /* "CBOE" */
#define MAGIC_DECODER 0x444F4243u /* "CBOD" */
#define MAGIC_BUSY 0x424F4243u    /* inside libopus, or left there by an overflow */

/* Stands at the first aligned address of a state; libopus' own structure follows. */
typedef struct {
    uint32_t magic;
    int32_t rate;
    int32_t channels;
    int32_t complexity;
    /* An address in this very program: libopus' states point to its tables. */
    const void *home;
    /* Bytes skipped before this header. A copy that lies otherwise is not found or not believed. */
    uint32_t shift;
    uint32_t reserved;
} header_t;

/* Buffers of one call, as ranges of memory. */
typedef struct {
    const uint8_t *start;
    size_t size;
} range_t;

extern const uint8_t cbo_home;

/* Bytes from p to the next multiple of STATE_ALIGN. */
static inline size_t cbo_shift(const uint8_t *p) {
    return (STATE_ALIGN - ((uintptr_t)p & (STATE_ALIGN - 1))) & (STATE_ALIGN - 1);
}

static inline int32_t cbo_state_size(int32_t codec_size) {
    return (int32_t)sizeof(header_t) + codec_size + STATE_ALIGN - 1;
}

/* libopus' structure behind the header. */
static inline void *cbo_codec(header_t *header) {
    return header + 1;
}

static inline int cbo_rate_ok(int32_t rate) {
    return rate == 8000 || rate == 12000 || rate == 16000 || rate == 24000 || rate == 48000;
}

static inline int cbo_channels_ok(int32_t channels) {
    return channels == 1 || channels == 2;
}

/* Write a fresh header into a state of at least cbo_state_size(codec_size) bytes. */
header_t *cbo_new_header(uint8_t *state, int32_t rate, int32_t channels);
/* The header of an initialised state, NULL if it is none. The caller checks its size against channels. */
header_t *cbo_find_header(uint8_t *state, size_t state_size, uint32_t magic);
/* 0, CB_ERANGE or CBO_EALIGN for n samples of PCM. */
int32_t cbo_check_pcm(const uint8_t *pcm, size_t pcm_size, int32_t pcm_off, int32_t n, int32_t channels);
/* True if any two of the ranges share memory. */
int cbo_overlap(const range_t *ranges, int count);
/* Lend the scratch to libopus if it has `need` bytes (alignment included). 0 or CBO_ESCRATCH. */
int32_t cbo_check_scratch(size_t scratch_size, int32_t need);
void cbo_lend_scratch(uint8_t *scratch, size_t scratch_size);

#endif
