#!/usr/bin/env bash
# Usage: unformatted.sh GOFUMPT lists the Go files that are not formatted; none may be.
set -euo pipefail

cd "$(dirname "$0")/../.."
files=$("$1" -l .)
[ -z "$files" ] && exit
printf 'not formatted (go tool task fmt):\n%s\n' "$files" >&2
exit 1
