#!/usr/bin/env bash
# Fetches npm's Improv Wi-Fi client, for the tests of the serial line: fetch_improv.sh FOLDER
#
# Its files import each other as a bundler likes it; node wants names with their endings.
set -euo pipefail

version=2.8.1
folder=$1
here=$(dirname "$0")

"$here/system_packages.sh" node
mkdir -p "$folder"
echo "fetching improv-wifi-serial-sdk $version from npm ..."
npm install --silent --no-audit --no-fund --ignore-scripts --omit=peer \
  --prefix "$folder/npm" "improv-wifi-serial-sdk@$version" >/dev/null
cp -r "$folder"/npm/node_modules/improv-wifi-serial-sdk/dist/. "$folder/"
sed -i -E 's#from "(\.{1,2}/[^".]+)"#from "\1.js"#' "$folder"/*.js "$folder"/util/*.js
echo '{"type": "module"}' > "$folder/package.json"
