# What native/natmod.mk needs to know about keystore beyond the convention: there is no keystore.c, and the
# linker looks for MP_QSTR_ names in whatever stands here, hence the header.
SRC := $(addprefix native/keystore/, natmod.c record.c index.c sectors.c store.c attach.c seal.c mp_glue.h)
