# callboard_opus as a user C module: make -C ports/... USER_C_MODULES=<this repository>/native
CALLBOARD_OPUS_DIR := $(USERMOD_DIR)
CALLBOARD_OPUS_TREE := $(abspath $(or $(OPUS_DIR),$(CALLBOARD_OPUS_DIR)/../../build/src/opus))
ifeq ($(wildcard $(CALLBOARD_OPUS_TREE)/celt/celt.h),)
$(error No libopus in $(CALLBOARD_OPUS_TREE): run make native in the repository first, or set OPUS_DIR)
endif

CALLBOARD_OPUS_CORE := encoder.c decoder.c packet.c state.c scratch.c
CALLBOARD_LIBOPUS := $(addprefix $(CALLBOARD_OPUS_TREE)/,$(file < $(CALLBOARD_OPUS_DIR)/sources.txt))
CALLBOARD_SILK_COPIES := $(CALLBOARD_OPUS_DIR)/silk_copies.c
SRC_USERMOD_C += $(CALLBOARD_OPUS_DIR)/usermod.c
SRC_USERMOD_LIB_C += $(addprefix $(CALLBOARD_OPUS_DIR)/,$(CALLBOARD_OPUS_CORE)) $(CALLBOARD_SILK_COPIES) $(CALLBOARD_LIBOPUS)

$(addprefix $(BUILD)/opus/,$(CALLBOARD_OPUS_CORE:.c=.o)): CFLAGS += -I$(CALLBOARD_OPUS_TREE)/include
# Upstream's code is upstream's business: no warnings, and its configuration before everything else.
$(BUILD)/opus/silk_copies.o $(addprefix $(BUILD)/,$(CALLBOARD_LIBOPUS:.c=.o)): CFLAGS += -w -include $(CALLBOARD_OPUS_DIR)/libopus_config.h \
  -I$(CALLBOARD_OPUS_DIR) $(addprefix -I$(CALLBOARD_OPUS_TREE)/,include celt silk silk/fixed src)
