#!/usr/bin/env bash
# Deletes the cluster and stops the private engine. Images stay in the cache: remove the folder to be rid of all.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
[ -f "$cache/env" ] || exit 0
# shellcheck source=/dev/null
. "$cache/env"
if docker version >/dev/null 2>&1; then
    kind delete cluster --name $cluster
fi
if is_private; then
    docker image prune --force >/dev/null
    "$here/engine.sh" stop
fi
rm -f "$cache/env" "$cache/kubeconfig"
