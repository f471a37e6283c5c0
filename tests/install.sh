#!/bin/sh
# Installs what the tests need and is not there yet: redis-server, and Python tools in the virtual environment $1.
set -eu
venv=$1
if ! command -v redis-server >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] || { echo "redis-server is missing: install it (Debian: apt-get install redis-server)" >&2; exit 1; }
    apt-get update -qq
    # The package would start a server of its own; the tests start theirs on free ports.
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq redis-server >/dev/null
    rm -f /usr/sbin/policy-rc.d
fi
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import pytest, redis, mypy' 2>/dev/null && [ -x "$venv/bin/ruff" ] && [ -x "$venv/bin/maturin" ] ||
    "$venv/bin/pip" install -q 'pytest>=8' 'redis>=5' 'mypy>=1.13' 'ruff>=0.8' 'maturin>=1.9,<2'
