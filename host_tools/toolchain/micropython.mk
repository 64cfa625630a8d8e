# Rules that fetch and build MicroPython for the host; included by the top Makefile.
#
#   build/bin/mpy-cross        the bytecode compiler
#   build/bin/micropython64    unix standard variant, 64-bit
#   build/bin/micropython32    unix standard variant, 32-bit with single-precision float: integer
#                              width, float width and allocation behave as on the boards
#
# MICROPYTHON_DIR and MBEDTLS_DIR replace the fetched sources by your own clones. Everything built
# goes to build/micropython/; a clone of yours is not written to, except that its empty
# lib/mbedtls and lib/micropython-lib are filled as described below.

TOOLCHAIN := host_tools/toolchain
MICROPYTHON_OUT := $(abspath build/micropython)
MICROPYTHON_SRC := $(abspath $(or $(MICROPYTHON_DIR),build/src/micropython))
MBEDTLS_SRC := $(abspath $(or $(MBEDTLS_DIR),build/src/mbedtls))
export MICROPYTHON_DIR MBEDTLS_DIR OPUS_DIR

# The version of a fetched tree is in its headers; git must not find our own repository above it.
export GIT_CEILING_DIRECTORIES := $(patsubst %/,%,$(dir $(MICROPYTHON_SRC)))

# The stamp holds the folders that were used; other folders are a reason to build everything anew.
SOURCE_STAMP := build/stamps/source
SOURCES_USED := $(MICROPYTHON_SRC) $(MBEDTLS_SRC)
ifneq ($(SOURCES_USED),$(shell cat $(SOURCE_STAMP) 2>/dev/null))
.PHONY: $(SOURCE_STAMP)
endif

# Debian leaves out lib/mbedtls and lib/micropython-lib; the first is linked from Debian's own
# package, and of the second the build only asks that a README.md exists. A clone that has its
# submodules is left as it is.
$(SOURCE_STAMP): $(TOOLCHAIN)/pins.json | build/stamps/packages
	@$(HOST_PYTHON) $(TOOLCHAIN)/fetch_source.py --into build/src micropython mbedtls
	@cd $(MICROPYTHON_SRC)/lib && if [ ! -e mbedtls/library ]; then \
	  { [ ! -L mbedtls ] || rm mbedtls; } && { [ ! -d mbedtls ] || rmdir mbedtls; } && \
	  ln -s $(MBEDTLS_SRC) mbedtls; fi
	@cd $(MICROPYTHON_SRC)/lib && { [ -e micropython-lib/README.md ] || \
	  touch micropython-lib/README.md; }
	@mkdir -p $(@D)
	@[ ! -e $@ ] || [ "$$(cat $@)" = "$(SOURCES_USED)" ] || rm -rf build/micropython
	@echo "$(SOURCES_USED)" > $@

# Output of MicroPython's own Makefiles goes to a log, of which a failure shows the end.
LOGGED = > $(1) 2>&1 || { tail -n 30 $(1); echo "The whole output is in $(1)."; exit 1; }

UNIX_MAKE = $(MAKE) -C $(MICROPYTHON_SRC)/ports/unix --no-print-directory -s \
  VARIANT=standard MICROPY_PY_BTREE=0 MICROPY_PY_FFI=0 \
  MICROPY_MPYCROSS=$(MICROPYTHON_OUT)/mpy-cross/mpy-cross MICROPY_MPYCROSS_DEPENDENCY= \
  FROZEN_MANIFEST=$(abspath $(TOOLCHAIN)/frozen_manifest.py)

# Single precision, as the floating point units of our boards have it.
FLAGS_64 :=
FLAGS_32 := MICROPY_FORCE_32BIT=1 CFLAGS_EXTRA="-DMICROPY_FLOAT_IMPL=MICROPY_FLOAT_IMPL_FLOAT"

build/micropython/mpy-cross/mpy-cross: $(SOURCE_STAMP)
	@echo "building mpy-cross (about 15 s) ..."
	@mkdir -p build/micropython
	+@$(MAKE) -C $(MICROPYTHON_SRC)/mpy-cross --no-print-directory -s \
	  BUILD=$(MICROPYTHON_OUT)/mpy-cross $(call LOGGED,build/micropython/mpy-cross.log)
	@touch $@

UNIX_BUILDS := build/micropython/64/micropython build/micropython/32/micropython

$(UNIX_BUILDS): build/micropython/%/micropython: \
  $(TOOLCHAIN)/frozen_manifest.py build/micropython/mpy-cross/mpy-cross
	@echo "building MicroPython, $*-bit (about 25 s) ..."
	+@$(UNIX_MAKE) BUILD=$(MICROPYTHON_OUT)/$* $(FLAGS_$*) \
	  $(call LOGGED,build/micropython/$*.log)
	@touch $@

build/micropython/32/micropython: | build/stamps/packages-32

# The stable names everybody uses.
build/bin/mpy-cross: build/micropython/mpy-cross/mpy-cross
	@mkdir -p $(@D) && ln -sfn ../micropython/mpy-cross/mpy-cross $@
build/bin/micropython%: build/micropython/%/micropython
	@mkdir -p $(@D) && ln -sfn ../micropython/$*/micropython $@
