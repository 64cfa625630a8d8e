# Rules that fetch and build MicroPython for the host; included by the top Makefile.
#
#   build/bin/mpy-cross        the bytecode compiler
#   build/bin/micropython64    unix standard variant, 64-bit
#   build/bin/micropython32    unix standard variant, 32-bit with single-precision float: integer
#                              width, float width and allocation behave as on the boards
#
# MICROPYTHON_DIR and MBEDTLS_DIR replace the fetched sources by your own clones. Everything built
# goes to build/micropython/, a clone of yours is never written to (except lib/mbedtls, see below).

TOOLCHAIN := host_tools/toolchain

MICROPYTHON_SRC := $(abspath $(or $(MICROPYTHON_DIR),build/src/micropython))
MBEDTLS_SRC := $(abspath $(or $(MBEDTLS_DIR),build/src/mbedtls))
export MICROPYTHON_DIR MBEDTLS_DIR OPUS_DIR


# The stamp's name carries the source folder, so that changing MICROPYTHON_DIR rebuilds.
SOURCE_STAMP := build/stamps/source$(subst /,-,$(MICROPYTHON_DIR)$(MBEDTLS_DIR))

# Debian leaves out lib/mbedtls and lib/micropython-lib; the first is linked from Debian's own
# package, and of the second the build only asks that a README.md exists. A clone that has its
# submodules is left as it is.
$(SOURCE_STAMP): $(TOOLCHAIN)/pins.json $(TOOLCHAIN)/fetch_source.py | build/stamps/packages
	python3 $(TOOLCHAIN)/fetch_source.py --into build/src micropython mbedtls
	@if [ ! -e $(MICROPYTHON_SRC)/lib/mbedtls/library ]; then \
	  rm -rf $(MICROPYTHON_SRC)/lib/mbedtls && ln -s $(MBEDTLS_SRC) $(MICROPYTHON_SRC)/lib/mbedtls; fi
	@[ -e $(MICROPYTHON_SRC)/lib/micropython-lib/README.md ] || \
	  touch $(MICROPYTHON_SRC)/lib/micropython-lib/README.md
	@mkdir -p $(@D) && touch $@

MICROPYTHON_OUT := $(abspath build/micropython)
UNIX_MAKE = +$(MAKE) -C $(MICROPYTHON_SRC)/ports/unix --no-print-directory -s \
  VARIANT=standard MICROPY_PY_BTREE=0 MICROPY_PY_FFI=0 \
  MICROPY_MPYCROSS=$(MICROPYTHON_OUT)/mpy-cross/mpy-cross MICROPY_MPYCROSS_DEPENDENCY= \
  FROZEN_MANIFEST=$(abspath $(TOOLCHAIN)/frozen_manifest.py)

build/micropython/mpy-cross/mpy-cross: $(SOURCE_STAMP)
	@echo "building mpy-cross (about 15 s) ..."
	+$(MAKE) -C $(MICROPYTHON_SRC)/mpy-cross --no-print-directory -s \
	  BUILD=$(MICROPYTHON_OUT)/mpy-cross > build/micropython-cross.log 2>&1 || { tail -30 build/micropython-cross.log; exit 1; }
	@touch $@

build/micropython/64/micropython: $(TOOLCHAIN)/frozen_manifest.py build/micropython/mpy-cross/mpy-cross
	@echo "building MicroPython, 64-bit (about 25 s) ..."
	$(UNIX_MAKE) BUILD=$(MICROPYTHON_OUT)/64 > build/micropython-64.log 2>&1 || { tail -30 build/micropython-64.log; exit 1; }
	@touch $@

build/micropython/32/micropython: $(TOOLCHAIN)/frozen_manifest.py build/micropython/mpy-cross/mpy-cross | build/stamps/packages-32
	@echo "building MicroPython, 32-bit (about 25 s) ..."
	$(UNIX_MAKE) BUILD=$(MICROPYTHON_OUT)/32 MICROPY_FORCE_32BIT=1 \
	  CFLAGS_EXTRA="-DMICROPY_FLOAT_IMPL=MICROPY_FLOAT_IMPL_FLOAT" > build/micropython-32.log 2>&1 || { tail -30 build/micropython-32.log; exit 1; }
	@touch $@

# The stable names everybody uses.
build/bin/mpy-cross: build/micropython/mpy-cross/mpy-cross
	@mkdir -p $(@D) && ln -sfn ../micropython/mpy-cross/mpy-cross $@
build/bin/micropython64: build/micropython/64/micropython
	@mkdir -p $(@D) && ln -sfn ../micropython/64/micropython $@
build/bin/micropython32: build/micropython/32/micropython
	@mkdir -p $(@D) && ln -sfn ../micropython/32/micropython $@
