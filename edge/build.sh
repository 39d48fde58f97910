#!/usr/bin/env bash
# Builds the evaluator for WebAssembly: bash build.sh [FOLDER], by default dist.
# hogflags.wasm is all of it; hogflags-small.wasm is without the backtracking
# machine for regular expressions and without the data of time zones. Both are
# written down as they are once Go's runtime has started (snapshot.mjs), which
# takes Node.js. wasm/reseed.go is what -checklinkname=0 is for.
set -euo pipefail
cd "$(dirname "$0")"
folder=${1:-dist}
mkdir -p "$folder"

build() {
  GOOS=wasip1 GOARCH=wasm go build -trimpath -buildmode=c-shared -ldflags '-s -w -checklinkname=0' -tags "$2" -o "$folder/$1" ./wasm
  node snapshot.mjs "$folder/$1"
  printf '%s: %d KB, %d KB gzipped\n' "$1" "$(($(wc -c <"$folder/$1") / 1000))" "$(($(gzip -9c "$folder/$1" | wc -c) / 1000))"
}

build hogflags.wasm hogflags_edge
build hogflags-small.wasm hogflags_edge,hogflags_small
