#!/bin/sh
# Makes the virtual environment: `scripts/setup.sh demo` installs the package, `scripts/setup.sh dev` also every
# tool and test library. Does nothing when that is done and neither pyproject.toml nor the constraints have changed.
# uv does the work where it is there, else Python's own venv and pip.
set -eu
cd "$(dirname "$0")/.."

what=${1:-dev}
venv=${VENV:-.venv}
constraints=scripts/constraints.txt

is_ready() {
    [ -f "$1" ] && [ -z "$(find pyproject.toml src/leadline/__init__.py $constraints scripts/setup.sh -newer "$1")" ]
}

# The first Python that really runs and is new enough: a name on the path may be a stand-in that does not.
find_python() {
    for name in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11 python; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
}

if [ "$what" = dev ]; then
    scripts/system.sh
fi
if is_ready "$venv/.ready-dev" || is_ready "$venv/.ready-$what"; then
    exit 0
fi

if command -v uv >/dev/null; then
    [ -x "$venv/bin/python" ] || uv venv --quiet --allow-existing --python "$(find_python | grep . || echo '>=3.11')" "$venv"
    install="uv pip install --quiet --python $venv/bin/python"
else
    python=$(find_python)
    if [ -z "$python" ]; then
        echo "Leadline needs Python 3.11 or newer, and none is on the path." >&2
        exit 1
    fi
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "This Python cannot make virtual environments. On Debian and Ubuntu, this puts it right:" >&2
        echo "    sudo apt-get install python3-venv" >&2
        exit 1
    fi
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$venv"
    install="$venv/bin/python -m pip install --quiet --disable-pip-version-check"
    if [ "$what" = dev ]; then
        $install 'pip>=25.1' # the first that reads dependency groups
    fi
fi

echo "Installing Leadline into $venv ($what) ..."
if [ "$what" = dev ]; then
    $install --constraint $constraints --editable . --group dev
else
    $install --constraint $constraints --editable .
fi
touch "$venv/.ready-$what"
