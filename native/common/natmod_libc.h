/* The three C library functions a native module may need, over MicroPython's function table.
 *
 * Included once, by a module's natmod.c. A .mpy links no C library, and the compiler may call memcpy
 * or memset of its own accord.
 *
 * no_icf: otherwise gcc sees that memmove and memcpy have the same body, makes one call the other, and
 * expands that call as the builtin memcpy: a forward copy, wrong for overlapping memory. */
#ifndef CALLBOARD_NATMOD_LIBC_H
#define CALLBOARD_NATMOD_LIBC_H

void *memmove(void *to, const void *from, size_t n) __attribute__((no_icf));
void *memcpy(void *to, const void *from, size_t n) __attribute__((no_icf));
void *memset(void *to, int value, size_t n) __attribute__((no_icf));

void *memmove(void *to, const void *from, size_t n) {
    return mp_fun_table.memmove_(to, from, n);
}

void *memcpy(void *to, const void *from, size_t n) {
    return mp_fun_table.memmove_(to, from, n);
}

void *memset(void *to, int value, size_t n) {
    return mp_fun_table.memset_(to, value, n);
}

#endif
