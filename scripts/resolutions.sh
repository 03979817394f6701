#!/bin/sh
# Tries the package on the newest and on the lowest direct dependencies that pyproject.toml admits, each in an
# environment of its own: imports everything and runs a smoke test. Needs uv.
set -eu
cd "$(dirname "$0")/.."

for resolution in highest lowest-direct; do
    venv=.resolutions/$resolution
    echo "== $resolution"
    uv venv --quiet --clear --python "${PYTHON:-3.11}" "$venv"
    uv pip install --quiet --python "$venv/bin/python" --resolution "$resolution" --upgrade '.[spark,postgres]'
    "$venv/bin/python" -W error::DeprecationWarning:leadline scripts/smoke.py
done
