#!/usr/bin/env bash
# Starts and stops the real backing services of the tests, on the loopback or the address
# SERVICES_HOST, on free ports, with TLS and credentials everywhere:
#
#   nats-1, nats-2, nats-3  a NATS JetStream cluster that syncs always
#   versitygw               S3, on a folder
#   postgres, ferretdb      MongoDB's wire protocol, on Debian's PostgreSQL
#   vault                   HashiCorp Vault on raft; only with `start all`
#
# Usage: services.sh start [all]   empty stores; writes .services/env
#        services.sh stop          ends everything and removes the data
#        services.sh status        prints .services/env, the AWALA_TEST_* variables
#        services.sh kill NAME     ends one of them as a power cut would
#        services.sh revive NAME   starts it again on its data; Vault is unsealed, too
#        services.sh pause NAME, resume NAME   SIGSTOP and SIGCONT
#
# The state is in .services/ (SERVICES_DIR), except PostgreSQL's, which is in a
# temporary folder that its own user can reach.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
dir=${SERVICES_DIR:-$root/.services}
bin=$root/.services/bin
tls=$dir/tls
host=${SERVICES_HOST:-127.0.0.1}
servers=(nats-1 nats-2 nats-3 versitygw ferretdb vault)
bucket=awala-test

fail() {
	echo "services: $*" >&2
	exit 1
}

# free_port prints a port that nobody listens on, and that it has not
# printed before.
free_port() {
	local port
	for _ in $(seq 50); do
		port=$((20000 + RANDOM % 10000))
		grep -qx "$port" "$dir/ports" 2>/dev/null && continue
		(: <"/dev/tcp/$host/$port") 2>/dev/null || {
			echo "$port" | tee -a "$dir/ports"
			return
		}
	done
	fail "no free port"
}

# launch NAME PORT COMMAND... runs a server of ours in its own session, with a log, and
# remembers how.
launch() {
	local name=$1
	printf '%s\n' "$2" >"$dir/$name.port"
	shift 2
	printf '%q ' "$@" >"$dir/$name.command"
	relaunch "$name"
}

relaunch() {
	local command
	eval "command=($(cat "$dir/$1.command"))"
	setsid "${command[@]}" >>"$dir/$1.log" 2>&1 </dev/null &
	echo $! >"$dir/$1.pid"
}

# await NAME waits up to 30 s until the server answers on its port.
await() {
	local port
	port=$(cat "$dir/$1.port")
	for _ in $(seq 300); do
		(: <"/dev/tcp/$host/$port") 2>/dev/null && return
		kill -0 "$(cat "$dir/$1.pid")" 2>/dev/null || break
		sleep 0.1
	done
	cat "$dir/$1.log" >&2
	fail "$1 did not start"
}

# program NAME prints the path of the server's program.
program() {
	case $1 in
	nats-*) echo "$bin/nats-server" ;;
	*) echo "$bin/$1" ;;
	esac
}

# running NAME prints the id of the process, if it is still the one that was launched.
running() {
	local pid
	[ -f "$dir/$1.pid" ] || return 1
	pid=$(cat "$dir/$1.pid")
	[[ "$(readlink "/proc/$pid/exe" 2>/dev/null)" == "$(program "$1")"* ]] && echo "$pid"
}

# --- NATS ---------------------------------------------------------------------

start_nats() {
	local client=() route=() routes=() i
	for i in 1 2 3; do
		client[i]=$(free_port) route[i]=$(free_port)
		routes+=("tls://$host:${route[i]}")
	done
	for i in 1 2 3; do
		nats_config "$i" "${client[i]}" "${route[i]}" "$(IFS=,; echo "${routes[*]}")" >"$dir/nats-$i.conf"
		launch "nats-$i" "${client[i]}" "$bin/nats-server" --config "$dir/nats-$i.conf"
	done
	nats_urls="tls://$host:${client[1]},tls://$host:${client[2]},tls://$host:${client[3]}"
}

# nats_config NUMBER PORT ROUTE-PORT ROUTES
nats_config() {
	cat <<-CONF
		server_name: nats-$1
		listen: $host:$2
		max_payload: 1MB
		jetstream { store_dir: "$dir/nats-$1", sync_interval: always }
		tls { cert_file: "$tls/server.pem", key_file: "$tls/server-key.pem", ca_file: "$tls/ca.pem", verify: true }
		cluster {
		  name: awala
		  listen: $host:$3
		  routes: [$4]
		  tls { cert_file: "$tls/server.pem", key_file: "$tls/server-key.pem", ca_file: "$tls/ca.pem", verify: true }
		}
		include "nats-accounts.conf"
	CONF
}

# nats_accounts: those of a gateway, with the permissions that the documentation
# recommends, and some for tests.
nats_accounts() {
	cp "$root/deployments/nats/permissions.conf" "$dir/nats-permissions.conf"
	cat >"$dir/nats-accounts.conf" <<-CONF
		include "nats-permissions.conf"
		accounts {
		  SYS { users: [ { user: system, password: "$(secret nats-system)", permissions: \$SYSTEM } ] }
		  AWALA {
		    jetstream: enabled
		    users: [
		      { user: awala, password: "$(secret nats)", permissions: \$ROLES }
		      { user: init, password: "$(secret nats-init)", permissions: \$INIT }
		      { user: operator, password: "$(secret nats-operator)" }
		    ]
		  }
		  T1 { jetstream: enabled, users: [ { user: t1, password: "$(secret nats-test)" } ] }
		  T2 { jetstream: enabled, users: [ { user: t2, password: "$(secret nats-test)" } ] }
		  T3 { jetstream: enabled, users: [ { user: t3, password: "$(secret nats-test)" } ] }
		}
		system_account: SYS
	CONF
}

# --- S3 -----------------------------------------------------------------------

start_versitygw() {
	local port
	port=$(free_port)
	s3_endpoint=https://$host:$port
	mkdir -p "$dir/objects/$bucket" "$dir/attributes" "$dir/iam"
	launch versitygw "$port" env ROOT_ACCESS_KEY=admin ROOT_SECRET_KEY="$(secret s3)" \
		"$bin/versitygw" --quiet --port "$host:$port" --cert "$tls/server.pem" --key "$tls/server-key.pem" \
		--iam-dir "$dir/iam" posix --sidecar "$dir/attributes" "$dir/objects"
}

# --- MongoDB's wire protocol ----------------------------------------------------

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

# start_postgres PORT. Its own user comes by the socket; others need a password. The
# user "awala" may make tables, and nothing else.
start_postgres() {
	local pgbin data
	pgbin=$(postgres_bin)
	data=$(as_postgres mktemp -d "${TMPDIR:-/tmp}/awala-postgres.XXXXXX")
	echo "$data" >"$dir/postgres.dir"
	as_postgres "$pgbin/initdb" -D "$data/data" -U owner --auth-local trust --auth-host scram-sha-256 \
		-E UTF8 --locale=C.UTF-8 --no-sync >"$dir/postgres.log"
	as_postgres "$pgbin/pg_ctl" -D "$data/data" -l "$data/log" -w -t 60 -s start \
		-o "-h 127.0.0.1 -p $1 -k $data -c max_connections=300"
	as_postgres "$pgbin/psql" -q -h "$data" -p "$1" -U owner -d postgres -v ON_ERROR_STOP=1 <<-SQL
		CREATE DATABASE ferretdb;
		CREATE ROLE awala LOGIN PASSWORD '$(secret mongodb)';
		GRANT CREATE ON DATABASE ferretdb TO awala;
	SQL
}

start_ferretdb() {
	local postgres port plain
	postgres=$(free_port) port=$(free_port) plain=$(free_port)
	start_postgres "$postgres"
	launch ferretdb "$port" "$bin/ferretdb" -listen-tls "$host:$port" -listen "127.0.0.1:$plain" \
		-tls-cert "$tls/server.pem" -tls-key "$tls/server-key.pem" \
		-postgresql-url "postgres://127.0.0.1:$postgres/ferretdb?pool_max_conns=150"
	local user=awala:$(secret mongodb) how='authMechanism=PLAIN&authSource=$external'
	mongodb_plain="mongodb://$user@127.0.0.1:$plain/?$how"
	mongodb_uri="mongodb://$user@$host:$port/?$how&tls=true&tlsCAFile=$tls/ca.pem"
}

# --- Vault --------------------------------------------------------------------

start_vault() {
	local port
	port=$(free_port)
	vault_address=https://$host:$port
	mkdir -p "$dir/vault"
	cat >"$dir/vault.hcl" <<-CONF
		storage "raft" { path = "$dir/vault", node_id = "vault" }
		listener "tcp" {
		  address = "$host:$port"
		  tls_cert_file = "$tls/server.pem"
		  tls_key_file = "$tls/server-key.pem"
		}
		api_addr = "$vault_address"
		cluster_addr = "https://$host:$(free_port)"
		disable_mlock = true
	CONF
	launch vault "$port" "$bin/vault" server -config "$dir/vault.hcl"
}

# ask_vault runs Vault's own command as its administrator.
ask_vault() {
	VAULT_ADDR=https://$host:$(cat "$dir/vault.port") VAULT_CACERT=$tls/ca.pem \
		VAULT_TOKEN=$(cat "$dir/secrets/vault-root" 2>/dev/null) "$bin/vault" "$@"
}

# init_vault makes what deployments/compose/vault-setup.sh does, and an AppRole whose
# tokens live for a minute unless they are renewed.
init_vault() {
	ask_vault operator init -key-shares=1 -key-threshold=1 >"$dir/vault.init"
	sed -n 's/^Unseal Key 1: //p' "$dir/vault.init" >"$dir/secrets/vault-unseal"
	sed -n 's/^Initial Root Token: //p' "$dir/vault.init" >"$dir/secrets/vault-root"
	rm "$dir/vault.init"
	unseal_vault
	{
		ask_vault secrets enable -path=gw-keys -version=2 kv
		ask_vault policy write awala-gateway "$root/deployments/compose/vault-policy.hcl"
		ask_vault auth enable approle
		ask_vault write auth/approle/role/awala-gateway token_policies=awala-gateway token_ttl=60s token_max_ttl=10m
	} >>"$dir/vault.log"
	ask_vault read -field=role_id auth/approle/role/awala-gateway/role-id >"$dir/secrets/vault-role-id"
	ask_vault write -f -field=secret_id auth/approle/role/awala-gateway/secret-id >"$dir/secrets/vault-secret-id"
}

unseal_vault() {
	ask_vault operator unseal "$(cat "$dir/secrets/vault-unseal")" >>"$dir/vault.log"
	for _ in $(seq 300); do
		ask_vault token lookup >/dev/null 2>&1 && return
		sleep 0.1
	done
	fail "Vault has no leader"
}

# --- commands -----------------------------------------------------------------

# secret NAME prints a secret of this run, which it makes at the first use.
secret() {
	[ -s "$dir/secrets/$1" ] || od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$dir/secrets/$1"
	cat "$dir/secrets/$1"
}

start() {
	local wanted=("${servers[@]}") name
	[ "${1:-}" = all ] || wanted=("${servers[@]:0:5}")
	for name in "${wanted[@]}"; do
		[ -x "$(program "$name")" ] || fail "build the servers first: go tool task services:build"
	done
	stop
	mkdir -p "$tls"
	(umask 077 && mkdir -p "$dir/secrets")
	"$bin/certificates" "$tls" "$host"
	nats_accounts
	start_nats
	start_versitygw
	start_ferretdb
	[ "${1:-}" != all ] || start_vault
	for name in "${wanted[@]}"; do await "$name"; done
	[ "${1:-}" != all ] || init_vault
	environment >"$dir/env"
	cat "$dir/env"
}

environment() {
	cat <<-ENV
		AWALA_TEST_SERVICES=$dir
		AWALA_TEST_TLS_CA=$tls/ca.pem
		AWALA_TEST_TLS_CERT=$tls/client.pem
		AWALA_TEST_TLS_KEY=$tls/client-key.pem
		AWALA_TEST_NATS_URL=$nats_urls
		AWALA_TEST_NATS_PASSWORD=$(secret nats-test)
		AWALA_TEST_NATS_SYSTEM_PASSWORD=$(secret nats-system)
		AWALA_TEST_S3_ENDPOINT=$s3_endpoint
		AWALA_TEST_S3_ACCESS_KEY=admin
		AWALA_TEST_S3_SECRET_KEY=$(secret s3)
		AWALA_TEST_S3_BUCKET=$bucket
		AWALA_TEST_MONGODB_URI=$mongodb_uri
		AWALA_TEST_MONGODB_PLAIN_URI=$mongodb_plain
	ENV
	[ -z "${vault_address:-}" ] || cat <<-ENV
		AWALA_TEST_VAULT_ADDR=$vault_address
		AWALA_TEST_VAULT_TOKEN=$(cat "$dir/secrets/vault-root")
	ENV
}

# stop ends what start started, and nothing else.
stop() {
	local name pid data
	for name in "${servers[@]}"; do
		if pid=$(running "$name"); then
			kill -CONT "$pid"
			kill "$pid"
		fi
	done
	for name in "${servers[@]}"; do
		if pid=$(running "$name"); then
			for _ in $(seq 50); do
				running "$name" >/dev/null || break
				sleep 0.1
			done
			kill -9 "$pid" 2>/dev/null || true
		fi
		rm -rf "$dir/$name" "$dir/$name".{pid,port,command,conf,hcl,log}
	done
	if [ -f "$dir/postgres.dir" ]; then
		data=$(cat "$dir/postgres.dir")
		if [ -f "$data/data/postmaster.pid" ]; then
			as_postgres "$(postgres_bin)/pg_ctl" -D "$data/data" -m immediate -s stop || true
		fi
		rm -rf "$data" "$dir/postgres.dir"
	fi
	rm -rf "$dir"/{env,ports,secrets,tls,objects,attributes,iam} "$dir"/nats-*.conf
}

status() {
	[ -f "$dir/env" ] || fail "not started"
	cat "$dir/env"
}

# signal NAME SIGNAL
signal() {
	local pid
	pid=$(running "$1") || fail "$1 does not run"
	kill "-$2" "$pid"
}

cut() {
	local pid
	pid=$(running "$1") || fail "$1 does not run"
	kill -9 "$pid"
	while running "$1" >/dev/null; do sleep 0.05; done
}

revive() {
	if running "$1" >/dev/null; then fail "$1 runs"; fi
	relaunch "$1"
	await "$1"
	[ "$1" != vault ] || unseal_vault
}

case "${1:-} ${2:-}" in
"start " | "start all") start "${2:-}" ;;
"stop " | "status ") "$1" ;;
"kill "?*) cut "$2" ;;
"revive "?*) revive "$2" ;;
"pause "?*) signal "$2" STOP ;;
"resume "?*) signal "$2" CONT ;;
*) fail "usage: $0 start [all]|stop|status|kill NAME|revive NAME|pause NAME|resume NAME" ;;
esac
