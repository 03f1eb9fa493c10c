#!/usr/bin/env bash
# Runs the ILGPU kernels on OpenCL without a GPU: on PoCL, which is an OpenCL device on the CPU.
#
#     tests/opencl/run.sh [--smoke] [--cases DIR]...
#
#     --smoke        a few operations and the training of a small network only (under 5 minutes)
#     --cases DIR    more reference cases to replay
#
# Without --smoke: every operation of the registry, the reference cases, and LeNet-5 trained beside the CPU engine. The last line is
# "N passed, N failed, N skipped"; exit code 1 if one failed.
#
# ILGPU needs PoCL 6 (Debian 13, Ubuntu 25.04: pocl-opencl-icd). On an older Debian it is run in a Debian 13 root, which is made once
# by debootstrap from this machine's own mirror, in $CNNSHARP_OPENCL_ROOT (default ~/.cache/cnnsharp/debian-13); that takes root.
# Where neither is to be had, all is skipped, with the reason.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

smoke="" seconds=3600 cases=("$PWD/tests/Conformance/Verification/Cases")
while [ $# -gt 0 ]; do
    case $1 in
        --smoke) smoke=1 seconds=600 ;;
        --cases)
            [ $# -ge 2 ] || { echo "run.sh: --cases needs a folder" >&2; exit 2; }
            [ -d "$2" ] || { echo "run.sh: --cases: there is no folder '$2'" >&2; exit 2; }
            cases+=("$(realpath "$2")")
            shift
            ;;
        *)
            sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
            exit 2
            ;;
    esac
    shift
done

skip() {
    echo "skipped: tests/opencl/run.sh: $*"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}

repository=$PWD
tool=$repository/src/Cli/bin/Release/net10.0/cnnsharp.dll
suite=$repository/tests/Conformance/bin/Release/net10.0/CnnSharp.Tests.Conformance.dll
for project in src/Cli tests/Conformance; do
    dotnet build "$project" -c Release --nologo --verbosity quiet -clp:ErrorsOnly || { echo "run.sh: $project does not build" >&2; exit 1; }
done

cache=${XDG_CACHE_HOME:-$HOME/.cache}/cnnsharp
root=${CNNSHARP_OPENCL_ROOT:-$cache/debian-13}
mkdir -p "$cache/pocl"

# Groups of 256 threads take PoCL minutes to compile a kernel for, groups of 16 seconds.
settings=(POCL_MAX_WORK_GROUP_SIZE=16 POCL_CACHE_DIR="$cache/pocl" DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1)
# A kernel that a compiler made endless is a failure, not a hang.
limit=(timeout --kill-after=10 "$seconds")
on_host() { "${limit[@]}" env "${settings[@]}" "$@"; }

# In the root: the runtime, the repository, the cache and the cases at their own places, mounted for this one command.
in_root() {
    local dotnet
    dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
    # shellcheck disable=SC2016
    "${limit[@]}" unshare --mount bash -c '
        set -e
        root=$1 count=$2
        shift 2
        for place in "${@:1:count}" /dev /sys; do mkdir -p "$root$place" && mount --rbind "$place" "$root$place"; done
        mount -t proc proc "$root/proc"
        shift "$count"
        exec chroot "$root" /usr/bin/env -i "$@"' _ "$root" $((3 + ${#cases[@]})) "$dotnet" "$repository" "$cache/pocl" "${cases[@]}" \
        "${settings[@]}" PATH="$dotnet:/usr/bin:/bin" HOME=/root DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 "$@"
}

opens() { "$1" dotnet "$tool" verify --device opencl:0 --filter relu --verbose > "$log" 2>&1 || grep -q '^FAILED' "$log"; }
log=$(mktemp)
trap 'rm -f "$log" "$log.counts"' EXIT

run=on_host
if ! opens on_host; then
    reason="no PoCL 6 here ($(tail -n 1 "$log"))"
    [ "$(id -u)" -eq 0 ] || skip "$reason, and a Debian 13 root takes root to make and to enter"
    grep -q '^ID=debian' /etc/os-release 2> /dev/null || skip "$reason, and this is no Debian, whose mirror a Debian 13 root is made from"
    unshare --mount true 2> /dev/null || skip "$reason, and nothing may be mounted here"
    if [ ! -e "$root/.ready" ] || ! ls "$root"/usr/lib/*/libOpenCL.so.1 > /dev/null 2>&1; then
        if ! command -v debootstrap > /dev/null; then
            apt-get update -q > /dev/null 2>&1
            apt-get install -q -y --no-install-recommends debootstrap > /dev/null 2>&1 || skip "$reason, and debootstrap could not be installed"
        fi
        mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/*.sources 2> /dev/null)
        mirror=${mirror:-$(awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /:\/\//) { print $i; exit } }' /etc/apt/sources.list 2> /dev/null)}
        echo "making a Debian 13 root with PoCL in $root (once; about two minutes)"
        rm -rf --one-file-system "$root"
        mkdir -p "$root"
        unshare --mount debootstrap --variant=minbase --include=libstdc++6,ocl-icd-libopencl1,pocl-opencl-icd trixie "$root" ${mirror:+"$mirror"} > "$log" 2>&1 || skip "$reason, and debootstrap failed: $(tail -n 1 "$log")"
        touch "$root/.ready"
    fi
    run=in_root
    if ! opens in_root; then
        echo "FAILED tests/opencl/run.sh: PoCL in $root does not open: $(tail -n 1 "$log")"
        echo "0 passed, 1 failed, 0 skipped"
        exit 1
    fi
fi

passed=0 failed=0 skipped=0
add() {
    local more_passed more_failed more_skipped
    "$@" 2>&1 | grep --line-buffered -v 'warnings\? generated' | tee "$log"
    if read -r more_passed _ more_failed _ more_skipped _ < <(tail -n 1 "$log" | grep -x '[0-9]* passed, [0-9]* failed, [0-9]* skipped'); then
        passed=$((passed + more_passed)) failed=$((failed + more_failed)) skipped=$((skipped + more_skipped))
    else
        echo "run.sh: '${*:2}' did not come to its end" >&2
        failed=$((failed + 1))
    fi
}

verify() { "$run" dotnet "$tool" verify "$@" --device opencl:0 --verbose; }

# The same losses as on the CPU engine, and no memory beyond the second step's.
train() {
    "$run" dotnet "$suite" -noLogo -noColor -preEnumerateTheories -displayName "*EnginesAgreeTests.$1(name: \"opencl:0\")" | sed -nu \
        'p; s/.*Total: \([0-9]*\), Errors: \([0-9]*\), Failed: \([0-9]*\), Skipped: \([0-9]*\).*/\1 \2 \3 \4/w '"$log.counts"
    read -r total errors failures rest < "$log.counts"
    # A test that is not found is a failure too.
    if [ "${total:-0}" -eq 0 ]; then echo "0 passed, 1 failed, 0 skipped"; else echo "$((total - errors - failures - rest)) passed, $((errors + failures)) failed, $rest skipped"; fi
}

if [ -n "$smoke" ]; then
    add verify --filter relu --filter max_pool2d --filter softmax --filter batch_norm --filter cross_entropy --filter greater
    add verify "${cases[0]}" --filter conv2d_same --filter net_blocks
else
    add verify
    for folder in "${cases[@]}"; do add verify "$folder"; done
    add train LeNet5TrainsAlike
    add train ASmallResNetTrainsAlike
fi

[ "$failed" -eq 0 ]
status=$?
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
