#!/usr/bin/env bash
# Sees to it that there is a Chromium for the tests of the console, installing it if it
# may.
set -euo pipefail

if ! command -v chromium >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-liberation
fi
command -v chromium >/dev/null || { echo "Chromium is missing: install the package chromium" >&2 && exit 1; }
