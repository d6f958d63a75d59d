#!/usr/bin/env bash
# Makes the virtual environment DIR and installs the package there, for use and for development.
#   scripts/setup.sh DIR        PYTHON chooses the interpreter; TORCH the release to install
# PyTorch comes first and by itself: the plain package of Linux brings gigabytes of CUDA,
# which a machine without an NVIDIA GPU has no use for.
set -euo pipefail
venv=${1:?"the folder of the virtual environment"}
torch=torch==${TORCH:-2.13.0}
cpu_index=https://download.pytorch.org/whl/cpu

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if is_new_enough "$candidate"; then echo "$candidate"; return; fi
    done
    echo "setup: no Python of 3.11 or newer found; install one, or name it: make setup PYTHON=/path/to/python3.11" >&2
    return 2
}

has_torch() { "$venv/bin/python" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)'; }
has_gpu() { command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q GPU; }
would_pull_cuda() {
    [ "$(uname -s)" = Linux ] &&
        ! "$venv/bin/pip" install --quiet --no-compile --dry-run --no-deps --report - "$torch" 2>/dev/null | grep -q '"version": *"[^"]*+cpu"'
}

if [ ! -x "$venv/bin/pip" ]; then
    python=$(find_python)
    "$python" -m venv "$venv"
fi
if ! has_torch; then
    if ! has_gpu && would_pull_cuda; then
        "$venv/bin/pip" install --quiet --no-compile --index-url "$cpu_index" "$torch"
    else
        "$venv/bin/pip" install --quiet --no-compile "$torch"
    fi
fi
"$venv/bin/pip" install --quiet --no-compile --editable '.[dev]'
