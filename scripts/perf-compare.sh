#!/usr/bin/env bash
# Implements QNet's comparison with harness: throughput may decrease by 10 %, latency may increase by 15 %, relative to the median of
# the last seven runs in BASE_DIR (Criterion directories, or JSON files sorted by name). A value that cannot be compared is a failure
# too. Exit codes: 0 pass, 2 missing or malformed, 3 regressed or undecided, 4 usage, 6 invalid measurement.
#
#   scripts/perf-compare.sh BASE_DIR CUR_DIR
#   HARNESS=path/to/harness                   uses that program instead of building one
set -euo pipefail

if [[ $# -ne 2 ]]; then
    echo "usage: $0 BASE_DIR CUR_DIR" >&2
    exit 4
fi
arguments=(compare --rule qnet --fail-on inconclusive -- "$@")
if [[ -n ${HARNESS:-} ]]; then exec "$HARNESS" "${arguments[@]}"; fi
root=$(cd "$(dirname "$0")/.." && pwd)
built=$("$root/scripts/build")
exec "$built/harness" "${arguments[@]}"
