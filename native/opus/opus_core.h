/* opus: libopus 1.5.2 in fixed point, in memory of the caller.
 *
 * A state is any byte buffer of encoder_size or decoder_size bytes, a scratch any byte buffer of
 * *_scratch bytes: alignment is made inside, with the bytes the size functions add for it. A scratch holds
 * nothing between calls and may serve every codec of one thread. States stay where they are: a copy at
 * another alignment, or one from another process, is refused.
 *
 * PCM is int16 in the machine's order, at an even address, channels interleaved; its offsets and counts
 * are samples per channel. Packets are bytes. Sizes are bytes.
 *
 * Everything is checked before anything is touched; an error leaves state and output as they were. Only
 * CBO_EBROKEN comes later: the state is then refused until it is initialised again. */
#ifndef CALLBOARD_OPUS_CORE_H
#define CALLBOARD_OPUS_CORE_H

#include "../common/bytes.h"

/* Errors besides CB_ERANGE and CB_ESTATE (common/bytes.h). */
#define CBO_ESCRATCH (-1) /* the scratch is shorter than encoder_scratch / decoder_scratch says */
#define CBO_EALIGN (-2)   /* PCM at an odd address */
#define CBO_EOVERLAP (-3) /* two of the buffers share memory */
#define CBO_EPACKET (-4)  /* no Opus packet (RFC 6716 §3.4) */
#define CBO_EBROKEN (-5)  /* libopus gave up inside the frame; never seen, see README.md */

/* Applications. */
#define CBO_VOIP 2048
#define CBO_AUDIO 2049
#define CBO_LOWDELAY 2051 /* CELT only */

/* What encoder_set and encoder_get know, under libopus' own numbers. */
#define CBO_BITRATE 4002       /* 6000..510000 bit/s, CBO_AUTO, CBO_MAX */
#define CBO_MAX_BANDWIDTH 4004 /* CBO_NARROWBAND..CBO_FULLBAND */
#define CBO_VBR 4006           /* 0, 1 */
#define CBO_BANDWIDTH 4008     /* CBO_NARROWBAND..CBO_FULLBAND, CBO_AUTO */
#define CBO_COMPLEXITY 4010    /* 0..10 */
#define CBO_FEC 4012           /* 0 off, 1 on, 2 on except for music */
#define CBO_LOSS 4014          /* 0..100 %, what FEC reckons with */
#define CBO_DTX 4016           /* 0, 1 */
#define CBO_VBR_CONSTRAINT 4020 /* 0, 1 */
#define CBO_CHANNELS 4022      /* 1..channels coded, CBO_AUTO */
#define CBO_SIGNAL 4024        /* CBO_VOICE, CBO_MUSIC, CBO_AUTO */
#define CBO_LOOKAHEAD 4026     /* encoder_get only: samples by which the decoded signal lags */
#define CBO_IN_DTX 4048        /* encoder_get only: 1 after a frame that need not be sent */

#define CBO_AUTO (-1000)
#define CBO_MAX (-1)
#define CBO_VOICE 3001
#define CBO_MUSIC 3002
#define CBO_NARROWBAND 1101
#define CBO_MEDIUMBAND 1102
#define CBO_WIDEBAND 1103
#define CBO_SUPERWIDEBAND 1104
#define CBO_FULLBAND 1105

/* Modes, as packet_info tells them. */
#define CBO_SILK 0
#define CBO_HYBRID 1
#define CBO_CELT 2

#define CBO_INFO 6         /* entries of packet_info's info */
#define CBO_MAX_PACKET 1276 /* bytes a frame of up to 20 ms can take; three times that up to 60 ms */

/* --- encoder (encoder.c) --- */

/* Bytes of an encoder's state; channels 1 or 2. */
int32_t cbo_encoder_size(int32_t channels);
/* Bytes of scratch that encode needs, at most `complexity` and `n` samples per frame. */
int32_t cbo_encoder_scratch(int32_t rate, int32_t channels, int32_t complexity, int32_t n);
/* rate 8000, 12000, 16000, 24000, 48000 Hz; application CBO_VOIP, CBO_AUDIO, CBO_LOWDELAY. Returns 0. */
int32_t cbo_encoder_init(uint8_t *state, size_t state_size, int32_t rate, int32_t channels,
    int32_t application);
int32_t cbo_encoder_set(uint8_t *state, size_t state_size, int32_t what, int32_t value);
/* The value goes to *value. Returns 0. */
int32_t cbo_encoder_get(uint8_t *state, size_t state_size, int32_t what, int32_t *value);
/* One frame of n samples (2.5, 5, 10, 20, 40 or 60 ms) to out[out_off .. out_off + out_len). Returns the
 * bytes of the packet; with DTX, a packet of up to 2 bytes need not be sent. */
int32_t cbo_encode(uint8_t *state, size_t state_size, uint8_t *scratch, size_t scratch_size,
    const uint8_t *pcm, size_t pcm_size, int32_t pcm_off, int32_t n,
    uint8_t *out, size_t out_size, int32_t out_off, int32_t out_len);

/* --- decoder (decoder.c) --- */

int32_t cbo_decoder_size(int32_t channels);
/* Bytes of scratch that any packet may need. */
int32_t cbo_decoder_scratch(int32_t rate, int32_t channels);
int32_t cbo_decoder_init(uint8_t *state, size_t state_size, int32_t rate, int32_t channels);
/* Decode a packet of up to max_n samples; returns its samples. */
int32_t cbo_decode(uint8_t *state, size_t state_size, uint8_t *scratch, size_t scratch_size,
    const uint8_t *data, size_t data_size, int32_t off, int32_t n,
    uint8_t *pcm, size_t pcm_size, int32_t pcm_off, int32_t max_n);
/* Make the n_pcm samples that were lost right before this packet, from its FEC data as far as they reach,
 * else by concealment. n_pcm: up to 120 ms in steps of 2.5 ms. Returns n_pcm. */
int32_t cbo_decode_fec(uint8_t *state, size_t state_size, uint8_t *scratch, size_t scratch_size,
    const uint8_t *data, size_t data_size, int32_t off, int32_t n,
    uint8_t *pcm, size_t pcm_size, int32_t pcm_off, int32_t n_pcm);
/* Make n_pcm samples for a packet that is lost. Returns n_pcm. */
int32_t cbo_conceal(uint8_t *state, size_t state_size, uint8_t *scratch, size_t scratch_size,
    uint8_t *pcm, size_t pcm_size, int32_t pcm_off, int32_t n_pcm);

/* --- packets (packet.c) --- */

/* Check a packet throughout. Returns its samples per channel at `rate`, or CBO_EPACKET. info, an int32
 * array, becomes [frames, samples per frame, channels, bandwidth, mode, 1 if it carries FEC data]. */
int32_t cbo_packet_info(const uint8_t *data, size_t data_size, int32_t off, int32_t n, int32_t rate,
    uint8_t *info, size_t info_size);

#endif
