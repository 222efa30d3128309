#!/usr/bin/env bash
# Runs the image of an OCI layout by podman and runc: not as root, on a read-only file
# system, without capabilities, and with a network of its own. It pings the gateway,
# stops it, starts it again, and pings it once more. Usage: container.sh build/image
set -euo pipefail

# shellcheck source=deployments/dev/apart.sh
. "$(dirname "$0")/apart.sh"
wanted podman:podman runc:runc
work=$(mktemp -d)
podman() {
	command podman --root "$work/root" --runroot "$work/run" --tmpdir "$work/tmp" --storage-driver vfs \
		--cgroup-manager cgroupfs --runtime "$(command -v runc)" "$@"
}
cleanup() {
	podman rm -f -t 0 gateway >/dev/null 2>&1 || true
	podman volume rm data >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap cleanup EXIT

ready() {
	for _ in $(seq 30); do
		if podman exec gateway /awala-gateway status >/dev/null 2>&1; then return; fi
		sleep 1
	done
	podman logs gateway
	echo "the container is not ready after 30 seconds"
	return 1
}
ping() { podman exec gateway /awala-gateway ping; }

image=$(podman pull -q "oci:$1")
limit=$(ulimit -Hn) # where podman itself runs in a container it may not raise it
podman run -d --name gateway --network none --read-only --cap-drop all --security-opt no-new-privileges \
	--ulimit "nofile=$limit:$limit" --ulimit nproc=1000:1000 --volume data:/data \
	"$image" standalone --data-dir /data >/dev/null
ready
if [ "$(podman top gateway user | tail -n 1)" = root ]; then
	echo "it runs as root"
	exit 1
fi
ping
podman stop gateway >/dev/null
code=$(podman inspect --format '{{.State.ExitCode}}' gateway)
if [ "$code" != 0 ]; then
	echo "it stopped with exit code $code"
	exit 1
fi
podman start gateway >/dev/null
ready
ping
podman exec gateway /awala-gateway status
