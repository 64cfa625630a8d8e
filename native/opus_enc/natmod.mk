# The same recipe; the linker leaves out what this half does not use.
OPUS_GLUE := mp_encoder.h
include native/opus/natmod.mk
