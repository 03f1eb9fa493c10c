# Gets CIFAR-10 (170 MB; https://www.cs.toronto.edu/~kriz/cifar.html) into data/cifar10, or into the folder given.
param([string] $Target = 'data/cifar10')
. "$PSScriptRoot/common.ps1"

Start-Get $Target
$from = if ($env:CNNSHARP_MIRROR) { $env:CNNSHARP_MIRROR } else { 'https://www.cs.toronto.edu/~kriz' }
Get-Checked "$from/cifar-10-binary.tar.gz" c32a1d4ab5d03f1284b67883e8d87530
Expand-Here cifar-10-binary.tar.gz
Complete-Get cifar-10-batches-bin
