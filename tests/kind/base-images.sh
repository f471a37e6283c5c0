#!/usr/bin/env bash
# Makes the base images that the Dockerfiles name from Debian packages, for the private engine: it has no registry.
# Elsewhere the engine pulls the published ones. Root file systems are kept in the cache: remove one to make it anew.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
is_private || exit 0
mkdir -p "$cache/base"

# base IMAGE PACKAGES [mmdebstrap option ...] [-- docker import option ...]
base() {
    local image=$1 packages=$2 file options=()
    shift 2
    file=$cache/base/${image//[:\/]/-}.tar
    ! docker image inspect "$image" >/dev/null 2>&1 || return 0
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    [ $# = 0 ] || shift
    debian "$file" "$packages" "${options[@]}"
    docker import --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin' "$@" "$file" "$image" >/dev/null
}

need mmdebstrap mmdebstrap
base debian:bookworm-slim ""
# shellcheck disable=SC2016 # mmdebstrap expands it
base python:3.11-slim-bookworm python3 \
    --customize-hook='ln -s /usr/bin/python3 "$1/usr/local/bin/python3"; ln -s python3 "$1/usr/local/bin/python"' -- --change 'CMD ["python3"]'
# shellcheck disable=SC2016 # Java's package links manual pages, which are left out, into a folder that must be there
base eclipse-temurin:17-jre openjdk-17-jre-headless --essential-hook='mkdir -p "$1/usr/share/man/man1"'
# shellcheck disable=SC2016
base redis:7 redis-server --customize-hook='install -d -o 999 -g 999 "$1/data"' -- \
    --change 'USER 999:999' --change 'WORKDIR /data' --change 'EXPOSE 6379' \
    --change 'CMD ["redis-server", "--protected-mode", "no", "--save", ""]'
