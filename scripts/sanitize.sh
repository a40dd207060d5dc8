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
swift build --package-path "$tree" --build-tests --sanitize="$sanitizer"
swift test --package-path "$tree" --skip-build --disable-xctest --sanitize="$sanitizer"
