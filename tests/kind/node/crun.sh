#!/usr/bin/env bash
# usage: crun.sh FILE
# Builds crun from the source that Debian keeps, unless it is there: the one of Debian 12 does not start what this containerd asks for.
# Without shared libraries, because the node has not all of them. Half a minute.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../common.sh
. "$(dirname "$0")/../common.sh"
file=$1 version=1.21 digest=4bfb700e764a4804a4de3ecf07753f4c391005356d60356df65d80ae0914c486
[ "$("$file" --version 2>/dev/null | head -n 1)" != "crun version $version" ] || exit 0
echo "making crun" >&2
need gcc gcc make make pkg-config pkg-config curl curl
# These are no commands, so the packages are asked for by name.
packages=(libc6-dev libcap-dev libseccomp-dev libyajl-dev)
dpkg --status "${packages[@]}" >/dev/null 2>&1 || install_packages "${packages[@]}"
making=$cache/making-crun
rm -rf "$making"
mkdir -p "$making"
cd "$making"
# Beside the package that apt knows, on whichever mirror it uses. What counts is the digest.
beside() { apt-get --print-uris download crun 2>/dev/null | sed -n "s#^'\(.*/\)[^/]*' .*#\1#p" | grep .; }
folder=$(beside) || { apt-get update -qq && folder=$(beside); } || fail "apt knows no package crun"
curl -fsS --retry 3 -o source "${folder}crun_$version.orig.tar.gz"
echo "$digest source" | sha256sum --quiet --check
tar -xf source
cd "crun-$version"
{
    ./configure --disable-systemd --disable-criu --disable-dl CFLAGS=-O2 LDFLAGS=-static LIBS="-lyajl_s -lm" &&
        nice -n 15 make -j2 LDFLAGS=-all-static git-version.h crun
} >log 2>&1 || fail "crun cannot be built: $(tail -n 20 log)"
install -s -m 755 crun "$file"
rm -rf "$making"
