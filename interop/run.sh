#!/usr/bin/env bash
# Installs the real clients, as the lock files say, and runs the tests with them.
set -euo pipefail
cd "$(dirname "$0")"

npm ci --no-audit --no-fund
[ -x venv/bin/python ] || python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt
go test . -interop -count 1 -v -timeout 8m
