#!/usr/bin/env bash
# Builds the network rooms with a sanitizer, in a copy of their own, and runs their tests.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly sanitizer=${1:?usage: scripts/sanitize.sh address|thread}
readonly tree=.build/$sanitizer/tree
export SWIFT_BACKTRACE=enable=no
# Tests that end a process of their own in the middle leave what it held.
export ASAN_OPTIONS=detect_leaks=0

scripts/network-copy "$tree"
extra=()
if [ "$sanitizer" = thread ]; then
    # The file says why; it belongs to no target here. With its time kept, so that the next build is an incremental one.
    for room in "$tree"/Sources/{Base,Network}/* "$tree"/Tests/{Support,Fuzz/Invariants,*Tests}; do
        cp -p scripts/tsan/Mutex.swift.in "$room/Mutex.swift"
    done
    # The sanitizer slows everything down; all tests at once would miss their time limits.
    extra=(--experimental-maximum-parallelization-width 4)
fi
swift build --package-path "$tree" --build-tests --sanitize="$sanitizer"
swift test --package-path "$tree" --skip-build --disable-xctest --sanitize="$sanitizer" "${extra[@]}"
