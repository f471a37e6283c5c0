#!/usr/bin/env bash
# Brings the cluster up, or finds it up. Then: source "$cache/env" (the path is printed).
# Where a Docker engine runs and can have the published node image (KIND_NODE_IMAGE), this is `kind create cluster`.
# Elsewhere, as root: an engine of its own, and a node image made from packages and Go modules.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
published=${KIND_NODE_IMAGE:-kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5}
export KUBECONFIG=$cache/kubeconfig PATH=$cache/bin:$PATH

has_published() {
    ! is_private && docker version >/dev/null 2>&1 || return 1
    docker image inspect "$published" >/dev/null 2>&1 || docker pull --quiet "$published"
}

is_up() {
    kind get clusters 2>/dev/null | grep -qx $cluster &&
        kind export kubeconfig --name $cluster >/dev/null 2>&1 &&
        kubectl wait --for=condition=Ready "node/$node" --timeout=20s >/dev/null 2>&1
}

if has_published; then
    command -v kubectl >/dev/null || fail "missing: kubectl (https://kubernetes.io/docs/tasks/tools)"
    command -v kind >/dev/null || GOBIN=$cache/bin go install "sigs.k8s.io/kind@$kind_version" ||
        fail "missing: kind $kind_version, or Go to build it"
    options=(--image "$published")
else
    [ "$(id -u)" = 0 ] || fail "no Docker engine with the image $published: start one, or run this as root, which starts one of its own"
    need dockerd docker.io mmdebstrap mmdebstrap iptables iptables ip iproute2
    "$here/engine.sh" start
    export DOCKER_HOST=$engine_host
    # The image is named after what it is made of.
    digest=$({ echo "$kind_version $kubernetes_version" && cat "$here/runc-nocap" "$here"/node/{*.*,*/*}; } | sha256sum | cut -c1-12)
    image=prpc.test/node:$digest file=$cache/node-$digest.img
    docker image inspect "$image" >/dev/null 2>&1 || {
        [ -f "$file" ] || {
            rm -f "$cache"/node-*.img
            docker image ls --quiet prpc.test/node | xargs -r docker rmi >/dev/null 2>&1 || true
            "$here/node/build.sh" "$image" "$file"
        }
        docker image inspect "$image" >/dev/null 2>&1 || docker load --quiet --input "$file" >/dev/null
    }
    options=(--image "$image" --config "$here/kind.yaml")
fi

cat >"$cache/env" <<EOF
export ${DOCKER_HOST:+DOCKER_HOST=$DOCKER_HOST }KUBECONFIG=$KUBECONFIG PATH=$cache/bin:\$PATH
EOF
is_up || {
    kind delete cluster --quiet --name $cluster
    kind create cluster --quiet --name $cluster "${options[@]}" --wait 120s
}
kubectl wait --for=condition=Ready "node/$node" --timeout=300s
kubectl --namespace kube-system rollout status deployment/coredns --timeout=300s
echo ". $cache/env"
