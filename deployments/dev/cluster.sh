#!/usr/bin/env bash
# Runs a command in a Kubernetes of one node that is made for it, with the backing services
# of services.sh beside it, as an operator has them who provides them himself.
#
# Usage: cluster.sh COMMAND...     KUBECONFIG and SERVICES_DIR are in its environment,
#                                  kubectl and helm in its path
#
# Everything - etcd, the control plane, containerd, kubelet, kube-proxy, CoreDNS, NATS, S3,
# FerretDB and Vault - runs in a network, a process and a mount namespace that end with
# the command; what kubelet sets in the kernel is set back. The network ends at this
# machine: images are imported, none is pulled. Root. Kubernetes 1.34 takes both versions of
# cgroups.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=deployments/dev/apart.sh
. "$root/deployments/dev/apart.sh"
wanted unshare:util-linux containerd:containerd runc:runc busybox:busybox-static nft:nftables openssl:openssl ip:iproute2 sysctl:procps
apart "$@"

bin=$root/.services/bin/kubernetes
node=10.99.0.1
work=$(mktemp -d)
export PATH=$bin:$PATH KUBECONFIG=$work/kubeconfig HOME=$work
export SERVICES_DIR=$work/services SERVICES_HOST=$node
export CONTAINERD_ADDRESS=$work/containerd.sock CONTAINERD_NAMESPACE=k8s.io

fail() {
	echo "cluster: $*" >&2
	exit 1
}

# run NAME COMMAND... runs it behind, with a log.
run() {
	local name=$1
	shift
	"$@" >"$work/$name.log" 2>&1 </dev/null &
	disown $!
}

# await WHAT SECONDS COMMAND... asks once a second.
await() {
	local what=$1 seconds=$2
	shift 2
	for _ in $(seq "$seconds"); do
		if "$@" >/dev/null 2>&1; then return; fi
		sleep 1
	done
	tail -n 20 "$work"/*.log >&2
	fail "$what: not after $seconds s"
}

# What kubelet sets for the whole machine (setupKernelTunables).
tunables=(vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes)

prepare() {
	local name
	[ -x /usr/lib/cni/bridge ] || fail "there are no CNI plugins: apt-get install containernetworking-plugins"
	[ -z "$(find /sys/fs/cgroup -maxdepth 2 -name 'kubepods*')" ] || fail "another kubelet is at work on this machine, or was: see /sys/fs/cgroup"
	hide /run/containerd /run/netns /var/lib/kubelet /var/lib/cni /var/log/pods /var/log/containers
	for name in "${tunables[@]}"; do sysctl "$name" || true; done 2>/dev/null >"$work/tunables"
	modprobe br_netfilter 2>/dev/null || true
}

finish() {
	local code=$?
	set +e
	"$root/deployments/dev/services.sh" stop >/dev/null 2>&1
	sysctl -q -p "$work/tunables" 2>/dev/null
	clear_up "$work" '*/kubepods*'
	exit $code
}
trap finish EXIT

# --- network ------------------------------------------------------------------

# The node's address is on a bridge without ports; what goes to a Service is routed there,
# and kube-proxy turns it round.
network() {
	ip link add node0 type bridge
	ip addr add $node/24 dev node0
	ip link set node0 up
	ip route add default via 10.99.0.254 dev node0
	sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1
}

cni_config() {
	cat <<-JSON
		{"cniVersion": "1.0.0", "name": "pods", "plugins": [
		  {"type": "bridge", "bridge": "pods0", "isGateway": true, "hairpinMode": true,
		   "ipam": {"type": "host-local", "dataDir": "$work/addresses", "ranges": [[{"subnet": "10.244.0.0/24"}]],
		            "routes": [{"dst": "0.0.0.0/0"}]}}]}
	JSON
}

# --- the node -----------------------------------------------------------------

containerd_config() {
	cat <<-TOML
		version = 2
		root = "$work/containerd"
		state = "$work/containerd.state"
		disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
		[grpc]
		  address = "$CONTAINERD_ADDRESS"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "localhost/pause:1"
		  restrict_oom_score_adj = true
		[plugins."io.containerd.grpc.v1.cri".cni]
		  bin_dir = "/usr/lib/cni"
		  conf_dir = "$work/cni"
	TOML
}

kubelet_config() {
	cat <<-YAML
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
		authorization: {mode: AlwaysAllow}
		cgroupDriver: cgroupfs
		clusterDNS: [$node]
		clusterDomain: cluster.local
		containerRuntimeEndpoint: unix://$CONTAINERD_ADDRESS
		evictionHard: {memory.available: 100Mi, nodefs.available: "0%", imagefs.available: "0%"}
		failSwapOn: false
		failCgroupV1: false
		imageGCHighThresholdPercent: 100
		resolvConf: $work/resolv.conf
		volumePluginDir: $work/plugins
	YAML
}

# pause_image prints the image of the process that holds a pod's namespaces.
pause_image() {
	local folder=$work/pause
	mkdir -p "$folder/files"
	cp "$(command -v busybox)" "$folder/files/busybox"
	tar -C "$folder/files" -cf "$folder/layer.tar" .
	cat >"$folder/config.json" <<-JSON
		{"architecture": "$(dpkg --print-architecture)", "os": "linux", "config": {"Entrypoint": ["/busybox", "sleep", "infinity"]},
		 "rootfs": {"type": "layers", "diff_ids": ["sha256:$(sha256sum <"$folder/layer.tar" | cut -d' ' -f1)"]}}
	JSON
	echo '[{"Config": "config.json", "RepoTags": ["localhost/pause:1"], "Layers": ["layer.tar"]}]' >"$folder/manifest.json"
	tar -C "$folder" -c manifest.json config.json layer.tar
}

start_node() {
	mkdir -p "$work/cni"
	cni_config >"$work/cni/pods.conflist"
	containerd_config >"$work/containerd.toml"
	kubelet_config >"$work/kubelet.yaml"
	echo "nameserver $node" >"$work/resolv.conf"
	run containerd containerd --config "$work/containerd.toml"
	await containerd 30 ctr version
	pause_image | ctr images import - >/dev/null
	run kubelet kubelet --config "$work/kubelet.yaml" --kubeconfig "$KUBECONFIG" --root-dir "$work/kubelet" \
		--hostname-override node --node-ip $node
	run kube-proxy kube-proxy --kubeconfig "$KUBECONFIG" --proxy-mode nftables --hostname-override node \
		--cluster-cidr 10.244.0.0/16 --conntrack-max-per-core 0 --conntrack-tcp-timeout-established 0 --conntrack-tcp-timeout-close-wait 0
}

# --- the control plane ----------------------------------------------------------

kubeconfig() {
	cat <<-YAML
		apiVersion: v1
		kind: Config
		current-context: test
		contexts: [{name: test, context: {cluster: test, user: admin}}]
		clusters: [{name: test, cluster: {server: "https://$node:6443", certificate-authority: $tls/ca.pem}}]
		users: [{name: admin, user: {token: $token}}]
	YAML
}

corefile() {
	cat <<-CONF
		.:53 {
		  errors
		  kubernetes cluster.local {
		    kubeconfig $KUBECONFIG
		  }
		}
	CONF
}

start_control_plane() {
	tls=$SERVICES_DIR/tls token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
	kubeconfig >"$KUBECONFIG"
	corefile >"$work/Corefile"
	echo "$token,admin,admin,system:masters" >"$work/tokens.csv"
	openssl genrsa -out "$work/accounts.key" 2048 2>/dev/null
	run etcd etcd --data-dir "$work/etcd" --unsafe-no-fsync
	run kube-apiserver kube-apiserver --etcd-servers http://127.0.0.1:2379 --service-cluster-ip-range 10.96.0.0/16 \
		--bind-address $node --advertise-address $node --tls-cert-file "$tls/server.pem" --tls-private-key-file "$tls/server-key.pem" \
		--token-auth-file "$work/tokens.csv" --authorization-mode Node,RBAC --cert-dir "$work/apiserver" \
		--service-account-issuer https://kubernetes.default.svc --service-account-key-file "$work/accounts.key" \
		--service-account-signing-key-file "$work/accounts.key" --kubelet-preferred-address-types InternalIP
	await "the API server" 60 kubectl get --raw /readyz
	run kube-controller-manager kube-controller-manager --kubeconfig "$KUBECONFIG" --leader-elect=false \
		--root-ca-file "$tls/ca.pem" --service-account-private-key-file "$work/accounts.key" --cert-dir "$work/controllers"
	run kube-scheduler kube-scheduler --kubeconfig "$KUBECONFIG" --leader-elect=false --cert-dir "$work/scheduler"
	run coredns coredns -conf "$work/Corefile"
}

listening() { (: <"/dev/tcp/$1/$2") 2>/dev/null; }
ready() { [ "$(kubectl get node node -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ]; }

prepare
network
mkdir -p "$SERVICES_DIR"
"$root/deployments/dev/services.sh" start all >"$work/services.log"
start_control_plane
start_node
await CoreDNS 30 listening $node 53
await "the node" 90 ready
await "the default service account" 30 kubectl get serviceaccount default
"$@"
