module awala.network/gateway/tools/certificates

go 1.26.0
