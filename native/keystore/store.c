/* The keys: get, put, delete, transactions, statistics. */
#include "internal.h"

#define PUT_TRIES 3 /* places to try when the flash does not take a record */

int32_t ks_state_size(int32_t keys, int32_t buffer) {
    if ((uint32_t)keys - 1 >= KS_KEYS_MAX || (uint32_t)buffer - KS_HEADER > KS_SECTOR || buffer & 1) {
        return CB_ERANGE;
    }
    return (int32_t)sizeof(ks_t) + buffer + KS_PER_KEY * keys;
}

/* --- reading --- */

/* Read and check the record of key i, and its value if the window has a place for that. */
static int32_t read_record(ks_t *s, uint32_t i, record_t *r, window_t *w) {
    s->error = 0;
    if (ks_parse(w, index_entry(s, i)[2], r)) {
        return 0;
    }
    return s->error ? failure(s) : KS_EDAMAGED;
}

/* Check a name and look for its key: the key's index, or an error. *size is the size of out, and then
 * that of the value, which is in out if it fits. KS_EDAMAGED: there is such a key, but its record is lost. */
static int32_t lookup(ks_t *s, entry_t *entry, uint8_t *out, uint32_t *size) {
    window_t w;
    record_t r;
    if (s->magic != MAGIC) {
        return CB_ESTATE;
    }
    if (entry->name_size - 1 >= KS_NAME_MAX) {
        return KS_ENAME;
    }
    entry->hash = ks_crc(~0u, entry->name, entry->name_size);
    int32_t i = ks_find(s, entry->hash);
    if (i < 0) {
        return KS_ENOTFOUND;
    }
    ks_window(&w, s);
    w.out = out;
    w.out_size = *size;
    int32_t error = read_record(s, (uint32_t)i, &r, &w);
    if (error) {
        return error;
    }
    for (uint32_t k = 0; k < entry->name_size; k++) {
        if (ks_peek(&w, r.name_at + k) != entry->name[k]) {
            i = KS_ECLASH;
        }
    }
    *size = r.value;
    return i;
}

int32_t ks_get(ks_t *s, const uint8_t *name, uint32_t name_size, uint8_t *out, uint32_t out_size) {
    entry_t entry;
    uint32_t size = out_size;
    entry.name = name;
    entry.name_size = name_size;
    int32_t i = lookup(s, &entry, out, &size);
    if (i < 0) {
        return i;
    }
    return out && size > out_size ? KS_ESMALL : (int32_t)size;
}

int32_t ks_key(ks_t *s, int32_t i, uint8_t *out, uint32_t out_size) {
    window_t w;
    record_t r;
    if (i < 0 || i >= s->count) {
        return KS_ENOTFOUND;
    }
    ks_window(&w, s);
    int32_t error = read_record(s, (uint32_t)i, &r, &w);
    if (error) {
        return error;
    }
    uint32_t n = r.tag & TAG_NAME;
    if (n > out_size) {
        return KS_ESMALL;
    }
    for (uint32_t k = 0; k < n; k++) {
        *out++ = (uint8_t)ks_peek(&w, r.name_at + k);
    }
    return (int32_t)n;
}

int32_t ks_stats(ks_t *s, ks_stats_t *stats) {
    stats->sequence = s->sequence;
    stats->keys = s->count;
    stats->used = (int32_t)ks_measure(s, -1);
    stats->size = (int32_t)ks_limit(s);
    stats->free = KS_SECTOR - s->pos;
    stats->ready = s->flags / FLAG_READY & 1;
    stats->torn = s->torn;
    stats->corrupt = s->corrupt;
    return 0;
}

/* --- writing --- */

int32_t ks_record_size(int32_t name_size, int32_t value_size) {
    return RECORD_MIN + (value_size >= CODE_LONG) + name_size + value_size;
}

/* Append and index a record; after a failure try again behind it while there is room. */
static int32_t write_now(ks_t *s, const entry_t *entry, uint32_t size) {
    for (int tries = 0; tries < PUT_TRIES && ks_fits(s, size); tries++) {
        uint32_t at = base_of(s) + s->pos;
        s->error = 0;
        ks_append(s, 0, entry);
        ks_flush(s);
        if (!s->error) {
            ks_index(s, entry->hash, entry->value_size == KS_DELETE ? 0 : at);
            break;
        }
        s->flags |= FLAG_TORN;
    }
    return failure(s);
}

/* Whether there will be no room to swap once `bytes` more are live, and key number `except` is not. While
 * the log itself is no longer than that there is no need to count. */
static int is_full(ks_t *s, uint32_t bytes, int32_t except) {
    uint32_t limit = ks_limit(s);
    return s->pos + aligned(s, bytes) > KS_HEADER + limit && ks_measure(s, except) + bytes > limit;
}

/* Append to the open transaction, which is given up when that fails. */
static int32_t write_pending(ks_t *s, const entry_t *entry, uint32_t size) {
    if (aligned(s, (uint32_t)s->pos + s->fill - s->start + size) + aligned(s, COMMIT_SIZE) > s->room) {
        return KS_EFULL;
    }
    ks_append(s, TAG_PENDING, entry);
    if (s->error) {
        ks_abort(s);
    }
    return failure(s);
}

int32_t ks_put(ks_t *s, const uint8_t *name, uint32_t name_size, const uint8_t *value, uint32_t value_size) {
    entry_t entry = { name, value, name_size, value_size, 0 };
    uint32_t old_size = 0;
    int32_t i = ks_heal(s);
    if (i < 0) {
        return i;
    }
    i = lookup(s, &entry, NULL, &old_size);
    if (value_size == KS_DELETE) {
        value_size = 0;
    } else if (value_size > KS_STORED_MAX) {
        return KS_EVALUE;
    } else if (i == KS_ENOTFOUND) {
        if (s->count + s->pending >= s->capacity) {
            return KS_EKEYS;
        }
        s->pending = (uint8_t)(s->pending + (s->start != 0));
        i = KS_EDAMAGED; /* like that, a key to put with no record to replace */
    }
    if (i < 0 && i != KS_EDAMAGED) {
        return i;
    }
    uint32_t size = (uint32_t)ks_record_size((int32_t)name_size, (int32_t)value_size);
    if (s->start) {
        return write_pending(s, &entry, size);
    }
    if (is_full(s, size, i)) {
        return KS_EFULL;
    }
    return ks_fits(s, size) ? write_now(s, &entry, size) : ks_swap(s, &entry, 1);
}

/* --- transactions --- */

int32_t ks_begin(ks_t *s, int32_t bytes) {
    if (s->magic != MAGIC) {
        return CB_ESTATE;
    }
    if (s->start) {
        return KS_EORDER;
    }
    int32_t error = ks_heal(s);
    if (error) {
        return error;
    }
    uint32_t need = aligned(s, (uint32_t)bytes) + aligned(s, COMMIT_SIZE);
    if ((uint32_t)bytes > KS_SECTOR || is_full(s, need, -1)) {
        return KS_EFULL;
    }
    if (!ks_fits(s, need)) {
        error = ks_swap(s, NULL, 1);
        if (error) {
            return error;
        }
    }
    s->error = 0;
    s->start = s->pos;
    s->room = (uint16_t)need;
    return 0;
}

int32_t ks_abort(ks_t *s) {
    if (!s->start) {
        return KS_EORDER;
    }
    s->start = s->pending = 0;
    s->flags |= FLAG_TORN;
    ks_clear(s);
    return 0;
}

/* The commit is programmed in units of its own, after all records have been read back: it cannot be there
 * without them. Twice, so that one damaged bit cannot undo a transaction. */
int32_t ks_commit(ks_t *s) {
    uint32_t start = s->start;
    entry_t entry = { .value = (const uint8_t *)&start, .value_size = 2 };
    if (!start) {
        return KS_EORDER;
    }
    s->start = s->pending = 0;
    s->error = 0;
    ks_flush(s);
    ks_append(s, TAG_PENDING, &entry);
    ks_append(s, TAG_PENDING, &entry);
    ks_flush(s);
    if (s->error) {
        s->flags |= FLAG_TORN;
    } else {
        ks_replay(s, base_of(s) + start, base_of(s) + s->pos);
        }
    return failure(s);
}
