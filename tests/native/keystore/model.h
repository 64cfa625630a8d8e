/* model: what a key store must hold, kept in the simplest way, to compare a store with. */
#ifndef MODEL_H
#define MODEL_H

#include "keystore.h"

#define MODEL_KEYS 16

typedef struct {
    uint8_t name[KS_NAME_MAX], value[KS_STORED_MAX];
    int32_t name_size, value_size; /* value_size < 0: there is no such key */
} model_key_t;

typedef struct {
    model_key_t keys[MODEL_KEYS];
} model_t;

void model_init(model_t *model);
/* value_size < 0 deletes. */
void model_put(model_t *model, const char *name, const uint8_t *value, int32_t value_size);
/* Whether the store holds exactly this. */
int model_equals(const model_t *model, ks_t *s);

#endif
