#!/bin/sh
# What the official image of Vault does with its settings.
set -eu
mkdir -p /vault/config
if [ -n "${VAULT_LOCAL_CONFIG:-}" ]; then
	printf '%s' "$VAULT_LOCAL_CONFIG" >/vault/config/local.json
fi
if [ "${1:-}" = server ]; then
	exec vault server -config=/vault/config
fi
exec "$@"
