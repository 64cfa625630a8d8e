/* Records: read from flash through a window and checked; written through a buffer and read back. */
#include "internal.h"

/* n more bytes of a CRC-32 (IEEE 802.3, reflected). Begin with ~0, invert at the end. */
uint32_t ks_crc(uint32_t crc, const void *bytes, uint32_t n) {
    const uint8_t *p = bytes;
    while (n--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xEDB88320 & (0 - (crc & 1)));
        }
    }
    return crc;
}

static uint32_t crc_byte(uint32_t crc, uint32_t byte) {
    return ks_crc(crc, &byte, 1);
}

/* The CRC of a record begins with where it is, so that no copy of it elsewhere counts: the sequence
 * number of its sector (4 bytes) and its offset there (2 bytes). */
static uint32_t seed(const ks_t *s, uint32_t at) {
    uint32_t place[2] = { s->sequence - (at / KS_SECTOR != s->active), at % KS_SECTOR };
    return ks_crc(~0u, place, 6);
}

/* --- reading --- */

void ks_window(window_t *w, ks_t *s) {
    w->s = s;
    w->at = ~0u - WINDOW;
    w->out = NULL;
}

/* The byte at `at`. A failing driver reads as 0xFF and leaves its error in the state. */
uint32_t ks_peek(window_t *w, uint32_t at) {
    uint32_t i = at - w->at;
    if (i >= WINDOW) {
        const ks_flash_t *flash = w->s->flash;
        uint32_t n = KS_SECTOR - at % KS_SECTOR;
        if (n > WINDOW) {
            n = WINDOW;
        }
        if (flash->read(flash->context, at, w->data, n) < 0) {
            w->s->error = -KS_EIO;
            return ERASED;
        }
        w->at = at;
        i = 0;
    }
    return w->data[i];
}

/* Read the record at `at`: 1 if it is valid. If not, r->size is what it claims to be, or 0.
 *
 * The value goes to w->out if it fits there. Nothing is read beyond the sector. */
int ks_parse(window_t *w, uint32_t at, record_t *r) {
    uint32_t left = KS_SECTOR - at % KS_SECTOR, tag = ks_peek(w, at);
    uint8_t *out = w->out;
    r->at = at;
    r->tag = tag;
    r->size = 0;
    if (left < RECORD_MIN || tag >> 6 == 3) {
        return 0;
    }
    uint32_t value = ks_peek(w, at + 1), name_at = at + 2;
    r->value = value;
    if (value == CODE_DELETED) {
        r->value = KS_DELETE;
        value = 0;
    } else if (value >= CODE_LONG) {
        r->value = value = (value - CODE_LONG) << 8 | ks_peek(w, name_at++);
    }
    uint32_t value_at = name_at + (tag & TAG_NAME), end = value_at + value, size = end + 4 - at;
    if (size > left || value > KS_STORED_MAX) {
        return 0;
    }
    r->size = size;
    r->name_at = name_at;
    r->value_at = value_at;
    if (value > w->out_size) {
        out = NULL;
    }
    uint32_t crc = seed(w->s, at), hash = ~0u;
    for (; size; size--) {
        uint32_t byte = ks_peek(w, at);
        crc = crc_byte(crc, byte);
        if (at >= name_at) {
            if (at < value_at) {
                hash = crc_byte(hash, byte);
            } else if (out && at < end) {
                *out++ = (uint8_t)byte;
            }
        }
        at++;
    }
    r->hash = hash;
    return crc == RESIDUE;
}

/* --- writing --- */

/* The first four bytes of a header: magic, version, binary logarithm of the program unit. */
uint32_t ks_header_word(const ks_t *s) {
    uint32_t word = 'K' | 'S' << 8 | KS_VERSION << 16;
    for (uint32_t mask = s->mask; mask; mask >>= 1) {
        word += 1 << 24;
    }
    return word;
}

/* The header: twelve bytes, twice. The second CRC begins with the rest of the header block. */
static void write_header(ks_t *s) {
    uint32_t *header = (uint32_t *)write_buffer(s);
    header[0] = header[3] = ks_header_word(s);
    header[1] = header[4] = s->sequence;
    header[2] = ~ks_crc(~0u, header, 8);
    header[5] = ~ks_crc(ks_crc(~0u, header + 6, s->block - KS_HEADER), header, 8);
}

/* Program n bytes of the buffer and read back those that matter. */
static void program(ks_t *s, uint32_t n) {
    window_t w;
    uint32_t at = base_of(s) + s->pos;
    const uint8_t *buffer = write_buffer(s);
    if (s->pos + n > KS_SECTOR /* no store of ours gets there */
        || s->flash->program(s->flash->context, at, buffer, n) < 0) {
        s->error = -KS_EIO;
        return;
    }
    ks_window(&w, s);
    for (n = s->fill; n; n--) {
        if (ks_peek(&w, at++) != *buffer++) {
            s->error = -KS_EIO;
        }
    }
}

/* Forget what the buffer holds. */
void ks_clear(ks_t *s) {
    s->fill = 0;
    memset(write_buffer(s), ERASED, s->width);
}

/* Program what the buffer holds, up to the next whole unit. After an error it only goes on. */
void ks_flush(ks_t *s) {
    uint32_t n = aligned(s, s->fill), is_header = s->pos == 0;
    if (n && !s->error && s->pass == is_header) {
        if (is_header) {
            write_header(s);
        }
        program(s, n);
    }
    s->pos = (uint16_t)(s->pos + n);
    ks_clear(s);
}

static void emit(ks_t *s, uint32_t byte) {
    s->crc = crc_byte(s->crc, byte);
    uint32_t fill = s->fill;
    write_buffer(s)[fill++] = (uint8_t)byte;
    s->fill = (uint16_t)fill;
    if (fill == (s->pos ? s->width : s->block)) {
        ks_flush(s);
    }
}

static void emit_all(ks_t *s, const void *bytes, uint32_t n) {
    const uint8_t *p = bytes;
    while (n--) {
        emit(s, *p++);
    }
}

static void emit_crc(ks_t *s) {
    uint32_t crc = ~s->crc;
    emit_all(s, &crc, 4);
}

/* Begin a record of `size` bytes with its first two or three. None crosses the end of a header block:
 * a header block that is cut short then costs only what lies in it. */
static void emit_head(ks_t *s, uint32_t tag, uint32_t value_size, uint32_t size) {
    if (s->pos == 0 && s->fill + size > s->block) {
        ks_flush(s);
    }
    s->crc = seed(s, base_of(s) + s->pos + s->fill);
    emit(s, tag);
    if (value_size == KS_DELETE) {
        value_size = CODE_DELETED;
    } else if (value_size >= CODE_LONG) {
        emit(s, CODE_LONG + (value_size >> 8));
    }
    emit(s, value_size);
}

/* Append a record. What a snapshot copies tells nothing about the other sector or about torn writes. */
void ks_append(ks_t *s, uint32_t tag, const entry_t *entry) {
    uint32_t value_size = entry->value_size;
    if (!(tag & TAG_SNAPSHOT)) {
        uint32_t flags = s->flags;
        tag |= flags & (FLAG_READY | FLAG_TORN);
        s->flags = (uint8_t)((flags & (0xFFu - FLAG_CLAIMED - FLAG_TORN)) | (flags & FLAG_READY) << 2);
    }
    if (value_size == KS_DELETE) {
        value_size = 0;
    }
    emit_head(s, tag | entry->name_size, entry->value_size,
        (uint32_t)ks_record_size((int32_t)entry->name_size, (int32_t)value_size));
    emit_all(s, entry->name, entry->name_size);
    emit_all(s, entry->value, value_size);
    emit_crc(s);
}

/* Append a copy of a valid record, which w reads, to a snapshot. */
void ks_copy(ks_t *s, window_t *w, const record_t *r) {
    emit_head(s, TAG_SNAPSHOT | (r->tag & TAG_NAME), r->value, r->size);
    for (uint32_t at = r->name_at; at < r->at + r->size - 4; at++) {
        emit(s, ks_peek(w, at));
    }
    emit_crc(s);
}
