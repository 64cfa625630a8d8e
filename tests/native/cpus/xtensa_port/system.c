/* Linux system calls for qemu-xtensa, and the parts of MicroPython's HAL that are made of them. */
#include <string.h>

#include "py/mphal.h"
#include "py/runtime.h"
#include "system.h"

enum { SYS_OPEN = 8, SYS_READ = 12, SYS_WRITE = 13, SYS_EXIT_GROUP = 119, SYS_CLOCK_GETTIME = 245 };
enum { CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1 };

static char files[16 << 20];
static size_t files_used;

static long call(long number, long a, long b, long c) {
    register long a2 __asm__("a2") = number;
    register long a6 __asm__("a6") = a;
    register long a3 __asm__("a3") = b;
    register long a4 __asm__("a4") = c;
    __asm__ volatile ("syscall" : "+r" (a2) : "r" (a6), "r" (a3), "r" (a4) : "memory");
    return a2;
}

void system_exit(int status) {
    for (;;) {
        call(SYS_EXIT_GROUP, status, 0, 0);
    }
}

void *system_read_file(const char *path, size_t *size) {
    char *start = files + files_used;
    long n, file = call(SYS_OPEN, (long)path, 0, 0);
    if (file < 0) {
        return NULL;
    }
    *size = 0;
    while ((n = call(SYS_READ, file, (long)(start + *size), sizeof(files) - files_used - *size)) > 0) {
        *size += n;
    }
    files_used += *size;
    return n == 0 ? start : NULL;
}

mp_uint_t mp_hal_stdout_tx_strn(const char *text, size_t n) {
    call(SYS_WRITE, 1, (long)text, n);
    return n;
}

void mp_hal_stdout_tx_strn_cooked(const char *text, size_t n) {
    mp_hal_stdout_tx_strn(text, n);
}

void mp_hal_stdout_tx_str(const char *text) {
    mp_hal_stdout_tx_strn(text, strlen(text));
}

static uint64_t clock_ns(int which) {
    int32_t time[2];
    call(SYS_CLOCK_GETTIME, which, (long)time, 0);
    return (uint64_t)(uint32_t)time[0] * 1000000000u + (uint32_t)time[1];
}

uint64_t mp_hal_time_ns(void) {
    return clock_ns(CLOCK_REALTIME);
}

/* Only differences of these are used: what 32 bits keep of nanoseconds would not do, so seconds and the rest apart. */
static mp_uint_t monotonic(uint32_t per_second, uint32_t ns_each) {
    int32_t time[2];
    call(SYS_CLOCK_GETTIME, CLOCK_MONOTONIC, (long)time, 0);
    return (uint32_t)time[0] * per_second + (uint32_t)time[1] / ns_each;
}

mp_uint_t mp_hal_ticks_ms(void) {
    return monotonic(1000, 1000000);
}

mp_uint_t mp_hal_ticks_us(void) {
    return monotonic(1000000, 1000);
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return mp_hal_ticks_us();
}

void mp_hal_delay_us(mp_uint_t us) {
    mp_uint_t start = mp_hal_ticks_us();
    while (mp_hal_ticks_us() - start < us) {
        mp_handle_pending(true);
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    mp_uint_t start = mp_hal_ticks_ms();
    while (mp_hal_ticks_ms() - start < ms) {
        mp_handle_pending(true);
    }
}

mp_uint_t mp_hal_stdio_poll(mp_uint_t flags) {
    return 0;
}

void nlr_jump_fail(void *exception) {
    mp_hal_stdout_tx_str("an exception that nobody catches\n");
    system_exit(98);
}

void abort(void) {
    mp_hal_stdout_tx_str("abort\n");
    system_exit(97);
}
