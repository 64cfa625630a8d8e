/* LD_PRELOAD library: the wall clock starts at FAKE_EPOCH_S (seconds since 1970) and runs from there.
 * Monotonic clocks are left alone. Stands for a board whose clock was never set. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

typedef int (*clock_gettime_t)(clockid_t, struct timespec *);

static clock_gettime_t real(void) {
    static clock_gettime_t function;
    if (!function) {
        function = (clock_gettime_t)dlsym(RTLD_NEXT, "clock_gettime");
    }
    return function;
}

static time_t offset(void) {
    static time_t seconds;
    if (!seconds) {
        struct timespec now;
        real()(CLOCK_REALTIME, &now);
        seconds = (time_t)atoll(getenv("FAKE_EPOCH_S")) - now.tv_sec;
    }
    return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = real()(clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
        now->tv_sec += offset();
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (now) {
        *now = precise.tv_sec;
    }
    return precise.tv_sec;
}
