#!/usr/bin/env bash
# QNet's comparison, judged by the harness: throughput may fall by 10 %, latency may rise by 15 %, against the median of the
# last seven runs in BASE_DIR (Criterion directories, or JSON files in the order of their names). Whatever could not be
# compared fails too. Exit codes: 0 fine, 2 missing or malformed, 3 regressed or not decided, 4 usage, 6 no measurement.
#
#   scripts/perf-compare.sh BASE_DIR CUR_DIR
#   HARNESS=path/to/harness                   takes that program instead of building one
set -euo pipefail

if [[ $# -ne 2 ]]; then
    echo "usage: $0 BASE_DIR CUR_DIR" >&2
    exit 4
fi
arguments=(compare --rule qnet --fail-on inconclusive -- "$@")
if [[ -n ${HARNESS:-} ]]; then exec "$HARNESS" "${arguments[@]}"; fi
root=$(cd "$(dirname "$0")/.." && pwd)
exec cargo run --quiet --release --locked --manifest-path "$root/Cargo.toml" -p harness -- "${arguments[@]}"
