# Gets CIFAR-100 (170 MB; https://www.cs.toronto.edu/~kriz/cifar.html) into data/cifar100, or into the folder given.
param([string] $Target = 'data/cifar100')
. "$PSScriptRoot/common.ps1"

Start-Get $Target
$from = if ($env:CNNSHARP_MIRROR) { $env:CNNSHARP_MIRROR } else { 'https://www.cs.toronto.edu/~kriz' }
Get-Checked "$from/cifar-100-binary.tar.gz" 03b5dce01913d631647c71ecec9e9cb8
Expand-Here cifar-100-binary.tar.gz
Complete-Get cifar-100-binary
