# Rules that build a MicroPython for each emulated CPU; included by the top Makefile.
#
#   build/cpus/<cpu>/firmware.elf     MicroPython's qemu port with our four modules linked in as user C
#                                     modules: the reference for the .mpy of the same code
#
# xtensa_port/ has its own Makefile.

CPUS_DIR := tests/native/cpus
EMULATED := armv6m armv7m armv7emsp rv32imc
EMULATED_FILES := $(EMULATED:%=build/cpus/%/firmware.elf)

$(EMULATED_FILES): build/cpus/%/firmware.elf: $(CPUS_DIR)/%/mpconfigboard.mk $(wildcard $(CPUS_DIR)/*.[hc] \
  $(CPUS_DIR)/*.ld native/*/*.[ch] native/*/micropython.mk) $(CPUS_DIR)/board.mk $(CPUS_DIR)/cpus.mk \
  build/micropython/mpy-cross/mpy-cross $(STAMPS)/opus-source $(TOOLCHAIN)/frozen_manifest.py | $(STAMPS)/packages-qemu
	@echo "building MicroPython for an emulated $* (about 25 s) ..."
	@mkdir -p $(@D)
	+@$(MAKE) -C $(MICROPYTHON_SRC)/ports/qemu --no-print-directory -s BOARD=$* BOARD_DIR=$(abspath $(CPUS_DIR)/$*) \
	  BUILD=$(abspath $(@D)) USER_C_MODULES=$(abspath native) \
	  MICROPY_MPYCROSS=$(MICROPYTHON_OUT)/mpy-cross/mpy-cross MICROPY_MPYCROSS_DEPENDENCY= \
	  FROZEN_MANIFEST=$(abspath $(TOOLCHAIN)/frozen_manifest.py) $(call LOGGED,$(@D).log)
	@touch $@

# The user C module wants libopus where it is.
$(STAMPS)/opus-source: $(TOOLCHAIN)/pins.json | $(STAMPS)/packages
	@$(HOST_PYTHON) $(TOOLCHAIN)/fetch_source.py --into build/src opus
	@mkdir -p $(@D) && touch $@

# The port for Xtensa has a Makefile of its own.
build/cpus/xtensawin/firmware.elf: $(wildcard $(CPUS_DIR)/xtensa_port/*) $(CPUS_DIR)/modtime.h $(STAMPS)/xtensa \
  build/micropython/mpy-cross/mpy-cross $(TOOLCHAIN)/frozen_manifest.py | $(STAMPS)/packages-qemu $(STAMPS)/venv
	@echo "building MicroPython for an emulated Xtensa core (about 15 s) ..."
	@mkdir -p $(@D)
	+@$(MAKE) -C $(CPUS_DIR)/xtensa_port --no-print-directory -s BUILD=$(abspath $(@D)) MPY_DIR=$(MICROPYTHON_SRC) \
	  PYTHON=$(abspath $(BIN)/python) FROZEN_MANIFEST=$(abspath $(TOOLCHAIN)/frozen_manifest.py) \
	  MICROPY_MPYCROSS=$(MICROPYTHON_OUT)/mpy-cross/mpy-cross MICROPY_MPYCROSS_DEPENDENCY= $(call LOGGED,$(@D).log)
	@touch $@

.PHONY: cpus test-cpus
cpus: $(EMULATED_FILES) build/cpus/xtensawin/firmware.elf natmods $(STAMPS)/speech ## MicroPython for every emulated CPU

test-cpus: cpus setup ## the native modules on emulated CPUs: equal to the host's? build/cpus.json
	@$(PYTEST) tests/native/test_cpus.py $(ARGS)
	@cd tests/native && $(abspath $(BIN)/python) -m cpus.costs
