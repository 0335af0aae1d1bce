#!/usr/bin/env bash
# Brings Prometheus, where Debian's packages may be installed. Without it the tests of the dashboard and the alerts say
# that it is missing, and count as skipped.
set -euo pipefail

command -v promtool >/dev/null && exit 0
apt-get update -qq
apt-get install -y -qq --no-install-recommends prometheus
