#!/usr/bin/env bash
# Gets CIFAR-100 (170 MB; https://www.cs.toronto.edu/~kriz/cifar.html) into data/cifar100, or into the folder given.
source "$(dirname "$0")/common.sh"

from=${CNNSHARP_MIRROR:-https://www.cs.toronto.edu/~kriz}
fetch "$from/cifar-100-binary.tar.gz" 03b5dce01913d631647c71ecec9e9cb8
tar -xzf "$partial/cifar-100-binary.tar.gz" -C "$partial"
install "$partial/cifar-100-binary"
