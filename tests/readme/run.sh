#!/usr/bin/env bash
# Runs README.md and docs/tool.md from top to bottom: a fresh clone of what is committed, every ```sh block, each command as it is written.
# What a newcomer brings along (CIFAR-10, images, weights) is made up beforehand, by "prepare" below: a command that
# names something new fails until it is prepared there. Trainings get 8 seconds and then Ctrl-C, after which they must
# have saved and said how to go on. A block below a line <!-- not run: REASON --> is left out.
#   tests/readme/run.sh [--suite-has-run]     the option: the caller has run 'dotnet test'; that and what it covers is left out
# Needs the .NET SDK, git and coreutils. The last line is "N passed, N failed, N skipped"; exit code 1 on any failure.
set -uo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
training_seconds=${README_TRAINING_SECONDS:-8}
[ "${1:-}" = --suite-has-run ] && suite_has_run=yes || suite_has_run=
limit=600

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log
git clone -q "$root" "$work/CnnSharp" || exit 1
cd "$work/CnnSharp" || exit 1
clone=$PWD

# A newcomer has set nothing, and has no data elsewhere; what is installed for all users is theirs too.
unset CNNSHARP_DATA CNNSHARP_SHARED
export XDG_CACHE_HOME=$work/cache DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

# README: "cnnsharp below stands for ...".
cnnsharp() { dotnet run -c Release --project "$CLONE/src/Cli" -- "$@"; }
export CLONE=$clone
export -f cnnsharp

# prepare COMMAND: makes the files that it takes for granted.
prepare() {
    case $1 in *data/cifar10*) make_cifar10 ;; esac
    case $1 in *'verify DIR'*) [ -e DIR ] || ln -s tests/Conformance/Verification/Cases DIR ;; esac
    case $1 in *' resnet20.safetensors'*) make_weights ;; esac
    case $1 in *'import resnet50.onnx'*) cnnsharp export --model resnet50 --out resnet50.onnx ;; esac
    case $1 in *' flowers'*) make_flowers ;; esac
    case $1 in *photos.csv*) make_photos ;; esac
    case $1 in *rose.png*) make_flowers && mkdir -p holiday && cp flowers/bag/* holiday && cp "$(find flowers/coat -name '*.png' | sort | head -1)" rose.png ;; esac
}

# absent COMMAND: says what this machine lacks for it; fails if nothing.
absent() {
    case $1 in
        'dotnet test '*) [ -n "$suite_has_run" ] && echo "the caller has run it" ;;
        *artifacts/packages* | *artifacts/tool* | *artifacts/single* | *../first*) [ -n "$suite_has_run" ] && echo "the suite has run these steps: PackageTests" ;;
        *libonnx-testdata*) [ ! -d /usr/share/libonnx-testdata ] && echo "Debian's package libonnx-testdata is not installed" ;;
        *) false ;;
    esac
}

# check COMMAND: what must be true after it.
check() {
    local batch
    case $1 in
        *'images pack'*) for batch in data/cifar10/*.bin; do cmp "$batch" "cifar10-again/${batch##*/}" || return; done ;;
    esac
}

# CIFAR-10's files (https://www.cs.toronto.edu/~kriz/cifar.html) with made-up images: each class a gray of its own.
make_cifar10() {
    [ ! -d data/cifar10 ] || return 0
    local label file
    mkdir -p data/cifar10
    for label in 0 1 2 3 4 5 6 7 8 9; do
        printf '%b' "\\0$(printf %o $label)"
        head -c 3072 /dev/zero | tr '\0' "\\$(printf %o $((25 * label)))"
    done >"$work/ten"
    for file in data_batch_{1,2,3,4,5}.bin test_batch.bin; do
        # shellcheck disable=SC2046 # a thousand times the same name
        cat $(printf "$work/ten %.0s" {1..1000}) >"data/cifar10/$file"
    done
}

# Six hundred real images, if not of flowers: the first of each class that the library carries.
make_flowers() {
    [ ! -d flowers ] || return 0
    local class image
    cnnsharp images export --dataset embedded --out "$work/embedded"
    for class in "$work"/embedded/train/*; do
        mkdir -p "flowers/${class##*/}"
        while IFS= read -r image; do cp "$image" "flowers/${class##*/}"; done < <(find "$class" -name '*.png' | sort | head -60)
    done
}

# The same images in one folder, with a file that says what they are.
make_photos() {
    [ ! -d photos ] || return 0
    local image class
    make_flowers
    mkdir photos
    echo file,species >photos.csv
    while IFS= read -r image; do
        class=$(basename "$(dirname "$image")")
        cp "$image" "photos/$class-${image##*/}"
        echo "$class-${image##*/},$class" >>photos.csv
    done < <(find flowers -name '*.png')
}

# Weights of a ResNet-20 for ten classes of 32 x 32 images, as they are drawn.
make_weights() {
    [ ! -f resnet20.safetensors ] || return 0
    cnnsharp export --model resnet20 --shortcut a --out resnet20.safetensors
}

# commands FILE...: lines "FILE<tab>NUMBER<tab>COMMAND" of the sh blocks, with continued lines put together, and of those that are not
# run "FILE<tab>NUMBER<tab>!REASON".
commands() {
    awk '
        FNR == 1 { block = 0; reason = line = "" }
        !block && /^<!-- not run: .* -->$/ { reason = $0; sub(/^<!-- not run: /, "", reason); sub(/ -->$/, "", reason); next }
        !block && /^```sh$/ { block = 1; if (reason) print FILENAME "\t" FNR "\t!" reason; next }
        block && /^```$/ { block = 0; reason = ""; next }
        !block && NF { reason = "" }
        block && !reason {
            line = line $0
            if (line ~ /\\$/) { sub(/\\$/, "", line); next }
            if (line !~ /^[[:space:]]*(#.*)?$/) print FILENAME "\t" FNR "\t" line
            line = ""
        }' "$@"
}

# train COMMAND: Ctrl-C some time after the training has begun, which may take a build before.
train() {
    local pid end=$((SECONDS + limit)) status
    set -m # a process group of its own, which is what a terminal's Ctrl-C reaches
    bash -c "$1" >>"$log" 2>&1 </dev/null &
    pid=$!
    set +m
    until grep -q 'epochs\?, batch ' "$log" || ! kill -0 "$pid" 2>/dev/null || [ $SECONDS -gt $end ]; do sleep 0.5; done
    end=$((SECONDS + training_seconds))
    while [ $SECONDS -lt $end ] && kill -0 "$pid" 2>/dev/null; do sleep 0.5; done
    if kill -INT -- "-$pid" 2>/dev/null; then note="  (stopped by Ctrl-C)"; fi
    wait "$pid"
    status=$?
    if [ -n "$note" ] && grep -q -e --resume "$log"; then status=0; fi
    return $status
}

passed=0 failed=0 skipped=0 previous=
while IFS=$'\t' read -r -u 3 file number command; do
    # Blocks start in the clone; within one, a cd lasts.
    [ "$file:$((number - 1))" = "$previous" ] || cd "$clone" || exit 1
    previous=$file:$number
    if [ "${command:0:1}" = '!' ] || reason=$(absent "$command"); then
        [ "${command:0:1}" != '!' ] || reason=${command:1}
        skipped=$((skipped + 1))
        echo "skipped       $file:$number  ${command#!}  ($reason)"
        continue
    fi

    seconds=$SECONDS note=""
    prepare "$command" >"$log" 2>&1
    case $command in
        'cd '*) eval "$command" >>"$log" 2>&1; status=$? ;;
        *' train'*) train "$command"; status=$? ;;
        *) timeout --kill-after=60 "$limit" bash -c "$command" >>"$log" 2>&1 </dev/null; status=$? ;;
    esac
    if [ $status -eq 0 ]; then check "$command" >>"$log" 2>&1; status=$?; fi
    if [ $status -eq 0 ]; then
        passed=$((passed + 1))
        printf 'passed %4d s  %s:%d  %s%s\n' $((SECONDS - seconds)) "$file" "$number" "$command" "$note"
    else
        failed=$((failed + 1))
        printf 'FAILED %4d s  %s:%d  %s  (exit code %d)\n' $((SECONDS - seconds)) "$file" "$number" "$command" "$status"
        tail -n 20 "$log" | sed 's/^/    /'
    fi
done 3< <(commands README.md docs/tool.md docs/packages.md)

[ $((passed + failed)) -gt 0 ] || { echo "no command was run"; failed=1; }
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
