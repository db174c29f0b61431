#!/usr/bin/env bash
# The paper's synthetic optimizer on one GPU: six sizes, 65,000 updates of 1,024, in commands of less than ten minutes each.
# Whatever ends a command, the next one goes on from the last state that was kept.
set -euo pipefail
folder=${1:-paper}
until [ -e "$folder/samples.parquet" ]; do
  hotmess synthetic run --preset paper -o "$folder" --device cuda --minutes 8
done
