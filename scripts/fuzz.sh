#!/usr/bin/env bash
# Runs libFuzzer over each target of Tests/Fuzz for a while, with ASan. What breaks an invariant is left, as a file, in
# .build/fuzz/TARGET; the corpus that was found stays there too and is where the next run begins.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly seconds=${1:?usage: scripts/fuzz.sh SECONDS [TARGET…]}
shift
readonly tree=.build/fuzz/tree
export CADENZA_FUZZ=1
# The backtracer of Swift can hang for minutes on a crash.
export SWIFT_BACKTRACE=enable=no

scripts/network-copy "$tree"
swift build --package-path "$tree" --configuration release --product cadenza-fuzz \
    -Xswiftc -sanitize=fuzzer,address -Xswiftc -use-ld=lld \
    -Xcc -fsanitize=fuzzer-no-link,address
program=$(swift build --package-path "$tree" --configuration release --show-bin-path)/cadenza-fuzz

targets=("$@")
if ((${#targets[@]} == 0)); then
    read -r -a targets < <("$program" 2>&1 | sed -n 's/.*one of: //p')
fi
for target in "${targets[@]}"; do
    corpus=.build/fuzz/$target/corpus
    mkdir -p "$corpus"
    "$program" "$target" seeds "$corpus"
    printf 'fuzz: %s, %d s\n' "$target" "$seconds"
    "$program" "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 -verbosity=1 \
        -print_final_stats=1 -artifact_prefix=".build/fuzz/$target/" "$corpus" >".build/fuzz/$target/log" 2>&1 || {
        tail -n 40 ".build/fuzz/$target/log" >&2
        printf 'fuzz: %s broke; the input is in .build/fuzz/%s\n' "$target" "$target" >&2
        exit 1
    }
    sed -n 's/^stat::number_of_executed_units: *\([0-9]*\)/fuzz: \1 inputs, nothing broke/p' ".build/fuzz/$target/log"
done
