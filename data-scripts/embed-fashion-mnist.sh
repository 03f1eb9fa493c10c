#!/usr/bin/env bash
# Makes the files of src/Data/Embedded out of the full Fashion-MNIST (Debian: apt install dataset-fashion-mnist brotli):
# the first 4,000 training and the first 1,000 test images, with headers that say so. The same input gives the same bytes.
set -eu # and no pipefail: head closes the pipe before gzip -dc is done

from=${1:-/usr/share/datasets/fashion-mnist}
to=$(cd "$(dirname "$0")/../src/Data/Embedded" && pwd)

# part NAME OLD_HEADER_BYTES NEW_HEADER BYTES: the new header, then the first BYTES bytes of data.
part() {
    { printf '%b' "$3"; gzip -dc "$from/$1.gz" | tail -c +$(($2 + 1)) | head -c "$4"; } | brotli -q 11 --lgwin=24 -c >"$to/$1.br"
    echo "$1: $(wc -c <"$to/$1.br") bytes"
}

part train-images-idx3-ubyte 16 '\0\0\010\003\0\0\017\240\0\0\0\034\0\0\0\034' $((4000 * 28 * 28))
part train-labels-idx1-ubyte 8 '\0\0\010\001\0\0\017\240' 4000
part t10k-images-idx3-ubyte 16 '\0\0\010\003\0\0\003\350\0\0\0\034\0\0\0\034' $((1000 * 28 * 28))
part t10k-labels-idx1-ubyte 8 '\0\0\010\001\0\0\003\350' 1000
