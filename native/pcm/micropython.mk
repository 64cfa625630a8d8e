# callboard_pcm as a user C module: make -C ports/... USER_C_MODULES=<this repository>/native
CALLBOARD_PCM_DIR := $(USERMOD_DIR)
SRC_USERMOD_C += $(CALLBOARD_PCM_DIR)/usermod.c
SRC_USERMOD_LIB_C += $(addprefix $(CALLBOARD_PCM_DIR)/, pcm.c g711.c level.c resample.c tone.c duck.c stretch.c noise.c)
