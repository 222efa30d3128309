#!/usr/bin/env bash
# Usage: fuzz.sh DURATION runs every fuzz target of the module for that long.
set -euo pipefail

cd "$(dirname "$0")/../.."
git grep -oE --untracked '^func Fuzz[A-Za-z0-9_]*' -- '*_test.go' | while IFS=: read -r file target; do
	echo "$(dirname "$file"): ${target#func }"
	go test -vet off -run '^$' -fuzz "^${target#func }\$" -fuzztime "$1" "./$(dirname "$file")"
done
