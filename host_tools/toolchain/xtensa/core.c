/* Tells Debian's assembler and linker for the ESP8266 about a core with register windows, as an ESP32 has.
 *
 * binutils read this library when XTENSA_GNU_CONFIG names it. The core is QEMU's de233_fpu: what it has,
 * every ESP32 has too, as far as our code uses it, and QEMU runs it. Compiled together with that core's
 * xtensa-modules.c.inc, the table of its instructions. */
#include "core-isa.h"

#define XTHAL_ABI_WINDOWED 0
#define XTHAL_ABI_CALL0 1
#define XSHAL_ABI XTHAL_ABI_WINDOWED
#define XSHAL_USE_ABSOLUTE_LITERALS 0
#define XSHAL_HAVE_TEXT_SECTION_LITERALS 1

#ifndef XCHAL_HAVE_MMU
#define XCHAL_HAVE_MMU 0
#endif

#define XTENSA_CONFIG_DEFINITION
#include "xtensa-dynconfig.h"

XTENSA_CONFIG_INSTANCE_LIST;

/* binutils look for these two as well. */
int plugin_is_GPL_compatible;
const char *xtensa_config_strings[] = { 0 };
