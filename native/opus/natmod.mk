# What native/natmod.mk needs to know about opus, and about its halves opus_enc and opus_dec.
#
# libopus comes as a static library, built once per ARCH for all three modules. The system's linker joins
# glue, core and what they use of the library into one object before MicroPython's linker sees it: that
# picks the halves apart, and drops unused functions (--gc-sections).

# Boards count bytes, desktops cycles.
OPUS_OPTIMIZE := $(if $(filter x64 x86,$(ARCH)),-O2,-Os)
LIBOPUS_OUT := build/libopus/$(ARCH)
OPUS_CORE := $(addprefix native/opus/,encoder.c decoder.c packet.c state.c scratch.c)
OPUS_TREE := $(abspath $(or $(OPUS_DIR),build/src/opus))

# The glue is compiled by dynruntime.mk's pattern, which the rule below overrides for its object.
SRC := native/$(MODULE)/natmod.c
# No source, but the linker looks for MP_QSTR_ names in whatever stands here.
OPUS_GLUE ?= mp_encoder.h mp_decoder.h
SRC += native/opus/mp_glue.h $(OPUS_GLUE:%=native/opus/%)
CFLAGS_EXTRA += $(OPUS_OPTIMIZE) -ffunction-sections -fdata-sections -I$(OPUS_TREE)/include
LINKED := $(BUILD)/native/$(MODULE)/natmod.o

# Asked every time; the library's own rules decide. The lock keeps the three modules from building it at once.
$(LIBOPUS_OUT)/libopus.a: FORCE
	+$(Q)mkdir -p build && flock build/.libopus-lock $(MAKE) -s --no-print-directory -f native/opus/libopus.mk \
	  OUT=$(LIBOPUS_OUT) CC="$(CROSS)gcc" AR="$(CROSS)ar" FLAGS="$(CFLAGS_ARCH) $(OPUS_OPTIMIZE)"
.PHONY: FORCE
FORCE:

$(LINKED): $(SRC) $(OPUS_CORE) $(BUILD)/$(MOD).config.h $(LIBOPUS_OUT)/libopus.a \
  native/opus/natmod.mk $(wildcard native/opus/*.h)
	$(ECHO) "LINK $@"
	$(Q)for source in native/$(MODULE)/natmod.c $(OPUS_CORE); do \
	  $(CROSS)gcc $(CFLAGS) -c $$source -o $(@D)/$$(basename $$source .c).part.o || exit 1; done
	$(Q)$(CROSS)gcc $(filter-out -specs=%,$(CFLAGS_ARCH)) -r -nostdlib -Wl,--gc-sections -Wl,-e,mpy_init -o $@ \
	  $(@D)/natmod.part.o $(patsubst %.c,$(@D)/%.part.o,$(notdir $(OPUS_CORE))) \
	  $(LIBOPUS_OUT)/libopus.a $(shell $(CROSS)gcc $(CFLAGS_ARCH) --print-libgcc-file-name)
