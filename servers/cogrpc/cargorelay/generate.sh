#!/usr/bin/env bash
# Generates the Go code of cargorelay.proto with Debian's protoc and the plugins
# pinned in tools/protogen. Run by `go tool task proto`.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../../.. && pwd)
plugins="$root/.task/protogen"
mkdir -p "$plugins"
(cd "$root/tools/protogen" && go build -o "$plugins/" \
  google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc)
PATH="$plugins:$PATH" protoc --go_out=. --go_opt=paths=source_relative \
  --go-grpc_out=. --go-grpc_opt=paths=source_relative cargorelay.proto
