/* Nothing beyond py/mphal.h, which wants this. */
#include <stddef.h>
