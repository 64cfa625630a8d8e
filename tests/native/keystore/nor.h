/* nor: 8 KB of NOR flash in memory that keeps its rules, counts its work, and breaks in every way a power cut can.
 *
 * Rules, each breach counted in `violations`: program whole units; only units that have not been programmed
 * since the sector's last erase; never a sector whose last erase was cut short. */
#ifndef NOR_H
#define NOR_H

#include "keystore.h"

#define NOR_SECTOR 4096
#define NOR_SIZE 8192

/* What is left of the last unit of a program that is cut short. */
#define TEAR_NONE 0       /* it is as before */
#define TEAR_ALL_BUT_ONE 1 /* one bit, drawn by lot, is missing */
#define TEAR_ONE 2        /* one bit is there */
#define TEAR_RANDOM 3     /* any */
#define TEAR_MODES 4

/* What an erase that is cut short leaves. */
#define ERASE_NOTHING 0  /* all as before */
#define ERASE_RANDOM 1   /* some bits erased, stable */
#define ERASE_UNSTABLE 2 /* some bits erased, some read differently every time */
#define ERASE_BLANK 3    /* reads as erased, but programming it would not hold */
#define ERASE_FADING 4   /* reads as erased nearly always */
#define ERASE_PARTLY 5   /* a part of the sector erased, the rest as before */
#define ERASE_MODES 6

typedef struct nor nor_t;

struct nor {
    uint8_t data[NOR_SIZE];
    uint8_t weak[NOR_SIZE]; /* bits that may read as 0 or 1 */
    uint8_t used[NOR_SIZE]; /* programmed since the last erase */
    uint8_t torn[2];        /* the sector's last erase was cut short */
    uint8_t dead;           /* the power is off: nothing works any more */
    uint32_t fading;        /* a weak bit reads as 0 once in so many times */
    uint32_t unit;
    uint32_t random;
    int32_t countdown;      /* operations until the power is cut; negative: it never is */
    uint32_t violations;
    uint32_t programs;
    uint32_t erases[2];
    uint64_t bytes_read, bytes_programmed;
    /* Called before every program (from not NULL) and erase; the flash is then as before it. */
    void (*before)(nor_t *nor, uint32_t at, const uint8_t *from, uint32_t n);
};

void nor_init(nor_t *nor, uint32_t unit, uint32_t seed);
uint32_t nor_random(nor_t *nor, uint32_t below);
/* Let a program be cut short after `whole` units (they are done), with a TEAR_ mode for the one after. */
void nor_tear_program(nor_t *nor, uint32_t at, const uint8_t *from, uint32_t n, uint32_t whole, uint32_t mode);
void nor_tear_erase(nor_t *nor, uint32_t at, uint32_t mode);
/* Power on again. */
void nor_revive(nor_t *nor);
void nor_driver(nor_t *nor, ks_flash_t *flash);

int32_t nor_read(void *context, uint32_t at, uint8_t *to, uint32_t n);
int32_t nor_program(void *context, uint32_t at, const uint8_t *from, uint32_t n);
int32_t nor_erase(void *context, uint32_t at);
int32_t nor_geometry(void *context);

#endif
