# What the get-*.ps1 share; dot-sourced, not run.
# A download is kept in data/.NAME.partial until it is whole and its MD5 is right, so an interrupted one goes on where it
# stopped; data/NAME appears by a rename, whole or not at all.

$ErrorActionPreference = 'Stop'

function Start-Get([string] $Target) {
    if (Test-Path $Target) {
        Write-Host "$Target is there already; remove it to get it anew."
        exit 0
    }

    # On Windows, curl alone may be an alias; both systems ship the program.
    $script:Curl = (Get-Command -Name curl -CommandType Application | Select-Object -First 1).Source
    $script:Target = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Target)
    $script:Partial = Join-Path (Split-Path -Parent $script:Target) ".$(Split-Path -Leaf $script:Target).partial"
    New-Item -ItemType Directory -Force $script:Partial | Out-Null
}

# Downloads into the partial folder, or does nothing if the file is there and right.
function Get-Checked([string] $Url, [string] $Md5) {
    $file = Join-Path $script:Partial ($Url -split '/')[-1]
    if ((Test-Path $file) -and (Get-FileHash -Algorithm MD5 $file).Hash -eq $Md5) { return }
    & $script:Curl --fail --location --retry 5 --continue-at - --output $file $Url
    if ($LASTEXITCODE -ne 0) { throw "${Url}: curl failed with exit code $LASTEXITCODE. Run this again to go on." }
    $actual = (Get-FileHash -Algorithm MD5 $file).Hash.ToLowerInvariant()
    if ($actual -ne $Md5) {
        Remove-Item $file
        throw "${Url}: expected MD5 $Md5, got $actual. The file was removed; run this again."
    }
}

# Unpacks an archive of the partial folder there.
function Expand-Here([string] $Archive) {
    tar -xzf (Join-Path $script:Partial $Archive) -C $script:Partial
    if ($LASTEXITCODE -ne 0) { throw "${Archive}: tar failed with exit code $LASTEXITCODE." }
}

# Makes the partial folder, or a folder inside it, the target.
function Complete-Get([string] $Inside = '') {
    $whole = if ($Inside) { Join-Path $script:Partial $Inside } else { $script:Partial }
    Move-Item $whole $script:Target
    if (Test-Path $script:Partial) { Remove-Item -Recurse -Force $script:Partial }
    Write-Host "$($script:Target) is ready."
}
