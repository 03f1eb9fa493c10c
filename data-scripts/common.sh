# shellcheck shell=bash
# What the get-*.sh share; sourced, not run.
# A download is kept in data/.NAME.partial until it is whole and its MD5 is right, so an interrupted one goes on where it
# stopped; data/NAME appears by a rename, whole or not at all. CNNSHARP_MIRROR names another place to download from.

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

is_right() {
    [ -f "$1" ] && [ "$(md5_of "$1")" = "$2" ]
}

# fetch URL MD5: downloads into $partial, or does nothing if the file is there and right.
fetch() {
    local url=$1 md5=$2 file=$partial/${1##*/} before status code actual
    while ! is_right "$file" "$md5"; do
        before=0 status=0
        [ ! -f "$file" ] || before=$(wc -c <"$file")
        code=$(curl --fail --location --retry 5 --connect-timeout 30 --speed-limit 1000 --speed-time 60 \
            --continue-at - --write-out '%{http_code}' --output "$file" "$url") || status=$?
        if [ "$status" -eq 0 ] && is_right "$file" "$md5"; then break; fi

        # What an earlier run left may not be the beginning of this file (416: it is longer), or the server may not
        # let one go on in the middle (33, 36): once more, from the start.
        if [ "$before" -gt 0 ] && { [ "$code" = 416 ] || [ "$status" -eq 0 ] || [ "$status" -eq 33 ] || [ "$status" -eq 36 ]; }; then
            rm -f "$file"
            continue
        fi
        if [ "$status" -ne 0 ]; then
            echo "$url: curl failed with exit code $status. Run this again to go on." >&2
            exit 1
        fi
        actual=$(md5_of "$file")
        rm "$file"
        echo "$url: expected MD5 $md5, got $actual. The file was removed; run this again." >&2
        exit 1
    done
}

# install FOLDER: makes it the target.
install() {
    mv "$1" "$target"
    rm -rf "$partial"
    echo "$target is ready."
}
