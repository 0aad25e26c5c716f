#!/bin/sh
# Set the documentation's tools up, check the spelling, and build the site into docs/_build/html.
# Usage: scripts/docs.sh              (needs no network once the tools are there; what the tests run)
#        scripts/docs.sh linkcheck    (asks every address outside of the repository instead, which
#                                      needs the network; what it finds is in docs/_build/linkcheck)
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/sphinx-build ] && [ -x .venv/bin/codespell ] || scripts/setup.sh docs
if [ "${1:-}" = linkcheck ]; then
    .venv/bin/sphinx-build -b linkcheck -q -D suppress_warnings=myst.header,mystnb.mime_priority \
        docs docs/_build/linkcheck -d docs/_build/doctrees
    echo "docs/_build/linkcheck/output.txt"
    exit
fi
.venv/bin/codespell --ignore-words docs/words.txt \
    README.md CONTRIBUTING.md CHANGELOG.md docs/*.md docs/_ext docs/recipes reference_patterns src
.venv/bin/sphinx-build -q -W --keep-going docs docs/_build/html -d docs/_build/doctrees
echo "docs/_build/html/index.html"
