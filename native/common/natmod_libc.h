/* The three C library functions a native module may need, over MicroPython's function table.
 *
 * Included once, by a module's natmod.c. A .mpy links no C library, and the compiler may call memcpy
 * or memset of its own accord. */
#ifndef CALLBOARD_NATMOD_LIBC_H
#define CALLBOARD_NATMOD_LIBC_H

void *memmove(void *to, const void *from, size_t n);
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);

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
