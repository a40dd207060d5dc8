#!/usr/bin/env bash
# Prints the path of a Python that has PyTorch and numpy, our peer in parity checks and benchmarks; installs them
# into .build/torch (gigabytes) unless python3 has them.
set -euo pipefail
cd "$(dirname "$0")/.."

if python3 -c 'import numpy, torch' 2>/dev/null; then
    command -v python3
    exit 0
fi
python=$PWD/.build/torch/bin/python
if ! "$python" -c 'import numpy, torch' 2>/dev/null; then
    echo 'torch: installing PyTorch into .build/torch' >&2
    python3 -m venv .build/torch
    "$python" -m pip install --quiet --disable-pip-version-check numpy torch >&2
fi
echo "$python"
