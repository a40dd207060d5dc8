#!/usr/bin/env bash
# Recomputes with PyTorch the golden values that the tests compare with, and compares: each layer of the networks,
# and a whole separation.
set -euo pipefail
cd "$(dirname "$0")/.."

python=$(scripts/torch.sh)
checkpoints=${CADENZA_MODELS_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/cadenza/models}/spleeter-2stems
"$python" Tests/Peers/spleeter_parity.py --check
"$python" Tests/Peers/separation_golden.py --checkpoints "$checkpoints" --check
