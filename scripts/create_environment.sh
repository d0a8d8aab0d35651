#!/bin/sh
# Makes .venv from requirements/<set>.txt (exact versions, checked by hash); never touches the system's Python.
#   sh scripts/create_environment.sh run|test|bench|scale
set -eu
set_name="$1"
requirements="requirements/$set_name.txt"

find_python() {
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11 python3.14; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    echo "No Python 3.11 or newer found. Install one, or name it: make PYTHON=/path/to/python3.12 run" >&2
    exit 1
}

if [ ! -x .venv/bin/python ]; then
    python=$(find_python)
    echo "Creating .venv with $("$python" --version)"
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
        # Debian ships Python without ensurepip: use the system's pip on an environment of its own.
        rm -rf .venv
        "$python" -m venv --without-pip .venv
        if ! "$python" -m pip --version >/dev/null 2>&1; then
            rm -rf .venv
            echo "This Python has neither ensurepip nor pip. On Debian: apt install python3-venv" >&2
            exit 1
        fi
        "$python" -m pip --version | sed 's/ from.*//; s/^/Using the system'"'"'s /'
        echo "$python" > .venv/pip_of
    fi
fi

if [ -f .venv/pip_of ]; then
    pip() { "$(cat .venv/pip_of)" -m pip --python .venv/bin/python "$@"; }
else
    pip() { .venv/bin/python -m pip "$@"; }
fi

echo "Installing $requirements ($(grep -c == "$requirements") packages, pinned and hashed; the first time takes a few minutes)"
# --no-deps: the file is complete, so nothing is resolved anew, and two halves of it can be installed at the same time;
# pip itself and setuptools, which it looks at, once nobody runs it. It would compile file by file, the next step does so
# on all processors and leaves out what is large and hardly ever imported.
install_part() {
    part=".venv/part_$1.txt"
    awk -v part="$1" '/^[^ ]/ { of = /^(pip|setuptools)==/ ? 2 : packages++ % 2 } of == part' "$requirements" > "$part"
    if [ -s "$part" ]; then
        pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes --requirement "$part"
    fi
    rm "$part"
}
trap wait EXIT  # whichever fails
install_part 0 &
install_part 1
wait $!
install_part 2
pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
large='site-packages/(sympy|networkx|mpmath|moto|kubernetes|stripe|mypy|mypyc|pip|setuptools|cfnlint|prompt_toolkit)/'
packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
.venv/bin/python -m compileall -q -j 0 -x "$large" "$packages" >/dev/null 2>&1 || true
cp scripts/dagster_commands.pth "$packages"
.venv/bin/python -m pip --version >/dev/null 2>&1 && .venv/bin/python -m pip check >/dev/null || true
touch ".venv/$set_name.done"
