#!/usr/bin/env bash
# Fetches a recorded room impulse response (a living room, 44.1 kHz mono, public domain) for the tests
# of echo control: test data in the source archive of the Python package "acoustics", by its hash.
#
#   fetch_room.sh build/room PYTHON
set -euo pipefail

target=$1
python=$2
version=0.2.6
hash=d02bcc84251cfa2edd3e21c7f885dd963f8e8c587f975c2f9d4e1d9b142bcc52
mkdir -p "$target"
work=$(mktemp -d "$target/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

echo "acoustics==$version --hash=sha256:$hash" >"$work/requirements"
fetch() {
  "$python" -m pip --disable-pip-version-check download -q --no-deps --no-binary acoustics \
    --require-hashes -r "$work/requirements" -d "$work" >"$work/log" 2>&1
}
if ! fetch && ! { sleep 5 && fetch; }; then # a download may break off
  tail -n 5 "$work/log" >&2
  echo "Could not fetch the source archive of acoustics $version from the Python package index." >&2
  exit 1
fi
tar -xzf "$work/acoustics-$version.tar.gz" -C "$work"
cp "$work/acoustics-$version/tests/data/living_room_1.wav" "$target/living_room.wav"
cp "$work/acoustics-$version/tests/data/WAV_LICENSE.md" "$target/LICENSE.md"
echo "fetched a recorded room into $target"
