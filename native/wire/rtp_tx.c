/* The sending side of RTP: one header per packet, with audio level and MID. */
#include "wire.h"

#include <string.h>

#define MAGIC 0x31545752u /* "RWT1" */
#define FIXED_HEADER 12
#define ONE_BYTE_PROFILE 0xBEDEu /* RFC 8285 §4.2 */
#define MAX_ELEMENT_ID 14

/* The state, as it lies in the caller's bytes (all targets are little-endian). */
typedef struct {
    uint32_t magic;
    uint8_t pt, level_id, mid_id, mid_len;
    uint8_t mid[RTP_MAX_MID];
    uint32_t ssrc, timestamp, seq;
} tx_t;

typedef char tx_size_is_as_announced[sizeof(tx_t) == RTP_TX_STATE ? 1 : -1];

/* Copies, because the state may lie at any address. */
static int load(tx_t *tx, const uint8_t *state, size_t state_size) {
    if (state_size < sizeof *tx) {
        return 0;
    }
    memcpy(tx, state, sizeof *tx);
    return tx->magic == MAGIC && tx->pt < 128 && tx->level_id <= MAX_ELEMENT_ID
        && tx->mid_id <= MAX_ELEMENT_ID && tx->mid_len <= RTP_MAX_MID;
}

static int valid_ids(int32_t level_id, int32_t mid_id, size_t mid_size) {
    if (level_id < 0 || level_id > MAX_ELEMENT_ID || mid_id < 0 || mid_id > MAX_ELEMENT_ID) {
        return 0;
    }
    if (mid_id == 0) {
        return 1;
    }
    return mid_id != level_id && mid_size >= 1 && mid_size <= RTP_MAX_MID;
}

int32_t rtp_tx_init(uint8_t *state, size_t state_size, int32_t pt, uint32_t ssrc, int32_t seq,
    uint32_t timestamp, int32_t level_id, int32_t mid_id, const uint8_t *mid, size_t mid_size) {
    if (state_size < sizeof(tx_t)) {
        return CB_ESTATE;
    }
    if (pt < 0 || pt > 127 || (pt >= 64 && pt <= 95) || seq < 0 || seq > 0xFFFF
        || !valid_ids(level_id, mid_id, mid_size)) {
        return CB_ERANGE;
    }
    tx_t tx;
    memset(&tx, 0, sizeof tx);
    tx.magic = MAGIC;
    tx.pt = (uint8_t)pt;
    tx.level_id = (uint8_t)level_id;
    tx.mid_id = (uint8_t)mid_id;
    tx.ssrc = ssrc;
    tx.timestamp = timestamp;
    tx.seq = (uint32_t)seq;
    if (mid_id) {
        tx.mid_len = (uint8_t)mid_size;
        memcpy(tx.mid, mid, mid_size);
    }
    memcpy(state, &tx, sizeof tx);
    return 0;
}

/* Bytes of extension elements, before padding to whole words. */
static int32_t element_bytes(const tx_t *tx) {
    return (tx->level_id ? 2 : 0) + (tx->mid_id ? 1 + tx->mid_len : 0);
}

static int32_t header_bytes(const tx_t *tx) {
    int32_t elements = element_bytes(tx);
    return elements ? FIXED_HEADER + 4 + ((elements + 3) & ~3) : FIXED_HEADER;
}

int32_t rtp_header_size(const uint8_t *state, size_t state_size) {
    tx_t tx;
    return load(&tx, state, state_size) ? header_bytes(&tx) : CB_ESTATE;
}

/* The extension behind the fixed header; `size` bytes of elements and padding follow its own 4. */
static void write_extension(const tx_t *tx, uint8_t *p, int32_t size, int32_t level, int voice) {
    cb_put_be16(p, ONE_BYTE_PROFILE);
    cb_put_be16(p + 2, (uint32_t)size / 4);
    p += 4;
    memset(p, 0, (size_t)size);
    if (tx->level_id) {
        *p++ = (uint8_t)(tx->level_id << 4);
        *p++ = (uint8_t)((voice ? 0x80 : 0) | level);
    }
    if (tx->mid_id && tx->mid_len) {
        *p++ = (uint8_t)(tx->mid_id << 4 | (tx->mid_len - 1));
        memcpy(p, tx->mid, tx->mid_len);
    }
}

int32_t rtp_write(const uint8_t *state, size_t state_size, uint8_t *out, size_t out_size, int32_t off,
    int marker, int32_t level, int voice) {
    tx_t tx;
    if (!load(&tx, state, state_size)) {
        return CB_ESTATE;
    }
    int32_t size = header_bytes(&tx);
    if (!cb_fits(out_size, off, size) || level < 0 || level > 127) {
        return CB_ERANGE;
    }
    uint8_t *p = out + off;
    p[0] = size > FIXED_HEADER ? 0x90 : 0x80; /* version 2, and whether an extension follows */
    p[1] = (uint8_t)((marker ? 0x80 : 0) | tx.pt);
    cb_put_be16(p + 2, tx.seq);
    cb_put_be32(p + 4, tx.timestamp);
    cb_put_be32(p + 8, tx.ssrc);
    if (size > FIXED_HEADER) {
        write_extension(&tx, p + FIXED_HEADER, size - FIXED_HEADER - 4, level, voice);
    }
    return size;
}

int32_t rtp_advance(uint8_t *state, size_t state_size, int32_t samples, int sent) {
    tx_t tx;
    if (!load(&tx, state, state_size)) {
        return CB_ESTATE;
    }
    if (samples < 0 || samples >= 1 << 30) {
        return CB_ERANGE;
    }
    tx.timestamp += (uint32_t)samples;
    tx.seq = (tx.seq + (sent ? 1 : 0)) & 0xFFFF;
    memcpy(state, &tx, sizeof tx);
    return 0;
}

int32_t rtp_tx_peek(const uint8_t *state, size_t state_size, uint32_t *out) {
    tx_t tx;
    if (!load(&tx, state, state_size)) {
        return CB_ESTATE;
    }
    out[0] = tx.seq & 0xFFFF;
    out[1] = tx.timestamp;
    out[2] = tx.ssrc;
    return 0;
}
