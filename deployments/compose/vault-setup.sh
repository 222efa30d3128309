#!/bin/sh
# Initialises and unseals the Vault of compose.yaml, enables the KV v2 engine and
# makes the gateway's token. Can be run again.
set -eu
until vault status -format=json >/tmp/status 2>/dev/null || [ $? = 2 ]; do sleep 1; done
if [ ! -s /keys/init ]; then
	vault operator init -key-shares=1 -key-threshold=1 >/keys/init.new
	mv /keys/init.new /keys/init
fi
vault operator unseal "$(sed -n 's/^Unseal Key 1: //p' /keys/init)" >/dev/null
VAULT_TOKEN=$(sed -n 's/^Initial Root Token: //p' /keys/init)
export VAULT_TOKEN
until vault token lookup >/dev/null 2>&1; do sleep 1; done
vault secrets list | grep -q '^gw-keys/' || vault secrets enable -path=gw-keys -version=2 kv
vault policy write awala-gateway /policy.hcl
token=$(cat /run/secrets/vault-token)
VAULT_TOKEN=$token vault token lookup >/dev/null 2>&1 ||
	vault token create -orphan -period=768h -policy=awala-gateway -id="$token" >/dev/null
vault token renew "$token" >/dev/null
