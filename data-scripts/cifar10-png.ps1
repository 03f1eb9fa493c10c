# Turns CIFAR-10 into a folder of PNG class folders, and such a folder into CIFAR-10's binary files, the same bytes again:
#   data-scripts/cifar10-png.ps1 export [CIFAR10 [PNG]]     default: data/cifar10 data/cifar10-png
#   data-scripts/cifar10-png.ps1 pack [PNG [CIFAR10]]       default: data/cifar10-png data/cifar10-packed
param([Parameter(Mandatory)] [ValidateSet('export', 'pack')] [string] $Direction, [string] $From, [string] $To)
$ErrorActionPreference = 'Stop'

if (-not $From) { $From = if ($Direction -eq 'export') { 'data/cifar10' } else { 'data/cifar10-png' } }
if (-not $To) { $To = if ($Direction -eq 'export') { 'data/cifar10-png' } else { 'data/cifar10-packed' } }
$arguments = @('images', $Direction, '--data', $From, '--out', $To)
if ($Direction -eq 'export') { $arguments += '--dataset', 'cifar10' }
if (Get-Command cnnsharp -ErrorAction SilentlyContinue) { cnnsharp @arguments }
else { dotnet run -c Release --project "$PSScriptRoot/../src/Cli" -- @arguments }
exit $LASTEXITCODE
