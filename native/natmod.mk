# Builds native/<MODULE>/ as a native MicroPython module (.mpy) with MicroPython's own rules.
#
#   make -f native/natmod.mk MODULE=pcm ARCH=x64 MPY_DIR=build/src/micropython \
#        OUT=build/natmods/x64/callboard_pcm.mpy
#
# Run it from the top of the repository. Sources by convention: natmod.c (glue, Python name
# callboard_<MODULE>) and <MODULE>.c (the core). A module of more files adds native/<MODULE>/natmod.mk,
# which may append to SRC, CFLAGS_EXTRA and MPY_LD_FLAGS. ARCH is one of MicroPython's: x64 x86
# armv6m armv7m armv7emsp xtensawin rv32imc.

ARCH ?= x64
MPY_DIR ?= build/src/micropython
OUT ?= build/natmods/$(ARCH)/callboard_$(MODULE).mpy
# mpy_ld.py needs pyelftools and ar, which the project's virtual environment has.
TOOL_PYTHON ?= build/venv/bin/python

ifeq ($(wildcard native/$(MODULE)/natmod.c),)
$(error native/$(MODULE)/natmod.c does not exist. Give MODULE=<folder of native/> and run from the top folder)
endif

MOD := callboard_$(MODULE)
BUILD := $(dir $(OUT))$(MODULE).o
# The glue stands first: mpy_ld takes the module's entry point from the first object.
SRC := native/$(MODULE)/natmod.c $(wildcard native/$(MODULE)/$(MODULE).c)

# The core is compiled as on the host: warnings are errors there too.
CFLAGS_EXTRA += -std=gnu99 -Wextra -Wno-unused-parameter -Inative/$(MODULE) -Inative/common

# Our 32-bit unix build has single-precision floats, like the boards; stock x86 would be double.
ifeq ($(ARCH),x86)
MICROPY_FLOAT_IMPL ?= float
endif

# mpy_ld.py knows one of the two relaxable relocations of x86-64, GCC 14's libopus has both: neither, then.
ifeq ($(ARCH),x64)
CFLAGS_ARCH += -Wa,-mrelax-relocations=no
endif

.DEFAULT_GOAL := $(OUT)
-include native/$(MODULE)/natmod.mk
include $(MPY_DIR)/py/dynruntime.mk

PYTHON := $(TOOL_PYTHON)

# 32-bit targets take 64-bit arithmetic from libgcc, and only that: LINK_RUNTIME=1 adds a C library
# whose memset collides with MicroPython's. An ESP32's compiler is another one, made fit for it.
ifeq ($(ARCH),xtensawin)
include host_tools/toolchain/xtensa/flags.mk
CROSS := $(XTENSA_CROSS)
CFLAGS += $(XTENSA_CFLAGS)
MPY_LD_FLAGS += -l $(XTENSA_RUNTIME)
$(BUILD)/$(MOD).native.mpy: | $(BUILD)/abi-checked
$(BUILD)/abi-checked: $(SRC_O) $(XTENSA_RUNTIME)
	$(Q)$(TOOL_PYTHON) host_tools/toolchain/xtensa/check_abi.py $^
	$(Q)touch $@
else ifneq ($(ARCH),x64)
MPY_LD_FLAGS += -l $(realpath $(shell $(CROSS)gcc $(CFLAGS_ARCH) --print-libgcc-file-name))
endif

# dynruntime.mk knows no header dependencies and writes into the current folder: both corrected here.
$(SRC_O): $(wildcard native/$(MODULE)/*.h native/common/*.h) native/natmod.mk
$(OUT): $(BUILD)/$(MOD).native.mpy
	$(Q)$(MPY_TOOL) --merge -o $@ $^
