# rv32imc: QEMU's virt machine.
QEMU_ARCH = riscv32
QEMU_MACHINE = virt
# An older name for the instruction sets, in which the compiler of Debian 12 has control registers too.
RV32_ARCH = rv32imac -misa-spec=2.2
CFLAGS += -DQEMU_SOC_VIRT -DMICROPY_HW_MCU_NAME='"rv32imac"'
LDSCRIPT = mcu/rv32/virt.ld
SRC_BOARD_O += shared/runtime/gchelper_native.o shared/runtime/gchelper_rv32i.o
MICROPY_HEAP_SIZE = 1900000
include $(BOARD_DIR)/../board.mk
