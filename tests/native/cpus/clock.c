/* The clock of an emulated board, and what must be set before its first instruction of Python.
 *
 * time.ticks_cpu() counts at CLOCK_HZ. Under QEMU's -icount shift=0 each instruction takes a nanosecond of
 * the machine's time, so a tick is 10^9 / CLOCK_HZ instructions: 40 on the ARM machines, 100 on RISC-V. */
#include "py/mphal.h"
#include "py/runtime.h"

void __real_uart_init(void);

#ifdef __riscv

#define CLOCK_HZ 10000000
#define CLINT_MTIME ((volatile uint32_t *)0x0200BFF8)

static uint64_t ticks(void) {
    uint32_t high, low;
    do {
        high = CLINT_MTIME[1];
        low = CLINT_MTIME[0];
    } while (high != CLINT_MTIME[1]);
    return (uint64_t)high << 32 | low;
}

static void prepare(void) {
}

#else

#define CLOCK_HZ 25000000
#define TIMER ((volatile uint32_t *)0x40000000) /* CMSDK timer 0: control, value, reload */
#define SCB_CCR (*(volatile uint32_t *)0xE000ED14)
#define SCB_CPACR (*(volatile uint32_t *)0xE000ED88)
#define CCR_UNALIGN_TRP 8u

static uint64_t ticks(void) { /* counts down from 2^32 - 1, to 0 after 171 s; asked more often than that */
    static uint32_t wraps, last;
    uint32_t now = ~TIMER[1];
    wraps += now < last;
    last = now;
    return (uint64_t)wraps << 32 | now;
}

static void prepare(void) {
    #ifdef __ARM_FP
    SCB_CPACR |= 0xFu << 20;
    #endif
    #if __ARM_ARCH == 6
    /* A Cortex-M0 faults on every unaligned access; this makes the emulated Cortex-M3 do so. */
    SCB_CCR |= CCR_UNALIGN_TRP;
    #endif
    TIMER[2] = 0xFFFFFFFF;
    TIMER[1] = 0xFFFFFFFF;
    TIMER[0] = 1;
}

#endif

/* The linker puts this in place of the first thing that the port's start-up code calls (--wrap). */
void __wrap_uart_init(void) {
    prepare();
    __real_uart_init();
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return (mp_uint_t)ticks();
}

mp_uint_t mp_hal_ticks_us(void) {
    return (mp_uint_t)(ticks() / (CLOCK_HZ / 1000000));
}

mp_uint_t mp_hal_ticks_ms(void) {
    return (mp_uint_t)(ticks() / (CLOCK_HZ / 1000));
}

uint64_t mp_hal_time_ns(void) {
    return ticks() * (1000000000 / CLOCK_HZ);
}

void mp_hal_delay_us(mp_uint_t us) {
    uint64_t end = ticks() + (uint64_t)us * (CLOCK_HZ / 1000000);
    while (ticks() < end) {
        mp_handle_pending(true);
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    mp_hal_delay_us(ms * 1000);
}
