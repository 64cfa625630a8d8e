# callboard: everything from an empty clone. `make` alone lists the targets.
#
# Whatever is fetched or built lies in build/, and nothing is done twice: each step leaves a file
# or a stamp in build/stamps/. Rules for MicroPython itself: host_tools/toolchain/micropython.mk.

# The board's Python in `make call`, its word size, and what is said (a WAV file of any format).
PYTHON ?= micropython
BITS ?= 64
# Who calls in `make call` and `make bench-call`: board or phone.
DIRECTION ?= board
# How it is coded: auto, opus, opus-8k or pcmu.
CODEC ?= auto
SPEECH ?=
# More arguments for the command or the tests: make call ARGS="--verbose", make test-quick ARGS="-k rtp".
ARGS ?=
# How long `make fuzz` lasts.
FUZZ_SECONDS ?= 60
# The Python that the virtual environment is made from.
HOST_PYTHON ?= python3

JOBS ?= $(shell nproc)

VENV := build/venv
BIN := $(VENV)/bin
STAMPS := build/stamps

# --- house-keeping of make itself ---------------------------------------------------------------

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
# Independent steps run side by side, unless -j was given.
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(JOBS)
endif
# PYTHON=cpython is meant for us, not for MicroPython's own Makefiles, where it names a program.
MAKEOVERRIDES :=
# Containers often set it; then each of the hundreds of programs that tests start compiles its Python anew.
unexport PYTHONDONTWRITEBYTECODE
# Continuous integration often has PYTHON=/some/python3 in its environment.
ifeq ($(origin PYTHON),environment)
ifeq ($(filter $(PYTHON),micropython cpython),)
override PYTHON := micropython
endif
endif
ifneq ($(words $(filter micropython cpython,$(PYTHON))),1)
$(error PYTHON=$(PYTHON): say PYTHON=micropython or PYTHON=cpython)
endif
ifneq ($(words $(filter 64 32,$(BITS))),1)
$(error BITS=$(BITS): say BITS=64 or BITS=32)
endif

.PHONY: help setup venv micropython firmware stock-firmware natmods natmods-host native speech room call bench-call bench-bridge bench-codec bench-flash bench-keystore fuzz \
  test test-quick test-rp2040 soak spec-coverage lint typecheck clean distclean

help: ## list the targets
	@echo "callboard: make TARGET"
	@sed -nE 's/^([a-z0-9-]+):[^#]*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18
	@echo "Variables: PYTHON=micropython|cpython  BITS=64|32  CODEC=auto|opus|opus-8k|pcmu  DIRECTION=board|phone  SPEECH=file.wav"
	@echo "           ARGS=...  JOBS=$(JOBS)"
	@echo "           MICROPYTHON_DIR=  MBEDTLS_DIR=  OPUS_DIR=  (your own source trees)"

# --- the tool chain -----------------------------------------------------------------------------

setup: micropython natmods-host venv speech room ## fetch and build everything, tests included

$(STAMPS)/packages: host_tools/toolchain/system_packages.sh
	@HOST_PYTHON=$(HOST_PYTHON) $< base
	@mkdir -p $(@D) && touch $@

# What only 32-bit programs need; second, because apt does one thing at a time.
$(STAMPS)/packages-32: host_tools/toolchain/system_packages.sh | $(STAMPS)/packages
	@HOST_PYTHON=$(HOST_PYTHON) $< bits32
	@mkdir -p $(@D) && touch $@

# Other people's Opus, which the tests hold ours against; without root those tests are skipped.
$(STAMPS)/packages-peers: host_tools/toolchain/system_packages.sh | $(STAMPS)/packages-32
	@HOST_PYTHON=$(HOST_PYTHON) $< peers || echo "The tests against these will be skipped."
	@mkdir -p $(@D) && touch $@

# A board's compiler, for the size of what runs there; without root sizes are not measured.
$(STAMPS)/packages-arm: host_tools/toolchain/system_packages.sh | $(STAMPS)/packages-32
	@HOST_PYTHON=$(HOST_PYTHON) $< arm || echo "Sizes will not be measured."
	@mkdir -p $(@D) && touch $@

# The compilers of every CPU that a board has, and what emulates them.
$(STAMPS)/packages-cross: host_tools/toolchain/system_packages.sh | $(STAMPS)/packages-32
	@HOST_PYTHON=$(HOST_PYTHON) $< arm riscv xtensa
	@mkdir -p $(@D) && touch $@

$(STAMPS)/packages-qemu: host_tools/toolchain/system_packages.sh | $(STAMPS)/packages-cross
	@HOST_PYTHON=$(HOST_PYTHON) $< qemu
	@mkdir -p $(@D) && touch $@

# libFuzzer, which learns what reaches new code; without it fuzzing is blind.
$(STAMPS)/packages-fuzz: host_tools/toolchain/system_packages.sh | $(STAMPS)/packages-peers
	@HOST_PYTHON=$(HOST_PYTHON) $< fuzz || echo "Fuzzing will be blind."
	@mkdir -p $(@D) && touch $@

# A browser's client for Wi-Fi provisioning; without npm its test is skipped.
$(STAMPS)/improv: host_tools/toolchain/fetch_improv.sh | $(STAMPS)/packages-fuzz
	@$< build/improv || echo "The test with a browser's Improv client will be skipped."
	@mkdir -p $(@D) && touch $@

include host_tools/toolchain/micropython.mk
include host_tools/toolchain/firmware.mk

micropython: build/bin/mpy-cross build/bin/micropython64 build/bin/micropython32 ## the two MicroPython unix builds

firmware: $(FIRMWARE)/firmware.uf2 ## our own firmware for a board of MicroPython's rp2 port: BOARD=RPI_PICO

stock-firmware: $(STOCK_FIRMWARE)/firmware.uf2 ## MicroPython's own firmware for it, which tests upgrade to

speech: $(STAMPS)/speech
$(STAMPS)/speech: host_tools/toolchain/fetch_speech.sh | $(STAMPS)/packages
	@$< build/speech
	@mkdir -p $(@D) && touch $@

# --- the virtual environment --------------------------------------------------------------------

venv: $(STAMPS)/venv-test $(STAMPS)/native ## build/venv with this project and its test tools

PIP := $(BIN)/python -m pip --disable-pip-version-check -q
# A download may break off; pip keeps those that were whole.
define fetched_by_pip
$(PIP) install $(1) || { echo "pip: once more ..."; sleep 5; $(PIP) install $(1); }
endef
REQUIREMENTS := $(BIN)/python host_tools/toolchain/requirements.py

# Two steps, so that `make call` does not install what only the tests need.
$(STAMPS)/venv: pyproject.toml host_tools/toolchain/requirements.py | $(STAMPS)/packages
	@echo "installing Python packages into $(VENV) ..."
	@[ -x $(BIN)/python ] || $(HOST_PYTHON) -m venv $(VENV)
	@$(REQUIREMENTS) --build > build/requirements-build.txt
	@$(REQUIREMENTS) natmod > build/requirements.txt
	@$(call fetched_by_pip,-r build/requirements-build.txt -r build/requirements.txt)
	@mkdir -p $(@D) && touch $@

$(STAMPS)/venv-test: $(STAMPS)/venv
	@echo "installing the test tools into $(VENV) ..."
	@$(REQUIREMENTS) test > build/requirements-test.txt
	@$(call fetched_by_pip,-r build/requirements-test.txt)
	@mkdir -p $(@D) && touch $@

# A recorded room, for the tests of echo control.
room: $(STAMPS)/room
$(STAMPS)/room: host_tools/toolchain/fetch_room.sh | $(STAMPS)/venv
	@$< build/room $(BIN)/python
	@mkdir -p $(@D) && touch $@

# --- native modules -----------------------------------------------------------------------------

native: $(STAMPS)/native ## the C modules for the host, and this project, in build/venv

NATIVE_SOURCES := $(wildcard native/*/*.[ch] native/*/cffi_build.py native/cffi_backend.py \
  native/opus/libopus.mk native/opus/sources.txt \
  native/host/callboard_native/__init__.py)

# An editable install: the working tree is what runs; only the C is compiled.
$(STAMPS)/native: $(STAMPS)/venv $(NATIVE_SOURCES)
	@echo "building the native modules for the host ..."
	@$(PIP) install --no-deps --no-build-isolation -e .
	@mkdir -p $(@D) && touch $@

$(STAMPS)/xtensa: $(wildcard host_tools/toolchain/xtensa/*.[cm]*) | $(STAMPS)/packages-cross
	@echo "building what an ESP32's compiler lacks ..."
	+@$(MAKE) -s --no-print-directory -f host_tools/toolchain/xtensa/xtensa.mk
	@mkdir -p $(@D) && touch $@

include native/natmods.mk
include tests/native/cpus/cpus.mk

# --- a call -------------------------------------------------------------------------------------

# Only what this very call needs: the 32-bit build for BITS=32, no MicroPython for PYTHON=cpython.
CALL_micropython_64 := build/bin/micropython64 natmods-x64
CALL_micropython_32 := build/bin/micropython32 natmods-x86
CALL_NEEDS := $(CALL_$(PYTHON)_$(BITS)) $(STAMPS)/native $(STAMPS)/speech
CALL_OPTIONS = --caller $(DIRECTION) --python $(PYTHON) --bits $(BITS) --codec $(CODEC) $(if $(SPEECH),--speech "$(SPEECH)") $(ARGS)

call: $(CALL_NEEDS) ## a call between a virtual board and a phone, with a report in build/call/
	@$(BIN)/callboard demo-call $(CALL_OPTIONS)

bench-call: $(CALL_NEEDS) ## 20 call set-ups and 60 s of media, for percentiles
	@$(BIN)/callboard bench-call $(CALL_OPTIONS)

bench-bridge: $(CALL_micropython_32) $(STAMPS)/native $(STAMPS)/speech $(STAMPS)/venv-test ## spoken calls over `callboard bridge` at several speeds
	@$(BIN)/python tests/bench/bridge.py $(ARGS)

bench-codec: micropython natmods-host $(STAMPS)/native $(STAMPS)/speech $(STAMPS)/packages-32 ## Opus per frame, against plain C
	@$(BIN)/python tests/bench/codec.py $(ARGS)

bench-flash: $(STAMPS)/venv-test $(STAMPS)/native build/bin/mpy-cross ## callboard flash beside esptool alone
	@$(BIN)/python tests/bench/flash.py $(ARGS)

bench-keystore: $(STAMPS)/venv-test $(STAMPS)/packages-arm ## the key store beside littlefs, and its size on a board
	@$(BIN)/python tests/bench/keystore.py $(ARGS)

# --- tests --------------------------------------------------------------------------------------

PYTEST := $(BIN)/python -m pytest
# Files of tests beside each other; some wait while others work.
SIDE_BY_SIDE := -n $$(($(JOBS) + 1)) --dist loadfile --no-loadscope-reorder
# With ARGS="-k ..." a half of the tests may have none to run: pytest's status 5.
HALF_FAILED = $(if $(strip $(ARGS)),[ $$? = 5 ] ||) failed=1

test-rp2040: setup firmware stock-firmware ## our firmware on an emulated RP2040: flash, boot, device tests, power cuts, a call
	@$(PYTEST) -m rp2040 $(ARGS)

test: setup cpus firmware stock-firmware $(STAMPS)/packages-peers $(STAMPS)/packages-fuzz $(STAMPS)/improv ## everything CI runs: lint, types, all tests, coverage of the specification
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@rm -rf build/results; failed=; \
	  echo "tests of parts, side by side ..."; \
	  $(PYTEST) -m "not system" $(SIDE_BY_SIDE) --results=build/results/parts.json $(ARGS) || $(HALF_FAILED); \
	  echo "whole programs in real time, one by one ..."; \
	  $(PYTEST) -m system --results=build/results/system.json $(ARGS) || $(HALF_FAILED); \
	  $(BIN)/python tests/spec_coverage.py || failed=1; \
	  [ -z "$$failed" ] || { echo "Not all is well: see above."; exit 1; }

test-quick: setup ## unit tests only: no whole programs, nothing slow
	@$(PYTEST) -m "not system and not slow" $(SIDE_BY_SIDE) $(ARGS)

soak: setup cpus firmware stock-firmware ## the long forms of the tests that have one; takes hours
	@CALLBOARD_SOAK=1 $(PYTEST) -m soak $(ARGS)

# Goes on where the last run ended: what it found is kept in build/fuzz/. FUZZ_SECONDS=3600 for an hour.
fuzz: $(STAMPS)/native $(STAMPS)/venv-test $(STAMPS)/packages-fuzz ## fuzz the C cores with sanitizers for a minute
	@CALLBOARD_FUZZ_SECONDS=$(FUZZ_SECONDS) $(PYTEST) tests/native/test_opus_fuzz.py tests/native/test_keystore_fuzz.py tests/native/test_sanitizers.py $(ARGS)

spec-coverage: $(STAMPS)/venv-test ## rows of the feature table that the tests show: build/spec-coverage.json
	@$(BIN)/python tests/spec_coverage.py

lint: $(STAMPS)/venv-test ## ruff
	@$(BIN)/ruff check .

typecheck: $(STAMPS)/venv-test ## mypy on the host tools
	@$(BIN)/mypy

clean: ## remove what was built here, keep what was fetched
	rm -rf build/call build/natmods build/micropython build/bin build/lib* build/temp* build/bdist* \
	  build/cpus build/firmware build/xtensa $(STAMPS)/xtensa build/cache .mpy_ld_cache build/*.json build/*.log $(STAMPS)/native native/host/callboard_native/*.so

distclean: ## remove build/ altogether
	rm -rf build .mpy_ld_cache native/host/callboard_native/*.so
