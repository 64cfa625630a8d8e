# Rules that build our firmware for the boards of MicroPython's rp2 port: callboard frozen, all native
# modules linked in. Included by the top Makefile.
#
#   build/firmware/<BOARD>/firmware.uf2, .bin, .elf
#   build/firmware/stock/<BOARD>/firmware.uf2      MicroPython as it is, to upgrade from and to
#
# BOARD is a folder of MicroPython's ports/rp2/boards. Boards with a radio need sources that Debian
# does not have (cyw43-driver, lwip, btstack): MICROPYTHON_DIR, a clone with its submodules.

PICO_SDK_SRC := $(abspath $(or $(PICO_SDK_DIR),build/src/pico-sdk))
TINYUSB_SRC := $(abspath $(or $(TINYUSB_DIR),build/src/tinyusb))
RP2_PORT := $(MICROPYTHON_SRC)/ports/rp2
BOARD ?= RPI_PICO
FIRMWARE := build/firmware/$(BOARD)
# Bytes that a firmware may have: 10 kB less than what it keeps for itself leaves (firmware/rp2/mpconfigport.h).
ROOM_RPI_PICO := 620000
RP2_SOURCE_STAMP := build/stamps/source-rp2
export PICO_SDK_DIR TINYUSB_DIR

# Debian leaves out lib/tinyusb, too.
$(RP2_SOURCE_STAMP): $(TOOLCHAIN)/pins.json $(SOURCE_STAMP) | build/stamps/packages-arm
	@$(HOST_PYTHON) $(TOOLCHAIN)/fetch_source.py --into build/src pico-sdk tinyusb opus
	@cd $(MICROPYTHON_SRC)/lib && if [ ! -e tinyusb/src ]; then \
	  { [ ! -L tinyusb ] || rm tinyusb; } && { [ ! -d tinyusb ] || rmdir tinyusb; } && \
	  ln -s $(TINYUSB_SRC) tinyusb; fi
	@touch $@

# The board as MicroPython has it, with a port of our configuration.
$(FIRMWARE)/board/mpconfigport.h: firmware/rp2/mpconfigport.h $(RP2_SOURCE_STAMP)
	@mkdir -p $(FIRMWARE)
	@rm -rf $(@D) $(FIRMWARE)/build && cp -r $(RP2_PORT)/boards/$(BOARD) $(@D) && cp $< $@

FIRMWARE_SOURCES := $(wildcard native/*/*.[ch] native/*/micropython.cmake native/*/sources.txt) \
  native/micropython.cmake $(shell find firmware -name '*.py') firmware/rp2/mbedtls_config.h \
  $(wildcard firmware/rp2/*.c) firmware/rp2/micropython.cmake

# UF2 files are made by MicroPython's own tool, which spares us picotool. There is no C++ in these
# firmwares but one file of the SDK's: without that, and linked by gcc, no C++ library is needed
# (Debian's has 1.5 GB).
TO_UF2 = $(HOST_PYTHON) $(MICROPYTHON_SRC)/tools/uf2conv.py -f 0xe48bff56 -b 0x10000000 -c -o $(2) $(1)
RP2_CMAKE = -DPICO_SDK_PATH_OVERRIDE=$(PICO_SDK_SRC) -DPICO_CLIB=newlib -DPICO_NO_PICOTOOL=1 \
  -DCMAKE_CXX_COMPILER=$$(command -v arm-none-eabi-gcc) -DCMAKE_CXX_STANDARD_LIBRARIES=-lm

# Both cmake and make must be told, or each firmware builds its own in MicroPython's tree, at the same time.
OUR_MPYCROSS = MICROPY_MPYCROSS=$(MICROPYTHON_OUT)/mpy-cross/mpy-cross

# Nothing prints floats in C.
$(FIRMWARE)/firmware.uf2: $(FIRMWARE)/board/mpconfigport.h $(FIRMWARE_SOURCES) \
  build/micropython/mpy-cross/mpy-cross
	@echo "building the firmware for $(BOARD) (about a minute) ..."
	@CFLAGS="-DPICO_PRINTF_SUPPORT_FLOAT=0" CXXFLAGS="-DPICO_CXX_DISABLE_ALLOCATION_OVERRIDES=1" \
	  $(OUR_MPYCROSS) cmake -S $(RP2_PORT) -B $(FIRMWARE)/build \
	  -DMICROPY_BOARD=$(BOARD) -DMICROPY_BOARD_DIR=$(abspath $(FIRMWARE)/board) \
	  -DMICROPY_FROZEN_MANIFEST=$(abspath firmware/rp2/manifest.py) \
	  -DMBEDTLS_CONFIG_FILE=$(abspath firmware/rp2/mbedtls_config.h) \
	  -DUSER_C_MODULES=$(abspath firmware/rp2/micropython.cmake) \
	  -DCMAKE_C_FLAGS_MINSIZEREL="-Oz -DNDEBUG" $(RP2_CMAKE) \
	  $(call LOGGED,$(FIRMWARE)/cmake.log)
	+@$(OUR_MPYCROSS) \
	  CALLBOARD_NETWORK=$$(grep -c NETWORK $(FIRMWARE)/board/mpconfigboard.cmake) \
	  $(MAKE) -C $(FIRMWARE)/build --no-print-directory $(call LOGGED,$(FIRMWARE)/make.log)
	@size=$$(stat -c %s $(FIRMWARE)/build/firmware.bin); room=$(or $(ROOM_$(BOARD)),$$size); \
	  [ $$size -le $$room ] || { echo "The firmware has $$size bytes, and room for $$room."; exit 1; }
	@cp $(FIRMWARE)/build/firmware.bin $(FIRMWARE)/build/firmware.elf $(FIRMWARE)
	@$(call TO_UF2,$(FIRMWARE)/firmware.bin,$@) > $(FIRMWARE)/uf2.log
	@echo "$@: $$(stat -c %s $(FIRMWARE)/firmware.bin) bytes of flash"

# MicroPython's firmware as it is, but without the four drivers out of micropython-lib (onewire, ds18x20,
# dht, neopixel), which Debian does not have: the same flash map, the same place for files.
STOCK_FIRMWARE := build/firmware/stock/$(BOARD)
STOCK_MANIFEST := $(TOOLCHAIN)/stock_manifest.py

$(STOCK_FIRMWARE)/firmware.uf2: $(STOCK_MANIFEST) $(RP2_SOURCE_STAMP) build/micropython/mpy-cross/mpy-cross
	@echo "building MicroPython's own firmware for $(BOARD) (about half a minute) ..."
	@rm -rf $(STOCK_FIRMWARE) && mkdir -p $(STOCK_FIRMWARE)
	@CXXFLAGS="-DPICO_CXX_DISABLE_ALLOCATION_OVERRIDES=1" $(OUR_MPYCROSS) cmake -S $(RP2_PORT) -B $(STOCK_FIRMWARE)/build \
	  -DMICROPY_BOARD=$(BOARD) -DMICROPY_FROZEN_MANIFEST=$(abspath $(STOCK_MANIFEST)) $(RP2_CMAKE) \
	  $(call LOGGED,$(STOCK_FIRMWARE)/cmake.log)
	+@$(OUR_MPYCROSS) \
	  $(MAKE) -C $(STOCK_FIRMWARE)/build --no-print-directory $(call LOGGED,$(STOCK_FIRMWARE)/make.log)
	@$(call TO_UF2,$(STOCK_FIRMWARE)/build/firmware.bin,$@) > $(STOCK_FIRMWARE)/uf2.log
