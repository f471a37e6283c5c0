#!/usr/bin/env bash
# Builds kind, all of Kubernetes as one program (kubectl is a link to it), CoreDNS and the pause process from Go modules, and, in the
# versions that the Dockerfile of kind's own image names, what it builds for the node: containerd, runc and the network plugins.
# Go knows what is up to date, so this takes a second when nothing changed and 14 minutes of two cores with empty caches.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../common.sh
. "$(dirname "$0")/../common.sh"
command -v go >/dev/null || fail "missing: Go 1.21 or newer (https://go.dev/dl)"
pkg-config --exists libseccomp 2>/dev/null || install_packages gcc libc6-dev pkg-config libseccomp-dev
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
install_into "$cache/bin/node" -ldflags "-s -w" $containerd/{containerd,containerd-shim-runc-v2,ctr}@"$containerd_version"
install_into "$cache/bin/node" -ldflags "-s -w" $plugins/{main/ptp,main/loopback,ipam/host-local,meta/portmap}@"$plugins_version"
# Without shared libraries: the node has no libseccomp. The linker's warnings are about lookups of names, which runc does not make.
CGO_ENABLED=1 install_into "$cache/bin/node" -tags "seccomp netgo osusergo" -ldflags "-s -w -linkmode external -extldflags -static" \
    "github.com/opencontainers/runc@$(pinned RUNC)"
