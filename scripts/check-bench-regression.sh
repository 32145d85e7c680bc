#!/usr/bin/env bash
# Implements Aether's regression check with harness: p95 of durations may increase by 20 %, p50 of throughput_mbs may decrease by 20 %.
# Reports every pair before it exits. Exit codes: 0 pass, 2 a file is missing, malformed or does not match its partner, 3 regressed,
# 4 usage, 6 invalid measurement. Under GitHub Actions, findings are also `::warning::` lines.
#
#   scripts/check-bench-regression.sh BASE CUR [BASE CUR]...
#   HARNESS=path/to/harness                   uses that program instead of building one
set -euo pipefail

if [[ $# -lt 2 || $(($# % 2)) -ne 0 ]]; then
    echo "usage: $0 BASE CUR [BASE CUR]..." >&2
    exit 4
fi
if [[ -n ${DURATION_TOLERANCE:-}${THROUGHPUT_TOLERANCE:-} ]]; then
    echo "error: DURATION_TOLERANCE and THROUGHPUT_TOLERANCE are not read, the limit is 20 %; unset them" >&2
    exit 4
fi
arguments=(compare --rule aether --fail-on inconclusive -- "$@")
if [[ -n ${HARNESS:-} ]]; then exec "$HARNESS" "${arguments[@]}"; fi
root=$(cd "$(dirname "$0")/.." && pwd)
built=$("$root/scripts/build")
exec "$built/harness" "${arguments[@]}"
