# What the get-*.sh share; sourced, not run.
# A download is kept in data/.NAME.partial until it is whole and its MD5 is right, so an interrupted one goes on where it
# stopped; data/NAME appears by a rename, whole or not at all.

set -euo pipefail

name=$(basename "$0" .sh)
name=${name#get-}
target=${1:-data/$name}
partial=$(dirname "$target")/.$(basename "$target").partial

if [ -e "$target" ]; then
    echo "$target is there already; remove it to get it anew."
    exit 0
fi
command -v curl >/dev/null || { echo "$0 needs curl." >&2; exit 1; }
mkdir -p "$partial"

md5_of() {
    if command -v md5sum >/dev/null; then md5sum "$1" | cut -d' ' -f1; else md5 -q "$1"; fi
}

# fetch URL MD5: downloads into $partial, or does nothing if the file is there and right.
fetch() {
    local file=$partial/${1##*/}
    if [ -f "$file" ] && [ "$(md5_of "$file")" = "$2" ]; then return; fi
    curl --fail --location --retry 5 --continue-at - --output "$file" "$1"
    local actual
    actual=$(md5_of "$file")
    if [ "$actual" != "$2" ]; then
        rm "$file"
        echo "$1: expected MD5 $2, got $actual. The file was removed; run this again." >&2
        exit 1
    fi
}

# install FOLDER: makes it the target.
install() {
    mv "$1" "$target"
    rm -rf "$partial"
    echo "$target is ready."
}
