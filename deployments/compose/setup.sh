#!/bin/sh
# Makes the secrets of compose.yaml in ./secrets, and leaves those that are there.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
cd secrets

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
make() { [ -s "$1" ] || printf '%s\n' "$2" >"$1"; }

make nats-password "$(random)"
make nats-system-password "$(random)"
make s3-secret-key "$(random)"
make vault-token "$(random)"
make admin-token "$(random)"
make mongodb-uri 'mongodb://mongodb:27017/?replicaSet=rs0'
make nats-init-password "$(random)"
cp ../../nats/permissions.conf nats-auth.conf
cat >>nats-auth.conf <<CONF
accounts {
  SYS { users: [ { user: system, password: "$(cat nats-system-password)", permissions: \$SYSTEM } ] }
  AWALA {
    jetstream: enabled
    users: [
      { user: awala, password: "$(cat nats-password)", permissions: \$ROLES }
      { user: init, password: "$(cat nats-init-password)", permissions: \$INIT }
    ]
  }
}
system_account: SYS
CONF
# Containers that are not root read them through bind mounts.
chmod 0711 .
chmod 0444 ./*
echo "secrets made in $(pwd)"
