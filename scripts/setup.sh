#!/bin/sh
# Make .venv with spectra and everything it needs, at the versions of constraints.txt.
# Usage: scripts/setup.sh [extras]     ("test" for the tools of the test suite, "docs" for those of
# the documentation, "test,docs" for both)
set -eu
cd "$(dirname "$0")/.."
extra=${1:-}
target=.${extra:+[$extra]}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1; then sudo -n "$@"
    else return 1
    fi
}

apt_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    as_root apt-get update -qq >/dev/null 2>&1 || true
    DEBIAN_FRONTEND=noninteractive as_root apt-get install -y -qq "$@" >/dev/null 2>&1
}

find_python() {
    for name in python3 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return 0
        fi
    done
    return 1
}

python=$(find_python) || {
    echo "spectra needs Python 3.11 or newer; install it (Debian/Ubuntu: apt-get install python3 python3-venv)" >&2
    exit 1
}

if [ ! -x .venv/bin/pip ]; then
    # Debian and Ubuntu ship python3 without venv's ensurepip: fetch it where we may.
    "$python" -m venv .venv >/dev/null 2>&1 || {
        rm -rf .venv
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        apt_install "python$version-venv" || apt_install python3-venv || true
        "$python" -m venv .venv || {
            echo "could not make a virtual environment; run: sudo apt-get install python3-venv" >&2
            exit 1
        }
    }
fi

# Some pages of the report's tests are opened in a real browser; without one they are skipped.
if [ "${extra#test}" != "$extra" ] && ! command -v chromium >/dev/null 2>&1 &&
    ! command -v chromium-browser >/dev/null 2>&1 && ! command -v google-chrome >/dev/null 2>&1; then
    apt_install chromium || echo "no Chromium: the browser tests will be skipped" >&2
fi

.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --editable "$target"
