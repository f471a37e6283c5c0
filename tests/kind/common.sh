# Sourced by the scripts beside it.
# shellcheck shell=bash disable=SC2034
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
cache=${PRPC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/prpc}/kind
mkdir -p "$cache/bin"
cluster=prpc
node=$cluster-control-plane
engine=$cache/engine
engine_host=unix://$engine/docker.sock
kind_version=v0.33.0
kubernetes_version=v1.34.4

fail() { printf '%s\n' "$*" >&2; exit 1; }

# Whether this is about the private engine, whatever the caller's environment is.
is_private() { [ "${DOCKER_HOST:-}" = "$engine_host" ]; }

# The folder of kind's own module.
kind_source() { go mod download -json "sigs.k8s.io/kind@$kind_version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'; }

# need COMMAND PACKAGE ...: installs the Debian packages that are missing.
need() {
    local missing=()
    while [ $# -gt 0 ]; do
        PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null || missing+=("$2")
        shift 2
    done
    [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

install_packages() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "missing: $*. Install them (Debian: apt-get install $*)"
    fi
    echo "installing $*" >&2
    # Services must not start by being installed. A policy of the machine's own stays.
    local policy=/usr/sbin/policy-rc.d ours=
    [ -e $policy ] || { ours=1; printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy; }
    local code=0
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >&2 || code=$?
    [ -z "$ours" ] || rm -f $policy
    [ $code = 0 ] || fail "apt-get could not install $*"
}

# debian FILE PACKAGES [mmdebstrap option ...]: the tar of a small root file system, unless it is there and made of the same.
debian() {
    local file=$1 packages=$2
    shift 2
    [ ! -f "$file" ] || [ "$(cat "$file.made-of" 2>/dev/null)" != "$packages $*" ] || return 0
    # The folders that usrmerge would merge are merged from the start; it brings all of Perl.
    echo "making ${file##*/}" >&2
    nice -n 15 mmdebstrap --quiet --format=tar --variant=minbase \
        --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --include="usr-is-merged${packages:+,$packages}" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' "$@" bookworm "$file.part" >"$file.log" 2>&1 ||
        fail "$(tail -n 20 "$file.log")"
    mv "$file.part" "$file"
    printf %s "$packages $*" >"$file.made-of"
    rm -f "$file.log"
}
