# Sourced by scripts that run a system of many processes as root: what they start, mount
# and configure ends with them, and the network is their own.
# shellcheck shell=bash

# apart "$@" runs the calling script again in a network, a process and a mount namespace of
# its own, where it is process 1 and everybody ends with it.
apart() {
	if [ $$ != 1 ]; then
		exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$@"
	fi
	ip link set lo up
}

# wanted PROGRAM:PACKAGE... says what is not installed.
wanted() {
	local tool
	for tool in "$@"; do
		if ! command -v "${tool%:*}" >/dev/null; then
			echo "${tool%:*} is not installed: apt-get install ${tool#*:}" >&2
			return 1
		fi
	done
}

# hide FOLDER... has what is written there end with the mount namespace.
hide() {
	local folder
	for folder in "$@"; do
		mkdir -p "$folder"
		mount -t tmpfs apart "$folder"
	done
}

# clear_up WORK CGROUPS ends everybody but the caller, and removes the folder, with what is
# mounted in it, and the control groups whose paths match.
clear_up() {
	kill -9 -1 2>/dev/null
	sleep 1
	find /sys/fs/cgroup -depth -type d -path "$2" -exec rmdir {} + 2>/dev/null
	grep -o " $1/[^ ]*" /proc/mounts | sort -r | xargs -r umount -l 2>/dev/null
	rm -rf "$1" 2>/dev/null
}
