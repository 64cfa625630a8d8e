/* Where MicroPython's functions keep their variables: a stack.
 *
 * Without one it asks the heap on each call of a function with more than a few variables. While a
 * call runs, when the heap is long and has many small holes, that takes half of an RP2040's time. */
#include "py/mpstate.h"
#include "py/pystack.h"

#define STACK_BYTES 3072

static uint64_t callboard_stack[STACK_BYTES / sizeof(uint64_t)];

/* MicroPython calls this when it starts (mpconfigport.h). */
void callboard_stack_init(void);
void callboard_stack_init(void) {
    mp_pystack_init(callboard_stack, callboard_stack + STACK_BYTES / sizeof(uint64_t));
}
