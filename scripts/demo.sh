#!/bin/sh
# Set spectra up and run the main job on simulated data; the last line is the report's path.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh
exec .venv/bin/spectra demo --output spectra-demo "$@"
