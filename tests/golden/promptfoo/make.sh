#!/bin/sh
# Writes out.json and out.jsonl with the real promptfoo (0.123.1, Node 22).
# PROMPTFOO names the command, for example "npx promptfoo@0.123.1".
set -eu
cd "$(dirname "$0")"
export PROMPTFOO_CONFIG_DIR="$(mktemp -d)" PROMPTFOO_DISABLE_TELEMETRY=1 PROMPTFOO_DISABLE_UPDATE=1
export PROMPTFOO_DISABLE_SHARING=1 PROMPTFOO_DISABLE_REMOTE_GENERATION=1 PROMPTFOO_SELF_HOSTED=1
node server.mjs &
server=$!
trap 'kill $server; rm -rf "$PROMPTFOO_CONFIG_DIR"' EXIT
sleep 1
# A failed assertion or an error makes promptfoo exit with 100.
# The first run fills the cache for the first repeats of one test of one provider, the second meets them.
${PROMPTFOO:-npx promptfoo@0.123.1} eval -j 1 --no-table --no-progress-bar --repeat 2 \
  --filter-pattern moon --filter-providers toy-small || true
${PROMPTFOO:-npx promptfoo@0.123.1} eval -j 1 --no-table --no-progress-bar --repeat 3 \
  -o out.json -o out.jsonl || [ $? -eq 100 ]
[ -z "${FULL:-}" ] || cp out.json out.jsonl "$FULL"
node slim.mjs
