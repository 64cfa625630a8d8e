/* What a compiler without an ESP32's multiplier and divider calls instead, for the windowed ABI.
 *
 * Debian's Xtensa compiler is for the ESP8266: its own libgcc has the other calling convention (call0), and
 * a module linked with that crashes without a word. The divider is used here all the same: every ESP32
 * has it. One function per object, -DL_<name>, so that a module gets only what it calls (runtime.mk). */
#include <stdint.h>

typedef union {
    uint64_t all;
    struct {
        uint32_t low, high;
    } half;
} words_t;

#ifdef L_udivsi3
uint32_t __udivsi3(uint32_t a, uint32_t b) {
    __asm__("quou %0, %1, %2" : "=r" (a) : "r" (a), "r" (b));
    return a;
}
#endif

#ifdef L_umodsi3
uint32_t __umodsi3(uint32_t a, uint32_t b) {
    __asm__("remu %0, %1, %2" : "=r" (a) : "r" (a), "r" (b));
    return a;
}
#endif

#ifdef L_divsi3
int32_t __divsi3(int32_t a, int32_t b) {
    __asm__("quos %0, %1, %2" : "=r" (a) : "r" (a), "r" (b));
    return a;
}
#endif

#ifdef L_modsi3
int32_t __modsi3(int32_t a, int32_t b) {
    __asm__("rems %0, %1, %2" : "=r" (a) : "r" (a), "r" (b));
    return a;
}
#endif

#ifdef L_umulsidi3
uint64_t __umulsidi3(uint32_t a, uint32_t b) {
    uint32_t middle = (a >> 16) * (b & 0xFFFF), low = (a & 0xFFFF) * (b & 0xFFFF);
    uint32_t cross = (a & 0xFFFF) * (b >> 16) + (low >> 16) + (middle & 0xFFFF);
    words_t r;
    r.half.low = cross << 16 | (low & 0xFFFF);
    r.half.high = (a >> 16) * (b >> 16) + (cross >> 16) + (middle >> 16);
    return r.all;
}
#endif

#ifdef L_muldi3
uint64_t __umulsidi3(uint32_t a, uint32_t b);

uint64_t __muldi3(uint64_t a, uint64_t b) {
    words_t x = { .all = a }, y = { .all = b }, r = { .all = __umulsidi3(x.half.low, y.half.low) };
    r.half.high += x.half.low * y.half.high + x.half.high * y.half.low;
    return r.all;
}
#endif

#ifdef L_ashldi3
uint64_t __ashldi3(uint64_t a, int n) {
    words_t v = { .all = a };
    if (n >= 32) {
        v.half.high = v.half.low << (n - 32);
        v.half.low = 0;
    } else if (n) {
        v.half.high = v.half.high << n | v.half.low >> (32 - n);
        v.half.low <<= n;
    }
    return v.all;
}
#endif

#ifdef L_lshrdi3
uint64_t __lshrdi3(uint64_t a, int n) {
    words_t v = { .all = a };
    if (n >= 32) {
        v.half.low = v.half.high >> (n - 32);
        v.half.high = 0;
    } else if (n) {
        v.half.low = v.half.low >> n | v.half.high << (32 - n);
        v.half.high >>= n;
    }
    return v.all;
}
#endif

#ifdef L_ashrdi3
int64_t __ashrdi3(int64_t a, int n) {
    words_t v = { .all = (uint64_t)a };
    int32_t high = (int32_t)v.half.high;
    if (n >= 32) {
        v.half.low = (uint32_t)(high >> (n - 32));
        v.half.high = (uint32_t)(high >> 31);
    } else if (n) {
        v.half.low = v.half.low >> n | (uint32_t)high << (32 - n);
        v.half.high = (uint32_t)(high >> n);
    }
    return (int64_t)v.all;
}
#endif

#ifdef L_udivdi3
uint64_t __udivdi3(uint64_t a, uint64_t b) {
    uint64_t quotient = 0, rest = 0;
    for (int bit = 63; bit >= 0; bit--) {
        rest = rest << 1 | (a >> bit & 1);
        if (rest >= b) {
            rest -= b;
            quotient |= 1ull << bit;
        }
    }
    return quotient;
}
#endif

/* GCC 14 knows a byte swap when it sees one, in a function that swaps bytes, too: not in C, then. */
#ifdef L_bswapsi2
uint32_t __bswapsi2(uint32_t a) {
    uint32_t r;
    __asm__("ssai 8\n\tsrli %0, %1, 16\n\tsrc %0, %0, %1\n\tsrc %0, %0, %0\n\tsrc %0, %1, %0"
            : "=&r" (r) : "r" (a));
    return r;
}
#endif

#ifdef L_bswapdi2
uint32_t __bswapsi2(uint32_t a);

uint64_t __bswapdi2(uint64_t a) {
    words_t v = { .all = a };
    words_t r = { .half = { .low = __bswapsi2(v.half.high), .high = __bswapsi2(v.half.low) } };
    return r.all;
}
#endif
