#!/usr/bin/env bash
# Recomputes with PyTorch the golden values that the tests compare the networks against, and compares them.
# Installs PyTorch into .build/parity (gigabytes) unless python3 has it.
set -euo pipefail
cd "$(dirname "$0")/.."

python=python3
if ! python3 -c 'import numpy, torch' 2>/dev/null; then
    python=.build/parity/bin/python
    if ! [[ -x $python ]]; then
        echo 'parity: installing PyTorch into .build/parity'
        python3 -m venv .build/parity
    fi
    "$python" -m pip install --quiet --disable-pip-version-check numpy torch
fi
"$python" Tests/Peers/spleeter_parity.py --check
