/* The index: for every key the hash of its name and where its newest record is; rebuilt from the log.
 *
 * The hash is the CRC-32 of the name. No two keys of a store have the same one (ks_put refuses), so that
 * opening needs to read nothing twice. */
#include "internal.h"

/* The index of the key with this hash, or -1. */
int32_t ks_find(ks_t *s, uint32_t hash) {
    for (uint32_t i = 0; i < s->count; i++) {
        const uint16_t *entry = index_entry(s, i);
        if (entry[0] == (uint16_t)hash && entry[1] == hash >> 16) {
            return (int32_t)i;
        }
    }
    return -1;
}

/* The key with this hash has its record at `at`; 0: there is no such key any more. */
void ks_index(ks_t *s, uint32_t hash, uint32_t at) {
    int32_t i = ks_find(s, hash);
    if (i < 0) {
        if (!at) {
            return;
        }
        if (s->count == s->capacity) {
            s->error = -KS_EKEYS;
            return;
        }
        i = s->count++;
    }
    uint16_t *entry = index_entry(s, (uint32_t)i);
    if (!at) { /* the last one takes its place */
        memmove(entry, index_entry(s, --s->count), KS_PER_KEY);
        return;
    }
    entry[0] = (uint16_t)hash;
    entry[1] = (uint16_t)(hash >> 16);
    entry[2] = (uint16_t)at;
}

static void apply(ks_t *s, const record_t *r) {
    if (r->tag & TAG_NAME) {
        ks_index(s, r->hash, r->value == KS_DELETE ? 0 : r->at);
    }
}

/* Apply the records of the transaction that begins at `at` and whose commit is at `end`. */
static void settle(window_t *w, uint32_t at, uint32_t end) {
    record_t r;
    while (at < end) {
        if (!ks_parse(w, at, &r)) {
            at++;
            continue;
        }
        if (r.tag & TAG_PENDING) {
            apply(w->s, &r);
        }
        at += r.size;
    }
}

/* What a valid record says beside its key. */
static void note(ks_t *s, uint32_t tag, uint32_t garbage) {
    s->flags = (uint8_t)((s->flags & (0xFFu - FLAG_CLAIMED)) | (tag & TAG_READY) << 2 | (~tag & FLAG_REGULAR));
    if (tag & TAG_TORN) {
        s->torn = (uint16_t)(s->torn + garbage);
    } else {
        s->corrupt = (uint16_t)(s->corrupt + garbage);
    }
}

/* Read the log from `from` to `to`, in one sector, into the index; s->pos is then its end.
 *
 * What is no valid record is passed over byte by byte, so damage costs only the records it hits. */
void ks_replay(ks_t *s, uint32_t from, uint32_t to) {
    window_t w;
    record_t r;
    uint32_t base = from & KS_SECTOR, at = from, end = from, settled = from, garbage = 0;
    ks_window(&w, s);
    for (; at < to; at++) {
        if (ks_peek(&w, at) == ERASED) {
            continue;
        }
        if (!ks_parse(&w, at, &r)) {
            garbage = 1;
            if (end <= at) { /* a record cut short may have blank units at its end: pass over those too */
                end = at + (r.size ? r.size : 1);
            }
            continue;
        }
        note(s, r.tag, garbage);
        garbage = 0;
        at += r.size - 1;
        if (end <= at) {
            end = at + 1;
        }
        if (!(r.tag & TAG_PENDING)) {
            apply(s, &r);
        } else if (!(r.tag & TAG_NAME) && r.value == 2) {
            uint32_t begin = base + (ks_peek(&w, r.value_at) | ks_peek(&w, r.value_at + 1) << 8);
            if (begin >= settled) {
                settle(&w, begin, r.at);
                settled = at;
            }
        }
    }
    if (garbage) {
        s->torn++;
        s->flags |= FLAG_TORN;
    }
    s->pos = (uint16_t)aligned(s, end - base);
}

/* The bytes of all live records but number `except`. */
uint32_t ks_measure(ks_t *s, int32_t except) {
    uint32_t live = 0;
    for (int32_t i = 0; i < s->count; i++) {
        window_t w;
        record_t r;
        ks_window(&w, s);
        if (i != except && ks_parse(&w, index_entry(s, (uint32_t)i)[2], &r)) {
            live += r.size;
        }
    }
    return live;
}
