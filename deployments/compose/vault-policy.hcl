# What the gateway may do in Vault.
path "gw-keys/data/*" {
  capabilities = ["create", "read", "update"]
}
path "gw-keys/metadata/*" {
  capabilities = ["list", "delete"]
}
path "gw-keys/metadata" {
  capabilities = ["list"]
}
