/* The model of model.h. */
#include "model.h"

#include <string.h>

void model_init(model_t *model) {
    memset(model, 0, sizeof *model);
    for (int i = 0; i < MODEL_KEYS; i++) {
        model->keys[i].value_size = -1;
    }
}

void model_put(model_t *model, const char *name, const uint8_t *value, int32_t value_size) {
    model_key_t *place = NULL;
    for (int i = 0; i < MODEL_KEYS; i++) {
        model_key_t *key = &model->keys[i];
        if (key->name_size == (int32_t)strlen(name) && memcmp(key->name, name, strlen(name)) == 0) {
            place = key;
            break;
        }
        if (!place && key->value_size < 0) {
            place = key;
        }
    }
    place->name_size = (int32_t)strlen(name);
    memcpy(place->name, name, strlen(name));
    place->value_size = value_size;
    if (value_size > 0) {
        memcpy(place->value, value, (size_t)value_size);
    }
}

int model_equals(const model_t *model, ks_t *s) {
    ks_stats_t stats;
    int32_t keys = 0;
    for (int i = 0; i < MODEL_KEYS; i++) {
        const model_key_t *key = &model->keys[i];
        uint8_t value[KS_STORED_MAX];
        if (key->value_size < 0) {
            continue;
        }
        keys++;
        int32_t n = ks_get(s, key->name, (size_t)key->name_size, value, sizeof value);
        if (n != key->value_size || memcmp(value, key->value, (size_t)n) != 0) {
            return 0;
        }
    }
    ks_stats(s, &stats);
    return stats.keys == keys;
}
