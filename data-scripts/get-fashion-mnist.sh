#!/usr/bin/env bash
# Gets Fashion-MNIST (30 MB; https://github.com/zalandoresearch/fashion-mnist) into data/fashion-mnist, or into the folder given.
source "$(dirname "$0")/common.sh"

# Debian's package dataset-fashion-mnist has the same images; its checksums are its own, and apt has verified them.
debian=/usr/share/datasets/fashion-mnist
if [ -z "${CNNSHARP_MIRROR:-}" ] && [ -d "$debian" ]; then
    echo "Taking them from Debian's package, $debian."
    cp "$debian"/{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz "$partial"
    install "$partial"
    exit 0
fi

from=${CNNSHARP_MIRROR:-http://fashion-mnist.s3-website.eu-central-1.amazonaws.com}
fetch "$from/train-images-idx3-ubyte.gz" 8d4fb7e6c68d591d4c3dfef9ec88bf0d
fetch "$from/train-labels-idx1-ubyte.gz" 25c81989df183df01b3e8a0aad5dffbe
fetch "$from/t10k-images-idx3-ubyte.gz" bef4ecab320f06d8554ea6380940ec79
fetch "$from/t10k-labels-idx1-ubyte.gz" bb300cfdad3c16e7a12a480ee83cd310
install "$partial"
