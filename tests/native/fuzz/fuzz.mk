# Builds the fuzz targets of this folder with AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   make -f tests/native/fuzz/fuzz.mk build/fuzz/opus && build/fuzz/opus -max_total_time=60 build/fuzz/opus.corpus
#
# Run it from the top of the repository. clang's libFuzzer where there is one, otherwise gcc and driver.c.

HERE := tests/native/fuzz
OPUS := native/opus
OPUS_TREE := $(abspath $(or $(OPUS_DIR),build/src/opus))

CLANG := $(shell echo 'int LLVMFuzzerTestOneInput(){return 0;}' | \
  clang -fsanitize=fuzzer,address,undefined -xc - -o /dev/null 2>/dev/null && command -v clang)
# libopus shifts and adds with overflow on purpose; the rest of undefined behaviour counts there too.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
UPSTREAM := $(SANITIZE) -fno-sanitize=shift,signed-integer-overflow
ifneq ($(CLANG),)
CC := $(CLANG)
INSTRUMENT := -fsanitize=fuzzer-no-link
LINK := -fsanitize=fuzzer
else
CC := gcc
LINK := $(HERE)/driver.c
endif
FLAGS := -g -O2 $(INSTRUMENT) -DCALLBOARD_HOST -DCALLBOARD_SCRATCH_WATCH
WARN := -std=gnu99 -Wall -Wextra -Werror

.DELETE_ON_ERROR:

build/libopus/fuzz/libopus.a: FORCE
	+@$(MAKE) -s --no-print-directory -f $(OPUS)/libopus.mk OUT=build/libopus/fuzz CC="$(CC)" FLAGS="$(FLAGS) $(UPSTREAM)"
.PHONY: FORCE
FORCE:

CORE := $(addprefix $(OPUS)/,encoder.c decoder.c packet.c state.c)
# opus: scripts of calls, good and bad; opus_decode: packets from a peer.
build/fuzz/opus build/fuzz/opus_decode: build/fuzz/%: $(HERE)/%.c $(HERE)/scratch_watch.c $(HERE)/driver.c \
  build/libopus/fuzz/libopus.a $(CORE) $(wildcard $(OPUS)/*.h $(HERE)/*.h native/common/*.h) $(HERE)/fuzz.mk
	@mkdir -p $(@D)
	@$(CC) $(WARN) $(FLAGS) $(SANITIZE) $(LINK) -I$(OPUS) -I$(HERE) -I$(OPUS_TREE)/include \
	  $< $(HERE)/scratch_watch.c $(CORE) build/libopus/fuzz/libopus.a -o $@
