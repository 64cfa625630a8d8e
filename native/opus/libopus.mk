# Builds the pinned libopus into a static library, for whoever needs one: cffi, .mpy, firmware, tests.
#
#   make -f native/opus/libopus.mk OUT=build/libopus/host FLAGS="-O2 -fPIC" [CC=gcc] [AR=ar]
#
# Run it from the top of the repository. One source list (sources.txt), one configuration
# (libopus_config.h); only the compiler and its code generation flags differ between targets.
# The source tree is fetched when it is not there; OPUS_DIR names one of your own.

OUT ?= build/libopus/host
FLAGS ?= -O2 -fPIC
OPUS_SRC := $(abspath $(or $(OPUS_DIR),build/src/opus))

HERE := native/opus
SOURCES := $(file < $(HERE)/sources.txt)
OBJECTS := $(SOURCES:%.c=$(OUT)/%.o) $(OUT)/silk_copies.o
INCLUDES := -I$(HERE) $(addprefix -I$(OPUS_SRC)/,include celt silk silk/fixed src)
# Warnings are upstream's business.
CFLAGS := -std=gnu99 -w -DNDEBUG -ffunction-sections -fdata-sections -fvisibility=hidden

.DEFAULT_GOAL := $(OUT)/libopus.a
.DELETE_ON_ERROR:

$(OPUS_SRC)/celt/celt.h:
	python3 host_tools/toolchain/fetch_source.py --into build/src opus

# Other flags or another tree: everything anew.
STAMP := $(OUT)/flags
CONFIGURATION := $(CC) $(CFLAGS) $(FLAGS) $(OPUS_SRC)
ifneq ($(CONFIGURATION),$(file < $(STAMP)))
.PHONY: $(STAMP)
endif
$(STAMP):
	@mkdir -p $(sort $(dir $(OBJECTS)))
	@echo '$(CONFIGURATION)' > $@

$(OUT)/silk_copies.o: $(OPUS_SRC)/celt/celt.h $(STAMP) $(HERE)/libopus_config.h $(HERE)/scratch.h
$(filter-out $(OUT)/silk_copies.o,$(OBJECTS)): $(OUT)/%.o: $(OPUS_SRC)/celt/celt.h $(STAMP) $(HERE)/libopus_config.h $(HERE)/scratch.h
	@$(CC) $(CFLAGS) $(FLAGS) -include $(HERE)/libopus_config.h $(INCLUDES) -c $(OPUS_SRC)/$*.c -o $@

$(OUT)/silk_copies.o: $(HERE)/silk_copies.c
	@$(CC) $(CFLAGS) $(FLAGS) -include $(HERE)/libopus_config.h $(INCLUDES) -c $< -o $@

$(OUT)/libopus.a: $(OBJECTS) $(HERE)/sources.txt
	@rm -f $@
	@$(AR) rcs $@ $(OBJECTS)
