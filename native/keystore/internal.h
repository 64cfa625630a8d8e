/* What the files of the core share: the state, the bits of the format, records in and out. */
#ifndef CALLBOARD_KEYSTORE_INTERNAL_H
#define CALLBOARD_KEYSTORE_INTERNAL_H

#include "keystore.h"

#include <string.h>

/* --- the format (FORMAT.md) --- */

/* First byte of a record: flags, and the length of the name; 0 = control record. */
#define TAG_NAME 0x0F
#define TAG_READY 0x10    /* the other sector was erased when this was written */
#define TAG_TORN 0x20     /* what lies before this record is a write that was cut short */
#define TAG_PENDING 0x40  /* part of a transaction; with no name: its commit */
#define TAG_SNAPSHOT 0x80 /* copied when the sector was taken into use */

/* Second byte: the value's length, or one of these. */
#define CODE_LONG 0xF0 /* to 0xFD: (code - CODE_LONG) * 256 + the third byte */
#define CODE_DELETED 0xFE

#define RECORD_MIN 6 /* tag, code and CRC-32: a control record without a value */
#define COMMIT_SIZE 16 /* two commit records */
#define ERASED 0xFF
#define RESIDUE 0xDEBB20E3 /* ks_crc over bytes that end with their own CRC */

/* --- the state --- */

#define MAGIC 0x534B

#define FLAG_MARK 0x01     /* not known from a swap in this session: the erase must be recorded at once */
#define FLAG_MERGED 0x02   /* some keys are still in the sector before this one */
#define FLAG_STALE 0x04    /* a failed swap may have left a newer sector: write no more before erasing it */
#define FLAG_READY TAG_READY /* 0x10: the other sector is erased */
#define FLAG_TORN TAG_TORN /* 0x20: garbage lies before the next record */
#define FLAG_CLAIMED 0x40  /* the newest record says that the other sector is erased: FLAG_READY << 2 */
#define FLAG_REGULAR 0x80  /* this sector has a record without this bit, TAG_SNAPSHOT */

/* A snapshot is written twice over, because its header comes last: once without its header block, and
 * then only that. Other writes never begin at the start of a sector, so for them the first is right. */
#define PASS_RECORDS 0
#define PASS_HEADER 1

struct ks {
    uint8_t active;    /* sector: 0 or 1 */
    uint8_t flags;
    uint8_t pass;
    uint8_t error;     /* minus the first error code of the read or write under way */
    uint8_t mask;      /* program unit in bytes - 1 */
    uint8_t capacity;  /* keys */
    uint8_t count;     /* keys */
    uint8_t pending;   /* keys that the open transaction may add */
    uint16_t magic;    /* MAGIC while the store can be used */
    uint16_t width;    /* bytes of the write buffer */
    uint16_t block;    /* bytes of the header block: the header and the rest of its unit */
    uint16_t pos;      /* where the write buffer goes, from the start of the active sector */
    uint16_t fill;     /* bytes in it */
    uint16_t start;    /* of the open transaction; 0: none */
    uint16_t room;     /* bytes that it may take, its commit included */
    uint16_t torn, corrupt;
    uint32_t sequence; /* of the active sector; 0: there is no store yet */
    uint32_t crc;      /* of the record being written */
    const ks_flash_t *flash;
    /* Then: the write buffer, and 3 uint16_t per key: hash low, hash high, where its record is. */
};

/* Bytes of flash, read forward through a small window: each once. */
#define WINDOW 24
typedef struct {
    ks_t *s;
    uint32_t at;
    uint8_t *out; /* where ks_parse shall put values of up to out_size bytes; may be NULL */
    uint32_t out_size;
    uint8_t data[WINDOW];
} window_t;

/* A record as it lies in flash. */
typedef struct {
    uint32_t tag;
    uint32_t at;       /* from the start of the flash */
    uint32_t size;     /* bytes, all included; 0: not even a plausible one */
    uint32_t value;    /* bytes, or KS_DELETE */
    uint32_t name_at;
    uint32_t value_at;
    uint32_t hash;     /* of the name */
} record_t;

/* A record to write. */
typedef struct {
    const uint8_t *name, *value;
    uint32_t name_size;
    uint32_t value_size; /* or KS_DELETE */
    uint32_t hash;
} entry_t;

static inline uint8_t *write_buffer(ks_t *s) {
    return (uint8_t *)(s + 1);
}

static inline uint16_t *index_entry(ks_t *s, uint32_t i) {
    return (uint16_t *)(write_buffer(s) + s->width) + 3 * i;
}

static inline uint32_t aligned(const ks_t *s, uint32_t n) {
    return (n + s->mask) & ~(uint32_t)s->mask;
}

/* Where the active sector begins. */
static inline uint32_t base_of(const ks_t *s) {
    return (uint32_t)s->active * KS_SECTOR;
}

static inline int32_t failure(const ks_t *s) {
    return -(int32_t)s->error;
}

/* record.c */
uint32_t ks_crc(uint32_t crc, const void *bytes, uint32_t n);
uint32_t ks_header_word(const ks_t *s);
void ks_window(window_t *w, ks_t *s);
uint32_t ks_peek(window_t *w, uint32_t at);
int ks_parse(window_t *w, uint32_t at, record_t *r);
void ks_clear(ks_t *s);
void ks_flush(ks_t *s);
void ks_append(ks_t *s, uint32_t tag, const entry_t *entry);
void ks_copy(ks_t *s, window_t *w, const record_t *r);

/* index.c */
int32_t ks_find(ks_t *s, uint32_t hash);
void ks_index(ks_t *s, uint32_t hash, uint32_t at);
void ks_replay(ks_t *s, uint32_t from, uint32_t to);
uint32_t ks_measure(ks_t *s, int32_t except);

/* sectors.c */
uint32_t ks_limit(const ks_t *s);
int ks_fits(const ks_t *s, uint32_t bytes);
int32_t ks_swap(ks_t *s, const entry_t *carried, int keep);
int32_t ks_heal(ks_t *s);

#endif
