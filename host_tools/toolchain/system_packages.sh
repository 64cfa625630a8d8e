#!/usr/bin/env bash
# Makes sure the system programs a build needs are there; installs the Debian packages that are not.
#
#   system_packages.sh GROUP...     groups: base (everything else), bits32 (32-bit programs),
#                                 peers (other Opus codecs, for the tests), node (for its tests),
#                                 arm, riscv, xtensa (compilers of the boards' CPUs), qemu (emulators),
#                                 fuzz (clang's libFuzzer)
#
# What is missing is found by trying each thing, so a compiler or Python that came from elsewhere
# counts. Installs with root or sudo and says so; otherwise says what to install and fails.
# HOST_PYTHON names the Python that the virtual environment will be made with (python3).
set -euo pipefail

python=${HOST_PYTHON:-python3}

# Does the compiler turn a program that includes the C library into an executable, with these flags?
can_link() { printf '#include <stdio.h>\nint main(void){return 0;}\n' | gcc "$@" -xc -o /dev/null - ; }

# The test for one Debian package: true when what we use of it is there.
have() {
  case $1 in
    gcc)          command -v gcc ;;
    libc6-dev)    can_link ;;
    gcc-multilib) can_link -m32 ;;
    make)         command -v make ;;
    tar|bzip2|git) command -v "$1" ;;
    xz-utils)     command -v xz ;;
    gpgv)         command -v gpgv || command -v sqv ;;
    dpkg)         command -v dpkg-deb ;;
    libopus0)     "$python" -c 'import ctypes; ctypes.CDLL("libopus.so.0")' ;;
    ffmpeg)       command -v ffmpeg ;;
    nodejs)       command -v node ;;
    gcc-arm-none-eabi) command -v arm-none-eabi-gcc ;;
    cmake)        command -v cmake ;;
    libnewlib-arm-none-eabi) echo '#include <string.h>' | arm-none-eabi-gcc -xc -c -o /dev/null - ;;
    gcc-riscv64-unknown-elf) command -v riscv64-unknown-elf-gcc ;;
    picolibc-riscv64-unknown-elf) echo '#include <string.h>' | riscv64-unknown-elf-gcc \
      -march=rv32imac -mabi=ilp32 -specs=picolibc.specs -xc -c -o /dev/null - ;;
    gcc-xtensa-lx106) command -v xtensa-lx106-elf-gcc ;;
    picolibc-xtensa-lx106-elf) [ -e /usr/lib/xtensa-lx106-elf/include/string.h ] ;;
    qemu-system-arm) command -v qemu-system-arm ;;
    qemu-system-misc | qemu-system-riscv) command -v qemu-system-riscv32 ;;
    qemu-user)    command -v qemu-xtensa ;;
    npm)          command -v npm ;;
    clang)        command -v clang ;;
    libclang-rt-dev) echo 'int LLVMFuzzerTestOneInput(void){return 0;}' | \
      clang -fsanitize=fuzzer,address,undefined -xc - -o /dev/null ;;
    python3)      "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ;;
    python3-venv) "$python" -c 'import venv, ensurepip' ;;
    python3-dev)  "$python" -c 'import os, sysconfig as s; os.stat(s.get_path("include") + "/Python.h")' ;;
    *) echo "system_packages: no test for package $1" >&2; exit 2 ;;
  esac
} >/dev/null 2>&1

# Debian 13 has an emulator of its own for RISC-V.
qemu_riscv=qemu-system-misc
grep -q '^VERSION_CODENAME=bookworm' /etc/os-release 2>/dev/null || qemu_riscv=qemu-system-riscv

packages_of() {
  case $1 in
    base)   echo gcc libc6-dev make tar xz-utils bzip2 gpgv dpkg python3 python3-venv python3-dev ;;
    bits32) echo gcc-multilib ;;
    peers)  echo libopus0 ffmpeg ;;
    node)   echo nodejs npm ;;
    arm)    echo gcc-arm-none-eabi libnewlib-arm-none-eabi cmake ;;
    riscv)  echo gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf ;;
    xtensa) echo gcc-xtensa-lx106 picolibc-xtensa-lx106-elf ;;
    fuzz)   echo clang libclang-rt-dev ;;
    qemu)   echo qemu-system-arm "$qemu_riscv" qemu-user ;;
    *) echo "system_packages: unknown group $1 (base, bits32, peers, node, arm, riscv, xtensa, qemu, fuzz)" >&2; exit 2 ;;
  esac
}

find_missing() {
  missing=()
  for group in "$@"; do
    for package in $(packages_of "$group"); do
      have "$package" || missing+=("$package")
    done
  done
}
find_missing "$@"
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "This machine lacks: ${missing[*]} (names of Debian's packages)." >&2
  echo "It has no apt-get, so install what your system calls these, then run make again." >&2
  exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
  as_root=()
elif command -v sudo >/dev/null; then
  as_root=(sudo)
else
  echo "This machine lacks the Debian packages: ${missing[*]}" >&2
  echo "Run as root: apt-get install ${missing[*]}    and then make again." >&2
  exit 1
fi

# make wants several groups at once: while one updates apt's lists, another would find nothing in them.
mkdir -p build
exec 9>build/.apt-lock
flock 9
find_missing "$@"
[ ${#missing[@]} -eq 0 ] && exit 0

echo "Installing Debian packages${as_root:+ with sudo}: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quiet() { "$@" >"$log" 2>&1 || { tail -n 15 "$log" >&2; return 1; }; }
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
# An index that cannot be refreshed is only a problem if the installation then fails.
quiet "${apt[@]}" update || echo "apt-get update had errors; trying with the lists at hand" >&2
quiet "${apt[@]}" install --no-install-recommends "${missing[@]}" || {
  echo "Installing failed. Install these by hand, then run make again: ${missing[*]}" >&2
  exit 1
}
for package in "${missing[@]}"; do
  have "$package" || { echo "$package is installed but does not work for $python; see above" >&2; exit 1; }
done
