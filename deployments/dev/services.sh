#!/usr/bin/env bash
# Starts and stops the real backing services that the adapters' tests run against:
#
#   versitygw             S3, on a folder
#   PostgreSQL, FerretDB  MongoDB's wire protocol, on Debian's PostgreSQL
#
# Usage: services.sh start|stop|status. Everything listens on the loopback, on free
# ports. The state is in .services/ (SERVICES_DIR), except PostgreSQL's, which is in a
# temporary folder that its own user can reach. `start` writes .services/env, the
# AWALA_TEST_* variables that the tests read; it begins with empty stores.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
dir=${SERVICES_DIR:-$root/.services}
bin=$dir/bin
access=awala-test-access
secret=awala-test-secret
bucket=awala-test

fail() {
	echo "services: $*" >&2
	exit 1
}

# free_port prints a port of the loopback that nobody listens on.
free_port() {
	local port
	for _ in $(seq 50); do
		port=$((20000 + RANDOM % 10000))
		(: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || {
			echo "$port"
			return
		}
	done
	fail "no free port"
}

# launch NAME COMMAND... runs a server of ours in its own session, with a log.
launch() {
	local name=$1
	shift
	setsid "$@" >"$dir/$name.log" 2>&1 </dev/null &
	echo $! >"$dir/$name.pid"
}

# await NAME PORT waits up to 30 s until the server answers on its port.
await() {
	for _ in $(seq 300); do
		(: <"/dev/tcp/127.0.0.1/$2") 2>/dev/null && return
		kill -0 "$(cat "$dir/$1.pid")" 2>/dev/null || break
		sleep 0.1
	done
	cat "$dir/$1.log" >&2
	fail "$1 did not start"
}

# as_postgres runs a command as a user whom PostgreSQL accepts: it refuses root.
as_postgres() {
	if [ "$(id -u)" = 0 ]; then
		(cd / && runuser -u postgres -- "$@")
	else
		"$@"
	fi
}

# postgres_bin prints the folder of PostgreSQL's programs, installing them if it may.
postgres_bin() {
	local found
	found=$(find_initdb)
	if [ -z "$found" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql; } >&2
		found=$(find_initdb)
	fi
	[ -n "$found" ] || fail "PostgreSQL's server is not installed"
	dirname "$found"
}

find_initdb() {
	find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1
}

# start_postgres PORT
start_postgres() {
	local pgbin data
	pgbin=$(postgres_bin)
	data=$(as_postgres mktemp -d "${TMPDIR:-/tmp}/awala-postgres.XXXXXX")
	echo "$data" >"$dir/postgres.dir"
	as_postgres "$pgbin/initdb" -D "$data/data" -U ferretdb -A trust -E UTF8 --locale=C.UTF-8 \
		--no-sync >"$dir/postgres.log"
	as_postgres "$pgbin/pg_ctl" -D "$data/data" -l "$data/log" -w -t 60 -s start \
		-o "-h 127.0.0.1 -p $1 -k $data -c max_connections=200"
	as_postgres "$pgbin/createdb" -h 127.0.0.1 -p "$1" -U ferretdb ferretdb
}

start() {
	if [ ! -x "$bin/versitygw" ] || [ ! -x "$bin/ferretdb" ]; then
		fail "build the servers first: go tool task services:build"
	fi
	stop
	local s3_port pg_port mongo_port
	s3_port=$(free_port) pg_port=$(free_port) mongo_port=$(free_port)
	mkdir -p "$dir/objects/$bucket" "$dir/attributes"
	ROOT_ACCESS_KEY=$access ROOT_SECRET_KEY=$secret launch versitygw \
		"$bin/versitygw" --quiet --port "127.0.0.1:$s3_port" posix --sidecar "$dir/attributes" "$dir/objects"
	start_postgres "$pg_port"
	launch ferretdb "$bin/ferretdb" -listen "127.0.0.1:$mongo_port" \
		-postgresql-url "postgres://ferretdb@127.0.0.1:$pg_port/ferretdb?pool_max_conns=150"
	await versitygw "$s3_port"
	await ferretdb "$mongo_port"
	cat >"$dir/env" <<-ENV
		AWALA_TEST_S3_ENDPOINT=http://127.0.0.1:$s3_port
		AWALA_TEST_S3_ACCESS_KEY=$access
		AWALA_TEST_S3_SECRET_KEY=$secret
		AWALA_TEST_S3_BUCKET=$bucket
		AWALA_TEST_MONGODB_URI=mongodb://127.0.0.1:$mongo_port/
	ENV
	cat "$dir/env"
}

# stop ends what start started, and nothing else.
stop() {
	local name pid data
	for name in versitygw ferretdb; do
		[ -f "$dir/$name.pid" ] || continue
		pid=$(cat "$dir/$name.pid")
		if [[ "$(readlink "/proc/$pid/exe" 2>/dev/null)" == "$bin/$name"* ]]; then
			kill "$pid"
			for _ in $(seq 50); do
				kill -0 "$pid" 2>/dev/null || break
				sleep 0.1
			done
			kill -9 "$pid" 2>/dev/null || true
		fi
		rm -f "$dir/$name.pid"
	done
	if [ -f "$dir/postgres.dir" ]; then
		data=$(cat "$dir/postgres.dir")
		if [ -f "$data/data/postmaster.pid" ]; then
			as_postgres "$(postgres_bin)/pg_ctl" -D "$data/data" -m immediate -s stop || true
		fi
		rm -rf "$data" "$dir/postgres.dir"
	fi
	rm -rf "$dir/env" "$dir/objects" "$dir/attributes"
}

status() {
	[ -f "$dir/env" ] || fail "not started"
	cat "$dir/env"
}

case ${1:-} in
start | stop | status) "$1" ;;
*) fail "usage: $0 start|stop|status" ;;
esac
