#!/usr/bin/env bash
# Holds the server to its own OpenAPI document with schemathesis: every route, every check, a fixed seed. BINARY is the
# server, by default the release build; what it leaves is in .build/schemathesis. Arguments go to schemathesis.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly venv=.build/schemathesis-venv
binary=$(realpath "${BINARY:-.build/release/cadenza}")

if [[ ! -x $venv/bin/schemathesis ]]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet 'schemathesis==4.32.5' 'openapi-spec-validator==0.9.0'
fi
rm -rf .build/schemathesis
mkdir -p .build/schemathesis
exec "$venv/bin/python" Tests/Peers/schemathesis/check.py "$binary" "$PWD/.build/schemathesis" "$@"
