#!/usr/bin/env bash
# Brings what the tests of the chart need beyond npm: helm, where it is not installed, and the schemas of Kubernetes, of
# the Gateway API and of the Prometheus operator, which are files of Go modules. Needs go. Without it the tests of the
# chart say what is missing, and count as skipped.
set -euo pipefail

command -v go >/dev/null || { echo "go is not installed: the tests of the chart will be skipped"; exit 0; }
# Outside of any module of Go's own.
cd "$(mktemp -d)"
export GOFLAGS=-mod=mod

for module in \
  sigs.k8s.io/kubectl-validate@v0.0.4 \
  sigs.k8s.io/gateway-api@v1.3.0 \
  github.com/prometheus-operator/prometheus-operator@v0.85.0; do
  go mod download "$module"
done

if ! command -v helm >/dev/null && [ ! -x "$(go env GOPATH)/bin/helm" ]; then
  go install helm.sh/helm/v3/cmd/helm@v3.22.0
fi
