#!/usr/bin/env bash
# Usage: reproducible.sh IMAGE OUT builds the container image of the last commit twice,
# in two clones and from nothing, wants the same digest, and leaves the image in OUT.
set -euo pipefail

image=$1 out=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for i in 1 2; do
	git clone --quiet --no-hardlinks . "$work/clone$i"
	GOCACHE=$work/cache "$image" build "$work/clone$i" "$work/oci$i" >"$work/said$i"
	rm -rf "$work/cache" "$work/clone$i"
done
first=$(cut -d' ' -f1 "$work/said1") second=$(cut -d' ' -f1 "$work/said2")
if [ "$first" != "$second" ]; then
	echo "two builds differ: $first and $second" >&2
	exit 1
fi
rm -rf "$out"
mkdir -p "$(dirname "$out")"
cp -r "$work/oci1" "$out"
echo "$first twice"
