/* The two sectors: opening, the copying swap, and what a power cut left to be finished. */
#include "internal.h"

#define HEADER_FIRST 1  /* the first copy is good */
#define HEADER_SECOND 2 /* the second one is, and with it all of the header block */

/* Up to this program unit a unit is spent at once on the note that a sector has been erased. */
#define CHEAP_UNIT 32

/* Bytes that all live records may take: a sector without header and two control records. */
uint32_t ks_limit(const ks_t *s) {
    return KS_SECTOR - s->block - 2 * aligned(s, RECORD_MIN);
}

/* Whether this many bytes can be appended to the active sector. */
int ks_fits(const ks_t *s, uint32_t bytes) {
    return !(s->flags & FLAG_STALE) && s->pos + aligned(s, bytes) <= KS_SECTOR;
}

/* --- opening --- */

/* HEADER_ bits of the sector at base, and its sequence number. Uses the write buffer. */
static uint32_t read_header(ks_t *s, uint32_t base, uint32_t *sequence) {
    uint32_t *header = (uint32_t *)write_buffer(s), found = 0;
    if (s->flash->read(s->flash->context, base, (uint8_t *)header, s->block) < 0) {
        s->error = -KS_EIO;
    }
    uint32_t rest = 0;
    for (uint32_t copy = HEADER_FIRST; copy <= HEADER_SECOND; copy++) {
        uint32_t crc = ks_crc(~0u, write_buffer(s) + KS_HEADER, rest);
        if (ks_crc(crc, header, 12) == RESIDUE) {
            if (header[0] != ks_header_word(s)) {
                s->error = -KS_EVERSION;
            }
            *sequence = header[1];
            found |= copy;
        }
        header += 3;
        rest = s->block - KS_HEADER;
    }
    return found;
}

/* Whether a sector reads as erased. */
static int is_blank(ks_t *s, uint32_t base) {
    window_t w;
    uint32_t ones = ERASED;
    ks_window(&w, s);
    for (uint32_t i = 0; i < KS_SECTOR; i++) {
        ones &= ks_peek(&w, base++);
    }
    return ones == ERASED;
}

/* Read the active sector from the flash into the index. */
static void read_log(ks_t *s, uint32_t end) {
    uint32_t base = base_of(s);
    s->flags = 0;
    ks_replay(s, base + KS_HEADER, base + end);
}

/* Find the sector in use and read it; KS_EMPTY if there is none. */
static int32_t find_store(ks_t *s) {
    uint32_t sequence[2] = { 0, 0 };
    uint32_t found[2];
    for (uint32_t i = 0; i < 2; i++) {
        found[i] = read_header(s, i * KS_SECTOR, &sequence[i]);
    }
    ks_clear(s);
    uint32_t active = sequence[1] >= sequence[0], other = active ^ 1;
    s->active = (uint8_t)active;
    s->sequence = sequence[active];
    if (sequence[active] == 0) { /* a store's first sector has number 1 */
        s->pos = KS_SECTOR;
        s->flags = FLAG_MARK;
        return KS_EMPTY;
    }
    read_log(s, KS_SECTOR);
    if (!(found[active] & HEADER_SECOND) && !(s->flags & FLAG_REGULAR)
        && sequence[other] + 1 == sequence[active]) {
        /* A header block that was cut short, or damaged since, and nothing was written after the snapshot:
         * then the sector before is still whole, and has what the header block lost. */
        s->count = 0;
        s->torn = s->corrupt = 0;
        ks_replay(s, other * KS_SECTOR + KS_HEADER, other * KS_SECTOR + KS_SECTOR);
        read_log(s, KS_SECTOR);
        s->flags |= FLAG_MERGED;
    }
    if (found[active] != (HEADER_FIRST | HEADER_SECOND)) {
        s->corrupt++;
    }
    /* An erase that was cut short can look blank, too. So the log must say that it was finished; and there
     * must have been room in the log to take that back. */
    if (s->flags & FLAG_CLAIMED && ks_fits(s, RECORD_MIN) && !found[other]
        && is_blank(s, other * KS_SECTOR)) {
        s->flags |= FLAG_READY;
    } else {
        s->flags |= FLAG_MARK;
    }
    return 0;
}

int32_t ks_open(ks_t *s, size_t state_size, const ks_flash_t *flash, int32_t buffer, int32_t keys) {
    int32_t need = ks_state_size(keys, buffer), unit = flash->geometry(flash->context);
    if ((uint32_t)need > state_size || ((uintptr_t)s & (sizeof(void *) - 1)) != 0) {
        return CB_ERANGE;
    }
    uint32_t mask = (uint32_t)unit - 1;
    if (mask >= KS_UNIT_MAX || ((uint32_t)(unit | buffer) & mask) != 0) {
        return KS_EGEOMETRY;
    }
    memset(s, 0, sizeof *s);
    s->flash = flash;
    s->mask = (uint8_t)mask;
    s->width = (uint16_t)buffer;
    s->capacity = (uint8_t)keys;
    s->block = (uint16_t)aligned(s, KS_HEADER);
    int32_t result = find_store(s);
    if (s->error) {
        result = failure(s);
    }
    if (result >= 0) {
        s->magic = MAGIC;
    }
    return result;
}

/* --- snapshots --- */

/* Append every key that lies in the other sector, except the one that `carried` replaces. */
static void copy_live(ks_t *s, const entry_t *carried) {
    int32_t replaced = carried ? ks_find(s, carried->hash) : -1;
    for (int32_t i = 0; i < s->count && !s->error; i++) {
        window_t w;
        record_t r;
        uint32_t at = index_entry(s, (uint32_t)i)[2];
        ks_window(&w, s);
        if (i == replaced || at / KS_SECTOR == s->active) {
            continue;
        }
        if (ks_parse(&w, at, &r)) {
            ks_copy(s, &w, &r);
        } else if (s->pass == PASS_RECORDS && !s->error) { /* damaged since it was read: it is lost */
            s->corrupt++;
        }
    }
}

/* Make the index anew from the active sector. Should that fail the state is of no more use. */
static int32_t reindex(ks_t *s) {
    uint16_t torn = s->torn, corrupt = s->corrupt;
    s->count = 0;
    read_log(s, s->pos);
    s->torn = torn;
    s->corrupt = corrupt;
    if (s->error) {
        s->magic = 0;
    }
    return failure(s);
}

/* Copy the live records (none of them unless `keep`) and then `carried` into the other, erased sector and
 * take that into use. Its header makes it valid, and is programmed last. */
int32_t ks_swap(ks_t *s, const entry_t *carried, int keep) {
    uint16_t pos = s->pos;
    if (!(s->flags & FLAG_READY)) {
        return KS_EMAINTAIN;
    }
    s->error = 0;
    s->flags &= (uint8_t)~FLAG_READY;
    s->active ^= 1;
    s->sequence++;
    for (s->pass = PASS_RECORDS; s->pass <= PASS_HEADER; s->pass++) {
        s->pos = 0;
        s->fill = KS_HEADER;
        if (s->block == KS_HEADER) {
            ks_flush(s);
        }
        if (keep) {
            copy_live(s, carried);
        }
        if (carried) {
            ks_append(s, TAG_SNAPSHOT, carried);
        }
        ks_flush(s);
    }
    s->pass = PASS_RECORDS;
    if (s->error) {
        s->active ^= 1;
        s->sequence--;
        s->pos = pos;
        s->flags |= FLAG_STALE;
        return failure(s);
    }
    return reindex(s);
}

/* Append a control record, which says whether the other sector is ready. */
static int32_t write_note(ks_t *s) {
    entry_t nothing;
    nothing.name = nothing.value = NULL;
    nothing.name_size = nothing.value_size = 0;
    s->error = 0;
    ks_append(s, 0, &nothing);
    ks_flush(s);
    if (s->error) {
        s->flags |= FLAG_TORN;
    }
    return failure(s);
}

/* If open had to merge: bring over what is still in the other sector, and note that it is no longer needed. */
int32_t ks_heal(ks_t *s) {
    if (!(s->flags & FLAG_MERGED)) {
        return 0;
    }
    s->error = 0;
    copy_live(s, NULL);
    ks_flush(s);
    if (s->error || write_note(s)) {
        return failure(s);
    }
    return reindex(s);
}

int32_t ks_maintain(ks_t *s) {
    if (s->magic != MAGIC) {
        return CB_ESTATE;
    }
    if (s->start) {
        return KS_EORDER;
    }
    int32_t error = ks_heal(s);
    while (!error && !(s->flags & FLAG_READY)) {
        uint32_t has_room = s->pos + aligned(s, RECORD_MIN) <= KS_SECTOR;
        if (s->flags & FLAG_CLAIMED && has_room && write_note(s)) {
            return failure(s);
        }
        if (s->flash->erase(s->flash->context, base_of(s) ^ KS_SECTOR) < 0) {
            return KS_EIO;
        }
        s->flags = (uint8_t)((s->flags & ~FLAG_STALE) | FLAG_READY);
        if (!(s->flags & FLAG_MARK) && s->mask >= CHEAP_UNIT) {
            break; /* the next record will say it */
        }
        error = ks_fits(s, RECORD_MIN) ? write_note(s) : ks_swap(s, NULL, 1);
    }
    return error;
}

int32_t ks_erase_all(ks_t *s) {
    int32_t error = ks_maintain(s);
    if (!error) {
        error = ks_swap(s, NULL, 0);
    }
    return error ? error : ks_maintain(s);
}
