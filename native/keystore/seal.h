/* seal: values that only the holder of a key can read or change. Apart from the store: bytes in, bytes out.
 *
 * Synthetic initialisation vector (Rogaway and Shrimpton 2006, as RFC 5297, with HMAC-SHA-256 as the PRF):
 * the 16-byte tag is an HMAC of salt, name and value, and is the nonce of the encryption too. So two
 * different messages never share a nonce (but for a chance of 2^-64), whatever a power cut did to a
 * counter or a random number generator. The salt makes equal values differ. FORMAT.md has every byte. */
#ifndef CALLBOARD_KEYSTORE_SEAL_H
#define CALLBOARD_KEYSTORE_SEAL_H

#include "keystore.h"

#define KS_SEAL_EXTRA 20 /* bytes that sealing adds: the salt, 4, and the tag, 16 */
#define KS_SEAL_KEYS 64  /* bytes: 32 for HMAC, 16 for AES, 16 spare */
#define KS_AES_KEY 16    /* bytes: AES-128 */

/* Cryptography from outside. Each function returns 0 or a negative number. */
typedef struct {
    /* Encrypt n bytes (a multiple of 16) in place, each block by itself (ECB). */
    int32_t (*aes)(void *context, const uint8_t *key, uint8_t *blocks, uint32_t n);
    /* HMAC-SHA-256: 32 bytes to out. */
    int32_t (*hmac)(void *context, const uint8_t *key, uint32_t key_size, const uint8_t *message,
        uint32_t n, uint8_t *out);
    void *context;
} ks_crypto_t;

/* Derive the keys from a root key of 16 bytes or more. Returns 0, CB_ERANGE or KS_ECRYPTO. */
int32_t ks_seal_keys(const ks_crypto_t *crypto, const uint8_t *root, uint32_t root_size, uint8_t *keys);
/* A salt that no earlier value of this store had: where it would be written now. */
uint32_t ks_seal_salt(const ks_t *s);
/* Seal a value of n bytes; out has room for n + KS_SEAL_EXTRA, and may overlap the value. Returns the
 * bytes written, KS_EVALUE, KS_ENAME, KS_ESMALL or KS_ECRYPTO. */
int32_t ks_seal(const ks_crypto_t *crypto, const uint8_t *keys, uint32_t salt, const uint8_t *name,
    uint32_t name_size, const uint8_t *value, uint32_t n, uint8_t *out, uint32_t out_size);
/* Unseal the n bytes at data in place. Returns the value's length; or KS_ESEAL (data is then wiped),
 * KS_ENAME or KS_ECRYPTO. */
int32_t ks_unseal(const ks_crypto_t *crypto, const uint8_t *keys, const uint8_t *name, uint32_t name_size,
    uint8_t *data, uint32_t n);

#endif
