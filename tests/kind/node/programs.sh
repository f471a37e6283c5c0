#!/usr/bin/env bash
# Builds kind, all of Kubernetes as one program (kubectl is a link to it), CoreDNS and the pause process from Go modules, in the versions
# that the Dockerfile of kind's own image names containerd and the network plugins, and crun from the source that Debian keeps.
# Go knows what is up to date, so this takes a second when nothing changed and 14 minutes of two cores with empty caches.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../common.sh
. "$(dirname "$0")/../common.sh"
command -v go >/dev/null || fail "missing: Go 1.21 or newer (https://go.dev/dl)"
export CGO_ENABLED=0
v=$kubernetes_version minor=${kubernetes_version#v1.}
stamp="-X k8s.io/component-base/version.gitVersion=$v -X k8s.io/client-go/pkg/version.gitVersion=$v \
-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=${minor%.*}"
build() { (cd "$here/node/$1" && nice -n 15 go build -trimpath -ldflags "-s -w ${3:-}" -o "$cache/bin/$2" .); }
# install_into FOLDER [go option ...] PROGRAM@VERSION ...
install_into() { GOBIN=$1 nice -n 15 go install -trimpath "${@:2}"; }

install_into "$cache/bin" -ldflags "-s -w" "sigs.k8s.io/kind@$kind_version"
build kube kube "$stamp"
build dns coredns
build pause pause
ln -sfn kube "$cache/bin/kubectl"

# pinned NAME: the version that kind's Dockerfile has under this name.
pinned() { sed -n "s/^ARG $1_VERSION=\"\(.*\)\"$/\1/p" "$(kind_source)/images/base/Dockerfile"; }
containerd=github.com/containerd/containerd/v2/cmd containerd_version=$(pinned CONTAINERD)
plugins=github.com/containernetworking/plugins/plugins plugins_version=$(pinned CNI_PLUGINS)
install_into "$cache/bin/node" -ldflags "-s -w" $containerd/{containerd,ctr}@"$containerd_version"
# As containerd's own Makefile has it: two of these are started for each pod.
install_into "$cache/bin/node" -tags no_grpc -ldflags "-s -w" $containerd/containerd-shim-runc-v2@"$containerd_version"
install_into "$cache/bin/node" -ldflags "-s -w" $plugins/{main/ptp,ipam/host-local}@"$plugins_version"
"$here/node/crun.sh" "$cache/bin/node/crun"
