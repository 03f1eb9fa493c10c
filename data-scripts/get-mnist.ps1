# Gets MNIST (12 MB; http://yann.lecun.com/exdb/mnist/, which no longer serves it: this is PyTorch's copy, with the
# original files) into data/mnist, or into the folder given.
param([string] $Target = 'data/mnist')
. "$PSScriptRoot/common.ps1"

Start-Get $Target
$from = if ($env:CNNSHARP_MIRROR) { $env:CNNSHARP_MIRROR } else { 'https://ossci-datasets.s3.amazonaws.com/mnist' }
Get-Checked "$from/train-images-idx3-ubyte.gz" f68b3c2dcbeaaa9fbdd348bbdeb94873
Get-Checked "$from/train-labels-idx1-ubyte.gz" d53e105ee54ea40749a09fcbcd1e9432
Get-Checked "$from/t10k-images-idx3-ubyte.gz" 9fb629c4189551a2d022fa330f9573f3
Get-Checked "$from/t10k-labels-idx1-ubyte.gz" ec29112dd5afa0611ce80d1b7f02629c
Complete-Get
