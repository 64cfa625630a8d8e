# Rules that build every native module as a .mpy for every CPU; included by the top Makefile.
#
#   build/natmods/<cpu>/callboard_<module>.mpy     CPUs by MicroPython's names
#   build/natmods/<cpu>/callboard_natmods.sha256   what the firmware checks before it imports one
#   build/natmods/<cpu>/package.json, opus.json    for mpremote mip install
#
# `make natmods-<cpu>` for one CPU. x64 and x86 are the unix builds of MicroPython; the others need
# cross compilers (Debian packages), which only `make natmods` and the tests of those CPUs install.

NATIVE_MODULES := $(patsubst native/%/natmod.c,%,$(wildcard native/*/natmod.c))
HOST_CPUS := x64 x86
ARM_CPUS := armv6m armv7m armv7emsp
BOARD_CPUS := $(ARM_CPUS) rv32imc xtensawin
CPUS := $(HOST_CPUS) $(BOARD_CPUS)

# opus_enc and opus_dec are halves of opus, for boards that only send or only listen; no call here needs them.
HALVES := opus_enc opus_dec
# An ESP32 has no room for a .mpy with Opus: native code must lie in its instruction RAM.
WITHOUT_OPUS := xtensawin
modules_for = $(filter-out $(HALVES) $(if $(filter $(1),$(WITHOUT_OPUS)),opus),$(NATIVE_MODULES))
halves_for = $(if $(filter $(1),$(WITHOUT_OPUS)),,$(HALVES))
natmod_files = $(patsubst %,build/natmods/$(1)/callboard_%.mpy,$(2))
HALF_FILES := $(foreach cpu,$(CPUS),$(call natmod_files,$(cpu),$(call halves_for,$(cpu))))
HASH_LISTS := $(CPUS:%=build/natmods/%/callboard_natmods.sha256)
WRITE_LISTS = PYTHONPATH=firmware:host_tools $(BIN)/python -m callboard_host.natmods

natmods: $(CPUS:%=natmods-%) $(HALF_FILES) ## the C modules for MicroPython on every CPU: build/natmods/<cpu>/
	@$(WRITE_LISTS) $(CPUS:%=build/natmods/%)

natmods-host: $(HOST_CPUS:%=natmods-%) $(filter build/natmods/x64/% build/natmods/x86/%,$(HALF_FILES))
	@$(WRITE_LISTS) $(HOST_CPUS:%=build/natmods/%)

define natmods_for
.PHONY: natmods-$(1)
natmods-$(1): build/natmods/$(1)/callboard_natmods.sha256
build/natmods/$(1)/callboard_natmods.sha256: $(call natmod_files,$(1),$(call modules_for,$(1)))
build/natmods/$(1)/callboard_%.mpy: native/%/natmod.c native/natmod.mk $$(SOURCE_STAMP) | $(STAMPS)/venv
	@mkdir -p $$(@D)
	@echo "building $$@"
	+@$$(MAKE) -s --no-print-directory -f native/natmod.mk MODULE=$$* ARCH=$(1) \
	  MPY_DIR=$$(MICROPYTHON_SRC) OUT=$$@ $$(call LOGGED,$$(@:.mpy=.log))
	@touch $$@
endef
$(foreach cpu,$(CPUS),$(eval $(call natmods_for,$(cpu))))

$(HASH_LISTS): firmware/callboard/__init__.py host_tools/callboard_host/natmods.py | $(STAMPS)/venv
	@$(WRITE_LISTS) $(@D)

# Every source of a module is a prerequisite of its .mpy.
define natmod_sources
$(CPUS:%=build/natmods/%/callboard_$(1).mpy): $(wildcard native/$(1)/*.[ch] native/common/*.h native/$(1)/natmod.mk)
endef
$(foreach module,$(NATIVE_MODULES),$(eval $(call natmod_sources,$(module))))
OPUS_SOURCES := $(wildcard native/opus/*.[ch]) native/opus/natmod.mk native/opus/libopus.mk native/opus/sources.txt
$(HALF_FILES) $(CPUS:%=build/natmods/%/callboard_opus.mpy): $(OPUS_SOURCES)

# The compilers. 32-bit x86 modules need 32-bit headers and libgcc.
all_for = $(patsubst %,build/natmods/$(1)/callboard_%.mpy,$(NATIVE_MODULES))
$(call all_for,x86): | $(STAMPS)/packages-32
$(foreach cpu,$(BOARD_CPUS),$(call all_for,$(cpu))): | $(STAMPS)/packages-cross
$(call all_for,xtensawin): $(STAMPS)/xtensa
