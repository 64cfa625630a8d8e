# What native/natmod.mk needs to know about wire beyond the convention: there is no wire.c, and the
# linker looks for MP_QSTR_ names in whatever stands here, hence the header.
SRC := $(addprefix native/wire/, natmod.c rtp_tx.c rtp_rx.c websocket.c h264.c serial.c mp_glue.h)
