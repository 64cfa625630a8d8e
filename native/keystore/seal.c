/* Sealed values: see seal.h. */
#include "seal.h"
#include "internal.h"

#define TAG 16       /* bytes */
#define VALUE_AT 20  /* in sealed bytes: after the salt and the tag */
#define AES_BLOCK 16
#define CHUNK 64     /* bytes of key stream made at once */

int32_t ks_seal_keys(const ks_crypto_t *crypto, const uint8_t *root, uint32_t root_size, uint8_t *keys) {
    uint8_t label[] = "callboard keystore seal 1";
    if (root_size < 16) {
        return CB_ERANGE;
    }
    for (uint32_t i = 0; i < 2; i++) {
        label[sizeof label - 2] = (uint8_t)('1' + i);
        if (crypto->hmac(crypto->context, root, root_size, label, sizeof label - 1, keys + 32 * i) < 0) {
            return KS_ECRYPTO;
        }
    }
    return 0;
}

uint32_t ks_seal_salt(const ks_t *s) {
    return s->sequence * KS_SECTOR + s->pos + s->fill;
}

/* HMAC of salt, length of the name, name and value; `message` has all of them but the name and its length,
 * and the value already where it belongs. */
static int32_t make_tag(const ks_crypto_t *crypto, const uint8_t *keys, const uint8_t *name, uint32_t name_size,
    uint8_t *message, uint32_t n, uint8_t *tag) {
    message[4] = (uint8_t)name_size;
    memcpy(message + 5, name, name_size);
    return crypto->hmac(crypto->context, keys, 32, message, 5 + name_size + n, tag) < 0 ? KS_ECRYPTO : 0;
}

/* Encrypt or decrypt n bytes in place: AES in counter mode; the tag is the first counter, of which the
 * last four bytes count, big-endian. */
static int32_t crypt(const ks_crypto_t *crypto, const uint8_t *keys, const uint8_t *tag, uint8_t *data, uint32_t n) {
    uint32_t counter = cb_be32(tag + 12);
    for (uint32_t done = 0; done < n;) {
        uint8_t stream[CHUNK];
        uint32_t size = (n - done + AES_BLOCK - 1) & ~(uint32_t)(AES_BLOCK - 1);
        if (size > CHUNK) {
            size = CHUNK;
        }
        for (uint32_t i = 0; i < size; i += AES_BLOCK) {
            memcpy(stream + i, tag, 12);
            cb_put_be32(stream + i + 12, counter++);
        }
        if (crypto->aes(crypto->context, keys + 32, stream, size) < 0) {
            return KS_ECRYPTO;
        }
        for (uint32_t i = 0; i < size && done < n; i++) {
            data[done++] ^= stream[i];
        }
    }
    return 0;
}

int32_t ks_seal(const ks_crypto_t *crypto, const uint8_t *keys, uint32_t salt, const uint8_t *name,
    uint32_t name_size, const uint8_t *value, uint32_t n, uint8_t *out, uint32_t out_size) {
    uint8_t tag[32];
    if (n > KS_VALUE_MAX) {
        return KS_EVALUE;
    }
    if (name_size - 1 >= KS_NAME_MAX) {
        return KS_ENAME;
    }
    if (n + KS_SEAL_EXTRA > out_size) {
        return KS_ESMALL;
    }
    memmove(out + 5 + name_size, value, n);
    cb_put_le32(out, salt);
    int32_t error = make_tag(crypto, keys, name, name_size, out, n, tag);
    if (error) {
        return error;
    }
    memmove(out + VALUE_AT, out + 5 + name_size, n);
    memcpy(out + 4, tag, TAG);
    error = crypt(crypto, keys, tag, out + VALUE_AT, n);
    return error ? error : (int32_t)n + KS_SEAL_EXTRA;
}

int32_t ks_unseal(const ks_crypto_t *crypto, const uint8_t *keys, const uint8_t *name, uint32_t name_size,
    uint8_t *data, uint32_t n) {
    uint8_t stored[TAG], tag[32], difference = 0;
    if (name_size - 1 >= KS_NAME_MAX) {
        return KS_ENAME;
    }
    if (n < KS_SEAL_EXTRA || n > KS_VALUE_MAX + KS_SEAL_EXTRA) {
        return KS_ESEAL;
    }
    n -= KS_SEAL_EXTRA;
    memcpy(stored, data + 4, TAG);
    int32_t error = crypt(crypto, keys, stored, data + VALUE_AT, n);
    if (!error) {
        memmove(data + 5 + name_size, data + VALUE_AT, n);
        error = make_tag(crypto, keys, name, name_size, data, n, tag);
    }
    for (uint32_t i = 0; !error && i < TAG; i++) {
        difference |= stored[i] ^ tag[i];
    }
    if (error || difference) {
        memset(data, 0, n + KS_SEAL_EXTRA);
        return error ? error : KS_ESEAL;
    }
    memmove(data, data + 5 + name_size, n);
    memset(data + n, 0, KS_SEAL_EXTRA);
    return (int32_t)n;
}
