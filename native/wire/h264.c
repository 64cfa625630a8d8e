/* H.264 in RTP (RFC 6184): an access unit cut into payloads, and put together again. */
#include "wire.h"

#include <string.h>

#define TYPE(byte) ((byte) & 31)
#define LAST_SINGLE 23 /* types of NAL units that may stand alone (RFC 6184 §5.2) */
#define STAP_A 24
#define FU_A 28
#define FU_HEADER 2
#define FU_START 0x80
#define FU_END 0x40
#define START_CODE 4 /* 00 00 00 01, the long form of ITU-T H.264 Annex B */

/* Entries of the arrays that the caller keeps. */
enum { WALK_AT, WALK_END, WALK_UNIT_END, WALK_HEADER };
enum { ASSEMBLY_SIZE, ASSEMBLY_OPEN, ASSEMBLY_KINDS };

static int32_t get(const uint8_t *info, int i) {
    return (int32_t)cb_le32(info + 4 * i);
}

/* Where the next 00 00 01 begins in p[at .. end), or end. */
static int32_t next_code(const uint8_t *p, int32_t at, int32_t end) {
    for (; end - at >= 3; at++) {
        if (p[at] == 0 && p[at + 1] == 0 && p[at + 2] == 1) {
            return at;
        }
    }
    return end;
}

/* The first byte of the NAL unit after the start code that follows at; end if none follows. */
static int32_t next_unit(const uint8_t *p, int32_t at, int32_t end) {
    at = next_code(p, at, end);
    return at < end ? at + 3 : end;
}

/* The end of the NAL unit that begins at `at`: zeros before a start code are no part of it. */
static int32_t unit_end(const uint8_t *p, int32_t at, int32_t end) {
    int32_t until = next_code(p, at, end);
    while (until > at && p[until - 1] == 0) {
        until--;
    }
    return until;
}

static int32_t kind_of(uint8_t header) {
    int32_t type = TYPE(header);
    return type == 5 ? H264_KEY : type == 7 ? H264_SPS : type == 8 ? H264_PPS : 0;
}

static int may_stand_alone(uint8_t header) {
    return header < 0x80 && TYPE(header) >= 1 && TYPE(header) <= LAST_SINGLE;
}

int32_t h264_look(const uint8_t *buf, size_t buf_size, int32_t off, int32_t n) {
    if (!cb_fits(buf_size, off, n)) {
        return CB_ERANGE;
    }
    int32_t end = off + n, at = next_code(buf, off, end), kinds = 0;
    for (int32_t i = off; i < at; i++) {
        if (buf[i] != 0) {
            return H264_EFORMAT;
        }
    }
    if (at == end) {
        return H264_EFORMAT;
    }
    for (at = next_unit(buf, at, end); at < end; at = next_unit(buf, at, end)) {
        if (unit_end(buf, at, end) == at || !may_stand_alone(buf[at])) {
            return H264_EFORMAT;
        }
        kinds |= kind_of(buf[at]);
    }
    return kinds;
}

/* --- out --- */

/* One more piece of the unit that is being cut; returns its size. */
static int32_t pack_fragment(const uint8_t *buf, int32_t *walk, uint8_t *out, int32_t max, uint8_t start) {
    int32_t left = walk[WALK_UNIT_END] - walk[WALK_AT];
    int32_t take = left < max - FU_HEADER ? left : max - FU_HEADER;
    uint8_t header = (uint8_t)walk[WALK_HEADER];
    out[0] = (uint8_t)((header & 0xE0) | FU_A);
    out[1] = (uint8_t)(start | (take == left ? FU_END : 0) | TYPE(header));
    memcpy(out + FU_HEADER, buf + walk[WALK_AT], (size_t)take);
    walk[WALK_AT] += take;
    return FU_HEADER + take;
}

int32_t h264_pack(const uint8_t *buf, size_t buf_size, uint8_t *info, size_t info_size, uint8_t *out,
    size_t out_size, int32_t out_off, int32_t max) {
    int32_t walk[H264_WALK], size;
    if (info_size < sizeof walk || max < FU_HEADER + 1 || !cb_fits(out_size, out_off, max)) {
        return CB_ERANGE;
    }
    for (int i = 0; i < H264_WALK; i++) {
        walk[i] = get(info, i);
    }
    int32_t end = walk[WALK_END], open = walk[WALK_UNIT_END];
    if (walk[WALK_AT] < 0 || walk[WALK_AT] > end || !cb_fits(buf_size, 0, end)
        || (open && (open <= walk[WALK_AT] || open > end))) {
        return CB_ERANGE;
    }
    if (open) {
        size = pack_fragment(buf, walk, out + out_off, max, 0);
    } else {
        int32_t at = next_unit(buf, walk[WALK_AT], end), until = unit_end(buf, at, end);
        if (at == until) {
            return 0;
        }
        walk[WALK_AT] = at;
        walk[WALK_UNIT_END] = until;
        walk[WALK_HEADER] = buf[at];
        if (until - at <= max) {
            size = until - at;
            memcpy(out + out_off, buf + at, (size_t)size);
            walk[WALK_AT] = until;
        } else {
            walk[WALK_AT]++; /* the header travels in the fragments' own */
            size = pack_fragment(buf, walk, out + out_off, max, FU_START);
        }
    }
    if (walk[WALK_AT] == walk[WALK_UNIT_END]) {
        walk[WALK_UNIT_END] = 0;
        if (next_unit(buf, walk[WALK_AT], end) == end) {
            walk[WALK_AT] = end;
        }
    }
    for (int i = 0; i < H264_WALK; i++) {
        cb_set_info(info, i, walk[i]);
    }
    return size;
}

/* --- in --- */

typedef struct {
    uint8_t *out;
    int32_t room, size, kinds; /* bytes of out; used; H264_KEY and so on of its units */
} assembly_t;

/* Append n bytes, behind a start code and `header` if one is given (>= 0). 0 or H264_EFULL. */
static int32_t append(assembly_t *a, int32_t header, const uint8_t *p, int32_t n) {
    int32_t extra = header >= 0 ? START_CODE + 1 : 0;
    if (n + extra > a->room - a->size) {
        return H264_EFULL;
    }
    if (header >= 0) {
        cb_put_be32(a->out + a->size, 1);
        a->out[a->size + START_CODE] = (uint8_t)header;
        a->kinds |= kind_of((uint8_t)header);
    }
    memcpy(a->out + a->size + extra, p, (size_t)n);
    a->size += extra + n;
    return 0;
}

static int32_t append_unit(assembly_t *a, const uint8_t *p, int32_t n) {
    return may_stand_alone(p[0]) ? append(a, p[0], p + 1, n - 1) : H264_EFORMAT;
}

/* RFC 6184 §5.7.1: several small units in one packet. */
static int32_t append_aggregate(assembly_t *a, const uint8_t *p, int32_t n) {
    int32_t at = 1, error = n > 1 ? 0 : H264_EFORMAT;
    while (!error && at < n) {
        int32_t size = n - at >= 2 ? cb_be16(p + at) : 0;
        at += 2;
        error = size < 1 || size > n - at ? H264_EFORMAT : append_unit(a, p + at, size);
        at += size;
    }
    return error;
}

/* RFC 6184 §5.8: a piece of a large unit. */
static int32_t append_fragment(assembly_t *a, int32_t *open, const uint8_t *p, int32_t n) {
    uint8_t header = n > FU_HEADER ? (uint8_t)((p[0] & 0xE0) | TYPE(p[1])) : 0;
    int start = n > FU_HEADER && p[1] & FU_START;
    if (!may_stand_alone(header) || (start && p[1] & FU_END)) {
        return H264_EFORMAT;
    }
    if (start == (*open != 0)) {
        return H264_EORDER;
    }
    int32_t error = append(a, start ? header : -1, p + FU_HEADER, n - FU_HEADER);
    *open = p[1] & FU_END ? 0 : 1;
    return error;
}

int32_t h264_unpack(const uint8_t *buf, size_t buf_size, int32_t off, int32_t n, uint8_t *info,
    size_t info_size, uint8_t *out, size_t out_size) {
    if (!cb_fits(buf_size, off, n) || info_size < 4 * H264_ASSEMBLY || out_size > INT32_MAX) {
        return CB_ERANGE;
    }
    assembly_t a = { out, (int32_t)out_size, get(info, ASSEMBLY_SIZE), get(info, ASSEMBLY_KINDS) };
    int32_t open = get(info, ASSEMBLY_OPEN), error;
    if (a.size < 0 || a.size > a.room) {
        return CB_ERANGE;
    }
    const uint8_t *p = buf + off;
    if (n < 1) {
        error = H264_EFORMAT;
    } else if (TYPE(p[0]) == FU_A) {
        error = append_fragment(&a, &open, p, n);
    } else if (open) {
        error = H264_EORDER;
    } else {
        error = TYPE(p[0]) == STAP_A ? append_aggregate(&a, p, n) : append_unit(&a, p, n);
    }
    if (error) {
        return error;
    }
    cb_set_info(info, ASSEMBLY_SIZE, a.size);
    cb_set_info(info, ASSEMBLY_OPEN, open);
    cb_set_info(info, ASSEMBLY_KINDS, a.kinds);
    return a.size;
}
