#!/usr/bin/env bash
# Fetches the recorded voices of Debian's alsa-utils (Front_Center.wav and seven more, 48 kHz mono)
# into a folder, without installing the package and without root.
#
#   fetch_speech.sh build/speech
set -euo pipefail

target=$1
mkdir -p "$target"
work=$(mktemp -d "$target/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  echo "The default speech comes from Debian's alsa-utils package, and this machine has no apt-get." >&2
  echo "Copy that package's .wav files (/usr/share/sounds/alsa) into $target, or give SPEECH=file.wav." >&2
  exit 1
fi
exec 9>build/.apt-lock # not while system_packages.sh updates apt's lists
flock 9
if ! (cd "$work" && apt-get -q -o APT::Sandbox::User= download alsa-utils) >"$work/log" 2>&1; then
  tail -n 5 "$work/log" >&2
  echo "Could not download alsa-utils. Run 'apt-get update' as root and try again, or give SPEECH=file.wav." >&2
  exit 1
fi
dpkg-deb -x "$work"/alsa-utils_*.deb "$work/files"
cp "$work"/files/usr/share/sounds/alsa/*_*.wav "$target/"   # all but Noise.wav, which is no voice
cp "$work"/files/usr/share/doc/alsa-utils/copyright "$target/copyright"
echo "fetched the alsa-utils voices into $target"
