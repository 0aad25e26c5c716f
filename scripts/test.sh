#!/bin/sh
# Set spectra up with its test tools and run every check.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh test
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/lint-imports
# Runs of neighbouring tests stay on one worker, which builds what they share only once.
exec .venv/bin/pytest -n 2 --dist worksteal "$@"
