# How to compile for an ESP32's CPU with what xtensa.mk built; included by whoever does.
XTENSA_DIR := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))../../../build/xtensa)
export XTENSA_GNU_CONFIG := $(XTENSA_DIR)/core.so
XTENSA_CROSS := xtensa-lx106-elf-
# Only headers are taken from picolibc, whose library has the wrong calling convention too.
XTENSA_CFLAGS := -mabi=windowed -isystem /usr/lib/xtensa-lx106-elf/include
XTENSA_RUNTIME := $(XTENSA_DIR)/libruntime.a
