#!/bin/sh
# Set the documentation's tools up, check the spelling, and build the site into docs/_build/html.
# Usage: scripts/docs.sh
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/sphinx-build ] && [ -x .venv/bin/codespell ] || scripts/setup.sh docs
.venv/bin/codespell --ignore-words docs/words.txt \
    README.md CONTRIBUTING.md CHANGELOG.md docs/*.md docs/recipes reference_patterns src
.venv/bin/sphinx-build -q -W --keep-going docs docs/_build/html -d docs/_build/doctrees
echo "docs/_build/html/index.html"
