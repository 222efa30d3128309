#!/usr/bin/env bash
# Runs the Compose file as docs/install.md says, by Docker Compose on podman's engine:
# pings, takes everything down and up again, and loses a NATS server.
#
# Usage: compose.sh IMAGE      an OCI layout (go tool task image)
#
# There is no registry here, so the images of the services are made of what tools/ builds:
# the same NATS, versitygw and Vault under the names that the Compose file gives them, and
# FerretDB in the place of MongoDB (standins/compose.yaml). Everything runs in a network,
# a process and a mount namespace that end with it. Root.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=deployments/dev/apart.sh
. "$root/deployments/dev/apart.sh"
wanted unshare:util-linux podman:podman runc:runc busybox:busybox-static ip:iproute2
apart "$@"

bin=$root/.services/bin
image=$(realpath "$1")
work=$(mktemp -d)
folder=$work/deployments/compose
export AWALA_INTERNET_ADDRESS=gw.example.org CONTAINERS_CONF=$work/containers.conf DOCKER_HOST=unix://$work/podman.sock

podman() { command podman --root "$work/root" --runroot "$work/run" --tmpdir "$work/tmp" --storage-driver vfs "$@"; }
compose() { "$bin/docker-compose" --project-directory "$folder" -f "$folder/compose.yaml" -f "$root/deployments/dev/standins/compose.yaml" "$@"; }
gateway() { compose exec -T poweb /awala-gateway "$@"; }
ping_once() { gateway ping --pohttp http://pohttp:8081 --cogrpc http://cogrpc:8082 | tail -n 1; }
# ping tries again, as clients do that are answered 503: versitygw fails a PUT whose folder a
# DELETE has just removed.
ping() { ping_once || ping_once || ping_once; }
step() { echo "--- $*"; }

finish() {
	local code=$?
	set +e
	[ $code = 0 ] || tell >&2
	podman rm -fa -t 0 >/dev/null 2>&1
	clear_up "$work" '*/libpod_parent/libpod-*'
	exit $code
}
trap finish EXIT

tell() {
	compose ps --all
	compose logs --tail 10
	tail -n 20 "$work/podman.log"
}

# Where podman itself runs in a container it may not raise limits.
engine() {
	local files
	[ -x /usr/lib/podman/netavark ] && [ -x /usr/lib/podman/aardvark-dns ] || {
		echo "podman has no network: apt-get install netavark aardvark-dns" >&2
		return 1
	}
	files=$(ulimit -Hn)
	cat >"$CONTAINERS_CONF" <<-TOML
		[containers]
		default_ulimits = ["nofile=$files:$files", "nproc=4096:4096"]
		log_driver = "k8s-file"
		[engine]
		runtime = "runc"
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		[network]
		network_backend = "netavark"
		network_config_dir = "$work/networks"
	TOML
	# Every engine alike keeps names, networks, locks and processes of containers here.
	hide /run/containers /run/netns /run/runc /dev/shm
	podman system service --time 0 "$DOCKER_HOST" >"$work/podman.log" 2>&1 &
	disown $!
	for _ in $(seq 100); do
		[ ! -S "$work/podman.sock" ] || return 0
		sleep 0.1
	done
	cat "$work/podman.log" >&2
	return 1
}

# health_checks runs those of all containers, for ever: podman leaves them to timers of
# systemd.
health_checks() {
	local container
	while sleep 1; do
		for container in $(podman ps -q --filter health=starting --filter health=unhealthy); do
			podman healthcheck run "$container" || true
		done
	done
}

# stand_in NAME PROGRAM builds an image of a program, the libraries that it is linked with
# and busybox, by standins/Containerfile.
stand_in() {
	local context=$work/context
	mkdir -p "$context/libraries"
	{ ldd "$bin/$2" || true; } | { grep -o '/[^ ]*' || true; } | xargs -r cp --parents -L -t "$context/libraries"
	cp "$(command -v busybox)" "$root/deployments/dev/standins/vault-entrypoint.sh" "$context"
	cp "$bin/$2" "$context/program"
	podman build -q --runtime "$(command -v runc)" --network none -f "$root/deployments/dev/standins/Containerfile" \
		--target "${2%%-*}" -t "$1" "$context" >/dev/null
	rm -r "$context"
}

images() {
	local compose=$root/deployments/compose/compose.yaml name
	stand_in "docker.io/library/$(sed -n 's/^ *image: \(nats:.*\)/\1/p' "$compose")" nats-server
	stand_in "docker.io/$(sed -n 's/^ *image: \(versity.*\)/\1/p' "$compose")" versitygw
	stand_in "docker.io/$(sed -n 's/^ *image: \(hashicorp.vault.*\)/\1/p' "$compose" | sort -u)" vault
	stand_in localhost/ferretdb ferretdb-sqlite
	name=$(podman pull -q "oci:$image")
	podman tag "$name" docker.io/library/awala-gateway:latest
}

# up waits until every role answers; Compose itself does not wait for the gateway's.
up() {
	compose up -d --no-build --quiet-pull 2>"$work/up.log" || {
		cat "$work/up.log" >&2
		return 1
	}
	for _ in $(seq 60); do
		if gateway ready >/dev/null 2>&1 && ping >/dev/null 2>&1; then break; fi
		sleep 1
	done
	ping
}

step "engine and images"
engine
images
health_checks >/dev/null 2>&1 &
disown $!
step "docker compose up"
mkdir -p "$work/deployments"
cp -r "$root"/deployments/{compose,nats,prometheus} "$work/deployments"
mkdir -p "$folder/secrets"
echo 'mongodb://mongodb:27017/' >"$folder/secrets/mongodb-uri" # FerretDB is no replica set
"$folder/setup.sh"
up
gateway status

step "down, and up again on the same volumes"
compose down 2>/dev/null
up

step "a NATS server is lost, and comes back"
compose kill nats-2 2>/dev/null
ping
compose start nats-2 2>/dev/null
ping
compose ps
