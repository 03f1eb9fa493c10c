# Gets Fashion-MNIST (30 MB; https://github.com/zalandoresearch/fashion-mnist) into data/fashion-mnist, or into the folder given.
param([string] $Target = 'data/fashion-mnist')
. "$PSScriptRoot/common.ps1"

Start-Get $Target
$from = if ($env:CNNSHARP_MIRROR) { $env:CNNSHARP_MIRROR } else { 'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com' }
Get-Checked "$from/train-images-idx3-ubyte.gz" 8d4fb7e6c68d591d4c3dfef9ec88bf0d
Get-Checked "$from/train-labels-idx1-ubyte.gz" 25c81989df183df01b3e8a0aad5dffbe
Get-Checked "$from/t10k-images-idx3-ubyte.gz" bef4ecab320f06d8554ea6380940ec79
Get-Checked "$from/t10k-labels-idx1-ubyte.gz" bb300cfdad3c16e7a12a480ee83cd310
Complete-Get
