/* Mbed TLS as MicroPython's rp2 port has it, with a quarter of the tables for AES, which is slower:
 * here it only seals keys. 6 KB of flash. */
#include "ports/rp2/mbedtls/mbedtls_config_port.h"

#define MBEDTLS_AES_FEWER_TABLES

/* SHA-1 greets a WebSocket once per connection: a loop (sha1_block.c) for what is 4 KB unrolled. */
#define MBEDTLS_SHA1_PROCESS_ALT
