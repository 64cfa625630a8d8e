/* The receiving side of RTP: is this packet well formed, is it ours, which frame of the stream is it. */
#include "wire.h"

#include <string.h>

#define MAGIC 0x31525752u /* "RWR1" */
#define FIXED_HEADER 12
#define ONE_BYTE_PROFILE 0xBEDEu /* RFC 8285 §4.2 */
#define STOP_ELEMENT_ID 15
#define MAX_CLOCK_RATE 96000
#define MAX_FRAME_SAMPLES 65535
#define MAX_INDEX (1 << 29)
#define MAX_COUNT ((1u << 30) - 1)
#define NO_ARRIVAL 0xFFFFFFFFu
#define ARRIVAL_MASK ((1 << 30) - 1)
#define MAX_PAUSE_S 60 /* with RTP_ANY_TICK: as long as RTP_MAX_JUMP frames of 20 ms */
#define MAX_PAUSE_MS 15000 /* between two packets that the jitter estimate compares */

/* The state, as it lies in the caller's bytes (all targets are little-endian). */
typedef struct {
    uint32_t magic, ssrc, clock_rate, frame_samples, level_id;
    uint32_t started;
    uint32_t newest_ts;       /* timestamp and frame index of the newest frame */
    int32_t newest_index;
    uint32_t base_seq;        /* extended sequence numbers, modulo 2^32 */
    uint32_t highest_seq;
    uint64_t seen;            /* bit i: highest_seq - i was received */
    uint32_t received, expected_before, duplicates, reordered, resets;
    uint32_t jitter_q4, last_arrival, last_ts;
    uint32_t has_candidate, candidate_seq, candidate_ts; /* the misplaced packet just before */
    uint32_t spare;
} rx_t;

typedef char rx_size_is_as_announced[sizeof(rx_t) == RTP_RX_STATE ? 1 : -1];

/* What one packet says. */
typedef struct {
    int32_t payload_off, payload_len; /* from the start of the packet */
    int32_t pt, marker, seq, level, voice;
    uint32_t timestamp, ssrc;
} packet_t;

static int load(rx_t *rx, const uint8_t *state, size_t state_size) {
    if (state_size < sizeof *rx) {
        return 0;
    }
    memcpy(rx, state, sizeof *rx);
    return rx->magic == MAGIC && rx->frame_samples >= 1 && rx->frame_samples <= MAX_FRAME_SAMPLES
        && rx->clock_rate >= 1 && rx->clock_rate <= MAX_CLOCK_RATE
        && rx->newest_index <= MAX_INDEX && rx->newest_index >= -MAX_INDEX;
}

int32_t rtp_rx_init(uint8_t *state, size_t state_size, uint32_t ssrc, int32_t clock_rate,
    int32_t frame_samples, int32_t level_id) {
    if (state_size < sizeof(rx_t)) {
        return CB_ESTATE;
    }
    if (clock_rate < 1 || clock_rate > MAX_CLOCK_RATE || frame_samples < 1
        || frame_samples > MAX_FRAME_SAMPLES || level_id < 0 || level_id > 14) {
        return CB_ERANGE;
    }
    rx_t rx;
    memset(&rx, 0, sizeof rx);
    rx.magic = MAGIC;
    rx.ssrc = ssrc;
    rx.clock_rate = (uint32_t)clock_rate;
    rx.frame_samples = (uint32_t)frame_samples;
    rx.level_id = (uint32_t)level_id;
    rx.last_arrival = NO_ARRIVAL;
    memcpy(state, &rx, sizeof rx);
    return 0;
}

/* --- one packet by itself --- */

/* Walk the one-byte elements p[0 .. size) for the audio level. 0 or RTP_EEXT. */
static int32_t read_elements(const uint8_t *p, int32_t size, uint32_t level_id, packet_t *packet) {
    for (int32_t at = 0; at < size;) {
        uint32_t id = p[at] >> 4;
        int32_t length = (p[at] & 15) + 1;
        if (p[at] == 0) { /* padding */
            at++;
            continue;
        }
        if (id == 0 || id == STOP_ELEMENT_ID) { /* RFC 8285 §4.2: ignore the rest */
            return 0;
        }
        if (at + 1 + length > size) {
            return RTP_EEXT;
        }
        if (id == level_id && length == 1) {
            packet->level = p[at + 1] & 127;
            packet->voice = p[at + 1] >> 7;
        }
        at += 1 + length;
    }
    return 0;
}

/* Step over the extension that begins at packet->payload_off. 0 or RTP_EEXT. */
static int32_t read_extension(const uint8_t *p, int32_t n, uint32_t level_id, packet_t *packet) {
    int32_t at = packet->payload_off;
    if (n - at < 4) {
        return RTP_EEXT;
    }
    int32_t size = 4 * cb_be16(p + at + 2);
    if (n - at - 4 < size) {
        return RTP_EEXT;
    }
    packet->payload_off = at + 4 + size;
    return cb_be16(p + at) == ONE_BYTE_PROFILE ? read_elements(p + at + 4, size, level_id, packet) : 0;
}

/* Take the padding off the end. 0 or RTP_EPADDING. */
static int32_t read_padding(const uint8_t *p, int32_t n, packet_t *packet) {
    int32_t padding = packet->payload_len > 0 ? p[n - 1] : 0;
    if (padding == 0 || padding > packet->payload_len) {
        return RTP_EPADDING;
    }
    packet->payload_len -= padding;
    return 0;
}

/* Everything about the packet p[0 .. n) that needs no history. 0 or an RTP_E code. */
static int32_t read_packet(const uint8_t *p, int32_t n, uint32_t level_id, packet_t *packet) {
    if (n < 2) {
        return RTP_ESHORT;
    }
    if (p[0] >> 6 != 2) {
        return RTP_EVERSION;
    }
    if (p[1] >= 192 && p[1] <= 223) {
        return RTP_ERTCP;
    }
    if (n < FIXED_HEADER) {
        return RTP_ESHORT;
    }
    packet->marker = p[1] >> 7;
    packet->pt = p[1] & 127;
    packet->seq = cb_be16(p + 2);
    packet->timestamp = cb_be32(p + 4);
    packet->ssrc = cb_be32(p + 8);
    packet->level = -1;
    packet->voice = 0;
    packet->payload_off = FIXED_HEADER + 4 * (p[0] & 15);
    if (packet->payload_off > n) {
        return RTP_ELENGTH;
    }
    int32_t error = p[0] & 0x10 ? read_extension(p, n, level_id, packet) : 0;
    packet->payload_len = n - packet->payload_off;
    if (error == 0 && p[0] & 0x20) {
        error = read_padding(p, n, packet);
    }
    return error;
}

/* --- its place in the stream --- */

/* Make this packet frame 0 of a (new) stream. */
static void rebase(rx_t *rx, const packet_t *packet) {
    if (rx->started) {
        rx->expected_before += rx->highest_seq - rx->base_seq + 1;
        rx->resets++;
    }
    rx->started = 1;
    rx->has_candidate = 0;
    rx->newest_ts = packet->timestamp;
    rx->newest_index = 0;
    rx->base_seq = rx->highest_seq = (uint32_t)packet->seq;
    rx->seen = 1;
    rx->received++;
    rx->last_arrival = NO_ARRIVAL;
}

/* Units of the clock by which a packet of the running stream may be away. */
static int32_t max_ahead(const rx_t *rx) {
    return rx->frame_samples == RTP_ANY_TICK ? MAX_PAUSE_S * (int32_t)rx->clock_rate
                                             : RTP_MAX_JUMP * (int32_t)rx->frame_samples;
}

/* Frames from the newest frame to this timestamp; RTP_EJUMP and RTP_EALIGN go to *error. */
static int32_t frames_ahead(const rx_t *rx, uint32_t timestamp, int32_t *error) {
    int32_t frame = (int32_t)rx->frame_samples;
    int32_t ahead = (int32_t)(timestamp - rx->newest_ts);
    if (ahead > max_ahead(rx) || ahead < -max_ahead(rx)) {
        *error = RTP_EJUMP;
    } else if (ahead % frame != 0) {
        *error = RTP_EALIGN;
    }
    return ahead / frame;
}

/* True if this packet follows the misplaced one before it like the next of a restarted stream. */
static int confirms_restart(const rx_t *rx, const packet_t *packet) {
    uint32_t later = packet->timestamp - rx->candidate_ts;
    return rx->has_candidate && (uint32_t)packet->seq == ((rx->candidate_seq + 1) & 0xFFFF)
        && later >= 1 && later <= (uint32_t)max_ahead(rx) && later % rx->frame_samples == 0;
}

static int32_t misplaced(rx_t *rx, const packet_t *packet, int32_t error) {
    if (confirms_restart(rx, packet)) {
        rebase(rx, packet);
        return RTP_RESET;
    }
    rx->has_candidate = 1;
    rx->candidate_seq = (uint32_t)packet->seq;
    rx->candidate_ts = packet->timestamp;
    return error;
}

/* Count the packet `ahead` (-3000..3000) of the highest sequence number. True if it is a duplicate. */
static int count(rx_t *rx, int32_t ahead) {
    uint32_t seq = rx->highest_seq + (uint32_t)ahead;
    if (ahead > 0) {
        rx->highest_seq = seq;
        rx->seen = (ahead < 64 ? rx->seen << ahead : 0) | 1;
    } else {
        uint64_t bit = ahead > -64 ? (uint64_t)1 << -ahead : 0; /* older ones are not remembered */
        if (rx->seen & bit) {
            rx->duplicates++;
            return 1;
        }
        rx->seen |= bit;
        rx->reordered++;
        if ((int32_t)(seq - rx->base_seq) < 0) {
            rx->base_seq = seq;
        }
    }
    rx->received++;
    return 0;
}

/* RFC 3550 §6.4.1 and A.8. */
static void update_jitter(rx_t *rx, uint32_t timestamp, int32_t arrival_ms) {
    int32_t pause_ms = (int32_t)(((uint32_t)arrival_ms - rx->last_arrival) & ARRIVAL_MASK);
    if (rx->last_arrival != NO_ARRIVAL && pause_ms <= MAX_PAUSE_MS) {
        uint32_t rate = rx->clock_rate;
        uint32_t off = (uint32_t)pause_ms * rate / 1000 - (timestamp - rx->last_ts);
        off = off > INT32_MAX ? 0 - off : off; /* its magnitude, for differences of half the range, too */
        off = off < rate ? off : rate;
        rx->jitter_q4 += off - ((rx->jitter_q4 + 8) >> 4);
    }
    rx->last_arrival = (uint32_t)arrival_ms;
    rx->last_ts = timestamp;
}

/* Place a packet of our sender. 0, RTP_RESET, RTP_EALIGN or RTP_EJUMP; the frame index to *index. */
static int32_t place(rx_t *rx, const packet_t *packet, int32_t arrival_ms, int32_t *index) {
    int32_t result = 0, duplicate = 0;
    *index = 0;
    if (!rx->started) {
        rebase(rx, packet);
    } else {
        int32_t seq_ahead = (int16_t)((uint32_t)packet->seq - rx->highest_seq);
        int32_t ahead = frames_ahead(rx, packet->timestamp, &result);
        *index = rx->newest_index + ahead;
        if (seq_ahead > RTP_MAX_JUMP || seq_ahead < -RTP_MAX_JUMP
            || *index > MAX_INDEX || *index < -MAX_INDEX) {
            result = RTP_EJUMP;
        }
        if (result < 0) {
            result = misplaced(rx, packet, result);
            *index = 0;
        } else {
            rx->has_candidate = 0;
            duplicate = count(rx, seq_ahead);
            if (ahead > 0) {
                rx->newest_ts = packet->timestamp;
                rx->newest_index = *index;
            }
        }
    }
    if (result >= 0 && !duplicate && arrival_ms >= 0) {
        update_jitter(rx, packet->timestamp, arrival_ms);
    }
    return result;
}

int32_t rtp_parse(uint8_t *state, size_t state_size, const uint8_t *buf, size_t buf_size, int32_t off,
    int32_t n, uint8_t *info, size_t info_size, int32_t arrival_ms) {
    rx_t rx;
    packet_t packet;
    if (!load(&rx, state, state_size)) {
        return CB_ESTATE;
    }
    if (!cb_fits(buf_size, off, n) || info_size < 4 * RTP_INFO
        || arrival_ms < -1 || arrival_ms > ARRIVAL_MASK) {
        return CB_ERANGE;
    }
    int32_t result = read_packet(buf + off, n, rx.level_id, &packet);
    if (result < 0) {
        return result;
    }
    if (packet.ssrc != rx.ssrc) {
        return RTP_ESSRC;
    }
    int32_t index;
    result = place(&rx, &packet, arrival_ms, &index);
    memcpy(state, &rx, sizeof rx);
    if (result >= 0) {
        int32_t values[RTP_INFO] = { off + packet.payload_off, packet.payload_len, packet.pt,
            packet.marker, packet.seq, index, packet.level, packet.voice };
        memcpy(info, values, sizeof values);
    }
    return result;
}

static int32_t clipped(uint32_t count) {
    return (int32_t)(count < MAX_COUNT ? count : MAX_COUNT);
}

int32_t rtp_rx_stats(const uint8_t *state, size_t state_size, uint8_t *out, size_t out_size) {
    rx_t rx;
    if (!load(&rx, state, state_size)) {
        return CB_ESTATE;
    }
    if (out_size < 4 * RTP_STATS) {
        return CB_ERANGE;
    }
    uint32_t expected = rx.expected_before + (rx.started ? rx.highest_seq - rx.base_seq + 1 : 0);
    uint32_t lost = expected > rx.received ? expected - rx.received : 0;
    int32_t values[RTP_STATS] = { clipped(rx.received), clipped(expected), clipped(lost),
        clipped(rx.duplicates), clipped(rx.reordered), clipped(rx.jitter_q4 >> 4), clipped(rx.resets),
        (int32_t)(rx.highest_seq >> 16), (int32_t)(rx.highest_seq & 0xFFFF) };
    memcpy(out, values, sizeof values);
    return 0;
}
