#!/usr/bin/env bash
# Usage: layers.sh DEPGUARD holds the imports against layers.yml.
#
# depguard matches absolute file names and reads its rules from the folder that it
# runs in; so the rules are written, with this clone's folder, to a folder of ours.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$root/.services/lint"
sed "s#ROOT#$root#g" "$root/deployments/dev/layers.yml" >"$root/.services/lint/depguard.yml"
cd "$root/.services/lint"
exec "$1" awala.network/gateway/...
