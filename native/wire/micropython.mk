# callboard_wire as a user C module: make -C ports/... USER_C_MODULES=<this repository>/native
CALLBOARD_WIRE_DIR := $(USERMOD_DIR)
SRC_USERMOD_C += $(CALLBOARD_WIRE_DIR)/usermod.c
SRC_USERMOD_LIB_C += $(addprefix $(CALLBOARD_WIRE_DIR)/, rtp_tx.c rtp_rx.c websocket.c h264.c serial.c)
