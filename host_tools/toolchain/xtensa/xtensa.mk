# Builds what turns Debian's compiler for the ESP8266 into one for an ESP32 (Xtensa with register windows).
#
#   make -f host_tools/toolchain/xtensa/xtensa.mk      from the top of the repository
#
#   build/xtensa/core.so          the description of the core, for XTENSA_GNU_CONFIG
#   build/xtensa/libruntime.a     in place of its libgcc, which has the wrong calling convention
#
# flags.mk says how to compile with them.

HERE := host_tools/toolchain/xtensa
OUT := build/xtensa
include $(HERE)/flags.mk

CORE := $(or $(XTENSA_CORE_DIR),build/src/xtensa-core)/target/xtensa/core-de233_fpu
HEADERS := $(or $(XTENSA_HEADERS_DIR),build/src/xtensa-headers)/include
FUNCTIONS := udivsi3 umodsi3 divsi3 modsi3 umulsidi3 muldi3 ashldi3 lshrdi3 ashrdi3 udivdi3 \
  bswapsi2 bswapdi2

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
all: $(OUT)/core.so $(OUT)/libruntime.a

$(CORE)/core-isa.h $(HEADERS)/xtensa-dynconfig.h &:
	python3 host_tools/toolchain/fetch_source.py --into build/src xtensa-core xtensa-headers

# The tables are other people's: no warnings.
$(OUT)/core.so: $(HERE)/core.c $(CORE)/core-isa.h $(HEADERS)/xtensa-dynconfig.h
	@mkdir -p $(@D)
	@gcc -O1 -w -shared -fPIC '-DATTRIBUTE_UNUSED=__attribute__((unused))' -I$(HEADERS) -I$(CORE) \
	  -o $@ $< -xc $(CORE)/xtensa-modules.c.inc

$(OUT)/libruntime.a: $(HERE)/runtime.c $(HERE)/flags.mk $(HERE)/xtensa.mk $(OUT)/core.so
	@rm -f $@
	@for function in $(FUNCTIONS); do $(XTENSA_CROSS)gcc $(XTENSA_CFLAGS) -Os -fpic -Wall -Wextra -Werror \
	  -DL_$$function -c $< -o $(OUT)/$$function.o || exit 1; done
	@$(XTENSA_CROSS)ar rcs $@ $(FUNCTIONS:%=$(OUT)/%.o)
