#!/usr/bin/env bash
# Usage: helm.sh HELM lints and renders the chart, as it is and with everything
# switched on, and sees that its schema refuses what it does not know.
set -euo pipefail

chart=$(cd "$(dirname "$0")/../helm/awala-gateway" && pwd)
all=$chart/ci/everything-values.yaml
helm() { "$tool" "$@" 2> >(grep -v 'found symbolic link' >&2); }
tool=$1

helm lint --strict --kube-version 1.33.0 "$chart"
helm lint --strict --kube-version 1.33.0 "$chart" -f "$all"
render() { helm template test "$chart" --kube-version 1.33.0 "$@"; }
echo "rendered: $(render | grep -c '^kind:') objects, with everything $(render -f "$all" | grep -c '^kind:')"

for wrong in config.Bad_name=1 config.vault-token=x roles.poweb.replicaz=1 image.pullPolicy=Often; do
	if render --set "$wrong" >/dev/null 2>&1; then
		echo "the schema lets $wrong through" >&2
		exit 1
	fi
done
if render -f "$all" --set roles.worker-cargo.autoscaling.hpa.enabled=true,roles.worker-cargo.autoscaling.hpa.min=1,roles.worker-cargo.autoscaling.hpa.max=2,roles.worker-cargo.autoscaling.hpa.cpu=50 >/dev/null 2>&1; then
	echo "two autoscalers for one role" >&2
	exit 1
fi
