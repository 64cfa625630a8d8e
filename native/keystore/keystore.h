/* keystore: names and values in 8 KB of flash, so that no power cut loses or mixes them.
 *
 * Two sectors of 4096 bytes hold an append-only log and its successor; FORMAT.md describes every byte.
 * No malloc, no globals: all memory is `state`, which the caller gives (aligned to 8 bytes, KS_STATE bytes
 * plus the write buffer plus KS_PER_KEY bytes per key), and the flash is a driver of four functions.
 *
 * A function that changes something is durable when it returns 0; cut at any program or erase
 * operation it leaves the old or the new contents. It returns a KS_E code (nothing has changed, except
 * after KS_EIO, when only a reopened store knows whether it did) or CB_ESTATE (common/bytes.h). */
#ifndef CALLBOARD_KEYSTORE_H
#define CALLBOARD_KEYSTORE_H

#include "../common/bytes.h"

#define KS_VERSION 1
#define KS_SECTOR 4096     /* bytes; what one erase clears */
#define KS_SIZE 8192       /* bytes of flash: two sectors */
#define KS_NAME_MAX 15     /* bytes, at least 1; which ones is the caller's business */
#define KS_VALUE_MAX 1024  /* bytes of a value */
#define KS_STORED_MAX 1056 /* bytes of a stored value: room for what seal.h adds to it */
#define KS_DELETE 0xFFFF   /* in place of a value's size */
#define KS_UNIT_MAX 256    /* bytes; the program unit is a power of two up to here */
#define KS_HEADER 24       /* bytes; the least write buffer */
#define KS_KEYS_MAX 255
#define KS_PER_KEY 6       /* bytes of state per key */

#define KS_EMPTY 1           /* ks_open: there is no store; ks_maintain() erases what is there and makes one */
#define KS_ENOTFOUND (-1)    /* no such key */
#define KS_EFULL (-2)        /* does not fit beside the other keys */
#define KS_ENAME (-3)        /* name too long or empty */
#define KS_EVALUE (-4)       /* value too long */
#define KS_ESMALL (-5)       /* the buffer is smaller than the value */
#define KS_EKEYS (-6)        /* the state has no room for one more key */
#define KS_EMAINTAIN (-7)    /* the other sector must be erased first: call ks_maintain() */
#define KS_EIO (-8)          /* the driver failed, or the flash does not hold what was written */
#define KS_EDAMAGED (-9)     /* the value has been damaged since the store was opened */
#define KS_EVERSION (-10)    /* a store of another version, or for another program unit */
#define KS_EGEOMETRY (-11)   /* no program unit of ours, or the write buffer is no multiple of it */
#define KS_EORDER (-12)      /* a transaction is open, or none is */
#define KS_ECLASH (-13)      /* the name has the same hash as another key's: choose another */
#define KS_ESEAL (-14)       /* ks_unseal: not sealed with this key for this name, or damaged */
#define KS_ECRYPTO (-15)     /* a cryptographic callback failed */

/* The flash: KS_SIZE bytes, from 0. Each function gets `context` and returns 0, or a negative number.
 *
 * program() gets whole units that read 0xFF, and none twice between two erases. erase() gets 0 or KS_SECTOR.
 * geometry() returns the program unit in bytes, a power of two up to KS_UNIT_MAX; or a negative number if
 * this flash does not have sectors of KS_SECTOR bytes, or fewer than two. */
typedef struct {
    int32_t (*read)(void *context, uint32_t at, uint8_t *to, uint32_t n);
    int32_t (*program)(void *context, uint32_t at, const uint8_t *from, uint32_t n);
    int32_t (*erase)(void *context, uint32_t at);
    int32_t (*geometry)(void *context);
    void *context;
} ks_flash_t;

typedef struct ks ks_t;

typedef struct {
    uint32_t sequence; /* of the sector in use: one per swap, so about the erases of both sectors */
    int32_t keys;
    int32_t used;    /* bytes of the live records */
    int32_t size;    /* bytes that all live records may take together */
    int32_t free;    /* bytes until the next swap */
    int32_t ready;   /* 1: the other sector is erased; 0: ks_maintain() has work */
    int32_t torn;    /* writes cut short that open found and passed over */
    int32_t corrupt; /* records or headers damaged after they had been written */
} ks_stats_t;

/* Bytes of state for this many keys and this write buffer. */
int32_t ks_state_size(int32_t keys, int32_t buffer);
/* Open the store. buffer: bytes, even, a multiple of the program unit, KS_HEADER at least; larger ones
 * make fewer program operations. keys: 1 to KS_KEYS_MAX. Writes nothing. Returns 0, KS_EMPTY, or
 * KS_EVERSION, KS_EGEOMETRY, KS_EKEYS, KS_EIO. Damaged data never stops it. `flash` must stay valid. */
int32_t ks_open(ks_t *state, size_t state_size, const ks_flash_t *flash, int32_t buffer, int32_t keys);
/* For a state that goes to and fro between calls (attach.c): use this driver until ks_detach. CB_ESTATE
 * unless the state is that of an open, detached store: a call that never came back (an exception in the
 * driver) leaves it attached, and it must be opened again. */
int32_t ks_attach(ks_t *state, size_t state_size, const ks_flash_t *flash);
void ks_detach(ks_t *state);

/* The value's length; the value is in out, unless out is NULL. */
int32_t ks_get(ks_t *s, const uint8_t *name, uint32_t name_size, uint8_t *out, uint32_t out_size);
/* The length of the name of key number i (0 .. keys - 1, in no order); the name is in out. */
int32_t ks_key(ks_t *s, int32_t i, uint8_t *out, uint32_t out_size);

/* Never erases: KS_EMAINTAIN if only an erased sector could take it. */
int32_t ks_put(ks_t *s, const uint8_t *name, uint32_t name_size, const uint8_t *value, uint32_t value_size);
/* Likewise, and KS_ENOTFOUND if there is no such key. */
#define ks_delete(s, name, name_size) ks_put(s, name, name_size, NULL, KS_DELETE)

/* Bytes that ks_begin is to reserve for one put (value_size bytes) or delete (0). */
int32_t ks_record_size(int32_t name_size, int32_t value_size);
/* From here to ks_commit, put and delete take effect together, or not at all. bytes: at least the sum
 * of their ks_record_size. Until then ks_get returns what was before. */
int32_t ks_begin(ks_t *s, int32_t bytes);
int32_t ks_commit(ks_t *s);
/* Forget the puts and deletes since ks_begin. */
int32_t ks_abort(ks_t *s);

/* Erase the other sector unless it is ready, and finish what a power cut left. Takes an erase's time
 * (tens to hundreds of ms): call it when idle, after open and after puts. Cheap when there is nothing to do. */
int32_t ks_maintain(ks_t *s);
/* Remove every key, then erase where they were. */
int32_t ks_erase_all(ks_t *s);
int32_t ks_stats(ks_t *s, ks_stats_t *stats);

#endif
