#!/usr/bin/env bash
# Checks and measures CnnSharp on a CUDA device, beside PyTorch on the same device in the same run. Needs neither SDK nor
# network: only what bench/gpu/publish.sh packed, and for the peer's columns a Python that has PyTorch with CUDA.
#
#     bench/gpu/run.sh [options] [PUBLISHED]
#
#     PUBLISHED            the folder of a self-contained publish; default: the one beside this script in the archive
#     --device NAME        default cuda:0; cpu or ilgpu-cpu to try this script elsewhere
#     --python FILE        the Python that has PyTorch; default python3
#     --models "A B"       default "resnet20 resnet18-cifar vgg16-cifar"
#     --precisions "A B"   default "float32 tf32 bf16"
#     --batch N            images a training step; default 512
#     --steps N            training steps that are timed; default 100
#     --rounds N           how often CnnSharp and PyTorch train by turns; the medians count; default 3
#     --kernels TEXT       only kernels whose name holds this; "none": no kernel benchmark
#     --cases DIR          more reference cases to replay
#     --sanitizers "A B"   tools of compute-sanitizer that watch every operation once; default "memcheck racecheck synccheck"; "none": none
#     --tests TEXT         only tests whose name holds this; default the device's name; "none": no test suite
#
# 1. every operation against the reference engine in double precision, the same with every access checked and under compute-sanitizer
# (memcheck, racecheck, synccheck; where the CUDA toolkit is), reference cases, the test suite; 2. the kernels as shares of the
# device's limits; 3. training in images/s; 4. one table of ratios. Exit code 1: no such device, or something failed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
command_line=$(printf '%q ' "$0" "$@")
device=cuda:0 python=python3 models="resnet20 resnet18-cifar vgg16-cifar" precisions="float32 tf32 bf16"
batch=512 steps=100 rounds=3 kernels="" sanitizers="memcheck racecheck synccheck" tests="" published="" cases=()

fail() {
    echo "run.sh: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
        --device | --python | --models | --precisions | --batch | --steps | --rounds | --kernels | --cases | --sanitizers | --tests)
            [ $# -ge 2 ] || fail "$1 needs a value"
            if [ "$1" = --cases ]; then cases+=("$2"); else printf -v "${1#--}" %s "$2"; fi
            shift 2
            ;;
        -h | --help)
            sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        -*) fail "unknown option '$1' (see --help)" ;;
        *)
            published=$1
            shift
            ;;
    esac
done

published=${published:-$root/cnnsharp}
tool=$published/cnnsharp
cases=("$published/Verification/Cases" "${cases[@]}")
[ -x "$tool" ] || fail "there is no tool '$tool': bench/gpu/publish.sh makes it"

# field NAME < JSON: a number or text of the object on the last line; nothing where it is null or missing.
field() {
    tail -n 1 | sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" | sed 's/^null$//'
}

# median < NUMBERS, one a line; nothing where there are none.
median() {
    sort -n | awk 'NF { v[++n] = $1 } END { if (n) printf "%.1f\n", n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2 }'
}

found=$("$tool" devices --json | tail -n 1)
if ! grep -q "\"name\":\"$device\",\"present\":true" <<< "$found"; then
    reason=$(sed -n "s/.*\"name\":\"$device\",\"present\":false,\"detail\":\"\([^\"]*\)\".*/: \1/p" <<< "$found")
    fail "there is no device '$device'${reason:-}"
fi

peer_missing=""
if ! peer_versions=$("$python" -c 'import torch; print(f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}")' 2> /dev/null); then
    peer_missing="no PyTorch in '$python'"
elif [[ $device == cuda:* ]] && ! "$python" -c "import sys, torch; sys.exit(${device#cuda:} >= torch.cuda.device_count())" 2> /dev/null; then
    peer_missing="PyTorch finds no device '$device'"
fi
# The peer knows no ilgpu-cpu: it is tried on the CPU.
peer_device=$device
[[ $device == cuda:* ]] || peer_device=cpu

echo "command   $command_line"
echo "date      $(date -u '+%Y-%m-%d %H:%M UTC')"
echo "device    $device: $(sed -n "s/.*\"name\":\"$device\",\"present\":true,\"detail\":\"\([^\"]*\)\".*/\1/p" <<< "$found")"
if [[ $device == cuda:* ]] && command -v nvidia-smi > /dev/null; then
    echo "driver    $(nvidia-smi --id="${device#cuda:}" --query-gpu=driver_version,clocks.max.sm,power.limit --format=csv,noheader || echo unknown) (version, highest clock, power limit)"
fi
echo "cnnsharp  $("$tool" --version)"
echo "peer      ${peer_missing:-$peer_versions}"
failures=0

# check TITLE COMMAND...: runs the command beside the other checks, as many as there are processors: most of their time is compiling.
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
titles=() checks=()
check() {
    titles+=("$1")
    shift
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n || true; done
    "$@" > "$logs/${#titles[@]}" 2>&1 &
    checks+=($!)
}

suite() {
    # It would end well without a single test, too.
    "$published/CnnSharp.Tests.Conformance" -noLogo -noColor -preEnumerateTheories -displayName "*${tests:-$device}*" \
        | awk '{ print; fflush() } /Total: [1-9]/ { ran = 1 } END { exit !ran }'
}

echo
echo "## Correctness"
check "every operation against reference-f64:" "$tool" verify --device "$device"
if [[ $device == cuda:* ]]; then
    for precision in $precisions; do
        [ "$precision" = float32 ] || check "the same, products in $precision:" "$tool" verify --device "$device" --precision "$precision"
    done
    # A view ends where its tensor does; the pool's block after it, which is all that the sanitizer knows, may be longer.
    check "the same, every access to a view checked:" env CNNSHARP_GPU_ASSERTIONS=1 "$tool" verify --device "$device"
    sanitizer=$(command -v compute-sanitizer || command -v /usr/local/cuda/bin/compute-sanitizer || true)
    for checker in $sanitizers; do
        [ "$checker" != none ] || continue
        if [ -z "$sanitizer" ]; then
            echo "skipped: no compute-sanitizer (it is part of the CUDA toolkit), so no $checker"
            continue
        fi
        check "the same under compute-sanitizer, $checker:" "$sanitizer" --tool "$checker" --error-exitcode 1 "$tool" verify --device "$device"
    done
fi
for folder in "${cases[@]}"; do check "reference cases in $folder:" "$tool" verify "$folder" --device "$device"; done
[ "$tests" = none ] || check "the test suite, of which what holds '${tests:-$device}':" suite
for ((i = 0; i < ${#checks[@]}; i++)); do
    status=0
    wait "${checks[i]}" || status=$?
    echo "${titles[i]}"
    cat "$logs/$((i + 1))"
    [ "$status" -eq 0 ] || failures=$((failures + 1))
done

if [ "$kernels" != none ]; then
    echo
    echo "## Kernels"
    "$tool" bench --device "$device" ${kernels:+--filter "$kernels"} || failures=$((failures + 1))
fi

echo
echo "## Training, batch $batch, $steps steps, medians of $rounds rounds by turns"
rows=() notes=()
for model in $models; do
    for precision in $precisions; do
        ours=() theirs=() way="" our_memory="" their_memory="" problem=""
        for ((round = 1; round <= rounds; round++)); do
            if [ -z "$problem" ]; then
                if line=$("$tool" bench train --model "$model" --batch "$batch" --steps "$steps" --device "$device" --precision "$precision" --json 2>&1); then
                    ours+=("$(field images_per_second <<< "$line")")
                    our_memory=$(field device_mib <<< "$line")
                else
                    problem=$line
                    notes+=("CnnSharp, $model, $precision: $(tail -n 1 <<< "$line")")
                    [ "$precision" != float32 ] || failures=$((failures + 1))
                fi
            fi
            [ -z "$peer_missing" ] || continue
            if line=$("$python" "$root/bench/gpu/torch_train.py" --model "$model" --batch "$batch" --steps "$steps" --device "$peer_device" --precision "$precision"); then
                theirs+=("$(field images_per_second <<< "$line")")
                way=$(field best <<< "$line")
                their_memory=$(field device_mib <<< "$line")
            else
                notes+=("PyTorch, $model, $precision: failed, see above")
                failures=$((failures + 1))
            fi
        done
        our_speed=$(printf '%s\n' "${ours[@]}" | median)
        their_speed=$(printf '%s\n' "${theirs[@]}" | median)
        ratio=$(awk -v a="$our_speed" -v b="$their_speed" 'BEGIN { print (a == "" || b == "") ? "-" : sprintf("%.2fx", a / b) }')
        rows+=("| $model | $precision | ${our_speed:--} | ${their_speed:--}${way:+ ($way)} | $ratio | ${our_memory:--} / ${their_memory:--} |")
        echo "$model $precision: CnnSharp ${our_speed:--} images/s (${ours[*]:-}), PyTorch ${their_speed:--} (${theirs[*]:-})"
    done
done

echo
echo "| model | precision | CnnSharp images/s | PyTorch images/s (its best) | ratio | MiB on the device |"
echo "|---|---|---|---|---|---|"
printf '%s\n' "${rows[@]}"
[ -z "$peer_missing" ] || echo "PyTorch's columns are empty: $peer_missing."
[ ${#notes[@]} -eq 0 ] || printf '%s\n' "${notes[@]}" | sort -u
[ "$failures" -eq 0 ] || fail "$failures of the steps above failed"
