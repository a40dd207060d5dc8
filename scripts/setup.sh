#!/usr/bin/env bash
# Checks what the build needs and installs what is missing by apt. With --test also what the tests need, with
# --bench what the measurements need, with --chaos what the tests and scripts/chaos need.
# Asks nothing, needs root or password-less sudo only when something is missing, and is quick when nothing is.
set -euo pipefail

readonly swift_minimum=6.3

say() { printf 'setup: %s\n' "$*"; }

fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

check_swift() {
    local version
    command -v swift >/dev/null || fail \
        "Swift $swift_minimum or newer is needed and there is no swift in PATH." \
        "Install it as https://www.swift.org/install/linux/ says, then run this again."
    version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+\.[0-9]+).*/\1/p' | head -n 1)
    [[ -n $version ]] || fail "\`swift --version\` does not work: is the toolchain complete?"
    if [[ $(printf '%s\n' "$swift_minimum" "$version" | sort -V | head -n 1) != "$swift_minimum" ]]; then
        fail "Swift $swift_minimum or newer is needed; $(command -v swift) is $version." \
            "Install it as https://www.swift.org/install/linux/ says, then run this again."
    fi
}

# Prints the Debian packages that are missing for the build.
missing_for_build() {
    local pair
    if ! command -v pkg-config >/dev/null; then
        echo pkg-config
    fi
    for pair in sqlite3:libsqlite3-dev openssl:libssl-dev zlib:zlib1g-dev libpq:libpq-dev libavformat:libavformat-dev \
        libavcodec:libavcodec-dev libavutil:libavutil-dev libswresample:libswresample-dev; do
        pkg-config --exists "${pair%%:*}" 2>/dev/null || echo "${pair##*:}"
    done
    # Models are fetched by pip; any python3 that has it will do.
    if ! python3 -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("pip") is None)' 2>/dev/null; then
        printf 'python3\npython3-pip\n'
    fi
}

# Prints the Debian packages that are missing for the tests.
missing_for_tests() {
    command -v ffmpeg >/dev/null || echo ffmpeg
    command -v curl >/dev/null || echo curl
    command -v openssl >/dev/null || echo openssl
    command -v shellcheck >/dev/null || echo shellcheck
    missing_postgres
}

missing_for_chaos() {
    missing_for_tests
    # It sets the clock of one process.
    compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || echo libfaketime
}

missing_postgres() {
    # Debian keeps the server out of PATH.
    command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || echo postgresql
}

# Prints the Debian packages that are missing for the measurements; the toolchain's clang builds the peer in C.
missing_for_bench() {
    command -v wrk >/dev/null || echo wrk
    command -v nginx >/dev/null || echo nginx-light
    command -v curl >/dev/null || echo curl
    missing_postgres
}

install() {
    local run=()
    command -v apt-get >/dev/null || fail \
        "These Debian packages, or what your system calls them, are missing: $*" "Install them, then run this again."
    if [[ $(id -u) != 0 ]]; then
        if ! sudo -n true 2>/dev/null; then
            fail "These packages are missing; install them, then run this again:" "  sudo apt-get install $*"
        fi
        run=(sudo -n)
    fi
    say "installing $*"
    "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q
    "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

main() {
    local missing=()
    check_swift
    mapfile -t missing < <(missing_for_build)
    if [[ ${1:-} == --test ]]; then
        mapfile -t -O "${#missing[@]}" missing < <(missing_for_tests)
    fi
    if [[ ${1:-} == --chaos ]]; then
        mapfile -t -O "${#missing[@]}" missing < <(missing_for_chaos)
    fi
    if [[ ${1:-} == --bench ]]; then
        mapfile -t -O "${#missing[@]}" missing < <(missing_for_bench)
    fi
    if ((${#missing[@]} > 0)); then
        install "${missing[@]}"
    fi
}

main "$@"
