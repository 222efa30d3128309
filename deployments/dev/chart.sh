#!/usr/bin/env bash
# Installs the chart as docs/install.md says, on the services of cluster.sh and with TLS
# to all of them; pings; then an operator's day: a rolling restart under pings, a pod that
# is lost, more replicas, an upgrade, and the end.
#
# Usage: cluster.sh chart.sh IMAGE     an OCI layout (go tool task image)
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
chart=$root/deployments/helm/awala-gateway
secrets=$SERVICES_DIR/secrets tls=$SERVICES_DIR/tls mounted=/run/secrets/awala-gateway
work=$(mktemp -d)

# service NAME prints what services.sh says of a service.
service() { sed -n "s/^AWALA_TEST_$1=//p" "$SERVICES_DIR/env"; }

step() { echo "--- $*"; }

gateway() { kubectl exec deploy/gw-poweb -- /awala-gateway "$@"; }

# ping goes by the Services, so by CoreDNS and kube-proxy.
ping() { gateway ping --poweb http://gw-poweb:8080 --pohttp http://gw-pohttp:8081 --cogrpc http://gw-cogrpc:8082; }

# soon COMMAND... gives it some seconds to succeed: kube-proxy follows the pods with a delay.
soon() {
	for _ in $(seq 10); do
		if "$@" >/dev/null 2>&1; then break; fi
		sleep 1
	done
	"$@"
}

import_image() {
	tag=$(sed -n 's/^appVersion: "\(.*\)"$/\1/p' "$chart/Chart.yaml")
	tar -C "$1" -c . | ctr images import --base-name docker.io/library/awala-gateway \
		--index-name "docker.io/library/awala-gateway:$tag" - >/dev/null
}

make_secret() {
	# The chart has every client trust the authority: no path to it is needed.
	service MONGODB_URI | sed 's/&tlsCAFile=.*//' >"$work/mongodb-uri"
	kubectl create secret generic awala-gateway \
		--from-file=nats-password="$secrets/nats" --from-file=nats-init-password="$secrets/nats-init" \
		--from-file=nats-system-password="$secrets/nats-system" --from-file=s3-secret-key="$secrets/s3" \
		--from-file=mongodb-uri="$work/mongodb-uri" --from-file=vault-secret-id="$secrets/vault-secret-id" \
		--from-file=nats-cert="$tls/client.pem" --from-file=nats-key="$tls/client-key.pem"
	kubectl create configmap authorities --from-file=ca.crt="$tls/ca.pem"
}

values() {
	cat <<-YAML
		config:
		  internet-address: gw.example.org
		  nats-url: $(service NATS_URL)
		  nats-tls-cert: $mounted/nats-cert
		  nats-tls-key: $mounted/nats-key
		  s3-endpoint: $(service S3_ENDPOINT)
		  s3-region: us-east-1
		  s3-access-key: $(service S3_ACCESS_KEY)
		  vault-address: $(service VAULT_ADDR)
		  vault-role-id: $(cat "$secrets/vault-role-id")
		secret: {keys: [nats-password, nats-system-password, s3-secret-key, mongodb-uri, vault-secret-id]}
		caConfigMap: authorities
		init: {natsUser: init}
		networkPolicy: {enabled: true}
		ingress: {enabled: true, hosts: {poweb: poweb.gw.example.org, pohttp: pohttp.gw.example.org, cogrpc: cogrpc.gw.example.org}}
		roles: {pohttp: {autoscaling: {hpa: {enabled: true, min: 2, max: 3}}}}
		defaults: {resources: {requests: {cpu: 10m, memory: 64Mi}, limits: {memory: 256Mi}}}
	YAML
}

tell() {
	kubectl get pods,jobs -o wide
	kubectl get events --sort-by .lastTimestamp | tail -n 20
	for pod in $(kubectl get pods -o name); do
		echo "== $pod" && kubectl logs "$pod" --tail 5
	done
} >&2

trap 'code=$?; set +e; [ $code = 0 ] || tell; rm -rf "$work"; exit $code' EXIT

# address prints that of a Service, for a client on the node.
address() { kubectl get service "gw-$1" -o 'jsonpath=http://{.spec.clusterIP}:{.spec.ports[0].port}'; }

# from_outside pings once. A client whose server is stopped comes back, as ping does not;
# so it may fail once.
from_outside() {
	local servers=(--poweb "$(address poweb)" --pohttp "$(address pohttp)" --cogrpc "$(address cogrpc)")
	"$root/.services/bin/awala-gateway" ping "${servers[@]}" >"$work/ping.out" 2>&1 && return
	echo again >>"$work/again"
	"$root/.services/bin/awala-gateway" ping "${servers[@]}" >"$work/ping.out" 2>&1 && return
	cat "$work/ping.out" >&2
	return 1
}

# meanwhile COMMAND... runs it, and pings one after the other until it is done.
meanwhile() {
	local pings=0
	rm -f "$work/again"
	"$@" >"$work/command.out" 2>&1 &
	while [ -d /proc/$! ]; do
		from_outside
		pings=$((pings + 1))
	done
	wait $! || {
		cat "$work/command.out" >&2
		return 1
	}
	echo "$pings pings meanwhile, of which $(wc -l 2>/dev/null <"$work/again" || echo 0) at the second try"
}

roll() {
	kubectl rollout restart deployment -l app.kubernetes.io/instance=gw
	kubectl rollout status deployment -l app.kubernetes.io/instance=gw --timeout 4m
}

# lose ROLE ends one pod of a role as a dead node would, and waits for another.
lose() {
	kubectl delete --force --grace-period 0 "$(kubectl get pods -l "app.kubernetes.io/component=$1" -o name | head -n 1)"
	kubectl rollout status "deployment/gw-$1" --timeout 2m
}

upgrade() { helm upgrade gw "$chart" --values "$work/values.yaml" --set "$1" --wait --timeout 4m; }

step "install"
import_image "$1"
make_secret
values >"$work/values.yaml"
helm install gw "$chart" --values "$work/values.yaml" --wait --timeout 4m 2>"$work/helm.err" || {
	cat "$work/helm.err" >&2
	exit 1
}
kubectl get pods
soon ping
gateway status

step "a rolling restart of every role"
meanwhile roll
echo "$(grep -c 'successfully rolled out' "$work/command.out") deployments rolled out"
step "a pod of each is lost"
for role in poweb pohttp cogrpc worker-cargo worker-delivery worker-projections worker-housekeeping; do
	meanwhile lose $role
done
step "more replicas, by an upgrade"
meanwhile upgrade roles.poweb.replicas=4,roles.worker-cargo.replicas=3
kubectl get deployments
step "a setting that there is not"
if upgrade config.no-such-setting=1 >"$work/refused" 2>&1; then
	echo "an upgrade with an unknown setting succeeded" >&2
	exit 1
fi
kubectl logs job/gw-init
kubectl get job gw-init -o 'jsonpath={.status.conditions[?(@.type=="Failed")].message}{"\n"}'
from_outside
helm rollback gw --wait --timeout 4m
step "the end"
helm uninstall gw --wait
kubectl wait --for=delete pod -l app.kubernetes.io/instance=gw --timeout 60s
left=$(kubectl get all,configmap,networkpolicy,ingress,poddisruptionbudget,serviceaccount -l app.kubernetes.io/instance=gw -o name)
if [ -n "$left" ]; then
	echo "left behind: $left" >&2
	exit 1
fi
