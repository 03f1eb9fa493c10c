#!/usr/bin/env bash
# Makes the files of src/Data/Embedded out of the full Fashion-MNIST (Debian: apt install dataset-fashion-mnist):
# the first 8,000 training and the first 2,000 test pictures, with headers that say so. The same input gives the same bytes.
set -eu # and no pipefail: head closes the pipe before gzip -dc is done

from=${1:-/usr/share/datasets/fashion-mnist}
to=$(cd "$(dirname "$0")/../src/Data/Embedded" && pwd)

# part FILE OLD_HEADER_BYTES NEW_HEADER BYTES: the new header, then the first BYTES bytes of data.
part() {
    { printf '%b' "$3"; gzip -dc "$from/$1" | tail -c +$(($2 + 1)) | head -c "$4"; } | gzip -9n >"$to/$1"
    echo "$1: $(wc -c <"$to/$1") bytes"
}

part train-images-idx3-ubyte.gz 16 '\0\0\010\003\0\0\037\100\0\0\0\034\0\0\0\034' $((8000 * 28 * 28))
part train-labels-idx1-ubyte.gz 8 '\0\0\010\001\0\0\037\100' 8000
part t10k-images-idx3-ubyte.gz 16 '\0\0\010\003\0\0\007\320\0\0\0\034\0\0\0\034' $((2000 * 28 * 28))
part t10k-labels-idx1-ubyte.gz 8 '\0\0\010\001\0\0\007\320' 2000
