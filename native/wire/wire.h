/* wire: the packet work of a call, in place, in memory of the caller.
 *
 * All sizes, offsets and counts are bytes. Arguments are checked first: CB_ERANGE or CB_ESTATE
 * (common/bytes.h) means that nothing was touched. What a *peer* got wrong is not an argument error: it is
 * one of the small negative codes below, because raising an exception per bad packet would allocate.
 * `info` arguments are int32 arrays (array('i') in Python). */
#ifndef CALLBOARD_WIRE_H
#define CALLBOARD_WIRE_H

#include "../common/bytes.h"

/* --- RTP out (rtp_tx.c): RFC 3550 §5.1 with RFC 8285 one-byte header extensions --- */

#define RTP_TX_STATE 36 /* bytes */
#define RTP_MAX_MID 16  /* bytes; what a one-byte header element holds */

/* pt 0..127 but not 64..95 (RFC 5761 §4); level_id and mid_id 1..14, different, or 0 for no such
 * extension; mid 1..16 bytes if mid_id is not 0. */
int32_t rtp_tx_init(uint8_t *state, size_t state_size, int32_t pt, uint32_t ssrc, int32_t seq,
    uint32_t timestamp, int32_t level_id, int32_t mid_id, const uint8_t *mid, size_t mid_size);
/* Bytes of every header of this sender: 12, or 16 to 36 with extensions. */
int32_t rtp_header_size(const uint8_t *state, size_t state_size);
/* Write the header of the next packet at out + off; returns its size. level 0..127 is -dBov (RFC 6464)
 * and voice its V bit, both ignored without the extension. */
int32_t rtp_write(const uint8_t *state, size_t state_size, uint8_t *out, size_t out_size, int32_t off,
    int marker, int32_t level, int voice);
/* One frame of `samples` (0..2^30-1) has passed: the timestamp moves, the sequence number only if it was
 * sent (DTX). Returns 0. */
int32_t rtp_advance(uint8_t *state, size_t state_size, int32_t samples, int sent);
/* The sequence number, timestamp and SSRC of the next packet, to out[0..2]. Returns 0. */
int32_t rtp_tx_peek(const uint8_t *state, size_t state_size, uint32_t *out);

/* --- RTP in (rtp_rx.c) --- */

#define RTP_RX_STATE 96   /* bytes */
#define RTP_INFO 8        /* entries of rtp_parse's info */
#define RTP_STATS 9       /* entries of rtp_rx_stats' out */
#define RTP_MAX_JUMP 3000 /* frames and packets: RFC 3550's MAX_DROPOUT */
#define RTP_ANY_TICK 1    /* as frame_samples: packets of no common duration (video); up to 60 s may pass */

#define RTP_RESET 1       /* accepted, and the stream starts anew at frame 0 */
#define RTP_ESHORT (-1)   /* below 12 bytes */
#define RTP_EVERSION (-2) /* not version 2 */
#define RTP_ERTCP (-3)    /* RTCP: second byte 192..223 (RFC 5761 §4) */
#define RTP_ELENGTH (-4)  /* the CSRC list does not fit */
#define RTP_EEXT (-5)     /* the header extension, or an element of it, does not fit */
#define RTP_EPADDING (-6) /* the padding length is 0 or longer than the payload */
#define RTP_ESSRC (-7)    /* another sender's */
#define RTP_EALIGN (-8)   /* timestamp no whole number of frames from the first */
#define RTP_EJUMP (-9)    /* more than RTP_MAX_JUMP away: wild, or the first packet after a restart */

/* Expect one sender. clock_rate 1..96000 Hz; frame_samples 1..65535 per packet, in clock units;
 * level_id of RFC 6464, 1..14, or 0. */
int32_t rtp_rx_init(uint8_t *state, size_t state_size, uint32_t ssrc, int32_t clock_rate,
    int32_t frame_samples, int32_t level_id);
/* Check the packet buf[off .. off + n) and place it in the stream. Returns 0, RTP_RESET or an RTP_E code.
 *
 * On 0 and RTP_RESET info is [payload offset in buf, payload length, payload type, marker, sequence
 * number, frame index, level in -dBov or -1, voice]. The frame index counts frames from the first packet
 * accepted (0), negative for earlier ones; it stays within +-2^29 (a stream that gets there is re-based).
 * arrival_ms 0..2^30-1 (wrapping) feeds the jitter estimate; -1 if unknown.
 *
 * A bad packet changes nothing. A well-formed one that is misplaced (RTP_EALIGN, RTP_EJUMP) is only
 * remembered: if the very next packet follows it (sequence number + 1, later by 1..3000 whole frames) the
 * sender has restarted, and the stream is re-based there (RTP_RESET). Any packet that fits the running
 * stream clears that memory, so one wild packet never does harm. After more than 3000 frames of silence
 * the first packet is therefore lost. Duplicates are returned like any packet (same frame index). */
int32_t rtp_parse(uint8_t *state, size_t state_size, const uint8_t *buf, size_t buf_size, int32_t off,
    int32_t n, uint8_t *info, size_t info_size, int32_t arrival_ms);
/* Counters since init, clipped to 2^30-1, to out: [received without duplicates, expected, lost,
 * duplicates, reordered, interarrival jitter in clock units (RFC 3550 §6.4.1), resets, sequence number
 * cycles, highest sequence number]. Returns 0. */
int32_t rtp_rx_stats(const uint8_t *state, size_t state_size, uint8_t *out, size_t out_size);

/* --- H.264 in RTP (h264.c): RFC 6184 with packetization mode 1 ---
 *
 * An access unit (a picture) is in Annex B form: NAL units, each behind 00 00 01 or 00 00 00 01. */

#define H264_WALK 4     /* entries of h264_pack's walk */
#define H264_ASSEMBLY 3 /* entries of h264_unpack's assembly */

#define H264_KEY 1 /* kinds of units, or'ed: an IDR picture, where a decoder can begin */
#define H264_SPS 2 /* a sequence parameter set */
#define H264_PPS 4 /* a picture parameter set */

#define H264_EFORMAT (-1) /* no access unit, or no payload, of RFC 6184 mode 1 */
#define H264_EORDER (-2)  /* a piece without its beginning, or a beginning before the last one's end */
#define H264_EFULL (-3)   /* the access unit is larger than `out` */

/* The kinds of units in the access unit buf[off .. off + n), or H264_EFORMAT: it does not begin with a start
 * code, or a unit is empty or of a type that may not stand alone in RTP. */
int32_t h264_look(const uint8_t *buf, size_t buf_size, int32_t off, int32_t n);
/* Write the next payload of an access unit in buf, of at most max (3 or more) bytes, to out + out_off; returns
 * its size, 0 when none is left. `walk` is [next byte, end, 0, 0] at first; when walk[0] == walk[1] this
 * was the last payload, whose packet has the marker bit. The walk's entries put back send it again. */
int32_t h264_pack(const uint8_t *buf, size_t buf_size, uint8_t *walk, size_t walk_size, uint8_t *out,
    size_t out_size, int32_t out_off, int32_t max);
/* Append the payload buf[off .. off + n) to the access unit in out, in Annex B form with long start codes;
 * returns its size by now, or an H264_E code: nothing has changed then but bytes of out behind that size.
 * `assembly` is [size, 1 while a unit is open, kinds of units] and all 0 at first. Takes single units, STAP-A
 * and FU-A. */
int32_t h264_unpack(const uint8_t *buf, size_t buf_size, int32_t off, int32_t n, uint8_t *assembly,
    size_t assembly_size, uint8_t *out, size_t out_size);

/* --- WebSocket frames (websocket.c): RFC 6455 §5 --- */

#define WS_MAX_HEADER 14 /* bytes: headroom that always suffices for ws_frame */
#define WS_INFO 5        /* entries of ws_header's info */
#define WS_MAX_PAYLOAD ((1 << 30) - 1)

#define WS_ERSV (-1)     /* a reserved bit is set */
#define WS_EOPCODE (-2)  /* reserved opcode */
#define WS_ECONTROL (-3) /* control frame fragmented or above 125 bytes */
#define WS_ELENGTH (-4)  /* length not in its shortest form, or 2^30 and more */

/* Write a frame header that ends at payload_off and, with keys, mask the n bytes of payload in place by
 * the 4 bytes at keys + key_off. keys = NULL: a server's frame. Returns where the header starts. Control
 * opcodes (8, 9, 10) need fin and n <= 125; the others are 0, 1, 2. */
int32_t ws_frame(uint8_t *buf, size_t buf_size, int32_t payload_off, int32_t n, int32_t opcode, int fin,
    const uint8_t *keys, size_t keys_size, int32_t key_off);
/* Mask or unmask n bytes in place, beginning with key byte `phase` (0..3); returns the next phase. */
int32_t ws_mask(uint8_t *buf, size_t buf_size, int32_t off, int32_t n, const uint8_t *keys, size_t keys_size,
    int32_t key_off, int32_t phase);
/* Read a frame header from the n bytes at buf + off. Returns its size, 0 if n is too few, or a WS_E code
 * (as soon as it is certain). info is [fin, opcode, masked, payload length, offset of the mask in buf or
 * -1], written only when the result is positive. */
int32_t ws_header(const uint8_t *buf, size_t buf_size, int32_t off, int32_t n, uint8_t *info, size_t info_size);

/* --- frames of the serial line (serial.c): 00 COBS(type, payload, CRC-16) 00, firmware/PROTOCOL.md §9 --- */

#define FRAME_OVERHEAD 6 /* bytes beyond payload + (payload + 3) / 254 */
#define FRAME_MAX_PAYLOAD 4096

#define FRAME_EDAMAGED (-1) /* no frame, or its CRC is wrong */

/* Write the frame of type kind (1..255) with the payload buf[off .. off + n), delimiters included, to the
 * beginning of out, which must not overlap it; returns its size. */
int32_t frame_encode(uint8_t *out, size_t out_size, int32_t kind, const uint8_t *buf, size_t buf_size, int32_t off,
    int32_t n);
/* Decode the first n bytes of buf, what stood between two delimiters, in place: its first byte is the type
 * then, and the payload follows. Returns the payload's size, or FRAME_EDAMAGED: buf is as it was then,
 * unless only type or CRC were wrong. */
int32_t frame_decode(uint8_t *buf, size_t buf_size, int32_t n);
/* Copy to out + out_off from buf[off .. off + n) up to a delimiter or the end of out; returns how many bytes. */
int32_t frame_fill(uint8_t *out, size_t out_size, int32_t out_off, const uint8_t *buf, size_t buf_size, int32_t off,
    int32_t n);

#endif
