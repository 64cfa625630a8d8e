# What native/natmod.mk needs to know about pcm beyond the convention: more sources, and the header
# because the linker looks for MP_QSTR_ names in whatever stands here.
SRC += $(addprefix native/pcm/, g711.c level.c resample.c tone.c duck.c stretch.c noise.c mp_glue.h)
