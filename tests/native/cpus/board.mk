# What the emulated boards share; included by each board's mpconfigboard.mk.
CPUS_DIR := $(BOARD_DIR)/..
CFLAGS += -DMP_CONFIGFILE='<$(CPUS_DIR)/mpconfig.h>' -DMICROPY_CPU_CLOCK_FILE='<$(CPUS_DIR)/modtime.h>'
LDFLAGS += -Wl,--wrap=uart_init
SRC_C += $(CPUS_DIR)/clock.c shared/timeutils/timeutils.c
# Names in the headers of our modules: a change there is a reason to look through all sources for names again.
QSTR_GLOBAL_DEPENDENCIES += $(wildcard $(USER_C_MODULES)/*/mp_*.h)
