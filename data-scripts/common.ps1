# What the get-*.ps1 share; dot-sourced, not run.
# A download is kept in data/.NAME.partial until it is whole and its MD5 is right, so an interrupted one goes on where it
# stopped; data/NAME appears by a rename, whole or not at all. CNNSHARP_MIRROR names another place to download from.

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

function Test-Right([string] $File, [string] $Md5) {
    (Test-Path $File) -and (Get-FileHash -Algorithm MD5 $File).Hash -eq $Md5
}

# Downloads into the partial folder, or does nothing if the file is there and right.
function Get-Checked([string] $Url, [string] $Md5) {
    $file = Join-Path $script:Partial ($Url -split '/')[-1]
    while (-not (Test-Right $file $Md5)) {
        $before = if (Test-Path $file) { (Get-Item $file).Length } else { 0 }
        $code = & $script:Curl --fail --location --retry 5 --connect-timeout 30 --speed-limit 1000 --speed-time 60 --continue-at - --write-out '%{http_code}' --output $file $Url
        $status = $LASTEXITCODE
        if ($status -eq 0 -and (Test-Right $file $Md5)) { return }

        # What an earlier run left may not be the beginning of this file (416: it is longer), or the server may not let one
        # go on in the middle (33, 36): once more, from the start.
        if ($before -gt 0 -and ($code -eq '416' -or $status -in 0, 33, 36)) {
            Remove-Item -Force $file
            continue
        }
        if ($status -ne 0) { throw "${Url}: curl failed with exit code $status. Run this again to go on." }
        $actual = (Get-FileHash -Algorithm MD5 $file).Hash.ToLowerInvariant()
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
