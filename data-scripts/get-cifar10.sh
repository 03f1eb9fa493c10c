#!/usr/bin/env bash
# Gets CIFAR-10 (170 MB; https://www.cs.toronto.edu/~kriz/cifar.html) into data/cifar10, or into the folder given.
source "$(dirname "$0")/common.sh"

from=${CNNSHARP_MIRROR:-https://www.cs.toronto.edu/~kriz}
fetch "$from/cifar-10-binary.tar.gz" c32a1d4ab5d03f1284b67883e8d87530
tar -xzf "$partial/cifar-10-binary.tar.gz" -C "$partial"
install "$partial/cifar-10-batches-bin"
