#!/usr/bin/env bash
# Usage: step.sh NAME COMMAND... runs a command and tells how long it took.
set -euo pipefail

name=$1
shift
echo "--- $name"
code=0
"$@" || code=$?
if [ "$code" = 0 ]; then
	echo "--- $name: done after $SECONDS s"
else
	echo "--- $name: FAILED after $SECONDS s" >&2
fi
exit "$code"
