# callboard_keystore as a user C module: make -C ports/... USER_C_MODULES=<this repository>/native
CALLBOARD_KEYSTORE_DIR := $(USERMOD_DIR)
SRC_USERMOD_C += $(CALLBOARD_KEYSTORE_DIR)/usermod.c
SRC_USERMOD_LIB_C += $(addprefix $(CALLBOARD_KEYSTORE_DIR)/, record.c index.c sectors.c store.c attach.c seal.c)
